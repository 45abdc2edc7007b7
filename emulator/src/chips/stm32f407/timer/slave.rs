//! SMCR (RM0090 18.4.3): what the edges at the timer's first two inputs do to its counter.

use super::channel::Channel;

/// SMCR.
const SMS: u32 = 7;
const TS: u32 = 7 << 4;
const MSM: u32 = 1 << 7;

/// SMCR.SMS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slave {
    /// The internal clock counts.
    None,
    /// The edges of a quadrature encoder count: those of TI1, those of TI2.
    Encoder { ti1: bool, ti2: bool },
    /// The trigger starts the count anew.
    Reset,
    /// The internal clock counts while the trigger is high.
    Gated,
    /// The trigger sets CEN.
    Trigger,
    /// The trigger's edges count.
    External,
}

/// SMCR.TS, of what is modelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// Both edges of TI1.
    Ti1Edges,
    Ti1,
    Ti2,
}

/// SMCR, and the levels at TI1 and TI2.
#[derive(Clone, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(super) struct SlaveMode {
    pub(super) smcr: u32,
    levels: [bool; 2],
}

/// What an edge asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Nothing,
    /// The trigger was or became active: TIF.
    Trigger,
    Count {
        up: bool,
        triggers: bool,
    },
}

impl SlaveMode {
    pub(super) fn slave(&self) -> Slave {
        match self.smcr & SMS {
            0 => Slave::None,
            1 => Slave::Encoder { ti1: false, ti2: true },
            2 => Slave::Encoder { ti1: true, ti2: false },
            3 => Slave::Encoder { ti1: true, ti2: true },
            4 => Slave::Reset,
            5 => Slave::Gated,
            6 => Slave::Trigger,
            _ => Slave::External,
        }
    }

    fn source(&self) -> Option<Source> {
        match self.smcr >> 4 & 7 {
            4 => Some(Source::Ti1Edges),
            5 => Some(Source::Ti1),
            6 => Some(Source::Ti2),
            _ => None,
        }
    }

    /// Takes SMCR over; whether it is modelled: the filter of ETR, ETR itself and other timers as the trigger are not.
    pub(super) fn set(&mut self, smcr: u32, channels: usize) -> bool {
        let new = Self {
            smcr: smcr & (SMS | TS | MSM),
            levels: self.levels,
        };
        let needs_source = !matches!(new.slave(), Slave::None | Slave::Encoder { .. });
        let is_modelled = smcr & !(SMS | TS | MSM) == 0
            && (new.slave() == Slave::None || channels >= 2)
            && (!needs_source || new.source().is_some())
            // A gate has a level.
            && (new.slave() != Slave::Gated || new.source() != Some(Source::Ti1Edges));
        if is_modelled {
            *self = new;
        }
        is_modelled
    }

    /// Whether the internal clock reaches the counter. `channels` are the first two.
    pub(super) fn passes_clock(&self, channels: [Channel; 2]) -> bool {
        match self.slave() {
            Slave::None | Slave::Reset | Slave::Trigger => true,
            Slave::Encoder { .. } | Slave::External => false,
            Slave::Gated => self.is_active(channels),
        }
    }

    /// The level of TI1FP1 or TI2FP2 behind the polarity of its channel.
    fn filtered(&self, input: usize, channels: [Channel; 2]) -> bool {
        self.levels[input] != channels[input].is_inverted()
    }

    fn is_active(&self, channels: [Channel; 2]) -> bool {
        match self.source() {
            Some(Source::Ti2) => self.filtered(1, channels),
            _ => self.filtered(0, channels),
        }
    }

    pub(super) fn set_level(&mut self, input: usize, level: bool) {
        if let Some(known) = self.levels.get_mut(input) {
            *known = level;
        }
    }

    /// The level at an input has changed.
    pub(super) fn edge(&mut self, input: usize, level: bool, channels: [Channel; 2]) -> Effect {
        if input > 1 || std::mem::replace(&mut self.levels[input], level) == level {
            return Effect::Nothing;
        }
        let rises = self.filtered(input, channels);
        if let Slave::Encoder { ti1, ti2 } = self.slave() {
            let counts = if input == 0 { ti1 } else { ti2 };
            let opposite = self.filtered(1 - input, channels);
            // Table 98.
            let up = (rises == opposite) == (input == 1);
            return match counts {
                true => Effect::Count { up, triggers: false },
                false => Effect::Nothing,
            };
        }
        let is_edge = match self.source() {
            Some(Source::Ti1Edges) => input == 0,
            Some(Source::Ti1) => input == 0 && (rises || self.slave() == Slave::Gated),
            Some(Source::Ti2) => input == 1 && (rises || self.slave() == Slave::Gated),
            None => false,
        };
        match (is_edge, self.slave()) {
            (false, _) | (_, Slave::None) => Effect::Nothing,
            (_, Slave::External) => Effect::Count {
                up: true,
                triggers: true,
            },
            _ => Effect::Trigger,
        }
    }
}
