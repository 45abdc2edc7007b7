//! Metrics of a simulated device: heap and apps from its store, the rest a slow wave, so that a plot shows whether it draws
//! the samples correctly.

use crate::device::SimDevice;
use drydock_protocol::{
    device_to_gateway::{AppMetrics, AppValue, Metrics},
    types::AppState,
};

/// Length of the wave, in milliseconds.
const WAVE_MS: u64 = 20_000;

pub(crate) fn metrics(device: &mut SimDevice) -> Metrics {
    device.metrics_sequence += 1;
    let uptime_ms = device.uptime_ms();
    let wave = wave(uptime_ms);
    let running = device.store.installed().filter(|app| app.state == AppState::Running);
    let apps: Vec<AppMetrics> = running
        .map(|app| AppMetrics {
            app: app.manifest.app.clone(),
            fuel: uptime_ms * 1_000,
            memory_bytes: app.manifest.limits.memory_bytes,
            heap_bytes: app.manifest.limits.heap_bytes,
            host_calls: (uptime_ms / 100) as u32,
            traps: 0,
            callback_max_us: 150,
            values: vec![AppValue {
                name: "wave".into(),
                value: wave,
            }],
            values_dropped: None,
        })
        .collect();
    let heap_used_bytes = device.store.heap_used_bytes();
    Metrics {
        uptime_ms,
        cpu_busy_bp: (1_000.0 * (1.0 + wave) + 500.0 * apps.len() as f64) as u16,
        heap_used_bytes,
        heap_peak_bytes: heap_used_bytes,
        heap_total_bytes: device.board.heap_bytes,
        stack_peak_bytes: 9_000,
        stack_total_bytes: 16_384,
        link_retries: 0,
        link_errors: 0,
        sequence: device.metrics_sequence,
        logs_dropped: 0,
        apps,
        temperature_mc: Some(24_000 + (2_000.0 * wave) as i32),
    }
}

/// A triangle between -1 and 1.
fn wave(uptime_ms: u64) -> f64 {
    let phase = (uptime_ms % WAVE_MS) as f64 / WAVE_MS as f64;
    1.0 - 4.0 * (phase - 0.5).abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wave_stays_within_its_bounds() {
        for (uptime_ms, expected) in [(0, -1.0), (5_000, 0.0), (10_000, 1.0), (15_000, 0.0), (20_000, -1.0)] {
            assert_eq!(wave(uptime_ms), expected, "at {uptime_ms} ms");
        }
    }
}
