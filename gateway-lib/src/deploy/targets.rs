//! Steps of a transaction that deployments, the registry and pairings share: a target moves, a desired state is dropped.

use crate::{
    domain::{DeploymentId, DeploymentTarget, DeviceId, TargetStatus},
    error::StoreError,
    store::{DeviceRecord, Transaction},
};

impl Transaction<'_> {
    /// Moves a target of a deployment, unless it has reached a final status.
    pub(crate) async fn move_target(
        &mut self,
        deployment: DeploymentId,
        device: &DeviceId,
        status: TargetStatus,
        detail: &str,
    ) -> Result<(), StoreError> {
        let open = self
            .model()
            .target(deployment, device)
            .is_some_and(|target| !target.status.is_final());
        if !open {
            return Ok(());
        }
        let target = DeploymentTarget {
            device: device.clone(),
            status,
            detail: detail.to_owned(),
            changed_ms: self.time_ms,
        };
        self.target(deployment, target).await
    }

    /// A session ended: transfers under way wait for the next session.
    pub(crate) async fn put_back_targets(&mut self, record: &DeviceRecord) -> Result<(), StoreError> {
        for deployment in record.desired.values().filter_map(|desired| desired.deployment) {
            let under_way = self
                .model()
                .target(deployment, &record.id)
                .is_some_and(|target| matches!(target.status, TargetStatus::Transferring | TargetStatus::Committing));
            if under_way {
                let detail = "the connection ended on the way; it is sent again when the board returns";
                self.move_target(deployment, &record.id, TargetStatus::Waiting, detail)
                    .await?;
            }
        }
        Ok(())
    }

    /// Drops the whole desired state of a device and cancels its open deployments.
    pub(crate) async fn drop_desired(&mut self, record: &DeviceRecord, why: &str) -> Result<(), StoreError> {
        for desired in record.desired.values() {
            if let Some(deployment) = desired.deployment {
                self.move_target(deployment, &record.id, TargetStatus::Cancelled, why)
                    .await?;
            }
            self.remove_desired(&record.id, &desired.app).await?;
        }
        Ok(())
    }
}
