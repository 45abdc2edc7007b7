//! Whether everything that ships has a licence that `deny.toml` allows. cargo-deny checks more if it is installed; this
//! check needs only cargo.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Finding;
use crate::{step, workspace};

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<EdgeKind>,
}

#[derive(Deserialize)]
struct EdgeKind {
    kind: Option<String>,
}

/// Everything that ships: the two programs for the host, and every board's image.
pub(super) fn check() -> Result<Vec<Finding>> {
    let rules = std::fs::read_to_string(workspace::root().join("deny.toml")).context("deny.toml")?;
    let rules = Rules::read(&rules);
    let platform = ["--filter-platform", "x86_64-unknown-linux-gnu"];
    let mut findings = shipped(
        step::cargo(&["metadata", "--format-version=1"]).args(platform),
        &["drydock", "drydock-desktop"],
        &rules,
    )?;
    let boards = workspace::root().join("firmware/boards/Cargo.toml");
    if boards.is_file() {
        let mut cargo = step::cargo(&["metadata", "--format-version=1", "--manifest-path"]);
        findings.extend(shipped(cargo.arg(boards), &[], &rules)?);
    }
    Ok(findings)
}

/// Follows ordinary and build dependencies from the named packages, or from all of ours if none is named.
fn shipped(metadata: &mut Command, programs: &[&str], rules: &Rules) -> Result<Vec<Finding>> {
    let metadata: Metadata = serde_json::from_str(&step::output(metadata)?).context("reading cargo metadata")?;
    let packages: BTreeMap<&str, &Package> = metadata.packages.iter().map(|it| (it.id.as_str(), it)).collect();
    let nodes: BTreeMap<&str, &Node> = metadata.resolve.nodes.iter().map(|it| (it.id.as_str(), it)).collect();
    let ours = metadata.packages.iter().filter(|it| it.source.is_none());
    let starts = ours.filter(|it| programs.is_empty() || programs.contains(&it.name.as_str()));
    let mut queue: Vec<&str> = starts.map(|it| it.id.as_str()).collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = queue.pop() {
        if let Some(node) = nodes.get(id)
            && seen.insert(id)
        {
            let ordinary = |edge: &&Edge| edge.dep_kinds.iter().any(|it| it.kind.as_deref() != Some("dev"));
            queue.extend(node.deps.iter().filter(ordinary).map(|edge| edge.pkg.as_str()));
        }
    }
    let shipped = seen.iter().filter_map(|id| packages.get(id));
    Ok(shipped
        .filter(|it| !rules.allow(&it.name, it.license.as_deref().unwrap_or_default()))
        .map(|it| {
            let licence = it.license.as_deref().unwrap_or("no licence");
            Finding::new(
                format!("{} {}", it.name, it.version),
                format!("{licence}: not among those of deny.toml"),
            )
        })
        .collect())
}

/// The licence rules of `deny.toml`.
struct Rules {
    allowed: BTreeSet<String>,
    /// A crate, and the one licence that it may have besides the allowed ones.
    exceptions: Vec<(String, String)>,
}

impl Rules {
    /// Reads the two lists; the file's form is ours and simple.
    fn read(text: &str) -> Self {
        let quoted = |line: &str| {
            line.split('"')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let section = text.split("[licenses]").nth(1).unwrap_or_default();
        let section = section.split("\n[").next().unwrap_or_default();
        let mut rules = Self {
            allowed: BTreeSet::new(),
            exceptions: Vec::new(),
        };
        for line in section.lines() {
            match (line.contains("crate ="), &quoted(line)[..]) {
                (true, [licence, name]) => rules.exceptions.push((name.clone(), licence.clone())),
                (false, [licence]) => drop(rules.allowed.insert(licence.clone())),
                _ => {}
            }
        }
        rules
    }

    /// Whether an SPDX expression can be satisfied. `OR` binds weaker than `AND`, `/` is the old way to write `OR`.
    fn allow(&self, name: &str, expression: &str) -> bool {
        let flat = expression.replace('/', " OR ");
        if let Some(open) = flat.rfind('(')
            && let Some(length) = flat[open..].find(')')
        {
            let inner = if self.allow(name, &flat[open + 1..open + length]) {
                "allowed"
            } else {
                "refused"
            };
            return self.allow(name, &format!("{}{inner}{}", &flat[..open], &flat[open + length + 1..]));
        }
        flat.split(" OR ")
            .any(|all| all.split(" AND ").all(|one| self.allows_one(name, one.trim())))
    }

    fn allows_one(&self, name: &str, licence: &str) -> bool {
        let excepted = self
            .exceptions
            .iter()
            .any(|(crate_name, it)| crate_name == name && it == licence);
        licence == "allowed" || excepted || self.allowed.contains(licence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_satisfied_as_spdx_means_them() {
        let rules = Rules::read(
            "[licenses]\nallow = [\n    \"MIT\",\n    \"Apache-2.0\",\n]\nexceptions = [\n    { allow = [\"MPL-2.0\"], crate = \"selectors\" },\n]\n[bans]\n\"GPL-3.0\"\n",
        );
        for (name, expression, expected) in [
            ("a", "MIT", true),
            ("a", "MIT/GPL-3.0", true),
            ("a", "GPL-3.0", false),
            ("a", "", false),
            ("a", "MIT AND GPL-3.0", false),
            ("a", "GPL-3.0 OR Apache-2.0", true),
            ("a", "(MIT OR GPL-3.0) AND Apache-2.0", true),
            ("a", "(GPL-2.0 OR GPL-3.0) AND MIT", false),
            ("a", "MPL-2.0", false),
            ("selectors", "MPL-2.0", true),
        ] {
            assert_eq!(rules.allow(name, expression), expected, "{name}: {expression}");
        }
    }
}
