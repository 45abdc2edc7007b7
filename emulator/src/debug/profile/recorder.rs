//! Turns the reports of a profiled core into a call tree. Guests are not trusted: their effects here are bounded and
//! may be contradictory.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::coverage::Executed;
use super::limits;
use super::shadow::Shadow;
use super::stacks::{Extents, Stack};
use super::tree::{NodeId, Tree};
use crate::machine::VirtualTime;
use crate::machine::profile::{NodeKind, Progress, Symbols};

/// The recording of one machine.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    pub(super) symbols: Arc<Symbols>,
    pub(super) tree: Tree,
    /// The running contexts, innermost last; the first is a thread. Never empty.
    running: Vec<Shadow>,
    /// Threads that were switched away.
    parked: Vec<Shadow>,
    threads: u32,
    /// Cycles of the core up to which everything is billed, and how many of them it had slept.
    billed: u64,
    slept: u64,
    /// Between [`Self::begin`] and [`Self::end`] of an instruction.
    within: bool,
    /// The node of the running instruction.
    at: NodeId,
    /// Whether the instruction returned from an exception, or took one.
    returned: bool,
    entered: bool,
    pub(super) extents: Extents,
    pub(super) executed: Executed,
    /// Entries of each exception, and the most stack it took.
    pub(super) exceptions: BTreeMap<u32, Taken>,
    /// Calls beyond [`limits::DEPTH`].
    pub(super) too_deep: u64,
    pub(super) cycles: u64,
    pub(super) instructions: u64,
    recording: bool,
    from: VirtualTime,
    to: VirtualTime,
    pub(super) until: Option<VirtualTime>,
}

/// One exception, as often as it was taken.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Taken {
    pub(super) entries: u64,
    pub(super) stack_bytes: u32,
}

/// Where a core is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watched {
    /// Cycles since power-on, sleep included.
    pub(crate) cycles: u64,
    /// Those of them asleep.
    pub(crate) slept: u64,
}

/// An instruction that was executed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// Where the core is behind it.
    pub(crate) at: Watched,
    /// Address of the next instruction.
    pub(crate) pc: u32,
    /// Address behind it in memory.
    pub(crate) behind: u32,
    /// Stack pointer behind it.
    pub(crate) sp: u32,
    /// Whether that is Arm's process stack.
    pub(crate) process: bool,
    /// The return address, if it is a branch with link.
    pub(crate) link: Option<u32>,
    /// Instructions that were counted.
    pub(crate) instructions: u64,
}

/// Stack pointers that differ by less than an exception frame belong to the same stack.
const SAME_STACK: u32 = 16;

impl Recorder {
    /// A recorder that begins at `at`, with `ram` as the ranges of memory that can hold stacks.
    pub(crate) fn new(
        symbols: Arc<Symbols>,
        ram: Vec<(u32, u32)>,
        at: Watched,
        (from, until): (VirtualTime, Option<VirtualTime>),
    ) -> Self {
        let mut tree = Tree::default();
        let root = tree.child(None, NodeKind::Thread(0));
        let extents = Extents::new(ram, symbols.stack_top);
        Self {
            symbols,
            tree,
            running: vec![Shadow::new(root)],
            parked: Vec::new(),
            threads: 1,
            billed: at.cycles,
            slept: at.slept,
            within: false,
            at: root,
            returned: false,
            entered: false,
            extents,
            executed: Executed::default(),
            exceptions: BTreeMap::new(),
            too_deep: 0,
            cycles: 0,
            instructions: 0,
            recording: true,
            from,
            to: from,
            until,
        }
    }

    /// Whether instructions must be reported.
    pub(crate) fn is_recording(&self) -> bool {
        self.recording
    }

    /// When it is to end.
    pub(crate) fn until(&self) -> Option<VirtualTime> {
        self.until
    }

    pub(crate) fn progress(&self) -> Progress {
        Progress {
            recording: self.recording,
            from: self.from,
            to: self.to,
            until: self.until,
            instructions: self.instructions,
        }
    }

    /// The instruction at `pc`, `bytes` long, is about to be executed.
    #[inline]
    pub(crate) fn begin(&mut self, at: Watched, pc: u32, bytes: u32) {
        self.bill_gap(at);
        self.within = true;
        self.executed.mark(pc, bytes);
        let Self {
            running, tree, symbols, ..
        } = self;
        if let Some(shadow) = running.last_mut() {
            shadow.arrive(tree, symbols, pc);
            self.at = shadow.node;
        }
    }

    /// It was executed.
    #[inline]
    pub(crate) fn end(&mut self, step: &Step) {
        self.within = false;
        let asleep = step.at.slept.saturating_sub(self.slept);
        self.bill(step.at, asleep);
        self.instructions += step.instructions;
        self.tree.executed(self.at, step.instructions);
        let stack = if step.process { Stack::Process } else { Stack::Main };
        self.extents.seen(stack, step.sp);
        let Self {
            running, tree, symbols, ..
        } = self;
        let Some(shadow) = running.last_mut() else { return };
        if self.returned {
            self.returned = false;
            return self.leave_exception(step.sp);
        }
        if std::mem::take(&mut self.entered) {
            // The current context has not executed anything yet.
            return;
        }
        shadow.sp = step.sp;
        shadow.lowest_sp = shadow.lowest_sp.min(step.sp);
        if let Some(return_to) = step.link.filter(|_| step.pc != step.behind) {
            if !shadow.call(tree, symbols, step.pc, return_to, step.sp) {
                self.too_deep += 1;
            }
        } else if step.pc != step.behind {
            shadow.jump(step.pc, step.sp);
        }
    }

    /// The core took exception `number`, whose entry took the last `entry_cycles`.
    pub(crate) fn exception_entered(&mut self, number: u32, at: Watched, entry_cycles: u32) {
        if !self.recording {
            return;
        }
        let before = Watched {
            cycles: at
                .cycles
                .saturating_sub(u64::from(entry_cycles))
                .max(self.billed.min(at.cycles)),
            ..at
        };
        if self.within {
            self.bill(before, 0);
        } else {
            self.bill_gap(before);
        }
        let mut interrupted = self.running.last().map_or(0, |shadow| shadow.sp);
        if std::mem::take(&mut self.returned) && self.running.len() > 1 {
            // Tail-chained: it takes over the frame of the exception that ends.
            if let Some(ended) = self.running.pop() {
                interrupted = ended.entry_sp.unwrap_or(interrupted);
                self.note_stack(&ended);
            }
        }
        self.entered |= self.within;
        let root = self.tree.child(None, NodeKind::Exception(number));
        self.tree.called(root);
        self.exceptions.entry(number).or_default().entries += 1;
        let mut shadow = Shadow::new(root);
        shadow.entry_sp = Some(interrupted);
        if self.running.len() >= limits::NESTED {
            self.running.pop();
        }
        self.running.push(shadow);
        self.bill(at, 0);
    }

    /// Whether the running instruction returns from an exception.
    pub(crate) fn is_returning(&self) -> bool {
        self.returned
    }

    /// The running instruction returns from an exception.
    pub(crate) fn exception_returned(&mut self) {
        self.returned = self.within;
    }

    /// The core was reset: nothing returns any more.
    pub(crate) fn reset(&mut self, at: Watched) {
        if !self.recording {
            return;
        }
        self.bill_gap(at);
        let root = self.tree.child(None, NodeKind::Thread(0));
        self.running = vec![Shadow::new(root)];
        self.parked.clear();
        self.returned = false;
        self.entered = false;
    }

    /// The machine's state was replaced: a snapshot was restored.
    pub(crate) fn moved(&mut self, at: Watched, now: VirtualTime) {
        self.billed = at.cycles;
        self.slept = at.slept;
        self.reset(at);
        self.to = now;
        if self.until.is_some_and(|until| until <= now) || now < self.from {
            self.recording = false;
        }
    }

    /// Time has reached `now`; returns true if the profile has just ended.
    pub(crate) fn came_to(&mut self, at: Watched, now: VirtualTime) -> bool {
        if !self.recording {
            return false;
        }
        self.bill_gap(at);
        self.to = now;
        self.recording = self.until.is_none_or(|until| now < until);
        !self.recording
    }

    /// Leaves an exception for the interrupted context, or for another thread.
    fn leave_exception(&mut self, sp: u32) {
        if self.running.len() < 2 {
            return;
        }
        if let Some(ended) = self.running.pop() {
            self.note_stack(&ended);
        }
        let same = |shadow: &Shadow| shadow.sp.abs_diff(sp) < SAME_STACK;
        let never_ran = |shadow: &Shadow| shadow.sp == 0 && shadow.depth() == 0;
        if self.running.len() > 1 || same(&self.running[0]) || never_ran(&self.running[0]) {
            return;
        }
        let thread = match self.parked.iter().position(same) {
            Some(index) => self.parked.swap_remove(index),
            None => {
                let number = self.threads.min(limits::THREADS as u32);
                self.threads = number + 1;
                Shadow::new(self.tree.child(None, NodeKind::Thread(number)))
            }
        };
        let before = std::mem::replace(&mut self.running[0], thread);
        if self.parked.len() >= limits::THREADS {
            self.parked.remove(0);
        }
        self.parked.push(before);
    }

    fn note_stack(&mut self, ended: &Shadow) {
        let (Some(entry), NodeKind::Exception(number)) = (ended.entry_sp, self.tree.nodes[ended.root as usize].kind)
        else {
            return;
        };
        // If it has a stack of its own, it starts elsewhere.
        let one_ram = self
            .extents
            .ram_of(entry)
            .is_some_and(|(base, _)| ended.lowest_sp >= base);
        if one_ram && ended.lowest_sp < entry {
            let taken = self.exceptions.entry(number).or_default();
            taken.stack_bytes = taken.stack_bytes.max(entry - ended.lowest_sp);
        }
    }

    /// Between instructions time passes by sleeping, and by waiting.
    fn bill_gap(&mut self, at: Watched) {
        if at.cycles <= self.billed {
            return;
        }
        let asleep = at.slept.saturating_sub(self.slept);
        let waited = (at.cycles - self.billed).saturating_sub(asleep);
        if waited > 0
            && let Some(node) = self.running.last().map(|shadow| shadow.node)
        {
            let node = self.tree.child(Some(node), NodeKind::Stalled);
            self.tree.bill(node, waited);
            self.cycles += waited;
            self.billed += waited;
        }
        self.bill(at, asleep);
    }

    /// Bills everything up to `at`, `asleep` of it to sleep.
    fn bill(&mut self, at: Watched, asleep: u64) {
        let cycles = at.cycles.saturating_sub(self.billed);
        self.billed = self.billed.max(at.cycles);
        self.slept = at.slept;
        let asleep = asleep.min(cycles);
        self.cycles += cycles;
        if asleep > 0 {
            let node = self.tree.child(None, NodeKind::Asleep);
            self.tree.bill(node, asleep);
        }
        if let Some(shadow) = self.running.last() {
            self.tree.bill(shadow.node, cycles - asleep);
        }
    }

    /// Frames of all stacks, for the test of their bound.
    #[cfg(test)]
    pub(super) fn frames(&self) -> usize {
        self.running.iter().chain(&self.parked).map(Shadow::depth).sum()
    }
}
