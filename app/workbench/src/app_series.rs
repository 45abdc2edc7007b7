//! Numbers that apps publish, as lines for plots: decimated, on the host's clock, with gaps where values are missing.

use crate::{api::Series, series::decimate};
use drydock_gateway::AppSamples;
use std::{borrow::Borrow, collections::BTreeMap};

/// Points of each line in an update. Ten updates a second reach more than a plot has pixels.
const UPDATE_POINTS: usize = 40;

/// A line, before it is decimated.
struct Line {
    title: String,
    points: Vec<(f64, Option<f64>)>,
}

/// The lines of an update.
pub(crate) fn update(batches: &[impl Borrow<AppSamples>]) -> Vec<Series> {
    let lines = lines(batches, &[], f64::MIN);
    lines
        .into_iter()
        .map(|(id, line)| series(id, line.title, decimate(&line.points, UPDATE_POINTS)))
        .collect()
}

/// Puts the published numbers of a window of time into its series, in which there is one value a second so far. Values
/// of a time from which no numbers are kept any more stay.
pub(crate) fn refine(
    all: &mut Vec<Series>,
    batches: &[impl Borrow<AppSamples>],
    wanted: &[String],
    from_ms: u64,
    max_points: u32,
) {
    for (id, line) in lines(batches, wanted, from_ms as f64) {
        let Some(first) = line.points.first().map(|point| point.0) else {
            continue;
        };
        let place = all
            .iter()
            .position(|known| known.id == id || comes_after_values(&known.id));
        let at = place.unwrap_or(all.len());
        let mut points: Vec<(f64, Option<f64>)> = Vec::new();
        let known = all.get(at).filter(|known| known.id == id);
        if let Some(known) = known {
            let earlier = known.times_ms.iter().copied().zip(known.values.iter().copied());
            points.extend(earlier.take_while(|(time, _)| *time < first));
        }
        points.extend(line.points);
        let refined = series(id.clone(), line.title, decimate(&points, max_points as usize));
        match known {
            Some(_) => all[at] = refined,
            None => all.insert(at, refined),
        }
    }
}

/// Whether a series comes after the numbers of apps in the order of the plots.
fn comes_after_values(id: &str) -> bool {
    id == "temperature" || id == "link_retries" || id.starts_with("dropped:")
}

fn lines(batches: &[impl Borrow<AppSamples>], wanted: &[String], from_ms: f64) -> BTreeMap<String, Line> {
    let mut lines: BTreeMap<String, Line> = BTreeMap::new();
    for batch in batches {
        let batch = batch.borrow();
        let id = format!("value:{}:{}", batch.app, batch.name);
        if !wanted.is_empty() && !wanted.contains(&id) {
            continue;
        }
        let line = lines.entry(id).or_insert_with(|| Line {
            title: format!("{}: {}", batch.app, batch.name),
            points: Vec::new(),
        });
        for (index, sample) in batch.samples.iter().enumerate() {
            let before = line.points.last().map(|point| point.0);
            // The clocks are compared anew with each message; time does not run backwards for that.
            let time = (batch.unix_us(sample.at_us) as f64 / 1000.0).max(before.unwrap_or(f64::MIN));
            if time < from_ms {
                continue;
            }
            if index == 0
                && (batch.gap_before || batch.clock_moved)
                && let Some(before) = before
            {
                line.points.push((f64::midpoint(before, time), None));
            }
            line.points.push((time, Some(sample.value)));
        }
    }
    lines
}

fn series(id: String, title: String, points: Vec<(f64, Option<f64>)>) -> Series {
    Series {
        id,
        title,
        unit: String::new(),
        max: None,
        times_ms: points.iter().map(|point| point.0).collect(),
        values: points.iter().map(|point| point.1).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drydock_gateway::AppSample;

    /// A batch of a value each millisecond from `begin_ms`.
    fn batch(name: &str, begin_ms: u64, values: &[f64], gap_before: bool) -> AppSamples {
        let sample = |(at, value): (usize, &f64)| AppSample {
            at_us: (begin_ms + at as u64) * 1000,
            value: *value,
        };
        AppSamples {
            sequence: 0,
            time_ms: 0,
            app: "wave".into(),
            name: name.into(),
            gap_before,
            clock_moved: false,
            reset_unix_us: 1_000_000_000,
            samples: values.iter().enumerate().map(sample).collect(),
        }
    }

    fn one_a_second(id: &str) -> Series {
        let points = (0..5).map(|second| (999_000.0 + 1000.0 * f64::from(second), Some(0.5)));
        series(id.into(), id.into(), points.collect())
    }

    #[test]
    fn an_update_has_a_line_for_each_name_with_its_extremes() {
        let mut values = vec![0.0; 1000];
        values[417] = 9.0;
        let update = update(&[
            batch("sine", 0, &values, true),
            batch("count", 0, &[1.0], false),
            batch("sine", 1000, &[2.0], false),
        ]);
        let ids: Vec<&str> = update.iter().map(|series| series.id.as_str()).collect();
        assert_eq!(ids, ["value:wave:count", "value:wave:sine"]);
        let sine = &update[1];
        assert!(sine.values.len() <= UPDATE_POINTS && sine.values.contains(&Some(9.0)));
        assert_eq!(sine.times_ms.last(), Some(&1_001_000.0));
        assert!(sine.times_ms.is_sorted());
    }

    #[test]
    fn a_gap_is_drawn_as_one_and_time_does_not_run_backwards() {
        let mut late = batch("n", 5, &[3.0], false);
        late.reset_unix_us -= 4_000;
        let update = update(&[batch("n", 0, &[1.0], true), batch("n", 4, &[2.0], true), late]);
        assert_eq!(update[0].values, [Some(1.0), None, Some(2.0), Some(3.0)]);
        assert_eq!(update[0].times_ms, [1_000_000.0, 1_000_002.0, 1_000_004.0, 1_000_004.0]);
    }

    #[test]
    fn published_numbers_take_the_place_of_one_a_second_as_far_back_as_they_go() {
        let mut all = ["cpu", "value:wave:n", "link_retries"].map(one_a_second).to_vec();
        let batches = [batch("n", 1_500, &[1.0, 2.0], false), batch("other", 0, &[7.0], false)];
        refine(&mut all, &batches, &[], 0, 100);
        let ids: Vec<&str> = all.iter().map(|series| series.id.as_str()).collect();
        assert_eq!(ids, ["cpu", "value:wave:n", "value:wave:other", "link_retries"]);
        assert_eq!(
            all[1].values,
            [Some(0.5), Some(0.5), Some(0.5), Some(1.0), Some(2.0)],
            "the seconds before stay"
        );
        assert_eq!(all[0], one_a_second("cpu"));

        let mut some = vec![one_a_second("value:wave:n")];
        refine(&mut some, &batches, &["value:wave:n".into()], 1_001_501, 100);
        assert_eq!(some.len(), 1);
        assert_eq!(some[0].values.last(), Some(&Some(2.0)), "only the window is looked at");
    }
}
