//! The memory protection unit's registers and its check of accesses (ARMv7-M B3.5).

const ENABLE: u32 = 1 << 0;
const HFNMIENA: u32 = 1 << 1;
const PRIVDEFENA: u32 = 1 << 2;

const REGIONS_MAX: usize = 8;

/// The kind of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::core::arm) enum Want {
    Read,
    Write,
    Execute,
}

/// The MPU.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(in crate::core::arm) struct Mpu {
    count: u8,
    control: u32,
    selected: u8,
    base: [u32; REGIONS_MAX],
    attributes: [u32; REGIONS_MAX],
}

impl Mpu {
    pub(in crate::core::arm) fn new(regions: u8) -> Self {
        Self {
            count: regions.min(REGIONS_MAX as u8),
            control: 0,
            selected: 0,
            base: [0; REGIONS_MAX],
            attributes: [0; REGIONS_MAX],
        }
    }

    #[inline(always)]
    pub(in crate::core::arm) fn enabled(&self) -> bool {
        self.control & ENABLE != 0
    }

    /// Whether the access is allowed. `urgent`: at HardFault's priority or above.
    pub(in crate::core::arm) fn allows(&self, addr: u32, want: Want, privileged: bool, urgent: bool) -> bool {
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

    /// Attributes of the deciding region: the highest-numbered one that contains the address.
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

#[cfg(test)]
mod tests {
    use super::*;

    const CTRL: u32 = 0x04;
    const RNR: u32 = 0x08;
    const RBAR: u32 = 0x0c;
    const RASR: u32 = 0x10;
    const RBAR_A1: u32 = 0x14;
    const RASR_A1: u32 = 0x18;
    const FULL: u32 = 3 << 24;
    const READ_ONLY: u32 = 6 << 24;
    const PRIVILEGED: u32 = 1 << 24;
    const XN: u32 = 1 << 28;

    /// `RASR.SIZE` for 2^`bits` bytes, and ENABLE.
    const fn size(bits: u32) -> u32 {
        (bits - 1) << 1 | 1
    }

    fn mpu(control: u32, regions: &[(u32, u32)]) -> Mpu {
        let mut mpu = Mpu::new(8);
        for (number, (base, attributes)) in (0..).zip(regions) {
            mpu.write(RBAR, base | 1 << 4 | number).unwrap();
            mpu.write(RASR, *attributes).unwrap();
        }
        mpu.write(CTRL, control).unwrap();
        mpu
    }

    fn allows(mpu: &Mpu, addr: u32, privileged: bool) -> [bool; 3] {
        [Want::Read, Want::Write, Want::Execute].map(|want| mpu.allows(addr, want, privileged, false))
    }

    #[test]
    fn the_highest_region_that_holds_the_address_decides() {
        let mpu = mpu(
            ENABLE,
            &[
                (0x2000_0000, FULL | size(16)),
                (0x2000_1000, READ_ONLY | XN | size(12)),
                (0x2000_1020, PRIVILEGED | size(5)),
            ],
        );
        assert_eq!(allows(&mpu, 0x2000_0fff, false), [true, true, true]);
        assert_eq!(allows(&mpu, 0x2000_1000, false), [true, false, false]);
        assert_eq!(allows(&mpu, 0x2000_1020, false), [false, false, false]);
        assert_eq!(allows(&mpu, 0x2000_1020, true), [true, true, true]);
        assert_eq!(allows(&mpu, 0x2000_1040, false), [true, false, false]);
    }

    #[test]
    fn a_disabled_subregion_belongs_to_the_region_below() {
        // Eighths of 256 bytes: the second is disabled.
        let mpu = mpu(
            ENABLE,
            &[
                (0x2000_0000, READ_ONLY | size(12)),
                (0x2000_0000, FULL | 1 << 9 | size(8)),
            ],
        );
        assert_eq!(allows(&mpu, 0x2000_001f, false), [true, true, true]);
        assert_eq!(allows(&mpu, 0x2000_0020, false), [true, false, true]);
        assert_eq!(allows(&mpu, 0x2000_0040, false), [true, true, true]);
    }

    #[test]
    fn what_no_region_holds_is_for_privileged_code_if_at_all() {
        let closed = mpu(ENABLE, &[]);
        assert_eq!(allows(&closed, 0x2000_0000, true), [false; 3]);
        let open = mpu(ENABLE | PRIVDEFENA, &[]);
        assert_eq!(allows(&open, 0x2000_0000, true), [true; 3]);
        assert_eq!(allows(&open, 0x2000_0000, false), [false; 3]);
        // Its own registers are never behind it.
        assert!(closed.allows(0xe000_ed94, Want::Write, true, false));
    }

    #[test]
    fn urgent_handlers_are_checked_only_if_wanted() {
        assert!(mpu(ENABLE, &[]).allows(0, Want::Read, true, true));
        assert!(!mpu(ENABLE | HFNMIENA, &[]).allows(0, Want::Read, true, true));
        assert!(mpu(0, &[]).allows(0, Want::Write, false, false), "off");
    }

    #[test]
    fn aliases_and_the_region_number_reach_the_same_registers() {
        let mut mpu = mpu(0, &[]);
        mpu.write(RBAR_A1, 0x2000_0000 | 1 << 4 | 5).unwrap();
        mpu.write(RASR_A1, FULL | size(32)).unwrap();
        assert_eq!(mpu.read(RNR), Some(5));
        assert_eq!(
            (mpu.read(RBAR), mpu.read(RASR)),
            (Some(0x2000_0005), Some(FULL | size(32)))
        );
        mpu.write(RNR, 9).unwrap();
        assert_eq!(mpu.read(RNR), Some(5), "there is no region 9");
        mpu.write(CTRL, ENABLE).unwrap();
        assert!(allows(&mpu, 0xffff_0000, false)[1], "four gigabytes");
    }
}
