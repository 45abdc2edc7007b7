//! The debug port of an emulated board: what a probe on its SWD pins reaches (Arm IHI 0031, ADIv5).
//!
//! `DebugPort` is the SW-DP. Behind it are the AHB-AP (`ahb_ap`) with the core's debug registers (`core_debug`) and its
//! ROM table (`rom_table`), and Nordic's CTRL-AP (`ctrl_ap`). It works over a [`MachineHandle`]: the board is run by its
//! runner while a debugger looks. Nothing here knows what drives the probe.
//!
//! Where time passes: a core that runs keeps the pace of its runner. While the core is halted, virtual time stands still
//! but for a few microseconds for each access to a peripheral. Code that does not execute from flash is a debugger's flash
//! algorithm: whoever polls DHCSR lets it run as fast as the host can, and its core stops while flash is busy, so that the
//! host does not execute its polling. Virtual time passes as on a chip.

mod ahb_ap;
mod core_debug;
mod ctrl_ap;
mod rom_table;
#[cfg(test)]
mod tests;
mod wire_time;

use drydock_assets::Board;

use self::ahb_ap::AhbAp;
use self::core_debug::CoreDebug;
use self::rom_table::Identity;
use self::wire_time::WireTime;
use crate::ResetKind;
use crate::runner::{MachineHandle, VisitEffect};

/// CTRL/STAT: power requests and their acknowledgements (IHI 0031 B2.2.2).
const POWER_REQUESTS: u32 = 0x5000_0000;
const POWER_ACKNOWLEDGED: u32 = 0xa000_0000;
const STICKY_ERROR: u32 = 1 << 5;
/// CTRL/STAT's bits that are kept as written: requests, transaction counter, mask lane, transfer mode, overrun detection.
const CONTROL_KEPT: u32 = 0x50ff_ff0d;
/// ABORT: STKCMPCLR, STKERRCLR, WDERRCLR, ORUNERRCLR.
const ABORT_CLEARS: u32 = 0x1e;

/// The answer to an access that was not carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PortFault {
    /// FAULT: an earlier access failed, or the port is not powered up. It stays until ABORT is written.
    #[error("the debug port answers FAULT")]
    Fault,
    /// No acknowledgement: the cable is out, or the board is gone.
    #[error("the debug port does not answer")]
    NoAck,
}

/// A machine without a debug port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{board} has no debug port: only Cortex-M boards of the builtin engine have one")]
pub struct NoDebugPort {
    /// Name of the board.
    pub board: String,
}

/// The debug port of one machine.
pub struct DebugPort {
    handle: MachineHandle,
    identity: &'static Identity,
    select: u32,
    control: u32,
    is_faulted: bool,
    ahb: AhbAp,
    core: CoreDebug,
    ctrl_ap: Option<ctrl_ap::CtrlAp>,
    is_plugged: bool,
    /// Halting debug was on when the reset pin went down.
    held_in_reset: Option<bool>,
    accesses: u64,
    resets: u64,
    wire_time: Option<WireTime>,
}

impl DebugPort {
    /// The debug port of a machine that is a `board`. The probe's cable is plugged in. The port keeps the machine, as any
    /// handle does.
    ///
    /// # Errors
    /// [`NoDebugPort`]: another core, another engine, or a machine that was stopped.
    pub fn new(handle: MachineHandle, board: &Board) -> Result<Self, NoDebugPort> {
        let missing = || NoDebugPort {
            board: board.name.clone(),
        };
        let identity = Identity::of(&board.chip.name).ok_or_else(missing)?;
        let has_access = handle.visit(|machine| (machine.debug_access().is_some(), VisitEffect::None));
        if has_access != Ok(true) {
            return Err(missing());
        }
        let mut port = Self {
            handle,
            identity,
            select: 0,
            control: 0,
            is_faulted: false,
            ahb: AhbAp::default(),
            core: CoreDebug::new(&board.chip, identity),
            ctrl_ap: identity.has_ctrl_ap.then(|| ctrl_ap::CtrlAp::new(&board.chip)),
            is_plugged: true,
            held_in_reset: None,
            accesses: 0,
            resets: 0,
            wire_time: None,
        };
        port.after_reset();
        port.resets = 0;
        Ok(port)
    }

    /// Reads a register: of the access port that SELECT names if `access_port`, else of the debug port. `address` is 0, 4,
    /// 8 or 12. A read of an access port answers with its own value, as a probe presents it, not with the one before it.
    ///
    /// # Errors
    /// [`PortFault`].
    pub fn read(&mut self, access_port: bool, address: u8) -> Result<u32, PortFault> {
        self.begin()?;
        if access_port {
            let register = self.access()?;
            return self.read_access_port(register | address & 0xc);
        }
        Ok(match (address & 0xc, self.select & 0xf) {
            (0x0, _) => self.identity.dpidr,
            (0x4, 0) => {
                let acknowledged = (self.control & POWER_REQUESTS) << 1 & POWER_ACKNOWLEDGED;
                let sticky = if self.is_faulted { STICKY_ERROR } else { 0 };
                self.control | acknowledged | sticky
            }
            // TARGETID, of ports of version 2.
            (0x4, 2) => self.identity.target_id,
            _ => 0,
        })
    }

    /// Writes a register, as [`Self::read`] reads it.
    ///
    /// # Errors
    /// [`PortFault`].
    pub fn write(&mut self, access_port: bool, address: u8, value: u32) -> Result<(), PortFault> {
        self.begin()?;
        if access_port {
            let register = self.access()?;
            return self.write_access_port(register | address & 0xc, value);
        }
        match (address & 0xc, self.select & 0xf) {
            (0x0, _) if value & ABORT_CLEARS != 0 => self.is_faulted = false,
            (0x4, 0) => self.control = value & CONTROL_KEPT,
            (0x8, _) => self.select = value,
            _ => {}
        }
        Ok(())
    }

    /// Holds the chip's reset pin down, or releases it. The core does not run while it is down.
    pub fn reset_pin(&mut self, held: bool) {
        if !self.is_plugged || held == self.held_in_reset.is_some() {
            return;
        }
        let debugged_before = self.held_in_reset;
        let visited = self.handle.visit(|machine| {
            if let (Some(debugged), Some(debug)) = (debugged_before, machine.debug_access()) {
                debug.set_halting_debug(debugged);
            }
            // The builtin engine does not fail.
            let _ = machine.reset(ResetKind::Pin);
            let debugged = machine.debug_access().is_some_and(|debug| {
                let debugged = debug.halting_debug();
                if held {
                    debug.set_halting_debug(true);
                    debug.halt();
                }
                debugged
            });
            (debugged, VisitEffect::Reset(ResetKind::Pin))
        });
        self.held_in_reset = visited.ok().filter(|_| held);
        self.after_reset();
    }

    /// Locks the chip against debuggers (nRF: UICR.APPROTECT), or removes the lock, without erasing anything. It works at
    /// once, as after a reset. Returns whether the chip has such a lock here.
    pub fn set_locked(&mut self, locked: bool) -> bool {
        let Self { handle, ctrl_ap, .. } = self;
        let Some(ctrl_ap) = ctrl_ap else { return false };
        let written = handle.visit(|machine| (ctrl_ap.set_locked(machine, locked), VisitEffect::Changed));
        written == Ok(true)
    }

    /// Resets that a debugger has caused over this port so far.
    pub fn resets(&self) -> u64 {
        self.resets
    }

    /// Pulls the probe's cable out of the board, or plugs it in again. While it is out, every access answers
    /// [`PortFault::NoAck`]. A halted core stays halted.
    pub fn set_plugged(&mut self, plugged: bool) {
        self.is_plugged = plugged;
    }

    /// Makes accesses take the time that they take on a wire at 4 MHz, and flash algorithms that of the chip. Without it both
    /// are as fast as the host.
    pub fn keep_wire_time(&mut self) {
        self.wire_time = Some(WireTime::begin());
    }

    /// Number of accesses so far. On a wire each takes 46 clock cycles at least (IHI 0031 B4.2).
    pub fn accesses(&self) -> u64 {
        self.accesses
    }

    fn begin(&mut self) -> Result<(), PortFault> {
        self.accesses += 1;
        if let Some(time) = &mut self.wire_time {
            time.access(self.core.take_ran());
        }
        match self.is_plugged {
            true => Ok(()),
            false => Err(PortFault::NoAck),
        }
    }

    /// The bank of the selected access port, as the upper half of a register's address.
    fn access(&mut self) -> Result<u8, PortFault> {
        if self.control & POWER_REQUESTS != POWER_REQUESTS {
            self.is_faulted = true;
        }
        match self.is_faulted {
            true => Err(PortFault::Fault),
            false => Ok((self.select & 0xf0) as u8),
        }
    }

    fn read_access_port(&mut self, register: u8) -> Result<u32, PortFault> {
        let Self {
            handle,
            ahb,
            core,
            ctrl_ap,
            ..
        } = self;
        let is_locked = ctrl_ap.as_ref().is_some_and(ctrl_ap::CtrlAp::is_locked);
        let answer = match (self.select >> 24, ctrl_ap) {
            (0, _) => match ahb.register(register, is_locked) {
                ahb_ap::Register::Value(value) => Some(value),
                ahb_ap::Register::Memory(_) if is_locked => None,
                ahb_ap::Register::Memory(access) => {
                    let visited = handle.visit(|machine| core.read(machine, access.addr, access.size));
                    let value = visited.map_err(|_| PortFault::NoAck)?;
                    ahb.advance(&access);
                    value.map(|value| access.in_lanes(value))
                }
            },
            (1, Some(ctrl_ap)) => Some(ctrl_ap.read(register)),
            _ => Some(0),
        };
        self.after_access();
        answer.ok_or_else(|| self.fault())
    }

    fn write_access_port(&mut self, register: u8, value: u32) -> Result<(), PortFault> {
        let Self {
            handle,
            ahb,
            core,
            ctrl_ap,
            ..
        } = self;
        let is_locked = ctrl_ap.as_ref().is_some_and(ctrl_ap::CtrlAp::is_locked);
        let done = match (self.select >> 24, ctrl_ap) {
            (0, _) => match ahb.write(register, value) {
                None => true,
                Some(_) if is_locked => false,
                Some(access) => {
                    let value = access.without_lanes(value);
                    let visited = handle.visit(|machine| core.write(machine, access.addr, value, access.size));
                    let done = visited.map_err(|_| PortFault::NoAck)?;
                    ahb.advance(&access);
                    done
                }
            },
            (1, Some(ctrl_ap)) => {
                let visited = handle.visit(|machine| ctrl_ap.write(machine, register, value));
                visited.map_err(|_| PortFault::NoAck)?;
                true
            }
            _ => true,
        };
        self.after_access();
        match done {
            true => Ok(()),
            false => Err(self.fault()),
        }
    }

    fn fault(&mut self) -> PortFault {
        self.is_faulted = true;
        PortFault::Fault
    }

    /// The chip reads its lock with a reset.
    fn after_access(&mut self) {
        if self.core.take_reset() {
            self.after_reset();
        }
    }

    fn after_reset(&mut self) {
        self.resets += 1;
        let Self { handle, ctrl_ap, .. } = self;
        if let Some(ctrl_ap) = ctrl_ap {
            // A machine that was stopped answers no access either.
            let _ = handle.visit(|machine| (ctrl_ap.read_lock(machine), VisitEffect::None));
        }
    }
}

impl std::fmt::Debug for DebugPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DebugPort")
            .field("machine", &self.handle.name())
            .field("is_plugged", &self.is_plugged)
            .field("accesses", &self.accesses)
            .finish()
    }
}
