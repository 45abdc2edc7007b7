//! One digit of seven segments and a point. A segment is drawn if it was lit for a sixteenth of the last 20 ms: digits that
//! share the pins of their segments, and are lit by turns, look as they do to an eye.

use drydock_assets::Millionths;
use serde::{Deserialize, Serialize};

use super::duty::Duty;
use super::model::PartModel;
use crate::machine::{Picture, VirtualTime};

/// Segments and the point, in the order of the kind's lines: a to g, dp.
const SEGMENTS: usize = 8;
/// The line of the common cathode or anode.
const COMMON: usize = SEGMENTS;
/// Least share that is seen, in millionths.
const SEEN: u64 = 62_500;
const WIDTH: usize = 12;
const HEIGHT: usize = 15;
/// Column, row, width and height of each segment.
const SHAPES: [(usize, usize, usize, usize); SEGMENTS] = [
    (2, 0, 5, 1),
    (7, 1, 1, 6),
    (7, 8, 1, 6),
    (2, 14, 5, 1),
    (1, 8, 1, 6),
    (1, 1, 1, 6),
    (2, 7, 5, 1),
    (10, 14, 1, 1),
];

/// The digit.
#[derive(Clone, Debug, Default, Hash, Serialize, Deserialize)]
pub(super) struct SevenSegment {
    active_low: Millionths,
    levels: [Option<bool>; SEGMENTS],
    /// `None` until the common pin was heard of: it may be wired to ground or the supply.
    common: Option<Option<bool>>,
    duties: [Duty; SEGMENTS],
}

impl SevenSegment {
    fn look(&mut self, now: VirtualTime) {
        let lit_by = self.active_low.0 < 500_000;
        let selected = self.common.is_none_or(|level| level == Some(!lit_by));
        for (duty, level) in self.duties.iter_mut().zip(self.levels) {
            duty.set(now, selected && level == Some(lit_by));
        }
    }
}

impl PartModel for SevenSegment {
    fn power_on(&mut self, _now: VirtualTime) {}

    fn get(&self, _now: VirtualTime, _property: &str) -> Millionths {
        self.active_low
    }

    fn set(&mut self, now: VirtualTime, _property: &str, value: Millionths) {
        self.active_low = value;
        self.look(now);
    }

    fn line_changed(&mut self, now: VirtualTime, line: usize, level: Option<bool>) {
        match line {
            COMMON => self.common = Some(level),
            line => self.levels[line] = level,
        }
        self.look(now);
    }

    fn picture(&self, now: VirtualTime) -> Option<Picture> {
        let mut dots = vec![0; WIDTH * HEIGHT];
        for (duty, (left, top, width, height)) in self.duties.iter().zip(SHAPES) {
            if duty.millionths(now) < SEEN {
                continue;
            }
            for row in dots.chunks_mut(WIDTH).skip(top).take(height) {
                row[left..left + width].fill(255);
            }
        }
        Some(Picture {
            width: WIDTH as u16,
            height: HEIGHT as u16,
            dots,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::wired;
    use super::*;

    const LINES: [(&str, &str); 8] = [
        ("a", "P0.10"),
        ("b", "P0.11"),
        ("c", "P0.12"),
        ("d", "P0.13"),
        ("e", "P0.14"),
        ("f", "P0.15"),
        ("g", "P0.16"),
        ("common", "P0.17"),
    ];

    fn lit(parts: &super::super::Parts, now_ms: u64) -> Vec<usize> {
        let picture = parts.list(VirtualTime::from_ms(now_ms))[0].picture.clone().unwrap();
        let dot = |(left, top, ..): (usize, usize, usize, usize)| picture.dots[top * WIDTH + left] > 0;
        (0..SEGMENTS).filter(|segment| dot(SHAPES[*segment])).collect()
    }

    #[test]
    fn segments_are_drawn_as_long_as_they_are_seen() {
        let mut parts = wired("7-segment", &LINES[..7]);
        for pin in [11, 12] {
            parts.pin_changed(VirtualTime::ZERO, pin, Some(true));
        }
        assert_eq!(lit(&parts, 25), [1, 2], "a one");
        parts.pin_changed(VirtualTime::from_ms(25), 11, Some(false));
        assert_eq!(lit(&parts, 43), [1, 2], "the eye still sees it");
        assert_eq!(lit(&parts, 45), [2]);
    }

    #[test]
    fn digits_that_share_pins_are_lit_by_turns() {
        let mut parts = wired("7-segment", &LINES);
        // Four digits of 1 ms each; this one is the first, and shows a one. The others show an eight.
        for ms in 0..40 {
            let ours = ms % 4 == 0;
            let now = VirtualTime::from_ms(ms);
            parts.pin_changed(now, 17, Some(!ours));
            for pin in 10..17 {
                parts.pin_changed(now, pin, Some(!ours || pin == 11 || pin == 12));
            }
        }
        assert_eq!(lit(&parts, 40), [1, 2]);
    }
}
