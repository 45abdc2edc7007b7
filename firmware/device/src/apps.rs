//! The apps that the device runs: admission, lifecycle, and the CPU shared among them in slices of fuel.

use crate::{
    board::{Arena, BoardRef, MAX_ARENAS, OutOfMemory},
    clock::DeviceClock,
    host::{Export, LoadError, Progress, WasmHost, WasmInstance, calls::AppContext},
    log::{LogRing, cut},
    samples::SampleRing,
    store::Extent,
};
use alloc::{boxed::Box, format, rc::Rc, string::String, vec::Vec};
use core::cell::RefCell;
use drydock_protocol::{
    device_to_gateway::{AppMetrics, AppReport},
    limits::MAX_DETAIL_BYTES,
    manifest::Manifest,
    types::{AppState, Failure, FailureKind},
};

/// Fuel of a slice: about 4 ms of a Cortex-M4 at 64 MHz.
const SLICE_FUEL: u64 = 10_000;

/// Longest time of one slice, in microseconds. The session gets the CPU between slices. The fuel cost of host calls
/// keeps a slice far below this.
const MAX_SLICE_US: u64 = 500_000;

/// Heap that no app may reserve: for the session and its handshake.
pub const SYSTEM_HEAP_BYTES: u32 = 16 * 1024;

/// Heap of an app's calls besides its stack: frames, and data that host calls keep for it (lines, values).
const CALL_BYTES: u32 = 6 * 1024;

/// One app.
pub struct App {
    /// Its manifest, verified when it was stored.
    pub manifest: Manifest,
    /// Where its package is.
    pub extent: Extent,
    /// Whether it runs after reset.
    pub autostart: bool,
    name: Rc<str>,
    state: AppState,
    failure: Option<Failure>,
    instance: Option<Box<dyn WasmInstance>>,
    callback: Option<Callback>,
    next_tick_us: u64,
    /// Where its instance lives.
    arena: u8,
    /// Heap that is reserved for it.
    reserved_bytes: u32,
    traps: u32,
    callback_max_us: u32,
    /// The state changed since it was last reported.
    report_due: bool,
}

/// A call under way.
struct Callback {
    export: Export,
    /// Time of the app's own slices.
    spent_us: u64,
    fuel_at_start: u64,
    interval_ms_at_start: u32,
}

impl App {
    /// An app that is stored and does not run.
    pub fn new(manifest: Manifest, extent: Extent, autostart: bool) -> Self {
        Self {
            name: manifest.app.as_str().into(),
            manifest,
            extent,
            autostart,
            state: AppState::Installed,
            failure: None,
            instance: None,
            callback: None,
            next_tick_us: 0,
            arena: 0,
            reserved_bytes: 0,
            traps: 0,
            callback_max_us: 0,
            report_due: false,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it has an instance.
    pub fn is_active(&self) -> bool {
        self.instance.is_some()
    }

    /// Whether it ran and does not any more.
    pub fn has_ended(&self) -> bool {
        matches!(self.state, AppState::Exited | AppState::Failed | AppState::Stopped)
    }

    /// The report for the gateway.
    pub fn report(&self, uptime_ms: u64) -> AppReport {
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

    /// Resets an app that was set aside to [`AppState::Installed`].
    pub fn forget_run(&mut self) {
        self.instance = None;
        self.callback = None;
        self.enter(AppState::Installed);
    }

    fn metrics(&mut self, board: BoardRef) -> AppMetrics {
        let heap_bytes = board.services().arena_bytes(self.arena);
        let (fuel, memory_bytes) = self
            .instance
            .as_ref()
            .map_or((0, 0), |instance| (instance.fuel_spent(), instance.memory_bytes()));
        let mut context = self.instance.as_mut().map(|instance| instance.context());
        if let Some(context) = &mut context {
            context.publish_lost_lines();
        }
        AppMetrics {
            app: self.manifest.app.clone(),
            fuel,
            memory_bytes,
            heap_bytes,
            host_calls: context.as_ref().map_or(0, |context| context.host_calls),
            traps: self.traps,
            callback_max_us: self.callback_max_us,
            values_dropped: context
                .as_ref()
                .map(|context| context.values_dropped)
                .filter(|dropped| *dropped > 0),
            values: context.map_or_else(Vec::new, |context| context.values.clone()),
        }
    }

    fn enter(&mut self, state: AppState) {
        self.state = state;
        self.report_due = true;
    }
}

/// All apps, and what they share.
pub struct Apps {
    board: BoardRef,
    host: Box<dyn WasmHost>,
    clock: Rc<DeviceClock>,
    logs: Rc<RefCell<LogRing>>,
    samples: Rc<RefCell<SampleRing>>,
    apps: Vec<App>,
    /// Index of the app whose turn it is.
    turn: usize,
}

/// What [`Apps::run_slice`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slice {
    /// No app has anything to do.
    Idle,
    /// An app ran.
    Ran,
    /// The app with this name exceeded its time limit and has failed.
    Overran(Rc<str>),
}

/// Why an app cannot start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartError {
    /// The heap is too full for it.
    NoMemory {
        /// The app's need, in bytes.
        needed_bytes: u32,
        /// The bytes that are not reserved for others.
        free_bytes: u32,
    },
    /// The heap ran out while it was loaded.
    OutOfMemory(OutOfMemory),
    /// Its module cannot be loaded.
    Load(LoadError),
}

impl Apps {
    /// No apps yet.
    pub fn new(
        board: BoardRef,
        host: Box<dyn WasmHost>,
        clock: Rc<DeviceClock>,
        logs: Rc<RefCell<LogRing>>,
        samples: Rc<RefCell<SampleRing>>,
    ) -> Self {
        Self {
            board,
            host,
            clock,
            logs,
            samples,
            apps: Vec::new(),
            turn: 0,
        }
    }

    /// Every app.
    pub fn iter(&self) -> impl Iterator<Item = &App> {
        self.apps.iter()
    }

    /// The app with this name.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut App> {
        self.apps.iter_mut().find(|app| app.name() == name)
    }

    /// Adds an app; replaces an older version of it.
    pub fn put(&mut self, mut app: App) {
        self.remove(app.name.clone().as_ref());
        let is_free = |number: &u8| self.apps.iter().all(|other| other.arena != *number);
        // There are more arenas than apps.
        app.arena = (0..MAX_ARENAS as u8).find(is_free).unwrap_or_default();
        self.apps.push(app);
    }

    /// Removes an app and frees its memory.
    pub fn remove(&mut self, name: &str) -> Option<App> {
        self.unload(name);
        let at = self.apps.iter().position(|app| app.name() == name)?;
        self.turn = 0;
        Some(self.apps.remove(at))
    }

    /// Heap that an app with this manifest needs, estimated before it is loaded.
    pub fn need_bytes(manifest: &Manifest) -> u32 {
        // Measured on the device: engine, store and linked calls take about 8 KiB; code grows about fourfold when compiled.
        const FIXED_BYTES: u32 = 8 * 1024;
        let limits = &manifest.limits;
        // The memory's maximum is not reserved: `memory.grow` reports whether the heap has space.
        let floor = FIXED_BYTES
            .saturating_add(manifest.size.saturating_mul(4))
            .saturating_add(limits.stack_bytes);
        floor.max(limits.heap_bytes)
    }

    /// Heap that could be reserved for an app now, if the app `except` were not loaded.
    pub fn free_bytes(&self, except: &str) -> u32 {
        let heap = self.board.services().heap();
        let mut free = i64::from(heap.total_bytes) - i64::from(heap.used_bytes) - i64::from(SYSTEM_HEAP_BYTES);
        for app in self.apps.iter().filter(|app| app.is_active()) {
            let used_bytes = self.board.services().arena_bytes(app.arena);
            if app.name() == except {
                free += i64::from(used_bytes);
            } else {
                free -= i64::from(app.reserved_bytes.saturating_sub(used_bytes));
            }
        }
        free.clamp(0, u32::MAX.into()) as u32
    }

    /// Refuses an app that the heap cannot hold beside the others.
    ///
    /// # Errors
    /// [`StartError::NoMemory`].
    pub fn admit(&self, manifest: &Manifest) -> Result<(), StartError> {
        let needed_bytes = Self::need_bytes(manifest);
        let free_bytes = self.free_bytes(&manifest.app);
        if needed_bytes <= free_bytes {
            Ok(())
        } else {
            Err(StartError::NoMemory {
                needed_bytes,
                free_bytes,
            })
        }
    }

    /// Loads a module for an app: the app then only waits for [`Self::start_loaded`].
    ///
    /// # Errors
    /// [`StartError`]; the app has no instance then.
    pub fn load(&mut self, name: &str, module: &[u8]) -> Result<(), StartError> {
        self.unload(name);
        let Some(at) = self.apps.iter().position(|app| app.name() == name) else {
            return Ok(());
        };
        self.admit(&self.apps[at].manifest)?;
        // The heap for loading is not known in advance, so loading may use all heap that is not reserved.
        let limit_bytes = self.free_bytes(name);
        let app = &mut self.apps[at];
        let (limits, mut loaded) = (app.manifest.limits, None);
        let outcome = self.board.services().in_arena(app.arena(limit_bytes), &mut || {
            let context = AppContext::new(
                self.board,
                &self.clock,
                &self.logs,
                &self.samples,
                &app.name,
                &app.manifest.capabilities,
            );
            loaded = Some(self.host.load(module, &limits, context));
        });
        let refused = match (outcome, loaded) {
            (Ok(()), Some(Ok(instance))) => {
                app.reserved_bytes = app.promise(self.board);
                app.instance = Some(instance);
                let needed_bytes = app.reserved_bytes;
                if needed_bytes <= limit_bytes {
                    return Ok(());
                }
                StartError::NoMemory {
                    needed_bytes,
                    free_bytes: limit_bytes,
                }
            }
            // The text is in the arena.
            (Ok(()), Some(Err(error))) => StartError::Load(error.clone()),
            (Err(error), loaded) => {
                core::mem::forget(loaded);
                StartError::OutOfMemory(error)
            }
            (Ok(()), None) => unreachable!("work that was not left has loaded something"),
        };
        self.unload(name);
        Err(refused)
    }

    /// Begins the entry point of a loaded app.
    pub fn start_loaded(&mut self, name: &str) {
        let now_us = self.board.now_us();
        let Some(app) = self.get_mut(name) else { return };
        let Some(instance) = &mut app.instance else { return };
        app.failure = None;
        app.callback_max_us = 0;
        app.next_tick_us = now_us;
        match Export::next_once(None, &**instance) {
            Some(export) => {
                app.begin(export);
                app.enter(AppState::Starting);
            }
            None => app.enter(AppState::Running),
        }
    }

    /// Frees the instance of an app that must not run yet.
    pub fn install_only(&mut self, name: &str) {
        self.unload(name);
        if let Some(app) = self.get_mut(name) {
            app.enter(AppState::Installed);
        }
    }

    /// Stops an app on request.
    pub fn stop(&mut self, name: &str) {
        let was_active = self.get_mut(name).is_some_and(|app| app.is_active());
        self.unload(name);
        if let Some(app) = self.get_mut(name).filter(|_| was_active) {
            app.enter(AppState::Stopped);
        }
    }

    /// Marks an app as failed that could not start, or that reset the board.
    pub fn fail(&mut self, name: &str, kind: FailureKind, detail: &str) {
        self.unload(name);
        if let Some(app) = self.get_mut(name) {
            app.failure = Some(Failure {
                kind,
                export: String::new(),
                detail: cut(detail, MAX_DETAIL_BYTES).into(),
                exit_code: None,
            });
            app.enter(AppState::Failed);
        }
    }

    /// Gives one slice to the next app that has work.
    pub fn run_slice(&mut self) -> Slice {
        let now_us = self.board.now_us();
        let count = self.apps.len();
        for step in 0..count {
            let at = (self.turn + step) % count;
            if self.apps[at].wants_cpu(now_us) {
                self.turn = at + 1;
                return self.run_app(at, now_us);
            }
        }
        Slice::Idle
    }

    /// When the next `tick` is due, in microseconds since reset; 0 if a call is in progress.
    pub fn next_due_us(&self) -> Option<u64> {
        self.apps.iter().filter_map(App::next_due_us).min()
    }

    /// Numbers of each app.
    pub fn metrics(&mut self) -> Vec<AppMetrics> {
        self.apps.iter_mut().map(|app| app.metrics(self.board)).collect()
    }

    /// The app whose report [`Self::next_report`] returns.
    pub fn next_pending(&self) -> Option<&App> {
        self.apps.iter().find(|app| app.report_due)
    }

    /// The report of the next app whose state changed.
    pub fn next_report(&mut self) -> Option<AppReport> {
        let uptime_ms = self.clock.uptime_ms();
        let app = self.apps.iter_mut().find(|app| app.report_due)?;
        app.report_due = false;
        Some(app.report(uptime_ms))
    }

    /// All states were reported, in `Hello`.
    pub fn reports_published(&mut self) {
        for app in &mut self.apps {
            app.report_due = false;
        }
    }

    /// Reports the app's state again, because the last report was incomplete.
    pub fn report_again(&mut self, name: &str) {
        if let Some(app) = self.get_mut(name) {
            app.report_due = true;
        }
    }

    fn run_app(&mut self, at: usize, now_us: u64) -> Slice {
        let heap_limit_bytes = self.free_bytes(self.apps[at].name());
        let app = &mut self.apps[at];
        if app.callback.is_none() {
            app.begin_tick(now_us);
        }
        let Some(end) = app.run_slice(self.board, heap_limit_bytes) else {
            return Slice::Ran;
        };
        let name = app.name.clone();
        let overran = matches!(&end.failure, Some(failure) if failure.kind == FailureKind::ExecutionLimit);
        app.failure = end.failure;
        app.enter(end.state);
        if end.state == AppState::Failed {
            app.traps += 1;
        }
        self.unload(&name);
        if overran { Slice::Overran(name) } else { Slice::Ran }
    }

    /// Frees an app's instance.
    fn unload(&mut self, name: &str) {
        if let Some(app) = self.get_mut(name) {
            app.callback = None;
            if let Some(instance) = &mut app.instance {
                instance.context().publish_lost_lines();
            }
            app.instance = None;
            app.reserved_bytes = 0;
            let arena = app.arena;
            self.board.services().free_arena(arena);
        }
    }
}

/// How an app ended.
struct AppEnd {
    state: AppState,
    failure: Option<Failure>,
}

impl App {
    fn arena(&self, limit_bytes: u32) -> Arena {
        Arena {
            number: self.arena,
            limit_bytes,
            mark: self.extent.mark(),
        }
    }

    /// Heap that is reserved for a loaded app: its current use, and the maximum of its calls. Its memory can grow
    /// beyond that if the heap has free space.
    fn promise(&self, board: BoardRef) -> u32 {
        let limits = &self.manifest.limits;
        board
            .services()
            .arena_bytes(self.arena)
            .saturating_add(limits.stack_bytes)
            .saturating_add(CALL_BYTES)
            .max(limits.heap_bytes)
    }

    fn next_due_us(&self) -> Option<u64> {
        let instance = self.instance.as_ref()?;
        if self.callback.is_some() {
            return Some(0);
        }
        (self.state == AppState::Running && instance.has(Export::Tick) && self.next_tick_us != u64::MAX)
            .then_some(self.next_tick_us)
    }

    fn wants_cpu(&self, now_us: u64) -> bool {
        self.next_due_us().is_some_and(|due| due <= now_us)
    }

    fn begin(&mut self, export: Export) {
        if let Some(instance) = &mut self.instance {
            instance.call(export);
            self.callback = Some(Callback {
                export,
                spent_us: 0,
                fuel_at_start: instance.fuel_spent(),
                interval_ms_at_start: instance.context().tick_interval_ms,
            });
        }
    }

    fn begin_tick(&mut self, now_us: u64) {
        // The next tick stays on the interval's grid, unless it was missed.
        let interval_us = self.interval_us().unwrap_or(u64::MAX);
        let next_us = self.next_tick_us.saturating_add(interval_us);
        self.next_tick_us = if next_us > now_us {
            next_us
        } else {
            now_us.saturating_add(interval_us)
        };
        self.begin(Export::Tick);
    }

    fn interval_us(&mut self) -> Option<u64> {
        let interval_ms = self.instance.as_mut()?.context().tick_interval_ms;
        (interval_ms > 0).then_some(u64::from(interval_ms) * 1000)
    }

    fn run_slice(&mut self, board: BoardRef, heap_limit_bytes: u32) -> Option<AppEnd> {
        let arena = self.arena(self.reserved_bytes);
        let heap_limit_bytes = heap_limit_bytes.max(self.reserved_bytes);
        let (instance, callback) = (self.instance.as_mut()?, self.callback.as_mut()?);
        let before = (instance.memory_bytes(), board.services().arena_bytes(arena.number));
        let began_us = board.now_us();
        let mut progress = None;
        let outcome = board.services().in_arena(arena, &mut || {
            progress = Some(instance.run(SLICE_FUEL, heap_limit_bytes));
        });
        let slice_us = board.now_us() - began_us;
        callback.spent_us += slice_us;
        self.callback_max_us = self.callback_max_us.max(callback.spent_us.min(u32::MAX.into()) as u32);
        let export = callback.export;
        if let Err(error) = outcome {
            // The whole instance is in the arena, which is freed as a whole.
            core::mem::forget((self.instance.take(), progress));
            return Some(failed(export, FailureKind::MemoryLimit, format!("{error}")));
        }
        if instance.memory_bytes() > before.0 {
            // The growth of the memory stays reserved for the app, in addition to the rest.
            let grown = board.services().arena_bytes(arena.number).saturating_sub(before.1);
            self.reserved_bytes = self.reserved_bytes.saturating_add(grown).min(heap_limit_bytes);
        }
        let progress = progress?;
        if progress == Progress::Finished {
            instance.context().flush_line();
        }
        // Checked for every outcome: an app that overruns its limits fails even if it returned, trapped or exited.
        if let Some(detail) = self.overrun(slice_us) {
            return Some(failed(export, FailureKind::ExecutionLimit, detail));
        }
        match progress {
            Progress::OutOfFuel => None,
            Progress::Finished => self.returned(export, board.now_us()),
            Progress::Exited(0) => Some(AppEnd {
                state: AppState::Exited,
                failure: None,
            }),
            Progress::Exited(code) => {
                let mut end = failed(export, FailureKind::ExitCode, format!("proc_exit({code})"));
                if let Some(failure) = &mut end.failure {
                    failure.exit_code = Some(code);
                }
                Some(end)
            }
            // Its text is in the arena and must outlive it.
            Progress::Failed(failure) => Some(failed(
                export,
                failure.kind,
                cut(&failure.detail, MAX_DETAIL_BYTES).into(),
            )),
        }
    }

    /// How the current callback exceeded its limits.
    fn overrun(&self, slice_us: u64) -> Option<String> {
        let (instance, callback) = (self.instance.as_ref()?, self.callback.as_ref()?);
        let limits = &self.manifest.limits;
        let fuel = instance.fuel_spent() - callback.fuel_at_start;
        if callback.spent_us > u64::from(limits.callback_ms) * 1000 {
            Some(format!("ran longer than {} ms", limits.callback_ms))
        } else if slice_us > MAX_SLICE_US {
            Some(format!("held the board for {} ms in one piece", slice_us / 1000))
        } else {
            let limit = limits.fuel.filter(|limit| fuel > *limit)?;
            Some(format!("spent {fuel} fuel, {limit} are allowed"))
        }
    }

    /// Handles a callback that returned: begins the next one, or ends the app.
    fn returned(&mut self, export: Export, now_us: u64) -> Option<AppEnd> {
        let interval_before = self.callback.take()?.interval_ms_at_start;
        let instance = self.instance.as_mut()?;
        if export != Export::Tick {
            if let Some(next) = Export::next_once(Some(export), &**instance) {
                self.begin(next);
                return None;
            }
            if !instance.has(Export::Tick) {
                return Some(AppEnd {
                    state: AppState::Exited,
                    failure: None,
                });
            }
        }
        let interval = instance.context().tick_interval_ms;
        if export != Export::Tick {
            self.enter(AppState::Running);
        }
        if export != Export::Tick || interval != interval_before {
            self.next_tick_us = match self.interval_us() {
                Some(interval_us) => now_us + interval_us,
                None => u64::MAX,
            };
        }
        None
    }
}

fn failed(export: Export, kind: FailureKind, detail: String) -> AppEnd {
    AppEnd {
        state: AppState::Failed,
        failure: Some(Failure {
            kind,
            export: export.name().into(),
            detail,
            exit_code: None,
        }),
    }
}
