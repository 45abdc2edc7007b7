//! Runs a scenario with one seed.

use super::{Action, Scenario, Step, WireEnds};
use crate::{
    bench::{Bench, Cancel, Wire},
    board::{Board, Console},
    error::{Cause, TestError},
    ether::Ether,
};
use drydock_program::Program;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// A scenario with the programs of its boards.
#[derive(Debug, Clone)]
pub struct Loaded {
    scenario: Scenario,
    /// One for each board. Runs share them, and what the engine decoded of them.
    programs: Vec<Arc<Program>>,
    /// What paths in the file are relative to.
    folder: PathBuf,
}

/// How a scenario is run.
pub struct Run<'a> {
    /// The seed of the run.
    pub seed: u64,
    /// Cancels it.
    pub cancel: Cancel,
    /// The folder for what a failure leaves; it is made only then. `None` keeps nothing.
    pub keep: Option<&'a Path>,
    /// Is told before each step.
    pub progress: &'a mut dyn FnMut(Progress<'_>),
}

/// A step is about to begin.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// Virtual time.
    pub at: Duration,
    /// The step.
    pub step: &'a Step,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Virtual time at the end.
    pub virtual_time: Duration,
    /// Steps that were done.
    pub steps: usize,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// Line of the step in the file; `None` before the first step.
    pub line: Option<usize>,
    /// The step in words.
    pub step: Option<String>,
    /// What happened.
    pub error: TestError,
    /// The files that were left.
    pub kept: Vec<PathBuf>,
    /// Why nothing was left, if that failed.
    pub not_kept: Option<TestError>,
}

impl Loaded {
    pub(super) fn new(scenario: Scenario, programs: Vec<Arc<Program>>, folder: &Path) -> Self {
        Self {
            scenario,
            programs,
            folder: folder.to_owned(),
        }
    }

    /// The scenario.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// Runs it once.
    pub fn run(&self, mut run: Run<'_>) -> Outcome {
        let bench = Bench::with_seed(run.seed).cancelled_by(run.cancel.clone());
        let mut steps = 0;
        let ran = catch_unwind(AssertUnwindSafe(|| self.steps(&bench, &mut steps, &mut run)));
        let failed = match ran {
            Ok(done) => done.err(),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                let cause = Cause::Machine(format!("the emulator panicked: {}", text.unwrap_or_default()));
                Some(bench.state().error(None, cause))
            }
        };
        let virtual_time = bench.now();
        let failure = failed.map(|error| self.failure(&bench, &run, steps, error));
        Outcome {
            virtual_time,
            steps,
            failure,
        }
    }

    fn failure(&self, bench: &Bench, run: &Run<'_>, steps: usize, error: TestError) -> Failure {
        let step = self.scenario.steps.get(steps);
        // Who cancels does not look into it.
        let folder = run.keep.filter(|_| *error.cause() != Cause::Cancelled);
        let why = match step {
            Some(step) => format!("Line {}: {}.\n{error}", step.line, step.text),
            None => error.to_string(),
        };
        let (kept, not_kept) = match folder.map(|folder| bench.keep(folder, &why)) {
            None => (Vec::new(), None),
            Some(Ok(files)) => (files, None),
            Some(Err(error)) => (Vec::new(), Some(error)),
        };
        Failure {
            line: step.map(|step| step.line),
            step: step.map(|step| step.text.clone()),
            error,
            kept,
            not_kept,
        }
    }

    fn steps(&self, bench: &Bench, steps: &mut usize, run: &mut Run<'_>) -> Result<(), TestError> {
        let mut boards = Vec::new();
        for (spec, program) in self.scenario.boards.iter().zip(&self.programs) {
            let mut board = bench.board(&spec.kind.name).named(&spec.name);
            if let Some(seed) = spec.seed {
                board = board.seed(seed);
            }
            for part in &spec.parts {
                board = board.part(part.in_folder(&self.folder));
            }
            boards.push(board.program(program.clone(), &self.folder.join(&spec.firmware).display().to_string())?);
        }
        let mut on_bench = OnBench {
            bench,
            boards,
            wires: Vec::new(),
            ethers: Vec::new(),
        };
        on_bench.connect(&self.scenario)?;
        for step in &self.scenario.steps {
            let at = bench.now();
            (run.progress)(Progress { at, step });
            bench.state().note(format!("line {}: {}", step.line, step.text));
            on_bench.perform(&step.action)?;
            *steps += 1;
        }
        Ok(())
    }
}

/// The boards and wires of a scenario on a bench.
struct OnBench<'a> {
    bench: &'a Bench,
    boards: Vec<Board>,
    /// By their numbers in the file; wires between pins are `None`.
    wires: Vec<Option<Wire>>,
    ethers: Vec<Ether>,
}

impl OnBench<'_> {
    fn connect(&mut self, scenario: &Scenario) -> Result<(), TestError> {
        for wire in &scenario.wires {
            let made = match &wire.ends {
                WireEnds::Uarts([one, other]) => {
                    let end = |(board, uart): (usize, u8)| (&self.boards[board], uart);
                    Some(self.bench.wire_uarts(end(*one), end(*other))?)
                }
                WireEnds::Pins([(from, from_pin), (to, to_pin)]) => {
                    let (from, to) = (&self.boards[*from], &self.boards[*to]);
                    self.bench.wire_pins((from, from_pin), (to, to_pin))?;
                    None
                }
            };
            self.wires.push(made);
        }
        for spec in &scenario.ethers {
            let ether = self.bench.ether();
            if spec.loss > 0.0 {
                ether.set_loss(spec.loss);
            }
            ether.set_attenuation(spec.attenuation_db);
            for board in &spec.boards {
                ether.join(&self.boards[*board])?;
            }
            self.ethers.push(ether);
        }
        Ok(())
    }

    fn console(&self, board: usize, port: Option<u8>) -> Console {
        let board = &self.boards[board];
        port.map_or_else(|| board.console(), |port| board.uart(port))
    }

    fn perform(&self, action: &Action) -> Result<(), TestError> {
        match action {
            Action::Expect {
                board,
                port,
                pattern,
                within,
            } => self.console(*board, *port).expect(pattern.clone(), *within).map(|_| ()),
            Action::Absent {
                board,
                port,
                pattern,
                during,
            } => self.console(*board, *port).expect_none(pattern.clone(), *during),
            Action::Send { board, port, bytes } => self.console(*board, *port).send(bytes),
            Action::Wait(time) => self.bench.run(*time),
            Action::Level {
                board,
                pin,
                level,
                within,
            } => self.boards[*board].pin(pin)?.expect(*level, *within).map(|_| ()),
            Action::Frequency {
                board,
                pin,
                hz,
                tolerance,
                over,
            } => {
                let pin = self.boards[*board].pin(pin)?;
                pin.expect_frequency(*hz, *tolerance, *over).map(|_| ())
            }
            Action::Drive { board, pin, level } => self.boards[*board].pin(pin)?.drive(*level),
            Action::Press { board, button, during } => {
                let board = &self.boards[*board];
                board.press(button)?;
                match during {
                    Some(time) => {
                        self.bench.run(*time)?;
                        board.release(button)
                    }
                    None => Ok(()),
                }
            }
            Action::Release { board, button } => self.boards[*board].release(button),
            Action::PowerCut { board, during } => {
                self.boards[*board].power_cut(*during);
                Ok(())
            }
            Action::Reset { board } => {
                self.boards[*board].reset();
                Ok(())
            }
            Action::Noise { wire, rate } => match &self.wires[*wire] {
                Some(wire) => self.bench.noise(wire, *rate),
                None => Ok(()),
            },
            Action::Frame {
                ether,
                pattern,
                from,
                within,
            } => {
                let from = from.map(|board| &self.boards[board]);
                self.ethers[*ether].expect(pattern, from, *within).map(|_| ())
            }
            Action::Inject { ether, content, dbm } => self.ethers[*ether].inject(content, *dbm),
            Action::Loss { ether, share } => {
                self.ethers[*ether].set_loss(*share);
                Ok(())
            }
            Action::SetPart {
                board,
                part,
                property,
                value,
            } => self.boards[*board].part(part)?.set(property, *value),
            Action::PartValue {
                board,
                part,
                property,
                wanted,
                within,
            } => {
                let part = self.boards[*board].part(part)?;
                part.expect(property, *wanted, *within).map(|_| ())
            }
            Action::Play { board, file, table } => match table {
                Some(table) => self.boards[*board].play_table(table, &file.display().to_string()),
                // Only a scenario that was loaded runs.
                None => Ok(()),
            },
            Action::LoadPart {
                board, part, content, ..
            } => match content {
                Some(content) => self.boards[*board].part(part)?.load(content),
                // As above.
                None => Ok(()),
            },
            Action::SavePart { board, part, file } => self.boards[*board].part(part)?.save(file),
            Action::PartFault { board, part, fault } => {
                let part = self.boards[*board].part(part)?;
                match fault {
                    Some(fault) => part.fail(*fault),
                    None => part.mend(),
                }
            }
            Action::Exit { board, code, within } => self.boards[*board].expect_exit(*code, *within).map(|_| ()),
        }
    }
}
