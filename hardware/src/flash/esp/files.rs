//! What a blank chip needs: the second-stage bootloader, the partition table, and the firmware as an app image.
//! `espflash` carries the first two (ESP-IDF Programming Guide, "Bootloader" and "Partition Tables").

use crate::flash::{FlashError, Segment};
use drydock_assets::Board;
use espflash::{
    flasher::{FlashData, FlashFrequency, FlashMode, FlashSettings, FlashSize},
    image_format::idf::IdfBootloaderFormat,
    target::{Chip, XtalFrequency},
};
use std::panic::catch_unwind;

/// First byte of an app image.
pub(crate) const APP_MAGIC: u8 = 0xe9;
/// Where the header of an app image has the chip's number.
const APP_CHIP: usize = 12;
const HEADER_BYTES: usize = 24;

/// Bootloader, partition table and app of a firmware file: an ELF file, or an app image as `espflash save-image` makes it.
///
/// # Errors
/// [`FlashError::Image`]: the file is neither, or is for another chip.
pub fn segments(file: &[u8], board: &Board) -> Result<Vec<Segment>, FlashError> {
    let base = board.chip.flash.base;
    let is_app = file.first() == Some(&APP_MAGIC);
    if is_app {
        check_app(file)?;
    }
    let elf = if is_app { &smallest_program()[..] } else { file };
    let mut segments = laid_out(elf, base)?;
    if is_app && let Some(app) = segments.last_mut() {
        app.bytes = file.to_vec();
    }
    Ok(segments)
}

fn laid_out(elf: &[u8], base: u32) -> Result<Vec<Segment>, FlashError> {
    let size = FlashSize::_4Mb;
    let settings = FlashSettings::new(Some(FlashMode::Dio), Some(size), Some(FlashFrequency::_80Mhz));
    let data = FlashData::new(settings, 0, None, Chip::Esp32c6, XtalFrequency::_40Mhz);
    // The file comes from outside, and the crate expects some things of it.
    let made = catch_unwind(|| {
        let format = IdfBootloaderFormat::new(elf, &data, None, None, None, None).map_err(|error| error.to_string())?;
        let segment = |segment: espflash::image_format::Segment<'_>| Segment {
            address: base + segment.addr,
            bytes: segment.data().to_vec(),
        };
        Ok(format.flash_segments().map(segment).collect())
    });
    made.unwrap_or_else(|_| Err("it is not laid out as programs for this chip are".to_owned()))
        .map_err(|why: String| FlashError::Image(format!("The firmware does not fit the ESP32-C6: {why}.")))
}

/// Where the partition table lies, and how its first entry begins (ESP-IDF Programming Guide, "Partition Tables").
const TABLE: usize = 0x8000;
const ENTRY_MAGIC: [u8; 2] = [0xaa, 0x50];

/// Whether a file is the whole of a flash, as `esptool merge-bin` and `espflash save-image --merge` make it: a bootloader,
/// which begins as an app does, and a partition table at its place.
pub(crate) fn is_flash_image(file: &[u8]) -> bool {
    let table = file.get(TABLE..TABLE + ENTRY_MAGIC.len());
    file.first() == Some(&APP_MAGIC) && table == Some(&ENTRY_MAGIC)
}

/// The bytes of a flash image.
///
/// # Errors
/// [`FlashError::Image`]: it is for another chip, or longer than the flash.
pub(crate) fn flash_image(file: &[u8], board: &Board) -> Result<Vec<Segment>, FlashError> {
    check_app(file)?;
    let flash = &board.chip.flash;
    // Tools fill the file up with erased bytes, to the flash of the board that it was made for.
    let used = file.iter().rposition(|byte| *byte != 0xff).map_or(0, |last| last + 1);
    if used > flash.bytes as usize {
        let text = format!(
            "The flash image has {used} bytes, and the board's flash {}.",
            flash.bytes
        );
        return Err(FlashError::Image(text));
    }
    Ok(vec![Segment {
        address: flash.base,
        bytes: file[..used].to_vec(),
    }])
}

fn check_app(file: &[u8]) -> Result<(), FlashError> {
    let header = file.get(..HEADER_BYTES);
    let header = header.ok_or_else(|| FlashError::Image("The app image is cut short.".into()))?;
    let chip = u16::from_le_bytes([header[APP_CHIP], header[APP_CHIP + 1]]);
    if chip != Chip::Esp32c6.id() {
        let text = format!("The app image is for another Espressif chip (number {chip}), not for the ESP32-C6.");
        return Err(FlashError::Image(text));
    }
    Ok(())
}

/// A program of one instruction in RAM: the crate gives bootloader and partition table only together with a program.
fn smallest_program() -> Vec<u8> {
    const RAM: u32 = 0x4080_0000;
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let mut file = b"\x7fELF\x01\x01\x01".to_vec();
    file.resize(16, 0);
    // An executable for RISC-V, its entry, and one program header behind this one.
    file.extend(words(&[243 << 16 | 2, 1, RAM, 52, 0, 0, 32 << 16 | 52, 1, 0]));
    file.extend(words(&[1, 84, RAM, RAM, 4, 4, 5, 4]));
    // `j .`
    file.extend(words(&[0x6f]));
    file
}
