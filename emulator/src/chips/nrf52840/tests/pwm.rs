//! PWM.

use super::*;

const PWM0: u32 = 0x4001_c000;
const SEQSTART: [u32; 2] = [PWM0 + 0x008, PWM0 + 0x00c];
const STOP: u32 = PWM0 + 0x004;
const STOPPED: u32 = PWM0 + 0x104;
const SEQSTARTED: [u32; 2] = [PWM0 + 0x108, PWM0 + 0x10c];
const SEQEND: [u32; 2] = [PWM0 + 0x110, PWM0 + 0x114];
const PERIODEND: u32 = PWM0 + 0x118;
const LOOPSDONE: u32 = PWM0 + 0x11c;
/// Where sequences 0 and 1 lie.
const RAM: [u32; 2] = [0x2000_1000, 0x2000_2000];

/// Enabled: 1 MHz, a period of 10 µs, channels 0 to 3 on P0.00 to P0.03, one value for all of them.
fn enabled(setup: &[(u32, u32)]) -> Rig {
    let mut rig = Rig::new();
    for (offset, value) in [(0x500, 1), (0x50c, 4), (0x508, 10)] {
        rig.write(PWM0 + offset, value);
    }
    for channel in 0..4 {
        rig.write(PWM0 + 0x560 + 4 * channel, channel);
    }
    for (offset, value) in setup {
        rig.write(PWM0 + offset, *value);
    }
    rig
}

fn sequence(rig: &mut Rig, n: usize, values: &[u16], refresh: u32, enddelay: u32) {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    rig.fabric.memory_mut().write(RAM[n], &bytes).unwrap();
    let registers = PWM0 + 0x520 + 0x20 * n as u32;
    for (index, value) in [RAM[n], values.len() as u32, refresh, enddelay].into_iter().enumerate() {
        rig.write(registers + 4 * index as u32, value);
    }
}

/// When pin `pin` went to which level, in nanoseconds.
fn edges(rig: &mut Rig, pin: u16) -> Vec<(u64, Option<bool>)> {
    let changes = rig.fabric.take_pin_changes().into_iter();
    let changes = changes.filter(|change| change.pin == pin);
    changes.map(|change| (change.at.as_ns(), change.level)).collect()
}

/// How long pin `pin` was high in each of the next `periods` periods of 10 µs, in microseconds.
fn high_us(rig: &mut Rig, pin: u16, periods: usize) -> Vec<u64> {
    let one = |rig: &mut Rig| {
        (0..10).fold(0, |us, _| {
            let high = rig.chip.pin_level(pin) == Some(true);
            rig.pass(VirtualTime::from_us(1));
            us + u64::from(high)
        })
    };
    (0..periods).map(|_| one(rig)).collect()
}

fn us(us: u64) -> VirtualTime {
    VirtualTime::from_us(us)
}

#[test]
fn edges_come_at_their_instants() {
    let (low, high) = (Some(false), Some(true));
    // MODE, PRESCALER, COUNTERTOP, value, edges of P0.00 in the first period and at the start of the second, in ns
    for (mode, prescaler, top, value, expected) in [
        (0, 0, 16, 4, vec![(0, low), (250, high), (1_000, low)]),
        (0, 0, 16, 0x8004, vec![(0, high), (250, low), (1_000, high)]),
        (0, 7, 3, 1, vec![(0, low), (8_000, high), (24_000, low)]),
        (0, 4, 10, 0, vec![(0, high)]),
        (0, 4, 10, 0x8000, vec![(0, low)]),
        (0, 4, 10, 10, vec![(0, low)]),
        (0, 4, 10, 0xffff, vec![(0, high)]),
        (1, 4, 10, 3, vec![(0, low), (3_000, high), (17_000, low)]),
        (1, 4, 10, 0x8003, vec![(0, high), (3_000, low), (17_000, high)]),
        (1, 4, 10, 10, vec![(0, low)]),
    ] {
        let mut rig = enabled(&[(0x504, mode), (0x50c, prescaler), (0x508, top)]);
        sequence(&mut rig, 0, &[value], 0, 0);
        rig.write(SEQSTART[0], 1);
        let period = rig.pass_until(PERIODEND).as_ns();
        assert_eq!(
            period,
            u64::from(top << mode) * 125 * (1 << prescaler) / 2,
            "{mode} {prescaler}"
        );
        assert_eq!(edges(&mut rig, 0), expected, "{mode} {prescaler} {top} {value:#x}");
        // It continues like this until it is stopped.
        rig.write(PERIODEND, 0);
        assert_eq!(rig.pass_until(PERIODEND).as_ns(), period);
    }
}

#[test]
fn values_are_spread_over_the_channels() {
    // LOAD, which of the four half-words each channel takes; WaveForm's fourth is the top
    for (load, expected) in [
        (0, [1, 1, 1, 1]),
        (1, [1, 1, 2, 2]),
        (2, [1, 2, 3, 9]),
        (3, [1, 2, 3, 0]),
    ] {
        let mut rig = enabled(&[(0x510, load)]);
        sequence(
            &mut rig,
            0,
            &[0x8001, 0x8002, 0x8003, 9 | u16::from(load != 3) << 15],
            100,
            0,
        );
        rig.write(SEQSTART[0], 1);
        if load == 3 {
            assert_eq!(rig.pass_until(PERIODEND), us(9), "the top is from RAM");
            rig.pass(us(8));
            assert_eq!(edges(&mut rig, 2)[..2], [(0, Some(true)), (3_000, Some(false))]);
            continue;
        }
        let mut seen = [0; 4];
        for (pin, seen) in seen.iter_mut().enumerate() {
            *seen = high_us(&mut rig, pin as u16, 1)[0];
        }
        assert_eq!(seen, expected, "LOAD {load}");
    }
}

#[test]
fn a_sequence_is_played_at_its_rate_and_its_last_value_stays() {
    let mut rig = enabled(&[]);
    sequence(&mut rig, 0, &[0x8001, 0x8002, 0x8003], 1, 5);
    rig.write(SEQSTART[0], 1);
    assert_eq!(rig.read(SEQSTARTED[0]), 1);
    assert_eq!(rig.pass_until(SEQEND[0]), us(40), "when the last value is loaded");
    assert_eq!(rig.read(LOOPSDONE), 0);
    assert_eq!(high_us(&mut rig, 0, 9), [3; 9]);

    // Restarted, with the values that are in memory then.
    rig.write(PWM0 + 0x528, 0);
    rig.write(SEQEND[0], 0);
    rig.fabric.memory_mut().write(RAM[0], &[7, 0x80, 6, 0x80]).unwrap();
    rig.write(PWM0 + 0x524, 2);
    rig.pass(us(3));
    rig.write(SEQSTART[0], 1);
    rig.pass(us(7));
    assert_eq!(high_us(&mut rig, 0, 3), [7, 6, 6], "from the next period on");
}

#[test]
fn loops_play_both_sequences_by_turns() {
    let mut rig = enabled(&[(0x514, 2)]);
    sequence(&mut rig, 0, &[0x8001, 0x8002], 0, 1);
    sequence(&mut rig, 1, &[0x8005], 1, 0);
    rig.write(SEQSTART[0], 1);
    assert_eq!(high_us(&mut rig, 0, 12), [1, 2, 2, 5, 5, 1, 2, 2, 5, 5, 5, 5]);
    for event in SEQSTARTED.into_iter().chain(SEQEND).chain([LOOPSDONE]) {
        assert_eq!(rig.read(event), 1, "{event:#x}");
    }
    // Started with the second sequence, which counts as the first loop.
    let mut rig = enabled(&[(0x514, 2)]);
    sequence(&mut rig, 0, &[0x8001, 0x8002], 0, 1);
    sequence(&mut rig, 1, &[0x8005], 1, 0);
    rig.write(SEQSTART[1], 1);
    assert_eq!(rig.pass_until(LOOPSDONE), us(50));
}

#[test]
fn a_task_steps_through_a_sequence() {
    let mut rig = enabled(&[(0x510, 1 << 8)]);
    sequence(&mut rig, 0, &[0x8001, 0x8002, 0x8003], 0, 0);
    rig.write(PWM0 + 0x010, 1);
    rig.write(SEQSTART[0], 1);
    assert_eq!(high_us(&mut rig, 0, 3), [1; 3]);
    for expected in [2, 3, 3] {
        rig.write(PWM0 + 0x010, 1);
        rig.pass(us(10));
        assert_eq!(high_us(&mut rig, 0, 2), [expected; 2]);
    }
    assert_eq!(rig.read(SEQEND[0]), 1);
}

#[test]
fn stop_lets_the_period_end_and_gives_the_pin_back() {
    let mut rig = enabled(&[(0x300, 1 << 1)]);
    // OUT says how the pin idles: high.
    rig.write(0x5000_0508, 1);
    rig.write(0x5000_0700, 1);
    sequence(&mut rig, 0, &[0x8004], 0, 0);
    rig.write(SEQSTART[0], 1);
    rig.pass(us(12));
    rig.fabric.take_pin_changes();
    rig.write(STOP, 1);
    assert_eq!(rig.read(STOPPED), 0);
    assert_eq!(rig.pass_until(STOPPED), us(8));
    assert!(rig.fabric.irq_level(28));
    rig.write(STOPPED, 0);
    assert!(!rig.fabric.irq_level(28));
    rig.pass(us(100));
    assert_eq!(edges(&mut rig, 0), [(14_000, Some(false)), (20_000, Some(true))]);
    // Nothing runs any more.
    rig.write(STOP, 1);
    assert_eq!(rig.read(STOPPED), 1);

    rig.write(SEQSTART[0], 1);
    rig.pass(us(5));
    rig.write(PWM0 + 0x500, 0);
    rig.pass(us(100));
    assert_eq!(
        edges(&mut rig, 0),
        [(124_000, Some(false)), (125_000, Some(true))],
        "at once"
    );
    rig.write(SEQSTART[0], 1);
    assert_eq!(edges(&mut rig, 0), [], "not enabled");
}

#[test]
fn shorts_stop_and_repeat() {
    // SHORTS, the sequence that is started, periods with pulses
    for (shorts, n, expected) in [
        (1 << 0, 0, [1, 2, 0, 0, 0, 0]),
        (1 << 1, 1, [5, 0, 0, 0, 0, 0]),
        (1 << 2, 0, [1, 2, 5, 1, 2, 5]),
        (1 << 3, 0, [1, 2, 5, 5, 5, 5]),
        (1 << 4, 0, [1, 2, 5, 0, 0, 0]),
    ] {
        let mut rig = enabled(&[(0x200, shorts), (0x514, 1)]);
        sequence(&mut rig, 0, &[0x8001, 0x8002], 0, 0);
        sequence(&mut rig, 1, &[0x8005], 0, 0);
        rig.write(SEQSTART[n], 1);
        assert_eq!(high_us(&mut rig, 0, 6), expected, "SHORTS {shorts:#x}");
    }
}

#[test]
fn each_event_interrupts_when_it_is_enabled() {
    for (n, line) in [(1, STOPPED), (2, SEQSTARTED[0]), (4, SEQEND[0]), (6, PERIODEND)] {
        let mut rig = enabled(&[(0x304, 1 << n)]);
        sequence(&mut rig, 0, &[3], 0, 0);
        rig.write(SEQSTART[0], 1);
        rig.write(STOP, 1);
        rig.pass(us(10));
        assert!(rig.fabric.irq_level(28), "event {n}");
        rig.write(line, 0);
        assert!(!rig.fabric.irq_level(28), "event {n}");
    }
}

#[test]
fn ppi_counts_periods_and_a_moved_pin_goes_on() {
    let mut rig = enabled(&[]);
    rig.write(0x4000_9504, 1);
    rig.write(0x4000_9000, 1);
    rig.write(0x4001_f510, PERIODEND);
    rig.write(0x4001_f514, 0x4000_9008);
    rig.write(0x4001_f504, 1);
    sequence(&mut rig, 0, &[0x8006], 0, 0);
    rig.write(SEQSTART[0], 1);
    rig.pass(us(42));
    rig.write(0x4000_9040, 1);
    assert_eq!(rig.read(0x4000_9540), 4);
    rig.write(PWM0 + 0x560, 0x29);
    assert_eq!((rig.chip.pin_level(0), rig.chip.pin_level(41)), (None, Some(true)));
    rig.pass(us(6));
    assert_eq!(rig.chip.pin_level(41), Some(false));
}

#[test]
fn what_makes_no_sense_is_told() {
    let mut rig = enabled(&[]);
    assert_eq!(
        rig.try_write(SEQSTART[0], 1),
        Err(AccessFault::UnmodelledUse),
        "CNT is 0"
    );
    assert_eq!(
        rig.try_write(PWM0 + 0x508, 2),
        Err(AccessFault::UnmodelledUse),
        "COUNTERTOP"
    );
    rig.write(PWM0, 1);
    assert!(
        rig.fabric.take_faults().is_empty(),
        "there is no such task, and silicon takes the store"
    );
    // A buffer in flash, which EasyDMA cannot access.
    sequence(&mut rig, 0, &[3], 0, 0);
    rig.write(PWM0 + 0x520, 0x1000);
    rig.write(SEQSTART[0], 1);
    rig.pass(us(10));
    let faults = rig.fabric.take_faults();
    assert_eq!((faults.len(), faults[0].addr), (1, 0x1000));
    assert_eq!((rig.read(SEQEND[0]), rig.read(PERIODEND)), (0, 1));
    // A loop whose other half is empty, a top too small.
    let mut rig = enabled(&[(0x514, 1)]);
    sequence(&mut rig, 0, &[3], 0, 0);
    rig.write(SEQSTART[0], 1);
    rig.pass(us(30));
    let faults = rig.fabric.take_faults();
    assert_eq!((faults.len(), faults[0].addr), (1, PWM0 + 0x544));
    let mut rig = enabled(&[(0x510, 3)]);
    sequence(&mut rig, 0, &[3, 3, 3, 2], 0, 0);
    rig.write(SEQSTART[0], 1);
    assert_eq!(rig.pass_until(PERIODEND), us(3));
    assert_eq!(rig.fabric.take_faults()[0].addr, RAM[0] + 6);
}

#[test]
fn a_reset_ends_it_and_there_are_four() {
    for base in [PWM0, 0x4002_1000, 0x4002_2000, 0x4002_d000] {
        let mut rig = Rig::new();
        rig.fabric.memory_mut().write(RAM[0], &[0xff, 0x83]).unwrap();
        for (offset, value) in [
            (0x500, 1),
            (0x560, 7),
            (0x520, RAM[0]),
            (0x524, 1),
            (0x304, 1 << 6),
            (0x008, 1),
        ] {
            rig.write(base + offset, value);
        }
        rig.pass(us(64));
        assert_eq!(rig.read(base + 0x118), 1, "{base:#x}");
        assert!(rig.fabric.irq_level((base >> 12 & 0xff) as u16));
        assert_eq!(rig.chip.pin_level(7), Some(true));
        rig.reset(ResetKind::Software);
        assert_eq!(rig.chip.pin_level(7), None);
        assert_eq!((rig.read(base + 0x500), rig.read(base + 0x508)), (0, 0x3ff));
        rig.pass(us(200));
        assert_eq!(rig.read(base + 0x118), 0);
    }
}
