//! What a program's ELF file says about its logging: symbols in the section `.defmt`, whose addresses are the numbers on the
//! wire and whose names are JSON objects.

use crate::{
    format::Format,
    locations::{Location, locations},
};
use object::{File, Object as _, ObjectSection as _, ObjectSymbol as _, SectionIndex};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap, HashSet};

pub use defmt_parser::Level;

/// The versions of the wire format that are known.
const VERSIONS: [&str; 2] = ["3", "4"];
const VERSION: &str = "_defmt_version_ = ";
const ENCODING: &str = "_defmt_encoding_ = ";

/// The tables of one build of a program.
#[derive(Debug)]
pub struct Program {
    pub(crate) encoding: Encoding,
    pub(crate) timestamp: Option<Format>,
    pub(crate) entries: BTreeMap<u16, Entry>,
    pub(crate) flags: HashMap<FlagsName, Vec<(String, u128)>>,
}

/// How frames are put on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// One behind the other, without borders.
    Raw,
    /// In rzCOBS, with zeros between them.
    Rzcobs,
}

/// What a number on the wire stands for.
#[derive(Debug)]
pub(crate) enum Entry {
    /// A statement, which begins a frame.
    Statement {
        level: Option<Level>,
        format: Format,
        location: Option<Location>,
    },
    /// How a value is shown; an enum has one format for each variant.
    Value(Vec<Format>),
    /// A text that the program names by its number.
    Interned(String),
}

/// Which `bitflags!` a value is of.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct FlagsName {
    pub(crate) name: String,
    pub(crate) package: String,
    pub(crate) disambiguator: String,
    pub(crate) crate_name: Option<String>,
}

/// Why a file cannot be used to decode defmt.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NotUsable {
    /// It is no ELF file.
    #[error("it is no ELF file ({0})")]
    NotElf(String),
    /// The program has no tables.
    #[error("it has no section .defmt: the program does not log with defmt, or is linked without -Tdefmt.x")]
    NoDefmt,
    /// The wire format is not known.
    #[error("it logs in version {0} of defmt's wire format; this Drydock knows the versions 3 and 4")]
    Version(String),
    /// The tables make no sense.
    #[error("its section .defmt cannot be read: {0}")]
    Damaged(String),
}

/// The name of a symbol in `.defmt`.
#[derive(Deserialize)]
struct SymbolName {
    package: String,
    disambiguator: String,
    tag: String,
    data: String,
    #[serde(default)]
    crate_name: Option<String>,
}

impl Program {
    /// Reads the tables. Without debug information, or if it cannot be read, statements have no location.
    ///
    /// # Errors
    /// [`NotUsable`].
    pub fn read(elf: &[u8]) -> Result<Self, NotUsable> {
        let file = File::parse(elf).map_err(|error| NotUsable::NotElf(error.to_string()))?;
        let sections: HashSet<SectionIndex> = file
            .sections()
            .filter(|section| {
                let name = section.name().unwrap_or_default();
                // Some linkers leave one section for each symbol.
                name == ".defmt" || name.starts_with(".defmt.")
            })
            .map(|section| section.index())
            .collect();
        if sections.is_empty() {
            return Err(NotUsable::NoDefmt);
        }
        let version = only(&file, VERSION, "version")?;
        if !VERSIONS.contains(&version.as_str()) {
            return Err(NotUsable::Version(version));
        }
        let encoding = match only(&file, ENCODING, "encoding")?.as_str() {
            "raw" => Encoding::Raw,
            "rzcobs" => Encoding::Rzcobs,
            other => return Err(NotUsable::Damaged(format!("its encoding `{other}` is not known"))),
        };
        let mut program = Self {
            encoding,
            timestamp: None,
            entries: BTreeMap::new(),
            flags: HashMap::new(),
        };
        let mut values = Vec::new();
        let mut locations = locations(&file);
        for symbol in file.symbols() {
            let (Ok(name), Some(section)) = (symbol.name(), symbol.section_index()) else {
                continue;
            };
            // The rest is the linker's and the assembler's.
            if !sections.contains(&section) || !name.starts_with('{') {
                continue;
            }
            let parsed: SymbolName = serde_json::from_str(name)
                .map_err(|error| NotUsable::Damaged(format!("the name of the symbol `{name}`: {error}")))?;
            if parsed.tag == "defmt_bitflags_value" {
                values.push(flag(&file, &symbol, parsed)?);
                continue;
            }
            if parsed.tag == "defmt_timestamp" {
                let unknown = || NotUsable::Damaged(format!("the format `{}` of its time stamps", parsed.data));
                program.timestamp = Some(Format::parse(&parsed.data).ok_or_else(unknown)?);
                continue;
            }
            let entry = entry(parsed, || locations.remove(name));
            let Some(entry) = entry else { continue };
            let number = u16::try_from(symbol.address())
                .map_err(|_| NotUsable::Damaged(format!("a symbol at {:#x}", symbol.address())))?;
            program.entries.insert(number, entry);
        }
        // In the order of their definition; the linker puts them into any.
        values.sort_by_key(|(_, position, ..)| *position);
        for (flags, _, name, value) in values {
            program.flags.entry(flags).or_default().push((name, value));
        }
        Ok(program)
    }

    /// How its frames are put on the wire.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }
}

/// What a symbol stands for; `None` for those of other tools, and for formats that the parser does not know: their frames
/// cannot be decoded.
fn entry(symbol: SymbolName, location: impl FnOnce() -> Option<Location>) -> Option<Entry> {
    let level = match symbol.tag.as_str() {
        "defmt_trace" => Some(Level::Trace),
        "defmt_debug" => Some(Level::Debug),
        "defmt_info" => Some(Level::Info),
        "defmt_warn" => Some(Level::Warn),
        "defmt_error" => Some(Level::Error),
        "defmt_println" => None,
        // `|` separates the variants of an enum.
        "defmt_prim" | "defmt_derived" => {
            let variants: Option<Vec<Format>> = symbol.data.split('|').map(Format::parse).collect();
            return variants.map(Entry::Value);
        }
        "defmt_write" | "defmt_bitflags" => return Some(Entry::Value(vec![Format::parse(&symbol.data)?])),
        "defmt_str" => return Some(Entry::Interned(symbol.data)),
        _ => return None,
    };
    Some(Entry::Statement {
        level,
        format: Format::parse(&symbol.data)?,
        location: location(),
    })
}

/// The rest of the only symbol whose name begins so. LLD keeps the quotes of a linker script.
fn only(file: &File<'_>, begin: &str, what: &str) -> Result<String, NotUsable> {
    let mut found: Vec<&str> = file
        .symbols()
        .filter_map(|symbol| symbol.name().ok())
        .filter_map(|name| name.trim_matches('"').strip_prefix(begin))
        .collect();
    found.sort_unstable();
    found.dedup();
    match found.as_slice() {
        [one] => Ok((*one).to_owned()),
        [] => Err(NotUsable::Damaged(format!("no symbol tells its {what}"))),
        several => Err(NotUsable::Damaged(format!(
            "it has more than one {what}: {}",
            several.join(", ")
        ))),
    }
}

/// A value of `bitflags!`: of which, its position there, its name and the bits.
fn flag(
    file: &File<'_>,
    symbol: &object::Symbol<'_, '_>,
    parsed: SymbolName,
) -> Result<(FlagsName, u128, String, u128), NotUsable> {
    let damaged = || NotUsable::Damaged(format!("the value of the flag `{}`", parsed.data));
    let parts: Vec<&str> = parsed.data.split("::").collect();
    let [name, position, value_name] = parts.as_slice() else {
        return Err(damaged());
    };
    let position = position.parse().map_err(|_| damaged())?;
    let section = symbol.section_index().ok_or_else(damaged)?;
    let section = file.section_by_index(section).map_err(|_| damaged())?;
    let bytes = section.data_range(symbol.address(), 16).ok().flatten();
    let bytes: [u8; 16] = bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(damaged)?;
    let flags = FlagsName {
        name: (*name).to_owned(),
        package: parsed.package.clone(),
        disambiguator: parsed.disambiguator.clone(),
        crate_name: parsed.crate_name.clone(),
    };
    Ok((flags, position, (*value_name).to_owned(), u128::from_le_bytes(bytes)))
}
