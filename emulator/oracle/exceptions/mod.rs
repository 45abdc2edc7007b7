//! Exceptions, traps, privilege and protection: small programs (`arm.s`, `riscv.s`) stepped instruction by instruction
//! on the builtin core and on QEMU over its GDB stub. After each step all core registers and the stacks or data must be
//! equal.
//!
//! The sides stop at different points: QEMU stops between an exception's entry and the handler's first instruction, and
//! before instructions that IT skips; the builtin core does not always. A point of one side that the other passed over
//! is ignored if it is such an edge. The state after each *instruction* is always compared. `renew` assembles the
//! programs.

mod arm;
mod qemu;
mod riscv;

use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::{Failed, Trial};

use crate::report;

/// The architectures' names.
pub(crate) const NAMES: [&str; 2] = [arm::ARCHITECTURE.name, riscv::ARCHITECTURE.name];

/// Steps after which a case counts as lost.
const STEPS: usize = 400;

/// The state between two instructions.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Point {
    /// By the names of [`Architecture::registers`], then the memory.
    registers: Vec<u32>,
    memory: Vec<u8>,
}

/// A side: a core that is stepped.
trait Stepped {
    fn point(&mut self) -> Result<Point, Failed>;
    fn step(&mut self) -> Result<(), Failed>;
}

/// Loads a program at an address into a core, which may be unavailable.
type Open = fn(&[u8], u32) -> Result<Box<dyn Stepped>, Failed>;

/// The data for the cases of an architecture.
struct Architecture {
    name: &'static str,
    /// Title of the report, and QEMU's machine in it.
    title: &'static str,
    machine: &'static str,
    /// Start address of the program, and the addresses of its cases, one word each, in the order of the source.
    base: u32,
    cases: u32,
    registers: &'static [&'static str],
    pc: usize,
    /// Start and length of the compared memory.
    windows: &'static [(u32, u32)],
    qemu: &'static str,
    ours: fn(&[u8], u32) -> Box<dyn Stepped>,
    theirs: Open,
    /// Whether the other side may pass over the first of two consecutive points: an exception is entered or left.
    edge: fn(&Point, &Point) -> bool,
}

/// The tests; QEMU's are ignored, with the reason in their names, if QEMU is missing.
pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![Trial::test("exception_cases_are_renewed", are_renewed)];
    for architecture in [arm::ARCHITECTURE, riscv::ARCHITECTURE] {
        let name = format!("{}_exceptions_agree_with_qemu", architecture.name);
        trials.push(match qemu::version(architecture.qemu) {
            Ok(version) => Trial::test(name, move || agree(&architecture, &version)),
            Err(reason) => Trial::test(format!("{name} (skipped: {reason})"), || Ok(())).with_ignored_flag(true),
        });
    }
    trials
}

/// The names of an architecture's cases, as its source has them.
pub(crate) fn cases(architecture: &str) -> Result<Vec<String>, Failed> {
    let source = read(&format!("{architecture}.s"))?;
    let names = source.lines().filter_map(|line| {
        let name = line.strip_prefix("  case ")?;
        name.split([',', ' ']).next().map(str::to_owned)
    });
    Ok(names.collect())
}

fn read(file: &str) -> Result<String, Failed> {
    let path = folder().join(file);
    std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()).into())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("oracle/exceptions")
}

fn agree(architecture: &Architecture, version: &str) -> Result<(), Failed> {
    let program = bytes(&read(&format!("{}.hex", architecture.name))?)?;
    let word = |addr: u32| -> Option<u32> {
        let at = (addr - architecture.base) as usize;
        Some(u32::from_le_bytes(program.get(at..at + 4)?.try_into().ok()?))
    };
    let mut wrong = String::new();
    let mut rows = Vec::new();
    for (index, name) in cases(architecture.name)?.into_iter().enumerate() {
        let entry = word(architecture.cases + 4 * index as u32).ok_or("the program has a table of its cases")?;
        let ours = trace(architecture, &mut *(architecture.ours)(&program, entry));
        let theirs = trace(architecture, &mut *(architecture.theirs)(&program, entry)?);
        let compared = match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => compare(architecture, &ours, &theirs),
            (Err(ours), _) => Err(format!("builtin: {}", ours.message().unwrap_or("?"))),
            (_, Err(theirs)) => Err(format!("QEMU: {}", theirs.message().unwrap_or("?"))),
        };
        match compared {
            Ok(compared) => rows.push((name, compared as u64)),
            Err(difference) => wrong.push_str(&format!("{name}: {difference}\n")),
        }
    }
    if !wrong.is_empty() {
        return Err(format!("builtin and QEMU {version} differ:\n{wrong}").into());
    }
    let points: u64 = rows.iter().map(|row| row.1).sum();
    println!(
        "{}: {} cases, {points} points agree with QEMU {version}",
        architecture.name,
        rows.len()
    );
    if cfg!(feature = "safe") {
        // The page is of the engine as it ships.
        return Ok(());
    }
    report::write(&report::Page {
        name: &format!("{}-exceptions", architecture.name),
        title: architecture.title,
        about: format!(
            "The programs of `emulator/oracle/exceptions/{}.s`, stepped instruction by instruction on the builtin engine and on \
             {} {version} ({}). All core registers and the memory that the programs use were compared at {} points: no \
             difference.",
            architecture.name,
            architecture.qemu,
            architecture.machine,
            report::grouped(points)
        ),
        columns: ["case", "points compared"],
        rows: &rows,
        left_out: &[],
    })
}

/// All points up to the one at `stop`, where an instruction branches to itself.
fn trace(architecture: &Architecture, side: &mut dyn Stepped) -> Result<Vec<Point>, Failed> {
    let mut points = vec![side.point()?];
    for _ in 0..STEPS {
        side.step()?;
        let point = side.point()?;
        if points.last() == Some(&point) {
            return Ok(points);
        }
        points.push(point);
    }
    let pc = points.last().map_or(0, |point| point.registers[architecture.pc]);
    Err(format!("it does not come to an end; it is at {pc:#x}").into())
}

/// The number of equal points, or the first difference.
fn compare(architecture: &Architecture, ours: &[Point], theirs: &[Point]) -> Result<usize, String> {
    let edge = |points: &[Point], at: usize| {
        let beside = [at.checked_sub(1), Some(at + 1)].into_iter().flatten();
        let mut beside = beside.filter_map(|other| points.get(other));
        beside.any(|other| (architecture.edge)(&points[at], other))
    };
    let (mut i, mut j, mut agreed) = (0, 0, 0);
    while i < ours.len() && j < theirs.len() {
        if ours[i] == theirs[j] {
            (i, j, agreed) = (i + 1, j + 1, agreed + 1);
        } else if theirs.get(j + 1) == Some(&ours[i]) && edge(theirs, j) {
            j += 1;
        } else if ours.get(i + 1) == Some(&theirs[j]) && edge(ours, i) {
            i += 1;
        } else {
            return Err(describe(architecture, ours, theirs, i, j));
        }
    }
    match (ours.len() - i, theirs.len() - j) {
        (0, 0) => Ok(agreed),
        (our, their) => Err(format!("one side goes on: builtin by {our} steps, QEMU by {their}")),
    }
}

fn describe(architecture: &Architecture, ours: &[Point], theirs: &[Point], i: usize, j: usize) -> String {
    let path = |points: &[Point], at: usize| -> String {
        let points = &points[at.saturating_sub(2)..(at + 3).min(points.len())];
        let pcs = points
            .iter()
            .map(|point| format!("{:x}", point.registers[architecture.pc]));
        pcs.collect::<Vec<_>>().join(" ")
    };
    let mut text = format!(
        "after step {i} of the builtin core ({}) and {j} of QEMU ({}):",
        path(ours, i),
        path(theirs, j)
    );
    let (our, their) = (&ours[i], &theirs[j]);
    for (name, (our, their)) in architecture
        .registers
        .iter()
        .zip(our.registers.iter().zip(&their.registers))
    {
        if our != their {
            text.push_str(&format!(" {name} {our:x}/{their:x}"));
        }
    }
    let addresses = architecture
        .windows
        .iter()
        .flat_map(|(base, bytes)| *base..base + bytes);
    for (addr, (our, their)) in addresses.zip(our.memory.iter().zip(&their.memory)) {
        if our != their {
            text.push_str(&format!(" [{addr:x}] {our:02x}/{their:02x}"));
        }
    }
    text
}

fn bytes(hex: &str) -> Result<Vec<u8>, Failed> {
    let bytes = hex.split_ascii_whitespace().map(|byte| u8::from_str_radix(byte, 16));
    Ok(bytes.collect::<Result<_, _>>()?)
}

/// The sources assemble to the committed files, if assemblers are installed.
fn are_renewed() -> Result<(), Failed> {
    for assembler in ["arm-none-eabi-as", "riscv64-unknown-elf-as"] {
        if Command::new(assembler).arg("--version").output().is_err() {
            println!("not checked: {assembler} is not installed");
            return Ok(());
        }
    }
    let fresh = tempfile::tempdir()?;
    let status = Command::new("sh")
        .arg(folder().join("renew"))
        .arg(fresh.path())
        .status()?;
    assert!(status.success());
    for name in NAMES.map(|name| format!("{name}.hex")) {
        if std::fs::read_to_string(fresh.path().join(&name))? != read(&name)? {
            return Err(format!("{name} is stale: run emulator/oracle/exceptions/renew").into());
        }
    }
    Ok(())
}
