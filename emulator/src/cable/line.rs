//! What a wire does to bytes: when its two ends disagree about the baud rate, and when it is noisy.

/// How far the ends may be apart, in percent: with ten bit times a byte the last bit is still read right at half a bit.
const TOLERANCE_PERCENT: u64 = 3;

/// The wire's damage. It is the same in each run.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Of the chip's end; `None` if the chip takes what the host sets, as a USB device does.
    baud: Option<u32>,
    noise: u64,
    /// Bytes of a million that are damaged.
    damaged_per_million: u32,
}

impl Line {
    pub(super) fn new(baud: Option<u32>) -> Self {
        Self {
            baud,
            noise: 0x9e37_79b9_7f4a_7c15,
            damaged_per_million: 0,
        }
    }

    /// Sets the baud rate of the chip's end.
    pub(super) fn set_baud(&mut self, baud: Option<u32>) {
        self.baud = baud;
    }

    /// Sets how many of a million bytes are damaged while the rates agree.
    pub(super) fn make_noisy(&mut self, per_million: u32) {
        self.damaged_per_million = per_million;
    }

    /// Carries bytes to or from a host whose end has `host_baud`. Each byte is damaged if the rates differ by more than
    /// 3 %, and some are on a noisy wire.
    pub(super) fn carry(&mut self, host_baud: u32, bytes: &mut [u8]) {
        let differ = self.baud.is_some_and(|baud| {
            let apart = u64::from(baud.abs_diff(host_baud)) * 100;
            apart > u64::from(baud) * TOLERANCE_PERCENT
        });
        if !differ && self.damaged_per_million == 0 {
            return;
        }
        for byte in bytes {
            // xorshift64: not one bit pattern that a protocol could take for its own.
            self.noise ^= self.noise << 13;
            self.noise ^= self.noise >> 7;
            self.noise ^= self.noise << 17;
            if differ || (self.noise >> 8) % 1_000_000 < u64::from(self.damaged_per_million) {
                *byte ^= (self.noise >> 32) as u8 | 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive_a_small_difference_only() {
        let carried = |baud, host| {
            let mut bytes = *b"drydock";
            Line::new(baud).carry(host, &mut bytes);
            bytes
        };
        for (baud, host) in [(Some(115_200), 115_200), (Some(1_000_000), 970_000), (None, 300)] {
            assert_eq!(&carried(baud, host), b"drydock", "{baud:?} {host}");
        }
        for (baud, host) in [(115_200, 9_600), (9_600, 115_200), (1_000_000, 969_999)] {
            let bytes = carried(Some(baud), host);
            assert!(bytes.iter().zip(b"drydock").all(|(a, b)| a != b), "{baud} {host}");
        }
    }

    #[test]
    fn a_noisy_wire_damages_its_share_of_the_bytes() {
        for (per_million, expected) in [(0, 0..1), (10_000, 800..1_200), (1_000_000, 100_000..100_001)] {
            let mut line = Line::new(None);
            line.make_noisy(per_million);
            let mut bytes = vec![0x55; 100_000];
            line.carry(115_200, &mut bytes);
            let damaged = bytes.iter().filter(|byte| **byte != 0x55).count();
            assert!(expected.contains(&damaged), "{per_million}: {damaged}");
        }
    }
}
