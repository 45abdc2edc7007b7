//! A Renode that is too old, hangs, exits, or gives partial or invalid answers: each gives a typed error on that
//! machine, with Renode's log.

use drydock_emulator::renode::Renode;
use drydock_emulator::{Availability, Engine, MachineError, OpenError, RunLimit, Seed, VirtualTime};
use libtest_mimic::Failed;

use crate::Standin;
use crate::guest::boot;
use crate::lives::{is_gone_but_can_be_replaced, start_anew};

type Trial = fn() -> Result<(), Failed>;

pub(crate) const TRIALS: &[(&str, Trial)] = &[
    ("what_cannot_be_used_is_said_with_the_reason", what_cannot_be_used),
    ("a_start_that_fails_is_told_with_the_log", a_start_that_fails),
    ("a_machine_without_its_uart_is_not_complete", an_incomplete_machine),
    ("a_renode_that_goes_wrong_crashes_its_machine_alone", going_wrong),
    ("a_crashed_machine_starts_anew_with_power", a_new_start),
];

fn reason(engine: &dyn Engine) -> String {
    match engine.availability() {
        Availability::Unavailable { reason } => reason,
        Availability::Available { version } => panic!("{version} was taken"),
    }
}

fn what_cannot_be_used() -> Result<(), Failed> {
    for (mode, expected) in [
        ("old", "is Renode 1.14.0; 1.15 or newer is needed"),
        ("no-version", "said: mono: command not found"),
        ("version-hangs", "it did not end in time"),
    ] {
        let standin = Standin::hasty(mode);
        let reason = reason(&standin.engine);
        assert!(reason.contains(expected), "{mode}: {reason}");
        let board = drydock_assets::board("nano33ble").ok_or("the board is described")?;
        let opened = standin.engine.open(&board, Seed([1; 32])).map(drop);
        assert!(matches!(opened, Err(OpenError::Unavailable { .. })), "{opened:?}");
    }
    let nowhere = reason(&Renode::at("/nowhere/renode"));
    assert_eq!(nowhere, "/nowhere/renode is no program; set Renode's path anew");
    Ok(())
}

fn cause(mode: &str) -> String {
    let standin = Standin::hasty(mode);
    let board = drydock_assets::board("nano33ble").expect("the board is described");
    match standin.engine.open(&board, Seed([1; 32])).map(drop) {
        Err(OpenError::Failed { cause, .. }) => cause,
        other => panic!("{mode}: {other:?}"),
    }
}

fn a_start_that_fails() -> Result<(), Failed> {
    let dies = cause("dies-at-start");
    assert!(dies.starts_with("Renode ended while it started"), "{dies}");
    assert!(dies.contains("Could not load file or assembly"), "{dies}");
    let never = cause("never-ready");
    assert!(
        never.starts_with("Renode was not ready within 1.5 s; its log ends with:\n"),
        "{never}"
    );
    let hangs = cause("hangs@version");
    assert!(
        hangs.starts_with("Renode did not answer `version` within 0.6 s"),
        "{hangs}"
    );
    Ok(())
}

fn an_incomplete_machine() -> Result<(), Failed> {
    let cause = cause("incomplete");
    assert!(cause.contains("it gave no reason (without uart0)"), "{cause}");
    Ok(())
}

fn going_wrong() -> Result<(), Failed> {
    let well = Standin::new("well");
    let mut other = boot(&well.engine, "count")?;
    for (mode, expected) in [
        (
            "hangs@emulation RunFor \"0.003",
            "did not answer `emulation RunFor \"0.003000\"` within 0.6 s",
        ),
        (
            "dies@emulation RunFor \"0.003",
            "Renode ended (exit status: 134) during",
        ),
        ("half@emulation RunFor \"0.003", "did not answer"),
        ("closes@emulation RunFor \"0.003", "does not talk any more"),
        (
            "no-http@emulation RunFor \"0.003",
            "with nonsense: the answer is no HTTP: \"SSH-2.0",
        ),
        (
            "no-xml@emulation RunFor \"0.003",
            "with nonsense: the answer is no XML-RPC",
        ),
        (
            "status@emulation RunFor \"0.003",
            "with nonsense: the answer's status is 500",
        ),
        ("odd-value@sysbus.cpu GetRegister 3", "with nonsense: \"a fish\""),
    ] {
        let standin = Standin::hasty(mode);
        let mut machine = boot(&standin.engine, "count")?;
        let error = match machine.run(RunLimit::until(VirtualTime::from_ms(3))) {
            Ok(_) => machine.read_register("r3").map(drop),
            Err(error) => Err(error),
        };
        let Err(MachineError::Crashed { board, cause, .. }) = error else {
            return Err(format!("{mode}: {error:?}").into());
        };
        assert_eq!(board, "nano33ble");
        assert!(cause.contains(expected), "{mode}: {cause}");
        assert!(cause.contains("its log ends with:\n"), "{cause}");
        if mode.starts_with("dies") {
            assert!(cause.contains("[FATAL] Unhandled exception in a hook"), "{cause}");
        }
        is_gone_but_can_be_replaced(&mut *machine)?;
        other.step()?;
    }
    Ok(())
}

fn a_new_start() -> Result<(), Failed> {
    let standin = Standin::hasty("dies@emulation RunFor \"0.003");
    let mut machine = boot(&standin.engine, "count")?;
    assert!(machine.run(RunLimit::until(VirtualTime::from_ms(3))).is_err());
    start_anew(&mut *machine)
}
