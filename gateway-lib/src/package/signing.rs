//! Signing: a manifest gets its version and its sequence, and becomes a package.

use super::{
    Packages, manifest, record,
    sequence::next_sequence,
    sign,
    upload::refused,
    version::{older, plan_version},
};
use crate::{
    domain::{Digest, PackageId, PackageView, VersionPlan},
    error::{StoreError, UploadError, UploadRefusal},
    store::{Model, PackageRecord},
};
use drydock_protocol::{manifest::Manifest, types::Version};
use std::sync::Arc;

/// Whether a manifest is signed that says what a known package says.
pub(crate) enum Signing {
    /// Reuse the known package, unless a board may have had a later one.
    IfChanged,
    /// Sign again: a board that had the app would take the known package for a downgrade.
    Anew,
    /// Sign again: later packages must be undone.
    Rollback(PackageId),
}

impl Packages {
    /// Signs manifests of one module with the next sequences of their app. Without a version, it is derived from the
    /// signed ones.
    pub(super) async fn sign_drafts(
        &self,
        drafts: Vec<Manifest>,
        version: Option<Version>,
        signing: Signing,
    ) -> Result<Vec<PackageView>, UploadError> {
        let mut tx = self.store.begin_durable().await?;
        let mut signed = Vec::with_capacity(drafts.len());
        let mut sequence = None;
        for mut draft in drafts {
            let rollback_of = {
                let model = tx.model();
                let (version, rollback_of) = decide(&model, &draft, version, &signing)?;
                draft.version = version;
                if matches!(signing, Signing::IfChanged)
                    && let Some(known) = reusable(&model, &draft)
                {
                    signed.push(known);
                    continue;
                }
                // The model does not hold what this transaction has signed so far.
                sequence = match sequence {
                    None => next_sequence(&model, &draft.app),
                    Some(last) => u64::checked_add(last, 1),
                };
                rollback_of
            };
            draft.sequence = sequence.ok_or_else(|| no_sequence(&draft.app))?;
            let app = draft.app.clone();
            let record = sign(&self.authority, &draft)
                .and_then(|envelope| record(&envelope, tx.time_ms, rollback_of))
                .ok_or_else(|| too_long(&app))?;
            let record = Arc::new(record);
            let view = record.view.clone();
            tx.package(record).await?;
            let detail = format!("{} {} with sha256 {}", view.app, view.version, view.digest);
            tx.audit("operator", "package.signed", &view.id.0, &detail).await?;
            signed.push(view);
        }
        tx.commit().await?;
        Ok(signed)
    }

    /// Signs a known package's module again, above all sequences so far.
    pub(crate) async fn sign_again(&self, old: &PackageRecord, signing: Signing) -> Result<PackageView, UploadError> {
        let manifest = manifest(old).ok_or_else(|| StoreError::Unreadable {
            what: format!("the manifest of {}", old.view.id),
        })?;
        let version = manifest.version;
        let mut signed = self.sign_drafts(vec![manifest], Some(version), signing).await?;
        Ok(signed.remove(0))
    }
}

/// The version of a draft, and the package that it rolls back to.
fn decide(
    model: &Model,
    draft: &Manifest,
    version: Option<Version>,
    signing: &Signing,
) -> Result<(Version, Option<PackageId>), UploadError> {
    match signing {
        Signing::IfChanged => match plan_version(model, &draft.app, Digest(draft.digest), version) {
            VersionPlan::New { version } => Ok((version, None)),
            VersionPlan::Rollback { version, of } => Ok((version, Some(of))),
            VersionPlan::Older { version, highest, next } => Err(older(&draft.app, version, highest, next)),
        },
        Signing::Anew => Ok((version.unwrap_or(draft.version), None)),
        Signing::Rollback(of) => Ok((version.unwrap_or(draft.version), Some(of.clone()))),
    }
}

/// A known package that equals the draft, if no later package of the app may have reached one of its boards: such a
/// board would take the known one for a downgrade.
fn reusable(model: &Model, draft: &Manifest) -> Option<PackageView> {
    for package in model.versions(&draft.app) {
        if package.view.digest.0 == draft.digest && says_the_same(&manifest(package)?, draft) {
            return Some(package.view.clone());
        }
        if overlap(&package.view.targets, &draft.targets) {
            return None;
        }
    }
    None
}

fn says_the_same(known: &Manifest, draft: &Manifest) -> bool {
    let covers = known.targets.is_empty()
        || (!draft.targets.is_empty() && draft.targets.iter().all(|target| known.targets.contains(target)));
    let alike = Manifest {
        sequence: known.sequence,
        targets: known.targets.clone(),
        ..draft.clone()
    };
    covers && alike == *known
}

/// Whether two lists of boards share one; an empty list is every board.
fn overlap(a: &[String], b: &[String]) -> bool {
    a.is_empty() || b.is_empty() || a.iter().any(|board| b.contains(board))
}

fn no_sequence(app: &str) -> UploadError {
    let sentence = format!("{app} has no sequence number left: give the app another name");
    refused(UploadRefusal::Sequence, sentence)
}

fn too_long(app: &str) -> UploadError {
    let sentence = format!("{app} asks for more than a manifest can say: give it fewer capabilities or targets");
    refused(UploadRefusal::Capability, sentence)
}
