//! A board: its chip, its flash map, its lights, buttons and link.

use std::fmt;

use serde::Deserialize;
use toml::Spanned;

use crate::app_pins::{AppPins, AppsSection};
use crate::chip::{Chip, Core, Flash};
use crate::section::{Invalid, Reader};
use crate::wiring::{I2cBus, Part, SpiBus, Wired, WiringSections};

/// A microcontroller board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Board {
    /// Name in files and commands, as in `nano33ble`.
    pub name: String,
    /// Name for people.
    pub title: String,
    /// Its chip.
    pub chip: Chip,
    /// Address of the vector table from which the image starts (by the board's bootloader, if it has one).
    pub boot: u32,
    /// How the board meets a host.
    pub connector: Connector,
    /// Ways to write its flash, the best first.
    pub flashing: Vec<Flashing>,
    /// The link's UART.
    pub link: Link,
    /// Flash map, by address; it covers the flash, and the flash for data if there is one, without gaps or overlaps.
    pub flash: Vec<FlashArea>,
    /// Lights.
    pub leds: Vec<Led>,
    /// Buttons.
    pub buttons: Vec<Button>,
    /// I²C buses; a part goes to the first one unless its place is given.
    pub i2c: Vec<I2cBus>,
    /// SPI buses, as the I²C buses.
    pub spi: Vec<SpiBus>,
    /// Pins with an analogue input, in the order in which parts take them.
    pub analog: Vec<Pin>,
    /// Parts that are on the board, and those that a user added.
    pub parts: Vec<Part>,
    /// Pins that its firmware offers to apps, ascending, in the numbers that apps use: 0 to 63.
    pub app_pins: Vec<u8>,
    /// The limitation of Drydock's firmware on this board, if any.
    pub limit: Option<Limit>,
    /// UARTs that its file names; the others have their number only.
    pub uarts: Vec<Uart>,
    /// The shipped board that a user's board extends: its Drydock firmware runs on both. `None` for the shipped boards, and
    /// for a board that names a chip.
    pub extends: Option<String>,
}

/// A UART with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uart {
    /// Name on the board.
    pub name: String,
    /// The chip's UART.
    pub uart: u8,
    /// Board → host, if the file says so: the program chooses the pins.
    pub tx: Option<Pin>,
    /// Host → board, as `tx`.
    pub rx: Option<Pin>,
}

/// A limitation of Drydock's firmware on a board.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Whether it enrolls. A board that does not is shown as unauthenticated.
    pub enrolls: bool,
    /// Whether it takes apps.
    pub apps: bool,
    /// Why, in a sentence without its full stop that can follow a colon.
    pub text: String,
}

/// The physical connector.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connector {
    /// Its kind.
    pub kind: ConnectorKind,
    /// For people who hold the cable.
    pub text: String,
    /// USB vendor and product ids it may show.
    #[serde(default)]
    pub usb_ids: Vec<(u16, u16)>,
}

/// Kind of connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectorKind {
    /// The chip's own USB device.
    UsbDevice,
    /// A USB-UART bridge beside the chip.
    UsbUart,
    /// Only pins.
    Header,
}

/// A way to write a board's flash over a cable.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flashing {
    /// The method.
    pub method: FlashMethod,
    /// Name of the chip in probe-rs' list of targets, for [`FlashMethod::Probe`].
    #[serde(default)]
    pub target: Option<String>,
    /// USB vendor and product ids that the bootloader shows, if they are not those of the firmware.
    #[serde(default)]
    pub usb_ids: Vec<(u16, u16)>,
    /// How a person brings the board into this state by hand, as an instruction.
    #[serde(default)]
    pub by_hand: Option<String>,
}

/// How flash is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlashMethod {
    /// A debug probe on the SWD or JTAG pins.
    Probe,
    /// The serial download mode of Espressif's ROM.
    EspRom,
    /// Arduino's SAM-BA bootloader, entered by opening the USB serial port at 1200 baud.
    SamBa,
    /// A bootloader with USB device firmware upgrade (DFU).
    Dfu,
}

impl std::fmt::Display for FlashMethod {
    /// As the boards' descriptions write it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Probe => "probe",
            Self::EspRom => "esp-rom",
            Self::SamBa => "sam-ba",
            Self::Dfu => "dfu",
        })
    }
}

/// Which UART carries the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The chip's UART.
    pub uart: u8,
    /// Board → host. `None`: the program chooses it.
    pub tx: Option<Pin>,
    /// Host → board, as `tx`.
    pub rx: Option<Pin>,
    /// Bits per second after reset.
    pub baud: u32,
    /// The most bits per second that host and firmware may agree on.
    pub fastest: u32,
}

/// A named part of flash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlashArea {
    /// Use of the area: `bootloader`, `firmware`, `store`, `identity`.
    pub name: String,
    /// First address.
    pub base: u32,
    /// Length in bytes.
    pub bytes: u32,
}

/// A light.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Led {
    /// Name on the board.
    pub name: String,
    /// Pin that drives it.
    pub pin: Pin,
    /// Level at which it is lit.
    pub active: Active,
    /// Colour, as a CSS colour name.
    pub colour: String,
    /// Lights of one group share a package (RGB).
    pub group: Option<String>,
    /// The number by which apps use it. `None`: its firmware does not offer it to apps.
    pub app_pin: Option<u8>,
}

/// A button.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    /// Name on the board.
    pub name: String,
    /// Pin it drives.
    pub pin: Pin,
    /// Level while it is pressed.
    pub active: Active,
    /// Whether it resets the chip.
    pub resets: bool,
}

/// Which level means "on".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Active {
    /// High is on.
    High,
    /// Low is on.
    Low,
}

impl Active {
    /// Whether `level` is the active one.
    pub fn is(self, level: bool) -> bool {
        level == (self == Self::High)
    }
}

/// A pin in the chip's numbering: port × 32 + pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pin(pub u16);

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "P{}.{:02}", self.0 / 32, self.0 % 32)
    }
}

impl Pin {
    /// Reads `P<port>.<pin>`.
    pub fn parse(text: &str) -> Option<Self> {
        let (port, pin) = text.strip_prefix('P')?.split_once('.')?;
        let (port, pin): (u16, u16) = (port.parse().ok()?, pin.parse().ok()?);
        (port < 8 && pin < 32).then_some(Self(port * 32 + pin))
    }
}

impl Board {
    /// Parses a board file that names one of `chips`.
    ///
    /// # Errors
    /// [`Invalid`]: all problems, with lines.
    pub fn parse(file: &str, text: &str, chips: &[Chip]) -> Result<Self, Invalid> {
        let mut reader = Reader::new(file, text);
        let name = reader.required::<String>("name");
        let title = reader.required("title");
        let chip_name = reader.required::<Spanned<String>>("chip");
        let chip = chip_name.and_then(|name| {
            let chip = chips.iter().find(|chip| chip.name == *name.get_ref()).cloned();
            if chip.is_none() {
                reader.problem(name.span(), &format!("there is no chip `{}`", name.get_ref()));
            }
            chip
        });
        let boot = reader.required::<Spanned<u32>>("boot");
        let connector = reader.required("connector");
        let flashing = reader.all("flashing");
        let link = reader.required::<LinkSection>("link");
        let flash = reader.all::<FlashSection>("flash");
        let leds = reader.all::<LedSection>("led");
        let buttons = reader.all::<ButtonSection>("button");
        let apps_section = reader.optional::<AppsSection>("apps");
        let limit = reader.optional::<Limit>("limit");
        let wiring = WiringSections::read(&mut reader);
        let board = (|| {
            let chip = chip?;
            let mut check = Check {
                reader: &mut reader,
                chip: &chip,
            };
            let boot = boot?;
            check.boot(&boot, &flash);
            check.flash_map(&flash);
            check.names(leds.iter().map(|led| &led.name));
            check.names(buttons.iter().map(|button| &button.name));
            let link = check.link(link);
            let (mut leds, numbers): (Vec<Led>, Vec<_>) = leds.into_iter().filter_map(|led| check.led(led)).unzip();
            let apps = AppPins {
                reader: check.reader,
                takes_apps: limit.as_ref().is_none_or(|limit| limit.apps),
                chip: &chip,
                link,
            };
            let app_pins = apps.resolve(apps_section, &mut leds, &numbers);
            let buttons = buttons.into_iter().filter_map(|button| check.button(button)).collect();
            let wired = wiring.resolve(
                (Wired::default(), 0..0),
                check.reader,
                (&chip, (&[], link.as_ref().map_or(0, |link| link.uart))),
                crate::part_kinds(),
            );
            Some(Self {
                name: name?,
                title: title?,
                boot: boot.into_inner(),
                connector: connector?,
                flashing,
                link: link?,
                flash: flash.into_iter().map(FlashSection::into_area).collect(),
                leds,
                buttons,
                i2c: wired.i2c,
                spi: wired.spi,
                analog: wired.analog,
                parts: wired.parts,
                app_pins,
                limit,
                uarts: Vec::new(),
                extends: None,
                chip,
            })
        })();
        reader.finish(board)
    }

    /// A stand-in for a board whose description is lost: it has nothing, and no engine supports it.
    pub fn missing(name: &str) -> Self {
        let none = Flash {
            base: 0,
            bytes: 0,
            erase_units: Vec::new(),
            write_bytes: 1,
            writes_per_erase: 1,
        };
        Self {
            name: name.to_owned(),
            title: name.to_owned(),
            chip: Chip {
                name: "unknown".into(),
                title: "unknown chip".into(),
                vendor: String::new(),
                core: Core::CortexM4f,
                clock_hz: 0,
                uarts: 0,
                pins: 0,
                boot: None,
                flash: none,
                data_flash: None,
                ram: Vec::new(),
                peripherals: [].into(),
            },
            boot: 0,
            connector: Connector {
                kind: ConnectorKind::Header,
                text: String::new(),
                usb_ids: Vec::new(),
            },
            flashing: Vec::new(),
            link: Link {
                uart: 0,
                tx: None,
                rx: None,
                baud: 0,
                fastest: 0,
            },
            flash: Vec::new(),
            leds: Vec::new(),
            buttons: Vec::new(),
            i2c: Vec::new(),
            spi: Vec::new(),
            analog: Vec::new(),
            parts: Vec::new(),
            app_pins: Vec::new(),
            limit: None,
            uarts: Vec::new(),
            extends: None,
        }
    }

    /// The board whose Drydock firmware runs on this one: the shipped board that it extends, or itself.
    pub fn firmware_name(&self) -> &str {
        self.extends.as_deref().unwrap_or(&self.name)
    }

    /// The flash area called `name`.
    pub fn flash_area(&self, name: &str) -> Option<&FlashArea> {
        self.flash.iter().find(|area| area.name == name)
    }

    /// Whether a host can reset it over the lines beside the data of its serial port.
    pub fn resets_over_cable(&self) -> bool {
        self.flashing.iter().any(|way| way.method == FlashMethod::EspRom)
    }

    /// The LEDs that its firmware offers to apps, in the numbers that apps use.
    pub fn app_leds(&self) -> Vec<u8> {
        self.leds.iter().filter_map(|led| led.app_pin).collect()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkSection {
    uart: Spanned<u8>,
    tx: Spanned<String>,
    rx: Spanned<String>,
    baud: u32,
    fastest: Option<Spanned<u32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FlashSection {
    name: Spanned<String>,
    base: u32,
    bytes: u32,
}

impl FlashSection {
    fn into_area(self) -> FlashArea {
        FlashArea {
            name: self.name.into_inner(),
            base: self.base,
            bytes: self.bytes,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LedSection {
    pub(crate) name: Spanned<String>,
    pin: Spanned<String>,
    active: Active,
    pub(crate) colour: Spanned<String>,
    group: Option<String>,
    pub(crate) app_pin: Option<Spanned<u16>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ButtonSection {
    pub(crate) name: Spanned<String>,
    pin: Spanned<String>,
    active: Active,
    #[serde(default)]
    resets: bool,
}

/// Checks a board file against its chip.
pub(crate) struct Check<'r, 'a> {
    pub(crate) reader: &'r mut Reader<'a>,
    pub(crate) chip: &'r Chip,
}

impl Check<'_, '_> {
    fn boot(&mut self, boot: &Spanned<u32>, flash: &[FlashSection]) {
        if !flash.iter().any(|area| area.base == *boot.get_ref()) {
            let what = format!("`boot` {:#x} is not the start of a flash area", boot.get_ref());
            self.reader.problem(boot.span(), &what);
        }
    }

    fn flash_map(&mut self, areas: &[FlashSection]) {
        let data = self.chip.data_flash.as_ref();
        let (rest, first): (Vec<_>, Vec<_>) = areas
            .iter()
            .partition(|area| data.is_some_and(|data| area.base >= data.base));
        self.flash_areas(&self.chip.flash, &first);
        if let Some(data) = data {
            self.flash_areas(data, &rest);
        }
        self.names(areas.iter().map(|area| &area.name));
    }

    fn flash_areas(&mut self, flash: &Flash, areas: &[&FlashSection]) {
        let mut next = flash.base;
        for area in areas {
            let span = area.name.span();
            let name = area.name.get_ref();
            if area.base != next {
                let what = format!(
                    "`{name}` starts at {:#x}, the area before it ends at {next:#x}",
                    area.base
                );
                self.reader.problem(span.clone(), &what);
            }
            if let Err(what) = flash.check_area(name, area.base, area.bytes) {
                self.reader.problem(span, &what);
            }
            next = area.base.saturating_add(area.bytes);
        }
        if next != flash.base + flash.bytes {
            let what = format!(
                "the flash map ends at {next:#x}, the flash at {:#x}",
                flash.base + flash.bytes
            );
            self.reader.problem(0..0, &what);
        }
    }

    pub(crate) fn names<'s>(&mut self, names: impl Iterator<Item = &'s Spanned<String>>) {
        let mut seen = std::collections::BTreeSet::new();
        for name in names {
            if !seen.insert(name.get_ref()) {
                self.reader
                    .problem(name.span(), &format!("`{}` is there twice", name.get_ref()));
            }
        }
    }

    fn link(&mut self, link: Option<LinkSection>) -> Option<Link> {
        let link = link?;
        if *link.uart.get_ref() >= self.chip.uarts {
            let what = format!("{} has no UART {}", self.chip.title, link.uart.get_ref());
            self.reader.problem(link.uart.span(), &what);
        }
        let (tx, rx) = (self.pin(&link.tx), self.pin(&link.rx));
        if let Some(fastest) = &link.fastest
            && *fastest.get_ref() < link.baud
        {
            let what = format!("`fastest` is below `baud`, which is {}", link.baud);
            self.reader.problem(fastest.span(), &what);
        }
        Some(Link {
            uart: link.uart.into_inner(),
            tx: Some(tx?),
            rx: Some(rx?),
            baud: link.baud,
            fastest: link.fastest.map_or(link.baud, Spanned::into_inner),
        })
    }

    /// The LED, and the number that its section gives it for apps.
    pub(crate) fn led(&mut self, led: LedSection) -> Option<(Led, Option<Spanned<u16>>)> {
        let read = Led {
            pin: self.pin(&led.pin)?,
            name: led.name.into_inner(),
            active: led.active,
            colour: led.colour.into_inner(),
            group: led.group,
            app_pin: None,
        };
        Some((read, led.app_pin))
    }

    pub(crate) fn button(&mut self, button: ButtonSection) -> Option<Button> {
        Some(Button {
            pin: self.pin(&button.pin)?,
            name: button.name.into_inner(),
            active: button.active,
            resets: button.resets,
        })
    }

    pub(crate) fn pin(&mut self, text: &Spanned<String>) -> Option<Pin> {
        let pin = Pin::parse(text.get_ref()).filter(|pin| pin.0 < self.chip.pins);
        if pin.is_none() {
            let what = format!("{} has no pin `{}`", self.chip.title, text.get_ref());
            self.reader.problem(text.span(), &what);
        }
        pin
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chips;

    const NANO: &str = include_str!("../boards/nano33ble.toml");

    #[track_caller]
    fn check(from: &str, to: &str, expected: &[&str]) {
        assert!(NANO.contains(from), "the test replaces text that is not there");
        let text = NANO.replacen(from, to, 1);
        let problems = match Board::parse("b.toml", &text, &chips()) {
            Ok(_) => Vec::new(),
            Err(invalid) => invalid.problems.into_iter().map(|problem| problem.what).collect(),
        };
        assert_eq!(problems, expected);
    }

    #[test]
    fn what_is_wrong_is_named() {
        check("chip = \"nrf52840\"", "chip = \"nrf9\"", &["there is no chip `nrf9`"]);
        check(
            "title =",
            "titel =",
            &["`title` is missing", "`titel` is not known here"],
        );
        check("\"P0.13\"", "\"P1.16\"", &["nRF52840 has no pin `P1.16`"]);
        check("uart = 0", "uart = 2", &["nRF52840 has no UART 2"]);
        check(
            "boot = 0x1_0000",
            "boot = 0x1_0004",
            &["`boot` 0x10004 is not the start of a flash area"],
        );
        check(
            "bytes = 0x9_0000",
            "bytes = 0x9_0100",
            &[
                "`firmware` is not whole erase units of 4096 bytes",
                "`store` starts at 0xa0000, the area before it ends at 0xa0100",
            ],
        );
        check("name = \"PWR\"", "name = \"LED\"", &["`LED` is there twice"]);
    }

    #[test]
    fn all_problems_are_told_at_once_with_their_lines() {
        let text = "name = \"x\"\ntitle = \"X\"\nchip = \"nrf52840\"\nboot = 0\n[connector]\nkind = \"usb\"\n[link]\nuart = 0\nsurplus = 1\n";
        let invalid = Board::parse("x.toml", text, &chips()).unwrap_err();
        let lines: Vec<usize> = invalid.problems.iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [1, 4, 6, 9], "{invalid}");
        assert!(invalid.to_string().starts_with("x.toml:1: the flash map ends"));
    }

    #[test]
    fn pins_have_one_spelling_each_way() {
        assert_eq!(Pin::parse("P1.09"), Some(Pin(41)));
        assert_eq!(Pin(41).to_string(), "P1.09");
        for bad in ["", "P1", "P1.32", "1.09", "P-1.0", "P9.0"] {
            assert_eq!(Pin::parse(bad), None, "{bad}");
        }
    }
}
