//! Text for a bug report: versions, settings, state of the boards and the newest log; no keys, no tokens.

use crate::{api::BoardView, logging, state::WorkbenchState, system_info::system_info};
use std::fmt::Write;

/// Lines of the log that are shown.
const LOG_LINES: usize = 200;

pub(crate) fn diagnostics(workbench: &WorkbenchState) -> String {
    let info = system_info(workbench);
    let boards: Vec<BoardView> = workbench
        .fleet
        .all()
        .iter()
        .map(|board| workbench.view(board))
        .collect();
    let mut text = String::new();
    let _ = writeln!(
        text,
        "Drydock {} ({}), store schema {}",
        info.version, info.commit, info.schema
    );
    let _ = writeln!(text, "{} {}", std::env::consts::OS, std::env::consts::ARCH);
    let _ = writeln!(
        text,
        "Data directory: {}{}",
        info.data_dir,
        if info.temporary { " (temporary)" } else { "" }
    );
    let _ = writeln!(
        text,
        "Gateway {}, {} sessions, pairing {}",
        info.gateway,
        info.sessions,
        if info.pairing { "on" } else { "off" }
    );
    for engine in &info.engines {
        let available = if engine.available { "available" } else { "not available" };
        let _ = writeln!(text, "Engine {}: {available}, {}", engine.name, engine.detail);
    }
    for board in &boards {
        let _ = writeln!(
            text,
            "FleetBoard {} ({}): {:?}, {}",
            board.name, board.kind, board.badge, board.badge_detail
        );
        if let Some(machine) = &board.machine {
            let _ = writeln!(
                text,
                "  machine {:?} on {}, {:.1} s virtual, {:.0} MIPS",
                machine.state, machine.engine, machine.virtual_time_s, machine.mips
            );
        }
        for app in &board.apps {
            let _ = writeln!(text, "  app {} {}: {:?}", app.name, app.version, app.state);
        }
    }
    let _ = writeln!(text, "\nLog:");
    for line in logging::tail(workbench.dir.path(), LOG_LINES) {
        let _ = writeln!(text, "{}", without_secrets(&line));
    }
    text
}

/// Removes text that could be a key or a token: long runs of hexadecimal or base64.
fn without_secrets(line: &str) -> String {
    let is_secret_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '_');
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while !rest.is_empty() {
        let run = rest.find(|c| !is_secret_letter(c)).unwrap_or(rest.len());
        let word = &rest[..run];
        let has_digit_and_letter =
            word.contains(|c: char| c.is_ascii_digit()) && word.contains(|c: char| c.is_ascii_alphabetic());
        let is_path = word.contains('/') && !word.contains(['+', '=']) && word.matches('/').count() > 1;
        out.push_str(if run >= 24 && has_digit_and_letter && !is_path {
            "[left out]"
        } else {
            word
        });
        let next = rest[run..].find(is_secret_letter).map_or(rest.len(), |at| run + at);
        out.push_str(&rest[run..next]);
        rest = &rest[next..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::without_secrets;

    #[test]
    fn secrets_are_left_out_and_words_stay() {
        assert_eq!(
            without_secrets("token=00112233445566778899aabbccddeeff used by bench-1 in /var/lib/drydock/data1/boards"),
            "[left out] used by bench-1 in /var/lib/drydock/data1/boards"
        );
        assert_eq!(
            without_secrets("key MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg== end"),
            "key [left out] end"
        );
        assert_eq!(
            without_secrets("2026-11-21T03:04:05.123456Z INFO ok"),
            "2026-11-21T03:04:05.123456Z INFO ok"
        );
    }
}
