//! Views: boards, machines, devices, apps and streams as the user sees them.

use crate::{event::EventName, hardware::CableView, request::FirmwareFile};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One board of the fleet: its machine, if it is emulated, and its device, once it has an identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct BoardView {
    /// Stable id, for example `b-3f9a0c`.
    pub id: String,
    /// Name that the user gave, unique in the fleet, for example `bench-1`.
    pub name: String,
    /// Words by which the user groups boards, for example `lab`; sorted.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Id of the board's description, for example `nano33ble`.
    pub kind: String,
    /// Title of the board, for example `Arduino Nano 33 BLE`.
    pub title: String,
    /// Name of the chip, for example `nRF52840`.
    pub chip: String,
    /// The one displayed state, derived from all others.
    pub badge: Badge,
    /// The badge's reason in a few words, for example `connecting, try 2` or `sensor failed: trap`.
    pub badge_detail: String,
    /// The machine, for emulated boards.
    pub machine: Option<MachineView>,
    /// The cable, for physical boards.
    #[serde(default)]
    pub cable: Option<CableView>,
    /// The device, once it has an identity.
    pub device: Option<DeviceView>,
    /// Apps that are desired on the board or reported by it, by name.
    pub apps: Vec<AppView>,
    /// LEDs of the front panel, in the order of the board's description.
    pub leds: Vec<LedView>,
    /// Buttons of the front panel.
    pub buttons: Vec<ButtonView>,
    /// The latest metrics, if the device is connected.
    pub metrics: Option<MetricSample>,
    /// The program of the user's own that an emulated board runs; `None` for Drydock's firmware.
    #[serde(default)]
    pub firmware: Option<FirmwareView>,
}

/// Which boards can run a program of the user's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct FirmwarePreview {
    /// Name of the file.
    pub name: String,
    /// Format of the file, for example `ELF file`; `None` if it fits nothing.
    pub format: Option<String>,
    /// The boards that were asked about.
    pub boards: Vec<FirmwareVerdict>,
    /// Kinds of boards, with the id of a kind as `board`; those that fit come first.
    pub kinds: Vec<FirmwareVerdict>,
}

/// Whether a board can run a program of the user's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct FirmwareVerdict {
    /// Id of the board.
    pub board: String,
    /// Why it cannot, in a sentence; `None` if it can.
    pub refused: Option<String>,
    /// Where the program would start, in a sentence.
    pub start: Option<String>,
}

/// A program of the user's own on an emulated board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct FirmwareView {
    /// Name of the file.
    pub name: String,
    /// What was loaded, and how; the same request loads the file again.
    pub file: FirmwareFile,
    /// Format of the file, for example `ELF file`.
    pub format: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// Bytes that it loads.
    pub bytes: u32,
    /// Where it starts, in a sentence.
    pub start: String,
    /// The path of the terminal on the UART of the board's link.
    pub terminal: String,
    /// Whether it speaks Drydock's link: the board then enrolls and takes apps, and that UART is no terminal.
    pub links: bool,
}

/// The one displayed state of a board. If several apply, the earliest in this list wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Badge {
    /// Not heard in time.
    Unknown,
    /// An app failed, the machine crashed, or enrollment was refused.
    Failed,
    /// Works, but an app is missing or its version is not the desired one.
    Degraded,
    /// A package is on its way.
    Deploying,
    /// Being switched on, booting, enrolling or handshaking.
    Connecting,
    /// Connected, and at least one app runs.
    Running,
    /// Connected, and no app runs.
    Idle,
    /// Its time is paused, by the user or by a debugger.
    Paused,
    /// It runs, but cannot have an identity.
    Unauthenticated,
    /// A fork that runs without a link to the gateway.
    Unlinked,
    /// A program of the user's own runs on its machine; it has no identity.
    OwnFirmware,
    /// Switched off on purpose, or its cable is out.
    Off,
    /// Its identity was taken out of service.
    Retired,
}

/// A running emulated board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct MachineView {
    /// Name of the engine: `builtin`, `renode`, `qemu`.
    pub engine: String,
    /// State of the machine.
    pub state: MachineState,
    /// Pace of its time.
    pub pace: Pace,
    /// Virtual time since power-on, in seconds.
    pub virtual_time_s: f64,
    /// Instructions since power-on.
    #[ts(type = "number")]
    pub instructions: u64,
    /// Speed over the last second, in million instructions per second of host time.
    pub mips: f64,
    /// Virtual seconds per host second over the last second.
    pub speed: f64,
    /// The exit code of a program that ended by itself.
    #[serde(default)]
    pub exit_code: Option<u32>,
    /// Seed of its randomness, hexadecimal.
    pub seed: String,
    /// Why the machine crashed, with address and PC; `None` if it did not crash.
    pub fault: Option<String>,
}

/// State of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum MachineState {
    /// Switched off.
    Off,
    /// Time passes.
    Running,
    /// Time is paused.
    Paused,
    /// Ended by a fault; its state can be looked at.
    Crashed,
    /// A program of the user's own ended by itself.
    Ended,
}

/// How virtual time relates to host time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// One virtual second takes one second.
    #[default]
    Realtime,
    /// Busy time is not throttled; idle time never outruns the host.
    Max,
    /// All machines of this pace advance together, in quanta of 1 ms of virtual time. External input enters at the
    /// boundaries of quanta.
    Lockstep,
}

/// A board's identity in the gateway's registry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct DeviceView {
    /// Id in the registry, also the CN of its certificate.
    pub id: String,
    /// The chip's unique id, hexadecimal.
    pub chip_id: String,
    /// State of its life.
    pub state: DeviceState,
    /// Version of its firmware.
    pub firmware: String,
    /// When the gateway last heard from the device, in milliseconds since the Unix epoch.
    #[ts(type = "number | null")]
    pub heard_ms: Option<u64>,
    /// Milliseconds since its reset, when last heard.
    #[ts(type = "number | null")]
    pub uptime_ms: Option<u64>,
    /// The session's id.
    #[ts(type = "number | null")]
    pub session: Option<u64>,
    /// Reason of its last reset.
    pub reset_reason: Option<String>,
    /// The record of the last panic or fault.
    pub last_fault: Option<String>,
}

/// State of a device's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    /// Known, not enrolled.
    Pending,
    /// Enrollment is under way.
    Enrolling,
    /// Has a certificate, was not connected yet.
    Enrolled,
    /// Holds a session.
    Connected,
    /// Holds a session but missed a heartbeat.
    Unreachable,
    /// Its session ended.
    Disconnected,
    /// Taken out of service; its certificate is revoked.
    Retired,
}

/// An app on one board: the desired state and what the device reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AppView {
    /// Name of the app.
    pub name: String,
    /// The reported version, or the desired one if none is reported.
    pub version: String,
    /// Its state.
    pub state: AppState,
    /// How it failed.
    pub failure: Option<FailureView>,
    /// The transfer under way.
    pub progress: Option<Progress>,
    /// SHA-256 of the module, hexadecimal.
    pub digest: String,
    /// Size of the module in bytes.
    pub size_bytes: u32,
    /// Its capabilities as text: `log`, `gpio:13`.
    pub capabilities: Vec<String>,
    /// When its end was reported, in milliseconds since the Unix epoch; `None` while it has not ended.
    #[serde(default)]
    #[ts(type = "number | null")]
    pub ended_ms: Option<u64>,
    /// Whether something was asked of it that its board has not reported yet. Until then what is shown may be overtaken.
    #[serde(default)]
    pub asked: bool,
}

/// State of an app on one board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum AppState {
    /// Desired; the board is not connected yet.
    Pending,
    /// The package is on its way.
    Deploying,
    /// Stored, not started.
    Installed,
    /// Being instantiated.
    Starting,
    /// Runs.
    Running,
    /// Stopped on request.
    Stopped,
    /// Ended itself with 0.
    Exited,
    /// Ended by the device, refused by it, or exited with a code other than 0.
    Failed,
    /// About to be removed.
    Removing,
}

/// How an app failed, or why a board refused it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct FailureView {
    /// `trap`, `execution-limit`, `memory-limit`, `capability-denied`, `instantiation`, `stack-overflow`, `exit-code` or `refused`.
    pub reason: String,
    /// The export that ran, or empty.
    pub export: String,
    /// One sentence.
    pub detail: String,
    /// Exit code, for `exit-code`.
    pub exit_code: Option<i32>,
}

/// Bytes of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Progress {
    /// Acknowledged by the device.
    pub done_bytes: u32,
    /// In all.
    pub total_bytes: u32,
}

/// A LED of the front panel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct LedView {
    /// Name on the board, for example `LED`.
    pub name: String,
    /// Pin, for example `P0.13`.
    pub pin: String,
    /// CSS-like colour name of its light: `amber`, `green`, `red`, `blue`.
    pub color: String,
    /// Whether it is lit; `None` on a physical board, where it is not known.
    pub lit: Option<bool>,
}

/// A button of the front panel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ButtonView {
    /// Name on the board.
    pub name: String,
    /// Pin, for example `P1.11`.
    pub pin: String,
    /// Whether it is held.
    pub pressed: bool,
}

/// Metrics of a device at one instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct MetricSample {
    /// When the gateway received it, in milliseconds since the Unix epoch.
    #[ts(type = "number")]
    pub time_ms: u64,
    /// Milliseconds since the device's reset.
    #[ts(type = "number")]
    pub uptime_ms: u64,
    /// Counts samples of the device since reset; a step of more than one is a gap.
    pub sequence: u32,
    /// Time in which the CPU did not sleep, in percent.
    pub cpu_percent: f64,
    /// Heap in use, in bytes.
    pub heap_used_bytes: u32,
    /// Highest heap use since reset, in bytes.
    pub heap_peak_bytes: u32,
    /// Heap in all, in bytes.
    pub heap_total_bytes: u32,
    /// Deepest stack since reset, in bytes.
    pub stack_peak_bytes: u32,
    /// Stack in all, in bytes.
    pub stack_total_bytes: u32,
    /// Frames sent again since reset.
    pub link_retries: u32,
    /// Frames received damaged since reset.
    pub link_errors: u32,
    /// Chip temperature in degrees Celsius.
    pub temperature_c: Option<f64>,
    /// Values of apps that the gateway refused since it was opened: no numbers, out of order, more than it takes.
    #[serde(default)]
    #[ts(type = "number")]
    pub values_refused: u64,
    /// Each app.
    pub apps: Vec<AppMetricSample>,
}

/// Metrics of one app at one instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AppMetricSample {
    /// Name of the app.
    pub app: String,
    /// Fuel per second since the sample before.
    pub fuel_per_s: f64,
    /// Fuel since the app started.
    #[ts(type = "number")]
    pub fuel: u64,
    /// Linear memory in bytes.
    pub memory_bytes: u32,
    /// Heap of the device that the app uses, in bytes.
    pub heap_bytes: u32,
    /// Host calls since the app started.
    pub host_calls: u32,
    /// Traps since the device's reset.
    pub traps: u32,
    /// Longest callback since the app started, in microseconds.
    pub callback_max_us: u32,
    /// The latest value of each name that the app publishes.
    pub values: Vec<NamedValue>,
    /// Values that the app published since it started and that the board dropped: the link did not carry them, or there
    /// was no session.
    #[serde(default)]
    pub values_dropped: u32,
}

/// A value that an app publishes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct NamedValue {
    /// Its name.
    pub name: String,
    /// The latest value.
    pub value: f64,
}

/// A line of the console.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct LogLine {
    /// Position in the board's console, ascending by one; a step of more than one is a gap.
    #[ts(type = "number")]
    pub sequence: u64,
    /// When the gateway received it, in milliseconds since the Unix epoch.
    #[ts(type = "number")]
    pub time_ms: u64,
    /// Milliseconds since the device's reset, if the device reported it.
    #[ts(type = "number | null")]
    pub uptime_ms: Option<u64>,
    /// `fw` for the firmware, `drydock` for the workbench, otherwise the app's name.
    pub source: String,
    /// `trace`, `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// The line.
    pub text: String,
}

/// One line of a plot, decimated for display.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Series {
    /// `cpu`, `heap`, `stack`, `temperature`, `link_retries`, `fuel:<app>`, `memory:<app>`, `value:<app>:<name>` or
    /// `dropped:<app>` (values that the board dropped, if any).
    pub id: String,
    /// Title for people.
    pub title: String,
    /// `%`, `B`, `°C`, `/s` or empty.
    pub unit: String,
    /// Top of the scale if the quantity has one, for example the size of the heap.
    pub max: Option<f64>,
    /// Instants, in milliseconds since the Unix epoch, ascending.
    pub times_ms: Vec<f64>,
    /// Values; null is a gap.
    pub values: Vec<Option<f64>>,
}

/// A kind of board that can be added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct BoardKindView {
    /// Id of its description, for example `nano33ble`.
    pub id: String,
    /// Title, for example `Arduino Nano 33 BLE`.
    pub title: String,
    /// Chip, for example `nRF52840`.
    pub chip: String,
    /// Flash in bytes.
    pub flash_bytes: u32,
    /// RAM in bytes.
    pub ram_bytes: u32,
    /// A sentence about what does not work on this board; empty if everything does.
    pub limit: String,
    /// Whether it takes apps.
    #[serde(default = "yes")]
    pub takes_apps: bool,
    /// Whether the board gets an identity. A board without one has no session and sends no metrics.
    #[serde(default = "yes")]
    pub enrolls: bool,
    /// Pins that it gives to apps, ascending, in the numbers that apps use; none: the owner does not say so yet.
    #[serde(default)]
    pub app_pins: Option<Vec<u8>>,
    /// Methods that write its flash, the usual one first: `probe`, `esp-rom`, `sam-ba`, `dfu`.
    #[serde(default)]
    pub flashing: Vec<String>,
    /// Whether such a board can be added: its firmware is part of this program.
    pub addable: bool,
    /// The file of a board of the user's own; none: the board ships with Drydock.
    #[serde(default)]
    pub file: Option<String>,
    /// The shipped board that a user's board extends.
    #[serde(default)]
    pub extends: Option<String>,
    /// What is wrong with the file, each with its place; nothing can be added then.
    #[serde(default)]
    pub problems: Vec<String>,
    /// Engines that can run it.
    pub engines: Vec<EngineView>,
}

/// Default for an owner of an earlier version that does not send the field: most boards can do everything.
fn yes() -> bool {
    true
}

/// An engine and whether it can be used here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct EngineView {
    /// `builtin`, `renode` or `qemu`.
    pub name: String,
    /// Whether it can be used here.
    pub available: bool,
    /// Its version; or why it cannot be used, and how to get it.
    pub detail: String,
}

/// The analysis of a file, and the boards where it could run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct AppPreview {
    /// Name that the app would get.
    pub name: String,
    /// Version that the app would get.
    pub version: String,
    /// Size of the module in bytes.
    pub size_bytes: u32,
    /// Linear memory that it wants, in bytes.
    pub memory_bytes: u32,
    /// The effect of signing it under this version.
    pub plan: VersionPlan,
    /// Capabilities that the app would be granted on every board that can take it. A board may grant more, such as its
    /// own LEDs.
    pub granted: Vec<String>,
    /// Capabilities that the app calls and that need consent on any board that can take it.
    pub needs_consent: Vec<String>,
    /// For each board that was asked about.
    pub boards: Vec<Verdict>,
}

/// The effect of signing a module under a version, for an app with signed versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum VersionPlan {
    /// The version is not below any signed one.
    New,
    /// This same module was signed under this version before a later one: deploying it rolls back.
    Rollback {
        /// The highest version that was signed.
        latest: String,
        /// The next free version, to deploy it as a new one.
        next: String,
    },
    /// A different module under a version below the highest: it is refused; `next` is free.
    Older {
        /// The highest version that was signed.
        latest: String,
        /// The next free version.
        next: String,
    },
}

/// Whether a board can take an app.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct Verdict {
    /// Id of the board.
    pub board: String,
    /// Why the board cannot take it, in one sentence; `None` if it can.
    pub refused: Option<String>,
    /// Capabilities that the app would be granted there.
    #[serde(default)]
    pub granted: Vec<String>,
}

/// Information about this workbench.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct SystemInfo {
    /// Version of Drydock.
    pub version: String,
    /// Commit that it was built from.
    pub commit: String,
    /// Schema of the store.
    pub schema: u32,
    /// The data directory.
    pub data_dir: String,
    /// Whether the data directory is deleted when the workbench ends.
    pub temporary: bool,
    /// Name of the gateway in its certificate.
    pub gateway: String,
    /// Sessions held now.
    pub sessions: u32,
    /// Whether boards that the user did not create may enroll.
    pub pairing: bool,
    /// Engines.
    pub engines: Vec<EngineView>,
    /// Address and port at which boards can connect over TCP; `None` if the owner does not listen.
    pub listening: Option<String>,
}

/// One entry of the activity list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ActivityEntry {
    /// Revision of the store.
    #[ts(type = "number")]
    pub revision: u64,
    /// In milliseconds since the Unix epoch.
    #[ts(type = "number")]
    pub time_ms: u64,
    /// What happened.
    pub event: EventName,
    /// Name of the board, if it is about one.
    pub board: Option<String>,
    /// One sentence.
    pub text: String,
}
