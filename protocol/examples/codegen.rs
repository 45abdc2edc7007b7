//! Writes the guests' side of the host-call table: `codegen FILE [--check]`, where FILE ends in `.rs` (raw imports of
//! the Rust SDK) or `.h` (the C header). With `--check` nothing is written and a difference is an error.

use std::{env, fmt::Write, fs, process::ExitCode};

use drydock_protocol::host_calls::{HOST_CALLS, HostCall, MODULE, Needs, ValueType, WASI_MODULE};

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let Some(file) = args.first() else {
        eprintln!("usage: codegen FILE.rs|FILE.h [--check]");
        return ExitCode::from(2);
    };
    let text = if file.ends_with(".h") { header() } else { imports() };
    if args.iter().any(|arg| arg == "--check") {
        if fs::read_to_string(file).is_ok_and(|found| found == text) {
            return ExitCode::SUCCESS;
        }
        eprintln!("{file} is not what the host-call table makes");
        return ExitCode::FAILURE;
    }
    match fs::write(file, text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{file}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn imports() -> String {
    let mut text = String::from(
        "//! Raw imports, generated from the host-call table of drydock-protocol; renew with `cargo xtask codegen`.\n",
    );
    for module in [MODULE, WASI_MODULE] {
        let _ = write!(
            text,
            "\n#[link(wasm_import_module = \"{module}\")]\nunsafe extern \"C\" {{\n"
        );
        for call in of(module) {
            let params: Vec<String> = params(call).map(|(name, ty)| format!("{name}: {}", rust(ty))).collect();
            let result = call.result.map_or(String::new(), |ty| format!(" -> {}", rust(ty)));
            let _ = writeln!(text, "    /// {} Needs: {}.", call.doc, needs(call));
            let _ = writeln!(text, "    pub fn {}({}){result};", call.name, params.join(", "));
        }
        text.push_str("}\n");
    }
    text
}

fn header() -> String {
    let mut text = String::from(
        "/* What a Drydock app in C can call, generated from the host-call table of drydock-protocol;\n   renew with `cargo xtask codegen`. */\n#ifndef DRYDOCK_H\n#define DRYDOCK_H\n\n#include <stddef.h>\n#include <stdint.h>\n",
    );
    for module in [MODULE, WASI_MODULE] {
        let prefix = if module == MODULE { "drydock" } else { "wasi" };
        for call in of(module) {
            let params: Vec<String> = params(call).map(|(name, ty)| format!("{} {name}", c(ty))).collect();
            let params = if params.is_empty() {
                "void".into()
            } else {
                params.join(", ")
            };
            let result = call.result.map_or("void", c);
            let _ = write!(
                text,
                "\n/* {} Needs: {}. */\n__attribute__((import_module(\"{module}\"), import_name(\"{}\")))\n{result} {prefix}_{}({params});\n",
                call.doc,
                needs(call),
                call.name,
                call.name
            );
        }
    }
    text.push_str("\n#endif\n");
    text
}

fn of(module: &str) -> impl Iterator<Item = &'static HostCall> {
    HOST_CALLS.iter().filter(move |call| call.module == module)
}

fn params(call: &HostCall) -> impl Iterator<Item = (char, ValueType)> {
    ('a'..).zip(call.params.iter().copied())
}

fn rust(ty: ValueType) -> &'static str {
    match ty {
        ValueType::I32 => "i32",
        ValueType::I64 => "i64",
        ValueType::F64 => "f64",
    }
}

fn c(ty: ValueType) -> &'static str {
    match ty {
        ValueType::I32 => "int32_t",
        ValueType::I64 => "int64_t",
        ValueType::F64 => "double",
    }
}

fn needs(call: &HostCall) -> &'static str {
    match call.needs {
        Needs::Nothing => "nothing",
        Needs::Log => "log",
        Needs::Metrics => "metrics",
        Needs::Timer => "timer",
        Needs::Gpio => "gpio:<pin>",
        Needs::Random => "random",
    }
}
