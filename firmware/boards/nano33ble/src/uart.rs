//! The link's UART, while no host has the USB port open: UARTE0 (6.34) at 1 Mbaud on header pins D1/TX and D0/RX, without flow control.
//!
//! DMA writes received bytes into a ring of two halves without the CPU: ENDRX starts the next half by shortcut, and the
//! handler of RXSTARTED has a whole half's time (40 ms) to set the half after it. A counter, connected to RXDRDY by
//! PPI, counts the bytes. While flash is erased the CPU is halted for up to 85 ms. In that time the link lets the host
//! send less than one half, repetitions included, so nothing is overwritten.

use crate::clock;
use core::{
    cell::{Cell, UnsafeCell},
    sync::atomic::{AtomicBool, Ordering, compiler_fence},
};
use nrf52840_pac::{NVIC, P1, PPI, TIMER1, UARTE0, interrupt, uarte0::RegisterBlock};

const HALF_BYTES: usize = 4096;
const RING_BYTES: usize = 2 * HALF_BYTES;
/// Maximum length of a link frame.
const TX_BYTES: usize = 256;

/// P1.03 and P1.10 (assets/boards/nano33ble.toml).
const TX_PIN: u8 = 3;
const RX_PIN: u8 = 10;

/// Memory that DMA reads or writes.
struct DmaBuffer<const N: usize>(UnsafeCell<[u8; N]>);

// SAFETY: only the main loop reads and writes it, through raw pointers, and never the part that DMA is using.
unsafe impl<const N: usize> Sync for DmaBuffer<N> {}

static RX: DmaBuffer<RING_BYTES> = DmaBuffer(UnsafeCell::new([0; RING_BYTES]));
static TX: DmaBuffer<TX_BYTES> = DmaBuffer(UnsafeCell::new([0; TX_BYTES]));

/// Which half DMA takes next.
static NEXT_IS_SECOND: AtomicBool = AtomicBool::new(false);
static TX_BUSY: AtomicBool = AtomicBool::new(false);

pub(crate) struct Uart {
    uarte: UARTE0,
    counter: TIMER1,
    /// Bytes taken out of the ring, modulo 2^32 like the counter.
    taken: Cell<u32>,
}

impl Uart {
    pub(crate) fn start(uarte: UARTE0, counter: TIMER1, ppi: &PPI, p1: &P1) -> Self {
        counter.mode.write(|w| w.mode().counter());
        counter.bitmode.write(|w| w.bitmode()._32bit());
        counter.tasks_clear.write(|w| w.tasks_clear().set_bit());
        counter.tasks_start.write(|w| w.tasks_start().set_bit());
        let (event, task) = (uarte.events_rxdrdy.as_ptr(), counter.tasks_count.as_ptr());
        // SAFETY: EEP and TEP take the addresses of an event and a task.
        unsafe {
            ppi.ch[0].eep.write(|w| w.bits(event as u32));
            ppi.ch[0].tep.write(|w| w.bits(task as u32));
        }
        ppi.chenset.write(|w| w.ch0().set());

        // TXD idles high also while UARTE does not drive it (6.34.1).
        p1.outset.write(|w| w.pin3().set());
        p1.pin_cnf[usize::from(TX_PIN)].write(|w| w.dir().output());
        p1.pin_cnf[usize::from(RX_PIN)].write(|w| w.dir().input().input().connect().pull().pullup());
        // SAFETY: both are pins of port 1.
        unsafe {
            uarte
                .psel
                .txd
                .write(|w| w.port().set_bit().pin().bits(TX_PIN).connect().connected());
            uarte
                .psel
                .rxd
                .write(|w| w.port().set_bit().pin().bits(RX_PIN).connect().connected());
        }
        uarte.baudrate.write(|w| w.baudrate().baud1m());
        uarte.config.write(|w| w.hwfc().disabled().parity().excluded());
        uarte.enable.write(|w| w.enable().enabled());
        uarte.shorts.write(|w| w.endrx_startrx().enabled());
        uarte.intenset.write(|w| w.rxstarted().set().endtx().set());
        name_half(&uarte, false);
        NEXT_IS_SECOND.store(true, Ordering::Relaxed);
        // SAFETY: MAXCNT takes up to 16 bits, and a half is as long.
        uarte
            .rxd
            .maxcnt
            .write(|w| unsafe { w.maxcnt().bits(HALF_BYTES as u16) });
        // SAFETY: the handler below is ready to run.
        unsafe { NVIC::unmask(nrf52840_pac::Interrupt::UARTE0_UART0) };
        uarte.tasks_startrx.write(|w| w.tasks_startrx().set_bit());
        Self {
            uarte,
            counter,
            taken: Cell::new(0),
        }
    }

    /// Whether bytes have arrived.
    pub(crate) fn has_bytes(&self) -> bool {
        self.waiting() > 0
    }

    /// Lets the next byte that arrives end the CPU's sleep.
    pub(crate) fn wake_on_byte(&self) {
        self.uarte.events_rxdrdy.reset();
        self.uarte.intenset.write(|w| w.rxdrdy().set());
    }

    pub(crate) fn read(&self, out: &mut [u8]) -> usize {
        let waiting = self.waiting();
        if waiting as usize > RING_BYTES {
            // Overwritten: the contents of the ring are no longer valid; the link asks for them again.
            self.discard();
            return 0;
        }
        let count = out.len().min(waiting as usize);
        compiler_fence(Ordering::Acquire);
        let at = self.taken.get() as usize % RING_BYTES;
        let (to_end, from_start) = out[..count].split_at_mut(count.min(RING_BYTES - at));
        let ring = RX.0.get().cast::<u8>();
        // SAFETY: both pieces are inside the ring; according to the counter, DMA is past their bytes.
        unsafe {
            core::ptr::copy_nonoverlapping(ring.add(at), to_end.as_mut_ptr(), to_end.len());
            core::ptr::copy_nonoverlapping(ring, from_start.as_mut_ptr(), from_start.len());
        }
        self.taken.set(self.taken.get().wrapping_add(count as u32));
        count
    }

    /// Drops what has arrived.
    pub(crate) fn discard(&self) {
        self.taken.set(self.taken.get().wrapping_add(self.waiting()));
    }

    pub(crate) fn write(&self, data: &[u8]) -> usize {
        if TX_BUSY.load(Ordering::Acquire) {
            return 0;
        }
        let count = data.len().min(TX_BYTES);
        // SAFETY: no transfer is in progress, so that nothing else uses the buffer; `count` fits it.
        unsafe { core::ptr::copy_nonoverlapping(data.as_ptr(), TX.0.get().cast::<u8>(), count) };
        TX_BUSY.store(true, Ordering::Relaxed);
        compiler_fence(Ordering::Release);
        // SAFETY: PTR and MAXCNT name a static buffer in RAM.
        unsafe {
            self.uarte.txd.ptr.write(|w| w.bits(TX.0.get() as u32));
            self.uarte.txd.maxcnt.write(|w| w.bits(count as u32));
        }
        self.uarte.tasks_starttx.write(|w| w.tasks_starttx().set_bit());
        count
    }

    fn waiting(&self) -> u32 {
        self.counter.tasks_capture[0].write(|w| w.tasks_capture().set_bit());
        self.counter.cc[0].read().bits().wrapping_sub(self.taken.get())
    }
}

fn name_half(uarte: &RegisterBlock, second: bool) {
    let at = RX.0.get() as usize + if second { HALF_BYTES } else { 0 };
    // SAFETY: PTR names a half of the ring, which is static.
    uarte.rxd.ptr.write(|w| unsafe { w.bits(at as u32) });
}

#[interrupt]
fn UARTE0_UART0() {
    // SAFETY: the handler uses only events, interrupts and RXD.PTR, which the main loop does not use.
    let uarte = unsafe { &*UARTE0::ptr() };
    if uarte.events_rxstarted.read().bits() != 0 {
        uarte.events_rxstarted.reset();
        let second = NEXT_IS_SECOND.fetch_xor(true, Ordering::Relaxed);
        name_half(uarte, second);
    }
    if uarte.events_endtx.read().bits() != 0 {
        uarte.events_endtx.reset();
        TX_BUSY.store(false, Ordering::Release);
        clock::wake();
    }
    if uarte.events_rxdrdy.read().bits() != 0 {
        uarte.intenclr.write(|w| w.rxdrdy().clear());
        uarte.events_rxdrdy.reset();
    }
}
