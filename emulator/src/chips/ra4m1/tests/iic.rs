//! IIC1 with a BME280 on the Uno's bus.

use super::*;

const IIC1: u32 = 0x4005_3100;
const ICCR1: u32 = IIC1;
const ICCR2: u32 = IIC1 + 1;
const ICMR3: u32 = IIC1 + 4;
const ICIER: u32 = IIC1 + 7;
const ICSR2: u32 = IIC1 + 9;
const ICDRT: u32 = IIC1 + 0x12;
const ICDRR: u32 = IIC1 + 0x13;
const ST: u32 = 1 << 1;
const RS: u32 = 1 << 2;
const SP: u32 = 1 << 3;
const START: u32 = 1 << 2;
const STOP: u32 = 1 << 3;
const NACKF: u32 = 1 << 4;
const RDRF: u32 = 1 << 5;
const TEND: u32 = 1 << 6;
const TDRE: u32 = 1 << 7;

fn us(us: u64) -> VirtualTime {
    VirtualTime::from_us(us)
}

/// IIC1 at 100 kHz (10 µs a bit) on P100 and P101.
fn with_part() -> Rig {
    let mut rig = Rig::with_part("bme280");
    rig.give(1, 0, 7);
    rig.give(1, 1, 7);
    rig.write_byte(ICCR1, 0x5f);
    rig.write_byte(ICCR1, 0xdf);
    // PCLKB / 8; the filter of one stage and the synchronisation add three periods to each half.
    rig.write_byte(IIC1 + 2, 3 << 4 | 8);
    rig.write_byte(IIC1 + 0x10, 0xe0 | 27);
    rig.write_byte(IIC1 + 0x11, 0xe0 | 27);
    rig.write_byte(ICCR1, 0x9f);
    rig
}

/// A START and an address.
fn address(rig: &mut Rig, byte: u32) {
    rig.write_byte(ICCR2, ST);
    rig.until(ICSR2, TDRE);
    rig.write_byte(ICDRT, byte);
}

#[test]
fn a_register_is_read_behind_a_repeated_start() {
    let mut rig = with_part();
    rig.write_byte(ICCR2, ST);
    assert_eq!(rig.until(ICSR2, START), us(10));
    assert_eq!(
        (rig.read_byte(ICCR2), rig.read_byte(ICSR2)),
        (0xe0, TDRE | START),
        "BBSY, MST, TRS"
    );
    rig.write_byte(ICDRT, 0x76 << 1);
    rig.write_byte(ICDRT, 0xd0);
    assert_eq!(rig.until(ICSR2, TEND), us(180));
    assert_eq!(rig.read_byte(ICSR2) & NACKF, 0);
    rig.write_byte(ICCR2, RS);
    rig.pass(us(10));
    assert_eq!(rig.read_byte(ICSR2), TDRE | START);
    rig.write_byte(ICDRT, 0x76 << 1 | 1);
    assert_eq!(rig.until(ICSR2, RDRF), us(90));
    assert_eq!(rig.read_byte(ICCR2), 0xc0, "it receives");
    rig.pass(us(500));
    // WAIT and ACKBT, which ACKWP opens first.
    rig.write_byte(ICMR3, 0x58);
    assert_eq!(rig.read_byte(ICMR3), 0x50);
    rig.write_byte(ICMR3, 0x58);
    assert_eq!(rig.read_byte(ICMR3), 0x58);
    rig.read_byte(ICDRR);
    assert_eq!(rig.until(ICSR2, RDRF), us(90), "the line was held until ICDRR was read");
    rig.pass(us(500));
    rig.write_byte(ICSR2, !STOP);
    rig.write_byte(ICCR2, SP);
    rig.pass(us(100));
    assert_eq!(rig.read_byte(ICSR2) & STOP, 0, "not before the byte was fetched");
    assert_eq!(rig.read_byte(ICDRR), 0x60, "the BME280's id");
    assert_eq!(rig.until(ICSR2, STOP), us(10));
    assert_eq!(rig.read_byte(ICCR2), 0);
}

#[test]
fn bytes_follow_each_other_while_there_is_room() {
    let mut rig = with_part();
    address(&mut rig, 0x76 << 1);
    rig.until(ICSR2, TEND);
    rig.write_byte(ICDRT, 0xd0);
    rig.until(ICSR2, TEND);
    rig.write_byte(ICCR2, RS);
    rig.pass(us(10));
    rig.write_byte(ICDRT, 0x76 << 1 | 1);
    rig.until(ICSR2, RDRF);
    rig.read_byte(ICDRR);
    rig.until(ICSR2, RDRF);
    // The next one is on the line already, and the one behind it waits until there is room.
    rig.pass(us(500));
    assert_eq!(rig.read_byte(ICDRR), 0x60);
    assert_eq!(rig.read_byte(ICSR2) & RDRF, RDRF, "0xd1 moved up");
    rig.read_byte(ICDRR);
    assert_eq!(rig.until(ICSR2, RDRF), us(90));
}

#[test]
fn an_address_that_nobody_has_holds_the_line_until_it_is_freed() {
    let mut rig = with_part();
    rig.write(0x4000_6300, 0x3d);
    rig.write_byte(ICIER, NACKF);
    address(&mut rig, 0x50 << 1);
    assert_eq!(rig.until(ICSR2, NACKF), us(90));
    assert!(rig.fabric.irq_level(0), "EEI");
    rig.write_byte(ICDRT, 1);
    rig.pass(us(500));
    assert_eq!(rig.read_byte(ICCR2) & 0x80, 0x80, "nothing follows");
    rig.write_byte(ICCR2, SP);
    assert_eq!(rig.until(ICSR2, STOP), us(10));
    // Pins that are not given away reach nobody.
    let mut rig = with_part();
    rig.give(1, 1, 0);
    address(&mut rig, 0x76 << 1);
    rig.until(ICSR2, NACKF);
}

#[test]
fn its_events_follow_its_flags() {
    let mut rig = with_part();
    for (line, event) in [0x3a, 0x3b, 0x3c, 0x3d].into_iter().enumerate() {
        rig.write(0x4000_6300 + 4 * line as u32, event);
    }
    rig.write_byte(ICIER, 0xfc);
    let taken = |rig: &mut Rig| -> Vec<bool> {
        (0..4)
            .map(|line| {
                let level = rig.fabric.irq_level(line);
                let addr = 0x4000_6300 + 4 * u32::from(line);
                let event = rig.read(addr);
                rig.write(addr, event & 0xff);
                level
            })
            .collect()
    };
    rig.write_byte(ICCR2, ST);
    rig.pass(us(10));
    assert_eq!(taken(&mut rig), [false, true, false, true], "TXI, EEI for START");
    rig.write_byte(ICDRT, 0x76 << 1);
    assert_eq!(taken(&mut rig), [false, true, false, false], "ICDRT is free again");
    rig.pass(us(90));
    assert_eq!(taken(&mut rig), [false, false, true, false], "TEI");
    rig.write_byte(ICCR2, RS);
    rig.pass(us(10));
    assert!(taken(&mut rig)[1], "TXI behind a repeated START");
    rig.write_byte(ICDRT, 0x76 << 1 | 1);
    rig.pass(us(90));
    assert!(taken(&mut rig)[0], "RXI");
}

#[test]
fn what_it_cannot_do_is_refused() {
    let mut rig = with_part();
    for (offset, value) in [(0x00, 0xa0), (0x00, 0x80), (0x04, 1 << 5), (0x16, 0x80)] {
        let stored = rig.chip.write(&mut rig.fabric, IIC1 + offset, value, AccessSize::Byte);
        assert_eq!(stored, Err(AccessFault::UnmodelledUse), "{offset:#x}");
    }
    rig.write_byte(ICCR1, 0x5f);
    assert_eq!(rig.read_byte(IIC1 + 0x10), 0xff, "IICRST without ICE resets everything");
    rig.write_byte(ICCR2, ST);
    rig.pass(us(100));
    assert_eq!(rig.read_byte(ICCR2), 0);
}
