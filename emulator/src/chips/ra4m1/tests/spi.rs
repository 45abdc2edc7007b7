//! SPI1 with a W25Q32 on the Uno's bus, and in loopback.

use super::*;

const SPI1: u32 = 0x4007_2100;
const SPCR: u32 = SPI1;
const SPPCR: u32 = SPI1 + 2;
const SPSR: u32 = SPI1 + 3;
const SPDR: u32 = SPI1 + 4;
const SPDCR: u32 = SPI1 + 0xb;
const SPCMD0: u32 = SPI1 + 0x10;
const SPMS: u32 = 1;
const MSTR: u32 = 1 << 3;
const SPEIE: u32 = 1 << 4;
const SPTIE: u32 = 1 << 5;
const SPE: u32 = 1 << 6;
const SPRIE: u32 = 1 << 7;
const SPTEF: u32 = 1 << 5;
const SPRF: u32 = 1 << 7;
/// D10, which selects the part.
const SELECT: u32 = 0x4004_0870;

fn ns(ns: u64) -> VirtualTime {
    VirtualTime::from_ps(ns * 1_000)
}

/// SPI1 at 6 MHz with bytes on P111, P109 and P110.
fn with_part() -> Rig {
    let mut rig = Rig::with_part("w25q32");
    for pin in [9, 10, 11] {
        rig.give(1, pin, 6);
    }
    rig.write(SELECT, 5);
    rig.write_byte(SPI1 + 0xa, 3);
    rig.write_byte(SPDCR, 1 << 6);
    rig.write_half(SPCMD0, 0x0700);
    rig
}

/// Exchanges bytes, one after the other.
fn exchange(rig: &mut Rig, bytes: &[u32]) -> Vec<u32> {
    let exchanged = bytes.iter().map(|byte| {
        rig.write_byte(SPDR, *byte);
        rig.until(SPSR, SPRF);
        rig.read_byte(SPDR)
    });
    exchanged.collect()
}

#[test]
fn a_memory_tells_its_id_while_it_is_selected() {
    let mut rig = with_part();
    rig.write_byte(SPCR, SPE | MSTR | SPMS);
    rig.write(SELECT, 4);
    assert_eq!(exchange(&mut rig, &[0x9f, 0, 0, 0])[1..], [0xef, 0x40, 0x16]);
    rig.write(SELECT, 5);
    assert_eq!(exchange(&mut rig, &[0x9f, 0]), [0, 0]);
}

#[test]
fn a_frame_takes_its_time_and_one_waits_behind_it() {
    let mut rig = with_part();
    rig.write_byte(SPCR, SPE | MSTR | SPMS);
    assert_eq!(rig.read_byte(SPSR), SPTEF);
    rig.write_byte(SPDR, 1);
    assert_eq!(rig.read_byte(SPSR), SPTEF | 2, "it is on the line");
    rig.write_byte(SPDR, 2);
    assert_eq!(rig.read_byte(SPSR), 2);
    // Eight bits of 48 MHz by 8.
    rig.pass(ns(1_333));
    assert_eq!(rig.read_byte(SPSR), 2);
    rig.pass(ns(1));
    assert_eq!(rig.read_byte(SPSR), SPRF | SPTEF | 2);
    rig.pass(ns(1_333));
    assert_eq!(
        rig.read_byte(SPSR),
        SPRF | SPTEF | 1,
        "nobody fetched the first: an overrun"
    );
    rig.write_byte(SPSR, !1);
    rig.read_byte(SPDR);
    assert_eq!(rig.read_byte(SPSR), SPTEF);
    // BRDV, and 16 bits.
    rig.write_byte(SPDCR, 0);
    rig.write_half(SPCMD0, 0x0f04);
    rig.write_half(SPDR, 0x1234);
    rig.pass(ns(5_333));
    assert_eq!(rig.read_byte(SPSR) & SPRF, 0);
    rig.pass(ns(1));
    assert_eq!(rig.read_byte(SPSR) & SPRF, SPRF);
}

#[test]
fn ssl0_is_low_around_each_frame() {
    let mut rig = with_part();
    rig.give(1, 12, 6);
    rig.fabric.take_pin_changes();
    rig.write_byte(SPCR, SPE | MSTR);
    rig.write_byte(SPDR, 0x9f);
    rig.pass(VirtualTime::from_us(3));
    let changes = rig.fabric.take_pin_changes().into_iter().filter(|it| it.pin == 32 + 12);
    let changes: Vec<_> = changes.map(|it| (it.at.as_ns(), it.level)).collect();
    // Eight bits, three delays of a bit, two cycles of PCLKA: 90 of 48 MHz.
    assert_eq!(changes, [(0, Some(true)), (0, Some(false)), (1_875, Some(true))]);
}

#[test]
fn its_events_follow_its_flags() {
    let mut rig = with_part();
    for (line, event) in [0xb2, 0xb3, 0xb4, 0xb5, 0xb6].into_iter().enumerate() {
        rig.write(0x4000_6300 + 4 * line as u32, event);
    }
    let taken = |rig: &mut Rig| -> Vec<bool> {
        (0..5)
            .map(|line| {
                let level = rig.fabric.irq_level(line);
                let addr = 0x4000_6300 + 4 * u32::from(line);
                let event = rig.read(addr);
                rig.write(addr, event & 0xff);
                level
            })
            .collect()
    };
    rig.write_byte(SPI1 + 0xf, 1 << 2);
    rig.write_byte(SPCR, SPE | MSTR | SPMS | SPTIE | SPRIE | SPEIE);
    assert_eq!(
        taken(&mut rig),
        [false, true, true, false, false],
        "there is room, and it is idle"
    );
    rig.write_byte(SPDR, 1);
    rig.write_byte(SPDR, 2);
    assert_eq!(taken(&mut rig), [false, true, false, false, false]);
    rig.pass(ns(1_334));
    assert_eq!(taken(&mut rig), [true, true, false, false, false], "received");
    rig.pass(ns(1_334));
    assert_eq!(
        taken(&mut rig),
        [false, false, true, true, true],
        "idle, an overrun, the end"
    );
}

#[test]
fn loopback_returns_frames_of_each_length_and_order() {
    let mut rig = with_part();
    rig.write_byte(SPPCR, 2);
    rig.write_byte(SPDCR, 1 << 5);
    rig.write_byte(SPCR, SPE | MSTR | SPMS);
    for (spcmd, sent, received) in [
        (0x0200, 0x8123_4567, 0x8123_4567),
        (0x0100, 0xff12_3456, 0x0012_3456),
        (0x1b00, 0x0000_ffff, 0x0fff),
    ] {
        rig.write_half(SPCMD0, spcmd);
        rig.write(SPDR, sent);
        rig.until(SPSR, SPRF);
        assert_eq!(rig.read(SPDR), received, "{spcmd:#x}");
    }
    rig.write_byte(SPPCR, 1);
    rig.write_half(SPCMD0, 0x0700);
    rig.write(SPDR, 0x0f);
    rig.until(SPSR, SPRF);
    assert_eq!(rig.read(SPDR), 0xf0, "SPLP inverts");
}

#[test]
fn the_order_of_bits_is_on_the_line() {
    let mut rig = with_part();
    rig.write_half(SPCMD0, 0x1700);
    rig.write_byte(SPCR, SPE | MSTR | SPMS);
    rig.write(SELECT, 4);
    let turned: Vec<u32> = exchange(&mut rig, &[0xf9, 0, 0]);
    assert_eq!(turned[1..], [0xf7, 0x02], "0x9f, 0xef and 0x40 the other way round");
}

#[test]
fn what_it_cannot_do_is_refused() {
    let mut rig = with_part();
    let stored = rig.chip.write(&mut rig.fabric, SPCMD0, 0x0710, AccessSize::Half);
    assert_eq!(stored, Err(AccessFault::UnmodelledUse), "SSL1");
    for (addr, value) in [(SPCR, SPE), (SPCR, SPE | MSTR | 4), (SPI1 + 0xf, 1)] {
        let stored = rig.chip.write(&mut rig.fabric, addr, value, AccessSize::Byte);
        assert_eq!(stored, Err(AccessFault::UnmodelledUse), "{value:#x}");
    }
    let stored = rig.chip.write(&mut rig.fabric, SPDR, 1, AccessSize::Half);
    assert_eq!(stored, Err(AccessFault::Width), "SPBYT is set");
}
