//! The link's UART: UART0 (chapter 18) at 115,200 baud on GPIO 17 (TX) and 16 (RX), which the board's J-Link connects
//! to USB. Its FIFO of 8 bytes is emptied by interrupt, through PLIC (chapter 10).

use crate::{
    clock::{self, CLOCK_HZ},
    register::{Register, csr_set_mie},
};
use core::{
    arch::asm,
    sync::atomic::{AtomicU8, AtomicUsize, Ordering},
};

const BAUD: u32 = 115_200;

const IOF_EN: Register = Register(0x1001_2038);
const IOF_SEL: Register = Register(0x1001_203C);
const RX_AND_TX: u32 = 1 << 16 | 1 << 17;

const TXDATA: Register = Register(0x1001_3000);
const RXDATA: Register = Register(0x1001_3004);
const TXCTRL: Register = Register(0x1001_3008);
const RXCTRL: Register = Register(0x1001_300C);
const IE: Register = Register(0x1001_3010);
const DIV: Register = Register(0x1001_3018);
const FULL: u32 = 1 << 31;
const EMPTY: u32 = 1 << 31;
const ENABLE: u32 = 1;
/// The interrupt is raised when fewer than this many bytes wait to be sent.
const TX_MARK: u32 = 4 << 16;
const TX_INTERRUPT: u32 = 1 << 0;
const RX_INTERRUPT: u32 = 1 << 1;

const PRIORITY: Register = Register(0x0C00_0000 + 4 * SOURCE);
const PLIC_ENABLE: Register = Register(0x0C00_2000);
const THRESHOLD: Register = Register(0x0C20_0000);
const CLAIM: Register = Register(0x0C20_0004);
const SOURCE: u32 = 3;
/// Machine external interrupt, in `mie`.
const MEIE: u32 = 1 << 11;

/// More than the link's window.
const RING_BYTES: usize = 2048;

/// Received bytes: only the handler moves `WRITTEN`, only the main loop moves `TAKEN`; both counters wrap.
static RING: [AtomicU8; RING_BYTES] = [const { AtomicU8::new(0) }; RING_BYTES];
static WRITTEN: AtomicUsize = AtomicUsize::new(0);
static TAKEN: AtomicUsize = AtomicUsize::new(0);

pub(crate) struct Uart;

/// PLIC reports received bytes, or space for bytes to send. Bytes that do not fit into the ring are lost, and the link
/// sends them again.
pub(crate) fn interrupted() {
    let source = CLAIM.read();
    loop {
        let data = RXDATA.read();
        if data & EMPTY != 0 {
            break;
        }
        let at = WRITTEN.load(Ordering::Relaxed);
        if at.wrapping_sub(TAKEN.load(Ordering::Relaxed)) < RING_BYTES {
            RING[at % RING_BYTES].store(data as u8, Ordering::Relaxed);
            WRITTEN.store(at.wrapping_add(1), Ordering::Release);
        }
    }
    // The FIFO keeps its free space; the next write that finds none enables the interrupt again.
    IE.write(RX_INTERRUPT);
    CLAIM.write(source);
    clock::wake();
}

impl Uart {
    pub(crate) fn start() -> Self {
        IOF_SEL.clear(RX_AND_TX);
        IOF_EN.set(RX_AND_TX);
        DIV.write(CLOCK_HZ / BAUD - 1);
        TXCTRL.write(ENABLE | TX_MARK);
        RXCTRL.write(ENABLE);
        IE.write(RX_INTERRUPT);
        PRIORITY.write(1);
        PLIC_ENABLE.write(1 << SOURCE);
        THRESHOLD.write(0);
        csr_set_mie(MEIE);
        // SAFETY: the trap vector is set, and the handlers are ready to run.
        unsafe { asm!("csrsi mstatus, 8") };
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
        while count < data.len() && TXDATA.read() & FULL == 0 {
            TXDATA.write(data[count].into());
            count += 1;
        }
        if count < data.len() {
            IE.write(RX_INTERRUPT | TX_INTERRUPT);
        }
        count
    }
}
