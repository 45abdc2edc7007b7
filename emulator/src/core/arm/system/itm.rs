//! The Instrumentation Trace Macrocell: a program's stores to its stimulus ports leave the chip as packets (ARMv7-M C1.7).
//! The wire (SWO) is not modelled: bytes are collected as they are stored, and a port always has room. Time stamps and
//! packets of the DWT are not made.
//!
//! A debugger that collects the packets turns the ports on. With [`Fabric::collects_itm`] that is so from the first
//! instruction on, whatever the program sets; otherwise ports are on where the program says so, and nobody collects
//! anything.

use crate::core::fabric::Fabric;
use crate::machine::{DebugLine, LOG_CHANNELS};

/// The stimulus ports are the first 32 words.
const PORTS: u32 = 32;
const TER: u32 = 0xe00;
const TPR: u32 = 0xe40;
const TCR: u32 = 0xe80;
const LAR: u32 = 0xfb0;
const LSR: u32 = 0xfb4;
/// TCR's bits that keep what is written (C1.7.6). BUSY is never set.
const TCR_WRITABLE: u32 = 0x007f_0f1f;
const ITMENA: u32 = 1;
/// What LAR takes to unlock stores to the other registers.
const KEY: u32 = 0xc5ac_ce55;
/// A lock is there, and it is locked.
const LOCKED: u32 = 3;
const UNLOCKED: u32 = 1;

/// Its registers.
#[derive(Clone, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(in crate::core::arm) struct Itm {
    enabled_ports: u32,
    privilege: u32,
    control: u32,
    is_unlocked: bool,
}

/// Whether an offset is that of a stimulus port.
pub(super) fn is_port(offset: u32) -> bool {
    offset < 4 * PORTS
}

impl Itm {
    fn is_on(&self, port: u32, is_traced: bool, fabric: &Fabric) -> bool {
        let by_program = is_traced && self.control & ITMENA != 0 && self.enabled_ports >> port & 1 != 0;
        by_program || fabric.collects_itm()
    }

    /// A register; `None` where there is none. `is_traced`: DEMCR.TRCENA.
    pub(super) fn read(&self, offset: u32, is_traced: bool, fabric: &Fabric) -> Option<u32> {
        Some(match offset {
            // FIFOREADY.
            _ if is_port(offset) => u32::from(self.is_on(offset / 4, is_traced, fabric)),
            TER => self.enabled_ports,
            TPR => self.privilege,
            TCR => self.control,
            LAR => 0,
            LSR if self.is_unlocked => UNLOCKED,
            LSR => LOCKED,
            _ => return None,
        })
    }

    /// Writes a register that is no port; `None` where there is none.
    pub(super) fn write(&mut self, offset: u32, value: u32, is_traced: bool) -> Option<()> {
        let takes = is_traced && self.is_unlocked;
        match offset {
            LAR => self.is_unlocked = value == KEY,
            TER if takes => self.enabled_ports = value,
            TPR if takes => self.privilege = value & 0xf,
            TCR if takes => self.control = value & TCR_WRITABLE,
            TER | TPR | TCR | LSR => {}
            _ => return None,
        }
        Some(())
    }

    /// A store of `bytes` to a port.
    pub(super) fn send(&self, offset: u32, bytes: &[u8], is_traced: bool, fabric: &mut Fabric) {
        let port = offset / 4;
        if port >= LOG_CHANNELS.into() || !self.is_on(port, is_traced, fabric) || !fabric.collects_itm() {
            return;
        }
        for byte in bytes {
            fabric.uart_output(DebugLine::Itm(port as u8).index(), *byte);
        }
    }
}
