//! AGT and GPT.

use super::*;

const AGT0: u32 = 0x4008_4000;
const AGT1: u32 = 0x4008_4100;
const GPT0: u32 = 0x4007_8000;
const GPT3: u32 = 0x4007_8300;
const IELSR: u32 = 0x4000_6300;

fn us(us: u64) -> VirtualTime {
    VirtualTime::from_us(us)
}

#[test]
fn agt_counts_down_and_underflows() {
    let mut rig = Rig::fast();
    rig.write(IELSR, 0x1e);
    // PCLKB / 8: 6 MHz.
    rig.write_byte(AGT0 + 9, 0x10);
    rig.write_half(AGT0, 599);
    rig.write_byte(AGT0 + 8, 1);
    assert_eq!(rig.read_byte(AGT0 + 8), 3, "TSTART, TCSTF");
    rig.pass(us(50));
    assert_eq!(rig.read_half(AGT0), 299);
    rig.pass(us(49));
    assert!(!rig.fabric.irq_level(0));
    rig.pass(us(1));
    assert!(rig.fabric.irq_level(0));
    assert_eq!(
        (rig.read_byte(AGT0 + 8), rig.read_half(AGT0)),
        (0x23, 599),
        "TUNDF, reloaded"
    );
    rig.write_byte(AGT0 + 8, 1);
    assert_eq!(rig.read_byte(AGT0 + 8), 3);
    rig.write(IELSR, 0x1e);
    rig.pass(us(100));
    assert!(rig.fabric.irq_level(0), "again");
    rig.write_byte(AGT0 + 8, 0);
    rig.pass(us(30));
    assert_eq!(rig.read_half(AGT0), 599, "stopped");
}

#[test]
fn agt_compares_and_runs_on_loco() {
    let mut rig = Rig::fast();
    rig.write(IELSR, 0x22);
    rig.write_byte(AGT1 + 9, 0x40);
    rig.write_half(AGT1, 32_767);
    rig.write_half(AGT1 + 2, 16_383);
    rig.write_byte(AGT1 + 0xe, 1);
    rig.write_byte(AGT1 + 8, 1);
    rig.pass(VirtualTime::from_ms(499));
    assert!(!rig.fabric.irq_level(0));
    // An edge of LOCO is late by half a microsecond at most.
    rig.pass(us(1_001));
    assert!(rig.fabric.irq_level(0), "compare match A");
    rig.pass(VirtualTime::from_ms(500));
    assert_eq!(rig.read_byte(AGT1 + 8), 0x63, "TCMAF, TUNDF");
}

/// Times of the first edges of LOCO, in steps of 10 ns.
fn edges(rig: &mut Rig) -> Vec<u64> {
    rig.write_byte(AGT0 + 9, 0x40);
    rig.write_half(AGT0, 0xffff);
    rig.write_byte(AGT0 + 8, 1);
    let (mut found, mut last) = (Vec::new(), 0xffff);
    for step in 0..100_000 {
        rig.pass(VirtualTime::from_ps(10_000));
        let now = rig.read_half(AGT0);
        assert!(now == last || now == last - 1, "it never goes back nor leaps");
        if now != last {
            found.push(step);
        }
        last = now;
    }
    rig.write_byte(AGT0 + 8, 0);
    found
}

#[test]
fn loco_wavers_by_noise_of_the_machine() {
    let mut rig = Rig::fast();
    let (first, second) = (edges(&mut rig), edges(&mut rig));
    assert_eq!((first.len(), second.len()), (32, 32));
    let periods = |edges: &[u64]| -> Vec<u64> { edges.windows(2).map(|pair| pair[1] - pair[0]).collect() };
    let (first, second) = (periods(&first), periods(&second));
    assert_ne!(first, second, "each count has its own");
    let within = 3_051 - 48..=3_052 + 48;
    assert!(first.iter().all(|period| within.contains(period)), "{first:?}");
    let distinct: std::collections::BTreeSet<_> = first.iter().collect();
    assert!(distinct.len() > 16, "{first:?}");
    assert_eq!(
        periods(&edges(&mut Rig::fast())),
        first,
        "the same machine wavers the same"
    );
}

#[test]
fn gpt_counts_up_overflows_and_compares() {
    let mut rig = Rig::fast();
    rig.write(IELSR, 0x5d + 8 * 3);
    rig.write(IELSR + 4, 0x57 + 8 * 3);
    // PCLKD / 16: 3 MHz.
    rig.write(GPT3 + 0x64, 2_999);
    rig.write(GPT3 + 0x4c, 1_500);
    rig.write(GPT3 + 0x2c, 2 << 24 | 1);
    rig.pass(us(499));
    assert_eq!((rig.read(GPT3 + 0x48), rig.fabric.irq_level(1)), (1_497, false));
    rig.pass(us(1));
    assert!(rig.fabric.irq_level(1), "compare match A");
    rig.pass(us(499));
    assert!(!rig.fabric.irq_level(0));
    rig.pass(us(1));
    assert!(rig.fabric.irq_level(0), "overflow");
    assert_eq!(
        (rig.read(GPT3 + 0x48), rig.read(GPT3 + 0x3c)),
        (0, 0x8041),
        "TUCF, TCFPO, TCFA"
    );
    rig.write(GPT3 + 0x3c, 0);
    assert_eq!(rig.read(GPT3 + 0x3c), 0x8000);
}

#[test]
fn gpt_is_started_and_stopped_by_either_register() {
    let mut rig = Rig::fast();
    rig.write(GPT0 + 0x04, 1);
    rig.pass(us(1_000));
    assert_eq!(rig.read(GPT0 + 0x48), 48_000, "32 bits");
    rig.write(GPT0 + 0x08, 1);
    rig.pass(us(1_000));
    assert_eq!(rig.read(GPT0 + 0x48), 48_000);
    rig.write(GPT0 + 0x0c, 1);
    assert_eq!(rig.read(GPT0 + 0x48), 0);
    rig.write(GPT0, 0xa501);
    assert_eq!(rig.try_write(GPT0 + 0x48, 7), Err(AccessFault::Denied), "protected");
}
