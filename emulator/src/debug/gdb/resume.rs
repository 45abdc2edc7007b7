//! Runs a machine under a debugger in short slices: until a stop event, or the end of the slice.

use crate::machine::MachineError;
use crate::machine::VirtualTime;
use crate::machine::{Caught, Traps};
use crate::machine::{Machine, RunLimit, StopReason};

/// Virtual time of one slice without breakpoints.
const MOMENT: VirtualTime = VirtualTime::from_ms(5);
/// Instructions of one slice with breakpoints.
const STEPS: u32 = 20_000;

/// Runs for a slice; `None` if nothing stopped it.
pub(super) fn run(machine: &mut dyn Machine, traps: &Traps) -> Result<Option<Caught>, MachineError> {
    if traps.is_empty() {
        let until = machine.now().saturating_add(MOMENT.max(machine.shortest_run()));
        return Ok(caught(&machine.run(RunLimit::until(until))?));
    }
    let mut before = traps.watched(machine);
    for _ in 0..STEPS {
        if let Some(caught) = advance(machine)? {
            return Ok(Some(caught));
        }
        let now = traps.watched(machine);
        if let Some(caught) = traps.changed(&before, &now) {
            return Ok(Some(caught));
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
        // Asleep with nothing due: time advances all the same, and input may arrive.
        StopReason::Idle { .. } => {
            let until = machine.now().saturating_add(VirtualTime::from_ms(1));
            Ok(caught(&machine.run(RunLimit::until(until))?))
        }
        reason => Ok(caught(&reason)),
    }
}

fn caught(reason: &StopReason) -> Option<Caught> {
    match reason {
        StopReason::Breakpoint { .. } => Some(Caught::Trap),
        StopReason::Lockup { .. } => Some(Caught::Lockup),
        StopReason::PoweredOff => Some(Caught::Off),
        StopReason::DebugHalt => Some(Caught::Paused),
        _ => None,
    }
}
