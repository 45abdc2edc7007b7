//! Boards of users: a file that extends a shipped board or names a chip. `docs/adding-a-board.md` describes the format.
//!
//! Such a board exists in the emulator only, so its file has nothing that is about cables. A board that extends another runs
//! that board's firmware, which fixes the flash map, the link and the pins of apps.

mod folder;

use std::path::Path;
use std::{fs, io::Read};

use serde::Deserialize;
use toml::Spanned;

use crate::board::{
    Board, Button, ButtonSection, Check, Connector, ConnectorKind, FlashArea, Led, LedSection, Limit, Link, Uart,
};
use crate::chip::Chip;
use crate::part_source::PartSource;
use crate::section::{Invalid, Problem, Reader};
use crate::wiring::{Wired, WiringSections};

pub use folder::{BoardFile, MAX_BOARD_FILES, modules_named, read_board_folder};

/// Longest file, in bytes.
pub const MAX_BOARD_FILE_BYTES: u64 = 64 << 10;
/// Longest name of a board, an LED, a button or a UART.
const MAX_NAME: usize = 32;
/// Longest title.
const MAX_TITLE: usize = 64;
/// Most sections of a kind, and most entries of a list.
const MAX_SECTIONS: usize = 64;
/// Bits per second of a console whose program chooses the rate.
const CONSOLE_BAUD: u32 = 115_200;

/// What fixes the rest of the board.
enum Base {
    Board(Box<Board>),
    Chip(Box<Chip>),
}

impl Base {
    fn chip(&self) -> &Chip {
        match self {
            Self::Board(board) => &board.chip,
            Self::Chip(chip) => chip,
        }
    }

    /// The UART of the link, or of the console.
    fn link(&self, console: Option<&Uart>) -> u8 {
        match self {
            Self::Board(board) => board.link.uart,
            Self::Chip(_) => console.map_or(0, |console| console.uart),
        }
    }
}

impl Board {
    /// Reads a file with a user's board, and the modules that it names, by paths relative to it. Blocks.
    ///
    /// # Errors
    /// [`Invalid`]: it cannot be read (line 0), or all its problems, with lines.
    pub fn read_own(path: &Path, parts: &PartSource<'_>) -> Result<Self, Invalid> {
        let file = path.display().to_string();
        let folder = path.parent().unwrap_or(Path::new(""));
        match read_text(path) {
            Ok(text) => Self::parse_own_with(&file, &text, (Some(folder), parts)),
            Err(what) => Err(Invalid {
                file,
                problems: vec![Problem { line: 0, what }],
            }),
        }
    }

    /// Parses a file with a user's board. It extends a shipped board, or names the chip of one. Its parts are of the kinds
    /// that the emulator has.
    ///
    /// # Errors
    /// [`Invalid`]: all problems, with lines.
    pub fn parse_own(file: &str, text: &str) -> Result<Self, Invalid> {
        Self::parse_own_with(file, text, (None, &PartSource::default()))
    }

    /// The same with parts of `parts`, whose modules are read from paths relative to the folder.
    fn parse_own_with(
        file: &str,
        text: &str,
        (folder, parts): (Option<&Path>, &PartSource<'_>),
    ) -> Result<Self, Invalid> {
        let mut reader = Reader::new(file, text);
        let name = reader.required::<Spanned<String>>("name");
        let name = name.and_then(|name| own_name(&mut reader, name));
        let base = base(&mut reader);
        let title = reader.optional::<Spanned<String>>("title");
        if let Some(title) = &title {
            words(&mut reader, title, "`title`", MAX_TITLE);
        }
        let why = |key: &str| match &base {
            Some(Base::Board(board)) => format!("`{key}` is that of `{}`, whose firmware the board runs", board.name),
            Some(Base::Chip(_)) => format!("`{key}` is for boards that run Drydock's firmware; this one names a chip"),
            None => format!("`{key}` is for boards that ship with Drydock"),
        };
        for key in ["boot", "link", "flash", "apps", "limit"] {
            reader.refuse(key, &why(key));
        }
        if matches!(base, Some(Base::Chip(_))) {
            reader.refuse("remove", "`remove` needs a board that is extended");
        }
        for key in ["connector", "flashing"] {
            let what = format!("`{key}` is for boards on a cable; a board of your own is emulated");
            reader.refuse(key, &what);
        }
        let remove = reader.optional::<Spanned<Vec<Spanned<String>>>>("remove");
        let removed_at = remove.as_ref().map_or(0..0, Spanned::span);
        let remove = remove.map_or_else(Vec::new, Spanned::into_inner);
        let leds = reader.all::<LedSection>("led");
        let buttons = reader.all::<ButtonSection>("button");
        let uarts = reader.all::<UartSection>("uart");
        let mut wiring = WiringSections::read(&mut reader);
        let counts = [
            ("led", leds.len()),
            ("button", buttons.len()),
            ("uart", uarts.len()),
            ("remove", remove.len()),
        ];
        for (what, count) in counts.into_iter().chain(wiring.counts()) {
            if count > MAX_SECTIONS {
                reader.problem(
                    0..0,
                    &format!("`{what}` is there {count} times; {MAX_SECTIONS} at most are taken"),
                );
            }
        }
        let kinds = wiring.read_files(&mut reader, folder, parts);
        let board = (|| {
            let base = base?;
            let mut inherited = Inherited::of(&base);
            for name in &remove {
                inherited.remove(&mut reader, name);
            }
            let chip = base.chip();
            let mut check = Check {
                reader: &mut reader,
                chip,
            };
            check.names(leds.iter().map(|led| &led.name));
            check.names(buttons.iter().map(|button| &button.name));
            check.names(uarts.iter().map(|uart| &uart.name));
            for section in leds {
                if let Some(led) = led(&mut check, section, &base) {
                    put(&mut inherited.leds, led, |led| &led.name);
                }
            }
            for section in buttons {
                words(check.reader, &section.name, "the name of a button", MAX_NAME);
                if let Some(button) = check.button(section) {
                    put(&mut inherited.buttons, button, |button| &button.name);
                }
            }
            let uarts: Vec<Uart> = uarts.into_iter().filter_map(|its| uart(&mut check, its)).collect();
            let link = base.link(uarts.first());
            let wired = wiring.resolve(
                (inherited.wired, removed_at),
                &mut reader,
                (chip, (&uarts, link)),
                &kinds,
            );
            let name = name?;
            let mut board = match base {
                Base::Board(board) => Self {
                    extends: Some(board.name.clone()),
                    // It is emulated only.
                    flashing: Vec::new(),
                    title: format!("{name} ({})", board.title),
                    ..*board
                },
                Base::Chip(chip) => bare(&name, *chip, uarts.first()),
            };
            board.name = name;
            if let Some(title) = title {
                board.title = title.into_inner();
            }
            board.leds = inherited.leds;
            board.buttons = inherited.buttons;
            board.uarts = uarts;
            board.i2c = wired.i2c;
            board.spi = wired.spi;
            board.analog = wired.analog;
            board.parts = wired.parts;
            Some(board)
        })();
        reader.finish(board)
    }
}

/// The text of a file; the error is a clause.
fn read_text(path: &Path) -> Result<String, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let file = fs::File::open(path).map_err(cannot)?;
    if !file.metadata().map_err(cannot)?.is_file() {
        return Err("is no file".into());
    }
    let mut bytes = Vec::new();
    let mut limited = file.take(MAX_BOARD_FILE_BYTES + 1);
    limited.read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > MAX_BOARD_FILE_BYTES {
        return Err(format!(
            "is longer than {MAX_BOARD_FILE_BYTES} bytes, the most that a board's file has"
        ));
    }
    String::from_utf8(bytes).map_err(|_| "is no text in UTF-8".into())
}

/// Whether a text can be the name of a board: the characters of shipped ones. It is also the name of a file.
fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && !name.starts_with('-')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn own_name(reader: &mut Reader<'_>, name: Spanned<String>) -> Option<String> {
    let text = name.get_ref();
    if !is_name(text) {
        let what = format!(
            "`{text}` is no name of a board; it has 1 to {MAX_NAME} small letters, digits and hyphens, and no hyphen first"
        );
        reader.problem(name.span(), &what);
        return None;
    }
    if crate::board(text).is_some() {
        reader.problem(
            name.span(),
            &format!("`{text}` is a board that ships with Drydock; choose another name"),
        );
        return None;
    }
    Some(name.into_inner())
}

fn base(reader: &mut Reader<'_>) -> Option<Base> {
    let extends = reader.optional::<Spanned<String>>("extends");
    let chip = reader.optional::<Spanned<String>>("chip");
    match (extends, chip) {
        (Some(name), None) => {
            let mut boards = crate::boards();
            let known: Vec<String> = boards.iter().map(|board| board.name.clone()).collect();
            let Some(index) = known.iter().position(|its| its == name.get_ref()) else {
                let list = known.join(", ");
                let what = format!("there is no board `{}` to extend; there are: {list}", name.get_ref());
                reader.problem(name.span(), &what);
                return None;
            };
            Some(Base::Board(Box::new(boards.swap_remove(index))))
        }
        (None, Some(name)) => {
            let mut chips = crate::chips();
            let known: Vec<String> = chips.iter().map(|chip| chip.name.clone()).collect();
            let Some(index) = known.iter().position(|its| its == name.get_ref()) else {
                let list = known.join(", ");
                let what = format!("there is no chip `{}`; there are: {list}", name.get_ref());
                reader.problem(name.span(), &what);
                return None;
            };
            Some(Base::Chip(Box::new(chips.swap_remove(index))))
        }
        (Some(_), Some(chip)) => {
            reader.problem(
                chip.span(),
                "the chip is that of the board that is extended; leave `chip` out",
            );
            None
        }
        (None, None) => {
            reader.problem(
                0..0,
                "`extends` or `chip` is missing: name a board that ships with Drydock, or a chip",
            );
            None
        }
    }
}

/// What the file adds to and takes from.
struct Inherited {
    /// The board that is extended, if any.
    from: String,
    leds: Vec<Led>,
    buttons: Vec<Button>,
    wired: Wired,
}

impl Inherited {
    fn of(base: &Base) -> Self {
        match base {
            Base::Board(board) => Self {
                from: board.name.clone(),
                leds: board.leds.clone(),
                buttons: board.buttons.clone(),
                wired: Wired {
                    i2c: board.i2c.clone(),
                    spi: board.spi.clone(),
                    analog: board.analog.clone(),
                    parts: board.parts.clone(),
                },
            },
            Base::Chip(chip) => Self {
                from: chip.name.clone(),
                leds: Vec::new(),
                buttons: Vec::new(),
                wired: Wired::default(),
            },
        }
    }

    /// Takes away what has a name: an LED, a button, a bus, a part.
    fn remove(&mut self, reader: &mut Reader<'_>, name: &Spanned<String>) {
        let text = name.get_ref();
        let before = self.len();
        self.leds.retain(|led| led.name != *text);
        self.buttons.retain(|button| button.name != *text);
        self.wired.i2c.retain(|bus| bus.name != *text);
        self.wired.spi.retain(|bus| bus.name != *text);
        self.wired.parts.retain(|part| part.name != *text);
        if self.len() == before {
            let what = format!("`{}` has no LED, button, bus or part `{text}`", self.from);
            reader.problem(name.span(), &what);
        }
    }

    fn len(&self) -> usize {
        let wired = &self.wired;
        self.leds.len() + self.buttons.len() + wired.i2c.len() + wired.spi.len() + wired.parts.len()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UartSection {
    name: Spanned<String>,
    uart: Spanned<u8>,
    tx: Option<Spanned<String>>,
    rx: Option<Spanned<String>>,
}

fn uart(check: &mut Check<'_, '_>, section: UartSection) -> Option<Uart> {
    let number = *section.uart.get_ref();
    let has = number < check.chip.uarts;
    if !has {
        let what = format!("{} has no UART {number}", check.chip.title);
        check.reader.problem(section.uart.span(), &what);
    }
    // It stands beside numbers, `usb` and the debugger's lines.
    let name = section.name.get_ref();
    let taken = name == "usb" || name == "semihosting" || name.starts_with("rtt") || name.starts_with("itm");
    if !is_name(name) || taken || name.bytes().all(|byte| byte.is_ascii_digit()) {
        let what = format!(
            "`{name}` is no name of a UART; it has small letters, digits and hyphens, is no number, and does not begin as usb, \
             rtt, itm and semihosting do"
        );
        check.reader.problem(section.name.span(), &what);
    }
    let mut pin = |text: Option<Spanned<String>>| match text {
        Some(text) => check.pin(&text).map(Some),
        None => Some(None),
    };
    let (tx, rx) = (pin(section.tx), pin(section.rx));
    has.then_some(Uart {
        name: section.name.into_inner(),
        uart: number,
        tx: tx?,
        rx: rx?,
    })
}

fn led(check: &mut Check<'_, '_>, section: LedSection, base: &Base) -> Option<Led> {
    words(check.reader, &section.name, "the name of an LED", MAX_NAME);
    let colour = section.colour.get_ref();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'#';
    if colour.is_empty() || colour.len() > MAX_NAME || !colour.bytes().all(plain) {
        let what = format!("`{colour}` is no colour; write a CSS name such as green, or #rrggbb");
        check.reader.problem(section.colour.span(), &what);
    }
    if let Some(number) = &section.app_pin {
        let what = "`app_pin` follows from the pin and the firmware; leave it out";
        check.reader.problem(number.span(), what);
    }
    let (mut led, _) = check.led(section)?;
    if let Base::Board(board) = base {
        led.app_pin = app_pin(&led, board);
    }
    Some(led)
}

/// The number by which the firmware of `board` offers an LED's pin to apps.
fn app_pin(led: &Led, board: &Board) -> Option<u8> {
    if let Some(its) = board.leds.iter().find(|its| its.pin == led.pin) {
        return its.app_pin;
    }
    // Where the firmware uses the number for another pin, this one is out of reach.
    let number = board
        .app_pins
        .iter()
        .copied()
        .find(|pin| u16::from(*pin) == led.pin.0)?;
    let of_other = board.leds.iter().any(|its| its.app_pin == Some(number));
    (!of_other).then_some(number)
}

/// A text for people: not empty, printable, not too long.
fn words(reader: &mut Reader<'_>, text: &Spanned<String>, what: &str, most: usize) {
    let words = text.get_ref();
    if words.trim().is_empty() || words.chars().count() > most || words.chars().any(char::is_control) {
        reader.problem(
            text.span(),
            &format!("{what} must have 1 to {most} printable characters"),
        );
    }
}

/// Replaces what has the same name, at its place, or adds it.
fn put<T>(list: &mut Vec<T>, new: T, name_of: impl Fn(&T) -> &String) {
    match list.iter().position(|its| name_of(its) == name_of(&new)) {
        Some(index) => list[index] = new,
        None => list.push(new),
    }
}

/// A board that is a chip and nothing else: all of its flash is the program's, behind the bootloader of a chip that has one.
fn bare(name: &str, chip: Chip, console: Option<&Uart>) -> Board {
    let area = |name: &str, base, bytes| FlashArea {
        name: name.to_owned(),
        base,
        bytes,
    };
    let boot = chip.boot.unwrap_or(chip.flash.base);
    let before = boot - chip.flash.base;
    let bootloader = (before > 0).then(|| area("bootloader", chip.flash.base, before));
    let program = area("firmware", boot, chip.flash.bytes - before);
    let data = chip.data_flash.as_ref().map(|data| area("data", data.base, data.bytes));
    Board {
        name: name.to_owned(),
        title: format!("{name} ({})", chip.title),
        boot,
        connector: Connector {
            kind: ConnectorKind::Header,
            text: "The board exists in the emulator only.".into(),
            usb_ids: Vec::new(),
        },
        flashing: Vec::new(),
        link: Link {
            uart: console.map_or(0, |console| console.uart),
            tx: console.and_then(|console| console.tx),
            rx: console.and_then(|console| console.rx),
            baud: CONSOLE_BAUD,
            fastest: CONSOLE_BAUD,
        },
        flash: bootloader.into_iter().chain([program]).chain(data).collect(),
        leds: Vec::new(),
        buttons: Vec::new(),
        i2c: Vec::new(),
        spi: Vec::new(),
        analog: Vec::new(),
        parts: Vec::new(),
        app_pins: Vec::new(),
        limit: Some(Limit {
            enrolls: false,
            apps: false,
            text: "Drydock's firmware does not run, so it takes programs of your own and no apps".into(),
        }),
        uarts: Vec::new(),
        extends: None,
        chip,
    }
}

#[cfg(test)]
mod tests;
