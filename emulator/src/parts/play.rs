//! A table of values that is being played: which row comes next, and when.

use drydock_assets::Millionths;
use serde::{Deserialize, Serialize};

use crate::machine::{PartTable, VirtualTime};

/// A table that is being played.
#[derive(Clone, Debug, Hash, Serialize, Deserialize)]
pub(super) struct Playing {
    table: PartTable,
    start: VirtualTime,
    /// The row that comes next.
    next: usize,
}

impl Playing {
    pub(super) fn new(table: PartTable, start: VirtualTime) -> Self {
        Self { table, start, next: 0 }
    }

    /// When the next row is due; [`VirtualTime::MAX`] behind the last one.
    pub(super) fn due(&self) -> VirtualTime {
        let time = self.table.time(self.next);
        time.map_or(VirtualTime::MAX, |time| self.start.saturating_add(time))
    }

    /// Passes the values of the rows that are due.
    pub(super) fn serve(&mut self, now: VirtualTime, mut set: impl FnMut(&str, &str, Millionths)) {
        while self.next < self.table.rows() && self.due() <= now {
            self.table
                .row(self.next)
                .for_each(|(part, property, value)| set(part, property, value));
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Parts;
    use super::*;

    const GOOD: &str =
        "\u{feff}time,\"bme280.temperature\", potentiometer.position\r\n0,20,\r\n\r\n0.5, -3.25 ,50\r\n2,,100\r\n";

    fn board() -> drydock_assets::Board {
        let mut board = drydock_assets::board("nano33ble").unwrap();
        board.parts.clear();
        for part in ["bme280", "potentiometer"] {
            board
                .add_part(&part.parse().unwrap(), drydock_assets::part_kinds())
                .unwrap();
        }
        board
    }

    #[test]
    fn values_step_at_the_times_of_their_rows() {
        let board = board();
        let read = |text: &str| PartTable::read(text.as_bytes(), &board.parts);
        let mut parts = *Parts::of(&board).unwrap();
        let start = VirtualTime::from_ms(100);
        parts.play(start, Some(read(GOOD).unwrap())).unwrap();
        let mut at = |ms: u64| {
            let now = VirtualTime::from_ms(ms);
            if parts.due() <= now {
                parts.serve(now);
            }
            let value = |part: &str, property: &str| parts.value(now, part, property).unwrap().to_f64();
            (
                value("bme280", "temperature"),
                value("potentiometer", "position"),
                parts.due(),
            )
        };
        let ms = VirtualTime::from_ms;
        // A potentiometer begins in its middle.
        assert_eq!(at(100), (20.0, 50.0, ms(600)));
        assert_eq!(at(599), (20.0, 50.0, ms(600)));
        assert_eq!(at(600), (-3.25, 50.0, ms(2_100)));
        assert_eq!(at(2_100), (-3.25, 100.0, VirtualTime::MAX));
        // A later call serves all rows that are due, and another table replaces one.
        parts.play(ms(3_000), Some(read(GOOD).unwrap())).unwrap();
        assert_eq!(parts.due(), ms(3_500));
        parts.play(ms(3_100), None).unwrap();
        assert_eq!(parts.due(), VirtualTime::MAX);
    }
}
