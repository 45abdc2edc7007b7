//! Debuggers on boards behind debug probes, and reads of memory and registers, from the API down to virtual boards.

use super::cable_tests::{board_until, cable, call, ended, hardware, over_probe, provision, put, start, workbench};
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
    time::{Duration, Instant},
};

/// Longer than anything here takes on a loaded host.
const PATIENCE: Duration = Duration::from_secs(120);

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

/// A debugger that has sent its first packet, and so holds the board.
fn attach(view: &GdbView) -> TcpStream {
    let mut stream = TcpStream::connect(view.address.as_deref().unwrap()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"$?#3f").unwrap();
    stream
}

/// Sends a request and returns the answer, without acknowledgements; it ends with `#` and two digits.
fn ask(stream: &mut TcpStream, body: &str) -> String {
    let sum = body.bytes().fold(0_u8, u8::wrapping_add);
    write!(stream, "${body}#{sum:02x}").unwrap();
    answer(stream)
}

fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !matches!(&bytes[..], [.., b'#', _, _]) {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        if !bytes.is_empty() || byte[0] == b'$' {
            bytes.push(byte[0]);
        }
    }
    stream.write_all(b"+").unwrap();
    String::from_utf8(bytes[1..bytes.len() - 3].to_vec()).unwrap()
}

/// Stops at a breakpoint at `address`, steps away from it, writes RAM that nobody uses and detaches.
fn debug(view: &GdbView, address: u32) {
    let mut stream = attach(view);
    assert_eq!(answer(&mut stream), "T05thread:01;");
    // If it is there now, it goes on at once.
    ask(&mut stream, "s");
    assert_eq!(ask(&mut stream, &format!("Z1,{address:x},2")), "OK");
    let stopped = ask(&mut stream, "c");
    assert!(stopped.contains("hwbreak"), "{stopped}");
    let here: String = address.to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    // Zeros at its end are sent as a run length.
    let pc = |stream: &mut TcpStream| ask(stream, "pf");
    assert_eq!(pc(&mut stream)[..4], here[..4]);
    assert_eq!(ask(&mut stream, &format!("z1,{address:x},2")), "OK");
    ask(&mut stream, "s");
    assert_ne!(pc(&mut stream)[..4], here[..4]);
    assert_eq!(ask(&mut stream, "M2003ff00,4:78563412"), "OK");
    assert_eq!(ask(&mut stream, "m2003ff00,4"), "78563412");
    assert_eq!(ask(&mut stream, "D"), "OK");
}

fn session(board: &BoardView) -> Option<u64> {
    board.device.as_ref().and_then(|device| device.session)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_of_the_fleet_is_debugged_over_its_probe_and_goes_on() {
    let Some(workbench) = workbench(&["nano33ble"]).await else {
        return;
    };
    let desk = put(&workbench, "nano33ble", true, "c1").await;
    let probe = desk.probe.clone().unwrap();
    let id = start(&workbench, provision(over_probe(&desk), "nano33ble")).await;
    let job = ended(&workbench, id).await;
    assert_eq!(job.state, JobState::Done, "{job:?}");
    let name = job.board.unwrap();
    board_until(&workbench, &name, |board| session(board).is_some()).await;

    // Where it sleeps it comes again and again.
    let registers = call!(workbench, ProbeRegisters(ProbeRef { probe: probe.clone() })).unwrap();
    let pc = registers
        .registers
        .iter()
        .find(|register| register.name == "pc")
        .unwrap()
        .value;
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
    let view = opened.clone();
    tokio::task::spawn_blocking(move || debug(&view, pc)).await.unwrap();
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
async fn a_board_that_a_debugger_resets_gets_its_session_again() {
    let Some(workbench) = workbench(&["nano33ble"]).await else {
        return;
    };
    let desk = put(&workbench, "nano33ble", true, "c5").await;
    let id = start(&workbench, provision(over_probe(&desk), "nano33ble")).await;
    let name = ended(&workbench, id).await.board.unwrap();
    for _ in 0..3 {
        let before = session(&board_until(&workbench, &name, |board| session(board).is_some()).await);
        let opened = call!(workbench, GdbOpen(open(desk.probe.as_ref().unwrap()))).unwrap();
        tokio::task::spawn_blocking(move || {
            let mut stream = attach(&opened);
            answer(&mut stream);
            // `monitor reset`, in hexadecimal digits.
            ask(&mut stream, "qRcmd,7265736574");
            assert_eq!(ask(&mut stream, "D"), "OK");
        })
        .await
        .unwrap();
        call!(workbench, GdbClose(server(desk.probe.as_ref().unwrap()))).unwrap();
        board_until(&workbench, &name, |board| {
            session(board).is_some() && session(board) != before
        })
        .await;
    }
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
        defmt: None,
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
    assert!(view.text.unwrap().starts_with("No chip answers at the debug probe"));
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
        (0x6000_0000, 4, "Nothing answers at 0x60000000"),
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
