//! Suites of the crate `embedded-test`: tests that a firmware file holds. Each test runs on a board of its own, from power-on,
//! so that none sees what another one left.

mod read;

use crate::{
    bench::{Bench, Cancel, parse_program},
    error::{Stop, TestError},
    kinds::Kinds,
    units::show_time,
};
use drydock_backtrace::DebugInfo;
use drydock_emulator::GuestFault;
use drydock_program::{Program, Stopped};
use std::{path::Path, sync::Arc, time::Duration};

/// A firmware file with tests, for a kind of board.
pub struct Suite {
    kind: String,
    program: Arc<Program>,
    tests: Vec<Test>,
}

/// Where the program stood when its test failed: registers and memory.
#[derive(Debug, Clone)]
pub struct Place(Stopped);

/// A test of a suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    /// Module and name.
    pub name: String,
    /// It runs only when it is asked for.
    pub is_ignored: bool,
    /// It passes if it panics.
    pub should_panic: bool,
    /// Longest time of the board that it may take.
    pub timeout: Duration,
    /// Where it begins.
    address: u32,
}

impl Test {
    /// The command line that makes the program run this test.
    pub fn command_line(&self) -> String {
        format!("run_addr {}", self.address)
    }
}

/// A file is no suite that can be run. The text is a sentence without its end.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoSuite {
    /// Another protocol.
    #[error(
        "its tests are of another version of embedded-test ({}); build them with embedded-test 0.7",
        .0.map_or_else(|| "none is named".to_owned(), |version| format!("protocol {version}"))
    )]
    Version(Option<u32>),
    /// The table of tests is damaged.
    #[error("its table of tests is damaged: {0}")]
    Damaged(String),
    /// There is no such board, or its file is broken.
    #[error("{0}")]
    Kind(String),
    /// The program does not fit the board. The text begins with the file.
    #[error("{0}")]
    Program(String),
}

/// How a test went.
#[derive(Debug, Clone)]
pub struct Ran {
    /// Why it failed, in a sentence without its end; `None` if it passed.
    pub failure: Option<String>,
    /// Where it failed.
    pub place: Option<Place>,
    /// The time of the board that it took.
    pub time: Duration,
}

impl Suite {
    /// The suite in a file, as [`Self::parse`] reads it; `None` also for a file that cannot be read, of which who loads it says
    /// what is wrong. Blocks.
    ///
    /// # Errors
    /// [`NoSuite`].
    pub fn read(path: &Path, kind: &str, kinds: &Kinds) -> Result<Option<Self>, NoSuite> {
        match drydock_program::read_file(path) {
            Ok(file) => Self::parse(file, &path.display().to_string(), kind, kinds),
            Err(_) => Ok(None),
        }
    }

    /// The suite that a firmware file holds, for one of the kinds of boards; `None` if the file has no tests.
    ///
    /// # Errors
    /// [`NoSuite`].
    pub fn parse(file: Vec<u8>, path: &str, kind: &str, kinds: &Kinds) -> Result<Option<Self>, NoSuite> {
        let Some(tests) = read::tests(&file)? else {
            return Ok(None);
        };
        let board = kinds.find(kind).map_err(|cause| NoSuite::Kind(cause.to_string()))?;
        let program = parse_program(file, path, None, &board).map_err(|cause| NoSuite::Program(cause.to_string()))?;
        Ok(Some(Self {
            kind: kind.to_owned(),
            program: Arc::new(program),
            tests,
        }))
    }

    /// Its tests, in the order of their names.
    pub fn tests(&self) -> &[Test] {
        &self.tests
    }

    /// Runs a test on a new board with a seed. `said` gets what the board says, as it comes, on any of its lines.
    ///
    /// # Errors
    /// The machine cannot be opened, or the run was cancelled.
    pub fn run(&self, test: &Test, seed: u64, cancel: &Cancel, mut said: impl FnMut(&str)) -> Result<Ran, TestError> {
        let bench = Bench::with_seed(seed).cancelled_by(cancel.clone());
        let board = bench
            .board(&self.kind)
            .arguments(test.command_line())
            .program(Arc::clone(&self.program), "FILE")?;
        let ended = bench.until(test.timeout, |state| {
            let board = &mut state.boards[board.index];
            if board.spoke {
                board.ports.values_mut().for_each(|port| said(&port.take()));
            }
            // What a handler hides is a failure all the same.
            if let Some(fault) = board.new_faults.iter().find(|fault| is_fatal(fault)) {
                return Some(Err(format!("the program failed: {fault}")));
            }
            board.stop.clone().map(Ok)
        })?;
        let time = bench.now();
        let failure = match (ended, test.should_panic) {
            (Some(Ok(Stop::Exit(0))), false) => None,
            (Some(Ok(Stop::Exit(0))), true) => Some("it did not panic, though it should".into()),
            (Some(Ok(Stop::Exit(_))), true) => None,
            (Some(Ok(Stop::Exit(code))), false) => Some(format!("it panicked or returned an error (code {code})")),
            (Some(Ok(stop)), _) => Some(stop.to_string()),
            (Some(Err(fault)), _) => Some(fault),
            (None, _) => Some(format!(
                "it did not end within {} of the board's time",
                show_time(test.timeout)
            )),
        };
        let place = failure.is_some().then(|| {
            let board = &mut bench.state().boards[board.index];
            Stopped::of(&mut *board.machine, &board.program.board).map(Place)
        });
        Ok(Ran {
            failure,
            place: place.flatten(),
            time,
        })
    }

    /// Who called whom where a test failed, a line for each function; nothing without debug information.
    pub fn backtrace(&self, place: &Place) -> Vec<String> {
        let Ok(debug_info) = DebugInfo::read(&self.program.file) else {
            return Vec::new();
        };
        let frames = place.0.backtrace(&debug_info);
        frames.iter().map(ToString::to_string).collect()
    }
}

/// Whether a program that meets the fault cannot have meant it: an exception, or a core that locked up. A refused access
/// that raises no exception goes on.
fn is_fatal(fault: &GuestFault) -> bool {
    matches!(fault, GuestFault::Exception { .. } | GuestFault::Lockup { .. })
}
