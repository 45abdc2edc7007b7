//! Worldsemi WS2812B (datasheet of 2013): a strip of RGB LEDs on one line. A bit is a high pulse: short is 0, long is 1. After
//! the line was low for 50 µs the strip shows what it got.
//!
//! Not modelled: newer LEDs that want 280 µs, the delay from LED to LED, and the current.

use drydock_assets::Millionths;
use serde::{Deserialize, Serialize};

use super::model::PartModel;
use crate::machine::VirtualTime;

/// Between the longest 0 (0.4 µs + 150 ns) and the shortest 1 (0.8 µs − 150 ns).
const ONE: VirtualTime = VirtualTime::from_ns(600);
/// Shorter pulses are none: the shortest 0 has 0.4 µs − 150 ns.
const PULSE: VirtualTime = VirtualTime::from_ns(250);
const RESET: VirtualTime = VirtualTime::from_us(50);
/// Bits of one LED: green, red, blue, the highest bit first.
const BITS: u32 = 24;

/// The strip.
#[derive(Clone, Debug, Hash, Serialize, Deserialize)]
pub(super) struct Ws2812 {
    leds: Millionths,
    /// Red, green and blue, as they are lit.
    shown: Vec<[u8; 3]>,
    /// What came since the last reset.
    next: Vec<[u8; 3]>,
    word: u32,
    bits: u32,
    high: bool,
    /// Of the last edge.
    since: VirtualTime,
}

impl Default for Ws2812 {
    fn default() -> Self {
        Self {
            leds: Millionths(8_000_000),
            shown: vec![[0; 3]; 8],
            next: Vec::new(),
            word: 0,
            bits: 0,
            high: false,
            since: VirtualTime::ZERO,
        }
    }
}

impl Ws2812 {
    fn count(&self) -> usize {
        (self.leds.0 / 1_000_000) as usize
    }

    /// What is lit in this instant: the reset needs no edge.
    fn lit(&self, now: VirtualTime) -> Vec<[u8; 3]> {
        let mut lit = self.shown.clone();
        if !self.high && now.saturating_sub(self.since) >= RESET {
            for (led, colour) in lit.iter_mut().zip(&self.next) {
                *led = *colour;
            }
        }
        lit
    }
}

impl PartModel for Ws2812 {
    fn power_on(&mut self, _now: VirtualTime) {
        self.shown.fill([0; 3]);
        self.next.clear();
        self.bits = 0;
    }

    fn get(&self, _now: VirtualTime, _property: &str) -> Millionths {
        self.leds
    }

    fn set(&mut self, now: VirtualTime, _property: &str, value: Millionths) {
        self.shown = self.lit(now);
        self.leds = value;
        self.shown.resize(self.count(), [0; 3]);
    }

    fn line_changed(&mut self, now: VirtualTime, _line: usize, level: Option<bool>) {
        let high = level == Some(true);
        if high == self.high {
            return;
        }
        if high {
            if now.saturating_sub(self.since) >= RESET {
                self.shown = self.lit(now);
                self.next.clear();
                self.bits = 0;
            }
        } else {
            let width = now.saturating_sub(self.since);
            // What is behind the last LED leaves the strip.
            if width >= PULSE && self.next.len() < self.shown.len() {
                self.word = self.word << 1 | u32::from(width >= ONE);
                self.bits += 1;
                if self.bits == BITS {
                    let [_, green, red, blue] = self.word.to_be_bytes();
                    self.next.push([red, green, blue]);
                    self.bits = 0;
                }
            }
        }
        self.high = high;
        self.since = now;
    }

    fn lights(&self, now: VirtualTime) -> Vec<[u8; 3]> {
        self.lit(now)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Parts;
    use super::super::tests::wired;
    use super::*;

    const PIN: u16 = 27;

    /// Sends bytes with pulses of these lengths for 0 and 1 in nanoseconds; returns when it ended.
    fn send(parts: &mut Parts, mut now: VirtualTime, bytes: &[u8], widths: [u64; 2]) -> VirtualTime {
        for byte in bytes {
            for bit in (0..8).rev() {
                let width = widths[usize::from(byte >> bit & 1)];
                parts.pin_changed(now, PIN, Some(true));
                parts.pin_changed(now + VirtualTime::from_ns(width), PIN, Some(false));
                now += VirtualTime::from_ns(1_250);
            }
        }
        now
    }

    fn lights(parts: &Parts, now: VirtualTime) -> Vec<[u8; 3]> {
        parts.list(now)[0].lights.clone()
    }

    #[test]
    fn pulses_are_colours_and_a_long_low_shows_them() {
        let mut parts = wired("ws2812", &[("din", "P0.27")]);
        let us = VirtualTime::from_us;
        parts.set(us(0), "ws2812", "leds", Millionths(2_000_000)).unwrap();
        for widths in [[250, 650], [400, 800], [550, 950]] {
            // Green, red, blue; the third LED does not exist.
            let end = send(&mut parts, us(1_000), &[1, 0xff, 0x80, 2, 3, 4, 9, 9, 9], widths);
            assert_eq!(lights(&parts, end + us(40)), [[0; 3]; 2], "{widths:?}: not yet");
            assert_eq!(lights(&parts, end + us(60)), [[0xff, 1, 0x80], [3, 2, 4]], "{widths:?}");
            // One LED only: the second keeps its colour.
            let end = send(&mut parts, us(2_000), &[0, 7, 0], widths);
            assert_eq!(lights(&parts, end + us(60)), [[7, 0, 0], [3, 2, 4]]);
            parts.power_cycle(us(3_000));
            assert_eq!(lights(&parts, us(3_000)), [[0; 3]; 2]);
        }
        // A pause in the middle that is too long: what follows is for the first LED again.
        let end = send(&mut parts, us(4_000), &[1, 1, 1], [400, 800]);
        let end = send(&mut parts, end + us(55), &[2, 2, 2], [400, 800]);
        assert_eq!(lights(&parts, end + us(60)), [[2; 3], [0; 3]]);
        // Pulses that are too short are none.
        let end = send(&mut parts, us(6_000), &[0xff; 6], [100, 100]);
        assert_eq!(lights(&parts, end + us(60)), [[2; 3], [0; 3]]);
    }
}
