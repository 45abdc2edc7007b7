//! Programs that use parts on their board by drivers from crates.io, unmodified: the values that they read, what they wrote,
//! and how long transfers take.

use drydock_assets::{Millionths, PartChoice, part_kinds};
use drydock_emulator::builtin::engine::Builtin;
use drydock_emulator::{Engine, Image, Machine, ResetKind, Seed};
use libtest_mimic::{Failed, Trial};
use std::collections::BTreeSet;

use crate::{ARM, run, run_uart, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("nano33ble_reads_sensors_by_public_drivers", "sensors", ARM, sensors),
        trial(
            "stm32f4_reads_sensors_by_public_drivers",
            "stm32sensors",
            ARM,
            stm32_sensors,
        ),
    ]
}

/// A machine with further parts, at its first instruction.
fn boot_with(board: &str, kinds: &[&str], image: &Image) -> Result<Box<dyn Machine>, Failed> {
    let mut board = drydock_assets::board(board).ok_or("the board is described")?;
    for kind in kinds {
        let choice = PartChoice {
            kind: (*kind).to_owned(),
            ..PartChoice::default()
        };
        board
            .add_part(&choice, part_kinds())
            .map_err(|problems| problems.join("; "))?;
    }
    let mut machine = Builtin.open(&board, Seed([7; 32]))?;
    machine.load(image)?;
    machine.reset(ResetKind::PowerOn)?;
    Ok(machine)
}

pub(crate) fn set(machine: &mut dyn Machine, part: &str, property: &str, value: i64) -> Result<(), Failed> {
    let parts = machine.parts().ok_or("the machine has parts")?;
    Ok(parts.set(part, property, Millionths(value))?)
}

fn sensors(image: &Image) -> Result<(), Failed> {
    let mut machine = boot_with(
        "nano33ble",
        &["bme280", "24c256", "ssd1306", "w25q32", "potentiometer"],
        image,
    )?;
    for (part, property, value) in [
        ("bme280", "temperature", -12_340_000),
        ("bme280", "pressure", 987_650_000),
        ("bme280", "humidity", 61_800_000),
        ("potentiometer", "position", 25_000_000),
        ("lsm9ds1", "acceleration_x", 500_000),
        ("lsm9ds1", "acceleration_y", -1_250_000),
    ] {
        set(&mut *machine, part, property, value)?;
    }
    let said = run(&mut *machine, 700)?;
    let lines: Vec<&str> = said.lines().collect();
    let [
        hello,
        bme280,
        eeprom,
        display,
        unsupplied,
        lsm9ds1,
        flash,
        potentiometer,
        done,
    ] = lines[..]
    else {
        return Err(format!("it said {said:?}").into());
    };
    assert_eq!((hello, done), ("hello from the drivers", "done"));

    // The driver computes in other units; the sensor's steps are 0.01 °C, 0.3 Pa and 0.015 %.
    let numbers: Vec<f64> = bme280.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [celsius, pascal, percent] = numbers[..] else {
        return Err(format!("it said {bme280:?}").into());
    };
    assert!((celsius + 12.34).abs() <= 0.01, "{bme280}");
    assert!((pascal - 98_765.0).abs() <= 1.0, "{bme280}");
    assert!((percent - 61.8).abs() <= 0.03, "{bme280}");

    let (written, polls) = eeprom.split_once(" after ").ok_or("no polls")?;
    assert_eq!(written, "24c256 Ok(()) [ff, 01, 02, 03]");
    // An address that is not acknowledged takes 27.5 µs with START and STOP; the cycle takes 5 ms.
    let polls: u64 = polls.strip_suffix(" polls").ok_or("no polls")?.parse()?;
    assert!((100..182).contains(&polls), "{polls} polls in 5 ms");
    // START, the EEPROM's address, two bytes of address, three of data, STOP: 56 bits of 2.5 µs, and the program's steps.
    let line: Vec<_> = machine
        .take_pin_changes()
        .into_iter()
        .filter(|change| change.pin == 27)
        .collect();
    let [.., up, down] = &line[..] else {
        return Err(format!("the pin moved {} times", line.len()).into());
    };
    assert_eq!((up.level, down.level), (Some(true), Some(false)));
    let ns = (down.at - up.at).as_ns();
    assert!((140_000..160_000).contains(&ns), "{ns} ns for 140 µs on the line");

    assert_eq!(display, "ssd1306 Ok(()) Ok(())");
    let parts = machine.parts().ok_or("the machine has parts")?.list();
    let picture = parts.iter().find_map(|part| part.picture.clone()).ok_or("a display")?;
    let lit = picture.dots.iter().enumerate().filter(|(_, dot)| **dot > 0);
    let lit: BTreeSet<_> = lit.map(|(index, _)| (index as u32 % 128, index as u32 / 128)).collect();
    let drawn = (0..128).map(|x| (x, bounce(x))).chain([(0, 0)]);
    assert_eq!(lit, drawn.collect());

    assert_eq!(unsupplied, "lsm9ds1 without its supply: Err(AddressNack)");
    assert_eq!(lsm9ds1, "lsm9ds1 68 3d: 0.50 -1.25 1.00 g");
    assert_eq!(
        flash,
        "w25q32 Ok([d1, 64, 50, 51, 2b, 1f, 30, 2a]) Ok(()) Ok(()) Ok(()) [d0, c5, 11, ff]"
    );
    // A quarter of 3.3 V, by 4,096 steps of 3.6 V.
    assert_eq!(potentiometer, "potentiometer 938");
    same_again(&mut machine)
}

/// What the program draws.
fn bounce(x: u32) -> u32 {
    let (mut begin, mut width) = (0, 64);
    while x >= begin + width && width > 1 {
        begin += width;
        width /= 2;
    }
    let x = (x - begin).min(width);
    63 - 60 * x * (width - x) / 1024
}

/// USART2 of the F407.
const USART2: u8 = 1;

fn stm32_sensors(image: &Image) -> Result<(), Failed> {
    let mut machine = boot_with("stm32f4-discovery", &["bme280", "24c256"], image)?;
    set(&mut *machine, "bme280", "temperature", 31_500_000)?;
    let said = run_uart(&mut *machine, USART2, 200)?;
    let lines: Vec<&str> = said.lines().collect();
    let [bme280, eeprom, nobody] = lines[..] else {
        return Err(format!("it said {said:?}").into());
    };
    assert!(bme280.starts_with("bme280 31.50 C, 1013"), "{bme280}");
    assert!(eeprom.starts_with("24c256 Ok(()) [ff, 01, 02, 03] after "), "{eeprom}");
    assert_eq!(nobody, "nobody Err(I2C(NoAcknowledge(Address)))");
    // START, the EEPROM's address, five bytes, STOP: 56 bits. 42 MHz by 3 × 35 is 400 kHz.
    let line: Vec<_> = machine
        .take_pin_changes()
        .into_iter()
        .filter(|change| change.pin == 108)
        .collect();
    let [.., up, down] = &line[..] else {
        return Err(format!("the pin moved {} times", line.len()).into());
    };
    let ns = (down.at - up.at).as_ns();
    assert!((140_000..150_000).contains(&ns), "{ns} ns for 140 µs on the line");
    Ok(())
}

/// The same machine through a snapshot: parts belong to its state.
fn same_again(machine: &mut Box<dyn Machine>) -> Result<(), Failed> {
    let hash = |machine: &mut Box<dyn Machine>| -> Result<u64, Failed> {
        Ok(machine.snapshots().ok_or("the engine has snapshots")?.state_hash()?)
    };
    let mut twin = machine.snapshots().ok_or("the engine has snapshots")?.fork()?;
    assert_eq!(hash(machine)?, hash(&mut twin)?);
    set(&mut *twin, "bme280", "temperature", 20_000_000)?;
    assert_ne!(hash(machine)?, hash(&mut twin)?);
    set(&mut **machine, "bme280", "temperature", 20_000_000)?;
    for machine in [&mut *machine, &mut twin] {
        run(&mut **machine, 50)?;
    }
    assert_eq!(hash(machine)?, hash(&mut twin)?);
    Ok(())
}
