//! The reconciler of one session: takes steps until the device has its desired state, then waits for the next change or
//! report. It ends with its session; the next one restarts from the stored state.

use super::{
    Deployments,
    plan::{Step, step},
    transfer::{TransferOutcome, transfer},
};
use crate::{
    clock::elapsed,
    domain::{EventKind, InstanceView, PackageId},
    error::{StoreError, UploadError},
    package::Signing,
    session::{DeviceSession, NoAnswer},
    store::{DesiredApp, PackageRecord},
};
use drydock_protocol::{
    device_to_gateway::{Refusal, RefusalCode, Reply},
    envelope::Kind,
    gateway_to_device::AppRequest,
};
use std::{collections::HashMap, sync::Arc};

/// Longest wait for the report that follows a step, in milliseconds of the link's clock; then the step is taken again.
const REPORT_MS: u64 = 5_000;
/// First and longest pause before a step that got no answer is tried again, in milliseconds of the link's clock.
const RETRY_MS: (u64, u64) = (500, 30_000);

/// The state of an app during a session.
#[derive(Default)]
struct StepHistory {
    /// The step that was taken last.
    last: Option<LastStep>,
    /// Steps that got no answer, in a row.
    tries: u32,
    /// The package was signed again, because the device lost it and refuses the sequence that it had.
    signed_again: bool,
}

/// A step that was taken.
struct LastStep {
    step: &'static str,
    /// Desired package, and whether it shall run.
    desired: (Option<PackageId>, bool),
    /// The device's report before the step.
    seen: Option<InstanceView>,
    /// Until when its report, or the next try, is waited for, on the link's clock.
    until_ms: u64,
    /// Whether the device took it.
    taken: bool,
}

impl LastStep {
    /// Whether the next step has to wait for this one.
    fn holds_back(&self, step: &Step, desired: &DesiredApp, reported: Option<&InstanceView>) -> bool {
        if self.desired != (desired.package.clone(), desired.run) {
            return false;
        }
        if !self.taken {
            return true;
        }
        // A start that was asked for together with the commit is not repeated because the device says "installed" first.
        let starting = self.step == "transfer" && matches!(step, Step::Start);
        starting || (self.step == step.name() && self.seen.as_ref() == reported)
    }
}

/// The result of a step.
enum StepOutcome {
    /// The device accepted it; its report follows.
    Taken,
    /// The device will not do it.
    Refused(Refusal),
    /// Something is in the way that may pass.
    Later,
    /// Plans have changed; look again.
    Again,
}

pub(crate) async fn reconcile(deployments: Arc<Deployments>, session: Arc<DeviceSession>) {
    let mut memory: HashMap<String, StepHistory> = HashMap::new();
    while !session.ending.is_cancelled() {
        match next_step(&deployments, &session, &mut memory) {
            NextStep::Take(desired, step) => take(&deployments, &session, &desired, step, &mut memory).await,
            NextStep::Wait(ms) => {
                tokio::select! {
                    () = session.wake.notified() => {}
                    () = session.ending.cancelled() => {}
                    () = elapsed(&*session.clock, ms.unwrap_or(u64::MAX)), if ms.is_some() => {}
                }
            }
        }
    }
}

enum NextStep {
    Take(DesiredApp, Step),
    /// For this long, or until something changes.
    Wait(Option<u64>),
}

fn next_step(
    deployments: &Deployments,
    session: &DeviceSession,
    memory: &mut HashMap<String, StepHistory>,
) -> NextStep {
    let model = deployments.store.read();
    let Some(device) = model.devices.get(&session.device) else {
        return NextStep::Wait(None);
    };
    memory.retain(|app, _| device.desired.contains_key(app));
    let now = session.clock.now_ms();
    let mut wait: Option<u64> = None;
    for desired in device.desired.values() {
        let Some(step) = step(&model, device, desired) else {
            continue;
        };
        let last = memory.get(&desired.app).and_then(|memory| memory.last.as_ref());
        let held = last.filter(|last| last.holds_back(&step, desired, device.instances.get(&desired.app)));
        let left = held.map_or(0, |last| last.until_ms.saturating_sub(now));
        if left == 0 {
            return NextStep::Take(desired.clone(), step);
        }
        wait = Some(wait.map_or(left, |wait| wait.min(left)));
    }
    NextStep::Wait(wait)
}

async fn take(
    deployments: &Deployments,
    session: &Arc<DeviceSession>,
    desired: &DesiredApp,
    step: Step,
    memory: &mut HashMap<String, StepHistory>,
) {
    let seen = {
        let model = deployments.store.read();
        let device = model.devices.get(&session.device);
        device.and_then(|device| device.instances.get(&desired.app)).cloned()
    };
    let remembered = memory.entry(desired.app.clone()).or_default();
    let outcome = match carry_out(deployments, session, desired, &step).await {
        Ok(StepOutcome::Refused(refusal)) => {
            let lost = deployments.lost_package(session, &step, &refusal);
            match lost.filter(|_| !remembered.signed_again) {
                Some(package) => {
                    remembered.signed_again = true;
                    deployments.send_lost_again(session, desired, &package).await
                }
                None => deployments.refused(session, desired, &step, &refusal).await,
            }
            .map(|()| StepOutcome::Again)
        }
        outcome => outcome,
    };
    let outcome = outcome.unwrap_or_else(|error| {
        tracing::warn!(%error, device = %session.device, app = desired.app, "a step could not be written down");
        StepOutcome::Later
    });
    let (taken, wait_ms) = match outcome {
        StepOutcome::Taken => (true, REPORT_MS),
        StepOutcome::Later => (
            false,
            RETRY_MS.0.saturating_mul(1 << remembered.tries.min(10)).min(RETRY_MS.1),
        ),
        StepOutcome::Again | StepOutcome::Refused(_) => {
            *remembered = StepHistory {
                signed_again: remembered.signed_again,
                ..StepHistory::default()
            };
            return;
        }
    };
    if taken {
        (remembered.tries, remembered.signed_again) = (0, false);
    } else {
        remembered.tries += 1;
    }
    remembered.last = Some(LastStep {
        step: step.name(),
        desired: (desired.package.clone(), desired.run),
        seen,
        until_ms: session.clock.now_ms().saturating_add(wait_ms),
        taken,
    });
}

async fn carry_out(
    deployments: &Deployments,
    session: &Arc<DeviceSession>,
    desired: &DesiredApp,
    step: &Step,
) -> Result<StepOutcome, StoreError> {
    let request = AppRequest {
        app: desired.app.clone(),
    };
    let kind = match step {
        Step::MarkReconciled => {
            deployments.mark_reconciled(session, desired).await?;
            return Ok(StepOutcome::Again);
        }
        Step::Transfer {
            package,
            deployment,
            start,
        } => {
            return Ok(
                match transfer(deployments, session, package, *deployment, *start).await {
                    TransferOutcome::Committed => {
                        if *start {
                            deployments.start_taken(session, &desired.app).await?;
                        }
                        StepOutcome::Taken
                    }
                    TransferOutcome::Refused(refusal) => StepOutcome::Refused(refusal),
                    TransferOutcome::Unwanted => StepOutcome::Again,
                    TransferOutcome::Lost => StepOutcome::Later,
                    TransferOutcome::Unreadable(detail) => StepOutcome::Refused(Refusal {
                        code: RefusalCode::StoreFailed,
                        detail,
                    }),
                },
            );
        }
        Step::Start => Kind::AppStart,
        Step::Stop => Kind::AppStop,
        Step::Remove => Kind::AppRemove,
    };
    Ok(match (session.request_lasting(kind, &request).await, step) {
        (Ok(Reply::Refused(refusal)), Step::Remove) if refusal.code == RefusalCode::NoSuchApp => {
            deployments.removed(session, &desired.app).await?;
            StepOutcome::Again
        }
        (Ok(Reply::Refused(refusal)), _) => StepOutcome::Refused(refusal),
        (Ok(_), Step::Remove) => {
            deployments.removed(session, &desired.app).await?;
            StepOutcome::Again
        }
        (Ok(_), Step::Start) => {
            deployments.start_taken(session, &desired.app).await?;
            StepOutcome::Taken
        }
        (Ok(_), _) => StepOutcome::Taken,
        (Err(NoAnswer), _) => StepOutcome::Later,
    })
}

impl Deployments {
    /// The package of a step that a device refused because it had that very package once. The deployment was carried out,
    /// so the device had it from this gateway and lost it since: its flash is damaged, or was saved in part.
    fn lost_package(&self, session: &DeviceSession, step: &Step, refusal: &Refusal) -> Option<Arc<PackageRecord>> {
        let Step::Transfer {
            package, deployment, ..
        } = step
        else {
            return None;
        };
        let model = self.store.read();
        let target = deployment.and_then(|deployment| model.target(deployment, &session.device));
        let was_done = target.is_none_or(|target| target.status.is_final());
        let had_it = refusal.high_water() == Some(package.view.sequence);
        (was_done && had_it).then(|| package.clone())
    }

    /// Replaces a desired package by the same one under a higher sequence.
    async fn send_lost_again(
        &self,
        session: &DeviceSession,
        desired: &DesiredApp,
        package: &PackageRecord,
    ) -> Result<(), StoreError> {
        let renewed = match self.packages.sign_again(package, Signing::Anew).await {
            Ok(renewed) => renewed.id,
            Err(UploadError::Store(error)) => return Err(error),
            Err(error) => {
                return Err(StoreError::Unreadable {
                    what: error.to_string(),
                });
            }
        };
        let mut tx = self.store.begin().await?;
        if self.desired_of(&tx.model(), session, &desired.app).as_ref() != Some(desired) {
            // The desired state changed meanwhile.
            return Ok(());
        }
        let detail = format!("{} was lost and is sent again as {renewed}", package.view.id);
        let renewed = DesiredApp {
            package: Some(renewed),
            ..desired.clone()
        };
        tx.desired(&session.device, renewed).await?;
        tx.audit("gateway", "package.sent_again", &session.device.0, &detail)
            .await?;
        tx.commit().await
    }

    /// The device refused a step: restores the desired state before and records the refusal.
    async fn refused(
        &self,
        session: &DeviceSession,
        desired: &DesiredApp,
        step: &Step,
        refusal: &Refusal,
    ) -> Result<(), StoreError> {
        let name = self.store.read().name_of(&session.device);
        let reason = super::desired::refusal_sentence(&name, &desired.app, refusal);
        let mut tx = self.store.begin().await?;
        if self.desired_of(&tx.model(), session, &desired.app).as_ref() != Some(desired) {
            // The desired state changed meanwhile.
            return Ok(());
        }
        match step {
            Step::Transfer { deployment, .. } => {
                match deployment {
                    Some(deployment) => {
                        let status = crate::domain::TargetStatus::Refused;
                        tx.move_target(*deployment, &session.device, status, &reason).await?;
                    }
                    // There is no deployment to report to: the board lost the app, or the store was restored from an older backup.
                    None => {
                        let told = EventKind::RequestRefused {
                            device: session.device.clone(),
                            app: desired.app.clone(),
                            reason: reason.clone(),
                        };
                        tx.publish(told).await?;
                    }
                }
                match desired.previous.clone() {
                    Some((package, run)) => {
                        let restored = DesiredApp {
                            package: Some(package),
                            run,
                            start_once: false,
                            deployment: None,
                            previous: None,
                            app: desired.app.clone(),
                        };
                        tx.desired(&session.device, restored).await?;
                    }
                    None => tx.remove_desired(&session.device, &desired.app).await?,
                }
            }
            Step::Start | Step::Stop | Step::Remove | Step::MarkReconciled => {
                tx.publish(EventKind::RequestRefused {
                    device: session.device.clone(),
                    app: desired.app.clone(),
                    reason: reason.clone(),
                })
                .await?;
                let reported = self.package_of_instance(&tx.model(), session, &desired.app);
                match reported {
                    // The reported state becomes the desired state.
                    Some((package, run)) => {
                        let told = DesiredApp {
                            package: Some(package),
                            run,
                            start_once: false,
                            ..desired.clone()
                        };
                        tx.desired(&session.device, told).await?;
                    }
                    None => tx.remove_desired(&session.device, &desired.app).await?,
                }
                if let Some(deployment) = desired.deployment {
                    let status = crate::domain::TargetStatus::Refused;
                    tx.move_target(deployment, &session.device, status, &reason).await?;
                }
            }
        }
        tx.audit(&session.device.0, "device.refused", &desired.app, &reason)
            .await?;
        tx.commit().await
    }
}
