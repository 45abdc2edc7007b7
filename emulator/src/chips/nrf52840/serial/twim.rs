//! TWIM (PS 6.31): an I²C controller with EasyDMA.
//!
//! A START takes one bit's time, each byte nine, a STOP one. The tasks STOP, SUSPEND, STARTRX and STARTTX act at the next
//! boundary between bytes, or at once while the line is held. LASTTX and LASTRX come when the last byte begins. A transfer
//! without bytes has none of them: the address is sent, and the line is held until a task comes, as drivers expect it. After
//! an address or a byte that nobody acknowledged (ERROR), the line is held until STOP. A part never stretches the clock.

use super::super::block::Bus;
use super::{Buffer, ERROR, LASTRX, LASTTX, STARTED, STOPPED, SUSPENDED, Serial, TXSTARTED, cancel};
use crate::core::events::EventId;
use crate::machine::VirtualTime;
use crate::parts::I2cPins;

pub(super) const WAKE: u16 = 0;

const SHORT_LASTTX_STARTRX: u32 = 1 << 7;
const SHORT_LASTTX_SUSPEND: u32 = 1 << 8;
const SHORT_LASTTX_STOP: u32 = 1 << 9;
const SHORT_LASTRX_STARTTX: u32 = 1 << 10;
const SHORT_LASTRX_SUSPEND: u32 = 1 << 11;
const SHORT_LASTRX_STOP: u32 = 1 << 12;
const ERRORSRC_ANACK: u32 = 1 << 1;
const ERRORSRC_DNACK: u32 = 1 << 2;

/// A task that acts at a boundary between bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub(super) enum Task {
    StartRx,
    StartTx,
    Stop,
    Suspend,
}

/// State of the controller.
#[derive(Clone, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Twim {
    line: Line,
    /// What is to be done at the next boundary.
    then: Option<Task>,
    suspended: bool,
    is_read: bool,
    buffer: Buffer,
    /// Bytes of `buffer` that are on the bus or were.
    done: u32,
    due: VirtualTime,
    event: Option<EventId>,
}

/// What is on the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
enum Line {
    /// The bus is free.
    #[default]
    Free,
    /// START and the address.
    Address,
    /// A byte to a part.
    Tx(u8),
    /// A byte from a part.
    Rx,
    /// A STOP condition.
    Stop,
    /// Nothing; SCL is held low.
    Held,
}

impl Serial {
    pub(super) fn cancel_twim(&mut self, bus: &mut Bus<'_>) {
        cancel(bus, &mut self.twim.event);
        self.twim = Twim::default();
    }

    pub(super) fn twim_task(&mut self, bus: &mut Bus<'_>, task: Task) {
        let is_idle = matches!(self.twim.line, Line::Free | Line::Held);
        if is_idle && !self.twim.suspended {
            self.twim.due = bus.now();
            self.act(bus, task);
        } else {
            self.twim.then = Some(task);
        }
    }

    pub(super) fn resume_twim(&mut self, bus: &mut Bus<'_>) {
        if !std::mem::take(&mut self.twim.suspended) {
            return;
        }
        self.twim.due = bus.now();
        match self.twim.then.take() {
            Some(task) => self.act(bus, task),
            None => self.next_byte(bus),
        }
    }

    /// Carries a task out at a boundary.
    fn act(&mut self, bus: &mut Bus<'_>, task: Task) {
        match task {
            Task::StartRx | Task::StartTx => {
                let is_read = task == Task::StartRx;
                let channel = if is_read { &mut self.rxd } else { &mut self.txd };
                channel.amount = 0;
                self.twim.buffer = channel.take();
                self.twim.is_read = is_read;
                self.twim.done = 0;
                self.events.raise(bus, if is_read { STARTED } else { TXSTARTED });
                self.put(bus, Line::Address, 10);
            }
            Task::Stop if self.twim.line == Line::Free => self.events.raise(bus, STOPPED),
            Task::Stop => self.put(bus, Line::Stop, 1),
            Task::Suspend => {
                self.twim.line = Line::Held;
                self.twim.suspended = true;
                self.events.raise(bus, SUSPENDED);
            }
        }
    }

    /// Puts something on the line for `bits`.
    fn put(&mut self, bus: &mut Bus<'_>, line: Line, bits: u64) {
        self.twim.line = line;
        self.twim.due += VirtualTime::from_ps(self.bit().as_ps() * bits);
        self.twim.event = Some(bus.schedule(self.id, WAKE, self.twim.due));
    }

    /// Begins the next byte of the buffer, or holds the line behind the last one.
    fn next_byte(&mut self, bus: &mut Bus<'_>) {
        let Buffer { ptr, bytes } = self.twim.buffer;
        let index = self.twim.done;
        if index >= bytes {
            self.twim.line = Line::Held;
            return;
        }
        let line = if self.twim.is_read {
            Line::Rx
        } else {
            let mut byte = [0];
            if bus.fabric.dma_read(ptr.wrapping_add(index), &mut byte).is_err() {
                // No valid data leaves the chip; the fabric has logged it.
                self.twim.line = Line::Held;
                return;
            }
            Line::Tx(byte[0])
        };
        self.twim.done += 1;
        self.put(bus, line, 9);
        if self.twim.done == bytes {
            self.last_byte(bus);
        }
    }

    /// The last byte begins: the event and its shorts.
    fn last_byte(&mut self, bus: &mut Bus<'_>) {
        let (event, shorts) = match self.twim.is_read {
            true => (
                LASTRX,
                [
                    (SHORT_LASTRX_STARTTX, Task::StartTx),
                    (SHORT_LASTRX_SUSPEND, Task::Suspend),
                    (SHORT_LASTRX_STOP, Task::Stop),
                ],
            ),
            false => (
                LASTTX,
                [
                    (SHORT_LASTTX_STARTRX, Task::StartRx),
                    (SHORT_LASTTX_SUSPEND, Task::Suspend),
                    (SHORT_LASTTX_STOP, Task::Stop),
                ],
            ),
        };
        self.events.raise(bus, event);
        for (short, task) in shorts {
            if self.shorts & short != 0 {
                self.twim.then = Some(task);
            }
        }
    }

    /// What was on the line is over.
    pub(super) fn twim_boundary(&mut self, bus: &mut Bus<'_>) {
        self.twim.event = None;
        let pins = self.i2c_pins();
        let acknowledged = match self.twim.line {
            Line::Free | Line::Held => return,
            Line::Stop => {
                if let Some(pins) = pins {
                    bus.fabric.i2c_stop(pins);
                }
                self.twim.line = Line::Free;
                self.twim.then = None;
                return self.events.raise(bus, STOPPED);
            }
            Line::Address => {
                let (address, is_read) = (self.address as u8, self.twim.is_read);
                let acknowledged = pins.is_some_and(|pins| bus.fabric.i2c_start(pins, address, is_read));
                if !acknowledged {
                    self.errorsrc |= ERRORSRC_ANACK;
                }
                acknowledged
            }
            Line::Tx(byte) => {
                self.txd.amount = self.twim.done;
                let acknowledged = pins.is_some_and(|pins| bus.fabric.i2c_write(pins, byte));
                if !acknowledged {
                    self.errorsrc |= ERRORSRC_DNACK;
                }
                acknowledged
            }
            Line::Rx => {
                let byte = pins.map_or(0xff, |pins| bus.fabric.i2c_read(pins));
                let addr = self.twim.buffer.ptr.wrapping_add(self.twim.done - 1);
                // The fabric logs a pointer outside RAM; the byte is lost, as on silicon.
                let _ = bus.fabric.dma_write(addr, &[byte]);
                self.rxd.amount = self.twim.done;
                true
            }
        };
        self.twim.line = Line::Held;
        let then = self.twim.then.take();
        if !acknowledged {
            self.events.raise(bus, ERROR);
            // Only STOP ends a failed transfer.
            if then == Some(Task::Stop) {
                self.act(bus, Task::Stop);
            }
            return;
        }
        match then {
            Some(task) => self.act(bus, task),
            None => self.next_byte(bus),
        }
    }

    fn i2c_pins(&self) -> Option<I2cPins> {
        Some(I2cPins {
            scl: self.pin(0)?,
            sda: self.pin(1)?,
        })
    }
}
