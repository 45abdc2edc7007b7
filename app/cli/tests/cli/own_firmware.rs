//! Programs of the user's own by the shipped program.

#[path = "../../../../emulator/tests/guests/hello.rs"]
mod hello;

use crate::driver::{Running, drydock_in};
pub(crate) use hello::hello;
use serde_json::Value;
use std::path::Path;

/// Answers each byte of the Nano's UART with its successor.
pub(crate) fn echo() -> Vec<u8> {
    let text = include_str!("../../../../emulator/tests/guests/echo.hex");
    let bytes = text.split_ascii_whitespace();
    bytes.map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
}

pub(crate) fn file(place: &Path, name: &str, bytes: &[u8]) -> String {
    let path = place.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.display().to_string()
}

#[test]
fn the_exit_code_is_the_programs() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    for code in [0, 3, 77] {
        let path = file(place.path(), "hello.bin", &hello(0x1_0000, code));
        let run = drydock_in(&data, &["emulate", "--until", "exit", "--firmware", &path]);
        assert_eq!(run.code, code as i32, "{run:?}");
        assert!(run.stdout.contains("hello by semihosting\n"), "{run:?}");
    }
    // The board is gone again.
    let boards = drydock_in(&data, &["boards", "--json"]);
    assert!(
        boards.events().iter().all(|event| event["event"] != "board"),
        "{boards:?}"
    );
}

#[test]
fn a_board_of_the_fleet_gets_a_program_and_drydocks_again() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let owner = Running::gateway(&data);
    let program = file(place.path(), "echo.bin", &echo());
    let added = drydock_in(
        &data,
        &["boards", "add", "nano33ble", "--name", "own", "--firmware", &program],
    );
    assert_eq!(added.code, 0, "{added:?}");
    let mut console = Running::start(&data, &["console", "own"]);
    console.wait_for("console.opened");
    let mut text = decoded(&console.type_until("HAL", "console.data")["base64"]);
    while !text.contains("IBM") {
        text += &decoded(&console.wait_for("console.data")["base64"]);
    }
    let other = file(place.path(), "hello.bin", &hello(0x1_0000, 0));
    let changed = drydock_in(&data, &["boards", "firmware", "own", &other, "--json"]);
    assert_eq!(changed.code, 0, "{changed:?}");
    assert_eq!(changed.events()[0]["firmware"]["name"], "hello.bin");
    let app = concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/apps/counter.wat");
    let wrong = drydock_in(&data, &["deploy", app, "--on", "own", "--json"]);
    assert_eq!(wrong.code, 3, "{wrong:?}");
    assert!(wrong.stdout.contains("a program of your own"), "{wrong:?}");
    if drydock_embedded::firmware("nano33ble").is_ok() {
        let ours = drydock_in(&data, &["boards", "firmware", "own", "--ours", "--json"]);
        assert_eq!(ours.events()[0]["firmware"], Value::Null, "{ours:?}");
    }
    drop(console);
    drop(owner);
}

#[test]
fn a_rebuilt_program_is_started_again() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let program = file(place.path(), "program.bin", &echo());
    let mut run = Running::start(
        &data,
        &["emulate", "--until", "exit", "--watch", "--firmware", &program],
    );
    run.wait_for("board.added");
    run.type_until("HAL", "console.data");
    // What is no program is named, and the one before goes on.
    file(place.path(), "program.bin", &[0; 64]);
    let refused = run.wait_for("error");
    assert!(
        refused["text"].as_str().unwrap().contains("program.bin is no firmware"),
        "{refused}"
    );
    run.type_until("HAL", "console.data");
    file(place.path(), "program.bin", &hello(0x1_0000, 0));
    let finished = run.wait_for("emulate.finished");
    assert_eq!(finished["exit_code"], 0);
}

#[test]
fn wrong_input_is_refused_in_a_sentence() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let program = file(place.path(), "echo.bin", &echo());
    let refused = |arguments: &[&str], code: i32, part: &str| {
        let run = drydock_in(&data, &[arguments, &["--json"]].concat());
        assert_eq!(run.code, code, "{run:?}");
        assert!(run.error().contains(part), "{run:?}");
    };
    refused(
        &["emulate", "--firmware", "missing.elf"],
        2,
        "missing.elf cannot be read",
    );
    refused(&["emulate", "--firmware", &program, "--count", "2"], 2, "one board");
    refused(&["emulate", "--until", "exit"], 2, "--firmware");
    refused(
        &["emulate", "--firmware", &program, "--until", "all-running"],
        2,
        "--until exit",
    );
    refused(
        &["emulate", "--board", "stm32f4-discovery", "--firmware", &program],
        3,
        "echo.bin is no firmware for this board",
    );
    refused(
        &["emulate", "--board", "nono", "--firmware", &program],
        3,
        "no kind of board nono",
    );
    for arguments in [
        &["boards", "firmware", "own"][..],
        &["boards", "firmware", "own", &program, "--ours"],
        &["emulate", "--firmware", &program, "--app", "blink"],
        &["emulate", "--address", "0x0"],
    ] {
        assert_eq!(drydock_in(&data, arguments).code, 2);
    }
}

fn decoded(text: &Value) -> String {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    String::from_utf8_lossy(&BASE64_STANDARD.decode(text.as_str().unwrap()).unwrap()).into_owned()
}
