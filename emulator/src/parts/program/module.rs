//! What a module must be before it runs as a part, and the small change that makes its whole state visible.
//!
//! A part's state is the module's memory and its mutable globals. This is complete because everything else that WebAssembly
//! lets change is refused here: tables and dropped segments. Memory and mutable globals are exported under names of our own,
//! so that the interpreter lets us read them. Custom sections (names, debug information) are left out.

use std::ops::Range;

use wasmparser::{ExternalKind, Operator, Parser, Payload, TypeRef, ValType};

/// Largest module, in bytes.
pub const MODULE_BYTES_MAX: usize = 512 << 10;
/// Most mutable globals.
const GLOBALS_MAX: usize = 64;
/// Beginning of the names of our own exports.
const OWN: &str = "drydock:";
const EXPORT_SECTION: u8 = 7;

/// Why a module is no part. Each text is a sentence without its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProgramError {
    /// Too many bytes.
    #[error("the module has {0} bytes; a part has at most {MODULE_BYTES_MAX}")]
    Size(usize),
    /// Something else.
    #[error("the file is not a WebAssembly module")]
    NoModule,
    /// Damaged, or a feature that parts cannot use.
    #[error("the module is not valid here: {0}")]
    Invalid(String),
    /// State that a snapshot could not have.
    #[error("the module uses `{0}`, which a snapshot cannot keep; build it without")]
    Untracked(&'static str),
    /// A mutable global of another type than i32 and i64.
    #[error("the module has a mutable global that is neither i32 nor i64")]
    Global,
    /// Too many.
    #[error("the module has more than {GLOBALS_MAX} mutable globals")]
    Globals,
    /// It runs before it is asked.
    #[error("the module has a start function; do its work in `init`")]
    Start,
    /// An import that does not exist.
    #[error("the module imports {0}, which parts do not have; docs/writing-a-part.md lists what they have")]
    Import(String),
    /// An import of another type.
    #[error("the module imports {0} with another type than {1}")]
    ImportType(String, &'static str),
    /// A function of the interface is missing.
    #[error("the module does not export `{0}`, which {1}")]
    Missing(&'static str, &'static str),
    /// An export of another type.
    #[error("the module exports `{0}` with another type than {1}")]
    ExportType(&'static str, &'static str),
    /// On two buses.
    #[error("the module exports `i2c_start` and `spi_transfer`; a part is on one bus")]
    TwoBuses,
    /// What it declares is not enough, or `init` failed.
    #[error("{0}")]
    Declared(String),
}

/// A module that may be compiled.
pub(super) struct Exposed {
    /// The changed module.
    pub(super) bytes: Vec<u8>,
    /// The names of the exported mutable globals.
    pub(super) globals: Vec<String>,
    /// The name of the exported memory; `None` if it has none.
    pub(super) memory: Option<String>,
}

/// Checks a module for state that is not tracked, and exports what is.
pub(super) fn expose(module: &[u8]) -> Result<Exposed, ProgramError> {
    if module.len() > MODULE_BYTES_MAX {
        return Err(ProgramError::Size(module.len()));
    }
    if !module.starts_with(b"\0asm") {
        return Err(ProgramError::NoModule);
    }
    let mut seen = Seen::default();
    for payload in Parser::new(0).parse_all(module) {
        seen.payload(payload.map_err(invalid)?)?;
    }
    if seen.mutable.len() > GLOBALS_MAX {
        return Err(ProgramError::Globals);
    }
    let globals: Vec<String> = (0..seen.mutable.len()).map(|index| format!("{OWN}{index}")).collect();
    let memory = seen.has_memory.then(|| format!("{OWN}memory"));
    let mut entries: Vec<(&str, u8, u32)> = Vec::new();
    entries.extend(
        globals
            .iter()
            .zip(&seen.mutable)
            .map(|(name, index)| (name.as_str(), 3, *index)),
    );
    entries.extend(memory.iter().map(|name| (name.as_str(), 2, 0)));
    let mut bytes = module[..8].to_vec();
    for (id, range) in &seen.sections {
        let content = &module[range.clone()];
        match *id {
            EXPORT_SECTION => section(&mut bytes, *id, &with_exports(content, seen.exports, &entries)),
            id => section(&mut bytes, id, content),
        }
    }
    Ok(Exposed { bytes, globals, memory })
}

#[derive(Default)]
struct Seen {
    /// Id and content of each section, without custom ones.
    sections: Vec<(u8, Range<usize>)>,
    /// Indices of mutable globals.
    mutable: Vec<u32>,
    exports: u32,
    has_memory: bool,
}

impl Seen {
    fn payload(&mut self, payload: Payload<'_>) -> Result<(), ProgramError> {
        if let Some((id, range)) = payload.as_section()
            && id != 0
        {
            self.sections.push((id, range.start as usize..range.end as usize));
        }
        match payload {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import.map_err(invalid)?;
                    if !matches!(import.ty, TypeRef::Func(_)) {
                        return Err(ProgramError::Import(format!("{}.{}", import.module, import.name)));
                    }
                }
            }
            Payload::GlobalSection(globals) => {
                for (index, global) in globals.into_iter().enumerate() {
                    let ty = global.map_err(invalid)?.ty;
                    match (ty.mutable, ty.content_type) {
                        (false, _) => {}
                        (true, ValType::I32 | ValType::I64) => self.mutable.push(index as u32),
                        (true, _) => return Err(ProgramError::Global),
                    }
                }
            }
            Payload::MemorySection(memories) => self.has_memory = memories.count() > 0,
            Payload::StartSection { .. } => return Err(ProgramError::Start),
            Payload::ExportSection(exports) => {
                self.exports = exports.count();
                for export in exports {
                    let export = export.map_err(invalid)?;
                    let is_own = export.name.starts_with(OWN) && export.kind != ExternalKind::Func;
                    if is_own {
                        return Err(ProgramError::Invalid(format!(
                            "`{}` is a name of Drydock's",
                            export.name
                        )));
                    }
                }
            }
            Payload::CodeSectionEntry(body) => {
                for operator in body.get_operators_reader().map_err(invalid)? {
                    if let Some(name) = untracked(&operator.map_err(invalid)?) {
                        return Err(ProgramError::Untracked(name));
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Instructions that change what is neither memory nor a global.
fn untracked(operator: &Operator<'_>) -> Option<&'static str> {
    Some(match operator {
        Operator::TableSet { .. } => "table.set",
        Operator::TableGrow { .. } => "table.grow",
        Operator::TableFill { .. } => "table.fill",
        Operator::TableCopy { .. } => "table.copy",
        Operator::TableInit { .. } => "table.init",
        Operator::ElemDrop { .. } => "elem.drop",
        Operator::DataDrop { .. } => "data.drop",
        _ => return None,
    })
}

fn invalid(error: wasmparser::BinaryReaderError) -> ProgramError {
    ProgramError::Invalid(format!("{} (at offset {:#x})", error.message(), error.offset()))
}

fn section(bytes: &mut Vec<u8>, id: u8, content: &[u8]) {
    bytes.push(id);
    leb(bytes, content.len() as u32);
    bytes.extend(content);
}

/// The content of an export section with further entries: name, kind and index.
fn with_exports(content: &[u8], count: u32, entries: &[(&str, u8, u32)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(content.len() + 16 * entries.len());
    leb(&mut bytes, count + entries.len() as u32);
    let count_bytes = content.iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
    bytes.extend(&content[count_bytes.min(content.len())..]);
    for (name, kind, index) in entries {
        leb(&mut bytes, name.len() as u32);
        bytes.extend(name.as_bytes());
        bytes.push(*kind);
        leb(&mut bytes, *index);
    }
    bytes
}

fn leb(bytes: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}
