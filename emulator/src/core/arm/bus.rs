//! Routes the core's loads and stores: guest memory first, then bit-band aliases, the private peripheral bus, and the
//! chip's peripherals (ARMv7-M B3.1, the system address map).

use super::CortexM;
use super::exceptions::Fault;
use crate::core::fabric::{AccessFault, AccessSize};

/// SRAM and peripheral bit-band aliases, each one bit of a region of 1 MiB a word (B2.1 of the Cortex-M4 TRM).
const BIT_BAND: [(u32, u32); 2] = [(0x2200_0000, 0x2000_0000), (0x4200_0000, 0x4000_0000)];
const BIT_BAND_BYTES: u32 = 0x0200_0000;
/// The core's own part of the private peripheral bus; the rest belongs to the chip (ARMv7-M B3.1, table B3-2).
const PPB: u32 = 0xe000_0000;
const PPB_BYTES: u32 = 0x0004_0000;

impl CortexM {
    /// Whether an address is on the core's own part of the private peripheral bus.
    pub(super) fn is_system(addr: u32) -> bool {
        addr.wrapping_sub(PPB) < PPB_BYTES
    }

    /// A load of the running instruction.
    #[inline(always)]
    pub(super) fn load(&mut self, addr: u32, size: AccessSize, privileged: bool) -> Result<u32, Fault> {
        if !self.system.mpu.enabled() {
            let memory = self.fabric.memory();
            let found = match size {
                AccessSize::Byte => memory.load_fast::<1>(addr).map(|[byte]| u32::from(byte)),
                AccessSize::Half => memory.load_fast(addr).map(|bytes| u32::from(u16::from_le_bytes(bytes))),
                AccessSize::Word => memory.load_fast(addr).map(u32::from_le_bytes),
            };
            if let Some(value) = found {
                return Ok(value);
            }
        }
        self.load_slow(addr, size, privileged)
    }

    /// A store of the running instruction.
    #[inline(always)]
    pub(super) fn store(&mut self, addr: u32, value: u32, size: AccessSize, privileged: bool) -> Result<(), Fault> {
        if !self.system.mpu.enabled() {
            let memory = self.fabric.memory_mut();
            let done = match size {
                AccessSize::Byte => memory.store_fast(addr, [value as u8]),
                AccessSize::Half => memory.store_fast(addr, (value as u16).to_le_bytes()),
                AccessSize::Word => memory.store_fast(addr, value.to_le_bytes()),
            };
            if done {
                return Ok(());
            }
        }
        self.store_slow(addr, value, size, privileged)
    }

    #[cold]
    #[inline(never)]
    fn load_slow(&mut self, addr: u32, size: AccessSize, privileged: bool) -> Result<u32, Fault> {
        self.check_alignment(addr, size)?;
        self.check_mpu(addr, size, false, privileged)?;
        self.watch(addr, size, false);
        if addr & (size.bytes() - 1) != 0 {
            let mut value = 0;
            for index in 0..size.bytes() {
                let byte = self.load_slow(addr.wrapping_add(index), AccessSize::Byte, privileged)?;
                value |= byte << (8 * index);
            }
            return Ok(value);
        }
        let found = match size {
            AccessSize::Byte => self.fabric.memory_mut().load::<1>(addr).map(|[byte]| u32::from(byte)),
            AccessSize::Half => self
                .fabric
                .memory_mut()
                .load(addr)
                .map(|bytes| u32::from(u16::from_le_bytes(bytes))),
            AccessSize::Word => self.fabric.memory_mut().load(addr).map(u32::from_le_bytes),
        };
        if let Some(value) = found {
            return Ok(value);
        }
        if let Some((target, bit)) = self.bit_band(addr, size) {
            return Ok(self.load_slow(target, size, privileged)? >> bit & 1);
        }
        self.place_fabric();
        self.fabric.note_access(addr, false);
        let loaded = match Self::is_system(addr) {
            true => self.load_system(addr, size, privileged),
            false => self.chip.read(&mut self.fabric, addr, size),
        };
        self.attention |= self.fabric.take_attention();
        loaded.or_else(|fault| self.refused(addr, size, None, fault).map(|()| 0))
    }

    #[cold]
    #[inline(never)]
    fn store_slow(&mut self, addr: u32, value: u32, size: AccessSize, privileged: bool) -> Result<(), Fault> {
        self.check_alignment(addr, size)?;
        self.check_mpu(addr, size, true, privileged)?;
        self.watch(addr, size, true);
        if addr & (size.bytes() - 1) != 0 {
            for index in 0..size.bytes() {
                self.store_slow(
                    addr.wrapping_add(index),
                    value >> (8 * index) & 0xff,
                    AccessSize::Byte,
                    privileged,
                )?;
            }
            return Ok(());
        }
        let memory = self.fabric.memory_mut();
        let done = match size {
            AccessSize::Byte => memory.store(addr, [value as u8]),
            AccessSize::Half => memory.store(addr, (value as u16).to_le_bytes()),
            AccessSize::Word => memory.store(addr, value.to_le_bytes()),
        };
        if done.is_some() {
            self.attention |= self.fabric.memory().has_stale_code();
            return Ok(());
        }
        if let Some((target, bit)) = self.bit_band(addr, size) {
            let before = self.load_slow(target, size, privileged)?;
            return self.store_slow(target, before & !(1 << bit) | (value & 1) << bit, size, privileged);
        }
        // The bus has only the lower bytes of the register.
        let value = value & size.mask();
        self.place_fabric();
        self.fabric.note_access(addr, true);
        let stored = match Self::is_system(addr) {
            true => self.store_system(addr, value, size, privileged),
            false => self.chip.write(&mut self.fabric, addr, value, size),
        };
        self.attention |= self.fabric.take_attention() || self.fabric.memory().has_stale_code();
        stored.or_else(|fault| self.refused(addr, size, Some(value), fault))
    }

    /// Sets the fabric's time and PC to those of the running instruction.
    pub(super) fn place_fabric(&mut self) {
        self.fabric
            .set_position(self.clock.time_at(self.cycles), self.regs.pc());
    }

    fn refused(&mut self, addr: u32, size: AccessSize, write: Option<u32>, fault: AccessFault) -> Result<(), Fault> {
        match self.fabric.refuse(addr, size, write, fault) {
            true => Err(Fault::PreciseBus { addr }),
            false => Ok(()),
        }
    }

    /// Unaligned accesses are allowed to normal memory unless CCR.UNALIGN_TRP is set (A3.2.1, B3.1).
    fn check_alignment(&self, addr: u32, size: AccessSize) -> Result<(), Fault> {
        let device = matches!(addr >> 29, 0b010 | 0b101..=0b111);
        if addr & (size.bytes() - 1) != 0 && (device || self.system.scb.traps_unaligned()) {
            return Err(Fault::Unaligned);
        }
        Ok(())
    }

    /// The target of a bit-band alias: the address to access and the bit in it.
    pub(super) fn bit_band(&self, addr: u32, size: AccessSize) -> Option<(u32, u32)> {
        if !self.options.bit_band {
            return None;
        }
        let (alias, base) = BIT_BAND
            .into_iter()
            .find(|(alias, _)| addr.wrapping_sub(*alias) < BIT_BAND_BYTES)?;
        let offset = addr - alias;
        let byte = base + (offset >> 5);
        let target = byte & !(size.bytes() - 1);
        Some((target, (byte - target) * 8 + (offset >> 2 & 7)))
    }
}
