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

/// The general registers, in the order of the description.
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
        // Floating-point registers are wider.
        Some((Self(id), None))
    }

    fn to_raw_id(&self) -> Option<usize> {
        Some(self.0)
    }
}

const ARM_CORE: [&str; 17] = [
    "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "sp", "lr", "pc", "xpsr",
];
const ARM_SYSTEM: [&str; 6] = ["msp", "psp", "primask", "basepri", "faultmask", "control"];

/// The floating-point registers of an Arm core, as the core has them.
pub const ARM_FLOAT: [&str; 33] = [
    "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15", "s16", "s17",
    "s18", "s19", "s20", "s21", "s22", "s23", "s24", "s25", "s26", "s27", "s28", "s29", "s30", "s31", FPSCR,
];
const FPSCR: &str = "fpscr";
/// The same as GDB wants them: pairs of 32 bits. It shows the single ones, too.
const ARM_DOUBLES: [&str; 16] = [
    "d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7", "d8", "d9", "d10", "d11", "d12", "d13", "d14", "d15",
];

/// The registers that GDB sees, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Described {
    general: Vec<&'static str>,
    has_float: bool,
}

impl Described {
    /// Those of 32 bits that GDB reads all at once. It reads the others one by one, when it needs them.
    pub fn general(&self) -> &[&'static str] {
        &self.general
    }

    /// The core's registers of 32 bits that one of GDB's is made of, the lowest first; `None` if there is no such register.
    pub fn parts(&self, index: RegisterIndex) -> Option<&[&'static str]> {
        if let Some(general) = self.general.get(index.0) {
            return Some(std::slice::from_ref(general));
        }
        let float = (index.0 - self.general.len())
            .checked_mul(2)
            .filter(|_| self.has_float)?;
        let end = (float + 2).min(ARM_FLOAT.len());
        ARM_FLOAT.get(float..end).filter(|parts| !parts.is_empty())
    }
}

/// The registers that GDB sees of those that a core has, and their description (GDB manual, G "Target Descriptions"). A core
/// with `xpsr` is an Arm of profile M; all others are RISC-V.
pub fn describe(registers: &[&'static str]) -> (Described, String) {
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
    let mut general = Vec::new();
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
            general.push(name);
        }
        xml.push_str("</feature>");
    }
    let has_float = ARM_FLOAT.iter().all(|name| registers.contains(name));
    if has_float {
        xml.push_str("<feature name=\"org.gnu.gdb.arm.vfp\">");
        for name in ARM_DOUBLES {
            let _ = write!(xml, "<reg name=\"{name}\" bitsize=\"64\" type=\"ieee_double\"/>");
        }
        let _ = write!(
            xml,
            "<reg name=\"{FPSCR}\" bitsize=\"32\" type=\"int\" group=\"float\"/></feature>"
        );
    }
    xml.push_str("</target>");
    (Described { general, has_float }, xml)
}

/// Copies the part of a document that a debugger asked for to `buf`; returns its length.
pub fn copy_part(document: &str, offset: u64, length: usize, buf: &mut [u8]) -> usize {
    let start = usize::try_from(offset).unwrap_or(usize::MAX).min(document.len());
    let rest = &document.as_bytes()[start..];
    let bytes = rest.len().min(length).min(buf.len());
    buf[..bytes].copy_from_slice(&rest[..bytes]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_pairs_behind_the_general_registers() {
        let general = ["r0", "sp", "pc", "xpsr", "control"];
        let (plain, xml) = describe(&general);
        assert_eq!(plain.general(), general);
        assert_eq!(plain.parts(RegisterIndex(5)), None);
        assert!(!xml.contains("vfp"));

        let (with_float, xml) = describe(&[&general[..], &ARM_FLOAT].concat());
        assert_eq!(with_float.general(), general);
        for (index, parts) in [
            (4, Some(&["control"][..])),
            (5, Some(&["s0", "s1"])),
            (20, Some(&["s30", "s31"])),
            (21, Some(&["fpscr"])),
            (22, None),
            (usize::MAX, None),
        ] {
            assert_eq!(with_float.parts(RegisterIndex(index)), parts, "{index}");
        }
        assert!(xml.contains("org.gnu.gdb.arm.vfp"));
        // Without one of them, it is no register file that GDB knows.
        let (cut, _) = describe(&[&general[..], &ARM_FLOAT[..32]].concat());
        assert_eq!(cut.parts(RegisterIndex(5)), None);
    }
}
