//! The flash interface.

use super::*;

const KEYR: u32 = 0x4002_3c04;
const SR: u32 = 0x4002_3c0c;
const CR: u32 = 0x4002_3c10;
const SECTOR_9: u32 = 0x080a_0000;
const WORDS: u32 = 2 << 8;

fn word(rig: &Rig, addr: u32) -> u32 {
    rig.fabric.memory().read_u32(addr).unwrap()
}

fn unlocked() -> Rig {
    let mut rig = Rig::new();
    rig.write(KEYR, 0x4567_0123);
    rig.write(KEYR, 0xcdef_89ab);
    rig
}

fn ready(rig: &mut Rig) {
    rig.pass(VirtualTime::from_seconds(20));
    assert_eq!(rig.read(SR) & 1 << 16, 0);
}

#[test]
fn keys_open_it_and_a_wrong_one_closes_it_for_good() {
    let mut rig = Rig::new();
    assert_eq!(rig.read(CR), 1 << 31);
    rig.write(KEYR, 0x4567_0123);
    assert_eq!(rig.read(CR), 1 << 31);
    rig.write(KEYR, 0xcdef_89ab);
    assert_eq!(rig.read(CR), 0);
    rig.write(CR, 1 << 31);
    assert_eq!(rig.read(CR), 1 << 31);
    assert_eq!(
        rig.try_write(KEYR, 0xcdef_89ab),
        Err(AccessFault::Denied),
        "the second key first"
    );
    assert_eq!(rig.try_write(KEYR, 0x4567_0123), Err(AccessFault::Denied));
    rig.reset(ResetKind::Software);
    rig.write(KEYR, 0x4567_0123);
}

#[test]
fn a_word_takes_16_us_and_only_clears_bits() {
    let mut rig = unlocked();
    rig.write(CR, WORDS | 1);
    rig.write(SECTOR_9, 0xffff_00ff);
    assert_eq!(rig.read(SR), 1 << 16, "BSY");
    rig.pass(VirtualTime::from_us(15));
    assert_eq!(rig.read(SR), 1 << 16);
    rig.pass(VirtualTime::from_us(1));
    assert_eq!(rig.read(SR), 0);
    rig.write(SECTOR_9, 0xff00_ff0f);
    assert_eq!(word(&rig, SECTOR_9), 0xff00_000f);
    assert_eq!(rig.faults(), []);
}

#[test]
fn a_store_that_is_not_allowed_is_told_and_changes_nothing() {
    let mut rig = Rig::new();
    rig.write(SECTOR_9, 0);
    assert_eq!(
        (rig.read(SR), rig.faults()),
        (1 << 7, vec![AccessFault::Denied]),
        "PGSERR: locked"
    );
    let mut rig = unlocked();
    rig.write(SECTOR_9, 0);
    assert_eq!(
        (rig.read(SR), rig.faults()),
        (1 << 7, vec![AccessFault::Denied]),
        "PGSERR: PG is not set"
    );
    let mut rig = unlocked();
    rig.write(CR, 1);
    rig.write(SECTOR_9, 0);
    assert_eq!(
        (rig.read(SR), rig.faults()),
        (1 << 6, vec![AccessFault::Width]),
        "PGPERR: a word, for bytes"
    );
    assert_eq!(word(&rig, SECTOR_9), u32::MAX);
    rig.write(SR, 1 << 6);
    assert_eq!(rig.read(SR), 0);
}

#[test]
fn sectors_are_erased_whole_each_in_its_time() {
    for (number, start, bytes, ms) in [
        (1, 0x0800_4000, 0x4000, 250),
        (4, 0x0801_0000, 0x1_0000, 550),
        (11, 0x080e_0000, 0x2_0000, 1_000),
    ] {
        let mut rig = unlocked();
        let edges = [start - 4, start, start + bytes - 4, start + bytes];
        let inside = |addr: u32| addr < 0x0810_0000;
        for addr in edges.into_iter().filter(|addr| inside(*addr)) {
            rig.fabric.memory_mut().write(addr, &[0; 4]).unwrap();
        }
        rig.write(CR, WORDS | 2 | number << 3);
        assert_eq!(rig.read(SR), 0, "STRT starts it");
        rig.write(CR, WORDS | 2 | number << 3 | 1 << 16);
        rig.pass(VirtualTime::from_ms(ms - 1));
        assert_eq!(rig.read(SR), 1 << 16);
        rig.pass(VirtualTime::from_ms(1));
        assert_eq!(rig.read(SR), 0);
        for (addr, value) in edges
            .into_iter()
            .zip([0, u32::MAX, u32::MAX, 0])
            .filter(|it| inside(it.0))
        {
            assert_eq!(word(&rig, addr), value, "sector {number}, {addr:#x}");
        }
    }
    let mut rig = unlocked();
    assert_eq!(
        rig.try_write(CR, 2 | 12 << 3 | 1 << 16),
        Err(AccessFault::UnmodelledUse),
        "no sector 12"
    );
}

#[test]
fn all_of_it_is_erased_at_once() {
    let mut rig = unlocked();
    rig.fabric.memory_mut().write(0x0800_0000, &[0; 4]).unwrap();
    rig.fabric.memory_mut().write(0x080f_fffc, &[0; 4]).unwrap();
    rig.write(CR, 4 | 1 << 16);
    assert_eq!(rig.try_write(CR, 1), Err(AccessFault::Denied), "it is at work");
    ready(&mut rig);
    assert_eq!([0x0800_0000, 0x080f_fffc].map(|addr| word(&rig, addr)), [u32::MAX; 2]);
}

#[test]
fn the_core_waits_when_it_executes_from_flash_and_eop_interrupts() {
    for (pc, stalls) in [(0x0801_2345, true), (0x2000_0100, false)] {
        let mut rig = unlocked();
        rig.fabric.set_position(VirtualTime::from_ms(1), pc);
        rig.write(CR, WORDS | 2 | 9 << 3 | 1 << 24 | 1 << 16);
        let until = VirtualTime::from_ms(if stalls { 1_001 } else { 0 });
        assert_eq!(rig.fabric.stalled_until(), until);
        assert!(!rig.fabric.irq_level(4));
        rig.pass(VirtualTime::from_ms(1_000));
        assert!(rig.fabric.irq_level(4));
        assert_eq!(rig.read(SR), 1, "EOP");
        rig.write(SR, 1);
        assert!(!rig.fabric.irq_level(4));
    }
}

#[test]
fn option_bytes_of_an_image_count_after_a_reset() {
    let mut rig = Rig::new();
    assert_eq!(word(&rig, 0x1fff_c000), 0xffff_aaef);
    // USER without WDG_SW: the watchdog runs from reset on, 512 ms of LSI. nWRP protects sector 1.
    rig.fabric.memory_mut().write(0x1fff_c000, &[0xcf, 0xaa]).unwrap();
    rig.fabric.memory_mut().write(0x1fff_c008, &[0xfd, 0xff]).unwrap();
    assert_eq!(rig.read(0x4002_3c14), 0x0fff_aaed, "not loaded yet");
    rig.reset(ResetKind::PowerOn);
    assert_eq!(rig.read(0x4002_3c14), 0x0ffd_aacd);
    rig.pass(VirtualTime::from_ms(511));
    assert_eq!(rig.fabric.take_request(), None);
    rig.pass(VirtualTime::from_ms(2));
    assert_eq!(
        rig.fabric.take_request(),
        Some(crate::core::fabric::Request::Reset(ResetKind::Watchdog))
    );
    assert_eq!(rig.try_write(0x1fff_c000, 0), Err(AccessFault::Denied));
}
