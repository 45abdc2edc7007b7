//! CRC calculator, with the check values of "123456789" that catalogues of CRCs give.

use super::*;

const CRCCR0: u32 = 0x4007_4000;
const CRCDIR: u32 = 0x4007_4004;
const CRCDOR: u32 = 0x4007_4008;
const MSB_FIRST: u32 = 1 << 6;

#[test]
fn it_has_the_known_check_values() {
    for (control, start, size, check) in [
        (1 | MSB_FIRST, 0, AccessSize::Byte, 0xf4),        // CRC-8/SMBUS
        (1, 0xff, AccessSize::Byte, 0xd0),                 // CRC-8/ROHC
        (2, 0, AccessSize::Half, 0xbb3d),                  // CRC-16/ARC
        (3 | MSB_FIRST, 0, AccessSize::Half, 0x31c3),      // CRC-16/XMODEM
        (3 | MSB_FIRST, 0xffff, AccessSize::Half, 0x29b1), // CRC-16/CCITT-FALSE
        (3, 0, AccessSize::Half, 0x2189),                  // CRC-16/KERMIT
    ] {
        let mut rig = Rig::fast();
        rig.write_byte(CRCCR0, control | 1 << 7);
        let seed = rig.chip.write(&mut rig.fabric, CRCDOR, start, size);
        assert_eq!(seed, Ok(()));
        for byte in b"123456789" {
            rig.write_byte(CRCDIR, u32::from(*byte));
        }
        let found = rig.chip.read(&mut rig.fabric, CRCDOR, size);
        assert_eq!(found, Ok(check), "{control:#x} from {start:#x}");
    }
}

#[test]
fn crc_32_takes_words() {
    let mut rig = Rig::fast();
    rig.write_byte(CRCCR0, 4);
    rig.write(CRCDOR, u32::MAX);
    rig.write(CRCDIR, u32::from_le_bytes(*b"1234"));
    assert_eq!(!rig.read(CRCDOR), 0x9be3_e0a3, "the usual CRC-32 of 1234");
    rig.write_byte(CRCCR0, 4 | MSB_FIRST);
    rig.write(CRCDOR, u32::MAX);
    rig.write(CRCDIR, u32::from_be_bytes(*b"1234"));
    assert_eq!(!rig.read(CRCDOR), 0x596a_3b55, "CRC-32/BZIP2");
    let stored = rig.chip.write(&mut rig.fabric, CRCDIR, 1, AccessSize::Byte);
    assert_eq!(stored, Err(AccessFault::UnmodelledUse));
    rig.write_byte(CRCCR0, 4 | 1 << 7);
    assert_eq!((rig.read(CRCDOR), rig.read_byte(CRCCR0)), (0, 4), "DORCLR");
    let stored = rig.chip.write(&mut rig.fabric, CRCCR0 + 1, 0x80, AccessSize::Byte);
    assert_eq!(stored, Err(AccessFault::UnmodelledUse), "snooping");
}
