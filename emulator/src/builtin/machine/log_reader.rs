//! What a debugger that collects logs does with RTT: it finds the control block in RAM, takes what the program wrote into
//! the rings up, and puts what is sent to the program into the rings down.
//!
//! All of it happens at instants of virtual time that depend on nothing outside, so that the same program gives the same
//! run. The rings are left alone in a sleep: there is nothing to take then.

use super::BuiltinMachine;
use crate::core::any_core::AnyCore;
use crate::core::fabric::Fabric;
use crate::core::memory::RegionKind;
use crate::machine::{DebugLine, LOG_CHANNELS, MachineError, RunLimit, StopReason, VirtualTime};
use drydock_rtt::{
    CHANNEL_BYTES, FLAGS_OFFSET, HEADER_BYTES, ID, MODE_BLOCK, MODE_MASK, READ_OFFSET, Ring, WRITE_OFFSET, Way,
    channel, flags_of, name_of,
};
use std::collections::VecDeque;
use std::ops::Range;

/// Between two looks at the rings. A program that fills one sooner waits for the next look.
const LOOK: VirtualTime = VirtualTime::from_ms(1);
/// Between two searches for a control block that is not there yet.
const SEARCH: VirtualTime = VirtualTime::from_ms(10);
/// Bytes that may wait for the program, for each channel.
const QUEUE_BYTES: usize = 1024;
/// Longest name of a channel.
const NAME_BYTES: usize = 64;
/// The symbol of the control block, in SEGGER's sources and in the crates for Rust.
pub(super) const SYMBOL: &str = "_SEGGER_RTT";

/// The reader of one machine.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(in crate::builtin) struct LogReader {
    /// Where the image says that the control block is. Otherwise RAM is searched.
    symbol: Option<u32>,
    block: Option<u32>,
    next: VirtualTime,
    /// How many instructions had been executed at the last look.
    seen: u64,
    to_program: [VecDeque<u8>; LOG_CHANNELS as usize],
    /// Something for the program has arrived since the last look.
    has_new: bool,
}

impl LogReader {
    pub(super) fn new(symbol: Option<u32>) -> Self {
        Self {
            symbol,
            block: None,
            next: VirtualTime::ZERO,
            seen: 0,
            to_program: Default::default(),
            has_new: false,
        }
    }

    /// How many more bytes a channel takes.
    pub(super) fn room(&self, channel: u8) -> usize {
        QUEUE_BYTES - self.to_program[usize::from(channel)].len()
    }

    /// Takes bytes for the program, as many as there is room for. Returns how many.
    pub(super) fn send(&mut self, channel: u8, bytes: &[u8]) -> usize {
        let taken = self.room(channel).min(bytes.len());
        self.to_program[usize::from(channel)].extend(&bytes[..taken]);
        self.has_new |= taken > 0;
        taken
    }

    /// The name of a channel up.
    pub(super) fn name(&self, fabric: &Fabric, channel: u8) -> Option<String> {
        let (_, description, _) = ring(fabric, self.block?, Way::Up, channel)?;
        let mut name = vec![0; NAME_BYTES];
        let start = name_of(&description);
        // A name near the end of memory is shorter.
        let end = (0..NAME_BYTES).find(|at| {
            let read = fabric
                .memory()
                .read(start.wrapping_add(*at as u32), &mut name[*at..=*at]);
            read.is_err() || name[*at] == 0
        });
        name.truncate(end.unwrap_or(NAME_BYTES));
        Some(String::from_utf8_lossy(&name).into_owned())
    }

    /// Whether a look could find anything: the program has run, or there is something for it.
    fn is_useful(&self, core: &AnyCore) -> bool {
        core.instructions() != self.seen || self.has_new
    }

    /// One instant of looking. In a sleep there is nothing to see.
    fn instant(&mut self, core: &mut AnyCore) {
        if self.is_useful(core) {
            self.look(core);
        }
        let every = if self.block.is_some() { LOOK } else { SEARCH };
        let now = core.now().as_ps();
        self.next = VirtualTime::from_ps((now / every.as_ps() + 1).saturating_mul(every.as_ps()));
    }

    fn look(&mut self, core: &mut AnyCore) {
        self.seen = core.instructions();
        self.has_new = false;
        let (_, fabric) = core.chip_mut();
        self.find(fabric);
        if let Some(block) = self.block {
            for number in 0..LOG_CHANNELS {
                take(fabric, block, number);
                give(fabric, block, number, &mut self.to_program[usize::from(number)]);
            }
        }
    }

    /// The program may set its control block up late, and again after a reset.
    fn find(&mut self, fabric: &Fabric) {
        let has_id = |address: u32| {
            let mut id = [0; ID.len()];
            fabric.memory().read(address, &mut id).is_ok() && id == *ID
        };
        self.block = match (self.symbol, self.block) {
            (Some(symbol), _) => Some(symbol).filter(|symbol| has_id(*symbol)),
            (None, Some(block)) if has_id(block) => Some(block),
            (None, _) => ram(fabric).into_iter().find_map(|ram| search(fabric, ram)),
        };
    }
}

impl BuiltinMachine {
    /// Runs as [`Self::run_until`] does, and looks at the program's rings at their times.
    pub(super) fn run_with_logs(&mut self, limit: RunLimit) -> Result<StopReason, MachineError> {
        loop {
            let Some(reader) = &self.logs else {
                return self.run_until(limit);
            };
            let next = reader.next;
            let until = limit.until.min(next);
            let stop = self.run_until(RunLimit { until, ..limit })?;
            match stop {
                StopReason::Deadline => {
                    if self.core.now() >= next {
                        self.look_at_logs();
                    }
                    if self.core.now() >= limit.until {
                        return Ok(stop);
                    }
                }
                StopReason::Idle { next_event } => {
                    let is_useful = self.logs.as_ref().is_some_and(|reader| reader.is_useful(&self.core));
                    let next_event = match next_event {
                        Some(event) if is_useful => Some(event.min(next)),
                        None if is_useful => Some(next),
                        event => event,
                    };
                    return Ok(StopReason::Idle { next_event });
                }
                StopReason::Paused | StopReason::DebugHalt | StopReason::Stepped => return Ok(stop),
                // The program's last words.
                _ => {
                    self.look_at_logs();
                    return Ok(stop);
                }
            }
        }
    }

    fn look_at_logs(&mut self) {
        if let Some(reader) = &mut self.logs {
            reader.instant(&mut self.core);
        }
    }
}

fn ram(fabric: &Fabric) -> Vec<Range<u32>> {
    let regions = fabric
        .memory()
        .regions()
        .filter(|region| region.kind == RegionKind::Ram);
    regions.map(|region| region.base..region.base + region.bytes).collect()
}

fn search(fabric: &Fabric, ram: Range<u32>) -> Option<u32> {
    let mut bytes = vec![0; ram.len()];
    fabric.memory().read(ram.start, &mut bytes).ok()?;
    let at = memchr::memmem::find(&bytes, ID)?;
    Some(ram.start + at as u32)
}

/// The address of a channel's description, the description, and its ring; `None` if there is none that makes sense.
fn ring(fabric: &Fabric, block: u32, way: Way, number: u8) -> Option<(u32, [u8; CHANNEL_BYTES], Ring)> {
    let mut header = [0; HEADER_BYTES];
    fabric.memory().read(block, &mut header).ok()?;
    let place = channel(block, &header, way, number.into())?;
    let mut description = [0; CHANNEL_BYTES];
    fabric.memory().read(place, &mut description).ok()?;
    let ring = Ring::read(&description, &ram(fabric)).ok()??;
    Some((place, description, ring))
}

fn put(fabric: &mut Fabric, address: u32, word: u32) {
    // It was read there.
    let _ = fabric.memory_mut().write(address, &word.to_le_bytes());
}

/// Takes what the program wrote, and has it wait for room from now on: nothing gets lost.
fn take(fabric: &mut Fabric, block: u32, number: u8) {
    let Some((place, description, ring)) = ring(fabric, block, Way::Up, number) else {
        return;
    };
    let flags = flags_of(&description);
    if flags & MODE_MASK != MODE_BLOCK {
        put(fabric, place + FLAGS_OFFSET, flags & !MODE_MASK | MODE_BLOCK);
    }
    let mut bytes = Vec::new();
    for part in ring.parts() {
        let start = bytes.len();
        bytes.resize(start + part.len(), 0);
        if fabric.memory().read(part.start, &mut bytes[start..]).is_err() {
            return;
        }
    }
    if bytes.is_empty() {
        return;
    }
    for byte in bytes {
        fabric.uart_output(DebugLine::Rtt(number).index(), byte);
    }
    put(fabric, place + READ_OFFSET, ring.write_offset());
}

/// Puts what waits for the program where it has room.
fn give(fabric: &mut Fabric, block: u32, number: u8, waiting: &mut VecDeque<u8>) {
    if waiting.is_empty() {
        return;
    }
    let Some((place, _, ring)) = ring(fabric, block, Way::Down, number) else {
        return;
    };
    let mut count = 0;
    for part in ring.room() {
        let now: Vec<u8> = waiting.drain(..waiting.len().min(part.len())).collect();
        if fabric.memory_mut().write(part.start, &now).is_err() {
            return;
        }
        count += now.len() as u32;
    }
    if count > 0 {
        put(fabric, place + WRITE_OFFSET, ring.write_offset_after(count));
    }
}

#[cfg(test)]
mod tests;
