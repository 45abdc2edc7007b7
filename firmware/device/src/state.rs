//! The device's state and its replies to the gateway. Sending and receiving is in [`session`](crate::session).

use crate::{
    apps::{App, Apps, Slice, StartError},
    board::BoardRef,
    clock::DeviceClock,
    host::{self, LoadError},
    identity::{DeviceKey, Identity},
    log::LogRing,
    package,
    records::{Key, Records},
    samples::SampleRing,
    store::{AppStore, MAX_OVERRUNS, StoreError},
};
use alloc::{boxed::Box, collections::VecDeque, format, rc::Rc, string::String, vec::Vec};
use core::cell::RefCell;
use drydock_protocol::{
    device_handler::DeviceHandler,
    device_to_gateway::{Hello, Log, Metrics, Refusal, RefusalCode},
    envelope::{self, Kind},
    gateway_to_device::Welcome,
    limits::{DEFAULT_METRICS_INTERVAL_MS, MAX_ENVELOPE_BYTES, MAX_METRICS_INTERVAL_MS, MIN_METRICS_INTERVAL_MS},
    link::Stats,
    manifest::Manifest,
    package::{SignedManifest, seal},
    types::{FailureKind, FaultRecord, LogLevel},
};

/// Longest queue of replies. The gateway has few open requests at a time.
const MAX_REPLIES: usize = 16;

/// The device's state.
pub struct DeviceState {
    board: BoardRef,
    store: AppStore,
    /// The apps that are installed.
    pub apps: Apps,
    /// The device's key.
    pub key: Rc<DeviceKey>,
    /// The result of enrollment.
    pub identity: Option<Rc<Identity>>,
    /// The identity from an enrollment that is not stored yet, and the gateway's time.
    given: Option<(Identity, u64)>,
    /// Device time.
    pub clock: Rc<DeviceClock>,
    logs: Rc<RefCell<LogRing>>,
    samples: Rc<RefCell<SampleRing>>,
    /// Lines up to this mark are sent before the report of an app that ended.
    publish_after: Option<u32>,
    /// The manifest of the current transfer.
    incoming: Option<Manifest>,
    replies: VecDeque<Vec<u8>>,
    fault: Option<FaultRecord>,
    boot_count: u32,
    metrics_interval_ms: u32,
    next_metrics_us: u64,
    metrics_sequence: u32,
    /// Time asleep since the last metrics, and the time of these metrics.
    slept_us: u64,
    metrics_at_us: u64,
    session_id: Option<u64>,
    wipe_due: bool,
}

impl DeviceState {
    /// Reads the stored state. Generates the device's key on a blank board.
    ///
    /// # Errors
    /// [`FlashError`](crate::board::FlashError) if flash fails.
    pub fn load(board: BoardRef) -> Result<Self, crate::board::FlashError> {
        let mut records = Records::mount(board);
        let key = Rc::new(DeviceKey::load_or_create(board, &mut records)?);
        let boot_count = records
            .read(&Key::BootCount)
            .and_then(|bytes| bytes.try_into().ok())
            .map_or(0, u32::from_le_bytes)
            .wrapping_add(1);
        records.write(&Key::BootCount, &boot_count.to_le_bytes())?;
        let clock = Rc::new(DeviceClock::new(board, &records));
        let identity = Identity::load(&records).map(Rc::new);
        let logs = Rc::new(RefCell::new(LogRing::default()));
        let samples = Rc::new(RefCell::new(SampleRing::default()));
        let runtime = Box::new(host::Runtime);
        let apps = Apps::new(board, runtime, clock.clone(), logs.clone(), samples.clone());
        let mut state = Self {
            board,
            store: AppStore::mount(board, records),
            apps,
            key,
            identity,
            given: None,
            clock,
            logs,
            samples,
            publish_after: None,
            incoming: None,
            replies: VecDeque::with_capacity(MAX_REPLIES),
            fault: board.services().take_fault(),
            boot_count,
            metrics_interval_ms: DEFAULT_METRICS_INTERVAL_MS,
            next_metrics_us: 0,
            metrics_sequence: 0,
            slept_us: 0,
            metrics_at_us: board.now_us(),
            session_id: None,
            wipe_due: false,
        };
        state.load_apps();
        Ok(state)
    }

    /// Number of this reset.
    pub fn boot_count(&self) -> u32 {
        self.boot_count
    }

    /// Keeps the identity from an enrollment, and the gateway's time.
    pub fn given(&mut self, identity: Identity, time_ms: u64) {
        self.given = Some((identity, time_ms));
    }

    /// Stores the identity from an enrollment.
    ///
    /// # Errors
    /// [`FlashError`](crate::board::FlashError); the device stays blank.
    pub fn keep_given(&mut self) -> Result<(), crate::board::FlashError> {
        if let Some((identity, time_ms)) = self.given.take() {
            identity.store(self.store.records())?;
            self.identity = Some(Rc::new(identity));
            self.clock.learn(time_ms, self.store.records());
        }
        Ok(())
    }

    /// The first message of a session, encoded. Details that do not fit follow in further messages.
    pub fn hello(&mut self) -> Option<Vec<u8>> {
        self.replies.clear();
        self.session_id = None;
        self.publish_after = None;
        self.package_abort();
        self.apps.reports_published();
        let (info, uptime_ms) = (self.board.info(), self.clock.uptime_ms());
        let mut hello = Hello {
            board: info.name.into(),
            chip_id: self.board.chip_id().into(),
            firmware: info.firmware.into(),
            reset_reason: self.board.reset_reason(),
            fault: self.fault.clone(),
            heap_bytes: self.board.services().heap().total_bytes,
            store_bytes: self.store.capacity_bytes(),
            store_free_bytes: self
                .store
                .largest_free_bytes()
                .saturating_sub(MAX_ENVELOPE_BYTES as u32),
            apps: self.apps.iter().map(|app| app.report(uptime_ms)).collect(),
            uptime_ms,
            boot_count: self.boot_count,
        };
        if let Ok(message) = envelope::encode(Kind::Hello, 0, &hello) {
            return Some(message);
        }
        for app in &mut hello.apps {
            if app.failure.take().is_some() {
                self.apps.report_again(&app.app);
            }
        }
        if let Some(fault) = &mut hello.fault {
            fault.message.clear();
        }
        envelope::encode(Kind::Hello, 0, &hello).ok()
    }

    /// Whether the gateway has welcomed the device in this session.
    pub fn is_welcome(&self) -> bool {
        self.session_id.is_some()
    }

    /// The session is over.
    pub fn session_ended(&mut self) {
        self.session_id = None;
        self.samples.borrow_mut().set_open(false);
    }

    /// Queues a reply.
    pub fn reply(&mut self, reply: Vec<u8>) {
        if self.replies.len() < MAX_REPLIES {
            self.replies.push_back(reply);
        }
    }

    /// Whether the reply queue is full.
    pub fn is_congested(&self) -> bool {
        self.replies.len() >= MAX_REPLIES
    }

    /// The next message for the gateway: replies first, then metrics, app reports, log lines, numbers of apps. Lines that an app wrote before
    /// it ended are sent before the report of its end.
    pub fn next_message(&mut self, link: Stats) -> Option<Vec<u8>> {
        if let Some(reply) = self.replies.pop_front() {
            return Some(reply);
        }
        if self.board.now_us() >= self.next_metrics_us {
            return encode_metrics(self.metrics(link));
        }
        if let Some(app) = self.apps.next_pending() {
            let last_words = if app.has_ended() { self.last_words() } else { None };
            if let Some(line) = last_words {
                return envelope::encode(Kind::Log, 0, &line).ok();
            }
            self.publish_after = None;
            let report = self.apps.next_report()?;
            return envelope::encode(Kind::AppReport, 0, &report).ok();
        }
        if let Some(line) = self.logs.borrow_mut().pop() {
            return envelope::encode(Kind::Log, 0, &line).ok();
        }
        self.samples.borrow_mut().message(self.board.now_us())
    }

    /// The next line that was written before the app ended. Later lines do not delay the report.
    fn last_words(&mut self) -> Option<Log> {
        let mut logs = self.logs.borrow_mut();
        let mark = *self.publish_after.get_or_insert_with(|| logs.mark());
        logs.pop_before(mark)
    }

    /// When the next metrics or numbers of apps are due, in microseconds since reset.
    pub fn next_message_due_us(&self) -> u64 {
        let samples_us = self.samples.borrow().due_us();
        samples_us.map_or(self.next_metrics_us, |due_us| due_us.min(self.next_metrics_us))
    }

    /// Gives one app a slice of the CPU. Returns whether an app needed it.
    pub fn run_apps(&mut self) -> bool {
        match self.apps.run_slice() {
            Slice::Idle => return false,
            Slice::Ran => {}
            Slice::Overran(name) => self.count_overrun(&name),
        }
        true
    }

    /// Counts that an app overran its limits or that the board was reset while it ran. After several times the app is
    /// no longer started automatically, so that the board always gets back to a session.
    fn count_overrun(&mut self, name: &str) {
        let autostart = match self.store.count_overrun(name) {
            Ok(autostart) => autostart,
            // Flash failed; the next overrun is counted.
            Err(_) => return,
        };
        if let Some(app) = self.apps.get_mut(name)
            && app.autostart
            && !autostart
        {
            app.autostart = false;
            let text = format!("{name} overran its limits {MAX_OVERRUNS} times and will not start by itself any more");
            self.log(LogLevel::Warn, &text);
        }
    }

    /// Does one step of preparing flash for the next transfer; see [`AppStore::erase_ahead`].
    pub fn erase_ahead(&mut self) -> bool {
        self.store.erase_ahead()
    }

    /// Counts time spent asleep.
    pub fn slept(&mut self, us: u64) {
        self.slept_us += us;
    }

    /// Whether a wipe was requested and all replies were sent.
    pub fn is_wipe_due(&self) -> bool {
        self.wipe_due && self.replies.is_empty()
    }

    /// Erases everything. The caller resets the board afterwards.
    pub fn wipe(&mut self) {
        self.identity = None;
        // Try again if it fails: a late restart is better than secrets that stay in flash.
        for _ in 0..3 {
            if self.store.wipe().is_ok() {
                break;
            }
        }
    }

    fn metrics(&mut self, link: Stats) -> Metrics {
        let now_us = self.board.now_us();
        let elapsed_us = (now_us - self.metrics_at_us).max(1);
        let busy_us = elapsed_us.saturating_sub(self.slept_us);
        self.metrics_at_us = now_us;
        self.slept_us = 0;
        let interval_us = u64::from(self.metrics_interval_ms) * 1000;
        self.next_metrics_us = now_us.max(self.next_metrics_us + interval_us);
        self.metrics_sequence += 1;
        let (heap, stack) = (self.board.services().heap(), self.board.services().stack());
        let apps = self.apps.metrics();
        let logs_dropped = self.logs.borrow().dropped();
        Metrics {
            uptime_ms: self.clock.uptime_ms(),
            cpu_busy_bp: (busy_us * 10_000 / elapsed_us) as u16,
            heap_used_bytes: heap.used_bytes,
            heap_peak_bytes: heap.peak_bytes,
            heap_total_bytes: heap.total_bytes,
            stack_peak_bytes: stack.peak_bytes,
            stack_total_bytes: stack.total_bytes,
            link_retries: link.retries,
            link_errors: link.damaged,
            sequence: self.metrics_sequence,
            logs_dropped,
            apps,
            temperature_mc: self.board.temperature_mc(),
        }
    }

    /// Reads the stored apps and starts those with autostart.
    fn load_apps(&mut self) {
        let installed: Vec<_> = self
            .store
            .installed()
            .filter_map(|(name, record)| {
                Some((
                    String::from(name),
                    record.package?,
                    record.autostart,
                    record.is_barred(),
                ))
            })
            .collect();
        for (name, extent, autostart, is_barred) in installed {
            let Some(manifest) = package::trusted(&self.store.envelope(&extent)) else {
                self.log(LogLevel::Error, &format!("{name}: the stored package cannot be read"));
                continue;
            };
            let digest = manifest.digest;
            self.apps.put(App::new(manifest, extent, autostart));
            if self.board.services().faulted_app() == Some(extent.mark()) {
                self.apps
                    .fail(&name, FailureKind::Trap, "the board was reset while this app ran");
                self.count_overrun(&name);
            } else if is_barred {
                // Failed and not installed: the gateway would start an installed app without a request.
                let detail = format!("overran its limits {MAX_OVERRUNS} times: it starts when it is told to");
                self.apps.fail(&name, FailureKind::ExecutionLimit, &detail);
            } else if self.store.digest(&extent).0 != digest {
                self.apps
                    .fail(&name, FailureKind::Instantiation, "the stored module is damaged");
            } else if autostart && let Err(error) = self.start(&name) {
                let (kind, detail) = start_failure(&error);
                self.apps.fail(&name, kind, &detail);
            }
        }
        self.apps.reports_published();
    }

    fn start(&mut self, name: &str) -> Result<(), StartError> {
        self.load_module(name)?;
        self.apps.start_loaded(name);
        Ok(())
    }

    fn load_module(&mut self, name: &str) -> Result<(), StartError> {
        let Some(extent) = self.apps.get_mut(name).map(|app| app.extent) else {
            return Ok(());
        };
        let apps = &mut self.apps;
        let mut result = Ok(());
        self.store
            .with_module(&extent, &mut |module| result = apps.load(name, module));
        result
    }

    /// Replaces the app by a finished transfer. The old version stays committed until the new one was loaded.
    fn replace(&mut self, manifest: Manifest, extent: crate::store::Extent, start: bool) -> Result<(), Refusal> {
        let name = manifest.app.clone();
        let sequence = manifest.sequence;
        let old = self.apps.remove(&name);
        let was_running = old.as_ref().is_some_and(|app| app.autostart);
        self.apps.put(App::new(manifest, extent, start));
        let accepted = self
            .load_module(&name)
            .map_err(|error| start_refusal(&error))
            .and_then(|()| self.store.commit(&name, sequence, extent, start).map_err(store_refusal));
        if accepted.is_err() {
            self.apps.remove(&name);
            if let Some(mut old) = old {
                old.forget_run();
                self.apps.put(old);
                if was_running && let Err(error) = self.start(&name) {
                    let (kind, detail) = start_failure(&error);
                    self.apps.fail(&name, kind, &detail);
                }
            }
            return accepted;
        }
        if start {
            self.apps.start_loaded(&name);
        } else {
            self.apps.install_only(&name);
        }
        Ok(())
    }

    fn log(&self, level: LogLevel, text: &str) {
        self.logs.borrow_mut().push("", level, text, self.clock.uptime_ms());
    }
}

impl DeviceHandler for DeviceState {
    fn welcome(&mut self, welcome: &Welcome) {
        self.session_id = Some(welcome.session_id);
        self.samples.borrow_mut().set_open(true);
        self.fault = None;
        self.clock.learn(welcome.time_ms, self.store.records());
        self.metrics_interval_ms = welcome
            .metrics_interval_ms
            .clamp(MIN_METRICS_INTERVAL_MS, MAX_METRICS_INTERVAL_MS);
        self.next_metrics_us = self.board.now_us();
    }

    fn package_begin(&mut self, signed: &SignedManifest<'_>) -> Result<(), Refusal> {
        if !host::RUNS_APPS {
            let detail = "this device has no room for a WebAssembly runtime, so it takes no apps";
            return Err(Refusal::new(RefusalCode::NoMemory, detail));
        }
        self.package_abort();
        let publisher = self.identity.as_ref().map(|identity| &identity.publisher_key[..]);
        let manifest = package::verify(signed, publisher.unwrap_or_default())?;
        package::check_fits(&manifest, &self.board.info())?;
        if let Some(record) = self.store.record(&manifest.app)
            && manifest.sequence <= record.sequence
        {
            let detail = format!("sequence {} is not above {}", manifest.sequence, record.sequence);
            return Err(Refusal::new(RefusalCode::Downgrade, &detail));
        }
        self.apps.admit(&manifest).map_err(|error| start_refusal(&error))?;
        let envelope = seal(signed.payload, signed.signature)
            .map_err(|error| Refusal::new(RefusalCode::Malformed, &format!("{error}")))?;
        self.store
            .begin(&manifest.app, &envelope, manifest.size)
            .map_err(store_refusal)?;
        self.incoming = Some(manifest);
        Ok(())
    }

    fn package_chunk(&mut self, offset: u32, data: &[u8]) -> Result<u32, Refusal> {
        self.store.chunk(offset, data).map_err(store_refusal)
    }

    fn package_commit(&mut self, start: bool) -> Result<(), Refusal> {
        let manifest = self
            .incoming
            .take()
            .ok_or_else(|| store_refusal(StoreError::OutOfSequence))?;
        let extent = self.store.finish(&manifest.digest).map_err(store_refusal)?;
        self.replace(manifest, extent, start)
    }

    fn package_abort(&mut self) {
        self.store.abort();
        self.incoming = None;
    }

    fn app_start(&mut self, app: &str) -> Result<(), Refusal> {
        self.store.set_autostart(app, true).map_err(store_refusal)?;
        let known = self.apps.get_mut(app).ok_or_else(no_such_app)?;
        known.autostart = true;
        if known.is_active() {
            return Ok(());
        }
        self.start(app).map_err(|error| start_refusal(&error))
    }

    fn app_stop(&mut self, app: &str) -> Result<(), Refusal> {
        self.store.set_autostart(app, false).map_err(store_refusal)?;
        self.apps.get_mut(app).ok_or_else(no_such_app)?.autostart = false;
        self.apps.stop(app);
        Ok(())
    }

    fn app_remove(&mut self, app: &str) -> Result<(), Refusal> {
        self.store.remove(app).map_err(store_refusal)?;
        self.apps.remove(app);
        Ok(())
    }

    fn configure(&mut self, metrics_interval_ms: u32) {
        self.metrics_interval_ms = metrics_interval_ms;
        self.next_metrics_us = self.board.now_us();
    }

    fn time(&mut self, unix_ms: u64) {
        self.clock.learn(unix_ms, self.store.records());
    }

    fn wipe(&mut self) -> Result<(), Refusal> {
        self.wipe_due = true;
        Ok(())
    }
}

/// Omits the apps' own values, from the last app on, until the message fits.
fn encode_metrics(mut metrics: Metrics) -> Option<Vec<u8>> {
    for at in (0..=metrics.apps.len()).rev() {
        if let Ok(message) = envelope::encode(Kind::Metrics, 0, &metrics) {
            return Some(message);
        }
        if let Some(app) = at.checked_sub(1).and_then(|at| metrics.apps.get_mut(at)) {
            app.values.clear();
        }
    }
    None
}

fn no_such_app() -> Refusal {
    store_refusal(StoreError::NoSuchApp)
}

fn store_refusal(error: StoreError) -> Refusal {
    match error {
        StoreError::Full => Refusal::new(RefusalCode::StoreFull, "the app store has no room for the package"),
        StoreError::TooManyApps => Refusal::new(RefusalCode::TooManyApps, "the device keeps no more apps"),
        StoreError::OutOfSequence => {
            Refusal::new(RefusalCode::OutOfSequence, "the chunk is not the next of the transfer")
        }
        StoreError::Digest => Refusal::new(RefusalCode::BadDigest, "the module is not the one of the manifest"),
        StoreError::Flash => Refusal::new(RefusalCode::StoreFailed, "flash could not be written"),
        StoreError::NoSuchApp => Refusal::new(RefusalCode::NoSuchApp, "there is no such app"),
    }
}

fn start_refusal(error: &StartError) -> Refusal {
    let code = match error {
        StartError::NoMemory { .. } | StartError::OutOfMemory(_) | StartError::Load(LoadError::Memory(_)) => {
            RefusalCode::NoMemory
        }
        StartError::Load(LoadError::Invalid(_)) => RefusalCode::InvalidModule,
    };
    Refusal::new(code, &start_failure(error).1)
}

fn start_failure(error: &StartError) -> (FailureKind, String) {
    match error {
        StartError::NoMemory {
            needed_bytes,
            free_bytes,
        } => (
            FailureKind::MemoryLimit,
            format!("needs {needed_bytes} bytes of heap, {free_bytes} are free"),
        ),
        StartError::OutOfMemory(error) => (FailureKind::MemoryLimit, format!("{error}")),
        StartError::Load(LoadError::Memory(detail)) => (FailureKind::MemoryLimit, detail.clone()),
        StartError::Load(LoadError::Invalid(detail)) => (FailureKind::Instantiation, detail.clone()),
    }
}
