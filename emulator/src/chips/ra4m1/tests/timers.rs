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
    rig.write(GPT3 + 0x4c, 1_499);
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
    assert_eq!(rig.read(GPT0 + 0x04), 0, "GTSSR.CSTRT does not let it");
    for source in [0x10, 0x14, 0x18] {
        rig.write(GPT0 + source, 1 << 31);
    }
    // By the register that another channel has.
    rig.write(GPT3 + 0x04, 1);
    assert_eq!((rig.read(GPT3 + 0x04), rig.read(GPT3 + 0x08)), (1, !1));
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

/// GPT3 at 3 MHz with GTIOC3A on P111, high from the beginning of a cycle to its compare match.
fn wave(rig: &mut Rig) {
    rig.write(0x4004_086c, 3 << 24 | 1 << 16);
    rig.write(GPT3 + 0x64, 299);
    rig.write(GPT3 + 0x68, 299);
    rig.write(GPT3 + 0x4c, 99);
    rig.write(GPT3 + 0x54, 99);
    rig.write(GPT3 + 0x34, 1 << 8 | 0x19);
    rig.write(GPT3 + 0x2c, 2 << 24 | 1);
}

/// Microseconds at which P111 changed, and its levels.
fn edges_of_the_pin(rig: &mut Rig) -> Vec<(u64, Option<bool>)> {
    let changes = rig.fabric.take_pin_changes().into_iter();
    let changes = changes.filter(|change| change.pin == 32 + 11);
    changes.map(|change| (change.at.as_us(), change.level)).collect()
}

#[test]
fn gpt_drives_its_pin_and_takes_buffers_at_the_end_of_a_cycle() {
    let mut rig = Rig::fast();
    rig.write(GPT3 + 0x40, 0x0055_0000);
    wave(&mut rig);
    rig.pass(us(150));
    let (high, low) = (Some(true), Some(false));
    assert_eq!(
        edges_of_the_pin(&mut rig),
        [(0, low), (0, high), (33, low), (100, high), (133, low)]
    );
    // The cycle that runs keeps its length and its duty.
    rig.write(GPT3 + 0x54, 149);
    rig.write(GPT3 + 0x68, 599);
    rig.pass(us(250));
    assert_eq!(edges_of_the_pin(&mut rig), [(200, high), (250, low), (400, high)]);
    assert_eq!((rig.read(GPT3 + 0x4c), rig.read(GPT3 + 0x64)), (149, 599));
    rig.write(GPT3 + 0x40, 0x0055_0003);
    rig.write(GPT3 + 0x54, 9);
    rig.write(GPT3 + 0x68, 9);
    rig.pass(us(450));
    assert_eq!(
        (rig.read(GPT3 + 0x4c), rig.read(GPT3 + 0x64)),
        (149, 599),
        "BD holds them back"
    );
    rig.write(GPT3 + 0x2c, 2 << 24);
    assert_eq!(rig.chip.pin_level(32 + 11), Some(false), "OADFLT");
}

#[test]
fn gpt_has_two_buffers_for_a_compare_match_and_transfers_them_by_force() {
    let mut rig = Rig::fast();
    rig.write(GPT3 + 0x4c, 1);
    rig.write(GPT3 + 0x54, 2);
    rig.write(GPT3 + 0x5c, 3);
    // CCRA is double, CCRB none; CCRSWT.
    rig.write(GPT3 + 0x40, 1 << 22 | 2 << 16);
    assert_eq!(rig.read(GPT3 + 0x40), 2 << 16, "CCRSWT reads as zero");
    assert_eq!([0x4c, 0x54, 0x5c].map(|at| rig.read(GPT3 + at)), [2, 3, 3]);
    rig.write(GPT3 + 0x50, 5);
    rig.write(GPT3 + 0x58, 7);
    rig.write(GPT3 + 0x64, 20);
    rig.write(GPT3 + 0x2c, 1);
    rig.pass(us(1));
    assert_eq!(rig.read(GPT3 + 0x50), 5, "E is no buffer");
    assert_eq!(
        rig.read(GPT3 + 0x3c) & 0x3f,
        0b01_0011,
        "A, B and E match, C and D are buffers"
    );
}

#[test]
fn gpt_has_duties_of_nothing_and_all() {
    let mut rig = Rig::fast();
    wave(&mut rig);
    rig.pass(us(50));
    edges_of_the_pin(&mut rig);
    rig.write(GPT3 + 0x30, 3 << 16 | 1);
    rig.pass(us(200));
    assert_eq!(
        edges_of_the_pin(&mut rig),
        [(100, Some(true))],
        "from the next cycle on"
    );
    rig.write(GPT3 + 0x30, 1 << 18 | 2 << 16 | 1);
    assert_eq!(edges_of_the_pin(&mut rig), [(250, Some(false))], "OADTYF: at once");
    rig.write(GPT3 + 0x30, 1);
    rig.pass(us(100));
    assert_eq!(edges_of_the_pin(&mut rig), [(300, Some(true)), (333, Some(false))]);
}
