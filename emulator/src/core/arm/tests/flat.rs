//! Long uninterrupted runs do not grow the host's stack: handlers jump to each other and do not return.

use super::{DEVICE, Rig};

/// Passes through the loop. One leaked frame per pass would exceed the stack.
const PASSES: u32 = 300_000;
const HOST_STACK_BYTES: usize = 512 * 1024;

/// MOVW and MOVT of a register below 8.
fn constant(register: u16, value: u32) -> [u16; 4] {
    let half = |opcode: u16, value: u16| {
        let first = opcode | value >> 12 | (value >> 11 & 1) << 10;
        [first, (value >> 8 & 7) << 12 | register << 8 | value & 0xff]
    };
    let [a, b] = half(0xf240, value as u16);
    let [c, d] = half(0xf2c0, (value >> 16) as u16);
    [a, b, c, d]
}

/// At least one instruction of each kind that has its own handler.
const BODY: &[u16] = &[
    0x6001, // str r1, [r0]
    0x6802, // ldr r2, [r0]
    0x7101, // strb r1, [r0, #4]
    0x7902, // ldrb r2, [r0, #4]
    0x8101, // strh r1, [r0, #8]
    0x5ec2, // ldrsh r2, [r0, r3]
    0xe9d0, 0x2400, // ldrd r2, r4, [r0]
    0xe9c0, 0x1202, // strd r1, r2, [r0, #8]
    0xe890, 0x0006, // ldm r0, {r1, r2}
    0xe880, 0x0006, // stm r0, {r1, r2}
    0x434a, // muls r2, r1
    0xfb01, 0x4201, // mla r2, r1, r1, r4
    0xfba1, 0x2401, // umull r2, r4, r1, r1
    0xfbb2, 0xf2f1, // udiv r2, r2, r1
    0x408a, // lsls r2, r1
    0xb2ca, // uxtb r2, r1
    0xba0a, // rev r2, r1
    0xf3c1, 0x0203, // ubfx r2, r1, #0, #4
    0xf361, 0x0203, // bfi r2, r1, #0, #4
    0xf3ef, 0x8500, // mrs r5, apsr
    0xf385, 0x8800, // msr apsr_nzcvq, r5
    0x2900, // cmp r1, #0
    0xbf18, // it ne
    0x2201, // movne r2, #1
    0x6832, // ldr r2, [r6]: of a device
    0xf000, 0xf803, // bl sub
    0xe8df, 0xf003, // tbb [pc, r3]
    0x0003, // to what is behind sub
    0xb500, // sub: push {lr}
    0xbd00, // pop {pc}
    0xb10f, // cbz r7, + 6
    0xe7ff, // b, to the next
];

#[test]
fn a_long_run_takes_no_more_of_the_hosts_stack() {
    let setup = [
        constant(0, 0x2000_1100),
        constant(6, DEVICE + 0x18),
        constant(7, PASSES),
        constant(4, 0x2000_1f00),
    ];
    let mut main: Vec<u16> = setup.as_flattened().to_vec();
    // movs r1, #1; movs r3, #0; mov sp, r4: all data in one page, separate from the code's, so that both stay known
    main.extend([0x2101, 0x2300, 0x46a5]);
    main.extend(BODY);
    main.push(0x3f01); // subs r7, #1
    let back = -(2 * (BODY.len() as i32 + 1) + 4);
    // BNE by more than its short form reaches: encoding T3.
    main.extend([0xf47f, 0xa800 | (back / 2) as u16 & 0x7ff]);
    main.push(0xbeab);
    let runs = std::thread::Builder::new()
        .stack_size(HOST_STACK_BYTES)
        .spawn(move || Rig::new(&main).run().r(7));
    assert_eq!(runs.expect("a thread").join().expect("it ends"), 0);
}
