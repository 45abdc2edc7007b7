//! The form in which the programs' ELF files are kept: `od`'s, with an address before each line and one `*` for lines
//! that repeat.

use drydock_emulator::Image;

/// The image in a program's dump.
pub(crate) fn image(dump: &str) -> Image {
    Image::from_elf(&bytes(dump)).unwrap()
}

fn bytes(dump: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::new();
    for line in dump.lines().filter(|line| *line != "*") {
        let mut words = line.split_whitespace();
        let addr = usize::from_str_radix(words.next().unwrap(), 16).unwrap();
        while bytes.len() < addr {
            bytes.push(bytes[bytes.len() - 16]);
        }
        bytes.extend(words.map(|word| u8::from_str_radix(word, 16).unwrap()));
    }
    bytes
}
