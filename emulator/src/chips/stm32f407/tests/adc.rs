//! ADC1 with a potentiometer on the Discovery's PA1.

use super::*;
use crate::parts::Parts;
use drydock_assets::{PartChoice, part_kinds};

const ADC1: u32 = 0x4001_2000;
const SR: u32 = ADC1;
const CR1: u32 = ADC1 + 0x04;
const CR2: u32 = ADC1 + 0x08;
const SMPR2: u32 = ADC1 + 0x10;
const SQR1: u32 = ADC1 + 0x2c;
const SQR3: u32 = ADC1 + 0x34;
const DR: u32 = ADC1 + 0x4c;
const CCR: u32 = ADC1 + 0x304;
const DAC: u32 = 0x4000_7400;
const DMA2: u32 = 0x4002_6400;
const RAM: u32 = 0x2000_1000;
const ADC_IRQ: u16 = 18;

const EOC: u32 = 2;
const STRT: u32 = 1 << 4;
const OVR: u32 = 1 << 5;
const ADON: u32 = 1;
const CONT: u32 = 2;
const DMA: u32 = 1 << 8;
const DDS: u32 = 1 << 9;
const EOCS: u32 = 1 << 10;
const SWSTART: u32 = 1 << 30;
const SCAN: u32 = 1 << 8;

/// ADCCLK is 8 MHz, half of PCLK2; a potentiometer at a quarter is on channel 1.
fn with_part() -> Rig {
    let mut board = drydock_assets::board("stm32f4-discovery").unwrap();
    let choice = PartChoice {
        kind: "potentiometer".to_owned(),
        values: [("position".to_owned(), 25.0)].into(),
        ..PartChoice::default()
    };
    board.add_part(&choice, part_kinds()).unwrap();
    let mut rig = Rig::clocked();
    for offset in [0x10, 0x14, 0x18, 0x20, 0x24] {
        rig.write(super::super::map::RCC + offset, 0);
    }
    rig.fabric.wire_parts(Parts::of(&board));
    rig.write(SQR3, 1);
    rig.write(CR2, ADON);
    rig
}

fn ns(ns: u64) -> VirtualTime {
    VirtualTime::from_ns(ns)
}

#[test]
fn a_conversion_takes_sampling_and_bits() {
    // SMP, RES, cycles of 125 ns, result of a quarter
    for (smp, res, cycles, result) in [
        (0, 0, 15, 1_024),
        (0, 1, 13, 256),
        (0, 2, 11, 64),
        (0, 3, 9, 16),
        (3, 0, 68, 1_024),
        (7, 0, 492, 1_024),
    ] {
        let mut rig = with_part();
        rig.write(SMPR2, smp << 3);
        rig.write(CR1, res << 24 | 1 << 5);
        rig.write(CR2, ADON | SWSTART);
        assert_eq!((rig.read(SR), rig.read(CR2) & SWSTART), (STRT, 0));
        rig.pass(ns(cycles * 125 - 1));
        assert_eq!(rig.read(SR) & EOC, 0, "{smp} {res}");
        assert!(!rig.fabric.irq_level(ADC_IRQ));
        rig.pass(ns(1));
        assert!(rig.fabric.irq_level(ADC_IRQ), "{smp} {res}");
        assert_eq!(rig.read(DR), result, "{smp} {res}");
        assert!(!rig.fabric.irq_level(ADC_IRQ), "DR clears EOC");
        assert_eq!(rig.read(SR), STRT);
    }
    // ADCPRE: PCLK2 by 8; left-aligned
    let mut rig = with_part();
    rig.write(CCR, 3 << 16);
    rig.write(CR2, ADON | SWSTART | 1 << 11);
    rig.pass(ns(15 * 500 - 1));
    assert_eq!(rig.read(SR) & EOC, 0);
    rig.pass(ns(1));
    assert_eq!(rig.read(DR), 1_024 << 4);
}

#[test]
fn nothing_starts_without_adon_or_behind_an_overrun() {
    let mut rig = with_part();
    rig.write(CR2, 0);
    rig.write(CR2, ADON | SWSTART);
    rig.pass(ns(100_000));
    assert_eq!(rig.read(SR), 0, "ADON was not yet set");
    rig.write(CR2, ADON | CONT | EOCS | SWSTART);
    rig.pass(ns(15 * 125 * 2));
    assert_eq!(rig.read(SR), OVR | EOC | STRT);
    rig.write(SR, !OVR);
    rig.write(CR1, 1 << 26);
    assert!(!rig.fabric.irq_level(ADC_IRQ));
    assert_eq!(rig.read(DR), 1_024);
    rig.pass(ns(100_000));
    assert_eq!(rig.read(SR) & EOC, 0, "an overrun ends the conversions");
}

#[test]
fn the_chips_own_channels_and_pins_with_levels() {
    // Channel, CCR, result
    for (channel, common, result) in [
        (16, 1 << 23, 943), // 0.76 V
        (17, 1 << 23, 1_501),
        (18, 1 << 22, 2_048),
        (17, 0, 0),
        (4, 0, 4_095), // PA4, high from outside
        (5, 0, 0),
    ] {
        let mut rig = with_part();
        rig.chip.pin_input(&mut rig.fabric, 4, Some(true));
        rig.write(CCR, common);
        rig.write(SQR3, channel);
        rig.write(CR2, ADON | SWSTART);
        rig.pass(ns(50_000));
        assert_eq!(rig.read(DR), result, "channel {channel}");
    }
    let mut rig = Rig::new();
    let cal = [0x1fff_7a2a, 0x1fff_7a2c, 0x1fff_7a2e];
    let cal = cal.map(|addr| rig.chip.read(&mut rig.fabric, addr, AccessSize::Half));
    assert_eq!(cal, [Ok(1_501), Ok(958), Ok(1_207)]);
}

#[test]
fn the_dac_is_heard_at_its_pins() {
    let mut rig = with_part();
    // Channel, register, value, what ADC converts on channels 4 and 5
    for (enabled, register, value, results) in [
        (1, 0x08, 0x123, [0x123, 0]),
        (1, 0x0c, 0x1230, [0x123, 0]),
        (1, 0x10, 0x12, [0x120, 0]),
        (1 << 16, 0x14, 0xabc, [0, 0xabc]),
        (1 | 1 << 16, 0x20, 0x0abc_0123, [0x123, 0xabc]),
        (1 | 1 << 16, 0x24, 0xabc0_1230, [0x123, 0xabc]),
        (1 | 1 << 16, 0x28, 0xab12, [0x120, 0xab0]),
    ] {
        rig.write(DAC, 0);
        rig.write(DAC + 0x20, 0);
        rig.write(DAC, enabled);
        rig.write(DAC + register, value);
        let heard = [4, 5].map(|channel| {
            rig.write(SQR3, channel);
            rig.write(CR2, ADON | SWSTART);
            rig.pass(ns(50_000));
            // The voltage is whole microvolts, a step is 806.
            rig.read(DR)
        });
        for (heard, result) in heard.into_iter().zip(results) {
            assert!(
                result - heard <= 1,
                "{enabled:#x} {register:#x}: {heard:#x}, not {result:#x}"
            );
        }
        assert_eq!(rig.read(DAC + 0x08), rig.read(DAC + 0x0c) >> 4);
    }
    // TEN with TSEL 7: the output waits for software.
    rig.write(DAC, 0x3d);
    let before = rig.read(DAC + 0x2c);
    rig.write(DAC + 0x08, 0x777);
    assert_eq!(rig.read(DAC + 0x2c), before);
    rig.write(DAC + 0x04, 2);
    assert_eq!(rig.read(DAC + 0x2c), before, "the other channel's trigger");
    rig.write(DAC + 0x04, 1);
    assert_eq!(rig.read(DAC + 0x2c), 0x777);
    for value in [1 << 2, 1 << 6, 1 << 12, 1 << 18, 1 << 23] {
        assert_eq!(rig.try_write(DAC, value), Err(AccessFault::UnmodelledUse), "{value:#x}");
    }
    assert_eq!(rig.try_write(DAC + 0x2c, 0), Err(AccessFault::Denied));
}

#[test]
fn a_sequence_goes_to_memory() {
    let mut rig = with_part();
    rig.write(CCR, 1 << 23);
    // Channels 1, 17, 1, and at the seventh place 17.
    rig.write(SQR1, 6 << 20);
    rig.write(SQR3, 1 | 17 << 5 | 1 << 10);
    rig.write(ADC1 + 0x30, 17);
    rig.write(CR1, SCAN);
    let stream = DMA2 + 0x10;
    rig.write(stream + 0x04, 7);
    rig.write(stream + 0x08, DR);
    rig.write(stream + 0x0c, RAM);
    rig.write(stream, 1 << 13 | 1 << 11 | 1 << 10 | 1);
    rig.write(CR2, ADON | CONT | DMA | SWSTART);
    rig.pass(ns(7 * 15 * 125));
    let mut bytes = [0; 14];
    rig.fabric.memory().read(RAM, &mut bytes).unwrap();
    let halves: Vec<u16> = bytes.chunks(2).map(|it| u16::from_le_bytes([it[0], it[1]])).collect();
    assert_eq!(halves, [1_024, 1_501, 1_024, 0, 0, 0, 1_501]);
    assert_eq!(rig.read(stream) & 1, 0);
    // Without DDS the transfer's end ends the requests, and there is no overrun.
    rig.pass(ns(100_000));
    assert_eq!(rig.read(SR) & OVR, 0);

    // With DDS a ring goes on.
    let mut rig = with_part();
    rig.write(stream + 0x04, 2);
    rig.write(stream + 0x08, DR);
    rig.write(stream + 0x0c, RAM);
    rig.write(stream, 1 << 13 | 1 << 11 | 1 << 10 | 1 << 8 | 1);
    rig.write(CR2, ADON | CONT | DMA | DDS | SWSTART);
    rig.pass(ns(3 * 15 * 125));
    assert_eq!(rig.read(stream + 4), 1, "the second round");
    // The same without it stands still, and DMA that is set anew goes on.
    let mut rig = with_part();
    rig.write(stream + 0x04, 2);
    rig.write(stream + 0x08, DR);
    rig.write(stream + 0x0c, RAM);
    rig.write(stream, 1 << 13 | 1 << 11 | 1 << 10 | 1 << 8 | 1);
    rig.write(CR2, ADON | CONT | DMA | SWSTART);
    rig.pass(ns(3 * 15 * 125));
    assert_eq!(rig.read(stream + 4), 2, "no further request");
    rig.write(CR2, ADON);
    rig.write(CR2, ADON | CONT | DMA);
    assert_eq!(rig.read(stream + 4), 1);
}

#[test]
fn the_watchdog_looks_at_its_channel() {
    // CR1, HTR, LTR, whether AWD rises for 1,024 on channel 1
    for (cr1, high, low, rises) in [
        (1 << 23, 1_023, 0, true),
        (1 << 23, 1_024, 1_024, false),
        (1 << 23, 0xfff, 1_025, true),
        (1 << 23 | 1 << 9 | 1, 1_023, 0, true),
        (1 << 23 | 1 << 9 | 2, 1_023, 0, false),
        (0, 0, 0, false),
    ] {
        let mut rig = with_part();
        rig.write(CR1, cr1 | 1 << 6);
        rig.write(ADC1 + 0x24, high);
        rig.write(ADC1 + 0x28, low);
        rig.write(CR2, ADON | SWSTART);
        rig.pass(ns(15 * 125));
        assert_eq!(rig.fabric.irq_level(ADC_IRQ), rises, "{cr1:#x} {high} {low}");
        assert_eq!(rig.read(SR) & 1, u32::from(rises));
    }
}

#[test]
fn each_converter_has_its_clock_and_what_is_not_modelled_is_refused() {
    let mut rig = Rig::new();
    rig.write(super::super::map::RCC + 0x44, 1 << 9);
    assert_eq!(rig.read(ADC1 + 0x124), 0xfff, "ADC2");
    rig.write(CCR, 1 << 16);
    assert_eq!(rig.faults(), []);
    assert_eq!(rig.read(ADC1 + 0x24), 0);
    assert_eq!(rig.faults(), [AccessFault::Unclocked]);
    let mut rig = with_part();
    for (addr, value) in [
        (CR1, 1 << 10),
        (CR1, 1 << 11),
        (CR2, ADON | 1 << 28),
        (CR2, ADON | 1 << 22),
        (CCR, 6),
    ] {
        assert_eq!(
            rig.try_write(addr, value),
            Err(AccessFault::UnmodelledUse),
            "{addr:#x} {value:#x}"
        );
    }
    assert_eq!(rig.try_write(DR, 0), Err(AccessFault::Denied));
}
