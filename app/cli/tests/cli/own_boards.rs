//! Boards of the user's own by the shipped program: files that describe them, kinds, and boards of these kinds.

use crate::{
    driver::{Outcome, Running, command, drydock, drydock_in, finish},
    own_firmware::{file, hello},
};
use serde_json::Value;
use std::path::Path;

/// The Nano with an LED of its own on the pin that the sample blink uses, and without its sensor.
const STATION: &str = r#"name = "weather-station"
title = "Weather station"
extends = "nano33ble"
remove = ["LED", "lsm9ds1", "internal"]

[[led]]
name = "HEART"
pin = "P0.13"
active = "high"
colour = "lime"

[[button]]
name = "MODE"
pin = "P1.12"
active = "low"

[[part]]
kind = "bme280"
name = "roof"
values = { temperature = -4.0 }

[[uart]]
name = "gps"
uart = 1
"#;

fn kinds(data: &Path) -> Vec<Value> {
    let listed = drydock_in(data, &["boards", "kinds", "--json"]);
    assert_eq!(listed.code, 0, "{listed:?}");
    listed.events()
}

fn kind(data: &Path, id: &str) -> Option<Value> {
    kinds(data).into_iter().find(|kind| kind["id"] == id)
}

fn board(data: &Path, name: &str) -> Value {
    let listed = drydock_in(data, &["boards", "--json"]).events();
    listed.into_iter().find(|board| board["name"] == name).unwrap()
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|item| item["name"].as_str().unwrap())
        .collect()
}

/// Runs `drydock` in a folder, in which it may find `boards/`.
fn drydock_at(folder: &Path, arguments: &[&str]) -> Outcome {
    let mut command = command(arguments);
    command.current_dir(folder);
    finish(command)
}

#[test]
fn a_kind_is_added_used_and_removed() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let owner = Running::gateway(&data);
    let path = file(place.path(), "mine.toml", STATION.as_bytes());
    let added = drydock_in(&data, &["boards", "kinds", "--add", &path, "--json"]);
    assert_eq!(added.code, 0, "{added:?}");
    assert_eq!(added.events()[0]["event"], "board.kind.added");
    let copy = data.join("boards/weather-station.toml");
    assert_eq!(std::fs::read_to_string(&copy).unwrap(), STATION);
    // The owner that runs knows it.
    let listed = kind(&data, "weather-station").unwrap();
    assert_eq!(
        (&listed["title"], &listed["extends"]),
        (&"Weather station".into(), &"nano33ble".into())
    );
    assert_eq!(listed["file"], copy.display().to_string());

    // The same file again is a replacement.
    let again = drydock_in(&data, &["boards", "kinds", "--add", &path]);
    assert_eq!(again.code, 0, "{again:?}");

    if drydock_embedded::firmware("nano33ble").is_ok() {
        let add = drydock_in(
            &data,
            &[
                "boards",
                "add",
                "weather-station",
                "--name",
                "roof",
                "--pace",
                "max",
                "--json",
            ],
        );
        assert_eq!(add.code, 0, "{add:?}");
        let deployed = drydock_in(&data, &["deploy", "blink", "--on", "roof", "--timeout", "60s"]);
        assert_eq!(deployed.code, 0, "{deployed:?}");
        let view = board(&data, "roof");
        assert_eq!(
            (&view["kind"], &view["title"]),
            (&"weather-station".into(), &"Weather station".into())
        );
        assert_eq!(names(&view["leds"]), ["PWR", "R", "G", "B", "HEART"]);
        assert_eq!(names(&view["buttons"]), ["RESET", "D2", "MODE"]);
        let mut seen = [false; 2];
        while seen != [true; 2] {
            let view = board(&data, "roof");
            assert_eq!(view["badge"], "running", "{view}");
            let leds = view["leds"].as_array().unwrap();
            let heart = leds.iter().find(|led| led["name"] == "HEART").unwrap();
            if let Some(lit) = heart["lit"].as_bool() {
                seen[usize::from(lit)] = true;
            }
        }
        let parts = drydock_in(&data, &["parts", "roof", "--json"]).events();
        assert_eq!(parts.len(), 1, "{parts:?}");
        assert_eq!(
            (&parts[0]["name"], &parts[0]["place"]),
            (&"roof".into(), &"i2c, address 0x76".into())
        );

        let refused = drydock_in(&data, &["boards", "kinds", "--remove", "weather-station", "--json"]);
        assert_eq!(refused.code, 3, "{refused:?}");
        assert_eq!(
            refused.error(),
            "weather-station is the kind of roof; remove the boards first."
        );
        assert_eq!(drydock_in(&data, &["boards", "remove", "roof"]).code, 0);
    }
    let removed = drydock_in(&data, &["boards", "kinds", "--remove", "weather-station", "--json"]);
    assert_eq!(removed.code, 0, "{removed:?}");
    assert_eq!(removed.events()[0]["event"], "board.kind.removed");
    assert!(!copy.exists() && kind(&data, "weather-station").is_none());
    drop(owner);
}

#[test]
fn a_board_that_is_a_chip_runs_a_program_from_the_start_of_flash() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let path = file(place.path(), "bare.toml", b"name = \"bare\"\nchip = \"nrf52840\"\n");
    let program = file(place.path(), "hello.bin", &hello(0, 5));
    let run = drydock_in(
        &data,
        &["emulate", "--until", "exit", "--board", &path, "--firmware", &program],
    );
    assert_eq!(run.code, 5, "{run:?}");
    assert!(run.stdout.contains("hello by semihosting\n"), "{run:?}");
    // Nothing of it stays.
    assert!(!data.join("boards/bare.toml").exists());

    assert_eq!(drydock_in(&data, &["boards", "kinds", "--add", &path]).code, 0);
    let without = drydock_in(&data, &["boards", "add", "bare", "--json"]);
    assert_eq!(without.code, 3, "{without:?}");
    assert!(
        without.error().contains("runs programs of your own only"),
        "{without:?}"
    );
    let with = drydock_in(&data, &["boards", "add", "bare", "--firmware", &program, "--json"]);
    assert_eq!(with.code, 0, "{with:?}");
    let refused = drydock_in(&data, &["boards", "firmware", "bench-1", "--ours", "--json"]);
    assert_eq!(refused.code, 3, "{refused:?}");
}

#[test]
fn commands_find_boards_in_the_folder_where_they_run() {
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir(place.path().join("boards")).unwrap();
    file(&place.path().join("boards"), "any.toml", b"name = \"here\"\nchip = \"nrf52840\"\n[[led]]\nname = \"X\"\npin = \"P1.15\"\nactive = \"high\"\ncolour = \"red\"\n[[uart]]\nname = \"debug\"\nuart = 0\n");
    let program = file(place.path(), "hello.bin", &hello(0, 4));
    let run = drydock_at(
        place.path(),
        &["emulate", "--until", "exit", "--board", "here", "--firmware", &program],
    );
    assert_eq!(run.code, 4, "{run:?}");
    assert!(
        run.stderr.contains("here is boards/any.toml.") || run.stdout.contains("here is boards/any.toml."),
        "{run:?}"
    );
    // A scenario knows its LEDs and the names of its UARTs.
    let scenario = "[[board]]\nkind = \"here\"\nfirmware = \"hello.bin\"\n[[step]]\npin = \"X\"\nlevel = \"floating\"\n[[step]]\nsend = \"x\"\nto = \"here:debug\"\n[[step]]\nexit = \"here\"\ncode = 4\nwithin = \"1 s\"\n";
    file(place.path(), "it.toml", scenario.as_bytes());
    let tested = drydock_at(place.path(), &["test", "it.toml"]);
    assert_eq!(tested.code, 0, "{tested:?}");
    let elsewhere = drydock(&["test", &place.path().join("it.toml").display().to_string(), "--json"]);
    assert_eq!(elsewhere.code, 3, "{elsewhere:?}");
    assert!(
        elsewhere.stdout.contains("there is no kind of board here"),
        "{elsewhere:?}"
    );
    // A broken file is named with its line.
    file(
        &place.path().join("boards"),
        "here.toml",
        b"name = \"here\"\nchip = \"nrf52840\"\nsurplus = 1\n",
    );
    std::fs::remove_file(place.path().join("boards/any.toml")).unwrap();
    let broken = drydock_at(
        place.path(),
        &["emulate", "--board", "here", "--firmware", &program, "--json"],
    );
    assert_eq!(broken.code, 3, "{broken:?}");
    assert!(
        broken
            .error()
            .contains("boards/here.toml:3: `surplus` is not known here"),
        "{broken:?}"
    );
}

#[test]
fn a_file_with_mistakes_is_refused_with_all_its_lines() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let text = "name = \"nano33ble\"\nextends = \"nano\"\n\n[link]\nuart = 9\n";
    let path = file(place.path(), "bad.toml", text.as_bytes());
    let refused = drydock_in(&data, &["boards", "kinds", "--add", &path, "--json"]);
    assert_eq!(refused.code, 3, "{refused:?}");
    let error = refused.events().pop().unwrap();
    let detail = error["detail"].as_str().unwrap();
    let lines: Vec<&str> = detail.lines().collect();
    assert_eq!(lines.len(), 3, "{detail}");
    assert!(
        lines[0].starts_with(&format!("{path}:1: `nano33ble` is a board that ships with Drydock")),
        "{detail}"
    );
    assert!(
        lines[1].starts_with(&format!("{path}:2: there is no board `nano` to extend")),
        "{detail}"
    );
    assert!(lines[2].starts_with(&format!("{path}:4: `link` is")), "{detail}");
    assert!(!data.join("boards/nano33ble.toml").exists());

    // In the data directory it stops nothing, and is listed.
    std::fs::create_dir_all(data.join("boards")).unwrap();
    file(&data.join("boards"), "bad.toml", text.as_bytes());
    let listed = kind(&data, "bad").unwrap();
    assert_eq!(listed["problems"].as_array().unwrap().len(), 3, "{listed}");
    assert_eq!(listed["addable"], false);
    let shown = drydock_in(&data, &["boards", "kinds"]);
    assert!(shown.stdout.contains("bad.toml:4: `link`"), "{shown:?}");
    let add = drydock_in(&data, &["boards", "add", "bad", "--json"]);
    assert_eq!(add.code, 3, "{add:?}");
    assert!(add.error().contains("bad.toml:1:"), "{add:?}");

    // A file that describes another board is not replaced.
    let other = file(place.path(), "other.toml", b"name = \"good\"\nchip = \"ra4m1\"\n");
    file(
        &data.join("boards"),
        "good.toml",
        b"name = \"precious\"\nchip = \"ra4m1\"\n",
    );
    let kept = drydock_in(&data, &["boards", "kinds", "--add", &other, "--json"]);
    assert_eq!(kept.code, 3, "{kept:?}");
    assert!(kept.error().contains("describes another board, precious"), "{kept:?}");
}

#[test]
fn a_kind_is_described_with_what_is_modelled_of_its_chip() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    for kind in kinds(&data) {
        let id = kind["id"].as_str().unwrap();
        let described = drydock_in(&data, &["boards", "kinds", id, "--json"]);
        assert_eq!(described.code, 0, "{described:?}");
        let detail = &described.events()[0];
        assert_eq!(detail["kind"], kind_without_event(&kind), "{id}");
        let peripherals = detail["peripherals"].as_array().unwrap();
        // QEMU's board has no list.
        assert_eq!(peripherals.is_empty(), id == "mps2-an386", "{id}");
        for peripheral in peripherals {
            let partly = peripheral["state"] == "partly";
            assert_eq!(peripheral["missing"].is_string(), partly, "{peripheral}");
        }
    }
    let shown = drydock_in(&data, &["boards", "kinds", "nano33ble"]).stdout;
    for part in [
        "cortex-m4f at 64 MHz",
        "0: tx P1.03, rx P1.10, the link",
        "LED: orange, P0.13, lit when high, 13 for apps",
        "RESET: P0.18, pressed when low, resets the chip",
        "internal: i2c, scl P0.15, sda P0.14, needs P0.22 and P1.00 high",
        "lsm9ds1: lsm9ds1 on internal",
        "isochronous endpoints",
    ] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    let nfc = shown.lines().find(|line| line.contains("NFCT")).unwrap();
    assert!(nfc.contains("0x40005000") && nfc.contains("not modelled"), "{nfc}");
    let unknown = drydock_in(&data, &["boards", "kinds", "nono", "--json"]);
    assert_eq!(
        (unknown.code, unknown.error().contains("no kind of board nono")),
        (3, true)
    );
}

fn kind_without_event(kind: &Value) -> Value {
    let mut kind = kind.clone();
    for key in ["event", "time_ms"] {
        kind.as_object_mut().unwrap().remove(key);
    }
    kind
}

/// A part on a plain pin with one value.
const MODULE: &str = r#"(module
    (import "drydock" "line" (func $line (param i32 i32 i32) (result i32)))
    (import "drydock" "property" (func $property (param i32 i32 i32 i32 i64 i64 i64 i32) (result i32)))
    (memory 1)
    (data (i32.const 0) "outlevel")
    (func (export "init")
        (drop (call $line (i32.const 0) (i32.const 3) (i32.const 0)))
        (drop (call $property (i32.const 3) (i32.const 5) (i32.const 0) (i32.const 0)
            (i64.const 0) (i64.const 9000000) (i64.const 0) (i32.const 0))))
)"#;

#[test]
fn a_boards_file_names_modules_as_parts() {
    let place = tempfile::tempdir().unwrap();
    let (data, project) = (place.path().join("data"), place.path().join("project"));
    std::fs::create_dir_all(project.join("parts")).unwrap();
    let module = wat::parse_str(MODULE).unwrap();
    std::fs::write(project.join("parts/smoke.wasm"), &module).unwrap();
    let part = |kind: &str, more: &str| format!("[[part]]\nkind = \"{kind}\"\n{more}\n");
    let head = "name = \"sniffer\"\nextends = \"nano33ble\"\n";
    let good = [
        part("mpu6050", "values = { temperature = 30.0 }"),
        part("max7219", ""),
        part("parts/smoke.wasm", "pin = \"P0.27\"\nvalues = { level = 2.5 }"),
    ];
    let path = file(&project, "sniffer.toml", format!("{head}{}", good.concat()).as_bytes());
    let owner = Running::gateway(&data);
    let done = |arguments: &[&str]| {
        let outcome = drydock_in(&data, arguments);
        assert_eq!(outcome.code, 0, "{arguments:?}: {outcome:?}");
        outcome.events()
    };
    done(&["boards", "kinds", "--add", &path, "--json"]);
    let kept = data.join("boards/parts/smoke.wasm");
    assert_eq!(std::fs::read(&kept).unwrap(), module);
    if drydock_embedded::firmware("nano33ble").is_ok() {
        done(&["boards", "add", "sniffer", "--name", "nose", "--pace", "max", "--json"]);
        let parts = done(&["parts", "nose", "--json"]);
        let named = |name: &str| parts.iter().find(|part| part["name"] == name).unwrap();
        assert_eq!(named("mpu6050")["place"], "i2c, address 0x68");
        assert_eq!(named("max7219")["place"], "spi, select P1.02");
        assert_eq!(named("smoke")["place"], "P0.27");
        assert_eq!(named("smoke")["properties"][0]["value"], 2.5);
        done(&["boards", "remove", "nose", "--json"]);
    }

    // The owner that runs sees that a module has become another, and that it is one again.
    std::fs::write(&kept, "text").unwrap();
    let problem = "sniffer.toml:9: `parts/smoke.wasm` is no part: the file is not a WebAssembly module";
    let listed = kind(&data, "sniffer").unwrap();
    assert!(listed["problems"].to_string().contains(problem), "{listed}");
    std::fs::write(&kept, &module).unwrap();
    assert_eq!(kind(&data, "sniffer").unwrap()["problems"].as_array().unwrap().len(), 0);

    // A second board may have the same part, and no other one of this name.
    let other = project.join("other");
    std::fs::create_dir_all(other.join("parts")).unwrap();
    let text = format!("{head}{}", part("parts/smoke.wasm", "pin = \"P0.27\"")).replace("sniffer", "second");
    let second = file(&other, "second.toml", text.as_bytes());
    let longer = MODULE.replace("(memory 1)", "(memory 2)");
    std::fs::write(other.join("parts/smoke.wasm"), wat::parse_str(longer).unwrap()).unwrap();
    let refused = drydock_in(&data, &["boards", "kinds", "--add", &second]);
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(
        refused
            .stderr
            .contains("sniffer.toml names another part parts/smoke.wasm; rename"),
        "{refused:?}"
    );
    std::fs::write(other.join("parts/smoke.wasm"), &module).unwrap();
    done(&["boards", "kinds", "--add", &second, "--json"]);
    let outside = file(&other, "outside.toml", text.replace("parts/", "../parts/").as_bytes());
    let refused = drydock_in(&data, &["boards", "kinds", "--add", &outside]);
    assert!(
        refused
            .stderr
            .contains("The part ../parts/smoke.wasm is outside of the folder of "),
        "{refused:?}"
    );

    // The module goes with the last board that names it.
    done(&["boards", "kinds", "--remove", "sniffer", "--json"]);
    assert!(kept.exists());
    done(&["boards", "kinds", "--remove", "second", "--json"]);
    assert!(!kept.exists());
    owner.end();

    // All mistakes at once, each with its line, also without an owner.
    let wrong = [
        part("parts/none.wasm", "pin = \"P0.27\""),
        part("mpu6050", "address = 0x10"),
        part("parts/smoke.wasm", "pin = \"P9.27\""),
    ];
    let path = file(&project, "wrong.toml", format!("{head}{}", wrong.concat()).as_bytes());
    let refused = drydock_at(
        &project,
        &["emulate", "--board", &path, "--for", "1ms", "--firmware", "none.elf"],
    );
    assert!(refused.code != 0, "{refused:?}");
    for line in [
        "wrong.toml:3: `parts/none.wasm` cannot be read: ",
        "wrong.toml:6: a mpu6050 has no address 0x10; it has: 0x68, 0x69",
        "wrong.toml:9: nRF52840 has no pin P9.27",
    ] {
        assert!(refused.stderr.contains(line), "{refused:?}");
    }
}
