//! Stand-ins for bootloaders that are not in the machine's flash: a chip's mask ROM, a factory's bootloader. They speak
//! the published protocols and act on the machine's own flash. The machine stands still meanwhile.

mod chip;
mod dfu;
mod esp_rom;
mod sam_ba;
mod slip;

use drydock_assets::{Board, FlashMethod};

use super::usb_control::{Setup, TransferFault, Transferred};
use crate::Machine;

pub(super) use self::chip::Chip;
use self::dfu::Dfu;
pub use self::dfu::DfuIdentity;
use self::esp_rom::EspRom;
use self::sam_ba::SamBa;

/// A bootloader that waits for a host.
pub(super) trait Bootloader: Send {
    /// The baud rate of the chip's end; `None` if it takes the host's.
    fn baud(&self) -> Option<u32>;

    /// Takes bytes of the host, in pieces of any size, and appends the answer.
    fn receive(&mut self, bytes: &[u8], chip: &mut Chip<'_>, answer: &mut Vec<u8>) -> Next;

    /// The USB device that it shows, if that is no serial port.
    fn identity(&self) -> Option<DfuIdentity> {
        None
    }

    /// Takes a control transfer of the host.
    fn transfer(&mut self, _setup: Setup, _data: &[u8], _chip: &mut Chip<'_>) -> (Transferred, Next) {
        (Err(TransferFault::Stall), Next::Wait)
    }
}

/// What a bootloader does after bytes of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It waits for more.
    Wait,
    /// It starts what is in flash.
    Start,
    /// It starts itself again: to the host another device.
    Again,
}

/// The bootloaders of boards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    SamBa,
    EspRom,
    /// Arduino's DFU bootloader on Renesas chips.
    ArduinoDfu,
    /// The ROM of STM32 in DFU mode.
    StDfu,
}

impl Kind {
    /// The bootloader of a board, if it has one that is known here.
    pub(super) fn of(board: &Board) -> Option<Self> {
        let methods = || board.flashing.iter().map(|flashing| flashing.method);
        methods().find_map(|method| match method {
            FlashMethod::SamBa => Some(Self::SamBa),
            FlashMethod::EspRom => Some(Self::EspRom),
            FlashMethod::Dfu => match board.chip.name.as_str() {
                "ra4m1" => Some(Self::ArduinoDfu),
                "stm32f407" => Some(Self::StDfu),
                _ => None,
            },
            FlashMethod::Probe => None,
        })
    }

    /// The bootloader of `board`, just started on a chip.
    pub(super) fn open(self, board: &Board, chip: &mut Chip<'_>) -> Box<dyn Bootloader> {
        match self {
            Self::ArduinoDfu => Box::new(Dfu::arduino(board, chip)),
            Self::StDfu => Box::new(Dfu::st(board, chip)),
            Self::SamBa => Box::new(SamBa::new(board)),
            Self::EspRom => Box::new(EspRom::new(board)),
        }
    }

    /// Whether opening and closing the firmware's port at 1200 baud leads into it.
    pub(super) const fn has_touch(self) -> bool {
        matches!(self, Self::SamBa | Self::ArduinoDfu)
    }

    /// Whether the firmware has asked before its reset that the bootloader stays.
    pub(super) fn is_asked_for(self, machine: &mut dyn Machine) -> bool {
        /// GPREGRET (nRF52840 Product Specification 1.7, "POWER") and the value for which Arduino's bootloader stays.
        const GPREGRET: u32 = 0x4000_051c;
        const STAY: u32 = 0xb0;
        self == Self::SamBa && machine.bus_word(GPREGRET) == Some(STAY)
    }

    /// The chip's unique id, as hexadecimal digits; empty if it is not known here.
    pub(super) fn chip_id(self, machine: &mut dyn Machine) -> String {
        /// DEVICEID (nRF52840 Product Specification 1.7, "FICR"), lower word first.
        const DEVICE_ID: [u32; 2] = [0x1000_0060, 0x1000_0064];
        match self {
            Self::SamBa => {
                let mut word = |address| Chip::new(machine, None).word(address);
                DEVICE_ID.map(|address| format!("{:08x}", word(address))).concat()
            }
            Self::EspRom | Self::ArduinoDfu | Self::StDfu => String::new(),
        }
    }

    /// Whether flash that begins with `word`, at the address where the board starts, holds nothing to start.
    pub(super) fn finds_nothing(self, word: [u8; 4]) -> bool {
        match self {
            // A vector table begins with a stack pointer. ST's ROM is chosen by a pin and looks at nothing: here that pin is
            // taken to be held on a board that has nothing to start.
            Self::SamBa | Self::StDfu => word == [0xff; 4],
            // Its `main.c` looks at the top byte.
            Self::ArduinoDfu => word[3] != 0x20,
            // ESP-IDF Programming Guide, "App Image Format": the magic byte.
            Self::EspRom => word[0] != 0xe9,
        }
    }
}
