//! Kinds of virtual parts: what a sensor, a memory or a display is, as data from `parts/*.toml`. How a part behaves is in
//! the emulator; where it is wired is in a board's data.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::section::{Invalid, Reader};

/// A value in millionths of its unit: exact, so that equal inputs give equal machines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Millionths(pub i64);

impl Millionths {
    /// The nearest value to `number`; `None` if it is not finite or beyond a billion.
    pub fn from_f64(number: f64) -> Option<Self> {
        (number.is_finite() && number.abs() <= 1e9).then(|| Self((number * 1e6).round() as i64))
    }

    /// The value as a number.
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl fmt::Display for Millionths {
    /// Without trailing zeros, as in `31.5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_f64().fmt(f)
    }
}

/// A kind of part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartKind {
    /// Name in files and commands, as in `bme280`.
    pub name: String,
    /// Name for people.
    pub title: String,
    /// How it is connected.
    pub interface: Interface,
    /// Lines that are wired to plain pins, besides those of a bus.
    pub lines: Vec<Line>,
    /// What can be set and read from outside.
    pub properties: Vec<Property>,
    /// What it keeps without power; `None` for a part that keeps nothing.
    pub content: Option<ContentRule>,
    /// The program that is the part; `None` for a part of the emulator's own.
    pub program: Option<PartProgram>,
}

/// A line of a part that is wired to a pin of the chip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Name, as in `red`.
    pub name: String,
    /// Whether the part works without it.
    pub optional: bool,
}

/// A part that is written in WebAssembly: the module's bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct PartProgram(pub Arc<[u8]>);

impl fmt::Debug for PartProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartProgram({} bytes)", self.0.len())
    }
}

/// What a part keeps: the bytes of a memory, or a file that it plays.
#[derive(Clone, PartialEq, Eq)]
pub struct PartContent(pub Arc<[u8]>);

impl fmt::Debug for PartContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartContent({} bytes)", self.0.len())
    }
}

/// Which contents a kind of part takes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContentRule {
    /// Most bytes. A memory has this many; what a file leaves is erased.
    pub most_bytes: u32,
    /// The size is a multiple of this.
    #[serde(default = "one")]
    pub unit_bytes: u32,
    /// It is a log of a GPS receiver.
    #[serde(default)]
    pub nmea: bool,
}

fn one() -> u32 {
    1
}

/// How a kind of part is connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interface {
    /// On an I²C bus.
    I2c {
        /// The 7-bit addresses that its address pins choose from; the first is the usual one.
        addresses: Vec<u8>,
        /// A second address that it answers to, for each of `addresses`; empty if it has only one.
        second: Vec<u8>,
    },
    /// On an SPI bus, with a select pin that is active low.
    Spi,
    /// A voltage at a pin.
    Analog,
    /// On the lines of a UART.
    Uart,
    /// Plain pins only.
    Pins,
}

/// A named value of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// Name, as in `temperature`.
    pub name: String,
    /// Unit as it is printed, as in `°C`; empty for a plain number.
    pub unit: String,
    /// Lowest value.
    pub min: Millionths,
    /// Highest value.
    pub max: Millionths,
    /// Value of a new part.
    pub start: Millionths,
    /// The part says what it is: it can be read and not set.
    pub reading: bool,
}

impl PartKind {
    /// Parses a part's file.
    ///
    /// # Errors
    /// [`Invalid`]: all problems, with lines.
    pub fn parse(file: &str, text: &str) -> Result<Self, Invalid> {
        let mut reader = Reader::new(file, text);
        let name = reader.required::<Spanned<String>>("name");
        let title = reader.required("title");
        let i2c = reader.optional::<Spanned<I2cSection>>("i2c");
        let spi = reader.optional::<Spanned<Nothing>>("spi");
        let analog = reader.optional::<Spanned<Nothing>>("analog");
        let uart = reader.optional::<Spanned<Nothing>>("uart");
        let pins = reader.optional::<Spanned<PinsSection>>("pins");
        let content = reader.optional::<Spanned<ContentRule>>("content");
        let count = [
            i2c.is_some(),
            spi.is_some(),
            analog.is_some(),
            uart.is_some(),
            pins.is_some(),
        ];
        if count.iter().filter(|is_there| **is_there).count() != 1 {
            reader.problem(0..0, "a part has one of [i2c], [spi], [analog], [uart] and [pins]");
        }
        if let Some(content) = &content
            && (content.get_ref().most_bytes == 0 || content.get_ref().unit_bytes == 0)
        {
            reader.problem(content.span(), "a content has at least one byte, and so has its unit");
        }
        let lines = pins.map_or_else(Vec::new, |pins| check_lines(&mut reader, &pins));
        if let Some(i2c) = &i2c {
            check_addresses(&mut reader, i2c);
        }
        let interface = match (i2c, spi, analog, uart) {
            (Some(i2c), ..) => Interface::I2c {
                addresses: i2c.get_ref().addresses.clone(),
                second: i2c.get_ref().second.clone(),
            },
            (None, Some(_), ..) => Interface::Spi,
            (None, None, Some(_), _) => Interface::Analog,
            (None, None, None, Some(_)) => Interface::Uart,
            (None, None, None, None) => Interface::Pins,
        };
        let sections = reader.all::<PropertySection>("property");
        let mut properties: Vec<Property> = Vec::new();
        for section in sections {
            let span = section.name.span();
            if properties.iter().any(|known| known.name == *section.name.get_ref()) {
                reader.problem(span.clone(), &format!("`{}` is there twice", section.name.get_ref()));
            }
            match section.property() {
                Ok(property) => properties.push(property),
                Err(what) => reader.problem(span, &what),
            }
        }
        let kind = (|| {
            Some(Self {
                name: name?.into_inner(),
                title: title?,
                interface,
                lines,
                properties,
                content: content.map(Spanned::into_inner),
                program: None,
            })
        })();
        reader.finish(kind)
    }

    /// Its property called `name`.
    pub fn property(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.name == name)
    }

    /// Checks a value of a property.
    ///
    /// # Errors
    /// A sentence: there is no such property, or the value is outside its range.
    pub fn check(&self, name: &str, value: Millionths) -> Result<(), String> {
        let Some(property) = self.property(name) else {
            let known: Vec<&str> = self.properties.iter().map(|property| property.name.as_str()).collect();
            return Err(match known[..] {
                [] => format!("a {} has nothing to set", self.name),
                _ => format!("a {} has no `{name}`; it has: {}", self.name, known.join(", ")),
            });
        };
        if property.reading {
            return Err(format!("`{name}` is read from a {} and cannot be set", self.name));
        }
        if (property.min..=property.max).contains(&value) {
            return Ok(());
        }
        let unit = match property.unit.as_str() {
            "" => String::new(),
            unit => format!(" {unit}"),
        };
        Err(format!(
            "`{name}` is {value}, outside {} to {}{unit}",
            property.min, property.max
        ))
    }

    /// Checks what a part of this kind is to keep.
    ///
    /// # Errors
    /// A clause: it keeps nothing, the size does not fit, or it is no file of the kind that it plays.
    pub fn check_content(&self, content: &[u8]) -> Result<(), String> {
        let name = &self.name;
        let Some(rule) = &self.content else {
            return Err(format!("a {name} keeps no content"));
        };
        let (bytes, most) = (content.len(), rule.most_bytes);
        if bytes == 0 {
            return Err("the file is empty".to_owned());
        }
        if bytes > most as usize {
            return Err(format!("the file has {bytes} bytes, and a {name} holds {most}"));
        }
        if !bytes.is_multiple_of(rule.unit_bytes as usize) {
            let unit = rule.unit_bytes;
            return Err(format!(
                "the file has {bytes} bytes, and a {name} has whole blocks of {unit}"
            ));
        }
        match rule.nmea {
            true => crate::nmea::epochs(content).map(drop),
            false => Ok(()),
        }
    }

    /// The addresses that a part answers to when its address pins choose `address`.
    pub fn answers_to(&self, address: u8) -> Vec<u8> {
        let Interface::I2c { addresses, second } = &self.interface else {
            return Vec::new();
        };
        let place = addresses.iter().position(|known| *known == address);
        let second = place.and_then(|place| second.get(place)).copied();
        [Some(address), second].into_iter().flatten().collect()
    }
}

/// 0x08 to 0x77: the others are reserved (I²C-bus specification UM10204, 3.1.12).
fn check_addresses(reader: &mut Reader<'_>, i2c: &Spanned<I2cSection>) {
    let I2cSection { addresses, second } = i2c.get_ref();
    if addresses.is_empty() {
        reader.problem(i2c.span(), "a part on an I²C bus has at least one address");
    }
    for address in addresses.iter().chain(second) {
        if !(0x08..=0x77).contains(address) {
            reader.problem(i2c.span(), &format!("{address:#04x} is no 7-bit address of a part"));
        }
    }
    if !second.is_empty() && second.len() != addresses.len() {
        reader.problem(i2c.span(), "`second` needs one address for each of `addresses`");
    }
}

fn check_lines(reader: &mut Reader<'_>, pins: &Spanned<PinsSection>) -> Vec<Line> {
    let PinsSection { lines, optional } = pins.get_ref();
    let named = |names: &[String], optional| {
        let line = |name: &String| Line {
            name: name.clone(),
            optional,
        };
        names.iter().map(line).collect::<Vec<_>>()
    };
    let all = [named(lines, false), named(optional, true)].concat();
    for (index, line) in all.iter().enumerate() {
        if all[..index].iter().any(|known| known.name == line.name) {
            reader.problem(pins.span(), &format!("`{}` is there twice", line.name));
        }
    }
    if all.is_empty() {
        reader.problem(pins.span(), "a part on plain pins has at least one line");
    }
    all
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PinsSection {
    lines: Vec<String>,
    #[serde(default)]
    optional: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct I2cSection {
    addresses: Vec<u8>,
    #[serde(default)]
    second: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PropertySection {
    name: Spanned<String>,
    #[serde(default)]
    unit: String,
    min: f64,
    max: f64,
    start: f64,
    #[serde(default)]
    reading: bool,
}

impl PropertySection {
    fn property(self) -> Result<Property, String> {
        let name = self.name.into_inner();
        let value =
            |number| Millionths::from_f64(number).ok_or_else(|| format!("`{name}` has a value beyond a billion"));
        let (min, max, start) = (value(self.min)?, value(self.max)?, value(self.start)?);
        if !(min..=max).contains(&start) {
            return Err(format!("`{name}` starts at {start}, outside {min} to {max}"));
        }
        Ok(Property {
            name,
            unit: self.unit,
            min,
            max,
            start,
            reading: self.reading,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let invalid = PartKind::parse("part.toml", text).unwrap_err();
        let problems: Vec<String> = invalid
            .problems
            .iter()
            .map(|problem| format!("{}: {}", problem.line, problem.what))
            .collect();
        assert_eq!(problems, expected);
    }

    #[test]
    fn all_problems_of_a_part_are_found() {
        check(
            "name = \"a\"\ntitle = \"A\"\n",
            &["1: a part has one of [i2c], [spi], [analog], [uart] and [pins]"],
        );
        check(
            "name = \"a\"\ntitle = \"A\"\ncolour = \"red\"\n[i2c]\naddresses = [0x76, 0x03]\nsecond = [0x10]\n\
             [[property]]\nname = \"x\"\nmin = 0\nmax = 1\nstart = 2\n\
             [[property]]\nname = \"y\"\nmin = 0\nmax = 1\nstart = 0.5\n\
             [[property]]\nname = \"y\"\nmin = -1e300\nmax = 1\nstart = 0\n",
            &[
                "3: `colour` is not known here",
                "4: 0x03 is no 7-bit address of a part",
                "4: `second` needs one address for each of `addresses`",
                "8: `x` starts at 2, outside 0 to 1",
                "18: `y` has a value beyond a billion",
                "18: `y` is there twice",
            ],
        );
    }

    #[test]
    fn all_problems_of_lines_are_found() {
        let head = "name = \"a\"\ntitle = \"A\"\n";
        check(
            &format!("{head}[pins]\nlines = [\"x\", \"y\"]\noptional = [\"x\"]\n"),
            &["3: `x` is there twice"],
        );
        check(
            &format!("{head}[pins]\nlines = []\n[spi]\n"),
            &[
                "1: a part has one of [i2c], [spi], [analog], [uart] and [pins]",
                "3: a part on plain pins has at least one line",
            ],
        );
    }

    #[test]
    fn a_content_has_a_size_that_fits() {
        let kind = |rule: &str| {
            let text = format!("name = \"a\"\ntitle = \"A\"\n[spi]\n[content]\n{rule}\n");
            PartKind::parse("part.toml", &text).unwrap()
        };
        let blocks = kind("most_bytes = 1024\nunit_bytes = 512");
        let refused = |bytes: usize| blocks.check_content(&vec![0; bytes]).unwrap_err();
        assert_eq!(blocks.check_content(&[0; 1024]), Ok(()));
        assert_eq!(refused(0), "the file is empty");
        assert_eq!(refused(1536), "the file has 1536 bytes, and a a holds 1024");
        assert_eq!(refused(513), "the file has 513 bytes, and a a has whole blocks of 512");
        let log = kind("most_bytes = 1024\nnmea = true");
        assert_eq!(
            log.check_content(b"\nx").unwrap_err(),
            "line 2: a sentence begins with $"
        );
        let none = PartKind::parse("part.toml", "name = \"a\"\ntitle = \"A\"\n[spi]\n").unwrap();
        assert_eq!(none.check_content(&[0]).unwrap_err(), "a a keeps no content");
        check(
            "name = \"a\"\ntitle = \"A\"\n[spi]\n[content]\nmost_bytes = 0\n",
            &["4: a content has at least one byte, and so has its unit"],
        );
    }

    #[test]
    fn values_are_exact_to_a_millionth() {
        for (number, text) in [
            (31.5, "31.5"),
            (-0.000_001, "-0.000001"),
            (1013.25, "1013.25"),
            (7.0, "7"),
        ] {
            assert_eq!(Millionths::from_f64(number).unwrap().to_string(), text);
        }
        for bad in [f64::NAN, f64::INFINITY, 1.1e9] {
            assert_eq!(Millionths::from_f64(bad), None);
        }
    }
}
