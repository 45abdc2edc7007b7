//! The link's UART: SCI2 (chapter 28) on P302 (D1/TX) and P301 (D0/RX), one interrupt per byte; at 115,200 baud after
//! reset.

use crate::{
    GARBLED, RECEIVED, SENT, clock, pins,
    register::{Register, link_event},
    tree::CORE_HZ,
};
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};

const BAUD: u32 = 115_200;
/// Rates that the clock divides into exactly, up to assets/boards/uno-r4-minima.toml. At a higher one an interrupt per byte
/// would leave the CPU too little time.
pub(crate) const OTHER_RATES: [u32; 2] = [1_000_000, 500_000];
/// More than the link's window; a power of two.
const RING_BYTES: usize = 2048;
/// Maximum length of a link frame.
const FRAME_BYTES: usize = 256;

const TX_PIN: u8 = 3 * 32 + 2;
const RX_PIN: u8 = 3 * 32 + 1;
/// PSEL (table 19.6).
const SCI: u32 = 4;

const BRR: Register<u8> = Register::at(0x4007_0041);
const SCR: Register<u8> = Register::at(0x4007_0042);
const TDR: Register<u8> = Register::at(0x4007_0043);
const SSR: Register<u8> = Register::at(0x4007_0044);
const RDR: Register<u8> = Register::at(0x4007_0045);
const SEMR: Register<u8> = Register::at(0x4007_0047);
/// TEND: the last frame has left the shift register.
const TEND: u8 = 1 << 2;
const TIE_RIE_TE_RE: u8 = 1 << 7 | 1 << 6 | 1 << 5 | 1 << 4;
/// ORER, FER, PER.
const ERRORS: u8 = 0b11_1000;
/// BGDM and ABCS: a bit is 8 clocks long (table 28.6).
const FAST: u8 = 1 << 6 | 1 << 4;
const CLOCKS_PER_BIT: u32 = 8;

/// Events (table 14.4).
const SCI2_RXI: u32 = 0xA3;
const SCI2_TXI: u32 = 0xA4;
const SCI2_ERI: u32 = 0xA6;

/// Received bytes: only the handler moves `WRITTEN`, only the main loop moves `TAKEN`; both counters wrap.
static RING: [AtomicU8; RING_BYTES] = [const { AtomicU8::new(0) }; RING_BYTES];
static WRITTEN: AtomicUsize = AtomicUsize::new(0);
static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// The frame to send, the index of its next byte and its end. The main loop owns them while nothing is sent, then the
/// handler.
static FRAME: [AtomicU8; FRAME_BYTES] = [const { AtomicU8::new(0) }; FRAME_BYTES];
static NEXT: AtomicUsize = AtomicUsize::new(0);
static END: AtomicUsize = AtomicUsize::new(0);
static BUSY: AtomicBool = AtomicBool::new(false);

pub(crate) struct Uart;

/// A byte was received. Bytes that do not fit into the ring are lost, and the link sends them again.
pub(crate) fn received() {
    let data = RDR.read();
    let at = WRITTEN.load(Ordering::Relaxed);
    if at.wrapping_sub(TAKEN.load(Ordering::Relaxed)) < RING_BYTES {
        RING[at % RING_BYTES].store(data, Ordering::Relaxed);
        WRITTEN.store(at.wrapping_add(1), Ordering::Release);
    }
    clock::wake();
}

/// The transmitter has taken a byte, and the next one fits.
pub(crate) fn sent() {
    let at = NEXT.load(Ordering::Relaxed);
    if at < END.load(Ordering::Relaxed) {
        NEXT.store(at + 1, Ordering::Relaxed);
        TDR.write(FRAME[at].load(Ordering::Relaxed));
    } else {
        BUSY.store(false, Ordering::Release);
        clock::wake();
    }
}

/// An overrun or a framing error; the link asks again for the missing bytes.
pub(crate) fn garbled() {
    RDR.read();
    SSR.change(|flags| flags & !ERRORS);
}

impl Uart {
    pub(crate) fn start() -> Self {
        SCR.write(0);
        SEMR.write(FAST);
        BRR.write(const { divider(BAUD) });
        pins::give(TX_PIN, SCI, false);
        pins::give(RX_PIN, SCI, true);
        link_event(RECEIVED, SCI2_RXI);
        link_event(SENT, SCI2_TXI);
        link_event(GARBLED, SCI2_ERI);
        SCR.write(TIE_RIE_TE_RE);
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
        if BUSY.load(Ordering::Acquire) || data.is_empty() {
            return 0;
        }
        let count = data.len().min(FRAME_BYTES);
        for (place, byte) in FRAME.iter().zip(&data[..count]) {
            place.store(*byte, Ordering::Relaxed);
        }
        BUSY.store(true, Ordering::Relaxed);
        END.store(count, Ordering::Relaxed);
        NEXT.store(1, Ordering::Release);
        // TDR is empty, and its event occurs when it is empty again (28.3.8).
        TDR.write(data[0]);
        count
    }

    /// Changes the rate, unless a frame is being sent. `None`: the rate after reset.
    pub(crate) fn set_rate(&self, baud: Option<u32>) -> bool {
        if BUSY.load(Ordering::Acquire) {
            return false;
        }
        // The last byte is still being sent: 87 µs.
        while SSR.read() & TEND == 0 {}
        // BRR is writable while transmitter and receiver are off (28.2.11).
        SCR.write(0);
        BRR.write(divider(baud.unwrap_or(BAUD)));
        SCR.write(TIE_RIE_TE_RE);
        true
    }
}

const fn divider(baud: u32) -> u8 {
    ((CORE_HZ + CLOCKS_PER_BIT * baud / 2) / (CLOCKS_PER_BIT * baud) - 1) as u8
}
