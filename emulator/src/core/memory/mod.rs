//! Guest memory: flash, RAM and information pages as regions of copy-on-write 4 KiB pages. Untouched pages are shared
//! between all machines made from one image, so an idle machine holds little more than its page lists, and a fork
//! copies only those.
//!
//! Not here: registers, side effects, write rules of flash (the chip's flash controller applies them before it calls
//! [`GuestMemory::write`]).

#[cfg_attr(feature = "safe", path = "untabled.rs")]
mod tlb;

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use tlb::{Tlb, TlbEntry};

/// Size of a page in bytes.
pub const PAGE_BYTES: usize = 4_096;
const PAGE_SHIFT: u32 = 12;
const LINE_BYTES: usize = PAGE_BYTES / 64;
const PAGE_MASK: u32 = PAGE_BYTES as u32 - 1;

pub(super) use tlb::PageData;

/// One range of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// Name for people, as in `flash`.
    pub name: &'static str,
    /// First address, on a page.
    pub base: u32,
    /// Length in bytes, whole pages.
    pub bytes: u32,
    /// How the core may use it.
    pub kind: RegionKind,
}

impl Region {
    /// `bytes` from `base` on, both whole pages.
    pub const fn new(name: &'static str, base: u32, bytes: u32, kind: RegionKind) -> Self {
        Self {
            name,
            base,
            bytes,
            kind,
        }
    }
}

/// How the core may use a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RegionKind {
    /// Loads, stores, fetches and DMA work without the chip. Zero at power-on.
    Ram,
    /// Loads and fetches work without the chip; stores go to the chip. Erased (all ones) in a new chip.
    Flash,
    /// Not on the core's bus: only a flash controller and tools can access it. Erased in a new chip.
    Behind,
}

impl Region {
    fn contains(&self, addr: u32) -> bool {
        addr.wrapping_sub(self.base) < self.bytes
    }
}

/// An address range that memory does not cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no memory at {addr:#010x}")]
pub struct NoMemory {
    /// Its first address.
    pub addr: u32,
}

/// A machine's memory.
pub struct GuestMemory {
    regions: Vec<RegionPages>,
    /// The page of erased flash.
    erased: Arc<PageData>,
    tlb: Tlb,
    /// Whether decoded code was written to since the core last looked.
    stale_code: bool,
    /// Whether a page of the image was written to since it was loaded.
    image_changed: bool,
    /// First and last addresses of ranges whose pages are no part of the fast path.
    slow: Vec<(u32, u32)>,
}

struct RegionPages {
    region: Region,
    pages: Vec<Arc<PageData>>,
    /// For each page, one bit for each of its 64 lines of 64 bytes: whether the core holds code decoded from it, so
    /// that a write to it must be reported.
    code: Vec<u64>,
    /// For each page, whether it is part of the loaded image: any of its bytes may be part of shared code.
    of_image: Vec<bool>,
}

impl GuestMemory {
    /// Fresh memory: RAM zero, flash erased.
    ///
    /// # Panics
    /// If regions overlap or are not whole pages: the chip's description is wrong.
    pub fn new(regions: Vec<Region>) -> Self {
        let zero = Arc::new(PageData::filled(0));
        let erased = Arc::new(PageData::filled(0xff));
        for (index, region) in regions.iter().enumerate() {
            assert!(
                region.base & PAGE_MASK == 0 && region.bytes & PAGE_MASK == 0 && region.bytes > 0,
                "region {} is not whole pages",
                region.name
            );
            let clash = regions[..index].iter().find(|other| {
                u64::from(other.base) < u64::from(region.base) + u64::from(region.bytes)
                    && u64::from(region.base) < u64::from(other.base) + u64::from(other.bytes)
            });
            assert!(clash.is_none(), "region {} overlaps another", region.name);
        }
        let regions = regions
            .into_iter()
            .map(|region| {
                let count = region.bytes as usize / PAGE_BYTES;
                let page = match region.kind {
                    RegionKind::Ram => &zero,
                    RegionKind::Flash | RegionKind::Behind => &erased,
                };
                RegionPages {
                    region,
                    pages: vec![page.clone(); count],
                    code: vec![0; count],
                    of_image: vec![false; count],
                }
            })
            .collect();
        Self {
            regions,
            erased,
            tlb: Tlb::new(),
            stale_code: false,
            image_changed: false,
            slow: Vec::new(),
        }
    }

    /// A second memory with the same content; pages are shared until either writes.
    pub fn fork(&mut self) -> Self {
        self.tlb.flush();
        let regions = self
            .regions
            .iter()
            .map(|pages| RegionPages {
                region: pages.region.clone(),
                pages: pages.pages.clone(),
                code: vec![0; pages.code.len()],
                of_image: pages.of_image.clone(),
            })
            .collect();
        Self {
            regions,
            erased: self.erased.clone(),
            tlb: Tlb::new(),
            // If the core has not checked yet, the fork's core must check as well.
            stale_code: self.stale_code,
            image_changed: self.image_changed,
            slow: Vec::new(),
        }
    }

    /// The regions.
    pub fn regions(&self) -> impl Iterator<Item = &Region> {
        self.regions.iter().map(|pages| &pages.region)
    }

    /// The region that holds `addr`.
    pub fn region(&self, addr: u32) -> Option<&Region> {
        self.regions
            .iter()
            .map(|pages| &pages.region)
            .find(|region| region.contains(addr))
    }

    /// Whether all of `addr..addr + bytes` is RAM of one region.
    pub fn is_ram(&self, addr: u32, bytes: usize) -> bool {
        self.region(addr).is_some_and(|region| {
            region.kind == RegionKind::Ram && bytes as u64 <= u64::from(region.bytes - (addr - region.base))
        })
    }

    /// Reads RAM or flash.
    ///
    /// # Errors
    /// [`NoMemory`] when a byte of the range is neither; `bytes` is then unspecified.
    pub fn read(&self, addr: u32, bytes: &mut [u8]) -> Result<(), NoMemory> {
        let mut at = addr;
        let mut rest = bytes;
        while !rest.is_empty() {
            let page = self.page(at).ok_or(NoMemory { addr: at })?;
            let offset = (at & PAGE_MASK) as usize;
            let count = rest.len().min(PAGE_BYTES - offset);
            let (now, later) = rest.split_at_mut(count);
            now.copy_from_slice(&page.bytes()[offset..offset + count]);
            at = at.wrapping_add(count as u32);
            rest = later;
        }
        Ok(())
    }

    /// Writes RAM, or programs flash: raw bytes, no flash rules.
    ///
    /// # Errors
    /// [`NoMemory`] when a byte of the range is neither; nothing is written then.
    pub fn write(&mut self, addr: u32, bytes: &[u8]) -> Result<(), NoMemory> {
        self.check_range(addr, bytes.len())?;
        let mut at = addr;
        let mut rest = bytes;
        while !rest.is_empty() {
            let offset = (at & PAGE_MASK) as usize;
            let count = rest.len().min(PAGE_BYTES - offset);
            let (now, later) = rest.split_at(count);
            self.private_page(at, count).ok_or(NoMemory { addr: at })?[offset..offset + count].copy_from_slice(now);
            at = at.wrapping_add(count as u32);
            rest = later;
        }
        Ok(())
    }

    /// Sets `count` bytes from `addr` on to `value` (a page erase).
    ///
    /// # Errors
    /// As for [`Self::write`].
    pub fn fill(&mut self, addr: u32, count: usize, value: u8) -> Result<(), NoMemory> {
        self.check_range(addr, count)?;
        let mut done = 0;
        while done < count {
            let at = addr.wrapping_add(done as u32);
            let offset = (at & PAGE_MASK) as usize;
            let step = (count - done).min(PAGE_BYTES - offset);
            self.private_page(at, step).ok_or(NoMemory { addr: at })?[offset..offset + step].fill(value);
            done += step;
        }
        Ok(())
    }

    /// Maps whole pages from `addr` on to the content at `from` (all ones if `None`), until either is written: an MMU's
    /// mapping. Ranges outside memory stay unchanged.
    pub fn show(&mut self, addr: u32, from: Option<u32>, count: usize) {
        for page in 0..count {
            let step = (page * PAGE_BYTES) as u32;
            let find = |regions: &[RegionPages], at: u32| {
                let index = regions.iter().position(|pages| pages.region.contains(at))?;
                Some((index, ((at - regions[index].region.base) >> PAGE_SHIFT) as usize))
            };
            let Some((region, index)) = find(&self.regions, addr.wrapping_add(step)) else {
                continue;
            };
            let shown = match from.map(|from| find(&self.regions, from.wrapping_add(step))) {
                Some(Some((region, index))) => self.regions[region].pages[index].clone(),
                Some(None) => continue,
                None => self.erased.clone(),
            };
            let pages = &mut self.regions[region];
            if !Arc::ptr_eq(&pages.pages[index], &shown) {
                self.image_changed |= pages.of_image[index];
                self.stale_code |= pages.code[index] != 0 || pages.of_image[index];
                self.tlb.forget(addr.wrapping_add(step));
                pages.pages[index] = shown;
            }
        }
    }

    /// Reads memory that the core can fetch or load at `addr` without the chip.
    ///
    /// # Errors
    /// As for [`Self::read`], and if the memory is not on the core's bus.
    pub(super) fn fetch(&self, addr: u32, bytes: &mut [u8]) -> Result<(), NoMemory> {
        match self.region(addr) {
            Some(region) if region.kind != RegionKind::Behind => self.read(addr, bytes),
            _ => Err(NoMemory { addr }),
        }
    }

    /// Reads a little-endian word, aligned or not.
    ///
    /// # Errors
    /// As for [`Self::read`].
    pub fn read_u32(&self, addr: u32) -> Result<u32, NoMemory> {
        let mut bytes = [0; 4];
        self.read(addr, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    /// Sets all RAM to zero (power was off).
    pub fn clear_ram(&mut self) {
        let zero = Arc::new(PageData::filled(0));
        self.tlb.flush();
        for pages in &mut self.regions {
            if pages.region.kind == RegionKind::Ram {
                pages.pages.fill(zero.clone());
                self.stale_code |= pages.code.iter().any(|lines| *lines != 0);
            }
        }
    }

    /// Every page with its address, in the order of the regions.
    pub fn pages(&self) -> impl Iterator<Item = (u32, &[u8; PAGE_BYTES])> {
        self.regions.iter().flat_map(|pages| {
            let addrs = (pages.region.base..).step_by(PAGE_BYTES);
            addrs.zip(pages.pages.iter().map(|page| page.bytes()))
        })
    }

    /// Feeds all content into `state`.
    pub fn hash_state(&self, mut state: &mut dyn Hasher) {
        for pages in &self.regions {
            pages.region.base.hash(&mut state);
            for page in &pages.pages {
                state.write(page.bytes());
            }
        }
    }

    /// How many pages are this memory's own, not shared with any other.
    pub fn private_pages(&self) -> usize {
        self.regions
            .iter()
            .flat_map(|pages| &pages.pages)
            .filter(|page| Arc::strong_count(page) == 1)
            .count()
    }

    /// Whether all of a range is memory.
    ///
    /// # Errors
    /// [`NoMemory`] with the first address that is not.
    pub fn check_range(&self, addr: u32, count: usize) -> Result<(), NoMemory> {
        let mut at = u64::from(addr);
        let end = at + count as u64;
        while at < end {
            let region = self.region(at as u32).filter(|_| at <= u64::from(u32::MAX));
            let region = region.ok_or(NoMemory { addr: at as u32 })?;
            at = u64::from(region.base) + u64::from(region.bytes);
        }
        Ok(())
    }

    fn page(&self, addr: u32) -> Option<&PageData> {
        let pages = self.regions.iter().find(|pages| pages.region.contains(addr))?;
        Some(&pages.pages[((addr - pages.region.base) >> PAGE_SHIFT) as usize])
    }

    /// The page of `addr`, copied for this memory if it is shared, to write `count` bytes from `addr` on. Code decoded
    /// from them is stale from now on.
    fn private_page(&mut self, addr: u32, count: usize) -> Option<&mut [u8; PAGE_BYTES]> {
        let pages = self.regions.iter_mut().find(|pages| pages.region.contains(addr))?;
        let index = ((addr - pages.region.base) >> PAGE_SHIFT) as usize;
        self.image_changed |= pages.of_image[index];
        self.stale_code |= pages.code[index] & lines(addr, count) != 0 || pages.of_image[index];
        // The page may move, and no pointer to it may be used while it is borrowed for writing.
        self.tlb.forget(addr);
        let page = &mut pages.pages[index];
        if Arc::get_mut(page).is_none() {
            *page = Arc::new(PageData::new(page.bytes()));
        }
        Arc::get_mut(page).map(PageData::bytes_mut)
    }
}

/// The core's side: fast single accesses and code tracking.
impl GuestMemory {
    /// Loads `N` aligned bytes if their page was loaded from lately.
    #[inline(always)]
    pub(super) fn load_fast<const N: usize>(&self, addr: u32) -> Option<[u8; N]> {
        self.tlb.load(addr)
    }

    /// Stores `N` aligned bytes if their page was stored to recently and no code was decoded from it since; returns
    /// whether it did.
    #[inline(always)]
    pub(super) fn store_fast<const N: usize>(&mut self, addr: u32, bytes: [u8; N]) -> bool {
        self.tlb.store(addr, bytes)
    }

    /// Loads `N` bytes at `addr` from RAM or flash, if they lie in one page.
    pub(super) fn load<const N: usize>(&mut self, addr: u32) -> Option<[u8; N]> {
        self.load_fast(addr).or_else(|| self.load_slow(addr))
    }

    /// Stores to RAM, if the bytes lie in one page of it. Code there may be stale afterwards.
    pub(super) fn store<const N: usize>(&mut self, addr: u32, bytes: [u8; N]) -> Option<()> {
        if self.store_fast(addr, bytes) {
            return Some(());
        }
        self.store_slow(addr, bytes)
    }

    #[cold]
    #[inline(never)]
    fn load_slow<const N: usize>(&mut self, addr: u32) -> Option<[u8; N]> {
        let page = self.page(addr).filter(|_| {
            self.region(addr)
                .is_some_and(|region| region.kind != RegionKind::Behind)
        })?;
        let offset = (addr & PAGE_MASK) as usize;
        let bytes = page.bytes().get(offset..offset + N)?.try_into().ok()?;
        let entry = TlbEntry::readable(addr, page);
        if !self.is_slow(addr) {
            self.tlb.remember(addr, entry);
        }
        Some(bytes)
    }

    #[cold]
    #[inline(never)]
    fn store_slow<const N: usize>(&mut self, addr: u32, bytes: [u8; N]) -> Option<()> {
        let offset = (addr & PAGE_MASK) as usize;
        if self.region(addr)?.kind != RegionKind::Ram || offset + N > PAGE_BYTES {
            return None;
        }
        let page = self.private_page(addr, N)?;
        page[offset..offset + N].copy_from_slice(&bytes);
        let entry = TlbEntry::writable(addr, page);
        if !self.holds_code(addr) && !self.is_slow(addr) {
            self.tlb.remember(addr, entry);
        }
        Some(())
    }

    /// Makes every access to these ranges, given by first and last address, miss the fast path from now on; no others.
    pub(super) fn keep_slow(&mut self, ranges: Vec<(u32, u32)>) {
        self.tlb.flush();
        self.slow = ranges;
    }

    fn is_slow(&self, addr: u32) -> bool {
        let (first, last) = (addr & !PAGE_MASK, addr | PAGE_MASK);
        self.slow.iter().any(|range| range.0 <= last && first <= range.1)
    }

    /// Aligned words from `addr` on, if they lie in a page that was loaded from recently.
    #[cfg(not(feature = "safe"))]
    #[inline(always)]
    pub(super) fn span_fast(&self, addr: u32, count: u32) -> Option<&[u8]> {
        self.tlb.span(addr, count)
    }

    /// As [`Self::span_fast`], to be stored to.
    #[cfg(not(feature = "safe"))]
    #[inline(always)]
    pub(super) fn span_fast_mut(&mut self, addr: u32, count: u32) -> Option<&mut [u8]> {
        self.tlb.span_mut(addr, count)
    }

    /// Records that the core now holds code decoded from `count` bytes at `addr`.
    pub(super) fn mark_code(&mut self, addr: u32, count: usize) {
        // An instruction may straddle two pages.
        for at in [addr, addr.wrapping_add(count as u32 - 1)] {
            if let Some(pages) = self.regions.iter_mut().find(|pages| pages.region.contains(at)) {
                pages.code[((at - pages.region.base) >> PAGE_SHIFT) as usize] |= lines(at, 1);
                self.tlb.forget_writes(at);
            }
        }
    }

    fn holds_code(&self, addr: u32) -> bool {
        let pages = self.regions.iter().find(|pages| pages.region.contains(addr));
        pages.is_some_and(|pages| pages.code[((addr - pages.region.base) >> PAGE_SHIFT) as usize] != 0)
    }

    /// Whether decoded code was written to.
    #[inline(always)]
    pub(super) fn has_stale_code(&self) -> bool {
        self.stale_code
    }

    /// Clears the fast paths, and makes the core drop all decoded code, because the accessible memory has changed.
    pub(super) fn distrust(&mut self) {
        self.tlb.flush();
        self.stale_code = true;
    }

    /// The core has dropped all decoded code. Returns whether the image is unchanged since loading, so that code
    /// decoded from it by other machines is valid.
    pub(super) fn forget_code(&mut self) -> bool {
        self.stale_code = false;
        for pages in &mut self.regions {
            pages.code.fill(0);
        }
        !self.image_changed
    }

    /// Installs an image's pages; they are shared until they are written to.
    pub(super) fn install_image(&mut self, image: &[(u32, Arc<PageData>)]) {
        self.distrust();
        self.image_changed = false;
        for pages in &mut self.regions {
            pages.of_image.fill(false);
        }
        for (addr, page) in image {
            if let Some(pages) = self.regions.iter_mut().find(|pages| pages.region.contains(*addr)) {
                let index = ((addr - pages.region.base) >> PAGE_SHIFT) as usize;
                pages.pages[index] = page.clone();
                pages.of_image[index] = true;
            }
        }
    }
}

/// The 64-byte lines of a page that `count` bytes at `addr` touch (up to the page's end), one bit each.
fn lines(addr: u32, count: usize) -> u64 {
    let first = (addr & PAGE_MASK) as usize / LINE_BYTES;
    let last = ((addr & PAGE_MASK) as usize + count.max(1) - 1).min(PAGE_BYTES - 1) / LINE_BYTES;
    (u64::MAX >> (63 - (last - first))) << first
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> GuestMemory {
        GuestMemory::new(vec![
            Region {
                name: "flash",
                base: 0,
                bytes: 0x4000,
                kind: RegionKind::Flash,
            },
            Region {
                name: "ram",
                base: 0x2000_0000,
                bytes: 0x4000,
                kind: RegionKind::Ram,
            },
        ])
    }

    #[test]
    fn fresh_memory_is_erased_flash_and_zero_ram() {
        let memory = memory();
        assert_eq!(memory.read_u32(0x3ffc), Ok(0xffff_ffff));
        assert_eq!(memory.read_u32(0x2000_0ffe), Ok(0));
        assert_eq!(memory.read_u32(0x4000), Err(NoMemory { addr: 0x4000 }));
        assert_eq!(memory.private_pages(), 0);
    }

    #[test]
    fn a_write_past_the_end_writes_nothing() {
        let mut memory = memory();
        assert_eq!(
            memory.write(0x2000_3ffe, &[1, 2, 3]),
            Err(NoMemory { addr: 0x2000_4000 })
        );
        assert_eq!(memory.read_u32(0x2000_3ffc), Ok(0));
        assert!(!memory.is_ram(0x2000_3ffe, 3));
        assert!(memory.is_ram(0x2000_3ffe, 2));
    }

    #[test]
    fn a_fork_and_its_parent_write_to_their_own_pages() {
        let mut parent = memory();
        parent.store(0x2000_0010, 1u32.to_le_bytes()).unwrap();
        let mut child = parent.fork();
        parent.store(0x2000_0010, 2u32.to_le_bytes()).unwrap();
        assert_eq!(child.load(0x2000_0010), Some(1u32.to_le_bytes()));
        child.store(0x2000_0010, 3u32.to_le_bytes()).unwrap();
        assert_eq!(parent.load(0x2000_0010), Some(2u32.to_le_bytes()));
        assert_eq!(parent.read_u32(0x2000_0010), Ok(2));
    }

    #[test]
    fn the_core_cannot_store_to_flash_but_its_controller_can() {
        let mut memory = memory();
        assert_eq!(memory.load(0x100), Some([0xff]));
        assert_eq!(memory.store(0x100, [7]), None);
        memory.write(0x100, &[7]).unwrap();
        assert_eq!(memory.load(0x100), Some([7]));
    }

    #[test]
    fn a_store_to_decoded_code_is_told_and_one_beside_it_is_not() {
        let mut memory = memory();
        memory.store(0x2000_1000, [1]).unwrap();
        memory.mark_code(0x2000_103e, 4);
        for (addr, stale) in [
            (0x2000_1000, true),
            (0x2000_1040, true),
            (0x2000_1080, false),
            (0x2000_2000, false),
        ] {
            memory.store(addr, [1]).unwrap();
            assert_eq!(memory.has_stale_code(), stale, "{addr:#x}");
            memory.stale_code = false;
        }
        memory.write(0x2000_0ff0, &[0; 32]).unwrap();
        assert!(memory.has_stale_code());
        memory.forget_code();
        memory.store(0x2000_1000, [1]).unwrap();
        assert!(!memory.has_stale_code());
    }
}
