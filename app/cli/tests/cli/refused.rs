//! Refusals: each is one sentence that names the board, the app, the reason and the remedy, and nothing is stored.

use crate::driver::{Outcome, Running, drydock, drydock_in, file, position};
use std::{fs, path::Path};

/// Checks a refusal and that it left no package behind.
fn check(data: &Path, outcome: &Outcome, words: &[&str]) {
    assert_eq!(outcome.code, 3, "{outcome:?}");
    let said = outcome.error();
    for word in words {
        assert!(said.contains(word), "{word} in: {said}");
    }
    let modules = fs::read_dir(data.join("gateway/modules")).unwrap();
    assert_eq!(modules.count(), 0, "stored after: {said}");
    let trail = drydock_in(data, &["audit", "list"]).stdout;
    assert!(!trail.contains("package."), "stored after: {said}\n{trail}");
}

#[test]
fn bad_modules_are_refused_and_nothing_is_stored() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let gateway = Running::gateway(data);
    let added = drydock_in(data, &["boards", "add", "nano33ble", "--pace", "max"]);
    assert_eq!(added.code, 0, "{added:?}");
    let deploy = |app: &str, more: &[&str]| {
        let arguments = [&["deploy", app, "--on", "bench-1", "--json"], more].concat();
        drydock_in(data, &arguments)
    };
    let blink = drydock_embedded::app("blink").unwrap().wasm;
    let noise: Vec<u8> = (0u32..200_000)
        .map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let large = format!(
        r#"(module (memory 1 1) (data "{}") (func (export "_start")))"#,
        "x".repeat(500_000)
    );
    let cases: [(&str, &[u8], &[&str]); 10] = [
        (
            "motor.elf",
            b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x28\0",
            &["bench-1", "motor", "Arm", "ELF", "as its firmware", "wasm32"],
        ),
        (
            "motor.hex",
            b":020000040800F2\r\n",
            &["bench-1", "motor", "Intel HEX", "wasm32"],
        ),
        (
            "text.wasm",
            b"I am no module",
            &["bench-1", "text", "neither WebAssembly", "choose"],
        ),
        (
            "noise.wasm",
            &noise,
            &["bench-1", "noise", "neither WebAssembly", "choose"],
        ),
        (
            "empty.wasm",
            b"",
            &["bench-1", "empty", "neither WebAssembly", "choose"],
        ),
        (
            "cut.wasm",
            &blink[..3_000],
            &["bench-1", "cut", "unexpected end-of-file", "copy it again"],
        ),
        (
            "foreign.wat",
            br#"(module (import "env" "mystery" (func)) (func (export "_start")))"#,
            &["bench-1", "foreign", "env.mystery", "guest SDK"],
        ),
        (
            "greedy.wat",
            br#"(module (memory 17) (func (export "_start")))"#,
            &["bench-1", "greedy", "1114112", "smaller memory"],
        ),
        ("large.wat", large.as_bytes(), &["bench-1", "large", "500", "smaller"]),
        (
            "mute.wat",
            br#"(module (func (export "main")))"#,
            &["bench-1", "mute", "nothing that boards call", "export _start"],
        ),
    ];
    for (name, content, words) in cases {
        let (_directory, path) = file(name, content);
        check(data, &deploy(path.to_str().unwrap(), &[]), words);
    }
    let huge = vec![0; 9 << 20];
    let (_directory, path) = file("huge.wasm", huge);
    check(
        data,
        &deploy(path.to_str().unwrap(), &[]),
        &["huge.wasm", "9437184", "smaller"],
    );
    check(
        data,
        &deploy("/nowhere/missing.wasm", &[]),
        &["/nowhere/missing.wasm", "There is no file", "give"],
    );
    check(data, &deploy("nosample", &[]), &["nosample", "blink"]);
    check(
        data,
        &deploy("blink", &["--grant", "kv:100"]),
        &["bench-1", "blink", "kv:100", "leave it out"],
    );
    check(
        data,
        &deploy("blink", &["--grant", "gpio:35"]),
        &["bench-1", "blink", "pin 35", "choose one of 2, 3"],
    );
    check(
        data,
        &deploy("blink", &["--name", "Bad_Name"]),
        &["bench-1", "Bad_Name", "lower-case", "blink-2"],
    );
    check(
        data,
        &drydock_in(data, &["deploy", "blink", "--on", "attic", "--json"]),
        &["attic", "bench-1"],
    );
    assert_eq!(gateway.end().0, 0);
}

#[test]
fn a_run_that_is_refused_says_so_and_ends_with_3() {
    let (place, path) = file(
        "foreign.wat",
        r#"(module (import "env" "f" (func)) (func (export "_start")))"#,
    );
    let data = place.path().join("data");
    let outcome = drydock_in(&data, &["run", path.to_str().unwrap(), "--json"]);
    check(&data, &outcome, &["run-1", "foreign", "env.f", "guest SDK"]);
    let finished = outcome.events().pop().unwrap();
    assert_eq!(
        (&finished["event"], &finished["exit_code"]),
        (&"run.finished".into(), &3.into())
    );
    let boards = drydock_in(&data, &["boards", "--json"]);
    assert_eq!(boards.stdout, "", "the run's board went with it");
}

#[test]
fn what_makes_no_sense_ends_with_2_and_what_is_not_there_with_3() {
    let cases: [(&[&str], i32, &[&str]); 12] = [
        (&["run", "blink", "--board", "zx81"], 3, &["zx81", "nano33ble"]),
        (
            &["run", "blink", "--board", "hifive1-revb"],
            3,
            &["HiFive1 Rev B", "no apps"],
        ),
        (
            &["run", "blink", "--engine", "qemu"],
            3,
            &["qemu", "Nano 33 BLE", "--engine"],
        ),
        (&["run", "nosuchsample"], 3, &["nosuchsample", "blink"]),
        (&["run", "blink", "--for", "soon"], 2, &["soon", "10s"]),
        (&["run", "blink", "--for", "0s"], 2, &["0s", "10s"]),
        (&["run", "blink", "--seed", "xyz"], 2, &["xyz", "hexadecimal"]),
        (&["run", "blink", "--engine", "steam"], 2, &["steam", "builtin"]),
        (&["run", "blink", "--link-noise", "2"], 2, &["0.01"]),
        (&["run", "blink", "--grant", "fly"], 2, &["fly", "gpio:13"]),
        (&["run"], 2, &["APP"]),
        (&["dance"], 2, &["dance"]),
    ];
    for (arguments, code, words) in cases {
        let outcome = drydock(&[arguments, &["--json"]].concat());
        assert_eq!(outcome.code, code, "{arguments:?}: {outcome:?}");
        let errors = outcome.events();
        let error = &errors[position(&errors, "error")];
        assert_eq!(error["code"], if code == 2 { "usage" } else { "refused" });
        let said = format!("{} {}", error["text"], error["detail"]);
        for word in words {
            assert!(said.contains(word), "{word} in: {said}");
        }
        // For people the same, on the other stream.
        let outcome = drydock(arguments);
        assert_eq!(outcome.code, code);
        assert!(words.iter().all(|word| outcome.stderr.contains(word)), "{outcome:?}");
    }
}

/// The board trusts the publisher of its enrollment, not a later signer.
#[test]
fn a_package_of_another_publisher_and_a_downgrade_are_refused_by_the_board() {
    let place = tempfile::tempdir().unwrap();
    let (data, other) = (place.path().join("data"), place.path().join("other"));
    let keys = |data: &Path| data.join("gateway/pki/publisher.key.pem");
    assert_eq!(drydock_in(&other, &["boards"]).code, 0);
    let deploy = |arguments: &[&str]| {
        let all = [&["deploy"], arguments, &["--on", "bench-1", "--json"]].concat();
        drydock_in(&data, &all)
    };

    let gateway = Running::gateway(&data);
    assert_eq!(
        drydock_in(&data, &["boards", "add", "nano33ble", "--pace", "max"]).code,
        0
    );
    let blink = deploy(&["blink"]);
    assert_eq!(blink.code, 0, "{blink:?}");
    assert_eq!(deploy(&["counter"]).code, 0);
    // Below the signed version: refused before it is sent.
    let older = deploy(&["counter", "--app-version", "0.0.9"]);
    assert_eq!(older.code, 3);
    let said = older.error();
    for word in ["bench-1", "counter", "0.0.9", "0.1.0", "higher version"] {
        assert!(said.contains(word), "{word} in: {said}");
    }
    assert_eq!(gateway.end().0, 0);

    // The store is replaced by a backup that is older than the board's state.
    let backup = place.path().join("backup");
    copy_all(&data.join("gateway"), &backup);
    let gateway = Running::gateway(&data);
    assert_eq!(deploy(&["counter", "--app-version", "2.0.0"]).code, 0);
    assert_eq!(drydock_in(&data, &["remove", "counter", "--on", "bench-1"]).code, 0);
    assert_eq!(gateway.end().0, 0);
    fs::remove_dir_all(data.join("gateway")).unwrap();
    copy_all(&backup, &data.join("gateway"));
    let gateway = Running::gateway(&data);
    let downgrade = deploy(&["counter", "--app-version", "0.2.0"]);
    assert_eq!(downgrade.code, 3, "{downgrade:?}");
    let said = downgrade.error();
    for word in ["bench-1", "counter", "sequence 2 is not above 2", "deploy it again"] {
        assert!(said.contains(word), "{word} in: {said}");
    }
    // The offered remedy works.
    assert_eq!(deploy(&["counter", "--app-version", "0.2.0"]).code, 0);
    assert_eq!(gateway.end().0, 0);

    // Another publisher's key signs.
    fs::copy(keys(&other), keys(&data)).unwrap();
    let gateway = Running::gateway(&data);
    let forged = deploy(&["sensor"]);
    assert_eq!(forged.code, 3, "{forged:?}");
    let said = forged.error();
    for word in ["bench-1", "sensor", "signature", "enroll"] {
        assert!(said.contains(word), "{word} in: {said}");
    }
    let listed = drydock_in(&data, &["boards", "--json"]).events();
    let apps = &listed[position(&listed, "board")]["apps"];
    let state = |name: &str| {
        let app = apps.as_array().unwrap().iter().find(|app| app["name"] == name);
        app.map(|app| app["state"].as_str().unwrap().to_owned())
    };
    assert_eq!(
        (state("blink"), state("sensor")),
        (Some("running".into()), None),
        "{apps}"
    );
    assert_eq!(gateway.end().0, 0);
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_all(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
