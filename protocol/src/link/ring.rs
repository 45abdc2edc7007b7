//! A ring of bytes with a capacity fixed at its making.

use alloc::{boxed::Box, vec};

pub(super) struct Ring {
    bytes: Box<[u8]>,
    head: usize,
    len: usize,
}

impl Ring {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            bytes: vec![0; capacity].into_boxed_slice(),
            head: 0,
            len: 0,
        }
    }

    pub(super) fn capacity(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn free(&self) -> usize {
        self.bytes.len() - self.len
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// Appends as much of the data as fits and returns how much that was.
    pub(super) fn push(&mut self, data: &[u8]) -> usize {
        let taken = data.len().min(self.free());
        let tail = self.wrap(self.head + self.len);
        let first = taken.min(self.bytes.len() - tail);
        self.bytes[tail..tail + first].copy_from_slice(&data[..first]);
        self.bytes[..taken - first].copy_from_slice(&data[first..taken]);
        self.len += taken;
        taken
    }

    /// Copies bytes from `offset` behind the oldest without removing them and returns how many it copied.
    pub(super) fn peek(&self, offset: usize, out: &mut [u8]) -> usize {
        let given = out.len().min(self.len.saturating_sub(offset));
        let start = self.wrap(self.head + offset);
        let first = given.min(self.bytes.len() - start);
        out[..first].copy_from_slice(&self.bytes[start..start + first]);
        out[first..given].copy_from_slice(&self.bytes[..given - first]);
        given
    }

    /// Removes the oldest bytes.
    pub(super) fn discard(&mut self, count: usize) {
        let count = count.min(self.len);
        self.head = self.wrap(self.head + count);
        self.len -= count;
    }

    pub(super) fn pop(&mut self, out: &mut [u8]) -> usize {
        let given = self.peek(0, out);
        self.discard(given);
        given
    }

    fn wrap(&self, index: usize) -> usize {
        if index < self.bytes.len() {
            index
        } else {
            index - self.bytes.len()
        }
    }
}
