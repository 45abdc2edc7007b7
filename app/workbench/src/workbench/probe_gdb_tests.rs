//! Debuggers on boards behind debug probes, and reads of memory and registers, from the API down to virtual boards.

use super::cable_tests::{board_until, cable, ended, hardware, over_probe, provision, put, start, workbench};
use super::*;
use crate::{
    api::{
        BoardRef, BoardView, CableAction, ConsoleOpen, GdbOpen, GdbState, GdbView, JobState, ProbeMemory, ProbeRead,
        ProbeRef,
    },
    fleet::PortUser,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    time::{Duration, Instant},
};

const GDB: &str = "gdb-multiarch";
/// Longer than anything here takes on a loaded host.
const PATIENCE: Duration = Duration::from_secs(120);

macro_rules! call {
    ($workbench:expr, $method:ident($params:expr)) => {
        match $workbench.call(Request::$method($params)).await {
            Ok(Response::$method(result)) => Ok(result),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error),
        }
    };
}

fn open(probe: &str) -> GdbOpen {
    GdbOpen {
        board: probe.into(),
        port: None,
        kind: None,
        elf: None,
    }
}

fn server(probe: &str) -> BoardRef {
    BoardRef { board: probe.into() }
}

async fn view_until(workbench: &Workbench, probe: &str, fits: impl Fn(&GdbView) -> bool) -> GdbView {
    let begin = Instant::now();
    loop {
        let view = call!(workbench, GdbView(server(probe))).unwrap();
        if fits(&view) {
            return view;
        }
        assert!(begin.elapsed() < PATIENCE, "{view:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn used_by(workbench: &Workbench) -> Option<String> {
    hardware(workbench).await.probes[0].used_by.clone()
}

async fn gdb(view: &GdbView, commands: &'static [&'static str]) -> String {
    let (address, program) = (view.address.clone().unwrap(), view.program.clone().unwrap());
    let run = move || {
        let mut gdb = Command::new("timeout");
        gdb.args(["120", GDB, "--batch", "-nx", "-ex", "set pagination off"]);
        gdb.args(["-ex", "set language c", "-ex", &format!("target remote {address}")]);
        for command in commands {
            gdb.args(["-ex", command]);
        }
        let output = gdb.arg(program).output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

/// A debugger that has sent its first packet, and so holds the board.
fn attach(view: &GdbView) -> TcpStream {
    let mut stream = TcpStream::connect(view.address.as_deref().unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"$?#3f").unwrap();
    stream
}

fn session(board: &BoardView) -> Option<u64> {
    board.device.as_ref().and_then(|device| device.session)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_of_the_fleet_is_debugged_over_its_probe_and_goes_on() {
    let Some(workbench) = workbench(&["nano33ble"]).await else {
        return;
    };
    if Command::new(GDB).arg("--version").output().is_err() {
        return println!("drydock-skip: {GDB} is not installed");
    }
    let desk = put(&workbench, "nano33ble", true, "c1").await;
    let probe = desk.probe.clone().unwrap();
    let id = start(&workbench, provision(over_probe(&desk), "nano33ble")).await;
    let job = ended(&workbench, id).await;
    assert_eq!(job.state, JobState::Done, "{job:?}");
    let name = job.board.unwrap();
    board_until(&workbench, &name, |board| session(board).is_some()).await;

    let opened = call!(workbench, GdbOpen(open(&probe))).unwrap();
    assert_eq!((opened.state, &opened.board), (GdbState::Waiting, &probe));
    assert!(
        opened
            .command
            .as_ref()
            .unwrap()
            .contains(opened.address.as_ref().unwrap())
    );
    assert_eq!(used_by(&workbench).await.as_deref(), Some("debugger"));
    let text = gdb(
        &opened,
        &[
            "break *__aeabi_memcpy4",
            "continue",
            "info symbol $pc",
            "set $before = $pc",
            "delete",
            "stepi",
            "printf \"stepped %d\\n\", $pc != $before && $pc - $before <= 4",
            "printf \"sp in ram %d\\n\", $sp > 0x20000000 && $sp < 0x20040000",
            "set {int}($sp - 64) = 0x12345678",
            "x/1xw $sp - 64",
            "detach",
        ],
    )
    .await;
    for part in [
        "memcpy in section",
        "stepped 1\n",
        "sp in ram 1\n",
        "0x12345678",
        "detached",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    view_until(&workbench, &probe, |view| view.state == GdbState::Waiting).await;
    // It reports more than it had reported when the debugger went.
    let uptime = |board: &BoardView| board.device.as_ref().and_then(|device| device.uptime_ms);
    let left = board_until(&workbench, &name, |_| true).await;
    board_until(&workbench, &name, |board| {
        session(board).is_some() && uptime(board) > uptime(&left)
    })
    .await;

    // A debugger that is connected when the server is closed is detached.
    let _debugger = attach(&opened);
    view_until(&workbench, &probe, |view| view.state == GdbState::Attached).await;
    let closed = call!(workbench, GdbClose(server(&probe))).unwrap();
    assert_eq!((closed.state, closed.text), (GdbState::Closed, None));
    assert_eq!(used_by(&workbench).await, None);
    let left = board_until(&workbench, &name, |_| true).await;
    board_until(&workbench, &name, |board| {
        session(board).is_some() && uptime(board) > uptime(&left)
    })
    .await;
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_with_a_debugger_is_nobody_elses() {
    let Some(workbench) = workbench(&[]).await else { return };
    let desk = put(&workbench, "stm32f4-discovery", true, "c2").await;
    let probe = desk.probe.clone().unwrap();
    let job = workbench
        .workbench
        .hardware
        .uses
        .lease(&probe, PortUser::Job(7))
        .unwrap();
    let refused = call!(workbench, GdbOpen(open(&probe))).unwrap_err();
    assert!(refused.message.contains("job 7"), "{refused}");
    drop(job);

    let opened = call!(workbench, GdbOpen(open(&probe))).unwrap();
    assert_eq!(
        call!(workbench, GdbOpen(open(&probe))).unwrap(),
        opened,
        "it is open already"
    );
    let other_port = GdbOpen {
        port: Some(1),
        ..open(&probe)
    };
    let refused = call!(workbench, GdbOpen(other_port)).unwrap_err();
    assert!(refused.message.contains("close it first"), "{refused}");
    let console = ConsoleOpen {
        path: probe.clone(),
        baud: 0,
        kind: None,
        log: None,
    };
    let refused = call!(workbench, ConsoleOpen(console.clone())).unwrap_err();
    assert!(refused.message.contains("close its port for GDB first"), "{refused}");
    let registers = ProbeRef { probe: probe.clone() };
    let refused = call!(workbench, ProbeRegisters(registers.clone())).unwrap_err();
    assert!(refused.message.contains("close its port for GDB first"), "{refused}");
    call!(workbench, GdbClose(server(&probe))).unwrap();
    call!(workbench, ProbeRegisters(registers)).unwrap();
    call!(workbench, ConsoleOpen(console)).unwrap();
    let refused = call!(workbench, GdbOpen(open(&probe))).unwrap_err();
    assert!(refused.message.contains("There is a terminal on"), "{refused}");
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_that_is_pulled_under_a_debugger_says_so() {
    let Some(workbench) = workbench(&[]).await else { return };
    let desk = put(&workbench, "nano33ble", true, "c3").await;
    let probe = desk.probe.clone().unwrap();
    let opened = call!(workbench, GdbOpen(open(&probe))).unwrap();
    let mut debugger = attach(&opened);
    view_until(&workbench, &probe, |view| view.state == GdbState::Attached).await;
    cable(&workbench, &desk.name, CableAction::Pull).await;
    debugger.write_all(b"$g#67").unwrap();
    let rest = tokio::task::spawn_blocking(move || debugger.read_to_end(&mut Vec::new()));
    // A reset of the connection is an end, too.
    let _ = rest.await.unwrap();
    let view = view_until(&workbench, &probe, |view| {
        view.state == GdbState::Waiting && view.text.is_some()
    })
    .await;
    assert!(view.text.unwrap().starts_with("no chip answers at the debug probe"));
    call!(workbench, GdbClose(server(&probe))).unwrap();

    let missing = call!(workbench, GdbOpen(open(&probe))).unwrap_err();
    assert!(
        missing.message.contains(&format!("no debug probe {probe}")),
        "{missing}"
    );
    cable(&workbench, &desk.name, CableAction::Plug).await;
    call!(workbench, GdbOpen(open(&probe))).unwrap();
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_for_a_debugger_is_refused() {
    let Some(workbench) = workbench(&[]).await else { return };
    let desk = put(&workbench, "nano33ble", true, "c4").await;
    let probe = desk.probe.clone().unwrap();
    let refuse = async |open: GdbOpen, part: &str| {
        let refused = call!(workbench, GdbOpen(open)).unwrap_err();
        assert!(refused.message.contains(part), "{refused}");
    };
    refuse(open("0483:374b:066"), &probe).await;
    let kind = |kind: &str| GdbOpen {
        kind: Some(kind.into()),
        ..open(&probe)
    };
    refuse(kind("nono"), "no kind of board nono").await;
    refuse(
        kind("stm32f4-discovery"),
        "is a nrf52840, but this kind of board has a stm32f407",
    )
    .await;
    let elf = |elf: &str| GdbOpen {
        elf: Some(elf.into()),
        ..open(&probe)
    };
    refuse(elf("app.elf"), "absolute path").await;
    refuse(elf("/nowhere/app.elf"), "absolute path").await;
    assert_eq!(used_by(&workbench).await, None);
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_and_registers_are_read_over_a_probe() {
    let Some(workbench) = workbench(&["nano33ble"]).await else {
        return;
    };
    let desk = put(&workbench, "nano33ble", false, "c5").await;
    let probe = desk.probe.clone().unwrap();
    let read = async |address: u32, length: u32| {
        let read = ProbeRead {
            probe: probe.clone(),
            address,
            length,
        };
        call!(workbench, ProbeRead(read))
    };
    let machine = workbench.workbench.hardware.desk.machine(&desk.name);
    let there = machine.with_machine(|machine| {
        let mut bytes = [0; 70];
        machine.read_memory(0x1_0001, &mut bytes).unwrap();
        bytes
    });
    let ProbeMemory { address, base64 } = read(0x1_0001, 70).await.unwrap();
    assert_eq!(address, 0x1_0001);
    assert_eq!(BASE64_STANDARD.decode(base64).unwrap(), there.await.unwrap());
    for (address, length, part) in [
        (0, 0, "give 1 to 65536"),
        (0, 65537, "give 1 to 65536"),
        (0xffff_fffe, 4, "go past the last address"),
        (0x6000_0000, 4, "nothing answers at 0x60000000"),
    ] {
        let refused = read(address, length).await.unwrap_err();
        assert!(refused.message.contains(part), "{refused}");
    }
    let read = call!(workbench, ProbeRegisters(ProbeRef { probe: probe.clone() })).unwrap();
    let value = |name: &str| {
        read.registers
            .iter()
            .find(|register| register.name == name)
            .unwrap()
            .value
    };
    assert!((0x1_0000..0x10_0000).contains(&value("pc")), "{read:x?}");
    assert!((0x2000_0000..=0x2004_0000).contains(&value("sp")), "{read:x?}");
    assert!(read.text.contains("halted for a moment"), "{}", read.text);
    let missing = ProbeRef {
        probe: "0483:374b:066".into(),
    };
    let missing = call!(workbench, ProbeRegisters(missing)).unwrap_err();
    assert!(missing.message.contains("no debug probe 0483:374b:066"), "{missing}");
    assert_eq!(used_by(&workbench).await, None);
    workbench.shutdown().await;
}
