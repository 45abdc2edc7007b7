//! Virtual parts of a machine's board, as a user sees them: sensors, memories, displays, lights and buttons with values by name.

use drydock_assets::Millionths;
use serde::{Deserialize, Serialize};

use super::part_table::PartTable;
use super::time::VirtualTime;

/// Optional capability of a machine: virtual parts that are wired to its chip.
pub trait VirtualParts {
    /// The parts, in the order in which they were wired.
    fn list(&self) -> Vec<PartState>;

    /// Sets a property of a part, from this instant on.
    ///
    /// # Errors
    /// [`PartError`]; nothing is changed then.
    fn set(&mut self, part: &str, property: &str, value: Millionths) -> Result<(), PartError>;

    /// The value of a property in this instant.
    ///
    /// # Errors
    /// [`PartError`].
    fn value(&self, part: &str, property: &str) -> Result<Millionths, PartError>;

    /// Lets values follow a table from this instant on, instead of the one before; `None` ends that. A value that is set
    /// meanwhile holds until the table has another one.
    ///
    /// # Errors
    /// [`PartError`]: the table is for another board. Nothing is changed then.
    fn play(&mut self, table: Option<PartTable>) -> Result<(), PartError>;

    /// What a part keeps without power: the bytes of a memory, or the file that it plays.
    ///
    /// # Errors
    /// [`PartError`]: there is no such part, or it keeps nothing.
    fn content(&self, part: &str) -> Result<Vec<u8>, PartError>;

    /// Lets a part keep `content` from this instant on; a memory is erased behind its end.
    ///
    /// # Errors
    /// [`PartError`]: there is no such part, or the content does not fit it. Nothing is changed then.
    fn load_content(&mut self, part: &str, content: &[u8]) -> Result<(), PartError>;

    /// The parts that keep something, each with a number that rises with each change of it.
    fn contents(&self) -> Vec<(String, u64)>;

    /// Breaks a part, or mends it with `None`.
    ///
    /// # Errors
    /// [`PartError::NoPart`].
    fn set_fault(&mut self, part: &str, fault: Option<PartFault>) -> Result<(), PartError>;

    /// Takes what parts said since the last call.
    fn take_messages(&mut self) -> Vec<PartMessage>;
}

/// What is wrong with a part. It stays until the part is mended, also without power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PartFault {
    /// It measures what it measured when it broke. Values that are set meanwhile reach it when it is mended.
    Stuck,
    /// It does not answer on its bus, and drives no pin and no voltage.
    Silent,
}

/// A line that a part logged, or why it was stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartMessage {
    /// When.
    pub at: VirtualTime,
    /// Name of the part.
    pub part: String,
    /// One line.
    pub text: String,
    /// The part no longer runs, and the line says why.
    pub stopped: bool,
}

/// A part and its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartState {
    /// Name on the board.
    pub name: String,
    /// Name of its kind, as in `bme280`.
    pub kind: String,
    /// The kind's name for people.
    pub title: String,
    /// Why it no longer runs: a program that trapped or did not end.
    pub stopped: Option<String>,
    /// What a test broke of it.
    pub fault: Option<PartFault>,
    /// Where it is wired, for people.
    pub place: String,
    /// Its properties, in the order of its kind.
    pub properties: Vec<PropertyState>,
    /// What a display shows; `None` for other parts.
    pub picture: Option<Picture>,
    /// Red, green and blue of each light of a strip; empty for other parts.
    pub lights: Vec<[u8; 3]>,
    /// Bytes that it keeps without power; `None` for a part that keeps nothing.
    pub content_bytes: Option<u32>,
}

/// A property and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PropertyState {
    /// Name.
    pub name: String,
    /// Unit; empty for a plain number.
    pub unit: String,
    /// Lowest value.
    pub min: Millionths,
    /// Highest value.
    pub max: Millionths,
    /// Value now.
    pub value: Millionths,
    /// The part says what it is: it can be read and not set.
    pub reading: bool,
}

/// What a display shows: one byte a dot, row by row from the top left; 0 is dark, 255 is lit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Dots in a row.
    pub width: u16,
    /// Rows.
    pub height: u16,
    /// The dots.
    pub dots: Vec<u8>,
}

/// A value that a part does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartError {
    /// The board has no such part.
    #[error("there is no part {part}; {}", list(known))]
    NoPart {
        /// The name asked for.
        part: String,
        /// The names that exist.
        known: Vec<String>,
    },
    /// The part has no such property, or the value is outside its range.
    #[error("{0}")]
    Value(String),
}

fn list(known: &[String]) -> String {
    match known {
        [] => "the board has none".to_owned(),
        _ => format!("there are: {}", known.join(", ")),
    }
}
