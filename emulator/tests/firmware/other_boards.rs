//! The firmware on boards other than the Nano: it boots, logs the expected lines beside this file, and identifies
//! itself.

use std::path::PathBuf;

use drydock_emulator::{Availability, Image, ResetKind, Seed, VirtualTime};
use drydock_protocol::control::{FromDevice, Identity, IdentityState};
use drydock_protocol::framing;
use libtest_mimic::{Failed, Trial};

use crate::host::Host;

/// A board, its engine, and the state of its identity when it is new.
const BOARDS: &[(&str, &str, IdentityState)] = &[
    ("mps2-an386", "qemu", IdentityState::Blank),
    ("hifive1-revb", "builtin", IdentityState::Unauthenticated),
    ("stm32f4-discovery", "builtin", IdentityState::Blank),
    ("uno-r4-minima", "builtin", IdentityState::Blank),
];

pub(crate) fn trials() -> Vec<Trial> {
    let trial = |(board, engine, state): &(&'static str, &'static str, IdentityState)| {
        let (board, engine, state) = (*board, *engine, *state);
        let name = format!("{board}::boots_and_says_who_it_is");
        let skipped = |reason: &dyn std::fmt::Display| {
            Trial::test(format!("{name} (skipped: {reason})"), || Ok(())).with_ignored_flag(true)
        };
        let availability = drydock_emulator::engines()
            .into_iter()
            .find(|found| found.name() == engine)
            .map(|found| found.availability());
        match (drydock_embedded::firmware(board), availability) {
            (Err(missing), _) => skipped(&missing),
            (_, Some(Availability::Unavailable { reason })) => skipped(&reason),
            (_, None) => skipped(&"there is no such engine"),
            (Ok(firmware), _) => Trial::test(name, move || {
                boots(board, engine, state, &Image::from_elf(firmware.elf)?)
            }),
        }
    };
    BOARDS.iter().map(trial).collect()
}

fn boots(board: &str, engine: &str, state: IdentityState, image: &Image) -> Result<(), Failed> {
    let description = drydock_assets::board(board).ok_or("the board is described")?;
    let engines = drydock_emulator::engines().into_iter();
    let engine = engines
        .into_iter()
        .find(|found| found.name() == engine)
        .ok_or("there is an engine")?;
    let mut machine = engine.open(&description, Seed([1; 32]))?;
    machine.load(image)?;
    machine.reset(ResetKind::PowerOn)?;
    let mut host = Host::new(1).on_uart(description.link.uart);
    host.run(&mut *machine, VirtualTime::from_seconds(3))?;
    crate::no_faults(&mut *machine)?;
    assert!(host.is_up(), "the link is up");

    let identity = last_identity(host.control())?;
    assert_eq!((identity.board.as_str(), identity.state), (board, state));

    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/firmware/{board}.log"));
    if std::env::var_os("DRYDOCK_RENEW").is_some() {
        std::fs::write(&path, host.log())?;
    }
    let expected = std::fs::read_to_string(&path)?;
    assert_eq!(host.log(), expected, "DRYDOCK_RENEW=1 renews {}", path.display());
    Ok(())
}

fn last_identity(control: &[u8]) -> Result<Identity, Failed> {
    let mut reader = framing::Reader::new();
    let mut rest = control;
    let mut last = None;
    while let Some(message) = reader.next(&mut rest).map_err(|_| "control is out of step")? {
        if let FromDevice::Identity(identity) = minicbor::decode(message)? {
            last = Some(identity);
        }
    }
    last.ok_or_else(|| "the board said nothing of itself".into())
}
