//! A wire from a UART's TX to its RX: each byte comes back. It arrives one byte later than on silicon, because the model of
//! a UART says a byte when it has been sent as a whole, and receives it as a whole after that.

use drydock_assets::Millionths;
use serde::{Deserialize, Serialize};

use super::model::PartModel;
use crate::machine::VirtualTime;

/// The wire.
#[derive(Clone, Debug, Default, Hash, Serialize, Deserialize)]
pub(super) struct Loopback {
    /// 1: the wire is in place.
    closed: Millionths,
    count: u32,
    said: Vec<u8>,
}

impl PartModel for Loopback {
    fn power_on(&mut self, _now: VirtualTime) {
        self.said.clear();
        self.count = 0;
    }

    fn get(&self, _now: VirtualTime, property: &str) -> Millionths {
        match property {
            "closed" => self.closed,
            _ => Millionths(i64::from(self.count) * 1_000_000),
        }
    }

    fn set(&mut self, _now: VirtualTime, property: &str, value: Millionths) {
        if property == "closed" {
            self.closed = value;
        }
    }

    fn uart_byte(&mut self, _now: VirtualTime, byte: u8) {
        if self.closed.0 >= 500_000 {
            self.said.push(byte);
            // The range of the reading.
            self.count = (self.count + 1).min(1_000_000_000);
        }
    }

    fn says(&self) -> &[u8] {
        &self.said
    }

    fn take_said(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.said)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::parts;
    use super::*;

    #[test]
    fn what_is_sent_comes_back_while_the_wire_is_closed() {
        let mut parts = parts(&["uart-loopback"]);
        let now = VirtualTime::from_ms(1);
        assert!(!parts.is_unsettled());
        parts.uart_byte(now, 1, b'a');
        parts.uart_byte(now, 1, b'b');
        assert!(parts.is_unsettled(), "the chip gets them before its next instruction");
        assert_eq!(parts.take_uart(), [(1, b"ab".to_vec())]);
        parts.uart_byte(now, 0, b'c');
        assert_eq!(parts.take_uart(), [], "another UART");
        parts.set(now, "uart-loopback", "closed", Millionths(0)).unwrap();
        parts.uart_byte(now, 1, b'd');
        assert_eq!(parts.take_uart(), [], "open");
        let bytes = parts.value(now, "uart-loopback", "bytes").unwrap();
        assert_eq!(bytes.to_f64(), 2.0);
    }
}
