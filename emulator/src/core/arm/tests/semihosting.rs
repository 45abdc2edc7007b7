//! Semihosting calls: console, time and exit, and what makes no sense.

use super::*;
use crate::machine::SEMIHOSTING_PORT;

/// Operations and their parameters, each called in turn; results go to RESULTS.
const CALLS: u32 = 0x2000_0000;
const RESULTS: u32 = 0x2000_0100;
/// What parameters point to.
const DATA: u32 = 0x2000_0200;

/// Makes calls in turn, and exits with 5. Returns the results, what was written, and how it ended.
fn calls(data: &[(u32, &[u8])], calls: &[(u32, u32)]) -> (Vec<u32>, String, StopReason) {
    let mut rig = Rig::new(&[
        0x4c07, // ldr r4, [pc, #28]
        0x4d08, // ldr r5, [pc, #32]
        0x6820, // ldr r0, [r4, #0]
        0x6861, // ldr r1, [r4, #4]
        0x3408, // adds r4, #8
        0x2800, // cmp r0, #0
        0xd002, // beq.n end
        0xbeab, // bkpt 0x00ab
        0xc501, // stmia r5!, {r0}
        0xe7f7, // b.n loop
        0x2020, // end: movs r0, #32
        0x4904, // ldr r1, [pc, #16]
        0xbeab, // bkpt 0x00ab
        0xe7fe, // b.n .
        0xbf00, 0xbf00, // nop
        0x0000, 0x2000, // .word CALLS
        0x0100, 0x2000, // .word RESULTS
        0x00c0, 0x2000, // .word block of the exit
    ]);
    rig.core.fabric_mut().serve_semihosting();
    let mut at = CALLS;
    for (operation, parameter) in calls {
        rig.word(at, *operation);
        rig.word(at + 4, *parameter);
        at += 8;
    }
    rig.word(at, 0);
    rig.word(0x2000_00c0, 0x20026);
    rig.word(0x2000_00c4, 5);
    for (addr, bytes) in data {
        rig.core.fabric_mut().memory_mut().write(*addr, bytes).unwrap();
    }
    rig.core.reset(ResetKind::Pin);
    let stop = rig.core.run(Limits::until(VirtualTime::from_seconds(1)));
    let output = rig.core.fabric_mut().take_uart_output();
    let text: Vec<u8> = output
        .into_iter()
        .filter(|output| output.index == SEMIHOSTING_PORT)
        .flat_map(|output| output.bytes)
        .collect();
    let results = (0..calls.len() as u32).map(|call| rig.at(RESULTS + 4 * call)).collect();
    (results, String::from_utf8_lossy(&text).into_owned(), stop)
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[test]
fn text_is_written_and_the_program_goes_on_to_its_end() {
    let data = [
        (DATA, &b":tt\0hello\0, world\n"[..]),
        (DATA + 0x40, &words(&[DATA, 4, 3])),
        (DATA + 0x50, &words(&[2, DATA + 10, 8])),
        (DATA + 0x60, &words(&[2])),
    ];
    let (results, text, stop) = calls(
        &data,
        &[
            (0x01, DATA + 0x40),
            (0x04, DATA + 4),
            (0x05, DATA + 0x50),
            (0x03, DATA + 4),
            (0x09, DATA + 0x60),
        ],
    );
    assert_eq!(text, "hello, world\nh");
    assert_eq!((results[0], results[2], results[4]), (2, 0, 1));
    assert_eq!(stop, StopReason::Exit { code: 5 });
}

#[test]
fn time_is_the_machines() {
    let (results, _, stop) = calls(&[], &[(0x10, 0), (0x11, 0), (0x31, 0), (0x30, DATA)]);
    assert_eq!(results, [0, 0, 1_000_000, 0]);
    assert_eq!(stop, StopReason::Exit { code: 5 });
}

#[test]
fn files_and_input_are_not_there_and_bad_pointers_do_no_harm() {
    let data = [
        (DATA, &b"secrets.txt"[..]),
        (DATA + 0x40, &words(&[DATA, 0, 11])),
        (DATA + 0x50, &words(&[1, DATA, 16])),
        (DATA + 0x60, &words(&[2, 0x9000_0000, 4])),
        (DATA + 0x70, &words(&[0x9000_0000])),
        (DATA + 0x80, &words(&[2, DATA, u32::MAX])),
    ];
    let (results, text, stop) = calls(
        &data,
        &[
            (0x01, DATA + 0x40),
            (0x06, DATA + 0x50),
            (0x07, 0),
            (0x05, DATA + 0x60),
            (0x16, DATA + 0x70),
            (0x05, 0x9000_0000),
            (0x04, 0x9000_0000),
            (0x05, DATA + 0x80),
        ],
    );
    assert_eq!(results[..6], [u32::MAX, 16, u32::MAX, 4, u32::MAX, u32::MAX]);
    // A length that is no length writes what memory has, and says how much is left.
    assert!(results[7] >= u32::MAX - (64 << 10) && !text.is_empty());
    assert_eq!(stop, StopReason::Exit { code: 5 });
}

#[test]
fn a_call_that_there_is_not_stops_the_machine() {
    let (_, text, stop) = calls(&[], &[(0x1234, 0)]);
    assert_eq!(
        (text.as_str(), stop),
        ("", StopReason::Semihosting { operation: 0x1234 })
    );
}
