//! Packages: what a module is found to be, whether it fits, how it is signed and kept.

mod analysis;
mod fit;
mod module_file;
mod upload;

pub(crate) use analysis::{analyze, prepare};
pub(crate) use fit::{BoardLimits, Misfit, Requirements, check_fit};
pub(crate) use module_file::{read_module, write_module};
pub(crate) use upload::Signing;

use crate::{
    domain::{Digest, PackageId, PackageView},
    pki::Authority,
    store::PackageRecord,
};
use drydock_protocol::{manifest::Manifest, package};

/// The package of an envelope that was signed here before.
pub(crate) fn record(envelope: &[u8], signed_ms: u64, rollback_of: Option<PackageId>) -> Option<PackageRecord> {
    let manifest = package::parse(envelope).ok()?.manifest().ok()?;
    let view = PackageView {
        id: PackageId::new(&manifest.app, manifest.sequence),
        version: manifest.version.to_string(),
        sequence: manifest.sequence,
        digest: Digest(manifest.digest),
        size_bytes: manifest.size,
        memory_bytes: manifest.limits.memory_bytes,
        stack_bytes: manifest.limits.stack_bytes,
        heap_bytes: manifest.limits.heap_bytes,
        callback_ms: manifest.limits.callback_ms,
        capabilities: manifest.capabilities.iter().map(ToString::to_string).collect(),
        app: manifest.app,
        targets: manifest.targets,
        signed_ms,
        rollback_of,
    };
    let envelope = envelope.to_vec();
    Some(PackageRecord { view, envelope })
}

/// The COSE_Sign1 of a manifest by this gateway's publisher; none if it is too long or no device would accept it.
pub(crate) fn sign(authority: &Authority, manifest: &Manifest) -> Option<Vec<u8>> {
    manifest.check().ok()?;
    let payload = manifest.to_bytes();
    let signature = authority.sign_as_publisher(&package::sig_structure(&payload)).ok()?;
    let signature = signature.as_slice().try_into().ok()?;
    package::seal(&payload, signature).ok()
}

/// The manifest that a package was signed with.
pub(crate) fn manifest(record: &PackageRecord) -> Option<Manifest> {
    package::parse(&record.envelope).ok()?.manifest().ok()
}
