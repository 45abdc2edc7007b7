//! The firmware on the ESP32-C6: it boots as an app image, logs the expected lines beside this file, runs an app in a
//! session, and reports its crashes.

use std::path::PathBuf;

use drydock_emulator::builtin::engine::Builtin;
use drydock_emulator::{Engine, Image, Machine, ResetKind, Seed, VirtualTime};
use drydock_protocol::types::ResetReason;
use libtest_mimic::{Failed, Trial};

use crate::host::Host;
use crate::support::{
    package::{deploy, manifest},
    world::World,
};

const BOARD: &str = "esp32-c6";

/// One check of the firmware.
type Check = fn(&Image) -> Result<(), Failed>;

const CHECKS: &[(&str, Check)] = &[
    ("boots_and_logs_as_expected", boots_and_logs),
    ("sleeps_while_nothing_happens", sleeps),
    ("a_panic_a_fault_and_a_hang_are_told_and_survived", crashes),
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

fn power_on(image: &Image) -> Result<Box<dyn Machine>, Failed> {
    let board = drydock_assets::board(BOARD).ok_or("the board is described")?;
    let mut machine = Builtin.open(&board, Seed([1; 32]))?;
    machine.load(image)?;
    machine.reset(ResetKind::PowerOn)?;
    Ok(machine)
}

fn boots_and_logs(image: &Image) -> Result<(), Failed> {
    let mut machine = power_on(image)?;
    let mut host = Host::new(1);
    host.run(&mut *machine, VirtualTime::from_seconds(2))?;
    crate::no_faults(&mut *machine)?;
    assert!(host.is_up(), "the link is up");
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/firmware/esp32c6.log");
    if std::env::var_os("DRYDOCK_RENEW").is_some() {
        std::fs::write(&path, host.log())?;
    }
    let expected = std::fs::read_to_string(&path)?;
    assert_eq!(host.log(), expected, "DRYDOCK_RENEW=1 renews {}", path.display());
    Ok(())
}

fn sleeps(image: &Image) -> Result<(), Failed> {
    let mut machine = power_on(image)?;
    let mut host = Host::new(1);
    host.run(&mut *machine, VirtualTime::from_seconds(1))?;
    let before = machine.instructions();
    host.run(&mut *machine, VirtualTime::from_seconds(3))?;
    let executed = machine.instructions() - before;
    // 160 million cycles a second; a device that only keeps its link alive uses a hundredth of them.
    assert!(executed < 3_200_000, "{executed} instructions in two idle seconds");
    Ok(())
}

/// A firmware that panics, faults or hangs restarts, reports it, and runs its app again.
fn crashes(image: &Image) -> Result<(), Failed> {
    const NOWHERE: u32 = 0x3000_0000;
    let panic = image
        .symbols
        .iter()
        .find(|symbol| symbol.name.contains("rust_begin_unwind"));
    let panic = panic.ok_or("no symbol of the panic handler")?.addr;
    // `j .`, for the hang. (Code in the stack's RAM cannot be executed.)
    let endless = image.symbol("_default_abort").ok_or("no endless loop")?;
    let check = |pc: u32, reason: ResetReason, kind: ResetKind| -> Result<(), Failed> {
        let mut world = World::of(BOARD, image).enrolled();
        let blink = drydock_embedded::app("blink")
            .map_err(|missing| missing.to_string())?
            .wasm;
        deploy(&mut world, &manifest("blink", 1, blink), blink).map_err(|refusal| refusal.detail)?;
        world.run_for_ms(1500);
        let interrupted = world.machine.read_register("pc")?;
        world.machine.write_register("pc", pc.into())?;
        world.machine.write_register("ra", interrupted)?;
        // It may have been stopped while asleep, when interrupts are off.
        let mstatus = world.machine.read_register("mstatus")?;
        world.machine.write_register("mstatus", mstatus | 8)?;
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
                let addresses = fault.message.split("0x").skip(1);
                let mut addresses = addresses.filter_map(|hex| u32::from_str_radix(hex.trim(), 16).ok());
                assert!(
                    addresses.any(|address| image.symbol_at(address).is_some()),
                    "{}",
                    fault.message
                );
            }
            ResetReason::HardFault => {
                assert_eq!((fault.pc, u64::from(fault.lr)), (NOWHERE, interrupted));
                assert_eq!(fault.status, 1, "instruction access fault");
            }
            _ => assert_eq!(fault.pc, endless),
        }
        world.gateway.inbox.clear();
        assert_eq!(world.log_line().app, "blink", "it runs again");
        assert_eq!(world.gateway.enrollments, 1);
        Ok(())
    };
    check(panic, ResetReason::Panic, ResetKind::Software)?;
    check(NOWHERE, ResetReason::HardFault, ResetKind::Software)?;
    check(endless, ResetReason::Watchdog, ResetKind::Watchdog)
}
