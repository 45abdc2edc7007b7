//! Text from devices, files and names, made safe for a terminal.
//!
//! A terminal executes control characters: an app's log line could erase lines, forge one of Drydock's, or reverse the
//! order of letters. Text for people shows such characters instead. JSON keeps the text unchanged, with these
//! characters escaped.

/// One line of text: control characters, including line breaks, are shown as symbols or numbers. Tabs stay.
pub(crate) fn line(text: &str) -> String {
    shown(text, |c| c != '\t' && is_active(c))
}

/// Text of several lines: as [`line`], and line breaks stay.
pub(crate) fn lines(text: &str) -> String {
    shown(text, |c| !matches!(c, '\t' | '\n') && is_active(c))
}

/// JSON on one line, with control characters beyond ASCII written as `\uXXXX`; the value stays the same.
pub(crate) fn json(json: String) -> String {
    if !json.chars().any(is_active) {
        return json;
    }
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if is_active(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

fn shown(text: &str, hide: impl Fn(char) -> bool) -> String {
    if !text.contains(&hide) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if !hide(c) => out.push(c),
            // Unicode has a picture for each of these.
            '\0'..='\x1f' => out.extend(char::from_u32(0x2400 + c as u32)),
            '\x7f' => out.push('\u{2421}'),
            c => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
        }
    }
    out
}

/// Whether a character acts on the terminal or on the text around it instead of being shown.
fn is_active(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' // direction
            | '\u{2028}' | '\u{2029}' // line and paragraph
            | '\u{ad}' | '\u{200b}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}' // invisible
            | '\u{fff9}'..='\u{fffb}' // annotations
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        for (text, expected) in [
            ("plain text, ä 温 ✓\tend", "plain text, ä 温 ✓\tend"),
            ("\x1b[2K\r\x1b[31merror:\x1b[0m", "␛[2K␍␛[31merror:␛[0m"),
            ("\x1b]0;title\x07", "␛]0;title␇"),
            ("two\nlines\x7f", "two␊lines␡"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("abc\u{202e}cba", "abc\\u{202e}cba"),
            ("a\u{2028}b\u{feff}", "a\\u{2028}b\\u{feff}"),
        ] {
            assert_eq!(line(text), expected);
        }
        assert_eq!(lines("two\nlines\x1b[A"), "two\nlines␛[A");
    }

    #[test]
    fn json_keeps_its_value() {
        let value = serde_json::json!({ "text": "a\u{9b}\u{202e}\x1b\u{e0001}ä" });
        let printed = json(value.to_string());
        assert!(printed.chars().all(|c| !is_active(c)), "{printed}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&printed).unwrap(), value);
    }
}
