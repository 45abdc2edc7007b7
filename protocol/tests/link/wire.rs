//! Two endpoints and the wire between them, in virtual time, with seeded noise.

use super::{Channel, Endpoint, MAX_FRAME_BYTES, Role};
use std::collections::VecDeque;

/// Bytes that the wire carries in a step; a byte of 8N1 has ten bits.
const BYTES_PER_STEP: usize = 10;
/// How long a byte takes from end to end, beside its place in the queue.
const LATENCY_US: u64 = 1_000;

/// What the endpoints are connected by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cable {
    pub(super) baud: u64,
    /// Bytes that the host's system takes before they are on the wire.
    pub(super) host_queue: usize,
    /// The device's room for received session bytes.
    pub(super) session_room: usize,
}

impl Cable {
    /// 1 Mbaud, and a host that hands out a frame when the wire is free.
    pub(super) const DIRECT: Self = Self {
        baud: 1_000_000,
        host_queue: BYTES_PER_STEP,
        session_room: 1024,
    };

    /// A serial port, whose driver has a queue, and a board with apps.
    pub(super) const fn port(baud: u64) -> Self {
        Self {
            baud,
            host_queue: 4096,
            session_room: 2048,
        }
    }

    fn step_us(self) -> u64 {
        BYTES_PER_STEP as u64 * 10_000_000 / self.baud
    }
}

/// The damage to bytes on the wire.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noise {
    /// Percentage of frames that get one byte changed.
    pub(super) frames_percent: u32,
    /// Bytes dropped, flipped and doubled, in a million.
    pub(super) per_million: [u32; 3],
    pub(super) seed: u32,
}

impl Noise {
    pub(super) const NONE: Self = Self {
        frames_percent: 0,
        per_million: [0; 3],
        seed: 0,
    };

    pub(super) const fn frames(percent: u32, seed: u32) -> Self {
        Self {
            frames_percent: percent,
            seed,
            ..Self::NONE
        }
    }

    /// 1 % of frames, and 1 byte in 10,000 each dropped, flipped or doubled.
    pub(super) const fn promised(seed: u32) -> Self {
        Self {
            per_million: [100; 3],
            ..Self::frames(1, seed)
        }
    }
}

pub(super) struct Pair {
    pub(super) device: Endpoint,
    pub(super) host: Endpoint,
    to_host: Line,
    to_device: Line,
    steps: u64,
    step_us: u64,
}

struct Line {
    noise: Noise,
    /// Bytes that it takes before they are on the wire.
    queue_bytes: usize,
    latency_steps: u64,
    random: u64,
    queue: VecDeque<u8>,
    flying: VecDeque<(u64, u8)>,
    cut: bool,
}

impl Pair {
    pub(super) fn new(noise: Noise) -> Self {
        Self::over(Cable::DIRECT, noise)
    }

    pub(super) fn over(cable: Cable, noise: Noise) -> Self {
        let step_us = cable.step_us();
        let latency = LATENCY_US.div_ceil(step_us);
        Self {
            device: Endpoint::new(Role::Device, 1).with_session_room(cable.session_room),
            host: Endpoint::new(Role::Host, 2),
            to_host: Line::new(noise, 1, BYTES_PER_STEP, latency),
            to_device: Line::new(noise, 2, cable.host_queue, latency),
            steps: 0,
            step_us,
        }
    }

    /// Cuts or restores both directions.
    pub(super) fn cut(&mut self, cut: bool) {
        self.to_host.cut = cut;
        self.to_device.cut = cut;
    }

    pub(super) fn step(&mut self) {
        self.steps += 1;
        let now_ms = self.steps * self.step_us / 1_000;
        self.to_host.step(self.steps, now_ms, &mut self.device, &mut self.host);
        self.to_device
            .step(self.steps, now_ms, &mut self.host, &mut self.device);
    }

    pub(super) fn run_for_ms(&mut self, ms: u64) {
        for _ in 0..ms * 1_000 / self.step_us {
            self.step();
        }
    }

    pub(super) fn run_until(&mut self, what: &str, limit_ms: u64, mut done: impl FnMut(&mut Self) -> bool) {
        for _ in 0..limit_ms * 1_000 / self.step_us {
            if done(self) {
                return;
            }
            self.step();
        }
        panic!(
            "no end in {limit_ms} ms: {what}; device {:?}, host {:?}",
            self.device.stats(),
            self.host.stats()
        );
    }

    /// Up, first reset taken on both sides.
    pub(super) fn settle(&mut self) {
        self.run_until("up", 30_000, |pair| pair.device.is_up() && pair.host.is_up());
        self.device.take_reset().expect("a first peer");
        self.host.take_reset().expect("a first peer");
    }

    /// Carries the data one way and returns the time it took in microseconds.
    pub(super) fn transfer(&mut self, from: Role, channel: Channel, data: &[u8]) -> u64 {
        let begin = self.steps;
        let (mut sent, mut got) = (0, Vec::new());
        self.run_until("a transfer", 60_000, |pair| {
            let (source, sink) = match from {
                Role::Device => (&mut pair.device, &mut pair.host),
                Role::Host => (&mut pair.host, &mut pair.device),
            };
            sent += source.write(channel, &data[sent..]);
            read_all(sink, channel, &mut got);
            got.len() >= data.len() && source.is_flushed(channel)
        });
        assert!(got == data, "{} bytes arrived changed", data.len());
        (self.steps - begin) * self.step_us
    }

    /// Carries data both ways at once, in `session` and, the same data again, in `control`.
    pub(super) fn transfer_both_ways(&mut self, to_host: &[u8], to_device: &[u8], limit_ms: u64) {
        let mut flows = [Channel::Session, Channel::Control].map(|channel| {
            let share = if channel == Channel::Control { 10 } else { 1 };
            let (up, down) = (to_host.len() / share, to_device.len() / share);
            (
                channel,
                &to_host[..up],
                &to_device[..down],
                [0, 0],
                [Vec::new(), Vec::new()],
            )
        });
        self.run_until("transfers both ways", limit_ms, |pair| {
            let mut done = true;
            for (channel, up, down, sent, got) in &mut flows {
                sent[0] += pair.device.write(*channel, &up[sent[0]..]);
                sent[1] += pair.host.write(*channel, &down[sent[1]..]);
                read_all(&mut pair.host, *channel, &mut got[0]);
                read_all(&mut pair.device, *channel, &mut got[1]);
                done &= got[0].len() >= up.len() && got[1].len() >= down.len();
                done &= pair.host.is_flushed(*channel) && pair.device.is_flushed(*channel);
            }
            done
        });
        for (channel, up, down, _, got) in &flows {
            assert!(got[0] == *up, "{channel:?} to the host arrived changed");
            assert!(got[1] == *down, "{channel:?} to the device arrived changed");
        }
    }
}

fn read_all(endpoint: &mut Endpoint, channel: Channel, into: &mut Vec<u8>) {
    let mut piece = [0; 512];
    loop {
        let read = endpoint.read(channel, &mut piece);
        if read == 0 {
            return;
        }
        into.extend_from_slice(&piece[..read]);
    }
}

impl Line {
    fn new(noise: Noise, salt: u64, queue_bytes: usize, latency_steps: u64) -> Self {
        Self {
            noise,
            queue_bytes,
            latency_steps,
            random: (u64::from(noise.seed) << 8 | salt).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            queue: VecDeque::new(),
            flying: VecDeque::new(),
            cut: false,
        }
    }

    fn step(&mut self, step: u64, now_ms: u64, from: &mut Endpoint, to: &mut Endpoint) {
        while self.queue.len() < self.queue_bytes {
            let mut frame = [0; MAX_FRAME_BYTES];
            let len = from.transmit(now_ms, &mut frame);
            if len == 0 {
                break;
            }
            if self.chance(self.noise.frames_percent * 10_000) {
                let at = self.below(len as u32) as usize;
                frame[at] = self.below(256) as u8;
            }
            self.queue.extend(&frame[..len]);
        }
        for _ in 0..BYTES_PER_STEP {
            let Some(byte) = self.queue.pop_front() else { break };
            let [drop, flip, double] = self.noise.per_million;
            if self.cut || self.chance(drop) {
                continue;
            }
            let byte = if self.chance(flip) {
                byte ^ 1 << self.below(8)
            } else {
                byte
            };
            for _ in 0..if self.chance(double) { 2 } else { 1 } {
                self.flying.push_back((step + self.latency_steps, byte));
            }
        }
        let mut arrived = Vec::new();
        while self.flying.front().is_some_and(|(at, _)| *at <= step) {
            arrived.extend(self.flying.pop_front().map(|(_, byte)| byte));
        }
        to.receive(&arrived, now_ms);
    }

    fn chance(&mut self, per_million: u32) -> bool {
        per_million > 0 && self.below(1_000_000) < per_million
    }

    /// xorshift64* (Vigna).
    fn below(&mut self, limit: u32) -> u32 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        let word = self.random.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        ((word * u64::from(limit)) >> 32) as u32
    }
}
