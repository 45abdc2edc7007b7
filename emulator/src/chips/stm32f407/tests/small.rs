//! RNG, IWDG, DBGMCU.

use super::*;
use crate::core::fabric::Request;

const RNG: u32 = 0x5006_0800;
const IWDG: u32 = 0x4000_3000;

#[test]
fn random_words_come_every_40_periods_of_the_48_mhz_clock() {
    let mut rig = Rig::new();
    super::clocks::at_168_mhz(&mut rig);
    rig.write(0x4002_3834, 1 << 6);
    rig.write(RNG, 4);
    rig.pass(VirtualTime::from_ns(833));
    assert_eq!((rig.read(RNG + 4), rig.read(RNG + 8)), (0, 0), "not yet");
    rig.pass(VirtualTime::from_ns(1));
    assert_eq!(rig.read(RNG + 4), 1, "DRDY");
    let one = rig.read(RNG + 8);
    assert_eq!(rig.read(RNG + 4), 0);
    rig.pass(VirtualTime::from_us(1));
    assert_ne!(rig.read(RNG + 8), one);
    rig.write(RNG, 4 | 8);
    assert!(!rig.fabric.irq_level(80));
    rig.pass(VirtualTime::from_us(1));
    assert!(rig.fabric.irq_level(80));
}

#[test]
fn without_the_48_mhz_clock_there_is_an_error_and_no_word() {
    let mut rig = Rig::clocked();
    rig.write(RNG, 4);
    rig.pass(VirtualTime::from_ms(1));
    assert_eq!(rig.read(RNG + 4), 0x22, "CECS, CEIS");
    rig.write(RNG + 4, 0);
    assert_eq!(rig.read(RNG + 4), 0x02, "the clock is still wrong");
}

#[test]
fn the_watchdog_resets_unless_it_is_fed() {
    let mut rig = Rig::new();
    rig.write(IWDG + 4, 3);
    assert_eq!(rig.read(IWDG + 4), 0, "protected");
    rig.write(IWDG, 0x5555);
    rig.write(IWDG + 4, 3);
    rig.write(IWDG + 8, 999);
    assert_eq!(rig.read(IWDG + 12), 3, "PVU, RVU");
    rig.pass(VirtualTime::from_us(157));
    assert_eq!(rig.read(IWDG + 12), 0);
    rig.write(IWDG, 0xcccc);
    assert_eq!(rig.read(0x4002_3874) & 1, 1, "it switches LSI on");
    // 1,000 ticks of 1 kHz.
    for _ in 0..3 {
        rig.pass(VirtualTime::from_ms(999));
        assert_eq!(rig.fabric.take_request(), None);
        rig.write(IWDG, 0xaaaa);
    }
    rig.pass(VirtualTime::from_ms(1_000));
    assert_eq!(rig.fabric.take_request(), Some(Request::Reset(ResetKind::Watchdog)));
    rig.reset(ResetKind::Watchdog);
    assert_eq!(rig.read(IWDG + 8), 0xfff);
    rig.pass(VirtualTime::from_seconds(9));
    assert_eq!(rig.fabric.take_request(), None, "a reset stops it");
}

#[test]
fn the_debug_registers_hold_what_is_written() {
    let mut rig = Rig::new();
    rig.write(0xe004_2008, 1 << 12);
    assert_eq!(rig.read(0xe004_2008), 1 << 12);
    assert_eq!(rig.try_write(0xe004_2000, 0), Err(AccessFault::Denied));
}

#[test]
fn crc_is_that_of_ethernet_over_words() {
    const CRC: u32 = 0x4002_3000;
    let mut rig = Rig::clocked();
    for offset in [0x10, 0x14, 0x18, 0x20, 0x24] {
        rig.write(super::super::map::RCC + offset, 0);
    }
    assert_eq!(rig.read(CRC), u32::MAX);
    // CRC-32/MPEG-2 has this polynomial, start value and order of bits; that of "123456789" is 0376e6e7. Here are eight of
    // its bytes, and words only: the values are computed by the definition, bit by bit, below.
    let by_bits = |bytes: &[u8]| {
        bytes
            .iter()
            .flat_map(|byte| (0..8).rev().map(move |bit| u32::from(*byte >> bit & 1)))
            .fold(u32::MAX, |crc, bit| {
                let top = crc >> 31 ^ bit;
                crc << 1 ^ if top != 0 { 0x04c1_1db7 } else { 0 }
            })
    };
    assert_eq!(by_bits(b"123456789"), 0x0376_e6e7);
    for (word, so_far) in [(0x3132_3334, &b"1234"[..]), (0x3536_3738, b"12345678")] {
        rig.write(CRC, word);
        assert_eq!(rig.read(CRC), by_bits(so_far));
    }
    rig.write(CRC + 0x04, 0x1ff);
    rig.write(CRC + 0x08, 1);
    assert_eq!((rig.read(CRC), rig.read(CRC + 0x04)), (u32::MAX, 0xff));
}
