//! `kill -9` in the middle of a deployment.

use crate::driver::{Running, drydock_in, file};

#[test]
fn a_deployment_that_was_cut_off_is_told_and_carried_out() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    // Large enough that it is on its way for a while.
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

    // After a clean end nothing is told.
    let gateway = Running::gateway(data);
    let (code, events) = gateway.end();
    assert_eq!(code, 0);
    assert!(
        events.iter().all(|event| event["event"] != "workbench.recovered"),
        "{events:?}"
    );
}
