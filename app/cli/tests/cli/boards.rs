//! `drydock run` on the boards beside the Nano: the same apps, the same session.

use crate::driver::{drydock, position};

/// Blink's own lines come back from the board, after all that comes before an app.
fn blinks_on(board: &str) {
    let outcome = drydock(&["run", "blink", "--board", board, "--for", "3s", "--json"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let events = outcome.events();
    let order = [
        "device.enrolled",
        "device.connected",
        "app.running",
        "app.log",
        "run.finished",
    ]
    .map(|name| position(&events, name));
    assert!(order.is_sorted(), "{order:?} in {events:#?}");
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
    blinks_on("esp32-c6");
}
