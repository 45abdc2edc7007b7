//! README fits on one and a half screens.

use anyhow::{Context, Result};

use super::Finding;
use crate::workspace;

const LINES: usize = 120;
const CHARS: usize = 160;

pub(super) fn check() -> Result<Vec<Finding>> {
    let text = std::fs::read_to_string(workspace::root().join("README.md")).context("README.md")?;
    Ok(check_text(&text))
}

fn check_text(text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines = text.lines().count();
    if lines > LINES {
        let what = format!("{lines} lines (at most {LINES}): move what is not for a first reader to docs/");
        findings.push(Finding::new("README.md", what));
    }
    for (index, line) in text.lines().enumerate() {
        let chars = line.chars().count();
        if chars > CHARS {
            let place = format!("README.md:{}", index + 1);
            findings.push(Finding::new(place, format!("{chars} characters (at most {CHARS})")));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_readme_is_short_and_narrow() {
        let check = |text: &str, expected: usize| assert_eq!(check_text(text).len(), expected);
        check(&"line\n".repeat(LINES), 0);
        check(&"line\n".repeat(LINES + 1), 1);
        check(&"é".repeat(CHARS), 0);
        check(&format!("short\n{}\n", "é".repeat(CHARS + 1)), 1);
    }
}
