//! The table of evidence. Boards that leave evidence are in `cables`.

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
