//! What a panic, a hard fault or a hang leaves behind: a record in RAM that reset does not clear.
//!
//! A record carries code addresses, which whoever has the image's ELF file can look up: for a fault and a hang the one
//! that was executed, for a panic those on the stack that a call left there. A panic's text is not kept, because then no
//! panic's text is in the image: 34 KB of it. Nor are source locations (`boards/.cargo/config.toml`).
//!
//! A hang with interrupts off is seen by no handler; of it the record tells what the main loop had turned to last.
//!
//! Who finds the addresses, on a stack or in a fault's frame, is the architecture's crate; what reset the chip, the board's.
#![no_std]

extern crate alloc;

use alloc::string::String;
use core::{
    cell::UnsafeCell,
    fmt::Write,
    mem::MaybeUninit,
    sync::atomic::{AtomicU32, Ordering},
};
use drydock_protocol::{
    limits::MAX_DETAIL_BYTES,
    types::{FaultRecord, ResetReason},
};

/// Marks the record as written by us, and not what RAM holds after power-on.
const MAGIC: u32 = 0xD0C4_FA17;
const PANIC: u32 = Cause::Panic as u32;
const HARD_FAULT: u32 = Cause::HardFault as u32;
const WATCHDOG: u32 = Cause::Watchdog as u32;
const LOCKUP: u32 = 4;
const NO_FAULT: u32 = 0;
const NO_APP: u32 = 0xFFFF_FFFF;
/// What the firmware is at before its main loop says so itself.
const BOOT: [u8; 4] = *b"boot";

/// How the firmware fell.
#[derive(Clone, Copy)]
#[repr(u32)]
pub enum Cause {
    /// It gave up.
    Panic = 1,
    /// The core took a fault.
    HardFault = 2,
    /// The watchdog is about to bite.
    Watchdog = 3,
}

/// Where the firmware fell.
#[derive(Clone, Copy)]
pub struct Fall {
    /// How.
    pub cause: Cause,
    /// Code address that was executed, or the innermost call's.
    pub pc: u32,
    /// Return address.
    pub lr: u32,
    /// The core's fault status (CFSR, `mcause`).
    pub status: u32,
    /// The data address that faulted; 0 where the core tells none.
    pub address: u32,
}

/// What a chip says of its last reset. None of it: power came on.
#[derive(Clone, Copy, Default)]
pub struct Resets {
    /// The core locked up.
    pub lockup: bool,
    /// The watchdog bit.
    pub watchdog: bool,
    /// The reset pin was pulled.
    pub pin: bool,
    /// The firmware asked for it.
    pub software: bool,
    /// Something else.
    pub other: bool,
}

impl Resets {
    #[inline(always)]
    fn any(self) -> bool {
        self.lockup || self.watchdog || self.pin || self.software || self.other
    }
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Kept {
    magic: u32,
    cause: u32,
    pc: u32,
    lr: u32,
    status: u32,
    address: u32,
    app: u32,
    step: [u8; 4],
    message_len: u32,
    message: [u8; MAX_DETAIL_BYTES],
}

struct KeptCell(UnsafeCell<MaybeUninit<Kept>>);

// SAFETY: one core; handlers that write it never return to whom they interrupted.
unsafe impl Sync for KeptCell {}

#[unsafe(link_section = ".uninit.fault")]
static KEPT: KeptCell = KeptCell(UnsafeCell::new(MaybeUninit::uninit()));

/// The app that the last fault happened in; [`NO_APP`] if none.
static FAULTED_APP: AtomicU32 = AtomicU32::new(NO_APP);

/// Reads what an earlier life left and says why the board was reset. Called once, at start.
#[inline(always)]
pub fn begin(resets: Resets) -> ResetReason {
    let kept = record();
    let survived = kept.magic == MAGIC && resets.any();
    let reason = match kept.cause {
        PANIC if survived && resets.software => ResetReason::Panic,
        HARD_FAULT if survived && resets.software => ResetReason::HardFault,
        // The watchdog's own reason comes with it; the record says where the firmware hung.
        _ if resets.lockup => ResetReason::Lockup,
        _ if resets.watchdog => ResetReason::Watchdog,
        _ if resets.pin => ResetReason::Pin,
        _ if resets.software => ResetReason::Software,
        _ if !resets.any() => ResetReason::PowerOn,
        _ => ResetReason::Unknown,
    };
    let was_fault = matches!(
        reason,
        ResetReason::Panic | ResetReason::HardFault | ResetReason::Lockup | ResetReason::Watchdog
    );
    if survived && was_fault {
        FAULTED_APP.store(kept.app, Ordering::Relaxed);
    }
    match reason {
        ResetReason::Panic | ResetReason::HardFault => {}
        ResetReason::Watchdog if survived && kept.cause == WATCHDOG => {}
        ResetReason::Watchdog if survived => kept.unseen(WATCHDOG),
        ResetReason::Lockup if survived => kept.unseen(LOCKUP),
        _ => kept.forget(),
    }
    kept.magic = MAGIC;
    turn_to(BOOT);
    reason
}

/// The record, told once.
pub fn take() -> Option<FaultRecord> {
    let kept = record();
    let reason = match kept.cause {
        PANIC => ResetReason::Panic,
        HARD_FAULT => ResetReason::HardFault,
        WATCHDOG => ResetReason::Watchdog,
        LOCKUP => ResetReason::Lockup,
        _ => return None,
    };
    kept.forget();
    let len = (kept.message_len as usize).min(MAX_DETAIL_BYTES);
    Some(FaultRecord {
        reason,
        pc: kept.pc,
        lr: kept.lr,
        status: kept.status,
        address: kept.address,
        message: String::from_utf8_lossy(&kept.message[..len]).into_owned(),
    })
}

/// Notes which app the firmware works for.
pub fn mark_app(slot: Option<u8>) {
    let app = slot.map_or(NO_APP, u32::from);
    // SAFETY: a plain word is written, which a fault in between may be about to read: not to be left for later.
    unsafe { (&raw mut (*KEPT.0.get().cast::<Kept>()).app).write_volatile(app) };
}

/// Notes what the firmware turns to: all that is known of a fall in which no handler ran.
pub fn turn_to(step: [u8; 4]) {
    // SAFETY: as in `mark_app`.
    unsafe { (&raw mut (*KEPT.0.get().cast::<Kept>()).step).write_volatile(step) };
}

/// The app that the last fault happened in.
pub fn faulted_app() -> Option<u8> {
    u8::try_from(FAULTED_APP.load(Ordering::Relaxed)).ok()
}

/// Keeps where the firmware fell, and what `describe` writes. What fell must not go on.
#[inline(always)]
pub fn keep(fall: Fall, describe: impl FnOnce(&mut Message<'_>)) {
    let kept = record();
    kept.magic = MAGIC;
    kept.cause = fall.cause as u32;
    kept.pc = fall.pc;
    kept.lr = fall.lr;
    kept.status = fall.status;
    kept.address = fall.address;
    kept.message_len = 0;
    describe(&mut Message(kept));
}

fn record() -> &'static mut Kept {
    // SAFETY: `Kept` is made of integers, for which any bytes are a value. One core: who falls is alone with it, and
    // otherwise the main loop is, between two of its calls.
    unsafe { &mut *KEPT.0.get().cast::<Kept>() }
}

impl Kept {
    fn forget(&mut self) {
        self.cause = NO_FAULT;
        self.app = NO_APP;
    }

    /// A fall in which no handler ran, because interrupts were off or the core was beyond that.
    fn unseen(&mut self, cause: u32) {
        (self.cause, self.pc, self.lr, self.status, self.address) = (cause, 0, 0, 0, 0);
        self.message_len = 0;
        let step = self.step;
        let mut message = Message(self);
        // Writing into memory cannot fail.
        let _ = message.write_str("no handler could run; the firmware was at: ");
        let _ = message.write_str(core::str::from_utf8(&step).unwrap_or("?"));
    }
}

/// Writes into the record's message as far as it goes; what does not fit is cut.
pub struct Message<'a>(&'a mut Kept);

impl Write for Message<'_> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let at = self.0.message_len as usize;
        let len = text.len().min(MAX_DETAIL_BYTES - at);
        self.0.message[at..at + len].copy_from_slice(&text.as_bytes()[..len]);
        self.0.message_len += len as u32;
        Ok(())
    }
}
