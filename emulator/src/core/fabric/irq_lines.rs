//! Interrupt lines from the chip to the core's interrupt controller: their levels, and the edges that it has not taken yet.

/// Words of 32 interrupt lines each: 240 lines at most (ARMv7-M B3.4).
pub(crate) const IRQ_WORDS: usize = 8;

/// Interrupt lines from the chip to the core's interrupt controller.
#[derive(Clone, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) struct IrqLines {
    level: [u32; IRQ_WORDS],
    /// Rising edges and pulses the controller has not taken yet.
    edge: [u32; IRQ_WORDS],
}

impl IrqLines {
    pub(super) fn set_level(&mut self, line: u16, level: bool) -> bool {
        let (word, bit) = (usize::from(line / 32), 1 << (line % 32));
        if (self.level[word] & bit != 0) == level {
            return false;
        }
        self.level[word] ^= bit;
        if level {
            self.edge[word] |= bit;
        }
        true
    }

    pub(super) fn set_first(&mut self, levels: u32) -> bool {
        let before = std::mem::replace(&mut self.level[0], levels);
        self.edge[0] |= levels & !before;
        before != levels
    }

    pub(super) fn pulse(&mut self, line: u16) {
        self.edge[usize::from(line / 32)] |= 1 << (line % 32);
    }

    pub(super) fn level(&self, line: u16) -> bool {
        self.level[usize::from(line / 32)] & (1 << (line % 32)) != 0
    }

    /// Current levels, 32 lines a word.
    pub(crate) fn levels(&self) -> &[u32; IRQ_WORDS] {
        &self.level
    }

    /// Rising edges and pulses since the last call.
    pub(crate) fn take_edges(&mut self) -> [u32; IRQ_WORDS] {
        std::mem::take(&mut self.edge)
    }
}
