//! Which kinds of parts a board's file may name: those that are known by name, and WebAssembly modules in files.

use std::path::Path;

use crate::part_kind::PartKind;

/// Where a board's file gets the kinds of its parts from. What runs a module is in the emulator, so it is passed in.
#[derive(Clone, Copy)]
pub struct PartSource<'a> {
    /// Kinds that are known by name.
    pub known: &'a [PartKind],
    /// Reads the kind that a module's file is; the error is a clause that follows the file's name. It blocks.
    pub module: &'a dyn Fn(&Path) -> Result<PartKind, String>,
}

impl Default for PartSource<'static> {
    /// The kinds of the emulator's own, and no modules.
    fn default() -> Self {
        Self {
            known: crate::part_kinds(),
            module: &|_| Err("cannot be used here; name a kind that ships with Drydock".to_owned()),
        }
    }
}

impl PartSource<'_> {
    /// The kind that the file `named` is, as a file in `folder` names it.
    ///
    /// # Errors
    /// A clause with the name as it is written.
    pub(crate) fn read(&self, folder: &Path, named: &str) -> Result<PartKind, String> {
        let path = folder.join(named);
        let kind = (self.module)(&path).map_err(|what| format!("`{named}` {what}"))?;
        match self.known.iter().any(|known| known.name == kind.name) {
            true => Err(format!(
                "`{named}` has the name of a kind that ships with Drydock; rename the file"
            )),
            false => Ok(kind),
        }
    }
}

/// Whether the kind of a part is the path of a module.
pub(crate) fn is_module(kind: &str) -> bool {
    Path::new(kind).extension().is_some_and(|extension| extension == "wasm")
}
