//! SLIP (RFC 1055), in which Espressif's ROM and its hosts wrap their packets.

const END: u8 = 0xc0;
const ESC: u8 = 0xdb;
const ESC_END: u8 = 0xdc;
const ESC_ESC: u8 = 0xdd;

/// Finds packets in a stream. What stands outside of packets is ignored.
#[derive(Clone, Debug, Default)]
pub(super) struct Decoder {
    packet: Vec<u8>,
    inside: bool,
    escaped: bool,
    /// Longest packet; a longer one is dropped.
    limit: usize,
}

impl Decoder {
    /// A decoder of packets of at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    /// Takes a byte. Returns the packet that it ends.
    pub(super) fn take(&mut self, byte: u8) -> Option<Vec<u8>> {
        if byte == END {
            self.escaped = false;
            // Two packets may share an END, or have one each: an empty packet is none.
            let packet = std::mem::take(&mut self.packet);
            let whole = self.inside && !packet.is_empty();
            self.inside = true;
            return whole.then_some(packet);
        }
        if !self.inside {
            return None;
        }
        let byte = match (std::mem::take(&mut self.escaped), byte) {
            (false, ESC) => {
                self.escaped = true;
                return None;
            }
            (false, byte) => byte,
            (true, ESC_END) => END,
            (true, ESC_ESC) => ESC,
            (true, _) => return self.give_up(),
        };
        if self.packet.len() == self.limit {
            return self.give_up();
        }
        self.packet.push(byte);
        None
    }

    /// Ignores everything up to the next END.
    fn give_up(&mut self) -> Option<Vec<u8>> {
        self.packet.clear();
        self.inside = false;
        None
    }
}

/// Appends `packet`, wrapped.
pub(super) fn encode(packet: &[u8], out: &mut Vec<u8>) {
    out.push(END);
    for byte in packet {
        match *byte {
            END => out.extend([ESC, ESC_END]),
            ESC => out.extend([ESC, ESC_ESC]),
            byte => out.push(byte),
        }
    }
    out.push(END);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut decoder = Decoder::new(64);
        bytes.iter().filter_map(|byte| decoder.take(*byte)).collect()
    }

    proptest! {
        #[test]
        fn packets_come_back(packets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..64), 0..8), before in proptest::collection::vec(any::<u8>(), 0..80)) {
            let mut bytes = before;
            // Whatever came before is over with an END.
            bytes.push(END);
            let lead = decode(&bytes).len();
            for packet in &packets {
                encode(packet, &mut bytes);
            }
            prop_assert_eq!(&decode(&bytes)[lead..], &packets[..]);
        }

        #[test]
        fn any_bytes_are_taken_within_the_limit(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
            prop_assert!(decode(&bytes).iter().all(|packet| !packet.is_empty() && packet.len() <= 64));
        }
    }

    #[test]
    fn a_packet_that_is_too_long_is_dropped_and_the_next_is_not() {
        let mut bytes = Vec::new();
        encode(&[7; 65], &mut bytes);
        encode(&[8; 64], &mut bytes);
        assert_eq!(decode(&bytes), [[8; 64].to_vec()]);
    }
}
