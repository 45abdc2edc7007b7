//! SPI0 and 1 (manual chapter 32) as controllers: frames of 8 to 16, 20, 24 and 32 bits in both directions or out only, with
//! and without SSL0, loopback.
//!
//! A frame takes its bits' time. In SPI operation (four wires) SSL0 is driven around each frame, with the delays of SPCKD, SSLND and
//! SPND or their shortest; in clock-synchronous operation frames follow each other without a gap. One frame waits behind the shift
//! register in each direction. SPE that is cleared within a frame aborts it. Polarity and phase do not matter to a part. A
//! part hears whole bytes: a frame whose length is no multiple of eight is filled up with zeros behind it. The levels of
//! RSPCK and MOSI are not reported. Not modelled: targets, SSL1 to SSL3, parity, RSPCK auto-stop, mode faults, DTC.

use super::ports::pin;
use crate::core::events::{EventId, Token};
use crate::core::fabric::{AccessFault, AccessSize, Fabric};
use crate::machine::VirtualTime;
use crate::parts::SpiPins;

pub(super) const COUNT: usize = 2;
/// PSEL of their pins (table 19.5).
pub(super) const FUNCTION: u32 = 6;
pub(super) const SCK_PINS: [&[u16]; COUNT] = [&[pin(1, 2), pin(4, 12)], &[pin(1, 11), pin(2, 4)]];
pub(super) const MOSI_PINS: [&[u16]; COUNT] = [&[pin(1, 1), pin(4, 11)], &[pin(1, 9), pin(2, 3)]];
pub(super) const MISO_PINS: [&[u16]; COUNT] = [&[pin(1, 0), pin(4, 10)], &[pin(1, 10), pin(2, 2)]];
/// SSL0.
pub(super) const SSL_PINS: [u16; COUNT] = [pin(1, 3), pin(1, 12)];

/// Event numbers of SPRI; SPTI, SPII, SPEI and SPTEND follow it.
const SPRI: [u8; COUNT] = [0xad, 0xb2];

/// SPCR.
const SPMS: u8 = 1 << 0;
const TXMD: u8 = 1 << 1;
const MODFEN: u8 = 1 << 2;
const MSTR: u8 = 1 << 3;
const SPEIE: u8 = 1 << 4;
const SPTIE: u8 = 1 << 5;
const SPE: u8 = 1 << 6;
const SPRIE: u8 = 1 << 7;
/// SPPCR: loopback, inverted or not.
const SPLP: u8 = 1 << 0;
const SPLP2: u8 = 1 << 1;
/// SPSR.
const OVRF: u8 = 1 << 0;
const IDLNF: u8 = 1 << 1;
const SPTEF: u8 = 1 << 5;
const SPRF: u8 = 1 << 7;
/// SPDCR.
const SPRDTD: u8 = 1 << 4;
const SPLW: u8 = 1 << 5;
const SPBYT: u8 = 1 << 6;
/// SPCR2.
const SPPE: u8 = 1 << 0;
const SPIIE: u8 = 1 << 2;
const PTE_SCKASE: u8 = 3 << 3;
/// SPCMD0.
const SSLA: u16 = 7 << 4;
const LSBF: u16 = 1 << 12;
const SPNDEN: u16 = 1 << 13;
const SLNDEN: u16 = 1 << 14;
const SCKDEN: u16 = 1 << 15;

/// One controller.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Spi {
    index: usize,
    token: Token,
    spcr: u8,
    sslp: u8,
    sppcr: u8,
    /// OVRF and SPRF; the others follow from the places of data.
    flags: u8,
    spbr: u8,
    spdcr: u8,
    /// SPCKD, SSLND, SPND.
    delays: [u8; 3],
    spcr2: u8,
    spcmd: u16,
    /// The frame that waits for the line.
    waiting: Option<u32>,
    shifting: Option<u32>,
    received: u32,
    due: VirtualTime,
    event: Option<EventId>,
    /// The sources of events that were active.
    asserted: u8,
    /// Events that were not carried to the ICU yet.
    pub(super) events: Vec<u8>,
}

impl Spi {
    pub(super) fn new(index: usize, token: Token) -> Self {
        Self {
            index,
            token,
            spcr: 0,
            sslp: 0,
            sppcr: 0,
            flags: 0,
            spbr: 0xff,
            spdcr: 0,
            delays: [0; 3],
            spcr2: 0,
            spcmd: 0x070d,
            waiting: None,
            shifting: None,
            received: 0,
            due: VirtualTime::ZERO,
            event: None,
            asserted: 0,
            events: Vec::new(),
        }
    }

    /// Bits of a frame (SPB).
    fn bits(&self) -> u32 {
        match u32::from(self.spcmd >> 8 & 15) {
            0 => 20,
            1 => 24,
            2 | 3 => 32,
            4..8 => 8,
            other => other + 1,
        }
    }

    /// The level of SSL0; `None` if the controller does not drive it.
    pub(super) fn ssl(&self) -> Option<bool> {
        let drives = self.spcr & (SPE | MSTR | SPMS) == SPE | MSTR;
        let active_high = self.sslp & 1 != 0;
        drives.then_some(self.shifting.is_some() == active_high)
    }

    fn spsr(&self) -> u8 {
        let idle = self.shifting.is_none() && self.waiting.is_none();
        let empty = if self.waiting.is_none() { SPTEF } else { 0 };
        self.flags | empty | if idle { 0 } else { IDLNF }
    }

    /// Raises the events of sources that became active since the last call.
    fn signal(&mut self) {
        let spsr = self.spsr();
        let enabled = |enable: bool, flag: bool| u8::from(enable && flag);
        let on = self.spcr & SPE != 0;
        let active = enabled(self.spcr & SPRIE != 0, spsr & SPRF != 0)
            | enabled(self.spcr & SPTIE != 0 && on, spsr & SPTEF != 0) << 1
            | enabled(self.spcr2 & SPIIE != 0 && on, spsr & IDLNF == 0) << 2
            | enabled(self.spcr & SPEIE != 0, spsr & OVRF != 0) << 3;
        let rises = active & !self.asserted;
        self.asserted = active;
        for which in (0..4).filter(|which| rises >> which & 1 != 0) {
            self.events.push(SPRI[self.index] + which);
        }
    }

    /// Puts the next frame on the line, if the line is free.
    fn shift(&mut self, fabric: &mut Fabric, pclka: u32) {
        if self.shifting.is_some() || self.spcr & SPE == 0 {
            return;
        }
        self.shifting = self.waiting.take();
        if self.shifting.is_none() {
            return;
        }
        let divider = (2 * (u64::from(self.spbr) + 1)) << (self.spcmd >> 2 & 3);
        let delay = |enable: u16, register: usize| match self.spcmd & enable {
            0 => 1,
            _ => u64::from(self.delays[register] & 7) + 1,
        };
        let (mut bits, mut clocks) = (u64::from(self.bits()), 0);
        if self.spcr & SPMS == 0 {
            bits += delay(SCKDEN, 0) + delay(SLNDEN, 1) + delay(SPNDEN, 2);
            clocks = 2;
        }
        self.due += VirtualTime::from_ticks(bits * divider + clocks, u64::from(pclka.max(1)));
        self.event = Some(fabric.schedule(self.due, self.token));
    }

    /// The frame on the line is over.
    pub(super) fn wake(&mut self, fabric: &mut Fabric, pclka: u32, pins: Option<SpiPins>) {
        self.event = None;
        let Some(frame) = self.shifting.take() else { return };
        let answer = match self.sppcr & (SPLP | SPLP2) {
            0 => self.exchange(fabric, pins, frame),
            SPLP2 => frame,
            _ => !frame & (u32::MAX >> (32 - self.bits())),
        };
        if self.spcr & TXMD != 0 {
            // Nothing is received.
        } else if self.flags & SPRF != 0 {
            self.flags |= OVRF;
        } else if self.flags & OVRF == 0 {
            self.received = answer;
            self.flags |= SPRF;
        }
        self.shift(fabric, pclka);
        if self.shifting.is_none() {
            self.events.push(SPRI[self.index] + 4);
        }
        self.signal();
    }

    /// Exchanges a frame with the parts, in the order of its bits on the line.
    fn exchange(&self, fabric: &mut Fabric, pins: Option<SpiPins>, frame: u32) -> u32 {
        let (bits, bytes) = (self.bits(), self.bits().div_ceil(8));
        let turned = |frame: u32| match self.spcmd & LSBF {
            0 => frame,
            _ => frame.reverse_bits() >> (32 - bits),
        };
        let sent = (turned(frame) << (32 - bits)).to_be_bytes();
        let mut answer = [0; 4];
        for index in 0..bytes as usize {
            answer[index] = pins.map_or(0, |pins| fabric.spi_transfer(pins, sent[index]));
        }
        turned(u32::from_be_bytes(answer) >> (32 - bits))
    }

    /// The width that SPDR is accessed by.
    fn width(&self) -> AccessSize {
        match self.spdcr & (SPBYT | SPLW) {
            0 => AccessSize::Half,
            SPLW => AccessSize::Word,
            _ => AccessSize::Byte,
        }
    }

    pub(super) fn read(&mut self, offset: u32, size: AccessSize) -> Result<u32, AccessFault> {
        let value = match (offset, size) {
            (0x04, size) if size == self.width() => {
                let value = match self.spdcr & SPRDTD {
                    0 => self.received,
                    _ => self.waiting.or(self.shifting).unwrap_or(0),
                };
                if self.spdcr & SPRDTD == 0 {
                    self.flags &= !SPRF;
                    self.signal();
                }
                return Ok(value & size.mask());
            }
            (0x10, AccessSize::Half) => return Ok(self.spcmd.into()),
            (0x04 | 0x10, _) => return Err(AccessFault::Width),
            (_, AccessSize::Half | AccessSize::Word) => return Err(AccessFault::Width),
            (0x00, _) => self.spcr,
            (0x01, _) => self.sslp,
            (0x02, _) => self.sppcr,
            (0x03, _) => self.spsr(),
            (0x0a, _) => self.spbr,
            (0x0b, _) => self.spdcr,
            (0x0c..0x0f, _) => self.delays[offset as usize - 0x0c],
            (0x0f, _) => self.spcr2,
            _ => return Err(AccessFault::Unmapped),
        };
        Ok(value.into())
    }

    pub(super) fn write(
        &mut self,
        fabric: &mut Fabric,
        pclka: u32,
        offset: u32,
        value: u32,
        size: AccessSize,
    ) -> Result<(), AccessFault> {
        if self.event.is_none() {
            self.due = fabric.now();
        }
        let byte = value as u8;
        match (offset, size) {
            (0x04, size) if size == self.width() => {
                // A full buffer keeps its frame (32.2.5).
                if self.waiting.is_none() && self.spcr & SPE != 0 {
                    self.waiting = Some(value & (u32::MAX >> (32 - self.bits())));
                    self.signal();
                    self.shift(fabric, pclka);
                }
            }
            (0x10, AccessSize::Half) if value as u16 & SSLA != 0 && self.spcr & SPMS == 0 => {
                return Err(AccessFault::UnmodelledUse);
            }
            (0x10, AccessSize::Half) => self.spcmd = value as u16 & 0xff7f,
            (0x04 | 0x10, _) | (_, AccessSize::Half | AccessSize::Word) => return Err(AccessFault::Width),
            (0x00, _) => {
                let is_target = byte & (SPE | MSTR) == SPE;
                if is_target || byte & (SPE | MODFEN) == SPE | MODFEN {
                    return Err(AccessFault::UnmodelledUse);
                }
                self.spcr = byte;
                if byte & SPE == 0 {
                    if let Some(event) = self.event.take() {
                        fabric.cancel(event);
                    }
                    (self.waiting, self.shifting) = (None, None);
                }
            }
            (0x01, _) => self.sslp = byte & 0x0f,
            (0x02, _) => self.sppcr = byte & 0x33,
            // SPTEF and SPRF follow the data; errors are cleared by zeros.
            (0x03, _) => self.flags &= byte | !OVRF,
            (0x0a, _) => self.spbr = byte,
            (0x0b, _) => self.spdcr = byte & (SPBYT | SPLW | SPRDTD),
            (0x0c..0x0f, _) => self.delays[offset as usize - 0x0c] = byte & 7,
            (0x0f, _) if byte & (SPPE | PTE_SCKASE) != 0 => return Err(AccessFault::UnmodelledUse),
            (0x0f, _) => self.spcr2 = byte & 0x1f,
            _ => return Err(AccessFault::Unmapped),
        }
        self.signal();
        Ok(())
    }
}
