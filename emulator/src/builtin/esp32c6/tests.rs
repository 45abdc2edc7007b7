//! ROM functions and the way from reset to an image, on the core. What HALs need together is the guests' test.

use super::*;
use crate::builtin::entropy::EntropyStream;
use crate::builtin::limits::Limits;
use crate::builtin::riscv::tests::asm::*;
use crate::builtin::riscv::{RiscV, StopReason};
use crate::image::{Segment, Symbol};

/// Runs `code` from RAM, where the bootloader puts it, until it ends.
fn run(code: &[u32]) -> RiscV {
    let chip: Box<dyn Chip> = Box::new(Esp32C6::new([9; 32]));
    let description = chip.description();
    let memory = GuestMemory::new(description.regions);
    let fabric = Fabric::new(memory, EntropyStream::new([0; 32]), description.cpu_hz);
    let mut core = RiscV::new(chip, fabric);
    prepare(core.fabric_mut().memory_mut());
    let image = Image {
        segments: vec![Segment {
            addr: RAM + 0x100,
            bytes: code.iter().flat_map(|word| word.to_le_bytes()).collect(),
        }],
        symbols: vec![Symbol {
            addr: RAM + 0x100,
            bytes: 0,
            name: "_start".into(),
            function: true,
        }],
    };
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
    // memcpy(RAM + 0x8000, what is at RAM + 0x100, 8), memcmp of both, then 64-bit division.
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
fn an_unknown_rom_function_is_a_fault_with_its_name() {
    // ets_printf
    let mut core = run(&program(&[&call(0x4000_0028)]));
    let faults = core.take_faults();
    let text = faults.first().map(ToString::to_string).unwrap_or_default();
    assert!(
        text.starts_with("illegal instruction 0x0 at 0x40000028, the ROM's ets_printf, which is not modelled"),
        "{text}"
    );
}
