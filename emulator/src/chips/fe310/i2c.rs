//! I2C0 (FE310-G002 manual, chapter 21 "Inter-Integrated Circuit (I2C) Master Interface"): the OpenCores I²C controller, with
//! the names of its specification.
//!
//! A bit takes 5 × (PRER + 1) cycles of tlclk; START and STOP take one bit, a byte nine. IF rises when the whole command is
//! done, its STOP included, as in the core's source; STA alone does nothing. Not modelled: arbitration (there is no
//! other controller), a part that stretches the clock.

use crate::core::events::{EventId, Token};
use crate::core::fabric::{AccessFault, Fabric};
use crate::machine::VirtualTime;
use crate::parts::I2cPins;

/// SDA and SCL, both IOF 0 (table 53).
pub(super) const SDA: u16 = 12;
pub(super) const SCL: u16 = 13;

/// CTR.
const EN: u32 = 1 << 7;
const IEN: u32 = 1 << 6;
/// CR.
const STA: u32 = 1 << 7;
const STO: u32 = 1 << 6;
const RD: u32 = 1 << 5;
const WR: u32 = 1 << 4;
const IACK: u32 = 1 << 0;
/// SR.
const RXACK: u32 = 1 << 7;
const BUSY: u32 = 1 << 6;
const TIP: u32 = 1 << 1;
const IF: u32 = 1 << 0;

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct I2c {
    token: Token,
    prer: u32,
    ctr: u32,
    txr: u8,
    rxr: u8,
    /// RXACK, BUSY, TIP and IF.
    sr: u32,
    /// What of a command is still to be done: bits of CR.
    command: u32,
    /// The next byte to send is an address.
    addresses: bool,
    event: Option<EventId>,
}

impl I2c {
    pub(super) fn new(token: Token) -> Self {
        Self {
            token,
            prer: 0xffff,
            ctr: 0,
            txr: 0,
            rxr: 0,
            sr: 0,
            command: 0,
            addresses: false,
            event: None,
        }
    }

    pub(super) fn interrupt(&self) -> bool {
        self.ctr & IEN != 0 && self.sr & IF != 0
    }

    pub(super) fn read(&self, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x00 => self.prer & 0xff,
            0x04 => self.prer >> 8,
            0x08 => self.ctr,
            0x0c => u32::from(self.rxr),
            0x10 => self.sr,
            _ => return Err(AccessFault::Unmapped),
        })
    }

    pub(super) fn write(&mut self, fabric: &mut Fabric, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            0x00 => self.prer = self.prer & 0xff00 | value & 0xff,
            0x04 => self.prer = self.prer & 0xff | (value & 0xff) << 8,
            0x08 => {
                self.ctr = value & (EN | IEN);
                if value & EN == 0 {
                    self.abort(fabric);
                }
            }
            0x0c => self.txr = value as u8,
            0x10 => {
                if value & IACK != 0 {
                    self.sr &= !IF;
                }
                if self.ctr & EN != 0 && self.command == 0 {
                    if value & (RD | WR | STO) != 0 {
                        self.command = value & (STA | STO | RD | WR);
                    }
                    if value & (RD | WR) != 0 {
                        self.sr |= TIP;
                    }
                    self.proceed(fabric, fabric.now());
                }
            }
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    fn abort(&mut self, fabric: &mut Fabric) {
        if let Some(event) = self.event.take() {
            fabric.cancel(event);
        }
        self.command = 0;
        self.sr &= !TIP;
    }

    /// Puts the next step of the command on the line: START, the byte, STOP.
    fn proceed(&mut self, fabric: &mut Fabric, from: VirtualTime) {
        let bits = match self.command {
            0 => return,
            command if command & STA != 0 => 1,
            command if command & (RD | WR) != 0 => 9,
            _ => 1,
        };
        let clocks = bits * 5 * u64::from(self.prer + 1);
        let span = VirtualTime::from_ticks(clocks, u64::from(fabric.cpu_hz()));
        self.event = Some(fabric.schedule(from + span, self.token));
    }

    /// A step is over.
    pub(super) fn wake(&mut self, fabric: &mut Fabric, pins: Option<I2cPins>) {
        self.event = None;
        if self.command & STA != 0 {
            self.command &= !STA;
            self.sr |= BUSY;
            self.addresses = true;
        } else if self.command & (RD | WR) != 0 {
            if self.command & WR != 0 {
                let byte = self.txr;
                let acknowledged = if std::mem::take(&mut self.addresses) {
                    pins.is_some_and(|pins| fabric.i2c_start(pins, byte >> 1, byte & 1 != 0))
                } else {
                    pins.is_some_and(|pins| fabric.i2c_write(pins, byte))
                };
                self.sr = self.sr & !RXACK | if acknowledged { 0 } else { RXACK };
            } else {
                self.rxr = pins.map_or(0xff, |pins| fabric.i2c_read(pins));
            }
            self.command &= !(RD | WR);
        } else if self.command & STO != 0 {
            self.command &= !STO;
            self.sr &= !BUSY;
            if let Some(pins) = pins {
                fabric.i2c_stop(pins);
            }
        }
        if self.command == 0 {
            self.sr = self.sr & !TIP | IF;
        }
        self.proceed(fabric, fabric.now());
    }
}
