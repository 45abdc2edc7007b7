//! PWR (RM0090 chapter 5): the voltage scale and the key to the backup domain. Stop and Standby are not modelled.

use crate::core::fabric::AccessFault;

const DBP: u32 = 1 << 8;
const VOS: u32 = 1 << 14;
/// PDDS and LPDS select the effect of SLEEPDEEP, CWUF and CSBF clear flags that are never set here, then PVD.
const CLEARS: u32 = 3 << 2;
const PVDE: u32 = 1 << 4;

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Pwr {
    cr: u32,
}

impl Pwr {
    pub(super) fn new() -> Self {
        Self { cr: VOS }
    }

    pub(super) fn backup_is_unprotected(&self) -> bool {
        self.cr & DBP != 0
    }

    pub(super) fn read(&self, offset: u32) -> Result<u32, AccessFault> {
        match offset {
            0x00 => Ok(self.cr),
            // VOSRDY: the scale follows at once.
            0x04 => Ok(VOS),
            _ => Err(AccessFault::Unmapped),
        }
    }

    pub(super) fn write(&mut self, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            0x00 if value & PVDE != 0 => Err(AccessFault::UnmodelledUse),
            0x00 => {
                self.cr = value & 0x43ff & !CLEARS;
                Ok(())
            }
            // EWUP, BRE: the wake-up pin and the backup regulator are not modelled.
            0x04 if value & 0x0300 != 0 => Err(AccessFault::UnmodelledUse),
            0x04 => Ok(()),
            _ => Err(AccessFault::Unmapped),
        }
    }
}
