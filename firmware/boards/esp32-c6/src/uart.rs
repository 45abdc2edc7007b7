//! The link's UART: UART0 (chapter 27) on GPIO16/TX and GPIO17/RX, which a bridge on the board connects to USB.
//!
//! The handler moves received bytes out of the FIFO of 128 bytes. While flash is busy and no handler can run, the flash
//! driver moves them ([`drain`]).

use crate::{
    clock,
    register::{UART0, read, write},
};
use core::{
    cell::UnsafeCell,
    sync::atomic::{AtomicU32, Ordering},
};
use esp_hal::{
    handler,
    interrupt::{self, Priority},
    peripherals::{GPIO16, GPIO17, Interrupt, UART0 as Port},
    uart::{self, Config, RxConfig},
};

/// As in assets/boards/esp32-c6.toml.
const BAUD: u32 = 921_600;
/// The fastest that is tried, up to assets/boards/esp32-c6.toml: the FIFO then fills in 640 µs.
pub(crate) const OTHER_RATES: [u32; 1] = [2_000_000];
/// More than the link's window.
const RING_BYTES: u32 = 4096;
/// Bytes in the FIFO at which the handler is called; 64 more fit until it runs.
const RX_THRESHOLD: u16 = 64;
/// Symbols of silence after which it is called for fewer bytes.
const RX_SILENCE: u8 = 2;

const FIFO: u32 = UART0;
const FIFO_BYTES: u32 = 128;
const INT_ST: u32 = UART0 + 0x08;
const INT_ENA: u32 = UART0 + 0x0C;
const INT_CLR: u32 = UART0 + 0x10;
/// CLKDIV in bits 0 to 11, CLKDIV_FRAG (sixteenths) in bits 20 to 23.
const CLKDIV: u32 = UART0 + 0x14;
const STATUS: u32 = UART0 + 0x1C;
/// ST_UTX_OUT (bits 4 to 7) is zero while the transmitter sends nothing.
const FSM_STATUS: u32 = UART0 + 0x70;
/// Bit 0 takes the new values of registers over; it is cleared when that is done.
const REG_UPDATE: u32 = UART0 + 0x98;
const RXFIFO_FULL: u32 = 1 << 0;
const RXFIFO_TOUT: u32 = 1 << 8;
const TX_DONE: u32 = 1 << 14;

struct Ring(UnsafeCell<[u8; RING_BYTES as usize]>);

// SAFETY: `drain`, which nothing interrupts, writes the part between PUT and TAKEN + RING_BYTES; the main loop reads
// the rest. Both use raw pointers.
unsafe impl Sync for Ring {}

static RING: Ring = Ring(UnsafeCell::new([0; RING_BYTES as usize]));
/// Bytes put into the ring and taken out of it since reset.
static PUT: AtomicU32 = AtomicU32::new(0);
static TAKEN: AtomicU32 = AtomicU32::new(0);

pub(crate) struct Uart {
    /// Sixteenths of a clock per bit at [`BAUD`], from the clock that the driver has chosen.
    first_divider: u32,
}

impl Uart {
    /// `None`, if the port refuses its speed.
    pub(crate) fn start(port: Port<'static>, tx: GPIO16<'static>, rx: GPIO17<'static>) -> Option<Self> {
        let receiver = RxConfig::default()
            .with_fifo_full_threshold(RX_THRESHOLD)
            .with_timeout(RX_SILENCE);
        let config = Config::default().with_baudrate(BAUD).with_rx(receiver);
        let port = uart::Uart::new(port, config).ok()?.with_tx(tx).with_rx(rx);
        // Dropping it would give the pins back and stop the clock.
        core::mem::forget(port);
        interrupt::bind_handler(Interrupt::UART0, served);
        write(INT_CLR, !0);
        write(INT_ENA, RXFIFO_FULL | RXFIFO_TOUT | TX_DONE);
        let divider = read(CLKDIV);
        Some(Self {
            first_divider: (divider & 0xFFF) << 4 | divider >> 20 & 0xF,
        })
    }

    /// Whether bytes have arrived.
    pub(crate) fn has_bytes(&self) -> bool {
        PUT.load(Ordering::Acquire) != TAKEN.load(Ordering::Relaxed)
    }

    pub(crate) fn read(&self, out: &mut [u8]) -> usize {
        let taken = TAKEN.load(Ordering::Relaxed);
        let waiting = PUT.load(Ordering::Acquire).wrapping_sub(taken);
        let count = out.len().min(waiting as usize);
        for (index, byte) in out[..count].iter_mut().enumerate() {
            let at = taken.wrapping_add(index as u32) % RING_BYTES;
            // SAFETY: `at` is inside the ring, and was put there.
            *byte = unsafe { RING.0.get().cast::<u8>().add(at as usize).read_volatile() };
        }
        TAKEN.store(taken.wrapping_add(count as u32), Ordering::Release);
        count
    }

    /// Takes as many bytes as fit into the FIFO; the handler wakes the main loop when all of them are sent.
    pub(crate) fn write(&self, data: &[u8]) -> usize {
        let room = FIFO_BYTES - (read(STATUS) >> 16 & 0xFF).min(FIFO_BYTES);
        let count = data.len().min(room as usize);
        for byte in &data[..count] {
            write(FIFO, u32::from(*byte));
        }
        count
    }

    /// Changes the rate, unless bytes are being sent. `None`: the rate after reset.
    pub(crate) fn set_rate(&self, baud: Option<u32>) -> bool {
        if read(STATUS) >> 16 & 0xFF != 0 || read(FSM_STATUS) >> 4 & 0xF != 0 {
            return false;
        }
        let baud = baud.unwrap_or(BAUD);
        let divider = (self.first_divider * (BAUD / 100) + baud / 200) / (baud / 100);
        write(CLKDIV, divider >> 4 | (divider & 0xF) << 20);
        write(REG_UPDATE, 1);
        while read(REG_UPDATE) & 1 != 0 {}
        true
    }
}

/// Moves received bytes out of the FIFO. Runs without interrupts, and needs nothing in flash.
#[inline(always)]
pub(crate) fn drain() {
    let mut put = PUT.load(Ordering::Relaxed);
    while read(STATUS) & 0xFF != 0 {
        let byte = read(FIFO) as u8;
        if put.wrapping_sub(TAKEN.load(Ordering::Relaxed)) < RING_BYTES {
            // SAFETY: the place is inside the ring, and was taken from.
            unsafe {
                RING.0
                    .get()
                    .cast::<u8>()
                    .add((put % RING_BYTES) as usize)
                    .write_volatile(byte)
            };
            put = put.wrapping_add(1);
        }
        // Bytes that do not fit are lost; the link asks for them again.
    }
    PUT.store(put, Ordering::Release);
}

#[handler(priority = Priority::Priority2)]
fn served() {
    // Cleared before the FIFO is emptied: a silence that begins later must not be cleared with the served one.
    write(INT_CLR, read(INT_ST));
    drain();
    clock::wake();
}
