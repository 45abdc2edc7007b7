//! Many machines of one image: the shared data, each machine's own data, and that no machine affects another.
#![allow(clippy::unwrap_used)]

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use drydock_emulator::builtin::engine::Builtin;
use drydock_emulator::runner::{MachineHandle, Pace, RunOptions, Runner};
use drydock_emulator::{Engine, GuestFault, Image, Machine, ResetKind, RunLimit, Seed, StopReason, VirtualTime};

/// Far longer than any condition of these tests takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where programs of this board begin.
const START: u32 = 0x1_0000;
const CODE: u32 = START + 0x140;

fn machine(image: &Image, seed: u8) -> Box<dyn Machine> {
    let board = drydock_assets::board("nano33ble").unwrap();
    let mut machine = Builtin.open(&board, Seed([seed; 32])).unwrap();
    machine.load(image).unwrap();
    machine.reset(ResetKind::PowerOn).unwrap();
    machine
}

/// A program whose faults end in a loop behind its code.
fn program(code: &[u16]) -> Image {
    let handler = CODE + 2 * code.len() as u32;
    let mut bytes = Vec::new();
    bytes.extend(0x2004_0000_u32.to_le_bytes());
    bytes.extend((CODE | 1).to_le_bytes());
    while bytes.len() < (CODE - START) as usize {
        bytes.extend((handler | 1).to_le_bytes());
    }
    let looping = [0xe7fe];
    bytes.extend(code.iter().chain(&looping).flat_map(|half: &u16| half.to_le_bytes()));
    Image::from_bin(START, bytes)
}

fn run_ms(machine: &mut dyn Machine, ms: u64) -> StopReason {
    let until = machine.now().saturating_add(VirtualTime::from_ms(ms));
    machine.run(RunLimit::until(until)).unwrap()
}

/// How much R1 grew in a millisecond.
fn grown(machine: &mut dyn Machine) -> i32 {
    let before = machine.read_register("r1").unwrap() as i32;
    run_ms(machine, 1);
    (machine.read_register("r1").unwrap() as i32).wrapping_sub(before)
}

const COUNTS: &[u16] = &[
    0x2001, // movs r0, #1
    0x1809, // 1: adds r1, r1, r0
    0xe7fd, // b 1b
];
/// `subs r1, r1, r0`.
const SUBTRACT: u16 = 0x1a09;

#[test]
fn a_machine_that_rewrites_its_code_runs_what_it_wrote_and_the_others_run_on() {
    let image = program(COUNTS);
    let mut machines: Vec<Box<dyn Machine>> = (0..3).map(|seed| machine(&image, seed)).collect();
    for machine in &mut machines {
        assert!(grown(&mut **machine) > 1_000);
    }
    machines[1].write_memory(CODE + 2, &SUBTRACT.to_le_bytes()).unwrap();
    let mut forked = machines[1].snapshots().unwrap().fork().unwrap();
    let mut late = machine(&image, 9);
    assert!(grown(&mut *late) > 1_000, "what comes later gets the image");
    assert!(grown(&mut *forked) < -1_000, "a copy runs what it was copied from");
    for _ in 0..3 {
        assert!(grown(&mut *machines[0]) > 1_000);
        assert!(grown(&mut *machines[1]) < -1_000);
        assert!(grown(&mut *machines[2]) > 1_000);
    }
    machines[1].load(&image).unwrap();
    assert!(grown(&mut *machines[1]) > 1_000, "loaded anew it is as it was");
}

#[test]
fn shared_code_runs_as_ones_own_does() {
    let elf = drydock_embedded::firmware("nano33ble").unwrap().elf;
    let own = |seed| {
        let image = Image::from_elf(elf).unwrap();
        let mut machine = machine(&image, seed);
        run_ms(&mut *machine, 700);
        state(&mut *machine)
    };
    let image = Image::from_elf(elf).unwrap();
    let threads: Vec<_> = (0..4)
        .map(|seed| {
            let mut machine = machine(&image, seed);
            std::thread::spawn(move || {
                // In slices, so that the four decode, link and stop at different places each time.
                for slice in 1..=100 {
                    let until = VirtualTime::from_ms(7 * slice);
                    machine.run(RunLimit::until(until)).unwrap();
                }
                state(&mut *machine)
            })
        })
        .collect();
    for (seed, thread) in (0..).zip(threads) {
        assert_eq!(thread.join().unwrap(), own(seed), "machine {seed}");
    }
}

fn state(machine: &mut dyn Machine) -> (u64, u64) {
    let hash = machine.snapshots().unwrap().state_hash().unwrap();
    (machine.instructions(), hash)
}

/// Measured: 90 KiB in this state. With flash and decoded code of its own each machine took 2 MiB here, 11 MiB later.
#[cfg(target_os = "linux")]
#[test]
fn a_machine_more_costs_its_ram_alone() {
    const MACHINES: u64 = 200;
    const KIB_MAX: u64 = 300;
    let image = Image::from_elf(drydock_embedded::firmware("nano33ble").unwrap().elf).unwrap();
    let start = |seed: u64| {
        let mut machine = machine(&image, seed as u8);
        run_ms(&mut *machine, 50);
        machine
    };
    let first = start(0);
    let before = resident_kib();
    let machines: Vec<Box<dyn Machine>> = (1..=MACHINES).map(start).collect();
    let each = (resident_kib() - before) / MACHINES;
    assert!(each <= KIB_MAX, "{each} KiB a machine");
    println!("{each} KiB a machine");
    drop((first, machines));
}

#[cfg(target_os = "linux")]
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn a_jump_into_nothing_is_told_with_its_address_and_the_others_run_on() {
    let runner = Runner::with_workers(NonZeroUsize::new(2).unwrap()).unwrap();
    let stray = program(&[
        0xf04f, 0x5040, // mov.w r0, #0x30000000
        0x3001, // adds r0, #1
        0x4780, // blx r0
    ]);
    let add = |name: &str, image: &Image| {
        let options = RunOptions {
            name: name.to_owned(),
            pace: Pace::Max,
            paused: false,
        };
        runner.add(machine(image, 0), options)
    };
    let counting = program(COUNTS);
    let others = [add("before", &counting), add("between", &counting)];
    let lost = add("lost", &stray);
    let later = add("later", &counting);
    wait("it faulted", || lost.status().faults > 0);
    let faults = lost.faults();
    let GuestFault::Exception { pc, lr, what, .. } = &faults[0] else {
        panic!("{faults:?}");
    };
    assert_eq!(
        (*pc, *lr),
        (0x3000_0000, (CODE + 8) | 1),
        "where it was, and who sent it there"
    );
    assert!(what.contains("0x30000000"), "{what}");
    for other in others.iter().chain([&later]) {
        let before = other.status().instructions;
        wait("the others run on", || other.status().instructions > before + 1_000_000);
        assert_eq!(other.status().faults, 0);
    }
    assert_eq!(running(&lost), Some(CODE + 8), "its own handler has it");
}

fn running(handle: &MachineHandle) -> Option<u32> {
    let pc = handle.with_machine_blocking(|machine| machine.read_register("pc").unwrap());
    pc.ok().map(|pc| pc as u32)
}

fn wait(what: &str, done: impl Fn() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < PATIENCE, "waiting until {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
