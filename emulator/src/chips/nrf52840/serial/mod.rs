//! The pages that TWIM and SPIM share (PS 6.25 "SPIM", 6.31 "TWIM"): one set of registers, whose meaning ENABLE chooses.
//! Pages 3 and 4 have both; SPIM2 and SPIM3 are alone on theirs.
//!
//! Not modelled: SPI, SPIS, TWI and TWIS of these pages; chip select and D/CX of SPIM3. The levels of SCL, SDA, SCK and
//! MOSI are not reported as pin changes.

mod spim;
mod twim;

use super::block::{Bus, Events, Peripheral};
use crate::core::events::EventId;
use crate::core::fabric::AccessFault;
use crate::machine::VirtualTime;

/// Ids of SPIM0/TWIM0, SPIM1/TWIM1, SPIM2 and SPIM3.
pub(super) const IDS: [u8; 4] = [3, 4, 35, 47];

const STOPPED: u32 = 1;
const ENDRX: u32 = 4;
const END: u32 = 6;
const ENDTX: u32 = 8;
const ERROR: u32 = 9;
const SUSPENDED: u32 = 18;
/// RXSTARTED of TWIM, STARTED of SPIM.
const STARTED: u32 = 19;
const TXSTARTED: u32 = 20;
const LASTRX: u32 = 23;
const LASTTX: u32 = 24;
const SPIM_EVENTS: u32 = 1 << STOPPED | 1 << ENDRX | 1 << END | 1 << ENDTX | 1 << STARTED;
const TWIM_EVENTS: u32 =
    1 << STOPPED | 1 << ERROR | 1 << SUSPENDED | 1 << STARTED | 1 << TXSTARTED | 1 << LASTRX | 1 << LASTTX;
/// RXDREADY, TXDSENT, ACQUIRED, BB, WRITE and READ, of the peripherals that are not modelled.
const OTHER_EVENTS: u32 = 1 << 2 | 1 << 7 | 1 << 10 | 1 << 14 | 1 << 25 | 1 << 26;

const ENABLE_TWIM: u32 = 6;
const ENABLE_SPIM: u32 = 7;
const DISCONNECTED: u32 = 1 << 31;

/// One page.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Serial {
    events: Events,
    id: u8,
    mode: Mode,
    shorts: u32,
    errorsrc: u32,
    /// SCL or SCK, SDA or MOSI, MISO, CSN.
    psel: [u32; 4],
    frequency: u32,
    rxd: Channel,
    txd: Channel,
    /// CONFIG of SPIM: bit order, phase, polarity.
    config: u32,
    /// IFTIMING.RXDELAY and CSNDUR of SPIM3; sampling is exact here.
    iftiming: [u32; 2],
    /// ADDRESS of TWIM.
    address: u32,
    /// ORC of SPIM: sent behind the end of TXD.
    orc: u32,
    twim: twim::Twim,
    spim: spim::Spim,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
enum Mode {
    Off,
    Twim,
    Spim,
}

/// PTR, MAXCNT, AMOUNT and LIST of a DMA channel.
#[derive(Clone, Copy, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
struct Channel {
    ptr: u32,
    maxcnt: u32,
    amount: u32,
    list: u32,
}

impl Channel {
    /// The buffer of a transfer that begins. In list mode the next one gets the bytes behind it.
    fn take(&mut self) -> Buffer {
        let buffer = Buffer {
            ptr: self.ptr,
            bytes: self.maxcnt,
        };
        if self.list == 1 {
            self.ptr = self.ptr.wrapping_add(self.maxcnt);
        }
        buffer
    }
}

/// A buffer that DMA works on.
#[derive(Clone, Copy, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
struct Buffer {
    ptr: u32,
    bytes: u32,
}

impl Serial {
    pub(super) fn new(id: u8) -> Self {
        let has_twim = id == IDS[0] || id == IDS[1];
        let events = match has_twim {
            true => Events::new(id, SPIM_EVENTS | TWIM_EVENTS)
                .without(OTHER_EVENTS)
                .with_inten(),
            false => Events::new(id, SPIM_EVENTS),
        };
        Self {
            events,
            id,
            mode: Mode::Off,
            shorts: 0,
            errorsrc: 0,
            psel: [u32::MAX; 4],
            frequency: 0x0400_0000,
            rxd: Channel::default(),
            txd: Channel::default(),
            config: 0,
            iftiming: [2, 2],
            address: 0,
            orc: 0,
            twim: twim::Twim::default(),
            spim: spim::Spim::default(),
        }
    }

    fn has_twim(&self) -> bool {
        self.id == IDS[0] || self.id == IDS[1]
    }

    fn is_spim3(&self) -> bool {
        self.id == IDS[3]
    }

    /// Time of one bit: the generator divides 16 MHz by an integer; 16 and 32 MHz of SPIM3 have codes of their own.
    fn bit(&self) -> VirtualTime {
        match self.frequency {
            0x0a00_0000 if self.mode == Mode::Spim => VirtualTime::from_ps(62_500),
            0x1400_0000 if self.mode == Mode::Spim => VirtualTime::from_ps(31_250),
            frequency => VirtualTime::from_ps((1 << 32) / u64::from(frequency.max(1)) * 62_500),
        }
    }

    fn pin(&self, index: usize) -> Option<u16> {
        let psel = self.psel[index];
        (psel & DISCONNECTED == 0).then_some((psel & 0x3f) as u16)
    }

    fn enable(&mut self, bus: &mut Bus<'_>, value: u32) -> Result<(), AccessFault> {
        let mode = match value & 0xf {
            0 => Mode::Off,
            ENABLE_TWIM if self.has_twim() => Mode::Twim,
            ENABLE_SPIM => Mode::Spim,
            _ => return Err(AccessFault::UnmodelledUse),
        };
        if mode != self.mode {
            self.cancel_twim(bus);
            self.cancel_spim(bus);
            self.mode = mode;
        }
        Ok(())
    }

    fn register(&mut self, offset: u32) -> Option<&mut u32> {
        let (has_twim, is_spim3) = (self.has_twim(), self.is_spim3());
        Some(match offset {
            0x200 => &mut self.shorts,
            0x508..0x514 => &mut self.psel[(offset as usize - 0x508) / 4],
            0x514 if is_spim3 => &mut self.psel[3],
            0x524 => &mut self.frequency,
            0x534 => &mut self.rxd.ptr,
            0x538 => &mut self.rxd.maxcnt,
            0x53c => &mut self.rxd.amount,
            0x540 => &mut self.rxd.list,
            0x544 => &mut self.txd.ptr,
            0x548 => &mut self.txd.maxcnt,
            0x54c => &mut self.txd.amount,
            0x550 => &mut self.txd.list,
            0x554 => &mut self.config,
            0x560 | 0x564 if is_spim3 => &mut self.iftiming[(offset as usize - 0x560) / 4],
            0x588 if has_twim => &mut self.address,
            0x5c0 => &mut self.orc,
            _ => return None,
        })
    }
}

impl Peripheral for Serial {
    fn events(&mut self) -> Option<&mut Events> {
        Some(&mut self.events)
    }

    fn task(&mut self, bus: &mut Bus<'_>, offset: u32) -> Result<(), AccessFault> {
        match (self.mode, offset) {
            // Tasks of a peripheral that is off do nothing.
            (Mode::Off, 0x000 | 0x008 | 0x010 | 0x014 | 0x01c | 0x020) => {}
            (Mode::Twim, 0x000) => self.twim_task(bus, twim::Task::StartRx),
            (Mode::Twim, 0x008) => self.twim_task(bus, twim::Task::StartTx),
            (Mode::Twim, 0x014) => self.twim_task(bus, twim::Task::Stop),
            (Mode::Twim, 0x01c) => self.twim_task(bus, twim::Task::Suspend),
            (Mode::Twim, 0x020) => self.resume_twim(bus),
            (Mode::Spim, 0x010) => return self.start_spim(bus),
            (Mode::Spim, 0x014) => self.stop_spim(bus),
            (Mode::Spim, 0x01c | 0x020) => return Err(AccessFault::UnmodelledUse),
            _ => return Err(AccessFault::Unmapped),
        }
        Ok(())
    }

    fn read(&mut self, _bus: &mut Bus<'_>, offset: u32) -> Result<u32, AccessFault> {
        Ok(match offset {
            0x400 => 0, // STALLSTAT: DMA never waits here.
            0x4c4 if self.has_twim() => self.errorsrc,
            0x500 => match self.mode {
                Mode::Off => 0,
                Mode::Twim => ENABLE_TWIM,
                Mode::Spim => ENABLE_SPIM,
            },
            // RXD and TXD of SPI and TWI; CSNPOL, PSELDCX and DCXCNT of SPIM3.
            0x518 | 0x51c if self.has_twim() => return Err(AccessFault::Unmodelled),
            0x568 | 0x56c | 0x570 if self.is_spim3() => return Err(AccessFault::Unmodelled),
            _ => *self.register(offset).ok_or(AccessFault::Unmapped)?,
        })
    }

    fn write(&mut self, bus: &mut Bus<'_>, offset: u32, value: u32) -> Result<(), AccessFault> {
        let mask = match offset {
            // LASTTX and LASTRX of TWIM, END_START of SPIM
            0x200 if self.has_twim() => 0x0002_1f80,
            0x200 => 0x0002_0000,
            0x400 => return Ok(()),
            0x4c4 if self.has_twim() => {
                self.errorsrc &= !value;
                return Ok(());
            }
            0x500 => return self.enable(bus, value),
            0x508..0x518 => 0x8000_003f,
            0x518 | 0x51c if self.has_twim() => return Err(AccessFault::Unmodelled),
            0x538 | 0x548 => 0xffff,
            0x53c | 0x54c => return Err(AccessFault::Denied),
            0x540 | 0x550 => 7,
            0x554 => 7,
            0x560 | 0x5c0 | 0x564 => 0xff,
            0x568 | 0x56c | 0x570 if self.is_spim3() => return Err(AccessFault::Unmodelled),
            0x588 => 0x7f,
            _ => u32::MAX,
        };
        *self.register(offset).ok_or(AccessFault::Unmapped)? = value & mask;
        Ok(())
    }

    fn wake(&mut self, bus: &mut Bus<'_>, what: u16) {
        match what {
            twim::WAKE => self.twim_boundary(bus),
            _ => self.spim_due(bus),
        }
    }
}

fn cancel(bus: &mut Bus<'_>, event: &mut Option<EventId>) {
    bus.cancel(event);
}
