//! Device time: the latest of build time, stored time and the last authenticated gateway time, plus the uptime since.

use crate::{
    board::BoardRef,
    records::{Key, Records},
};
use core::cell::Cell;

/// Stored time is updated when it is older than this, to reduce flash wear.
const STORE_INTERVAL_MS: u64 = 3_600_000;

/// The clock. It never goes back and never comes from an unauthenticated source.
pub struct DeviceClock {
    board: BoardRef,
    /// Time at reset, in milliseconds since the Unix epoch.
    at_reset_ms: Cell<u64>,
    stored_ms: Cell<u64>,
}

impl DeviceClock {
    /// Starts from the later of build time and stored time.
    pub fn new(board: BoardRef, records: &Records) -> Self {
        let stored_ms = records
            .read(&Key::DeviceTime)
            .and_then(|bytes| bytes.try_into().ok())
            .map_or(0, u64::from_le_bytes);
        Self {
            board,
            at_reset_ms: Cell::new(stored_ms.max(board.info().built_ms)),
            stored_ms: Cell::new(stored_ms),
        }
    }

    /// Milliseconds since reset.
    pub fn uptime_ms(&self) -> u64 {
        self.board.now_us() / 1000
    }

    /// Milliseconds since the Unix epoch. Behind the real time if the device was off since it last got the time.
    pub fn now_ms(&self) -> u64 {
        self.at_reset_ms.get() + self.uptime_ms()
    }

    /// Adopts the time of an authenticated gateway, unless it is earlier than device time.
    pub fn learn(&self, gateway_ms: u64, records: &mut Records) {
        let at_reset_ms = gateway_ms.saturating_sub(self.uptime_ms());
        self.at_reset_ms.set(at_reset_ms.max(self.at_reset_ms.get()));
        if gateway_ms > self.stored_ms.get().saturating_add(STORE_INTERVAL_MS)
            // If it cannot be stored, the next session provides the time again.
            && records.write(&Key::DeviceTime, &gateway_ms.to_le_bytes()).is_ok()
        {
            self.stored_ms.set(gateway_ms);
        }
    }
}
