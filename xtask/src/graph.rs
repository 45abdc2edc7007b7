//! The packages of a workspace, from `cargo metadata`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::step;

/// One package of a workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) manifest_path: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) targets: Vec<Target>,
    pub(crate) metadata: Option<serde_json::Value>,
}

/// A dependency in a manifest, whether or not a feature enables it.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `None` for an ordinary dependency, else `dev` or `build`.
    pub(crate) kind: Option<String>,
}

/// A library, program, example, test or bench.
#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) kind: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

impl Package {
    /// Whether it has an example, bench or program of that name.
    pub(crate) fn has(&self, kind: &str, name: &str) -> bool {
        self.targets
            .iter()
            .any(|target| target.name == name && target.kind.iter().any(|it| it == kind))
    }

    /// A text under `[package.metadata.drydock]`.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.metadata.as_ref()?.get("drydock")?.get(key)?.as_str()
    }

    /// A number under `[package.metadata.drydock]`.
    pub(crate) fn number(&self, key: &str) -> Option<u64> {
        self.metadata.as_ref()?.get("drydock")?.get(key)?.as_u64()
    }

    /// A range, as its start and end, under `[package.metadata.drydock]`.
    pub(crate) fn range(&self, key: &str) -> Option<std::ops::Range<u64>> {
        match self.metadata.as_ref()?.get("drydock")?.get(key)?.as_array()?.as_slice() {
            [start, end] => Some(start.as_u64()?..end.as_u64()?),
            _ => None,
        }
    }

    /// The folder the package lies in.
    pub(crate) fn dir(&self) -> PathBuf {
        self.manifest_path.parent().map(PathBuf::from).unwrap_or_default()
    }
}

/// The members of the host workspace.
pub(crate) fn host() -> Result<Vec<Package>> {
    packages(step::cargo(&["metadata", "--format-version=1", "--no-deps"]))
}

/// The members of the workspace that a `cargo metadata` command is about.
pub(crate) fn packages(mut command: Command) -> Result<Vec<Package>> {
    let text = step::output(&mut command)?;
    let metadata: Metadata = serde_json::from_str(&text).context("reading cargo metadata")?;
    Ok(metadata.packages)
}
