//! Parts on the boards of a scenario: sections `[[board.part]]`, and the checks of steps that name a part.

use super::{
    BoardSpec,
    places::{Places, Table},
    step::Action,
};
use crate::{kinds::Kinds, part};
use drydock_assets::{Board as Description, Millionths, PartChoice};
use std::{ops::Range, path::Path};

/// A part of a board, and its place in the file.
#[derive(Debug, Clone)]
pub(super) struct PartSpec {
    pub(super) choice: PartChoice,
    place: Range<usize>,
}

impl PartSpec {
    /// The part, with the path of its module from where the command runs.
    pub(super) fn in_folder(&self, folder: &Path) -> PartChoice {
        let mut choice = self.choice.clone();
        if let Some(path) = part::module(&choice) {
            choice.kind = folder.join(path).display().to_string();
        }
        if let Some(file) = &choice.file {
            choice.file = Some(folder.join(file).display().to_string());
        }
        choice
    }
}

pub(super) fn part(places: &mut Places<'_>, mut section: Table<'_>) -> Option<PartSpec> {
    let kind = section.required(places, "kind", Table::text);
    let mut text = |section: &mut Table<'_>, key| section.text(places, key).map(|text| text.value);
    let name = text(&mut section, "name");
    let bus = text(&mut section, "bus");
    let select = text(&mut section, "select");
    let pin = text(&mut section, "pin");
    let file = text(&mut section, "file");
    let uart = section.number_or_name(places, "uart");
    let address = section.number(places, "address").and_then(|address| {
        let number = u8::try_from(address.value);
        number
            .map_err(|_| places.problem(address.span, "`address` must be a number up to 0x7f"))
            .ok()
    });
    let pins = section.texts_by_name(places, "pins").unwrap_or_default();
    let values = section.numbers_by_name(places, "values").unwrap_or_default();
    let place = section.span.clone();
    section.finish(places, "in a [[board.part]]");
    let choice = PartChoice {
        kind: kind?.value,
        name,
        bus,
        address,
        select,
        pin,
        uart,
        pins,
        values,
        file,
        content: None,
    };
    Some(PartSpec { choice, place })
}

/// Whether all of these parts are known without reading a file.
pub(super) fn are_known(parts: &[PartSpec]) -> bool {
    parts
        .iter()
        .all(|spec| part::module(&spec.choice).is_none() && spec.choice.file.is_none())
}

/// The board with parts that need no file. What does not fit is a problem.
pub(super) fn wired(places: &mut Places<'_>, board: &Description, parts: &[PartSpec], kinds: &Kinds) -> Description {
    // What a file has is seen when it is read.
    let add = |board: &mut Description, choice: &PartChoice| {
        let choice = PartChoice {
            file: None,
            ..choice.clone()
        };
        part::wire_known(board, &choice, kinds)
    };
    wired_by(places, board, parts, add)
}

/// The board with all its parts; modules are read from `folder`. Blocks.
pub(super) fn wired_with_modules(
    places: &mut Places<'_>,
    spec: &BoardSpec,
    kinds: &Kinds,
    folder: &Path,
) -> Description {
    let add = |board: &mut Description, choice: &PartChoice| part::wire(board, choice, kinds, folder);
    wired_by(places, &spec.kind, &spec.parts, add)
}

fn wired_by(
    places: &mut Places<'_>,
    board: &Description,
    parts: &[PartSpec],
    add: impl Fn(&mut Description, &PartChoice) -> Result<(), Vec<String>>,
) -> Description {
    let mut board = board.clone();
    for part in parts {
        for what in add(&mut board, &part.choice).err().unwrap_or_default() {
            places.problem(part.place.clone(), &what);
        }
    }
    board
}

/// What is wrong with a step for a board with these parts.
pub(super) fn check(board: &Description, action: &Action) -> Result<(), String> {
    let find = |name: &str| {
        board.parts.iter().find(|part| part.name == name).ok_or_else(|| {
            let known: Vec<&str> = board.parts.iter().map(|part| part.name.as_str()).collect();
            match known[..] {
                [] => format!("there is no part {name}; give the [[board]] a [[board.part]]"),
                _ => format!("there is no part {name}; there are: {}", known.join(", ")),
            }
        })
    };
    match action {
        Action::SetPart {
            part, property, value, ..
        } => {
            let part = find(part)?;
            let value = Millionths::from_f64(*value).ok_or("`to` is beyond a billion")?;
            part.kind.check(property, value)
        }
        Action::PartValue { part, property, .. } => {
            let part = find(part)?;
            if part.kind.property(property).is_some() {
                return Ok(());
            }
            let known = part.kind.properties.iter().map(|property| property.name.as_str());
            let known: Vec<&str> = known.collect();
            Err(match known[..] {
                [] => format!("a {} has no values", part.kind.name),
                _ => format!("a {} has no `{property}`; it has: {}", part.kind.name, known.join(", ")),
            })
        }
        Action::PartFault { part, .. } => find(part).map(|_| ()),
        Action::LoadPart { part, content, .. } => {
            let part = find(part)?;
            match (content, &part.kind.content) {
                (Some(content), _) => part.kind.check_content(content),
                (None, Some(_)) => Ok(()),
                (None, None) => Err(format!("a {} keeps no content", part.kind.name)),
            }
        }
        Action::SavePart { part, .. } => match find(part)?.kind.content {
            Some(_) => Ok(()),
            None => Err(format!("{part} keeps no content")),
        },
        _ => Ok(()),
    }
}

/// The board that a step about a part is about.
pub(super) fn board_of(action: &Action) -> Option<usize> {
    match action {
        Action::SetPart { board, .. }
        | Action::PartValue { board, .. }
        | Action::PartFault { board, .. }
        | Action::LoadPart { board, .. }
        | Action::SavePart { board, .. } => Some(*board),
        _ => None,
    }
}
