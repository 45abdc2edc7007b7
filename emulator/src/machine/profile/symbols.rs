//! Functions by address, with demangled names.

use crate::machine::Image;

/// A function of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// First address.
    pub addr: u32,
    /// Behind its last byte.
    pub end: u32,
    /// Its name, demangled, without the hash.
    pub name: String,
}

/// An image without names of functions, which cannot be profiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the image names no functions: it has no symbol table, or was stripped")]
pub struct NoSymbols;

/// The functions of an image, by address; they do not overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Symbols {
    functions: Vec<Function>,
    /// Top of the main stack, if the linker script names it.
    pub(crate) stack_top: Option<u32>,
}

/// Names of the main stack's top in the start-up crates of Arm and RISC-V, and in C's.
const STACK_TOPS: [&str; 4] = ["_stack_start", "_estack", "__stack_top", "__StackTop"];

impl Symbols {
    /// The functions of an image.
    ///
    /// # Errors
    /// [`NoSymbols`].
    pub fn of(image: &Image) -> Result<Self, NoSymbols> {
        let mut named: Vec<_> = image.symbols.iter().filter(|symbol| symbol.function).collect();
        // Of several names for one address, the one that covers the most bytes.
        named.sort_by_key(|symbol| (symbol.addr, u32::MAX - symbol.bytes));
        named.dedup_by_key(|symbol| symbol.addr);
        if named.is_empty() {
            return Err(NoSymbols);
        }
        let nexts = named.iter().skip(1).map(|symbol| symbol.addr).chain([u32::MAX]);
        let functions = named.iter().zip(nexts).map(|(symbol, next)| Function {
            addr: symbol.addr,
            end: match symbol.bytes {
                0 => next,
                bytes => symbol.addr.saturating_add(bytes).min(next),
            },
            name: format!("{:#}", rustc_demangle::demangle(&symbol.name)),
        });
        let top = STACK_TOPS.iter().find_map(|name| image.symbol(name));
        Ok(Self {
            functions: functions.collect(),
            stack_top: top,
        })
    }

    /// All of them, by address.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// The function that contains `addr`.
    pub fn function(&self, addr: u32) -> Option<&Function> {
        let (index, _) = self.at(addr);
        self.functions.get(index? as usize)
    }

    /// The function that contains `addr`, and the range of addresses for which this is the answer.
    pub(crate) fn at(&self, addr: u32) -> (Option<u32>, (u32, u32)) {
        let after = self.functions.partition_point(|function| function.addr <= addr);
        let next = self.functions.get(after).map_or(u32::MAX, |function| function.addr);
        match after.checked_sub(1).map(|index| (index, &self.functions[index])) {
            Some((index, function)) if addr < function.end => (Some(index as u32), (function.addr, function.end)),
            Some((_, function)) => (None, (function.end, next)),
            None => (None, (0, next)),
        }
    }
}
