//! SYSTEM (manual chapters 6 "Resets", 9 "Clock Generation Circuit", 11 "Low Power Modes", 13 "Register Write
//! Protection"): oscillators, dividers, reset status, protection, and the backup supply (12 "Battery Backup Function").
//!
//! The supplies never fail: voltage monitors detect nothing, and the backup supply is always valid.

use crate::core::fabric::{AccessFault, AccessSize, Fabric, ResetKind};
use crate::machine::VirtualTime;

const MOCO_HZ: u32 = 8_000_000;
/// LOCO's nominal frequency.
pub(super) const LOCO_HZ: u32 = 32_768;
/// Time after its start at which HOCO is stable (datasheet, t_HOCOWT).
const HOCO_STARTS: VirtualTime = VirtualTime::from_us(37);

/// PRCR's bits: the clocks, the low-power modes and the backup supply, the voltage monitors.
const PRC0: u16 = 1;
const PRC1: u16 = 2;
const PRC3: u16 = 8;

/// VBTSR (12.2.3): VBTRDF, set by power-on, and VBTRVLD.
const VBTRDF: u8 = 1;
const VBTRVLD: u32 = 1 << 4;
/// VBTBKR (12.2.13).
const BACKUP: u32 = 0x500;
const BACKUP_BYTES: usize = 0x200;

/// Clocks that follow from the registers, in Hz.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Clocks {
    pub(super) iclk: u32,
    /// SCI, SPI.
    pub(super) pclka: u32,
    /// AGT, WDT, IIC.
    pub(super) pclkb: u32,
    /// ADC140.
    pub(super) pclkc: u32,
    /// GPT.
    pub(super) pclkd: u32,
}

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct System {
    prcr: u16,
    sckdivcr: u32,
    sckscr: u8,
    hoco_hz: Option<u32>,
    hoco_stopped: bool,
    hoco_ready: VirtualTime,
    /// Registers that are stored but have no effect here.
    #[serde(with = "crate::core::array")]
    plain: [u8; PLAIN.len()],
    /// VBTSR's flags, and the backup registers: they last until the power is off.
    vbtsr: u8,
    #[serde(with = "crate::core::array")]
    backup: [u8; BACKUP_BYTES],
    mstpcra: u32,
    sbycr: u16,
    rstsr: [u8; 3],
    rstsr1: u16,
}

/// Offset, reset value, bits that can be written, protecting bit.
const PLAIN: [(u32, u8, u8, u16); 42] = [
    // MEMWAIT, MOCOCR, MOSCCR, SOSCCR, LOCOCR, OPCCR, MOSCWTCR, HOCOWTCR, SOPCCR, MOMCR, PLLCR, PLLCCR2.
    (0x031, 0x00, 0x01, PRC0),
    (0x038, 0x00, 0x00, PRC0),
    (0x032, 0x01, 0x01, PRC0),
    (0x480, 0x01, 0x01, PRC0),
    (0x490, 0x00, 0x01, PRC0),
    (0x0a0, 0x02, 0x03, PRC1),
    (0x0a2, 0x05, 0x0f, PRC0),
    (0x0a5, 0x05, 0x07, PRC0),
    (0x0aa, 0x00, 0x01, PRC1),
    (0x413, 0x00, 0x48, PRC0),
    (0x02a, 0x01, 0x00, PRC0),
    (0x02b, 0x07, 0xdf, PRC0),
    // CKOCR, TRCKCR, SLCDSCKCR, MOCOUTCR, HOCOUTCR, USBCKCR, SOMCR, LOCOUTCR.
    (0x03e, 0x00, 0xf7, PRC0),
    (0x03f, 0x01, 0x8f, PRC0),
    (0x050, 0x00, 0x87, PRC0),
    (0x061, 0x00, 0xff, PRC0),
    (0x062, 0x00, 0xff, PRC0),
    (0x0d0, 0x00, 0x01, PRC0),
    (0x481, 0x00, 0x03, PRC0),
    (0x492, 0x00, 0xff, PRC0),
    // SNZCR without SNZE, SNZEDCR, FLSTOP (flash runs), BKRACR.
    (0x092, 0x00, 0x03, PRC1),
    (0x094, 0x00, 0x9f, PRC1),
    (0x09e, 0x00, 0x00, PRC1),
    (0x0c6, 0x06, 0x07, PRC1),
    // LVCMPCR, LVDLVLR, LVD1CR0, LVD2CR0, LVD1CR1, LVD1SR, LVD2CR1, LVD2SR.
    (0x417, 0x00, 0x60, PRC3),
    (0x418, 0x07, 0xff, PRC3),
    (0x41a, 0x80, 0xf7, PRC3),
    (0x41b, 0x80, 0xf7, PRC3),
    (0x0e0, 0x01, 0x07, PRC3),
    (0x0e1, 0x02, 0x01, PRC3),
    (0x0e2, 0x01, 0x07, PRC3),
    (0x0e3, 0x02, 0x01, PRC3),
    // VBTCR1, VBTCR2, VBTCMPCR, VBTLVDICR, VBTWCTLR, VBTWCH0OTSR to VBTWCH2OTSR, VBTICTLR, VBTOCTLR.
    (0x41f, 0x00, 0x01, PRC1),
    (0x4b0, 0x00, 0xd0, PRC1),
    (0x4b2, 0x00, 0x01, PRC1),
    (0x4b4, 0x00, 0x03, PRC1),
    (0x4b6, 0x00, 0x01, PRC1),
    (0x4b8, 0x00, 0x3e, PRC1),
    (0x4b9, 0x00, 0x3d, PRC1),
    (0x4ba, 0x00, 0x3b, PRC1),
    (0x4bb, 0x00, 0x07, PRC1),
    (0x4bc, 0x00, 0x3f, PRC1),
];

impl System {
    pub(super) fn new() -> Self {
        Self {
            prcr: 0,
            sckdivcr: 0x4404_4444,
            sckscr: 1,
            hoco_hz: None,
            hoco_stopped: true,
            hoco_ready: VirtualTime::ZERO,
            plain: PLAIN.map(|it| it.1),
            mstpcra: 0xffbf_ffbe,
            sbycr: 0,
            rstsr: [0; 3],
            rstsr1: 0,
            vbtsr: VBTRDF,
            backup: [0; BACKUP_BYTES],
        }
    }

    /// Reset, with HOCO's settings from OFS1 in flash. The reset flags accumulate until they are cleared.
    pub(super) fn reset(&mut self, kind: ResetKind, ofs1: u32) {
        let (mut rstsr, mut rstsr1) = (self.rstsr, self.rstsr1);
        let (mut vbtsr, mut backup) = (self.vbtsr, self.backup);
        match kind {
            ResetKind::PowerOn => {
                (rstsr, rstsr1) = ([1, 0, 0], 0);
                vbtsr = VBTRDF;
                backup.fill(0);
            }
            // WDTRF and SWRF. No flag reports a pin reset (6.2).
            ResetKind::Watchdog => rstsr1 |= 2,
            ResetKind::Software => rstsr1 |= 4,
            ResetKind::Pin | ResetKind::Lockup | ResetKind::WakeUp => {}
        }
        *self = Self {
            rstsr,
            rstsr1,
            vbtsr,
            backup,
            hoco_hz: match ofs1 >> 12 & 7 {
                0 => Some(24_000_000),
                2 => Some(32_000_000),
                4 => Some(48_000_000),
                5 => Some(64_000_000),
                _ => None,
            },
            hoco_stopped: ofs1 >> 8 & 1 != 0,
            ..Self::new()
        };
    }

    /// Marks the independent watchdog as the cause of the reset.
    pub(super) fn blame_iwdt(&mut self) {
        self.rstsr1 = self.rstsr1 & !2 | 1;
    }

    pub(super) fn clocks(&self) -> Clocks {
        let source = match self.sckscr {
            0 => self.hoco_hz.unwrap_or(0),
            2 => LOCO_HZ,
            _ => MOCO_HZ,
        };
        let divided = |shift: u32| source >> (self.sckdivcr >> shift & 7);
        Clocks {
            iclk: divided(24),
            pclka: divided(12),
            pclkb: divided(8),
            pclkc: divided(4),
            pclkd: divided(0),
        }
    }

    pub(super) fn read(&self, now: VirtualTime, offset: u32, size: AccessSize) -> Result<u32, AccessFault> {
        use AccessSize::{Byte, Half, Word};
        Ok(match (offset, size) {
            (0x00c, Half) => self.sbycr.into(),
            (0x01c, Word) => self.mstpcra,
            (0x020, Word) => self.sckdivcr,
            (0x026, Byte) => self.sckscr.into(),
            (0x036, Byte) => self.hoco_stopped.into(),
            (0x03c, Byte) => u32::from(!self.hoco_stopped && now >= self.hoco_ready),
            // No oscillation stop was detected.
            (0x040 | 0x041, Byte) => 0,
            (0x0c0, Half) => self.rstsr1.into(),
            (0x3fe, Half) => self.prcr.into(),
            (0x410 | 0x411, Byte) => self.rstsr[offset as usize - 0x410].into(),
            (0x4b1, Byte) => u32::from(self.vbtsr) | VBTRVLD,
            (0x500..0x700, Byte) => self.backup[(offset - BACKUP) as usize].into(),
            // The manual has bytes only; Arduino's bootloader keeps a word there, on silicon too.
            (0x500..0x700, _) => {
                let bytes = &self.backup[(offset - BACKUP) as usize..][..size.bytes() as usize];
                bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte))
            }
            (_, Byte) => match PLAIN.iter().position(|it| it.0 == offset) {
                Some(index) => self.plain[index].into(),
                None => return Err(other(offset, size)),
            },
            _ => return Err(other(offset, size)),
        })
    }

    pub(super) fn write(
        &mut self,
        fabric: &mut Fabric,
        offset: u32,
        value: u32,
        size: AccessSize,
    ) -> Result<(), AccessFault> {
        use AccessSize::{Byte, Half, Word};
        let guard = match (offset, size) {
            (0x020, Word) | (0x026 | 0x036, Byte) => PRC0,
            (0x00c, Half) | (0x4b1, Byte) | (0x500..0x700, _) => PRC1,
            (_, Byte) => PLAIN.iter().find(|it| it.0 == offset).map_or(0, |it| it.3),
            _ => 0,
        };
        if guard & !self.prcr != 0 {
            // Ignored on silicon (13.1).
            fabric.log_fault(super::SYSTEM + offset, size, Some(value), AccessFault::Denied);
            return Ok(());
        }
        match (offset, size) {
            // SSBY: WFI in that mode is not modelled.
            (0x00c, Half) if value & 0x8000 != 0 => return Err(AccessFault::UnmodelledUse),
            (0x00c, Half) => self.sbycr = value as u16,
            (0x01c, Word) => self.mstpcra = value,
            (0x020, Word) => {
                self.sckdivcr = value & 0x7707_7777;
                fabric.set_cpu_hz(self.clocks().iclk);
            }
            (0x026, Byte) => {
                let usable = match value & 7 {
                    0 => !self.hoco_stopped && fabric.now() >= self.hoco_ready,
                    1 | 2 => true,
                    // The board has no crystals.
                    _ => false,
                };
                if !usable {
                    return Err(AccessFault::UnmodelledUse);
                }
                self.sckscr = value as u8 & 7;
                fabric.set_cpu_hz(self.clocks().iclk);
            }
            (0x036, Byte) => {
                if value & 1 == 0 && self.hoco_hz.is_none() {
                    // OFS1 selects a frequency that does not exist.
                    return Err(AccessFault::UnmodelledUse);
                }
                if self.hoco_stopped && value & 1 == 0 {
                    self.hoco_ready = fabric.now() + HOCO_STARTS;
                }
                self.hoco_stopped = value & 1 != 0;
            }
            (0x0c0, Half) => self.rstsr1 &= value as u16,
            (0x3fe, Half) if value >> 8 == 0xa5 => self.prcr = value as u16 & 0x0b,
            // Without the key nothing happens.
            (0x3fe, Half) => {}
            (0x410, Byte) => self.rstsr[0] &= value as u8,
            // CWSF is set by software and lasts until power is lost.
            (0x411, Byte) => self.rstsr[1] |= value as u8 & 1,
            (0x040 | 0x041, Byte) if value == 0 => {}
            // VBTRDF and VBTBLDF are cleared by writing zeros.
            (0x4b1, Byte) => self.vbtsr &= value as u8 | !3,
            (0x500..0x700, _) => {
                let bytes = &mut self.backup[(offset - BACKUP) as usize..][..size.bytes() as usize];
                bytes.copy_from_slice(&value.to_le_bytes()[..size.bytes() as usize]);
            }
            (_, Byte) => {
                let index = PLAIN.iter().position(|it| it.0 == offset).ok_or(other(offset, size))?;
                if value as u8 & !PLAIN[index].2 != self.plain[index] & !PLAIN[index].2 {
                    return Err(AccessFault::UnmodelledUse);
                }
                self.plain[index] = value as u8;
            }
            _ => return Err(other(offset, size)),
        }
        Ok(())
    }
}

/// Why an access is refused that no register takes: it has another width, is not modelled, or does not exist.
fn other(offset: u32, size: AccessSize) -> AccessFault {
    let touched = offset..offset + size.bytes();
    let wide = [(0x00c, 2), (0x01c, 4), (0x020, 4), (0x0c0, 2), (0x3fe, 2)];
    let narrow = [0x026, 0x036, 0x03c, 0x040, 0x041, 0x410, 0x411, 0x4b1];
    let known = wide
        .iter()
        .any(|(at, bytes)| *at < touched.end && touched.start < at + bytes)
        || narrow
            .iter()
            .chain(PLAIN.iter().map(|it| &it.0))
            .any(|at| touched.contains(at));
    // SNZREQCR, SYOCDCR, VBTWTER, VBTWEGR, VBTWFR.
    let unmodelled = (0x098..0x09c).contains(&offset) || matches!(offset, 0x40e | 0x4bd..=0x4bf);
    match (known, unmodelled) {
        (true, _) => AccessFault::Width,
        (_, true) => AccessFault::Unmodelled,
        _ => AccessFault::Unmapped,
    }
}
