//! Tables of register accesses against a chip on a fabric, without a core: writes at given times, and the values,
//! interrupts, bytes and refusals that follow. Numbers are the product specification's.

mod clock_power;
mod map;
mod nvmc;
mod pins;
mod pwm;
mod radio;
mod rtc;
mod saadc;
mod small;
mod spim;
mod timer;
mod twim;
mod uarte;
mod usbd;

use super::Nrf52840;
use crate::core::fabric::{AccessFault, AccessSize, Chip as _, Fabric, Request, ResetKind};
use crate::core::memory::GuestMemory;
use crate::machine::VirtualTime;
use crate::machine::entropy::EntropyStream;

pub(super) const SEED: [u8; 32] = [7; 32];

/// A chip at power-on, and the operations of a table on it.
pub(super) struct Rig {
    pub(super) chip: Nrf52840,
    pub(super) fabric: Fabric,
}

impl Rig {
    pub(super) fn new() -> Self {
        let mut chip = Nrf52840::new(SEED);
        let description = chip.description();
        let mut fabric = Fabric::new(
            GuestMemory::new(description.regions),
            EntropyStream::new(SEED),
            description.cpu_hz,
        );
        chip.reset(&mut fabric, ResetKind::PowerOn);
        Self { chip, fabric }
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
            self.fabric.set_position(at, 0x1_0000);
            while let Some(token) = self.fabric.pop_due_event() {
                self.chip.event(&mut self.fabric, token);
            }
        }
        self.fabric.set_position(until, 0x1_0000);
    }

    /// Advances time until the event register at `addr` is set; returns how long it took.
    #[track_caller]
    pub(super) fn pass_until(&mut self, addr: u32) -> VirtualTime {
        let start = self.fabric.now();
        while self.read(addr) == 0 {
            let next = self.fabric.next_event_at();
            assert!(next < VirtualTime::MAX, "nothing will set {addr:#010x}");
            let span = next.saturating_sub(self.fabric.now());
            self.pass(span);
        }
        self.fabric.now() - start
    }

    pub(super) fn request(&mut self) -> Option<Request> {
        self.fabric.take_request()
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
}
