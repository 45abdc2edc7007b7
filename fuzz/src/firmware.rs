//! Firmware files of users: each format that is read, and the tests that an ELF file may hold.

use drydock_test::{Kinds, suite::Suite};
use std::sync::LazyLock;

/// Where programs of the Nano 33 BLE start.
const START: u32 = 0x1_0000;
/// Two tests as embedded-test's symbols have them.
const TESTS: [&str; 2] = [
    r#"{"disambiguator":1,"name":"adds","ignored":false,"should_panic":false}"#,
    r#"{"disambiguator":2,"name":"fails","ignored":true,"should_panic":true,"timeout":5}"#,
];

/// A sound file of each format: ELF with tests, raw bytes, Intel HEX, S-records, UF2.
static GOOD: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| vec![elf(TESTS), program(), hex(), srec(), uf2()]);

/// Uses the input as a file, and as damage to good ones: three bytes say to which, where, and in place of how much. A file is
/// refused with a sentence, has no tests, or has tests with names.
pub fn firmware_file(data: &[u8]) {
    read(data.to_vec());
    if let [which, at, length, damage @ ..] = data {
        let mut bytes = GOOD[usize::from(*which) % GOOD.len()].clone();
        let at = usize::from(*at) * bytes.len() / 256;
        let end = (at + usize::from(*length) % 32).min(bytes.len());
        bytes.splice(at..end, damage.iter().take(64).copied());
        read(bytes);
    }
}

fn read(file: Vec<u8>) {
    // What has no tests is laid out all the same, as `drydock emulate --firmware` does.
    let bench = drydock_test::Bench::new();
    match Suite::parse(file.clone(), "FILE", "nano33ble", &Kinds::default()) {
        Ok(Some(suite)) => assert!(suite.tests().is_sorted_by(|one, other| one.name <= other.name)),
        Ok(None) => match bench.board("nano33ble").firmware_bytes(file) {
            Ok(board) => assert_eq!(board.name(), "nano33ble"),
            Err(error) => assert!(!error.sentence().is_empty()),
        },
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A vector table, and a loop.
fn program() -> Vec<u8> {
    let mut bytes = [0x2000_1000, START + 9].map(u32::to_le_bytes).concat();
    bytes.extend([0xfe, 0xe7, 0x00, 0xbf]);
    bytes
}

fn hex() -> Vec<u8> {
    let record = |kind: u8, address: u16, data: &[u8]| {
        let mut bytes = vec![data.len() as u8, (address >> 8) as u8, address as u8, kind];
        bytes.extend(data);
        let sum = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        bytes.push(sum.wrapping_neg());
        format!(":{}\n", digits(&bytes))
    };
    let high = ((START >> 16) as u16).to_be_bytes();
    [
        record(4, 0, &high),
        record(0, START as u16, &program()),
        record(1, 0, &[]),
    ]
    .concat()
    .into_bytes()
}

fn srec() -> Vec<u8> {
    let record = |kind: char, address: &[u8], data: &[u8]| {
        let mut bytes = vec![(address.len() + data.len() + 1) as u8];
        bytes.extend(address);
        bytes.extend(data);
        bytes.push(!bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)));
        format!("S{kind}{}\n", digits(&bytes))
    };
    let address = START.to_be_bytes();
    [
        record('0', &[0, 0], b"app"),
        record('3', &address, &program()),
        record('7', &address, &[]),
    ]
    .concat()
    .into_bytes()
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn uf2() -> Vec<u8> {
    let data = program();
    let words = [0x0a32_4655, 0x9e5d_5157, 0, START, data.len() as u32, 0, 1, 0];
    let mut block = words.map(u32::to_le_bytes).concat();
    block.extend(data);
    block.resize(508, 0);
    block.extend(0x0ab1_6f30_u32.to_le_bytes());
    block
}

/// An executable for Arm: the program, the table of tests, and their symbols.
fn elf(tests: [&str; 2]) -> Vec<u8> {
    const HEADER: usize = 52;
    const SEGMENT: usize = 32;
    let text = program();
    // The version, two tests: address, path, length. The path is read where the program is.
    let table = [1, START + 8, START, 4, START + 8, START, 4]
        .map(u32::to_le_bytes)
        .concat();
    let mut strings = vec![0];
    let mut symbols = vec![0; 16];
    let names = ["EMBEDDED_TEST_VERSION"].into_iter().chain(tests).enumerate();
    for (index, name) in names {
        let (value, bytes) = if index == 0 {
            (0, 4)
        } else {
            (4 + 12 * (index as u32 - 1), 12)
        };
        symbols.extend([strings.len() as u32, value, bytes].map(u32::to_le_bytes).concat());
        // A global object in the second section.
        symbols.extend([0x11, 0, 2, 0]);
        strings.extend(name.as_bytes());
        strings.push(0);
    }
    let titles = b"\0.text\0.embedded_test\0.symtab\0.strtab\0.shstrtab\0";
    let contents = [text.as_slice(), &table, &symbols, &strings, titles];
    let mut offsets = Vec::new();
    let mut body = Vec::new();
    for content in contents {
        body.resize(body.len().next_multiple_of(4), 0);
        offsets.push((HEADER + SEGMENT + body.len()) as u32);
        body.extend(content);
    }
    body.resize(body.len().next_multiple_of(4), 0);
    let sections = (HEADER + SEGMENT + body.len()) as u32;
    let mut file = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    file.extend([2_u16, 40].map(u16::to_le_bytes).concat());
    file.extend(
        [1, START + 9, HEADER as u32, sections, 0x0500_0000]
            .map(u32::to_le_bytes)
            .concat(),
    );
    file.extend([52_u16, 32, 1, 40, 6, 5].map(u16::to_le_bytes).concat());
    let bytes = text.len() as u32;
    file.extend(
        [1, offsets[0], START, START, bytes, bytes, 5, 4]
            .map(u32::to_le_bytes)
            .concat(),
    );
    file.extend(body);
    file.extend([0; 40]);
    // Title, kind, flags, address, link, size of an entry.
    let headers = [
        (1, 1, 6, START, 0, 0),
        (7, 1, 0, 0, 0, 0),
        (22, 2, 0, 0, 4, 16),
        (30, 3, 0, 0, 0, 0),
        (38, 3, 0, 0, 0, 0),
    ];
    for (index, (title, kind, flags, address, link, entry)) in headers.into_iter().enumerate() {
        let words = [
            title,
            kind,
            flags,
            address,
            offsets[index],
            contents[index].len() as u32,
            link,
            1,
            4,
            entry,
        ];
        file.extend(words.map(u32::to_le_bytes).concat());
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_good_ones_are_good() {
        let suite = Suite::parse(elf(TESTS), "FILE", "nano33ble", &Kinds::default())
            .unwrap()
            .unwrap();
        let tests: Vec<_> = suite
            .tests()
            .iter()
            .map(|test| (test.name.as_str(), test.timeout.as_secs()))
            .collect();
        assert_eq!(tests, [("adds", 60), ("fails", 5)]);
        for file in &GOOD[1..] {
            assert!(
                Suite::parse(file.clone(), "FILE", "nano33ble", &Kinds::default())
                    .unwrap()
                    .is_none()
            );
            let board = drydock_test::Bench::new()
                .board("nano33ble")
                .firmware_bytes(file.clone());
            assert_eq!(
                board.map(|board| board.name()).map_err(|error| error.to_string()),
                Ok("nano33ble".into())
            );
        }
    }
    #[test]
    fn a_test_whose_name_would_act_on_the_terminal_is_refused() {
        let named = r#"{"disambiguator":1,"name":"a\u001b[2J","ignored":false,"should_panic":false}"#;
        let suite = Suite::parse(elf([named, TESTS[1]]), "FILE", "nano33ble", &Kinds::default());
        let why = suite.err().unwrap().to_string();
        assert!(why.contains(r#"a test is called "a\u{1b}[2J""#), "{why}");
    }
}
