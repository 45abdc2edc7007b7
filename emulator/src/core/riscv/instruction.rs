//! Decoded instructions of RV32IMAC, Zicsr and Zifencei, in the unprivileged specification's names (version 20191213).
//! Compressed instructions are decoded to their expansion; immediates are sign-extended, targets absolute.

/// A register number, 0–31.
pub(super) type Reg = u8;

/// One instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instruction {
    /// LUI, AUIPC: `rd` becomes a constant.
    Constant { rd: Reg, value: u32 },
    /// Register with immediate.
    AluImmediate { op: AluOp, rd: Reg, rs1: Reg, imm: u32 },
    /// Register with register; the M extension included.
    Alu { op: AluOp, rd: Reg, rs1: Reg, rs2: Reg },
    /// LB, LH, LW, LBU, LHU.
    Load { width: Width, rd: Reg, rs1: Reg, imm: u32 },
    /// SB, SH, SW.
    Store { width: Width, rs2: Reg, rs1: Reg, imm: u32 },
    /// BEQ and the like.
    Branch {
        comparison: Comparison,
        rs1: Reg,
        rs2: Reg,
        target: u32,
    },
    /// JAL.
    Jump { rd: Reg, target: u32 },
    /// JALR.
    JumpRegister { rd: Reg, rs1: Reg, imm: u32 },
    /// LR.W.
    LoadReserved { rd: Reg, rs1: Reg },
    /// SC.W.
    StoreConditional { rd: Reg, rs1: Reg, rs2: Reg },
    /// AMO*.W.
    Amo { op: AmoOp, rd: Reg, rs1: Reg, rs2: Reg },
    /// CSRRW, CSRRS, CSRRC and their immediate forms.
    Csr {
        op: CsrOp,
        rd: Reg,
        csr: u16,
        source: CsrSource,
    },
    /// FENCE, PAUSE and other hints of it.
    Fence,
    /// FENCE.I.
    FenceI,
    /// ECALL.
    EnvironmentCall,
    /// EBREAK.
    Breakpoint,
    /// MRET.
    MachineReturn,
    /// WFI.
    WaitForInterrupt,
    /// No instruction of this core.
    Illegal { bits: u32 },
}

/// Operations on two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum AluOp {
    Add,
    Sub,
    Sll,
    Slt,
    Sltu,
    Xor,
    Srl,
    Sra,
    Or,
    And,
    Mul,
    Mulh,
    Mulhsu,
    Mulhu,
    Div,
    Divu,
    Rem,
    Remu,
}

/// Widths of loads and stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Width {
    Byte,
    Half,
    Word,
    ByteUnsigned,
    HalfUnsigned,
}

/// Conditions of branches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    GreaterOrEqual,
    LessUnsigned,
    GreaterOrEqualUnsigned,
}

/// Operations of AMOs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AmoOp {
    Swap,
    Add,
    Xor,
    And,
    Or,
    Min,
    Max,
    MinUnsigned,
    MaxUnsigned,
}

/// The operation of a CSR instruction on the CSR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CsrOp {
    Write,
    Set,
    Clear,
}

/// A CSR instruction's operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CsrSource {
    Register(Reg),
    Immediate(u8),
}

impl Instruction {
    /// Whether the next executed instruction may not be the next one in memory.
    pub(super) fn ends_block(&self) -> bool {
        matches!(
            self,
            Self::Branch { .. }
                | Self::Jump { .. }
                | Self::JumpRegister { .. }
                | Self::EnvironmentCall
                | Self::Breakpoint
                | Self::MachineReturn
                | Self::WaitForInterrupt
                | Self::FenceI
                | Self::Illegal { .. }
        )
    }
}

impl AluOp {
    /// The result.
    #[inline(always)]
    pub(super) fn apply(self, x: u32, y: u32) -> u32 {
        let signed = |value: u32| i64::from(value as i32);
        let wide = |value: u32| i64::from(value);
        match self {
            Self::Add => x.wrapping_add(y),
            Self::Sub => x.wrapping_sub(y),
            Self::Sll => x << (y & 31),
            Self::Slt => u32::from((x as i32) < y as i32),
            Self::Sltu => u32::from(x < y),
            Self::Xor => x ^ y,
            Self::Srl => x >> (y & 31),
            Self::Sra => (x as i32 >> (y & 31)) as u32,
            Self::Or => x | y,
            Self::And => x & y,
            Self::Mul => x.wrapping_mul(y),
            Self::Mulh => ((signed(x) * signed(y)) >> 32) as u32,
            Self::Mulhsu => ((signed(x) * wide(y)) >> 32) as u32,
            Self::Mulhu => ((u64::from(x) * u64::from(y)) >> 32) as u32,
            // Division by zero and overflow have results, and do not trap (7.2 "Division Operations").
            Self::Div if y == 0 => u32::MAX,
            Self::Div => (x as i32).wrapping_div(y as i32) as u32,
            Self::Divu => x.checked_div(y).unwrap_or(u32::MAX),
            Self::Rem if y == 0 => x,
            Self::Rem => (x as i32).wrapping_rem(y as i32) as u32,
            Self::Remu => x.checked_rem(y).unwrap_or(x),
        }
    }
}

impl Width {
    /// In bytes.
    pub(super) const fn bytes(self) -> u32 {
        match self {
            Self::Byte | Self::ByteUnsigned => 1,
            Self::Half | Self::HalfUnsigned => 2,
            Self::Word => 4,
        }
    }
}

impl Comparison {
    /// Whether it holds between `x` and `y`.
    #[inline(always)]
    pub(super) fn holds(self, x: u32, y: u32) -> bool {
        match self {
            Self::Equal => x == y,
            Self::NotEqual => x != y,
            Self::Less => (x as i32) < y as i32,
            Self::GreaterOrEqual => x as i32 >= y as i32,
            Self::LessUnsigned => x < y,
            Self::GreaterOrEqualUnsigned => x >= y,
        }
    }
}

impl AmoOp {
    /// The stored value, if memory held `old`.
    pub(super) fn apply(self, old: u32, value: u32) -> u32 {
        match self {
            Self::Swap => value,
            Self::Add => old.wrapping_add(value),
            Self::Xor => old ^ value,
            Self::And => old & value,
            Self::Or => old | value,
            Self::Min => (old as i32).min(value as i32) as u32,
            Self::Max => (old as i32).max(value as i32) as u32,
            Self::MinUnsigned => old.min(value),
            Self::MaxUnsigned => old.max(value),
        }
    }
}
