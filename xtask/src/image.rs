//! A firmware image: its contents in flash and RAM according to its ELF file, and its flat form.

use anyhow::{Context, Result, bail};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, elf};

/// Sizes and bytes of one image.
pub(crate) struct Image {
    /// Lowest load address; the bytes start there (gaps filled with 0xFF, as erased flash reads). Data that a
    /// bootloader copies to RAM (its load address is in RAM) follows without a gap, so that the length is that of the
    /// image in flash.
    pub(crate) base: u32,
    pub(crate) flat: Vec<u8>,
    /// RAM that is reserved by the linker: data, bss and uninitialised sections; stack and free heap are not in it.
    pub(crate) static_ram_bytes: u64,
}

/// A larger flat image results from a broken linker script, not from firmware.
const MAX_FLAT_BYTES: u64 = 16 << 20;

/// Reads a 32-bit little-endian ELF file. `ram` is the range of addresses that counts as RAM.
pub(crate) fn read(bytes: &[u8], ram: std::ops::Range<u64>) -> Result<Image> {
    let header = elf::FileHeader32::<Endianness>::parse(bytes).context("not a 32-bit ELF file")?;
    let endian = header.endian()?;
    let (mut loads, mut copied) = (Vec::new(), Vec::new());
    let mut static_ram_bytes = 0;
    for segment in header.program_headers(endian, bytes)? {
        if segment.p_type(endian) != elf::PT_LOAD {
            continue;
        }
        if ram.contains(&u64::from(segment.p_vaddr(endian))) {
            static_ram_bytes += u64::from(segment.p_memsz(endian));
        }
        let data = segment
            .data(endian, bytes)
            .map_err(|()| anyhow::anyhow!("a segment lies outside the file"))?;
        let address = u64::from(segment.p_paddr(endian));
        if data.is_empty() {
            continue;
        }
        match ram.contains(&address) {
            true => copied.push((address, data)),
            false => loads.push((address, data)),
        }
    }
    loads.sort_by_key(|&(address, _)| address);
    let Some(&(base, _)) = loads.first() else {
        bail!("the image loads nothing")
    };
    let mut flat: Vec<u8> = Vec::new();
    for (address, data) in loads {
        let start = address - base;
        if start < flat.len() as u64 {
            bail!("two segments load at {address:#x}");
        }
        if start + data.len() as u64 > MAX_FLAT_BYTES {
            bail!("segments are spread over more than {MAX_FLAT_BYTES} bytes");
        }
        flat.resize(usize::try_from(start)?, 0xFF);
        flat.extend_from_slice(data);
    }
    copied.sort_by_key(|&(address, _)| address);
    for (_, data) in copied {
        flat.extend_from_slice(data);
    }
    Ok(Image {
        base: u32::try_from(base)?,
        flat,
        static_ram_bytes,
    })
}
