//! Boards behind debug probes by the shipped program: memory, registers, debuggers.

use crate::cables::{desk, json, last, skip};
use crate::driver::Running;
use std::{
    process::Command,
    time::{SystemTime, UNIX_EPOCH},
};

const GDB: &str = "gdb-multiarch";

#[test]
fn memory_and_registers_are_printed() {
    if skip("nano33ble") {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let desk = desk(data, "nano33ble", &["--seed", "8"]);
    let probe = desk.probes[0].as_str();
    let read = crate::driver::drydock_in(data, &["probes", "read", probe, "0x20000000", "20"]);
    assert_eq!(read.code, 0, "{read:?}");
    let lines: Vec<&str> = read.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{read:?}");
    assert!(
        lines[0].starts_with("20000000  ") && lines[1].starts_with("20000010  "),
        "{read:?}"
    );
    let read = json(data, &["probes", "read", probe, "0x20000000", "20"]);
    let events = read.events();
    assert_eq!(last(&events, "probe.memory")["address"], 0x2000_0000);
    let registers = json(data, &["probes", "registers", probe]);
    assert_eq!(registers.code, 0, "{registers:?}");
    let events = registers.events();
    let told = last(&events, "probe.registers");
    assert!(told["text"].as_str().unwrap().contains("runs on"), "{told}");
    assert_eq!(told["registers"].as_array().unwrap().len(), 23);

    let trials: &[(&[&str], i32, &str)] = &[
        (&["probes", "read", probe, "here", "4"], 2, "0x20000000"),
        (&["probes", "read", probe, "0", "0"], 2, "give 1 to 65536"),
        (
            &["probes", "read", probe, "0x60000000", "4"],
            4,
            "Nothing answers at 0x60000000",
        ),
        (&["probes", "read", "0483:374b:066", "0", "4"], 3, probe),
        (&["probes", "registers", "0483:374b:066"], 3, probe),
        (&["gdb", "--probe", "0483:374b:066"], 3, probe),
        (&["gdb", "--probe", "bench-1"], 2, "no id of a debug probe"),
        (&["gdb", "--probe", "lab:1"], 2, "no id of a debug probe"),
        (
            &["gdb", "--probe", probe, "--board", "stm32f4-discovery"],
            4,
            "is a nrf52840",
        ),
        (&["gdb", "--elf", "app.elf", "--board", "nano33ble"], 2, "--probe"),
    ];
    for (arguments, code, part) in trials {
        let outcome = json(data, arguments);
        assert_eq!(outcome.code, *code, "{arguments:?}: {outcome:?}");
        let told = format!("{}{}", outcome.stdout, outcome.stderr);
        assert!(told.contains(part), "{arguments:?}: {outcome:?}");
    }
    assert_eq!(desk.owner.end().0, 0);
}

#[test]
fn a_real_debugger_reaches_the_board_behind_a_probe() {
    if skip("stm32f4-discovery") {
        return;
    }
    if Command::new(GDB).arg("--version").output().is_err() {
        return println!("drydock-skip: {GDB} is not installed");
    }
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let desk = desk(data, "stm32f4-discovery", &["--blank", "--seed", "9"]);
    let (port, probe) = (desk.ports[0].as_str(), desk.probes[0].as_str());
    let kind = [
        "--board",
        "stm32f4-discovery",
        "--name",
        "bench-1",
        "--app",
        "blink",
        "--yes",
    ];
    let provisioned = json(
        data,
        &[&["provision", "--port", port, "--probe", probe], &kind[..]].concat(),
    );
    assert_eq!(provisioned.code, 0, "{provisioned:?}");
    let server = Running::start(data, &["gdb", "--probe", probe]);
    let ready = server.wait_for("gdb.ready");
    assert_eq!(ready["board"], probe);
    // The command that it prints is the one that works.
    let command = ready["command"].as_str().unwrap();
    let arguments = "-batch -nx -ex 'set language c'";
    let after = "-ex 'break *__aeabi_memcpy4' -ex continue -ex 'info symbol $pc' -ex delete -ex 'set $before = $pc' -ex stepi \
                 -ex 'printf \"stepped %d\\n\", $pc != $before && $pc - $before <= 4' -ex 'p/x $sp > 0x10000000' \
                 -ex 'set {int}($sp - 64) = 0x12345678' -ex 'x/1xw $sp - 64' -ex detach";
    let command = command.replacen(GDB, &format!("timeout 120 {GDB} {arguments}"), 1);
    let output = Command::new("sh")
        .args(["-c", &format!("{command} {after}")])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    for part in [
        "memcpy in section",
        "stepped 1\n",
        "$1 = 0x1\n",
        "0x12345678",
        "detached",
    ] {
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(part), "{part:?} is not in:\n{text}\n{errors}");
    }
    server.wait_for("gdb.detached");
    // The board goes on in its session, or in the next one if the debugger held it for too long.
    let detached = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let follower = Running::start(data, &["metrics", "bench-1", "--follow"]);
    follower.wait_until(|event| {
        event["event"] == "device.metrics" && event["time_ms"].as_u64().is_some_and(|at| u128::from(at) > detached)
    });
    assert_eq!(follower.end().0, 0);
    let busy = json(data, &["probes", "registers", probe]);
    assert_eq!(busy.code, 3, "{busy:?}");
    assert!(busy.error().contains("close its port for GDB first"), "{busy:?}");
    assert_eq!(server.end().0, 0);
    assert_eq!(
        json(data, &["probes", "registers", probe]).code,
        0,
        "the probe is free again"
    );
    assert_eq!(desk.owner.end().0, 0);
}
