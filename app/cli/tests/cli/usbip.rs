//! `drydock emulate --usbip`: the USB device of a virtual board, exported on loopback.

use crate::cables::{json, skip};
use crate::driver::Running;
use std::io::{Read, Write};
use std::net::TcpStream;

/// OP_REQ_DEVLIST; the answer ends when the connection does.
fn list(address: (&str, u16)) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(&[1, 0x11, 0x80, 5, 0, 0, 0, 0]).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

#[test]
fn the_usb_device_of_a_virtual_board_is_exported() {
    if skip("nano33ble") {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let owner = Running::start(data, &["emulate", "--board", "nano33ble", "--usbip", "--count", "2"]);
    let mut ports = Vec::new();
    for _ in 0..2 {
        let board = owner.wait_until(|event| event["event"] == "virtual" && !event["usbip"]["usb"].is_null());
        let usbip = &board["usbip"];
        assert_eq!(
            (&board["port"], &board["runs"]),
            (&serde_json::Value::Null, &"firmware".into())
        );
        assert_eq!((&usbip["host"], &usbip["bus_id"]), (&"127.0.0.1".into(), &"1-1".into()));
        assert_eq!(
            (&usbip["usb"], &usbip["is_attached"]),
            (&[0x2341, 0x805a].into(), &false.into())
        );
        assert!(board["probe"].is_string(), "{board}");
        let port = u16::try_from(usbip["port"].as_u64().unwrap()).unwrap();
        let answer = list(("127.0.0.1", port));
        assert_eq!(answer[..12], [1, 0x11, 0, 5, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(answer[12 + 300..12 + 304], [0x23, 0x41, 0x80, 0x5a]);
        ports.push(port);
    }
    assert_ne!(ports[0], ports[1]);

    // Pulled, the device is gone; plugged in, it is there again.
    let pulled = json(data, &["desk", "pull", "desk-1"]).events();
    assert!(
        pulled[0]["usbip"].is_null() && pulled[0]["plugged"] == false,
        "{pulled:?}"
    );
    assert!(TcpStream::connect(("127.0.0.1", ports[0])).is_err());
    let plugged = json(data, &["desk", "plug", "desk-1"]).events();
    assert_eq!(plugged[0]["usbip"]["usb"], serde_json::Value::from([0x2341, 0x805a]));

    // A blank board waits in its bootloader.
    let other = tempfile::tempdir().unwrap();
    let blank = Running::start(other.path(), &["emulate", "--usbip", "--blank"]);
    let board = blank.wait_for("virtual");
    assert_eq!(board["usbip"]["usb"], serde_json::Value::from([0x2341, 0x005a]));
    assert_eq!(board["runs"], "bootloader");
}

#[test]
fn a_board_without_a_usb_device_of_its_own_is_refused() {
    for (board, text) in [
        ("stm32f4-discovery", "not the chip's own"),
        ("uno-r4-minima", "no USB socket of its own in this engine"),
    ] {
        if skip(board) {
            continue;
        }
        let place = tempfile::tempdir().unwrap();
        let outcome = json(place.path(), &["emulate", "--usbip", "--board", board]);
        assert_ne!(outcome.code, 0, "{outcome:?}");
        assert!(outcome.stdout.contains(text), "{outcome:?}");
    }
}
