//! GDB's view of a core: 32-bit registers, described to GDB by name, so that one server serves all cores.

use std::fmt::Write as _;
use std::num::NonZeroUsize;

use gdbstub::arch::{Arch, RegId, Registers};

/// A core with 32-bit registers.
#[derive(Debug)]
pub enum Core32 {}

impl Arch for Core32 {
    type Usize = u32;
    type Registers = RegisterFile;
    type BreakpointKind = usize;
    type RegId = RegisterIndex;
}

/// All registers, in the order of the description.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegisterFile {
    /// Their values.
    pub values: Vec<u32>,
    /// The program counter once more.
    pub pc: u32,
}

impl Registers for RegisterFile {
    type ProgramCounter = u32;

    fn pc(&self) -> u32 {
        self.pc
    }

    fn gdb_serialize(&self, mut write_byte: impl FnMut(Option<u8>)) {
        for byte in self.values.iter().flat_map(|value| value.to_le_bytes()) {
            write_byte(Some(byte));
        }
    }

    fn gdb_deserialize(&mut self, bytes: &[u8]) -> Result<(), ()> {
        let (words, []) = bytes.as_chunks::<4>() else {
            return Err(());
        };
        self.values = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
        Ok(())
    }
}

/// The place of a register in the description.
#[derive(Clone, Copy, Debug)]
pub struct RegisterIndex(pub usize);

impl RegId for RegisterIndex {
    fn from_raw_id(id: usize) -> Option<(Self, Option<NonZeroUsize>)> {
        Some((Self(id), NonZeroUsize::new(4)))
    }

    fn to_raw_id(&self) -> Option<usize> {
        Some(self.0)
    }
}

const ARM_CORE: [&str; 17] = [
    "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "sp", "lr", "pc", "xpsr",
];
const ARM_SYSTEM: [&str; 6] = ["msp", "psp", "primask", "basepri", "faultmask", "control"];

/// The registers that GDB sees of those that a core has, in GDB's order, and their description (GDB manual, G "Target
/// Descriptions"). A core with `xpsr` is an Arm of profile M; all others are RISC-V.
pub fn describe(registers: &[&'static str]) -> (Vec<&'static str>, String) {
    let named = |names: &[&str]| -> Vec<&'static str> {
        let of = |name: &&str| registers.iter().copied().find(|register| register == name);
        names.iter().filter_map(of).collect()
    };
    let (architecture, features) = if registers.contains(&"xpsr") {
        let features = vec![
            ("org.gnu.gdb.arm.m-profile", named(&ARM_CORE)),
            ("org.gnu.gdb.arm.m-system", named(&ARM_SYSTEM)),
        ];
        ("arm", features)
    } else {
        let integer = registers
            .iter()
            .copied()
            .take_while(|register| *register != "pc")
            .take(32);
        let mut core: Vec<&str> = integer.collect();
        core.push("pc");
        ("riscv:rv32", vec![("org.gnu.gdb.riscv.cpu", core)])
    };
    let mut xml = format!(
        "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target version=\"1.0\"><architecture>{architecture}</architecture>"
    );
    let mut all = Vec::new();
    for (feature, names) in features {
        // Writing to a String does not fail.
        let _ = write!(xml, "<feature name=\"{feature}\">");
        for name in names {
            let kind = match name {
                "pc" => "code_ptr",
                "sp" | "msp" | "psp" => "data_ptr",
                _ => "int",
            };
            let _ = write!(xml, "<reg name=\"{name}\" bitsize=\"32\" type=\"{kind}\"/>");
            all.push(name);
        }
        xml.push_str("</feature>");
    }
    xml.push_str("</target>");
    (all, xml)
}

/// Copies the part of a document that a debugger asked for to `buf`; returns its length.
pub fn copy_part(document: &str, offset: u64, length: usize, buf: &mut [u8]) -> usize {
    let start = usize::try_from(offset).unwrap_or(usize::MAX).min(document.len());
    let rest = &document.as_bytes()[start..];
    let bytes = rest.len().min(length).min(buf.len());
    buf[..bytes].copy_from_slice(&rest[..bytes]);
    bytes
}
