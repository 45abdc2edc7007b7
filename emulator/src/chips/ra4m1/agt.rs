//! AGT0 and AGT1 (manual chapter 24) as timers: underflow and compare match A and B. On LOCO they count edges with
//! jitter, drawn from the machine's entropy each time a count begins. Not modelled: pulse output, event counting and
//! measurement, counting the other timer's underflows, the sub-clock.

use super::counter::Counter;
use super::system::{Clocks, LOCO_HZ};
use crate::core::events::Token;
use crate::core::fabric::{AccessFault, AccessSize, Fabric};

/// Event numbers of the underflow; compare match A and B follow it.
const INT: [u8; 2] = [0x1e, 0x21];
const TSTART: u8 = 1 << 0;
const TCSTF: u8 = 1 << 1;
const TSTOP: u8 = 1 << 2;
const TUNDF: u8 = 1 << 5;
/// AGTCMSR: compare match A and B.
const TCMEA: u8 = 1 << 0;
const TCMEB: u8 = 1 << 4;

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Agt {
    index: usize,
    token: Token,
    /// The timer counts down: this counter holds the distance from its reload value.
    counter: Counter,
    mr1: u8,
    mr2: u8,
    cmsr: u8,
    flags: u8,
    compare: [u16; 2],
    pub(super) events: Vec<u8>,
}

impl Agt {
    pub(super) fn new(index: usize, token: Token) -> Self {
        Self {
            index,
            token,
            counter: Counter::new(0x1_0000),
            mr1: 0,
            mr2: 0,
            cmsr: 0,
            flags: 0,
            compare: [0xffff; 2],
            events: Vec::new(),
        }
    }

    pub(super) fn set_clocks(&mut self, fabric: &mut Fabric, clocks: &Clocks) {
        self.catch_up(fabric);
        let (hz, divider) = match self.mr1 >> 4 & 7 {
            1 => (clocks.pclkb, 8),
            3 => (clocks.pclkb, 2),
            _ if self.is_on_loco() => (LOCO_HZ, 1 << (self.mr2 & 7)),
            _ => (clocks.pclkb, 1),
        };
        self.counter.set_clock(fabric.now(), hz, divider);
        self.plan(fabric);
    }

    pub(super) fn read(&mut self, fabric: &mut Fabric, offset: u32, size: AccessSize) -> Result<u32, AccessFault> {
        self.catch_up(fabric);
        Ok(match (offset, size) {
            (0x00, AccessSize::Half) => (self.counter.period() - 1 - self.counter.value(fabric.now())) as u32,
            (0x02 | 0x04, AccessSize::Half) => self.compare[offset as usize / 2 - 1].into(),
            (0x08, AccessSize::Byte) => {
                let runs = if self.counter.is_running() { TSTART | TCSTF } else { 0 };
                u32::from(self.flags | runs)
            }
            (0x09, AccessSize::Byte) => self.mr1.into(),
            (0x0a, AccessSize::Byte) => self.mr2.into(),
            (0x0c | 0x0d | 0x0f, AccessSize::Byte) => 0,
            (0x0e, AccessSize::Byte) => self.cmsr.into(),
            (..=0x0f, _) => return Err(AccessFault::Width),
            _ => return Err(AccessFault::Unmapped),
        })
    }

    pub(super) fn write(
        &mut self,
        fabric: &mut Fabric,
        clocks: &Clocks,
        offset: u32,
        value: u32,
        size: AccessSize,
    ) -> Result<(), AccessFault> {
        self.catch_up(fabric);
        let now = fabric.now();
        match (offset, size) {
            // Counter and reload register.
            (0x00, AccessSize::Half) => {
                self.counter.set_period(now, u64::from(value & 0xffff) + 1);
                self.counter.set(now, 0);
            }
            (0x02 | 0x04, AccessSize::Half) => self.compare[offset as usize / 2 - 1] = value as u16,
            (0x08, AccessSize::Byte) => {
                // Flags are cleared by writing zero.
                self.flags &= value as u8 & 0xf0;
                let stops = value as u8 & TSTOP != 0;
                let runs = value as u8 & TSTART != 0 && !stops;
                if runs && !self.counter.is_running() {
                    let key = self.is_on_loco().then(|| {
                        let mut key = [0; 8];
                        fabric.entropy(&mut key);
                        u64::from_le_bytes(key)
                    });
                    self.counter.set_jitter(now, key);
                }
                self.counter.run(now, runs);
                if stops {
                    self.counter.set(now, 0);
                }
            }
            // Timer mode, from an existing clock.
            (0x09, AccessSize::Byte) if value & 0x0f != 0 || !matches!(value >> 4, 0 | 1 | 3 | 4) => {
                return Err(AccessFault::UnmodelledUse);
            }
            (0x09, AccessSize::Byte) => {
                self.mr1 = value as u8;
                self.set_clocks(fabric, clocks);
            }
            (0x0a, AccessSize::Byte) => {
                self.mr2 = value as u8 & 0x87;
                self.set_clocks(fabric, clocks);
            }
            (0x0c | 0x0d | 0x0f, AccessSize::Byte) if value == 0 => {}
            // Outputs on pins.
            (0x0c | 0x0d | 0x0f, AccessSize::Byte) => return Err(AccessFault::UnmodelledUse),
            (0x0e, AccessSize::Byte) if value as u8 & !(TCMEA | TCMEB) != 0 => return Err(AccessFault::UnmodelledUse),
            (0x0e, AccessSize::Byte) => self.cmsr = value as u8,
            (..=0x0f, _) => return Err(AccessFault::Width),
            _ => return Err(AccessFault::Unmapped),
        }
        self.plan(fabric);
        Ok(())
    }

    fn is_on_loco(&self) -> bool {
        self.mr1 >> 4 & 7 == 4
    }

    pub(super) fn wake(&mut self, fabric: &mut Fabric) {
        self.catch_up(fabric);
        self.plan(fabric);
    }

    /// The underflow and both compare values as values of the up-counter.
    fn places(&self) -> [u64; 3] {
        let reload = self.counter.period() - 1;
        let place = |compare: u16, enable: u8| match reload.checked_sub(u64::from(compare)) {
            Some(place) if self.cmsr & enable != 0 => place,
            _ => u64::MAX,
        };
        [0, place(self.compare[0], TCMEA), place(self.compare[1], TCMEB)]
    }

    fn catch_up(&mut self, fabric: &Fabric) {
        let passed = self.counter.take(fabric.now(), self.places());
        for (which, passed) in passed.into_iter().enumerate() {
            if passed {
                self.flags |= TUNDF << which;
                self.events.push(INT[self.index] + which as u8);
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
}
