//! Data shared by machines that load one image into chips of one kind: the flash pages that the image fills, until a
//! machine writes to them, and the code decoded from them.

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::code_cache::SharedCodeCache;
use super::memory::{GuestMemory, PAGE_BYTES, PageData, Region, RegionKind};
use crate::machine::Segment;

/// Limit of different flash contents around one image that are shared; a machine with yet another content shares
/// nothing.
const VARIANTS_MAX: usize = 4;

/// The variants of one image in flash; the image and its copies hold them.
#[derive(Default)]
pub(crate) struct SharedImages(Mutex<Vec<Arc<SharedImage>>>);

/// An image as flash holds it.
pub(crate) struct SharedImage {
    regions: Vec<Region>,
    /// By address.
    pages: Vec<(u32, Arc<PageData>)>,
    /// A [`SharedCodeCache`] for the chip's kind of core.
    code_cache: OnceLock<Arc<dyn Any + Send + Sync>>,
}

impl SharedImage {
    /// The code of this image for cores whose blocks are `B`.
    pub(super) fn code_cache<B: Send + Sync + 'static>(&self) -> Option<Arc<SharedCodeCache<B>>> {
        let pages = || self.pages.iter().map(|(addr, _)| *addr);
        let code_cache = self
            .code_cache
            .get_or_init(|| Arc::new(SharedCodeCache::<B>::new(pages())));
        Arc::downcast(code_cache.clone()).ok()
    }
}

/// Loads `segments`, which fit `memory`. Returns the part shared with other machines; `None` if nothing is shared.
pub(crate) fn load(
    memory: &mut GuestMemory,
    segments: &[Segment],
    shared_images: &SharedImages,
) -> Option<Arc<SharedImage>> {
    let flash = flash_pages(memory, segments);
    let regions: Vec<Region> = memory.regions().cloned().collect();
    let mut variants = shared_images.0.lock().unwrap_or_else(PoisonError::into_inner);
    let fits = |shared: &&Arc<SharedImage>| {
        let mut pages = shared.pages.iter();
        shared.regions == regions
            && pages.len() == flash.len()
            && pages.all(|(addr, page)| flash.contains(addr) && overlaid(memory, *addr, segments) == *page.bytes())
    };
    let mut found = variants.iter().find(fits).cloned();
    if found.is_none() && variants.len() < VARIANTS_MAX && !flash.is_empty() {
        let page = |addr: &u32| {
            let bytes = overlaid(memory, *addr, segments);
            (*addr, Arc::new(PageData::new(&bytes)))
        };
        let shared = Arc::new(SharedImage {
            regions,
            pages: flash.iter().map(page).collect(),
            code_cache: OnceLock::new(),
        });
        variants.push(shared.clone());
        found = Some(shared);
    }
    drop(variants);
    for segment in segments {
        let kind = memory.region(segment.addr).map(|region| region.kind);
        if found.is_none() || kind == Some(RegionKind::Ram) || crosses_regions(memory, segment) {
            let written = memory.write(segment.addr, &segment.bytes);
            debug_assert!(written.is_ok(), "the caller checked the segments");
        }
    }
    if let Some(shared) = &found {
        memory.install_image(&shared.pages);
    }
    found
}

/// Addresses of the flash pages that hold some of `segments`.
fn flash_pages(memory: &GuestMemory, segments: &[Segment]) -> BTreeSet<u32> {
    let mut pages = BTreeSet::new();
    for segment in segments {
        let first = segment.addr & !(PAGE_BYTES as u32 - 1);
        let end = u64::from(segment.addr) + segment.bytes.len() as u64;
        let all = (u64::from(first)..end).step_by(PAGE_BYTES).map(|addr| addr as u32);
        let kind = |addr: u32| memory.region(addr).map(|region| region.kind);
        pages.extend(all.filter(|addr| kind(*addr) != Some(RegionKind::Ram)));
    }
    pages
}

/// The page at `addr` with the bytes of `segments` in it.
fn overlaid(memory: &GuestMemory, addr: u32, segments: &[Segment]) -> [u8; PAGE_BYTES] {
    let mut page = [0; PAGE_BYTES];
    let read = memory.read(addr, &mut page);
    debug_assert!(read.is_ok(), "the page is one of a region");
    for segment in segments {
        let (page_start, start) = (u64::from(addr), u64::from(segment.addr));
        let from = page_start.max(start);
        let to = (page_start + PAGE_BYTES as u64).min(start + segment.bytes.len() as u64);
        if from < to {
            page[(from - page_start) as usize..(to - page_start) as usize]
                .copy_from_slice(&segment.bytes[(from - start) as usize..(to - start) as usize]);
        }
    }
    page
}

fn crosses_regions(memory: &GuestMemory, segment: &Segment) -> bool {
    let last = segment.addr.wrapping_add(segment.bytes.len().saturating_sub(1) as u32);
    memory.region(segment.addr) != memory.region(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> GuestMemory {
        GuestMemory::new(vec![
            Region::new("flash", 0, 0x4000, RegionKind::Flash),
            Region::new("ram", 0x2000_0000, 0x4000, RegionKind::Ram),
        ])
    }

    fn segments() -> Vec<Segment> {
        let segment = |addr, bytes: usize| Segment {
            addr,
            bytes: vec![7; bytes],
        };
        vec![segment(0xf00, 0x300), segment(0x2000_0004, 4)]
    }

    #[test]
    fn machines_share_what_the_image_fills_until_they_write_to_it() {
        let (segments, shared_images) = (segments(), SharedImages::default());
        let (mut one, mut other) = (memory(), memory());
        let first = load(&mut one, &segments, &shared_images).unwrap();
        let second = load(&mut other, &segments, &shared_images).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        for memory in [&mut one, &mut other] {
            assert!(memory.forget_code(), "loading is no change of the image");
            assert_eq!(memory.read_u32(0xefe), Ok(0x0707_ffff));
            assert_eq!(memory.read_u32(0x11fe), Ok(0xffff_0707));
            assert_eq!(memory.read_u32(0x2000_0004), Ok(0x0707_0707));
        }
        one.write(0x1000, &[1]).unwrap();
        assert!(one.has_stale_code() && !one.forget_code());
        assert_eq!(
            (one.read_u32(0x1000), other.read_u32(0x1000)),
            (Ok(0x0707_0701), Ok(0x0707_0707))
        );
        other.write(0x3000, &[1]).unwrap();
        assert!(!other.has_stale_code() && other.forget_code());
    }

    #[test]
    fn other_flash_around_an_image_is_another_variant() {
        let (segments, shared_images) = (segments(), SharedImages::default());
        let first = load(&mut memory(), &segments, &shared_images).unwrap();
        let mut used = memory();
        used.write(0x0, &[1]).unwrap();
        let second = load(&mut used, &segments, &shared_images).unwrap();
        assert!(!Arc::ptr_eq(&first, &second));
        assert_eq!(
            (used.read_u32(0x0), used.read_u32(0x1000)),
            (Ok(0xffff_ff01), Ok(0x0707_0707))
        );
        for value in 2..10 {
            used.write(0x0, &[value]).unwrap();
            load(&mut used, &segments, &shared_images);
        }
        assert!(load(&mut used, &segments, &shared_images).is_none());
        assert_eq!(
            (used.read_u32(0x0), used.read_u32(0x1000)),
            (Ok(0xffff_ff09), Ok(0x0707_0707))
        );
    }
}
