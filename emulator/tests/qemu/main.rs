//! The QEMU engine with the real QEMU, if it is installed: the part of the conformance suite that its thin board
//! supports. `echo.hex` is the output of Debian's `arm-none-eabi-as` and `objcopy -O binary` for `echo.s`.

use std::time::{Duration, Instant};

use drydock_emulator::qemu::Qemu;
use drydock_emulator::snapshot_file::{self, SnapshotFileError};
use drydock_emulator::{
    Availability, Engine, Image, Machine, MachineError, ResetKind, RunLimit, Seed, StopReason, VirtualTime,
};
use libtest_mimic::{Arguments, Failed, Trial};

type Check = fn() -> Result<(), Failed>;

const CHECKS: &[(&str, Check)] = &[
    ("time_passes_as_instructions_do", time_passes),
    ("steps_one_instruction", steps),
    ("memory_and_registers_are_read_and_written", memory_and_registers),
    ("what_is_not_there_is_a_typed_error", what_is_not_there),
    ("bytes_go_in_and_out", bytes_go_in_and_out),
    ("a_pause_switch_ends_a_run", a_pause),
    ("a_power_on_reset_starts_anew", a_power_on_reset),
    ("other_boards_are_refused", other_boards),
    ("a_restored_machine_goes_on_as_before", a_restored_machine),
    ("a_fork_lives_its_own_life", a_fork),
    ("a_saved_machine_goes_on_in_another_process", a_saved_machine),
    ("a_state_that_does_not_fit_is_refused", a_state_that_does_not_fit),
];

fn main() {
    let arguments = Arguments::from_args();
    let availability = Qemu.availability();
    let trials = CHECKS
        .iter()
        .map(|(name, check)| match &availability {
            Availability::Available { .. } => Trial::test(*name, check),
            Availability::Unavailable { reason } => {
                Trial::test(format!("{name} (skipped: {reason})"), || Ok(())).with_ignored_flag(true)
            }
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit();
}

fn echo() -> Result<Image, Failed> {
    let bytes = include_str!("echo.hex").split_ascii_whitespace();
    let bytes: Result<Vec<u8>, _> = bytes.map(|byte| u8::from_str_radix(byte, 16)).collect();
    Ok(Image::from_bin(0, bytes?))
}

fn boot() -> Result<Box<dyn Machine>, Failed> {
    let mut machine = Qemu.open(&drydock_assets::qemu_board(), Seed([1; 32]))?;
    machine.load(&echo()?)?;
    machine.reset(ResetKind::PowerOn)?;
    Ok(machine)
}

fn run_ms(machine: &mut dyn Machine, ms: u64) -> Result<(), Failed> {
    let until = machine.now() + VirtualTime::from_ms(ms);
    assert_eq!(machine.run(RunLimit::until(until))?, StopReason::Deadline);
    assert!(machine.now() >= until);
    Ok(())
}

fn time_passes() -> Result<(), Failed> {
    let mut machine = boot()?;
    let start = machine.now();
    run_ms(&mut *machine, 20)?;
    // Four instructions a round, 32 ns each.
    let rounds = machine.read_register("r4")?;
    let executed = rounds * 128;
    let passed = (machine.now() - start).as_ns();
    // While QEMU stops a core, its time advances with the host's: more on a loaded machine, and never less than was
    // executed.
    assert!(
        (executed..executed * 3 / 2).contains(&(passed + 10_000)),
        "{rounds} rounds in {passed} ns"
    );
    assert!(machine.instructions() >= 600_000);
    Ok(())
}

fn steps() -> Result<(), Failed> {
    let mut machine = boot()?;
    // The first is four bytes long.
    for expected in [0x44, 0x46, 0x48, 0x4a, 0x4c] {
        assert_eq!(machine.step()?, StopReason::Stepped);
        assert_eq!(machine.read_register("pc")?, expected);
    }
    Ok(())
}

fn memory_and_registers() -> Result<(), Failed> {
    let mut machine = boot()?;
    machine.write_memory(0x2000_0ffe, &[1, 2, 3, 4])?;
    let mut word = [0; 4];
    machine.read_memory(0x2000_1000, &mut word)?;
    assert_eq!(word, [3, 4, 0, 0]);
    machine.write_register("r7", 0x1234_5678)?;
    assert_eq!(machine.read_register("r7")?, 0x1234_5678);
    assert_eq!(machine.read_register("sp")?, 0x2001_0000);
    for register in machine.registers().to_vec() {
        machine.read_register(register.name)?;
    }
    Ok(())
}

fn what_is_not_there() -> Result<(), Failed> {
    let mut machine = boot()?;
    let error = machine.read_memory(0x3000_0000, &mut [0]);
    assert!(matches!(error, Err(MachineError::NoMemory { addr: 0x3000_0000, .. })));
    let error = machine.write_memory(0x203f_fffe, &[0; 4]);
    assert!(matches!(error, Err(MachineError::NoMemory { addr: 0x2040_0000, .. })));
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

fn bytes_go_in_and_out() -> Result<(), Failed> {
    let mut machine = boot()?;
    run_ms(&mut *machine, 1)?;
    assert_eq!(answer(&mut *machine, b"HAL")?, b"IBM");
    Ok(())
}

/// The guest's answer.
fn answer(machine: &mut dyn Machine, bytes: &[u8]) -> Result<Vec<u8>, Failed> {
    assert_eq!(machine.uart_input(0, bytes)?, bytes.len());
    let mut sent = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(20);
    while sent.len() < bytes.len() && Instant::now() < deadline {
        run_ms(machine, 1)?;
        sent.extend(machine.take_uart_output().into_iter().flat_map(|output| output.bytes));
    }
    Ok(sent)
}

fn a_pause() -> Result<(), Failed> {
    let mut machine = boot()?;
    let switch = machine.pause_switch();
    let thrower = std::thread::spawn(move || switch.pause());
    let reason = machine.run(RunLimit::until(VirtualTime::from_seconds(100_000)))?;
    thrower.join().map_err(|_| "the thrower panicked")?;
    assert_eq!(reason, StopReason::Paused);
    Ok(())
}

fn a_power_on_reset() -> Result<(), Failed> {
    let mut machine = boot()?;
    machine.write_memory(0x2000_0000, &[0xaa; 4])?;
    run_ms(&mut *machine, 1)?;
    let now = machine.now();
    machine.reset(ResetKind::PowerOn)?;
    let mut word = [0; 4];
    machine.read_memory(0x2000_0000, &mut word)?;
    assert_eq!(word, [0; 4]);
    assert!(machine.now() >= now, "virtual time goes on");
    assert_eq!(machine.read_register("pc")?, 0x40);
    run_ms(&mut *machine, 1)
}

fn other_boards() -> Result<(), Failed> {
    let board = drydock_assets::board("nano33ble").ok_or("the board is described")?;
    assert!(!Qemu.supports(&board));
    assert!(Qemu.open(&board, Seed([1; 32])).is_err());
    Ok(())
}

fn hash(machine: &mut dyn Machine) -> Result<u64, Failed> {
    Ok(machine.snapshots().ok_or("it has snapshots")?.state_hash()?)
}

/// It continues at its rate: four instructions a round, 32 ns each.
fn goes_on(machine: &mut dyn Machine) -> Result<(), Failed> {
    let (start, rounds) = (machine.now(), machine.read_register("r4")?);
    run_ms(machine, 3)?;
    let (passed, rounds) = ((machine.now() - start).as_ns(), machine.read_register("r4")? - rounds);
    assert!(
        passed.abs_diff(rounds * 128) < 100_000,
        "{rounds} rounds in {passed} ns"
    );
    Ok(())
}

fn a_restored_machine() -> Result<(), Failed> {
    let mut machine = boot()?;
    run_ms(&mut *machine, 3)?;
    machine.write_memory(0x2000_0100, &[1; 4])?;
    let saved = machine.snapshots().ok_or("it has snapshots")?.snapshot()?;
    let before = hash(&mut *machine)?;
    assert_eq!(saved.at, machine.now());
    // The process that saved its state continues, too.
    goes_on(&mut *machine)?;
    assert_eq!(answer(&mut *machine, b"HAL")?, b"IBM");
    machine.write_memory(0x2000_0100, &[2; 4])?;
    assert_ne!(hash(&mut *machine)?, before);
    for _ in 0..2 {
        machine.snapshots().ok_or("it has snapshots")?.restore(&saved)?;
        assert_eq!(machine.now(), saved.at);
        assert_eq!(hash(&mut *machine)?, before);
        goes_on(&mut *machine)?;
    }
    run_ms(&mut *machine, 1)?;
    assert_eq!(answer(&mut *machine, b"123")?, b"234");
    Ok(())
}

fn a_fork() -> Result<(), Failed> {
    let mut parent = boot()?;
    run_ms(&mut *parent, 1)?;
    let mut child = parent.snapshots().ok_or("it has snapshots")?.fork()?;
    child.write_memory(0x2000_0100, &[2; 4])?;
    assert_eq!((child.now(), child.info()), (parent.now(), parent.info()));
    run_ms(&mut *child, 1)?;
    assert_eq!(answer(&mut *child, b"child")?, b"dijme");
    assert_eq!(answer(&mut *parent, b"a")?, b"b");
    let mut word = [0; 4];
    parent.read_memory(0x2000_0100, &mut word)?;
    assert_eq!(word, [0; 4]);
    Ok(())
}

fn a_saved_machine() -> Result<(), Failed> {
    let (board, image) = (drydock_assets::qemu_board(), echo()?);
    let mut machine = boot()?;
    run_ms(&mut *machine, 3)?;
    let file = snapshot_file::save(&Qemu, &board, &image, &mut *machine)?;
    let (at, then) = (machine.now(), hash(&mut *machine)?);
    drop(machine);
    let mut machine = snapshot_file::load(&Qemu, &board, &image, &file)?;
    assert_eq!((machine.now(), hash(&mut *machine)?), (at, then));
    goes_on(&mut *machine)?;
    assert_eq!(answer(&mut *machine, b"HAL")?, b"IBM");
    Ok(())
}

fn a_state_that_does_not_fit() -> Result<(), Failed> {
    let (board, image) = (drydock_assets::qemu_board(), echo()?);
    let mut machine = boot()?;
    run_ms(&mut *machine, 1)?;
    let file = snapshot_file::save(&Qemu, &board, &image, &mut *machine)?;
    let header = snapshot_file::inspect(&file)?;
    let state = machine
        .saved_state()
        .ok_or("it can be saved")?
        .write_state(&mut || unreachable!("QEMU compares with nothing"))?;
    let refusal = |state: &[u8]| {
        let file = snapshot_file::assemble(&header, state);
        let loaded = snapshot_file::load(&Qemu, &board, &image, &file).map(drop);
        loaded.expect_err("it is refused").to_string()
    };
    // Ours around QEMU's is whole, QEMU's is not.
    let mut damaged = state.clone();
    let middle = damaged.len() / 2;
    damaged[middle..middle + 64].fill(0x5a);
    damaged.truncate(damaged.len() - 1);
    assert!(
        refusal(&damaged).contains("of this engine's mps2-an386"),
        "{}",
        refusal(&damaged)
    );
    let Availability::Available { version } = Qemu.availability() else {
        return Err("it is there".into());
    };
    let at = state.windows(version.len()).position(|text| text == version.as_bytes());
    let mut newer = state;
    newer[at.ok_or("its version is in it")?] += 1;
    assert!(
        refusal(&newer).contains("wrote it, which the QEMU"),
        "{}",
        refusal(&newer)
    );
    let builtin = drydock_emulator::builtin::engine::Builtin;
    let other = snapshot_file::load(&builtin, &board, &image, &file).map(drop);
    assert!(matches!(other, Err(SnapshotFileError::Engine { .. })), "{other:?}");
    // The machine whose state was saved continues.
    assert_eq!(answer(&mut *machine, b"a")?, b"b");
    Ok(())
}
