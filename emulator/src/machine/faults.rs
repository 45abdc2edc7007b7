//! Faults of a guest, and uses that an engine does not model: refused accesses, fault exceptions, lockups.

use std::fmt;

use super::time::VirtualTime;

/// Something the guest did wrong, or that the engine does not model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuestFault {
    /// An access that was refused.
    Access(FaultRecord),
    /// The guest took a fault exception; its own handler may hide it.
    Exception {
        /// When.
        at: VirtualTime,
        /// Where.
        pc: u32,
        /// The link register at that time: the caller, if it happened in a leaf function.
        lr: u32,
        /// Which fault, with address and time, for people.
        what: String,
    },
    /// The core locked up.
    Lockup {
        /// When.
        at: VirtualTime,
        /// Where.
        pc: u32,
    },
    /// An instruction or mode that the engine does not model.
    Unmodelled {
        /// When.
        at: VirtualTime,
        /// Where.
        pc: u32,
        /// What.
        what: String,
    },
}

impl GuestFault {
    /// When it happened.
    pub fn at(&self) -> VirtualTime {
        match self {
            Self::Access(record) => record.at,
            Self::Exception { at, .. } | Self::Lockup { at, .. } | Self::Unmodelled { at, .. } => *at,
        }
    }
}

impl fmt::Display for GuestFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Access(record) => record.fmt(f),
            Self::Exception { what, .. } => f.write_str(what),
            Self::Lockup { at, pc } => write!(f, "lockup at {pc:#010x}, {at} s"),
            Self::Unmodelled { at, pc, what } => write!(f, "{what} at {pc:#010x}, {at} s: not modelled"),
        }
    }
}

/// An access that was refused, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FaultRecord {
    /// When.
    pub at: VirtualTime,
    /// The requested access.
    pub addr: u32,
    /// Address of the instruction (for DMA: of the one that was running).
    pub pc: u32,
    /// Width.
    pub size: AccessSize,
    /// A store's value; `None` for a load.
    pub write: Option<u32>,
    /// Why it was refused.
    pub fault: AccessFault,
}

impl fmt::Display for FaultRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.size.bytes() * 8;
        match self.write {
            Some(value) => write!(f, "{width}-bit store of {value:#x} to {:#010x}", self.addr)?,
            None => write!(f, "{width}-bit load from {:#010x}", self.addr)?,
        }
        write!(
            f,
            " by the instruction at {:#010x}, {} s: {}",
            self.pc, self.at, self.fault
        )
    }
}

/// Why an access was not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AccessFault {
    /// Absent on silicon too.
    #[error("nothing is mapped there")]
    Unmapped,
    /// Silicon has a register there that is not modelled here.
    #[error("the register is not modelled")]
    Unmodelled,
    /// The register is modelled, but this use of it (a value, a mode) is not.
    #[error("this use of the register is not modelled")]
    UnmodelledUse,
    /// The peripheral refuses this width.
    #[error("the access width is not supported there")]
    Width,
    /// The chip refuses it: flash write not enabled, protected region.
    #[error("the access is not permitted")]
    Denied,
    /// The peripheral's clock is off. As on silicon there is no other effect: a load gave zero, a store was lost.
    #[error("the peripheral's clock is off: a load gives zero there, a store is lost")]
    Unclocked,
    /// The flash word has been written as often as the chip allows between two erasures. The store was executed all the
    /// same.
    #[error("the flash word was written more often than the chip allows between two erasures")]
    WornWord,
}

impl AccessFault {
    /// Whether silicon would serve the access.
    pub const fn is_gap_of_model(self) -> bool {
        matches!(self, Self::Unmodelled | Self::UnmodelledUse)
    }
}

/// The answer to an access that silicon would serve and the engine does not model. It is reported in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnmodelledAnswer {
    /// A bus fault, as where nothing is: a program cannot mistake what follows for silicon's behaviour.
    #[default]
    Fault,
    /// A load gives zero and a store is lost: a program that only sets something up in passing goes on.
    Zero,
}

/// Width of one access on the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AccessSize {
    /// 8 bits.
    Byte,
    /// 16 bits.
    Half,
    /// 32 bits.
    Word,
}

impl AccessSize {
    /// The bits of a value of this width.
    pub const fn mask(self) -> u32 {
        match self {
            Self::Byte => 0xff,
            Self::Half => 0xffff,
            Self::Word => u32::MAX,
        }
    }

    /// In bytes: 1, 2 or 4.
    pub const fn bytes(self) -> u32 {
        match self {
            Self::Byte => 1,
            Self::Half => 2,
            Self::Word => 4,
        }
    }
}
