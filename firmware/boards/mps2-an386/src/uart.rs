//! The link's UART: CMSDK UART0 (DDI 0479, 4.3). QEMU sends a byte at once, and delivers the next when the last was
//! read.

use crate::{UART0_RX, clock, register::Register, register::unmask};
use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

const DATA: Register = Register(0x4000_4000);
const STATE: Register = Register(0x4000_4004);
const CTRL: Register = Register(0x4000_4008);
const INTCLEAR: Register = Register(0x4000_400C);
const BAUDDIV: Register = Register(0x4000_4010);

const TX_FULL: u32 = 1 << 0;
const RX_FULL: u32 = 1 << 1;
const TX_ENABLE: u32 = 1 << 0;
const RX_ENABLE: u32 = 1 << 1;
const RX_INTERRUPT: u32 = 1 << 3;
const RX_CLEAR: u32 = 1 << 1;

/// 25 MHz by 25 is 1 Mbaud.
const DIVIDER: u32 = 25;

/// More than the link's window.
const RING_BYTES: usize = 4096;

/// Received bytes: only the handler moves `WRITTEN`, only the main loop moves `TAKEN`; both counters wrap.
static RING: [AtomicU8; RING_BYTES] = [const { AtomicU8::new(0) }; RING_BYTES];
static WRITTEN: AtomicUsize = AtomicUsize::new(0);
static TAKEN: AtomicUsize = AtomicUsize::new(0);

pub(crate) struct Uart;

/// Moves received bytes into the ring. Bytes that do not fit are lost, and the link sends them again. The interrupt is
/// cleared first. Clearing it last would also clear the interrupt of a byte that arrived after STATE was read. The
/// UART's only buffer would then stay full, and the UART would never raise another interrupt.
pub(crate) fn received() {
    INTCLEAR.write(RX_CLEAR);
    while STATE.read() & RX_FULL != 0 {
        let byte = DATA.read() as u8;
        let at = WRITTEN.load(Ordering::Relaxed);
        if at.wrapping_sub(TAKEN.load(Ordering::Relaxed)) < RING_BYTES {
            RING[at % RING_BYTES].store(byte, Ordering::Relaxed);
            WRITTEN.store(at.wrapping_add(1), Ordering::Release);
        }
    }
    clock::wake();
}

impl Uart {
    pub(crate) fn start() -> Self {
        BAUDDIV.write(DIVIDER);
        CTRL.write(TX_ENABLE | RX_ENABLE | RX_INTERRUPT);
        unmask(UART0_RX);
        Self
    }

    /// Whether bytes have arrived.
    pub(crate) fn has_bytes(&self) -> bool {
        WRITTEN.load(Ordering::Acquire) != TAKEN.load(Ordering::Relaxed)
    }

    pub(crate) fn read(&self, out: &mut [u8]) -> usize {
        let from = TAKEN.load(Ordering::Relaxed);
        let count = WRITTEN.load(Ordering::Acquire).wrapping_sub(from).min(out.len());
        for (index, byte) in out[..count].iter_mut().enumerate() {
            *byte = RING[from.wrapping_add(index) % RING_BYTES].load(Ordering::Relaxed);
        }
        TAKEN.store(from.wrapping_add(count), Ordering::Release);
        count
    }

    pub(crate) fn write(&self, data: &[u8]) -> usize {
        let mut count = 0;
        while count < data.len() && STATE.read() & TX_FULL == 0 {
            DATA.write(data[count].into());
            count += 1;
        }
        count
    }
}
