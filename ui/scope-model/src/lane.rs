//! What a signal is: its name, its kind, and the times that it may have.

/// Times are nanoseconds of virtual time since the machine began. 146 years fit, so that a level fits beside a time.
pub const MAX_TIME_NS: u64 = 1 << 62;
/// Lanes of one recording.
pub const MAX_LANES: usize = 4_096;
/// Bytes of a lane's name, and of its unit.
pub const MAX_NAME_BYTES: usize = 256;
/// Bytes of one text.
pub const MAX_TEXT_BYTES: usize = 64 * 1_024;

/// The number of a lane in its recording: 0, 1, 2, … in the order of their declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LaneId(pub u32);

/// What the entries of a lane are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LaneKind {
    /// A level that changes at instants: a pin. As a number, low is 0 and high is 1.
    Digital,
    /// Numbers at instants, or in runs with a fixed period.
    Number,
    /// Bytes with a time: a line of a log, what a UART carried.
    Text,
}

/// One signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// Its name, such as `Desk/D13` or `Desk/uart0.tx`; at most [`MAX_NAME_BYTES`].
    pub name: String,
    /// The unit of its numbers, such as `V`; empty if it has none.
    pub unit: String,
    /// What its entries are.
    pub kind: LaneKind,
}

impl Lane {
    /// A lane without a unit.
    pub fn new(name: impl Into<String>, kind: LaneKind) -> Self {
        Self {
            name: name.into(),
            unit: String::new(),
            kind,
        }
    }

    /// Whether its texts are pieces of one stream of bytes, as of a UART's line, and not lines or transfers. The name says so:
    /// `uart0.tx`, `rtt0.rx`.
    pub fn is_stream(&self) -> bool {
        self.kind == LaneKind::Text && (self.name.ends_with(".tx") || self.name.ends_with(".rx"))
    }
}

/// Instants from `from_ns` up to, and without, `until_ns`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// First instant, in ns.
    pub from_ns: u64,
    /// First instant after the range, in ns.
    pub until_ns: u64,
}

impl TimeRange {
    /// The range between two instants; empty if `until_ns` is not after `from_ns`.
    pub fn new(from_ns: u64, until_ns: u64) -> Self {
        Self {
            from_ns,
            until_ns: until_ns.max(from_ns),
        }
    }

    /// Its length in ns.
    pub fn len_ns(self) -> u64 {
        self.until_ns - self.from_ns
    }

    /// The part of it that lies in `other`, if any does.
    pub fn overlap(self, other: Self) -> Option<Self> {
        let both = Self {
            from_ns: self.from_ns.max(other.from_ns),
            until_ns: self.until_ns.min(other.until_ns),
        };
        (both.from_ns < both.until_ns).then_some(both)
    }
}
