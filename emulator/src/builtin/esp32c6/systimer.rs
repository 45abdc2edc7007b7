//! System timer (ESP32-C6 Technical Reference Manual, chapter 14): two 52-bit counters of 16 MHz. Alarms are not modelled:
//! switching one on is a fault.

use crate::builtin::fabric::{AccessFault, Fabric};

const HZ: u64 = 16_000_000;
const COUNT: u64 = (1 << 52) - 1;
const UPDATE: u32 = 1 << 30;
const VALID: u32 = 1 << 29;
/// CONF: TARGET0 to TARGET2 work.
const TARGETS_EN: u32 = 7 << 22;

#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Systimer {
    conf: u32,
    /// Counters less the ticks since power-on.
    offset: [u64; 2],
    latched: [u64; 2],
    load: [u64; 2],
    /// Target and comparison registers.
    held: [u32; 13],
}

impl Systimer {
    pub(super) fn reset(&mut self, fabric: &Fabric) {
        let zero = 0_u64.wrapping_sub(fabric.now().ticks(HZ));
        *self = Self {
            conf: 1 << 30 | 1 << 29,
            offset: [zero; 2],
            ..Self::default()
        };
    }

    pub(super) fn read(&self, offset: u32) -> Result<u32, AccessFault> {
        let unit = (offset >> 3 & 1) as usize;
        Ok(match offset {
            0x00 => self.conf,
            0x04 | 0x08 => VALID,
            0x1c..=0x3c => self.held[(offset as usize - 0x1c) / 4],
            0x40 | 0x48 => (self.latched[unit] >> 32) as u32,
            0x44 | 0x4c => self.latched[unit] as u32,
            0x64 => self.held[12],
            0x68 | 0x70 => 0,
            _ => return Err(AccessFault::Unmodelled),
        })
    }

    pub(super) fn write(&mut self, fabric: &Fabric, offset: u32, value: u32) -> Result<(), AccessFault> {
        let now = fabric.now().ticks(HZ);
        match offset {
            0x00 if value & TARGETS_EN == 0 => self.conf = value,
            0x04 | 0x08 => {
                let unit = (offset >> 3) as usize;
                if value & UPDATE != 0 {
                    self.latched[unit] = now.wrapping_add(self.offset[unit]) & COUNT;
                }
            }
            0x0c | 0x14 => {
                let load = &mut self.load[(offset as usize - 0x0c) / 8];
                *load = *load & 0xffff_ffff | u64::from(value) << 32;
            }
            0x10 | 0x18 => {
                let load = &mut self.load[(offset as usize - 0x10) / 8];
                *load = *load & !0xffff_ffff | u64::from(value);
            }
            0x1c..=0x3c => self.held[(offset as usize - 0x1c) / 4] = value,
            0x50..=0x58 | 0x6c => {}
            0x5c | 0x60 => {
                let unit = (offset as usize - 0x5c) / 4;
                self.offset[unit] = self.load[unit].wrapping_sub(now);
            }
            0x64 if value == 0 => self.held[12] = 0,
            0x00 | 0x64 => return Err(AccessFault::UnmodelledUse),
            _ => return Err(AccessFault::Unmodelled),
        }
        Ok(())
    }
}
