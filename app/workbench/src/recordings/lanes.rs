//! The lanes of one board in a recording, declared when they have something to show.

use super::entry::{Entry, What};
use drydock_assets::{Board as Description, Core, Pin};
use drydock_emulator::{DebugLine, I2cStep, parts::I2cPins, parts::SpiPins, profile::interrupt_name};
use drydock_scope_model::{Lane, LaneId, LaneKind, MAX_NAME_BYTES, MAX_TEXT_BYTES, TimeRange, WriteError, Writer};
use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    sync::Arc,
};

/// Handlers within handlers.
const NESTED: usize = 64;
/// Bytes of an SPI transfer that are one entry.
const SPI_BYTES: usize = 16;
/// A byte later than this after the one before begins a new entry.
const SPI_PAUSE_NS: u64 = 100_000;

/// Writes the entries of one board.
pub(super) struct BoardLanes {
    /// `BOARD/`.
    prefix: String,
    description: Arc<Description>,
    pins: BTreeMap<u16, PinLane>,
    /// Interrupts, by number.
    interrupts: HashMap<u32, Level>,
    /// The handlers that run, the innermost last.
    running: Vec<u32>,
    i2c: HashMap<I2cPins, (LaneId, I2cTransfer)>,
    spi: HashMap<SpiPins, (LaneId, SpiTransfer)>,
    /// Numbers and texts, by name.
    others: HashMap<Arc<str>, Other>,
}

/// A lane of levels, and how far it is.
#[derive(Clone, Copy)]
struct Level {
    lane: LaneId,
    newest_ns: u64,
    level: Option<bool>,
}

/// What is known about a pin.
#[derive(Default)]
struct PinLane {
    /// What the chip drives.
    driven: Option<bool>,
    /// What drives it from outside.
    input: Option<bool>,
    /// Since when it has this level, before there is a lane.
    first: Option<(u64, bool)>,
    lane: Option<Level>,
    /// Since when nothing drives it.
    floats_ns: Option<u64>,
}

impl PinLane {
    fn level(&self) -> Option<bool> {
        self.driven.or(self.input)
    }
}

struct Other {
    lane: LaneId,
    newest_ns: u64,
    /// A machine's, which has the machine's gaps.
    of_machine: bool,
}

#[derive(Default)]
struct I2cTransfer {
    at_ns: u64,
    text: String,
}

#[derive(Default)]
struct SpiTransfer {
    at_ns: u64,
    newest_ns: u64,
    sent: Vec<u8>,
    received: Vec<u8>,
}

type Out = Writer<File>;

impl BoardLanes {
    pub(super) fn new(name: &str, description: Arc<Description>) -> Self {
        Self {
            prefix: format!("{name}/"),
            description,
            pins: BTreeMap::new(),
            interrupts: HashMap::new(),
            running: Vec::new(),
            i2c: HashMap::new(),
            spi: HashMap::new(),
            others: HashMap::new(),
        }
    }

    fn declare(&self, out: &mut Out, name: &str, unit: &str, kind: LaneKind) -> Result<LaneId, WriteError> {
        let mut name = format!("{}{name}", self.prefix);
        let mut end = name.len().min(MAX_NAME_BYTES);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        name.truncate(end);
        out.declare(&Lane {
            name,
            unit: unit.to_owned(),
            kind,
        })
    }

    pub(super) fn write(&mut self, out: &mut Out, entry: Entry) -> Result<(), WriteError> {
        let Entry { at_ns, what } = entry;
        match what {
            What::Pins(levels) => {
                self.running.clear();
                for (pin, level) in levels.iter().enumerate() {
                    let pin = pin as u16;
                    if level.is_some() || self.pins.contains_key(&pin) {
                        self.pins.entry(pin).or_default().driven = *level;
                        self.show_pin(out, pin, at_ns)?;
                    }
                }
                Ok(())
            }
            What::Level(pin, level) => {
                self.pins.entry(pin).or_default().driven = level;
                self.show_pin(out, pin, at_ns)
            }
            What::Input(pin, level) => {
                self.pins.entry(pin).or_default().input = level;
                self.show_pin(out, pin, at_ns)
            }
            What::Reset => {
                for number in std::mem::take(&mut self.running) {
                    self.show_interrupt(out, number, at_ns, false)?;
                }
                Ok(())
            }
            What::Entered(number) => {
                if self.running.len() < NESTED {
                    self.running.push(number);
                }
                self.show_interrupt(out, number, at_ns, true)
            }
            What::Returned => match self.running.pop() {
                Some(number) => self.show_interrupt(out, number, at_ns, false),
                None => Ok(()),
            },
            What::Sent(index, bytes) => self.bytes(out, &line_name(index, "tx"), at_ns, &bytes),
            What::Received(index, bytes) => self.bytes(out, &line_name(index, "rx"), at_ns, &bytes),
            What::I2c(bus, step) => self.i2c(out, bus, step, at_ns),
            What::Spi(bus, sent, received) => self.spi(out, bus, (sent, received), at_ns),
            What::Microvolts(pin, microvolts) => {
                let name = format!("{}.voltage", self.pin_name(pin));
                let value = f64::from(microvolts) / 1e6;
                self.number(out, &Arc::from(name), ("V", true), at_ns, value)
            }
            What::Clock(machine_ns) => {
                self.number(out, &Arc::from("clock"), ("s", false), at_ns, machine_ns as f64 / 1e9)
            }
            What::Number { lane, unit, value } => self.number(out, &lane, (unit, false), at_ns, value),
            What::Samples {
                lane,
                samples,
                gap_before,
            } => self.samples(out, &lane, &samples, gap_before),
            What::Text { lane, text } => self.text(out, lane, (at_ns, false), text.as_bytes()),
            What::PinsGap { from_ns, lost, levels } => {
                for (pin, level) in &levels {
                    self.pins.entry(*pin).or_default().driven = *level;
                }
                let range = TimeRange::new(from_ns, at_ns);
                self.gap_of_pins(out, range, u32::try_from(lost).unwrap_or(u32::MAX))?;
                for (pin, _) in levels {
                    self.show_pin(out, pin, at_ns)?;
                }
                let text = format!("{lost} changes of pins are left out: too many in a second");
                self.text(out, "state", (from_ns, false), text.as_bytes())
            }
            What::Gap { from_ns, lost, cause } => self.gap(out, TimeRange::new(from_ns, at_ns), lost, &cause),
        }
    }

    /// The name of a pin for people: what is at it, or its number.
    fn pin_name(&self, pin: u16) -> String {
        let wanted = Pin(pin);
        let board = &self.description;
        let led = board.leds.iter().find(|led| led.pin == wanted).map(|led| &led.name);
        let button = board
            .buttons
            .iter()
            .find(|button| button.pin == wanted && !button.resets);
        let name = led.or(button.map(|button| &button.name));
        name.map_or_else(|| wanted.to_string(), |name| format!("{name} {wanted}"))
    }

    fn show_pin(&mut self, out: &mut Out, pin: u16, at_ns: u64) -> Result<(), WriteError> {
        let Some(known) = self.pins.get(&pin) else {
            return Ok(());
        };
        let level = known.level();
        let has_name = || {
            let board = &self.description;
            board.leds.iter().any(|led| led.pin == Pin(pin))
                || board.buttons.iter().any(|button| button.pin == Pin(pin))
        };
        let shown = match (&known.lane, known.first, level) {
            (Some(shown), ..) => *shown,
            // A pin that only ever has one level needs no lane.
            (None, None, Some(level)) if !has_name() => {
                self.pins.entry(pin).or_default().first = Some((at_ns, level));
                return Ok(());
            }
            (None, Some((_, first)), level) if level.is_none_or(|level| level == first) => return Ok(()),
            (None, None, None) => return Ok(()),
            (None, first, _) => {
                let name = self.pin_name(pin);
                let lane = self.declare(out, &name, "", LaneKind::Digital)?;
                let mut shown = Level {
                    lane,
                    newest_ns: 0,
                    level: None,
                };
                if let Some((first_ns, first)) = first {
                    out.level(lane, first_ns, first)?;
                    shown.newest_ns = first_ns;
                    shown.level = Some(first);
                }
                shown
            }
        };
        let known = self.pins.entry(pin).or_default();
        let mut shown = shown;
        match level {
            Some(level) => {
                if let Some(floats_ns) = known.floats_ns.take() {
                    out.gap(shown.lane, TimeRange::new(floats_ns, at_ns), 0)?;
                }
                out.level(shown.lane, at_ns, level)?;
            }
            None => known.floats_ns = known.floats_ns.or(Some(at_ns)),
        }
        shown.newest_ns = at_ns;
        shown.level = level;
        known.lane = Some(shown);
        Ok(())
    }

    fn show_interrupt(&mut self, out: &mut Out, number: u32, at_ns: u64, runs: bool) -> Result<(), WriteError> {
        let known = match self.interrupts.get(&number) {
            Some(known) => *known,
            None => {
                let name = interrupt_name(self.description.chip.core == Core::CortexM4f, number);
                let lane = self.declare(out, &format!("irq.{name}"), "", LaneKind::Digital)?;
                // Nobody knows what ran before the first entry.
                Level {
                    lane,
                    newest_ns: at_ns,
                    level: None,
                }
            }
        };
        out.level(known.lane, at_ns, runs)?;
        let known = Level {
            newest_ns: at_ns,
            level: Some(runs),
            ..known
        };
        self.interrupts.insert(number, known);
        Ok(())
    }

    fn bytes(&mut self, out: &mut Out, name: &str, at_ns: u64, bytes: &[u8]) -> Result<(), WriteError> {
        self.text(out, name, (at_ns, true), bytes)
    }

    fn other(&mut self, out: &mut Out, name: &str, kind: (&str, LaneKind, bool)) -> Result<Arc<str>, WriteError> {
        if let Some((name, _)) = self.others.get_key_value(name) {
            return Ok(Arc::clone(name));
        }
        let (unit, kind, of_machine) = kind;
        let lane = self.declare(out, name, unit, kind)?;
        let name: Arc<str> = Arc::from(name);
        let other = Other {
            lane,
            newest_ns: 0,
            of_machine,
        };
        self.others.insert(Arc::clone(&name), other);
        Ok(name)
    }

    /// Texts and numbers come from several sources; one that is a little late stands where the newest is.
    fn place(&mut self, name: &str, at_ns: u64) -> Option<(LaneId, u64)> {
        let other = self.others.get_mut(name)?;
        other.newest_ns = other.newest_ns.max(at_ns);
        Some((other.lane, other.newest_ns))
    }

    fn text(
        &mut self,
        out: &mut Out,
        name: &str,
        (at_ns, of_machine): (u64, bool),
        text: &[u8],
    ) -> Result<(), WriteError> {
        let name = self.other(out, name, ("", LaneKind::Text, of_machine))?;
        let Some((lane, at_ns)) = self.place(&name, at_ns) else {
            return Ok(());
        };
        for piece in text.chunks(MAX_TEXT_BYTES) {
            out.text(lane, at_ns, piece)?;
        }
        Ok(())
    }

    fn number(
        &mut self,
        out: &mut Out,
        name: &Arc<str>,
        (unit, of_machine): (&str, bool),
        at_ns: u64,
        value: f64,
    ) -> Result<(), WriteError> {
        let name = self.other(out, name, (unit, LaneKind::Number, of_machine))?;
        match self.place(&name, at_ns) {
            Some((lane, at_ns)) if value.is_finite() => out.number(lane, at_ns, value),
            _ => Ok(()),
        }
    }

    fn samples(
        &mut self,
        out: &mut Out,
        name: &Arc<str>,
        samples: &[(u64, f64)],
        gap_before: bool,
    ) -> Result<(), WriteError> {
        let name = self.other(out, name, ("", LaneKind::Number, false))?;
        let Some(other) = self.others.get_mut(&name) else {
            return Ok(());
        };
        if let Some((first_ns, _)) = samples.first().filter(|_| gap_before && other.newest_ns > 0) {
            out.gap(
                other.lane,
                TimeRange::new(other.newest_ns, (*first_ns).max(other.newest_ns)),
                0,
            )?;
        }
        for (at_ns, value) in samples.iter().filter(|(_, value)| value.is_finite()) {
            other.newest_ns = other.newest_ns.max(*at_ns);
            out.number(other.lane, other.newest_ns, *value)?;
        }
        Ok(())
    }

    fn i2c(&mut self, out: &mut Out, bus: I2cPins, step: I2cStep, at_ns: u64) -> Result<(), WriteError> {
        if !self.i2c.contains_key(&bus) {
            let name = i2c_lane(Pin(bus.scl), Pin(bus.sda));
            let name = self.other(out, &name, ("", LaneKind::Text, true))?;
            let Some((lane, _)) = self.place(&name, at_ns) else {
                return Ok(());
            };
            self.i2c.insert(bus, (lane, I2cTransfer::default()));
        }
        let Some((lane, transfer)) = self.i2c.get_mut(&bus) else {
            return Ok(());
        };
        use std::fmt::Write as _;
        // Writing to a string does not fail.
        let _ = match step {
            I2cStep::Start {
                address,
                read,
                acknowledged,
            } => {
                if transfer.text.is_empty() {
                    transfer.at_ns = at_ns;
                } else {
                    transfer.text.push_str(" | ");
                }
                let way = if read { 'r' } else { 'w' };
                let answer = if acknowledged { "" } else { " no answer" };
                write!(transfer.text, "{address:02x}{way}{answer}")
            }
            I2cStep::Write { byte, acknowledged } => {
                let answer = if acknowledged { "" } else { "!" };
                write!(transfer.text, " {byte:02x}{answer}")
            }
            I2cStep::Read(byte) => write!(transfer.text, " {byte:02x}"),
            I2cStep::Stop => Ok(()),
        };
        if step == I2cStep::Stop || transfer.text.len() > MAX_TEXT_BYTES / 2 {
            let text = std::mem::take(&mut transfer.text);
            if !text.is_empty() {
                return out.text(*lane, transfer.at_ns, text.as_bytes());
            }
        }
        Ok(())
    }

    fn spi(&mut self, out: &mut Out, bus: SpiPins, (sent, received): (u8, u8), at_ns: u64) -> Result<(), WriteError> {
        if !self.spi.contains_key(&bus) {
            let name = self.other(out, &format!("spi {}", Pin(bus.sck)), ("", LaneKind::Text, true))?;
            let Some((lane, _)) = self.place(&name, at_ns) else {
                return Ok(());
            };
            self.spi.insert(bus, (lane, SpiTransfer::default()));
        }
        let Some((lane, transfer)) = self.spi.get_mut(&bus) else {
            return Ok(());
        };
        if transfer.sent.len() >= SPI_BYTES || at_ns.saturating_sub(transfer.newest_ns) > SPI_PAUSE_NS {
            transfer.write(out, *lane)?;
        }
        if transfer.sent.is_empty() {
            transfer.at_ns = at_ns;
        }
        transfer.newest_ns = at_ns;
        transfer.sent.push(sent);
        transfer.received.push(received);
        Ok(())
    }

    /// Writes what is gathered within the board. Nothing comes before `now_ns` any more.
    pub(super) fn flush(&mut self, out: &mut Out, now_ns: u64) -> Result<(), WriteError> {
        for (lane, transfer) in self.spi.values_mut() {
            if now_ns.saturating_sub(transfer.newest_ns) > SPI_PAUSE_NS {
                transfer.write(out, *lane)?;
            }
        }
        for pin in self.pins.values_mut() {
            if let (Some(floats_ns), Some(shown)) = (pin.floats_ns, &mut pin.lane)
                && now_ns > floats_ns
            {
                out.gap(shown.lane, TimeRange::new(floats_ns, now_ns), 0)?;
                pin.floats_ns = Some(now_ns);
                shown.newest_ns = now_ns;
            }
        }
        Ok(())
    }

    /// Nothing is known about the machine in a range. Afterwards its pins have the levels that they had, until it says
    /// otherwise.
    fn gap(&mut self, out: &mut Out, range: TimeRange, lost: u64, cause: &str) -> Result<(), WriteError> {
        let recorded = u32::try_from(lost).unwrap_or(u32::MAX);
        self.gap_of_pins(out, range, recorded)?;
        self.gap_of_others(out, range, recorded)?;
        if range.len_ns() > 0 && range.from_ns > 0 || lost > 0 {
            self.text(out, "state", (range.from_ns, false), cause.as_bytes())?;
        }
        Ok(())
    }

    fn gap_of_pins(&mut self, out: &mut Out, range: TimeRange, lost: u32) -> Result<(), WriteError> {
        let within = |newest_ns: u64| TimeRange::new(range.from_ns.max(newest_ns), range.until_ns);
        for pin in self.pins.values_mut() {
            let level = pin.level();
            let Some(shown) = &mut pin.lane else {
                // What it was before is not kept: it may have changed.
                pin.first = pin.first.map(|(_, level)| (range.until_ns, level));
                continue;
            };
            out.gap(shown.lane, within(shown.newest_ns), lost)?;
            if let Some(level) = level {
                out.level(shown.lane, range.until_ns, level)?;
            }
            pin.floats_ns = pin.floats_ns.map(|_| range.until_ns);
            shown.newest_ns = range.until_ns;
        }
        Ok(())
    }

    fn gap_of_others(&mut self, out: &mut Out, range: TimeRange, lost: u32) -> Result<(), WriteError> {
        let within = |newest_ns: u64| TimeRange::new(range.from_ns.max(newest_ns), range.until_ns);
        for known in self.interrupts.values_mut() {
            out.gap(known.lane, within(known.newest_ns), lost)?;
            if let Some(level) = known.level {
                out.level(known.lane, range.until_ns, level)?;
            }
            known.newest_ns = range.until_ns;
        }
        for (lane, transfer) in self.spi.values_mut() {
            transfer.write(out, *lane)?;
        }
        for other in self.others.values_mut().filter(|other| other.of_machine) {
            out.gap(other.lane, within(other.newest_ns), lost)?;
            other.newest_ns = other.newest_ns.max(range.until_ns);
        }
        Ok(())
    }
}

/// The name of a bus's lane, without its board.
pub(super) fn i2c_lane(scl: Pin, sda: Pin) -> String {
    format!("i2c {scl} {sda}")
}

impl SpiTransfer {
    fn write(&mut self, out: &mut Out, lane: LaneId) -> Result<(), WriteError> {
        if self.sent.is_empty() {
            return Ok(());
        }
        let hex = |bytes: &[u8]| {
            let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            bytes.join(" ")
        };
        let text = format!("{} > {}", hex(&self.sent), hex(&self.received));
        self.sent.clear();
        self.received.clear();
        out.text(lane, self.at_ns, text.as_bytes())
    }
}

/// The name of a UART's direction, or of a line to a debugger.
fn line_name(index: u8, way: &str) -> String {
    match DebugLine::of(index) {
        Some(line) => format!("{line}.{way}"),
        None => format!("uart{index}.{way}"),
    }
}
