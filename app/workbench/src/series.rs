//! Metrics as lines for plots: decimated so that extremes survive, with gaps where samples are missing.

use crate::api::{MetricSample, Series};
use std::collections::BTreeMap;

/// An interval without samples that is longer than this many usual intervals is a gap. The window uses the same number.
pub(crate) const GAP_INTERVALS: f64 = 2.5;
/// Number of intervals before and after a pair of samples from which the usual interval is computed.
const NEIGHBOURS: usize = 8;

/// The series of these samples (ascending in time), of all ids or of the requested ones, each with at most `max_points`
/// points. `None` in a line is a gap: nothing was measured there, and no line may be drawn through it.
pub(crate) fn series(samples: &[MetricSample], wanted: &[String], max_points: u32) -> Vec<Series> {
    let mut lines: BTreeMap<Id, Line> = BTreeMap::new();
    for (index, (sample, gap)) in samples.iter().zip(gaps(samples)).enumerate() {
        for (id, unit, max, value) in quantities(sample) {
            let line = lines.entry(id).or_insert_with(|| Line::new(unit));
            line.max = max.or(line.max);
            // A stopped app, or a sensor that did not answer, has no value in the samples between.
            if gap || line.last.is_some_and(|last| last + 1 != index) {
                line.break_at(sample.time_ms as f64);
            }
            line.last = Some(index);
            line.points.push((sample.time_ms as f64, Some(value)));
        }
    }
    lines
        .into_iter()
        .filter(|(id, _)| wanted.is_empty() || wanted.contains(&id.text))
        .map(|(id, line)| {
            let points = decimate(&line.points, max_points as usize);
            Series {
                id: id.text,
                title: id.title,
                unit: line.unit.into(),
                max: line.max,
                times_ms: points.iter().map(|point| point.0).collect(),
                values: points.iter().map(|point| point.1).collect(),
            }
        })
        .collect()
}

/// Removes points later than an instant, in milliseconds since the Unix epoch.
pub(crate) fn cut(line: &mut Series, to_ms: f64) {
    let kept = line.times_ms.partition_point(|time| *time <= to_ms);
    line.times_ms.truncate(kept);
    line.values.truncate(kept);
}

/// Whether there is a gap before each sample: samples were lost, the board was reset, or its time stood still (a pause, a
/// debugger, no power, a lost link, a host that slept).
fn gaps(samples: &[MetricSample]) -> Vec<bool> {
    let lost: Vec<bool> = samples
        .windows(2)
        .map(|pair| pair[1].sequence != pair[0].sequence.wrapping_add(1) || pair[1].uptime_ms < pair[0].uptime_ms)
        .collect();
    let steps: Vec<f64> = samples
        .windows(2)
        .map(|pair| pair[1].time_ms.saturating_sub(pair[0].time_ms) as f64)
        .collect();
    let late = |at: usize| {
        let near = at.saturating_sub(NEIGHBOURS)..(at + NEIGHBOURS + 1).min(steps.len());
        let mut usual: Vec<f64> = near
            .filter(|step| *step != at && !lost[*step])
            .map(|step| steps[step])
            .collect();
        usual.sort_unstable_by(f64::total_cmp);
        // Too few samples to compare with: use the interval on the board's own clock.
        let own = samples[at + 1].uptime_ms.saturating_sub(samples[at].uptime_ms) as f64;
        let interval = if usual.len() < 3 { own } else { usual[usual.len() / 2] };
        steps[at] > GAP_INTERVALS * interval
    };
    let between = (0..steps.len()).map(|at| lost[at] || late(at));
    std::iter::once(false).chain(between).take(samples.len()).collect()
}

/// Keeps the lowest and the highest point of each bucket in their order, and a gap wherever a line between two kept
/// points would cross one.
pub(crate) fn decimate(points: &[(f64, Option<f64>)], max_points: usize) -> Vec<(f64, Option<f64>)> {
    if points.len() <= max_points {
        return points.to_vec();
    }
    let gaps = points.iter().any(|point| point.1.is_none());
    // A bucket yields at most its lowest and highest point, and a gap before, between and after them.
    let buckets = match (gaps, max_points) {
        (false, _) => max_points / 2,
        (true, ..5) => 1,
        (true, _) => max_points / 5,
    };
    let (first, last) = (points[0].0, points[points.len() - 1].0);
    let width = ((last - first) / buckets as f64).max(f64::MIN_POSITIVE);
    let bucket_of = |time: f64| (((time - first) / width) as usize).min(buckets - 1);

    let mut out = Vec::with_capacity(max_points);
    for bucket in points.chunk_by(|a, b| bucket_of(a.0) == bucket_of(b.0)) {
        let values = || bucket.iter().enumerate().filter_map(|(at, point)| Some((at, point.1?)));
        let low = values().min_by(|a, b| a.1.total_cmp(&b.1)).map(|found| found.0);
        let high = values().max_by(|a, b| a.1.total_cmp(&b.1)).map(|found| found.0);
        let mut kept: Vec<usize> = [low, high].into_iter().flatten().collect();
        kept.sort_unstable();
        kept.dedup();
        let gap_in = |from: usize, to: usize| (from..to).find(|at| bucket[*at].1.is_none());
        let ends = [Some(0), kept.first().copied(), kept.last().copied(), Some(bucket.len())];
        let [start, before, behind, end] = ends.map(|end| end.unwrap_or(bucket.len()));
        // If only two points are allowed, one gap is kept.
        let places = [(before, behind), (start, before), (behind, end)];
        let found = places.into_iter().filter_map(|(from, to)| gap_in(from, to));
        kept.extend(found.take(if max_points < 5 { 1 } else { 3 }));
        kept.sort_unstable();
        out.extend(kept.into_iter().map(|at| bucket[at]));
    }
    out
}

/// Place in the order of the plots, id and title of a series.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Id {
    order: u8,
    text: String,
    title: String,
}

struct Line {
    unit: &'static str,
    max: Option<f64>,
    /// Index of the last sample that had a value.
    last: Option<usize>,
    points: Vec<(f64, Option<f64>)>,
}

impl Line {
    fn new(unit: &'static str) -> Self {
        Self {
            unit,
            max: None,
            last: None,
            points: Vec::new(),
        }
    }

    fn break_at(&mut self, time: f64) {
        if let Some(&(before, Some(_))) = self.points.last() {
            self.points.push((f64::midpoint(before, time), None));
        }
    }
}

fn quantities(sample: &MetricSample) -> Vec<(Id, &'static str, Option<f64>, f64)> {
    let id = |order, text: &str, title: &str| Id {
        order,
        text: text.into(),
        title: title.into(),
    };
    let mut out = vec![
        (id(0, "cpu", "CPU busy"), "%", Some(100.0), sample.cpu_percent),
        (
            id(1, "heap", "Heap in use"),
            "B",
            Some(sample.heap_total_bytes.into()),
            sample.heap_used_bytes.into(),
        ),
        (
            id(2, "stack", "Deepest stack"),
            "B",
            Some(sample.stack_total_bytes.into()),
            sample.stack_peak_bytes.into(),
        ),
        (
            id(8, "link_retries", "Frames sent again"),
            "",
            None,
            sample.link_retries.into(),
        ),
    ];
    if let Some(celsius) = sample.temperature_c {
        out.push((id(7, "temperature", "Chip temperature"), "°C", None, celsius));
    }
    for app in &sample.apps {
        let name = &app.app;
        out.push((
            id(3, &format!("fuel:{name}"), &format!("Fuel of {name}")),
            "/s",
            None,
            app.fuel_per_s,
        ));
        out.push((
            id(4, &format!("memory:{name}"), &format!("Memory of {name}")),
            "B",
            None,
            app.memory_bytes.into(),
        ));
        if app.values_dropped > 0 {
            let title = format!("Values of {name} dropped");
            out.push((
                id(6, &format!("dropped:{name}"), &title),
                "",
                None,
                app.values_dropped.into(),
            ));
        }
        for value in &app.values {
            out.push((
                id(
                    5,
                    &format!("value:{name}:{}", value.name),
                    &format!("{name}: {}", value.name),
                ),
                "",
                None,
                value.value,
            ));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{AppMetricSample, NamedValue};
    use proptest::prelude::*;

    fn sample(sequence: u32, cpu: f64) -> MetricSample {
        MetricSample {
            time_ms: 1_000_000 + u64::from(sequence) * 1000,
            uptime_ms: u64::from(sequence) * 1000,
            sequence,
            cpu_percent: cpu,
            heap_used_bytes: 10,
            heap_peak_bytes: 20,
            heap_total_bytes: 100,
            stack_peak_bytes: 5,
            stack_total_bytes: 50,
            link_retries: 0,
            link_errors: 0,
            temperature_c: None,
            values_refused: 0,
            apps: vec![AppMetricSample {
                app: "sensor".into(),
                fuel_per_s: 3.0,
                fuel: 3,
                memory_bytes: 7,
                heap_bytes: 8,
                host_calls: 1,
                traps: 0,
                callback_max_us: 10,
                values_dropped: 0,
                values: vec![NamedValue {
                    name: "t".into(),
                    value: 21.5,
                }],
            }],
        }
    }

    #[test]
    fn each_quantity_is_a_series_in_the_order_of_the_plots() {
        let lines = series(&[sample(1, 50.0)], &[], 100);
        let ids: Vec<&str> = lines.iter().map(|line| line.id.as_str()).collect();
        assert_eq!(
            ids,
            [
                "cpu",
                "heap",
                "stack",
                "fuel:sensor",
                "memory:sensor",
                "value:sensor:t",
                "link_retries"
            ]
        );
        assert_eq!(lines[1].max, Some(100.0));
        assert_eq!(lines[5].values, [Some(21.5)]);
        let only = series(&[sample(1, 50.0)], &["heap".into()], 100);
        assert_eq!(only.len(), 1);
    }

    #[test]
    fn missing_samples_are_a_gap() {
        let lines = series(&[sample(1, 1.0), sample(2, 2.0), sample(5, 5.0)], &["cpu".into()], 100);
        assert_eq!(lines[0].values, [Some(1.0), Some(2.0), None, Some(5.0)]);
        assert!(lines[0].times_ms.is_sorted());
    }

    #[test]
    fn a_reset_is_a_gap() {
        let mut after = sample(3, 3.0);
        after.uptime_ms = 10;
        let lines = series(&[sample(2, 2.0), after], &["cpu".into()], 100);
        assert_eq!(lines[0].values, [Some(2.0), None, Some(3.0)]);
    }

    fn values_of_cpu(samples: &[MetricSample]) -> Vec<Option<f64>> {
        series(samples, &["cpu".into()], 1000).remove(0).values
    }

    #[test]
    fn time_that_stood_still_is_a_gap_though_no_sample_was_lost() {
        // Paused after the fourth sample: sequence and uptime continue as if nothing had happened.
        let mut samples: Vec<MetricSample> = (0..8).map(|n| sample(n, f64::from(n))).collect();
        for sample in &mut samples[4..] {
            sample.time_ms += 25_000;
        }
        let values = values_of_cpu(&samples);
        assert_eq!(values.iter().position(Option::is_none), Some(4));
        assert_eq!(values.iter().flatten().count(), 8);
        // Also with hardly any samples to compare with.
        assert_eq!(values_of_cpu(&samples[3..5]), [Some(3.0), None, Some(4.0)]);
    }

    #[test]
    fn a_board_that_is_slow_throughout_has_no_gaps() {
        let mut samples: Vec<MetricSample> = (0..20).map(|n| sample(n, 1.0)).collect();
        for (n, sample) in (0_u64..).zip(&mut samples) {
            sample.time_ms = 1_000_000 + n * 3_400;
        }
        assert!(values_of_cpu(&samples).iter().all(Option::is_some));
        samples[10].time_ms += 400;
        assert!(values_of_cpu(&samples).iter().all(Option::is_some), "and may be late");
    }

    #[test]
    fn an_app_that_was_stopped_for_a_while_has_a_gap_of_its_own() {
        let mut samples: Vec<MetricSample> = (0..6).map(|n| sample(n, 1.0)).collect();
        samples[2].apps.clear();
        samples[3].apps.clear();
        let fuel = series(&samples, &["fuel:sensor".into()], 100).remove(0);
        assert_eq!(fuel.values, [Some(3.0), Some(3.0), None, Some(3.0), Some(3.0)]);
        assert!(values_of_cpu(&samples).iter().all(Option::is_some));
    }

    /// Pairs of neighbours in `kept` that a line joins although a gap lies between them in `points`.
    fn joined_over_a_gap(points: &[(f64, Option<f64>)], kept: &[(f64, Option<f64>)]) -> usize {
        let joined = kept
            .windows(2)
            .filter(|pair| pair[0].1.is_some() && pair[1].1.is_some());
        let over = |pair: &&[(f64, Option<f64>)]| {
            points
                .iter()
                .any(|point| point.1.is_none() && point.0 > pair[0].0 && point.0 < pair[1].0)
        };
        joined.filter(over).count()
    }

    proptest! {
        #[test]
        fn decimation_keeps_extremes_order_and_bounds(
            values in prop::collection::vec(prop::option::weighted(0.95, -1e6f64..1e6), 1..2000),
            max_points in 3usize..300,
        ) {
            let points: Vec<_> = values.iter().enumerate().map(|(i, v)| (i as f64, *v)).collect();
            let kept = decimate(&points, max_points);
            prop_assert!(kept.len() <= max_points.max(points.len().min(max_points)));
            prop_assert!(kept.iter().map(|p| p.0).is_sorted());
            let extremes = |points: &[(f64, Option<f64>)]| {
                let present = || points.iter().filter_map(|p| p.1);
                (present().reduce(f64::min), present().reduce(f64::max))
            };
            prop_assert_eq!(extremes(&points), extremes(&kept));
            let gaps = |points: &[(f64, Option<f64>)]| points.iter().any(|p| p.1.is_none());
            prop_assert_eq!(gaps(&points), gaps(&kept));
            if max_points >= 5 {
                prop_assert_eq!(joined_over_a_gap(&points, &kept), 0);
            }
        }
    }
}
