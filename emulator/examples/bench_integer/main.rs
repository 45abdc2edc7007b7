//! Speed on the integer benchmark of `bench/`, for both architectures: the builtin engine with the program alone, and
//! with interrupts and device registers live; in the same run QEMU and Renode, if they are installed.
//!
//! `cargo run --release -p drydock-emulator --example bench_integer [-- --iters N | --quick]`. Prints one JSON object a
//! line for `./x bench`. Needs `arm-none-eabi-gcc` and `riscv64-unknown-elf-gcc`; without one, its architecture is
//! skipped, with the reason.

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

/// Expected value of `g_result` after 20,000 iterations.
const RESULT: u32 = 0xb017_ed07;
const ITERS: u32 = 20_000;
const QUICK_ITERS: u32 = 2_000;

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
    let mut iters = ITERS;
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--iters" => iters = args.next().ok_or("--iters needs a number")?.parse()?,
            "--quick" => iters = QUICK_ITERS,
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    let work = tempfile::tempdir()?;
    for side in [arm::SIDE, riscv::SIDE] {
        if let Err(reason) = builds(&side) {
            println!(
                "{}",
                json!({ "what": format!("{}: integer benchmark", side.name), "skipped": reason })
            );
            continue;
        }
        measure(&side, work.path(), iters)?;
    }
    Ok(())
}

fn measure(side: &Architecture, work: &Path, iters: u32) -> Result<(), Box<dyn Error>> {
    let name = side.name;
    let alone = builtin(side, &build(side, work, iters, side.ends)?, iters)?;
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
    let live_image = build(side, work, iters, &[side.ends, &["-DLIVE"]].concat())?;
    let live = builtin(side, &live_image, iters)?;
    row(
        &format!("{name}: builtin engine, interrupts and devices live"),
        mips(&live),
        "MIPS",
        ">= 375",
        &in_words(&live),
    );
    let image = build(side, work, iters, side.ends_in_qemu)?;
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
            row(&what, mips(&live) / mips(&qemu), "x", "", &note);
        }
        Err(reason) => skipped(&format!("{name}: QEMU"), &reason.to_string()),
    }
    if name == arm::SIDE.name {
        on_a_board(side, work, iters, &live)?;
    }
    Ok(())
}

/// The same program on the Nano's nRF52840, also in Renode. It ends in an endless loop at `hang`, because Renode does
/// not report semihosting calls.
fn on_a_board(side: &Architecture, work: &Path, iters: u32, live: &Run) -> Result<(), Box<dyn Error>> {
    let image = Image::from_elf(&std::fs::read(build(side, work, iters, &[])?)?)?;
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
        if iters == ITERS && run.result != RESULT {
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

fn builtin(side: &Architecture, elf: &Path, iters: u32) -> Result<Run, Box<dyn Error>> {
    let run = (side.run)(&Image::from_elf(&std::fs::read(elf)?)?)?;
    if iters == ITERS && run.result != RESULT {
        return Err(format!("the result is {:#010x}, expected {RESULT:#010x}", run.result).into());
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

fn build(side: &Architecture, work: &Path, iters: u32, defines: &[&str]) -> Result<PathBuf, Box<dyn Error>> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench");
    let elf = work.join(format!("{}{}.elf", side.name, defines.concat()));
    let output = Command::new(side.compiler)
        .args(side.flags)
        .args(["-O2", "-ffreestanding", "-nostdlib"])
        .arg(format!("-DITERS={iters}"))
        .args(defines)
        .arg("-T")
        .arg(sources.join(side.linker_script))
        .args([sources.join(side.start), sources.join("integer.c")])
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
