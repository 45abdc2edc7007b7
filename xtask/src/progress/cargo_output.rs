//! Parses cargo's output during a build: lines, and a progress bar that is rewritten with carriage returns.

use std::io::{self, BufRead};

/// The next line; a carriage return ends one too. `None` at the end of the output.
pub(super) fn line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok((!line.is_empty()).then(|| text(&line)));
        }
        let end = buffer.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        line.extend_from_slice(&buffer[..end.unwrap_or(buffer.len())]);
        let taken = end.map_or(buffer.len(), |end| end + 1);
        reader.consume(taken);
        if end.is_some() {
            return Ok(Some(text(&line)));
        }
    }
}

/// The line without control sequences that move the cursor or erase.
fn text(line: &[u8]) -> String {
    let mut text = String::new();
    let line = String::from_utf8_lossy(line);
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        if char == '\x1b' {
            // A control sequence ends with a letter (ECMA-48, 5.4).
            let _ = chars.by_ref().find(|char| char.is_ascii_alphabetic());
        } else {
            text.push(char);
        }
    }
    text
}

/// The text of cargo's progress bar: `    Building [====>    ] 31/48: wasmi, p256(build)`.
pub(super) fn progress(line: &str) -> Option<String> {
    let rest = line.trim_start().strip_prefix("Building [")?;
    let (_, rest) = rest.split_once("] ")?;
    let (count, names) = rest.split_once(':').unwrap_or((rest, ""));
    let (built, of) = count.trim().split_once('/')?;
    let first = names.split(',').next().unwrap_or_default().trim();
    Some(match first.trim_end_matches("...") {
        "" => format!("{built} of {of} crates"),
        name => format!("{name}, {built} of {of} crates"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_put_into_words() {
        let check = |line: &str, expected: Option<&str>| assert_eq!(progress(line).as_deref(), expected, "{line}");
        check(
            "    Building [=====>                ] 31/48: wasmi, p256(build)",
            Some("wasmi, 31 of 48 crates"),
        );
        check("    Building [>     ] 0/48", Some("0 of 48 crates"));
        check("    Building [=> ] 7/9: tauri...", Some("tauri, 7 of 9 crates"));
        check("   Compiling wasmi v2.0.0", None);
        check("    Building [", None);
        check("", None);
    }

    #[test]
    fn lines_end_with_either_return_and_hold_no_control_sequences() {
        let mut output = &b"\x1b[K    Building [>  ] 1/2: a\r\x1b[K   Compiling b\nlast"[..];
        let mut lines = Vec::new();
        while let Some(line) = line(&mut output).unwrap() {
            lines.push(line);
        }
        assert_eq!(lines, ["    Building [>  ] 1/2: a", "   Compiling b", "last"]);
    }
}
