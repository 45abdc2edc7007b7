//! Times, frequencies and shares as people write them: `200 ms`, `5 Hz`, `2 %`. Times are exact to the nanosecond.

use std::time::Duration;

/// Longest time that is accepted.
pub const MAX_TIME: Duration = Duration::from_secs(24 * 3600);

/// A text is no quantity. The error is a sentence without its end that says what to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// No time.
    #[error("`{0}` is no time; write for example \"200 ms\", \"1.5 s\" or \"2 min\"")]
    Time(String),
    /// Finer than a nanosecond.
    #[error("`{0}` is finer than a nanosecond")]
    TooFine(String),
    /// Longer than [`MAX_TIME`].
    #[error("`{0}` is longer than 24 hours")]
    TooLong(String),
    /// No frequency.
    #[error("`{0}` is no frequency above 0; write for example \"5 Hz\", \"1.5 kHz\" or \"2 MHz\"")]
    Frequency(String),
    /// No share.
    #[error("`{0}` is no share from 0 to 100 %; write for example \"2 %\"")]
    Percent(String),
}

/// Units of time in nanoseconds, the longest first.
const TIMES: [(&str, u64); 7] = [
    ("min", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ns", 1),
];

/// Reads a time: a decimal number and one of `ns`, `us`, `µs`, `ms`, `s`, `min`.
///
/// # Errors
/// [`UnitError`]: another text, a part of a nanosecond, or more than [`MAX_TIME`].
pub fn time(text: &str) -> Result<Duration, UnitError> {
    let none = || UnitError::Time(shown(text));
    let (number, unit) = split(text);
    let (_, scale) = TIMES.iter().find(|(name, _)| *name == unit).ok_or_else(none)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return Err(none());
    }
    let long = || UnitError::TooLong(shown(text));
    let fraction = fraction.trim_end_matches('0');
    // The finest unit with a fraction is the minute, whose nanoseconds have eleven digits.
    if fraction.len() > 11 {
        return Err(UnitError::TooFine(shown(text)));
    }
    let whole: u64 = whole
        .trim_start_matches('0')
        .parse()
        .or_else(|_| match whole.trim_start_matches('0') {
            "" => Ok(0),
            _ => Err(long()),
        })?;
    let divisor = 10_u128.pow(fraction.len() as u32);
    let part: u128 = match fraction {
        "" => 0,
        fraction => fraction.parse().map_err(|_| none())?,
    };
    let part = part * u128::from(*scale);
    if !part.is_multiple_of(divisor) {
        return Err(UnitError::TooFine(shown(text)));
    }
    let ns = u128::from(whole) * u128::from(*scale) + part / divisor;
    let time = u64::try_from(ns).map(Duration::from_nanos).map_err(|_| long())?;
    (time <= MAX_TIME).then_some(time).ok_or_else(long)
}

/// Writes a time in the longest unit below a minute in which it is a number of few digits, so that [`time`] reads the same.
pub fn show_time(time: Duration) -> String {
    let ns = time.as_nanos();
    let (unit, scale) = match ns {
        0 => return "0 s".into(),
        1_000_000_000.. => ("s", 1_000_000_000),
        1_000_000.. => ("ms", 1_000_000),
        1_000.. => ("us", 1_000),
        _ => ("ns", 1),
    };
    let fraction = format!("{:09}", ns % scale * (1_000_000_000 / scale));
    match fraction.trim_end_matches('0') {
        "" => format!("{} {unit}", ns / scale),
        fraction => format!("{}.{fraction} {unit}", ns / scale),
    }
}

/// Reads a frequency in `Hz`, `kHz` or `MHz`; the result is in hertz and above 0.
///
/// # Errors
/// [`UnitError::Frequency`].
pub fn frequency(text: &str) -> Result<f64, UnitError> {
    let (number, unit) = split(text);
    let scale = match unit {
        "Hz" => 1.0,
        "kHz" => 1e3,
        "MHz" => 1e6,
        _ => return Err(UnitError::Frequency(shown(text))),
    };
    let hz = decimal(number).map(|number| number * scale);
    hz.filter(|hz| *hz > 0.0 && *hz <= 1e9)
        .ok_or_else(|| UnitError::Frequency(shown(text)))
}

/// Reads a share such as `2 %`; the result is from 0 to 1.
///
/// # Errors
/// [`UnitError::Percent`].
pub fn percent(text: &str) -> Result<f64, UnitError> {
    let (number, unit) = split(text);
    let share = decimal(number).filter(|_| unit == "%").map(|number| number / 100.0);
    share
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| UnitError::Percent(shown(text)))
}

/// Number and unit.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

/// Digits with at most one point in between; `f64` alone would read `inf` and `1e9` too.
fn decimal(text: &str) -> Option<f64> {
    let plain = text.len() <= 32 && text.starts_with(|c: char| c.is_ascii_digit()) && !text.ends_with('.');
    text.parse().ok().filter(|_| plain)
}

/// A text of a file in a message: not too long.
fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times() {
        for (text, ns) in [
            ("200 ms", 200_000_000),
            ("1.5 s", 1_500_000_000),
            ("1.5s", 1_500_000_000),
            ("0.5us", 500),
            ("7 µs", 7_000),
            ("2 min", 120_000_000_000),
            ("0.1 min", 6_000_000_000),
            ("0 s", 0),
            ("007.250 ms", 7_250_000),
            ("24 ns", 24),
            ("1.000000000000000 s", 1_000_000_000),
        ] {
            assert_eq!(time(text), Ok(Duration::from_nanos(ns)), "{text}");
        }
        for bad in [
            "", "5", "ms", "-1 s", "1 h", "1e3 s", "inf s", "1..5 s", "1. s", ".5 s", "1 s s", "٣ s", "1 S",
        ] {
            assert_eq!(time(bad), Err(UnitError::Time(bad.into())), "{bad}");
        }
        assert!(matches!(time("0.5 ns"), Err(UnitError::TooFine(_))));
        assert!(matches!(time("0.0000000000001 min"), Err(UnitError::TooFine(_))));
        assert!(matches!(time("1440.1 min"), Err(UnitError::TooLong(_))));
        assert!(matches!(
            time("99999999999999999999999999 s"),
            Err(UnitError::TooLong(_))
        ));
    }

    #[test]
    fn frequencies_and_shares() {
        assert_eq!(frequency("5 Hz"), Ok(5.0));
        assert_eq!(frequency("1.5kHz"), Ok(1500.0));
        assert_eq!(percent("2 %"), Ok(0.02));
        assert_eq!(percent("100%"), Ok(1.0));
        for bad in [
            "",
            "5",
            "0 Hz",
            "-5 Hz",
            "inf Hz",
            "1e3 Hz",
            "5 hz",
            "9999999 MHz",
            "5. Hz",
        ] {
            assert!(frequency(bad).is_err(), "{bad}");
        }
        for bad in ["", "2", "101 %", "-1 %", "NaN %", "2 percent"] {
            assert!(percent(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_written_time_is_read_as_the_same(ns in 0_u64..=24 * 3600 * 1_000_000_000) {
            let written = Duration::from_nanos(ns);
            prop_assert_eq!(time(&show_time(written)), Ok(written));
        }

        #[test]
        fn any_text_is_a_quantity_or_an_error(text in ".{0,40}") {
            if let Ok(read) = time(&text) {
                prop_assert!(read <= MAX_TIME);
            }
            if let Ok(hz) = frequency(&text) {
                prop_assert!(hz > 0.0 && hz.is_finite());
            }
            if let Ok(share) = percent(&text) {
                prop_assert!((0.0..=1.0).contains(&share));
            }
        }

        #[test]
        fn more_digits_never_make_a_time_shorter(whole in 0_u32..1000, fraction in 0_u32..1_000_000_000) {
            let less = time(&format!("{whole} s")).unwrap();
            let more = time(&format!("{whole}.{fraction:09} s")).unwrap();
            prop_assert!(more >= less && more < less + Duration::from_secs(1));
        }
    }
}
