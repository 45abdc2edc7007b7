//! The run loop of every core: it runs blocks of code while nothing is due, then events, interrupts and exceptions. A
//! sleeping core jumps to the next event.
//!
//! Events and exceptions are taken at the first instruction boundary at or after their time: a block runs as a whole
//! only if nothing falls due inside it, otherwise instruction by instruction.
//!
//! [`RunLoop`] covers the differences between instruction sets. Everything is generic over the core and compiled once
//! for each: no call on this path is virtual.

use super::clock::CoreClock;
use super::code_cache::CodeCache;
use super::dispatch::{Block, Dispatch, Runnable, enter, step_through};
use super::fabric::{Chip, Fabric, Request, ResetKind};
use super::limits::Limits;
use crate::debug::profile::Watched;

/// Cycles of one run of the dispatch, whose clock counts 32 bits of them.
const BUDGET_MAX: u64 = 1 << 30;

/// Why a run ended, for the reasons that every core has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CommonStop {
    /// [`Limits::until`] is reached.
    Time,
    /// [`Limits::instructions`] is reached.
    Instructions,
    /// Asleep with [`Limits::stop_when_idle`], or without a scheduled event that could wake it.
    Idle,
    /// The machine was reset.
    Reset(ResetKind),
    /// The chip switched itself off.
    PowerOff,
}

/// The parts of a core that the loop reads and writes.
pub(super) struct Parts<'a, C: RunLoop> {
    /// Core clock cycles since power-on, sleep included.
    pub(super) cycles: &'a mut u64,
    /// The next instruction may have changed.
    pub(super) attention: &'a mut bool,
    /// Why the core executes nothing until it is reset.
    pub(super) halted: &'a mut Option<C::Stop>,
    pub(super) clock: &'a mut CoreClock,
    pub(super) code: &'a mut CodeCache<Block<C>>,
    pub(super) dispatch: &'a mut Dispatch<C>,
    pub(super) fabric: &'a mut Fabric,
    pub(super) chip: &'a mut dyn Chip,
}

/// A core that [`run`] drives.
pub(super) trait RunLoop: Runnable {
    /// Why its runs end.
    type Stop: Copy + PartialEq + From<CommonStop>;

    /// The parts that the loop works on.
    fn parts(&mut self) -> Parts<'_, Self>;

    /// The cycle at which an event, or a timer of the core itself, falls due.
    fn next_due(&self) -> u64;

    /// Checks the core's own timers and the interrupt lines, after the chip's events were served.
    fn after_events(&mut self);

    /// Ends a sleep that is over, and takes one interrupt or exception. Returns whether events must be served again
    /// before the next instruction.
    fn take_pending(&mut self) -> bool;

    /// Whether the core sleeps.
    fn is_sleeping(&self) -> bool;

    /// The core sleeps from now to `cycle`: for its counters.
    fn sleep_until(&mut self, cycle: u64);

    /// Whether a debugger halted the core.
    fn is_debug_halted(&self) -> bool {
        false
    }

    /// Resets core and chip.
    fn reset(&mut self, kind: ResetKind);

    /// Whether this machine may run code that other machines decoded from the same image.
    fn may_share_code(&self) -> bool;

    /// Whether instructions must be fetched and checked one by one now.
    fn must_step(&self) -> bool;

    /// Executes exactly one instruction, fetched from the current memory.
    fn step(&mut self);

    /// Decodes the block at `pc` into the code cache, if code there may be run.
    fn decode_block(&mut self, pc: u32);

    /// Where the core is, for a profile.
    fn watched(&self) -> Watched;

    /// As the normal loop, but one instruction at a time, each of which is recorded.
    fn run_profiled(&mut self, due: u64, limit: u64);
}

/// Runs `core` until a limit is reached or the machine stops by itself.
pub(super) fn run<C: RunLoop>(core: &mut C, limits: Limits) -> C::Stop {
    loop {
        if let Some(stop) = catch_up(core) {
            return stop;
        }
        let end = core.parts().clock.cycle_at(limits.until);
        let (cycles, instructions) = core.elapsed();
        if cycles >= end {
            return CommonStop::Time.into();
        }
        if instructions >= limits.instructions {
            return CommonStop::Instructions.into();
        }
        let due = core.next_due().min(end);
        let due = profiled_until(core, due);
        let parts = core.parts();
        let stalled_until = parts.clock.cycle_at(parts.fabric.stalled_until());
        if cycles < stalled_until {
            // The chip stalls the core (flash is busy): time passes, nothing is executed.
            pass(core, due.min(stalled_until));
        } else if core.is_sleeping() {
            if limits.stop_when_idle || due == u64::MAX {
                return CommonStop::Idle.into();
            }
            core.sleep_until(due);
            pass(core, due);
        } else if is_profiled(core) {
            core.run_profiled(due, limits.instructions);
        } else {
            run_code(core, due, limits.instructions);
        }
    }
}

/// Time passes until `cycle` without an instruction.
pub(super) fn pass<C: RunLoop>(core: &mut C, cycle: u64) {
    let Parts { cycles, attention, .. } = core.parts();
    *cycles = cycle;
    *attention = true;
}

/// Advances everything to the present instant, and takes exceptions until the next instruction may run.
pub(super) fn catch_up<C: RunLoop>(core: &mut C) -> Option<C::Stop> {
    loop {
        let Parts { halted, fabric, .. } = core.parts();
        if let Some(halt) = *halted {
            // A pin may wake a chip that is off or reset a core that a debugger halted; a core that locked up or exited
            // stays stopped.
            let request = fabric.take_request();
            let may_reset = halt == CommonStop::PowerOff.into() || core.is_debug_halted();
            let Some(Request::Reset(kind)) = request.filter(|_| may_reset) else {
                return Some(halt);
            };
            core.reset(kind);
            return Some(CommonStop::Reset(kind).into());
        }
        *core.parts().attention = false;
        serve_events(core);
        let may_share = core.may_share_code();
        let parts = core.parts();
        if parts.fabric.memory().has_stale_code() {
            let image_whole = parts.fabric.memory_mut().forget_code();
            parts.dispatch.clear();
            parts.code.clear(image_whole && may_share);
        }
        match parts.fabric.take_request() {
            Some(Request::Reset(kind)) => {
                core.reset(kind);
                return Some(CommonStop::Reset(kind).into());
            }
            Some(Request::PowerOff) => {
                *parts.halted = Some(CommonStop::PowerOff.into());
                continue;
            }
            None => {}
        }
        if !core.take_pending() {
            return None;
        }
    }
}

/// Serves every event that is due, then the core's own timers and interrupt lines.
pub(super) fn serve_events<C: RunLoop>(core: &mut C) {
    loop {
        let pc = core.at();
        let parts = core.parts();
        let fabric = parts.fabric;
        fabric.set_position(parts.clock.time_at(*parts.cycles), pc);
        while let Some(token) = fabric.pop_due_event() {
            parts.chip.event(fabric, token);
        }
        fabric.serve_parts(parts.chip);
        if fabric.take_cpu_hz_change() {
            parts.clock.change(*parts.cycles, fabric.cpu_hz());
        }
        fabric.take_attention();
        if fabric.next_event_at() > fabric.now() {
            break;
        }
    }
    core.after_events();
}

/// Runs code until `due`, or `limit` instructions since power-on, or something needs attention.
fn run_code<C: RunLoop>(core: &mut C, due: u64, limit: u64) {
    loop {
        let (cycles, instructions) = core.elapsed();
        if cycles >= due || instructions >= limit || core.attention() {
            return;
        }
        if core.must_step() {
            core.step();
            continue;
        }
        // Every instruction takes at least a cycle, so this many cycles do not contain too many instructions.
        let budget = (due - cycles).min(limit - instructions).min(BUDGET_MAX) as u32;
        let pc = core.at();
        if core.parts().code.get(pc).is_none() {
            core.decode_block(pc);
        }
        let Parts { code, dispatch, .. } = core.parts();
        let Some(block) = code.get(pc) else {
            core.step();
            continue;
        };
        dispatch.found(block);
        let fits = block.cycles() <= u64::from(budget);
        let block = block.handle();
        if fits {
            enter(core, block, budget);
        } else {
            step_through(core, block, due, limit);
        }
    }
}

/// Whether a profile records.
#[inline]
fn is_profiled<C: RunLoop>(core: &mut C) -> bool {
    let profile = core.parts().fabric.profile();
    profile.is_some_and(|profile| profile.recorder.is_recording())
}

/// `due`, or the end of a profile if that is earlier.
#[inline]
fn profiled_until<C: RunLoop>(core: &mut C, due: u64) -> u64 {
    if core.parts().fabric.profile().is_none() {
        return due;
    }
    let at = core.watched();
    let parts = core.parts();
    let now = parts.clock.time_at(*parts.cycles);
    let Some(profile) = parts.fabric.profile_mut() else {
        return due;
    };
    if profile.recorder.came_to(at, now) || !profile.recorder.is_recording() {
        return due;
    }
    match profile.recorder.until() {
        Some(until) => due.min(parts.clock.cycle_at(until)),
        None => due,
    }
}
