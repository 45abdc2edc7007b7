//! The task that runs one machine: its commands, and one turn of it on a worker.

mod deliver;
mod lockstep;
mod parts;
mod restore;
mod usb;
mod visit;
mod wires;

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{broadcast, oneshot, watch};

use super::RunOptions;
use super::input_log::{Input, InputLog};
use super::lockstep::{Lockstep, Membership};
use super::meter::Meter;
use super::pace::{Pace, Pacer};
use super::schedule::{Next, ScheduleState};
use super::status::{MachineEvent, MachineStatus, RunState};
use super::trace::{Traced, Tracer};
use super::uart::Wire;
use super::usb::UsbHost;
use crate::{
    GuestFault, Machine, MachineError, MachineSnapshot, PartError, PinChange, ResetKind, RunLimit, StopReason,
    VirtualTime,
};
pub(super) use parts::PartsInput;
pub use visit::VisitEffect;
use wires::DebugWires;

/// How long a turn may last before another machine gets one.
const TURN: Duration = Duration::from_millis(2);
/// Virtual time of one run, unless the engine needs longer ones; input that arrives during a run waits for its end.
const SLICE: VirtualTime = VirtualTime::from_us(500);
/// Virtual time of one run in which a sleeping machine has bytes on its line: enough for the longest frame of a link
/// (256 bytes at 1 Mbaud), so that its reader is woken once for it.
const LINE_SLICE: VirtualTime = VirtualTime::from_ms(4);
/// A sleeping machine waits at least this long, even if its next event is due earlier: a wake-up of the host costs more
/// than most events of a chip. Nothing is lost; events are late by at most this much.
const IDLE_NAP: Duration = Duration::from_millis(1);
/// A machine ahead of `realtime` waits at least this long.
const REALTIME_NAP: Duration = Duration::from_millis(1);
/// A machine that locked up and reset itself waits this long. Without an image it would do nothing else, millions of times
/// a second.
const LOCKUP_NAP: Duration = Duration::from_millis(5);
/// Guest faults kept for display.
const FAULTS_KEPT: usize = 64;
/// Events that a slow subscriber may lag behind before it loses the oldest. Their memory is allocated for each machine
/// that has a subscriber.
const EVENTS_KEPT: usize = 256;

/// Code that runs with the machine itself, between two of its slices.
pub(super) type MachineJob = Box<dyn FnOnce(&mut dyn Machine) + Send>;

/// Commands to a machine, executed at the start of its next turn.
pub(super) enum Command {
    Pause,
    PauseAt(VirtualTime),
    Resume,
    Step(u64),
    Reset(ResetKind),
    Pin(u16, Option<bool>),
    Parts(parts::PartsInput, oneshot::Sender<Result<(), PartError>>),
    SetPace(Pace),
    Trace(Option<Box<dyn Tracer>>),
    /// Runs a job. The input log does not contain its effects, so a job that may change the machine makes it
    /// incomplete.
    Run {
        job: MachineJob,
        may_change_machine: bool,
    },
    Restore(Arc<MachineSnapshot>, oneshot::Sender<Result<(), MachineError>>),
    Stop,
}

/// A machine with its commands, outputs and status.
pub(super) struct MachineTask {
    pub(super) name: String,
    schedule_state: Mutex<ScheduleState>,
    commands: Mutex<VecDeque<Command>>,
    body: Mutex<Body>,
    pub(super) wires: Vec<Arc<Wire>>,
    /// Its program's lines to a debugger.
    pub(super) debug_wires: DebugWires,
    /// Whether the machine has a USB socket, and the host that is plugged into it.
    pub(super) has_usb: bool,
    pub(super) usb_host: Mutex<Option<Box<dyn UsbHost>>>,
    pub(super) status: watch::Sender<MachineStatus>,
    events: Mutex<Option<broadcast::Sender<MachineEvent>>>,
    /// The level that the machine drives on each pin, and its last faults.
    pub(super) seen: Mutex<Seen>,
    input_log: Mutex<InputLog>,
    /// When its sleep began, and when it ends: its virtual time follows the host's, though nothing runs.
    asleep: Mutex<Option<Asleep>>,
    /// Visitors that wait for the machine or have it. Workers let them go first.
    visitors: AtomicU32,
    /// A worker let a visitor go first.
    turn_was_skipped: AtomicBool,
    started: Instant,
    me: Weak<MachineTask>,
    lockstep: Arc<Lockstep>,
}

#[derive(Clone, Copy, Debug)]
struct Asleep {
    since: Instant,
    /// Its virtual time at `since`.
    from: VirtualTime,
    until: VirtualTime,
}

impl Asleep {
    fn now(self) -> VirtualTime {
        let slept = VirtualTime::from_ns(self.since.elapsed().as_nanos() as u64);
        self.from.saturating_add(slept).min(self.until)
    }
}

/// The last observed pins and faults of a machine.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) pins: Vec<Option<bool>>,
    pub(super) faults: VecDeque<GuestFault>,
}

struct Body {
    machine: Option<Box<dyn Machine>>,
    /// Host time since the task was made, read once after each step that takes time: a reading costs as much as
    /// some dozen instructions of the guest, and an idle machine does little else.
    host: Duration,
    state: RunState,
    pacer: Pacer,
    /// While it sleeps: when the next event is due.
    idle: Option<Option<VirtualTime>>,
    meter: Meter,
    faults: u64,
    pause_at: Option<VirtualTime>,
    /// Its membership in the lockstep group, if it is in one.
    membership: Option<Membership>,
    /// It executed nothing in its last quantum.
    slept: bool,
    /// It locked up and reset itself: it naps before it starts again.
    naps: bool,
    /// Who is told what the machine does.
    tracer: Option<Box<dyn Tracer>>,
    /// When the machine was reset last, if that is known.
    reset_at: Option<VirtualTime>,
}

impl MachineTask {
    pub(super) fn new(
        options: RunOptions,
        mut machine: Box<dyn Machine>,
        (me, lockstep): (Weak<MachineTask>, Arc<Lockstep>),
    ) -> Self {
        let RunOptions { name, pace, paused } = options;
        let has_usb = machine.usb().is_some();
        let info = machine.info();
        let uarts = info.uarts;
        let pins = vec![None; usize::from(info.pins)];
        let state = if paused { RunState::Paused } else { RunState::Running };
        let reset_at = (machine.now() == VirtualTime::ZERO).then_some(VirtualTime::ZERO);
        let status = MachineStatus {
            state: state.clone(),
            virtual_time: machine.now(),
            instructions: machine.instructions(),
            mips: 0.0,
            speed: 0.0,
            faults: 0,
        };
        Self {
            name,
            schedule_state: Mutex::new(ScheduleState::Waiting { ticket: u64::MAX }),
            commands: Mutex::default(),
            wires: (0..uarts).map(|_| Arc::default()).collect(),
            debug_wires: DebugWires::default(),
            has_usb,
            usb_host: Mutex::default(),
            status: watch::Sender::new(status),
            events: Mutex::default(),
            seen: Mutex::new(Seen {
                pins,
                faults: VecDeque::new(),
            }),
            input_log: Mutex::default(),
            asleep: Mutex::default(),
            visitors: AtomicU32::new(0),
            turn_was_skipped: AtomicBool::new(false),
            started: Instant::now(),
            me,
            lockstep,
            body: Mutex::new(Body {
                machine: Some(machine),
                host: Duration::ZERO,
                state,
                pacer: Pacer::new(pace),
                idle: None,
                meter: Meter::default(),
                faults: 0,
                pause_at: None,
                membership: None,
                slept: false,
                naps: false,
                tracer: None,
                reset_at,
            }),
        }
    }

    pub(super) fn schedule_state(&self) -> MutexGuard<'_, ScheduleState> {
        lock(&self.schedule_state)
    }

    pub(super) fn command(&self, command: Command) {
        lock(&self.commands).push_back(command);
    }

    /// The runner is gone: ends the machine and drops its commands.
    pub(super) fn shut_down(&self) {
        lock(&self.commands).clear();
        lock(&self.body).stop(self);
    }

    /// Events from now on.
    pub(super) fn subscribe(&self) -> broadcast::Receiver<MachineEvent> {
        let mut events = lock(&self.events);
        events
            .get_or_insert_with(|| broadcast::Sender::new(EVENTS_KEPT))
            .subscribe()
    }

    /// The status now. For a sleeping machine, virtual time is the value that it would have if it woke now.
    pub(super) fn status_now(&self) -> MachineStatus {
        let mut status = self.status.borrow().clone();
        if let Some(asleep) = *lock(&self.asleep) {
            status.virtual_time = status.virtual_time.max(asleep.now());
        }
        status
    }

    pub(super) fn input_log(&self) -> InputLog {
        lock(&self.input_log).clone()
    }

    pub(super) fn stop_input_log(&self) {
        lock(&self.input_log).give_up();
    }

    fn publish_event(&self, event: MachineEvent) {
        if let Some(events) = &*lock(&self.events) {
            // No subscriber is no error.
            let _ = events.send(event);
        }
    }

    /// Runs the machine for a while. A panic anywhere in it crashes that machine only; the worker and the others
    /// continue.
    pub(super) fn turn(&self) -> Next {
        catch_unwind(AssertUnwindSafe(|| self.run_turn())).unwrap_or_else(|panic| {
            lock(&self.body).broke(self, panic_text(&*panic));
            // Its other commands still have to run.
            match lock(&self.commands).is_empty() {
                true => Next::WhenNotified,
                false => Next::Again,
            }
        })
    }

    fn run_turn(&self) -> Next {
        if self.yields_to_visitor() {
            return Next::WhenNotified;
        }
        let mut body = lock(&self.body);
        body.host = self.started.elapsed();
        let turn_started = body.host;
        // The reported time stays valid until the machine has caught up with it.
        if let Some(asleep) = &mut *lock(&self.asleep) {
            asleep.until = asleep.now();
        }
        loop {
            let command = lock(&self.commands).pop_front();
            if let Some(command) = command {
                body.execute(self, command);
                body.host = self.started.elapsed();
                continue;
            }
            let next = body.advance(self);
            body.report(self, next);
            match next {
                Next::Again if body.host - turn_started < TURN && !self.has_visitor() => {}
                next => {
                    *lock(&self.asleep) = body.asleep(self, next);
                    return next;
                }
            }
        }
    }
}

/// Data behind these locks is consistent between any two statements; a panic in a machine is caught inside.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Body {
    fn execute(&mut self, task: &MachineTask, command: Command) {
        if matches!(command, Command::Stop) {
            return self.stop(task);
        }
        self.catch_up(task);
        let Some(machine) = &mut self.machine else { return };
        let at = machine.now();
        match command {
            Command::Pause if self.state == RunState::Running => self.enter(task, RunState::Paused),
            Command::Resume if self.state == RunState::Paused => {
                self.pacer.restart();
                self.idle = None;
                self.enter(task, RunState::Running);
            }
            Command::Pause | Command::Resume => {}
            Command::PauseAt(at) => self.pause_at = Some(at),
            Command::Step(count) if self.state == RunState::Paused => {
                for _ in 0..count {
                    match guarded(machine, |machine| machine.step()) {
                        Ok(StopReason::Stepped) => {}
                        Ok(reason) => {
                            self.stopped(task, reason);
                            break;
                        }
                        Err(cause) => {
                            self.enter(task, RunState::Crashed { cause });
                            break;
                        }
                    }
                }
                self.deliver(task);
            }
            Command::Step(_) => {}
            Command::Reset(kind) => {
                let done = guarded(machine, |machine| machine.reset(kind));
                lock(&task.input_log).add(at, Input::Reset(kind));
                self.idle = None;
                match done {
                    Ok(()) => {
                        self.tell_reset(at, kind);
                        task.publish_event(MachineEvent::Reset { at, kind });
                        if self.state != RunState::Paused {
                            self.pacer.restart();
                            self.enter(task, RunState::Running);
                        }
                    }
                    Err(cause) => self.enter(task, RunState::Crashed { cause }),
                }
            }
            Command::Pin(pin, level) => self.drive_pin(task, pin, level),
            Command::Parts(input, reply) => {
                let done = self.give_to_parts(task, input);
                // The caller may have stopped waiting.
                let _ = reply.send(done);
            }
            Command::SetPace(pace) => {
                self.pacer.set_pace(pace);
                self.leave_lockstep(task);
            }
            Command::Trace(tracer) => self.trace(task, tracer),
            Command::Restore(state, reply) => {
                // The caller may have stopped waiting.
                let _ = reply.send(self.restore(task, &state));
            }
            Command::Run {
                job,
                may_change_machine,
            } => {
                if may_change_machine {
                    lock(&task.input_log).give_up();
                }
                let finished = guarded(machine, |machine| {
                    job(machine);
                    Ok(())
                });
                self.idle = None;
                if let Err(cause) = finished {
                    self.enter(task, RunState::Crashed { cause });
                }
                // A debugger's steps produce outputs too.
                self.deliver(task);
            }
            // Handled above, in any state of the machine.
            Command::Stop => {}
        }
    }

    fn stop(&mut self, task: &MachineTask) {
        self.machine = None;
        self.enter(task, RunState::Stopped);
        for wire in task.all_wires() {
            wire.close();
        }
        if let Some(mut host) = lock(&task.usb_host).take() {
            host.close();
        }
    }

    fn drive_pin(&mut self, task: &MachineTask, pin: u16, level: Option<bool>) {
        let Some(machine) = &mut self.machine else { return };
        let at = machine.now();
        match guarded(machine, |machine| machine.pin_input(pin, level)) {
            Ok(()) => {
                lock(&task.input_log).add(at, Input::Pin { pin, level });
                self.tell(&Traced::Input { at, pin, level });
                self.idle = None;
                if self.state == RunState::Halted(StopReason::PoweredOff) {
                    self.pacer.restart();
                    self.enter(task, RunState::Running);
                }
            }
            Err(cause) => self.enter(task, RunState::Crashed { cause }),
        }
    }

    /// Runs one slice, or decides to wait.
    fn advance(&mut self, task: &MachineTask) -> Next {
        if self.state != RunState::Running || task.all_wires().any(|wire| wire.is_full()) {
            return Next::WhenNotified;
        }
        if self.is_debug_halted() {
            self.leave_lockstep(task);
            return Next::WhenNotified;
        }
        let naps = std::mem::take(&mut self.naps);
        if self.pacer.pace() == Pace::Lockstep {
            return self.advance_in_lockstep(task);
        }
        if naps {
            return Next::At(task.started + self.host + LOCKUP_NAP);
        }
        self.pacer.set_live_link(task.has_live_link());
        if task.has_input() || task.usb_host_has_work() {
            self.catch_up(task);
            self.take_input(task);
        }
        let Some(machine) = &self.machine else {
            return Next::WhenNotified;
        };
        let (host, now) = (self.host, machine.now());
        if self.pause_at.is_some_and(|pause_at| pause_at <= now) {
            self.pause_at = None;
            self.enter(task, RunState::Paused);
            return Next::WhenNotified;
        }
        let pause_at = self.pause_at.unwrap_or(VirtualTime::MAX);
        match self.idle {
            Some(next_event) => {
                // While bytes are on the line, the next event is theirs and depends on nothing outside.
                let free = machine.uart_busy() && self.pacer.pace() == Pace::Max;
                let event = next_event.unwrap_or(VirtualTime::MAX).min(pause_at);
                if event == VirtualTime::MAX {
                    return Next::WhenNotified;
                }
                if free {
                    let end = now.saturating_add(LINE_SLICE).min(pause_at).max(event);
                    let spent = self.timed(task, |machine| follow_line(machine, event, end));
                    self.pacer.was_busy(Duration::ZERO, spent);
                } else {
                    let limit = self.pacer.idle_limit(host, now);
                    if limit < event {
                        let at = self.pacer.host_instant(host, now, event);
                        return Next::At(task.started + at.max(host + IDLE_NAP));
                    }
                    // Everything that fell due during the nap is served at once.
                    let until = match self.pacer.is_held() {
                        true => limit.min(event.saturating_add(SLICE)).min(pause_at),
                        false => event,
                    };
                    self.run(task, RunLimit::until(until));
                }
            }
            None => {
                let limit = self.pacer.busy_limit(host, now);
                if limit <= now {
                    let at = self.pacer.host_instant(host, now, now) + REALTIME_NAP;
                    return Next::At(task.started + at);
                }
                let slice = SLICE.max(machine.shortest_run());
                let until = limit.min(now.saturating_add(slice)).min(pause_at);
                let spent = self.run(task, RunLimit::busy_until(until));
                self.pacer.was_busy(self.host.saturating_sub(host), spent);
            }
        }
        let now = self.machine.as_ref().map_or(now, |machine| machine.now());
        self.pacer.served(self.host, now);
        Next::Again
    }

    /// The time of a sleeping machine follows the host's. Before input reaches it, its virtual time is advanced to now
    /// (but not past its next event).
    fn catch_up(&mut self, task: &MachineTask) {
        if self.state != RunState::Running {
            return;
        }
        let (Some(machine), Some(next_event)) = (&self.machine, self.idle) else {
            return;
        };
        let limit = self.pacer.idle_limit(self.host, machine.now());
        // With nothing due and no pace to keep, time stops until input arrives.
        let target = match next_event {
            Some(event) => limit.min(event),
            None if limit == VirtualTime::MAX => return,
            None => limit,
        };
        if target > machine.now() {
            self.run(task, RunLimit::until(target));
        }
    }

    /// Returns how much virtual time passed.
    fn run(&mut self, task: &MachineTask, limit: RunLimit) -> VirtualTime {
        self.timed(task, |machine| machine.run(limit))
    }

    /// As [`Self::run`], with `action` for the running.
    fn timed(
        &mut self,
        task: &MachineTask,
        action: impl FnOnce(&mut dyn Machine) -> Result<StopReason, MachineError>,
    ) -> VirtualTime {
        let Some(machine) = &mut self.machine else {
            return VirtualTime::ZERO;
        };
        let (started, before, from) = (self.host, machine.instructions(), machine.now());
        let result = guarded(machine, action);
        self.host = task.started.elapsed();
        self.meter.ran(
            self.host.saturating_sub(started),
            machine.instructions().saturating_sub(before),
        );
        let spent = machine.now().saturating_sub(from);
        self.idle = None;
        // What a machine did comes before the news that it has ended.
        self.deliver_outputs(task);
        match result {
            Ok(reason) => self.stopped(task, reason),
            Err(cause) => self.enter(task, RunState::Crashed { cause }),
        }
        self.deliver_usb(task);
        spent
    }

    fn stopped(&mut self, task: &MachineTask, reason: StopReason) {
        match reason {
            StopReason::Paused if self.is_caught() => self.enter(task, RunState::Paused),
            StopReason::Deadline | StopReason::Stepped | StopReason::Paused | StopReason::DebugHalt => {}
            StopReason::Idle { next_event } => self.idle = Some(next_event),
            StopReason::Reset(kind) => {
                self.naps = kind == ResetKind::Lockup;
                let at = self.machine.as_ref().map_or(VirtualTime::ZERO, |machine| machine.now());
                self.tell_reset(at, kind);
                task.publish_event(MachineEvent::Reset { at, kind });
            }
            halted => self.enter(task, RunState::Halted(halted)),
        }
    }

    fn enter(&mut self, task: &MachineTask, state: RunState) {
        if self.state != state {
            self.state = state.clone();
            if !matches!(self.state, RunState::Running | RunState::Paused) {
                self.leave_lockstep(task);
            }
            self.publish(task, true);
            self.tell_state();
            task.publish_event(MachineEvent::State(state));
        }
    }

    /// The engine panicked outside of the guarded calls. The machine is not called again for its status.
    fn broke(&mut self, task: &MachineTask, cause: String) {
        self.state = RunState::Crashed { cause };
        self.idle = None;
        self.leave_lockstep(task);
        task.status.send_modify(|status| status.state = self.state.clone());
        self.tell_end();
        task.publish_event(MachineEvent::State(self.state.clone()));
    }

    /// Whether virtual time advances while the machine waits for its next turn.
    fn asleep(&mut self, task: &MachineTask, next: Next) -> Option<Asleep> {
        let held = self.pacer.is_held();
        let next_event = self
            .idle
            .filter(|_| next != Next::Again && held && self.state == RunState::Running)?;
        let now = self.machine.as_ref()?.now();
        Some(Asleep {
            since: task.started + self.host,
            from: self.pacer.idle_limit(self.host, now),
            until: next_event.unwrap_or(VirtualTime::MAX),
        })
    }

    /// Brings the status up to date, rarely enough to cost nothing.
    fn report(&mut self, task: &MachineTask, next: Next) {
        let Some(machine) = &self.machine else { return };
        let due = self.meter.is_due(self.host, machine.now());
        if due || next != Next::Again {
            self.publish(task, due);
        }
    }

    /// Updates the status, and wakes its watchers if `aloud`.
    fn publish(&mut self, task: &MachineTask, aloud: bool) {
        let (mips, speed) = self.meter.rates();
        task.status.send_if_modified(|status| {
            status.state = self.state.clone();
            if let Some(machine) = &self.machine {
                status.virtual_time = machine.now();
                status.instructions = machine.instructions();
            }
            status.mips = mips;
            status.speed = speed;
            status.faults = self.faults;
            aloud
        });
    }
}

/// Runs a sleeping machine with bytes on its line through `event` and the events after it, until the line is idle, or
/// `end`. Each byte is an event, too small for a turn of its own.
fn follow_line(machine: &mut dyn Machine, event: VirtualTime, end: VirtualTime) -> Result<StopReason, MachineError> {
    let mut event = event;
    loop {
        let reason = machine.run(RunLimit::until(event))?;
        if reason != StopReason::Deadline || machine.now() >= end {
            return Ok(reason);
        }
        let reason = machine.run(RunLimit::busy_until(end))?;
        match reason {
            StopReason::Idle { next_event: Some(next) } if next <= end && machine.uart_busy() => event = next,
            reason => return Ok(reason),
        }
    }
}

/// Calls `action` with a machine. A panic or failure of the engine is returned as text.
fn guarded<T>(
    machine: &mut Box<dyn Machine>,
    action: impl FnOnce(&mut dyn Machine) -> Result<T, MachineError>,
) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(|| action(machine.as_mut()))) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(panic) => Err(panic_text(&*panic)),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "the engine panicked".to_owned())
}
