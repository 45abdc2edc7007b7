//! Commit subjects: `area: what, in the imperative`, at most 72 characters. Checked since the newest tag, or for the last
//! commit where there is none.

use anyhow::Result;

use super::Finding;
use crate::step;

const CHARS: usize = 72;

pub(super) fn check() -> Result<Vec<Finding>> {
    let git = |args: &[&str]| step::output(&mut step::command("git", args));
    let range = match git(&["describe", "--tags", "--abbrev=0"]) {
        Ok(tag) => format!("{}..HEAD", tag.trim()),
        Err(_) => "-1".to_owned(),
    };
    // A tree without history, as from an archive, has no subjects.
    let Ok(log) = git(&["log", "--no-merges", "--format=%h %s", &range]) else {
        return Ok(Vec::new());
    };
    Ok(log.lines().filter_map(check_line).collect())
}

/// Checks a line of `hash subject`.
fn check_line(line: &str) -> Option<Finding> {
    let (hash, subject) = line.split_once(' ')?;
    let finding = |what: String| Some(Finding::new(format!("commit {hash}"), what));
    let chars = subject.chars().count();
    if chars > CHARS {
        return finding(format!(
            "its subject has {chars} characters (at most {CHARS}): move the why to the body"
        ));
    }
    let is_area = |area: &str| {
        let is_word = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || "-_./, ".contains(char);
        area.starts_with(|first: char| first.is_ascii_lowercase()) && area.chars().all(is_word)
    };
    match subject.split_once(": ") {
        Some((area, what)) if is_area(area) && !what.trim().is_empty() => None,
        _ => finding(format!("its subject is not `area: what`: {subject}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_names_its_area_and_is_short() {
        let check = |subject: &str, expected: bool| {
            assert_eq!(
                check_line(&format!("0a1b2c3 {subject}")).is_none(),
                expected,
                "{subject}"
            );
        };
        check("api: name events by an enum that both sides match on", true);
        check("api, client: take the API out of the workbench", true);
        check("app/cli: say what a board waits for", true);
        check("Say what is there and where it was measured", false);
        check("Fix: the thing", false);
        check("wip", false);
        check("area: ", false);
        check(&format!("area: {}", "x".repeat(CHARS - 6)), true);
        check(&format!("area: {}", "x".repeat(CHARS - 5)), false);
    }
}
