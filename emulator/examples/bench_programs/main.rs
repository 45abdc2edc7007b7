//! Speed on the programs of `bench/`: the builtin engine, and in the same run QEMU and Renode, if they are installed. The
//! integer program runs on both architectures, alone and with interrupts and device registers live; the others alone.
//! The last rows are the geometric mean and the worst of the programs' ratios to QEMU.
//!
//! `cargo run --release -p drydock-emulator --example bench_programs [-- --iters N | --quick | --only NAME]`; `--iters` is
//! of the integer program, the others follow. Prints one JSON object a line for `./x bench`. Needs `arm-none-eabi-gcc`
//! and `riscv64-unknown-elf-gcc`; without one, its architecture is skipped, with the reason.

mod arm;
mod other_engines;
mod riscv;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use drydock_emulator::Image;
use other_engines::Before;
use serde_json::{Value, json};

/// Times that a program runs in each engine; the shortest counts, because the machine may do other things.
const ROUNDS: usize = 5;
/// Iterations of the integer program; other programs' are relative to it.
const ITERS: u32 = 20_000;
const QUICK_ITERS: u32 = 2_000;

/// A program of `bench/`.
struct Program {
    /// Of its source, without `.c`.
    name: &'static str,
    /// Iterations for each one of the integer program.
    times: u32,
    /// Expected value of `g_result` after `ITERS` iterations of the integer program. The other values are those of the
    /// same source compiled for x86-64, except for SMLAD's.
    result: u32,
    /// Whether it has instructions that only the Cortex-M4 has.
    arm_only: bool,
    /// Compiler arguments for the Cortex-M4.
    arm_flags: &'static [&'static str],
}

const INTEGER: Program = Program {
    name: "integer",
    times: 1,
    result: 0xb017_ed07,
    arm_only: false,
    arm_flags: &["-mfloat-abi=soft"],
};

const PROGRAMS: [Program; 4] = [
    Program {
        name: "aes",
        times: 50,
        result: 0x3a6f_de6e,
        arm_only: false,
        arm_flags: &["-mfloat-abi=soft"],
    },
    Program {
        name: "sha256",
        times: 10,
        result: 0x3de4_1e1d,
        arm_only: false,
        arm_flags: &["-mfloat-abi=soft"],
    },
    Program {
        name: "fir",
        times: 2,
        result: 0x6460_209d,
        arm_only: true,
        arm_flags: &["-mfloat-abi=hard", "-mfpu=fpv4-sp-d16", "-DFPU"],
    },
    Program {
        name: "smlad",
        times: 4,
        result: 0x87e6_a5f9,
        arm_only: true,
        arm_flags: &["-mfloat-abi=soft"],
    },
];

/// An architecture: how the program is built for it, and its engines.
struct Architecture {
    name: &'static str,
    compiler: &'static str,
    /// Debian's package of the compiler.
    package: &'static str,
    flags: &'static [&'static str],
    linker_script: &'static str,
    start: &'static str,
    /// Defines that make the program end in the builtin engine, and in QEMU.
    ends: &'static [&'static str],
    ends_in_qemu: &'static [&'static str],
    /// QEMU's program and arguments; the image comes after them.
    qemu: &'static [&'static str],
    /// Number of instructions of 20,000 iterations, as compiled by GCC 12.2.0 of Debian 12.
    instructions: u64,
    run: fn(&Image) -> Result<Run, Box<dyn Error>>,
}

/// A run in the builtin engine.
struct Run {
    instructions: u64,
    took: Duration,
    /// `g_result`.
    result: u32,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (mut iters, mut only) = (ITERS, None);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--iters" => iters = args.next().ok_or("--iters needs a number")?.parse()?,
            "--quick" => iters = QUICK_ITERS,
            "--only" => only = Some(args.next().ok_or("--only needs a program")?),
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    let work = tempfile::tempdir()?;
    for side in [arm::SIDE, riscv::SIDE] {
        if let Err(reason) = builds(&side) {
            println!(
                "{}",
                json!({ "what": format!("{}: all programs", side.name), "skipped": reason })
            );
            continue;
        }
        let wanted = |program: &Program| only.as_deref().is_none_or(|only| only == program.name);
        let mut ratios = Vec::new();
        if wanted(&INTEGER) {
            ratios.extend(measure(&side, work.path(), iters)?);
        }
        for program in &PROGRAMS {
            let runs_here = side.name == arm::SIDE.name || !program.arm_only;
            if runs_here && wanted(program) {
                ratios.extend(compare(&side, program, work.path(), iters)?);
            }
        }
        summarise(&side, &ratios);
    }
    Ok(())
}

/// One program alone against QEMU; their ratio, if QEMU is there.
fn compare(side: &Architecture, program: &Program, work: &Path, iters: u32) -> Result<Option<f64>, Box<dyn Error>> {
    let name = format!("{}: {}", side.name, program.name);
    let ours = build(side, program, work, iters, side.ends)?;
    let theirs = build(side, program, work, iters, side.ends_in_qemu)?;
    let start = build(side, program, work, 0, side.ends_in_qemu)?;
    let (mut instructions, mut times, mut qemu_times, mut starts) = (0, Vec::new(), Vec::new(), Vec::new());
    let mut qemu: Result<_, Box<dyn Error>> = Ok(String::new());
    // One after the other, so that both see the same load.
    for _ in 0..ROUNDS {
        let run = builtin(side, program, &ours, iters)?;
        instructions = run.instructions;
        times.push(run.took.as_secs_f64());
        // Its process starts, and ends, in a time that is no part of the program.
        for (image, times) in [(&theirs, &mut qemu_times), (&start, &mut starts)] {
            qemu = qemu.and_then(|_| {
                let (version, took) = other_engines::qemu(side.qemu, image)?;
                times.push(took.as_secs_f64());
                Ok(version)
            });
        }
    }
    let time = least(&times);
    let note = format!("{instructions} instructions in {time:.2} s, the shortest of {ROUNDS}");
    row(&name, instructions as f64 / time / 1e6, "MIPS", "", &note);
    let version = match qemu {
        Ok(version) => version,
        Err(reason) => {
            skipped(&format!("{name}: QEMU"), &reason.to_string());
            return Ok(None);
        }
    };
    let (qemu_time, start) = (least(&qemu_times), least(&starts));
    let ratio = (qemu_time - start) / time;
    let note = format!("the shortest of {ROUNDS} each; QEMU {qemu_time:.2} s, {start:.2} s of it for its start");
    let what = format!("{name}: builtin engine / QEMU {version}");
    row(&what, ratio, "x", ">= 0.5", &note);
    Ok(Some(ratio))
}

fn summarise(side: &Architecture, ratios: &[f64]) {
    if ratios.is_empty() {
        return;
    }
    let mean = (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp();
    let note = format!("{} programs", ratios.len());
    let name = side.name;
    row(
        &format!("{name}: builtin engine / QEMU, geometric mean"),
        mean,
        "x",
        ">= 0.5",
        &note,
    );
    row(
        &format!("{name}: builtin engine / QEMU, worst"),
        least(ratios),
        "x",
        ">= 0.5",
        &note,
    );
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

/// The integer program; its ratio to QEMU, live, if QEMU is there.
fn measure(side: &Architecture, work: &Path, iters: u32) -> Result<Option<f64>, Box<dyn Error>> {
    let (name, program) = (side.name, &INTEGER);
    let mut ratio = None;
    let alone = builtin(side, program, &build(side, program, work, iters, side.ends)?, iters)?;
    let compiler = match iters == ITERS && alone.instructions != side.instructions {
        true => format!("; expected {}: another compiler than GCC 12.2?", side.instructions),
        false => String::new(),
    };
    row(
        &format!("{name}: builtin engine, program alone"),
        mips(&alone),
        "MIPS",
        ">= 375",
        &format!("{}{compiler}", in_words(&alone)),
    );
    let live_image = build(side, program, work, iters, &[side.ends, &["-DLIVE"]].concat())?;
    let live = builtin(side, program, &live_image, iters)?;
    row(
        &format!("{name}: builtin engine, interrupts and devices live"),
        mips(&live),
        "MIPS",
        ">= 375",
        &in_words(&live),
    );
    let image = build(side, program, work, iters, side.ends_in_qemu)?;
    match other_engines::qemu(side.qemu, &image) {
        Ok((version, took)) => {
            let qemu = Run { took, ..alone };
            let note = format!("{}, whole process", in_words(&qemu));
            row(
                &format!("{name}: QEMU {version}, program alone"),
                mips(&qemu),
                "MIPS",
                "",
                &note,
            );
            let what = format!("{name}: builtin engine / QEMU {version}");
            let note = format!("live; alone {:.2}", mips(&alone) / mips(&qemu));
            row(&what, mips(&live) / mips(&qemu), "x", ">= 0.5", &note);
            ratio = Some(mips(&live) / mips(&qemu));
        }
        Err(reason) => skipped(&format!("{name}: QEMU"), &reason.to_string()),
    }
    if name == arm::SIDE.name {
        on_a_board(side, work, iters, &live)?;
    }
    Ok(ratio)
}

/// The same program on the Nano's nRF52840, also in Renode. It ends in an endless loop at `hang`, because Renode does
/// not report semihosting calls.
fn on_a_board(side: &Architecture, work: &Path, iters: u32, live: &Run) -> Result<(), Box<dyn Error>> {
    let image = Image::from_elf(&std::fs::read(build(side, &INTEGER, work, iters, &[])?)?)?;
    // Drydock lets core and peripherals of Renode synchronise every 0.1 ms; a longer interval is faster, and less
    // exact.
    let long_quantum = Before::Lines(&[
        "emulation SetGlobalQuantum \"0.01\"",
        "sysbus.cpu PerformanceInMips 400",
    ]);
    let mut unprofiled = f64::NAN;
    for (engine, how, before) in [
        ("builtin", "", Before::Lines(&[])),
        ("builtin", ", after a profile", Before::Profile { kept: false }),
        ("builtin", ", profiled", Before::Profile { kept: true }),
        ("renode", "", Before::Lines(&[])),
        ("renode", ", its fastest settings", long_quantum),
    ] {
        let what = format!("Arm: {engine} as nano33ble, program alone{how}");
        let (version, run) = match other_engines::through(engine, &before, &image) {
            Ok(measured) => measured,
            Err(reason) => {
                skipped(&what, &reason.to_string());
                continue;
            }
        };
        if iters == ITERS && run.result != INTEGER.result {
            return Err(format!("{engine}: the result is {:#010x}", run.result).into());
        }
        let mut note = format!("{}; {version}", in_words(&run));
        match before {
            Before::Lines(&[]) if engine == "builtin" => unprofiled = mips(&run),
            Before::Profile { .. } => note.push_str(&format!("; {:.2} of the above", mips(&run) / unprofiled)),
            Before::Lines(_) => {}
        }
        row(&what, mips(&run), "MIPS", "", &note);
        if engine != "builtin" {
            let what = format!("Arm: builtin engine / {engine}{how}");
            let note = format!("live; {version}");
            row(&what, mips(live) / mips(&run), "x", ">= 1.0", &note);
        }
    }
    Ok(())
}

fn builtin(side: &Architecture, program: &Program, elf: &Path, iters: u32) -> Result<Run, Box<dyn Error>> {
    let run = (side.run)(&Image::from_elf(&std::fs::read(elf)?)?)?;
    if iters == ITERS && run.result != program.result {
        let Program { name, result, .. } = program;
        return Err(format!("the result of {name} is {:#010x}, expected {result:#010x}", run.result).into());
    }
    Ok(run)
}

/// Whether the compiler is installed; if not, where to get it.
fn builds(side: &Architecture) -> Result<(), String> {
    let Architecture { compiler, package, .. } = side;
    let version = Command::new(compiler).arg("--version").output();
    version
        .map(|_| ())
        .map_err(|_| format!("{compiler} is not installed (Debian: {package})"))
}

fn build(
    side: &Architecture,
    program: &Program,
    work: &Path,
    iters: u32,
    defines: &[&str],
) -> Result<PathBuf, Box<dyn Error>> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench");
    let own_flags = if side.name == arm::SIDE.name {
        program.arm_flags
    } else {
        &[]
    };
    let iters = iters * program.times;
    let elf = work.join(format!(
        "{}-{}-{iters}{}.elf",
        side.name,
        program.name,
        defines.concat()
    ));
    let output = Command::new(side.compiler)
        .args(side.flags)
        .args(own_flags)
        .args(["-O2", "-ffreestanding", "-nostdlib"])
        .arg(format!("-DITERS={iters}"))
        .args(defines)
        .arg("-T")
        .arg(sources.join(side.linker_script))
        .args([sources.join(side.start), sources.join(program.name).with_extension("c")])
        .args(["-lgcc", "-o"])
        .arg(&elf)
        .output()?;
    match output.status.success() {
        true => Ok(elf),
        false => Err(format!("{} failed: {}", side.compiler, String::from_utf8_lossy(&output.stderr)).into()),
    }
}

fn mips(run: &Run) -> f64 {
    run.instructions as f64 / run.took.as_secs_f64() / 1e6
}

fn in_words(run: &Run) -> String {
    format!("{} instructions in {:.2} s", run.instructions, run.took.as_secs_f64())
}

fn row(what: &str, value: f64, unit: &str, goal: &str, note: &str) {
    let goal = if goal.is_empty() { Value::Null } else { goal.into() };
    println!(
        "{}",
        json!({ "what": what, "value": value, "unit": unit, "goal": goal, "note": note })
    );
}

fn skipped(what: &str, reason: &str) {
    println!("{}", json!({ "what": what, "skipped": reason }));
}
