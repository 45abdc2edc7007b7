//! UART (FE310-G002 manual, chapter 18): 8-entry FIFOs, watermarks, and frames paced at the line rate.

use std::collections::VecDeque;

use crate::core::events::Token;
use crate::core::fabric::{AccessFault, Fabric};
use crate::machine::VirtualTime;

/// Entries of each FIFO.
const FIFO: usize = 8;
/// Bytes from outside that wait for the line.
const INBOUND_BYTES: usize = 4_096;
/// 115,200 baud from the clock after reset, the manual's value of `div_init`.
const DIV_RESET: u32 = super::prci::RESET_HZ / 115_200 - 1;

const FULL: u32 = 1 << 31;
const EMPTY: u32 = 1 << 31;
const ENABLE: u32 = 1;
const NSTOP: u32 = 2;
const TXWM: u32 = 1;
const RXWM: u32 = 2;

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Uart {
    index: u8,
    tx_token: Token,
    rx_token: Token,
    txctrl: u32,
    rxctrl: u32,
    ie: u32,
    div: u32,
    tx: VecDeque<u8>,
    rx: VecDeque<u8>,
    /// The byte on the line.
    sending: Option<u8>,
    inbound: VecDeque<u8>,
    /// A byte from outside is on the line and completes at this instant.
    arriving: Option<VirtualTime>,
}

impl Uart {
    pub(super) fn new(index: u8, tx_token: Token, rx_token: Token) -> Self {
        Self {
            index,
            tx_token,
            rx_token,
            txctrl: 0,
            rxctrl: 0,
            ie: 0,
            div: DIV_RESET,
            tx: VecDeque::new(),
            rx: VecDeque::new(),
            sending: None,
            inbound: VecDeque::new(),
            arriving: None,
        }
    }

    /// Reset. Bytes on their way from outside still arrive, and find the receiver off.
    pub(super) fn reset(&mut self, fabric: &mut Fabric) {
        let (inbound, arriving) = (std::mem::take(&mut self.inbound), self.arriving);
        *self = Self::new(self.index, self.tx_token, self.rx_token);
        (self.inbound, self.arriving) = (inbound, arriving);
        if let Some(at) = arriving {
            fabric.schedule(at, self.rx_token);
        }
    }

    pub(super) fn read(&mut self, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x00 => {
                if self.tx.len() >= FIFO {
                    FULL
                } else {
                    0
                }
            }
            0x04 => self.rx.pop_front().map_or(EMPTY, u32::from),
            0x08 => self.txctrl,
            0x0c => self.rxctrl,
            0x10 => self.ie,
            0x14 => self.pending(),
            0x18 => self.div,
            _ => return Err(AccessFault::Unmapped),
        })
    }

    pub(super) fn write(&mut self, fabric: &mut Fabric, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            // A full FIFO ignores writes (18.4).
            0x00 if self.tx.len() < FIFO => self.tx.push_back(value as u8),
            0x00 | 0x04 | 0x14 => {}
            0x08 => self.txctrl = value & (7 << 16 | NSTOP | ENABLE),
            0x0c => self.rxctrl = value & (7 << 16 | ENABLE),
            0x10 => self.ie = value & (TXWM | RXWM),
            0x18 => self.div = value & 0xffff,
            _ => return Err(AccessFault::Unmapped),
        }
        self.start_sending(fabric);
        Ok(())
    }

    /// Whether its interrupt is asserted.
    pub(super) fn interrupt(&self) -> bool {
        self.pending() & self.ie != 0
    }

    /// A frame has been sent; `connected` says whether the pin carries it.
    pub(super) fn sent(&mut self, fabric: &mut Fabric, connected: bool) {
        if let Some(byte) = self.sending.take().filter(|_| connected) {
            fabric.uart_output(self.index, byte);
        }
        self.start_sending(fabric);
    }

    /// A frame has arrived; `connected` says whether the pin carries it.
    pub(super) fn arrived(&mut self, fabric: &mut Fabric, connected: bool) {
        let byte = self.arriving.take().and_then(|_| self.inbound.pop_front());
        // With the FIFO full the frame is lost (18.5).
        let takes = connected && self.rxctrl & ENABLE != 0 && self.rx.len() < FIFO;
        self.rx.extend(byte.filter(|_| takes));
        self.start_arriving(fabric);
    }

    /// Bytes arrive from outside.
    pub(super) fn input(&mut self, fabric: &mut Fabric, bytes: &[u8]) {
        let room = self.room().min(bytes.len());
        self.inbound.extend(&bytes[..room]);
        self.start_arriving(fabric);
    }

    pub(super) fn room(&self) -> usize {
        INBOUND_BYTES - self.inbound.len()
    }

    pub(super) fn is_busy(&self) -> bool {
        self.sending.is_some() || self.arriving.is_some()
    }

    fn pending(&self) -> u32 {
        let (tx_mark, rx_mark) = (self.txctrl >> 16 & 7, self.rxctrl >> 16 & 7);
        let tx = if self.tx.len() < tx_mark as usize { TXWM } else { 0 };
        tx | if self.rx.len() > rx_mark as usize { RXWM } else { 0 }
    }

    fn start_sending(&mut self, fabric: &mut Fabric) {
        if self.sending.is_none() && self.txctrl & ENABLE != 0 {
            self.sending = self.tx.pop_front();
            if self.sending.is_some() {
                fabric.schedule_in(self.frame(fabric), self.tx_token);
            }
        }
    }

    fn start_arriving(&mut self, fabric: &mut Fabric) {
        if self.arriving.is_none() && !self.inbound.is_empty() {
            let at = fabric.now() + self.frame(fabric);
            self.arriving = Some(at);
            fabric.schedule(at, self.rx_token);
        }
    }

    /// Start bit, 8 data bits, one or two stop bits of `div + 1` clocks each.
    fn frame(&self, fabric: &Fabric) -> VirtualTime {
        let bits = if self.txctrl & NSTOP != 0 { 11 } else { 10 };
        VirtualTime::from_ticks(bits * u64::from(self.div + 1), u64::from(fabric.cpu_hz()))
    }
}
