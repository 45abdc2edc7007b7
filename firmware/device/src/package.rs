//! Checks a package's signed manifest: by the publisher of the enrollment, and for this board.

use crate::{board::BoardInfo, curve::PublicKey};
use alloc::format;
use drydock_protocol::{
    capability::Capability,
    device_to_gateway::{Refusal, RefusalCode},
    manifest::Manifest,
    package::{self, SignedManifest},
};

/// The manifest, if its signature is valid.
///
/// # Errors
/// [`RefusalCode::BadSignature`] or [`RefusalCode::Malformed`].
pub fn verify(signed: &SignedManifest<'_>, publisher_key: &[u8]) -> Result<Manifest, Refusal> {
    let bad = || {
        Refusal::new(
            RefusalCode::BadSignature,
            "the signature is not of this device's publisher",
        )
    };
    let key = PublicKey::from_sec1(publisher_key).ok_or_else(bad)?;
    if !key.verify(&signed.sig_structure(), signed.signature) {
        return Err(bad());
    }
    signed
        .manifest()
        .map_err(|error| Refusal::new(RefusalCode::Malformed, &format!("{error}")))
}

/// The manifest of an envelope that was verified when it was stored. `None` if it is damaged.
pub fn trusted(envelope: &[u8]) -> Option<Manifest> {
    package::parse(envelope).ok()?.manifest().ok()
}

/// Whether this board satisfies the manifest.
///
/// # Errors
/// [`RefusalCode::WrongTarget`] or [`RefusalCode::Capability`].
pub fn check_fits(manifest: &Manifest, board: &BoardInfo) -> Result<(), Refusal> {
    if !manifest.targets.is_empty() && !manifest.targets.iter().any(|target| target == board.name) {
        let detail = format!(
            "the package is for {}, this is {}",
            manifest.targets.join(", "),
            board.name
        );
        return Err(Refusal::new(RefusalCode::WrongTarget, &detail));
    }
    for capability in &manifest.capabilities {
        let missing = match capability {
            Capability::Gpio(pins) => pins.iter().any(|pin| !board.app_pins.contains(pin.into())),
            Capability::Kv(_) | Capability::Publish(_) => true,
            Capability::Log | Capability::Metrics | Capability::Timer | Capability::Random => false,
        };
        if missing {
            let detail = format!("this board does not offer {capability}");
            return Err(Refusal::new(RefusalCode::Capability, &detail));
        }
    }
    Ok(())
}
