//! The display on 8 and 4 lines and behind its expander: what is drawn, and what comes too early.

use super::super::Parts;
use super::super::tests::{read, wired, write};
use super::*;

const PINS: [(&str, &str); LINES] = [
    ("rs", "P0.01"),
    ("e", "P0.02"),
    ("d4", "P0.14"),
    ("d5", "P0.15"),
    ("d6", "P0.16"),
    ("d7", "P0.17"),
    ("rw", "P0.03"),
    ("d0", "P0.10"),
    ("d1", "P0.11"),
    ("d2", "P0.12"),
    ("d3", "P0.13"),
];

/// A program that drives a display.
struct Driver {
    parts: Parts,
    now: VirtualTime,
    narrow: bool,
}

impl Driver {
    /// On all lines, or on four without R/W.
    fn new(kind: &str, lines: usize) -> Self {
        let mut parts = wired(kind, &PINS[..lines]);
        parts.power_cycle(VirtualTime::ZERO);
        Self {
            parts,
            now: VirtualTime::from_ms(11),
            narrow: false,
        }
    }

    fn pin(&mut self, pin: u16, level: bool) {
        self.parts.pin_changed(self.now, pin, Some(level));
    }

    fn pulse(&mut self, byte: u8) {
        for bit in 0..8_u16 {
            self.pin(10 + bit, byte >> bit & 1 == 1);
        }
        self.pin(2, true);
        self.pin(2, false);
    }

    /// A byte, and its time.
    fn byte(&mut self, is_data: bool, byte: u8) {
        self.pin(3, false);
        self.pin(1, is_data);
        self.pulse(byte);
        if self.narrow {
            self.pulse(byte << 4);
        }
        self.now += if byte < 4 && !is_data { T_SLOW } else { T_DATA };
    }

    fn text(&mut self, text: &str) {
        text.bytes().for_each(|byte| self.byte(true, byte));
    }

    fn commands(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.byte(false, *byte));
    }

    /// What is read while E is high; in two halves if it is narrow.
    fn read(&mut self, is_data: bool) -> u8 {
        self.pin(3, true);
        self.pin(1, is_data);
        let halves = if self.narrow { 2 } else { 1 };
        let mut byte = 0;
        for _ in 0..halves {
            self.pin(2, true);
            let driven = self.parts.serve(self.now);
            let bits = driven.iter().filter(|(_, level)| *level == Some(true));
            let bits: u8 = bits.map(|(pin, _)| 1 << (pin - 10)).sum();
            byte = if self.narrow { byte << 4 | bits >> 4 } else { bits };
            self.pin(2, false);
            assert!(self.parts.serve(self.now).iter().all(|(_, level)| level.is_none()));
        }
        byte
    }

    fn picture(&self) -> Picture {
        picture(&self.parts, self.now)
    }

    fn shows(&self) -> Vec<String> {
        shows(&self.picture())
    }
}

fn picture(parts: &Parts, now: VirtualTime) -> Picture {
    parts.list(now)[0].picture.clone().unwrap()
}

/// The characters of a picture, by their shapes; `?` for others.
fn shows(picture: &Picture) -> Vec<String> {
    let (width, height) = (usize::from(picture.width), usize::from(picture.height));
    let cell = |row: usize, column: usize| {
        let glyph: [u8; 8] = std::array::from_fn(|line| {
            let at = (row * CELL.1 + line) * width + column * CELL.0;
            picture.dots[at..at + 5]
                .iter()
                .fold(0, |bits, dot| bits << 1 | u8::from(*dot > 0))
        });
        (0x20..0x80)
            .find(|code| font::glyph(*code) == glyph)
            .map_or('?', char::from)
    };
    let columns = width.div_ceil(CELL.0);
    (0..height.div_ceil(CELL.1))
        .map(|row| (0..columns).map(|column| cell(row, column)).collect())
        .collect()
}

#[test]
fn eight_and_four_lines_show_the_same() {
    for lines in [LINES, 7, 6] {
        let mut driver = Driver::new("hd44780", lines);
        // The initialisation by instruction of figures 23 and 24.
        driver.commands(&[0x30, 0x30, 0x30]);
        if lines < LINES {
            driver.commands(&[0x20]);
            driver.narrow = true;
            driver.commands(&[0x28]);
        } else {
            driver.commands(&[0x38]);
        }
        driver.commands(&[0x0c, 1, 6]);
        driver.text("Hello, {world}!~");
        driver.commands(&[0xc0]);
        driver.text("2nd line");
        assert_eq!(
            driver.shows(),
            ["Hello, {world}!~", "2nd line        "],
            "{lines} lines"
        );
        driver.commands(&[0x08]);
        assert_eq!(driver.shows(), [" ".repeat(16), " ".repeat(16)], "off");
        driver.commands(&[0x0c, 0x18]);
        assert_eq!(driver.shows()[0], "ello, {world}!~ ", "shifted to the left");
        driver.commands(&[0x1c, 0x1c]);
        assert_eq!(driver.shows()[1], " 2nd line       ", "and to the right");
        driver.commands(&[2]);
        assert_eq!(driver.shows()[1], "2nd line        ", "home");
        if lines > 6 {
            assert_eq!(driver.read(false), 0, "at the first address, not busy");
            assert_eq!(
                [driver.read(true), {
                    driver.now += T_DATA;
                    driver.read(true)
                }],
                *b"He"
            );
            driver.now += T_DATA;
            driver.byte(false, 0xc5);
            driver.now = driver.now.saturating_sub(T_DATA);
            assert_eq!(driver.read(false), 0xc5, "busy, with the address");
        }
    }
}

#[test]
fn what_comes_too_early_is_lost() {
    let mut driver = Driver::new("hd44780", LINES);
    driver.now = VirtualTime::from_ms(9);
    driver.commands(&[0x38, 0x0c]);
    driver.now = VirtualTime::from_ms(11);
    driver.text("a");
    assert_eq!(driver.shows()[0].trim(), "", "the display is still off");
    driver.commands(&[0x38, 0x0c, 1]);
    driver.now = driver.now.saturating_sub(VirtualTime::from_us(10));
    driver.text("b");
    assert_eq!(driver.shows()[0].trim(), "", "it clears for 1.52 ms");
    driver.text("c");
    assert_eq!(driver.shows()[0].trim(), "c");
}

#[test]
fn lines_follow_each_other_and_shapes_are_the_programs() {
    let mut driver = Driver::new("hd44780", LINES);
    driver.commands(&[0x38, 0x0c, 1, 0x80 + 39]);
    driver.text("xy");
    driver.commands(&[0x80 + 0x40 + 39]);
    driver.text("zw");
    assert_eq!(driver.shows(), ["w               ", "y               "]);
    driver.commands(&[0x04, 0x80]);
    driver.text("ab");
    assert_eq!(driver.shows()[0], "a               ", "backwards, over the end");
    // A shape, and the cursor below it.
    driver.commands(&[0x06, 0x48]);
    for row in [0x1f, 0x11, 0x0a, 4, 4, 0x0a, 0x11, 0] {
        driver.byte(true, row);
    }
    driver.commands(&[0x80]);
    driver.byte(true, 1);
    driver.commands(&[0x0e, 0x80]);
    let picture = driver.picture();
    let row = |line: usize| {
        picture.dots[line * 95..line * 95 + 5]
            .iter()
            .map(|dot| u8::from(*dot > 0))
            .collect::<Vec<_>>()
    };
    assert_eq!(row(1), [1, 0, 0, 0, 1]);
    assert_eq!(row(7), [1; 5], "the cursor");
    // Entry with shift: the text moves, the cursor stays.
    driver.commands(&[0x0c, 1, 0x07, 0x80 + 16]);
    driver.text("12");
    assert_eq!(driver.shows()[0], "              12");
}

#[test]
fn four_rows_are_the_halves_of_two_lines() {
    let mut driver = Driver::new("hd44780-20x4", LINES);
    driver.commands(&[0x38, 0x0c, 1]);
    for (address, text) in [(0x00, "one"), (0x40, "two"), (0x14, "three"), (0x54, "four")] {
        driver.commands(&[0x80 | address]);
        driver.text(text);
    }
    let rows: Vec<String> = driver.shows().iter().map(|row| row.trim_end().to_owned()).collect();
    assert_eq!(rows, ["one", "two", "three", "four"]);
    assert_eq!((driver.picture().width, driver.picture().height), (119, 35));
}

#[test]
fn an_expander_moves_four_lines() {
    const ADDRESS: u8 = 0x27;
    let mut parts = super::super::tests::parts(&["hd44780-i2c"]);
    parts.power_cycle(VirtualTime::ZERO);
    let mut now = VirtualTime::from_ms(11);
    let mut half = |parts: &mut Parts, flags: u8, bits: u8| {
        let port = bits & 0xf0 | flags | BACKLIGHT;
        assert_eq!(write(parts, now, ADDRESS, &[port, port | 4, BACKLIGHT]), 4);
        now += T_SLOW;
    };
    let port = |parts: &mut Parts| read(parts, VirtualTime::from_ms(10), ADDRESS, &[], 1)[0];
    assert_eq!(port(&mut parts), 0xff);
    for bits in [0x30, 0x30, 0x30, 0x20] {
        half(&mut parts, 0, bits);
    }
    for (flags, byte) in [(0, 0x28), (0, 0x0c), (0, 1), (1, b'H'), (1, b'i')] {
        half(&mut parts, flags, byte);
        half(&mut parts, flags, byte << 4);
    }
    assert_eq!(shows(&picture(&parts, now))[0].trim_end(), "Hi");
    let backlight = parts.value(now, "hd44780-i2c", "backlight").unwrap();
    assert_eq!(backlight.to_f64(), 1.0);
    write(&mut parts, now, ADDRESS, &[0]);
    let backlight = parts.value(now, "hd44780-i2c", "backlight").unwrap();
    assert_eq!(backlight.to_f64(), 0.0);
    // The busy flag and the address, in two halves: R/W high, the data pins let go.
    let mut address = 0;
    for _ in 0..2 {
        write(&mut parts, now, ADDRESS, &[0xf2, 0xf6]);
        address = address << 4 | port(&mut parts) >> 4;
        write(&mut parts, now, ADDRESS, &[0xf2]);
    }
    assert_eq!(address, 2);
}

const BACKLIGHT: u8 = 8;
