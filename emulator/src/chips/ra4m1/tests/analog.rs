//! ADC140 and DAC12.

use super::*;
use crate::parts::Parts;

const ADC: u32 = 0x4005_c000;
const DAC: u32 = 0x4005_e000;
const ADST: u32 = 1 << 15;

/// With a potentiometer at A1 (P000, AN000) that is at a quarter.
fn with_part() -> Rig {
    let mut board = drydock_assets::board("uno-r4-minima").unwrap();
    let choice = PartChoice {
        kind: "potentiometer".to_owned(),
        pin: Some("P0.00".to_owned()),
        ..PartChoice::default()
    };
    board.add_part(&choice, part_kinds()).unwrap();
    let mut rig = Rig::fast();
    rig.fabric.wire_parts(Parts::of(&board));
    let now = rig.fabric.now();
    let parts = rig.fabric.parts_mut().unwrap();
    parts
        .set(now, "potentiometer", "position", drydock_assets::Millionths(25_000_000))
        .unwrap();
    rig
}

/// One scan, to its end; returns its length in cycles of 48 MHz.
fn scan(rig: &mut Rig) -> u64 {
    let start = rig.fabric.now();
    rig.write_half(ADC, ADST);
    while rig.read_half(ADC) & ADST != 0 {
        let next = rig.fabric.next_event_at();
        assert!(next < VirtualTime::MAX, "it ends");
        let span = next.saturating_sub(rig.fabric.now());
        rig.pass(span);
    }
    (rig.fabric.now() - start).ticks(48_000_000)
}

#[test]
fn a_scan_measures_its_channels_with_12_or_14_bits() {
    let mut rig = with_part();
    rig.write(0x4000_6300, 0x29);
    rig.write_half(ADC + 4, 3);
    assert_eq!(scan(&mut rig), 2 * (13 + 32));
    assert!(rig.fabric.irq_level(0));
    assert_eq!((rig.read_half(ADC + 0x20), rig.read_half(ADC + 0x22)), (1_024, 0));
    rig.write_half(ADC + 0xe, 3 << 1);
    rig.write_byte(ADC + 0xe0, 100);
    assert_eq!(scan(&mut rig), 100 + 38 + 13 + 38);
    assert_eq!(rig.read_half(ADC + 0x20), 4_096);
    rig.write_half(ADC + 0xe, 1 << 15 | 1 << 5);
    scan(&mut rig);
    assert_eq!(rig.read_half(ADC + 0x20), 1_024 << 4, "ADRFMT");
    assert_eq!(rig.read_half(ADC + 0x20), 0, "ACE");
    // A plain level; P502 is AN018.
    rig.chip.pin_input(&mut rig.fabric, 5 * 32 + 2, Some(true));
    rig.write_half(ADC + 4, 0);
    rig.write_half(ADC + 6, 1 << 2);
    scan(&mut rig);
    assert_eq!(rig.read_half(ADC + 0x20 + 2 * 18), 4_095 << 4);
}

#[test]
fn scans_without_end_run_until_they_are_stopped() {
    let mut rig = with_part();
    rig.write(0x4000_6300, 0x29);
    rig.write_half(ADC + 4, 1);
    rig.write_half(ADC, ADST | 1 << 14);
    for _ in 0..3 {
        rig.pass(VirtualTime::from_us(1));
        assert!(rig.fabric.irq_level(0));
        rig.write(0x4000_6300, 0x29);
    }
    rig.write_half(ADC, 0);
    rig.pass(VirtualTime::from_us(10));
    assert!(!rig.fabric.irq_level(0));
}

#[test]
fn the_references_measure_each_other() {
    let mut rig = with_part();
    rig.write_half(ADC + 0x12, 1 << 9);
    scan(&mut rig);
    assert_eq!(rig.read_half(ADC + 0x1c), 1_171, "1.43 V of 5 V");
    rig.write_half(ADC + 0x12, 0);
    rig.write_byte(ADC + 0x8a, 2);
    rig.write_half(ADC + 4, 1);
    scan(&mut rig);
    assert_eq!(rig.read_half(ADC + 0x20), 3_580, "1.25 V of 1.43 V");
}

#[test]
fn dac12_drives_a0_once_it_has_a_reference() {
    let mut rig = with_part();
    rig.write_half(ADC + 4, 1 << 9);
    let measured = |rig: &mut Rig| {
        scan(rig);
        rig.read_half(ADC + 0x20 + 18)
    };
    rig.write_half(DAC, 0x0123);
    assert_eq!(measured(&mut rig), 0, "DAOE0 is clear");
    rig.write_byte(DAC + 4, 0x40);
    assert_eq!((measured(&mut rig), rig.read_byte(DAC + 4)), (0, 0x5f));
    rig.write_byte(DAC + 7, 1);
    assert_eq!(measured(&mut rig), 0x123);
    rig.write_byte(DAC + 5, 0x80);
    assert_eq!(measured(&mut rig), 0x012, "aligned to the left");
}

#[test]
fn what_they_cannot_do_is_refused() {
    let mut rig = with_part();
    for (offset, value) in [
        (0x00, 1 << 13),
        (0x00, 1 << 9),
        (0x08, 1),
        (0x0e, 1 << 11),
        (0x12, 1 << 8),
        (0x90, 1 << 11),
    ] {
        let stored = rig.chip.write(&mut rig.fabric, ADC + offset, value, AccessSize::Half);
        assert_eq!(stored, Err(AccessFault::UnmodelledUse), "ADC140 {offset:#x}");
    }
    for (addr, value) in [(ADC + 0x0c, 1), (ADC + 0x8a, 1), (DAC + 6, 0x80), (DAC + 7, 3)] {
        let stored = rig.chip.write(&mut rig.fabric, addr, value, AccessSize::Byte);
        assert_eq!(stored, Err(AccessFault::UnmodelledUse), "{addr:#010x}");
    }
}
