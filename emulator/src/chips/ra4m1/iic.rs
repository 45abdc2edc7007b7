//! IIC0 and 1 (manual chapter 29) as controllers: START, repeated START and STOP, bytes in both directions, their flags, events
//! and SCL being held.
//!
//! A condition takes one bit's time, a byte nine. SCL is held while ICDRT is empty, until ICDRR was read after an address that
//! asks for data, while ICDRR is full behind a further received byte, and, with WAIT, behind each received byte. After a NACK
//! (with NACKE) the line is held until a condition is asked for. Rise and fall of the lines take no time. Not modelled: addresses
//! of its own (registers keep theirs), RDRFS, CLO and levels set by hand, wake-up, timeouts (a part never holds SCL), DTC.

use super::ports::pin;
use crate::core::events::{EventId, Token};
use crate::core::fabric::{AccessFault, AccessSize, Fabric};
use crate::machine::VirtualTime;
use crate::parts::I2cPins;

pub(super) const COUNT: usize = 2;
/// PSEL of their pins (table 19.5).
pub(super) const FUNCTION: u32 = 7;
pub(super) const SCL_PINS: [&[u16]; COUNT] = [&[pin(4, 0), pin(4, 8), pin(2, 4)], &[pin(1, 0), pin(2, 5)]];
pub(super) const SDA_PINS: [&[u16]; COUNT] = [&[pin(4, 1), pin(4, 7)], &[pin(1, 1), pin(2, 6)]];

/// Event numbers of RXI; TXI, TEI and EEI follow it.
const RXI: [u8; COUNT] = [0x35, 0x3a];

/// ICCR1.
const ICE: u8 = 1 << 7;
const IICRST: u8 = 1 << 6;
const CLO: u8 = 1 << 5;
const SOWP: u8 = 1 << 4;
/// SCLO and SDAO.
const OUTPUTS: u8 = 3 << 2;
/// ICCR2.
const BBSY: u8 = 1 << 7;
const MST: u8 = 1 << 6;
const TRS: u8 = 1 << 5;
const SP: u8 = 1 << 3;
const RS: u8 = 1 << 2;
const ST: u8 = 1 << 1;
/// ICMR1.
const MTWP: u8 = 1 << 7;
const BCWP: u8 = 1 << 3;
/// ICMR3.
const WAIT: u8 = 1 << 6;
const RDRFS: u8 = 1 << 5;
const ACKWP: u8 = 1 << 4;
const ACKBT: u8 = 1 << 3;
const ACKBR: u8 = 1 << 2;
/// ICFER.
const SCLE: u8 = 1 << 6;
const NFE: u8 = 1 << 5;
const NACKE: u8 = 1 << 4;
const MALE: u8 = 1 << 1;
/// ICSR2; ICIER has the enables at the same places.
const TDRE: u8 = 1 << 7;
const TEND: u8 = 1 << 6;
const RDRF: u8 = 1 << 5;
const NACKF: u8 = 1 << 4;
const STOP: u8 = 1 << 3;
const START: u8 = 1 << 2;
const AL: u8 = 1 << 1;
const TMOF: u8 = 1 << 0;
/// ICWUR.WUE and WUIE.
const WUE: u8 = 3 << 6;

/// One controller.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Iic {
    index: usize,
    token: Token,
    iccr1: u8,
    iccr2: u8,
    icmr: [u8; 3],
    icfer: u8,
    icser: u8,
    icier: u8,
    icsr2: u8,
    /// SARL0 to SARU2.
    sar: [u8; 6],
    icbr: [u8; 2],
    icwur: [u8; 2],
    icdrt: u8,
    icdrr: u8,
    /// A received byte that ICDRR has no room for.
    shifted: Option<u8>,
    /// The next byte that is sent is an address.
    addresses: bool,
    /// SCL is held until ICDRR is read: behind an address that asks for data, and with WAIT behind each byte.
    held: bool,
    /// Flags that were set and enabled.
    asserted: u8,
    line: Line,
    due: VirtualTime,
    event: Option<EventId>,
    /// Events that were not carried to the ICU yet.
    pub(super) events: Vec<u8>,
}

/// What is on the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
enum Line {
    /// Nothing; if BBSY, SCL is held low.
    Idle,
    Start,
    Address(u8),
    Tx(u8),
    Rx,
    Stop,
}

impl Iic {
    pub(super) fn new(index: usize, token: Token) -> Self {
        Self {
            index,
            token,
            iccr1: 0x10,
            iccr2: 0,
            icmr: [BCWP, 0x06, 0],
            icfer: 0x72,
            icser: 0x09,
            icier: 0,
            icsr2: 0,
            sar: [0; 6],
            icbr: [0xff; 2],
            icwur: [0x10, 0xfd],
            icdrt: 0xff,
            icdrr: 0,
            shifted: None,
            addresses: false,
            held: false,
            asserted: 0,
            line: Line::Idle,
            due: VirtualTime::ZERO,
            event: None,
            events: Vec::new(),
        }
    }

    /// Ends what is on the line, as IICRST does: flags and requests are gone, settings stay.
    fn abort(&mut self, fabric: &mut Fabric) {
        if let Some(event) = self.event.take() {
            fabric.cancel(event);
        }
        (self.iccr2, self.icsr2, self.icdrt, self.icdrr) = (0, 0, 0xff, 0);
        (self.line, self.shifted) = (Line::Idle, None);
        (self.addresses, self.held) = (false, false);
    }

    /// The period of SCL (29.2.14), in PCLKB: the filter and the synchronisation of SCL lengthen its halves.
    fn bit(&self, pclkb: u32) -> VirtualTime {
        let cks = self.icmr[0] >> 4 & 7;
        let filter = match self.icfer & NFE {
            0 => 0,
            _ => u64::from(self.icmr[2] & 3) + 1,
        };
        let extra = match (self.icfer & SCLE, cks) {
            (0, _) => 1,
            (_, 0) => 3 + filter,
            _ => 2 + filter,
        };
        let halves = self.icbr.map(|half| u64::from(half & 0x1f) + extra);
        VirtualTime::from_ticks((halves[0] + halves[1]) << cks, u64::from(pclkb.max(1)))
    }

    fn put(&mut self, fabric: &mut Fabric, pclkb: u32, line: Line, bits: u64) {
        self.line = line;
        self.due += VirtualTime::from_ps(self.bit(pclkb).as_ps() * bits);
        self.event = Some(fabric.schedule(self.due, self.token));
    }

    /// Whether a NACK holds the line.
    fn is_refused(&self) -> bool {
        self.icsr2 & NACKF != 0 && self.icfer & NACKE != 0
    }

    /// The line is idle or at a boundary between bytes: does what is asked for next.
    fn proceed(&mut self, fabric: &mut Fabric, pclkb: u32) {
        if self.line != Line::Idle || self.iccr1 & (ICE | IICRST) != ICE {
            return;
        }
        let is_sending = self.iccr2 & (MST | TRS) == MST | TRS;
        if self.iccr2 & BBSY == 0 {
            if self.iccr2 & ST != 0 {
                self.put(fabric, pclkb, Line::Start, 1);
            }
        } else if is_sending && self.icsr2 & TDRE == 0 && !self.is_refused() {
            let line = match std::mem::take(&mut self.addresses) {
                true => Line::Address(self.icdrt),
                false => Line::Tx(self.icdrt),
            };
            self.icsr2 |= TDRE;
            self.put(fabric, pclkb, line, 9);
        } else if self.held && !self.is_refused() {
            // A condition that is asked for comes when the byte was fetched.
        } else if self.iccr2 & SP != 0 {
            self.put(fabric, pclkb, Line::Stop, 1);
        } else if self.iccr2 & RS != 0 {
            self.put(fabric, pclkb, Line::Start, 1);
        }
    }

    /// What was on the line is over.
    pub(super) fn wake(&mut self, fabric: &mut Fabric, pclkb: u32, pins: Option<I2cPins>) {
        self.event = None;
        match std::mem::replace(&mut self.line, Line::Idle) {
            Line::Idle => return,
            Line::Start => {
                self.iccr2 = self.iccr2 & !(ST | RS) | BBSY | MST | TRS;
                self.icsr2 &= !(TDRE | TEND | RDRF);
                // TDRE is set anew, which is an event even behind a repeated START.
                self.signal();
                self.icsr2 |= START | TDRE;
                (self.shifted, self.addresses, self.held) = (None, true, false);
            }
            Line::Address(byte) => {
                let is_read = byte & 1 != 0;
                let acknowledged = pins.is_some_and(|pins| fabric.i2c_start(pins, byte >> 1, is_read));
                self.acknowledge(acknowledged);
                if is_read {
                    self.iccr2 &= !TRS;
                    self.icsr2 &= !(TDRE | TEND);
                    if acknowledged {
                        self.icsr2 |= RDRF;
                        self.held = true;
                    }
                }
            }
            Line::Tx(byte) => self.acknowledge(pins.is_some_and(|pins| fabric.i2c_write(pins, byte))),
            Line::Rx => {
                let byte = pins.map_or(0xff, |pins| fabric.i2c_read(pins));
                if self.icsr2 & RDRF == 0 {
                    self.icdrr = byte;
                    self.icsr2 |= RDRF;
                } else {
                    self.shifted = Some(byte);
                }
                self.held = self.icmr[2] & WAIT != 0;
                if !self.held && self.shifted.is_none() && self.iccr2 & (SP | RS) == 0 {
                    self.put(fabric, pclkb, Line::Rx, 9);
                }
            }
            Line::Stop => {
                if let Some(pins) = pins {
                    fabric.i2c_stop(pins);
                }
                self.iccr2 = 0;
                self.icsr2 = self.icsr2 & !(TDRE | TEND) | STOP;
                self.held = false;
            }
        }
        self.proceed(fabric, pclkb);
        self.signal();
    }

    /// The ninth bit of a byte that was sent.
    fn acknowledge(&mut self, acknowledged: bool) {
        self.icmr[2] = self.icmr[2] & !ACKBR | if acknowledged { 0 } else { ACKBR };
        if !acknowledged && self.icfer & NACKE != 0 {
            self.icsr2 |= NACKF;
        }
        if self.icsr2 & TDRE != 0 {
            self.icsr2 |= TEND;
        }
    }

    /// Raises the events of flags that are set and enabled since the last call.
    fn signal(&mut self) {
        let rises = self.icsr2 & self.icier & !self.asserted;
        self.asserted = self.icsr2 & self.icier;
        let others = NACKF | STOP | START | AL | TMOF;
        for (flags, which) in [(RDRF, 0), (TDRE, 1), (TEND, 2), (others, 3)] {
            if rises & flags != 0 {
                self.events.push(RXI[self.index] + which);
            }
        }
    }

    /// The byte was fetched: the next one moves up, and the line goes on.
    fn read_icdrr(&mut self, fabric: &mut Fabric, pclkb: u32) -> u8 {
        let byte = self.icdrr;
        if self.icsr2 & RDRF == 0 && !self.held {
            return byte;
        }
        self.icsr2 &= !RDRF;
        self.signal();
        let was_held = std::mem::take(&mut self.held) || self.shifted.is_some();
        if let Some(next) = self.shifted.take() {
            self.icdrr = next;
            self.icsr2 |= RDRF;
        }
        let receives = self.iccr2 & (MST | TRS) == MST && self.line == Line::Idle;
        if receives && was_held && self.iccr2 & (SP | RS) == 0 && !self.is_refused() {
            self.put(fabric, pclkb, Line::Rx, 9);
        }
        byte
    }

    pub(super) fn read(
        &mut self,
        fabric: &mut Fabric,
        pclkb: u32,
        offset: u32,
        size: AccessSize,
    ) -> Result<u32, AccessFault> {
        if size != AccessSize::Byte {
            return Err(AccessFault::Width);
        }
        self.catch_up(fabric);
        let value = match offset {
            // SCL is low while it is held.
            0x00 => self.iccr1 | SOWP | OUTPUTS | if self.iccr2 & BBSY == 0 { 3 } else { 1 },
            0x01 => self.iccr2,
            0x02..0x05 => self.icmr[offset as usize - 2],
            0x05 => self.icfer,
            0x06 => self.icser,
            0x07 => self.icier,
            // ICSR1: nobody else is a controller.
            0x08 => 0,
            0x09 => self.icsr2,
            0x0a..0x10 => self.sar[offset as usize - 0x0a],
            0x10 | 0x11 => self.icbr[offset as usize - 0x10] | 0xe0,
            0x12 => self.icdrt,
            0x13 => self.read_icdrr(fabric, pclkb),
            0x16 | 0x17 => self.icwur[offset as usize - 0x16],
            _ => return Err(AccessFault::Unmapped),
        };
        self.proceed(fabric, pclkb);
        self.signal();
        Ok(value.into())
    }

    pub(super) fn write(
        &mut self,
        fabric: &mut Fabric,
        pclkb: u32,
        offset: u32,
        value: u32,
        size: AccessSize,
    ) -> Result<(), AccessFault> {
        if size != AccessSize::Byte {
            return Err(AccessFault::Width);
        }
        self.catch_up(fabric);
        let value = value as u8;
        match offset {
            0x00 if value & CLO != 0 || value & SOWP == 0 && value & OUTPUTS != OUTPUTS => {
                return Err(AccessFault::UnmodelledUse);
            }
            0x00 => {
                self.iccr1 = value & (ICE | IICRST);
                if value & (ICE | IICRST) == IICRST {
                    self.abort(fabric);
                    let events = std::mem::take(&mut self.events);
                    *self = Self::new(self.index, self.token);
                    (self.iccr1, self.events) = (IICRST, events);
                } else if value & (ICE | IICRST) != ICE {
                    self.abort(fabric);
                }
            }
            0x01 => self.ask(value),
            0x02 => self.icmr[0] = value & 0xf0 | BCWP,
            0x03 => self.icmr[1] = value & 0xf7,
            0x04 if value & RDRFS != 0 => return Err(AccessFault::UnmodelledUse),
            0x04 => {
                // ACKBT follows only if ACKWP was set before.
                let kept = match self.icmr[2] & ACKWP {
                    0 => ACKBR | ACKBT,
                    _ => ACKBR,
                };
                self.icmr[2] = self.icmr[2] & kept | value & !kept;
            }
            0x05 => self.icfer = value & 0x7f,
            0x06 => self.icser = value & 0xaf,
            0x07 => self.icier = value,
            0x08 => {}
            // TDRE follows ICDRT; the others are cleared by zeros.
            0x09 => self.icsr2 &= value | TDRE,
            0x0a..0x10 => self.sar[offset as usize - 0x0a] = value,
            0x10 | 0x11 => self.icbr[offset as usize - 0x10] = value,
            0x12 => {
                self.icdrt = value;
                if self.iccr2 & TRS != 0 {
                    self.icsr2 &= !(TDRE | TEND);
                    self.signal();
                }
            }
            0x13 => return Err(AccessFault::Denied),
            0x16 if value & WUE != 0 => return Err(AccessFault::UnmodelledUse),
            0x16 => self.icwur[0] = value & 0x11,
            0x17 => self.icwur[1] = value & 1 | 0xfc,
            _ => return Err(AccessFault::Unmapped),
        }
        self.proceed(fabric, pclkb);
        self.signal();
        Ok(())
    }

    /// ICCR2: conditions that are asked for; MST and TRS with MTWP only.
    fn ask(&mut self, value: u8) {
        if self.iccr1 & (ICE | IICRST) != ICE {
            return;
        }
        if value & ST != 0 && self.iccr2 & BBSY != 0 {
            // A START while the bus is taken (29.9.1).
            if self.icfer & MALE != 0 {
                self.icsr2 |= AL;
            }
            return;
        }
        let mut asked = value & ST;
        if self.iccr2 & (BBSY | MST) == BBSY | MST {
            asked = value & (SP | RS);
        }
        self.iccr2 = self.iccr2 & !(ST | RS | SP) | asked;
        if self.icmr[0] & MTWP != 0 {
            self.iccr2 = self.iccr2 & !(MST | TRS) | value & (MST | TRS);
        }
    }

    /// The next bit on the line begins no earlier than now.
    fn catch_up(&mut self, fabric: &Fabric) {
        if self.event.is_none() {
            self.due = self.due.max(fabric.now());
        }
    }
}
