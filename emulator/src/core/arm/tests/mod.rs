//! Exceptions, faults, sleep and memory on hand-assembled programs: a vector table, a main program at 0x100 and
//! handlers beside it, on a chip with a few registers that raise interrupts.

mod cycle_model;
mod dsp;
mod exceptions;
mod faults;
mod flat;
mod fp;
mod links;
mod memory;
mod semihosting;
mod sleep;

use super::{CortexM, Limits, StopReason};
use crate::core::fabric::{
    AccessFault, AccessSize, Chip, ChipDescription, CoreDescription, CortexMOptions, Fabric, Request, ResetKind,
};
use crate::core::memory::{GuestMemory, Region, RegionKind};
use crate::machine::VirtualTime;
use crate::machine::entropy::EntropyStream;

/// Address of the main program.
const MAIN: u32 = 0x100;
/// Initial main stack.
const STACK: u32 = 0x2000_1000;
/// One cycle of the 64 MHz clock.
const CYCLE: VirtualTime = VirtualTime::from_ps(15_625);

/// A machine under test.
struct Rig {
    core: CortexM,
}

impl Rig {
    /// `main` runs after reset; every vector points to 0xFFFF until it is set.
    fn new(main: &[u16]) -> Self {
        Self::on(Registers { fpu: false }, main)
    }

    /// As [`Self::new`], with the floating-point extension.
    fn with_fp(main: &[u16]) -> Self {
        Self::on(Registers { fpu: true }, main)
    }

    fn on(chip: Registers, main: &[u16]) -> Self {
        let chip: Box<dyn Chip> = Box::new(chip);
        let description = chip.description();
        let fabric = Fabric::new(
            GuestMemory::new(description.regions),
            EntropyStream::new([1; 32]),
            description.cpu_hz,
        );
        let mut rig = Self {
            core: CortexM::new(chip, fabric),
        };
        rig.word(0, STACK);
        rig.word(4, MAIN | 1);
        rig.place(MAIN, main);
        rig
    }

    /// Handler code for `exception` at `addr`.
    fn handler(mut self, exception: u32, addr: u32, code: &[u16]) -> Self {
        self.word(4 * exception, addr | 1);
        self.place(addr, code);
        self
    }

    fn place(&mut self, addr: u32, code: &[u16]) {
        let bytes: Vec<u8> = code.iter().flat_map(|half| half.to_le_bytes()).collect();
        self.core.fabric_mut().memory_mut().write(addr, &bytes).unwrap();
    }

    fn word(&mut self, addr: u32, value: u32) {
        self.core
            .fabric_mut()
            .memory_mut()
            .write(addr, &value.to_le_bytes())
            .unwrap();
    }

    /// Runs from reset until the program stops by itself (BKPT 0xAB), within a second.
    fn run(mut self) -> Self {
        self.core.reset(ResetKind::Pin);
        let stop = self.core.run(Limits::until(VirtualTime::from_seconds(1)));
        assert!(
            matches!(stop, StopReason::Semihosting { .. }),
            "{stop:?} at {:#x}: {:?}",
            self.pc(),
            self.faults()
        );
        self
    }

    /// As [`Self::run`], for programs that end differently.
    fn run_to(&mut self) -> StopReason {
        self.core.reset(ResetKind::Pin);
        self.core.run(Limits::until(VirtualTime::from_seconds(1)))
    }

    fn r(&self, index: usize) -> u32 {
        self.core.registers().r[index]
    }

    fn pc(&self) -> u32 {
        self.core.registers().pc()
    }

    fn at(&self, addr: u32) -> u32 {
        self.core.fabric().memory().read_u32(addr).unwrap()
    }

    fn faults(&self) -> Vec<String> {
        self.core.faults_taken.iter().map(ToString::to_string).collect()
    }
}

/// A chip of test registers:
/// 0x40000000 raises the written line, +4 lowers it, +8 pulses it, +0xC (line << 16 | cycles) pulses it that many
/// cycles later, +0x10 asks for a software reset, +0x14 powers off, +0x18 holds a value, +0x20 is known but not
/// modelled.
#[derive(Clone, Hash, serde::Serialize, serde::Deserialize)]
struct Registers {
    fpu: bool,
}

const DEVICE: u32 = 0x4000_0000;

impl Chip for Registers {
    fn description(&self) -> ChipDescription {
        ChipDescription {
            name: "test",
            regions: vec![
                Region {
                    name: "flash",
                    base: 0,
                    bytes: 0x4000,
                    kind: RegionKind::Flash,
                },
                Region {
                    name: "ram",
                    base: 0x2000_0000,
                    bytes: 0x4000,
                    kind: RegionKind::Ram,
                },
            ],
            core: CoreDescription::CortexM(CortexMOptions {
                irq_count: 40,
                priority_bits: 3,
                fpu: self.fpu,
                mpu_regions: 8,
                bit_band: true,
                initial_vtor: 0,
                systick_reference_hz: None,
                systick_calibration: 0,
            }),
            cpu_hz: 64_000_000,
            blocks: &[],
        }
    }

    fn read(&mut self, fabric: &mut Fabric, addr: u32, _size: AccessSize) -> Result<u32, AccessFault> {
        match addr - DEVICE {
            0x18 => Ok(fabric.now().as_ps() as u32),
            0x20 => Err(AccessFault::Unmodelled),
            _ => Err(AccessFault::Unmapped),
        }
    }

    fn write(&mut self, fabric: &mut Fabric, addr: u32, value: u32, _size: AccessSize) -> Result<(), AccessFault> {
        match addr.wrapping_sub(DEVICE) {
            0x00 => fabric.set_irq(value as u16, true),
            0x04 => fabric.set_irq(value as u16, false),
            0x08 => fabric.pend_irq(value as u16),
            0x0c => {
                let span = VirtualTime::from_ps(CYCLE.as_ps() * u64::from(value & 0xffff));
                fabric.schedule_in(span, u64::from(value >> 16));
            }
            0x10 => fabric.request(Request::Reset(ResetKind::Software)),
            0x14 => fabric.request(Request::PowerOff),
            0x18 => {}
            0x20 => return Err(AccessFault::Unmodelled),
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    fn event(&mut self, fabric: &mut Fabric, token: u64) {
        fabric.pend_irq(token as u16);
    }

    fn reset(&mut self, _: &mut Fabric, _: ResetKind) {}

    fn uart_input(&mut self, _: &mut Fabric, _: u8, _: &[u8]) {}

    fn uart_input_room(&self, _: u8) -> usize {
        0
    }

    fn pin_input(&mut self, fabric: &mut Fabric, _: u16, _: Option<bool>) {
        fabric.request(Request::Reset(ResetKind::WakeUp));
    }

    fn pin_level(&self, _: u16) -> Option<bool> {
        None
    }
}
