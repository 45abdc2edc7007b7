//! The same program in engines that are processes of their own.

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use std::sync::Arc;

use drydock_emulator::profile::Symbols;
use drydock_emulator::{Availability, Image, ResetKind, RunLimit, Seed, VirtualTime};

use crate::Run;

/// Virtual time of one slice: long enough that a query is cheap, short enough to detect the end.
const SLICE: VirtualTime = VirtualTime::from_ms(100);
/// Time limit of a run.
const PATIENCE: Duration = Duration::from_secs(120);

/// QEMU's version, and how long its process took from start to end.
pub(crate) fn qemu(command: &[&str], elf: &Path) -> Result<(String, Duration), Box<dyn Error>> {
    let (program, arguments) = command.split_first().ok_or("no program")?;
    let said = Command::new(program)
        .arg("--version")
        .output()
        .map_err(|_| format!("{program} is not installed"))?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let version = said.split_whitespace().nth(3).unwrap_or("?").to_owned();
    let start = Instant::now();
    let status = Command::new(program)
        .args(arguments)
        .args(["-nographic", "-monitor", "none", "-serial", "none", "-kernel"])
        .arg(elf)
        .stdin(Stdio::null())
        .status()?;
    match status.success() {
        true => Ok((version, start.elapsed())),
        false => Err(format!("{program} ended with {status}").into()),
    }
}

/// Preparation of a machine before it runs.
pub(crate) enum Before {
    /// Lines in the engine's own language.
    Lines(&'static [&'static str]),
    /// A profile is started, and discarded unless it is kept.
    Profile { kept: bool },
}

/// An engine's version, and a run on its nRF52840 up to the loop at `hang`, as any user of the engine would do it.
pub(crate) fn through(engine: &str, before: &Before, image: &Image) -> Result<(String, Run), Box<dyn Error>> {
    let engines = drydock_emulator::engines();
    let engine = engines
        .iter()
        .find(|known| known.name() == engine)
        .ok_or("no such engine")?;
    let version = match engine.availability() {
        Availability::Available { version } => version,
        Availability::Unavailable { reason } => return Err(format!("not installed: {reason}").into()),
    };
    let board = drydock_assets::board("nano33ble").ok_or("no such board")?;
    let mut machine = engine.open(&board, Seed([1; 32]))?;
    if let Before::Lines(lines) = before {
        for line in *lines {
            machine.monitor().ok_or("it has no command language")?.execute(line)?;
        }
    }
    machine.load(image)?;
    machine.reset(ResetKind::PowerOn)?;
    // A core that loading has reset takes both from the vector table; for other cores they are set here.
    let word = |at: usize| -> Option<u32> {
        let vectors = image.segments.iter().find(|segment| segment.addr == 0)?;
        Some(u32::from_le_bytes(vectors.bytes.get(at..at + 4)?.try_into().ok()?))
    };
    let (stack, entry) = (word(0).ok_or("no vectors")?, word(4).ok_or("no vectors")?);
    machine.write_register("sp", stack.into())?;
    machine.write_register("pc", u64::from(entry & !1))?;
    if let Before::Profile { kept } = before {
        let symbols = Arc::new(Symbols::of(image)?);
        machine.profiler().ok_or("it cannot profile")?.start(symbols, None);
        if !kept {
            machine.run(RunLimit::until(machine.now() + VirtualTime::from_ms(1)))?;
            machine.profiler().ok_or("it cannot profile")?.stop();
        }
    }
    let (hang, result) = (
        image.symbol("hang").ok_or("no symbol hang")?,
        image.symbol("g_result").ok_or("no symbol g_result")?,
    );
    let start = Instant::now();
    while machine.read_register("pc")? as u32 & !1 != hang & !1 {
        if start.elapsed() > PATIENCE {
            return Err(format!("{} did not end in {} s", engine.name(), PATIENCE.as_secs()).into());
        }
        let until = machine.now() + SLICE;
        machine.run(RunLimit::until(until))?;
    }
    let took = start.elapsed();
    let mut word = [0; 4];
    machine.read_memory(result, &mut word)?;
    let run = Run {
        instructions: machine.instructions(),
        took,
        result: u32::from_le_bytes(word),
    };
    Ok((version, run))
}
