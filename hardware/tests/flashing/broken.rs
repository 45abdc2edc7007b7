//! What bad cables and bad boards get: a typed error, and a board that can be programmed again.

use std::sync::{Arc, Mutex};
use std::thread;

use drydock_emulator::cable::CableFaults;
use drydock_hardware::flash::{Control, Erase, FlashError, Plan, Segment, Step, program};

use super::desk::Desk;
use super::{BOARDS, anyone, holds, open, quiet};

/// A program of some pages, with an end within one. Its first page is what a program begins with on no chip.
fn small_plan(desk: &Desk) -> Plan {
    let boot = desk.board.boot;
    Plan {
        segments: vec![Segment {
            address: boot,
            bytes: (0..0x2123_u32).map(|at| (at >> 2) as u8 ^ at as u8 | 1).collect(),
        }],
        allowed: std::iter::once(boot..boot + 0x1_0000).collect(),
        erase: Erase::Changed,
    }
}

/// Programs a board whose cable has faults from the start on.
fn try_with(desk: &Desk, plan: &Plan, faults: CableFaults) -> Result<(), FlashError> {
    desk.breaks(faults);
    let mut flasher = open(desk)?;
    program(&mut *flasher, &mut anyone(), plan, &mut quiet()).map(drop)
}

/// A board with a broken cable is programmed, which fails; with a whole one it is programmed.
fn fails_and_recovers(name: &str, faults: CableFaults, expected: fn(&FlashError) -> bool) {
    let mut desk = Desk::blank(name);
    let plan = small_plan(&desk);
    let error = try_with(&desk, &plan, faults.clone()).unwrap_err();
    assert!(expected(&error), "{name}: {faults:?}: {error:?}");
    desk.plug();
    desk.call_bootloader();
    try_with(&desk, &plan, CableFaults::default()).unwrap();
    holds(&desk, &plan);
}

/// Each case on a board of its own, at once: most of them wait for an answer that does not come.
fn all_at_once(cases: impl Iterator<Item = (CableFaults, fn(&FlashError) -> bool)>) {
    thread::scope(|scope| {
        for (faults, expected) in cases {
            for name in BOARDS {
                let faults = faults.clone();
                scope.spawn(move || fails_and_recovers(name, faults, expected));
            }
        }
    });
}

/// Bytes that pass while a board is programmed: more come from the host than go to it.
const FROM_HOST: u64 = 8_000;

#[test]
fn a_cable_that_is_pulled_at_any_byte_is_an_error() {
    let pulled_from_host = (0..10).map(|part| CableFaults {
        pull_after_from_host: Some(1 + part * FROM_HOST / 10),
        ..CableFaults::default()
    });
    let pulled_to_host = [1, 30, 100, 200].map(|bytes| CableFaults {
        pull_after_to_host: Some(bytes),
        ..CableFaults::default()
    });
    let is_lost: fn(&FlashError) -> bool = |error| matches!(error, FlashError::Lost(_) | FlashError::NoAnswer(_));
    all_at_once(pulled_from_host.chain(pulled_to_host).map(|faults| (faults, is_lost)));
}

#[test]
fn a_board_that_falls_silent_is_an_error() {
    let silent = [0, 1, 60, 150, 240].map(|bytes| CableFaults {
        silent_after_to_host: Some(bytes),
        ..CableFaults::default()
    });
    let is_silent: fn(&FlashError) -> bool = |error| matches!(error, FlashError::NoAnswer(_) | FlashError::Garbled(_));
    all_at_once(silent.into_iter().map(|faults| (faults, is_silent)));
}

#[test]
fn garbage_is_an_error_and_never_a_success() {
    let noisy =
        [(1, 1_000_000), (2, 300_000), (3, 100_000), (4, 30_000), (5, 30_000)].map(|(seed, noise_per_million)| {
            CableFaults {
                noise_per_million,
                seed,
                ..CableFaults::default()
            }
        });
    let any: fn(&FlashError) -> bool = |error| !matches!(error, FlashError::Image(_) | FlashError::Cancelled);
    all_at_once(noisy.into_iter().map(|faults| (faults, any)));
}

#[test]
fn a_board_without_power_during_the_erasure_can_be_programmed_again() {
    for name in BOARDS {
        let mut desk = Desk::blank(name);
        let mut plan = small_plan(&desk);
        try_with(&desk, &plan, CableFaults::default()).unwrap();
        plan.erase = Erase::All;
        plan.segments[0].bytes[0x1005] ^= 1;
        let end = desk.board.chip.flash.base + desk.board.chip.flash.bytes;
        desk.write(end - 4, &[1, 2, 3, 4]);
        let faults = CableFaults {
            pull_after_erased: Some(0x1_0800),
            ..CableFaults::default()
        };
        let error = try_with(&desk, &plan, faults).unwrap_err();
        assert!(
            matches!(error, FlashError::Lost(_) | FlashError::NoAnswer(_)),
            "{name}: {error:?}"
        );
        // It was under way.
        assert_eq!(desk.memory(end - 4, 4), [1, 2, 3, 4], "{name}");
        desk.plug();
        try_with(&desk, &plan, CableFaults::default()).unwrap();
        holds(&desk, &plan);
    }
}

#[test]
fn a_cable_that_is_pulled_in_each_step_leaves_that_step() {
    for name in BOARDS {
        for step in [Step::Comparing, Step::Writing, Step::Verifying] {
            let mut desk = Desk::blank(name);
            let plan = small_plan(&desk);
            let mut flasher = open(&desk).unwrap();
            let steps = Arc::new(Mutex::new(Vec::new()));
            let seen = steps.clone();
            let pulled = desk.puller();
            let mut control = Control::new(Arc::default(), move |at, _, _| {
                seen.lock().unwrap().push(at);
                if at == step {
                    pulled();
                }
            });
            let error = program(&mut *flasher, &mut anyone(), &plan, &mut control).unwrap_err();
            assert!(
                matches!(error, FlashError::Lost(_) | FlashError::NoAnswer(_)),
                "{name}: {step:?}: {error:?}"
            );
            assert_eq!(steps.lock().unwrap().last(), Some(&step), "{name}");
            drop(flasher);
            desk.plug();
            desk.call_bootloader();
            try_with(&desk, &plan, CableFaults::default()).unwrap();
            holds(&desk, &plan);
        }
    }
}
