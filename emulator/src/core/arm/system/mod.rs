//! The core's own peripherals on the private peripheral bus, and their address map.

mod dwt;
mod itm;
mod mpu;
mod nvic;
mod scb;
mod systick;

use super::CortexM;
use super::exceptions::{Fault, number};
use crate::core::fabric::{AccessFault, AccessSize, CortexMOptions, Request, ResetKind};

use dwt::Dwt;
use itm::Itm;
use mpu::Mpu;
pub(super) use mpu::Want;
use nvic::{Bits, Nvic};
pub(super) use scb::Scb;
use systick::SysTick;

/// All of them.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct System {
    pub(super) scb: Scb,
    pub(super) nvic: Nvic,
    pub(super) systick: SysTick,
    pub(super) dwt: Dwt,
    pub(super) itm: Itm,
    pub(super) mpu: Mpu,
}

impl System {
    pub(super) fn new(options: &CortexMOptions) -> Self {
        Self {
            scb: Scb::new(options.initial_vtor),
            nvic: Nvic::new(options.irq_count, options.priority_bits),
            systick: SysTick::new(options),
            dwt: Dwt::default(),
            itm: Itm::default(),
            mpu: Mpu::new(options.mpu_regions),
        }
    }
}

/// Where ITM and DWT are.
const ITM: u32 = 0xe000_0000;
const DWT: u32 = 0xe000_1000;
/// Cortex-M4 r0p1.
const CPUID: u32 = 0x410f_c241;
/// The processor features of the Cortex-M4 (TRM table 4-1), from ID_PFR0 at 0xE000ED40 on.
const FEATURES: [u32; 13] = [
    0x0000_0030,
    0x0000_0200,
    0x0010_0000,
    0x0000_0000,
    0x0010_0030,
    0x0000_0000,
    0x0100_0000,
    0x0000_0000,
    0x0110_1110,
    0x0211_2000,
    0x2123_2231,
    0x0111_1131,
    0x0131_0132,
];
const AIRCR_KEY: u32 = 0x05fa;
const AIRCR_KEY_READ: u32 = 0xfa05_0000;

/// Whether the system control space has no register at `addr`: it reads as zero and takes no store (B3.2.1). DCRSR, DCRDR
/// and the identification at its end exist, and are not modelled for the core.
fn is_reserved(addr: u32) -> bool {
    (0xe000_e000..0xe000_efd0).contains(&addr) && !(0xe000_edf0..0xe000_ee00).contains(&addr)
}

impl CortexM {
    /// A load from the private peripheral bus.
    pub(super) fn load_system(&mut self, addr: u32, size: AccessSize, privileged: bool) -> Result<u32, AccessFault> {
        if !privileged {
            return Err(AccessFault::Denied);
        }
        let word = self.read_system_word(addr & !3)?;
        let shift = 8 * (addr & 3);
        Ok(match size {
            AccessSize::Byte => word >> shift & 0xff,
            AccessSize::Half => word >> shift & 0xffff,
            AccessSize::Word => word,
        })
    }

    /// A store to the private peripheral bus.
    pub(super) fn store_system(
        &mut self,
        addr: u32,
        value: u32,
        size: AccessSize,
        privileged: bool,
    ) -> Result<(), AccessFault> {
        // STIR may be opened to unprivileged code (CCR.USERSETMPEND).
        let open = addr == 0xe000_ef00 && self.system.scb.ccr & 2 != 0;
        if !privileged && !open {
            return Err(AccessFault::Denied);
        }
        self.attention = true;
        if matches!(addr, 0xe000_e400..0xe000_e500 | 0xe000_ed18..0xe000_ed24) {
            for index in 0..size.bytes() {
                self.set_priority_byte(addr + index, (value >> (8 * index)) as u8);
            }
            return Ok(());
        }
        if let offset = addr.wrapping_sub(ITM)
            && itm::is_port(offset)
        {
            let bytes = &value.to_le_bytes()[..size.bytes() as usize];
            let is_traced = self.system.scb.trace_enabled();
            self.system.itm.send(offset, bytes, is_traced, &mut self.fabric);
            return Ok(());
        }
        let (word, merged) = match size {
            AccessSize::Word => (addr, value),
            // The fault status registers are cleared by writing ones: a narrow write must not touch its neighbours.
            _ if matches!(addr & !3, 0xe000_ed28) => (addr & !3, value << (8 * (addr & 3))),
            _ => return Err(AccessFault::Width),
        };
        self.write_system_word(word, merged)
    }

    fn read_system_word(&mut self, addr: u32) -> Result<u32, AccessFault> {
        let running = self.running_cycles();
        let system = &mut self.system;
        let bank = (addr >> 2 & 31) as usize % 8;
        Ok(match addr {
            ITM..DWT => {
                let is_traced = system.scb.trace_enabled();
                let read = system.itm.read(addr - ITM, is_traced, &self.fabric);
                return read.ok_or(AccessFault::Unmodelled);
            }
            0xe000_1000 => system.dwt.control(),
            0xe000_1004 => system.dwt.count(running),
            0xe000_1008..=0xe000_1018 => 0,
            0xe000_e004 => u32::from(self.options.irq_count.div_ceil(32).saturating_sub(1)),
            0xe000_e008 => system.scb.actlr,
            0xe000_e010 => system.systick.control(),
            0xe000_e014 => system.systick.reload(),
            0xe000_e018 => system.systick.current(self.cycles),
            0xe000_e01c => system.systick.calibration(),
            0xe000_e100..0xe000_e120 | 0xe000_e180..0xe000_e1a0 => system.nvic.bits(Bits::Enabled, bank),
            0xe000_e200..0xe000_e220 | 0xe000_e280..0xe000_e2a0 => {
                self.sync_interrupts();
                self.system.nvic.bits(Bits::Pending, bank)
            }
            0xe000_e300..0xe000_e320 => system.nvic.bits(Bits::Active, bank),
            0xe000_e400..0xe000_e4f0 => {
                let first = (addr - 0xe000_e400) as usize;
                u32::from_le_bytes([0, 1, 2, 3].map(|index| system.nvic.irq_priority(first + index)))
            }
            0xe000_ed00 => CPUID,
            0xe000_ed04 => self.icsr(),
            0xe000_ed08 => system.scb.vtor,
            0xe000_ed0c => AIRCR_KEY_READ | u32::from(system.nvic.priority_group()) << 8,
            0xe000_ed10 => system.scb.scr,
            0xe000_ed14 => system.scb.ccr,
            0xe000_ed18..0xe000_ed24 => {
                let first = 4 + (addr - 0xe000_ed18) as usize;
                u32::from_le_bytes([0, 1, 2, 3].map(|index| system.nvic.system_priority(first + index)))
            }
            0xe000_ed24 => system.nvic.shcsr(),
            0xe000_ed28 => system.scb.cfsr,
            0xe000_ed2c => system.scb.hfsr,
            0xe000_ed30 => system.scb.dfsr,
            0xe000_ed34 => system.scb.mmfar,
            0xe000_ed38 => system.scb.bfar,
            0xe000_ed3c => 0,
            0xe000_ed40..0xe000_ed74 => FEATURES[(addr - 0xe000_ed40) as usize / 4],
            0xe000_ed88 => system.scb.cpacr,
            0xe000_ed90..0xe000_edbc => {
                return system.mpu.read(addr - 0xe000_ed90).ok_or(AccessFault::Unmodelled);
            }
            0xe000_ef34..0xe000_ef48 if self.options.fpu => self.fp.read(addr - 0xe000_ef34),
            0xe000_ef34..0xe000_ef48 => 0,
            // DHCSR as the core reads it: C_DEBUGEN only.
            0xe000_edf0 => u32::from(self.debug.enabled),
            0xe000_edfc => system.scb.demcr,
            _ if is_reserved(addr) => 0,
            _ => return Err(AccessFault::Unmodelled),
        })
    }

    fn write_system_word(&mut self, addr: u32, value: u32) -> Result<(), AccessFault> {
        let (running, cycle, hz) = (self.running_cycles(), self.cycles, self.clock.hz());
        let system = &mut self.system;
        let bank = (addr >> 2 & 31) as usize % 8;
        match addr {
            ITM..DWT => {
                let is_traced = system.scb.trace_enabled();
                let written = system.itm.write(addr - ITM, value, is_traced);
                return written.ok_or(AccessFault::Unmodelled);
            }
            0xe000_1000 if system.scb.trace_enabled() => system.dwt.set_control(value, running),
            0xe000_1004 if system.scb.trace_enabled() => system.dwt.set_count(value, running),
            0xe000_1000..=0xe000_1018 => {}
            0xe000_e008 => system.scb.actlr = value,
            0xe000_e010 => system.systick.set_control(value, cycle, hz),
            0xe000_e014 => system.systick.set_reload(value, cycle),
            0xe000_e018 => system.systick.clear_current(cycle),
            0xe000_e100..0xe000_e120 => system.nvic.set_bits(Bits::Enabled, bank, value, true),
            0xe000_e180..0xe000_e1a0 => system.nvic.set_bits(Bits::Enabled, bank, value, false),
            0xe000_e200..0xe000_e220 => {
                self.sync_interrupts();
                let nvic = &mut self.system.nvic;
                let before = nvic.bits(Bits::Pending, bank);
                nvic.set_bits(Bits::Pending, bank, value, true);
                let news = nvic.bits(Bits::Pending, bank) & !before != 0;
                self.event_register |= news && self.system.scb.sends_event_on_pend();
            }
            0xe000_e280..0xe000_e2a0 => {
                self.sync_interrupts();
                self.system.nvic.set_bits(Bits::Pending, bank, value, false);
            }
            0xe000_ed00 => {}
            0xe000_ed04 => self.set_icsr(value),
            0xe000_ed08 => system.scb.vtor = value & !0x7f,
            0xe000_ed0c => self.set_aircr(value),
            0xe000_ed10 => system.scb.scr = value & scb::SCR_WRITABLE,
            0xe000_ed14 => system.scb.ccr = value & scb::CCR_WRITABLE,
            0xe000_ed24 => system.nvic.set_shcsr(value),
            0xe000_ed28 => system.scb.cfsr &= !value,
            0xe000_ed2c => system.scb.hfsr &= !value,
            0xe000_ed30 => system.scb.dfsr &= !value,
            0xe000_ed34 => system.scb.mmfar = value,
            0xe000_ed38 => system.scb.bfar = value,
            0xe000_ed3c => {}
            0xe000_ed88 => system.scb.cpacr = if self.options.fpu { value & 0x00f0_0000 } else { 0 },
            0xe000_ed90..0xe000_edbc => {
                return system
                    .mpu
                    .write(addr - 0xe000_ed90, value)
                    .ok_or(AccessFault::Unmodelled);
            }
            0xe000_ef34..0xe000_ef48 if self.options.fpu => self.fp.write(addr - 0xe000_ef34, value),
            0xe000_ef34..0xe000_ef48 => {}
            0xe000_edfc => system.scb.demcr = value & 0x011f_07f1,
            0xe000_ef00 if value & 0x1ff < u32::from(self.options.irq_count) => {
                self.sync_interrupts();
                self.pend(number::FIRST_IRQ + (value & 0x1ff) as u16);
            }
            0xe000_ef00 => {}
            // DHCSR: only a debugger sets C_DEBUGEN.
            0xe000_edf0 => {}
            _ if is_reserved(addr) => {}
            _ => return Err(AccessFault::Unmodelled),
        }
        Ok(())
    }

    fn set_priority_byte(&mut self, addr: u32, priority: u8) {
        match addr {
            0xe000_ed18..0xe000_ed24 => {
                self.system
                    .nvic
                    .set_system_priority(4 + (addr - 0xe000_ed18) as usize, priority);
            }
            _ => self
                .system
                .nvic
                .set_irq_priority((addr - 0xe000_e400) as usize, priority),
        }
    }

    /// ICSR (B3.2.4).
    fn icsr(&mut self) -> u32 {
        self.sync_interrupts();
        let nvic = &self.system.nvic;
        let pending = |exception: u16, bit: u32| u32::from(nvic.system_pending(exception)) << bit;
        let vect_pending = nvic.highest_pending().map_or(0, |(exception, _)| u32::from(exception));
        let isr_pending = (0..8).any(|word| nvic.bits(Bits::Pending, word) != 0);
        let return_to_base = nvic.active_count() <= 1;
        pending(number::NMI, 31)
            | pending(number::PEND_SV, 28)
            | pending(number::SYS_TICK, 26)
            | u32::from(isr_pending) << 22
            | vect_pending << 12
            | u32::from(return_to_base) << 11
            | u32::from(self.regs.exception)
    }

    fn set_icsr(&mut self, value: u32) {
        for (set, clear, exception) in [
            (31, None, number::NMI),
            (28, Some(27), number::PEND_SV),
            (26, Some(25), number::SYS_TICK),
        ] {
            if value >> set & 1 != 0 {
                self.pend(exception);
            } else if clear.is_some_and(|bit: u32| value >> bit & 1 != 0) {
                self.system.nvic.clear_pending(exception);
            }
        }
    }

    fn set_aircr(&mut self, value: u32) {
        if value >> 16 != AIRCR_KEY {
            return;
        }
        self.system.nvic.set_priority_group((value >> 8 & 7) as u8);
        if value & 1 << 2 != 0 {
            self.fabric.request(Request::Reset(ResetKind::Software));
        }
    }

    /// The MPU's word on a data access.
    pub(super) fn check_mpu(&self, addr: u32, size: AccessSize, write: bool, privileged: bool) -> Result<(), Fault> {
        if !self.system.mpu.enabled() {
            return Ok(());
        }
        let want = if write { Want::Write } else { Want::Read };
        let urgent = self.urgent();
        let last = addr.wrapping_add(size.bytes() - 1);
        let allowed = |at| self.system.mpu.allows(at, want, privileged, urgent);
        if allowed(addr) && (addr >> 5 == last >> 5 || allowed(last)) {
            return Ok(());
        }
        Err(Fault::DataAccess { addr })
    }

    /// Whether the core runs at HardFault's priority or above (FAULTMASK counts).
    pub(super) fn urgent(&self) -> bool {
        self.regs.faultmask || matches!(self.regs.exception, number::NMI | number::HARD_FAULT)
    }
}
