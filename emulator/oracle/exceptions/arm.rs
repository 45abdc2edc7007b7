//! The Cortex-M4: the builtin core with memory alone, and QEMU's mps2-an386.

use drydock_emulator::core::arm::{CortexM, Limits, StopReason};
use drydock_emulator::core::fabric::{
    AccessFault, AccessSize, Chip, ChipDescription, CoreDescription, CortexMOptions, Fabric, ResetKind,
};
use drydock_emulator::core::memory::{GuestMemory, Region, RegionKind};
use drydock_emulator::machine::entropy::EntropyStream;
use libtest_mimic::Failed;

use super::qemu::Qemu;
use super::{Architecture, Point, Stepped};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    name: "arm",
    title: "Cortex-M4: exceptions",
    machine: "mps2-an386",
    base: 0,
    cases: 0x40,
    registers: &[
        "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "sp", "lr", "pc", "xpsr",
    ],
    pc: 15,
    windows: WINDOWS,
    qemu: "qemu-system-arm",
    ours: |program, entry| Box::new(Builtin::start(program, entry)),
    theirs: |program, entry| Ok(Box::new(start_qemu(program, entry)?)),
    edge: |one, other| {
        let entered_or_left = (one.registers[XPSR] ^ other.registers[XPSR]) & IPSR != 0;
        // The builtin core passes instructions that IT skips together with the previous instruction.
        entered_or_left || (one.registers[XPSR] | other.registers[XPSR]) & IT != 0
    },
};

const XPSR: usize = 16;
/// The number of the current exception, and ITSTATE.
const IPSR: u32 = 0x1ff;
const IT: u32 = 0x0600_fc00;
/// GDB's number of xPSR.
const XPSR_NUMBER: u32 = 25;
/// The tops of the process stack and of the main stack.
const WINDOWS: &[(u32, u32)] = &[(0x2000_2f00, 0x100), (0x2000_3e00, 0x200)];

/// Start values that distinguish registers.
fn pattern(index: u32) -> u32 {
    0x0101_0101 * (index + 1)
}

fn start_qemu(program: &[u8], entry: u32) -> Result<Qemu, Failed> {
    let numbers = (0..16).chain([XPSR_NUMBER]).collect();
    let mut qemu = Qemu::start(
        &["qemu-system-arm", "-M", "mps2-an386"],
        "arm",
        program,
        numbers,
        WINDOWS,
    )?;
    for index in 0..13 {
        qemu.set_register(index, pattern(index))?;
    }
    qemu.set_register(14, pattern(14))?;
    qemu.set_register(15, entry & !1)?;
    qemu.set_register(XPSR_NUMBER, 1 << 24)?;
    Ok(qemu)
}

struct Builtin(CortexM);

impl Builtin {
    fn start(program: &[u8], entry: u32) -> Self {
        let chip: Box<dyn Chip> = Box::new(MemoryAlone);
        let description = chip.description();
        let memory = GuestMemory::new(description.regions);
        let fabric = Fabric::new(memory, EntropyStream::new([0; 32]), description.cpu_hz);
        let mut core = CortexM::new(chip, fabric);
        let memory = core.fabric_mut().memory_mut();
        memory.write(0, program).expect("the program fits");
        core.reset(ResetKind::Pin);
        for index in 0..13 {
            core.write_register(&format!("r{index}"), pattern(index))
                .expect("it exists");
        }
        core.write_register("lr", pattern(14)).expect("it exists");
        core.write_register("pc", entry).expect("it exists");
        core.write_register("xpsr", 1 << 24).expect("it exists");
        Self(core)
    }
}

impl Stepped for Builtin {
    fn point(&mut self) -> Result<Point, Failed> {
        let regs = self.0.registers();
        let mut registers = regs.r.to_vec();
        registers.push(regs.xpsr());
        let mut memory = Vec::new();
        for (base, length) in WINDOWS {
            let mut bytes = vec![0; *length as usize];
            self.0.fabric().memory().read(*base, &mut bytes)?;
            memory.extend(bytes);
        }
        Ok(Point { registers, memory })
    }

    fn step(&mut self) -> Result<(), Failed> {
        match self.0.run(Limits::instructions(self.0.instructions() + 1)) {
            StopReason::Instructions => Ok(()),
            other => Err(format!("the builtin core stopped: {other:?}").into()),
        }
    }
}

/// The memories of mps2-an386 that the cases use; priorities have eight bits there.
#[derive(Clone, Hash, serde::Serialize, serde::Deserialize)]
struct MemoryAlone;

impl Chip for MemoryAlone {
    fn description(&self) -> ChipDescription {
        let region = |name, base, bytes, kind| Region {
            name,
            base,
            bytes,
            kind,
        };
        ChipDescription {
            name: "memory alone",
            regions: vec![
                region("code", 0, 0x40_0000, RegionKind::Flash),
                region("data", 0x2000_0000, 0x40_0000, RegionKind::Ram),
            ],
            core: CoreDescription::CortexM(CortexMOptions {
                irq_count: 32,
                priority_bits: 8,
                fpu: true,
                mpu_regions: 8,
                bit_band: false,
                initial_vtor: 0,
                systick_reference_hz: None,
                systick_calibration: 0,
            }),
            cpu_hz: 25_000_000,
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
