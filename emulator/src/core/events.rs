//! The queue of events in virtual time.

use crate::machine::VirtualTime;

/// Identifies an event to the chip when it is due; each chip defines its own numbers.
pub type Token = u64;

/// Names one scheduled event, to cancel it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct EventId(u64);

/// An event, due at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct DueEvent {
    /// When it is due.
    pub at: VirtualTime,
    /// Order among events of one instant: the one scheduled first comes first.
    sequence: u64,
    /// Its meaning for the chip.
    pub token: Token,
}

/// Events in the order they are due: by time, then by the order in which they were scheduled.
///
/// Kept as a sorted vector with the next event last: a chip has a few dozen pending at most, which a shift of a few
/// cache lines serves faster than a heap.
#[derive(Clone, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub struct EventQueue {
    pending: Vec<DueEvent>,
    next_sequence: u64,
}

impl EventQueue {
    /// Adds an event.
    pub fn schedule(&mut self, at: VirtualTime, token: Token) -> EventId {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let place = self.pending.partition_point(|event| event.at > at);
        self.pending.insert(place, DueEvent { at, sequence, token });
        EventId(sequence)
    }

    /// Removes an event; false if it was already served or cancelled.
    pub fn cancel(&mut self, id: EventId) -> bool {
        let before = self.pending.len();
        self.pending.retain(|event| event.sequence != id.0);
        self.pending.len() != before
    }

    /// Removes every event with this token; returns how many there were.
    pub fn cancel_token(&mut self, token: Token) -> usize {
        let before = self.pending.len();
        self.pending.retain(|event| event.token != token);
        before - self.pending.len()
    }

    /// When the next event is due.
    pub fn next_at(&self) -> Option<VirtualTime> {
        self.pending.last().map(|event| event.at)
    }

    /// Removes and returns the next event if it is due at `now`.
    pub fn pop_due(&mut self, now: VirtualTime) -> Option<DueEvent> {
        if self.next_at()? <= now {
            self.pending.pop()
        } else {
            None
        }
    }

    /// Takes every event out (power-on reset).
    pub fn clear(&mut self) {
        self.pending.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_then_by_order_of_scheduling() {
        let mut queue = EventQueue::default();
        let us = VirtualTime::from_us;
        queue.schedule(us(5), 50);
        queue.schedule(us(1), 10);
        let gone = queue.schedule(us(1), 11);
        queue.schedule(us(1), 12);
        queue.schedule(us(3), 30);
        assert!(queue.cancel(gone));
        assert!(!queue.cancel(gone));
        let mut order = Vec::new();
        while let Some(event) = queue.pop_due(us(4)) {
            order.push(event.token);
        }
        assert_eq!(order, [10, 12, 30]);
        assert_eq!(queue.next_at(), Some(us(5)));
    }
}
