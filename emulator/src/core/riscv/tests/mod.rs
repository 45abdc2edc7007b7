//! The privileged architecture on hand-assembled programs: a main program at 0x100 and a trap handler at [`HANDLER`],
//! on a chip with a few registers that raise interrupts. The oracle test covers the results of instructions.

pub(crate) mod asm;
mod atomics;
mod code;
mod csrs;
mod cycle_model;
mod encodings;
mod interrupts;
mod protection;
mod traps;

use super::{RiscV, StopReason};
use crate::core::fabric::{
    AccessFault, AccessSize, Chip, ChipDescription, CoreDescription, Fabric, ResetKind, RiscVOptions,
};
use crate::core::limits::Limits;
use crate::core::memory::{GuestMemory, Region, RegionKind};
use crate::machine::VirtualTime;
use crate::machine::entropy::EntropyStream;

/// Address of the main program.
const MAIN: u32 = 0x100;
/// Address of the trap handler, vectored or not.
const HANDLER: u32 = 0x400;
const RAM: u32 = 0x2000_0000;
const DEVICE: u32 = 0x4000_0000;
/// One cycle of the 64 MHz clock.
const CYCLE: VirtualTime = VirtualTime::from_ps(15_625);

/// A machine under test.
struct Rig {
    core: RiscV,
}

impl Rig {
    /// `main` runs after reset; the handler ends the program at once.
    fn new(main: &[u32]) -> Self {
        let chip: Box<dyn Chip> = Box::new(Registers);
        let description = chip.description();
        let memory = GuestMemory::new(description.regions);
        let fabric = Fabric::new(memory, EntropyStream::new([1; 32]), description.cpu_hz);
        let core = RiscV::new(chip, fabric);
        Self { core }.place(MAIN, main).place(HANDLER, &asm::END)
    }

    fn place(mut self, addr: u32, code: &[u32]) -> Self {
        let bytes: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.core.fabric_mut().memory_mut().write(addr, &bytes).unwrap();
        self
    }

    /// Runs from reset, with `mtvec` at the handler, until the program stops by itself, within a second.
    fn run(mut self) -> Self {
        self.core.reset(ResetKind::Pin);
        self.core.write_register("mtvec", HANDLER).unwrap();
        let stop = self.core.run(Limits::until(VirtualTime::from_seconds(1)));
        assert!(
            matches!(stop, StopReason::Semihosting { .. }),
            "{stop:?} at {:#x}: {:?}",
            self.core.registers().pc(),
            self.faults()
        );
        self
    }

    fn x(&self, index: usize) -> u32 {
        self.core.registers().x()[index]
    }

    fn csr(&self, name: &str) -> u32 {
        self.core.read_register(name).unwrap()
    }

    fn at(&self, addr: u32) -> u32 {
        self.core.fabric().memory().read_u32(addr).unwrap()
    }

    fn faults(&self) -> Vec<String> {
        self.core.traps_taken.iter().map(ToString::to_string).collect()
    }
}

/// A chip of test registers: 0x40000000 raises the written line, +4 lowers it, +8 (line << 16 | cycles) raises it that
/// many cycles later, +0x18 holds a value that counts its stores, +0x20 is known but not modelled.
#[derive(Clone, Hash, serde::Serialize, serde::Deserialize)]
struct Registers;

impl Chip for Registers {
    fn description(&self) -> ChipDescription {
        ChipDescription {
            name: "test",
            regions: vec![
                Region::new("flash", 0, 0x4000, RegionKind::Flash),
                Region::new("ram", RAM, 0x4000, RegionKind::Ram),
            ],
            core: CoreDescription::RiscV(RiscVOptions {
                reset_pc: MAIN,
                identity: [1, 2, 3],
                interrupts: 0xffff_0888,
                pmp_entries: 16,
                reservations: true,
                misaligned: false,
                mtvec_mask: !2,
                mtvec_fixed: 0,
                plain_csrs: &[(0x7c0, 5)],
            }),
            cpu_hz: 64_000_000,
            blocks: &[],
        }
    }

    fn read(&mut self, _fabric: &mut Fabric, addr: u32, _size: AccessSize) -> Result<u32, AccessFault> {
        match addr.wrapping_sub(DEVICE) {
            0x18 => Ok(0x55),
            0x20 => Err(AccessFault::Unmodelled),
            _ => Err(AccessFault::Unmapped),
        }
    }

    fn write(&mut self, fabric: &mut Fabric, addr: u32, value: u32, _size: AccessSize) -> Result<(), AccessFault> {
        match addr.wrapping_sub(DEVICE) {
            0x00 => fabric.set_irq(value as u16, true),
            0x04 => fabric.set_irq(value as u16, false),
            0x08 => {
                let span = VirtualTime::from_ps(CYCLE.as_ps() * u64::from(value & 0xffff));
                fabric.schedule_in(span, u64::from(value >> 16));
            }
            // Shows on the outside what was stored.
            0x18 => fabric.uart_output(0, value as u8),
            0x20 => return Err(AccessFault::Unmodelled),
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    fn event(&mut self, fabric: &mut Fabric, token: u64) {
        fabric.set_irq(token as u16, true);
    }

    fn reset(&mut self, _: &mut Fabric, _: ResetKind) {}

    fn uart_input(&mut self, _: &mut Fabric, _: u8, _: &[u8]) {}

    fn uart_input_room(&self, _: u8) -> usize {
        0
    }

    fn pin_input(&mut self, _: &mut Fabric, _: u16, _: Option<bool>) {}

    fn pin_level(&self, _: u16) -> Option<bool> {
        None
    }
}
