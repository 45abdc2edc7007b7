//! The memory protection unit's registers and its check of accesses (ARMv7-M B3.5).

const ENABLE: u32 = 1 << 0;
const HFNMIENA: u32 = 1 << 1;
const PRIVDEFENA: u32 = 1 << 2;

const REGIONS_MAX: usize = 8;

/// What an access wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::builtin::arm) enum Want {
    Read,
    Write,
    Execute,
}

/// The MPU.
#[derive(Clone, Debug, Hash)]
pub(in crate::builtin::arm) struct Mpu {
    count: u8,
    control: u32,
    selected: u8,
    base: [u32; REGIONS_MAX],
    attributes: [u32; REGIONS_MAX],
}

impl Mpu {
    pub(in crate::builtin::arm) fn new(regions: u8) -> Self {
        Self {
            count: regions.min(REGIONS_MAX as u8),
            control: 0,
            selected: 0,
            base: [0; REGIONS_MAX],
            attributes: [0; REGIONS_MAX],
        }
    }

    #[inline(always)]
    pub(in crate::builtin::arm) fn enabled(&self) -> bool {
        self.control & ENABLE != 0
    }

    /// Whether the access is allowed. `urgent`: at HardFault's priority or above.
    pub(in crate::builtin::arm) fn allows(&self, addr: u32, want: Want, privileged: bool, urgent: bool) -> bool {
        if !self.enabled() || urgent && self.control & HFNMIENA == 0 || addr >> 20 == 0xe00 {
            return true;
        }
        let Some(attributes) = self.region_of(addr) else {
            return privileged && self.control & PRIVDEFENA != 0;
        };
        let (privileged_access, user_access) = match attributes >> 24 & 7 {
            0 => (0, 0),
            1 => (2, 0),
            2 => (2, 1),
            3 => (2, 2),
            5 => (1, 0),
            _ => (1, 1),
        };
        let access = if privileged { privileged_access } else { user_access };
        match want {
            Want::Read => access >= 1,
            Want::Write => access == 2,
            Want::Execute => access >= 1 && attributes >> 28 & 1 == 0,
        }
    }

    /// Attributes of the region that decides: the highest-numbered that holds the address.
    fn region_of(&self, addr: u32) -> Option<u32> {
        (0..usize::from(self.count)).rev().find_map(|region| {
            let attributes = self.attributes[region];
            let size_bits = (attributes >> 1 & 31) + 1;
            if attributes & 1 == 0 || size_bits < 5 {
                return None;
            }
            let base = self.base[region] & !0x1f;
            let inside = size_bits == 32 || addr >> size_bits == base >> size_bits;
            let subregion = if size_bits >= 8 { addr >> (size_bits - 3) & 7 } else { 0 };
            let disabled = size_bits >= 8 && attributes >> (8 + subregion) & 1 != 0;
            (inside && !disabled).then_some(attributes)
        })
    }

    /// A register by its offset from 0xE000ED90.
    pub(super) fn read(&self, offset: u32) -> Option<u32> {
        let selected = usize::from(self.selected);
        Some(match offset {
            0x00 => u32::from(self.count) << 8,
            0x04 => self.control,
            0x08 => u32::from(self.selected),
            0x0c | 0x14 | 0x1c | 0x24 => self.base[selected] & !0x1f | u32::from(self.selected),
            0x10 | 0x18 | 0x20 | 0x28 => self.attributes[selected],
            _ => return None,
        })
    }

    pub(super) fn write(&mut self, offset: u32, value: u32) -> Option<()> {
        match offset {
            0x00 => {}
            0x04 => self.control = if self.count == 0 { 0 } else { value & 7 },
            0x08 => self.select(value),
            0x0c | 0x14 | 0x1c | 0x24 => {
                if value & 1 << 4 != 0 {
                    self.select(value & 15);
                }
                self.base[usize::from(self.selected)] = value & !0x1f;
            }
            0x10 | 0x18 | 0x20 | 0x28 => self.attributes[usize::from(self.selected)] = value & 0x173f_ff3f,
            _ => return None,
        }
        Some(())
    }

    fn select(&mut self, region: u32) {
        if region < u32::from(self.count) {
            self.selected = region as u8;
        }
    }
}
