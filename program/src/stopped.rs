//! Where a program stopped: what its debug information needs to tell who called whom.

use drydock_assets::{Board, Core};
use drydock_backtrace::{Core as Registered, DebugInfo, Frame, Registers};
use drydock_emulator::Machine;
use std::ops::Range;

/// Registers and RAM of a machine between two instructions.
#[derive(Debug, Clone)]
pub struct Stopped {
    registers: Registers,
    ram: Vec<(Range<u32>, Vec<u8>)>,
}

impl Stopped {
    /// Those of a machine that stands still; `None` if it does not show them.
    pub fn of(machine: &mut dyn Machine, board: &Board) -> Option<Self> {
        let names: Vec<&'static str> = machine.registers().iter().map(|register| register.name).collect();
        let mut read = |name: &str| machine.read_register(name).ok().map(|value| value as u32);
        let (core, count) = match board.chip.core {
            Core::CortexM4f => (Registered::CortexM, 16),
            Core::Rv32imac => (Registered::RiscV, 32),
        };
        let mut general = [0; 32];
        for (place, name) in general.iter_mut().zip(names).take(count) {
            *place = read(name)?;
        }
        let registers = Registers {
            core,
            general,
            pc: read("pc")?,
            process_stack: read("psp").unwrap_or(0),
        };
        let ram = board.chip.ram.iter().map(|ram| {
            let mut bytes = vec![0; ram.bytes as usize];
            let read = machine.read_memory(ram.base, &mut bytes);
            read.ok().map(|()| (ram.base..ram.base + ram.bytes, bytes))
        });
        let ram = ram.collect::<Option<_>>()?;
        Some(Self { registers, ram })
    }

    /// Who called whom.
    pub fn backtrace(&self, debug_info: &DebugInfo) -> Vec<Frame> {
        debug_info.backtrace(&self.registers, &mut |address| {
            let (range, bytes) = self.ram.iter().find(|(range, _)| range.contains(&address))?;
            let at = (address - range.start) as usize;
            Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
        })
    }
}
