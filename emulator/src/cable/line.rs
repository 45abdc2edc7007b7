//! What a wire does to bytes when its two ends disagree about the baud rate.

/// How far the ends may be apart, in percent: with ten bit times a byte the last bit is still read right at half a bit.
const TOLERANCE_PERCENT: u64 = 3;

/// The wire's damage. It is the same in each run.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Of the chip's end; `None` if the chip takes what the host sets, as a USB device does.
    baud: Option<u32>,
    noise: u64,
}

impl Line {
    pub(super) fn new(baud: Option<u32>) -> Self {
        Self {
            baud,
            noise: 0x9e37_79b9_7f4a_7c15,
        }
    }

    /// Sets the baud rate of the chip's end.
    pub(super) fn set_baud(&mut self, baud: Option<u32>) {
        self.baud = baud;
    }

    /// Carries bytes to or from a host whose end has `host_baud`. Each byte is damaged if the rates differ by more than
    /// 3 %.
    pub(super) fn carry(&mut self, host_baud: u32, bytes: &mut [u8]) {
        let Some(baud) = self.baud else { return };
        let apart = u64::from(baud.abs_diff(host_baud)) * 100;
        if apart <= u64::from(baud) * TOLERANCE_PERCENT {
            return;
        }
        for byte in bytes {
            // xorshift64: not one bit pattern that a protocol could take for its own.
            self.noise ^= self.noise << 13;
            self.noise ^= self.noise >> 7;
            self.noise ^= self.noise << 17;
            *byte ^= (self.noise >> 32) as u8 | 1;
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
}
