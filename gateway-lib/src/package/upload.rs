//! From a module to a signed package: everything is checked before anything is stored.

use super::{
    BoardLimits, Packages,
    analysis::{AnalyzedModule, DEFAULT_STACK_BYTES},
    check_fit,
    fit::{Misfit, Requirements},
    manifest, record, sign, write_module,
};
use crate::{
    domain::{ModuleReport, PackageId, PackageView, UploadOptions},
    error::{UploadError, UploadRefusal},
    store::{Model, PackageRecord},
};
use drydock_protocol::{
    capability::{Capability, PinSet},
    limits::DEFAULT_CALLBACK_LIMIT_MS,
    manifest::{AppLimits, MANIFEST_VERSION, Manifest, is_app_name},
    types::Version,
};
use std::sync::Arc;

/// Whether a manifest is signed that says what a known package says.
pub(crate) enum Signing {
    /// No: the known one serves.
    IfChanged,
    /// Yes: a board that had it would take it for a downgrade.
    Anew,
    /// Yes: what was there after it is to be undone.
    Rollback(PackageId),
}

impl Signing {
    fn rollback_of(self) -> Option<PackageId> {
        match self {
            Self::Rollback(package) => Some(package),
            Self::IfChanged | Self::Anew => None,
        }
    }
}

impl Packages {
    pub(crate) async fn upload(&self, given: &[u8], options: UploadOptions) -> Result<PackageView, UploadError> {
        let analyzed = self.analyses.of(given).map_err(|reason| {
            let app = options.name.as_deref().unwrap_or("this file");
            refused(UploadRefusal::NotWasm, format!("{app} cannot be an app: {reason}"))
        })?;
        let app = app_name(&analyzed, &options)?;
        check_problems(&app, &analyzed)?;
        let draft = self.draft(app, &analyzed, &options)?;
        let original = (analyzed.module.len() != given.len() && !analyzed.report.from_text).then(|| given.to_vec());
        let module = analyzed.module.clone();
        write_module(&self.store, analyzed.report.digest, module, original).await?;
        self.sign_draft(draft, options.version.or(analyzed.section.version), Signing::IfChanged)
            .await
    }

    /// Signs a manifest with the next sequence of its app; version none: follows the latest.
    async fn sign_draft(
        &self,
        mut draft: Manifest,
        version: Option<Version>,
        signing: Signing,
    ) -> Result<PackageView, UploadError> {
        let mut tx = self.store.begin().await?;
        let (sequence, decided) = {
            let model = tx.model();
            if matches!(signing, Signing::IfChanged)
                && let Some(known) = same_package(&model, &draft, version)
            {
                return Ok(known);
            }
            let signed = model.versions(&draft.app).first().map(|latest| latest.view.sequence);
            // A board may have had packages that this store does not know: it was restored from a backup.
            let on_boards = model
                .devices
                .values()
                .filter_map(|device| device.instances.get(&draft.app));
            let reported = on_boards.map(|instance| instance.sequence).max();
            let sequence = signed.max(reported).map_or(1, |latest| latest + 1);
            (
                sequence,
                decide_version(&model, &draft, version, !matches!(signing, Signing::IfChanged))?,
            )
        };
        (draft.sequence, draft.version) = (sequence, decided);
        let app = draft.app.clone();
        let record = sign(&self.authority, &draft)
            .and_then(|envelope| record(&envelope, tx.time_ms, signing.rollback_of()))
            .ok_or_else(|| {
                let sentence =
                    format!("{app} asks for more than a manifest can say: give it fewer capabilities or targets");
                refused(UploadRefusal::Capability, sentence)
            })?;
        let record = Arc::new(record);
        let view = record.view.clone();
        tx.package(record).await?;
        let detail = format!("{} {} with sha256 {}", view.app, view.version, view.digest);
        tx.audit("operator", "package.signed", &view.id.0, &detail).await?;
        tx.commit().await?;
        Ok(view)
    }

    /// Signs a known package's module again, above all sequences so far.
    pub(crate) async fn sign_again(&self, old: &PackageRecord, signing: Signing) -> Result<PackageView, UploadError> {
        let manifest = manifest(old).ok_or_else(|| crate::error::StoreError::Unreadable {
            what: format!("the manifest of {}", old.view.id),
        })?;
        let version = manifest.version;
        self.sign_draft(manifest, Some(version), signing).await
    }

    fn draft(&self, app: String, analyzed: &AnalyzedModule, options: &UploadOptions) -> Result<Manifest, UploadError> {
        let boards = options.targets.iter().map(|id| {
            self.boards.iter().find(|board| board.id == *id).ok_or_else(|| {
                let sentence =
                    format!("{app} is meant for {id}, which is no board that is known here: see drydock boards");
                refused(UploadRefusal::UnknownBoard, sentence)
            })
        });
        let boards = boards.collect::<Result<Vec<_>, _>>()?;
        let led_pins = boards.iter().fold(PinSet::default(), |pins, board| {
            PinSet(pins.0 | PinSet::of(&board.led_pins).0)
        });
        let capabilities = capabilities(analyzed, options, led_pins);
        let section = &analyzed.section;
        let memory_bytes = section
            .limits
            .memory_bytes
            .unwrap_or(0)
            .max(analyzed.report.memory_bytes);
        let manifest = Manifest {
            manifest_version: MANIFEST_VERSION,
            app,
            version: Version::default(),
            sequence: 1,
            digest: analyzed.report.digest.0,
            size: analyzed.report.size_bytes,
            entry: analyzed.entry,
            limits: AppLimits {
                memory_bytes,
                stack_bytes: section.limits.stack_bytes.unwrap_or(DEFAULT_STACK_BYTES),
                heap_bytes: analyzed.report.heap_bytes,
                callback_ms: options
                    .callback_ms
                    .or(section.limits.callback_ms)
                    .unwrap_or(DEFAULT_CALLBACK_LIMIT_MS),
                fuel: None,
            },
            capabilities,
            targets: options.targets.clone(),
        };
        manifest.check().map_err(|error| {
            refused(
                UploadRefusal::Capability,
                format!("{} cannot be a package: {error}", manifest.app),
            )
        })?;
        // Without targets, what no firmware offers is refused all the same.
        let anywhere = BoardLimits {
            name: "boards".to_owned(),
            ..BoardLimits::default()
        };
        let mut limits: Vec<_> = boards.into_iter().map(BoardLimits::of_spec).collect();
        if limits.is_empty() {
            limits.push(anywhere);
        }
        for board in &limits {
            let requirements =
                Requirements::of_manifest(&manifest, if board.id.is_empty() { &[] } else { &manifest.targets });
            check_fit(board, &requirements).map_err(|Misfit { kind, sentence }| refused(kind, sentence))?;
        }
        Ok(manifest)
    }
}

impl<'a> Requirements<'a> {
    pub(crate) fn of_manifest(manifest: &'a Manifest, targets: &'a [String]) -> Self {
        Self {
            app: &manifest.app,
            size_bytes: manifest.size,
            memory_bytes: manifest.limits.memory_bytes,
            heap_bytes: manifest.limits.heap_bytes,
            capabilities: &manifest.capabilities,
            targets,
        }
    }

    pub(crate) fn of_report(report: &'a ModuleReport, app: &'a str) -> Self {
        Self {
            app,
            size_bytes: report.size_bytes,
            memory_bytes: report.memory_bytes,
            heap_bytes: report.heap_bytes,
            capabilities: &report.requested,
            targets: &[],
        }
    }
}

fn app_name(analyzed: &AnalyzedModule, options: &UploadOptions) -> Result<String, UploadError> {
    let name = options.name.clone().or_else(|| analyzed.section.name.clone());
    let name = name.ok_or_else(|| {
        let sentence = "The module does not say how it is called: give the app a name".to_owned();
        refused(UploadRefusal::Name, sentence)
    })?;
    if is_app_name(&name) {
        return Ok(name);
    }
    let sentence = format!(
        "{name:?} cannot be the name of an app: use up to 32 lower-case letters, digits and inner hyphens, such as blink-2"
    );
    Err(refused(UploadRefusal::Name, sentence))
}

fn check_problems(app: &str, analyzed: &AnalyzedModule) -> Result<(), UploadError> {
    let Some((kind, problem)) = analyzed.first_problem.zip(analyzed.report.problems.first()) else {
        return Ok(());
    };
    Err(refused(kind, format!("{app} cannot run on any board: {problem}")))
}

fn capabilities(analyzed: &AnalyzedModule, options: &UploadOptions, led_pins: PinSet) -> Vec<Capability> {
    let mut granted = analyzed.section.capabilities.clone().unwrap_or_else(|| {
        let mut every_app = vec![Capability::Log, Capability::Metrics, Capability::Timer];
        if led_pins != PinSet::default() {
            every_app.push(Capability::Gpio(led_pins));
        }
        every_app
    });
    granted.extend(options.grants.iter().cloned());
    let mut pins = PinSet::default();
    granted.retain(|capability| match capability {
        Capability::Gpio(more) => {
            pins.0 |= more.0;
            false
        }
        _ => true,
    });
    if pins != PinSet::default() {
        granted.push(Capability::Gpio(pins));
    }
    granted.sort();
    granted.dedup();
    granted
}

/// The latest package of the app, if it says just what this one would.
fn same_package(model: &Model, draft: &Manifest, version: Option<Version>) -> Option<PackageView> {
    let latest = *model.versions(&draft.app).first()?;
    let known = manifest(latest)?;
    let version = version.unwrap_or(known.version);
    let mut wanted = draft.clone();
    (wanted.sequence, wanted.version) = (known.sequence, version);
    (wanted == known).then(|| latest.view.clone())
}

fn decide_version(
    model: &Model,
    draft: &Manifest,
    version: Option<Version>,
    rollback: bool,
) -> Result<Version, UploadError> {
    let versions = model.versions(&draft.app);
    let highest = versions
        .iter()
        .filter_map(|package| package.view.version.parse::<Version>().ok())
        .max();
    let same_module = versions.iter().find(|package| package.view.digest.0 == draft.digest);
    match (version, highest) {
        (Some(version), Some(highest)) if version < highest && !rollback => {
            let sentence = format!(
                "{} {version} is older than {highest}, which is signed already: give it a higher version",
                draft.app
            );
            Err(refused(UploadRefusal::Version, sentence))
        }
        (Some(version), _) => Ok(version),
        (None, None) => Ok(Version {
            major: 0,
            minor: 1,
            patch: 0,
        }),
        (None, Some(highest)) => Ok(same_module
            .and_then(|package| package.view.version.parse().ok())
            .filter(|version| *version == highest)
            .unwrap_or(Version {
                patch: highest.patch.saturating_add(1),
                ..highest
            })),
    }
}

pub(super) fn refused(kind: UploadRefusal, sentence: String) -> UploadError {
    UploadError::Refused { kind, sentence }
}
