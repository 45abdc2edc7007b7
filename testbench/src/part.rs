//! Virtual parts on a board of a bench: how they are wired, and the handle of one.

use crate::{
    bench::duration,
    board::Board,
    error::{Cause, TestError},
    kinds::Kinds,
    units::show_time,
};
use drydock_assets::{Board as Description, Millionths, PartChoice, PartKind, part_kinds};
use drydock_emulator::{PartFault, PartState, PartTable, Picture, TableFileError, VirtualParts, parts::program};
use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

/// The file that a choice names, if it is a module of the user.
pub(crate) fn module(choice: &PartChoice) -> Option<PathBuf> {
    let path = Path::new(&choice.kind);
    let is_module = path.extension().is_some_and(|extension| extension == "wasm");
    is_module.then(|| path.to_owned())
}

/// Wires a part of a kind that is known without a file.
pub(crate) fn wire_known(board: &mut Description, choice: &PartChoice, kinds: &Kinds) -> Result<(), Vec<String>> {
    let all: Vec<PartKind> = part_kinds().iter().chain(kinds.parts()).cloned().collect();
    board.add_part(choice, &all)
}

/// Wires a part; a module is read from `folder`. Blocks.
pub(crate) fn wire(
    board: &mut Description,
    choice: &PartChoice,
    kinds: &Kinds,
    folder: &Path,
) -> Result<(), Vec<String>> {
    let mut choice = choice.clone();
    choice.read_file(folder).map_err(|why| vec![why])?;
    let Some(path) = module(&choice) else {
        return wire_known(board, &choice, kinds);
    };
    let shown = path.display().to_string();
    let kind = program::read(&folder.join(&path)).map_err(|why| vec![format!("{shown} {why}")])?;
    choice.kind.clone_from(&kind.name);
    board.add_part(&choice, &[kind])
}

/// The table of a CSV file, for a board with these parts; the error is a clause for each problem. Blocks.
pub(crate) fn read_table(path: &Path, board: &Description) -> Result<PartTable, Vec<String>> {
    let shown = path.display();
    PartTable::read_file(path, &board.parts).map_err(|error| match &error {
        TableFileError::Unreadable { .. } => vec![error.to_string()],
        TableFileError::Invalid { problems, .. } => {
            problems.iter().map(|problem| format!("{shown}:{problem}")).collect()
        }
    })
}

/// A virtual part of a board. Clones are the same part.
#[derive(Clone)]
pub struct Part {
    board: Board,
    name: String,
}

/// Which values of a part fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Expected {
    /// This one, to a millionth.
    Equal(f64),
    /// Greater ones.
    Above(f64),
    /// Smaller ones.
    Below(f64),
    /// Ones between two, these excluded.
    Between(f64, f64),
}

impl Expected {
    fn fits(self, value: f64) -> bool {
        match self {
            Self::Equal(wanted) => Millionths::from_f64(wanted) == Millionths::from_f64(value),
            Self::Above(low) => value > low,
            Self::Below(high) => value < high,
            Self::Between(low, high) => value > low && value < high,
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equal(wanted) => write!(f, "{wanted}"),
            Self::Above(low) => write!(f, "above {low}"),
            Self::Below(high) => write!(f, "below {high}"),
            Self::Between(low, high) => write!(f, "between {low} and {high}"),
        }
    }
}

impl Part {
    pub(crate) fn new(board: Board, name: &str) -> Self {
        let name = name.to_owned();
        Self { board, name }
    }

    /// Its name on the board.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sets a property from now on, in its unit. A sensor takes it with its next measurement.
    ///
    /// # Errors
    /// [`Cause::Part`]: there is no such property, it is a reading, or the value is outside its range.
    pub fn set(&self, property: &str, value: f64) -> Result<(), TestError> {
        let number = Millionths::from_f64(value);
        self.act(|name, parts| match number {
            Some(number) => parts.set(name, property, number).map_err(|error| error.to_string()),
            None => Err(format!("`{property}` has a value beyond a billion")),
        })?;
        self.note(format!("{property} set to {value}"));
        Ok(())
    }

    /// The value of a property now, in its unit. A board without power has readings of 0.
    ///
    /// # Errors
    /// [`Cause::Part`]: there is no such property.
    pub fn value(&self, property: &str) -> Result<f64, TestError> {
        let value = self.board.bench.state().boards[self.board.index].part_value(&self.name, property);
        value.map_err(|cause| self.error(cause))
    }

    /// Waits until a property has a value that fits. Looks at it after each [`QUANTUM`](crate::QUANTUM). Returns when it fitted.
    ///
    /// # Errors
    /// [`Cause::PartValue`], also when the board stops by itself before; [`Cause::Part`], [`Cause::Cancelled`].
    pub fn expect(&self, property: &str, wanted: Expected, within: Duration) -> Result<Duration, TestError> {
        self.value(property)?;
        let index = self.board.index;
        let got = self.board.bench.until(within, |state| {
            let now = state.now;
            let board = &mut state.boards[index];
            match board.part_value(&self.name, property) {
                Ok(value) if wanted.fits(value) => Some(Ok(now)),
                _ => board.stop.clone().map(Err),
            }
        })?;
        match got {
            Some(Ok(at)) => Ok(duration(at)),
            other => Err(self.error(Cause::PartValue {
                part: format!("{}.{property}", self.name),
                wanted: wanted.to_string(),
                found: self.value(property)?,
                within,
                stop: other.and_then(Result::err),
            })),
        }
    }

    /// Lets a memory, a card or a GPS receiver keep `content` from now on.
    ///
    /// # Errors
    /// [`Cause::Part`]: the part keeps nothing, or the content does not fit it.
    pub fn load(&self, content: &[u8]) -> Result<(), TestError> {
        self.act(|name, parts| parts.load_content(name, content).map_err(|error| error.to_string()))?;
        self.note(format!("filled with {} bytes", content.len()));
        Ok(())
    }

    /// What it keeps without power, now.
    ///
    /// # Errors
    /// [`Cause::Part`]: the part keeps nothing.
    pub fn content(&self) -> Result<Vec<u8>, TestError> {
        let mut content = Vec::new();
        self.act(|name, parts| {
            content = parts.content(name).map_err(|error| error.to_string())?;
            Ok(())
        })?;
        Ok(content)
    }

    /// Writes what it keeps to a file. Blocks.
    ///
    /// # Errors
    /// As for [`Self::content`], or [`Cause::Part`]: the file cannot be written.
    pub fn save(&self, file: &Path) -> Result<(), TestError> {
        let content = self.content()?;
        std::fs::write(file, content).map_err(|error| {
            let what = format!("{} cannot be written: {error}", file.display());
            self.error(Cause::Part(what))
        })
    }

    /// Red, green and blue of each light of a strip; none of a part that is none, and without power.
    pub fn lights(&self) -> Vec<[u8; 3]> {
        self.state().map_or_else(Vec::new, |state| state.lights)
    }

    /// What a display shows now; `None` for a part that is none, and without power.
    pub fn picture(&self) -> Option<Picture> {
        self.state()?.picture
    }

    /// Breaks it: [`PartFault::Stuck`] or [`PartFault::Silent`]. It stays so until [`Self::mend`].
    ///
    /// # Errors
    /// The emulator failed.
    pub fn fail(&self, fault: PartFault) -> Result<(), TestError> {
        self.set_fault(Some(fault))
    }

    /// Mends it. Values that were set while it was stuck reach it now.
    ///
    /// # Errors
    /// The emulator failed.
    pub fn mend(&self) -> Result<(), TestError> {
        self.set_fault(None)
    }

    fn set_fault(&self, fault: Option<PartFault>) -> Result<(), TestError> {
        self.act(|name, parts| parts.set_fault(name, fault).map_err(|error| error.to_string()))?;
        self.note(fault_text(fault).to_owned());
        Ok(())
    }

    fn state(&self) -> Option<PartState> {
        let mut state = self.board.bench.state();
        let board = &mut state.boards[self.board.index];
        if board.has_no_power() {
            return None;
        }
        let listed = board.machine.parts()?.list();
        listed.into_iter().find(|part| part.name == self.name)
    }

    fn act(&self, action: impl FnOnce(&str, &mut dyn VirtualParts) -> Result<(), String>) -> Result<(), TestError> {
        let mut state = self.board.bench.state();
        let now = state.now;
        let board = &mut state.boards[self.board.index];
        let done = match board.machine.parts() {
            Some(parts) => action(&self.name, parts),
            None => Err("it has no parts".into()),
        };
        // A part's pin may wake it.
        board.wake(now);
        drop(state);
        done.map_err(|what| self.error(Cause::Part(what)))
    }

    fn note(&self, what: String) {
        let mut state = self.board.bench.state();
        let text = format!("{}:{} {what}", state.boards[self.board.index].name, self.name);
        state.note(text);
    }

    fn error(&self, cause: Cause) -> TestError {
        self.board.bench.state().error(Some(self.board.index), cause)
    }
}

/// A fault in words.
pub(crate) fn fault_text(fault: Option<PartFault>) -> &'static str {
    match fault {
        None => "mended",
        Some(PartFault::Stuck) => "stuck",
        Some(PartFault::Silent) => "silent",
    }
}

/// A part and its values as a line of a report.
pub(crate) fn report_line(part: &PartState) -> String {
    let values = part.properties.iter().map(|property| {
        let text = format!("{} {} {}", property.name, property.value, property.unit);
        text.trim_end().to_owned()
    });
    let fault = part.fault.map(|fault| fault_text(Some(fault)).to_owned());
    let stopped = part.stopped.as_ref().map(|why| format!("stopped: {why}"));
    let all: Vec<String> = values.chain(fault).chain(stopped).collect();
    format!("{} ({}): {}", part.name, part.place, all.join(", "))
}

/// A value that did not come, for [`Cause::PartValue`].
pub(crate) fn missed(part: &str, wanted: &str, found: f64, within: Duration) -> String {
    format!("{part} was not {wanted} within {}: it is {found}", show_time(within))
}
