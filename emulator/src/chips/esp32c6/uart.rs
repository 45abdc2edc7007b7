//! UART (ESP32-C6 Technical Reference Manual, chapter 27 "UART Controller"): 128-byte FIFOs, thresholds, and frames
//! paced at the line rate. Pins are ignored: a UART sends and receives regardless of the GPIO matrix.

use std::collections::VecDeque;

use crate::core::events::Token;
use crate::core::fabric::{AccessFault, Fabric};
use crate::machine::time::{PS_PER_SECOND, VirtualTime};

const FIFO: usize = 128;
/// Bytes from outside that wait for the line.
const INBOUND_BYTES: usize = 4_096;

const RXFIFO_FULL: u32 = 1 << 0;
const TXFIFO_EMPTY: u32 = 1 << 1;
const RXFIFO_OVF: u32 = 1 << 4;
const RXFIFO_TOUT: u32 = 1 << 8;
const TX_DONE: u32 = 1 << 14;
/// CONF0_SYNC.
const RXFIFO_RST: u32 = 1 << 22;
const TXFIFO_RST: u32 = 1 << 23;
const RESET_CLKDIV: u32 = 0x2b6;
const RESET_CONF0: u32 = 0x1c;
const RESET_CONF1: u32 = 0x6060;

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Uart {
    index: u8,
    tx_token: Token,
    rx_token: Token,
    int_raw: u32,
    int_ena: u32,
    clkdiv: u32,
    conf0: u32,
    conf1: u32,
    /// Registers that only hold their value, by offset.
    held: std::collections::BTreeMap<u32, u32>,
    tx: VecDeque<u8>,
    rx: VecDeque<u8>,
    sending: Option<u8>,
    inbound: VecDeque<u8>,
    arriving: Option<VirtualTime>,
    /// Function clock.
    clock_hz: u32,
}

impl Uart {
    pub(super) fn new(index: u8, tx_token: Token, rx_token: Token) -> Self {
        Self {
            index,
            tx_token,
            rx_token,
            int_raw: 0,
            int_ena: 0,
            clkdiv: RESET_CLKDIV,
            conf0: RESET_CONF0,
            conf1: RESET_CONF1,
            held: std::collections::BTreeMap::new(),
            tx: VecDeque::new(),
            rx: VecDeque::new(),
            sending: None,
            inbound: VecDeque::new(),
            arriving: None,
            clock_hz: 40_000_000,
        }
    }

    /// Reset. Bytes on their way from outside still arrive.
    pub(super) fn reset(&mut self, fabric: &mut Fabric) {
        let (inbound, arriving) = (std::mem::take(&mut self.inbound), self.arriving);
        *self = Self::new(self.index, self.tx_token, self.rx_token);
        (self.inbound, self.arriving) = (inbound, arriving);
        if let Some(at) = arriving {
            fabric.schedule(at, self.rx_token);
        }
    }

    pub(super) fn set_clock(&mut self, fabric: &mut Fabric, hz: u32) {
        if self.clock_hz != hz.max(1) {
            self.clock_hz = hz.max(1);
            fabric.uart_rate(self.index, self.baud());
        }
    }

    pub(super) fn read(&mut self, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x00 => u32::from(self.rx.pop_front().unwrap_or(0)),
            0x04 => self.int_raw | self.levels(),
            0x08 => (self.int_raw | self.levels()) & self.int_ena,
            0x0c => self.int_ena,
            0x14 => self.clkdiv,
            0x1c => self.rx.len() as u32 | (self.tx.len() as u32) << 16,
            0x20 => self.conf0,
            0x24 => self.conf1,
            // FSM_STATUS: the states of transmitter and receiver.
            0x70 => u32::from(self.sending.is_some()) << 4,
            // AFIFO_STATUS: the asynchronous FIFOs between the clock domains are empty.
            0x90 => 1 << 1 | 1 << 3,
            // REG_UPDATE: registers take effect at once.
            0x10 | 0x98 => 0,
            0x18 | 0x2c..=0x6c | 0x88 | 0x8c | 0x9c => self.held.get(&offset).copied().unwrap_or(0),
            // POSPULSE to RXD_CNT: baud rate detection.
            0x74..=0x84 => return Err(AccessFault::Unmodelled),
            _ => return Err(AccessFault::Unmapped),
        })
    }

    pub(super) fn write(&mut self, fabric: &mut Fabric, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            0x00 if self.tx.len() < FIFO => self.tx.push_back(value as u8),
            0x00 | 0x98 => {}
            0x0c => self.int_ena = value,
            0x10 => self.int_raw &= !value,
            0x14 => {
                self.clkdiv = value & 0x00f0_0fff;
                fabric.uart_rate(self.index, self.baud());
            }
            0x20 => {
                self.conf0 = value;
                if value & TXFIFO_RST != 0 {
                    self.tx.clear();
                }
                if value & RXFIFO_RST != 0 {
                    self.rx.clear();
                }
            }
            0x24 => self.conf1 = value,
            0x18 | 0x2c..=0x6c | 0x88 | 0x8c | 0x9c => {
                self.held.insert(offset, value);
            }
            // POSPULSE to RXD_CNT: baud rate detection.
            0x74..=0x84 => return Err(AccessFault::Unmodelled),
            _ => return Err(AccessFault::Unmapped),
        }
        self.start_sending(fabric);
        Ok(())
    }

    /// The ROM sends a text. Returns when its last byte has found room in the FIFO.
    pub(super) fn print(&mut self, fabric: &mut Fabric, text: &[u8]) -> VirtualTime {
        self.tx.extend(text);
        self.start_sending(fabric);
        let beyond = self.tx.len().saturating_sub(FIFO) as u64;
        fabric.now() + VirtualTime::from_ps(self.frame().as_ps() * beyond)
    }

    /// When all that waits will have been sent, at the latest.
    pub(super) fn idle_at(&self, fabric: &Fabric) -> VirtualTime {
        let frames = self.tx.len() as u64 + u64::from(self.sending.is_some());
        fabric.now() + VirtualTime::from_ps(self.frame().as_ps() * frames)
    }

    pub(super) fn interrupt(&self) -> bool {
        (self.int_raw | self.levels()) & self.int_ena != 0
    }

    /// A frame has been sent.
    pub(super) fn sent(&mut self, fabric: &mut Fabric) {
        if let Some(byte) = self.sending.take() {
            fabric.uart_output(self.index, byte);
        }
        self.start_sending(fabric);
        if self.sending.is_none() {
            self.int_raw |= TX_DONE;
        }
    }

    /// A frame has arrived.
    pub(super) fn arrived(&mut self, fabric: &mut Fabric) {
        let byte = self.arriving.take().and_then(|_| self.inbound.pop_front());
        if self.rx.len() < FIFO {
            self.rx.extend(byte);
        } else {
            self.int_raw |= RXFIFO_OVF;
        }
        self.start_arriving(fabric);
        if self.arriving.is_none() {
            // No more bytes follow: the receiver's time-out occurs at once.
            self.int_raw |= RXFIFO_TOUT;
        }
    }

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

    /// Interrupts that follow from the FIFOs' fill.
    fn levels(&self) -> u32 {
        let (full, empty) = (self.conf1 & 0xff, self.conf1 >> 8 & 0xff);
        let rx = if self.rx.len() as u32 >= full.max(1) {
            RXFIFO_FULL
        } else {
            0
        };
        rx | if (self.tx.len() as u32) < empty {
            TXFIFO_EMPTY
        } else {
            0
        }
    }

    fn start_sending(&mut self, fabric: &mut Fabric) {
        if self.sending.is_none() {
            self.sending = self.tx.pop_front();
            if self.sending.is_some() {
                fabric.schedule_in(self.frame(), self.tx_token);
            }
        }
    }

    fn start_arriving(&mut self, fabric: &mut Fabric) {
        if self.arriving.is_none() && !self.inbound.is_empty() {
            let at = fabric.now() + self.frame();
            self.arriving = Some(at);
            fabric.schedule(at, self.rx_token);
        }
    }

    /// Start bit, 5 to 8 data bits, parity, stop bits, of CLKDIV + FRAG / 16 function clocks each.
    fn frame(&self) -> VirtualTime {
        let sixteenths = self.sixteenths();
        let data = 5 + u64::from(self.conf0 >> 2 & 3);
        let parity = u64::from(self.conf0 >> 1 & 1);
        let stop = if self.conf0 >> 4 & 3 > 1 { 2 } else { 1 };
        let bits = 1 + data + parity + stop;
        let ps = u128::from(bits * sixteenths) * u128::from(PS_PER_SECOND) / (16 * u128::from(self.clock_hz));
        VirtualTime::from_ps(ps as u64)
    }

    /// A bit's length in sixteenths of a function clock.
    fn sixteenths(&self) -> u64 {
        (u64::from(self.clkdiv & 0xfff) * 16 + u64::from(self.clkdiv >> 20 & 15)).max(16)
    }

    /// Bits per second.
    fn baud(&self) -> u32 {
        (u64::from(self.clock_hz) * 16 / self.sixteenths()) as u32
    }
}
