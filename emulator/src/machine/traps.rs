//! Breakpoints and watchpoints of a debugger, and why a run stopped.

use std::collections::BTreeSet;

use super::Machine;

/// The conditions at which the guest is stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traps {
    /// Addresses of instructions before which the machine stops.
    pub breakpoints: BTreeSet<u32>,
    /// First address and length of memory; the machine stops after a change of it.
    pub watchpoints: Vec<(u32, u32)>,
}

impl Traps {
    /// Whether nothing is watched.
    pub fn is_empty(&self) -> bool {
        self.breakpoints.is_empty() && self.watchpoints.is_empty()
    }

    /// The current content of watched memory; `None` if there is no memory.
    pub(crate) fn watched(&self, machine: &mut dyn Machine) -> Vec<Option<Vec<u8>>> {
        let read = |(addr, bytes): &(u32, u32)| {
            let mut memory = vec![0; *bytes as usize];
            machine.read_memory(*addr, &mut memory).ok().map(|()| memory)
        };
        self.watchpoints.iter().map(read).collect()
    }

    /// The first watchpoint whose memory has changed.
    pub(crate) fn changed(&self, before: &[Option<Vec<u8>>], now: &[Option<Vec<u8>>]) -> Option<Caught> {
        let index = (0..now.len()).find(|index| now.get(*index) != before.get(*index))?;
        self.watchpoints.get(index).map(|(addr, _)| Caught::Watchpoint(*addr))
    }
}

/// Why a run stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caught {
    /// Before the instruction at a breakpoint.
    Breakpoint,
    /// After a store that changed watched memory at this address.
    Watchpoint(u32),
    /// After one instruction.
    Step,
    /// A breakpoint instruction of the guest's own.
    Trap,
    /// The core locked up.
    Lockup,
    /// The chip is off.
    Off,
    /// Another user paused it.
    Paused,
}

/// Optional capability of a machine: it stops by itself at breakpoints and watchpoints, at its
/// usual pace. Without traps it runs at full speed.
pub trait Trapping {
    /// From now on a run ends with [`StopReason::Paused`](crate::StopReason::Paused) when one of these is met. The
    /// current instruction is executed first, even if it has a breakpoint.
    fn set_traps(&mut self, traps: Traps);

    /// Whether the last run ended by a trap.
    fn is_caught(&self) -> bool;

    /// Takes the trap that ended it.
    fn take_caught(&mut self) -> Option<Caught>;
}
