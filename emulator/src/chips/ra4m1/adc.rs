//! ADC140 (manual chapter 35): one scan or scans without end, started by software, with 12 or 14 bits, and their event.
//!
//! A channel takes its sampling time and 32 cycles of PCLKC (12 bits) or 38 (14 bits), which together with 13 cycles of
//! sampling are the datasheet's 0.7 and 0.8 µs at 64 MHz. A pin has the voltage of the part that is wired to it, or of DAC12, or
//! that of its digital level; one that nobody drives has 0 V. AVCC0 is the board's 5 V. There is no noise. Not modelled: group
//! and double-trigger scans, triggers by events, addition and averages, self-diagnosis, the compare windows, the
//! temperature sensor, references on pins.

use super::ports::{Ports, pin};
use crate::core::events::{EventId, Token};
use crate::core::fabric::{AccessFault, AccessSize, Fabric};
use crate::machine::VirtualTime;

/// AVCC0 of the boards.
pub(super) const SUPPLY_UV: u64 = 5_000_000;
/// The internal reference voltage (datasheet, 48.4): 1.43 V.
const REFERENCE_UV: u64 = 1_430_000;
/// Event number of the end of a scan.
const ADI: u8 = 0x29;

/// Channels AN000 to AN014 and AN016 to AN025, and the internal reference behind them.
const CHANNELS: usize = 28;
const OCDR: usize = 27;
/// The pin of each channel (table 19.5).
const INPUTS: [(usize, u16); 25] = [
    (0, pin(0, 0)),
    (1, pin(0, 1)),
    (2, pin(0, 2)),
    (3, pin(0, 3)),
    (4, pin(0, 4)),
    (5, pin(0, 10)),
    (6, pin(0, 11)),
    (7, pin(0, 12)),
    (8, pin(0, 13)),
    (9, pin(0, 14)),
    (10, pin(0, 15)),
    (11, pin(0, 5)),
    (12, pin(0, 6)),
    (13, pin(0, 7)),
    (14, pin(0, 8)),
    (16, pin(5, 0)),
    (17, pin(5, 1)),
    (18, pin(5, 2)),
    (19, pin(1, 3)),
    (20, pin(1, 2)),
    (21, pin(1, 1)),
    (22, pin(1, 0)),
    (23, pin(5, 3)),
    (24, pin(5, 4)),
    (25, pin(5, 5)),
];

/// ADCSR.
const ADST: u16 = 1 << 15;
const CONTINUOUS: u16 = 1 << 14;
/// Group scans, TRGE, EXTRG, DBLE, GBADIE.
const UNMODELLED_ADCSR: u16 = 1 << 13 | 7 << 7 | 1 << 6;
/// ADCER: the accuracies, ACE, self-diagnosis, ADRFMT.
const ADPRC: u16 = 3 << 1;
const BITS_14: u16 = 3 << 1;
const ACE: u16 = 1 << 5;
const DIAGM: u16 = 1 << 11;
const ADRFMT: u16 = 1 << 15;
/// ADEXICR: the temperature sensor, the reference.
const TSS: u16 = 1 << 8;
const OCS: u16 = 1 << 9;

/// Registers that hold their value and must be zero in what is modelled: offset, width.
const ZERO: [(u32, AccessSize); 19] = [
    (0x08, AccessSize::Half),
    (0x0a, AccessSize::Half),
    (0x0c, AccessSize::Byte),
    (0x14, AccessSize::Half),
    (0x16, AccessSize::Half),
    (0x7a, AccessSize::Byte),
    (0x80, AccessSize::Half),
    (0x90, AccessSize::Half),
    (0x92, AccessSize::Byte),
    (0x93, AccessSize::Byte),
    (0x94, AccessSize::Half),
    (0x96, AccessSize::Half),
    (0x98, AccessSize::Half),
    (0x9a, AccessSize::Half),
    (0x9c, AccessSize::Half),
    (0x9e, AccessSize::Half),
    (0xa6, AccessSize::Byte),
    (0xa8, AccessSize::Half),
    (0xaa, AccessSize::Half),
];

/// The converter.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Adc {
    token: Token,
    adcsr: u16,
    /// ADANSA0 and 1.
    selected: u32,
    adcer: u16,
    adexicr: u16,
    adstrgr: u16,
    adhvrefcnt: u8,
    /// ADSSTRL, T, O, then ADSSTR0 to 14.
    sampling: [u8; 18],
    results: [u16; CHANNELS],
    /// The channel that is converted.
    converting: Option<usize>,
    due: VirtualTime,
    event: Option<EventId>,
    /// Events that were not carried to the ICU yet.
    pub(super) events: Vec<u8>,
}

impl Adc {
    pub(super) fn new(token: Token) -> Self {
        Self {
            token,
            adcsr: 0,
            selected: 0,
            adcer: 0,
            adexicr: 0,
            adstrgr: 0,
            adhvrefcnt: 0,
            sampling: [13; 18],
            results: [0; CHANNELS],
            converting: None,
            due: VirtualTime::ZERO,
            event: None,
            events: Vec::new(),
        }
    }

    fn bits(&self) -> u32 {
        if self.adcer & ADPRC == BITS_14 { 14 } else { 12 }
    }

    /// The channels of a scan, in the order of their numbers; the reference stands alone.
    fn channels(&self) -> u32 {
        match self.adexicr & OCS {
            0 => self.selected,
            _ => 1 << OCDR,
        }
    }

    /// Begins with the first channel from `from` on; whether there is one.
    fn convert(&mut self, fabric: &mut Fabric, pclkc: u32, from: usize) -> bool {
        let left = self.channels() & u32::MAX.checked_shl(from as u32).unwrap_or(0);
        if left == 0 {
            return false;
        }
        let channel = left.trailing_zeros() as usize;
        let sampling = match channel {
            OCDR => self.sampling[2],
            16.. => self.sampling[0],
            _ => self.sampling[3 + channel],
        };
        let cycles = u64::from(sampling) + if self.bits() == 14 { 38 } else { 32 };
        self.converting = Some(channel);
        self.due += VirtualTime::from_ticks(cycles, u64::from(pclkc.max(1)));
        self.event = Some(fabric.schedule(self.due, self.token));
        true
    }

    /// A conversion is over. `dac` is the voltage that DAC12 drives on a pin.
    pub(super) fn wake(&mut self, fabric: &mut Fabric, pclkc: u32, ports: &Ports, dac: Option<(u16, u64)>) {
        self.event = None;
        let Some(channel) = self.converting.take() else { return };
        let steps = 1_u64 << self.bits();
        let reference = if self.adhvrefcnt == 2 { REFERENCE_UV } else { SUPPLY_UV };
        let result = (input_uv(fabric, ports, dac, channel) * steps / reference).min(steps - 1) as u16;
        self.results[channel] = match self.adcer & ADRFMT {
            0 => result,
            _ => result << (16 - self.bits()),
        };
        if self.convert(fabric, pclkc, channel + 1) {
            return;
        }
        self.events.push(ADI);
        if self.adcsr & CONTINUOUS == 0 {
            self.adcsr &= !ADST;
        } else {
            self.convert(fabric, pclkc, 0);
        }
    }

    fn stop(&mut self, fabric: &mut Fabric) {
        if let Some(event) = self.event.take() {
            fabric.cancel(event);
        }
        self.converting = None;
    }

    pub(super) fn read(&mut self, offset: u32, size: AccessSize) -> Result<u32, AccessFault> {
        if let Some((_, width)) = ZERO.iter().find(|it| it.0 == offset) {
            return if *width == size { Ok(0) } else { Err(AccessFault::Width) };
        }
        let value = match (offset, size) {
            (0x00, AccessSize::Half) => self.adcsr,
            (0x04, AccessSize::Half) => self.selected as u16,
            (0x06, AccessSize::Half) => (self.selected >> 16) as u16,
            (0x0e, AccessSize::Half) => self.adcer,
            (0x10, AccessSize::Half) => self.adstrgr,
            (0x12, AccessSize::Half) => self.adexicr,
            // ADDBLDR, ADTSDR, ADRD, ADDBLDRA and B: what makes their results is not modelled. ADCMPSR0 and 1: no window.
            (0x18 | 0x1a | 0x1e | 0x84 | 0x86 | 0xa0 | 0xa2, AccessSize::Half) => 0,
            (0x1c, AccessSize::Half) => self.result(OCDR),
            (0x20..0x54, AccessSize::Half) if offset.is_multiple_of(2) => self.result((offset as usize - 0x20) / 2),
            (0x8a, AccessSize::Byte) => self.adhvrefcnt.into(),
            (0x8c | 0xa4 | 0xac, AccessSize::Byte) => 0,
            (0xdd..0xef, AccessSize::Byte) => self.sampling[offset as usize - 0xdd].into(),
            (0x00..0x54 | 0x84..0x90 | 0xa0..0xae | 0xdd..0xef, _) => return Err(AccessFault::Width),
            _ => return Err(AccessFault::Unmapped),
        };
        Ok(value.into())
    }

    fn result(&mut self, channel: usize) -> u16 {
        let result = self.results[channel];
        if self.adcer & ACE != 0 {
            self.results[channel] = 0;
        }
        result
    }

    pub(super) fn write(
        &mut self,
        fabric: &mut Fabric,
        pclkc: u32,
        offset: u32,
        value: u32,
        size: AccessSize,
    ) -> Result<(), AccessFault> {
        if let Some((_, width)) = ZERO.iter().find(|it| it.0 == offset) {
            return match (*width == size, value) {
                (false, _) => Err(AccessFault::Width),
                (_, 0) => Ok(()),
                _ => Err(AccessFault::UnmodelledUse),
            };
        }
        let half = value as u16;
        match (offset, size) {
            (0x00, AccessSize::Half) if half & UNMODELLED_ADCSR != 0 => return Err(AccessFault::UnmodelledUse),
            (0x00, AccessSize::Half) => {
                let starts = half & ADST != 0 && self.adcsr & ADST == 0;
                self.adcsr = half & 0xe5df;
                if half & ADST == 0 {
                    self.stop(fabric);
                } else if starts {
                    self.due = fabric.now();
                    if !self.convert(fabric, pclkc, 0) {
                        self.adcsr &= !ADST;
                    }
                }
            }
            (0x04, AccessSize::Half) => self.selected = self.selected & !0xffff | u32::from(half & 0x7fff),
            (0x06, AccessSize::Half) => self.selected = self.selected & 0xffff | u32::from(half & 0x3ff) << 16,
            (0x0e, AccessSize::Half) if half & DIAGM != 0 || ![0, BITS_14].contains(&(half & ADPRC)) => {
                return Err(AccessFault::UnmodelledUse);
            }
            (0x0e, AccessSize::Half) => self.adcer = half & 0x8f26,
            (0x10, AccessSize::Half) => self.adstrgr = half & 0x3f3f,
            (0x12, AccessSize::Half) if half & TSS != 0 || half & 3 != 0 => return Err(AccessFault::UnmodelledUse),
            (0x12, AccessSize::Half) => self.adexicr = half & OCS,
            // AVCC0 or the internal reference above, AVSS0 below.
            (0x8a, AccessSize::Byte) if ![0, 2].contains(&(value & 0x1f)) => return Err(AccessFault::UnmodelledUse),
            (0x8a, AccessSize::Byte) => self.adhvrefcnt = value as u8 & 0x1f,
            (0xa0 | 0xa2, AccessSize::Half) | (0xa4 | 0xac, AccessSize::Byte) if value == 0 => {}
            (0xdd..0xef, AccessSize::Byte) => self.sampling[offset as usize - 0xdd] = value as u8,
            (0x18..0x54 | 0x84..0x88 | 0x8c, _) => return Err(AccessFault::Denied),
            (0x00..0x18 | 0x8a..0x90 | 0xa0..0xae | 0xdd..0xef, _) => return Err(AccessFault::Width),
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }
}

/// The voltage of a channel, in microvolts.
fn input_uv(fabric: &mut Fabric, ports: &Ports, dac: Option<(u16, u64)>, channel: usize) -> u64 {
    let Some((_, pin)) = INPUTS.iter().find(|it| it.0 == channel) else {
        return REFERENCE_UV;
    };
    let dac = dac.filter(|(driven, _)| driven == pin).map(|(_, uv)| uv);
    let driven = dac.or_else(|| fabric.analog_uv(*pin, SUPPLY_UV));
    driven.unwrap_or_else(|| match ports.level(*pin) {
        Some(true) => SUPPLY_UV,
        _ => 0,
    })
}
