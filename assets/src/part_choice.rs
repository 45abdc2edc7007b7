//! A part as a user or a file asks for it, and the file that it is to keep.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::{fs, io};

use serde::{Deserialize, Deserializer};

use crate::part_kind::PartContent;

/// A part as a user or a file asks for it. What is left out follows from the board.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartChoice {
    /// Name of the kind.
    pub kind: String,
    /// Name on the board; `None` for that of the kind, with a number if it is taken.
    pub name: Option<String>,
    /// Name of the bus; `None` for the board's first one.
    pub bus: Option<String>,
    /// Address on an I²C bus; `None` for the kind's first one that is free.
    pub address: Option<u8>,
    /// Select pin on an SPI bus; `None` for that of the bus.
    pub select: Option<String>,
    /// Pin of an analogue part, `None` for the board's first analogue pin; or of a part that has one line.
    pub pin: Option<String>,
    /// Number or name of the UART of a part on one; `None` for the board's first one that is free and not the link's.
    #[serde(default, deserialize_with = "number_or_name")]
    pub uart: Option<String>,
    /// Pins of the part's lines, by the line's name.
    #[serde(default)]
    pub pins: BTreeMap<String, String>,
    /// Values of properties.
    #[serde(default)]
    pub values: BTreeMap<String, f64>,
    /// Path of the file that the part keeps or plays. [`Self::read_file`] reads it.
    pub file: Option<String>,
    /// What `file` has.
    #[serde(skip)]
    pub content: Option<PartContent>,
}

impl PartChoice {
    /// Reads the file that it names, by a path relative to `folder`. It blocks.
    ///
    /// # Errors
    /// A clause: it cannot be read, or is longer than the content of any part.
    pub fn read_file(&mut self, folder: &Path) -> Result<(), String> {
        let Some(named) = &self.file else { return Ok(()) };
        let content = read_content(&folder.join(named)).map_err(|what| format!("`{named}` {what}"))?;
        self.content = Some(PartContent(content.into()));
        Ok(())
    }
}

/// Longest content of a part, in bytes.
pub const CONTENT_BYTES_MAX: u64 = 64 << 20;

/// What a file has for a part to keep. It blocks.
///
/// # Errors
/// A clause that follows the file's name.
pub fn read_content(path: &Path) -> Result<Vec<u8>, String> {
    let cannot = |error: io::Error| format!("cannot be read: {error}");
    let file = fs::File::open(path).map_err(cannot)?;
    if !file.metadata().map_err(cannot)?.is_file() {
        return Err("is no file".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(CONTENT_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(cannot)?;
    match bytes.len() as u64 > CONTENT_BYTES_MAX {
        true => Err(format!(
            "is longer than {CONTENT_BYTES_MAX} bytes, the most that a part keeps"
        )),
        false => Ok(bytes),
    }
}

/// `1` or `"gps"`.
fn number_or_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u8),
        Name(String),
    }
    let either = Option::<Either>::deserialize(deserializer)?;
    Ok(either.map(|either| match either {
        Either::Number(number) => number.to_string(),
        Either::Name(name) => name,
    }))
}
