//! Looking into boards: profiles, and a real debugger.

use crate::driver::{Outcome, Running, drydock, drydock_in, position};
use serde_json::Value;
use std::{path::Path, process::Command};

const GDB: &str = "gdb-multiarch";

fn summary(outcome: &Outcome) -> Value {
    let events = outcome.events();
    events[position(&events, "profile.summary")].clone()
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_new_board_is_profiled_into_a_flame_graph() {
    let place = tempfile::tempdir().unwrap();
    let svg = place.path().join("profile.svg");
    let arguments = [
        "profile",
        "--board",
        "nano33ble",
        "--app",
        "blink",
        "--for",
        "3s",
        "--json",
        "--out",
    ];
    let outcome = drydock(&[&arguments[..], &[svg.to_str().unwrap()]].concat());
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let told = summary(&outcome);
    let summary = &told["summary"];
    let number = |value: &Value| value.as_u64().unwrap();
    assert!(
        (told["to_s"].as_f64().unwrap() - told["from_s"].as_f64().unwrap() - 3.0).abs() < 1e-3,
        "{told}"
    );
    // 64 MHz, three seconds, mostly asleep.
    assert_eq!(number(&summary["cycles"]) / 1_000, 192_000);
    assert!(number(&summary["asleep_cycles"]) > 96_000_000, "{summary}");
    assert!(number(&summary["instructions"]) > 100_000);
    let names: Vec<&str> = summary["functions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|function| function["name"].as_str().unwrap())
        .collect();
    assert!(
        names.iter().any(|name| name.contains("wasmi")),
        "the app's interpreter is among {names:?}"
    );
    assert!(names.iter().all(|name| !name.starts_with("_R")), "demangled: {names:?}");
    let stack = &summary["stacks"][0];
    assert!(
        stack["name"] == "main" && (1_000..65_536).contains(&number(&stack["bytes"])),
        "{stack}"
    );
    let peripherals = summary["peripherals"].as_array().unwrap();
    assert!(
        peripherals
            .iter()
            .any(|used| used["name"] == "UARTE0" && number(&used["stores"]) > 0)
    );
    assert!(number(&summary["coverage"]["functions_executed"]) > 50);
    assert!(number(&summary["heap"]["total_bytes"]) > 0);
    let drawn = std::fs::read_to_string(&svg).unwrap();
    assert!(drawn.starts_with("<svg") && drawn.contains("main") && drawn.contains("of it busy"));
}

#[test]
fn a_board_of_the_owner_is_profiled_into_each_format() {
    let place = tempfile::tempdir().unwrap();
    let gateway = Running::gateway(place.path());
    let added = drydock_in(place.path(), &["boards", "add", "nano33ble", "--pace", "max"]);
    assert_eq!(added.code, 0, "{added:?}");
    let profile = |file: &str, more: &[&str]| {
        let path = place.path().join(file);
        let arguments = [
            &[
                "profile",
                "bench-1",
                "--for",
                "200ms",
                "--json",
                "--out",
                path.to_str().unwrap(),
            ],
            more,
        ]
        .concat();
        let outcome = drydock_in(place.path(), &arguments);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        path
    };
    // From its first instruction, which makes for a busy 200 ms.
    let speedscope = read(&profile("boot.json", &["--boot"]));
    let cycles = &speedscope["profiles"][0];
    let weights: u64 = cycles["weights"]
        .as_array()
        .unwrap()
        .iter()
        .map(|weight| weight.as_u64().unwrap())
        .sum();
    assert_eq!(cycles["endValue"], weights);
    assert!(weights > 100_000, "{weights}");
    let firefox = read(&profile("firefox.json", &["--format", "firefox"]));
    assert_eq!(firefox["threads"][0]["name"], "main");
    let folded = std::fs::read_to_string(profile("stacks.txt", &["--boot"])).unwrap();
    assert!(folded.lines().any(|line| line.starts_with("main;")), "{folded}");
    assert!(
        std::fs::read(profile("flame.png", &["--dark"]))
            .unwrap()
            .starts_with(b"\x89PNG")
    );
    let coverage = std::fs::read_to_string(profile("coverage.txt", &["--format", "coverage"])).unwrap();
    assert!(coverage.starts_with("# "), "{coverage}");

    // Ctrl-C gives up what was recorded.
    let long = Running::start(place.path(), &["profile", "bench-1", "--for", "1h"]);
    long.wait_for("profile.progress");
    assert_eq!(long.end().0, 130);

    let refused = |arguments: &[&str], code: i32, why: &str| {
        let outcome = drydock_in(place.path(), &[arguments, &["--json"]].concat());
        assert_eq!(outcome.code, code, "{outcome:?}");
        assert!(outcome.error().contains(why), "{outcome:?}");
    };
    refused(&["profile", "nobody"], 3, "nobody");
    for verb in ["profile", "gdb"] {
        refused(&[verb, "--board", "bench-1"], 3, "without --board");
    }
    refused(&["profile", "bench-1", "--out", "x.pdf"], 2, "x.pdf");
    assert_eq!(drydock_in(place.path(), &["boards", "pause", "bench-1"]).code, 0);
    refused(&["profile", "bench-1"], 3, "is paused");
    assert_eq!(drydock_in(place.path(), &["boards", "off", "bench-1"]).code, 0);
    refused(&["profile", "bench-1"], 3, "switched off");
    refused(&["gdb", "bench-1"], 3, "switched off");
    assert_eq!(gateway.end().0, 0);
}

#[test]
fn a_real_debugger_stops_steps_and_lets_go_while_the_app_stays() {
    if Command::new(GDB).arg("--version").output().is_err() {
        return println!("drydock-skip: {GDB} is not installed");
    }
    let place = tempfile::tempdir().unwrap();
    let gateway = Running::gateway(place.path());
    let verb = |arguments: &[&str]| {
        let outcome = drydock_in(place.path(), &[arguments, &["--json"]].concat());
        assert_eq!(outcome.code, 0, "{arguments:?}: {outcome:?}");
        outcome.events()
    };
    verb(&["boards", "add", "nano33ble", "--pace", "max"]);
    verb(&["deploy", "sensor", "--on", "bench-1"]);
    let session = |events: Vec<Value>| {
        let board = events.into_iter().find(|event| event["name"] == "bench-1").unwrap();
        (board["device"]["session"].clone(), board["machine"]["state"].clone())
    };
    let before = session(verb(&["boards"]));

    let door = Running::start(place.path(), &["gdb", "bench-1"]);
    let ready = door.wait_for("gdb.ready");
    let (address, program) = (ready["address"].as_str().unwrap(), ready["program"].as_str().unwrap());
    assert!(address.starts_with("127.0.0.1:"), "{ready}");
    assert!(ready["command"].as_str().unwrap().contains(address), "{ready}");
    // The firmware's output is encrypted, and differs each time.
    let variables = debug(address, program, &["info variables uart::TX", "detach"]);
    let sent = variables
        .lines()
        .find(|line| line.contains("uart::TX") && line.starts_with("0x"));
    let sent = sent
        .unwrap_or_else(|| panic!("no buffer in {variables}"))
        .split_whitespace()
        .next()
        .unwrap();
    let text = debug(
        address,
        program,
        &[
            "set language c",
            "break *__aeabi_memcpy4",
            "continue",
            "info symbol $pc",
            "backtrace 3",
            "printf \"sp in ram %d\\n\", $sp > 0x20000000 && $sp < 0x20040000",
            "x/1xw $sp",
            "delete",
            "stepi",
            &format!("watch *(unsigned *)({sent} + 16)"),
            "continue",
            "delete",
            "printf \"caught %d\\n\", 1",
            // Longer than the gateway waits for a sign of life.
            "shell sleep 4",
            "stepi",
            "detach",
        ],
    );
    for expected in [
        "Breakpoint 1",
        "memcpy in section",
        "#1 ",
        "sp in ram 1",
        "Hardware watchpoint 2",
        "New value",
        "caught 1",
        "detached",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in:\n{text}");
    }
    door.wait_for("gdb.attached");
    door.wait_for("gdb.detached");
    let (code, _) = door.end();
    assert_eq!(code, 0);

    // The same session, although its board was halted for longer than the heartbeat's time limit.
    let follower = Running::start(place.path(), &["logs", "bench-1", "--app", "sensor", "--follow"]);
    follower.wait_for("app.log");
    assert_eq!(follower.end().0, 0);
    assert_eq!(session(verb(&["boards"])), before);
    assert_eq!(gateway.end().0, 0);
}

/// The same for the other architecture, with only what a debugger needs.
#[test]
fn a_risc_v_board_is_profiled_and_debugged() {
    let place = tempfile::tempdir().unwrap();
    let gateway = Running::gateway(place.path());
    let verb = |arguments: &[&str]| {
        let outcome = drydock_in(place.path(), &[arguments, &["--json"]].concat());
        assert_eq!(outcome.code, 0, "{arguments:?}: {outcome:?}");
        outcome
    };
    verb(&["boards", "add", "esp32-c6", "--pace", "max"]);
    verb(&["deploy", "counter", "--on", "bench-1"]);

    let folded = place.path().join("stacks.txt");
    let told = summary(&verb(&[
        "profile",
        "bench-1",
        "--for",
        "1500ms",
        "--out",
        folded.to_str().unwrap(),
    ]));
    let profile = &told["summary"];
    let functions = profile["functions"].as_array().unwrap();
    let named = |part: &str| functions.iter().any(|it| it["name"].as_str().unwrap().contains(part));
    assert!(named("drydock_device::device::Device"), "no firmware in {functions:?}");
    let interrupts = profile["interrupts"].as_array().unwrap();
    assert!(
        interrupts.iter().any(|it| it["entries"].as_u64() > Some(0)),
        "{interrupts:?}"
    );
    let peripherals = profile["peripherals"].as_array().unwrap();
    assert!(
        peripherals
            .iter()
            .any(|it| it["name"] == "UART0" && it["stores"].as_u64() > Some(0)),
        "{peripherals:?}"
    );
    let folded = std::fs::read_to_string(folded).unwrap();
    // An app that counts a few times a second is not among the largest entries.
    let in_app = folded
        .lines()
        .find(|line| line.starts_with("main;") && line.contains("wasmi::engine::executor"));
    assert!(in_app.is_some(), "no interpreter in {folded}");

    if Command::new(GDB).arg("--version").output().is_err() {
        return println!("drydock-skip: {GDB} is not installed");
    }
    let door = Running::start(place.path(), &["gdb", "bench-1"]);
    let ready = door.wait_for("gdb.ready");
    let (address, program) = (ready["address"].as_str().unwrap(), ready["program"].as_str().unwrap());
    assert!(
        ready["command"]
            .as_str()
            .unwrap()
            .contains("set architecture riscv:rv32"),
        "{ready}"
    );
    // Whichever of its interrupts comes first.
    let traps: Vec<String> = (1..32).map(|line| format!("break *Trap{line}")).collect();
    let mut commands = vec!["set language c"];
    commands.extend(traps.iter().map(String::as_str));
    commands.extend([
        "continue",
        "info symbol $pc",
        "printf \"sp in ram %d\\n\", $sp > 0x40800000 && $sp < 0x40880000",
        "delete",
        "set $entered = $pc",
        "stepi",
        "printf \"stepped %d\\n\", $pc != $entered",
        "watch -location *(unsigned *)$sp",
        "continue",
        "delete",
        "detach",
    ]);
    let text = debug_of("riscv:rv32", address, program, &commands);
    println!("{text}");
    for expected in [
        "Breakpoint ",
        " in section .trap",
        "sp in ram 1",
        "stepped 1",
        "New value",
        "detached",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in:\n{text}");
    }
    assert_eq!(door.end().0, 0);
    let follower = Running::start(place.path(), &["logs", "bench-1", "--app", "counter", "--follow"]);
    follower.wait_for("app.log");
    assert_eq!(follower.end().0, 0);
    assert_eq!(gateway.end().0, 0);
}

/// What GDB prints when it debugs `program` at `address` with `commands`.
fn debug(address: &str, program: &str, commands: &[&str]) -> String {
    debug_of("arm", address, program, commands)
}

fn debug_of(architecture: &str, address: &str, program: &str, commands: &[&str]) -> String {
    let mut gdb = Command::new("timeout");
    gdb.args(["120", GDB, "--batch", "-nx", "-ex", "set pagination off"]);
    gdb.args(["-ex", &format!("set architecture {architecture}")]);
    gdb.args(["-ex", &format!("target remote {address}")]);
    for command in commands {
        gdb.args(["-ex", command]);
    }
    let output = gdb.arg(program).output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}
