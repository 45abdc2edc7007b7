//! UARTE (PS 6.34): a UART with EasyDMA in both directions. Each byte is paced exactly at the line rate.

use std::collections::VecDeque;

use super::block::{Bus, Events, Peripheral};
use crate::core::events::EventId;
use crate::core::fabric::AccessFault;
use crate::machine::VirtualTime;

/// Ids of UARTE0 and UARTE1.
pub(super) const IDS: [u8; 2] = [2, 40];

const RXDRDY: u32 = 2;
const ENDRX: u32 = 4;
const TXDRDY: u32 = 7;
const ENDTX: u32 = 8;
const ERROR: u32 = 9;
const RXTO: u32 = 17;
const RXSTARTED: u32 = 19;
const TXSTARTED: u32 = 20;
const TXSTOPPED: u32 = 22;
/// CTS and NCTS: the other end is always ready, so these never happen.
const FLOW_EVENTS: u32 = 1 << 0 | 1 << 1;

const SHORT_ENDRX_STARTRX: u32 = 1 << 5;
const SHORT_ENDRX_STOPRX: u32 = 1 << 6;
const ERRORSRC_OVERRUN: u32 = 1;
const ENABLE_UARTE: u32 = 8;
const DISCONNECTED: u32 = 1 << 31;

/// The receiver's FIFO, in bytes (PS 6.34.2): holds bytes that arrive while there is no buffer.
const FIFO_BYTES: usize = 6;
/// With flow control, RTS is released when only this many more bytes fit into the FIFO.
const RTS_RESERVE: usize = 4;
/// After STOPRX up to this many more frames are received before RXTO (PS 6.34.2).
const STOP_FRAMES: u64 = 4;
/// Bytes from outside that wait for the line.
pub(super) const INBOUND_BYTES: usize = 4_096;

const WAKE_TX: u16 = 0;
const WAKE_RX: u16 = 1;
const WAKE_RXTO: u16 = 2;

/// One UARTE.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Uarte {
    pub(super) events: Events,
    id: u8,
    index: u8,
    enabled: bool,
    shorts: u32,
    errorsrc: u32,
    /// RTS, TXD, CTS, RXD.
    psel: [u32; 4],
    baudrate: u32,
    config: u32,
    rxd: Channel,
    txd: Channel,
    sending: Option<Transfer>,
    /// STOPTX was triggered while a byte was on the line.
    stopping_tx: bool,
    receiving: Option<Transfer>,
    receiver: Receiver,
    fifo: VecDeque<u8>,
    inbound: VecDeque<u8>,
    /// A byte from outside is on the line and completes at this instant.
    line: Option<VirtualTime>,
    stopping_rx: Option<EventId>,
    tx_due: VirtualTime,
    tx_event: Option<EventId>,
}

/// PTR, MAXCNT and AMOUNT of a DMA channel.
#[derive(Clone, Copy, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
struct Channel {
    ptr: u32,
    maxcnt: u32,
    amount: u32,
}

/// A buffer that DMA works on.
#[derive(Clone, Copy, Debug, Hash, serde::Serialize, serde::Deserialize)]
struct Transfer {
    ptr: u32,
    bytes: u32,
    done: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
enum Receiver {
    Off,
    On,
    /// Between STOPRX and RXTO.
    Stopping,
}

impl Uarte {
    pub(super) fn new(id: u8, index: u8) -> Self {
        let present = [
            RXDRDY, ENDRX, TXDRDY, ENDTX, ERROR, RXTO, RXSTARTED, TXSTARTED, TXSTOPPED,
        ];
        let present = present.iter().fold(FLOW_EVENTS, |bits, event| bits | 1 << event);
        Self {
            events: Events::new(id, present).with_inten(),
            id,
            index,
            enabled: false,
            shorts: 0,
            errorsrc: 0,
            psel: [u32::MAX; 4],
            baudrate: 0x0400_0000,
            config: 0,
            rxd: Channel::default(),
            txd: Channel::default(),
            sending: None,
            stopping_tx: false,
            receiving: None,
            receiver: Receiver::Off,
            fifo: VecDeque::new(),
            inbound: VecDeque::new(),
            line: None,
            stopping_rx: None,
            tx_due: VirtualTime::ZERO,
            tx_event: None,
        }
    }

    /// Reset. Bytes on their way from outside still arrive, and find the receiver off.
    pub(super) fn reset(&mut self, bus: &mut Bus<'_>) {
        let inbound = std::mem::take(&mut self.inbound);
        let line = self.line;
        *self = Self::new(self.id, self.index);
        self.inbound = inbound;
        self.line = line;
        if let Some(at) = line {
            bus.schedule(self.id, WAKE_RX, at);
        }
    }

    pub(super) fn inbound_room(&self) -> usize {
        INBOUND_BYTES - self.inbound.len()
    }

    /// Whether a byte is on the line, in either direction.
    pub(super) fn is_busy(&self) -> bool {
        self.line.is_some() || self.sending.is_some()
    }

    /// Bytes arrive from outside; those that do not fit are lost (the machine checks the free space first).
    pub(super) fn input(&mut self, bus: &mut Bus<'_>, bytes: &[u8]) {
        let room = self.inbound_room();
        self.inbound.extend(&bytes[..bytes.len().min(room)]);
        let now = bus.now();
        self.start_inbound(bus, now);
    }

    /// Puts the next byte from outside on the line, unless one is there or flow control forbids it.
    fn start_inbound(&mut self, bus: &mut Bus<'_>, from: VirtualTime) {
        if self.line.is_none() && !self.inbound.is_empty() && self.ready_to_receive() {
            let at = from + self.frame();
            self.line = Some(at);
            bus.schedule(self.id, WAKE_RX, at);
        }
    }

    /// Whether the other end may send: always, without flow control.
    fn ready_to_receive(&self) -> bool {
        let flow_control = self.enabled && self.config & 1 != 0 && self.psel[0] & DISCONNECTED == 0;
        !flow_control || self.receiver == Receiver::On && self.fifo.len() + RTS_RESERVE < FIFO_BYTES
    }

    /// Duration of one byte on the line. The baud rate generator divides 16 MHz by an integer (the actual rates in PS
    /// 6.34.9.14 are those of 2^32 / BAUDRATE, rounded down). A frame is a start bit, 8 data bits, parity, stop bits.
    fn frame(&self) -> VirtualTime {
        let divisor = (1 << 32) / u64::from(self.baudrate.max(1));
        let parity = u64::from(self.config >> 1 & 7 == 7);
        let stop = 1 + u64::from(self.config >> 4 & 1);
        VirtualTime::from_ps(divisor * 62_500 * (1 + 8 + parity + stop))
    }

    fn start_rx(&mut self, bus: &mut Bus<'_>) {
        if !self.enabled {
            return;
        }
        bus.cancel(&mut self.stopping_rx);
        self.receiver = Receiver::On;
        self.receiving = Some(Transfer {
            ptr: self.rxd.ptr,
            bytes: self.rxd.maxcnt,
            done: 0,
        });
        self.events.raise(bus, RXSTARTED);
        self.empty_fifo(bus);
        let now = bus.now();
        self.start_inbound(bus, now);
    }

    /// Moves bytes from the FIFO into the buffer, as many as fit.
    fn empty_fifo(&mut self, bus: &mut Bus<'_>) {
        while self.receiving.is_some() {
            let full = self.receiving.is_some_and(|rx| rx.done >= rx.bytes);
            if full {
                self.end_rx(bus);
                return;
            }
            let Some(byte) = self.fifo.pop_front() else { return };
            self.store(bus, byte);
        }
    }

    /// A byte was received completely.
    fn receive(&mut self, bus: &mut Bus<'_>, byte: u8) {
        let listens = self.enabled && self.receiver != Receiver::Off && self.psel[3] & DISCONNECTED == 0;
        if !listens {
            return;
        }
        if self.fifo.len() == FIFO_BYTES {
            self.errorsrc |= ERRORSRC_OVERRUN;
            self.events.raise(bus, ERROR);
            return;
        }
        self.fifo.push_back(byte);
        self.events.raise(bus, RXDRDY);
        self.empty_fifo(bus);
    }

    fn store(&mut self, bus: &mut Bus<'_>, byte: u8) {
        let Some(rx) = &mut self.receiving else { return };
        // The fabric logs a pointer outside RAM; the byte is lost, as on silicon.
        let _ = bus.fabric.dma_write(rx.ptr.wrapping_add(rx.done), &[byte]);
        rx.done += 1;
        if rx.done == rx.bytes {
            self.end_rx(bus);
        }
    }

    fn end_rx(&mut self, bus: &mut Bus<'_>) {
        let Some(rx) = self.receiving.take() else { return };
        self.rxd.amount = rx.done;
        self.events.raise(bus, ENDRX);
        if self.shorts & SHORT_ENDRX_STARTRX != 0 && self.receiver == Receiver::On && self.rxd.maxcnt > 0 {
            self.start_rx(bus);
        }
        if self.shorts & SHORT_ENDRX_STOPRX != 0 {
            self.stop_rx(bus);
        }
    }

    fn stop_rx(&mut self, bus: &mut Bus<'_>) {
        if self.receiver == Receiver::On {
            self.receiver = Receiver::Stopping;
            let at = bus.now() + VirtualTime::from_ps(self.frame().as_ps() * STOP_FRAMES);
            self.stopping_rx = Some(bus.schedule(self.id, WAKE_RXTO, at));
        }
    }

    /// FLUSHRX: moves the rest of the FIFO to the buffer; ENDRX reports how much it was.
    fn flush_rx(&mut self, bus: &mut Bus<'_>) {
        if !self.enabled || self.receiver != Receiver::Off {
            return;
        }
        self.receiving = Some(Transfer {
            ptr: self.rxd.ptr,
            bytes: self.rxd.maxcnt,
            done: 0,
        });
        self.empty_fifo(bus);
        self.end_rx(bus);
    }

    fn start_tx(&mut self, bus: &mut Bus<'_>) {
        if !self.enabled || self.sending.is_some() {
            return;
        }
        self.stopping_tx = false;
        self.sending = Some(Transfer {
            ptr: self.txd.ptr,
            bytes: self.txd.maxcnt,
            done: 0,
        });
        self.events.raise(bus, TXSTARTED);
        if self.txd.maxcnt == 0 {
            self.end_tx(bus);
        } else {
            let now = bus.now();
            self.send_next(bus, now);
        }
    }

    fn send_next(&mut self, bus: &mut Bus<'_>, from: VirtualTime) {
        self.tx_due = from + self.frame();
        self.tx_event = Some(bus.schedule(self.id, WAKE_TX, self.tx_due));
    }

    /// The byte on the line is out.
    fn sent(&mut self, bus: &mut Bus<'_>) {
        self.tx_event = None;
        let Some(tx) = &mut self.sending else { return };
        let mut byte = [0];
        if bus.fabric.dma_read(tx.ptr.wrapping_add(tx.done), &mut byte).is_err() {
            // No valid data leaves the chip; the fabric has logged it.
            self.end_tx(bus);
            return;
        }
        tx.done += 1;
        let more = tx.done < tx.bytes;
        if self.psel[1] & DISCONNECTED == 0 {
            bus.fabric.uart_output(self.index, byte[0]);
        }
        self.events.raise(bus, TXDRDY);
        if more && !self.stopping_tx {
            self.send_next(bus, self.tx_due);
        } else {
            self.end_tx(bus);
        }
    }

    fn end_tx(&mut self, bus: &mut Bus<'_>) {
        if let Some(tx) = self.sending.take() {
            self.txd.amount = tx.done;
            self.events.raise(bus, ENDTX);
        }
        if std::mem::take(&mut self.stopping_tx) {
            self.events.raise(bus, TXSTOPPED);
        }
    }

    fn stop_tx(&mut self, bus: &mut Bus<'_>) {
        self.stopping_tx = true;
        if self.sending.is_none() {
            self.end_tx(bus);
        }
    }

    fn enable(&mut self, bus: &mut Bus<'_>, value: u32) -> Result<(), AccessFault> {
        let enabled = match value & 0xf {
            0 => false,
            ENABLE_UARTE => true,
            // 4 is the UART without DMA, whose registers this page has too.
            _ => return Err(AccessFault::UnmodelledUse),
        };
        if self.enabled && !enabled {
            self.sending = None;
            self.stopping_tx = false;
            self.receiving = None;
            self.receiver = Receiver::Off;
            self.fifo.clear();
            bus.cancel(&mut self.tx_event);
            bus.cancel(&mut self.stopping_rx);
        }
        self.enabled = enabled;
        self.hold_line(bus);
        Ok(())
    }

    /// While it is enabled, the UARTE holds TXD high between frames (and the levels of frames are not reported as pin
    /// changes).
    fn hold_line(&mut self, bus: &mut Bus<'_>) {
        let txd = self.psel[1];
        if txd & DISCONNECTED == 0 {
            let level = self.enabled.then_some(true);
            let (lines, fabric) = (&mut *bus.lines, &mut *bus.fabric);
            lines.gpio.take(fabric, &mut lines.signals, (txd & 0x3f) as u16, level);
        }
    }

    fn register(&mut self, offset: u32) -> Option<&mut u32> {
        Some(match offset {
            0x200 => &mut self.shorts,
            0x508..0x518 => &mut self.psel[(offset as usize - 0x508) / 4],
            0x524 => &mut self.baudrate,
            0x534 => &mut self.rxd.ptr,
            0x538 => &mut self.rxd.maxcnt,
            0x544 => &mut self.txd.ptr,
            0x548 => &mut self.txd.maxcnt,
            0x56c => &mut self.config,
            _ => return None,
        })
    }
}

impl Peripheral for Uarte {
    fn events(&mut self) -> Option<&mut Events> {
        Some(&mut self.events)
    }

    fn task(&mut self, bus: &mut Bus<'_>, offset: u32) -> Result<(), AccessFault> {
        match offset {
            0x000 => self.start_rx(bus),
            0x004 => self.stop_rx(bus),
            0x008 => self.start_tx(bus),
            0x00c => self.stop_tx(bus),
            0x02c => self.flush_rx(bus),
            // SUSPEND, of the UART without DMA.
            0x01c => return Err(AccessFault::Unmodelled),
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    fn read(&mut self, _bus: &mut Bus<'_>, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x480 => self.errorsrc,
            0x500 if self.enabled => ENABLE_UARTE,
            0x500 => 0,
            0x53c => self.rxd.amount,
            0x54c => self.txd.amount,
            // RXD and TXD, of the UART without DMA.
            0x518 | 0x51c => return Err(AccessFault::Unmodelled),
            _ => *self.register(offset).ok_or(AccessFault::Unmapped)?,
        })
    }

    fn write(&mut self, bus: &mut Bus<'_>, offset: u32, value: u32) -> Result<(), AccessFault> {
        let mask = match offset {
            0x200 => SHORT_ENDRX_STARTRX | SHORT_ENDRX_STOPRX,
            0x480 => {
                self.errorsrc &= !value;
                return Ok(());
            }
            0x500 => return self.enable(bus, value),
            0x508..0x518 => 0x8000_003f,
            0x538 | 0x548 => 0xffff,
            0x53c | 0x54c => return Err(AccessFault::Denied),
            0x518 | 0x51c => return Err(AccessFault::Unmodelled),
            // HWFC, PARITY, STOP
            0x56c => 0x1f,
            _ => u32::MAX,
        };
        *self.register(offset).ok_or(AccessFault::Unmapped)? = value & mask;
        Ok(())
    }

    fn wake(&mut self, bus: &mut Bus<'_>, what: u16) {
        match what {
            WAKE_TX => self.sent(bus),
            WAKE_RX => {
                let Some(at) = self.line.take() else { return };
                if let Some(byte) = self.inbound.pop_front() {
                    self.receive(bus, byte);
                }
                self.start_inbound(bus, at);
            }
            _ => {
                self.stopping_rx = None;
                self.receiver = Receiver::Off;
                self.end_rx(bus);
                self.events.raise(bus, RXTO);
            }
        }
    }
}
