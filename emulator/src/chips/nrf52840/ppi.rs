//! PPI (PS 6.16): channels that trigger tasks when events are generated, without the core.

use super::block::{Bus, Peripheral};
use crate::core::fabric::AccessFault;

/// Channels that software programs.
const PROGRAMMABLE: usize = 20;
const CHANNELS: usize = 32;
const GROUPS: usize = 6;

/// Channels 20 to 31 (PS 6.16.1 "Pre-programmed channels"): event and task addresses.
const FIXED: [(u32, u32); CHANNELS - PROGRAMMABLE] = [
    (0x4000_8140, 0x4000_1000), // TIMER0 COMPARE[0] → RADIO TXEN
    (0x4000_8140, 0x4000_1004), // TIMER0 COMPARE[0] → RADIO RXEN
    (0x4000_8144, 0x4000_1010), // TIMER0 COMPARE[1] → RADIO DISABLE
    (0x4000_1128, 0x4000_f000), // RADIO BCMATCH → AAR START
    (0x4000_1100, 0x4000_f000), // RADIO READY → CCM KSGEN
    (0x4000_1104, 0x4000_f004), // RADIO ADDRESS → CCM CRYPT
    (0x4000_1104, 0x4000_8044), // RADIO ADDRESS → TIMER0 CAPTURE[1]
    (0x4000_110c, 0x4000_8048), // RADIO END → TIMER0 CAPTURE[2]
    (0x4000_b140, 0x4000_1000), // RTC0 COMPARE[0] → RADIO TXEN
    (0x4000_b140, 0x4000_1004), // RTC0 COMPARE[0] → RADIO RXEN
    (0x4000_b140, 0x4000_800c), // RTC0 COMPARE[0] → TIMER0 CLEAR
    (0x4000_b140, 0x4000_8000), // RTC0 COMPARE[0] → TIMER0 START
];

/// The peripheral.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Ppi {
    chen: u32,
    eep: [u32; CHANNELS],
    tep: [u32; CHANNELS],
    fork: [u32; CHANNELS],
    chg: [u32; GROUPS],
}

impl Ppi {
    pub(super) fn new() -> Self {
        let mut ppi = Self {
            chen: 0,
            eep: [0; CHANNELS],
            tep: [0; CHANNELS],
            fork: [0; CHANNELS],
            chg: [0; GROUPS],
        };
        for (channel, (eep, tep)) in FIXED.iter().enumerate() {
            ppi.eep[PROGRAMMABLE + channel] = *eep;
            ppi.tep[PROGRAMMABLE + channel] = *tep;
        }
        ppi
    }

    /// Addresses of the tasks that the event at `event` triggers, in channel order.
    pub(super) fn tasks(&self, event: u32) -> impl Iterator<Item = u32> + use<> {
        let mut tasks = [0; 2 * CHANNELS];
        for channel in 0..CHANNELS {
            if self.chen >> channel & 1 != 0 && self.eep[channel] == event {
                tasks[2 * channel] = self.tep[channel];
                tasks[2 * channel + 1] = self.fork[channel];
            }
        }
        tasks.into_iter().filter(|task| *task != 0)
    }

    fn enable(&mut self, bus: &mut Bus<'_>, chen: u32) {
        self.chen = chen;
        self.listen(bus);
    }

    /// Events of channels that are enabled.
    fn listen(&self, bus: &mut Bus<'_>) {
        let heard = (0..CHANNELS).filter(|channel| self.chen >> channel & 1 != 0);
        bus.lines.ppi_hears = heard.map(|channel| self.eep[channel]).collect();
    }
}

impl Peripheral for Ppi {
    fn task(&mut self, bus: &mut Bus<'_>, offset: u32) -> Result<(), AccessFault> {
        // CHG[n].EN, CHG[n].DIS
        let group = offset as usize / 8;
        let channels = *self.chg.get(group).ok_or(AccessFault::Unmapped)?;
        let chen = if offset.is_multiple_of(8) {
            self.chen | channels
        } else {
            self.chen & !channels
        };
        self.enable(bus, chen);
        Ok(())
    }

    fn read(&mut self, _bus: &mut Bus<'_>, offset: u32) -> Result<u32, AccessFault> {
        let index = |base: u32, step: u32| ((offset - base) / step) as usize;
        Ok(match offset {
            0x500 | 0x504 | 0x508 => self.chen,
            0x510..0x5b0 if offset.is_multiple_of(8) => self.eep[index(0x510, 8)],
            0x510..0x5b0 => self.tep[index(0x510, 8)],
            0x800..0x818 => self.chg[index(0x800, 4)],
            0x910..0x990 => self.fork[index(0x910, 4)],
            _ => return Err(AccessFault::Unmapped),
        })
    }

    fn write(&mut self, bus: &mut Bus<'_>, offset: u32, value: u32) -> Result<(), AccessFault> {
        let index = |base: u32, step: u32| ((offset - base) / step) as usize;
        match offset {
            0x500 => self.enable(bus, value),
            0x504 => self.enable(bus, self.chen | value),
            0x508 => self.enable(bus, self.chen & !value),
            0x510..0x5b0 if offset.is_multiple_of(8) => {
                self.eep[index(0x510, 8)] = value;
                self.listen(bus);
            }
            0x510..0x5b0 => self.tep[index(0x510, 8)] = value,
            0x800..0x818 => self.chg[index(0x800, 4)] = value,
            0x910..0x990 => self.fork[index(0x910, 4)] = value,
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }
}
