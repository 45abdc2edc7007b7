//! A program without addresses, for tests here and in other crates.

/// Says hello by semihosting and ends with a code; a Cortex-M program for `boot`.
pub(crate) fn hello(boot: u32, code: u32) -> Vec<u8> {
    // ldr r1, text; movs r0, #4; bkpt 0xab; ldr r1, block; movs r0, #32; bkpt 0xab; b .; nop
    let halves = [0x4903_u16, 0x2004, 0xbeab, 0x4903, 0x2020, 0xbeab, 0xe7fe, 0xbf00];
    let mut bytes: Vec<u8> = [0x2000_1000, boot + 9]
        .iter()
        .flat_map(|word: &u32| word.to_le_bytes())
        .collect();
    bytes.extend(halves.iter().flat_map(|half| half.to_le_bytes()));
    for word in [boot + 40, boot + 32, 0x20026, code] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(b"hello by semihosting\n\0");
    bytes
}
