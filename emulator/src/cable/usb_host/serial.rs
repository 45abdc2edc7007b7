//! The host's software for one cable: plugs it in, enumerates the device, and moves the bytes of its serial port.

use std::sync::Arc;

use super::control::{ControlTransfer, Progress};
use super::descriptor::SerialInterface;
use super::enumerate::{ADDRESS, Enumeration, EnumerationError, Next};
use super::port::{CdcState, PortRequest, Shared, TO_HOST_BYTES};
use crate::runner::UsbHost;
use crate::{UsbAction, UsbEvent, UsbOccurrence, UsbReply, UsbToken, UsbTransaction, VirtualTime};

/// USB 2.0 7.1.7.3: power is stable this long after a device was plugged in.
const DEBOUNCE: VirtualTime = VirtualTime::from_ms(100);
/// Recovery after a reset: 7.1.7.5.
const AFTER_RESET: VirtualTime = VirtualTime::from_ms(10);
/// Recovery after SET_ADDRESS: 9.2.6.3.
const AFTER_ADDRESS: VirtualTime = VirtualTime::from_ms(2);
/// Longest time for a request: 9.2.6.1.
const REQUEST_TIME: VirtualTime = VirtualTime::from_seconds(5);
/// How often a device is reset and asked again.
const ATTEMPTS: u8 = 3;

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
    phase: Phase,
    /// The cable is plugged in.
    plugged: bool,
    attempts: u8,
    control: Option<(ControlTransfer, u64)>,
    next_id: u64,
    /// The timer whose event is awaited.
    timer: Option<u64>,
    /// The time limit of the request on its way.
    deadline: Option<u64>,
    data: Option<DataPipes>,
    actions: Vec<UsbAction>,
}

#[derive(Debug)]
enum Phase {
    /// No device shows itself.
    Absent,
    Debounce,
    Reset,
    Recovery,
    Enumerating(Enumeration),
    /// The request waits until the device has taken its address.
    Addressed(Enumeration),
    Ready,
    Failed,
}

/// The bulk endpoints, with the ids of their transactions in flight.
#[derive(Debug)]
struct DataPipes {
    serial: SerialInterface,
    max_packet: usize,
    ins: Vec<u64>,
    in_toggle: bool,
    outs: Vec<u64>,
    out_toggle: bool,
}

impl SerialHost {
    pub(super) fn of(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            phase: Phase::Absent,
            plugged: false,
            attempts: 0,
            control: None,
            next_id: 0,
            timer: None,
            deadline: None,
            data: None,
            actions: Vec::new(),
        }
    }

    fn see(&mut self, what: UsbOccurrence) {
        match what {
            UsbOccurrence::Plugged(plugged) => {
                self.plugged = plugged;
                if !plugged {
                    self.lost();
                }
            }
            UsbOccurrence::PullUp(true) => {
                self.attempts = 0;
                self.enter(Phase::Debounce);
                self.start_timer(DEBOUNCE);
            }
            UsbOccurrence::PullUp(false) => self.lost(),
            UsbOccurrence::ResetDone => {
                self.enter(Phase::Recovery);
                self.start_timer(AFTER_RESET);
            }
            UsbOccurrence::Resumed => {}
            UsbOccurrence::Timer(id) if self.timer == Some(id) => {
                self.timer = None;
                self.timer_due();
            }
            UsbOccurrence::Timer(id) if self.deadline == Some(id) => {
                let (endpoint, inward) = (0, false);
                self.actions.push(UsbAction::Cancel { endpoint, inward });
            }
            UsbOccurrence::Timer(_) => {}
            UsbOccurrence::Done { id, reply } => self.done(id, reply),
        }
    }

    fn enter(&mut self, phase: Phase) {
        let device = match phase {
            Phase::Absent => CdcState::Disconnected,
            // The states with more to say are set where it is known.
            Phase::Ready | Phase::Failed => return self.phase = phase,
            _ => CdcState::Enumerating,
        };
        self.phase = phase;
        self.shared.state().set_device(device);
    }

    /// The device has gone.
    fn lost(&mut self) {
        self.control = None;
        self.deadline = None;
        self.timer = None;
        self.data = None;
        self.enter(Phase::Absent);
    }

    fn start_timer(&mut self, after: VirtualTime) {
        let id = self.id();
        self.timer = Some(id);
        self.actions.push(UsbAction::Timer { id, after });
    }

    fn timer_due(&mut self) {
        match std::mem::replace(&mut self.phase, Phase::Absent) {
            Phase::Debounce => {
                self.phase = Phase::Reset;
                self.actions.push(UsbAction::Reset);
            }
            Phase::Recovery => {
                let enumeration = Enumeration::new();
                let request = enumeration.request();
                self.phase = Phase::Enumerating(enumeration);
                self.send(request);
            }
            Phase::Addressed(enumeration) => {
                let request = enumeration.request();
                self.phase = Phase::Enumerating(enumeration);
                self.send(request);
            }
            phase => self.phase = phase,
        }
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn address(&self) -> u8 {
        match &self.phase {
            Phase::Enumerating(enumeration) => enumeration.address(),
            _ => ADDRESS,
        }
    }

    /// Begins a control transfer.
    fn send(&mut self, transfer: ControlTransfer) {
        let token = transfer.token();
        let id = self.transact(0, token);
        self.control = Some((transfer, id));
        let deadline = self.id();
        self.deadline = Some(deadline);
        self.actions.push(UsbAction::Timer {
            id: deadline,
            after: REQUEST_TIME,
        });
    }

    fn transact(&mut self, endpoint: u8, token: UsbToken) -> u64 {
        let (id, address) = (self.id(), self.address());
        self.actions.push(UsbAction::Transact(UsbTransaction {
            id,
            address,
            endpoint,
            token,
            patient: true,
        }));
        id
    }

    fn done(&mut self, id: u64, reply: UsbReply) {
        if let Some((transfer, awaited)) = &mut self.control
            && *awaited == id
        {
            match transfer.reply(reply) {
                Progress::Token(token) => {
                    let id = self.transact(0, token);
                    if let Some((_, awaited)) = &mut self.control {
                        *awaited = id;
                    }
                }
                Progress::Done(data) => self.answered(Some(data), true),
                Progress::Stalled => self.answered(None, true),
                Progress::Failed => self.answered(None, false),
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
                self.data = None;
                self.attempts = ATTEMPTS;
                self.failed(EnumerationError::NoAnswer("bulk endpoint"));
            }
            UsbReply::Ack | UsbReply::Nak | UsbReply::Withdrawn => {}
        }
    }

    /// A control transfer is over; `alive` if the device took part in it.
    fn answered(&mut self, data: Option<Vec<u8>>, alive: bool) {
        self.control = None;
        self.deadline = None;
        match std::mem::replace(&mut self.phase, Phase::Absent) {
            Phase::Enumerating(mut enumeration) => {
                let next = match alive {
                    true => enumeration.answer(data),
                    false => Err(EnumerationError::NoAnswer("endpoint 0")),
                };
                match next {
                    Ok(Next::Request(request)) => {
                        self.phase = Phase::Enumerating(enumeration);
                        self.send(request);
                    }
                    Ok(Next::AfterAddress) => {
                        self.phase = Phase::Addressed(enumeration);
                        self.start_timer(AFTER_ADDRESS);
                    }
                    Ok(Next::Configured(identity, serial)) => {
                        self.data = Some(DataPipes {
                            serial,
                            max_packet: enumeration.max_packet(),
                            ins: Vec::new(),
                            in_toggle: false,
                            outs: Vec::new(),
                            out_toggle: false,
                        });
                        self.enter(Phase::Ready);
                        self.shared.state().set_device(CdcState::Ready(identity));
                    }
                    Err(error) => self.failed(error),
                }
            }
            phase => {
                self.phase = phase;
                self.shared.state().answered();
            }
        }
    }

    fn failed(&mut self, error: EnumerationError) {
        self.attempts += 1;
        let hopeless = matches!(error, EnumerationError::Descriptor(_));
        if hopeless || self.attempts >= ATTEMPTS {
            self.enter(Phase::Failed);
            self.shared.state().set_device(CdcState::Failed(error));
        } else {
            self.phase = Phase::Reset;
            self.actions.push(UsbAction::Reset);
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
            self.actions
                .push(if wanted { UsbAction::Plug } else { UsbAction::Unplug });
            if !wanted {
                self.lost();
            }
            return;
        }
        if self.control.is_none() && matches!(self.phase, Phase::Ready) {
            self.next_request();
        }
        self.move_data();
    }

    fn next_request(&mut self) {
        let Some(data) = &self.data else { return };
        let (interface, max_packet) = (u16::from(data.serial.control_interface), data.max_packet);
        let Some(request) = self.shared.state().requests.pop_front() else {
            return;
        };
        let write =
            |request, value, bytes| ControlTransfer::write(TO_INTERFACE, request, value, interface, bytes, max_packet);
        self.send(match request {
            PortRequest::LineCoding { baud } => {
                let [b0, b1, b2, b3] = baud.to_le_bytes();
                // 1 stop bit, no parity, 8 data bits
                write(SET_LINE_CODING, 0, vec![b0, b1, b2, b3, 0, 0, 8])
            }
            PortRequest::ControlLines { dtr, rts } => {
                write(SET_CONTROL_LINE_STATE, u16::from(dtr) | u16::from(rts) << 1, Vec::new())
            }
        });
    }

    fn move_data(&mut self) {
        let Some(mut data) = self.data.take() else { return };
        let waiting = self.shared.state().to_host.len();
        while data.ins.len() < INS && waiting + (data.ins.len() + 1) * PACKET_BYTES <= TO_HOST_BYTES {
            data.ins.push(self.transact(data.serial.bulk_in, UsbToken::In));
        }
        while data.outs.len() < OUTS {
            let bytes = self.shared.state().take_output(usize::from(data.serial.out_bytes));
            if bytes.is_empty() {
                break;
            }
            let toggle = data.out_toggle;
            data.out_toggle = !toggle;
            let id = self.transact(data.serial.bulk_out, UsbToken::Out { data: bytes, toggle });
            data.outs.push(id);
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
        reads || writes || self.control.is_none() && !state.requests.is_empty()
    }

    fn serve(&mut self, events: Vec<UsbEvent>) -> Vec<UsbAction> {
        for event in events {
            self.see(event.what);
        }
        self.work();
        std::mem::take(&mut self.actions)
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
