//! I2C1 to 3 (RM0090 chapter 27) as controllers.
//!
//! A START takes one bit's time, a byte nine, a STOP one. SCL is held while ADDR is set, while DR is empty behind a byte that
//! was sent, and while a received byte waits in the shift register, as in the flow charts of 27.3.3. After a byte that nobody
//! acknowledged the line is held until START or STOP. Not modelled: addresses of its own, 10-bit addresses, DMA, POS, SMBus,
//! PEC. A part never stretches the clock.

use crate::core::events::{EventId, Token};
use crate::core::fabric::{AccessFault, Fabric};
use crate::machine::VirtualTime;
use crate::parts::I2cPins;

/// Number of them: I2C1 is 0.
pub(super) const COUNT: usize = 3;
/// The alternate function of their pins (datasheet table 9).
pub(super) const FUNCTION: u32 = 4;

const fn pin(port: u8, pin: u16) -> u16 {
    (port - b'A') as u16 * 32 + pin
}
/// Pins that can be SCL and SDA.
pub(super) const SCL_PINS: [&[u16]; COUNT] = [
    &[pin(b'B', 6), pin(b'B', 8)],
    &[pin(b'B', 10), pin(b'F', 1), pin(b'H', 4)],
    &[pin(b'A', 8), pin(b'H', 7)],
];
pub(super) const SDA_PINS: [&[u16]; COUNT] = [
    &[pin(b'B', 7), pin(b'B', 9)],
    &[pin(b'B', 11), pin(b'F', 0), pin(b'H', 5)],
    &[pin(b'C', 9), pin(b'H', 8)],
];

/// CR1.
const PE: u32 = 1 << 0;
const START: u32 = 1 << 8;
const STOP: u32 = 1 << 9;
const ACK: u32 = 1 << 10;
const SWRST: u32 = 1 << 15;
/// NOSTRETCH and ENGC concern a target, and are kept. SMBUS, SMBTYPE, ENARP, ENPEC, POS, PEC, ALERT are not modelled.
const UNMODELLED_CR1: u32 = 0x383a;
/// CR2.
const ITERREN: u32 = 1 << 8;
const ITEVTEN: u32 = 1 << 9;
const ITBUFEN: u32 = 1 << 10;
const DMAEN: u32 = 1 << 11;
/// SR1.
const SB: u32 = 1 << 0;
const ADDR: u32 = 1 << 1;
const BTF: u32 = 1 << 2;
const RXNE: u32 = 1 << 6;
const TXE: u32 = 1 << 7;
const AF: u32 = 1 << 10;
/// BERR, ARLO, AF, OVR, PECERR, TIMEOUT, SMBALERT: cleared by a store of zero.
const ERRORS: u32 = 0xdf00;
/// SR2.
const MSL: u32 = 1 << 0;
const BUSY: u32 = 1 << 1;
const TRA: u32 = 1 << 2;

/// One controller.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct I2c {
    token: Token,
    cr1: u32,
    cr2: u32,
    oar: [u32; 2],
    ccr: u32,
    trise: u32,
    fltr: u32,
    sr1: u32,
    sr2: u32,
    /// DR, if a byte waits there.
    dr: Option<u8>,
    /// What DR reads: the byte that was received last.
    received: u8,
    /// A received byte that DR has no room for.
    shifted: Option<u8>,
    /// SR1 was read: what comes next clears its flags.
    sr1_was_read: bool,
    line: Line,
    due: VirtualTime,
    event: Option<EventId>,
}

/// What is on the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
enum Line {
    /// Nothing; if BUSY, SCL is held low.
    Idle,
    Start,
    Address(u8),
    Tx(u8),
    Rx,
    Stop,
}

impl I2c {
    pub(super) fn new(token: Token) -> Self {
        Self {
            token,
            cr1: 0,
            cr2: 0,
            oar: [0; 2],
            ccr: 0,
            trise: 2,
            fltr: 0,
            sr1: 0,
            sr2: 0,
            dr: None,
            received: 0,
            shifted: None,
            sr1_was_read: false,
            line: Line::Idle,
            due: VirtualTime::ZERO,
            event: None,
        }
    }

    /// Reset, of the chip or by RCC.
    pub(super) fn reset(&mut self, fabric: &mut Fabric) {
        if let Some(event) = self.event.take() {
            fabric.cancel(event);
        }
        *self = Self::new(self.token);
    }

    /// The levels of its event and error lines.
    pub(super) fn interrupts(&self) -> [bool; 2] {
        let buffer = if self.cr2 & ITBUFEN != 0 { TXE | RXNE } else { 0 };
        let event = self.cr2 & ITEVTEN != 0 && self.sr1 & (SB | ADDR | BTF | buffer) != 0;
        [event, self.cr2 & ITERREN != 0 && self.sr1 & ERRORS != 0]
    }

    /// The period of SCL (27.6.8): twice CCR, or three or 25 times in fast mode.
    fn bit(&self, pclk: u32) -> VirtualTime {
        let factor = match self.ccr >> 14 {
            0 | 1 => 2,
            2 => 3,
            _ => 25,
        };
        let ticks = factor * u64::from((self.ccr & 0xfff).max(1));
        VirtualTime::from_ticks(ticks, u64::from(pclk.max(1)))
    }

    fn put(&mut self, fabric: &mut Fabric, pclk: u32, line: Line, bits: u64) {
        self.line = line;
        self.due += VirtualTime::from_ps(self.bit(pclk).as_ps() * bits);
        self.event = Some(fabric.schedule(self.due, self.token));
    }

    /// The line is idle or at a boundary between bytes: does what is asked for next.
    fn proceed(&mut self, fabric: &mut Fabric, pclk: u32) {
        let is_ours = self.sr2 & MSL != 0;
        if self.cr1 & PE == 0 || self.line != Line::Idle || self.sr1 & (SB | ADDR) != 0 {
            return;
        }
        let is_sending = is_ours && self.sr2 & TRA != 0;
        // A byte that waits for its turn goes first.
        if is_sending
            && self.sr1 & AF == 0
            && let Some(byte) = self.dr.take()
        {
            self.sr1 = self.sr1 & !BTF | TXE;
            return self.put(fabric, pclk, Line::Tx(byte), 9);
        }
        if self.cr1 & STOP != 0 && is_ours {
            self.put(fabric, pclk, Line::Stop, 1);
        } else if self.cr1 & START != 0 {
            self.put(fabric, pclk, Line::Start, 1);
        }
    }

    /// Receives the next byte.
    fn receive(&mut self, fabric: &mut Fabric, pclk: u32) {
        self.put(fabric, pclk, Line::Rx, 9);
    }

    /// What was on the line is over.
    pub(super) fn wake(&mut self, fabric: &mut Fabric, pclk: u32, pins: Option<I2cPins>) {
        self.event = None;
        // A flag that is set now was not read before.
        self.sr1_was_read = false;
        match std::mem::replace(&mut self.line, Line::Idle) {
            Line::Idle => return,
            Line::Start => {
                self.cr1 &= !START;
                self.sr1 = self.sr1 & !(BTF | TXE) | SB;
                self.sr2 |= MSL | BUSY;
                self.dr = None;
            }
            Line::Address(byte) => {
                let is_read = byte & 1 != 0;
                let acknowledged = pins.is_some_and(|pins| fabric.i2c_start(pins, byte >> 1, is_read));
                self.sr2 = self.sr2 & !TRA | if is_read { 0 } else { TRA };
                self.sr1 |= if acknowledged { ADDR } else { AF };
            }
            Line::Tx(byte) => {
                if !pins.is_some_and(|pins| fabric.i2c_write(pins, byte)) {
                    self.sr1 |= AF;
                } else if self.dr.is_none() {
                    self.sr1 |= BTF;
                }
            }
            Line::Rx => {
                let byte = pins.map_or(0xff, |pins| fabric.i2c_read(pins));
                if self.sr1 & RXNE == 0 {
                    self.received = byte;
                    self.sr1 |= RXNE;
                } else {
                    self.shifted = Some(byte);
                    self.sr1 |= BTF;
                }
                if self.cr1 & ACK != 0 && self.shifted.is_none() && self.cr1 & (START | STOP) == 0 {
                    return self.receive(fabric, pclk);
                }
            }
            Line::Stop => {
                if let Some(pins) = pins {
                    fabric.i2c_stop(pins);
                }
                self.cr1 &= !STOP;
                self.sr1 &= !(TXE | BTF);
                self.sr2 &= !(MSL | BUSY | TRA);
                self.dr = None;
            }
        }
        self.proceed(fabric, pclk);
    }

    pub(super) fn read(&mut self, fabric: &mut Fabric, pclk: u32, offset: u32) -> Result<u32, AccessFault> {
        self.catch_up(fabric);
        Ok(match offset {
            0x00 => self.cr1,
            0x04 => self.cr2,
            0x08 | 0x0c => self.oar[(offset as usize - 8) / 4],
            0x10 => {
                self.read_dr(fabric, pclk);
                u32::from(self.received)
            }
            0x14 => {
                self.sr1_was_read = true;
                self.sr1
            }
            0x18 => {
                let was_addressed = self.sr1 & ADDR != 0 && std::mem::take(&mut self.sr1_was_read);
                if was_addressed {
                    self.sr1 &= !ADDR;
                    if self.sr2 & TRA != 0 {
                        self.sr1 |= TXE;
                        self.proceed(fabric, pclk);
                    } else {
                        self.receive(fabric, pclk);
                    }
                }
                self.sr2
            }
            0x1c => self.ccr,
            0x20 => self.trise,
            0x24 => self.fltr,
            _ => return Err(AccessFault::Unmapped),
        })
    }

    /// The byte was fetched: the next one moves up, and the line goes on.
    fn read_dr(&mut self, fabric: &mut Fabric, pclk: u32) {
        if self.sr1 & RXNE == 0 {
            return;
        }
        let byte = self.received;
        if let Some(next) = self.shifted.take() {
            // What is read now is the older byte; the newer one is in DR behind this access.
            self.sr1 &= !BTF;
            self.dr = Some(next);
            if self.cr1 & ACK != 0 && self.cr1 & (START | STOP) == 0 && self.line == Line::Idle {
                self.receive(fabric, pclk);
            }
        } else {
            self.sr1 &= !RXNE;
        }
        self.received = byte;
    }

    pub(super) fn write(&mut self, fabric: &mut Fabric, pclk: u32, offset: u32, value: u32) -> Result<(), AccessFault> {
        self.catch_up(fabric);
        match offset {
            0x00 => {
                if value & UNMODELLED_CR1 != 0 {
                    return Err(AccessFault::UnmodelledUse);
                }
                if value & SWRST != 0 || value & PE == 0 {
                    let (token, cr2, oar, ccr, trise) = (self.token, self.cr2, self.oar, self.ccr, self.trise);
                    self.reset(fabric);
                    if value & SWRST == 0 {
                        *self = Self {
                            token,
                            cr2,
                            oar,
                            ccr,
                            trise,
                            ..Self::new(token)
                        };
                    }
                    // ACK, START and STOP cannot be set while PE is off.
                    self.cr1 = value & !(ACK | START | STOP);
                    return Ok(());
                }
                self.cr1 = value;
                self.proceed(fabric, pclk);
            }
            0x04 if value & DMAEN != 0 => return Err(AccessFault::UnmodelledUse),
            0x04 => self.cr2 = value & 0x173f,
            0x08 | 0x0c => self.oar[(offset as usize - 8) / 4] = value & 0xffff,
            0x10 => self.write_dr(fabric, pclk, value as u8),
            0x14 => self.sr1 &= value | !ERRORS,
            0x18 => return Err(AccessFault::Denied),
            0x1c => self.ccr = value & 0xcfff,
            0x20 => self.trise = value & 0x3f,
            0x24 => self.fltr = value & 0x1f,
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    fn write_dr(&mut self, fabric: &mut Fabric, pclk: u32, byte: u8) {
        if self.sr1 & SB != 0 {
            if std::mem::take(&mut self.sr1_was_read) {
                self.sr1 &= !(SB | AF);
                self.put(fabric, pclk, Line::Address(byte), 9);
            }
            return;
        }
        if self.sr2 & TRA != 0 {
            self.dr = Some(byte);
            self.sr1 &= !(TXE | BTF);
            self.proceed(fabric, pclk);
        }
    }

    /// The next bit on the line begins no earlier than now.
    fn catch_up(&mut self, fabric: &Fabric) {
        if self.event.is_none() {
            self.due = self.due.max(fabric.now());
        }
        // A byte that moved up while DR was read.
        if let Some(next) = self.dr.filter(|_| self.sr2 & TRA == 0) {
            self.received = next;
            self.dr = None;
        }
    }
}
