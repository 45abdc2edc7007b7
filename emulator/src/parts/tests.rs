//! The seam: which part hears what, and what the state of parts belongs to.

use std::hash::{Hash, Hasher};

use drydock_assets::{PartChoice, part_kinds};

use super::*;
use crate::machine::hash::StateHasher;

/// The header's bus of the Nano 33 BLE.
const HEADER: I2cPins = I2cPins { scl: 2, sda: 31 };

fn board(kinds: &[&str]) -> Board {
    let mut board = drydock_assets::board("nano33ble").unwrap();
    board.parts.clear();
    for kind in kinds {
        let described = part_kinds().iter().find(|known| known.name == **kind).unwrap();
        let pin = |(number, line): (usize, &drydock_assets::Line)| (line.name.clone(), format!("P1.{number:02}"));
        let choice = PartChoice {
            kind: (*kind).to_owned(),
            pins: described.lines.iter().enumerate().map(pin).collect(),
            ..PartChoice::default()
        };
        board.add_part(&choice, part_kinds()).unwrap();
    }
    board
}

/// A part on plain pins, with its lines wired.
pub(super) fn wired(kind: &str, pins: &[(&str, &str)]) -> Parts {
    let mut board = drydock_assets::board("nano33ble").unwrap();
    board.parts.clear();
    let pins = pins.iter().map(|(line, pin)| ((*line).to_owned(), (*pin).to_owned()));
    let choice = PartChoice {
        kind: kind.to_owned(),
        pins: pins.collect(),
        ..PartChoice::default()
    };
    board.add_part(&choice, part_kinds()).unwrap();
    *Parts::of(&board).unwrap()
}

pub(super) fn parts(kinds: &[&str]) -> Parts {
    *Parts::of(&board(kinds)).unwrap()
}

/// Writes bytes to a part; returns how many were acknowledged, the address included.
pub(super) fn write(parts: &mut Parts, now: VirtualTime, address: u8, bytes: &[u8]) -> usize {
    let mut acknowledged = usize::from(parts.i2c_start(now, HEADER, address, false));
    for byte in bytes {
        acknowledged += usize::from(parts.i2c_write(now, HEADER, *byte));
    }
    parts.i2c_stop(now, HEADER);
    acknowledged
}

/// Writes bytes, and reads after a repeated START.
pub(super) fn read(parts: &mut Parts, now: VirtualTime, address: u8, bytes: &[u8], count: usize) -> Vec<u8> {
    assert!(parts.i2c_start(now, HEADER, address, false));
    for byte in bytes {
        assert!(parts.i2c_write(now, HEADER, *byte));
    }
    assert!(parts.i2c_start(now, HEADER, address, true));
    let read = (0..count).map(|_| parts.i2c_read(now, HEADER)).collect();
    parts.i2c_stop(now, HEADER);
    read
}

fn hash(parts: &Parts) -> u64 {
    let mut hasher = StateHasher::default();
    parts.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn every_kind_that_can_be_wired_is_modelled() {
    for kind in part_kinds() {
        let parts = parts(&[&kind.name]);
        for (property, state) in kind.properties.iter().zip(&parts.list(VirtualTime::ZERO)[0].properties) {
            assert_eq!(state.value, property.start, "{}.{}", kind.name, property.name);
        }
    }
}

#[test]
fn every_property_takes_its_range_and_nothing_else() {
    for kind in part_kinds() {
        let mut parts = parts(&[&kind.name]);
        for property in kind.properties.iter().filter(|property| !property.reading) {
            for value in [property.min, property.max, property.start] {
                parts.set(VirtualTime::ZERO, &kind.name, &property.name, value).unwrap();
                let state = &parts.list(VirtualTime::ZERO)[0];
                let kept = state.properties.iter().find(|state| state.name == property.name);
                assert_eq!(kept.unwrap().value, value, "{}.{}", kind.name, property.name);
            }
            for wrong in [property.min.0 - 1, property.max.0 + 1].map(Millionths) {
                let before = hash(&parts);
                let refused = parts.set(VirtualTime::ZERO, &kind.name, &property.name, wrong);
                assert!(matches!(refused, Err(PartError::Value(_))), "{refused:?}");
                assert_eq!(hash(&parts), before);
            }
        }
        for property in kind.properties.iter().filter(|property| property.reading) {
            let refused = parts.set(VirtualTime::ZERO, &kind.name, &property.name, property.start);
            assert!(refused.unwrap_err().to_string().ends_with("cannot be set"));
        }
        let refused = parts.set(VirtualTime::ZERO, &kind.name, "smell", Millionths(0));
        assert!(matches!(refused, Err(PartError::Value(_))), "{refused:?}");
    }
}

#[test]
fn errors_name_what_there_is() {
    let mut parts = parts(&["bme280", "bme280"]);
    let mut error = |part: &str, property: &str, value| {
        let refused = parts.set(VirtualTime::ZERO, part, property, Millionths::from_f64(value).unwrap());
        refused.unwrap_err().to_string()
    };
    assert_eq!(
        error("bme", "x", 0.0),
        "there is no part bme; there are: bme280, bme280-2"
    );
    assert_eq!(
        error("bme280", "heat", 0.0),
        "a bme280 has no `heat`; it has: temperature, pressure, humidity"
    );
    assert_eq!(
        error("bme280", "temperature", 99.0),
        "`temperature` is 99, outside -40 to 85 °C"
    );
}

#[test]
fn two_parts_on_a_bus_have_their_own_addresses() {
    let mut parts = parts(&["bme280", "bme280"]);
    let now = VirtualTime::from_ms(10);
    // The one at 0x77 is configured.
    assert_eq!(write(&mut parts, now, 0x77, &[0xf5, 0xa0]), 3);
    assert_eq!(read(&mut parts, now, 0x76, &[0xf5], 1), [0]);
    assert_eq!(read(&mut parts, now, 0x77, &[0xf5], 1), [0xa0]);
    assert_eq!(write(&mut parts, now, 0x75, &[0xf5]), 0, "nobody is there");
    assert_eq!(parts.i2c_read(now, HEADER), 0xff, "nobody is addressed after STOP");
}

#[test]
fn parts_are_in_the_hash_and_in_the_saved_state() {
    let mut parts = parts(&["bme280"]);
    let before = hash(&parts);
    assert_eq!(hash(&parts.clone()), before);
    parts
        .set(VirtualTime::ZERO, "bme280", "temperature", Millionths(22_000_000))
        .unwrap();
    let set = hash(&parts);
    assert_ne!(set, before);
    write(&mut parts, VirtualTime::from_ms(5), 0x76, &[0xf4, 0x25]);
    assert_ne!(hash(&parts), set);
    let bytes = postcard::to_allocvec(&parts).unwrap();
    let restored: Parts = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(hash(&restored), hash(&parts));
}

#[test]
fn a_power_cycle_loses_registers_and_keeps_the_world() {
    let mut parts = parts(&["bme280"]);
    parts
        .set(VirtualTime::ZERO, "bme280", "temperature", Millionths(22_000_000))
        .unwrap();
    write(&mut parts, VirtualTime::from_ms(5), 0x76, &[0xf5, 0xa0]);
    parts.power_cycle(VirtualTime::from_ms(6));
    assert_eq!(read(&mut parts, VirtualTime::from_ms(9), 0x76, &[0xf5], 1), [0]);
    assert_eq!(parts.list(VirtualTime::ZERO)[0].properties[0].value.to_f64(), 22.0);
}

#[test]
fn a_stuck_part_gets_its_values_when_it_is_mended() {
    let mut parts = parts(&["potentiometer"]);
    let now = VirtualTime::from_ms(1);
    let volts = |parts: &Parts| parts.analog_uv(4, 3_300_000);
    let set = |parts: &mut Parts, percent: i64| {
        let value = Millionths(percent * 1_000_000);
        parts.set(now, "potentiometer", "position", value).unwrap();
        assert_eq!(
            parts.value(now, "potentiometer", "position"),
            Ok(value),
            "the world's value"
        );
    };
    set(&mut parts, 50);
    parts.set_fault(now, "potentiometer", Some(PartFault::Stuck)).unwrap();
    set(&mut parts, 100);
    assert_eq!(volts(&parts), Some(1_650_000));
    parts.set_fault(now, "potentiometer", None).unwrap();
    assert_eq!(volts(&parts), Some(3_300_000));
    parts.set_fault(now, "potentiometer", Some(PartFault::Silent)).unwrap();
    assert_eq!(volts(&parts), None);
    assert_eq!(parts.list(now)[0].fault, Some(PartFault::Silent));
    let unknown = parts.value(now, "potentiometer", "smell").unwrap_err();
    assert_eq!(unknown.to_string(), "potentiometer has no `smell`; it has: position");
    assert!(matches!(
        parts.set_fault(now, "dial", None),
        Err(PartError::NoPart { .. })
    ));
}

#[test]
fn a_silent_part_is_not_on_its_bus_and_drives_no_pin() {
    let mut parts = parts(&["24c02", "bme280"]);
    let now = VirtualTime::from_ms(1);
    assert!(parts.i2c_start(now, HEADER, 0x50, false));
    parts.set_fault(now, "24c02", Some(PartFault::Silent)).unwrap();
    assert!(!parts.i2c_write(now, HEADER, 0), "in the middle of a transfer");
    assert!(!parts.i2c_start(now, HEADER, 0x50, false));
    assert!(parts.i2c_start(now, HEADER, 0x76, false), "the others answer");
    parts.power_cycle(now);
    assert!(!parts.i2c_start(now, HEADER, 0x50, false), "power mends nothing");
    parts.set_fault(now, "24c02", None).unwrap();
    assert!(parts.i2c_start(now, HEADER, 0x50, false));

    let mut button = wired("button", &[("contact", "P0.27")]);
    button.set(now, "button", "pressed", Millionths(1_000_000)).unwrap();
    assert_eq!(button.serve(now), [(27, Some(false))]);
    button.set_fault(now, "button", Some(PartFault::Silent)).unwrap();
    assert_eq!(button.serve(now), [(27, None)]);
}
