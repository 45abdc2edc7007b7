//! The address map: which addresses exist, and how the others are refused.

use super::*;

#[test]
fn registers_have_their_reset_values() {
    // RM0090: the register maps at each chapter's end.
    for (addr, value) in [
        (0x4002_3800, 0x0000_0083), // RCC_CR: HSION, HSIRDY, HSITRIM 16
        (0x4002_3804, 0x2400_3010), // RCC_PLLCFGR
        (0x4002_3808, 0),           // RCC_CFGR
        (0x4002_3830, 0x0010_0000), // RCC_AHB1ENR
        (0x4002_3850, 0x7e67_91ff), // RCC_AHB1LPENR
        (0x4002_3864, 0x0007_5f33), // RCC_APB2LPENR
        (0x4002_3874, 0x0e00_0000), // RCC_CSR
        (0x4002_3884, 0x2000_3000), // RCC_PLLI2SCFGR
        (0x4000_7000, 0x0000_4000), // PWR_CR
        (0x4002_3c0c, 0),           // FLASH_SR
        (0x4002_3c10, 0x8000_0000), // FLASH_CR
        (0x4002_3c14, 0x0fff_aaed), // FLASH_OPTCR
        (0x4002_0000, 0xa800_0000), // GPIOA_MODER
        (0x4002_000c, 0x6400_0000), // GPIOA_PUPDR
        (0x4002_0400, 0x0000_0280), // GPIOB_MODER
        (0x4001_1000, 0x0000_00c0), // USART1_SR
        (0x4000_002c, 0xffff_ffff), // TIM2_ARR
        (0x4000_042c, 0x0000_ffff), // TIM3_ARR
        (0x4002_6024, 0x0000_0021), // DMA1_S0FCR
        (0x4001_3008, 0x0000_0002), // SPI1_SR
        (0x4000_3c20, 0x0000_0002), // SPI3_I2SPR
        (0x4001_2224, 0x0000_0fff), // ADC3_HTR
        (0x4002_3000, 0xffff_ffff), // CRC_DR
        (0x4000_7400, 0x0000_0000), // DAC_CR
        (0x4000_3008, 0x0000_0fff), // IWDG_RLR
        (0xe004_2000, 0x100f_6413), // DBGMCU_IDCODE
    ] {
        assert_eq!(Rig::clocked_but_rcc(addr).read(addr), value, "{addr:#010x}");
    }
    let mut rig = Rig::new();
    let size = rig.chip.read(&mut rig.fabric, 0x1fff_7a22, AccessSize::Half);
    assert_eq!(size, Ok(1_024));
}

impl Rig {
    /// All clocks on, unless RCC itself is looked at.
    fn clocked_but_rcc(addr: u32) -> Self {
        if addr & !0x3ff == 0x4002_3800 {
            Self::new()
        } else {
            Self::clocked()
        }
    }
}

#[test]
fn what_is_not_there_is_refused() {
    use AccessFault::{Denied, Unmapped, Unmodelled, UnmodelledUse};
    for (addr, fault) in [
        (0x0010_0000, Unmapped),
        (0x1fff_0000, Unmodelled), // the boot ROM
        (0x2002_0000, Unmapped),
        (0x4000_2c00, Unmodelled), // WWDG
        (0x4002_2400, Unmodelled),
        (0x4000_044c, Unmodelled), // TIM3_DMAR
        (0x5000_0000, Unmodelled), // USB
        (0x6000_0000, Unmodelled), // FSMC
        (0xc000_0000, Unmapped),
        (0xe004_1000, Unmodelled), // ETM
    ] {
        assert_eq!(Rig::clocked().try_read(addr), Err(fault), "load from {addr:#010x}");
    }
    for (addr, value, fault) in [
        (0x4002_3c10, 1, Denied),                  // FLASH_CR, locked
        (0x4002_3c04, 1, Denied),                  // FLASH_KEYR, wrong key
        (0x4002_0010, 1, Denied),                  // GPIOA_IDR
        (0x4002_3800, 1 << 19, UnmodelledUse),     // CSSON
        (0x4002_380c, 1 << 8, UnmodelledUse),      // LSIRDYIE
        (0x4000_0400, 1 << 4, UnmodelledUse),      // TIM3 counts down
        (0x4001_0020, 4, UnmodelledUse),           // TIM1 drives a complementary output
        (0x4000_040c, 1 << 8, UnmodelledUse),      // TIM3 asks DMA
        (0x4000_4414, 1 << 8, UnmodelledUse),      // USART2 RTS
        (0x4000_440c, 1, UnmodelledUse),           // USART2 sends a break
        (0x4001_3c00, 1 << 16, UnmodelledUse),     // EXTI 16: PVD
        (0x4002_6010, 0x0000_0081, UnmodelledUse), // DMA1 memory to memory
        (0x1fff_7a10, 0, Denied),
    ] {
        assert_eq!(
            Rig::clocked().try_write(addr, value),
            Err(fault),
            "store to {addr:#010x}"
        );
    }
}

#[test]
fn a_peripheral_without_clock_reads_zero_and_is_told() {
    let mut rig = Rig::new();
    assert_eq!(rig.read(0x4002_0000), 0, "GPIOA_MODER");
    rig.write(0x4002_0000, 0x5555_5555);
    assert_eq!(rig.faults(), [AccessFault::Unclocked; 2]);
    rig.write(0x4002_3830, 1);
    assert_eq!(rig.read(0x4002_0000), 0xa800_0000);
    assert_eq!(rig.faults(), []);
}

#[test]
fn flash_is_seen_at_zero_too() {
    let mut rig = Rig::new();
    rig.fabric.memory_mut().write(0x0800_0100, &[1, 2, 3, 4]).unwrap();
    assert_eq!(rig.read(0x100), 0x0403_0201);
}

#[test]
fn reserved_words_read_zero_and_take_nothing() {
    for addr in [
        0x4002_38f0, // RCC
        0x4002_0028, // behind GPIOA_AFRH
        0x4000_1034, // TIM6 has no CCR1
        0x4000_0430, // TIM3 has no RCR
        0x4000_7008, // behind PWR_CSR
        0x4002_3c18, // FLASH_OPTCR1, of other chips
        0x4001_3824, // behind SYSCFG_CMPCR
        0x4000_441c, // behind USART2_GTPR
        0x4002_60d0, // behind DMA1's streams
        0x4001_3024, // behind SPI1_I2SPR
        0x4001_2050, // behind ADC1_DR
        0x4002_300c, // behind CRC_CR
        0x4000_7438, // behind DAC_SR
        0x4000_3010, // behind IWDG_SR
        0xe004_2010, // behind DBGMCU_APB2_FZ
    ] {
        let mut rig = Rig::clocked_but_rcc(addr);
        rig.write(addr, u32::MAX);
        assert_eq!(rig.read(addr), 0, "{addr:#010x}");
        assert_eq!(rig.faults(), [], "{addr:#010x}");
    }
    assert_eq!(Rig::new().read(0x1fff_7800), u32::MAX, "OTP is not written");
}

#[test]
fn identity_comes_from_the_seed() {
    let ids = |seed| {
        let mut rig = Rig::new();
        rig.chip = Stm32f407::new(seed);
        [0x1fff_7a10, 0x1fff_7a14, 0x1fff_7a18].map(|addr| rig.read(addr))
    };
    assert_eq!(ids([1; 32]), ids([1; 32]));
    assert_ne!(ids([1; 32]), ids([2; 32]));
}
