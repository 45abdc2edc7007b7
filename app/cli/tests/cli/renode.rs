//! Boards on Renode: on the stand-in of the emulator's own tests, which is built with them, and on a real Renode if one
//! is on PATH.

use crate::driver::{Running, drydock_in, position};
use crate::snapshots::goes_back;
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

#[test]
fn a_board_on_the_stand_in_goes_back_too() {
    let Some(programs) = stand_in() else { return };
    let place = tempfile::tempdir().unwrap();
    let gateway = Running::gateway_that_finds(programs.path(), place.path());
    add(place.path(), "nano33ble");
    gateway.wait_for("device.connected");
    goes_back(place.path(), &gateway);
    assert_eq!(gateway.end().0, 0);
}

#[test]
fn lines_for_the_monitor_are_executed_until_one_is_refused() {
    let Some(programs) = stand_in() else { return };
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let gateway = Running::gateway_that_finds(programs.path(), data);
    add(data, "nano33ble");
    let monitor = |lines: &[&str]| drydock_in(data, &[&["monitor", "bench-1", "--json"], lines].concat());

    let asked = monitor(&["version", "sysbus.cpu ExecutedInstructions"]);
    assert_eq!(asked.code, 0, "{asked:?}");
    let answers = asked.events();
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert!(answers[0]["answer"].as_str().unwrap().contains("version 1.16.1"));
    assert!(answers[1]["answer"].as_str().unwrap().starts_with("0x"), "{answers:?}");
    let spoken = drydock_in(data, &["monitor", "bench-1", "version"]);
    assert!(spoken.stdout.starts_with("Renode, version 1.16.1"), "{spoken:?}");

    let refused = monitor(&["version", "nonsense", "version"]);
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(refused.error().contains("`nonsense`"), "{refused:?}");
    let events = refused.events();
    let last = &events[position(&events, "error")];
    assert_eq!((&last["code"], &last["board"]), (&"refused".into(), &"bench-1".into()));
    assert!(last["detail"].as_str().unwrap().contains("No such command"), "{last}");
    let answered = events.iter().filter(|event| event["event"] == "monitor.answered");
    assert_eq!(answered.count(), 2, "{events:?}");

    let nobody = drydock_in(data, &["monitor", "bench-9", "--json"]);
    assert_eq!(nobody.code, 3, "without a line: {nobody:?}");
    assert!(nobody.error().contains("bench-9"), "{nobody:?}");

    let other = drydock_in(data, &["boards", "add", "nano33ble", "--json"]);
    assert_eq!(other.code, 0, "{other:?}");
    let none = drydock_in(data, &["monitor", "bench-2", "version", "--json"]);
    assert_eq!(none.code, 3, "{none:?}");
    assert!(
        none.error().contains("builtin of bench-2 has no command language"),
        "{none:?}"
    );
    assert_eq!(gateway.end().0, 0);
}

#[test]
fn the_firmware_enrolls_and_runs_an_app_on_a_renode_on_path() {
    if !is_on_path() {
        return;
    }
    for board in ["nano33ble", "stm32f4-discovery"] {
        let place = tempfile::tempdir().unwrap();
        let done = drydock_in(
            place.path(),
            &[
                "emulate",
                "--board",
                board,
                "--engine",
                "renode",
                "--app",
                "blink",
                "--until",
                "all-running",
                "--json",
            ],
        );
        assert_eq!(done.code, 0, "{board}: {done:?}");
        let events = done.events();
        position(&events, "device.enrolled");
        assert_eq!(events[position(&events, "app.running")]["app"], "blink");
    }
}

#[test]
fn a_board_on_a_renode_on_path_goes_back_too() {
    if !is_on_path() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let gateway = Running::gateway(place.path());
    add(place.path(), "nano33ble");
    gateway.wait_for("device.connected");
    goes_back(place.path(), &gateway);
    assert_eq!(gateway.end().0, 0);
}

fn add(data: &Path, kind: &str) {
    let added = drydock_in(data, &["boards", "add", kind, "--engine", "renode", "--pace", "max"]);
    assert_eq!(added.code, 0, "{added:?}");
}

fn is_on_path() -> bool {
    let found = Command::new("renode").arg("--version").output();
    let found = found.is_ok_and(|output| output.status.success());
    if !found {
        println!("drydock-skip: Renode is not on PATH");
    }
    found
}

/// A folder whose `renode` is the newest stand-in program of the Renode driver's tests.
fn stand_in() -> Option<TempDir> {
    let Some(program) = driver_tests() else {
        println!("drydock-skip: the stand-in for Renode is not built (cargo test -p drydock-emulator --no-run)");
        return None;
    };
    let script = format!(
        "#!/bin/sh\nDRYDOCK_RENODE_STANDIN=well exec '{}' \"$@\"\n",
        program.display()
    );
    let programs = tempfile::tempdir().unwrap();
    let renode = programs.path().join("renode");
    fs::write(&renode, script).unwrap();
    fs::set_permissions(&renode, fs::Permissions::from_mode(0o755)).unwrap();
    Some(programs)
}

fn driver_tests() -> Option<PathBuf> {
    let here = std::env::current_exe().ok()?;
    let programs = fs::read_dir(here.parent()?).ok()?.filter_map(Result::ok);
    let programs = programs.filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("renode-") && !name.contains('.')
    });
    let newest = programs.max_by_key(|entry| entry.metadata().and_then(|of| of.modified()).ok());
    newest.map(|entry| entry.path())
}
