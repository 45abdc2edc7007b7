//! ESP-IDF's watchdog HAL (`hal/wdt_hal.h`), of which the ROM has a copy: it works on the registers of the watchdogs.
//!
//! A context holds the watchdog's number and the address of its registers.

use super::rom::WatchdogCall;
use super::watchdog::KEY;
use super::{Esp32C6, LP_WDT, TIMG};
use crate::core::fabric::{AccessFault, Fabric};

/// `wdt_inst_t`: the low-power watchdog, then those of the timer groups.
const RWDT: u32 = 0;
/// WDT_EN, of both kinds.
const ENABLE: u32 = 1 << 31;

/// Where the registers of one kind of watchdog are (TRM chapters 13 and 15).
struct Registers {
    base: u32,
    config: u32,
    first_stage: u32,
    feed: u32,
    protect: u32,
    int_ena: u32,
    int_clr: u32,
    /// Its bit in the interrupt registers.
    interrupt: u32,
    /// Place of the first stage's action in the configuration, and the length of such a field.
    action: u32,
    action_bits: u32,
}

impl Registers {
    fn of(watchdog: u32) -> Option<Self> {
        let group = |base| Self {
            base,
            config: 0x48,
            first_stage: 0x50,
            feed: 0x60,
            protect: 0x64,
            int_ena: 0x70,
            int_clr: 0x7c,
            interrupt: 1 << 1,
            action: 29,
            action_bits: 2,
        };
        Some(match watchdog {
            RWDT => Self {
                base: LP_WDT,
                config: 0x00,
                first_stage: 0x04,
                feed: 0x14,
                protect: 0x18,
                int_ena: 0x2c,
                int_clr: 0x30,
                interrupt: 1 << 31,
                action: 28,
                action_bits: 3,
            },
            1 | 2 => group(TIMG[watchdog as usize - 1]),
            _ => return None,
        })
    }
}

impl Esp32C6 {
    /// Does a function of the HAL; returns its result.
    pub(super) fn call_watchdog(&mut self, fabric: &mut Fabric, call: WatchdogCall) -> u32 {
        let done = self.work_on_watchdog(fabric, call);
        done.unwrap_or_else(|fault| {
            fabric.log_fault(self.arguments[0], crate::core::fabric::AccessSize::Word, None, fault);
            0
        })
    }

    fn work_on_watchdog(&mut self, fabric: &mut Fabric, call: WatchdogCall) -> Result<u32, AccessFault> {
        let [context, second, third, fourth, ..] = self.arguments;
        let lost = |_| AccessFault::Unmapped;
        let watchdog = match call {
            WatchdogCall::Init => second,
            _ => fabric.memory().read_u32(context).map_err(lost)?,
        };
        let registers = Registers::of(watchdog).ok_or(AccessFault::UnmodelledUse)?;
        let at = |offset: u32| registers.base + offset;
        let config = self.read_word(fabric, at(registers.config))?;
        match call {
            WatchdogCall::Init => {
                let words = [watchdog, registers.base].map(u32::to_le_bytes).concat();
                fabric.dma_write(context, &words)?;
                self.write_word(fabric, at(registers.protect), KEY)?;
                self.write_word(fabric, at(registers.config), 0)?;
                self.write_word(fabric, at(registers.int_clr), registers.interrupt)?;
                self.interrupt_enable(fabric, &registers, fourth & 1 != 0)?;
                if watchdog != RWDT {
                    // WDT_CLK_PRESCALE.
                    self.write_word(fabric, at(registers.config + 4), third << 16)?;
                }
                self.write_word(fabric, at(registers.protect), 0)?;
            }
            WatchdogCall::Deinit => {
                self.write_word(fabric, at(registers.protect), KEY)?;
                self.write_word(fabric, at(registers.feed), 1 << 31)?;
                self.write_word(fabric, at(registers.config), config & !ENABLE)?;
                self.write_word(fabric, at(registers.int_clr), registers.interrupt)?;
                self.interrupt_enable(fabric, &registers, false)?;
                self.write_word(fabric, at(registers.protect), 0)?;
                fabric.dma_write(context.wrapping_add(4), &[0; 4])?;
            }
            WatchdogCall::ConfigStage => {
                let stage = second & 3;
                let shift = registers.action - stage * registers.action_bits;
                let mask = ((1 << registers.action_bits) - 1) << shift;
                // The first stage of the low-power watchdog counts each tick double.
                let ticks = if watchdog == RWDT && stage == 0 {
                    third / 2
                } else {
                    third
                };
                self.write_word(fabric, at(registers.first_stage + 4 * stage), ticks)?;
                self.write_word(fabric, at(registers.config), config & !mask | fourth << shift & mask)?;
            }
            WatchdogCall::Unprotect => self.write_word(fabric, at(registers.protect), KEY)?,
            WatchdogCall::Protect => self.write_word(fabric, at(registers.protect), 0)?,
            WatchdogCall::Enable => {
                self.write_word(fabric, at(registers.feed), 1 << 31)?;
                self.write_word(fabric, at(registers.config), config | ENABLE)?;
            }
            WatchdogCall::Disable => self.write_word(fabric, at(registers.config), config & !ENABLE)?,
            WatchdogCall::HandleInterrupt => {
                self.write_word(fabric, at(registers.feed), 1 << 31)?;
                self.write_word(fabric, at(registers.int_clr), registers.interrupt)?;
            }
            WatchdogCall::Feed => self.write_word(fabric, at(registers.feed), 1 << 31)?,
            WatchdogCall::SetFlashboot => {}
            WatchdogCall::IsEnabled => return Ok(config >> 31),
        }
        self.route(fabric);
        Ok(0)
    }

    fn interrupt_enable(
        &mut self,
        fabric: &mut Fabric,
        registers: &Registers,
        enable: bool,
    ) -> Result<(), AccessFault> {
        let addr = registers.base + registers.int_ena;
        let others = self.read_word(fabric, addr)? & !registers.interrupt;
        let own = if enable { registers.interrupt } else { 0 };
        self.write_word(fabric, addr, others | own)
    }
}
