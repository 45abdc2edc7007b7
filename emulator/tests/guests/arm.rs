//! The programs for Arm boards: their expected output, pin changes with instants, and how they sleep and wake.

use drydock_emulator::{Image, Machine, ResetKind, RunLimit, StopReason, VirtualTime};
use libtest_mimic::{Failed, Trial};

use crate::{ARM, HARD_FLOAT, boot, run, run_uart, trial};

/// USART2 of the F407.
const USART2: u8 = 1;
/// PA0, the button, and PD12, PD13, PD14.
const BUTTON: u16 = 0;
const GREEN: u16 = 3 * 32 + 12;
const ORANGE: u16 = 3 * 32 + 13;
const RED: u16 = 3 * 32 + 14;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("nano33ble_runs_on_embassy_nrf", "nano33ble", ARM, nano33ble),
        trial("nano33ble_dims_lights_on_embassy_nrf", "pwm", ARM, crate::lights::check),
        trial("stm32f4_runs_on_stm32f4xx_hal", "stm32f4", ARM, stm32f4),
        trial("rtic_runs_on_stm32f4", "rtic", ARM, rtic),
        trial(
            "a_hard_float_program_runs_on_stm32f4",
            "hardfloat",
            HARD_FLOAT,
            hard_float,
        ),
    ]
}

/// The times at which a pin was driven to a level since the last call, in microseconds.
fn moves(machine: &mut dyn Machine, pin: u16) -> Vec<(u64, bool)> {
    let changes = machine
        .take_pin_changes()
        .into_iter()
        .filter(|change| change.pin == pin);
    changes
        .filter_map(|change| Some((change.at.as_us(), change.level?)))
        .collect()
}

/// Whether all of these except the first are `us` apart, within a hundredth, alternately high and low.
#[track_caller]
fn assert_blinks(moves: &[(u64, bool)], us: u64) {
    assert!(moves.len() >= 3, "{moves:?}");
    for pair in moves[1..].windows(2) {
        let apart = pair[1].0 - pair[0].0;
        assert!(apart.abs_diff(us) <= us / 100, "{apart}, not {us}: {moves:?}");
        assert_ne!(pair[0].1, pair[1].1, "{moves:?}");
    }
}

fn nano33ble(image: &Image) -> Result<(), Failed> {
    let mut machine = boot("nano33ble", image)?;
    let said = run(&mut *machine, 400)?;
    let lines: Vec<&str> = said.lines().collect();
    let [hello, slept, random] = lines[..] else {
        return Err(format!("it said {said:?}").into());
    };
    assert_eq!(hello, "hello from embassy-nrf");
    let words: Vec<&str> = slept.split(' ').collect();
    let (slept_ms, counted_us): (u64, u64) = (words[1].parse()?, words[4].parse()?);
    // RTC1 ticks 32,768 times a second.
    assert!((20..=21).contains(&slept_ms), "{slept}");
    assert!((19_900..20_500).contains(&counted_us), "{slept}");
    let random = u64::from_str_radix(random.strip_prefix("random ").ok_or("no random number")?, 16)?;
    assert!((8..56).contains(&random.count_ones()), "{random:x}");
    assert_blinks(&moves(&mut *machine, 13), 5_000);

    machine.pin_input(43, Some(false))?;
    assert_eq!(run(&mut *machine, 10)?, "pressed\n");
    machine.pin_input(44, Some(true))?;
    assert_eq!(run(&mut *machine, 10)?, "high\n");
    let before = machine.instructions();
    // It handles byte for byte, and has no buffer for more while it answers.
    for byte in b"Capitals, please." {
        machine.uart_input(0, &[*byte])?;
        assert_eq!(
            run(&mut *machine, 1)?,
            char::from(*byte).to_ascii_uppercase().to_string()
        );
    }
    assert!(machine.instructions() - before < 100_000, "it sleeps between the bytes");
    Ok(())
}

fn stm32f4(image: &Image) -> Result<(), Failed> {
    let mut machine = boot("stm32f4-discovery", image)?;
    let said = run_uart(&mut *machine, USART2, 2_060)?;
    let lines: Vec<&str> = said.lines().collect();
    let [hello, random, chip, dac, flash, rtc] = lines[..] else {
        return Err(format!("it said {said:?}").into());
    };
    assert_eq!(hello, "hello from stm32f4xx-hal at 168 MHz after power");
    let words: Vec<&str> = random.split(' ').collect();
    assert_ne!(words[1], words[2], "{random}");
    assert!(chip.ends_with(", 1024 KiB"), "{chip}");
    assert_eq!(dac, "dac 1234, crc fefc54f9");
    assert_eq!(flash, "flash [00, 02, 03, 04, ff]");
    assert_eq!(rtc, "rtc Ok(()) 2027-01-01 0, (false, true)");
    assert_blinks(&moves(&mut *machine, GREEN), 5_000);

    machine.uart_input(USART2, b"Capitals, please.")?;
    assert_eq!(run_uart(&mut *machine, USART2, 20)?, "CAPITALS, PLEASE.");
    // The watchdog is fed until the button prevents it; flash keeps its contents.
    assert_eq!(run_uart(&mut *machine, USART2, 300)?, "");
    machine.pin_input(BUTTON, Some(true))?;
    let limit = RunLimit::until(machine.now() + VirtualTime::from_ms(500));
    assert_eq!(machine.run(limit)?, StopReason::Reset(ResetKind::Watchdog));
    let said = run_uart(&mut *machine, USART2, 2_060)?;
    assert!(
        said.starts_with("hello from stm32f4xx-hal at 168 MHz after watchdog\n"),
        "{said}"
    );
    assert!(said.contains("flash [01, 02, 03, 04, ff]\n"), "{said}");
    Ok(())
}

fn rtic(image: &Image) -> Result<(), Failed> {
    let mut machine = boot("stm32f4-discovery", image)?;
    assert_eq!(run_uart(&mut *machine, USART2, 100)?, "hello from RTIC at 84 MHz\n");
    // A delay is never shorter than requested: 10 ms and the tick that had begun, once the first delay is in step with
    // the ticks.
    assert_blinks(&moves(&mut *machine, ORANGE)[1..], 11_000);
    for level in [true, false, true, false] {
        machine.pin_input(BUTTON, Some(level))?;
        run_uart(&mut *machine, USART2, 5)?;
    }
    let red: Vec<bool> = moves(&mut *machine, RED).into_iter().map(|(_, level)| level).collect();
    assert_eq!(red, [true, false], "once a press");
    machine.uart_input(USART2, b"how often? ?")?;
    assert_eq!(run_uart(&mut *machine, USART2, 50)?, "HOW OFTEN2 presses\n 2 presses\n");
    let before = machine.instructions();
    run_uart(&mut *machine, USART2, 100)?;
    assert!(machine.instructions() - before < 200_000, "it sleeps between ticks");
    Ok(())
}

fn hard_float(image: &Image) -> Result<(), Failed> {
    let mut machine = boot("stm32f4-discovery", image)?;
    let said = run_uart(&mut *machine, USART2, 200)?;
    // Two tones: amplitude 1 in bin 12, a half in bin 40.
    let expected = "hello with floats in registers\n\
        pi 3.1416, many turns, kept\n\
        bin 12: 1.000\n\
        bin 40: 0.500\n\
        2.718281828459\n";
    assert_eq!(said, expected);
    Ok(())
}
