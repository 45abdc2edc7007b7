//! Recovery at start: completes or undoes what an unclean end left half done, and reports it.

use crate::{
    domain::{Deployment, DeviceChange, DeviceState, EventKind, TargetStatus},
    error::StoreError,
    store::{DeviceRecord, Store, Transaction},
};

/// Repairs the store after an end without closing. Returns sentences for people; the list is empty after a clean end. An audit
/// trail that does not end where it was signed is one of them: it stays in the trail, though its end is signed again.
pub(crate) async fn recover(store: &Store) -> Result<Vec<String>, StoreError> {
    let doubt = store.audit_doubt().await?;
    let mut tx = store.begin().await?;
    let (devices, deployments) = {
        let model = tx.model();
        let devices: Vec<_> = model.devices.values().cloned().collect();
        let deployments: Vec<_> = model.deployments.values().cloned().collect();
        (devices, deployments)
    };
    let mut sentences = recover_devices(&mut tx, &devices).await?;
    sentences.extend(recover_targets(&mut tx, &devices, deployments).await?);
    sentences.extend(doubt);
    let recovered = sentences.clone();
    tx.publish(EventKind::GatewayOpened { recovered }).await?;
    let detail = if sentences.is_empty() {
        "after a clean end".to_owned()
    } else {
        sentences.join("; ")
    };
    tx.audit("gateway", "gateway.opened", "", &detail).await?;
    tx.commit().await?;
    remove_unfinished_modules(store);
    Ok(sentences)
}

/// Devices that held a session are now disconnected; those that were enrolling have to start again.
async fn recover_devices(tx: &mut Transaction<'_>, devices: &[DeviceRecord]) -> Result<Vec<String>, StoreError> {
    let mut sentences = Vec::new();
    for mut device in devices.iter().cloned() {
        let (state, change) = match device.state {
            DeviceState::Connected | DeviceState::Unreachable => {
                (DeviceState::Disconnected, DeviceChange::Disconnected)
            }
            DeviceState::Enrolling => (DeviceState::Pending, DeviceChange::Paired),
            _ => continue,
        };
        sentences.push(match state {
            DeviceState::Pending => format!(
                "{} was enrolling when Drydock ended; it has to begin again",
                device.name
            ),
            _ => format!("{} was connected when Drydock ended without closing", device.name),
        });
        device.state = state;
        tx.device(device, change).await?;
    }
    Ok(sentences)
}

/// Transfers that were under way wait for the next session.
async fn recover_targets(
    tx: &mut Transaction<'_>,
    devices: &[DeviceRecord],
    deployments: Vec<Deployment>,
) -> Result<Vec<String>, StoreError> {
    let mut sentences = Vec::new();
    for deployment in deployments {
        for mut target in deployment.targets {
            if !matches!(target.status, TargetStatus::Transferring | TargetStatus::Committing) {
                continue;
            }
            let name = devices.iter().find(|device| device.id == target.device);
            let name = name.map_or(target.device.0.as_str(), |device| &device.name);
            let sentence = format!(
                "{} was on its way to {name} when Drydock ended; it is sent again when the board returns",
                deployment.app
            );
            target.status = TargetStatus::Waiting;
            target.detail.clone_from(&sentence);
            target.changed_ms = tx.time_ms;
            sentences.push(sentence);
            tx.target(deployment.id, target).await?;
        }
    }
    Ok(sentences)
}

/// Removes half-written module files of an earlier run.
fn remove_unfinished_modules(store: &Store) {
    let Ok(entries) = std::fs::read_dir(store.modules_dir()) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.extension().is_some_and(|extension| extension == "unfinished") {
            let _ = std::fs::remove_file(path);
        }
    }
}
