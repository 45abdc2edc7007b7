//! The GDB server: with the real `gdb-multiarch`, if it is installed, and with debuggers that send arbitrary bytes.

#[path = "../conformance/guest.rs"]
#[allow(dead_code, reason = "one of its checks is the conformance suite's own")]
mod guest;
mod troublesome;
mod vscode;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use drydock_emulator::gdb::{End, GdbError, GdbServer, GdbTarget, Held};
use drydock_emulator::runner::{Pace, RunOptions, Runner};
use drydock_emulator::{Engine, Machine, StopReason};
use libtest_mimic::{Arguments, Failed, Trial};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use guest::{boot, word};

const GDB: &str = "gdb-multiarch";

type Check = fn() -> Result<(), Failed>;

const WITH_GDB: &[(&str, Check)] = &[
    ("breakpoints_steps_registers_and_memory", breakpoints_and_steps),
    ("a_watchpoint_catches_the_store", a_watchpoint),
    ("a_reset_starts_anew", a_reset),
    ("a_machine_under_the_runner_is_debugged", under_the_runner),
    ("vs_codes_extensions_debug_as_docs_have_it", vscode::extensions),
];

fn main() {
    let arguments = Arguments::from_args();
    let there = Command::new(GDB).arg("--version").output().is_ok();
    let mut trials: Vec<Trial> = WITH_GDB
        .iter()
        .map(|(name, check)| match there {
            true => Trial::test(*name, check),
            false => {
                Trial::test(format!("{name} (skipped: {GDB} is not installed)"), || Ok(())).with_ignored_flag(true)
            }
        })
        .collect();
    trials.push(Trial::test(
        "ctrl_c_ends_a_run_and_detaching_leaves_the_machine",
        ctrl_c,
    ));
    trials.push(Trial::test(
        "whatever_a_debugger_sends_the_machine_lives_on",
        anything_sent,
    ));
    trials.push(Trial::test("a_stop_switch_ends_a_server_that_waits", a_stop_switch));
    trials.extend(
        troublesome::CHECKS
            .iter()
            .map(|(name, check)| Trial::test(*name, check)),
    );
    libtest_mimic::run(&arguments, trials).exit();
}

fn guest_machine(name: &str) -> Result<Box<dyn Machine>, Failed> {
    let engine: &dyn Engine = &drydock_emulator::builtin::engine::Builtin;
    boot(engine, name)
}

/// Serves `machine` to one debugger, which runs in a thread of its own.
fn debug<T: Send + 'static>(
    machine: &mut dyn Machine,
    debugger: impl FnOnce(SocketAddr) -> T + Send + 'static,
) -> Result<(T, Result<End, GdbError>), Failed> {
    let mut server = GdbServer::bind(0)?;
    let address = server.address()?;
    assert!(address.ip().is_loopback());
    let debugger = std::thread::spawn(move || debugger(address));
    let end = server.serve(GdbTarget::new(machine));
    let said = debugger.join().map_err(|_| "the debugger panicked")?;
    Ok((said, end))
}

/// GDB's output when it connects and executes `commands`.
fn gdb(address: SocketAddr, commands: &[&str]) -> String {
    let mut program = Command::new("timeout");
    program.args(["60", GDB, "--batch", "-nx", "-ex", "set pagination off", "-ex"]);
    program.arg(format!("target remote {address}"));
    for command in commands {
        program.args(["-ex", command]);
    }
    let output = program.output().expect("gdb runs");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[track_caller]
fn contains(text: &str, parts: &[&str]) {
    let mut rest = text;
    for part in parts {
        let at = rest
            .find(part)
            .unwrap_or_else(|| panic!("{part:?} is not (or too early) in:\n{text}"));
        rest = &rest[at + part.len()..];
    }
}

fn breakpoints_and_steps() -> Result<(), Failed> {
    let mut machine = guest_machine("count")?;
    let (text, end) = debug(&mut *machine, |address| {
        let commands = [
            "break *0x10106",
            "continue",
            "printf \"pc %x r0 %d\\n\", $pc, $r0",
            "delete",
            "stepi",
            "printf \"pc %x\\n\", $pc",
            "set $r0 = 1000",
            "hbreak *0x10106",
            "continue",
            "printf \"r0 %d\\n\", $r0",
            "set {int}0x20000100 = 0x12345678",
            "x/1xw 0x20000100",
            "x/1xw 0x30000000",
            "printf \"msp %x\\n\", $msp",
            // Without a program file GDB takes doubles for those of another unit, whose words are the other way round.
            "set arm fpu vfp",
            "set $s3 = 1.5",
            "set $d0 = -2.25",
            "printf \"s3 %g d0 %g fpscr %x\\n\", $s3, $d0, $fpscr",
            "detach",
        ];
        gdb(address, &commands)
    })?;
    contains(
        &text,
        &[
            "Breakpoint 1, 0x00010106",
            "pc 10106 r0 1\n",
            "pc 10104\n",
            "r0 1001\n",
            "0x20000100:\t0x12345678",
            "msp 20040000\n",
            "s3 1.5 d0 -2.25 fpscr 0\n",
            "detached",
            // Errors come after everything else.
            "Cannot access memory at address 0x30000000",
        ],
    );
    assert_eq!(end?, End::Detached);
    assert_eq!(word(&mut *machine, 0x2000_0100)?, 0x1234_5678);
    assert_eq!(machine.read_register("r0")?, 1_001);
    assert_eq!(machine.read_register("s3")?, u64::from(1.5_f32.to_bits()));
    Ok(())
}

fn a_watchpoint() -> Result<(), Failed> {
    let mut machine = guest_machine("resets")?;
    machine.write_memory(0x2000_0100, &[0; 4])?;
    let (text, end) = debug(&mut *machine, |address| {
        gdb(
            address,
            &[
                "watch *(int *)0x20000100",
                "continue",
                "rwatch *(int *)0x20000104",
                "continue",
                "detach",
            ],
        )
    })?;
    contains(&text, &["Hardware watchpoint 1", "Old value = 0", "New value = 1"]);
    assert!(
        !text.contains("Hardware read watchpoint 2: *(int *)0x20000104\n\nValue"),
        "{text}"
    );
    assert_eq!(end?, End::Detached);
    assert_eq!(word(&mut *machine, 0x2000_0100)?, 1);
    Ok(())
}

fn a_reset() -> Result<(), Failed> {
    let mut machine = guest_machine("count")?;
    let (text, end) = debug(&mut *machine, |address| {
        let commands = [
            "break *0x10106 if $r0 > 99",
            "continue",
            "delete",
            "monitor reset",
            "monitor nonsense",
            "maintenance flush register-cache",
            // The bootloader goes first.
            "break *0x10106",
            "continue",
            "printf \"r0 %d\\n\", $r0",
            "kill",
        ];
        gdb(address, &commands)
    })?;
    contains(
        &text,
        // The monitor's output comes after everything else.
        &[
            "Breakpoint 1, 0x00010106",
            "Breakpoint 2, 0x00010106",
            "r0 1\n",
            "reset: by the reset pin",
        ],
    );
    assert!(machine.read_register("r0")? < 10);
    assert_eq!(end?, End::Killed);
    assert_eq!(machine.step()?, StopReason::Stepped);
    Ok(())
}

fn under_the_runner() -> Result<(), Failed> {
    let runner = Runner::new()?;
    let options = RunOptions {
        name: "debugged".to_owned(),
        pace: Pace::Max,
        paused: true,
    };
    let handle = runner.add(guest_machine("count")?, options);
    let mut server = GdbServer::bind(0)?;
    let address = server.address()?;
    let debugger = std::thread::spawn(move || {
        gdb(
            address,
            &[
                "break *0x10106 if $r0 > 9",
                "continue",
                "printf \"r0 %d\\n\", $r0",
                "detach",
            ],
        )
    });
    let end = server.serve(GdbTarget::new(Held::new(handle.clone())));
    let text = debugger.join().map_err(|_| "the debugger panicked")?;
    contains(&text, &["Breakpoint 1, 0x00010106", "r0 10\n"]);
    assert_eq!(end?, End::Detached);
    let counted = handle.with_machine_blocking(|machine| machine.read_register("r0"))??;
    assert_eq!(counted, 10);
    Ok(())
}

fn packet(body: &[u8]) -> Vec<u8> {
    let sum = body.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    [b"$", body, format!("#{sum:02x}").as_bytes()].concat()
}

/// Connects as a debugger that detaches at once. The server may have ended already.
fn knock(address: SocketAddr) {
    if let Ok(mut stream) = TcpStream::connect(address) {
        let _ = stream.write_all(&packet(b"D"));
    }
}

/// Reads until `mark` has arrived.
fn read_until(stream: &mut TcpStream, mark: &str) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a limit");
    let mut text = String::new();
    let mut piece = [0; 256];
    while !text.contains(mark) {
        match stream.read(&mut piece) {
            Ok(count @ 1..) => text.push_str(&String::from_utf8_lossy(&piece[..count])),
            other => panic!("{other:?} after {text:?}"),
        }
    }
    text
}

fn ctrl_c() -> Result<(), Failed> {
    let mut machine = guest_machine("count")?;
    let ((), end) = debug(&mut *machine, |address| {
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.write_all(&packet(b"vCont;c")).expect("it reads");
        read_until(&mut stream, "+");
        stream.write_all(&[3]).expect("it reads");
        // SIGINT
        let stopped = read_until(&mut stream, "#");
        assert!(stopped.contains("S02") || stopped.contains("T02"), "{stopped}");
        stream.write_all(b"+").expect("it reads");
    })?;
    assert_eq!(end?, End::Detached);
    assert_eq!(machine.step()?, StopReason::Stepped);
    Ok(())
}

fn a_stop_switch() -> Result<(), Failed> {
    let mut machine = guest_machine("count")?;
    let mut server = GdbServer::bind(0)?;
    server.stop_switch().stop();
    assert_eq!(server.serve(GdbTarget::new(&mut *machine))?, End::Stopped);
    Ok(())
}

/// Packets that any debugger sends.
const GOOD: &[&str] = &[
    "?",
    "g",
    "p0",
    "m20000000,4",
    "M20000000,1:5a",
    "Z0,10106,2",
    "z0,10106,2",
    "vCont?",
    "qSupported",
    "vMustReplyEmpty",
];

fn anything_sent() -> Result<(), Failed> {
    let names = "[?]|g|G|m|M|p|P|X|Z0|Z1|Z2|Z3|z0|s|S05|C05|vCont;s:1|vCont[?]|qSupported|\
                 qXfer:features:read:target[.]xml:|qRcmd,|H|D|R|!|vMustReplyEmpty|QStartNoAckMode|k|T|i|b|q|v";
    let pattern = format!("({names})[0-9a-fA-F,:;.#$*-]{{0,40}}");
    let packets = proptest::collection::vec(
        prop_oneof![
            40 => proptest::sample::select(GOOD).prop_map(|body| packet(body.as_bytes())),
            4 => pattern.as_str().prop_map(|body| packet(body.as_bytes())),
            1 => proptest::collection::vec(any::<u8>(), 0..60),
            1 => Just(b"$m20000000,4#00".to_vec()),
            1 => Just(b"$mffffffffffffffff,ffffffff#12".to_vec()),
        ],
        1..12,
    );
    let config = Config {
        cases: 200,
        failure_persistence: None,
        ..Config::default()
    };
    let ends = std::cell::Cell::new((0, 0));
    TestRunner::new(config).run(&packets, |packets| {
        let mut machine = guest_machine("count").expect("it boots");
        let sent = packets.concat();
        let served = debug(&mut *machine, move |address| {
            let mut stream = TcpStream::connect(address).expect("it listens");
            // The server may have closed in the middle.
            let _ = stream.write_all(&sent);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.read_to_end(&mut Vec::new());
            // If the bytes contained no packet, the server still waits for a debugger.
            knock(address);
        });
        let (well, ill) = ends.get();
        match served.expect("it serves").1 {
            Ok(_) => ends.set((well + 1, ill)),
            Err(GdbError::Protocol(what)) => {
                prop_assert!(!what.is_empty());
                ends.set((well, ill + 1));
            }
            // The debugger disconnected in the middle of an answer.
            Err(GdbError::Connection(_)) => {}
            Err(error @ (GdbError::Gone(_) | GdbError::Unread)) => {
                return Err(TestCaseError::fail(error.to_string()));
            }
        }
        machine.write_register("pc", 0x1_0100).expect("it lives");
        prop_assert_eq!(machine.step().expect("it lives"), StopReason::Stepped);
        Ok(())
    })?;
    let (well, ill) = ends.get();
    assert!(
        well > 10 && ill > 10,
        "{well} well, {ill} ill: the packets are too tame or too wild"
    );
    Ok(())
}
