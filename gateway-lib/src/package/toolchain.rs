//! The toolchain that made a module, and its advice after a refusal. Most toolchains name themselves in the `producers`
//! custom section (<https://github.com/WebAssembly/tool-conventions/blob/main/ProducersSection.md>); some are
//! recognised by their imports.

use wasmparser::{BinaryReader, KnownCustom, Parser, Payload, ProducersSectionReader};

/// The toolchain that made a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Toolchain {
    Rust,
    WasmBindgen,
    TinyGo,
    Go,
    AssemblyScript,
    Zig,
    Emscripten,
    Clang,
    #[default]
    Unknown,
}

/// Toolchains by a word in the `producers` section, the most specific first: TinyGo and Zig also name clang's parts.
const PRODUCERS: [(&str, Toolchain); 9] = [
    ("wasm-bindgen", Toolchain::WasmBindgen),
    ("tinygo", Toolchain::TinyGo),
    ("assemblyscript", Toolchain::AssemblyScript),
    ("zig", Toolchain::Zig),
    ("emscripten", Toolchain::Emscripten),
    ("rust", Toolchain::Rust),
    ("go cmd/compile", Toolchain::Go),
    ("clang", Toolchain::Clang),
    ("c11", Toolchain::Clang),
];

/// Toolchains by how an import begins.
const IMPORTS: [(&str, Toolchain); 8] = [
    ("__wbindgen", Toolchain::WasmBindgen),
    ("wbg.", Toolchain::WasmBindgen),
    ("gojs.", Toolchain::Go),
    ("env.emscripten_", Toolchain::Emscripten),
    ("env._emscripten_", Toolchain::Emscripten),
    ("env.abort", Toolchain::AssemblyScript),
    ("env.seed", Toolchain::AssemblyScript),
    ("env.trace", Toolchain::AssemblyScript),
];

impl Toolchain {
    /// Reads the content of a `producers` section. A malformed section is ignored.
    pub(super) fn of_producers(fields: &ProducersSectionReader<'_>) -> Self {
        let fields = fields.clone().into_iter().flatten();
        let names = fields.flat_map(|field| field.values.into_iter().flatten());
        let words: Vec<String> = names
            .map(|value| format!("{} {}", value.name, value.version).to_lowercase())
            .collect();
        let known = PRODUCERS
            .iter()
            .find(|(word, _)| words.iter().any(|name| name.starts_with(word)));
        known.map_or(Self::Unknown, |(_, toolchain)| *toolchain)
    }

    /// The toolchain of a module that does not validate: its sections are read as far as possible.
    pub(super) fn of_invalid(binary: &[u8]) -> Self {
        for payload in Parser::new(0).parse_all(binary) {
            match payload {
                Ok(Payload::CustomSection(section)) => {
                    if let KnownCustom::Producers(fields) = section.as_known() {
                        return Self::of_producers(&fields);
                    }
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
        Self::Unknown
    }

    /// The same toolchain, or the one that an import suggests if the toolchain did not name itself.
    pub(super) fn or_of_import(self, full_name: &str) -> Self {
        if self != Self::Unknown {
            return self;
        }
        let known = IMPORTS.iter().find(|(begin, _)| full_name.starts_with(begin));
        known.map_or(Self::Unknown, |(_, toolchain)| *toolchain)
    }

    /// How to get rid of imports that boards do not have.
    pub(super) fn without_imports(self) -> &'static str {
        match self {
            Self::Rust => {
                "use the calls of the guest SDK, with #![no_std] and the target wasm32-unknown-unknown; std's files and threads are not there"
            }
            Self::WasmBindgen => "build it without wasm-bindgen and use the calls of the guest SDK",
            Self::TinyGo => "build it with -target=wasm-unknown -panic=trap and use the calls of the guest SDK",
            Self::Go => "build it with TinyGo and -target=wasm-unknown; Go's own runtime needs a browser",
            Self::AssemblyScript => {
                "build it with --use abort= (and --use seed=, --use trace=) and use the calls of the guest SDK"
            }
            Self::Zig => "build it with -target wasm32-freestanding and use the calls of the guest SDK",
            Self::Emscripten => "build it with clang --target=wasm32 -nostdlib and use the calls of the guest SDK",
            Self::Clang => "link it with -nostdlib against the guest SDK's header, without a C library that needs them",
            Self::Unknown => "use the calls of the guest SDK",
        }
    }

    /// How to export what boards call.
    pub(super) fn with_entry_points(self) -> &'static str {
        match self {
            Self::Rust | Self::WasmBindgen => {
                "export _start, init or tick, as #[unsafe(no_mangle)] extern \"C\" functions of a cdylib"
            }
            Self::TinyGo | Self::Go => "export _start, init or tick, with //go:wasmexport",
            Self::AssemblyScript => "export _start, init or tick, with `export function`",
            Self::Zig => "export _start, init or tick, with `export fn` and -rdynamic",
            Self::Emscripten | Self::Clang => "export _start, init or tick, with the linker's --export=init",
            Self::Unknown => "export _start, init or tick",
        }
    }

    /// How to leave out a proposal that boards do not run.
    pub(super) fn without_features(self) -> &'static str {
        match self {
            Self::Rust | Self::WasmBindgen => {
                "build it with -Ctarget-cpu=mvp, or without target features such as +simd128 and +atomics"
            }
            Self::TinyGo | Self::Go => "build it with TinyGo and -target=wasm-unknown -scheduler=none",
            Self::AssemblyScript => "build it without --enable simd, threads and the like",
            Self::Zig => "build it with -mcpu=generic",
            Self::Emscripten | Self::Clang => "build it without -msimd128, -pthread, -fwasm-exceptions and the like",
            Self::Unknown => "build it without the features that boards lack",
        }
    }
}

/// Reads a custom section that may be a `producers` section.
pub(super) fn of_custom(name: &str, data: &[u8]) -> Option<Toolchain> {
    if name != "producers" {
        return None;
    }
    let fields = ProducersSectionReader::new(BinaryReader::new(data, 0)).ok()?;
    Some(Toolchain::of_producers(&fields))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `producers` section with one field.
    fn producers(field: &str, name: &str, version: &str) -> Vec<u8> {
        let mut bytes = vec![1];
        for text in [field, "\u{1}", name, version] {
            if text != "\u{1}" {
                bytes.push(text.len() as u8);
            }
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes
    }

    #[test]
    fn toolchains_name_themselves() {
        for (field, name, version, expected) in [
            ("language", "Rust", "2024", Toolchain::Rust),
            ("processed-by", "rustc", "1.95.0 (x)", Toolchain::Rust),
            ("processed-by", "clang", "19.1.0", Toolchain::Clang),
            ("language", "C11", "", Toolchain::Clang),
            ("processed-by", "TinyGo", "0.33.0", Toolchain::TinyGo),
            ("processed-by", "Go cmd/compile", "go1.23", Toolchain::Go),
            ("language", "AssemblyScript", "0.27", Toolchain::AssemblyScript),
            ("processed-by", "zig", "0.13.0", Toolchain::Zig),
            ("language", "Cobol", "85", Toolchain::Unknown),
        ] {
            let found = of_custom("producers", &producers(field, name, version));
            assert_eq!(found, Some(expected), "{name} {version}");
        }
        assert_eq!(of_custom("producers", b"\x7f\x01"), Some(Toolchain::Unknown));
        assert_eq!(of_custom("name", b""), None);
        assert_eq!(Toolchain::Unknown.or_of_import("env.abort"), Toolchain::AssemblyScript);
        assert_eq!(Toolchain::Rust.or_of_import("env.abort"), Toolchain::Rust);
    }
}
