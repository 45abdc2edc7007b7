//! Functions of the mask ROM that drive peripherals: their registers are written as the ROM does it.

use super::{Esp32C6, GPIO, INTMTX, IO_MUX, PLIC_MX, SYSTIMER};
use crate::core::fabric::{AccessFault, Fabric};

/// The system timer counts sixteen times in a microsecond.
const TICKS: u64 = 16;

/// A function that drives a peripheral.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DriverCall {
    /// `uart_tx_one_char`: byte, over UART 0; `uart_tx_wait_idle`, `uart_tx_flush`: UART.
    UartSend,
    UartWait,
    /// `intr_matrix_set`: processor, source, interrupt.
    RouteInterrupt,
    /// Interrupt, priority.
    InterruptPriority,
    /// Priority.
    InterruptThreshold,
    /// Mask.
    InterruptsOn,
    InterruptsOff,
    /// Interrupt, whether an edge counts.
    InterruptType,
    /// Pin.
    PadIsGpio,
    /// Pin, signal, inverted.
    MatrixIn,
    /// Pin, signal, inverted, enable inverted.
    MatrixOut,
    /// Pin.
    PullUp,
    PullDown,
    /// Context; its first word is the timer's address, then two functions.
    TimerInit,
    TimerRates,
    /// Context, counter.
    TimerValue,
    TimerTime,
    /// Context, alarm, time in microseconds (two words from a2 on).
    AlarmTarget,
    /// Context, alarm, period in microseconds.
    AlarmPeriod,
    /// Context, alarm.
    AlarmInterrupt,
    /// Context, counter.
    CounterOn,
    /// Context, alarm, mode: 1 is periodic.
    AlarmMode,
    /// Context, alarm, counter.
    AlarmCounter,
    /// Context, counter, microseconds (two words from a2 on).
    Advance,
    /// Context, counter, processor, whether it stalls with it.
    Stall,
}

/// The interrupt controller of machine mode.
const PLIC_ENABLE: u32 = 0x00;
const PLIC_TYPE: u32 = 0x04;
const PLIC_PRIORITY: u32 = 0x10;
const PLIC_THRESHOLD: u32 = 0x90;
/// IO_MUX of a pin: pull down, pull up, function.
const FUN_WPD: u32 = 1 << 7;
const FUN_WPU: u32 = 1 << 8;
const MCU_SEL: u32 = 7 << 12;
const SEL_GPIO: u32 = 1 << 12;
/// GPIO's matrix: of inputs by signal, of outputs by pin; output enable.
const FUNC_IN_SEL: u32 = 0x154;
const FUNC_OUT_SEL: u32 = 0x554;
const ENABLE_W1TS: u32 = 0x24;
const SIG_IN_SEL: u32 = 1 << 7;
/// SYSTIMER: configuration, counters' updates and values, loads, alarms.
const CONF: u32 = 0x00;
const UNIT0_OP: u32 = 0x04;
const UNIT_LOAD_HI: u32 = 0x0c;
const TARGET0_HI: u32 = 0x1c;
const TARGET0_CONF: u32 = 0x34;
const UNIT0_VALUE_HI: u32 = 0x40;
const COMP0_LOAD: u32 = 0x50;
const UNIT0_LOAD: u32 = 0x5c;
const INT_ENA: u32 = 0x64;
const PERIOD_MODE: u32 = 1 << 30;
const UNIT_SEL: u32 = 1 << 31;
const PERIOD: u32 = 0x3ff_ffff;

impl Esp32C6 {
    /// Carries a function out with a0 to a3; returns a0 and a1.
    ///
    /// # Errors
    /// A register that is not modelled, or a context outside RAM.
    pub(super) fn drive(
        &mut self,
        fabric: &mut Fabric,
        call: DriverCall,
        [first, second, third, fourth]: [u32; 4],
    ) -> Result<u64, AccessFault> {
        let long = u64::from(fourth) << 32 | u64::from(third);
        let alarm = second.min(2);
        let unit = second.min(1);
        match call {
            DriverCall::UartSend => {
                let done = self.uarts[0].print(fabric, &[first as u8]);
                fabric.stall_until(done);
            }
            DriverCall::UartWait => {
                if let Some(uart) = self.uarts.get(first as usize) {
                    fabric.stall_until(uart.idle_at(fabric));
                }
            }
            DriverCall::RouteInterrupt => self.write_word(fabric, INTMTX + 4 * (second & 0x7f), third & 0x1f)?,
            DriverCall::InterruptPriority => {
                self.write_word(fabric, PLIC_MX + PLIC_PRIORITY + 4 * (first & 0x1f), second & 0xf)?;
            }
            DriverCall::InterruptThreshold => self.write_word(fabric, PLIC_MX + PLIC_THRESHOLD, first & 0xff)?,
            DriverCall::InterruptsOn => self.change(fabric, PLIC_MX + PLIC_ENABLE, 0, first)?,
            DriverCall::InterruptsOff => self.change(fabric, PLIC_MX + PLIC_ENABLE, first, 0)?,
            DriverCall::InterruptType => {
                self.change(
                    fabric,
                    PLIC_MX + PLIC_TYPE,
                    1 << (first & 0x1f),
                    (second & 1) << (first & 0x1f),
                )?;
            }
            DriverCall::PadIsGpio => self.change(fabric, pad(first), MCU_SEL, SEL_GPIO)?,
            DriverCall::PullUp => self.change(fabric, pad(first), FUN_WPD | FUN_WPU, FUN_WPU)?,
            DriverCall::PullDown => self.change(fabric, pad(first), FUN_WPD | FUN_WPU, FUN_WPD)?,
            DriverCall::MatrixIn => {
                let route = first & 0x3f | (third & 1) << 6 | SIG_IN_SEL;
                self.write_word(fabric, GPIO + FUNC_IN_SEL + 4 * (second & 0x7f), route)?;
            }
            DriverCall::MatrixOut => {
                let route = second & 0xff | (third & 1) << 8 | (fourth & 1) << 10;
                self.write_word(fabric, GPIO + FUNC_OUT_SEL + 4 * (first & 0x1f), route)?;
                self.write_word(fabric, GPIO + ENABLE_W1TS, 1 << (first & 0x1f))?;
            }
            DriverCall::TimerInit => fabric.dma_write(first, &SYSTIMER.to_le_bytes())?,
            // Its functions convert at sixteen ticks a microsecond.
            DriverCall::TimerRates => {
                let mut rates = [0; 8];
                fabric.dma_read(second, &mut rates)?;
                fabric.dma_write(first.wrapping_add(4), &rates)?;
            }
            DriverCall::TimerValue => return self.counter(fabric, unit),
            DriverCall::TimerTime => return Ok(self.counter(fabric, unit)? / TICKS),
            DriverCall::AlarmTarget => {
                let ticks = long.wrapping_mul(TICKS);
                self.write_word(
                    fabric,
                    SYSTIMER + TARGET0_HI + 8 * alarm,
                    (ticks >> 32) as u32 & 0xf_ffff,
                )?;
                self.write_word(fabric, SYSTIMER + TARGET0_HI + 8 * alarm + 4, ticks as u32)?;
                self.write_word(fabric, SYSTIMER + COMP0_LOAD + 4 * alarm, 1)?;
                self.change(fabric, SYSTIMER + CONF, 0, 1 << (24 - alarm))?;
            }
            DriverCall::AlarmPeriod => {
                let ticks = third.wrapping_mul(TICKS as u32) & PERIOD;
                self.change(fabric, SYSTIMER + CONF, 1 << (24 - alarm), 0)?;
                self.change(fabric, SYSTIMER + TARGET0_CONF + 4 * alarm, PERIOD, ticks)?;
                self.write_word(fabric, SYSTIMER + COMP0_LOAD + 4 * alarm, 1)?;
                self.change(fabric, SYSTIMER + CONF, 0, 1 << (24 - alarm))?;
            }
            DriverCall::AlarmInterrupt => self.change(fabric, SYSTIMER + INT_ENA, 0, 1 << alarm)?,
            DriverCall::CounterOn => self.change(fabric, SYSTIMER + CONF, 0, 1 << (30 - unit))?,
            DriverCall::AlarmMode => {
                let mode = if third == 1 { PERIOD_MODE } else { 0 };
                self.change(fabric, SYSTIMER + TARGET0_CONF + 4 * alarm, PERIOD_MODE, mode)?;
            }
            DriverCall::AlarmCounter => {
                let which = if third == 1 { UNIT_SEL } else { 0 };
                self.change(fabric, SYSTIMER + TARGET0_CONF + 4 * alarm, UNIT_SEL, which)?;
            }
            DriverCall::Advance => {
                let value = self.counter(fabric, unit)?.wrapping_add(long.wrapping_mul(TICKS));
                self.write_word(
                    fabric,
                    SYSTIMER + UNIT_LOAD_HI + 8 * unit,
                    (value >> 32) as u32 & 0xf_ffff,
                )?;
                self.write_word(fabric, SYSTIMER + UNIT_LOAD_HI + 8 * unit + 4, value as u32)?;
                self.write_word(fabric, SYSTIMER + UNIT0_LOAD + 4 * unit, 1)?;
            }
            // Whether a counter stands while the core is halted: it is halted by debuggers only.
            DriverCall::Stall => {}
        }
        self.route(fabric);
        Ok(0)
    }

    fn change(&mut self, fabric: &mut Fabric, addr: u32, clear: u32, set: u32) -> Result<(), AccessFault> {
        let value = self.read_word(fabric, addr)?;
        self.write_word(fabric, addr, value & !clear | set)
    }

    fn counter(&mut self, fabric: &mut Fabric, unit: u32) -> Result<u64, AccessFault> {
        self.write_word(fabric, SYSTIMER + UNIT0_OP + 4 * unit, 1 << 30)?;
        let high = self.read_word(fabric, SYSTIMER + UNIT0_VALUE_HI + 8 * unit)?;
        let low = self.read_word(fabric, SYSTIMER + UNIT0_VALUE_HI + 8 * unit + 4)?;
        Ok(u64::from(high) << 32 | u64::from(low))
    }
}

/// A pin's register of IO_MUX.
fn pad(pin: u32) -> u32 {
    IO_MUX + 4 + 4 * (pin & 0x1f)
}
