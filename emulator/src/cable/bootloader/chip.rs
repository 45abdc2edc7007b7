//! What a bootloader does to a chip: flash by flash's rules, RAM, and the words that tell which chip it is.

use std::ops::Range;

use crate::machine::Machine;

/// The chip of a machine that stands still. As on a bus that answers nothing, reads where nothing is give zeroes, and
/// writes there are lost.
pub(in super::super) struct Chip<'m> {
    machine: &'m mut dyn Machine,
    /// How many bytes are erased until the power goes, if it does.
    erasable: Option<u32>,
    /// Whether its flash is protected against reading.
    protected: bool,
}

impl<'m> Chip<'m> {
    /// `erasable`: how many bytes are erased until the power goes; `None` if it stays.
    pub(in super::super) fn new(machine: &'m mut dyn Machine, erasable: Option<u32>) -> Self {
        Self {
            machine,
            erasable,
            protected: false,
        }
    }

    /// The same chip, with its flash protected against reading or not.
    pub(in super::super) fn with_protection(self, protected: bool) -> Self {
        Self { protected, ..self }
    }

    /// Whether its flash is protected against reading.
    pub(in super::super) fn is_protected(&self) -> bool {
        self.protected
    }

    /// Ends the protection against reading.
    pub(super) fn unprotect(&mut self) {
        self.protected = false;
    }

    /// How many bytes are still erased; 0 if the power is gone.
    pub(in super::super) fn erasable(&self) -> Option<u32> {
        self.erasable
    }

    /// Reads flash or RAM.
    pub(super) fn read(&mut self, address: u32, bytes: &mut [u8]) {
        if self.machine.read_memory(address, bytes).is_err() {
            bytes.fill(0);
        }
    }

    /// Reads a word of memory, or of the chip's factory information.
    pub(super) fn word(&mut self, address: u32) -> u32 {
        let mut word = [0; 4];
        match self.machine.read_memory(address, &mut word) {
            Ok(()) => u32::from_le_bytes(word),
            Err(_) => self.machine.bus_word(address).unwrap_or(0),
        }
    }

    /// Writes RAM.
    pub(super) fn write_ram(&mut self, address: u32, bytes: &[u8]) {
        let _ = self.machine.write_memory(address, bytes);
    }

    /// Writes flash: bits only change from one to zero.
    pub(super) fn program(&mut self, address: u32, bytes: &[u8]) {
        if self.erasable == Some(0) {
            return;
        }
        let mut cells = vec![0; bytes.len()];
        self.read(address, &mut cells);
        for (cell, byte) in cells.iter_mut().zip(bytes) {
            *cell &= byte;
        }
        let _ = self.machine.write_memory(address, &cells);
    }

    /// Erases flash: all bits are one.
    pub(super) fn erase(&mut self, mut range: Range<u32>) {
        if let Some(erasable) = &mut self.erasable {
            range.end = range.end.min(range.start.saturating_add(*erasable));
            *erasable -= range.end - range.start;
        }
        let bytes = vec![0xff; (range.end - range.start) as usize];
        let _ = self.machine.write_memory(range.start, &bytes);
    }
}
