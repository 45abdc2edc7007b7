//! The builtin engine's side.

use drydock_emulator::core::fabric::{
    AccessFault, AccessSize, Chip, ChipDescription, CoreDescription, Fabric, ResetKind, RiscVOptions,
};
use drydock_emulator::core::limits::Limits;
use drydock_emulator::core::memory::{GuestMemory, Region, RegionKind};
use drydock_emulator::core::riscv::{RiscV, StopReason};
use drydock_emulator::machine::entropy::EntropyStream;

use super::{CODE, CODE_BYTES, DATA, DATA_BYTES, State};

pub(super) struct Builtin {
    core: RiscV,
}

/// More instructions than a program has.
const ENOUGH: u64 = 2_000;

impl Builtin {
    pub(super) fn new() -> Self {
        let chip: Box<dyn Chip> = Box::new(NoPeripherals);
        let description = chip.description();
        let memory = GuestMemory::new(description.regions);
        let fabric = Fabric::new(memory, EntropyStream::new([0; 32]), description.cpu_hz);
        let mut core = RiscV::new(chip, fabric);
        core.reset(ResetKind::Pin);
        Self { core }
    }

    pub(super) fn load(&mut self, code: &[u8], at: u32) {
        let written = self.core.fabric_mut().memory_mut().write(at, code);
        written.expect("the code region is memory");
    }

    /// Runs from `at` until `end`, where a semihosting call ends the program. `cut`: in many small runs instead of one.
    /// Returns the end state and the number of instructions.
    pub(super) fn run(&mut self, at: u32, end: u32, start: &State, cut: bool) -> Result<(State, u64), String> {
        self.core.reset(ResetKind::Pin);
        for (index, value) in start.x.iter().enumerate() {
            let name = format!("x{index}");
            self.core.write_register(&name, *value).expect("the register exists");
        }
        self.core.write_register("pc", at).expect("pc exists");
        let memory = self.core.fabric_mut().memory_mut();
        memory.write(DATA, &start.data).expect("the data window is memory");
        let first = self.core.instructions();
        // In one run, or in uneven steps, so that blocks are split at every point.
        let mut step = 0;
        let stop = loop {
            step += 1;
            let limit = match cut {
                true => self.core.instructions() + 1 + step * 7 % 31,
                false => first + ENOUGH,
            };
            let stop = self.core.run(Limits::instructions(limit));
            if stop != StopReason::Instructions || self.core.instructions() - first >= ENOUGH {
                break stop;
            }
        };
        let executed = self.core.instructions() - first;
        let pc = self.core.registers().pc();
        if pc != end {
            let faults: Vec<String> = self.core.take_faults().iter().map(ToString::to_string).collect();
            return Err(format!(
                "{stop:?}, pc {pc:#x} instead of {end:#x}, {}",
                faults.join("; ")
            ));
        }
        let mut x = [0; 32];
        x.copy_from_slice(self.core.registers().x());
        let mut data = vec![0; DATA_BYTES as usize];
        let memory = self.core.fabric().memory();
        memory.read(DATA, &mut data).expect("the data window is memory");
        Ok((State { x, data }, executed))
    }
}

#[derive(Clone, Hash, serde::Serialize, serde::Deserialize)]
struct NoPeripherals;

impl Chip for NoPeripherals {
    fn description(&self) -> ChipDescription {
        let region = |name, base, bytes, kind| Region {
            name,
            base,
            bytes,
            kind,
        };
        ChipDescription {
            name: "memory only",
            regions: vec![
                region("code", 0, CODE + CODE_BYTES, RegionKind::Flash),
                region("data", DATA, DATA_BYTES, RegionKind::Ram),
            ],
            core: CoreDescription::RiscV(RiscVOptions {
                reset_pc: CODE,
                identity: [0; 3],
                interrupts: 0x888,
                pmp_entries: 0,
                reservations: true,
                misaligned: true,
                mtvec_mask: u32::MAX,
                mtvec_fixed: 0,
                plain_csrs: &[],
            }),
            cpu_hz: 64_000_000,
            blocks: &[],
        }
    }

    fn read(&mut self, _: &mut Fabric, _: u32, _: AccessSize) -> Result<u32, AccessFault> {
        Err(AccessFault::Unmapped)
    }

    fn write(&mut self, _: &mut Fabric, _: u32, _: u32, _: AccessSize) -> Result<(), AccessFault> {
        Err(AccessFault::Unmapped)
    }

    fn event(&mut self, _: &mut Fabric, _: u64) {}

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
