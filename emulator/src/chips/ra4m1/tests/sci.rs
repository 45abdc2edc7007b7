//! SCI2 on P301 and P302.

use super::*;

const SCI2: u32 = 0x4007_0040;
const SCR: u32 = SCI2 + 2;
const TDR: u32 = SCI2 + 3;
const SSR: u32 = SCI2 + 4;
const RDR: u32 = SCI2 + 5;
const IELSR: u32 = 0x4000_6300;

/// 1 Mbaud of 48 MHz: BGDM and ABCS, 8 clocks × 6 a bit, 10 µs a frame. Lines 0 to 3 are RXI, TXI, TEI, ERI.
fn line() -> Rig {
    let mut rig = Rig::fast();
    rig.write(0x4004_08c4, 0x0401_0000);
    rig.write(0x4004_08c8, 0x0401_0000);
    rig.write_byte(SCI2 + 7, 0x50);
    rig.write_byte(SCI2 + 1, 5);
    for event in 0..4 {
        rig.write(IELSR + 4 * event, 0xa3 + event);
    }
    rig
}

fn us(us: u64) -> VirtualTime {
    VirtualTime::from_us(us)
}

/// The asserted lines; clears them.
fn lines(rig: &mut Rig) -> Vec<u16> {
    let lines: Vec<u16> = (0..4).filter(|line| rig.fabric.irq_level(*line)).collect();
    for line in &lines {
        rig.write(IELSR + 4 * u32::from(*line), 0xa3 + u32::from(*line));
    }
    lines
}

#[test]
fn a_byte_takes_its_time_and_one_waits_behind_it() {
    let mut rig = line();
    rig.write_byte(SCR, 0x20);
    assert_eq!(rig.read_byte(SSR), 0x84, "TDRE, TEND");
    rig.write_byte(TDR, 0x41);
    assert_eq!(rig.read_byte(SSR), 0x80);
    rig.write_byte(TDR, 0x42);
    assert_eq!(rig.read_byte(SSR), 0);
    rig.pass(us(10));
    assert_eq!((rig.sent(), rig.read_byte(SSR)), (b"A".to_vec(), 0x80));
    rig.pass(us(9));
    assert_eq!(rig.sent(), b"");
    rig.pass(us(1));
    assert_eq!((rig.sent(), rig.read_byte(SSR)), (b"B".to_vec(), 0x84));
}

#[test]
fn the_length_of_a_frame_follows_its_registers() {
    // SMR, SEMR, BRR, MDDR, nanoseconds at 48 MHz
    for (smr, semr, brr, mddr, ns) in [
        (0x00, 0x00, 12, 0xff, 86_667), // 115,385 baud
        (0x00, 0x10, 25, 0xff, 86_667), // ABCS
        (0x00, 0x50, 5, 0xff, 10_000),  // BGDM too
        (0x08, 0x50, 5, 0xff, 11_000),  // two stop bits
        (0x20, 0x50, 5, 0xff, 11_000),  // parity
        (0x01, 0x50, 5, 0xff, 40_000),  // PCLK / 4
        (0x00, 0x54, 2, 128, 10_000),   // BRME: half the clocks count
        (0x00, 0x08, 7, 0xff, 10_000),  // ABCSE
    ] {
        let mut rig = line();
        rig.write_byte(SCI2, smr);
        rig.write_byte(SCI2 + 1, brr);
        rig.write_byte(SCI2 + 7, semr);
        rig.write_byte(SCI2 + 0x12, mddr);
        rig.write_byte(SCR, 0x20);
        rig.write_byte(TDR, 0x55);
        rig.pass(VirtualTime::from_ns(ns - 1));
        assert_eq!(rig.sent(), b"", "SMR {smr:#x}, SEMR {semr:#x}, BRR {brr}");
        rig.pass(VirtualTime::from_ns(2));
        assert_eq!(rig.sent(), b"U", "SMR {smr:#x}, SEMR {semr:#x}, BRR {brr}");
    }
}

#[test]
fn sending_interrupts_when_there_is_room_and_when_it_ends() {
    let mut rig = line();
    rig.write_byte(SCR, 0x20);
    rig.write_byte(SCR, 0xa0);
    assert_eq!(lines(&mut rig), [0_u16; 0], "TIE after TE raises nothing");
    rig.write_byte(SCR, 0);
    rig.write_byte(SCR, 0xa0);
    assert_eq!(lines(&mut rig), [1], "TIE with TE does");
    rig.write_byte(TDR, 1);
    assert_eq!(lines(&mut rig), [1]);
    rig.write_byte(TDR, 2);
    assert_eq!(lines(&mut rig), [0_u16; 0]);
    rig.pass(us(10));
    assert_eq!(lines(&mut rig), [1]);
    rig.write_byte(SCR, 0x24);
    rig.pass(us(9));
    assert_eq!(lines(&mut rig), [0_u16; 0]);
    rig.pass(us(1));
    assert_eq!(lines(&mut rig), [2], "TEI");
}

#[test]
fn what_arrives_interrupts_and_what_is_not_fetched_is_an_overrun() {
    let mut rig = line();
    rig.write_byte(SCR, 0x50);
    rig.chip.uart_input(&mut rig.fabric, 2, b"abc");
    rig.pass(us(10));
    assert_eq!((lines(&mut rig), rig.read_byte(SSR) & 0x60), (vec![0], 0x40));
    rig.pass(us(10));
    assert_eq!((lines(&mut rig), rig.read_byte(SSR) & 0x60), (vec![3], 0x60), "ORER");
    assert_eq!(rig.read_byte(RDR), u32::from(b'a'));
    rig.pass(us(10));
    assert_eq!(
        rig.read_byte(SSR) & 0x60,
        0x20,
        "nothing is received until it is cleared"
    );
    rig.write_byte(SSR, 0xdf);
    rig.chip.uart_input(&mut rig.fabric, 2, b"d");
    rig.pass(us(10));
    assert_eq!((rig.read_byte(RDR), rig.read_byte(SSR) & 0x60), (u32::from(b'd'), 0));
}

#[test]
fn a_line_that_no_pin_carries_is_silent() {
    let mut rig = line();
    rig.write(0x4004_08c4, 0);
    rig.write(0x4004_08c8, 0);
    rig.write_byte(SCR, 0x30);
    rig.write_byte(TDR, 0x41);
    rig.chip.uart_input(&mut rig.fabric, 2, b"x");
    rig.pass(us(20));
    assert_eq!((rig.sent(), rig.read_byte(SSR) & 0x40), (vec![], 0));
}
