//! Profiles of small programs whose every cycle is known, and of arbitrary guests.

use std::sync::Arc;

use drydock_assets::board;
use proptest::prelude::*;

use super::recorder::Recorder;
use super::{NodeKind, Profile, Step, Symbols, Watched, limits};
use crate::builtin::engine::Builtin;
use crate::{Engine, Image, Machine, RunLimit, Seed, StopReason, Symbol, VirtualTime};

const ARM_CODE: u32 = 0x1_0100;
const ARM_STACK: u32 = 0x2004_0000;
/// `main` sets VTOR, calls `outer` three times and `tail` once, and ends by semihosting after an SVC; `outer` calls
/// `inner` twice, `tail` branches to it, `handler` calls it. Assembled by GNU as for the Cortex-M4.
const ARM: &[u16] = &[
    0x4807, 0xf44f, 0x3180, 0x6001, 0x2403, 0xf000, 0xf80d, 0x3c01, 0xd1fb, 0xf000, 0xf813, 0xdf00, 0x2018, 0x4902,
    0xbeab, 0xbf00, 0xed08, 0xe000, 0x0026, 0x0002, 0xb510, 0xf000, 0xf803, 0xf000, 0xf801, 0xbd10, 0xbf00, 0xbf00,
    0x4770, 0xbf00, 0xe7fa, 0xbf00, 0xb510, 0xf7ff, 0xfff7, 0xbd10,
];
const ARM_NAMES: [(u32, u32, &str); 5] = [
    (0x1_0100, 0x28, "main"),
    (0x1_0128, 12, "outer"),
    (0x1_0134, 8, "_ZN3lib5inner17h0123456789abcdefE"),
    (0x1_013c, 4, "tail"),
    (0x1_0140, 8, "handler"),
];

const RISCV_CODE: u32 = 0x8000_0100;
/// The same for RV32, with ECALL, and a loop at the end.
const RISCV: &[u32] = &[
    0x0000_0297,
    0x0542_8293,
    0x3052_9073,
    0x0030_0413,
    0x0180_00ef,
    0xfff4_0413,
    0xfe04_1ce3,
    0x0340_00ef,
    0x0000_0073,
    0x0000_006f,
    0xff01_0113,
    0x0011_2623,
    0x0140_00ef,
    0x0100_00ef,
    0x00c1_2083,
    0x0101_0113,
    0x0000_8067,
    0x0000_0013,
    0x0000_0013,
    0x0000_8067,
    0xff5f_f06f,
    0xff01_0113,
    0x0011_2623,
    0xfe9f_f0ef,
    0x3410_22f3,
    0x0042_8293,
    0x3412_9073,
    0x00c1_2083,
    0x0101_0113,
    0x3020_0073,
];
const RISCV_NAMES: [(u32, u32, &str); 5] = [
    (0x8000_0100, 0x28, "main"),
    (0x8000_0128, 28, "outer"),
    (0x8000_0144, 12, "_ZN3lib5inner17h0123456789abcdefE"),
    (0x8000_0150, 4, "tail"),
    (0x8000_0154, 36, "handler"),
];
/// Instructions of it before the loop.
const RISCV_INSTRUCTIONS: usize = 70;

fn symbols(names: &[(u32, u32, &str)]) -> Arc<Symbols> {
    let mut image = Image::from_bin(0, vec![0]);
    image.symbols = names
        .iter()
        .map(|(addr, bytes, name)| Symbol {
            addr: *addr,
            bytes: *bytes,
            name: (*name).to_owned(),
            function: true,
        })
        .collect();
    Arc::new(Symbols::of(&image).unwrap())
}

fn open(name: &str) -> Box<dyn Machine> {
    Builtin.open(&board(name).unwrap(), Seed([3; 32])).unwrap()
}

fn arm(code: &[u16]) -> Box<dyn Machine> {
    let mut machine = open("nano33ble");
    let bytes: Vec<u8> = code.iter().flat_map(|half| half.to_le_bytes()).collect();
    machine.write_memory(ARM_CODE, &bytes).unwrap();
    for exception in 2..16 {
        let vector = ARM_CODE + 0x40;
        machine
            .write_memory(0x1_0000 + 4 * exception, &(vector | 1).to_le_bytes())
            .unwrap();
    }
    machine.write_register("sp", u64::from(ARM_STACK)).unwrap();
    machine.write_register("pc", u64::from(ARM_CODE)).unwrap();
    machine
}

fn riscv(code: &[u32]) -> Box<dyn Machine> {
    let mut machine = open("hifive1-revb");
    let bytes: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
    machine.write_memory(RISCV_CODE, &bytes).unwrap();
    machine.write_register("sp", 0x8000_3000).unwrap();
    machine.write_register("pc", u64::from(RISCV_CODE)).unwrap();
    machine
}

/// Own cycles and instructions, cycles including callees, and calls.
fn costs<'a>(profile: &Profile, name: &'a str) -> (&'a str, u64, u64, u64, u64) {
    let function = profile.functions.iter().find(|function| function.name == name).unwrap();
    (
        name,
        function.self_cycles,
        function.self_instructions,
        function.total_cycles,
        function.calls,
    )
}

fn path(profile: &Profile, mut node: usize) -> String {
    let mut names = vec![profile.nodes[node].name.clone()];
    while let Some(parent) = profile.nodes[node].parent {
        names.insert(0, profile.nodes[parent].name.clone());
        node = parent;
    }
    names.join(";")
}

fn paths(profile: &Profile) -> Vec<String> {
    let mut paths: Vec<String> = (0..profile.nodes.len()).map(|node| path(profile, node)).collect();
    paths.sort();
    paths
}

#[track_caller]
fn adds_up(profile: &Profile) {
    let sum: u64 = profile.nodes.iter().map(|node| node.cycles).sum();
    assert_eq!(sum, profile.cycles);
    let sum: u64 = profile.nodes.iter().map(|node| node.instructions).sum();
    assert_eq!(sum, profile.instructions);
}

#[test]
fn every_cycle_of_an_arm_program_is_told_where_it_went() {
    let mut machine = arm(ARM);
    machine.profiler().unwrap().start(symbols(&ARM_NAMES), None);
    let stop = machine.run(RunLimit::until(VirtualTime::from_seconds(1))).unwrap();
    assert!(matches!(stop, StopReason::Breakpoint { .. }), "{stop:?}");
    let profile = machine.profiler().unwrap().stop().unwrap();
    adds_up(&profile);
    // By the table in `cycles`: taken branches cost 2 more, PUSH and POP 1 + N, exceptions 12 and 10.
    assert_eq!(costs(&profile, "lib::inner"), ("lib::inner", 8 * 5, 8 * 3, 8 * 5, 8));
    assert_eq!(costs(&profile, "outer"), ("outer", 3 * 14, 3 * 4, 3 * 14 + 6 * 5, 3));
    assert_eq!(costs(&profile, "tail"), ("tail", 3, 1, 3, 1));
    assert_eq!(costs(&profile, "handler"), ("handler", 19, 3, 19 + 5, 1));
    assert_eq!(costs(&profile, "main"), ("main", 32, 17, 32 + 72 + 3 + 5, 1));
    assert_eq!((profile.cycles, profile.instructions), (148, 57));
    assert_eq!(
        paths(&profile),
        [
            "SVCall",
            "SVCall;handler",
            "SVCall;handler;lib::inner",
            "main",
            "main;main",
            // The target of the branch takes the place of the branching function.
            "main;main;lib::inner",
            "main;main;outer",
            "main;main;outer;lib::inner",
            "main;main;tail",
        ]
    );
    let interrupt = &profile.interrupts[0];
    assert_eq!(
        (interrupt.name.as_str(), interrupt.entries, interrupt.cycles),
        ("SVCall", 1, 12 + 19 + 5)
    );
    // The frame of eight words, and two registers.
    assert_eq!(interrupt.stack_bytes, 40);
    let stack = &profile.stacks[0];
    assert_eq!((stack.name, stack.top, stack.bytes), ("main", ARM_STACK, 40));
    let scb = profile
        .peripherals
        .iter()
        .find(|peripheral| peripheral.name == "SCB")
        .unwrap();
    assert_eq!((scb.loads, scb.stores), (0, 1));
    assert_eq!(
        (profile.coverage.functions, profile.coverage.functions_executed),
        (5, 5)
    );
    // All but the literals and paddings.
    assert_eq!(profile.coverage.bytes_executed, 0x1e + 12 + 6 + 2 + 8);
}

#[test]
fn every_cycle_of_a_riscv_program_is_told_where_it_went() {
    let mut machine = riscv(RISCV);
    machine.profiler().unwrap().start(symbols(&RISCV_NAMES), None);
    for _ in 0..RISCV_INSTRUCTIONS {
        assert_eq!(machine.step().unwrap(), StopReason::Stepped);
    }
    assert_eq!(machine.read_register("pc").unwrap(), 0x8000_0124);
    let profile = machine.profiler().unwrap().stop().unwrap();
    adds_up(&profile);
    assert_eq!(costs(&profile, "lib::inner"), ("lib::inner", 8 * 4, 8 * 3, 8 * 4, 8));
    assert_eq!(costs(&profile, "outer"), ("outer", 3 * 11, 3 * 7, 3 * 11 + 6 * 4, 3));
    assert_eq!(costs(&profile, "tail"), ("tail", 2, 1, 2, 1));
    assert_eq!(costs(&profile, "handler"), ("handler", 16, 9, 16 + 4, 1));
    assert_eq!(costs(&profile, "main"), ("main", 22, 15, 22 + 57 + 2 + 4, 1));
    let interrupt = &profile.interrupts[0];
    assert_eq!(
        (interrupt.name.as_str(), interrupt.cycles, interrupt.stack_bytes),
        ("ECALL", 24, 16)
    );
    assert_eq!((profile.cycles, profile.instructions), (109, 70));
}

#[test]
fn a_profile_of_given_length_ends_by_itself_and_counts_sleep() {
    // WFI and a branch to it: nothing ever wakes it.
    let mut machine = arm(&[0xbf30, 0xe7fd]);
    machine
        .profiler()
        .unwrap()
        .start(symbols(&ARM_NAMES), Some(VirtualTime::from_ms(2)));
    let end = machine.now() + VirtualTime::from_ms(5);
    machine.run(RunLimit::until(end)).unwrap();
    let progress = machine.profiler().unwrap().progress().unwrap();
    assert!(!progress.recording, "{progress:?}");
    let profile = machine.profiler().unwrap().look().unwrap();
    adds_up(&profile);
    assert_eq!(profile.cycles, 128_000, "2 ms at 64 MHz");
    assert_eq!(profile.asleep, 127_999);
    assert_eq!(machine.now(), end);
}

/// A guest whose instructions are given by the test: two cycles each.
struct ScriptedGuest {
    recorder: Recorder,
    cycles: u64,
}

impl ScriptedGuest {
    fn new() -> Self {
        let names: Vec<(u32, u32, String)> = (0..8).map(|n| (0x1000 + 0x100 * n, 0x100, format!("f{n}"))).collect();
        let names: Vec<(u32, u32, &str)> = names.iter().map(|(a, b, name)| (*a, *b, name.as_str())).collect();
        let ram = vec![(0x2000_0000, 0x2000_8000)];
        let begin = Watched { cycles: 0, slept: 0 };
        Self {
            recorder: Recorder::new(symbols(&names), ram, begin, (VirtualTime::ZERO, None)),
            cycles: 0,
        }
    }

    fn at(&self) -> Watched {
        Watched {
            cycles: self.cycles,
            slept: 0,
        }
    }

    fn step(&mut self, pc: u32, next: u32, sp: u32, link: bool) {
        self.recorder.begin(self.at(), pc, 2);
        self.finish(pc, next, sp, link);
    }

    fn finish(&mut self, pc: u32, next: u32, sp: u32, link: bool) {
        self.cycles += 2;
        let step = Step {
            at: self.at(),
            pc: next,
            behind: pc.wrapping_add(2),
            sp,
            process: false,
            link: link.then(|| pc.wrapping_add(2)),
            instructions: 1,
        };
        self.recorder.end(&step);
    }

    fn report(&self) -> Profile {
        let none = super::accesses::Accesses::default();
        self.recorder.report(super::Naming::Arm, &[], 1, &none)
    }
}

#[test]
fn a_jump_out_of_many_calls_leaves_them_all() {
    let mut guest = ScriptedGuest::new();
    let top = 0x2000_4000;
    guest.step(0x1000, 0x1100, top, true);
    guest.step(0x1100, 0x1200, top - 16, true);
    guest.step(0x1200, 0x1300, top - 32, true);
    // longjmp: from f3 to the middle of f1, with its stack.
    guest.step(0x1300, 0x1150, top - 16, false);
    guest.step(0x1150, 0x1002, top, false);
    guest.step(0x1002, 0x1004, top, false);
    let profile = guest.report();
    assert_eq!(
        paths(&profile),
        ["main", "main;f0", "main;f0;f1", "main;f0;f1;f2", "main;f0;f1;f2;f3"]
    );
    adds_up(&profile);
    let of = |name: &str| costs(&profile, name).2;
    assert_eq!((of("f0"), of("f1"), of("f2"), of("f3")), (2, 2, 1, 1));
}

#[test]
fn endless_recursion_is_cut_and_comes_back() {
    let mut guest = ScriptedGuest::new();
    let top = 0x2000_7000;
    let deep = 3 * limits::DEPTH as u32;
    for depth in 0..deep {
        guest.step(0x1000, 0x1000, top - 8 * depth, true);
    }
    assert!(guest.recorder.frames() <= limits::DEPTH);
    for depth in (0..deep).rev() {
        guest.step(0x1010, 0x1002, top - 8 * depth, false);
    }
    assert_eq!(guest.recorder.frames(), 0);
    let profile = guest.report();
    adds_up(&profile);
    assert_eq!(profile.truncated.frames, 2 * limits::DEPTH as u64);
    assert_eq!(costs(&profile, "f0").3, profile.cycles, "recursion counts once");
}

#[test]
fn an_exception_that_returns_to_another_stack_has_switched_threads() {
    let mut guest = ScriptedGuest::new();
    let (one, two) = (0x2000_4000, 0x2000_2000);
    guest.step(0x1000, 0x1100, one, true);
    guest.step(0x1100, 0x1102, one - 8, false);
    for (from, to) in [(one - 8, two), (two, one - 8)] {
        guest.cycles += 12;
        guest.recorder.exception_entered(14, guest.at(), 12);
        guest.step(0x1700, 0x1702, from - 32, false);
        guest.recorder.begin(guest.at(), 0x1702, 2);
        guest.recorder.exception_returned();
        guest.finish(0x1702, if to == two { 0x1200 } else { 0x1102 }, to, false);
        if to == two {
            guest.step(0x1200, 0x1202, two, false);
        }
    }
    // The first thread is still in its earlier call.
    guest.step(0x1102, 0x1002, one, false);
    guest.step(0x1002, 0x1004, one, false);
    let profile = guest.report();
    adds_up(&profile);
    assert_eq!(
        paths(&profile),
        [
            "PendSV",
            "PendSV;f7",
            "main",
            "main;f0",
            "main;f0;f1",
            "thread 1",
            "thread 1;f2"
        ]
    );
    assert_eq!(profile.interrupts[0].entries, 2);
}

/// Halfwords that calls, returns, stacks and exceptions are made of.
fn halfword() -> impl Strategy<Value = u16> {
    prop_oneof![
        8 => any::<u16>(),
        4 => Just(0xb510_u16),
        4 => Just(0xbd10),
        3 => Just(0x4770),
        3 => Just(0x4780),
        3 => (0_u16..0x40).prop_map(|offset| 0xe000 | offset),
        3 => Just(0xf7ff),
        3 => 0xf800_u16..=0xffff,
        1 => Just(0xdf00),
        1 => Just(0x4685),
        1 => Just(0xb081),
        1 => Just(0xb001),
        1 => Just(0xbf30),
    ]
}

/// Runs a guest, profiled or not: the hash of its state and the profile.
fn outcome(mut machine: Box<dyn Machine>, names: Option<Arc<Symbols>>) -> (u64, u64, Option<Profile>) {
    if let Some(names) = names {
        machine.profiler().unwrap().start(names, None);
    }
    for _ in 0..4 {
        let until = machine.now() + VirtualTime::from_us(100);
        machine.run(RunLimit::until(until)).unwrap();
    }
    let hash = machine.snapshots().unwrap().state_hash().unwrap();
    let profile = machine.profiler().unwrap().stop();
    (hash, machine.instructions(), profile)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_arm_guest_can_tell_that_it_is_profiled(code in proptest::collection::vec(halfword(), 36..300)) {
        let (hash, instructions, none) = outcome(arm(&code), None);
        prop_assert!(none.is_none());
        let (profiled, counted, profile) = outcome(arm(&code), Some(symbols(&ARM_NAMES)));
        prop_assert_eq!((hash, instructions), (profiled, counted));
        let profile = profile.unwrap();
        adds_up(&profile);
        prop_assert_eq!(profile.instructions, instructions);
    }

    #[test]
    fn no_riscv_guest_can_tell_that_it_is_profiled(words in proptest::collection::vec(any::<u32>(), 8..100),
                                                   mixed in proptest::collection::vec(0..RISCV.len(), 8..100)) {
        let code: Vec<u32> = words.iter().zip(&mixed).flat_map(|(word, index)| [RISCV[*index], *word]).collect();
        let (hash, instructions, _) = outcome(riscv(&code), None);
        let (profiled, counted, profile) = outcome(riscv(&code), Some(symbols(&RISCV_NAMES)));
        prop_assert_eq!((hash, instructions), (profiled, counted));
        adds_up(&profile.unwrap());
    }

    #[test]
    fn nothing_that_a_core_tells_leaves_the_bounds(
        told_of in proptest::collection::vec((0_u8..10, 0_u32..0x900, 0_u32..0x900, any::<u16>()), 1..600)
    ) {
        let mut guest = ScriptedGuest::new();
        for (what, pc, next, sp) in told_of {
            let (pc, next, sp) = (0x1000 + pc, 0x1000 + next, 0x2000_0000 + u32::from(sp));
            match what {
                0 => guest.recorder.exception_entered(u32::from(sp as u8), guest.at(), 12),
                1 => {
                    guest.recorder.begin(guest.at(), pc, 2);
                    guest.recorder.exception_returned();
                    guest.finish(pc, next, sp, false);
                }
                2 => guest.recorder.reset(guest.at()),
                3..=6 => guest.step(pc, next, sp, true),
                _ => guest.step(pc, next, sp, false),
            }
        }
        let bound = limits::DEPTH * (limits::NESTED + limits::THREADS);
        prop_assert!(guest.recorder.frames() <= bound);
        let profile = guest.report();
        prop_assert!(profile.nodes.len() <= limits::NODES);
        prop_assert_eq!(profile.nodes.iter().map(|node| node.cycles).sum::<u64>(), profile.cycles);
        prop_assert!(profile.nodes.iter().enumerate().all(|(index, node)| node.parent.is_none_or(|parent| parent < index)));
        prop_assert!(profile.functions.iter().all(|function| function.total_cycles >= function.self_cycles
            || function.total_cycles <= profile.cycles));
    }
}

#[test]
fn a_full_tree_bills_the_caller() {
    let mut tree = super::tree::Tree::default();
    let root = tree.child(None, NodeKind::Thread(0));
    for function in 0..limits::NODES as u32 + 10 {
        let node = tree.child(Some(root), NodeKind::Function(function));
        tree.bill(node, 1);
    }
    assert_eq!(tree.nodes.len(), limits::NODES);
    assert_eq!(tree.nodes[0].cycles, 11);
    assert_eq!(tree.without_room, 11);
}

#[test]
fn an_image_without_functions_has_no_symbols() {
    assert!(Symbols::of(&Image::from_bin(0, vec![0; 4])).is_err());
}
