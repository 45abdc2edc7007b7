//! Loading, running, stopping, inspecting.

use drydock_emulator::{Engine, Image, MachineError, ResetKind, RunLimit, Segment, StopReason, VirtualTime};
use libtest_mimic::Failed;

use crate::Check;
use crate::guest::{BASE, CODE, boot, run_ms, word};

pub(crate) const CHECKS: &[(&str, Check)] = &[
    ("runs_until_its_limit", runs_until_its_limit),
    ("steps_one_instruction", steps_one_instruction),
    ("a_pause_switch_ends_a_run", a_pause_switch_ends_a_run),
    ("memory_and_registers_are_read_and_written", memory_and_registers),
    ("what_is_not_there_is_a_typed_error", what_is_not_there),
    ("an_image_that_does_not_fit_is_not_loaded", an_image_that_does_not_fit),
    ("a_program_that_ends_is_told", a_program_that_ends),
    ("a_power_on_reset_starts_anew", a_power_on_reset),
];

fn runs_until_its_limit(engine: &dyn Engine) -> Result<(), Failed> {
    let mut machine = boot(engine, "count")?;
    for ms in 1..=3 {
        run_ms(&mut *machine, 1)?;
        let now = machine.now();
        let limit = VirtualTime::from_ms(ms);
        assert!(now >= limit && now < limit + VirtualTime::from_us(1), "{now}");
    }
    // 64 MHz for 3 ms, one to three cycles an instruction.
    let instructions = machine.instructions();
    assert!((64_000..=192_000).contains(&instructions), "{instructions}");
    let counted = machine.read_register("r0")?;
    assert!(counted.abs_diff(instructions / 2) < 20, "{counted} of {instructions}");
    assert!((u64::from(CODE)..u64::from(CODE) + 10).contains(&machine.read_register("pc")?));
    Ok(())
}

fn steps_one_instruction(engine: &dyn Engine) -> Result<(), Failed> {
    let mut machine = boot(engine, "count")?;
    run_ms(&mut *machine, 1)?;
    for _ in 0..10 {
        let before = (machine.instructions(), machine.read_register("pc")?);
        assert_eq!(machine.step()?, StopReason::Stepped);
        assert_eq!(machine.instructions(), before.0 + 1);
        assert_ne!(machine.read_register("pc")?, before.1);
    }
    Ok(())
}

fn a_pause_switch_ends_a_run(engine: &dyn Engine) -> Result<(), Failed> {
    let mut machine = boot(engine, "count")?;
    let switch = machine.pause_switch();
    let thrower = std::thread::spawn(move || switch.pause());
    let reason = machine.run(RunLimit::until(VirtualTime::from_seconds(100_000)))?;
    thrower.join().map_err(|_| "the thrower panicked")?;
    assert_eq!(reason, StopReason::Paused);
    run_ms(&mut *machine, 1)
}

fn memory_and_registers(engine: &dyn Engine) -> Result<(), Failed> {
    let mut machine = boot(engine, "count")?;
    assert_eq!(word(&mut *machine, BASE)?, 0x2004_0000);
    machine.write_memory(0x2000_0ffe, &[1, 2, 3, 4])?;
    assert_eq!(word(&mut *machine, 0x2000_1000)?, 0x0403);
    machine.write_register("r0", 0x1234_5678)?;
    assert_eq!(machine.read_register("r0")?, 0x1234_5678);
    for register in machine.registers().to_vec() {
        machine.read_register(register.name)?;
    }
    Ok(())
}

fn what_is_not_there(engine: &dyn Engine) -> Result<(), Failed> {
    let mut machine = boot(engine, "count")?;
    let error = machine.read_memory(0x3000_0000, &mut [0]);
    assert!(matches!(error, Err(MachineError::NoMemory { addr: 0x3000_0000, .. })));
    let error = machine.write_memory(0x2003_fffe, &[0; 4]);
    assert!(matches!(error, Err(MachineError::NoMemory { addr: 0x2004_0000, .. })));
    assert!(matches!(
        machine.read_register("a0"),
        Err(MachineError::NoRegister { .. })
    ));
    assert!(matches!(
        machine.uart_input(9, b"x"),
        Err(MachineError::NoUart { index: 9, .. })
    ));
    assert!(matches!(
        machine.pin_input(999, None),
        Err(MachineError::NoPin { pin: 999, .. })
    ));
    Ok(())
}

fn an_image_that_does_not_fit(engine: &dyn Engine) -> Result<(), Failed> {
    let mut machine = boot(engine, "count")?;
    let segment = |addr, bytes: &[u8]| Segment {
        addr,
        bytes: bytes.to_vec(),
    };
    let segments = vec![segment(0x2000_0000, &[1; 4]), segment(0xf_fffe, &[1; 4])];
    let image = Image::new(segments, Vec::new());
    assert!(matches!(
        machine.load(&image),
        Err(MachineError::NoMemory { addr: 0x10_0000, .. })
    ));
    assert_eq!(word(&mut *machine, 0x2000_0000)?, 0, "nothing was written");
    Ok(())
}

fn a_program_that_ends(engine: &dyn Engine) -> Result<(), Failed> {
    let mut machine = boot(engine, "stop")?;
    let reason = machine.run(RunLimit::until(VirtualTime::from_ms(10)))?;
    let pc = machine.read_register("pc")? as u32;
    let is_there =
        |reason: &StopReason| matches!(*reason, StopReason::Breakpoint { pc: at, code: 0xab, .. } if at == pc);
    assert!(is_there(&reason), "{reason:?}");
    assert_eq!(machine.read_register("r7")?, 7);
    Ok(())
}

fn a_power_on_reset(engine: &dyn Engine) -> Result<(), Failed> {
    let mut machine = boot(engine, "count")?;
    machine.write_memory(0x2000_0000, &[0xaa; 4])?;
    run_ms(&mut *machine, 1)?;
    let now = machine.now();
    machine.reset(ResetKind::PowerOn)?;
    assert_eq!(word(&mut *machine, 0x2000_0000)?, 0, "RAM is lost");
    assert!(machine.now() >= now, "virtual time goes on");
    run_ms(&mut *machine, 1)?;
    assert!(machine.read_register("r0")? < 64_000);
    Ok(())
}
