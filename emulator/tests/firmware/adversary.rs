//! Apps that try to hold a board. In every case the board carries out requests within a second, the apps beside them
//! continue, and after a power cut it gets back to a session although such an app starts automatically.

use crate::support::{
    package::{InSession as _, deploy, manifest, wasm},
    world::World,
};
use drydock_emulator::{Image, VirtualTime};
use drydock_protocol::{
    capability::Capability,
    device_to_gateway::{AppReport, Log, Reply},
    envelope::{Envelope, Kind},
    gateway_to_device::AppRequest,
    limits::MAX_CALLBACK_LIMIT_MS,
    manifest::Manifest,
    types::{AppState, FailureKind},
};
use libtest_mimic::Failed;

const APP: &str = "adversary";

/// Each program, and whether it overruns its time.
const PROGRAMS: &[(&str, &str, bool)] = &[
    ("flood-for-ever", include_str!("adversary/flood-for-ever.wat"), true),
    ("flood-each-tick", include_str!("adversary/flood-each-tick.wat"), false),
    ("flood-at-start", include_str!("adversary/flood-at-start.wat"), false),
    ("drain-randomness", include_str!("adversary/drain-randomness.wat"), true),
    ("copy-and-grow", include_str!("adversary/copy-and-grow.wat"), true),
    ("long-names", include_str!("adversary/long-names.wat"), true),
    ("flood-numbers", include_str!("adversary/flood-numbers.wat"), true),
];

fn package(sequence: u64, module: &[u8], callback_ms: u32) -> Manifest {
    let mut manifest = manifest(APP, sequence, module);
    manifest.capabilities.push(Capability::Random);
    manifest.limits.callback_ms = callback_ms;
    manifest
}

fn with_blink(image: &Image) -> Result<World, Failed> {
    let mut world = World::in_session(image);
    let blink = drydock_embedded::app("blink")
        .map_err(|missing| missing.to_string())?
        .wasm;
    deploy(&mut world, &manifest("blink", 1, blink), blink).map_err(|refusal| refusal.detail)?;
    Ok(world)
}

/// The number of lines that blink logs in this time.
fn blinks(world: &mut World, ms: u64) -> Result<usize, Failed> {
    world.gateway.inbox.clear();
    world.run_for_ms(ms);
    let mut lines = 0;
    for message in &world.gateway.inbox {
        let envelope = Envelope::decode(message)?;
        lines += usize::from(envelope.kind == Kind::Log as u16 && envelope.body::<Log>()?.app == "blink");
    }
    Ok(lines)
}

fn ask_in_time(world: &mut World, name: &str, kind: Kind) {
    let asked = world.machine.now();
    let reply = world.ask(kind, &AppRequest { app: APP.into() });
    let took_ms = (world.machine.now() - asked).as_us() / 1000;
    assert_eq!(reply, Reply::Done, "{name}: {kind:?}");
    assert!(took_ms < 1_000, "{name}: {kind:?} took {took_ms} ms");
}

/// With the usual time limit, a program that overruns it fails, and blink continues beside each.
pub(crate) fn beside_blink(image: &Image) -> Result<(), Failed> {
    for (name, text, overruns) in PROGRAMS {
        let mut world = with_blink(image)?;
        let module = wasm(text);
        deploy(&mut world, &package(1, &module, 500), &module).map_err(|refusal| refusal.detail)?;
        let asked = world.machine.now();
        let mut failed = !*overruns;
        while !failed {
            let report: AppReport = world.report();
            if report.app == APP && report.state == AppState::Failed {
                let failure = report.failure.ok_or("a reason")?;
                assert_eq!(failure.kind, FailureKind::ExecutionLimit, "{name}: {}", failure.detail);
                failed = true;
            }
        }
        let took_ms = (world.machine.now() - asked).as_us() / 1000;
        assert!(took_ms < 5_000, "{name}: it failed after {took_ms} ms");
        let lines = blinks(&mut world, 4_000)?;
        assert!(lines >= 3, "{name}: {lines} lines of blink in four seconds");
        ask_in_time(&mut world, name, Kind::AppStop);
        ask_in_time(&mut world, name, Kind::AppRemove);
        assert!(
            world.resets.is_empty() && world.faults.is_empty(),
            "{name}: {:?}",
            world.resets
        );
        assert_eq!(world.gateway.sessions, 1, "{name}: the board stayed connected");
    }
    Ok(())
}

/// With the longest possible time limit, an app holds the board as long as the firmware allows. The board still carries
/// out requests, also after a power cut while such an app ran.
pub(crate) fn stay_manageable(image: &Image) -> Result<(), Failed> {
    for (name, text, _) in PROGRAMS {
        let mut world = with_blink(image)?;
        let module = wasm(text);
        deploy(&mut world, &package(1, &module, MAX_CALLBACK_LIMIT_MS), &module).map_err(|refusal| refusal.detail)?;
        world.run_for_ms(2_000);
        ask_in_time(&mut world, name, Kind::AppStop);
        ask_in_time(&mut world, name, Kind::AppStart);
        world.run_for_ms(2_000);

        world.cut_at = Some(world.machine.now());
        world.run_until("the cut", |world| world.cut_at.is_none());
        world.gateway.inbox.clear();
        let began = world.machine.now();
        world.hello();
        let took = world.machine.now() - began;
        assert!(
            took < VirtualTime::from_seconds(8),
            "{name}: a session after {} ms",
            took.as_us() / 1000
        );
        world.run_for_ms(500);
        ask_in_time(&mut world, name, Kind::AppRemove);
        let lines = blinks(&mut world, 3_000)?;
        assert!(lines >= 2, "{name}: {lines} lines of blink in three seconds");
        assert!(
            world.resets.is_empty() && world.faults.is_empty(),
            "{name}: {:?}",
            world.resets
        );
    }
    Ok(())
}

/// An app that overruns its time after each power cut is not started a fourth time.
pub(crate) fn end_their_autostart(image: &Image) -> Result<(), Failed> {
    let module = wasm(PROGRAMS[0].1);
    let mut world = World::in_session(image);
    deploy(&mut world, &package(1, &module, 500), &module).map_err(|refusal| refusal.detail)?;
    while world.report().state != AppState::Failed {}
    for _ in 0..2 {
        let app = restart(&mut world);
        // It may have overrun its time again before the session was up.
        while app.state != AppState::Failed && world.report().state != AppState::Failed {}
    }
    let app = restart(&mut world);
    assert_eq!((app.state, app.autostart), (AppState::Failed, false));
    let failure = app.failure.ok_or("a reason")?;
    assert_eq!(failure.kind, FailureKind::ExecutionLimit);
    assert!(
        failure.detail.starts_with("overran its limits 3 times"),
        "{}",
        failure.detail
    );
    Ok(())
}

/// Cuts the power, and returns the board's report of its only app after that.
fn restart(world: &mut World) -> AppReport {
    world.run_for_ms(200);
    world.cut_at = Some(world.machine.now());
    world.run_until("the cut", |world| world.cut_at.is_none());
    world.gateway.inbox.clear();
    world.hello().apps.remove(0)
}
