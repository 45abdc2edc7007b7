//! A bare Cortex-M4: memory, SysTick, and one register at 0x40000000.

use std::error::Error;
use std::time::Instant;

use drydock_emulator::Image;
use drydock_emulator::core::arm::{CortexM, Limits, StopReason};
use drydock_emulator::core::events::Token;
use drydock_emulator::core::fabric::{
    AccessFault, AccessSize, Chip, ChipDescription, CoreDescription, CortexMOptions, Fabric, ResetKind,
};
use drydock_emulator::core::memory::{GuestMemory, Region, RegionKind};
use drydock_emulator::machine::entropy::EntropyStream;

use crate::{Architecture, Run};

pub(crate) const SIDE: Architecture = Architecture {
    name: "Arm",
    compiler: "arm-none-eabi-gcc",
    package: "gcc-arm-none-eabi",
    flags: &["-mcpu=cortex-m4", "-mthumb"],
    linker_script: "arm.ld",
    start: "start_arm.S",
    ends: &["-DSEMI"],
    ends_in_qemu: &["-DSEMI"],
    qemu: &["qemu-system-arm", "-M", "mps2-an386", "-semihosting"],
    instructions: 1_229_555_962,
    run,
};

fn run(image: &Image) -> Result<Run, Box<dyn Error>> {
    let chip: Box<dyn Chip> = Box::new(Bare {
        register: 0,
        accesses: 0,
    });
    let description = chip.description();
    let memory = GuestMemory::new(description.regions);
    let fabric = Fabric::new(memory, EntropyStream::new([0; 32]), description.cpu_hz);
    let mut core = CortexM::new(chip, fabric);
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

/// A Cortex-M4 at 64 MHz with memory and one register.
#[derive(Clone, Hash, serde::Serialize, serde::Deserialize)]
struct Bare {
    register: u32,
    accesses: u64,
}

impl Chip for Bare {
    fn description(&self) -> ChipDescription {
        ChipDescription {
            name: "bare",
            regions: vec![
                Region {
                    name: "flash",
                    base: 0,
                    bytes: 0x10_0000,
                    kind: RegionKind::Flash,
                },
                Region {
                    name: "ram",
                    base: 0x2000_0000,
                    bytes: 0x2_0000,
                    kind: RegionKind::Ram,
                },
            ],
            core: CoreDescription::CortexM(CortexMOptions {
                irq_count: 48,
                priority_bits: 3,
                fpu: true,
                mpu_regions: 8,
                bit_band: false,
                initial_vtor: 0,
                systick_reference_hz: None,
                systick_calibration: 0,
            }),
            cpu_hz: 64_000_000,
            blocks: &[],
        }
    }

    fn read(&mut self, _fabric: &mut Fabric, addr: u32, _size: AccessSize) -> Result<u32, AccessFault> {
        self.accesses += 1;
        if addr == 0x4000_0000 {
            Ok(self.register)
        } else {
            Err(AccessFault::Unmapped)
        }
    }

    fn write(&mut self, _: &mut Fabric, addr: u32, value: u32, _: AccessSize) -> Result<(), AccessFault> {
        self.accesses += 1;
        if addr != 0x4000_0000 {
            return Err(AccessFault::Unmapped);
        }
        self.register = value;
        Ok(())
    }

    fn event(&mut self, _fabric: &mut Fabric, _token: Token) {}

    fn reset(&mut self, _fabric: &mut Fabric, _kind: ResetKind) {}

    fn uart_input(&mut self, _fabric: &mut Fabric, _index: u8, _bytes: &[u8]) {}

    fn uart_input_room(&self, _index: u8) -> usize {
        0
    }

    fn pin_input(&mut self, _fabric: &mut Fabric, _pin: u16, _level: Option<bool>) {}

    fn pin_level(&self, _pin: u16) -> Option<bool> {
        None
    }
}
