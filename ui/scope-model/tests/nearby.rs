//! What is next to an instant, compared with a search through lists in memory.

use drydock_scope_model::{Lane, LaneId, LaneKind, Recording, TimeRange, Writer};
use proptest::prelude::*;
use std::io::Cursor;

/// Records numbers at these distances, a text beside each, and a gap of `gap_ns` after every 50th.
fn record(distances: &[u16], gap_ns: u64) -> (Recording, Vec<u64>, Vec<TimeRange>) {
    let mut writer = Writer::new(Cursor::new(Vec::new())).expect("memory");
    let numbers = writer.declare(&Lane::new("n", LaneKind::Number)).expect("a lane");
    let texts = writer.declare(&Lane::new("t", LaneKind::Text)).expect("a lane");
    let (mut now_ns, mut instants, mut gaps) = (0, Vec::new(), Vec::new());
    for (index, distance) in distances.iter().enumerate() {
        now_ns += u64::from(*distance);
        writer.number(numbers, now_ns, index as f64).expect("in order");
        writer
            .text(texts, now_ns, index.to_string().as_bytes())
            .expect("in order");
        instants.push(now_ns);
        if index % 50 == 49 {
            let gap = TimeRange::new(now_ns + 1, now_ns + 1 + gap_ns);
            writer.gap(numbers, gap, 7).expect("in order");
            now_ns = gap.until_ns;
            gaps.push(gap);
        }
        if index % 120 == 0 {
            writer.flush(now_ns).expect("memory");
        }
    }
    let bytes = writer.finish(now_ns).expect("memory").into_inner();
    (Recording::from_bytes(bytes).expect("a recording"), instants, gaps)
}

proptest! {
    #[test]
    fn neighbours_are_those_of_a_list(
        distances in prop::collection::vec(0..300_u16, 1..400),
        gap_ns in 1..1_000_u64,
        near in (any::<prop::sample::Index>(), 0..3_u64),
        length_ns in 0..20_000_u64,
    ) {
        let (recording, instants, gaps) = record(&distances, gap_ns);
        let (numbers, texts) = (LaneId(0), LaneId(1));
        // At an entry, or just beside it.
        let at_ns = (near.0.get(&instants) + near.1).saturating_sub(1);
        prop_assert_eq!(recording.instant_before(numbers, at_ns), instants.iter().copied().rfind(|it| *it < at_ns));
        prop_assert_eq!(recording.instant_after(numbers, at_ns), instants.iter().copied().find(|it| *it > at_ns));
        let newest = instants.iter().rposition(|it| *it <= at_ns);
        let text = recording.text_at(texts, at_ns).map(|(at_ns, text)| (at_ns, text.to_vec()));
        prop_assert_eq!(text, newest.map(|index| (instants[index], index.to_string().into_bytes())));
        let range = TimeRange::new(at_ns, at_ns + length_ns);
        let within = instants.iter().filter(|it| (range.from_ns..range.until_ns).contains(*it)).count();
        prop_assert_eq!(recording.count_in(numbers, range), within as u64);
        let touching: Vec<(TimeRange, u32)> = gaps
            .iter()
            .filter(|gap| gap.until_ns > range.from_ns && gap.from_ns < range.until_ns)
            .map(|gap| (*gap, 7))
            .collect();
        prop_assert_eq!(recording.gaps(numbers, range).collect::<Vec<_>>(), touching);
    }
}

#[test]
fn a_lane_that_is_not_there_has_no_neighbours() {
    let (recording, _, _) = record(&[1], 1);
    let nowhere = LaneId(9);
    assert_eq!(recording.instant_before(nowhere, 5), None);
    assert_eq!(recording.instant_after(nowhere, u64::MAX), None);
    assert_eq!(recording.text_at(nowhere, 5), None);
    assert_eq!(recording.gaps(nowhere, TimeRange::new(0, 9)).count(), 0);
    // Numbers are no texts.
    assert_eq!(recording.text_at(LaneId(0), 5), Some((1, &[][..])));
}
