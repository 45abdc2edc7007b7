//! SPIM with flash on the header's bus.

use super::*;
use crate::parts::Parts;
use drydock_assets::{PartChoice, part_kinds};

const SPIM2: u32 = 0x4002_3000;
const ENDRX: u32 = SPIM2 + 0x110;
const END: u32 = SPIM2 + 0x118;
const ENDTX: u32 = SPIM2 + 0x120;
const RAM: u32 = 0x2000_1000;

/// SPIM2 at 8 MHz (1 µs a byte) on the header's pins, with flash that is selected.
fn with_flash() -> Rig {
    let mut board = drydock_assets::board("nano33ble").unwrap();
    let choice = PartChoice {
        kind: "w25q32".to_owned(),
        ..PartChoice::default()
    };
    board.add_part(&choice, part_kinds()).unwrap();
    let mut rig = Rig::new();
    rig.fabric.wire_parts(Parts::of(&board));
    // P1.02 is an output, low.
    rig.write(0x5000_0308 + 0x510, 4);
    rig.write(0x5000_030c + 0x500, 4);
    for (offset, value) in [(0x508, 13), (0x50c, 33), (0x510, 40), (0x524, 0x8000_0000), (0x500, 7)] {
        rig.write(SPIM2 + offset, value);
    }
    rig
}

fn transfer(rig: &mut Rig, bytes: &[u8], count: u32) {
    rig.fabric.memory_mut().write(RAM, bytes).unwrap();
    for (offset, value) in [
        (0x544, RAM),
        (0x548, bytes.len() as u32),
        (0x534, RAM + 0x100),
        (0x538, count),
    ] {
        rig.write(SPIM2 + offset, value);
    }
    rig.write(SPIM2 + 0x010, 1);
}

fn received(rig: &Rig, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    rig.fabric.memory().read(RAM + 0x100, &mut bytes).unwrap();
    bytes
}

fn us(us: u64) -> VirtualTime {
    VirtualTime::from_us(us)
}

#[test]
fn bytes_are_exchanged_in_exact_time() {
    // FREQUENCY and the time of a byte in nanoseconds
    for (frequency, ns) in [(0x0200_0000, 64_000), (0x1000_0000, 8_000), (0x8000_0000, 1_000)] {
        let mut rig = with_flash();
        rig.write(SPIM2 + 0x524, frequency);
        transfer(&mut rig, &[0x9f], 4);
        assert_eq!(rig.pass_until(ENDTX), VirtualTime::from_ns(ns));
        assert_eq!(rig.read(ENDRX), 0);
        assert_eq!(rig.pass_until(ENDRX), VirtualTime::from_ns(3 * ns));
        assert_eq!(rig.read(END), 1);
        assert_eq!(received(&rig, 5), [0, 0xef, 0x40, 0x16, 0]);
        assert_eq!((rig.read(SPIM2 + 0x54c), rig.read(SPIM2 + 0x53c)), (1, 4), "AMOUNT");
    }
}

#[test]
fn the_select_pin_decides() {
    let mut rig = with_flash();
    rig.write(0x5000_0308 + 0x500, 4);
    transfer(&mut rig, &[0x9f], 4);
    rig.pass_until(END);
    assert_eq!(received(&rig, 4), [0; 4]);
    // And the pins of the bus.
    let mut rig = with_flash();
    rig.write(SPIM2 + 0x510, 41);
    transfer(&mut rig, &[0x9f], 4);
    rig.pass_until(END);
    assert_eq!(received(&rig, 4), [0; 4]);
}

#[test]
fn a_stop_ends_the_transfer_behind_its_byte() {
    let mut rig = with_flash();
    transfer(&mut rig, &[0x9f], 100);
    rig.pass(VirtualTime::from_ns(2_500));
    rig.write(SPIM2 + 0x014, 1);
    assert_eq!(rig.read(SPIM2 + 0x104), 1, "STOPPED");
    assert_eq!((rig.read(SPIM2 + 0x54c), rig.read(SPIM2 + 0x53c)), (1, 3));
    rig.pass(us(1_000));
    assert_eq!((rig.read(END), received(&rig, 4)), (0, vec![0, 0xef, 0x40, 0]));
}

#[test]
fn the_end_may_start_the_next_transfer_and_orc_fills_up() {
    let mut rig = with_flash();
    rig.write(SPIM2 + 0x5c0, 0x9f);
    rig.write(SPIM2 + 0x200, 1 << 17);
    rig.write(SPIM2 + 0x540, 1);
    // The command itself is ORC.
    transfer(&mut rig, &[], 2);
    assert_eq!(rig.pass_until(END), us(2));
    rig.write(END, 0);
    assert_eq!(rig.pass_until(END), us(2));
    assert_eq!(
        received(&rig, 4),
        [0, 0xef, 0x40, 0x16],
        "the list goes on behind the first buffer"
    );
}

#[test]
fn what_is_not_modelled_is_refused() {
    let mut rig = with_flash();
    rig.write(SPIM2 + 0x554, 1);
    assert_eq!(
        rig.try_write(SPIM2 + 0x010, 1),
        Err(AccessFault::UnmodelledUse),
        "LSB first"
    );
    for mode in [1, 2, 6] {
        assert_eq!(
            rig.try_write(SPIM2 + 0x500, mode),
            Err(AccessFault::UnmodelledUse),
            "{mode}"
        );
    }
}
