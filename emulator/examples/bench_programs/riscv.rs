//! A bare RV32 core: memory, a CLINT, and one register at 0x40000000.

use std::error::Error;
use std::time::Instant;

use drydock_emulator::Image;
use drydock_emulator::core::events::Token;
use drydock_emulator::core::fabric::{
    AccessFault, AccessSize, Chip, ChipDescription, CoreDescription, Fabric, ResetKind, RiscVOptions,
};
use drydock_emulator::core::limits::Limits;
use drydock_emulator::core::memory::{GuestMemory, Region, RegionKind};
use drydock_emulator::core::riscv::clint::Clint;
use drydock_emulator::core::riscv::{RiscV, StopReason};
use drydock_emulator::machine::entropy::EntropyStream;

use crate::{Architecture, Run};

pub(crate) const SIDE: Architecture = Architecture {
    name: "RV32",
    compiler: "riscv64-unknown-elf-gcc",
    package: "gcc-riscv64-unknown-elf",
    flags: &["-march=rv32imac_zicsr", "-mabi=ilp32"],
    linker_script: "rv.ld",
    start: "start_rv.S",
    ends: &["-DSEMI"],
    ends_in_qemu: &["-DVIRT"],
    qemu: &["qemu-system-riscv32", "-M", "virt", "-bios", "none"],
    instructions: 1_334_107_998,
    run,
};

fn run(image: &Image) -> Result<Run, Box<dyn Error>> {
    let chip: Box<dyn Chip> = Box::new(Bare::default());
    let description = chip.description();
    let memory = GuestMemory::new(description.regions);
    let fabric = Fabric::new(memory, EntropyStream::new([0; 32]), description.cpu_hz);
    let mut core = RiscV::new(chip, fabric);
    for segment in &image.segments {
        core.fabric_mut().memory_mut().write(segment.addr, &segment.bytes)?;
    }
    core.reset(ResetKind::Pin);
    let start = Instant::now();
    let stop = core.run(Limits::instructions(u64::MAX));
    let took = start.elapsed();
    if stop != (StopReason::Exit { code: 0 }) {
        return Err(format!("the program stopped with {stop:?} at {:#x}", core.registers().pc()).into());
    }
    let result_at = image.symbol("g_result").ok_or("no symbol g_result")?;
    Ok(Run {
        instructions: core.instructions(),
        took,
        result: core.fabric().memory().read_u32(result_at)?,
    })
}

const CLINT: u32 = 0x0200_0000;
const CLINT_TOKEN: Token = 0;

/// An RV32 core at 64 MHz with memory, a CLINT and one register.
#[derive(Clone, Hash, serde::Serialize, serde::Deserialize)]
struct Bare {
    clint: Clint,
    register: u32,
}

impl Default for Bare {
    fn default() -> Self {
        Self {
            clint: Clint::new(16_000_000, CLINT_TOKEN),
            register: 0,
        }
    }
}

impl Chip for Bare {
    fn description(&self) -> ChipDescription {
        ChipDescription {
            name: "bare",
            regions: vec![Region {
                name: "ram",
                base: 0x8000_0000,
                bytes: 0x4_0000,
                kind: RegionKind::Ram,
            }],
            core: CoreDescription::RiscV(RiscVOptions {
                reset_pc: 0x8000_0000,
                identity: [0; 3],
                interrupts: 0x888,
                pmp_entries: 16,
                reservations: true,
                misaligned: false,
                mtvec_mask: !2,
                mtvec_fixed: 0,
                plain_csrs: &[],
            }),
            cpu_hz: 64_000_000,
            blocks: &[],
        }
    }

    fn read(&mut self, fabric: &mut Fabric, addr: u32, size: AccessSize) -> Result<u32, AccessFault> {
        match addr {
            0x4000_0000 => Ok(self.register),
            CLINT..0x0201_0000 => self.clint.read(fabric, addr - CLINT, size),
            _ => Err(AccessFault::Unmapped),
        }
    }

    fn write(&mut self, fabric: &mut Fabric, addr: u32, value: u32, size: AccessSize) -> Result<(), AccessFault> {
        match addr {
            0x4000_0000 => self.register = value,
            CLINT..0x0201_0000 => self.clint.write(fabric, addr - CLINT, value, size)?,
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    fn event(&mut self, fabric: &mut Fabric, _token: Token) {
        self.clint.wake(fabric);
    }

    fn reset(&mut self, fabric: &mut Fabric, _kind: ResetKind) {
        self.clint.reset(fabric);
    }

    fn uart_input(&mut self, _fabric: &mut Fabric, _index: u8, _bytes: &[u8]) {}

    fn uart_input_room(&self, _index: u8) -> usize {
        0
    }

    fn pin_input(&mut self, _fabric: &mut Fabric, _pin: u16, _level: Option<bool>) {}

    fn pin_level(&self, _pin: u16) -> Option<bool> {
        None
    }
}
