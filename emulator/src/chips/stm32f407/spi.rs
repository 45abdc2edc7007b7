//! SPI1 to 3 (RM0090 chapter 28) as controllers, full duplex or on one data line that sends, frames of 8 and 16 bits.
//!
//! A frame takes its bits' time. DR has one place for each direction beside the shift register, so frames follow each other
//! without a gap while DR is filled in time. The levels of SCK and MOSI are not reported as pin changes; NSS is, where the
//! controller drives it (SSOE). Polarity and phase do not matter to a part. SPE that is cleared within a frame aborts the frame;
//! the manual leaves that open. Not modelled: targets, receive-only modes, NSS as an input, CRC, the TI frame format, I2S.

use crate::core::events::{EventId, Token};
use crate::core::fabric::{AccessFault, Fabric};
use crate::machine::VirtualTime;
use crate::parts::SpiPins;

/// Number of them: SPI1 is 0.
pub(super) const COUNT: usize = 3;
/// The alternate function of their pins (datasheet table 9).
pub(super) const FUNCTIONS: [u32; COUNT] = [5, 5, 6];

const fn pin(port: u8, pin: u16) -> u16 {
    (port - b'A') as u16 * 32 + pin
}
/// Pins that can be SCK, MISO, MOSI and NSS.
pub(super) const SCK_PINS: [&[u16]; COUNT] = [
    &[pin(b'A', 5), pin(b'B', 3)],
    &[pin(b'B', 10), pin(b'B', 13), pin(b'I', 1)],
    &[pin(b'B', 3), pin(b'C', 10)],
];
pub(super) const MISO_PINS: [&[u16]; COUNT] = [
    &[pin(b'A', 6), pin(b'B', 4)],
    &[pin(b'B', 14), pin(b'C', 2), pin(b'I', 2)],
    &[pin(b'B', 4), pin(b'C', 11)],
];
pub(super) const MOSI_PINS: [&[u16]; COUNT] = [
    &[pin(b'A', 7), pin(b'B', 5)],
    &[pin(b'B', 15), pin(b'C', 3), pin(b'I', 3)],
    &[pin(b'B', 5), pin(b'C', 12)],
];
pub(super) const NSS_PINS: [&[u16]; COUNT] = [
    &[pin(b'A', 4), pin(b'A', 15)],
    &[pin(b'B', 9), pin(b'B', 12), pin(b'I', 0)],
    &[pin(b'A', 4), pin(b'A', 15)],
];

/// SPI1 is on APB2, the others on APB1.
pub(super) fn is_on_apb2(index: usize) -> bool {
    index == 0
}

/// CR1.
const MSTR: u32 = 1 << 2;
const SPE: u32 = 1 << 6;
const LSBFIRST: u32 = 1 << 7;
const SSI: u32 = 1 << 8;
const SSM: u32 = 1 << 9;
const RXONLY: u32 = 1 << 10;
const DFF: u32 = 1 << 11;
const CRCNEXT_CRCEN: u32 = 3 << 12;
const BIDIOE: u32 = 1 << 14;
const BIDIMODE: u32 = 1 << 15;
/// CR2.
const RXDMAEN: u32 = 1 << 0;
const TXDMAEN: u32 = 1 << 1;
const SSOE: u32 = 1 << 2;
const FRF: u32 = 1 << 4;
const ERRIE: u32 = 1 << 5;
const RXNEIE: u32 = 1 << 6;
const TXEIE: u32 = 1 << 7;
/// SR.
const RXNE: u32 = 1 << 0;
const TXE: u32 = 1 << 1;
const MODF: u32 = 1 << 5;
const OVR: u32 = 1 << 6;
const BSY: u32 = 1 << 7;
/// I2SCFGR.I2SMOD.
const I2SMOD: u32 = 1 << 11;

/// One controller.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Spi {
    token: Token,
    cr1: u32,
    cr2: u32,
    /// SR without TXE and BSY, which follow from the places of data.
    flags: u32,
    crcpr: u32,
    i2scfgr: u32,
    i2spr: u32,
    /// The frame that DR holds for the line.
    tdr: Option<u16>,
    /// The frame on the line.
    shifting: Option<u16>,
    rdr: u16,
    /// DR was read since OVR was set: SR that is read next clears OVR (28.3.10).
    dr_was_read: bool,
    /// SR was read since MODF was set: a store to CR1 clears MODF.
    sr_was_read: bool,
    event: Option<EventId>,
    /// What the chip knows of [`Self::select`].
    selects: bool,
}

impl Spi {
    pub(super) fn new(token: Token) -> Self {
        Self {
            token,
            cr1: 0,
            cr2: 0,
            flags: 0,
            crcpr: 7,
            i2scfgr: 0,
            i2spr: 2,
            tdr: None,
            shifting: None,
            rdr: 0,
            dr_was_read: false,
            sr_was_read: false,
            event: None,
            selects: false,
        }
    }

    /// Reset, of the chip or by RCC.
    pub(super) fn reset(&mut self, fabric: &mut Fabric) {
        self.abort(fabric);
        *self = Self {
            selects: self.selects,
            ..Self::new(self.token)
        };
    }

    fn abort(&mut self, fabric: &mut Fabric) {
        if let Some(event) = self.event.take() {
            fabric.cancel(event);
        }
        self.shifting = None;
    }

    fn sr(&self) -> u32 {
        let full = self.tdr.is_some();
        self.flags | if full { 0 } else { TXE } | if self.shifting.is_some() { BSY } else { 0 }
    }

    pub(super) fn interrupt(&self) -> bool {
        let on = |bit: u32| self.cr2 & bit != 0;
        let sr = self.sr();
        sr & TXE != 0 && on(TXEIE) || sr & RXNE != 0 && on(RXNEIE) || sr & (MODF | OVR) != 0 && on(ERRIE)
    }

    /// Whether it drives NSS low, if that has changed since the last call: while it is enabled with SSOE (28.3.1).
    pub(super) fn changed_select(&mut self) -> Option<bool> {
        let selects = self.cr1 & (SPE | MSTR | SSM) == SPE | MSTR && self.cr2 & SSOE != 0;
        (std::mem::replace(&mut self.selects, selects) != selects).then_some(selects)
    }

    /// Whether it asks DMA for a frame to send.
    pub(super) fn wants_to_send(&self) -> bool {
        self.cr2 & TXDMAEN != 0 && self.tdr.is_none()
    }

    /// Whether it asks DMA to fetch a frame.
    pub(super) fn has_received(&self) -> bool {
        self.cr2 & RXDMAEN != 0 && self.flags & RXNE != 0
    }

    /// Bytes of a frame.
    fn bytes(&self) -> u32 {
        if self.cr1 & DFF != 0 { 2 } else { 1 }
    }

    /// Writes DR: as the core does, and DMA.
    pub(super) fn put_data(&mut self, fabric: &mut Fabric, pclk: u32, frame: u16) {
        self.tdr = Some(if self.cr1 & DFF != 0 { frame } else { frame & 0xff });
        self.shift(fabric, pclk, fabric.now());
    }

    /// Reads DR: as the core does, and DMA.
    pub(super) fn take_data(&mut self) -> u16 {
        self.flags &= !RXNE;
        self.dr_was_read = true;
        self.rdr
    }

    /// Puts the next frame on the line, if the line is free.
    fn shift(&mut self, fabric: &mut Fabric, pclk: u32, from: VirtualTime) {
        if self.shifting.is_some() || self.cr1 & SPE == 0 {
            return;
        }
        self.shifting = self.tdr.take();
        if self.shifting.is_some() {
            let clocks = u64::from(8 * self.bytes()) << (1 + (self.cr1 >> 3 & 7));
            let end = from + VirtualTime::from_ticks(clocks, u64::from(pclk.max(1)));
            self.event = Some(fabric.schedule(end, self.token));
        }
    }

    /// The frame on the line is over.
    pub(super) fn wake(&mut self, fabric: &mut Fabric, pclk: u32, pins: Option<SpiPins>) {
        self.event = None;
        let Some(frame) = self.shifting.take() else { return };
        let is_one_way = self.cr1 & BIDIMODE != 0;
        let pins = pins.map(|pins| SpiPins {
            miso: pins.miso.filter(|_| !is_one_way),
            ..pins
        });
        let answer = self.exchange(fabric, pins, frame);
        if self.flags & RXNE != 0 && !is_one_way {
            self.flags |= OVR;
            self.dr_was_read = false;
        } else if !is_one_way {
            self.rdr = answer;
            self.flags |= RXNE;
        }
        self.shift(fabric, pclk, fabric.now());
    }

    /// Exchanges a frame with the parts, in the order of its bits on the line.
    fn exchange(&self, fabric: &mut Fabric, pins: Option<SpiPins>, frame: u16) -> u16 {
        let bits = 8 * self.bytes();
        let turned = |frame: u16| match self.cr1 & LSBFIRST {
            0 => frame,
            _ => frame.reverse_bits() >> (16 - bits),
        };
        let sent = turned(frame).to_be_bytes();
        let mut answer = [0; 2];
        for index in 2 - self.bytes() as usize..2 {
            answer[index] = pins.map_or(0, |pins| fabric.spi_transfer(pins, sent[index]));
        }
        turned(u16::from_be_bytes(answer))
    }

    pub(super) fn read(&mut self, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x00 => self.cr1,
            0x04 => self.cr2,
            0x08 => {
                let sr = self.sr();
                self.sr_was_read = true;
                if std::mem::take(&mut self.dr_was_read) {
                    self.flags &= !OVR;
                }
                sr
            }
            0x0c => u32::from(self.take_data()),
            0x10 => self.crcpr,
            // RXCRCR and TXCRCR: CRCEN was never set.
            0x14 | 0x18 => 0,
            0x1c => self.i2scfgr,
            0x20 => self.i2spr,
            _ => return Err(AccessFault::Unmapped),
        })
    }

    pub(super) fn write(&mut self, fabric: &mut Fabric, pclk: u32, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            0x00 => return self.control(fabric, pclk, value & 0xffff),
            0x04 if value & FRF != 0 => return Err(AccessFault::UnmodelledUse),
            0x04 => self.cr2 = value & 0xe7,
            // CRCERR is cleared by a store of zero; it was never set.
            0x08 => {}
            0x0c => self.put_data(fabric, pclk, value as u16),
            0x10 => self.crcpr = value & 0xffff,
            0x14 | 0x18 => return Err(AccessFault::Denied),
            0x1c if value & I2SMOD != 0 => return Err(AccessFault::UnmodelledUse),
            0x1c => self.i2scfgr = value & 0x07bf,
            0x20 => self.i2spr = value & 0x3ff,
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    fn control(&mut self, fabric: &mut Fabric, pclk: u32, value: u32) -> Result<(), AccessFault> {
        let is_receive_only = value & BIDIMODE != 0 && value & BIDIOE == 0 || value & RXONLY != 0;
        let listens_to_nss = value & SSM == 0 && self.cr2 & SSOE == 0;
        if value & CRCNEXT_CRCEN != 0 || value & SPE != 0 && (value & MSTR == 0 || is_receive_only || listens_to_nss) {
            return Err(AccessFault::UnmodelledUse);
        }
        if std::mem::take(&mut self.sr_was_read) {
            self.flags &= !MODF;
        }
        self.cr1 = value;
        if value & SPE == 0 {
            self.abort(fabric);
        } else if value & (SSM | SSI) == SSM {
            // A controller that another one selects (28.3.10).
            self.flags |= MODF;
            self.cr1 &= !(SPE | MSTR);
            self.abort(fabric);
        } else {
            self.shift(fabric, pclk, fabric.now());
        }
        Ok(())
    }
}
