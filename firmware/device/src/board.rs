//! What the firmware asks of a board. A board crate implements [`Board`]; the tests do it in memory.
//!
//! Everything takes `&self`: hardware has interior mutability of its own, and one reference can then be shared by the
//! link, the apps' host calls and the store.

use alloc::string::String;
use drydock_protocol::{
    capability::PinSet,
    types::{FaultRecord, ResetReason},
};

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

    /// Takes bytes that arrived on the link's wire and returns how many.
    fn link_read(&self, out: &mut [u8]) -> usize;

    /// Puts bytes on the link's wire and returns how many were taken; 0: busy.
    fn link_write(&self, data: &[u8]) -> usize;

    /// Fills the buffer from the board's source of true randomness.
    fn fill_random(&self, out: &mut [u8]);

    /// The board's flash.
    fn flash(&self) -> &dyn Flash;

    /// The board's pins.
    fn pins(&self) -> &dyn Pins;

    /// Chip temperature in thousandths of a degree Celsius, if the chip has a sensor.
    fn temperature_mc(&self) -> Option<i32>;

    /// Tells the watchdog that the firmware is alive.
    fn feed_watchdog(&self);

    /// Why the board last came out of reset.
    fn reset_reason(&self) -> ResetReason;

    /// What the last panic or fault left; told once.
    fn take_fault(&self) -> Option<FaultRecord>;

    /// Leaves a mark that survives a panic: the app whose code or allocations the firmware is busy with, by its slot.
    fn mark_app(&self, slot: Option<u8>);

    /// The slot that [`Self::mark_app`] held when the last panic or fault struck.
    fn faulted_app(&self) -> Option<u8>;

    /// Restarts the board. On hardware it does not return.
    fn reset(&self);

    /// Heap in use, at most since reset, and in all.
    fn heap(&self) -> Usage;

    /// Stack: deepest since reset, and in all.
    fn stack(&self) -> Usage;
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

    /// Erases the unit that begins at the offset.
    ///
    /// # Errors
    /// [`FlashError`] if the hardware reports one or no unit begins there.
    fn erase(&self, offset: u32) -> Result<(), FlashError>;
}

/// Sizes of a flash. The records have the first `2 * record_units` units, the apps the rest.
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

/// Flash did not take what was written.
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
