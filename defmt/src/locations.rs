//! Where the statements are in the source, from DWARF: each is a static variable whose linkage name is its symbol's.

use gimli::{AttributeValue, DwAt, DwarfSections, EndianSlice, RunTimeEndian, constants as dw};
use object::{File, Object as _, ObjectSection as _};
use std::{
    borrow::Cow,
    collections::HashMap,
    path::{Path, PathBuf},
};

/// The name of each statement's variable.
const STATEMENT: &[u8] = b"DEFMT_LOG_STATEMENT";

/// A place in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Path of the file, relative to the directory where the program was built if it is in it.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
}

type Slice<'a> = EndianSlice<'a, RunTimeEndian>;
type Dwarf<'a> = gimli::Dwarf<Slice<'a>>;
type Unit<'a> = gimli::Unit<Slice<'a>>;
type Entry<'a> = gimli::DebuggingInformationEntry<Slice<'a>>;

/// The locations by the names of the symbols. What cannot be read is left out.
pub(crate) fn locations(file: &File<'_>) -> HashMap<String, Location> {
    let mut found = HashMap::new();
    // Lines that are known up to a damaged unit are right.
    let _ = find(file, &mut found);
    found
}

fn find(file: &File<'_>, found: &mut HashMap<String, Location>) -> gimli::Result<()> {
    let endian = match file.is_little_endian() {
        true => RunTimeEndian::Little,
        false => RunTimeEndian::Big,
    };
    let load = |id: gimli::SectionId| -> gimli::Result<Cow<'_, [u8]>> {
        let section = file.section_by_name(id.name());
        Ok(section
            .and_then(|section| section.uncompressed_data().ok())
            .unwrap_or_default())
    };
    let sections = DwarfSections::load(load)?;
    let dwarf = sections.borrow(|section| EndianSlice::new(section, endian));
    let mut units = dwarf.units();
    while let Some(header) = units.next()? {
        let unit = dwarf.unit(header)?;
        let mut entries = unit.entries();
        while let Some(entry) = entries.next_dfs()? {
            if entry.tag() == dw::DW_TAG_variable
                && let Some((name, location)) = statement(&dwarf, &unit, entry)
            {
                found.insert(name, location);
            }
        }
    }
    Ok(())
}

/// The symbol and the place of a statement; `None` for other variables.
fn statement(dwarf: &Dwarf<'_>, unit: &Unit<'_>, entry: &Entry<'_>) -> Option<(String, Location)> {
    let text = |attribute: DwAt| dwarf.attr_string(unit, entry.attr_value(attribute)?).ok();
    if text(dw::DW_AT_name)?.slice() != STATEMENT {
        return None;
    }
    let symbol = text(dw::DW_AT_linkage_name)?.to_string().ok()?.to_owned();
    let line = entry.attr_value(dw::DW_AT_decl_line)?.udata_value()?;
    let file = match entry.attr_value(dw::DW_AT_decl_file)? {
        AttributeValue::FileIndex(index) => index,
        other => other.udata_value()?,
    };
    let location = Location {
        file: path(dwarf, unit, file)?,
        line: u32::try_from(line).ok()?,
    };
    Some((symbol, location))
}

fn path(dwarf: &Dwarf<'_>, unit: &Unit<'_>, index: u64) -> Option<String> {
    let text = |value| Some(dwarf.attr_string(unit, value).ok()?.to_string_lossy().into_owned());
    let header = unit.line_program.as_ref()?.header();
    let file = header.file(index)?;
    let built_in = unit.comp_dir.map(|directory| directory.to_string_lossy().into_owned());
    let mut path = PathBuf::new();
    if let Some(directory) = file.directory(header) {
        path.push(text(directory)?);
    }
    path.push(text(file.path_name())?);
    let inside = built_in.and_then(|built_in| path.strip_prefix(Path::new(&built_in)).ok().map(Path::to_owned));
    Some(inside.unwrap_or(path).display().to_string())
}
