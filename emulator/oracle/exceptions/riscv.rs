//! RV32IMAC: the builtin core with memory and a CLINT, and QEMU's virt machine with a SiFive E31.

use drydock_emulator::core::fabric::{
    AccessFault, AccessSize, Chip, ChipDescription, CoreDescription, Fabric, ResetKind, RiscVOptions,
};
use drydock_emulator::core::limits::Limits;
use drydock_emulator::core::memory::{GuestMemory, Region, RegionKind};
use drydock_emulator::core::riscv::clint::Clint;
use drydock_emulator::core::riscv::{RiscV, StopReason};
use drydock_emulator::machine::entropy::EntropyStream;
use libtest_mimic::Failed;

use super::qemu::Qemu;
use super::{Architecture, Point, Stepped};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    name: "riscv",
    title: "RV32IMAC: traps",
    machine: "virt, sifive-e31",
    base: RAM,
    cases: RAM,
    registers: &[
        "x0", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7",
        "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6", "pc",
    ],
    pc: PC,
    windows: WINDOWS,
    qemu: "qemu-system-riscv32",
    ours: |program, entry| Box::new(Builtin::start(program, entry)),
    theirs: |program, entry| Ok(Box::new(start_qemu(program, entry)?)),
    // A trap or a return changes only pc, and the new pc is neither the next instruction nor a jump's target.
    edge: |one, other| one.registers[..PC] == other.registers[..PC],
};

const PC: usize = 32;
const RAM: u32 = 0x8000_0000;
const CLINT: u32 = 0x0200_0000;
/// The data that the cases protect.
const WINDOWS: &[(u32, u32)] = &[(0x8001_0000, 0x100)];

/// Start values that distinguish registers.
fn pattern(index: u32) -> u32 {
    0x0101_0101 * index
}

fn start_qemu(program: &[u8], entry: u32) -> Result<Qemu, Failed> {
    let command = [
        "qemu-system-riscv32",
        "-M",
        "virt",
        "-cpu",
        "sifive-e31",
        "-bios",
        "none",
    ];
    let mut qemu = Qemu::start(&command, "riscv", program, (0..33).collect(), WINDOWS)?;
    for index in 1..32 {
        qemu.set_register(index, pattern(index))?;
    }
    qemu.set_register(32, entry)?;
    Ok(qemu)
}

struct Builtin(RiscV);

impl Builtin {
    fn start(program: &[u8], entry: u32) -> Self {
        let chip: Box<dyn Chip> = Box::new(MemoryAndClint(Clint::new(10_000_000, 0)));
        let description = chip.description();
        let memory = GuestMemory::new(description.regions);
        let fabric = Fabric::new(memory, EntropyStream::new([0; 32]), description.cpu_hz);
        let mut core = RiscV::new(chip, fabric);
        let memory = core.fabric_mut().memory_mut();
        memory.write(RAM, program).expect("the program fits");
        core.reset(ResetKind::Pin);
        for index in 1..32 {
            core.write_register(&format!("x{index}"), pattern(index))
                .expect("it exists");
        }
        core.write_register("pc", entry).expect("it exists");
        Self(core)
    }
}

impl Stepped for Builtin {
    fn point(&mut self) -> Result<Point, Failed> {
        let mut registers = self.0.registers().x().to_vec();
        registers.push(self.0.registers().pc());
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

/// The parts of QEMU's virt machine that the cases use.
#[derive(Clone, Hash, serde::Serialize, serde::Deserialize)]
struct MemoryAndClint(Clint);

impl Chip for MemoryAndClint {
    fn description(&self) -> ChipDescription {
        ChipDescription {
            name: "memory and CLINT",
            regions: vec![Region {
                name: "ram",
                base: RAM,
                bytes: 0x10_0000,
                kind: RegionKind::Ram,
            }],
            core: CoreDescription::RiscV(RiscVOptions {
                reset_pc: RAM,
                identity: [0; 3],
                interrupts: 0x888,
                pmp_entries: 16,
                reservations: true,
                misaligned: true,
                mtvec_mask: !2,
                mtvec_fixed: 0,
                plain_csrs: &[],
            }),
            cpu_hz: 10_000_000,
            blocks: &[],
        }
    }

    fn read(&mut self, fabric: &mut Fabric, addr: u32, size: AccessSize) -> Result<u32, AccessFault> {
        match addr {
            CLINT..0x0201_0000 => self.0.read(fabric, addr - CLINT, size),
            _ => Err(AccessFault::Unmapped),
        }
    }

    fn write(&mut self, fabric: &mut Fabric, addr: u32, value: u32, size: AccessSize) -> Result<(), AccessFault> {
        match addr {
            CLINT..0x0201_0000 => self.0.write(fabric, addr - CLINT, value, size),
            _ => Err(AccessFault::Unmapped),
        }
    }

    fn event(&mut self, fabric: &mut Fabric, _: u64) {
        self.0.wake(fabric);
    }

    fn reset(&mut self, fabric: &mut Fabric, _: ResetKind) {
        self.0.reset(fabric);
    }

    fn uart_input(&mut self, _: &mut Fabric, _: u8, _: &[u8]) {}

    fn uart_input_room(&self, _: u8) -> usize {
        0
    }

    fn pin_input(&mut self, _: &mut Fabric, _: u16, _: Option<bool>) {}

    fn pin_level(&self, _: u16) -> Option<bool> {
        None
    }
}
