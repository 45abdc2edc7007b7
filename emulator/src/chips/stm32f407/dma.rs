//! DMA1 and DMA2 (RM0090 chapter 10) between peripherals and memory: bytes, half words and words, single and circular
//! transfers, double buffers, half and complete flags. Not modelled: memory to memory, peripherals that are not in
//! [`REQUESTS`], bursts, a FIFO that converts between widths.

use super::adc::Adcs;
use super::spi::{self, Spi};
use super::usart::{self, Usart};
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
/// SxFCR: the FIFO is used.
const DMDIS: u32 = 1 << 2;

/// Flags of one stream in LISR and HISR.
const TEIF: u8 = 1 << 3;
const HTIF: u8 = 1 << 4;
const TCIF: u8 = 1 << 5;
const FLAGS: u8 = 0x3d;
/// Where the flags of streams 0 to 3 (4 to 7) are.
const SHIFTS: [u32; 4] = [0, 6, 16, 22];

/// DMA, stream, channel; who requests; whether it sends (tables 42 and 43).
const REQUESTS: [(usize, usize, u32, Source, bool); 32] = [
    (0, 0, 0, Source::Spi(2), false),
    (0, 0, 4, Source::Usart(4), false),
    (0, 1, 4, Source::Usart(2), false),
    (0, 2, 0, Source::Spi(2), false),
    (0, 2, 4, Source::Usart(3), false),
    (0, 3, 0, Source::Spi(1), false),
    (0, 3, 4, Source::Usart(2), true),
    (0, 4, 0, Source::Spi(1), true),
    (0, 4, 4, Source::Usart(3), true),
    (0, 4, 7, Source::Usart(2), true),
    (0, 5, 0, Source::Spi(2), true),
    (0, 5, 4, Source::Usart(1), false),
    (0, 6, 4, Source::Usart(1), true),
    (0, 7, 0, Source::Spi(2), true),
    (0, 7, 4, Source::Usart(4), true),
    (1, 0, 0, Source::Adc(0), false),
    (1, 0, 2, Source::Adc(2), false),
    (1, 0, 3, Source::Spi(0), false),
    (1, 1, 2, Source::Adc(2), false),
    (1, 1, 5, Source::Usart(5), false),
    (1, 2, 1, Source::Adc(1), false),
    (1, 2, 3, Source::Spi(0), false),
    (1, 2, 4, Source::Usart(0), false),
    (1, 2, 5, Source::Usart(5), false),
    (1, 3, 1, Source::Adc(1), false),
    (1, 3, 3, Source::Spi(0), true),
    (1, 4, 0, Source::Adc(0), false),
    (1, 5, 3, Source::Spi(0), true),
    (1, 5, 4, Source::Usart(0), false),
    (1, 6, 5, Source::Usart(5), true),
    (1, 7, 4, Source::Usart(0), true),
    (1, 7, 5, Source::Usart(5), true),
];

/// A peripheral that requests transfers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Usart(usize),
    Spi(usize),
    Adc(usize),
}

impl Source {
    /// The address of its data register.
    fn data_register(self) -> u32 {
        match self {
            Self::Usart(index) => super::map::USARTS[index] + 0x04,
            Self::Spi(index) => super::map::SPIS[index] + 0x0c,
            Self::Adc(index) => super::map::ADCS[index] + 0x4c,
        }
    }
}

/// The peripherals that request transfers, and the clocks of APB1 and APB2.
pub(super) struct Requesters<'c> {
    pub(super) usarts: &'c mut [Usart; usart::COUNT],
    pub(super) spis: &'c mut [Spi; spi::COUNT],
    pub(super) adcs: &'c mut Adcs,
    pub(super) pclk: [u32; 2],
}

impl Requesters<'_> {
    fn requests(&self, source: Source, sends: bool) -> bool {
        match (source, sends) {
            (Source::Usart(index), true) => self.usarts[index].wants_to_send(),
            (Source::Usart(index), false) => self.usarts[index].has_received(),
            (Source::Spi(index), true) => self.spis[index].wants_to_send(),
            (Source::Spi(index), false) => self.spis[index].has_received(),
            (Source::Adc(index), sends) => !sends && self.adcs.has_result(index),
        }
    }

    fn put(&mut self, fabric: &mut Fabric, source: Source, data: u32) {
        match source {
            Source::Usart(index) => {
                let pclk = self.pclk[usize::from(usart::is_on_apb2(index))];
                self.usarts[index].put_data(fabric, pclk, data as u8);
            }
            Source::Spi(index) => {
                let pclk = self.pclk[usize::from(spi::is_on_apb2(index))];
                self.spis[index].put_data(fabric, pclk, data as u16);
            }
            // It has nothing to send, and requests none.
            Source::Adc(_) => {}
        }
    }

    fn take(&mut self, source: Source) -> u32 {
        match source {
            Source::Usart(index) => self.usarts[index].take_data().into(),
            Source::Spi(index) => self.spis[index].take_data().into(),
            Source::Adc(index) => self.adcs.take_result(index),
        }
    }

    /// The last item of a transfer was moved.
    fn end(&mut self, source: Source) {
        if let Source::Adc(index) = source {
            self.adcs.end_transfer(index);
        }
    }
}

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

    /// Whether a stream waits for requests.
    pub(super) fn is_enabled(&self) -> bool {
        self.streams.iter().any(|stream| stream.cr & EN != 0)
    }

    /// Moves the data that peripherals request.
    pub(super) fn serve(&mut self, fabric: &mut Fabric, requesters: &mut Requesters<'_>) {
        for (number, stream) in self.streams.iter_mut().enumerate() {
            if stream.cr & EN == 0 {
                continue;
            }
            let Some((source, sends)) = stream.request(self.index, number) else {
                continue;
            };
            while stream.cr & EN != 0 && requesters.requests(source, sends) {
                let addr = stream.place();
                let bytes = stream.bytes();
                let moved = if sends {
                    fetch(fabric, addr, bytes).map(|data| requesters.put(fabric, source, data))
                } else {
                    let data = requesters.take(source).to_le_bytes();
                    fabric.dma_write(addr, &data[..bytes as usize])
                };
                match moved {
                    Ok(()) => {
                        if stream.ndtr == 1 {
                            requesters.end(source);
                        }
                        stream.moved();
                    }
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
        let (source, _) = self
            .request(dma, number)
            .filter(|request| request.1 == sends)
            .ok_or(AccessFault::UnmodelledUse)?;
        // PSIZE and MSIZE; without the FIFO MSIZE is not looked at (10.3.11).
        let (peripheral, memory) = (value >> 11 & 3, value >> 13 & 3);
        let converts = peripheral != memory && self.fcr & DMDIS != 0;
        if peripheral == 3 || converts || value & (PFCTRL | PINC | BURSTS) != 0 || self.par != source.data_register() {
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

    /// Who requests its transfers, and whether it sends, by CHSEL.
    fn request(&self, dma: usize, number: usize) -> Option<(Source, bool)> {
        let place = (dma, number, self.cr >> 25 & 7);
        let request = REQUESTS.iter().find(|it| (it.0, it.1, it.2) == place);
        request.map(|it| (it.3, it.4))
    }

    /// Bytes of an item.
    fn bytes(&self) -> u32 {
        1 << (self.cr >> 11 & 3)
    }

    /// The memory that is in use.
    fn target(&self) -> usize {
        usize::from(self.cr & DBM != 0 && self.cr & CT != 0)
    }

    fn place(&self) -> u32 {
        let done = if self.cr & MINC != 0 {
            self.bytes() * (self.items - self.ndtr)
        } else {
            0
        };
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
fn fetch(fabric: &mut Fabric, addr: u32, bytes: u32) -> Result<u32, AccessFault> {
    let mut data = [0; 4];
    let reaches = matches!(addr, 0x0800_0000..0x0810_0000 | 0x2000_0000..0x2002_0000);
    if !reaches || fabric.memory().read(addr, &mut data[..bytes as usize]).is_err() {
        fabric.log_fault(addr, AccessSize::Byte, None, AccessFault::Unmapped);
        return Err(AccessFault::Unmapped);
    }
    Ok(u32::from_le_bytes(data))
}

fn stream_register(offset: u32) -> Option<(usize, u32)> {
    let offset = offset.checked_sub(0x10)?;
    let number = (offset / 0x18) as usize;
    (number < STREAMS).then_some((number, offset % 0x18))
}
