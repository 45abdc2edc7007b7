//! A LED, or several in one housing: each is lit while the chip drives its pin high, or low if it is active low.

use drydock_assets::Millionths;
use serde::{Deserialize, Serialize};

use super::duty::Duty;
use super::model::PartModel;
use crate::machine::VirtualTime;

/// The LEDs, one a line.
#[derive(Clone, Debug, Hash, Serialize, Deserialize)]
pub(super) struct Lights {
    active_low: Millionths,
    lights: Vec<Light>,
}

#[derive(Clone, Debug, Hash, Serialize, Deserialize)]
struct Light {
    /// Its reading, in percent.
    reading: String,
    level: Option<bool>,
    duty: Duty,
}

impl Lights {
    /// A light for each line, with the names of their readings.
    pub(super) fn new(readings: &[&str]) -> Self {
        let light = |reading: &&str| Light {
            reading: (*reading).to_owned(),
            level: None,
            duty: Duty::default(),
        };
        Self {
            active_low: Millionths::default(),
            lights: readings.iter().map(light).collect(),
        }
    }

    /// The level at which they are lit.
    fn lit_by(&self) -> bool {
        self.active_low.0 < 500_000
    }
}

impl PartModel for Lights {
    fn power_on(&mut self, _now: VirtualTime) {}

    fn get(&self, now: VirtualTime, property: &str) -> Millionths {
        if property == "active_low" {
            return self.active_low;
        }
        let light = self.lights.iter().find(|light| light.reading == property);
        Millionths(light.map_or(0, |light| light.duty.millionths(now) as i64 * 100))
    }

    fn set(&mut self, now: VirtualTime, property: &str, value: Millionths) {
        if property == "active_low" {
            self.active_low = value;
            let lit_by = self.lit_by();
            for light in &mut self.lights {
                light.duty.set(now, light.level == Some(lit_by));
            }
        }
    }

    fn line_changed(&mut self, now: VirtualTime, line: usize, level: Option<bool>) {
        let lit_by = self.lit_by();
        if let Some(light) = self.lights.get_mut(line) {
            light.level = level;
            light.duty.set(now, level == Some(lit_by));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::wired;
    use super::*;

    #[test]
    fn a_light_is_as_bright_as_its_pin_is_on() {
        let mut parts = wired("rgb-led", &[("red", "P0.24"), ("blue", "P0.06")]);
        let mut reading = |at_ms: u64, levels: &[(u16, bool)]| {
            for (pin, level) in levels {
                parts.pin_changed(VirtualTime::from_ms(at_ms), *pin, Some(*level));
            }
            let list = parts.list(VirtualTime::from_ms(at_ms));
            let values = list[0].properties.iter().map(|property| property.value.to_f64());
            values.collect::<Vec<f64>>()
        };
        assert_eq!(reading(0, &[(24, true), (6, false)]), [0.0, 0.0, 0.0, 0.0]);
        assert_eq!(reading(10, &[(6, true), (16, true)]), [0.0, 50.0, 0.0, 0.0]);
        assert_eq!(reading(25, &[]), [0.0, 100.0, 0.0, 75.0], "green has no pin");
        let at = VirtualTime::from_ms(25);
        parts.set(at, "rgb-led", "active_low", Millionths(1_000_000)).unwrap();
        let list = parts.list(VirtualTime::from_ms(50));
        assert_eq!(list[0].properties[1].value.to_f64(), 0.0, "lit by a low level now");
        // A pin that nobody drives lights nothing, whatever lights it.
        parts.pin_changed(VirtualTime::from_ms(60), 24, Some(false));
        parts.pin_changed(VirtualTime::from_ms(70), 24, None);
        let list = parts.list(VirtualTime::from_ms(80));
        assert_eq!(list[0].properties[1].value.to_f64(), 50.0);
    }
}
