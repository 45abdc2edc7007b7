//! The stack pointer monitors of the bus (manual 15.6 "CPU Stack Pointer Monitor"), which start-up code sets up. They store
//! what they are given; a stack that leaves its range raises nothing here.

use crate::core::fabric::{AccessFault, AccessSize};

pub(super) const BASE: u32 = 0x4000_0d00;
/// MSPMPUOAD and PSPMPUOAD take a value with this key.
const KEY: u32 = 0xa5;

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct StackMonitors {
    /// Of the main stack, and of the process stack.
    monitors: [Monitor; 2],
}

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
struct Monitor {
    oad: u16,
    ctl: u16,
    protected: bool,
    start: u32,
    end: u32,
}

impl StackMonitors {
    pub(super) fn new() -> Self {
        let monitor = Monitor {
            oad: 0,
            ctl: 0,
            protected: false,
            start: 0,
            end: 3,
        };
        Self {
            monitors: [monitor.clone(), monitor],
        }
    }

    pub(super) fn read(&self, offset: u32, size: AccessSize) -> Result<u32, AccessFault> {
        let monitor = &self.monitors[usize::from(offset >= 0x10)];
        Ok(match (offset % 0x10, size) {
            (0x0, AccessSize::Half) => monitor.oad.into(),
            (0x4, AccessSize::Half) => monitor.ctl.into(),
            (0x6, AccessSize::Half) => monitor.protected.into(),
            (0x8, AccessSize::Word) => monitor.start,
            (0xc, AccessSize::Word) => monitor.end,
            (0x0 | 0x4 | 0x6 | 0x8 | 0xc, _) => return Err(AccessFault::Width),
            _ => return Err(AccessFault::Unmapped),
        })
    }

    pub(super) fn write(&mut self, offset: u32, value: u32, size: AccessSize) -> Result<(), AccessFault> {
        let monitor = &mut self.monitors[usize::from(offset >= 0x10)];
        match (offset % 0x10, size) {
            (0x6, AccessSize::Half) if value >> 8 == KEY => monitor.protected = value & 1 != 0,
            (0x0 | 0x6, AccessSize::Half) if value >> 8 != KEY => {}
            (0x0 | 0x4, AccessSize::Half) | (0x8 | 0xc, AccessSize::Word) if monitor.protected => {}
            (0x0, AccessSize::Half) => monitor.oad = value as u16 & 1,
            (0x4, AccessSize::Half) => monitor.ctl = value as u16 & 0x0001,
            (0x8, AccessSize::Word) => monitor.start = value & !3,
            (0xc, AccessSize::Word) => monitor.end = value | 3,
            (0x0 | 0x4 | 0x6 | 0x8 | 0xc, _) => return Err(AccessFault::Width),
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }
}
