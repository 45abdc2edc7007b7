//! SPI1 and SPI2 (FE310-G002 manual, chapter 19 "Serial Peripheral Interface"): controllers with FIFOs of eight frames, one line
//! for each direction, frames of a byte.
//!
//! A frame takes its bits' time; the delays between select and clock take none. The select pin follows `csmode`: in AUTO it is
//! active from the first frame until the FIFO is empty. Polarity and phase do not matter to a part. Not modelled: two and
//! four lines, LSB first, frames of other lengths.

use std::collections::VecDeque;

use crate::core::events::{EventId, Token};
use crate::core::fabric::{AccessFault, Fabric};
use crate::machine::VirtualTime;
use crate::parts::SpiPins;

/// SPI1 is 0.
pub(super) const COUNT: usize = 2;
/// Chip selects (as IOF 0; SPI2 has one), then MOSI, MISO, SCK (table 53).
pub(super) const CS_PINS: [&[u16]; COUNT] = [&[2, 8, 9, 10], &[26]];
const LINES: [[u16; 3]; COUNT] = [[3, 4, 5], [27, 28, 29]];

const FIFO: usize = 8;
/// `txdata.full`, `rxdata.empty`.
const FLAG: u32 = 1 << 31;
const TXWM: u32 = 1;
const RXWM: u32 = 2;
/// `csmode`.
const AUTO: u32 = 0;
const HOLD: u32 = 2;
/// `fmt`.
const PROTO_ENDIAN: u32 = 7;
const DIR_TX: u32 = 1 << 3;

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Spi {
    index: usize,
    token: Token,
    sckdiv: u32,
    sckmode: u32,
    csid: u32,
    csdef: u32,
    csmode: u32,
    delay: [u32; 2],
    fmt: u32,
    txmark: u32,
    rxmark: u32,
    ie: u32,
    tx: VecDeque<u8>,
    rx: VecDeque<u8>,
    shifting: Option<u8>,
    event: Option<EventId>,
    /// The selected pin is active: since the first frame in HOLD and AUTO.
    selects: bool,
}

impl Spi {
    pub(super) fn new(index: usize, token: Token) -> Self {
        Self {
            index,
            token,
            sckdiv: 3,
            sckmode: 0,
            csid: 0,
            csdef: all_selects(index),
            csmode: AUTO,
            delay: [0x1_0001, 1],
            fmt: 0x8_0000,
            txmark: 0,
            rxmark: 0,
            ie: 0,
            tx: VecDeque::new(),
            rx: VecDeque::new(),
            shifting: None,
            event: None,
            selects: false,
        }
    }

    /// Reset of the chip, which has dropped the events.
    pub(super) fn reset(&mut self) {
        *self = Self::new(self.index, self.token);
    }

    pub(super) fn interrupt(&self) -> bool {
        self.pending() & self.ie != 0
    }

    /// The pins of controller `index`, by `has`: whether a pin is given to IOF 0.
    pub(super) fn pins(index: usize, has: impl Fn(u16) -> bool) -> Option<SpiPins> {
        let [mosi, miso, sck] = LINES[index];
        has(sck).then(|| SpiPins {
            sck,
            mosi: has(mosi).then_some(mosi),
            miso: has(miso).then_some(miso),
        })
    }

    /// The levels of its select pins, the first one in bit 0.
    pub(super) fn select_levels(&self) -> u32 {
        self.csdef ^ u32::from(self.selects) << self.csid
    }

    pub(super) fn read(&mut self, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x00 => self.sckdiv,
            0x04 => self.sckmode,
            0x10 => self.csid,
            0x14 => self.csdef,
            0x18 => self.csmode,
            0x28 | 0x2c => self.delay[(offset as usize - 0x28) / 4],
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
            0x70 => self.ie,
            0x74 => self.pending(),
            // Only QSPI0 has `fctrl` and `ffmt`.
            _ => return Err(AccessFault::Unmapped),
        })
    }

    pub(super) fn write(&mut self, fabric: &mut Fabric, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            0x00 => self.sckdiv = value & 0xfff,
            0x04 => self.sckmode = value & 3,
            0x10 if value as usize >= CS_PINS[self.index].len() => return Err(AccessFault::UnmodelledUse),
            0x10 => self.csid = value,
            0x14 => self.csdef = value & all_selects(self.index),
            0x18 => {
                self.csmode = value & 3;
                // A change of the mode ends a HOLD; AUTO ends with its frames.
                let is_shifting = self.csmode == AUTO && self.shifting.is_some();
                self.selects &= self.csmode == HOLD || is_shifting;
            }
            0x28 | 0x2c => self.delay[(offset as usize - 0x28) / 4] = value & 0x00ff_00ff,
            0x40 if value & PROTO_ENDIAN != 0 || value >> 16 & 0xf != 8 => return Err(AccessFault::UnmodelledUse),
            0x40 => self.fmt = value & 0xf_000f,
            0x48 if self.tx.len() < FIFO => {
                self.tx.push_back(value as u8);
                self.start(fabric, fabric.now());
            }
            0x48 | 0x4c | 0x74 => {}
            0x50 => self.txmark = value & 7,
            0x54 => self.rxmark = value & 7,
            0x70 => self.ie = value & (TXWM | RXWM),
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    /// A frame is through.
    pub(super) fn wake(&mut self, fabric: &mut Fabric, pins: Option<SpiPins>) {
        self.event = None;
        let Some(sent) = self.shifting.take() else { return };
        let received = pins.map_or(0, |pins| fabric.spi_transfer(pins, sent));
        if self.fmt & DIR_TX == 0 && self.rx.len() < FIFO {
            self.rx.push_back(received);
        }
        self.start(fabric, fabric.now());
        if self.csmode == AUTO && self.shifting.is_none() {
            self.selects = false;
        }
    }

    fn start(&mut self, fabric: &mut Fabric, from: VirtualTime) {
        if self.shifting.is_some() {
            return;
        }
        self.shifting = self.tx.pop_front();
        if self.shifting.is_some() {
            self.selects |= matches!(self.csmode, AUTO | HOLD);
            let clocks = 8 * 2 * u64::from(self.sckdiv + 1);
            let span = VirtualTime::from_ticks(clocks, u64::from(fabric.cpu_hz()));
            self.event = Some(fabric.schedule(from + span, self.token));
        }
    }

    fn pending(&self) -> u32 {
        let tx = if self.tx.len() < self.txmark as usize { TXWM } else { 0 };
        tx | if self.rx.len() > self.rxmark as usize { RXWM } else { 0 }
    }
}

/// `csdef` of a controller that has all its select pins idle high.
fn all_selects(index: usize) -> u32 {
    (1 << CS_PINS[index].len()) - 1
}
