//! The shadow of one call stack: the calls that have not returned yet.

use super::limits;
use super::tree::{NodeId, Tree};
use crate::machine::profile::{NodeKind, Symbols};

/// One stack of calls: of a thread, or of an exception.
#[derive(Clone, Debug)]
pub(super) struct Shadow {
    pub(super) root: NodeId,
    /// The node to which time is billed now.
    pub(super) node: NodeId,
    /// The addresses for which that holds: the function's.
    range: (u32, u32),
    frames: Vec<Frame>,
    /// Stack pointer when it last ran.
    pub(super) sp: u32,
    /// Stack pointer of the interrupted code, and the lowest since.
    pub(super) entry_sp: Option<u32>,
    pub(super) lowest_sp: u32,
}

/// A call that has not returned.
#[derive(Clone, Copy, Debug)]
struct Frame {
    /// The caller's.
    node: NodeId,
    range: (u32, u32),
    return_to: u32,
    /// Stack pointer at the call, which it has again after the return.
    sp: u32,
}

impl Shadow {
    pub(super) fn new(root: NodeId) -> Self {
        Self {
            root,
            node: root,
            range: (0, 0),
            frames: Vec::new(),
            sp: 0,
            entry_sp: None,
            lowest_sp: u32::MAX,
        }
    }

    pub(super) fn depth(&self) -> usize {
        self.frames.len()
    }

    /// The instruction at `pc` is next: if it is in another function than the previous one, this is a tail call.
    #[inline]
    pub(super) fn arrive(&mut self, tree: &mut Tree, symbols: &Symbols, pc: u32) {
        if pc < self.range.0 || pc >= self.range.1 {
            let caller = self.frames.last().map_or(self.root, |frame| frame.node);
            self.enter(tree, symbols, caller, pc);
        }
    }

    /// A call from the present function to `target`. Returns false if its frame does not fit.
    pub(super) fn call(&mut self, tree: &mut Tree, symbols: &Symbols, target: u32, return_to: u32, sp: u32) -> bool {
        // A guest that never returns leaves frames whose stack is no longer in use.
        while self.frames.last().is_some_and(|frame| frame.sp < sp) {
            self.leave();
        }
        if self.frames.len() >= limits::DEPTH {
            return false;
        }
        let caller = self.node;
        self.frames.push(Frame {
            node: caller,
            range: self.range,
            return_to,
            sp,
        });
        self.enter(tree, symbols, caller, target);
        true
    }

    /// A jump to `target`, with `sp` after it: a return, if a frame waits for it.
    pub(super) fn jump(&mut self, target: u32, sp: u32) {
        let alive = self.frames.iter().rev().take_while(|frame| frame.sp <= sp);
        let above = alive
            .enumerate()
            .find(|(_, frame)| frame.return_to == target && frame.sp == sp)
            .map(|(above, _)| above);
        match above {
            Some(above) => (0..=above).for_each(|_| self.leave()),
            None => {
                while self.frames.last().is_some_and(|frame| frame.sp < sp) {
                    self.leave();
                }
                // Into the middle of the caller, with its stack: `longjmp`, not a tail call.
                let within = |range: (u32, u32)| target > range.0 && target < range.1;
                if !within(self.range)
                    && self
                        .frames
                        .last()
                        .is_some_and(|frame| frame.sp == sp && within(frame.range))
                {
                    self.leave();
                }
            }
        }
    }

    fn leave(&mut self) {
        if let Some(frame) = self.frames.pop() {
            self.node = frame.node;
            self.range = frame.range;
        }
    }

    fn enter(&mut self, tree: &mut Tree, symbols: &Symbols, caller: NodeId, pc: u32) {
        let (function, range) = symbols.at(pc);
        self.range = range;
        self.node = tree.child(Some(caller), function.map_or(NodeKind::Unnamed, NodeKind::Function));
        tree.called(self.node);
    }
}
