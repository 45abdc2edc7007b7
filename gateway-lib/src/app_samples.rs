//! Numbers that the apps of one device publish: checked, bounded, with times on both clocks.
//!
//! The device writes the records, and an app chooses names, values and times. What is not a number, has no proper name,
//! runs backwards or comes too fast is refused and counted; it costs the device nothing else, and other devices nothing.

use crate::domain::{AppSample, AppSamples, Page};
use drydock_protocol::{
    app_samples::{MalformedRecord, Record, Records},
    device_to_gateway as wire,
    limits::MAX_SERIES_NAME_BYTES,
    manifest::is_app_name,
};
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};
use tokio::sync::broadcast;

/// Values that are kept of one device. A batch counts as [`BATCH_VALUES`] more.
const KEPT_VALUES: usize = 65_536;
/// What a batch takes besides its values, in values.
const BATCH_VALUES: usize = 8;
/// Values that a device may send in a second, steadily, and at once after a silence. A link of 1 Mbit/s carries fewer.
const VALUES_PER_S: u64 = 25_000;
const BURST_VALUES: u64 = 2 * VALUES_PER_S;
/// Series of one device: eight apps with eight names each.
const MAX_SERIES: usize = 64;
/// A series that was silent for this long gives way to another one when there are too many.
const SILENT_MS: u64 = 60_000;
/// A difference between the clocks that is larger than this is no jitter of the link: the device's time stood still, or
/// ran at another pace.
const CLOCK_JUMP_US: i64 = 250_000;
/// The share of a smaller difference that is taken over with each message.
const CLOCK_SHARE: i64 = 32;
/// Batches that a follower may be behind.
const LIVE_BATCHES: usize = 256;

/// The numbers of one device.
#[derive(Default)]
pub(crate) struct AppSampleRing {
    items: VecDeque<Arc<AppSamples>>,
    /// Sum of the items' sizes, in values.
    kept_values: usize,
    /// Position of the next item.
    next: u64,
    /// The device's own number of the latest message; `None` after a reset.
    last: Option<u32>,
    /// Device time at which the latest message was made. An earlier one begins anew: a snapshot was restored.
    sent_us: u64,
    /// Unix time at the device's reset, in microseconds.
    reset_unix_us: Option<i64>,
    series: HashMap<(String, String), Series>,
    /// Values that the device may send now, and when it was granted the last of them.
    granted: u64,
    granted_ms: u64,
    refused: u64,
    live: Option<broadcast::Sender<Arc<AppSamples>>>,
}

struct Series {
    /// Device time of the latest value.
    last_us: u64,
    /// Its Unix time, in microseconds: the estimate of the clock moves, and a line must not turn back for that.
    last_unix_us: i64,
    heard_ms: u64,
    /// Values are missing behind the latest one.
    has_gap: bool,
    /// The estimate of the clock has jumped since.
    clock_moved: bool,
}

impl AppSampleRing {
    /// The device was reset: its clock and its own numbers begin again.
    pub(crate) fn rebooted(&mut self) {
        self.last = None;
        self.sent_us = 0;
        self.reset_unix_us = None;
        for series in self.series.values_mut() {
            (series.last_us, series.has_gap) = (0, true);
            series.last_unix_us = i64::MIN;
        }
    }

    /// Takes a message that arrived at `time_ms` (Unix time).
    ///
    /// # Errors
    /// [`MalformedRecord`]; nothing of the message is taken then.
    pub(crate) fn take(&mut self, time_ms: u64, message: &wire::AppSamples<'_>) -> Result<(), MalformedRecord> {
        let records: Vec<Record<'_>> = Records::new(message.begin_us, message.records).collect::<Result<_, _>>()?;
        let sent_us = message.begin_us.saturating_add(message.age_us.into());
        if sent_us < self.sent_us {
            self.rebooted();
        }
        self.sent_us = sent_us;
        if self.last.is_some_and(|last| message.sequence != last.wrapping_add(1)) {
            self.series.values_mut().for_each(|series| series.has_gap = true);
        }
        self.last = Some(message.sequence);
        let reset_unix_us = self.clock(time_ms, sent_us);
        self.grant(time_ms);

        let mut batches: Vec<AppSamples> = Vec::new();
        for record in &records {
            if record.lost_before {
                self.gap_of(record.app);
            }
            let Some(samples) = self.accepted(record, sent_us, time_ms) else {
                continue;
            };
            let (has_gap, clock_moved) = self.breaks(record);
            let of_series = |batch: &&mut AppSamples| batch.app == record.app && batch.name == record.name;
            match batches.iter_mut().rev().find(of_series) {
                Some(batch) if !has_gap && !clock_moved => batch.samples.extend(samples),
                _ => batches.push(AppSamples {
                    sequence: 0,
                    time_ms,
                    app: record.app.to_owned(),
                    name: record.name.to_owned(),
                    gap_before: has_gap,
                    clock_moved,
                    reset_unix_us,
                    samples,
                }),
            }
        }
        for batch in &mut batches {
            self.in_order(batch);
        }
        batches.into_iter().for_each(|batch| self.push(batch));
        Ok(())
    }

    /// The values of a record that can be taken.
    fn accepted(&mut self, record: &Record<'_>, sent_us: u64, time_ms: u64) -> Option<Vec<AppSample>> {
        let all: Vec<(u64, f64)> = record.samples().collect();
        let count = all.len();
        if !is_series_name(record) || !self.has_series(record, time_ms) || self.granted < count as u64 {
            self.refused += count as u64;
            if let Some(series) = self.series.get_mut(&key(record)) {
                series.has_gap = true;
            }
            return None;
        }
        self.granted -= count as u64;
        let series = self.series.get_mut(&key(record))?;
        series.heard_ms = time_ms;
        let mut samples = Vec::with_capacity(count);
        for (at_us, value) in all {
            if value.is_finite() && (series.last_us..=sent_us).contains(&at_us) {
                series.last_us = at_us;
                samples.push(AppSample { at_us, value });
            }
        }
        self.refused += (count - samples.len()) as u64;
        if samples.is_empty() {
            series.has_gap = true;
            return None;
        }
        Some(samples)
    }

    /// Whether values are missing before this record, and whether the clock has moved; told once.
    fn breaks(&mut self, record: &Record<'_>) -> (bool, bool) {
        self.series.get_mut(&key(record)).map_or((false, false), |series| {
            (
                std::mem::take(&mut series.has_gap),
                std::mem::take(&mut series.clock_moved),
            )
        })
    }

    /// Moves a batch that would begin before the end of the one before it.
    fn in_order(&mut self, batch: &mut AppSamples) {
        let key = (batch.app.clone(), batch.name.clone());
        let (Some(first), Some(last)) = (batch.samples.first(), batch.samples.last()) else {
            return;
        };
        let Some(series) = self.series.get_mut(&key) else {
            return;
        };
        let after = series.last_unix_us.saturating_sub_unsigned(first.at_us);
        batch.reset_unix_us = batch.reset_unix_us.max(after);
        series.last_unix_us = batch.unix_us(last.at_us);
    }

    /// Whether the record's series has its place, a new one included.
    fn has_series(&mut self, record: &Record<'_>, time_ms: u64) -> bool {
        if self.series.contains_key(&key(record)) {
            return true;
        }
        if self.series.len() >= MAX_SERIES {
            let oldest = self.series.iter().min_by_key(|(_, series)| series.heard_ms);
            let Some((silent, _)) = oldest.filter(|(_, series)| time_ms.saturating_sub(series.heard_ms) >= SILENT_MS)
            else {
                return false;
            };
            let silent = silent.clone();
            self.series.remove(&silent);
        }
        let series = Series {
            last_us: 0,
            last_unix_us: i64::MIN,
            heard_ms: time_ms,
            has_gap: false,
            clock_moved: false,
        };
        self.series.insert(key(record), series);
        true
    }

    fn gap_of(&mut self, app: &str) {
        let own = self.series.iter_mut().filter(|((of, _), _)| of == app);
        own.for_each(|(_, series)| series.has_gap = true);
    }

    /// The Unix time of the device's reset, in microseconds, as far as this message shows it.
    fn clock(&mut self, time_ms: u64, sent_us: u64) -> i64 {
        let micros = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let shown = micros(time_ms.saturating_mul(1000)).saturating_sub(micros(sent_us));
        let known = match self.reset_unix_us {
            Some(known) if shown.abs_diff(known) <= CLOCK_JUMP_US as u64 => known + (shown - known) / CLOCK_SHARE,
            Some(_) => {
                for series in self.series.values_mut() {
                    (series.clock_moved, series.last_unix_us) = (true, i64::MIN);
                }
                shown
            }
            None => shown,
        };
        *self.reset_unix_us.insert(known)
    }

    fn grant(&mut self, time_ms: u64) {
        let since_ms = match self.granted_ms {
            0 => u64::MAX,
            granted_ms => time_ms.saturating_sub(granted_ms),
        };
        let more = since_ms.saturating_mul(VALUES_PER_S / 1000);
        self.granted = self.granted.saturating_add(more).min(BURST_VALUES);
        self.granted_ms = time_ms;
    }

    fn push(&mut self, mut batch: AppSamples) {
        batch.sequence = self.next;
        self.next += 1;
        self.kept_values += size(&batch);
        let batch = Arc::new(batch);
        if let Some(live) = &self.live {
            // There may be no follower any more.
            let _ = live.send(batch.clone());
        }
        self.items.push_back(batch);
        while self.kept_values > KEPT_VALUES
            && let Some(oldest) = self.items.pop_front()
        {
            self.kept_values -= size(&oldest);
        }
    }

    /// Values that were refused since the gateway was opened.
    pub(crate) fn refused(&self) -> u64 {
        self.refused
    }

    pub(crate) fn page(&self, since: u64) -> Page<Arc<AppSamples>> {
        let first = self.next - self.items.len() as u64;
        let skipped = usize::try_from(since.saturating_sub(first)).unwrap_or(usize::MAX);
        Page {
            items: self.items.iter().skip(skipped).cloned().collect(),
            dropped: first.saturating_sub(since),
            next: self.next,
        }
    }

    pub(crate) fn follow(&mut self) -> broadcast::Receiver<Arc<AppSamples>> {
        let live = self.live.get_or_insert_with(|| broadcast::Sender::new(LIVE_BATCHES));
        live.subscribe()
    }
}

fn key(record: &Record<'_>) -> (String, String) {
    (record.app.to_owned(), record.name.to_owned())
}

fn size(batch: &AppSamples) -> usize {
    batch.samples.len() + BATCH_VALUES
}

/// Whether app and name can be shown, and the name is as long as devices let it be.
fn is_series_name(record: &Record<'_>) -> bool {
    let name = record.name;
    let is_long = name.is_empty() || name.len() > MAX_SERIES_NAME_BYTES;
    is_app_name(record.app) && !is_long && !name.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;
    use drydock_protocol::app_samples::{LOST, RUN, write_name, write_values};

    const NOW_MS: u64 = 1_700_000_000_000;

    /// A message of `values`, one every hundred microseconds from `begin_us`.
    fn message(ring: &mut AppSampleRing, sequence: u32, name: &str, begin_us: u64, values: &[f32]) {
        let mut records = Vec::new();
        write_name(&mut records, 0, "wave", name);
        for chunk in values.chunks(200) {
            let bytes: Vec<u8> = chunk.iter().flat_map(|value| value.to_le_bytes()).collect();
            let length_us = 100 * chunk.len() as u32;
            write_values(&mut records, RUN, length_us, chunk.len() as u8, 100, &bytes);
        }
        send(ring, sequence, begin_us, &records);
    }

    fn send(ring: &mut AppSampleRing, sequence: u32, begin_us: u64, records: &[u8]) {
        let message = wire::AppSamples {
            sequence,
            begin_us,
            age_us: 1_000_000,
            records,
        };
        ring.take(NOW_MS + begin_us / 1000 + 1_000, &message).unwrap();
    }

    fn values(ring: &AppSampleRing) -> Vec<f64> {
        let items = ring.page(0).items;
        items
            .iter()
            .flat_map(|item| item.samples.iter().map(|sample| sample.value))
            .collect()
    }

    #[test]
    fn numbers_come_in_batches_of_their_series_with_both_clocks() {
        let mut ring = AppSampleRing::default();
        message(&mut ring, 1, "sine", 5_000_000, &[1.0, 2.0]);
        let page = ring.page(0);
        let batch = &page.items[0];
        assert_eq!((batch.app.as_str(), batch.name.as_str()), ("wave", "sine"));
        assert_eq!(batch.samples[0].at_us, 5_000_100);
        assert_eq!(
            batch.unix_us(batch.samples[0].at_us),
            (NOW_MS * 1000 + 5_000_100) as i64
        );
        assert_eq!((page.next, batch.gap_before, ring.refused()), (1, false, 0));
    }

    #[test]
    fn what_is_no_number_or_runs_backwards_is_refused_and_leaves_a_gap() {
        let mut ring = AppSampleRing::default();
        message(&mut ring, 1, "n", 1_000_000, &[1.0, f32::NAN, f32::INFINITY, 2.0]);
        assert_eq!((values(&ring), ring.refused()), (vec![1.0, 2.0], 2));
        // A run that reaches back before the value that was taken last.
        let mut records = Vec::new();
        write_name(&mut records, 0, "wave", "n");
        write_values(&mut records, RUN, 100, 1, 0, &8_f32.to_le_bytes());
        send(&mut ring, 2, 1_000_000, &records);
        assert_eq!(ring.refused(), 3);
        message(&mut ring, 3, "n", 2_000_000, &[3.0]);
        assert!(ring.page(1).items[0].gap_before);
        // A value from the future of its own message.
        let mut records = Vec::new();
        write_name(&mut records, 0, "wave", "n");
        write_values(&mut records, 0, 2_000_000, 0, 0, &9_f32.to_le_bytes());
        send(&mut ring, 4, 3_000_000, &records);
        assert_eq!((values(&ring), ring.refused()), (vec![1.0, 2.0, 3.0], 4));
    }

    #[test]
    fn a_restored_snapshot_begins_anew() {
        let mut ring = AppSampleRing::default();
        message(&mut ring, 7, "n", 9_000_000, &[1.0]);
        message(&mut ring, 3, "n", 4_000_000, &[2.0]);
        assert_eq!((values(&ring), ring.refused()), (vec![1.0, 2.0], 0));
        assert!(ring.page(1).items[0].gap_before);
    }

    #[test]
    fn lost_messages_and_drops_of_the_device_are_gaps() {
        let mut ring = AppSampleRing::default();
        message(&mut ring, 1, "n", 1_000_000, &[1.0]);
        message(&mut ring, 2, "n", 2_000_000, &[2.0]);
        message(&mut ring, 4, "n", 3_000_000, &[3.0]);
        let mut records = Vec::new();
        write_name(&mut records, 0, "wave", "n");
        write_values(&mut records, 0, 0, 0, 0, &4_f32.to_le_bytes());
        write_values(&mut records, LOST, 1, 0, 0, &5_f32.to_le_bytes());
        send(&mut ring, 5, 4_000_000, &records);
        ring.rebooted();
        message(&mut ring, 1, "n", 0, &[6.0]);
        let gaps: Vec<bool> = ring.page(0).items.iter().map(|item| item.gap_before).collect();
        assert_eq!(gaps, [false, false, true, false, true, true]);
        assert_eq!(ring.refused(), 0);
    }

    #[test]
    fn a_flood_is_refused_beyond_the_rate_and_bounded_in_memory() {
        let mut ring = AppSampleRing::default();
        let many = vec![1.0; 200];
        for sequence in 0..1_000 {
            message(
                &mut ring,
                sequence,
                "n",
                1_000_000 + 20_000 * u64::from(sequence),
                &many,
            );
        }
        // A second of 10,000 values in 20 s, and 200,000 in all: all within the rate.
        assert_eq!(ring.refused(), 0);
        assert!(ring.kept_values <= KEPT_VALUES && ring.kept_values > KEPT_VALUES / 2);
        let page = ring.page(0);
        assert_eq!(page.dropped + page.items.len() as u64, page.next);
        for sequence in 1_000..3_000 {
            message(
                &mut ring,
                sequence,
                "n",
                30_000_000 + 1_000 * u64::from(sequence),
                &many[..10],
            );
        }
        assert_eq!(ring.refused(), 0, "10,000 values in a second again");
        // In order by the device's clock, and all of it within a second of the gateway's.
        let bytes: Vec<u8> = many.iter().flat_map(|value: &f32| value.to_le_bytes()).collect();
        let mut records = Vec::new();
        write_name(&mut records, 0, "wave", "n");
        write_values(&mut records, RUN, 20_000, 200, 100, &bytes);
        for sequence in 3_000..4_000 {
            let message = wire::AppSamples {
                sequence,
                begin_us: 40_000_000 + 20_000 * u64::from(sequence),
                age_us: 1_000_000,
                records: &records,
            };
            let time_ms = NOW_MS + 200_000 + u64::from(sequence - 3_000);
            ring.take(time_ms, &message).unwrap();
        }
        assert!(ring.refused() > 100_000, "{} of 200,000 in a second", ring.refused());
    }

    #[test]
    fn names_are_checked_and_their_number_is_bounded() {
        let mut ring = AppSampleRing::default();
        let mut records = Vec::new();
        for (app, name) in [
            ("Wave", "n"),
            ("../x", "n"),
            ("", "n"),
            ("a", ""),
            ("a", "\u{1b}[2J"),
            ("a", &"x".repeat(25)),
        ] {
            write_name(&mut records, 0, app, name);
            write_values(&mut records, 0, 1, 0, 0, &1_f32.to_le_bytes());
        }
        send(&mut ring, 1, 0, &records);
        assert_eq!((ring.items.len(), ring.refused(), ring.series.len()), (0, 6, 0));
        for number in 0..100 {
            message(&mut ring, 2 + number, &format!("n{number}"), 1_000_000, &[1.0]);
        }
        assert_eq!((ring.series.len(), ring.refused()), (MAX_SERIES, 6 + 36));
        // A silent one gives way.
        message(&mut ring, 102, "late", 1_000_000 + SILENT_MS * 1000, &[1.0]);
        assert_eq!((ring.series.len(), ring.refused()), (MAX_SERIES, 6 + 36));
    }

    #[test]
    fn a_line_does_not_turn_back_when_the_clock_is_found_to_be_earlier() {
        let mut ring = AppSampleRing::default();
        message(&mut ring, 1, "n", 1_000_000, &[1.0, 2.0]);
        let mut records = Vec::new();
        write_name(&mut records, 0, "wave", "n");
        write_values(&mut records, 0, 0, 0, 0, &3_f32.to_le_bytes());
        let early = wire::AppSamples {
            sequence: 2,
            begin_us: 1_000_300,
            age_us: 1_200_000,
            records: &records,
        };
        ring.take(NOW_MS + 2_000, &early).unwrap();
        let items = ring.page(0).items;
        assert!(
            items[1].reset_unix_us < items[0].reset_unix_us,
            "the estimate has moved"
        );
        assert!(items[1].unix_us(1_000_300) >= items[0].unix_us(1_000_200));
        assert!(!items[1].gap_before);
    }

    #[test]
    fn a_clock_that_moves_is_told_once_and_is_no_gap() {
        let mut ring = AppSampleRing::default();
        message(&mut ring, 1, "n", 1_000_000, &[1.0]);
        let mut records = Vec::new();
        write_name(&mut records, 0, "wave", "n");
        write_values(&mut records, 0, 0, 0, 0, &2_f32.to_le_bytes());
        write_values(&mut records, 0, 1, 0, 0, &3_f32.to_le_bytes());
        for (sequence, begin_us) in [(2, 2_000_000), (3, 2_100_000)] {
            let late = wire::AppSamples {
                sequence,
                begin_us,
                age_us: 10,
                records: &records,
            };
            ring.take(NOW_MS + 10_000 + begin_us / 1_000, &late).unwrap();
        }
        let breaks = ring.page(0).items;
        let breaks: Vec<(bool, bool)> = breaks.iter().map(|it| (it.gap_before, it.clock_moved)).collect();
        assert_eq!(breaks, [(false, false), (false, true), (false, false)]);
    }

    #[test]
    fn a_clock_follows_slowly_and_jumps_when_time_stood_still() {
        let mut ring = AppSampleRing::default();
        let begin = ring.clock(NOW_MS, 0);
        assert_eq!(ring.clock(NOW_MS + 1_032, 1_000_000), begin + 1_000);
        let paused = ring.clock(NOW_MS + 12_000, 2_000_000);
        assert_eq!(paused, begin + 10_000_000);
        ring.clock(u64::MAX, 0);
        ring.clock(0, u64::MAX);
    }
}
