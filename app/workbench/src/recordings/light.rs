//! What the recording of what just happened takes of a board: little enough to be on all the time.

use drydock_assets::Board;
use drydock_emulator::{PinChange, VirtualTime};
use std::{collections::BTreeMap, sync::Arc};

/// Changes of pins that are taken in a second of the machine.
const CHANGES: u32 = 1_000;

/// Pins of lights and buttons, and nothing from inside of the machine.
pub(super) struct Light {
    pins: Vec<u16>,
    /// It has no machine that tells what it does: nothing but its own words are recorded.
    pub(super) is_physical: bool,
    /// The segment that it is for.
    pub(super) segment: Arc<str>,
}

impl Light {
    pub(super) fn new(board: &Board, is_physical: bool, segment: &Arc<str>) -> Self {
        let leds = board.leds.iter().map(|led| led.pin.0);
        Self {
            pins: leds.chain(board.buttons.iter().map(|button| button.pin.0)).collect(),
            is_physical,
            segment: Arc::clone(segment),
        }
    }

    pub(super) fn has_pin(&self, pin: u16) -> bool {
        self.pins.contains(&pin)
    }
}

/// Bounds what a light that changes all the time costs.
#[derive(Default)]
pub(super) struct PinBudget {
    /// The second of the machine, and the changes in it.
    second: u64,
    taken: u32,
    skipped: Option<Skipped>,
}

/// Changes that were left out.
pub(super) struct Skipped {
    pub(super) from_ns: u64,
    pub(super) changes: u64,
    /// The levels after them, by pin.
    pub(super) levels: BTreeMap<u16, Option<bool>>,
}

impl PinBudget {
    /// Whether another second of the machine begins with this instant.
    pub(super) fn begins_anew(&mut self, at: VirtualTime) -> bool {
        let second = at.as_ns() / 1_000_000_000;
        let is_new = second != self.second;
        if is_new {
            self.second = second;
            self.taken = 0;
        }
        is_new
    }

    /// Whether one more change is taken.
    pub(super) fn takes(&mut self) -> bool {
        self.taken = self.taken.saturating_add(1);
        self.taken <= CHANGES
    }

    /// Leaves a change out. `at_ns` is in the recording's time.
    pub(super) fn skip(&mut self, at_ns: u64, change: &PinChange) {
        let skipped = self.skipped.get_or_insert_with(|| Skipped {
            from_ns: at_ns,
            changes: 0,
            levels: BTreeMap::new(),
        });
        skipped.changes += 1;
        skipped.levels.insert(change.pin, change.level);
    }

    pub(super) fn take_skipped(&mut self) -> Option<Skipped> {
        self.skipped.take()
    }
}
