//! Which crate may depend on which, from `cargo metadata`. Planned crates already have their rule.

use super::Finding;
use crate::graph::{Dependency, Package};

/// A crate and the crates of this repository that it may depend on. A package that is not listed here is a finding: the
/// rule for a new crate comes first.
const CRATES: &[(&str, &[&str])] = &[
    ("drydock-protocol", &[]),
    ("drydock-assets", &["drydock-protocol"]),
    ("drydock-embedded", &[]),
    ("drydock-defmt", &[]),
    ("drydock-gdb", &[]),
    ("drydock-rtt", &[]),
    ("drydock-backtrace", &[]),
    (
        "drydock-emulator",
        &["drydock-protocol", "drydock-assets", "drydock-gdb", "drydock-rtt"],
    ),
    ("drydock-gateway", &["drydock-protocol", "drydock-assets"]),
    ("drydock-connector", &["drydock-protocol", "drydock-assets"]),
    ("drydock-device", &["drydock-protocol"]),
    ("drydock-sim", &["drydock-protocol", "drydock-device", "drydock-assets"]),
    (
        "drydock-workbench",
        &[
            "drydock-protocol",
            "drydock-assets",
            "drydock-backtrace",
            "drydock-defmt",
            "drydock-embedded",
            "drydock-emulator",
            "drydock-gateway",
            "drydock-gdb",
            "drydock-connector",
            "drydock-hardware",
            "drydock-program",
            "drydock-scope-model",
            "drydock-api",
            "drydock-client",
        ],
    ),
    ("drydock-api", &[]),
    ("drydock-client", &["drydock-api"]),
    (
        "drydock",
        &[
            "drydock-assets",
            "drydock-api",
            "drydock-client",
            "drydock-scope-model",
            "drydock-test",
            "drydock-workbench",
        ],
    ),
    (
        "drydock-desktop",
        &["drydock-assets", "drydock-api", "drydock-client", "drydock-workbench"],
    ),
    ("drydock-scope-model", &["drydock-protocol"]),
    (
        "drydock-scope",
        &["drydock-scope-model", "drydock-api", "drydock-client"],
    ),
    ("drydock-http", &["drydock-api", "drydock-client"]),
    (
        "drydock-hardware",
        &["drydock-protocol", "drydock-assets", "drydock-gdb", "drydock-rtt"],
    ),
    (
        "drydock-program",
        &[
            "drydock-backtrace",
            "drydock-assets",
            "drydock-emulator",
            "drydock-hardware",
        ],
    ),
    (
        "drydock-test",
        &[
            "drydock-backtrace",
            "drydock-assets",
            "drydock-defmt",
            "drydock-emulator",
            "drydock-program",
        ],
    ),
    ("drydock-fog", &["drydock-protocol"]),
    ("drydock-operator", &["drydock-api"]), // speaks to gateways over HTTP
    ("drydock-test-support", &["drydock-protocol"]),
    (
        "drydock-fuzz",
        &[
            "drydock-protocol",
            "drydock-assets",
            "drydock-defmt",
            "drydock-emulator",
            "drydock-hardware",
            "drydock-scope-model",
            "drydock-test",
        ],
    ),
    ("xtask", &[]),
    ("drydock-unify", &["drydock-protocol"]), // no code: features only
];

/// Crates that only tests, examples and benches may use: they are dev-dependencies and never ship.
const DEV_ONLY: &[&str] = &["drydock-test-support", "drydock-sim"];

/// Crates from outside that only some crates may use, by prefix.
const OUTSIDE: &[(&str, &[&str])] = &[
    ("tauri", &["drydock-desktop"]),
    ("egui", &["drydock-scope"]),
    ("eframe", &["drydock-scope"]),
    ("axum", &["drydock-http"]),
    ("espflash", &["drydock-hardware"]),
    ("nusb", &["drydock-hardware"]),
    ("probe-rs", &["drydock-hardware"]),
    ("serialport", &["drydock-hardware"]),
    ("wasmtime", &["drydock-fog"]),
    ("kube", &["drydock-operator"]),
    ("quick-junit", &["drydock"]),
    ("plotters", &["drydock-workbench"]),
    ("sqlx", &["drydock-gateway"]),
    ("aws-lc", &[]), // needs a C tool chain of its own; `ring` is the one provider
    ("openssl", &[]),
];

pub(super) fn check(packages: &[Package]) -> Vec<Finding> {
    packages.iter().flat_map(check_package).collect()
}

fn check_package(package: &Package) -> Vec<Finding> {
    let Some((_, may_know)) = CRATES.iter().find(|(name, _)| *name == package.name) else {
        return vec![Finding::new(
            &package.name,
            "a crate without a dependency rule: add it to CRATES in xtask/src/tidy/dependencies.rs",
        )];
    };
    package
        .dependencies
        .iter()
        .filter_map(|it| check_dependency(&package.name, may_know, it))
        .collect()
}

fn check_dependency(package: &str, may_know: &[&str], dependency: &Dependency) -> Option<Finding> {
    let name = dependency.name.as_str();
    let for_tests = dependency.kind.as_deref() == Some("dev");
    if name == "drydock" || name.starts_with("drydock-") {
        if DEV_ONLY.contains(&name) && !for_tests {
            let what = format!("{name} is for tests: depend on it under [dev-dependencies]");
            return Some(Finding::new(package, what));
        }
        // tests may join crates that the product keeps apart, but the protocol stays alone even there
        let itself_with_features = name == package;
        let allowed =
            may_know.contains(&name) || (for_tests && (package != "drydock-protocol" || itself_with_features));
        return (!allowed).then(|| {
            Finding::new(
                package,
                format!("may not depend on {name}; see the map in ARCHITECTURE.md"),
            )
        });
    }
    let (_, owners) = OUTSIDE.iter().find(|(prefix, _)| {
        name == *prefix
            || name
                .strip_prefix(prefix)
                .is_some_and(|rest| rest.starts_with(['-', '_']))
    })?;
    (!owners.contains(&package)).then(|| match owners.first() {
        Some(owner) => Finding::new(package, format!("only {owner} may depend on {name}")),
        None => Finding::new(package, format!("no crate here may depend on {name}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(package: &str, name: &str, kind: Option<&str>, expected: bool) {
        let (_, may_know) = CRATES.iter().find(|(it, _)| *it == package).expect("a crate");
        let dependency = Dependency {
            name: name.into(),
            kind: kind.map(Into::into),
        };
        assert_eq!(
            check_dependency(package, may_know, &dependency).is_none(),
            expected,
            "{package} -> {name}"
        );
    }

    #[test]
    fn crates_depend_only_on_those_they_may() {
        check("drydock-gateway", "drydock-protocol", None, true);
        check("drydock-gateway", "drydock-emulator", None, false);
        check("drydock-gateway", "drydock-sim", None, false);
        check("drydock-gateway", "drydock-sim", Some("dev"), true);
        check("drydock-protocol", "drydock-sim", Some("dev"), false);
        check("drydock-workbench", "tauri", None, false);
        check("drydock-desktop", "tauri-plugin-dialog", None, true);
        check("drydock-emulator", "serialport", Some("dev"), false);
        check("drydock-client", "drydock-api", None, true);
        check("drydock-client", "drydock-gateway", None, false);
        check("drydock-api", "drydock-protocol", None, false);
        check("drydock-api", "plotters", None, false);
        check("drydock-client", "sqlx", None, false);
        check("drydock-gateway", "tokio", None, true);
        // planned crates
        for (name, owner) in [
            ("axum", "drydock-http"),
            ("wasmtime", "drydock-fog"),
            ("wasmtime-wasi", "drydock-fog"),
            ("kube", "drydock-operator"),
            ("kube-runtime", "drydock-operator"),
            ("espflash", "drydock-hardware"),
            ("nusb", "drydock-hardware"),
            ("probe-rs", "drydock-hardware"),
            ("serialport", "drydock-hardware"),
            ("eframe", "drydock-scope"),
            ("egui_plot", "drydock-scope"),
        ] {
            check(owner, name, None, true);
            check("drydock-workbench", name, None, false);
            check("drydock-workbench", name, Some("dev"), false);
        }
    }

    #[test]
    fn what_is_for_tests_is_a_dev_dependency() {
        for name in DEV_ONLY {
            check("drydock-emulator", name, Some("dev"), true);
            check("drydock-emulator", name, None, false);
            check("drydock-emulator", name, Some("build"), false);
        }
    }
}
