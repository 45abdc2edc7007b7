//! A machine in a Renode of its own, behind the [`Machine`] trait.

use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;

use drydock_assets::{Board, RenodeChip};
use tempfile::TempDir;

use super::session::{CommandError, Patience, Session};
use super::terminal::Terminal;
use super::{NAME, log, platform, values};
use crate::builtin::fabric::{PinChange, ResetKind, UartOutput};
use crate::builtin::time::VirtualTime;
use crate::engine::{
    GuestFault, Machine, MachineInfo, Monitor, MonitorAnswer, PauseSwitch, RegisterInfo, RunLimit, Seed, Snapshot,
    StopReason,
};
use crate::error::MachineError;
use crate::image::Image;

/// Virtual time between two synchronisations of core and peripherals.
const QUANTUM: VirtualTime = VirtualTime::from_us(100);
/// Virtual time of one command, so that a pause is seen soon and an answer comes within anybody's patience.
const SLICE: VirtualTime = VirtualTime::from_ms(50);
/// Commands take a few milliseconds of the host's time, whatever they run for.
const SHORTEST_RUN: VirtualTime = VirtualTime::from_ms(5);
/// Bytes read by one command.
const READ_BYTES: usize = 4_096;
/// Bytes a UART takes between two runs.
const UART_BYTES: usize = 1_024;
/// Lines of the monitor that are remembered.
const HISTORY_LINES: usize = 100;

/// What a machine is made of, to make another like it.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) program: PathBuf,
    pub(super) patience: Patience,
    pub(super) board: Board,
    pub(super) chip: RenodeChip,
    pub(super) seed: Seed,
}

/// One machine.
pub(super) struct RenodeMachine {
    // Before the folder, so that it is gone when the folder goes.
    pub(super) session: Session,
    pub(super) folder: TempDir,
    pub(super) setup: Setup,
    info: MachineInfo,
    pause: PauseSwitch,
    terminals: Vec<Terminal>,
    /// Bytes each UART was given since the last run.
    given: Vec<usize>,
    /// Terminals made so far; each has a name of its own.
    terminals_made: u32,
    now: VirtualTime,
    instructions: u64,
    /// What ran before the last reset by us, which sets Renode's count back.
    pc: u32,
    output: Vec<UartOutput>,
    pins: Vec<(u16, Option<bool>)>,
    pin_changes: Vec<PinChange>,
    faults: Vec<GuestFault>,
    history: VecDeque<String>,
}

impl RenodeMachine {
    /// A machine at power-on with erased flash; the error is for people.
    pub(super) fn open(setup: Setup) -> Result<Self, String> {
        let mut machine = Self::start(setup)?;
        machine.build().map_err(|error| error.to_string())?;
        machine.connect().map_err(|error| error.to_string())?;
        machine.refresh().map_err(|error| error.to_string())?;
        Ok(machine)
    }

    /// A Renode without a machine in it.
    pub(super) fn start(setup: Setup) -> Result<Self, String> {
        let folder = tempfile::Builder::new()
            .prefix("drydock-renode-")
            .tempdir()
            .map_err(|error| format!("there is no temporary folder: {error}"))?;
        let session =
            Session::start(&setup.program, folder.path(), setup.patience).map_err(|error| error.to_string())?;
        let info = MachineInfo {
            engine: NAME,
            board: setup.board.name.clone(),
            chip: setup.board.chip.title.clone(),
            uarts: setup.chip.uarts.len() as u8,
            pins: setup.board.chip.pins,
            seed: setup.seed,
        };
        let pins = setup.board.leds.iter().map(|led| (led.pin.0, None)).collect();
        Ok(Self {
            session,
            folder,
            given: vec![0; setup.chip.uarts.len()],
            setup,
            info,
            pause: PauseSwitch::default(),
            terminals: Vec::new(),
            terminals_made: 0,
            now: VirtualTime::ZERO,
            instructions: 0,
            pc: 0,
            output: Vec::new(),
            pins,
            pin_changes: Vec::new(),
            faults: Vec::new(),
            history: VecDeque::new(),
        })
    }

    fn build(&mut self) -> Result<(), CommandError> {
        let Setup { board, chip, seed, .. } = self.setup.clone();
        let written = platform::write(self.folder.path(), &board, &chip, seed);
        let contents =
            written.map_err(|error| self.session.end(&format!("no description could be written: {error}")))?;
        // Its generator takes a positive number of 31 bits.
        let random = u32::from_le_bytes([seed.0[0], seed.0[1], seed.0[2], seed.0[3]]) >> 1;
        self.session.command(&format!("emulation SetSeed {random}"))?;
        self.session.command(&format!("mach create \"{}\"", board.name))?;
        self.load_description()?;
        for content in contents {
            let load = format!("sysbus LoadBinary @{} {:#x}", content.file, content.addr);
            self.session.command(&load)?;
        }
        let quantum = values::seconds(QUANTUM);
        self.session
            .command(&format!("emulation SetGlobalQuantum \"{quantum}\""))?;
        self.session.command("emulation SetGlobalAdvanceImmediately true")?;
        let mips = (board.chip.clock_hz / 1_000_000).max(1);
        let cpu = &chip.cpu;
        self.session
            .command(&format!("sysbus.{cpu} PerformanceInMips {mips}"))?;
        Ok(())
    }

    /// Loads the description. Its failure alone says little: offline, a register list that cannot be fetched fails the whole
    /// command though the machine is complete. What counts is what is there.
    fn load_description(&mut self) -> Result<(), CommandError> {
        let command = format!("machine LoadPlatformDescription @{}", platform::DESCRIPTION);
        let loaded = match self.session.command(&command) {
            Err(gone @ CommandError::Gone(_)) => return Err(gone),
            loaded => loaded,
        };
        let listed = self.session.command("peripherals")?;
        let there = values::peripherals(&listed);
        let expects = &self.setup.chip.expects;
        let missing: Vec<&str> = expects
            .iter()
            .map(String::as_str)
            .filter(|name| !there.contains(name))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let reason = match loaded {
            Err(CommandError::Refused { reason, .. }) => reason,
            _ => "it gave no reason".to_owned(),
        };
        Err(CommandError::Refused {
            command,
            reason: format!("{reason} (without {})", missing.join(", ")),
        })
    }

    /// Connects all UARTs, in place of terminals that were there.
    pub(super) fn connect(&mut self) -> Result<(), CommandError> {
        self.terminals.clear();
        for uart in self.setup.chip.uarts.clone() {
            self.terminals_made += 1;
            let name = format!("drydock{}", self.terminals_made);
            self.terminals.push(Terminal::open(&mut self.session, &name, &uart)?);
        }
        Ok(())
    }

    /// Learns where the machine is, and what came out of it.
    pub(super) fn refresh(&mut self) -> Result<(), CommandError> {
        let cpu = self.setup.chip.cpu.clone();
        self.now = self.session.value("currentTime", values::virtual_time)?;
        self.instructions = self
            .session
            .value(&format!("sysbus.{cpu} ExecutedInstructions"), values::number)?;
        self.pc = self.session.value(&format!("sysbus.{cpu} PC"), values::number)? as u32;
        for line in self.session.take_log() {
            self.faults.extend(log::fault(&line, self.now));
        }
        for index in 0..self.pins.len() {
            let (pin, before) = self.pins[index];
            let Some(port) = self.setup.chip.ports.get(usize::from(pin / 32)) else {
                continue;
            };
            let ask = format!("sysbus.{port}.{} State", platform::led(pin));
            let level = Some(self.session.value(&ask, values::truth)?);
            if level != before {
                self.pins[index].1 = level;
                self.pin_changes.push(PinChange {
                    at: self.now,
                    pin,
                    level,
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
        match self.session.command(&command) {
            // Someone started it by the monitor.
            Err(CommandError::Refused { reason, .. }) if reason.contains("already started") => {
                self.session.command("pause")?;
                self.session.command(&command)?;
            }
            ran => {
                ran?;
            }
        }
        self.given.fill(0);
        self.refresh()
    }

    /// Writes bytes by way of a file, which Renode copies at once.
    fn copy_in(&mut self, addr: u32, bytes: &[u8]) -> Result<(), MachineError> {
        let file = "written.bin";
        let written = fs::write(self.folder.path().join(file), bytes);
        written.map_err(|error| MachineError::Refused {
            board: self.info.board.clone(),
            reason: format!("a temporary file could not be written: {error}"),
        })?;
        self.command(&format!("sysbus LoadBinary @{file} {addr:#x}")).map(drop)
    }

    fn command(&mut self, command: &str) -> Result<String, MachineError> {
        let done = self.session.command(command);
        done.map_err(|error| self.failed(error))
    }

    /// The error of the seam for one of the conversation.
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

    fn register_index(&self, name: &str) -> Result<u8, MachineError> {
        let found = REGISTERS.iter().find(|(register, _)| register.name == name);
        let (_, index) = found.ok_or_else(|| MachineError::NoRegister {
            board: self.info.board.clone(),
            name: name.to_owned(),
        })?;
        Ok(*index)
    }

    /// Sets the core where the board's bootloader would: Renode knows only the start of flash.
    fn enter_image(&mut self) -> Result<(), MachineError> {
        let cpu = self.setup.chip.cpu.clone();
        let boot = self.setup.board.boot;
        let mut vectors = [0; 8];
        self.read_memory(boot, &mut vectors)?;
        let word = |at: usize| u32::from_le_bytes([vectors[at], vectors[at + 1], vectors[at + 2], vectors[at + 3]]);
        let (sp, pc) = (word(0), word(4));
        self.command(&format!("sysbus.{cpu} VectorTableOffset {boot:#x}"))?;
        self.command(&format!("sysbus.{cpu} SP {sp:#x}"))?;
        self.command(&format!("sysbus.{cpu} PC {pc:#x}"))?;
        // A reset by the guest itself runs this one.
        let again =
            format!("sysbus.{cpu} VectorTableOffset {boot:#x}; sysbus.{cpu} SP {sp:#x}; sysbus.{cpu} PC {pc:#x}");
        self.command(&format!("macro reset \"{again}\"")).map(drop)
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
        &REGISTER_INFOS
    }

    fn read_register(&mut self, name: &str) -> Result<u64, MachineError> {
        let index = self.register_index(name)?;
        let command = format!("sysbus.{} GetRegister {index}", self.setup.chip.cpu);
        let value = self.session.value(&command, values::number);
        self.checked(value)
    }

    fn write_register(&mut self, name: &str, value: u64) -> Result<(), MachineError> {
        let index = self.register_index(name)?;
        let cpu = self.setup.chip.cpu.clone();
        self.command(&format!("sysbus.{cpu} SetRegister {index} {:#x}", value as u32))
            .map(drop)
    }

    fn take_uart_output(&mut self) -> Vec<UartOutput> {
        // What is lost with a broken terminal is told by the next run.
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
        // Let go of, a button's pin is pulled to where it rests; of any other Renode does not know where it floats to.
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

    fn monitor(&mut self) -> Option<&mut dyn Monitor> {
        Some(self)
    }
}

impl RenodeMachine {
    /// A new process for one that is gone: power comes back, flash is as it left the factory.
    fn replace(&mut self) -> Result<(), MachineError> {
        let opened = Self::open(self.setup.clone());
        let mut fresh = opened.map_err(|cause| self.failed(CommandError::Gone(cause)))?;
        fresh.pause = self.pause.clone();
        fresh.history = std::mem::take(&mut self.history);
        *self = fresh;
        Ok(())
    }
}

impl Monitor for RenodeMachine {
    fn prompt(&self) -> String {
        format!("({}) ", self.info.board)
    }

    fn execute(&mut self, line: &str) -> Result<MonitorAnswer, MachineError> {
        if self.history.len() == HISTORY_LINES {
            self.history.pop_front();
        }
        self.history.push_back(line.to_owned());
        let answer = match self.session.command(line) {
            Ok(text) => MonitorAnswer::Done(text),
            Err(CommandError::Refused { reason, .. }) => MonitorAnswer::Refused(reason),
            Err(gone) => return Err(self.failed(gone)),
        };
        // It may have run on, or gone elsewhere.
        match self.refresh() {
            Ok(()) | Err(CommandError::Refused { .. }) => Ok(answer),
            Err(gone) => Err(self.failed(gone)),
        }
    }

    fn history(&self) -> Vec<String> {
        self.history.iter().cloned().collect()
    }
}

const fn register(name: &'static str, index: u8) -> (RegisterInfo, u8) {
    (RegisterInfo { name, bits: 32 }, index)
}

/// Our names and Renode's numbers of a Cortex-M's registers.
const REGISTERS: [(RegisterInfo, u8); 20] = [
    register("r0", 0),
    register("r1", 1),
    register("r2", 2),
    register("r3", 3),
    register("r4", 4),
    register("r5", 5),
    register("r6", 6),
    register("r7", 7),
    register("r8", 8),
    register("r9", 9),
    register("r10", 10),
    register("r11", 11),
    register("r12", 12),
    register("sp", 13),
    register("lr", 14),
    register("pc", 15),
    register("xpsr", 25),
    register("control", 18),
    register("basepri", 19),
    register("primask", 28),
];

const REGISTER_INFOS: [RegisterInfo; REGISTERS.len()] = {
    let mut infos = [RegisterInfo { name: "", bits: 0 }; REGISTERS.len()];
    let mut index = 0;
    while index < infos.len() {
        infos[index] = REGISTERS[index].0;
        index += 1;
    }
    infos
};
