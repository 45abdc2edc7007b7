//! Who may know whom: the rooms' dependency rules, from `cargo metadata`.

use super::Finding;
use crate::graph::{Dependency, Package};

/// A room and the rooms of ours it may depend on. A package that is not listed here is a finding: a new room says
/// first whom it knows.
const ROOMS: &[(&str, &[&str])] = &[
    ("drydock-protocol", &[]),
    ("drydock-assets", &["drydock-protocol"]),
    ("drydock-emulator", &["drydock-protocol", "drydock-assets"]),
    ("drydock-gateway", &["drydock-protocol", "drydock-assets"]),
    ("drydock-connector", &["drydock-protocol", "drydock-assets"]),
    ("drydock-device", &["drydock-protocol"]),
    ("drydock-sim", &["drydock-protocol", "drydock-device", "drydock-assets"]),
    (
        "drydock-workbench",
        &[
            "drydock-protocol",
            "drydock-assets",
            "drydock-emulator",
            "drydock-gateway",
            "drydock-connector",
            "drydock-api",
            "drydock-client",
        ],
    ),
    ("drydock-api", &[]),
    ("drydock-client", &["drydock-api"]),
    (
        "drydock",
        &["drydock-assets", "drydock-api", "drydock-client", "drydock-workbench"],
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
    ("xtask", &[]),
    ("drydock-unify", &["drydock-protocol"]), // no code: features only
];

/// Crates from outside that only some rooms may know, by prefix.
const OUTSIDE: &[(&str, &[&str])] = &[
    ("tauri", &["drydock-desktop"]),
    ("egui", &["drydock-scope"]),
    ("eframe", &["drydock-scope"]),
    ("probe-rs", &["drydock-connector"]),
    ("serialport", &["drydock-connector"]),
    ("plotters", &["drydock-workbench"]),
    ("sqlx", &["drydock-gateway"]),
    ("aws-lc", &[]), // needs a C tool chain of its own; `ring` is the one provider
    ("openssl", &[]),
];

pub(super) fn check(packages: &[Package]) -> Vec<Finding> {
    packages.iter().flat_map(check_package).collect()
}

fn check_package(package: &Package) -> Vec<Finding> {
    let Some((_, may_know)) = ROOMS.iter().find(|(room, _)| *room == package.name) else {
        return vec![Finding::new(
            &package.name,
            "a room without a dependency rule: add it to ROOMS in xtask/src/tidy/dependencies.rs",
        )];
    };
    package
        .dependencies
        .iter()
        .filter_map(|it| check_dependency(&package.name, may_know, it))
        .collect()
}

fn check_dependency(room: &str, may_know: &[&str], dependency: &Dependency) -> Option<Finding> {
    let name = dependency.name.as_str();
    let for_tests = dependency.kind.as_deref() == Some("dev");
    if name == "drydock" || name.starts_with("drydock-") {
        // tests may join rooms that the product keeps apart, but the protocol stays alone even there
        let itself_with_features = name == room;
        let allowed = may_know.contains(&name) || (for_tests && (room != "drydock-protocol" || itself_with_features));
        return (!allowed).then(|| {
            Finding::new(
                room,
                format!("may not depend on {name}; see the map in ARCHITECTURE.md"),
            )
        });
    }
    let (_, rooms) = OUTSIDE.iter().find(|(prefix, _)| {
        name == *prefix
            || name
                .strip_prefix(prefix)
                .is_some_and(|rest| rest.starts_with(['-', '_']))
    })?;
    (!rooms.contains(&room)).then(|| match rooms.first() {
        Some(owner) => Finding::new(room, format!("only {owner} may depend on {name}")),
        None => Finding::new(room, format!("nobody here depends on {name}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(room: &str, name: &str, kind: Option<&str>, expected: bool) {
        let (_, may_know) = ROOMS.iter().find(|(it, _)| *it == room).expect("a room");
        let dependency = Dependency {
            name: name.into(),
            kind: kind.map(Into::into),
        };
        assert_eq!(
            check_dependency(room, may_know, &dependency).is_none(),
            expected,
            "{room} -> {name}"
        );
    }

    #[test]
    fn rooms_know_only_whom_they_may() {
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
    }
}
