//! SCI0, 1, 2 and 9 (manual chapter 28) as asynchronous UARTs without their FIFOs, with frames paced at the line
//! rate.

use std::collections::VecDeque;

use super::ports::pin;
use crate::core::events::Token;
use crate::core::fabric::{AccessFault, AccessSize, Fabric};
use crate::machine::VirtualTime;

/// Number of channels here: SCI0, 1, 2, 9 are 0 to 3.
pub(super) const COUNT: usize = 4;
/// Bytes from outside that wait for the line.
const INBOUND_BYTES: usize = 4_096;

/// Pins of TXD and RXD (table 19.5) that boards expose: channel here, pin, PSEL.
const TX_PINS: [(usize, u16, u32); 5] = [
    (0, pin(1, 1), 4),
    (0, pin(4, 11), 4),
    (1, pin(5, 1), 5),
    (2, pin(3, 2), 4),
    (3, pin(1, 9), 5),
];
const RX_PINS: [(usize, u16, u32); 5] = [
    (0, pin(1, 0), 4),
    (0, pin(4, 10), 4),
    (1, pin(5, 2), 5),
    (2, pin(3, 1), 4),
    (3, pin(1, 10), 5),
];

pub(super) fn sends_on(pin: u16, function: u32) -> bool {
    TX_PINS.iter().any(|(_, tx, psel)| *tx == pin && *psel == function)
}

pub(super) fn tx_pins(index: usize) -> impl Iterator<Item = (u16, u32)> {
    TX_PINS.iter().filter(move |it| it.0 == index).map(|it| (it.1, it.2))
}

pub(super) fn rx_pins(index: usize) -> impl Iterator<Item = (u16, u32)> {
    RX_PINS.iter().filter(move |it| it.0 == index).map(|it| (it.1, it.2))
}

/// Event numbers of RXI; TXI, TEI and ERI follow it.
const RXI: [u8; COUNT] = [0x98, 0x9e, 0xa3, 0xa8];

/// SCR.
const TEIE: u8 = 1 << 2;
const RE: u8 = 1 << 4;
const TE: u8 = 1 << 5;
const RIE: u8 = 1 << 6;
const TIE: u8 = 1 << 7;
/// SSR.
const TEND: u8 = 1 << 2;
const ORER: u8 = 1 << 5;
const RDRF: u8 = 1 << 6;
const TDRE: u8 = 1 << 7;

pub(super) const SENT: Token = 0;
pub(super) const ARRIVED: Token = 1;

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Sci {
    index: u8,
    token: Token,
    smr: u8,
    brr: u8,
    scr: u8,
    ssr: u8,
    semr: u8,
    mddr: u8,
    scmr: u8,
    snfr: u8,
    sptr: u8,
    tdr: Option<u8>,
    sending: Option<u8>,
    rdr: u8,
    inbound: VecDeque<u8>,
    arriving: Option<VirtualTime>,
    /// Events that were not carried to the ICU yet.
    pub(super) events: Vec<u8>,
}

impl Sci {
    pub(super) fn new(index: usize, token: Token) -> Self {
        Self {
            index: index as u8,
            token,
            smr: 0,
            brr: 0xff,
            scr: 0,
            ssr: TDRE | TEND,
            semr: 0,
            mddr: 0xff,
            scmr: 0xf2,
            snfr: 0,
            sptr: 3,
            tdr: None,
            sending: None,
            rdr: 0,
            inbound: VecDeque::new(),
            arriving: None,
            events: Vec::new(),
        }
    }

    /// Reset. Bytes on their way from outside still arrive, and find the receiver off.
    pub(super) fn reset(&mut self, fabric: &mut Fabric) {
        let (inbound, arriving) = (std::mem::take(&mut self.inbound), self.arriving);
        *self = Self::new(usize::from(self.index), self.token);
        (self.inbound, self.arriving) = (inbound, arriving);
        if let Some(at) = arriving {
            fabric.schedule(at, self.token + ARRIVED);
        }
    }

    pub(super) fn read(&mut self, offset: u32, size: AccessSize) -> Result<u32, AccessFault> {
        match (offset, size) {
            (0x0e | 0x10 | 0x14, AccessSize::Half) => return Err(AccessFault::UnmodelledUse),
            (_, AccessSize::Byte) => {}
            _ => return Err(AccessFault::Width),
        }
        Ok(match offset {
            0x00 => self.smr,
            0x01 => self.brr,
            0x02 => self.scr,
            0x03 => self.tdr.unwrap_or(0xff),
            0x04 => self.ssr,
            0x05 => {
                self.ssr &= !RDRF;
                self.rdr
            }
            0x06 => self.scmr,
            0x07 => self.semr,
            0x08 => self.snfr,
            0x09..=0x0d | 0x13 => 0,
            0x12 => self.mddr,
            0x1c => self.sptr,
            0x0e..=0x1b => return Err(AccessFault::Width),
            _ => return Err(AccessFault::Unmapped),
        }
        .into())
    }

    pub(super) fn write(
        &mut self,
        fabric: &mut Fabric,
        pclka: u32,
        offset: u32,
        value: u32,
        size: AccessSize,
    ) -> Result<(), AccessFault> {
        if size != AccessSize::Byte {
            // FCR.FM = 0: no FIFO, as after a reset.
            let plain = (offset, size, value & 1) == (0x14, AccessSize::Half, 0);
            return if plain { Ok(()) } else { Err(AccessFault::UnmodelledUse) };
        }
        let value = value as u8;
        match offset {
            // Clock-synchronous mode, multi-processor mode, 7 bits.
            0x00 if value & 0xc4 != 0 => return Err(AccessFault::UnmodelledUse),
            0x00 => self.smr = value,
            0x01 => {
                self.brr = value;
                fabric.uart_rate(self.index, self.baud(pclka));
            }
            0x02 => return self.control(fabric, pclka, value),
            0x03 => {
                self.tdr = Some(value);
                self.ssr &= !(TDRE | TEND);
                self.start_sending(fabric, pclka);
            }
            // Flags are cleared by writing zero; TDRE and RDRF follow the data registers (28.2.8).
            0x04 => self.ssr &= value | !(ORER | 0x18),
            0x05 => return Err(AccessFault::Denied),
            // Smart card, 9 bits, inverted or MSB first.
            0x06 if value | 0x80 != 0xf2 => return Err(AccessFault::UnmodelledUse),
            0x06 => self.scmr = value,
            0x07 => {
                self.semr = value & 0xfc;
                fabric.uart_rate(self.index, self.baud(pclka));
            }
            0x08 => self.snfr = value & 7,
            0x09..=0x0d | 0x13 if value == 0 => {}
            0x09..=0x0d | 0x13 => return Err(AccessFault::UnmodelledUse),
            0x12 => self.mddr = value,
            0x1c => self.sptr = value & 7,
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    /// A frame was sent or received; `connected` says whether a pin carries the line.
    pub(super) fn wake(&mut self, fabric: &mut Fabric, pclka: u32, what: Token, connected: bool) {
        if what == SENT {
            if let Some(byte) = self.sending.take().filter(|_| connected) {
                fabric.uart_output(self.index, byte);
            }
            self.start_sending(fabric, pclka);
            if self.sending.is_none() {
                self.ssr |= TEND;
                if self.scr & TEIE != 0 {
                    self.raise(2);
                }
            }
            return;
        }
        let byte = self.arriving.take().and_then(|_| self.inbound.pop_front());
        if let Some(byte) = byte.filter(|_| connected && self.scr & RE != 0) {
            self.receive(byte);
        }
        self.start_arriving(fabric, pclka);
    }

    pub(super) fn input(&mut self, fabric: &mut Fabric, pclka: u32, bytes: &[u8]) {
        let room = self.room().min(bytes.len());
        self.inbound.extend(&bytes[..room]);
        self.start_arriving(fabric, pclka);
    }

    pub(super) fn room(&self) -> usize {
        INBOUND_BYTES - self.inbound.len()
    }

    pub(super) fn is_busy(&self) -> bool {
        self.sending.is_some() || self.arriving.is_some()
    }

    fn control(&mut self, fabric: &mut Fabric, pclka: u32, value: u8) -> Result<(), AccessFault> {
        // An external clock, the multi-processor interrupt.
        if value & 0x0b != 0 {
            return Err(AccessFault::UnmodelledUse);
        }
        let rises = value & !self.scr;
        self.scr = value;
        if value & TE == 0 {
            self.ssr |= TDRE | TEND;
            self.tdr = None;
        }
        // TXI is raised only if TE rises while TIE is set, or together with it (28.10.2).
        if rises & TE != 0 && value & TIE != 0 {
            self.raise(1);
        }
        if rises & TEIE != 0 && self.ssr & TEND != 0 {
            self.raise(2);
        }
        self.start_sending(fabric, pclka);
        Ok(())
    }

    fn receive(&mut self, byte: u8) {
        if self.ssr & ORER != 0 {
            return;
        }
        if self.ssr & RDRF != 0 {
            self.ssr |= ORER;
            if self.scr & RIE != 0 {
                self.raise(3);
            }
            return;
        }
        self.rdr = byte;
        self.ssr |= RDRF;
        if self.scr & RIE != 0 {
            self.raise(0);
        }
    }

    fn raise(&mut self, which: u8) {
        self.events.push(RXI[usize::from(self.index)] + which);
    }

    fn start_sending(&mut self, fabric: &mut Fabric, pclka: u32) {
        if self.sending.is_some() || self.scr & TE == 0 {
            return;
        }
        let Some(byte) = self.tdr.take() else { return };
        self.sending = Some(byte);
        self.ssr |= TDRE;
        if self.scr & TIE != 0 {
            self.raise(1);
        }
        fabric.schedule_in(self.frame(pclka), self.token + SENT);
    }

    fn start_arriving(&mut self, fabric: &mut Fabric, pclka: u32) {
        if self.arriving.is_none() && !self.inbound.is_empty() {
            let at = fabric.now() + self.frame(pclka);
            self.arriving = Some(at);
            fabric.schedule(at, self.token + ARRIVED);
        }
    }

    /// Start bit, 8 data bits, parity, stop bits of 28.2.11's length.
    fn frame(&self, pclka: u32) -> VirtualTime {
        let bits = 10 + u64::from(self.smr >> 5 & 1) + u64::from(self.smr >> 3 & 1);
        let (clocks, counted) = self.bit();
        VirtualTime::from_ticks(clocks * bits * 256, u64::from(pclka.max(1)) * counted)
    }

    /// Bits per second.
    fn baud(&self, pclka: u32) -> u32 {
        let (clocks, counted) = self.bit();
        u32::try_from(u64::from(pclka) * counted / (256 * clocks)).unwrap_or(u32::MAX)
    }

    /// A bit's length in clocks, and how many of 256 clocks count.
    fn bit(&self) -> (u64, u64) {
        let base: u64 = match (self.semr >> 3 & 1, (self.semr >> 6 & 1) + (self.semr >> 4 & 1)) {
            (1, _) => 6,
            (_, 0) => 32,
            (_, 1) => 16,
            _ => 8,
        };
        let clocks = base * (1 << (2 * (self.smr & 3))) * (u64::from(self.brr) + 1);
        // BRME: this many of 256 clocks count.
        let counted = if self.semr & 4 != 0 {
            u64::from(self.mddr.max(128))
        } else {
            256
        };
        (clocks, counted)
    }
}
