//! The only source of randomness of a machine: a ChaCha20 stream from its recorded seed, so that a replay draws the
//! same bytes.

use std::hash::{Hash, Hasher};

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A machine's stream of random bytes.
#[derive(Clone, Debug)]
pub struct EntropyStream {
    seed: [u8; 32],
    rng: ChaCha20Rng,
}

impl EntropyStream {
    /// The stream of `seed`, from its start.
    pub fn new(seed: [u8; 32]) -> Self {
        Self {
            seed,
            rng: ChaCha20Rng::from_seed(seed),
        }
    }

    /// Draws the next bytes.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.rng.fill_bytes(bytes);
    }
}

/// The position of a stream: its seed and how much of it was drawn, in words of 32 bits.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct SavedEntropy {
    seed: [u8; 32],
    word: u128,
}

impl EntropyStream {
    pub(crate) fn save(&self) -> SavedEntropy {
        SavedEntropy {
            seed: self.seed,
            word: self.rng.get_word_pos(),
        }
    }
}

impl SavedEntropy {
    pub(crate) fn load(self) -> EntropyStream {
        let mut stream = EntropyStream::new(self.seed);
        stream.rng.set_word_pos(self.word);
        stream
    }
}

impl Hash for EntropyStream {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.seed, self.rng.get_word_pos()).hash(state);
    }
}
