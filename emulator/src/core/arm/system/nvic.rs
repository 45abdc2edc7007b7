//! Pending, active and priority state of every exception, system ones included (ARMv7-M B1.5.3, B3.4).

use crate::core::arm::exceptions::number::{
    BUS_FAULT, FIRST_IRQ, HARD_FAULT, MEM_MANAGE, NMI, SV_CALL, SYS_TICK, USAGE_FAULT,
};
use crate::core::fabric::{IRQ_WORDS, IrqLines};

const SYSTEM: usize = FIRST_IRQ as usize;

/// Priority of the base level; lower is more urgent.
const BASE_PRIORITY: i16 = 256;

/// The interrupt controller's state. Exceptions 0..16 are the system's, the rest are interrupt lines.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(in crate::core::arm) struct Nvic {
    irq_count: u16,
    /// Implemented bits of a priority.
    priority_mask: u8,
    /// AIRCR.PRIGROUP.
    priority_group: u8,
    enabled: [u32; IRQ_WORDS],
    pending: [u32; IRQ_WORDS],
    active: [u32; IRQ_WORDS],
    level: [u32; IRQ_WORDS],
    #[serde(with = "crate::core::array")]
    priorities: [u8; IRQ_WORDS * 32],
    /// Exceptions 1..16, by bit.
    system_enabled: u16,
    system_pending: u16,
    system_active: u16,
    system_priorities: [u8; SYSTEM],
}

/// Which of an interrupt's bits a register file shows (B3.4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::core::arm) enum Bits {
    Enabled,
    Pending,
    Active,
}

impl Nvic {
    pub(in crate::core::arm) fn new(irq_count: u16, priority_bits: u8) -> Self {
        Self {
            irq_count,
            priority_mask: 0xffu8 << (8 - priority_bits),
            priority_group: 0,
            enabled: [0; IRQ_WORDS],
            pending: [0; IRQ_WORDS],
            active: [0; IRQ_WORDS],
            level: [0; IRQ_WORDS],
            priorities: [0; IRQ_WORDS * 32],
            system_enabled: !(1 << MEM_MANAGE | 1 << BUS_FAULT | 1 << USAGE_FAULT),
            system_pending: 0,
            system_active: 0,
            system_priorities: [0; SYSTEM],
        }
    }

    /// Reads levels and edges from the lines; returns whether any became pending.
    pub(in crate::core::arm) fn sync(&mut self, lines: &mut IrqLines) -> bool {
        let mut news = 0;
        self.level = *lines.levels();
        for (pending, edge) in self.pending.iter_mut().zip(lines.take_edges()) {
            news |= edge & !*pending;
            *pending |= edge;
        }
        news != 0
    }

    /// The most urgent pending and enabled exception with its group priority; ties go to the lower sub-priority, then
    /// to the lower number.
    pub(in crate::core::arm) fn highest_pending(&self) -> Option<(u16, i16)> {
        let mut best: Option<(u16, i16, u8)> = None;
        let mut consider = |exception: u16, group: i16, full: u8| {
            if best.is_none_or(|(_, best_group, best_full)| (group, full) < (best_group, best_full)) {
                best = Some((exception, group, full));
            }
        };
        let system = self.system_pending & self.system_enabled & !1;
        for exception in ones(u32::from(system)) {
            let exception = exception as u16;
            consider(
                exception,
                self.priority(exception),
                self.system_priorities[usize::from(exception)],
            );
        }
        for word in 0..IRQ_WORDS {
            let pending = (self.pending[word] | self.level[word] & !self.active[word]) & self.enabled[word];
            for bit in ones(pending) {
                let irq = word * 32 + bit as usize;
                consider(
                    irq as u16 + FIRST_IRQ,
                    self.group(self.priorities[irq]),
                    self.priorities[irq],
                );
            }
        }
        best.map(|(exception, group, _)| (exception, group))
    }

    /// The group priority of an exception.
    pub(in crate::core::arm) fn priority(&self, exception: u16) -> i16 {
        match exception {
            1 => -3,
            NMI => -2,
            HARD_FAULT => -1,
            FIRST_IRQ.. => self.group(self.priorities[usize::from(exception - FIRST_IRQ)]),
            _ => self.group(self.system_priorities[usize::from(exception)]),
        }
    }

    /// The group part of a priority.
    pub(in crate::core::arm) fn group(&self, priority: u8) -> i16 {
        i16::from(priority & (0xffu16 << (self.priority_group + 1)) as u8)
    }

    /// The implemented part of a priority.
    pub(in crate::core::arm) fn implemented(&self, priority: u8) -> u8 {
        priority & self.priority_mask
    }

    /// The most urgent group priority among active exceptions.
    pub(in crate::core::arm) fn active_priority(&self) -> i16 {
        let system = ones(u32::from(self.system_active)).map(|exception| self.priority(exception as u16));
        let irqs = self.active.iter().enumerate().flat_map(|(word, &active)| {
            ones(active).map(move |bit| self.group(self.priorities[word * 32 + bit as usize]))
        });
        system.chain(irqs).min().unwrap_or(BASE_PRIORITY)
    }

    pub(in crate::core::arm) fn active_count(&self) -> u32 {
        self.system_active.count_ones() + self.active.iter().map(|word| word.count_ones()).sum::<u32>()
    }

    pub(in crate::core::arm) fn is_active(&self, exception: u16) -> bool {
        match exception.checked_sub(FIRST_IRQ) {
            None => self.system_active >> exception & 1 != 0,
            Some(irq) => self.active[usize::from(irq / 32)] >> (irq % 32) & 1 != 0,
        }
    }

    /// Whether an exception is pending, by itself or by the level of its line.
    pub(in crate::core::arm) fn is_pending(&self, exception: u16) -> bool {
        match exception.checked_sub(FIRST_IRQ) {
            None => self.system_pending(exception),
            Some(irq) => self.bits(Bits::Pending, usize::from(irq / 32)) >> (irq % 32) & 1 != 0,
        }
    }

    pub(in crate::core::arm) fn set_pending(&mut self, exception: u16) {
        match exception.checked_sub(FIRST_IRQ) {
            None => self.system_pending |= 1 << exception,
            Some(irq) => self.pending[usize::from(irq / 32)] |= 1 << (irq % 32),
        }
    }

    pub(in crate::core::arm) fn clear_pending(&mut self, exception: u16) {
        match exception.checked_sub(FIRST_IRQ) {
            None => self.system_pending &= !(1 << exception),
            Some(irq) => self.pending[usize::from(irq / 32)] &= !(1 << (irq % 32)),
        }
    }

    /// A handler starts.
    pub(in crate::core::arm) fn activate(&mut self, exception: u16) {
        self.clear_pending(exception);
        match exception.checked_sub(FIRST_IRQ) {
            None => self.system_active |= 1 << exception,
            Some(irq) => self.active[usize::from(irq / 32)] |= 1 << (irq % 32),
        }
    }

    /// A handler has returned.
    pub(in crate::core::arm) fn deactivate(&mut self, exception: u16) {
        match exception.checked_sub(FIRST_IRQ) {
            None => self.system_active &= !(1 << exception),
            Some(irq) => self.active[usize::from(irq / 32)] &= !(1 << (irq % 32)),
        }
    }

    pub(in crate::core::arm) fn system_enabled(&self, exception: u16) -> bool {
        self.system_enabled >> exception & 1 != 0
    }

    pub(super) fn system_pending(&self, exception: u16) -> bool {
        self.system_pending >> exception & 1 != 0
    }

    pub(super) fn set_priority_group(&mut self, group: u8) {
        self.priority_group = group & 7;
    }

    pub(super) fn priority_group(&self) -> u8 {
        self.priority_group
    }

    // --- registers ---

    /// ISER, ICER, ISPR, ICPR, IABR: 32 lines of one kind.
    pub(super) fn bits(&self, kind: Bits, word: usize) -> u32 {
        match kind {
            Bits::Enabled => self.enabled[word],
            Bits::Pending => self.pending[word] | self.level[word] & !self.active[word],
            Bits::Active => self.active[word],
        }
    }

    pub(super) fn set_bits(&mut self, kind: Bits, word: usize, bits: u32, to: bool) {
        let bits = bits & self.lines_in(word);
        let target = match kind {
            Bits::Enabled => &mut self.enabled[word],
            Bits::Pending => &mut self.pending[word],
            Bits::Active => return,
        };
        if to { *target |= bits } else { *target &= !bits }
    }

    /// The existing lines of a word, as bits.
    fn lines_in(&self, word: usize) -> u32 {
        let first = word as u32 * 32;
        let count = u32::from(self.irq_count).saturating_sub(first).min(32);
        ((1u64 << count) - 1) as u32
    }

    /// IPR, a byte a line.
    pub(super) fn irq_priority(&self, irq: usize) -> u8 {
        self.priorities[irq]
    }

    pub(super) fn set_irq_priority(&mut self, irq: usize, priority: u8) {
        if irq < usize::from(self.irq_count) {
            self.priorities[irq] = priority & self.priority_mask;
        }
    }

    /// SHPR, a byte an exception from 4 on.
    pub(super) fn system_priority(&self, exception: usize) -> u8 {
        self.system_priorities[exception]
    }

    pub(super) fn set_system_priority(&mut self, exception: usize, priority: u8) {
        let writable = matches!(
            exception as u16,
            MEM_MANAGE | BUS_FAULT | USAGE_FAULT | SV_CALL | 12 | 14 | SYS_TICK
        );
        if writable {
            self.system_priorities[exception] = priority & self.priority_mask;
        }
    }

    /// SHCSR (B3.2.13).
    pub(super) fn shcsr(&self) -> u32 {
        let mut value = 0;
        for (bit, exception) in [(0, 4), (1, 5), (3, 6), (7, 11), (8, 12), (10, 14), (11, 15)] {
            value |= u32::from(self.system_active >> exception & 1) << bit;
        }
        for (bit, exception) in [(12, 6), (13, 4), (14, 5), (15, 11)] {
            value |= u32::from(self.system_pending >> exception & 1) << bit;
        }
        for (bit, exception) in [(16, 4), (17, 5), (18, 6)] {
            value |= u32::from(self.system_enabled >> exception & 1) << bit;
        }
        value
    }

    pub(super) fn set_shcsr(&mut self, value: u32) {
        let mut put = |field: fn(&mut Self) -> &mut u16, bit: u32, exception: u32| {
            let target = field(self);
            *target = *target & !(1 << exception) | ((value >> bit & 1) as u16) << exception;
        };
        for (bit, exception) in [(0, 4), (1, 5), (3, 6), (7, 11), (8, 12), (10, 14), (11, 15)] {
            put(|nvic| &mut nvic.system_active, bit, exception);
        }
        for (bit, exception) in [(12, 6), (13, 4), (14, 5), (15, 11)] {
            put(|nvic| &mut nvic.system_pending, bit, exception);
        }
        for (bit, exception) in [(16, 4), (17, 5), (18, 6)] {
            put(|nvic| &mut nvic.system_enabled, bit, exception);
        }
    }
}

/// The indices of the set bits in a word, lowest first.
fn ones(mut word: u32) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let bit = word.trailing_zeros();
        word &= word.wrapping_sub(1);
        (bit < 32).then_some(bit)
    })
}
