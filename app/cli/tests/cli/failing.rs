//! Apps that fail: each ends, with the reason and the export that ran, and nothing else ends.

use crate::driver::{Running, drydock, drydock_in, file, position};
use serde_json::Value;

/// Sample, reason, export, and a word of the detail.
const BAD_APPS: [(&str, &str, &str, &str); 4] = [
    ("spin", "execution-limit", "tick", "500 ms"),
    ("trap", "trap", "tick", "unreachable"),
    ("hungry", "memory-limit", "tick", "memory.grow"),
    ("trespass", "capability-denied", "tick", "gpio:7"),
];

fn check_trapped(trapped: &Value, (app, reason, export, detail): (&str, &str, &str, &str)) {
    assert_eq!(
        (&trapped["app"], &trapped["reason"], &trapped["export"]),
        (&app.into(), &reason.into(), &export.into()),
        "{trapped}"
    );
    assert!(trapped["detail"].as_str().unwrap().contains(detail), "{trapped}");
}

#[test]
fn a_failing_app_ends_the_run_with_1_and_the_reason() {
    let outcome = drydock(&["run", "trespass", "--for", "30s", "--json"]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    let events = outcome.events();
    check_trapped(&events[position(&events, "app.trapped")], BAD_APPS[3]);
    let said = outcome.error();
    for word in ["run-1", "trespass", "capability-denied", "tick", "gpio:7"] {
        assert!(said.contains(word), "{word} in {said}");
    }
    let finished = events.last().unwrap();
    assert_eq!(
        (&finished["event"], &finished["exit_code"]),
        (&"run.finished".into(), &1.into())
    );
}

#[test]
fn an_app_that_exits_with_a_code_failed() {
    let module = r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (func (export "_start") i32.const 7 call $exit))"#;
    let (_place, path) = crate::driver::file("seven.wat", module);
    let outcome = drydock(&["run".as_ref(), path.as_os_str(), "--json".as_ref()]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert!(outcome.error().contains("seven ended itself with 7"), "{outcome:?}");
}

#[test]
fn bad_apps_leave_the_board_and_a_blinking_one_alone() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let gateway = Running::gateway(data);
    assert_eq!(
        drydock_in(data, &["boards", "add", "nano33ble", "--pace", "max"]).code,
        0
    );
    let blink = drydock_in(data, &["deploy", "blink", "--on", "bench-1"]);
    assert_eq!(blink.code, 0, "{blink:?}");
    let session = board(data)["device"]["session"].clone();
    assert!(session.is_number(), "{}", board(data));

    for bad in BAD_APPS {
        let deployed = drydock_in(data, &["deploy", bad.0, "--on", "bench-1", "--json"]);
        let mut events = deployed.events();
        // The app may run for a moment before it fails. Then the deployment succeeds, and the board reports the
        // failure.
        if deployed.code == 0 {
            events = vec![gateway.wait_until(|event| event["event"] == "app.trapped" && event["app"] == bad.0)];
        } else {
            assert_eq!(deployed.code, 1, "{deployed:?}");
            assert!(deployed.error().contains(bad.1), "{deployed:?}");
        }
        check_trapped(&events[position(&events, "app.trapped")], bad);
    }
    let view = board(data);
    assert_eq!(view["device"]["session"], session, "the session was lost: {view}");
    for app in view["apps"].as_array().unwrap() {
        let expected = if app["name"] == "blink" { "running" } else { "failed" };
        assert_eq!(app["state"], expected, "{app}");
        assert_eq!(app["ended_ms"].is_u64(), expected == "failed", "{app}");
    }
    // Why an app ended is the last line of its log.
    for (app, reason, ..) in BAD_APPS {
        let log = drydock_in(data, &["logs", "bench-1", "--app", app, "--json"]).events();
        let last = log.iter().rev().find(|line| line["event"] == "app.log").unwrap();
        let text = last["text"].as_str().unwrap();
        assert!(text.contains("failed in tick") && text.contains(reason), "{last}");
        assert_eq!(last["level"], "error", "{last}");
    }
    // A missing capability can be granted as far as the board has it. This board keeps the pin, and that is known before
    // anything is sent.
    let granted = drydock_in(data, &["deploy", "trespass", "--on", "bench-1", "--grant", "gpio:7"]);
    assert_eq!(granted.code, 3, "{granted:?}");
    let sentence = "trespass asks for pin 7, which bench-1 does not give to apps: choose one of 2, 3, 4, ";
    assert!(granted.stderr.contains(sentence), "{granted:?}");
    // This one allocates until it reaches its limit; that may happen before its deployment is reported.
    drydock_in(
        data,
        &["deploy", "hungry", "--on", "bench-1", "--grant", "memory:32768"],
    );
    gateway.wait_until(|event| {
        let detail = event["detail"].as_str().unwrap_or_default();
        event["event"] == "app.trapped" && event["app"] == "hungry" && detail.contains("32768 are allowed")
    });
    // Blink still runs after the last of them failed.
    let now = view["device"]["uptime_ms"].as_u64().unwrap();
    let follower = Running::start(data, &["logs", "bench-1", "--app", "blink", "--follow"]);
    follower.wait_until(|line| line["uptime_ms"].as_u64() > Some(now));
    assert_eq!(follower.end().0, 0);
    assert_eq!(gateway.end().0, 0);
}

fn board(data: &std::path::Path) -> Value {
    let listed = drydock_in(data, &["boards", "--json"]);
    listed
        .events()
        .into_iter()
        .find(|event| event["event"] == "board")
        .unwrap()
}

/// An app's output is shown; it never controls the reader's terminal.
#[test]
fn a_log_line_cannot_forge_output() {
    let (_directory, path) = file(
        "forger.wat",
        r#"(module
            (import "drydock" "log" (func $log (param i32 i32 i32)))
            (memory (export "memory") 4096 (pagesize 1))
            (data (i32.const 0) "\1b]0;title\07\1b[2J\0d\c2\9b31mC1\e2\80\aertl\0a  12.00 s  forged")
            (func (export "init") (call $log (i32.const 2) (i32.const 0) (i32.const 46)))
            (func (export "tick")))"#,
    );
    let app = path.to_str().unwrap();
    let outcome = drydock(&["run", app, "--for", "100ms"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let line = outcome.stdout.lines().find(|line| line.contains("rtl")).unwrap();
    assert!(
        line.contains("␛]0;title␇␛[2J␍\\u{9b}31mC1\\u{202e}rtl␊  12.00 s  forged"),
        "{line}"
    );
    let active = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
    assert!(!outcome.stdout.contains(active), "{outcome:?}");

    // Scripts get the text unchanged, and no terminal executes it there either.
    let outcome = drydock(&["run", app, "--for", "100ms", "--json"]);
    let events = outcome.events();
    let said = events.iter().find(|event| event["event"] == "app.log").unwrap();
    assert!(
        said["text"].as_str().unwrap().starts_with("\u{1b}]0;title\u{7}"),
        "{said}"
    );
    assert!(!outcome.stdout.contains(active), "{outcome:?}");
}
