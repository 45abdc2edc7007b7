//! Numbers that an app publishes on the emulated board: the rate that the link carries arrives whole, the rest is counted.

use crate::support::{
    package::{deploy, manifest, wasm},
    world::World,
};
use drydock_emulator::Image;
use drydock_protocol::{
    app_samples::Records,
    device_to_gateway::{AppSamples, Metrics},
    envelope::{Envelope, Kind},
};
use libtest_mimic::Failed;

/// Each 10 ms, `values` floats that count up, at a steady rate.
fn ramp(values: u32) -> Vec<u8> {
    let period_us = 10_000 / values;
    wasm(&format!(
        r#"(module
        (import "drydock" "metric_batch" (func $batch (param i32 i32 i32 i32 i32)))
        (import "drydock" "tick_every" (func $every (param i32)))
        (memory (export "memory") 1024 (pagesize 1))
        (data (i32.const 0) "ramp")
        (global $n (mut i32) (i32.const 0))
        (func (export "init") (call $every (i32.const 10)))
        (func (export "tick") (local $i i32)
            (loop $l
                (f32.store offset=16 (i32.mul (local.get $i) (i32.const 4)) (f32.convert_i32_u (global.get $n)))
                (global.set $n (i32.add (global.get $n) (i32.const 1)))
                (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const {values}))))
            (call $batch (i32.const 0) (i32.const 4) (i32.const 16) (i32.const {values}) (i32.const {period_us}))))"#
    ))
}

/// What arrived of an app: values, the busy share of the CPU in percent, and how many values the board says it dropped.
struct Arrived {
    values: Vec<(u64, f64)>,
    busy_percent: f64,
    dropped: u32,
}

fn arrived(world: &mut World) -> Result<Arrived, Failed> {
    let mut out = Arrived {
        values: Vec::new(),
        busy_percent: 0.0,
        dropped: 0,
    };
    for message in std::mem::take(&mut world.gateway.inbox) {
        let envelope = Envelope::decode(&message)?;
        if envelope.kind == Kind::AppSamples as u16 {
            let samples: AppSamples<'_> = envelope.body()?;
            for record in Records::new(samples.begin_us, samples.records) {
                out.values.extend(record?.samples());
            }
        } else if envelope.kind == Kind::Metrics as u16 {
            let metrics: Metrics = envelope.body()?;
            out.busy_percent = f64::from(metrics.cpu_busy_bp) / 100.0;
            out.dropped = metrics.apps.first().and_then(|app| app.values_dropped).unwrap_or(0);
        }
    }
    Ok(out)
}

fn run(image: &Image, values: u32, seconds: u64) -> Result<Arrived, Failed> {
    let mut world = World::in_session(image);
    let module = ramp(values);
    deploy(&mut world, &manifest("fast", 1, &module), &module).map_err(|refusal| refusal.detail)?;
    world.gateway.inbox.clear();
    world.run_for_ms(seconds * 1000 + 500);
    let arrived = arrived(&mut world)?;
    let rate = arrived.values.len() as f64 / (seconds as f64 + 0.5);
    println!(
        "{} values a second published: {rate:.0} arrived, {} dropped, CPU {:.0} % busy",
        values * 100,
        arrived.dropped,
        arrived.busy_percent
    );
    Ok(arrived)
}

/// Ten thousand numbers a second for ten seconds, on a link of 1 Mbaud: none is lost.
pub(crate) fn at_ten_kilohertz(image: &Image) -> Result<(), Failed> {
    let arrived = run(image, 100, 10)?;
    assert_eq!(arrived.dropped, 0);
    let first = arrived.values[0].1;
    assert!(arrived.values.len() >= 100_000, "{} arrived", arrived.values.len());
    for (at, (_, value)) in arrived.values.iter().enumerate() {
        assert_eq!(*value, first + at as f64, "each follows the one before");
    }
    assert!(arrived.values.windows(2).all(|pair| pair[0].0 < pair[1].0));
    Ok(())
}

/// More than the link carries: what arrives is in order, and the rest is counted.
pub(crate) fn beyond_the_link(image: &Image) -> Result<(), Failed> {
    let arrived = run(image, 200, 4)?;
    let (first, last) = (arrived.values[0].1, arrived.values[arrived.values.len() - 1].1);
    assert!(arrived.values.windows(2).all(|pair| pair[0].1 < pair[1].1));
    let missing = last - first + 1.0 - arrived.values.len() as f64;
    assert!(
        (missing - f64::from(arrived.dropped)).abs() <= 10_000.0,
        "{missing} are missing, {} are counted a second before",
        arrived.dropped
    );
    Ok(())
}
