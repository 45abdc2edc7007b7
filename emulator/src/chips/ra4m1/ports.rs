//! I/O ports (manual chapter 19): PORTm, the pins' functions (PFS) with their write protection (PWPR), and levels
//! driven on the pads from outside. A pin's number is port × 32 + pin.

use std::collections::BTreeMap;

use crate::core::fabric::{AccessFault, AccessSize, Fabric};

pub(super) const PORTS: usize = 10;
const PINS: usize = PORTS * 16;

/// PmnPFS.
const PODR: u32 = 1 << 0;
const PIDR: u32 = 1 << 1;
const PDR: u32 = 1 << 2;
const PCR: u32 = 1 << 4;
const NCODR: u32 = 1 << 6;
const ISEL: u32 = 1 << 14;
const ASEL: u32 = 1 << 15;
const PMR: u32 = 1 << 16;
const WRITABLE: u32 = 0x1f01_fc55;

/// PWPR.
const B0WI: u8 = 1 << 7;
const PFSWE: u8 = 1 << 6;

/// Pins with an external interrupt, and its number (table 19.5), limited to pins that boards expose.
const IRQ_PINS: [(u16, usize); 14] = [
    (pin(1, 5), 0),
    (pin(4, 0), 0),
    (pin(1, 4), 1),
    (pin(1, 1), 1),
    (pin(1, 0), 2),
    (pin(0, 2), 2),
    (pin(1, 10), 3),
    (pin(1, 11), 4),
    (pin(3, 2), 5),
    (pin(3, 1), 6),
    (pin(0, 0), 6),
    (pin(0, 1), 7),
    (pin(4, 8), 7),
    (pin(3, 4), 9),
];

pub(super) const fn pin(port: u16, pin: u16) -> u16 {
    port * 32 + pin
}

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Ports {
    #[serde(with = "crate::core::array")]
    pfs: [u32; PINS],
    pwpr: u8,
    #[serde(with = "crate::core::array")]
    outside: [Option<bool>; PINS],
    /// Reported levels, so that only changes are reported.
    #[serde(with = "crate::core::array")]
    reported_drive: [Option<bool>; PINS],
    #[serde(with = "crate::core::array")]
    reported_level: [bool; PINS],
    /// Levels that peripherals drive, by pin and PSEL.
    functions: BTreeMap<(u16, u32), bool>,
    /// Changed levels at interrupt pins that were not delivered to the ICU yet.
    pub(super) edges: Vec<(usize, bool)>,
}

impl Ports {
    pub(super) fn new() -> Self {
        Self {
            pfs: [0; PINS],
            pwpr: B0WI,
            outside: [None; PINS],
            reported_drive: [None; PINS],
            reported_level: [false; PINS],
            functions: BTreeMap::new(),
            edges: Vec::new(),
        }
    }

    /// Reset: the pads are no longer driven; outside levels stay.
    pub(super) fn reset(&mut self, fabric: &mut Fabric) {
        self.pfs = [0; PINS];
        self.pwpr = B0WI;
        self.functions.clear();
        for index in 0..PINS {
            self.update(fabric, index);
        }
        self.edges.clear();
    }

    pub(super) fn level(&self, pin: u16) -> Option<bool> {
        self.pad(place(pin)?)
    }

    pub(super) fn drive_outside(&mut self, fabric: &mut Fabric, pin: u16, level: Option<bool>) {
        if let Some(index) = place(pin) {
            self.outside[index] = level;
            self.update(fabric, index);
        }
    }

    /// Whether the pin is given to peripheral function `psel`.
    pub(super) fn has_function(&self, pin: u16, psel: u32) -> bool {
        place(pin).is_some_and(|index| self.pfs[index] & PMR != 0 && self.pfs[index] >> 24 == psel)
    }

    /// The first of `pins` that is given to peripheral function `psel`.
    pub(super) fn given(&self, pins: &[u16], psel: u32) -> Option<u16> {
        pins.iter().copied().find(|pin| self.has_function(*pin, psel))
    }

    /// The level that function `psel` has for the pin, which gets it if it is given to the function.
    pub(super) fn drive_function(&mut self, fabric: &mut Fabric, pin: u16, psel: u32, level: Option<bool>) {
        let before = match level {
            Some(level) => self.functions.insert((pin, psel), level),
            None => self.functions.remove(&(pin, psel)),
        };
        if before != level
            && let Some(index) = place(pin)
        {
            self.update(fabric, index);
        }
    }

    /// A register of PORTm: words, or halves with the upper one first (19.2.1).
    pub(super) fn read_port(&self, offset: u32, size: AccessSize) -> Result<u32, AccessFault> {
        let port = (offset / 0x20) as usize;
        let collect = |mask: u32| {
            let pins = (0..16).filter(|pin| self.pfs[port * 16 + pin] & mask != 0);
            pins.fold(0, |bits, pin| bits | 1_u32 << pin)
        };
        let word = match offset & 0x1c {
            0x00 => collect(PODR) << 16 | collect(PDR),
            0x04 => {
                let high = (0..16).filter(|pin| self.input(port * 16 + pin));
                high.fold(0, |bits, pin| bits | 1 << pin)
            }
            0x08 => 0,
            // EORR, EOSR.
            0x0c => return Err(AccessFault::Unmodelled),
            _ => return Err(AccessFault::Unmapped),
        };
        match (size, offset & 3) {
            (AccessSize::Word, 0) => Ok(word),
            (AccessSize::Half, 0) => Ok(word >> 16),
            (AccessSize::Half, 2) => Ok(word & 0xffff),
            _ => Err(AccessFault::Width),
        }
    }

    pub(super) fn write_port(
        &mut self,
        fabric: &mut Fabric,
        offset: u32,
        value: u32,
        size: AccessSize,
    ) -> Result<(), AccessFault> {
        let port = (offset / 0x20) as usize;
        let (value, touched) = match (size, offset & 3) {
            (AccessSize::Word, 0) => (value, u32::MAX),
            (AccessSize::Half, 0) => (value << 16, 0xffff_0000),
            (AccessSize::Half, 2) => (value & 0xffff, 0x0000_ffff),
            _ => return Err(AccessFault::Width),
        };
        for pin in 0..16 {
            let index = port * 16 + pin;
            let (low, high) = (value >> pin & 1, value >> (16 + pin) & 1);
            let pfs = &mut self.pfs[index];
            match offset & 0x1c {
                0x00 => {
                    if touched & 1 != 0 {
                        *pfs = *pfs & !PDR | (low * PDR);
                    }
                    if touched >> 16 != 0 {
                        *pfs = *pfs & !PODR | (high * PODR);
                    }
                }
                // POSR sets, PORR resets.
                0x08 if low & high != 0 => return Err(AccessFault::UnmodelledUse),
                0x08 => *pfs = (*pfs | (low * PODR)) & !(high * PODR),
                0x04 => return Err(AccessFault::Denied),
                0x0c => return Err(AccessFault::Unmodelled),
                _ => return Err(AccessFault::Unmapped),
            }
            self.update(fabric, index);
        }
        Ok(())
    }

    /// PmnPFS: a word, its lower half at offset 2, its lowest byte at offset 3 (19.2.5).
    pub(super) fn read_pfs(&self, offset: u32, size: AccessSize) -> Result<u32, AccessFault> {
        let index = (offset / 4) as usize;
        let pfs = *self.pfs.get(index).ok_or(AccessFault::Unmapped)?;
        let word = pfs | (u32::from(self.input(index)) * PIDR);
        match (size, offset & 3) {
            (AccessSize::Word, 0) => Ok(word),
            (AccessSize::Half, 2) => Ok(word & 0xffff),
            (AccessSize::Byte, 3) => Ok(word & 0xff),
            _ => Err(AccessFault::Width),
        }
    }

    pub(super) fn write_pfs(
        &mut self,
        fabric: &mut Fabric,
        offset: u32,
        value: u32,
        size: AccessSize,
    ) -> Result<(), AccessFault> {
        let index = (offset / 4) as usize;
        let mask = match (size, offset & 3) {
            (AccessSize::Word, 0) => u32::MAX,
            (AccessSize::Half, 2) => 0xffff,
            (AccessSize::Byte, 3) => 0xff,
            _ => return Err(AccessFault::Width),
        };
        let pfs = self.pfs.get_mut(index).ok_or(AccessFault::Unmapped)?;
        if self.pwpr & PFSWE == 0 {
            // Ignored on silicon.
            fabric.log_fault(super::PFS + offset, size, Some(value), AccessFault::Denied);
            return Ok(());
        }
        *pfs = (*pfs & !mask | value & mask) & WRITABLE;
        self.update(fabric, index);
        Ok(())
    }

    pub(super) fn pwpr(&self) -> u32 {
        self.pwpr.into()
    }

    /// PFSWE can be written only while B0WI is clear.
    pub(super) fn set_pwpr(&mut self, value: u32) {
        let value = value as u8;
        let pfswe = if self.pwpr & B0WI == 0 { value } else { self.pwpr } & PFSWE;
        self.pwpr = value & B0WI | pfswe;
    }

    fn driven(&self, index: usize) -> Option<bool> {
        let pfs = self.pfs[index];
        if pfs & PMR != 0 {
            let driven = self.functions.get(&(number(index), pfs >> 24)).copied();
            // The level of a UART's line between frames; the levels of other functions are not known here.
            return driven.or_else(|| super::sci::sends_on(number(index), pfs >> 24).then_some(true));
        }
        let level = pfs & PODR != 0;
        (pfs & PDR != 0 && !(pfs & NCODR != 0 && level)).then_some(level)
    }

    fn pad(&self, index: usize) -> Option<bool> {
        let pulled = (self.pfs[index] & PCR != 0).then_some(true);
        self.driven(index).or(self.outside[index]).or(pulled)
    }

    /// The value that a read returns; an analog pin and a floating one read as 0.
    fn input(&self, index: usize) -> bool {
        self.pfs[index] & ASEL == 0 && self.pad(index) == Some(true)
    }

    fn update(&mut self, fabric: &mut Fabric, index: usize) {
        let drive = self.driven(index);
        if self.reported_drive[index] != drive {
            self.reported_drive[index] = drive;
            fabric.pin_changed(number(index), drive);
        }
        let level = self.input(index);
        if self.reported_level[index] != level {
            self.reported_level[index] = level;
            if self.pfs[index] & ISEL != 0
                && let Some((_, irq)) = IRQ_PINS.iter().find(|it| it.0 == number(index))
            {
                self.edges.push((*irq, level));
            }
        }
    }
}

fn place(pin: u16) -> Option<usize> {
    let (port, pin) = (usize::from(pin / 32), usize::from(pin % 32));
    (port < PORTS && pin < 16).then_some(port * 16 + pin)
}

fn number(index: usize) -> u16 {
    (index / 16 * 32 + index % 16) as u16
}
