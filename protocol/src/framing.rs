//! Messages in a byte stream: each is preceded by its length as a big-endian `u16`. Used in the TLS session and on the link's
//! `control` channel.

use crate::limits::MAX_MESSAGE_BYTES;
use alloc::vec::Vec;

/// Bytes of the length in front of a message.
pub const LENGTH_BYTES: usize = 2;

/// Cuts a byte stream into messages. Holds at most one message, and allocates only as its bytes arrive.
#[derive(Debug, Default)]
pub struct Reader {
    bytes: Vec<u8>,
    complete: bool,
}

/// The peer announced an impossible length. The stream cannot be read any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FramingError {
    /// The length that it announced, in bytes.
    pub length: usize,
}

impl core::fmt::Display for FramingError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "a message of {} bytes was announced, 1 to {MAX_MESSAGE_BYTES} are allowed",
            self.length
        )
    }
}

impl core::error::Error for FramingError {}

impl Reader {
    /// A reader at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Consumes bytes from the front of `input` until a message is complete. Returns that message without its length,
    /// or `None` if the input ended before.
    ///
    /// # Errors
    /// [`FramingError`] if the announced length is 0 or above [`MAX_MESSAGE_BYTES`].
    pub fn next<'a>(&'a mut self, input: &mut &[u8]) -> Result<Option<&'a [u8]>, FramingError> {
        if core::mem::take(&mut self.complete) {
            self.bytes.clear();
        }
        self.take(LENGTH_BYTES, input);
        let &[high, low, ..] = self.bytes.as_slice() else {
            return Ok(None);
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length == 0 || length > MAX_MESSAGE_BYTES {
            return Err(FramingError { length });
        }
        self.take(LENGTH_BYTES + length, input);
        self.complete = self.bytes.len() == LENGTH_BYTES + length;
        Ok(self.complete.then(|| &self.bytes[LENGTH_BYTES..]))
    }

    /// Moves bytes from the input until `total` are buffered or the input is empty.
    fn take(&mut self, total: usize, input: &mut &[u8]) {
        let missing = total.saturating_sub(self.bytes.len()).min(input.len());
        let (taken, rest) = input.split_at(missing);
        self.bytes.extend_from_slice(taken);
        *input = rest;
    }
}

/// The message with its length in front.
///
/// # Errors
/// [`FramingError`] if the message is empty or longer than [`MAX_MESSAGE_BYTES`].
pub fn framed(message: &[u8]) -> Result<Vec<u8>, FramingError> {
    let length = message.len();
    if length == 0 || length > MAX_MESSAGE_BYTES {
        return Err(FramingError { length });
    }
    let mut bytes = Vec::with_capacity(LENGTH_BYTES + length);
    bytes.extend_from_slice(&(length as u16).to_be_bytes());
    bytes.extend_from_slice(message);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec;

    proptest! {
        #[test]
        fn messages_survive_any_cutting(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..=MAX_MESSAGE_BYTES), 1..6),
            cut in 1..2_000usize,
        ) {
            let stream: Vec<u8> = messages.iter().flat_map(|message| framed(message).unwrap()).collect();
            let mut reader = Reader::new();
            let mut got = vec![];
            for mut piece in stream.chunks(cut) {
                while let Some(message) = reader.next(&mut piece).unwrap() {
                    got.push(message.to_vec());
                }
                prop_assert!(piece.is_empty());
            }
            prop_assert_eq!(got, messages);
        }
    }

    fn check(announced: u16) {
        let expected = FramingError {
            length: announced.into(),
        };
        assert_eq!(Reader::new().next(&mut &announced.to_be_bytes()[..]), Err(expected));
    }

    #[test]
    fn impossible_lengths_are_refused_before_a_byte_of_the_message() {
        check(0);
        check(MAX_MESSAGE_BYTES as u16 + 1);
        check(u16::MAX);
        assert_eq!(framed(&[]), Err(FramingError { length: 0 }));
        assert!(framed(&[0; MAX_MESSAGE_BYTES + 1]).is_err());
    }
}
