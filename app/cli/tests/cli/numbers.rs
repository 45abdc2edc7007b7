//! Numbers that apps publish, from the app on an emulated board to what `drydock` prints.

use crate::driver::{drydock, drydock_in, position};
use serde_json::Value;

/// Times and values of one line, in order.
fn line(events: &[Value], id: &str) -> Vec<(f64, Option<f64>)> {
    let of_line = events
        .iter()
        .filter(|event| event["event"] == "app.samples" && event["id"] == id);
    let points = of_line.flat_map(|event| {
        let numbers = |field: &str| event[field].as_array().unwrap().clone();
        numbers("times_ms").into_iter().zip(numbers("values"))
    });
    points
        .map(|(time, value)| (time.as_f64().unwrap(), value.as_f64()))
        .collect()
}

#[test]
fn a_wave_of_a_kilohertz_is_printed_with_its_extremes_and_its_counter_whole() {
    let outcome = drydock(&["run", "wave", "--for", "5s", "--json"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let events = outcome.events();
    let sine = line(&events, "value:wave:sine");
    let values: Vec<f64> = sine.iter().filter_map(|point| point.1).collect();
    let (low, high) = values.iter().fold((0.0_f64, 0.0_f64), |(low, high), value| {
        (low.min(*value), high.max(*value))
    });
    assert!(
        (-1.001..-0.999).contains(&low) && (0.999..1.001).contains(&high),
        "{low} to {high}"
    );
    // From one event to the next, time may step back where a busy host's machine caught up.
    for event in events.iter().filter(|event| event["event"] == "app.samples") {
        let times = event["times_ms"].as_array().unwrap();
        assert!(times.iter().map(|time| time.as_f64().unwrap()).is_sorted(), "{event}");
    }

    // Twenty ticks a second are few enough to be printed one by one.
    let ticks: Vec<f64> = line(&events, "value:wave:ticks")
        .iter()
        .filter_map(|point| point.1)
        .collect();
    assert!(ticks.len() >= 60, "{ticks:?}");
    assert!(ticks.windows(2).all(|pair| pair[1] == pair[0] + 1.0), "{ticks:?}");
    let metrics = events.iter().rfind(|event| event["event"] == "device.metrics").unwrap();
    assert_eq!(metrics["apps"][0]["values_dropped"], 0);
    assert_eq!(metrics["values_refused"], 0);
}

/// Publishes what is no number under a name of control characters, and one good number.
const BAD: &str = r#"(module
    (import "drydock" "metric" (func $metric (param i32 i32 f64)))
    (import "drydock" "metric_batch" (func $batch (param i32 i32 i32 i32 i32)))
    (import "drydock" "tick_every" (func $every (param i32)))
    (memory (export "memory") 2048 (pagesize 1))
    (data (i32.const 0) "good\1b[2J")
    (func (export "init") (call $every (i32.const 100)))
    (func (export "tick")
        (call $metric (i32.const 0) (i32.const 4) (f64.const nan))
        (call $metric (i32.const 0) (i32.const 4) (f64.const inf))
        (call $metric (i32.const 4) (i32.const 4) (f64.const 1))
        (call $batch (i32.const 0) (i32.const 4) (i32.const 64) (i32.const 200) (i32.const -1))
        (call $metric (i32.const 0) (i32.const 4) (f64.const 2.5))))"#;

#[test]
fn what_is_no_number_costs_only_the_app_that_published_it() {
    let folder = tempfile::tempdir().unwrap();
    let app = folder.path().join("bad.wat");
    std::fs::write(&app, BAD).unwrap();
    let data = folder.path().join("data");
    let outcome = drydock_in(&data, &["run", app.to_str().unwrap(), "--for", "4s", "--json"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let events = outcome.events();
    assert_eq!(events[events.len() - 1]["event"], "run.finished");
    let good = line(&events, "value:bad:good");
    assert!(good.iter().any(|point| point.1 == Some(2.5)), "{good:?}");
    let of_others = events
        .iter()
        .filter(|event| event["event"] == "app.samples" && event["id"] != "value:bad:good");
    assert_eq!(of_others.count(), 0);
    let metrics = events.iter().rfind(|event| event["event"] == "device.metrics").unwrap();
    assert!(metrics["values_refused"].as_u64() > Some(1_000), "{metrics}");
    let values = metrics["apps"][0]["values"].as_array().unwrap();
    assert!(values.iter().all(|value| value["value"].is_f64()), "{metrics}");
    position(&events, "app.running");
}
