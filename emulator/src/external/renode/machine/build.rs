//! Sets up a machine in Renode: the process, the board description, factory contents of its memories, its terminals;
//! and starts its image.

use std::collections::VecDeque;

use super::super::session::{CommandError, Session};
use super::super::terminal::Terminal;
use super::super::{NAME, platform, values};
use super::{RenodeMachine, Setup};
use crate::machine::MachineError;
use crate::machine::VirtualTime;
use crate::machine::{Machine, MachineInfo, PauseSwitch};

/// Virtual time between two synchronisations of core and peripherals.
const QUANTUM: VirtualTime = VirtualTime::from_us(100);

impl RenodeMachine {
    /// A machine at power-on with erased flash; the error text is for users.
    pub(in crate::external::renode) fn open(setup: Setup) -> Result<Self, String> {
        let mut machine = Self::start(setup)?;
        machine.build().map_err(|error| error.to_string())?;
        machine.connect().map_err(|error| error.to_string())?;
        machine.refresh().map_err(|error| error.to_string())?;
        Ok(machine)
    }

    /// A Renode without a machine in it.
    pub(in crate::external::renode) fn start(setup: Setup) -> Result<Self, String> {
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
        // Renode's generator takes a positive number of 31 bits.
        let random = u32::from_le_bytes([seed.0[0], seed.0[1], seed.0[2], seed.0[3]]) >> 1;
        self.session.command(&format!("emulation SetSeed {random}"))?;
        self.session.command(&format!("mach create \"{}\"", board.name))?;
        self.load_description()?;
        for content in contents {
            let file = values::file(&self.folder.path().join(content.file));
            let load = format!("sysbus LoadBinary {file} {:#x}", content.addr);
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

    /// Loads the description. Its failure alone says little: offline, an unreachable register list fails the whole
    /// command although the machine is complete. So the result is checked instead.
    fn load_description(&mut self) -> Result<(), CommandError> {
        let file = values::file(&self.folder.path().join(platform::DESCRIPTION));
        let command = format!("machine LoadPlatformDescription {file}");
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

    /// Connects all UARTs, and replaces earlier terminals.
    pub(in crate::external::renode) fn connect(&mut self) -> Result<(), CommandError> {
        self.terminals.clear();
        for uart in self.setup.chip.uarts.clone() {
            self.terminals_made += 1;
            let name = format!("drydock{}", self.terminals_made);
            self.terminals.push(Terminal::open(&mut self.session, &name, &uart)?);
        }
        Ok(())
    }

    /// Sets PC and SP as the board's bootloader would: Renode knows only the start of flash.
    pub(super) fn enter_image(&mut self) -> Result<(), MachineError> {
        for command in self.way_into_image()? {
            self.command(&command)?;
        }
        self.define_reset()
    }

    /// A reset by the guest itself runs a macro, which belongs to the process and not to the machine.
    pub(in crate::external::renode) fn define_reset(&mut self) -> Result<(), MachineError> {
        let again = self.way_into_image()?.join("; ");
        self.command(&format!("macro reset \"{again}\"")).map(drop)
    }

    fn way_into_image(&mut self) -> Result<[String; 3], MachineError> {
        let cpu = self.setup.chip.cpu.clone();
        let boot = self.setup.board.boot;
        let mut vectors = [0; 8];
        self.read_memory(boot, &mut vectors)?;
        let word = |at: usize| u32::from_le_bytes([vectors[at], vectors[at + 1], vectors[at + 2], vectors[at + 3]]);
        let (sp, pc) = (word(0), word(4));
        Ok([
            format!("sysbus.{cpu} VectorTableOffset {boot:#x}"),
            format!("sysbus.{cpu} SP {sp:#x}"),
            format!("sysbus.{cpu} PC {pc:#x}"),
        ])
    }

    /// Replaces a process that is gone: power-on, with factory flash.
    pub(super) fn replace(&mut self) -> Result<(), MachineError> {
        let opened = Self::open(self.setup.clone());
        let mut fresh = opened.map_err(|cause| self.failed(CommandError::Gone(cause)))?;
        fresh.pause = self.pause.clone();
        fresh.history = std::mem::take(&mut self.history);
        *self = fresh;
        Ok(())
    }
}
