//! Bosch BME280 on I²C (datasheet BST-BME280-DS002 rev. 1.23): temperature, pressure, humidity.
//!
//! A driver computes values from raw ones and from the trimming words of its sensor. These words are those of the
//! datasheet's own example where it has one (temperature and pressure), and of a typical sensor for humidity. The raw
//! values are found by searching the compensation formulas for the value that is set, so that a driver reads it back within
//! one step of the converter.
//!
//! Measurements take the typical times of 9.1; results appear at their end. Not modelled: the IIR filter (at rest it
//! changes nothing; here every sample is at rest), noise, and the SPI interface.

mod compensation;

use drydock_assets::Millionths;
use serde::{Deserialize, Serialize};

use super::model::{I2cPart, PartModel};
use crate::machine::VirtualTime;

const CHIP_ID: u8 = 0x60;
const RESET_WORD: u8 = 0xb6;
/// Raw values of a channel that is not measured (4.2.2 to 4.2.4).
const SKIPPED: u32 = 0x8_0000;
const SKIPPED_HUMIDITY: u32 = 0x8000;
/// 1.1, t_startup.
const STARTUP: VirtualTime = VirtualTime::from_ms(2);

/// The sensor.
#[derive(Clone, Debug, Hash, Serialize, Deserialize)]
pub(super) struct Bme280 {
    temperature: Millionths,
    pressure: Millionths,
    humidity: Millionths,
    ctrl_hum: u8,
    /// `osrs_h` counts from the next store to `ctrl_meas` on (5.4.3).
    active_hum: u8,
    ctrl_meas: u8,
    config: u8,
    raw: Raw,
    /// When the measurement that runs ends.
    measures_until: Option<VirtualTime>,
    ready_at: VirtualTime,
    pointer: Option<u8>,
    /// The next byte written is data for `pointer`, not an address.
    wants_data: bool,
}

/// The data registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Raw {
    pressure: u32,
    temperature: u32,
    humidity: u32,
}

const NO_DATA: Raw = Raw {
    pressure: SKIPPED,
    temperature: SKIPPED,
    humidity: SKIPPED_HUMIDITY,
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Sleep,
    Forced,
    Normal,
}

impl Default for Bme280 {
    fn default() -> Self {
        Self {
            temperature: Millionths::default(),
            pressure: Millionths::default(),
            humidity: Millionths::default(),
            ctrl_hum: 0,
            active_hum: 0,
            ctrl_meas: 0,
            config: 0,
            raw: NO_DATA,
            measures_until: None,
            ready_at: VirtualTime::ZERO,
            pointer: None,
            wants_data: false,
        }
    }
}

impl Bme280 {
    fn mode(&self) -> Mode {
        match self.ctrl_meas & 3 {
            0 => Mode::Sleep,
            3 => Mode::Normal,
            _ => Mode::Forced,
        }
    }

    /// The time of one measurement (9.1, typical): 1 ms, 2 ms a sample of each channel, 0.5 ms for pressure and humidity.
    fn measurement(&self) -> VirtualTime {
        let [temperature, pressure, humidity] = self.samples();
        let mut us = 1_000 + 2_000 * (temperature + pressure + humidity);
        us += if pressure > 0 { 500 } else { 0 };
        us += if humidity > 0 { 500 } else { 0 };
        VirtualTime::from_us(us)
    }

    /// Samples of temperature, pressure and humidity in a measurement.
    fn samples(&self) -> [u64; 3] {
        let samples = |osrs: u8| match osrs {
            0 => 0,
            1..=5 => 1 << (osrs - 1),
            _ => 16,
        };
        [self.ctrl_meas >> 5, self.ctrl_meas >> 2 & 7, self.active_hum & 7].map(samples)
    }

    /// 5.4.6, `t_sb`.
    fn standby(&self) -> VirtualTime {
        VirtualTime::from_us(match self.config >> 5 {
            0 => 500,
            1 => 62_500,
            2 => 125_000,
            3 => 250_000,
            4 => 500_000,
            5 => 1_000_000,
            6 => 10_000,
            _ => 20_000,
        })
    }

    /// Takes the results of measurements that ended until `now`. The world outside did not change since the last call.
    fn advance(&mut self, now: VirtualTime) {
        let Some(until) = self.measures_until.filter(|until| *until <= now) else {
            return;
        };
        let [temperature, pressure, humidity] = self.samples();
        let t = compensation::raw_temperature(self.temperature);
        let fine = compensation::t_fine(t);
        self.raw = Raw {
            temperature: if temperature > 0 { t } else { SKIPPED },
            pressure: match pressure {
                0 => SKIPPED,
                _ => compensation::raw_pressure(self.pressure, fine),
            },
            humidity: match humidity {
                0 => SKIPPED_HUMIDITY,
                _ => compensation::raw_humidity(self.humidity, fine),
            },
        };
        if self.mode() == Mode::Normal {
            let period = (self.measurement() + self.standby()).as_ps();
            let periods = (now - until).as_ps() / period + 1;
            self.measures_until = Some(until + VirtualTime::from_ps(period * periods));
        } else {
            self.measures_until = None;
            self.ctrl_meas &= !3;
        }
    }

    /// `measuring`: a conversion runs. In normal mode the standby time comes before it.
    fn is_measuring(&self, now: VirtualTime) -> bool {
        self.measures_until
            .is_some_and(|until| until <= now.saturating_add(self.measurement()))
    }

    fn register(&self, now: VirtualTime, address: u8) -> u8 {
        let raw = &self.raw;
        match address {
            0x88..=0xa1 => compensation::CALIBRATION_0[usize::from(address - 0x88)],
            0xe1..=0xe7 => compensation::CALIBRATION_1[usize::from(address - 0xe1)],
            0xd0 => CHIP_ID,
            0xf2 => self.ctrl_hum,
            0xf3 => u8::from(self.is_measuring(now)) << 3 | u8::from(now < self.ready_at),
            0xf4 => self.ctrl_meas,
            0xf5 => self.config,
            0xf7..=0xf9 => (raw.pressure << 4).to_be_bytes()[usize::from(address - 0xf6)],
            0xfa..=0xfc => (raw.temperature << 4).to_be_bytes()[usize::from(address - 0xf9)],
            0xfd | 0xfe => raw.humidity.to_be_bytes()[usize::from(address - 0xfb)],
            _ => 0,
        }
    }

    fn store(&mut self, now: VirtualTime, address: u8, value: u8) {
        match address {
            0xe0 if value == RESET_WORD => self.power_on(now),
            0xf2 => self.ctrl_hum = value & 7,
            0xf4 => {
                self.ctrl_meas = value;
                self.active_hum = self.ctrl_hum;
                self.measures_until = match self.mode() {
                    Mode::Sleep => None,
                    Mode::Forced | Mode::Normal => Some(now + self.measurement()),
                };
            }
            0xf5 => self.config = value & 0xfd,
            _ => {}
        }
    }
}

impl PartModel for Bme280 {
    fn power_on(&mut self, now: VirtualTime) {
        *self = Self {
            temperature: self.temperature,
            pressure: self.pressure,
            humidity: self.humidity,
            ready_at: now + STARTUP,
            ..Self::default()
        };
    }

    fn get(&self, _now: VirtualTime, property: &str) -> Millionths {
        match property {
            "temperature" => self.temperature,
            "pressure" => self.pressure,
            "humidity" => self.humidity,
            _ => Millionths::default(),
        }
    }

    fn set(&mut self, now: VirtualTime, property: &str, value: Millionths) {
        self.advance(now);
        match property {
            "temperature" => self.temperature = value,
            "pressure" => self.pressure = value,
            "humidity" => self.humidity = value,
            _ => {}
        }
    }

    fn i2c(&mut self) -> Option<&mut dyn I2cPart> {
        Some(self)
    }
}

impl I2cPart for Bme280 {
    fn start(&mut self, now: VirtualTime, _address: u8, read: bool) -> bool {
        self.advance(now);
        if !read {
            self.wants_data = false;
        }
        true
    }

    /// Pairs of address and data (6.2.1); the last address alone is where a read begins.
    fn write(&mut self, now: VirtualTime, byte: u8) -> bool {
        self.advance(now);
        match self.pointer.filter(|_| self.wants_data) {
            Some(address) => {
                self.store(now, address, byte);
                self.wants_data = false;
            }
            None => {
                self.pointer = Some(byte);
                self.wants_data = true;
            }
        }
        true
    }

    fn read(&mut self, now: VirtualTime) -> u8 {
        self.advance(now);
        let address = self.pointer.unwrap_or(0);
        self.pointer = Some(address.wrapping_add(1));
        self.register(now, address)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{parts, read, write};
    use super::*;

    const ADDRESS: u8 = 0x76;

    fn us(us: u64) -> VirtualTime {
        VirtualTime::from_us(us)
    }

    #[test]
    fn registers_have_their_reset_values() {
        let mut parts = parts(&["bme280"]);
        for (address, value) in [
            (0xd0, 0x60),
            (0xf2, 0),
            (0xf3, 0),
            (0xf4, 0),
            (0xf5, 0),
            (0xf7, 0x80),
            (0xfa, 0x80),
            (0xfd, 0x80),
        ] {
            assert_eq!(read(&mut parts, us(0), ADDRESS, &[address], 1), [value], "{address:#x}");
        }
        // dig_T1 and dig_H1; the words are little-endian.
        assert_eq!(read(&mut parts, us(0), ADDRESS, &[0x88], 2), 27_504_u16.to_le_bytes());
        assert_eq!(read(&mut parts, us(0), ADDRESS, &[0xa1], 1), [75]);
        // dig_H4 = 313 and dig_H5 = 50 share a byte.
        assert_eq!(read(&mut parts, us(0), ADDRESS, &[0xe4], 3), [19, 0x29, 3]);
    }

    #[test]
    fn a_forced_measurement_takes_its_time_and_sleeps() {
        // osrs_h, ctrl_meas, typical time in microseconds (9.1)
        for (osrs_h, ctrl_meas, time) in [(1, 0x25, 8_000), (5, 0xb5, 98_000), (0, 0x21, 3_000)] {
            let mut parts = parts(&["bme280"]);
            write(&mut parts, us(0), ADDRESS, &[0xf2, osrs_h, 0xf4, ctrl_meas]);
            assert_eq!(read(&mut parts, us(time - 1), ADDRESS, &[0xf3], 1), [8], "measuring");
            assert_eq!(
                read(&mut parts, us(time - 1), ADDRESS, &[0xfa], 1),
                [0x80],
                "no result yet"
            );
            assert_eq!(read(&mut parts, us(time), ADDRESS, &[0xf3,], 1), [0]);
            assert_eq!(
                read(&mut parts, us(time), ADDRESS, &[0xf4], 1),
                [ctrl_meas & !3],
                "asleep"
            );
            assert_ne!(read(&mut parts, us(time), ADDRESS, &[0xfa], 2), [0x80, 0]);
            let skipped = read(&mut parts, us(time), ADDRESS, &[0xfd], 2) == [0x80, 0];
            assert_eq!(skipped, osrs_h == 0);
        }
    }

    #[test]
    fn normal_mode_measures_again_and_again() {
        let mut parts = parts(&["bme280"]);
        // Temperature once, 62.5 ms between measurements of 3 ms.
        write(&mut parts, us(0), ADDRESS, &[0xf5, 0x20, 0xf4, 0x23]);
        let temperature = |parts: &mut _, at| read(parts, us(at), ADDRESS, &[0xfa], 3);
        let first = temperature(&mut parts, 3_000);
        parts
            .set(us(10_000), "bme280", "temperature", Millionths(40_000_000))
            .unwrap();
        assert_eq!(temperature(&mut parts, 68_499), first, "the second ends at 68.5 ms");
        assert_eq!(read(&mut parts, us(65_000), ADDRESS, &[0xf3], 1), [0], "standby");
        let second = temperature(&mut parts, 68_500);
        assert_ne!(second, first);
        parts
            .set(us(68_501), "bme280", "temperature", Millionths(10_000_000))
            .unwrap();
        assert_eq!(temperature(&mut parts, 133_999), second);
        assert_ne!(temperature(&mut parts, 1_000_000), second);
    }

    #[test]
    fn the_reset_word_resets() {
        let mut parts = parts(&["bme280"]);
        write(&mut parts, us(0), ADDRESS, &[0xf5, 0xa0, 0xe0, 0x00]);
        assert_eq!(
            read(&mut parts, us(9), ADDRESS, &[0xf5], 1),
            [0xa0],
            "another word does nothing"
        );
        write(&mut parts, us(10), ADDRESS, &[0xe0, RESET_WORD]);
        assert_eq!(
            read(&mut parts, us(11), ADDRESS, &[0xf3], 1),
            [1],
            "it copies its trimming words"
        );
        assert_eq!(read(&mut parts, us(2_010), ADDRESS, &[0xf3], 1), [0]);
        assert_eq!(read(&mut parts, us(2_010), ADDRESS, &[0xf5], 1), [0]);
    }
}
