//! Parses the monitor's output to values. Each format was recorded from a real Renode.

use std::path::Path;

use crate::machine::VirtualTime;

/// A file as an argument of a command. Its absolute path: Renode would take a plain name of an output file as one in
/// its own folder.
pub(super) fn file(path: &Path) -> String {
    format!("@{}", path.display().to_string().replace(' ', "\\ "))
}

/// A command that writes memory into a file, in the monitor's Python; `None` for a path that cannot be expressed there.
pub(super) fn copy_to(path: &Path, addr: u32, bytes: usize) -> Option<String> {
    let path = path
        .to_str()
        .filter(|path| !path.contains(['\'', '"', '\\']) && path.is_ascii())?;
    let read = format!("monitor.Machine.SystemBus.ReadBytes({addr:#x}, {bytes})");
    Some(format!("python \"System.IO.File.WriteAllBytes('{path}', {read})\""))
}

/// A number as the monitor prints it (`0x429BD365`), with surrounding whitespace.
pub(super) fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// `True` or `False`.
pub(super) fn truth(text: &str) -> Option<bool> {
    match text.trim() {
        "True" => Some(true),
        "False" => Some(false),
        _ => None,
    }
}

/// The values that are queried after each run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) now: VirtualTime,
    pub(super) instructions: u64,
    pub(super) pc: u64,
    pub(super) lights: Vec<bool>,
}

/// The answers to `currentTime`, to the core's two counters and to this many LEDs, in one line; other output of the
/// line comes before them.
pub(super) fn state(text: &str, lights: usize) -> Option<Seen> {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let (_, last) = lines.split_at_checked(lines.len().checked_sub(2 + lights)?)?;
    Some(Seen {
        now: virtual_time(text)?,
        instructions: number(last[0])?,
        pc: number(last[1])?,
        lights: last[2..].iter().map(|line| truth(line)).collect::<Option<_>>()?,
    })
}

/// A list of bytes: `[`, ten a line, each with a comma, `]`.
pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    let inner = text.trim().strip_prefix('[')?.strip_suffix(']')?;
    let items = inner.split(',').map(str::trim).filter(|item| !item.is_empty());
    items
        .map(|item| u8::try_from(number(item)?).ok())
        .collect::<Option<Vec<u8>>>()
}

/// The virtual time in the output of `currentTime`.
pub(super) fn virtual_time(text: &str) -> Option<VirtualTime> {
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("Current virtual time:"))?;
    time(line)
}

/// `[D.]HH:MM:SS.fffffffff`, with six to nine digits after the point.
fn time(text: &str) -> Option<VirtualTime> {
    let mut parts = text.trim().split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (days, hours) = match hours.split_once('.') {
        Some((days, hours)) => (days.parse::<u64>().ok()?, hours),
        None => (0, hours),
    };
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    if fraction.is_empty() || fraction.len() > 12 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let ps: u64 = format!("{fraction:0<12}").parse().ok()?;
    let (hours, minutes, seconds): (u64, u64, u64) =
        (hours.parse().ok()?, minutes.parse().ok()?, seconds.parse().ok()?);
    let whole = days
        .checked_mul(24)?
        .checked_add(hours)?
        .checked_mul(60)?
        .checked_add(minutes)?;
    let whole = whole.checked_mul(60)?.checked_add(seconds)?;
    Some(VirtualTime::from_ps(
        whole.checked_mul(1_000_000_000_000)?.checked_add(ps)?,
    ))
}

/// A span for the monitor, in seconds, rounded up to a microsecond, the finest unit in all versions.
pub(super) fn seconds(span: VirtualTime) -> String {
    let us = span.as_ps().div_ceil(1_000_000);
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}

/// The names in what `peripherals` prints.
pub(super) fn peripherals(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| {
            let (_, entry) = line.split_once("── ")?;
            Some(entry.split_once(" (")?.0)
        })
        .collect()
}

/// The version in `Renode v1.16.1.1234` or `Renode, version 1.16.1`.
pub(super) fn version(text: &str) -> Option<(u32, u32, u32)> {
    let start = text.find(|character: char| character.is_ascii_digit())?;
    let end = text[start..].find(|character: char| !character.is_ascii_digit() && character != '.');
    let mut parts = text[start..][..end.unwrap_or(text.len() - start)].split('.');
    let mut part = || parts.next().and_then(|part| part.parse().ok());
    Some((part()?, part()?, part().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_one_argument() {
        assert_eq!(file(Path::new("/tmp/a b/c d.save")), "@/tmp/a\\ b/c\\ d.save");
    }

    #[test]
    fn a_path_that_would_end_a_string_is_not_named() {
        let copy = copy_to(Path::new("/tmp/x y/read.bin"), 0x1000, 8).unwrap();
        assert!(copy.contains("('/tmp/x y/read.bin', monitor"), "{copy}");
        for path in ["/tmp/it's", "/tmp/\"", "/tmp/\\", "/tmp/ä"] {
            assert_eq!(copy_to(Path::new(path), 0, 1), None, "{path}");
        }
    }

    #[test]
    fn the_answers_of_one_line_are_told_apart() {
        let text = "Current virtual time: 00:00:00.002000000\r\nCurrent real time: 00:00:00.087539200\r\n\r0x0000000000000001\r\r\n0x20000000\r\r\nFalse\r\r\nTrue\r\r\n";
        let seen = Seen {
            now: VirtualTime::from_ms(2),
            instructions: 1,
            pc: 0x2000_0000,
            lights: vec![false, true],
        };
        assert_eq!(state(text, 2), Some(seen));
        assert_eq!(state(text, 3), None);
        assert_eq!(state(&text.replace("True", "0x1"), 2), None);
        assert_eq!(state("", 0), None);
    }

    #[test]
    fn recorded_forms_are_read() {
        assert_eq!(number("0x0000000000989680\r\r\n"), Some(10_000_000));
        assert_eq!(number("garbage"), None);
        assert_eq!(truth("True\r\n"), Some(true));
        let text = "Current virtual time: 00:00:00.100000000\r\nCurrent real time: 00:00:00.071729400\r\n\r";
        assert_eq!(virtual_time(text), Some(VirtualTime::from_ms(100)));
        assert_eq!(
            time("1.02:00:01.5"),
            Some(VirtualTime::from_ms((26 * 3_600 + 1) * 1_000 + 500))
        );
        assert_eq!(time("99999999999:00:00.0"), None);
        assert_eq!(time("00:00"), None);
        assert_eq!(bytes("[\r\n0x01, 0xFF, \r\n]\r\r\n"), Some(vec![1, 255]));
        assert_eq!(bytes("[\r\n0x01, 0x100, \r\n]"), None);
        assert_eq!(version("Renode v1.16.1.1234\n  build: x"), Some((1, 16, 1)));
        assert_eq!(version("Renode, version 1.15\r\n"), Some((1, 15, 0)));
        assert_eq!(version("no number"), None);
    }

    #[test]
    fn a_span_is_never_written_shorter() {
        assert_eq!(seconds(VirtualTime::from_ms(1_500)), "1.500000");
        assert_eq!(seconds(VirtualTime::from_ps(1)), "0.000001");
    }
}
