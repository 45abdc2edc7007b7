//! The pages of the `safe` build: without a table of host pointers, so each access walks the regions. It replaces `tlb`
//! and contains no `unsafe`.

use super::PAGE_BYTES;

/// The bytes of one page.
pub(crate) struct PageData([u8; PAGE_BYTES]);

impl PageData {
    pub(in crate::core) fn new(bytes: &[u8; PAGE_BYTES]) -> Self {
        Self(*bytes)
    }

    pub(super) fn filled(value: u8) -> Self {
        Self([value; PAGE_BYTES])
    }

    pub(in crate::core) fn bytes(&self) -> &[u8; PAGE_BYTES] {
        &self.0
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8; PAGE_BYTES] {
        &mut self.0
    }
}

/// An entry that holds nothing.
pub(super) struct TlbEntry;

impl TlbEntry {
    pub(super) fn readable(_: u32, _: &PageData) -> Self {
        Self
    }

    pub(super) fn writable(_: u32, _: &mut [u8; PAGE_BYTES]) -> Self {
        Self
    }
}

/// A table that knows no page.
pub(super) struct Tlb;

impl Tlb {
    pub(super) fn new() -> Self {
        Self
    }

    pub(super) fn flush(&mut self) {}

    pub(super) fn forget(&mut self, _: u32) {}

    pub(super) fn forget_writes(&mut self, _: u32) {}

    pub(super) fn remember(&mut self, _: u32, _: TlbEntry) {}

    pub(super) fn load<const N: usize>(&self, _: u32) -> Option<[u8; N]> {
        None
    }

    pub(super) fn store<const N: usize>(&mut self, _: u32, _: [u8; N]) -> bool {
        false
    }
}
