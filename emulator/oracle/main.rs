//! The oracle test: random Thumb-2 programs run on the builtin core and on Unicorn, and must leave the same
//! registers, flags and memory. Unicorn (PyPI wheel `unicorn` 2.1.4, GPL-2.0) is loaded at run time and used here
//! only.
//!
//! Each run takes a fresh seed and prints it; `DRYDOCK_ORACLE_SEED=<hex>` repeats one. `DRYDOCK_ORACLE_TIMES=<n>`
//! makes it n times as long. `DRYDOCK_ORACLE_SECONDS=<n>` ends it after that time, but not before the usual length. A
//! difference is narrowed down to its instruction. Without the wheel the test is reported as ignored, with the reason
//! in its name. Exceptions and protection, which Unicorn lacks, are compared with QEMU (`exceptions`). With the
//! feature `safe` the engine under test is the one without `unsafe`.

mod builtin;
mod classes;
mod exceptions;
mod generate;
mod random;
mod report;
mod riscv;
mod sequences;
mod unicorn;
mod vfp;

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};

use generate::{Item, Program};
use random::Random;

/// Where programs and data live on both sides.
pub(crate) const CODE: u32 = 0x0001_0000;
pub(crate) const CODE_BYTES: u32 = 0x8_0000;
/// Address of the first program; literals may precede it.
const CODE_START: u32 = CODE + 0x400;
pub(crate) const DATA: u32 = 0x2000_0000;
pub(crate) const DATA_BYTES: u32 = 0x1_0000;

/// Instructions checked in a test run.
const INSTRUCTIONS: u64 = 1_200_000;
/// Minimum number of instances of every class of encodings.
pub(crate) const PER_CLASS: u64 = 1_000;
/// Number of start states of each program: the first run decodes it, the second finds it decoded.
pub(crate) const STARTS: u64 = 2;
/// The engine's name, with or without `unsafe`.
pub(crate) const ENGINE: &str = match cfg!(feature = "safe") {
    true => "the builtin engine without `unsafe`",
    false => "the builtin engine",
};

type Check = fn(&unicorn::Library) -> Result<(), Failed>;

fn main() {
    let arguments = Arguments::from_args();
    let tests: [(&str, Check); 2] = [
        ("random_programs_agree_with_unicorn", agree),
        ("random_riscv_programs_agree_with_unicorn", riscv::agree),
    ];
    let trial = |(name, check): (&str, Check)| match unicorn::Library::find() {
        Ok(library) => Trial::test(name, move || check(&library)),
        Err(reason) => Trial::test(format!("{name} (skipped: {reason})"), || Ok(())).with_ignored_flag(true),
    };
    let mut trials: Vec<Trial> = tests.into_iter().map(trial).collect();
    trials.extend(exceptions::trials());
    trials.push(report::trial());
    libtest_mimic::run(&arguments, trials).exit();
}

/// The start and end state of both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// R0–R12, SP, LR.
    pub(crate) r: [u32; 15],
    /// N, Z, C, V, Q and GE in their places.
    pub(crate) apsr: u32,
    /// S0–S31.
    pub(crate) s: [u32; 32],
    /// Flags, modes and cumulative exceptions.
    pub(crate) fpscr: u32,
    /// The data window.
    pub(crate) data: Vec<u8>,
}

fn agree(library: &unicorn::Library) -> Result<(), Failed> {
    let seed = seed()?;
    let length = Length::of(INSTRUCTIONS)?;
    println!("oracle: seed {seed:016x}, {length}");
    let mut random = Random::new(seed);
    let mut ours = builtin::Builtin::new();
    let mut theirs = unicorn::Unicorn::open(library)?;
    let mut state = State {
        r: [0; 15],
        apsr: 0,
        s: [0; 32],
        fpscr: 0,
        data: vec![0; DATA_BYTES as usize],
    };
    random.fill(&mut state.data);

    let (mut done, mut programs) = (0, 0);
    let mut classes = generate::Classes::default();
    let mut at = CODE_START;
    while length.goes_on(done) {
        let program = Program::random(&mut random, &mut classes, at);
        let end = program.end();
        ours.load(&program.bytes(), at);
        theirs.load(&program.bytes(), at)?;
        for _ in 0..STARTS {
            program.start_state(&mut random, &mut state);
            // Every fourth program runs in small pieces: this uses the instruction-by-instruction path, the rest the
            // fast one.
            let cut = random.chance(4);
            let our_end = ours.run(at, end, &state, cut);
            let Ok(their_end) = theirs.run(at, end, &state) else {
                return Err(explain(library, seed, &program, &state, cut)?.into());
            };
            let executed = our_end.as_ref().map_or(0, |(_, executed)| *executed);
            if our_end.map(|(state, _)| state).as_ref() != Ok(&their_end) {
                return Err(explain(library, seed, &program, &state, cut)?.into());
            }
            done += executed;
            state = their_end;
        }
        programs += 1;
        at += program.bytes().len() as u32 + 64;
        at = (at + 255) & !255;
        if at + 0x1000 > CODE + CODE_BYTES {
            at = CODE_START;
            theirs.flush()?;
        }
    }
    let rows: Vec<(String, u64)> = classes.counts().map(|(name, count)| (name.to_owned(), count)).collect();
    length.enough(&rows, done)?;
    println!("oracle: {done} instructions in {} classes agree", rows.len());
    report::write(&report::Page {
        name: &report::name("arm"),
        title: "Cortex-M4: instructions",
        about: format!(
            "{} random instructions of ARMv7E-M with FPv4-SP, IT blocks and branches among them, were executed by {ENGINE} and \
             by Unicorn {} (a Cortex-M4), both by its fast path and cut into small runs. Registers, flags, FPSCR and memory \
             were compared after each of {} programs, from {STARTS} states each: no difference. Seed `{seed:016x}`.",
            report::grouped(done),
            unicorn::VERSION,
            report::grouped(programs),
        ),
        columns: ["class of encodings", "generated"],
        rows: &rows,
        left_out: &report::ARM_LEFT_OUT,
    })
}

/// The length of a comparison.
pub(crate) struct Length {
    usual: u64,
    most: u64,
    until: Option<Instant>,
}

impl Length {
    /// The goal for a test that usually takes this many instructions.
    pub(crate) fn of(usual: u64) -> Result<Self, Failed> {
        let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>()).transpose();
        let most = usual * number("DRYDOCK_ORACLE_TIMES")?.unwrap_or(1);
        let seconds = number("DRYDOCK_ORACLE_SECONDS")?;
        Ok(Self {
            usual,
            most,
            until: seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds)),
        })
    }

    pub(crate) fn goes_on(&self, done: u64) -> bool {
        done < self.usual || done < self.most && self.until.is_none_or(|until| Instant::now() < until)
    }

    /// Checks that every class was generated as often as requested.
    pub(crate) fn enough(&self, rows: &[(String, u64)], done: u64) -> Result<(), Failed> {
        let least = PER_CLASS * (done / self.usual);
        let rare: Vec<String> = rows
            .iter()
            .filter(|(_, count)| *count < least)
            .map(|(name, count)| format!("{name} ({count})"))
            .collect();
        match rare.is_empty() {
            true => Ok(()),
            false => Err(format!("these classes came up less than {least} times: {}", rare.join(", ")).into()),
        }
    }
}

impl std::fmt::Display for Length {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.until {
            None => write!(f, "{} instructions", self.most),
            Some(_) => write!(f, "{} to {} instructions", self.usual, self.most),
        }
    }
}

/// Finds the first item after which the two sides differ (alone, if it differs alone), and describes it.
fn explain(
    library: &unicorn::Library,
    seed: u64,
    program: &Program,
    start: &State,
    cut: bool,
) -> Result<String, Failed> {
    let mut text = format!("seed {seed:016x}: the sides differ");
    let mut before = start.clone();
    for count in 1..=program.items.len() {
        let shorter = program.prefix(count);
        // Fresh sides: state of an earlier run must not hide the difference.
        let (mut ours, mut theirs) = (builtin::Builtin::new(), unicorn::Unicorn::open(library)?);
        ours.load(&shorter.bytes(), shorter.at);
        theirs.load(&shorter.bytes(), shorter.at)?;
        let our_end = ours.run(shorter.at, shorter.end(), start, cut);
        let their_end = match theirs.run(shorter.at, shorter.end(), start) {
            Ok(end) => end,
            Err(failed) => {
                describe(&mut text, &shorter, count, &before)?;
                writeln!(
                    text,
                    "  unicorn did not reach the end: {}",
                    failed.message().unwrap_or("?")
                )?;
                return Ok(text);
            }
        };
        match our_end {
            Ok((our_end, _)) if our_end == their_end => before = their_end,
            Ok((our_end, _)) => {
                describe(&mut text, &shorter, count, &before)?;
                difference(&mut text, &our_end, &their_end)?;
                return Ok(text);
            }
            Err(stop) => {
                describe(&mut text, &shorter, count, &before)?;
                writeln!(text, "  builtin did not reach the end: {stop}")?;
                return Ok(text);
            }
        }
    }
    text.push_str(" only in the whole run: state of one side leaked between programs");
    Ok(text)
}

fn describe(text: &mut String, program: &Program, count: usize, before: &State) -> Result<(), Failed> {
    let item: &Item = &program.items[count - 1];
    let halfwords: Vec<String> = item.code.iter().map(|half| format!("{half:04x}")).collect();
    let at = program.address_of(count - 1);
    writeln!(
        text,
        " after item {count}, class {}, at {at:#x}: {}",
        item.class,
        halfwords.join(" ")
    )?;
    let mut index = 0;
    while index < item.code.len() {
        let second = item.code.get(index + 1).copied().unwrap_or(0);
        let (name, bytes) = drydock_emulator::core::arm::disassemble(at + 2 * index as u32, item.code[index], second);
        writeln!(text, "    {name}")?;
        index += usize::from(bytes) / 2;
    }
    for (index, value) in before.r.iter().enumerate() {
        write!(text, "  r{index}={value:08x}")?;
    }
    writeln!(text, "  apsr={:08x}", before.apsr)?;
    for (index, value) in before.s.iter().enumerate() {
        write!(text, "  s{index}={value:08x}")?;
    }
    writeln!(text, "  fpscr={:08x}", before.fpscr)?;
    Ok(())
}

fn difference(text: &mut String, ours: &State, theirs: &State) -> Result<(), Failed> {
    for (index, (our, their)) in ours.r.iter().zip(&theirs.r).enumerate() {
        if our != their {
            writeln!(text, "  r{index}: builtin {our:08x}, unicorn {their:08x}")?;
        }
    }
    if ours.apsr != theirs.apsr {
        writeln!(text, "  apsr: builtin {:08x}, unicorn {:08x}", ours.apsr, theirs.apsr)?;
    }
    for (index, (our, their)) in ours.s.iter().zip(&theirs.s).enumerate() {
        if our != their {
            writeln!(text, "  s{index}: builtin {our:08x}, unicorn {their:08x}")?;
        }
    }
    if ours.fpscr != theirs.fpscr {
        writeln!(
            text,
            "  fpscr: builtin {:08x}, unicorn {:08x}",
            ours.fpscr, theirs.fpscr
        )?;
    }
    for (index, (our, their)) in ours
        .data
        .iter()
        .zip(&theirs.data)
        .enumerate()
        .filter(|(_, (a, b))| a != b)
        .take(8)
    {
        writeln!(
            text,
            "  byte at {:#x}: builtin {our:02x}, unicorn {their:02x}",
            DATA + index as u32
        )?;
    }
    Ok(())
}

pub(crate) fn seed() -> Result<u64, Failed> {
    use std::hash::{BuildHasher, Hasher};
    match std::env::var("DRYDOCK_ORACLE_SEED") {
        Ok(text) => Ok(u64::from_str_radix(&text, 16)?),
        Err(_) => Ok(std::collections::hash_map::RandomState::new().build_hasher().finish()),
    }
}
