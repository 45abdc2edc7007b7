//! Wires between boards: UART to UART with noise, and pin to pin. What enters a wire in one quantum of the bench leaves it
//! at the beginning of the next one.

use drydock_emulator::machine::entropy::EntropyStream;

/// Share by which the rates of two UARTs may differ; beyond it each frame's stop bit is missed.
const RATE_TOLERANCE: f64 = 0.05;

/// An end of a UART wire: board and UART.
pub(crate) type UartEnd = (usize, u8);
/// An end of a pin wire: board and pin.
pub(crate) type PinEnd = (usize, u16);

/// A wire between two UARTs, both directions.
pub(crate) struct UartWire {
    pub(crate) ends: [UartEnd; 2],
    noise: Noise,
    /// The rates of its ends differed; it is said once.
    pub(crate) differs: bool,
}

impl UartWire {
    pub(crate) fn new(ends: [UartEnd; 2], seed: [u8; 32]) -> Self {
        Self {
            ends,
            noise: Noise {
                rate: 0.0,
                entropy: EntropyStream::new(seed),
            },
            differs: false,
        }
    }

    /// From now on this share of the bytes is damaged.
    pub(crate) fn set_noise(&mut self, rate: f64) {
        self.noise.rate = rate;
    }

    /// The bytes as they arrive.
    pub(crate) fn carry(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.noise.damage(bytes)
    }
}

/// Whether a UART at one rate can read what another sends at its own.
pub(crate) fn rates_fit(sender: Option<u32>, receiver: Option<u32>) -> bool {
    let (Some(sender), Some(receiver)) = (sender, receiver) else {
        return true;
    };
    let (sender, receiver) = (f64::from(sender), f64::from(receiver));
    (sender - receiver).abs() <= sender.max(receiver) * RATE_TOLERANCE
}

/// A wire from a pin to a pin.
pub(crate) struct PinWire {
    pub(crate) from: PinEnd,
    pub(crate) to: PinEnd,
    /// What it drives; `None` before the first quantum.
    pub(crate) driven: Option<Option<bool>>,
}

/// Damage to bytes, from a seed.
struct Noise {
    /// Share of the bytes.
    rate: f64,
    entropy: EntropyStream,
}

impl Noise {
    fn damage(&mut self, bytes: &[u8]) -> Vec<u8> {
        if self.rate <= 0.0 {
            return bytes.to_vec();
        }
        let limit = (self.rate * f64::from(u32::MAX)) as u32;
        let damaged = bytes.iter().map(|byte| {
            let mut drawn = [0; 5];
            self.entropy.fill(&mut drawn);
            let [a, b, c, d, bit] = drawn;
            match u32::from_le_bytes([a, b, c, d]) <= limit {
                true => byte ^ (1 << (bit % 8)),
                false => *byte,
            }
        });
        damaged.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_flips_one_bit_in_its_share_of_the_bytes_and_repeats_with_the_seed() {
        let carry = |seed: u8, rate: f64| {
            let mut wire = UartWire::new([(0, 0), (1, 0)], [seed; 32]);
            wire.set_noise(rate);
            wire.carry(&[0; 10_000])
        };
        let hit = |bytes: &[u8]| bytes.iter().filter(|byte| byte.count_ones() == 1).count();
        assert_eq!(carry(1, 0.0), [0; 10_000]);
        assert_eq!(hit(&carry(1, 1.0)), 10_000);
        assert!((80..=120).contains(&hit(&carry(1, 0.01))), "{}", hit(&carry(1, 0.01)));
        assert_eq!(carry(1, 0.01), carry(1, 0.01));
        assert_ne!(carry(1, 0.01), carry(2, 0.01));
    }

    #[test]
    fn rates_that_differ_too_much_carry_nothing() {
        assert!(rates_fit(Some(115_200), Some(115_942)));
        assert!(!rates_fit(Some(115_200), Some(9_600)));
        assert!(rates_fit(None, Some(9_600)));
    }
}
