//! The mask ROM as far as HALs call it. Its entry points are the jump table that Espressif's linker scripts name
//! (`rom_names.txt`); behind those that are here lies either code of ours or a store to [`CALLS`], by which the chip does
//! natively what the function does. Every other entry is an illegal instruction, told by its name.

use crate::builtin::memory::{GuestMemory, NoMemory};

pub(super) const BASE: u32 = 0x4000_0000;
pub(super) const BYTES: u32 = 0x5_0000;
/// Where a reset starts: what the ROM and the second-stage bootloader do together, ending in a jump to the image.
pub(super) const RESET_PC: u32 = 0x4004_e000;
/// A store of a0 here, at [`Call`] × 4, is a native function.
const CALLS: u32 = 0x4004_f000;
/// Where the cause of the last reset lies, for `rtc_get_reset_reason`.
const RESET_REASON: u32 = 0x4004_e800;
/// Where code of ours lies.
const CODE: u32 = 0x4004_d000;

/// A function that the chip does natively.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// `ets_delay_us`: argument in microseconds.
    DelayUs,
    /// `ets_update_cpu_frequency`: ticks per microsecond, which native delays do not need.
    UpdateCpuFrequency,
    /// `software_reset`, `software_reset_cpu`.
    SoftwareReset,
}

const NATIVE: [(u32, Call); 4] = [
    (0x4000_0040, Call::DelayUs),
    (0x4000_0048, Call::UpdateCpuFrequency),
    (0x4000_0090, Call::SoftwareReset),
    (0x4000_0094, Call::SoftwareReset),
];

/// memset, memcpy, memmove, memcmp; assembled from:
///
/// ```text
/// memset:  mv t0,a0;  beqz a2,2f;  1: sb a1,0(t0);  addi t0,t0,1;  addi a2,a2,-1;  bnez a2,1b;  2: ret
/// memcpy:  mv t0,a0;  beqz a2,2f;  1: lbu t1,0(a1); sb t1,0(t0); addi a1,a1,1; addi t0,t0,1; addi a2,a2,-1; bnez a2,1b; 2: ret
/// memmove: bgeu a1,a0,memcpy; add a1,a1,a2; add t0,a0,a2; beqz a2,2f;
///          1: addi a1,a1,-1; addi t0,t0,-1; lbu t1,0(a1); sb t1,0(t0); addi a2,a2,-1; bnez a2,1b; 2: ret
/// memcmp:  beqz a2,2f; 1: lbu t0,0(a0); lbu t1,0(a1); bne t0,t1,3f; addi a0,a0,1; addi a1,a1,1; addi a2,a2,-1; bnez a2,1b;
///          2: li a0,0; ret; 3: sub a0,t0,t1; ret
/// ```
const MEMORY_CODE: [u32; 28] = [
    0xc611_82aa,
    0x00b2_8023,
    0x167d_0285,
    0x8082_fe65,
    0x82aa_0001,
    0xc303_ca09,
    0x8023_0005,
    0x0585_0062,
    0x167d_0285,
    0x8082_fa6d,
    0xf4e3_0001,
    0x95b2_fea5,
    0x00c5_02b3,
    0x15fd_ca09,
    0xc303_12fd,
    0x8023_0005,
    0x167d_0062,
    0x8082_fa6d,
    0xca19_0001,
    0x0005_4283,
    0x0005_c303,
    0x0062_9863,
    0x0585_0505,
    0xf67d_167d,
    0x8082_4501,
    0x4062_8533,
    0x0001_8082,
    0,
];
/// `__udivdi3` (libgcc): a1:a0 divided by a3:a2, bit by bit; assembled from:
///
/// ```text
///    li t0,64; li t1,0; li t2,0
/// 1: srli t4,t2,31; srli t3,t1,31; slli t2,t2,1; or t2,t2,t3; slli t1,t1,1; srli t3,a1,31; or t1,t1,t3
///    slli a1,a1,1; srli t3,a0,31; or a1,a1,t3; slli a0,a0,1
///    bnez t4,3f; bltu t2,a3,2f; bne t2,a3,3f; bltu t1,a2,2f
/// 3: sltu t3,t1,a2; sub t1,t1,a2; sub t2,t2,a3; sub t2,t2,t3; ori a0,a0,1
/// 2: addi t0,t0,-1; bnez t0,1b; ret
/// ```
const DIVIDE_CODE: [u32; 26] = [
    0x0400_0293,
    0x0000_0313,
    0x0000_0393,
    0x01f3_de93,
    0x01f3_5e13,
    0x0013_9393,
    0x01c3_e3b3,
    0x0013_1313,
    0x01f5_de13,
    0x01c3_6333,
    0x0015_9593,
    0x01f5_5e13,
    0x01c5_e5b3,
    0x0015_1513,
    0x000e_9863,
    0x02d3_e063,
    0x00d3_9463,
    0x00c3_6c63,
    0x00c3_3e33,
    0x40c3_0333,
    0x40d3_83b3,
    0x41c3_83b3,
    0x0015_6513,
    0xfff2_8293,
    0xfa02_96e3,
    0x0000_8067,
];
const DIVIDE: u32 = 0x4000_09cc;
/// Entry points of the memory functions, and where they begin in their code.
const MEMORY_ENTRIES: [(u32, u32); 4] = [
    (0x4000_04a8, 0x00),
    (0x4000_04ac, 0x12),
    (0x4000_04b0, 0x2a),
    (0x4000_04b4, 0x4a),
];
const GET_RESET_REASON: u32 = 0x4000_0018;

/// Fills the ROM.
pub(super) fn fill(memory: &mut GuestMemory) -> Result<(), NoMemory> {
    // All zeroes is the defined illegal instruction.
    memory.fill(BASE, BYTES as usize, 0)?;
    words(memory, CODE, &MEMORY_CODE)?;
    for (entry, offset) in MEMORY_ENTRIES {
        words(memory, entry, &[jump(entry, CODE + offset)])?;
    }
    words(memory, CODE + 0x80, &DIVIDE_CODE)?;
    words(memory, DIVIDE, &[jump(DIVIDE, CODE + 0x80)])?;
    let mut at = CODE + 0x100;
    for (entry, call) in NATIVE {
        words(memory, entry, &[jump(entry, at)])?;
        // lui a5, CALLS; sw a0, 4 * call(a5); ret
        let store = 0x00a7_a023 | (call as u32 * 4) << 7;
        words(memory, at, &[0x7b7 | CALLS, store, 0x8067])?;
        at += 16;
    }
    words(memory, GET_RESET_REASON, &[jump(GET_RESET_REASON, at)])?;
    // lui a0, RESET_REASON + 0x800; lw a0, -0x800(a0); ret. Start-up code of HALs relies on t0, which this keeps.
    words(memory, at, &[0x537 | (RESET_REASON + 0x800), 0x8005_2503, 0x8067])
}

/// After a reset: the way to the image at `entry`, and why there was one.
pub(super) fn boot(memory: &mut GuestMemory, entry: u32, reason: u32) -> Result<(), NoMemory> {
    let high = entry.wrapping_add(0x800) & 0xffff_f000;
    // lui t0, %hi(entry); jalr zero, %lo(entry)(t0)
    words(
        memory,
        RESET_PC,
        &[0x2b7 | high, 0x0002_8067 | entry.wrapping_sub(high) << 20],
    )?;
    words(memory, RESET_REASON, &[reason])
}

/// The function that a store to `addr` calls.
pub(super) fn call(addr: u32) -> Option<Call> {
    let index = addr.checked_sub(CALLS)? / 4;
    let found = NATIVE.iter().find(|(_, call)| *call as u32 == index);
    found.map(|(_, call)| *call)
}

/// The name of the entry point at `addr`.
pub(super) fn name(addr: u32) -> Option<&'static str> {
    let line = include_str!("rom_names.txt").lines().find(|line| {
        let address = line.get(..8).and_then(|hex| u32::from_str_radix(hex, 16).ok());
        address == Some(addr)
    });
    line.and_then(|line| line.get(9..))
}

/// JAL x0 from `from` to `to`, forwards and less than 1 MiB away.
fn jump(from: u32, to: u32) -> u32 {
    let offset = to - from;
    0x6f | offset & 0xf_f000 | (offset >> 11 & 1) << 20 | (offset >> 1 & 0x3ff) << 21
}

fn words(memory: &mut GuestMemory, addr: u32, words: &[u32]) -> Result<(), NoMemory> {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    memory.write(addr, &bytes)
}
