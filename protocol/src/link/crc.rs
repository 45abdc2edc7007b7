//! CRC-32 as of ISO-HDLC (IEEE 802.3): reflected polynomial 0xEDB88320, start and final inversion.

/// The CRC-32 of the bytes; `crc32(b"123456789")` is `0xCBF43926`.
pub fn crc32(bytes: &[u8]) -> u32 {
    // On a device, flash is scarcer than the few cycles that a byte takes at the speed of a link.
    if cfg!(target_os = "none") {
        by_halves(bytes)
    } else {
        by_bytes(bytes)
    }
}

/// One step a byte, with a table of 1,024 bytes.
fn by_bytes(bytes: &[u8]) -> u32 {
    static TABLE: [u32; 256] = table(8);
    !bytes
        .iter()
        .fold(!0, |crc, byte| TABLE[usize::from(crc as u8 ^ byte)] ^ crc >> 8)
}

/// Two steps a byte, with a table of 64 bytes.
fn by_halves(bytes: &[u8]) -> u32 {
    static TABLE: [u32; 16] = table(4);
    let step = |crc: u32| TABLE[crc as usize & 0xF] ^ crc >> 4;
    !bytes.iter().fold(!0, |crc, byte| step(step(crc ^ u32::from(*byte))))
}

/// The remainders of every number of `bits` bits.
const fn table<const LENGTH: usize>(bits: u32) -> [u32; LENGTH] {
    let mut table = [0; LENGTH];
    let mut index = 0;
    while index < LENGTH {
        let mut crc = index as u32;
        let mut bit = 0;
        while bit < bits {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_value_of_the_catalogue() {
        assert_eq!(by_bytes(b"123456789"), 0xCBF4_3926);
        assert_eq!(by_halves(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn hosts_and_devices_agree_on_every_byte() {
        for byte in 0..=u8::MAX {
            let bytes = [byte, !byte, byte.rotate_left(3)];
            assert_eq!(by_halves(&bytes), by_bytes(&bytes), "{byte}");
        }
    }
}
