//! The records of an [`AppSamples`](crate::device_to_gateway::AppSamples) message: numbers that apps publish, with the
//! device's time of each.
//!
//! A record begins with a tag. Its low four bits are the number of a series, which is one name of one app:
//!
//! | tag | record |
//! |---|---|
//! | [`NAME`] | defines the series: length and bytes of the app's name, length and bytes of the series' own name |
//! | else | values of the series: microseconds since the previous record of values, then the values |
//! | with [`LOST`] | values of this app were dropped before this record, or the app has just started |
//! | with [`WIDE`] | values are 64-bit floats, otherwise 32-bit ones; little-endian both |
//! | with [`RUN`] | a count (one byte, from 1) and a period in microseconds precede the values, otherwise there is one value |
//!
//! Numbers of microseconds are LEB128 of at most 32 bits. The time of a record is that of its last value; the others
//! lie one period apart before it. A message defines each series before its first value, so that it can be read alone.

use alloc::vec::Vec;

/// The record defines a series.
pub const NAME: u8 = 0x80;
/// Values of the app were dropped before this record, or the app has just started.
pub const LOST: u8 = 0x40;
/// The values are 64-bit floats.
pub const WIDE: u8 = 0x20;
/// The record has a count and a period.
pub const RUN: u8 = 0x10;

/// Series in one message at most.
pub const MAX_SERIES: usize = 16;

/// Bytes of a record of values besides its values, at most.
pub const VALUES_HEAD_BYTES: usize = 1 + 5 + 1 + 5;

/// Bytes of a record that defines a series, besides the names.
pub const NAME_HEAD_BYTES: usize = 3;

/// Adds a record that defines a series. The names are at most 255 bytes long.
pub fn write_name(out: &mut Vec<u8>, series: u8, app: &str, name: &str) {
    out.push(NAME | series);
    for text in [app, name] {
        out.push(text.len() as u8);
        out.extend_from_slice(text.as_bytes());
    }
}

/// Adds a record of values: `flags` are [`LOST`], [`WIDE`] and [`RUN`]. Count and period are written with [`RUN`] only.
pub fn write_values(out: &mut Vec<u8>, tag: u8, since_us: u32, count: u8, period_us: u32, values: &[u8]) {
    out.push(tag);
    write_number(out, since_us);
    if tag & RUN != 0 {
        out.push(count);
        write_number(out, period_us);
    }
    out.extend_from_slice(values);
}

fn write_number(out: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// The records do not have the form above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MalformedRecord;

impl core::fmt::Display for MalformedRecord {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("a record of an app's samples has no valid form")
    }
}

impl core::error::Error for MalformedRecord {}

/// Values of one series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Record<'a> {
    /// The app.
    pub app: &'a str,
    /// The name that the app gave the series.
    pub name: &'a str,
    /// Whether values of this app were dropped before, or the app has just started.
    pub lost_before: bool,
    /// Time of the last value, in microseconds since reset.
    pub at_us: u64,
    /// Time between two values, in microseconds; 0 for a single value.
    pub period_us: u32,
    wide: bool,
    values: &'a [u8],
}

impl Record<'_> {
    /// The values with their times in microseconds since reset, ascending. Values before the reset get the time 0.
    pub fn samples(&self) -> impl Iterator<Item = (u64, f64)> {
        let count = self.values.len() / self.value_bytes();
        self.values
            .chunks_exact(self.value_bytes())
            .enumerate()
            .map(move |(at, bytes)| {
                let before_us = (count - 1 - at) as u64 * u64::from(self.period_us);
                let value = match (<[u8; 8]>::try_from(bytes), <[u8; 4]>::try_from(bytes)) {
                    (Ok(wide), _) => f64::from_le_bytes(wide),
                    (_, Ok(narrow)) => f32::from_le_bytes(narrow).into(),
                    _ => f64::NAN,
                };
                (self.at_us.saturating_sub(before_us), value)
            })
    }

    fn value_bytes(&self) -> usize {
        if self.wide { 8 } else { 4 }
    }
}

/// Reads the records of values, in order. It ends with the first record that is malformed.
pub struct Records<'a> {
    rest: &'a [u8],
    at_us: u64,
    series: [Option<(&'a str, &'a str)>; MAX_SERIES],
}

impl<'a> Records<'a> {
    /// Reads these records; the first one's time counts from `begin_us`, in microseconds since reset.
    pub fn new(begin_us: u64, records: &'a [u8]) -> Self {
        Self {
            rest: records,
            at_us: begin_us,
            series: [None; MAX_SERIES],
        }
    }

    fn record(&mut self, tag: u8) -> Option<Option<Record<'a>>> {
        let number = usize::from(tag) % MAX_SERIES;
        if tag & NAME != 0 {
            if tag & !NAME >= MAX_SERIES as u8 {
                return None;
            }
            self.series[number] = Some((self.text()?, self.text()?));
            return Some(None);
        }
        let (app, name) = self.series[number]?;
        self.at_us = self.at_us.saturating_add(self.number()?.into());
        let (count, period_us) = match tag & RUN {
            0 => (1, 0),
            _ => (self.byte()?, self.number()?),
        };
        if count == 0 {
            return None;
        }
        let wide = tag & WIDE != 0;
        let values = self.bytes(usize::from(count) * if wide { 8 } else { 4 })?;
        Some(Some(Record {
            app,
            name,
            lost_before: tag & LOST != 0,
            at_us: self.at_us,
            period_us,
            wide,
            values,
        }))
    }

    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(bytes)
    }

    fn byte(&mut self) -> Option<u8> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.byte()?;
        core::str::from_utf8(self.bytes(length.into())?).ok()
    }

    fn number(&mut self) -> Option<u32> {
        let mut number = 0_u64;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(number).ok();
            }
        }
        None
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, MalformedRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(tag) = self.byte() {
            match self.record(tag) {
                Some(Some(record)) => return Some(Ok(record)),
                Some(None) => {}
                None => {
                    self.rest = &[];
                    return Some(Err(MalformedRecord));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use proptest::prelude::*;

    fn samples(begin_us: u64, bytes: &[u8]) -> Result<Vec<(String, u64, f64, bool)>, MalformedRecord> {
        let mut out = Vec::new();
        for record in Records::new(begin_us, bytes) {
            let record = record?;
            let name = alloc::format!("{}/{}", record.app, record.name);
            out.extend(
                record
                    .samples()
                    .map(|(at, value)| (name.clone(), at, value, record.lost_before)),
            );
        }
        Ok(out)
    }

    #[test]
    fn a_run_ends_at_its_time_and_a_single_value_lies_on_it() {
        let mut bytes = Vec::new();
        write_name(&mut bytes, 3, "wave", "sine");
        write_values(&mut bytes, 3 | WIDE, 0, 0, 0, &0.1_f64.to_le_bytes());
        let run: Vec<u8> = [1.0_f32, 2.0, 3.0]
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        write_values(&mut bytes, 3 | RUN | LOST, 300, 3, 100, &run);
        let sine = || String::from("wave/sine");
        assert_eq!(
            samples(1_000, &bytes).unwrap(),
            [
                (sine(), 1_000, 0.1, false),
                (sine(), 1_100, 1.0, true),
                (sine(), 1_200, 2.0, true),
                (sine(), 1_300, 3.0, true)
            ]
        );
    }

    fn refused(bytes: &[u8]) {
        assert_eq!(samples(0, bytes), Err(MalformedRecord), "{bytes:02x?}");
    }

    #[test]
    fn records_of_another_form_are_refused() {
        let mut named = Vec::new();
        write_name(&mut named, 0, "a", "b");
        let with = |rest: &[u8]| [&named[..], rest].concat();
        refused(&[0, 0, 0, 0, 0, 0]);
        refused(&with(&[1, 0, 0, 0, 0, 0]));
        refused(&with(&[0, 0, 0, 0, 0]));
        refused(&with(&[RUN, 0, 0, 0]));
        refused(&with(&[0, 0x80, 0x80, 0x80, 0x80, 0x10, 0, 0, 0, 0]));
        refused(&with(&[0, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 0, 0, 0, 0]));
        refused(&[NAME | LOST, 1, b'a', 1, b'b']);
        refused(&[NAME, 1, 0xFF, 1, b'b']);
        refused(&[NAME, 9, b'a']);
        assert_eq!(samples(0, &with(&[0, 0, 0, 0, 0x80, 0x3F])).unwrap().len(), 1);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            begin_us in any::<u64>(),
            records in prop::collection::vec((0_u8..16, 0_u8..8, any::<u32>(), any::<u32>(), 1_usize..40), 0..20),
        ) {
            let mut bytes = Vec::new();
            (0..16).for_each(|series| write_name(&mut bytes, series, "app", &alloc::format!("{series}")));
            let (mut expected, mut at_us) = (Vec::new(), begin_us);
            for (series, flags, since_us, period_us, count) in records {
                let tag = series | flags << 4;
                let count = if tag & RUN == 0 { 1 } else { count };
                let values: Vec<u8> = (0..count)
                    .flat_map(|n| match tag & WIDE {
                        0 => (n as f32).to_le_bytes().to_vec(),
                        _ => (n as f64).to_le_bytes().to_vec(),
                    })
                    .collect();
                write_values(&mut bytes, tag, since_us, count as u8, period_us, &values);
                at_us = at_us.saturating_add(since_us.into());
                for n in 0..count {
                    let before_us = (count - 1 - n) as u64 * if tag & RUN == 0 { 0 } else { u64::from(period_us) };
                    let name = alloc::format!("app/{series}");
                    expected.push((name, at_us.saturating_sub(before_us), n as f64, tag & LOST != 0));
                }
            }
            prop_assert_eq!(samples(begin_us, &bytes), Ok(expected));
        }

        #[test]
        fn any_bytes_are_survived(begin_us in any::<u64>(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(samples) = samples(begin_us, &bytes) {
                prop_assert!(samples.len() * 4 <= bytes.len());
            }
        }
    }
}
