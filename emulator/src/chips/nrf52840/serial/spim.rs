//! SPIM (PS 6.25): an SPI controller with EasyDMA. A byte takes eight bits' time. The bytes of a transfer are exchanged when
//! the shorter and when the longer of its buffers ends; a program cannot see the difference, because its select pin does not
//! move in between.

use super::super::block::Bus;
use super::{Buffer, DISCONNECTED, END, ENDRX, ENDTX, STARTED, STOPPED, Serial, cancel};
use crate::core::events::EventId;
use crate::core::fabric::AccessFault;
use crate::machine::VirtualTime;
use crate::parts::SpiPins;

const WAKE: u16 = 1;
const SHORT_END_START: u32 = 1 << 17;

/// State of the controller.
#[derive(Clone, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Spim {
    tx: Buffer,
    rx: Buffer,
    /// Bytes exchanged.
    done: u32,
    began: VirtualTime,
    event: Option<EventId>,
}

impl Spim {
    fn is_busy(&self) -> bool {
        self.event.is_some()
    }

    fn bytes(&self) -> u32 {
        self.tx.bytes.max(self.rx.bytes)
    }
}

impl Serial {
    pub(super) fn cancel_spim(&mut self, bus: &mut Bus<'_>) {
        cancel(bus, &mut self.spim.event);
        self.spim = Spim::default();
    }

    pub(super) fn start_spim(&mut self, bus: &mut Bus<'_>) -> Result<(), AccessFault> {
        // Bit order LSB first, and the chip select of SPIM3.
        if self.config & 1 != 0 || self.psel[3] & DISCONNECTED == 0 {
            return Err(AccessFault::UnmodelledUse);
        }
        if self.spim.is_busy() {
            return Ok(());
        }
        let began = bus.now();
        self.begin_spim(bus, began);
        Ok(())
    }

    fn begin_spim(&mut self, bus: &mut Bus<'_>, began: VirtualTime) {
        self.spim = Spim {
            tx: self.txd.take(),
            rx: self.rxd.take(),
            done: 0,
            began,
            event: None,
        };
        (self.txd.amount, self.rxd.amount) = (0, 0);
        self.events.raise(bus, STARTED);
        self.await_spim(bus);
    }

    /// Waits for the end of the buffer that ends next.
    fn await_spim(&mut self, bus: &mut Bus<'_>) {
        let Spim { tx, rx, done, .. } = &self.spim;
        let ends = [tx.bytes, rx.bytes].into_iter().filter(|end| *end > *done).min();
        let at = self.spim_time(ends.unwrap_or(*done));
        self.spim.event = Some(bus.schedule(self.id, WAKE, at));
    }

    /// When `bytes` are on the other side.
    fn spim_time(&self, bytes: u32) -> VirtualTime {
        self.spim.began + VirtualTime::from_ps(self.bit().as_ps() * 8 * u64::from(bytes))
    }

    pub(super) fn spim_due(&mut self, bus: &mut Bus<'_>) {
        self.spim.event = None;
        let Spim { tx, rx, done, .. } = self.spim;
        let end = [tx.bytes, rx.bytes].into_iter().filter(|end| *end > done).min();
        self.exchange(bus, end.unwrap_or(done));
        let all = self.spim.bytes();
        let end = self.spim.done;
        // A buffer without bytes ends with the transfer.
        for (bytes, event) in [(tx.bytes, ENDTX), (rx.bytes, ENDRX)] {
            if bytes == end && bytes > done || bytes == 0 && end == all {
                self.events.raise(bus, event);
            }
        }
        if end < all {
            return self.await_spim(bus);
        }
        self.events.raise(bus, END);
        if self.shorts & SHORT_END_START != 0 {
            let began = self.spim_time(all);
            self.begin_spim(bus, began);
        }
    }

    /// STOP: what is on the line ends with its byte.
    pub(super) fn stop_spim(&mut self, bus: &mut Bus<'_>) {
        if self.spim.is_busy() {
            cancel(bus, &mut self.spim.event);
            let byte = (self.bit().as_ps() * 8).max(1);
            let passed = (bus.now() - self.spim.began).as_ps().div_ceil(byte);
            let end = self.spim.bytes().min(u32::try_from(passed).unwrap_or(u32::MAX));
            self.exchange(bus, end.max(self.spim.done));
        }
        self.events.raise(bus, STOPPED);
    }

    /// Exchanges the bytes up to number `end`.
    fn exchange(&mut self, bus: &mut Bus<'_>, end: u32) {
        let Spim { tx, rx, done, .. } = self.spim;
        let pins = self.pin(0).map(|sck| SpiPins {
            sck,
            mosi: self.pin(1),
            miso: self.pin(2),
        });
        for index in done..end {
            let mut byte = [self.orc as u8];
            if index < tx.bytes {
                // The fabric logs a pointer outside RAM; what is sent then is no data.
                let _ = bus.fabric.dma_read(tx.ptr.wrapping_add(index), &mut byte);
            }
            let answer = pins.map_or(0, |pins| bus.fabric.spi_transfer(pins, byte[0]));
            if index < rx.bytes {
                let _ = bus.fabric.dma_write(rx.ptr.wrapping_add(index), &[answer]);
            }
        }
        self.spim.done = end;
        self.txd.amount = end.min(tx.bytes);
        self.rxd.amount = end.min(rx.bytes);
    }
}
