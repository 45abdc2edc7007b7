//! A potentiometer between ground and the supply; its wiper is at an analogue pin.

use drydock_assets::Millionths;
use serde::{Deserialize, Serialize};

use super::model::PartModel;
use crate::machine::VirtualTime;

/// The potentiometer.
#[derive(Clone, Debug, Default, Hash, Serialize, Deserialize)]
pub(super) struct Potentiometer {
    /// Percent of the way from ground to the supply.
    position: Millionths,
}

impl PartModel for Potentiometer {
    fn power_on(&mut self, _now: VirtualTime) {}

    fn get(&self, _now: VirtualTime, property: &str) -> Millionths {
        match property {
            "position" => self.position,
            _ => Millionths::default(),
        }
    }

    fn set(&mut self, _now: VirtualTime, property: &str, value: Millionths) {
        if property == "position" {
            self.position = value;
        }
    }

    fn voltage_uv(&self, supply_uv: u64) -> Option<u64> {
        let position = u64::try_from(self.position.0).unwrap_or(0);
        Some(supply_uv * position / 100_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::parts;
    use super::*;

    #[test]
    fn the_wiper_divides_the_supply() {
        // The board's first analogue pin is P0.04.
        let mut parts = parts(&["potentiometer", "potentiometer"]);
        for (position, microvolts) in [(0, 0), (50_000_000, 1_650_000), (100_000_000, 3_300_000)] {
            parts
                .set(VirtualTime::ZERO, "potentiometer", "position", Millionths(position))
                .unwrap();
            assert_eq!(parts.analog_uv(4, 3_300_000), Some(microvolts));
        }
        assert_eq!(
            parts.analog_uv(5, 3_300_000),
            Some(1_650_000),
            "the second one did not move"
        );
        assert_eq!(parts.analog_uv(30, 3_300_000), None);
    }
}
