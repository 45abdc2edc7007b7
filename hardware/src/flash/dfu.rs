//! Flash by a USB bootloader in DFU mode. DFU 1.1 says how blocks travel, and not where they belong: each maker's
//! bootloader has its own part.

mod arduino;
mod dfuse;

use super::{FlashError, Flasher};
use crate::{
    binding::WrongBoard,
    dfu::{Dfu, DfuDevices, DfuError, DfuInfo, DfuOpenError, MemoryLayout},
};
use drydock_assets::{Board, FlashMethod};

/// The alternate setting with the chip's flash, of all bootloaders that are known here.
const FLASH: u8 = 0;
/// bcdDFUVersion of ST's extensions.
const DFUSE: u16 = 0x011a;

/// Opens the way to the flash of a board whose bootloader waits as a DFU device. Nothing is written before it is asked for.
///
/// # Errors
/// [`FlashError`].
pub fn open(devices: &DfuDevices, id: &str, board: &Board) -> Result<Box<dyn Flasher>, FlashError> {
    let info = devices.find(id).map_err(not_opened)?;
    open_device(devices, &info, board)
}

/// [`open`], for a device that was found already.
///
/// # Errors
/// [`FlashError`].
pub fn open_device(devices: &DfuDevices, info: &DfuInfo, board: &Board) -> Result<Box<dyn Flasher>, FlashError> {
    let shown = (info.usb.vendor, info.usb.product);
    if !ids(board).contains(&shown) {
        return Err(FlashError::Refused(format!(
            "the device {} is not the bootloader of this kind of board, {}; nothing was written",
            info.id, board.title
        )));
    }
    let device = Device::open(devices, info, board)?;
    match (device.dfu.function.version, board.chip.name.as_str()) {
        (DFUSE, _) => Ok(Box::new(dfuse::DfuSe::new(
            device,
            devices.clone(),
            info.clone(),
            board,
        ))),
        (_, "ra4m1") => Ok(Box::new(arduino::Arduino::new(device, board))),
        _ => Err(FlashError::Unsupported {
            method: "USB DFU",
            what: "write this kind of board: nothing says where its bootloader puts a block",
        }),
    }
}

/// The USB ids of a board's DFU bootloader.
pub(super) fn ids(board: &Board) -> Vec<(u16, u16)> {
    let ways = board.flashing.iter().filter(|way| way.method == FlashMethod::Dfu);
    ways.flat_map(|way| way.usb_ids.clone()).collect()
}

fn not_opened(error: DfuOpenError) -> FlashError {
    match error {
        // It was there when the operation was asked for.
        DfuOpenError::NotFound(_) => FlashError::Lost(error.to_string()),
        error => FlashError::NoAnswer(error.to_string().trim_end_matches('.').to_owned()),
    }
}

/// An open bootloader whose memory is the board's flash.
struct Device {
    dfu: Dfu,
    /// Its serial number when it was opened.
    serial: String,
    layout: MemoryLayout,
}

impl Device {
    fn open(devices: &DfuDevices, info: &DfuInfo, board: &Board) -> Result<Self, FlashError> {
        let mut dfu = Dfu::open(devices.open(info).map_err(not_opened)?)?;
        if dfu.ids != (info.usb.vendor, info.usb.product) {
            return Err(FlashError::Garbled("it shows other USB ids than before".into()));
        }
        if !dfu.function.can_download {
            return Err(FlashError::Refused("its bootloader takes no firmware".into()));
        }
        let serial = dfu.serial()?;
        if serial.is_empty() || !serial.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(FlashError::Garbled("its serial number is damaged".into()));
        }
        let name = dfu.name(FLASH.into())?;
        let layout = MemoryLayout::parse(&name).map_err(|bad| FlashError::Garbled(bad.to_string()))?;
        let device = Self { dfu, serial, layout };
        device.check_layout(board)?;
        Ok(device)
    }

    /// Whether the bootloader describes the flash of this kind of board.
    fn check_layout(&self, board: &Board) -> Result<(), FlashError> {
        let flash = &board.chip.flash;
        let mut address = flash.base;
        while address - flash.base < flash.bytes {
            let expected = flash.erase_unit(address);
            let Some(unit) = self.layout.unit(address).filter(|unit| Some(unit) == expected.as_ref()) else {
                return Err(FlashError::Refused(format!(
                    "its bootloader describes another flash than that of a {} at {address:#010x}; nothing was written",
                    board.chip.title
                )));
            };
            address = unit.end;
        }
        Ok(())
    }

    /// Asks for the serial number again: another one is another board.
    fn check_serial(&mut self) -> Result<(), FlashError> {
        let found = self.dfu.serial()?;
        match found == self.serial {
            true => Ok(()),
            false => Err(WrongBoard::Serial {
                expected: self.serial.clone(),
                found,
            }
            .into()),
        }
    }
}

/// Whether a bootloader has refused because its chip is protected against reading.
fn is_protected(error: &DfuError) -> bool {
    *error == DfuError::Refused(crate::dfu::Status::VENDOR)
}
