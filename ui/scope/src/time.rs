//! Times as people read and write them: labels of the axis, readouts, durations in fields.

/// Nanoseconds of a second.
pub const SECOND_NS: f64 = 1e9;
const UNITS: [(f64, &str); 4] = [(1.0, "ns"), (1e3, "µs"), (1e6, "ms"), (1e9, "s")];
/// Steps above a second, in seconds: what clocks count in.
const CLOCK_STEPS: [f64; 15] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 21_600.0,
];

/// Marks of a time axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Ticks {
    /// Distance of two marks, in ns.
    pub step_ns: f64,
    /// Instant and label of each mark.
    pub marks: Vec<(f64, String)>,
}

impl Ticks {
    /// The marks of a range, at most `most` of them, at round instants.
    pub fn new(from_ns: f64, span_ns: f64, most: usize) -> Self {
        let ticks = Self::none(span_ns, most);
        let marks = marks(from_ns, span_ns, ticks.step_ns, most).collect();
        Self { marks, ..ticks }
    }

    /// The distance of the marks of a range, without marks.
    pub fn none(span_ns: f64, most: usize) -> Self {
        Self {
            step_ns: step(span_ns / most.max(1) as f64),
            marks: Vec::new(),
        }
    }
}

/// Instant and label of the marks of a range that have this distance, at most `most` and one.
pub fn marks(from_ns: f64, span_ns: f64, step_ns: f64, most: usize) -> impl Iterator<Item = (f64, String)> {
    let first = (from_ns / step_ns).ceil();
    (0..=most)
        .map(move |index| (first + index as f64) * step_ns)
        .take_while(move |at_ns| *at_ns <= from_ns + span_ns)
        .map(move |at_ns| (at_ns, tick_label(at_ns, step_ns)))
}

/// The smallest round distance that is at least this long.
fn step(least_ns: f64) -> f64 {
    if least_ns <= SECOND_NS / 2.0 {
        let decade = 10_f64.powf(least_ns.max(1.0).log10().floor());
        let factor = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .find(|factor| factor * decade >= least_ns * (1.0 - 1e-9));
        return factor.unwrap_or(10.0) * decade;
    }
    let seconds = least_ns / SECOND_NS;
    match CLOCK_STEPS.iter().find(|step| **step >= seconds) {
        Some(step) => step * SECOND_NS,
        None => (seconds / 43_200.0).ceil() * 43_200.0 * SECOND_NS,
    }
}

/// A mark that is a multiple of the next larger unit carries the whole time, the others what they are behind it.
fn tick_label(at_ns: f64, step_ns: f64) -> String {
    if step_ns >= SECOND_NS / 10.0 {
        return instant(at_ns);
    }
    let unit = UNITS.iter().rposition(|(size, _)| step_ns >= *size).unwrap_or(0);
    let (size, name) = UNITS[unit];
    let larger = UNITS.get(unit + 1).map_or(SECOND_NS, |(size, _)| *size);
    let base_ns = (at_ns / larger + 1e-9).floor() * larger;
    let rest = ((at_ns - base_ns) / size).round();
    if rest == 0.0 {
        instant(base_ns)
    } else {
        format!("+{rest} {name}")
    }
}

/// An instant with all its digits that say something: `1.500 s`, `2:05.000 020 s`.
pub fn instant(ns: f64) -> String {
    let rounded = ns.round();
    let (sign, ns) = (if rounded < 0.0 { "−" } else { "" }, rounded.abs());
    let seconds = (ns / SECOND_NS).floor();
    let rest = (ns - seconds * SECOND_NS) as u64;
    let mut groups = format!(".{:03}", rest / 1_000_000);
    if !rest.is_multiple_of(1_000_000) {
        groups += &format!(" {:03}", rest / 1_000 % 1_000);
    }
    if !rest.is_multiple_of(1_000) {
        groups += &format!(" {:03}", rest % 1_000);
    }
    if rest == 0 {
        groups.clear();
    }
    let whole = seconds as u64;
    match whole {
        0..60 => format!("{sign}{whole}{groups} s"),
        60..3_600 => format!("{sign}{}:{:02}{groups}", whole / 60, whole % 60),
        _ => format!(
            "{sign}{}:{:02}:{:02}{groups}",
            whole / 3_600,
            whole / 60 % 60,
            whole % 60
        ),
    }
}

/// A length of time with four digits: `1.25 ms`, `20 ns`, `3:20 min`.
pub fn duration(ns: f64) -> String {
    let size = ns.abs();
    if size >= 60.0 * SECOND_NS {
        return instant(ns);
    }
    let (unit, name) = UNITS
        .iter()
        .rev()
        .find(|(unit, _)| size >= *unit)
        .copied()
        .unwrap_or(UNITS[0]);
    format!("{} {name}", number(ns / unit))
}

/// A frequency with four digits: `9.6 kHz`.
pub fn frequency(hz: f64) -> String {
    let units = [(1e9, "GHz"), (1e6, "MHz"), (1e3, "kHz")];
    let (unit, name) = units
        .into_iter()
        .find(|(unit, _)| hz.abs() >= *unit)
        .unwrap_or((1.0, "Hz"));
    format!("{} {name}", number(hz / unit))
}

/// A number with about five digits and no needless zeros.
pub fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".into() } else { "–".into() };
    }
    let size = value.abs();
    if !(1e-4..1e7).contains(&size) {
        return format!("{value:.3e}").replace('-', "−");
    }
    let digits = (4 - size.log10().floor() as i32).clamp(0, 8) as usize;
    let mut text = format!("{value:.digits$}");
    if text.contains('.') {
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    text.replace('-', "−")
}

/// Reads `1.5 ms`, `20us`, `3`; a number alone is in seconds. `None` if it is no time of at least zero.
pub fn parse_duration(text: &str) -> Option<f64> {
    let text = text.trim();
    let end = text
        .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
        .unwrap_or(text.len());
    let value: f64 = text[..end].parse().ok()?;
    let unit = match text[end..].trim() {
        "" | "s" => 1e9,
        "ms" => 1e6,
        "µs" | "us" | "μs" => 1e3,
        "ns" => 1.0,
        "min" => 60e9,
        _ => return None,
    };
    Some(value * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn labels(from_ns: f64, span_ns: f64, expected: &[&str]) {
        let ticks = Ticks::new(from_ns, span_ns, 5);
        let labels: Vec<&str> = ticks.marks.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(labels, expected, "step {}", ticks.step_ns);
    }

    #[test]
    fn ticks_are_round_and_say_the_whole_time_once() {
        labels(0.0, 10e9, &["0 s", "2 s", "4 s", "6 s", "8 s", "10 s"]);
        labels(1.0e9, 2e3, &["1 s", "+500 ns", "1.000 001 s", "+500 ns", "1.000 002 s"]);
        labels(0.0, 100.0, &["0 s", "+20 ns", "+40 ns", "+60 ns", "+80 ns", "+100 ns"]);
        labels(-1e9, 2e9, &["−1 s", "−0.500 s", "0 s", "0.500 s", "1 s"]);
        labels(55e9, 20e9, &["55 s", "1:00", "1:05", "1:10", "1:15"]);
        labels(
            0.0,
            5.0 * 3_600e9,
            &["0 s", "1:00:00", "2:00:00", "3:00:00", "4:00:00", "5:00:00"],
        );
        labels(0.0, 1e15, &["0 s", "60:00:00", "120:00:00", "180:00:00", "240:00:00"]);
    }

    #[test]
    fn ticks_of_any_span_are_few() {
        let mut span_ns = 1.0;
        while span_ns < 5e18 {
            for most in [1, 2, 7, 20] {
                let ticks = Ticks::new(span_ns / 3.0, span_ns, most);
                assert!(ticks.marks.len() <= most + 1, "{span_ns} {most}");
                assert!(ticks.step_ns * 12.0 * most as f64 >= span_ns, "{span_ns} {most}");
            }
            span_ns *= 1.7;
        }
    }

    #[test]
    fn times_read_as_they_are_written() {
        assert_eq!(instant(1.5e9), "1.500 s");
        assert_eq!(instant(125_000_020_000.0), "2:05.000 020");
        assert_eq!(instant(1.0), "0.000 000 001 s");
        assert_eq!(duration(1_250_000.0), "1.25 ms");
        assert_eq!(duration(-20.0), "−20 ns");
        assert_eq!(frequency(9_600.0), "9.6 kHz");
        assert_eq!(frequency(0.5), "0.5 Hz");
        assert_eq!(number(3.3), "3.3");
        assert_eq!(number(1e12), "1.000e12");
        for (text, ns) in [
            ("1.5 ms", 1.5e6),
            ("20us", 2e4),
            ("3", 3e9),
            ("7 ns", 7.0),
            ("2 min", 120e9),
        ] {
            assert_eq!(parse_duration(text), Some(ns), "{text}");
        }
        for text in ["", "x", "1 m", "-3 s", "1..2 s"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
