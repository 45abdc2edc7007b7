//! The flash of a simulated device, and the firmware's rules for accepting packages.

use crate::device::SimBoard;
use drydock_protocol::{
    capability::Capability,
    device_handler::DeviceHandler,
    device_to_gateway::{AppReport, Refusal, RefusalCode},
    gateway_to_device::Welcome,
    limits::{CHUNK_BYTES, DEFAULT_METRICS_INTERVAL_MS, MAX_APPS},
    manifest::Manifest,
    package::SignedManifest,
    types::{AppState, Failure},
};
use ring::{
    digest::{SHA256, digest},
    signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey},
};
use std::{collections::BTreeMap, fmt};

/// The result of starting an app. No code is executed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Behaviour {
    /// It runs until it is stopped.
    #[default]
    Runs,
    /// It ends itself.
    Exits,
    /// It fails at once.
    Fails(Failure),
}

/// An app in flash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The signed manifest.
    pub manifest: Manifest,
    /// The module.
    pub module: Vec<u8>,
    /// Its state.
    pub state: AppState,
    /// How it failed, if it did.
    pub failure: Option<Failure>,
    /// Whether it runs after reset.
    pub autostart: bool,
}

/// A device's flash and what runs from it.
pub struct SimStore {
    board: SimBoard,
    publisher_key: Vec<u8>,
    apps: BTreeMap<String, Installed>,
    /// Highest sequence of each app that was ever here.
    high_water: BTreeMap<String, u64>,
    behaviours: BTreeMap<String, Behaviour>,
    transfer: Option<Transfer>,
    /// Reports of state changes that are not sent yet.
    changed: Vec<AppReport>,
    pub(crate) metrics_interval_ms: u32,
    pub(crate) wipe: bool,
}

struct Transfer {
    manifest: Manifest,
    module: Vec<u8>,
}

impl Installed {
    pub(crate) fn report(&self, uptime_ms: u64) -> AppReport {
        AppReport {
            app: self.manifest.app.clone(),
            version: self.manifest.version,
            sequence: self.manifest.sequence,
            digest: self.manifest.digest,
            state: self.state,
            failure: self.failure.clone(),
            autostart: self.autostart,
            uptime_ms,
        }
    }

    fn start(&mut self, behaviour: &Behaviour) {
        self.failure = None;
        self.state = match behaviour {
            Behaviour::Runs => AppState::Running,
            Behaviour::Exits => AppState::Exited,
            Behaviour::Fails(failure) => {
                self.failure = Some(failure.clone());
                AppState::Failed
            }
        };
    }
}

impl SimStore {
    pub(crate) fn new(board: &SimBoard) -> Self {
        Self {
            board: board.clone(),
            publisher_key: Vec::new(),
            apps: BTreeMap::new(),
            high_water: BTreeMap::new(),
            behaviours: BTreeMap::new(),
            transfer: None,
            changed: Vec::new(),
            metrics_interval_ms: DEFAULT_METRICS_INTERVAL_MS,
            wipe: false,
        }
    }

    /// Sets the result of starting an app, from its next start on.
    pub fn set_behaviour(&mut self, app: &str, behaviour: Behaviour) {
        self.behaviours.insert(app.to_owned(), behaviour);
    }

    /// Installed apps, by name.
    pub fn installed(&self) -> impl Iterator<Item = &Installed> {
        self.apps.values()
    }

    /// One app.
    pub fn app(&self, app: &str) -> Option<&Installed> {
        self.apps.get(app)
    }

    /// Heap that running apps have reserved, in bytes.
    pub fn heap_used_bytes(&self) -> u32 {
        self.apps.values().filter(|app| is_live(app)).map(heap_of).sum()
    }

    /// The metrics interval that the gateway set, in milliseconds.
    pub fn metrics_interval_ms(&self) -> u32 {
        self.metrics_interval_ms
    }

    pub(crate) fn free_bytes(&self) -> u32 {
        let used: usize = self.apps.values().map(|app| app.module.len()).sum();
        self.board.store_bytes.saturating_sub(used as u32)
    }

    pub(crate) fn set_publisher_key(&mut self, key: Vec<u8>) {
        self.publisher_key = key;
    }

    /// Takes the reports that are not sent yet, stamped with this uptime.
    pub(crate) fn take_changed(&mut self, uptime_ms: u64) -> Vec<AppReport> {
        let mut changed = std::mem::take(&mut self.changed);
        changed.iter_mut().for_each(|report| report.uptime_ms = uptime_ms);
        changed
    }

    /// An app ends by itself.
    pub(crate) fn fail(&mut self, app: &str, failure: Failure) -> bool {
        let Some(installed) = self.apps.get_mut(app).filter(|app| is_live(app)) else {
            return false;
        };
        installed.state = AppState::Failed;
        installed.failure = Some(failure);
        self.changed.push(installed.report(0));
        true
    }

    pub(crate) fn reboot(&mut self) {
        self.transfer = None;
        self.changed.clear();
        for app in self.apps.values_mut() {
            app.failure = None;
            app.state = AppState::Installed;
            if app.autostart {
                app.start(behaviour_of(&self.behaviours, &app.manifest.app));
            }
        }
    }

    fn check_fits(&self, manifest: &Manifest) -> Result<(), Refusal> {
        let board = &self.board;
        if !manifest.targets.is_empty() && !manifest.targets.contains(&board.board) {
            let targets = manifest.targets.join(", ");
            return refused(
                RefusalCode::WrongTarget,
                format!("the package is for {targets}, this is {}", board.board),
            );
        }
        for capability in &manifest.capabilities {
            let offered = match capability {
                Capability::Gpio(pins) => pins.iter().all(|pin| board.pins.contains(&pin)),
                Capability::Kv(_) | Capability::Publish(_) => false,
                Capability::Log | Capability::Metrics | Capability::Timer | Capability::Random => true,
            };
            if !offered {
                return refused(
                    RefusalCode::Capability,
                    format!("this board does not offer {capability}"),
                );
            }
        }
        let high_water = self.high_water.get(&manifest.app).copied().unwrap_or(0);
        if manifest.sequence <= high_water {
            let detail = format!("sequence {} is not above {high_water}", manifest.sequence);
            return refused(RefusalCode::Downgrade, detail);
        }
        let known = self.apps.get(&manifest.app);
        if known.is_none() && self.apps.len() == MAX_APPS {
            return refused(RefusalCode::TooManyApps, format!("{MAX_APPS} apps are installed"));
        }
        if manifest.size > self.free_bytes() {
            let detail = format!("needs {} bytes, {} are free", manifest.size, self.free_bytes());
            return refused(RefusalCode::StoreFull, detail);
        }
        self.check_heap(&manifest.app, manifest.limits.heap_bytes)
    }

    fn check_heap(&self, app: &str, needed: u32) -> Result<(), Refusal> {
        let others = self.apps.values().filter(|it| is_live(it) && it.manifest.app != app);
        let free = self.board.heap_bytes.saturating_sub(others.map(heap_of).sum());
        if needed > free {
            return refused(RefusalCode::NoMemory, format!("needs {needed} bytes, {free} are free"));
        }
        Ok(())
    }

    fn find(&mut self, app: &str) -> Result<&mut Installed, Refusal> {
        self.apps
            .get_mut(app)
            .ok_or_else(|| Refusal::new(RefusalCode::NoSuchApp, &format!("{app} is not installed")))
    }
}

impl DeviceHandler for SimStore {
    fn welcome(&mut self, welcome: &Welcome) {
        self.metrics_interval_ms = welcome.metrics_interval_ms;
    }

    fn package_begin(&mut self, signed: &SignedManifest<'_>) -> Result<(), Refusal> {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.publisher_key)
            .verify(&signed.sig_structure(), signed.signature)
            .or_else(|_| {
                refused(
                    RefusalCode::BadSignature,
                    "the signature is not of this device's publisher",
                )
            })?;
        let manifest = signed
            .manifest()
            .or_else(|error| refused(RefusalCode::Malformed, error.to_string()))?;
        self.check_fits(&manifest)?;
        self.transfer = Some(Transfer {
            manifest,
            module: Vec::new(),
        });
        Ok(())
    }

    fn package_chunk(&mut self, offset: u32, data: &[u8]) -> Result<u32, Refusal> {
        let Some(transfer) = &mut self.transfer else {
            return refused(RefusalCode::OutOfSequence, "no transfer is under way");
        };
        let next = transfer.module.len() as u32;
        if offset != next {
            return refused(RefusalCode::OutOfSequence, format!("offset {offset}, {next} is next"));
        }
        let end = transfer.module.len() + data.len();
        if data.is_empty() || data.len() > CHUNK_BYTES || end > transfer.manifest.size as usize {
            return refused(
                RefusalCode::Malformed,
                format!("a chunk of {} bytes at {offset}", data.len()),
            );
        }
        transfer.module.extend_from_slice(data);
        Ok(end as u32)
    }

    fn package_commit(&mut self, start: bool) -> Result<(), Refusal> {
        let Some(Transfer { manifest, module }) = self.transfer.take() else {
            return refused(RefusalCode::OutOfSequence, "no transfer is under way");
        };
        if module.len() != manifest.size as usize || digest(&SHA256, &module).as_ref() != manifest.digest {
            return refused(
                RefusalCode::BadDigest,
                format!("{} bytes arrived that are not the module", module.len()),
            );
        }
        let app = manifest.app.clone();
        self.high_water.insert(app.clone(), manifest.sequence);
        let mut installed = Installed {
            manifest,
            module,
            state: AppState::Installed,
            failure: None,
            autostart: start,
        };
        if start {
            installed.start(behaviour_of(&self.behaviours, &app));
        }
        self.changed.push(installed.report(0));
        self.apps.insert(app, installed);
        Ok(())
    }

    fn package_abort(&mut self) {
        self.transfer = None;
    }

    fn app_start(&mut self, app: &str) -> Result<(), Refusal> {
        let needed = self.find(app)?.manifest.limits.heap_bytes;
        self.check_heap(app, needed)?;
        let behaviour = behaviour_of(&self.behaviours, app).clone();
        let installed = self.find(app)?;
        installed.autostart = true;
        if !is_live(installed) {
            installed.start(&behaviour);
        }
        let report = installed.report(0);
        self.changed.push(report);
        Ok(())
    }

    fn app_stop(&mut self, app: &str) -> Result<(), Refusal> {
        let installed = self.find(app)?;
        installed.autostart = false;
        if is_live(installed) {
            installed.state = AppState::Stopped;
        }
        let report = installed.report(0);
        self.changed.push(report);
        Ok(())
    }

    fn app_remove(&mut self, app: &str) -> Result<(), Refusal> {
        self.find(app)?;
        self.apps.remove(app);
        Ok(())
    }

    fn configure(&mut self, metrics_interval_ms: u32) {
        self.metrics_interval_ms = metrics_interval_ms;
    }

    /// A simulated device has the host's clock.
    fn time(&mut self, _unix_ms: u64) {}

    fn wipe(&mut self) -> Result<(), Refusal> {
        self.wipe = true;
        Ok(())
    }
}

fn behaviour_of<'a>(behaviours: &'a BTreeMap<String, Behaviour>, app: &str) -> &'a Behaviour {
    behaviours.get(app).unwrap_or(&Behaviour::Runs)
}

fn is_live(app: &Installed) -> bool {
    matches!(app.state, AppState::Starting | AppState::Running)
}

fn heap_of(app: &Installed) -> u32 {
    app.manifest.limits.heap_bytes
}

fn refused<T>(code: RefusalCode, detail: impl AsRef<str>) -> Result<T, Refusal> {
    Err(Refusal::new(code, detail.as_ref()))
}

impl fmt::Debug for SimStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimStore")
            .field("board", &self.board.board)
            .field("apps", &self.apps.keys())
            .finish_non_exhaustive()
    }
}
