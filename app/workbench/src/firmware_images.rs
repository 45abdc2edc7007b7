//! The firmware images of the boards, read once for each kind of board.

use drydock_assets::Board as Description;
use drydock_emulator::Image;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// The boards' firmware, each read once.
#[derive(Default)]
pub(crate) struct FirmwareImages(Mutex<HashMap<String, Arc<Image>>>);

impl FirmwareImages {
    pub(crate) fn of(&self, board: &Description) -> Result<Arc<Image>, String> {
        let mut images = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(image) = images.get(board.firmware_name()) {
            return Ok(Arc::clone(image));
        }
        let elf = drydock_embedded::firmware(board.firmware_name()).map_err(|error| error.to_string())?;
        let image = Arc::new(Image::from_elf(elf.elf).map_err(|error| error.to_string())?);
        images.insert(board.firmware_name().to_owned(), Arc::clone(&image));
        Ok(image)
    }
}
