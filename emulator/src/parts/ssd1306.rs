//! Solomon Systech SSD1306 on I²C (datasheet rev. 1.1): the controller of a display of 128 × 64 dots.
//!
//! The glass is mounted as on the usual modules: with segment remap (A1h) and COM scan direction remapped (C8h) the dot of
//! column 0 and line 0 is at the top left. The panel is lit by the charge pump: without it (8Dh, 14h) nothing is seen. Not
//! modelled: scrolling, the multiplex ratio, contrast, timing.

use drydock_assets::Millionths;
use serde::{Deserialize, Serialize};

use super::model::{I2cPart, PartModel};
use crate::machine::{Picture, VirtualTime};

const WIDTH: u8 = 128;
const PAGES: u8 = 8;
const LINES: u8 = 64;

/// The controller.
#[derive(Clone, Debug, Hash, Serialize, Deserialize)]
pub(super) struct Ssd1306 {
    /// GDDRAM: a byte is eight dots, the lowest bit at the top. Column of the glass, then page.
    #[serde(with = "crate::core::array")]
    ram: [u8; WIDTH as usize * PAGES as usize],
    next: Next,
    /// A command whose arguments are not complete.
    command: Vec<u8>,
    addressing: u8,
    columns: [u8; 2],
    pages: [u8; 2],
    column: u8,
    page: u8,
    start_line: u8,
    offset: u8,
    remap: bool,
    scan_remapped: bool,
    all_on: bool,
    inverse: bool,
    on: bool,
    charge_pump: bool,
}

/// What the next byte of a transfer is (8.1.5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Next {
    Control,
    /// A command or data; afterwards another control byte, or more of the same.
    Byte {
        is_data: bool,
        one: bool,
    },
}

impl Default for Ssd1306 {
    fn default() -> Self {
        Self {
            ram: [0; WIDTH as usize * PAGES as usize],
            next: Next::Control,
            command: Vec::new(),
            addressing: 2,
            columns: [0, WIDTH - 1],
            pages: [0, PAGES - 1],
            column: 0,
            page: 0,
            start_line: 0,
            offset: 0,
            remap: false,
            scan_remapped: false,
            all_on: false,
            inverse: false,
            on: false,
            charge_pump: false,
        }
    }
}

/// Bytes behind a command (table 9-1).
fn arguments(command: u8) -> usize {
    match command {
        0x20 | 0x81 | 0x8d | 0xa8 | 0xad | 0xd3 | 0xd5 | 0xd9 | 0xda | 0xdb => 1,
        0x21 | 0x22 | 0xa3 => 2,
        0x29 | 0x2a => 5,
        0x26 | 0x27 => 6,
        _ => 0,
    }
}

impl Ssd1306 {
    fn command(&mut self, byte: u8) {
        self.command.push(byte);
        let first = self.command[0];
        if self.command.len() <= arguments(first) {
            return;
        }
        let command = std::mem::take(&mut self.command);
        let argument = |index: usize| command.get(index).copied().unwrap_or(0);
        match first {
            0x00..=0x0f => self.column = self.column & 0x70 | first,
            0x10..=0x17 => self.column = self.column & 0x0f | (first & 7) << 4,
            0x20 => self.addressing = argument(1) & 3,
            0x21 => {
                self.columns = [argument(1) & 0x7f, argument(2) & 0x7f];
                self.column = self.columns[0];
            }
            0x22 => {
                self.pages = [argument(1) & 7, argument(2) & 7];
                self.page = self.pages[0];
            }
            0x40..=0x7f => self.start_line = first & 0x3f,
            0x8d => self.charge_pump = argument(1) & 4 != 0,
            0xa0 | 0xa1 => self.remap = first & 1 != 0,
            0xa4 | 0xa5 => self.all_on = first & 1 != 0,
            0xa6 | 0xa7 => self.inverse = first & 1 != 0,
            0xae | 0xaf => self.on = first & 1 != 0,
            0xb0..=0xb7 => self.page = first & 7,
            0xc0..=0xc7 => self.scan_remapped = false,
            0xc8..=0xcf => self.scan_remapped = true,
            0xd3 => self.offset = argument(1) & 0x3f,
            _ => {}
        }
    }

    /// A byte of GDDRAM; the pointers move on (10.1.3).
    fn data(&mut self, byte: u8) {
        // The remap acts when data come in (10.1.8).
        let column = if self.remap {
            self.column
        } else {
            WIDTH - 1 - self.column
        };
        self.ram[usize::from(self.page) * usize::from(WIDTH) + usize::from(column)] = byte;
        let step = |value: &mut u8, [first, last]: [u8; 2], limit: u8| {
            let wraps = *value == last;
            *value = if wraps { first } else { (*value + 1) % limit };
            wraps
        };
        match self.addressing {
            0 => {
                if step(&mut self.column, self.columns, WIDTH) {
                    step(&mut self.page, self.pages, PAGES);
                }
            }
            1 => {
                if step(&mut self.page, self.pages, PAGES) {
                    step(&mut self.column, self.columns, WIDTH);
                }
            }
            _ => {
                step(&mut self.column, [0, WIDTH - 1], WIDTH);
            }
        }
    }

    fn dot(&self, x: u8, y: u8) -> bool {
        if !self.on || !self.charge_pump {
            return false;
        }
        let row = if self.scan_remapped { y } else { LINES - 1 - y };
        let line = (row + self.offset + self.start_line) % LINES;
        let byte = self.ram[usize::from(line / 8) * usize::from(WIDTH) + usize::from(x)];
        let is_set = self.all_on || byte >> (line % 8) & 1 != 0;
        is_set != self.inverse
    }
}

impl PartModel for Ssd1306 {
    fn power_on(&mut self, _now: VirtualTime) {
        *self = Self::default();
    }

    fn get(&self, _now: VirtualTime, _property: &str) -> Millionths {
        Millionths::default()
    }

    fn set(&mut self, _now: VirtualTime, _property: &str, _value: Millionths) {}

    fn i2c(&mut self) -> Option<&mut dyn I2cPart> {
        Some(self)
    }

    fn picture(&self, _now: VirtualTime) -> Option<Picture> {
        let rows = (0..LINES).flat_map(|y| (0..WIDTH).map(move |x| (x, y)));
        Some(Picture {
            width: u16::from(WIDTH),
            height: u16::from(LINES),
            dots: rows.map(|(x, y)| if self.dot(x, y) { 255 } else { 0 }).collect(),
        })
    }
}

impl I2cPart for Ssd1306 {
    fn start(&mut self, _now: VirtualTime, _address: u8, _read: bool) -> bool {
        self.next = Next::Control;
        true
    }

    fn write(&mut self, _now: VirtualTime, byte: u8) -> bool {
        match self.next {
            Next::Control => {
                self.next = Next::Byte {
                    is_data: byte & 0x40 != 0,
                    one: byte & 0x80 != 0,
                };
            }
            Next::Byte { is_data, one } => {
                match is_data {
                    true => self.data(byte),
                    false => self.command(byte),
                }
                if one {
                    self.next = Next::Control;
                }
            }
        }
        true
    }

    /// The status: bit 6 says that the display is off (8.1.2).
    fn read(&mut self, _now: VirtualTime) -> u8 {
        u8::from(!self.on) << 6
    }
}

#[cfg(test)]
mod tests {
    use super::super::Parts;
    use super::super::tests::{parts, read, write};
    use super::*;

    const ADDRESS: u8 = 0x3c;
    const NOW: VirtualTime = VirtualTime::ZERO;

    /// A display that is on, upright, in horizontal addressing.
    fn display() -> Parts {
        let mut parts = parts(&["ssd1306"]);
        command(&mut parts, &[0x8d, 0x14, 0xaf, 0xa1, 0xc8, 0x20, 0]);
        parts
    }

    fn command(parts: &mut Parts, bytes: &[u8]) {
        write(parts, NOW, ADDRESS, &[&[0], bytes].concat());
    }

    fn data(parts: &mut Parts, bytes: &[u8]) {
        write(parts, NOW, ADDRESS, &[&[0x40], bytes].concat());
    }

    /// The dots that are lit, in their order.
    fn lit(parts: &Parts) -> Vec<(usize, usize)> {
        let picture = parts.list(VirtualTime::ZERO)[0].picture.clone().unwrap();
        assert_eq!((picture.width, picture.height, picture.dots.len()), (128, 64, 8_192));
        let dots = picture.dots.iter().enumerate().filter(|(_, dot)| **dot == 255);
        dots.map(|(index, _)| (index % 128, index / 128)).collect()
    }

    #[test]
    fn a_byte_is_eight_dots_and_the_pointers_move_on() {
        let mut parts = display();
        command(&mut parts, &[0x21, 126, 127, 0x22, 1, 2]);
        data(&mut parts, &[0x81, 1, 2, 4, 0x01]);
        // The fifth byte replaces the first.
        assert_eq!(lit(&parts), [(126, 8), (127, 8), (126, 17), (127, 18)]);

        let mut parts = display();
        command(&mut parts, &[0x20, 1, 0x21, 5, 6, 0x22, 0, 1]);
        data(&mut parts, &[1, 1, 1]);
        assert_eq!(lit(&parts), [(5, 0), (6, 0), (5, 8)], "vertical addressing");

        let mut parts = display();
        command(&mut parts, &[0x20, 2, 0xb3, 0x0f, 0x17]);
        data(&mut parts, &[1, 1]);
        assert_eq!(lit(&parts), [(0, 24), (127, 24)], "page addressing stays in its page");
    }

    #[test]
    fn commands_turn_and_light_the_picture() {
        for (bytes, expected) in [
            (&[][..], Some((0, 0))),
            (&[0xc0], Some((0, 63))),
            (&[0x41], Some((0, 63))),
            (&[0xd3, 2], Some((0, 62))),
            (&[0xae], None),
            (&[0x8d, 0x10], None),
        ] {
            let mut parts = display();
            data(&mut parts, &[1]);
            command(&mut parts, bytes);
            assert_eq!(lit(&parts), expected.into_iter().collect::<Vec<_>>(), "{bytes:x?}");
        }
        let mut parts = display();
        command(&mut parts, &[0xa0]);
        data(&mut parts, &[1]);
        assert_eq!(lit(&parts), [(127, 0)], "columns are not remapped");
        command(&mut parts, &[0xa7]);
        assert_eq!(lit(&parts).len(), 8_191);
        command(&mut parts, &[0xa6, 0xa5]);
        assert_eq!(lit(&parts).len(), 8_192);
    }

    #[test]
    fn each_byte_may_have_its_own_control_byte() {
        let mut parts = display();
        // Column 3 in two commands, each after its control byte; then data to the end.
        write(&mut parts, NOW, ADDRESS, &[0x80, 0x21, 0x80, 3, 0x80, 9, 0x40, 1, 1]);
        assert_eq!(lit(&parts), [(3, 0), (4, 0)]);
        assert_eq!(read(&mut parts, NOW, ADDRESS, &[], 1), [0]);
        command(&mut parts, &[0xae]);
        assert_eq!(read(&mut parts, NOW, ADDRESS, &[], 1), [0x40]);
    }
}
