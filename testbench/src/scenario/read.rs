//! The sections of a scenario file, except for its steps.

use super::{
    BoardSpec, MAX_BOARDS, MAX_ETHERS, MAX_SEEDS, MAX_STEPS, MAX_WIRES, Scenario, WireEnds, WireSpec, ether,
    part::{self, PartSpec},
    places::{Places, Table},
    step,
};
use crate::{
    kinds::Kinds,
    machine::{USB, named_pin},
};
use drydock_assets::PARTS_MAX;
use drydock_emulator::DebugLine;
use std::{ops::Range, path::PathBuf};
use toml::Spanned;

/// Longest name of a board or a wire.
const MAX_NAME: usize = 32;

/// Reads a text; `None` if too much is missing. What is wrong is in `places`.
pub(super) fn scenario<'a>(places: &mut Places<'a>, text: &'a str, kinds: &Kinds) -> Option<Scenario> {
    if text.len() as u64 > super::MAX_FILE_BYTES {
        places.problem(0..0, &format!("a scenario has at most {} bytes", super::MAX_FILE_BYTES));
        return None;
    }
    let mut root = places.root(text)?;
    let name = root.text(places, "name");
    if let Some(name) = &name
        && (name.value.is_empty() || name.value.len() > 100 || name.value.chars().any(char::is_control))
    {
        places.problem(name.span.clone(), "`name` must have 1 to 100 printable characters");
    }
    let name = name.map_or_else(String::new, |name| name.value);
    let board_sections = root.sections(places, "board", MAX_BOARDS);
    let wire_sections = root.sections(places, "wire", MAX_WIRES);
    let ether_sections = root.sections(places, "ether", MAX_ETHERS);
    let step_sections = root.sections(places, "step", MAX_STEPS);
    let seeds = match root.section(places, "matrix") {
        Some(matrix) => seeds(places, matrix),
        None => vec![0],
    };
    root.finish(
        places,
        "here: a scenario has `name`, [[board]], [[wire]], [[ether]], [[step]] and [matrix]",
    );
    if board_sections.is_empty() {
        places.problem(0..0, "a scenario needs a [[board]]");
    }
    if step_sections.is_empty() {
        places.problem(0..0, "a scenario needs a [[step]]");
    }
    // A board that is broken still has its name, so that steps on it are no further problems.
    let mut known = Known::default();
    let mut boards = Vec::new();
    for section in board_sections {
        boards.extend(board(places, section, kinds, &mut known));
    }
    let mut wires = Vec::new();
    for section in wire_sections {
        wires.extend(wire(places, section, &mut known));
    }
    let mut ethers = Vec::new();
    for section in ether_sections {
        ethers.extend(ether::ether(places, section, &mut known));
    }
    let steps = step_sections
        .into_iter()
        .filter_map(|section| step::step(places, section, &known))
        .collect();
    Some(Scenario {
        name,
        boards,
        wires,
        ethers,
        steps,
        seeds,
    })
}

fn seeds(places: &mut Places<'_>, mut matrix: Table<'_>) -> Vec<u64> {
    let list = matrix.required(places, "seeds", Table::seeds);
    matrix.finish(places, "in [matrix]");
    let Some(list) = list else { return Vec::new() };
    if list.value.is_empty() || list.value.len() > MAX_SEEDS {
        places.problem(list.span, &format!("`seeds` must have 1 to {MAX_SEEDS} seeds"));
        return Vec::new();
    }
    let mut seeds = Vec::new();
    for seed in &list.value {
        if seeds.contains(seed.get_ref()) {
            places.problem(seed.span(), &format!("seed {} is there twice", seed.get_ref()));
        }
        seeds.push(*seed.get_ref());
    }
    seeds
}

/// What the sections before have made known.
#[derive(Default)]
pub(super) struct Known {
    /// Names of the boards, each with its kind if that is known.
    boards: Vec<(String, Option<drydock_assets::Board>)>,
    /// Whether a board has parts whose modules are not read yet.
    has_modules: Vec<bool>,
    /// Names of wires, and whether each is between UARTs.
    wires: Vec<(Option<String>, bool)>,
    /// Names of ethers.
    pub(super) ethers: Vec<Option<String>>,
    /// Boards that are on one.
    pub(super) on_ether: Vec<usize>,
}

fn board(places: &mut Places<'_>, mut section: Table<'_>, kinds: &Kinds, known: &mut Known) -> Option<BoardSpec> {
    let kind_name = section.required(places, "kind", Table::text);
    let name = match section.has("name") {
        true => section.text(places, "name"),
        // One board needs no name of its own.
        false => kind_name.clone(),
    };
    let firmware = section.required(places, "firmware", Table::text);
    let address = section.number(places, "address").map(|address| address.value);
    let seed = section.seed(places, "seed").map(|seed| seed.value);
    let part_sections = section.sections(places, "part", PARTS_MAX);
    let parts: Vec<PartSpec> = part_sections
        .into_iter()
        .filter_map(|section| part::part(places, section))
        .collect();
    section.finish(places, "in a [[board]]");
    let kind = kind_name.and_then(|kind| {
        let found = kinds.find(&kind.value);
        found
            .map_err(|cause| places.problem(kind.span, &cause.to_string()))
            .ok()
    });
    let name = name?;
    check_name(places, &name.value, name.span.clone());
    if known.boards.iter().any(|(other, _)| *other == name.value) {
        places.problem(name.span, &format!("there are two boards {}", name.value));
    }
    // With a module among them, parts are wired when the files are read: what is free depends on all before.
    let are_known = part::are_known(&parts);
    let wired = match (&kind, are_known) {
        (Some(kind), true) => Some(part::wired(places, kind, &parts, kinds)),
        _ => kind.clone(),
    };
    known.boards.push((name.value.clone(), wired));
    known.has_modules.push(!are_known);
    let firmware = firmware?;
    Some(BoardSpec {
        name: name.value,
        kind: kind?,
        firmware: PathBuf::from(firmware.value),
        address,
        seed,
        parts,
        place: firmware.span,
    })
}

pub(super) fn check_name(places: &mut Places<'_>, name: &str, span: Range<usize>) {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(fits) {
        let what = format!("a name has 1 to {MAX_NAME} letters, digits, - and _");
        places.problem(span, &what);
    }
}

fn wire(places: &mut Places<'_>, mut section: Table<'_>, known: &mut Known) -> Option<WireSpec> {
    let name = section.text(places, "name");
    let uart = section.texts(places, "uart");
    let pin = section.texts(places, "pin");
    let span = section.span.clone();
    section.finish(places, "in a [[wire]]");
    if let Some(name) = &name {
        check_name(places, &name.value, name.span.clone());
        if known.wires.iter().any(|(other, _)| other.as_ref() == Some(&name.value)) {
            places.problem(name.span.clone(), &format!("there are two wires {}", name.value));
        }
    }
    let is_uart = uart.is_some();
    known
        .wires
        .push((name.as_ref().map(|name| name.value.clone()), is_uart));
    let ends = match (uart, pin) {
        (Some(uart), None) => {
            let [one, other] = two(places, uart.span, &uart.value, "uart")?;
            let mut end = |end: &Spanned<String>| {
                let (board, port) = known.port(places, end.get_ref(), end.span(), Ports::Uarts)?;
                Some((board, port?))
            };
            let (one, other_end) = (end(one), end(other));
            let (one, other_end) = (one?, other_end?);
            if one == other_end {
                places.problem(other.span(), "a wire needs two ends");
            }
            WireEnds::Uarts([one, other_end])
        }
        (None, Some(pin)) => {
            let [from, to] = two(places, pin.span, &pin.value, "pin")?;
            let (one, other) = (
                known.pin(places, from.get_ref(), from.span()),
                known.pin(places, to.get_ref(), to.span()),
            );
            let (one, other) = (one?, other?);
            if one == other {
                places.problem(to.span(), "a wire needs two ends");
            }
            WireEnds::Pins([one, other])
        }
        _ => {
            places.problem(span, "a [[wire]] has either `uart` or `pin`, with its two ends");
            return None;
        }
    };
    Some(WireSpec {
        name: name.map(|name| name.value),
        ends,
    })
}

fn two<'l>(
    places: &mut Places<'_>,
    span: Range<usize>,
    list: &'l [Spanned<String>],
    key: &str,
) -> Option<[&'l Spanned<String>; 2]> {
    if let [one, other] = list {
        return Some([one, other]);
    }
    places.problem(
        span,
        &format!("`{key}` must have two ends, such as [\"one:0\", \"other:1\"]"),
    );
    None
}

/// Which ports may be meant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ports {
    /// UARTs, by number.
    Uarts,
    /// What bytes can be sent to: UARTs, the USB serial port and RTT; all of a board is its link's UART.
    Input,
    /// What says something: the former, the ITM and semihosting; all of a board is its whole console.
    Output,
}

impl Known {
    /// Kind of a board, if it is known.
    pub(super) fn kind(&self, board: usize) -> Option<&drydock_assets::Board> {
        self.boards.get(board).and_then(|(_, kind)| kind.as_ref())
    }

    /// How many boards there are.
    pub(super) fn boards(&self) -> usize {
        self.boards.len()
    }

    /// Whether a board has a radio that is modelled; `None` if its kind is not known.
    pub(super) fn has_radio(&self, board: usize) -> Option<bool> {
        self.kind(board).map(|kind| kind.chip.has_radio())
    }

    pub(super) fn name(&self, board: usize) -> &str {
        self.boards.get(board).map_or("", |(name, _)| name)
    }

    /// The only board, if there is one only.
    pub(super) fn only(&self, places: &mut Places<'_>, span: Range<usize>, key: &str) -> Option<usize> {
        if self.boards.len() <= 1 {
            // Without any, that is said elsewhere.
            return (self.boards.len() == 1).then_some(0);
        }
        places.problem(span, &format!("`{key}` is missing: there are several boards"));
        None
    }

    /// The board that is called so.
    pub(super) fn board(&self, places: &mut Places<'_>, name: &str, span: Range<usize>) -> Option<usize> {
        let found = self.boards.iter().position(|(board, _)| board == name);
        if found.is_none() {
            let names: Vec<&str> = self.boards.iter().map(|(name, _)| name.as_str()).collect();
            let name: String = name.chars().take(40).collect();
            places.problem(
                span,
                &format!("there is no board {name}; there are: {}", names.join(", ")),
            );
        }
        found
    }

    /// A board and a port of it: `BOARD`, `BOARD:1`, `BOARD:usb`, `BOARD:rtt0`, `BOARD:itm0`, `BOARD:semihosting`.
    pub(super) fn port(
        &self,
        places: &mut Places<'_>,
        text: &str,
        span: Range<usize>,
        ports: Ports,
    ) -> Option<(usize, Option<u8>)> {
        let (name, port) = match text.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        };
        let board = self.board(places, name, span.clone())?;
        let Some(port) = port else {
            if ports == Ports::Uarts {
                places.problem(span, "say which UART, such as \"board:0\"");
                return None;
            }
            return Some((board, None));
        };
        let kind = self.kind(board);
        let uarts = kind.map(|kind| kind.chip.uarts);
        // A user's board may have names for its UARTs.
        let named = kind.and_then(|kind| kind.uarts.iter().find(|uart| uart.name == port));
        let line = DebugLine::named(port).filter(|line| match ports {
            Ports::Uarts => false,
            Ports::Input => matches!(line, DebugLine::Rtt(_)),
            Ports::Output => true,
        });
        let number = match (port, ports) {
            _ if line.is_some() => line.map(DebugLine::index).unwrap_or_default(),
            ("usb", Ports::Output | Ports::Input) => USB,
            _ if named.is_some() => named.map(|uart| uart.uart).unwrap_or_default(),
            (port, _) => match port.parse::<u8>() {
                Ok(number) if uarts.is_none_or(|uarts| number < uarts) => number,
                Ok(number) => {
                    let what = format!("{name} has no UART {number}; it has {}", uarts.unwrap_or_default());
                    places.problem(span, &what);
                    return None;
                }
                Err(_) => {
                    let port: String = port.chars().take(40).collect();
                    places.problem(
                        span,
                        &format!("`{port}` is no port that fits here; a UART has a number"),
                    );
                    return None;
                }
            },
        };
        Some((board, Some(number)))
    }

    /// A board and a pin of it: `BOARD:LED`, `BOARD:P0.13`; with one board, `LED`.
    pub(super) fn pin(&self, places: &mut Places<'_>, text: &str, span: Range<usize>) -> Option<(usize, String)> {
        let (board, pin) = self.part(places, text, span.clone(), "pin")?;
        if let Some(kind) = self.kind(board)
            && let Err(cause) = named_pin(kind, pin)
        {
            places.problem(span, &format!("{}: {cause}", self.name(board)));
            return None;
        }
        Some((board, pin.to_owned()))
    }

    /// A board and a button of it.
    pub(super) fn button(&self, places: &mut Places<'_>, text: &str, span: Range<usize>) -> Option<(usize, String)> {
        let (board, button) = self.part(places, text, span.clone(), "button")?;
        if let Some(kind) = self.kind(board)
            && !kind.buttons.iter().any(|other| other.name == button)
        {
            let names: Vec<&str> = kind.buttons.iter().map(|button| button.name.as_str()).collect();
            let has = if names.is_empty() {
                "none".into()
            } else {
                names.join(", ")
            };
            let what = format!("{} has no button of this name; it has {has}", self.name(board));
            places.problem(span, &what);
            return None;
        }
        Some((board, button.to_owned()))
    }

    fn part<'t>(
        &self,
        places: &mut Places<'_>,
        text: &'t str,
        span: Range<usize>,
        what: &str,
    ) -> Option<(usize, &'t str)> {
        match text.split_once(':') {
            Some((name, part)) => Some((self.board(places, name, span)?, part)),
            None if self.boards.len() == 1 => Some((0, text)),
            None => {
                places.problem(span, &format!("say of which board, such as \"board:{what}\""));
                None
            }
        }
    }

    /// Checks a step about a part, if all parts of its board are known.
    pub(super) fn check_part(&self, places: &mut Places<'_>, action: &step::Action, span: Range<usize>) {
        let Some(board) = part::board_of(action) else { return };
        if let Some(kind) = self.kind(board)
            && !self.has_modules[board]
            && let Err(what) = part::check(kind, action)
        {
            places.problem(span, &format!("{}: {what}", self.name(board)));
        }
    }

    /// A board and a part of it, as text: `BOARD:PART`; with one board, `PART`.
    pub(super) fn part_name(&self, places: &mut Places<'_>, text: &str, span: Range<usize>) -> Option<(usize, String)> {
        let (board, part) = self.part(places, text, span, "part")?;
        Some((board, part.to_owned()))
    }

    /// The UART wire that is called so.
    pub(super) fn wire(&self, places: &mut Places<'_>, name: &str, span: Range<usize>) -> Option<usize> {
        let found = self.wires.iter().position(|(wire, _)| wire.as_deref() == Some(name));
        match found {
            None => places.problem(span, "there is no wire of this name; give the [[wire]] a `name`"),
            Some(index) if !self.wires[index].1 => {
                places.problem(span, "noise is for wires between UARTs");
                return None;
            }
            Some(_) => {}
        }
        found
    }
}
