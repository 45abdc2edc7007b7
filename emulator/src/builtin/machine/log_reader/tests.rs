//! Rings of a program that this file plays: where they are, what runs through them, and when.

use crate::builtin::engine::Builtin;
use crate::machine::{
    DebugLine, Engine, Image, Machine, ResetKind, RunLimit, Seed, Segment, StopReason, Symbol, VirtualTime,
};
use drydock_rtt::{FLAGS_OFFSET, ID};

const RAM: u32 = 0x2000_0000;
const BLOCK: u32 = RAM + 0x1234;
const UP: u32 = BLOCK + 24;
const DOWN: u32 = UP + 24;
const UP_RING: u32 = RAM + 0x2000;
const DOWN_RING: u32 = RAM + 0x3000;
/// The name ends with memory.
const NAME: u32 = RAM + 0x4_0000 - 9;
const RING_BYTES: u32 = 16;
/// `b .`
const SPIN: &[u16] = &[0xe7fe];
/// `wfi`; `b` back to it.
const SLEEP: &[u16] = &[0xbf30, 0xe7fd];
/// Stores `A` to the ITM's port 0, loads the port into r2, and spins.
const TRACE: &[u16] = &[0x4802, 0x2141, 0x7001, 0x6802, 0xe7fe, 0xbf00, 0x0000, 0xe000];

/// A Nano whose program is `code`, after power-on.
fn nano(code: &[u16], symbol: Option<u32>) -> Box<dyn Machine> {
    let board = drydock_assets::board("nano33ble").unwrap();
    let mut bytes: Vec<u8> = [RAM + 0x1000, board.boot + 9]
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect();
    bytes.extend(code.iter().flat_map(|half| half.to_le_bytes()));
    let segment = Segment {
        addr: board.boot,
        bytes,
    };
    let symbols = symbol.into_iter().map(|addr| Symbol {
        addr,
        bytes: 48,
        name: "_SEGGER_RTT".into(),
        function: false,
    });
    let mut machine = Builtin.open(&board, Seed([7; 32])).unwrap();
    machine.load(&Image::new(vec![segment], symbols.collect())).unwrap();
    machine.reset(ResetKind::PowerOn).unwrap();
    machine
}

fn set(machine: &mut dyn Machine, address: u32, words: &[u32]) {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    machine.write_memory(address, &bytes).unwrap();
}

fn get(machine: &mut dyn Machine, address: u32) -> u32 {
    let mut word = [0; 4];
    machine.read_memory(address, &mut word).unwrap();
    u32::from_le_bytes(word)
}

/// As a program sets its control block up: one channel up that leaves out what has no room, and one down.
fn set_up(machine: &mut dyn Machine) {
    machine.write_memory(NAME, b"Terminal\0").unwrap();
    set(machine, UP, &[NAME, UP_RING, RING_BYTES, 0, 0, 0]);
    set(machine, DOWN, &[0, DOWN_RING, RING_BYTES, 0, 0, 0]);
    set(machine, BLOCK + 16, &[1, 1]);
    machine.write_memory(BLOCK, ID).unwrap();
}

/// As a program writes into the ring.
fn write(machine: &mut dyn Machine, text: &[u8]) {
    let mut at = get(machine, UP + 12);
    for byte in text {
        machine.write_memory(UP_RING + at, &[*byte]).unwrap();
        at = (at + 1) % RING_BYTES;
    }
    set(machine, UP + 12, &[at]);
}

fn run_to(machine: &mut dyn Machine, ms: u64) {
    let stop = machine.run(RunLimit::until(VirtualTime::from_ms(ms))).unwrap();
    assert_eq!(stop, StopReason::Deadline);
}

fn said(machine: &mut dyn Machine, line: DebugLine) -> Vec<u8> {
    let output = machine.take_uart_output().into_iter();
    let of_line = output.filter(|output| output.index == line.index());
    of_line.flat_map(|output| output.bytes).collect()
}

#[test]
fn rings_are_read_and_filled_wherever_the_program_has_them() {
    for symbol in [None, Some(BLOCK)] {
        let mut machine = nano(SPIN, symbol);
        assert!(machine.collect_logs());
        run_to(&mut *machine, 25);
        set_up(&mut *machine);
        write(&mut *machine, b"hello");
        run_to(&mut *machine, 40);
        assert_eq!(said(&mut *machine, DebugLine::Rtt(0)), b"hello", "{symbol:x?}");
        assert_eq!(
            get(&mut *machine, UP + FLAGS_OFFSET),
            2,
            "the program waits for room from now on"
        );
        assert_eq!(machine.rtt_name(0).unwrap(), "Terminal");
        assert_eq!(machine.rtt_name(1), None);
        // Around the ring's end, and within a millisecond.
        write(&mut *machine, b" and fifteen ");
        run_to(&mut *machine, 41);
        assert_eq!(said(&mut *machine, DebugLine::Rtt(0)), b" and fifteen ");

        let to_program = DebugLine::Rtt(0).index();
        assert_eq!(
            machine.uart_input(to_program, b"more than there is room for").unwrap(),
            27
        );
        run_to(&mut *machine, 42);
        assert_eq!(get(&mut *machine, DOWN + 12), RING_BYTES - 1, "the ring is full");
        set(&mut *machine, DOWN + 16, &[RING_BYTES - 1]);
        run_to(&mut *machine, 43);
        let mut ring = [0; RING_BYTES as usize];
        machine.read_memory(DOWN_RING, &mut ring).unwrap();
        assert_eq!(&ring, b"is room forhere ");
        assert_eq!(get(&mut *machine, DOWN + 12), 11);
    }
}

#[test]
fn a_block_elsewhere_than_its_symbol_says_is_none() {
    let mut machine = nano(SPIN, Some(RAM));
    assert!(machine.collect_logs());
    set_up(&mut *machine);
    write(&mut *machine, b"hello");
    run_to(&mut *machine, 40);
    assert_eq!(said(&mut *machine, DebugLine::Rtt(0)), b"");
}

#[test]
fn nothing_is_read_unasked() {
    let mut machine = nano(SPIN, None);
    set_up(&mut *machine);
    write(&mut *machine, b"hello");
    run_to(&mut *machine, 40);
    assert_eq!(said(&mut *machine, DebugLine::Rtt(0)), b"");
    assert_eq!(get(&mut *machine, UP + 16), 0);
    assert_eq!(machine.uart_input_room(DebugLine::Rtt(0).index()), 0);
}

#[test]
fn a_sleeping_program_costs_nothing_and_gets_what_is_sent() {
    let mut machine = nano(SLEEP, None);
    assert!(machine.collect_logs());
    set_up(&mut *machine);
    let idle = |machine: &mut dyn Machine| {
        let stop = machine.run(RunLimit::busy_until(VirtualTime::from_seconds(1))).unwrap();
        let StopReason::Idle { next_event } = stop else {
            panic!("{stop:?}");
        };
        next_event
    };
    // What it wrote before it slept is to be taken, once.
    let look = idle(&mut *machine).unwrap();
    run_to(&mut *machine, look.as_us().div_ceil(1000));
    assert_eq!(idle(&mut *machine), None);
    machine.uart_input(DebugLine::Rtt(0).index(), b"x").unwrap();
    let look = idle(&mut *machine).unwrap();
    assert!(look.saturating_sub(machine.now()) <= VirtualTime::from_ms(1));
    run_to(&mut *machine, look.as_us().div_ceil(1000));
    assert_eq!(get(&mut *machine, DOWN + 12), 1);
    // A full ring is not looked at again before the program has run.
    machine.uart_input(DebugLine::Rtt(0).index(), &[b'y'; 100]).unwrap();
    let look = idle(&mut *machine).unwrap();
    run_to(&mut *machine, look.as_us().div_ceil(1000));
    assert_eq!(idle(&mut *machine), None);
}

#[test]
fn a_run_in_pieces_a_snapshot_and_a_fork_go_the_same_way() {
    let begin = || {
        let mut machine = nano(SPIN, None);
        assert!(machine.collect_logs());
        run_to(&mut *machine, 15);
        set_up(&mut *machine);
        write(&mut *machine, b"hello");
        machine.uart_input(DebugLine::Rtt(0).index(), &[b'z'; 40]).unwrap();
        machine
    };
    let hash = |machine: &mut dyn Machine| machine.snapshots().unwrap().state_hash().unwrap();
    let mut whole = begin();
    let stop = whole.run(RunLimit::until(VirtualTime::from_us(21_300))).unwrap();
    assert_eq!(stop, StopReason::Deadline);
    let mut pieces = begin();
    for us in (15_000..21_300).step_by(37).chain([21_300]) {
        pieces.run(RunLimit::until(VirtualTime::from_us(us))).unwrap();
    }
    assert_eq!(hash(&mut *whole), hash(&mut *pieces));

    let snapshot = whole.snapshots().unwrap().snapshot().unwrap();
    let mut fork = whole.snapshots().unwrap().fork().unwrap();
    set(&mut *whole, DOWN + 16, &[15]);
    set(&mut *fork, DOWN + 16, &[15]);
    run_to(&mut *whole, 30);
    run_to(&mut *fork, 30);
    assert_eq!(get(&mut *whole, DOWN + 12), 14);
    let expected = hash(&mut *whole);
    assert_eq!(hash(&mut *fork), expected);
    whole.snapshots().unwrap().restore(&snapshot).unwrap();
    set(&mut *whole, DOWN + 16, &[15]);
    run_to(&mut *whole, 30);
    assert_eq!(hash(&mut *whole), expected);
}

#[test]
fn a_program_that_never_ends_its_ring_description_is_left_alone() {
    let mut machine = nano(SPIN, None);
    assert!(machine.collect_logs());
    set_up(&mut *machine);
    for words in [
        [0, 0xffff_fff0, 0x100, 1, 0, 0],
        [0, UP_RING, 16, 16, 0, 0],
        [0, UP_RING, u32::MAX, 1, 0, 0],
        [0, 0, 16, 1, 0, 0],
    ] {
        set(&mut *machine, UP, &words);
        let until = machine.now().saturating_add(VirtualTime::from_ms(20));
        machine.run(RunLimit::until(until)).unwrap();
        assert_eq!(said(&mut *machine, DebugLine::Rtt(0)), b"");
        assert_eq!(get(&mut *machine, UP + FLAGS_OFFSET), 0);
    }
    // More channels than any program has.
    set(&mut *machine, BLOCK + 16, &[u32::MAX, u32::MAX]);
    let until = machine.now().saturating_add(VirtualTime::from_ms(20));
    machine.run(RunLimit::until(until)).unwrap();
    assert_eq!(machine.take_faults(), []);
}

#[test]
fn stimulus_ports_are_on_for_a_debugger_that_collects_them() {
    for collects in [true, false] {
        let mut machine = nano(TRACE, None);
        if collects {
            machine.collect_logs();
        }
        run_to(&mut *machine, 1);
        assert_eq!(machine.read_register("r2").unwrap(), u64::from(collects), "FIFOREADY");
        let expected: &[u8] = if collects { b"A" } else { b"" };
        assert_eq!(said(&mut *machine, DebugLine::Itm(0)), expected);
        assert_eq!(machine.take_faults(), []);
    }
}

#[test]
fn numbers_of_lines_are_theirs_alone() {
    let lines: Vec<DebugLine> = DebugLine::all().collect();
    for line in &lines {
        assert_eq!(DebugLine::of(line.index()), Some(*line));
    }
    let known = (0..=u8::MAX).filter_map(DebugLine::of).count();
    assert_eq!(known, lines.len());
}
