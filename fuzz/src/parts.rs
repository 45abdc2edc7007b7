//! Virtual parts that are WebAssembly modules, which users pass to each other, and the transfers that a program makes with them.

use std::sync::OnceLock;

use drydock_emulator::parts::program;

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

fn good() -> &'static [u8] {
    static MODULE: OnceLock<Vec<u8>> = OnceLock::new();
    MODULE.get_or_init(|| wat::parse_str(GOOD).expect("the text is valid"))
}
