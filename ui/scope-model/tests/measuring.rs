//! Measurements and triggers against naive ones.

use drydock_scope_model::{
    Condition, Lane, LaneId, LaneKind, Measurement, Recording, TimeRange, Trigger, Writer, decode::Uart,
};
use proptest::prelude::*;
use std::io::Cursor;

type Memory = Writer<Cursor<Vec<u8>>>;

fn writer() -> Memory {
    Writer::new(Cursor::new(Vec::new())).expect("memory")
}

fn open(writer: Memory, now_ns: u64) -> Recording {
    let bytes = writer.finish(now_ns).expect("memory").into_inner();
    Recording::from_bytes(bytes).expect("a recording")
}

const PIN: LaneId = LaneId(0);

/// The level in each nanosecond; `None` where it is not known.
fn levels(steps: &[(u16, u8)]) -> (Recording, Vec<Option<bool>>) {
    let mut writer = writer();
    writer.declare(&Lane::new("pin", LaneKind::Digital)).expect("a lane");
    let mut levels = Vec::new();
    let mut level = None;
    for &(length, what) in steps {
        let now_ns = levels.len() as u64;
        match what {
            // A gap of at least a nanosecond.
            0 => {
                let end_ns = now_ns + u64::from(length) + 1;
                writer.gap(PIN, TimeRange::new(now_ns, end_ns), 0).expect("in order");
                level = None;
                levels.resize(end_ns as usize, None);
            }
            1 => writer.flush(now_ns).expect("memory"),
            what => {
                level = Some(what % 2 == 0);
                writer.level(PIN, now_ns, what % 2 == 0).expect("in order");
            }
        }
        levels.resize(levels.len() + usize::from(length), level);
    }
    let now_ns = levels.len() as u64;
    (open(writer, now_ns), levels)
}

proptest! {
    #[test]
    fn a_digital_lane_measures_as_nanosecond_by_nanosecond(
        steps in prop::collection::vec((1..40_u16, 0..20_u8), 1..200),
        cut in (0.0..1.0_f64, 0.0..1.2_f64),
    ) {
        let (recording, levels) = levels(&steps);
        let at = |share: f64| (levels.len() as f64 * share) as u64;
        let range = TimeRange::new(at(cut.0.min(cut.1)), at(cut.0.max(cut.1)));
        let Some(Measurement::Digital(found)) = recording.measure(PIN, range) else { panic!("a digital lane") };
        let level = |at: u64| levels.get(at as usize).copied().flatten();
        let all = || range.from_ns..range.until_ns;
        prop_assert_eq!(found.known_ns, all().filter(|&at| level(at).is_some()).count() as u64);
        prop_assert_eq!(found.high_ns, all().filter(|&at| level(at) == Some(true)).count() as u64);
        // Stretches of edges without a gap between them.
        let mut stretches: Vec<Vec<u64>> = vec![Vec::new()];
        for at in all() {
            let before = at.checked_sub(1).and_then(level);
            if level(at).is_none() {
                stretches.push(Vec::new());
            } else if before.is_some() && before != level(at) {
                stretches.last_mut().expect("one").push(at);
            }
        }
        prop_assert_eq!(found.edges, stretches.iter().map(Vec::len).sum::<usize>() as u64);
        let (mut periods, mut periods_ns) = (0, 0);
        for edges in &stretches {
            for period in edges.windows(3).step_by(2) {
                periods += 1;
                periods_ns += period[2] - period[0];
            }
        }
        prop_assert_eq!((found.periods, found.periods_ns), (periods, periods_ns));
    }

    #[test]
    fn numbers_measure_as_their_list(numbers in prop::collection::vec(-1e6..1e6_f64, 1..9_000), cut in (0.0..1.0_f64, 0.0..1.0_f64)) {
        let mut writer = writer();
        let lane = writer.declare(&Lane::new("A0", LaneKind::Number)).expect("a lane");
        for (index, &number) in numbers.iter().enumerate() {
            writer.number(lane, index as u64 * 3, number).expect("in order");
            if index % 6_000 == 5_700 {
                writer.flush(0).expect("memory");
            }
        }
        let recording = open(writer, 0);
        let at = |share: f64| (numbers.len() as f64 * share) as usize;
        let (first, end) = (at(cut.0.min(cut.1)), at(cut.0.max(cut.1)));
        let part = &numbers[first..end];
        let found = recording.measure(lane, TimeRange::new(first as u64 * 3, end as u64 * 3));
        let Some(Measurement::Number(found)) = found else {
            prop_assert!(part.is_empty());
            return Ok(());
        };
        let count = part.len() as f64;
        let mean = part.iter().sum::<f64>() / count;
        let rms = (part.iter().map(|number| number * number).sum::<f64>() / count).sqrt();
        prop_assert_eq!(found.entries, part.len() as u64);
        prop_assert_eq!(found.min, part.iter().copied().fold(f64::INFINITY, f64::min));
        prop_assert_eq!(found.max, part.iter().copied().fold(f64::NEG_INFINITY, f64::max));
        prop_assert!((found.mean - mean).abs() < 1e-3 && (found.rms - rms).abs() < 1e-3);
    }
}

#[test]
fn a_square_wave_has_its_frequency_and_duty() {
    let mut writer = writer();
    writer.declare(&Lane::new("PWM", LaneKind::Digital)).expect("a lane");
    for period in 0..200_000_u64 {
        writer.level(PIN, period * 1_000, true).expect("in order");
        writer.level(PIN, period * 1_000 + 250, false).expect("in order");
    }
    let recording = open(writer, 200_000_000);
    let Some(Measurement::Digital(found)) = recording.measure(PIN, TimeRange::new(0, 200_000_000)) else {
        panic!("a digital lane")
    };
    assert_eq!((found.duty(), found.frequency_hz()), (Some(0.25), Some(1e6)));
    let delta = recording.delta(PIN, 900, 1_100);
    assert_eq!(
        (delta.ns, delta.frequency_hz, delta.number),
        (200, Some(5e6), Some(1.0))
    );
    assert_eq!(recording.delta(PIN, 1_100, 900).ns, -200);
}

/// A pin that is low, then high for 10, 20, 30, … ns with 100 ns between.
fn pulses() -> Recording {
    let mut writer = writer();
    writer.declare(&Lane::new("pin", LaneKind::Digital)).expect("a lane");
    writer.declare(&Lane::new("other", LaneKind::Digital)).expect("a lane");
    writer.level(PIN, 0, false).expect("in order");
    writer.level(LaneId(1), 0, true).expect("in order");
    for pulse in 1..10_u64 {
        writer.level(PIN, pulse * 100, true).expect("in order");
        writer.level(PIN, pulse * 110, false).expect("in order");
    }
    writer.level(LaneId(1), 450, false).expect("in order");
    open(writer, 2_000)
}

#[track_caller]
fn fires(recording: &Recording, condition: Condition, expected_ns: &[u64]) {
    let mut trigger = Trigger::new(condition, 50, 1);
    let mut from_ns = 0;
    let mut found = Vec::new();
    let all = TimeRange::new(0, u64::MAX);
    while let Some(shot) = recording
        .find(&mut trigger, TimeRange::new(from_ns, all.until_ns))
        .expect("intact")
    {
        assert_eq!(
            shot.range,
            TimeRange::new(shot.at_ns.saturating_sub(50), shot.at_ns + 1)
        );
        found.push(shot.at_ns);
        from_ns = shot.at_ns + 1;
        if found.len() == expected_ns.len() {
            break;
        }
    }
    assert_eq!(found, expected_ns);
}

#[test]
fn triggers_fire_where_their_condition_is_met() {
    let recording = pulses();
    let edge = |to_high| Condition::Edge { lane: PIN, to_high };
    fires(&recording, edge(Some(true)), &[100, 200, 300]);
    fires(&recording, edge(Some(false)), &[110, 220, 330]);
    fires(&recording, edge(None), &[100, 110, 200]);
    let width = |from, to| Condition::Pulse {
        lane: PIN,
        is_high: true,
        at_least_ns: from,
        at_most_ns: to,
    };
    fires(&recording, width(25, 35), &[330]);
    fires(&recording, width(90, 1_000), &[990]);
    // The other one is low from 450 on; the next pulse begins at 500.
    fires(
        &recording,
        Condition::Pattern(vec![(PIN, true), (LaneId(1), false)]),
        &[500],
    );
    fires(
        &recording,
        Condition::Level {
            lane: PIN,
            is_high: true,
        },
        &[100],
    );
}

#[test]
fn a_trigger_does_not_fire_again_within_its_shot() {
    let mut trigger = Trigger::new(
        Condition::Edge {
            lane: PIN,
            to_high: Some(true),
        },
        0,
        250,
    );
    let recording = pulses();
    let entries = recording
        .entries(PIN, TimeRange::new(0, 2_000))
        .map(|entry| entry.expect("intact"));
    let shots: Vec<u64> = entries
        .filter_map(|entry| trigger.feed(PIN, &entry))
        .map(|shot| shot.at_ns)
        .collect();
    assert_eq!(shots, [100, 400, 700]);
}

#[test]
fn a_threshold_fires_when_it_is_crossed() {
    let mut writer = writer();
    let lane = writer.declare(&Lane::new("heap", LaneKind::Number)).expect("a lane");
    for (index, number) in [9.0, 9.0, 1.0, 6.0, 7.0, 2.0, 8.0].into_iter().enumerate() {
        writer.number(lane, index as u64, number).expect("in order");
    }
    let recording = open(writer, 10);
    let mut trigger = Trigger::new(
        Condition::Threshold {
            lane,
            number: 5.0,
            is_above: true,
        },
        0,
        0,
    );
    let entries = recording
        .entries(lane, TimeRange::new(0, 10))
        .map(|entry| entry.expect("intact"));
    let shots: Vec<u64> = entries
        .filter_map(|entry| trigger.feed(lane, &entry))
        .map(|shot| shot.at_ns)
        .collect();
    assert_eq!(shots, [3, 6]);
}

#[test]
fn text_on_a_uart_fires_at_its_last_byte() {
    let mut writer = writer();
    writer.declare(&Lane::new("tx", LaneKind::Digital)).expect("a lane");
    let bit_ns = 1_000;
    writer.level(PIN, 0, true).expect("in order");
    let text = b"ready? PANIC: PANIC";
    for (index, &byte) in text.iter().enumerate() {
        let start_ns = (index as u64 + 1) * 11 * bit_ns;
        writer.level(PIN, start_ns, false).expect("in order");
        for bit in 0..8 {
            writer
                .level(PIN, start_ns + (bit + 1) * bit_ns, byte >> bit & 1 != 0)
                .expect("in order");
        }
        writer.level(PIN, start_ns + 9 * bit_ns, true).expect("in order");
    }
    // An edge behind it, by which the last stop bit is over.
    writer.level(PIN, 40 * 11 * bit_ns, false).expect("in order");
    let recording = open(writer, 1_000_000);
    let condition = Condition::UartText {
        uart: Uart::new(PIN, 1_000_000),
        text: b"PANIC".to_vec(),
    };
    // Byte 11 is the C of the first one; its frame has ten bits.
    fires(&recording, condition, &[12 * 11 * bit_ns + 10 * bit_ns]);
}

#[test]
fn a_uart_text_fires_though_no_edge_comes_after_it() {
    let mut writer = writer();
    writer.declare(&Lane::new("tx", LaneKind::Digital)).expect("a lane");
    let bit_ns = 1_000;
    writer.level(PIN, 0, true).expect("in order");
    let text = b"ready? PANIC";
    for (index, &byte) in text.iter().enumerate() {
        let start_ns = (index as u64 + 1) * 11 * bit_ns;
        writer.level(PIN, start_ns, false).expect("in order");
        for bit in 0..8 {
            writer
                .level(PIN, start_ns + (bit + 1) * bit_ns, byte >> bit & 1 != 0)
                .expect("in order");
        }
        writer.level(PIN, start_ns + 9 * bit_ns, true).expect("in order");
    }
    let recording = open(writer, 1_000_000);
    let condition = Condition::UartText {
        uart: Uart::new(PIN, 1_000_000),
        text: b"PANIC".to_vec(),
    };
    // Byte 11 is the C of the first one; its frame has ten bits.
    fires(&recording, condition, &[12 * 11 * bit_ns + 10 * bit_ns]);
}
