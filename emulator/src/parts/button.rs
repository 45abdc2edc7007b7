//! A push button: pressed, it connects its pin to ground or to the supply; released, it drives nothing.

use drydock_assets::Millionths;
use serde::{Deserialize, Serialize};

use super::model::PartModel;
use crate::machine::VirtualTime;

/// The button. It does not bounce.
#[derive(Clone, Debug, Default, Hash, Serialize, Deserialize)]
pub(super) struct Button {
    pressed: Millionths,
    active_low: Millionths,
}

impl PartModel for Button {
    fn power_on(&mut self, _now: VirtualTime) {}

    fn get(&self, _now: VirtualTime, property: &str) -> Millionths {
        match property {
            "pressed" => self.pressed,
            "active_low" => self.active_low,
            _ => Millionths::default(),
        }
    }

    fn set(&mut self, _now: VirtualTime, property: &str, value: Millionths) {
        match property {
            "pressed" => self.pressed = value,
            "active_low" => self.active_low = value,
            _ => {}
        }
    }

    fn drives(&self, _line: usize) -> Option<bool> {
        (self.pressed.0 >= 500_000).then_some(self.active_low.0 < 500_000)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::wired;
    use super::*;

    #[test]
    fn a_pressed_button_drives_its_pin_and_a_released_one_does_not() {
        let mut parts = wired("button", &[("contact", "P0.27")]);
        let now = VirtualTime::from_ms(1);
        let mut after = |property: &str, value: i64| {
            parts
                .set(now, "button", property, Millionths(value * 1_000_000))
                .unwrap();
            parts.serve(now)
        };
        assert_eq!(after("pressed", 0), [], "nothing changed");
        assert_eq!(after("pressed", 1), [(27, Some(false))]);
        assert_eq!(after("pressed", 1), []);
        assert_eq!(after("active_low", 0), [(27, Some(true))]);
        assert_eq!(after("pressed", 0), [(27, None)]);
    }
}
