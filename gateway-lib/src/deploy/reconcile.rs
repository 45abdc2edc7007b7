//! The reconciler of one session: takes steps until the device has what is wished for, and waits for the next wish or
//! report. It ends with its session; the next one begins anew from what is stored.

use super::{
    plan::{Step, step},
    transfer::{TransferEnd, transfer},
};
use crate::{
    clock::elapsed,
    core::Core,
    domain::{Fact, InstanceView, PackageId},
    error::StoreError,
    session::{NoAnswer, Session},
    store::Wish,
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

/// What is remembered of an app while the session lasts.
#[derive(Default)]
struct Memory {
    /// The step that was taken last.
    last: Option<Last>,
    /// Steps that got no answer, in a row.
    tries: u32,
}

/// A step that was taken.
struct Last {
    step: &'static str,
    /// Package and running, as they were wished for.
    wished: (Option<PackageId>, bool),
    /// What the device had reported before.
    seen: Option<InstanceView>,
    /// Until when its report, or the next try, is waited for, on the link's clock.
    until_ms: u64,
    /// Whether the device took it.
    taken: bool,
}

impl Last {
    /// Whether the next step has to wait for this one.
    fn holds_back(&self, step: &Step, wish: &Wish, reported: Option<&InstanceView>) -> bool {
        if self.wished != (wish.package.clone(), wish.run) {
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

/// What became of a step.
enum Outcome {
    /// The device took it; its report will tell.
    Taken,
    /// The device will not do it.
    Refused(Refusal),
    /// Something is in the way that may pass.
    Later,
    /// Plans have changed; look again.
    Again,
}

pub(crate) async fn reconcile(core: Arc<Core>, session: Arc<Session>) {
    let mut memory: HashMap<String, Memory> = HashMap::new();
    while !session.ending.is_cancelled() {
        match next_step(&core, &session, &mut memory) {
            Next::Take(wish, step) => take(&core, &session, &wish, step, &mut memory).await,
            Next::Wait(ms) => {
                tokio::select! {
                    () = session.wake.notified() => {}
                    () = session.ending.cancelled() => {}
                    () = elapsed(&*session.clock, ms.unwrap_or(u64::MAX)), if ms.is_some() => {}
                }
            }
        }
    }
}

enum Next {
    Take(Wish, Step),
    /// For so long, or until something changes.
    Wait(Option<u64>),
}

fn next_step(core: &Core, session: &Session, memory: &mut HashMap<String, Memory>) -> Next {
    let model = core.store.read();
    let Some(device) = model.devices.get(&session.device) else {
        return Next::Wait(None);
    };
    memory.retain(|app, _| device.wishes.contains_key(app));
    let now = session.clock.now_ms();
    let mut wait: Option<u64> = None;
    for wish in device.wishes.values() {
        let Some(step) = step(&model, device, wish) else {
            continue;
        };
        let last = memory.get(&wish.app).and_then(|memory| memory.last.as_ref());
        let held = last.filter(|last| last.holds_back(&step, wish, device.instances.get(&wish.app)));
        let left = held.map_or(0, |last| last.until_ms.saturating_sub(now));
        if left == 0 {
            return Next::Take(wish.clone(), step);
        }
        wait = Some(wait.map_or(left, |wait| wait.min(left)));
    }
    Next::Wait(wait)
}

async fn take(core: &Core, session: &Arc<Session>, wish: &Wish, step: Step, memory: &mut HashMap<String, Memory>) {
    let seen = {
        let model = core.store.read();
        let device = model.devices.get(&session.device);
        device.and_then(|device| device.instances.get(&wish.app)).cloned()
    };
    let outcome = match carry_out(core, session, wish, &step).await {
        Ok(Outcome::Refused(refusal)) => core
            .refused(session, wish, &step, &refusal)
            .await
            .map(|()| Outcome::Again),
        outcome => outcome,
    };
    let outcome = outcome.unwrap_or_else(|error| {
        tracing::warn!(%error, device = %session.device, app = wish.app, "a step could not be written down");
        Outcome::Later
    });
    let remembered = memory.entry(wish.app.clone()).or_default();
    let (taken, wait_ms) = match outcome {
        Outcome::Taken => (true, REPORT_MS),
        Outcome::Later => (
            false,
            RETRY_MS.0.saturating_mul(1 << remembered.tries.min(10)).min(RETRY_MS.1),
        ),
        Outcome::Again | Outcome::Refused(_) => {
            *remembered = Memory::default();
            return;
        }
    };
    remembered.tries = if taken { 0 } else { remembered.tries + 1 };
    remembered.last = Some(Last {
        step: step.name(),
        wished: (wish.package.clone(), wish.run),
        seen,
        until_ms: session.clock.now_ms().saturating_add(wait_ms),
        taken,
    });
}

async fn carry_out(core: &Core, session: &Arc<Session>, wish: &Wish, step: &Step) -> Result<Outcome, StoreError> {
    let request = AppRequest { app: wish.app.clone() };
    let kind = match step {
        Step::Settle => {
            core.settle(session, wish).await?;
            return Ok(Outcome::Again);
        }
        Step::Transfer {
            package,
            deployment,
            start,
        } => {
            return Ok(match transfer(core, session, package, *deployment, *start).await {
                TransferEnd::Committed => {
                    if *start {
                        core.start_taken(session, &wish.app).await?;
                    }
                    Outcome::Taken
                }
                TransferEnd::Refused(refusal) => Outcome::Refused(refusal),
                TransferEnd::Unwanted => Outcome::Again,
                TransferEnd::Lost => Outcome::Later,
                TransferEnd::Unreadable(detail) => Outcome::Refused(Refusal {
                    code: RefusalCode::StoreFailed,
                    detail,
                }),
            });
        }
        Step::Start => Kind::AppStart,
        Step::Stop => Kind::AppStop,
        Step::Remove => Kind::AppRemove,
    };
    Ok(match (session.request(kind, &request).await, step) {
        (Ok(Reply::Refused(refusal)), Step::Remove) if refusal.code == RefusalCode::NoSuchApp => {
            core.removed(session, &wish.app).await?;
            Outcome::Again
        }
        (Ok(Reply::Refused(refusal)), _) => Outcome::Refused(refusal),
        (Ok(_), Step::Remove) => {
            core.removed(session, &wish.app).await?;
            Outcome::Again
        }
        (Ok(_), Step::Start) => {
            core.start_taken(session, &wish.app).await?;
            Outcome::Taken
        }
        (Ok(_), _) => Outcome::Taken,
        (Err(NoAnswer), _) => Outcome::Later,
    })
}

impl Core {
    /// The device refused a step: what it had before holds again, and the refusal is told.
    async fn refused(&self, session: &Session, wish: &Wish, step: &Step, refusal: &Refusal) -> Result<(), StoreError> {
        let name = self.name_of(&session.device);
        let reason = super::wishes::refusal_sentence(&name, &wish.app, refusal);
        let mut tx = self.store.begin().await?;
        if self.wish_of(&tx.model(), session, &wish.app).as_ref() != Some(wish) {
            // Something else is wished for meanwhile.
            return Ok(());
        }
        match step {
            Step::Transfer { deployment, .. } => {
                match deployment {
                    Some(deployment) => {
                        let status = crate::domain::TargetStatus::Refused;
                        self.move_target(&mut tx, *deployment, &session.device, status, &reason)
                            .await?;
                    }
                    // Nobody follows a deployment: the board lost what it had, or the store is older than the board.
                    None => {
                        let told = Fact::RequestRefused {
                            device: session.device.clone(),
                            app: wish.app.clone(),
                            reason: reason.clone(),
                        };
                        tx.tell(told).await?;
                    }
                }
                match wish.previous.clone() {
                    Some((package, run)) => {
                        let restored = Wish {
                            package: Some(package),
                            run,
                            start_once: false,
                            deployment: None,
                            previous: None,
                            app: wish.app.clone(),
                        };
                        tx.wish(&session.device, restored).await?;
                    }
                    None => tx.remove_wish(&session.device, &wish.app).await?,
                }
            }
            Step::Start | Step::Stop | Step::Remove | Step::Settle => {
                tx.tell(Fact::RequestRefused {
                    device: session.device.clone(),
                    app: wish.app.clone(),
                    reason: reason.clone(),
                })
                .await?;
                let reported = self.package_of_instance(&tx.model(), session, &wish.app);
                match reported {
                    // What the device does is what counts.
                    Some((package, run)) => {
                        let told = Wish {
                            package: Some(package),
                            run,
                            start_once: false,
                            ..wish.clone()
                        };
                        tx.wish(&session.device, told).await?;
                    }
                    None => tx.remove_wish(&session.device, &wish.app).await?,
                }
                if let Some(deployment) = wish.deployment {
                    let status = crate::domain::TargetStatus::Refused;
                    self.move_target(&mut tx, deployment, &session.device, status, &reason)
                        .await?;
                }
            }
        }
        tx.audit(&session.device.0, "device.refused", &wish.app, &reason)
            .await?;
        tx.commit().await
    }
}
