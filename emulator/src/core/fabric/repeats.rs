//! What was reported before: a guest that repeats one fault without end must not fill logs without end.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};

use crate::machine::hash::StateHasher;

/// How often one fault is reported.
const TIMES: u32 = 16;
/// Different faults that are remembered; the oldest is forgotten first.
const REMEMBERED: usize = 64;

/// The faults of late, and how often each was reported.
#[derive(Clone, Debug, Default)]
pub(crate) struct Repeats(VecDeque<(u64, u32)>);

impl Repeats {
    /// Whether a fault is to be reported. Faults with equal keys count as the same.
    pub(crate) fn admit(&mut self, key: impl Hash) -> bool {
        let mut hasher = StateHasher::default();
        key.hash(&mut hasher);
        let key = hasher.finish();
        if let Some((_, times)) = self.0.iter_mut().find(|(known, _)| *known == key) {
            *times = times.saturating_add(1);
            return *times <= TIMES;
        }
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((key, 1));
        true
    }

    /// Forgets all: the machine was reset.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_fault_is_reported_a_few_times_and_others_still_are() {
        let mut repeats = Repeats::default();
        let reported = (0..1_000).filter(|_| repeats.admit(7)).count();
        assert_eq!(reported, 16);
        assert!(repeats.admit(8));
        repeats.clear();
        assert!(repeats.admit(7));
    }
}
