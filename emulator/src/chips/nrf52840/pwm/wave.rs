//! One period of the wave counter (PS 6.17.1): the counter's position, a channel's level there, and the time of its
//! next change.

use super::{WAKE_EDGE, WAKE_PERIOD};
use crate::chips::nrf52840::block::Bus;
use crate::core::events::EventId;
use crate::machine::VirtualTime;

/// One period of 16 MHz.
const TICK_PS: u64 = 62_500;
/// Bit 15 of a value: set if the period begins high and the compare falls; clear if it begins low and the compare
/// rises.
const FALLING_EDGE: u16 = 1 << 15;

/// A period under way.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Wave {
    began: VirtualTime,
    pub(super) ends: VirtualTime,
    end: Option<EventId>,
    edge: Option<(VirtualTime, EventId)>,
    clock_ps: u64,
    top: u32,
    /// Ticks of the period: the top, or twice the top if the counter goes up and down.
    ticks: u32,
}

impl Wave {
    pub(super) fn begin(
        bus: &mut Bus<'_>,
        id: u8,
        at: VirtualTime,
        prescaler: u32,
        top: u32,
        up_and_down: bool,
    ) -> Self {
        let clock_ps = TICK_PS << prescaler;
        let ticks = if up_and_down { 2 * top } else { top };
        let ends = at + VirtualTime::from_ps(u64::from(ticks) * clock_ps);
        Self {
            began: at,
            ends,
            end: Some(bus.schedule(id, WAKE_PERIOD, ends)),
            edge: None,
            clock_ps,
            top,
            ticks,
        }
    }

    pub(super) fn cancel(&mut self, bus: &mut Bus<'_>) {
        bus.cancel(&mut self.end);
        self.cancel_edge(bus);
    }

    fn cancel_edge(&mut self, bus: &mut Bus<'_>) {
        if let Some((_, event)) = self.edge.take() {
            bus.fabric.cancel(event);
        }
    }

    /// The due edge, with its exact instant.
    pub(super) fn take_edge(&mut self) -> Option<VirtualTime> {
        self.edge.take().map(|(at, _)| at)
    }

    /// The level of a channel with this compare value at `at`.
    pub(super) fn level(&self, compare: u16, at: VirtualTime) -> bool {
        let tick = self.tick(at);
        let passed = match self.edges(compare) {
            Some((first, second)) => first <= tick && tick < second,
            // Not reached in this period, or reached all the time.
            None => compare & !FALLING_EDGE == 0,
        };
        passed != (compare & FALLING_EDGE != 0)
    }

    /// Schedules a report of the next edge of any channel after `at`.
    pub(super) fn schedule_edge(
        &mut self,
        bus: &mut Bus<'_>,
        id: u8,
        at: VirtualTime,
        compares: impl Iterator<Item = u16>,
    ) {
        self.cancel_edge(bus);
        let tick = self.tick(at);
        let edges = compares.filter_map(|compare| self.edges(compare));
        let ahead = edges.flat_map(|(first, second)| [first, second]).filter(|edge| {
            // The period's end is an event of its own.
            *edge > tick && *edge < self.ticks
        });
        if let Some(next) = ahead.min() {
            let at = self.began + VirtualTime::from_ps(u64::from(next) * self.clock_ps);
            self.edge = Some((at, bus.schedule(id, WAKE_EDGE, at)));
        }
    }

    fn tick(&self, at: VirtualTime) -> u32 {
        (at.saturating_sub(self.began).as_ps() / self.clock_ps) as u32
    }

    /// The ticks between which the counter is at or above the compare value; `None` if it always is, or never.
    fn edges(&self, compare: u16) -> Option<(u32, u32)> {
        let compare = u32::from(compare & !FALLING_EDGE);
        // Counting down, it passes the value as long before the end as it did after the start.
        let second = if self.ticks == self.top {
            self.ticks
        } else {
            self.ticks - compare.min(self.top)
        };
        (0 < compare && compare < self.top).then_some((compare, second))
    }
}
