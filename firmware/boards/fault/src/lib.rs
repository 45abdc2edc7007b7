//! The crash record: a panic, a hard fault or a hang writes it to a part of RAM that reset does not clear.
//!
//! The record holds code addresses, which can be looked up in the image's ELF file: for a fault or a hang the address
//! that was executed, for a panic the return addresses on the stack. It does not hold the panic's message: without
//! messages the image is 34 KB smaller. Source locations are omitted too (`boards/.cargo/config.toml`).
//!
//! No handler sees a hang with interrupts off. The record then holds the phase that the main loop set last.
//!
//! The architecture's crate finds the addresses, on the stack or in the fault's frame. The board's crate reads why the
//! chip was reset.
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

/// Marks the record as written by this firmware, as opposed to random contents of RAM after power-on.
const MAGIC: u32 = 0xD0C4_FA17;
const PANIC: u32 = Cause::Panic as u32;
const HARD_FAULT: u32 = Cause::HardFault as u32;
const WATCHDOG: u32 = Cause::Watchdog as u32;
const LOCKUP: u32 = 4;
const NO_FAULT: u32 = 0;
const NO_APP: u32 = 0xFFFF_FFFF;
/// The phase before the main loop sets one.
const BOOT: [u8; 4] = *b"boot";

/// The kind of a crash.
#[derive(Clone, Copy)]
#[repr(u32)]
pub enum Cause {
    /// The firmware panicked.
    Panic = 1,
    /// The core took a fault.
    HardFault = 2,
    /// The watchdog is about to reset the chip.
    Watchdog = 3,
}

/// Where and how the firmware crashed.
#[derive(Clone, Copy)]
pub struct Crash {
    /// The kind.
    pub cause: Cause,
    /// Code address that was executed, or the innermost call's.
    pub pc: u32,
    /// Return address.
    pub lr: u32,
    /// The core's fault status (CFSR, `mcause`).
    pub status: u32,
    /// The data address that faulted; 0 if the core reports none.
    pub address: u32,
}

/// The reset reasons that a chip reports. All `false` after power-on.
#[derive(Clone, Copy, Default)]
pub struct Resets {
    /// The core locked up.
    pub lockup: bool,
    /// The watchdog.
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
struct CrashRecord {
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

struct CrashRecordCell(UnsafeCell<MaybeUninit<CrashRecord>>);

// SAFETY: one core; handlers that write it never return to the interrupted code.
unsafe impl Sync for CrashRecordCell {}

#[unsafe(link_section = ".uninit.fault")]
static CRASH_RECORD: CrashRecordCell = CrashRecordCell(UnsafeCell::new(MaybeUninit::uninit()));

/// The app that the last fault happened in; [`NO_APP`] if none.
static FAULTED_APP: AtomicU32 = AtomicU32::new(NO_APP);

/// Reads the record of the previous run and returns why the board was reset. Called once, at start.
#[inline(always)]
pub fn begin(resets: Resets) -> ResetReason {
    let record = crash_record();
    let survived = record.magic == MAGIC && resets.any();
    let reason = match record.cause {
        PANIC if survived && resets.software => ResetReason::Panic,
        HARD_FAULT if survived && resets.software => ResetReason::HardFault,
        // The record says where the firmware hung.
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
        FAULTED_APP.store(record.app, Ordering::Relaxed);
    }
    match reason {
        ResetReason::Panic | ResetReason::HardFault => {}
        ResetReason::Watchdog if survived && record.cause == WATCHDOG => {}
        ResetReason::Watchdog if survived => record.unseen(WATCHDOG),
        ResetReason::Lockup if survived => record.unseen(LOCKUP),
        _ => record.forget(),
    }
    record.magic = MAGIC;
    set_phase(BOOT);
    reason
}

/// The record of the last crash. Returned once.
pub fn take() -> Option<FaultRecord> {
    let record = crash_record();
    let reason = match record.cause {
        PANIC => ResetReason::Panic,
        HARD_FAULT => ResetReason::HardFault,
        WATCHDOG => ResetReason::Watchdog,
        LOCKUP => ResetReason::Lockup,
        _ => return None,
    };
    record.forget();
    let len = (record.message_len as usize).min(MAX_DETAIL_BYTES);
    Some(FaultRecord {
        reason,
        pc: record.pc,
        lr: record.lr,
        status: record.status,
        address: record.address,
        message: String::from_utf8_lossy(&record.message[..len]).into_owned(),
    })
}

/// Notes which app the firmware works for.
pub fn mark_app(slot: Option<u8>) {
    let app = slot.map_or(NO_APP, u32::from);
    // SAFETY: writes a plain word; volatile, because a fault may read it at once.
    unsafe { (&raw mut (*CRASH_RECORD.0.get().cast::<CrashRecord>()).app).write_volatile(app) };
}

/// Stores the phase of the main loop: all that is known of a crash in which no handler ran.
pub fn set_phase(step: [u8; 4]) {
    // SAFETY: as in `mark_app`.
    unsafe { (&raw mut (*CRASH_RECORD.0.get().cast::<CrashRecord>()).step).write_volatile(step) };
}

/// The app that the last fault happened in.
pub fn faulted_app() -> Option<u8> {
    u8::try_from(FAULTED_APP.load(Ordering::Relaxed)).ok()
}

/// Writes the record of a crash, with the message that `describe` writes. The code that crashed must not continue.
#[inline(always)]
pub fn write_record(crash: Crash, describe: impl FnOnce(&mut Message<'_>)) {
    let record = crash_record();
    record.magic = MAGIC;
    record.cause = crash.cause as u32;
    record.pc = crash.pc;
    record.lr = crash.lr;
    record.status = crash.status;
    record.address = crash.address;
    record.message_len = 0;
    describe(&mut Message(record));
}

fn crash_record() -> &'static mut CrashRecord {
    // SAFETY: `CrashRecord` is made of integers, for which any bytes are a value. There is one core: a crash handler never
    // returns to the code that it interrupted, and otherwise only the main loop uses the record.
    unsafe { &mut *CRASH_RECORD.0.get().cast::<CrashRecord>() }
}

impl CrashRecord {
    fn forget(&mut self) {
        self.cause = NO_FAULT;
        self.app = NO_APP;
    }

    /// A crash in which no handler ran, because interrupts were off or the core was locked up.
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

/// Writes the record's message; it is cut if it does not fit.
pub struct Message<'a>(&'a mut CrashRecord);

impl Write for Message<'_> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let at = self.0.message_len as usize;
        let len = text.len().min(MAX_DETAIL_BYTES - at);
        self.0.message[at..at + len].copy_from_slice(&text.as_bytes()[..len]);
        self.0.message_len += len as u32;
        Ok(())
    }
}
