//! Parts in WebAssembly: what is refused, what each import does, and that nothing of their state is lost.

use std::hash::{Hash, Hasher};

use drydock_assets::PartChoice;

use super::super::{I2cPins, Parts, SpiPins};
use super::*;
use crate::machine::hash::StateHasher;

const BUS: I2cPins = I2cPins { scl: 2, sda: 31 };

fn ms(ms: u64) -> VirtualTime {
    VirtualTime::from_ms(ms)
}

fn module(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// A board with this part only.
fn wired(text: &str, pins: &[(&str, &str)]) -> Parts {
    let kind = kind("mine", &module(text)).unwrap();
    let mut board = drydock_assets::board("nano33ble").unwrap();
    board.parts.clear();
    let pins = pins.iter().map(|(line, pin)| ((*line).to_owned(), (*pin).to_owned()));
    let choice = PartChoice {
        kind: "mine".into(),
        pins: pins.collect(),
        ..PartChoice::default()
    };
    board.add_part(&choice, &[kind]).unwrap();
    *Parts::of(&board).unwrap()
}

fn hash(parts: &Parts) -> u64 {
    let mut hasher = StateHasher::default();
    parts.hash(&mut hasher);
    hasher.finish()
}

fn through_bytes(parts: &Parts) -> Parts {
    postcard::from_bytes(&postcard::to_allocvec(parts).unwrap()).unwrap()
}

/// A register file of 16 bytes on I²C: the first byte that is written is the address. Its pointer is a global, which the
/// module does not export. Register 15 counts STOPs, and register 14 is the value of its property in whole units.
const REGISTERS: &str = r#"(module
    (import "drydock" "i2c_address" (func $address (param i32)))
    (import "drydock" "title" (func $title (param i32 i32)))
    (import "drydock" "property" (func $property (param i32 i32 i32 i32 i64 i64 i64 i32) (result i32)))
    (import "drydock" "value" (func $value (param i32) (result i64)))
    (import "drydock" "log" (func $log (param i32 i32)))
    (memory 1)
    (global $at (mut i32) (i32.const -1))
    (global $wide (mut i64) (i64.const 5))
    (data (i32.const 100) "levelmDepth gauge")
    (func (export "init")
        (call $address (i32.const 0x40)) (call $address (i32.const 0x41))
        (call $title (i32.const 106) (i32.const 11))
        (drop (call $property (i32.const 100) (i32.const 5) (i32.const 105) (i32.const 1)
            (i64.const 0) (i64.const 200000000) (i64.const 7000000) (i32.const 0))))
    (func (export "power_on")
        (memory.fill (i32.const 0) (i32.const 0) (i32.const 16))
        (global.set $at (i32.const -1)))
    (func (export "i2c_start") (param i32 i32) (result i32)
        (if (i32.eqz (local.get 1)) (then (global.set $at (i32.const -1))))
        (global.set $wide (i64.add (global.get $wide) (i64.const 1)))
        (i32.const 1))
    (func (export "i2c_write") (param i32) (result i32)
        (if (i32.eq (global.get $at) (i32.const -1))
            (then (global.set $at (local.get 0)))
            (else
                (if (i32.eq (global.get $at) (i32.const 13)) (then (loop $forever (br $forever))))
                (if (i32.eq (global.get $at) (i32.const 12)) (then (call $log (i32.const 106) (i32.const 5))))
                (if (i32.eq (global.get $at) (i32.const 11))
                    (then (drop (memory.grow (local.get 0)))
                          (i32.store8 (i32.const 70000) (i32.const 77))))
                (i32.store8 (global.get $at) (local.get 0))
                (global.set $at (i32.add (global.get $at) (i32.const 1)))))
        (i32.const 1))
    (func (export "i2c_read") (result i32)
        (i32.store8 (i32.const 14) (i32.wrap_i64 (i64.div_s (call $value (i32.const 0)) (i64.const 1000000))))
        (i32.load8_u (global.get $at))
        (global.set $at (i32.add (global.get $at) (i32.const 1))))
    (func (export "i2c_stop")
        (i32.store8 (i32.const 15) (i32.add (i32.load8_u (i32.const 15)) (i32.const 1))))
)"#;

fn write(parts: &mut Parts, now: VirtualTime, bytes: &[u8]) -> usize {
    let mut acknowledged = usize::from(parts.i2c_start(now, BUS, 0x40, false));
    for byte in bytes {
        acknowledged += usize::from(parts.i2c_write(now, BUS, *byte));
    }
    parts.i2c_stop(now, BUS);
    acknowledged
}

fn read(parts: &mut Parts, now: VirtualTime, at: u8) -> u8 {
    parts.i2c_start(now, BUS, 0x40, false);
    parts.i2c_write(now, BUS, at);
    parts.i2c_start(now, BUS, 0x40, true);
    let byte = parts.i2c_read(now, BUS);
    parts.i2c_stop(now, BUS);
    byte
}

#[test]
fn a_module_is_a_part_with_its_own_values() {
    let mut parts = wired(REGISTERS, &[]);
    assert_eq!(write(&mut parts, ms(1), &[3, 0x5a, 0x5b]), 4);
    assert_eq!([read(&mut parts, ms(2), 3), read(&mut parts, ms(2), 4)], [0x5a, 0x5b]);
    assert_eq!(read(&mut parts, ms(2), 15), 3, "STOPs");
    assert_eq!(read(&mut parts, ms(2), 14), 7, "the value of a new part");
    parts.set(ms(3), "mine", "level", Millionths(42_000_000)).unwrap();
    assert_eq!(read(&mut parts, ms(4), 14), 42);
    let state = &parts.list(ms(4))[0];
    assert_eq!(
        (state.title.as_str(), state.place.as_str()),
        ("Depth gauge", "i2c, address 0x40")
    );
    assert_eq!(state.properties[0].unit, "m");
    let refused = parts.set(ms(4), "mine", "level", Millionths(201_000_000)).unwrap_err();
    assert_eq!(refused.to_string(), "`level` is 201, outside 0 to 200 m");
    parts.power_cycle(ms(5));
    assert_eq!(read(&mut parts, ms(6), 3), 0, "power_on");
    assert_eq!(read(&mut parts, ms(6), 14), 42, "the world outside stays");
}

#[test]
fn memory_globals_and_values_are_the_whole_state() {
    let mut parts = wired(REGISTERS, &[]);
    let mut hashes = vec![hash(&parts)];
    let mut step = |parts: &mut Parts, action: &mut dyn FnMut(&mut Parts)| {
        action(parts);
        let now = hash(parts);
        assert!(!hashes.contains(&now), "step {}", hashes.len());
        hashes.push(now);
        for mut twin in [parts.clone(), through_bytes(parts)] {
            assert_eq!(hash(&twin), now);
            // And it goes on as the other does.
            let mut other = parts.clone();
            for parts in [&mut twin, &mut other] {
                parts.i2c_write(ms(8), BUS, 9);
                write(parts, ms(9), &[1, 2, 3, 4]);
            }
            assert_eq!(hash(&twin), hash(&other));
            assert_ne!(hash(&twin), now);
        }
    };
    // A global of 64 bits, then one that nobody exported, then memory, then a value, then memory that grew.
    step(&mut parts, &mut |parts| {
        assert!(parts.i2c_start(ms(1), BUS, 0x40, false))
    });
    step(&mut parts, &mut |parts| assert!(parts.i2c_write(ms(1), BUS, 2)));
    step(&mut parts, &mut |parts| assert!(parts.i2c_write(ms(1), BUS, 0x77)));
    step(&mut parts, &mut |parts| parts.i2c_stop(ms(1), BUS));
    step(&mut parts, &mut |parts| {
        parts.set(ms(2), "mine", "level", Millionths(1)).unwrap();
    });
    step(&mut parts, &mut |parts| assert_eq!(write(parts, ms(3), &[11, 2]), 3));
    assert!(parts.list(ms(3))[0].stopped.is_none());
}

#[test]
fn a_part_that_loops_is_stopped_and_named() {
    let mut parts = wired(REGISTERS, &[]);
    write(&mut parts, ms(1), &[12, 0]);
    let said = parts.take_messages();
    assert_eq!((said[0].part.as_str(), said[0].text.as_str()), ("mine", "Depth"));
    assert_eq!((said[0].at, said.len()), (ms(1), 1));
    assert_eq!(
        write(&mut parts, ms(2), &[13, 0]),
        2,
        "the last byte is not acknowledged"
    );
    let why = "`i2c_write` did not end within 1000000 units of fuel";
    assert_eq!(parts.list(ms(2))[0].stopped.as_deref(), Some(why));
    let said = parts.take_messages();
    assert_eq!(
        (said[0].stopped, said[0].text.as_str()),
        (true, format!("it is stopped: {why}").as_str())
    );
    assert_eq!(write(&mut parts, ms(3), &[1]), 0, "it no longer answers");
    let mut twin = through_bytes(&parts);
    assert_eq!((hash(&twin), write(&mut twin, ms(3), &[1])), (hash(&parts), 0));
    // The same calls use the same fuel each time.
    let mut again = wired(REGISTERS, &[]);
    for (at, bytes) in [(1, [12, 0]), (2, [13, 0])] {
        write(&mut again, ms(at), &bytes);
    }
    write(&mut again, ms(3), &[1]);
    assert_eq!(hash(&again), hash(&parts));
}

/// It follows `in` on `out` a millisecond later, and draws the level.
const FOLLOWER: &str = r#"(module
    (import "drydock" "line" (func $line (param i32 i32 i32) (result i32)))
    (import "drydock" "line_level" (func $level (param i32) (result i32)))
    (import "drydock" "drive" (func $drive (param i32 i32)))
    (import "drydock" "now_ns" (func $now (result i64)))
    (import "drydock" "set_timer" (func $timer (param i64)))
    (import "drydock" "canvas" (func $canvas (param i32 i32)))
    (import "drydock" "pixel" (func $pixel (param i32 i32 i32)))
    (import "drydock" "property" (func $property (param i32 i32 i32 i32 i64 i64 i64 i32) (result i32)))
    (import "drydock" "set_value" (func $set (param i32 i64)))
    (memory 1)
    (data (i32.const 0) "inoutchanges")
    (func (export "init")
        (drop (call $line (i32.const 0) (i32.const 2) (i32.const 0)))
        (drop (call $line (i32.const 2) (i32.const 3) (i32.const 1)))
        (drop (call $property (i32.const 5) (i32.const 7) (i32.const 0) (i32.const 0)
            (i64.const 0) (i64.const 100000000) (i64.const 0) (i32.const 1)))
        (call $canvas (i32.const 3) (i32.const 2)))
    (func (export "line_changed") (param i32 i32)
        (i32.store (i32.const 64) (i32.add (i32.load (i32.const 64)) (i32.const 1)))
        (call $set (i32.const 0) (i64.mul (i64.const 1000000) (i64.load32_u (i32.const 64))))
        (call $timer (i64.add (call $now) (i64.const 1000000))))
    (func (export "timer")
        (call $drive (i32.const 1) (call $level (i32.const 0)))
        (call $pixel (i32.const 2) (i32.const 1) (i32.const 255))
        (call $pixel (i32.const 3) (i32.const 1) (i32.const 255)))
)"#;

#[test]
fn lines_timers_and_the_canvas_work() {
    let mut parts = wired(FOLLOWER, &[("in", "P0.27"), ("out", "P1.02")]);
    assert_eq!(parts.due(), VirtualTime::MAX);
    parts.pin_changed(ms(5), 27, Some(true));
    assert_eq!(parts.due(), ms(6));
    let mut twin = through_bytes(&parts);
    for parts in [&mut parts, &mut twin] {
        assert!(parts.is_unsettled(), "the core must hear of the timer");
        assert_eq!(parts.serve(ms(5)), []);
        assert_eq!(parts.serve(ms(6)), [(34, Some(true))]);
        assert_eq!((parts.due(), parts.is_unsettled()), (VirtualTime::MAX, false));
        assert_eq!(parts.list(ms(6))[0].properties[0].value.to_f64(), 1.0);
        assert_eq!(
            parts.list(ms(6))[0].picture.as_ref().unwrap().dots,
            [0, 0, 0, 0, 0, 255]
        );
        parts.pin_changed(ms(7), 27, None);
        assert_eq!(parts.serve(ms(8)), [(34, None)], "nobody drives either");
    }
    assert_eq!(hash(&parts), hash(&twin));
    let refused = parts.set(ms(9), "mine", "changes", Millionths(0)).unwrap_err();
    assert_eq!(refused.to_string(), "`changes` is read from a mine and cannot be set");
}

#[test]
fn a_module_on_spi_answers_while_it_is_selected() {
    let text = r#"(module
        (func (export "init"))
        (global $last (mut i32) (i32.const 0))
        (func (export "spi_select") (param i32) (global.set $last (i32.const 0xa0)))
        (func (export "spi_transfer") (param i32) (result i32)
            (global.get $last) (global.set $last (local.get 0))))"#;
    let mut parts = wired(text, &[]);
    let bus = SpiPins {
        sck: 13,
        mosi: Some(33),
        miso: Some(40),
    };
    assert_eq!(parts.spi_transfer(ms(1), bus, 1), 0, "not selected");
    parts.pin_changed(ms(1), 34, Some(false));
    let answers: Vec<u8> = [1, 2, 3].map(|byte| parts.spi_transfer(ms(2), bus, byte)).to_vec();
    assert_eq!(answers, [0xa0, 1, 2]);
}

#[test]
fn what_is_no_part_is_refused_with_its_reason() {
    let init = r#"(func (export "init"))"#;
    let check = |text: &str, expected: &str| {
        let error = kind("mine", &module(&format!("(module {text})")))
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{text}: {error}");
    };
    let spi = r#"(func (export "spi_transfer") (param i32) (result i32) (i32.const 0))"#;
    let i2c = r#"(func (export "i2c_start") (param i32 i32) (result i32) (i32.const 0))"#;
    check(spi, "does not export `init`, which declares the part");
    check(init, "it is wired to nothing");
    check(&format!("{init} {i2c}"), "does not export `i2c_write`");
    check(&format!("{init} {i2c} {spi}"), "a part is on one bus");
    check(
        &format!(r#"{spi} (func (export "init") (param i32))"#),
        "exports `init` with another type than ()",
    );
    check(
        &format!(
            r#"{init} {i2c} (func (export "i2c_write") (param i32) (result i32) (i32.const 0))
            (func (export "i2c_read") (result i32) (i32.const 0))"#
        ),
        "it declares no address",
    );
    check(
        &format!(r#"(import "env" "time" (func)) {init} {spi}"#),
        "imports env.time, which parts do not have",
    );
    check(
        &format!(r#"(import "drydock" "random" (func)) {init} {spi}"#),
        "imports drydock.random",
    );
    check(
        &format!(r#"(import "drydock" "memory" (memory 1)) {init} {spi}"#),
        "imports drydock.memory",
    );
    check(
        &format!(r#"(import "drydock" "pixel" (func (param i32))) {init} {spi}"#),
        "imports drydock.pixel with another type than (i32, i32, i32)",
    );
    check(&format!("{init} {spi} (func $s) (start $s)"), "has a start function");
    check(
        &format!("{init} {spi} (table 1 funcref) (func (table.set (i32.const 0) (ref.null func)))"),
        "uses `table.set`",
    );
    check(
        &format!("{init} {spi} (memory 1) (data $d \"x\") (func (data.drop $d))"),
        "uses `data.drop`",
    );
    check(
        &format!("{init} {spi} (func (drop (f64.add (f64.const 1) (f64.const 2))))"),
        "not valid here",
    );
    check(
        &format!("{init} {spi} (global (mut funcref) (ref.null func))"),
        "neither i32 nor i64",
    );
    let globals = "(global (mut i32) (i32.const 0))".repeat(65);
    check(&format!("{init} {spi} {globals}"), "more than 64 mutable globals");
    check(
        &format!("{init} {spi} (memory 33)"),
        "cannot be laid out in 2097152 bytes",
    );
    check(
        &format!(r#"{spi} (func (export "init") (loop $l (br $l)))"#),
        "`init` did not end within",
    );
    check(
        &format!(r#"{spi} (func (export "init") unreachable)"#),
        "`init` failed: `init` trapped",
    );
    check(
        &format!(
            r#"(import "drydock" "canvas" (func $c (param i32 i32))) {spi}
            (func (export "init") (call $c (i32.const 321) (i32.const 1)))"#
        ),
        "a canvas has 1 × 1 to 320 × 240 dots, not 321 × 1",
    );
    assert!(
        kind("mine", b"\0asm")
            .unwrap_err()
            .to_string()
            .contains("not valid here")
    );
    assert_eq!(
        kind("mine", &vec![0; MODULE_BYTES_MAX + 1]).unwrap_err(),
        ProgramError::Size(524_289)
    );
}

#[test]
fn a_declaration_after_init_stops_the_part() {
    let text = r#"(module
        (import "drydock" "canvas" (func $c (param i32 i32)))
        (func (export "init"))
        (func (export "spi_transfer") (param i32) (result i32) (call $c (i32.const 9) (i32.const 9)) (i32.const 1)))"#;
    let mut parts = wired(text, &[]);
    parts.pin_changed(ms(1), 34, Some(false));
    let bus = SpiPins {
        sck: 13,
        mosi: Some(33),
        miso: Some(40),
    };
    assert_eq!(parts.spi_transfer(ms(1), bus, 1), 0);
    let stopped = parts.list(ms(1))[0].stopped.clone();
    assert_eq!(
        stopped.as_deref(),
        Some("`spi_transfer` failed: it declares something after `init`")
    );
}

#[test]
fn a_saved_state_that_is_not_one_is_refused() {
    let parts = wired(REGISTERS, &[]);
    let bytes = postcard::to_allocvec(&parts).unwrap();
    // No panic and no state that differs from what its bytes say, wherever a bit is wrong.
    for place in 0..bytes.len() {
        let mut wrong = bytes.clone();
        wrong[place] ^= 1 << (place % 8);
        if let Ok(mut taken) = postcard::from_bytes::<Parts>(&wrong) {
            write(&mut taken, ms(1), &[1, 2]);
            let _ = (taken.list(ms(1)), hash(&taken));
        }
    }
}
