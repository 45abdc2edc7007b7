//! Rules about single files: length, names, module docs, forbidden words, where processes and `unsafe` may be.

use super::Finding;

/// Longer than this is two rooms in one file. Generated files may be longer.
const MAX_LINES: usize = 700;
/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 4] = ["utils", "helpers", "manager", "common"];
/// Only code that drives another program may start one.
const MAY_SPAWN: &[&str] = &[
    "/build.rs",
    "xtask/",
    "emulator/src/external/",     // the drivers of engines in processes of their own
    "emulator/oracle/",           // a test
    "app/desktop/src/webview.rs", // starts itself again with another renderer
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
    "emulator/oracle/",       // a test that loads a C library
    "firmware/boards/",
    "firmware/guest/",
    "firmware/device/tests/firmware/support/heap.rs", // counts what tests allocate
    "assets/apps/",
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
        "mend it, or say in README's status table what falls short",
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
    // unit tests at the end of a file may do what the product may not
    let product = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
    let code = |wanted: &[&str]| {
        product.lines().position(|line| {
            let line = line.split("//").next().unwrap_or(line);
            wanted.iter().any(|word| line.contains(word))
        })
    };
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
