//! Deployments: the desired state, the reported state, and the reconciler that closes the gap.

mod desired;
mod module;
mod plan;
mod reconcile;
mod targets;
mod transfer;

pub(crate) use reconcile::reconcile;

use crate::{
    domain::{Deployment, DeploymentId, DeploymentTarget, DeviceId, TransferProgress},
    package::Packages,
    session::SessionTable,
    store::Store,
    stream::TransferStream,
};
use std::sync::Arc;
use transfer::Transfers;

/// Accepts desired state and brings devices to it.
pub(crate) struct Deployments {
    store: Arc<Store>,
    sessions: Arc<SessionTable>,
    packages: Arc<Packages>,
    transfers: Transfers,
}

impl Deployments {
    pub(crate) fn new(store: Arc<Store>, sessions: Arc<SessionTable>, packages: Arc<Packages>) -> Self {
        Self {
            store,
            sessions,
            packages,
            transfers: Transfers::default(),
        }
    }

    /// Deployments, latest first.
    pub(crate) fn all(&self) -> Vec<Deployment> {
        self.store.read().deployments.values().rev().cloned().collect()
    }

    pub(crate) fn get(&self, deployment: DeploymentId) -> Option<Deployment> {
        self.store.read().deployments.get(&deployment).cloned()
    }

    /// The target of the latest deployment of an app to a device.
    pub(crate) fn latest_target(&self, device: &DeviceId, app: &str) -> Option<DeploymentTarget> {
        let model = self.store.read();
        let deployments = model.deployments.values().rev();
        let mut targets = deployments
            .filter(|deployment| deployment.app == app)
            .filter_map(|deployment| {
                let mut targets = deployment.targets.iter();
                targets.find(|target| target.device == *device)
            });
        targets.next().cloned()
    }

    pub(crate) fn transfers(&self) -> Vec<TransferProgress> {
        self.transfers.all()
    }

    pub(crate) fn follow_transfers(&self) -> TransferStream {
        self.transfers.follow()
    }
}
