//! Erasing that is put off: bootloaders that erase a page when it is written need not erase it before.

use std::ops::Range;

/// Erase units that were erased for the caller and are not yet on the chip, without a gap.
#[derive(Debug, Default)]
pub(super) struct Postponed(Range<u32>);

impl Postponed {
    /// Whether these units lie right behind the ones that wait. Otherwise those must be erased before [`Self::add`].
    pub(super) fn is_continued_by(&self, units: &Range<u32>) -> bool {
        self.0.end == units.start
    }

    /// Adds units: behind the ones that wait, or in their place.
    pub(super) fn add(&mut self, units: Range<u32>) {
        if !self.is_continued_by(&units) {
            self.0.start = units.start;
        }
        self.0.end = units.end;
    }

    /// Takes units that are written now, and erased thereby. `false`: they are not the next ones.
    pub(super) fn take(&mut self, units: &Range<u32>) -> bool {
        let is_next = self.0.start == units.start && units.end <= self.0.end;
        if is_next {
            self.0.start = units.end;
        }
        is_next
    }

    /// The next piece to erase, of `most` bytes at most.
    pub(super) fn next(&self, most: u32) -> Option<Range<u32>> {
        (!self.0.is_empty()).then(|| self.0.start..self.0.end.min(self.0.start.saturating_add(most)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_wait_until_they_are_written_or_others_come() {
        let mut postponed = Postponed::default();
        assert_eq!(postponed.next(10), None);
        assert!(!postponed.take(&(20..30)));
        assert!(!postponed.is_continued_by(&(20..40)));
        postponed.add(20..40);
        assert!(postponed.is_continued_by(&(40..50)));
        postponed.add(40..50);
        assert_eq!(postponed.next(25), Some(20..45));
        assert!(!postponed.take(&(30..40)), "not the next one");
        assert!(!postponed.take(&(20..60)), "not all of it waits");
        assert!(postponed.take(&(20..30)));
        assert_eq!(postponed.next(100), Some(30..50));
        assert!(!postponed.is_continued_by(&(70..80)));
        postponed.add(70..80);
        assert_eq!(postponed.next(100), Some(70..80));
    }
}
