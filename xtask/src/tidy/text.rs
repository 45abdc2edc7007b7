//! Rules about single files: length, names, module docs, forbidden words, where processes and `unsafe` may be.

use super::Finding;

/// A longer file holds two modules. Generated files may be longer.
const MAX_LINES: usize = 700;
/// Names that say nothing about a file's content.
const EMPTY_NAMES: [&str; 4] = ["utils", "helpers", "manager", "common"];
/// Only code that drives another program may start one.
const MAY_SPAWN: &[&str] = &[
    "/build.rs",
    "xtask/",
    "emulator/src/external/",             // the drivers of engines in processes of their own
    "emulator/oracle/",                   // a test
    "hardware/src/port/udev_install.rs",  // asks for the administrator's permission by pkexec
    "app/cli/src/subcommand/hardware.rs", // starts the program that a port is lent to
    "app/client/src/scope_program.rs",    // the scope is a program of its own
    "app/desktop/src/webview.rs",         // starts itself again with another renderer
    "app/desktop/src/source_file.rs",     // opens a file in the desktop's own program
    "/tests/",
    "/benches/",
    "/examples/",
];
/// Where `unsafe` has a measured or unavoidable reason: dispatch, guest memory, hardware, the guest's import table.
const MAY_BE_UNSAFE: &[&str] = &[
    "emulator/src/core/memory/",
    "emulator/src/core/arm/fast/",
    "emulator/src/core/dispatch/",
    "emulator/src/core/riscv/fast/",
    "emulator/tests/guests/", // programs that own their hardware
    "backtrace/tests/guest/",
    "backtrace/tests/guest-riscv/",
    "emulator/oracle/",          // a test that loads a C library
    "ui/scope-model/src/map.rs", // maps a recording into memory
    "firmware/boards/",
    "firmware/guest/",
    "firmware/device/tests/firmware/support/heap.rs", // counts what tests allocate
    "assets/apps/",
    "assets/part-programs/", // the imports of modules
];

/// Folders of one crate that may not use others: the folder, those others, and the reason.
const MAY_NOT_KNOW: &[(&str, &[&str], &str)] = &[
    (
        "emulator/src/machine/",
        &["builtin", "cable", "chips", "core", "debug", "external", "runner"],
        "the neutral seam knows no engine; engines know it",
    ),
    (
        "emulator/src/parts/",
        &["builtin", "cable", "chips", "debug", "external", "runner"],
        "a part knows the seam, not the chip or the engine",
    ),
    (
        "emulator/src/core/",
        &["builtin", "chips", "external", "runner"],
        "a core knows no chip and no engine; a chip joins it through `core::fabric::Chip`",
    ),
    (
        "emulator/src/chips/",
        &["builtin", "debug", "external", "runner"],
        "a chip knows its core and the seam, not who runs it",
    ),
    (
        "emulator/src/ether/",
        &[
            "builtin", "cable", "chips", "core", "debug", "external", "parts", "runner",
        ],
        "an ether carries frames between any machines",
    ),
    (
        "emulator/src/runner/",
        &["builtin", "cable", "chips", "core", "external"],
        "the runner runs any machine, with or without a cable",
    ),
    (
        "emulator/src/cable/",
        &["builtin", "chips", "core", "debug", "external"],
        "a cable knows the runner and the seam; a bootloader's stand-in acts on any machine",
    ),
    (
        "emulator/src/external/",
        &["builtin", "chips", "core", "debug", "runner"],
        "an engine in a process of its own knows the seam alone",
    ),
];

// Written in pieces so that this file does not find itself.
const FORBIDDEN: [(&str, &str); 6] = [
    (concat!("/wo", "rk/main"), "a path of one machine; make it relative"),
    (
        concat!("/wo", "rk/shared"),
        "a path of one machine; say it here instead",
    ),
    (
        concat!("/ro", "ot/"),
        "a path of one machine; use HOME or a relative path",
    ),
    (
        concat!("FIX", "ME"),
        "fix it, or list it in README under \"What is missing\"",
    ),
    (concat!("todo", "!("), "no stubs"),
    (concat!("unimplemented", "!("), "no stubs: return a typed error"),
];

pub(super) fn check(name: &str, bytes: &[u8]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let stem = name
        .rsplit('/')
        .next()
        .unwrap_or(name)
        .split('.')
        .next()
        .unwrap_or_default();
    if EMPTY_NAMES.contains(&stem) || name.split('/').any(|part| EMPTY_NAMES.contains(&part)) {
        findings.push(Finding::new(
            name,
            "the name says nothing: call it after what lives there",
        ));
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return findings;
    };
    if text
        .lines()
        .any(|line| line.starts_with("-----BEGIN") && line.contains("PRIVATE KEY"))
    {
        findings.push(Finding::new(name, "a private key: tests make theirs when they run"));
    }
    for (word, way_out) in FORBIDDEN {
        if let Some(line) = text.lines().position(|line| line.contains(word)) {
            findings.push(Finding::new(
                format!("{name}:{}", line + 1),
                format!("`{word}`: {way_out}"),
            ));
        }
    }
    let is_code = [".rs", ".ts", ".svelte", ".css", ".sh", ".py", ".mjs", ".c", ".h"]
        .iter()
        .any(|end| name.ends_with(end));
    let is_generated = text
        .lines()
        .take(5)
        .any(|line| line.contains("@generated") || line.to_lowercase().contains("generated from"));
    let lines = text.lines().count();
    if is_code && !is_generated && lines > MAX_LINES {
        findings.push(Finding::new(
            name,
            format!("{lines} lines (at most {MAX_LINES}): split it by reason to change"),
        ));
    }
    if name.ends_with(".rs") {
        findings.extend(check_rust(name, text));
    }
    findings
}

fn check_rust(name: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let first = text
        .lines()
        .find(|line| !line.trim().is_empty() && !line.starts_with("#!") && !line.starts_with("// "));
    if !first.is_some_and(|line| line.starts_with("//!")) {
        findings.push(Finding::new(
            name,
            "no `//!` at the top: say what lives here and what must not",
        ));
    }
    // unit tests at the end of a file may do things that the product may not
    let product = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
    let code = |wanted: &[&str]| {
        product.lines().position(|line| {
            let line = line.split("//").next().unwrap_or(line);
            wanted.iter().any(|word| line.contains(word))
        })
    };
    findings.extend(check_knowledge(name, product));
    let spawns = code(&["process::Command", concat!("Command::", "new(")]);
    if let Some(line) = spawns
        && !MAY_SPAWN.iter().any(|place| name.contains(place))
    {
        findings.push(Finding::new(
            format!("{name}:{}", line + 1),
            "starts a process: only engine drivers do",
        ));
    }
    let is_unsafe = code(&[
        concat!("unsa", "fe {"),
        concat!("unsa", "fe fn"),
        concat!("unsa", "fe impl"),
        concat!("allow(unsa", "fe_code)"),
    ]);
    if let Some(line) = is_unsafe
        && !MAY_BE_UNSAFE.iter().any(|place| name.starts_with(place))
    {
        findings.push(Finding::new(
            format!("{name}:{}", line + 1),
            "`unsafe` outside the modules that may have it",
        ));
    }
    findings
}

/// The first line of `product` that uses a folder which the file's own may not use ([`MAY_NOT_KNOW`]).
fn check_knowledge(name: &str, product: &str) -> Option<Finding> {
    let is_test = name.contains("/tests/") || name.ends_with("/tests.rs");
    let (_, others, reason) = MAY_NOT_KNOW
        .iter()
        .find(|(folder, ..)| name.starts_with(folder) && !is_test)?;
    // A `use` of several paths from the root continues on further lines.
    let mut from_root = false;
    let found = product.lines().enumerate().find_map(|(index, line)| {
        let code = line.split("//").next().unwrap_or(line);
        from_root |= code.contains("crate::{");
        let names = |other: &&&str| {
            let is_word = |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
            let after = |before: &str| {
                let path = format!("{before}{other}");
                code.match_indices(&path)
                    .any(|(at, _)| is_word(&code[at + path.len()..]))
            };
            let item = code.trim_start().strip_prefix(**other).is_some_and(is_word);
            after("crate::") || from_root && (item || after("{") || after(", "))
        };
        let other = others.iter().find(names);
        from_root &= !code.contains(';');
        other.map(|other| (index + 1, other))
    });
    let (line, other) = found?;
    Some(Finding::new(
        format!("{name}:{line}"),
        format!("names `crate::{other}`: {reason}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn finds(name: &str, text: &str, expected: usize) {
        assert_eq!(
            check(name, text.as_bytes()).len(),
            expected,
            "{:?}",
            check(name, text.as_bytes())
        );
    }

    #[test]
    fn a_plain_module_is_fine() {
        finds("protocol/src/link.rs", "//! Link.\nfn f() {}\n", 0);
        finds("app/cli/src/main.rs", "#![forbid(unsafe_code)]\n//! The CLI.\n", 0);
    }

    #[test]
    fn the_emulators_seam_and_cores_stay_neutral() {
        let cases = [
            ("machine/run.rs", "use crate::core::fabric::Fabric;", 1),
            ("machine/run.rs", "use crate::{Machine, builtin::engine::Builtin};", 1),
            ("machine/run.rs", "use crate::{\n    builtin::engine::Builtin,\n};", 1),
            ("machine/run.rs", "use crate::machine::core_clock;", 0),
            ("machine/run.rs", "// as crate::core does", 0),
            ("core/arm/mod.rs", "fn f() { crate::chips::nrf52840::prepare() }", 1),
            ("core/arm/mod.rs", "use crate::machine::VirtualTime;", 0),
            ("core/arm/tests/mod.rs", "use crate::chips::nrf52840::Nrf52840;", 0),
            ("chips/fe310/mod.rs", "use crate::builtin::engine::NAME;", 1),
            ("chips/fe310/mod.rs", "use crate::core::fabric::Fabric;", 0),
            ("external/qemu/mod.rs", "use crate::core::fabric::Fabric;", 1),
            ("external/qemu/mod.rs", "use crate::machine::Machine;", 0),
            ("ether/mod.rs", "use crate::chips::nrf52840;", 1),
            ("builtin/engine.rs", "use crate::chips::nrf52840;", 0),
        ];
        for (file, line, expected) in cases {
            finds(&format!("emulator/src/{file}"), &format!("//! M.\n{line}\n"), expected);
        }
    }

    #[test]
    fn each_rule_bites() {
        finds("protocol/src/link.rs", "fn f() {}\n", 1);
        finds("protocol/src/utils.rs", "//! Things.\n", 1);
        finds(
            "gateway-lib/src/pki.rs",
            "//! P.\nfn f() { Command::new(\"openssl\"); }\n",
            1,
        );
        finds(
            "gateway-lib/tests/tls.rs",
            "//! P.\nfn f() { Command::new(\"openssl\"); }\n",
            0,
        );
        finds("gateway-lib/src/pki.rs", "//! P.\nfn f() { unsafe { g() } }\n", 1);
        finds(
            "firmware/boards/nano33ble/src/main.rs",
            "//! P.\nfn f() { unsafe { g() } }\n",
            0,
        );
        finds(
            "gateway-lib/src/pki.rs",
            "//! P.\n// unsafe { is only talked about }\n",
            0,
        );
        finds("docs/a.md", concat!("see /ro", "ot/x\n"), 1);
        finds(
            "gateway-lib/src/pki.rs",
            &("//! P.\n".to_owned() + &"//\n".repeat(MAX_LINES)),
            1,
        );
        finds(
            "ui/src/lib/generated/api.ts",
            &("// @generated\n".to_owned() + &"//\n".repeat(MAX_LINES)),
            0,
        );
        finds("a.pem", concat!("-----BEGIN ", "EC PRIVATE KEY-----\n"), 1);
    }
}
