//! The address map: which addresses exist, and how the others are refused.

use super::*;

#[test]
fn registers_have_their_reset_values() {
    for (addr, value) in [
        (0x4001_e01c, 0xffbf_ffbe), // MSTPCRA
        (0x4001_e020, 0x4404_4444), // SCKDIVCR
        (0x4004_7000, 0xffff_ffff), // MSTPCRB
        (0x4004_7008, 0xffff_ffff), // MSTPCRD
        (0x4000_6300, 0),           // IELSR0
        (0x4004_0020, 0),           // PORT1 PCNTR1
        (0x407f_b19c, 0x0100_1c00), // FMIFRT
    ] {
        assert_eq!(Rig::new().read(addr), value, "{addr:#010x}");
    }
    for (addr, value) in [
        (0x4001_e026, 1),    // SCKSCR: MOCO
        (0x4001_e0a0, 2),    // OPCCR
        (0x4004_0d03, 0x80), // PWPR
        (0x4007_0044, 0x84), // SCI2 SSR
        (0x4007_0041, 0xff), // SCI2 BRR
        (0x4007_0046, 0xf2), // SCI2 SCMR
        (0x407e_c100, 0x08), // FPMCR
        (0x4001_e41f, 0),    // VBTCR1
        (0x4001_e4b1, 0x11), // VBTSR
        (0x4001_e418, 7),    // LVDLVLR
        (0x4001_e0c6, 6),    // BKRACR
    ] {
        let mut rig = Rig::new();
        rig.write(0x4004_7000, 0);
        assert_eq!(rig.read_byte(addr), value, "{addr:#010x}");
    }
    assert_eq!(Rig::new().read_half(0x4004_4202), 0x33f3, "WDTCR");
}

#[test]
fn what_is_not_there_is_refused() {
    use AccessFault::{Denied, Unmapped, Unmodelled, UnmodelledUse, Width};
    use AccessSize::{Byte, Half, Word};
    for (addr, size, fault) in [
        (0x0004_0000, Word, Unmapped),
        (0x0101_1000, Word, Unmodelled), // behind the option-setting memory
        (0x2000_8000, Word, Unmapped),
        (0x4000_0000, Word, Unmodelled),    // bus master MPU
        (0x4005_4100, Half, Unmodelled),    // DOC
        (0x400c_0000, Word, Unmodelled),    // the secure crypto engine
        (0x4001_e026, Word, Width),         // SCKSCR is a byte
        (0x4000_6300, Byte, Width),         // IELSR0 is a word
        (0x4004_0800, Byte, Width),         // a byte of PFS is at offset 3
        (0x4001_e40e, Byte, Unmodelled),    // SYOCDCR
        (0x4001_e410, Half, Width),         // RSTSR0 and RSTSR2 are bytes
        (0x4007_808c, Word, Unmodelled),    // GPT0 GTDVU
        (0x4004_4404, Half, UnmodelledUse), // IWDTSR
        (0x4010_2000, Word, Unmapped),
    ] {
        let mut rig = Rig::awake();
        let loaded = rig.chip.read(&mut rig.fabric, addr, size);
        assert_eq!(loaded, Err(fault), "load from {addr:#010x}");
    }
    for (addr, value, size, fault) in [
        (0x0000_5000, 0, Word, Denied),              // code flash
        (0x4010_0000, 0, Byte, Denied),              // data flash
        (0x4000_6300, 1 << 24, Word, UnmodelledUse), // IELSR0 starts DTC
        (0x4007_0040, 0x80, Byte, UnmodelledUse),    // SCI2 clock-synchronous
        (0x4007_0054, 1, Half, UnmodelledUse),       // SCI2 FIFO
        (0x4008_4009, 2, Byte, UnmodelledUse),       // AGT0 counts events
        (0x4007_8088, 1, Word, UnmodelledUse),       // GPT0 has a dead time
        (0x4007_802c, 1 << 16, Word, UnmodelledUse), // GPT0 another wave
        (0x4004_0106, 0, Half, Denied),              // PIDR
    ] {
        let mut rig = Rig::awake();
        let stored = rig.chip.write(&mut rig.fabric, addr, value, size);
        assert_eq!(stored, Err(fault), "store to {addr:#010x}");
    }
}

#[test]
fn reserved_bytes_read_zero_and_take_nothing() {
    for addr in [0x4001_e400, 0x4004_001c, 0x4007_005d, 0x4004_4401, 0x4007_80f0] {
        let size = match addr {
            0x4004_001c | 0x4007_80f0 => AccessSize::Word,
            _ => AccessSize::Byte,
        };
        let mut rig = Rig::awake();
        let stored = rig.chip.write(&mut rig.fabric, addr, size.mask(), size);
        assert_eq!(stored, Ok(()), "{addr:#010x}");
        assert_eq!(rig.chip.read(&mut rig.fabric, addr, size), Ok(0), "{addr:#010x}");
        assert_eq!(rig.faults(), [], "{addr:#010x}");
    }
}

#[test]
fn a_stopped_module_reads_zero_and_is_told() {
    let mut rig = Rig::new();
    assert_eq!(rig.read_byte(0x4007_0044), 0, "SCI2 SSR");
    rig.write_byte(0x4007_0041, 1);
    assert_eq!(rig.faults(), [AccessFault::Unclocked; 2]);
    rig.write(0x4004_7000, !(1 << 29));
    assert_eq!((rig.read_byte(0x4007_0044), rig.faults()), (0x84, vec![]));
}

#[test]
fn identity_comes_from_the_seed() {
    let id = |seed| {
        let mut rig = Rig::new();
        rig.chip = Ra4m1::new(seed);
        [0x0100_1c14, 0x0100_1c18, 0x0100_1c1c, 0x0100_1c20].map(|addr| rig.read(addr))
    };
    assert_eq!(id([1; 32]), id([1; 32]));
    assert_ne!(id([1; 32]), id([2; 32]));
    assert_eq!(Rig::new().try_read(0x0100_1c24), Err(AccessFault::Unmodelled));
}

#[test]
fn the_backup_supply_is_valid_and_its_registers_outlast_a_reset() {
    let mut rig = Rig::new();
    rig.write_byte(0x4001_e41f, 1);
    assert_eq!(rig.read_byte(0x4001_e41f), 0, "PRCR protects it");
    assert_eq!(rig.faults(), [AccessFault::Denied]);
    rig.write_half(0x4001_e3fe, 0xa502);
    rig.write_byte(0x4001_e41f, 1);
    assert_eq!((rig.read_byte(0x4001_e41f), rig.read_byte(0x4001_e4b1)), (1, 0x11));
    rig.write_byte(0x4001_e4b1, 0);
    rig.write_byte(0x4001_e6ff, 7);
    rig.reset(ResetKind::Software);
    assert_eq!((rig.read_byte(0x4001_e4b1), rig.read_byte(0x4001_e6ff)), (0x10, 7));
    rig.reset(ResetKind::PowerOn);
    assert_eq!((rig.read_byte(0x4001_e4b1), rig.read_byte(0x4001_e6ff)), (0x11, 0));
}

#[test]
fn a_word_is_kept_in_the_backup_registers_by_one_access() {
    let mut rig = Rig::new();
    rig.write_half(0x4001_e3fe, 0xa502);
    rig.write(0x4001_e500, 0x0773_8135);
    rig.reset(ResetKind::Pin);
    assert_eq!(rig.read(0x4001_e500), 0x0773_8135);
    assert_eq!((rig.read_byte(0x4001_e501), rig.read_half(0x4001_e502)), (0x81, 0x773));
}

#[test]
fn start_up_code_can_bring_the_clock_into_a_known_state() {
    let mut rig = Rig::new();
    rig.write_byte(0x4004_4028, 1);
    rig.write_byte(0x4004_4024, 2);
    rig.write_half(0x4004_402a, 0xff);
    assert_eq!(
        (rig.read_byte(0x4004_4028), rig.read_byte(0x4004_4024)),
        (1, 0),
        "RESET is done"
    );
    let started = rig.chip.write(&mut rig.fabric, 0x4004_4024, 1, AccessSize::Byte);
    assert_eq!(started, Err(AccessFault::UnmodelledUse), "12 hours");
    rig.reset(ResetKind::Software);
    assert_eq!((rig.read_byte(0x4004_4028), rig.read_half(0x4004_402a)), (1, 0xff));
    rig.reset(ResetKind::PowerOn);
    assert_eq!(rig.read_byte(0x4004_4028), 0);
}

#[test]
fn start_up_code_can_set_up_the_stack_monitor() {
    let mut rig = Rig::new();
    assert_eq!((rig.read(0x4000_0d08), rig.read(0x4000_0d0c)), (0, 3));
    rig.write_half(0x4000_0d00, 0xa500);
    rig.write(0x4000_0d08, 0x2000_0400);
    rig.write(0x4000_0d0c, 0x2000_0800);
    rig.write_half(0x4000_6120, 1 << 12);
    rig.write_half(0x4000_0d04, 1);
    assert_eq!((rig.read(0x4000_0d0c), rig.read_half(0x4000_0d04)), (0x2000_0803, 1));
    assert_eq!(rig.read_half(0x4000_6120), 1 << 12);
}
