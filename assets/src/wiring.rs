//! Buses of a board and the parts on them: sections `[[i2c]]`, `[[spi]]` and `[[part]]` of a board's file, and parts that
//! a user adds to a board.

mod files;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use crate::board::{Board, Pin, Uart};
use crate::chip::Chip;
use crate::part_choice::PartChoice;
use crate::part_kind::{Interface, Millionths, PartContent, PartKind};
use crate::section::Reader;

/// An I²C bus of a board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct I2cBus {
    /// Name on the board.
    pub name: String,
    /// Clock.
    pub scl: Pin,
    /// Data.
    pub sda: Pin,
    /// Pins that the program must drive high before a part answers: supply and pull-ups.
    pub needs: Vec<Pin>,
}

/// An SPI bus of a board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpiBus {
    /// Name on the board.
    pub name: String,
    /// Clock.
    pub sck: Pin,
    /// Controller out.
    pub mosi: Pin,
    /// Controller in.
    pub miso: Pin,
    /// The usual select pin of a part.
    pub select: Pin,
}

/// A part that is wired to a board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Name, unique on the board.
    pub name: String,
    /// What it is.
    pub kind: PartKind,
    /// Where it is.
    pub connection: Connection,
    /// The pins of its lines, by the line's name.
    pub pins: BTreeMap<String, Pin>,
    /// Values that differ from those of a new part, by property.
    pub values: BTreeMap<String, Millionths>,
    /// What a new part keeps; `None` for what its kind has.
    pub content: Option<PartContent>,
}

/// Where a part is wired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    /// To an I²C bus.
    I2c {
        /// The bus.
        bus: I2cBus,
        /// Its 7-bit address.
        address: u8,
    },
    /// To an SPI bus.
    Spi {
        /// The bus.
        bus: SpiBus,
        /// Its select pin, active low.
        select: Pin,
    },
    /// To an analogue pin.
    Analog {
        /// The pin.
        pin: Pin,
    },
    /// To the lines of a UART.
    Uart {
        /// Its number.
        uart: u8,
    },
    /// By its lines only.
    Pins,
}

impl Part {
    /// The pin of each line of its kind.
    pub fn lines(&self) -> impl Iterator<Item = Option<Pin>> {
        self.kind.lines.iter().map(|line| self.pins.get(&line.name).copied())
    }

    /// Where it is, for people, as in `i2c, address 0x76` or `red P0.24, green P0.16`.
    pub fn place(&self) -> String {
        let named = |(name, pin): (&String, &Pin)| match self.kind.lines.len() {
            1 => pin.to_string(),
            _ => format!("{name} {pin}"),
        };
        let lines = self.pins.iter().map(named);
        match &self.connection {
            Connection::Pins => lines.collect::<Vec<_>>().join(", "),
            bus => std::iter::once(bus.to_string())
                .chain(lines)
                .collect::<Vec<_>>()
                .join(", "),
        }
    }
}

impl fmt::Display for Connection {
    /// As in `i2c, address 0x76`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::I2c { bus, address } => write!(f, "{}, address {address:#04x}", bus.name),
            Self::Spi { bus, select } => write!(f, "{}, select {select}", bus.name),
            Self::Analog { pin } => write!(f, "{pin}"),
            Self::Uart { uart } => write!(f, "UART {uart}"),
            Self::Pins => f.write_str("pins"),
        }
    }
}

/// Most parts on a board.
pub const PARTS_MAX: usize = 32;

impl Board {
    /// Wires a further part to this board.
    ///
    /// # Errors
    /// Everything that is wrong with the choice, one sentence each; the board is unchanged then.
    pub fn add_part(&mut self, choice: &PartChoice, kinds: &[PartKind]) -> Result<(), Vec<String>> {
        let wiring = Wiring {
            chip: &self.chip,
            i2c: &self.i2c,
            spi: &self.spi,
            analog: &self.analog,
            parts: &self.parts,
            uarts: (&self.uarts, self.link.uart),
        };
        let part = wiring.part(choice, kinds)?;
        self.parts.push(part);
        Ok(())
    }
}

/// The sections of a board's file that this module reads.
pub(crate) struct WiringSections {
    i2c: Vec<I2cSection>,
    spi: Vec<SpiSection>,
    analog: Option<Spanned<Vec<String>>>,
    parts: Vec<Spanned<PartChoice>>,
}

/// The buses and parts of a board.
#[derive(Default)]
pub(crate) struct Wired {
    pub(crate) i2c: Vec<I2cBus>,
    pub(crate) spi: Vec<SpiBus>,
    pub(crate) analog: Vec<Pin>,
    pub(crate) parts: Vec<Part>,
}

impl WiringSections {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            i2c: reader.all("i2c"),
            spi: reader.all("spi"),
            analog: reader.optional("analog"),
            parts: reader.all("part"),
        }
    }

    /// How many there are of each section.
    pub(crate) fn counts(&self) -> [(&'static str, usize); 4] {
        [
            ("i2c", self.i2c.len()),
            ("spi", self.spi.len()),
            ("analog", self.analog.as_ref().map_or(0, |list| list.get_ref().len())),
            ("part", self.parts.len()),
        ]
    }

    /// Checks the sections against chip and kinds, and adds them to `base`, which a user's board inherits: a bus or a part
    /// with the name of an inherited one replaces it, and `analog` replaces the whole list. Problems are recorded; what is
    /// right is returned.
    ///
    /// With `base` comes the place in the file that takes buses away from it.
    pub(crate) fn resolve(
        self,
        (base, removed_at): (Wired, Range<usize>),
        reader: &mut Reader<'_>,
        (chip, uarts): (&Chip, (&[Uart], u8)),
        kinds: &[PartKind],
    ) -> Wired {
        let mut wired = base;
        let inherited = std::mem::take(&mut wired.parts);
        let mut names = std::collections::BTreeSet::new();
        let all = self
            .i2c
            .iter()
            .map(|bus| (&bus.name, wired.spi.iter().any(|its| its.name == *bus.name.get_ref())))
            .chain(
                self.spi
                    .iter()
                    .map(|bus| (&bus.name, wired.i2c.iter().any(|its| its.name == *bus.name.get_ref()))),
            );
        for (name, is_other) in all {
            if !names.insert(name.get_ref().clone()) || is_other {
                reader.problem(name.span(), &format!("`{}` is there twice", name.get_ref()));
            }
        }
        let mut pin = |text: &Spanned<String>| match find_pin(text.get_ref(), chip) {
            Ok(pin) => Some(pin),
            Err(what) => {
                reader.problem(text.span(), &what);
                None
            }
        };
        for bus in &self.i2c {
            let (scl, sda) = (pin(&bus.scl), pin(&bus.sda));
            let needs = bus.needs.iter().filter_map(&mut pin).collect();
            if let (Some(scl), Some(sda)) = (scl, sda) {
                let name = bus.name.get_ref().clone();
                put(&mut wired.i2c, I2cBus { name, scl, sda, needs }, |bus| &bus.name);
            }
        }
        for bus in &self.spi {
            let pins = [&bus.sck, &bus.mosi, &bus.miso, &bus.select].map(&mut pin);
            if let [Some(sck), Some(mosi), Some(miso), Some(select)] = pins {
                let name = bus.name.get_ref().clone();
                let bus = SpiBus {
                    name,
                    sck,
                    mosi,
                    miso,
                    select,
                };
                put(&mut wired.spi, bus, |bus| &bus.name);
            }
        }
        if self.analog.is_some() {
            wired.analog.clear();
        }
        for text in self.analog.iter().flat_map(|list| list.get_ref()) {
            match find_pin(text, chip) {
                Ok(pin) => wired.analog.push(pin),
                Err(what) => reader.problem(self.analog.as_ref().map_or(0..0, Spanned::span), &what),
            }
        }
        let replaced = |name: &String| self.parts.iter().any(|part| part.get_ref().name.as_ref() == Some(name));
        for part in inherited.into_iter().filter(|part| !replaced(&part.name)) {
            let name = part.name.clone();
            let place = match (&part.connection, &self.analog) {
                (Connection::Analog { .. }, Some(analog)) => analog.span(),
                _ => removed_at.clone(),
            };
            match rewired(part, &wired) {
                Some(part) => wired.parts.push(part),
                None => reader.problem(
                    place,
                    &format!("the part `{name}` has lost its bus or pin; remove it too, or replace it"),
                ),
            }
        }
        for choice in &self.parts {
            let wiring = Wiring {
                chip,
                i2c: &wired.i2c,
                spi: &wired.spi,
                analog: &wired.analog,
                parts: &wired.parts,
                uarts,
            };
            match wiring.part(choice.get_ref(), kinds) {
                Ok(part) => wired.parts.push(part),
                Err(problems) => problems.iter().for_each(|what| reader.problem(choice.span(), what)),
            }
        }
        wired
    }
}

/// Replaces the bus of the same name, at its place, or adds one.
fn put<B>(buses: &mut Vec<B>, bus: B, name_of: impl Fn(&B) -> &String) {
    match buses.iter().position(|its| name_of(its) == name_of(&bus)) {
        Some(index) => buses[index] = bus,
        None => buses.push(bus),
    }
}

/// An inherited part on the bus that has its bus's name now; `None` if there is none, or no such analogue pin.
fn rewired(mut part: Part, wired: &Wired) -> Option<Part> {
    match &mut part.connection {
        Connection::I2c { bus, .. } => *bus = wired.i2c.iter().find(|its| its.name == bus.name)?.clone(),
        Connection::Spi { bus, .. } => *bus = wired.spi.iter().find(|its| its.name == bus.name)?.clone(),
        Connection::Analog { pin } => {
            wired.analog.iter().find(|its| *its == pin)?;
        }
        Connection::Uart { .. } | Connection::Pins => {}
    }
    Some(part)
}

/// What a new part must fit.
struct Wiring<'a> {
    chip: &'a Chip,
    i2c: &'a [I2cBus],
    spi: &'a [SpiBus],
    analog: &'a [Pin],
    parts: &'a [Part],
    /// Those with a name, and that of the link.
    uarts: (&'a [Uart], u8),
}

impl Wiring<'_> {
    fn part(&self, choice: &PartChoice, kinds: &[PartKind]) -> Result<Part, Vec<String>> {
        let Some(kind) = kinds.iter().find(|kind| kind.name == choice.kind) else {
            let known: Vec<&str> = kinds.iter().map(|kind| kind.name.as_str()).collect();
            return Err(vec![format!(
                "there is no part `{}`; there are: {}",
                choice.kind,
                known.join(", ")
            )]);
        };
        if self.parts.len() >= PARTS_MAX {
            return Err(vec![format!("a board has at most {PARTS_MAX} parts")]);
        }
        let mut problems = Vec::new();
        let pins = self.pins(choice, kind).unwrap_or_else(|wrong| {
            problems.extend(wrong);
            BTreeMap::new()
        });
        let name = self.name(choice).unwrap_or_else(|what| {
            problems.push(what);
            String::new()
        });
        let connection = self.connection(choice, kind);
        match (&choice.content, &choice.file) {
            (Some(content), file) => {
                if let Err(what) = kind.check_content(&content.0) {
                    problems.push(
                        file.as_ref()
                            .map_or_else(|| what.clone(), |file| format!("`{file}`: {what}")),
                    );
                }
            }
            (None, Some(file)) => problems.push(format!("`{file}` was not read")),
            (None, None) => {}
        }
        let mut values = BTreeMap::new();
        for (name, number) in &choice.values {
            let value = Millionths::from_f64(*number).ok_or_else(|| format!("`{name}` has a value beyond a billion"));
            match value.and_then(|value| kind.check(name, value).map(|()| value)) {
                Ok(value) => {
                    values.insert(name.clone(), value);
                }
                Err(what) => problems.push(what),
            }
        }
        match connection {
            Ok(connection) if problems.is_empty() => Ok(Part {
                name,
                kind: kind.clone(),
                connection,
                pins,
                values,
                content: choice.content.clone(),
            }),
            Ok(_) => Err(problems),
            Err(what) => {
                problems.insert(0, what);
                Err(problems)
            }
        }
    }

    fn name(&self, choice: &PartChoice) -> Result<String, String> {
        let is_taken = |name: &str| self.parts.iter().any(|part| part.name == name);
        if let Some(name) = &choice.name {
            let fits = (1..=32).contains(&name.len())
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
            return match (fits, is_taken(name)) {
                (false, _) => Err(format!(
                    "`{name}` is no name of a part; it has 1 to 32 small letters, digits and hyphens"
                )),
                (true, true) => Err(format!("there is a part `{name}` already")),
                (true, false) => Ok(name.clone()),
            };
        }
        let numbered = (2_u32..).map(|number| format!("{}-{number}", choice.kind));
        let mut names = std::iter::once(choice.kind.clone()).chain(numbered);
        names
            .find(|name| !is_taken(name))
            .ok_or_else(|| "there are too many parts".to_owned())
    }

    /// The pins of the part's lines. Parts may share a pin.
    fn pins(&self, choice: &PartChoice, kind: &PartKind) -> Result<BTreeMap<String, Pin>, Vec<String>> {
        let mut problems = Vec::new();
        let mut pins = BTreeMap::new();
        let only = match (&kind.interface, &kind.lines[..]) {
            (Interface::Pins, [line]) => choice.pin.as_ref().map(|pin| (&line.name, pin)),
            _ => None,
        };
        for (line, text) in choice.pins.iter().chain(only) {
            if !kind.lines.iter().any(|known| known.name == *line) {
                let known: Vec<&str> = kind.lines.iter().map(|line| line.name.as_str()).collect();
                problems.push(match known[..] {
                    [] => format!("a {} has no line `{line}`", kind.name),
                    _ => format!("a {} has no line `{line}`; it has: {}", kind.name, known.join(", ")),
                });
                continue;
            }
            match find_pin(text, self.chip) {
                Ok(pin) => drop(pins.insert(line.clone(), pin)),
                Err(what) => problems.push(what),
            }
        }
        let missing = kind
            .lines
            .iter()
            .filter(|line| !line.optional && !pins.contains_key(&line.name));
        let missing: Vec<String> = missing
            .map(|line| match kind.lines.len() {
                1 => "pin".to_owned(),
                _ => line.name.clone(),
            })
            .collect();
        if problems.is_empty() && !missing.is_empty() {
            let keys: Vec<String> = missing.iter().map(|key| format!("{key}=PIN")).collect();
            problems.push(format!("a {} needs its pins; add {}", kind.name, keys.join(",")));
        }
        if problems.is_empty() && pins.is_empty() && kind.interface == Interface::Pins {
            let first = kind.lines.first().map_or("", |line| line.name.as_str());
            problems.push(format!("a {} needs a pin; add {first}=PIN", kind.name));
        }
        match problems[..] {
            [] => Ok(pins),
            _ => Err(problems),
        }
    }

    fn connection(&self, choice: &PartChoice, kind: &PartKind) -> Result<Connection, String> {
        let allowed: &[&str] = match kind.interface {
            Interface::I2c { .. } => &["bus", "address"],
            Interface::Spi => &["bus", "select"],
            Interface::Analog => &["pin"],
            Interface::Uart => &["uart"],
            Interface::Pins if kind.lines.len() == 1 => &["pin"],
            Interface::Pins => &[],
        };
        let given = [
            ("bus", choice.bus.is_some()),
            ("address", choice.address.is_some()),
            ("select", choice.select.is_some()),
            ("uart", choice.uart.is_some()),
            ("pin", choice.pin.is_some()),
        ];
        if let Some((key, _)) = given.iter().find(|(key, given)| *given && !allowed.contains(key)) {
            return Err(format!("a {} has no `{key}`", kind.name));
        }
        match &kind.interface {
            Interface::I2c { addresses, .. } => {
                let bus = find_bus(self.i2c, |bus| &bus.name, choice.bus.as_deref(), "I²C")?;
                let address = self.address(bus, choice.address, kind, addresses)?;
                Ok(Connection::I2c {
                    bus: bus.clone(),
                    address,
                })
            }
            Interface::Spi => {
                let bus = find_bus(self.spi, |bus| &bus.name, choice.bus.as_deref(), "SPI")?;
                let select = match &choice.select {
                    Some(text) => find_pin(text, self.chip)?,
                    None => bus.select,
                };
                let is_taken =
                    |part: &Part| matches!(part.connection, Connection::Spi { select: taken, .. } if taken == select);
                match self.parts.iter().find(|part| is_taken(part)) {
                    Some(part) => Err(format!(
                        "{select} selects `{}` already; choose another `select`",
                        part.name
                    )),
                    None => Ok(Connection::Spi {
                        bus: bus.clone(),
                        select,
                    }),
                }
            }
            Interface::Analog => self.analog_pin(choice).map(|pin| Connection::Analog { pin }),
            Interface::Uart => self.uart(choice.uart.as_deref()).map(|uart| Connection::Uart { uart }),
            Interface::Pins => Ok(Connection::Pins),
        }
    }

    fn uart(&self, wanted: Option<&str>) -> Result<u8, String> {
        let (named, link) = self.uarts;
        let holder = |uart: u8| {
            let mut parts = self.parts.iter();
            parts.find(|part| part.connection == Connection::Uart { uart })
        };
        let Some(wanted) = wanted else {
            let mut free = (0..self.chip.uarts).filter(|uart| *uart != link && holder(*uart).is_none());
            return free
                .next()
                .ok_or_else(|| "the board has no further UART that is free; name one with `uart`".to_owned());
        };
        let number = wanted.parse().ok().filter(|number| *number < self.chip.uarts);
        let uart = number.or_else(|| named.iter().find(|its| its.name == wanted).map(|its| its.uart));
        let uart = uart.ok_or_else(|| {
            let names: Vec<&str> = named.iter().map(|its| its.name.as_str()).collect();
            let names = match names[..] {
                [] => String::new(),
                _ => format!(", and {}", names.join(", ")),
            };
            format!(
                "there is no UART `{wanted}`; there are: 0 to {}{names}",
                self.chip.uarts.saturating_sub(1)
            )
        })?;
        match holder(uart) {
            Some(part) => Err(format!("UART {uart} has the part `{}` already", part.name)),
            None => Ok(uart),
        }
    }

    fn address(&self, bus: &I2cBus, wanted: Option<u8>, kind: &PartKind, known: &[u8]) -> Result<u8, String> {
        let mut on_bus = self.parts.iter().filter_map(|part| match &part.connection {
            Connection::I2c { bus: its, address } if its.name == bus.name => Some((part, *address)),
            _ => None,
        });
        let on_bus: Vec<_> = on_bus.by_ref().collect();
        let holder = |address: u8| {
            let meets = |part: &Part, its| {
                let theirs = part.kind.answers_to(its);
                kind.answers_to(address).iter().any(|mine| theirs.contains(mine))
            };
            on_bus
                .iter()
                .find(|(part, its)| meets(part, *its))
                .map(|(part, _)| part)
        };
        match wanted {
            Some(address) if !known.contains(&address) => {
                let list: Vec<String> = known.iter().map(|address| format!("{address:#04x}")).collect();
                Err(format!(
                    "a {} has no address {address:#04x}; it has: {}",
                    kind.name,
                    list.join(", ")
                ))
            }
            Some(address) => match holder(address) {
                Some(part) => Err(format!(
                    "address {address:#04x} on `{}` is that of `{}`",
                    bus.name, part.name
                )),
                None => Ok(address),
            },
            None => known
                .iter()
                .copied()
                .find(|address| holder(*address).is_none())
                .ok_or_else(|| format!("all addresses of a {} on `{}` are taken", kind.name, bus.name)),
        }
    }

    fn analog_pin(&self, choice: &PartChoice) -> Result<Pin, String> {
        let holder = |pin: Pin| {
            self.parts
                .iter()
                .find(|part| matches!(part.connection, Connection::Analog { pin: taken } if taken == pin))
        };
        let Some(text) = &choice.pin else {
            let free = self.analog.iter().copied().find(|pin| holder(*pin).is_none());
            return free.ok_or_else(|| "the board has no free analogue pin".to_owned());
        };
        let pin = find_pin(text, self.chip)?;
        if !self.analog.contains(&pin) {
            let list: Vec<String> = self.analog.iter().map(Pin::to_string).collect();
            return Err(format!(
                "{pin} is no analogue pin of this board; it has: {}",
                list.join(", ")
            ));
        }
        match holder(pin) {
            Some(part) => Err(format!("{pin} is that of `{}`", part.name)),
            None => Ok(pin),
        }
    }
}

fn find_bus<'b, B>(
    buses: &'b [B],
    name_of: impl Fn(&B) -> &String,
    name: Option<&str>,
    what: &str,
) -> Result<&'b B, String> {
    let found = match name {
        Some(name) => buses.iter().find(|bus| name_of(bus) == name),
        None => buses.first(),
    };
    found.ok_or_else(|| {
        let known: Vec<&str> = buses.iter().map(|bus| name_of(bus).as_str()).collect();
        match (name, &known[..]) {
            (_, []) => format!("the board has no {what} bus for parts"),
            (Some(name), _) => format!("there is no {what} bus `{name}`; there are: {}", known.join(", ")),
            (None, _) => format!("the board has no {what} bus for parts"),
        }
    })
}

fn find_pin(text: &str, chip: &Chip) -> Result<Pin, String> {
    let pin = Pin::parse(text).filter(|pin| pin.0 < chip.pins);
    pin.ok_or_else(|| format!("{} has no pin {text}", chip.title))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct I2cSection {
    name: Spanned<String>,
    scl: Spanned<String>,
    sda: Spanned<String>,
    #[serde(default)]
    needs: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SpiSection {
    name: Spanned<String>,
    sck: Spanned<String>,
    mosi: Spanned<String>,
    miso: Spanned<String>,
    select: Spanned<String>,
}
