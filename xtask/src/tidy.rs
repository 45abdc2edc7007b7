//! The rules of this repository that a machine can check. Each finding names the file and the remedy.

mod commits;
mod dependencies;
mod licences;
mod readme;
mod renames;
mod text;

use anyhow::{Result, bail};

use crate::{graph, workspace};

/// One broken rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// A path from the top, or a package.
    place: String,
    /// The problem and the remedy.
    what: String,
}

impl Finding {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            what: what.into(),
        }
    }
}

/// Checks every rule, prints the findings, fails if there are any.
pub(crate) fn check() -> Result<()> {
    let mut findings = dependencies::check(&graph::host()?);
    findings.extend(licences::check()?);
    findings.extend(commits::check()?);
    findings.extend(readme::check()?);
    let mut files = 0;
    for name in workspace::files()? {
        let Ok(bytes) = std::fs::read(workspace::root().join(&name)) else {
            continue;
        };
        files += 1;
        findings.extend(text::check(&name, &bytes));
        findings.extend(renames::check(&name, &String::from_utf8_lossy(&bytes)));
    }
    for finding in &findings {
        println!("{}: {}", finding.place, finding.what);
    }
    if !findings.is_empty() {
        bail!("tidy: {} findings in {files} files", findings.len());
    }
    println!("tidy: {files} files, no findings");
    Ok(())
}
