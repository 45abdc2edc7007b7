//! Measures the firmware of the Nano on the emulated board in a session with a gateway: RAM with one app, and the
//! instruction count of WebAssembly against the same function in machine code. Prints one JSON object a line for `./x
//! bench`. The results do not depend on the host's speed.

#[path = "../tests/firmware/support/mod.rs"]
mod support;

use std::error::Error;

use drydock_emulator::{
    Engine as _, Image, ResetKind, RunLimit, Seed, StopReason, VirtualTime, builtin::engine::Builtin,
};
use drydock_protocol::{device_to_gateway::Metrics, types::AppState};
use support::{
    package::{deploy, manifest, wasm},
    world::World,
};

/// RAM of the nRF52840.
const RAM_BYTES: u32 = 256 * 1024;

fn main() -> Result<(), Box<dyn Error>> {
    let firmware = drydock_embedded::firmware("nano33ble")?;
    let image = Image::from_elf(firmware.elf)?;
    ram(
        &image,
        "one app of 4,096 one-byte pages",
        "4096 4096 (pagesize 1)",
        4096,
        96,
    )?;
    ram(&image, "one app of a 64 KiB page", "1 1", 65_536, 160)?;
    fib(&image)
}

/// Peak RAM while a small app was deployed and ran: statics, stack and heap.
fn ram(image: &Image, what: &str, memory: &str, memory_bytes: u32, goal_kb: u32) -> Result<(), Box<dyn Error>> {
    let app = wasm(&format!(
        r#"(module
        (import "drydock" "log" (func $log (param i32 i32 i32)))
        (import "drydock" "metric" (func $metric (param i32 i32 f64)))
        (memory (export "memory") {memory})
        (data (i32.const 0) "beat")
        (global $count (mut i32) (i32.const 0))
        (func (export "init"))
        (func (export "tick")
            (global.set $count (i32.add (global.get $count) (i32.const 1)))
            (call $metric (i32.const 0) (i32.const 4) (f64.convert_i32_u (global.get $count)))
            (call $log (i32.const 2) (i32.const 0) (i32.const 4))))"#
    ));
    let mut world = World::in_session(image);
    let empty = steady_metrics(&mut world);
    let mut manifest = manifest("beat", 1, &app);
    manifest.limits.memory_bytes = memory_bytes;
    deploy(&mut world, &manifest, &app).map_err(|refusal| refusal.detail)?;
    let metrics = steady_metrics(&mut world);
    let statics = RAM_BYTES - metrics.heap_total_bytes - metrics.stack_total_bytes;
    let kb = |bytes: u32| f64::from(bytes) / 1024.0;
    let total = statics + metrics.stack_peak_bytes + metrics.heap_peak_bytes;
    let note = format!(
        "at most, handshake and loading included: statics {:.1}, stack {:.1}, heap {:.1} (now {:.1}, without the app {:.1})",
        kb(statics),
        kb(metrics.stack_peak_bytes),
        kb(metrics.heap_peak_bytes),
        kb(metrics.heap_used_bytes),
        kb(empty.heap_used_bytes),
    );
    line(
        &format!("nRF52840: RAM with {what}"),
        kb(total),
        "KB",
        &format!("<= {goal_kb}"),
        &note,
    );
    Ok(())
}

fn steady_metrics(world: &mut World) -> Metrics {
    world.run_for_ms(3_000);
    world.gateway.inbox.clear();
    world.metrics()
}

/// fib(24), the recursion with one call turned into a loop as compilers do it.
fn fib(image: &Image) -> Result<(), Box<dyn Error>> {
    let app = |calls: u32| {
        wasm(&format!(
            r#"(module
            (func $fib (param $n i32) (result i32) (local $sum i32)
                (block (loop
                    (br_if 1 (i32.lt_u (local.get $n) (i32.const 2)))
                    (local.set $sum (i32.add (call $fib (i32.sub (local.get $n) (i32.const 1))) (local.get $sum)))
                    (local.set $n (i32.sub (local.get $n) (i32.const 2)))
                    (br 0)))
                (i32.add (local.get $n) (local.get $sum)))
            (func (export "_start") (local $calls i32)
                (loop
                    (if (i32.ne (call $fib (i32.const 24)) (i32.const 46368)) (then unreachable))
                    (local.set $calls (i32.add (local.get $calls) (i32.const 1)))
                    (br_if 0 (i32.lt_u (local.get $calls) (i32.const {calls}))))))"#
        ))
    };
    // The difference of two runs excludes loading and reporting.
    let mut executed = Vec::new();
    for calls in [1, 3] {
        let app = app(calls);
        let mut world = World::in_session(image);
        let mut manifest = manifest("fib", 1, &app);
        manifest.limits.callback_ms = 60_000;
        world.run_for_ms(1_000);
        let before = world.machine.instructions();
        deploy(&mut world, &manifest, &app).map_err(|refusal| refusal.detail)?;
        while world.report().state != AppState::Exited {}
        executed.push(world.machine.instructions() - before);
    }
    let wasm = (executed[1] - executed[0]) / 2;
    let native = native_fib()?;
    let ratio = wasm as f64 / native as f64;
    let share = interpreted_share(image, &app(1_000))?;
    let note = format!("{wasm} against {native}; fuel, slices and the session's work between them included");
    line(
        "wasm fib(24) in the firmware / in machine code",
        ratio,
        "x",
        "<= 27",
        &note,
    );
    let note = format!(
        "fuel included; the other {:.1} % of the firmware's instructions are the session's and the main loop's",
        (1.0 - share) * 100.0
    );
    line(
        "wasm fib(24) within the interpreter's calls / in machine code",
        ratio * share,
        "x",
        "<= 27",
        &note,
    );
    Ok(())
}

/// The share of the instructions that are executed within the interpreter's calls while this app computes.
fn interpreted_share(image: &Image, app: &[u8]) -> Result<f64, Box<dyn Error>> {
    const INSTRUCTIONS: u64 = 4_000_000;
    let run = image
        .symbols
        .iter()
        .find(|symbol| symbol.name.ends_with("12WasmInstance3run"));
    let run = u64::from(run.ok_or("the image names no WasmInstance::run")?.addr);
    let mut world = World::in_session(image);
    let mut manifest = manifest("fib", 1, app);
    manifest.limits.callback_ms = 60_000;
    deploy(&mut world, &manifest, app).map_err(|refusal| refusal.detail)?;
    world.run_for_ms(100);
    let machine = &mut world.machine;
    let (mut all, mut within) = (0, 0);
    // Where the call returns to, with which stack pointer.
    let mut call: Option<(u64, u64)> = None;
    // Begins at a call, so that whole slices are counted.
    while all < INSTRUCTIONS || call.is_some() {
        let (pc, sp) = (machine.read_register("pc")?, machine.read_register("sp")?);
        match call {
            None if pc == run => call = Some((machine.read_register("lr")? & !1, sp)),
            Some(back) if back == (pc, sp) => call = None,
            _ => {}
        }
        all += u64::from(all > 0 || call.is_some());
        within += u64::from(call.is_some());
        machine.step()?;
    }
    Ok(within as f64 / all as f64)
}

/// Instructions of the same function in Thumb-2.
fn native_fib() -> Result<u64, Box<dyn Error>> {
    const START: u32 = 0x1_0000;
    let mut bytes = Vec::new();
    bytes.extend(0x2000_4000_u32.to_le_bytes()); // initial stack pointer
    bytes.extend((START + 9).to_le_bytes()); // reset vector
    for half_word in [
        0x2018_u16, // movs r0, #24
        0xF000, 0xF801, // bl fib
        0xBEAB, // bkpt, as semihosting
        0xB570, // fib: push {r4, r5, r6, lr}
        0x4604, // mov r4, r0
        0x2500, // movs r5, #0
        0x2C02, // 1: cmp r4, #2
        0xD305, // blo 2f
        0x1E60, // subs r0, r4, #1
        0xF7FF, 0xFFF8, // bl fib
        0x4405, // add r5, r0
        0x3C02, // subs r4, #2
        0xE7F7, // b 1b
        0x1960, // 2: adds r0, r4, r5
        0xBD70, // pop {r4, r5, r6, pc}
    ] {
        bytes.extend(half_word.to_le_bytes());
    }
    let board = drydock_assets::board("nano33ble").ok_or("no such board")?;
    let mut machine = Builtin.open(&board, Seed([1; 32]))?;
    machine.load(&Image::from_bin(START, bytes))?;
    machine.reset(ResetKind::PowerOn)?;
    let reason = machine.run(RunLimit::until(VirtualTime::from_seconds(10)))?;
    if !matches!(reason, StopReason::Breakpoint { .. }) || machine.read_register("r0")? != 46_368 {
        return Err(format!("fib(24) went wrong: {reason:?}").into());
    }
    Ok(machine.instructions())
}

fn line(what: &str, value: f64, unit: &str, goal: &str, note: &str) {
    println!(r#"{{"what": "{what}", "value": {value:.1}, "unit": "{unit}", "goal": "{goal}", "note": "{note}"}}"#);
}
