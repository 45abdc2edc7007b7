//! USB Serial/JTAG controller (ESP32-C6 Technical Reference Manual 1.1, chapter 32): its serial port, with a host that has
//! it open and takes each packet. JTAG, the pins and what a host changes (line coding, DTR, RTS) are not modelled.

use std::collections::{BTreeMap, VecDeque};

use crate::core::events::Token;
use crate::core::fabric::{AccessFault, Fabric};
use crate::machine::VirtualTime;

/// Bytes of a packet, and of each FIFO.
const PACKET: usize = 64;
/// Bytes from the host that wait for room.
const INBOUND_BYTES: usize = 4_096;
/// One packet of 64 bytes on a full-speed bus, with its tokens and the host's pause.
const TRANSFER: VirtualTime = VirtualTime::from_us(64);
const FRAME: VirtualTime = VirtualTime::from_ms(1);

/// EP1_CONF.
const WR_DONE: u32 = 1 << 0;
const SERIAL_IN_EP_DATA_FREE: u32 = 1 << 1;
const SERIAL_OUT_EP_DATA_AVAIL: u32 = 1 << 2;
/// INT_*.
const SOF: u32 = 1 << 1;
const SERIAL_OUT_RECV_PKT: u32 = 1 << 2;
const SERIAL_IN_EMPTY: u32 = 1 << 3;
const INTERRUPTS: u32 = 0xffff;

/// Registers that only hold their value, with their reset values: CONF0, TEST, MISC_CONF, MEM_CONF, CHIP_RST,
/// SER_AFIFO_CONFIG, DATE.
const HELD: [(u32, u32); 7] = [
    (0x18, 0x4200),
    (0x1c, 0x30),
    (0x44, 0),
    (0x48, 2),
    (0x4c, 0),
    (0x64, 0x10),
    (0x80, 0x0210_9220),
];

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct UsbSerialJtag {
    /// The number of the port, after the UARTs'.
    index: u8,
    /// Of the next packet to the host, from it, and of the next frame.
    first_token: Token,
    int_raw: u32,
    int_ena: u32,
    held: BTreeMap<u32, u32>,
    tx: VecDeque<u8>,
    /// The packet in `tx` is on its way.
    sending: bool,
    rx: VecDeque<u8>,
    inbound: VecDeque<u8>,
    arriving: bool,
    /// When the next start of frame is seen.
    next_frame: VirtualTime,
}

impl UsbSerialJtag {
    pub(super) fn new(index: u8, first_token: Token) -> Self {
        Self {
            index,
            first_token,
            int_raw: SERIAL_IN_EMPTY,
            int_ena: 0,
            held: BTreeMap::new(),
            tx: VecDeque::new(),
            sending: false,
            rx: VecDeque::new(),
            inbound: VecDeque::new(),
            arriving: false,
            next_frame: VirtualTime::ZERO,
        }
    }

    /// Reset. Bytes that the host has sent still arrive.
    pub(super) fn reset(&mut self, fabric: &mut Fabric) {
        *self = Self {
            inbound: std::mem::take(&mut self.inbound),
            next_frame: fabric.now() + FRAME,
            ..Self::new(self.index, self.first_token)
        };
        self.start_arriving(fabric);
    }

    pub(super) fn interrupt(&self) -> bool {
        self.int_raw & self.int_ena != 0
    }

    pub(super) fn read(&mut self, fabric: &mut Fabric, offset: u32) -> Result<u32, AccessFault> {
        self.count_frames(fabric);
        Ok(match offset {
            0x00 => {
                let byte = self.rx.pop_front().unwrap_or(0);
                self.start_arriving(fabric);
                u32::from(byte)
            }
            0x04 => {
                let free = if self.sending { 0 } else { SERIAL_IN_EP_DATA_FREE };
                let available = if self.rx.is_empty() {
                    0
                } else {
                    SERIAL_OUT_EP_DATA_AVAIL
                };
                free | available
            }
            0x08 => self.int_raw,
            0x0c => self.int_raw & self.int_ena,
            0x10 => self.int_ena,
            // JFIFO_ST: both FIFOs are empty.
            0x20 => 0x44,
            // FRAM_NUM
            0x24 => (fabric.now().as_us() / 1_000) as u32 & 0x7ff,
            // IN_EP0_ST to OUT_EP2_ST, the line coding, BUS_RESET_ST: nothing has happened there.
            0x28..0x44 | 0x50..0x60 => 0,
            0x68 => 1,
            _ => match HELD.iter().find(|(at, _)| *at == offset) {
                Some((_, reset)) => self.held.get(&offset).copied().unwrap_or(*reset),
                None => return Err(AccessFault::Unmapped),
            },
        })
    }

    pub(super) fn write(&mut self, fabric: &mut Fabric, offset: u32, value: u32) -> Result<(), AccessFault> {
        self.count_frames(fabric);
        match offset {
            // While a packet is on its way, bytes are lost. A full one goes by itself.
            0x00 if self.sending => {}
            0x00 => {
                self.tx.push_back(value as u8);
                if self.tx.len() >= PACKET {
                    self.send(fabric);
                }
            }
            0x04 if value & WR_DONE != 0 && !self.sending => self.send(fabric),
            0x04 => {}
            0x10 => {
                self.int_ena = value & INTERRUPTS;
                self.watch_frames(fabric);
            }
            0x14 => {
                self.int_raw &= !value;
                self.watch_frames(fabric);
            }
            _ if HELD.iter().any(|(at, _)| *at == offset) => {
                self.held.insert(offset, value);
            }
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    /// An event of one of its three tokens is due.
    pub(super) fn due(&mut self, fabric: &mut Fabric, token: Token) {
        match token - self.first_token {
            0 => {
                for byte in std::mem::take(&mut self.tx) {
                    fabric.uart_output(self.index, byte);
                }
                self.sending = false;
                self.int_raw |= SERIAL_IN_EMPTY;
            }
            1 => {
                self.arriving = false;
                let count = self.inbound.len().min(PACKET);
                self.rx.extend(self.inbound.drain(..count));
                self.int_raw |= SERIAL_OUT_RECV_PKT;
            }
            _ => {
                self.count_frames(fabric);
                self.watch_frames(fabric);
            }
        }
    }

    pub(super) fn input(&mut self, fabric: &mut Fabric, bytes: &[u8]) {
        let room = self.room().min(bytes.len());
        self.inbound.extend(&bytes[..room]);
        self.start_arriving(fabric);
    }

    pub(super) fn room(&self) -> usize {
        INBOUND_BYTES.saturating_sub(self.inbound.len())
    }

    pub(super) fn is_busy(&self) -> bool {
        self.sending || self.arriving
    }

    fn send(&mut self, fabric: &mut Fabric) {
        if !self.tx.is_empty() {
            self.sending = true;
            fabric.schedule_in(TRANSFER, self.first_token);
        }
    }

    /// The next packet comes when the last one was taken.
    fn start_arriving(&mut self, fabric: &mut Fabric) {
        if !self.arriving && self.rx.is_empty() && !self.inbound.is_empty() {
            self.arriving = true;
            fabric.schedule_in(TRANSFER, self.first_token + 1);
        }
    }

    fn count_frames(&mut self, fabric: &Fabric) {
        let now = fabric.now();
        if now >= self.next_frame {
            self.int_raw |= SOF;
            let passed = (now - self.next_frame).as_us() / 1_000 + 1;
            self.next_frame += VirtualTime::from_ms(passed);
        }
    }

    /// An event at the next frame, if it interrupts.
    fn watch_frames(&self, fabric: &mut Fabric) {
        let token = self.first_token + 2;
        fabric.cancel_token(token);
        if self.int_ena & !self.int_raw & SOF != 0 {
            fabric.schedule(self.next_frame, token);
        }
    }
}
