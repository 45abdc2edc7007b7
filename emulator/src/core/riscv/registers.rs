//! x0–x31 and pc.

use std::hash::{Hash, Hasher};

use super::instruction::Reg;

/// Core registers.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Registers {
    /// x0–x31; x0 is always zero. Values written to [`SINK`] are discarded.
    #[serde(with = "crate::core::array")]
    pub(super) x: [u32; 33],
    pub(super) pc: u32,
}

/// The index to which the threaded dispatch writes values for x0.
#[cfg_attr(feature = "safe", allow(dead_code))]
pub(super) const SINK: Reg = 32;

impl Registers {
    pub(super) fn new(pc: u32) -> Self {
        Self { x: [0; 33], pc }
    }

    #[inline(always)]
    pub(super) fn get(&self, reg: Reg) -> u32 {
        self.x[usize::from(reg & 31)]
    }

    #[inline(always)]
    pub(super) fn set(&mut self, reg: Reg, value: u32) {
        self.x[usize::from(reg & 31)] = value;
        self.x[0] = 0;
    }

    /// x0–x31.
    pub fn x(&self) -> &[u32] {
        &self.x[..32]
    }

    /// Address of the instruction being executed, or of the next one between instructions.
    pub fn pc(&self) -> u32 {
        self.pc
    }
}

impl Hash for Registers {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.x(), self.pc).hash(state);
    }
}

/// ABI names (unpriv, chapter 25), in the order of the registers.
pub(in crate::core) const NAMES: [&str; 32] = [
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "fp", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "s2",
    "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
];

/// The register called `name`: `x5`, `t0`, and `s0` for `fp`.
pub(super) fn index(name: &str) -> Option<usize> {
    if name == "s0" {
        return Some(8);
    }
    let numbered = name.strip_prefix('x').and_then(|number| number.parse().ok());
    numbered
        .filter(|index| *index < 32)
        .or_else(|| NAMES.iter().position(|known| *known == name))
}
