//! RCC and PWR.

use super::*;

const CR: u32 = 0x4002_3800;
const PLLCFGR: u32 = 0x4002_3804;
const CFGR: u32 = 0x4002_3808;
const CSR: u32 = 0x4002_3874;

/// 168 MHz from the crystal: M 8, N 336, P 2, Q 7; APB1 at a quarter, APB2 at half of it.
pub(super) fn at_168_mhz(rig: &mut Rig) {
    rig.write(CR, 0x0001_0081);
    rig.pass(VirtualTime::from_ms(2));
    rig.write(PLLCFGR, 7 << 24 | 1 << 22 | 336 << 6 | 8);
    rig.write(CR, 0x0101_0081);
    rig.pass(VirtualTime::from_us(100));
    rig.write(CFGR, 0x9402);
}

#[test]
fn oscillators_take_their_time() {
    let mut rig = Rig::new();
    rig.write(CR, 0x0001_0081);
    rig.pass(VirtualTime::from_us(799));
    assert_eq!(rig.read(CR) >> 16 & 3, 1, "HSEON, not HSERDY");
    rig.pass(VirtualTime::from_us(1));
    assert_eq!(rig.read(CR) >> 16 & 3, 3);
    rig.write(CSR, 1);
    assert_eq!(rig.read(CSR) & 3, 1, "LSION, not LSIRDY");
    rig.pass(VirtualTime::from_us(15));
    assert_eq!(rig.read(CSR) & 3, 3);
    rig.write(0x4002_3870, 1);
    assert_eq!(rig.read(0x4002_3870), 0, "PWR protects the backup domain");
    rig.write(0x4002_3840, 1 << 28);
    rig.write(0x4000_7000, 1 << 8);
    rig.write(0x4002_3870, 1);
    rig.pass(VirtualTime::from_seconds(5));
    assert_eq!(rig.read(0x4002_3870), 1, "there is no crystal at LSE");
}

#[test]
fn the_system_clock_follows_its_source_when_that_is_ready() {
    let mut rig = Rig::new();
    at_168_mhz(&mut rig);
    assert_eq!(rig.read(CFGR) >> 2 & 3, 2, "SWS");
    assert_eq!(rig.fabric.cpu_hz(), 168_000_000);
    let clocks = rig.chip.clocks;
    assert_eq!((clocks.hclk, clocks.pclk), (168_000_000, [42_000_000, 84_000_000]));
    assert_eq!(clocks.timer, [84_000_000, 168_000_000]);
    assert_eq!(clocks.pll48, Some(48_000_000));
    rig.write(CR, 0);
    assert_eq!(
        rig.read(CR),
        0x0303_0000,
        "PLL and its source stay on while they clock the chip"
    );
    rig.write(CR, 0x0101_0001);
    rig.write(CFGR, 0);
    assert_eq!(rig.fabric.cpu_hz(), 168_000_000, "HSI has to start");
    rig.pass(VirtualTime::from_us(3));
    assert_eq!(rig.fabric.cpu_hz(), 16_000_000);
    rig.write(CFGR, 0x80);
    assert_eq!(rig.fabric.cpu_hz(), 8_000_000, "HPRE divides by two");
}

#[test]
fn a_pll_outside_its_limits_is_refused() {
    for pllcfgr in [336 << 6 | 1, 336 << 6 | 40, 40 << 6 | 16] {
        let mut rig = Rig::new();
        rig.write(PLLCFGR, pllcfgr);
        assert_eq!(
            rig.try_write(CR, 0x0100_0081),
            Err(AccessFault::UnmodelledUse),
            "{pllcfgr:#x}"
        );
    }
}

#[test]
fn resets_are_told_and_add_up() {
    let mut rig = Rig::new();
    assert_eq!(rig.read(CSR), 0x0e00_0000, "BOR, PIN, POR");
    rig.write(CSR, 1 << 24);
    assert_eq!(rig.read(CSR), 0);
    for (kind, flags) in [
        (ResetKind::Software, 0x1400_0000),
        (ResetKind::Watchdog, 0x3400_0000),
        (ResetKind::Pin, 0x3400_0000),
        (ResetKind::PowerOn, 0x0e00_0000),
    ] {
        rig.reset(kind);
        assert_eq!(rig.read(CSR), flags, "{kind:?}");
    }
}

#[test]
fn a_reset_register_resets_its_peripheral() {
    let mut rig = Rig::clocked();
    rig.write(0x4000_0428, 99);
    rig.write(0x4002_0c14, 0x1000);
    rig.write(0x4002_3820, 1 << 1);
    rig.write(0x4002_3820, 0);
    assert_eq!(rig.read(0x4000_0428), 0, "TIM3_PSC");
    assert_eq!(rig.read(0x4002_0c14), 0x1000, "GPIOD_ODR was not meant");
}
