//! Pairing: one-time tokens, each for one device that is pending until it enrolls.

use crate::{
    config::PairingMode,
    domain::{DeviceChange, DeviceId, DeviceState, Digest},
    enrollment::Enrollment,
    error::{DeviceError, PairingError, StoreError},
    gateway::Pairing,
    store::{DeviceRecord, Model, PairingRecord, Transaction},
};
use ring::digest::{SHA256, digest};
use std::time::Duration;

/// Longest name of a device, in bytes.
const MAX_NAME_BYTES: usize = 64;

impl Enrollment {
    pub(crate) async fn set_pairing(&self, mode: PairingMode) -> Result<(), StoreError> {
        let mut tx = self.store.begin_durable().await?;
        if tx.model().pairing == mode {
            return Ok(());
        }
        tx.mode(mode).await?;
        let detail = match mode {
            PairingMode::On => "devices may enroll",
            PairingMode::Off => "no device may enroll",
        };
        tx.audit("operator", "pairing.switched", "", detail).await?;
        tx.commit().await
    }

    pub(crate) async fn create_pairing(
        &self,
        ttl: Duration,
        chip_id: Option<Vec<u8>>,
        name: Option<String>,
        own: bool,
    ) -> Result<Pairing, PairingError> {
        let chip_id = chip_id.map(hex::encode).unwrap_or_default();
        let device = DeviceId(format!("dev-{}", hex::encode(crate::random::bytes::<8>())));
        let mut tx = self.store.begin_durable().await?;
        let name = {
            let model = tx.model();
            if model.pairing == PairingMode::Off && !own {
                return Err(PairingError::Off);
            }
            if let Some(bound) = model.by_chip(&chip_id).filter(|bound| bound.certificate.is_some()) {
                let name = bound.name.clone();
                return Err(PairingError::ChipIdBound { chip_id, name });
            }
            match name {
                Some(name) => check_name(&model, &name, None).map_err(|reason| PairingError::Name { reason })?,
                None => free_name(&model),
            }
        };
        // An unused pairing for the same chip is replaced by the new one.
        let stale = tx.model().by_chip(&chip_id).cloned();
        if let Some(stale) = stale {
            tx.drop_pairings_of(&stale.id).await?;
            tx.drop_desired(&stale, "the device was paired anew").await?;
            tx.forget_device(stale.id).await?;
        }
        tx.device(
            DeviceRecord::pending(device.clone(), name, chip_id.clone()),
            DeviceChange::Paired,
        )
        .await?;
        let pairing = self.pairing(device, tx.time_ms, ttl);
        tx.pairing(record(&pairing, chip_id, false, own)).await?;
        tx.audit("operator", "pairing.created", &pairing.device.0, "for a new device")
            .await?;
        tx.commit().await?;
        Ok(pairing)
    }

    pub(crate) async fn create_pairing_for(
        &self,
        device: &DeviceId,
        ttl: Duration,
        own: bool,
    ) -> Result<Pairing, PairingError> {
        let mut tx = self.store.begin_durable().await?;
        let chip_id = {
            let model = tx.model();
            if model.pairing == PairingMode::Off && !own {
                return Err(PairingError::Off);
            }
            known(&model, device)?.chip_id.clone()
        };
        tx.drop_pairings_of(device).await?;
        let pairing = self.pairing(device.clone(), tx.time_ms, ttl);
        tx.pairing(record(&pairing, chip_id, true, own)).await?;
        tx.audit(
            "operator",
            "pairing.created",
            &device.0,
            "for a new certificate of a known device",
        )
        .await?;
        tx.commit().await?;
        Ok(pairing)
    }

    /// Drops expired tokens, and devices that never used theirs.
    pub(crate) async fn forget_expired_pairings(&self) -> Result<(), StoreError> {
        let now = self.store.unix_ms();
        // Checked without the writer first: usually there is nothing to do.
        if !self
            .store
            .read()
            .pairings
            .values()
            .any(|pairing| pairing.expires_ms < now)
        {
            return Ok(());
        }
        let mut tx = self.store.begin().await?;
        let expired: Vec<PairingRecord> = {
            let model = tx.model();
            model
                .pairings
                .values()
                .filter(|pairing| pairing.expires_ms < now)
                .cloned()
                .collect()
        };
        for pairing in expired {
            tx.remove_pairing(pairing.token_hash).await?;
            let unused = tx.model().devices.get(&pairing.device).is_some_and(|device| {
                device.certificate.is_none() && matches!(device.state, DeviceState::Pending | DeviceState::Enrolling)
            });
            if unused && !pairing.again {
                let record = tx.model().devices.get(&pairing.device).cloned();
                if let Some(record) = record {
                    tx.drop_desired(&record, "the device did not enroll in time").await?;
                }
                tx.audit(
                    "gateway",
                    "pairing.expired",
                    &pairing.device.0,
                    "the device did not enroll in time",
                )
                .await?;
                tx.forget_device(pairing.device).await?;
            }
        }
        tx.commit().await
    }

    fn pairing(&self, device: DeviceId, now_ms: u64, ttl: Duration) -> Pairing {
        Pairing {
            device,
            anchor_der: self.authority.root.to_vec(),
            token: crate::random::bytes::<16>().to_vec(),
            gateway_name: self.authority.gateway_name(),
            expires_ms: now_ms.saturating_add(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

impl Transaction<'_> {
    /// Drops the unused tokens of a device.
    pub(crate) async fn drop_pairings_of(&mut self, device: &DeviceId) -> Result<(), StoreError> {
        let tokens: Vec<Digest> = {
            let model = self.model();
            let of_device = model.pairings.values().filter(|pairing| pairing.device == *device);
            of_device.map(|pairing| pairing.token_hash).collect()
        };
        for token in tokens {
            self.remove_pairing(token).await?;
        }
        Ok(())
    }
}

/// The store knows tokens by their hash alone.
pub(crate) fn token_hash(token: &[u8]) -> Digest {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token).as_ref());
    Digest(hash)
}

/// A device that is in service.
pub(crate) fn known<'a>(model: &'a Model, device: &DeviceId) -> Result<&'a DeviceRecord, DeviceError> {
    let record = model
        .devices
        .get(device)
        .ok_or_else(|| DeviceError::Unknown { device: device.clone() })?;
    if record.state == DeviceState::Retired {
        return Err(DeviceError::Retired {
            name: record.name.clone(),
        });
    }
    Ok(record)
}

/// Checks whether a name can be given to a new device or to this one; the error is one sentence.
pub(crate) fn check_name(model: &Model, name: &str, for_device: Option<&DeviceId>) -> Result<String, String> {
    let name = name.trim();
    if name.is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
        return Err(format!(
            "{name:?} cannot be the name of a device: use 1 to {MAX_NAME_BYTES} characters"
        ));
    }
    match model.by_name(name) {
        Some(other) if Some(&other.id) != for_device => {
            Err(format!("there is a device called {name} already; choose another name"))
        }
        _ => Ok(name.to_owned()),
    }
}

fn free_name(model: &Model) -> String {
    let mut names = (1u32..).map(|number| format!("device-{number}"));
    names.find(|name| model.by_name(name).is_none()).unwrap_or_default()
}

fn record(pairing: &Pairing, chip_id: String, again: bool, own: bool) -> PairingRecord {
    PairingRecord {
        token_hash: token_hash(&pairing.token),
        device: pairing.device.clone(),
        chip_id,
        expires_ms: pairing.expires_ms,
        used: false,
        again,
        own,
    }
}
