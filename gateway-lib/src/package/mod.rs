//! Packages: analysing a module, checking whether it fits, signing and storing it.

mod analyses;
mod analysis;
mod fit;
mod foreign_file;
mod module_file;
mod scan;
mod sequence;
mod signing;
mod toolchain;
mod upload;
mod version;

pub(crate) use fit::{BoardLimits, Misfit, Requirements, check_fit};
pub(crate) use module_file::read_module;
use module_file::write_module;
pub(crate) use sequence::is_absurd;
pub(crate) use signing::Signing;
pub(crate) use upload::BoardPackages;

use crate::{
    config::BoardSpec,
    domain::{DeviceId, Digest, ModuleReport, PackageId, PackageView},
    error::NotAModule,
    pki::Authority,
    store::{DeviceRecord, Model, PackageRecord, Store},
};
use analyses::Analyses;
use drydock_protocol::{capability::PinSet, manifest::Manifest, package};
use std::sync::Arc;

/// Analyses modules, signs packages and keeps them.
pub(crate) struct Packages {
    store: Arc<Store>,
    authority: Arc<Authority>,
    /// Kinds of boards that packages are checked against.
    boards: Vec<BoardSpec>,
    analyses: Analyses,
}

impl Packages {
    pub(crate) fn new(
        store: Arc<Store>,
        authority: Arc<Authority>,
        boards: Vec<BoardSpec>,
        max_module_bytes: usize,
    ) -> Self {
        Self {
            store,
            authority,
            boards,
            analyses: Analyses::new(max_module_bytes),
        }
    }

    /// Analyses a module. The analysis is kept for the upload that usually follows.
    pub(crate) fn analyze(&self, module: &[u8]) -> Result<ModuleReport, NotAModule> {
        let analyzed = self.analyses.of(module).map_err(|reason| NotAModule { reason })?;
        Ok(analyzed.report.clone())
    }

    /// All packages, by app and sequence.
    pub(crate) fn all(&self) -> Vec<PackageView> {
        packages_of(&self.store.read())
    }

    /// Packages of one app, latest first.
    pub(crate) fn versions(&self, app: &str) -> Vec<PackageView> {
        let model = self.store.read();
        let versions = model.versions(app).into_iter();
        versions.map(|package| package.view.clone()).collect()
    }

    /// Why a module does not fit a board or an enrolled device, in one sentence. `None` if it fits, or if the board is
    /// unknown.
    pub(crate) fn misfit(
        &self,
        report: &ModuleReport,
        app: &str,
        board: &str,
        device: Option<&DeviceId>,
    ) -> Option<String> {
        let model = self.store.read();
        let record = device.and_then(|device| model.devices.get(device));
        let limits = match record {
            Some(record) if !record.board.is_empty() => self.board_limits(record),
            pending => {
                let mut limits = BoardLimits::of_spec(self.board(board)?);
                if let Some(pending) = pending {
                    limits.name.clone_from(&pending.name);
                }
                limits
            }
        };
        let fit = check_fit(&limits, &Requirements::of_report(report, app));
        fit.err().map(|misfit| misfit.sentence)
    }

    /// Limits of the board of a device.
    pub(crate) fn board_limits(&self, record: &DeviceRecord) -> BoardLimits {
        let spec = self.board(&record.board);
        BoardLimits {
            name: record.name.clone(),
            id: record.board.clone(),
            heap_bytes: record.heap_bytes.or(spec.map(|spec| spec.heap_bytes)),
            store_bytes: record.store_bytes.or(spec.map(|spec| spec.store_bytes)),
            pins: spec.map(|spec| PinSet::of(&spec.pins)),
        }
    }

    fn board(&self, id: &str) -> Option<&BoardSpec> {
        self.boards.iter().find(|board| board.id == id)
    }
}

/// All packages of a model, by app and sequence.
pub(crate) fn packages_of(model: &Model) -> Vec<PackageView> {
    let mut packages: Vec<_> = model.packages.values().map(|package| package.view.clone()).collect();
    packages.sort_by(|a, b| (&a.app, a.sequence).cmp(&(&b.app, b.sequence)));
    packages
}

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

/// The COSE_Sign1 of a manifest by this gateway's publisher. `None` if the manifest is too long or invalid.
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
