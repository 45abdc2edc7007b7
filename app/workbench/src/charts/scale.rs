//! Ranges, ticks and labels of plots, the same as in the window (ui/src/lib/signals/scale.ts).
//! `ui/test/plot-cases.json` holds values that both must produce.

use drydock_api::Series;

/// No-break space: between a figure and its unit.
const NBSP: char = '\u{a0}';
const KIB: f64 = 1024.0;

/// Bottom and top of a plot. Some quantities start at zero; others show their own range with a margin.
pub(super) fn range(unit: &str, max: Option<f64>, extremes: Option<(f64, f64)>) -> (f64, f64) {
    let Some((low, high)) = extremes else {
        return (0.0, max.unwrap_or_else(|| nice_top(0.0, unit)));
    };
    let from_zero = unit == "B" || unit == "%" || unit.ends_with("/s") || (low >= 0.0 && low <= high * 0.5);
    if from_zero && low >= 0.0 {
        // Below this, noise would fill the plot.
        let lowest = match unit {
            "%" => 1.0,
            "B" => KIB,
            _ => 0.0,
        };
        let top = nice_top((high * 1.1).max(lowest), unit);
        return (
            0.0,
            max.filter(|max| *max >= high && *max > 0.0)
                .map_or(top, |max| top.min(max)),
        );
    }
    let whole = unit.is_empty() && low.fract() == 0.0 && high.fract() == 0.0;
    let least = match unit {
        "°C" => 0.5,
        _ if whole => 2.0,
        _ => 0.0,
    };
    let span = high - low;
    let air = (span * 0.15)
        .max(high.abs() * 0.002)
        .max((least - span) / 2.0)
        .max(1e-6);
    (low - air, high + air)
}

/// The next of 1, 2, 2.5, 4, 5, 8 × 10ⁿ (or 2ⁿ for bytes) at or above a value.
fn nice_top(value: f64, unit: &str) -> f64 {
    match (value > 0.0, unit) {
        (false, "B") => KIB,
        (false, _) => 1.0,
        (true, "B") => value.log2().ceil().exp2(),
        (true, _) => {
            let decade = 10_f64.powf(value.log10().floor());
            let steps = [1.0, 2.0, 2.5, 4.0, 5.0, 8.0, 10.0];
            let step = steps.into_iter().find(|step| step * decade >= value * (1.0 - 1e-9));
            step.unwrap_or(10.0) * decade
        }
    }
}

/// Number of decimal places that a step needs, at most `most`.
fn digits(step: f64, most: usize) -> usize {
    (0..most)
        .find(|digits| {
            let scaled = step * 10_f64.powi(*digits as i32);
            (scaled - scaled.round()).abs() < 1e-6 * scaled.max(1.0)
        })
        .unwrap_or(most)
}

/// The divisor for figures up to a magnitude, and the unit with its prefix.
fn prefix(magnitude: f64, unit: &str) -> (f64, String) {
    match unit {
        "B" if magnitude >= KIB * KIB => (KIB * KIB, "MiB".into()),
        "B" if magnitude >= KIB => (KIB, "KiB".into()),
        "B" | "%" => (1.0, unit.into()),
        _ if magnitude >= 1e9 => (1e9, format!("G{unit}")),
        _ if magnitude >= 1e6 => (1e6, format!("M{unit}")),
        _ if magnitude >= 1e4 => (1e3, format!("k{unit}")),
        _ => (1.0, unit.into()),
    }
}

/// Positions of the grid's lines, from the bottom up; at most `steps` (2 or 4) intervals.
pub(super) fn ticks((low, high): (f64, f64), unit: &str, steps: u32) -> Vec<f64> {
    if low == 0.0 {
        let (size, _) = prefix(high, unit);
        let parts = if steps == 4 && digits(high / size / 4.0, 3) <= 2 {
            4
        } else {
            2
        };
        return (0..=parts)
            .map(|part| high * f64::from(part) / f64::from(parts))
            .collect();
    }
    let raw = (high - low) / f64::from(steps);
    let decade = 10_f64.powf(raw.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * decade);
    let step = steps
        .into_iter()
        .find(|step| *step >= raw * (1.0 - 1e-9))
        .unwrap_or(raw);
    let first = (low / step - 1e-9).ceil() as i64;
    (first..)
        .map(|index| index as f64 * step)
        .take_while(|tick| *tick <= high + step * 1e-9)
        .collect()
}

/// The ticks as text, all with the same prefix and the same number of digits.
pub(super) fn tick_labels(ticks: &[f64], unit: &str) -> Vec<String> {
    let (size, word) = prefix(ticks.iter().fold(0.0, |most, tick| tick.abs().max(most)), unit);
    let step = match ticks {
        [first, second, ..] => (second - first) / size,
        [one] => one.abs() / size,
        [] => 0.0,
    };
    let digits = digits(step, if unit == "B" { 1 } else { 6 });
    let label = |tick: &f64| match *tick == 0.0 {
        true => "0".to_owned(),
        false => with_unit(format!("{:.digits$}", tick / size), &word),
    };
    ticks.iter().map(label).collect()
}

/// A value with its unit, as the window writes it (`quantity` in ui/src/lib/format/format.ts).
pub(super) fn written(value: Option<f64>, unit: &str) -> String {
    let Some(value) = value else {
        return "–".into();
    };
    match unit {
        "B" => {
            let (size, word) = prefix(value, unit);
            let scaled = value / size;
            let figure = match size {
                _ if size == 1.0 => format!("{value:.0}"),
                _ if scaled >= 100.0 => format!("{scaled:.0}"),
                _ => format!("{scaled:.1}").trim_end_matches(".0").to_owned(),
            };
            with_unit(figure, &word)
        }
        "%" if value >= 99.95 || value == 0.0 => with_unit(format!("{value:.0}"), unit),
        "%" => with_unit(format!("{value:.1}"), unit),
        _ => {
            let (size, word) = prefix(value.abs(), unit);
            let scaled = value / size;
            let figure = match scaled.abs() {
                _ if size == 1.0 && value.fract() == 0.0 => format!("{value:.0}"),
                size if size >= 100.0 => format!("{scaled:.0}"),
                size if size >= 10.0 => format!("{scaled:.1}"),
                _ => format!("{scaled:.2}"),
            };
            with_unit(figure, &word)
        }
    }
}

fn with_unit(figure: String, unit: &str) -> String {
    if unit.is_empty() {
        figure
    } else {
        format!("{figure}{NBSP}{unit}")
    }
}

/// Steps of the time axis in seconds.
const TIME_STEPS: [f64; 13] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0,
];
/// Width of a time label with its margin, in pixels.
const TIME_LABEL: f64 = 76.0;

/// Full seconds, minutes or hours between two instants, as close as labels allow in a width in pixels. Milliseconds
/// since the Unix epoch; `offset_ms` is the displayed clock's offset from UTC.
pub(super) fn time_ticks(from_ms: f64, to_ms: f64, width: f64, offset_ms: f64) -> Vec<f64> {
    let most = (width / TIME_LABEL).floor().max(1.0);
    let steps = TIME_STEPS.map(|step| step * 1000.0);
    let step = steps.into_iter().find(|step| (to_ms - from_ms) / step <= most);
    let step = step.unwrap_or_else(|| ((to_ms - from_ms) / most / 3.6e6).ceil() * 3.6e6);
    let first = ((from_ms + offset_ms) / step).ceil();
    (0..)
        .map(|index| (first + f64::from(index)) * step - offset_ms)
        .take_while(|tick| *tick <= to_ms)
        .collect()
}

/// A stretch of time without samples, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Gap {
    pub(super) from_ms: f64,
    pub(super) to_ms: f64,
}

/// A line that ended less than this long ago, in milliseconds, has not stopped yet: a sample may be late.
const QUIET_MS: f64 = 3000.0;

/// The gaps of a line up to an instant, including the time since its last sample.
pub(super) fn gaps(line: &Series, until_ms: f64) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut last: Option<f64> = None;
    let mut open = false;
    for (time, value) in line.times_ms.iter().zip(&line.values) {
        match (value, last) {
            (None, _) => open = last.is_some(),
            (Some(_), Some(from_ms)) if open => {
                gaps.push(Gap { from_ms, to_ms: *time });
                (last, open) = (Some(*time), false);
            }
            (Some(_), _) => (last, open) = (Some(*time), false),
        }
    }
    let quiet = QUIET_MS.max(crate::series::GAP_INTERVALS * usual_interval(line));
    gaps.extend(last.filter(|last| until_ms - last > quiet).map(|from_ms| Gap {
        from_ms,
        to_ms: until_ms,
    }));
    gaps
}

/// The median time between two samples without a gap between them, in milliseconds; 0 if there are none.
fn usual_interval(line: &Series) -> f64 {
    let present = |at: usize| line.values[at].is_some();
    let mut steps: Vec<f64> = (1..line.values.len())
        .rev()
        .filter(|at| present(*at) && present(at - 1))
        .map(|at| line.times_ms[at] - line.times_ms[at - 1])
        .take(64)
        .collect();
    steps.sort_unstable_by(f64::total_cmp);
    steps.get(steps.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn cases(of: &str) -> Vec<Value> {
        let all: Value = serde_json::from_str(include_str!("../../../../ui/test/plot-cases.json")).unwrap();
        all[of].as_array().unwrap().clone()
    }

    #[test]
    fn ranges_are_those_of_the_window() {
        for case in cases("ranges") {
            let extremes = case["low"].as_f64().zip(case["high"].as_f64());
            let (low, high) = range(case["unit"].as_str().unwrap(), case["max"].as_f64(), extremes);
            let wanted = |at: usize| case["range"][at].as_f64().unwrap();
            assert!(
                (low - wanted(0)).abs() < 1e-9 && (high - wanted(1)).abs() < 1e-6,
                "{case}: {low} to {high}"
            );
        }
    }

    #[test]
    fn ticks_and_their_labels_are_those_of_the_window() {
        for case in cases("ticks") {
            let unit = case["unit"].as_str().unwrap();
            let range = (case["low"].as_f64().unwrap(), case["high"].as_f64().unwrap());
            let labels = tick_labels(&ticks(range, unit, case["steps"].as_u64().unwrap() as u32), unit);
            let labels: Vec<String> = labels.iter().map(|label| label.replace(NBSP, " ")).collect();
            assert_eq!(serde_json::to_value(labels).unwrap(), case["labels"], "{case}");
        }
    }

    #[test]
    fn values_are_written_as_in_the_window() {
        for case in cases("values") {
            let text = written(case["value"].as_f64(), case["unit"].as_str().unwrap());
            assert_eq!(text.replace(NBSP, " "), case["text"].as_str().unwrap());
        }
    }

    #[test]
    fn the_time_axis_marks_full_units_of_the_clock_shown() {
        let from = 1_700_000_003_000.0;
        let at = |ticks: Vec<f64>| ticks.iter().map(|tick| (tick - from) / 1000.0).collect::<Vec<_>>();
        assert_eq!(
            at(time_ticks(from, from + 60_000.0, 500.0, 0.0)),
            [7.0, 17.0, 27.0, 37.0, 47.0, 57.0]
        );
        let half_an_hour = time_ticks(from, from + 7.2e6, 200.0, 1.8e6);
        assert!(
            half_an_hour.iter().all(|tick| (tick + 1.8e6) % 3.6e6 == 0.0),
            "{half_an_hour:?}"
        );
    }
}
