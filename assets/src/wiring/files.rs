//! The files that the parts of a board's file name: modules, and what parts keep.

use std::collections::BTreeMap;
use std::path::Path;

use super::WiringSections;
use crate::part_kind::PartKind;
use crate::part_source::{PartSource, is_module};
use crate::section::Reader;

impl WiringSections {
    /// Reads the files that parts name, from `folder`: what they keep, and modules, whose kinds are named instead. The kinds
    /// that the sections may name are returned. A part whose module is none is a problem, and is left out.
    pub(crate) fn read_files(
        &mut self,
        reader: &mut Reader<'_>,
        folder: Option<&Path>,
        source: &PartSource<'_>,
    ) -> Vec<PartKind> {
        for part in &mut self.parts {
            let span = part.span();
            let read = match (folder, &part.get_ref().file) {
                (Some(folder), _) => part.get_mut().read_file(folder),
                (None, Some(named)) => Err(format!("`{named}` cannot be read: the board is no file")),
                (None, None) => Ok(()),
            };
            if let Err(what) = read {
                reader.problem(span, &what);
                // One problem is enough.
                part.get_mut().file = None;
            }
        }
        let mut kinds = source.known.to_vec();
        // Of two parts that are one module, the second needs no reading.
        let mut read: BTreeMap<String, String> = BTreeMap::new();
        self.parts.retain_mut(|part| {
            let named = part.get_ref().kind.clone();
            if !is_module(&named) {
                return true;
            }
            if let Some(name) = read.get(&named) {
                part.get_mut().kind.clone_from(name);
                return true;
            }
            let kind = source.read(folder.unwrap_or(Path::new("")), &named).and_then(|kind| {
                let other = read.iter().find(|(_, name)| **name == kind.name);
                match other {
                    Some((file, _)) => Err(format!(
                        "`{named}` and `{file}` are two kinds with one name; rename one of the files"
                    )),
                    None => Ok(kind),
                }
            });
            match kind {
                Ok(kind) => {
                    part.get_mut().kind.clone_from(&kind.name);
                    read.insert(named, kind.name.clone());
                    kinds.push(kind);
                    true
                }
                Err(what) => {
                    reader.problem(part.span(), &what);
                    false
                }
            }
        });
        kinds
    }
}
