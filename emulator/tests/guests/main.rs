//! Foreign firmware: small programs on public HAL crates, unmodified, built here and run on the builtin engine as on
//! silicon. Each has its own workspace beside this file. If the target is not installed, a test is reported as ignored,
//! with the reason in its name.

mod arm;
mod building;
mod devices;
mod lights;
mod panel;
mod parts;
mod usb;

use drydock_emulator::builtin::engine::Builtin;
use drydock_emulator::{Engine, GuestFault, Image, Machine, RunLimit, Seed, StopReason, VirtualTime};
use libtest_mimic::{Arguments, Failed, Trial};

const RISCV: &str = "riscv32imac-unknown-none-elf";
const ARM: &str = "thumbv7em-none-eabi";
const HARD_FLOAT: &str = "thumbv7em-none-eabihf";

fn main() {
    let arguments = Arguments::from_args();
    let trials = vec![
        trial("hifive1_runs_on_e310x_hal", "hifive1", RISCV, hifive1),
        trial("esp32c6_runs_on_esp_hal", "esp32c6", RISCV, esp32c6),
    ];
    let trials = trials
        .into_iter()
        .chain(arm::trials())
        .chain(parts::trials())
        .chain([panel::trial_of_panel()])
        .chain(devices::trials())
        .chain([usb::trial_of_usb()])
        .collect();
    libtest_mimic::run(&arguments, trials).exit();
}

type Check = fn(&Image) -> Result<(), Failed>;

/// A test of the guest in `folder`.
fn trial(name: &str, folder: &'static str, target: &'static str, check: Check) -> Trial {
    match building::is_installed(target) {
        true => Trial::test(name, move || check(&build(folder, target)?)),
        false => Trial::test(format!("{name} (skipped: no target {target})"), || Ok(())).with_ignored_flag(true),
    }
}

/// Builds the guest's release image.
fn build(folder: &str, target: &str) -> Result<Image, Failed> {
    let elf = building::build(
        &format!("emulator/tests/guests/{folder}"),
        target,
        &format!("guest-{folder}"),
    )?;
    Ok(Image::from_elf(&std::fs::read(elf)?)?)
}

/// A machine that has `image` and is at its first instruction.
fn boot(board: &str, image: &Image) -> Result<Box<dyn Machine>, Failed> {
    let board = drydock_assets::board(board).ok_or("the board is described")?;
    let mut machine = Builtin.open(&board, Seed([7; 32]))?;
    machine.load(image)?;
    machine.reset(drydock_emulator::ResetKind::PowerOn)?;
    Ok(machine)
}

/// Runs for `ms` of virtual time; returns the bytes that UART0 sent.
fn run(machine: &mut dyn Machine, ms: u64) -> Result<String, Failed> {
    run_uart(machine, 0, ms)
}

/// As [`run`], of another UART.
fn run_uart(machine: &mut dyn Machine, uart: u8, ms: u64) -> Result<String, Failed> {
    let until = machine.now() + VirtualTime::from_ms(ms);
    let stop = machine.run(RunLimit::until(until))?;
    // A guest that faults in its trap handler does so endlessly: the first faults show the cause.
    let mut faults = machine.take_faults();
    faults.sort_by_key(|fault| match fault {
        GuestFault::Access(record) => record.at,
        GuestFault::Exception { at, .. } | GuestFault::Lockup { at, .. } | GuestFault::Unmodelled { at, .. } => *at,
    });
    let faults: Vec<String> = faults.iter().map(ToString::to_string).take(8).collect();
    if stop != StopReason::Deadline || !faults.is_empty() {
        return Err(format!("{stop:?}, {}", faults.join("; ")).into());
    }
    let output = machine.take_uart_output().into_iter().filter(|out| out.index == uart);
    let bytes: Vec<u8> = output.flat_map(|out| out.bytes).collect();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn hifive1(image: &Image) -> Result<(), Failed> {
    let mut machine = boot("hifive1-revb", image)?;
    let said = run(&mut *machine, 100)?;
    let lines: Vec<&str> = said.lines().collect();
    // 10 ms are 327 ticks of 32,768 Hz; the line before them took 3 ms and more.
    let (hello, tick, ready) = match lines[..] {
        [hello, tick, ready] => (hello, tick, ready),
        _ => return Err(format!("it said {said:?}").into()),
    };
    assert_eq!((hello, ready), ("hello from e310x-hal at 320 MHz", "ready"));
    let tick: u64 = tick.strip_prefix("slept until tick ").ok_or("no tick")?.parse()?;
    assert!((981..1_400).contains(&tick), "{tick}");
    // The blue LED, low is on: configured, then three toggles.
    let blue: Vec<_> = machine
        .take_pin_changes()
        .into_iter()
        .filter(|it| it.pin == 21)
        .collect();
    assert!(blue.len() >= 3, "{blue:?}");
    let apart = blue[blue.len() - 1].at - blue[blue.len() - 2].at;
    assert!((9_900..10_100).contains(&apart.as_us()), "{apart}");

    let before = machine.instructions();
    machine.uart_input(0, b"Capitals, please.\n")?;
    // The HAL makes line ends of CR and LF.
    assert_eq!(run(&mut *machine, 100)?, "CAPITALS, PLEASE.\r\n");
    assert!(machine.instructions() - before < 200_000, "it sleeps between the bytes");

    // The same seed and input give the same machine, through a snapshot too.
    let snapshots = machine.snapshots().ok_or("the engine has snapshots")?;
    let mut twin = snapshots.fork()?;
    for machine in [&mut machine, &mut twin] {
        machine.uart_input(0, b"again")?;
        assert_eq!(run(&mut **machine, 50)?, "AGAIN");
    }
    let hash = |machine: &mut Box<dyn Machine>| -> Result<u64, Failed> {
        let snapshots = machine.snapshots().ok_or("the engine has snapshots")?;
        Ok(snapshots.state_hash()?)
    };
    assert_eq!(hash(&mut machine)?, hash(&mut twin)?);
    Ok(())
}

fn esp32c6(image: &Image) -> Result<(), Failed> {
    let mut machine = boot("esp32-c6", image)?;
    let said = run(&mut *machine, 200)?;
    let expected = "hello from esp-hal\nslept 20 ms\nflash of 4 MB written\n5 ticks\n";
    assert_eq!(said, expected);
    let light: Vec<_> = machine
        .take_pin_changes()
        .into_iter()
        .filter(|it| it.pin == 8)
        .collect();
    assert!(light.len() >= 4, "{light:?}");
    let apart = light[light.len() - 1].at - light[light.len() - 2].at;
    assert!((4_990..5_050).contains(&apart.as_us()), "{apart}");
    let before = machine.instructions();
    machine.uart_input(0, b"Capitals, please.\n")?;
    assert_eq!(run(&mut *machine, 50)?, "CAPITALS, PLEASE.\n");
    assert!(machine.instructions() - before < 100_000, "it sleeps between the ticks");
    // The button's falling edge, once.
    machine.pin_input(9, Some(false))?;
    assert_eq!(run(&mut *machine, 20)?, "pressed\n");
    machine.pin_input(9, None)?;
    assert_eq!(run(&mut *machine, 20)?, "");

    // The watchdog is no longer fed: 100 ms later it resets the chip. The data written to flash is still there.
    machine.uart_input(0, b"!")?;
    let began = machine.now();
    let stop = machine.run(RunLimit::until(began + VirtualTime::from_ms(200)))?;
    assert_eq!(stop, StopReason::Reset(drydock_emulator::ResetKind::Watchdog));
    let ms = (machine.now() - began).as_us() / 1_000;
    assert!((90..=120).contains(&ms), "{ms} ms");
    let _echo = machine.take_uart_output();
    assert_eq!(run(&mut *machine, 100)?, "the watchdog bit\nflash kept it\n");

    // The app is in flash in the bootloader's format: it starts without the ELF file, and a damaged one does not start.
    let mut app = vec![0; 0x8_0000];
    machine.read_memory(ESP32C6_APP, &mut app)?;
    let app = Image::from_bin(ESP32C6_APP, app);
    let mut machine = boot("esp32-c6", &app)?;
    assert_eq!(run(&mut *machine, 200)?, expected);
    let mut broken = app.clone();
    broken.segments[0].bytes[100] ^= 1;
    let mut machine = boot("esp32-c6", &broken)?;
    machine.run(RunLimit::until(VirtualTime::from_ms(1)))?;
    let faults: Vec<String> = machine.take_faults().iter().map(ToString::to_string).collect();
    assert!(
        faults
            .iter()
            .any(|fault| fault.contains("search for an app that can be started")),
        "{faults:?}"
    );
    Ok(())
}

/// Address at which tools find the factory partition in the flash of the ESP32-C6.
const ESP32C6_APP: u32 = 0x1001_0000;
