//! The table of evidence, and labels made from it. Boards that leave evidence are in `cables`.

use crate::driver::drydock_in;
use std::fs;

/// The evidence of a board, as Drydock 0.1 wrote it.
pub(crate) fn evidence(board: &str, job: u32) -> String {
    serde_json::json!({
        "format": 1, "drydock": "0.1.0", "job": job, "board": board, "kind": "nano33ble",
        "title": "Arduino Nano 33 BLE", "chip": "nRF52840", "chip_id": format!("ebdcd48cf81e20{job:02x}"),
        "port": "/dev/ttyACM0", "probe": null, "topology": "usb-1-4.2", "method": "SAM-BA bootloader over USB",
        "firmware_sha256": "ab".repeat(32), "firmware_version": "0.1.0", "flash_written_bytes": 412_672,
        "device": format!("dev-3c91a6dbae8b02{job:02x}"), "certificate_serial": "5e4d", "enrolled_ms": 1_700_000_009_000u64,
        "app": null, "started_ms": 1_700_000_000_000u64, "ended_ms": 1_700_000_012_345u64,
    })
    .to_string()
}

#[test]
fn what_was_provisioned_is_listed_and_written_as_a_table() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let none = drydock_in(data, &["evidence"]);
    assert_eq!(none.code, 0, "{none:?}");
    assert!(none.stdout.contains("No board was provisioned"), "{none:?}");

    fs::create_dir(data.join("evidence")).unwrap();
    fs::write(data.join("evidence/-cmd-1.json"), evidence("=cmd()", 1)).unwrap();
    fs::write(data.join("evidence/torn-2.json"), &evidence("torn", 2)[..99]).unwrap();

    let people = drydock_in(data, &["evidence"]);
    assert!(
        people.stdout.contains("1 passed, 0 failed, 1 unreadable."),
        "{people:?}"
    );
    assert!(people.stdout.contains("evidence/torn-2.json"), "{people:?}");
    let events = drydock_in(data, &["evidence", "--json"]).events();
    let names: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["evidence", "evidence.unreadable"]);

    let file = data.join("boards.csv");
    let written = drydock_in(data, &["evidence", "--csv", file.to_str().unwrap()]);
    assert_eq!(written.code, 0, "{written:?}");
    let table = fs::read_to_string(file).unwrap();
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    assert!(lines[1].starts_with("passed,'=cmd(),nano33ble,"), "{table}");
    assert!(lines[1].contains(",2023-11-14T22:13:20.000Z,"), "{table}");
    assert!(lines[2].starts_with("unreadable,"), "{table}");
    assert_eq!(drydock_in(data, &["evidence", "--csv", "-"]).stdout, table);
    let both = drydock_in(data, &["evidence", "--csv", "-", "--json"]);
    assert_eq!(both.code, 2, "{both:?}");
    both.error();
}

#[test]
fn labels_are_made_and_no_file_is_replaced_unasked() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let out = |name: &str| data.join(name).to_str().unwrap().to_owned();
    let labels = |more: &[&str]| drydock_in(data, &[&["labels", "--json"], more].concat());
    let (pdf, svg) = (out("labels.pdf"), out("labels.svg"));
    let nothing = labels(&["--out", &pdf]);
    assert_eq!(nothing.code, 3, "{nothing:?}");
    nothing.error();

    fs::create_dir(data.join("evidence")).unwrap();
    for job in 1..=2 {
        let board = format!("lab-{job}");
        let file = data.join(format!("evidence/{board}-{job}.json"));
        fs::write(file, evidence(&board, job)).unwrap();
    }
    let all = labels(&["--out", &pdf]);
    assert_eq!(all.code, 0, "{all:?}");
    let event = &all.events()[0];
    assert_eq!(event["event"], "labels.written");
    assert_eq!(event["boards"], serde_json::json!(["lab-1", "lab-2"]));
    let bytes = fs::read(&pdf).unwrap();
    assert!(bytes.starts_with(b"%PDF-1."));

    fs::write(&pdf, b"mine").unwrap();
    let again = labels(&["--out", &pdf]);
    assert_eq!(again.code, 3, "{again:?}");
    assert!(again.error().contains("--force"));
    assert_eq!(fs::read(&pdf).unwrap(), b"mine");
    assert_eq!(labels(&["--out", &pdf, "--force"]).code, 0);
    assert_eq!(fs::read(&pdf).unwrap(), bytes);

    let one = labels(&["dev-3c91a6dbae8b0202", "--out", &svg, "--size", "50x25"]);
    assert_eq!(one.code, 0, "{one:?}");
    let text = fs::read_to_string(&svg).unwrap();
    assert!(
        text.contains("<title>lab-2, Arduino Nano 33 BLE, dev-3c91a6dbae8b0202,"),
        "{text}"
    );
    assert!(text.contains("width=\"50\" height=\"25\""), "{text}");

    for (refused, code) in [
        (&["lab-3", "--out", "x.svg"][..], 3),
        (&["--out", "x.png"], 2),
        (&["--out", "x.svg", "--size", "5x5"], 2),
    ] {
        let outcome = labels(refused);
        assert_eq!(outcome.code, code, "{outcome:?}");
        outcome.error();
    }
    assert_eq!(labels(&["--out", "x.svg", "--size", "62"]).code, 2);
}
