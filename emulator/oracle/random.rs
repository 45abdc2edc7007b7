//! Randomness that a printed seed repeats (SplitMix64).

pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// Below `limit`.
    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        (((self.next() >> 32) * u64::from(limit)) >> 32) as u32
    }

    /// `count` random bits.
    pub(crate) fn bits(&mut self, count: u32) -> u16 {
        (self.next() >> 32) as u16 & ((1u32 << count) - 1) as u16
    }

    pub(crate) fn chance(&mut self, one_in: u32) -> bool {
        self.below(one_in) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u32) as usize]
    }

    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }

    /// A register value that prefers edge cases: zero, ones, signs, small numbers, packed halves.
    pub(crate) fn value(&mut self) -> u32 {
        let word = self.next() as u32;
        match self.below(8) {
            0 => self.pick(&[
                0,
                1,
                u32::MAX,
                0x8000_0000,
                0x7fff_ffff,
                0x8000_8000,
                0x7fff_7fff,
                0xffff_0000,
                0x80,
            ]),
            1 => word & 0xff,
            2 => !(word & 0xff),
            3 => word & 0x8001_7fff | 0x7f80_0000,
            _ => word,
        }
    }
}
