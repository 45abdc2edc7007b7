//! Encodings from another assembler (GNU as 2.40, `-mcpu=cortex-m4 -mfpu=fpv4-sp-d16`), with the expected instructions.

use super::decode;

const TABLE: &[(&str, [u16; 2], &str)] = &[
    (
        "strd r0, r1, [r2], #8",
        [0xe8e2, 0x0102],
        "StoreDual { rt: 0, rt2: 1, address: PostIndexed { rn: 2, imm: 8 } }",
    ),
    (
        "ldrd r0, r1, [r2], #-8",
        [0xe872, 0x0102],
        "LoadDual { rt: 0, rt2: 1, address: PostIndexed { rn: 2, imm: -8 } }",
    ),
    (
        "strd r0, r1, [r2, #8]!",
        [0xe9e2, 0x0102],
        "StoreDual { rt: 0, rt2: 1, address: PreIndexed { rn: 2, imm: 8 } }",
    ),
    (
        "ldrd r0, r1, [r2, #-8]!",
        [0xe972, 0x0102],
        "LoadDual { rt: 0, rt2: 1, address: PreIndexed { rn: 2, imm: -8 } }",
    ),
    (
        "ldrexb r1, [r2]",
        [0xe8d2, 0x1f4f],
        "LoadExclusive { width: Byte, rt: 1, rn: 2, imm: 0 }",
    ),
    (
        "strexh r0, r1, [r2]",
        [0xe8c2, 0x1f50],
        "StoreExclusive { width: Half, rd: 0, rt: 1, rn: 2, imm: 0 }",
    ),
    (
        "tbh [r1, r2, lsl #1]",
        [0xe8d1, 0xf012],
        "TableBranch { half: true, rn: 1, rm: 2 }",
    ),
    // Farther than the oracle's window, with J1 and J2 in all four ways.
    ("bl 0xfffffe", [0xf3ff, 0xd77d], "BranchLink { target: 16777214 }"),
    ("bl 0x600100", [0xf1ff, 0xf7fe], "BranchLink { target: 6291712 }"),
    ("bl 0xa00200", [0xf200, 0xd87e], "BranchLink { target: 10486272 }"),
    ("bl .-0xa00000", [0xf5ff, 0xdffe], "BranchLink { target: 4284481792 }"),
    ("bl .-0xefc000", [0xf503, 0xd7fe], "BranchLink { target: 4279255296 }"),
    (
        "b.w 0x3ffffe",
        [0xf3ff, 0xbf7d],
        "Branch { condition: Al, target: 4194302 }",
    ),
    (
        "b.w .-0x600000",
        [0xf5ff, 0xb7fe],
        "Branch { condition: Al, target: 4288676096 }",
    ),
    (
        "bne.w 0xf0000",
        [0xf06f, 0xaf7e],
        "Branch { condition: Ne, target: 983040 }",
    ),
    (
        "bne.w 0x80000",
        [0xf07f, 0xa77e],
        "Branch { condition: Ne, target: 524288 }",
    ),
    (
        "bne.w .-0xb8000",
        [0xf447, 0xa7fe],
        "Branch { condition: Ne, target: 4294213888 }",
    ),
    (
        "vadd.f32 s1, s2, s3",
        [0xee71, 0x0a21],
        "Vfp(Binary { op: Add, sd: 1, sn: 2, sm: 3 })",
    ),
    (
        "vnmla.f32 s4, s5, s6",
        [0xee12, 0x2ac3],
        "Vfp(Binary { op: NegatedMultiplyAdd, sd: 4, sn: 5, sm: 6 })",
    ),
    (
        "vnmls.f32 s4, s5, s6",
        [0xee12, 0x2a83],
        "Vfp(Binary { op: NegatedMultiplySubtract, sd: 4, sn: 5, sm: 6 })",
    ),
    (
        "vfnma.f32 s7, s8, s9",
        [0xeed4, 0x3a64],
        "Vfp(Binary { op: FusedNegatedAdd, sd: 7, sn: 8, sm: 9 })",
    ),
    (
        "vfnms.f32 s7, s8, s9",
        [0xeed4, 0x3a24],
        "Vfp(Binary { op: FusedNegatedSubtract, sd: 7, sn: 8, sm: 9 })",
    ),
    (
        "vmov.f32 s31, #-0.5",
        [0xeefe, 0xfa00],
        "Vfp(Immediate { sd: 31, value: 3204448256 })",
    ),
    (
        "vcmpe.f32 s1, #0.0",
        [0xeef5, 0x0ac0],
        "Vfp(Compare { signalling: true, sd: 1, sm: None })",
    ),
    (
        "vcvtt.f32.f16 s1, s2",
        [0xeef2, 0x0ac1],
        "Vfp(Unary { op: HalfToSingle { top: true }, sd: 1, sm: 2 })",
    ),
    (
        "vcvtb.f16.f32 s1, s2",
        [0xeef3, 0x0a41],
        "Vfp(Unary { op: SingleToHalf { top: false }, sd: 1, sm: 2 })",
    ),
    (
        "vcvtr.u32.f32 s1, s2",
        [0xeefc, 0x0a41],
        "Vfp(Unary { op: ToInteger { signed: false, toward_zero: false }, sd: 1, sm: 2 })",
    ),
    (
        "vcvt.s32.f32 s1, s2",
        [0xeefd, 0x0ac1],
        "Vfp(Unary { op: ToInteger { signed: true, toward_zero: true }, sd: 1, sm: 2 })",
    ),
    (
        "vcvt.f32.s16 s1, s1, #3",
        [0xeefa, 0x0a66],
        "Vfp(Fixed { to_fixed: false, signed: true, bits: 16, fraction_bits: 3, sd: 1 })",
    ),
    (
        "vcvt.u32.f32 s1, s1, #32",
        [0xeeff, 0x0ac0],
        "Vfp(Fixed { to_fixed: true, signed: false, bits: 32, fraction_bits: 32, sd: 1 })",
    ),
    (
        "vldr s1, [pc, #-8], at 0x100",
        [0xed5f, 0x0a02],
        "Vfp(Load { start: 1, count: 1, address: Literal(252) })",
    ),
    (
        "vstr d15, [r1, #1020]",
        [0xed81, 0xfbff],
        "Vfp(Store { start: 30, count: 2, address: Offset { rn: 1, imm: 1020 } })",
    ),
    (
        "vpush {s1-s3}",
        [0xed6d, 0x0a03],
        "Vfp(Multiple { load: false, start: 1, count: 3, words: 3, rn: 13, write_back: true, before: true })",
    ),
    (
        "vpop {d8-d9}",
        [0xecbd, 0x8b04],
        "Vfp(Multiple { load: true, start: 16, count: 4, words: 4, rn: 13, write_back: true, before: false })",
    ),
    (
        "vldmia r3, {s30-s31}",
        [0xec93, 0xfa02],
        "Vfp(Multiple { load: true, start: 30, count: 2, words: 2, rn: 3, write_back: false, before: false })",
    ),
    (
        "vmov s1, s2, r3, r4",
        [0xec44, 0x3a30],
        "Vfp(MovePair { start: 1, rt: 3, rt2: 4, to_core: false })",
    ),
    (
        "vmov r3, r4, d7",
        [0xec54, 0x3b17],
        "Vfp(MovePair { start: 14, rt: 3, rt2: 4, to_core: true })",
    ),
    (
        "vmov.32 d3[1], r2",
        [0xee23, 0x2b10],
        "Vfp(Move { op: Single(7), rt: 2, to_core: false })",
    ),
    (
        "vmrs APSR_nzcv, fpscr",
        [0xeef1, 0xfa10],
        "Vfp(Move { op: Status, rt: 15, to_core: true })",
    ),
    (
        "vmsr fpscr, r9",
        [0xeee1, 0x9a10],
        "Vfp(Move { op: Status, rt: 9, to_core: false })",
    ),
    // Instructions that FPv4-SP lacks, and unpredictable ones.
    ("vadd.f64 d0, d0, d0", [0xee30, 0x0b00], "Vfp(Undefined)"),
    ("vldr d16, [r0]", [0xedd0, 0x0b00], "Vfp(Undefined)"),
    ("vldmia r0, {s31-s32}", [0xecd0, 0xfa02], "Vfp(Undefined)"),
    ("vmov s0, pc", [0xee00, 0xfa10], "Vfp(Undefined)"),
    ("vmov r0, r0, s0, s1", [0xec50, 0x0a10], "Vfp(Undefined)"),
    ("vmrs r0, mvfr0", [0xeef7, 0x0a10], "Vfp(Undefined)"),
    // FPv5 and later.
    ("vseleq.f32 s0, s0, s0", [0xfe00, 0x0a00], "Vfp(Undefined)"),
    ("vmaxnm.f32 s0, s0, s0", [0xfe80, 0x0a00], "Vfp(Undefined)"),
    ("vrinta.f32 s0, s0", [0xfeb8, 0x0a40], "Vfp(Undefined)"),
    ("vrintr.f32 s0, s0", [0xeeb6, 0x0a40], "Vfp(Undefined)"),
    ("cdp p9, 0, c0, c0, c0", [0xee00, 0x0900], "Coprocessor { cp: 9 }"),
    ("strd r0, r1, [pc], #8", [0xe8ef, 0x0102], "Undefined"),
    ("ldrd r0, r0, [r2]", [0xe9d2, 0x0000], "Undefined"),
];

#[test]
fn encodings_mean_what_the_assembler_says() {
    for (assembly, [first, second], expected) in TABLE {
        let decoded = decode(0x100, *first, *second, false);
        assert_eq!(format!("{:?}", decoded.instruction), *expected, "{assembly}");
        assert_eq!(decoded.bytes, 4, "{assembly}");
    }
}

/// GNU as writes an LDR for these, LLVM does not.
#[test]
fn an_ldm_of_one_register_loads_it_as_chips_do() {
    let check = |code: [u16; 2], expected: &str| {
        let decoded = decode(0x100, code[0], code[1], false);
        assert_eq!(format!("{:?}", decoded.instruction), expected, "{code:04x?}");
    };
    check(
        [0xe894, 0x0040],
        "LoadMultiple { rn: 4, list: 64, write_back: false, before: false }",
    );
    check([0xe894, 0x0000], "Undefined");
    check([0xe884, 0x0040], "Undefined");
}
