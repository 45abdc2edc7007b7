//! Debuggers on boards behind probes: the real `gdb-multiarch` if it is installed, and packets by hand.

use crate::bench::{Desk, VirtualBoard, wait_for};
use drydock_emulator::{CoreActivity, runner::MachineEvent};
use drydock_gdb::{End, GdbError, GdbServer, StopSwitch};
use drydock_hardware::probe::{ProbeError, ProbedTarget};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    process::Command,
    sync::mpsc::{Receiver, channel},
    thread::JoinHandle,
    time::{Duration, Instant},
};

const GDB: &str = "gdb-multiarch";
/// Longer than anything here takes on a loaded host.
const PATIENCE: Duration = Duration::from_secs(60);
/// The answer to `?` while the core is halted.
const HALTED: &str = "T05thread:01;";
const FP_CTRL: u32 = 0xe000_2000;
const DWT_FUNCTION: u32 = 0xe000_1028;

/// A server of one board, which serves one debugger after the other.
struct Served {
    address: SocketAddr,
    stop: StopSwitch,
    ends: Receiver<Result<End, GdbError>>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    fn new(desk: &Desk, board: &VirtualBoard) -> Self {
        let mut server = GdbServer::bind(0).unwrap();
        let (address, stop) = (server.address().unwrap(), server.stop_switch());
        let (probes, probe, kind) = (desk.probes.clone(), board.plug.id().to_owned(), board.board.clone());
        let (sender, ends) = channel();
        let thread = std::thread::spawn(move || {
            loop {
                let end = server.serve(ProbedTarget::new(&probes, &probe, &kind));
                let stopped = matches!(end, Ok(End::Stopped));
                // Shown if the test fails.
                println!("a session ended: {end:?}");
                if sender.send(end).is_err() || stopped {
                    return;
                }
            }
        });
        Self {
            address,
            stop,
            ends,
            thread: Some(thread),
        }
    }

    fn end(&self) -> Result<End, GdbError> {
        self.ends.recv_timeout(PATIENCE).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.stop();
        let thread = self.thread.take().unwrap();
        assert!(thread.join().is_ok() || std::thread::panicking());
    }
}

/// GDB's output when it loads a program, connects and executes `commands`.
fn gdb(address: SocketAddr, program: &[u8], commands: &[&str]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), program).unwrap();
    let mut gdb = Command::new("timeout");
    gdb.args(["120", GDB, "--batch", "-nx", "-ex", "set pagination off"]);
    gdb.args(["-ex", "set language c", "-ex", &format!("target remote {address}")]);
    for command in commands {
        gdb.args(["-ex", command]);
    }
    let output = gdb.arg(file.path()).output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// A debugger that sends packets by hand.
struct ByHand(TcpStream);

impl ByHand {
    fn connect(served: &Served) -> Self {
        let stream = TcpStream::connect(served.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    fn send(&mut self, body: &str) {
        let sum = body.bytes().fold(0_u8, u8::wrapping_add);
        write!(self.0, "${body}#{sum:02x}").unwrap();
    }

    /// The answer to a request; `None` if the server closed the connection.
    fn ask(&mut self, body: &str) -> Option<String> {
        self.send(body);
        self.answer()
    }

    fn answer(&mut self) -> Option<String> {
        let mut bytes = Vec::new();
        loop {
            let mut byte = [0];
            match self.0.read(&mut byte) {
                Ok(0) => return None,
                Ok(_) => bytes.push(byte[0]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("no answer: {error}"),
            }
            if let [before @ .., b'#', _, _] = &bytes[..] {
                let start = before.iter().position(|byte| *byte == b'$').unwrap();
                let body = expanded(&before[start + 1..]);
                self.0.write_all(b"+").unwrap();
                return Some(body);
            }
        }
    }
}

/// A body without its run lengths: `*` and a character that says how often the one before comes again.
fn expanded(body: &[u8]) -> String {
    let mut text = String::new();
    let mut bytes = body.iter();
    while let Some(byte) = bytes.next() {
        match (byte, text.chars().last()) {
            (b'*', Some(last)) => {
                let count = usize::from(*bytes.next().unwrap()) - 29;
                text.extend(std::iter::repeat_n(last, count));
            }
            _ => text.push(char::from(*byte)),
        }
    }
    text
}

fn activity(board: &VirtualBoard) -> (bool, CoreActivity) {
    let asked = board.handle.with_machine_blocking(|machine| {
        let debug = machine.debug_access().unwrap();
        (debug.halting_debug(), debug.core_activity())
    });
    asked.unwrap()
}

fn is_free(board: &VirtualBoard) -> bool {
    let (debugged, activity) = activity(board);
    !debugged && activity != CoreActivity::Halted
}

fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

fn a_session_with_gdb(kind: &str, seed: u8) {
    if Command::new(GDB).arg("--version").output().is_err() {
        return println!("drydock-skip: {GDB} is not installed");
    }
    let desk = Desk::new();
    let mut board = desk.running(kind, seed);
    board.wait_for_link();
    let mut events = board.handle.events();
    let served = Served::new(&desk, &board);
    let program = drydock_embedded::firmware(kind).unwrap().elf;
    // Far from stack and variables: what GDB writes there breaks nothing.
    let ram = board.board.chip.ram[0];
    let (free, flash) = (ram.base + ram.bytes / 2, board.board.chip.flash.base);
    let text = gdb(
        served.address,
        program,
        &[
            "break *__aeabi_memcpy4",
            "continue",
            "info symbol $pc",
            "printf \"sp in ram %d\\n\", $sp > 0x10000000 && $sp < 0x20040000",
            "printf \"same %d\\n\", $sp == $msp",
            "delete",
            "set $before = $pc",
            "stepi",
            "printf \"stepped %d\\n\", $pc != $before && $pc - $before <= 4",
            "set $r3 = 0x1234abcd",
            "printf \"r3 %x primask %d\\n\", $r3, $primask",
            &format!("set {{int}}{free:#x} = 0x12345678"),
            &format!("x/1xw {free:#x}"),
            &format!("set {{short}}{:#x} = 0x4242", free + 6),
            &format!("x/1xw {:#x}", free + 4),
            "x/1xw 0x60000000",
            &format!("set {{int}}{flash:#x} = 1"),
            "printf \"still %d\\n\", $r3 == 0x1234abcd",
            "detach",
        ],
    );
    contains(
        &text,
        &[
            "automatically using hardware breakpoints",
            "memcpy in section",
            "sp in ram 1\n",
            "same 1\n",
            "stepped 1\n",
            "r3 1234abcd primask 0\n",
            &format!("{free:#x}:\t0x12345678"),
            &format!("{:#x}:\t0x4242", free + 4),
            "Cannot access memory at address 0x60000000",
            &format!("Cannot access memory at address {flash:#x}"),
            "still 1\n",
            "detached",
        ],
    );
    assert!(matches!(served.end(), Ok(End::Detached)));
    assert!(is_free(&board), "{:?}", activity(&board));
    let mut control = [0; 4];
    desk.probes.read_memory(board.plug.id(), FP_CTRL, &mut control).unwrap();
    assert_eq!(control[0] & 1, 0, "no breakpoint is left");
    while let Ok(event) = events.try_recv() {
        assert!(!matches!(event, MachineEvent::Reset { .. }), "{event:?}");
    }
}

#[test]
fn a_real_debugger_stops_steps_and_lets_an_nrf52840_go() {
    a_session_with_gdb("nano33ble", 40);
}

#[test]
fn a_real_debugger_stops_steps_and_lets_an_stm32f407_go() {
    a_session_with_gdb("stm32f4-discovery", 41);
}

/// A copy of at least a word: most of those that a waiting board makes are shorter, and touch neither word.
const COPY: &str = "break *__aeabi_memcpy4 if $r2 >= 4";

/// Sets floating-point registers, and stops behind loads and stores in `__aeabi_memcpy4`.
fn floats_and_watchpoints_with_gdb(kind: &str, seed: u8) {
    if Command::new(GDB).arg("--version").output().is_err() {
        return println!("drydock-skip: {GDB} is not installed");
    }
    let desk = Desk::new();
    let mut board = desk.running(kind, seed);
    board.wait_for_link();
    let served = Served::new(&desk, &board);
    let text = gdb(
        served.address,
        drydock_embedded::firmware(kind).unwrap().elf,
        &[
            // Registers that nothing is in between two calls.
            "set $s31 = 1.5",
            "set $d14 = -2.25",
            "printf \"s31 %g d14 %g\\n\", $s31, $d14",
            "printf \"fpscr %d\\n\", $fpscr >= 0",
            COPY,
            "continue",
            "delete",
            // So that the copy changes it.
            "set {int}$r0 = ~*(int *)$r1",
            "watch -location *(int *)$r0",
            "continue",
            "info symbol $pc",
            "delete",
            COPY,
            "continue",
            "delete",
            "rwatch -location *(int *)$r1",
            "continue",
            "info symbol $pc",
            "delete",
            COPY,
            "continue",
            "delete",
            "awatch -location *(int *)$r0",
            "continue",
            "info symbol $pc",
            "delete",
            "detach",
        ],
    );
    let after = |start: &str| text.split_once(start).map_or("", |(_, rest)| rest);
    contains(&text, &["s31 1.5 d14 -2.25\n", "fpscr 1\n", "detached"]);
    contains(
        after("\nHardware watchpoint 2: "),
        &["Old value = ", "New value = ", "memcpy + "],
    );
    contains(after("\nHardware read watchpoint 4: "), &["Value = ", "memcpy + "]);
    contains(
        after("\nHardware access (read/write) watchpoint 6: "),
        &["alue = ", "memcpy + "],
    );
    assert!(matches!(served.end(), Ok(End::Detached)));
    assert!(is_free(&board), "{:?}", activity(&board));
    assert_eq!(functions(&desk, &board), [0; 4], "no watchpoint is left");
    board.uart.fetch();
    board.wait_for_link();
}

/// What the comparators do.
fn functions(desk: &Desk, board: &VirtualBoard) -> [u32; 4] {
    [0, 1, 2, 3].map(|index| {
        let mut function = [0; 4];
        let at = DWT_FUNCTION + 0x10 * index;
        desk.probes.read_memory(board.plug.id(), at, &mut function).unwrap();
        u32::from_le_bytes(function)
    })
}

/// The same while a debugger has the probe, which has one user.
fn functions_seen(debugger: &mut ByHand) -> [u32; 4] {
    [0, 1, 2, 3].map(|index| {
        let bytes = debugger.ask(&format!("m{:x},4", DWT_FUNCTION + 0x10 * index)).unwrap();
        u32::from_str_radix(&bytes, 16).unwrap().swap_bytes()
    })
}

#[test]
fn a_real_debugger_sets_floats_and_watches_memory_of_an_nrf52840() {
    floats_and_watchpoints_with_gdb("nano33ble", 49);
}

#[test]
fn a_real_debugger_sets_floats_and_watches_memory_of_an_stm32f407() {
    floats_and_watchpoints_with_gdb("stm32f4-discovery", 50);
}

#[test]
fn a_real_debugger_sets_floats_and_watches_memory_of_an_ra4m1() {
    floats_and_watchpoints_with_gdb("uno-r4-minima", 51);
}

#[test]
fn floats_are_read_one_by_one_and_watchpoints_end() {
    let desk = Desk::new();
    let board = desk.running("nano33ble", 52);
    let served = Served::new(&desk, &board);
    let mut debugger = ByHand::connect(&served);
    assert_eq!(debugger.ask("?").as_deref(), Some(HALTED));
    let all = debugger.ask("g").unwrap();
    assert_eq!(all.len(), 8 * 23, "the general ones only: {all}");
    // The first behind them is D0, the last is FPSCR.
    assert_eq!(debugger.ask("P17=0000c03f000020c0").as_deref(), Some("OK"));
    assert_eq!(debugger.ask("p17").as_deref(), Some("0000c03f000020c0"));
    assert_eq!(debugger.ask("P27=0000c000").as_deref(), Some("OK"));
    assert_eq!(debugger.ask("p27").as_deref(), Some("0000c000"));
    let value = |name: &'static str| {
        let read = board
            .handle
            .with_machine_blocking(move |machine| machine.read_register(name));
        f32::from_bits(read.unwrap().unwrap() as u32)
    };
    assert_eq!((value("s0"), value("s1")), (1.5, -2.5));
    for bad in ["P17=0000c03f", "P28=00000000", "p28", "P17="] {
        let refused = debugger.ask(bad).unwrap();
        assert!(refused.starts_with('E') || refused.is_empty(), "{bad}: {refused}");
    }

    let ram = board.board.chip.ram[0].base + 0x8000;
    for (kind, address, length) in [(2, ram, 4), (3, ram + 5, 1), (4, ram + 0x1000, 0x1000)] {
        let packet = format!("Z{kind},{address:x},{length:x}");
        assert_eq!(debugger.ask(&packet).as_deref(), Some("OK"), "{packet}");
    }
    assert_eq!(functions_seen(&mut debugger), [6, 5, 7, 0]);
    let ask = |debugger: &mut ByHand, packet: String| debugger.ask(&packet).unwrap();
    // Two comparators are needed, and one is left.
    assert!(ask(&mut debugger, format!("Z2,{:x},4", ram + 0x22)).starts_with('E'));
    assert_eq!(ask(&mut debugger, format!("Z2,{:x},4", ram + 0x20)), "OK");
    assert!(ask(&mut debugger, format!("Z2,{:x},4", ram + 0x40)).starts_with('E'));
    assert!(ask(&mut debugger, format!("z2,{:x},4", ram + 0x40)).starts_with('E'));
    assert_eq!(ask(&mut debugger, format!("z3,{:x},1", ram + 5)), "OK");
    assert_eq!(functions_seen(&mut debugger), [6, 0, 7, 6]);
    assert_eq!(ask(&mut debugger, format!("Z2,{:x},4", ram + 0x40)), "OK");
    assert_eq!(functions_seen(&mut debugger), [6, 6, 7, 6]);
    drop(debugger);
    assert!(matches!(served.end(), Ok(End::Detached)));
    assert!(is_free(&board));
    assert_eq!(functions(&desk, &board), [0; 4], "no watchpoint is left");
}

#[test]
fn ctrl_c_halts_and_a_reset_begins_at_the_first_instruction() {
    let desk = Desk::new();
    let mut board = desk.running("nano33ble", 42);
    board.wait_for_link();
    let served = Served::new(&desk, &board);
    assert!(is_free(&board), "nobody came yet");
    let mut debugger = ByHand::connect(&served);
    assert_eq!(debugger.ask("?").as_deref(), Some(HALTED));
    assert_eq!(activity(&board), (true, CoreActivity::Halted));
    debugger.send("c");
    wait_for("the core runs", || activity(&board).1 != CoreActivity::Halted);
    debugger.0.write_all(b"\x03").unwrap();
    let stopped = debugger.answer().unwrap();
    assert!(stopped.starts_with('S') || stopped.starts_with('T'), "{stopped}");
    assert_eq!(activity(&board).1, CoreActivity::Halted);

    let hex: String = "reset".bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut answer = debugger.ask(&format!("qRcmd,{hex}")).unwrap();
    // What it says comes before the answer.
    while answer.starts_with('O') && answer != "OK" {
        answer = debugger.answer().unwrap();
    }
    assert_eq!(answer, "OK");
    assert_eq!(activity(&board), (true, CoreActivity::Halted));
    // The reset vector (ARMv7-M B1.5.3); flash is at address 0 on this chip.
    let entry = u32::from_le_bytes(board.memory(4, 4).try_into().unwrap()) & !1;
    let pc = debugger.ask("pf").unwrap();
    assert_eq!(pc, hex_of(entry), "register 15 is the program counter");
    drop(debugger);
    assert!(matches!(served.end(), Ok(End::Detached)), "the client only hung up");
    assert!(is_free(&board));
    board.uart.fetch();
    board.wait_for_link();
}

/// A word as GDB's protocol has it.
fn hex_of(word: u32) -> String {
    word.to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn flash_is_not_written_and_breakpoints_end() {
    let desk = Desk::new();
    let board = desk.running("stm32f4-discovery", 43);
    let served = Served::new(&desk, &board);
    let mut debugger = ByHand::connect(&served);
    assert_eq!(debugger.ask("?").as_deref(), Some(HALTED));
    let flash = board.board.chip.flash.base;
    let before = board.memory(flash, 8);
    // The last one begins in front of RAM, and would end in it.
    for address in [flash, 0, 0x1fff_c000, 0x0fff_fffe] {
        let answer = debugger.ask(&format!("M{address:x},4:01020304")).unwrap();
        assert!(answer.starts_with('E'), "{address:#x}: {answer}");
    }
    assert_eq!(board.memory(flash, 8), before);
    let ram = board.board.chip.ram[0].base + 0x8000;
    assert_eq!(debugger.ask(&format!("M{ram:x},3:0a0b0c")).as_deref(), Some("OK"));
    assert_eq!(board.memory(ram, 3), [10, 11, 12]);

    for index in 0..6 {
        let address = flash + 0x1000 + 2 * index;
        assert_eq!(debugger.ask(&format!("Z1,{address:x},2")).as_deref(), Some("OK"));
    }
    let refused = debugger.ask(&format!("Z1,{:x},2", flash + 0x2000)).unwrap();
    assert!(refused.starts_with('E'), "there are six: {refused}");
    let in_ram = |debugger: &mut ByHand| debugger.ask(&format!("Z1,{ram:x},2")).unwrap();
    assert_eq!(
        debugger.ask(&format!("z1,{:x},2", flash + 0x1000)).as_deref(),
        Some("OK")
    );
    assert!(
        in_ram(&mut debugger).starts_with('E'),
        "version 1 of the unit matches code only"
    );
    assert_eq!(
        debugger.ask(&format!("Z1,{:x},2", flash + 0x2000)).as_deref(),
        Some("OK")
    );
}

#[test]
fn a_pulled_probe_ends_the_session_with_a_sentence() {
    let desk = Desk::new();
    let mut board = desk.running("nano33ble", 44);
    board.wait_for_link();
    let served = Served::new(&desk, &board);
    let mut debugger = ByHand::connect(&served);
    assert_eq!(debugger.ask("?").as_deref(), Some(HALTED));
    board.port().0.set_plugged(false);
    let begin = Instant::now();
    assert_eq!(debugger.answer(), None, "it hangs up without being asked");
    let sentence = served.end().unwrap_err().to_string();
    assert!(sentence.contains("no chip answers at the debug probe"), "{sentence}");
    // The next debugger is told the same, and not left waiting.
    let mut second = ByHand::connect(&served);
    assert_eq!(second.ask("?"), None);
    assert!(served.end().is_err());
    // While the core runs, too.
    board.port().0.set_plugged(true);
    let mut third = ByHand::connect(&served);
    assert_eq!(third.ask("?").as_deref(), Some(HALTED), "it is still halted");
    third.send("c");
    wait_for("the core runs", || activity(&board).1 != CoreActivity::Halted);
    board.port().0.set_plugged(false);
    assert_eq!(third.answer(), None);
    assert!(served.end().is_err());
    assert!(begin.elapsed() < PATIENCE);
    board.port().0.set_plugged(true);
    let mut fourth = ByHand::connect(&served);
    assert_eq!(fourth.ask("?").as_deref(), Some(HALTED));
    drop(fourth);
    assert!(matches!(served.end(), Ok(End::Detached)));
    assert!(is_free(&board));
    board.uart.fetch();
    board.wait_for_link();
}

#[test]
fn bad_packets_leave_the_board_running() {
    let desk = Desk::new();
    let mut board = desk.running("nano33ble", 45);
    board.wait_for_link();
    let served = Served::new(&desk, &board);
    let mut debugger = ByHand::connect(&served);
    for body in [
        "?",
        "m,",
        "mffffffff,ffffffff",
        "M20000000,4:zz",
        "P99=00",
        "G00",
        "qRcmd,zz",
        "vCont;q",
        "Z1,,",
        "Hgp0.0",
        "\u{1}",
    ] {
        debugger.send(body);
    }
    debugger.0.write_all(b"$?#00$$$###\xff\xfe").unwrap();
    drop(debugger);
    // However it ended, the board is free again.
    let _ = served.end();
    assert!(is_free(&board), "{:?}", activity(&board));
    board.uart.fetch();
    board.wait_for_link();
}

#[test]
fn registers_are_read_and_the_core_runs_on() {
    let desk = Desk::new();
    let mut board = desk.running("nano33ble", 46);
    board.wait_for_link();
    let read = desk.probes.read_registers(board.plug.id()).unwrap();
    assert!(!read.was_halted);
    let value = |name: &str| read.values.iter().find(|(known, _)| *known == name).unwrap().1;
    let firmware = board.board.flash_area("firmware").unwrap();
    assert!(
        (firmware.base..firmware.base + firmware.bytes).contains(&value("pc")),
        "{read:x?}"
    );
    assert_eq!(value("sp"), value("msp"), "{read:x?}");
    assert_eq!(read.values.len(), 23);
    assert!(is_free(&board));
    board.uart.fetch();
    board.wait_for_link();

    // Another debugger has halted it: it stays as it is.
    board
        .handle
        .with_machine_blocking(|machine| {
            let debug = machine.debug_access().unwrap();
            debug.set_halting_debug(true);
            debug.halt();
        })
        .unwrap();
    assert!(desk.probes.read_registers(board.plug.id()).unwrap().was_halted);
    assert_eq!(activity(&board), (true, CoreActivity::Halted));
}

#[test]
fn memory_is_read_in_any_width_and_a_fault_is_told() {
    let desk = Desk::new();
    let board = desk.blank("stm32f4-discovery", 47);
    let base = board.board.chip.ram[0].base;
    let bytes: Vec<u8> = (0..1100_u32).map(|at| (at * 7) as u8).collect();
    let put = bytes.clone();
    let written = board
        .handle
        .with_machine_blocking(move |machine| machine.write_memory(base, &put).is_ok());
    assert!(written.unwrap());
    for (skip, length) in [(0, 1100), (1, 1), (2, 6), (3, 1090), (1022, 4), (1, 1024)] {
        let mut read = vec![0; length];
        desk.probes
            .read_memory(board.plug.id(), base + skip as u32, &mut read)
            .unwrap();
        assert_eq!(read, bytes[skip..skip + length], "{skip}, {length}");
    }
    let fault = desk
        .probes
        .read_memory(board.plug.id(), 0x6000_0000, &mut [0; 4])
        .unwrap_err();
    assert!(matches!(fault, ProbeError::BusFault(0x6000_0000)), "{fault}");
    board.port().0.set_plugged(false);
    let gone = desk.probes.read_memory(board.plug.id(), base, &mut [0; 4]).unwrap_err();
    assert!(matches!(gone, ProbeError::NoAnswer(_)), "{gone}");
}

#[test]
fn what_cannot_be_debugged_is_refused_with_the_reason() {
    let desk = Desk::new();
    let board = desk.blank("nano33ble", 48);
    let other = drydock_assets::board("stm32f4-discovery").unwrap();
    let wrong = ProbedTarget::new(&desk.probes, board.plug.id(), &other)
        .check()
        .unwrap_err();
    assert!(
        wrong
            .to_string()
            .contains("is a nrf52840, but this kind of board has a stm32f407"),
        "{wrong}"
    );
    assert!(is_free(&board));
    board.port().0.set_locked(true);
    let target = ProbedTarget::new(&desk.probes, board.plug.id(), &board.board);
    assert!(matches!(target.check(), Err(ProbeError::Locked)));
    assert!(matches!(
        desk.probes.read_registers(board.plug.id()),
        Err(ProbeError::Locked)
    ));
    let missing = ProbedTarget::new(&desk.probes, "1209:0001:none", &board.board);
    assert!(matches!(missing.check(), Err(ProbeError::NotFound(_))));
}
