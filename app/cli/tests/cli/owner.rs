//! Ownership of a data directory, and directories that cannot be used.

use crate::driver::{Outcome, Running, drydock_in, finish};
use std::{fs, net::TcpListener, path::Path, process::Command};

fn check_machine_error(outcome: &Outcome, words: &[&str]) {
    assert_eq!(outcome.code, 4, "{outcome:?}");
    let events = outcome.events();
    // Messages of a board or of the gateway come before the subcommand's own.
    let error = events.iter().rfind(|event| event["event"] == "error").unwrap();
    assert_eq!(error["code"], "machine");
    let said = error["text"].as_str().unwrap();
    for word in words {
        assert!(said.contains(word), "{word} in: {error}");
    }
}

#[test]
fn a_second_gateway_is_told_and_other_verbs_attach() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let gateway = Running::gateway(data);
    let second = drydock_in(data, &["gateway", "--json"]);
    check_machine_error(&second, &[data.to_str().unwrap(), "another Drydock", "--data"]);
    // Other subcommands do not become the owner: the board stays on after them.
    let added = drydock_in(data, &["boards", "add", "nano33ble", "--json"]);
    assert_eq!(added.code, 0, "{added:?}");
    gateway.wait_for("machine.started");
    assert_eq!(gateway.end().0, 0);
}

#[test]
fn what_a_killed_owner_left_is_cleared_away() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    Running::gateway(data).kill();
    assert!(data.join("owner.sock").exists() && data.join("owner.json").exists());
    let listed = drydock_in(data, &["boards", "--json"]);
    assert_eq!(listed.code, 0, "{listed:?}");
    let events = listed.events();
    assert_eq!(events[0]["event"], "workbench.recovered", "{events:?}");
    assert!(!data.join("owner.sock").exists());
    let again = drydock_in(data, &["boards", "--json"]);
    assert_eq!((again.code, again.stdout.as_str()), (0, ""), "it is reported once");
}

#[test]
fn a_stopped_owner_keeps_nobody_waiting() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let gateway = Running::gateway(data);
    gateway.signal("-STOP");
    let listed = drydock_in(data, &["boards", "--json"]);
    gateway.signal("-CONT");
    check_machine_error(&listed, &["silent", "stopped"]);
    assert_eq!(gateway.end().0, 0);
}

#[test]
fn a_port_in_use_is_named_with_the_way_out() {
    let place = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let outcome = drydock_in(place.path(), &["gateway", "--listen", &address, "--json"]);
    check_machine_error(&outcome, &[&address, "in use", "another port"]);
}

#[test]
fn a_place_that_is_no_directory_is_named() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    fs::write(&file, "").unwrap();
    let data = file.join("data");
    let outcome = drydock_in(&data, &["boards", "--json"]);
    check_machine_error(&outcome, &[data.to_str().unwrap(), "--data"]);
}

#[test]
fn a_store_of_a_newer_drydock_is_left_alone() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    assert_eq!(drydock_in(data, &["boards"]).code, 0);
    let database = data.join("gateway/gateway.db");
    let mut bytes = fs::read(&database).unwrap();
    // The user version of SQLite's file format, section 1.3.
    bytes[60..64].copy_from_slice(&999u32.to_be_bytes());
    // Its write version differs from ours: a process that opens the journal for writing leaves a trace here (section
    // 1.3.3).
    bytes[18..20].fill(1);
    fs::write(&database, &bytes).unwrap();
    let outcome = drydock_in(data, &["boards", "--json"]);
    check_machine_error(
        &outcome,
        &["gateway.db", "newer Drydock", "999", "Update Drydock", "--data"],
    );
    assert_eq!(fs::read(&database).unwrap(), bytes, "it was not touched");

    let place = tempfile::tempdir().unwrap();
    let fleet = place.path().join("fleet.json");
    fs::write(&fleet, r#"{"format":999,"boards":[]}"#).unwrap();
    let outcome = drydock_in(place.path(), &["boards", "--json"]);
    check_machine_error(&outcome, &["fleet.json", "newer Drydock", "Update Drydock", "--data"]);
}

#[test]
fn a_full_disk_and_one_that_can_only_be_read_are_named() {
    // The failure that the user sees at each size: nothing fits, the database does not fit, it cannot grow, the board's
    // flash does not fit.
    let sizes = [
        ("8k", "boards add nano33ble"),
        ("64k", "boards"),
        ("160k", "boards add nano33ble"),
        ("320k", "run blink --timeout 10s"),
        ("384k", "run blink"),
    ];
    for (size, verb) in sizes {
        let verb: Vec<&str> = verb.split(' ').chain(["--json"]).collect();
        let Some(outcome) = on_a_small_disk(&format!("size={size}"), &verb) else {
            return;
        };
        check_machine_error(&outcome, &["/small", "full", "Free some space"]);
    }
    let Some(outcome) = on_a_small_disk("size=8m,ro", &["boards", "--json"]) else {
        return;
    };
    check_machine_error(&outcome, &["/small", "--data"]);
}

/// Runs `drydock` on a small file system, mounted over `small` in a mount namespace of its own.
fn on_a_small_disk(options: &str, arguments: &[&str]) -> Option<Outcome> {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("small");
    fs::create_dir(&data).unwrap();
    let mount = format!("mount -t tmpfs -o {options} tmpfs '{}'", data.display());
    let in_namespace = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]);
        command
    };
    if !in_namespace(&mount)
        .output()
        .is_ok_and(|output| output.status.success())
    {
        println!("drydock-skip: this system lets no user mount a file system of its own (unshare)");
        return None;
    }
    let drydock = Path::new(env!("CARGO_BIN_EXE_drydock")).display().to_string();
    let run = format!(
        "{mount} && exec '{drydock}' --data '{}' {}",
        data.display(),
        arguments.join(" ")
    );
    Some(finish(in_namespace(&run)))
}

#[test]
fn the_audit_trail_shows_tampering() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let nothing = drydock_in(&data.join("none"), &["audit", "verify", "--json"]);
    assert_eq!(nothing.code, 3, "{nothing:?}");
    assert!(nothing.error().contains("--data"));
    assert!(!data.join("none").exists(), "reading makes no directory");

    let gateway = Running::gateway(data);
    // Beside the owner, too.
    let whole = drydock_in(data, &["audit", "verify", "--json"]);
    assert_eq!(whole.code, 0, "{whole:?}");
    let entries = whole.events()[0]["entries"].as_u64().unwrap();
    assert!(entries >= 1);
    assert_eq!(
        drydock_in(data, &["audit", "list", "--json"]).events().len() as u64,
        entries + 1
    );
    assert_eq!(gateway.end().0, 0);

    // A head that was written down holds while the trail grows, as text and as JSON.
    let head = drydock_in(data, &["audit", "head"]);
    let kept = place.path().join("head.txt");
    fs::write(&kept, &head.stdout).unwrap();
    assert_eq!(Running::gateway(data).end().0, 0);
    let (kept, now) = (kept.to_str().unwrap(), drydock_in(data, &["audit", "head", "--json"]));
    for expected in [head.stdout.trim(), kept] {
        let whole = drydock_in(data, &["audit", "verify", "--expect", expected]);
        assert_eq!(whole.code, 0, "{whole:?}");
        assert!(whole.stdout.contains("signed by the gateway's key"), "{whole:?}");
    }
    fs::write(kept, &now.stdout).unwrap();
    assert_eq!(drydock_in(data, &["audit", "verify", "--expect", kept]).code, 0);
    let longer = format!("{}:{}", entries + 100, "0".repeat(64));
    let cut = drydock_in(data, &["audit", "verify", "--json", "--expect", &longer]);
    assert_eq!(cut.code, 1, "{cut:?}");
    assert!(cut.error().contains("were cut off"), "{cut:?}");
    for nonsense in [
        "12",
        "/nowhere",
        "12:xyz",
        &data.join("gateway/gateway.db").display().to_string(),
    ] {
        let refused = drydock_in(data, &["audit", "verify", "--json", "--expect", nonsense]);
        assert_eq!(refused.code, 2, "{nonsense}: {refused:?}");
    }

    let database = data.join("gateway/gateway.db");
    let mut bytes = fs::read(&database).unwrap();
    let word = b"after a clean end";
    // The first entry lies last in its page.
    let at = bytes.windows(word.len()).rposition(|window| window == word).unwrap();
    bytes[at..at + 5].copy_from_slice(b"never");
    fs::write(&database, bytes).unwrap();
    let broken = drydock_in(data, &["audit", "verify", "--json"]);
    assert_eq!(broken.code, 1, "{broken:?}");
    assert!(broken.error().contains("broken at entry 1"), "{broken:?}");
}

#[test]
fn an_entry_of_another_trail_does_not_fit_in() {
    let (place, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for data in [place.path(), place.path(), other.path()] {
        assert_eq!(Running::gateway(data).end().0, 0);
    }
    let database = |data: &Path| data.join("gateway/gateway.db");
    // The first entry of a trail: its time (six bytes), these words, the hash before it, its own.
    let words = b"gatewaygateway.openedafter a clean end";
    let first_entry = |bytes: &[u8]| {
        let mut starts = (0..=bytes.len() - words.len() - 128).filter(|at| bytes[*at..].starts_with(words));
        let at = starts
            .find(|at| bytes[at + words.len()..].starts_with(&[b'0'; 64]))
            .unwrap();
        at - 6..at + words.len() + 128
    };
    let (mut bytes, theirs) = (
        fs::read(database(place.path())).unwrap(),
        fs::read(database(other.path())).unwrap(),
    );
    let place_of_it = first_entry(&bytes);
    bytes[place_of_it].copy_from_slice(&theirs[first_entry(&theirs)]);
    fs::write(database(place.path()), bytes).unwrap();
    // It is consistent in itself, but the next one does not follow it.
    let broken = drydock_in(place.path(), &["audit", "verify", "--json"]);
    assert_eq!(broken.code, 1, "{broken:?}");
    assert!(broken.error().contains("broken at entry 2"), "{broken:?}");
}
