//! What a receiver measures of its channel: RSSI (PS 6.20.6), energy detection and clear channel assessment
//! (PS 6.20.12). Energy counts from [`NOTICE`] after a frame's begin on, so that it does not depend on how quanta fall.

use super::*;
use crate::machine::{NOTICE, times};

/// What EDSAMPLE counts from, in dBm.
pub(super) const FLOOR: i8 = -92;
/// The level of a channel on which nobody sends, in dBm.
const NOISE: i8 = -100;
/// A measurement takes eight symbols.
const SYMBOLS: VirtualTime = VirtualTime::from_us(128);
/// Time of an RSSI sample.
const RSSI: VirtualTime = VirtualTime::from_ns(250);

/// A measurement.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Measuring {
    pub(super) since: VirtualTime,
    pub(super) event: EventId,
    /// CCA; otherwise energy detection.
    is_cca: bool,
}

/// A level as EDSAMPLE has it.
pub(super) fn level(dbm: i8) -> u8 {
    dbm.saturating_sub(FLOOR).max(0) as u8
}

impl Radio {
    /// The strongest frame that was noticed on the channel since an instant, in dBm.
    fn energy(&self, bus: &Bus<'_>, since: VirtualTime) -> i8 {
        let now = bus.now();
        let heard = self.air.iter().filter(|heard| {
            heard.frame.overlaps(self.modulation, self.mhz)
                && heard.frame.begin + NOTICE <= now
                && since <= heard.end()
                && bus.lines.hfxo
        });
        heard.map(|heard| heard.frame.dbm).max().unwrap_or(NOISE).max(NOISE)
    }

    /// Whether an IEEE 802.15.4 signal was noticed on the channel since an instant.
    fn has_carrier(&self, bus: &Bus<'_>, since: VirtualTime) -> bool {
        let now = bus.now();
        self.air.iter().any(|heard| {
            heard.frame.modulation == Modulation::Ieee802154
                && heard.frame.mhz == self.mhz
                && heard.frame.dbm >= sensitivity(Modulation::Ieee802154)
                && heard.frame.begin + NOTICE <= now
                && since <= heard.end()
                && bus.lines.hfxo
        })
    }

    pub(super) fn start_rssi(&mut self, bus: &mut Bus<'_>) {
        if self.state == State::Rx && self.rssi.is_none() {
            self.rssi = Some(bus.schedule(ID, WAKE_RSSI, bus.now() + RSSI));
        }
    }

    pub(super) fn rssi_done(&mut self, bus: &mut Bus<'_>) {
        self.rssi = None;
        let now = bus.now();
        // The register has the negative of it.
        self.results.rssisample = u32::from(self.energy(bus, now).min(0).unsigned_abs().min(127));
        self.events.raise(bus, RSSIEND);
    }

    pub(super) fn start_cca(&mut self, bus: &mut Bus<'_>) {
        self.start_measuring(bus, true, SYMBOLS);
    }

    pub(super) fn start_ed(&mut self, bus: &mut Bus<'_>) {
        // EDCNT counts the repetitions.
        let span = times(SYMBOLS, u64::from(self.settings.edcnt) + 1);
        self.start_measuring(bus, false, span);
    }

    fn start_measuring(&mut self, bus: &mut Bus<'_>, is_cca: bool, span: VirtualTime) {
        if self.state != State::RxIdle {
            return;
        }
        self.state = State::Rx;
        let since = bus.now();
        let event = bus.schedule(ID, WAKE_MEASURED, since + span);
        self.activity = Activity::Measuring(Measuring { since, event, is_cca });
    }

    /// CCASTOP or EDSTOP.
    pub(super) fn stop_measuring(&mut self, bus: &mut Bus<'_>, cca: bool) {
        match &self.activity {
            Activity::Measuring(measuring) if measuring.is_cca == cca => {}
            _ => return,
        }
        self.abort(bus);
        self.state = State::RxIdle;
        self.events.raise(bus, if cca { CCASTOPPED } else { EDSTOPPED });
    }

    pub(super) fn measured(&mut self, bus: &mut Bus<'_>) {
        let Activity::Measuring(measuring) = std::mem::take(&mut self.activity) else {
            return;
        };
        self.state = State::RxIdle;
        let found = level(self.energy(bus, measuring.since));
        if !measuring.is_cca {
            self.results.edsample = u32::from(found);
            self.events.raise(bus, EDEND);
            if self.has_short(SHORT_EDEND_DISABLE) {
                self.disable(bus);
            }
            return;
        }
        let ccactrl = self.settings.ccactrl;
        let energy = u32::from(found) > ccactrl >> 8 & 0xff;
        let carrier = self.has_carrier(bus, measuring.since);
        let busy = match ccactrl & 7 {
            0 | 4 => energy,
            1 => carrier,
            2 => carrier && energy,
            _ => carrier || energy,
        };
        self.events.raise(bus, if busy { CCABUSY } else { CCAIDLE });
        if busy {
            if self.has_short(SHORT_CCABUSY_DISABLE) {
                self.disable(bus);
            }
        } else if self.has_short(SHORT_CCAIDLE_TXEN) {
            self.enable(bus, true, false);
        } else if self.has_short(SHORT_CCAIDLE_STOP) {
            self.stop(bus);
        }
    }
}
