//! Tables of register accesses against a chip on a fabric, without a core: writes at given times, and the values,
//! interrupts, bytes and refusals that follow. Numbers are the reference manual's.

mod adc;
mod clocks;
mod dma;
mod flash;
mod i2c;
mod map;
mod pins;
mod rtc;
mod slave;
mod small;
mod spi;
mod timer;
mod usart;

use super::Stm32f407;
use crate::core::fabric::{AccessFault, AccessSize, Chip as _, Fabric, ResetKind};
use crate::core::memory::GuestMemory;
use crate::machine::VirtualTime;
use crate::machine::entropy::EntropyStream;

pub(super) const SEED: [u8; 32] = [7; 32];

/// A chip at power-on, and the operations of a table on it.
pub(super) struct Rig {
    pub(super) chip: Stm32f407,
    pub(super) fabric: Fabric,
}

impl Rig {
    pub(super) fn new() -> Self {
        let mut chip = Stm32f407::new(SEED);
        let description = chip.description();
        let mut memory = GuestMemory::new(description.regions);
        super::prepare(&mut memory, 0x0800_0000);
        let mut fabric = Fabric::new(memory, EntropyStream::new(SEED), description.cpu_hz);
        chip.reset(&mut fabric, ResetKind::PowerOn);
        Self { chip, fabric }
    }

    /// With all clocks on.
    pub(super) fn clocked() -> Self {
        let mut rig = Self::new();
        for offset in [0x30, 0x34, 0x38, 0x40, 0x44] {
            rig.write(super::map::RCC + offset, u32::MAX);
        }
        rig
    }

    #[track_caller]
    pub(super) fn read(&mut self, addr: u32) -> u32 {
        self.try_read(addr)
            .unwrap_or_else(|fault| panic!("load from {addr:#010x}: {fault}"))
    }

    pub(super) fn try_read(&mut self, addr: u32) -> Result<u32, AccessFault> {
        self.chip.read(&mut self.fabric, addr, AccessSize::Word)
    }

    #[track_caller]
    pub(super) fn write(&mut self, addr: u32, value: u32) {
        self.try_write(addr, value)
            .unwrap_or_else(|fault| panic!("store of {value:#x} to {addr:#010x}: {fault}"));
    }

    pub(super) fn try_write(&mut self, addr: u32, value: u32) -> Result<(), AccessFault> {
        self.chip.write(&mut self.fabric, addr, value, AccessSize::Word)
    }

    /// Lets `span` pass.
    pub(super) fn pass(&mut self, span: VirtualTime) {
        let until = self.fabric.now() + span;
        while self.fabric.next_event_at() <= until {
            let at = self.fabric.next_event_at().max(self.fabric.now());
            self.fabric.set_position(at, 0x0801_0000);
            while let Some(token) = self.fabric.pop_due_event() {
                self.chip.event(&mut self.fabric, token);
            }
        }
        self.fabric.set_position(until, 0x0801_0000);
    }

    /// As the machine resets it.
    pub(super) fn reset(&mut self, kind: ResetKind) {
        self.fabric.clear_for_reset();
        self.chip.reset(&mut self.fabric, kind);
    }

    /// Bytes that the UARTs sent since the last call.
    pub(super) fn sent(&mut self) -> Vec<u8> {
        let output = self.fabric.take_uart_output();
        output.into_iter().flat_map(|output| output.bytes).collect()
    }

    /// Why accesses were refused since the last call.
    pub(super) fn faults(&mut self) -> Vec<AccessFault> {
        self.fabric
            .take_faults()
            .into_iter()
            .map(|record| record.fault)
            .collect()
    }
}
