//! The command language of an engine, such as Renode's monitor: the user's lines, executed between two slices of the
//! machine, and the engine's answers.

use crate::{
    api::{ApiError, ErrorCode, MonitorLine, MonitorReply, MonitorView},
    fleet::FleetBoard,
    state::WorkbenchState,
};
use drydock_emulator::MonitorAnswer;

/// Longest line, in bytes.
const LONGEST_LINE: usize = 4_096;
/// Longest answer that is passed on, in bytes.
const LONGEST_ANSWER: usize = 256 * 1024;

/// Whether a machine's engine has a command language, and the lines typed so far.
pub(crate) async fn view(workbench: &WorkbenchState, board: &str) -> Result<MonitorView, ApiError> {
    let board = workbench.board(board)?;
    let looked = board
        .machine()
        .await?
        .inspect(|machine| Some((machine.monitor()?.prompt(), machine.monitor()?.history())))
        .await;
    let looked = looked.map_err(|_| board.is_off())?;
    let (prompt, history) = looked.map_or((None, Vec::new()), |(prompt, history)| (Some(prompt), history));
    Ok(MonitorView {
        board: board.name(),
        prompt,
        history,
    })
}

/// Executes a line.
pub(crate) async fn execute(workbench: &WorkbenchState, request: MonitorLine) -> Result<MonitorReply, ApiError> {
    let board = workbench.board(&request.board)?;
    let line = request.line.trim().to_owned();
    if line.is_empty() || line.len() > LONGEST_LINE || line.contains(char::is_control) {
        let text = format!("A line for the monitor has 1 to {LONGEST_LINE} printable characters.");
        return Err(ApiError::new(ErrorCode::Usage, text));
    }
    let executed = board
        .machine()
        .await?
        .with_machine(move |machine| Some(machine.monitor()?.execute(&line)))
        .await;
    let answer = executed.map_err(|_| board.is_off())?.ok_or_else(|| {
        let engine = board
            .emulated()
            .map_or_else(|_| String::new(), |emulated| emulated.engine);
        let text = format!(
            "The engine {engine} of {} has no command language; use a board of the engine renode.",
            board.name()
        );
        ApiError::new(ErrorCode::Refused, text)
    })?;
    workbench.throttle.touch(&board);
    match answer {
        Ok(MonitorAnswer::Done(text)) => Ok(reply(&text, false)),
        Ok(MonitorAnswer::Refused(text)) => Ok(reply(&text, true)),
        Err(error) => Err(broken(&board, &error.to_string())),
    }
}

/// The engine itself failed. The first line of its message gives the reason; the last lines of its log follow.
fn broken(board: &FleetBoard, said: &str) -> ApiError {
    let (what, log) = said.split_once('\n').unwrap_or((said, ""));
    let what = what.trim_end_matches([':', '.']);
    let what = what.strip_suffix("; its log ends with").unwrap_or(what);
    let text = format!("{what}. Cut the power of {} and give it back.", board.name());
    ApiError {
        detail: (!log.is_empty()).then(|| log.to_owned()),
        ..ApiError::new(ErrorCode::Board, text)
    }
}

fn reply(text: &str, refused: bool) -> MonitorReply {
    MonitorReply {
        text: plain(text),
        refused,
    }
}

/// The text as a terminal would show it, without colours and carriage returns.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len().min(LONGEST_ANSWER));
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        if plain.len() >= LONGEST_ANSWER {
            plain.push_str("\n… and more, left out here");
            break;
        }
        match char {
            // CSI: parameters and intermediates, then one letter (ECMA-48, 5.4).
            '\x1b' => {
                if chars.next() == Some('[') {
                    chars.by_ref().find(|char| ('@'..='~').contains(char));
                }
            }
            '\n' | '\t' => plain.push(char),
            char if char.is_control() => {}
            char => plain.push(char),
        }
    }
    plain.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(plain(text), expected, "{text:?}");
    }

    #[test]
    fn answers_are_shown_without_a_terminals_codes() {
        check("0x00000000200403C0\r\r\n", "0x00000000200403C0");
        check("\r\n\rone\r\n\r\ttwo\r\n\r", "\none\n\ttwo");
        check("\x1b[00;31mNo such device\x1b[0m", "No such device");
        check("\x1b", "");
        check("a\x1b[", "a");
        check("°C ├──", "°C ├──");
    }

    #[test]
    fn a_flood_is_cut_off_where_it_says_so() {
        let shown = plain(&"x".repeat(2 * LONGEST_ANSWER));
        assert!(shown.len() < LONGEST_ANSWER + 100);
        assert!(shown.ends_with("left out here"));
    }
}
