//! The checksums of commands and of data (4.5).

/// X⁷ + X³ + 1.
pub(super) fn crc7(bytes: &[u8]) -> u8 {
    let step = |crc: u8, bit: u8| {
        let carry = crc >> 6 & 1 ^ bit;
        (crc << 1 & 0x7f) ^ if carry == 1 { 0x09 } else { 0 }
    };
    let bits = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
    bits.fold(0, step)
}

/// X¹⁶ + X¹² + X⁵ + 1.
pub(super) fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of 4.5.
    #[test]
    fn sums_are_those_of_the_specification() {
        assert_eq!(crc7(&[0x40, 0, 0, 0, 0]), 0b100_1010);
        assert_eq!(crc7(&[0x51, 0, 0, 0, 0]), 0b010_1010);
        assert_eq!(crc7(&[0x11, 0, 0, 0x09, 0]), 0b011_0011);
        assert_eq!(crc16(&[0xff; 512]), 0x7fa1);
    }
}
