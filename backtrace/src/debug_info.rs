//! What an ELF file says about addresses: functions, lines, and how to find a function's caller.

use crate::{Frame, Place};
use addr2line::Context;
use gimli::{DebugFrame, EhFrame, EndianArcSlice, LittleEndian, Reader as _, Section, SectionId};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _, SymbolKind};
use std::{
    path::{Component, Path},
    sync::{Arc, Mutex, PoisonError},
};

pub(crate) type Reader = EndianArcSlice<LittleEndian>;

/// The debug information of a program. Without any, frames have the names of symbols.
pub struct DebugInfo {
    pub(crate) debug_frame: DebugFrame<Reader>,
    pub(crate) eh_frame: EhFrame<Reader>,
    /// Address, length and name of each function, by address.
    functions: Vec<(u32, u32, String)>,
    /// It reads units as they are asked for.
    lines: Option<Mutex<Context<Reader>>>,
}

/// Why an ELF file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum NotUsable {
    /// It is no ELF file.
    #[error("it is no sound ELF file: {0}")]
    Elf(#[from] object::Error),
    /// Its debug information is damaged.
    #[error("its debug information is damaged: {0}")]
    Dwarf(#[from] gimli::Error),
}

impl DebugInfo {
    /// Reads an ELF file for a 32-bit chip.
    ///
    /// # Errors
    /// [`NotUsable`].
    pub fn read(elf: &[u8]) -> Result<Self, NotUsable> {
        let file = object::File::parse(elf)?;
        let load = |id: SectionId| -> Result<Reader, gimli::Error> {
            let section = file.section_by_name(id.name());
            let bytes = section.and_then(|section| section.uncompressed_data().ok());
            Ok(Reader::new(Arc::from(bytes.unwrap_or_default().as_ref()), LittleEndian))
        };
        let dwarf = gimli::Dwarf::load(load)?;
        let mut debug_frame = DebugFrame::load(load)?;
        let mut eh_frame = EhFrame::load(load)?;
        debug_frame.set_address_size(4);
        eh_frame.set_address_size(4);
        let functions = file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text);
        let mut functions: Vec<_> = functions
            .filter_map(|symbol| {
                let name = demangled(symbol.name().ok()?);
                Some((symbol.address() as u32 & !1, symbol.size() as u32, name))
            })
            .collect();
        functions.sort();
        Ok(Self {
            debug_frame,
            eh_frame,
            functions,
            lines: Context::from_dwarf(dwarf).ok().map(Mutex::new),
        })
    }

    /// The functions at the address of an instruction: those that were inlined there, then the one that has them.
    pub fn at(&self, pc: u32) -> Vec<Frame> {
        self.frames_at(pc, pc, false)
    }

    /// The functions at an address, the innermost first: those that were inlined, then the one that has them.
    pub(crate) fn frames_at(&self, pc: u32, lookup: u32, is_interrupted: bool) -> Vec<Frame> {
        let symbol = self.symbol(lookup);
        let mut found = self.inlined(pc, lookup).unwrap_or_default();
        // Functions that the linker dropped keep their debug information, at address 0, where a program may have others.
        if !found.is_empty() && self.is_dropped(lookup) == Some(true) {
            found.clear();
        }
        match found.last_mut() {
            // Assembly has lines and no functions.
            Some(outermost) if outermost.function.is_none() => outermost.function = symbol,
            Some(_) => {}
            None => found.push(Frame {
                pc,
                function: symbol,
                place: None,
                is_interrupted: false,
            }),
        }
        if let Some(innermost) = found.first_mut() {
            innermost.is_interrupted = is_interrupted;
        }
        found
    }

    fn inlined(&self, pc: u32, lookup: u32) -> Option<Vec<Frame>> {
        let lines = self.lines.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        let mut frames = lines.find_frames(lookup.into()).skip_all_loads().ok()?;
        let built_in = lines.find_dwarf_and_unit(lookup.into()).skip_all_loads();
        let built_in = built_in.and_then(|unit| Some(unit.comp_dir.as_ref()?.to_string_lossy().ok()?.into_owned()));
        let mut found = Vec::new();
        // Damaged information ends the list.
        while let Ok(Some(frame)) = frames.next() {
            let name = frame.function.as_ref().and_then(|function| function.raw_name().ok());
            let place = frame.location.and_then(|location| {
                Some(Place {
                    file: shortened(location.file?, built_in.as_deref()),
                    line: location.line.filter(|line| *line > 0)?,
                })
            });
            found.push(Frame {
                pc,
                function: name.map(|name| demangled(&name)),
                place,
                is_interrupted: false,
            });
            if found.len() == crate::FRAMES_MAX {
                break;
            }
        }
        Some(found)
    }

    /// Whether the debug information of an address is that of a function which the linker dropped: it begins at 0, and
    /// symbols say that the function at the address begins elsewhere.
    fn is_dropped(&self, address: u32) -> Option<bool> {
        let after = self.functions.partition_point(|(start, ..)| *start <= address);
        let (start, bytes, _) = self.functions.get(after.checked_sub(1)?)?;
        if *start == 0 || address - start >= *bytes {
            return Some(false);
        }
        let lines = self.lines.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        let unit = lines.find_dwarf_and_unit(address.into()).skip_all_loads()?;
        let mut entries = unit.entries();
        let mut is_dropped = false;
        while let Ok(Some(entry)) = entries.next_dfs() {
            if entry.tag() != gimli::DW_TAG_subprogram {
                continue;
            }
            let Some(low) = entry
                .attr_value(gimli::DW_AT_low_pc)
                .and_then(|low| unit.attr_address(low).ok().flatten())
            else {
                continue;
            };
            if low == u64::from(*start) {
                return Some(false);
            }
            is_dropped |= low == 0;
        }
        Some(is_dropped)
    }

    fn symbol(&self, address: u32) -> Option<String> {
        let after = self.functions.partition_point(|(start, ..)| *start <= address);
        let (start, bytes, name) = self.functions.get(after.checked_sub(1)?)?;
        // Functions in assembly may have no length.
        (*bytes == 0 || address - start < *bytes).then(|| name.clone())
    }
}

impl std::fmt::Debug for DebugInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DebugInfo")
            .field("functions", &self.functions.len())
            .finish_non_exhaustive()
    }
}

/// The name without the hash that Rust adds.
fn demangled(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

/// Paths in the folder in which the program was built are relative to it. Those of crates in a registry begin with the crate,
/// and those of Rust's libraries with `library`.
fn shortened(file: &str, built_in: Option<&str>) -> String {
    let path = Path::new(file);
    let parts: Vec<&str> = path
        .components()
        .filter_map(|part| match part {
            Component::Normal(part) => part.to_str(),
            _ => None,
        })
        .collect();
    let pair_at = |is_it: fn(&str, &str) -> bool| parts.windows(2).position(|pair| is_it(pair[0], pair[1]));
    // `registry/src/INDEX/CRATE/src/lib.rs`.
    let in_registry = pair_at(|one, two| (one, two) == ("registry", "src")).map(|at| at + 3);
    let of_rust = pair_at(|one, two| one == "library" && matches!(two, "core" | "alloc" | "std"));
    match in_registry.or(of_rust).and_then(|at| parts.get(at..)) {
        Some(rest) if !rest.is_empty() => return rest.join("/"),
        _ => {}
    }
    let inside = built_in.and_then(|folder| path.strip_prefix(folder).ok());
    inside.map_or_else(|| file.to_owned(), |inside| inside.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn paths_tell_what_helps_to_find_the_file() {
        let check = |file: &str, expected: &str| assert_eq!(shortened(file, Some("/home/me/app")), expected);
        check("/home/me/app/src/main.rs", "src/main.rs");
        check("/home/me/other/main.c", "/home/me/other/main.c");
        check("src/main.rs", "src/main.rs");
        check(
            "/home/me/.cargo/registry/src/index-1949/cortex-m-0.7.7/src/asm.rs",
            "cortex-m-0.7.7/src/asm.rs",
        );
        check(
            "/rustc/59807616/library/core/src/ptr/mod.rs",
            "library/core/src/ptr/mod.rs",
        );
        check("/a/registry/src", "/a/registry/src");
        assert_eq!(shortened("/home/me/app/src/main.rs", None), "/home/me/app/src/main.rs");
    }
}
