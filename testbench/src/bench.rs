//! The bench: boards and wires that advance together in virtual time, on the thread that asks for it.
//!
//! Time passes in quanta. In each, every board runs to the end of the quantum; what it sent into a wire arrives at the
//! beginning of the next one. The host's clock is read nowhere, so that a test gives the same result each time.

use crate::{
    board::Board,
    error::{Cause, TestError},
    ether::{EtherState, turn},
    kinds::Kinds,
    machine::BoardState,
    report::Note,
    wire::{PinEnd, PinWire, UartEnd, UartWire, rates_fit},
};
use drydock_assets::{Board as Description, PartChoice};
use drydock_emulator::{Seed, VirtualTime};
use drydock_program::Program;
use sha2::{Digest, Sha256};
use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// What all boards run before the next one begins: the delay of a wire.
pub const QUANTUM: Duration = Duration::from_micros(100);
/// Lines of a console in an error.
const LINES_IN_ERROR: usize = 10;
/// Notes that are kept for the report.
const NOTES: usize = 256;

/// Boards on a bench, which advance together in virtual time. Clones are the same bench.
#[derive(Clone)]
pub struct Bench {
    shared: Arc<Mutex<State>>,
    cancel: Cancel,
}

/// Cancels the waits of a bench from another thread.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Every wait from now on ends with [`Cause::Cancelled`].
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A UART wire of a bench.
#[derive(Clone, Debug)]
pub struct Wire {
    index: usize,
}

impl Default for Bench {
    fn default() -> Self {
        Self::new()
    }
}

impl Bench {
    /// An empty bench whose boards have the seed 0.
    pub fn new() -> Self {
        Self::with_seed(0)
    }

    /// An empty bench. The randomness of its boards (random numbers, unique ids) and of noise comes from `seed`.
    pub fn with_seed(seed: u64) -> Self {
        Self {
            shared: Arc::new(Mutex::new(State {
                seed,
                now: VirtualTime::ZERO,
                boards: Vec::new(),
                uart_wires: Vec::new(),
                pin_wires: Vec::new(),
                ethers: Vec::new(),
                notes: VecDeque::new(),
            })),
            cancel: Cancel::default(),
        }
    }

    /// A new board of a kind, such as `nano33ble`. It starts once it has its firmware.
    pub fn board(&self, kind: impl Into<String>) -> NewBoard {
        NewBoard {
            bench: self.clone(),
            kind: kind.into(),
            name: None,
            seed: None,
            address: None,
            arguments: String::new(),
            parts: Vec::new(),
        }
    }

    /// Connects two UARTs, both directions. A byte needs up to [`QUANTUM`] more than its time on the line. UARTs whose rates
    /// differ by more than 5 % lose their bytes, where both models tell their rates: `stm32f4-discovery`, `esp32-c6`,
    /// `uno-r4-minima`.
    ///
    /// # Errors
    /// [`Cause::NoUart`].
    pub fn wire_uarts(&self, one: (&Board, u8), other: (&Board, u8)) -> Result<Wire, TestError> {
        one.0.check_uart(one.1)?;
        other.0.check_uart(other.1)?;
        let ends = [(one.0.index, one.1), (other.0.index, other.1)];
        let mut state = self.state();
        let index = state.uart_wires.len();
        let seed = state.derived("wire", &index.to_string(), None);
        state.uart_wires.push(UartWire::new(ends, seed));
        Ok(Wire { index })
    }

    /// Connects a pin to a pin: the level of the first one drives the second one, with up to [`QUANTUM`] of delay. Of several
    /// changes within a quantum only the last one arrives.
    ///
    /// # Errors
    /// [`Cause::NoPin`].
    pub fn wire_pins(&self, from: (&Board, &str), to: (&Board, &str)) -> Result<(), TestError> {
        let end = |(board, pin): (&Board, &str)| Ok((board.index, board.number(pin)?));
        let (from, to): (PinEnd, PinEnd) = (end(from)?, end(to)?);
        let driven = None;
        self.state().pin_wires.push(PinWire { from, to, driven });
        Ok(())
    }

    /// Damages a share of a wire's bytes from now on, from 0 to 1: one bit of each.
    ///
    /// # Errors
    /// [`Cause::NoWire`].
    pub fn noise(&self, wire: &Wire, rate: f64) -> Result<(), TestError> {
        let mut state = self.state();
        let Some(found) = state.uart_wires.get_mut(wire.index) else {
            return Err(state.error(None, Cause::NoWire));
        };
        found.set_noise(rate.clamp(0.0, 1.0));
        state.note(format!("noise on a wire: {} % of its bytes", rate * 100.0));
        Ok(())
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// [`Cause::Cancelled`]. A board that stops by itself is no error here.
    pub fn run(&self, span: Duration) -> Result<(), TestError> {
        self.until(span, |_| None::<()>).map(|_| ())
    }

    /// Virtual time since the bench was made.
    pub fn now(&self) -> Duration {
        duration(self.state().now)
    }

    /// Cancels the waits of this bench.
    pub fn cancel(&self) -> Cancel {
        self.cancel.clone()
    }

    /// The same bench, cancelled by another handle.
    pub(crate) fn cancelled_by(mut self, cancel: Cancel) -> Self {
        self.cancel = cancel;
        self
    }

    /// Writes what is needed to look into a failure into a folder, which is made: `BOARD.snap` for each board, the state that
    /// `drydock restore` and `drydock fork --from` take, and `report.txt`. Returns the files.
    ///
    /// # Errors
    /// [`Cause::Keep`].
    pub fn keep(&self, folder: &Path, why: &str) -> Result<Vec<PathBuf>, TestError> {
        let mut state = self.state();
        let kept = crate::report::keep(&mut state, folder, why);
        kept.map_err(|cause| state.error(None, cause))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // A panic in a machine has ended the test.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs until `done` says something, at most for `span`. `done` is asked before the first quantum and after each one.
    pub(crate) fn until<T>(
        &self,
        span: Duration,
        mut done: impl FnMut(&mut State) -> Option<T>,
    ) -> Result<Option<T>, TestError> {
        let mut state = self.state();
        let end = state.now.saturating_add(virtual_time(span));
        loop {
            if let Some(result) = done(&mut state) {
                return Ok(Some(result));
            }
            if state.now >= end {
                return Ok(None);
            }
            if self.cancel.is_cancelled() {
                return Err(state.error(None, Cause::Cancelled));
            }
            state.quantum(end);
        }
    }
}

/// A board that has no firmware yet.
#[must_use = "a board without firmware is not on the bench"]
pub struct NewBoard {
    bench: Bench,
    kind: String,
    name: Option<String>,
    seed: Option<u64>,
    address: Option<u32>,
    arguments: String,
    parts: Vec<PartChoice>,
}

impl NewBoard {
    /// Its name in errors and reports; otherwise its kind.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// A seed of its own, instead of the bench's.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Where a firmware file without addresses belongs.
    pub fn address(mut self, address: u32) -> Self {
        self.address = Some(address);
        self
    }

    /// The program's arguments, which it gets when it asks for its command line by semihosting.
    pub fn arguments(mut self, line: impl Into<String>) -> Self {
        self.arguments = line.into();
        self
    }

    /// Wires a virtual part to it. A choice is parsed from text as `--part` takes it, such as `bme280,address=0x77`; a kind that
    /// ends with `.wasm` is the path of a module.
    pub fn part(mut self, part: PartChoice) -> Self {
        self.parts.push(part);
        self
    }

    /// Puts the board on the bench with a firmware file: ELF, Intel HEX, S-records, UF2, or raw bytes.
    ///
    /// # Errors
    /// [`Cause::NoKind`], [`Cause::NameTaken`], [`Cause::Part`], [`Cause::Firmware`].
    pub fn firmware(self, path: impl AsRef<Path>) -> Result<Board, TestError> {
        let path = path.as_ref();
        let program = self.wired().and_then(|kind| read_program(path, self.address, &kind));
        match program {
            Ok(program) => self.program(Arc::new(program), &path.display().to_string()),
            Err(cause) => Err(self.error(cause)),
        }
    }

    /// The same with the bytes of a file.
    ///
    /// # Errors
    /// As for [`Self::firmware`].
    pub fn firmware_bytes(self, file: Vec<u8>) -> Result<Board, TestError> {
        let parsed = self
            .wired()
            .and_then(|kind| parse_program(file, "the program", self.address, &kind));
        match parsed {
            Ok(program) => self.program(Arc::new(program), "FILE"),
            Err(cause) => Err(self.error(cause)),
        }
    }

    /// The same with a program that was read before from a file.
    pub(crate) fn program(self, program: Arc<Program>, file: &str) -> Result<Board, TestError> {
        let name = self.name.clone().unwrap_or_else(|| self.kind.clone());
        let mut state = self.bench.state();
        if state.boards.iter().any(|board| board.name == name) {
            return Err(state.error(None, Cause::NameTaken(name)));
        }
        let seed = Seed(state.derived("board", &name, self.seed));
        let parts = self.parts.iter().map(ToString::to_string).collect();
        let opened = BoardState::open(
            name,
            (program, file.to_owned(), parts),
            &self.arguments,
            seed,
            state.now,
        );
        let board = opened.map_err(|cause| state.error(None, cause))?;
        state.boards.push(board);
        let index = state.boards.len() - 1;
        drop(state);
        Ok(Board::new(self.bench, index))
    }

    /// The board's description, with its parts.
    fn wired(&self) -> Result<Description, Cause> {
        let kinds = Kinds::default();
        let mut board = kinds.find(&self.kind)?;
        for part in &self.parts {
            let wired = crate::part::wire(&mut board, part, &kinds, Path::new(""));
            wired.map_err(|problems| Cause::Part(format!("the part {part} does not fit: {}", problems.join("; "))))?;
        }
        Ok(board)
    }

    fn error(&self, cause: Cause) -> TestError {
        let name = self.name.as_deref().unwrap_or(&self.kind);
        TestError::new(Some(name), self.bench.now(), cause, Vec::new())
    }
}

pub(crate) fn read_program(path: &Path, address: Option<u32>, board: &Description) -> Result<Program, Cause> {
    let shown = path.display().to_string();
    let file = drydock_program::read_file(path).map_err(|error| Cause::Firmware {
        path: shown.clone(),
        why: format!("cannot be read: {error}"),
    })?;
    parse_program(file, &shown, address, board)
}

pub(crate) fn parse_program(
    file: Vec<u8>,
    path: &str,
    address: Option<u32>,
    board: &Description,
) -> Result<Program, Cause> {
    let refused = |why: drydock_program::NoProgram| Cause::Firmware {
        path: path.to_owned(),
        why: format!("is no firmware for this board: {why}"),
    };
    let program = Program::parse(file, address, board).map_err(refused)?;
    program
        .check(&drydock_emulator::builtin::engine::Builtin)
        .map_err(refused)?;
    Ok(program)
}

/// Everything on a bench.
pub(crate) struct State {
    pub(crate) seed: u64,
    pub(crate) now: VirtualTime,
    pub(crate) boards: Vec<BoardState>,
    uart_wires: Vec<UartWire>,
    pin_wires: Vec<PinWire>,
    pub(crate) ethers: Vec<EtherState>,
    pub(crate) notes: VecDeque<Note>,
}

impl State {
    /// Runs all boards for a quantum, but not beyond `end`.
    fn quantum(&mut self, end: VirtualTime) {
        let until = self.now.saturating_add(turn(self, QUANTUM)).min(end);
        self.carry_pins();
        for index in 0..self.boards.len() {
            let board = &mut self.boards[index];
            let had_stopped = board.stop.is_some();
            board.run(self.now, until);
            if let Some(stop) = board.stop.as_ref().filter(|_| !had_stopped) {
                let text = format!("{}: {stop}", board.name);
                self.note(text);
            }
        }
        self.now = until;
        self.carry_uarts();
        for index in 0..self.ethers.len() {
            self.carry_air(index, until);
        }
    }

    fn carry_pins(&mut self) {
        for index in 0..self.pin_wires.len() {
            let PinWire { from, to, driven } = self.pin_wires[index];
            let level = self.boards[from.0].level(from.1);
            if driven == Some(level) {
                continue;
            }
            self.pin_wires[index].driven = Some(level);
            if let Err(cause) = self.boards[to.0].drive(self.now, to.1, level) {
                self.note(cause.to_string());
            }
        }
    }

    fn carry_uarts(&mut self) {
        for index in 0..self.uart_wires.len() {
            let [one, other] = self.uart_wires[index].ends;
            self.carry(index, one, other);
            self.carry(index, other, one);
        }
    }

    /// What `from` sent in this quantum goes to `to`.
    fn carry(&mut self, wire: usize, from: UartEnd, to: UartEnd) {
        let sent = self.boards[from.0].sent.iter().filter(|output| output.index == from.1);
        let bytes: Vec<u8> = sent.flat_map(|output| output.bytes.iter().copied()).collect();
        if bytes.is_empty() {
            return;
        }
        let rate = |(board, uart): UartEnd| self.boards[board].bauds.get(&uart).copied();
        let (sender, receiver) = (rate(from), rate(to));
        if !rates_fit(sender, receiver) {
            if !std::mem::replace(&mut self.uart_wires[wire].differs, true) {
                let name = |(board, uart): UartEnd| format!("{}:{uart}", self.boards[board].name);
                let rate = |baud: Option<u32>| baud.map_or_else(String::new, |baud| baud.to_string());
                self.note(format!(
                    "{} sends at {} baud and {} reads at {}: the bytes are lost",
                    name(from),
                    rate(sender),
                    name(to),
                    rate(receiver)
                ));
            }
            return;
        }
        let arrived = self.uart_wires[wire].carry(&bytes);
        if !self.boards[to.0].send(to.1, &arrived) {
            let text = format!(
                "{}:{} does not read: {} bytes are lost",
                self.boards[to.0].name,
                to.1,
                bytes.len()
            );
            self.note(text);
        }
    }

    /// Something for the report.
    pub(crate) fn note(&mut self, text: String) {
        if self.notes.len() == NOTES {
            self.notes.pop_front();
        }
        self.notes.push_back(Note { at: self.now, text });
    }

    pub(crate) fn error(&self, board: Option<usize>, cause: Cause) -> TestError {
        let board = board.and_then(|index| self.boards.get(index));
        let console = board.map_or_else(Vec::new, |board| board.last_lines(LINES_IN_ERROR));
        TestError::new(
            board.map(|board| board.name.as_str()),
            duration(self.now),
            cause,
            console,
        )
    }

    /// A seed for something on this bench.
    pub(crate) fn derived(&self, what: &str, name: &str, own: Option<u64>) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(b"drydock-test/1/");
        digest.update(what);
        digest.update([0]);
        digest.update(name);
        digest.update([0]);
        digest.update(own.unwrap_or(self.seed).to_le_bytes());
        digest.finalize().into()
    }
}

pub(crate) fn virtual_time(span: Duration) -> VirtualTime {
    // A wait of more than a day is not accepted, and 213 days fit.
    VirtualTime::from_ns(
        u64::try_from(span.as_nanos())
            .unwrap_or(u64::MAX / 1000)
            .min(u64::MAX / 1000),
    )
}

pub(crate) fn duration(time: VirtualTime) -> Duration {
    Duration::from_nanos(time.as_ns())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uarts_at_different_rates_lose_their_bytes_and_a_note_says_so() {
        let hex = include_str!("../../emulator/tests/guests/echo.hex");
        let bytes = hex
            .split_ascii_whitespace()
            .map(|byte| u8::from_str_radix(byte, 16).unwrap());
        let echo: Vec<u8> = bytes.collect();
        let said = |rate: u32| {
            let bench = Bench::new();
            let board = |name: &str| {
                bench
                    .board("nano33ble")
                    .named(name)
                    .firmware_bytes(echo.clone())
                    .unwrap()
            };
            let (one, two) = (board("one"), board("two"));
            bench.wire_uarts((&one, 0), (&two, 0)).unwrap();
            // The model of this chip does not tell its rate; others do.
            bench.state().boards[0].bauds.insert(0, 1_000_000);
            bench.state().boards[1].bauds.insert(0, rate);
            bench.run(Duration::from_millis(1)).unwrap();
            one.console().send("A").unwrap();
            bench.run(Duration::from_millis(2)).unwrap();
            let notes: Vec<String> = bench.state().notes.iter().map(|note| note.text.clone()).collect();
            (two.console().unread(), notes)
        };
        let (heard, notes) = said(1_020_000);
        assert!(heard.starts_with('C') && notes.is_empty(), "{heard} {notes:?}");
        let (heard, notes) = said(115_200);
        assert_eq!(heard, "");
        assert_eq!(
            notes,
            ["one:0 sends at 1000000 baud and two:0 reads at 115200: the bytes are lost"]
        );
    }
}
