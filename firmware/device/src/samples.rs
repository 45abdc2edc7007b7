//! Numbers that apps publish, as records that wait to be sent. The blocks are allocated once, so that waiting numbers do not
//! count towards an app's heap, and each block is the content of one message.
//!
//! Nobody waits for space: what does not fit is dropped, and the app's context counts it. An app gets no more space than
//! it leaves to others, so that an app that floods loses its own numbers only.

use crate::host::RUNS_APPS;
use alloc::{boxed::Box, vec::Vec};
use drydock_protocol::{
    app_samples::{self, MAX_SERIES, NAME_HEAD_BYTES, VALUES_HEAD_BYTES},
    device_to_gateway::AppSamples,
    envelope::{self, Kind},
    limits::MAX_SAMPLE_BYTES,
};

/// Blocks of [`MAX_SAMPLE_BYTES`]: one that is filled, and those that wait for the link.
const BLOCKS: usize = 3;
/// A block that is not full is sent after this time.
const LINGER_US: u64 = 100_000;

/// The waiting records.
pub struct SampleRing {
    /// Whether a session takes them.
    is_open: bool,
    /// The first `used` are in use, the oldest first.
    blocks: [Box<Block>; BLOCKS],
    used: usize,
    /// Number of the last message.
    sequence: u32,
    /// Number of the last source.
    sources: u32,
}

/// The content of a message.
#[derive(Default)]
struct Block {
    begin_us: u64,
    last_us: u64,
    bytes: Vec<u8>,
    /// The first `known` are in use.
    series: [Series; MAX_SERIES],
    known: usize,
}

/// A series of a block, and the bytes that it takes there.
#[derive(Default)]
struct Series {
    source: u32,
    value: u8,
    bytes: u16,
}

/// Values of one series.
pub(crate) struct Values<'a> {
    /// The app's number; see [`SampleRing::source`].
    pub(crate) source: u32,
    pub(crate) app: &'a str,
    /// Number of the series within its app.
    pub(crate) value: u8,
    pub(crate) name: &'a str,
    /// As [`app_samples::write_values`] takes them.
    pub(crate) flags: u8,
    pub(crate) count: u8,
    pub(crate) period_us: u32,
    pub(crate) bytes: &'a [u8],
}

impl Default for SampleRing {
    fn default() -> Self {
        let block = || {
            Box::new(Block {
                bytes: Vec::with_capacity(if RUNS_APPS { MAX_SAMPLE_BYTES } else { 0 }),
                ..Block::default()
            })
        };
        Self {
            is_open: false,
            blocks: [block(), block(), block()],
            used: 0,
            sequence: 0,
            sources: 0,
        }
    }
}

impl SampleRing {
    /// A number for an app that is loaded. No other app gets it.
    pub(crate) fn source(&mut self) -> u32 {
        self.sources += 1;
        self.sources
    }

    /// A session takes records from now on, or none does: new ones are dropped then, and what waits is for the next session.
    pub(crate) fn set_open(&mut self, is_open: bool) {
        self.is_open = is_open;
    }

    /// Adds values. Returns whether they fitted.
    pub(crate) fn push(&mut self, values: &Values<'_>, now_us: u64) -> bool {
        let names = NAME_HEAD_BYTES + values.app.len() + values.name.len();
        let needed = VALUES_HEAD_BYTES + names + values.bytes.len();
        if !self.is_open || !self.has_room(values.source, needed) {
            return false;
        }
        if self.used == 0 || !self.blocks[self.used - 1].takes(values, needed, now_us) {
            if self.used == BLOCKS || needed > MAX_SAMPLE_BYTES {
                return false;
            }
            self.blocks[self.used].begin(now_us);
            self.used += 1;
        }
        self.blocks[self.used - 1].push(values, now_us);
        true
    }

    /// Whether an app would leave at least as much space as it takes.
    fn has_room(&self, source: u32, needed: usize) -> bool {
        let used = self.blocks.iter().take(self.used);
        let (mut own, mut free) = (needed, BLOCKS * MAX_SAMPLE_BYTES);
        for (at, block) in used.enumerate() {
            let is_filled = at + 1 < self.used;
            free -= if is_filled { MAX_SAMPLE_BYTES } else { block.bytes.len() };
            let series = block.known().iter().filter(|series| series.source == source);
            own += series.map(|series| usize::from(series.bytes)).sum::<usize>();
        }
        own <= free
    }

    /// When a block is due, in microseconds since reset.
    pub(crate) fn due_us(&self) -> Option<u64> {
        match self.used {
            0 => None,
            1 => Some(self.blocks[0].begin_us + LINGER_US),
            _ => Some(0),
        }
    }

    /// The message with the oldest block, if it is due.
    pub(crate) fn message(&mut self, now_us: u64) -> Option<Vec<u8>> {
        if self.due_us()? > now_us {
            return None;
        }
        self.sequence += 1;
        let block = &self.blocks[0];
        let message = AppSamples {
            sequence: self.sequence,
            begin_us: block.begin_us,
            age_us: (now_us - block.begin_us).try_into().unwrap_or(u32::MAX),
            records: &block.bytes,
        };
        let message = envelope::encode(Kind::AppSamples, 0, &message).ok();
        // Two exchanges take less code than a rotation.
        self.blocks.swap(0, 1);
        self.blocks.swap(1, 2);
        self.used -= 1;
        message
    }
}

impl Block {
    fn begin(&mut self, now_us: u64) {
        (self.begin_us, self.last_us) = (now_us, now_us);
        self.bytes.clear();
        self.known = 0;
    }

    fn known(&self) -> &[Series] {
        &self.series[..self.known]
    }

    fn number(&self, values: &Values<'_>) -> Option<usize> {
        let is_it = |series: &Series| series.source == values.source && series.value == values.value;
        self.known().iter().position(is_it)
    }

    fn takes(&self, values: &Values<'_>, needed: usize, now_us: u64) -> bool {
        self.bytes.len() + needed <= MAX_SAMPLE_BYTES
            && (self.known < MAX_SERIES || self.number(values).is_some())
            && u32::try_from(now_us - self.begin_us).is_ok()
    }

    fn push(&mut self, values: &Values<'_>, now_us: u64) {
        let before = self.bytes.len();
        let number = self.number(values).unwrap_or_else(|| {
            let number = self.known;
            self.series[number] = Series {
                source: values.source,
                value: values.value,
                bytes: 0,
            };
            self.known += 1;
            app_samples::write_name(&mut self.bytes, number as u8, values.app, values.name);
            number
        });
        app_samples::write_values(
            &mut self.bytes,
            number as u8 | values.flags,
            (now_us - self.last_us) as u32,
            values.count,
            values.period_us,
            values.bytes,
        );
        self.last_us = now_us;
        self.series[number].bytes += (self.bytes.len() - before) as u16;
    }
}
