//! The fast path to guest memory: a direct-mapped table from guest page to host page. One of the places where the
//! emulator is `unsafe`, because a bounds-checked walk of the regions for each access costs half the speed.
//!
//! Invariant: an entry points to a page that the `GuestMemory` which owns the table holds (by `Arc`) as long as the
//! entry exists; an entry with a write tag points to a page that has no other owner.

use std::cell::UnsafeCell;

use super::{PAGE_BYTES, PAGE_MASK, PAGE_SHIFT};

const ENTRIES: usize = 256;
/// Differs from every address masked to its page and alignment bits.
const NO_TAG: u32 = u32::MAX;

/// The bytes of one page. They change only through an `Arc` with a single owner (or a write entry made from one).
pub(crate) struct PageData(UnsafeCell<[u8; PAGE_BYTES]>);

// SAFETY: bytes are written only by the single owner of the page's `Arc`, which needs `&mut` to its `GuestMemory`;
// pages with two owners are never written (a writer makes its own copy first).
unsafe impl Sync for PageData {}

impl PageData {
    pub(in crate::core) fn new(bytes: &[u8; PAGE_BYTES]) -> Self {
        Self(UnsafeCell::new(*bytes))
    }

    pub(super) fn filled(value: u8) -> Self {
        Self(UnsafeCell::new([value; PAGE_BYTES]))
    }

    pub(in crate::core) fn bytes(&self) -> &[u8; PAGE_BYTES] {
        // SAFETY: a write needs `&mut GuestMemory` of the only owner, so none can happen during this borrow.
        unsafe { &*self.0.get() }
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8; PAGE_BYTES] {
        self.0.get_mut()
    }
}

#[derive(Clone, Copy)]
pub(super) struct TlbEntry {
    read_tag: u32,
    write_tag: u32,
    page: *mut u8,
}

impl TlbEntry {
    const EMPTY: Self = Self {
        read_tag: NO_TAG,
        write_tag: NO_TAG,
        page: std::ptr::null_mut(),
    };

    pub(super) fn readable(addr: u32, page: &PageData) -> Self {
        Self {
            read_tag: addr & !PAGE_MASK,
            write_tag: NO_TAG,
            page: page.0.get().cast(),
        }
    }

    pub(super) fn writable(addr: u32, page: &mut [u8; PAGE_BYTES]) -> Self {
        Self {
            read_tag: addr & !PAGE_MASK,
            write_tag: addr & !PAGE_MASK,
            page: page.as_mut_ptr(),
        }
    }
}

pub(super) struct Tlb([TlbEntry; ENTRIES]);

// SAFETY: the pointers are to pages that the owning `GuestMemory` holds by `Arc`, which may move to another thread.
unsafe impl Send for Tlb {}

fn slot(addr: u32) -> usize {
    (addr >> PAGE_SHIFT) as usize % ENTRIES
}

impl Tlb {
    pub(super) fn new() -> Self {
        Self([TlbEntry::EMPTY; ENTRIES])
    }

    pub(super) fn flush(&mut self) {
        self.0.fill(TlbEntry::EMPTY);
    }

    pub(super) fn forget(&mut self, addr: u32) {
        self.0[slot(addr)] = TlbEntry::EMPTY;
    }

    pub(super) fn forget_writes(&mut self, addr: u32) {
        self.0[slot(addr)].write_tag = NO_TAG;
    }

    pub(super) fn remember(&mut self, addr: u32, entry: TlbEntry) {
        self.0[slot(addr)] = entry;
    }

    /// The `N` bytes at `addr` (`N` is 1, 2, 4 or 8), if aligned to `N` and in a page that is known to be readable.
    #[inline(always)]
    pub(super) fn load<const N: usize>(&self, addr: u32) -> Option<[u8; N]> {
        let entry = &self.0[slot(addr)];
        if addr & (!PAGE_MASK | (N as u32 - 1)) == entry.read_tag {
            // SAFETY: the tag says that the entry points to this page (module invariant); an aligned access does not
            // leave the page; no write can happen during this call, because it would need `&mut GuestMemory`.
            Some(unsafe {
                entry
                    .page
                    .add((addr & PAGE_MASK) as usize)
                    .cast::<[u8; N]>()
                    .read_unaligned()
            })
        } else {
            None
        }
    }

    /// Stores the `N` bytes, if aligned and in a page that is known to be this memory's own; returns whether it did.
    #[inline(always)]
    pub(super) fn store<const N: usize>(&mut self, addr: u32, bytes: [u8; N]) -> bool {
        let entry = &self.0[slot(addr)];
        if addr & (!PAGE_MASK | (N as u32 - 1)) == entry.write_tag {
            // SAFETY: as for `load`; the write tag says that this page has one owner, and this is `&mut` to it.
            unsafe {
                entry
                    .page
                    .add((addr & PAGE_MASK) as usize)
                    .cast::<[u8; N]>()
                    .write_unaligned(bytes)
            };
            true
        } else {
            false
        }
    }

    /// `count` bytes at `addr`, if word-aligned and in a page that is known to be readable.
    #[inline(always)]
    pub(super) fn span(&self, addr: u32, count: u32) -> Option<&[u8]> {
        let entry = &self.0[slot(addr)];
        let inside = (addr & PAGE_MASK) + count <= PAGE_BYTES as u32;
        if addr & (!PAGE_MASK | 3) != entry.read_tag || !inside {
            return None;
        }
        // SAFETY: as for `load`; the span ends within the page, and borrows `self`, so that no write can happen.
        Some(unsafe { std::slice::from_raw_parts(entry.page.add((addr & PAGE_MASK) as usize), count as usize) })
    }

    /// As [`Self::span`], in a page that is known to be this memory's own.
    #[inline(always)]
    pub(super) fn span_mut(&mut self, addr: u32, count: u32) -> Option<&mut [u8]> {
        let entry = &self.0[slot(addr)];
        let inside = (addr & PAGE_MASK) + count <= PAGE_BYTES as u32;
        if addr & (!PAGE_MASK | 3) != entry.write_tag || !inside {
            return None;
        }
        // SAFETY: as for `store`; the span ends within the page, and borrows `self` alone.
        Some(unsafe { std::slice::from_raw_parts_mut(entry.page.add((addr & PAGE_MASK) as usize), count as usize) })
    }
}
