//! USART1 to 6 (RM0090 chapter 30), asynchronous, with frames paced at the line rate. Not modelled: synchronous mode,
//! LIN, IrDA, smartcard, half duplex, hardware flow control, breaks, 9 data bits.

use std::collections::VecDeque;

use crate::core::events::{EventId, Token};
use crate::core::fabric::{AccessFault, Fabric};
use crate::machine::VirtualTime;

/// Number of them: USART1 is 0.
pub(super) const COUNT: usize = 6;
/// Bytes from outside that wait for the line.
const INBOUND_BYTES: usize = 4_096;

/// Pins that can be TX and RX, and their alternate function (datasheet table 9): USART, pin, function.
const fn pin(port: u8, pin: u16) -> u16 {
    (port - b'A') as u16 * 32 + pin
}
const TX_PINS: [(usize, u16, u32); 12] = [
    (0, pin(b'A', 9), 7),
    (0, pin(b'B', 6), 7),
    (1, pin(b'A', 2), 7),
    (1, pin(b'D', 5), 7),
    (2, pin(b'B', 10), 7),
    (2, pin(b'C', 10), 7),
    (2, pin(b'D', 8), 7),
    (3, pin(b'A', 0), 8),
    (3, pin(b'C', 10), 8),
    (4, pin(b'C', 12), 8),
    (5, pin(b'C', 6), 8),
    (5, pin(b'G', 14), 8),
];
const RX_PINS: [(usize, u16, u32); 12] = [
    (0, pin(b'A', 10), 7),
    (0, pin(b'B', 7), 7),
    (1, pin(b'A', 3), 7),
    (1, pin(b'D', 6), 7),
    (2, pin(b'B', 11), 7),
    (2, pin(b'C', 11), 7),
    (2, pin(b'D', 9), 7),
    (3, pin(b'A', 1), 8),
    (3, pin(b'C', 11), 8),
    (4, pin(b'D', 2), 8),
    (5, pin(b'C', 7), 8),
    (5, pin(b'G', 9), 8),
];

/// Whether a pin with this alternate function is a TX line.
pub(super) fn sends_on(pin: usize, function: u32) -> bool {
    TX_PINS
        .iter()
        .any(|(_, tx, af)| usize::from(*tx) == pin && *af == function)
}

/// Pins that carry the TX line of USART `index`, with their function.
pub(super) fn tx_pins(index: usize) -> impl Iterator<Item = (u16, u32)> {
    TX_PINS.iter().filter(move |it| it.0 == index).map(|it| (it.1, it.2))
}

/// As [`tx_pins`], RX.
pub(super) fn rx_pins(index: usize) -> impl Iterator<Item = (u16, u32)> {
    RX_PINS.iter().filter(move |it| it.0 == index).map(|it| (it.1, it.2))
}

/// USART1 and 6 are on APB2, the others on APB1.
pub(super) fn is_on_apb2(index: usize) -> bool {
    matches!(index, 0 | 5)
}

/// SR.
const ORE: u32 = 1 << 3;
const IDLE: u32 = 1 << 4;
const RXNE: u32 = 1 << 5;
const TC: u32 = 1 << 6;
const TXE: u32 = 1 << 7;

/// CR1.
const SBK: u32 = 1 << 0;
const RWU: u32 = 1 << 1;
const RE: u32 = 1 << 2;
const TE: u32 = 1 << 3;
const IDLEIE: u32 = 1 << 4;
const RXNEIE: u32 = 1 << 5;
const TCIE: u32 = 1 << 6;
const TXEIE: u32 = 1 << 7;
const PCE: u32 = 1 << 10;
const M: u32 = 1 << 12;
const UE: u32 = 1 << 13;
const OVER8: u32 = 1 << 15;

/// CR2 and CR3.
const LINEN_CLKEN: u32 = 1 << 14 | 1 << 11;
const EIE: u32 = 1 << 0;
const DMAR: u32 = 1 << 6;
const DMAT: u32 = 1 << 7;
/// IREN, HDSEL, NACK, SCEN, RTSE, CTSE, CTSIE.
const UNMODELLED_CR3: u32 = 0x073a;

/// The purpose of a USART's event, added to its token.
const SENT: Token = 0;
const ARRIVED: Token = 1;
const LINE_IDLE: Token = 2;

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Usart {
    index: u8,
    token: Token,
    sr: u32,
    brr: u32,
    cr: [u32; 3],
    gtpr: u32,
    /// The data register of the transmitter, if it is full.
    tdr: Option<u8>,
    /// The byte in the shift register.
    sending: Option<u8>,
    rdr: u8,
    /// SR was read: a read of DR now clears the errors and IDLE.
    sr_was_read: bool,
    inbound: VecDeque<u8>,
    /// A byte from outside is on the line and completes at this instant.
    arriving: Option<VirtualTime>,
    idle: Option<EventId>,
}

impl Usart {
    pub(super) fn new(index: usize, token: Token) -> Self {
        Self {
            index: index as u8,
            token,
            sr: TXE | TC,
            brr: 0,
            cr: [0; 3],
            gtpr: 0,
            tdr: None,
            sending: None,
            rdr: 0,
            sr_was_read: false,
            inbound: VecDeque::new(),
            arriving: None,
            idle: None,
        }
    }

    /// Reset, of the chip or by RCC. Bytes on their way from outside still arrive, and find the receiver off.
    pub(super) fn reset(&mut self, fabric: &mut Fabric) {
        for what in [SENT, ARRIVED, LINE_IDLE] {
            fabric.cancel_token(self.token + what);
        }
        let (inbound, arriving) = (std::mem::take(&mut self.inbound), self.arriving);
        *self = Self::new(usize::from(self.index), self.token);
        (self.inbound, self.arriving) = (inbound, arriving);
        if let Some(at) = arriving {
            fabric.schedule(at, self.token + ARRIVED);
        }
    }

    pub(super) fn interrupt(&self) -> bool {
        let on = |bit: u32| self.cr[0] & bit != 0;
        self.sr & TXE != 0 && on(TXEIE)
            || self.sr & TC != 0 && on(TCIE)
            || self.sr & (RXNE | ORE) != 0 && on(RXNEIE)
            || self.sr & IDLE != 0 && on(IDLEIE)
            || self.sr & ORE != 0 && self.cr[2] & (EIE | DMAR) == EIE | DMAR
    }

    /// Whether it asks DMA for a byte to send.
    pub(super) fn wants_to_send(&self) -> bool {
        self.cr[2] & DMAT != 0 && self.sr & TXE != 0 && self.cr[0] & (UE | TE) == UE | TE
    }

    /// Whether it requests DMA to read a byte.
    pub(super) fn has_received(&self) -> bool {
        self.cr[2] & DMAR != 0 && self.sr & RXNE != 0
    }

    pub(super) fn read(&mut self, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x00 => {
                self.sr_was_read = true;
                self.sr
            }
            0x04 => u32::from(self.take_data()),
            0x08 => self.brr,
            0x0c..0x18 => self.cr[(offset as usize - 0x0c) / 4],
            0x18 => self.gtpr,
            _ => return Err(AccessFault::Unmapped),
        })
    }

    /// Reads DR: as the core does, and DMA.
    pub(super) fn take_data(&mut self) -> u8 {
        self.sr &= !RXNE;
        if std::mem::take(&mut self.sr_was_read) {
            self.sr &= !(IDLE | ORE | 7);
        }
        self.rdr
    }

    pub(super) fn write(&mut self, fabric: &mut Fabric, pclk: u32, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            // RXNE and TC are cleared by writing zero.
            0x00 => self.sr &= value | !(RXNE | TC),
            0x04 => self.put_data(fabric, pclk, value as u8),
            0x08 => {
                self.brr = value & 0xffff;
                fabric.uart_rate(self.index, pclk / self.bit().max(1));
            }
            0x0c => {
                // Breaks, mute mode, 9 data bits.
                if value & (SBK | RWU) != 0 || value & (M | PCE) == M {
                    return Err(AccessFault::UnmodelledUse);
                }
                self.cr[0] = value & 0xbfff;
                self.start_sending(fabric, pclk, fabric.now());
            }
            0x10 if value & LINEN_CLKEN != 0 => return Err(AccessFault::UnmodelledUse),
            0x10 => self.cr[1] = value & 0x7f6f,
            0x14 if value & UNMODELLED_CR3 != 0 => return Err(AccessFault::UnmodelledUse),
            0x14 => self.cr[2] = value & 0x0fff,
            0x18 => self.gtpr = value & 0xffff,
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    /// Writes DR: as the core does, and DMA.
    pub(super) fn put_data(&mut self, fabric: &mut Fabric, pclk: u32, byte: u8) {
        self.tdr = Some(byte);
        self.sr &= !TXE;
        // A read of SR, then a write of DR, clears TC; every new frame to send does so too.
        self.sr &= !TC;
        self.start_sending(fabric, pclk, fabric.now());
    }

    /// An event with this USART's token plus `what`. The pins' functions decide whether its lines are connected.
    pub(super) fn wake(&mut self, fabric: &mut Fabric, pclk: u32, what: Token, connected: bool) {
        match what {
            SENT => {
                if let Some(byte) = self.sending.take().filter(|_| connected) {
                    fabric.uart_output(self.index, byte);
                }
                if self.tdr.is_none() {
                    self.sr |= TC;
                }
                self.start_sending(fabric, pclk, fabric.now());
            }
            ARRIVED => {
                let at = self.arriving.take().unwrap_or(fabric.now());
                let byte = self.inbound.pop_front();
                if self.cr[0] & (UE | RE) == UE | RE
                    && connected
                    && let Some(byte) = byte
                {
                    self.receive(byte);
                    let idle = at + self.frame(pclk);
                    self.idle = Some(fabric.schedule(idle, self.token + LINE_IDLE));
                }
                self.start_arriving(fabric, pclk, at);
            }
            _ => {
                self.idle = None;
                self.sr |= IDLE;
                self.sr_was_read = false;
            }
        }
    }

    /// Whether `what` concerns the RX line.
    pub(super) fn is_inbound(what: Token) -> bool {
        what == ARRIVED
    }

    pub(super) fn input(&mut self, fabric: &mut Fabric, pclk: u32, bytes: &[u8]) {
        let room = self.room().min(bytes.len());
        self.inbound.extend(&bytes[..room]);
        self.start_arriving(fabric, pclk, fabric.now());
    }

    pub(super) fn room(&self) -> usize {
        INBOUND_BYTES - self.inbound.len()
    }

    pub(super) fn is_busy(&self) -> bool {
        self.sending.is_some() || self.arriving.is_some()
    }

    fn receive(&mut self, byte: u8) {
        if self.sr & RXNE != 0 {
            self.sr |= ORE;
            self.sr_was_read = false;
            return;
        }
        self.rdr = byte & self.data_mask();
        self.sr |= RXNE;
    }

    /// Seven bits beside a parity bit in a word of eight.
    fn data_mask(&self) -> u8 {
        if self.cr[0] & (PCE | M) == PCE { 0x7f } else { 0xff }
    }

    fn start_sending(&mut self, fabric: &mut Fabric, pclk: u32, from: VirtualTime) {
        if self.sending.is_some() || self.cr[0] & (UE | TE) != UE | TE {
            return;
        }
        let Some(byte) = self.tdr.take() else { return };
        self.sending = Some(byte & self.data_mask());
        self.sr |= TXE;
        fabric.schedule(from + self.frame(pclk), self.token + SENT);
    }

    fn start_arriving(&mut self, fabric: &mut Fabric, pclk: u32, from: VirtualTime) {
        if self.arriving.is_some() || self.inbound.is_empty() {
            return;
        }
        if let Some(idle) = self.idle.take() {
            fabric.cancel(idle);
        }
        let at = from + self.frame(pclk);
        self.arriving = Some(at);
        fabric.schedule(at, self.token + ARRIVED);
    }

    /// A bit's length in clocks of the bus: BRR, with OVER8 in eighths of a bit times 8 (30.3.4).
    fn bit(&self) -> u32 {
        if self.cr[0] & OVER8 == 0 {
            self.brr
        } else {
            (self.brr >> 4) * 8 + (self.brr & 7)
        }
    }

    /// Duration of one frame on the line: start bit, 8 bits (9 with M), stop bits.
    fn frame(&self, pclk: u32) -> VirtualTime {
        let bit = self.bit();
        // In half bits, for the stop bits' sake.
        let stop = match self.cr[1] >> 12 & 3 {
            0 => 2,
            1 => 1,
            2 => 4,
            _ => 3,
        };
        let word: u32 = if self.cr[0] & M == 0 { 16 } else { 18 };
        let half_bits = u64::from(2 + word + stop);
        // A baud rate generator that was never set does not run; external bytes keep their own rate.
        let clocks = u64::from(if bit == 0 { 16 } else { bit }) * half_bits;
        VirtualTime::from_ticks(clocks, 2 * u64::from(pclk.max(1)))
    }
}
