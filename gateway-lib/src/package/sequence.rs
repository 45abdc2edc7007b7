//! Sequences of packages: each one is above every sequence that this publisher signed for the app.
//!
//! Devices report sequences too, and a device may lie. A reported sequence counts only within a small distance of those
//! signed here: a store that was restored from a backup lags by a few packages, never by a thousand.

use crate::{domain::DeviceState, store::Model};

/// How far a reported sequence may be above the last signed one and still count.
pub(crate) const MAX_SEQUENCE_JUMP: u64 = 1_000;

/// Whether a device reports a sequence that this publisher cannot have signed. It is recorded and never followed.
pub(crate) fn is_absurd(model: &Model, app: &str, reported: u64) -> bool {
    reported > last_signed(model, app).saturating_add(MAX_SEQUENCE_JUMP)
}

/// The next sequence of an app; `None` if there is none left.
pub(super) fn next_sequence(model: &Model, app: &str) -> Option<u64> {
    let in_service = model
        .devices
        .values()
        .filter(|device| device.state != DeviceState::Retired);
    let reported = in_service
        .filter_map(|device| device.instances.get(app))
        .map(|instance| instance.sequence)
        .filter(|sequence| !is_absurd(model, app, *sequence))
        .max();
    last_signed(model, app).max(reported.unwrap_or(0)).checked_add(1)
}

/// The last sequence that was signed for an app; 0 if none was.
fn last_signed(model: &Model, app: &str) -> u64 {
    let packages = model.packages.values().filter(|package| package.view.app == app);
    packages.map(|package| package.view.sequence).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::PairingMode,
        domain::{AppState, DeviceId, Digest, InstanceView},
        store::DeviceRecord,
    };

    fn reporting(id: &str, sequence: u64, state: DeviceState) -> DeviceRecord {
        let mut device = DeviceRecord::pending(DeviceId::from(id), id.to_owned(), String::new());
        device.state = state;
        let instance = InstanceView {
            app: "blink".into(),
            version: "1.0.0".into(),
            sequence,
            digest: Digest([7; 32]),
            state: AppState::Running,
            failure: None,
            autostart: true,
            uptime_ms: 0,
            reported_ms: 0,
        };
        device.instances.insert("blink".into(), instance);
        device
    }

    fn check(reported: u64, state: DeviceState, expected: u64) {
        let mut model = Model::empty(PairingMode::On);
        let device = reporting("dev-1", reported, state);
        model.devices.insert(device.id.clone(), device);
        assert_eq!(next_sequence(&model, "blink"), Some(expected), "{reported} {state:?}");
    }

    #[test]
    fn reports_count_only_near_what_was_signed() {
        check(0, DeviceState::Connected, 1);
        check(7, DeviceState::Connected, 8);
        check(7, DeviceState::Retired, 1);
        check(MAX_SEQUENCE_JUMP, DeviceState::Disconnected, MAX_SEQUENCE_JUMP + 1);
        check(MAX_SEQUENCE_JUMP + 1, DeviceState::Connected, 1);
        check(u64::MAX, DeviceState::Connected, 1);
        check(u64::MAX - 1, DeviceState::Connected, 1);
    }
}
