//! Inputs made from a corpus by seeded mutation. The same seed gives the same inputs.

/// Longest input; no decoder takes more.
const MAX_INPUT_BYTES: usize = 8192;
/// Bytes at which decoders branch: CBOR heads, lengths, signs, the link's delimiter.
const TELLING: [u8; 16] = [
    0x00, 0x01, 0x17, 0x18, 0x19, 0x1A, 0x1B, 0x20, 0x40, 0x58, 0x60, 0x7F, 0x80, 0x9F, 0xD2, 0xFF,
];

/// A stream of inputs.
pub(crate) struct Mutator {
    state: u64,
    corpus: Vec<Vec<u8>>,
}

impl Mutator {
    pub(crate) fn new(seed: u64, corpus: Vec<Vec<u8>>) -> Self {
        Self { state: seed, corpus }
    }

    /// An input of the corpus, changed in one to eight places.
    pub(crate) fn next_input(&mut self) -> Vec<u8> {
        let mut input = self.pick();
        for _ in 0..=self.below(8) {
            self.change(&mut input);
        }
        input.truncate(MAX_INPUT_BYTES);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len() + 1);
        let end = at + self.below(input.len() - at + 1).min(32);
        match self.below(9) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 if at < input.len() => input[at] = self.next() as u8,
            2 if at < input.len() => input[at] = TELLING[self.below(TELLING.len())],
            3 => input.insert(at, TELLING[self.below(TELLING.len())]),
            4 => drop(input.drain(at..end)),
            5 => {
                let piece = input[at..end].to_vec();
                input.splice(at..at, piece);
            }
            6 => input.truncate(at),
            7 => {
                let other = self.pick();
                let from = self.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            _ => {
                let piece: Vec<u8> = (0..self.below(16)).map(|_| self.next() as u8).collect();
                input.splice(at..at, piece);
            }
        }
    }

    fn pick(&mut self) -> Vec<u8> {
        let index = self.below(self.corpus.len());
        self.corpus[index].clone()
    }

    /// A number below `bound`, which is not 0.
    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
