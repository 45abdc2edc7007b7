//! GPIO (PS 6.9): ports P0 and P1, their pads, and levels driven from outside.

use std::collections::VecDeque;

use super::block::Signal;
use crate::core::fabric::{AccessFault, Fabric};

/// P0.00..P0.31 and P1.00..P1.15.
pub(super) const PINS: u16 = 48;

/// PIN_CNF out of reset: input, buffer disconnected.
const PIN_CNF_RESET: u32 = 0x0000_0002;
/// DIR, INPUT, PULL, DRIVE, SENSE.
const PIN_CNF_MASK: u32 = 0x0003_070f;

/// Both ports.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Gpio {
    out: u64,
    #[serde(with = "crate::core::array")]
    cnf: [u32; PINS as usize],
    latch: u64,
    /// DETECTMODE of each port: LDETECT instead of DETECT.
    latched_detect: [bool; 2],
    /// A peripheral drives the pin instead of OUT and DIR.
    #[serde(with = "crate::core::array")]
    taken: [Option<bool>; PINS as usize],
    /// Driven from outside.
    #[serde(with = "crate::core::array")]
    outside: [Option<bool>; PINS as usize],
    /// Levels and drives reported so far: only changes are reported.
    reported_level: u64,
    #[serde(with = "crate::core::array")]
    reported_drive: [Option<bool>; PINS as usize],
    detect: bool,
}

impl Gpio {
    pub(super) fn new() -> Self {
        Self {
            out: 0,
            cnf: [PIN_CNF_RESET; PINS as usize],
            latch: 0,
            latched_detect: [false; 2],
            taken: [None; PINS as usize],
            outside: [None; PINS as usize],
            reported_level: 0,
            reported_drive: [None; PINS as usize],
            detect: false,
        }
    }

    /// Reset: the pads are no longer driven; outside levels stay.
    pub(super) fn reset(&mut self, fabric: &mut Fabric, signals: &mut VecDeque<Signal>) {
        *self = Self {
            outside: self.outside,
            reported_level: self.reported_level,
            reported_drive: self.reported_drive,
            ..Self::new()
        };
        self.update(fabric, signals, !0);
    }

    /// The level at a pin as a probe sees it.
    pub(super) fn level(&self, pin: u16) -> Option<bool> {
        let cnf = *self.cnf.get(usize::from(pin))?;
        self.driven(pin)
            .or(self.outside[usize::from(pin)])
            .or(match cnf >> 2 & 3 {
                1 => Some(false),
                3 => Some(true),
                _ => None,
            })
    }

    /// Drives a pin from outside, or stops driving it.
    pub(super) fn drive_outside(
        &mut self,
        fabric: &mut Fabric,
        signals: &mut VecDeque<Signal>,
        pin: u16,
        level: Option<bool>,
    ) {
        if let Some(outside) = self.outside.get_mut(usize::from(pin)) {
            *outside = level;
            self.update(fabric, signals, 1 << pin);
        }
    }

    /// A peripheral takes the pin and drives `level`, or releases it.
    pub(super) fn take(&mut self, fabric: &mut Fabric, signals: &mut VecDeque<Signal>, pin: u16, level: Option<bool>) {
        if let Some(taken) = self.taken.get_mut(usize::from(pin)) {
            *taken = level;
            self.update(fabric, signals, 1 << pin);
        }
    }

    /// The level that the chip itself drives on the pin now.
    pub(super) fn driven(&self, pin: u16) -> Option<bool> {
        let index = usize::from(pin);
        if let Some(level) = self.taken[index] {
            return Some(level);
        }
        if self.cnf[index] & 1 == 0 {
            return None;
        }
        let high = self.out >> pin & 1 != 0;
        // DRIVE: D0… disconnects a 0 (wired-or), …D1 a 1 (wired-and)
        match self.cnf[index] >> 8 & 7 {
            4 | 5 if !high => None,
            6 | 7 if high => None,
            _ => Some(high),
        }
    }

    pub(super) fn read(&self, port: u16, offset: u32) -> Result<u32, AccessFault> {
        let bits = |all: u64| (all >> (32 * port)) as u32;
        Ok(match offset {
            0x504 | 0x508 | 0x50c => bits(self.out),
            0x510 => bits(self.inputs()),
            0x514 | 0x518 | 0x51c => bits(self.directions()),
            0x520 => bits(self.latch),
            0x524 => u32::from(self.latched_detect[usize::from(port)]),
            0x700..0x780 => self.cnf[self.index(port, offset)?],
            _ => return Err(AccessFault::Unmapped),
        })
    }

    pub(super) fn write(
        &mut self,
        fabric: &mut Fabric,
        signals: &mut VecDeque<Signal>,
        port: u16,
        offset: u32,
        value: u32,
    ) -> Result<(), AccessFault> {
        let shift = 32 * port;
        let bits = (u64::from(value) << shift) & ((1 << PINS) - 1);
        let mut changed = bits;
        match offset {
            0x504 => {
                let port_bits = 0xffff_ffff << shift;
                changed = (self.out ^ bits) & port_bits;
                self.out = self.out & !port_bits | bits;
            }
            0x508 => self.out |= bits,
            0x50c => self.out &= !bits,
            0x510 => return Err(AccessFault::Denied),
            0x514 => {
                changed = 0xffff_ffff << shift;
                self.set_directions(changed, bits);
            }
            0x518 => self.set_directions(bits, bits),
            0x51c => self.set_directions(bits, 0),
            // LATCH: write one to clear; it is set again at once while the criterion is still met
            0x520 => self.latch &= !bits,
            0x524 => {
                self.latched_detect[usize::from(port)] = value & 1 != 0;
                changed = 0;
            }
            0x700..0x780 => {
                let index = self.index(port, offset)?;
                self.cnf[index] = value & PIN_CNF_MASK;
                changed = 1 << index;
            }
            _ => return Err(AccessFault::Unmapped),
        }
        self.update(fabric, signals, changed);
        Ok(())
    }

    fn index(&self, port: u16, offset: u32) -> Result<usize, AccessFault> {
        let index = usize::from(port) * 32 + (offset as usize - 0x700) / 4;
        if index < self.cnf.len() {
            Ok(index)
        } else {
            Err(AccessFault::Unmapped)
        }
    }

    /// IN: pins whose input buffer is connected; a floating one reads low.
    fn inputs(&self) -> u64 {
        (0..PINS)
            .filter(|pin| self.cnf[usize::from(*pin)] & 2 == 0 && self.level(*pin) == Some(true))
            .fold(0, |bits, pin| bits | 1 << pin)
    }

    fn directions(&self) -> u64 {
        let outputs = self.cnf.iter().enumerate().filter(|(_, cnf)| **cnf & 1 != 0);
        outputs.fold(0, |bits, (pin, _)| bits | 1 << pin)
    }

    fn set_directions(&mut self, pins: u64, outputs: u64) {
        for (pin, cnf) in self.cnf.iter_mut().enumerate() {
            if pins >> pin & 1 != 0 {
                *cnf = *cnf & !1 | (outputs >> pin & 1) as u32;
            }
        }
    }

    /// Reports the changes on `pins`, outside and inside the chip.
    fn update(&mut self, fabric: &mut Fabric, signals: &mut VecDeque<Signal>, pins: u64) {
        let mut rest = pins & ((1 << PINS) - 1);
        while rest != 0 {
            let pin = rest.trailing_zeros() as u16;
            rest &= rest - 1;
            let drive = self.driven(pin);
            if self.reported_drive[usize::from(pin)] != drive {
                self.reported_drive[usize::from(pin)] = drive;
                fabric.pin_changed(pin, drive);
            }
            let level = self.level(pin).unwrap_or(false);
            if (self.reported_level >> pin & 1 != 0) != level {
                self.reported_level ^= 1 << pin;
                signals.push_back(Signal::Pin { pin, level });
            }
            if self.sensed(pin) {
                self.latch |= 1 << pin;
            }
        }
        let detect = (0..2).any(|port| self.detects(port));
        if detect && !self.detect {
            signals.push_back(Signal::Detect);
        }
        self.detect = detect;
    }

    fn detects(&self, port: u16) -> bool {
        let pins = if port == 0 { 0..32 } else { 32..PINS };
        if self.latched_detect[usize::from(port)] {
            let mask = 0xffff_ffff_u64 << (32 * port);
            self.latch & mask != 0
        } else {
            pins.into_iter().any(|pin| self.sensed(pin))
        }
    }

    /// Whether the pin meets its SENSE criterion.
    fn sensed(&self, pin: u16) -> bool {
        let cnf = self.cnf[usize::from(pin)];
        let connected = cnf & 2 == 0;
        let level = self.reported_level >> pin & 1 != 0;
        match cnf >> 16 & 3 {
            2 => connected && level,
            3 => connected && !level,
            _ => false,
        }
    }
}
