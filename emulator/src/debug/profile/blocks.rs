//! Names of address blocks, by chip: what a load or store of a device is counted under.

/// First address, bytes and name of a block.
type Block = (u32, u32, &'static str);

/// The name of the block that `addr` lies in; where it is not known, of its 4 KiB.
pub(super) fn name(chip: &str, addr: u32) -> (u32, String) {
    let chip = match chip {
        "nRF52840" => NRF52840,
        "FE310-G002" => FE310,
        "ESP32-C6" => ESP32_C6,
        "STM32F407VG" | "STM32F407" => STM32F407,
        "R7FA4M1AB" | "RA4M1" => RA4M1,
        _ => &[],
    };
    let private = if addr >> 20 == 0xe00 { CORTEX_M } else { &[] };
    let found = private
        .iter()
        .chain(chip)
        .find(|(base, bytes, _)| addr.wrapping_sub(*base) < *bytes);
    match found {
        Some((base, _, name)) => (*base, (*name).to_owned()),
        None => (addr & !0xfff, format!("{:#010x}", addr & !0xfff)),
    }
}

/// ARMv7-M, B3.2 "System Control Space".
const CORTEX_M: &[Block] = &[
    (0xe000_0000, 0x1000, "ITM"),
    (0xe000_1000, 0x1000, "DWT"),
    (0xe000_2000, 0x1000, "FPB"),
    (0xe000_e000, 0x10, "ICTR"),
    (0xe000_e010, 0x10, "SysTick"),
    (0xe000_e100, 0xc00, "NVIC"),
    (0xe000_ed00, 0x90, "SCB"),
    (0xe000_ed90, 0x60, "MPU"),
    (0xe000_edf0, 0x10, "CoreDebug"),
    (0xe000_ef00, 0x34, "NVIC"),
    (0xe000_ef34, 0x1c, "FPU"),
];

/// nRF52840 Product Specification v1.7, 4.2.4 "Instantiation".
const NRF52840: &[Block] = &[
    // Stores to it are the flash controller's.
    (0x0000_0000, 0x10_0000, "flash"),
    (0x1000_0000, 0x1000, "FICR"),
    (0x1000_1000, 0x1000, "UICR"),
    (0x4000_0000, 0x1000, "CLOCK/POWER"),
    (0x4000_1000, 0x1000, "RADIO"),
    (0x4000_2000, 0x1000, "UARTE0"),
    (0x4000_3000, 0x1000, "SPIM0/TWIM0"),
    (0x4000_4000, 0x1000, "SPIM1/TWIM1"),
    (0x4000_6000, 0x1000, "GPIOTE"),
    (0x4000_7000, 0x1000, "SAADC"),
    (0x4000_8000, 0x1000, "TIMER0"),
    (0x4000_9000, 0x1000, "TIMER1"),
    (0x4000_a000, 0x1000, "TIMER2"),
    (0x4000_b000, 0x1000, "RTC0"),
    (0x4000_c000, 0x1000, "TEMP"),
    (0x4000_d000, 0x1000, "RNG"),
    (0x4000_e000, 0x1000, "ECB"),
    (0x4000_f000, 0x1000, "AAR/CCM"),
    (0x4001_0000, 0x1000, "WDT"),
    (0x4001_1000, 0x1000, "RTC1"),
    (0x4001_4000, 0x1000, "EGU0"),
    (0x4001_5000, 0x1000, "EGU1"),
    (0x4001_6000, 0x1000, "EGU2"),
    (0x4001_7000, 0x1000, "EGU3"),
    (0x4001_8000, 0x1000, "EGU4"),
    (0x4001_9000, 0x1000, "EGU5"),
    (0x4001_a000, 0x1000, "TIMER3"),
    (0x4001_b000, 0x1000, "TIMER4"),
    (0x4001_c000, 0x1000, "PWM0"),
    (0x4001_e000, 0x1000, "NVMC"),
    (0x4001_f000, 0x1000, "PPI"),
    (0x4002_1000, 0x1000, "PWM1"),
    (0x4002_2000, 0x1000, "PWM2"),
    (0x4002_4000, 0x1000, "RTC2"),
    (0x4002_8000, 0x1000, "UARTE1"),
    (0x4002_d000, 0x1000, "PWM3"),
    (0x5000_0000, 0x1000, "GPIO"),
];

/// SiFive FE310-G002 Manual v1p4, table 4 "Memory map".
const FE310: &[Block] = &[
    (0x0200_0000, 0x1_0000, "CLINT"),
    (0x0c00_0000, 0x400_0000, "PLIC"),
    (0x1000_0000, 0x1000, "AON"),
    (0x1000_8000, 0x1000, "PRCI"),
    (0x1001_0000, 0x1000, "OTP"),
    (0x1001_2000, 0x1000, "GPIO"),
    (0x1001_3000, 0x1000, "UART0"),
    (0x1001_4000, 0x1000, "QSPI0"),
    (0x1001_5000, 0x1000, "PWM0"),
    (0x1001_6000, 0x1000, "I2C"),
    (0x1002_3000, 0x1000, "UART1"),
    (0x1002_4000, 0x1000, "SPI1"),
    (0x1002_5000, 0x1000, "PWM1"),
    (0x1003_4000, 0x1000, "SPI2"),
    (0x1003_5000, 0x1000, "PWM2"),
];

/// ESP32-C6 Technical Reference Manual v1.1, table 5.3-2 "Module/peripheral address mapping".
const ESP32_C6: &[Block] = &[
    (0x2000_1000, 0x1000, "PLIC"),
    (0x2000_1800, 0x800, "CLINT"),
    (0x6000_0000, 0x1000, "UART0"),
    (0x6000_1000, 0x1000, "UART1"),
    (0x6000_2000, 0x1000, "SPI0"),
    (0x6000_3000, 0x1000, "SPI1"),
    (0x6000_8000, 0x1000, "TIMG0"),
    (0x6000_9000, 0x1000, "TIMG1"),
    (0x6000_a000, 0x1000, "SYSTIMER"),
    (0x6000_f000, 0x1000, "USB_SERIAL_JTAG"),
    (0x6001_0000, 0x1000, "INTMTX"),
    (0x6009_0000, 0x1000, "IO_MUX"),
    (0x6009_1000, 0x1000, "GPIO"),
    (0x6009_5000, 0x1000, "HP_SYSREG"),
    (0x6009_6000, 0x1000, "PCR"),
    (0x600b_0000, 0x400, "PMU"),
    (0x600b_0400, 0x400, "LP_CLKRST"),
    (0x600b_0800, 0x400, "EFUSE"),
    (0x600b_1c00, 0x400, "LP_WDT"),
    (0x600b_2800, 0x400, "LPPERI"),
    (0x600c_5000, 0x1000, "INTPRI"),
];

/// STM32F407 reference manual RM0090, table 1 "Register boundary addresses".
const STM32F407: &[Block] = &[
    (0x0800_0000, 0x10_0000, "flash"),
    (0x4000_0000, 0x400, "TIM2"),
    (0x4000_0400, 0x400, "TIM3"),
    (0x4000_0800, 0x400, "TIM4"),
    (0x4000_0c00, 0x400, "TIM5"),
    (0x4000_2800, 0x400, "RTC"),
    (0x4000_2c00, 0x400, "WWDG"),
    (0x4000_3000, 0x400, "IWDG"),
    (0x4000_4400, 0x400, "USART2"),
    (0x4000_4800, 0x400, "USART3"),
    (0x4000_7000, 0x400, "PWR"),
    (0x4001_0000, 0x400, "TIM1"),
    (0x4001_1000, 0x400, "USART1"),
    (0x4001_3800, 0x400, "SYSCFG"),
    (0x4001_3c00, 0x400, "EXTI"),
    (0x4002_0000, 0x2800, "GPIO"),
    (0x4002_3800, 0x400, "RCC"),
    (0x4002_3c00, 0x400, "FLASH"),
    (0x4002_6000, 0x400, "DMA1"),
    (0x4002_6400, 0x400, "DMA2"),
    (0x5006_0800, 0x400, "RNG"),
];

/// RA4M1 Group User's Manual, chapter 16.3 and the register chapters.
const RA4M1: &[Block] = &[
    (0x4000_6000, 0x1000, "ICU"),
    (0x4001_e000, 0x1000, "SYSTEM"),
    (0x4004_0000, 0x1000, "PORT"),
    (0x4004_0800, 0x400, "PFS"),
    (0x4007_0000, 0x1000, "SCI"),
    (0x4007_8000, 0x1000, "GPT"),
    (0x4008_4000, 0x1000, "AGT"),
    (0x407e_0000, 0x1_0000, "FLASH"),
];
