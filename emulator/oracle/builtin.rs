//! The builtin engine's side of the oracle test.

use drydock_emulator::core::arm::{CortexM, Limits, StopReason};
use drydock_emulator::core::fabric::{
    AccessFault, AccessSize, Chip, ChipDescription, CoreDescription, CortexMOptions, Fabric, ResetKind,
};
use drydock_emulator::core::memory::{GuestMemory, Region, RegionKind};
use drydock_emulator::machine::entropy::EntropyStream;

use crate::{CODE, CODE_BYTES, DATA, DATA_BYTES, State};

pub(crate) struct Builtin {
    core: CortexM,
}

/// Address of the code that enables coprocessors 10 and 11, in instructions of two halfwords: MOVW and MOVT of CPACR's
/// address to R0 and of its value to R1, STR.W; then VMRS, so that the context counts as one that uses the extension.
const ENABLE_FP: u32 = 0x100;
const ENABLE_FP_CODE: [u16; 12] = [
    0xf64e, 0x5088, 0xf2ce, 0x0000, 0xf240, 0x0100, 0xf2c0, 0x01f0, 0xf8c0, 0x1000, 0xeef1, 0x0a10,
];

/// More instructions than a program has.
const ENOUGH: u64 = 2_000;

impl Builtin {
    pub(crate) fn new() -> Self {
        let chip: Box<dyn Chip> = Box::new(NoPeripherals);
        let description = chip.description();
        let memory = GuestMemory::new(description.regions);
        let fabric = Fabric::new(memory, EntropyStream::new([0; 32]), description.cpu_hz);
        let mut core = CortexM::new(chip, fabric);
        // Initialised like Unicorn's memory; literals may be loaded from addresses after a program.
        core.fabric_mut()
            .memory_mut()
            .fill(CODE, CODE_BYTES as usize, 0)
            .expect("the code region is memory");
        core.fabric_mut()
            .memory_mut()
            .write(ENABLE_FP, &ENABLE_FP_CODE.map(u16::to_le_bytes).concat())
            .expect("the code region is memory");
        let mut side = Self { core };
        side.reset();
        side
    }

    /// Resets, and lets the guest itself enable the floating-point extension.
    fn reset(&mut self) {
        self.core.reset(ResetKind::Pin);
        self.core.write_register("pc", ENABLE_FP).expect("pc exists");
        let count = ENABLE_FP_CODE.len() as u64 / 2;
        let stop = self.core.run(Limits::instructions(self.core.instructions() + count));
        assert_eq!(stop, StopReason::Instructions);
    }

    pub(crate) fn load(&mut self, code: &[u8], at: u32) {
        self.core
            .fabric_mut()
            .memory_mut()
            .write(at, code)
            .expect("the code region is memory");
    }

    /// Runs from `at` until `end`, where a breakpoint ends the program. `cut`: in many small runs instead of one.
    /// Returns the end state and the number of instructions.
    pub(crate) fn run(&mut self, at: u32, end: u32, start: &State, cut: bool) -> Result<(State, u64), String> {
        for (index, value) in start.r.iter().enumerate() {
            let name = ["sp", "lr"]
                .get(index.wrapping_sub(13))
                .map_or(format!("r{index}"), |name| (*name).to_owned());
            self.core.write_register(&name, *value).expect("the register exists");
        }
        self.core.write_register("xpsr", start.apsr).expect("xpsr exists");
        for (index, value) in start.s.iter().enumerate() {
            self.core
                .write_register(&format!("s{index}"), *value)
                .expect("the register exists");
        }
        self.core.write_register("fpscr", start.fpscr).expect("fpscr exists");
        self.core.write_register("pc", at).expect("pc exists");
        self.core
            .fabric_mut()
            .memory_mut()
            .write(DATA, &start.data)
            .expect("the data window is memory");
        let first = self.core.instructions();
        // In one run, or in uneven steps, so that blocks are split at every point.
        let mut step = 0;
        let stop = loop {
            step += 1;
            let limit = if cut {
                self.core.instructions() + 1 + step * 7 % 31
            } else {
                first + ENOUGH
            };
            let stop = self.core.run(Limits::instructions(limit));
            if stop != StopReason::Instructions || self.core.instructions() - first >= ENOUGH {
                break stop;
            }
        };
        let executed = self.core.instructions() - first;
        let regs = self.core.registers();
        if regs.pc() != end || regs.it != 0 {
            let faults: Vec<String> = self.core.take_faults().iter().map(ToString::to_string).collect();
            let pc = self.core.registers().pc();
            let text = format!("{stop:?}, pc {pc:#x} instead of {end:#x}, {}", faults.join("; "));
            self.reset();
            return Err(text);
        }
        let mut r = [0; 15];
        r.copy_from_slice(&regs.r[..15]);
        let apsr = regs.apsr();
        let mut data = vec![0; DATA_BYTES as usize];
        self.core
            .fabric()
            .memory()
            .read(DATA, &mut data)
            .expect("the data window is memory");
        let fp = |name: &str| self.core.fp_register(name).expect("the extension is there");
        let s = std::array::from_fn(|index| fp(&format!("s{index}")));
        let fpscr = fp("fpscr");
        self.reset();
        Ok((
            State {
                r,
                apsr,
                s,
                fpscr,
                data,
            },
            executed,
        ))
    }
}

#[derive(Clone, Hash, serde::Serialize, serde::Deserialize)]
struct NoPeripherals;

impl Chip for NoPeripherals {
    fn description(&self) -> ChipDescription {
        ChipDescription {
            name: "memory only",
            regions: vec![
                Region {
                    name: "code",
                    base: 0,
                    bytes: CODE + CODE_BYTES,
                    kind: RegionKind::Flash,
                },
                Region {
                    name: "data",
                    base: DATA,
                    bytes: DATA_BYTES,
                    kind: RegionKind::Ram,
                },
            ],
            core: CoreDescription::CortexM(CortexMOptions {
                irq_count: 1,
                priority_bits: 3,
                fpu: true,
                mpu_regions: 0,
                bit_band: false,
                initial_vtor: 0,
                systick_reference_hz: None,
                systick_calibration: 0,
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
