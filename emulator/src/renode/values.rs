//! What the monitor prints, as values. Each form was recorded from a real one.

use crate::builtin::time::VirtualTime;

/// A number as the monitor prints it (`0x429BD365`), with whatever space around it.
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

/// A list of bytes: `[`, ten a line, each with a comma, `]`.
pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    let inner = text.trim().strip_prefix('[')?.strip_suffix(']')?;
    let items = inner.split(',').map(str::trim).filter(|item| !item.is_empty());
    items
        .map(|item| u8::try_from(number(item)?).ok())
        .collect::<Option<Vec<u8>>>()
}

/// The virtual time in what `currentTime` prints.
pub(super) fn virtual_time(text: &str) -> Option<VirtualTime> {
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("Current virtual time:"))?;
    time(line)
}

/// `[D.]HH:MM:SS.fffffffff`, with six to nine digits behind the point.
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

/// A span as the monitor reads it, in seconds, not shorter than it is: to the microsecond, its finest unit in all
/// versions.
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
