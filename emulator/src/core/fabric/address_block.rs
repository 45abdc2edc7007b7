//! Ranges of addresses by name, under which profiles count.

/// A named range of addresses: a peripheral, or memory whose stores go to its controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressBlock {
    /// First address.
    pub base: u32,
    /// Length in bytes.
    pub bytes: u32,
    /// Name in the chip manual's spelling, as in `UARTE0`.
    pub name: &'static str,
}

impl AddressBlock {
    /// The block `name` of `bytes` bytes at `base`.
    pub const fn new(base: u32, bytes: u32, name: &'static str) -> Self {
        Self { base, bytes, name }
    }
}
