//! An empty flash: this board has none for data. The firmware runs from the serial flash, and a control-only device stores
//! nothing.

use drydock_device::board::{Flash, FlashError, FlashGeometry};

pub(crate) struct NoFlash;

impl Flash for NoFlash {
    fn geometry(&self) -> FlashGeometry {
        FlashGeometry {
            unit_bytes: 4096,
            word_bytes: 4,
            record_units: 0,
            units: 0,
        }
    }

    fn with(&self, _: u32, _: u32, lend: &mut dyn FnMut(&[u8])) {
        lend(&[]);
    }

    fn write(&self, _: u32, _: &[u8]) -> Result<(), FlashError> {
        Err(FlashError)
    }

    fn erase(&self, _: u32) -> Result<(), FlashError> {
        Err(FlashError)
    }
}
