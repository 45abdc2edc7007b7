//! Labels to print for provisioned boards.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Asks for a sheet of labels: for each board its name, its kind, its device id, its chip's id, and a QR code that
/// holds `drydock:DEVICE-ID`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct LabelsMake {
    /// Names or device ids of the boards; empty for all boards that passed.
    #[serde(default)]
    pub boards: Vec<String>,
    /// Format of the sheet.
    pub format: LabelFormat,
    /// Width of one label, in millimetres.
    #[serde(default = "default_width")]
    pub width_mm: f64,
    /// Height of one label, in millimetres.
    #[serde(default = "default_height")]
    pub height_mm: f64,
    /// Absolute path of the file to write; `None` returns the sheet in base64.
    #[serde(default)]
    pub path: Option<String>,
    /// Replace an existing file.
    #[serde(default)]
    pub overwrite: bool,
}

/// Width of a label unless the request says otherwise, in millimetres: a common size of label printers.
pub const LABEL_WIDTH_MM: f64 = 62.0;

/// Height of a label unless the request says otherwise, in millimetres.
pub const LABEL_HEIGHT_MM: f64 = 29.0;

fn default_width() -> f64 {
    LABEL_WIDTH_MM
}

fn default_height() -> f64 {
    LABEL_HEIGHT_MM
}

/// Format of a sheet of labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum LabelFormat {
    /// One drawing with all labels in a grid.
    Svg,
    /// A4 pages.
    Pdf,
}

/// A sheet of labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LabelSheet {
    /// The file that was written.
    pub path: Option<String>,
    /// The sheet in base64, if the request named no file.
    pub base64: Option<String>,
    /// Names of the boards that have a label, in the order of the sheet.
    pub boards: Vec<String>,
    /// Number of pages.
    pub pages: u32,
    /// Boards that have no label because their last attempt failed; only if no boards were named.
    pub left_out: Vec<LeftOut>,
}

/// A board that has no label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LeftOut {
    /// Name of the board.
    pub board: String,
    /// One sentence: the reason.
    pub text: String,
}
