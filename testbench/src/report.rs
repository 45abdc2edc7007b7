//! What a failed test leaves in a folder: the state of each board, and a text of what led to it.

use crate::{bench::State, error::Cause, machine::port_name};
use drydock_assets::Pin as ChipPin;
use drydock_emulator::{VirtualTime, builtin::engine::Builtin, snapshot_file};
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

/// Lines of each console in the report.
const LINES: usize = 100;

/// Something that happened on the bench.
pub(crate) struct Note {
    pub(crate) at: VirtualTime,
    pub(crate) text: String,
}

/// Writes `BOARD.snap` for each board, and `report.txt`.
pub(crate) fn keep(state: &mut State, folder: &Path, why: &str) -> Result<Vec<PathBuf>, Cause> {
    let failed = |path: &Path, why: &dyn std::fmt::Display| Cause::Keep {
        path: path.display().to_string(),
        why: why.to_string(),
    };
    fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    let mut files = Vec::new();
    for board in &mut state.boards {
        let path = folder.join(format!("{}.snap", file_name(&board.name)));
        let program = &board.program;
        let saved = snapshot_file::save(&Builtin, &program.board, &program.image, &mut *board.machine);
        let bytes = saved.map_err(|error| failed(&path, &error))?;
        fs::write(&path, bytes).map_err(|error| failed(&path, &error))?;
        files.push(path);
    }
    let several = state.ethers.len() > 1;
    for (index, ether) in state.ethers.iter().enumerate() {
        let number = if several { format!("-{index}") } else { String::new() };
        let path = folder.join(format!("ether{number}.pcapng"));
        ether.capture(&path).map_err(|error| failed(&path, &error))?;
        files.push(path);
    }
    let path = folder.join("report.txt");
    fs::write(&path, text(state, why)).map_err(|error| failed(&path, &error))?;
    files.push(path);
    Ok(files)
}

/// A board's name as a file name: names come from scenario files.
pub(crate) fn file_name(name: &str) -> String {
    let safe = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let name: String = name
        .chars()
        .map(|letter| if safe(letter) { letter } else { '_' })
        .take(64)
        .collect();
    name.trim_start_matches('.').to_owned()
}

/// A path as one word of a command line.
fn shell_word(path: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "-_./:@%+,=".contains(letter);
    match path.chars().all(plain) {
        true => path.to_owned(),
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}

fn text(state: &mut State, why: &str) -> String {
    let mut text = format!(
        "{why}\n\nVirtual time: {} s. Seed of the run: {}.\n",
        state.now, state.seed
    );
    let mut line = |line: String| {
        // Writing to a text does not fail.
        let _ = writeln!(text, "{line}");
    };
    line("\nWhat happened, the newest last:".into());
    for Note { at, text } in &state.notes {
        line(format!("  {at} s  {text}"));
    }
    for board in &mut state.boards {
        let description = &board.program.board;
        line(format!("\n{}: {}", board.name, description.title));
        line(format!(
            "  firmware SHA-256 {}. {}",
            board.program.sha256, board.program.start
        ));
        let address = board
            .program
            .address
            .map_or_else(String::new, |address| format!(" --address {address:#x}"));
        line("  To look into its state, while `drydock gateway` or the window runs:".into());
        let parts = board.added_parts.iter();
        let parts: String = parts.map(|part| format!(" --part {}", shell_word(part))).collect();
        line(format!(
            "    drydock boards add {} --name {} --firmware {}{address}{parts} --seed {:?}",
            description.name,
            board.name,
            shell_word(&board.file),
            board.machine.info().seed
        ));
        line(format!(
            "    drydock restore {} {}.snap",
            board.name,
            file_name(&board.name)
        ));
        match &board.stop {
            Some(stop) => line(format!("  {stop}")),
            None => line("  it runs".into()),
        }
        for led in &description.leds {
            let level = board.level(led.pin.0);
            let lit = if level.is_some_and(|level| led.active.is(level)) {
                "lit"
            } else {
                "dark"
            };
            line(format!("  LED {} ({}): {lit}", led.name, led.pin));
        }
        if let Some(parts) = board.machine.parts() {
            for part in parts.list() {
                line(format!("  part {}", crate::part::report_line(&part)));
            }
        }
        if !board.pins.is_empty() {
            line("  last changes of its pins:".into());
        }
        for change in &board.pins {
            let level = change
                .level
                .map_or("floating", |level| if level { "high" } else { "low" });
            line(format!("    {} s  {} {level}", change.at, ChipPin(change.pin)));
        }
        if board.fault_count > 0 {
            line(format!("  faults: {}, of which the last:", board.fault_count));
        }
        for fault in &board.faults {
            line(format!("    {fault}"));
        }
        for (index, port) in &board.ports {
            line(format!("  {} ended with:", port_name(*index)));
            for said in port.last_lines(LINES) {
                line(format!("    | {said}"));
            }
            if port.lost > 0 {
                line(format!("    ({} bytes were lost before the test read them)", port.lost));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_in_folders_and_commands() {
        assert_eq!(file_name("../a b"), "_a_b");
        assert_eq!(shell_word("build/app-1.elf"), "build/app-1.elf");
        assert_eq!(shell_word("it's here"), r"'it'\''s here'");
    }
}
