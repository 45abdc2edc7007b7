//! The schedule: a queue of machines that are ready, and a heap of those that wait for a host instant.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::machine_task::MachineTask;

/// The state of a machine in the schedule. Stored in its task, changed under the schedule's lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScheduleState {
    /// In the heap, or in no queue. A heap entry is valid only if its ticket is `ticket`.
    Waiting { ticket: u64 },
    /// In the queue.
    Ready,
    /// A worker runs it.
    Running,
    /// A worker runs it, and it was notified in the meantime.
    RunningAgain,
}

/// A machine's request after its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Another turn.
    Again,
    /// A turn at this instant, or when notified.
    At(Instant),
    /// A turn when notified.
    WhenNotified,
}

/// The schedule all workers share.
#[derive(Default)]
pub(super) struct Schedule {
    queues: Mutex<Queues>,
    changed: Condvar,
}

#[derive(Default)]
struct Queues {
    ready: VecDeque<Arc<MachineTask>>,
    timers: BinaryHeap<Reverse<Timer>>,
    next_ticket: u64,
    shut_down: bool,
}

struct Timer {
    at: Instant,
    ticket: u64,
    task: Arc<MachineTask>,
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.ticket == other.ticket
    }
}

impl Eq for Timer {}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.ticket).cmp(&(other.at, other.ticket))
    }
}

impl Schedule {
    fn queues(&self) -> MutexGuard<'_, Queues> {
        // Data under this lock is consistent between any two statements.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a machine that is ready, and marks it as running. `None` after a shutdown.
    pub(super) fn next(&self) -> Option<Arc<MachineTask>> {
        let mut queues = self.queues();
        loop {
            if queues.shut_down {
                return None;
            }
            queues.promote(Instant::now());
            if let Some(task) = queues.ready.pop_front() {
                *task.schedule_state() = ScheduleState::Running;
                if !queues.ready.is_empty() {
                    self.changed.notify_one();
                }
                return Some(task);
            }
            queues = match queues.timers.peek().map(|Reverse(timer)| timer.at) {
                Some(at) => {
                    let wait = at.saturating_duration_since(Instant::now());
                    let waited = self.changed.wait_timeout(queues, wait);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(queues).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// A worker returns a machine.
    pub(super) fn put(&self, task: Arc<MachineTask>, next: Next) {
        let mut queues = self.queues();
        let mut state = task.schedule_state();
        if next == Next::Again || *state == ScheduleState::RunningAgain {
            *state = ScheduleState::Ready;
            drop(state);
            queues.ready.push_back(task);
            return;
        }
        let ticket = queues.next_ticket;
        queues.next_ticket += 1;
        *state = ScheduleState::Waiting { ticket };
        drop(state);
        if let Next::At(at) = next {
            let soonest = queues.timers.peek().is_none_or(|Reverse(timer)| at < timer.at);
            queues.timers.push(Reverse(Timer { at, ticket, task }));
            if soonest {
                // A worker that waits for a later instant would wait too long.
                self.changed.notify_one();
            }
        }
    }

    /// A machine has a command or input: it gets a turn.
    pub(super) fn notify(&self, task: &Arc<MachineTask>) {
        let mut queues = self.queues();
        let mut state = task.schedule_state();
        match *state {
            ScheduleState::Waiting { .. } => {
                *state = ScheduleState::Ready;
                drop(state);
                queues.ready.push_back(task.clone());
                self.changed.notify_one();
            }
            ScheduleState::Running => *state = ScheduleState::RunningAgain,
            ScheduleState::Ready | ScheduleState::RunningAgain => {}
        }
    }

    /// Whether no machine will have another turn.
    pub(super) fn is_shut_down(&self) -> bool {
        self.queues().shut_down
    }

    /// Lets all workers end after their present turn.
    pub(super) fn shut_down(&self) {
        self.queues().shut_down = true;
        self.changed.notify_all();
    }
}

impl Queues {
    /// Moves the machines whose instant is reached to the queue.
    fn promote(&mut self, now: Instant) {
        while let Some(Reverse(timer)) = self.timers.peek() {
            let mut state = timer.task.schedule_state();
            let meant = *state == ScheduleState::Waiting { ticket: timer.ticket };
            if meant && timer.at > now {
                return;
            }
            if meant {
                *state = ScheduleState::Ready;
            }
            drop(state);
            if let Some(Reverse(timer)) = self.timers.pop()
                && meant
            {
                self.ready.push_back(timer.task);
            }
        }
    }
}
