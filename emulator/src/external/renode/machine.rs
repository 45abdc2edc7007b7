//! A machine in a separate Renode process, behind the [`Machine`] trait.

mod build;
mod monitor;
mod registers;

use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;

use drydock_assets::{Board, RenodeChip};
use tempfile::TempDir;

use super::session::{CommandError, Patience, Session};
use super::terminal::Terminal;
use super::{log, platform, values};
use crate::machine::Image;
use crate::machine::MachineError;
use crate::machine::VirtualTime;
use crate::machine::{
    GuestFault, Machine, MachineInfo, Monitor, PauseSwitch, RegisterInfo, RunLimit, SavedState, Seed, Snapshot,
    StopReason,
};
use crate::machine::{PinChange, ResetKind, UartOutput};

/// Virtual time of one command, so that a pause is seen soon and each answer comes within its time limit.
const SLICE: VirtualTime = VirtualTime::from_ms(50);
/// Commands take a few milliseconds of the host's time, regardless of their virtual time.
const SHORTEST_RUN: VirtualTime = VirtualTime::from_ms(5);
/// Where Renode copies memory to, in the machine's folder.
const COPY: &str = "read.bin";
/// Bytes read by one command, as text.
const READ_BYTES: usize = 4_096;
/// Bytes a UART takes between two runs.
const UART_BYTES: usize = 1_024;

/// The parameters of a machine, to make another one like it.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) program: PathBuf,
    /// Of Renode, as in `1.16.1`.
    pub(super) version: String,
    pub(super) patience: Patience,
    pub(super) board: Board,
    pub(super) chip: RenodeChip,
    pub(super) seed: Seed,
}

/// One machine.
pub(super) struct RenodeMachine {
    // Declared before the folder, so that the process has ended when the folder is removed.
    pub(super) session: Session,
    pub(super) folder: TempDir,
    pub(super) setup: Setup,
    info: MachineInfo,
    pause: PauseSwitch,
    terminals: Vec<Terminal>,
    /// Bytes each UART was given since the last run.
    given: Vec<usize>,
    /// Number of terminals made so far; each has its own name, in saved states too.
    pub(super) terminals_made: u32,
    now: VirtualTime,
    instructions: u64,
    pc: u32,
    output: Vec<UartOutput>,
    pins: Vec<(u16, Option<bool>)>,
    pin_changes: Vec<PinChange>,
    faults: Vec<GuestFault>,
    history: VecDeque<String>,
}

impl RenodeMachine {
    /// Reads the machine's position and outputs.
    pub(super) fn refresh(&mut self) -> Result<(), CommandError> {
        self.look_after(None)
    }

    /// Executes a command, and reads the machine's position after it. All queries are sent with it: a line takes some
    /// milliseconds of the host's time, whatever its length.
    fn look_after(&mut self, command: Option<String>) -> Result<(), CommandError> {
        let cpu = self.setup.chip.cpu.clone();
        let ports = self.setup.chip.ports.clone();
        let lights: Vec<(usize, String)> = (self.pins.iter().enumerate())
            .filter_map(|(index, (pin, _))| {
                let port = ports.get(usize::from(pin / 32))?;
                Some((index, format!("sysbus.{port}.{} State", platform::led(*pin))))
            })
            .collect();
        let questions = [
            "currentTime".to_owned(),
            format!("sysbus.{cpu} ExecutedInstructions"),
            format!("sysbus.{cpu} PC"),
        ];
        let line: Vec<String> = (command.into_iter().chain(questions))
            .chain(lights.iter().map(|(_, question)| question.clone()))
            .collect();
        let seen = self.session.values(&line, |text| values::state(text, lights.len()))?;
        self.now = seen.now;
        self.instructions = seen.instructions;
        self.pc = seen.pc as u32;
        for line in self.session.take_log() {
            self.faults.extend(log::fault(&line, self.now));
        }
        for ((index, _), level) in lights.iter().zip(seen.lights) {
            let (pin, before) = self.pins[*index];
            if Some(level) != before {
                self.pins[*index].1 = Some(level);
                self.pin_changes.push(PinChange {
                    at: self.now,
                    pin,
                    level: Some(level),
                });
            }
        }
        self.receive()
    }

    fn receive(&mut self) -> Result<(), CommandError> {
        for (index, terminal) in self.terminals.iter_mut().enumerate() {
            match terminal.receive() {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => self.output.push(UartOutput {
                    at: self.now,
                    index: index as u8,
                    baud: None,
                    bytes,
                }),
                Err(error) => {
                    return Err(self
                        .session
                        .end(&format!("the terminal of UART {index} broke: {error}")));
                }
            }
        }
        Ok(())
    }

    fn run_for(&mut self, span: VirtualTime) -> Result<(), CommandError> {
        let command = format!("emulation RunFor \"{}\"", values::seconds(span));
        match self.look_after(Some(command.clone())) {
            // Someone started it by the monitor.
            Err(CommandError::Refused { reason, .. }) if reason.contains("already started") => {
                self.session.command("pause")?;
                self.look_after(Some(command))?;
            }
            ran => ran?,
        }
        self.given.fill(0);
        Ok(())
    }

    /// Writes bytes by way of a file, which Renode copies at once.
    fn copy_in(&mut self, addr: u32, bytes: &[u8]) -> Result<(), MachineError> {
        let path = self.folder.path().join("written.bin");
        let written = fs::write(&path, bytes);
        written.map_err(|error| MachineError::Refused {
            board: self.info.board.clone(),
            reason: format!("a temporary file could not be written: {error}"),
        })?;
        let file = values::file(&path);
        self.command(&format!("sysbus LoadBinary {file} {addr:#x}")).map(drop)
    }

    /// Reads bytes through a file that `command` writes: as text, each would take six characters, and each 500 a
    /// millisecond.
    fn copy_out(&mut self, command: &str, bytes: &mut [u8]) -> Result<(), MachineError> {
        let path = self.folder.path().join(COPY);
        // An old file would be mistaken for a new one if the write fails.
        let _ = fs::remove_file(&path);
        self.command(command)?;
        let reason = match fs::read(&path) {
            Ok(read) if read.len() == bytes.len() => {
                bytes.copy_from_slice(&read);
                return Ok(());
            }
            Ok(read) => format!("Renode wrote {} of {} bytes of its memory", read.len(), bytes.len()),
            Err(error) => format!("Renode wrote no copy of its memory: {error}"),
        };
        Err(MachineError::Refused {
            board: self.info.board.clone(),
            reason,
        })
    }

    fn command(&mut self, command: &str) -> Result<String, MachineError> {
        let done = self.session.command(command);
        done.map_err(|error| self.failed(error))
    }

    /// Converts an error of the connection to one of the `Machine` trait.
    pub(super) fn failed(&self, error: CommandError) -> MachineError {
        let board = self.info.board.clone();
        match error {
            CommandError::Refused { .. } => MachineError::Refused {
                board,
                reason: error.to_string(),
            },
            CommandError::Gone(cause) => MachineError::Crashed {
                board,
                pc: self.pc,
                at: self.now,
                cause,
            },
        }
    }

    fn checked<T>(&self, done: Result<T, CommandError>) -> Result<T, MachineError> {
        done.map_err(|error| self.failed(error))
    }

    /// Whether flash, RAM or an information page holds all of the range.
    fn check_memory(&self, addr: u32, bytes: usize) -> Result<(), MachineError> {
        let (board, chip) = (&self.setup.board, &self.setup.chip);
        let flash = &board.chip.flash;
        let mut memories = vec![(flash.base, flash.bytes)];
        memories.extend(board.chip.ram.iter().map(|ram| (ram.base, ram.bytes)));
        memories.extend(chip.words.iter().map(|word| (word.addr & !0xfff, 0x1000)));
        memories.extend(chip.reset_pin_words.iter().map(|addr| (addr & !0xfff, 0x1000)));
        let (mut next, end) = (u64::from(addr), u64::from(addr) + bytes as u64);
        while next < end {
            let holds =
                |(base, bytes): &&(u32, u32)| (u64::from(*base)..u64::from(*base) + u64::from(*bytes)).contains(&next);
            let Some((base, bytes)) = memories.iter().find(holds) else {
                return Err(MachineError::NoMemory {
                    board: self.info.board.clone(),
                    addr: next as u32,
                });
            };
            next = u64::from(*base) + u64::from(*bytes);
        }
        Ok(())
    }

    fn register_number(&self, name: &str) -> Result<u8, MachineError> {
        registers::number(name).ok_or_else(|| MachineError::NoRegister {
            board: self.info.board.clone(),
            name: name.to_owned(),
        })
    }
}

impl Machine for RenodeMachine {
    fn info(&self) -> &MachineInfo {
        &self.info
    }

    fn load(&mut self, image: &Image) -> Result<(), MachineError> {
        for segment in &image.segments {
            self.check_memory(segment.addr, segment.bytes.len())?;
        }
        for segment in &image.segments {
            self.copy_in(segment.addr, &segment.bytes)?;
        }
        Ok(())
    }

    fn reset(&mut self, kind: ResetKind) -> Result<(), MachineError> {
        if self.session.gone().is_some() && kind == ResetKind::PowerOn {
            return self.replace();
        }
        self.command("machine Reset")?;
        if kind == ResetKind::PowerOn {
            for ram in self.setup.board.chip.ram.clone() {
                self.command(&format!("sysbus ZeroRange {:#x} {:#x}", ram.base, ram.bytes))?;
            }
        }
        self.enter_image()?;
        let refreshed = self.refresh();
        self.checked(refreshed)
    }

    fn run(&mut self, limit: RunLimit) -> Result<StopReason, MachineError> {
        loop {
            if self.pause.take() {
                return Ok(StopReason::Paused);
            }
            let left = limit.until.saturating_sub(self.now);
            if left == VirtualTime::ZERO {
                return Ok(StopReason::Deadline);
            }
            let before = self.now;
            let ran = self.run_for(left.min(SLICE));
            self.checked(ran)?;
            if self.now <= before {
                let stuck = self.session.end("Renode's virtual time stands still");
                return Err(self.failed(stuck));
            }
            let aborted = self.faults.iter().find_map(|fault| match fault {
                GuestFault::Unmodelled { at, pc, .. } if *at > before => Some(*pc),
                _ => None,
            });
            if let Some(pc) = aborted {
                return Ok(StopReason::Lockup { pc });
            }
        }
    }

    fn step(&mut self) -> Result<StopReason, MachineError> {
        let cpu = self.setup.chip.cpu.clone();
        self.command(&format!("sysbus.{cpu} Step"))?;
        self.command("pause")?;
        self.command(&format!("sysbus.{cpu} ExecutionMode Continuous"))?;
        let refreshed = self.refresh();
        self.checked(refreshed)?;
        Ok(StopReason::Stepped)
    }

    fn pause_switch(&self) -> PauseSwitch {
        self.pause.clone()
    }

    fn now(&self) -> VirtualTime {
        self.now
    }

    fn instructions(&self) -> u64 {
        self.instructions
    }

    fn read_memory(&mut self, addr: u32, bytes: &mut [u8]) -> Result<(), MachineError> {
        self.check_memory(addr, bytes.len())?;
        if bytes.len() > READ_BYTES
            && let Some(copy) = values::copy_to(&self.folder.path().join(COPY), addr, bytes.len())
        {
            return self.copy_out(&copy, bytes);
        }
        let mut next = addr;
        for piece in bytes.chunks_mut(READ_BYTES) {
            let command = format!("sysbus ReadBytes {next:#x} {}", piece.len());
            let count = piece.len();
            let exactly = |text: &str| values::bytes(text).filter(|read| read.len() == count);
            let read = self.session.value(&command, exactly);
            piece.copy_from_slice(&self.checked(read)?);
            next = next.wrapping_add(count as u32);
        }
        Ok(())
    }

    fn write_memory(&mut self, addr: u32, bytes: &[u8]) -> Result<(), MachineError> {
        self.check_memory(addr, bytes.len())?;
        if bytes.is_empty() {
            return Ok(());
        }
        self.copy_in(addr, bytes)
    }

    fn registers(&self) -> &[RegisterInfo] {
        &registers::REGISTER_INFOS
    }

    fn read_register(&mut self, name: &str) -> Result<u64, MachineError> {
        let index = self.register_number(name)?;
        let command = format!("sysbus.{} GetRegister {index}", self.setup.chip.cpu);
        let value = self.session.value(&command, values::number);
        self.checked(value)
    }

    fn write_register(&mut self, name: &str, value: u64) -> Result<(), MachineError> {
        let index = self.register_number(name)?;
        let cpu = self.setup.chip.cpu.clone();
        self.command(&format!("sysbus.{cpu} SetRegister {index} {:#x}", value as u32))
            .map(drop)
    }

    fn take_uart_output(&mut self) -> Vec<UartOutput> {
        // The next run reports what a broken terminal lost.
        let _ = self.receive();
        std::mem::take(&mut self.output)
    }

    fn uart_input(&mut self, index: u8, bytes: &[u8]) -> Result<usize, MachineError> {
        if index >= self.info.uarts {
            return Err(MachineError::NoUart {
                board: self.info.board.clone(),
                index,
            });
        }
        let room = self.uart_input_room(index);
        let sent = match self.terminals.get_mut(usize::from(index)) {
            Some(terminal) => terminal.send(&bytes[..bytes.len().min(room)]),
            None => Err(std::io::ErrorKind::NotConnected.into()),
        };
        match sent {
            Ok(count) => {
                self.given[usize::from(index)] += count;
                Ok(count)
            }
            Err(error) => {
                let what = format!("the terminal of UART {index} broke: {error}");
                let broken = self.session.end(&what);
                Err(self.failed(broken))
            }
        }
    }

    fn uart_input_room(&self, index: u8) -> usize {
        let given = self.given.get(usize::from(index));
        given.map_or(0, |given| UART_BYTES - given.min(&UART_BYTES))
    }

    fn pin_input(&mut self, pin: u16, level: Option<bool>) -> Result<(), MachineError> {
        let port = self.setup.chip.ports.get(usize::from(pin / 32)).cloned();
        let (Some(port), true) = (port, pin < self.info.pins) else {
            return Err(MachineError::NoPin {
                board: self.info.board.clone(),
                pin,
            });
        };
        let button = self
            .setup
            .board
            .buttons
            .iter()
            .find(|button| button.pin.0 == pin)
            .cloned();
        if let Some(button) = button.as_ref().filter(|button| button.resets) {
            return match level {
                Some(level) if button.active.is(level) => self.reset(ResetKind::Pin),
                _ => Ok(()),
            };
        }
        // When no longer driven, a button's pin returns to its rest level; Renode does not know the level of any other
        // pin.
        let level = level.or_else(|| button.map(|button| !button.active.is(true)));
        match level {
            Some(level) => self
                .command(&format!("sysbus.{port} OnGPIO {} {level}", pin % 32))
                .map(drop),
            None => Ok(()),
        }
    }

    fn pin_level(&self, pin: u16) -> Option<bool> {
        self.pins.iter().find(|(known, _)| *known == pin)?.1
    }

    fn take_pin_changes(&mut self) -> Vec<PinChange> {
        std::mem::take(&mut self.pin_changes)
    }

    fn take_faults(&mut self) -> Vec<GuestFault> {
        std::mem::take(&mut self.faults)
    }

    fn shortest_run(&self) -> VirtualTime {
        SHORTEST_RUN
    }

    fn snapshots(&mut self) -> Option<&mut dyn Snapshot> {
        Some(self)
    }

    fn saved_state(&mut self) -> Option<&mut dyn SavedState> {
        Some(self)
    }

    fn monitor(&mut self) -> Option<&mut dyn Monitor> {
        Some(self)
    }
}
