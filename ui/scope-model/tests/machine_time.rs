//! A board's virtual time is read from its clock, and pauses count for nothing.

use drydock_scope_model::{Lane, LaneId, LaneKind, MachineTime, Recording, TimeRange, Writer};
use std::io::Cursor;

struct Board {
    writer: Writer<Cursor<Vec<u8>>>,
    clock: LaneId,
    state: LaneId,
    uart: LaneId,
    floating: LaneId,
}

impl Board {
    fn new() -> Self {
        let mut writer = Writer::new(Cursor::new(Vec::new())).expect("in order");
        let mut lane = |name: &str, kind| {
            writer
                .declare(&Lane::new(format!("Desk/{name}"), kind))
                .expect("in order")
        };
        let (clock, state) = (lane("clock", LaneKind::Number), lane("state", LaneKind::Text));
        let (uart, floating) = (lane("uart0.tx", LaneKind::Text), lane("P1.02", LaneKind::Digital));
        Self {
            writer,
            clock,
            state,
            uart,
            floating,
        }
    }

    fn clock(&mut self, at_ns: u64, machine_s: f64) {
        self.writer.number(self.clock, at_ns, machine_s).expect("in order");
    }

    /// The machine does not run; its floating pin is unknown since earlier.
    fn still(&mut self, range: TimeRange, cause: &str) {
        self.writer
            .text(self.state, range.from_ns, cause.as_bytes())
            .expect("in order");
        self.writer.gap(self.uart, range, 0).expect("in order");
        self.writer
            .gap(self.floating, TimeRange::new(range.from_ns - 200, range.until_ns), 0)
            .expect("in order");
    }

    fn finish(self, until_ns: u64) -> Recording {
        let bytes = self.writer.finish(until_ns).expect("in order").into_inner();
        Recording::from_bytes(bytes).expect("in order")
    }
}

#[test]
fn virtual_time_stands_still_in_pauses_and_begins_anew_after_a_restart() {
    let mut board = Board::new();
    board.clock(1_000, 5e-6);
    board.still(TimeRange::new(3_000, 10_000), "paused");
    board.clock(10_000, 7e-6);
    board.still(TimeRange::new(11_000, 12_000), "off");
    board.clock(12_000, 0.0);
    let recording = board.finish(20_000);
    let time = MachineTime::of(&recording, "Desk");
    for (at_ns, expected) in [
        (999.0, None),
        (1_000.0, Some(5_000.0)),
        (2_500.5, Some(6_500.5)),
        (3_000.0, Some(7_000.0)),
        (3_001.0, None),
        (9_999.0, None),
        (10_000.0, Some(7_000.0)),
        (11_500.0, None),
        (12_250.0, Some(250.0)),
        (20_000.0, Some(8_000.0)),
        (20_001.0, None),
    ] {
        assert_eq!(time.at(at_ns), expected, "{at_ns}");
    }
    assert_eq!(time.passed(0.0, 30_000.0), 2_000.0 + 1_000.0 + 8_000.0);
    assert_eq!(time.passed(2_000.0, 10_500.0), 1_000.0 + 500.0);
    assert_eq!(time.passed(4_000.0, 9_000.0), 0.0);
}

#[test]
fn entries_that_were_lost_do_not_stop_the_clock() {
    let mut board = Board::new();
    board.clock(0, 0.0);
    board
        .writer
        .gap(board.uart, TimeRange::new(2_000, 3_000), 7)
        .expect("in order");
    let recording = board.finish(5_000);
    let time = MachineTime::of(&recording, "Desk");
    assert_eq!(time.at(2_500.0), Some(2_500.0));
    assert_eq!(MachineTime::of(&recording, "Field"), MachineTime::default());
}
