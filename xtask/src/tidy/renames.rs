//! Words that were renamed and must not come back: as identifiers in code, or as names of files. Strings are left out: stored
//! data and the wire keep old names as aliases.

use super::Finding;

/// A word, its replacement, and the folders where the rule applies; an empty list applies to all code.
struct Rename(&'static str, &'static str, &'static [&'static str]);

const RENAMES: &[Rename] = &[
    Rename("Wish", "DesiredApp", &[]),
    Rename("wishes", "desired", &[]),
    Rename(
        "settle",
        "mark_reconciled or drain_signals",
        &["gateway-lib/", "emulator/"],
    ),
    Rename("Bench", "WorkbenchState", &["app/"]),
    Rename("Fact", "EventKind", &[]),
    Rename("Facts", "BadgeInput", &[]),
    Rename("BoardFacts", "BoardLimits", &[]),
    Rename("Told", "Notification", &[]),
    Rename("untold", "pending", &[]),
    Rename("Outbox", "UpdateThrottle", &["app/"]),
    Rename("Gate", "StartupLimiter", &["app/"]),
    Rename("Door", "Handle, ApiService or DebugServer", &[]),
    Rename("bring_up", "board_task", &["app/"]),
    Rename("comes_up", "is_starting", &["app/"]),
    Rename("Asked", "Requirements", &[]),
    Rename("unfit", "check_fit", &[]),
    Rename("Fall", "Crash", &[]),
    Rename("Housekeeping", "RuntimeServices", &[]),
    Rename("turn_to", "set_phase", &[]),
    Rename("Slot", "MachineTask", &["emulator/src/runner/"]),
    Rename("Visit", "machine job", &["emulator/"]),
    Rename("Library", "shared code cache", &["emulator/src/"]),
    Rename("Made", "op", &["emulator/src/"]),
    Rename("lay", "emit", &["emulator/src/"]),
    Rename("Debugged", "GdbTarget", &[]),
    Rename("Subject", "Target", &["app/cli/"]),
    Rename("only_window", "single_instance", &["app/"]),
    Rename("card_window", "detached_panel", &["app/"]),
    Rename("Verb", "Subcommand", &["app/cli/", "xtask/"]),
];

/// Files that were renamed.
const FILES: &[(&str, &str)] = &[
    ("wishes.rs", "desired.rs"),
    ("facts.rs", "gateway_events.rs"),
    ("fall.rs", "fault_handler.rs"),
    ("pursuit.rs", "resume.rs"),
    ("held.rs", "passthrough_registers.rs"),
    ("fresh.rs", "target_board.rs"),
    ("outgoing.rs", "update_batcher.rs"),
];

/// This file names them all.
const THIS: &str = "xtask/src/tidy/renames.rs";

pub(super) fn check(name: &str, text: &str) -> Vec<Finding> {
    let is_code = [".rs", ".ts", ".svelte"].iter().any(|end| name.ends_with(end));
    if !is_code || name == THIS {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let file = name.rsplit('/').next().unwrap_or(name);
    if let Some((old, new)) = FILES.iter().find(|(old, _)| *old == file) {
        findings.push(Finding::new(name, format!("`{old}` is called {new} now")));
    }
    let meant = RENAMES
        .iter()
        .filter(|Rename(_, _, folders)| folders.is_empty() || folders.iter().any(|folder| name.starts_with(folder)));
    let lines: Vec<String> = text.lines().map(identifiers).collect();
    for Rename(old, new, _) in meant {
        if let Some(index) = lines.iter().position(|line| line.split(' ').any(|word| word == *old)) {
            let place = format!("{name}:{}", index + 1);
            findings.push(Finding::new(place, format!("`{old}` is called {new} now")));
        }
    }
    findings
}

/// The identifiers of a line, separated by spaces: without its comment, and without strings that end in it.
fn identifiers(line: &str) -> String {
    let mut words = String::new();
    let (mut in_string, mut escaped) = (false, false);
    let mut chars = line.chars().peekable();
    while let Some(char) = chars.next() {
        if in_string {
            in_string = char != '"' || escaped;
            escaped = char == '\\' && !escaped;
        } else if char == '"' {
            in_string = true;
            words.push(' ');
        } else if char == '/' && chars.peek() == Some(&'/') {
            break;
        } else {
            words.push(if char.is_alphanumeric() || char == '_' {
                char
            } else {
                ' '
            });
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn finds(name: &str, text: &str, expected: usize) {
        let findings = check(name, text);
        assert_eq!(findings.len(), expected, "{findings:?}");
    }

    #[test]
    fn old_words_are_found_as_whole_identifiers() {
        finds("app/workbench/src/boards.rs", "use crate::Outbox;", 1);
        finds("app/workbench/src/boards.rs", "let x = OutboxRoom::new();", 0);
        finds("gateway-lib/src/store.rs", "fn settle(&self) {}", 1);
        finds("ui/src/lib/a.ts", "import type { Fact } from './facts'", 1);
        finds("ui/src/lib/a.svelte", "let door: Door | null", 1);
    }

    #[test]
    fn comments_strings_other_files_and_folders_may_have_them() {
        finds("gateway-lib/src/store.rs", "// what a Wish was", 0);
        finds("gateway-lib/src/store.rs", "#[serde(alias = \"Wish\")] x", 0);
        finds("gateway-lib/src/store.rs", "f(\"a \\\" Wish\")", 0);
        finds("docs/history.md", "Wish", 0);
        finds("xtask/src/bench.rs", "struct Bench;", 0);
        finds("app/workbench/src/state.rs", "struct Bench;", 1);
    }

    #[test]
    fn old_file_names_are_found() {
        finds("app/cli/src/verb/fresh.rs", "", 1);
        finds("app/cli/src/refresh.rs", "", 0);
    }
}
