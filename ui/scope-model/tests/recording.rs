//! Recordings against a naive model that keeps every entry in a list.

use drydock_scope_model::{Entry, Lane, LaneId, LaneKind, OpenError, Recording, TimeRange, WriteError, Writer};
use proptest::prelude::*;
use std::io::Cursor;

/// What happens to a lane.
#[derive(Debug, Clone)]
enum Step {
    /// Changes of level after some time each, or numbers.
    Entries(Vec<(u32, i8)>),
    /// Samples with a period in ps.
    Samples(u32, Vec<i8>),
    Gap(u32, u32),
    Flush,
}

/// The naive model of one lane.
#[derive(Debug, Default)]
struct Naive {
    now_ns: u64,
    /// Instant, number, whether it has a known number before it.
    entries: Vec<(u64, f64, bool)>,
    gaps: Vec<TimeRange>,
    is_known: bool,
}

impl Naive {
    fn push(&mut self, at_ns: u64, number: f64, drops_repeats: bool) {
        self.now_ns = at_ns;
        let is_repeat = self.is_known && self.entries.last().is_some_and(|last| last.1 == number);
        if !(drops_repeats && is_repeat) {
            self.entries.push((at_ns, number, self.is_known));
            self.is_known = true;
        }
    }

    fn within(&self, range: TimeRange) -> impl Iterator<Item = &(u64, f64, bool)> {
        self.entries
            .iter()
            .filter(move |entry| entry.0 >= range.from_ns && entry.0 < range.until_ns)
    }

    fn before(&self, instant_ns: u64) -> Option<f64> {
        let last = self.entries.iter().rfind(|entry| entry.0 < instant_ns)?;
        let is_cut = |gap: &TimeRange| gap.from_ns < instant_ns && gap.until_ns > last.0;
        (!self.gaps.iter().any(is_cut)).then_some(last.1)
    }
}

fn step() -> impl Strategy<Value = Step> {
    let pairs = |size| prop::collection::vec((0..2_000_u32, any::<i8>()), size);
    prop_oneof![
        8 => pairs(1..12).prop_map(Step::Entries),
        1 => pairs(1..3_000).prop_map(Step::Entries),
        2 => (1..3_000_000_u32, prop::collection::vec(any::<i8>(), 1..500)).prop_map(|(period, all)| Step::Samples(period, all)),
        1 => (0..500_u32, 1..5_000_u32).prop_map(|(after, length)| Step::Gap(after, length)),
        4 => Just(Step::Flush),
    ]
}

/// Records the steps in one lane and returns the bytes and what must be in them.
fn record(kind: LaneKind, steps: &[Step]) -> (Vec<u8>, Naive) {
    let mut writer = Writer::new(Cursor::new(Vec::new())).expect("memory");
    let lane = writer.declare(&Lane::new("lane", kind)).expect("a lane");
    let mut naive = Naive::default();
    let is_digital = kind == LaneKind::Digital;
    for step in steps {
        match step {
            Step::Entries(entries) => {
                for &(after, number) in entries {
                    let at_ns = naive.now_ns + u64::from(after);
                    if is_digital {
                        writer.level(lane, at_ns, number & 1 != 0).expect("in order");
                        naive.push(at_ns, f64::from(number & 1), true);
                    } else {
                        writer.number(lane, at_ns, f64::from(number)).expect("in order");
                        naive.push(at_ns, f64::from(number), false);
                    }
                }
            }
            Step::Samples(..) if is_digital => {}
            Step::Samples(period_ps, all) => {
                // Far enough behind the run before that it begins one of its own.
                let start_ns = naive.now_ns + u64::from(*period_ps) / 100 + 10;
                let values: Vec<f32> = all.iter().map(|&value| f32::from(value)).collect();
                writer
                    .samples(lane, start_ns, u64::from(*period_ps), &values)
                    .expect("in order");
                for (index, value) in all.iter().enumerate() {
                    let at_ns = start_ns + u64::from(*period_ps) * index as u64 / 1_000;
                    naive.push(at_ns, f64::from(*value), false);
                }
            }
            Step::Gap(after, length) => {
                let from_ns = naive.now_ns + u64::from(*after);
                let gap = TimeRange::new(from_ns, from_ns + u64::from(*length));
                writer.gap(lane, gap, *length).expect("in order");
                naive.now_ns = gap.until_ns;
                naive.gaps.push(gap);
                naive.is_known = false;
            }
            Step::Flush => writer.flush(naive.now_ns).expect("memory"),
        }
    }
    let bytes = writer.finish(naive.now_ns + 1).expect("memory").into_inner();
    (bytes, naive)
}

fn check_columns(recording: &Recording, naive: &Naive, is_digital: bool, range: TimeRange, columns: usize) {
    check_near_columns(recording, naive, range, columns);
    let found = recording.columns_exact(LaneId(0), range, columns);
    assert_eq!(found.len(), columns);
    let mut at_ns = range.from_ns;
    for column in found {
        assert_eq!(column.range.from_ns, at_ns, "columns join");
        at_ns = column.range.until_ns;
        let mut numbers: Vec<f64> = naive.within(column.range).map(|entry| entry.1).collect();
        assert_eq!(column.entries, numbers.len() as u64);
        assert_eq!(
            column.edges,
            naive.within(column.range).filter(|entry| entry.2).count() as u64
        );
        assert_eq!(column.at_start, naive.before(column.range.from_ns), "{column:?}");
        numbers.extend(column.at_start.filter(|_| is_digital));
        let min_max = numbers
            .iter()
            .copied()
            .reduce(f64::min)
            .zip(numbers.iter().copied().reduce(f64::max));
        assert_eq!(column.min_max, min_max);
        let has_gap = naive.gaps.iter().any(|gap| gap.overlap(column.range).is_some());
        assert_eq!(
            column.has_gap,
            has_gap || column.range.until_ns > recording.recorded_until_ns()
        );
    }
    assert_eq!(at_ns, range.until_ns);
}

/// Borders may be up to a 64th of a column late; no entry is lost or counted twice.
fn check_near_columns(recording: &Recording, naive: &Naive, range: TimeRange, columns: usize) {
    let found = recording.columns(LaneId(0), range, columns);
    let near_ns = range.len_ns() / columns as u64 / 64;
    let count = |from_ns, until_ns| naive.within(TimeRange::new(from_ns, until_ns)).count() as u64;
    for column in &found {
        let TimeRange { from_ns, until_ns } = column.range;
        assert!(
            column.entries >= count((from_ns + near_ns).min(until_ns), until_ns),
            "{column:?}"
        );
        assert!(column.entries <= count(from_ns, until_ns + near_ns), "{column:?}");
    }
    let all: u64 = found.iter().map(|column| column.entries).sum();
    assert_eq!(all, count(range.from_ns, range.until_ns));
}

fn check_entries(recording: &Recording, naive: &Naive, range: TimeRange) {
    let mut entries = Vec::new();
    let mut gaps = Vec::new();
    let mut last_ns = 0;
    for entry in recording.entries(LaneId(0), range) {
        let entry = entry.expect("intact");
        assert!(entry.at_ns() >= last_ns, "in order");
        last_ns = entry.at_ns();
        match entry {
            Entry::Level { at_ns, is_high } => entries.push((at_ns, f64::from(u8::from(is_high)))),
            Entry::Number { at_ns, value } => entries.push((at_ns, value)),
            Entry::Text { .. } => panic!("no texts were recorded"),
            Entry::Gap { range, .. } => gaps.push(range),
        }
    }
    let expected: Vec<_> = naive.within(range).map(|entry| (entry.0, entry.1)).collect();
    assert_eq!(entries, expected);
    let expected: Vec<_> = naive
        .gaps
        .iter()
        .filter(|gap| gap.overlap(range).is_some())
        .copied()
        .collect();
    assert_eq!(gaps, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn columns_and_entries_are_those_of_a_list(
        is_digital in any::<bool>(),
        steps in prop::collection::vec(step(), 1..120),
        ranges in prop::collection::vec((0.0..1.1_f64, 0.0..1.1_f64, 1..40_usize), 1..8),
    ) {
        let kind = if is_digital { LaneKind::Digital } else { LaneKind::Number };
        let (bytes, naive) = record(kind, &steps);
        let recording = Recording::from_bytes(bytes).expect("a recording");
        prop_assert_eq!(recording.damage(), None);
        prop_assert_eq!(recording.verify(), Ok(()));
        prop_assert_eq!(recording.count(LaneId(0)), naive.entries.len() as u64);
        let share = |part: f64| ((naive.now_ns + 1) as f64 * part) as u64;
        for (one, other, columns) in ranges {
            let range = TimeRange::new(share(one.min(other)), share(one.max(other)));
            check_columns(&recording, &naive, is_digital, range, columns);
            check_entries(&recording, &naive, range);
        }
        check_columns(&recording, &naive, is_digital, TimeRange::new(0, share(1.0)), 1);
    }

    /// A process that is killed leaves the front part of a file. What was flushed before is there, and the end is named.
    #[test]
    fn a_recording_that_was_cut_off_opens_up_to_there(steps in prop::collection::vec(step(), 1..60), cut in 0.0..1.0_f64) {
        let (bytes, naive) = record(LaneKind::Number, &steps);
        let cut = 128 + ((bytes.len() - 128) as f64 * cut) as usize;
        let recording = Recording::from_bytes(bytes[..cut].to_vec()).expect("a recording");
        if let Some(damage) = recording.damage() {
            prop_assert!(damage.at_byte <= cut as u64);
            prop_assert_eq!(damage.of_bytes, cut as u64);
        }
        let end = TimeRange::new(0, u64::MAX);
        let mut expected = naive.entries.iter();
        for entry in recording.entries(LaneId(0), end) {
            if let Entry::Number { at_ns, value } = entry.expect("intact") {
                let next = expected.next().expect("no more than were recorded");
                prop_assert_eq!((at_ns, value), (next.0, next.1));
            }
        }
    }

    /// A changed byte is noticed, by the checksums or because the file is refused.
    #[test]
    fn a_changed_byte_is_noticed(steps in prop::collection::vec(step(), 1..40), at in 0.0..1.0_f64, change in 1..=255_u8) {
        let (mut bytes, _) = record(LaneKind::Digital, &steps);
        let at = (bytes.len() as f64 * at) as usize;
        bytes[at] ^= change;
        // The header's unused bytes and its slots are no entries: a slot that is wrong costs time only.
        prop_assume!(!(12..128).contains(&at));
        match Recording::from_bytes(bytes) {
            Err(OpenError::Foreign | OpenError::Newer(_)) => prop_assert!(at < 12),
            Err(OpenError::Io(error)) => panic!("{error}"),
            Ok(recording) => prop_assert!(recording.verify().is_err()),
        }
    }
}

#[test]
fn a_large_lane_reads_as_its_list() {
    let steps: Vec<Step> = (0..40)
        .map(|round| {
            Step::Entries(
                (0..5_000)
                    .map(|index| (index * 7 % 13 + round, (index * 31 % 127) as i8))
                    .collect(),
            )
        })
        .collect();
    for kind in [LaneKind::Digital, LaneKind::Number] {
        let (bytes, naive) = record(kind, &steps);
        let recording = Recording::from_bytes(bytes).expect("a recording");
        assert!(naive.entries.len() > 70_000, "more than one block");
        let is_digital = kind == LaneKind::Digital;
        for columns in [1, 7, 300] {
            check_columns(
                &recording,
                &naive,
                is_digital,
                TimeRange::new(3, naive.now_ns - 5),
                columns,
            );
        }
    }
}

#[test]
fn a_run_goes_on_over_calls_and_blocks_without_drift() {
    let mut writer = Writer::new(Cursor::new(Vec::new())).expect("memory");
    let lane = writer.declare(&Lane::new("adc", LaneKind::Number)).expect("a lane");
    // 44.1 kHz: no whole number of nanoseconds.
    let period_ps = 22_675_737;
    let samples: Vec<f32> = (0..1_000).map(|index| index as f32).collect();
    for call in 0..200_u64 {
        // The source is not quite in time; what it says is within a period.
        let start_ns = call * 1_000 * period_ps / 1_000 + call * 37 % 11 * 1_000;
        writer.samples(lane, start_ns, period_ps, &samples).expect("in order");
        if call % 30 == 0 {
            writer.flush(start_ns).expect("memory");
        }
    }
    let bytes = writer.finish(0).expect("memory").into_inner();
    let recording = Recording::from_bytes(bytes).expect("a recording");
    let mut count = 0;
    for entry in recording.entries(lane, TimeRange::new(0, u64::MAX)) {
        let Ok(Entry::Number { at_ns, value }) = entry else {
            panic!("{entry:?}")
        };
        let exact = count * period_ps / 1_000;
        assert!(at_ns.abs_diff(exact) <= 1, "{count}: {at_ns} is not {exact}");
        assert_eq!(value, (count % 1_000) as f64);
        count += 1;
    }
    assert_eq!(count, 200_000);
}

#[test]
fn texts_come_back_with_their_times() {
    let mut writer = Writer::new(Cursor::new(Vec::new())).expect("memory");
    let lane = writer.declare(&Lane::new("log", LaneKind::Text)).expect("a lane");
    let text = |index: u64| vec![index as u8; (index * 37 % 3_000) as usize];
    for index in 0..2_000 {
        writer.text(lane, index * 5, &text(index)).expect("in order");
    }
    let bytes = writer.finish(20_000).expect("memory").into_inner();
    let recording = Recording::from_bytes(bytes).expect("a recording");
    let entries: Vec<_> = recording
        .entries(lane, TimeRange::new(500, 5_000))
        .map(|entry| match entry {
            Ok(Entry::Text { at_ns, bytes }) => (at_ns, bytes.to_vec()),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected: Vec<_> = (100..1_000).map(|index| (index * 5, text(index))).collect();
    assert_eq!(entries, expected);
    let columns = recording.columns(lane, TimeRange::new(0, 10_000), 10);
    assert!(
        columns
            .iter()
            .all(|column| column.entries == 200 && column.min_max.is_none())
    );
}

#[test]
fn what_does_not_fit_is_refused_and_the_rest_goes_on() {
    let mut writer = Writer::new(Cursor::new(Vec::new())).expect("memory");
    let pin = writer.declare(&Lane::new("D13", LaneKind::Digital)).expect("a lane");
    assert!(matches!(writer.number(pin, 0, 1.0), Err(WriteError::WrongLane(_))));
    assert!(matches!(
        writer.level(LaneId(7), 0, true),
        Err(WriteError::WrongLane(_))
    ));
    writer.level(pin, 100, true).expect("in order");
    assert!(matches!(
        writer.level(pin, 99, false),
        Err(WriteError::OutOfOrder { .. })
    ));
    assert!(matches!(
        writer.level(pin, u64::MAX, false),
        Err(WriteError::WrongTime(_))
    ));
    assert!(matches!(
        writer.declare(&Lane::new("x".repeat(257), LaneKind::Text)),
        Err(WriteError::TooLarge)
    ));
    writer.level(pin, 100, false).expect("in order");
    let bytes = writer.finish(200).expect("memory").into_inner();
    let recording = Recording::from_bytes(bytes).expect("a recording");
    assert_eq!(recording.count(pin), 2);
    assert_eq!(recording.lane(pin), Some(&Lane::new("D13", LaneKind::Digital)));
}

#[test]
fn files_of_other_kinds_and_versions_are_refused() {
    let (mut bytes, _) = record(LaneKind::Digital, &[Step::Flush]);
    assert!(matches!(Recording::from_bytes(Vec::new()), Err(OpenError::Foreign)));
    assert!(matches!(
        Recording::from_bytes(vec![0x7f; 4_096]),
        Err(OpenError::Foreign)
    ));
    bytes[8] = 2;
    assert!(matches!(Recording::from_bytes(bytes), Err(OpenError::Newer(2))));
}

#[test]
fn damage_behind_the_last_index_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("killed.drec");
    let mut writer = Writer::new(std::fs::File::create(&path).expect("a file")).expect("written");
    let pin = writer.declare(&Lane::new("D13", LaneKind::Digital)).expect("a lane");
    writer.level(pin, 0, true).expect("in order");
    writer.flush(5).expect("written");
    let at = writer.bytes();
    writer.level(pin, 10, false).expect("in order");
    writer.flush(15).expect("written");
    drop(writer);
    let mut bytes = std::fs::read(&path).expect("readable");
    // In the entry, behind the block's header.
    bytes[at as usize + 64] ^= 2;
    let length = bytes.len() as u64;
    let recording = Recording::from_bytes(bytes).expect("a recording");
    let damage = recording.damage().expect("damage");
    assert_eq!((damage.at_byte, damage.of_bytes), (at, length));
    assert_eq!((recording.count(pin), recording.recorded_until_ns()), (1, 5));
}

#[test]
fn entries_of_a_damaged_block_are_left_out_and_named() {
    let mut writer = Writer::new(Cursor::new(Vec::new())).expect("memory");
    let lane = writer.declare(&Lane::new("adc", LaneKind::Number)).expect("a lane");
    for block in 0..3_u64 {
        for at_ns in [block * 10, block * 10 + 1] {
            writer.number(lane, at_ns, 1_234.5 + at_ns as f64).expect("in order");
        }
        writer.flush(block * 10 + 1).expect("memory");
    }
    let mut bytes = writer.finish(30).expect("memory").into_inner();
    // A value of the second block, which is a number before and after.
    let value = (1_234.5_f64 + 10.0).to_le_bytes();
    let at = bytes.windows(8).position(|window| window == value).expect("the value");
    bytes[at] ^= 1;
    let recording = Recording::from_bytes(bytes).expect("a recording");
    assert_eq!(recording.damage(), None, "the index names all blocks");
    let (mut numbers, mut damaged) = (Vec::new(), Vec::new());
    for entry in recording.entries(lane, TimeRange::new(0, u64::MAX)) {
        match entry {
            Ok(Entry::Number { at_ns, .. }) => numbers.push(at_ns),
            Err(error) => damaged.push((error.range, error.damage.at_byte < at as u64)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(numbers, [0, 1, 20, 21]);
    assert_eq!(damaged, [(TimeRange::new(10, 12), true)]);
}

#[test]
fn a_reader_follows_a_file_that_is_still_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("live.drec");
    let mut writer = Writer::new(std::fs::File::create(&path).expect("a file")).expect("written");
    let pin = writer.declare(&Lane::new("D13", LaneKind::Digital)).expect("a lane");
    let mut recording = Recording::open(&path).expect("a recording");
    assert_eq!(recording.lanes().len(), 1);
    for round in 0..600_u64 {
        writer.level(pin, round * 10, round % 2 == 0).expect("in order");
        assert!(!recording.refresh().expect("readable"), "nothing before the flush");
        writer.flush(round * 10 + 5).expect("written");
        assert!(recording.refresh().expect("readable"));
        assert_eq!(recording.count(pin), round + 1);
        assert_eq!(recording.recorded_until_ns(), round * 10 + 5);
    }
    // Killed here: the file has no last index, but several before.
    drop(writer);
    let again = Recording::open(&path).expect("a recording");
    assert_eq!((again.count(pin), again.damage()), (600, None));
    assert_eq!(
        again.columns(pin, TimeRange::new(0, 6_000), 60),
        recording.columns(pin, TimeRange::new(0, 6_000), 60)
    );
}
