//! The hash of a machine's state: the same bytes give the same value in every build and on every host, which the
//! standard library's hasher does not promise.

use std::hash::Hasher;

/// A 64-bit multiply-and-rotate hash over little-endian words; fast enough for a megabyte of memory, not secure.
#[derive(Clone, Debug)]
pub struct StateHasher {
    state: u64,
}

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
const MULTIPLIER: u64 = 0xd6e8_feb8_6659_fd93;

impl Default for StateHasher {
    fn default() -> Self {
        Self { state: SEED }
    }
}

impl StateHasher {
    fn add(&mut self, word: u64) {
        self.state = (self.state ^ word).wrapping_mul(MULTIPLIER).rotate_left(29);
    }
}

impl Hasher for StateHasher {
    fn finish(&self) -> u64 {
        let mixed = (self.state ^ self.state >> 32).wrapping_mul(MULTIPLIER);
        mixed ^ mixed >> 32
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut word = [0; 8];
            word[..rest.len()].copy_from_slice(rest);
            self.add(u64::from_le_bytes(word) ^ (rest.len() as u64) << 56);
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.add(u64::from(value));
    }

    fn write_u16(&mut self, value: u16) {
        self.add(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.add(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.add(value);
    }

    fn write_usize(&mut self, value: usize) {
        self.add(value as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_counts_in_its_place() {
        let hash = |bytes: &[u8]| {
            let mut hasher = StateHasher::default();
            hasher.write(bytes);
            hasher.finish()
        };
        assert_ne!(hash(&[0; 16]), hash(&[0; 17]));
        assert_ne!(hash(&[1, 0, 0]), hash(&[0, 1, 0]));
        assert_eq!(hash(b"the same bytes"), hash(b"the same bytes"));
    }
}
