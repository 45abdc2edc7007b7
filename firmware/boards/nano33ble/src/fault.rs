//! What a panic, a hard fault or a hang leaves behind: a record in RAM that reset does not clear.
//!
//! A record carries code addresses, which whoever has the image's ELF file can look up: for a fault and a hang the one
//! that was executed, for a panic those on the stack that a call left there. A panic's text is not kept, because then no
//! panic's text is in the image: 34 KB of it. Nor are source locations (`boards/.cargo/config.toml`).

use alloc::string::String;
use core::{
    cell::UnsafeCell,
    fmt::Write,
    mem::MaybeUninit,
    panic::PanicInfo,
    sync::atomic::{AtomicU32, Ordering},
};
use cortex_m_rt::{ExceptionFrame, exception};
use drydock_protocol::{
    limits::MAX_DETAIL_BYTES,
    types::{FaultRecord, ResetReason},
};

/// Marks the record as written by us, and not what RAM holds after power-on.
const MAGIC: u32 = 0xD0C4_FA17;
const PANIC: u32 = 1;
const HARD_FAULT: u32 = 2;
const WATCHDOG: u32 = 3;
const NO_FAULT: u32 = 0;
const NO_APP: u32 = 0xFFFF_FFFF;

// RESETREAS (5.3.7.13).
const RESETPIN: u32 = 1 << 0;
const DOG: u32 = 1 << 1;
const SREQ: u32 = 1 << 2;
const LOCKUP: u32 = 1 << 3;

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
pub(crate) fn begin(reset_reasons: u32) -> ResetReason {
    // SAFETY: `Kept` is made of integers, for which any bytes are a value.
    let kept = unsafe { (*KEPT.0.get()).assume_init_read() };
    let survived = kept.magic == MAGIC && reset_reasons != 0;
    let reason = match kept.cause {
        PANIC if survived && reset_reasons & SREQ != 0 => ResetReason::Panic,
        HARD_FAULT if survived && reset_reasons & SREQ != 0 => ResetReason::HardFault,
        // The watchdog's own reason comes with it; the record says where the firmware hung.
        _ if reset_reasons & LOCKUP != 0 => ResetReason::Lockup,
        _ if reset_reasons & DOG != 0 => ResetReason::Watchdog,
        _ if reset_reasons & RESETPIN != 0 => ResetReason::Pin,
        _ if reset_reasons & SREQ != 0 => ResetReason::Software,
        _ if reset_reasons == 0 => ResetReason::PowerOn,
        _ => ResetReason::Unknown,
    };
    let was_fault = matches!(
        reason,
        ResetReason::Panic | ResetReason::HardFault | ResetReason::Lockup | ResetReason::Watchdog
    );
    if survived && was_fault {
        FAULTED_APP.store(kept.app, Ordering::Relaxed);
    }
    let is_recorded = match reason {
        ResetReason::Panic | ResetReason::HardFault => true,
        ResetReason::Watchdog => kept.cause == WATCHDOG,
        _ => false,
    };
    if !(survived && is_recorded) {
        write(Kept {
            magic: MAGIC,
            cause: NO_FAULT,
            pc: 0,
            lr: 0,
            status: 0,
            address: 0,
            app: NO_APP,
            message_len: 0,
            message: [0; MAX_DETAIL_BYTES],
        });
    }
    reason
}

/// The record, told once.
pub(crate) fn take() -> Option<FaultRecord> {
    let kept = kept();
    let reason = match kept.cause {
        PANIC => ResetReason::Panic,
        HARD_FAULT => ResetReason::HardFault,
        WATCHDOG => ResetReason::Watchdog,
        _ => return None,
    };
    write(Kept {
        cause: NO_FAULT,
        app: NO_APP,
        ..kept
    });
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
pub(crate) fn mark_app(slot: Option<u8>) {
    let app = slot.map_or(NO_APP, u32::from);
    // SAFETY: `begin` has initialised the record; a plain word is written.
    unsafe { (&raw mut (*(*KEPT.0.get()).as_mut_ptr()).app).write_volatile(app) };
}

/// The app that the last fault happened in.
pub(crate) fn faulted_app() -> Option<u8> {
    u8::try_from(FAULTED_APP.load(Ordering::Relaxed)).ok()
}

fn kept() -> Kept {
    // SAFETY: `begin` has initialised the record.
    unsafe { (*KEPT.0.get()).assume_init_read() }
}

fn write(kept: Kept) {
    // SAFETY: nobody holds a reference to the record.
    unsafe { (*KEPT.0.get()).as_mut_ptr().write_volatile(kept) };
}

/// Writes into the record's message as far as it goes.
struct Message<'a>(&'a mut Kept);

impl Write for Message<'_> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let at = self.0.message_len as usize;
        let len = text.len().min(MAX_DETAIL_BYTES - at);
        self.0.message[at..at + len].copy_from_slice(&text.as_bytes()[..len]);
        self.0.message_len += len as u32;
        Ok(())
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    cortex_m::interrupt::disable();
    let mut callers = Callers::of_this_stack();
    let (pc, lr) = (callers.next().unwrap_or(0), callers.next().unwrap_or(0));
    let mut kept = Kept {
        magic: MAGIC,
        cause: PANIC,
        pc,
        lr,
        status: 0,
        address: 0,
        message_len: 0,
        message: [0; MAX_DETAIL_BYTES],
        ..kept()
    };
    // Writing into memory cannot fail; what does not fit is cut.
    let mut message = Message(&mut kept);
    let _ = write!(message, "look up in the image's symbols: {pc:#x} {lr:#x}");
    for caller in callers.take(MORE_CALLERS) {
        let _ = write!(message, " {caller:#x}");
    }
    write(kept);
    cortex_m::peripheral::SCB::sys_reset()
}

/// Callers that a panic's message names beside those in the record's `pc` and `lr`.
const MORE_CALLERS: usize = 4;

/// Return addresses on the stack, innermost first. Left-overs of earlier calls may be among them.
struct Callers {
    at: u32,
}

unsafe extern "C" {
    static __stext: u32;
    static __etext: u32;
    static _stack_start: u32;
}

impl Callers {
    fn of_this_stack() -> Self {
        Self {
            at: cortex_m::register::msp::read(),
        }
    }
}

impl Iterator for Callers {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let code = &raw const __stext as u32 + 4..&raw const __etext as u32;
        while self.at < &raw const _stack_start as u32 {
            // SAFETY: the address lies within the stack, which is RAM.
            let word = unsafe { (self.at as *const u32).read_volatile() };
            self.at += 4;
            if word & 1 == 1 && code.contains(&word) && follows_a_call(word & !1) {
                // Within the call, so that it is looked up in the caller and not behind its end.
                return Some((word & !1) - 2);
            }
        }
        None
    }
}

/// Whether the instruction before this address is `BL`, or `BLX` of a register (ARMv7-M ARM, A7.7.18 and A7.7.19).
fn follows_a_call(address: u32) -> bool {
    // SAFETY: the caller has checked that these half-words are code.
    let (first, second) = unsafe {
        (
            (address as *const u16).sub(2).read(),
            (address as *const u16).sub(1).read(),
        )
    };
    (first & 0xF800 == 0xF000 && second & 0xD000 == 0xD000) || second & 0xFF87 == 0x4780
}

/// The watchdog is about to reset the board (WDT's TIMEOUT event, two cycles of 32.768 kHz before it).
pub(crate) fn hung(frame: &ExceptionFrame) {
    write(Kept {
        magic: MAGIC,
        cause: WATCHDOG,
        pc: frame.pc(),
        lr: frame.lr(),
        status: 0,
        address: 0,
        message_len: 0,
        ..kept()
    });
}

/// CFSR, MMFAR and BFAR (ARMv7-M ARM, B3.2.15 and following).
const CFSR: *const u32 = 0xE000_ED28 as *const u32;
const MMFAR: *const u32 = 0xE000_ED34 as *const u32;
const BFAR: *const u32 = 0xE000_ED38 as *const u32;
const BFARVALID: u32 = 1 << 15;
const MMARVALID: u32 = 1 << 7;

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    // SAFETY: these are registers of the System Control Block, readable at any time.
    let (status, mmfar, bfar) = unsafe { (CFSR.read_volatile(), MMFAR.read_volatile(), BFAR.read_volatile()) };
    let address = match status {
        _ if status & BFARVALID != 0 => bfar,
        _ if status & MMARVALID != 0 => mmfar,
        _ => 0,
    };
    write(Kept {
        magic: MAGIC,
        cause: HARD_FAULT,
        pc: frame.pc(),
        lr: frame.lr(),
        status,
        address,
        message_len: 0,
        ..kept()
    });
    cortex_m::peripheral::SCB::sys_reset()
}
