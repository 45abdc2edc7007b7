//! Programs that use parts on their board by drivers from crates.io, unmodified: the values that they read, what they wrote,
//! and how long transfers take.

use drydock_assets::{Board, Millionths, PartChoice, part_kinds};
use drydock_emulator::builtin::engine::Builtin;
use drydock_emulator::{Engine, I2cStep, Image, Machine, PinChange, ResetKind, Seed, TraceEvent};
use libtest_mimic::{Failed, Trial};
use std::collections::BTreeSet;

use crate::{ARM, RISCV, run, run_uart, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("nano33ble_reads_sensors_by_public_drivers", "sensors", ARM, sensors),
        trial(
            "stm32f4_reads_sensors_by_public_drivers",
            "stm32sensors",
            ARM,
            stm32_sensors,
        ),
        trial("uno_r4_reads_sensors_by_public_drivers", "unosensors", ARM, uno_sensors),
        trial(
            "esp32c6_reads_sensors_by_public_drivers",
            "c6sensors",
            RISCV,
            c6_sensors,
        ),
        trial(
            "hifive1_reads_sensors_by_public_drivers",
            "hifive1sensors",
            RISCV,
            hifive1_sensors,
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
    open(&board, image)
}

fn open(board: &Board, image: &Image) -> Result<Box<dyn Machine>, Failed> {
    let mut machine = Builtin.open(board, Seed([7; 32]))?;
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
    machine.trace(true);
    let said = run(&mut *machine, 700)?;
    traced(&mut *machine);
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

/// What the trace has of a program that reads parts.
fn traced(machine: &mut dyn Machine) {
    let trace = machine.take_trace();
    assert_eq!(trace.lost, 0);
    let what: Vec<TraceEvent> = trace.entries.iter().map(|entry| entry.what).collect();
    let count = |wanted: &dyn Fn(&TraceEvent) -> bool| what.iter().filter(|it| wanted(it)).count();
    // The BME280's chip id: register 0xd0 is written, and 0x60 comes after a repeated start.
    let i2c = what.iter().filter_map(|it| match it {
        TraceEvent::I2c(_, step) => Some(*step),
        _ => None,
    });
    let i2c: Vec<I2cStep> = i2c.collect();
    let start = |read| I2cStep::Start {
        address: 0x76,
        read,
        acknowledged: true,
    };
    let register = I2cStep::Write {
        byte: 0xd0,
        acknowledged: true,
    };
    let identity = [start(false), register, start(true), I2cStep::Read(0x60), I2cStep::Stop];
    assert!(i2c.windows(5).any(|steps| steps == identity), "{} steps", i2c.len());
    // What was programmed at 0x000ff0 is read back: command, address, then the part's bytes.
    let spi = what.iter().filter_map(|it| match it {
        TraceEvent::Spi { sent, received, .. } => Some((*sent, *received)),
        _ => None,
    });
    let spi: Vec<(u8, u8)> = spi.collect();
    let read = [
        (0x03, 0),
        (0x00, 0),
        (0x0f, 0),
        (0xf0, 0),
        (0, 0xd0),
        (0, 0xc5),
        (0, 0x11),
    ];
    assert!(spi.windows(7).any(|steps| steps == read), "{} bytes", spi.len());
    let quarter = |it: &TraceEvent| {
        matches!(
            it,
            TraceEvent::Voltage {
                microvolts: 825_000,
                ..
            }
        )
    };
    assert!(count(&quarter) > 0, "a quarter of 3.3 V");
    let entered = count(&|it| matches!(it, TraceEvent::Entered(_)));
    let returned = count(&|it| matches!(it, TraceEvent::Returned));
    assert!(
        entered > 10 && entered - returned <= 1,
        "{entered} handlers, {returned} returns"
    );
    let interrupts = trace
        .entries
        .iter()
        .filter(|entry| matches!(entry.what, TraceEvent::Entered(_) | TraceEvent::Returned));
    assert!(interrupts.map(|entry| entry.at).is_sorted());
    assert!(machine.trace(false) && machine.take_trace().entries.is_empty());
}

fn stm32_sensors(image: &Image) -> Result<(), Failed> {
    let mut machine = boot_with(
        "stm32f4-discovery",
        &["bme280", "24c256", "w25q32", "potentiometer"],
        image,
    )?;
    set(&mut *machine, "bme280", "temperature", 31_500_000)?;
    set(&mut *machine, "potentiometer", "position", 25_000_000)?;
    let said = run_uart(&mut *machine, USART2, 600)?;
    let lines: Vec<&str> = said.lines().collect();
    let [bme280, eeprom, nobody, flash, adc] = lines[..] else {
        return Err(format!("it said {said:?}").into());
    };
    assert!(bme280.starts_with("bme280 31.50 C, 1013"), "{bme280}");
    assert!(eeprom.starts_with("24c256 Ok(()) [ff, 01, 02, 03] after "), "{eeprom}");
    assert_eq!(nobody, "nobody Err(I2C(NoAcknowledge(Address)))");
    let (_, flash) = flash.split_once(']').ok_or("no id")?;
    assert_eq!(flash, ") Ok(()) Ok(()) Ok(()) [d0, c5, 11, ff]");
    // A quarter of 4,096; the sensor's step is 1.3 °C.
    assert_eq!(adc, "adc 1024 1024 of 3300 mV, 26 C");
    // START, the EEPROM's address, five bytes, STOP: 56 bits. 42 MHz by 3 × 35 is 400 kHz.
    let line: Vec<_> = machine
        .take_pin_changes()
        .into_iter()
        .filter(|change| change.pin == 108)
        .collect();
    let [.., up, down, selected, released] = &line[..] else {
        return Err(format!("the pin moved {} times", line.len()).into());
    };
    // A command, three bytes of address, four of data: 64 bits. 84 MHz by 16 is 5.25 MHz.
    let ns = (released.at - selected.at).as_ns();
    assert!((12_190..15_500).contains(&ns), "{ns} ns for 12.19 µs on the line");
    let ns = (down.at - up.at).as_ns();
    assert!((140_000..150_000).contains(&ns), "{ns} ns for 140 µs on the line");
    Ok(())
}

/// SCI2 of the RA4M1.
const SCI2: u8 = 2;

fn uno_sensors(image: &Image) -> Result<(), Failed> {
    let mut board = drydock_assets::board("uno-r4-minima").ok_or("the board is described")?;
    for (kind, pin) in [
        ("bme280", None),
        ("24c256", None),
        ("w25q32", None),
        ("potentiometer", Some("P0.00")),
    ] {
        let choice = PartChoice {
            kind: kind.to_owned(),
            pin: pin.map(str::to_owned),
            ..PartChoice::default()
        };
        board
            .add_part(&choice, part_kinds())
            .map_err(|problems| problems.join("; "))?;
    }
    let mut machine = open(&board, image)?;
    set(&mut *machine, "bme280", "temperature", 31_500_000)?;
    set(&mut *machine, "potentiometer", "position", 25_000_000)?;
    let said = run_uart(&mut *machine, SCI2, 1_700)?;
    let lines: Vec<&str> = said.lines().collect();
    let [bme280, eeprom, nobody, flash, analog, rtc] = lines[..] else {
        return Err(format!("it said {said:?}").into());
    };
    assert!(bme280.starts_with("bme280 31.50 C, 1013"), "{bme280}");
    assert!(eeprom.starts_with("24c256 Ok(()) [ff, 01, 02, 03] after "), "{eeprom}");
    assert_eq!(nobody, "nobody Err(I2C(Nack))");
    let (_, flash) = flash.split_once(']').ok_or("no id")?;
    assert_eq!(flash, ") Ok(()) Ok(()) Ok(()) [d0, c5, 11, ff]");
    assert_eq!(analog, "adc 1024 3000, crc 9be3e0a3");
    assert_eq!(rtc, "rtc 27-01-01");
    let changes = machine.take_pin_changes();
    let on_bus = pulses(&changes, 32 + 13);
    let [eeprom_ns, flash_ns] = on_bus[..] else {
        return Err(format!("the pin was high for {on_bus:?}").into());
    };
    // START, the EEPROM's address, five bytes, STOP: 56 bits of 2.5 µs. Eight bytes of 1.33 µs on SPI, each of which is
    // waited for.
    assert!(
        (140_000..155_000).contains(&eeprom_ns),
        "{eeprom_ns} ns for 140 µs on the line"
    );
    assert!(
        (10_660..20_000).contains(&flash_ns),
        "{flash_ns} ns for 10.7 µs on the line"
    );
    // GPT6's first cycle, then those whose duty came from the buffer.
    let wave = pulses(&changes, 4 * 32);
    assert!(wave.len() > 3, "{wave:?}");
    for (index, ns) in wave.into_iter().enumerate() {
        let expected = if index == 0 { 250_000 } else { 750_000 };
        assert!(ns.abs_diff(expected) < 1_000, "pulse {index} took {ns} ns");
    }
    same_again_of(&mut machine, SCI2)
}

/// How long a pin was high each time, in nanoseconds.
fn pulses(changes: &[PinChange], pin: u16) -> Vec<u64> {
    let changes: Vec<_> = changes.iter().filter(|it| it.pin == pin).collect();
    let pairs = changes.windows(2).filter(|pair| pair[0].level == Some(true));
    pairs.map(|pair| (pair[1].at - pair[0].at).as_ns()).collect()
}

fn c6_sensors(image: &Image) -> Result<(), Failed> {
    let mut machine = boot_with("esp32-c6", &["bme280", "24c256", "w25q32"], image)?;
    set(&mut *machine, "bme280", "temperature", 31_500_000)?;
    let said = run(&mut *machine, 600)?;
    let lines: Vec<&str> = said.lines().collect();
    let [bme280, eeprom, nobody, flash] = lines[..] else {
        return Err(format!("it said {said:?}").into());
    };
    assert!(bme280.starts_with("bme280 31.50 C, 1013"), "{bme280}");
    assert!(
        eeprom.starts_with("24c256 Ok(()) [ff, 01, 02, 03, ff] ff after "),
        "{eeprom}"
    );
    assert!(nobody.starts_with("nobody Err(I2C(AcknowledgeCheckFailed("), "{nobody}");
    let (_, flash) = flash.split_once(']').ok_or("no id")?;
    assert_eq!(
        flash,
        ") Ok(()) Ok(()) Ok(()) [d0, c5, 11, ff] Ok(()) [ff, d0, c5, 11, ff]"
    );
    let pulses = pulses(&machine.take_pin_changes(), 8);
    let [eeprom_ns, flash_ns] = pulses[..] else {
        return Err(format!("the pin was high for {pulses:?}").into());
    };
    // START, the EEPROM's address, five bytes, STOP: 56 bits of 2.5 µs. 260 bytes of 1 µs, and the program's
    // steps between parts of 64 bytes.
    assert!(
        (140_000..170_000).contains(&eeprom_ns),
        "{eeprom_ns} ns for 140 µs on the line"
    );
    assert!(
        (260_000..360_000).contains(&flash_ns),
        "{flash_ns} ns for 260 µs on the line"
    );
    Ok(())
}

fn hifive1_sensors(image: &Image) -> Result<(), Failed> {
    let mut machine = boot_with("hifive1-revb", &["bme280", "24c256", "w25q32"], image)?;
    set(&mut *machine, "bme280", "temperature", 31_500_000)?;
    let said = run(&mut *machine, 600)?;
    let lines: Vec<&str> = said.lines().collect();
    let [bme280, eeprom, flash] = lines[..] else {
        return Err(format!("it said {said:?}").into());
    };
    assert!(bme280.starts_with("bme280 31.50 C, 1013"), "{bme280}");
    assert!(eeprom.starts_with("24c256 Ok(()) [ff, 01, 02, 03] after "), "{eeprom}");
    let (_, flash) = flash.split_once(']').ok_or("no id")?;
    assert_eq!(flash, ") Ok(()) Ok(()) Ok(()) [d0, c5, 11, ff]");
    let changes = machine.take_pin_changes();
    let on_bus = pulses(&changes, 21);
    let [eeprom_ns, flash_ns] = on_bus[..] else {
        return Err(format!("the pin was high for {on_bus:?}").into());
    };
    // PWM1, from the second cycle on.
    let green = pulses(&changes, 19);
    assert!(green.len() > 10, "{green:?}");
    assert!(green[1..].iter().all(|ns| ns.abs_diff(25_000) < 1_000), "{green:?}");
    // 56 bits of 2.5 µs; eight bytes of 8 µs; and the program's steps, which it fetches from flash without time here.
    assert!(
        (140_000..170_000).contains(&eeprom_ns),
        "{eeprom_ns} ns for 140 µs on the line"
    );
    assert!(
        (64_000..100_000).contains(&flash_ns),
        "{flash_ns} ns for 64 µs on the line"
    );
    same_again(&mut machine)
}

/// The same machine through a snapshot: parts belong to its state.
fn same_again(machine: &mut Box<dyn Machine>) -> Result<(), Failed> {
    same_again_of(machine, 0)
}

/// As [`same_again`], of a program that speaks on another UART.
fn same_again_of(machine: &mut Box<dyn Machine>, uart: u8) -> Result<(), Failed> {
    let hash = |machine: &mut Box<dyn Machine>| -> Result<u64, Failed> {
        Ok(machine.snapshots().ok_or("the engine has snapshots")?.state_hash()?)
    };
    let mut twin = machine.snapshots().ok_or("the engine has snapshots")?.fork()?;
    assert_eq!(hash(machine)?, hash(&mut twin)?);
    set(&mut *twin, "bme280", "temperature", 20_000_000)?;
    assert_ne!(hash(machine)?, hash(&mut twin)?);
    set(&mut **machine, "bme280", "temperature", 20_000_000)?;
    for machine in [&mut *machine, &mut twin] {
        run_uart(&mut **machine, uart, 50)?;
    }
    assert_eq!(hash(machine)?, hash(&mut twin)?);
    Ok(())
}
