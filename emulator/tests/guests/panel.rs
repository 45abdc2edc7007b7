//! The program with a front panel: parts on plain pins, and parts that are WebAssembly modules, by public drivers.

use drydock_assets::{PartChoice, PartKind, part_kinds};
use drydock_emulator::builtin::engine::Builtin;
use drydock_emulator::parts::program;
use drydock_emulator::{Engine, Image, Machine, PartState, ResetKind, Seed};
use libtest_mimic::{Failed, Trial};

use crate::parts::set;
use crate::{ARM, run, trial};

pub(crate) fn trial_of_panel() -> Trial {
    trial("nano33ble_has_a_front_panel", "panel", ARM, check)
}

fn boot(image: &Image) -> Result<Box<dyn Machine>, Failed> {
    let mut board = drydock_assets::board("nano33ble").ok_or("the board is described")?;
    let modules = drydock_embedded::part_modules().iter();
    let modules = modules.map(|module| program::kind(module.name, module.wasm));
    let modules: Vec<PartKind> = modules.collect::<Result<_, _>>()?;
    let kinds = [part_kinds(), &modules].concat();
    let pins = |pins: &[(&str, &str)]| {
        let pins = pins.iter().map(|(line, pin)| ((*line).to_owned(), (*pin).to_owned()));
        pins.collect()
    };
    for (kind, pins) in [
        ("mpu6050", pins(&[])),
        ("max7219", pins(&[])),
        ("led", pins(&[("anode", "P0.27")])),
        ("buzzer", pins(&[("tone", "P0.21")])),
        ("button", pins(&[("contact", "P1.11")])),
    ] {
        let choice = PartChoice {
            kind: kind.to_owned(),
            pins,
            ..PartChoice::default()
        };
        let added = board.add_part(&choice, &kinds);
        added.map_err(|problems| format!("{}; `cargo xtask apps` builds the modules", problems.join("; ")))?;
    }
    let mut machine = Builtin.open(&board, Seed([7; 32]))?;
    machine.load(image)?;
    machine.reset(ResetKind::PowerOn)?;
    Ok(machine)
}

fn part(machine: &mut dyn Machine, name: &str) -> Result<PartState, Failed> {
    let list = machine.parts().ok_or("the machine has parts")?.list();
    let part = list.into_iter().find(|part| part.name == name);
    Ok(part.ok_or_else(|| format!("there is no {name}"))?)
}

fn reading(machine: &mut dyn Machine, name: &str, property: &str) -> Result<f64, Failed> {
    let part = part(machine, name)?;
    let property = part.properties.into_iter().find(|known| known.name == property);
    Ok(property.ok_or("it has no such property")?.value.to_f64())
}

fn check(image: &Image) -> Result<(), Failed> {
    let mut machine = boot(image)?;
    let machine = &mut machine;
    for (property, value) in [
        ("acceleration_x", 250_000),
        ("acceleration_y", -1_500_000),
        ("rotation_x", -90_000_000),
        ("rotation_z", 12_500_000),
        ("temperature", -7_250_000),
    ] {
        set(&mut **machine, "mpu6050", property, value)?;
    }
    // The driver waits for 100 ms after it woke the sensor.
    let said = run(&mut **machine, 250)?;
    let (imu, drawn) = said.split_once('\n').ok_or_else(|| format!("it said {said:?}"))?;
    assert_eq!(imu, "mpu6050 0.250 -1.500 1.000 g, -90.0 0.0 12.5 deg/s, -7.25 C");
    assert_eq!(drawn, "drawn\n");
    let picture = part(&mut **machine, "max7219")?.picture.ok_or("a matrix")?;
    let lit = picture.dots.iter().enumerate().filter(|(_, dot)| **dot > 0);
    let lit: Vec<(usize, usize)> = lit.map(|(index, _)| (index % 8, index / 8)).collect();
    let diagonal = (0..7).map(|place| (place, place));
    let row = (0..8).map(|column| (column, 7));
    assert_eq!(lit, diagonal.chain(row).collect::<Vec<_>>());
    assert_eq!(picture.dots[0], 7 * 8, "intensity 3 is 7/32");

    // 250 µs of each 1 ms, and 440 Hz.
    let brightness = reading(&mut **machine, "led", "brightness")?;
    assert!((brightness - 25.0).abs() < 0.1, "{brightness} %");
    let frequency = reading(&mut **machine, "buzzer", "frequency")?;
    assert!((frequency - 440.0).abs() < 0.5, "{frequency} Hz");

    // The pin's edge wakes the program.
    set(&mut **machine, "button", "pressed", 1_000_000)?;
    assert_eq!(run(&mut **machine, 20)?, "pressed\n");
    let mut twin = machine.snapshots().ok_or("the engine has snapshots")?.fork()?;
    let hash = |machine: &mut Box<dyn Machine>| -> Result<u64, Failed> {
        Ok(machine.snapshots().ok_or("the engine has snapshots")?.state_hash()?)
    };
    assert_eq!(hash(machine)?, hash(&mut twin)?);
    for machine in [&mut *machine, &mut twin] {
        set(&mut **machine, "button", "pressed", 0)?;
        assert_eq!(run(&mut **machine, 20)?, "released\n");
    }
    assert_eq!(hash(machine)?, hash(&mut twin)?);
    assert!(part(&mut **machine, "mpu6050")?.stopped.is_none());
    Ok(())
}
