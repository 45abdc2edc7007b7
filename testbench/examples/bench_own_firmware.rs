//! Programs of the user's own: from the command to the first byte, from a rebuild to its answer, a suite against its own
//! execution time and against QEMU, and what parts and the reading of logs cost. Prints JSON lines for `./x bench`, and
//! runs the release build of `drydock` beside it.

use drydock_assets::{PartChoice, part_kinds};
use drydock_emulator::{Engine, ResetKind, RunLimit, Seed, VirtualTime, builtin::engine::Builtin};
use drydock_program::Program;
use drydock_test::{
    Kinds,
    suite::{Suite, Test},
};
use std::{
    error::Error,
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

type Done<T = ()> = Result<T, Box<dyn Error>>;

/// Programs of the emulator's tests: one answers each byte with its successor, one computes and writes to a display.
const ECHO: &str = include_str!("../../emulator/tests/guests/echo.hex");
const REFRESH: &str = include_str!("../../emulator/tests/guests/refresh.hex");
/// The word that makes it write to the display, and its count of rounds.
const WRITES: u32 = 0x2000_0000;
const ROUNDS: u32 = 0x2000_0008;
/// Virtual time of a run of it.
const RUN_MS: u64 = 2_000;
/// QEMU's machine with a Cortex-M4, RAM at 0x20000000 and flash that is also at 0: what the suite needs.
const QEMU_MACHINE: &str = "netduinoplus2";
const QEMU: &str = "qemu-system-arm";

fn main() -> Done {
    let runs = match std::env::args().nth(1).as_deref() {
        None => 7,
        Some("--quick") => 2,
        Some(other) => return Err(format!("unknown argument {other}").into()),
    };
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("echo.bin");
    fs::write(&file, bytes(ECHO)?)?;
    first_byte(&file, runs)?;
    reload(&file, runs)?;
    parts(runs)?;
    suite(runs)
}

/// The program that a user runs.
fn drydock() -> Done<PathBuf> {
    let this = std::env::current_exe()?;
    let release = this.ancestors().nth(2).ok_or("the bench is in a folder")?;
    Ok(release.join("drydock"))
}

/// `drydock emulate --firmware`, with what it says as JSON.
struct Session {
    child: Child,
    typed: ChildStdin,
    said: BufReader<ChildStdout>,
}

impl Session {
    fn start(file: &Path, more: &[&str]) -> Done<Self> {
        let mut child = Command::new(drydock()?)
            .args(["emulate", "--board", "nano33ble", "--json"])
            .args(more)
            .arg("--firmware")
            .arg(file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let typed = child.stdin.take().ok_or("it has an input")?;
        let said = child.stdout.take().ok_or("it has an output")?;
        Ok(Self {
            child,
            typed,
            said: BufReader::new(said),
        })
    }

    fn type_line(&mut self) -> Done {
        Ok(self.typed.write_all(b"HAL\n")?)
    }

    /// Waits for a line with this word.
    fn until(&mut self, word: &str) -> Done {
        let mut line = String::new();
        while !line.contains(word) {
            line.clear();
            if self.said.read_line(&mut line)? == 0 {
                return Err(format!("drydock ended without {word}").into());
            }
        }
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn first_byte(file: &Path, runs: usize) -> Done {
    let times = (0..runs).map(|_| {
        let begin = Instant::now();
        let mut session = Session::start(file, &[])?;
        session.type_line()?;
        session.until("console.data")?;
        Ok(begin.elapsed())
    });
    let time = median(times.collect::<Done<_>>()?);
    row(
        "`drydock emulate --firmware` to the first byte of its UART",
        ms(time),
        "ms",
        Some("<= 100"),
    );
    Ok(())
}

fn reload(file: &Path, runs: usize) -> Done {
    let mut session = Session::start(file, &["--watch"])?;
    session.type_line()?;
    session.until("console.data")?;
    let mut program = fs::read(file)?;
    let mut times = Vec::new();
    for _ in 0..runs {
        // Another length each time, as a rebuild has.
        program.extend([0xff; 4]);
        let begin = Instant::now();
        fs::write(file, &program)?;
        session.until("\"board\"")?;
        session.type_line()?;
        session.until("console.data")?;
        times.push(begin.elapsed());
    }
    row(
        "a rebuilt file to the first byte of its UART",
        ms(median(times)),
        "ms",
        Some("<= 1000"),
    );
    Ok(())
}

/// Host time of a run of the computing program: with the display on the bus, writing to it, and with its logs collected.
fn parts(runs: usize) -> Done {
    let run = |display: bool, writes: bool, logs: bool| -> Done<f64> {
        let mut board = drydock_assets::board("nano33ble").ok_or("there is no Nano")?;
        if display {
            let choice = PartChoice {
                kind: "ssd1306".into(),
                ..PartChoice::default()
            };
            board
                .add_part(&choice, part_kinds())
                .map_err(|problems| problems.join("; "))?;
        }
        let program = Program::parse(bytes(REFRESH)?, None, &board)?;
        let mut best = f64::MAX;
        for _ in 0..runs {
            let mut machine = Builtin.open(&program.board, Seed([0; 32]))?;
            machine.load(&program.image)?;
            if logs {
                machine.collect_logs();
            }
            machine.reset(ResetKind::PowerOn)?;
            machine.write_memory(WRITES, &u32::from(writes).to_le_bytes())?;
            let begin = Instant::now();
            machine.run(RunLimit::until(VirtualTime::from_ms(RUN_MS)))?;
            let time = begin.elapsed().as_secs_f64();
            let mut rounds = [0; 4];
            machine.read_memory(ROUNDS, &mut rounds)?;
            // Host time for a round: waiting for the display takes rounds from the program, not from the host.
            best = best.min(time / f64::from(u32::from_le_bytes(rounds).max(1)));
        }
        Ok(best)
    };
    let alone = run(false, false, false)?;
    row(
        "an SSD1306 on the bus that is not used, per unit of computing",
        run(true, false, false)? / alone,
        "x",
        Some("<= 1.02"),
    );
    row(
        "an SSD1306 that is written to without a pause at 400 kHz",
        run(true, true, false)? / alone,
        "x",
        Some("<= 1.10"),
    );
    row(
        "logs collected of a program that writes none",
        run(false, false, true)? / alone,
        "x",
        Some("<= 1.02"),
    );
    Ok(())
}

/// Twenty tests of 5.5 million instructions.
fn suite(runs: usize) -> Done {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guest");
    let output = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp/guests");
    let what = "a suite of 20 tests against its own execution time";
    let built = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(folder)
        .args([
            "test",
            "--release",
            "--locked",
            "--quiet",
            "--no-run",
            "--test",
            "twenty",
        ])
        .args(["--message-format", "json", "--target-dir"])
        .arg(output)
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .stderr(Stdio::null())
        .output()?;
    let built = String::from_utf8(built.stdout)?;
    let Some(elf) = built.lines().find_map(executable) else {
        skipped(what, "its target thumbv7em-none-eabi is not installed");
        return Ok(());
    };
    let file = fs::read(&elf)?;
    let suite = Suite::parse(file.clone(), "the suite", "nano33ble", &Kinds::default())?;
    let suite = suite.ok_or("the program is a suite")?;
    let ours = shortest(runs, || {
        let mut command = Command::new(drydock()?);
        command.args(["emulate", "--board", "nano33ble", "--until", "exit", "--firmware", &elf]);
        succeeds(command.args(["--", "--test-threads", "1"]))
    })?;
    let own = shortest(runs, || alone(&file, suite.tests()))?;
    row(what, ours.as_secs_f64() / own.as_secs_f64(), "x", Some("<= 1.5"));
    row("the suite of 20 tests, one after the other", ms(ours), "ms", None);
    let what = "the same suite against QEMU, a process for each test";
    if Command::new(QEMU)
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        skipped(what, "qemu-system-arm is not installed");
        return Ok(());
    }
    let qemu = shortest(runs, || {
        for test in suite.tests() {
            let mut command = Command::new(QEMU);
            command.args([
                "-M",
                QEMU_MACHINE,
                "-nographic",
                "-monitor",
                "none",
                "-serial",
                "none",
                "-semihosting-config",
            ]);
            command.arg(format!("enable=on,target=native,arg={}", test.command_line()));
            succeeds(command.args(["-kernel", &elf]))?;
        }
        Ok(())
    })?;
    row(what, ours.as_secs_f64() / qemu.as_secs_f64(), "x", None);
    Ok(())
}

/// The path of an executable in a line of cargo's.
fn executable(line: &str) -> Option<String> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    message["executable"].as_str().map(ToOwned::to_owned)
}

/// The tests on machines without anything around them.
fn alone(file: &[u8], tests: &[Test]) -> Done {
    let nano = drydock_assets::board("nano33ble").ok_or("there is no Nano")?;
    let program = Program::parse(file.to_vec(), None, &nano)?;
    for test in tests {
        let mut machine = Builtin.open(&program.board, Seed([0; 32]))?;
        machine.load(&program.image)?;
        machine.set_command_line(&test.command_line());
        machine.reset(ResetKind::PowerOn)?;
        machine.run(RunLimit::until(VirtualTime::from_seconds(60)))?;
    }
    Ok(())
}

fn succeeds(command: &mut Command) -> Done {
    let output = command.stdin(Stdio::null()).output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}

fn shortest(runs: usize, mut run: impl FnMut() -> Done) -> Done<Duration> {
    let mut shortest = Duration::MAX;
    for _ in 0..runs {
        let begin = Instant::now();
        run()?;
        shortest = shortest.min(begin.elapsed());
    }
    Ok(shortest)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn bytes(hex: &str) -> Done<Vec<u8>> {
    let bytes = hex.split_ascii_whitespace().map(|byte| u8::from_str_radix(byte, 16));
    Ok(bytes.collect::<Result<_, _>>()?)
}

fn row(what: &str, value: f64, unit: &str, goal: Option<&str>) {
    let goal = goal.map_or_else(|| "null".into(), |goal| format!("{goal:?}"));
    println!("{{\"what\": {what:?}, \"value\": {value:.3}, \"unit\": {unit:?}, \"goal\": {goal}}}");
}

fn skipped(what: &str, why: &str) {
    println!("{{\"what\": {what:?}, \"skipped\": {why:?}}}");
}
