//! The link's UART: USART2 (chapter 30) on PA2 (TX) and PA3 (RX), without flow control; at 1 Mbaud after reset.
//!
//! DMA1 (chapter 10) writes received bytes into a ring without the CPU, which is halted for up to two seconds while a
//! sector of flash is erased. The link's window is smaller than the ring. The idle line after a burst wakes the CPU.

use crate::{
    DMA1_STREAM6, USART2, clock,
    register::{Register, unmask},
    tree::UART_HZ,
};
use core::{
    cell::Cell,
    sync::atomic::{AtomicBool, Ordering, compiler_fence},
};

const BAUD: u32 = 1_000_000;
/// The fastest that 16 times oversampling of 42 MHz gives exactly, up to assets/boards/stm32f4-discovery.toml.
pub(crate) const OTHER_RATES: [u32; 1] = [2_000_000];
const RING_BYTES: usize = 4096;
/// Maximum length of a link frame.
const TX_BYTES: usize = 256;

const GPIOA_MODER: Register = Register(0x4002_0000);
const GPIOA_PUPDR: Register = Register(0x4002_000C);
const GPIOA_AFRL: Register = Register(0x4002_0020);
/// PA2 and PA3: alternate function, which is 7 (datasheet table 9), with a pull-up on RX.
const MODES: u32 = 0b1010 << 4;
const MODES_MASK: u32 = 0b1111 << 4;
const PULL_UP: u32 = 0b01 << 6;
const FUNCTIONS: u32 = 0x77 << 8;
const FUNCTIONS_MASK: u32 = 0xFF << 8;

const SR: Register = Register(0x4000_4400);
const DR: Register = Register(0x4000_4404);
const BRR: Register = Register(0x4000_4408);
const CR1: Register = Register(0x4000_440C);
const CR3: Register = Register(0x4000_4414);
/// The last frame has left the shift register.
const TC: u32 = 1 << 6;
const UE_TE_RE_IDLEIE: u32 = 1 << 13 | 1 << 3 | 1 << 2 | 1 << 4;
const DMAT_DMAR: u32 = 1 << 7 | 1 << 6;

const HIFCR: Register = Register(0x4002_600C);
/// All flags of stream 6.
const STREAM6: u32 = 0x3D << 16;
/// Stream 5 receives from USART2, stream 6 sends to it (table 42).
const S5CR: Register = Register(0x4002_6088);
const S5NDTR: Register = Register(0x4002_608C);
const S5PAR: Register = Register(0x4002_6090);
const S5M0AR: Register = Register(0x4002_6094);
const S6CR: Register = Register(0x4002_60A0);
const S6NDTR: Register = Register(0x4002_60A4);
const S6PAR: Register = Register(0x4002_60A8);
const S6M0AR: Register = Register(0x4002_60AC);
const CHANNEL_4: u32 = 4 << 25;
const MINC: u32 = 1 << 10;
const CIRC: u32 = 1 << 8;
const TO_PERIPHERAL: u32 = 0b01 << 6;
const TCIE: u32 = 1 << 4;
const EN: u32 = 1;

unsafe extern "C" {
    /// The ring, then the frame to send (memory.x).
    static mut _dma_start: u8;
}

fn ring() -> *mut u8 {
    &raw mut _dma_start
}

fn frame() -> *mut u8 {
    // SAFETY: memory.x leaves room for both.
    unsafe { ring().add(RING_BYTES) }
}

static TX_BUSY: AtomicBool = AtomicBool::new(false);

pub(crate) struct Uart {
    /// Place in the ring of the next byte to take.
    next: Cell<usize>,
}

/// The frame is with USART2.
pub(crate) fn sent() {
    HIFCR.write(STREAM6);
    TX_BUSY.store(false, Ordering::Release);
    clock::wake();
}

/// A burst is over.
pub(crate) fn line_is_idle() {
    // Reading SR and then DR clears IDLE (30.6.1); DMA already has the last byte.
    SR.read();
    DR.read();
    clock::wake();
}

impl Uart {
    pub(crate) fn start() -> Self {
        GPIOA_AFRL.write(GPIOA_AFRL.read() & !FUNCTIONS_MASK | FUNCTIONS);
        GPIOA_PUPDR.write(GPIOA_PUPDR.read() | PULL_UP);
        GPIOA_MODER.write(GPIOA_MODER.read() & !MODES_MASK | MODES);
        BRR.write(divider(BAUD));
        S5PAR.write(DR.0);
        S5M0AR.write(ring() as u32);
        S5NDTR.write(RING_BYTES as u32);
        S5CR.write(CHANNEL_4 | MINC | CIRC | EN);
        CR3.write(DMAT_DMAR);
        CR1.write(UE_TE_RE_IDLEIE);
        unmask(USART2);
        unmask(DMA1_STREAM6);
        Self { next: Cell::new(0) }
    }

    /// Whether bytes have arrived.
    pub(crate) fn has_bytes(&self) -> bool {
        self.end() != self.next.get()
    }

    pub(crate) fn read(&self, out: &mut [u8]) -> usize {
        let (from, end) = (self.next.get(), self.end());
        let count = out.len().min((end + RING_BYTES - from) % RING_BYTES);
        compiler_fence(Ordering::Acquire);
        for (index, byte) in out[..count].iter_mut().enumerate() {
            // SAFETY: the position is inside the ring; according to its counter, DMA is past this byte.
            *byte = unsafe { ring().add((from + index) % RING_BYTES).read_volatile() };
        }
        self.next.set((from + count) % RING_BYTES);
        count
    }

    pub(crate) fn write(&self, data: &[u8]) -> usize {
        if TX_BUSY.load(Ordering::Acquire) || data.is_empty() {
            return 0;
        }
        let count = data.len().min(TX_BYTES);
        // SAFETY: no transfer is in progress, so that nothing else uses the buffer; `count` fits it.
        unsafe { core::ptr::copy_nonoverlapping(data.as_ptr(), frame(), count) };
        TX_BUSY.store(true, Ordering::Relaxed);
        compiler_fence(Ordering::Release);
        S6PAR.write(DR.0);
        S6M0AR.write(frame() as u32);
        S6NDTR.write(count as u32);
        S6CR.write(CHANNEL_4 | MINC | TO_PERIPHERAL | TCIE | EN);
        count
    }

    /// Changes the rate, unless a transfer is in progress. `None`: the rate after reset.
    pub(crate) fn set_rate(&self, baud: Option<u32>) -> bool {
        if TX_BUSY.load(Ordering::Acquire) {
            return false;
        }
        // DMA has given the last two bytes to USART2, which still sends them: 20 µs.
        while SR.read() & TC == 0 {}
        BRR.write(divider(baud.unwrap_or(BAUD)));
        true
    }

    /// Where DMA writes next.
    fn end(&self) -> usize {
        (RING_BYTES - S5NDTR.read() as usize) % RING_BYTES
    }
}

/// 16 times oversampling: the divider in sixteenths is the ratio itself (30.3.4).
fn divider(baud: u32) -> u32 {
    UART_HZ / baud
}
