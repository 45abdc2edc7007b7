//! The device's side: endpoint buffers, their answers to the host, and the events that software sees.

use super::{ENDPOINTS, STRIDE};
use crate::chips::nrf52840::block::{Bus, Events};
use crate::core::fabric::AccessFault;
use crate::core::usb::{Readiness, UsbFunction};
use crate::machine::{UsbToken, UsbTransaction};

const USBRESET: u32 = 0;
const STARTED: u32 = 1;
const ENDEPIN0: u32 = 2;
const EP0DATADONE: u32 = 10;
const ENDEPOUT0: u32 = 12;
pub(super) const SOF: u32 = 21;
const USBEVENT: u32 = 22;
const EP0SETUP: u32 = 23;
const EPDATA: u32 = 24;

const SHORT_EP0DATADONE_STARTEPIN0: u32 = 1 << 0;
const SHORT_EP0DATADONE_STARTEPOUT0: u32 = 1 << 1;
const SHORT_EP0DATADONE_EP0STATUS: u32 = 1 << 2;
const SHORT_ENDEPOUT0_EP0STATUS: u32 = 1 << 3;
const SHORT_ENDEPOUT0_EP0RCVOUT: u32 = 1 << 4;

const CAUSE_SUSPEND: u32 = 1 << 8;
const CAUSE_RESUME: u32 = 1 << 9;
pub(super) const CAUSE_READY: u32 = 1 << 11;

/// Longest packet of full speed's bulk, interrupt and control endpoints.
const PACKET_BYTES: usize = 64;
const SET_ADDRESS: u8 = 5;

/// The registers and buffers.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Device {
    pub(super) events: Events,
    pub(super) enabled: bool,
    pub(super) ready: bool,
    pub(super) pull_up: bool,
    pub(super) low_power: bool,
    /// ISOSPLIT. Without isochronous transfers nothing depends on how their buffer is shared.
    pub(super) isosplit: u32,
    pub(super) shorts: u32,
    pub(super) eventcause: u32,
    pub(super) epstatus: u32,
    pub(super) epdatastatus: u32,
    pub(super) epinen: u32,
    pub(super) epouten: u32,
    pub(super) dpdm_value: u32,
    /// The endpoint and direction that DTOGGLE shows.
    dtoggle_shown: u32,
    pub(super) address: u8,
    pub(super) control: Control,
    pub(super) ins: [In; ENDPOINTS as usize],
    pub(super) outs: [Out; ENDPOINTS as usize],
}

/// The control transfer on endpoint 0.
#[derive(Clone, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Control {
    pub(super) setup: [u8; 8],
    /// EP0RCVOUT: the next data packet of a control write may come.
    pub(super) data_allowed: bool,
    /// EP0STATUS: the status stage may take place.
    pub(super) status_allowed: bool,
    /// EP0STALL, until the next SETUP.
    pub(super) stalled: bool,
    /// The controller itself completes SET_ADDRESS.
    new_address: Option<u8>,
}

impl Control {
    fn is_read(&self) -> bool {
        self.setup[0] & 0x80 != 0
    }
}

/// PTR, MAXCNT and AMOUNT.
#[derive(Clone, Copy, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
struct Channel {
    ptr: u32,
    maxcnt: u32,
    amount: u32,
}

/// An endpoint that sends.
#[derive(Clone, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct In {
    dma: Channel,
    pub(super) halted: bool,
    toggle: bool,
    /// What the next IN takes.
    data: Option<Vec<u8>>,
}

/// An endpoint that receives.
#[derive(Clone, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Out {
    dma: Channel,
    pub(super) halted: bool,
    toggle: bool,
    /// It takes a packet.
    ready: bool,
    pub(super) size: u32,
    data: Vec<u8>,
}

impl Device {
    pub(super) fn new() -> Self {
        let present = 1 << USBRESET | 1 << STARTED | 1 << EP0DATADONE | 1 << SOF | 1 << USBEVENT;
        let ends = 0xff << ENDEPIN0 | 0xff << ENDEPOUT0;
        Self {
            events: Events::new(super::ID, present | ends | 1 << EP0SETUP | 1 << EPDATA).with_inten(),
            enabled: false,
            ready: false,
            pull_up: false,
            low_power: false,
            isosplit: 0,
            shorts: 0,
            eventcause: 0,
            epstatus: 0,
            epdatastatus: 0,
            epinen: 1,
            epouten: 1,
            dpdm_value: 0,
            dtoggle_shown: 0,
            address: 0,
            control: Control::default(),
            ins: Default::default(),
            outs: Default::default(),
        }
    }

    /// Whether the controller works: it is ready and has its supply and the crystal's clock (PS 6.35.2).
    pub(super) fn is_on(&self, bus: &Bus<'_>) -> bool {
        self.ready && bus.lines.usb_supply && bus.lines.hfxo
    }

    /// Whether the host sees the pull-up.
    pub(super) fn is_shown(&self, bus: &Bus<'_>) -> bool {
        self.ready && self.pull_up && bus.lines.usb_supply
    }

    /// It is disabled, or has lost its supply.
    pub(super) fn stop(&mut self) {
        self.ready = false;
        self.clear_transfers();
    }

    fn clear_transfers(&mut self) {
        self.address = 0;
        self.control = Control::default();
        for endpoint in &mut self.ins {
            (endpoint.data, endpoint.toggle, endpoint.halted) = (None, false, false);
        }
        for endpoint in &mut self.outs {
            (endpoint.ready, endpoint.toggle, endpoint.halted) = (false, false, false);
            endpoint.data.clear();
        }
    }

    pub(super) fn bus_reset(&mut self, bus: &mut Bus<'_>) {
        self.clear_transfers();
        self.events.raise(bus, USBRESET);
    }

    /// Sets a bit of EVENTCAUSE, with its event.
    pub(super) fn cause(&mut self, bus: &mut Bus<'_>, cause: u32) {
        self.eventcause |= cause;
        self.events.raise(bus, USBEVENT);
    }

    /// STARTEPIN: the packet is copied from RAM and waits for the host.
    pub(super) fn start_in(&mut self, bus: &mut Bus<'_>, n: usize) {
        let endpoint = &mut self.ins[n];
        let mut data = vec![0; (endpoint.dma.maxcnt as usize).min(PACKET_BYTES)];
        if !data.is_empty() {
            // The fabric logs a pointer outside RAM; zeros are sent then.
            let _ = bus.fabric.dma_read(endpoint.dma.ptr, &mut data);
        }
        endpoint.dma.amount = data.len() as u32;
        endpoint.data = Some(data);
        self.epstatus |= 1 << n;
        self.events.raise(bus, STARTED);
        self.events.raise(bus, ENDEPIN0 + n as u32);
    }

    /// STARTEPOUT: MAXCNT bytes of the received packet are copied to RAM, and another packet may come.
    pub(super) fn start_out(&mut self, bus: &mut Bus<'_>, n: usize) {
        let endpoint = &mut self.outs[n];
        let mut data = std::mem::take(&mut endpoint.data);
        data.resize((endpoint.dma.maxcnt as usize).min(PACKET_BYTES), 0);
        if !data.is_empty() {
            // The fabric logs a pointer outside RAM; the packet is lost.
            let _ = bus.fabric.dma_write(endpoint.dma.ptr, &data);
        }
        endpoint.dma.amount = data.len() as u32;
        endpoint.ready = n != 0;
        self.epstatus |= 1 << (16 + n);
        self.events.raise(bus, STARTED);
        self.events.raise(bus, ENDEPOUT0 + n as u32);
        if n == 0 {
            self.control.status_allowed |= self.shorts & SHORT_ENDEPOUT0_EP0STATUS != 0;
            self.control.data_allowed |= self.shorts & SHORT_ENDEPOUT0_EP0RCVOUT != 0;
        }
    }

    /// A data packet of endpoint 0 was transferred.
    fn control_data_done(&mut self, bus: &mut Bus<'_>) {
        self.events.raise(bus, EP0DATADONE);
        if self.shorts & SHORT_EP0DATADONE_STARTEPIN0 != 0 {
            self.start_in(bus, 0);
        }
        if self.shorts & SHORT_EP0DATADONE_STARTEPOUT0 != 0 {
            self.start_out(bus, 0);
        }
        self.control.status_allowed |= self.shorts & SHORT_EP0DATADONE_EP0STATUS != 0;
    }

    /// SIZE.EPOUT[n] is written.
    pub(super) fn clear_out(&mut self, n: usize) {
        let endpoint = &mut self.outs[n];
        endpoint.size = 0;
        endpoint.data.clear();
        endpoint.ready = n != 0;
    }

    /// EPSTALL: EP, IO (1 for IN), STALL.
    pub(super) fn set_stall(&mut self, value: u32) {
        let (n, stall) = ((value & 7) as usize, value & 1 << 8 != 0);
        match value & 1 << 7 != 0 {
            true => self.ins[n].halted = stall,
            false => self.outs[n].halted = stall,
        }
    }

    /// DTOGGLE as it reads: the toggle of the endpoint that the last write chose (1 is DATA0, 2 is DATA1).
    pub(super) fn dtoggle(&self) -> u32 {
        let n = (self.dtoggle_shown & 7) as usize;
        let toggle = match self.dtoggle_shown & 1 << 7 != 0 {
            true => self.ins[n].toggle,
            false => self.outs[n].toggle,
        };
        self.dtoggle_shown | (1 + u32::from(toggle)) << 8
    }

    pub(super) fn set_dtoggle(&mut self, value: u32) {
        self.dtoggle_shown = value & 0x87;
        let n = (value & 7) as usize;
        let toggle = match value >> 8 & 3 {
            1 => false,
            2 => true,
            // Only chooses the endpoint.
            _ => return,
        };
        match value & 1 << 7 != 0 {
            true => self.ins[n].toggle = toggle,
            false => self.outs[n].toggle = toggle,
        }
    }

    /// The DMA register at `offset`.
    pub(super) fn channel(&self, offset: u32) -> Result<u32, AccessFault> {
        let (is_in, n, register) = place(offset).ok_or(AccessFault::Unmodelled)?;
        let dma = if is_in { &self.ins[n].dma } else { &self.outs[n].dma };
        Ok(match register {
            0 => dma.ptr,
            4 => dma.maxcnt,
            _ => dma.amount,
        })
    }

    pub(super) fn set_channel(&mut self, offset: u32, value: u32) -> Result<(), AccessFault> {
        let (is_in, n, register) = place(offset).ok_or(AccessFault::Unmodelled)?;
        let dma = match is_in {
            true => &mut self.ins[n].dma,
            false => &mut self.outs[n].dma,
        };
        match register {
            0 => dma.ptr = value,
            4 => dma.maxcnt = value & 0x7f,
            _ => return Err(AccessFault::Denied),
        }
        Ok(())
    }
}

/// Direction, endpoint and register of a DMA register.
fn place(offset: u32) -> Option<(bool, usize, u32)> {
    let (is_in, from) = match offset {
        0x600..0x6a0 => (true, offset - 0x600),
        0x700..0x7a0 => (false, offset - 0x700),
        _ => return None,
    };
    let register = from % STRIDE;
    (register < 12).then_some((is_in, (from / STRIDE) as usize, register))
}

/// The device with the connections to the rest of the chip.
pub(super) struct OnBus<'a, 'b> {
    pub(super) device: &'a mut Device,
    pub(super) bus: &'a mut Bus<'b>,
}

impl UsbFunction for OnBus<'_, '_> {
    fn readiness(&self, transaction: &UsbTransaction) -> Readiness {
        let device = &*self.device;
        let UsbTransaction {
            address,
            endpoint,
            token,
            ..
        } = transaction;
        if !device.is_on(self.bus) || *address != device.address || u32::from(*endpoint) >= ENDPOINTS {
            return Readiness::Silent;
        }
        let n = usize::from(*endpoint);
        match token {
            UsbToken::Setup(_) if n == 0 => Readiness::Ready(0),
            UsbToken::Setup(_) => Readiness::Silent,
            UsbToken::Out { data, .. } if data.len() > PACKET_BYTES => Readiness::Silent,
            _ if n == 0 => device.control_readiness(token),
            UsbToken::In if device.epinen & 1 << n == 0 => Readiness::Silent,
            UsbToken::In if device.ins[n].halted => Readiness::Halted,
            UsbToken::In => match &device.ins[n].data {
                Some(data) => Readiness::Ready(data.len()),
                None => Readiness::Busy,
            },
            UsbToken::Out { .. } if device.epouten & 1 << n == 0 => Readiness::Silent,
            UsbToken::Out { .. } if device.outs[n].halted => Readiness::Halted,
            UsbToken::Out { .. } if device.outs[n].ready => Readiness::Ready(0),
            UsbToken::Out { .. } => Readiness::Busy,
        }
    }

    fn setup(&mut self, packet: [u8; 8]) {
        let device = &mut *self.device;
        let sets_address = packet[0] == 0 && packet[1] == SET_ADDRESS;
        device.control = Control {
            setup: packet,
            new_address: sets_address.then_some(packet[2] & 0x7f),
            ..Control::default()
        };
        device.ins[0].data = None;
        // The data stage begins with DATA1 (USB 2.0 8.5.3).
        (device.ins[0].toggle, device.outs[0].toggle) = (true, true);
        device.events.raise(self.bus, EP0SETUP);
    }

    fn take(&mut self, endpoint: u8, data: &[u8], toggle: bool) {
        let (n, device) = (usize::from(endpoint), &mut *self.device);
        if n == 0 && device.control.is_read() {
            device.control.status_allowed = false;
            return;
        }
        let out = &mut device.outs[n];
        if out.toggle != toggle {
            // A repetition: the host did not hear the acknowledgement.
            return;
        }
        out.toggle = !toggle;
        out.ready = false;
        out.size = data.len() as u32;
        out.data = data.to_vec();
        if n == 0 {
            device.control.data_allowed = false;
            device.control_data_done(self.bus);
        } else {
            device.epdatastatus |= 1 << (16 + n);
            device.events.raise(self.bus, EPDATA);
        }
    }

    fn give(&mut self, endpoint: u8) -> (Vec<u8>, bool) {
        let (n, device) = (usize::from(endpoint), &mut *self.device);
        let sent = device.ins[n].data.take();
        let Some(data) = sent else {
            // The status stage of a control write.
            device.control.status_allowed = false;
            if let Some(address) = device.control.new_address.take() {
                device.address = address;
            }
            return (Vec::new(), true);
        };
        let toggle = device.ins[n].toggle;
        device.ins[n].toggle = !toggle;
        if n == 0 {
            device.control_data_done(self.bus);
        } else {
            device.epdatastatus |= 1 << n;
            device.events.raise(self.bus, EPDATA);
        }
        (data, toggle)
    }

    fn suspended(&mut self) {
        if self.device.is_on(self.bus) {
            self.device.cause(self.bus, CAUSE_SUSPEND);
        }
    }

    fn resumed(&mut self) {
        if self.device.is_on(self.bus) {
            self.device.low_power = false;
            self.device.cause(self.bus, CAUSE_RESUME);
        }
    }
}

impl Device {
    /// How endpoint 0 would answer IN or OUT.
    fn control_readiness(&self, token: &UsbToken) -> Readiness {
        let control = &self.control;
        let status = control.status_allowed || control.new_address.is_some();
        match (token, &self.ins[0].data) {
            _ if control.stalled => Readiness::Halted,
            (UsbToken::In, Some(data)) => Readiness::Ready(data.len()),
            (UsbToken::In, None) if status && !control.is_read() => Readiness::Ready(0),
            (UsbToken::Out { .. }, _) if control.is_read() && status => Readiness::Ready(0),
            (UsbToken::Out { .. }, _) if !control.is_read() && control.data_allowed => Readiness::Ready(0),
            _ => Readiness::Busy,
        }
    }
}
