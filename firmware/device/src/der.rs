//! The subset of DER (X.690) that certificates and requests need: a reader over borrowed bytes and a writer of nested
//! values. Definite lengths only, at most 65,535 bytes.

use alloc::vec::Vec;

/// Tags, class and constructed bit included.
pub(crate) mod tag {
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
    pub(crate) const UTF8_STRING: u8 = 0x0C;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const GENERALIZED_TIME: u8 = 0x18;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const SET: u8 = 0x31;
    /// Context-specific, constructed, by number.
    pub(crate) const fn context(number: u8) -> u8 {
        0xA0 | number
    }
}

/// The bytes are not the DER that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DerError;

/// One value: its tag, its content, and all its bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Value<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    pub(crate) whole: &'a [u8],
}

/// Reads values one after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The tag of the next value, if there is one.
    pub(crate) fn peek(self) -> Option<u8> {
        self.0.first().copied()
    }

    pub(crate) fn next(&mut self) -> Result<Value<'a>, DerError> {
        let [tag, first, ..] = *self.0 else {
            return Err(DerError);
        };
        // Multi-byte tags do not occur in certificates and requests.
        if tag & 0x1F == 0x1F {
            return Err(DerError);
        }
        let (header, len) = match (first, self.0) {
            (0..=0x7F, _) => (2, usize::from(first)),
            (0x81, [_, _, a, ..]) if *a >= 0x80 => (3, usize::from(*a)),
            (0x82, [_, _, a, b, ..]) if *a > 0 => (4, usize::from(*a) << 8 | usize::from(*b)),
            _ => return Err(DerError),
        };
        let whole = self.0.get(..header + len).ok_or(DerError)?;
        self.0 = &self.0[header + len..];
        Ok(Value {
            tag,
            content: &whole[header..],
            whole,
        })
    }

    /// The next value, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<Value<'a>, DerError> {
        let value = self.next()?;
        if value.tag == tag { Ok(value) } else { Err(DerError) }
    }

    /// The next value if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Value<'a>>, DerError> {
        if self.peek() == Some(tag) {
            self.next().map(Some)
        } else {
            Ok(None)
        }
    }

    /// Nothing may follow.
    pub(crate) fn end(self) -> Result<(), DerError> {
        if self.is_empty() { Ok(()) } else { Err(DerError) }
    }
}

impl<'a> Value<'a> {
    /// Reads what is inside.
    pub(crate) fn reader(self) -> Reader<'a> {
        Reader::new(self.content)
    }

    /// The bytes of a BIT STRING without unused bits.
    pub(crate) fn bits(self) -> Result<&'a [u8], DerError> {
        match (self.tag, self.content) {
            (tag::BIT_STRING, [0, bits @ ..]) => Ok(bits),
            _ => Err(DerError),
        }
    }
}

/// Appends a value whose content the closure writes.
pub(crate) fn write(out: &mut Vec<u8>, tag: u8, content: impl FnOnce(&mut Vec<u8>)) {
    out.push(tag);
    let start = out.len();
    content(out);
    let len = out.len() - start;
    let header: &[u8] = match len {
        0..=0x7F => &[len as u8],
        0x80..=0xFF => &[0x81, len as u8],
        _ => &[0x82, (len >> 8) as u8, len as u8],
    };
    out.splice(start..start, header.iter().copied());
}

/// Appends a value with the given content.
pub(crate) fn write_bytes(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    write(out, tag, |out| out.extend_from_slice(content));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: Result<(u8, usize), DerError>) {
        let read = Reader::new(bytes).next().map(|value| (value.tag, value.content.len()));
        assert_eq!(read, expected, "{bytes:02x?}");
    }

    #[test]
    fn reads_lengths_in_their_shortest_form_only() {
        check(&[0x04, 0x00], Ok((4, 0)));
        check(&[0x04, 0x01, 7], Ok((4, 1)));
        check(&[0x04, 0x01], Err(DerError));
        check(&[0x04, 0x81, 0x01, 7], Err(DerError));
        check(&[0x04, 0x80, 0, 0], Err(DerError));
        check(&[0x1F, 0x01, 7], Err(DerError));
        check(&[0x04], Err(DerError));
        check(&[], Err(DerError));
    }

    #[test]
    fn writes_what_it_reads() {
        for len in [0, 1, 127, 128, 255, 256, 1000] {
            let mut out = Vec::new();
            let content = alloc::vec![0x55; len];
            write(&mut out, tag::SEQUENCE, |out| {
                write_bytes(out, tag::OCTET_STRING, &content)
            });
            let mut reader = Reader::new(&out);
            let mut inner = reader.expect(tag::SEQUENCE).unwrap().reader();
            assert_eq!(inner.expect(tag::OCTET_STRING).unwrap().content, content);
            assert_eq!((inner.end(), reader.end()), (Ok(()), Ok(())));
        }
    }
}
