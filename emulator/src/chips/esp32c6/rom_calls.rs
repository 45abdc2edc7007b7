//! The mask ROM's native functions, carried out.

use super::flash::{self, Flash};
use super::rom::{self, Call};
use super::{CAUSE_SOFTWARE, CAUSE_SOFTWARE_CPU, Esp32C6, RAM_BYTES, rom_heap, rom_text};
use crate::core::fabric::{AccessFault, Fabric, Request, ResetKind};
use crate::core::memory::GuestMemory;
use crate::machine::VirtualTime;

impl Esp32C6 {
    /// Prints over UART 0. The function returns when the FIFO has room for the last byte.
    fn print(&mut self, fabric: &mut Fabric, text: &[u8]) -> u32 {
        if !self.is_printing_off {
            let done = self.uarts[0].print(fabric, text);
            fabric.stall_until(done);
        }
        text.len() as u32
    }

    /// The format in the argument with this number, with the values behind it.
    fn format(&self, memory: &GuestMemory, at: usize) -> Vec<u8> {
        let [registers @ .., stack] = &self.arguments;
        let values = rom_text::Values {
            memory,
            registers: &registers[at + 1..],
            others: *stack,
        };
        rom_text::printed(registers[at], values)
    }

    /// Carries out the native function that was called.
    ///
    /// # Errors
    /// It drives a register that is not modelled.
    pub(super) fn call(&mut self, fabric: &mut Fabric, call: Call) -> Result<(), AccessFault> {
        let [first, second, third, fourth, ..] = self.arguments;
        let done = |done: Option<()>| u32::from(done.is_none());
        let result = match call {
            Call::DelayUs => {
                fabric.stall_until(fabric.now() + VirtualTime::from_us(u64::from(first)));
                0
            }
            Call::UpdateCpuFrequency | Call::FlashNothing | Call::CacheNothing | Call::Nothing => 0,
            Call::Print => {
                let text = self.format(fabric.memory(), 0);
                self.print(fabric, &text)
            }
            Call::PrintValues => {
                let values = rom_text::Values {
                    memory: fabric.memory(),
                    registers: &[],
                    others: second,
                };
                let text = rom_text::printed(first, values);
                self.print(fabric, &text)
            }
            Call::PrintInto => {
                let text = self.format(fabric.memory(), 1);
                rom_text::put_printed(fabric, first, u32::MAX, &text)
            }
            Call::PrintIntoLimited => {
                let text = self.format(fabric.memory(), 2);
                rom_text::put_printed(fabric, first, second, &text)
            }
            Call::PrintValuesInto => {
                let values = rom_text::Values {
                    memory: fabric.memory(),
                    registers: &[],
                    others: fourth,
                };
                let text = rom_text::printed(third, values);
                rom_text::put_printed(fabric, first, second, &text)
            }
            Call::True => 1,
            Call::Absolute => first.cast_signed().unsigned_abs(),
            Call::Heap(call) => rom_heap::call(fabric, call, [first, second, third, fourth]),
            Call::Drive(call) => {
                self.result = Some(self.drive(fabric, call, [first, second, third, fourth])?);
                return Ok(());
            }
            Call::InstallOutput | Call::InstallUart => {
                self.is_printing_off = call == Call::InstallOutput && first == 0;
                0
            }
            Call::Text(call) => rom_text::string(fabric, call, [first, second, third]),
            Call::CpuFrequency => fabric.cpu_hz() / 1_000_000,
            Call::SoftwareReset | Call::SoftwareResetCpu => {
                self.cause = match call {
                    Call::SoftwareReset => CAUSE_SOFTWARE,
                    _ => CAUSE_SOFTWARE_CPU,
                };
                fabric.request(Request::Reset(ResetKind::Software));
                0
            }
            Call::FlashRead => {
                let mut bytes = vec![0; third.min(flash::BYTES) as usize];
                let read = Flash::read(fabric.memory(), first, &mut bytes);
                done(read.and_then(|()| fabric.dma_write(second, &bytes).ok()))
            }
            Call::FlashWrite => {
                let mut bytes = vec![0; third.min(flash::BYTES) as usize];
                let read = fabric.memory().read(second, &mut bytes).ok();
                done(read.and_then(|()| self.flash.program(fabric, first, &bytes)))
            }
            Call::FlashEraseSector => done(self.flash.erase(
                fabric,
                first.saturating_mul(flash::SECTOR),
                flash::SECTOR,
            )),
            Call::FlashEraseBlock => done(
                self.flash
                    .erase(fabric, first.saturating_mul(flash::BLOCK), flash::BLOCK),
            ),
            Call::Watchdog(call) => self.call_watchdog(fabric, call),
            Call::Crc32 => {
                let mut bytes = vec![0; third.min(RAM_BYTES) as usize];
                let read = fabric.memory().read(second, &mut bytes);
                read.map_or(0, |()| rom::crc32_le(first, &bytes))
            }
        };
        // Flash functions return when the flash is done.
        if matches!(call, Call::FlashWrite | Call::FlashEraseSector | Call::FlashEraseBlock) {
            fabric.stall_until(self.flash.busy_until());
        }
        self.result = Some(u64::from(result));
        Ok(())
    }
}
