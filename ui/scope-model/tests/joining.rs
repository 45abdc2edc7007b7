//! Joining parts of recordings, against lists.

use drydock_scope_model::{Entry, Joined, Lane, LaneId, LaneKind, Part, Recording, TimeRange, Writer, join};
use proptest::prelude::*;
use std::io::Cursor;

const ALL: TimeRange = TimeRange {
    from_ns: 0,
    until_ns: u64::MAX,
};
const KINDS: [LaneKind; 3] = [LaneKind::Digital, LaneKind::Number, LaneKind::Text];

/// An entry, or a gap, with its time.
#[derive(Debug, Clone, PartialEq)]
enum Is {
    Number(u64, f64),
    Text(u64, Vec<u8>),
    Gap(u64, u64),
}

/// A part: steps of each lane, and how it stands to the part before.
#[derive(Debug, Clone)]
struct Case {
    /// Time after the entry before, value; a length makes it a gap.
    lanes: [Vec<(u16, u8, Option<u16>)>; 3],
    /// How much of its begin is left out, in 256ths.
    without: u8,
    begins_after: u16,
    continues: bool,
}

fn case() -> impl Strategy<Value = Case> {
    let lane = || {
        let length = prop_oneof![6 => Just(None), 1 => (1..2_000_u16).prop_map(Some)];
        prop::collection::vec((0..500_u16, 0..4_u8, length), 0..30)
    };
    let without = prop_oneof![Just(0), any::<u8>()];
    (lane(), lane(), lane(), without, 0..9_000_u16, any::<bool>()).prop_map(
        |(levels, numbers, texts, without, begins_after, continues)| Case {
            lanes: [levels, numbers, texts],
            without,
            begins_after,
            continues,
        },
    )
}

fn recording(case: &Case) -> Recording {
    let mut writer = Writer::new(Cursor::new(Vec::new())).expect("memory");
    for (kind, steps) in KINDS.iter().zip(&case.lanes) {
        let lane = writer.declare(&Lane::new(format!("{kind:?}"), *kind)).expect("a lane");
        let mut at_ns = 0;
        for (after, value, gap) in steps {
            at_ns += u64::from(*after);
            match (gap, kind) {
                (Some(length), _) => {
                    let range = TimeRange::new(at_ns, at_ns + u64::from(*length));
                    writer.gap(lane, range, 0).expect("in order");
                    at_ns = range.until_ns;
                }
                (None, LaneKind::Digital) => writer.level(lane, at_ns, value & 1 != 0).expect("in order"),
                (None, LaneKind::Number) => writer.number(lane, at_ns, f64::from(*value)).expect("in order"),
                (None, LaneKind::Text) => writer.text(lane, at_ns, &[*value]).expect("in order"),
            }
        }
    }
    let bytes = writer.finish(0).expect("memory").into_inner();
    Recording::from_bytes(bytes).expect("a recording")
}

fn list(recording: &Recording, lane: LaneId) -> Vec<Is> {
    let entries = recording.entries(lane, ALL).map(|entry| match entry.expect("intact") {
        Entry::Level { at_ns, is_high } => Is::Number(at_ns, f64::from(u8::from(is_high))),
        Entry::Number { at_ns, value } => Is::Number(at_ns, value),
        Entry::Text { at_ns, bytes } => Is::Text(at_ns, bytes.to_vec()),
        Entry::Gap { range, .. } => Is::Gap(range.from_ns, range.until_ns),
    });
    entries.collect()
}

fn last_ns(recording: &Recording) -> u64 {
    recording
        .lanes()
        .map(|(id, _)| recording.last_ns(id))
        .max()
        .unwrap_or(0)
}

/// A gap comes to a list. One that begins where the one before ends only makes it longer for who reads it.
fn add(list: &mut Vec<Is>, level: &mut Option<f64>, is_digital: bool, one: Is) {
    match one {
        Is::Gap(from_ns, until_ns) if from_ns >= until_ns => return,
        Is::Gap(..) => *level = None,
        Is::Number(_, value) if is_digital && *level == Some(value) => return,
        Is::Number(_, value) => *level = Some(value),
        Is::Text(..) => {}
    }
    list.push(one);
}

/// What the joined recording must have of one lane.
fn expected(parts: &[(Recording, Case)], lane: usize) -> Vec<Is> {
    let (mut all, mut level, mut end_ns) = (Vec::new(), None, 0_u64);
    let is_digital = KINDS[lane] == LaneKind::Digital;
    let mut given_ns = 0;
    let mut lane_ns = 0;
    for (number, (recording, case)) in parts.iter().enumerate() {
        let from_ns = last_ns(recording) * u64::from(case.without) / 256;
        given_ns += u64::from(case.begins_after);
        let has_gap = number > 0 && !case.continues;
        let begins_ns = given_ns.max(end_ns + u64::from(has_gap));
        if has_gap {
            add(
                &mut all,
                &mut level,
                is_digital,
                Is::Gap(end_ns.max(lane_ns), begins_ns),
            );
            lane_ns = lane_ns.max(begins_ns);
        }
        let place = |at_ns: u64| begins_ns + at_ns.max(from_ns) - from_ns;
        let mut held = None;
        let mut is_begun = false;
        let mut ends = vec![begins_ns];
        for one in list(recording, LaneId(lane as u32)) {
            let at_ns = match &one {
                Is::Number(at, _) | Is::Text(at, _) => *at,
                Is::Gap(_, until) => until.saturating_sub(1),
            };
            if at_ns < from_ns {
                held = match one {
                    Is::Number(_, value) => Some(value),
                    _ => None,
                };
                continue;
            }
            // A gap in which the range begins ends what held before.
            let cuts = matches!(&one, Is::Gap(from, _) if *from < from_ns);
            if !std::mem::replace(&mut is_begun, true) && is_digital && !cuts {
                let first = held.map(|value| Is::Number(begins_ns, value));
                lane_ns = first.iter().fold(lane_ns, |_, _| begins_ns);
                first
                    .into_iter()
                    .for_each(|one| add(&mut all, &mut level, is_digital, one));
            }
            let moved = match one {
                Is::Number(at, value) => Is::Number(place(at), value),
                Is::Text(at, text) => Is::Text(place(at), text),
                Is::Gap(from, until) => Is::Gap(place(from).max(lane_ns), place(until)),
            };
            lane_ns = match &moved {
                Is::Number(at, _) | Is::Text(at, _) => *at,
                Is::Gap(_, until) => *until,
            };
            ends.push(lane_ns);
            add(&mut all, &mut level, is_digital, moved);
        }
        if !is_begun
            && is_digital
            && let Some(value) = held
        {
            lane_ns = begins_ns;
            add(&mut all, &mut level, is_digital, Is::Number(begins_ns, value));
        }
        end_ns = begins_ns + last_ns(recording).saturating_sub(from_ns);
    }
    all
}

fn joined(parts: &[(Recording, Case)]) -> (Recording, Joined) {
    let mut begins_ns = 0;
    let parts: Vec<Part<'_>> = parts
        .iter()
        .map(|(recording, case)| {
            begins_ns += u64::from(case.begins_after);
            let lanes = recording.lanes().map(|(id, lane)| (id, format!("desk/{}", lane.name)));
            Part {
                recording,
                lanes: lanes.collect(),
                range: TimeRange::new(last_ns(recording) * u64::from(case.without) / 256, u64::MAX),
                begins_ns,
                continues: case.continues,
            }
        })
        .collect();
    let mut writer = Writer::new(Cursor::new(Vec::new())).expect("memory");
    let joined = join(&parts, &mut writer).expect("in order");
    let bytes = writer.finish(joined.until_ns).expect("memory").into_inner();
    (Recording::from_bytes(bytes).expect("a recording"), joined)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_joined_recording_has_the_entries_of_its_parts_in_order(cases in prop::collection::vec(case(), 1..6)) {
        let parts: Vec<(Recording, Case)> = cases.iter().map(|case| (recording(case), case.clone())).collect();
        let (found, said) = joined(&parts);
        prop_assert_eq!(found.damage(), None);
        prop_assert_eq!(found.verify(), Ok(()));
        prop_assert_eq!(&said.damage, &[]);
        for (lane, kind) in KINDS.iter().enumerate() {
            let id = found.lane_named(&format!("desk/{kind:?}")).expect("the lane");
            prop_assert_eq!(list(&found, id), expected(&parts, lane), "{:?}", kind);
        }
    }

    /// What was known before a part that does not continue the one before is not known at its begin.
    #[test]
    fn nothing_is_carried_over_a_gap(cases in prop::collection::vec(case(), 2..6)) {
        let parts: Vec<(Recording, Case)> = cases.iter().map(|case| (recording(case), case.clone())).collect();
        let (found, _) = joined(&parts);
        let (mut given_ns, mut end_ns, mut begins) = (0, 0_u64, Vec::new());
        for (number, (recording, case)) in parts.iter().enumerate() {
            given_ns += u64::from(case.begins_after);
            let has_gap = number > 0 && !case.continues;
            let begins_ns = given_ns.max(end_ns + u64::from(has_gap));
            begins.extend(has_gap.then_some(begins_ns));
            let last_ns = last_ns(recording);
            end_ns = begins_ns + last_ns - last_ns * u64::from(case.without) / 256;
        }
        for kind in [LaneKind::Digital, LaneKind::Number] {
            let id = found.lane_named(&format!("desk/{kind:?}")).expect("the lane");
            for begins_ns in &begins {
                prop_assert_eq!(found.number_at(id, *begins_ns), None);
            }
            for one in list(&found, id) {
                if let Is::Gap(from_ns, until_ns) = one {
                    prop_assert_eq!(found.number_at(id, from_ns + 1), None);
                    prop_assert_eq!(found.number_at(id, until_ns), None);
                }
            }
        }
    }
}

#[test]
fn a_damaged_block_becomes_a_gap_and_is_named() {
    let mut writer = Writer::new(Cursor::new(Vec::new())).expect("memory");
    let lane = writer.declare(&Lane::new("adc", LaneKind::Number)).expect("a lane");
    for block in 0..3_u64 {
        for at_ns in [block * 10, block * 10 + 1] {
            writer.number(lane, at_ns, 1_234.5 + at_ns as f64).expect("in order");
        }
        writer.flush(block * 10 + 1).expect("memory");
    }
    let mut bytes = writer.finish(30).expect("memory").into_inner();
    let value = (1_234.5_f64 + 10.0).to_le_bytes();
    let at = bytes.windows(8).position(|window| window == value).expect("the value");
    bytes[at] ^= 1;
    let damaged = Recording::from_bytes(bytes).expect("a recording");
    let part = Part {
        recording: &damaged,
        lanes: vec![(lane, "desk/adc".to_owned())],
        range: ALL,
        begins_ns: 100,
        continues: false,
    };
    let mut writer = Writer::new(Cursor::new(Vec::new())).expect("memory");
    let said = join(&[part], &mut writer).expect("in order");
    assert_eq!((said.entries, said.until_ns, said.damage.len()), (4, 121, 1));
    let bytes = writer.finish(said.until_ns).expect("memory").into_inner();
    let found = Recording::from_bytes(bytes).expect("a recording");
    let gaps: Vec<Is> = list(&found, lane)
        .into_iter()
        .filter(|one| matches!(one, Is::Gap(..)))
        .collect();
    assert_eq!(gaps, [Is::Gap(110, 112)]);
}

#[test]
fn a_lane_that_became_another_kind_is_left_out() {
    let one = |kind: LaneKind| {
        let mut writer = Writer::new(Cursor::new(Vec::new())).expect("memory");
        let lane = writer.declare(&Lane::new("x", kind)).expect("a lane");
        match kind {
            LaneKind::Text => writer.text(lane, 5, b"text").expect("in order"),
            _ => writer.number(lane, 5, 1.0).expect("in order"),
        }
        Recording::from_bytes(writer.finish(9).expect("memory").into_inner()).expect("a recording")
    };
    let (number, text) = (one(LaneKind::Number), one(LaneKind::Text));
    let part = |recording| Part {
        recording,
        lanes: vec![(LaneId(0), "x".to_owned())],
        range: ALL,
        begins_ns: 0,
        continues: true,
    };
    let mut writer = Writer::new(Cursor::new(Vec::new())).expect("memory");
    let said = join(&[part(&number), part(&text)], &mut writer).expect("in order");
    assert_eq!(said.entries, 1);
}
