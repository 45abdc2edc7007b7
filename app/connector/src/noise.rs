//! A bad cable, from a seed: damages frames, and drops, flips and doubles bytes on their way through a stream.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The rates of damage, in each direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noise {
    /// Link frames, in a million, that get one byte changed.
    pub frames_per_million: u32,
    /// Bytes dropped, in a million.
    pub dropped_per_million: u32,
    /// Bytes, in a million, that get one bit flipped.
    pub flipped_per_million: u32,
    /// Bytes doubled, in a million.
    pub doubled_per_million: u32,
    /// The same seed and the same bytes give the same damage.
    pub seed: u64,
}

impl Noise {
    /// The damage that the link must survive: 1 % of frames damaged, and of 10,000 bytes one dropped, one flipped, one
    /// doubled.
    pub fn promised(seed: u64) -> Self {
        Self::of_frames(0.01, seed)
    }

    /// A share of frames damaged (0 to 1), and a hundredth of that share of bytes dropped, flipped and doubled.
    pub fn of_frames(share: f64, seed: u64) -> Self {
        let frames = (share.clamp(0.0, 1.0) * 1e6) as u32;
        Self {
            frames_per_million: frames,
            dropped_per_million: frames / 100,
            flipped_per_million: frames / 100,
            doubled_per_million: frames / 100,
            seed,
        }
    }
}

/// A stream through which both directions are noisy.
#[derive(Debug)]
pub struct NoisyStream<S> {
    inner: S,
    inward: Direction,
    outward: Direction,
}

/// One direction of the cable.
#[derive(Debug)]
struct Direction {
    noise: Noise,
    random: u64,
    /// Bytes until the one that damages the frame under way.
    damage_in: Option<u32>,
    /// The last byte was a frame's end.
    between_frames: bool,
    /// Bytes that have passed the noise and wait for the reader or the wire.
    passed: VecDeque<u8>,
}

impl<S> NoisyStream<S> {
    /// Puts a noisy cable before a stream.
    pub fn new(inner: S, noise: Noise) -> Self {
        Self {
            inner,
            inward: Direction::new(noise, 1),
            outward: Direction::new(noise, 2),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for NoisyStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.inward.passed.is_empty() {
            let mut bytes = [0; 1024];
            let mut read = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.inward.pass(read.filled());
        }
        let (bytes, _) = this.inward.passed.as_slices();
        let count = bytes.len().min(out.remaining());
        out.put_slice(&bytes[..count]);
        this.inward.passed.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> NoisyStream<S> {
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outward.passed.is_empty() {
            let (bytes, _) = self.outward.passed.as_slices();
            let count = ready!(Pin::new(&mut self.inner).poll_write(cx, bytes))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.outward.passed.drain(..count);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for NoisyStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_drain(cx))?;
        self.outward.pass(bytes);
        // Bytes that the stream does not accept now are sent at the next write or flush.
        match self.poll_drain(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl Direction {
    fn new(noise: Noise, salt: u64) -> Self {
        Self {
            noise,
            // Odd, so never zero, and far apart for neighbouring seeds.
            random: (noise.seed << 2 | salt).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            damage_in: None,
            between_frames: true,
            passed: VecDeque::new(),
        }
    }

    fn pass(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let mut byte = *byte;
            if byte != 0 && self.between_frames && self.chance(self.noise.frames_per_million) {
                // Within the shortest frame.
                self.damage_in = Some(self.below(12));
            }
            self.between_frames = byte == 0;
            match &mut self.damage_in {
                Some(0) => {
                    byte ^= 1 + self.below(255) as u8;
                    self.damage_in = None;
                }
                Some(left) => *left -= 1,
                None => {}
            }
            if self.chance(self.noise.dropped_per_million) {
                continue;
            }
            if self.chance(self.noise.flipped_per_million) {
                byte ^= 1 << self.below(8);
            }
            if self.chance(self.noise.doubled_per_million) {
                self.passed.push_back(byte);
            }
            self.passed.push_back(byte);
        }
    }

    fn chance(&mut self, per_million: u32) -> bool {
        per_million > 0 && self.below(1_000_000) < per_million
    }

    /// A number below the limit, by xorshift64* (Vigna, 2016).
    fn below(&mut self, limit: u32) -> u32 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        let word = self.random.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        ((word * u64::from(limit)) >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(noise: Noise, expected: std::ops::RangeInclusive<usize>) {
        let frames: Vec<u8> = (0..200_000u32).map(|i| if i % 20 == 19 { 0 } else { 7 }).collect();
        let passed = |seed| {
            let mut direction = Direction::new(Noise { seed, ..noise }, 1);
            direction.pass(&frames);
            Vec::from(direction.passed)
        };
        let intact = |bytes: &[u8]| {
            bytes
                .split(|byte| *byte == 0)
                .filter(|frame| **frame == [7; 19])
                .count()
        };
        assert_eq!(passed(1), passed(1));
        assert_ne!(passed(1), passed(2));
        let damaged = 10_000 - intact(&passed(1));
        assert!(
            expected.contains(&damaged),
            "{damaged} of 10,000 frames are damaged by {noise:?}"
        );
    }

    #[test]
    fn damages_as_much_as_was_asked() {
        let none = Noise::of_frames(0.0, 0);
        check(
            Noise {
                frames_per_million: 10_000,
                ..none
            },
            70..=130,
        );
        check(
            Noise {
                dropped_per_million: 1_000,
                ..none
            },
            150..=250,
        );
        check(
            Noise {
                flipped_per_million: 1_000,
                ..none
            },
            150..=250,
        );
        check(
            Noise {
                doubled_per_million: 1_000,
                ..none
            },
            140..=240,
        );
    }
}
