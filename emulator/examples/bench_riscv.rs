//! Speed of the builtin engine's RISC-V core on the integer benchmark of `bench/`, as one table: the program alone, and with
//! CLINT timer interrupts and device registers live; QEMU's time on the same program beside it when it is installed.
//!
//! `cargo run --release -p drydock-emulator --example bench_riscv [--iters N]`. Needs `riscv64-unknown-elf-gcc`.

use std::error::Error;
use std::hash::Hasher;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use drydock_emulator::Image;
use drydock_emulator::builtin::entropy::EntropyStream;
use drydock_emulator::builtin::fabric::{
    AccessFault, AccessSize, Chip, ChipDescription, CoreDescription, Fabric, ResetKind, RiscVOptions,
};
use drydock_emulator::builtin::limits::Limits;
use drydock_emulator::builtin::memory::{GuestMemory, Region, RegionKind};
use drydock_emulator::builtin::riscv::clint::Clint;
use drydock_emulator::builtin::riscv::{RiscV, StopReason};
use drydock_emulator::builtin::time::Token;

/// What the program must leave in `g_result` for 20,000 iterations, and how many instructions GCC 12.2.0 of Debian 12 makes of
/// it (Unicorn counts the same).
const RESULT: u32 = 0xb017_ed07;
const INSTRUCTIONS: u64 = 1_334_107_998;
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
    let plain = build(work.path(), iters, &["-DSEMI"])?;
    let live = build(work.path(), iters, &["-DSEMI", "-DLIVE"])?;
    let virt = build(work.path(), iters, &["-DVIRT"])?;

    println!("| engine | program | instructions | seconds | MIPS |");
    println!("|---|---|---:|---:|---:|");
    let alone = run("alone", &plain, iters)?;
    if iters == ITERS && alone.instructions != INSTRUCTIONS {
        println!("(expected {INSTRUCTIONS} instructions: another compiler than GCC 12.2?)");
    }
    run("interrupts and devices live", &live, iters)?;
    match qemu(&virt) {
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
    let chip: Box<dyn Chip> = Box::new(Bare::default());
    let description = chip.description();
    let memory = GuestMemory::new(description.regions);
    let fabric = Fabric::new(memory, EntropyStream::new([0; 32]), description.cpu_hz);
    let mut core = RiscV::new(chip, fabric);
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
    let status = Command::new("qemu-system-riscv32")
        .args([
            "-M",
            "virt",
            "-bios",
            "none",
            "-nographic",
            "-monitor",
            "none",
            "-serial",
            "none",
            "-kernel",
        ])
        .arg(elf)
        .status()
        .map_err(|error| format!("qemu-system-riscv32: {error}"))?;
    match status.success() {
        true => Ok(start.elapsed()),
        false => Err(format!("qemu-system-riscv32 ended with {status}").into()),
    }
}

fn build(work: &Path, iters: u32, defines: &[&str]) -> Result<PathBuf, Box<dyn Error>> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench");
    let elf = work.join(format!("integer{}.elf", defines.concat()));
    let status = Command::new("riscv64-unknown-elf-gcc")
        .args([
            "-march=rv32imac_zicsr",
            "-mabi=ilp32",
            "-O2",
            "-ffreestanding",
            "-nostdlib",
        ])
        .arg(format!("-DITERS={iters}"))
        .args(defines)
        .arg("-T")
        .arg(sources.join("rv.ld"))
        .args([sources.join("start_rv.S"), sources.join("integer.c")])
        .args(["-lgcc", "-o"])
        .arg(&elf)
        .status()
        .map_err(|error| format!("riscv64-unknown-elf-gcc (package gcc-riscv64-unknown-elf): {error}"))?;
    if status.success() {
        Ok(elf)
    } else {
        Err("riscv64-unknown-elf-gcc failed".into())
    }
}

const CLINT: u32 = 0x0200_0000;
const CLINT_TOKEN: Token = 0;

/// An RV32 core at 64 MHz with memory, a CLINT and one register.
#[derive(Clone)]
struct Bare {
    clint: Clint,
    register: u32,
}

impl Default for Bare {
    fn default() -> Self {
        Self {
            clint: Clint::new(16_000_000, CLINT_TOKEN),
            register: 0,
        }
    }
}

impl Chip for Bare {
    fn description(&self) -> ChipDescription {
        ChipDescription {
            name: "bare",
            regions: vec![Region {
                name: "ram",
                base: 0x8000_0000,
                bytes: 0x4_0000,
                kind: RegionKind::Ram,
            }],
            core: CoreDescription::RiscV(RiscVOptions {
                reset_pc: 0x8000_0000,
                identity: [0; 3],
                interrupts: 0x888,
                pmp_entries: 16,
                reservations: true,
                misaligned: false,
                mtvec_mask: !2,
                mtvec_fixed: 0,
                plain_csrs: &[],
            }),
            cpu_hz: 64_000_000,
        }
    }

    fn read(&mut self, fabric: &mut Fabric, addr: u32, size: AccessSize) -> Result<u32, AccessFault> {
        match addr {
            0x4000_0000 => Ok(self.register),
            CLINT..0x0201_0000 => self.clint.read(fabric, addr - CLINT, size),
            _ => Err(AccessFault::Unmapped),
        }
    }

    fn write(&mut self, fabric: &mut Fabric, addr: u32, value: u32, size: AccessSize) -> Result<(), AccessFault> {
        match addr {
            0x4000_0000 => self.register = value,
            CLINT..0x0201_0000 => self.clint.write(fabric, addr - CLINT, value, size)?,
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    fn event(&mut self, fabric: &mut Fabric, _token: Token) {
        self.clint.wake(fabric);
    }

    fn reset(&mut self, fabric: &mut Fabric, _kind: ResetKind) {
        self.clint.reset(fabric);
    }

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
    }

    fn snapshot(&self) -> Box<dyn Chip> {
        Box::new(self.clone())
    }
}
