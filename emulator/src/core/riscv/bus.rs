//! Routes the core's loads and stores: guest memory first, then the chip's peripherals.

use super::RiscV;
use super::instruction::Width;
use super::pmp::Want;
use super::trap::{Cause, Trap};
use crate::core::fabric::AccessSize;
use crate::core::memory::PAGE_BYTES;

impl Width {
    fn size(self) -> AccessSize {
        match self {
            Self::Byte | Self::ByteUnsigned => AccessSize::Byte,
            Self::Half | Self::HalfUnsigned => AccessSize::Half,
            Self::Word => AccessSize::Word,
        }
    }

    /// The register's value after a load of these bytes.
    #[inline(always)]
    pub(super) fn extend(self, value: u32) -> u32 {
        match self {
            Self::Byte => value as i8 as u32,
            Self::Half => value as i16 as u32,
            Self::Word | Self::ByteUnsigned | Self::HalfUnsigned => value,
        }
    }
}

impl RiscV {
    /// A load of the running instruction.
    pub(super) fn load(&mut self, addr: u32, width: Width) -> Result<u32, Trap> {
        let value = match self.is_misaligned(addr, width) {
            false => self.load_aligned(addr, width.size())?,
            true => self.load_misaligned(addr, width)?,
        };
        Ok(width.extend(value))
    }

    /// A store of the running instruction.
    pub(super) fn store(&mut self, addr: u32, value: u32, width: Width) -> Result<(), Trap> {
        match self.is_misaligned(addr, width) {
            false => self.store_aligned(addr, value, width.size()),
            true => self.store_misaligned(addr, value, width),
        }
    }

    fn is_misaligned(&self, addr: u32, width: Width) -> bool {
        addr & (width.bytes() - 1) != 0
    }

    /// An aligned load, zero-extended.
    pub(super) fn load_aligned(&mut self, addr: u32, size: AccessSize) -> Result<u32, Trap> {
        if !self.allows(addr, size, Want::Read) {
            return Err(Trap::new(Cause::LoadAccess, addr));
        }
        if self.locked && !self.page_is_open(addr) {
            // Without leaving a way for the fast path behind.
            let mut bytes = [0; 4];
            let read = self.fabric.memory().fetch(addr, &mut bytes[..size.bytes() as usize]);
            if read.is_ok() {
                return Ok(u32::from_le_bytes(bytes));
            }
        }
        let memory = self.fabric.memory_mut();
        let found = match size {
            AccessSize::Byte => memory.load::<1>(addr).map(|[byte]| u32::from(byte)),
            AccessSize::Half => memory.load(addr).map(|bytes| u32::from(u16::from_le_bytes(bytes))),
            AccessSize::Word => memory.load(addr).map(u32::from_le_bytes),
        };
        if let Some(value) = found {
            return Ok(value);
        }
        self.place_fabric();
        self.fabric.note_access(addr, false);
        let loaded = self.chip.read(&mut self.fabric, addr, size);
        self.attention |= self.fabric.take_attention();
        loaded.or_else(|fault| match self.fabric.refuse(addr, size, None, fault) {
            true => Err(Trap::new(Cause::LoadAccess, addr)),
            false => Ok(0),
        })
    }

    /// An aligned store.
    pub(super) fn store_aligned(&mut self, addr: u32, value: u32, size: AccessSize) -> Result<(), Trap> {
        if !self.allows(addr, size, Want::Write) {
            return Err(Trap::new(Cause::StoreAccess, addr));
        }
        let bytes = size.bytes() as usize;
        if self.locked && !self.page_is_open(addr) && self.fabric.memory().is_ram(addr, bytes) {
            let memory = self.fabric.memory_mut();
            let written = memory.write(addr, &value.to_le_bytes()[..bytes]);
            self.attention |= memory.has_stale_code();
            return written.map_err(|_| Trap::new(Cause::StoreAccess, addr));
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
        self.place_fabric();
        self.fabric.note_access(addr, true);
        let stored = self.chip.write(&mut self.fabric, addr, value & size.mask(), size);
        self.attention |= self.fabric.take_attention() || self.fabric.memory().has_stale_code();
        stored.or_else(|fault| match self.fabric.refuse(addr, size, Some(value), fault) {
            true => Err(Trap::new(Cause::StoreAccess, addr)),
            false => Ok(()),
        })
    }

    /// On cores that support it, memory serves misaligned loads a byte at a time; devices do not.
    #[cold]
    fn load_misaligned(&mut self, addr: u32, width: Width) -> Result<u32, Trap> {
        self.check_misaligned(addr, width, Cause::LoadMisaligned)?;
        let mut value = 0;
        for index in 0..width.bytes() {
            let byte = self.load_aligned(addr.wrapping_add(index), AccessSize::Byte)?;
            value |= byte << (8 * index);
        }
        Ok(value)
    }

    #[cold]
    fn store_misaligned(&mut self, addr: u32, value: u32, width: Width) -> Result<(), Trap> {
        self.check_misaligned(addr, width, Cause::StoreMisaligned)?;
        for index in 0..width.bytes() {
            let byte = value >> (8 * index) & 0xff;
            self.store_aligned(addr.wrapping_add(index), byte, AccessSize::Byte)?;
        }
        Ok(())
    }

    fn check_misaligned(&self, addr: u32, width: Width, cause: Cause) -> Result<(), Trap> {
        let memory = self.fabric.memory();
        let plain = self.options.misaligned && memory.check_range(addr, width.bytes() as usize).is_ok();
        plain.then_some(()).ok_or(Trap::new(cause, addr))
    }

    /// Whether the PMP lets an aligned access through.
    fn allows(&self, addr: u32, size: AccessSize, want: Want) -> bool {
        let asked = self.guarded || self.locked;
        !asked || self.pmp.allows(addr, size.bytes(), want, self.data_as_user())
    }

    /// Whether machine mode may read and write all of the page of `addr`.
    fn page_is_open(&self, addr: u32) -> bool {
        let page = addr & !(PAGE_BYTES as u32 - 1);
        let open = |want| self.pmp.allows(page, PAGE_BYTES as u32, want, false);
        open(Want::Read) && open(Want::Write)
    }

    /// Sets the fabric's time and PC to those of the running instruction.
    pub(super) fn place_fabric(&mut self) {
        self.fabric.set_position(self.clock.time_at(self.cycles), self.regs.pc);
    }
}
