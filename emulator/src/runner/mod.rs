//! Runs machines on a few worker threads: at a pace, in turns, with their inputs recorded. A sleeping machine costs
//! nothing until its next event or input. A crashed machine stays inspectable, and the others continue.
//!
//! Host time is read only here: it decides *when* input reaches a machine, which is recorded.

mod handle;
mod input_log;
mod lockstep;
mod machine_task;
mod meter;
mod pace;
mod schedule;
mod status;
mod trace;
mod uart;
mod usb;

use std::io;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, Weak};
use std::thread::{self, JoinHandle};

use self::lockstep::Lockstep;
use self::machine_task::{MachineTask, lock};
use self::schedule::Schedule;
use crate::Machine;

pub use handle::{Gone, MachineHandle, ReadError, UartError};
pub use input_log::{Input, InputLog, LoggedInput, replay};
pub use machine_task::VisitEffect;
pub use pace::Pace;
pub use status::{MachineEvent, MachineStatus, RunState};
pub use trace::{Traced, Tracer};
pub use uart::UartPort;
pub use usb::{Notify, UsbError, UsbHost, serve_usb};

/// About a third of the share of a thread that does not yield.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 5;

/// The threads that run machines. Dropping it ends the threads, and stops the machines.
pub struct Runner {
    schedule: Arc<Schedule>,
    lockstep: Arc<Lockstep>,
    tasks: Mutex<Vec<Weak<MachineTask>>>,
    workers: Vec<JoinHandle<()>>,
}

/// How a machine is run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Its name, for messages.
    pub name: String,
    /// Its pace.
    pub pace: Pace,
    /// Whether it is paused until [`MachineHandle::resume`].
    pub paused: bool,
}

impl Runner {
    /// A runner with one worker for each core of the host. The workers have low priority.
    ///
    /// # Errors
    /// The operating system cannot create a thread.
    pub fn new() -> io::Result<Self> {
        Self::with_workers(thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }

    /// A runner with `count` workers.
    ///
    /// # Errors
    /// As for [`Self::new`].
    pub fn with_workers(count: NonZeroUsize) -> io::Result<Self> {
        let schedule = Arc::new(Schedule::default());
        let workers = (0..count.get())
            .map(|index| {
                let schedule = schedule.clone();
                thread::Builder::new()
                    .name(format!("machines-{index}"))
                    .spawn(move || work(&schedule))
            })
            .collect::<io::Result<_>>()?;
        Ok(Self {
            lockstep: Arc::new(Lockstep::new(&schedule)),
            schedule,
            tasks: Mutex::default(),
            workers,
        })
    }

    /// Takes a machine over and runs it.
    pub fn add(&self, mut machine: Box<dyn Machine>, options: RunOptions) -> MachineHandle {
        usb::unplug(machine.as_mut());
        let task = Arc::new_cyclic(|me| MachineTask::new(options, machine, (me.clone(), self.lockstep.clone())));
        let mut tasks = lock(&self.tasks);
        tasks.retain(|task| task.strong_count() > 0);
        tasks.push(Arc::downgrade(&task));
        drop(tasks);
        self.schedule.notify(&task);
        MachineHandle::new(task, self.schedule.clone())
    }
}

fn work(schedule: &Schedule) {
    yield_to_others();
    while let Some(task) = schedule.next() {
        let next = task.turn();
        schedule.put(task, next);
    }
}

/// Lowers the priority of the worker, so that window and gateway respond first. On Linux each thread has its own
/// niceness; where niceness belongs to the process, it stays unchanged.
fn yield_to_others() {
    #[cfg(target_os = "linux")]
    {
        // Without it everything works, only less smoothly.
        let _ = rustix::process::nice(NICENESS);
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.schedule.shut_down();
        for worker in self.workers.drain(..) {
            // The result of a worker that panicked is not needed.
            let _ = worker.join();
        }
        for task in lock(&self.tasks).drain(..) {
            if let Some(task) = task.upgrade() {
                task.shut_down();
            }
        }
    }
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner").field("workers", &self.workers.len()).finish()
    }
}
