//! The RISC-V half: random RV32IMAC and Zicsr programs on the builtin core and on Unicorn's SiFive E31. Seed and
//! length are set as for Arm.

mod builtin;
mod generate;
mod unicorn;

use std::fmt::Write as _;

use libtest_mimic::Failed;

use crate::random::Random;
use crate::{ENGINE, Length, STARTS, report};
use generate::{Classes, Program};

/// Where programs and data live on both sides.
const CODE: u32 = 0x0001_0000;
const CODE_BYTES: u32 = 0x8_0000;
const DATA: u32 = 0x2000_0000;
const DATA_BYTES: u32 = 0x4000;

/// Instructions checked in a test run.
const INSTRUCTIONS: u64 = 1_500_000;

/// The start and end state of both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    /// x0–x31.
    x: [u32; 32],
    /// The data window.
    data: Vec<u8>,
}

pub(crate) fn agree(library: &crate::unicorn::Library) -> Result<(), Failed> {
    let seed = crate::seed()?;
    let length = Length::of(INSTRUCTIONS)?;
    println!("oracle (RISC-V): seed {seed:016x}, {length}");
    let mut random = Random::new(seed);
    let mut ours = builtin::Builtin::new();
    let mut theirs = unicorn::Unicorn::open(library)?;
    let mut state = State {
        x: [0; 32],
        data: vec![0; DATA_BYTES as usize],
    };
    random.fill(&mut state.data);

    let (mut done, mut programs) = (0, 0);
    let mut classes = Classes::default();
    let mut at = CODE;
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
            let their_end = theirs.run(at, end, &state)?;
            let executed = our_end.as_ref().map_or(0, |(_, executed)| *executed);
            if our_end.map(|(state, _)| state).as_ref() != Ok(&their_end) {
                return Err(explain(library, seed, &program, &state, cut)?.into());
            }
            done += executed;
            state = their_end;
        }
        programs += 1;
        at = (at + program.bytes().len() as u32 + 319) & !255;
        // Blocks may begin on either half of a word.
        at += 2 * random.below(2);
        if at + 0x1000 > CODE + CODE_BYTES {
            at = CODE;
            theirs.flush()?;
        }
    }
    let rows: Vec<(String, u64)> = classes.counts().map(|(name, count)| (name.to_owned(), count)).collect();
    length.enough(&rows, done)?;
    println!("oracle (RISC-V): {done} instructions in {} classes agree", rows.len());
    report::write(&report::Page {
        name: &report::name("riscv"),
        title: "RV32IMAC: instructions",
        about: format!(
            "{} random instructions of RV32IMAC, Zicsr and Zifencei were executed by {ENGINE} and by Unicorn {} (a SiFive E31), \
             both by its fast path and cut into small runs. Registers and memory were compared after each of {} programs, from \
             {STARTS} states each: no difference. Seed `{seed:016x}`.",
            report::grouped(done),
            crate::unicorn::VERSION,
            report::grouped(programs),
        ),
        columns: ["class of encodings", "generated"],
        rows: &rows,
        left_out: &report::RISCV_LEFT_OUT,
    })
}

/// All classes of encodings.
pub(crate) fn classes() -> impl Iterator<Item = &'static str> {
    let all: Vec<&'static str> = Classes::default().counts().map(|(name, _)| name).collect();
    all.into_iter()
}

/// Finds the first item after which the two sides differ, and describes it.
fn explain(
    library: &crate::unicorn::Library,
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
        let their_end = theirs.run(shorter.at, shorter.end(), start)?;
        let our_end = match our_end {
            Ok((our_end, _)) if our_end == their_end => {
                before = their_end;
                continue;
            }
            Ok((our_end, _)) => our_end,
            Err(stop) => {
                describe(&mut text, &shorter, count, &before)?;
                writeln!(text, "  builtin did not reach the end: {stop}")?;
                return Ok(text);
            }
        };
        describe(&mut text, &shorter, count, &before)?;
        for (index, (our, their)) in our_end.x.iter().zip(&their_end.x).enumerate() {
            if our != their {
                writeln!(text, "  x{index}: builtin {our:08x}, unicorn {their:08x}")?;
            }
        }
        let bytes = our_end.data.iter().zip(&their_end.data).enumerate();
        for (index, (our, their)) in bytes.filter(|(_, (our, their))| our != their).take(8) {
            let addr = DATA + index as u32;
            writeln!(text, "  byte at {addr:#x}: builtin {our:02x}, unicorn {their:02x}")?;
        }
        return Ok(text);
    }
    text.push_str(" only in the whole run: state of one side leaked between programs");
    Ok(text)
}

fn describe(text: &mut String, program: &Program, count: usize, before: &State) -> Result<(), Failed> {
    let item = &program.items[count - 1];
    let at = program.address_of(count - 1);
    writeln!(text, " after item {count}, class {}, at {at:#x}:", item.class)?;
    let mut index = 0;
    while index < item.code.len() {
        let second = item.code.get(index + 1).copied().unwrap_or(0);
        let addr = at + 2 * index as u32;
        let (name, bytes) = drydock_emulator::core::riscv::disassemble(addr, item.code[index], second);
        writeln!(text, "    {name}")?;
        index += usize::from(bytes) / 2;
    }
    for (index, value) in before.x.iter().enumerate() {
        write!(text, "  x{index}={value:08x}")?;
    }
    writeln!(text)?;
    Ok(())
}
