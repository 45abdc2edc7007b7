//! Boards on cables by the shipped program: ports, provisioning, flashing, backups, lending, jobs after a kill. Virtual boards stand in for
//! physical ones.

use crate::driver::{Outcome, Running, drydock_in};
use serde_json::Value;
use std::path::Path;

/// Virtual boards of a kind on the desk, and their owner.
pub(crate) struct Desk {
    pub(crate) owner: Running,
    pub(crate) ports: Vec<String>,
    pub(crate) probes: Vec<String>,
}

pub(crate) fn desk(data: &Path, kind: &str, arguments: &[&str]) -> Desk {
    let owner = Running::start(data, &[&["emulate", "--board", kind, "--pty"], arguments].concat());
    let mut desk = Desk {
        owner,
        ports: Vec::new(),
        probes: Vec::new(),
    };
    let count = arguments.iter().skip_while(|it| **it != "--count").nth(1);
    for _ in 0..count.map_or(1, |count| count.parse().unwrap()) {
        let board = desk.owner.wait_for("virtual");
        desk.ports.push(board["port"].as_str().unwrap().to_owned());
        desk.probes.extend(board["probe"].as_str().map(str::to_owned));
    }
    desk
}

pub(crate) fn json(data: &Path, arguments: &[&str]) -> Outcome {
    drydock_in(data, &[arguments, &["--json"]].concat())
}

pub(crate) fn skip(kind: &str) -> bool {
    match drydock_embedded::firmware(kind) {
        Ok(_) => false,
        Err(missing) => {
            println!("drydock-skip: {missing}");
            true
        }
    }
}

pub(crate) fn last<'a>(events: &'a [Value], name: &str) -> &'a Value {
    events.iter().rfind(|event| event["event"] == name).unwrap()
}

#[test]
fn a_blank_board_becomes_a_board_of_the_fleet() {
    if skip("esp32-c6") {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let desk = desk(data, "esp32-c6", &["--blank", "--seed", "1"]);
    let port = desk.ports[0].as_str();

    let listed = json(data, &["ports"]).events();
    let listed = listed.iter().find(|it| it["path"] == port).unwrap();
    assert_eq!(listed["candidates"][0]["kind"], "esp32-c6");
    assert_eq!(listed["used_by"], Value::Null);

    let done = json(
        data,
        &[
            "provision",
            "--port",
            port,
            "--board",
            "esp32-c6",
            "--app",
            "blink",
            "--name",
            "lab-{n}",
            "--yes",
        ],
    );
    assert_eq!(done.code, 0, "{done:?}");
    let events = done.events();
    let job = last(&events, "job");
    assert_eq!(
        (job["state"].as_str(), job["board"].as_str()),
        (Some("done"), Some("lab-1"))
    );
    let evidence: Value = serde_json::from_slice(&std::fs::read(job["evidence"].as_str().unwrap()).unwrap()).unwrap();
    assert_eq!(evidence["board"], "lab-1");

    let listed = json(data, &["evidence"]).events();
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(
        (listed[0]["event"].as_str(), listed[0]["outcome"].as_str()),
        (Some("evidence"), Some("passed"))
    );
    assert!(listed[0]["device"].is_string(), "{listed:?}");
    assert_eq!(listed[0]["file"], job["evidence"]);
    let table = drydock_in(data, &["evidence", "--csv", "-"]);
    assert_eq!(table.code, 0, "{table:?}");
    assert!(table.stdout.starts_with("outcome,board,kind,"), "{table:?}");
    assert!(table.stdout.contains("\npassed,lab-1,esp32-c6,"), "{table:?}");

    let boards = json(data, &["boards"]).events();
    assert_eq!(boards[0]["cable"]["state"], "connected");
    assert_eq!(boards[0]["badge"], "running");
    let ports = json(data, &["ports"]).events();
    assert_eq!(ports.iter().find(|it| it["path"] == port).unwrap()["used_by"], "lab-1");

    // What only a machine has is refused by name.
    for refused in [
        &["boards", "pause", "lab-1"][..],
        &["fork", "lab-1"],
        &["snapshot", "lab-1", "--out", "x"],
    ] {
        let outcome = json(data, refused);
        assert_eq!(outcome.code, 3, "{outcome:?}");
        assert!(outcome.stdout.contains("lab-1"), "{outcome:?}");
    }
    assert_eq!(desk.owner.end().0, 0);
}

#[test]
fn flash_over_a_probe_writes_what_differs_and_a_backup_holds_it() {
    if skip("stm32f4-discovery") {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let desk = desk(data, "stm32f4-discovery", &["--blank", "--seed", "2"]);
    let probe = desk.probes[0].as_str();
    let on = ["--probe", probe, "--board", "stm32f4-discovery"];
    let flash = |more: &[&str]| json(data, &[&["flash"], &on[..], more].concat());

    let first = flash(&[]);
    assert_eq!(first.code, 0, "{first:?}");
    assert!(
        last(&first.events(), "job")["text"]
            .as_str()
            .unwrap()
            .contains("written and read back")
    );
    let again = flash(&[]);
    assert!(
        last(&again.events(), "job")["text"]
            .as_str()
            .unwrap()
            .contains("already"),
        "{again:?}"
    );

    let file = place.path().join("backup.bin");
    let backup = json(data, &[&["backup"], &on[..], &[file.to_str().unwrap()]].concat());
    assert_eq!(backup.code, 0, "{backup:?}");
    let content = std::fs::read(&file).unwrap();
    assert_eq!(content.len(), 1 << 20);
    assert_ne!(content[0x1_0000..0x1_0008], [0xff; 8], "the firmware is there");
    let twice = json(data, &[&["backup"], &on[..], &[file.to_str().unwrap()]].concat());
    assert_eq!(twice.code, 3, "a file is not overwritten: {twice:?}");

    // Bytes where this board's firmware must not be, and a file for another core.
    let raw = place.path().join("raw.bin");
    std::fs::write(&raw, [7; 64]).unwrap();
    let outside = flash(&[raw.to_str().unwrap(), "--address", "0x080a0000"]);
    assert_eq!(outside.code, 4);
    assert!(outside.error().contains("0x80a0000"), "{outside:?}");
    let erased = json(data, &[&["erase", "--yes"], &on[..]].concat());
    assert_eq!(erased.code, 0, "{erased:?}");
    assert_eq!(desk.owner.end().0, 0);
}

#[test]
fn a_board_whose_cable_was_pulled_is_resumed() {
    if skip("esp32-c6") {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let desk = desk(data, "esp32-c6", &["--blank", "--seed", "3"]);
    let provision = Running::start(
        data,
        &["provision", "--port", &desk.ports[0], "--board", "esp32-c6", "--yes"],
    );
    provision.wait_until(|event| event["event"] == "job" && event["steps"][2]["done_bytes"].as_u64() > Some(0));
    assert_eq!(json(data, &["desk", "pull", "desk-1"]).code, 0);
    let (code, events) = provision.end_by_itself();
    assert_eq!(code, 4, "{events:?}");
    let error = last(&events, "error");
    assert!(error["text"].as_str().unwrap().contains("virtual-desk-1"), "{error}");
    assert!(error["detail"].as_str().unwrap().contains("jobs resume 1"), "{error}");

    assert_eq!(json(data, &["desk", "plug", "desk-1"]).code, 0);
    let resumed = json(data, &["jobs", "resume", "1"]);
    assert_eq!(resumed.code, 0, "{resumed:?}");
    let jobs = json(data, &["jobs"]).events();
    assert_eq!(jobs[0]["state"], "done");
    assert_eq!(desk.owner.end().0, 0);
}

#[test]
fn a_job_survives_the_kill_of_its_owner() {
    if skip("esp32-c6") {
        return;
    }
    let (bench, place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let data = place.path();
    // The board is another process's, as a physical one is nobody's.
    let desk = desk(bench.path(), "esp32-c6", &["--blank", "--seed", "4"]);
    let gateway = Running::gateway(data);
    let provision = Running::start(
        data,
        &[
            "provision",
            "--port",
            &desk.ports[0],
            "--board",
            "esp32-c6",
            "--app",
            "blink",
            "--yes",
        ],
    );
    provision.wait_until(|event| event["event"] == "job" && event["steps"][2]["done_bytes"].as_u64() > Some(0));
    gateway.kill();
    provision.end_by_itself();
    let gateway = Running::gateway(data);
    let jobs = json(data, &["jobs"]).events();
    assert_eq!(
        (jobs[0]["id"].as_u64(), jobs[0]["state"].as_str()),
        (Some(1), Some("interrupted"))
    );
    assert!(jobs[0]["chip"].is_string(), "{}", jobs[0]);
    // Another process's pseudo-terminal has no reset line, so the ROM is still in the middle of the old transfer.
    let resumed = json(data, &["jobs", "resume", "1"]);
    assert_eq!(resumed.code, 4, "{resumed:?}");
    assert!(
        resumed
            .stdout
            .contains(&format!("The board at {} does not answer", desk.ports[0])),
        "{resumed:?}"
    );
    assert_eq!(json(data, &["jobs"]).events()[0]["state"], "failed");
    assert_eq!(gateway.end().0, 0);
    assert_eq!(desk.owner.end().0, 0);
}

#[test]
fn a_port_is_lent_to_a_program_and_taken_back() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let desk = desk(data, "nano33ble", &["--seed", "5"]);
    let port = desk.ports[0].as_str();
    let program = drydock_in(data, &["lend", "--json", port, "--", "test", "-c", port]);
    assert_eq!(program.code, 0, "{program:?}");
    let failing = drydock_in(data, &["lend", "--json", port, "--", "false"]);
    assert_eq!(failing.code, 4, "{failing:?}");
    let missing = drydock_in(data, &["lend", "--json", port, "--", "drydock-no-such-program"]);
    assert_eq!(missing.code, 3, "{missing:?}");
    let ports = json(data, &["ports"]).events();
    assert_eq!(
        ports.iter().find(|it| it["path"] == port).unwrap()["used_by"],
        Value::Null
    );
    assert_eq!(desk.owner.end().0, 0);
}

#[test]
fn a_terminal_shows_bytes() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let desk = desk(data, "esp32-c6", &["--seed", "6"]);
    let console = Running::start(data, &["console", &desk.ports[0], "--baud", "921600"]);
    let chunk = console.wait_for("console.data");
    assert!(!chunk["base64"].as_str().unwrap().is_empty());
    let second = json(data, &["console", &desk.ports[0]]);
    assert_eq!(second.code, 3, "{second:?}");
    assert_eq!(console.end().0, 0);
    assert_eq!(desk.owner.end().0, 0);
}

#[test]
fn a_board_behind_a_probe_is_sampled() {
    if skip("nano33ble") {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let desk = desk(data, "nano33ble", &["--seed", "7"]);
    let probe = desk.probes[0].as_str();
    let file = data.join("profile.txt");
    let out = file.to_str().unwrap();
    let sampled = json(data, &["profile", "--probe", probe, "--for", "300ms", "--out", out]);
    assert_eq!(sampled.code, 0, "{sampled:?}");
    let events = sampled.events();
    let profile = last(&events, "profile.sampled");
    assert!(profile["samples"].as_u64().unwrap() > 0, "{profile}");
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("samples;"));
    let console = Running::start(data, &["console", probe]);
    let opened = console.wait_for("console.opened");
    assert!(opened["baud"].is_null(), "{opened}");
    let busy = json(data, &["profile", "--probe", probe, "--for", "300ms"]);
    assert_eq!(busy.code, 3, "{busy:?}");
    assert_eq!(console.end().0, 0);
    assert_eq!(desk.owner.end().0, 0);
}

#[test]
fn what_makes_no_sense_is_refused_with_the_way_out() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let trials: &[(&[&str], i32, &str)] = &[
        (
            &["provision", "--port", "/dev/ttyX", "--board", "nano33ble"],
            2,
            "--yes",
        ),
        (
            &["provision", "--port", "/dev/ttyX", "--board", "nono", "--yes"],
            3,
            "nano33ble",
        ),
        (
            &["provision", "--port", "/dev/ttyX", "--board", "hifive1-revb", "--yes"],
            3,
            "identity",
        ),
        (
            &["provision", "--port", "/dev/ttyX", "--board", "nano33ble", "--yes"],
            4,
            "no serial port /dev/ttyX",
        ),
        (
            &["provision", "--port", "/dev/null", "--board", "nano33ble", "--yes"],
            4,
            "no serial port /dev/null",
        ),
        (&["flash", "--board", "nano33ble"], 2, "--port"),
        (
            &[
                "flash",
                "--port",
                "/dev/ttyX",
                "--board",
                "nano33ble",
                "--address",
                "12z",
            ],
            2,
            "address",
        ),
        (&["erase", "--port", "/dev/ttyX", "--board", "nano33ble"], 2, "--yes"),
        (&["console", "/dev/ttyX"], 3, "/dev/ttyX"),
        (&["console", "/dev/ttyX", "--baud", "3"], 2, "baud"),
        (&["lend", "/dev/ttyX"], 3, "/dev/ttyX"),
        (&["jobs", "resume", "77"], 3, "no job 77"),
        (&["desk", "pull", "desk-9"], 3, "desk-9"),
        (&["emulate", "--pty", "--board", "nono"], 3, "nano33ble"),
        (&["emulate", "--blank"], 2, "--pty"),
        (&["emulate", "--pty", "--usbip"], 2, "--usbip"),
    ];
    for (arguments, code, text) in trials {
        let outcome = json(data, arguments);
        assert_eq!(outcome.code, *code, "{arguments:?}: {outcome:?}");
        assert!(outcome.stdout.contains(text), "{arguments:?}: {text} in {outcome:?}");
    }
}

#[test]
fn an_uno_and_a_discovery_are_written_by_usb_dfu() {
    if skip("uno-r4-minima") || skip("stm32f4-discovery") {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let uno = desk(data, "uno-r4-minima", &["--blank", "--seed", "1"]);
    let port = uno.ports[0].as_str();
    let done = json(
        data,
        &["provision", "--port", port, "--board", "uno-r4-minima", "--yes"],
    );
    assert_eq!(done.code, 0, "{done:?}");
    let events = done.events();
    assert_eq!(last(&events, "job")["state"], "done");
    assert_eq!(json(data, &["boards"]).events()[0]["badge"], "idle");

    drop(uno);

    let owner = Running::start(data, &["emulate", "--board", "stm32f4-discovery", "--pty", "--blank"]);
    let board = owner.wait_for("virtual");
    let device = board["dfu"].as_str().unwrap();
    assert!(device.starts_with("0483:df11:"), "{board}");
    let listed = json(data, &["ports"]).events();
    let listed = listed.iter().find(|it| it["event"] == "dfu").unwrap();
    assert_eq!(
        (listed["id"].as_str(), listed["access"]["type"].as_str()),
        (Some(device), Some("usable"))
    );
    let text = drydock_in(data, &["ports"]).stdout;
    assert!(
        text.contains(device) && text.contains("stm32f4-discovery, likely, in its DFU bootloader"),
        "{text}"
    );
    let written = json(data, &["flash", "--dfu", device, "--board", "stm32f4-discovery"]);
    assert_eq!(written.code, 0, "{written:?}");
    let both = drydock_in(
        data,
        &["flash", "--dfu", device, "--probe", "x", "--board", "stm32f4-discovery"],
    );
    assert_eq!(both.code, 2, "{both:?}");
    let gone = drydock_in(data, &["flash", "--dfu", device, "--board", "stm32f4-discovery"]);
    assert!(gone.code == 4 && gone.stderr.contains("DFU mode"), "{gone:?}");
}
