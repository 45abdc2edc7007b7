//! A suite of 20 scenarios against its own execution time: the same boards, opened and run to the same instants without a
//! bench. Prints JSON lines for `./x bench`.

use drydock_emulator::{Engine, ResetKind, RunLimit, Seed, VirtualTime, builtin::engine::Builtin};
use drydock_program::Program;
use drydock_test::{
    Cancel,
    scenario::{Run, Scenario},
};
use std::{
    error::Error,
    fs,
    path::Path,
    time::{Duration, Instant},
};

/// A program of the emulator's tests, its machine code, and steps for it.
const PROGRAMS: [(&str, &str, &str); 3] = [
    (
        "count",
        include_str!("../../emulator/tests/guests/count.hex"),
        "[[step]]\nwait = \"2 s\"\n",
    ),
    (
        "echo",
        include_str!("../../emulator/tests/guests/echo.hex"),
        "[[step]]\nwait = \"1 ms\"\n[[step]]\nsend = \"HAL\"\n[[step]]\nexpect = \"IBM\"\nwithin = \"1 ms\"\n\
         [[step]]\nabsent = \"x\"\nduring = \"2 s\"\n",
    ),
    (
        "blink",
        include_str!("../../emulator/tests/guests/blink.hex"),
        "[[step]]\npin = \"LED\"\nfrequency = \"5 Hz\"\nover = \"2 s\"\n",
    ),
];
const TESTS: usize = 20;
/// Of this many runs the shortest counts.
const RUNS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    for (name, hex, steps) in PROGRAMS {
        let bytes = hex.split_ascii_whitespace().map(|byte| u8::from_str_radix(byte, 16));
        fs::write(
            folder.path().join(format!("{name}.bin")),
            bytes.collect::<Result<Vec<_>, _>>()?,
        )?;
        let text = format!("[[board]]\nkind = \"nano33ble\"\nfirmware = \"{name}.bin\"\n{steps}");
        fs::write(folder.path().join(format!("{name}.toml")), text)?;
    }
    // Two of three tests keep the core busy or the line; a program that always sleeps costs next to nothing alone.
    let suite: Vec<&str> = (0..TESTS)
        .map(|test| ["count", "count", "echo", "blink"][test % 4])
        .collect();
    let with = shortest(|| run_suite(folder.path(), &suite))?;
    let without = shortest(|| run_alone(folder.path(), &suite))?;
    row(
        "a suite of 20 tests against its own execution time",
        with.as_secs_f64() / without.as_secs_f64(),
        "x",
        Some("<= 1.5"),
    );
    row(
        "the suite of 20 tests, 40 s of virtual time",
        with.as_secs_f64() * 1e3,
        "ms",
        None,
    );
    for (name, ..) in PROGRAMS {
        let (with, without) = (
            shortest(|| run_suite(folder.path(), &[name; 4]))?,
            shortest(|| run_alone(folder.path(), &[name; 4]))?,
        );
        let more = with.saturating_sub(without).as_secs_f64() * 1e3 / 4.0;
        row(
            &format!("what a test of 2 s of virtual time costs beside its execution: {name}"),
            more,
            "ms",
            None,
        );
    }
    Ok(())
}

fn row(what: &str, value: f64, unit: &str, goal: Option<&str>) {
    let goal = goal.map_or_else(|| "null".into(), |goal| format!("{goal:?}"));
    println!("{{\"what\": {what:?}, \"value\": {value:.3}, \"unit\": {unit:?}, \"goal\": {goal}}}");
}

fn shortest(mut run: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<Duration, Box<dyn Error>> {
    let runs = if std::env::args().any(|argument| argument == "--quick") {
        1
    } else {
        RUNS
    };
    let mut shortest = Duration::MAX;
    for _ in 0..runs {
        let begin = Instant::now();
        run()?;
        shortest = shortest.min(begin.elapsed());
    }
    Ok(shortest)
}

/// As `drydock test` does: each file is read, and run.
fn run_suite(folder: &Path, suite: &[&str]) -> Result<(), Box<dyn Error>> {
    for name in suite {
        let outcome = Scenario::load(&folder.join(format!("{name}.toml")))?.run(Run {
            seed: 0,
            cancel: Cancel::default(),
            keep: None,
            progress: &mut |_| {},
        });
        if let Some(failure) = outcome.failure {
            return Err(failure.error.into());
        }
    }
    Ok(())
}

/// The same machines for the same time in one run each; the echo has nothing to do.
fn run_alone(folder: &Path, suite: &[&str]) -> Result<(), Box<dyn Error>> {
    let nano = drydock_assets::board("nano33ble").ok_or("there is no Nano")?;
    for name in suite {
        let program = Program::parse(fs::read(folder.join(format!("{name}.bin")))?, None, &nano)?;
        let mut machine = Builtin.open(&program.board, Seed([0; 32]))?;
        machine.load(&program.image)?;
        machine.reset(ResetKind::PowerOn)?;
        machine.run(RunLimit::until(VirtualTime::from_seconds(2)))?;
    }
    Ok(())
}
