//! The firmware on the Uno R4 Minima, in 32 KiB of RAM: it enrolls, holds its session, reports, refuses apps, and has
//! the same identity after a crash.

use drydock_emulator::{Image, ResetKind, VirtualTime};
use drydock_protocol::device_to_gateway::{Metrics, RefusalCode};
use drydock_protocol::types::ResetReason;
use libtest_mimic::{Failed, Trial};

use crate::support::{
    package::{deploy, manifest},
    world::World,
};

const BOARD: &str = "uno-r4-minima";

const RAM_BYTES: u32 = 32 * 1024;
/// Minimum of free heap after enrollment and handshake, so that a longer certificate or one more call still fits.
const HEAP_LEFT_BYTES: u32 = 1024;
const STACK_LEFT_BYTES: u32 = 1024;

/// One check of the firmware.
type Check = fn(&Image) -> Result<(), Failed>;

const CHECKS: &[(&str, Check)] = &[
    ("enrolls_and_reports_within_32_kb_of_ram", reports),
    ("refuses_an_app_by_itself", refuses),
    ("is_the_same_device_after_power_loss", power_loss),
    ("a_panic_a_fault_and_a_hang_are_told_and_survived", crashes),
    ("holds_no_session_without_noise", without_noise),
];

pub(crate) fn trials() -> Vec<Trial> {
    let trial = |(name, check): &(&str, Check)| match drydock_embedded::firmware(BOARD) {
        Ok(firmware) => {
            let check = *check;
            Trial::test(format!("{BOARD}::{name}"), move || {
                check(&Image::from_elf(firmware.elf)?)
            })
        }
        Err(missing) => Trial::test(format!("{BOARD}::{name} (skipped: {missing})"), || Ok(())).with_ignored_flag(true),
    };
    CHECKS.iter().map(trial).collect()
}

fn in_session(image: &Image) -> World {
    World::of(BOARD, image).enrolled()
}

fn steady_metrics(world: &mut World) -> Metrics {
    world.run_for_ms(2_000);
    world.gateway.inbox.clear();
    world.metrics()
}

fn reports(image: &Image) -> Result<(), Failed> {
    let mut world = in_session(image);
    let hello = world.hello();
    assert_eq!(
        (hello.board.as_str(), hello.store_bytes, hello.apps.len()),
        (BOARD, 0, 0)
    );
    assert_eq!(
        (hello.reset_reason, hello.boot_count),
        (ResetReason::PowerOn, 1),
        "{:?}",
        hello.fault
    );
    let metrics = steady_metrics(&mut world);
    let (heap, stack) = (metrics.heap_total_bytes, metrics.stack_total_bytes);
    // Statics are the rest.
    assert!(heap + stack < RAM_BYTES, "{heap} + {stack}");
    println!(
        "of {RAM_BYTES} bytes of RAM: heap {} at most of {heap}, stack {} at most of {stack}, after {}",
        metrics.heap_peak_bytes,
        metrics.stack_peak_bytes,
        world.machine.now()
    );
    assert!(metrics.heap_peak_bytes + HEAP_LEFT_BYTES < heap, "{metrics:?}");
    assert!(metrics.stack_peak_bytes + STACK_LEFT_BYTES < stack, "{metrics:?}");
    assert!(metrics.cpu_busy_bp < 1_000 && metrics.apps.is_empty(), "{metrics:?}");
    assert!(world.resets.is_empty() && world.faults.is_empty(), "{:?}", world.faults);
    Ok(())
}

fn refuses(image: &Image) -> Result<(), Failed> {
    let mut world = in_session(image);
    let blink = drydock_embedded::app("blink")
        .map_err(|missing| missing.to_string())?
        .wasm;
    let refusal = deploy(&mut world, &manifest("blink", 1, blink), blink)
        .err()
        .ok_or("it was taken")?;
    assert_eq!(refusal.code, RefusalCode::NoMemory);
    assert_eq!(
        refusal.detail,
        "this device has no room for a WebAssembly runtime, so it takes no apps"
    );
    let metrics = steady_metrics(&mut world);
    assert!(metrics.apps.is_empty() && world.resets.is_empty());
    Ok(())
}

fn power_loss(image: &Image) -> Result<(), Failed> {
    let mut world = in_session(image);
    let chip = world.hello().chip_id;
    world.cut_at = Some(world.machine.now() + VirtualTime::from_ms(100));
    world.run_for_ms(200);
    world.gateway.inbox.clear();
    let hello = world.hello();
    assert_eq!((hello.reset_reason, hello.boot_count), (ResetReason::PowerOn, 2));
    assert_eq!((hello.chip_id, world.gateway.enrollments), (chip, 1));
    Ok(())
}

/// A firmware that panics, faults or hangs gets back into its session and reports it.
fn crashes(image: &Image) -> Result<(), Failed> {
    const NOWHERE: u32 = 0x3000_0000;
    const LOOP: u32 = 0x2000_0000;
    let panic = symbol(image, "rust_begin_unwind")?;
    let check = |pc: u32, reason: ResetReason, kind: ResetKind| -> Result<(), Failed> {
        let mut world = in_session(image);
        world.run_for_ms(1_500);
        // `b .` at the far end of the stack, for the hang.
        world.machine.write_memory(LOOP, &0xE7FE_E7FE_u32.to_le_bytes())?;
        let interrupted = world.machine.read_register("pc")? as u32;
        world.machine.write_register("pc", pc.into())?;
        world.machine.write_register("lr", u64::from(interrupted | 1))?;
        world.gateway.inbox.clear();
        let hello = world.hello();
        assert_eq!(world.resets, [kind], "{reason:?}");
        assert_eq!((hello.reset_reason, hello.boot_count), (reason, 2));
        let fault = hello.fault.ok_or_else(|| format!("{reason:?}: a record"))?;
        assert_eq!(fault.reason, reason);
        match reason {
            ResetReason::Panic => {
                let named = format!("look up in the image's symbols: {:#x} {:#x}", fault.pc, fault.lr);
                assert!(fault.message.starts_with(&named), "{}", fault.message);
            }
            ResetReason::HardFault => assert_eq!((fault.pc, fault.lr), (NOWHERE, interrupted | 1)),
            _ => assert_eq!(fault.message, "no handler could run; the firmware was at: idle"),
        }
        assert_eq!(world.gateway.enrollments, 1);
        Ok(())
    };
    check(panic, ResetReason::Panic, ResetKind::Software)?;
    check(NOWHERE, ResetReason::HardFault, ResetKind::Software)?;
    check(LOOP, ResetReason::Watchdog, ResetKind::Watchdog)
}

/// Both oscillators in step: the edges have the same phase each time.
fn without_noise(image: &Image) -> Result<(), Failed> {
    // movs r0, #1; movs r1, #0; bx lr: `Some(0)`.
    const STUCK: [u8; 6] = [0x01, 0x20, 0x00, 0x21, 0x70, 0x47];
    let mut world = World::of(BOARD, image);
    world.machine.write_memory(symbol(image, "5noise4edge")?, &STUCK)?;
    world.run_for_ms(3_000);
    let expected = "drydock 0.1.0 on uno-r4-minima, control only, reset by power-on\n\
                    no randomness, so no session: the source of noise is stuck\n";
    assert_eq!(world.log, expected);
    let mut records = [0; 0x2000];
    world.machine.read_memory(0x4010_0000, &mut records)?;
    assert!(records.iter().all(|byte| *byte == 0xFF), "no key was made");
    assert!(world.resets.is_empty() && world.faults.is_empty(), "{:?}", world.faults);
    Ok(())
}

fn symbol(image: &Image, name: &str) -> Result<u32, Failed> {
    let found = image.symbols.iter().find(|symbol| symbol.name.contains(name));
    Ok(found.ok_or_else(|| format!("no symbol {name}"))?.addr & !1)
}
