//! The interface between firmware and board. A board crate implements [`Board`]; the tests implement it in memory.
//!
//! All methods take `&self`: hardware has interior mutability, and the link, the host calls and the store share one
//! reference.

use alloc::string::String;
use drydock_protocol::{
    capability::PinSet,
    limits::MAX_APPS,
    types::{FaultRecord, ResetReason},
};

/// Device time before the first session: 2026-01-01, the year of this source.
pub const BUILT_MS: u64 = 1_767_225_600_000;

/// A board, for as long as the firmware runs.
pub type BoardRef = &'static dyn Board;

/// The hardware below the firmware.
pub trait Board {
    /// Which board this is.
    fn info(&self) -> BoardInfo;

    /// The chip's unique id.
    fn chip_id(&self) -> [u8; 8];

    /// Microseconds since reset; never goes back.
    fn now_us(&self) -> u64;

    /// Sleeps until an interrupt or the given time, whichever comes first; returns how many microseconds it slept.
    /// Must not sleep while [`Self::link_read`] has bytes.
    fn sleep_until(&self, deadline_us: u64) -> u64;

    /// Whether the link has moved to another wire since the last call: another peer is at its other end. The main loop
    /// calls it once a turn; reads and writes stay on one wire in between.
    fn link_has_moved(&self) -> bool {
        false
    }

    /// Reads bytes that arrived on the link's wire and returns how many.
    fn link_read(&self, out: &mut [u8]) -> usize;

    /// Writes bytes to the link's wire and returns how many it took; 0 if it is busy.
    fn link_write(&self, data: &[u8]) -> usize;

    /// Baud rates that the link's wire can have besides the one after reset, in bits per second. The feature `link-rates`
    /// makes use of them.
    fn link_rates(&self) -> &'static [u32] {
        &[]
    }

    /// Changes the wire's baud rate: one of [`Self::link_rates`], or `None` for the one after reset. Returns whether it
    /// did: not while it still sends. An interrupt ends the sleep when it has sent everything.
    fn set_link_rate(&self, _baud: Option<u32>) -> bool {
        true
    }

    /// Fills the buffer from the board's source of true randomness.
    fn fill_random(&self, out: &mut [u8]);

    /// The board's flash.
    fn flash(&self) -> &dyn Flash;

    /// The board's pins.
    fn pins(&self) -> &dyn Pins;

    /// Chip temperature in thousandths of a degree Celsius, if the chip has a sensor.
    fn temperature_mc(&self) -> Option<i32>;

    /// Feeds the watchdog.
    fn feed_watchdog(&self);

    /// Why the board last came out of reset.
    fn reset_reason(&self) -> ResetReason;

    /// Restarts the board. On hardware it does not return.
    fn reset(&self);

    /// Heap, stack and crash record of the image.
    fn services(&self) -> &dyn RuntimeServices;
}

/// Services of an image on any chip: the heap with its arenas, the stack, and the crash record that survives a reset.
pub trait RuntimeServices {
    /// Stores the phase of the main loop in the crash record, for a hang in which no handler can run.
    fn set_phase(&self, _phase: Phase) {}

    /// The record of the last panic or fault. Returned once.
    fn take_fault(&self) -> Option<FaultRecord>;

    /// Runs work whose allocations belong to an arena. During the work the arena's mark is in the crash record.
    ///
    /// If the arena or the heap is exhausted, the work is abandoned and its destructors do not run. So it must own
    /// nothing outside of the arena except reference counts, must not hold a borrow of a cell while it allocates, and
    /// the caller must [forget](core::mem::forget) all values in the arena before [`Self::free_arena`].
    ///
    /// # Errors
    /// [`OutOfMemory`], if the work was abandoned.
    fn in_arena(&self, arena: Arena, work: &mut dyn FnMut()) -> Result<(), OutOfMemory>;

    /// Lets the next allocation with alignment 1 in the current work fail. If the arena would exceed `limit_bytes`, or
    /// the heap is full, the allocation fails and the work continues. If it succeeds, the arena's limit rises by its
    /// size. `None` cancels this.
    fn allow_growth(&self, limit_bytes: Option<u32>);

    /// Bytes in an arena.
    fn arena_bytes(&self, number: u8) -> u32;

    /// Frees all blocks of an arena. They must not be used any more.
    fn free_arena(&self, number: u8);

    /// The [mark](Arena::mark) of the work during which the last crash happened.
    fn faulted_app(&self) -> Option<u8>;

    /// Heap in use, at most since reset, and in all.
    fn heap(&self) -> Usage;

    /// Stack: deepest since reset, and in all.
    fn stack(&self) -> Usage;
}

/// A phase of the main loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Bytes to and from the wire.
    Link,
    /// The host's messages on `control`.
    Host,
    /// The conversation with the gateway, and the gateway's requests.
    Gateway,
    /// An app's slice.
    Apps,
    /// Sleep.
    Idle,
}

impl Phase {
    /// Its name in a record, in ASCII.
    pub const fn tag(self) -> [u8; 4] {
        *match self {
            Self::Link => b"link",
            Self::Host => b"host",
            Self::Gateway => b"gate",
            Self::Apps => b"apps",
            Self::Idle => b"idle",
        }
    }
}

/// Number of arenas of a board: one for each app, and one for the app that replaces another.
pub const MAX_ARENAS: usize = MAX_APPS + 1;

/// An app's share of the heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arena {
    /// Below [`MAX_ARENAS`].
    pub number: u8,
    /// Its limit, in bytes.
    pub limit_bytes: u32,
    /// Identifies the app after a crash.
    pub mark: u8,
}

/// An allocation exceeded its arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfMemory {
    /// Bytes that it held.
    pub used_bytes: u32,
    /// Bytes of the refused request.
    pub wanted_bytes: u32,
    /// Its limit, in bytes.
    pub limit_bytes: u32,
}

impl core::fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "out of memory: {} bytes of heap in use, {} more wanted, at most {} allowed",
            self.used_bytes, self.wanted_bytes, self.limit_bytes
        )
    }
}

/// Constant facts of a board.
#[derive(Debug, Clone, Copy)]
pub struct BoardInfo {
    /// Id of the board's description in `assets/boards`.
    pub name: &'static str,
    /// Version of the firmware.
    pub firmware: &'static str,
    /// When the firmware was built, in milliseconds since the Unix epoch: device time is never earlier.
    pub built_ms: u64,
    /// Pins that apps may be granted.
    pub app_pins: PinSet,
}

/// Use of a memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// In use now.
    pub used_bytes: u32,
    /// Most that was in use since reset.
    pub peak_bytes: u32,
    /// In all.
    pub total_bytes: u32,
}

/// Non-volatile memory in units of erasure. Offsets are in bytes from the start of the first region.
///
/// A word may be written once after its unit was erased; erased bytes read 0xFF. A write or an erasure that power loss
/// interrupts leaves its word or unit in any state.
pub trait Flash {
    /// Sizes.
    fn geometry(&self) -> FlashGeometry;

    /// Lends the bytes at an offset.
    fn with(&self, offset: u32, len: u32, lend: &mut dyn FnMut(&[u8]));

    /// Writes whole words at an offset that is a multiple of the word.
    ///
    /// # Errors
    /// [`FlashError`] if the hardware reports one or the range is not within the regions.
    fn write(&self, offset: u32, data: &[u8]) -> Result<(), FlashError>;

    /// Erases the unit that begins at the offset, or the [sector](Self::sectors), if that is longer.
    ///
    /// # Errors
    /// [`FlashError`] if the hardware reports one or nothing that can be erased begins there.
    fn erase(&self, offset: u32) -> Result<(), FlashError>;

    /// Does one part of erasing the unit that begins at the offset, in at most [`PART_OF_ERASURE_US`]. Returns whether it was
    /// the last part. Other units may be read, written and erased in between, which restarts this erasure.
    ///
    /// # Errors
    /// [`FlashError`] where flash cannot be erased like that, or as for [`Self::erase`].
    fn erase_in_part(&self, _offset: u32) -> Result<bool, FlashError> {
        Err(FlashError)
    }

    /// How many units are erased at once.
    fn sectors(&self) -> Sectors {
        Sectors {
            record_units: 1,
            package_units: 1,
        }
    }
}

/// Longest time that a [part of an erasure](Flash::erase_in_part) takes, in microseconds.
pub const PART_OF_ERASURE_US: u64 = 11_000;

/// Sizes of a flash. The records use the first `2 * record_units` units, the apps the rest.
#[derive(Debug, Clone, Copy)]
pub struct FlashGeometry {
    /// Bytes of a unit of erasure.
    pub unit_bytes: u32,
    /// Bytes of a word, the unit of writing.
    pub word_bytes: u32,
    /// Units of one of the two record areas.
    pub record_units: u32,
    /// Units in all.
    pub units: u32,
}

/// Lengths of erase sectors, in units. The records' areas and the packages' region each begin with a sector.
#[derive(Debug, Clone, Copy)]
pub struct Sectors {
    /// Where the records are; divides an area.
    pub record_units: u32,
    /// Where the packages are.
    pub package_units: u32,
}

/// Writing or erasing flash failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlashError;

impl core::fmt::Display for FlashError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("flash was not written")
    }
}

/// Digital pins; pin `n` of port `p` is number `32 * p + n`.
pub trait Pins {
    /// Makes the pin an output.
    fn output(&self, pin: u8);

    /// Makes the pin an input.
    fn input(&self, pin: u8, pull: Pull);

    /// Drives the pin.
    fn write(&self, pin: u8, high: bool);

    /// Reads the pin.
    fn read(&self, pin: u8) -> bool;
}

/// Pull resistor of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pull {
    /// None.
    None,
    /// To ground.
    Down,
    /// To the supply.
    Up,
}

/// The chip id as users read it: hexadecimal, 16 digits.
pub fn chip_id_text(chip_id: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    chip_id
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}
