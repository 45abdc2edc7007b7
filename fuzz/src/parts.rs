//! Virtual parts: modules, which users pass to each other, the transfers that a program makes with them, and tables of values.

use std::sync::OnceLock;

use drydock_assets::{Board, nmea};
use drydock_emulator::{PartTable, TABLE_VALUES_MAX, parts::program};

/// A register file: most bytes of it are code that a changed byte changes.
const GOOD: &str = r#"(module
    (import "drydock" "i2c_address" (func $address (param i32)))
    (import "drydock" "line" (func $line (param i32 i32 i32) (result i32)))
    (import "drydock" "property" (func $property (param i32 i32 i32 i32 i64 i64 i64 i32) (result i32)))
    (import "drydock" "canvas" (func $canvas (param i32 i32)))
    (import "drydock" "now_ns" (func $now (result i64)))
    (import "drydock" "set_timer" (func $timer (param i64)))
    (import "drydock" "drive" (func $drive (param i32 i32)))
    (import "drydock" "value" (func $value (param i32) (result i64)))
    (import "drydock" "pixel" (func $pixel (param i32 i32 i32)))
    (import "drydock" "log" (func $log (param i32 i32)))
    (memory 1)
    (global $at (mut i32) (i32.const 0))
    (data (i32.const 256) "intlevel")
    (func (export "init")
        (call $address (i32.const 0x40))
        (drop (call $line (i32.const 256) (i32.const 3) (i32.const 1)))
        (drop (call $property (i32.const 259) (i32.const 5) (i32.const 0) (i32.const 0)
            (i64.const 0) (i64.const 9000000) (i64.const 0) (i32.const 0)))
        (call $canvas (i32.const 8) (i32.const 8)))
    (func (export "power_on") (memory.fill (i32.const 0) (i32.const 0) (i32.const 256)))
    (func (export "i2c_start") (param i32 i32) (result i32) (global.set $at (i32.const 0)) (i32.const 1))
    (func (export "i2c_write") (param i32) (result i32)
        (i32.store8 (global.get $at) (local.get 0))
        (global.set $at (i32.and (i32.add (global.get $at) (i32.const 1)) (i32.const 255)))
        (call $pixel (global.get $at) (local.get 0) (i32.const 255))
        (call $timer (i64.add (call $now) (i64.extend_i32_u (local.get 0))))
        (i32.const 1))
    (func (export "i2c_read") (result i32)
        (i32.add (i32.load8_u (global.get $at)) (i32.wrap_i64 (call $value (i32.const 0)))))
    (func (export "timer") (call $drive (i32.const 0) (i32.and (global.get $at) (i32.const 1))))
    (func (export "i2c_stop") (call $log (i32.const 256) (i32.const 8)))
)"#;

/// Uses the input as a module, and as damage to a good one with transfers for it. What is accepted runs within its fuel, and
/// is the same part after it was copied and after it was saved.
pub fn part_module(data: &[u8]) {
    let _ = program::try_out(data, &[]);
    let [length, low, high, rest @ ..] = data else { return };
    let mut module = good().to_vec();
    let (damage, transfers) = rest.split_at(rest.len().min(usize::from(*length % 8)));
    let at = usize::from(u16::from_le_bytes([*low, *high])) % module.len();
    for (byte, damage) in module[at..].iter_mut().zip(damage) {
        *byte ^= damage;
    }
    let _ = program::try_out(&module, transfers);
}

/// A table for the board of [`part_table`].
const TABLE: &str =
    "time,bme280.temperature,bme280.humidity,lsm9ds1.acceleration_x\n0,20,50,\n0.5,-3.25,,1\n2,,61.5,-0.5\n";

/// Uses the input as a CSV file of values, and as damage to a good one. A file is refused with places in it, or the parts take
/// all its values.
pub fn part_table(data: &[u8]) {
    read_table(data);
    if let [at, length, damage @ ..] = data {
        let at = usize::from(*at) % TABLE.len();
        let end = (at + usize::from(*length) % 16).min(TABLE.len());
        let mut bytes = TABLE.as_bytes().to_vec();
        bytes.splice(at..end, damage.iter().take(64).copied());
        read_table(&bytes);
    }
}

fn read_table(file: &[u8]) {
    static BOARD: OnceLock<Board> = OnceLock::new();
    let board = BOARD.get_or_init(|| {
        let mut board = drydock_assets::board("nano33ble").expect("it ships");
        let choice = "bme280".parse().expect("it is a part");
        board.add_part(&choice, drydock_assets::part_kinds()).expect("it fits");
        board
    });
    match PartTable::read(file, &board.parts) {
        Ok(table) => {
            assert!(table.rows() > 0 && table.columns().next().is_some());
            assert!(table.rows() * table.columns().count() <= TABLE_VALUES_MAX);
        }
        Err(problems) => {
            assert!((1..=20).contains(&problems.len()));
            let lines = 1 + file.iter().filter(|byte| **byte == b'\n').count();
            for problem in problems {
                assert!((1..=lines).contains(&problem.line) && problem.column > 0 && !problem.what.is_empty());
            }
        }
    }
}

/// A log of a GPS receiver over midnight.
const LOG: &str =
    "$GPGGA,235959.00,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*61\n$GPGSV,1*48\n$GPRMC,000000.5,A*67\n";

/// Uses the input as a log, and as damage to a good one, whose checksums are made right again. A log is refused, or has epochs
/// whose times rise.
pub fn nmea_log(data: &[u8]) {
    read_log(data);
    if let [at, length, damage @ ..] = data {
        let at = usize::from(*at) % LOG.len();
        let end = (at + usize::from(*length) % 16).min(LOG.len());
        let mut bytes = LOG.as_bytes().to_vec();
        bytes.splice(at..end, damage.iter().take(64).copied());
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.lines().map(|line| {
            let body = line.rsplit_once('*').map_or(line, |(body, _)| body);
            let sum = body.bytes().skip(1).fold(0, |sum, byte| sum ^ byte);
            format!("{body}*{sum:02X}")
        });
        read_log(lines.collect::<Vec<_>>().join("\n").as_bytes());
    }
}

fn read_log(file: &[u8]) {
    match nmea::epochs(file) {
        Ok(epochs) => {
            assert!(!epochs.is_empty() && epochs[0].at_ms == 0);
            assert!(epochs.is_sorted_by(|one, next| one.at_ms < next.at_ms));
            for sentence in epochs.iter().flat_map(|epoch| &epoch.sentences) {
                if let Some((latitude, longitude)) = nmea::position(sentence) {
                    assert!(latitude.abs() <= 91_000_000 && longitude.abs() <= 181_000_000);
                }
            }
        }
        Err(what) => assert!(!what.is_empty()),
    }
}

fn good() -> &'static [u8] {
    static MODULE: OnceLock<Vec<u8>> = OnceLock::new();
    MODULE.get_or_init(|| wat::parse_str(GOOD).expect("the text is valid"))
}
