//! Loads, stores and exclusives. Base registers are written only when every access of the instruction succeeded, so
//! that a fault handler can restart it.

use super::{Flow, Trap};
use crate::core::arm::CortexM;
use crate::core::arm::exceptions::Fault;
use crate::core::arm::instruction::{Address, PC, Reg, Width};
use crate::core::fabric::AccessSize;

impl Width {
    pub(in crate::core::arm) fn size(self) -> AccessSize {
        match self {
            Self::Byte | Self::SignedByte => AccessSize::Byte,
            Self::Half | Self::SignedHalf => AccessSize::Half,
            Self::Word => AccessSize::Word,
        }
    }

    fn extend(self, value: u32) -> u32 {
        match self {
            Self::SignedByte => value as i8 as u32,
            Self::SignedHalf => value as i16 as u32,
            _ => value,
        }
    }
}

impl CortexM {
    /// The address to access, and the new value of the base register, if it is written back.
    #[inline(always)]
    pub(super) fn resolve(&self, address: Address) -> (u32, Option<(Reg, u32)>) {
        match address {
            Address::Offset { rn, imm } => (self.regs.get(rn).wrapping_add_signed(imm), None),
            Address::PreIndexed { rn, imm } => {
                let at = self.regs.get(rn).wrapping_add_signed(imm);
                (at, Some((rn, at)))
            }
            Address::PostIndexed { rn, imm } => {
                let at = self.regs.get(rn);
                (at, Some((rn, at.wrapping_add_signed(imm))))
            }
            Address::Register { rn, rm, shift } => (self.regs.get(rn).wrapping_add(self.regs.get(rm) << shift), None),
            Address::Literal(at) => (at, None),
        }
    }

    fn write_back(&mut self, base: Option<(Reg, u32)>) {
        if let Some((rn, value)) = base {
            self.regs.set(rn, value);
        }
    }

    pub(super) fn load_single(
        &mut self,
        width: Width,
        rt: Reg,
        address: Address,
        unprivileged: bool,
    ) -> Result<Flow, Trap> {
        let (at, base) = self.resolve(address);
        let value = width.extend(self.load(at, width.size(), self.regs.privileged() && !unprivileged)?);
        if rt == PC {
            // The base first: LDR PC, [SP], #4 may be an exception return, which reads SP.
            self.write_back(base);
            return self.load_write_pc(value);
        }
        self.write_back(base);
        self.regs.set(rt, value);
        Ok(Flow::Next)
    }

    pub(super) fn store_single(
        &mut self,
        width: Width,
        rt: Reg,
        address: Address,
        unprivileged: bool,
    ) -> Result<(), Fault> {
        let (at, base) = self.resolve(address);
        let value = self.regs.get(rt);
        self.store(at, value, width.size(), self.regs.privileged() && !unprivileged)?;
        self.write_back(base);
        Ok(())
    }

    pub(super) fn load_dual(&mut self, rt: Reg, rt2: Reg, address: Address) -> Result<(), Fault> {
        let (at, base) = self.resolve(address);
        let low = self.load_aligned_word(at)?;
        let high = self.load_aligned_word(at.wrapping_add(4))?;
        self.write_back(base);
        self.regs.set(rt, low);
        self.regs.set(rt2, high);
        Ok(())
    }

    pub(super) fn store_dual(&mut self, rt: Reg, rt2: Reg, address: Address) -> Result<(), Fault> {
        let (at, base) = self.resolve(address);
        self.store_aligned_word(at, self.regs.get(rt))?;
        self.store_aligned_word(at.wrapping_add(4), self.regs.get(rt2))?;
        self.write_back(base);
        Ok(())
    }

    pub(super) fn load_multiple(&mut self, rn: Reg, list: u16, write_back: bool, before: bool) -> Result<Flow, Trap> {
        let base = self.regs.get(rn);
        let bytes = 4 * list.count_ones();
        let end = if before {
            base.wrapping_sub(bytes)
        } else {
            base.wrapping_add(bytes)
        };
        let mut at = if before { end } else { base };
        let mut values = [0; 16];
        for reg in registers(list) {
            values[usize::from(reg)] = self.load_aligned_word(at)?;
            at = at.wrapping_add(4);
        }
        for reg in registers(list).filter(|&reg| reg != PC) {
            self.regs.set(reg, values[usize::from(reg)]);
        }
        if write_back && list >> rn & 1 == 0 {
            self.regs.set(rn, end);
        }
        if list >> PC & 1 != 0 {
            return self.load_write_pc(values[15]);
        }
        Ok(Flow::Next)
    }

    pub(super) fn store_multiple(&mut self, rn: Reg, list: u16, write_back: bool, before: bool) -> Result<(), Fault> {
        let base = self.regs.get(rn);
        let bytes = 4 * list.count_ones();
        let end = if before {
            base.wrapping_sub(bytes)
        } else {
            base.wrapping_add(bytes)
        };
        let mut at = if before { end } else { base };
        for reg in registers(list) {
            self.store_aligned_word(at, self.regs.get(reg))?;
            at = at.wrapping_add(4);
        }
        if write_back {
            self.regs.set(rn, end);
        }
        Ok(())
    }

    pub(super) fn load_exclusive(&mut self, width: Width, rt: Reg, rn: Reg, imm: u16) -> Result<(), Fault> {
        let at = self.regs.get(rn).wrapping_add(u32::from(imm));
        self.require_aligned(at, width.size())?;
        let value = self.load(at, width.size(), self.regs.privileged())?;
        self.exclusive = true;
        self.regs.set(rt, value);
        Ok(())
    }

    pub(super) fn store_exclusive(&mut self, width: Width, rd: Reg, rt: Reg, rn: Reg, imm: u16) -> Result<(), Fault> {
        let at = self.regs.get(rn).wrapping_add(u32::from(imm));
        self.require_aligned(at, width.size())?;
        if self.exclusive {
            self.store(at, self.regs.get(rt), width.size(), self.regs.privileged())?;
            self.exclusive = false;
            self.regs.set(rd, 0);
        } else {
            self.regs.set(rd, 1);
        }
        Ok(())
    }

    pub(super) fn load_aligned_word(&mut self, at: u32) -> Result<u32, Fault> {
        self.require_aligned(at, AccessSize::Word)?;
        self.load(at, AccessSize::Word, self.regs.privileged())
    }

    pub(super) fn store_aligned_word(&mut self, at: u32, value: u32) -> Result<(), Fault> {
        self.require_aligned(at, AccessSize::Word)?;
        self.store(at, value, AccessSize::Word, self.regs.privileged())
    }

    /// Multiple, dual and exclusive accesses are never allowed unaligned (A3.2.1).
    fn require_aligned(&self, at: u32, size: AccessSize) -> Result<(), Fault> {
        match at & (size.bytes() - 1) {
            0 => Ok(()),
            _ => Err(Fault::Unaligned),
        }
    }
}

/// The registers of a list, lowest first: the order of their addresses.
fn registers(list: u16) -> impl Iterator<Item = Reg> {
    (0..16).filter(move |reg| list >> reg & 1 != 0)
}
