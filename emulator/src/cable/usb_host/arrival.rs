//! A device that shows itself: debouncing, reset, enumeration, with what USB 2.0 asks for between them.

use super::UsbIdentity;
use super::bus::{Answer, Bus, ControlPipe};
use super::descriptor::{Description, SerialInterface};
use super::enumerate::{ADDRESS, Enumeration, EnumerationError, Goal, Next};
use crate::{UsbAction, UsbOccurrence, VirtualTime};

/// USB 2.0 7.1.7.3: power is stable this long after a device was plugged in.
const DEBOUNCE: VirtualTime = VirtualTime::from_ms(100);
/// Recovery after a reset: 7.1.7.5.
const AFTER_RESET: VirtualTime = VirtualTime::from_ms(10);
/// Recovery after SET_ADDRESS: 9.2.6.3.
const AFTER_ADDRESS: VirtualTime = VirtualTime::from_ms(2);
/// How often a device is reset and asked again.
const ATTEMPTS: u8 = 3;

/// A device on its way to its configuration.
#[derive(Debug)]
pub(in crate::cable) struct Arrival {
    goal: Goal,
    phase: Phase,
    attempts: u8,
    /// The timer whose event is awaited.
    timer: Option<u64>,
    /// Packet size of endpoint 0.
    max_packet: usize,
}

#[derive(Debug)]
enum Phase {
    /// No device shows itself.
    Absent,
    Debounce,
    Reset,
    Recovery,
    Enumerating(Enumeration),
    /// The request waits until the device has taken its address.
    Addressed(Enumeration),
    /// The goal is reached.
    There,
    Failed,
}

/// What changed.
#[derive(Debug)]
pub(in crate::cable) enum News {
    /// No device shows itself any more.
    Gone,
    /// A device was found.
    Begun,
    /// It is configured as a serial port.
    Configured(UsbIdentity, SerialInterface),
    /// It has its address and has described itself.
    Described(Description),
    /// It cannot be used.
    Failed(EnumerationError),
}

impl Arrival {
    pub(in crate::cable) fn new(goal: Goal) -> Self {
        Self {
            goal,
            phase: Phase::Absent,
            attempts: 0,
            timer: None,
            max_packet: 8,
        }
    }

    /// Whether the goal is reached.
    pub(in crate::cable) fn is_there(&self) -> bool {
        matches!(self.phase, Phase::There)
    }

    /// Packet size of endpoint 0, once the goal is reached.
    pub(in crate::cable) fn max_packet(&self) -> usize {
        self.max_packet
    }

    /// Follows an event of the bus. Replies to transactions are [`Self::answered`]'s.
    pub(in crate::cable) fn see(
        &mut self,
        bus: &mut Bus,
        control: &mut ControlPipe,
        what: &UsbOccurrence,
    ) -> Option<News> {
        match *what {
            UsbOccurrence::Plugged(false) | UsbOccurrence::PullUp(false) => return Some(self.lost(control)),
            UsbOccurrence::PullUp(true) => {
                self.attempts = 0;
                self.phase = Phase::Debounce;
                self.timer = Some(bus.timer(DEBOUNCE));
                return Some(News::Begun);
            }
            UsbOccurrence::ResetDone => {
                self.phase = Phase::Recovery;
                self.timer = Some(bus.timer(AFTER_RESET));
            }
            UsbOccurrence::Timer(id) if self.timer == Some(id) => {
                self.timer = None;
                self.timer_due(bus, control);
            }
            UsbOccurrence::Timer(id) => control.timer_due(bus, id),
            _ => {}
        }
        None
    }

    /// The device has gone.
    pub(in crate::cable) fn lost(&mut self, control: &mut ControlPipe) -> News {
        control.forget();
        self.timer = None;
        self.phase = Phase::Absent;
        News::Gone
    }

    /// Resets a device that is there, and enumerates it again.
    pub(in crate::cable) fn restart(&mut self, bus: &mut Bus, control: &mut ControlPipe) -> Option<News> {
        if !self.is_there() {
            return None;
        }
        self.attempts = 0;
        control.forget();
        self.reset(bus);
        Some(News::Begun)
    }

    fn reset(&mut self, bus: &mut Bus) {
        self.phase = Phase::Reset;
        bus.push(UsbAction::Reset);
    }

    fn timer_due(&mut self, bus: &mut Bus, control: &mut ControlPipe) {
        match std::mem::replace(&mut self.phase, Phase::Absent) {
            Phase::Debounce => self.reset(bus),
            Phase::Recovery => self.ask(bus, control, Enumeration::new(self.goal)),
            Phase::Addressed(enumeration) => self.ask(bus, control, enumeration),
            phase => self.phase = phase,
        }
    }

    /// Makes the request of the enumeration's present step.
    fn ask(&mut self, bus: &mut Bus, control: &mut ControlPipe, enumeration: Enumeration) {
        control.begin(bus, enumeration.address(), enumeration.request());
        self.phase = Phase::Enumerating(enumeration);
    }

    /// A control transfer is over. Gives the answer back if it is not the enumeration's.
    pub(in crate::cable) fn answered(
        &mut self,
        bus: &mut Bus,
        control: &mut ControlPipe,
        answer: Answer,
    ) -> Result<Option<News>, Answer> {
        let mut enumeration = match std::mem::replace(&mut self.phase, Phase::Absent) {
            Phase::Enumerating(enumeration) => enumeration,
            phase => {
                self.phase = phase;
                return Err(answer);
            }
        };
        let next = match answer {
            Answer::Data(data) => enumeration.answer(Some(data)),
            Answer::Stalled => enumeration.answer(None),
            Answer::Silent => Err(EnumerationError::NoAnswer("endpoint 0")),
        };
        self.max_packet = enumeration.max_packet();
        let news = match next {
            Ok(Next::Request(request)) => {
                control.begin(bus, enumeration.address(), request);
                self.phase = Phase::Enumerating(enumeration);
                return Ok(None);
            }
            Ok(Next::AfterAddress) => {
                self.phase = Phase::Addressed(enumeration);
                self.timer = Some(bus.timer(AFTER_ADDRESS));
                return Ok(None);
            }
            Ok(Next::Configured(identity, serial)) => News::Configured(identity, serial),
            Ok(Next::Described(description)) => News::Described(description),
            Err(error) => return Ok(self.failed(bus, error)),
        };
        self.phase = Phase::There;
        Ok(Some(news))
    }

    fn failed(&mut self, bus: &mut Bus, error: EnumerationError) -> Option<News> {
        self.attempts += 1;
        let is_hopeless = matches!(error, EnumerationError::Descriptor(_));
        if is_hopeless || self.attempts >= ATTEMPTS {
            return Some(self.give_up(error));
        }
        self.reset(bus);
        None
    }

    /// The device cannot be used.
    pub(in crate::cable) fn give_up(&mut self, error: EnumerationError) -> News {
        self.phase = Phase::Failed;
        News::Failed(error)
    }

    /// Address of a device that is there: it is alone on its bus.
    pub(in crate::cable) const fn address() -> u8 {
        ADDRESS
    }
}
