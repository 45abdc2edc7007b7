//! A machine that runs the board's firmware, and its gateway, advanced together in virtual time.

use super::{gateway::Gateway, package::InSession};
use drydock_emulator::cable::usb_host::{CdcPort, CdcState, SerialHost, UsbIdentity};
use drydock_emulator::runner::serve_usb;
use drydock_emulator::{GuestFault, Image, Machine, ResetKind, RunLimit, Seed, StopReason, VirtualTime};
use drydock_protocol::{
    control::FromHost,
    device_to_gateway::{AppReport, Hello, Log, Metrics, Reply},
    envelope::{Envelope, Kind},
    framing,
    link::{Channel, Endpoint, MAX_FRAME_BYTES, Role},
};
use std::collections::VecDeque;

const BOARD: &str = "nano33ble";
/// How often the host looks at the line.
const STEP: VirtualTime = VirtualTime::from_ms(1);
/// Time limit of a wait.
const PATIENCE: VirtualTime = VirtualTime::from_seconds(60);

pub(crate) struct World {
    pub(crate) machine: Box<dyn Machine>,
    pub(crate) gateway: Gateway,
    host: Endpoint,
    /// The chip's UART that the link is on.
    uart: u8,
    outgoing: VecDeque<u8>,
    /// A host in the USB socket. While its port is ready, the link's host is at its other end, otherwise at the UART.
    pub(crate) usb: Option<(CdcPort, SerialHost)>,
    /// The firmware's own log.
    pub(crate) log: String,
    /// Resets that the board made by itself.
    pub(crate) resets: Vec<ResetKind>,
    pub(crate) faults: Vec<GuestFault>,
    /// When to cut the power, briefly; `None` once that is done.
    pub(crate) cut_at: Option<VirtualTime>,
}

impl World {
    /// A blank board that was just switched on.
    pub(crate) fn new(image: &Image) -> Self {
        Self::of(BOARD, image)
    }

    /// As [`Self::new`], of another kind.
    pub(crate) fn of(board: &str, image: &Image) -> Self {
        let board = drydock_assets::board(board).expect("the board is described");
        let engine = drydock_emulator::engines().remove(0);
        let mut machine = engine.open(&board, Seed([7; 32])).expect("opens");
        machine.load(image).expect("fits");
        machine.reset(ResetKind::PowerOn).expect("resets");
        Self {
            machine,
            gateway: Gateway::new(),
            host: Endpoint::new(Role::Host, 1),
            uart: board.link.uart,
            outgoing: VecDeque::new(),
            usb: None,
            log: String::new(),
            resets: Vec::new(),
            faults: Vec::new(),
            cut_at: None,
        }
    }

    /// A board that is enrolled and in session.
    pub(crate) fn in_session(image: &Image) -> Self {
        Self::new(image).enrolled()
    }

    /// With a host in its USB socket that has opened the serial port.
    pub(crate) fn on_usb(mut self) -> Self {
        self.usb = Some(CdcPort::detached());
        self.run_until("a USB device", |world| world.usb_is_ready());
        self.port().set_line_coding(115_200);
        self.port().set_control_lines(true, true);
        self
    }

    pub(crate) fn port(&mut self) -> &mut CdcPort {
        &mut self.usb.as_mut().expect("a host is plugged in").0
    }

    pub(crate) fn usb_is_ready(&self) -> bool {
        let port = self.usb.as_ref().map(|(port, _)| port.device());
        matches!(port, Some(CdcState::Ready(_)))
    }

    pub(crate) fn usb_identity(&mut self) -> UsbIdentity {
        self.port().identity().expect("it is ready")
    }

    /// Waits for the session.
    pub(crate) fn enrolled(self) -> Self {
        let mut world = self;
        world.run_for_ms(200);
        let pair = FromHost::Pair(world.gateway.pair());
        let framed = framing::framed(&minicbor::to_vec(&pair).expect("encodes")).expect("fits");
        assert_eq!(world.host.write(Channel::Control, &framed), framed.len());
        world.run_until("a session", |world| {
            world.gateway.has_session() && world.gateway.sessions == 1
        });
        world
    }

    /// Runs machine, link and gateway for a millisecond.
    fn turn(&mut self) {
        let step = self.machine.now() + STEP;
        let until = self.cut_at.map_or(step, |cut| cut.min(step));
        while self.machine.now() < until {
            match self.machine.run(RunLimit::until(until)).expect("the engine runs") {
                StopReason::Deadline => {}
                StopReason::Reset(kind) => self.resets.push(kind),
                reason => panic!("it stopped: {reason:?}, {:?}\n{}", self.machine.take_faults(), self.log),
            }
        }
        self.faults.extend(self.machine.take_faults());
        if self.cut_at.is_some_and(|cut| cut <= self.machine.now()) {
            self.cut_at = None;
            self.machine.reset(ResetKind::PowerOn).expect("resets");
        }
        let now_ms = self.machine.now().as_us() / 1000;
        let on_usb = self.usb_is_ready();
        for output in self.machine.take_uart_output() {
            if !on_usb {
                self.host.receive(&output.bytes, now_ms);
            }
        }
        if let Some((port, usb)) = &mut self.usb {
            serve_usb(self.machine.as_mut(), usb, |_| {});
            self.host.receive(&port.fetch(), now_ms);
        }
        if self.host.take_reset().is_some() {
            self.gateway.reset();
            self.outgoing.clear();
        }
        self.read_channels();
        let mut frame = [0; MAX_FRAME_BYTES];
        loop {
            let len = self.host.transmit(now_ms, &mut frame);
            if len == 0 {
                return;
            }
            let taken = match &mut self.usb {
                Some((port, _)) if on_usb => port.give(&frame[..len]),
                _ => self.machine.uart_input(self.uart, &frame[..len]).expect("a UART"),
            };
            // The link repeats what does not fit.
            assert!(taken == len || on_usb, "the queue has room");
        }
    }

    fn read_channels(&mut self) {
        let mut bytes = [0; 512];
        loop {
            let count = self.host.read(Channel::Log, &mut bytes);
            if count == 0 {
                break;
            }
            self.log.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
        while self.host.read(Channel::Control, &mut bytes) > 0 {}
        let mut arrived = Vec::new();
        loop {
            let count = self.host.read(Channel::Session, &mut bytes);
            if count == 0 {
                break;
            }
            arrived.extend_from_slice(&bytes[..count]);
        }
        self.outgoing.extend(self.gateway.exchange(&arrived));
        let (front, _) = self.outgoing.as_slices();
        let taken = self.host.write(Channel::Session, front);
        self.outgoing.drain(..taken);
    }

    /// Runs until the condition holds.
    pub(crate) fn run_until(&mut self, what: &str, mut condition: impl FnMut(&mut Self) -> bool) {
        let end = self.machine.now() + PATIENCE;
        while self.machine.now() < end {
            if condition(self) {
                return;
            }
            self.turn();
        }
        panic!(
            "{what} did not come; resets {:?}, faults {:?}, gateway {:?}, log:\n{}",
            self.resets, self.faults, self.gateway.failures, self.log
        );
    }

    pub(crate) fn run_for_ms(&mut self, ms: u64) {
        let end = self.machine.now() + VirtualTime::from_ms(ms);
        while self.machine.now() < end {
            self.turn();
        }
    }

    /// Waits for a message of this kind and takes it; earlier ones of other kinds stay.
    pub(crate) fn message(&mut self, kind: Kind) -> Vec<u8> {
        let find = |world: &Self| {
            world
                .gateway
                .inbox
                .iter()
                .position(|message| Envelope::decode(message).expect("an envelope").kind == kind as u16)
        };
        self.run_until(&format!("{kind:?}"), |world| find(world).is_some());
        let at = find(self).expect("just found");
        self.gateway.inbox.remove(at).expect("just found")
    }

    pub(crate) fn hello(&mut self) -> Hello {
        body(&self.message(Kind::Hello))
    }

    pub(crate) fn log_line(&mut self) -> Log {
        body(&self.message(Kind::Log))
    }

    pub(crate) fn metrics(&mut self) -> Metrics {
        body(&self.message(Kind::Metrics))
    }

    pub(crate) fn report(&mut self) -> AppReport {
        body(&self.message(Kind::AppReport))
    }
}

impl InSession for World {
    fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    fn ask<T: minicbor::Encode<()>>(&mut self, kind: Kind, request: &T) -> Reply {
        let id = self.gateway.request(kind, request);
        let reply = self.message(Kind::Reply);
        let envelope = Envelope::decode(&reply).expect("an envelope");
        assert_eq!(envelope.id, id);
        envelope.body().expect("a reply")
    }
}

fn body<T: for<'a> minicbor::Decode<'a, ()>>(message: &[u8]) -> T {
    Envelope::decode(message).expect("an envelope").body().expect("a body")
}
