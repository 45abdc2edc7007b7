//! The time axis: which instants the window shows, and how it moves.

use drydock_scope_model::{MAX_TIME_NS, TimeRange};

/// A window that shows less than this shows nothing more.
const SHORTEST_NS: f64 = 10.0;
const LONGEST_NS: f64 = MAX_TIME_NS as f64;

/// A part of the time axis. Instants are ns since the earliest recording began; half a nanosecond is exact up to 52 days.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Axis {
    /// The instant at the left edge, in ns. It may be before the beginning.
    pub from_ns: f64,
    /// From the left to the right edge, in ns; above zero.
    pub span_ns: f64,
}

impl Axis {
    /// An axis over a range.
    pub fn new(from_ns: f64, span_ns: f64) -> Self {
        let span_ns = span_ns.clamp(SHORTEST_NS, LONGEST_NS);
        Self {
            from_ns: from_ns.clamp(-LONGEST_NS, LONGEST_NS),
            span_ns,
        }
    }

    /// The instant at the right edge, in ns.
    pub fn until_ns(self) -> f64 {
        self.from_ns + self.span_ns
    }

    /// The place of an instant: 0 is the left edge, `width` the right one.
    pub fn x(self, at_ns: f64, width: f64) -> f64 {
        (at_ns - self.from_ns) / self.span_ns * width
    }

    /// The instant at a place.
    pub fn at(self, x: f64, width: f64) -> f64 {
        self.from_ns + x / width.max(1.0) * self.span_ns
    }

    /// Shows `factor` times as long a range; the instant at this share of the width stays where it is.
    #[must_use]
    pub fn zoomed(self, share: f64, factor: f64) -> Self {
        let pivot_ns = self.from_ns + share * self.span_ns;
        let span_ns = (self.span_ns * factor).clamp(SHORTEST_NS, LONGEST_NS);
        Self::new(pivot_ns - share * span_ns, span_ns)
    }

    /// Moves by a share of the width; above zero shows later instants.
    #[must_use]
    pub fn moved(self, share: f64) -> Self {
        Self::new(self.from_ns + share * self.span_ns, self.span_ns)
    }

    /// Shows an instant at this share of the width.
    #[must_use]
    pub fn with_at(self, at_ns: f64, share: f64) -> Self {
        Self::new(at_ns - share * self.span_ns, self.span_ns)
    }

    /// The range of a recording that began at `offset_ns`, with every instant that is seen in part.
    pub fn range(self, offset_ns: f64) -> TimeRange {
        let clamp = |ns: f64| (ns - offset_ns).clamp(0.0, LONGEST_NS);
        TimeRange::new(clamp(self.from_ns).floor() as u64, clamp(self.until_ns()).ceil() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zoom_keeps_what_is_under_the_pointer() {
        let axis = Axis::new(1e9, 1e9);
        for (share, factor) in [(0.0, 0.5), (0.3, 0.1), (1.0, 7.0)] {
            let before = axis.at(share * 100.0, 100.0);
            let after = axis.zoomed(share, factor).at(share * 100.0, 100.0);
            assert!((before - after).abs() < 1e-3, "{share} {factor}");
        }
    }

    #[test]
    fn no_zoom_leaves_the_axis_without_a_range() {
        let mut axis = Axis::new(0.0, 1e9);
        for _ in 0..200 {
            axis = axis.zoomed(0.5, 0.5);
        }
        assert_eq!(axis.span_ns, SHORTEST_NS);
        for _ in 0..400 {
            axis = axis.zoomed(0.5, 2.0);
        }
        assert_eq!(axis.span_ns, LONGEST_NS);
        assert_eq!(axis.moved(1e9).range(0.0).len_ns(), 0);
        assert!(Axis::new(f64::MAX, f64::MAX).until_ns().is_finite());
    }

    #[test]
    fn a_range_holds_what_is_seen_in_part() {
        assert_eq!(Axis::new(0.5, 20.0).range(0.0), TimeRange::new(0, 21));
        assert_eq!(Axis::new(-5.0, 20.0).range(0.0), TimeRange::new(0, 15));
        assert_eq!(Axis::new(100.0, 20.0).range(100.0), TimeRange::new(0, 20));
    }
}
