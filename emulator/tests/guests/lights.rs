//! The program that dims LEDs by PWM: every pulse, and the instant of every PWM event.

use drydock_emulator::{Image, PinChange};
use libtest_mimic::Failed;

use crate::{boot, run};

const RGB: [u16; 3] = [24, 16, 6];
const BUILT_IN: u16 = 13;
const BY_TURNS: u16 = 11;
/// Pins that report the third PWM's events, in the order of the program.
const PERIOD: u16 = 27;
const STARTED: [u16; 2] = [28, 29];
const ENDED: [u16; 2] = [30, 31];
const DONE: u16 = 2;
const STOPPED: u16 = 3;

pub(crate) fn check(image: &Image) -> Result<(), Failed> {
    let mut machine = boot("nano33ble", image)?;
    let said = run(&mut *machine, 160)?;
    assert_eq!(said, "hello from SimplePwm\nfaded\nplayed\nby turns\n");
    let changes = machine.take_pin_changes();
    values_that_are_set(&changes);
    a_sequence(&changes);
    sequences_by_turns(&changes)?;
    for pin in [BUILT_IN, BY_TURNS] {
        assert_eq!(machine.pin_level(pin), None, "the driver lets go of P0.{pin:02}");
    }
    Ok(())
}

/// Red grows as green fades, blue stays; each is low from the start of a period on.
fn values_that_are_set(changes: &[PinChange]) {
    let widths = RGB.map(|pin| {
        let mut widths: Vec<u64> = pulses(changes, pin, false).into_iter().map(us).collect();
        widths.dedup();
        widths
    });
    assert_eq!(widths[0][..3], [250, 500, 750], "{widths:?}");
    assert!(widths[0][3] > 3_000, "and stays on: {widths:?}");
    assert!(widths[1][0] > 3_000, "{widths:?}");
    assert_eq!(widths[1][1..], [750, 500, 250], "{widths:?}");
    assert_eq!(widths[2], [100], "{widths:?}");
    for pair in pulses(changes, RGB[2], false).windows(2) {
        let apart = pair[1].0 - pair[0].0;
        assert!(apart.abs_diff(1_000_000) < 1_000, "1 kHz, not {apart} ns");
    }
}

/// Five periods of each value, three times; the last stays until it is stopped, somewhere in a period.
fn a_sequence(changes: &[PinChange]) {
    let mut played: Vec<u64> = pulses(changes, BUILT_IN, true).into_iter().map(us).collect();
    assert!((60..=62).contains(&played.len()), "{played:?}");
    played.truncate(60);
    for (period, us) in played.iter().enumerate() {
        let expected = if period < 45 {
            [100, 500, 900][period / 5 % 3]
        } else {
            900
        };
        assert_eq!(*us, expected, "period {period}: {played:?}");
    }
}

/// Two sequences, twice, ended by their own end; then without end.
fn sequences_by_turns(changes: &[PinChange]) -> Result<(), Failed> {
    const PERIOD_US: u64 = 500;
    const TURN: [u64; 8] = [100, 100, 200, 200, 200, 200, 200, 400];
    let played = pulses(changes, BY_TURNS, true);
    let widths: Vec<u64> = played.iter().copied().map(us).collect();
    assert!(widths.len() >= 5 * TURN.len(), "{widths:?}");
    for (period, us) in widths.iter().take(5 * TURN.len()).enumerate() {
        assert_eq!(*us, TURN[period % TURN.len()], "period {period}: {widths:?}");
    }
    let (twice, on) = played.split_at(2 * TURN.len());
    let pause = on[0].0 - twice[twice.len() - 1].0;
    assert!(
        pause > 3_000_000,
        "it stops by itself for some milliseconds, not {pause} ns"
    );

    // The pin is low before.
    let started = moves(changes, STARTED[0]).into_iter().find(|(_, level)| *level);
    let (begin, _) = started.ok_or("it does not start")?;
    let told = |pin: u16| -> Vec<u64> {
        let moves = moves(changes, pin).into_iter().map(|(ns, _)| ns);
        let since = moves.filter_map(|ns| ns.checked_sub(begin));
        since
            .map(|ns| (ns + 500) / 1_000)
            .take_while(|us| *us < 12_000)
            .collect()
    };
    let periods: Vec<u64> = (1..=16).map(|period| period * PERIOD_US).collect();
    assert_eq!(told(PERIOD), periods);
    // A sequence has ended when its last value is loaded.
    let expected = [[0, 8], [7, 15], [2, 10], [7, 15]].map(|periods| periods.map(|period| period * PERIOD_US));
    assert_eq!([STARTED[0], STARTED[1], ENDED[0], ENDED[1]].map(told), expected);
    assert_eq!([DONE, STOPPED].map(told), [[15 * PERIOD_US], [16 * PERIOD_US]]);
    Ok(())
}

/// When a pin was driven to which level, in nanoseconds.
fn moves(changes: &[PinChange], pin: u16) -> Vec<(u64, bool)> {
    let changes = changes.iter().filter(|change| change.pin == pin);
    changes
        .filter_map(|change| Some((change.at.as_ns(), change.level?)))
        .collect()
}

/// When a pin was on, and for how long, in nanoseconds.
fn pulses(changes: &[PinChange], pin: u16, on: bool) -> Vec<(u64, u64)> {
    let moves = moves(changes, pin);
    let pulses = moves.windows(2).filter(|pair| pair[0].1 == on && pair[1].1 != on);
    pulses.map(|pair| (pair[0].0, pair[1].0 - pair[0].0)).collect()
}

/// The length of a pulse. A change is reported at the end of an instruction.
fn us((_, ns): (u64, u64)) -> u64 {
    (ns + 500) / 1_000
}
