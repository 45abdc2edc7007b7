//! Tables of register accesses against a chip on a fabric, without a core: writes at given times, and the values,
//! interrupts, bytes and refusals that follow. Numbers are the user's manual's.

mod analog;
mod clocks;
mod crc;
mod flash;
mod iic;
mod map;
mod pins;
mod rtc;
mod sci;
mod spi;
mod timers;

use super::Ra4m1;
use crate::core::fabric::{AccessFault, AccessSize, Chip as _, Fabric, ResetKind};
use crate::core::memory::GuestMemory;
use crate::machine::VirtualTime;
use crate::machine::entropy::EntropyStream;
use crate::parts::Parts;
use drydock_assets::{PartChoice, part_kinds};

pub(super) const SEED: [u8; 32] = [7; 32];

/// A chip at power-on, and the operations of a table on it.
pub(super) struct Rig {
    pub(super) chip: Ra4m1,
    pub(super) fabric: Fabric,
}

impl Rig {
    pub(super) fn new() -> Self {
        let mut chip = Ra4m1::new(SEED);
        let description = chip.description();
        let mut memory = GuestMemory::new(description.regions);
        super::prepare(&mut memory, 0x4000);
        let mut fabric = Fabric::new(memory, EntropyStream::new(SEED), description.cpu_hz);
        chip.reset(&mut fabric, ResetKind::PowerOn);
        Self { chip, fabric }
    }

    /// With all modules running and the pins' functions open.
    pub(super) fn awake() -> Self {
        let mut rig = Self::new();
        for addr in [0x4004_7000, 0x4004_7004, 0x4004_7008] {
            rig.write(addr, 0);
        }
        rig.write_byte(0x4004_0d03, 0);
        rig.write_byte(0x4004_0d03, 0x40);
        rig
    }

    /// Awake at 48 MHz of HOCO, everywhere.
    pub(super) fn fast() -> Self {
        let mut rig = Self::new();
        rig.write_half(0x4001_e3fe, 0xa503);
        rig.write_byte(0x4001_e026, 0);
        rig.write(0x4001_e020, 0);
        for addr in [0x4004_7000, 0x4004_7004, 0x4004_7008] {
            rig.write(addr, 0);
        }
        rig.write_byte(0x4004_0d03, 0);
        rig.write_byte(0x4004_0d03, 0x40);
        rig
    }

    #[track_caller]
    pub(super) fn write_byte(&mut self, addr: u32, value: u32) {
        let done = self.chip.write(&mut self.fabric, addr, value, AccessSize::Byte);
        done.unwrap_or_else(|fault| panic!("store of {value:#x} to {addr:#010x}: {fault}"));
    }

    #[track_caller]
    pub(super) fn write_half(&mut self, addr: u32, value: u32) {
        let done = self.chip.write(&mut self.fabric, addr, value, AccessSize::Half);
        done.unwrap_or_else(|fault| panic!("store of {value:#x} to {addr:#010x}: {fault}"));
    }

    #[track_caller]
    pub(super) fn read_byte(&mut self, addr: u32) -> u32 {
        let value = self.chip.read(&mut self.fabric, addr, AccessSize::Byte);
        value.unwrap_or_else(|fault| panic!("load from {addr:#010x}: {fault}"))
    }

    #[track_caller]
    pub(super) fn read_half(&mut self, addr: u32) -> u32 {
        let value = self.chip.read(&mut self.fabric, addr, AccessSize::Half);
        value.unwrap_or_else(|fault| panic!("load from {addr:#010x}: {fault}"))
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

    /// Awake at 48 MHz, on an Uno R4 with a part.
    pub(super) fn with_part(kind: &str) -> Self {
        let mut board = drydock_assets::board("uno-r4-minima").unwrap();
        let choice = PartChoice {
            kind: kind.to_owned(),
            ..PartChoice::default()
        };
        board.add_part(&choice, part_kinds()).unwrap();
        let mut rig = Self::fast();
        rig.fabric.wire_parts(Parts::of(&board));
        rig
    }

    /// Gives the pin to a function (PmnPFS).
    pub(super) fn give(&mut self, port: u32, pin: u32, psel: u32) {
        self.write(0x4004_0800 + port * 0x40 + pin * 4, psel << 24 | 1 << 16);
    }

    /// Lets time pass until a byte register has one of the bits in `mask`; returns how long it took.
    #[track_caller]
    pub(super) fn until(&mut self, addr: u32, mask: u32) -> VirtualTime {
        let start = self.fabric.now();
        while self.read_byte(addr) & mask == 0 {
            let next = self.fabric.next_event_at();
            assert!(next < VirtualTime::MAX, "nothing will set {mask:#x} at {addr:#010x}");
            let span = next.saturating_sub(self.fabric.now());
            self.pass(span);
        }
        self.fabric.now() - start
    }

    /// Lets `span` pass.
    pub(super) fn pass(&mut self, span: VirtualTime) {
        let until = self.fabric.now() + span;
        while self.fabric.next_event_at() <= until {
            let at = self.fabric.next_event_at().max(self.fabric.now());
            self.fabric.set_position(at, 0x4000);
            while let Some(token) = self.fabric.pop_due_event() {
                self.chip.event(&mut self.fabric, token);
            }
        }
        self.fabric.set_position(until, 0x4000);
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
