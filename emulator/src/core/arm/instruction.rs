//! One decoded ARMv7E-M instruction, in the architecture manual's terms. PC-relative operands are resolved at
//! decoding, since decoded code is stored by address. `exec` executes instructions, `decode` produces them.

/// A core register, 0..=15.
pub(crate) type Reg = u8;

/// SP's number.
pub(crate) const SP: Reg = 13;
/// LR's number.
pub(crate) const LR: Reg = 14;
/// PC's number.
pub(crate) const PC: Reg = 15;

/// A condition (ARMv7-M A7.3). `AL` means unconditional.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Condition {
    Eq,
    Ne,
    Cs,
    Cc,
    Mi,
    Pl,
    Vs,
    Vc,
    Hi,
    Ls,
    Ge,
    Lt,
    Gt,
    Le,
    Al,
}

impl Condition {
    /// From its four bits; 15 is no condition.
    pub(crate) fn from_bits(bits: u32) -> Option<Self> {
        use Condition::*;
        const ALL: [Condition; 15] = [Eq, Ne, Cs, Cc, Mi, Pl, Vs, Vc, Hi, Ls, Ge, Lt, Gt, Le, Al];
        ALL.get(bits as usize).copied()
    }
}

/// `rd = rn op operand`; the last four only set flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum AluOp {
    And,
    Bic,
    Orr,
    Orn,
    Eor,
    Add,
    Adc,
    Sub,
    Sbc,
    Rsb,
    Mov,
    Mvn,
    Tst,
    Teq,
    Cmn,
    Cmp,
}

impl AluOp {
    /// Whether there is no destination.
    pub(crate) fn only_sets_flags(self) -> bool {
        matches!(self, Self::Tst | Self::Teq | Self::Cmn | Self::Cmp)
    }
}

/// A shift (ARMv7-M A7.4). `Rrx` is a rotation by one bit through carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Shift {
    Lsl,
    Lsr,
    Asr,
    Ror,
    Rrx,
}

/// The second operand of data processing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Operand {
    /// A constant. `carry`: the value of C after logical instructions; `None` leaves C unchanged.
    Imm { value: u32, carry: Option<bool> },
    /// `rm` shifted by a constant; `amount` is 1..=32 except for LSL, where 0 means no shift.
    Reg { rm: Reg, shift: Shift, amount: u8 },
}

/// Width and extension of a load or store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Width {
    Byte,
    SignedByte,
    Half,
    SignedHalf,
    Word,
}

/// An addressing mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Address {
    /// `[rn, #imm]`.
    Offset { rn: Reg, imm: i32 },
    /// `[rn, #imm]!`.
    PreIndexed { rn: Reg, imm: i32 },
    /// `[rn], #imm`.
    PostIndexed { rn: Reg, imm: i32 },
    /// `[rn, rm, LSL #shift]`.
    Register { rn: Reg, rm: Reg, shift: u8 },
    /// A PC-relative literal, resolved.
    Literal(u32),
}

/// `rdhi:rdlo` results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum LongMultiply {
    Smull,
    Umull,
    Smlal,
    Umlal,
    Umaal,
    /// SMLAL{B,T}{B,T}.
    SmlalHalves {
        n_top: bool,
        m_top: bool,
    },
    /// SMLALD{X}.
    Smlald {
        exchange: bool,
    },
    /// SMLSLD{X}.
    Smlsld {
        exchange: bool,
    },
}

/// 32-bit results of DSP multiplies; `ra` 15 means there is no accumulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum DspMultiply {
    /// SMLA{B,T}{B,T}, SMUL{B,T}{B,T}.
    Halves { n_top: bool, m_top: bool },
    /// SMLAW{B,T}, SMULW{B,T}.
    WordByHalf { m_top: bool },
    /// SMLAD{X}, SMUAD{X}.
    DualAdd { exchange: bool },
    /// SMLSD{X}, SMUSD{X}.
    DualSubtract { exchange: bool },
    /// SMMLA{R}, SMMUL{R}.
    MostSignificantAdd { round: bool },
    /// SMMLS{R}.
    MostSignificantSubtract { round: bool },
    /// USADA8, USAD8.
    SumOfDifferences,
}

/// How parallel arithmetic treats the sum of each lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Lanes {
    /// S: modulo, sets GE.
    Signed,
    /// Q: signed saturation.
    SignedSaturating,
    /// SH: halved.
    SignedHalving,
    /// U: modulo, sets GE.
    Unsigned,
    /// UQ: unsigned saturation.
    UnsignedSaturating,
    /// UH: halved.
    UnsignedHalving,
}

/// The lane-wise operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ParallelOp {
    Add16,
    Asx,
    Sax,
    Sub16,
    Add8,
    Sub8,
}

/// Saturating arithmetic on words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SaturatingOp {
    Qadd,
    Qdadd,
    Qsub,
    Qdsub,
}

/// SXT*/UXT* (and the accumulating forms).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Extension {
    SignedByte,
    SignedByte16,
    SignedHalf,
    UnsignedByte,
    UnsignedByte16,
    UnsignedHalf,
}

/// Bit and byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reversal {
    Rev,
    Rev16,
    Revsh,
    Rbit,
    Clz,
}

/// Hints and barriers that are not mere no-ops here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Hint {
    Nop,
    Wfe,
    Wfi,
    Sev,
    /// DMB, DSB.
    Barrier,
    /// ISB: also a point at which pended exceptions are taken.
    InstructionBarrier,
}

/// Floating-point arithmetic on two registers, and the destination if it is an operand too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum VfpBinary {
    Add,
    Subtract,
    Multiply,
    /// VNMUL.
    NegatedMultiply,
    Divide,
    /// VMLA, VMLS, VNMLA, VNMLS: rounded twice.
    MultiplyAdd,
    MultiplySubtract,
    NegatedMultiplyAdd,
    NegatedMultiplySubtract,
    /// VFMA, VFMS, VFNMA, VFNMS: rounded once.
    FusedAdd,
    FusedSubtract,
    FusedNegatedAdd,
    FusedNegatedSubtract,
}

/// Floating-point operations on one register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum VfpUnary {
    Move,
    Absolute,
    Negate,
    SquareRoot,
    /// VCVTB, VCVTT: which half of the register.
    HalfToSingle {
        top: bool,
    },
    SingleToHalf {
        top: bool,
    },
    FromInteger {
        signed: bool,
    },
    /// VCVT, or VCVTR in FPSCR's rounding mode.
    ToInteger {
        signed: bool,
        toward_zero: bool,
    },
}

/// The register that is exchanged with a core register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum VfpMove {
    /// A single, or half of a double.
    Single(u8),
    /// FPSCR.
    Status,
}

/// One floating-point instruction. Registers are numbers of singles: a double is a pair of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Vfp {
    Binary {
        op: VfpBinary,
        sd: u8,
        sn: u8,
        sm: u8,
    },
    Unary {
        op: VfpUnary,
        sd: u8,
        sm: u8,
    },
    Immediate {
        sd: u8,
        value: u32,
    },
    /// With zero when `sm` is none.
    Compare {
        signalling: bool,
        sd: u8,
        sm: Option<u8>,
    },
    /// VCVT between floating-point and fixed-point.
    Fixed {
        to_fixed: bool,
        signed: bool,
        bits: u8,
        fraction_bits: u8,
        sd: u8,
    },
    Load {
        start: u8,
        count: u8,
        address: Address,
    },
    Store {
        start: u8,
        count: u8,
        address: Address,
    },
    /// VLDM, VSTM, VPUSH, VPOP: `count` words accessed, the base moved by `words`.
    Multiple {
        load: bool,
        start: u8,
        count: u8,
        words: u8,
        rn: Reg,
        write_back: bool,
        before: bool,
    },
    Move {
        op: VfpMove,
        rt: Reg,
        to_core: bool,
    },
    MovePair {
        start: u8,
        rt: Reg,
        rt2: Reg,
        to_core: bool,
    },
    /// Undefined if the extension exists and is enabled, otherwise NOCP.
    Undefined,
}

/// One instruction. Fields bear the manual's operand names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Instruction {
    /// Data processing with an immediate, or a register shifted by an immediate.
    Alu {
        op: AluOp,
        set_flags: bool,
        rd: Reg,
        rn: Reg,
        operand: Operand,
    },
    /// LSL, LSR, ASR, ROR by a register.
    ShiftByRegister {
        shift: Shift,
        set_flags: bool,
        rd: Reg,
        rn: Reg,
        rm: Reg,
    },
    /// MOVT.
    MovTop {
        rd: Reg,
        imm16: u16,
    },
    /// BFI; BFC when `rn` is 15.
    BitFieldInsert {
        rd: Reg,
        rn: Reg,
        lsb: u8,
        width: u8,
    },
    /// SBFX, UBFX.
    BitFieldExtract {
        signed: bool,
        rd: Reg,
        rn: Reg,
        lsb: u8,
        width: u8,
    },
    /// SSAT, USAT: saturate `rn` shifted to `bits` bits.
    Saturate {
        signed: bool,
        rd: Reg,
        rn: Reg,
        bits: u8,
        shift: Shift,
        amount: u8,
    },
    /// SSAT16, USAT16.
    Saturate16 {
        signed: bool,
        rd: Reg,
        rn: Reg,
        bits: u8,
    },
    /// `rn` 15: no addend.
    Extend {
        extension: Extension,
        rd: Reg,
        rn: Reg,
        rm: Reg,
        rotate: u8,
    },
    Reverse {
        reversal: Reversal,
        rd: Reg,
        rm: Reg,
    },
    /// PKHBT, PKHTB.
    Pack {
        top_first: bool,
        rd: Reg,
        rn: Reg,
        rm: Reg,
        shift: Shift,
        amount: u8,
    },
    Select {
        rd: Reg,
        rn: Reg,
        rm: Reg,
    },
    Parallel {
        lanes: Lanes,
        op: ParallelOp,
        rd: Reg,
        rn: Reg,
        rm: Reg,
    },
    Saturating {
        op: SaturatingOp,
        rd: Reg,
        rm: Reg,
        rn: Reg,
    },

    Multiply {
        set_flags: bool,
        rd: Reg,
        rn: Reg,
        rm: Reg,
    },
    MultiplyAccumulate {
        subtract: bool,
        rd: Reg,
        rn: Reg,
        rm: Reg,
        ra: Reg,
    },
    MultiplyLong {
        op: LongMultiply,
        rd_lo: Reg,
        rd_hi: Reg,
        rn: Reg,
        rm: Reg,
    },
    MultiplyDsp {
        op: DspMultiply,
        rd: Reg,
        rn: Reg,
        rm: Reg,
        ra: Reg,
    },
    Divide {
        signed: bool,
        rd: Reg,
        rn: Reg,
        rm: Reg,
    },

    Load {
        width: Width,
        rt: Reg,
        address: Address,
        unprivileged: bool,
    },
    Store {
        width: Width,
        rt: Reg,
        address: Address,
        unprivileged: bool,
    },
    LoadDual {
        rt: Reg,
        rt2: Reg,
        address: Address,
    },
    StoreDual {
        rt: Reg,
        rt2: Reg,
        address: Address,
    },
    /// LDM, LDMDB, POP.
    LoadMultiple {
        rn: Reg,
        list: u16,
        write_back: bool,
        before: bool,
    },
    /// STM, STMDB, PUSH.
    StoreMultiple {
        rn: Reg,
        list: u16,
        write_back: bool,
        before: bool,
    },
    LoadExclusive {
        width: Width,
        rt: Reg,
        rn: Reg,
        imm: u16,
    },
    StoreExclusive {
        width: Width,
        rd: Reg,
        rt: Reg,
        rn: Reg,
        imm: u16,
    },
    ClearExclusive,

    /// B, conditional or not.
    Branch {
        condition: Condition,
        target: u32,
    },
    BranchLink {
        target: u32,
    },
    BranchExchange {
        rm: Reg,
    },
    BranchLinkExchange {
        rm: Reg,
    },
    CompareBranch {
        nonzero: bool,
        rn: Reg,
        target: u32,
    },
    /// TBB, TBH.
    TableBranch {
        half: bool,
        rn: Reg,
        rm: Reg,
    },

    /// IT: `state` is the initial ITSTATE.
    IfThen {
        state: u8,
    },
    Hint(Hint),
    /// CPSIE, CPSID.
    ChangeState {
        disable: bool,
        primask: bool,
        faultmask: bool,
    },
    MoveFromSpecial {
        rd: Reg,
        sysm: u8,
    },
    /// `mask`: bit 1 NZCVQ, bit 0 GE.
    MoveToSpecial {
        rn: Reg,
        sysm: u8,
        mask: u8,
    },
    SupervisorCall {
        imm: u8,
    },
    Breakpoint {
        imm: u8,
    },
    /// A floating-point instruction.
    Vfp(Vfp),
    /// An instruction of coprocessor `cp`, which does not exist.
    Coprocessor {
        cp: u8,
    },
    /// UDF, and every encoding that the architecture leaves undefined or unpredictable.
    Undefined,
}

/// SYSm of MSR up to this one writes the flags only (B5.2.2).
pub(crate) const APSR_MAX: u8 = 3;

impl Instruction {
    /// Whether a block must end here: control may leave the straight line, or interrupts and masks may have changed.
    pub(crate) fn ends_block(&self) -> bool {
        match *self {
            Self::Branch { .. }
            | Self::BranchLink { .. }
            | Self::BranchExchange { .. }
            | Self::BranchLinkExchange { .. }
            | Self::CompareBranch { .. }
            | Self::TableBranch { .. }
            | Self::ChangeState { .. }
            | Self::SupervisorCall { .. }
            | Self::Breakpoint { .. }
            | Self::Coprocessor { .. }
            | Self::Undefined
            | Self::Hint(Hint::Wfe | Hint::Wfi | Hint::InstructionBarrier) => true,
            // The flags alone do not change which instruction runs next. Compilers save and restore them between carry
            // chains.
            Self::MoveToSpecial { sysm, .. } => sysm > APSR_MAX,
            Self::LoadMultiple { list, .. } => list & (1 << PC) != 0,
            Self::Load { rt: PC, .. } => true,
            Self::Alu { op, rd: PC, .. } => !op.only_sets_flags(),
            _ => false,
        }
    }
}
