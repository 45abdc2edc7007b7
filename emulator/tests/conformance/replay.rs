//! The same image, seed and inputs give the same run, however it is divided into slices.

use drydock_emulator::runner::{Input, InputLog, LoggedInput, replay};
use drydock_emulator::{Engine, Machine, RunLimit, StopReason, VirtualTime};
use libtest_mimic::Failed;

use crate::Check;
use crate::guest::boot;

pub(crate) const CHECKS: &[(&str, Check)] = &[
    ("how_a_run_is_cut_does_not_matter", how_a_run_is_cut),
    ("a_replay_ends_in_the_same_state", a_replay),
];

/// The state that determines the future, or the part of it that the engine exposes.
fn state(machine: &mut dyn Machine) -> Result<(u64, u64, u64), Failed> {
    let hash = match machine.snapshots() {
        Some(snapshots) => snapshots.state_hash()?,
        None => machine.read_register("r0")?,
    };
    Ok((machine.now().as_ps(), machine.instructions(), hash))
}

fn how_a_run_is_cut(engine: &dyn Engine) -> Result<(), Failed> {
    for guest in ["count", "blink", "random"] {
        let end = VirtualTime::from_us(250_003);
        let mut whole = boot(engine, guest)?;
        while whole.run(RunLimit::until(end))? != StopReason::Deadline {}
        for piece in [VirtualTime::from_ns(777_700), VirtualTime::from_us(10_001)] {
            let mut cut = boot(engine, guest)?;
            let mut next = piece;
            while cut.now() < end {
                let limit = RunLimit {
                    until: next.min(end),
                    stop_when_idle: next.as_us() % 2 == 0,
                };
                if let StopReason::Idle { .. } = cut.run(limit)? {
                    cut.run(RunLimit::until(next.min(end)))?;
                }
                next += piece;
            }
            assert_eq!(state(&mut *cut)?, state(&mut *whole)?, "{guest} by {piece}");
        }
    }
    Ok(())
}

fn a_replay(engine: &dyn Engine) -> Result<(), Failed> {
    // While the last input is on its way.
    let end = VirtualTime::from_us(30_150);
    let mut original = boot(engine, "echo")?;
    let mut recording = InputLog::default();
    for (index, us) in [1_000, 1_007, 9_000, 9_500, 30_123].into_iter().enumerate() {
        while original.run(RunLimit::until(VirtualTime::from_us(us)))? != StopReason::Deadline {}
        let bytes = vec![index as u8; 3 + index];
        let at = original.now();
        original.uart_input(0, &bytes)?;
        recording.inputs.push(LoggedInput {
            at,
            input: Input::Uart { index: 0, bytes },
        });
    }
    while original.run(RunLimit::until(end))? != StopReason::Deadline {}
    let mut second = boot(engine, "echo")?;
    replay(&mut *second, &recording, end)?;
    assert_eq!(state(&mut *second)?, state(&mut *original)?);

    recording.inputs[4].at += VirtualTime::from_us(3);
    let mut third = boot(engine, "echo")?;
    replay(&mut *third, &recording, end)?;
    if third.snapshots().is_some() {
        assert_ne!(
            state(&mut *third)?,
            state(&mut *original)?,
            "an input 3 µs later makes another run"
        );
    }
    Ok(())
}
