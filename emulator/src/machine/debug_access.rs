//! Optional capability: what a debug probe does with a core. Bus accesses with their side effects, and halting debug.

use super::{AccessFault, AccessSize, VirtualTime};

/// Optional capability: halting debug and a debugger's accesses to the bus (ARMv7-M C1).
///
/// A core that is halted executes nothing and takes no exception: [`Machine::run`](super::Machine::run) returns
/// [`StopReason::DebugHalt`](super::StopReason::DebugHalt) at once, and virtual time passes only by
/// [`DebugAccess::pass_time`]. Snapshots and saved states do not contain what a debugger has set: a restored or forked
/// machine runs.
pub trait DebugAccess {
    /// Loads from the bus as the debugger's access port does: privileged, past the memory protection unit, with the side
    /// effects that a load by the core has. `addr` is aligned to `size`.
    ///
    /// # Errors
    /// Nothing answers there, the register has another width, or the engine does not model it. The guest's log of faults
    /// does not contain it.
    fn read_bus(&mut self, addr: u32, size: AccessSize) -> Result<u32, AccessFault>;

    /// Stores to the bus, as [`Self::read_bus`] loads. Flash is written by the rules of its controller.
    ///
    /// # Errors
    /// As for [`Self::read_bus`]; also memory that cannot be written now.
    fn write_bus(&mut self, addr: u32, value: u32, size: AccessSize) -> Result<(), AccessFault>;

    /// Turns halting debug on or off (DHCSR.C_DEBUGEN). While it is on, breakpoints and `BKPT` halt the core. A halted
    /// core goes on when it is turned off.
    fn set_halting_debug(&mut self, enabled: bool);

    /// Whether halting debug is on. A power-on reset turns it off.
    fn halting_debug(&self) -> bool;

    /// Addresses of instructions before which the core halts while halting debug is on.
    fn set_breakpoints(&mut self, breakpoints: &[u32]);

    /// Loads and stores of the core after which it halts while halting debug is on. It halts behind the instruction.
    fn set_watchpoints(&mut self, watchpoints: &[Watchpoint]);

    /// The watchpoints that matched since the last call: bit 0 is the first of [`Self::set_watchpoints`].
    fn take_watched(&mut self) -> u32;

    /// Keeps PendSV, SysTick and interrupts from being taken while halting debug is on (DHCSR.C_MASKINTS).
    fn mask_interrupts(&mut self, masked: bool);

    /// Halts the core. A sleep or a lockup ends.
    fn halt(&mut self);

    /// Lets a halted core go on.
    fn go(&mut self);

    /// Executes exactly one instruction of a halted core, and halts it again.
    fn step_halted(&mut self);

    /// What the core does.
    fn core_activity(&self) -> CoreActivity;

    /// Whether the core was reset since the last call.
    fn take_reset(&mut self) -> bool;

    /// Lets the core stop while flash is busy, wherever it executes, until halting debug is turned off: the host need not
    /// execute a loop that polls. Virtual time passes as without it.
    fn skip_polls(&mut self);

    /// Lets virtual time pass for the chip while the core is halted. It has no effect on a core that runs.
    fn pass_time(&mut self, span: VirtualTime);
}

/// A comparator for the addresses of loads and stores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watchpoint {
    /// An address of the block that is watched.
    pub address: u32,
    /// The bits of addresses that are not compared.
    pub mask: u32,
    /// Whether loads match.
    pub loads: bool,
    /// Whether stores match.
    pub stores: bool,
}

impl Watchpoint {
    /// The first and the last address of its block.
    pub fn block(&self) -> (u32, u32) {
        (self.address & !self.mask, self.address | self.mask)
    }

    /// Whether an access of `bytes` matches. An access that only overlaps the block does.
    pub fn matches(&self, addr: u32, bytes: u32, is_store: bool) -> bool {
        let (first, last) = self.block();
        let wanted = if is_store { self.stores } else { self.loads };
        wanted && addr <= last && addr.saturating_add(bytes - 1) >= first
    }
}

/// What a core does, as a debugger sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoreActivity {
    /// It executes instructions.
    Running,
    /// It waits for an interrupt or event.
    Sleeping,
    /// A debugger halted it.
    Halted,
    /// It locked up.
    LockedUp,
    /// The chip is off, or the program ended by a semihosting call.
    Off,
}
