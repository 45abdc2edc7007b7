//! A chip: its memories and the properties that the host must know.

use std::ops::Range;
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;

use crate::section::{Invalid, Reader};

/// A microcontroller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chip {
    /// Name in files and commands, as in `nrf52840`.
    pub name: String,
    /// Name for people, as in `nRF52840`.
    pub title: String,
    /// Its manufacturer.
    pub vendor: String,
    /// Its core.
    pub core: Core,
    /// Core clock in Hz.
    pub clock_hz: u32,
    /// Number of UARTs.
    pub uarts: u8,
    /// Number of pins.
    pub pins: u16,
    /// Where programs start that are alone in flash, if its bootloader is not theirs; otherwise they start with the flash.
    pub boot: Option<u32>,
    /// Flash memory, which holds the code.
    pub flash: Flash,
    /// A second flash for data, if the chip has one.
    pub data_flash: Option<Flash>,
    /// Memories, the largest first.
    pub ram: Vec<Ram>,
    /// Its peripherals besides the core's own, and what the builtin engine models of each.
    pub peripherals: Arc<[Peripheral]>,
}

/// A peripheral of a chip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peripheral {
    /// Name, as in the chip's manual.
    pub name: String,
    /// First address of its registers.
    pub base: u32,
    /// Length of its registers in bytes.
    pub bytes: u32,
    /// Offset of a register that no other peripheral at this base has, where several share one.
    pub register: Option<u32>,
    /// How far the builtin engine models it.
    pub state: Modelled,
    /// What is not modelled of it, for [`Modelled::Partly`].
    pub missing: Option<String>,
}

/// How far a peripheral is modelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Modelled {
    /// What its manual describes, as far as programs can see it.
    Modelled,
    /// A part of it.
    Partly,
    /// Nothing: an access is an unmodelled one.
    None,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flash {
    /// First address.
    pub base: u32,
    /// Length in bytes.
    pub bytes: u32,
    /// The erase units, by address.
    pub erase_units: Vec<EraseUnits>,
    /// Write unit in bytes.
    pub write_bytes: u32,
    /// How often a write unit may be written between two erasures.
    pub writes_per_erase: u8,
}

/// A run of erase units of one size. Most chips have one run; STM32 have sectors that are not alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EraseUnits {
    /// How many.
    pub count: u32,
    /// Length of each in bytes.
    pub bytes: u32,
}

impl Flash {
    /// Whether an erase unit begins at `addr`, or the flash ends there.
    pub fn is_unit_boundary(&self, addr: u32) -> bool {
        let mut start = self.base;
        for run in &self.erase_units {
            let bytes = run.count.saturating_mul(run.bytes);
            if addr < start.saturating_add(bytes) {
                return addr >= start && (addr - start).is_multiple_of(run.bytes);
            }
            start = start.saturating_add(bytes);
        }
        addr == start
    }

    /// The erase unit that holds `addr`; `None` outside this flash.
    pub fn erase_unit(&self, addr: u32) -> Option<Range<u32>> {
        let mut start = self.base;
        for run in &self.erase_units {
            let bytes = run.count.saturating_mul(run.bytes);
            if addr >= start && addr - start < bytes {
                let unit = start + (addr - start) / run.bytes * run.bytes;
                return Some(unit..unit + run.bytes);
            }
            start = start.saturating_add(bytes);
        }
        None
    }

    /// The erase units' sizes, for people, as in `4096` or `4 × 16384, 1 × 65536`.
    fn units(&self) -> String {
        if let [run] = self.erase_units[..] {
            return run.bytes.to_string();
        }
        let runs = self.erase_units.iter();
        let runs: Vec<String> = runs.map(|run| format!("{} × {}", run.count, run.bytes)).collect();
        runs.join(", ")
    }

    /// Checks that `base..base + bytes` is whole erase units; returns the problem otherwise.
    pub(crate) fn check_area(&self, name: &str, base: u32, bytes: u32) -> Result<(), String> {
        let whole = bytes != 0 && self.is_unit_boundary(base) && self.is_unit_boundary(base.saturating_add(bytes));
        if whole {
            return Ok(());
        }
        Err(format!("`{name}` is not whole erase units of {} bytes", self.units()))
    }
}

/// `[flash]` as it is written: units of one size by `erase_bytes`, others by `erase_units`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FlashSection {
    base: u32,
    bytes: u32,
    erase_bytes: Option<u32>,
    #[serde(default)]
    erase_units: Vec<EraseUnits>,
    write_bytes: u32,
    writes_per_erase: u8,
}

impl FlashSection {
    fn into_flash(self) -> Flash {
        let uniform = self.erase_bytes.map(|bytes| EraseUnits {
            count: self.bytes / bytes.max(1),
            bytes,
        });
        Flash {
            base: self.base,
            bytes: self.bytes,
            erase_units: uniform.into_iter().chain(self.erase_units).collect(),
            write_bytes: self.write_bytes,
            writes_per_erase: self.writes_per_erase,
        }
    }
}

/// One RAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ram {
    /// First address.
    pub base: u32,
    /// Length in bytes.
    pub bytes: u32,
    /// Meant for instructions: it does not count as RAM for data.
    #[serde(default)]
    pub instructions: bool,
}

impl Chip {
    /// Whether the builtin engine models a radio of the chip.
    pub fn has_radio(&self) -> bool {
        let mut peripherals = self.peripherals.iter();
        peripherals.any(|peripheral| peripheral.name == "RADIO" && peripheral.state != Modelled::None)
    }

    /// Parses a chip file.
    ///
    /// # Errors
    /// [`Invalid`]: all problems, with lines.
    pub fn parse(file: &str, text: &str) -> Result<Self, Invalid> {
        let mut reader = Reader::new(file, text);
        let name = reader.required("name");
        let title = reader.required("title");
        let vendor = reader.required("vendor");
        let core = reader.required("core");
        let clock_hz = reader.required("clock_hz");
        let uarts = reader.required("uarts");
        let pins = reader.required("pins");
        let boot = reader.optional("boot");
        let peripherals = reader.all::<Spanned<PeripheralSection>>("peripherals");
        let usual = reader.optional("peripheral_bytes");
        let flash = reader.required::<FlashSection>("flash").map(|section| {
            if section.erase_bytes.is_some() != section.erase_units.is_empty() {
                reader.problem(0..0, "flash needs either `erase_bytes` or `erase_units`");
            }
            section.into_flash()
        });
        let data_flash = reader
            .optional::<FlashSection>("data_flash")
            .map(FlashSection::into_flash);
        let peripherals = peripherals
            .into_iter()
            .filter_map(|section| peripheral(&mut reader, section, usual))
            .collect();
        let ram = reader.all::<Ram>("ram");
        if ram.is_empty() {
            reader.problem(0..0, "`[[ram]]` is missing");
        }
        for flash in flash.iter().chain(&data_flash) {
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
                boot,
                flash: flash?,
                data_flash,
                ram,
                peripherals,
            })
        })();
        reader.finish(chip)
    }
}

fn check_flash(reader: &mut Reader<'_>, flash: &Flash) {
    let whole = |unit: u32| unit != 0 && flash.bytes.is_multiple_of(unit) && flash.base.is_multiple_of(unit);
    let mut covered: u64 = 0;
    for run in &flash.erase_units {
        if run.bytes == 0 || run.count == 0 || !(u64::from(flash.base) + covered).is_multiple_of(u64::from(run.bytes)) {
            reader.problem(0..0, "flash must begin and go on in whole erase units");
            return;
        }
        covered += u64::from(run.count) * u64::from(run.bytes);
    }
    if covered != u64::from(flash.bytes) || !whole(flash.write_bytes) {
        reader.problem(0..0, "flash base and size must be whole erase and write units");
    }
    if flash.writes_per_erase == 0 {
        reader.problem(0..0, "`writes_per_erase` must be 1 or more");
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PeripheralSection {
    name: String,
    base: u32,
    bytes: Option<u32>,
    register: Option<u32>,
    state: Modelled,
    missing: Option<String>,
}

/// `usual` is the length of one that has no `bytes`.
fn peripheral(
    reader: &mut Reader<'_>,
    peripheral: Spanned<PeripheralSection>,
    usual: Option<u32>,
) -> Option<Peripheral> {
    let span = peripheral.span();
    let its = peripheral.into_inner();
    if its.missing.is_some() != (its.state == Modelled::Partly) {
        let what = format!(
            "`missing` says what `{}` lacks: only one that is partly modelled has it",
            its.name
        );
        reader.problem(span.clone(), &what);
    }
    let Some(bytes) = its.bytes.or(usual) else {
        reader.problem(span, "`bytes` is missing, and `peripheral_bytes` too");
        return None;
    };
    Some(Peripheral {
        name: its.name,
        base: its.base,
        bytes,
        register: its.register,
        state: its.state,
        missing: its.missing,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STM: &str = include_str!("../chips/stm32f407.toml");

    fn problems(from: &str, to: &str) -> Vec<String> {
        assert!(STM.contains(from), "the test replaces text that is not there");
        match Chip::parse("c.toml", &STM.replacen(from, to, 1)) {
            Ok(_) => Vec::new(),
            Err(invalid) => invalid.problems.into_iter().map(|problem| problem.what).collect(),
        }
    }

    #[test]
    fn erase_units_cover_the_flash() {
        let whole = "flash base and size must be whole erase and write units";
        assert_eq!(problems("count = 7", "count = 6"), [whole]);
        assert_eq!(problems("bytes = 0x10_0000", "bytes = 0x10_0004"), [whole]);
        assert_eq!(
            problems("count = 4, bytes = 0x4000", "count = 3, bytes = 0x4000"),
            ["flash must begin and go on in whole erase units"]
        );
        let both = problems("write_bytes = 1", "write_bytes = 1\nerase_bytes = 0x4000");
        let either = "flash needs either `erase_bytes` or `erase_units`";
        assert!(both.iter().any(|problem| problem == either), "{both:?}");
    }

    #[test]
    fn units_of_several_sizes_have_their_boundaries() {
        let flash = Chip::parse("c.toml", STM).unwrap().flash;
        for (offset, boundary) in [
            (0, true),
            (0x4000, true),
            (0x2000, false),
            (0x1_0000, true),
            (0x1_4000, false),
            (0x2_0000, true),
            (0x3_0000, false),
            (0xe_0000, true),
            (0x10_0000, true),
            (0x12_0000, false),
        ] {
            assert_eq!(flash.is_unit_boundary(0x0800_0000 + offset), boundary, "{offset:#x}");
        }
        assert!(!flash.is_unit_boundary(0x07ff_c000));
    }
}
