//! Lockstep: machines advance in quanta of virtual time. A quantum begins when all machines have ended the previous
//! one. Input from outside enters a machine only at the beginning of a quantum.
//!
//! A paused machine holds all others. A machine that halted, crashed or was stopped leaves the group; it joins again,
//! at its own virtual time, when it runs again. While all sleep and one has a live link, a quantum takes as long as on
//! the host's clock, so that answers from outside have time to arrive.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use super::machine_task::{MachineTask, lock};
use super::schedule::{Next, Schedule};
use crate::VirtualTime;

/// The quantum: one step of all machines.
pub(super) const QUANTUM: VirtualTime = VirtualTime::from_ms(1);
const QUANTUM_HOST: Duration = Duration::from_millis(1);
/// How much lateness is made up for.
const CREDIT: Duration = Duration::from_millis(20);

/// The machines of one runner that advance in lockstep.
pub(super) struct Lockstep {
    group: Mutex<Group>,
    schedule: Weak<Schedule>,
}

#[derive(Default)]
struct Group {
    /// Number of the quantum that is open.
    quantum: u64,
    /// Earliest time at which the open quantum could begin, if idle time is limited.
    opened: Option<Instant>,
    members: BTreeMap<u64, Member>,
    next_member: u64,
}

struct Member {
    task: Weak<MachineTask>,
    /// It has ended the open quantum.
    done: bool,
    /// It slept through it.
    slept: bool,
    /// Something outside is connected to it.
    live: bool,
}

/// A machine's membership in the group: since which quantum, and from which virtual time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Membership {
    member: u64,
    /// The quantum it joined in, and its virtual time then.
    from: u64,
    base: VirtualTime,
    /// The quantum whose input it has taken.
    fed: Option<u64>,
}

impl Membership {
    /// The end of the open quantum in the machine's own time.
    pub(super) fn end(&self, open: u64) -> VirtualTime {
        let quanta = (open - self.from).saturating_add(1);
        let span = VirtualTime::from_ps(QUANTUM.as_ps().saturating_mul(quanta));
        self.base.saturating_add(span)
    }

    /// Whether a new quantum has begun whose input was not taken yet; this call marks it as taken.
    pub(super) fn begins(&mut self, open: u64) -> bool {
        self.fed.replace(open) != Some(open)
    }
}

impl Lockstep {
    pub(super) fn new(schedule: &Arc<Schedule>) -> Self {
        Self {
            group: Mutex::default(),
            schedule: Arc::downgrade(schedule),
        }
    }

    /// A machine joins at its virtual time `now`, and still has to run the open quantum.
    pub(super) fn join(&self, task: Weak<MachineTask>, now: VirtualTime) -> Membership {
        let mut group = lock(&self.group);
        let member = group.next_member;
        group.next_member += 1;
        let membership = Membership {
            member,
            from: group.quantum,
            base: now,
            fed: None,
        };
        let member_state = Member {
            task,
            done: false,
            slept: false,
            live: false,
        };
        group.members.insert(member, member_state);
        membership
    }

    /// A machine leaves; the others continue without it.
    pub(super) fn leave(&self, membership: Membership) {
        let mut group = lock(&self.group);
        group.members.remove(&membership.member);
        let woken = group.open_if_done(Instant::now(), None);
        drop(group);
        self.wake(woken);
    }

    /// Number of the open quantum.
    pub(super) fn open(&self) -> u64 {
        lock(&self.group).quantum
    }

    /// A machine has ended the open quantum. Returns the time of its next turn.
    pub(super) fn arrive(&self, membership: Membership, slept: bool, live: bool) -> Next {
        let now = Instant::now();
        let mut group = lock(&self.group);
        let open = group.quantum;
        if let Some(member) = group.members.get_mut(&membership.member) {
            (member.done, member.slept, member.live) = (true, slept, live);
        }
        if let Some(at) = group.held_until().filter(|at| *at > now) {
            return Next::At(at);
        }
        let woken = group.open_if_done(now, Some(membership.member));
        let next = if group.quantum == open {
            Next::WhenNotified
        } else {
            Next::Again
        };
        drop(group);
        self.wake(woken);
        next
    }

    fn wake(&self, tasks: Vec<Arc<MachineTask>>) {
        if let Some(schedule) = self.schedule.upgrade() {
            for task in tasks {
                schedule.notify(&task);
            }
        }
    }
}

impl Group {
    fn all_done(&self) -> bool {
        let here = |member: &&Member| member.task.strong_count() > 0;
        !self.members.is_empty() && self.members.values().filter(here).all(|member| member.done)
    }

    /// The host's instant before which the next quantum does not begin, even if all have ended theirs.
    fn held_until(&self) -> Option<Instant> {
        let idle = self.all_done()
            && self.members.values().all(|member| member.slept)
            && self.members.values().any(|member| member.live);
        self.opened.filter(|_| idle).map(|opened| opened + QUANTUM_HOST)
    }

    /// Opens the next quantum if all have ended this one. Returns the tasks that wait for it.
    fn open_if_done(&mut self, now: Instant, but: Option<u64>) -> Vec<Arc<MachineTask>> {
        if !self.all_done() {
            return Vec::new();
        }
        // Idle time follows the host's clock; busy time shifts it.
        let due = self.held_until().unwrap_or(now);
        self.opened = Some(now.checked_sub(CREDIT).map_or(due, |earliest| due.max(earliest)));
        self.quantum += 1;
        self.members.retain(|_, member| member.task.strong_count() > 0);
        let mut woken = Vec::new();
        for (number, member) in &mut self.members {
            member.done = false;
            if Some(*number) != but {
                woken.extend(member.task.upgrade());
            }
        }
        woken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_joined_late_counts_quanta_from_there() {
        let mut membership = Membership {
            member: 0,
            from: 7,
            base: VirtualTime::from_us(300),
            fed: None,
        };
        assert_eq!(membership.end(7), VirtualTime::from_us(1_300));
        assert_eq!(membership.end(9), VirtualTime::from_us(3_300));
        assert!(membership.begins(7) && !membership.begins(7) && membership.begins(8));
    }
}
