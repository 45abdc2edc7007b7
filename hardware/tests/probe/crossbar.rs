//! A crossbar between debug probes and boards. It moves cables at chosen accesses of the debug port.

use drydock_hardware::probe::{DebugWire, WireFault};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Address of DPIDR for reads (IHI 0031 B2.2.5).
const DPIDR: u8 = 0;

/// When a hand moves cables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// Before this access of the operation, counted from 1. It gets no answer.
    Access(u64),
    /// Before this connection of the operation, counted from 1: nobody used the wire while it was moved, so nothing is
    /// noticed there.
    Connection(u64),
}

/// What a hand does to the cables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hand {
    /// Exchanges the boards of this probe and another one.
    Exchange,
    /// Exchanges them, and back after so many accesses of this probe.
    ThereAndBack(u64),
    /// Exchanges this probe's board with that of a certain other one.
    With(usize),
    /// Moves each board to the next probe.
    Rotate,
    /// Pulls the cable and puts it back at once.
    Pull,
}

/// A seeded stream of numbers (xorshift64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % end
    }
}

/// As many boards as probes; each board is at one probe.
pub(crate) struct Crossbar<W> {
    boards: Vec<Arc<Mutex<W>>>,
    state: Mutex<State>,
}

struct State {
    random: Random,
    leads: Vec<LeadState>,
    moves: u64,
}

struct LeadState {
    board: usize,
    /// Its cable was moved: the next access gets no answer.
    is_disturbed: bool,
    accesses: u64,
    connections: u64,
    hands: Vec<(When, Hand)>,
    seen: Vec<usize>,
}

/// One probe's cable.
pub(crate) struct Lead<W> {
    crossbar: Arc<Crossbar<W>>,
    probe: usize,
}

impl<W: DebugWire> Crossbar<W> {
    pub(crate) fn new(boards: Vec<Arc<Mutex<W>>>, seed: u64) -> Self {
        let leads = (0..boards.len()).map(|board| LeadState {
            board,
            is_disturbed: false,
            accesses: 0,
            connections: 0,
            hands: Vec::new(),
            seen: Vec::new(),
        });
        let state = State {
            random: Random::new(!seed),
            leads: leads.collect(),
            moves: 0,
        };
        Self {
            boards,
            state: Mutex::new(state),
        }
    }

    pub(crate) fn lead(self: &Arc<Self>, probe: usize) -> Lead<W> {
        Lead {
            crossbar: Arc::clone(self),
            probe,
        }
    }

    /// Puts each board at its own probe.
    pub(crate) fn tidy(&self) {
        for (board, lead) in self.state().leads.iter_mut().enumerate() {
            lead.board = board;
        }
    }

    /// An operation begins at a probe; hands will move cables while it runs.
    pub(crate) fn begin(&self, probe: usize, hands: Vec<(When, Hand)>) {
        let mut state = self.state();
        let lead = &mut state.leads[probe];
        lead.accesses = 0;
        lead.connections = 0;
        lead.hands = hands;
        lead.seen = vec![lead.board];
    }

    /// The operation has ended; these boards were at its probe.
    pub(crate) fn end(&self, probe: usize) -> Vec<usize> {
        let mut state = self.state();
        state.leads[probe].hands.clear();
        std::mem::take(&mut state.leads[probe].seen)
    }

    /// How often cables were moved.
    pub(crate) fn moves(&self) -> u64 {
        self.state().moves
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The board that an access of a probe reaches. A connection begins with reading DPIDR.
    fn reach(&self, probe: usize, connects: bool) -> Result<Arc<Mutex<W>>, WireFault> {
        let mut state = self.state();
        let lead = &mut state.leads[probe];
        lead.accesses += 1;
        lead.connections += u64::from(connects);
        let (accesses, connections) = (lead.accesses, lead.connections);
        let is_due = |(when, _): &mut (When, Hand)| match when {
            When::Access(at) => *at <= accesses,
            When::Connection(at) => connects && *at == connections,
        };
        let due: Vec<(When, Hand)> = lead.hands.extract_if(.., is_due).collect();
        for (when, hand) in due {
            state.act(probe, hand);
            if let When::Connection(_) = when {
                state.leads[probe].is_disturbed = false;
            }
        }
        let lead = &mut state.leads[probe];
        if std::mem::take(&mut lead.is_disturbed) {
            return Err(WireFault::NoAnswer);
        }
        Ok(Arc::clone(&self.boards[lead.board]))
    }
}

impl State {
    fn act(&mut self, probe: usize, hand: Hand) {
        self.moves += 1;
        let count = self.leads.len();
        match hand {
            Hand::Exchange | Hand::ThereAndBack(_) => {
                let other = (probe + 1 + self.random.below(count as u64 - 1) as usize) % count;
                self.exchange(probe, other);
                if let Hand::ThereAndBack(after) = hand {
                    let lead = &mut self.leads[probe];
                    lead.hands
                        .push((When::Access(lead.accesses + after), Hand::With(other)));
                }
            }
            Hand::With(other) => self.exchange(probe, other),
            Hand::Rotate => (1..count).for_each(|other| self.exchange(0, other)),
            Hand::Pull => self.leads[probe].is_disturbed = true,
        }
    }

    fn exchange(&mut self, one: usize, other: usize) {
        let (first, second) = (self.leads[one].board, self.leads[other].board);
        for (probe, board) in [(one, second), (other, first)] {
            let lead = &mut self.leads[probe];
            lead.board = board;
            lead.is_disturbed = true;
            lead.seen.push(board);
        }
    }
}

impl<W: DebugWire> DebugWire for Lead<W> {
    fn read(&mut self, access_port: bool, address: u8) -> Result<u32, WireFault> {
        let wire = self.crossbar.reach(self.probe, !access_port && address == DPIDR)?;
        let mut wire = wire.lock().unwrap_or_else(PoisonError::into_inner);
        wire.read(access_port, address)
    }

    fn write(&mut self, access_port: bool, address: u8, value: u32) -> Result<(), WireFault> {
        let wire = self.crossbar.reach(self.probe, false)?;
        let mut wire = wire.lock().unwrap_or_else(PoisonError::into_inner);
        wire.write(access_port, address, value)
    }

    fn reset_pin(&mut self, held: bool) {
        if let Ok(wire) = self.crossbar.reach(self.probe, false) {
            wire.lock().unwrap_or_else(PoisonError::into_inner).reset_pin(held);
        }
    }
}
