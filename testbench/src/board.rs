//! The handles of one board: its console, UARTs and pins.

use crate::{
    bench::{Bench, duration, virtual_time},
    console::Found,
    error::{Cause, Stop, TestError},
    machine::{NamedPin, SEMIHOSTING, USB, port_name},
    part::Part,
    pattern::Pattern,
};
use drydock_assets::Active;
use drydock_emulator::{DebugLine, LOG_CHANNELS, PartTable, VirtualTime};
use std::{path::Path, time::Duration};

/// A board on a bench. Clones are the same board.
#[derive(Clone)]
pub struct Board {
    pub(crate) bench: Bench,
    pub(crate) index: usize,
}

/// Something that a console said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// When its last byte left the chip, in the bench's time.
    pub at: Duration,
    /// The text that fits the pattern.
    pub text: String,
    /// What the groups of the expression matched, from the first one on.
    pub groups: Vec<Option<String>>,
}

impl Board {
    pub(crate) fn new(bench: Bench, index: usize) -> Self {
        Self { bench, index }
    }

    /// Its name.
    pub fn name(&self) -> String {
        self.bench.state().boards[self.index].name.clone()
    }

    /// Everything that it says: on its UARTs, on its own USB serial port, over RTT and the ITM, and by semihosting. Each of
    /// them is read by itself.
    pub fn console(&self) -> Console {
        Console {
            board: self.clone(),
            port: None,
        }
    }

    /// One of its UARTs. A UART that it does not have is reported by what is done with it.
    pub fn uart(&self, index: u8) -> Console {
        Console {
            board: self.clone(),
            port: Some(index),
        }
    }

    /// What it says by semihosting.
    pub fn semihosting(&self) -> Console {
        self.uart(SEMIHOSTING)
    }

    /// A channel of SEGGER RTT, from 0 to 3. What a program logs there with defmt is text, with level, file and line.
    pub fn rtt(&self, channel: u8) -> Console {
        self.uart(DebugLine::Rtt(channel.min(LOG_CHANNELS - 1)).index())
    }

    /// A stimulus port of a Cortex-M's ITM, from 0 to 3.
    pub fn itm(&self, port: u8) -> Console {
        self.uart(DebugLine::Itm(port.min(LOG_CHANNELS - 1)).index())
    }

    /// The serial port of its own USB device, on boards that have one.
    pub fn usb(&self) -> Console {
        self.uart(USB)
    }

    /// A pin: the name of an LED or a button, or the chip's name such as `P0.13`.
    ///
    /// # Errors
    /// [`Cause::NoPin`].
    pub fn pin(&self, name: &str) -> Result<Pin, TestError> {
        let state = self.bench.state();
        let found = state.boards[self.index].pin(name);
        let pin = found.map_err(|cause| state.error(Some(self.index), cause))?;
        drop(state);
        Ok(Pin {
            board: self.clone(),
            pin,
        })
    }

    /// A virtual part on it, by its name.
    ///
    /// # Errors
    /// [`Cause::Part`]: it has no such part.
    pub fn part(&self, name: &str) -> Result<Part, TestError> {
        let state = self.bench.state();
        let parts = &state.boards[self.index].program.board.parts;
        if parts.iter().any(|part| part.name == name) {
            return Ok(Part::new(self.clone(), name));
        }
        let known: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
        let known = match known[..] {
            [] => "it has none".to_owned(),
            _ => format!("it has: {}", known.join(", ")),
        };
        Err(state.error(
            Some(self.index),
            Cause::Part(format!("there is no part {name}; {known}")),
        ))
    }

    /// Lets values of its parts follow a CSV file from now on, instead of the one before: time in seconds, then columns
    /// `part.value`. The table waits while the board has no power. Blocks.
    ///
    /// # Errors
    /// [`Cause::Part`]: everything that is wrong with the file, with line and column.
    pub fn play(&self, file: impl AsRef<Path>) -> Result<(), TestError> {
        let program = self.bench.state().boards[self.index].program.clone();
        let table = crate::part::read_table(file.as_ref(), &program.board);
        let table = table.map_err(|problems| self.error(Cause::Part(problems.join("; "))))?;
        self.play_table(&table, &file.as_ref().display().to_string())
    }

    pub(crate) fn play_table(&self, table: &PartTable, file: &str) -> Result<(), TestError> {
        let mut state = self.bench.state();
        let now = state.now;
        let board = &mut state.boards[self.index];
        let text = format!("{}: plays {file}", board.name);
        let played = board.machine.parts().map(|parts| parts.play(Some(table.clone())));
        board.wake(now);
        if let Some(Err(error)) = played {
            return Err(state.error(Some(self.index), Cause::Part(error.to_string())));
        }
        state.note(text);
        Ok(())
    }

    pub(crate) fn number(&self, pin: &str) -> Result<u16, TestError> {
        self.pin(pin).map(|pin| pin.pin.number)
    }

    /// Holds a button down.
    ///
    /// # Errors
    /// [`Cause::NoPin`].
    pub fn press(&self, button: &str) -> Result<(), TestError> {
        self.hold(button, true)
    }

    /// Lets a button go. A board whose reset button is let go starts again.
    ///
    /// # Errors
    /// [`Cause::NoPin`].
    pub fn release(&self, button: &str) -> Result<(), TestError> {
        self.hold(button, false)
    }

    fn hold(&self, name: &str, pressed: bool) -> Result<(), TestError> {
        let mut state = self.bench.state();
        let now = state.now;
        let board = &mut state.boards[self.index];
        let buttons = &board.program.board.buttons;
        let Some(button) = buttons.iter().find(|button| button.name == name).cloned() else {
            let names: Vec<&str> = buttons.iter().map(|button| button.name.as_str()).collect();
            let cause = Cause::NoPin {
                what: "button",
                name: name.to_owned(),
                known: match names.as_slice() {
                    [] => "it has none".into(),
                    names => format!("it has {}", names.join(", ")),
                },
            };
            return Err(state.error(Some(self.index), cause));
        };
        let done = match button.resets {
            // The chip is held in reset while the button is down; here it starts again when it is let go.
            true if pressed => Ok(()),
            true => {
                board.reset(now);
                Ok(())
            }
            false => board.drive(now, button.pin.0, pressed.then_some(button.active == Active::High)),
        };
        let text = format!(
            "{}: {name} {}",
            board.name,
            if pressed { "pressed" } else { "released" }
        );
        done.map_err(|cause| state.error(Some(self.index), cause))?;
        state.note(text);
        Ok(())
    }

    /// Resets it by its reset pin.
    pub fn reset(&self) {
        let mut state = self.bench.state();
        let now = state.now;
        state.boards[self.index].reset(now);
        let text = format!("{}: reset", state.boards[self.index].name);
        state.note(text);
    }

    /// Cuts its power now and gives it back after `off`, while the other boards run on. Flash keeps its contents, RAM does not.
    pub fn power_cut(&self, off: Duration) {
        let mut state = self.bench.state();
        let on = state.now.saturating_add(virtual_time(off));
        state.boards[self.index].cut(on);
        let now = state.now;
        state.ethers.iter_mut().for_each(|ether| ether.cut(self.index, now));
        let text = format!("{}: power cut until {on} s", state.boards[self.index].name);
        state.note(text);
    }

    /// How it stopped by itself, if it did.
    pub fn stop(&self) -> Option<Stop> {
        self.bench.state().boards[self.index].stop.clone()
    }

    /// Waits until its program ends itself with a code, by semihosting. Returns when it did.
    ///
    /// # Errors
    /// [`Cause::Exit`]: it stopped otherwise or runs on; [`Cause::Cancelled`].
    pub fn expect_exit(&self, code: u32, within: Duration) -> Result<Duration, TestError> {
        let index = self.index;
        let stopped = self.bench.until(within, |state| state.boards[index].stop.clone())?;
        match stopped {
            Some(Stop::Exit(found)) if found == code => Ok(self.bench.now()),
            stop => Err(self.error(Cause::Exit {
                wanted: code,
                within,
                stop,
            })),
        }
    }

    fn has_usb(&self) -> bool {
        self.bench.state().boards[self.index].machine.usb().is_some()
    }

    pub(crate) fn check_uart(&self, index: u8) -> Result<(), TestError> {
        let uarts = self.bench.state().boards[self.index].machine.info().uarts;
        let has = index < uarts;
        has.then_some(())
            .ok_or_else(|| self.error(Cause::NoUart { index, uarts }))
    }

    fn error(&self, cause: Cause) -> TestError {
        self.bench.state().error(Some(self.index), cause)
    }
}

/// What a board says on one port or on all of them, and what is sent to it.
#[derive(Clone)]
pub struct Console {
    board: Board,
    /// `None`: all ports.
    port: Option<u8>,
}

impl Console {
    /// Waits for a text or an expression in what was not read yet, and reads on behind it. The text must have left the chip
    /// within the time.
    ///
    /// # Errors
    /// [`Cause::NotSeen`], also when the board stops by itself before; [`Cause::NoUart`], [`Cause::Cancelled`].
    pub fn expect(&self, pattern: impl Into<Pattern>, within: Duration) -> Result<Match, TestError> {
        let pattern = pattern.into();
        match self.wait(&pattern, within)? {
            Ok(found) => Ok(found),
            Err(stop) => Err(self.board.error(Cause::NotSeen {
                pattern: pattern.to_string(),
                port: self.name(),
                within,
                stop,
            })),
        }
    }

    /// Lets time pass, in which the text or the expression must not come. What is unread stays unread.
    ///
    /// # Errors
    /// [`Cause::Seen`], [`Cause::NoUart`], [`Cause::Cancelled`].
    pub fn expect_none(&self, pattern: impl Into<Pattern>, within: Duration) -> Result<(), TestError> {
        let pattern = pattern.into();
        self.check()?;
        let (index, port) = (self.board.index, self.port);
        let seen = self.board.bench.until(within, |state| {
            let board = &state.boards[index];
            let ports = board
                .ports
                .iter()
                .filter(|(number, _)| port.is_none_or(|port| port == **number));
            ports.filter_map(|(_, port)| port.find(&pattern)).next()
        })?;
        match seen {
            None => Ok(()),
            Some(_) => Err(self.board.error(Cause::Seen {
                pattern: pattern.to_string(),
                port: self.name(),
            })),
        }
    }

    fn wait(&self, pattern: &Pattern, within: Duration) -> Result<Result<Match, Option<Stop>>, TestError> {
        self.check()?;
        let (index, port) = (self.board.index, self.port);
        let end = self.board.bench.state().now.saturating_add(virtual_time(within));
        // Text is searched again only when there is more of it.
        let mut first = true;
        let found = self.board.bench.until(within, |state| {
            let board = &mut state.boards[index];
            if first || board.spoke {
                first = false;
                let ports = board
                    .ports
                    .iter_mut()
                    .filter(|(number, _)| port.is_none_or(|port| port == **number));
                let found = ports.filter_map(|(_, port)| Some((port.find(pattern)?, port)));
                // Of several ports the one that said it first.
                let found = found.min_by_key(|(found, _)| found.at);
                if let Some((found, port)) = found.filter(|(found, _)| found.at <= end) {
                    port.read_to(&found);
                    return Some(Ok(found));
                }
            }
            board.stop.clone().map(|stop| Err(Some(stop)))
        })?;
        Ok(match found {
            Some(Ok(Found { at, text, groups, .. })) => Ok(Match {
                at: duration(at),
                text,
                groups,
            }),
            Some(Err(stop)) => Err(stop),
            None => Err(None),
        })
    }

    /// Sends bytes to the UART; of the whole console, to the UART of the board's link. They arrive at the line rate, from now
    /// on.
    ///
    /// # Errors
    /// [`Cause::NoUart`]; [`Cause::LineFull`]: the program does not read.
    pub fn send(&self, bytes: impl AsRef<[u8]>) -> Result<(), TestError> {
        self.check()?;
        if let Some(port) = self.port
            && matches!(DebugLine::of(port), Some(DebugLine::Semihosting | DebugLine::Itm(_)))
        {
            return Err(self.board.error(Cause::NoInput(port_name(port))));
        }
        let mut state = self.board.bench.state();
        let board = &mut state.boards[self.board.index];
        let index = self.port.unwrap_or(board.program.board.link.uart);
        let full = format!("{}:{index}", board.name);
        let sent = board.send(index, bytes.as_ref());
        sent.then_some(())
            .ok_or_else(|| state.error(Some(self.board.index), Cause::LineFull(full)))
    }

    /// What came and was not read yet; of the whole console, port by port.
    pub fn unread(&self) -> String {
        let state = self.board.bench.state();
        let ports = state.boards[self.board.index].ports.iter();
        let ports = ports.filter(|(number, _)| self.port.is_none_or(|port| port == **number));
        ports.map(|(_, port)| port.unread()).collect()
    }

    fn name(&self) -> String {
        self.port.map_or_else(|| "its console".into(), port_name)
    }

    fn check(&self) -> Result<(), TestError> {
        match self.port {
            None => Ok(()),
            Some(index) if DebugLine::of(index).is_some() => Ok(()),
            Some(USB) if self.board.has_usb() => Ok(()),
            Some(USB) => Err(self.board.error(Cause::NoUsb)),
            Some(index) => self.board.check_uart(index),
        }
    }
}

/// A pin of a board.
#[derive(Clone)]
pub struct Pin {
    board: Board,
    pin: NamedPin,
}

/// A level that is expected of a pin, or that it is driven to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The supply.
    High,
    /// Ground.
    Low,
    /// Nobody drives it.
    Floating,
    /// The level at which the LED is lit, or the button is pressed.
    On,
    /// The other one.
    Off,
}

impl Level {
    /// Its name in scenario files.
    pub fn name(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Low => "low",
            Self::Floating => "floating",
            Self::On => "on",
            Self::Off => "off",
        }
    }

    /// The level of a pin that is on at `active`.
    fn of(self, active: Active) -> Option<bool> {
        match self {
            Self::High => Some(true),
            Self::Low => Some(false),
            Self::Floating => None,
            Self::On => Some(active == Active::High),
            Self::Off => Some(active == Active::Low),
        }
    }
}

impl Pin {
    /// The level that the board's chip or the bench drives; `None` if nobody does.
    pub fn level(&self) -> Option<bool> {
        self.board.bench.state().boards[self.board.index].level(self.pin.number)
    }

    /// Drives the pin from outside until [`Level::Floating`].
    ///
    /// # Errors
    /// The emulator failed.
    pub fn drive(&self, level: Level) -> Result<(), TestError> {
        let mut state = self.board.bench.state();
        let now = state.now;
        let board = &mut state.boards[self.board.index];
        let text = format!("{}:{} driven {}", board.name, self.pin.name, level.name());
        let driven = board.drive(now, self.pin.number, level.of(self.pin.active));
        driven.map_err(|cause| state.error(Some(self.board.index), cause))?;
        state.note(text);
        Ok(())
    }

    /// Waits until the pin has a level, however shortly. Returns when it got it.
    ///
    /// # Errors
    /// [`Cause::Level`], [`Cause::Cancelled`].
    pub fn expect(&self, level: Level, within: Duration) -> Result<Duration, TestError> {
        let (index, number) = (self.board.index, self.pin.number);
        let wanted = level.of(self.pin.active);
        let end = self.board.bench.state().now.saturating_add(virtual_time(within));
        let mut first = true;
        let got = self.board.bench.until(within, |state| {
            let now = state.now;
            let board = &state.boards[index];
            if std::mem::take(&mut first) {
                return (board.level(number) == wanted).then_some(Ok(now));
            }
            let mut changed = board.changed.iter().filter(|change| change.pin == number);
            let got = changed.find(|change| change.level == wanted && change.at <= end);
            match got {
                Some(change) => Some(Ok(change.at)),
                // Driven from outside, or without power.
                None if board.level(number) == wanted => Some(Ok(now)),
                None => board.stop.clone().map(Err),
            }
        })?;
        match got {
            Some(Ok(at)) => Ok(duration(at)),
            other => Err(self.board.error(Cause::Level {
                pin: self.pin.name.clone(),
                wanted: level.name().to_owned(),
                found: self.found(),
                within,
                stop: other.and_then(Result::err),
            })),
        }
    }

    /// The level now, in the words of [`Level`].
    fn found(&self) -> String {
        match self.level() {
            Some(true) => "high",
            Some(false) => "low",
            None => "floating",
        }
        .into()
    }

    /// Measures rising edges for a time. Returns the frequency in hertz; `None` below two edges.
    ///
    /// # Errors
    /// [`Cause::Cancelled`].
    pub fn frequency(&self, over: Duration) -> Result<Option<f64>, TestError> {
        let (index, number) = (self.board.index, self.pin.number);
        let mut edges = Edges::default();
        let mut level = self.level();
        let mut first = true;
        self.board.bench.until(over, |state| {
            // What changed before is not measured.
            if !std::mem::take(&mut first) {
                for change in state.boards[index].changed.iter().filter(|change| change.pin == number) {
                    if change.level == Some(true) && level != Some(true) {
                        edges.add(change.at);
                    }
                    level = change.level;
                }
            }
            None::<()>
        })?;
        Ok(edges.hz())
    }

    /// Measures the frequency for a time and compares it. `tolerance` is the share of `hz` by which it may differ.
    ///
    /// # Errors
    /// [`Cause::Frequency`], [`Cause::Cancelled`].
    pub fn expect_frequency(&self, hz: f64, tolerance: f64, over: Duration) -> Result<f64, TestError> {
        let found_hz = self.frequency(over)?;
        match found_hz.filter(|found| (found - hz).abs() <= hz * tolerance) {
            Some(found) => Ok(found),
            None => Err(self.board.error(Cause::Frequency {
                pin: self.pin.name.clone(),
                wanted_hz: hz,
                tolerance,
                found_hz,
                stop: self.board.stop(),
            })),
        }
    }
}

/// Rising edges of a pin.
#[derive(Default)]
struct Edges {
    first: Option<VirtualTime>,
    last: VirtualTime,
    count: u32,
}

impl Edges {
    fn add(&mut self, at: VirtualTime) {
        self.first.get_or_insert(at);
        self.last = at;
        self.count += 1;
    }

    fn hz(&self) -> Option<f64> {
        let span = self.last.saturating_sub(self.first?);
        let periods = f64::from(self.count.checked_sub(1)?);
        (span > VirtualTime::ZERO).then(|| periods / (span.as_ps() as f64 / 1e12))
    }
}
