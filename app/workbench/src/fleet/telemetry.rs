//! Logs and metrics of a device: read from the gateway's streams into the board's console and plots.

use super::{board::FleetBoard, console::NewLine};
use crate::api::{AppMetricSample, MetricSample, NamedValue};
use drydock_gateway::{AppSamples, Gateway, LogLevel, MetricsSample};
use std::{collections::HashMap, sync::Arc};

/// Reads what the gateway received since the last call. Returns whether there was anything.
pub(crate) fn read_logs(board: &FleetBoard, gateway: &Gateway) -> bool {
    let mut state = board.state();
    let page = gateway.logs(&state.record.device, None, state.logs_read);
    state.logs_read = page.next;
    let mut dropped = u32::try_from(page.dropped).unwrap_or(u32::MAX);
    let any = !page.items.is_empty();
    for line in page.items {
        let source = if line.app.is_empty() { "fw" } else { line.app.as_str() };
        state.log(
            line.lost_before.saturating_add(std::mem::take(&mut dropped)),
            NewLine {
                time_ms: line.time_ms,
                uptime_ms: Some(line.uptime_ms),
                source: source.into(),
                level: level(line.level),
                text: line.text.clone(),
            },
        );
    }
    any
}

/// As [`read_logs`], for metrics.
pub(crate) fn read_metrics(board: &FleetBoard, gateway: &Gateway) -> bool {
    let mut state = board.state();
    let page = gateway.metrics(&state.record.device, state.metrics_read);
    state.metrics_read = page.next;
    let any = !page.items.is_empty();
    for sample in page.items {
        let sample = metric_sample(state.metrics.as_ref(), &sample);
        state.metrics = Some(sample.clone());
        state.pending.samples.push(sample);
    }
    any
}

/// As [`read_logs`], for numbers that apps publish; returns them.
pub(crate) fn read_app_samples(board: &FleetBoard, gateway: &Gateway) -> Vec<Arc<AppSamples>> {
    let mut state = board.state();
    let page = gateway.app_samples(&state.record.device, state.app_samples_read);
    state.app_samples_read = page.next;
    state.pending.app_samples.extend(page.items.iter().cloned());
    page.items
}

/// Metrics of a device from an instant on, as far as the gateway keeps them. Only these are read and converted, and the
/// sample before them, from which the first rates are computed.
pub(crate) fn metrics_since(board: &FleetBoard, gateway: &Gateway, from_ms: u64) -> Vec<MetricSample> {
    let device = board.state().record.device.clone();
    samples_since(&gateway.metrics_from(&device, from_ms), from_ms)
}

/// Converts consecutive samples; the first may be from before the instant.
fn samples_since(kept: &[MetricsSample], from_ms: u64) -> Vec<MetricSample> {
    let mut samples: Vec<MetricSample> = Vec::with_capacity(kept.len());
    for sample in kept {
        let sample = metric_sample(samples.last(), sample);
        samples.push(sample);
    }
    if samples.first().is_some_and(|first| first.time_ms < from_ms) {
        samples.remove(0);
    }
    samples
}

/// A sample as users see it; rates are computed over the time since the previous sample.
fn metric_sample(before: Option<&MetricSample>, sample: &MetricsSample) -> MetricSample {
    let metrics = &sample.metrics;
    let before = before.filter(|before| before.uptime_ms < metrics.uptime_ms);
    let fuel_before: HashMap<&str, u64> = before
        .iter()
        .flat_map(|before| &before.apps)
        .map(|app| (app.app.as_str(), app.fuel))
        .collect();
    let seconds = before.map(|before| (metrics.uptime_ms - before.uptime_ms) as f64 / 1000.0);
    let apps = metrics.apps.iter().map(|app| {
        // A new or restarted app counts from zero.
        let from = fuel_before
            .get(app.app.as_str())
            .filter(|fuel| **fuel <= app.fuel)
            .copied();
        AppMetricSample {
            app: app.app.clone(),
            fuel_per_s: seconds.map_or(0.0, |seconds| (app.fuel - from.unwrap_or(0)) as f64 / seconds),
            fuel: app.fuel,
            memory_bytes: app.memory_bytes,
            heap_bytes: app.heap_bytes,
            host_calls: app.host_calls,
            traps: app.traps,
            callback_max_us: app.callback_max_us,
            values_dropped: app.values_dropped.unwrap_or(0),
            values: app
                .values
                .iter()
                .map(|value| NamedValue {
                    name: value.name.clone(),
                    value: value.value,
                })
                .collect(),
        }
    });
    MetricSample {
        time_ms: sample.time_ms,
        uptime_ms: metrics.uptime_ms,
        sequence: metrics.sequence,
        cpu_percent: f64::from(metrics.cpu_busy_bp) / 100.0,
        heap_used_bytes: metrics.heap_used_bytes,
        heap_peak_bytes: metrics.heap_peak_bytes,
        heap_total_bytes: metrics.heap_total_bytes,
        stack_peak_bytes: metrics.stack_peak_bytes,
        stack_total_bytes: metrics.stack_total_bytes,
        link_retries: metrics.link_retries,
        link_errors: metrics.link_errors,
        temperature_c: metrics
            .temperature_mc
            .map(|thousandths| f64::from(thousandths) / 1000.0),
        values_refused: sample.values_refused,
        apps: apps.collect(),
    }
}

fn level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Trace => "trace",
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drydock_protocol::device_to_gateway as wire;
    use std::sync::Arc;

    fn sample(uptime_ms: u64, fuel: u64) -> MetricsSample {
        MetricsSample {
            sequence: 0,
            time_ms: uptime_ms,
            lost_before: 0,
            values_refused: 0,
            metrics: Arc::new(wire::Metrics {
                uptime_ms,
                cpu_busy_bp: 4150,
                heap_used_bytes: 1,
                heap_peak_bytes: 2,
                heap_total_bytes: 3,
                stack_peak_bytes: 4,
                stack_total_bytes: 5,
                link_retries: 0,
                link_errors: 0,
                sequence: 1,
                logs_dropped: 0,
                apps: vec![wire::AppMetrics {
                    app: "blink".into(),
                    fuel,
                    memory_bytes: 0,
                    heap_bytes: 0,
                    host_calls: 0,
                    traps: 0,
                    callback_max_us: 0,
                    values: Vec::new(),
                    values_dropped: None,
                }],
                temperature_mc: Some(23_450),
            }),
        }
    }

    #[test]
    fn a_window_begins_with_the_rate_over_the_sample_before_it() {
        let kept = [sample(1000, 100), sample(2000, 300), sample(3000, 600)];
        let rates = |from: usize, from_ms| {
            let samples = samples_since(&kept[from..], from_ms);
            let rates = samples.iter().map(|sample| sample.apps[0].fuel_per_s);
            rates.collect::<Vec<f64>>()
        };
        assert_eq!(rates(0, 2000), [200.0, 300.0]);
        assert_eq!(rates(0, 500), [0.0, 200.0, 300.0], "the very first has no rate");
        assert_eq!(rates(2, 9000), [0.0; 0]);
    }

    #[test]
    fn fuel_is_a_rate_and_a_restart_counts_from_zero() {
        let first = metric_sample(None, &sample(1000, 500));
        assert_eq!(
            (first.cpu_percent, first.temperature_c, first.apps[0].fuel_per_s),
            (41.5, Some(23.45), 0.0)
        );
        let second = metric_sample(Some(&first), &sample(3000, 1500));
        assert_eq!(second.apps[0].fuel_per_s, 500.0);
        let app_restarted = metric_sample(Some(&second), &sample(4000, 100));
        assert_eq!(app_restarted.apps[0].fuel_per_s, 100.0);
        let board_reset = metric_sample(Some(&app_restarted), &sample(500, 100));
        assert_eq!(board_reset.apps[0].fuel_per_s, 0.0);
    }
}
