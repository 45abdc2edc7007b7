//! Carries out GDB's requests on the machine.

use std::time::Duration;

use gdbstub::arch::Arch;
use gdbstub::common::Signal;
use gdbstub::outputln;
use gdbstub::stub::SingleThreadStopReason;
use gdbstub::target::ext::base::BaseOps;
use gdbstub::target::ext::base::single_register_access::{SingleRegisterAccess, SingleRegisterAccessOps};
use gdbstub::target::ext::base::singlethread::{
    SingleThreadBase, SingleThreadResume, SingleThreadResumeOps, SingleThreadSingleStep, SingleThreadSingleStepOps,
};
use gdbstub::target::ext::breakpoints::{
    Breakpoints, BreakpointsOps, HwBreakpoint, HwBreakpointOps, HwWatchpoint, HwWatchpointOps, SwBreakpoint,
    SwBreakpointOps, WatchKind,
};
use gdbstub::target::ext::monitor_cmd::{ConsoleOutput, MonitorCmd, MonitorCmdOps};
use gdbstub::target::ext::target_description_xml_override::{
    TargetDescriptionXmlOverride, TargetDescriptionXmlOverrideOps,
};
use gdbstub::target::{Target, TargetError, TargetResult};

use drydock_gdb::{Core32, DebugTarget, Described, RegisterFile, RegisterIndex, copy_part, describe};

use super::Access;
use super::resume;
use crate::machine::Machine;
use crate::machine::MachineError;
use crate::machine::ResetKind;
use crate::machine::{Caught, Traps};

/// Limit of the memory of one request, and of a watchpoint.
const MEMORY_BYTES: usize = 1 << 20;
const WATCHED_BYTES: u32 = 64;

/// Interval of checks whether a machine that runs by itself has stopped.
const GLANCE: Duration = Duration::from_millis(2);

/// A machine that debuggers debug.
#[derive(Debug)]
pub struct GdbTarget<A> {
    access: A,
    registers: Described,
    description: String,
    traps: Traps,
    step: bool,
    /// It runs by itself.
    released: bool,
}

impl<A: Access> GdbTarget<A> {
    /// A machine, of which nothing is asked before a debugger connects.
    pub fn new(access: A) -> Self {
        Self {
            access,
            registers: Described::default(),
            description: String::new(),
            traps: Traps::default(),
            step: false,
            released: false,
        }
    }

    /// Runs a request on the machine. A refusal is an answer to GDB; an engine's failure ends the session.
    fn ask<T: Send + 'static>(
        &mut self,
        ask: impl FnOnce(&mut dyn Machine) -> Result<T, MachineError> + Send + 'static,
    ) -> TargetResult<T, Self> {
        match self.access.visit(ask) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error @ MachineError::Crashed { .. })) => Err(TargetError::Fatal(error.to_string())),
            Ok(Err(_)) => Err(TargetError::NonFatal),
            Err(gone) => Err(TargetError::Fatal(gone.to_string())),
        }
    }
}

impl<A: Access> DebugTarget for GdbTarget<A> {
    fn is_gone(&self) -> bool {
        self.access.is_gone()
    }

    fn attach(&mut self) -> Result<(), String> {
        self.access.attach().map_err(|gone| gone.to_string())?;
        let described = self.access.visit(|machine| {
            let words = machine.registers().iter().filter(|register| register.bits == 32);
            describe(&words.map(|register| register.name).collect::<Vec<_>>())
        });
        (self.registers, self.description) = described.map_err(|gone| gone.to_string())?;
        Ok(())
    }

    fn detach(&mut self) {
        self.access.detach();
    }

    fn run_on(&mut self) -> Result<Option<SingleThreadStopReason<u32>>, String> {
        if !self.step {
            if !self.released {
                self.released = self.access.release(&self.traps).map_err(|gone| gone.to_string())?;
            }
            if self.released {
                let stopped = self.access.stopped()?;
                self.released = stopped.is_none();
                return Ok(stopped.map(reason));
            }
        }
        let (step, traps) = (self.step, self.traps.clone());
        let done = self.access.visit(move |machine| {
            if step {
                resume::step(machine).map(Some)
            } else {
                resume::run(machine, &traps)
            }
        });
        let caught = done
            .map_err(|gone| gone.to_string())?
            .map_err(|error| error.to_string())?;
        Ok(caught.map(reason))
    }

    fn patience(&self) -> Duration {
        if self.released { GLANCE } else { Duration::from_nanos(1) }
    }

    fn halt(&mut self) -> Result<(), String> {
        self.released = false;
        self.access.halt().map_err(|gone| gone.to_string())
    }
}

fn reason(caught: Caught) -> SingleThreadStopReason<u32> {
    match caught {
        Caught::Breakpoint => SingleThreadStopReason::SwBreak(()),
        Caught::Watchpoint(addr) => SingleThreadStopReason::Watch {
            tid: (),
            kind: WatchKind::Write,
            addr,
        },
        Caught::Step => SingleThreadStopReason::DoneStep,
        Caught::Trap => SingleThreadStopReason::Signal(Signal::SIGTRAP),
        Caught::Lockup => SingleThreadStopReason::Signal(Signal::SIGSEGV),
        Caught::Off => SingleThreadStopReason::Signal(Signal::SIGPWR),
        Caught::Paused => SingleThreadStopReason::Signal(Signal::SIGINT),
    }
}

impl<A: Access> Target for GdbTarget<A> {
    type Arch = Core32;
    type Error = String;

    fn base_ops(&mut self) -> BaseOps<'_, Core32, String> {
        BaseOps::SingleThread(self)
    }

    fn support_breakpoints(&mut self) -> Option<BreakpointsOps<'_, Self>> {
        Some(self)
    }

    fn support_monitor_cmd(&mut self) -> Option<MonitorCmdOps<'_, Self>> {
        Some(self)
    }

    fn support_target_description_xml_override(&mut self) -> Option<TargetDescriptionXmlOverrideOps<'_, Self>> {
        Some(self)
    }
}

impl<A: Access> SingleThreadBase for GdbTarget<A> {
    fn read_registers(&mut self, file: &mut RegisterFile) -> TargetResult<(), Self> {
        let names = self.registers.general().to_vec();
        *file = self.ask(move |machine| {
            let values = names.iter().map(|name| Ok(machine.read_register(name)? as u32));
            let values = values.collect::<Result<Vec<u32>, MachineError>>()?;
            let pc = machine.read_register("pc")? as u32;
            Ok(RegisterFile { values, pc })
        })?;
        Ok(())
    }

    fn write_registers(&mut self, file: &RegisterFile) -> TargetResult<(), Self> {
        let (names, values) = (self.registers.general().to_vec(), file.values.clone());
        self.ask(move |machine| {
            for (name, value) in names.iter().zip(values) {
                machine.write_register(name, u64::from(value))?;
            }
            Ok(())
        })
    }

    fn support_single_register_access(&mut self) -> Option<SingleRegisterAccessOps<'_, (), Self>> {
        Some(self)
    }

    fn read_addrs(&mut self, start: u32, data: &mut [u8]) -> TargetResult<usize, Self> {
        let bytes = data.len().min(MEMORY_BYTES);
        let read = self.ask(move |machine| {
            let mut memory = vec![0; bytes];
            machine.read_memory(start, &mut memory).map(|()| memory)
        })?;
        data[..bytes].copy_from_slice(&read);
        Ok(bytes)
    }

    fn write_addrs(&mut self, start: u32, data: &[u8]) -> TargetResult<(), Self> {
        let data = data.to_vec();
        self.ask(move |machine| machine.write_memory(start, &data))
    }

    fn support_resume(&mut self) -> Option<SingleThreadResumeOps<'_, Self>> {
        Some(self)
    }
}

impl<A: Access> SingleRegisterAccess<()> for GdbTarget<A> {
    fn read_register(&mut self, (): (), register: RegisterIndex, buf: &mut [u8]) -> TargetResult<usize, Self> {
        let parts = self.registers.parts(register).ok_or(TargetError::NonFatal)?.to_vec();
        let values: Vec<u64> =
            self.ask(move |machine| parts.iter().map(|name| machine.read_register(name)).collect())?;
        let bytes: Vec<u8> = values.iter().flat_map(|value| (*value as u32).to_le_bytes()).collect();
        let place = buf.get_mut(..bytes.len()).ok_or(TargetError::NonFatal)?;
        place.copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    fn write_register(&mut self, (): (), register: RegisterIndex, value: &[u8]) -> TargetResult<(), Self> {
        let parts = self.registers.parts(register).ok_or(TargetError::NonFatal)?.to_vec();
        let (words, []) = value.as_chunks::<4>() else {
            return Err(TargetError::NonFatal);
        };
        if words.len() != parts.len() {
            return Err(TargetError::NonFatal);
        }
        let words = words.to_vec();
        self.ask(move |machine| {
            let mut both = parts.iter().zip(words);
            both.try_for_each(|(name, word)| machine.write_register(name, u64::from(u32::from_le_bytes(word))))
        })
    }
}

impl<A: Access> SingleThreadResume for GdbTarget<A> {
    fn resume(&mut self, _signal: Option<Signal>) -> Result<(), String> {
        self.step = false;
        Ok(())
    }

    fn support_single_step(&mut self) -> Option<SingleThreadSingleStepOps<'_, Self>> {
        Some(self)
    }
}

impl<A: Access> SingleThreadSingleStep for GdbTarget<A> {
    fn step(&mut self, _signal: Option<Signal>) -> Result<(), String> {
        self.step = true;
        Ok(())
    }
}

impl<A: Access> Breakpoints for GdbTarget<A> {
    fn support_sw_breakpoint(&mut self) -> Option<SwBreakpointOps<'_, Self>> {
        Some(self)
    }

    fn support_hw_breakpoint(&mut self) -> Option<HwBreakpointOps<'_, Self>> {
        Some(self)
    }

    fn support_hw_watchpoint(&mut self) -> Option<HwWatchpointOps<'_, Self>> {
        Some(self)
    }
}

impl<A: Access> SwBreakpoint for GdbTarget<A> {
    fn add_sw_breakpoint(&mut self, addr: u32, _kind: <Core32 as Arch>::BreakpointKind) -> TargetResult<bool, Self> {
        self.traps.breakpoints.insert(addr);
        Ok(true)
    }

    fn remove_sw_breakpoint(&mut self, addr: u32, _kind: <Core32 as Arch>::BreakpointKind) -> TargetResult<bool, Self> {
        Ok(self.traps.breakpoints.remove(&addr))
    }
}

impl<A: Access> HwBreakpoint for GdbTarget<A> {
    fn add_hw_breakpoint(&mut self, addr: u32, kind: <Core32 as Arch>::BreakpointKind) -> TargetResult<bool, Self> {
        self.add_sw_breakpoint(addr, kind)
    }

    fn remove_hw_breakpoint(&mut self, addr: u32, kind: <Core32 as Arch>::BreakpointKind) -> TargetResult<bool, Self> {
        self.remove_sw_breakpoint(addr, kind)
    }
}

impl<A: Access> HwWatchpoint for GdbTarget<A> {
    /// Loads leave no trace that a step could show: only stores that change memory are watched.
    fn add_hw_watchpoint(&mut self, addr: u32, bytes: u32, kind: WatchKind) -> TargetResult<bool, Self> {
        let possible = kind == WatchKind::Write && (1..=WATCHED_BYTES).contains(&bytes);
        if possible {
            self.traps.watchpoints.push((addr, bytes));
        }
        Ok(possible)
    }

    fn remove_hw_watchpoint(&mut self, addr: u32, bytes: u32, _kind: WatchKind) -> TargetResult<bool, Self> {
        let before = self.traps.watchpoints.len();
        self.traps.watchpoints.retain(|watched| *watched != (addr, bytes));
        Ok(self.traps.watchpoints.len() < before)
    }
}

impl<A: Access> MonitorCmd for GdbTarget<A> {
    fn handle_monitor_cmd(&mut self, command: &[u8], mut out: ConsoleOutput<'_>) -> Result<(), String> {
        let kind = match command.trim_ascii() {
            b"reset" | b"reset halt" => ResetKind::Pin,
            b"power" => ResetKind::PowerOn,
            // It is halted whenever a debugger can send this; some send it as a matter of course.
            b"halt" => return Ok(()),
            _ => {
                outputln!(out, "reset: by the reset pin; power: off and on again");
                return Ok(());
            }
        };
        match self.ask(move |machine| machine.reset(kind)) {
            Ok(()) => {
                outputln!(out, "reset");
                Ok(())
            }
            Err(TargetError::Fatal(error)) => Err(error),
            Err(_) => {
                outputln!(out, "refused");
                Ok(())
            }
        }
    }
}

impl<A: Access> TargetDescriptionXmlOverride for GdbTarget<A> {
    fn target_description_xml(
        &self,
        annex: &[u8],
        offset: u64,
        length: usize,
        buf: &mut [u8],
    ) -> TargetResult<usize, Self> {
        if annex != b"target.xml" {
            return Err(TargetError::NonFatal);
        }
        Ok(copy_part(&self.description, offset, length, buf))
    }
}
