//! The handle through which the owner of a running machine controls and observes it.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{broadcast, oneshot, watch};

use super::input_log::InputLog;
use super::machine_task::{Command, MachineTask, PartsInput, VisitEffect, lock};
use super::pace::Pace;
use super::schedule::Schedule;
use super::status::{MachineEvent, MachineStatus};
use super::trace::Tracer;
use super::uart::UartPort;
use super::usb::{Notify, UsbError, UsbHost};
use crate::machine::DebugLine;
use crate::{GuestFault, Machine, MachineError, MachineSnapshot, PartError, PartTable, ResetKind, VirtualTime};
use drydock_assets::Millionths;

/// A machine that a [`Runner`](super::Runner) runs. Handles can be cloned; the machine is stopped when the last is
/// dropped.
#[derive(Clone)]
pub struct MachineHandle {
    owner: Arc<Owner>,
}

struct Owner {
    task: Arc<MachineTask>,
    schedule: Arc<Schedule>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.task.command(Command::Stop);
        self.schedule.notify(&self.task);
    }
}

/// A UART that cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UartError {
    /// The machine has no such UART.
    #[error("{machine} has no UART {index}")]
    None {
        /// The machine.
        machine: String,
        /// The index asked for.
        index: u8,
    },
    /// Another port has it open.
    #[error("UART {index} of {machine} is in use")]
    InUse {
        /// The machine.
        machine: String,
        /// The index asked for.
        index: u8,
    },
}

/// The machine was stopped, or its runner is gone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{machine} is stopped")]
pub struct Gone {
    /// The machine.
    pub machine: String,
}

/// Memory that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The machine is gone.
    #[error(transparent)]
    Gone(#[from] Gone),
    /// The board has no such memory.
    #[error(transparent)]
    Machine(#[from] MachineError),
}

impl MachineHandle {
    pub(super) fn new(task: Arc<MachineTask>, schedule: Arc<Schedule>) -> Self {
        Self {
            owner: Arc::new(Owner { task, schedule }),
        }
    }

    /// Its name from [`RunOptions`](super::RunOptions).
    pub fn name(&self) -> &str {
        &self.owner.task.name
    }

    /// Pauses it.
    pub fn pause(&self) {
        self.command(Command::Pause);
    }

    /// Pauses it when its virtual time is `at`.
    pub fn pause_at(&self, at: VirtualTime) {
        self.command(Command::PauseAt(at));
    }

    /// Resumes it after a pause.
    pub fn resume(&self) {
        self.command(Command::Resume);
    }

    /// Executes `count` instructions of a paused machine.
    pub fn step(&self, count: u64) {
        self.command(Command::Step(count));
    }

    /// Resets it in any state; a halted or crashed machine runs again.
    pub fn reset(&self, kind: ResetKind) {
        self.command(Command::Reset(kind));
    }

    /// Drives a pin from outside (a button), or stops driving it. A pin that does not exist is ignored.
    pub fn drive_pin(&self, pin: u16, level: Option<bool>) {
        if usize::from(pin) < lock(&self.owner.task.seen).pins.len() {
            self.command(Command::Pin(pin, level));
        }
    }

    /// Changes its pace.
    pub fn set_pace(&self, pace: Pace) {
        self.command(Command::SetPace(pace));
    }

    /// Tells `tracer` what it does from now on, in place of the one before; `None` ends that. A machine that nobody traces
    /// pays nothing for it. An engine that cannot trace tells its pins and UARTs only.
    pub fn trace(&self, tracer: Option<Box<dyn Tracer>>) {
        self.command(Command::Trace(tracer));
    }

    /// Ends it.
    pub fn stop(&self) {
        self.command(Command::Stop);
    }

    /// Its status now. Virtual time is current even while it sleeps.
    pub fn status(&self) -> MachineStatus {
        self.owner.task.status_now()
    }

    /// Its status as it changes: with each change of state, and a few times a second.
    pub fn watch(&self) -> watch::Receiver<MachineStatus> {
        self.owner.task.status.subscribe()
    }

    /// Its events from now on. A subscriber that lags behind learns how many events it lost.
    pub fn events(&self) -> broadcast::Receiver<MachineEvent> {
        self.owner.task.subscribe()
    }

    /// The level that it drives on a pin; `None` if it drives nothing or has no such pin.
    pub fn pin(&self, pin: u16) -> Option<bool> {
        lock(&self.owner.task.seen)
            .pins
            .get(usize::from(pin))
            .copied()
            .flatten()
    }

    /// The guest's last faults, the oldest first.
    pub fn faults(&self) -> Vec<GuestFault> {
        lock(&self.owner.task.seen).faults.iter().cloned().collect()
    }

    /// Connects the host to a UART.
    ///
    /// # Errors
    /// [`UartError`]: there is no such UART, or it is connected already.
    pub fn uart(&self, index: u8) -> Result<UartPort, UartError> {
        let task = &self.owner.task;
        let none = || UartError::None {
            machine: task.name.clone(),
            index,
        };
        let wire = task.wires.get(usize::from(index)).ok_or_else(none)?;
        wire.open(self.notifier()).ok_or_else(|| UartError::InUse {
            machine: task.name.clone(),
            index,
        })
    }

    /// Connects the host to a program's line to its debugger. RTT and ITM have bytes only if the machine
    /// [collects logs](crate::Machine::collect_logs); only RTT takes any.
    ///
    /// # Errors
    /// [`UartError::InUse`].
    pub fn debug_line(&self, line: DebugLine) -> Result<UartPort, UartError> {
        let task = &self.owner.task;
        let wire = task.debug_wires.used(line);
        wire.open(self.notifier()).ok_or_else(|| UartError::InUse {
            machine: task.name.clone(),
            index: line.index(),
        })
    }

    /// Plugs a host into the machine's own USB socket; it acts on the machine's thread. The result notifies the machine
    /// when the host has work. [`CdcPort`](crate::cable::usb_host::CdcPort) is a host that offers a serial port.
    ///
    /// # Errors
    /// [`UsbError`]: there is no such socket, or a host is plugged in already.
    pub fn plug_usb(&self, host: Box<dyn UsbHost>) -> Result<Notify, UsbError> {
        let task = &self.owner.task;
        let machine = task.name.clone();
        if !task.has_usb {
            return Err(UsbError::None { machine });
        }
        // A machine that stands still has not seen yet that the cable before was pulled.
        let is_free = |plugged: &Option<Box<dyn UsbHost>>| plugged.as_ref().is_none_or(|host| host.is_ownerless());
        let is_left = lock(&task.usb_host).as_ref().is_some_and(|host| host.is_ownerless());
        if is_left {
            // A machine that was stopped has no cable.
            let _ = self.visit(|machine| (super::usb::unplug(machine), VisitEffect::Changed));
        }
        let mut plugged = lock(&task.usb_host);
        if !is_free(&plugged) {
            return Err(UsbError::InUse { machine });
        }
        *plugged = Some(host);
        drop(plugged);
        let notify = self.notifier();
        notify();
        Ok(notify)
    }

    /// Gives the machine a turn when called.
    fn notifier(&self) -> Notify {
        let (weak, schedule) = (Arc::downgrade(&self.owner.task), self.owner.schedule.clone());
        Arc::new(move || {
            if let Some(task) = weak.upgrade() {
                schedule.notify(&task);
            }
        })
    }

    /// All inputs so far.
    pub fn input_log(&self) -> InputLog {
        self.owner.task.input_log()
    }

    /// Stops recording input, and frees the log: for a machine that will not be replayed. The log grows with
    /// all input to a machine.
    pub fn stop_input_log(&self) {
        self.owner.task.stop_input_log();
    }

    /// Reads memory as the bus sees it: flash areas, RAM. The input log is not affected.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn read_memory(&self, addr: u32, bytes: usize) -> Result<Vec<u8>, ReadError> {
        let read = self.run_job(false, move |machine| {
            let mut memory = vec![0; bytes];
            machine.read_memory(addr, &mut memory).map(|()| memory)
        });
        Ok(read.await.map_err(|_| self.gone())??)
    }

    /// Its state, with the instructions so far; `None` if its engine has no snapshots. The input log is not affected.
    ///
    /// # Errors
    /// [`Gone`]; the inner error is the engine's.
    pub async fn snapshot(&self) -> Result<Option<Result<(MachineSnapshot, u64), MachineError>>, Gone> {
        let taken = self.run_job(false, |machine| {
            let instructions = machine.instructions();
            let snapshots = machine.snapshots()?;
            Some(snapshots.snapshot().map(|state| (state, instructions)))
        });
        taken.await.map_err(|_| self.gone())
    }

    /// Restores a state of a machine of the same engine and board; a halted or crashed machine runs again. Output
    /// that was not fetched stays in the UARTs. The input log is incomplete from then on.
    ///
    /// # Errors
    /// [`Gone`]; the inner error is the engine's.
    pub async fn restore(&self, state: Arc<MachineSnapshot>) -> Result<Result<(), MachineError>, Gone> {
        let (sender, receiver) = oneshot::channel();
        self.command(Command::Restore(state, sender));
        receiver.await.map_err(|_| self.gone())
    }

    /// Sets a property of a virtual part. The input log contains it.
    ///
    /// # Errors
    /// [`Gone`]; the inner error says why the part does not take the value.
    pub async fn set_part(&self, part: &str, property: &str, value: Millionths) -> Result<Result<(), PartError>, Gone> {
        let (sender, receiver) = oneshot::channel();
        let set = PartsInput::Value {
            part: part.to_owned(),
            property: property.to_owned(),
            value,
        };
        self.command(Command::Parts(set, sender));
        receiver.await.map_err(|_| self.gone())
    }

    /// Lets values of virtual parts follow a table from now on; `None` ends that. The input log contains it.
    ///
    /// # Errors
    /// [`Gone`]; the inner error says why the board does not take the table.
    pub async fn play_table(&self, table: Option<PartTable>) -> Result<Result<(), PartError>, Gone> {
        let (sender, receiver) = oneshot::channel();
        self.command(Command::Parts(PartsInput::Table(table.map(Box::new)), sender));
        receiver.await.map_err(|_| self.gone())
    }

    /// Lets a virtual part keep `content` from now on. The input log contains it.
    ///
    /// # Errors
    /// [`Gone`]; the inner error says why the part does not take it.
    pub async fn load_part(&self, part: &str, content: Vec<u8>) -> Result<Result<(), PartError>, Gone> {
        let (sender, receiver) = oneshot::channel();
        let load = PartsInput::Content {
            part: part.to_owned(),
            content: content.into(),
        };
        self.command(Command::Parts(load, sender));
        receiver.await.map_err(|_| self.gone())
    }

    /// Runs a job with the machine itself, between two of its slices: inspect it, take a snapshot, load an image.
    /// Works on a crashed one too. The input log is incomplete from then on.
    ///
    /// # Errors
    /// [`Gone`].
    pub async fn with_machine<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut dyn Machine) -> T + Send + 'static,
    ) -> Result<T, Gone> {
        self.run_job(true, job).await.map_err(|_| self.gone())
    }

    /// [`Self::with_machine`] for jobs without changes that the guest could notice. The input log is not affected.
    ///
    /// # Errors
    /// [`Gone`].
    pub async fn inspect<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut dyn Machine) -> T + Send + 'static,
    ) -> Result<T, Gone> {
        self.run_job(false, job).await.map_err(|_| self.gone())
    }

    /// [`Self::with_machine`] for code that may block.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn with_machine_blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut dyn Machine) -> T + Send + 'static,
    ) -> Result<T, Gone> {
        self.run_job(true, job).blocking_recv().map_err(|_| self.gone())
    }

    /// Calls `job` with the machine on the caller's thread, between two of its slices; the machine's workers let it go
    /// first. It costs no change of threads, so that thousands of calls a second are cheap. The machine waits while the
    /// job runs.
    ///
    /// # Errors
    /// [`Gone`]; also when the engine failed in the job.
    pub fn visit<T>(&self, job: impl FnOnce(&mut dyn Machine) -> (T, VisitEffect)) -> Result<T, Gone> {
        let task = &self.owner.task;
        let (result, needs_turn) = task.visit(job);
        if needs_turn {
            self.owner.schedule.notify(task);
        }
        result.ok_or_else(|| self.gone())
    }

    fn run_job<T: Send + 'static>(
        &self,
        may_change_machine: bool,
        job: impl FnOnce(&mut dyn Machine) -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (sender, receiver) = oneshot::channel();
        let job = Box::new(move |machine: &mut dyn Machine| {
            // The caller may have stopped waiting.
            let _ = sender.send(job(machine));
        });
        self.command(Command::Run {
            job,
            may_change_machine,
        });
        receiver
    }

    fn gone(&self) -> Gone {
        Gone {
            machine: self.name().to_owned(),
        }
    }

    fn command(&self, command: Command) {
        if self.owner.schedule.is_shut_down() {
            return;
        }
        self.owner.task.command(command);
        self.owner.schedule.notify(&self.owner.task);
    }
}

impl fmt::Debug for MachineHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MachineHandle")
            .field("name", &self.name())
            .field("status", &self.status())
            .finish()
    }
}
