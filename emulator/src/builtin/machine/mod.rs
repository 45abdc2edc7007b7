//! A machine of the builtin engine: a core with its chip behind the [`Machine`] trait. This module only translates
//! between them. The engine chooses the chip of a board; the core executes.

mod log_reader;
mod parts;
mod radio;
mod trapped;
mod usb;

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::core::any_core::{AnyCore, CoreStop};
use crate::core::fabric::{AccessSize, Chip, Fabric, PinChange, ResetKind, UartOutput};
use crate::core::limits::Limits;
use crate::core::memory::{GuestMemory, NoMemory};
use crate::core::shared_image;
use crate::debug::profile::Profiler;
use crate::machine::DebugLine;
use crate::machine::Image;
use crate::machine::MachineError;
use crate::machine::RadioAir;
use crate::machine::Trapping;
use crate::machine::UsbDevice;
use crate::machine::VirtualParts;
use crate::machine::VirtualTime;
use crate::machine::entropy::EntropyStream;
use crate::machine::{
    DebugAccess, GuestFault, Machine, MachineInfo, MachineSnapshot, PauseSwitch, RegisterInfo, RunLimit, SavedState,
    Snapshot, StopReason, TraceTaken, UnmodelledAnswer,
};

pub(super) use log_reader::LogReader;
use trapped::Armed;

/// Instructions between two checks of the pause switch: a few milliseconds of host time.
const PAUSE_CHECK_INSTRUCTIONS: u64 = 1_000_000;

/// One machine of the builtin engine.
pub struct BuiltinMachine {
    info: MachineInfo,
    core: AnyCore,
    pause: PauseSwitch,
    /// Why it crashed, if it did: a crashed machine no longer runs, but can be inspected.
    crashed: Option<String>,
    /// Lockups after which the chip reset itself, not yet reported.
    lockups: Vec<GuestFault>,
    /// Breakpoints and watchpoints of a debugger.
    armed: Option<Box<Armed>>,
    /// Where the image says that RTT's control block is.
    rtt_symbol: Option<u32>,
    /// Reads RTT, if somebody wants it.
    logs: Option<Box<LogReader>>,
}

impl BuiltinMachine {
    /// A machine at power-on with erased flash. The seed in `info` is the only source of randomness.
    pub fn new(info: MachineInfo, chip: Box<dyn Chip>) -> Self {
        let description = chip.description();
        let memory = GuestMemory::new(description.regions);
        let mut fabric = Fabric::new(memory, EntropyStream::new(info.seed.0), description.cpu_hz);
        fabric.serve_semihosting();
        let core = AnyCore::new(chip, fabric);
        Self {
            info,
            core,
            pause: PauseSwitch::default(),
            crashed: None,
            lockups: Vec::new(),
            armed: None,
            rtt_symbol: None,
            logs: None,
        }
    }

    /// The reader of logs, for a saved state.
    pub(super) fn logs(&self) -> Option<&LogReader> {
        self.logs.as_deref()
    }

    /// Goes on with a reader's state, or without one.
    pub(super) fn set_logs(&mut self, logs: Option<LogReader>) {
        self.core.fabric_mut().collect_itm(logs.is_some());
        self.logs = logs.map(Box::new);
    }

    /// The core, for operations that the trait does not offer.
    pub fn core(&self) -> &AnyCore {
        &self.core
    }

    /// As [`Self::core`].
    pub fn core_mut(&mut self) -> &mut AnyCore {
        &mut self.core
    }

    /// Why it crashed, if it did.
    pub(super) fn crash(&self) -> Option<&str> {
        self.crashed.as_deref()
    }

    pub(super) fn set_crash(&mut self, crashed: Option<String>) {
        self.crashed = crashed;
    }

    fn run_core(&mut self, limits: Limits) -> Result<CoreStop, MachineError> {
        if self.crashed.is_none() {
            let core = &mut self.core;
            match catch_unwind(AssertUnwindSafe(|| core.run(limits))) {
                Ok(CoreStop::Lockup { pc }) if self.core.chip().resets_on_lockup() && !self.core.is_debugged() => {
                    self.lockups.push(GuestFault::Lockup {
                        at: self.core.now(),
                        pc,
                    });
                    self.core.reset(ResetKind::Lockup);
                    return Ok(CoreStop::Reset(ResetKind::Lockup));
                }
                Ok(reason) => return Ok(reason),
                Err(panic) => self.crashed = Some(panic_text(&*panic)),
            }
        }
        Err(MachineError::Crashed {
            board: self.info.board.clone(),
            pc: self.core.pc(),
            at: self.core.now(),
            cause: self.crashed.clone().unwrap_or_default(),
        })
    }

    /// Runs until a limit, or until the machine stops by itself.
    fn run_until(&mut self, limit: RunLimit) -> Result<StopReason, MachineError> {
        if self.armed.is_some() || self.core.has_breakpoints() {
            return self.run_trapped(limit);
        }
        loop {
            if self.pause.take() {
                return Ok(StopReason::Paused);
            }
            let instructions = self.core.instructions() + PAUSE_CHECK_INSTRUCTIONS;
            let limits = Limits {
                until: limit.until,
                instructions,
                stop_when_idle: limit.stop_when_idle,
            };
            match self.run_core(limits)? {
                CoreStop::Instructions => {}
                reason => return Ok(self.stop_reason(reason)),
            }
        }
    }

    fn stop_reason(&self, stop: CoreStop) -> StopReason {
        match stop {
            CoreStop::Time | CoreStop::Instructions => StopReason::Deadline,
            CoreStop::Idle => StopReason::Idle {
                next_event: self.core.next_due_at(),
            },
            CoreStop::Reset(kind) => StopReason::Reset(kind),
            CoreStop::Breakpoint { code, exit } => StopReason::Breakpoint {
                pc: self.core.pc(),
                code,
                exit,
            },
            CoreStop::Lockup { pc } => StopReason::Lockup { pc },
            CoreStop::PowerOff => StopReason::PoweredOff,
            CoreStop::DebugHalt => StopReason::DebugHalt,
        }
    }

    fn no_memory(&self, NoMemory { addr }: NoMemory) -> MachineError {
        MachineError::NoMemory {
            board: self.info.board.clone(),
            addr,
        }
    }
}

impl Machine for BuiltinMachine {
    fn info(&self) -> &MachineInfo {
        &self.info
    }

    fn load(&mut self, image: &Image) -> Result<(), MachineError> {
        for segment in &image.segments {
            let memory = self.core.fabric().memory();
            memory
                .check_range(segment.addr, segment.bytes.len())
                .map_err(|missing| self.no_memory(missing))?;
        }
        let memory = self.core.fabric_mut().memory_mut();
        if let Some(shared) = shared_image::load(memory, &image.segments, &image.engine_caches.of()) {
            self.core.share_code(&shared);
        }
        self.core.chip_mut().0.boot_image(image);
        let rtt = image.symbols.iter().find(|symbol| symbol.name == log_reader::SYMBOL);
        self.rtt_symbol = rtt.map(|symbol| symbol.addr);
        Ok(())
    }

    fn reset(&mut self, kind: ResetKind) -> Result<(), MachineError> {
        if kind == ResetKind::PowerOn {
            self.crashed = None;
        }
        self.core.reset(kind);
        Ok(())
    }

    fn run(&mut self, limit: RunLimit) -> Result<StopReason, MachineError> {
        match self.logs {
            None => self.run_until(limit),
            Some(_) => self.run_with_logs(limit),
        }
    }

    fn step(&mut self) -> Result<StopReason, MachineError> {
        let limits = Limits::instructions(self.core.instructions() + 1);
        Ok(match self.run_core(limits)? {
            CoreStop::Instructions => StopReason::Stepped,
            reason => self.stop_reason(reason),
        })
    }

    fn pause_switch(&self) -> PauseSwitch {
        self.pause.clone()
    }

    fn now(&self) -> VirtualTime {
        self.core.now()
    }

    fn instructions(&self) -> u64 {
        self.core.instructions()
    }

    fn read_memory(&mut self, addr: u32, bytes: &mut [u8]) -> Result<(), MachineError> {
        self.core
            .fabric()
            .memory()
            .read(addr, bytes)
            .map_err(|missing| self.no_memory(missing))
    }

    fn write_memory(&mut self, addr: u32, bytes: &[u8]) -> Result<(), MachineError> {
        let written = self.core.fabric_mut().memory_mut().write(addr, bytes);
        written.map_err(|missing| self.no_memory(missing))
    }

    fn bus_word(&mut self, addr: u32) -> Option<u32> {
        let (chip, fabric) = self.core.chip_mut();
        chip.read(fabric, addr & !3, AccessSize::Word).ok()
    }

    fn registers(&self) -> &[RegisterInfo] {
        self.core.register_list()
    }

    fn read_register(&mut self, name: &str) -> Result<u64, MachineError> {
        let value = self
            .core
            .read_register(name)
            .ok_or_else(|| no_register(&self.info, name))?;
        Ok(u64::from(value))
    }

    fn write_register(&mut self, name: &str, value: u64) -> Result<(), MachineError> {
        self.core
            .write_register(name, value as u32)
            .ok_or_else(|| no_register(&self.info, name))
    }

    fn take_uart_output(&mut self) -> Vec<UartOutput> {
        self.core.fabric_mut().take_uart_output()
    }

    fn uart_input(&mut self, index: u8, bytes: &[u8]) -> Result<usize, MachineError> {
        if let (Some(DebugLine::Rtt(channel)), Some(logs)) = (DebugLine::of(index), &mut self.logs) {
            return Ok(logs.send(channel, bytes));
        }
        if index >= self.info.uarts {
            return Err(MachineError::NoUart {
                board: self.info.board.clone(),
                index,
            });
        }
        let (chip, fabric) = self.core.chip_mut();
        let taken = chip.uart_input_room(index).min(bytes.len());
        if taken > 0 {
            chip.uart_input(fabric, index, &bytes[..taken]);
        }
        Ok(taken)
    }

    fn uart_input_room(&self, index: u8) -> usize {
        if let Some(line) = DebugLine::of(index) {
            return match (line, &self.logs) {
                (DebugLine::Rtt(channel), Some(logs)) => logs.room(channel),
                _ => 0,
            };
        }
        self.core.chip().uart_input_room(index)
    }

    fn uart_busy(&self) -> bool {
        let chip = self.core.chip();
        (0..self.info.uarts).any(|index| chip.uart_busy(index)) || chip.usb_busy()
    }

    fn pin_input(&mut self, pin: u16, level: Option<bool>) -> Result<(), MachineError> {
        if pin >= self.info.pins {
            return Err(MachineError::NoPin {
                board: self.info.board.clone(),
                pin,
            });
        }
        let (chip, fabric) = self.core.chip_mut();
        chip.pin_input(fabric, pin, level);
        Ok(())
    }

    fn pin_level(&self, pin: u16) -> Option<bool> {
        self.core.chip().pin_level(pin)
    }

    fn take_pin_changes(&mut self) -> Vec<PinChange> {
        self.core.fabric_mut().take_pin_changes()
    }

    fn trace(&mut self, on: bool) -> bool {
        self.core.fabric_mut().trace(on);
        true
    }

    fn take_trace(&mut self) -> TraceTaken {
        self.core.fabric_mut().take_trace()
    }

    fn take_faults(&mut self) -> Vec<GuestFault> {
        let mut faults: Vec<GuestFault> = self
            .core
            .fabric_mut()
            .take_faults()
            .into_iter()
            .map(GuestFault::Access)
            .collect();
        faults.append(&mut self.core.take_faults());
        faults.append(&mut self.lockups);
        // The first is the cause. An access and the exception that it raised keep this order.
        faults.sort_by_key(GuestFault::at);
        faults
    }

    fn answer_unmodelled(&mut self, answer: UnmodelledAnswer) -> bool {
        self.core.fabric_mut().answer_unmodelled(answer);
        true
    }

    fn set_command_line(&mut self, line: &str) -> bool {
        self.core.fabric_mut().set_command_line(line);
        true
    }

    fn collect_logs(&mut self) -> bool {
        self.set_logs(Some(LogReader::new(self.rtt_symbol)));
        true
    }

    fn rtt_name(&self, channel: u8) -> Option<String> {
        self.logs.as_ref()?.name(self.core.fabric(), channel)
    }

    fn snapshots(&mut self) -> Option<&mut dyn Snapshot> {
        Some(self)
    }

    fn trapping(&mut self) -> Option<&mut dyn Trapping> {
        Some(self)
    }

    fn debug_access(&mut self) -> Option<&mut dyn DebugAccess> {
        self.core.debug_access()
    }

    fn usb(&mut self) -> Option<&mut dyn UsbDevice> {
        self.core.chip().usb_status()?;
        Some(self)
    }

    fn radio(&mut self) -> Option<&mut dyn RadioAir> {
        if !self.core.chip().has_radio() {
            return None;
        }
        Some(self)
    }

    fn parts(&mut self) -> Option<&mut dyn VirtualParts> {
        self.core.fabric().parts()?;
        Some(self)
    }

    fn profiler(&mut self) -> Option<&mut dyn Profiler> {
        Some(self)
    }

    fn saved_state(&mut self) -> Option<&mut dyn SavedState> {
        Some(self)
    }
}

impl Snapshot for BuiltinMachine {
    fn snapshot(&mut self) -> Result<MachineSnapshot, MachineError> {
        let state = Stored {
            board: self.info.board.clone(),
            core: std::sync::Mutex::new(self.core.fork()),
            logs: self.logs.clone(),
        };
        Ok(MachineSnapshot {
            at: self.core.now(),
            state: Box::new(state),
        })
    }

    fn restore(&mut self, snapshot: &MachineSnapshot) -> Result<(), MachineError> {
        let foreign = || MachineError::ForeignSnapshot {
            board: self.info.board.clone(),
        };
        let stored: &Stored = snapshot.state.downcast_ref().ok_or_else(foreign)?;
        if stored.board != self.info.board {
            return Err(foreign());
        }
        // A poisoned lock means that a fork panicked halfway; the stored state itself is never written.
        let mut core = stored.core.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let profile = self.core.take_profile();
        let on_air = self.core.fabric().is_on_air();
        self.core = core.fork();
        self.core.keep_profile(profile);
        self.core.fabric_mut().set_on_air(on_air);
        self.logs.clone_from(&stored.logs);
        self.crashed = None;
        Ok(())
    }

    fn fork(&mut self) -> Result<Box<dyn Machine>, MachineError> {
        Ok(Box::new(Self {
            info: self.info.clone(),
            core: self.core.fork(),
            pause: PauseSwitch::default(),
            crashed: self.crashed.clone(),
            lockups: Vec::new(),
            armed: None,
            rtt_symbol: self.rtt_symbol,
            logs: self.logs.clone(),
        }))
    }

    fn state_hash(&mut self) -> Result<u64, MachineError> {
        let mut hasher = crate::machine::hash::StateHasher::default();
        self.core.hash_state(&mut hasher);
        std::hash::Hash::hash(&self.logs, &mut hasher);
        Ok(std::hash::Hasher::finish(&hasher))
    }
}

/// The content of a [`MachineSnapshot`] of this engine.
struct Stored {
    board: String,
    /// Locked only to make copies of it: copying marks its pages as shared.
    core: std::sync::Mutex<AnyCore>,
    logs: Option<Box<LogReader>>,
}

fn no_register(info: &MachineInfo, name: &str) -> MachineError {
    MachineError::NoRegister {
        board: info.board.clone(),
        name: name.to_owned(),
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "the emulator panicked".to_owned())
}
