//! Where files start, by what they cover and how they begin.

use super::*;

fn nano() -> Board {
    drydock_assets::board("nano33ble").expect("a shipped board")
}

/// Bytes with a vector table: stack, and every vector of the core at `vector`.
fn table(bytes: usize, vector: u32) -> Vec<u8> {
    let mut program: Vec<u8> = [0x2004_0000, vector | 1]
        .iter()
        .flat_map(|word: &u32| word.to_le_bytes())
        .collect();
    for _ in 2..16 {
        program.extend((vector | 1).to_le_bytes());
    }
    program.resize(bytes.max(program.len()), 0xaa);
    program
}

/// An Intel HEX file with parts at addresses.
fn hex(parts: &[(u32, &[u8])]) -> Vec<u8> {
    let mut text = String::new();
    let mut record = |address: u16, kind: u8, data: &[u8]| {
        let mut bytes = vec![data.len() as u8, (address >> 8) as u8, address as u8, kind];
        bytes.extend(data);
        let sum = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_sub(*byte));
        bytes.push(sum);
        text.push(':');
        text.extend(bytes.iter().map(|byte| format!("{byte:02X}")));
        text.push('\n');
    };
    for (address, bytes) in parts {
        for (at, chunk) in (*address..).step_by(16).zip(bytes.chunks(16)) {
            record(0, 4, &((at >> 16) as u16).to_be_bytes());
            record(at as u16, 0, chunk);
        }
    }
    record(0, 1, &[]);
    text.into_bytes()
}

#[track_caller]
fn check(file: Vec<u8>, boot: u32) {
    let program = Program::parse(file, None, &nano()).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(program.board.boot, boot, "{}", program.start);
}

#[test]
fn a_program_starts_where_the_chip_does_if_it_covers_that() {
    // It covers the place where Drydock's firmware starts, too, and has no vector table there.
    check(hex(&[(0, &table(0x1_0400, 0x200))]), 0);
    // A bootloader and what it starts.
    check(
        hex(&[(0, &table(0x400, 0x200)), (0x1_0000, &table(0x400, 0x1_0200))]),
        0,
    );
}

#[test]
fn a_program_behind_a_bootloader_starts_at_its_vector_table() {
    check(hex(&[(0x1_0000, &table(0x400, 0x1_0200))]), 0x1_0000);
    // Behind a small bootloader, and over the place where Drydock's firmware starts.
    check(hex(&[(0x1000, &table(0x1_0000, 0x1200))]), 0x1000);
    let none = Program::parse(hex(&[(0, &[0xaa; 64])]), None, &nano()).unwrap_err();
    assert!(none.to_string().contains("stack pointer 0xaaaaaaaa"), "{none}");
}

#[test]
fn bytes_without_addresses_lie_where_all_vectors_of_the_core_fit() {
    // Its reset vector alone would fit behind the bootloader, too.
    let mut long = table(0x2_0000, 0x200);
    long[4..8].copy_from_slice(&0x1_8001_u32.to_le_bytes());
    check(long, 0);
    check(table(0x2_0000, 0x1_8000), 0x1_0000);
}

#[test]
fn a_short_program_has_its_code_where_longer_ones_have_vectors() {
    // They lie where Drydock's firmware does, or at the beginning of flash.
    let board = drydock_assets::board("stm32f4-discovery").expect("a shipped board");
    for (reset, boot) in [(0x0800_0009_u32, 0x0800_0000), (0x0801_0009, 0x0801_0000)] {
        let mut program = [0x2000_1000, reset].map(u32::to_le_bytes).concat();
        program.extend([0x03, 0x49, 0x04, 0x20, 0xab, 0xbe, 0xfe, 0xe7].repeat(10));
        let program = Program::parse(program, None, &board).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(program.board.boot, boot, "{}", program.start);
    }
}
