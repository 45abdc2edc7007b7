//! A channel of a timer (RM0090 18.3.4 to 18.3.10): the fields of its registers, and which pins it has.

/// CCER, for each channel: enable, polarity, enable of the complementary output, its polarity.
const E: u32 = 1 << 0;
const P: u32 = 1 << 1;
const NE: u32 = 1 << 2;
const NP: u32 = 1 << 3;

/// What a channel is used for (CCMR.CCxS).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// It compares, and may drive its pin.
    Compare,
    /// It captures at edges of its own input.
    Own,
    /// At edges of the input of the other channel of its pair.
    Other,
}

/// How a comparison moves the reference signal OCxREF (CCMR.OCxM).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Frozen,
    ActiveOnMatch,
    InactiveOnMatch,
    ToggleOnMatch,
    Inactive,
    Active,
    /// Active below the compare value.
    Pwm1,
    /// Active from the compare value on.
    Pwm2,
}

/// The fields of one channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Channel {
    ccmr: u32,
    ccer: u32,
}

impl Channel {
    pub(super) fn new(index: usize, ccmr: [u32; 2], ccer: u32) -> Self {
        Self {
            ccmr: ccmr[index / 2] >> (8 * (index % 2)) & 0xff,
            ccer: ccer >> (4 * index) & 0xf,
        }
    }

    /// `None`: it captures at the internal trigger, which is not modelled.
    pub(super) fn direction(self) -> Option<Direction> {
        match self.ccmr & 3 {
            0 => Some(Direction::Compare),
            1 => Some(Direction::Own),
            2 => Some(Direction::Other),
            _ => None,
        }
    }

    pub(super) fn mode(self) -> Mode {
        match self.ccmr >> 4 & 7 {
            0 => Mode::Frozen,
            1 => Mode::ActiveOnMatch,
            2 => Mode::InactiveOnMatch,
            3 => Mode::ToggleOnMatch,
            4 => Mode::Inactive,
            5 => Mode::Active,
            6 => Mode::Pwm1,
            _ => Mode::Pwm2,
        }
    }

    /// OCxPE: the compare value waits for the update.
    pub(super) fn is_preloaded(self) -> bool {
        self.direction() == Some(Direction::Compare) && self.ccmr & 1 << 3 != 0
    }

    /// Whether it is used in a way that is not modelled: the internal trigger, or every 2nd, 4th or 8th edge.
    pub(super) fn is_unmodelled(self) -> bool {
        match self.direction() {
            None => true,
            Some(Direction::Compare) => self.ccer & NE != 0,
            Some(Direction::Own | Direction::Other) => self.ccmr & 0x0c != 0,
        }
    }

    pub(super) fn is_enabled(self) -> bool {
        self.ccer & E != 0
    }

    pub(super) fn is_inverted(self) -> bool {
        self.ccer & P != 0
    }

    /// Whether an edge to `level` is captured.
    pub(super) fn captures(self, level: bool) -> bool {
        match (self.ccer & P != 0, self.ccer & NP != 0) {
            (false, _) => level,
            (true, false) => !level,
            (true, true) => true,
        }
    }
}

const fn pin(port: u8, pin: u16) -> u16 {
    (port - b'A') as u16 * 32 + pin
}

/// Timer (TIM1 is 0), channel (1 to 4), pin, alternate function (datasheet table 9).
const PINS: [(usize, usize, u16, u32); 67] = [
    (0, 1, pin(b'A', 8), 1),
    (0, 1, pin(b'E', 9), 1),
    (0, 2, pin(b'A', 9), 1),
    (0, 2, pin(b'E', 11), 1),
    (0, 3, pin(b'A', 10), 1),
    (0, 3, pin(b'E', 13), 1),
    (0, 4, pin(b'A', 11), 1),
    (0, 4, pin(b'E', 14), 1),
    (1, 1, pin(b'A', 0), 1),
    (1, 1, pin(b'A', 5), 1),
    (1, 1, pin(b'A', 15), 1),
    (1, 2, pin(b'A', 1), 1),
    (1, 2, pin(b'B', 3), 1),
    (1, 3, pin(b'A', 2), 1),
    (1, 3, pin(b'B', 10), 1),
    (1, 4, pin(b'A', 3), 1),
    (1, 4, pin(b'B', 11), 1),
    (2, 1, pin(b'A', 6), 2),
    (2, 1, pin(b'B', 4), 2),
    (2, 1, pin(b'C', 6), 2),
    (2, 2, pin(b'A', 7), 2),
    (2, 2, pin(b'B', 5), 2),
    (2, 2, pin(b'C', 7), 2),
    (2, 3, pin(b'B', 0), 2),
    (2, 3, pin(b'C', 8), 2),
    (2, 4, pin(b'B', 1), 2),
    (2, 4, pin(b'C', 9), 2),
    (3, 1, pin(b'B', 6), 2),
    (3, 1, pin(b'D', 12), 2),
    (3, 2, pin(b'B', 7), 2),
    (3, 2, pin(b'D', 13), 2),
    (3, 3, pin(b'B', 8), 2),
    (3, 3, pin(b'D', 14), 2),
    (3, 4, pin(b'B', 9), 2),
    (3, 4, pin(b'D', 15), 2),
    (4, 1, pin(b'A', 0), 2),
    (4, 2, pin(b'A', 1), 2),
    (4, 3, pin(b'A', 2), 2),
    (4, 4, pin(b'A', 3), 2),
    (7, 1, pin(b'C', 6), 3),
    (7, 2, pin(b'C', 7), 3),
    (7, 3, pin(b'C', 8), 3),
    (7, 4, pin(b'C', 9), 3),
    (8, 1, pin(b'A', 2), 3),
    (8, 1, pin(b'E', 5), 3),
    (8, 2, pin(b'A', 3), 3),
    (8, 2, pin(b'E', 6), 3),
    (9, 1, pin(b'B', 8), 3),
    (10, 1, pin(b'B', 9), 3),
    (11, 1, pin(b'B', 14), 9),
    (11, 2, pin(b'B', 15), 9),
    (12, 1, pin(b'A', 6), 9),
    (13, 1, pin(b'A', 7), 9),
    (9, 1, pin(b'F', 6), 3),
    (10, 1, pin(b'F', 7), 3),
    (12, 1, pin(b'F', 8), 9),
    (13, 1, pin(b'F', 9), 9),
    (11, 1, pin(b'H', 6), 9),
    (11, 2, pin(b'H', 9), 9),
    (4, 1, pin(b'H', 10), 2),
    (4, 2, pin(b'H', 11), 2),
    (4, 3, pin(b'H', 12), 2),
    (4, 4, pin(b'I', 0), 2),
    (7, 1, pin(b'I', 5), 3),
    (7, 2, pin(b'I', 6), 3),
    (7, 3, pin(b'I', 7), 3),
    (7, 4, pin(b'I', 2), 3),
];

/// Timer, channel (from 0), pin and alternate function of every place where a channel can be on a pin.
pub(in crate::chips::stm32f407) fn pins() -> impl Iterator<Item = (usize, usize, u16, u32)> {
    PINS.iter()
        .map(|(timer, channel, pin, af)| (*timer, channel - 1, *pin, *af))
}
