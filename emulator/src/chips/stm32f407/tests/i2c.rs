//! I2C1 with a BME280 on the Discovery's bus.

use super::*;
use crate::parts::Parts;
use drydock_assets::{PartChoice, part_kinds};

const I2C1: u32 = 0x4000_5400;
const CR1: u32 = I2C1;
const DR: u32 = I2C1 + 0x10;
const SR1: u32 = I2C1 + 0x14;
const SR2: u32 = I2C1 + 0x18;
const GPIOB: u32 = 0x4002_0400;
const PE: u32 = 1;
const START: u32 = 1 << 8;
const STOP: u32 = 1 << 9;
const ACK: u32 = 1 << 10;
const SB: u32 = 1;
const ADDR: u32 = 2;
const BTF: u32 = 4;
const RXNE: u32 = 1 << 6;
const TXE: u32 = 1 << 7;
const AF: u32 = 1 << 10;

/// I2C1 at 100 kHz (10 µs a bit of an APB clock of 16 MHz) on PB6 and PB9.
fn with_part() -> Rig {
    let mut board = drydock_assets::board("stm32f4-discovery").unwrap();
    let choice = PartChoice {
        kind: "bme280".to_owned(),
        ..PartChoice::default()
    };
    board.add_part(&choice, part_kinds()).unwrap();
    let mut rig = Rig::clocked();
    // RSTR bits were written with ones: release them.
    for offset in [0x10, 0x14, 0x18, 0x20, 0x24] {
        rig.write(super::super::map::RCC + offset, 0);
    }
    rig.fabric.wire_parts(Parts::of(&board));
    rig.write(GPIOB, 2 << 12 | 2 << 18);
    rig.write(GPIOB + 0x20, 4 << 24);
    rig.write(GPIOB + 0x24, 4 << 4);
    rig.write(I2C1 + 0x04, 16 | 1 << 8 | 1 << 9);
    rig.write(I2C1 + 0x1c, 80);
    rig.write(CR1, PE);
    rig
}

/// Advances time until a flag of SR1 is set; returns how long it took.
#[track_caller]
fn until(rig: &mut Rig, flag: u32) -> VirtualTime {
    let start = rig.fabric.now();
    while rig.read(SR1) & flag == 0 {
        let next = rig.fabric.next_event_at();
        assert!(next < VirtualTime::MAX, "nothing will set {flag:#x}");
        let span = next.saturating_sub(rig.fabric.now());
        rig.pass(span);
    }
    rig.fabric.now() - start
}

fn us(us: u64) -> VirtualTime {
    VirtualTime::from_us(us)
}

#[test]
fn a_register_is_read_in_exact_time() {
    let mut rig = with_part();
    rig.write(CR1, PE | START);
    assert_eq!(until(&mut rig, SB), us(10));
    assert_eq!(rig.read(SR2) & 3, 3, "MSL and BUSY");
    assert!(rig.fabric.irq_level(31));
    rig.write(DR, 0x76 << 1);
    assert_eq!(until(&mut rig, ADDR), us(90));
    rig.read(SR2);
    assert_eq!(rig.read(SR1) & (ADDR | TXE), TXE);
    rig.write(DR, 0xd0);
    assert_eq!(until(&mut rig, BTF), us(90));
    // A repeated START, three bytes.
    rig.write(CR1, PE | START | ACK);
    assert_eq!(until(&mut rig, SB), us(10));
    rig.write(DR, 0x76 << 1 | 1);
    assert_eq!(until(&mut rig, ADDR), us(90));
    rig.pass(us(500));
    assert_eq!(rig.read(SR1) & RXNE, 0, "the line is held while ADDR is set");
    rig.read(SR2);
    assert_eq!(until(&mut rig, RXNE), us(90));
    assert_eq!(rig.read(DR), 0x60, "the chip's id");
    assert_eq!(rig.read(SR1) & RXNE, 0);
    rig.write(CR1, PE | STOP);
    assert_eq!(until(&mut rig, RXNE), us(90));
    assert_eq!(rig.read(CR1) & STOP, STOP);
    rig.pass(us(10));
    assert_eq!((rig.read(CR1) & STOP, rig.read(SR2) & 3), (0, 0));
    assert_eq!(rig.read(DR), 0);
    rig.pass(us(500));
    assert_eq!(rig.read(SR1), 0, "no further byte");
}

#[test]
fn two_bytes_wait_and_the_line_is_held() {
    let mut rig = with_part();
    rig.write(CR1, PE | START);
    until(&mut rig, SB);
    rig.write(DR, 0x76 << 1);
    until(&mut rig, ADDR);
    rig.read(SR2);
    rig.write(DR, 0x88);
    until(&mut rig, BTF);
    rig.write(CR1, PE | START | ACK);
    until(&mut rig, SB);
    rig.write(DR, 0x76 << 1 | 1);
    until(&mut rig, ADDR);
    rig.read(SR2);
    assert_eq!(until(&mut rig, BTF), us(180));
    rig.pass(us(500));
    // dig_T1 is 27504, dig_T2 26435; the third byte comes when there is room.
    assert_eq!(rig.read(DR), 27_504 & 0xff);
    assert_eq!(rig.read(SR1) & (RXNE | BTF), RXNE);
    assert_eq!(rig.read(DR), 27_504 >> 8);
    assert_eq!(until(&mut rig, RXNE), us(90));
    assert_eq!(rig.read(DR), 26_435 & 0xff);
}

#[test]
fn what_nobody_acknowledges_fails_and_can_be_repeated() {
    let mut rig = with_part();
    rig.write(CR1, PE | START);
    until(&mut rig, SB);
    rig.write(DR, 0x20 << 1);
    assert_eq!(until(&mut rig, AF), us(90));
    assert!(rig.fabric.irq_level(32), "the error line");
    assert_eq!(rig.read(SR1) & ADDR, 0);
    rig.write(SR1, 0);
    assert!(!rig.fabric.irq_level(32));
    // Another START without a STOP, to the part that is there.
    rig.write(CR1, PE | START);
    assert_eq!(until(&mut rig, SB), us(10));
    rig.write(DR, 0x76 << 1);
    until(&mut rig, ADDR);
    rig.read(SR2);
    rig.write(CR1, PE | STOP);
    rig.pass(us(10));
    assert_eq!(rig.read(SR2) & 3, 0);

    // PB8 has no part; PB6 without its function neither.
    let mut rig = with_part();
    rig.write(GPIOB + 0x20, 0);
    rig.write(CR1, PE | START);
    until(&mut rig, SB);
    rig.write(DR, 0x76 << 1);
    until(&mut rig, AF);
}

#[test]
fn the_clock_follows_its_register() {
    // CCR and the time of a byte in nanoseconds, of 16 MHz
    for (ccr, ns) in [(80, 90_000), (0x8000 | 13, 21_937), (0xc000 | 1, 14_062)] {
        let mut rig = with_part();
        rig.write(CR1, 0);
        rig.write(I2C1 + 0x1c, ccr);
        rig.write(CR1, PE | START);
        until(&mut rig, SB);
        rig.write(DR, 0x76 << 1);
        assert_eq!(until(&mut rig, ADDR).as_ns(), ns, "{ccr:#x}");
    }
}

#[test]
fn what_is_not_modelled_is_refused() {
    let mut rig = with_part();
    for (addr, value) in [(CR1, PE | 1 << 11), (CR1, PE | 2), (I2C1 + 0x04, 1 << 11)] {
        assert_eq!(
            rig.try_write(addr, value),
            Err(AccessFault::UnmodelledUse),
            "{value:#x}"
        );
    }
    assert_eq!(rig.try_write(SR2, 0), Err(AccessFault::Denied));
    assert_eq!(rig.read(I2C1 + 0x20), 2, "TRISE out of reset");
}
