//! Speed of the builtin engine on the integer benchmark of `bench/`, as one table: the program alone, and with SysTick
//! interrupts and device registers live; QEMU's time on the same program beside it when it is installed.
//!
//! `cargo run --release -p drydock-emulator --example bench_integer [--iters N]`. Needs `arm-none-eabi-gcc`.

use std::error::Error;
use std::hash::Hasher;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use drydock_emulator::Image;
use drydock_emulator::builtin::arm::{CortexM, Limits, StopReason};
use drydock_emulator::builtin::entropy::EntropyStream;
use drydock_emulator::builtin::fabric::{
    AccessFault, AccessSize, Chip, ChipDescription, CoreDescription, CortexMOptions, Fabric, ResetKind,
};
use drydock_emulator::builtin::memory::{GuestMemory, Region, RegionKind};
use drydock_emulator::builtin::time::Token;

/// What the program must leave in R0 for 20,000 iterations, and how many instructions GCC 12.2 makes of it.
const RESULT: u32 = 0xb017_ed07;
const INSTRUCTIONS: u64 = 1_229_555_962;
const ITERS: u32 = 20_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let mut iters = ITERS;
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--iters" => iters = args.next().ok_or("--iters needs a number")?.parse()?,
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    let work = tempfile::tempdir()?;
    let plain = build(work.path(), iters, &[])?;
    let live = build(work.path(), iters, &["-DLIVE"])?;

    println!("| engine | program | instructions | seconds | MIPS |");
    println!("|---|---|---:|---:|---:|");
    let alone = run("alone", &plain, iters)?;
    if iters == ITERS && alone.instructions != INSTRUCTIONS {
        println!("(expected {INSTRUCTIONS} instructions: another compiler than GCC 12.2?)");
    }
    run("interrupts and devices live", &live, iters)?;
    match qemu(&plain) {
        Ok(seconds) => row("qemu", "alone, whole process", alone.instructions, seconds),
        Err(reason) => println!("| qemu | skipped: {reason} | | | |"),
    }
    Ok(())
}

struct Measured {
    instructions: u64,
}

fn run(name: &str, elf: &Path, iters: u32) -> Result<Measured, Box<dyn Error>> {
    let image = Image::from_elf(&std::fs::read(elf)?)?;
    let chip: Box<dyn Chip> = Box::new(Bare {
        register: 0,
        accesses: 0,
    });
    let description = chip.description();
    let memory = GuestMemory::new(description.regions);
    let fabric = Fabric::new(memory, EntropyStream::new([0; 32]), description.cpu_hz);
    let mut core = CortexM::new(chip, fabric);
    for segment in &image.segments {
        core.fabric_mut().memory_mut().write(segment.addr, &segment.bytes)?;
    }
    core.reset(ResetKind::Pin);
    let start = Instant::now();
    let stop = core.run(Limits::instructions(u64::MAX));
    let seconds = start.elapsed();
    if stop != (StopReason::Exit { code: 0 }) {
        return Err(format!("the program stopped with {stop:?} at {:#x}", core.registers().pc()).into());
    }
    let result_at = image.symbol("g_result").ok_or("no symbol g_result")?;
    let result = core.fabric().memory().read_u32(result_at)?;
    if iters == ITERS && result != RESULT {
        return Err(format!("the result is {result:#010x}, expected {RESULT:#010x}").into());
    }
    let instructions = core.instructions();
    row("builtin", name, instructions, seconds);
    Ok(Measured { instructions })
}

fn row(engine: &str, name: &str, instructions: u64, seconds: Duration) {
    let mips = instructions as f64 / seconds.as_secs_f64() / 1e6;
    println!(
        "| {engine} | {name} | {instructions} | {:.2} | {mips:.0} |",
        seconds.as_secs_f64()
    );
}

fn qemu(elf: &Path) -> Result<Duration, Box<dyn Error>> {
    let start = Instant::now();
    let status = Command::new("qemu-system-arm")
        .args(["-M", "mps2-an386", "-nographic", "-monitor", "none", "-serial", "none"])
        .args(["-semihosting", "-kernel"])
        .arg(elf)
        .status()
        .map_err(|error| format!("qemu-system-arm: {error}"))?;
    match status.success() {
        true => Ok(start.elapsed()),
        false => Err(format!("qemu-system-arm ended with {status}").into()),
    }
}

fn build(work: &Path, iters: u32, defines: &[&str]) -> Result<PathBuf, Box<dyn Error>> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench");
    let elf = work.join(format!("integer{}.elf", defines.concat()));
    let status = Command::new("arm-none-eabi-gcc")
        .args([
            "-mcpu=cortex-m4",
            "-mthumb",
            "-mfloat-abi=soft",
            "-O2",
            "-ffreestanding",
            "-nostdlib",
        ])
        .arg(format!("-DITERS={iters}"))
        .arg("-DSEMI")
        .args(defines)
        .arg("-T")
        .arg(sources.join("arm.ld"))
        .args([sources.join("start_arm.S"), sources.join("integer.c")])
        .args(["-lgcc", "-o"])
        .arg(&elf)
        .status()
        .map_err(|error| format!("arm-none-eabi-gcc (package gcc-arm-none-eabi): {error}"))?;
    if status.success() {
        Ok(elf)
    } else {
        Err("arm-none-eabi-gcc failed".into())
    }
}

/// A Cortex-M4 at 64 MHz with memory and one register.
#[derive(Clone)]
struct Bare {
    register: u32,
    accesses: u64,
}

impl Chip for Bare {
    fn description(&self) -> ChipDescription {
        ChipDescription {
            name: "bare",
            regions: vec![
                Region {
                    name: "flash",
                    base: 0,
                    bytes: 0x10_0000,
                    kind: RegionKind::Flash,
                },
                Region {
                    name: "ram",
                    base: 0x2000_0000,
                    bytes: 0x2_0000,
                    kind: RegionKind::Ram,
                },
            ],
            core: CoreDescription::CortexM(CortexMOptions {
                irq_count: 48,
                priority_bits: 3,
                fpu: false,
                mpu_regions: 8,
                bit_band: false,
                initial_vtor: 0,
                systick_reference_hz: None,
                systick_calibration: 0,
            }),
            cpu_hz: 64_000_000,
        }
    }

    fn read(&mut self, _fabric: &mut Fabric, addr: u32, _size: AccessSize) -> Result<u32, AccessFault> {
        self.accesses += 1;
        if addr == 0x4000_0000 {
            Ok(self.register)
        } else {
            Err(AccessFault::Unmapped)
        }
    }

    fn write(&mut self, _: &mut Fabric, addr: u32, value: u32, _: AccessSize) -> Result<(), AccessFault> {
        self.accesses += 1;
        if addr != 0x4000_0000 {
            return Err(AccessFault::Unmapped);
        }
        self.register = value;
        Ok(())
    }

    fn event(&mut self, _fabric: &mut Fabric, _token: Token) {}

    fn reset(&mut self, _fabric: &mut Fabric, _kind: ResetKind) {}

    fn uart_input(&mut self, _fabric: &mut Fabric, _index: u8, _bytes: &[u8]) {}

    fn uart_input_room(&self, _index: u8) -> usize {
        0
    }

    fn pin_input(&mut self, _fabric: &mut Fabric, _pin: u16, _level: Option<bool>) {}

    fn pin_level(&self, _pin: u16) -> Option<bool> {
        None
    }

    fn hash_state(&self, state: &mut dyn Hasher) {
        state.write_u32(self.register);
        state.write_u64(self.accesses);
    }

    fn snapshot(&self) -> Box<dyn Chip> {
        Box::new(self.clone())
    }
}
