//! Images: segments of bytes at addresses, with the symbols of their ELF file.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use object::{Object, ObjectSegment, ObjectSymbol, SymbolKind, SymbolSection};

/// A program in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// The segments, in the order of the file. Addresses are load addresses (LMA).
    pub segments: Vec<Segment>,
    /// Functions and objects, by address.
    pub symbols: Vec<Symbol>,
    /// Where an ELF file says that it starts (`e_entry`), for chips whose loader honours it.
    pub entry: Option<u32>,
    /// Values that engines derived from it, for all machines that load it.
    pub(crate) engine_caches: EngineCaches,
}

/// Bytes at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Address of the first byte.
    pub addr: u32,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A name of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// First address, without the Thumb bit.
    pub addr: u32,
    /// Length in bytes; 0 if the file does not state it.
    pub bytes: u32,
    /// Name as in the file (mangled).
    pub name: String,
    /// Whether it is a function.
    pub function: bool,
}

/// The bytes are no image.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// Not an ELF file, or a broken one.
    #[error("the file is not a sound ELF file")]
    Elf(#[from] object::Error),
    /// An ELF file for another kind of machine.
    #[error("the ELF file is not a 32-bit little-endian Arm or RISC-V program")]
    Architecture,
    /// It has nothing to load.
    #[error("the ELF file has no segment to load")]
    Empty,
    /// A segment leaves the 32-bit address space.
    #[error("a segment at {addr:#x} does not fit a 32-bit address space")]
    Range {
        /// Its load address.
        addr: u64,
    },
}

impl Image {
    /// `segments`, with the `symbols` of their contents.
    pub fn new(segments: Vec<Segment>, symbols: Vec<Symbol>) -> Self {
        Self {
            segments,
            symbols,
            entry: None,
            engine_caches: EngineCaches::default(),
        }
    }

    /// `bytes` at `addr`, without symbols.
    pub fn from_bin(addr: u32, bytes: impl Into<Vec<u8>>) -> Self {
        let segment = Segment {
            addr,
            bytes: bytes.into(),
        };
        Self::new(vec![segment], Vec::new())
    }

    /// The loadable segments (at their physical addresses) and symbols of an ELF file.
    ///
    /// # Errors
    /// [`ImageError`].
    pub fn from_elf(bytes: &[u8]) -> Result<Self, ImageError> {
        use object::read::elf::{ElfFile32, ProgramHeader};
        let file: ElfFile32<object::Endianness> = ElfFile32::parse(bytes)?;
        let right = matches!(
            file.architecture(),
            object::Architecture::Arm | object::Architecture::Riscv32
        );
        if !right || !file.is_little_endian() {
            return Err(ImageError::Architecture);
        }
        let mut segments = Vec::new();
        for segment in file.segments() {
            let data = segment.data()?;
            if data.is_empty() {
                continue;
            }
            let addr = segment.elf_program_header().p_paddr(file.endian());
            if u64::from(addr) + data.len() as u64 > 1 << 32 {
                return Err(ImageError::Range { addr: u64::from(addr) });
            }
            segments.push(Segment {
                addr,
                bytes: data.to_vec(),
            });
        }
        if segments.is_empty() {
            return Err(ImageError::Empty);
        }
        let mut symbols: Vec<Symbol> = file
            .symbols()
            .filter(|symbol| {
                // Linker scripts define such names (the top of the stack) as absolute symbols.
                let named = symbol.section() == SymbolSection::Absolute && symbol.kind() != SymbolKind::File;
                named || symbol.is_definition() || symbol.kind() == SymbolKind::Label
            })
            .filter_map(|symbol| {
                let name = symbol.name().ok()?;
                let function = symbol.kind() == SymbolKind::Text;
                // Mapping symbols ($t, $d) name no place a reader looks for.
                (!name.is_empty() && !name.starts_with('$')).then(|| Symbol {
                    addr: symbol.address() as u32 & if function { !1 } else { !0 },
                    bytes: symbol.size() as u32,
                    name: name.to_owned(),
                    function,
                })
            })
            .collect();
        symbols.sort_by(|a, b| (a.addr, &a.name).cmp(&(b.addr, &b.name)));
        let entry = Some(file.elf_header().e_entry.get(file.endian())).filter(|entry| *entry != 0);
        Ok(Self {
            entry,
            ..Self::new(segments, symbols)
        })
    }

    /// The function (or other symbol) that contains `addr`, and the offset in it.
    pub fn symbol_at(&self, addr: u32) -> Option<(&Symbol, u32)> {
        let after = self.symbols.partition_point(|symbol| symbol.addr <= addr);
        let candidates = self.symbols[..after].iter().rev();
        candidates
            .take(16)
            .find(|symbol| symbol.function && addr - symbol.addr < symbol.bytes.max(1))
            .map(|symbol| (symbol, addr - symbol.addr))
    }

    /// The address of the symbol `name`.
    pub fn symbol(&self, name: &str) -> Option<u32> {
        self.symbols
            .iter()
            .find(|symbol| symbol.name == name)
            .map(|symbol| symbol.addr)
    }

    /// Bytes to load.
    pub fn bytes(&self) -> usize {
        self.segments.iter().map(|segment| segment.bytes.len()).sum()
    }
}

/// Values that engines derived from an image, such as the code decoded from it: at most one of each type, shared by all
/// copies of the image. They are ignored when images are compared.
#[derive(Clone, Default)]
pub(crate) struct EngineCaches(Arc<Mutex<Vec<Arc<dyn Any + Send + Sync>>>>);

impl EngineCaches {
    /// The value of type `T`; the first call makes it.
    pub(crate) fn of<T: Any + Send + Sync + Default>(&self) -> Arc<T> {
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = values.iter().find_map(|value| Arc::downcast(value.clone()).ok());
        found.unwrap_or_else(|| {
            let made = Arc::<T>::default();
            values.push(made.clone());
            made
        })
    }
}

impl fmt::Debug for EngineCaches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EngineCaches")
    }
}

impl PartialEq for EngineCaches {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for EngineCaches {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_elf_is_refused() {
        assert!(matches!(Image::from_elf(b"\x00asm\x01\0\0\0"), Err(ImageError::Elf(_))));
        assert!(matches!(Image::from_elf(&[]), Err(ImageError::Elf(_))));
    }

    #[test]
    fn copies_of_an_image_share_one_value_of_each_type() {
        let image = Image::from_bin(0, [1]);
        let (numbers, copy) = (image.engine_caches.of::<Mutex<u8>>(), image.clone());
        *numbers.lock().unwrap() = 7;
        assert_eq!(*copy.engine_caches.of::<Mutex<u8>>().lock().unwrap(), 7);
        assert_eq!(*copy.engine_caches.of::<Mutex<u16>>().lock().unwrap(), 0);
        assert_eq!(
            *Image::from_bin(0, [1]).engine_caches.of::<Mutex<u8>>().lock().unwrap(),
            0
        );
    }

    #[test]
    fn an_address_finds_its_function() {
        let symbol = |addr, bytes, name: &str| Symbol {
            addr,
            bytes,
            name: name.to_owned(),
            function: true,
        };
        let image = Image::new(Vec::new(), vec![symbol(0x100, 8, "a"), symbol(0x108, 4, "b")]);
        let at = |addr| {
            image
                .symbol_at(addr)
                .map(|(symbol, offset)| (symbol.name.as_str(), offset))
        };
        assert_eq!(at(0x106), Some(("a", 6)));
        assert_eq!(at(0x108), Some(("b", 0)));
        assert_eq!(at(0x10c), None);
        assert_eq!(at(0xff), None);
    }
}
