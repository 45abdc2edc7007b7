//! Checks incoming TLS records before the TLS library sees them.
//!
//! embedded-tls 0.19 accepts handshake messages in plaintext after the keys have changed, and panics on an encrypted
//! record without content and on a plaintext handshake record within a session. An attacker on the cable could send
//! these. The guard accepts only records that RFC 8446 allows: one plaintext `ServerHello` record, then encrypted
//! records (and the one change_cipher_spec of middlebox compatibility, section 5); plaintext alerts only before the
//! keys change.

use drydock_protocol::limits::DEVICE_RECORD_BUFFER_BYTES;

/// Content types (RFC 8446, section 5.1).
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// Inner content type and AES-GCM tag: the minimum of an encrypted record.
const MIN_ENCRYPTED_BYTES: usize = 17;

/// State of the stream of records.
#[derive(Debug, Default)]
pub(crate) struct RecordGuard {
    header: [u8; 5],
    header_len: usize,
    /// Bytes of the present record that are still to come.
    rest: usize,
    /// The `ServerHello` has passed: everything after it is encrypted.
    encrypted: bool,
}

/// The record must not reach TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused;

impl RecordGuard {
    /// Follows the next bytes of the stream.
    pub(crate) fn check(&mut self, mut bytes: &[u8]) -> Result<(), Refused> {
        while let [first, others @ ..] = bytes {
            if self.rest > 0 {
                let skipped = self.rest.min(bytes.len());
                self.rest -= skipped;
                bytes = &bytes[skipped..];
                continue;
            }
            self.header[self.header_len] = *first;
            self.header_len += 1;
            bytes = others;
            if self.header_len == self.header.len() {
                self.header_len = 0;
                self.begin_record()?;
            }
        }
        Ok(())
    }

    fn begin_record(&mut self) -> Result<(), Refused> {
        let [content_type, _, _, high, low] = self.header;
        let len = usize::from(u16::from_be_bytes([high, low]));
        let allowed = match content_type {
            HANDSHAKE if !self.encrypted => {
                self.encrypted = true;
                len > 0
            }
            ALERT => !self.encrypted && len == 2,
            CHANGE_CIPHER_SPEC => len == 1,
            APPLICATION_DATA => self.encrypted && len >= MIN_ENCRYPTED_BYTES,
            _ => false,
        };
        self.rest = len;
        if allowed && len <= DEVICE_RECORD_BUFFER_BYTES {
            Ok(())
        } else {
            Err(Refused)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn record(content_type: u8, len: u16) -> Vec<u8> {
        let mut bytes = alloc::vec![content_type, 3, 3];
        bytes.extend(len.to_be_bytes());
        bytes.resize(5 + usize::from(len), 0);
        bytes
    }

    fn check(records: &[(u8, u16)], expected: Result<(), Refused>) {
        let stream: Vec<u8> = records.iter().flat_map(|(kind, len)| record(*kind, *len)).collect();
        for piece in [1, 3, 7, 4096] {
            let mut guard = RecordGuard::default();
            let result = stream.chunks(piece).try_for_each(|bytes| guard.check(bytes));
            assert_eq!(result, expected, "{records:?} in pieces of {piece}");
        }
    }

    #[test]
    fn lets_a_session_through() {
        check(&[(22, 120), (20, 1), (23, 900), (23, 17), (23, 2048 + 17)], Ok(()));
        check(&[(21, 2)], Ok(()));
    }

    #[test]
    fn stops_what_would_panic_or_bypass_encryption() {
        check(&[(22, 120), (22, 40)], Err(Refused));
        check(&[(22, 120), (23, 16)], Err(Refused));
        check(&[(22, 120), (23, 0)], Err(Refused));
        check(&[(22, 120), (21, 2)], Err(Refused));
        check(&[(22, 0)], Err(Refused));
        check(&[(23, 100)], Err(Refused));
        check(&[(22, 120), (23, 2305)], Err(Refused));
        check(&[(24, 3)], Err(Refused));
        check(&[(22, 120), (20, 2)], Err(Refused));
    }
}
