//! A small assembler for the tests (unpriv, chapter 24).

pub(crate) const ECALL: u32 = 0x0000_0073;
pub(crate) const EBREAK: u32 = 0x0010_0073;
pub(crate) const MRET: u32 = 0x3020_0073;
pub(crate) const WFI: u32 = 0x1050_0073;
pub(crate) const FENCE_I: u32 = 0x0000_100f;
/// A semihosting call that is not supported: it ends a program.
pub(crate) const END: [u32; 3] = [0x01f0_1013, EBREAK, 0x4070_5013];

pub(crate) const MSTATUS: u32 = 0x300;
pub(crate) const MIE: u32 = 0x304;
pub(crate) const MTVEC: u32 = 0x305;
pub(crate) const MEPC: u32 = 0x341;

pub(crate) fn addi(rd: u32, rs1: u32, imm: i32) -> u32 {
    0x13 | rd << 7 | rs1 << 15 | (imm as u32) << 20
}

/// LUI and ADDI.
pub(crate) fn li(rd: u32, value: u32) -> [u32; 2] {
    let high = value.wrapping_add(0x800) & 0xffff_f000;
    [0x37 | rd << 7 | high, addi(rd, rd, value.wrapping_sub(high) as i32)]
}

pub(crate) fn lw(rd: u32, rs1: u32, imm: i32) -> u32 {
    0x2003 | rd << 7 | rs1 << 15 | (imm as u32) << 20
}

pub(crate) fn lh(rd: u32, rs1: u32, imm: i32) -> u32 {
    0x1003 | rd << 7 | rs1 << 15 | (imm as u32) << 20
}

pub(crate) fn sw(rs2: u32, rs1: u32, imm: i32) -> u32 {
    let imm = imm as u32;
    0x2023 | (imm & 31) << 7 | rs1 << 15 | rs2 << 20 | imm >> 5 << 25
}

pub(crate) fn jalr(rd: u32, rs1: u32, imm: i32) -> u32 {
    0x67 | rd << 7 | rs1 << 15 | (imm as u32) << 20
}

pub(crate) fn csrrw(rd: u32, csr: u32, rs1: u32) -> u32 {
    0x1073 | rd << 7 | rs1 << 15 | csr << 20
}

pub(crate) fn csrrs(rd: u32, csr: u32, rs1: u32) -> u32 {
    0x2073 | rd << 7 | rs1 << 15 | csr << 20
}

pub(crate) fn csrrc(rd: u32, csr: u32, rs1: u32) -> u32 {
    0x3073 | rd << 7 | rs1 << 15 | csr << 20
}

pub(crate) fn lr(rd: u32, rs1: u32) -> u32 {
    0x1000_202f | rd << 7 | rs1 << 15
}

pub(crate) fn sc(rd: u32, rs2: u32, rs1: u32) -> u32 {
    0x1800_202f | rd << 7 | rs1 << 15 | rs2 << 20
}

pub(crate) fn amoor(rd: u32, rs2: u32, rs1: u32) -> u32 {
    0x4000_202f | rd << 7 | rs1 << 15 | rs2 << 20
}

/// One program of several pieces, ended.
pub(crate) fn program(pieces: &[&[u32]]) -> Vec<u32> {
    pieces.iter().flat_map(|piece| *piece).chain(&END).copied().collect()
}

/// Goes to user mode at `entry`, with all memory open to it by PMP entry 0. Uses x30.
pub(crate) fn to_user(entry: u32) -> Vec<u32> {
    let [high, low] = li(30, entry);
    vec![
        addi(30, 0, -1),
        csrrw(0, 0x3b0, 30),
        addi(30, 0, 0x1f),
        csrrw(0, 0x3a0, 30),
        high,
        low,
        csrrw(0, MEPC, 30),
        // MPP becomes user mode.
        0x37 | 30 << 7 | 0x2000,
        addi(30, 30, -0x800),
        csrrc(0, MSTATUS, 30),
        MRET,
    ]
}
