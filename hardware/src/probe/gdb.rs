//! GDB's requests, carried out on the core behind a debug probe. The server is `drydock_gdb`'s.
//!
//! The probe is opened when a debugger connects, and closed when it goes: between two debuggers, and after a pulled cable,
//! nothing of the session before is left. Flash is never written: memory is announced to GDB as read-only there, so that it
//! takes the breakpoint unit for `break`, and writes are refused whatever GDB believes.

use super::{
    ProbeError, Probes,
    debugged::{CODE_REGION_END, CoreState, DebuggedChip, register_names},
    watch::{Watched, Watchpoint},
};
use drydock_assets::{Board, Core};
use drydock_gdb::{ARM_FLOAT, Core32, DebugTarget, Described, RegisterFile, RegisterIndex, copy_part, describe};
use gdbstub::{
    common::Signal,
    outputln,
    stub::SingleThreadStopReason,
    target::{
        Target, TargetError, TargetResult,
        ext::{
            base::{
                BaseOps,
                single_register_access::{SingleRegisterAccess, SingleRegisterAccessOps},
                singlethread::{
                    SingleThreadBase, SingleThreadResume, SingleThreadResumeOps, SingleThreadSingleStep,
                    SingleThreadSingleStepOps,
                },
            },
            breakpoints::{
                Breakpoints, BreakpointsOps, HwBreakpoint, HwBreakpointOps, HwWatchpoint, HwWatchpointOps, WatchKind,
            },
            memory_map::{MemoryMap, MemoryMapOps},
            monitor_cmd::{ConsoleOutput, MonitorCmd, MonitorCmdOps},
            target_description_xml_override::{TargetDescriptionXmlOverride, TargetDescriptionXmlOverrideOps},
        },
    },
};
use std::{fmt::Write as _, ops::Range, time::Duration};

/// How often a running core is asked whether it has halted.
const POLL: Duration = Duration::from_millis(10);
/// GDB asks for less at once.
const MEMORY_BYTES: usize = 64 * 1024;
/// What the debugger last asked the core to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Motion {
    Run,
    Step,
    /// It was let run; it is asked until it halts.
    Wait,
}

/// A board behind a debug probe that debuggers debug.
#[derive(Debug)]
pub struct ProbedTarget {
    probes: Probes,
    probe: String,
    board: Board,
    ram: Vec<Range<u32>>,
    registers: Described,
    description: String,
    memory_map: String,
    chip: Option<DebuggedChip>,
    motion: Motion,
}

impl ProbedTarget {
    /// The board behind a probe. Nothing is opened before a debugger connects.
    pub fn new(probes: &Probes, probe: &str, board: &Board) -> Self {
        let ram = board.chip.ram.iter().map(|ram| ram.base..ram.base + ram.bytes);
        let ram: Vec<Range<u32>> = ram.collect();
        let mut names = register_names();
        if board.chip.core == Core::CortexM4f {
            names.extend(ARM_FLOAT);
        }
        let (registers, description) = describe(&names);
        Self {
            probes: probes.clone(),
            probe: probe.to_owned(),
            board: board.clone(),
            memory_map: memory_map(&ram),
            ram,
            registers,
            description,
            chip: None,
            motion: Motion::Wait,
        }
    }

    /// Checks that a debugger could debug the board: that its chip is behind the probe and answers. It is halted for a
    /// moment.
    ///
    /// # Errors
    /// [`ProbeError`].
    pub fn check(&self) -> Result<(), ProbeError> {
        self.probes.halt(&self.probe, &self.board).map(drop)
    }

    fn is_writable(&self, address: u32, length: usize) -> bool {
        let end = u64::from(address) + length as u64;
        address >= CODE_REGION_END
            || self
                .ram
                .iter()
                .any(|ram| ram.contains(&address) && end <= u64::from(ram.end))
    }

    fn chip(&mut self) -> Result<&mut DebuggedChip, String> {
        self.chip
            .as_mut()
            .ok_or_else(|| "no debugger holds the board".to_owned())
    }

    /// Carries out a request. A refusal is an answer to GDB; a chip that is gone ends the session.
    fn ask<T>(&mut self, ask: impl FnOnce(&mut DebuggedChip) -> Result<T, ProbeError>) -> TargetResult<T, Self> {
        match ask(self.chip().map_err(TargetError::Fatal)?) {
            Ok(value) => Ok(value),
            Err(ProbeError::BusFault(_)) => Err(TargetError::NonFatal),
            Err(error) => Err(TargetError::Fatal(error.to_string())),
        }
    }
}

/// Memory as GDB may use it (GDB manual, E.15 "Memory Map Format"): read-only in the code region.
fn memory_map(ram: &[Range<u32>]) -> String {
    let mut xml = "<?xml version=\"1.0\"?><!DOCTYPE memory-map PUBLIC \"+//IDN gnu.org//DTD GDB Memory Map V1.0//EN\" \"http://sourceware.org/gdb/gdb-memory-map.dtd\"><memory-map>".to_owned();
    let mut add = |kind: &str, start: u64, end: u64| {
        if start < end {
            let length = end - start;
            // Writing to a String does not fail.
            let _ = write!(
                xml,
                "<memory type=\"{kind}\" start=\"{start:#x}\" length=\"{length:#x}\"/>"
            );
        }
    };
    let mut in_code: Vec<&Range<u32>> = ram.iter().filter(|ram| ram.start < CODE_REGION_END).collect();
    in_code.sort_by_key(|ram| ram.start);
    let mut start = 0;
    for ram in in_code {
        add("rom", start, u64::from(ram.start));
        add("ram", u64::from(ram.start), u64::from(ram.end));
        start = u64::from(ram.end);
    }
    add("rom", start, u64::from(CODE_REGION_END));
    add("ram", u64::from(CODE_REGION_END), 1 << 32);
    xml.push_str("</memory-map>");
    xml
}

impl DebugTarget for ProbedTarget {
    fn attach(&mut self) -> Result<(), String> {
        let chip = self.probes.halt(&self.probe, &self.board);
        self.chip = Some(chip.map_err(|error| error.to_string())?);
        Ok(())
    }

    fn detach(&mut self) {
        self.chip = None;
    }

    fn run_on(&mut self) -> Result<Option<SingleThreadStopReason<u32>>, String> {
        let motion = std::mem::replace(&mut self.motion, Motion::Wait);
        let chip = self.chip()?;
        let stopped = match motion {
            Motion::Run => chip.go().map(|()| None),
            Motion::Step => stepped(chip).map(Some),
            Motion::Wait => stopped(chip),
        };
        stopped.map_err(|error| error.to_string())
    }

    fn patience(&self) -> Duration {
        match self.motion {
            Motion::Wait => POLL,
            Motion::Run | Motion::Step => Duration::from_nanos(1),
        }
    }

    fn check_present(&mut self) -> Result<(), String> {
        self.chip()?.state().map(drop).map_err(|error| error.to_string())
    }

    fn halt(&mut self) -> Result<(), String> {
        self.chip()?.halt().map_err(|error| error.to_string())
    }
}

/// Why a core that was let run has halted; `None` while it runs.
fn stopped(chip: &mut DebuggedChip) -> Result<Option<SingleThreadStopReason<u32>>, ProbeError> {
    Ok(match chip.state()? {
        CoreState::Running => None,
        CoreState::Halted => {
            if let Some(watchpoint) = chip.take_watched()? {
                return Ok(Some(accessed(watchpoint)));
            }
            let pc = chip.read_register("pc")?;
            Some(match chip.has_breakpoint(pc) {
                true => SingleThreadStopReason::HwBreak(()),
                false => SingleThreadStopReason::Signal(Signal::SIGTRAP),
            })
        }
        CoreState::LockedUp => {
            chip.halt()?;
            Some(SingleThreadStopReason::Signal(Signal::SIGSEGV))
        }
        CoreState::Released => return Err(ProbeError::DebugOff),
    })
}

/// Executes one instruction. It may be one that a watchpoint watches for.
fn stepped(chip: &mut DebuggedChip) -> Result<SingleThreadStopReason<u32>, ProbeError> {
    chip.step()?;
    let watchpoint = chip.take_watched()?;
    Ok(watchpoint.map_or(SingleThreadStopReason::DoneStep, accessed))
}

fn accessed(watchpoint: Watchpoint) -> SingleThreadStopReason<u32> {
    SingleThreadStopReason::Watch {
        tid: (),
        kind: match watchpoint.watched {
            Watched::Loads => WatchKind::Read,
            Watched::Stores => WatchKind::Write,
            Watched::Both => WatchKind::ReadWrite,
        },
        addr: watchpoint.address,
    }
}

fn watchpoint(address: u32, length: u32, kind: WatchKind) -> Watchpoint {
    let watched = match kind {
        WatchKind::Read => Watched::Loads,
        WatchKind::Write => Watched::Stores,
        WatchKind::ReadWrite => Watched::Both,
    };
    Watchpoint {
        address,
        length,
        watched,
    }
}

impl Target for ProbedTarget {
    type Arch = Core32;
    type Error = String;

    fn base_ops(&mut self) -> BaseOps<'_, Core32, String> {
        BaseOps::SingleThread(self)
    }

    fn support_breakpoints(&mut self) -> Option<BreakpointsOps<'_, Self>> {
        Some(self)
    }

    /// Breakpoints in RAM are GDB's own: it writes BKPT there. In flash it cannot.
    fn guard_rail_implicit_sw_breakpoints(&self) -> bool {
        true
    }

    fn support_monitor_cmd(&mut self) -> Option<MonitorCmdOps<'_, Self>> {
        Some(self)
    }

    fn support_memory_map(&mut self) -> Option<MemoryMapOps<'_, Self>> {
        Some(self)
    }

    fn support_target_description_xml_override(&mut self) -> Option<TargetDescriptionXmlOverrideOps<'_, Self>> {
        Some(self)
    }
}

impl SingleThreadBase for ProbedTarget {
    fn read_registers(&mut self, file: &mut RegisterFile) -> TargetResult<(), Self> {
        let names = self.registers.general().to_vec();
        *file = self.ask(|chip| {
            let values = names.iter().map(|name| chip.read_register(name));
            let values = values.collect::<Result<Vec<u32>, ProbeError>>()?;
            let pc = chip.read_register("pc")?;
            Ok(RegisterFile { values, pc })
        })?;
        Ok(())
    }

    fn write_registers(&mut self, file: &RegisterFile) -> TargetResult<(), Self> {
        let names = self.registers.general().to_vec();
        self.ask(|chip| {
            let mut both = names.iter().zip(&file.values);
            both.try_for_each(|(name, value)| chip.write_register(name, *value))
        })
    }

    fn support_single_register_access(&mut self) -> Option<SingleRegisterAccessOps<'_, (), Self>> {
        Some(self)
    }

    fn read_addrs(&mut self, start: u32, data: &mut [u8]) -> TargetResult<usize, Self> {
        let bytes = data.len().min(MEMORY_BYTES);
        self.ask(|chip| chip.read(start, &mut data[..bytes]))?;
        Ok(bytes)
    }

    fn write_addrs(&mut self, start: u32, data: &[u8]) -> TargetResult<(), Self> {
        if !self.is_writable(start, data.len()) {
            return Err(TargetError::NonFatal);
        }
        self.ask(|chip| chip.write(start, data))
    }

    fn support_resume(&mut self) -> Option<SingleThreadResumeOps<'_, Self>> {
        Some(self)
    }
}

impl SingleRegisterAccess<()> for ProbedTarget {
    fn read_register(&mut self, (): (), register: RegisterIndex, buf: &mut [u8]) -> TargetResult<usize, Self> {
        let parts = self.registers.parts(register).ok_or(TargetError::NonFatal)?.to_vec();
        let values: Vec<u32> = self.ask(|chip| parts.iter().map(|name| chip.read_register(name)).collect())?;
        let bytes: Vec<u8> = values.into_iter().flat_map(u32::to_le_bytes).collect();
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
        self.ask(|chip| {
            let mut both = parts.iter().zip(words);
            both.try_for_each(|(name, word)| chip.write_register(name, u32::from_le_bytes(*word)))
        })
    }
}

impl SingleThreadResume for ProbedTarget {
    fn resume(&mut self, _signal: Option<Signal>) -> Result<(), String> {
        self.motion = Motion::Run;
        Ok(())
    }

    fn support_single_step(&mut self) -> Option<SingleThreadSingleStepOps<'_, Self>> {
        Some(self)
    }
}

impl SingleThreadSingleStep for ProbedTarget {
    fn step(&mut self, _signal: Option<Signal>) -> Result<(), String> {
        self.motion = Motion::Step;
        Ok(())
    }
}

impl Breakpoints for ProbedTarget {
    fn support_hw_breakpoint(&mut self) -> Option<HwBreakpointOps<'_, Self>> {
        Some(self)
    }

    fn support_hw_watchpoint(&mut self) -> Option<HwWatchpointOps<'_, Self>> {
        Some(self)
    }
}

impl HwWatchpoint for ProbedTarget {
    fn add_hw_watchpoint(&mut self, addr: u32, len: u32, kind: WatchKind) -> TargetResult<bool, Self> {
        self.ask(|chip| chip.add_watchpoint(watchpoint(addr, len, kind)))
    }

    fn remove_hw_watchpoint(&mut self, addr: u32, len: u32, kind: WatchKind) -> TargetResult<bool, Self> {
        self.ask(|chip| chip.remove_watchpoint(watchpoint(addr, len, kind)))
    }
}

impl HwBreakpoint for ProbedTarget {
    fn add_hw_breakpoint(&mut self, addr: u32, _kind: usize) -> TargetResult<bool, Self> {
        self.ask(|chip| chip.add_breakpoint(addr))
    }

    fn remove_hw_breakpoint(&mut self, addr: u32, _kind: usize) -> TargetResult<bool, Self> {
        self.ask(|chip| chip.remove_breakpoint(addr))
    }
}

impl MonitorCmd for ProbedTarget {
    fn handle_monitor_cmd(&mut self, command: &[u8], mut out: ConsoleOutput<'_>) -> Result<(), String> {
        match command.trim_ascii() {
            b"reset" | b"reset halt" => {
                self.chip()?.reset().map_err(|error| error.to_string())?;
                outputln!(out, "reset; the core is halted before its first instruction");
            }
            // It is halted whenever a debugger can send this; some send it as a matter of course.
            b"halt" => {}
            _ => outputln!(out, "reset: resets the chip and halts it before its first instruction"),
        }
        Ok(())
    }
}

impl MemoryMap for ProbedTarget {
    fn memory_map_xml(&self, offset: u64, length: usize, buf: &mut [u8]) -> TargetResult<usize, Self> {
        Ok(copy_part(&self.memory_map, offset, length, buf))
    }
}

impl TargetDescriptionXmlOverride for ProbedTarget {
    fn target_description_xml(
        &self,
        annex: &[u8],
        offset: u64,
        length: usize,
        buf: &mut [u8],
    ) -> TargetResult<usize, Self> {
        match annex {
            b"target.xml" => Ok(copy_part(&self.description, offset, length, buf)),
            _ => Err(TargetError::NonFatal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_map_covers_every_address_once() {
        // The STM32F407's core-coupled memory lies in the code region.
        let map = memory_map(&[0x2000_0000..0x2002_0000, 0x1000_0000..0x1001_0000]);
        for part in [
            "<memory type=\"rom\" start=\"0x0\" length=\"0x10000000\"/>",
            "<memory type=\"ram\" start=\"0x10000000\" length=\"0x10000\"/>",
            "<memory type=\"rom\" start=\"0x10010000\" length=\"0xfff0000\"/>",
            "<memory type=\"ram\" start=\"0x20000000\" length=\"0xe0000000\"/>",
        ] {
            assert!(map.contains(part), "{part} is not in {map}");
        }
        assert_eq!(map.matches("<memory ").count(), 4);
    }
}
