//! The bytes of a recording: a mapped file, or memory. The one place of this crate with `unsafe`.

use std::{fs::File, io, ops::Deref};

pub(crate) enum Bytes {
    Mapped(memmap2::Mmap),
    Owned(Vec<u8>),
}

impl Bytes {
    /// Maps the file as long as it is now.
    #[expect(unsafe_code, reason = "a mapping cannot be had without; see below")]
    pub(crate) fn map(file: &File) -> io::Result<Self> {
        if file.metadata()?.len() == 0 {
            // An empty range cannot be mapped.
            return Ok(Self::Owned(Vec::new()));
        }
        // SAFETY: the bytes are read as plain numbers, each access is checked against the mapping's length, and nothing
        // relies on two reads of one byte being equal. A recording only grows. Another program that cuts the file off
        // while it is mapped ends this process (SIGBUS), as with every mapping.
        unsafe { memmap2::Mmap::map(file) }.map(Self::Mapped)
    }

    /// Takes in what the file has more than these bytes. The pages that were read stay mapped where the system can do that: a
    /// window that mapped the file anew for each frame would spend most of its time on their faults.
    ///
    /// # Errors
    /// The file cannot be mapped, or has become shorter. The bytes are then as they were.
    #[expect(unsafe_code, reason = "a mapping cannot be had without; see below")]
    pub(crate) fn grow(&mut self, file: &File) -> io::Result<()> {
        let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        if length < self.len() {
            return Err(io::Error::other("the file became shorter"));
        }
        match self {
            _ if length == self.len() => {}
            #[cfg(target_os = "linux")]
            Self::Mapped(map) => {
                // SAFETY: as in `map`; the file has this length, and no slice of the mapping is alive.
                unsafe { map.remap(length, memmap2::RemapOptions::new().may_move(true))? }
            }
            _ => *self = Self::map(file)?,
        }
        Ok(())
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}
