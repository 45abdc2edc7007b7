//! The clock tree (chapter 7): 168 MHz from the board's 8 MHz crystal, 48 MHz for RNG, 42 MHz for USART2, 84 MHz for TIM5.

use crate::register::Register;

const RCC_CR: Register = Register(0x4002_3800);
const RCC_PLLCFGR: Register = Register(0x4002_3804);
const RCC_CFGR: Register = Register(0x4002_3808);
const RCC_AHB1ENR: Register = Register(0x4002_3830);
const RCC_AHB2ENR: Register = Register(0x4002_3834);
const RCC_APB1ENR: Register = Register(0x4002_3840);
const FLASH_ACR: Register = Register(0x4002_3C00);

const HSEON: u32 = 1 << 16;
const HSERDY: u32 = 1 << 17;
const PLLON: u32 = 1 << 24;
const PLLRDY: u32 = 1 << 25;

/// 8 MHz / 4 × 168 / 2 = 168 MHz, and / 7 = 48 MHz; from HSE.
const PLL: u32 = 4 | 168 << 6 | 1 << 22 | 7 << 24;
/// APB1 a quarter, APB2 a half.
const DIVIDERS: u32 = 0b101 << 10 | 0b100 << 13;
const FROM_PLL: u32 = 0b10;
const SOURCE_IS_PLL: u32 = 0b10 << 2;

/// Five wait states at 168 MHz (table 10), prefetch, instruction cache. No data cache: it would keep the contents of
/// flash from before an erasure (3.5.2).
const FLASH_ACCESS: u32 = 5 | 1 << 8 | 1 << 9;

/// GPIO ports A to E, core-coupled memory, DMA1.
const AHB1: u32 = 0b1_1111 | 1 << 20 | 1 << 21;
const RNG: u32 = 1 << 6;
const USART2: u32 = 1 << 17;
const TIM5: u32 = 1 << 3;

/// Hertz of TIM5.
pub(crate) const TIMER_HZ: u32 = 84_000_000;
/// Hertz of USART2.
pub(crate) const UART_HZ: u32 = 42_000_000;

pub(crate) fn start() {
    RCC_CR.set(HSEON);
    RCC_CR.wait_for(HSERDY);
    RCC_PLLCFGR.write(PLL);
    RCC_CR.set(PLLON);
    RCC_CR.wait_for(PLLRDY);
    FLASH_ACR.write(FLASH_ACCESS);
    RCC_CFGR.write(DIVIDERS | FROM_PLL);
    RCC_CFGR.wait_for(SOURCE_IS_PLL);
    RCC_AHB1ENR.set(AHB1);
    RCC_AHB2ENR.set(RNG);
    RCC_APB1ENR.set(USART2 | TIM5);
}
