//! DMA1 and DMA2 (RM0090 chapter 10) between USARTs and memory: single and circular transfers, double buffers, half
//! and complete flags. Not modelled: memory to memory, other peripherals, bursts, a FIFO that converts between
//! widths.

use super::usart::Usart;
use crate::core::fabric::{AccessFault, AccessSize, Fabric};

pub(super) const STREAMS: usize = 8;

/// SxCR.
const EN: u32 = 1 << 0;
const PFCTRL: u32 = 1 << 5;
const CIRC: u32 = 1 << 8;
const PINC: u32 = 1 << 9;
const MINC: u32 = 1 << 10;
const DBM: u32 = 1 << 18;
const CT: u32 = 1 << 19;
const BURSTS: u32 = 0xf << 21;

/// Flags of one stream in LISR and HISR.
const TEIF: u8 = 1 << 3;
const HTIF: u8 = 1 << 4;
const TCIF: u8 = 1 << 5;
const FLAGS: u8 = 0x3d;
/// Where the flags of streams 0 to 3 (4 to 7) are.
const SHIFTS: [u32; 4] = [0, 6, 16, 22];

/// DMA, stream, channel; which USART; whether it sends (tables 42 and 43).
const REQUESTS: [(usize, usize, u32, usize, bool); 16] = [
    (0, 0, 4, 4, false),
    (0, 1, 4, 2, false),
    (0, 2, 4, 3, false),
    (0, 3, 4, 2, true),
    (0, 4, 4, 3, true),
    (0, 4, 7, 2, true),
    (0, 5, 4, 1, false),
    (0, 6, 4, 1, true),
    (0, 7, 4, 4, true),
    (1, 1, 5, 5, false),
    (1, 2, 4, 0, false),
    (1, 2, 5, 5, false),
    (1, 5, 4, 0, false),
    (1, 6, 5, 5, true),
    (1, 7, 4, 0, true),
    (1, 7, 5, 5, true),
];

/// One DMA controller.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Dma {
    index: usize,
    streams: [Stream; STREAMS],
}

#[derive(Clone, Copy, Debug, Hash, serde::Serialize, serde::Deserialize)]
struct Stream {
    cr: u32,
    ndtr: u32,
    par: u32,
    memory: [u32; 2],
    fcr: u32,
    flags: u8,
    /// NDTR when it was enabled.
    items: u32,
}

impl Dma {
    pub(super) fn new(index: usize) -> Self {
        let stream = Stream {
            cr: 0,
            ndtr: 0,
            par: 0,
            memory: [0; 2],
            fcr: 0x21,
            flags: 0,
            items: 0,
        };
        Self {
            index,
            streams: [stream; STREAMS],
        }
    }

    /// Whether stream `number` interrupts.
    pub(super) fn interrupt(&self, number: usize) -> bool {
        let stream = &self.streams[number];
        // DMEIE, TEIE, HTIE, TCIE are one bit below their flags.
        let enabled = (stream.cr << 1) as u8 & 0x3c;
        let fifo = if stream.fcr & 1 << 7 != 0 { 1 } else { 0 };
        stream.flags & (enabled | fifo) != 0
    }

    pub(super) fn read(&self, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x00 | 0x04 => {
                let first = offset as usize;
                let flags = |index: usize| u32::from(self.streams[first + index].flags) << SHIFTS[index];
                (0..4).fold(0, |bits, index| bits | flags(index))
            }
            0x08 | 0x0c => 0,
            _ => {
                let (number, register) = stream_register(offset).ok_or(AccessFault::Unmapped)?;
                let stream = &self.streams[number];
                match register {
                    0x00 => stream.cr,
                    0x04 => stream.ndtr,
                    0x08 => stream.par,
                    0x0c | 0x10 => stream.memory[(register as usize - 0x0c) / 4],
                    // FIFO level: empty, as everything passes at once.
                    _ => stream.fcr,
                }
            }
        })
    }

    pub(super) fn write(&mut self, offset: u32, value: u32) -> Result<(), AccessFault> {
        match offset {
            0x00 | 0x04 => return Err(AccessFault::Denied),
            0x08 | 0x0c => {
                let first = offset as usize - 8;
                for (index, shift) in SHIFTS.iter().enumerate() {
                    self.streams[first + index].flags &= !((value >> shift) as u8 & FLAGS);
                }
            }
            _ => {
                let (number, register) = stream_register(offset).ok_or(AccessFault::Unmapped)?;
                let index = self.index;
                let stream = &mut self.streams[number];
                let enabled = stream.cr & EN != 0;
                match register {
                    0x00 => stream.control(index, number, value)?,
                    // Locked while it runs, except for the memory address that is not in use (10.5.6 to 10.5.9).
                    0x04 if !enabled => stream.ndtr = value & 0xffff,
                    0x08 if !enabled => stream.par = value,
                    0x0c | 0x10 if !enabled || stream.target() != (register as usize - 0x0c) / 4 => {
                        stream.memory[(register as usize - 0x0c) / 4] = value;
                    }
                    0x14 => stream.fcr = stream.fcr & !0x87 | value & 0x87,
                    _ => return Err(AccessFault::Denied),
                }
            }
        }
        Ok(())
    }

    /// Moves the data that the USARTs request. `clocks` are the buses' frequencies by USART.
    pub(super) fn serve(&mut self, fabric: &mut Fabric, usarts: &mut [Usart], pclk: [u32; super::usart::COUNT]) {
        for (dma, number, channel, which, sends) in REQUESTS {
            let stream = &mut self.streams[number];
            if dma != self.index || stream.cr & EN == 0 || stream.cr >> 25 & 7 != channel {
                continue;
            }
            let usart = &mut usarts[which];
            while stream.cr & EN != 0 {
                let asked = if sends {
                    usart.wants_to_send()
                } else {
                    usart.has_received()
                };
                if !asked {
                    break;
                }
                let addr = stream.place();
                let moved = if sends {
                    fetch(fabric, addr).map(|byte| usart.put_data(fabric, pclk[which], byte))
                } else {
                    fabric.dma_write(addr, &[usart.take_data()])
                };
                match moved {
                    Ok(()) => stream.moved(),
                    Err(_) => {
                        // 10.3.18: a bus error switches the stream off.
                        stream.flags |= TEIF;
                        stream.cr &= !EN;
                    }
                }
            }
        }
    }
}

impl Stream {
    fn control(&mut self, dma: usize, number: usize, value: u32) -> Result<(), AccessFault> {
        let was_enabled = self.cr & EN != 0;
        if was_enabled {
            // Only EN and the interrupt enables can be changed.
            self.cr = self.cr & !0x1f | value & 0x1f;
            if value & EN == 0 {
                // The transfer in progress has ended, which is reported (10.3.14).
                self.flags |= TCIF;
            }
            return Ok(());
        }
        self.cr = value & 0x0fef_ffff & !EN;
        if value & EN == 0 {
            return Ok(());
        }
        let sends = match value >> 6 & 3 {
            0 => false,
            1 => true,
            _ => return Err(AccessFault::UnmodelledUse),
        };
        let request = REQUESTS
            .iter()
            .find(|it| (it.0, it.1, it.2) == (dma, number, value >> 25 & 7) && it.4 == sends)
            .ok_or(AccessFault::UnmodelledUse)?;
        let bytes_only = value & 0x7800 == 0;
        let data_register = super::USARTS[request.3] + 0x04;
        if !bytes_only || value & (PFCTRL | PINC | BURSTS) != 0 || self.par != data_register {
            return Err(AccessFault::UnmodelledUse);
        }
        // 10.3.17: flags that are still set keep a stream from starting.
        if self.flags != 0 || self.ndtr == 0 {
            return Ok(());
        }
        self.items = self.ndtr;
        self.cr |= EN;
        Ok(())
    }

    /// The memory that is in use.
    fn target(&self) -> usize {
        usize::from(self.cr & DBM != 0 && self.cr & CT != 0)
    }

    fn place(&self) -> u32 {
        let done = if self.cr & MINC != 0 { self.items - self.ndtr } else { 0 };
        self.memory[self.target()].wrapping_add(done)
    }

    /// One item was moved.
    fn moved(&mut self) {
        self.ndtr -= 1;
        if self.ndtr == self.items / 2 {
            self.flags |= HTIF;
        }
        if self.ndtr > 0 {
            return;
        }
        self.flags |= TCIF;
        if self.cr & (CIRC | DBM) == 0 {
            self.cr &= !EN;
            return;
        }
        self.ndtr = self.items;
        if self.cr & DBM != 0 {
            self.cr ^= CT;
        }
    }
}

/// A DMA controller's read: SRAM and flash, but not CCM, which only the core can access (2.1).
fn fetch(fabric: &mut Fabric, addr: u32) -> Result<u8, AccessFault> {
    let mut byte = [0];
    let reaches = matches!(addr, 0x0800_0000..0x0810_0000 | 0x2000_0000..0x2002_0000);
    if !reaches || fabric.memory().read(addr, &mut byte).is_err() {
        fabric.log_fault(addr, AccessSize::Byte, None, AccessFault::Unmapped);
        return Err(AccessFault::Unmapped);
    }
    Ok(byte[0])
}

fn stream_register(offset: u32) -> Option<(usize, u32)> {
    let offset = offset.checked_sub(0x10)?;
    let number = (offset / 0x18) as usize;
    (number < STREAMS).then_some((number, offset % 0x18))
}
