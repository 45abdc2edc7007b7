//! The latest analyses of modules. A preview, the upload that follows it and a deployment to many boards look at the same
//! module: it is analysed once.

use super::analysis::{AnalyzedModule, analyze};
use crate::domain::Digest;
use ring::digest::{SHA256, digest};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

/// Analyses that are kept. Each holds its module, at most `max_module_bytes`.
const KEPT: usize = 4;

/// Analyses, by SHA-256 of the bytes that were given.
pub(super) struct Analyses {
    max_module_bytes: usize,
    /// The latest one last.
    kept: Mutex<VecDeque<(Digest, Arc<AnalyzedModule>)>>,
}

impl Analyses {
    pub(super) fn new(max_module_bytes: usize) -> Self {
        Self {
            max_module_bytes,
            kept: Mutex::default(),
        }
    }

    /// The analysis of a module in binary or text form.
    ///
    /// # Errors
    /// Half a sentence that begins with "it": why the bytes are no module. Failures are not kept.
    pub(super) fn of(&self, given: &[u8]) -> Result<Arc<AnalyzedModule>, String> {
        let mut key = Digest([0; 32]);
        key.0.copy_from_slice(digest(&SHA256, given).as_ref());
        if let Some(known) = self.known(key) {
            return Ok(known);
        }
        let analyzed = Arc::new(analyze(given, self.max_module_bytes)?);
        let mut kept = self.lock();
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back((key, analyzed.clone()));
        Ok(analyzed)
    }

    fn known(&self, key: Digest) -> Option<Arc<AnalyzedModule>> {
        let mut kept = self.lock();
        let index = kept.iter().position(|(known, _)| *known == key)?;
        let entry = kept.remove(index)?;
        let analyzed = entry.1.clone();
        kept.push_back(entry);
        Some(analyzed)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<(Digest, Arc<AnalyzedModule>)>> {
        self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(number: usize) -> Vec<u8> {
        format!(r#"(module (func (export "init") i32.const {number} drop))"#).into_bytes()
    }

    #[test]
    fn a_module_is_analysed_once_while_it_is_among_the_latest() {
        let analyses = Analyses::new(1 << 20);
        let first = analyses.of(&module(0)).expect("a module");
        assert!(Arc::ptr_eq(&first, &analyses.of(&module(0)).expect("a module")));
        for other in 1..KEPT {
            analyses.of(&module(other)).expect("a module");
        }
        assert!(Arc::ptr_eq(&first, &analyses.of(&module(0)).expect("a module")));
        for other in KEPT..2 * KEPT {
            analyses.of(&module(other)).expect("a module");
        }
        assert!(!Arc::ptr_eq(&first, &analyses.of(&module(0)).expect("a module")));
        assert!(analyses.of(b"no module").is_err());
    }
}
