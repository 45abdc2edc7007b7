//! `drydock run` on the boards other than the Nano: the same apps, the same session.

use crate::driver::{Outcome, Running, drydock, drydock_in, position};

/// Blink's own log lines arrive from the board, after all events that precede an app.
fn blinks_on(board: &str, time: &str) {
    let outcome = drydock(&["run", "blink", "--board", board, "--for", time, "--json"]);
    if let Some(reason) = not_installed(&outcome) {
        println!("drydock-skip: {reason}");
        return;
    }
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let events = outcome.events();
    let order =
        ["device.enrolled", "device.connected", "app.running", "run.finished"].map(|name| position(&events, name));
    assert!(order.is_sorted(), "{order:?} in {events:#?}");
    // QEMU reports several milliseconds at once: the first line may then be published before the state.
    assert!(order[1] < position(&events, "app.log"), "{events:#?}");
    let said = |text: &str| {
        events
            .iter()
            .any(|event| event["event"] == "app.log" && event["text"] == text)
    };
    assert!(
        said("blinking P0.13 twice a second") && said("blinked 4 times"),
        "{events:#?}"
    );
}

#[test]
fn blink_runs_on_an_esp32_c6() {
    blinks_on("esp32-c6", "8s");
}

#[test]
fn blink_runs_on_an_stm32f4_discovery() {
    blinks_on("stm32f4-discovery", "8s");
}

/// QEMU's board, labelled as what it is.
#[test]
fn blink_runs_on_qemus_board_which_is_no_trust_test() {
    blinks_on("mps2-an386", "8s");
    let place = tempfile::tempdir().unwrap();
    let kinds = drydock_in(place.path(), &["boards", "kinds", "--json"]).events();
    let kind = kinds.iter().find(|kind| kind["id"] == "mps2-an386").unwrap();
    assert!(kind["title"].as_str().unwrap().contains("not a trust test"), "{kind}");
    assert!(kind["limit"].as_str().unwrap().contains("not a trust test"), "{kind}");
}

/// The engine is not installed on this machine: that is not a failure of the board.
fn not_installed(outcome: &Outcome) -> Option<String> {
    let events = outcome.events();
    let error = events.iter().find(|event| event["event"] == "error")?;
    let text = error["text"].as_str()?;
    (outcome.code == 3 && text.contains("cannot be used here")).then(|| text.to_owned())
}

/// 16 KiB of RAM: it reports a name, but cannot prove it.
#[test]
fn a_hifive1_is_unauthenticated_and_takes_no_apps() {
    let outcome = drydock(&[
        "emulate",
        "--board",
        "hifive1-revb",
        "--count",
        "2",
        "--until",
        "all-running",
        "--json",
    ]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let events = outcome.events();
    let heard = events
        .iter()
        .filter(|event| event["event"] == "device.unauthenticated" && event["firmware"] == "0.1.0");
    assert_eq!(heard.count(), 2, "{events:#?}");
    let enrolled = events.iter().any(|event| {
        let name = event["event"].as_str().unwrap();
        name == "device.enrolled" || name == "device.connected"
    });
    assert!(!enrolled, "{events:#?}");
    let last = events.last().unwrap();
    assert_eq!(last["connected"], 0, "{last}");
    let text = last["text"].as_str().unwrap();
    assert!(
        text.starts_with("All 2 boards were heard, unauthenticated after "),
        "{text}"
    );

    let refused = drydock(&["run", "blink", "--board", "hifive1-revb", "--for", "1s", "--json"]);
    assert_eq!(refused.code, 3, "{refused:?}");
    assert_eq!(
        refused.error(),
        "blink cannot run on run-1: on a HiFive1 Rev B 16 KiB of RAM cannot hold TLS, so it stays unauthenticated and \
         takes no apps."
    );
}

/// 32 KiB of RAM: it enrolls, holds its session and reports, but has no memory for apps.
#[test]
fn an_uno_r4_is_connected_and_reports_and_takes_no_apps() {
    let emulated = drydock(&[
        "emulate",
        "--board",
        "uno-r4-minima",
        "--count",
        "2",
        "--until",
        "all-running",
        "--json",
    ]);
    assert_eq!(emulated.code, 0, "{emulated:?}");
    let events = emulated.events();
    for name in ["device.enrolled", "device.connected"] {
        let heard = events.iter().filter(|event| event["event"] == name);
        assert_eq!(heard.count(), 2, "{name} in {events:#?}");
    }
    assert_eq!(events.last().unwrap()["connected"], 2, "{events:#?}");

    let place = tempfile::tempdir().unwrap();
    let _gateway = Running::gateway(place.path());
    let added = drydock_in(place.path(), &["boards", "add", "uno-r4-minima", "--pace", "max"]);
    assert_eq!(added.code, 0, "{added:?}");
    let follower = Running::start(place.path(), &["metrics", "bench-1", "--follow"]);
    let metrics = follower.wait_for("device.metrics");
    let (heap, stack) = (&metrics["heap_total_bytes"], &metrics["stack_total_bytes"]);
    let total = heap.as_u64().unwrap() + stack.as_u64().unwrap();
    assert!((16 * 1024..32 * 1024).contains(&total), "{metrics}");
    let refused = drydock_in(place.path(), &["deploy", "blink", "--on", "bench-1", "--json"]);
    assert_eq!(refused.code, 3, "{refused:?}");
    assert_eq!(
        refused.error(),
        "blink cannot run on bench-1: on an Arduino Uno R4 Minima 32 KiB of RAM cannot hold a WebAssembly runtime beside \
         TLS, so it takes no apps."
    );
    let still = drydock_in(place.path(), &["devices", "--json"]).events();
    assert!(
        still.iter().any(|event| event["device"]["state"] == "connected"),
        "{still:#?}"
    );
}
