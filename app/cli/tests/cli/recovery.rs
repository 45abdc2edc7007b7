//! `kill -9` in the middle of a deployment, and right after an answer: what a client was told must still hold.

use crate::driver::{Running, drydock_in, file, position};
use std::path::Path;

/// Number of kills in a run; `DRYDOCK_KILL_LOOPS` sets another number.
const KILL_LOOPS: usize = 11;

#[test]
fn a_deployment_that_was_cut_off_is_told_and_carried_out() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    // Large enough that the transfer takes a while.
    let module = format!(
        r#"(module
            (import "drydock" "log" (func $log (param i32 i32 i32)))
            (memory (export "memory") 64 64 (pagesize 1))
            (data (i32.const 0) "after the fall")
            (data "{}")
            (func (export "init") i32.const 2 i32.const 0 i32.const 14 call $log)
            (func (export "tick")))"#,
        "payload ".repeat(2_500)
    );
    let (_directory, app) = file("payload.wat", module);

    let gateway = Running::gateway(data);
    assert_eq!(
        drydock_in(data, &["boards", "add", "nano33ble", "--pace", "max"]).code,
        0
    );
    gateway.wait_for("device.connected");
    let accepted = drydock_in(data, &["deploy", app.to_str().unwrap(), "--on", "bench-1", "--no-wait"]);
    assert_eq!(accepted.code, 0, "{accepted:?}");
    gateway.wait_for("app.deploying");
    gateway.kill();
    assert_eq!(drydock_in(data, &["audit", "verify"]).code, 0, "the store is whole");

    let gateway = Running::start(data, &["gateway"]);
    let ready = gateway.wait_for("gateway.ready");
    assert_eq!(ready["sessions"], 0);
    let recovered = gateway.wait_for("workbench.recovered");
    let said = recovered["text"].as_str().unwrap();
    for words in [
        "not closed the last time",
        "payload was on its way to bench-1",
        "sent again",
    ] {
        assert!(said.contains(words), "{words} in: {said}");
    }
    let running = gateway.wait_for("app.running");
    assert_eq!(
        (&running["app"], &running["board"]),
        (&"payload".into(), &"bench-1".into())
    );
    let logs = drydock_in(data, &["logs", "bench-1", "--app", "payload"]);
    assert!(logs.stdout.contains("after the fall"), "{logs:?}");
    assert_eq!(drydock_in(data, &["audit", "verify"]).code, 0);
    assert_eq!(gateway.end().0, 0);

    // After a clean end nothing is reported.
    let gateway = Running::gateway(data);
    let (code, events) = gateway.end();
    assert_eq!(code, 0);
    assert!(
        events.iter().all(|event| event["event"] != "workbench.recovered"),
        "{events:?}"
    );
}

/// The client's knowledge of the app when its owner is killed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Known {
    /// The board's own report was told.
    Reported(Blink),
    /// A deployment was accepted; the board may not have it yet.
    Requested,
}

/// Blink on the board, as the owner shows it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Blink {
    /// It is not listed.
    Gone,
    /// It is about to come or to go.
    UnderWay,
    /// The board reports that it runs.
    Runs,
    /// The board reports that it was stopped.
    Stopped,
}

fn blink(data: &Path) -> Blink {
    let listed = drydock_in(data, &["boards", "--json"]).events();
    let apps = listed[position(&listed, "board")]["apps"].as_array().unwrap().clone();
    let state = apps.iter().find(|app| app["name"] == "blink").map(|app| &app["state"]);
    match state.map(|state| state.as_str().unwrap()) {
        None => Blink::Gone,
        Some("running" | "starting") => Blink::Runs,
        // Nothing has run since the board was started.
        Some("stopped" | "installed") => Blink::Stopped,
        Some(_) => Blink::UnderWay,
    }
}

/// What is asked for, in turn, and whether the answer waits for the board's report. A removal follows each deployment whose
/// package may still be on its way.
const TURNS: &[(&[&str], Known)] = &[
    (&["deploy", "blink", "--on", "bench-1"], Known::Reported(Blink::Runs)),
    (&["remove", "blink", "--on", "bench-1"], Known::Reported(Blink::Gone)),
    (&["deploy", "blink", "--on", "bench-1"], Known::Reported(Blink::Runs)),
    (&["stop", "blink", "--on", "bench-1"], Known::Reported(Blink::Stopped)),
    (&["start", "blink", "--on", "bench-1"], Known::Reported(Blink::Runs)),
    (&["remove", "blink", "--on", "bench-1"], Known::Reported(Blink::Gone)),
    (&["deploy", "blink", "--on", "bench-1", "--no-wait"], Known::Requested),
    (&["remove", "blink", "--on", "bench-1"], Known::Reported(Blink::Gone)),
    (&["deploy", "blink", "--on", "bench-1", "--no-wait"], Known::Requested),
    (&["stop", "blink", "--on", "bench-1"], Known::Reported(Blink::Stopped)),
    (&["remove", "blink", "--on", "bench-1"], Known::Reported(Blink::Gone)),
];

/// Deploys, stops, starts and removes one app and kills the owner right after the command was answered. When the board has
/// connected again, a report still holds at once, and a deployment that was accepted is under way or there.
#[test]
fn what_a_client_was_told_outlives_a_kill() {
    let loops = std::env::var("DRYDOCK_KILL_LOOPS").ok();
    let loops = loops.map_or(KILL_LOOPS, |text| text.parse().expect("DRYDOCK_KILL_LOOPS is a number"));
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let gateway = Running::gateway(data);
    let add = ["boards", "add", "nano33ble", "--pace", "max"];
    assert_eq!(drydock_in(data, &add).code, 0);
    gateway.wait_for("device.connected");
    assert_eq!(gateway.end().0, 0);

    let mut known = Known::Reported(Blink::Gone);
    for number in 0..loops {
        let gateway = Running::gateway(data);
        gateway.wait_for("device.connected");
        let seen = blink(data);
        let holds = match known {
            Known::Reported(reported) => seen == reported,
            Known::Requested => matches!(seen, Blink::UnderWay | Blink::Runs),
        };
        assert!(holds, "kill {number}: {seen:?} after {known:?}");
        let (asked, answer) = TURNS[number % TURNS.len()];
        let answered = drydock_in(data, asked);
        assert_eq!(answered.code, 0, "kill {number}, {asked:?}: {answered:?}");
        known = answer;
        gateway.kill();
    }
    let verified = drydock_in(data, &["audit", "verify"]);
    assert_eq!(verified.code, 0, "{verified:?}");
}
