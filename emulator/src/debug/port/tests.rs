//! The debug port at its registers, over machines that a runner runs.

use super::{DebugPort, PortFault};
use crate::builtin::engine::Builtin;
use crate::runner::{MachineHandle, Pace, RunOptions, Runner};
use crate::{Engine, Image, Seed, VirtualTime};
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

const CODE: u32 = 0x1_0000;
const RAM: u32 = 0x2000_1000;
const DHCSR: u32 = 0xe000_edf0;
const DCRSR: u32 = 0xe000_edf4;
const DCRDR: u32 = 0xe000_edf8;
const DEMCR: u32 = 0xe000_edfc;
const DFSR: u32 = 0xe000_ed30;
const AIRCR: u32 = 0xe000_ed0c;
const PCSR: u32 = 0xe000_101c;
const KEY: u32 = 0xa05f_0000;
const C_DEBUGEN: u32 = 1 << 0;
const C_HALT: u32 = 1 << 1;
const HALTED: u32 = 1 << 17;
const RESET_SEEN: u32 = 1 << 25;
const PC: u32 = 15;

/// `adds r0, #1; adds r1, #1; b .-4`: counts for ever.
const COUNTS: &[u16] = &[0x3001, 0x3101, 0xe7fc];
/// `adds r0, #1; bkpt #1; adds r1, #1; b .`
const STOPS: &[u16] = &[0x3001, 0xbe01, 0x3101, 0xe7fe];

struct Desk {
    /// Stops its machines when it is dropped.
    runner: Runner,
    handle: MachineHandle,
    port: DebugPort,
}

impl Desk {
    fn new(code: &[u16]) -> Self {
        Self::with_pace(code, Pace::Realtime)
    }

    fn with_pace(code: &[u16], pace: Pace) -> Self {
        // One worker: a machine that blocks it blocks all others.
        let runner = Runner::with_workers(NonZeroUsize::MIN).unwrap();
        let board = drydock_assets::board("nano33ble").unwrap();
        let handle = add(&runner, code, pace);
        let mut port = DebugPort::new(handle.clone(), &board).unwrap();
        port.write(false, 4, 0x5000_0000).unwrap();
        Self { runner, handle, port }
    }
}

/// A board that runs `code`.
fn add(runner: &Runner, code: &[u16], pace: Pace) -> MachineHandle {
    let board = drydock_assets::board("nano33ble").unwrap();
    let mut machine = Builtin.open(&board, Seed([5; 32])).unwrap();
    let mut bytes: Vec<u8> = [0x2000_4000, board.boot + 9]
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .collect();
    bytes.extend(code.iter().flat_map(|half| half.to_le_bytes()));
    machine.load(&Image::from_bin(board.boot, bytes)).unwrap();
    machine.reset(crate::ResetKind::PowerOn).unwrap();
    let options = RunOptions {
        name: "desk".to_owned(),
        pace,
        paused: false,
    };
    runner.add(machine, options)
}

impl Desk {
    /// Selects a register of an access port; returns the address within its bank.
    fn select(&mut self, port: u8, register: u8) -> u8 {
        let select = u32::from(port) << 24 | u32::from(register & 0xf0);
        self.port.write(false, 8, select).unwrap();
        register & 0xc
    }

    fn ap(&mut self, port: u8, register: u8) -> Result<u32, PortFault> {
        let address = self.select(port, register);
        self.port.read(true, address)
    }

    fn set_ap(&mut self, port: u8, register: u8, value: u32) -> Result<(), PortFault> {
        let address = self.select(port, register);
        self.port.write(true, address, value)
    }

    fn address(&mut self, csw: u32, address: u32) {
        self.set_ap(0, 0, csw).unwrap();
        self.set_ap(0, 4, address).unwrap();
    }

    fn word(&mut self, address: u32) -> u32 {
        self.address(0x2300_0002, address);
        self.ap(0, 0xc).unwrap()
    }

    fn set_word(&mut self, address: u32, value: u32) {
        self.address(0x2300_0002, address);
        self.set_ap(0, 0xc, value).unwrap();
    }

    fn control(&mut self, bits: u32) {
        self.set_word(DHCSR, KEY | bits);
    }

    fn register(&mut self, number: u32) -> u32 {
        self.set_word(DCRSR, number);
        self.word(DCRDR)
    }

    fn set_register(&mut self, number: u32, value: u32) {
        self.set_word(DCRDR, value);
        self.set_word(DCRSR, 1 << 16 | number);
    }

    fn wait_until_halted(&mut self) {
        let started = Instant::now();
        while self.word(DHCSR) & HALTED == 0 {
            assert!(started.elapsed() < Duration::from_secs(30), "the core does not halt");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn memory(&self, address: u32, bytes: usize) -> Vec<u8> {
        let read = self.handle.with_machine_blocking(move |machine| {
            let mut memory = vec![0; bytes];
            machine.read_memory(address, &mut memory).unwrap();
            memory
        });
        read.unwrap()
    }
}

#[test]
fn an_access_port_answers_only_with_power_and_a_fault_stays_until_abort() {
    let mut desk = Desk::new(COUNTS);
    assert_eq!(desk.port.read(false, 0), Ok(0x2ba0_1477));
    assert_eq!(
        desk.port.read(false, 4).unwrap() >> 28,
        0xf,
        "requests are acknowledged"
    );
    desk.port.write(false, 4, 0).unwrap();
    assert_eq!(desk.ap(0, 0xfc), Err(PortFault::Fault));
    desk.port.write(false, 4, 0x5000_0000).unwrap();
    assert_eq!(desk.ap(0, 0xfc), Err(PortFault::Fault), "the fault stays");
    assert_eq!(desk.port.read(false, 4).unwrap() & 1 << 5, 1 << 5);
    desk.port.write(false, 0, 1 << 2).unwrap();
    assert_eq!(desk.ap(0, 0xfc), Ok(0x2477_0011));
    desk.address(0x2300_0002, 0x6000_0000);
    assert_eq!(desk.ap(0, 0xc), Err(PortFault::Fault), "nothing answers there");
    assert!(desk.handle.faults().is_empty(), "the guest did nothing wrong");
}

#[test]
fn the_address_wraps_at_1_kib_and_bytes_have_lanes() {
    let mut desk = Desk::new(COUNTS);
    desk.address(0x2300_0012, RAM + 0x3f8);
    for value in [1, 2, 3] {
        desk.set_ap(0, 0xc, value).unwrap();
    }
    assert_eq!(desk.ap(0, 4), Ok(RAM + 4));
    assert_eq!(desk.word(RAM + 0x3fc), 2);
    assert_eq!(desk.word(RAM), 3, "the third word wrapped");
    assert_eq!(desk.memory(RAM + 0x400, 4), [0; 4]);

    desk.set_word(RAM, 0x4433_2211);
    desk.address(0x2300_0010, RAM + 1);
    assert_eq!(desk.ap(0, 0xc).unwrap() & 0xff00, 0x2200);
    assert_eq!(desk.ap(0, 0xc).unwrap() & 0xff_0000, 0x33_0000);
    desk.address(0x2300_0001, RAM + 2);
    desk.set_ap(0, 0xc, 0xabcd_0000).unwrap();
    assert_eq!(desk.word(RAM), 0xabcd_2211);
    // The banked registers reach the four words around TAR.
    desk.address(0x2300_0002, RAM + 4);
    assert_eq!(desk.ap(0, 0x10), Ok(0xabcd_2211));
}

/// `str r0, [r4]; ldr r1, [r4, #4]; adds r0, #1; b .-6`
const ACCESSES: &[u16] = &[0x6020, 0x6861, 0x3001, 0xe7fb];
const DWT_CTRL: u32 = 0xe000_1000;
const DWT_COMP: u32 = 0xe000_1020;
const DWT_MASK: u32 = 0xe000_1024;
const DWT_FUNCTION: u32 = 0xe000_1028;
const MATCHED: u32 = 1 << 24;
const TRCENA: u32 = 1 << 24;

#[test]
fn the_core_halts_behind_a_load_or_store_that_is_watched() {
    let mut desk = Desk::new(ACCESSES);
    desk.control(3);
    desk.set_register(PC, CODE + 8);
    desk.set_register(4, RAM);
    desk.set_word(DWT_FUNCTION, 6);
    assert_eq!(desk.word(DWT_FUNCTION), 0, "the trace block is off");
    desk.set_word(DEMCR, TRCENA);
    assert_eq!(desk.word(DWT_CTRL) >> 28, 4);
    // The fast path knows the page.
    for _ in 0..8 {
        desk.control(C_DEBUGEN | 4);
    }
    desk.set_register(PC, CODE + 8);
    let (store, load) = (CODE + 10, CODE + 12);
    for (comparator, address, mask, function, stops) in [
        (0, RAM, 0, 6, Some(store)),
        (1, RAM + 3, 0, 6, Some(store)),
        (2, RAM, 2, 5, None),
        (3, RAM + 4, 2, 6, None),
        (3, RAM + 4, 2, 5, Some(load)),
        (0, RAM + 6, 0, 7, Some(load)),
        (1, RAM, 3, 5, Some(load)),
        (2, RAM, 12, 7, Some(store)),
        (2, RAM + 0x1000, 12, 7, None),
        (2, RAM + 8, 3, 7, None),
        (2, RAM - 8, 3, 7, None),
    ] {
        let at = 0x10 * comparator;
        let case = format!("{address:#x}, {mask}, {function}");
        desk.set_word(DWT_COMP + at, address);
        desk.set_word(DWT_MASK + at, mask);
        desk.set_word(DWT_FUNCTION + at, function);
        desk.set_register(PC, CODE + 8);
        desk.set_word(DFSR, 0x1f);
        desk.control(C_DEBUGEN);
        if let Some(stops) = stops {
            desk.wait_until_halted();
            assert_eq!((desk.register(PC), desk.word(DFSR)), (stops, 4), "{case}");
        } else {
            std::thread::sleep(Duration::from_millis(5));
            assert_eq!(desk.word(DHCSR) & HALTED, 0, "{case}");
            desk.control(C_DEBUGEN | C_HALT);
            assert_eq!(desk.word(DFSR), 1, "{case}");
        }
        let matched = if stops.is_some() { MATCHED } else { 0 };
        assert_eq!(desk.word(DWT_FUNCTION + at), function | matched, "{case}");
        assert_eq!(desk.word(DWT_FUNCTION + at), function, "{case}");
        desk.set_word(DWT_FUNCTION + at, 0);
    }
    // Without any, the core runs on.
    desk.control(C_DEBUGEN);
    std::thread::sleep(Duration::from_millis(5));
    assert_eq!(desk.word(DHCSR) & HALTED, 0);
}

#[test]
fn a_watchpoint_is_met_by_a_single_step_and_not_without_a_debugger() {
    let mut desk = Desk::new(ACCESSES);
    desk.control(3);
    desk.set_register(PC, CODE + 8);
    desk.set_register(4, RAM);
    desk.set_word(DEMCR, TRCENA);
    desk.set_word(DWT_COMP, RAM);
    desk.set_word(DWT_FUNCTION, 6);
    desk.control(C_DEBUGEN | 4);
    assert_eq!(desk.register(PC), CODE + 10);
    assert_eq!(desk.word(DFSR) & 4, 4);
    assert_eq!(desk.word(DWT_FUNCTION), 6 | MATCHED);
    // A debugger's own accesses do not count.
    desk.set_word(RAM, 1);
    assert_eq!(desk.word(DWT_FUNCTION), 6);
    desk.control(0);
    std::thread::sleep(Duration::from_millis(5));
    assert_eq!(desk.word(DHCSR) & HALTED, 0);
    assert_eq!(desk.word(DWT_FUNCTION), 6);
}

#[test]
fn a_halted_core_does_not_run_and_a_step_is_one_instruction() {
    let mut desk = Desk::new(COUNTS);
    desk.control(3);
    assert_eq!(desk.word(DHCSR) & HALTED, HALTED);
    assert_eq!(desk.word(DFSR), 1, "halted by request");
    let instructions = |desk: &Desk| {
        desk.handle
            .with_machine_blocking(|machine| (machine.now(), machine.instructions()))
    };
    let before = instructions(&desk).unwrap();
    std::thread::sleep(Duration::from_millis(10));
    assert_eq!(instructions(&desk).unwrap(), before);

    desk.set_register(PC, CODE + 8);
    desk.set_register(0, 100);
    desk.set_register(1, 200);
    for (pc, r0, r1) in [(CODE + 10, 101, 200), (CODE + 12, 101, 201), (CODE + 8, 101, 201)] {
        desk.control(5);
        assert_eq!((desk.register(PC), desk.register(0), desk.register(1)), (pc, r0, r1));
    }
    desk.control(1);
    let started = Instant::now();
    while instructions(&desk).unwrap().1 < before.1 + 1_000 {
        assert!(started.elapsed() < Duration::from_secs(30), "it goes on");
    }
    desk.control(3);
    assert!(desk.register(0) > 101);
}

#[test]
fn the_other_machines_go_on_while_a_core_is_halted() {
    for pace in [Pace::Realtime, Pace::Lockstep, Pace::Max] {
        let mut desk = Desk::with_pace(COUNTS, pace);
        let other = add(&desk.runner, COUNTS, pace);
        desk.control(3);
        let now = |handle: &MachineHandle| handle.with_machine_blocking(|machine| machine.now()).unwrap();
        let (halted, before) = (now(&desk.handle), now(&other));
        let started = Instant::now();
        while now(&other) <= before.saturating_add(VirtualTime::from_ms(5)) {
            assert!(
                started.elapsed() < Duration::from_secs(30),
                "{pace:?}: the other one goes on"
            );
        }
        assert_eq!(now(&desk.handle), halted, "{pace:?}");
        desk.control(1);
        while now(&desk.handle) == halted {
            assert!(started.elapsed() < Duration::from_secs(30), "{pace:?}: it goes on too");
        }
    }
}

#[test]
fn bkpt_halts_only_with_a_debugger() {
    let mut desk = Desk::new(STOPS);
    desk.set_word(DEMCR, 1);
    desk.control(1);
    desk.set_word(AIRCR, 0x05fa_0004);
    let status = desk.word(DHCSR);
    assert_eq!(status & (HALTED | RESET_SEEN), HALTED | RESET_SEEN);
    assert_eq!(desk.word(DFSR), 8, "the reset was caught");
    assert_eq!(desk.word(DHCSR) & RESET_SEEN, 0, "read once");
    desk.control(1);
    desk.wait_until_halted();
    assert_eq!(desk.register(PC), CODE + 10);
    assert_eq!(desk.word(DFSR), 8 | 2);
    // A debugger goes past it.
    desk.set_register(1, 41);
    desk.set_register(PC, CODE + 12);
    desk.control(5);
    assert_eq!(desk.register(1), 42);
    // Without a debugger the same instruction is a fault.
    desk.control(0);
    desk.set_word(DEMCR, 0);
    desk.set_word(AIRCR, 0x05fa_0004);
    let started = Instant::now();
    while desk.handle.faults().is_empty() {
        assert!(started.elapsed() < Duration::from_secs(30), "BKPT is a fault");
    }
}

#[test]
fn comparators_are_breakpoints() {
    let mut desk = Desk::new(COUNTS);
    desk.control(3);
    desk.set_register(PC, CODE + 8);
    desk.set_word(0xe000_2000, 3);
    // The upper half of the word at CODE + 8.
    desk.set_word(0xe000_2008, (CODE + 8) | 2 << 30 | 1);
    for _ in 0..3 {
        desk.control(1);
        desk.wait_until_halted();
        assert_eq!(desk.register(PC), CODE + 10);
    }
    desk.set_word(0xe000_2008, 0);
    desk.control(1);
    std::thread::sleep(Duration::from_millis(5));
    assert_eq!(desk.word(DHCSR) & HALTED, 0);
}

#[test]
fn the_sampled_pc_moves_and_is_all_ones_while_halted() {
    let mut desk = Desk::new(COUNTS);
    assert_eq!(desk.word(PCSR), u32::MAX, "the trace block is off");
    desk.set_word(DEMCR, 1 << 24);
    let started = Instant::now();
    while desk.word(PCSR) < CODE {
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "it is still in its bootloader"
        );
    }
    for _ in 0..10 {
        assert!((CODE + 8..CODE + 14).contains(&desk.word(PCSR)));
    }
    assert!(
        !desk
            .handle
            .with_machine_blocking(|machine| machine.debug_access().unwrap().halting_debug())
            .unwrap()
    );
    desk.control(3);
    assert_eq!(desk.word(PCSR), u32::MAX);
}

#[test]
fn snapshots_do_not_contain_the_debuggers_halt() {
    let mut desk = Desk::new(COUNTS);
    desk.control(3);
    let copied = desk.handle.with_machine_blocking(|machine| {
        let snapshots = machine.snapshots().unwrap();
        let mut fork = snapshots.fork().unwrap();
        let state = snapshots.snapshot().unwrap();
        let from = fork.instructions();
        let until = fork.now().saturating_add(VirtualTime::from_us(10));
        fork.run(crate::RunLimit::until(until)).unwrap();
        let forked_ran = fork.instructions() > from;
        machine.snapshots().unwrap().restore(&state).unwrap();
        machine.run(crate::RunLimit::until(until)).unwrap();
        (forked_ran, machine.instructions() > from)
    });
    assert_eq!(copied.unwrap(), (true, true));
    assert_eq!(desk.word(DHCSR) & (HALTED | 1), 0);
}

#[test]
fn a_locked_chip_shows_only_its_control_port_and_erasing_opens_it() {
    let mut desk = Desk::new(COUNTS);
    assert!(desk.port.set_locked(true));
    desk.address(0x2300_0002, CODE);
    assert_eq!(desk.ap(0, 0).unwrap() & 1 << 6, 0, "memory is off");
    assert_eq!(desk.ap(0, 0xc), Err(PortFault::Fault));
    desk.port.write(false, 0, 0x1e).unwrap();
    assert_eq!(desk.ap(1, 0xfc), Ok(0x0288_0000));
    assert_eq!(desk.ap(1, 0xc), Ok(0));
    desk.handle
        .with_machine_blocking(|machine| machine.write_memory(RAM, &[7; 16]).unwrap())
        .unwrap();
    desk.set_ap(1, 4, 1).unwrap();
    assert_eq!(desk.ap(1, 8), Ok(0));
    for (address, bytes, value) in [(0, 0x10_0000, 0xff), (0x1000_1000, 0x1000, 0xff), (RAM, 16, 0)] {
        assert!(
            desk.memory(address, bytes).iter().all(|byte| *byte == value),
            "{address:#x}"
        );
    }
    assert_eq!(desk.ap(1, 0xc), Ok(1));
    desk.control(3);
    assert_eq!(desk.word(CODE), u32::MAX);
}

#[test]
fn a_cable_that_is_out_answers_nothing_and_the_pin_holds_the_core() {
    let mut desk = Desk::new(COUNTS);
    desk.port.reset_pin(true);
    let instructions = |desk: &Desk| {
        desk.handle
            .with_machine_blocking(|machine| machine.instructions())
            .unwrap()
    };
    let held = instructions(&desk);
    std::thread::sleep(Duration::from_millis(5));
    assert_eq!(instructions(&desk), held);
    desk.port.reset_pin(false);
    let started = Instant::now();
    while instructions(&desk) == held {
        assert!(started.elapsed() < Duration::from_secs(30), "it starts");
    }
    desk.port.set_plugged(false);
    assert_eq!(desk.port.read(false, 0), Err(PortFault::NoAck));
    assert_eq!(desk.port.write(true, 4, 0), Err(PortFault::NoAck));
    desk.port.set_plugged(true);
    assert_eq!(desk.port.read(false, 0), Ok(0x2ba0_1477));
    desk.handle.stop();
    desk.address_fails();
}

impl Desk {
    fn address_fails(&mut self) {
        let started = Instant::now();
        while self.set_ap(0, 4, RAM).and_then(|()| self.ap(0, 0xc)) != Err(PortFault::NoAck) {
            assert!(
                started.elapsed() < Duration::from_secs(30),
                "a machine that is gone does not answer"
            );
        }
    }
}

#[test]
fn boards_without_a_cortex_m_have_no_port() {
    let runner = Runner::new().unwrap();
    let board = drydock_assets::board("esp32-c6").unwrap();
    let machine = Builtin.open(&board, Seed([5; 32])).unwrap();
    let options = RunOptions {
        name: "esp".to_owned(),
        pace: Pace::Realtime,
        paused: true,
    };
    let handle = runner.add(machine, options);
    let error = DebugPort::new(handle, &board).unwrap_err();
    assert!(error.to_string().starts_with("esp32-c6 has no debug port"));
}

#[test]
fn a_port_that_keeps_its_wires_time_is_never_faster() {
    let mut desk = Desk::with_pace(STOPS, Pace::Max);
    desk.port.keep_wire_time();
    desk.control(C_DEBUGEN | C_HALT);
    let (begun, before) = (Instant::now(), desk.port.accesses());
    for at in 0..4_000 {
        desk.set_word(RAM + 4 * (at % 64), at);
    }
    let accesses = desk.port.accesses() - before;
    let least = Duration::from_nanos(11_500) * accesses as u32;
    // What is less than a wait at the end is not waited for.
    assert!(
        begun.elapsed() + Duration::from_millis(1) >= least,
        "{:?}",
        begun.elapsed()
    );
}
