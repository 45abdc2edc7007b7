//! Apps on boards: analysing a file, checking where it could run, deploying and removing apps.

use crate::{
    api::{
        ApiError, AppDeploy, AppPreview, AppPreviewRequest, AppRef, AppSource, Deployment, Empty, ErrorCode, Sample,
        Verdict, VersionPlan,
    },
    errors::{usage, with_sources},
    fleet::FleetBoard,
    own_firmware,
    state::WorkbenchState,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use drydock_assets::Board as Description;
use drydock_gateway::{
    self as gateway, DeployError, DeployTarget, ModuleDeployment, ModuleReport, UploadError, UploadOptions,
};
use drydock_protocol::{
    capability::{Capability, PinSet},
    limits::MAX_APP_NAME_BYTES,
    types::Version,
};
use std::{path::Path, sync::Arc};

/// Largest file that is read, in bytes; the limits of boards are far below.
const MAX_FILE_BYTES: u64 = 8 << 20;

/// A module and the name that its file suggests.
struct Module {
    file: String,
    bytes: Vec<u8>,
}

/// The apps that come with Drydock.
pub(crate) fn samples() -> Vec<Sample> {
    let sample = |app: &drydock_embedded::App| Sample {
        name: app.name.into(),
        size_bytes: u32::try_from(app.wasm.len()).unwrap_or(u32::MAX),
    };
    drydock_embedded::apps().iter().map(sample).collect()
}

/// Says what a file is and where it could run; stores nothing. [`deploy`] does what it says.
pub(crate) async fn preview(workbench: &WorkbenchState, request: AppPreviewRequest) -> Result<AppPreview, ApiError> {
    let module = read(request.source).await?;
    let boards = boards(workbench, &request.boards)?;
    let version = request.version.as_deref().map(version).transpose()?;
    let report = analyze(workbench, &module, None, &boards)?;
    let name = app_name(None, &report, &module);
    let (version, plan) = plan(workbench, &name, &report, version);
    let mut granted: Option<Vec<Capability>> = None;
    let mut needs_consent = Vec::new();
    let mut verdicts = Vec::new();
    for board in &boards {
        let refused = refusal(workbench, &report, &name, board);
        let own = granted_on(board, &report);
        if refused.is_none() {
            let missing = report.wanted.iter().filter(|wanted| !own.contains(wanted));
            needs_consent.extend(missing.cloned());
            match &mut granted {
                Some(common) => common.retain(|capability| own.contains(capability)),
                None => granted = Some(own.clone()),
            }
        }
        verdicts.push(Verdict {
            board: board.id.clone(),
            refused,
            granted: texts(&own),
        });
    }
    needs_consent.sort();
    needs_consent.dedup();
    Ok(AppPreview {
        version,
        plan,
        size_bytes: report.size_bytes,
        memory_bytes: report.memory_bytes,
        granted: texts(&granted.unwrap_or_default()),
        needs_consent: texts(&needs_consent),
        boards: verdicts,
        name,
    })
}

/// Signs a module, stores it and makes it the desired state of the boards that can take it. The others are named with a
/// reason; it is an error only if no board can take it.
pub(crate) async fn deploy(workbench: &WorkbenchState, request: AppDeploy) -> Result<Deployment, ApiError> {
    let module = read(request.source).await?;
    let boards = boards(workbench, &request.boards)?;
    if boards.is_empty() {
        return Err(usage("No board was named; say which boards shall run the app."));
    }
    let granted = grants(&request.grant)?;
    let version = request.version.as_deref().map(version).transpose()?;
    let mut report = analyze(workbench, &module, request.name.as_deref(), &boards)?;
    let name = app_name(request.name, &report, &module);
    report.requested.extend(granted.capabilities.iter().cloned());
    let mut fitting = Vec::new();
    let mut refused = Vec::new();
    for board in &boards {
        match refusal(workbench, &report, &name, board) {
            Some(sentence) => refused.push(refused_on(board, sentence)),
            None => fitting.push(Arc::clone(board)),
        }
    }
    if fitting.is_empty() {
        return Err(none_takes_it(refused));
    }
    let target = |board: &Arc<FleetBoard>| DeployTarget {
        device: board.state().record.device.clone(),
        board: board.description().firmware_name().to_owned(),
    };
    let deployment = ModuleDeployment {
        options: UploadOptions {
            name: Some(name),
            version,
            grants: granted.capabilities,
            targets: Vec::new(),
            callback_ms: granted.callback_ms,
            memory_bytes: granted.memory_bytes,
        },
        targets: fitting.iter().map(target).collect(),
        start: !request.no_start,
    };
    let outcome = workbench
        .gateway
        .deploy_module(&module.bytes, deployment)
        .await
        .map_err(|error| upload_error(error, &fitting))?;
    let mut accepted = Vec::new();
    // The outcomes are in the order of the targets.
    for (board, target) in fitting.iter().zip(outcome.targets) {
        match target.accepted {
            Some(_) => accepted.push(board.id.clone()),
            None => refused.push(refused_on(board, format!("{}.", target.refused))),
        }
    }
    if accepted.is_empty() {
        return Err(none_takes_it(refused));
    }
    Ok(Deployment {
        app: outcome.app,
        version: outcome.version,
        digest: outcome.digest.to_string(),
        boards: accepted,
        refused,
    })
}

fn refused_on(board: &FleetBoard, sentence: String) -> Verdict {
    Verdict {
        board: board.id.clone(),
        refused: Some(sentence),
        granted: Vec::new(),
    }
}

/// The error where no board takes an app: the reasons, each once.
fn none_takes_it(refused: Vec<Verdict>) -> ApiError {
    let mut sentences: Vec<String> = refused.into_iter().filter_map(|verdict| verdict.refused).collect();
    sentences.dedup();
    ApiError::new(ErrorCode::Refused, sentences.join(" "))
}

/// The version that a module would get, and what signing it under that version means.
fn plan(workbench: &WorkbenchState, app: &str, report: &ModuleReport, asked: Option<Version>) -> (String, VersionPlan) {
    let latest = || {
        let highest = workbench.gateway.app_versions(app).versions;
        let versions = highest
            .iter()
            .filter_map(|signed| signed.version.parse::<Version>().ok());
        versions.max().map(|version| version.to_string()).unwrap_or_default()
    };
    let next = || workbench.gateway.app_versions(app).next;
    match workbench
        .gateway
        .plan_version(app, report.digest, asked.or(report.version))
    {
        gateway::VersionPlan::New { version } => (version.to_string(), VersionPlan::New),
        gateway::VersionPlan::Rollback { version, .. } => {
            let (latest, next) = (latest(), next());
            (version.to_string(), VersionPlan::Rollback { latest, next })
        }
        gateway::VersionPlan::Older { version, highest, next } => {
            let (latest, next) = (highest.to_string(), next.to_string());
            (version.to_string(), VersionPlan::Older { latest, next })
        }
    }
}

fn texts(capabilities: &[Capability]) -> Vec<String> {
    capabilities.iter().map(ToString::to_string).collect()
}

/// Starts, stops or removes an app, or gives up its deployment.
pub(crate) async fn act(workbench: &WorkbenchState, action: Action, app: &AppRef) -> Result<Empty, ApiError> {
    let board = workbench.board(&app.board)?;
    let device = board.state().record.device.clone();
    let outcome = match action {
        Action::Start => workbench.gateway.start_app(&device, &app.app).await,
        Action::Stop => workbench.gateway.stop_app(&device, &app.app).await,
        Action::Remove => workbench.gateway.remove_app(&device, &app.app).await,
        Action::Cancel => {
            let under_way = workbench.gateway.deployments().into_iter().find(|deployment| {
                let open =
                    |target: &drydock_gateway::DeploymentTarget| target.device == device && !target.status.is_final();
                deployment.app == app.app && deployment.targets.iter().any(open)
            });
            match under_way {
                Some(deployment) => workbench.gateway.cancel(deployment.id).await.map(|_| ()),
                None => {
                    let text = format!("Nothing of {} is on its way to {}.", app.app, board.name());
                    return Err(ApiError::new(ErrorCode::NotFound, text));
                }
            }
        }
    };
    outcome.map_err(deploy_error)?;
    workbench.throttle.touch(&board);
    Ok(Empty {})
}

/// What can be done to an app.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Action {
    Start,
    Stop,
    Remove,
    Cancel,
}

async fn read(source: AppSource) -> Result<Module, ApiError> {
    match source {
        AppSource::Path(path) => read_file(Path::new(&path)).await,
        AppSource::Bytes { name, base64 } => Ok(Module {
            file: name,
            bytes: BASE64_STANDARD
                .decode(base64)
                .map_err(|error| usage(format!("The module is no base64: {error}.")))?,
        }),
        AppSource::Sample(name) => match drydock_embedded::app(&name) {
            Ok(app) => Ok(Module {
                file: name,
                bytes: app.wasm.to_vec(),
            }),
            Err(_) => {
                let names: Vec<&str> = drydock_embedded::apps().iter().map(|app| app.name).collect();
                let text = format!("There is no sample {name}; there are: {}.", names.join(", "));
                Err(ApiError::new(ErrorCode::NotFound, text))
            }
        },
    }
}

async fn read_file(path: &Path) -> Result<Module, ApiError> {
    let shown = path.display();
    let refused = |reason: String| ApiError::new(ErrorCode::NotFound, format!("{shown} cannot be read: {reason}."));
    let about = tokio::fs::metadata(path)
        .await
        .map_err(|error| refused(error.to_string()))?;
    if !about.is_file() {
        return Err(refused("it is no file".into()));
    }
    if about.len() > MAX_FILE_BYTES {
        let text = format!(
            "{shown} cannot run on any board: it has {} bytes and at most {MAX_FILE_BYTES} are read; build it smaller.",
            about.len()
        );
        return Err(ApiError::new(ErrorCode::Refused, text));
    }
    let bytes = tokio::fs::read(path)
        .await
        .map_err(|error| refused(error.to_string()))?;
    let file = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    Ok(Module {
        file: file.unwrap_or_default(),
        bytes,
    })
}

fn boards(workbench: &WorkbenchState, names: &[String]) -> Result<Vec<Arc<FleetBoard>>, ApiError> {
    names.iter().map(|name| workbench.board(name)).collect()
}

/// What a module is, or one sentence why it is none.
fn analyze(
    workbench: &WorkbenchState,
    module: &Module,
    name: Option<&str>,
    boards: &[Arc<FleetBoard>],
) -> Result<ModuleReport, ApiError> {
    workbench.gateway.analyze(&module.bytes).map_err(|error| {
        let app = name.map_or_else(|| name_of_file(&module.file), str::to_owned);
        ApiError::new(ErrorCode::Refused, cannot_run(&app, &names(boards), &error.reason))
    })
}

/// Why a board cannot take a module, in one sentence.
fn refusal(workbench: &WorkbenchState, report: &ModuleReport, app: &str, board: &FleetBoard) -> Option<String> {
    if let Some(problem) = report.problems.first() {
        return Some(cannot_run(app, &board.name(), problem));
    }
    if let Some(limit) = board.description().limit.as_ref().filter(|limit| !limit.apps) {
        let title = &board.description().title;
        let article = if title.starts_with(['A', 'E', 'I', 'O', 'U']) {
            "an"
        } else {
            "a"
        };
        let reason = format!("on {article} {title} {}", limit.text);
        return Some(cannot_run(app, &board.name(), &reason));
    }
    if let Some(own) = own_firmware::record_of(board).filter(|own| !own.links) {
        let reason = format!(
            "it runs {}, a program of your own; give it Drydock's firmware first",
            own.name()
        );
        return Some(cannot_run(app, &board.name(), &reason));
    }
    let device = board.state().record.device.clone();
    let sentence = workbench
        .gateway
        .fits(report, app, board.description().firmware_name(), Some(&device));
    sentence.map(|sentence| format!("{sentence}."))
}

fn cannot_run(app: &str, boards: &str, reason: &str) -> String {
    let boards = if boards.is_empty() { "any board" } else { boards };
    format!("{app} cannot run on {boards}: {reason}.")
}

fn names(boards: &[Arc<FleetBoard>]) -> String {
    let names: Vec<String> = boards.iter().map(|board| board.name()).collect();
    names.join(", ")
}

/// What an app gets on a board without consent: what its module names, else what every app gets there.
fn granted_on(board: &FleetBoard, report: &ModuleReport) -> Vec<Capability> {
    if report.requested.is_empty() {
        usual_grants(&board.description())
    } else {
        report.requested.clone()
    }
}

/// What every app gets on a kind of board: its log, metrics, timers, and the LEDs that the board gives to apps.
fn usual_grants(kind: &Description) -> Vec<Capability> {
    let leds = PinSet::of(&kind.app_leds());
    let mut granted = vec![Capability::Log, Capability::Metrics, Capability::Timer];
    // An empty set is no grant.
    if leds != PinSet::default() {
        granted.push(Capability::Gpio(leds));
    }
    granted
}

/// The name that was asked for, else the module's own, else the file's in the form that names have.
fn app_name(asked: Option<String>, report: &ModuleReport, module: &Module) -> String {
    asked
        .or_else(|| report.name.clone())
        .unwrap_or_else(|| name_of_file(&module.file))
}

fn name_of_file(file: &str) -> String {
    let stem = file
        .strip_suffix(".wasm")
        .or_else(|| file.strip_suffix(".wat"))
        .unwrap_or(file);
    let mut name: String = stem
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    name.truncate(MAX_APP_NAME_BYTES);
    let name = name.trim_matches('-');
    if name.is_empty() { "app".into() } else { name.into() }
}

/// What the user consents to: capabilities, and limits that are raised.
#[derive(Debug, Default, PartialEq)]
struct Granted {
    capabilities: Vec<Capability>,
    /// Linear memory at most, in bytes.
    memory_bytes: Option<u32>,
    /// Longest callback in milliseconds.
    callback_ms: Option<u32>,
}

fn grants(texts: &[String]) -> Result<Granted, ApiError> {
    let mut granted = Granted::default();
    for text in texts {
        let unknown = || {
            usage(format!(
                "{text} is no capability; write log, metrics, timer, random, gpio:13,24, kv:1024 or publish:a,b; or raise a \
                 limit with memory:BYTES or callback:MS."
            ))
        };
        let limit = |number: &str| {
            number
                .parse::<u32>()
                .ok()
                .filter(|number| *number > 0)
                .ok_or_else(unknown)
        };
        match text.split_once(':') {
            Some(("memory", bytes)) => granted.memory_bytes = Some(limit(bytes)?),
            Some(("callback", ms)) => granted.callback_ms = Some(limit(ms)?),
            _ => granted.capabilities.push(text.parse().map_err(|_| unknown())?),
        }
    }
    Ok(granted)
}

fn version(text: &str) -> Result<Version, ApiError> {
    text.parse()
        .map_err(|_| usage(format!("{text} is no version; write MAJOR.MINOR.PATCH, as in 1.2.0.")))
}

fn upload_error(error: UploadError, boards: &[Arc<FleetBoard>]) -> ApiError {
    match error {
        UploadError::Refused { sentence, .. } => {
            let text = format!("Nothing was sent to {}: {sentence}.", names(boards));
            ApiError::new(ErrorCode::Refused, text)
        }
        error @ UploadError::OlderVersion { .. } => {
            let text = format!("Nothing was sent to {}: {error}.", names(boards));
            ApiError::new(ErrorCode::Refused, text)
        }
        UploadError::Store(error) => with_sources(ErrorCode::Internal, &error),
    }
}

pub(crate) fn deploy_error(error: DeployError) -> ApiError {
    let code = match error {
        DeployError::NoSuchApp { .. } | DeployError::UnknownPackage { .. } | DeployError::UnknownVersion { .. } => {
            ErrorCode::NotFound
        }
        DeployError::Store(_) => ErrorCode::Internal,
        _ => ErrorCode::Refused,
    };
    with_sources(code, &error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_names_a_capability_or_raises_a_limit() {
        let texts = |texts: &[&str]| grants(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        let granted = texts(&["gpio:7", "memory:16384", "callback:2000"]).unwrap();
        assert_eq!(granted.capabilities, [Capability::Gpio(PinSet::of(&[7]))]);
        assert_eq!((granted.memory_bytes, granted.callback_ms), (Some(16_384), Some(2_000)));
        for wrong in ["memory:", "memory:0", "callback:soon", "flight"] {
            assert!(texts(&[wrong]).unwrap_err().message.contains("memory:BYTES"), "{wrong}");
        }
    }

    #[test]
    fn every_app_gets_the_leds_that_its_board_gives_to_apps() {
        let usual = |kind: &str| texts(&usual_grants(&drydock_assets::board(kind).unwrap()));
        let with = |pins: &str| ["log", "metrics", "timer", pins].map(str::to_owned);
        assert_eq!(usual("nano33ble"), with("gpio:6,13,16,24,41"));
        // These LEDs are on pins above 63, which apps cannot name.
        assert_eq!(usual("stm32f4-discovery"), with("gpio:12,13,14,15"));
        assert_eq!(usual("esp32-c6"), with("gpio:8"));
        assert_eq!(usual("hifive1-revb"), ["log", "metrics", "timer"]);
    }

    #[test]
    fn a_file_suggests_a_name() {
        for (file, name) in [
            ("blink.wasm", "blink"),
            ("My App v2.wat", "my-app-v2"),
            ("__.wasm", "app"),
            ("Ünit_test", "nit-test"),
            ("x.tar.wasm", "x-tar"),
        ] {
            assert_eq!(name_of_file(file), name, "{file}");
        }
        assert!(name_of_file(&"long-".repeat(20)).len() <= MAX_APP_NAME_BYTES);
    }
}
