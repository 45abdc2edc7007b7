//! A passive piezo buzzer: it sounds at the frequency at which its pin rises.

use drydock_assets::Millionths;
use serde::{Deserialize, Serialize};

use super::model::PartModel;
use crate::machine::VirtualTime;

/// The longest period that is a tone: 16 Hz, where hearing begins.
const LONGEST: VirtualTime = VirtualTime::from_us(62_500);

/// The buzzer.
#[derive(Clone, Debug, Default, Hash, Serialize, Deserialize)]
pub(super) struct Buzzer {
    high: bool,
    /// The last rising edge.
    rose: Option<VirtualTime>,
    /// Between the last two rising edges; zero if the last one is the first of a tone.
    period: VirtualTime,
}

impl PartModel for Buzzer {
    fn power_on(&mut self, _now: VirtualTime) {}

    fn get(&self, now: VirtualTime, _property: &str) -> Millionths {
        let sounds = self.rose.is_some_and(|rose| {
            let since = now.saturating_sub(rose);
            self.period > VirtualTime::ZERO && since <= self.period.saturating_add(self.period)
        });
        match sounds {
            // Picoseconds to millionths of hertz; an edge has a picosecond at least.
            true => Millionths((1_000_000_000_000_000_000 / self.period.as_ps()).min(10_000_000_000_000) as i64),
            false => Millionths::default(),
        }
    }

    fn set(&mut self, _now: VirtualTime, _property: &str, _value: Millionths) {}

    fn line_changed(&mut self, now: VirtualTime, _line: usize, level: Option<bool>) {
        let high = level == Some(true);
        if high && !self.high {
            let period = self.rose.map(|rose| now.saturating_sub(rose));
            self.period = period.filter(|period| *period <= LONGEST).unwrap_or_default();
            self.rose = Some(now);
        }
        self.high = high;
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::wired;
    use super::*;

    #[test]
    fn a_tone_has_the_frequency_of_its_rising_edges() {
        let mut parts = wired("buzzer", &[("tone", "P0.27")]);
        let mut edge = |us: u64, level: bool| {
            parts.pin_changed(VirtualTime::from_us(us), 27, Some(level));
            parts.list(VirtualTime::from_us(us))[0].properties[0].value.to_f64()
        };
        // 440 Hz, with pulses of 100 µs.
        assert_eq!([edge(0, true), edge(100, false)], [0.0, 0.0], "one edge is no tone");
        assert!((edge(2_273, true) - 439.95).abs() < 0.01);
        assert!(edge(2_373, false) > 439.0, "falling edges do not count");
        assert_eq!(edge(2_373 + 100_000, true), 0.0, "a pause ends the tone");
        assert_eq!(edge(102_400, false), 0.0);
        assert_eq!(edge(103_373, true), 1_000.0);
        let reading = |us| parts.list(VirtualTime::from_us(us))[0].properties[0].value.to_f64();
        assert_eq!([reading(105_373), reading(105_374)], [1_000.0, 0.0]);
    }
}
