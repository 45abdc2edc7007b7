//! Parts shared by every peripheral of this chip (PS 6.1 "Peripheral interface"): task, event and interrupt registers
//! at the same offsets, `Unmapped` for words that no register has (the chip reads them as zero and ignores stores), and
//! the [`Bus`] through which a peripheral accesses the rest of the chip.

use std::collections::VecDeque;

use super::gpio::Gpio;
use super::lfclk::LfClock;
use crate::core::events::EventId;
use crate::core::fabric::{AccessFault, Fabric};
use crate::machine::VirtualTime;

/// A peripheral in one 4 KiB page of 0x4000_0000..0x4003_0000.
pub(super) trait Peripheral {
    /// Its event and interrupt registers, if it has any.
    fn events(&mut self) -> Option<&mut Events> {
        None
    }

    /// INTEN was written.
    fn inten_changed(&mut self, _bus: &mut Bus<'_>) {}

    /// An event register was cleared.
    fn event_cleared(&mut self, _bus: &mut Bus<'_>) {}

    /// A task is triggered, by a store of 1 to its register or through PPI.
    fn task(&mut self, _bus: &mut Bus<'_>, _offset: u32) -> Result<(), AccessFault> {
        Err(AccessFault::Unmapped)
    }

    /// A load from a register that is neither task, event nor INTEN.
    fn read(&mut self, bus: &mut Bus<'_>, offset: u32) -> Result<u32, AccessFault>;

    /// A store to such a register.
    fn write(&mut self, bus: &mut Bus<'_>, offset: u32, value: u32) -> Result<(), AccessFault>;

    /// Something scheduled by [`Bus::schedule`] is due.
    fn wake(&mut self, _bus: &mut Bus<'_>, _what: u16) {}
}

/// A load from any register of a peripheral.
pub(super) fn read(peripheral: &mut dyn Peripheral, bus: &mut Bus<'_>, offset: u32) -> Result<u32, AccessFault> {
    match offset {
        // Task registers are write-only and read as zero (PS 6.1.5).
        0..0x100 => Ok(0),
        0x100..0x200 | 0x300..0x30c => {
            let events = peripheral.events().ok_or(AccessFault::Unmapped)?;
            events.read(offset)
        }
        _ => peripheral.read(bus, offset),
    }
}

/// A store to any register of a peripheral.
pub(super) fn write(
    peripheral: &mut dyn Peripheral,
    bus: &mut Bus<'_>,
    offset: u32,
    value: u32,
) -> Result<(), AccessFault> {
    match offset {
        0..0x100 if value & 1 == 0 => Ok(()),
        0..0x100 => peripheral.task(bus, offset),
        0x100..0x200 | 0x300..0x30c => {
            let events = peripheral.events().ok_or(AccessFault::Unmapped)?;
            events.write(bus, offset, value)?;
            if offset >= 0x300 {
                peripheral.inten_changed(bus);
            } else {
                peripheral.event_cleared(bus);
            }
            Ok(())
        }
        _ => peripheral.write(bus, offset, value),
    }
}

/// The parts of the chip that a peripheral can access while it is served.
pub(super) struct Bus<'a> {
    pub(super) fabric: &'a mut Fabric,
    pub(super) lines: &'a mut Lines,
}

impl Bus<'_> {
    pub(super) fn now(&self) -> VirtualTime {
        self.fabric.now()
    }

    /// Schedules a call of [`Peripheral::wake`] of the peripheral with `id`, with `what`, at `at`.
    pub(super) fn schedule(&mut self, id: u8, what: u16, at: VirtualTime) -> EventId {
        self.fabric.schedule(at, token(id, what))
    }

    pub(super) fn cancel(&mut self, event: &mut Option<EventId>) {
        if let Some(event) = event.take() {
            self.fabric.cancel(event);
        }
    }
}

/// The chip's token for a peripheral id and a purpose.
pub(super) fn token(id: u8, what: u16) -> u64 {
    u64::from(id) << 16 | u64::from(what)
}

/// Connections between peripherals.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Lines {
    pub(super) gpio: Gpio,
    pub(super) lfclk: LfClock,
    /// Not yet carried to whom it concerns.
    pub(super) signals: VecDeque<Signal>,
    /// The chip is in System OFF.
    pub(super) powered_off: bool,
    /// HFXO runs.
    pub(super) hfxo: bool,
    /// The regulator of the USB socket's supply is ready (USBREGSTATUS.OUTPUTRDY).
    pub(super) usb_supply: bool,
    /// Events that an enabled PPI channel waits for, by the addresses of their registers: other events need not be
    /// forwarded.
    pub(super) ppi_hears: Vec<u32>,
}

/// An effect of one peripheral that others may see.
#[derive(Clone, Copy, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) enum Signal {
    /// An event was generated; the address of its register.
    Event(u32),
    /// The level at a pin changed.
    Pin { pin: u16, level: bool },
    /// The DETECT signal of the ports rose (PS 6.9 "GPIO").
    Detect,
    /// LFCLK started or stopped.
    LfClock,
    /// HFXO or the supply of USBD started or stopped.
    Usb,
}

/// Event registers (0x100 + 4 n) and INTEN, INTENSET, INTENCLR of a peripheral.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Events {
    base: u32,
    irq: u16,
    /// Which events there are.
    present: u32,
    /// Which others silicon has; they are never generated here.
    unmodelled: u32,
    /// Whether INTEN can be reached at 0x300.
    has_inten: bool,
    set: u32,
    inten: u32,
}

impl Events {
    /// The registers of the peripheral with `id` (which is also its interrupt line). It has the events whose bits are
    /// set in `present`.
    pub(super) fn new(id: u8, present: u32) -> Self {
        Self {
            base: 0x4000_0000 + u32::from(id) * 0x1000,
            irq: u16::from(id),
            present,
            unmodelled: 0,
            has_inten: false,
            set: 0,
            inten: 0,
        }
    }

    /// With events that are not modelled.
    pub(super) fn without(self, unmodelled: u32) -> Self {
        Self { unmodelled, ..self }
    }

    pub(super) fn with_inten(self) -> Self {
        Self {
            has_inten: true,
            ..self
        }
    }

    /// Generates event `n`.
    pub(super) fn raise(&mut self, bus: &mut Bus<'_>, n: u32) {
        self.set |= 1 << n;
        if self.is_heard(bus, n) {
            bus.lines.signals.push_back(Signal::Event(self.address(n)));
        }
        self.update(bus);
    }

    /// Whether PPI waits for event `n`.
    pub(super) fn is_heard(&self, bus: &Bus<'_>, n: u32) -> bool {
        bus.lines.ppi_hears.contains(&self.address(n))
    }

    fn address(&self, n: u32) -> u32 {
        self.base + 0x100 + 4 * n
    }

    pub(super) fn is_set(&self, n: u32) -> bool {
        self.set & 1 << n != 0
    }

    /// Events whose interrupt is enabled.
    pub(super) fn inten(&self) -> u32 {
        self.inten
    }

    /// Resets all registers; interrupt lines were dropped with the reset.
    pub(super) fn reset(&mut self) {
        self.set = 0;
        self.inten = 0;
    }

    fn read(&self, offset: u32) -> Result<u32, AccessFault> {
        match offset {
            0x100..0x180 => {
                let n = self.event(offset)?;
                Ok(self.set >> n & 1)
            }
            0x300 if self.has_inten => Ok(self.inten),
            0x304 | 0x308 => Ok(self.inten),
            _ => Err(AccessFault::Unmapped),
        }
    }

    fn write(&mut self, bus: &mut Bus<'_>, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            0x100..0x180 => {
                let n = self.event(offset)?;
                if value != 0 {
                    return Err(AccessFault::UnmodelledUse);
                }
                self.set &= !(1 << n);
            }
            0x300 if self.has_inten => self.inten = self.known(value)?,
            0x304 => self.inten |= self.known(value)?,
            0x308 => self.inten &= !value,
            _ => return Err(AccessFault::Unmapped),
        }
        self.update(bus);
        Ok(())
    }

    fn event(&self, offset: u32) -> Result<u32, AccessFault> {
        let n = (offset - 0x100) / 4;
        if self.unmodelled & 1 << n != 0 {
            return Err(AccessFault::Unmodelled);
        }
        if self.present & 1 << n == 0 {
            return Err(AccessFault::Unmapped);
        }
        Ok(n)
    }

    /// Refuses interrupts of events that are never generated here: software would wait for them forever.
    fn known(&self, value: u32) -> Result<u32, AccessFault> {
        if value & !self.present != 0 {
            return Err(AccessFault::UnmodelledUse);
        }
        Ok(value)
    }

    fn update(&self, bus: &mut Bus<'_>) {
        bus.fabric.set_irq(self.irq, self.set & self.inten != 0);
    }
}
