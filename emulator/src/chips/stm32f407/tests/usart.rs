//! USART.

use super::*;

const USART2: u32 = 0x4000_4400;
const SR: u32 = USART2;
const DR: u32 = USART2 + 0x04;
const BRR: u32 = USART2 + 0x08;
const CR1: u32 = USART2 + 0x0c;
const IRQ: u16 = 38;
const RXNE: u32 = 1 << 5;
const TC: u32 = 1 << 6;
const TXE: u32 = 1 << 7;

/// USART2 on PA2 and PA3 at 1 Mbaud of 16 MHz: 10 µs a frame.
pub(super) fn line() -> Rig {
    let mut rig = Rig::clocked();
    rig.write(0x4002_0000, 0xa800_00a0);
    rig.write(0x4002_0020, 0x7700);
    rig.write(BRR, 16);
    rig.write(CR1, 0x200c);
    rig
}

pub(super) fn input(rig: &mut Rig, bytes: &[u8]) {
    rig.chip.uart_input(&mut rig.fabric, 1, bytes);
}

fn us(us: u64) -> VirtualTime {
    VirtualTime::from_us(us)
}

#[test]
fn a_byte_takes_its_time_and_one_waits_behind_it() {
    let mut rig = line();
    assert_eq!(rig.read(SR), TXE | TC);
    rig.write(DR, 0x41);
    assert_eq!(rig.read(SR), TXE, "it is in the shift register");
    rig.write(DR, 0x42);
    assert_eq!(rig.read(SR), 0, "and one in the data register");
    rig.pass(us(10));
    assert_eq!((rig.read(SR), rig.sent()), (TXE, b"A".to_vec()));
    rig.pass(us(9));
    assert_eq!(rig.sent(), b"");
    rig.pass(us(1));
    assert_eq!((rig.read(SR), rig.sent()), (TXE | TC, b"B".to_vec()));
}

#[test]
fn the_length_of_a_frame_follows_its_registers() {
    // BRR, CR1, CR2, nanoseconds at 16 MHz
    for (brr, cr1, cr2, ns) in [
        (139, 0x200c, 0, 86_875),      // 115,108 baud
        (1_667, 0x200c, 0, 1_041_875), // 9,598 baud
        (16, 0x200c, 0x2000, 11_000),  // two stop bits
        (16, 0x340c, 0, 11_000),       // 8 bits and parity
        (0x10, 0xa00c, 0, 5_000),      // OVER8: 2 Mbaud
        (0x13, 0xa00c, 0, 6_875),      // OVER8: 11 clocks
    ] {
        let mut rig = line();
        rig.write(BRR, brr);
        rig.write(USART2 + 0x10, cr2);
        rig.write(CR1, cr1);
        rig.write(DR, 0x55);
        rig.pass(VirtualTime::from_ns(ns - 1));
        assert_eq!(rig.sent(), b"", "BRR {brr}, CR1 {cr1:#x}");
        rig.pass(VirtualTime::from_ns(2));
        assert_eq!(rig.sent(), b"U", "BRR {brr}, CR1 {cr1:#x}");
    }
}

#[test]
fn its_interrupts_follow_flags_and_enables() {
    for (enable, before, after) in [(1 << 7, true, true), (1 << 6, true, false), (1 << 5, false, false)] {
        let mut rig = line();
        rig.write(CR1, 0x200c | enable);
        assert_eq!(rig.fabric.irq_level(IRQ), before, "{enable:#x}");
        rig.write(DR, 0);
        assert_eq!(rig.fabric.irq_level(IRQ), after, "{enable:#x}");
    }
    let mut rig = line();
    rig.write(CR1, 0x202c);
    input(&mut rig, b"x");
    rig.pass(us(10));
    assert!(rig.fabric.irq_level(IRQ));
    assert_eq!(rig.read(DR), u32::from(b'x'));
    assert!(!rig.fabric.irq_level(IRQ), "reading DR clears RXNE");
}

#[test]
fn what_is_not_fetched_in_time_is_an_overrun() {
    let mut rig = line();
    input(&mut rig, b"abc");
    rig.pass(us(25));
    assert_eq!(rig.read(SR) & 0x28, 0x28, "RXNE, ORE");
    assert_eq!(rig.read(DR), u32::from(b'a'));
    assert_eq!(rig.read(SR) & 0x28, 0, "SR then DR clears ORE");
    rig.pass(us(5));
    assert_eq!(rig.read(DR), u32::from(b'c'), "b is lost");
}

#[test]
fn the_line_is_idle_one_frame_after_the_last_byte() {
    let mut rig = line();
    rig.write(CR1, 0x201c);
    input(&mut rig, b"ab");
    rig.pass(us(29));
    assert!(!rig.fabric.irq_level(IRQ));
    rig.pass(us(1));
    assert_eq!(rig.read(SR) & 1 << 4, 1 << 4);
    assert!(rig.fabric.irq_level(IRQ));
    rig.read(DR);
    assert!(!rig.fabric.irq_level(IRQ));
    rig.pass(us(100));
    assert_eq!(rig.read(SR) & 1 << 4, 0, "once");
}

#[test]
fn a_line_that_no_pin_carries_is_silent() {
    let mut rig = line();
    rig.write(0x4002_0020, 0);
    rig.write(DR, 0x41);
    input(&mut rig, b"x");
    rig.pass(us(20));
    assert_eq!((rig.sent(), rig.read(SR) & RXNE), (vec![], 0));
    // USART2 is on PD5 and PD6 too.
    rig.write(0x4002_0c00, 0xa << 10);
    rig.write(0x4002_0c20, 0x0770_0000);
    rig.write(DR, 0x42);
    input(&mut rig, b"y");
    rig.pass(us(20));
    assert_eq!((rig.sent(), rig.read(DR)), (b"B".to_vec(), u32::from(b'y')));
}

#[test]
fn each_usart_has_its_line_and_number() {
    for (index, base, irq) in [
        (0_u8, 0x4001_1000, 37),
        (1, 0x4000_4400, 38),
        (2, 0x4000_4800, 39),
        (3, 0x4000_4c00, 52),
        (4, 0x4000_5000, 53),
        (5, 0x4001_1400, 71),
    ] {
        let mut rig = Rig::clocked();
        // Every pin at the function of its USARTs.
        for port in 0..9 {
            let gpio = 0x4002_0000 + port * 0x400;
            rig.write(gpio, 0xaaaa_aaaa);
            let function = if index < 3 { 0x7777_7777 } else { 0x8888_8888 };
            rig.write(gpio + 0x20, function);
            rig.write(gpio + 0x24, function);
        }
        rig.write(base + 0x08, 16);
        rig.write(base + 0x0c, 0x202c);
        rig.write(base + 0x04, 0x41);
        rig.chip.uart_input(&mut rig.fabric, index, b"x");
        rig.pass(us(20));
        let output = rig.fabric.take_uart_output();
        assert_eq!((output[0].index, output[0].bytes.as_slice()), (index, b"A".as_slice()));
        assert!(rig.fabric.irq_level(irq), "USART{}", index + 1);
    }
}
