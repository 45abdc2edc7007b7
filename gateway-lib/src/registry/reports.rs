//! Reports of devices about apps, checked before they are stored: a device may be broken, or lie.

use super::Registry;
use crate::{
    domain::{AppState, DeviceId, Digest, EventKind, InstanceView},
    error::StoreError,
    package::is_absurd,
    session::DeviceSession,
    store::{Model, Transaction},
};
use drydock_protocol::{
    device_to_gateway::AppReport,
    limits::{MAX_APP_NAME_BYTES, MAX_APPS},
    manifest::is_app_name,
};
use std::collections::BTreeMap;

/// Limit of stored apps per device. No device stores more than [`MAX_APPS`]; the rest is for future boards.
const MAX_REPORTED_APPS: usize = 4 * MAX_APPS;
/// Limit of recorded doubtful reports, per session and per hello.
pub(crate) const MAX_DOUBTS: u32 = 8;

/// A report that cannot be true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Doubt {
    /// The reported name, cut to the length of a name.
    app: String,
    /// One sentence without a full stop.
    reason: String,
    /// Whether the report is kept all the same.
    kept: bool,
}

impl Registry {
    /// A device reported an app.
    pub(crate) async fn report(&self, session: &DeviceSession, report: AppReport) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        let instance = instance(report, tx.time_ms);
        let (unchanged, doubt) = {
            let model = tx.model();
            let record = model.devices.get(&session.device);
            let known = record.map(|record| &record.instances);
            let unchanged = known
                .and_then(|known| known.get(&instance.app))
                .is_some_and(|known| !differs(known, &instance));
            let others = known.map_or(0, |known| known.len() - usize::from(known.contains_key(&instance.app)));
            (unchanged, doubt(&model, &instance, others))
        };
        if unchanged || !self.is_current(session) {
            return Ok(());
        }
        let kept = doubt.as_ref().is_none_or(|doubt| doubt.kept);
        if let Some(doubt) = doubt {
            if session.counts_doubt() {
                tx.record_doubt(&session.device, doubt).await?;
            } else if !kept {
                return Ok(());
            }
        }
        if kept {
            tx.instance(&session.device, instance).await?;
        }
        tx.commit().await
    }
}

impl Transaction<'_> {
    /// Records a doubtful report as an event and in the audit trail.
    pub(super) async fn record_doubt(&mut self, device: &DeviceId, doubt: Doubt) -> Result<(), StoreError> {
        let Doubt { app, reason, .. } = doubt;
        tracing::warn!(%device, app, reason, "doubtful report");
        self.audit("gateway", "report.doubted", &device.0, &reason).await?;
        let device = device.clone();
        self.publish(EventKind::ReportDoubted { device, app, reason }).await
    }
}

/// The apps of a hello that are kept, by name, and the first doubts.
pub(super) fn of_hello(
    model: &Model,
    reports: Vec<AppReport>,
    now_ms: u64,
) -> (BTreeMap<String, InstanceView>, Vec<Doubt>) {
    let mut reported = BTreeMap::new();
    let mut doubts = Vec::new();
    for report in reports {
        let instance = instance(report, now_ms);
        let doubt = doubt(model, &instance, reported.len());
        if doubt.as_ref().is_none_or(|doubt| doubt.kept) {
            reported.insert(instance.app.clone(), instance);
        }
        doubts.extend(doubt);
    }
    doubts.truncate(MAX_DOUBTS as usize);
    (reported, doubts)
}

/// Why a report cannot be true, if it cannot.
fn doubt(model: &Model, instance: &InstanceView, others: usize) -> Option<Doubt> {
    let app = cut(instance.app.clone(), MAX_APP_NAME_BYTES);
    if !is_app_name(&instance.app) {
        let reason = format!("it reported an app called {app:?}, which is no name");
        return Some(Doubt {
            app,
            reason,
            kept: false,
        });
    }
    let doubt = |reason, kept| Some(Doubt { app, reason, kept });
    if others >= MAX_REPORTED_APPS {
        return doubt(format!("it reported more than {MAX_REPORTED_APPS} apps"), false);
    }
    if is_absurd(model, &instance.app, instance.sequence) {
        let (app, sequence) = (&instance.app, instance.sequence);
        let reason = format!("it reported sequence {sequence} of {app}, which was never signed here");
        return doubt(reason, true);
    }
    None
}

fn instance(report: AppReport, now_ms: u64) -> InstanceView {
    let state = AppState::from(report.state);
    InstanceView {
        app: report.app,
        version: report.version.to_string(),
        sequence: report.sequence,
        digest: Digest(report.digest),
        state,
        failure: report
            .failure
            .filter(|_| matches!(state, AppState::Failed | AppState::Exited))
            .map(Into::into),
        autostart: report.autostart,
        uptime_ms: report.uptime_ms,
        reported_ms: now_ms,
    }
}

/// Whether a report says more than that nothing changed.
pub(super) fn differs(known: &InstanceView, reported: &InstanceView) -> bool {
    let reported = InstanceView {
        reported_ms: known.reported_ms,
        uptime_ms: known.uptime_ms,
        ..reported.clone()
    };
    *known != reported
}

pub(super) fn cut(mut text: String, bytes: usize) -> String {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}
