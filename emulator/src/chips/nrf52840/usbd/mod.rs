//! USBD (PS 6.35): the full-speed USB device controller, with endpoint 0 to 7 in both directions. The isochronous
//! endpoint and remote wake-up are not modelled.
//!
//! EasyDMA takes no time here. The PS gives no figures for the times in which the controller becomes ready and the
//! supply of the socket rises; those below are assumed.

mod device;

use self::device::{Device, OnBus};
use super::block::{Bus, Events, Peripheral};
use crate::core::events::EventId;
use crate::core::fabric::{AccessFault, UsbAction, UsbStatus};
use crate::core::usb::UsbBus;
use crate::machine::VirtualTime;

pub(super) const ID: u8 = 39;

/// Time from ENABLE to EVENTCAUSE.READY; assumed.
const READY_AFTER: VirtualTime = VirtualTime::from_us(50);

const WAKE_BUS: u16 = 0;
const WAKE_READY: u16 = 1;
const WAKE_SOF: u16 = 2;

const ENDPOINTS: u32 = 8;
/// Distance between the DMA registers of two endpoints.
const STRIDE: u32 = 0x14;

/// The peripheral, with the cable in its socket.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Usbd {
    wire: UsbBus,
    device: Device,
    /// The next call of the bus.
    bus_wake: Option<(VirtualTime, EventId)>,
    ready_wake: Option<EventId>,
    sof_wake: Option<EventId>,
    /// Start-of-frame packets that EVENTS_SOF has reported.
    frames_seen: u64,
    /// Undocumented registers of the workarounds of errata 166 (0x800, 0x804) and 199 (0xc1c): they store what is
    /// written.
    passthrough: [u32; 3],
}

impl Usbd {
    pub(super) fn new() -> Self {
        Self {
            wire: UsbBus::default(),
            device: Device::new(),
            bus_wake: None,
            ready_wake: None,
            sof_wake: None,
            frames_seen: 0,
            passthrough: [0; 3],
        }
    }

    /// Reset. The cable and the host at its other end stay; the pull-up is disconnected.
    pub(super) fn reset(&mut self, bus: &mut Bus<'_>) {
        let wire = std::mem::take(&mut self.wire);
        *self = Self { wire, ..Self::new() };
        self.advance(bus);
    }

    pub(super) fn status(&self) -> UsbStatus {
        self.wire.status()
    }

    pub(super) fn is_plugged(&self) -> bool {
        self.wire.is_plugged()
    }

    pub(super) fn is_busy(&self) -> bool {
        self.wire.is_busy()
    }

    /// The host acts.
    pub(super) fn act(&mut self, bus: &mut Bus<'_>, action: UsbAction) {
        let mut out = Vec::new();
        let resets = UsbBus::begins_reset(&action);
        self.wire.act(bus.now(), action, &mut out);
        out.into_iter().for_each(|what| bus.fabric.usb_event(what));
        if resets && self.device.is_on(bus) {
            self.device.bus_reset(bus);
        }
        self.advance(bus);
    }

    /// The supply of the socket or the clock changed.
    pub(super) fn supply_changed(&mut self, bus: &mut Bus<'_>) {
        self.check_ready(bus);
        self.advance(bus);
    }

    /// The peripheral becomes ready once it is enabled and has its supply.
    fn check_ready(&mut self, bus: &mut Bus<'_>) {
        let wanted = self.device.enabled && bus.lines.usb_supply;
        if !wanted {
            bus.cancel(&mut self.ready_wake);
            self.device.stop();
        } else if !self.device.ready && self.ready_wake.is_none() {
            let at = bus.now() + READY_AFTER;
            self.ready_wake = Some(bus.schedule(ID, WAKE_READY, at));
        }
    }

    /// Lets the bus proceed after any change.
    fn advance(&mut self, bus: &mut Bus<'_>) {
        if !self.wire.is_plugged() && self.wire.due().is_none() && self.bus_wake.is_none() {
            return;
        }
        let now = bus.now();
        let mut out = Vec::new();
        self.wire.show(self.device.is_shown(bus), &mut out);
        let mut device = OnBus {
            device: &mut self.device,
            bus: &mut *bus,
        };
        self.wire.advance(now, &mut device, &mut out);
        out.into_iter().for_each(|what| bus.fabric.usb_event(what));
        let due = self.wire.due();
        if self.bus_wake.as_ref().map(|(at, _)| *at) != due {
            let mut old = self.bus_wake.take().map(|(_, event)| event);
            bus.cancel(&mut old);
            self.bus_wake = due.map(|at| (at, bus.schedule(ID, WAKE_BUS, at)));
        }
        self.watch_frames(bus);
    }

    /// Whether start-of-frame packets reach the device.
    fn frames(&self, bus: &Bus<'_>) -> Option<u64> {
        self.wire.frames(bus.now()).filter(|_| self.device.is_on(bus))
    }

    /// Frames are counted when somebody looks; only an interrupt needs an event for each.
    pub(super) fn count_frames(&mut self, bus: &mut Bus<'_>) {
        match self.frames(bus) {
            Some(frames) if frames > self.frames_seen => {
                self.frames_seen = frames;
                self.device.events.raise(bus, device::SOF);
            }
            Some(_) => {}
            None => self.frames_seen = 0,
        }
    }

    fn watch_frames(&mut self, bus: &mut Bus<'_>) {
        let wanted = self.device.events.inten() & 1 << device::SOF != 0 && self.frames(bus).is_some();
        match self.wire.next_frame(bus.now()) {
            Some(at) if wanted && self.sof_wake.is_none() => self.sof_wake = Some(bus.schedule(ID, WAKE_SOF, at)),
            Some(_) if wanted => {}
            _ => bus.cancel(&mut self.sof_wake),
        }
    }

    fn load(&self, bus: &Bus<'_>, offset: u32) -> Result<u32, AccessFault> {
        let device = &self.device;
        Ok(match offset {
            0x200 => device.shorts,
            0x400 => device.eventcause,
            0x420..0x440 => u32::from(device.ins[index(offset, 0x420)].halted),
            0x444..0x464 => u32::from(device.outs[index(offset, 0x444)].halted),
            0x468 => device.epstatus,
            0x46c => device.epdatastatus,
            0x470 => u32::from(device.address),
            0x480..0x4a0 => u32::from(device.control.setup[index(offset, 0x480)]),
            0x4a0..0x4c0 => device.outs[index(offset, 0x4a0)].size,
            0x500 => u32::from(device.enabled),
            0x504 => u32::from(device.pull_up),
            0x508 => device.dpdm_value,
            0x50c => device.dtoggle(),
            0x510 => device.epinen,
            0x514 => device.epouten,
            // EPSTALL is write-only.
            0x518 => 0,
            0x51c => device.isosplit,
            0x520 => self.frames(bus).unwrap_or(0) as u32 & 0x7ff,
            0x52c => u32::from(device.low_power),
            0x800 | 0x804 | 0xc1c => self.passthrough[undocumented(offset)],
            _ => device.channel(offset)?,
        })
    }

    fn store(&mut self, bus: &mut Bus<'_>, offset: u32, value: u32) -> Result<(), AccessFault> {
        let device = &mut self.device;
        match offset {
            0x200 => device.shorts = value & 0x1f,
            0x400 => device.eventcause &= !value,
            0x468 => device.epstatus &= !value,
            0x46c => device.epdatastatus &= !value,
            // Any value makes room for the next packet (PS 6.35.9).
            0x4a0..0x4c0 => device.clear_out(index(offset, 0x4a0)),
            0x500 => {
                device.enabled = value & 1 != 0;
                self.check_ready(bus);
            }
            0x504 => device.pull_up = value & 1 != 0,
            0x508 => device.dpdm_value = value & 0x1f,
            0x50c => device.set_dtoggle(value),
            // Bit 8 is the isochronous endpoint's.
            0x510 | 0x514 if value & !0xff != 0 => return Err(AccessFault::UnmodelledUse),
            0x510 => device.epinen = value,
            0x514 => device.epouten = value,
            0x518 => device.set_stall(value),
            0x51c => device.isosplit = value & 0xffff,
            0x52c => device.low_power = value & 1 != 0,
            0x800 | 0x804 | 0xc1c => self.passthrough[undocumented(offset)] = value,
            0x420..0x464 | 0x470..0x4a0 | 0x520 => return Err(AccessFault::Denied),
            _ => device.set_channel(offset, value)?,
        }
        Ok(())
    }
}

/// Which of the registers from `base` on is at `offset`.
fn index(offset: u32, base: u32) -> usize {
    ((offset - base) / 4) as usize
}

fn undocumented(offset: u32) -> usize {
    match offset {
        0x800 => 0,
        0x804 => 1,
        _ => 2,
    }
}

impl Peripheral for Usbd {
    fn events(&mut self) -> Option<&mut Events> {
        Some(&mut self.device.events)
    }

    fn inten_changed(&mut self, bus: &mut Bus<'_>) {
        self.watch_frames(bus);
    }

    fn task(&mut self, bus: &mut Bus<'_>, offset: u32) -> Result<(), AccessFault> {
        match offset {
            0x004..0x024 => self.device.start_in(bus, index(offset, 4)),
            0x028..0x048 => self.device.start_out(bus, index(offset, 0x28)),
            0x04c => self.device.control.data_allowed = true,
            0x050 => self.device.control.status_allowed = true,
            0x054 => self.device.control.stalled = true,
            // DPDMNODRIVE: the lines are the controller's anyway.
            0x05c => {}
            0x024 | 0x048 | 0x058 => return Err(AccessFault::UnmodelledUse),
            _ => return Err(AccessFault::Unmodelled),
        }
        self.advance(bus);
        Ok(())
    }

    fn read(&mut self, bus: &mut Bus<'_>, offset: u32) -> Result<u32, AccessFault> {
        self.load(bus, offset)
    }

    fn write(&mut self, bus: &mut Bus<'_>, offset: u32, value: u32) -> Result<(), AccessFault> {
        self.store(bus, offset, value)?;
        self.advance(bus);
        Ok(())
    }

    fn wake(&mut self, bus: &mut Bus<'_>, what: u16) {
        match what {
            WAKE_READY => {
                self.ready_wake = None;
                self.device.ready = true;
                self.device.cause(bus, device::CAUSE_READY);
            }
            WAKE_SOF => {
                self.sof_wake = None;
                self.count_frames(bus);
            }
            _ => self.bus_wake = None,
        }
        self.advance(bus);
    }
}

/// Undocumented registers that workarounds of errata 171 and 187 write. They store what is written.
#[derive(Clone, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Errata {
    unlocked: bool,
    registers: [u32; 2],
}

impl Errata {
    /// The lock, and the two registers behind it.
    pub(super) const ADDRESSES: [u32; 3] = [0x4006_ec00, 0x4006_ec14, 0x4006_ed14];
    const KEY: u32 = 0x9375;

    pub(super) fn read(&self, addr: u32) -> u32 {
        match addr {
            0x4006_ec00 => u32::from(self.unlocked),
            0x4006_ec14 => self.registers[0],
            _ => self.registers[1],
        }
    }

    pub(super) fn write(&mut self, addr: u32, value: u32) {
        match addr {
            0x4006_ec00 if value == Self::KEY => self.unlocked = !self.unlocked,
            0x4006_ec00 => {}
            _ if !self.unlocked => {}
            0x4006_ec14 => self.registers[0] = value,
            _ => self.registers[1] = value,
        }
    }
}
