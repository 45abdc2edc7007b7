//! Frames as programs send them, damaged ones, and files that are of no use.

mod elf;

use drydock_defmt::{Decoded, Decoder, Encoding, NotUsable, Program};
use elf::Elf;
use proptest::prelude::*;
use std::sync::Arc;

fn program(encoding: &str) -> Arc<Program> {
    Arc::new(Program::read(&Elf::of_all_sorts(encoding).bytes()).expect("the tables"))
}

/// A frame before its encoding: the statement, a time stamp of 1.5 ms, and the arguments.
fn frame(statement: u16, arguments: &[u8]) -> Vec<u8> {
    let mut frame = statement.to_le_bytes().to_vec();
    frame.extend(1500_u32.to_le_bytes());
    frame.extend(arguments);
    frame
}

fn packed(frame: &[u8]) -> Vec<u8> {
    let mut bytes = rzcobs::encode(frame);
    bytes.push(0);
    bytes
}

fn shown(decoded: &[Decoded]) -> Vec<String> {
    decoded.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn check(statement: u16, arguments: &[u8], expected: &str) {
    let frame = frame(statement, arguments);
    for (encoding, bytes) in [("rzcobs", packed(&frame)), ("raw", frame)] {
        let mut decoder = Decoder::new(program(encoding));
        assert_eq!(shown(&decoder.take(&bytes)), [expected], "{encoding}");
        assert_eq!(decoder.lost(), 0);
    }
}

#[test]
fn values_are_shown_as_their_hints_say() {
    check(2, &[], "0.001500 INFO  hello");
    let plain = [&[7, 0x34, 0x12, 0xff, 0xfe, 0xff, 1][..], &0x1f49c_u32.to_le_bytes()].concat();
    check(3, &plain, "0.001500 WARN  7 of 0x1234, ff -002 true \u{1f49c}");
    check(
        22,
        &[&1.5_f32.to_le_bytes()[..], &(-1e20_f64).to_le_bytes()].concat(),
        "0.001500 INFO  1.5 -1e20",
    );
    let texts = [&[3, 0, 0, 0][..], b"a\"b", &[5, 0], &[2, 0, 0, 0, 9, 0xab], b"\n'"].concat();
    check(
        4,
        &texts,
        "0.001500 ERROR \"a\\\"b\" interned | {text} [09, ab] b\"\\n'\"",
    );
    check(20, &[3, 0, 0, 0, 0x82, 1, 2], "0.001500 INFO  [1, 2]");
    let times = [&90_061_000_001_u64.to_le_bytes()[..], &1234_u32.to_le_bytes()].concat();
    check(15, &times, "0.001500 INFO  1:01:01:01.000001 1.234");
    check(
        21,
        &1_618_910_624_804_u64.to_le_bytes(),
        "0.001500 INFO  2021-04-20T09:23:44.804Z",
    );
    // A date that no calendar has is a number.
    check(21, &[0xff; 8], "0.001500 INFO  18446744073709551615");
}

#[test]
fn values_are_in_others() {
    let fields = [
        &0b0000_1010_0000_0101_u16.to_le_bytes()[..],
        &[7, 0, 1, 0xff, 0xff, 0xff, 0xff, 8, 0, 17],
    ]
    .concat();
    check(6, &fields, "0.001500 DEBUG 101 5 Point { x: 0xffffffff, y: 0x11 }");
    let lists = [&[2, 0, 0, 0, 7, 0, 0, 1, 5, 0, 0, 0, 8, 0, 1][..], &[8, 0], b"ok"].concat();
    check(9, &lists, "0.001500 [Empty, Point { x: 5, y: 1 }] b\"ok\"");
    check(
        10,
        &[11, 0, 12, 0, 8, 0, 3, 12, 0, 13, 0, b'x', 0xff, 0, 0],
        "0.001500 TRACE part 3 part x ",
    );
    check(24, &[0b0000_1010], "0.001500 INFO  101");
    check(10, &[25, 0, 255], "0.001500 TRACE V255");
    check(10, &[26, 0, 0, 1], "0.001500 TRACE V256");
    check(10, &[14, 0, 3], "0.001500 TRACE A | B");
    check(10, &[14, 0, 0], "0.001500 TRACE NONE");
    check(10, &[14, 0, 4], "0.001500 TRACE (empty)");
}

#[test]
fn the_stream_goes_on_behind_damage() {
    let mut decoder = Decoder::new(program("rzcobs"));
    let good = packed(&frame(2, &[]));
    let mut bytes = [0, 0, 0].to_vec();
    // A statement that is not there, one that ends too early, one that has more than its values, a value as a statement.
    for frame in [frame(99, &[]), frame(3, &[1]), frame(2, &[1]), frame(5, &[])] {
        bytes.extend(packed(&frame));
    }
    bytes.extend(&good[1..]);
    assert_eq!(decoder.take(&bytes), []);
    assert_eq!(decoder.lost(), 5);
    let lost = "[5 frames could not be decoded: the ELF file is of another build, or bytes were lost]";
    assert_eq!(shown(&decoder.take(&good)), [lost, "0.001500 INFO  hello"]);
    assert_eq!(decoder.lost(), 0);
    // Longer than any frame.
    assert_eq!(decoder.take(&vec![1; 100_000]), []);
    let lost = "[1 frame could not be decoded: the ELF file is of another build, or bytes were lost]";
    assert_eq!(decoder.take(&[0]), []);
    assert_eq!(shown(&decoder.take(&good))[0], lost);
}

#[test]
fn bytes_without_borders_are_skipped_up_to_the_next_frame() {
    let mut decoder = Decoder::new(program("raw"));
    let bytes = [&[0xee; 9][..], &frame(2, &[]), &frame(2, &[])].concat();
    let lines = shown(&decoder.take(&bytes));
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].starts_with("[1 frame could"), "{lines:?}");
    // A length that is damaged waits no longer than for the longest frame.
    decoder.take(&[&frame(4, &[0xff; 4])[..], &[b'x'; 5000]].concat());
    assert!(decoder.lost() > 0);
}

#[test]
fn a_partial_frame_waits_unless_the_program_begins_anew() {
    for encoding in ["rzcobs", "raw"] {
        let whole = match encoding {
            "raw" => frame(2, &[]),
            _ => packed(&frame(2, &[])),
        };
        let mut decoder = Decoder::new(program(encoding));
        assert_eq!(decoder.take(&whole[..3]), []);
        decoder.restart();
        assert_eq!(shown(&decoder.take(&whole)), ["0.001500 INFO  hello"], "{encoding}");
        assert_eq!(decoder.take(&whole[..3]), []);
        assert_eq!(
            shown(&decoder.take(&whole[3..])),
            ["0.001500 INFO  hello"],
            "{encoding}"
        );
    }
}

/// Without limits these would take all memory, all time or the whole stack.
#[test]
fn no_frame_exhausts_the_host() {
    let mut decoder = Decoder::new(program("rzcobs"));
    // Four billion values, and as many that take no bytes.
    decoder.take(&packed(&frame(9, &[0xff, 0xff, 0xff, 0xff, 8, 0])));
    decoder.take(&packed(&frame(10, &[16, 0, 0xff, 0xff, 0xff, 0xff, 23, 0])));
    // Values in values, thousands deep.
    decoder.take(&packed(&frame(10, &[17, 0].repeat(20_000))));
    // A text that is longer than a frame may be.
    let long = |length: u32| {
        [
            &length.to_le_bytes()[..],
            &vec![b'x'; length as usize],
            &[5, 0],
            &[0; 4],
            b"ab",
        ]
        .concat()
    };
    decoder.take(&packed(&frame(4, &long(70_000))));
    assert_eq!(decoder.lost(), 4);
    let mut raw = Decoder::new(program("raw"));
    assert_eq!(raw.take(&frame(4, &long(5000))), []);
    assert_eq!(raw.take(&frame(4, &long(4000))).len(), 2);
}

#[test]
fn files_of_no_use_are_refused() {
    let read = |elf: Elf| Program::read(&elf.bytes()).unwrap_err();
    assert!(matches!(Program::read(b"MZ").unwrap_err(), NotUsable::NotElf(_)));
    assert_eq!(read(Elf::empty()), NotUsable::NoDefmt);
    assert_eq!(read(Elf::new("5", "raw")), NotUsable::Version("5".into()));
    assert!(matches!(read(Elf::new("4", "morse")), NotUsable::Damaged(_)));
    assert!(matches!(
        read(Elf::new("4", "raw").entry(1, "timestamp", "{=u7}")),
        NotUsable::Damaged(_)
    ));
    assert!(matches!(
        read(Elf::new("4", "raw").flag(1, "Pins", 1)),
        NotUsable::Damaged(_)
    ));
    let old = Program::read(&Elf::new("3", "raw").bytes()).unwrap();
    assert_eq!(old.encoding(), Encoding::Raw);
}

fn pieces(bytes: &[u8], cuts: &[usize]) -> Vec<Decoded> {
    let mut decoder = Decoder::new(program("rzcobs"));
    pieces_into(&mut decoder, bytes, cuts)
}

fn pieces_into(decoder: &mut Decoder, bytes: &[u8], cuts: &[usize]) -> Vec<Decoded> {
    let mut rest = bytes;
    let mut decoded = Vec::new();
    for cut in cuts {
        let (now, later) = rest.split_at((*cut).min(rest.len()));
        decoded.extend(decoder.take(now));
        rest = later;
    }
    decoded.extend(decoder.take(rest));
    decoded
}

/// Frames, and what is nearly one.
fn stream(is_packed: bool) -> impl Strategy<Value = Vec<u8>> {
    let near = (
        0_u16..24,
        prop::collection::vec(prop_oneof![0_u8..20, any::<u8>()], 0..40),
    );
    let piece = prop_oneof![
        near.prop_map(move |(statement, arguments)| match is_packed {
            true => packed(&frame(statement, &arguments)),
            false => frame(statement, &arguments),
        }),
        prop::collection::vec(any::<u8>(), 0..20),
    ];
    prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn pieces_make_no_difference(bytes in stream(true), raw in stream(false), cuts in prop::collection::vec(0_usize..30, 0..60)) {
        prop_assert_eq!(pieces(&bytes, &cuts), pieces(&bytes, &[]));
        let mut whole = Decoder::new(program("raw"));
        let mut cut = Decoder::new(program("raw"));
        prop_assert_eq!(pieces_into(&mut cut, &raw, &cuts), pieces_into(&mut whole, &raw, &[]));
        prop_assert_eq!(cut.lost(), whole.lost());
    }

    #[test]
    fn any_bytes_are_a_file_or_a_reason(mut bytes in Just(Elf::new("4", "raw").entry(2, "info", "{=u8}").bytes()), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8)) {
        let length = bytes.len();
        for (at, byte) in changes {
            // The headers at both ends, and the names in between; not the section's zeros.
            let at = at.index(2048);
            let at = if at < 256 { at } else { length.saturating_sub(at - 255) };
            bytes[at] = byte;
        }
        let _ = Program::read(&bytes);
    }
}
