//! SCI2 on P301 and P302.

use super::*;

const SCI2: u32 = 0x4007_0040;
const SCR: u32 = SCI2 + 2;
const TDR: u32 = SCI2 + 3;
const SSR: u32 = SCI2 + 4;
const RDR: u32 = SCI2 + 5;
const IELSR: u32 = 0x4000_6300;

/// 1 Mbaud of 48 MHz: BGDM and ABCS, 8 clocks × 6 a bit, 10 µs a frame. Lines 0 to 3 are RXI, TXI, TEI, ERI.
fn line() -> Bench {
    let mut bench = Bench::fast();
    bench.write(0x4004_08c4, 0x0401_0000);
    bench.write(0x4004_08c8, 0x0401_0000);
    bench.write_byte(SCI2 + 7, 0x50);
    bench.write_byte(SCI2 + 1, 5);
    for event in 0..4 {
        bench.write(IELSR + 4 * event, 0xa3 + event);
    }
    bench
}

fn us(us: u64) -> VirtualTime {
    VirtualTime::from_us(us)
}

/// Which lines are asserted; they are cleared.
fn lines(bench: &mut Bench) -> Vec<u16> {
    let lines: Vec<u16> = (0..4).filter(|line| bench.fabric.irq_level(*line)).collect();
    for line in &lines {
        bench.write(IELSR + 4 * u32::from(*line), 0xa3 + u32::from(*line));
    }
    lines
}

#[test]
fn a_byte_takes_its_time_and_one_waits_behind_it() {
    let mut bench = line();
    bench.write_byte(SCR, 0x20);
    assert_eq!(bench.read_byte(SSR), 0x84, "TDRE, TEND");
    bench.write_byte(TDR, 0x41);
    assert_eq!(bench.read_byte(SSR), 0x80);
    bench.write_byte(TDR, 0x42);
    assert_eq!(bench.read_byte(SSR), 0);
    bench.pass(us(10));
    assert_eq!((bench.sent(), bench.read_byte(SSR)), (b"A".to_vec(), 0x80));
    bench.pass(us(9));
    assert_eq!(bench.sent(), b"");
    bench.pass(us(1));
    assert_eq!((bench.sent(), bench.read_byte(SSR)), (b"B".to_vec(), 0x84));
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
        let mut bench = line();
        bench.write_byte(SCI2, smr);
        bench.write_byte(SCI2 + 1, brr);
        bench.write_byte(SCI2 + 7, semr);
        bench.write_byte(SCI2 + 0x12, mddr);
        bench.write_byte(SCR, 0x20);
        bench.write_byte(TDR, 0x55);
        bench.pass(VirtualTime::from_ns(ns - 1));
        assert_eq!(bench.sent(), b"", "SMR {smr:#x}, SEMR {semr:#x}, BRR {brr}");
        bench.pass(VirtualTime::from_ns(2));
        assert_eq!(bench.sent(), b"U", "SMR {smr:#x}, SEMR {semr:#x}, BRR {brr}");
    }
}

#[test]
fn sending_interrupts_when_there_is_room_and_when_it_ends() {
    let mut bench = line();
    bench.write_byte(SCR, 0x20);
    bench.write_byte(SCR, 0xa0);
    assert_eq!(lines(&mut bench), [0_u16; 0], "TIE after TE raises nothing");
    bench.write_byte(SCR, 0);
    bench.write_byte(SCR, 0xa0);
    assert_eq!(lines(&mut bench), [1], "TIE with TE does");
    bench.write_byte(TDR, 1);
    assert_eq!(lines(&mut bench), [1]);
    bench.write_byte(TDR, 2);
    assert_eq!(lines(&mut bench), [0_u16; 0]);
    bench.pass(us(10));
    assert_eq!(lines(&mut bench), [1]);
    bench.write_byte(SCR, 0x24);
    bench.pass(us(9));
    assert_eq!(lines(&mut bench), [0_u16; 0]);
    bench.pass(us(1));
    assert_eq!(lines(&mut bench), [2], "TEI");
}

#[test]
fn what_arrives_interrupts_and_what_is_not_fetched_is_an_overrun() {
    let mut bench = line();
    bench.write_byte(SCR, 0x50);
    bench.chip.uart_input(&mut bench.fabric, 2, b"abc");
    bench.pass(us(10));
    assert_eq!((lines(&mut bench), bench.read_byte(SSR) & 0x60), (vec![0], 0x40));
    bench.pass(us(10));
    assert_eq!(
        (lines(&mut bench), bench.read_byte(SSR) & 0x60),
        (vec![3], 0x60),
        "ORER"
    );
    assert_eq!(bench.read_byte(RDR), u32::from(b'a'));
    bench.pass(us(10));
    assert_eq!(
        bench.read_byte(SSR) & 0x60,
        0x20,
        "nothing is received until it is cleared"
    );
    bench.write_byte(SSR, 0xdf);
    bench.chip.uart_input(&mut bench.fabric, 2, b"d");
    bench.pass(us(10));
    assert_eq!(
        (bench.read_byte(RDR), bench.read_byte(SSR) & 0x60),
        (u32::from(b'd'), 0)
    );
}

#[test]
fn a_line_that_no_pin_carries_is_silent() {
    let mut bench = line();
    bench.write(0x4004_08c4, 0);
    bench.write(0x4004_08c8, 0);
    bench.write_byte(SCR, 0x30);
    bench.write_byte(TDR, 0x41);
    bench.chip.uart_input(&mut bench.fabric, 2, b"x");
    bench.pass(us(20));
    assert_eq!((bench.sent(), bench.read_byte(SSR) & 0x40), (vec![], 0));
}
