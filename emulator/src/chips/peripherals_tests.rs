//! The lists of peripherals in `assets/chips` against what the chips' models decode: one that is said to be modelled answers,
//! one that is said not to be is an unmodelled access, and no model answers that is not listed.

use super::{esp32c6::Esp32C6, fe310::Fe310, nrf52840::Nrf52840, ra4m1::Ra4m1, stm32f407::Stm32f407};
use crate::core::fabric::{AccessFault, AccessSize, Chip, Fabric, ResetKind};
use crate::core::memory::GuestMemory;
use crate::machine::entropy::EntropyStream;
use drydock_assets::{Modelled, Peripheral};

const SEED: [u8; 32] = [7; 32];
const SIZES: [AccessSize; 3] = [AccessSize::Word, AccessSize::Half, AccessSize::Byte];
/// Registers of a peripheral that are tried: the first ones of large ones.
const TRIED: u32 = 0x1000;
/// Registers that no manual has: vendors' start-up code uses the first ones, our functions in the ESP32-C6's ROM the others.
const UNDOCUMENTED: [u32; 5] = [0x4006_ec00, 0x4006_ec14, 0x4006_ed14, 0x600f_f700, 0x600f_f704];

struct Rig {
    chip: Box<dyn Chip>,
    fabric: Fabric,
}

impl Rig {
    fn new(name: &str) -> Self {
        let mut chip: Box<dyn Chip> = match name {
            "nrf52840" => Box::new(Nrf52840::new(SEED)),
            "fe310-g002" => Box::new(Fe310::default()),
            "esp32-c6" => Box::new(Esp32C6::new(SEED)),
            "stm32f407" => Box::new(Stm32f407::new(SEED)),
            "ra4m1" => Box::new(Ra4m1::new(SEED)),
            _ => panic!("{name} has no model; give this test one"),
        };
        let description = chip.description();
        let memory = GuestMemory::new(description.regions);
        let mut fabric = Fabric::new(memory, EntropyStream::new(SEED), description.cpu_hz);
        chip.reset(&mut fabric, ResetKind::PowerOn);
        Self { chip, fabric }
    }

    fn read(&mut self, addr: u32, size: AccessSize) -> Result<u32, AccessFault> {
        if self.fabric.memory().region(addr).is_some() {
            return Ok(0);
        }
        self.chip.read(&mut self.fabric, addr, size)
    }

    /// Whether a load from `addr`, of any width, has an answer.
    fn answers(&mut self, addr: u32) -> bool {
        SIZES.into_iter().any(|size| self.read(addr, size).is_ok())
    }

    fn is_unmodelled(&mut self, addr: u32) -> bool {
        let mut faults = SIZES.into_iter().map(|size| self.read(addr, size));
        faults.any(|fault| fault == Err(AccessFault::Unmodelled))
    }
}

/// The addresses at which a peripheral is tried.
fn tried(peripheral: &Peripheral) -> Vec<u32> {
    match peripheral.register {
        Some(offset) => vec![peripheral.base + offset],
        None => (0..peripheral.bytes.min(TRIED))
            .step_by(4)
            .map(|offset| peripheral.base + offset)
            .collect(),
    }
}

#[test]
fn listed_peripherals_are_what_the_models_decode() {
    let mut wrong = Vec::new();
    for chip in drydock_assets::chips() {
        assert!(!chip.peripherals.is_empty(), "{} has a list", chip.name);
        for peripheral in chip.peripherals.iter() {
            let mut rig = Rig::new(&chip.name);
            let answers = tried(peripheral).into_iter().filter(|addr| rig.answers(*addr)).count();
            let unmodelled = tried(peripheral).first().is_some_and(|addr| rig.is_unmodelled(*addr));
            let fits = match peripheral.state {
                Modelled::Modelled | Modelled::Partly => answers > 0,
                Modelled::None => answers == 0 && unmodelled,
            };
            if !fits {
                wrong.push(format!(
                    "{}: {} at {:#010x} is said to be {:?}; {answers} of its registers answer, unmodelled: {unmodelled}",
                    chip.name, peripheral.name, peripheral.base, peripheral.state
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_answers_is_listed() {
    let mut wrong = Vec::new();
    for chip in drydock_assets::chips() {
        let spaces: &[std::ops::Range<u32>] = match chip.name.as_str() {
            "fe310-g002" => &[0x0200_0000..0x0201_0000, 0x1000_0000..0x1004_0000],
            "esp32-c6" => &[0x2000_1000..0x2000_2000, 0x6000_0000..0x6010_0000],
            "ra4m1" => &[0x4000_0000..0x4010_0000, 0x407e_0000..0x4080_0000],
            _ => &[0x4000_0000..0x4008_0000, 0x5000_0000..0x5008_0000],
        };
        let mut rig = Rig::new(&chip.name);
        let listed = |addr: u32| {
            let mut models = chip.peripherals.iter().filter(|its| its.state != Modelled::None);
            models.any(|its| addr.wrapping_sub(its.base) < its.bytes)
        };
        for addr in spaces.iter().cloned().flatten().step_by(4) {
            if !listed(addr) && !UNDOCUMENTED.contains(&addr) && rig.answers(addr) {
                wrong.push(format!(
                    "{}: {addr:#010x} answers, and no peripheral is listed there",
                    chip.name
                ));
            }
        }
    }
    wrong.truncate(40);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn profiles_name_listed_peripherals() {
    for chip in drydock_assets::chips() {
        for block in Rig::new(&chip.name).chip.description().blocks {
            let (start, end) = (block.base, block.base + block.bytes);
            let mut peripherals = chip.peripherals.iter();
            let listed = peripherals.any(|its| its.base < end && start < its.base + its.bytes) || block.name == "flash";
            assert!(listed, "{}: {} at {:#x}", chip.name, block.name, block.base);
        }
    }
}
