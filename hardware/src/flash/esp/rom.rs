//! The ROM's commands, as `espflash` sends them. Its answers come from outside: what the crate cannot take, a panic of it
//! among them, is an error of this operation and no more.

use crate::flash::FlashError;
use drydock_assets::Board;
use espflash::{
    Error,
    command::{Command, CommandResponseValue},
    connection::{Connection, Port, ResetAfterOperation, ResetBeforeOperation},
    flasher::Flasher,
    target::Chip,
};
use serialport::UsbPortInfo;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The rate at which the ROM is called; it measures what it hears, and hosts begin with this one.
const FIRST_BAUD: u32 = 115_200;
/// Bytes of a block that is written to the ROM.
const BLOCK_BYTES: usize = 0x400;
/// Bytes that the ROM reads at once.
const READ_BYTES: usize = 64;

/// A ROM in download mode.
pub(super) struct Rom(Flasher);

impl Rom {
    /// Connects to a ROM that waits for it.
    pub(super) fn connect(port: Port, board: &Board) -> Result<Self, FlashError> {
        // Only the product id matters, and only that it is not the one of the chip's own USB device.
        let info = UsbPortInfo {
            vid: 0,
            pid: 0,
            serial_number: None,
            manufacturer: None,
            product: None,
            location: None,
            interface: None,
        };
        let (after, before) = (ResetAfterOperation::NoResetNoStub, ResetBeforeOperation::NoReset);
        let baud = Some(board.link.baud);
        guarded(|| {
            let mut connection = Connection::new(port, info, after, before, FIRST_BAUD);
            connection.set_baud(FIRST_BAUD)?;
            Flasher::connect(connection, false, false, false, Some(Chip::Esp32c6), baud)
        })
        .map(Self)
    }

    pub(super) fn register(&mut self, address: u32) -> Result<u32, FlashError> {
        guarded(|| self.0.connection().read_reg(address))
    }

    /// Erases whole sectors.
    pub(super) fn erase(&mut self, offset: u32, bytes: u32) -> Result<(), FlashError> {
        self.begin(offset, bytes, 0)
    }

    /// Erases the sectors of `bytes`, and writes them.
    pub(super) fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        let blocks = bytes.chunks(BLOCK_BYTES);
        self.begin(offset, bytes.len() as u32, blocks.len() as u32)?;
        for (sequence, data) in blocks.enumerate() {
            let command = Command::FlashData {
                data,
                pad_to: BLOCK_BYTES,
                pad_byte: 0xff,
                sequence: sequence as u32,
            };
            self.send(command, BLOCK_BYTES as u32)?;
        }
        Ok(())
    }

    pub(super) fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        let mut offset = offset;
        for piece in bytes.chunks_mut(READ_BYTES) {
            let command = Command::ReadFlashSlow {
                offset,
                size: piece.len() as u32,
                block_size: 0,
                max_in_flight: 0,
            };
            let CommandResponseValue::Vector(data) = self.send(command, 0)? else {
                return Err(FlashError::Garbled("it read no bytes".into()));
            };
            let read = data.get(..piece.len());
            piece.copy_from_slice(read.ok_or_else(|| FlashError::Garbled("it read too few bytes".into()))?);
            offset += piece.len() as u32;
        }
        Ok(())
    }

    pub(super) fn md5(&mut self, offset: u32, bytes: u32) -> Result<u128, FlashError> {
        guarded(|| self.0.checksum_md5(offset, bytes))
    }

    /// Ends the download mode, for a chip that cannot be reset by its lines.
    pub(super) fn reboot(&mut self) -> Result<(), FlashError> {
        self.send(Command::FlashEnd { reboot: true }, 0).map(drop)
    }

    fn begin(&mut self, offset: u32, size: u32, blocks: u32) -> Result<(), FlashError> {
        let command = Command::FlashBegin {
            size,
            blocks,
            block_size: BLOCK_BYTES as u32,
            offset,
            supports_encryption: true,
        };
        self.send(command, size).map(drop)
    }

    fn send(&mut self, command: Command<'_>, bytes: u32) -> Result<CommandResponseValue, FlashError> {
        let timeout = command.command_type().timeout_for_size(bytes);
        guarded(|| {
            let connection = self.0.connection();
            connection.with_timeout(timeout, |connection| connection.command(command))
        })
    }
}

/// Carries out an action on the connection, and says what went wrong in our words.
fn guarded<T>(action: impl FnOnce() -> Result<T, Error>) -> Result<T, FlashError> {
    match catch_unwind(AssertUnwindSafe(action)) {
        Ok(done) => done.map_err(explain),
        // The crate cuts answers by the length that they claim.
        Err(_) => Err(FlashError::Garbled("its answer has another length than it says".into())),
    }
}

fn explain(error: Error) -> FlashError {
    match error {
        Error::ChipMismatch(expected, found) => FlashError::Refused(format!("it is an {found}, and not an {expected}")),
        Error::RomError(error) => FlashError::Refused(error.to_string()),
        Error::InvalidResponse(what) => FlashError::Garbled(what),
        Error::FlashConnect => FlashError::Refused("its ROM finds no flash".into()),
        Error::Connection(error) => {
            let text = error.to_string();
            // The crate keeps these kinds to itself.
            match text.split(' ').next() {
                Some("IO" | "Serial") => FlashError::Lost(text),
                Some("Received") => FlashError::Garbled(text),
                Some("Timeout") => FlashError::NoAnswer("its ROM fell silent".into()),
                _ => FlashError::NoAnswer(
                    "its ROM is not in download mode; check that the cable carries data, or bring it there by hand"
                        .into(),
                ),
            }
        }
        other => FlashError::Garbled(other.to_string()),
    }
}
