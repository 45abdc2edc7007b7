//! ROM functions, flash, and the path from reset to an image, on the core. The `guests` test covers the features that
//! HALs use in combination.

use super::*;
use crate::core::limits::Limits;
use crate::core::riscv::tests::asm::*;
use crate::core::riscv::{RiscV, StopReason};
use crate::machine::entropy::EntropyStream;
use crate::machine::{Segment, Symbol, VirtualTime};

/// Runs `code` from RAM, where the bootloader puts it, until it ends.
fn run(code: &[u32]) -> RiscV {
    let chip: Box<dyn Chip> = Box::new(Esp32C6::new([9; 32]));
    let description = chip.description();
    let memory = GuestMemory::new(description.regions);
    let fabric = Fabric::new(memory, EntropyStream::new([0; 32]), description.cpu_hz);
    let mut core = RiscV::new(chip, fabric);
    prepare(core.fabric_mut().memory_mut());
    let image = Image::new(
        vec![Segment {
            addr: RAM + 0x100,
            bytes: code.iter().flat_map(|word| word.to_le_bytes()).collect(),
        }],
        vec![Symbol {
            addr: RAM + 0x100,
            bytes: 0,
            name: "_start".into(),
            function: true,
        }],
    );
    core.chip_mut().0.boot_image(&image);
    core.reset(ResetKind::PowerOn);
    let stop = core.run(Limits::until(VirtualTime::from_ms(100)));
    assert!(
        matches!(stop, StopReason::Semihosting { .. } | StopReason::Time),
        "{stop:?}"
    );
    core
}

/// Calls the ROM function at `entry`.
fn call(entry: u32) -> [u32; 3] {
    let [high, low] = li(6, entry);
    [high, low, jalr(1, 6, 0)]
}

#[test]
fn rom_functions_do_what_their_names_say() {
    // memcpy(RAM + 0x8000, RAM + 0x100, 8), memcmp of both, then 64-bit division.
    let main = program(&[
        &li(10, RAM + 0x8000),
        &li(11, RAM + 0x100),
        &[addi(12, 0, 8)],
        &call(0x4000_04ac),
        &li(11, RAM + 0x100),
        &[addi(12, 0, 8)],
        &call(0x4000_04b4),
        &[addi(8, 10, 0)],
        &li(10, 0x9abc_def0),
        &li(11, 0x1234_5678),
        &[addi(12, 0, 7), addi(13, 0, 1)],
        &call(0x4000_09cc),
    ]);
    let core = run(&main);
    let read = |addr| core.fabric().memory().read_u32(addr).unwrap();
    assert_eq!((read(RAM + 0x8000), read(RAM + 0x8004)), (main[0], main[1]));
    let x = core.registers().x();
    assert_eq!(x[8], 0, "memcmp finds them equal");
    let quotient = 0x1234_5678_9abc_def0_u64 / 0x1_0000_0007;
    assert_eq!(u64::from(x[11]) << 32 | u64::from(x[10]), quotient);
}

#[test]
fn a_native_delay_takes_its_time_and_the_reset_cause_is_told() {
    let core = run(&program(&[&[addi(10, 0, 500)], &call(0x4000_0040), &call(0x4000_0018)]));
    let us = core.now().as_us();
    assert!((500..505).contains(&us), "{us}");
    assert_eq!(core.registers().x()[10], 1, "power-on");
}

#[test]
fn the_roms_watchdog_hal_works_on_the_registers() {
    // wdt_hal_init(RAM + 0x9000, timer group 0's, prescaler 40,000, no interrupt); stage 0: after 5 ms reset the system.
    let context = RAM + 0x9000;
    let main = program(&[
        &li(10, context),
        &[addi(11, 0, 1), addi(13, 0, 0)],
        &li(12, 40_000),
        &call(0x4000_0394),
        &li(10, context),
        &call(0x4000_03a0),
        &li(10, context),
        &[addi(11, 0, 0), addi(12, 0, 5), addi(13, 0, 3)],
        &call(0x4000_039c),
        &li(10, context),
        &call(0x4000_03a8),
        &li(10, context),
        &call(0x4000_03bc),
        &[addi(8, 10, 0)],
    ]);
    let mut core = run(&main);
    assert_eq!(core.take_faults(), []);
    assert_eq!(core.fabric().memory().read_u32(context + 4), Ok(TIMG[0]));
    assert_eq!(core.registers().x()[8], 1, "enabled");
}

#[test]
fn an_unknown_rom_function_is_a_fault_with_its_name() {
    let mut core = run(&program(&[&call(0x4000_006c)]));
    let faults = core.take_faults();
    let text = faults.first().map(ToString::to_string).unwrap_or_default();
    assert!(
        text.starts_with("illegal instruction 0x0 at 0x4000006c, the ROM's uart_rx_readbuff, which is not modelled"),
        "{text}"
    );
}

#[test]
fn native_functions_stand_where_their_names_say() {
    for (addr, name, _) in rom::NATIVE {
        assert_eq!(rom::name(*addr), Some(*name));
    }
    for (addr, name, _) in arithmetic::FUNCTIONS {
        assert_eq!(rom::name(*addr), Some(*name));
    }
    assert_eq!(rom::crc32_le(0, b"123456789"), 0xcbf4_3926);
}

/// Stores a word.
fn poke(addr: u32, value: u32) -> Vec<u32> {
    [&li(10, addr)[..], &li(11, value)[..], &[sw(11, 10, 0)]].concat()
}

#[test]
fn flash_is_erased_programmed_and_shown_by_the_mmu() {
    // SPI1: write enable and sector erase, then the same and two words to 0x30_0004; without enabling, nothing.
    let entry = 0x20;
    let wait_50_ms = [&li(10, 50_000)[..], &call(0x4000_0040)[..]].concat();
    let main = program(&[
        &poke(SPI0 + 0x380, entry),
        &poke(SPI0 + 0x37c, 0x30 | flash::MMU_VALID),
        &poke(SPI1, 1 << 30),
        &poke(SPI1 + 0x04, 0x30_0000),
        &poke(SPI1, 1 << 24),
        &wait_50_ms,
        &poke(SPI1, 1 << 30),
        &poke(SPI1 + 0x04, 0x30_0004 | 4 << 24),
        &poke(SPI1 + 0x58, 0x1234_5678),
        &poke(SPI1, 1 << 25),
        &li(10, 1_000),
        &call(0x4000_0040),
        &poke(SPI1 + 0x58, 0),
        &poke(SPI1, 1 << 25),
    ]);
    let core = run(&main);
    let memory = core.fabric().memory();
    let shown = flash::WINDOW + entry * flash::MMU_PAGE;
    let read = |addr| memory.read_u32(addr).unwrap();
    assert_eq!((read(shown), read(shown + 4), read(shown + 8)), (!0, 0x1234_5678, !0));
    assert_eq!(read(flash::ARRAY + 0x30_0004), 0x1234_5678);
}

#[test]
fn the_core_cannot_reach_the_flash_array_itself() {
    let mut core = run(&program(&[&li(10, flash::ARRAY), &[lw(11, 10, 0)]]));
    let faults = core.take_faults();
    let text = faults.first().map(ToString::to_string).unwrap_or_default();
    assert!(text.starts_with("load access fault (0x10000000)"), "{text}");
}

#[test]
fn the_bootloaders_watchdog_bites_who_does_not_stop_it() {
    // WFI, and back to it.
    let mut core = run(&program(&[&[0x1050_0073, 0xffdf_f06f]]));
    let stop = core.run(Limits::until(VirtualTime::from_seconds(10)));
    assert_eq!(stop, StopReason::Reset(ResetKind::Watchdog));
    let ms = core.now().as_us() / 1_000;
    assert!((8_999..=9_001).contains(&ms), "{ms} ms");
}

#[test]
fn an_app_image_is_taken_apart_as_it_was_made() {
    let segment = |addr, bytes: &[u8]| Segment {
        addr,
        bytes: bytes.to_vec(),
    };
    let descriptor = [0x32, 0x54, 0xcd, 0xab, 1, 2, 3];
    let segments = [
        segment(RAM + 0x100, b"copied"),
        segment(0x4201_0020, b"code"),
        segment(0x4200_0020, &descriptor),
    ];
    let image = app_image::build(&segments, 0x4201_0020, boot::is_mapped);
    let app = app_image::parse(&image).unwrap();
    assert_eq!(app.entry, 0x4201_0020);
    let at = |addr: u32| {
        let load = app.loads.iter().find(|load| load.addr == addr).unwrap();
        (
            load.offset as u32 % flash::MMU_PAGE,
            &image[load.offset..load.offset + load.bytes],
        )
    };
    assert_eq!(at(0x4200_0020), (0x20, &[&descriptor[..], &[0]].concat()[..]));
    assert_eq!(at(0x4201_0020), (0x20, &b"code"[..]));
    assert_eq!(at(RAM + 0x100).1, b"copied\0\0");
    for (broken, why) in [
        (12, "it is for another chip"),
        (0x22, "its checksum is wrong"),
        (8, "its digest is wrong"),
    ] {
        let mut image = image.clone();
        image[broken] ^= 1;
        assert_eq!(app_image::parse(&image), Err(why));
    }
    assert_eq!(app_image::parse(&image[..100]), Err("its segments are not sound"));
}

#[test]
fn arithmetic_functions_give_what_libgcc_gives() {
    let value = 0x8765_4321_9abc_def0_u64;
    // Shifts by less and more than a word: logical right, left, arithmetic right.
    for (entry, by, expected) in [
        (0x4000_0950, 4, value >> 4),
        (0x4000_0950, 36, value >> 36),
        (0x4000_0950, 0, value),
        (0x4000_089c, 4, value << 4),
        (0x4000_089c, 36, value << 36),
        (0x4000_08a0, 4, (value as i64 >> 4) as u64),
        (0x4000_08a0, 36, (value as i64 >> 36) as u64),
        // __moddi3 by 36.
        (0x4000_095c, 36, (value as i64 % 36) as u64),
    ] {
        let core = run(&program(&[
            &li(10, value as u32),
            &li(11, (value >> 32) as u32),
            &[addi(12, 0, by), addi(13, 0, 0)],
            &call(entry),
            // The end of the program takes a0 and a1.
            &[addi(8, 10, 0), addi(9, 11, 0)],
        ]));
        let x = core.registers().x();
        assert_eq!(u64::from(x[9]) << 32 | u64::from(x[8]), expected, "{entry:#x} by {by}");
    }
    let of = |name: &str| arithmetic::FUNCTIONS.iter().find(|(_, it, _)| *it == name).unwrap().2;
    let nan = f64::NAN.to_bits();
    let args = |left: u64, right: u64| [left as u32, (left >> 32) as u32, right as u32, (right >> 32) as u32];
    assert_eq!(
        of("__adddf3")(args(1.5_f64.to_bits(), 2_f64.to_bits())),
        3.5_f64.to_bits()
    );
    assert_eq!(of("__ledf2")(args(nan, nan)) as i32, 1);
    assert_eq!(of("__gedf2")(args(nan, nan)) as i32, -1);
    assert_eq!(of("__ltdf2")(args(1_f64.to_bits(), 2_f64.to_bits())) as i32, -1);
    assert_eq!(
        of("__mulsf3")([3_f32.to_bits(), 0.5_f32.to_bits(), 0, 0]),
        u64::from(1.5_f32.to_bits())
    );
}
