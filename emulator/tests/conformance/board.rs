//! The Nano's devices as firmware uses them.

use drydock_emulator::{AccessFault, Engine, GuestFault, Machine, ResetKind, RunLimit, Seed, StopReason, VirtualTime};
use libtest_mimic::Failed;

use crate::Check;
use crate::guest::{CODE, boot, boot_with_seed, run_ms, word};

pub(crate) const CHECKS: &[(&str, Check)] = &[
    ("bytes_go_in_and_out_at_the_rate_of_the_line", bytes_go_in_and_out),
    ("input_beyond_the_queue_is_not_taken", input_beyond_the_queue),
    ("an_led_blinks_in_virtual_time", an_led_blinks),
    ("a_sleeping_core_tells_what_is_due_next", a_sleeping_core),
    ("a_pin_driven_from_outside_wakes_the_core", a_pin_from_outside),
    ("a_stray_load_is_a_logged_fault", a_stray_load),
    ("a_lockup_resets_the_chip", a_lockup),
    ("a_reset_by_software_keeps_ram_and_tells_its_reason", resets),
    ("system_off_ends_with_a_pin", system_off),
    ("randomness_and_identity_come_from_the_seed", randomness),
    ("flash_obeys_its_rules_and_times", flash),
];

const LED: u16 = 13;
const BUTTON: u16 = 43;

fn sent(machine: &mut dyn Machine) -> Vec<u8> {
    machine
        .take_uart_output()
        .into_iter()
        .flat_map(|output| output.bytes)
        .collect()
}

fn bytes_go_in_and_out(engine: &dyn Engine) -> Result<(), Failed> {
    let mut machine = boot(engine, "echo")?;
    run_ms(&mut *machine, 1)?;
    let start = machine.now();
    assert_eq!(machine.uart_input(0, b"HAL")?, 3);
    assert!(machine.uart_busy());
    run_ms(&mut *machine, 1)?;
    let output = machine.take_uart_output();
    let bytes: Vec<u8> = output.iter().flat_map(|output| output.bytes.clone()).collect();
    assert_eq!(bytes, b"IBM");
    // In and out again, 10 µs a byte at 1 Mbaud; the last byte is received while the previous one is sent.
    let took = output[output.len() - 1].at - start;
    assert!((40..50).contains(&took.as_us()), "{took}");
    assert!(!machine.uart_busy());
    let all: Vec<u8> = (0..=255).collect();
    machine.uart_input(0, &all)?;
    run_ms(&mut *machine, 10)?;
    let expected: Vec<u8> = all.iter().map(|byte| byte.wrapping_add(1)).collect();
    assert_eq!(sent(&mut *machine), expected);
    Ok(())
}

fn input_beyond_the_queue(engine: &dyn Engine) -> Result<(), Failed> {
    let mut machine = boot(engine, "echo")?;
    run_ms(&mut *machine, 1)?;
    let room = machine.uart_input_room(0);
    assert!(room >= 256);
    assert_eq!(machine.uart_input(0, &vec![b'x'; room + 10])?, room);
    assert_eq!(machine.uart_input(0, b"y")?, 0);
    run_ms(&mut *machine, room as u64 / 30)?;
    assert_eq!(sent(&mut *machine).len(), room, "none of what was taken is lost");
    Ok(())
}

fn an_led_blinks(engine: &dyn Engine) -> Result<(), Failed> {
    let mut machine = boot(engine, "blink")?;
    run_ms(&mut *machine, 1_050)?;
    let changes: Vec<_> = machine
        .take_pin_changes()
        .into_iter()
        .filter(|change| change.pin == LED)
        .collect();
    let levels: Vec<_> = changes.iter().map(|change| change.level).collect();
    let mut expected = vec![Some(false)];
    expected.extend((0..10).map(|index| Some(index % 2 == 0)));
    assert_eq!(levels, expected);
    for pair in changes[1..].windows(2) {
        let span = pair[1].at - pair[0].at;
        assert!(span.as_us().abs_diff(100_006) < 40, "{span}");
    }
    assert_eq!(machine.pin_level(LED), Some(false));
    assert!(machine.instructions() < 1_000, "it sleeps in between");
    Ok(())
}

fn a_sleeping_core(engine: &dyn Engine) -> Result<(), Failed> {
    let mut machine = boot(engine, "blink")?;
    let StopReason::Idle { next_event: Some(next) } = machine.run(RunLimit::busy_until(VirtualTime::from_ms(500)))?
    else {
        return Err("it does not sleep".into());
    };
    assert!(machine.now() < VirtualTime::from_ms(1), "time was not moved forward");
    assert!(next > machine.now());
    let mut rounds = 0;
    while machine.now() < VirtualTime::from_ms(99) {
        rounds += 1;
        match machine.run(RunLimit::busy_until(VirtualTime::from_ms(99)))? {
            StopReason::Idle { next_event: Some(next) } => {
                let next = next.min(VirtualTime::from_ms(99));
                machine.run(RunLimit::until(next))?;
            }
            reason => assert_eq!(reason, StopReason::Deadline),
        }
    }
    assert!(rounds < 10);
    assert_eq!(machine.pin_level(LED), Some(false));
    run_ms(&mut *machine, 5)?;
    assert_eq!(machine.pin_level(LED), Some(true));
    Ok(())
}

fn a_pin_from_outside(engine: &dyn Engine) -> Result<(), Failed> {
    let mut machine = boot(engine, "mirror")?;
    run_ms(&mut *machine, 1)?;
    assert_eq!(machine.pin_level(BUTTON), Some(true), "pulled up");
    assert_eq!(machine.pin_level(LED), Some(true));
    let reason = machine.run(RunLimit::busy_until(VirtualTime::from_ms(2)))?;
    assert_eq!(reason, StopReason::Idle { next_event: None });
    for (level, shown) in [
        (Some(false), false),
        (None, true),
        (Some(false), false),
        (Some(true), true),
    ] {
        machine.pin_input(BUTTON, level)?;
        run_ms(&mut *machine, 1)?;
        assert_eq!(machine.pin_level(LED), Some(shown), "{level:?}");
    }
    Ok(())
}

fn a_stray_load(engine: &dyn Engine) -> Result<(), Failed> {
    let mut machine = boot(engine, "trespass")?;
    run_ms(&mut *machine, 1)?;
    assert_eq!(machine.read_register("r7")?, 42, "its handler ran");
    let faults = machine.take_faults();
    let access = faults.iter().find_map(|fault| match fault {
        GuestFault::Access(record) => Some(record),
        _ => None,
    });
    let record = access.ok_or("the fault is not logged")?;
    assert_eq!((record.addr, record.fault), (0x6000_0000, AccessFault::Unmapped));
    assert!((CODE..CODE + 8).contains(&record.pc), "{:#x}", record.pc);
    assert!(machine.take_faults().is_empty(), "each is reported once");
    Ok(())
}

fn a_lockup(engine: &dyn Engine) -> Result<(), Failed> {
    let mut machine = boot(engine, "lockup")?;
    let reason = machine.run(RunLimit::until(VirtualTime::from_ms(1)))?;
    assert_eq!(reason, StopReason::Reset(ResetKind::Lockup));
    let faults = machine.take_faults();
    assert!(
        faults.iter().any(|fault| matches!(fault, GuestFault::Lockup { .. })),
        "{faults:?}"
    );
    Ok(())
}

fn resets(engine: &dyn Engine) -> Result<(), Failed> {
    let mut machine = boot(engine, "resets")?;
    machine.write_memory(0x2000_0100, &[0; 8])?;
    for _ in 0..2 {
        let reason = machine.run(RunLimit::until(VirtualTime::from_ms(5)))?;
        assert_eq!(reason, StopReason::Reset(ResetKind::Software));
    }
    run_ms(&mut *machine, 1)?;
    assert_eq!(word(&mut *machine, 0x2000_0100)?, 3);
    assert_eq!(word(&mut *machine, 0x2000_0104)?, 0x4, "SREQ");
    machine.reset(ResetKind::Watchdog)?;
    run_ms(&mut *machine, 1)?;
    assert_eq!(word(&mut *machine, 0x2000_0100)?, 4, "RAM outlives a watchdog reset");
    assert_eq!(word(&mut *machine, 0x2000_0104)?, 0x6, "SREQ, DOG");
    Ok(())
}

fn system_off(engine: &dyn Engine) -> Result<(), Failed> {
    let mut machine = boot(engine, "off")?;
    let reason = machine.run(RunLimit::until(VirtualTime::from_ms(5)))?;
    assert_eq!(reason, StopReason::PoweredOff);
    machine.pin_input(BUTTON, Some(false))?;
    let reason = machine.run(RunLimit::until(VirtualTime::from_ms(10)))?;
    assert_eq!(reason, StopReason::Reset(ResetKind::WakeUp));
    run_ms(&mut *machine, 1)?;
    assert_eq!(machine.read_register("r7")?, 99);
    Ok(())
}

fn randomness(engine: &dyn Engine) -> Result<(), Failed> {
    let draw = |seed: u8| -> Result<[u8; 24], Failed> {
        let mut machine = boot_with_seed(engine, "random", Seed([seed; 32]))?;
        run_ms(&mut *machine, 5)?;
        let mut bytes = [0; 24];
        machine.read_memory(0x2000_0000, &mut bytes)?;
        Ok(bytes)
    };
    let (one, again, other) = (draw(1)?, draw(1)?, draw(2)?);
    assert_eq!(one, again);
    assert_ne!(one[..16], other[..16], "RNG");
    assert_ne!(one[16..], other[16..], "DEVICEID");
    assert_ne!(one[..8], one[16..], "identity does not tell what RNG will draw");
    Ok(())
}

fn flash(engine: &dyn Engine) -> Result<(), Failed> {
    let mut machine = boot(engine, "flash")?;
    let start = machine.now();
    let mut limit = RunLimit::busy_until(VirtualTime::from_ms(500));
    limit.stop_when_idle = true;
    let reason = machine.run(limit)?;
    assert_eq!(reason, StopReason::Idle { next_event: None });
    let took = machine.now() - start;
    assert!(
        (85_123..85_140).contains(&took.as_us()),
        "three writes and an erasure stall the core: {took}"
    );
    assert_eq!(machine.read_register("r3")?, 0xff00_0000);
    assert_eq!(machine.read_register("r5")?, 0xffff_ffff);
    let faults = machine.take_faults();
    let worn =
        |fault: &GuestFault| matches!(fault, GuestFault::Access(record) if record.fault == AccessFault::WornWord);
    assert_eq!(faults.iter().filter(|fault| worn(fault)).count(), 1, "{faults:?}");
    assert_eq!(faults.len(), 1);
    Ok(())
}
