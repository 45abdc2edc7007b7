//! The second-stage bootloader, executed natively: finds the app in flash by the partition table, maps and copies its segments, and leaves
//! the low-power watchdog running (ESP-IDF Programming Guide, "Bootloader").

use super::app_image::{self, App};
use super::flash::{self, Flash, MMU_VALID, WINDOW, WINDOW_BYTES};
use super::partitions;
use super::{LP_RAM, LP_RAM_BYTES, RAM, RAM_BYTES};
use crate::core::memory::GuestMemory;
use crate::machine::{Image, Segment};

/// Where the app is without a partition table, and where the table that `espflash` writes has it.
pub(super) const APP: u32 = 0x1_0000;
/// The longest app that is looked at.
const APP_BYTES_MAX: usize = 0x20_0000 - APP as usize;

pub(super) fn is_mapped(addr: u32) -> bool {
    addr.wrapping_sub(WINDOW) < WINDOW_BYTES
}

fn is_ram(addr: u32, bytes: usize) -> bool {
    let within = |base: u32, size: u32| {
        let offset = addr.wrapping_sub(base);
        offset < size && bytes <= (size - offset) as usize
    };
    within(RAM, RAM_BYTES) || within(LP_RAM, LP_RAM_BYTES)
}

/// The app image of a loaded program; `None` if the program is an app image already, or has nothing to start.
pub(super) fn app_of(image: &Image) -> Option<Vec<u8>> {
    let in_array = |addr: u32| addr.wrapping_sub(flash::ARRAY) < flash::BYTES;
    if image.segments.iter().any(|segment| in_array(segment.addr)) {
        return None;
    }
    let entry = image
        .entry
        .or_else(|| image.symbol("_start"))
        .or(image.segments.first().map(|segment| segment.addr))?;
    Some(app_image::build(&without_dummies(&image.segments), entry, is_mapped))
}

/// ESP-IDF's linker scripts reserve the addresses of `.flash.text` in the segment of the read-only data, by a section
/// without content (`.flash_rodata_dummy`), which the file's segment holds as zeros. `esptool` takes sections and leaves
/// it out; here zeros over what another segment holds are left out.
fn without_dummies(segments: &[Segment]) -> Vec<Segment> {
    let end = |segment: &Segment| segment.addr.saturating_add(segment.bytes.len() as u32);
    let cut = |segment: &Segment| {
        let others = segments
            .iter()
            .filter(|other| *other != segment && !other.bytes.is_empty());
        let covered = others.filter(|other| (segment.addr..end(segment)).contains(&other.addr));
        let behind = covered.map(end).max().unwrap_or(segment.addr).min(end(segment));
        let dummy = (behind - segment.addr) as usize;
        let is_dummy = segment.bytes[..dummy].iter().all(|byte| *byte == 0);
        let dummy = if is_dummy { dummy } else { 0 };
        Segment {
            addr: segment.addr + dummy as u32,
            bytes: segment.bytes[dummy..].to_vec(),
        }
    };
    segments.iter().map(cut).collect()
}

/// Writes an app to the place where the bootloader looks for it.
pub(super) fn install(memory: &mut GuestMemory, app: &[u8]) {
    let fits = app.len() <= APP_BYTES_MAX;
    let installed = fits.then(|| memory.write(flash::ARRAY + APP, app));
    debug_assert!(!matches!(installed, Some(Err(_))), "the array is memory");
}

/// Maps and copies the app's segments; returns its start address.
///
/// # Errors
/// What is wrong with the app, if it cannot be started.
pub(super) fn start(flash: &mut Flash, memory: &mut GuestMemory) -> Result<u32, &'static str> {
    let app = partitions::selected(|at, bytes| Flash::read(memory, at, bytes)).map_or(APP, |app| app.offset);
    let App { entry, loads, page } = {
        let mut magic = [0; 24];
        Flash::read(memory, app, &mut magic).ok_or("there is none")?;
        if magic.starts_with(&[0xff; 24]) {
            return Err("there is none");
        }
        let mut bytes = vec![0; APP_BYTES_MAX.min(flash::BYTES.saturating_sub(app) as usize)];
        Flash::read(memory, app, &mut bytes).ok_or("there is none")?;
        app_image::parse(&bytes)?
    };
    flash.set_page(memory, page);
    for load in loads.iter().filter(|load| load.addr != 0) {
        let at = app + load.offset as u32;
        if is_mapped(load.addr) {
            if load.addr % page != at % page {
                return Err("a segment does not lie on its MMU page");
            }
            let pages = (load.addr % page + load.bytes as u32).div_ceil(page);
            for number in 0..pages {
                let entry = ((load.addr - WINDOW) / page + number) as usize;
                flash.map(memory, entry, (at / page + number) | MMU_VALID);
            }
        } else {
            let mut bytes = vec![0; load.bytes];
            let read = is_ram(load.addr, load.bytes).then(|| Flash::read(memory, at, &mut bytes));
            read.flatten().ok_or("a segment is for no memory")?;
            memory
                .write(load.addr, &bytes)
                .map_err(|_| "a segment is for no memory")?;
        }
    }
    Ok(entry)
}
