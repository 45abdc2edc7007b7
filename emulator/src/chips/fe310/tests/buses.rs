//! SPI1 and I2C0 with parts on the HiFive1's header. The core's clock is 13.8 MHz out of reset.

use super::*;
use crate::parts::Parts;
use drydock_assets::{PartChoice, part_kinds};

const SPI1: u32 = 0x1002_4000;
const TXDATA: u32 = SPI1 + 0x48;
const RXDATA: u32 = SPI1 + 0x4c;
const CSMODE: u32 = SPI1 + 0x18;
const I2C0: u32 = 0x1001_6000;
const CR: u32 = I2C0 + 0x10;
const EMPTY: u32 = 1 << 31;
const RXACK: u32 = 1 << 7;
const BUSY: u32 = 1 << 6;
const TIP: u32 = 1 << 1;
const IF: u32 = 1;

/// A board with a part, its header's functions on, and its sources enabled in the PLIC.
fn with(kind: &str) -> Rig {
    let mut board = drydock_assets::board("hifive1-revb").unwrap();
    let choice = PartChoice {
        kind: kind.to_owned(),
        ..PartChoice::default()
    };
    board.add_part(&choice, part_kinds()).unwrap();
    let mut rig = Rig::new();
    rig.fabric.wire_parts(Parts::of(&board));
    rig.write(GPIO + 0x38, 0x303c);
    for source in [6, 52] {
        rig.write(PLIC + 4 * source, 1);
    }
    rig.write(PLIC + 0x2000, 1 << 6);
    rig.write(PLIC + 0x2004, 1 << 20);
    rig
}

/// The time of `clocks` of the core.
fn clocks(rig: &Rig, clocks: u64) -> VirtualTime {
    VirtualTime::from_ticks(clocks, u64::from(rig.fabric.cpu_hz()))
}

#[test]
fn frames_of_spi_take_their_time_and_select_a_part() {
    let mut rig = with("w25q32");
    rig.write(SPI1, 0);
    rig.write(CSMODE, 2);
    assert_eq!(rig.chip.pin_level(2), Some(true), "HOLD begins with a frame");
    for byte in [0x9f, 0, 0, 0] {
        rig.write(TXDATA, byte);
    }
    assert_eq!(rig.chip.pin_level(2), Some(false));
    let frame = clocks(&rig, 16);
    rig.pass(frame - VirtualTime::from_ps(1));
    assert_eq!(rig.read(RXDATA), EMPTY);
    rig.pass(VirtualTime::from_ps(1));
    assert_eq!(rig.read(RXDATA), 0);
    let rest = clocks(&rig, 3 * 16) + VirtualTime::from_ns(1);
    rig.pass(rest);
    assert_eq!([0; 4].map(|_: u32| rig.read(RXDATA)), [0xef, 0x40, 0x16, EMPTY]);
    assert_eq!(rig.chip.pin_level(2), Some(false));
    rig.write(CSMODE, 0);
    assert_eq!(rig.chip.pin_level(2), Some(true));
    // AUTO: until the FIFO is empty.
    rig.write(TXDATA, 0x9f);
    rig.write(TXDATA, 0);
    assert_eq!(rig.chip.pin_level(2), Some(false));
    let two = clocks(&rig, 32) + VirtualTime::from_ns(1);
    rig.pass(two);
    assert_eq!(rig.chip.pin_level(2), Some(true));
    assert_eq!([rig.read(RXDATA), rig.read(RXDATA)], [0, 0xef]);
    // OFF selects nothing.
    rig.write(CSMODE, 3);
    rig.write(TXDATA, 0x9f);
    assert_eq!(rig.chip.pin_level(2), Some(true));
}

#[test]
fn the_fifos_of_spi_have_eight_frames_and_watermarks() {
    let mut rig = with("w25q32");
    rig.write(SPI1 + 0x50, 1);
    rig.write(SPI1 + 0x54, 1);
    rig.write(SPI1 + 0x70, 1);
    assert!(rig.external(), "txwm: nothing waits");
    for _ in 0..9 {
        rig.write(TXDATA, 0);
    }
    assert_eq!(rig.read(TXDATA), EMPTY, "one is on the line, eight wait");
    assert_eq!(rig.read(SPI1 + 0x74) & 1, 0);
    assert_eq!(rig.read(PLIC + 0x20_0004), 6);
    rig.write(PLIC + 0x20_0004, 6);
    assert!(!rig.external());
    rig.write(SPI1 + 0x70, 2);
    let frame = clocks(&rig, 16 * 4) + VirtualTime::from_ns(1);
    rig.pass(frame);
    assert!(!rig.external());
    rig.pass(frame);
    assert!(rig.external(), "rxwm: two frames are more than one");
    rig.read(RXDATA);
    assert!(rig.chip.read(&mut rig.fabric, SPI1 + 0x74, AccessSize::Word).unwrap() & 2 == 0);
    // `fmt.dir`: what comes in is not kept.
    let mut rig = with("w25q32");
    rig.write(SPI1 + 0x40, 0x8_0008);
    rig.write(TXDATA, 0x9f);
    rig.pass(frame);
    assert_eq!(rig.read(RXDATA), EMPTY);
    for (offset, value) in [(0x40, 0x8_0001), (0x40, 0x8_0004), (0x40, 0x4_0000), (0x10, 4)] {
        let refused = rig.chip.write(&mut rig.fabric, SPI1 + offset, value, AccessSize::Word);
        assert_eq!(refused, Err(AccessFault::UnmodelledUse), "{offset:#x} {value:#x}");
    }
}

/// Carries a command out and returns the status behind it.
fn command(rig: &mut Rig, value: u32, bits: u64) -> u32 {
    rig.write(CR, value);
    let span = clocks(rig, bits * 5 * 28);
    rig.pass(span - VirtualTime::from_ns(1));
    assert_eq!(rig.read(CR) & IF, 0, "{value:#x}");
    rig.pass(VirtualTime::from_ns(2));
    let status = rig.read(CR);
    assert_eq!(status & (IF | TIP), IF, "{value:#x}");
    rig.write(CR, 1);
    status
}

#[test]
fn i2c_reads_a_register_in_exact_time() {
    let mut rig = with("bme280");
    rig.write(I2C0, 27);
    rig.write(I2C0 + 0x04, 0);
    rig.write(CR, 0x90);
    assert_eq!(rig.read(CR), 0, "it is off");
    rig.write(I2C0 + 0x08, 0xc0);
    rig.write(I2C0 + 0x0c, 0x76 << 1);
    rig.write(CR, 0x90);
    assert_eq!(rig.read(CR), TIP);
    let span = clocks(&rig, 10 * 5 * 28) + VirtualTime::from_ns(1);
    rig.pass(span);
    assert_eq!(rig.read(CR), BUSY | IF, "acknowledged");
    assert!(rig.external());
    rig.write(CR, 1);
    assert_eq!(rig.read(CR), BUSY);
    rig.write(I2C0 + 0x0c, 0xd0);
    assert_eq!(command(&mut rig, 0x10, 9) & RXACK, 0);
    rig.write(I2C0 + 0x0c, 0x76 << 1 | 1);
    assert_eq!(command(&mut rig, 0x90, 10) & RXACK, 0);
    // The last byte: no acknowledge, and STOP.
    assert_eq!(command(&mut rig, 0x68, 10) & BUSY, 0);
    assert_eq!(rig.read(I2C0 + 0x0c), 0x60, "the chip's id");
    // Nobody is there; STOP alone frees the bus.
    rig.write(I2C0 + 0x0c, 0x20 << 1);
    assert_eq!(command(&mut rig, 0x90, 10) & (RXACK | BUSY), RXACK | BUSY);
    assert_eq!(command(&mut rig, 0x40, 1) & BUSY, 0);
    // Pins without the function reach no part.
    rig.write(GPIO + 0x38, 0);
    rig.write(I2C0 + 0x0c, 0x76 << 1);
    assert_eq!(command(&mut rig, 0x90, 10) & RXACK, RXACK);
}
