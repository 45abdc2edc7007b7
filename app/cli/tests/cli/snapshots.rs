//! Snapshots, restore and fork against a headless owner: a restored board is the same board, a fork is another one, and
//! an invalid file changes nothing.

use crate::driver::{Outcome, Running, drydock_in};
use serde_json::Value;
use std::{fs, path::Path};

fn verb(data: &Path, arguments: &[&str]) -> Outcome {
    drydock_in(data, &[arguments, &["--json"]].concat())
}

fn done(data: &Path, arguments: &[&str]) -> Vec<Value> {
    let outcome = verb(data, arguments);
    assert_eq!(outcome.code, 0, "{arguments:?}: {outcome:?}");
    outcome.events()
}

fn board(data: &Path, name: &str) -> Value {
    let listed = done(data, &["boards"]);
    let found = listed.into_iter().find(|event| event["name"] == name);
    found.unwrap_or_else(|| panic!("there is no {name}"))
}

fn is_running(board: &Value, app: &str) -> bool {
    let apps = board["apps"].as_array().expect("a list");
    apps.iter()
        .any(|view| view["name"] == app && view["state"] == "running")
}

/// A gateway with one board that runs blink.
fn start(data: &Path) -> Running {
    let gateway = Running::gateway(data);
    done(data, &["boards", "add", "nano33ble", "--pace", "max", "--seed", "2a"]);
    done(data, &["deploy", "blink", "--on", "bench-1"]);
    gateway
}

#[test]
fn a_board_goes_back_and_connects_as_the_device_that_it_is() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let gateway = start(data);
    let file = data.join("before.snap");
    let file = file.to_str().unwrap();
    let saved = done(data, &["snapshot", "bench-1", "--out", file]);
    assert_eq!(saved[0]["event"], "snapshot.saved");
    assert_eq!(saved[0]["bytes"], fs::metadata(file).unwrap().len());
    let then = saved[0]["virtual_time_s"].as_f64().unwrap();
    assert!(
        then > 0.1 && saved[0]["instructions"].as_u64().unwrap() > 1_000_000,
        "{saved:?}"
    );
    let before = board(data, "bench-1");

    // Deployed after the snapshot: the gateway sends it again.
    done(data, &["deploy", "sensor", "--on", "bench-1"]);
    // The board stays paused, so that its exact state can be compared. No reset would restore that state.
    done(data, &["boards", "pause", "bench-1"]);
    assert!(board(data, "bench-1")["machine"]["instructions"].as_u64() > saved[0]["instructions"].as_u64());
    let restored = done(data, &["restore", "bench-1", file]);
    assert_eq!(restored[0]["event"], "snapshot.restored");
    let machine = board(data, "bench-1")["machine"].clone();
    for what in ["instructions", "virtual_time_s"] {
        assert_eq!(machine[what], saved[0][what], "{machine}");
    }
    done(data, &["boards", "resume", "bench-1"]);
    let told = gateway.wait_for("machine.restored");
    assert!(
        (told["virtual_time_s"].as_f64().unwrap() - then).abs() < 0.000_002,
        "{told}"
    );
    let connected = gateway.wait_for("device.connected");
    assert_eq!(connected["device"], before["device"]["id"]);
    gateway.wait_until(|event| event["event"] == "app.running" && event["app"] == "sensor");
    let after = board(data, "bench-1");
    assert_eq!(after["device"]["chip_id"], before["device"]["chip_id"]);
    assert!(is_running(&after, "blink") && is_running(&after, "sensor"), "{after}");
    assert_eq!(gateway.end().0, 0);

    // In another process, whose machine has run on in the meantime.
    let gateway = Running::gateway(data);
    gateway.wait_for("device.connected");
    done(data, &["restore", "bench-1", file]);
    gateway.wait_for("machine.restored");
    assert_eq!(gateway.wait_for("device.connected")["device"], before["device"]["id"]);
    gateway.wait_until(|event| event["event"] == "app.running" && event["app"] == "sensor");
    assert_eq!(gateway.end().0, 0);
}

/// Saves `bench-1`, lets it run on, restores it, and waits until it has a session again and its earlier state.
pub(crate) fn goes_back(data: &Path, gateway: &Running) {
    let file = data.join("before.snap");
    let file = file.to_str().unwrap();
    let saved = done(data, &["snapshot", "bench-1", "--out", file]);
    assert_eq!(saved[0]["event"], "snapshot.saved");
    assert_eq!(saved[0]["bytes"], fs::metadata(file).unwrap().len());
    let then = saved[0]["virtual_time_s"].as_f64().unwrap();
    assert!(then > 0.1, "{saved:?}");
    let device = board(data, "bench-1")["device"]["id"].clone();

    // Deployed after the state: the restored board no longer has it, so the gateway sends it a second time.
    done(data, &["deploy", "blink", "--on", "bench-1"]);
    let runs = |event: &Value| event["event"] == "app.running" && event["app"] == "blink";
    gateway.wait_until(runs);
    done(data, &["boards", "pause", "bench-1"]);
    done(data, &["restore", "bench-1", file]);
    let back = board(data, "bench-1")["machine"]["virtual_time_s"].as_f64().unwrap();
    assert!((back - then).abs() < 0.000_002, "{back}, not {then}");
    done(data, &["boards", "resume", "bench-1"]);
    let told = gateway.wait_for("machine.restored");
    assert_eq!(told["virtual_time_s"].as_f64().unwrap(), back, "{told}");
    assert_eq!(gateway.wait_for("device.connected")["device"], device);
    gateway.wait_until(|event| event["event"] == "app.removed" && event["app"] == "blink");
    gateway.wait_until(runs);
}

#[test]
fn a_board_on_qemu_goes_back_too() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let gateway = Running::gateway(data);
    let added = verb(data, &["boards", "add", "mps2-an386", "--pace", "max"]);
    if added.code == 3 && added.error().contains("cannot be used here") {
        println!("drydock-skip: {}", added.error());
        return;
    }
    assert_eq!(added.code, 0, "{added:?}");
    gateway.wait_for("device.connected");
    goes_back(data, &gateway);
    // Its state is of no use to another engine's board.
    done(data, &["boards", "add", "nano33ble", "--pace", "max"]);
    let file = data.join("before.snap");
    let other = verb(data, &["restore", "bench-2", file.to_str().unwrap()]);
    check(&other, 3, &["bench-2", "of the qemu engine"]);
    assert_eq!(gateway.end().0, 0);
}

#[test]
fn a_fork_has_an_identity_of_its_own_and_the_same_apps() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let gateway = start(data);
    let forks = done(data, &["fork", "bench-1", "--count", "2"]);
    let names: Vec<&str> = forks.iter().map(|fork| fork["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["bench-1-fork-1", "bench-1-fork-2"]);
    let mut missing = names.clone();
    while !missing.is_empty() {
        let running = gateway.wait_until(|event| event["event"] == "app.running" && event["app"] == "blink");
        missing.retain(|name| running["board"] != **name);
    }
    let boards = ["bench-1", names[0], names[1]].map(|name| board(data, name));
    for what in ["/device/id", "/device/chip_id", "/machine/seed"] {
        let values = boards
            .each_ref()
            .map(|board| board.pointer(what).unwrap().as_str().unwrap());
        assert!(
            values[0] != values[1] && values[1] != values[2] && values[0] != values[2],
            "{what}: {values:?}"
        );
    }
    for (number, fork) in (1..).zip(&boards[1..]) {
        let seed = boards[0]["machine"]["seed"].as_str().unwrap();
        let derived = drydock_workbench::derived_seed(seed, number).unwrap();
        assert_eq!(fork["machine"]["seed"], derived.as_str());
    }
    // The parent of the fork is left alone.
    assert!(is_running(&boards[0], "blink"));
    assert_eq!(boards[0]["device"]["state"], "connected");

    // It has the exact state, but nothing from it reaches the gateway until it becomes a board of its own.
    let unlinked = done(data, &["fork", "bench-1", "--unlinked", "--name", "what-if"]);
    assert_eq!(unlinked[0]["name"], "what-if");
    let machine = board(data, "what-if");
    assert_eq!(machine["badge"], "unlinked", "{machine}");
    assert_eq!(machine["device"], Value::Null, "{machine}");
    assert!(
        machine["machine"]["instructions"].as_u64().unwrap() > 1_000_000,
        "{machine}"
    );
    let refused = verb(data, &["restore", "what-if", "nothing.snap"]);
    assert_eq!(refused.code, 3, "{refused:?}");
    done(data, &["boards", "off", "what-if"]);
    done(data, &["boards", "on", "what-if"]);
    gateway.wait_until(|event| event["event"] == "app.running" && event["board"] == "what-if");
    let device = board(data, "what-if")["device"]["chip_id"].clone();
    assert!(
        boards.iter().all(|board| board["device"]["chip_id"] != device),
        "{device}"
    );

    // Its state ends with the run of Drydock: it must not come back with a link that nobody gave it.
    done(data, &["fork", "bench-1", "--unlinked", "--name", "lost"]);
    assert_eq!(gateway.end().0, 0);
    let gateway = Running::gateway(data);
    let lost = board(data, "lost");
    assert_eq!(
        (&lost["badge"], &lost["device"]),
        (&"off".into(), &Value::Null),
        "{lost}"
    );
    assert_eq!(gateway.end().0, 0);
}

#[test]
fn what_is_no_snapshot_of_this_board_is_refused_and_nothing_changes() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let gateway = start(data);
    let file = |name: &str| data.join(name).to_str().unwrap().to_owned();
    done(data, &["snapshot", "bench-1", "--out", &file("good.snap")]);
    done(data, &["boards", "add", "nano33ble", "--pace", "max"]);
    gateway.wait_until(|event| event["event"] == "device.connected" && event["board"] == "bench-2");
    done(data, &["snapshot", "bench-2", "--out", &file("other.snap")]);
    let before = board(data, "bench-1");

    let good = fs::read(file("good.snap")).unwrap();
    let changed = |at: usize, with: u8| {
        let mut bytes = good.clone();
        bytes[at] ^= with;
        bytes
    };
    let cases: [(&str, Vec<u8>, &str); 8] = [
        (
            "text.snap",
            b"I am no snapshot".to_vec(),
            "this is not a snapshot of Drydock",
        ),
        ("empty.snap", Vec::new(), "this is not a snapshot of Drydock"),
        ("cut.snap", good[..good.len() - 1].to_vec(), "cut short"),
        ("short.snap", good[..11].to_vec(), "cut short"),
        ("flipped.snap", changed(good.len() / 2, 1), "its bytes were changed"),
        ("digest.snap", changed(good.len() - 1, 0x80), "its bytes were changed"),
        ("newer.snap", changed(9, 1), "version 261 of the format"),
        ("magic.snap", changed(0, 0x80), "this is not a snapshot of Drydock"),
    ];
    for (name, bytes, words) in &cases {
        fs::write(file(name), bytes).unwrap();
        check(
            &verb(data, &["restore", "bench-1", &file(name)]),
            3,
            &["bench-1", name, words],
        );
    }
    let other = verb(data, &["restore", "bench-1", &file("other.snap")]);
    check(&other, 3, &["bench-1", "other.snap", "another board", "drydock fork"]);
    let missing = verb(data, &["restore", "bench-1", &file("none.snap")]);
    check(&missing, 3, &["no file", "none.snap"]);
    let nobody = verb(data, &["restore", "bench-9", &file("good.snap")]);
    check(&nobody, 3, &["bench-9", "bench-1"]);
    let nowhere = verb(data, &["snapshot", "bench-1", "--out", &file("text.snap/x.snap")]);
    check(&nowhere, 3, &["x.snap", "cannot be written"]);
    let unknown = verb(data, &["snapshot", "bench-1", "--of", "noon", "--out", &file("x.snap")]);
    check(&unknown, 3, &["bench-1", "noon"]);
    let name = verb(data, &["fork", "bench-1", "--name", "bench-2"]);
    check(&name, 2, &["bench-2", "another name"]);
    for usage in [
        &["snapshot", "bench-1"][..],
        &["restore", "bench-1"],
        &["fork"],
        &["fork", "bench-1", "--count", "0"],
        &["fork", "bench-1", "--from", "x.snap"],
    ] {
        assert_eq!(verb(data, usage).code, 2, "{usage:?}");
    }

    // None of that reached the board: its session is unchanged.
    let after = board(data, "bench-1");
    assert_eq!(after["device"]["session"], before["device"]["session"]);
    assert!(after["machine"]["virtual_time_s"].as_f64() >= before["machine"]["virtual_time_s"].as_f64());
    assert_eq!(done(data, &["boards"]).len(), 2);

    done(data, &["boards", "off", "bench-1"]);
    let off = verb(data, &["restore", "bench-1", &file("good.snap")]);
    check(&off, 3, &["bench-1", "switched off"]);
    let off = verb(data, &["snapshot", "bench-1", "--out", &file("off.snap")]);
    check(&off, 3, &["bench-1", "switched off"]);
    assert!(!data.join("off.snap").exists());
    let (code, events) = gateway.end();
    assert_eq!(code, 0);
    assert!(
        events.iter().all(|event| event["event"] != "machine.restored"),
        "{events:?}"
    );
}

#[test]
fn a_board_survives_that_its_power_is_cut() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let gateway = start(data);
    let before = board(data, "bench-1");
    // Events from before the power cut must not be taken for its results.
    let first = gateway.wait_for("device.connected");
    done(data, &["boards", "power-cut", "bench-1"]);
    let connected = gateway.wait_for("device.connected");
    assert_eq!(connected["device"], before["device"]["id"]);
    assert_eq!(connected["reset_reason"], "power_on");
    assert_ne!(connected["revision"], first["revision"]);
    let comes_back = (0..500).any(|_| is_running(&board(data, "bench-1"), "blink"));
    assert!(comes_back, "blink was lost");
    assert_ne!(board(data, "bench-1")["device"]["session"], before["device"]["session"]);
    assert_eq!(gateway.end().0, 0);
}

#[test]
fn boards_in_lockstep_enroll_and_run() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let arguments = [
        "emulate",
        "--count",
        "3",
        "--app",
        "blink",
        "--pace",
        "lockstep",
        "--until",
        "all-running",
    ];
    let events = done(data, &arguments);
    let last = events.last().unwrap();
    assert_eq!(
        (&last["event"], &last["running"]),
        (&"emulate.finished".into(), &3.into()),
        "{last}"
    );
}

/// In lockstep no board runs ahead of another: all wait for a paused one. At another pace they would continue.
#[test]
fn boards_in_lockstep_wait_for_each_other() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let gateway = Running::gateway(data);
    for name in ["bench-1", "bench-2"] {
        done(data, &["boards", "add", "nano33ble", "--pace", "lockstep"]);
        gateway.wait_until(|event| event["event"] == "device.connected" && event["board"] == name);
    }
    let time = || board(data, "bench-2")["machine"]["virtual_time_s"].as_f64().unwrap();
    done(data, &["boards", "pause", "bench-1"]);
    // It may still finish the current quantum.
    let mut seen = time();
    let stands = (0..20).any(|_| std::mem::replace(&mut seen, time()) == seen);
    assert!(stands, "bench-2 goes on without bench-1");
    done(data, &["boards", "resume", "bench-1"]);
    let goes_on = (0..200).any(|_| time() > seen);
    assert!(goes_on, "bench-2 stands, though bench-1 does not");
    assert_eq!(gateway.end().0, 0);
}

fn check(outcome: &Outcome, code: i32, words: &[&str]) {
    assert_eq!(outcome.code, code, "{outcome:?}");
    let said = outcome.error();
    for word in words {
        assert!(said.contains(word), "{word} in: {said}");
    }
}
