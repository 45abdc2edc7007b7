//! Apps that try to hold the board: host calls that take long, callbacks that return too late, and the consequences for
//! apps that do so repeatedly.

use crate::{
    apps::{BLINK, request},
    support::{
        package::{InSession as _, deploy, manifest, wasm},
        world::World,
    },
};
use drydock_protocol::{
    capability::Capability,
    device_to_gateway::{AppReport, Reply},
    envelope::Kind,
    manifest::Manifest,
    types::{AppState, FailureKind},
};

/// Fills its memory with line ends and vectors that show them.
const FLOOD: &str = r#"(import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "drydock" "tick_every" (func $every (param i32)))
    (memory (export "memory") 4096 (pagesize 1))
    (func $fill (local $i i32)
        (memory.fill (i32.const 2048) (i32.const 10) (i32.const 2040))
        (loop $l
            (i32.store (i32.mul (local.get $i) (i32.const 8)) (i32.const 2048))
            (i32.store offset=4 (i32.mul (local.get $i) (i32.const 8)) (i32.const 2040))
            (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 250))))
        (call $every (i32.const 1)))
    (func $flood (drop (call $write (i32.const 1) (i32.const 0) (i32.const 250) (i32.const 4092))))"#;

/// An app that only writes lines.
const CALM: &str = r#"(module (import "drydock" "log" (func $log (param i32 i32 i32)))
    (memory (export "memory") 64 (pagesize 1))
    (func (export "tick") (call $log (i32.const 2) (i32.const 0) (i32.const 5))))"#;

/// Takes as many random bytes as a call gives, endlessly.
const DRAIN: &str = r#"(module
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (memory (export "memory") 4096 (pagesize 1))
    (func (export "init") (loop (drop (call $random (i32.const 0) (i32.const 256))) (br 0))))"#;

/// One write to a pin, and then `end`.
fn one_write(end: &str) -> Vec<u8> {
    wasm(&format!(
        r#"(module (import "drydock" "gpio_write" (func $gpio (param i32 i32)))
        (import "drydock" "tick_every" (func $every (param i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        ;; not before a session is established after a restart
        (func (export "init") (call $every (i32.const 3000)))
        (func (export "tick") (call $gpio (i32.const 13) (i32.const 1)) {end}))"#
    ))
}

fn failed(world: &mut World, app: &str) -> AppReport {
    loop {
        let report = world.report();
        if report.app == app && report.state == AppState::Failed {
            return report;
        }
    }
}

fn check_overrun(module: &[u8], write_us: u64, callback_ms: u32, detail: &str) {
    let mut world = World::in_session();
    let bystander = wasm(CALM);
    deploy(&mut world, &manifest("bystander", 1, &bystander), &bystander).unwrap();
    let mut slow = manifest("slow", 1, module);
    slow.limits.callback_ms = callback_ms;
    deploy(&mut world, &slow, module).unwrap();
    world.board.pins.write_us.set(write_us);
    let failure = failed(&mut world, "slow").failure.unwrap();
    assert_eq!(
        (failure.kind, failure.export.as_str(), failure.detail.as_str()),
        (FailureKind::ExecutionLimit, "tick", detail)
    );
    world.board.pins.write_us.set(0);
    world.gateway.inbox.clear();
    assert_eq!(world.log_line().app, "bystander");
}

#[test]
fn a_callback_that_ends_too_late_fails_however_it_ends() {
    for end in [
        "",
        "(call $exit (i32.const 0))",
        "(call $exit (i32.const 3))",
        "unreachable",
    ] {
        check_overrun(&one_write(end), 120_000, 100, "ran longer than 100 ms");
    }
}

#[test]
fn a_slice_that_holds_the_board_fails_whatever_its_callback_may_take() {
    check_overrun(
        &one_write(""),
        700_000,
        60_000,
        "held the board for 700 ms in one piece",
    );
}

#[test]
fn one_write_takes_so_many_bytes_and_vectors_and_says_how_many() {
    let text = format!(
        r#"(module {FLOOD}
        (func $is (param $vectors i32) (param $bytes i32)
            (if (call $write (i32.const 1) (i32.const 0) (local.get $vectors) (i32.const 4092)) (then unreachable))
            (if (i32.ne (i32.load (i32.const 4092)) (local.get $bytes)) (then unreachable)))
        (func (export "_start") (local $i i32)
            (call $fill)
            ;; one vector of 2,040 bytes, and 250 of them
            (call $is (i32.const 1) (i32.const 1024))
            (call $is (i32.const 250) (i32.const 1024))
            ;; the same of one byte each
            (loop $l
                (i32.store offset=4 (i32.mul (local.get $i) (i32.const 8)) (i32.const 1))
                (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 250))))
            (call $is (i32.const 16) (i32.const 16))
            (call $is (i32.const 17) (i32.const 16))
            (call $is (i32.const -1) (i32.const 16))))"#
    );
    let mut world = World::in_session();
    let module = wasm(&text);
    deploy(&mut world, &manifest("writer", 1, &module), &module).unwrap();
    let report = crate::apps::settled(&mut world);
    assert_eq!((report.state, report.failure), (AppState::Exited, None));
}

#[test]
fn one_call_gives_so_many_random_bytes() {
    const EINVAL: u32 = 28;
    let text = format!(
        r#"(module
        (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (memory (export "memory") 4096 (pagesize 1))
        (func (export "_start")
            (if (call $random (i32.const 0) (i32.const 256)) (then unreachable))
            (if (i64.eqz (i64.load (i32.const 248))) (then unreachable))
            (if (i32.ne (call $random (i32.const 0) (i32.const 257)) (i32.const {EINVAL})) (then unreachable))))"#
    );
    let mut world = World::in_session();
    let module = wasm(&text);
    deploy(&mut world, &random(manifest("random", 1, &module)), &module).unwrap();
    let report = crate::apps::settled(&mut world);
    assert_eq!((report.state, report.failure), (AppState::Exited, None));
}

#[test]
fn a_name_of_a_value_is_looked_at_only_as_far_as_it_is_kept() {
    // 23 letters and a character of two bytes, followed by invalid UTF-8.
    let text = r#"(module (import "drydock" "metric" (func $metric (param i32 i32 f64)))
        (memory (export "memory") 64 (pagesize 1))
        (data (i32.const 0) "abcdefghijklmnopqrstuvw\c3\a4\ff\ff")
        (func (export "init") (call $metric (i32.const 0) (i32.const 27) (f64.const 4))
            (call $metric (i32.const 0) (i32.const 24) (f64.const 5)))
        (func (export "tick")))"#;
    let mut world = World::in_session();
    let module = wasm(text);
    deploy(&mut world, &manifest("long", 1, &module), &module).unwrap();
    let failure = failed(&mut world, "long").failure.unwrap();
    assert_eq!(failure.detail, "metric: the name is not UTF-8");
    let module = wasm(&text.replace("(i32.const 24) (f64.const 5)", "(i32.const 23) (f64.const 5)"));
    deploy(&mut world, &manifest("long", 2, &module), &module).unwrap();
    world.run_for_ms(100);
    world.gateway.inbox.clear();
    let values = world.metrics().apps.remove(0).values;
    assert_eq!(
        (values[0].name.as_str(), values[0].value),
        ("abcdefghijklmnopqrstuvw", 5.0)
    );
    assert_eq!(values.len(), 1);
}

fn random(manifest: Manifest) -> Manifest {
    let mut manifest = manifest;
    manifest.capabilities.push(Capability::Random);
    manifest
}

/// Deploys an app that may run for a minute, and checks that the board still carries out requests within a second: now,
/// and after a restart with the app already running.
fn check_manageable(text: &str) {
    let module = wasm(text);
    let mut patient = random(manifest("hog", 1, &module));
    patient.limits.callback_ms = 60_000;
    let mut world = World::in_session();
    let bystander = wasm(CALM);
    deploy(&mut world, &manifest("bystander", 1, &bystander), &bystander).unwrap();
    deploy(&mut world, &patient, &module).unwrap();
    // So that an app's slices take time even if it calls nothing.
    world.board.step_us.set(50);
    world.run_for_ms(2_000);
    world.gateway.inbox.clear();
    let line = world.log_line();
    assert!(["bystander", "hog"].contains(&line.app.as_str()), "{line:?}");

    let mut world = world.restart();
    let began_us = world.board.now_us.get();
    world.hello();
    let connected_us = world.board.now_us.get() - began_us;
    assert!(connected_us < 5_000_000, "a session after {connected_us} us");
    world.run_for_ms(500);
    for kind in [Kind::AppStop, Kind::AppStart, Kind::AppRemove] {
        let asked_us = world.board.now_us.get();
        assert_eq!(world.ask(kind, &request("hog")), Reply::Done);
        let took_us = world.board.now_us.get() - asked_us;
        assert!(took_us < 1_000_000, "{kind:?} took {took_us} us");
    }
    // Lines that it wrote before its removal are still sent.
    world.run_for_ms(1_000);
    world.gateway.inbox.clear();
    assert_eq!(world.log_line().app, "bystander");
    assert_eq!(world.board.resets.get(), 0);
}

#[test]
fn stop_and_remove_arrive_within_a_second_whatever_an_app_does() {
    check_manageable(&format!(
        r#"(module {FLOOD} (func (export "init") (call $fill)) (func (export "tick") (loop (call $flood) (br 0))))"#
    ));
    check_manageable(&format!(
        r#"(module {FLOOD} (func (export "init") (call $fill)) (func (export "tick") (call $flood)))"#
    ));
    check_manageable(&format!(
        r#"(module {FLOOD} (func (export "init") (call $fill) (loop (call $flood) (br 0))))"#
    ));
    check_manageable(DRAIN);
    check_manageable(r#"(module (func (export "init") (loop (br 0))))"#);
}

#[test]
fn what_a_call_costs_is_paid_for_before_the_app_runs_on() {
    let mut world = World::in_session();
    let module = wasm(DRAIN);
    let mut drain = random(manifest("drain", 1, &module));
    drain.limits.callback_ms = 60_000;
    deploy(&mut world, &drain, &module).unwrap();
    world.gateway.inbox.clear();
    let before = world.metrics().apps.remove(0);
    let after = world.metrics().apps.remove(0);
    let (calls, fuel) = (after.host_calls - before.host_calls, after.fuel - before.fuel);
    assert!(calls > 3, "{calls} calls");
    let per_call = fuel / u64::from(calls);
    assert!((70_000..90_000).contains(&per_call), "{per_call} fuel a call");
}

#[test]
fn an_app_that_overruns_again_and_again_does_not_start_by_itself_any_more() {
    let mut world = World::in_session();
    let module = one_write("");
    world.board.pins.write_us.set(600_000);
    deploy(&mut world, &manifest("hog", 1, &module), &module).unwrap();
    for times in 1..=3 {
        let report = failed(&mut world, "hog");
        assert_eq!(report.failure.unwrap().kind, FailureKind::ExecutionLimit);
        world.run_for_ms(50);
        world = world.restart();
        let app = world.hello().apps.remove(0);
        if times < 3 {
            assert!(app.autostart && app.state != AppState::Failed, "{app:?}");
        } else {
            assert_eq!((app.state, app.autostart), (AppState::Failed, false));
            let failure = app.failure.unwrap();
            assert_eq!(
                (failure.kind, failure.detail.as_str()),
                (
                    FailureKind::ExecutionLimit,
                    "overran its limits 3 times: it starts when it is told to"
                )
            );
        }
    }
    // A start request runs it again, and resets the count.
    assert_eq!(world.ask(Kind::AppStart, &request("hog")), Reply::Done);
    assert!(failed(&mut world, "hog").autostart);
    // So does another version.
    deploy(&mut world, &manifest("hog", 2, &module), &module).unwrap();
    assert!(failed(&mut world, "hog").autostart);
}

#[test]
fn an_app_that_takes_the_board_down_again_and_again_does_not_start_by_itself_any_more() {
    let mut world = World::in_session();
    let module = wasm(BLINK);
    deploy(&mut world, &manifest("app", 1, &module), &module).unwrap();
    let board = world.board;
    let mut world = Some(world);
    let mut restart_with = |mark: Option<u8>| {
        board.faulted_app.set(mark);
        let next = world.take().unwrap().restart();
        world.insert(next).hello().apps.remove(0)
    };
    // Which mark the app has is the store's affair.
    let mark = (0..=255).find(|mark| restart_with(Some(*mark)).state == AppState::Failed);
    let mark = mark.expect("the app has a mark");
    assert!(restart_with(Some(mark)).autostart, "the second time");
    let app = restart_with(Some(mark));
    assert_eq!((app.state, app.autostart), (AppState::Failed, false));
    let app = restart_with(None);
    assert_eq!(
        (app.state, app.failure.unwrap().kind),
        (AppState::Failed, FailureKind::ExecutionLimit)
    );
}
