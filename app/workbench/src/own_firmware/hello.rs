//! Whether a program of the user's own speaks Drydock's link: it says hello on the UART of the board's link.

use drydock_protocol::link::{MAX_FRAME_BYTES, frame::Frame};

/// Looks for a device's hello among the bytes of a UART.
#[derive(Default)]
pub(crate) struct HelloWatch {
    frame: Vec<u8>,
    /// What arrives before the next delimiter is too long for a frame.
    skips: bool,
}

impl HelloWatch {
    /// Takes what has arrived. Whether a device has said hello in it, in any version of the link.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> bool {
        for &byte in bytes {
            if byte == 0 {
                let is_hello = !self.skips && is_device(&mut self.frame);
                self.frame.clear();
                self.skips = false;
                if is_hello {
                    return true;
                }
            } else if self.frame.len() < MAX_FRAME_BYTES {
                self.frame.push(byte);
            } else {
                self.skips = true;
            }
        }
        false
    }
}

/// The check sum of the frame excludes chance.
fn is_device(frame: &mut [u8]) -> bool {
    matches!(Frame::decode(frame), Some(Frame::Hello(hello)) if hello.device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use drydock_protocol::{limits::LINK_VERSION, link::frame::Hello};
    use proptest::prelude::*;

    fn hello(device: bool) -> Vec<u8> {
        let mut out = [0; MAX_FRAME_BYTES];
        let hello = Hello {
            version: LINK_VERSION,
            epoch: 7,
            seen: None,
            answer: true,
            device,
        };
        let bytes = Frame::Hello(hello).encode(&mut out);
        out[..bytes].to_vec()
    }

    #[test]
    fn a_hello_is_found_behind_text_and_in_pieces() {
        let mut bytes = b"boot: 115200 8N1\r\n".to_vec();
        bytes.extend(std::iter::repeat_n(b'x', 3 * MAX_FRAME_BYTES));
        bytes.extend(hello(true));
        let mut watch = HelloWatch::default();
        let found = bytes.iter().position(|byte| watch.take(&[*byte]));
        assert_eq!(found, Some(bytes.len() - 1));
    }

    #[test]
    fn a_hosts_hello_is_none_of_a_device() {
        assert!(!HelloWatch::default().take(&hello(false)));
    }

    #[test]
    fn a_damaged_hello_is_none() {
        let mut bytes = hello(true);
        bytes[4] ^= 0x10;
        assert!(!HelloWatch::default().take(&bytes));
    }

    proptest! {
        #[test]
        fn text_is_never_a_hello(text in "\\PC{0,600}") {
            prop_assert!(!HelloWatch::default().take(text.as_bytes()));
        }
    }
}
