//! The firmware in a session with a gateway: apps until they end, apps that exceed their limits, and crash reports of
//! the board.

use crate::support::{
    package::{deploy, manifest, wasm},
    world::World,
};
use drydock_emulator::{Image, ResetKind};
use drydock_protocol::{
    device_to_gateway::{AppReport, Log, RefusalCode},
    envelope::{Envelope, Kind},
    types::{AppState, FailureKind, ResetReason},
};
use libtest_mimic::Failed;

fn sample(name: &str) -> Result<&'static [u8], Failed> {
    Ok(drydock_embedded::app(name).map_err(|missing| missing.to_string())?.wasm)
}

/// `hello` is a plain C program that ends itself right after its last line.
pub(crate) fn last_words(image: &Image) -> Result<(), Failed> {
    let mut world = World::in_session(image);
    let hello = sample("hello")?;
    deploy(&mut world, &manifest("hello", 1, hello), hello).map_err(|refusal| refusal.detail)?;
    let mut lines = Vec::new();
    loop {
        world.run_until("a message", |world| !world.gateway.inbox.is_empty());
        let message = world.gateway.inbox.pop_front().ok_or("there is one")?;
        let envelope = Envelope::decode(&message)?;
        if envelope.kind == Kind::Log as u16 {
            lines.push(envelope.body::<Log>()?.text);
        } else if envelope.kind == Kind::AppReport as u16 && envelope.body::<AppReport>()?.state == AppState::Exited {
            break;
        }
    }
    assert_eq!(lines, ["hello from C", "two lines", "in one write"]);
    Ok(())
}

/// An app that takes more heap than there is, by each possible way, beside an app that continues.
pub(crate) fn out_of_memory(image: &Image) -> Result<(), Failed> {
    let mut world = World::in_session(image);
    let blink = sample("blink")?;
    deploy(&mut world, &manifest("blink", 1, blink), blink).map_err(|refusal| refusal.detail)?;
    let heap_before = idle_heap(&mut world);

    // Its own limit: a growth that the manifest does not allow.
    let hungry = sample("hungry")?;
    deploy(&mut world, &manifest("hungry", 1, hungry), hungry).map_err(|refusal| refusal.detail)?;
    let failure = failure(&mut world, "hungry");
    assert_eq!(failure.0, FailureKind::MemoryLimit);
    assert!(failure.1.starts_with("memory.grow to "), "{}", failure.1);

    // Growth that no limit of the module forbids, and that exceeds the heap reserved for the app.
    let greedy = wasm(
        r#"(module (table $a 0 funcref) (table $b 0 funcref) (table $c 0 funcref) (table $d 0 funcref)
        (func (export "init"))
        (func (export "tick")
            (drop (table.grow $a (ref.null func) (i32.const 1000)))
            (drop (table.grow $b (ref.null func) (i32.const 1000)))
            (drop (table.grow $c (ref.null func) (i32.const 1000)))
            (drop (table.grow $d (ref.null func) (i32.const 1000)))))"#,
    );
    deploy(&mut world, &manifest("greedy", 1, &greedy), &greedy).map_err(|refusal| refusal.detail)?;
    let failure = self::failure(&mut world, "greedy");
    assert_eq!(failure.0, FailureKind::MemoryLimit);
    assert!(failure.1.starts_with("out of memory: "), "{}", failure.1);

    // A module that is small as source and large when compiled.
    let functions = "(func (param i32) (result i32) (local.get 0))".repeat(1500);
    let large = wasm(&format!(r#"(module {functions} (func (export "init")))"#));
    let refusal = deploy(&mut world, &manifest("large", 1, &large), &large).expect_err("it cannot be loaded");
    assert_eq!(refusal.code, RefusalCode::NoMemory);
    assert!(refusal.detail.starts_with("out of memory: "), "{}", refusal.detail);

    world.gateway.inbox.clear();
    assert_eq!(world.log_line().app, "blink");
    assert!(world.resets.is_empty() && world.faults.is_empty(), "{:?}", world.resets);
    assert_eq!(world.gateway.sessions, 1, "the board stayed connected");
    let heap_after = idle_heap(&mut world);
    // The two apps' names and manifests stay.
    assert!(
        heap_after < heap_before + 3 * 1024,
        "{heap_before} bytes of heap before, {heap_after} after"
    );
    Ok(())
}

fn idle_heap(world: &mut World) -> u32 {
    world.run_for_ms(2000);
    world.gateway.inbox.clear();
    world.metrics().heap_used_bytes
}

/// Why an app failed.
fn failure(world: &mut World, app: &str) -> (FailureKind, String) {
    loop {
        let report = world.report();
        if report.app == app && report.state == AppState::Failed {
            let failure = report.failure.expect("a reason");
            return (failure.kind, failure.detail);
        }
    }
}

/// A hang with interrupts off, which no handler sees: the record has the firmware's phase and the app.
pub(crate) fn unseen_hang(image: &Image) -> Result<(), Failed> {
    const LOOP: u32 = 0x2000_0000;
    let endless = wasm(r#"(module (func (export "_start") (loop (br 0))))"#);
    let mut manifest = manifest("endless", 1, &endless);
    manifest.limits.callback_ms = 60_000;
    for (step, with_app) in [("idle", false), ("apps", true)] {
        let mut world = World::in_session(image);
        if with_app {
            deploy(&mut world, &manifest, &endless).map_err(|refusal| refusal.detail)?;
        }
        world.run_for_ms(1500);
        world.machine.write_memory(LOOP, &0xE7FE_E7FE_u32.to_le_bytes())?;
        world.machine.write_register("primask", 1)?;
        world.machine.write_register("pc", LOOP.into())?;
        world.gateway.inbox.clear();
        let hello = world.hello();
        assert_eq!(world.resets, [ResetKind::Watchdog]);
        assert_eq!(hello.reset_reason, ResetReason::Watchdog);
        let fault = hello.fault.ok_or("a record")?;
        assert_eq!((fault.reason, fault.pc), (ResetReason::Watchdog, 0));
        assert_eq!(
            fault.message,
            format!("no handler could run; the firmware was at: {step}")
        );
        let failed = hello.apps.iter().filter(|app| app.state == AppState::Failed).count();
        assert_eq!(failed, usize::from(with_app), "{:?}", hello.apps);
    }
    Ok(())
}

/// A firmware that panics, faults or hangs restarts, reports it, and runs its apps again.
pub(crate) fn crashes(image: &Image) -> Result<(), Failed> {
    let symbol = |name: &str| {
        let found = image.symbols.iter().find(|symbol| symbol.name.contains(name));
        found
            .map(|symbol| symbol.addr & !1)
            .ok_or_else(|| format!("no symbol {name}"))
    };
    const NOWHERE: u32 = 0x3000_0000;
    const LOOP: u32 = 0x2000_0000;
    let panic = symbol("rust_begin_unwind")?;
    let check = |pc: u32, reason: ResetReason, kind: ResetKind| -> Result<(), Failed> {
        let mut world = World::in_session(image);
        let blink = sample("blink")?;
        deploy(&mut world, &manifest("blink", 1, blink), blink).map_err(|refusal| refusal.detail)?;
        world.run_for_ms(1500);
        // `b .` at the far end of the stack, for the hang.
        world.machine.write_memory(LOOP, &0xE7FE_E7FE_u32.to_le_bytes())?;
        let interrupted = world.machine.read_register("pc")? as u32;
        let stack = world.machine.read_register("msp")?;
        world.machine.write_register("pc", pc.into())?;
        world.machine.write_register("lr", u64::from(interrupted | 1))?;
        // It may have been stopped while asleep, when interrupts are off; such a hang leaves no record.
        world.machine.write_register("primask", 0)?;
        world.gateway.inbox.clear();
        let hello = world.hello();
        assert_eq!(world.resets, [kind], "{reason:?}");
        assert_eq!((hello.reset_reason, hello.boot_count), (reason, 2));
        let fault = hello.fault.ok_or_else(|| format!("{reason:?}: a record"))?;
        assert_eq!(fault.reason, reason);
        match reason {
            ResetReason::Panic => {
                let code = image.symbol_at(fault.pc).zip(image.symbol_at(fault.lr));
                assert!(code.is_some(), "{:#x} and {:#x} are code", fault.pc, fault.lr);
                let named = format!("look up in the image's symbols: {:#x} {:#x}", fault.pc, fault.lr);
                assert!(fault.message.starts_with(&named), "{}", fault.message);
                let called = fault
                    .message
                    .split("0x")
                    .skip(1)
                    .filter_map(|hex| u32::from_str_radix(hex.trim(), 16).ok());
                let names: Vec<_> = called
                    .filter_map(|address| Some(image.symbol_at(address)?.0.name.as_str()))
                    .collect();
                assert!(!names.is_empty(), "{names:?} at msp {stack:#x}");
            }
            ResetReason::HardFault => assert_eq!((fault.pc, fault.lr), (NOWHERE, interrupted | 1)),
            _ => assert_eq!(fault.pc, LOOP),
        }
        world.gateway.inbox.clear();
        assert_eq!(world.log_line().app, "blink", "it runs again");
        assert_eq!(world.gateway.enrollments, 1);
        Ok(())
    };
    check(panic, ResetReason::Panic, ResetKind::Software)?;
    check(NOWHERE, ResetReason::HardFault, ResetKind::Software)?;
    check(LOOP, ResetReason::Watchdog, ResetKind::Watchdog)
}
