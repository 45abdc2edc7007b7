//! A device and its gateway, joined by the link, advanced together.

use super::{board::TestBoard, gateway::Gateway, package::InSession};
use drydock_device::device::Device;
use drydock_protocol::{
    control::{FromDevice, FromHost, IdentityState, PairResult},
    device_to_gateway::{AppReport, Hello, Log, Metrics, Reply},
    envelope::{Envelope, Kind},
    framing,
    link::{Channel, Endpoint, MAX_FRAME_BYTES, Role},
};
use std::collections::VecDeque;

pub(crate) struct World {
    pub(crate) board: &'static TestBoard,
    pub(crate) device: Device,
    pub(crate) gateway: Gateway,
    host: Endpoint,
    epoch: u32,
    outgoing: VecDeque<u8>,
    control: framing::Reader,
    pub(crate) log: String,
    pub(crate) identities: Vec<IdentityState>,
    pub(crate) pair_results: Vec<PairResult>,
    /// Rates that the device has agreed to.
    pub(crate) agreed: Vec<u32>,
    /// The rate of the host's end of the wire. Bytes arrive whole only if the device's end has the same.
    pub(crate) host_rate: Option<u32>,
    /// Lets the test change bytes on the wire to the device; returns what arrives.
    pub(crate) noise: Option<fn(u64, u8) -> Option<u8>>,
    bytes_passed: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::on(TestBoard::new(), Gateway::new())
    }

    /// A device started on a board that may have a past.
    pub(crate) fn on(board: &'static TestBoard, gateway: Gateway) -> Self {
        Self {
            board,
            device: Device::new(board.as_ref()).expect("flash works"),
            gateway,
            host: Endpoint::new(Role::Host, 1),
            epoch: 1,
            outgoing: VecDeque::new(),
            control: framing::Reader::new(),
            log: String::new(),
            identities: Vec::new(),
            pair_results: Vec::new(),
            agreed: Vec::new(),
            host_rate: None,
            noise: None,
            bytes_passed: 0,
        }
    }

    /// A device that is enrolled and in session.
    pub(crate) fn in_session() -> Self {
        let mut world = Self::new();
        world.pair();
        world.run_until("a session", |world| {
            world.gateway.has_session() && world.gateway.sessions == 1
        });
        world
    }

    /// The device is reset; the host notices by the link's epoch.
    pub(crate) fn restart(self) -> Self {
        self.board.to_host.borrow_mut().clear();
        self.board.to_device.borrow_mut().clear();
        let mut gateway = self.gateway;
        gateway.reset();
        Self::on(self.board, gateway)
    }

    pub(crate) fn pair(&mut self) {
        let pair = self.gateway.pair();
        self.send_control(&FromHost::Pair(pair));
    }

    pub(crate) fn send_control(&mut self, message: &FromHost) {
        let body = minicbor::to_vec(message).expect("encodes");
        let framed = framing::framed(&body).expect("fits");
        assert_eq!(self.host.write(Channel::Control, &framed), framed.len());
    }

    /// The host program restarts.
    pub(crate) fn restart_host(&mut self) {
        self.epoch += 1;
        self.host = Endpoint::new(Role::Host, self.epoch);
        self.outgoing.clear();
        self.control = framing::Reader::new();
        self.gateway.reset();
    }

    /// One turn of the device and of everything around it.
    pub(crate) fn turn(&mut self) {
        let rate = self.board.link_rate.get();
        self.device.turn();
        let now_ms = self.board.now_us.get() / 1000;
        let mut bytes: Vec<u8> = self.board.to_host.borrow_mut().drain(..).collect();
        // It changes its rate after everything of the turn.
        if rate != self.host_rate {
            bytes.iter_mut().for_each(|byte| *byte = byte.rotate_left(3) ^ 0x55);
        }
        self.host.receive(&bytes, now_ms);
        if self.host.take_reset().is_some() {
            self.gateway.reset();
            self.outgoing.clear();
            self.control = framing::Reader::new();
        }
        self.read_channels();
        let mut frame = [0; MAX_FRAME_BYTES];
        loop {
            let len = self.host.transmit(now_ms, &mut frame);
            if len == 0 {
                break;
            }
            for byte in &frame[..len] {
                self.bytes_passed += 1;
                let arrived = match self.noise {
                    Some(noise) => noise(self.bytes_passed, *byte),
                    None => Some(*byte),
                };
                let arrived = match self.board.link_rate.get() == self.host_rate {
                    true => arrived,
                    false => arrived.map(|byte| byte.rotate_left(3) ^ 0x55),
                };
                self.board.to_device.borrow_mut().extend(arrived);
            }
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
        loop {
            let count = self.host.read(Channel::Control, &mut bytes);
            if count == 0 {
                break;
            }
            let mut rest = &bytes[..count];
            while let Some(message) = self.control.next(&mut rest).expect("framed") {
                match minicbor::decode(message).expect("a control message") {
                    FromDevice::Identity(identity) => self.identities.push(identity.state),
                    FromDevice::PairResult(result) => self.pair_results.push(result),
                    FromDevice::LinkRate(baud) => self.agreed.push(baud),
                }
            }
        }
        let mut arrived = Vec::new();
        loop {
            let count = self.host.read(Channel::Session, &mut bytes);
            if count == 0 {
                break;
            }
            arrived.extend_from_slice(&bytes[..count]);
        }
        let answer = self.gateway.exchange(&arrived);
        self.outgoing.extend(answer);
        let (front, _) = self.outgoing.as_slices();
        let taken = self.host.write(Channel::Session, front);
        self.outgoing.drain(..taken);
    }

    /// Sends raw bytes to the device's TLS.
    pub(crate) fn inject(&mut self, bytes: &[u8]) {
        self.outgoing.extend(bytes);
    }

    /// Runs until the condition holds.
    pub(crate) fn run_until(&mut self, what: &str, mut condition: impl FnMut(&mut Self) -> bool) {
        for _ in 0..200_000 {
            if condition(self) {
                return;
            }
            self.turn();
        }
        panic!(
            "{what} did not come; log:\n{}\ngateway: {:?}",
            self.log, self.gateway.failures
        );
    }

    /// Runs for a while of virtual time.
    pub(crate) fn run_for_ms(&mut self, ms: u64) {
        let end = self.board.now_us.get() + ms * 1000;
        while self.board.now_us.get() < end {
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
