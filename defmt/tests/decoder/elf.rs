//! ELF files with the tables of a program that logs, as defmt's macros and the linker make them.

use object::{
    Architecture, BinaryFormat, Endianness, SectionKind, SymbolFlags, SymbolKind, SymbolScope,
    write::{Object, SectionId, Symbol, SymbolSection},
};

pub(crate) struct Elf {
    object: Object<'static>,
    section: Option<SectionId>,
}

impl Elf {
    /// Without tables.
    #[allow(dead_code, reason = "not every crate that includes this file needs it")]
    pub(crate) fn empty() -> Self {
        Self {
            object: Object::new(BinaryFormat::Elf, Architecture::Arm, Endianness::Little),
            section: None,
        }
    }

    pub(crate) fn new(version: &str, encoding: &str) -> Self {
        let mut elf = Self::empty();
        let section = elf
            .object
            .add_section(Vec::new(), b".defmt".to_vec(), SectionKind::ReadOnlyData);
        elf.object.set_section_data(section, vec![0; 0x1_0000], 1);
        elf.section = Some(section);
        elf.symbol(&format!("_defmt_version_ = {version}"), 0, SymbolSection::Absolute);
        elf.symbol(&format!("_defmt_encoding_ = {encoding}"), 0, SymbolSection::Absolute);
        elf
    }

    /// With statements and values of each sort. The time stamps are a word of microseconds.
    pub(crate) fn of_all_sorts(encoding: &str) -> Self {
        Self::new("4", encoding)
            .entry(1, "timestamp", "{=u32:us}")
            .entry(2, "info", "hello")
            .entry(3, "warn", "{=u8} of {=u16:#06x}, {=i8:x} {=i16:04} {=bool} {=char}")
            .entry(4, "error", "{=str:?} {=istr} {=[u8]:02x} {=[u8;2]:a}")
            .entry(5, "str", "interned | {text}")
            .entry(6, "debug", "{0=0..4:b} {0=9..12} {1=?:#x}")
            .entry(7, "derived", "Empty|Point {{ x: {=i32}, y: {=?} }}")
            .entry(8, "prim", "{=u8}")
            .entry(9, "println", "{=[?]} {=[?;2]:a}")
            .entry(10, "trace", "{=?}")
            .entry(11, "prim", "{=__internal_FormatSequence}")
            .entry(12, "write", "part {=?} ")
            .entry(13, "prim", "{=__internal_Display}")
            .entry(14, "bitflags", "{=u8:__internal_bitflags_Pins@p@f@c}")
            .flag(0x100, "Pins::1::B", 2)
            .flag(0x110, "Pins::0::A", 1)
            .flag(0x120, "Pins::2::NONE", 0)
            .entry(15, "info", "{=u64:tus} {=u32:ms}")
            .entry(16, "prim", "{=[?]}")
            .entry(17, "derived", "{=?}")
            .entry(18, "custom", "{nonsense")
            .entry(19, "info", "{also nonsense")
            .entry(20, "info", "{=[u8]:cbor}")
            .entry(21, "info", "{=u64:iso8601ms}")
            .entry(22, "info", "{=f32} {=f64}")
            .entry(23, "derived", "Unit")
            .entry(24, "info", "{=9..12:b}")
            .entry(25, "derived", &variants(256))
            .entry(26, "derived", &variants(257))
    }

    /// With the number `at`, for example `info` or `derived`.
    pub(crate) fn entry(mut self, at: u64, tag: &str, data: &str) -> Self {
        let data = data.replace('"', "\\\"");
        let name =
            format!(r#"{{"package":"p","tag":"defmt_{tag}","data":"{data}","disambiguator":"{at}","crate_name":"c"}}"#);
        if let Some(section) = self.section {
            self.symbol(&name, at, SymbolSection::Section(section));
        }
        self
    }

    /// A value of `bitflags!`.
    pub(crate) fn flag(mut self, at: u64, data: &str, value: u128) -> Self {
        let name = format!(
            r#"{{"package":"p","tag":"defmt_bitflags_value","data":"{data}","disambiguator":"f","crate_name":"c"}}"#
        );
        if let Some(section) = self.section {
            let start = at as usize;
            self.object.section_mut(section).data_mut()[start..start + 16].copy_from_slice(&value.to_le_bytes());
            self.symbol(&name, at, SymbolSection::Section(section));
        }
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.object.write().expect("an ELF file")
    }

    fn symbol(&mut self, name: &str, value: u64, section: SymbolSection) {
        self.object.add_symbol(Symbol {
            name: name.as_bytes().to_vec(),
            value,
            size: 16,
            kind: SymbolKind::Data,
            scope: SymbolScope::Linkage,
            weak: false,
            section,
            flags: SymbolFlags::None,
        });
    }
}

/// An enum with so many variants, numbered from zero.
fn variants(count: u32) -> String {
    let names: Vec<String> = (0..count).map(|number| format!("V{number}")).collect();
    names.join("|")
}
