//! GPIO and IO MUX (ESP32-C6 Technical Reference Manual 1.1, chapter 7): levels, pulls, interrupts, and which pins
//! the GPIO matrix and IO MUX give to I2C0 and GP-SPI2. A UART sends and receives regardless of them. Inverted signals are
//! not modelled.

use std::collections::BTreeMap;

use crate::core::fabric::{AccessFault, Fabric};

/// Pins of the package.
pub(super) const PINS: u16 = 31;
const ALL: u32 = (1 << PINS) - 1;
/// GPIO_PINn.
const FIRST_PIN: u32 = 0x74;
const BEHIND_PINS: u32 = FIRST_PIN + 4 * PINS as u32;
const CPU_INTERRUPT: u32 = 1 << 13;
/// IO_MUX_GPIOn.
const FUN_WPD: u32 = 1 << 7;
const FUN_WPU: u32 = 1 << 8;
const FUN_IE: u32 = 1 << 9;
/// Signals of the matrix (table 7-1), for both directions.
pub(super) const I2CEXT0_SCL: u32 = 45;
pub(super) const I2CEXT0_SDA: u32 = 46;
pub(super) const FSPICLK: u32 = 63;
pub(super) const FSPIQ: u32 = 64;
pub(super) const FSPID: u32 = 65;
const FSPICS0: u32 = 68;
/// Pins that IO MUX connects to a signal directly, as function 2 (table 7-3).
const DIRECT: [(u16, u32); 4] = [(2, FSPIQ), (6, FSPICLK), (7, FSPID), (16, FSPICS0)];
/// FUNCn_IN_SEL_CFG: the pin, and whether the matrix is used.
const IN_SEL: u32 = 0x154;
const SIG_IN_SEL: u32 = 1 << 7;
/// FUNCn_OUT_SEL_CFG out of reset: the pin is GPIO_OUT's.
const OUT_SEL: u32 = 0x554;
const PLAIN_OUTPUT: u32 = 0x80;

#[derive(Clone, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Gpio {
    out: u32,
    enable: u32,
    status: u32,
    pins: [u32; PINS as usize],
    mux: [u32; PINS as usize],
    /// Matrix, straps, and registers without effect here.
    held: BTreeMap<u32, u32>,
    outside: BTreeMap<u16, bool>,
    /// The level that GP-SPI2 gives CS0.
    cs0: Option<bool>,
    /// Inputs as last seen, for edges.
    seen: u32,
}

impl Gpio {
    /// A reset of the chip; external connections of the pins stay.
    pub(super) fn reset(&mut self, fabric: &mut Fabric) {
        let before = self.all_driven();
        *self = Self {
            outside: std::mem::take(&mut self.outside),
            ..Self::default()
        };
        self.publish_changes(fabric, &before);
        self.seen = self.inputs();
    }

    pub(super) fn interrupt(&self) -> bool {
        self.asked() != 0
    }

    pub(super) fn read(&self, offset: u32) -> u32 {
        match offset {
            0x04 => self.out,
            0x20 => self.enable,
            0x3c => self.inputs(),
            0x44 => self.status,
            0x5c => self.asked(),
            FIRST_PIN..BEHIND_PINS => self.pins[(offset - FIRST_PIN) as usize / 4],
            _ => {
                let reset = match (OUT_SEL..OUT_SEL + 4 * u32::from(PINS)).contains(&offset) {
                    true => PLAIN_OUTPUT,
                    false => 0,
                };
                self.held.get(&offset).copied().unwrap_or(reset)
            }
        }
    }

    pub(super) fn write(&mut self, fabric: &mut Fabric, offset: u32, value: u32) {
        let before = self.all_driven();
        match offset {
            0x04 => self.out = value & ALL,
            0x08 => self.out |= value & ALL,
            0x0c => self.out &= !value,
            0x20 => self.enable = value & ALL,
            0x24 => self.enable |= value & ALL,
            0x28 => self.enable &= !value,
            0x44 => self.status = value & ALL,
            0x48 => self.status |= value & ALL,
            0x4c => self.status &= !value,
            FIRST_PIN..BEHIND_PINS => self.pins[(offset - FIRST_PIN) as usize / 4] = value,
            _ => {
                self.held.insert(offset, value);
            }
        }
        self.publish_changes(fabric, &before);
        self.look();
    }

    pub(super) fn read_mux(&self, offset: u32) -> Result<u32, AccessFault> {
        match offset.checked_sub(4).map(|at| self.mux.get(at as usize / 4)) {
            Some(Some(mux)) => Ok(*mux),
            // PIN_CTRL, MODEM_DIAG_EN, DATE.
            _ if matches!(offset, 0 | 0xbc | 0xfc) => Ok(0),
            _ => Err(AccessFault::Unmapped),
        }
    }

    pub(super) fn write_mux(&mut self, fabric: &mut Fabric, offset: u32, value: u32) -> Result<(), AccessFault> {
        let before = self.all_driven();
        match offset.checked_sub(4).map(|at| self.mux.get_mut(at as usize / 4)) {
            Some(Some(mux)) => *mux = value,
            _ if matches!(offset, 0 | 0xbc | 0xfc) => {}
            _ => return Err(AccessFault::Unmapped),
        }
        self.publish_changes(fabric, &before);
        self.look();
        Ok(())
    }

    pub(super) fn input(&mut self, pin: u16, level: Option<bool>) {
        match level {
            Some(level) => self.outside.insert(pin, level),
            None => self.outside.remove(&pin),
        };
        self.look();
    }

    /// The level that a probe sees: from the chip's driver, an external driver, or a pull.
    pub(super) fn level(&self, pin: u16) -> Option<bool> {
        let pulled = || match self.mux.get(usize::from(pin)).copied().unwrap_or(0) {
            mux if mux & FUN_WPU != 0 => Some(true),
            mux if mux & FUN_WPD != 0 => Some(false),
            _ => None,
        };
        let outside = || self.outside.get(&pin).copied();
        self.driven(pin).or_else(outside).or_else(pulled)
    }

    /// The pin that puts `signal` out.
    pub(super) fn output_of(&self, signal: u32) -> Option<u16> {
        (0..PINS).find(|pin| self.output_signal(*pin) == signal)
    }

    /// The pin that `signal` comes in by.
    pub(super) fn input_of(&self, signal: u32) -> Option<u16> {
        let select = self.read(IN_SEL + 4 * signal);
        if select & SIG_IN_SEL != 0 {
            let pin = (select & 0x3f) as u16;
            return (pin < PINS).then_some(pin);
        }
        let direct = DIRECT.iter().find(|it| it.1 == signal);
        direct.map(|it| it.0).filter(|pin| self.function(*pin) == 2)
    }

    /// IO_MUX's MCU_SEL.
    fn function(&self, pin: u16) -> u32 {
        self.mux[usize::from(pin)] >> 12 & 7
    }

    /// The signal that goes out by `pin`.
    fn output_signal(&self, pin: u16) -> u32 {
        match self.function(pin) {
            2 => DIRECT.iter().find(|it| it.0 == pin).map_or(PLAIN_OUTPUT, |it| it.1),
            _ => self.read(OUT_SEL + 4 * u32::from(pin)) & 0xff,
        }
    }

    /// GP-SPI2 gives CS0 another level.
    pub(super) fn set_cs0(&mut self, fabric: &mut Fabric, level: Option<bool>) {
        if self.cs0 != level {
            let before = self.all_driven();
            self.cs0 = level;
            self.publish_changes(fabric, &before);
            self.look();
        }
    }

    fn driven(&self, pin: u16) -> Option<bool> {
        if self.cs0.is_some() && pin < PINS && self.output_signal(pin) == FSPICS0 {
            return self.cs0;
        }
        (pin < PINS && self.enable >> pin & 1 != 0).then_some(self.out >> pin & 1 != 0)
    }

    fn all_driven(&self) -> Vec<Option<bool>> {
        (0..PINS).map(|pin| self.driven(pin)).collect()
    }

    fn publish_changes(&self, fabric: &mut Fabric, before: &[Option<bool>]) {
        for (pin, before) in (0..PINS).zip(before) {
            if self.driven(pin) != *before {
                fabric.pin_changed(pin, self.driven(pin));
            }
        }
    }

    /// GPIO_IN: pins whose input is switched on.
    fn inputs(&self) -> u32 {
        let high = |pin: &u16| self.mux[usize::from(*pin)] & FUN_IE != 0 && self.level(*pin) == Some(true);
        (0..PINS).filter(high).fold(0, |set, pin| set | 1 << pin)
    }

    /// Raises the interrupts that the inputs' levels and edges request (7.5.4, GPIO_PINn_INT_TYPE).
    fn look(&mut self) {
        let (before, now) = (self.seen, self.inputs());
        self.seen = now;
        for (pin, config) in self.pins.iter().enumerate() {
            let (before, now) = (before >> pin & 1 != 0, now >> pin & 1 != 0);
            let raised = match config >> 7 & 7 {
                1 => now && !before,
                2 => !now && before,
                3 => now != before,
                4 => !now,
                5 => now,
                _ => false,
            };
            self.status |= u32::from(raised) << pin;
        }
    }

    fn asked(&self) -> u32 {
        let enabled = self.pins.iter().enumerate();
        let enabled = enabled.filter(|(_, config)| *config & CPU_INTERRUPT != 0);
        enabled.fold(0, |set, (pin, _)| set | 1 << pin) & self.status
    }
}
