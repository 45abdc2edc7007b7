//! Memory of an owner whose boards run for a long time. Unit tests check that its collections are bounded. This test
//! measures the process itself, for `DRYDOCK_SOAK_MINUTES` minutes; without that variable it is skipped.

use crate::driver::{Running, drydock_in};
use std::time::{Duration, Instant};

const BOARDS: usize = 30;
const APPS: [&str; 2] = ["blink", "sensor"];
/// Largest growth over the second half of the soak, in KiB a minute.
const KIB_A_MINUTE: f64 = 64.0;

#[test]
fn an_owner_with_many_boards_does_not_grow() {
    let Some(minutes) = std::env::var("DRYDOCK_SOAK_MINUTES").ok() else {
        println!("drydock-skip: DRYDOCK_SOAK_MINUTES says how long to look, at least 40");
        return;
    };
    let minutes: u64 = minutes.parse().expect("DRYDOCK_SOAK_MINUTES is a number");
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let gateway = Running::gateway(data);
    for _ in 0..BOARDS {
        assert_eq!(drydock_in(data, &["boards", "add", "nano33ble"]).code, 0);
        gateway.wait_for("device.connected");
    }
    for app in APPS {
        for number in 1..=BOARDS {
            let board = format!("bench-{number}");
            let deployed = drydock_in(data, &["deploy", app, "--on", &board]);
            assert_eq!(deployed.code, 0, "{deployed:?}");
        }
    }
    // The first half fills the bounded history of each board.
    let half = Duration::from_secs(minutes * 30);
    let mut samples: Vec<(f64, f64)> = Vec::new();
    let start = Instant::now();
    while start.elapsed() < half * 2 {
        // Events are read so that the owner never waits for a reader.
        gateway.drain(Duration::from_secs(10));
        let at = start.elapsed();
        if at >= half {
            samples.push((at.as_secs_f64() / 60.0, gateway.resident_kib()));
        }
    }
    let slope = slope(&samples);
    println!("{slope:.1} KiB a minute over {} samples", samples.len());
    assert!(
        slope < KIB_A_MINUTE,
        "the owner grows by {slope:.1} KiB a minute: {samples:?}"
    );
    assert_eq!(gateway.end().0, 0);
}

/// Of the line through these points, by least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let above: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let below: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    above / below
}

#[test]
fn the_slope_of_a_line_is_found() {
    let line: Vec<(f64, f64)> = (0..10).map(|x| (f64::from(x), 3.0 * f64::from(x) + 7.0)).collect();
    assert!((slope(&line) - 3.0).abs() < 1e-9);
}
