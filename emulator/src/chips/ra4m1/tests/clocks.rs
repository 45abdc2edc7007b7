//! SYSTEM: clocks, protection, reset status; the watchdogs.

use super::*;
use crate::core::fabric::Request;

const SYSTEM: u32 = 0x4001_e000;
const PRCR: u32 = SYSTEM + 0x3fe;
const SCKSCR: u32 = SYSTEM + 0x26;
const HOCOCR: u32 = SYSTEM + 0x36;
const OSCSF: u32 = SYSTEM + 0x3c;
const RSTSR1: u32 = SYSTEM + 0xc0;
const WDT: u32 = 0x4004_4200;

#[test]
fn it_starts_slowly_and_hoco_makes_it_fast() {
    let mut rig = Rig::new();
    assert_eq!(rig.chip.clocks.iclk, 500_000);
    rig.write_half(PRCR, 0xa503);
    assert_eq!(rig.read_byte(OSCSF), 1, "OFS1 has HOCO run");
    rig.write_byte(SCKSCR, 0);
    assert_eq!(rig.fabric.cpu_hz(), 3_000_000);
    rig.write(SYSTEM + 0x20, 0x1000_0100);
    let clocks = rig.chip.clocks;
    let all = [clocks.iclk, clocks.pclka, clocks.pclkb, clocks.pclkd];
    assert_eq!(all, [48_000_000, 48_000_000, 24_000_000, 48_000_000]);
}

#[test]
fn hoco_takes_its_time() {
    let mut rig = Rig::new();
    rig.write_half(PRCR, 0xa501);
    rig.write_byte(HOCOCR, 1);
    assert_eq!(rig.read_byte(OSCSF), 0);
    rig.write_byte(HOCOCR, 0);
    let early = rig.chip.write(&mut rig.fabric, SCKSCR, 0, AccessSize::Byte);
    assert_eq!(
        (rig.read_byte(OSCSF), early),
        (0, Err(AccessFault::UnmodelledUse)),
        "not stable yet"
    );
    rig.pass(VirtualTime::from_us(37));
    assert_eq!(rig.read_byte(OSCSF), 1);
    rig.write_byte(SCKSCR, 0);
}

#[test]
fn what_is_protected_is_not_written_and_that_is_told() {
    let mut rig = Rig::new();
    rig.write(SYSTEM + 0x20, 0);
    assert_eq!(
        (rig.read(SYSTEM + 0x20), rig.faults()),
        (0x4404_4444, vec![AccessFault::Denied])
    );
    rig.write_half(PRCR, 0x0003);
    assert_eq!(rig.read_half(PRCR), 0, "without the key");
    rig.write_half(PRCR, 0xa501);
    rig.write(SYSTEM + 0x20, 0);
    assert_eq!((rig.read(SYSTEM + 0x20), rig.faults()), (0, vec![]));
}

#[test]
fn resets_are_told_until_they_are_cleared() {
    let mut rig = Rig::new();
    assert_eq!((rig.read_byte(SYSTEM + 0x410), rig.read_half(RSTSR1)), (1, 0), "PORF");
    rig.write_byte(SYSTEM + 0x410, 0);
    rig.reset(ResetKind::Software);
    assert_eq!((rig.read_byte(SYSTEM + 0x410), rig.read_half(RSTSR1)), (0, 4), "SWRF");
    rig.reset(ResetKind::Watchdog);
    assert_eq!(rig.read_half(RSTSR1), 6, "WDTRF");
    rig.write_half(RSTSR1, 0);
    rig.reset(ResetKind::Pin);
    assert_eq!(rig.read_half(RSTSR1), 0);
}

#[test]
fn the_watchdog_resets_unless_it_is_refreshed_in_two_steps() {
    let mut rig = Rig::fast();
    // 16,384 cycles of PCLKB / 8,192.
    rig.write_half(WDT + 2, 0x3383);
    let refresh = |rig: &mut Rig| {
        rig.write_byte(WDT, 0);
        rig.write_byte(WDT, 0xff);
    };
    refresh(&mut rig);
    rig.write_half(WDT + 2, 0x33f0);
    assert_eq!(rig.read_half(WDT + 2), 0x3383, "settled");
    for _ in 0..2 {
        rig.pass(VirtualTime::from_ms(2_796));
        assert_eq!(rig.fabric.take_request(), None);
        refresh(&mut rig);
    }
    rig.pass(VirtualTime::from_ms(2_000));
    rig.write_byte(WDT, 0xff);
    rig.pass(VirtualTime::from_ms(797));
    assert_eq!(rig.fabric.take_request(), Some(Request::Reset(ResetKind::Watchdog)));
}

#[test]
fn the_independent_watchdog_starts_as_the_option_bytes_say() {
    let mut rig = Rig::new();
    // IWDTSTRT 0, 2,048 cycles of 15 kHz / 16, no window, resets.
    rig.fabric
        .memory_mut()
        .write(0x400, &0xffff_ff2d_u32.to_le_bytes())
        .unwrap();
    rig.reset(ResetKind::Pin);
    rig.pass(VirtualTime::from_ms(2_184));
    assert_eq!(rig.fabric.take_request(), None);
    rig.pass(VirtualTime::from_ms(1));
    assert_eq!(rig.fabric.take_request(), Some(Request::Reset(ResetKind::Watchdog)));
    rig.reset(ResetKind::Watchdog);
    assert_eq!(rig.read_half(RSTSR1), 1, "IWDTRF");
}
