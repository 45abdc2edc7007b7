//! The flash sequencer (manual chapter 44, FACI): P/E modes, programming 8 bytes of code flash or one of data flash,
//! erasing blocks of 2 KiB and 1 KiB, blank checks, and error reports. Not modelled: the extra area (option bytes,
//! access window), swapping the start-up area. Durations are close to the datasheet's typical ones at 32 MHz,
//! regardless of FCLK.

use crate::core::events::Token;
use crate::core::fabric::{AccessFault, AccessSize, Fabric};
use crate::machine::VirtualTime;

pub(super) const CODE_BYTES: u32 = 0x4_0000;
pub(super) const DATA_BASE: u32 = 0x4010_0000;
pub(super) const DATA_BYTES: u32 = 0x2000;
/// Where P/E commands have data flash.
const DATA_COMMANDS: u32 = 0xfe00_0000;

const PROGRAM_CODE: VirtualTime = VirtualTime::from_us(54);
const PROGRAM_DATA: VirtualTime = VirtualTime::from_us(41);
const ERASE_CODE_BLOCK_US: u64 = 5_670;
const ERASE_DATA_BLOCK_US: u64 = 6_450;
const CHECK: VirtualTime = VirtualTime::from_us(17);

/// FSTATR2 (and FSTATR00).
const ERERR: u32 = 1 << 0;
const PRGERR: u32 = 1 << 1;
const BCERR: u32 = 1 << 3;
const ILGLERR: u32 = 1 << 4;
/// FSTATR1.
const FRDY: u32 = 1 << 6;

const FPMCR_READ: u8 = 0x08;
const FPMCR_DATA: u8 = 0x10;
const FPMCR_CODE: u8 = 0x82;
/// LVPE: for operating modes below high speed.
const LVPE: u8 = 0x40;

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Faci {
    token: Token,
    dflctl: u8,
    fentryr: u16,
    fpmcr: u8,
    /// FPR was unlocked, and this many writes of FPMCR followed.
    unlocking: Option<u8>,
    candidate: u8,
    start: [u16; 2],
    end: [u16; 2],
    buffer: [u16; 4],
    fcr: u8,
    fisr: u8,
    status: u32,
    busy_until: VirtualTime,
    /// A command ended and the ICU does not know yet.
    pub(super) finished: bool,
}

/// The target of a command.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Area {
    Code,
    Data,
}

impl Faci {
    pub(super) fn new(token: Token) -> Self {
        Self {
            token,
            dflctl: 0,
            fentryr: 0,
            fpmcr: FPMCR_READ,
            unlocking: None,
            candidate: 0,
            start: [0; 2],
            end: [0; 2],
            buffer: [0; 4],
            fcr: 0,
            fisr: 0,
            status: 0,
            busy_until: VirtualTime::ZERO,
            finished: false,
        }
    }

    pub(super) fn reset(&mut self) {
        *self = Self::new(self.token);
    }

    pub(super) fn read(&self, now: VirtualTime, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x0090 => self.dflctl.into(),
            0x0100 => self.fpmcr.into(),
            0x0104 => 0,
            0x0108 => self.start[0].into(),
            0x0110 => self.start[1].into(),
            0x0114 => self.fcr.into(),
            0x0118 => self.end[0].into(),
            0x0120 => self.end[1].into(),
            0x0124 => 0,
            0x0128 | 0x01f0 => self.status,
            0x012c => {
                let ready = self.fcr & 0x80 != 0 && now >= self.busy_until;
                if ready { FRDY } else { 0 }
            }
            0x0130 => self.buffer[0].into(),
            0x0138 => self.buffer[1].into(),
            0x0140 => self.buffer[2].into(),
            0x0144 => self.buffer[3].into(),
            0x0184 => 0,
            0x01d8 => self.fisr.into(),
            0x3fb2 => self.fentryr.into(),
            0x3fc0 => 0,
            _ => return Err(AccessFault::Unmodelled),
        })
    }

    pub(super) fn write(&mut self, fabric: &mut Fabric, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            0x0090 => self.dflctl = value as u8 & 1,
            0x0100 => self.set_mode(value as u8),
            // The extra area.
            0x0104 | 0x01dc if value & 1 != 0 => return Err(AccessFault::UnmodelledUse),
            0x0104 | 0x01dc => {}
            0x0108 => self.start[0] = value as u16,
            0x0110 => self.start[1] = value as u16,
            0x0114 => return self.command(fabric, value as u8),
            0x0118 => self.end[0] = value as u16,
            0x0120 => self.end[1] = value as u16,
            0x0124 if value & 1 != 0 => {
                let (dflctl, fentryr, fpmcr) = (self.dflctl, self.fentryr, self.fpmcr);
                *self = Self {
                    dflctl,
                    fentryr,
                    fpmcr,
                    ..Self::new(self.token)
                };
            }
            0x0124 => {}
            0x0130 => self.buffer[0] = value as u16,
            0x0138 => self.buffer[1] = value as u16,
            0x0140 => self.buffer[2] = value as u16,
            0x0144 => self.buffer[3] = value as u16,
            0x0180 => self.unlocking = (value & 0xff == 0xa5).then_some(0),
            0x01d8 => self.fisr = value as u8 & 0x3f,
            0x3fb2 if value >> 8 != 0xaa => {}
            0x3fb2 => {
                let wanted = value as u16 & 0x81;
                if wanted & 1 != 0 && fabric.pc() < CODE_BYTES {
                    // Code flash cannot be read while it is programmed: the code that programs it must run in RAM.
                    return Err(AccessFault::UnmodelledUse);
                }
                self.fentryr = wanted;
            }
            // FLWAITR
            0x3fc0 if value == 0 => {}
            0x3fc0 => return Err(AccessFault::UnmodelledUse),
            _ => return Err(AccessFault::Unmodelled),
        }
        Ok(())
    }

    /// The operation in progress is done.
    pub(super) fn wake(&mut self) {
        self.finished = true;
    }

    /// FPMCR accepts a value that follows FPR's key: plain, inverted, plain (44.3.4).
    fn set_mode(&mut self, value: u8) {
        self.unlocking = match self.unlocking {
            Some(0) => {
                self.candidate = value;
                Some(1)
            }
            Some(1) if value == !self.candidate => Some(2),
            Some(2) if value == self.candidate => {
                self.fpmcr = value;
                None
            }
            _ => None,
        };
    }

    fn area(&self) -> Option<Area> {
        match (self.fentryr, self.fpmcr & !LVPE) {
            (0x01, FPMCR_CODE) => Some(Area::Code),
            (0x80, FPMCR_DATA) => Some(Area::Data),
            _ => None,
        }
    }

    fn command(&mut self, fabric: &mut Fabric, value: u8) -> Result<(), AccessFault> {
        if value & 0x80 == 0 {
            // Cleared when FRDY was seen, which then falls.
            self.fcr = 0;
            return Ok(());
        }
        if self.fcr & 0x80 != 0 {
            return Err(AccessFault::Denied);
        }
        self.fcr = value;
        self.status = 0;
        let start = u32::from(self.start[1]) << 16 | u32::from(self.start[0]);
        let end = u32::from(self.end[1]) << 16 | u32::from(self.end[0]);
        let took = match (value & 0x0f, self.area()) {
            (1, Some(area)) => self.program(fabric, area, start),
            (3, Some(area)) => self.check_blank(fabric, area, start, end),
            (4, Some(area)) => self.erase(fabric, area, start, end),
            (1 | 3 | 4, None) => Err(ILGLERR),
            _ => return Err(AccessFault::UnmodelledUse),
        };
        let took = took.unwrap_or_else(|error| {
            self.status = error;
            fabric.log_fault(start, AccessSize::Word, None, AccessFault::Denied);
            CHECK
        });
        self.busy_until = fabric.now() + took;
        fabric.cancel_token(self.token);
        fabric.schedule(self.busy_until, self.token);
        Ok(())
    }

    /// The bytes of `start..=end` where the bus has them.
    fn range(area: Area, start: u32, end: u32) -> Result<(u32, u32), u32> {
        let (base, bytes, at) = match area {
            Area::Code => (0, CODE_BYTES, 0),
            Area::Data => (DATA_COMMANDS, DATA_BYTES, DATA_BASE),
        };
        let (from, to) = (start.wrapping_sub(base), end.wrapping_sub(base));
        let inside = from <= to && to < bytes;
        if inside {
            Ok((at + from, to - from + 1))
        } else {
            Err(ILGLERR)
        }
    }

    /// Only what is blank can be programmed. The start address moves on to the next unit: Renesas' flash algorithm for
    /// debuggers relies on it.
    fn program(&mut self, fabric: &mut Fabric, area: Area, start: u32) -> Result<VirtualTime, u32> {
        let count = if area == Area::Code { 8 } else { 1 };
        if !start.is_multiple_of(count) {
            return Err(ILGLERR);
        }
        let (at, _) = Self::range(area, start, start + count - 1)?;
        let bytes: Vec<u8> = self.buffer.iter().flat_map(|half| half.to_le_bytes()).collect();
        let bytes = &bytes[..count as usize];
        if !is_blank(fabric, at, count) {
            return Err(PRGERR);
        }
        let written = fabric.memory_mut().write(at, bytes);
        debug_assert!(written.is_ok(), "both flashes are regions of the chip");
        let next = start.wrapping_add(count);
        self.start = [next as u16, (next >> 16) as u16];
        Ok(if area == Area::Code { PROGRAM_CODE } else { PROGRAM_DATA })
    }

    fn erase(&self, fabric: &mut Fabric, area: Area, start: u32, end: u32) -> Result<VirtualTime, u32> {
        let (unit, unit_us) = match area {
            Area::Code => (0x800, ERASE_CODE_BLOCK_US),
            Area::Data => (0x400, ERASE_DATA_BLOCK_US),
        };
        let (at, bytes) = Self::range(area, start, end)?;
        if !at.is_multiple_of(unit) || !bytes.is_multiple_of(unit) {
            return Err(ERERR | ILGLERR);
        }
        let filled = fabric.memory_mut().fill(at, bytes as usize, 0xff);
        debug_assert!(filled.is_ok(), "both flashes are regions of the chip");
        Ok(VirtualTime::from_us(unit_us * u64::from(bytes / unit)))
    }

    fn check_blank(&mut self, fabric: &Fabric, area: Area, start: u32, end: u32) -> Result<VirtualTime, u32> {
        let (at, bytes) = Self::range(area, start, end)?;
        if !is_blank(fabric, at, bytes) {
            self.status |= BCERR;
        }
        Ok(CHECK)
    }
}

fn is_blank(fabric: &Fabric, at: u32, count: u32) -> bool {
    let mut bytes = vec![0; count as usize];
    fabric.memory().read(at, &mut bytes).is_ok() && bytes.iter().all(|byte| *byte == 0xff)
}
