//! The memory access port AHB-AP (IHI 0031 chapter 7): CSW, TAR, DRW and the banked data registers.

use crate::AccessSize;

const CSW: u8 = 0x00;
const TAR: u8 = 0x04;
const DRW: u8 = 0x0c;
const BANKED: u8 = 0x10;
const BANKED_LAST: u8 = 0x1c;
const BASE: u8 = 0xf8;
const IDR: u8 = 0xfc;

/// CSW's writable bits: Prot, AddrInc, Size. HPROT1 and DbgStatus are as on silicon.
const CSW_WRITABLE: u32 = 0x7f00_0037;
/// CSW.DeviceEn: memory can be reached.
const DEVICE_ENABLED: u32 = 1 << 6;
const AUTO_INCREMENT: u32 = 0x30;
const SINGLE: u32 = 0x10;
/// TAR increments within blocks of 1 KiB (7.2.2).
const BLOCK_MASK: u32 = 0x3ff;
/// AHB-AP of a Cortex-M4 (TRM table 8-4).
const IDENTIFICATION: u32 = 0x2477_0011;
/// Where the ROM table is, and that it is there.
const ROM_TABLE: u32 = 0xe00f_f003;

/// The access port's own registers.
#[derive(Debug)]
pub(super) struct AhbAp {
    csw: u32,
    tar: u32,
}

impl Default for AhbAp {
    fn default() -> Self {
        Self {
            csw: 0x2300_0002,
            tar: 0,
        }
    }
}

/// One access to memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Access {
    pub(super) addr: u32,
    pub(super) size: AccessSize,
    increments: bool,
}

impl Access {
    /// A value in the byte lanes of its address.
    pub(super) fn in_lanes(self, value: u32) -> u32 {
        value << (8 * (self.addr & 3))
    }

    /// The value that is in the byte lanes of its address.
    pub(super) fn without_lanes(self, lanes: u32) -> u32 {
        let value = lanes >> (8 * (self.addr & 3));
        match self.size {
            AccessSize::Byte => value & 0xff,
            AccessSize::Half => value & 0xffff,
            AccessSize::Word => value,
        }
    }
}

/// What a register's address means.
pub(super) enum Register {
    /// A register of the port itself, with its value.
    Value(u32),
    /// Memory.
    Memory(Access),
}

impl AhbAp {
    /// What a read of a register means.
    pub(super) fn register(&self, register: u8, is_locked: bool) -> Register {
        if let Some(access) = self.memory(register) {
            return Register::Memory(access);
        }
        Register::Value(match register {
            CSW => self.csw | if is_locked { 0 } else { DEVICE_ENABLED },
            TAR => self.tar,
            BASE => ROM_TABLE,
            IDR => IDENTIFICATION,
            _ => 0,
        })
    }

    /// Writes a register; returns the access if it means memory.
    pub(super) fn write(&mut self, register: u8, value: u32) -> Option<Access> {
        match register {
            // Packed transfers are not offered: the field keeps its value.
            CSW if value & AUTO_INCREMENT > SINGLE => {
                self.csw = value & CSW_WRITABLE & !AUTO_INCREMENT | self.csw & AUTO_INCREMENT;
            }
            CSW => self.csw = value & CSW_WRITABLE,
            TAR => self.tar = value,
            _ => return self.memory(register),
        }
        None
    }

    /// The access was carried out.
    pub(super) fn advance(&mut self, access: &Access) {
        if access.increments {
            let next = self.tar.wrapping_add(access.size.bytes());
            self.tar = self.tar & !BLOCK_MASK | next & BLOCK_MASK;
        }
    }

    fn memory(&self, register: u8) -> Option<Access> {
        let size = match self.csw & 7 {
            0 => AccessSize::Byte,
            1 => AccessSize::Half,
            _ => AccessSize::Word,
        };
        match register {
            DRW => Some(Access {
                addr: self.tar & !(size.bytes() - 1),
                size,
                increments: self.csw & AUTO_INCREMENT == SINGLE,
            }),
            BANKED..=BANKED_LAST => Some(Access {
                addr: self.tar & !0xf | u32::from(register & 0xc),
                size: AccessSize::Word,
                increments: false,
            }),
            _ => None,
        }
    }
}
