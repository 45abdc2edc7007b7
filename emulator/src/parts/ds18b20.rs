//! Maxim DS18B20 (19-7487, rev. 6): a thermometer on 1-Wire, with the resistor that pulls its line up and a supply of its own.
//!
//! The device samples and ends its own bits 30 µs after the controller's falling edge, in the middle of what the data sheet
//! allows (15 to 60 µs). Conversions and copies take their longest time.

use drydock_assets::Millionths;
use serde::{Deserialize, Serialize};

use super::model::PartModel;
use crate::machine::VirtualTime;

const FAMILY: u8 = 0x28;
const T_RSTL: VirtualTime = VirtualTime::from_us(480);
/// From the end of a reset to the presence pulse (15 to 60 µs), and its length (60 to 240 µs).
const T_PDH: VirtualTime = VirtualTime::from_us(30);
const T_PDL: VirtualTime = VirtualTime::from_us(120);
const SAMPLE: VirtualTime = VirtualTime::from_us(30);
/// Of a conversion of 12 bits; each bit less halves it.
const T_CONV: VirtualTime = VirtualTime::from_ms(750);
const T_WR: VirtualTime = VirtualTime::from_ms(10);
/// 85 °C, which a program reads that did not convert.
const POWER_ON: i16 = 0x0550;
/// TH, TL and configuration of a new part: 12 bits.
const FACTORY: [u8; 3] = [0x4b, 0x46, 0x7f];

/// The thermometer.
#[derive(Clone, Debug, Hash, Serialize, Deserialize)]
pub(super) struct Ds18b20 {
    temperature: Millionths,
    serial: Millionths,
    /// As in bytes 0 and 1 of the scratchpad.
    reading: i16,
    /// TH, TL and configuration: of the scratchpad, and of the EEPROM.
    settings: [u8; 3],
    kept: [u8; 3],
    alarm: bool,
    converts_until: Option<VirtualTime>,
    copies_until: VirtualTime,
    /// The chip drives the line low, since when.
    low_since: Option<VirtualTime>,
    drives_low: bool,
    due: Option<(VirtualTime, Due)>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Due {
    Presence,
    PresenceEnd,
    /// The middle of a time slot.
    Slot,
}

/// What the next time slot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum State {
    /// Nothing, until the next reset.
    Deaf,
    /// A bit of a ROM command.
    Rom { bits: u8, byte: u8 },
    /// A bit of the address that is meant.
    Match { bit: u8 },
    /// A bit of its own address.
    ReadRom { bit: u8 },
    /// A bit of a search: the address's bit, its complement, and the direction.
    Search { bit: u8, step: u8 },
    /// A bit of a function command.
    Function { bits: u8, byte: u8 },
    /// A bit of the scratchpad, from the controller.
    Write { bit: u8 },
    /// A bit of the scratchpad, to it.
    Read { bit: u8 },
    /// Whether it is done with what it was told.
    Status,
    /// That it has a supply of its own.
    Power,
}

impl Default for Ds18b20 {
    fn default() -> Self {
        Self {
            temperature: Millionths(21_500_000),
            serial: Millionths(1_000_000),
            reading: POWER_ON,
            settings: FACTORY,
            kept: FACTORY,
            alarm: false,
            converts_until: None,
            copies_until: VirtualTime::ZERO,
            low_since: None,
            drives_low: false,
            due: None,
            state: State::Deaf,
        }
    }
}

/// X⁸ + X⁵ + X⁴ + 1, the lowest bit first (figure 11).
fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(
            crc ^ byte,
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0x8c } else { crc >> 1 },
        )
    })
}

fn bit_of(bytes: &[u8], bit: u8) -> bool {
    bytes[usize::from(bit / 8)] >> (bit % 8) & 1 == 1
}

impl Ds18b20 {
    /// Family, serial number, CRC: the lowest byte first.
    fn rom(&self) -> [u8; 8] {
        let mut rom = [0; 8];
        rom[0] = FAMILY;
        rom[1..7].copy_from_slice(&(self.serial.0 / 1_000_000).to_le_bytes()[..6]);
        rom[7] = crc8(&rom[..7]);
        rom
    }

    fn scratchpad(&self) -> [u8; 9] {
        let [low, high] = self.reading.to_le_bytes();
        let [th, tl, configuration] = self.settings;
        let mut bytes = [low, high, th, tl, configuration, 0xff, 0x0c, 0x10, 0];
        bytes[8] = crc8(&bytes[..8]);
        bytes
    }

    /// Bits that the configuration leaves out of twelve.
    fn omitted(&self) -> u8 {
        3 - (self.settings[2] >> 5 & 3)
    }

    /// What ended until now.
    fn catch_up(&mut self, now: VirtualTime) {
        if self.converts_until.is_some_and(|until| until <= now) {
            self.converts_until = None;
            // Sixteenths of a degree, rounded; bits that are left out are zero.
            let sixteenths = (self.temperature.0 * 16 + 500_000).div_euclid(1_000_000);
            self.reading = sixteenths as i16 & !((1 << self.omitted()) - 1);
            let degrees = self.reading >> 4;
            let [high, low] = [self.settings[0], self.settings[1]].map(|limit| i16::from(limit as i8));
            self.alarm = degrees >= high || degrees <= low;
        }
    }

    fn is_busy(&self, now: VirtualTime) -> bool {
        self.converts_until.is_some() || now < self.copies_until
    }

    /// The bit that it sends in a time slot; `None` if it listens.
    fn sends(&self, now: VirtualTime) -> Option<bool> {
        match self.state {
            State::ReadRom { bit } => Some(bit_of(&self.rom(), bit)),
            State::Search { bit, step: 0 } => Some(bit_of(&self.rom(), bit)),
            State::Search { bit, step: 1 } => Some(!bit_of(&self.rom(), bit)),
            State::Read { bit } => Some(bit_of(&self.scratchpad(), bit)),
            State::Status => Some(!self.is_busy(now)),
            State::Power => Some(true),
            _ => None,
        }
    }

    /// The middle of a time slot: what it heard or sent.
    fn slot(&mut self, now: VirtualTime, heard: bool) {
        let byte_so_far = |byte: u8| byte >> 1 | u8::from(heard) << 7;
        let function = State::Function { bits: 0, byte: 0 };
        self.state = match self.state {
            State::Rom { bits: 7, byte } => self.rom_command(byte_so_far(byte)),
            State::Rom { bits, byte } => State::Rom {
                bits: bits + 1,
                byte: byte_so_far(byte),
            },
            State::Match { bit } | State::Search { bit, step: 2 } if heard != bit_of(&self.rom(), bit) => State::Deaf,
            State::Match { bit: 63 } | State::Search { bit: 63, step: 2 } | State::ReadRom { bit: 63 } => function,
            State::Match { bit } => State::Match { bit: bit + 1 },
            State::ReadRom { bit } => State::ReadRom { bit: bit + 1 },
            State::Search { bit, step: 2 } => State::Search { bit: bit + 1, step: 0 },
            State::Search { bit, step } => State::Search { bit, step: step + 1 },
            State::Function { bits: 7, byte } => self.function_command(now, byte_so_far(byte)),
            State::Function { bits, byte } => State::Function {
                bits: bits + 1,
                byte: byte_so_far(byte),
            },
            State::Write { bit } => {
                let byte = &mut self.settings[usize::from(bit / 8)];
                *byte = *byte >> 1 | u8::from(heard) << 7;
                if bit == 23 {
                    // Only the two bits of the resolution can be written.
                    self.settings[2] = self.settings[2] & 0x60 | 0x1f;
                    State::Deaf
                } else {
                    State::Write { bit: bit + 1 }
                }
            }
            State::Read { bit: 71 } => State::Deaf,
            State::Read { bit } => State::Read { bit: bit + 1 },
            same => same,
        };
    }

    fn rom_command(&self, command: u8) -> State {
        let search = State::Search { bit: 0, step: 0 };
        match command {
            0x33 => State::ReadRom { bit: 0 },
            0x55 => State::Match { bit: 0 },
            0xcc => State::Function { bits: 0, byte: 0 },
            0xf0 => search,
            0xec if self.alarm => search,
            _ => State::Deaf,
        }
    }

    fn function_command(&mut self, now: VirtualTime, command: u8) -> State {
        match command {
            0x44 => {
                let time = VirtualTime::from_ps(T_CONV.as_ps() >> self.omitted());
                self.converts_until = Some(now + time);
                State::Status
            }
            0xbe => State::Read { bit: 0 },
            0x4e => State::Write { bit: 0 },
            0x48 => {
                self.kept = self.settings;
                self.copies_until = now + T_WR;
                State::Status
            }
            0xb8 => {
                self.settings = self.kept;
                State::Status
            }
            0xb4 => State::Power,
            _ => State::Deaf,
        }
    }
}

impl PartModel for Ds18b20 {
    fn power_on(&mut self, _now: VirtualTime) {
        *self = Self {
            temperature: self.temperature,
            serial: self.serial,
            settings: self.kept,
            kept: self.kept,
            low_since: self.low_since,
            ..Self::default()
        };
    }

    fn get(&self, _now: VirtualTime, property: &str) -> Millionths {
        match property {
            "temperature" => self.temperature,
            "serial" => self.serial,
            _ => Millionths::default(),
        }
    }

    fn set(&mut self, now: VirtualTime, property: &str, value: Millionths) {
        self.catch_up(now);
        match property {
            "temperature" => self.temperature = value,
            "serial" => self.serial = value,
            _ => {}
        }
    }

    fn line_changed(&mut self, now: VirtualTime, _line: usize, level: Option<bool>) {
        self.catch_up(now);
        let falls = level == Some(false);
        match (self.low_since, falls) {
            (None, true) => {
                self.low_since = Some(now);
                if !matches!(self.due, Some((_, Due::Presence | Due::PresenceEnd))) {
                    self.drives_low = self.sends(now) == Some(false);
                    self.due = Some((now + SAMPLE, Due::Slot));
                }
            }
            (Some(since), false) => {
                self.low_since = None;
                if now - since >= T_RSTL {
                    self.drives_low = false;
                    self.state = State::Rom { bits: 0, byte: 0 };
                    self.due = Some((now + T_PDH, Due::Presence));
                }
            }
            _ => {}
        }
    }

    /// Low, or what the resistor gives.
    fn drives(&self, _line: usize) -> Option<bool> {
        Some(!self.drives_low)
    }

    fn due(&self) -> VirtualTime {
        self.due.map_or(VirtualTime::MAX, |(at, _)| at)
    }

    fn timer(&mut self, now: VirtualTime) {
        self.catch_up(now);
        match self.due.take() {
            Some((at, Due::Presence)) => {
                self.drives_low = true;
                self.due = Some((at + T_PDL, Due::PresenceEnd));
            }
            Some((_, Due::PresenceEnd)) => self.drives_low = false,
            Some((_, Due::Slot)) => {
                self.drives_low = false;
                let heard = self.low_since.is_none();
                self.slot(now, heard);
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Parts;
    use super::super::tests::wired;
    use super::*;

    const PIN: u16 = 27;

    /// A controller with the usual times.
    struct Controller {
        parts: Parts,
        now: VirtualTime,
        /// What parts drive.
        level: Option<bool>,
    }

    impl Controller {
        fn new() -> Self {
            let parts = wired("ds18b20", &[("dq", "P0.27")]);
            let (now, level) = (VirtualTime::from_ms(1), None);
            let mut controller = Self { parts, now, level };
            controller.pass(1);
            assert_eq!(controller.level, Some(true), "the resistor pulls the line up");
            controller
        }

        fn pass(&mut self, us: u64) {
            let until = self.now + VirtualTime::from_us(us);
            while self.parts.is_unsettled() || self.parts.due() <= until {
                let now = match self.parts.is_unsettled() {
                    true => self.now,
                    false => self.parts.due().max(self.now),
                };
                self.now = now;
                for (pin, level) in self.parts.serve(now) {
                    assert_eq!(pin, PIN);
                    self.level = level;
                }
            }
            self.now = until;
        }

        fn low(&mut self, us: u64) {
            self.parts.pin_changed(self.now, PIN, Some(false));
            self.pass(us);
            self.parts.pin_changed(self.now, PIN, None);
        }

        /// Returns whether somebody is present.
        fn reset(&mut self) -> bool {
            self.low(480);
            self.pass(70);
            let present = self.level == Some(false);
            self.pass(410);
            assert_eq!(self.level, Some(true));
            present
        }

        fn write_bit(&mut self, bit: bool) {
            let (low, high) = if bit { (6, 64) } else { (60, 10) };
            self.low(low);
            self.pass(high);
        }

        fn read_bit(&mut self) -> bool {
            self.low(6);
            self.pass(9);
            let bit = self.level == Some(true);
            self.pass(55);
            bit
        }

        fn write(&mut self, bytes: &[u8]) {
            for bit in 0..bytes.len() as u8 * 8 {
                self.write_bit(bit_of(bytes, bit));
            }
        }

        fn read(&mut self, count: usize) -> Vec<u8> {
            let byte = |this: &mut Self| (0..8).fold(0, |byte, bit| byte | u8::from(this.read_bit()) << bit);
            (0..count).map(|_| byte(self)).collect()
        }

        fn scratchpad(&mut self) -> Vec<u8> {
            assert!(self.reset());
            self.write(&[0xcc, 0xbe]);
            let bytes = self.read(9);
            assert_eq!(crc8(&bytes), 0, "{bytes:x?}");
            bytes
        }

        fn set(&mut self, temperature: f64) {
            let value = Millionths::from_f64(temperature).unwrap();
            self.parts.set(self.now, "ds18b20", "temperature", value).unwrap();
        }

        fn convert(&mut self, ms: u64) {
            assert!(self.reset());
            self.write(&[0xcc, 0x44]);
            self.pass((ms - 1) * 1_000);
            assert!(!self.read_bit(), "it converts");
            self.pass(1_000);
            assert!(self.read_bit(), "it is done");
        }
    }

    /// Table 1 of the data sheet, and the resolutions.
    #[test]
    fn temperatures_are_those_of_the_data_sheet() {
        let mut controller = Controller::new();
        assert_eq!(controller.scratchpad()[..2], [0x50, 0x05], "85 °C after power-on");
        for (temperature, raw) in [
            (125.0, 0x07d0_u16),
            (25.0625, 0x0191),
            (10.125, 0x00a2),
            (10.1, 0x00a2),
            (0.5, 0x0008),
            (0.0, 0x0000),
            (-0.5, 0xfff8),
            (-10.125, 0xff5e),
            (-25.0625, 0xfe6f),
            (-55.0, 0xfc90),
        ] {
            controller.set(temperature);
            controller.convert(750);
            assert_eq!(controller.scratchpad()[..2], raw.to_le_bytes(), "{temperature}");
        }
        controller.set(25.0625);
        for (configuration, ms, raw) in [(0x00, 94, 0x0190_u16), (0x20, 188, 0x0190), (0x60, 750, 0x0191)] {
            assert!(controller.reset());
            controller.write(&[0xcc, 0x4e, 0x4b, 0x46, configuration]);
            controller.convert(ms);
            let scratchpad = controller.scratchpad();
            assert_eq!(scratchpad[..2], raw.to_le_bytes(), "{configuration:#x}");
            assert_eq!(scratchpad[4], configuration | 0x1f);
        }
    }

    #[test]
    fn a_value_of_the_future_is_not_measured() {
        let mut controller = Controller::new();
        controller.set(10.0);
        assert!(controller.reset());
        controller.write(&[0xcc, 0x44]);
        // Nobody asks whether it is done before the value changes.
        controller.pass(760_000);
        controller.set(20.0);
        assert_eq!(controller.scratchpad()[..2], 0x00a0_u16.to_le_bytes());
    }

    #[test]
    fn settings_survive_in_eeprom_and_limits_raise_an_alarm() {
        let mut controller = Controller::new();
        assert!(controller.reset());
        controller.write(&[0xcc, 0x4e, 30, -10_i8 as u8, 0x7f]);
        controller.parts.power_cycle(controller.now);
        assert_eq!(controller.scratchpad()[2..4], FACTORY[..2], "it was not copied");
        assert!(controller.reset());
        controller.write(&[0xcc, 0x4e, 30, -10_i8 as u8, 0x7f]);
        assert!(controller.reset());
        controller.write(&[0xcc, 0x48]);
        assert!(!controller.read_bit(), "it writes");
        controller.pass(10_000);
        assert!(controller.read_bit());
        controller.parts.power_cycle(controller.now);
        assert_eq!(controller.scratchpad()[2..4], [30, 0xf6]);
        for (temperature, alarm) in [(29.9, false), (30.0, true), (-9.0, false), (-10.0, true)] {
            controller.set(temperature);
            controller.convert(750);
            assert!(controller.reset());
            controller.write(&[0xec]);
            let bits = (controller.read_bit(), controller.read_bit());
            // Nobody answers: both bits are ones. The lowest bit of the family code is 0.
            assert_eq!(bits, if alarm { (false, true) } else { (true, true) }, "{temperature}");
        }
        assert!(controller.reset());
        controller.write(&[0xcc, 0xb4]);
        assert!(controller.read_bit(), "it has a supply");
    }

    #[test]
    fn two_on_one_pin_are_found_and_called_by_their_addresses() {
        let mut board = drydock_assets::board("nano33ble").unwrap();
        board.parts.clear();
        for part in [
            "ds18b20,pin=P0.27,serial=1,temperature=1",
            "ds18b20,pin=P0.27,serial=2,temperature=2",
        ] {
            board
                .add_part(&part.parse().unwrap(), drydock_assets::part_kinds())
                .unwrap();
        }
        let mut controller = Controller {
            parts: *Parts::of(&board).unwrap(),
            ..Controller::new()
        };
        // The search of figure 15, at each fork one way.
        let mut found = Vec::new();
        for way in [false, true] {
            assert!(controller.reset());
            controller.write(&[0xf0]);
            let mut rom = [0_u8; 8];
            for bit in 0..64_u8 {
                let direction = match (controller.read_bit(), controller.read_bit()) {
                    (false, false) => way,
                    (true, true) => panic!("nobody at bit {bit}"),
                    (bit, _) => bit,
                };
                rom[usize::from(bit / 8)] |= u8::from(direction) << (bit % 8);
                controller.write_bit(direction);
            }
            assert_eq!((rom[0], crc8(&rom)), (FAMILY, 0));
            found.push(rom);
        }
        assert_eq!([found[0][1], found[1][1]], [2, 1]);
        assert!(controller.reset());
        controller.write(&[0xcc, 0x44]);
        controller.pass(800_000);
        for rom in found {
            assert!(controller.reset());
            controller.write(&[0x55]);
            controller.write(&rom);
            controller.write(&[0xbe]);
            let scratchpad = controller.read(9);
            assert_eq!(crc8(&scratchpad), 0);
            assert_eq!(scratchpad[0], rom[1] * 16);
        }
    }

    #[test]
    fn a_short_low_is_no_reset() {
        let mut controller = Controller::new();
        controller.low(470);
        controller.pass(70);
        assert_eq!(controller.level, Some(true));
        assert!(controller.reset());
        controller.write(&[0x33]);
        let rom = controller.read(8);
        assert_eq!((rom[0], rom[1], crc8(&rom)), (FAMILY, 1, 0));
    }
}
