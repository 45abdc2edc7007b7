//! The address map: which addresses exist, and how the others are refused.

use super::*;

#[test]
fn registers_have_their_reset_values() {
    // PS: the register tables of each chapter.
    for (addr, value) in [
        (0x1000_0010, 4_096),       // FICR CODEPAGESIZE
        (0x1000_0014, 256),         // FICR CODESIZE
        (0x1000_0100, 0x52840),     // FICR INFO.PART
        (0x1000_010c, 256),         // FICR INFO.RAM
        (0x1000_0130, 8),           // FICR: the part, as the MDK reads it
        (0x1000_0134, 3),           // FICR: its revision
        (0x1000_0258, 0xffff_ffff), // FICR: not written by the factory
        (0x1000_0350, 0xbb42_319f), // FICR PRODTEST[0]
        (0x1000_0404, 0x326),       // FICR TEMP.A0
        (0x1000_0444, 0x50),        // FICR TEMP.T4
        (0x1000_0450, 0xffff_ff5f), // FICR NFC.TAGHEADER0
        (0x1000_0c00, 0xffff_ffff), // FICR TRNG90B.BYTES
        (0x4000_0400, 0),           // POWER RESETREAS
        (0x4000_0418, 0),           // CLOCK LFCLKSTAT
        (0x4000_0518, 0),           // CLOCK LFCLKSRC
        (0x4000_0528, 0x10),        // CLOCK HFXODEBOUNCE
        (0x4000_0900, 0xffff),      // POWER RAM[0].POWER
        (0x4000_2508, 0xffff_ffff), // UARTE0 PSEL.RTS
        (0x4000_2524, 0x0400_0000), // UARTE0 BAUDRATE
        (0x4000_3508, 0xffff_ffff), // SPIM0/TWIM0 PSEL.SCK, PSEL.SCL
        (0x4000_3524, 0x0400_0000), // SPIM0/TWIM0 FREQUENCY
        (0x4000_7518, 0x2_0000),    // SAADC CH[0].CONFIG
        (0x4000_751c, 0x7fff_8000), // SAADC CH[0].LIMIT
        (0x4000_75f0, 1),           // SAADC RESOLUTION
        (0x4000_8510, 4),           // TIMER0 PRESCALER
        (0x4001_0504, 0xffff_ffff), // WDT CRV
        (0x4001_0508, 1),           // WDT RREN
        (0x4001_050c, 1),           // WDT CONFIG
        (0x4001_c508, 0x3ff),       // PWM0 COUNTERTOP
        (0x4001_c528, 1),           // PWM0 SEQ[0].REFRESH
        (0x4001_c56c, 0xffff_ffff), // PWM0 PSEL.OUT[3]
        (0x4001_e400, 1),           // NVMC READY
        (0x4001_e51c, 10),          // NVMC ERASEPAGEPARTIALCFG
        (0x5000_0700, 2),           // P0 PIN_CNF[0]
        (0x5000_0a3c, 2),           // P1 PIN_CNF[15]
    ] {
        assert_eq!(Rig::new().read(addr), value, "{addr:#010x}");
    }
}

#[test]
fn what_is_not_there_is_refused() {
    use AccessFault::{Denied, Unmapped, Unmodelled, UnmodelledUse, Width};
    for (addr, fault) in [
        (0x0100_0000, Unmapped),
        (0x1200_0000, Unmodelled), // QSPI execute in place
        (0x2100_0000, Unmapped),
        (0x4000_5000, Unmodelled),    // NFCT
        (0x4000_0114, Unmodelled),    // POWER EVENTS_SLEEPENTER
        (0x4000_2518, Unmodelled),    // UART0 RXD
        (0x4000_3518, Unmodelled),    // SPI0, TWI0 RXD
        (0x4002_f568, Unmodelled),    // SPIM3 CSNPOL
        (0x4001_e548, UnmodelledUse), // NVMC IHIT
        (0x4003_0000, Unmapped),
        (0x5002_a000, Unmodelled), // CryptoCell
        (0x6000_0000, Unmapped),
        (0xf000_0000, Unmapped),
    ] {
        assert_eq!(Rig::new().try_read(addr), Err(fault), "load from {addr:#010x}");
    }
    for (addr, value, fault) in [
        (0x0000_1000, 0, Denied),             // flash, WEN not set
        (0x1000_0060, 0, Denied),             // FICR DEVICEID
        (0x4000_2500, 4, UnmodelledUse),      // UART without DMA
        (0x4000_3500, 5, UnmodelledUse),      // TWI without DMA
        (0x4000_2100, 1, UnmodelledUse),      // events are cleared by software, not set
        (0x4000_d304, 2, UnmodelledUse),      // RNG has one event
        (0x4001_e508, 0, Denied),             // ERASEPAGE, EEN not set
        (0x4000_0900, 0x7fff, UnmodelledUse), // RAM sections stay on
        (0x4000_0010, 1, UnmodelledUse),      // CAL without HFXO
    ] {
        assert_eq!(Rig::new().try_write(addr, value), Err(fault), "store to {addr:#010x}");
    }
    let mut rig = Rig::new();
    let narrow = rig.chip.read(&mut rig.fabric, 0x4000_2500, AccessSize::Byte);
    assert_eq!(narrow, Err(Width));
    let half = rig.chip.read(&mut rig.fabric, 0x1000_0102, AccessSize::Half);
    assert_eq!(half, Ok(5), "the factory's page is memory");
    // PIDR0 to 3: part 0x008, revision 3, by Nordic.
    for (addr, value) in [
        (0xf000_0fe0, 0x08),
        (0xf000_0fe4, 0x40),
        (0xf000_0fe8, 0x3c),
        (0xf000_0fec, 0),
    ] {
        let byte = rig.chip.read(&mut rig.fabric, addr, AccessSize::Byte);
        assert_eq!(byte, Ok(value), "{addr:#010x}");
    }
}

#[test]
fn reserved_words_read_zero_and_take_nothing() {
    for addr in [
        0x4000_0404, // POWER
        0x4000_0ee4, // POWER, beyond the documented registers
        0x4000_2350, // UARTE0
        0x4000_8558, // TIMER0 has no CC[6]
        0x4001_6040, // EGU2 has 16 triggers
        0x4001_e50c + 0x100,
        0x5000_0000, // before P0
        0x5000_0a40, // P1 has no pin 16
    ] {
        let mut rig = Rig::new();
        rig.write(addr, u32::MAX);
        assert_eq!(rig.read(addr), 0, "{addr:#010x}");
        assert_eq!(rig.fabric.take_faults(), [], "{addr:#010x}");
    }
}

#[test]
fn identity_comes_from_the_seed() {
    let ids = |seed| {
        let mut rig = Rig::new();
        rig.chip = Nrf52840::new(seed);
        [0x1000_0060, 0x1000_0064, 0x1000_0080, 0x1000_00a4].map(|addr| rig.read(addr))
    };
    assert_eq!(ids([1; 32]), ids([1; 32]));
    for (one, other) in ids([1; 32]).iter().zip(ids([2; 32])) {
        assert_ne!(*one, other);
    }
}
