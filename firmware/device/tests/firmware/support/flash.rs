//! Flash in memory that enforces the rules of real flash and can lose power in the middle of an operation.

use drydock_device::board::{Flash, FlashError, FlashGeometry, Sectors};
use std::cell::{Cell, RefCell};

const GEOMETRY: FlashGeometry = FlashGeometry {
    unit_bytes: 1024,
    word_bytes: 4,
    record_units: 4,
    units: 40,
};

/// Thrown when the power is cut; the store's state in memory is lost with it.
pub(crate) struct PowerCut;

pub(crate) struct RamFlash {
    bytes: RefCell<Vec<u8>>,
    /// Words that may not be written before their unit is erased.
    written: RefCell<Vec<bool>>,
    /// Operations (words, units) until the power is cut.
    operations_left: Cell<Option<u32>>,
    pub(crate) operations: Cell<u32>,
    /// Units that are erased at once, where packages are.
    pub(crate) sector_units: Cell<u32>,
    /// Erasures of packages' units that were not done in parts.
    pub(crate) erasures_at_once: Cell<u32>,
    /// The unit that is being erased in parts, and the number of completed parts.
    part: Cell<(u32, u32)>,
}

/// Parts of an erasure.
pub(crate) const PARTS: u32 = 3;

impl RamFlash {
    pub(crate) fn new() -> Self {
        let length = (GEOMETRY.units * GEOMETRY.unit_bytes) as usize;
        let records = (2 * GEOMETRY.record_units * GEOMETRY.unit_bytes) as usize;
        // The records' areas are blank; the packages' units hold data from earlier use.
        let mut bytes = vec![0xFF; length];
        bytes[records..].fill(0xA5);
        let mut written = vec![false; length / 4];
        written[records / 4..].fill(true);
        Self {
            bytes: RefCell::new(bytes),
            written: RefCell::new(written),
            operations_left: Cell::new(None),
            operations: Cell::new(0),
            sector_units: Cell::new(1),
            erasures_at_once: Cell::new(0),
            part: Cell::new((0, 0)),
        }
    }

    /// Cuts the power at the operation after this many.
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

    fn sectors(&self) -> Sectors {
        Sectors {
            record_units: 1,
            package_units: self.sector_units.get(),
        }
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
                // Some of the bits to clear are cleared; the word is unreliable until its unit is erased.
                bytes[at] &= word[0] | 0x55;
                bytes[at + 2] &= word[2];
                drop(bytes);
                self.written.borrow_mut()[at / 4] = true;
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
        let records_bytes = 2 * GEOMETRY.record_units * GEOMETRY.unit_bytes;
        let (start, units) = match offset.checked_sub(records_bytes) {
            Some(behind) => (behind, self.sector_units.get()),
            None => (offset, 1),
        };
        let bytes = units * GEOMETRY.unit_bytes;
        assert!(start.is_multiple_of(bytes), "whole sectors only");
        let unit = offset as usize..(offset + bytes) as usize;
        let survives = self.survives();
        self.part.set((0, 0));
        self.erasures_at_once
            .set(self.erasures_at_once.get() + u32::from(offset >= records_bytes));
        // A unit whose erasure was interrupted may even look erased, and is unreliable as well.
        self.written.borrow_mut()[unit.start / 4..unit.end / 4].fill(!survives);
        for (at, byte) in self.bytes.borrow_mut()[unit.clone()].iter_mut().enumerate() {
            if survives || at < 64 || at % 3 != 0 {
                *byte = 0xFF;
            }
        }
        if !survives {
            std::panic::panic_any(PowerCut);
        }
        Ok(())
    }

    fn erase_in_part(&self, offset: u32) -> Result<bool, FlashError> {
        if self.sector_units.get() > 1 {
            return Err(FlashError);
        }
        assert!(offset.is_multiple_of(GEOMETRY.unit_bytes), "whole units only");
        let unit = offset as usize..(offset + GEOMETRY.unit_bytes) as usize;
        let parts = match self.part.get() {
            (unit, parts) if unit == offset => parts + 1,
            _ => 1,
        };
        let survives = self.survives();
        // From the first part on the unit is unreliable, and from the second on it looks erased.
        let is_erased = survives && parts == PARTS;
        self.written.borrow_mut()[unit.start / 4..unit.end / 4].fill(!is_erased);
        for (at, byte) in self.bytes.borrow_mut()[unit].iter_mut().enumerate() {
            if parts > 1 || at % 3 != 0 {
                *byte = 0xFF;
            }
        }
        if !survives {
            std::panic::panic_any(PowerCut);
        }
        self.part.set((offset, parts % PARTS));
        Ok(is_erased)
    }
}
