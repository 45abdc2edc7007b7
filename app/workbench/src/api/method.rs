//! Methods: what users of the workbench can ask for. One table makes the request enum and the TypeScript map.

use super::{insight::*, snapshot::*, view::*};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Why a method did not do what was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ApiError {
    /// The class of the error; decides the CLI's exit code.
    pub code: ErrorCode,
    /// One sentence: what happened, to which board or app, and what to do.
    pub message: String,
    /// More for those who want it; folds out.
    pub detail: Option<String>,
}

impl ApiError {
    /// An error with its sentence.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            detail: None,
        }
    }

    /// A fault of Drydock itself.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Internal, message)
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ApiError {}

/// Classes of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The request makes no sense (exit code 2).
    Usage,
    /// Refused, or not installed (exit code 3).
    Refused,
    /// There is no such board, app or package (exit code 3).
    NotFound,
    /// A board or an engine failed (exit code 4).
    Board,
    /// Cancelled (exit code 130).
    Cancelled,
    /// A fault of Drydock itself (exit code 4).
    Internal,
}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:literal $variant:ident($params:ty) -> $result:ty;)*) => {
        /// A request: the method's name and what it takes.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
        #[serde(tag = "method", content = "params")]
        pub enum Request {
            $($(#[$doc])* #[serde(rename = $name)] $variant($params),)*
        }

        /// What a method gives; the variant is that of the request.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[serde(untagged)]
        pub enum Response {
            $($(#[$doc])* $variant($result),)*
        }

        /// Name, type of the parameters and type of the result of each method, as TypeScript.
        pub fn method_signatures() -> Vec<(&'static str, String, String)> {
            let config = ts_rs::Config::default();
            vec![$(($name, <$params as TS>::name(&config), <$result as TS>::name(&config)),)*]
        }

        /// Shows each type that a method takes or gives to a visitor.
        pub(super) fn visit_method_types(visitor: &mut impl ts_rs::TypeVisitor) {
            $(visitor.visit::<$params>(); visitor.visit::<$result>();)*
        }

        impl Request {
            /// Name of the method.
            pub fn method(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)*
                }
            }

            /// Makes the response of this method from its JSON.
            ///
            /// # Errors
            /// The JSON is not what this method gives.
            pub fn parse_response(&self, json: serde_json::Value) -> Result<Response, serde_json::Error> {
                match self {
                    $(Self::$variant(_) => serde_json::from_value::<$result>(json).map(Response::$variant),)*
                }
            }
        }
    };
}

methods! {
    /// What is always true of this workbench.
    "system.info" SystemInfo(Empty) -> SystemInfo;
    /// Text for a bug report: versions, settings, recent log; no keys, no tokens.
    "system.diagnostics" Diagnostics(Empty) -> Text;
    /// Kinds of boards that can be added.
    "board.kinds" BoardKinds(Empty) -> Vec<BoardKindView>;
    /// The fleet, and the revision that it holds at.
    "board.list" BoardList(Empty) -> Fleet;
    /// One board, by id or name.
    "board.get" BoardGet(BoardRef) -> BoardView;
    /// Adds an emulated board and switches it on.
    "board.add" BoardAdd(BoardAdd) -> BoardView;
    /// Removes a board: its machine, its device and what is wished for it.
    "board.remove" BoardRemove(BoardRef) -> Empty;
    /// Gives a board another name.
    "board.rename" BoardRename(BoardRename) -> BoardView;
    /// Switches a machine.
    "board.power" BoardPower(BoardPower) -> BoardView;
    /// Holds or releases a button of an emulated board.
    "board.button" BoardButton(BoardButton) -> Empty;
    /// Changes the pace of a machine's time.
    "machine.pace" MachinePace(MachinePace) -> BoardView;
    /// Carries out some instructions of a machine whose time stands.
    "machine.step" MachineStep(MachineStep) -> BoardView;
    /// The snapshots of a board that are kept, the oldest first.
    "snapshot.list" SnapshotList(BoardRef) -> Vec<SnapshotView>;
    /// Keeps the state that a board is in.
    "snapshot.take" SnapshotTake(SnapshotTake) -> SnapshotView;
    /// Goes back to a state that is kept or in a file.
    "snapshot.restore" SnapshotRestore(SnapshotRestore) -> BoardView;
    /// Forgets a snapshot.
    "snapshot.delete" SnapshotDelete(SnapshotRef) -> Empty;
    /// Writes a state to a file.
    "snapshot.export" SnapshotExport(SnapshotExport) -> SnapshotFile;
    /// Reads a state from a file and keeps it.
    "snapshot.import" SnapshotImport(SnapshotImport) -> SnapshotView;
    /// Makes boards after the model of another: each with an identity and a seed of its own, and the same apps wished for.
    "board.fork" BoardFork(BoardFork) -> Vec<BoardView>;
    /// Begins a profile of an emulated board.
    "profile.start" ProfileStart(ProfileStart) -> ProfileView;
    /// A profile as it is now, finished or not.
    "profile.view" ProfileView(ProfileQuery) -> ProfileView;
    /// Ends a profile, and keeps it until the next one of the board.
    "profile.stop" ProfileStop(ProfileStop) -> ProfileView;
    /// Makes a file of a profile.
    "profile.export" ProfileExport(ProfileExport) -> Exported;
    /// Lets debuggers connect to an emulated board, one at a time.
    "gdb.open" GdbOpen(GdbOpen) -> GdbView;
    /// Whether debuggers can connect, and whether one is.
    "gdb.view" GdbView(BoardRef) -> GdbView;
    /// Lets no debugger connect any more; one that is connected is detached.
    "gdb.close" GdbClose(BoardRef) -> GdbView;
    /// Whether a machine's engine has a command language, as Renode's monitor is one, and what was typed so far.
    "monitor.view" MonitorView(BoardRef) -> MonitorView;
    /// Executes a line in the command language of a machine's engine.
    "monitor.execute" MonitorExecute(MonitorLine) -> MonitorReply;
    /// The apps that come with Drydock, by name.
    "app.samples" AppSamples(Empty) -> Vec<Sample>;
    /// What a file is and where it could run; stores nothing.
    "app.preview" AppPreview(AppPreviewRequest) -> AppPreview;
    /// Signs a module, stores it and wishes for it on the boards. Returns once it is accepted; events tell what becomes of it.
    "app.deploy" AppDeploy(AppDeploy) -> Deployment;
    /// Starts an app.
    "app.start" AppStart(AppRef) -> Empty;
    /// Stops an app.
    "app.stop" AppStop(AppRef) -> Empty;
    /// Removes an app from a board.
    "app.remove" AppRemove(AppRef) -> Empty;
    /// Gives up a deployment under way.
    "app.cancel" AppCancel(AppRef) -> Empty;
    /// Lines of a console.
    "logs.query" LogsQuery(LogsQuery) -> Logs;
    /// Lines of the plots.
    "metrics.query" MetricsQuery(MetricsQuery) -> Vec<Series>;
    /// Draws a chart of the given series into a file or returns it.
    "metrics.export" MetricsExport(MetricsExport) -> Exported;
    /// What happened, newest first.
    "activity.list" ActivityList(ActivityQuery) -> Vec<ActivityEntry>;
    /// Turns pairing of boards that the user did not create on or off.
    "pairing.set" PairingSet(PairingSet) -> Empty;
    /// Asks the owner's window to come to the front: the event `window.show` tells it.
    "window.show" WindowShow(Empty) -> Empty;
}

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
    /// Name; none: `bench-1`, `bench-2`, ….
    #[serde(default)]
    pub name: Option<String>,
    /// Engine; none: `builtin`.
    #[serde(default)]
    pub engine: Option<String>,
    /// Pace of its time.
    #[serde(default)]
    pub pace: Pace,
    /// Seed, hexadecimal; none: from the host's entropy, recorded.
    #[serde(default)]
    pub seed: Option<String>,
    /// Damage of the link, for trials: `RATE` or `RATE:SEED`; the rate is the share of frames damaged, 0 to 0.5.
    #[serde(default)]
    pub link_noise: Option<String>,
}

/// Gives a board another name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct BoardRename {
    /// Its id or its name.
    pub board: String,
    /// The new name.
    pub name: String,
}

/// Switches a machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct BoardPower {
    /// Id or name of the board.
    pub board: String,
    /// What to do.
    pub action: PowerAction,
}

/// What can be done to a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum PowerAction {
    /// Power on.
    On,
    /// Power off at this instant.
    Off,
    /// Pin reset.
    Reset,
    /// Cut the power at this instant, and give it back: memory is lost, flash is as it stands.
    Cut,
    /// Let time stand.
    Pause,
    /// Let time pass.
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

/// Where a module comes from.
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

/// An app that comes with Drydock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Sample {
    /// Its name, for [`AppSource::Sample`].
    pub name: String,
    /// Size of the module in bytes.
    pub size_bytes: u32,
}

/// Asks what a file is and where it could run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AppPreviewRequest {
    /// The module.
    pub source: AppSource,
    /// Ids or names of the boards that are asked about.
    pub boards: Vec<String>,
}

/// Deploys a module.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AppDeploy {
    /// The module.
    pub source: AppSource,
    /// Ids or names of the boards.
    pub boards: Vec<String>,
    /// Name of the app; none: from the module or the file.
    #[serde(default)]
    pub name: Option<String>,
    /// Version; none: from the module, else the next patch version.
    #[serde(default)]
    pub version: Option<String>,
    /// Capabilities that the user consents to beyond the usual ones, for example `gpio:7`.
    #[serde(default)]
    pub grant: Vec<String>,
    /// Leave it installed without starting it.
    #[serde(default)]
    pub no_start: bool,
}

/// A deployment that was accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Deployment {
    /// Name of the app.
    pub app: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the module, hexadecimal.
    pub digest: String,
    /// Ids of the boards.
    pub boards: Vec<String>,
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
    /// Lines that are no longer kept before the first one.
    #[ts(type = "number")]
    pub dropped: u64,
}

/// Asks for lines of plots.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct MetricsQuery {
    /// Id or name of the board.
    pub board: String,
    /// Ids of the series; none: all there are.
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
    /// What to draw.
    pub query: MetricsQuery,
    /// `svg`, `png` or `csv`.
    pub format: ChartFormat,
    /// Dark background.
    #[serde(default)]
    pub dark: bool,
    /// File to write; none: returned in base64.
    #[serde(default)]
    pub path: Option<String>,
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
    /// The chart in base64, when no file was asked for.
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
