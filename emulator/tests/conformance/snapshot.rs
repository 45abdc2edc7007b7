//! The optional capability of snapshots. An engine without it passes these cases trivially.

use drydock_emulator::{Engine, MachineError, MachineSnapshot, VirtualTime};
use libtest_mimic::Failed;

use crate::Check;
use crate::guest::{boot, run_ms, word};

pub(crate) const CHECKS: &[(&str, Check)] = &[
    ("a_restored_machine_goes_on_as_before", a_restored_machine),
    ("a_fork_lives_its_own_life", a_fork),
    ("a_foreign_snapshot_is_refused", a_foreign_snapshot),
];

fn a_restored_machine(engine: &dyn Engine) -> Result<(), Failed> {
    // The second one draws random bytes, whose stream also continues at its position.
    for guest in ["blink", "random"] {
        let mut machine = boot(engine, guest)?;
        run_ms(&mut *machine, 123)?;
        let Some(snapshots) = machine.snapshots() else {
            return Ok(());
        };
        let (saved, hash) = (snapshots.snapshot()?, snapshots.state_hash()?);
        assert_eq!(saved.at, machine.now());
        run_ms(&mut *machine, 456)?;
        let ended = machine.snapshots().ok_or("it had snapshots")?.state_hash()?;
        assert_ne!(ended, hash, "{guest}");
        machine.write_memory(0x2000_0000, &[1; 64])?;
        for _ in 0..2 {
            let snapshots = machine.snapshots().ok_or("it had snapshots")?;
            snapshots.restore(&saved)?;
            assert_eq!(snapshots.state_hash()?, hash, "{guest}");
            assert_eq!(machine.now(), saved.at);
            run_ms(&mut *machine, 456)?;
            let again = machine.snapshots().ok_or("it had snapshots")?.state_hash()?;
            assert_eq!(again, ended, "{guest}");
        }
    }
    Ok(())
}

fn a_fork(engine: &dyn Engine) -> Result<(), Failed> {
    let mut parent = boot(engine, "echo")?;
    run_ms(&mut *parent, 1)?;
    parent.write_memory(0x2000_0100, &[1; 4])?;
    let Some(snapshots) = parent.snapshots() else {
        return Ok(());
    };
    let mut child = snapshots.fork()?;
    child.write_memory(0x2000_0100, &[2; 4])?;
    parent.uart_input(0, b"parent")?;
    run_ms(&mut *parent, 1)?;
    run_ms(&mut *child, 1)?;
    let sent = |output: Vec<drydock_emulator::UartOutput>| output.into_iter().flat_map(|output| output.bytes).count();
    assert_eq!(
        (sent(parent.take_uart_output()), sent(child.take_uart_output())),
        (6, 0)
    );
    assert_eq!(word(&mut *parent, 0x2000_0100)?, 0x0101_0101);
    assert_eq!(word(&mut *child, 0x2000_0100)?, 0x0202_0202);
    Ok(())
}

fn a_foreign_snapshot(engine: &dyn Engine) -> Result<(), Failed> {
    let mut machine = boot(engine, "count")?;
    run_ms(&mut *machine, 1)?;
    let Some(snapshots) = machine.snapshots() else {
        return Ok(());
    };
    let foreign = MachineSnapshot {
        at: VirtualTime::ZERO,
        state: Box::new("something else"),
    };
    let hash = snapshots.state_hash()?;
    assert!(matches!(
        snapshots.restore(&foreign),
        Err(MachineError::ForeignSnapshot { .. })
    ));
    assert_eq!(snapshots.state_hash()?, hash);
    Ok(())
}
