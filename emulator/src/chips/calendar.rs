//! The calendar that clocks in chips count: from one second to the next, in the years 2000 to 2099.

/// A time and a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Calendar {
    pub(super) second: u32,
    pub(super) minute: u32,
    pub(super) hour: u32,
    /// 0 to 6 or 1 to 7, as the chip has it.
    pub(super) weekday: u32,
    pub(super) day: u32,
    pub(super) month: u32,
    /// Of the century.
    pub(super) year: u32,
}

impl Calendar {
    /// A second later; weekdays begin with `first`.
    pub(super) fn next(mut self, first: u32) -> Self {
        let carries = |field: &mut u32, end: u32, start: u32| {
            *field += 1;
            let carries = *field >= end;
            if carries {
                *field = start;
            }
            carries
        };
        if carries(&mut self.second, 60, 0) && carries(&mut self.minute, 60, 0) && carries(&mut self.hour, 24, 0) {
            carries(&mut self.weekday, first + 7, first);
            let days = match self.month {
                4 | 6 | 9 | 11 => 30,
                2 if self.year.is_multiple_of(4) => 29,
                2 => 28,
                _ => 31,
            };
            if carries(&mut self.day, days + 1, 1) && carries(&mut self.month, 13, 1) {
                carries(&mut self.year, 100, 0);
            }
        }
        self
    }
}

/// Two decimal digits as a number.
pub(super) fn from_bcd(value: u32) -> u32 {
    10 * (value >> 4 & 15) + (value & 15)
}

/// A number below 100 as two decimal digits.
pub(super) fn to_bcd(value: u32) -> u32 {
    ((value / 10) << 4) | (value % 10)
}
