//! ADC1 to 3 (RM0090 chapter 13): regular conversions by software, one channel or a sequence, once or continuously, with DMA
//! requests, overrun and the analog watchdog.
//!
//! A conversion takes the sampling time and a cycle of ADCCLK for each bit (13.5). A pin has the voltage of DAC, of the part that
//! is wired to it, or that of its digital level; one that nobody drives has 0 V. The supply and VREF+ are 3.3 V, the chip has
//! 25 °C. There is no noise, and no time after ADON before a conversion is exact. Not modelled: injected conversions, external
//! triggers, discontinuous mode, the modes in which converters work together.

use super::dac::Dac;
use super::gpio::Gpio;
use crate::core::events::{EventId, Token};
use crate::core::fabric::{AccessFault, Fabric};
use crate::machine::VirtualTime;

/// Number of them: ADC1 is 0.
pub(super) const COUNT: usize = 3;
/// VDDA and VREF+.
pub(super) const SUPPLY_UV: u64 = 3_300_000;
/// VREFINT (DS8626, table 73).
const VREFINT_UV: u64 = 1_210_000;
/// The temperature sensor at 25 °C (DS8626, table 70: V25).
const SENSOR_UV: u64 = 760_000;

const fn pin(port: u8, pin: u16) -> u16 {
    (port - b'A') as u16 * 32 + pin
}
/// The pins of channels 0 to 15 of ADC1 and ADC2 (DS8626, table 7).
const INPUTS: [u16; 16] = [
    pin(b'A', 0),
    pin(b'A', 1),
    pin(b'A', 2),
    pin(b'A', 3),
    pin(b'A', 4),
    pin(b'A', 5),
    pin(b'A', 6),
    pin(b'A', 7),
    pin(b'B', 0),
    pin(b'B', 1),
    pin(b'C', 0),
    pin(b'C', 1),
    pin(b'C', 2),
    pin(b'C', 3),
    pin(b'C', 4),
    pin(b'C', 5),
];
/// Those of channels 4 to 9, 14 and 15 of ADC3; the others are as above.
const INPUTS_OF_ADC3: [(usize, u16); 8] = [
    (4, pin(b'F', 6)),
    (5, pin(b'F', 7)),
    (6, pin(b'F', 8)),
    (7, pin(b'F', 9)),
    (8, pin(b'F', 10)),
    (9, pin(b'F', 3)),
    (14, pin(b'F', 4)),
    (15, pin(b'F', 5)),
];
/// Sampling times in cycles of ADCCLK (SMPRx).
const SAMPLING: [u64; 8] = [3, 15, 28, 56, 84, 112, 144, 480];

/// SR.
const AWD: u32 = 1 << 0;
const EOC: u32 = 1 << 1;
const STRT: u32 = 1 << 4;
const OVR: u32 = 1 << 5;
/// CR1.
const EOCIE: u32 = 1 << 5;
const AWDIE: u32 = 1 << 6;
const SCAN: u32 = 1 << 8;
const AWDSGL: u32 = 1 << 9;
const AWDEN: u32 = 1 << 23;
const OVRIE: u32 = 1 << 26;
/// JAUTO, DISCEN, JDISCEN.
const UNMODELLED_CR1: u32 = 7 << 10;
/// CR2.
const ADON: u32 = 1 << 0;
const CONT: u32 = 1 << 1;
const DMA: u32 = 1 << 8;
const DDS: u32 = 1 << 9;
const EOCS: u32 = 1 << 10;
const ALIGN: u32 = 1 << 11;
/// JEXTEN, JSWSTART, EXTEN.
const UNMODELLED_CR2: u32 = 3 << 20 | 1 << 22 | 3 << 28;
const SWSTART: u32 = 1 << 30;

/// One converter.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
struct Adc {
    index: usize,
    sr: u32,
    cr1: u32,
    cr2: u32,
    smpr: [u32; 2],
    jofr: [u32; 4],
    htr: u32,
    ltr: u32,
    sqr: [u32; 3],
    jsqr: u32,
    dr: u32,
    /// DR has a result that nobody fetched.
    unread: bool,
    /// A DMA transfer has ended and DDS is not set: no further requests (13.8.1).
    requested_all: bool,
    /// The place in the sequence that is converted.
    converting: Option<u32>,
    due: VirtualTime,
    event: Option<EventId>,
}

/// The three converters and what they share.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Adcs {
    token: Token,
    adcs: [Adc; COUNT],
    /// CCR.
    common: u32,
}

impl Adcs {
    /// `token` is that of ADC1; those of the others follow.
    pub(super) fn new(token: Token) -> Self {
        Self {
            token,
            adcs: std::array::from_fn(Adc::new),
            common: 0,
        }
    }

    /// Reset, of the chip or by RCC, which has one bit for all.
    pub(super) fn reset(&mut self, fabric: &mut Fabric) {
        for adc in &mut self.adcs {
            adc.stop(fabric);
        }
        *self = Self::new(self.token);
    }

    pub(super) fn interrupt(&self) -> bool {
        self.adcs.iter().any(Adc::interrupt)
    }

    /// Whether converter `index` asks DMA to fetch a result.
    pub(super) fn has_result(&self, index: usize) -> bool {
        let adc = &self.adcs[index];
        adc.cr2 & DMA != 0 && adc.unread && !adc.requested_all && adc.sr & OVR == 0
    }

    /// Reads DR: as the core does, and DMA.
    pub(super) fn take_result(&mut self, index: usize) -> u32 {
        self.adcs[index].take_result()
    }

    /// DMA has moved the last item of a transfer.
    pub(super) fn end_transfer(&mut self, index: usize) {
        let adc = &mut self.adcs[index];
        adc.requested_all = adc.cr2 & DDS == 0;
    }

    /// A conversion is over.
    pub(super) fn wake(&mut self, fabric: &mut Fabric, pclk2: u32, pins: (&Gpio, &Dac), index: usize) {
        let cycle = self.cycle(pclk2);
        let common = self.common;
        if let Some(adc) = self.adcs.get_mut(index) {
            adc.converted(fabric, cycle, common, pins);
        }
    }

    /// `cycles` of ADCCLK, as a function.
    fn cycle(&self, pclk2: u32) -> impl Fn(u64) -> VirtualTime + use<> {
        let prescaler = 2 * (u64::from(self.common >> 16 & 3) + 1);
        move |cycles| VirtualTime::from_ticks(cycles * prescaler, u64::from(pclk2.max(1)))
    }

    pub(super) fn read(&mut self, offset: u32) -> Result<u32, AccessFault> {
        match offset {
            0x000..0x300 => self.adcs[offset as usize / 0x100].read(offset & 0xff),
            0x300 => {
                let status = self.adcs.iter().enumerate();
                Ok(status.fold(0, |bits, (index, adc)| bits | (adc.sr & 0x3f) << (8 * index)))
            }
            0x304 => Ok(self.common),
            // CDR is for converters that work together.
            0x308 => Ok(0),
            _ => Err(AccessFault::Unmapped),
        }
    }

    pub(super) fn write(
        &mut self,
        fabric: &mut Fabric,
        pclk2: u32,
        offset: u32,
        value: u32,
    ) -> Result<(), AccessFault> {
        match offset {
            0x000..0x300 => {
                let cycle = self.cycle(pclk2);
                self.adcs[offset as usize / 0x100].write(fabric, cycle, offset & 0xff, value)
            }
            0x304 if value & 0x1f != 0 => Err(AccessFault::UnmodelledUse),
            0x304 => {
                self.common = value & 0x00c3_ef00;
                Ok(())
            }
            0x300 | 0x308 => Err(AccessFault::Denied),
            _ => Err(AccessFault::Unmapped),
        }
    }
}

impl Adc {
    fn new(index: usize) -> Self {
        Self {
            index,
            sr: 0,
            cr1: 0,
            cr2: 0,
            smpr: [0; 2],
            jofr: [0; 4],
            htr: 0xfff,
            ltr: 0,
            sqr: [0; 3],
            jsqr: 0,
            dr: 0,
            unread: false,
            requested_all: false,
            converting: None,
            due: VirtualTime::ZERO,
            event: None,
        }
    }

    fn stop(&mut self, fabric: &mut Fabric) {
        if let Some(event) = self.event.take() {
            fabric.cancel(event);
        }
        self.converting = None;
    }

    fn interrupt(&self) -> bool {
        let on = |bit: u32| self.cr1 & bit != 0;
        self.sr & EOC != 0 && on(EOCIE) || self.sr & AWD != 0 && on(AWDIE) || self.sr & OVR != 0 && on(OVRIE)
    }

    fn take_result(&mut self) -> u32 {
        self.sr &= !EOC;
        self.unread = false;
        self.dr
    }

    /// Bits of a result.
    fn bits(&self) -> u32 {
        12 - 2 * (self.cr1 >> 24 & 3)
    }

    /// The last place in the sequence.
    fn last(&self) -> u32 {
        if self.cr1 & SCAN != 0 {
            self.sqr[0] >> 20 & 0xf
        } else {
            0
        }
    }

    /// The channel at a place in the sequence: SQ1 to SQ6 are in SQR3, SQ7 to SQ12 in SQR2, the others in SQR1.
    fn channel(&self, place: u32) -> u32 {
        self.sqr[2 - place as usize / 6] >> (5 * (place % 6)) & 0x1f
    }

    /// Begins the conversion at a place in the sequence.
    fn convert(&mut self, fabric: &mut Fabric, token: Token, cycle: impl Fn(u64) -> VirtualTime, place: u32) {
        let channel = self.channel(place);
        // SMPR2 has channels 0 to 9.
        let sampling = match channel {
            0..10 => self.smpr[1] >> (3 * channel) & 7,
            _ => self.smpr[0] >> (3 * (channel - 10)).min(29) & 7,
        };
        self.converting = Some(place);
        self.due += cycle(SAMPLING[sampling as usize] + u64::from(self.bits()));
        self.event = Some(fabric.schedule(self.due, token));
    }

    fn converted(&mut self, fabric: &mut Fabric, cycle: impl Fn(u64) -> VirtualTime, common: u32, pins: (&Gpio, &Dac)) {
        self.event = None;
        let Some(place) = self.converting.take() else { return };
        let channel = self.channel(place);
        let voltage = self.input_uv(fabric, common, pins, channel);
        let steps = 1 << self.bits();
        let result = (voltage * steps / SUPPLY_UV).min(steps - 1) as u32;
        self.watch(channel, result);
        // 13.8.2: overruns are detected with DMA and with EOCS. They end the conversions.
        if self.unread && self.cr2 & (DMA | EOCS) != 0 && !self.requested_all {
            self.sr |= OVR;
            return;
        }
        // Left-aligned results of 6 bits are aligned to a byte (13.4).
        self.dr = match self.cr2 & ALIGN {
            0 => result,
            _ if self.bits() == 6 => result << 2,
            _ => result << (16 - self.bits()),
        };
        self.unread = true;
        let is_last = place >= self.last();
        if is_last || self.cr2 & EOCS != 0 {
            self.sr |= EOC;
        }
        if !is_last {
            self.convert(fabric, super::ADC_TOKENS + self.index as Token, cycle, place + 1);
        } else if self.cr2 & CONT != 0 {
            self.convert(fabric, super::ADC_TOKENS + self.index as Token, cycle, 0);
        }
    }

    /// The analog watchdog (13.3.7); its thresholds have 12 bits.
    fn watch(&mut self, channel: u32, result: u32) {
        let is_watched = self.cr1 & AWDEN != 0 && (self.cr1 & AWDSGL == 0 || self.cr1 & 0x1f == channel);
        let result = result << (12 - self.bits());
        if is_watched && (result > self.htr || result < self.ltr) {
            self.sr |= AWD;
        }
    }

    /// The voltage of a channel, in microvolts.
    fn input_uv(&self, fabric: &mut Fabric, common: u32, (gpio, dac): (&Gpio, &Dac), channel: u32) -> u64 {
        let internal = self.index == 0;
        let pin = match channel {
            0..16 => {
                let of_adc3 = INPUTS_OF_ADC3.iter().find(|it| it.0 == channel as usize);
                of_adc3
                    .filter(|_| self.index == 2)
                    .map_or(INPUTS[channel as usize], |it| it.1)
            }
            // TSVREFE and VBATE switch the chip's own channels on.
            16 if internal && common & 1 << 23 != 0 => return SENSOR_UV,
            17 if internal && common & 1 << 23 != 0 => return VREFINT_UV,
            18 if internal && common & 1 << 22 != 0 => return SUPPLY_UV / 2,
            _ => return 0,
        };
        let driven = dac.output_uv(pin).or_else(|| fabric.analog_uv(pin, SUPPLY_UV));
        driven.unwrap_or_else(|| match gpio.level(pin) {
            Some(true) => SUPPLY_UV,
            _ => 0,
        })
    }

    fn register(&mut self, offset: u32) -> Option<(&mut u32, u32)> {
        Some(match offset {
            0x0c => (&mut self.smpr[0], 0x07ff_ffff),
            0x10 => (&mut self.smpr[1], 0x3fff_ffff),
            0x14..0x24 => (&mut self.jofr[(offset as usize - 0x14) / 4], 0xfff),
            0x24 => (&mut self.htr, 0xfff),
            0x28 => (&mut self.ltr, 0xfff),
            0x2c => (&mut self.sqr[0], 0x00ff_ffff),
            0x30 | 0x34 => (&mut self.sqr[(offset as usize - 0x2c) / 4], 0x3fff_ffff),
            0x38 => (&mut self.jsqr, 0x003f_ffff),
            _ => return None,
        })
    }

    fn read(&mut self, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x00 => self.sr,
            0x04 => self.cr1,
            0x08 => self.cr2,
            // JDR1 to JDR4: nothing was injected.
            0x3c..0x4c => 0,
            0x4c => self.take_result(),
            _ => *self.register(offset).ok_or(AccessFault::Unmapped)?.0,
        })
    }

    fn write(
        &mut self,
        fabric: &mut Fabric,
        cycle: impl Fn(u64) -> VirtualTime,
        offset: u32,
        value: u32,
    ) -> Result<(), AccessFault> {
        match offset {
            0x00 => self.sr &= value,
            0x04 if value & UNMODELLED_CR1 != 0 => return Err(AccessFault::UnmodelledUse),
            0x04 => self.cr1 = value & 0x07c0_ffff,
            0x08 if value & UNMODELLED_CR2 != 0 => return Err(AccessFault::UnmodelledUse),
            0x08 => {
                let was_on = self.cr2 & ADON != 0;
                self.cr2 = value & 0x3f7f_0f03;
                // Setting DMA anew begins another transfer.
                self.requested_all &= value & DMA != 0;
                if value & ADON == 0 {
                    self.stop(fabric);
                } else if value & SWSTART != 0 && was_on && self.sr & OVR == 0 {
                    self.stop(fabric);
                    self.sr |= STRT;
                    self.due = fabric.now();
                    self.convert(fabric, super::ADC_TOKENS + self.index as Token, cycle, 0);
                }
            }
            0x3c..=0x4c => return Err(AccessFault::Denied),
            _ => {
                let (register, mask) = self.register(offset).ok_or(AccessFault::Unmapped)?;
                *register = value & mask;
            }
        }
        Ok(())
    }
}
