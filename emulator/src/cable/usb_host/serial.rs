//! The host's software for one cable: plugs it in, enumerates the device, and moves the bytes of its serial port.

use std::sync::Arc;

use super::arrival::{Arrival, News};
use super::bus::{Bus, ControlPipe};
use super::control::ControlTransfer;
use super::descriptor::SerialInterface;
use super::enumerate::{EnumerationError, Goal};
use super::port::{CdcState, PortRequest, Shared, TO_HOST_BYTES};
use crate::runner::UsbHost;
use crate::{UsbAction, UsbEvent, UsbOccurrence, UsbReply, UsbToken};

/// IN transactions that wait at the device, and OUT transactions.
const INS: usize = 16;
const OUTS: usize = 8;
const PACKET_BYTES: usize = 64;

const SET_LINE_CODING: u8 = 0x20;
const SET_CONTROL_LINE_STATE: u8 = 0x22;
/// Class request to an interface.
const TO_INTERFACE: u8 = 0x21;

/// The host's software; see the [module](super).
#[derive(Debug)]
pub struct SerialHost {
    shared: Arc<Shared>,
    /// The cable is plugged in.
    plugged: bool,
    bus: Bus,
    control: ControlPipe,
    arrival: Arrival,
    data: Option<DataPipes>,
}

/// The bulk endpoints, with the ids of their transactions in flight.
#[derive(Debug)]
struct DataPipes {
    serial: SerialInterface,
    ins: Vec<u64>,
    in_toggle: bool,
    outs: Vec<u64>,
    out_toggle: bool,
}

impl SerialHost {
    pub(super) fn of(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            plugged: false,
            bus: Bus::default(),
            control: ControlPipe::default(),
            arrival: Arrival::new(Goal::SerialPort),
            data: None,
        }
    }

    fn see(&mut self, what: UsbOccurrence) {
        match what {
            UsbOccurrence::Done { id, reply } => return self.done(id, reply),
            UsbOccurrence::Plugged(plugged) => self.plugged = plugged,
            _ => {}
        }
        let news = self.arrival.see(&mut self.bus, &mut self.control, &what);
        self.note(news);
    }

    /// The state of the device changed.
    fn note(&mut self, news: Option<News>) {
        let Some(news) = news else { return };
        self.data = None;
        let device = match news {
            News::Gone => CdcState::Disconnected,
            News::Begun | News::Described(_) => CdcState::Enumerating,
            News::Failed(error) => CdcState::Failed(error),
            News::Configured(identity, serial) => {
                self.data = Some(DataPipes {
                    serial,
                    ins: Vec::new(),
                    in_toggle: false,
                    outs: Vec::new(),
                    out_toggle: false,
                });
                CdcState::Ready(identity)
            }
        };
        self.shared.state().set_device(device);
    }

    fn done(&mut self, id: u64, reply: UsbReply) {
        if self.control.awaits(id) {
            if let Some(answer) = self.control.done(&mut self.bus, reply) {
                match self.arrival.answered(&mut self.bus, &mut self.control, answer) {
                    Ok(news) => self.note(news),
                    Err(_) => self.shared.state().answered(),
                }
            }
            return;
        }
        let Some(data) = &mut self.data else { return };
        if !remove(&mut data.ins, id) && !remove(&mut data.outs, id) {
            return;
        }
        match reply {
            UsbReply::Data { bytes, toggle } if toggle == data.in_toggle => {
                data.in_toggle = !toggle;
                self.shared.state().deliver(&bytes);
            }
            // A repetition.
            UsbReply::Data { .. } => {}
            UsbReply::Stall | UsbReply::Silence => {
                let news = self.arrival.give_up(EnumerationError::NoAnswer("bulk endpoint"));
                self.note(Some(news));
            }
            UsbReply::Ack | UsbReply::Nak | UsbReply::Withdrawn => {}
        }
    }

    /// Does what the port wants.
    fn work(&mut self) {
        let wanted = {
            let state = self.shared.state();
            state.plugged && !state.dropped
        };
        if wanted != self.plugged {
            self.plugged = wanted;
            self.bus.push(if wanted { UsbAction::Plug } else { UsbAction::Unplug });
            if !wanted {
                let news = self.arrival.lost(&mut self.control);
                self.note(Some(news));
            }
            return;
        }
        if !self.control.is_busy() && self.arrival.is_there() {
            self.next_request();
        }
        self.move_data();
    }

    fn next_request(&mut self) {
        let Some(data) = &self.data else { return };
        let (interface, max_packet) = (u16::from(data.serial.control_interface), self.arrival.max_packet());
        let Some(request) = self.shared.state().requests.pop_front() else {
            return;
        };
        let write =
            |request, value, bytes| ControlTransfer::write(TO_INTERFACE, request, value, interface, bytes, max_packet);
        let transfer = match request {
            PortRequest::LineCoding { baud } => {
                let [b0, b1, b2, b3] = baud.to_le_bytes();
                // 1 stop bit, no parity, 8 data bits
                write(SET_LINE_CODING, 0, vec![b0, b1, b2, b3, 0, 0, 8])
            }
            PortRequest::ControlLines { dtr, rts } => {
                write(SET_CONTROL_LINE_STATE, u16::from(dtr) | u16::from(rts) << 1, Vec::new())
            }
        };
        self.control.begin(&mut self.bus, Arrival::address(), transfer);
    }

    fn move_data(&mut self) {
        let Some(mut data) = self.data.take() else { return };
        let waiting = self.shared.state().to_host.len();
        while data.ins.len() < INS && waiting + (data.ins.len() + 1) * PACKET_BYTES <= TO_HOST_BYTES {
            data.ins
                .push(self.bus.transact(Arrival::address(), data.serial.bulk_in, UsbToken::In));
        }
        while data.outs.len() < OUTS {
            let bytes = self.shared.state().take_output(usize::from(data.serial.out_bytes));
            if bytes.is_empty() {
                break;
            }
            let toggle = data.out_toggle;
            data.out_toggle = !toggle;
            let token = UsbToken::Out { data: bytes, toggle };
            data.outs
                .push(self.bus.transact(Arrival::address(), data.serial.bulk_out, token));
        }
        self.data = Some(data);
    }
}

fn remove(ids: &mut Vec<u64>, id: u64) -> bool {
    let place = ids.iter().position(|other| *other == id);
    place.map(|place| ids.remove(place)).is_some()
}

impl UsbHost for SerialHost {
    fn has_work(&self) -> bool {
        let state = self.shared.state();
        if (state.plugged && !state.dropped) != self.plugged {
            return true;
        }
        let Some(data) = &self.data else { return false };
        let reads = data.ins.len() < INS && state.to_host.len() + (data.ins.len() + 1) * PACKET_BYTES <= TO_HOST_BYTES;
        let writes = data.outs.len() < OUTS && !state.to_device.is_empty();
        reads || writes || !self.control.is_busy() && !state.requests.is_empty()
    }

    fn serve(&mut self, events: Vec<UsbEvent>) -> Vec<UsbAction> {
        for event in events {
            self.see(event.what);
        }
        self.work();
        self.bus.take()
    }

    fn is_ownerless(&self) -> bool {
        self.shared.state().dropped
    }

    fn is_over(&self) -> bool {
        !self.plugged && self.shared.state().dropped
    }

    fn close(&mut self) {
        self.data = None;
        self.shared.state().set_device(CdcState::Closed);
    }
}
