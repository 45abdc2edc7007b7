//! Hitachi HD44780U (ADE-207-272): the controller of a display of characters, on 8 or 4 parallel lines or behind a PCF8574.
//!
//! It is as fast as the data sheet says, and not faster: an instruction that comes while it is busy is lost. Not modelled:
//! the larger font of 5 × 10 dots, and the katakana of ROM A00, which are drawn as a frame.

mod backpack;
mod font;

use drydock_assets::Millionths;
use serde::{Deserialize, Serialize};

use super::model::PartModel;
use crate::machine::{Picture, VirtualTime};

pub(super) use backpack::Backpack;

/// Of the reset at power-on (figure 23 and table 6, at 270 kHz).
const T_POWER_ON: VirtualTime = VirtualTime::from_ms(10);
const T_SLOW: VirtualTime = VirtualTime::from_us(1_520);
const T_FAST: VirtualTime = VirtualTime::from_us(37);
/// Data take 4 µs more for the address counter.
const T_DATA: VirtualTime = VirtualTime::from_us(41);
/// Half a period of the blinking cursor.
const T_BLINK: VirtualTime = VirtualTime::from_us(379_200);
const DDRAM_BYTES: usize = 0x80;
const CGRAM_BYTES: usize = 64;
/// Characters of a line of the controller.
const LINE: u8 = 40;
/// Width and height of a character with the gap to the next one.
const CELL: (usize, usize) = (6, 9);
/// Lines of the part, in the order of its data.
const RS: usize = 0;
const E: usize = 1;
const D4: usize = 2;
const D7: usize = 5;
const RW: usize = 6;
const D0: usize = 7;
const LINES: usize = 11;

/// A display on parallel lines.
#[derive(Clone, Debug, Hash, Serialize, Deserialize)]
pub(super) struct Hd44780 {
    controller: Controller,
    levels: [bool; LINES],
    /// What it drives on its data lines while a program reads.
    driven: Option<u8>,
}

impl Hd44780 {
    pub(super) fn new(columns: u8, rows: u8) -> Self {
        Self {
            controller: Controller::new(columns, rows),
            levels: [false; LINES],
            driven: None,
        }
    }

    /// The data lines as a byte. Lines without a pin are low.
    fn data(&self) -> u8 {
        let bits = |first: usize| (0..4).fold(0, |bits, bit| bits | u8::from(self.levels[first + bit]) << bit);
        bits(D4) << 4 | bits(D0)
    }
}

impl PartModel for Hd44780 {
    fn power_on(&mut self, now: VirtualTime) {
        self.controller.power_on(now);
        self.driven = None;
    }

    fn get(&self, _now: VirtualTime, _property: &str) -> Millionths {
        Millionths::default()
    }

    fn set(&mut self, _now: VirtualTime, _property: &str, _value: Millionths) {}

    fn line_changed(&mut self, now: VirtualTime, line: usize, level: Option<bool>) {
        let before = std::mem::replace(&mut self.levels[line], level == Some(true));
        let (enabled, reads, data) = (self.levels[E], self.levels[RW], self.levels[RS]);
        if line != E || before == enabled {
            return;
        }
        match (enabled, reads) {
            (true, true) => self.driven = Some(self.controller.read(now, data)),
            (true, false) => {}
            (false, _) => {
                if self.driven.take().is_some() {
                    self.controller.end_of_read(now, data);
                } else if !reads {
                    self.controller.write(now, data, self.data());
                }
            }
        }
    }

    fn drives(&self, line: usize) -> Option<bool> {
        let byte = self.driven?;
        match line {
            D4..=D7 => Some(byte >> (4 + line - D4) & 1 == 1),
            D0.. if !self.controller.is_narrow() => Some(byte >> (line - D0) & 1 == 1),
            _ => None,
        }
    }

    fn picture(&self, now: VirtualTime) -> Option<Picture> {
        Some(self.controller.picture(now))
    }
}

/// The controller and its glass.
#[derive(Clone, Debug, Hash, Serialize, Deserialize)]
struct Controller {
    columns: u8,
    rows: u8,
    ddram: Vec<u8>,
    cgram: Vec<u8>,
    /// Address counter, and which memory it is of.
    address: u8,
    in_cgram: bool,
    /// I/D and S.
    increments: bool,
    shifts: bool,
    /// D, C and B.
    on: bool,
    cursor: bool,
    blinks: bool,
    /// Characters by which the display is shifted to the left.
    shift: u8,
    /// DL and N.
    narrow: bool,
    two_lines: bool,
    /// The upper half of a byte that is written, if one came.
    upper: Option<u8>,
    /// The byte that is read, and whether its upper half was.
    latch: Option<u8>,
    busy_until: VirtualTime,
}

impl Controller {
    fn new(columns: u8, rows: u8) -> Self {
        Self {
            columns,
            rows,
            ddram: vec![b' '; DDRAM_BYTES],
            cgram: vec![0; CGRAM_BYTES],
            address: 0,
            in_cgram: false,
            increments: true,
            shifts: false,
            on: false,
            cursor: false,
            blinks: false,
            shift: 0,
            narrow: false,
            two_lines: false,
            upper: None,
            latch: None,
            busy_until: VirtualTime::ZERO,
        }
    }

    /// The reset by the internal circuit.
    fn power_on(&mut self, now: VirtualTime) {
        *self = Self {
            busy_until: now + T_POWER_ON,
            ..Self::new(self.columns, self.rows)
        };
    }

    fn is_narrow(&self) -> bool {
        self.narrow
    }

    /// E falls while R/W is low.
    fn write(&mut self, now: VirtualTime, is_data: bool, byte: u8) {
        if !self.narrow {
            return self.execute(now, is_data, byte);
        }
        match self.upper.take() {
            None => self.upper = Some(byte & 0xf0),
            Some(upper) => self.execute(now, is_data, upper | byte >> 4),
        }
    }

    /// E rises while R/W is high: what is on the data lines until it falls.
    fn read(&mut self, now: VirtualTime, is_data: bool) -> u8 {
        if let Some(byte) = self.latch {
            return byte << 4;
        }
        match is_data {
            true if self.in_cgram => self.cgram[usize::from(self.address) % CGRAM_BYTES],
            true => self.ddram[usize::from(self.address)],
            false => u8::from(now < self.busy_until) << 7 | self.address & 0x7f,
        }
    }

    /// E falls while R/W is high.
    fn end_of_read(&mut self, now: VirtualTime, is_data: bool) {
        if self.narrow && self.latch.is_none() {
            self.latch = Some(self.read(now, is_data));
            return;
        }
        self.latch = None;
        if is_data && now >= self.busy_until {
            self.step();
            self.busy_until = now + T_DATA;
        }
    }

    fn execute(&mut self, now: VirtualTime, is_data: bool, byte: u8) {
        if now < self.busy_until {
            return;
        }
        if is_data {
            match self.in_cgram {
                true => self.cgram[usize::from(self.address) % CGRAM_BYTES] = byte,
                false => self.ddram[usize::from(self.address)] = byte,
            }
            if self.shifts && !self.in_cgram {
                self.shift_by(self.increments);
            }
            self.step();
            self.busy_until = now + T_DATA;
            return;
        }
        self.busy_until = now + T_FAST;
        match byte {
            0x80.. => {
                self.in_cgram = false;
                self.address = byte & 0x7f;
            }
            0x40..=0x7f => {
                self.in_cgram = true;
                self.address = byte & 0x3f;
            }
            0x20..=0x3f => {
                self.narrow = byte & 0x10 == 0;
                self.two_lines = byte & 8 != 0;
            }
            0x10..=0x1f => {
                let right = byte & 4 != 0;
                match byte & 8 != 0 {
                    // To the right, the display shows what is further left.
                    true => self.shift_by(!right),
                    false => self.move_cursor(right),
                }
            }
            8..=0x0f => {
                self.on = byte & 4 != 0;
                self.cursor = byte & 2 != 0;
                self.blinks = byte & 1 != 0;
            }
            4..=7 => {
                self.increments = byte & 2 != 0;
                self.shifts = byte & 1 != 0;
            }
            1..=3 => {
                if byte == 1 {
                    self.ddram.fill(b' ');
                    self.increments = true;
                }
                self.in_cgram = false;
                self.address = 0;
                self.shift = 0;
                self.busy_until = now + T_SLOW;
            }
            0 => {}
        }
    }

    fn step(&mut self) {
        self.move_cursor(self.increments);
    }

    /// The address counter moves on; each line of the display memory is followed by the other one.
    fn move_cursor(&mut self, on: bool) {
        let address = self.address;
        self.address = match (self.in_cgram, on) {
            (true, true) => (address + 1) % CGRAM_BYTES as u8,
            (true, false) => address.checked_sub(1).unwrap_or(CGRAM_BYTES as u8 - 1),
            (false, _) => {
                let (ends, last) = match self.two_lines {
                    true => ([(LINE - 1, 0x40), (0x40 + LINE - 1, 0)], 0x40 + LINE - 1),
                    false => ([(2 * LINE - 1, 0), (2 * LINE - 1, 0)], 2 * LINE - 1),
                };
                match on {
                    true => ends
                        .iter()
                        .find(|(end, _)| *end == address)
                        .map_or((address + 1) & 0x7f, |(_, next)| *next),
                    false if address == 0 => last,
                    false => ends
                        .iter()
                        .find(|(_, next)| *next == address)
                        .map_or(address - 1, |(end, _)| *end),
                }
            }
        };
    }

    fn shift_by(&mut self, left: bool) {
        let line = self.line();
        self.shift = if left { self.shift + 1 } else { self.shift + line - 1 } % line;
    }

    /// Characters of a line of the display memory.
    fn line(&self) -> u8 {
        if self.two_lines { LINE } else { 2 * LINE }
    }

    /// The address of a character of the glass; `None` for a row that is not driven. Glasses of four rows have the halves of
    /// each line below each other.
    fn place(&self, row: u8, column: u8) -> Option<u8> {
        let (line, half) = (row % 2, row / 2);
        if line == 1 && !self.two_lines {
            return None;
        }
        let column = (half * self.columns + column + self.shift) % self.line();
        Some(line * 0x40 + column)
    }

    fn picture(&self, now: VirtualTime) -> Picture {
        let (columns, rows) = (usize::from(self.columns), usize::from(self.rows));
        let (width, height) = (columns * CELL.0 - 1, rows * CELL.1 - 1);
        let mut dots = vec![0; width * height];
        let blinks = self.blinks && (now.as_ps() / T_BLINK.as_ps()).is_multiple_of(2);
        for row in 0..self.rows {
            for column in 0..self.columns {
                let Some(address) = self.place(row, column).filter(|_| self.on) else {
                    continue;
                };
                let is_at = !self.in_cgram && address == self.address;
                let glyph = self.glyph(self.ddram[usize::from(address)]);
                for (line, bits) in glyph.into_iter().enumerate() {
                    let bits = match is_at {
                        true if blinks => 0x1f,
                        true if self.cursor && line == 7 => 0x1f,
                        _ => bits,
                    };
                    let at = (usize::from(row) * CELL.1 + line) * width + usize::from(column) * CELL.0;
                    for (dot, lit) in dots[at..at + 5].iter_mut().enumerate() {
                        *lit = if bits >> (4 - dot) & 1 == 1 { 255 } else { 0 };
                    }
                }
            }
        }
        Picture {
            width: width as u16,
            height: height as u16,
            dots,
        }
    }

    /// Eight rows of five dots, the left one in bit 4.
    fn glyph(&self, code: u8) -> [u8; 8] {
        match code {
            0..0x10 => {
                let first = usize::from(code & 7) * 8;
                std::array::from_fn(|row| self.cgram[first + row] & 0x1f)
            }
            code => font::glyph(code),
        }
    }
}

#[cfg(test)]
mod tests;
