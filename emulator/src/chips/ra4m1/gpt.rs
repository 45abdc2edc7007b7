//! GPT0 to 7 (manual chapter 22) as up-counting saw-wave timers: overflow and compare match A and B. Not modelled:
//! triangle waves, outputs on pins, capture, hardware start and stop sources, buffers.

use super::counter::Counter;
use crate::core::events::Token;
use crate::core::fabric::{AccessFault, Fabric};

pub(super) const COUNT: usize = 8;
/// Event numbers of channel 0: compare match A and B, overflow. Each channel has eight.
const COMPARE_A: u8 = 0x57;
const OVERFLOW: u8 = 0x5d;
const TCFPO: u32 = 1 << 6;

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Gpt {
    index: usize,
    token: Token,
    hz: u32,
    counter: Counter,
    protected: bool,
    gtcr: u32,
    gtst: u32,
    compare: [u32; 2],
    pub(super) events: Vec<u8>,
}

impl Gpt {
    pub(super) fn new(index: usize, token: Token) -> Self {
        let mut gpt = Self {
            index,
            token,
            hz: 1,
            counter: Counter::new(1),
            protected: false,
            gtcr: 0,
            gtst: 0x8000,
            compare: [0; 2],
            events: Vec::new(),
        };
        gpt.compare = [gpt.mask(); 2];
        gpt.counter = Counter::new(u64::from(gpt.mask()) + 1);
        gpt
    }

    pub(super) fn set_clock(&mut self, fabric: &mut Fabric, hz: u32) {
        if self.hz != hz {
            self.catch_up(fabric);
            self.hz = hz;
            self.divide(fabric);
            self.plan(fabric);
        }
    }

    pub(super) fn read(&mut self, fabric: &mut Fabric, offset: u32) -> Result<u32, AccessFault> {
        self.catch_up(fabric);
        Ok(match offset {
            0x00 => u32::from(self.protected),
            // GTSTR, GTSTP: which channels run and which are stopped.
            0x04 => u32::from(self.counter.is_running()) << self.index,
            0x08 => u32::from(!self.counter.is_running()) << self.index,
            0x0c..0x2c | 0x34 | 0x38 | 0x40 => 0,
            0x2c => self.gtcr | u32::from(self.counter.is_running()),
            // It counts up.
            0x30 => 1,
            0x3c => self.gtst,
            0x48 => self.counter.value(fabric.now()) as u32,
            0x4c | 0x50 => self.compare[(offset as usize - 0x4c) / 4],
            0x64 => (self.counter.period() - 1) as u32,
            // Buffers and dead time.
            0x54..0x64 | 0x68 | 0x88 | 0x8c => return Err(AccessFault::Unmodelled),
            _ => return Err(AccessFault::Unmapped),
        })
    }

    pub(super) fn write(&mut self, fabric: &mut Fabric, offset: u32, value: u32) -> Result<(), AccessFault> {
        self.catch_up(fabric);
        let now = fabric.now();
        let own = value >> self.index & 1 != 0;
        match offset {
            0x00 if value >> 8 & 0xff == 0xa5 => self.protected = value & 1 != 0,
            0x00 => {}
            _ if self.protected => return Err(AccessFault::Denied),
            // Starting another channel from here would need its registers.
            0x04 | 0x08 | 0x0c if value & !(1 << self.index) != 0 => return Err(AccessFault::UnmodelledUse),
            0x04 if own => self.counter.run(now, true),
            0x08 if own => self.counter.run(now, false),
            0x0c if own => self.counter.set(now, 0),
            0x04 | 0x08 | 0x0c => {}
            // Sources: by software (CSTRT, CSTOP, CCLR) or none.
            0x10 | 0x14 | 0x18 if value & 0x7fff_ffff == 0 => {}
            0x1c..0x2c | 0x34 | 0x38 | 0x40 if value == 0 => {}
            // UD, and its being forced.
            0x30 if value & !2 == 1 => {}
            0x2c if value & 0x0007_0000 == 0 => {
                self.gtcr = value & 0x0700_0000;
                self.divide(fabric);
                self.counter.run(now, value & 1 != 0);
            }
            0x3c => self.gtst &= value | !0xff,
            0x48 => self.counter.set(now, u64::from(value & self.mask())),
            0x4c | 0x50 => self.compare[(offset as usize - 0x4c) / 4] = value & self.mask(),
            0x64 => self.counter.set_period(now, u64::from(value & self.mask()) + 1),
            0x10..0x44 => return Err(AccessFault::UnmodelledUse),
            0x54..0x64 | 0x68 | 0x88 | 0x8c => return Err(AccessFault::Unmodelled),
            _ => return Err(AccessFault::Unmapped),
        }
        self.plan(fabric);
        Ok(())
    }

    pub(super) fn wake(&mut self, fabric: &mut Fabric) {
        self.catch_up(fabric);
        self.plan(fabric);
    }

    fn divide(&mut self, fabric: &Fabric) {
        // TPCS: 1, 4, 16, 64, 256, 1,024
        let divider = 1 << (2 * (self.gtcr >> 24 & 7).min(5));
        self.counter.set_clock(fabric.now(), self.hz, divider);
    }

    fn places(&self) -> [u64; 3] {
        [0, self.compare[0].into(), self.compare[1].into()]
    }

    fn catch_up(&mut self, fabric: &Fabric) {
        let [overflow, a, b] = self.counter.take(fabric.now(), self.places());
        let base = 8 * self.index as u8;
        for (passed, flag, event) in [(a, 1, COMPARE_A), (b, 2, COMPARE_A + 1), (overflow, TCFPO, OVERFLOW)] {
            if passed {
                self.gtst |= flag;
                self.events.push(base + event);
            }
        }
    }

    fn plan(&self, fabric: &mut Fabric) {
        fabric.cancel_token(self.token);
        if let Some(at) = self
            .places()
            .into_iter()
            .filter_map(|place| self.counter.next(place))
            .min()
        {
            fabric.schedule(at, self.token);
        }
    }

    /// GPT0 and 1 have 32 bits.
    fn mask(&self) -> u32 {
        if self.index < 2 { u32::MAX } else { 0xffff }
    }
}
