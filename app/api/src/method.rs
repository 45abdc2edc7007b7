//! The table of methods. It makes [`Request`], [`Response`] and the TypeScript map of methods.

use super::{
    evidence::*, hardware::*, insight::*, kind::*, label_sheet::*, parts::*, recording::*, request::*, snapshot::*,
    view::*,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use ts_rs::TS;

macro_rules! methods {
    ($($(#[$doc:meta])* $name:literal $variant:ident($params:ty) -> $result:ty;)*) => {
        /// A request: the method's name and its parameters.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
        #[serde(tag = "method", content = "params")]
        pub enum Request {
            $($(#[$doc])* #[serde(rename = $name)] $variant($params),)*
        }

        /// The result of a method; its variant is the request's.
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

        /// Shows a visitor each type that a method takes or returns.
        pub(super) fn visit_method_types(visitor: &mut impl ts_rs::TypeVisitor) {
            $(visitor.visit::<$params>(); visitor.visit::<$result>();)*
        }

        impl Request {
            /// Name of the method, for example `board.get`.
            pub fn method(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)*
                }
            }

            /// Parses the response of this method from JSON.
            ///
            /// # Errors
            /// The JSON is not a response of this method.
            pub fn parse_response(&self, json: serde_json::Value) -> Result<Response, serde_json::Error> {
                match self {
                    $(Self::$variant(_) => serde_json::from_value::<$result>(json).map(Response::$variant),)*
                }
            }
        }
    };
}

methods! {
    /// Information about this workbench.
    "system.info" SystemInfo(Empty) -> SystemInfo;
    /// Text for a bug report: versions, settings, recent log; no keys, no tokens.
    "system.diagnostics" Diagnostics(Empty) -> Text;
    /// Kinds of boards that can be added.
    "board.kinds" BoardKinds(Empty) -> Vec<BoardKindView>;
    /// One kind of board in full: its chip with what is modelled of it, memories, UARTs, LEDs, buttons, buses, parts.
    "board.kind" BoardKind(BoardKindRef) -> BoardKindDetail;
    /// Checks a file that describes a board of the user's own, and copies it into the data directory.
    "board.kind_add" BoardKindAdd(BoardKindAdd) -> BoardKindView;
    /// Deletes a board of the user's own from the data directory; refused while the fleet has such a board.
    "board.kind_remove" BoardKindRemove(BoardKindRef) -> Empty;
    /// The fleet, and the revision at which it was read.
    "board.list" BoardList(Empty) -> Fleet;
    /// One board, by id or name.
    "board.get" BoardGet(BoardRef) -> BoardView;
    /// Adds an emulated board and switches it on.
    "board.add" BoardAdd(BoardAdd) -> BoardView;
    /// Removes a board: its machine, its device and its desired state.
    "board.remove" BoardRemove(BoardRef) -> Empty;
    /// Renames a board.
    "board.rename" BoardRename(BoardRename) -> BoardView;
    /// Which boards and kinds of boards can run a program of the user's own; nothing is changed.
    "firmware.preview" FirmwarePreview(FirmwarePreviewRequest) -> FirmwarePreview;
    /// Gives an emulated board a program of the user's own, or Drydock's firmware again, and starts it.
    "board.firmware" BoardFirmware(BoardFirmware) -> BoardView;
    /// Adds labels to boards and removes labels from them, on all of them or on none.
    "board.label" BoardLabel(BoardLabel) -> Vec<BoardView>;
    /// Switches a machine.
    "board.power" BoardPower(BoardPower) -> BoardView;
    /// Holds or releases a button of an emulated board.
    "board.button" BoardButton(BoardButton) -> Empty;
    /// The virtual parts of an emulated board, and their values.
    "parts.list" PartsList(BoardRef) -> Vec<PartView>;
    /// Sets a property of a virtual part; the board keeps it when it is switched off.
    "parts.set" PartsSet(PartsSet) -> PartView;
    /// Lets values of virtual parts follow a CSV file from now on, instead of the one before.
    "parts.play" PartsPlay(PartsPlay) -> PartsTable;
    /// Fills what a virtual part keeps from a file; the board keeps it when it is switched off.
    "parts.load" PartsLoad(PartsContent) -> PartView;
    /// Writes what a virtual part keeps to a file.
    "parts.save" PartsSave(PartsContent) -> PartContentFile;
    /// Changes the pace of a machine's time.
    "machine.pace" MachinePace(MachinePace) -> BoardView;
    /// Executes some instructions of a paused machine.
    "machine.step" MachineStep(MachineStep) -> BoardView;
    /// The snapshots of a board that are kept, the oldest first.
    "snapshot.list" SnapshotList(BoardRef) -> Vec<SnapshotView>;
    /// Keeps the state that a board is in.
    "snapshot.take" SnapshotTake(SnapshotTake) -> SnapshotView;
    /// Restores a snapshot from memory or from a file.
    "snapshot.restore" SnapshotRestore(SnapshotRestore) -> BoardView;
    /// Forgets a snapshot.
    "snapshot.delete" SnapshotDelete(SnapshotRef) -> Empty;
    /// Writes a state to a file.
    "snapshot.export" SnapshotExport(SnapshotExport) -> SnapshotFile;
    /// Reads a state from a file and keeps it.
    "snapshot.import" SnapshotImport(SnapshotImport) -> SnapshotView;
    /// Forks a board. Each fork has its own identity and seed, and the same desired apps.
    "board.fork" BoardFork(BoardFork) -> Vec<BoardView>;
    /// Begins a profile of an emulated board.
    "profile.start" ProfileStart(ProfileStart) -> ProfileView;
    /// A profile in its current state, finished or not.
    "profile.view" ProfileView(ProfileQuery) -> ProfileView;
    /// Ends a profile. It is kept until the board's next one.
    "profile.stop" ProfileStop(ProfileStop) -> ProfileView;
    /// Makes a file of a profile.
    "profile.export" ProfileExport(ProfileExport) -> Exported;
    /// Samples the program counter of a board behind a debug probe.
    "profile.sample" ProfileSample(ProfileSample) -> ProfileSampled;
    /// Ends the sampling over a debug probe before its time; `profile.sample` then answers with the samples so far.
    "profile.sample_stop" ProfileSampleStop(ProfileSampleStop) -> Empty;
    /// Opens a port for debuggers to an emulated board or to the board behind a debug probe, for one debugger at a time.
    "gdb.open" GdbOpen(GdbOpen) -> GdbView;
    /// Whether the port for debuggers of a board or a debug probe is open, and whether a debugger is connected.
    "gdb.view" GdbView(BoardRef) -> GdbView;
    /// Closes the port for debuggers of a board or a debug probe, and detaches a connected debugger.
    "gdb.close" GdbClose(BoardRef) -> GdbView;
    /// Whether a machine's engine has a command line, such as Renode's monitor, and the lines typed so far.
    "monitor.view" MonitorView(BoardRef) -> MonitorView;
    /// Executes a line in the command language of a machine's engine.
    "monitor.execute" MonitorExecute(MonitorLine) -> MonitorReply;
    /// The apps that come with Drydock, by name.
    "app.samples" AppSamples(Empty) -> Vec<Sample>;
    /// Analyses a file and says where it could run; stores nothing.
    "app.preview" AppPreview(AppPreviewRequest) -> AppPreview;
    /// Signs a module, stores it and requests it on the boards. Returns when the request is accepted; events report the rest.
    "app.deploy" AppDeploy(AppDeploy) -> Deployment;
    /// Starts an app.
    "app.start" AppStart(AppRef) -> Empty;
    /// Stops an app.
    "app.stop" AppStop(AppRef) -> Empty;
    /// Removes an app from a board.
    "app.remove" AppRemove(AppRef) -> Empty;
    /// Cancels an open deployment.
    "app.cancel" AppCancel(AppRef) -> Empty;
    /// Lines of a console.
    "logs.query" LogsQuery(LogsQuery) -> Logs;
    /// Lines of the plots.
    "metrics.query" MetricsQuery(MetricsQuery) -> Vec<Series>;
    /// Draws a chart of the given series into a file or returns it.
    "metrics.export" MetricsExport(MetricsExport) -> Exported;
    /// Begins to record what boards do into a file.
    "recording.start" RecordingStart(RecordingStart) -> RecordingView;
    /// Ends a recording.
    "recording.stop" RecordingStop(RecordingRef) -> RecordingView;
    /// Writes the last minutes of a board, which Drydock keeps by itself, to a file.
    "recording.keep" RecordingKeep(RecordingKeep) -> RecordingView;
    /// Sets how much of the disk Drydock uses to keep what just happened.
    "recording.recent_size" RecordingRecentSize(RecordingRecentSize) -> RecordingView;
    /// The recordings of this run of Drydock and those in its data directory, the oldest first.
    "recording.list" RecordingList(Empty) -> Vec<RecordingView>;
    /// The events, newest first.
    "activity.list" ActivityList(ActivityQuery) -> Vec<ActivityEntry>;
    /// The serial ports, debug probes and virtual boards of the owner's host.
    "hardware.list" HardwareList(Empty) -> Hardware;
    /// Installs the udev rule that lets the user open boards and probes; asks for the administrator's password.
    "hardware.allow" HardwareAllow(Empty) -> Text;
    /// Closes a port so that another program can use it. Its board of the fleet waits.
    "port.lend" PortLend(PortRef) -> PortView;
    /// Opens a lent port again.
    "port.take_back" PortTakeBack(PortRef) -> PortView;
    /// Reads memory of the board behind a debug probe while its program runs.
    "probe.read" ProbeRead(ProbeRead) -> ProbeMemory;
    /// Halts the board behind a debug probe for a moment, reads its core's registers, and lets it run on.
    "probe.registers" ProbeRegisters(ProbeRef) -> ProbeRegisters;
    /// Opens a serial port as a terminal, for boards that do not speak Drydock's link.
    "console.open" ConsoleOpen(ConsoleOpen) -> ConsoleView;
    /// Sends bytes to a terminal.
    "console.send" ConsoleSend(ConsoleSend) -> Empty;
    /// Reads what a terminal received.
    "console.read" ConsoleRead(ConsoleRead) -> ConsoleView;
    /// Closes a terminal.
    "console.close" ConsoleClose(PortRef) -> Empty;
    /// Starts writing firmware to a board.
    "flash.start" FlashStart(FlashStart) -> JobView;
    /// Starts reading a board's flash into a file.
    "flash.backup" FlashBackup(BackupStart) -> JobView;
    /// Starts erasing a board's flash.
    "flash.erase" FlashErase(EraseStart) -> JobView;
    /// Starts provisioning boards: firmware, identity, first app.
    "provision.start" ProvisionStart(ProvisionStart) -> Vec<JobView>;
    /// The jobs of this data directory, the newest first.
    "job.list" JobList(Empty) -> Vec<JobView>;
    /// One job.
    "job.get" JobGet(JobRef) -> JobView;
    /// Cancels a job at the next instant at which the board can be left.
    "job.cancel" JobCancel(JobRef) -> JobView;
    /// Continues an interrupted, failed or cancelled job; what is done already is not done again.
    "job.resume" JobResume(JobRef) -> JobView;
    /// The evidence of all provisioned boards, and the jobs that failed.
    "evidence.list" EvidenceList(Empty) -> Evidence;
    /// Writes the evidence as a table.
    "evidence.export" EvidenceExport(EvidenceExport) -> Exported;
    /// Makes a sheet of labels to print for provisioned boards.
    "labels.make" LabelsMake(LabelsMake) -> LabelSheet;
    /// Puts a virtual board on the desk: reached over a serial port and a debug probe, as a physical board is.
    "virtual.add" VirtualAdd(VirtualAdd) -> VirtualBoardView;
    /// Takes a virtual board from the desk.
    "virtual.remove" VirtualRemove(VirtualRef) -> Empty;
    /// Pulls or plugs the cable of a virtual board.
    "virtual.cable" VirtualCable(VirtualCable) -> VirtualBoardView;
    /// Turns pairing of boards that the user did not create on or off.
    "pairing.set" PairingSet(PairingSet) -> Empty;
    /// Asks the owner's window to come to the front; the window gets the event `window.show`.
    "window.show" WindowShow(Empty) -> Empty;
}

/// Longest wait for an answer that needs no work worth mentioning.
const QUICK: Duration = Duration::from_secs(60);
/// Longest wait for an answer that needs files, drawing, a board or many boards.
const SLOW: Duration = Duration::from_secs(600);

impl Request {
    /// Longest time that a client waits for the answer.
    pub fn time_limit(&self) -> Duration {
        match self {
            Self::AppDeploy(_)
            | Self::AppPreview(_)
            | Self::BoardAdd(_)
            | Self::BoardFork(_)
            | Self::BoardPower(_)
            | Self::BoardRemove(_)
            | Self::EvidenceExport(_)
            | Self::EvidenceList(_)
            | Self::HardwareAllow(_)
            | Self::LabelsMake(_)
            | Self::MachineStep(_)
            | Self::MetricsExport(_)
            | Self::MonitorExecute(_)
            | Self::ProfileExport(_)
            | Self::ProfileSample(_)
            | Self::ProfileStart(_)
            | Self::ProfileStop(_)
            | Self::ProfileView(_)
            | Self::RecordingKeep(_)
            | Self::RecordingList(_)
            | Self::RecordingRecentSize(_)
            | Self::RecordingStart(_)
            | Self::RecordingStop(_)
            | Self::SnapshotExport(_)
            | Self::SnapshotImport(_)
            | Self::SnapshotRestore(_)
            | Self::SnapshotTake(_) => SLOW,
            _ => QUICK,
        }
    }
}
