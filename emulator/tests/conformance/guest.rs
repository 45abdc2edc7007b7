//! The guests of `tests/guests`: assembler sources and their machine code.

use std::path::Path;
use std::process::Command;

use drydock_emulator::{Engine, Image, Machine, ResetKind, RunLimit, Seed, StopReason, VirtualTime};
use libtest_mimic::Failed;

/// Where the guests are linked: the Nano's application address.
pub(crate) const BASE: u32 = 0x1_0000;
/// Where their code begins: behind 64 vectors.
pub(crate) const CODE: u32 = BASE + 64 * 4;

macro_rules! guests {
    ($($name:ident),*) => {
        /// Names and hexadecimal text of all guests.
        const GUESTS: &[(&str, &str)] = &[$((stringify!($name), include_str!(concat!("../guests/", stringify!($name), ".hex")))),*];
    };
}

guests!(
    blink, count, echo, flash, lockup, mirror, off, random, refresh, resets, stop, trespass
);

/// The image of a guest.
pub(crate) fn image(name: &str) -> Image {
    let (_, text) = GUESTS
        .iter()
        .find(|(guest, _)| *guest == name)
        .expect("a guest of this name");
    let bytes: Vec<u8> = text
        .split_ascii_whitespace()
        .map(|byte| u8::from_str_radix(byte, 16).expect("hexadecimal bytes"))
        .collect();
    Image::from_bin(BASE, bytes)
}

/// A Nano with a guest, about to execute its first instruction.
pub(crate) fn boot(engine: &dyn Engine, name: &str) -> Result<Box<dyn Machine>, Failed> {
    boot_with_seed(engine, name, Seed([1; 32]))
}

pub(crate) fn boot_with_seed(engine: &dyn Engine, name: &str, seed: Seed) -> Result<Box<dyn Machine>, Failed> {
    let board = drydock_assets::board("nano33ble").ok_or("the board is described")?;
    let mut machine = engine.open(&board, seed)?;
    machine.load(&image(name))?;
    machine.reset(ResetKind::PowerOn)?;
    Ok(machine)
}

/// Runs for this many milliseconds; any end except the time limit is a failure.
pub(crate) fn run_ms(machine: &mut dyn Machine, ms: u64) -> Result<(), Failed> {
    let until = machine.now() + VirtualTime::from_ms(ms);
    match machine.run(RunLimit::until(until))? {
        StopReason::Deadline => Ok(()),
        reason => Err(format!("stopped: {reason:?}").into()),
    }
}

pub(crate) fn word(machine: &mut dyn Machine, addr: u32) -> Result<u32, Failed> {
    let mut bytes = [0; 4];
    machine.read_memory(addr, &mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

/// The sources assemble to the committed files (if an assembler is installed).
pub(crate) fn are_renewed() -> Result<(), Failed> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests");
    if Command::new("arm-none-eabi-as").arg("--version").output().is_err() {
        println!("not checked: arm-none-eabi-as is not installed");
        return Ok(());
    }
    let fresh = tempfile::tempdir()?;
    let status = Command::new("sh")
        .arg(folder.join("renew"))
        .arg(fresh.path())
        .status()?;
    assert!(status.success());
    for (name, text) in GUESTS {
        let assembled = std::fs::read_to_string(fresh.path().join(format!("{name}.hex")))?;
        if assembled != *text {
            return Err(format!("{name}.hex is stale: run emulator/tests/guests/renew").into());
        }
    }
    let sources = std::fs::read_dir(folder)?.filter(|entry| {
        entry
            .as_ref()
            .is_ok_and(|entry| entry.path().extension().is_some_and(|extension| extension == "s"))
    });
    assert_eq!(sources.count(), GUESTS.len(), "every source is a guest");
    Ok(())
}
