//! Text that a board wrote, for the user's terminal.
//!
//! Many programs colour their logs. Their colours reach the terminal if it shows colours, and are left out otherwise. No
//! other control character reaches it: a board must not move the cursor, erase lines, or hide text.

/// Longest colour sequence, in bytes. A longer one is shown as text.
const MOST_SEQUENCE: usize = 48;
const RESET: &str = "\x1b[0m";

/// A stream of bytes from a board. Characters and colour sequences may be divided between chunks.
pub(crate) struct BoardText {
    colour: bool,
    /// The beginning of a character or of a sequence, until the rest arrives.
    held: Vec<u8>,
}

impl BoardText {
    pub(crate) fn new(colour: bool) -> Self {
        Self {
            colour,
            held: Vec::new(),
        }
    }

    /// What the terminal gets for the next bytes. Line ends and tabs stay; other control characters become `\u{fffd}`.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> String {
        self.held.extend_from_slice(bytes);
        let whole = self.held.len() - unfinished(&self.held);
        let text = String::from_utf8_lossy(&self.held[..whole]).into_owned();
        self.held.drain(..whole);
        let show = |c: char| match c {
            '\n' | '\r' | '\t' => c,
            c if c.is_control() => '\u{fffd}',
            c => c,
        };
        in_colours(&text, self.colour, |text| text.chars().map(show).collect())
    }
}

/// A line that a board wrote. Colours end with it.
pub(crate) fn line(text: &str, colour: bool) -> String {
    let mut line = in_colours(text, colour, crate::plain_text::line);
    if line.contains('\x1b') {
        line.push_str(RESET);
    }
    line
}

/// Everything between the colour sequences as `show` has it, and the sequences themselves if they are wanted.
fn in_colours(text: &str, colour: bool, show: impl Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut from = 0;
    while let Some(escape) = rest[from..].find('\x1b').map(|at| from + at) {
        let Sequence::Colour { length, shows } = sequence(&rest.as_bytes()[escape..]) else {
            from = escape + 1;
            continue;
        };
        out.push_str(&show(&rest[..escape]));
        if colour && shows {
            out.push_str(&rest[escape..escape + length]);
        }
        rest = &rest[escape + length..];
        from = 0;
    }
    out.push_str(&show(rest));
    out
}

enum Sequence {
    /// Select Graphic Rendition. `shows` is false for text that blinks or is hidden.
    Colour {
        length: usize,
        shows: bool,
    },
    /// It may become one.
    Unfinished,
    Other,
}

/// Which sequence begins with the escape character at the beginning of `bytes`.
fn sequence(bytes: &[u8]) -> Sequence {
    match bytes.get(1) {
        None => return Sequence::Unfinished,
        Some(b'[') => {}
        Some(_) => return Sequence::Other,
    }
    for (length, byte) in bytes.iter().enumerate().take(MOST_SEQUENCE).skip(2) {
        match byte {
            b'0'..=b'9' | b';' | b':' => {}
            b'm' => {
                return Sequence::Colour {
                    length: length + 1,
                    shows: all_visible(&bytes[2..length]),
                };
            }
            _ => return Sequence::Other,
        }
    }
    if bytes.len() < MOST_SEQUENCE {
        Sequence::Unfinished
    } else {
        Sequence::Other
    }
}

/// Whether the parameters of a colour sequence leave the text readable: they neither blink (5, 6) nor conceal (8).
fn all_visible(parameters: &[u8]) -> bool {
    let mut parameters = parameters.split(|byte| *byte == b';');
    while let Some(parameter) = parameters.next() {
        match parameter {
            b"5" | b"6" | b"8" => return false,
            // A colour by number or by red, green and blue.
            b"38" | b"48" | b"58" => {
                let values = match parameters.next() {
                    Some(b"5") => 1,
                    Some(b"2") => 3,
                    _ => return false,
                };
                parameters.by_ref().take(values).for_each(drop);
            }
            _ => {}
        }
    }
    true
}

/// How many bytes at the end begin a character or a sequence whose rest is not here yet.
fn unfinished(bytes: &[u8]) -> usize {
    if let Some(escape) = bytes.iter().rposition(|byte| *byte == 0x1b)
        && matches!(sequence(&bytes[escape..]), Sequence::Unfinished)
    {
        return bytes.len() - escape;
    }
    // A character has at most four bytes.
    for length in 1..=bytes.len().min(3) {
        let tail = &bytes[bytes.len() - length..];
        if tail[0] & 0xc0 == 0x80 {
            continue;
        }
        return match std::str::from_utf8(tail) {
            Err(error) if error.error_len().is_none() => length,
            _ => 0,
        };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(colour: bool, bytes: &[u8]) -> String {
        BoardText::new(colour).take(bytes)
    }

    #[test]
    fn a_board_cannot_steer_the_users_terminal() {
        assert_eq!(
            text(true, b"ok\r\n\x1b[2J\x07\xff"),
            "ok\r\n\u{fffd}[2J\u{fffd}\u{fffd}"
        );
        assert_eq!(text(true, b"\x1b[8mhidden\x1b[0;5m blinks"), "hidden blinks");
        assert_eq!(text(true, b"\x1b]0;title\x07"), "\u{fffd}]0;title\u{fffd}");
        assert_eq!(
            text(true, &[b"\x1b[".as_slice(), &[b'1'; 60], b"m"].concat())
                .chars()
                .next(),
            Some('\u{fffd}')
        );
    }

    #[test]
    fn colours_stay_where_the_terminal_shows_them() {
        let zephyr = b"\x1b[1;33m<wrn> low battery\x1b[0m\r\n";
        assert_eq!(text(true, zephyr), "\x1b[1;33m<wrn> low battery\x1b[0m\r\n");
        assert_eq!(text(false, zephyr), "<wrn> low battery\r\n");
        assert_eq!(text(true, b"\x1b[38;5;8mgrey"), "\x1b[38;5;8mgrey");
        assert_eq!(text(true, b"\x1b[38;2;5;6;8mnavy"), "\x1b[38;2;5;6;8mnavy");
    }

    #[test]
    fn colours_of_a_line_end_with_it() {
        assert_eq!(line("\x1b[31mbad", true), "\x1b[31mbad\x1b[0m");
        assert_eq!(line("\x1b[31mbad", false), "bad");
        assert_eq!(line("\x1b[31mbad\x1b[2K", true), "\x1b[31mbad␛[2K\x1b[0m");
        assert_eq!(line("good", true), "good");
    }

    #[test]
    fn what_is_divided_between_chunks_is_whole() {
        let mut stream = BoardText::new(true);
        let chunks: [&[u8]; 5] = [b"20 \xc2", b"\xb0C \x1b", b"[3", b"2mok", b"\xff"];
        let shown: String = chunks.iter().map(|chunk| stream.take(chunk)).collect();
        assert_eq!(shown, "20 °C \x1b[32mok\u{fffd}");
    }

    proptest! {
        #[test]
        fn chunks_change_nothing(bytes in proptest::collection::vec(piece(), 0..40), cut in 1_usize..9) {
            let bytes = bytes.concat();
            let whole = {
                let mut stream = BoardText::new(true);
                stream.take(&bytes) + &stream.take(b"\n")
            };
            let mut stream = BoardText::new(true);
            let mut cut: String = bytes.chunks(cut).map(|chunk| stream.take(chunk)).collect();
            cut += &stream.take(b"\n");
            prop_assert_eq!(&cut, &whole);
            prop_assert!(stream.held.len() < MOST_SEQUENCE);
            // Without colours nothing of a sequence is left.
            prop_assert!(!text(false, &bytes).contains('\x1b'));
        }
    }

    fn piece() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            any::<u8>().prop_map(|byte| vec![byte]),
            Just(b"\x1b[".to_vec()),
            "[0-9;]{0,6}".prop_map(String::into_bytes),
            Just(b"m".to_vec()),
            any::<char>().prop_map(|c| c.to_string().into_bytes()),
        ]
    }
}
