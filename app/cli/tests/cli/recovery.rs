//! `kill -9` in the middle of a deployment, and right after an answer: what a client was told must still hold.

use crate::driver::{Running, drydock_in, file, position};
use std::path::Path;

/// Number of kills in a run; `DRYDOCK_KILL_LOOPS` sets another number.
const KILL_LOOPS: usize = 6;

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
    /// The command that requests it was answered; the board may not have done it yet.
    Requested { there: bool },
    /// The board's own report was published.
    Reported { there: bool },
}

/// The states of blink on the board, as the owner shows them now.
fn blink_is_there(data: &Path) -> bool {
    let listed = drydock_in(data, &["boards", "--json"]).events();
    let apps = listed[position(&listed, "board")]["apps"].as_array().unwrap().clone();
    apps.iter().any(|app| app["name"] == "blink")
}

/// Deploys and removes one app in turn and kills the owner right after the command was answered. Most commands wait for
/// the board's report; some do not. When the board has connected again, a report must still hold, and a request must be
/// carried out.
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

    let mut known = Known::Reported { there: false };
    for number in 0..loops {
        let gateway = Running::gateway(data);
        gateway.wait_for("device.connected");
        match known {
            Known::Reported { there } => assert_eq!(blink_is_there(data), there, "kill {number}, after {known:?}"),
            Known::Requested { there } => {
                let comes_about = (0..500).any(|_| blink_is_there(data) == there);
                assert!(comes_about, "kill {number}, after {known:?}");
            }
        }
        let there = number % 2 == 0;
        let is_reported = number % 6 != 4;
        let asked: &[&str] = match (there, is_reported) {
            (true, true) => &["deploy", "blink", "--on", "bench-1"],
            (true, false) => &["deploy", "blink", "--on", "bench-1", "--no-wait"],
            (false, _) => &["remove", "blink", "--on", "bench-1"],
        };
        let answered = drydock_in(data, asked);
        assert_eq!(answered.code, 0, "kill {number}: {answered:?}");
        known = match is_reported {
            true => Known::Reported { there },
            false => Known::Requested { there },
        };
        gateway.kill();
    }
    let verified = drydock_in(data, &["audit", "verify"]);
    assert_eq!(verified.code, 0, "{verified:?}");
}
