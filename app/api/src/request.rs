//! Parameters of the methods, and results that belong to one method only.

use super::{parts::PartAdd, recording::RecordingFile, view::*};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use ts_rs::TS;

/// Nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Empty {}

/// A text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Text {
    /// The text.
    pub text: String,
}

/// All boards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Fleet {
    /// Revision that this state holds at.
    #[ts(type = "number")]
    pub revision: u64,
    /// The boards, by name.
    pub boards: Vec<BoardView>,
}

/// Names a board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct BoardRef {
    /// Its id or its name.
    pub board: String,
}

/// Adds an emulated board.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct BoardAdd {
    /// Id of the board's description.
    pub kind: String,
    /// Absolute path of a file that describes the board, for this board alone; `kind` is not read then.
    #[serde(default)]
    pub kind_file: Option<String>,
    /// Name; `None` takes `bench-1`, `bench-2`, ….
    #[serde(default)]
    pub name: Option<String>,
    /// Engine; `None` takes the first one that can run the board.
    #[serde(default)]
    pub engine: Option<String>,
    /// Pace of its time.
    #[serde(default)]
    pub pace: Pace,
    /// Seed, hexadecimal; `None` takes one from the host's entropy and records it.
    #[serde(default)]
    pub seed: Option<String>,
    /// Damage of the link, for trials: `RATE` or `RATE:SEED`, where the rate is the share of damaged frames, 0 to 0.5.
    #[serde(default)]
    pub link_noise: Option<String>,
    /// A program of the user's own for the board; `None` for Drydock's firmware.
    #[serde(default)]
    pub firmware: Option<FirmwareFile>,
    /// Virtual parts besides those that are on such a board.
    #[serde(default)]
    pub parts: Vec<PartAdd>,
    /// Path of a CSV file that values of parts follow from the start, as the owner sees it; `None` for none.
    #[serde(default)]
    pub part_values: Option<String>,
    /// Records the board from its first instruction.
    #[serde(default)]
    pub record: Option<RecordingFile>,
}

/// Adds a kind of board of the user's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct BoardKindAdd {
    /// Absolute path of the file that describes it.
    pub path: String,
}

/// Names a kind of board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct BoardKindRef {
    /// Id of its description.
    pub kind: String,
}

/// A program of the user's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct FirmwareFile {
    /// Absolute path of an ELF, Intel HEX, S-record, UF2 or binary file, or of an app image for Espressif chips.
    pub path: String,
    /// Where a file without addresses belongs; `None` where the board starts.
    #[serde(default)]
    pub address: Option<u32>,
    /// The line on which the program logs with defmt, as terminals name it: `0` for UART 0, `itm0`, `usb`. RTT's channel
    /// with the name `defmt` needs no word.
    #[serde(default)]
    pub defmt: Option<String>,
    /// What the program gets where the engine has no model.
    #[serde(default)]
    pub unmodelled: Unmodelled,
    /// What the program gets when it asks for its command line by semihosting.
    #[serde(default)]
    pub arguments: String,
}

/// The answer to an access that the chip would serve and the engine does not model. It is reported in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Unmodelled {
    /// A bus fault.
    #[default]
    Fault,
    /// A load gives zero, and a store is lost.
    Zero,
}

/// Asks which boards and kinds of boards can run a program of the user's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct FirmwarePreviewRequest {
    /// The program.
    pub firmware: FirmwareFile,
    /// Ids or names of boards.
    #[serde(default)]
    pub boards: Vec<String>,
}

/// Gives an emulated board a program of the user's own, or Drydock's firmware again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct BoardFirmware {
    /// Its id or its name.
    pub board: String,
    /// The program; `None` for Drydock's firmware.
    #[serde(default)]
    pub firmware: Option<FirmwareFile>,
}

/// Renames a board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct BoardRename {
    /// Its id or its name.
    pub board: String,
    /// The new name.
    pub name: String,
}

/// Adds labels to boards and removes labels from them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct BoardLabel {
    /// Ids or names of the boards.
    pub boards: Vec<String>,
    /// Labels to add: lower-case letters, digits and inner hyphens, at most 32; at most 16 a board.
    #[serde(default)]
    pub add: Vec<String>,
    /// Labels to remove; a board that lacks one stays as it is.
    #[serde(default)]
    pub remove: Vec<String>,
}

/// Switches a machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct BoardPower {
    /// Id or name of the board.
    pub board: String,
    /// The action.
    pub action: PowerAction,
}

/// An action on a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum PowerAction {
    /// Power on.
    On,
    /// Power off at this instant.
    Off,
    /// Pin reset.
    Reset,
    /// Cut the power now and restore it: RAM is lost, flash keeps what was written.
    Cut,
    /// Pause time.
    Pause,
    /// Resume time.
    Resume,
}

/// Changes the pace of a machine's time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct MachinePace {
    /// Id or name of the board.
    pub board: String,
    /// The new pace; kept for the next time the machine is switched on.
    pub pace: Pace,
}

/// Carries out some instructions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct MachineStep {
    /// Id or name of the board.
    pub board: String,
    /// How many.
    pub count: u32,
}

/// Holds or releases a button.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct BoardButton {
    /// Id or name of the board.
    pub board: String,
    /// Name of the button.
    pub button: String,
    /// Held or not.
    pub pressed: bool,
}

/// The source of a module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum AppSource {
    /// A `.wasm` or `.wat` file, by absolute path, read by the owner.
    Path(String),
    /// Bytes in base64, with the file's name.
    Bytes {
        /// Name of the file.
        name: String,
        /// The bytes in base64.
        base64: String,
    },
    /// A sample that is embedded in Drydock, by name.
    Sample(String),
}

/// A sample app of Drydock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Sample {
    /// Its name, for [`AppSource::Sample`].
    pub name: String,
    /// Size of the module in bytes.
    pub size_bytes: u32,
}

/// Asks for the analysis of a file, and where it could run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AppPreviewRequest {
    /// The module.
    pub source: AppSource,
    /// Ids or names of the boards to check.
    pub boards: Vec<String>,
    /// Version, as in [`AppDeploy`].
    #[serde(default)]
    pub version: Option<String>,
}

/// Deploys a module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AppDeploy {
    /// The module.
    pub source: AppSource,
    /// Ids or names of the boards.
    pub boards: Vec<String>,
    /// Name of the app; `None` takes the module's name, or the file's if the module has none.
    #[serde(default)]
    pub name: Option<String>,
    /// Version; `None` takes the module's, or the next patch version if the module has none.
    #[serde(default)]
    pub version: Option<String>,
    /// Capabilities beyond the default ones that the user consents to, for example `gpio:7`; and limits that the user
    /// raises: `memory:BYTES` of linear memory, `callback:MS` for each call.
    #[serde(default)]
    pub grant: Vec<String>,
    /// Leave it installed without starting it.
    #[serde(default)]
    pub no_start: bool,
}

/// An accepted deployment. A board that cannot take the app does not stop it on the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Deployment {
    /// Name of the app.
    pub app: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the module, hexadecimal.
    pub digest: String,
    /// Ids of the boards that get it.
    pub boards: Vec<String>,
    /// The boards that do not, each with the reason.
    #[serde(default)]
    pub refused: Vec<Verdict>,
}

/// Names an app on a board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AppRef {
    /// Id or name of the board.
    pub board: String,
    /// Name of the app.
    pub app: String,
}

/// Asks for lines of a console.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct LogsQuery {
    /// Id or name of the board.
    pub board: String,
    /// Only lines after this sequence.
    #[serde(default)]
    #[ts(type = "number | null")]
    pub after: Option<u64>,
    /// Only of this source.
    #[serde(default)]
    pub source: Option<String>,
    /// At most this many of the newest lines.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Lines of a console.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Logs {
    /// The lines, ascending.
    pub lines: Vec<LogLine>,
    /// Number of lines before the first one that are no longer kept.
    #[ts(type = "number")]
    pub dropped: u64,
}

/// Asks for lines of plots.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct MetricsQuery {
    /// Id or name of the board.
    pub board: String,
    /// Ids of the series; empty for all.
    #[serde(default)]
    pub series: Vec<String>,
    /// How far back, in seconds.
    pub window_s: f64,
    /// At most this many points a series; extremes are kept.
    pub max_points: u32,
}

/// Asks for a chart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct MetricsExport {
    /// The series to draw.
    pub query: MetricsQuery,
    /// `svg`, `png` or `csv`.
    pub format: ChartFormat,
    /// Dark background.
    #[serde(default)]
    pub dark: bool,
    /// File to write; `None` returns the content in base64.
    #[serde(default)]
    pub path: Option<String>,
    /// End of the drawn span, in milliseconds since the Unix epoch; `None` is the current time.
    #[serde(default)]
    pub until_ms: Option<f64>,
    /// Numbers of colours, 1 to 8, by id of the series. A series without an entry gets its usual colour.
    #[serde(default)]
    pub colours: HashMap<String, u8>,
    /// Offset of the displayed clock from UTC, in minutes; `None` displays UTC.
    #[serde(default)]
    pub utc_offset_min: Option<i16>,
}

/// Format of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ChartFormat {
    /// Scalable vector graphics.
    Svg,
    /// Portable network graphics.
    Png,
    /// The numbers, with a column for each series.
    Csv,
}

/// A chart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Exported {
    /// The file that was written.
    pub path: Option<String>,
    /// The chart in base64, if the request named no file.
    pub base64: Option<String>,
}

/// Asks what happened.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct ActivityQuery {
    /// Only entries before this revision.
    #[serde(default)]
    #[ts(type = "number | null")]
    pub before: Option<u64>,
    /// At most this many.
    pub limit: u32,
    /// Only of this board.
    #[serde(default)]
    pub board: Option<String>,
}

/// Turns pairing on or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PairingSet {
    /// On or off.
    pub enabled: bool,
}
