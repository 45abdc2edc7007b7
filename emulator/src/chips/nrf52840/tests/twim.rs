//! TWIM with a BME280 on the header's bus.

use super::*;
use crate::parts::Parts;

const TWIM0: u32 = 0x4000_3000;
const STARTRX: u32 = TWIM0;
const STARTTX: u32 = TWIM0 + 0x008;
const STOP: u32 = TWIM0 + 0x014;
const SUSPEND: u32 = TWIM0 + 0x01c;
const RESUME: u32 = TWIM0 + 0x020;
const STOPPED: u32 = TWIM0 + 0x104;
const ERROR: u32 = TWIM0 + 0x124;
const SUSPENDED: u32 = TWIM0 + 0x148;
const LASTTX: u32 = TWIM0 + 0x160;
const SHORTS: u32 = TWIM0 + 0x200;
const ERRORSRC: u32 = TWIM0 + 0x4c4;
const RAM: u32 = 0x2000_1000;

/// TWIM0 at 100 kHz (10 µs a bit) on the header's pins, with one part there.
fn with_part(kind: &str) -> Rig {
    let mut board = drydock_assets::board("nano33ble").unwrap();
    let choice = drydock_assets::PartChoice {
        kind: kind.to_owned(),
        ..Default::default()
    };
    board.add_part(&choice, drydock_assets::part_kinds()).unwrap();
    let mut rig = Rig::new();
    rig.fabric.wire_parts(Parts::of(&board));
    for (offset, value) in [(0x508, 2), (0x50c, 31), (0x524, 0x0198_0000), (0x500, 6), (0x588, 0x76)] {
        rig.write(TWIM0 + offset, value);
    }
    rig
}

fn transmit(rig: &mut Rig, bytes: &[u8]) {
    rig.fabric.memory_mut().write(RAM, bytes).unwrap();
    rig.write(TWIM0 + 0x544, RAM);
    rig.write(TWIM0 + 0x548, bytes.len() as u32);
}

fn receive(rig: &mut Rig, count: u32) {
    rig.write(TWIM0 + 0x534, RAM + 0x100);
    rig.write(TWIM0 + 0x538, count);
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
fn a_register_is_read_with_a_repeated_start_in_exact_time() {
    // FREQUENCY and its bit time in microseconds, times ten
    for (frequency, tenths) in [(0x0198_0000, 100), (0x0400_0000, 40), (0x0640_0000, 25)] {
        let mut rig = with_part("bme280");
        rig.write(TWIM0 + 0x524, frequency);
        transmit(&mut rig, &[0xd0]);
        receive(&mut rig, 1);
        rig.write(SHORTS, 1 << 7 | 1 << 12);
        rig.write(STARTTX, 1);
        // START, address, byte; START, address, byte, STOP.
        let bits = (1 + 9 + 9) + (1 + 9 + 9) + 1;
        assert_eq!(
            rig.pass_until(STOPPED),
            VirtualTime::from_ns(bits * tenths * 100),
            "{frequency:#x}"
        );
        assert_eq!(received(&rig, 2), [0x60, 0], "the chip's id, and not a byte more");
        assert_eq!((rig.read(TWIM0 + 0x54c), rig.read(TWIM0 + 0x53c)), (1, 1), "AMOUNT");
        assert_eq!(rig.read(ERROR), 0);
    }
}

#[test]
fn what_nobody_acknowledges_is_an_error() {
    // Another address, other pins, no supply: the internal bus needs two pins.
    for (offset, value) in [(0x588, 0x77), (0x508, 3), (0x50c, 14)] {
        let mut rig = with_part("bme280");
        rig.write(TWIM0 + offset, value);
        transmit(&mut rig, &[0xd0]);
        rig.write(SHORTS, 1 << 9);
        rig.write(STARTTX, 1);
        assert_eq!(rig.pass_until(ERROR), us(100));
        assert_eq!((rig.read(ERRORSRC), rig.read(TWIM0 + 0x54c)), (2, 0));
        assert_eq!((rig.read(LASTTX), rig.read(STOPPED)), (0, 0), "the line is held");
        rig.write(STOP, 1);
        assert_eq!(rig.pass_until(STOPPED), us(10));
        rig.write(ERRORSRC, 2);
        assert_eq!(rig.read(ERRORSRC), 0);
    }
}

#[test]
fn a_transfer_without_bytes_finds_out_who_is_there() {
    let mut rig = with_part("bme280");
    transmit(&mut rig, &[]);
    rig.write(STARTTX, 1);
    rig.write(STOP, 1);
    assert_eq!(rig.pass_until(STOPPED), us(110));
    assert_eq!((rig.read(ERRORSRC), rig.read(LASTTX)), (0, 0));
}

#[test]
fn a_suspended_transfer_goes_on_where_it_was() {
    let mut rig = with_part("bme280");
    transmit(&mut rig, &[0xd0]);
    rig.write(SHORTS, 1 << 8);
    rig.write(STARTTX, 1);
    assert_eq!(rig.pass_until(SUSPENDED), us(190));
    rig.pass(us(500));
    receive(&mut rig, 1);
    rig.write(SHORTS, 1 << 12);
    rig.write(STARTRX, 1);
    rig.pass(us(500));
    assert_eq!(rig.read(STOPPED), 0, "until RESUME");
    rig.write(RESUME, 1);
    assert_eq!(rig.pass_until(STOPPED), us(200));
    assert_eq!(received(&rig, 1), [0x60]);

    // In the middle of a buffer.
    let mut rig = with_part("bme280");
    transmit(&mut rig, &[0xf5, 0xa0, 0xf4]);
    rig.write(SHORTS, 1 << 9);
    rig.write(STARTTX, 1);
    rig.pass(us(150));
    rig.write(SUSPEND, 1);
    assert_eq!(rig.pass_until(SUSPENDED), us(40));
    rig.write(RESUME, 1);
    assert_eq!(rig.pass_until(STOPPED), us(190));
    assert_eq!(rig.read(TWIM0 + 0x54c), 3);
}

#[test]
fn the_interrupt_follows_the_events() {
    let mut rig = with_part("bme280");
    transmit(&mut rig, &[0xd0]);
    rig.write(TWIM0 + 0x304, 1 << 1 | 1 << 9);
    rig.write(SHORTS, 1 << 9);
    rig.write(STARTTX, 1);
    rig.pass(us(199));
    assert!(!rig.fabric.irq_level(3));
    rig.pass(us(1));
    assert!(rig.fabric.irq_level(3));
    rig.write(STOPPED, 0);
    assert!(!rig.fabric.irq_level(3));
}

#[test]
fn dma_from_flash_is_told_and_sends_nothing() {
    let mut rig = with_part("bme280");
    rig.write(TWIM0 + 0x544, 0x1_0000);
    rig.write(TWIM0 + 0x548, 1);
    rig.write(SHORTS, 1 << 9);
    rig.write(STARTTX, 1);
    rig.pass(us(1_000));
    assert_eq!((rig.read(STOPPED), rig.read(TWIM0 + 0x54c)), (0, 0));
    let faults = rig.fabric.take_faults();
    assert_eq!((faults.len(), faults[0].addr), (1, 0x1_0000));
}

#[test]
fn a_page_that_is_off_does_nothing() {
    let mut rig = with_part("bme280");
    rig.write(TWIM0 + 0x500, 0);
    transmit(&mut rig, &[0xd0]);
    rig.write(STARTTX, 1);
    rig.pass(us(1_000));
    assert_eq!((rig.read(TWIM0 + 0x150), rig.read(LASTTX)), (0, 0));
    for other in [1, 2, 5, 9] {
        let refused = rig.try_write(TWIM0 + 0x500, other);
        assert_eq!(refused, Err(AccessFault::UnmodelledUse), "{other}");
    }
}
