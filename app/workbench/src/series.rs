//! Metrics as lines for plots: decimated so that extremes survive, with gaps where samples are missing.

use crate::api::{MetricSample, Series};
use std::collections::BTreeMap;

/// The series of these samples (ascending in time), of all ids or of those asked for, each with at most `max_points` points.
pub(crate) fn series(samples: &[MetricSample], wanted: &[String], max_points: u32) -> Vec<Series> {
    let mut lines: BTreeMap<Id, Line> = BTreeMap::new();
    let mut before: Option<&MetricSample> = None;
    for sample in samples {
        if before.is_some_and(|before| is_gap(before, sample)) {
            for line in lines.values_mut() {
                line.break_at(sample.time_ms as f64);
            }
        }
        for (id, unit, max, value) in quantities(sample) {
            let line = lines.entry(id).or_insert_with(|| Line::new(unit));
            line.max = max.or(line.max);
            line.points.push((sample.time_ms as f64, Some(value)));
        }
        before = Some(sample);
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

/// Keeps the lowest and the highest point of each bucket in their order, and a gap where a bucket holds one.
pub(crate) fn decimate(points: &[(f64, Option<f64>)], max_points: usize) -> Vec<(f64, Option<f64>)> {
    // A bucket gives at most low, high and one gap.
    let buckets = (max_points / 3).max(1);
    if points.len() <= max_points {
        return points.to_vec();
    }
    let (first, last) = (points[0].0, points[points.len() - 1].0);
    let width = ((last - first) / buckets as f64).max(f64::MIN_POSITIVE);
    let bucket_of = |time: f64| (((time - first) / width) as usize).min(buckets - 1);

    let mut out = Vec::with_capacity(max_points);
    for bucket in points.chunk_by(|a, b| bucket_of(a.0) == bucket_of(b.0)) {
        let values = || bucket.iter().enumerate().filter_map(|(at, point)| Some((at, point.1?)));
        let low = values().min_by(|a, b| a.1.total_cmp(&b.1)).map(|found| found.0);
        let high = values().max_by(|a, b| a.1.total_cmp(&b.1)).map(|found| found.0);
        let gap = bucket.iter().position(|point| point.1.is_none());
        let mut kept: Vec<usize> = [low, high, gap].into_iter().flatten().collect();
        kept.sort_unstable();
        kept.dedup();
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
    points: Vec<(f64, Option<f64>)>,
}

impl Line {
    fn new(unit: &'static str) -> Self {
        Self {
            unit,
            max: None,
            points: Vec::new(),
        }
    }

    fn break_at(&mut self, time: f64) {
        if let Some(&(before, Some(_))) = self.points.last() {
            self.points.push((f64::midpoint(before, time), None));
        }
    }
}

/// The device lost samples, or was reset between these two.
fn is_gap(before: &MetricSample, after: &MetricSample) -> bool {
    after.sequence != before.sequence.wrapping_add(1) || after.uptime_ms < before.uptime_ms
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
            id(7, "link_retries", "Frames sent again"),
            "",
            None,
            sample.link_retries.into(),
        ),
    ];
    if let Some(celsius) = sample.temperature_c {
        out.push((id(6, "temperature", "Chip temperature"), "°C", None, celsius));
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
            apps: vec![AppMetricSample {
                app: "sensor".into(),
                fuel_per_s: 3.0,
                fuel: 3,
                memory_bytes: 7,
                heap_bytes: 8,
                host_calls: 1,
                traps: 0,
                callback_max_us: 10,
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
        }
    }
}
