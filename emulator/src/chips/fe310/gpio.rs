//! GPIO (FE310-G002 manual, chapter 17): 32 pins with their own interrupts, which other peripherals may drive (IOF).

use crate::core::fabric::{AccessFault, Fabric};

/// Pins in the chip's numbering.
pub(super) const PINS: u16 = 32;

#[derive(Clone, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Gpio {
    input_en: u32,
    output_en: u32,
    output_val: u32,
    pue: u32,
    ds: u32,
    rise_ie: u32,
    rise_ip: u32,
    fall_ie: u32,
    fall_ip: u32,
    high_ie: u32,
    high_ip: u32,
    low_ie: u32,
    low_ip: u32,
    pub(super) iof_en: u32,
    pub(super) iof_sel: u32,
    out_xor: u32,
    /// Pins that a controller on IOF 0 drives low, if they are given to it: selects of SPI.
    iof0_low: u32,
    /// Pins that PWM has on IOF 1, and those of them that are high.
    iof1: u32,
    iof1_high: u32,
    /// External drivers of the pins: which pins, and their levels.
    outside: u32,
    outside_level: u32,
    /// `input_val` when it was last looked at.
    input: u32,
}

impl Gpio {
    /// Back to reset values; external drivers stay.
    pub(super) fn reset(&mut self, fabric: &mut Fabric) {
        let before = self.clone();
        *self = Self {
            outside: before.outside,
            outside_level: before.outside_level,
            ..Self::default()
        };
        self.publish_changes(fabric, &before);
        self.sample();
    }

    pub(super) fn read(&self, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x00 => self.input,
            0x04 => self.input_en,
            0x08 => self.output_en,
            0x0c => self.output_val,
            0x10 => self.pue,
            0x14 => self.ds,
            0x18 => self.rise_ie,
            0x1c => self.rise_ip,
            0x20 => self.fall_ie,
            0x24 => self.fall_ip,
            0x28 => self.high_ie,
            0x2c => self.high_ip,
            0x30 => self.low_ie,
            0x34 => self.low_ip,
            0x38 => self.iof_en,
            0x3c => self.iof_sel,
            0x40 => self.out_xor,
            _ => return Err(AccessFault::Unmapped),
        })
    }

    pub(super) fn write(&mut self, fabric: &mut Fabric, offset: u32, value: u32) -> Result<(), AccessFault> {
        let before = self.clone();
        match offset {
            0x00 => {}
            0x04 => self.input_en = value,
            0x08 => self.output_en = value,
            0x0c => self.output_val = value,
            0x10 => self.pue = value,
            0x14 => self.ds = value,
            0x18 => self.rise_ie = value,
            0x1c => self.rise_ip &= !value,
            0x20 => self.fall_ie = value,
            0x24 => self.fall_ip &= !value,
            0x28 => self.high_ie = value,
            0x2c => self.high_ip &= !value,
            0x30 => self.low_ie = value,
            0x34 => self.low_ip &= !value,
            0x38 => self.iof_en = value,
            0x3c => self.iof_sel = value,
            0x40 => self.out_xor = value,
            _ => return Err(AccessFault::Unmapped),
        }
        self.publish_changes(fabric, &before);
        self.sample();
        Ok(())
    }

    /// Of the pins `all`, which a controller on IOF 0 has, `low` are low from now on.
    pub(super) fn set_iof0_low(&mut self, fabric: &mut Fabric, all: u32, low: u32) {
        if self.iof0_low & all == low {
            return;
        }
        let before = self.clone();
        self.iof0_low = self.iof0_low & !all | low;
        self.publish_changes(fabric, &before);
        self.sample();
    }

    /// Of the pins `all`, which PWM has on IOF 1, `high` are high from now on.
    pub(super) fn set_iof1(&mut self, fabric: &mut Fabric, all: u32, high: u32) {
        if self.iof1 & all == all && self.iof1_high & all == high {
            return;
        }
        let before = self.clone();
        self.iof1 |= all;
        self.iof1_high = self.iof1_high & !all | high;
        self.publish_changes(fabric, &before);
        self.sample();
    }

    /// Drives a pin from outside, or stops driving it.
    pub(super) fn drive_outside(&mut self, pin: u16, level: Option<bool>) {
        let bit = 1 << (pin % PINS);
        self.outside &= !bit;
        self.outside_level &= !bit;
        if let Some(level) = level {
            self.outside |= bit;
            self.outside_level |= if level { bit } else { 0 };
        }
        self.sample();
    }

    /// Pins whose interrupt is asserted.
    pub(super) fn interrupts(&self) -> u32 {
        self.rise_ip & self.rise_ie
            | self.fall_ip & self.fall_ie
            | self.high_ip & self.high_ie
            | self.low_ip & self.low_ie
    }

    /// Whether hardware-driven function `sel` (0 or 1) has `pin`.
    pub(super) fn has_function(&self, pin: u16, sel: u32) -> bool {
        self.iof_en >> pin & 1 == 1 && self.iof_sel >> pin & 1 == sel
    }

    /// The level at a pin; `None` if it floats. A pin that hardware drives is idle, which for the UARTs' lines
    /// is high; selects of SPI and outputs of PWM have their level, which `out_xor` inverts.
    pub(super) fn level(&self, pin: u16) -> Option<bool> {
        let bit = 1_u32.checked_shl(u32::from(pin))?;
        if let Some(driven) = self.driven(bit) {
            return Some(driven);
        }
        if self.outside & bit != 0 {
            return Some(self.outside_level & bit != 0);
        }
        (self.pue & bit != 0).then_some(true)
    }

    /// The levels that the chip itself drives.
    fn driven(&self, bit: u32) -> Option<bool> {
        if self.iof_en & bit != 0 {
            let inverted = self.out_xor & bit != 0;
            if self.iof0_low & !self.iof_sel & bit != 0 {
                return Some(inverted);
            }
            if self.iof1 & self.iof_sel & bit != 0 {
                return Some((self.iof1_high & bit != 0) != inverted);
            }
            // An input of the function (a receiver) is driven by the other side.
            return (self.outside & bit == 0).then_some(true);
        }
        (self.output_en & bit != 0).then_some((self.output_val ^ self.out_xor) & bit != 0)
    }

    /// Reports the pins whose driven level changed.
    fn publish_changes(&self, fabric: &mut Fabric, before: &Self) {
        for pin in 0..PINS {
            let bit = 1 << pin;
            let (now, then) = (self.driven(bit), before.driven(bit));
            if now != then {
                fabric.pin_changed(pin, now);
            }
        }
    }

    /// Samples the levels into `input_val`, and sets the pending bits that follow from them.
    fn sample(&mut self) {
        let mut input = 0;
        for pin in 0..PINS {
            input |= u32::from(self.level(pin) == Some(true)) << pin;
        }
        input &= self.input_en;
        self.rise_ip |= input & !self.input;
        self.fall_ip |= !input & self.input;
        self.high_ip |= input;
        self.low_ip |= !input;
        self.input = input;
    }
}
