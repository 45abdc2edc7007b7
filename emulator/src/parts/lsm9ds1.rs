//! ST LSM9DS1 on I²C (datasheet DocID025715 rev. 3): accelerometer and gyroscope at one address, magnetometer at another.
//!
//! Samples are taken at the output data rate, from the instant at which it is chosen; a sample has what was set in that
//! instant. Not modelled: FIFO, filters, offsets, self-test, interrupts and their pins (their registers keep what is
//! written), and noise.

use drydock_assets::Millionths;
use serde::{Deserialize, Serialize};

use super::model::{I2cPart, PartModel};
use crate::machine::VirtualTime;

const WHO_AM_I_AG: u8 = 0x68;
const WHO_AM_I_M: u8 = 0x3d;
const CTRL_REG1_G: usize = 0x10;
const CTRL_REG6_XL: usize = 0x20;
const CTRL_REG8: usize = 0x22;
const CTRL_REG1_M: usize = 0x20;
const CTRL_REG2_M: usize = 0x21;
const CTRL_REG3_M: usize = 0x22;
/// CTRL_REG8: reset, and addresses that count up.
const SW_RESET: u8 = 1;
const IF_ADD_INC: u8 = 4;

/// ODR_G and, without the gyroscope, ODR_XL, in millihertz (tables 46 and 68); 0 is off.
const ODR_G_MHZ: [u64; 8] = [0, 14_900, 59_500, 119_000, 238_000, 476_000, 952_000, 0];
const ODR_XL_MHZ: [u64; 8] = [0, 10_000, 50_000, 119_000, 238_000, 476_000, 952_000, 0];
/// DO of CTRL_REG1_M (table 111).
const ODR_M_MHZ: [u64; 8] = [625, 1_250, 2_500, 5_000, 10_000, 20_000, 40_000, 80_000];
/// Millionths of g, of °/s and of gauss a step (table 3), by the codes of the ranges.
const ACCELERATION_STEP: [i64; 4] = [61, 732, 122, 244];
const ROTATION_STEP: [i64; 4] = [8_750, 17_500, 17_500, 70_000];
const FIELD_STEP: [i64; 4] = [140, 290, 430, 580];
/// A sixteenth of a degree; 0 is 25 °C.
const TEMPERATURE_STEP: i64 = 62_500;

const PROPERTIES: [&str; 10] = [
    "acceleration_x",
    "acceleration_y",
    "acceleration_z",
    "rotation_x",
    "rotation_y",
    "rotation_z",
    "field_x",
    "field_y",
    "field_z",
    "temperature",
];

/// The three sensors in one package.
#[derive(Clone, Debug, Hash, Serialize, Deserialize)]
pub(super) struct Lsm9ds1 {
    /// In the order of [`PROPERTIES`].
    world: [Millionths; 10],
    #[serde(with = "crate::core::array")]
    ag: [u8; 0x38],
    #[serde(with = "crate::core::array")]
    mag: [u8; 0x34],
    ag_clock: SampleClock,
    mag_clock: SampleClock,
    /// XLDA, GDA and TDA.
    ag_ready: u8,
    mag_ready: bool,
    /// The transfer is with the magnetometer.
    is_mag: bool,
    pointer: u8,
    /// The next byte written is the address.
    wants_address: bool,
}

/// When samples are taken.
#[derive(Clone, Copy, Debug, Default, Hash, Serialize, Deserialize)]
struct SampleClock {
    rate_mhz: u64,
    began: VirtualTime,
    taken: u64,
    /// One sample only.
    single: bool,
}

impl SampleClock {
    fn set(&mut self, now: VirtualTime, rate_mhz: u64, single: bool) {
        if (self.rate_mhz, self.single) != (rate_mhz, single) || single {
            *self = Self {
                rate_mhz,
                began: now,
                taken: 0,
                single,
            };
        }
    }

    /// Whether samples were taken since the last call.
    fn advance(&mut self, now: VirtualTime) -> bool {
        let passed = u128::from((now.saturating_sub(self.began)).as_ps());
        let all = (passed * u128::from(self.rate_mhz) / 1_000_000_000_000_000) as u64;
        let all = if self.single { all.min(1) } else { all };
        let is_new = all > self.taken;
        self.taken = all;
        is_new
    }
}

impl Default for Lsm9ds1 {
    fn default() -> Self {
        let mut part = Self {
            world: [Millionths::default(); 10],
            ag: [0; 0x38],
            mag: [0; 0x34],
            ag_clock: SampleClock::default(),
            mag_clock: SampleClock::default(),
            ag_ready: 0,
            mag_ready: false,
            is_mag: false,
            pointer: 0,
            wants_address: false,
        };
        part.reset_ag();
        part.reset_mag();
        part
    }
}

/// The nearest step, within 16 bits.
fn raw(value: i64, step: i64) -> [u8; 2] {
    let half = if value < 0 { -step / 2 } else { step / 2 };
    let steps = ((value + half) / step).clamp(i64::from(i16::MIN), i64::from(i16::MAX));
    (steps as i16).to_le_bytes()
}

impl Lsm9ds1 {
    fn reset_ag(&mut self) {
        self.ag = [0; 0x38];
        self.ag[0x0f] = WHO_AM_I_AG;
        self.ag[0x1e] = 0x38;
        self.ag[0x1f] = 0x38;
        self.ag[CTRL_REG8] = IF_ADD_INC;
        self.ag_clock = SampleClock::default();
        self.ag_ready = 0;
    }

    fn reset_mag(&mut self) {
        self.mag = [0; 0x34];
        self.mag[0x0f] = WHO_AM_I_M;
        self.mag[CTRL_REG1_M] = 0x10;
        self.mag[CTRL_REG3_M] = 0x03;
        self.mag[0x30] = 0x08;
        self.mag_clock = SampleClock::default();
        self.mag_ready = false;
    }

    /// Takes the samples that were due until `now`. The world did not change since the last call.
    fn advance(&mut self, now: VirtualTime) {
        if self.ag_clock.advance(now) {
            let has_gyro = self.ag[CTRL_REG1_G] >> 5 != 0;
            let has_acceleration = has_gyro || self.ag[CTRL_REG6_XL] >> 5 != 0;
            let (acceleration, rotation) = (
                ACCELERATION_STEP[usize::from(self.ag[CTRL_REG6_XL] >> 3 & 3)],
                ROTATION_STEP[usize::from(self.ag[CTRL_REG1_G] >> 3 & 3)],
            );
            for axis in 0..3 {
                if has_acceleration {
                    self.ag[0x28 + 2 * axis..][..2].copy_from_slice(&raw(self.world[axis].0, acceleration));
                }
                if has_gyro {
                    self.ag[0x18 + 2 * axis..][..2].copy_from_slice(&raw(self.world[3 + axis].0, rotation));
                }
            }
            let degrees = self.world[9].0 - 25_000_000;
            self.ag[0x15..0x17].copy_from_slice(&raw(degrees, TEMPERATURE_STEP));
            self.ag_ready |= u8::from(has_acceleration) | u8::from(has_gyro) << 1 | 4;
        }
        if self.mag_clock.advance(now) {
            let step = FIELD_STEP[usize::from(self.mag[CTRL_REG2_M] >> 5 & 3)];
            for axis in 0..3 {
                self.mag[0x28 + 2 * axis..][..2].copy_from_slice(&raw(self.world[6 + axis].0, step));
            }
            self.mag_ready = true;
            if self.mag_clock.single {
                // MD goes to power-down behind a single conversion.
                self.mag[CTRL_REG3_M] |= 3;
            }
        }
    }

    fn store_ag(&mut self, now: VirtualTime, address: usize, value: u8) {
        match address {
            CTRL_REG8 if value & SW_RESET != 0 => self.reset_ag(),
            // Read-only, or reserved.
            0x0f | 0x14..=0x1d | 0x26..=0x2d | 0x2f | 0x00..=0x03 | 0x25 => {}
            _ => {
                if let Some(register) = self.ag.get_mut(address) {
                    *register = value;
                }
            }
        }
        let gyro = ODR_G_MHZ[usize::from(self.ag[CTRL_REG1_G] >> 5)];
        let alone = ODR_XL_MHZ[usize::from(self.ag[CTRL_REG6_XL] >> 5)];
        self.ag_clock.set(now, if gyro > 0 { gyro } else { alone }, false);
    }

    fn store_mag(&mut self, now: VirtualTime, address: usize, value: u8) {
        match address {
            // SOFT_RST
            CTRL_REG2_M if value & 4 != 0 => self.reset_mag(),
            0x05..=0x0a | 0x20..=0x24 | 0x30 | 0x32 | 0x33 => self.mag[address] = value,
            _ => return,
        }
        let rate = ODR_M_MHZ[usize::from(self.mag[CTRL_REG1_M] >> 2 & 7)];
        let mode = self.mag[CTRL_REG3_M] & 3;
        if address == CTRL_REG3_M || mode == 0 {
            self.mag_clock.set(now, if mode < 2 { rate } else { 0 }, mode == 1);
        }
    }

    fn load(&mut self, address: usize) -> u8 {
        if self.is_mag {
            return match address {
                0x27 => {
                    if self.mag_ready {
                        0x0f
                    } else {
                        0
                    }
                }
                0x28..=0x2d => {
                    self.mag_ready = false;
                    self.mag[address]
                }
                _ => self.mag.get(address).copied().unwrap_or(0),
            };
        }
        match address {
            0x17 | 0x27 => return self.ag_ready,
            0x28..=0x2d => self.ag_ready &= !1,
            0x18..=0x1d => self.ag_ready &= !2,
            0x15 | 0x16 => self.ag_ready &= !4,
            _ => {}
        }
        self.ag.get(address).copied().unwrap_or(0)
    }

    /// The address behind `pointer`: the magnetometer counts up if bit 7 of the first one is set, the others by IF_ADD_INC.
    fn count_up(&mut self) {
        let counts = match self.is_mag {
            true => self.pointer & 0x80 != 0,
            false => self.ag[CTRL_REG8] & IF_ADD_INC != 0,
        };
        if counts {
            self.pointer = self.pointer & 0x80 | self.pointer.wrapping_add(1) & 0x7f;
        }
    }
}

impl PartModel for Lsm9ds1 {
    fn power_on(&mut self, _now: VirtualTime) {
        *self = Self {
            world: self.world,
            ..Self::default()
        };
    }

    fn get(&self, _now: VirtualTime, property: &str) -> Millionths {
        let place = PROPERTIES.iter().position(|name| *name == property);
        place.map_or(Millionths::default(), |place| self.world[place])
    }

    fn set(&mut self, now: VirtualTime, property: &str, value: Millionths) {
        self.advance(now);
        if let Some(place) = PROPERTIES.iter().position(|name| *name == property) {
            self.world[place] = value;
        }
    }

    fn i2c(&mut self) -> Option<&mut dyn I2cPart> {
        Some(self)
    }
}

impl I2cPart for Lsm9ds1 {
    fn start(&mut self, now: VirtualTime, address: u8, read: bool) -> bool {
        self.advance(now);
        // 0x1c and 0x1e, chosen by SDO/SA1_M.
        self.is_mag = address < 0x20;
        self.wants_address = !read;
        true
    }

    fn write(&mut self, now: VirtualTime, byte: u8) -> bool {
        self.advance(now);
        if std::mem::take(&mut self.wants_address) {
            self.pointer = byte;
            return true;
        }
        let address = usize::from(self.pointer & 0x7f);
        match self.is_mag {
            true => self.store_mag(now, address, byte),
            false => self.store_ag(now, address, byte),
        }
        self.count_up();
        true
    }

    fn read(&mut self, now: VirtualTime) -> u8 {
        self.advance(now);
        let byte = self.load(usize::from(self.pointer & 0x7f));
        self.count_up();
        byte
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{parts, read, write};
    use super::*;

    const AG: u8 = 0x6b;
    const MAG: u8 = 0x1e;

    fn us(us: u64) -> VirtualTime {
        VirtualTime::from_us(us)
    }

    fn words(bytes: &[u8]) -> Vec<i16> {
        bytes
            .chunks(2)
            .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
            .collect()
    }

    #[test]
    fn both_addresses_say_who_they_are() {
        let mut parts = parts(&["lsm9ds1"]);
        assert_eq!(read(&mut parts, us(0), AG, &[0x0f], 1), [0x68]);
        assert_eq!(read(&mut parts, us(0), MAG, &[0x0f], 1), [0x3d]);
        for (device, address, value) in [
            (AG, 0x1e, 0x38),
            (AG, 0x1f, 0x38),
            (AG, 0x22, 4),
            (MAG, 0x20, 0x10),
            (MAG, 0x22, 3),
        ] {
            assert_eq!(read(&mut parts, us(0), device, &[address], 1), [value], "{address:#x}");
        }
    }

    #[test]
    fn values_are_scaled_by_the_range() {
        // Register, its range code, property, value, address of the output, steps (table 3)
        for (device, register, code, property, value, output, steps) in [
            (AG, 0x20, 0x60, "acceleration_x", 1.0, 0x28, 16_393),
            (AG, 0x20, 0x68, "acceleration_x", -1.0, 0x28, -1_366),
            (AG, 0x20, 0x70, "acceleration_y", 0.5, 0x2a, 4_098),
            (AG, 0x20, 0x78, "acceleration_z", 16.0, 0x2c, 32_767),
            (AG, 0x10, 0x60, "rotation_x", 100.0, 0x18, 11_429),
            (AG, 0x10, 0x78, "rotation_z", -100.0, 0x1c, -1_429),
            (MAG, 0x21, 0x00, "field_x", 0.5, 0xa8, 3_571),
            (MAG, 0x21, 0x60, "field_z", -0.5, 0xac, -862),
            (AG, 0x20, 0x60, "temperature", 26.5, 0x15, 24),
        ] {
            let mut parts = parts(&["lsm9ds1"]);
            parts
                .set(us(0), "lsm9ds1", property, Millionths::from_f64(value).unwrap())
                .unwrap();
            write(&mut parts, us(0), device, &[register, code]);
            write(&mut parts, us(0), MAG, &[0x22, 0]);
            let bytes = read(&mut parts, us(2_000_000), device, &[output], 2);
            assert_eq!(words(&bytes), [steps], "{property} by {code:#x}");
        }
    }

    #[test]
    fn samples_come_at_the_output_rate_and_reading_takes_them() {
        let mut parts = parts(&["lsm9ds1"]);
        // 119 Hz: 8,403 µs.
        write(&mut parts, us(1_000), AG, &[0x20, 0x60]);
        assert_eq!(read(&mut parts, us(9_402), AG, &[0x27], 1), [0]);
        assert_eq!(
            read(&mut parts, us(9_404), AG, &[0x27], 1),
            [5],
            "acceleration and temperature"
        );
        read(&mut parts, us(9_405), AG, &[0x28], 6);
        assert_eq!(read(&mut parts, us(9_405), AG, &[0x27], 1), [4]);
        parts
            .set(us(9_500), "lsm9ds1", "acceleration_x", Millionths(1_000_000))
            .unwrap();
        assert_eq!(
            words(&read(&mut parts, us(17_806), AG, &[0x28], 2)),
            [0],
            "not sampled yet"
        );
        assert_eq!(words(&read(&mut parts, us(17_808), AG, &[0x28], 2)), [16_393]);
        // With the gyroscope both have its rate: 14.9 Hz.
        write(&mut parts, us(20_000), AG, &[0x10, 0x20]);
        read(&mut parts, us(20_001), AG, &[0x15], 24);
        assert_eq!(read(&mut parts, us(87_000), AG, &[0x17], 1), [0]);
        assert_eq!(read(&mut parts, us(87_200), AG, &[0x17], 1), [7]);
    }

    #[test]
    fn a_single_conversion_ends_in_power_down() {
        let mut parts = parts(&["lsm9ds1"]);
        write(&mut parts, us(0), MAG, &[0x20, 0x1c]);
        write(&mut parts, us(0), MAG, &[0x22, 1]);
        assert_eq!(read(&mut parts, us(12_499), MAG, &[0x27], 1), [0]);
        assert_eq!(read(&mut parts, us(12_500), MAG, &[0x27], 1), [0x0f]);
        assert_eq!(read(&mut parts, us(12_500), MAG, &[0x22], 1), [3]);
        read(&mut parts, us(12_500), MAG, &[0xa8], 6);
        assert_eq!(read(&mut parts, us(900_000), MAG, &[0x27], 1), [0]);
    }

    #[test]
    fn addresses_count_up_only_where_it_is_asked_for() {
        let mut parts = parts(&["lsm9ds1"]);
        assert_eq!(read(&mut parts, us(0), MAG, &[0x20], 2), [0x10, 0x10]);
        assert_eq!(read(&mut parts, us(0), MAG, &[0xa0], 3), [0x10, 0, 3]);
        assert_eq!(read(&mut parts, us(0), AG, &[0x1e], 2), [0x38, 0x38]);
        write(&mut parts, us(0), AG, &[0x22, 0, 0]);
        assert_eq!(read(&mut parts, us(0), AG, &[0x0e], 2), [0, 0]);
        write(&mut parts, us(0), AG, &[0x22, SW_RESET]);
        assert_eq!(read(&mut parts, us(0), AG, &[0x0e], 2), [0, 0x68], "reset");
    }
}
