//! I2C0 (ESP32-C6 Technical Reference Manual 1.1, chapter 29 "I2C Controller") as a controller: its command list, both FIFOs,
//! and their interrupts.
//!
//! A bit takes SCL_LOW_PERIOD + 1, SCL_HIGH_PERIOD and SCL_WAIT_HIGH_PERIOD cycles of the function clock; START and STOP take one
//! bit, a byte nine. END holds the bus. A WRITE that finds the FIFO empty holds it until a byte comes. The manual leaves open
//! what follows a NACK: here STOP frees the bus, no later command runs, and TRANS_COMPLETE is not raised. RESP_REC is 1
//! after a STOP, when SDA is high; esp-hal 1.2 takes a 0 there for a failure. Not modelled: the target mode, non-FIFO access, 10-bit
//! addresses, arbitration, timeouts (nobody holds SCL), LSB first.

use std::collections::VecDeque;

use crate::core::events::{EventId, Token};
use crate::core::fabric::{AccessFault, Fabric};
use crate::machine::VirtualTime;
use crate::parts::I2cPins;

const FIFO: usize = 32;
const COMMANDS: usize = 8;

/// CTR.
const MS_MODE: u32 = 1 << 4;
const TRANS_START: u32 = 1 << 5;
const LSB_FIRST: u32 = 3 << 6;
const FSM_RST: u32 = 1 << 10;
const CONF_UPGATE: u32 = 1 << 11;
/// FIFO_CONF.
const NONFIFO_EN: u32 = 1 << 10;
const RX_FIFO_RST: u32 = 1 << 12;
const TX_FIFO_RST: u32 = 1 << 13;
const FIFO_PRT_EN: u32 = 1 << 14;
/// Interrupts.
const RXFIFO_WM: u32 = 1 << 0;
const TXFIFO_WM: u32 = 1 << 1;
const RXFIFO_OVF: u32 = 1 << 2;
const END_DETECT: u32 = 1 << 3;
const BYTE_TRANS_DONE: u32 = 1 << 4;
const TRANS_COMPLETE: u32 = 1 << 7;
const TRANS_STARTED: u32 = 1 << 9;
const NACK: u32 = 1 << 10;
const TXFIFO_OVF: u32 = 1 << 11;
const RXFIFO_UDF: u32 = 1 << 12;
const ALL: u32 = 0x7_ffff;
/// SCL_SP_CONF.
const SCL_RST_SLV_EN: u32 = 1 << 0;
/// COMDn.
const ACK_CHECK_EN: u32 = 1 << 8;
const ACK_EXP: u32 = 1 << 9;
const DONE: u32 = 1 << 31;
const WRITE: u32 = 1;
const STOP: u32 = 2;
const READ: u32 = 3;
const END: u32 = 4;
const RSTART: u32 = 6;

/// Registers that only hold their value: offset, mask, value out of reset.
const HELD: [(u32, u32, u32); 15] = [
    (0x00, 0x1ff, 0),
    (0x0c, 0x3f, 0x10),
    (0x10, 0x8000_7fff, 0),
    (0x30, 0x1ff, 0),
    (0x34, 0x1ff, 0),
    (0x38, 0xffff, 0),
    (0x40, 0x1ff, 8),
    (0x44, 0x1ff, 8),
    (0x48, 0x1ff, 8),
    (0x4c, 0x1ff, 8),
    (0x50, 0x3ff, 0x300),
    (0x54, 0x3f_ffff, 0x20_0000),
    (0x78, 0x1f, 0x10),
    (0x7c, 0x1f, 0x10),
    (0x84, 0x3fff, 0),
];

/// The controller.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct I2c {
    token: Token,
    ctr: u32,
    fifo_conf: u32,
    int_raw: u32,
    int_ena: u32,
    scl_sp_conf: u32,
    comd: [u32; COMMANDS],
    held: [u32; HELD.len()],
    tx: VecDeque<u8>,
    rx: VecDeque<u8>,
    /// Offsets of FIFO_ST: bytes that the program fetched, the line delivered, the line fetched, the program delivered.
    offsets: [u8; 4],
    /// SR.RESP_REC.
    resp_rec: bool,
    /// It has sent START and no STOP.
    owns_bus: bool,
    /// The next byte to send is an address.
    addresses: bool,
    /// The command that runs, and how many of its bytes are done.
    command: Option<(u8, u8)>,
    line: Line,
    due: VirtualTime,
    event: Option<EventId>,
}

/// What is on the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
enum Line {
    Idle,
    Start,
    Tx(u8),
    Rx,
    Stop,
    /// Pulses on SCL that free a target's SDA.
    Pulses,
}

impl I2c {
    pub(super) fn new(token: Token) -> Self {
        Self {
            token,
            ctr: 0x208,
            fifo_conf: 0x408b,
            int_raw: TXFIFO_WM,
            int_ena: 0,
            scl_sp_conf: 0,
            comd: [0; COMMANDS],
            held: HELD.map(|it| it.2),
            tx: VecDeque::new(),
            rx: VecDeque::new(),
            offsets: [0; 4],
            resp_rec: false,
            owns_bus: false,
            addresses: false,
            command: None,
            line: Line::Idle,
            due: VirtualTime::ZERO,
            event: None,
        }
    }

    /// Reset, of the chip or by PCR.
    pub(super) fn reset(&mut self, fabric: &mut Fabric, pins: Option<I2cPins>) {
        self.reset_machine(fabric, pins);
        *self = Self::new(self.token);
    }

    /// Resets the state machine: what is on the line ends, and the bus is free.
    fn reset_machine(&mut self, fabric: &mut Fabric, pins: Option<I2cPins>) {
        if let Some(event) = self.event.take() {
            fabric.cancel(event);
        }
        self.line = Line::Idle;
        self.command = None;
        self.release(fabric, pins);
    }

    fn release(&mut self, fabric: &mut Fabric, pins: Option<I2cPins>) {
        if std::mem::take(&mut self.owns_bus)
            && let Some(pins) = pins
        {
            fabric.i2c_stop(pins);
        }
    }

    pub(super) fn interrupt(&self) -> bool {
        self.int_raw & self.int_ena != 0
    }

    fn held(&self, offset: u32) -> u32 {
        HELD.iter()
            .position(|it| it.0 == offset)
            .map_or(0, |index| self.held[index])
    }

    /// The period of SCL; `hz` is the function clock.
    fn bit(&self, hz: u32) -> VirtualTime {
        let (low, high) = (self.held(0x00), self.held(0x38));
        let cycles = low + 1 + (high & 0x1ff) + (high >> 9);
        VirtualTime::from_ticks(u64::from(cycles), u64::from(hz.max(1)))
    }

    fn put(&mut self, fabric: &mut Fabric, hz: u32, line: Line, bits: u64) {
        self.line = line;
        self.due += VirtualTime::from_ps(self.bit(hz).as_ps() * bits);
        self.event = Some(fabric.schedule(self.due, self.token));
    }

    /// The line is at a boundary: does the next step of the command list.
    fn proceed(&mut self, fabric: &mut Fabric, hz: u32) {
        while let Some((index, done)) = self.command {
            let Some(comd) = self.comd.get(usize::from(index)).copied() else {
                self.command = None;
                return;
            };
            let bytes = comd as u8;
            match comd >> 11 & 7 {
                RSTART if done == 0 => return self.put(fabric, hz, Line::Start, 1),
                STOP if done == 0 => return self.put(fabric, hz, Line::Stop, 1),
                WRITE if done < bytes => {
                    // An empty FIFO holds SCL.
                    if let Some(byte) = self.tx.pop_front() {
                        self.count(2);
                        self.put(fabric, hz, Line::Tx(byte), 9);
                    }
                    return;
                }
                READ if done < bytes => return self.put(fabric, hz, Line::Rx, 9),
                END => {
                    self.comd[usize::from(index)] |= DONE;
                    self.int_raw |= END_DETECT;
                    self.command = None;
                    return;
                }
                RSTART | STOP | WRITE | READ => {
                    self.comd[usize::from(index)] |= DONE;
                    self.command = (comd >> 11 & 7 != STOP).then_some((index + 1, 0));
                }
                // No command.
                _ => {
                    self.command = None;
                    return;
                }
            }
        }
    }

    /// What was on the line is over.
    pub(super) fn due(&mut self, fabric: &mut Fabric, hz: u32, pins: Option<I2cPins>) {
        self.event = None;
        let line = std::mem::replace(&mut self.line, Line::Idle);
        match line {
            Line::Idle => return,
            Line::Start => {
                self.owns_bus = true;
                self.addresses = true;
            }
            Line::Tx(byte) => {
                let acknowledged = if std::mem::take(&mut self.addresses) {
                    pins.is_some_and(|pins| fabric.i2c_start(pins, byte >> 1, byte & 1 != 0))
                } else {
                    pins.is_some_and(|pins| fabric.i2c_write(pins, byte))
                };
                self.resp_rec = !acknowledged;
                self.int_raw |= BYTE_TRANS_DONE;
                let comd = self.command.map_or(0, |(index, _)| self.comd[usize::from(index)]);
                if comd & ACK_CHECK_EN != 0 && self.resp_rec != (comd & ACK_EXP != 0) {
                    self.int_raw |= NACK;
                    self.command = None;
                    self.release(fabric, pins);
                }
            }
            Line::Rx => {
                let byte = pins.map_or(0xff, |pins| fabric.i2c_read(pins));
                self.int_raw |= BYTE_TRANS_DONE;
                if self.rx.len() < FIFO {
                    self.rx.push_back(byte);
                    self.count(1);
                } else {
                    self.int_raw |= RXFIFO_OVF;
                }
            }
            Line::Stop => {
                self.release(fabric, pins);
                self.resp_rec = true;
                self.int_raw |= TRANS_COMPLETE;
            }
            Line::Pulses => {
                self.scl_sp_conf &= !SCL_RST_SLV_EN;
                return;
            }
        }
        if let Some((_, done)) = &mut self.command {
            *done += 1;
        }
        self.proceed(fabric, hz);
        self.watch_levels();
    }

    /// Moves an offset of FIFO_ST on.
    fn count(&mut self, which: usize) {
        self.offsets[which] = (self.offsets[which] + 1) % FIFO as u8;
    }

    /// The water marks raise their interrupts as long as they are passed.
    fn watch_levels(&mut self) {
        if self.fifo_conf & FIFO_PRT_EN == 0 {
            return;
        }
        if self.rx.len() > (self.fifo_conf & 0x1f) as usize {
            self.int_raw |= RXFIFO_WM;
        }
        if self.tx.len() < (self.fifo_conf >> 5 & 0x1f) as usize {
            self.int_raw |= TXFIFO_WM;
        }
    }

    pub(super) fn read(&mut self, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x04 => self.ctr,
            0x08 => {
                let busy = self.owns_bus || self.line != Line::Idle;
                let flags = u32::from(self.resp_rec) | u32::from(busy) << 4 | 3 << 14;
                flags | (self.tx.len() as u32) << 18 | (self.rx.len() as u32) << 8
            }
            0x14 => (0..4).fold(0, |bits, index| bits | u32::from(self.offsets[index]) << (5 * index)),
            0x18 => self.fifo_conf,
            0x1c => {
                let byte = self.rx.pop_front();
                match byte {
                    Some(_) => self.count(0),
                    None => self.int_raw |= RXFIFO_UDF,
                }
                u32::from(byte.unwrap_or(0))
            }
            0x20 => self.int_raw,
            0x24 => 0,
            0x28 => self.int_ena,
            0x2c => self.int_raw & self.int_ena,
            0x58..0x78 => self.comd[(offset as usize - 0x58) / 4],
            0x80 => self.scl_sp_conf,
            0xf8 | 0x100..0x200 => return Err(AccessFault::Unmodelled),
            _ => {
                let index = HELD.iter().position(|it| it.0 == offset).ok_or(AccessFault::Unmapped)?;
                self.held[index]
            }
        })
    }

    /// `hz` is the function clock.
    pub(super) fn write(
        &mut self,
        fabric: &mut Fabric,
        hz: u32,
        pins: Option<I2cPins>,
        offset: u32,
        value: u32,
    ) -> Result<(), AccessFault> {
        if self.event.is_none() {
            self.due = self.due.max(fabric.now());
        }
        match offset {
            0x04 => return self.control(fabric, hz, pins, value),
            0x08 | 0x14 | 0x20 | 0x2c => return Err(AccessFault::Denied),
            0x18 if value & NONFIFO_EN != 0 => return Err(AccessFault::UnmodelledUse),
            0x18 => {
                self.fifo_conf = value & 0x7fff;
                if value & RX_FIFO_RST != 0 {
                    self.rx.clear();
                    self.offsets[..2].fill(0);
                }
                if value & TX_FIFO_RST != 0 {
                    self.tx.clear();
                    self.offsets[2..].fill(0);
                }
            }
            0x1c if self.tx.len() >= FIFO => self.int_raw |= TXFIFO_OVF,
            0x1c => {
                self.tx.push_back(value as u8);
                self.count(3);
                if self.line == Line::Idle {
                    self.proceed(fabric, hz);
                }
            }
            0x24 => self.int_raw &= !value,
            0x28 => self.int_ena = value & ALL,
            0x58..0x78 => self.comd[(offset as usize - 0x58) / 4] = value & 0x8000_3fff,
            0x80 => {
                self.scl_sp_conf = value & 0xff;
                let is_free = self.line == Line::Idle && self.command.is_none();
                if value & SCL_RST_SLV_EN != 0 && is_free {
                    self.release(fabric, pins);
                    self.put(fabric, hz, Line::Pulses, u64::from(value >> 1 & 0x1f));
                }
            }
            0xf8 | 0x100..0x200 => return Err(AccessFault::Unmodelled),
            _ => {
                let index = HELD.iter().position(|it| it.0 == offset).ok_or(AccessFault::Unmapped)?;
                self.held[index] = value & HELD[index].1;
            }
        }
        self.watch_levels();
        Ok(())
    }

    fn control(&mut self, fabric: &mut Fabric, hz: u32, pins: Option<I2cPins>, value: u32) -> Result<(), AccessFault> {
        if value & TRANS_START != 0 && (value & MS_MODE == 0 || value & LSB_FIRST != 0) {
            return Err(AccessFault::UnmodelledUse);
        }
        // TRANS_START, FSM_RST and CONF_UPGATE read zero.
        self.ctr = value & 0x7fff & !(TRANS_START | FSM_RST | CONF_UPGATE);
        if value & FSM_RST != 0 {
            self.reset_machine(fabric, pins);
        }
        if value & TRANS_START != 0 && self.command.is_none() && self.line == Line::Idle {
            self.int_raw |= TRANS_STARTED;
            self.command = Some((0, 0));
            self.proceed(fabric, hz);
            self.watch_levels();
        }
        Ok(())
    }
}
