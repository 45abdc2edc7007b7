//! NVMC, flash and UICR.

use super::*;

const CONFIG: u32 = 0x4001_e504;
const READY: u32 = 0x4001_e400;
const PAGE: u32 = 0x8_8000;

fn word(rig: &Rig, addr: u32) -> u32 {
    rig.fabric.memory().read_u32(addr).unwrap()
}

fn ready(rig: &mut Rig) {
    rig.pass(VirtualTime::from_ms(200));
    assert_eq!(rig.read(READY), 1);
}

#[test]
fn a_write_only_clears_bits_and_takes_41_us() {
    let mut rig = Rig::new();
    rig.write(CONFIG, 1);
    rig.write(PAGE, 0xffff_00ff);
    assert_eq!(rig.read(READY), 0);
    rig.pass(VirtualTime::from_us(40));
    assert_eq!(rig.read(READY), 0);
    rig.pass(VirtualTime::from_us(1));
    assert_eq!(rig.read(READY), 1);
    rig.write(PAGE, 0xff00_ff0f);
    assert_eq!(word(&rig, PAGE), 0xff00_000f);
    let half = rig.chip.write(&mut rig.fabric, PAGE, 0, AccessSize::Half);
    assert_eq!(half, Err(AccessFault::Width));
}

#[test]
fn a_third_write_of_a_word_is_told_until_the_page_is_erased() {
    let mut rig = Rig::new();
    rig.write(CONFIG, 1);
    for (value, faults) in [(0xff, 0), (0xf, 0), (0x7, 1), (0x3, 1)] {
        rig.write(PAGE + 8, value);
        assert_eq!(rig.fabric.take_faults().len(), faults, "{value:#x}");
        assert_eq!(word(&rig, PAGE + 8), value, "it is done all the same");
        ready(&mut rig);
    }
    rig.write(PAGE + 12, 0);
    assert!(rig.fabric.take_faults().is_empty(), "its neighbour is fresh");
    ready(&mut rig);
    rig.write(CONFIG, 2);
    rig.write(0x4001_e508, PAGE);
    ready(&mut rig);
    rig.write(CONFIG, 1);
    rig.write(PAGE + 8, 0x55);
    assert!(rig.fabric.take_faults().is_empty());
    assert_eq!(word(&rig, PAGE + 8), 0x55);
}

#[test]
fn what_came_with_the_image_counts_as_one_write() {
    let mut rig = Rig::new();
    rig.fabric.memory_mut().write(PAGE, &[1, 2, 3, 4]).unwrap();
    rig.write(CONFIG, 1);
    rig.write(PAGE, 0);
    assert!(rig.fabric.take_faults().is_empty());
    ready(&mut rig);
    rig.write(PAGE, 0);
    let faults = rig.fabric.take_faults();
    assert_eq!(faults[0].fault, AccessFault::WornWord);
}

#[test]
fn pages_are_erased_whole_or_in_parts() {
    let mut rig = Rig::new();
    for addr in [PAGE - 4, PAGE, PAGE + 0xffc, PAGE + 0x1000] {
        rig.fabric.memory_mut().write(addr, &[0; 4]).unwrap();
    }
    rig.write(CONFIG, 2);
    rig.write(0x4001_e508, PAGE);
    rig.pass(VirtualTime::from_ms(84));
    assert_eq!(rig.read(READY), 0);
    rig.pass(VirtualTime::from_ms(1));
    assert_eq!(rig.read(READY), 1);
    let words = [PAGE - 4, PAGE, PAGE + 0xffc, PAGE + 0x1000].map(|addr| word(&rig, addr));
    assert_eq!(words, [0, 0xffff_ffff, 0xffff_ffff, 0]);

    rig.write(0x4001_e51c, 20);
    for part in 0..5 {
        assert_eq!(word(&rig, PAGE + 0x1000), 0, "part {part}");
        rig.write(0x4001_e518, PAGE + 0x1000);
        rig.pass(VirtualTime::from_ms(20));
    }
    assert_eq!(word(&rig, PAGE + 0x1000), 0xffff_ffff, "5 × 20 ms are 85");
    assert_eq!(rig.try_write(0x4001_e508, PAGE + 4), Err(AccessFault::UnmodelledUse));
}

#[test]
fn the_core_waits_for_flash_it_runs_from() {
    let mut rig = Rig::new();
    rig.fabric.set_position(VirtualTime::from_ms(1), 0x1_2345);
    rig.write(CONFIG, 2);
    rig.write(0x4001_e508, PAGE);
    assert_eq!(rig.fabric.stalled_until(), VirtualTime::from_ms(86));
    let mut rig = Rig::new();
    rig.fabric.set_position(VirtualTime::from_ms(1), 0x2000_0100);
    rig.write(CONFIG, 2);
    rig.write(0x4001_e508, PAGE);
    assert_eq!(rig.fabric.stalled_until(), VirtualTime::ZERO);
}

#[test]
fn uicr_is_written_like_flash_and_erased_by_its_own_task() {
    let mut rig = Rig::new();
    rig.write(CONFIG, 1);
    rig.write(0x1000_1080, 0x1234);
    assert_eq!(word(&rig, 0x1000_1080), 0x1234);
    ready(&mut rig);
    rig.write(CONFIG, 2);
    rig.write(0x4001_e514, 1);
    assert_eq!(word(&rig, 0x1000_1080), 0xffff_ffff);
}

#[test]
fn wear_and_content_last_through_resets() {
    let mut rig = Rig::new();
    for _ in 0..2 {
        rig.write(CONFIG, 1);
        rig.write(PAGE, 0x10);
        rig.reset(ResetKind::Software);
    }
    assert_eq!(rig.read(CONFIG), 0);
    rig.write(CONFIG, 1);
    rig.write(PAGE, 0);
    assert_eq!(rig.fabric.take_faults().len(), 1);
}
