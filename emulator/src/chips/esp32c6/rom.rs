//! The mask ROM, as far as HALs call it. Its entry points are the jump table that Espressif's linker scripts name
//! (`rom_names.txt`). A modelled entry leads either to code of ours or to a store to [`CALLS`], on which the chip
//! executes the function natively. Every other entry is an illegal instruction; the fault names the function.

use super::arithmetic::{self, Function};
use super::flash;
use super::rom_drivers::DriverCall;
use super::rom_heap::HeapCall;
pub(super) use super::rom_table::NATIVE;
use super::rom_text::StringCall;
use crate::core::memory::{GuestMemory, NoMemory};

pub(super) const BASE: u32 = 0x4000_0000;
pub(super) const BYTES: u32 = 0x5_0000;
/// Address where a reset starts: the combined steps of the ROM and the second-stage bootloader, which end in a jump to
/// the image.
pub(super) const RESET_PC: u32 = 0x4004_e000;
/// A store here calls a native function, by its index in [`NATIVE`] or after that in `arithmetic`. Its arguments were
/// stored from [`ARGUMENTS`] on; its result is then at [`RESULT`]. No peripheral is at this address, and programs that
/// protect memory from themselves, as ESP-IDF's do, leave it accessible with the peripherals.
const CALLS: u32 = 0x600f_f000;
const ARGUMENTS: u32 = CALLS + 0x400;
pub(super) const RESULT: u32 = CALLS + 0x700;
/// Address of the cause of the last reset, for `rtc_get_reset_reason`.
const RESET_REASON: u32 = 0x4004_e800;
/// Address of our own code: in the part that ESP-IDF leaves executable (`SOC_IROM_MASK_HIGH`).
const CODE: u32 = 0x4004_8000;

/// Address where the second-stage bootloader ends if flash holds no app that it can start.
pub(super) const NO_APP: u32 = 0x4004_e400;

/// Arguments of a native function: a0 to a7, and the stack pointer. Most functions look at the first four only.
pub(super) type Arguments = [u32; 9];

/// A function that the chip does natively.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// `ets_delay_us`: argument in microseconds.
    DelayUs,
    /// `ets_update_cpu_frequency`: ticks per microsecond, which native delays do not need.
    UpdateCpuFrequency,
    /// `ets_get_cpu_frequency`: in MHz.
    CpuFrequency,
    /// `software_reset`: all but the low-power block.
    SoftwareReset,
    /// `software_reset_cpu`.
    SoftwareResetCpu,
    /// `esp_rom_spiflash_read`: from, to, bytes. All of these return 0 on success, otherwise 1.
    FlashRead,
    /// `esp_rom_spiflash_write`: to, from, bytes.
    FlashWrite,
    /// `esp_rom_spiflash_erase_sector`: number.
    FlashEraseSector,
    /// `esp_rom_spiflash_erase_block`: number of a block of 64 KiB.
    FlashEraseBlock,
    /// `esp_rom_spiflash_unlock`, `esp_rom_spiflash_wait_idle`: nothing is locked, and every operation completes within
    /// its call.
    FlashNothing,
    /// `Cache_*`: mapped memory always equals flash.
    CacheNothing,
    /// `crc32_le`: CRC so far, from, bytes.
    Crc32,
    /// `ets_printf`: format, values.
    Print,
    /// `sprintf`: where to, format, values; `snprintf`: where to, bytes, format, values.
    PrintInto,
    PrintIntoLimited,
    /// `vprintf`: format, address of the values. The program's console is UART 0, unless it chose another.
    PrintValues,
    /// `vsnprintf`: where to, bytes, format, address of the values.
    PrintValuesInto,
    /// `ets_install_putc1`: the function that takes the bytes of `ets_printf`. Only 0, none, has an effect.
    InstallOutput,
    /// `ets_install_uart_printf`: UART 0 takes them.
    InstallUart,
    /// Functions that prepare the ROM for what has no need of it here.
    Nothing,
    /// `spi_flash_cache_enabled`: it always is.
    True,
    /// `abs`, `labs`.
    Absolute,
    /// A string function of newlib.
    Text(StringCall),
    /// A function of the heap.
    Heap(HeapCall),
    /// A function that drives a peripheral.
    Drive(DriverCall),
    /// `wdt_hal_*`: the first argument is the context of a watchdog.
    Watchdog(WatchdogCall),
}

impl Call {
    /// Whether it looks at all arguments.
    fn takes_all(self) -> bool {
        matches!(self, Self::Print | Self::PrintInto | Self::PrintIntoLimited)
    }
}

/// A function of ESP-IDF's watchdog HAL, which the ROM has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WatchdogCall {
    /// Which watchdog, prescaler, whether it interrupts.
    Init,
    Deinit,
    /// Stage, ticks, action.
    ConfigStage,
    Unprotect,
    Protect,
    Enable,
    Disable,
    HandleInterrupt,
    Feed,
    /// Whether the bootloader's protection is on: it has no effect here.
    SetFlashboot,
    IsEnabled,
}

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
/// `__lshrdi3`, `__ashldi3`, `__ashrdi3` (libgcc): a1:a0 shifted by a2; assembled from the first, and its likes:
///
/// ```text
///    beqz a2,1f; li a3,32; sub a3,a3,a2; blez a3,2f; srl a0,a0,a2; sll a4,a1,a3; or a0,a0,a4; srl a1,a1,a2; 1: ret
/// 2: neg a3,a3; srl a0,a1,a3; li a1,0; ret
/// ```
const SHIFT_CODE: [u32; 39] = [
    0x0206_0063,
    0x0200_0693,
    0x40c6_86b3,
    0x00d0_5c63,
    0x00c5_5533,
    0x00d5_9733,
    0x00e5_6533,
    0x00c5_d5b3,
    0x0000_8067,
    0x40d0_06b3,
    0x00d5_d533,
    0x0000_0593,
    0x0000_8067,
    0x0206_0063,
    0x0200_0693,
    0x40c6_86b3,
    0x00d0_5c63,
    0x00c5_95b3,
    0x00d5_5733,
    0x00e5_e5b3,
    0x00c5_1533,
    0x0000_8067,
    0x40d0_06b3,
    0x00d5_15b3,
    0x0000_0513,
    0x0000_8067,
    0x0206_0063,
    0x0200_0693,
    0x40c6_86b3,
    0x00d0_5c63,
    0x00c5_5533,
    0x00d5_9733,
    0x00e5_6533,
    0x40c5_d5b3,
    0x0000_8067,
    0x40d0_06b3,
    0x40d5_d533,
    0x41f5_d593,
    0x0000_8067,
];
const SHIFTS: u32 = 0x4004_7000;
const SHIFT_ENTRIES: [(u32, u32); 3] = [(0x4000_0950, 0), (0x4000_089c, 0x34), (0x4000_08a0, 0x68)];
/// `setjmp`, `longjmp` (newlib): ra, s0 to s11 and sp at a0, in this order; assembled from stores and `li a0,0; ret`, and loads
/// and `seqz a0,a1; add a0,a0,a1; ret`.
const JUMP_CODE: [u32; 29] = [
    0x0015_2023,
    0xc504_c140,
    0x0125_2623,
    0x0135_2823,
    0x0145_2a23,
    0x0155_2c23,
    0x0165_2e23,
    0x0375_2023,
    0x0385_2223,
    0x0395_2423,
    0x03a5_2623,
    0x03b5_2823,
    0x0225_2a23,
    0x8082_4501,
    0x0005_2083,
    0x4504_4140,
    0x00c5_2903,
    0x0105_2983,
    0x0145_2a03,
    0x0185_2a83,
    0x01c5_2b03,
    0x0205_2b83,
    0x0245_2c03,
    0x0285_2c83,
    0x02c5_2d03,
    0x0305_2d83,
    0x0345_2103,
    0x0015_b513,
    0x8082_952e,
];
/// `qsort` (newlib), by insertion: each element is exchanged with the one before it while that is greater; assembled from:
///
/// ```text
///    addi sp,sp,-32; sw ra,28(sp); sw s0,24(sp); … sw s5,4(sp); mv s0,a0; mv s2,a2; mv s3,a3; mul s1,a1,a2; add s1,s1,a0
///    add s4,a0,a2
/// 1: bgeu s4,s1,5f; mv s5,s4
/// 2: bgeu s0,s5,4f; sub a0,s5,s2; mv a1,s5; jalr s3; blez a0,4f; mv a3,s2; sub a0,s5,s2
/// 3: lbu a1,0(a0); lbu a2,0(s5); sb a2,0(a0); sb a1,0(s5); addi a0,a0,1; addi s5,s5,1; addi a3,a3,-1; bnez a3,3b
///    sub s5,s5,s2; sub s5,s5,s2; j 2b
/// 4: add s4,s4,s2; j 1b
/// 5: lw ra,28(sp); … lw s5,4(sp); addi sp,sp,32; ret
/// ```
const SORT_CODE: [u32; 29] = [
    0xce06_1101,
    0xca26_cc22,
    0xc64e_c84a,
    0xc256_c452,
    0x8932_842a,
    0x84b3_89b6,
    0x94aa_02c5,
    0x00c5_0a33,
    0x049a_7163,
    0x7c63_8ad2,
    0x8533_0354,
    0x85d6_412a,
    0x5663_9982,
    0x86ca_02a0,
    0x412a_8533,
    0x0005_4583,
    0x000a_c603,
    0x00c5_0023,
    0x00ba_8023,
    0x0a85_0505,
    0xf6ed_16fd,
    0x412a_8ab3,
    0x412a_8ab3,
    0x9a4a_b7e9,
    0x40f2_b7c1,
    0x44d2_4462,
    0x49b2_4942,
    0x4a92_4a22,
    0x8082_6105,
];
const JUMPS: u32 = 0x4004_7100;
const SORT: u32 = 0x4004_7200;
/// `setjmp`, `longjmp`, `qsort`, and their code.
const CODE_ENTRIES: [(u32, u32); 3] = [(0x4000_0574, JUMPS), (0x4000_0570, JUMPS + 0x38), (0x4000_0588, SORT)];
/// Entry points of the memory functions, and their offsets in the code.
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
    words(memory, SHIFTS, &SHIFT_CODE)?;
    for (entry, offset) in SHIFT_ENTRIES {
        words(memory, entry, &[jump(entry, SHIFTS + offset)])?;
    }
    words(memory, JUMPS, &JUMP_CODE)?;
    words(memory, SORT, &SORT_CODE)?;
    for (entry, code) in CODE_ENTRIES {
        words(memory, entry, &[jump(entry, code)])?;
    }
    words(memory, LAYOUT, &[STACK_END, OWN_RAM, STACK_END, STACK_START])?;
    words(memory, LAYOUT_POINTER, &[LAYOUT])?;
    let mut at = CODE + 0x100;
    let entries = NATIVE.iter().map(|(entry, _, call)| (*entry, call.takes_all()));
    let entries = entries.chain(arithmetic::FUNCTIONS.iter().map(|(entry, ..)| (*entry, false)));
    for (index, (entry, takes_all)) in (0..).zip(entries) {
        words(memory, entry, &[jump(entry, at)])?;
        // lui t1, CALLS; sw a0 to a3 (to a7, and sp), ARGUMENTS(t1); sw zero, 4 * index(t1); lw a0 and a1, RESULT(t1); ret.
        let registers: &[u32] = match takes_all {
            true => &[10, 11, 12, 13, 14, 15, 16, 17, 2],
            false => &[10, 11, 12, 13],
        };
        let mut stub = vec![0x337 | CALLS];
        let arguments = (ARGUMENTS - CALLS..).step_by(4);
        stub.extend(
            registers
                .iter()
                .zip(arguments)
                .map(|(register, to)| store_to_t1(*register, to)),
        );
        stub.extend([
            store_to_t1(0, 4 * index),
            0x0003_2503 | (RESULT - CALLS) << 20,
            0x0003_2583 | (RESULT - CALLS + 4) << 20,
            0x8067,
        ]);
        words(memory, at, &stub)?;
        at += 4 * stub.len() as u32;
    }
    words(memory, GET_RESET_REASON, &[jump(GET_RESET_REASON, at)])?;
    // lui a0, RESET_REASON + 0x800; lw a0, -0x800(a0); ret. Start-up code of HALs relies on t0, which this keeps.
    words(memory, at, &[0x537 | (RESET_REASON + 0x800), 0x8005_2503, 0x8067])
}

/// The stack that the ROM and the second-stage bootloader leave: a little below `SOC_ROM_STACK_START` (ESP-IDF's `soc.h`)
/// by their frames.
const STACK: u32 = 0x4087_e610 - 0x110;

/// Where programs find the ROM's data about the flash (`esp_rom_spiflash_legacy_data_t`), and the pointer to it.
const FLASH_DATA: u32 = 0x4087_f800;
const FLASH_DATA_POINTER: u32 = 0x4087_ffec;

/// What the ROM needs of the RAM (`ets_rom_layout_t`): where memory begins that it shares with the stack, where its own data
/// begins, the stack's end and start; and the pointer to that.
const LAYOUT: u32 = 0x4004_f000;
const LAYOUT_POINTER: u32 = 0x4004_fffc;
const STACK_START: u32 = 0x4087_e610;
const STACK_END: u32 = STACK_START - 0x2000;
const OWN_RAM: u32 = 0x4087_f000;

/// The table of the heap's functions, which programs copy to exchange one, its words, and the pointer to it.
const HEAP_TABLE: u32 = 0x4087_f840;
const HEAP_FUNCTIONS: u32 = 20;
const HEAP_TABLE_POINTER: u32 = 0x4087_ffd8;
/// `tlsf_create`, and on.
const FIRST_HEAP_FUNCTION: u32 = 0x4000_03fc;

/// The RAM of the ROM: what its functions leave there for programs.
///
/// # Errors
/// The chip's description has no such RAM.
fn data(memory: &mut GuestMemory) -> Result<(), NoMemory> {
    // Id, bytes of the chip, block, sector and page, mask of the status; added dummy cycles: none.
    let id = flash::JEDEC_ID.swap_bytes() >> 8;
    words(
        memory,
        FLASH_DATA,
        &[
            id,
            flash::BYTES,
            flash::BLOCK,
            flash::SECTOR,
            flash::PROGRAM_PAGE,
            0xffff,
            0,
        ],
    )?;
    words(memory, FLASH_DATA_POINTER, &[FLASH_DATA])?;
    let functions: Vec<u32> = (0..HEAP_FUNCTIONS)
        .map(|index| FIRST_HEAP_FUNCTION + 4 * index)
        .collect();
    words(memory, HEAP_TABLE, &functions)?;
    words(memory, HEAP_TABLE_POINTER, &[HEAP_TABLE])
}

/// After a reset: the jump to the image at `entry` with a stack, and the reason of the reset.
pub(super) fn boot(memory: &mut GuestMemory, entry: u32, reason: u32) -> Result<(), NoMemory> {
    let high = entry.wrapping_add(0x800) & 0xffff_f000;
    let stack_high = STACK.wrapping_add(0x800) & 0xffff_f000;
    words(
        memory,
        RESET_PC,
        &[
            // csrsi mstatus, 8 (HALs take interrupts for allowed)
            0x3004_6073,
            // lui sp, %hi(STACK); addi sp, sp, %lo(STACK)
            0x137 | stack_high,
            0x0001_0113 | STACK.wrapping_sub(stack_high) << 20,
            // lui t0, %hi(entry); jalr zero, %lo(entry)(t0)
            0x2b7 | high,
            0x0002_8067 | entry.wrapping_sub(high) << 20,
        ],
    )?;
    data(memory)?;
    words(memory, RESET_REASON, &[reason])
}

/// The meaning of a store to the native functions' page.
#[derive(Clone, Copy, Debug)]
pub(super) enum Store {
    Argument(usize),
    Call(Call),
    Arithmetic(Function),
}

pub(super) fn store(addr: u32) -> Option<Store> {
    let index = addr.checked_sub(CALLS).filter(|offset| *offset < 0x1000)? as usize / 4;
    let argument = index.checked_sub((ARGUMENTS - CALLS) as usize / 4);
    if let Some(argument) = argument.filter(|argument| *argument < size_of::<Arguments>() / 4) {
        return Some(Store::Argument(argument));
    }
    let native = NATIVE.get(index).map(|(.., call)| Store::Call(*call));
    let arithmetic = || {
        let function = arithmetic::FUNCTIONS.get(index.checked_sub(NATIVE.len())?);
        function.map(|(.., function)| Store::Arithmetic(*function))
    };
    native.or_else(arithmetic)
}

/// The name of the entry point at `addr`.
pub(super) fn name(addr: u32) -> Option<&'static str> {
    if addr == NO_APP {
        return Some("search for an app that can be started (flash holds none)");
    }
    let line = include_str!("rom_names.txt").lines().find(|line| {
        let address = line.get(..8).and_then(|hex| u32::from_str_radix(hex, 16).ok());
        address == Some(addr)
    });
    line.and_then(|line| line.get(9..))
}

/// `crc32_le`: the CRC of zip files, continued; 0 begins one.
pub(super) fn crc32_le(so_far: u32, bytes: &[u8]) -> u32 {
    let crc = bytes.iter().fold(!so_far, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| crc >> 1 ^ (0xedb8_8320 * (crc & 1)))
    });
    !crc
}

/// SW of a register to an offset from t1.
const fn store_to_t1(register: u32, offset: u32) -> u32 {
    (offset >> 5) << 25 | register << 20 | 6 << 15 | 2 << 12 | (offset & 31) << 7 | 0x23
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
