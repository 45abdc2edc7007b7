//! SPI1 with flash on the Discovery's header.

use super::*;
use crate::parts::Parts;
use drydock_assets::{PartChoice, part_kinds};

const SPI1: u32 = 0x4001_3000;
const CR2: u32 = SPI1 + 0x04;
const SR: u32 = SPI1 + 0x08;
const DR: u32 = SPI1 + 0x0c;
const GPIOA: u32 = 0x4002_0000;
const DMA2: u32 = 0x4002_6400;
const RAM: u32 = 0x2000_1000;
const SPI1_IRQ: u16 = 35;

const RXNE: u32 = 1;
const TXE: u32 = 2;
const MODF: u32 = 1 << 5;
const OVR: u32 = 1 << 6;
const BSY: u32 = 1 << 7;
/// MSTR, SPE, SSI, SSM; an APB clock of 16 MHz by two is 1 µs a byte.
const ON: u32 = 1 << 2 | 1 << 6 | 3 << 8;
const DFF: u32 = 1 << 11;

/// SPI1 on PA5 to PA7, with flash that PA4 selects.
fn with_flash() -> Rig {
    let mut board = drydock_assets::board("stm32f4-discovery").unwrap();
    let choice = PartChoice {
        kind: "w25q32".to_owned(),
        ..PartChoice::default()
    };
    board.add_part(&choice, part_kinds()).unwrap();
    let mut rig = Rig::clocked();
    for offset in [0x10, 0x14, 0x18, 0x20, 0x24] {
        rig.write(super::super::map::RCC + offset, 0);
    }
    rig.fabric.wire_parts(Parts::of(&board));
    rig.write(GPIOA, 1 << 8 | 2 << 10 | 2 << 12 | 2 << 14);
    rig.write(GPIOA + 0x20, 0x5550_0000);
    rig.write(SPI1, ON);
    rig
}

fn us(us: u64) -> VirtualTime {
    VirtualTime::from_us(us)
}

/// Sends a byte and fetches the answer.
fn exchange(rig: &mut Rig, byte: u32) -> u32 {
    rig.write(DR, byte);
    rig.pass(us(1));
    rig.read(DR)
}

/// A high and a low level select anew.
fn select(rig: &mut Rig) {
    rig.write(GPIOA + 0x18, 1 << 4);
    rig.write(GPIOA + 0x18, 1 << 20);
}

#[test]
fn frames_take_their_time_and_the_buffer_hides_none() {
    let mut rig = with_flash();
    select(&mut rig);
    assert_eq!(rig.read(SR), TXE);
    rig.write(DR, 0x9f);
    assert_eq!(rig.read(SR), TXE | BSY, "the frame went to the line at once");
    rig.write(DR, 0);
    assert_eq!(rig.read(SR), BSY);
    rig.pass(VirtualTime::from_ns(999));
    assert_eq!(rig.read(SR), BSY);
    rig.pass(VirtualTime::from_ns(1));
    assert_eq!(rig.read(SR), RXNE | TXE | BSY);
    rig.read(DR);
    rig.pass(us(1));
    assert_eq!((rig.read(SR), rig.read(DR)), (RXNE | TXE, 0xef), "the manufacturer");
    assert_eq!([exchange(&mut rig, 0), exchange(&mut rig, 0)], [0x40, 0x16]);
    // BR and the time of a byte
    for (rate, ns) in [(0, 1_000), (3, 8_000), (7, 128_000)] {
        rig.write(SPI1, ON | rate << 3);
        rig.write(DR, 0);
        rig.pass(VirtualTime::from_ns(ns - 1));
        assert_eq!(rig.read(SR) & RXNE, 0, "{rate}");
        rig.pass(VirtualTime::from_ns(1));
        assert_eq!(rig.read(SR) & RXNE, RXNE, "{rate}");
        rig.read(DR);
    }
}

#[test]
fn frames_of_two_bytes_and_the_other_order() {
    let mut rig = with_flash();
    select(&mut rig);
    rig.write(SPI1, ON | DFF);
    rig.write(DR, 0x9f00);
    rig.pass(us(1));
    assert_eq!(rig.read(SR) & RXNE, 0, "16 bits take two bytes' time");
    rig.pass(us(1));
    assert_eq!(rig.read(DR), 0xef);
    rig.write(DR, 0);
    rig.pass(us(2));
    assert_eq!(rig.read(DR), 0x4016);
    select(&mut rig);
    rig.write(SPI1, ON | 1 << 7);
    exchange(&mut rig, 0xf9);
    assert_eq!(exchange(&mut rig, 0), 0xf7, "0xef from its last bit on");
}

#[test]
fn interrupts_follow_their_flags_and_an_overrun_keeps_the_older_frame() {
    let mut rig = with_flash();
    assert!(!rig.fabric.irq_level(SPI1_IRQ));
    rig.write(CR2, 1 << 7);
    assert!(rig.fabric.irq_level(SPI1_IRQ), "TXE");
    rig.write(CR2, 1 << 6);
    assert!(!rig.fabric.irq_level(SPI1_IRQ));
    select(&mut rig);
    rig.write(DR, 0x9f);
    rig.write(DR, 0);
    rig.pass(us(1));
    assert!(rig.fabric.irq_level(SPI1_IRQ), "RXNE");
    rig.write(CR2, 1 << 5);
    assert!(!rig.fabric.irq_level(SPI1_IRQ));
    rig.pass(us(1));
    assert!(rig.fabric.irq_level(SPI1_IRQ), "OVR");
    assert_eq!(rig.read(SR) & OVR, OVR);
    assert_eq!(rig.read(SR) & OVR, OVR, "SR alone does not clear it");
    assert_eq!(rig.read(DR), 0, "the answer to the command");
    rig.read(SR);
    assert_eq!(rig.read(SR) & OVR, 0);
    assert!(!rig.fabric.irq_level(SPI1_IRQ));
    // SSM without SSI: another controller selects this one.
    rig.write(SPI1, ON & !(1 << 8));
    assert_eq!((rig.read(SPI1) & (1 << 2 | 1 << 6), rig.read(SR) & MODF), (0, MODF));
    assert!(rig.fabric.irq_level(SPI1_IRQ), "MODF");
    rig.write(SPI1, ON);
    assert_eq!(rig.read(SR) & MODF, 0);
}

#[test]
fn the_controller_selects_by_nss() {
    let mut rig = with_flash();
    rig.write(SPI1, 0);
    rig.write(GPIOA + 0x18, 1 << 4);
    rig.write(GPIOA + 0x20, 0x5555_0000);
    rig.write(GPIOA, 2 << 8 | 2 << 10 | 2 << 12 | 2 << 14);
    rig.write(CR2, 1 << 2);
    assert_eq!(rig.chip.pin_level(4), None);
    rig.write(SPI1, 1 << 2 | 1 << 6);
    assert_eq!(rig.chip.pin_level(4), Some(false));
    assert_eq!([exchange(&mut rig, 0x9f), exchange(&mut rig, 0)], [0, 0xef]);
    rig.write(SPI1, 1 << 2);
    assert_eq!(rig.chip.pin_level(4), None);
}

#[test]
fn pins_without_the_function_carry_nothing() {
    let mut rig = with_flash();
    select(&mut rig);
    // PA7 is an input: the part hears zeros.
    rig.write(GPIOA, 1 << 8 | 2 << 10 | 2 << 12);
    assert_eq!([exchange(&mut rig, 0x9f), exchange(&mut rig, 0)], [0, 0]);
    select(&mut rig);
    // PA6 is: nobody hears the part.
    rig.write(GPIOA, 1 << 8 | 2 << 10 | 2 << 14);
    assert_eq!([exchange(&mut rig, 0x9f), exchange(&mut rig, 0)], [0, 0]);
    rig.write(GPIOA, 1 << 8 | 2 << 10 | 2 << 12 | 2 << 14);
    assert_eq!(exchange(&mut rig, 0), 0x40, "it went on");
}

#[test]
fn dma_fills_and_empties() {
    let mut rig = with_flash();
    select(&mut rig);
    rig.fabric.memory_mut().write(RAM, &[0x9f, 0, 0, 0]).unwrap();
    // Streams 2 and 3 of DMA2, channel 3.
    for (stream, memory, direction) in [(2, RAM + 0x100, 0), (3, RAM, 1 << 6)] {
        let base = DMA2 + 0x10 + 0x18 * stream;
        rig.write(base + 0x04, 4);
        rig.write(base + 0x08, DR);
        rig.write(base + 0x0c, memory);
        rig.write(base, 3 << 25 | 1 << 10 | 1 << 4 | direction | 1);
    }
    rig.write(CR2, 3);
    rig.pass(VirtualTime::from_ns(3_999));
    assert!(!rig.fabric.irq_level(58), "stream 2");
    rig.pass(VirtualTime::from_ns(1));
    assert!(rig.fabric.irq_level(58) && rig.fabric.irq_level(59));
    let mut bytes = [0; 4];
    rig.fabric.memory().read(RAM + 0x100, &mut bytes).unwrap();
    assert_eq!(bytes, [0, 0xef, 0x40, 0x16]);
    rig.pass(us(20));
    assert_eq!(rig.read(SR), TXE);
}

#[test]
fn the_state_is_reset_and_what_is_not_modelled_is_refused() {
    let mut rig = with_flash();
    rig.write(DR, 1);
    rig.write(super::super::map::RCC + 0x24, 1 << 12);
    rig.write(super::super::map::RCC + 0x24, 0);
    rig.pass(us(5));
    assert_eq!((rig.read(SPI1), rig.read(SR), rig.read(SPI1 + 0x10)), (0, TXE, 7));
    for (addr, value) in [
        (SPI1, 1 << 6 | 3 << 8), // a target
        (SPI1, ON | 1 << 10),    // receive only
        (SPI1, ON | 1 << 15),    // one line that receives
        (SPI1, ON | 1 << 13),    // CRC
        (SPI1, 1 << 2 | 1 << 6), // NSS as an input
        (CR2, 1 << 4),           // TI frames
        (SPI1 + 0x1c, 1 << 11),  // I2S
    ] {
        assert_eq!(
            rig.try_write(addr, value),
            Err(AccessFault::UnmodelledUse),
            "{addr:#x} {value:#x}"
        );
    }
}
