//! Metrics and logs in memory: bounded rings, each with its own sequence, and live streams for followers.

use crate::{
    app_samples::AppSampleRing,
    domain::{AppSamples, DeviceId, LogLine, MetricsSample, Page},
    stream::{AppSampleStream, LogStream, MetricsStream},
};
use drydock_protocol::{app_samples::MalformedRecord, device_to_gateway as wire};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, RwLock},
};
use tokio::sync::broadcast;

/// Items that a follower may be behind before it gets a gap. The buffer exists for each followed device.
const LIVE_ITEMS: usize = 128;

/// Streams of all devices.
pub(crate) struct Telemetry {
    metrics_kept: usize,
    logs_kept: usize,
    devices: RwLock<HashMap<DeviceId, Arc<DeviceTelemetry>>>,
}

/// Streams of one device.
pub(crate) struct DeviceTelemetry {
    device: DeviceId,
    metrics: Mutex<Ring<MetricsSample>>,
    logs: Mutex<Ring<Arc<LogLine>>>,
    app_samples: Mutex<AppSampleRing>,
}

struct Ring<T> {
    kept: usize,
    items: VecDeque<T>,
    /// Position of the next item.
    next: u64,
    /// The device's own number of the latest item; `None` after a reset.
    last: Option<u32>,
    /// Created with the first follower.
    live: Option<broadcast::Sender<T>>,
}

impl Telemetry {
    pub(crate) fn new(metrics_kept: usize, logs_kept: usize) -> Self {
        Self {
            metrics_kept,
            logs_kept,
            devices: RwLock::default(),
        }
    }

    /// The streams of a device, made on first use.
    pub(crate) fn of(&self, device: &DeviceId) -> Arc<DeviceTelemetry> {
        let known = self.devices.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(known) = known.get(device) {
            return known.clone();
        }
        drop(known);
        let mut devices = self.devices.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        let made = || {
            Arc::new(DeviceTelemetry {
                device: device.clone(),
                metrics: Mutex::new(Ring::new(self.metrics_kept)),
                logs: Mutex::new(Ring::new(self.logs_kept)),
                app_samples: Mutex::default(),
            })
        };
        devices.entry(device.clone()).or_insert_with(made).clone()
    }
}

impl Telemetry {
    /// Drops the data of a retired device. Its streams end.
    pub(crate) fn forget(&self, device: &DeviceId) {
        let mut devices = self.devices.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        devices.remove(device);
    }
}

impl DeviceTelemetry {
    /// The device was reset: its own numbers begin again.
    pub(crate) fn rebooted(&self) {
        lock(&self.metrics).last = None;
        lock(&self.logs).last = None;
        lock(&self.app_samples).rebooted();
    }

    /// Takes a sample. Values of apps that are no numbers are left out: no view could carry them.
    pub(crate) fn take_metrics(&self, time_ms: u64, mut metrics: wire::Metrics) {
        for app in &mut metrics.apps {
            app.values.retain(|value| value.value.is_finite());
        }
        let values_refused = lock(&self.app_samples).refused();
        let mut ring = lock(&self.metrics);
        let lost_before = ring.lost_before(metrics.sequence);
        let sequence = ring.next;
        ring.push(MetricsSample {
            sequence,
            time_ms,
            lost_before,
            values_refused,
            metrics: Arc::new(metrics),
        });
    }

    pub(crate) fn take_log(&self, time_ms: u64, log: wire::Log) {
        let mut ring = lock(&self.logs);
        let lost_before = ring.lost_before(log.sequence);
        let sequence = ring.next;
        ring.push(Arc::new(LogLine {
            sequence,
            time_ms,
            lost_before,
            device: self.device.clone(),
            app: log.app,
            level: log.level.into(),
            text: log.text,
            uptime_ms: log.uptime_ms,
        }));
    }

    pub(crate) fn take_app_samples(&self, time_ms: u64, message: &wire::AppSamples<'_>) -> Result<(), MalformedRecord> {
        lock(&self.app_samples).take(time_ms, message)
    }

    pub(crate) fn app_samples_page(&self, since: u64) -> Page<Arc<AppSamples>> {
        lock(&self.app_samples).page(since)
    }

    pub(crate) fn follow_app_samples(&self) -> AppSampleStream {
        AppSampleStream(lock(&self.app_samples).follow())
    }

    pub(crate) fn metrics_page(&self, since: u64) -> Page<MetricsSample> {
        lock(&self.metrics).page(since, |_| true)
    }

    pub(crate) fn metrics_from(&self, from_ms: u64) -> Vec<MetricsSample> {
        lock(&self.metrics).tail(|sample| sample.time_ms >= from_ms)
    }

    pub(crate) fn latest_metrics(&self) -> Option<MetricsSample> {
        lock(&self.metrics).items.back().cloned()
    }

    pub(crate) fn logs_page(&self, app: Option<&str>, since: u64) -> Page<Arc<LogLine>> {
        lock(&self.logs).page(since, |line| app.is_none_or(|app| app == line.app))
    }

    pub(crate) fn follow_metrics(&self) -> MetricsStream {
        MetricsStream(lock(&self.metrics).follow())
    }

    pub(crate) fn follow_logs(&self, app: Option<&str>) -> LogStream {
        LogStream {
            lines: lock(&self.logs).follow(),
            app: app.map(str::to_owned),
        }
    }
}

impl<T: Clone> Ring<T> {
    fn new(kept: usize) -> Self {
        Self {
            kept: kept.max(1),
            items: VecDeque::new(),
            next: 0,
            last: None,
            live: None,
        }
    }

    fn push(&mut self, item: T) {
        if self.items.len() == self.kept {
            self.items.pop_front();
        }
        if let Some(live) = &self.live {
            // There may be no follower any more.
            let _ = live.send(item.clone());
        }
        self.items.push_back(item);
        self.next += 1;
    }

    /// Items between the latest and this one, by the device's own count.
    fn lost_before(&mut self, own: u32) -> u32 {
        let lost = self.last.map_or(0, |last| own.saturating_sub(last).saturating_sub(1));
        self.last = Some(own);
        lost
    }

    fn page(&self, since: u64, wanted: impl Fn(&T) -> bool) -> Page<T> {
        let first = self.next - self.items.len() as u64;
        let skipped = usize::try_from(since.saturating_sub(first)).unwrap_or(usize::MAX);
        Page {
            items: self
                .items
                .iter()
                .skip(skipped)
                .filter(|item| wanted(item))
                .cloned()
                .collect(),
            dropped: first.saturating_sub(since),
            next: self.next,
        }
    }

    /// The newest wanted items, without a gap, and the one before them.
    fn tail(&self, wanted: impl Fn(&T) -> bool) -> Vec<T> {
        let count = self.items.iter().rev().take_while(|item| wanted(item)).count();
        let skipped = (self.items.len() - count).saturating_sub(1);
        self.items.iter().skip(skipped).cloned().collect()
    }

    fn follow(&mut self) -> broadcast::Receiver<T> {
        let live = self.live.get_or_insert_with(|| broadcast::Sender::new(LIVE_ITEMS));
        live.subscribe()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pushed: u64, since: u64, expected_first: Option<u64>, expected_dropped: u64) {
        let mut ring = Ring::new(3);
        (0..pushed).for_each(|item| ring.push(item));
        let page = ring.page(since, |_| true);
        assert_eq!(page.items.first().copied(), expected_first);
        assert_eq!((page.dropped, page.next), (expected_dropped, pushed));
    }

    #[test]
    fn nothing_is_kept_of_a_device_that_is_out_of_service() {
        let telemetry = Telemetry::new(3, 3);
        let device = DeviceId::from("dev-1");
        let before = telemetry.of(&device);
        telemetry.forget(&device);
        assert!(telemetry.devices.read().unwrap().is_empty());
        assert!(!Arc::ptr_eq(&before, &telemetry.of(&device)));
    }

    #[test]
    fn a_page_says_what_is_gone() {
        check(0, 0, None, 0);
        check(2, 0, Some(0), 0);
        check(5, 0, Some(2), 2);
        check(5, 3, Some(3), 0);
        check(5, 5, None, 0);
        check(5, 9, None, 0);
    }

    #[test]
    fn the_tail_begins_one_item_before_what_is_wanted() {
        let mut ring = Ring::new(4);
        let tail = |ring: &Ring<u64>, from| ring.tail(|item| *item >= from);
        assert_eq!(tail(&ring, 0), [0u64; 0]);
        (0..6).for_each(|item| ring.push(item));
        assert_eq!(tail(&ring, 4), [3, 4, 5]);
        assert_eq!(tail(&ring, 0), [2, 3, 4, 5], "nothing is kept of what was before");
        assert_eq!(tail(&ring, 9), [5]);
    }

    #[test]
    fn own_numbers_show_losses_within_one_boot() {
        let mut ring = Ring::<()>::new(3);
        assert_eq!(
            [ring.lost_before(7), ring.lost_before(8), ring.lost_before(11)],
            [0, 0, 2]
        );
        ring.last = None;
        assert_eq!(ring.lost_before(1), 0);
        assert_eq!(
            ring.lost_before(0),
            0,
            "a device that counts anew without saying so loses nothing"
        );
    }
}
