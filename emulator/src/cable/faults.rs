//! What goes wrong on a cable, by script: noise, a board that falls silent, a cable that is pulled at a byte or in the
//! middle of an erasure.

/// Faults of a cable. Bytes are counted from the moment at which the faults are set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CableFaults {
    /// Of a million bytes, how many are damaged, in each direction.
    pub noise_per_million: u32,
    /// Chooses the bytes that are damaged: the same seed damages the same bytes.
    pub seed: u64,
    /// The cable is pulled when so many bytes came from the host.
    pub pull_after_from_host: Option<u64>,
    /// The cable is pulled when so many bytes went to the host.
    pub pull_after_to_host: Option<u64>,
    /// The board says nothing more after so many bytes to the host.
    pub silent_after_to_host: Option<u64>,
    /// The cable is pulled when the bootloader has erased so many bytes of flash; the rest is not erased.
    pub pull_after_erased: Option<u32>,
    /// The chip's flash is protected against reading, until a bootloader that can do so ends that.
    pub read_protected: bool,
}

/// The direction of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    FromHost,
    ToHost,
}

/// The script and how far it is.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) script: CableFaults,
    from_host: u64,
    to_host: u64,
    random: u64,
    /// The cable is to be pulled.
    pub(super) is_pulled: bool,
}

impl Faults {
    pub(super) fn new(script: CableFaults) -> Self {
        // Any state but zero.
        let random = script.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Self {
            script,
            random,
            ..Self::default()
        }
    }

    /// Lets bytes pass, or those of them that still do.
    pub(super) fn pass(&mut self, direction: Direction, bytes: &mut Vec<u8>) {
        let (count, end, silent) = match direction {
            Direction::FromHost => (&mut self.from_host, self.script.pull_after_from_host, None),
            Direction::ToHost => {
                let silent = self.script.silent_after_to_host;
                (&mut self.to_host, self.script.pull_after_to_host, silent)
            }
        };
        let room = |end: Option<u64>| end.map_or(u64::MAX, |end| end.saturating_sub(*count));
        let left = room(end).min(room(silent));
        if room(end) <= bytes.len() as u64 {
            self.is_pulled = true;
        }
        *count += bytes.len() as u64;
        bytes.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        if self.script.noise_per_million == 0 {
            return;
        }
        for byte in bytes {
            // xorshift64.
            self.random ^= self.random << 13;
            self.random ^= self.random >> 7;
            self.random ^= self.random << 17;
            if self.random % 1_000_000 < u64::from(self.script.noise_per_million) {
                *byte ^= 1 << (self.random >> 60 & 7);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(faults: &mut Faults, direction: Direction, count: usize) -> usize {
        let mut bytes = vec![0; count];
        faults.pass(direction, &mut bytes);
        bytes.len()
    }

    #[test]
    fn the_cable_is_pulled_at_a_byte() {
        let mut faults = Faults::new(CableFaults {
            pull_after_from_host: Some(5),
            silent_after_to_host: Some(2),
            ..CableFaults::default()
        });
        assert_eq!(passed(&mut faults, Direction::ToHost, 3), 2);
        assert_eq!(passed(&mut faults, Direction::FromHost, 4), 4);
        assert!(!faults.is_pulled);
        assert_eq!(passed(&mut faults, Direction::FromHost, 4), 1);
        assert!(faults.is_pulled);
        assert_eq!(passed(&mut faults, Direction::ToHost, 3), 0);
    }

    #[test]
    fn noise_damages_its_share_and_the_same_bytes_each_time() {
        let damaged = |seed| {
            let mut bytes = vec![0; 1_000_000];
            Faults::new(CableFaults {
                noise_per_million: 10_000,
                seed,
                ..CableFaults::default()
            })
            .pass(Direction::ToHost, &mut bytes);
            bytes
                .iter()
                .enumerate()
                .filter(|(_, byte)| **byte != 0)
                .map(|(at, _)| at)
                .collect::<Vec<_>>()
        };
        let count = damaged(7).len();
        assert!((9_000..11_000).contains(&count), "{count}");
        assert_eq!(damaged(7), damaged(7));
        assert_ne!(damaged(7), damaged(8));
    }
}
