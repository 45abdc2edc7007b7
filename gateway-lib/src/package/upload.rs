//! From a module to a signed package: everything is checked before anything is stored.

use super::{
    BoardLimits, Misfit, Packages, Requirements, Signing,
    analysis::{AnalyzedModule, DEFAULT_STACK_BYTES},
    check_fit,
    version::older,
    write_module,
};
use crate::{
    domain::{Digest, ModuleReport, PackageView, UploadOptions, VersionPlan},
    error::{StoreError, UploadError, UploadRefusal},
};
use drydock_protocol::{
    capability::{Capability, PinSet},
    limits::{DEFAULT_CALLBACK_LIMIT_MS, DEFAULT_MEMORY_LIMIT_BYTES, MAX_TARGETS},
    manifest::{AppLimits, MANIFEST_VERSION, Manifest, is_app_name},
    types::Version,
};
use std::{collections::BTreeMap, sync::Arc};

/// The maximum of linear memory for a module whose section names no limit, in bytes: its declared maximum.
fn growth_limit(report: &ModuleReport) -> u32 {
    let limit = u64::from(DEFAULT_MEMORY_LIMIT_BYTES);
    let declared = report.memory_max_bytes.unwrap_or(limit);
    u32::try_from(declared.min(limit)).unwrap_or(DEFAULT_MEMORY_LIMIT_BYTES)
}

/// Packages of one module for several kinds of boards.
pub(crate) struct BoardPackages {
    pub(crate) app: String,
    pub(crate) version: Version,
    pub(crate) digest: Digest,
    /// By id of the board's description: the package, or why the board cannot take the module.
    pub(crate) packages: BTreeMap<String, Result<PackageView, String>>,
}

impl Packages {
    /// Analyses, wraps and signs a module: one package for all targets of the options.
    pub(crate) async fn upload(&self, given: &[u8], options: UploadOptions) -> Result<PackageView, UploadError> {
        let (app, analyzed) = self.app_of(given, &options)?;
        let draft = self.draft(app, &analyzed, &options, &options.targets)?;
        self.keep_module(&analyzed, given).await?;
        let version = options.version.or(analyzed.section.version);
        let mut signed = self.sign_drafts(vec![draft], version, Signing::IfChanged).await?;
        Ok(signed.remove(0))
    }

    /// Analyses, wraps and signs a module for several kinds of boards: one package for each set of grants, so that every
    /// kind of board gets its own LEDs and one that cannot take the module does not stop the others.
    pub(crate) async fn upload_for_each(
        &self,
        given: &[u8],
        options: &UploadOptions,
        boards: &[String],
    ) -> Result<BoardPackages, UploadError> {
        let (app, analyzed) = self.app_of(given, options)?;
        let version = options.version.or(analyzed.section.version);
        let mut drafts: Vec<Manifest> = Vec::new();
        let mut drafted = BTreeMap::new();
        for board in boards {
            if drafted.contains_key(board) {
                continue;
            }
            let draft = self.draft(app.clone(), &analyzed, options, std::slice::from_ref(board));
            let draft = match draft {
                Ok(draft) => Ok(add_draft(&mut drafts, draft)),
                Err(UploadError::Refused { sentence, .. }) => Err(sentence),
                Err(error) => return Err(error),
            };
            drafted.insert(board.clone(), draft);
        }
        let version = match self.plan_version(&app, analyzed.report.digest, version) {
            VersionPlan::New { version } | VersionPlan::Rollback { version, .. } => version,
            VersionPlan::Older { version, highest, next } => return Err(older(&app, version, highest, next)),
        };
        let mut signed = Vec::new();
        if !drafts.is_empty() {
            self.keep_module(&analyzed, given).await?;
            signed = self.sign_drafts(drafts, Some(version), Signing::IfChanged).await?;
        }
        let packages = drafted.into_iter();
        Ok(BoardPackages {
            app,
            version,
            digest: analyzed.report.digest,
            packages: packages
                .map(|(board, draft)| (board, draft.map(|index| signed[index].clone())))
                .collect(),
        })
    }

    /// The analysis of a module that can be an app, and the app's name.
    fn app_of(&self, given: &[u8], options: &UploadOptions) -> Result<(String, Arc<AnalyzedModule>), UploadError> {
        let analyzed = self.analyses.of(given).map_err(|reason| {
            let app = options.name.as_deref().unwrap_or("this file");
            refused(UploadRefusal::NotWasm, format!("{app} cannot be an app: {reason}"))
        })?;
        let app = app_name(&analyzed, options)?;
        check_problems(&app, &analyzed)?;
        Ok((app, analyzed))
    }

    /// Stores the module, and beside it the original with names and debug information, if it had any.
    async fn keep_module(&self, analyzed: &AnalyzedModule, given: &[u8]) -> Result<(), StoreError> {
        let original = (analyzed.module.len() != given.len() && !analyzed.report.from_text).then(|| given.to_vec());
        write_module(&self.store, analyzed.report.digest, analyzed.module.clone(), original).await
    }

    /// The manifest for some kinds of boards, without version and sequence. An empty list of boards means any board.
    fn draft(
        &self,
        app: String,
        analyzed: &AnalyzedModule,
        options: &UploadOptions,
        targets: &[String],
    ) -> Result<Manifest, UploadError> {
        let boards = targets.iter().map(|id| {
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
            .unwrap_or_else(|| growth_limit(&analyzed.report))
            .max(analyzed.report.memory_bytes);
        // A raised limit also adds to the app's heap.
        let raised = options.memory_bytes.unwrap_or(0).saturating_sub(memory_bytes);
        let memory_bytes = memory_bytes + raised;
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
                heap_bytes: analyzed.report.heap_bytes.saturating_add(raised),
                callback_ms: options
                    .callback_ms
                    .or(section.limits.callback_ms)
                    .unwrap_or(DEFAULT_CALLBACK_LIMIT_MS),
                fuel: None,
            },
            capabilities,
            targets: targets.to_vec(),
        };
        manifest.check().map_err(|error| {
            refused(
                UploadRefusal::Capability,
                format!("{} cannot be a package: {error}", manifest.app),
            )
        })?;
        // Without targets, capabilities that no firmware offers are refused all the same.
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

/// Adds the draft for one more board; boards with the same grants share a package. Returns the draft's index.
fn add_draft(drafts: &mut Vec<Manifest>, draft: Manifest) -> usize {
    let same = drafts.iter().position(|known| {
        let alike = Manifest {
            targets: known.targets.clone(),
            ..draft.clone()
        };
        alike == *known && known.targets.len() < MAX_TARGETS
    });
    match same {
        Some(index) => {
            drafts[index].targets.extend(draft.targets);
            index
        }
        None => {
            drafts.push(draft);
            drafts.len() - 1
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

pub(super) fn refused(kind: UploadRefusal, sentence: String) -> UploadError {
    UploadError::Refused { kind, sentence }
}
