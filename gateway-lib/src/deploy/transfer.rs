//! One package on its way to one device: begin, chunks with a small window, commit.

use super::Deployments;
use crate::{
    domain::{DeploymentId, DeviceId, TargetStatus, TransferProgress},
    package::read_module,
    session::{DeviceSession, NoAnswer, PendingReply},
    store::PackageRecord,
    stream::TransferStream,
};
use drydock_protocol::{
    device_to_gateway::{Refusal, Reply},
    envelope::Kind,
    gateway_to_device::{PackageBegin, PackageChunk, PackageCommit},
    limits::{CHUNK_BYTES, CHUNK_WINDOW},
};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};
use tokio::sync::broadcast;

/// Steps of transfers that a follower may be behind.
const LIVE_STEPS: usize = 1_024;

/// Transfers under way.
pub(crate) struct Transfers {
    current: Mutex<HashMap<DeviceId, TransferProgress>>,
    live: broadcast::Sender<TransferProgress>,
}

/// How a transfer ended.
#[derive(Debug)]
pub(super) enum TransferOutcome {
    /// The device committed it.
    Committed,
    /// The device refused it.
    Refused(Refusal),
    /// It is not desired any more.
    Unwanted,
    /// The session ended, or the device did not answer.
    Lost,
    /// The module cannot be read here; one sentence.
    Unreadable(String),
}

impl From<NoAnswer> for TransferOutcome {
    fn from(_: NoAnswer) -> Self {
        Self::Lost
    }
}

impl Default for Transfers {
    fn default() -> Self {
        Self {
            current: Mutex::default(),
            live: broadcast::Sender::new(LIVE_STEPS),
        }
    }
}

impl Transfers {
    pub(crate) fn all(&self) -> Vec<TransferProgress> {
        self.lock().values().cloned().collect()
    }

    pub(crate) fn follow(&self) -> TransferStream {
        TransferStream(self.live.subscribe())
    }

    fn moved(&self, progress: &TransferProgress) {
        self.lock().insert(progress.device.clone(), progress.clone());
        // There may be no follower.
        let _ = self.live.send(progress.clone());
    }

    fn ended(&self, device: &DeviceId) {
        self.lock().remove(device);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<DeviceId, TransferProgress>> {
        self.current.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Sends a package; the deployment's target follows.
pub(super) async fn transfer(
    deployments: &Deployments,
    session: &Arc<DeviceSession>,
    package: &PackageRecord,
    deployment: Option<DeploymentId>,
    start: bool,
) -> TransferOutcome {
    let module = match read_module(&deployments.store, package.view.digest).await {
        Ok(module) => module,
        Err(error) => return TransferOutcome::Unreadable(error.to_string()),
    };
    let mut progress = TransferProgress {
        device: session.device.clone(),
        deployment: deployment.unwrap_or(DeploymentId(0)),
        app: package.view.app.clone(),
        done_bytes: 0,
        total_bytes: package.view.size_bytes,
    };
    deployments.transfers.moved(&progress);
    deployments
        .target_moved(
            session,
            deployment,
            TargetStatus::Transferring,
            "the package is on its way",
        )
        .await;
    let end = match send(deployments, session, package, &module, &mut progress).await {
        Ok(()) => {
            tracing::debug!(device = %session.device, app = package.view.app, "the device has all chunks");
            deployments
                .target_moved(
                    session,
                    deployment,
                    TargetStatus::Committing,
                    "the device checks and stores it",
                )
                .await;
            commit(session, start).await
        }
        Err(end) => end,
    };
    deployments.transfers.ended(&session.device);
    if matches!(end, TransferOutcome::Unwanted) {
        // The transfer is over, whatever the answer.
        let _ = session.request_empty(Kind::PackageAbort).await;
    }
    end
}

async fn send(
    deployments: &Deployments,
    session: &Arc<DeviceSession>,
    package: &PackageRecord,
    module: &[u8],
    progress: &mut TransferProgress,
) -> Result<(), TransferOutcome> {
    let begin = PackageBegin {
        envelope: package.envelope.clone(),
    };
    let mut begun = Some(session.send(Kind::PackageBegin, &begin).await?);
    let mut window: VecDeque<PendingReply> = VecDeque::with_capacity(CHUNK_WINDOW);
    let mut chunks = module.chunks(CHUNK_BYTES).enumerate();
    loop {
        if !is_wanted(deployments, session, package) {
            return Err(TransferOutcome::Unwanted);
        }
        while window.len() < CHUNK_WINDOW
            && let Some((index, data)) = chunks.next()
        {
            let offset = u32::try_from(index * CHUNK_BYTES).unwrap_or(u32::MAX);
            window.push_back(session.send(Kind::PackageChunk, &PackageChunk { offset, data }).await?);
        }
        // The first chunks are sent while the device verifies the manifest. A device that refuses it accepts no chunks.
        if let Some(begun) = begun.take() {
            accepted(begun.reply().await?)?;
            tracing::debug!(device = %session.device, app = package.view.app, "the device took the manifest");
        }
        let Some(oldest) = window.pop_front() else {
            return Ok(());
        };
        if let Some(next) = accepted(oldest.reply().await?)? {
            progress.done_bytes = next.min(progress.total_bytes);
            deployments.transfers.moved(progress);
        }
    }
}

async fn commit(session: &Arc<DeviceSession>, start: bool) -> TransferOutcome {
    match session
        .request_lasting(Kind::PackageCommit, &PackageCommit { start })
        .await
    {
        Ok(reply) => accepted(reply).map_or_else(|end| end, |_| TransferOutcome::Committed),
        Err(NoAnswer) => TransferOutcome::Lost,
    }
}

/// The offset in a reply, if it has one.
fn accepted(reply: Reply) -> Result<Option<u32>, TransferOutcome> {
    match reply {
        Reply::Done => Ok(None),
        Reply::ChunkTaken(next) => Ok(Some(next)),
        Reply::Refused(refusal) => Err(TransferOutcome::Refused(refusal)),
    }
}

fn is_wanted(deployments: &Deployments, session: &DeviceSession, package: &PackageRecord) -> bool {
    let model = deployments.store.read();
    let desired = model
        .devices
        .get(&session.device)
        .and_then(|device| device.desired.get(&package.view.app));
    desired.is_some_and(|desired| desired.package.as_ref() == Some(&package.view.id))
}
