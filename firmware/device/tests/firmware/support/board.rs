//! A board in memory. Boards are leaked: the firmware borrows its board for `'static`.

use super::{flash::RamFlash, heap};
use drydock_device::board::{
    Arena, Board, BoardInfo, BoardRef, Flash, MAX_ARENAS, OutOfMemory, Pins, Pull, RuntimeServices, Usage,
};
use drydock_protocol::{
    capability::PinSet,
    types::{FaultRecord, ResetReason},
};
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, VecDeque},
};

/// When the firmware was "built": 2025-01-01.
pub(crate) const BUILT_MS: u64 = 1_735_689_600_000;

pub(crate) struct TestBoard {
    pub(crate) flash: RamFlash,
    pub(crate) now_us: Cell<u64>,
    /// How far the clock advances each time it is read.
    pub(crate) step_us: Cell<u64>,
    /// Bytes from the device to the host, and back.
    pub(crate) to_host: RefCell<VecDeque<u8>>,
    pub(crate) to_device: RefCell<VecDeque<u8>>,
    /// The wire's rate; `None` after reset.
    pub(crate) link_rate: Cell<Option<u32>>,
    /// How often a change of the rate is put off, because the UART still sends.
    pub(crate) rate_busy: Cell<u32>,
    pub(crate) pins: TestPins,
    pub(crate) resets: Cell<u32>,
    pub(crate) heap_total_bytes: Cell<u32>,
    pub(crate) fault: RefCell<Option<FaultRecord>>,
    pub(crate) faulted_app: Cell<Option<u8>>,
    arenas: RefCell<[u32; MAX_ARENAS]>,
    /// Times that work was done in an arena.
    pub(crate) arena_works: Cell<u32>,
    in_arena: Cell<bool>,
    /// Bytes in the arena when the current work began.
    work_before_bytes: Cell<u32>,
    random: Cell<u64>,
}

#[derive(Default)]
pub(crate) struct TestPins {
    pub(crate) levels: RefCell<BTreeMap<u8, bool>>,
    /// How long a write takes.
    pub(crate) write_us: Cell<u64>,
    /// Duration of writes that the board's clock does not show yet.
    spent_us: Cell<u64>,
    pub(crate) writes: RefCell<Vec<(u8, bool)>>,
}

impl TestBoard {
    pub(crate) fn new() -> &'static Self {
        Box::leak(Box::new(Self {
            flash: RamFlash::new(),
            now_us: Cell::new(0),
            step_us: Cell::new(10),
            to_host: RefCell::default(),
            to_device: RefCell::default(),
            link_rate: Cell::new(None),
            rate_busy: Cell::new(0),
            pins: TestPins::default(),
            resets: Cell::new(0),
            heap_total_bytes: Cell::new(160 * 1024),
            fault: RefCell::default(),
            faulted_app: Cell::new(None),
            arenas: RefCell::default(),
            arena_works: Cell::new(0),
            in_arena: Cell::new(false),
            work_before_bytes: Cell::new(0),
            random: Cell::new(0x9E37_79B9_7F4A_7C15),
        }))
    }

    pub(crate) fn as_ref(&'static self) -> BoardRef {
        self
    }
}

impl Board for TestBoard {
    fn info(&self) -> BoardInfo {
        BoardInfo {
            name: "testboard",
            firmware: "0.1.0",
            built_ms: BUILT_MS,
            app_pins: PinSet::of(&[13, 24]),
        }
    }

    fn chip_id(&self) -> [u8; 8] {
        [1, 2, 3, 4, 0xA, 0xB, 0xC, 0xD]
    }

    fn now_us(&self) -> u64 {
        let passed_us = self.step_us.get() + self.pins.spent_us.take();
        self.now_us.set(self.now_us.get() + passed_us);
        self.now_us.get()
    }

    fn sleep_until(&self, deadline_us: u64) -> u64 {
        let now_us = self.now_us.get();
        // The host side gets its turn at least each millisecond.
        let woken_us = deadline_us.min(now_us + 1000).max(now_us);
        self.now_us.set(woken_us);
        woken_us - now_us
    }

    fn link_read(&self, out: &mut [u8]) -> usize {
        let mut bytes = self.to_device.borrow_mut();
        let count = out.len().min(bytes.len());
        for (byte, arrived) in out.iter_mut().zip(bytes.drain(..count)) {
            *byte = arrived;
        }
        count
    }

    fn link_write(&self, data: &[u8]) -> usize {
        // Less than was offered, as a busy UART does.
        let count = data.len().min(100);
        self.to_host.borrow_mut().extend(&data[..count]);
        count
    }

    fn link_rates(&self) -> &'static [u32] {
        &[500_000, 1_000_000]
    }

    fn set_link_rate(&self, baud: Option<u32>) -> bool {
        if let Some(left) = self.rate_busy.get().checked_sub(1) {
            self.rate_busy.set(left);
            return false;
        }
        assert!(baud.is_none_or(|baud| self.link_rates().contains(&baud)));
        self.link_rate.set(baud);
        true
    }

    fn fill_random(&self, out: &mut [u8]) {
        // The duration on an nRF52840, whose source is the slowest.
        self.now_us.set(self.now_us.get() + 120 * out.len() as u64);
        for byte in out {
            // SplitMix64: tests want the same numbers each time.
            let state = self.random.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
            self.random.set(state);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            *byte = ((mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB) >> 56) as u8;
        }
    }

    fn flash(&self) -> &dyn Flash {
        &self.flash
    }

    fn pins(&self) -> &dyn Pins {
        &self.pins
    }

    fn temperature_mc(&self) -> Option<i32> {
        Some(23_250)
    }

    fn feed_watchdog(&self) {
        assert!(!self.in_arena.get(), "only the main loop feeds the watchdog, no app");
    }

    fn reset_reason(&self) -> ResetReason {
        ResetReason::PowerOn
    }

    fn reset(&self) {
        self.resets.set(self.resets.get() + 1);
    }

    fn services(&self) -> &dyn RuntimeServices {
        self
    }
}

impl RuntimeServices for TestBoard {
    fn take_fault(&self) -> Option<FaultRecord> {
        self.fault.take()
    }

    fn in_arena(&self, arena: Arena, work: &mut dyn FnMut()) -> Result<(), OutOfMemory> {
        self.arena_works.set(self.arena_works.get() + 1);
        let before_bytes = self.arena_bytes(arena.number);
        self.work_before_bytes.set(before_bytes);
        self.in_arena.set(true);
        let held = heap::measure(work);
        self.in_arena.set(false);
        let end_bytes = i64::from(before_bytes) + held.end_bytes;
        self.arenas.borrow_mut()[usize::from(arena.number)] = end_bytes.max(0) as u32;
        let peak_bytes = i64::from(before_bytes) + held.peak_bytes;
        if peak_bytes <= arena.limit_bytes.into() {
            return Ok(());
        }
        Err(OutOfMemory {
            used_bytes: before_bytes,
            wanted_bytes: (peak_bytes - i64::from(before_bytes)) as u32,
            limit_bytes: arena.limit_bytes,
        })
    }

    fn allow_growth(&self, limit_bytes: Option<u32>) {
        let before_bytes = i64::from(self.work_before_bytes.get());
        heap::allow_growth(limit_bytes.map(|limit| i64::from(limit) - before_bytes));
    }

    fn arena_bytes(&self, number: u8) -> u32 {
        self.arenas.borrow()[usize::from(number)]
    }

    fn free_arena(&self, number: u8) {
        self.arenas.borrow_mut()[usize::from(number)] = 0;
    }

    fn faulted_app(&self) -> Option<u8> {
        self.faulted_app.get()
    }

    fn heap(&self) -> Usage {
        Usage {
            used_bytes: 20 * 1024 + self.arenas.borrow().iter().sum::<u32>(),
            peak_bytes: 30 * 1024,
            total_bytes: self.heap_total_bytes.get(),
        }
    }

    fn stack(&self) -> Usage {
        Usage {
            used_bytes: 1000,
            peak_bytes: 5000,
            total_bytes: 16 * 1024,
        }
    }
}

impl Pins for TestPins {
    fn output(&self, pin: u8) {
        self.levels.borrow_mut().insert(pin, false);
    }

    fn input(&self, pin: u8, pull: Pull) {
        self.levels.borrow_mut().insert(pin, pull == Pull::Up);
    }

    fn write(&self, pin: u8, high: bool) {
        self.spent_us.set(self.spent_us.get() + self.write_us.get());
        self.levels.borrow_mut().insert(pin, high);
        self.writes.borrow_mut().push((pin, high));
    }

    fn read(&self, pin: u8) -> bool {
        self.levels.borrow().get(&pin).copied().unwrap_or(false)
    }
}
