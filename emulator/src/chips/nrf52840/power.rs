//! POWER (PS 5.3): reset reason, retained registers, System OFF. Its tasks, events and INTEN are in `clock`, which
//! shares its page.

use super::block::Bus;
use crate::core::fabric::{AccessFault, Request, ResetKind};

/// Sections of RAM with their own power switches.
const RAM_SECTIONS: usize = 9;
/// RAM[n].POWER out of reset: all sections on, nothing retained in System OFF.
const RAM_POWER_RESET: u32 = 0x0000_ffff;

/// The registers.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Power {
    resetreas: u32,
    gpregret: [u32; 2],
    /// VBUS is present in the USB socket.
    pub(super) vbus: bool,
    pofcon: u32,
    dcdcen: [u32; 2],
    ram: [u32; RAM_SECTIONS],
}

impl Power {
    pub(super) fn new() -> Self {
        Self {
            resetreas: 0,
            gpregret: [0; 2],
            vbus: false,
            pofcon: 0,
            dcdcen: [0; 2],
            ram: [RAM_POWER_RESET; RAM_SECTIONS],
        }
    }

    /// PS 5.3.6.8 "Reset behavior": RESETREAS accumulates until it is cleared. The retained registers survive only a
    /// lockup, a software reset and System OFF.
    pub(super) fn reset(&mut self, kind: ResetKind) {
        let reason = match kind {
            ResetKind::PowerOn => {
                let vbus = self.vbus;
                *self = Self { vbus, ..Self::new() };
                return;
            }
            ResetKind::Pin => 1 << 0,
            ResetKind::Watchdog => 1 << 1,
            ResetKind::Software => 1 << 2,
            ResetKind::Lockup => 1 << 3,
            ResetKind::WakeUp => 1 << 16,
        };
        let retains = matches!(kind, ResetKind::Software | ResetKind::Lockup | ResetKind::WakeUp);
        let gpregret = if retains { self.gpregret } else { [0; 2] };
        *self = Self {
            resetreas: self.resetreas | reason,
            gpregret,
            vbus: self.vbus,
            ..Self::new()
        };
    }

    pub(super) fn read(&self, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x400 => self.resetreas,
            // RAMSTATUS (deprecated): blocks 0 to 3 on
            0x428 => 0xf,
            0x510 => self.pofcon,
            0x51c => self.gpregret[0],
            0x520 => self.gpregret[1],
            0x578 => self.dcdcen[0],
            0x580 => self.dcdcen[1],
            // MAINREGSTATUS: normal voltage mode
            0x640 => 0,
            0x900..0x990 if offset.is_multiple_of(16) => self.ram[(offset as usize - 0x900) / 16],
            // POWERSET and POWERCLR are write-only
            0x900..0x990 if matches!(offset % 16, 4 | 8) => 0,
            _ => return Err(AccessFault::Unmapped),
        })
    }

    pub(super) fn write(&mut self, bus: &mut Bus<'_>, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            0x400 => self.resetreas &= !value,
            0x500 if value & 1 != 0 => {
                bus.lines.powered_off = true;
                bus.fabric.request(Request::PowerOff);
            }
            0x500 => {}
            0x510 => self.pofcon = value & 0xf1f,
            0x51c => self.gpregret[0] = value & 0xff,
            0x520 => self.gpregret[1] = value & 0xff,
            0x578 => self.dcdcen[0] = value & 1,
            0x580 => self.dcdcen[1] = value & 1,
            0x900..0x990 => {
                let ram = &mut self.ram[(offset as usize - 0x900) / 16];
                let new = match offset % 16 {
                    0 => value,
                    4 => *ram | value,
                    8 => *ram & !value,
                    _ => return Err(AccessFault::Unmapped),
                };
                // Sections that are switched off while the chip is on would have to lose their content.
                if new & RAM_POWER_RESET != RAM_POWER_RESET {
                    return Err(AccessFault::UnmodelledUse);
                }
                *ram = new;
            }
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }
}
