//! Numbers that apps publish: each arrives with the device's time, and what does not fit is dropped and counted.

use crate::support::{
    package::{InSession as _, deploy, manifest, wasm},
    world::World,
};
use drydock_protocol::{
    app_samples::Records,
    device_to_gateway::{AppSamples, Metrics, Reply},
    envelope::{Envelope, Kind},
    limits::{MAX_APP_SERIES, MAX_SAMPLE_BYTES},
    types::FailureKind,
};
use std::collections::BTreeMap;

/// What arrived: series by `app/name`, each with times, values, and whether some were lost before.
type Arrived = BTreeMap<String, Vec<(u64, f64, bool)>>;

const IMPORTS: &str = r#"(import "drydock" "metric" (func $metric (param i32 i32 f64)))
    (import "drydock" "metric_batch" (func $batch (param i32 i32 i32 i32 i32)))
    (import "drydock" "tick_every" (func $every (param i32)))
    (memory (export "memory") 2048 (pagesize 1))"#;

/// Each 10 ms: a hundred values of a counter in memory, 100 us apart, and the number of the tick.
const FAST: &str = r#"(data (i32.const 0) "rampn")
    (global $n (mut i32) (i32.const 0))
    (global $ticks (mut f64) (f64.const 0))
    (func (export "init") (call $every (i32.const 10)))
    (func (export "tick") (local $i i32)
        (loop $l
            (f32.store offset=16 (i32.mul (local.get $i) (i32.const 4)) (f32.convert_i32_u (global.get $n)))
            (global.set $n (i32.add (global.get $n) (i32.const 1)))
            (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100))))
        (call $batch (i32.const 0) (i32.const 4) (i32.const 16) (i32.const 100) (i32.const 100))
        (global.set $ticks (f64.add (global.get $ticks) (f64.const 1.1)))
        (call $metric (i32.const 4) (i32.const 1) (global.get $ticks)))"#;

/// Publishes batches without an end, each millisecond.
const FLOOD: &str = r#"(func (export "init") (call $every (i32.const 1)))
    (func (export "tick") (local $n i32)
        (loop (call $batch (i32.const 0) (i32.const 1) (i32.const 16) (i32.const 200) (i32.const 1))
            (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 50)))))"#;

/// Publishes the number of its tick, ten times a second.
const CALM: &str = r#"(data (i32.const 0) "n")
    (global $n (mut f64) (f64.const 0))
    (func (export "init") (call $every (i32.const 100)))
    (func (export "tick")
        (global.set $n (f64.add (global.get $n) (f64.const 1)))
        (call $metric (i32.const 0) (i32.const 1) (global.get $n)))"#;

fn app(code: &str) -> Vec<u8> {
    wasm(&format!("(module {IMPORTS} {code})"))
}

fn run(world: &mut World, name: &str, code: &str) {
    let module = app(code);
    deploy(world, &manifest(name, 1, &module), &module).unwrap();
}

/// Takes the numbers out of the inbox; each message follows the one before.
fn arrived(world: &mut World) -> Arrived {
    let mut out = Arrived::new();
    let mut last = None;
    for message in std::mem::take(&mut world.gateway.inbox) {
        let envelope = Envelope::decode(&message).unwrap();
        if envelope.kind != Kind::AppSamples as u16 {
            continue;
        }
        let samples: AppSamples<'_> = envelope.body().unwrap();
        assert!(samples.records.len() <= MAX_SAMPLE_BYTES && !samples.records.is_empty());
        assert!(last.is_none_or(|last| samples.sequence == last + 1));
        last = Some(samples.sequence);
        for record in Records::new(samples.begin_us, samples.records) {
            let record = record.unwrap();
            assert!(record.at_us <= samples.begin_us + u64::from(samples.age_us));
            let series = out.entry(format!("{}/{}", record.app, record.name)).or_default();
            series.extend(record.samples().map(|(at, value)| (at, value, record.lost_before)));
        }
    }
    out
}

/// The metrics that arrived last.
fn latest(world: &World) -> Metrics {
    let metrics = world.gateway.inbox.iter().rev().find_map(|message| {
        let envelope = Envelope::decode(message).unwrap();
        (envelope.kind == Kind::Metrics as u16).then(|| envelope.body().unwrap())
    });
    metrics.expect("a second has passed")
}

fn dropped(metrics: &Metrics, app: &str) -> Option<u32> {
    metrics
        .apps
        .iter()
        .find(|known| known.app == app)
        .and_then(|app| app.values_dropped)
}

#[test]
fn ten_thousand_numbers_a_second_arrive_with_their_times_and_none_is_lost() {
    let mut world = World::in_session();
    run(&mut world, "fast", FAST);
    world.run_for_ms(10_500);
    let metrics = latest(&world);
    let numbers = arrived(&mut world);
    let ramp = &numbers["fast/ramp"];
    assert!(ramp.len() >= 100_000, "{} of 10 s", ramp.len());
    for (at, (time_us, value, lost)) in ramp.iter().enumerate() {
        assert_eq!(
            (*value, *lost),
            (at as f64, at < 100),
            "the first batch has none before it"
        );
        let (run, within) = (at / 100 * 100, at as u64 % 100);
        assert_eq!(*time_us, ramp[run].0 + 100 * within, "a hundred microseconds apart");
    }
    assert!(ramp.windows(2).all(|pair| pair[0].0 < pair[1].0));
    let ticks = &numbers["fast/n"];
    assert_eq!(ticks[1].1, 2.2, "the whole precision arrives");
    assert_eq!(dropped(&metrics, "fast"), None);
    let latest: Vec<&str> = metrics.apps[0].values.iter().map(|value| value.name.as_str()).collect();
    assert_eq!(latest, ["ramp", "n"], "the latest values are in the metrics, too");
}

#[test]
fn a_number_arrives_within_a_moment_though_no_block_is_full() {
    let mut world = World::in_session();
    run(&mut world, "calm", CALM);
    world.run_for_ms(2_000);
    let numbers = arrived(&mut world);
    for pair in numbers["calm/n"].windows(2) {
        let interval_us = pair[1].0 - pair[0].0;
        assert!(
            interval_us.abs_diff(100_000) < 5_000,
            "{interval_us} us between two ticks"
        );
    }
    let sent_us = world.board.now_us.get();
    world.message(Kind::AppSamples);
    assert!(world.board.now_us.get() - sent_us < 250_000);
}

#[test]
fn an_app_that_floods_loses_its_own_numbers_and_is_told_how_many() {
    let mut world = World::in_session();
    run(&mut world, "calm", CALM);
    run(&mut world, "flood", FLOOD);
    world.run_for_ms(5_000);
    let metrics = latest(&world);
    let numbers = arrived(&mut world);
    let calm = &numbers["calm/n"];
    assert!(calm.len() >= 48, "{} of ten a second", calm.len());
    assert!(
        calm.iter()
            .enumerate()
            .all(|(at, sample)| sample.1 == (at + 1) as f64 && sample.2 == (at == 0))
    );
    assert_eq!(dropped(&metrics, "calm"), None);
    let flood = &numbers["flood/\0"];
    assert!(flood.iter().any(|sample| sample.2), "it is marked where some were lost");
    assert!(dropped(&metrics, "flood").unwrap() > 10_000);
    assert_eq!(
        world.ask(Kind::AppStop, &crate::apps::request("flood")),
        Reply::Done,
        "the device still answers"
    );
}

#[test]
fn numbers_without_a_session_are_dropped_and_counted() {
    let mut world = World::in_session();
    run(&mut world, "calm", CALM);
    world.run_for_ms(1_000);
    let before = arrived(&mut world)["calm/n"].last().unwrap().1;
    // The link is silent for a while.
    world.noise = Some(|_, _| None);
    world.restart_host();
    world.run_for_ms(35_000);
    world.noise = None;
    world.run_until("another session", |world| world.gateway.sessions == 2);
    world.run_for_ms(2_000);
    let counted = dropped(&latest(&world), "calm").unwrap();
    let numbers = arrived(&mut world);
    let marked: Vec<f64> = numbers["calm/n"]
        .iter()
        .filter(|sample| sample.2)
        .map(|sample| sample.1)
        .collect();
    assert_eq!(marked.len(), 1, "it is marked once, behind the gap: {marked:?}");
    assert!(
        counted > 0 && f64::from(counted) < marked[0] - before,
        "{counted} of {} to {}",
        before,
        marked[0]
    );
}

#[test]
fn further_names_are_left_out_and_counted() {
    let mut world = World::in_session();
    let many = r#"(global $n (mut i32) (i32.const 0))
        (func (export "init") (call $every (i32.const 1)))
        (func (export "tick")
            (i32.store (i32.const 0) (i32.add (i32.const 0x61616161) (global.get $n)))
            (global.set $n (i32.and (i32.add (global.get $n) (i32.const 1)) (i32.const 15)))
            (call $metric (i32.const 0) (i32.const 4) (f64.const nan)))"#;
    run(&mut world, "many", many);
    world.run_for_ms(3_000);
    let metrics = latest(&world);
    let numbers = arrived(&mut world);
    assert_eq!(numbers.len(), MAX_APP_SERIES);
    assert!(numbers.values().flatten().all(|sample| sample.1.is_nan()));
    assert!(dropped(&metrics, "many").unwrap() > 100);
}

#[test]
fn sixteen_series_share_a_block_and_more_begin_another() {
    let mut world = World::in_session();
    let eight = r#"(func (export "init") (call $every (i32.const 1)))
        (func (export "tick") (local $n i32)
            (loop
                (i32.store (i32.const 0) (i32.add (i32.const 0x61616161) (local.get $n)))
                (call $metric (i32.const 0) (i32.const 4) (f64.convert_i32_u (i32.add (local.get $n) (i32.const OWN))))
                (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 8)))))"#;
    for (name, own) in [("one", "100"), ("two", "200"), ("three", "300")] {
        run(&mut world, name, &eight.replace("OWN", own));
    }
    world.run_for_ms(2_000);
    let numbers = arrived(&mut world);
    assert_eq!(numbers.len(), 24);
    for (own, app) in [(100, "one"), (200, "two"), (300, "three")] {
        for (number, letter) in (0..8).zip('a'..) {
            let samples = &numbers[&format!("{app}/{letter}aaa")];
            let value = f64::from(own + number);
            assert!(
                samples.iter().all(|sample| sample.1 == value),
                "{app} has values of others"
            );
        }
    }
}

fn trapped(arguments: &str) -> String {
    let mut world = World::in_session();
    run(
        &mut world,
        "bad",
        &format!(r#"(func (export "init") (call $batch {arguments}))"#),
    );
    let report = crate::apps::settled(&mut world);
    let failure = report.failure.unwrap();
    assert_eq!(failure.kind, FailureKind::Trap);
    failure.detail
}

#[test]
fn a_batch_outside_of_the_memory_or_too_long_ends_its_app() {
    let all = "(i32.const 0) (i32.const 1)";
    assert_eq!(
        trapped(&format!("{all} (i32.const 0) (i32.const 201) (i32.const 1)")),
        "metric_batch: a batch has 200 values at most"
    );
    assert_eq!(
        trapped(&format!("{all} (i32.const 2000) (i32.const 13) (i32.const 1)")),
        "metric_batch: 2000..2052 lies outside of the app's memory"
    );
    assert_eq!(
        trapped(&format!("{all} (i32.const -1) (i32.const -1) (i32.const -1)")),
        "metric_batch: a batch has 200 values at most"
    );
}
