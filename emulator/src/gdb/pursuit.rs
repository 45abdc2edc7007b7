//! Letting a machine run under a debugger, for a moment at a time: until something ends it, or the moment is over.

use std::collections::BTreeSet;

use crate::builtin::time::VirtualTime;
use crate::engine::{Machine, RunLimit, StopReason};
use crate::error::MachineError;

/// Virtual time of one moment without breakpoints.
const MOMENT: VirtualTime = VirtualTime::from_ms(5);
/// Instructions of one moment with them.
const STEPS: u32 = 20_000;

/// What the guest is watched for.
#[derive(Clone, Debug, Default)]
pub(super) struct Traps {
    pub(super) breakpoints: BTreeSet<u32>,
    /// First address and length of memory whose change ends the run.
    pub(super) watchpoints: Vec<(u32, u32)>,
}

/// Why it stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caught {
    Breakpoint,
    Watchpoint(u32),
    Step,
    /// A breakpoint instruction of the guest's own.
    Trap,
    /// The core locked up.
    Lockup,
    /// The chip is off.
    Off,
}

/// Runs for a moment; `None` when it was uneventful.
pub(super) fn run(machine: &mut dyn Machine, traps: &Traps) -> Result<Option<Caught>, MachineError> {
    if traps.breakpoints.is_empty() && traps.watchpoints.is_empty() {
        let until = machine.now().saturating_add(MOMENT.max(machine.shortest_run()));
        return Ok(caught(&machine.run(RunLimit::until(until))?));
    }
    let mut before = watched(machine, traps);
    for _ in 0..STEPS {
        if let Some(caught) = advance(machine)? {
            return Ok(Some(caught));
        }
        let now = watched(machine, traps);
        if let Some(index) = (0..now.len()).find(|index| now[*index] != before[*index]) {
            return Ok(Some(Caught::Watchpoint(traps.watchpoints[index].0)));
        }
        before = now;
        let pc = machine.read_register("pc")? as u32;
        if traps.breakpoints.contains(&pc) {
            return Ok(Some(Caught::Breakpoint));
        }
    }
    Ok(None)
}

/// Executes one instruction.
pub(super) fn step(machine: &mut dyn Machine) -> Result<Caught, MachineError> {
    Ok(advance(machine)?.unwrap_or(Caught::Step))
}

fn advance(machine: &mut dyn Machine) -> Result<Option<Caught>, MachineError> {
    match machine.step()? {
        // Asleep with nothing due: time goes on all the same, and input may come.
        StopReason::Idle { .. } => {
            let until = machine.now().saturating_add(VirtualTime::from_ms(1));
            Ok(caught(&machine.run(RunLimit::until(until))?))
        }
        reason => Ok(caught(&reason)),
    }
}

fn watched(machine: &mut dyn Machine, traps: &Traps) -> Vec<Option<Vec<u8>>> {
    let read = |(addr, bytes): &(u32, u32)| {
        let mut memory = vec![0; *bytes as usize];
        machine.read_memory(*addr, &mut memory).ok().map(|()| memory)
    };
    traps.watchpoints.iter().map(read).collect()
}

fn caught(reason: &StopReason) -> Option<Caught> {
    match reason {
        StopReason::Breakpoint { .. } => Some(Caught::Trap),
        StopReason::Lockup { .. } => Some(Caught::Lockup),
        StopReason::PoweredOff => Some(Caught::Off),
        _ => None,
    }
}
