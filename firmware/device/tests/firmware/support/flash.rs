//! Flash in memory that enforces the rules of the real one and can lose power in the middle of an operation.

use drydock_device::board::{Flash, FlashError, FlashGeometry};
use std::cell::{Cell, RefCell};

const GEOMETRY: FlashGeometry = FlashGeometry {
    unit_bytes: 1024,
    word_bytes: 4,
    record_units: 4,
    units: 40,
};

/// Thrown when the power goes; the store's state in memory is gone with it.
pub(crate) struct PowerCut;

pub(crate) struct RamFlash {
    bytes: RefCell<Vec<u8>>,
    /// Words written since their unit was erased.
    written: RefCell<Vec<bool>>,
    /// Operations (words, units) until the power goes.
    operations_left: Cell<Option<u32>>,
    pub(crate) operations: Cell<u32>,
}

impl RamFlash {
    pub(crate) fn new() -> Self {
        let bytes = (GEOMETRY.units * GEOMETRY.unit_bytes) as usize;
        Self {
            bytes: RefCell::new(vec![0xFF; bytes]),
            written: RefCell::new(vec![false; bytes / 4]),
            operations_left: Cell::new(None),
            operations: Cell::new(0),
        }
    }

    /// Lets the power go at the operation after this many.
    pub(crate) fn cut_power_after(&self, operations: Option<u32>) {
        self.operations_left.set(operations);
    }

    fn survives(&self) -> bool {
        self.operations.set(self.operations.get() + 1);
        match self.operations_left.get() {
            None => true,
            Some(0) => false,
            Some(left) => {
                self.operations_left.set(Some(left - 1));
                true
            }
        }
    }
}

impl Flash for RamFlash {
    fn geometry(&self) -> FlashGeometry {
        GEOMETRY
    }

    fn with(&self, offset: u32, len: u32, lend: &mut dyn FnMut(&[u8])) {
        let bytes = self.bytes.borrow();
        lend(&bytes[offset as usize..(offset + len) as usize]);
    }

    fn write(&self, offset: u32, data: &[u8]) -> Result<(), FlashError> {
        assert!(
            offset.is_multiple_of(4) && data.len().is_multiple_of(4),
            "whole words only"
        );
        for (index, word) in data.chunks(4).enumerate() {
            let at = offset as usize + 4 * index;
            let mut bytes = self.bytes.borrow_mut();
            if !self.survives() {
                // Some of the bits that were to be cleared are.
                bytes[at] &= word[0] | 0x55;
                bytes[at + 2] &= word[2];
                drop(bytes);
                std::panic::panic_any(PowerCut);
            }
            assert!(
                !self.written.borrow()[at / 4],
                "word {at:#x} written twice since its unit was erased"
            );
            self.written.borrow_mut()[at / 4] = true;
            for (byte, new) in bytes[at..at + 4].iter_mut().zip(word) {
                *byte &= new;
            }
        }
        Ok(())
    }

    fn erase(&self, offset: u32) -> Result<(), FlashError> {
        assert!(offset.is_multiple_of(GEOMETRY.unit_bytes), "whole units only");
        let unit = offset as usize..(offset + GEOMETRY.unit_bytes) as usize;
        let survives = self.survives();
        for (at, byte) in self.bytes.borrow_mut()[unit.clone()].iter_mut().enumerate() {
            if survives || at % 3 != 0 {
                *byte = 0xFF;
            }
        }
        if !survives {
            std::panic::panic_any(PowerCut);
        }
        self.written.borrow_mut()[unit.start / 4..unit.end / 4].fill(false);
        Ok(())
    }
}
