//! The link under noise and hostile input.

use drydock_protocol::framing::Reader;
use drydock_protocol::link::frame::Frame;
use drydock_protocol::link::{Channel, Endpoint, MAX_FRAME_BYTES, Role};

/// Both sides take any bytes in pieces of any size, and the frames that they send decode.
pub fn link_frame(data: &[u8]) {
    for role in [Role::Device, Role::Host] {
        let mut endpoint = Endpoint::new(role, 1);
        let mut out = [0; MAX_FRAME_BYTES];
        for (at, piece) in data.chunks(7).enumerate() {
            let now_ms = 10 * at as u64;
            endpoint.receive(piece, now_ms);
            for channel in Channel::ALL {
                let mut read = [0; 64];
                assert!(endpoint.read(channel, &mut read) <= read.len());
            }
            let len = endpoint.transmit(now_ms, &mut out);
            if len > 0 {
                let frame = out[..len].strip_prefix(&[0]).unwrap_or(&out[..len]);
                let mut frame = frame.strip_suffix(&[0]).unwrap_or(frame).to_vec();
                assert!(Frame::decode(&mut frame).is_some(), "our own frame does not decode");
            }
        }
    }
}

/// Two sides over a wire that the input damages: the received bytes are the sent ones, in order, without a gap.
pub fn link_noise(data: &[u8]) {
    let mut device = Endpoint::new(Role::Device, 1);
    let mut host = Endpoint::new(Role::Host, 2);
    let mut noise = data.iter().copied();
    let (mut sent, mut arrived) = (Vec::new(), Vec::new());
    for round in 0..data.len() as u64 + 50 {
        let now_ms = 5 * round;
        let _ = (device.take_reset(), host.take_reset());
        let next = [round as u8, (round >> 8) as u8, 0x55];
        let taken = device.write(Channel::Session, &next);
        sent.extend_from_slice(&next[..taken]);
        carry(&mut device, &mut host, now_ms, &mut noise);
        carry(&mut host, &mut device, now_ms, &mut noise);
        let mut read = [0; 256];
        let len = host.read(Channel::Session, &mut read);
        arrived.extend_from_slice(&read[..len]);
    }
    assert!(
        sent.starts_with(&arrived),
        "the stream has a gap or bytes that nobody sent"
    );
}

/// Moves the frames of one side to the other. A byte of noise decides about each frame: most values leave it unchanged;
/// others drop it, double it, cut it or flip a bit.
fn carry(from: &mut Endpoint, to: &mut Endpoint, now_ms: u64, noise: &mut impl Iterator<Item = u8>) {
    let mut out = [0; MAX_FRAME_BYTES];
    for _ in 0..8 {
        let len = from.transmit(now_ms, &mut out);
        if len == 0 {
            return;
        }
        let what = noise.next().unwrap_or(0);
        let at = usize::from(what >> 3) % len;
        match what & 7 {
            1 => {}
            2 => {
                to.receive(&out[..len], now_ms);
                to.receive(&out[..len], now_ms);
            }
            3 => to.receive(&out[..at], now_ms),
            4 => {
                out[at] ^= 1 << (what >> 5);
                to.receive(&out[..len], now_ms);
            }
            _ => to.receive(&out[..len], now_ms),
        }
    }
}

/// A stream cut into messages byte by byte gives the same messages as the stream in one piece.
pub fn framing(data: &[u8]) {
    assert_eq!(messages_of(data.chunks(1)), messages_of(std::iter::once(data)));
}

/// The messages, and whether the stream broke.
fn messages_of<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, bool) {
    let mut reader = Reader::new();
    let mut messages = Vec::new();
    for mut piece in pieces {
        loop {
            match reader.next(&mut piece) {
                Ok(Some(message)) => messages.push(message.to_vec()),
                Ok(None) => break,
                Err(_) => return (messages, true),
            }
        }
    }
    (messages, false)
}
