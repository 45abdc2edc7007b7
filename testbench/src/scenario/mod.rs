//! Scenario files: boards, wires between them, and steps in virtual time. `docs/testing-firmware.md` is the reference of
//! the format.
//!
//! A file is read as a whole, and all that is wrong with it is said at once, each with its place. Reading opens nothing;
//! [`Scenario::load`] reads the firmware files too.

mod ether;
mod part;
mod places;
mod read;
mod run;
mod step;

pub use ether::EtherSpec;
pub use places::{Invalid, Problem};
pub use run::{Failure, Loaded, Outcome, Progress, Run};
pub use step::{Action, Step};

use crate::{bench::read_program, kinds::Kinds, part::read_table, report::file_name};
use drydock_assets::Board as Description;
use places::Places;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Longest scenario file, in bytes.
pub const MAX_FILE_BYTES: u64 = 1 << 20;
/// Most boards of a scenario.
pub const MAX_BOARDS: usize = 16;
/// Most wires of a scenario.
pub const MAX_WIRES: usize = 64;
/// Most ethers of a scenario.
pub const MAX_ETHERS: usize = 8;
/// Most steps of a scenario.
pub const MAX_STEPS: usize = 1_000;
/// Most seeds of a matrix.
pub const MAX_SEEDS: usize = 1_000;

/// A scenario, as its file says it.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name; without one in the file, the file's.
    pub name: String,
    /// The boards, in the order of the file.
    pub boards: Vec<BoardSpec>,
    /// The wires, in the order of the file.
    pub wires: Vec<WireSpec>,
    /// The ethers, in the order of the file.
    pub ethers: Vec<EtherSpec>,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// It runs once with each of these seeds.
    pub seeds: Vec<u64>,
}

/// A board of a scenario.
#[derive(Debug, Clone)]
pub struct BoardSpec {
    /// Its name in steps.
    pub name: String,
    /// Its kind, without the parts that the scenario adds.
    pub kind: Description,
    /// The firmware file, as written: relative to the scenario's folder.
    pub firmware: PathBuf,
    /// Where a file without addresses belongs.
    pub address: Option<u32>,
    /// A seed of its own, which the matrix does not change.
    pub seed: Option<u64>,
    /// Parts that the scenario adds.
    parts: Vec<part::PartSpec>,
    /// Place of `firmware` in the file, in bytes.
    place: std::ops::Range<usize>,
}

/// A wire of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireSpec {
    /// Its name in steps.
    pub name: Option<String>,
    /// What it connects.
    pub ends: WireEnds,
}

/// What a wire connects: numbers of boards, and what of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WireEnds {
    /// Two UARTs, both directions.
    Uarts([(usize, u8); 2]),
    /// The first pin drives the second one.
    Pins([(usize, String); 2]),
}

impl Scenario {
    /// Reads the text of a file called `file`.
    ///
    /// # Errors
    /// [`Invalid`]: everything that is wrong with it.
    pub fn parse(file: &str, text: &str) -> Result<Self, Invalid> {
        Self::parse_with(file, text, &Kinds::default())
    }

    /// The same, with boards of these kinds.
    ///
    /// # Errors
    /// As for [`Self::parse`].
    pub fn parse_with(file: &str, text: &str, kinds: &Kinds) -> Result<Self, Invalid> {
        let mut places = Places::new(file, text);
        let scenario = read::scenario(&mut places, text, kinds);
        let mut scenario = places.finish(scenario)?;
        if scenario.name.is_empty() {
            let stem = Path::new(file).file_stem().unwrap_or_default();
            scenario.name = stem.to_string_lossy().into_owned();
        }
        Ok(scenario)
    }

    /// Reads a file and the firmware files that it names. Blocks.
    ///
    /// # Errors
    /// [`Invalid`]: everything that is wrong with it, a firmware file that does not fit its board included.
    pub fn load(path: &Path) -> Result<Loaded, Invalid> {
        Self::load_with(path, &Kinds::default())
    }

    /// The same, with boards of these kinds. Blocks.
    ///
    /// # Errors
    /// As for [`Self::load`].
    pub fn load_with(path: &Path, kinds: &Kinds) -> Result<Loaded, Invalid> {
        let file = path.display().to_string();
        let text = read_text(path).map_err(|what| Invalid {
            file: file.clone(),
            problems: vec![Problem {
                line: 0,
                column: 0,
                what,
            }],
        })?;
        let mut scenario = Self::parse_with(&file, &text, kinds)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut places = Places::new(&file, &text);
        let mut programs = Vec::new();
        let mut boards = Vec::new();
        for (index, board) in scenario.boards.iter().enumerate() {
            let wired = part::wired_with_modules(&mut places, board, kinds, folder);
            // The others were checked when the text was read.
            if !part::are_known(&board.parts) {
                let steps = scenario.steps.iter();
                for step in steps.filter(|step| part::board_of(&step.action) == Some(index)) {
                    if let Err(what) = part::check(&wired, &step.action) {
                        places.problem(step.place.clone(), &what);
                    }
                }
            }
            match read_program(&folder.join(&board.firmware), board.address, &wired) {
                Ok(program) => programs.push(Arc::new(program)),
                Err(cause) => places.problem(board.place.clone(), &cause.to_string()),
            }
            boards.push(wired);
        }
        for step in &mut scenario.steps {
            if let Action::LoadPart { file, content, .. } = &mut step.action {
                match drydock_assets::read_content(&folder.join(&*file)) {
                    Ok(read) => *content = Some(read.into()),
                    Err(what) => places.problem(step.place.clone(), &format!("{} {what}", file.display())),
                }
            }
            if let Action::SavePart { file, .. } = &mut step.action {
                *file = folder.join(&*file);
            }
            if let Action::LoadPart { board, .. } = &step.action
                && let Err(what) = part::check(&boards[*board], &step.action)
            {
                places.problem(step.place.clone(), &what);
            }
            if let Action::Play { board, file, table } = &mut step.action {
                match read_table(&folder.join(file), &boards[*board]) {
                    Ok(read) => *table = Some(Arc::new(read)),
                    Err(problems) => {
                        for what in problems {
                            places.problem(step.place.clone(), &what);
                        }
                    }
                }
            }
        }
        places.finish(Some(Loaded::new(scenario, programs, folder)))
    }
}

/// A name as the name of a folder or a file: other characters than ASCII letters, digits, `-`, `_` and `.` become `_`.
pub fn folder_name(name: &str) -> String {
    file_name(name)
}

/// The text of a scenario file; the error is a clause.
fn read_text(path: &Path) -> Result<String, String> {
    let metadata = std::fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?;
    if !metadata.is_file() {
        return Err("is no file".into());
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(format!(
            "has {} bytes; a scenario has at most {MAX_FILE_BYTES}",
            metadata.len()
        ));
    }
    let bytes = std::fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
    String::from_utf8(bytes).map_err(|_| "is no text in UTF-8".into())
}
