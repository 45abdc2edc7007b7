//! A chip: its memories and what the host must know of them.

use serde::Deserialize;

use crate::section::{Invalid, Reader};

/// A microcontroller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chip {
    /// Name in files and commands, as in `nrf52840`.
    pub name: String,
    /// Name for people, as in `nRF52840`.
    pub title: String,
    /// Who makes it.
    pub vendor: String,
    /// Its core.
    pub core: Core,
    /// Core clock in Hz.
    pub clock_hz: u32,
    /// Number of UARTs.
    pub uarts: u8,
    /// Number of pins.
    pub pins: u16,
    /// Flash memory.
    pub flash: Flash,
    /// Memories, the largest first.
    pub ram: Vec<Ram>,
}

/// Which core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Core {
    /// Arm Cortex-M4 with FPU.
    CortexM4f,
    /// RISC-V, RV32IMAC.
    Rv32imac,
}

/// Flash memory and the rules for writing it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flash {
    /// First address.
    pub base: u32,
    /// Length in bytes.
    pub bytes: u32,
    /// Erase unit in bytes.
    pub erase_bytes: u32,
    /// Write unit in bytes.
    pub write_bytes: u32,
    /// How often a write unit may be written between two erasures.
    pub writes_per_erase: u8,
}

/// One RAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ram {
    /// First address.
    pub base: u32,
    /// Length in bytes.
    pub bytes: u32,
}

impl Chip {
    /// Reads a chip file.
    ///
    /// # Errors
    /// [`Invalid`]: all that is wrong, with lines.
    pub fn parse(file: &str, text: &str) -> Result<Self, Invalid> {
        let mut reader = Reader::new(file, text);
        let name = reader.required("name");
        let title = reader.required("title");
        let vendor = reader.required("vendor");
        let core = reader.required("core");
        let clock_hz = reader.required("clock_hz");
        let uarts = reader.required("uarts");
        let pins = reader.required("pins");
        let flash = reader.required::<Flash>("flash");
        let ram = reader.all::<Ram>("ram");
        if ram.is_empty() {
            reader.problem(0..0, "`[[ram]]` is missing");
        }
        if let Some(flash) = flash {
            check_flash(&mut reader, flash);
        }
        let chip = (|| {
            Some(Self {
                name: name?,
                title: title?,
                vendor: vendor?,
                core: core?,
                clock_hz: clock_hz?,
                uarts: uarts?,
                pins: pins?,
                flash: flash?,
                ram,
            })
        })();
        reader.finish(chip)
    }
}

fn check_flash(reader: &mut Reader<'_>, flash: Flash) {
    let whole = |unit: u32| unit != 0 && flash.bytes.is_multiple_of(unit) && flash.base.is_multiple_of(unit);
    if !whole(flash.erase_bytes) || !whole(flash.write_bytes) {
        reader.problem(0..0, "flash base and size must be whole erase and write units");
    }
    if flash.writes_per_erase == 0 {
        reader.problem(0..0, "`writes_per_erase` must be 1 or more");
    }
}
