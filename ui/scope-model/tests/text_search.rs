//! Texts are found in lines and in streams, whatever their case and wherever entries are cut.

use drydock_scope_model::{Entry, Lane, LaneId, LaneKind, TextMatch, TextSearch, TimeRange};
use proptest::prelude::*;

const LANE: LaneId = LaneId(3);

/// What is found in texts at 0, 10, 20, … ns.
fn found(lane: &str, text: &str, entries: &[&[u8]]) -> Vec<TextMatch> {
    let lane = Lane::new(lane, LaneKind::Text);
    let mut search = TextSearch::new(text);
    let mut out = Vec::new();
    for (at_ns, bytes) in (0..).step_by(10).zip(entries) {
        search.feed(LANE, &lane, &Entry::Text { at_ns, bytes }, &mut out);
    }
    out
}

#[track_caller]
fn check(lane: &str, text: &str, entries: &[&[u8]], expected: &[(u64, &[u8])]) {
    let found = found(lane, text, entries);
    let found: Vec<(u64, &[u8])> = found.iter().map(|it| (it.at_ns, it.bytes.as_slice())).collect();
    assert_eq!(found, expected, "{lane} {text}");
}

#[test]
fn lines_are_found_whatever_their_case_and_never_across_two() {
    let lines: [&[u8]; 4] = [b"ready", b"PANIC at 3", b"a pan", b"ic: Panic, panic"];
    let expected: [(u64, &[u8]); 2] = [(10, b"PANIC at 3"), (30, b"ic: Panic, panic")];
    check("Desk/console", "panic", &lines, &expected);
    check("Desk/console", "pAnIc", &lines, &expected);
    check("Desk/console", "", &lines, &[]);
    check(
        "Desk/console",
        "\u{e4}rger \u{df}",
        &["\u{c4}RGER \u{df}".as_bytes()],
        &[(0, "\u{c4}RGER \u{df}".as_bytes())],
    );
    // A text that is not UTF-8 is searched as it is.
    check("Desk/console", "ok", &[b"\xff\xfeOK\x80"], &[(0, b"\xff\xfeOK\x80")]);
    check("Desk/console", "aab", &[b"aaab"], &[(0, b"aaab")]);
}

#[test]
fn a_stream_is_found_across_its_entries() {
    let pieces: [&[u8]; 5] = [b"..PA", b"N", b"IC! ok ", b"panic panic", b" pan"];
    let expected: [(u64, &[u8]); 2] = [(0, b"..PANIC! ok "), (30, b"panic panic")];
    check("Desk/uart0.tx", "panic", &pieces, &expected);
    check("Desk/uart0.rx", "ok p", &pieces, &[(20, b"IC! ok panic panic")]);
    // The same in a lane of lines is nothing.
    check("Desk/i2c P0.26 P0.27", "nic", &pieces[..3], &[]);
}

#[test]
fn nothing_is_found_across_a_gap() {
    let lane = Lane::new("Desk/uart0.tx", LaneKind::Text);
    let mut search = TextSearch::new("panic");
    let mut out = Vec::new();
    let text = |at_ns, bytes| Entry::Text { at_ns, bytes };
    let gap = Entry::Gap {
        range: TimeRange::new(5, 10),
        lost: 0,
    };
    for entry in [text(0, b"pan".as_slice()), gap, text(10, b"ic pan"), text(20, b"ic")] {
        search.feed(LANE, &lane, &entry, &mut out);
    }
    let expected = [TextMatch {
        lane: LANE,
        at_ns: 10,
        bytes: b"ic panic".to_vec(),
    }];
    assert_eq!(out, expected);
}

proptest! {
    /// However a stream is cut, each entry in which the text begins is found once.
    #[test]
    fn any_cut_of_a_stream_finds_the_same(
        pieces in prop::collection::vec("[abAB]{0,5}", 1..20),
        text in "[ab]{1,7}",
    ) {
        let bytes: Vec<&[u8]> = pieces.iter().map(String::as_bytes).collect();
        let all = pieces.concat().to_lowercase();
        let mut first = 0;
        let mut expected = Vec::new();
        for (at_ns, piece) in (0_u64..).step_by(10).zip(&pieces) {
            let begins = |place: usize| all[place..].starts_with(&text);
            if (first..first + piece.len()).any(begins) {
                expected.push(at_ns);
            }
            first += piece.len();
        }
        let found: Vec<u64> = found("Desk/uart0.tx", &text, &bytes).iter().map(|it| it.at_ns).collect();
        prop_assert_eq!(found, expected);
    }
}
