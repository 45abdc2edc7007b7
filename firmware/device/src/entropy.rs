//! Randomness for chips that have no documented generator: noise that the board samples, health tests, conditioning,
//! and a deterministic generator behind it.
//!
//! Claims: none is based on a measurement. The noise is the source that the board names (jitter between two
//! oscillators). It is assumed, with a margin of six, that a sample carries [`ASSUMED_BITS_PER_SAMPLE`] of min-entropy.
//! No silicon was assessed, which SP 800-90B, section 3 requires before anybody may rely on it. Implemented are both
//! continuous health tests of SP 800-90B, section 4.4 over every sample, at start-up over more than the 1,024 samples
//! that section 4.3 requires; any failure ends the collection, and the board makes neither key nor session. The samples
//! are conditioned by SHA-256 (section 3.1.5.1.1), which seeds HMAC_DRBG with SHA-256 (SP 800-90A, section 10.1.2).

use rfc6979::HmacDrbg;
use sha2::{Digest as _, Sha256};

/// Assumed min-entropy of a sample, in bits, as a fraction: 1/2.
pub const ASSUMED_BITS_PER_SAMPLE: (u32, u32) = (1, 2);

/// Samples of a seed: six times the number for 256 bits under the assumption.
const SEED_SAMPLES: usize = 3072;
/// Samples of the nonce: its 128 bits, four times (SP 800-90A, section 8.6.7).
const NONCE_SAMPLES: usize = 1024;

/// This many equal samples in a row have a probability of less than 1 in 2^20: 1 + 20 / H (section 4.4.1).
const REPETITION_CUTOFF: u32 = 1 + 20 * ASSUMED_BITS_PER_SAMPLE.1 / ASSUMED_BITS_PER_SAMPLE.0;
/// Window of a source that is not binary (section 4.4.2).
const WINDOW_SAMPLES: u32 = 512;
/// 1 + CRITBINOM(512, 2^-H, 1 - 2^-20) at H = 1/2.
const PROPORTION_CUTOFF: u32 = 410;

/// The source of noise is not healthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unhealthy {
    /// One value occurred too often in a row: the source is stuck.
    Repetition,
    /// One value occurred too often within a window: the source has lost its noise.
    Proportion,
}

impl core::fmt::Display for Unhealthy {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Repetition => "the source of noise is stuck",
            Self::Proportion => "the source of noise favours one value",
        })
    }
}

/// The generator, seeded once.
pub struct Generator(HmacDrbg<Sha256>);

impl Generator {
    /// Draws samples, tests each of them, and seeds a generator. Public data about the chip is added as
    /// personalisation.
    ///
    /// # Errors
    /// [`Unhealthy`]: there is no generator then, and no key must be made.
    pub fn collect(mut sample: impl FnMut() -> u8, personalisation: &[u8]) -> Result<Self, Unhealthy> {
        let mut tests = HealthTests::default();
        let mut condition = |count| {
            let mut hasher = Sha256::new();
            for _ in 0..count {
                let sample = sample();
                tests.check(sample)?;
                hasher.update([sample]);
            }
            Ok(hasher.finalize())
        };
        let (seed, nonce) = (condition(SEED_SAMPLES)?, condition(NONCE_SAMPLES)?);
        Ok(Self(HmacDrbg::new(&seed, &nonce, personalisation)))
    }

    /// Fills a buffer.
    pub fn fill(&mut self, out: &mut [u8]) {
        self.0.fill_bytes(out);
    }
}

/// The continuous health tests.
#[derive(Default)]
struct HealthTests {
    last: Option<u8>,
    in_a_row: u32,
    /// The window's first sample.
    first: u8,
    /// How often the value occurred, and how many samples the window has.
    same: u32,
    seen: u32,
}

impl HealthTests {
    fn check(&mut self, sample: u8) -> Result<(), Unhealthy> {
        self.in_a_row = if self.last == Some(sample) {
            self.in_a_row + 1
        } else {
            1
        };
        self.last = Some(sample);
        if self.seen == 0 {
            (self.first, self.same) = (sample, 0);
        }
        self.same += u32::from(sample == self.first);
        self.seen = (self.seen + 1) % WINDOW_SAMPLES;
        if self.in_a_row >= REPETITION_CUTOFF {
            Err(Unhealthy::Repetition)
        } else if self.same >= PROPORTION_CUTOFF {
            Err(Unhealthy::Proportion)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hmac::{Hmac, Mac as _};
    use std::vec::Vec;

    /// Samples that look well, from a counter.
    fn noise() -> impl FnMut() -> u8 {
        let mut count = 0u32;
        move || {
            count += 1;
            (count.wrapping_mul(0x9E37_79B1) >> 24) as u8
        }
    }

    fn drawn(source: impl FnMut() -> u8, personalisation: &[u8]) -> [u8; 80] {
        let mut out = [0; 80];
        let generator = Generator::collect(source, personalisation);
        generator.unwrap_or_else(|_| panic!("healthy")).fill(&mut out);
        out
    }

    #[track_caller]
    fn check(source: impl FnMut() -> u8, expected: Unhealthy) {
        match Generator::collect(source, &[]) {
            Ok(_) => panic!("it was taken for healthy"),
            Err(unhealthy) => assert_eq!(unhealthy, expected),
        }
    }

    #[test]
    fn a_stuck_source_gives_no_generator() {
        check(|| 7, Unhealthy::Repetition);
        // Healthy for all of the seed, stuck in the nonce.
        let (mut good, mut drawn) = (noise(), 0);
        check(
            || {
                drawn += 1;
                if drawn > SEED_SAMPLES + 500 { 0 } else { good() }
            },
            Unhealthy::Repetition,
        );
    }

    #[test]
    fn a_source_that_favours_one_value_gives_no_generator() {
        let mut count = 0u32;
        // Five in six, never more than five in a row; a window may begin at any of them.
        check(
            || {
                count += 1;
                if count.is_multiple_of(6) {
                    (count / 6) as u8 | 1
                } else {
                    0
                }
            },
            Unhealthy::Proportion,
        );
    }

    #[test]
    fn the_cutoffs_are_where_the_standard_has_them() {
        let outcome = |runs: u32| {
            let mut tests = HealthTests::default();
            (0..runs).map(|_| tests.check(1)).collect::<Result<Vec<_>, _>>()
        };
        assert!(outcome(40).is_ok());
        assert_eq!(outcome(41), Err(Unhealthy::Repetition));
        let outcome = |same: u32| {
            let mut tests = HealthTests::default();
            // In runs of 40, then another value, so that only the proportion test fails.
            let of_the_first = (0..same)
                .flat_map(|at| [Some(1), (at % 40 == 39).then_some(2)])
                .flatten();
            of_the_first
                .map(|sample| tests.check(sample))
                .collect::<Result<Vec<_>, _>>()
        };
        assert!(outcome(409).is_ok());
        assert_eq!(outcome(410), Err(Unhealthy::Proportion));
    }

    #[test]
    fn each_sample_and_the_chip_matter() {
        let expected = drawn(noise(), b"chip");
        assert_eq!(drawn(noise(), b"chip"), expected);
        assert_ne!(drawn(noise(), b"another"), expected);
        for changed in [0, SEED_SAMPLES - 1, SEED_SAMPLES, SEED_SAMPLES + NONCE_SAMPLES - 1] {
            let (mut source, mut at) = (noise(), 0);
            let other = drawn(
                || {
                    at += 1;
                    source() ^ u8::from(at - 1 == changed)
                },
                b"chip",
            );
            assert_ne!(other, expected, "sample {changed}");
        }
    }

    /// SP 800-90A, 10.1.2, implemented independently: the generator is the claimed one.
    #[test]
    fn the_generator_is_hmac_drbg() {
        let mac = |key: &[u8], parts: &[&[u8]]| -> Vec<u8> {
            let mut mac = <Hmac<Sha256> as hmac::Mac>::new_from_slice(key).unwrap();
            parts.iter().for_each(|part| mac.update(part));
            mac.finalize().into_bytes().to_vec()
        };
        let mut source = noise();
        let mut hash = |count| -> Vec<u8> {
            let samples: Vec<u8> = (0..count).map(|_| source()).collect();
            Sha256::digest(samples).to_vec()
        };
        let (seed, nonce) = (hash(SEED_SAMPLES), hash(NONCE_SAMPLES));
        let (mut key, mut value) = (std::vec![0; 32], std::vec![1; 32]);
        for round in [0, 1] {
            key = mac(&key, &[&value, &[round], &seed, &nonce, b"chip"]);
            value = mac(&key, &[&value]);
        }
        let mut expected = Vec::new();
        while expected.len() < 80 {
            value = mac(&key, &[&value]);
            expected.extend_from_slice(&value);
        }
        assert_eq!(drawn(noise(), b"chip"), expected[..80]);
    }
}
