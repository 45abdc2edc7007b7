//! A look at a chip while it runs: memory, the RTT console, samples of the program counter. The core is never halted, and
//! nothing that its program uses is changed, except for what a look needs: RTT's offsets, what is sent over RTT,
//! and DEMCR.TRCENA.

use super::{
    ProbeError, Probes,
    chip::{arm_interface, causes, memory, nordic_lock},
};
use drydock_assets::Board;
use drydock_rtt::{self as rtt, Ring, Way};
use probe_rs::architecture::arm::{ArmDebugInterface, ArmError, memory::ArmMemoryInterface};
use std::ops::Range;

/// DEMCR.TRCENA switches the trace block on, DWT_PCSR has the sample (ARMv7-M C1.6.5, C1.8.5).
const DEMCR: u64 = 0xe000_edfc;
const TRCENA: u32 = 1 << 24;
const DWT_PCSR: u64 = 0xe000_101c;
const NO_SAMPLE: u32 = u32::MAX;
/// How much memory is read at once while a control block is looked for.
const SCAN_BYTES: u32 = 4096;

/// A chip behind a probe, while it runs. The probe is in use until it is dropped.
pub struct LiveChip {
    interface: Box<dyn ArmDebugInterface>,
    ram: Vec<Range<u32>>,
    /// Where RTT's control block is, once it was found.
    control_block: Option<u32>,
    /// Which channel up was read last, and up to which offset.
    read_up_to: Option<(u32, u32)>,
    has_restarted: bool,
}

impl Probes {
    /// Opens a probe for a look at a board that runs. The board is neither reset nor halted.
    ///
    /// # Errors
    /// [`ProbeError`].
    pub fn look(&self, id: &str, board: &Board) -> Result<LiveChip, ProbeError> {
        let mut interface = arm_interface(self.open(id)?)?;
        if nordic_lock(&mut *interface).map_err(gone)? == Some(true) {
            return Err(ProbeError::Locked);
        }
        Ok(LiveChip {
            interface,
            ram: board
                .chip
                .ram
                .iter()
                .map(|ram| ram.base..ram.base + ram.bytes)
                .collect(),
            control_block: None,
            read_up_to: None,
            has_restarted: false,
        })
    }
}

impl LiveChip {
    /// Reads memory as the chip's bus has it; registers have their side effects.
    ///
    /// # Errors
    /// [`ProbeError::NoAnswer`]; also where the bus refuses the access.
    pub fn read(&mut self, address: u32, bytes: &mut [u8]) -> Result<(), ProbeError> {
        self.memory()?.read_8(u64::from(address), bytes).map_err(gone)
    }

    /// Samples the program counter `count` times, as fast as the probe can. Samples that the chip has none for (its core was
    /// halted, or sleeps on some chips) are left out.
    ///
    /// # Errors
    /// [`ProbeError::NoAnswer`].
    pub fn sample_pc(&mut self, count: usize) -> Result<Vec<u32>, ProbeError> {
        let mut memory = self.memory()?;
        let mut sample = || {
            let demcr = memory.read_word_32(DEMCR)?;
            if demcr & TRCENA == 0 {
                memory.write_word_32(DEMCR, demcr | TRCENA)?;
            }
            let mut samples = Vec::with_capacity(count);
            for _ in 0..count {
                samples.push(memory.read_word_32(DWT_PCSR)?);
            }
            samples.retain(|pc| *pc != NO_SAMPLE);
            Ok(samples)
        };
        sample().map_err(gone)
    }

    /// Whether the program has an RTT console: whether its control block is somewhere in RAM. It may appear only after the
    /// program has run for a while.
    ///
    /// # Errors
    /// [`ProbeError::NoAnswer`].
    pub fn has_rtt(&mut self) -> Result<bool, ProbeError> {
        if let Some(address) = self.control_block {
            let mut id = [0; rtt::ID.len()];
            self.read(address, &mut id)?;
            if &id == rtt::ID {
                return Ok(true);
            }
        }
        self.control_block = self.find_control_block()?;
        Ok(self.control_block.is_some())
    }

    /// Takes what the program wrote to an RTT channel since the last call; empty without a console or without that channel.
    ///
    /// # Errors
    /// [`ProbeError::NoAnswer`]; [`ProbeError::Garbled`] if the channel's description makes no sense.
    pub fn read_rtt(&mut self, channel: u32) -> Result<Vec<u8>, ProbeError> {
        let Some((place, ring)) = self.channel(Way::Up, channel)? else {
            return Ok(Vec::new());
        };
        // Nobody else moves the offset.
        let last = self.read_up_to.replace((place, ring.write_offset()));
        self.has_restarted |= last.is_some_and(|last| last != (place, ring.read_offset()));
        let mut bytes = Vec::new();
        for part in ring.parts() {
            let start = bytes.len();
            bytes.resize(start + part.len(), 0);
            self.read(part.start, &mut bytes[start..])?;
        }
        if !bytes.is_empty() {
            self.write_word(place + rtt::READ_OFFSET, ring.write_offset())?;
        }
        Ok(bytes)
    }

    /// Whether the program has set its console up again since the last call, as it does after a reset: what
    /// [`Self::read_rtt`] returned last begins anew. It cannot be seen if all bytes before ended at the ring's beginning.
    pub fn take_rtt_restart(&mut self) -> bool {
        std::mem::take(&mut self.has_restarted)
    }

    /// Gives the program bytes on an RTT channel, as many as it has room for now. Says how many; `None` without a console or
    /// without that channel.
    ///
    /// # Errors
    /// As [`Self::read_rtt`].
    pub fn write_rtt(&mut self, channel: u32, bytes: &[u8]) -> Result<Option<usize>, ProbeError> {
        let Some((place, ring)) = self.channel(Way::Down, channel)? else {
            return Ok(None);
        };
        let mut rest = bytes;
        for part in ring.room() {
            let (now, later) = rest.split_at(rest.len().min(part.len()));
            if !now.is_empty() {
                let mut memory = self.memory()?;
                memory.write_8(u64::from(part.start), now).map_err(gone)?;
            }
            rest = later;
        }
        let count = bytes.len() - rest.len();
        if count > 0 {
            // Only now, when the bytes are there.
            self.write_word(place + rtt::WRITE_OFFSET, ring.write_offset_after(count as u32))?;
        }
        Ok(Some(count))
    }

    /// The address of a channel's description, and its ring.
    fn channel(&mut self, way: Way, number: u32) -> Result<Option<(u32, Ring)>, ProbeError> {
        if !self.has_rtt()? {
            return Ok(None);
        }
        let Some(block) = self.control_block else {
            return Ok(None);
        };
        let mut header = [0; rtt::HEADER_BYTES];
        self.read(block, &mut header)?;
        let Some(place) = rtt::channel(block, &header, way, number) else {
            return Ok(None);
        };
        let mut descriptor = [0; rtt::CHANNEL_BYTES];
        self.read(place, &mut descriptor)?;
        let ring = Ring::read(&descriptor, &self.ram).map_err(ProbeError::Garbled)?;
        Ok(ring.map(|ring| (place, ring)))
    }

    fn write_word(&mut self, address: u32, value: u32) -> Result<(), ProbeError> {
        let mut memory = self.memory()?;
        let written = memory.write_word_32(u64::from(address), value);
        written.and_then(|()| memory.flush()).map_err(gone)
    }

    fn find_control_block(&mut self) -> Result<Option<u32>, ProbeError> {
        for ram in self.ram.clone() {
            let mut start = ram.start;
            while start < ram.end {
                // An id may lie across the border of two pieces.
                let end = ram.end.min(start.saturating_add(SCAN_BYTES + rtt::ID.len() as u32));
                let mut piece = vec![0; (end - start) as usize];
                self.read(start, &mut piece)?;
                if let Some(at) = piece.windows(rtt::ID.len()).position(|window| window == rtt::ID) {
                    return Ok(Some(start + at as u32));
                }
                start = start.saturating_add(SCAN_BYTES);
            }
        }
        Ok(None)
    }

    fn memory(&mut self) -> Result<Box<dyn ArmMemoryInterface + '_>, ProbeError> {
        memory(&mut *self.interface).map_err(gone)
    }
}

fn gone(error: ArmError) -> ProbeError {
    ProbeError::NoAnswer(causes(&error))
}

impl std::fmt::Debug for LiveChip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveChip")
            .field("control_block", &self.control_block)
            .finish_non_exhaustive()
    }
}
