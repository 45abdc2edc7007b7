//! Packages as a publisher makes them.

use crate::gateway::Gateway;
use drydock_protocol::{
    capability::{Capability, PinSet},
    device_to_gateway::{Refusal, Reply},
    envelope::Kind,
    gateway_to_device::{PackageBegin, PackageChunk, PackageCommit},
    limits::CHUNK_BYTES,
    manifest::{AppLimits, EntryPoints, MANIFEST_VERSION, Manifest},
    package::{seal, sig_structure},
    types::Version,
};
use p256::ecdsa::{Signature, SigningKey, signature::Signer as _};
use sha2::{Digest as _, Sha256};

/// A manifest of `app` that fits `module` and asks for the usual capabilities.
pub fn manifest(app: &str, sequence: u64, module: &[u8]) -> Manifest {
    Manifest {
        manifest_version: MANIFEST_VERSION,
        app: app.into(),
        version: Version {
            major: 1,
            minor: 0,
            patch: sequence as u16,
        },
        sequence,
        digest: Sha256::digest(module).into(),
        size: module.len() as u32,
        entry: EntryPoints {
            start: true,
            init: true,
            tick: true,
            on_message: false,
        },
        limits: AppLimits {
            memory_bytes: 8192,
            stack_bytes: 2048,
            heap_bytes: 16 * 1024,
            callback_ms: 500,
            fuel: None,
        },
        capabilities: vec![
            Capability::Log,
            Capability::Metrics,
            Capability::Timer,
            Capability::Gpio(PinSet::of(&[13])),
        ],
        targets: vec![],
    }
}

/// The manifest's signed envelope (COSE_Sign1).
pub fn sign(manifest: &Manifest, key: &SigningKey) -> Vec<u8> {
    let payload = manifest.to_bytes();
    let signature: Signature = key.sign(&sig_structure(&payload));
    seal(&payload, &signature.to_bytes().into()).expect("an envelope")
}

/// A board in a session with a gateway.
pub trait InSession {
    /// The gateway.
    fn gateway(&self) -> &Gateway;

    /// Sends a request and waits for its answer.
    fn ask<T: minicbor::Encode<()>>(&mut self, kind: Kind, request: &T) -> Reply;
}

/// Transfers and commits a package; the first refusal ends it.
///
/// # Errors
/// The board's refusal.
pub fn deploy(world: &mut impl InSession, manifest: &Manifest, module: &[u8]) -> Result<(), Refusal> {
    let envelope = sign(manifest, &world.gateway().publisher);
    deploy_envelope(world, envelope, module)
}

/// As [`deploy`], with a signed manifest that may be invalid.
///
/// # Errors
/// The board's refusal.
pub fn deploy_envelope(world: &mut impl InSession, envelope: Vec<u8>, module: &[u8]) -> Result<(), Refusal> {
    transfer(world, envelope, module)?;
    commit(world, true)
}

/// Transfers a package without committing it.
///
/// # Errors
/// The board's refusal.
pub fn transfer(world: &mut impl InSession, envelope: Vec<u8>, module: &[u8]) -> Result<(), Refusal> {
    expect_done(world.ask(Kind::PackageBegin, &PackageBegin { envelope }))?;
    for (index, data) in module.chunks(CHUNK_BYTES).enumerate() {
        let offset = (index * CHUNK_BYTES) as u32;
        match world.ask(Kind::PackageChunk, &PackageChunk { offset, data }) {
            Reply::ChunkTaken(next) => assert_eq!(next, offset + data.len() as u32),
            Reply::Refused(refusal) => return Err(refusal),
            Reply::Done => panic!("a chunk is answered by an offset"),
        }
    }
    Ok(())
}

/// Commits the package that was transferred.
///
/// # Errors
/// The board's refusal.
pub fn commit(world: &mut impl InSession, start: bool) -> Result<(), Refusal> {
    expect_done(world.ask(Kind::PackageCommit, &PackageCommit { start }))
}

fn expect_done(reply: Reply) -> Result<(), Refusal> {
    match reply {
        Reply::Done => Ok(()),
        Reply::Refused(refusal) => Err(refusal),
        Reply::ChunkTaken(_) => panic!("no chunk was sent"),
    }
}

/// The module that this text describes.
pub fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("valid text")
}
