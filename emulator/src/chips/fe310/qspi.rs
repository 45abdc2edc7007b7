//! QSPI0 (FE310-G002 manual, chapter 19 "Serial Peripheral Interface") with the board's flash on its chip select 0.
//!
//! The flash is in the memory map. It is programmed by single frames while `fctrl.en` is clear. On silicon code must
//! not run from flash then; here it may.

use std::collections::VecDeque;

use super::nor::NorFlash;
use crate::core::events::Token;
use crate::core::fabric::{AccessFault, AccessSize, Fabric};
use crate::machine::VirtualTime;

const FIFO: usize = 8;
const FLAG: u32 = 1 << 31;
const TXWM: u32 = 1;
const RXWM: u32 = 2;
/// `csmode`.
const HOLD: u32 = 2;
const OFF: u32 = 3;
/// `fmt` bits.
const PROTO: u32 = 3;
const ENDIAN: u32 = 1 << 2;
const DIR_TX: u32 = 1 << 3;

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Qspi {
    token: Token,
    flash: NorFlash,
    sckdiv: u32,
    sckmode: u32,
    csid: u32,
    csdef: u32,
    csmode: u32,
    delay0: u32,
    delay1: u32,
    fmt: u32,
    txmark: u32,
    rxmark: u32,
    fctrl: u32,
    ffmt: u32,
    ie: u32,
    tx: VecDeque<u8>,
    rx: VecDeque<u8>,
    shifting: Option<u8>,
}

impl Qspi {
    pub(super) fn new(token: Token) -> Self {
        Self {
            token,
            flash: NorFlash::default(),
            sckdiv: 3,
            sckmode: 0,
            csid: 0,
            csdef: 1,
            csmode: 0,
            delay0: 0x1_0001,
            delay1: 1,
            fmt: 0x8_0000,
            txmark: 0,
            rxmark: 0,
            fctrl: 1,
            ffmt: 0x0003_0007,
            ie: 0,
            tx: VecDeque::new(),
            rx: VecDeque::new(),
            shifting: None,
        }
    }

    /// The controller's reset; the flash continues its operation.
    pub(super) fn reset(&mut self) {
        let flash = std::mem::take(&mut self.flash);
        *self = Self {
            flash,
            ..Self::new(self.token)
        };
    }

    pub(super) fn read(&mut self, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x00 => self.sckdiv,
            0x04 => self.sckmode,
            0x10 => self.csid,
            0x14 => self.csdef,
            0x18 => self.csmode,
            0x28 => self.delay0,
            0x2c => self.delay1,
            0x40 => self.fmt,
            0x48 => {
                if self.tx.len() >= FIFO {
                    FLAG
                } else {
                    0
                }
            }
            0x4c => self.rx.pop_front().map_or(FLAG, u32::from),
            0x50 => self.txmark,
            0x54 => self.rxmark,
            0x60 => self.fctrl,
            0x64 => self.ffmt,
            0x70 => self.ie,
            0x74 => self.pending(),
            _ => return Err(AccessFault::Unmapped),
        })
    }

    pub(super) fn write(&mut self, fabric: &mut Fabric, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            0x00 => self.sckdiv = value & 0xfff,
            0x04 if value == 0 => self.sckmode = 0,
            0x10 if value == 0 => {}
            0x14 if value == 1 => {}
            0x18 => {
                let before = std::mem::replace(&mut self.csmode, value & 3);
                if before == HOLD && self.csmode != HOLD {
                    self.deselect(fabric);
                }
            }
            0x28 => self.delay0 = value & 0x00ff_00ff,
            0x2c => self.delay1 = value & 0x00ff_00ff,
            0x40 if value & (PROTO | ENDIAN) == 0 && value >> 16 & 15 == 8 => self.fmt = value,
            0x48 if self.tx.len() < FIFO => self.tx.push_back(value as u8),
            0x48 | 0x4c | 0x74 => {}
            0x50 => self.txmark = value & 7,
            0x54 => self.rxmark = value & 7,
            0x60 => self.fctrl = value & 1,
            0x64 => self.ffmt = value,
            0x70 => self.ie = value & (TXWM | RXWM),
            // Other clock modes, chip selects and frame formats.
            0x04 | 0x10 | 0x14 | 0x40 => return Err(AccessFault::UnmodelledUse),
            _ => return Err(AccessFault::Unmapped),
        }
        self.start(fabric);
        Ok(())
    }

    pub(super) fn interrupt(&self) -> bool {
        self.pending() & self.ie != 0
    }

    /// A frame is through.
    pub(super) fn wake(&mut self, fabric: &mut Fabric) {
        let Some(sent) = self.shifting.take() else { return };
        let received = match self.csmode {
            OFF => 0xff,
            _ => self.flash.exchange(fabric, sent),
        };
        if self.fmt & DIR_TX == 0 && self.rx.len() < FIFO {
            self.rx.push_back(received);
        }
        if self.csmode == 0 && self.tx.is_empty() {
            self.deselect(fabric);
        }
        self.start(fabric);
    }

    fn deselect(&mut self, fabric: &mut Fabric) {
        if !self.flash.deselect(fabric) {
            fabric.log_fault(0x1001_4048, AccessSize::Word, None, AccessFault::UnmodelledUse);
        }
    }

    /// Shifts the next frame; in memory-mapped mode the FIFO waits.
    fn start(&mut self, fabric: &mut Fabric) {
        if self.shifting.is_none() && self.fctrl == 0 {
            self.shifting = self.tx.pop_front();
            if self.shifting.is_some() {
                let clocks = 8 * 2 * u64::from(self.sckdiv + 1);
                let span = VirtualTime::from_ticks(clocks, u64::from(fabric.cpu_hz()));
                fabric.schedule_in(span, self.token);
            }
        }
    }

    fn pending(&self) -> u32 {
        let tx = if self.tx.len() < self.txmark as usize { TXWM } else { 0 };
        tx | if self.rx.len() > self.rxmark as usize { RXWM } else { 0 }
    }
}
