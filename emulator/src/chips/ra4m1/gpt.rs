//! GPT0 to 7 (manual chapter 22) as up-counting saw-wave timers: overflow, compare match A to F, buffers (GTBER), and what
//! compare match and the end of the cycle do to the pins (GTIOR, GTUDDTYC).
//!
//! A compare match is at the end of the count that is equal to the register, when GTCNT takes the next value; with GTPR's value
//! it falls together with the end of the cycle, which then decides the pin (GTIOR, note on GTIOA). Buffers are transferred at
//! the end of a cycle. A pin has OADFLT's level while the counter stands still, and GTIOA's initial level when it starts; with
//! OAHLD it keeps its level. Not modelled: one-shot pulses, triangle waves, counting down, capture, hardware sources, dead time.

use super::counter::Counter;
use super::ports::pin;
use crate::core::events::Token;
use crate::core::fabric::{AccessFault, Fabric};
use crate::machine::VirtualTime;

pub(super) const COUNT: usize = 8;
/// PSEL of their pins (table 19.5).
pub(super) const FUNCTION: u32 = 3;
/// Pins of GTIOCnA and GTIOCnB that packages with up to 64 pins have: pin, channel, output.
pub(super) const PINS: [(u16, usize, usize); 32] = [
    (pin(1, 0), 5, 1),
    (pin(1, 1), 5, 0),
    (pin(1, 2), 2, 1),
    (pin(1, 3), 2, 0),
    (pin(1, 4), 1, 1),
    (pin(1, 5), 1, 0),
    (pin(1, 6), 0, 1),
    (pin(1, 7), 0, 0),
    (pin(1, 8), 0, 1),
    (pin(1, 9), 1, 0),
    (pin(1, 10), 1, 1),
    (pin(1, 11), 3, 0),
    (pin(1, 12), 3, 1),
    (pin(1, 13), 2, 0),
    (pin(2, 4), 4, 1),
    (pin(2, 5), 4, 0),
    (pin(2, 12), 0, 1),
    (pin(2, 13), 0, 0),
    (pin(3, 0), 0, 0),
    (pin(3, 1), 4, 1),
    (pin(3, 2), 4, 0),
    (pin(3, 3), 7, 1),
    (pin(3, 4), 7, 0),
    (pin(4, 0), 6, 0),
    (pin(4, 1), 6, 1),
    (pin(4, 8), 5, 1),
    (pin(4, 9), 5, 0),
    (pin(4, 10), 6, 1),
    (pin(4, 11), 6, 0),
    (pin(5, 0), 2, 0),
    (pin(5, 1), 2, 1),
    (pin(5, 2), 3, 1),
];

/// Event number of channel 0's compare match A; those of B to F follow, then the overflow. Each channel has eight.
const COMPARE_A: u8 = 0x57;
const OVERFLOW: u8 = 0x5d;
/// GTSSR.CSTRT, GTPSR.CSTOP, GTCSR.CCLR.
const BY_SOFTWARE: u32 = 1 << 31;
/// GTST.
const TCFPO: u32 = 1 << 6;
/// GTBER: BD, CCRA, CCRB, PR, CCRSWT.
const BD_CCR: u32 = 1 << 0;
const BD_PR: u32 = 1 << 1;
const CCRSWT: u32 = 1 << 22;
/// The half of GTIOR for one output.
const OADFLT: u32 = 1 << 6;
const OAHLD: u32 = 1 << 7;
const OAE: u32 = 1 << 8;
/// GTUDDTYC, for one output: 0 and 1 leave the pin to compare matches, 2 is a duty of 0 %, 3 of 100 %.
const OADTYF: u32 = 1 << 2;
const OADTYR: u32 = 1 << 3;

#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct Gpt {
    index: usize,
    token: Token,
    hz: u32,
    counter: Counter,
    protected: bool,
    /// GTSSR, GTPSR, GTCSR.
    sources: [u32; 3],
    gtcr: u32,
    gtst: u32,
    gtuddtyc: u32,
    gtior: u32,
    gtber: u32,
    /// GTCCRA to GTCCRF.
    compare: [u32; 6],
    gtpbr: u32,
    /// The duty that is in force for each output, as in GTUDDTYC.
    duty: [u32; 2],
    /// Levels of the outputs; `None` where none is enabled.
    pub(super) outputs: [Option<bool>; 2],
    /// The levels that the pins have.
    driven: [Option<bool>; 2],
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
            sources: [0; 3],
            gtcr: 0,
            gtst: 0x8000,
            gtuddtyc: 1,
            gtior: 0,
            gtber: 0,
            compare: [0; 6],
            gtpbr: 0,
            duty: [0; 2],
            outputs: [None; 2],
            driven: [None; 2],
            events: Vec::new(),
        };
        gpt.compare = [gpt.mask(); 6];
        gpt.gtpbr = gpt.mask();
        gpt.counter = Counter::new(u64::from(gpt.mask()) + 1);
        gpt
    }

    pub(super) fn set_clock(&mut self, fabric: &mut Fabric, hz: u32) {
        if self.hz != hz {
            self.catch_up(fabric.now());
            self.hz = hz;
            self.divide(fabric);
            self.plan(fabric);
        }
    }

    pub(super) fn is_running(&self) -> bool {
        self.counter.is_running()
    }

    /// GTSTR, GTSTP and GTCLR, which each channel has for all: `offset` is the register's.
    pub(super) fn by_software(&mut self, fabric: &mut Fabric, offset: u32) {
        self.catch_up(fabric.now());
        if self.sources[(offset as usize - 4) / 4] & BY_SOFTWARE != 0 {
            match offset {
                0x04 => self.run(fabric.now(), true),
                0x08 => self.run(fabric.now(), false),
                _ => self.counter.set(fabric.now(), 0),
            }
        }
        self.plan(fabric);
    }

    /// Whether an output changed since the last call.
    pub(super) fn drives_anew(&mut self) -> bool {
        std::mem::replace(&mut self.driven, self.outputs) != self.outputs
    }

    pub(super) fn is_protected(&self) -> bool {
        self.protected
    }

    pub(super) fn read(&mut self, fabric: &mut Fabric, offset: u32) -> Result<u32, AccessFault> {
        self.catch_up(fabric.now());
        Ok(match offset {
            0x00 => u32::from(self.protected),
            0x10..0x1c => self.sources[(offset as usize - 0x10) / 4],
            0x0c | 0x1c..0x2c | 0x38 => 0,
            0x2c => self.gtcr | u32::from(self.counter.is_running()),
            0x30 => self.gtuddtyc,
            0x34 => self.gtior,
            0x3c => self.gtst,
            0x40 => self.gtber,
            0x48 => self.counter.value(fabric.now()) as u32,
            0x4c..0x64 => self.compare[compare_at(offset)],
            0x64 => (self.counter.period() - 1) as u32,
            0x68 => self.gtpbr,
            // No dead time.
            0x88 => 0,
            0x8c => return Err(AccessFault::Unmodelled),
            _ => return Err(AccessFault::Unmapped),
        })
    }

    pub(super) fn write(&mut self, fabric: &mut Fabric, offset: u32, value: u32) -> Result<(), AccessFault> {
        let now = fabric.now();
        self.catch_up(now);
        match offset {
            0x00 if value >> 8 & 0xff == 0xa5 => self.protected = value & 1 != 0,
            0x00 => {}
            _ if self.protected => return Err(AccessFault::Denied),
            // Sources: by software or none.
            0x10..0x1c if value & !BY_SOFTWARE == 0 => self.sources[(offset as usize - 0x10) / 4] = value,
            0x1c..0x2c | 0x38 if value == 0 => {}
            // UD, and its being forced.
            0x30 if value & 1 == 1 && [16, 24].iter().all(|at| value >> at & OADTYR == 0) => {
                self.gtuddtyc = value & 0x0707_0003;
                for output in 0..2 {
                    if !self.counter.is_running() || self.gtuddtyc >> (16 + 8 * output) & OADTYF != 0 {
                        self.take_duty(output);
                    }
                }
                self.force_outputs();
            }
            0x34 => {
                let changed = self.gtior ^ value;
                self.gtior = value & 0xe7df_e7df;
                for output in 0..2 {
                    if changed >> (16 * output) & 0xffff != 0 {
                        self.enable_output(output);
                    }
                }
                self.force_outputs();
            }
            // Saw-wave PWM.
            0x2c if value & 0x0007_0000 == 0 => {
                self.gtcr = value & 0x0700_0000;
                self.divide(fabric);
                self.run(now, value & 1 != 0);
            }
            0x3c => self.gtst &= value | !0xff,
            0x40 => {
                self.gtber = value & 0x003f_0003;
                if value & CCRSWT != 0 && !self.counter.is_running() {
                    self.transfer_compare();
                }
            }
            0x48 => self.counter.set(now, u64::from(value & self.mask())),
            0x4c..0x64 => self.compare[compare_at(offset)] = value & self.mask(),
            0x64 => self.counter.set_period(now, u64::from(value & self.mask()) + 1),
            0x68 => self.gtpbr = value & self.mask(),
            0x88 if value == 0 => {}
            0x10..0x44 | 0x88 => return Err(AccessFault::UnmodelledUse),
            0x8c => return Err(AccessFault::Unmodelled),
            _ => return Err(AccessFault::Unmapped),
        }
        self.plan(fabric);
        Ok(())
    }

    pub(super) fn wake(&mut self, fabric: &mut Fabric) {
        self.catch_up(fabric.now());
        self.plan(fabric);
    }

    fn run(&mut self, now: VirtualTime, running: bool) {
        let changes = self.counter.is_running() != running;
        self.counter.run(now, running);
        for output in (0..2).filter(|_| changes) {
            if running {
                self.take_duty(output);
            }
            if self.gtior >> (16 * output) & OAHLD == 0 {
                self.enable_output(output);
            }
        }
        self.force_outputs();
    }

    fn divide(&mut self, fabric: &Fabric) {
        // TPCS: 1, 4, 16, 64, 256, 1,024
        let divider = 1 << (2 * (self.gtcr >> 24 & 7).min(5));
        self.counter.set_clock(fabric.now(), self.hz, divider);
    }

    /// Whether GTCCRA to GTCCRF compare: C to F do unless they are buffers of A and B.
    fn compares(&self, register: usize) -> bool {
        let buffers = |pair: usize| self.gtber >> (16 + 2 * pair) & 3;
        match register {
            2 | 4 => buffers(register / 2 - 1) == 0,
            3 | 5 => buffers((register - 1) / 2 - 1) < 2,
            _ => true,
        }
    }

    /// The values of GTCNT at which something happens: the end of a cycle, the matches of GTCCRA to GTCCRF.
    fn places(&self) -> [u64; 7] {
        let last = self.counter.period() - 1;
        let place = |register: usize| match u64::from(self.compare[register]) {
            _ if !self.compares(register) => u64::MAX,
            value if value == last => 0,
            value if value > last => u64::MAX,
            value => value + 1,
        };
        [0, place(0), place(1), place(2), place(3), place(4), place(5)]
    }

    /// When the counter next reaches one of the places.
    fn next(&self) -> Option<VirtualTime> {
        self.places()
            .into_iter()
            .filter_map(|place| self.counter.next(place))
            .min()
    }

    /// Takes what happened up to `now`, in order.
    fn catch_up(&mut self, now: VirtualTime) {
        while let Some(at) = self.next().filter(|at| *at <= now) {
            let [overflow, compares @ ..] = self.counter.take(at, self.places());
            let base = 8 * self.index as u8;
            for register in (0..6).filter(|register| compares[*register]) {
                self.gtst |= 1 << register;
                self.events.push(base + COMPARE_A + register as u8);
                if register < 2 && !overflow {
                    self.act(register, 0);
                }
            }
            if overflow {
                self.gtst |= TCFPO;
                self.events.push(base + OVERFLOW);
                self.end_cycle(at);
            }
        }
    }

    fn end_cycle(&mut self, at: VirtualTime) {
        for output in 0..2 {
            self.take_duty(output);
            self.act(output, 2);
        }
        self.force_outputs();
        if self.gtber & BD_CCR == 0 {
            self.transfer_compare();
        }
        if self.gtber & BD_PR == 0 && self.gtber >> 20 & 3 != 0 {
            self.counter.set_period(at, u64::from(self.gtpbr) + 1);
        }
    }

    /// GTCCRC and GTCCRD to GTCCRA, GTCCRE and GTCCRF to GTCCRB: the order of registers here is A, B, C, D, E, F.
    fn transfer_compare(&mut self) {
        for pair in 0..2 {
            let (near, far) = (2 + 2 * pair, 3 + 2 * pair);
            match self.gtber >> (16 + 2 * pair) & 3 {
                0 => {}
                1 => self.compare[pair] = self.compare[near],
                _ => {
                    self.compare[pair] = self.compare[near];
                    self.compare[near] = self.compare[far];
                }
            }
        }
    }

    fn take_duty(&mut self, output: usize) {
        self.duty[output] = self.gtuddtyc >> (16 + 8 * output) & 3;
    }

    /// An output that was enabled, or whose counter was started or stopped.
    fn enable_output(&mut self, output: usize) {
        let half = self.gtior >> (16 * output);
        let level = match self.counter.is_running() {
            true => half & 1 << 4 != 0,
            false => half & OADFLT != 0,
        };
        self.outputs[output] = (half & OAE != 0).then_some(level);
    }

    /// What the two bits of GTIOA at `shift` say: keep, low, high, toggle.
    fn act(&mut self, output: usize, shift: u32) {
        let action = self.gtior >> (16 * output) >> shift & 3;
        if let Some(level) = &mut self.outputs[output]
            && self.duty[output] < 2
        {
            *level = match action {
                0 => *level,
                1 => false,
                2 => true,
                _ => !*level,
            };
        }
    }

    fn force_outputs(&mut self) {
        for (output, duty) in self.duty.iter().enumerate() {
            if let Some(level) = &mut self.outputs[output]
                && *duty >= 2
                && self.counter.is_running()
            {
                *level = *duty == 3;
            }
        }
    }

    fn plan(&self, fabric: &mut Fabric) {
        fabric.cancel_token(self.token);
        if let Some(at) = self.next() {
            fabric.schedule(at, self.token);
        }
    }

    /// GPT0 and 1 have 32 bits.
    fn mask(&self) -> u32 {
        if self.index < 2 { u32::MAX } else { 0xffff }
    }
}

/// The place of a compare register in the order A, B, C, D, E, F: the addresses have E before D.
fn compare_at(offset: u32) -> usize {
    [0, 1, 2, 4, 3, 5][(offset as usize - 0x4c) / 4]
}
