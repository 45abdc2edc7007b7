//! Enrollment: from a token and a certificate request to an identity (EST semantics, RFC 7030, in our messages).

use crate::{
    audit::Audit,
    config::PairingMode,
    domain::{DeviceChange, DeviceState},
    error::StoreError,
    pairing::token_hash,
    pki::{Authority, DeviceCertificate, TrustedDevices, parse_request},
    session::{EndReason, SessionTable},
    store::{DeviceRecord, Model, PairingRecord, Store},
};
use drydock_protocol::{
    device_to_gateway::EnrollRequest,
    gateway_to_device::{EnrollRefusalCode, Enrolled},
};
use std::sync::Arc;

/// Longest id of a board or version of a firmware, in bytes.
const MAX_LABEL_BYTES: usize = 64;
/// Longest chip id, in bytes.
const MAX_CHIP_ID_BYTES: usize = 32;

/// Why an enrollment is refused; sent to the device.
#[derive(Debug)]
pub(crate) struct EnrollmentRefusal {
    pub(crate) code: EnrollRefusalCode,
    pub(crate) detail: String,
}

impl EnrollmentRefusal {
    pub(crate) fn new(code: EnrollRefusalCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }
}

/// Gives devices their identity: pairings and certificates.
pub(crate) struct Enrollment {
    pub(crate) store: Arc<Store>,
    pub(crate) authority: Arc<Authority>,
    pub(crate) trusted: Arc<TrustedDevices>,
    pub(crate) sessions: Arc<SessionTable>,
    pub(crate) audit: Arc<Audit>,
}

impl Enrollment {
    /// Carries out an enrollment; refusals are recorded.
    pub(crate) async fn enroll(&self, request: EnrollRequest, peer: &str) -> Result<Enrolled, EnrollmentRefusal> {
        let device = self
            .store
            .read()
            .pairings
            .get(&token_hash(&request.token))
            .map(|pairing| pairing.device.clone());
        let result = self.try_enroll(request, peer).await;
        if let Err(refused) = &result {
            self.audit.enrollment_refused(device, peer, &refused.detail).await;
        }
        result
    }

    async fn try_enroll(&self, request: EnrollRequest, peer: &str) -> Result<Enrolled, EnrollmentRefusal> {
        let bad = |detail: &str| EnrollmentRefusal::new(EnrollRefusalCode::BadRequest, detail);
        let chip_id = hex::encode(&request.chip_id);
        if request.chip_id.is_empty() || request.chip_id.len() > MAX_CHIP_ID_BYTES {
            return Err(bad("the chip id has no usable length"));
        }
        if !is_label(&request.board) || !is_label(&request.firmware) {
            return Err(bad("the names of board and firmware are no plain words"));
        }
        let (pairing, record) = check_token(&self.store.read(), &request, &chip_id, self.store.unix_ms())?;
        let (key, common_name) = parse_request(&request.csr).map_err(bad)?;
        if common_name != chip_id {
            return Err(bad("the certificate request names another chip"));
        }
        if !pairing.again && record.state == DeviceState::Pending {
            self.begins(record).await.map_err(|error| store_failed(&error))?;
        }
        let issued = self
            .authority
            .issue_device(&pairing.device, &key)
            .map_err(|_| bad("no certificate can be made for this key"))?;

        let failed = |error: StoreError| store_failed(&error);
        let mut tx = self.store.begin_durable().await.map_err(failed)?;
        // Checked again: another connection may have used the token since.
        let (mut pairing, mut record) = check_token(&tx.model(), &request, &chip_id, tx.time_ms)?;
        if pairing.used
            && record
                .certificate
                .as_ref()
                .is_none_or(|(_, known)| *known != issued.key)
        {
            return Err(EnrollmentRefusal::new(
                EnrollRefusalCode::BadToken,
                "the token was used already",
            ));
        }
        pairing.used = true;
        record.state = DeviceState::Enrolled;
        record.board = request.board;
        record.firmware = request.firmware;
        record.chip_id = chip_id;
        record.enrolled_ms = Some(tx.time_ms);
        record.certificate = Some((issued.serial.clone(), issued.key));
        let apps: Vec<String> = record.instances.keys().cloned().collect();
        record.instances.clear();
        let device = record.id.clone();
        for app in apps {
            // A device that enrolls begins without apps.
            tx.remove_instance(&device, &app).await.map_err(failed)?;
        }
        tx.pairing(pairing).await.map_err(failed)?;
        tx.device(record, DeviceChange::Enrolled).await.map_err(failed)?;
        let detail = format!("certificate {} for key {}, over {peer}", issued.serial, issued.key);
        tx.audit("gateway", "device.enrolled", &device.0, &detail)
            .await
            .map_err(failed)?;
        tx.commit().await.map_err(failed)?;
        self.trusted.trust(DeviceCertificate {
            device: device.clone(),
            serial: issued.serial,
            key: issued.key,
        });
        if let Some(session) = self.sessions.get(&device) {
            session.end(EndReason::Revoked);
        }
        Ok(Enrolled {
            device_id: device.0,
            certificate: issued.der.to_vec(),
            intermediate: self.authority.intermediate.to_vec(),
            gateway_pin: self.authority.gateway_pin.0,
            publisher_key: self.authority.publisher_key().to_vec(),
            time_ms: self.store.unix_ms(),
        })
    }

    async fn begins(&self, mut record: DeviceRecord) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        record.state = DeviceState::Enrolling;
        tx.device(record, DeviceChange::Enrolling).await?;
        tx.commit().await
    }
}

/// The pairing of a request's token, and its device. A used token is accepted once more if the same key asks again: the
/// first answer may have been lost on the cable.
fn check_token(
    model: &Model,
    request: &EnrollRequest,
    chip_id: &str,
    now_ms: u64,
) -> Result<(PairingRecord, DeviceRecord), EnrollmentRefusal> {
    use EnrollRefusalCode as Code;
    let known = model.pairings.get(&token_hash(&request.token));
    if model.pairing == PairingMode::Off && known.is_none_or(|pairing| !pairing.own) {
        return Err(EnrollmentRefusal::new(
            Code::PairingOff,
            "pairing is off; switch it on in Drydock",
        ));
    }
    let found = known.and_then(|pairing| Some((pairing, model.devices.get(&pairing.device)?)));
    let Some((pairing, device)) = found else {
        return Err(EnrollmentRefusal::new(
            Code::BadToken,
            "the token is not known; pair the device again",
        ));
    };
    if pairing.used && device.certificate.is_none() {
        return Err(EnrollmentRefusal::new(
            Code::BadToken,
            "the token was used already; pair the device again",
        ));
    }
    if pairing.expires_ms < now_ms {
        return Err(EnrollmentRefusal::new(
            Code::TokenExpired,
            "the token is too old; pair the device again",
        ));
    }
    if !pairing.chip_id.is_empty() && pairing.chip_id != chip_id {
        return Err(EnrollmentRefusal::new(
            Code::BadToken,
            "the token is for another chip; pair this one",
        ));
    }
    if let Some(bound) = model.by_chip(chip_id).filter(|bound| bound.id != pairing.device) {
        let detail = format!("the chip id belongs to {}; release it there first", bound.name);
        return Err(EnrollmentRefusal::new(Code::ChipIdBound, detail));
    }
    Ok((pairing.clone(), device.clone()))
}

fn store_failed(error: &StoreError) -> EnrollmentRefusal {
    EnrollmentRefusal::new(
        EnrollRefusalCode::BadRequest,
        format!("the gateway could not store it: {error}"),
    )
}

/// Printable ASCII of a sensible length: it is shown and stored.
fn is_label(text: &str) -> bool {
    (1..=MAX_LABEL_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}
