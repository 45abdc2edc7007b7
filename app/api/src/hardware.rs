//! Hardware on this host: serial ports, debug probes, virtual boards, and the jobs that flash and provision.

use crate::request::AppSource;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// The ports, probes, DFU devices and virtual boards of the owner's host.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct Hardware {
    /// Serial ports, by path.
    pub ports: Vec<PortView>,
    /// Debug probes.
    pub probes: Vec<ProbeView>,
    /// Devices in DFU mode: bootloaders without a serial port.
    pub dfu: Vec<DfuView>,
    /// Virtual boards that are plugged in or unplugged, by name.
    pub virtual_boards: Vec<VirtualBoardView>,
}

/// A serial port.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct PortView {
    /// Its path, for example `/dev/ttyACM0`.
    pub path: String,
    /// Where its cable hangs, for example `usb-1-4.2`; it stays the same when the device re-enumerates.
    pub topology: Option<String>,
    /// The USB device behind it.
    pub usb: Option<UsbView>,
    /// Whether a virtual board is behind it.
    pub is_virtual: bool,
    /// The boards that it may be, the likeliest first.
    pub candidates: Vec<CandidateView>,
    /// Whether it can be used.
    pub access: AccessView,
    /// What Drydock uses it for: the name of a board of the fleet, `console`, `debugger`, `lent`, `profile`, `read` or a job; `None` if for nothing.
    pub used_by: Option<String>,
}

/// What a USB device says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct UsbView {
    /// Vendor id.
    pub vendor: u16,
    /// Product id.
    pub product: u16,
    /// Serial number.
    pub serial: Option<String>,
    /// Name of the maker.
    pub manufacturer: Option<String>,
    /// Name of the product.
    pub product_name: Option<String>,
}

/// A board that a port or a probe may belong to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CandidateView {
    /// Id of the board's description.
    pub kind: String,
    /// Title of the board.
    pub title: String,
    /// How sure it is.
    pub confidence: Confidence,
    /// The reason, in one sentence.
    pub reason: String,
}

/// How sure a candidate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Only this board shows this.
    Certain,
    /// Other boards may show the same.
    Likely,
    /// Many boards show the same, for example those with a common USB-UART bridge.
    Possible,
}

/// Whether a port or a probe can be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AccessView {
    /// It can be used.
    Usable,
    /// The user may not open it.
    Denied {
        /// One sentence: why, and what to do.
        text: String,
        /// Whether installing Drydock's udev rule gives permission.
        rule_helps: bool,
    },
    /// Another program holds it.
    Held {
        /// Process id of the holder; 0 if it is not known.
        pid: u32,
        /// Name of its program.
        program: String,
        /// One sentence: what to do.
        text: String,
    },
}

/// A debug probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ProbeView {
    /// The id by which requests name it: `VID:PID:SERIAL`.
    pub id: String,
    /// Its name, for example `CMSIS-DAP`.
    pub name: String,
    /// Its serial number.
    pub serial: Option<String>,
    /// Where its cable hangs.
    pub topology: Option<String>,
    /// Whether a virtual board is behind it.
    pub is_virtual: bool,
    /// The boards that it may be on, the likeliest first.
    pub candidates: Vec<CandidateView>,
    /// Whether it can be used.
    pub access: AccessView,
    /// What Drydock uses it for, as in [`PortView`].
    pub used_by: Option<String>,
}

/// A USB device in DFU mode: a board whose bootloader waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct DfuView {
    /// The id by which requests name it: `VID:PID:SERIAL`.
    pub id: String,
    /// What it says about itself.
    pub usb: UsbView,
    /// Where its cable hangs; the place of the board's serial port, if the firmware has one at the same socket.
    pub topology: Option<String>,
    /// Whether a virtual board is behind it.
    pub is_virtual: bool,
    /// The boards that it may be, the likeliest first.
    pub candidates: Vec<CandidateView>,
    /// Whether it can be used.
    pub access: AccessView,
    /// What Drydock uses it for, as in [`PortView`].
    pub used_by: Option<String>,
}

/// A debug probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ProbeRef {
    /// Its id.
    pub probe: String,
}

/// Whether a text has the form of a debug probe's id, vendor and product of its USB id in front. Where a request takes
/// either, such a text names the probe. No path of a serial port has that form.
pub fn is_probe_id(text: &str) -> bool {
    let mut parts = text.split(':');
    let mut is_usb_id = || {
        parts
            .next()
            .is_some_and(|part| part.len() == 4 && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    is_usb_id() && is_usb_id()
}

/// Reads memory of the board behind a debug probe. Registers of peripherals have their side effects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ProbeRead {
    /// Id of the debug probe.
    pub probe: String,
    /// The first address.
    pub address: u32,
    /// Number of bytes, 1 to 65536.
    pub length: u32,
}

/// Memory that was read over a debug probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ProbeMemory {
    /// The first address.
    pub address: u32,
    /// The bytes.
    pub base64: String,
}

/// The registers of a core behind a debug probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ProbeRegisters {
    /// The registers.
    pub registers: Vec<RegisterView>,
    /// What was done to the core, as a sentence.
    pub text: String,
}

/// A register of a core.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RegisterView {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: u32,
}

/// A virtual board: an emulated chip that is reached over a serial port and a debug probe, as a physical one is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct VirtualBoardView {
    /// Its name, for example `desk-1`.
    pub name: String,
    /// Id of the board's description.
    pub kind: String,
    /// Whether its cable is plugged in.
    pub plugged: bool,
    /// Path of its serial port while it is plugged in; `None` also while a bootloader without one waits.
    pub port: Option<String>,
    /// Id of its debug probe while it is plugged in; `None` for boards without a debug port.
    pub probe: Option<String>,
    /// Id of its bootloader as a DFU device, while that waits.
    pub dfu: Option<String>,
    /// Where its USB device is exported while it is plugged in; `None` for boards with a serial port.
    pub usbip: Option<UsbIpView>,
    /// What runs on it now.
    pub runs: VirtualRuns,
}

/// A virtual board's USB device, exported by USB/IP on this host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct UsbIpView {
    /// Address to attach it from, for example `127.0.0.1`.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The name by which it is attached.
    pub bus_id: String,
    /// USB vendor and product id now; `None` while the device is on its way.
    pub usb: Option<(u16, u16)>,
    /// Whether a USB host has it.
    pub is_attached: bool,
}

/// What runs on a virtual board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum VirtualRuns {
    /// The firmware in its flash.
    Firmware,
    /// Its bootloader.
    Bootloader,
    /// Nothing: it is held in reset, or its cable is out.
    Nothing,
}

/// Puts a virtual board on the desk.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
pub struct VirtualAdd {
    /// Id of the board's description.
    pub kind: String,
    /// Its name; `None` takes `desk-1`, `desk-2`, ….
    #[serde(default)]
    pub name: Option<String>,
    /// Leave its flash erased: no firmware, no identity.
    #[serde(default)]
    pub blank: bool,
    /// Export its USB device by USB/IP instead of putting it behind a serial port.
    #[serde(default)]
    pub usbip: bool,
    /// Seed of its randomness and of its chip id, hexadecimal; `None` takes one from the host's entropy.
    #[serde(default)]
    pub seed: Option<String>,
}

/// Names a virtual board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct VirtualRef {
    /// Its name.
    pub name: String,
}

/// Does something to the cable of a virtual board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct VirtualCable {
    /// Name of the virtual board.
    pub name: String,
    /// What happens.
    pub action: CableAction,
}

/// What happens to a cable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum CableAction {
    /// Pull it out; the board loses its power if it gets it over this cable.
    Pull,
    /// Plug it in.
    Plug,
}

/// A board on this host that an operation is for: its serial port, and what its flash is written over if that is not the
/// port: a debug probe, or else its bootloader as a DFU device. Provisioning needs the port, because the board's link runs
/// there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct CableRef {
    /// Path of a serial port.
    #[serde(default)]
    pub port: Option<String>,
    /// Id of a debug probe.
    #[serde(default)]
    pub probe: Option<String>,
    /// Id of a DFU device.
    #[serde(default)]
    pub dfu: Option<String>,
}

/// The firmware to write.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum FirmwareSource {
    /// Drydock's firmware for the board.
    #[default]
    Ours,
    /// A file by absolute path, read by the owner: ELF, Intel HEX, S-records, UF2 or raw bytes.
    Path(String),
}

/// Writes firmware to a board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct FlashStart {
    /// The board.
    pub on: CableRef,
    /// Id of the board's description.
    pub kind: String,
    /// What to write.
    #[serde(default)]
    pub firmware: FirmwareSource,
    /// Address of raw bytes; other files carry their addresses.
    #[serde(default)]
    pub address: Option<u32>,
    /// Erase the whole chip first, apps and identity included. A locked chip needs it.
    #[serde(default)]
    pub erase_all: bool,
}

/// Reads a board's flash into a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct BackupStart {
    /// The board.
    pub on: CableRef,
    /// Id of the board's description.
    pub kind: String,
    /// Absolute path of the file to write, raw bytes from the start of flash; it must not exist.
    pub path: String,
}

/// Erases a board's flash: firmware, apps and identity; a factory bootloader stays where the method allows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct EraseStart {
    /// The board.
    pub on: CableRef,
    /// Id of the board's description.
    pub kind: String,
}

/// Provisions boards: firmware, identity, first app. Each board gets its own job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ProvisionStart {
    /// The boards.
    pub on: Vec<CableRef>,
    /// Id of the boards' description.
    pub kind: String,
    /// Name of the board in the fleet, for one board; `{n}` becomes the first free number. `None` takes `board-{n}`.
    #[serde(default)]
    pub name: Option<String>,
    /// The first app; `None` leaves the board without one.
    #[serde(default)]
    pub app: Option<AppSource>,
    /// Capabilities and limits that the user consents to, as in a deployment.
    #[serde(default)]
    pub grant: Vec<String>,
    /// Erase the whole chip first. A locked chip, or one with the identity of another gateway, needs it.
    #[serde(default)]
    pub erase_all: bool,
}

/// A job on a board: it goes on in the owner until it ends or is cancelled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct JobView {
    /// Its number, unique in a data directory.
    #[ts(type = "number")]
    pub id: u64,
    /// What it does.
    pub what: JobKind,
    /// The board on its cable.
    pub on: CableRef,
    /// Where the cable hung when the job began.
    pub topology: Option<String>,
    /// Id of the board's description.
    pub kind: String,
    /// The board of the fleet, once there is one: its name.
    pub board: Option<String>,
    /// The chip's unique id, once it is known.
    pub chip: Option<String>,
    /// State of the job.
    pub state: JobState,
    /// One sentence: what happens now, or how it ended and what to do.
    pub text: String,
    /// Its steps, in order.
    pub steps: Vec<JobStep>,
    /// When it began, in milliseconds since the Unix epoch.
    #[ts(type = "number")]
    pub started_ms: u64,
    /// When it ended.
    #[ts(type = "number | null")]
    pub ended_ms: Option<u64>,
    /// Path of the evidence file that it wrote.
    pub evidence: Option<String>,
}

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Writes firmware.
    Flash,
    /// Reads flash into a file.
    Backup,
    /// Erases flash.
    Erase,
    /// Firmware, identity, first app.
    Provision,
}

/// State of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Under way.
    Running,
    /// Ended well.
    Done,
    /// Ended without success.
    Failed,
    /// Ended by the user.
    Cancelled,
    /// Drydock ended while it was under way; `job.resume` continues it.
    Interrupted,
}

/// A step of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct JobStep {
    /// Its name for people, for example `Write firmware`.
    pub name: String,
    /// State of the step.
    pub state: StepState,
    /// Bytes done.
    pub done_bytes: u32,
    /// Bytes in all; 0 if the step does not count bytes.
    pub total_bytes: u32,
}

/// State of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Not begun.
    Pending,
    /// Under way.
    Running,
    /// Done.
    Done,
    /// Nothing to do.
    Skipped,
    /// Failed.
    Failed,
}

/// Names a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct JobRef {
    /// Its number.
    #[ts(type = "number")]
    pub id: u64,
}

/// Names a serial port, or a terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PortRef {
    /// Its path; of a terminal over a debug probe, the id of the probe.
    pub path: String,
}

/// Opens a terminal on a serial port, or on the RTT channels 0 of a program behind a debug probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ConsoleOpen {
    /// Path of the port, or id of the debug probe. The other requests of a terminal name it the same way.
    pub path: String,
    /// Bits per second of a port; not used over a debug probe.
    pub baud: u32,
    /// Id of the description of the board behind a debug probe; `None` takes it from the probe's candidates. Not used on a
    /// port.
    #[serde(default)]
    pub kind: Option<String>,
    /// Absolute path of a file to which everything received is appended, as it is shown; `None` for no file.
    #[serde(default)]
    pub log: Option<String>,
    /// Absolute path of the ELF file of a program that logs with defmt: what arrives is shown as lines of text. `None` shows
    /// it as it is.
    #[serde(default)]
    pub defmt: Option<String>,
}

/// Sends bytes to an open terminal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ConsoleSend {
    /// Path of the port.
    pub path: String,
    /// The bytes in base64.
    pub base64: String,
}

/// Reads what a terminal received.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ConsoleRead {
    /// Path of the port.
    pub path: String,
    /// Only chunks after this sequence; `None` for all that are kept.
    #[serde(default)]
    #[ts(type = "number | null")]
    pub after: Option<u64>,
}

/// A terminal on a serial port or over a debug probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ConsoleView {
    /// Path of the port, or id of the debug probe.
    pub path: String,
    /// Bits per second of a port; `None` over a debug probe.
    pub baud: Option<u32>,
    /// Whether the port or the probe is open now; it is opened again when the board comes back.
    pub open: bool,
    /// Why it is not open, or why it shows nothing or sent nothing, in one sentence.
    pub text: Option<String>,
    /// What was received, in order.
    pub chunks: Vec<ConsoleChunk>,
    /// Number of bytes before the first chunk that are no longer kept.
    #[ts(type = "number")]
    pub dropped_bytes: u64,
}

/// Bytes that a terminal received at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct ConsoleChunk {
    /// Counts the chunks of a terminal.
    #[ts(type = "number")]
    pub sequence: u64,
    /// When they arrived, in milliseconds since the Unix epoch.
    #[ts(type = "number")]
    pub time_ms: u64,
    /// The bytes in base64; of a program that logs with defmt, its lines in UTF-8.
    pub base64: String,
    /// The same lines in parts, if the program logs with defmt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub lines: Option<Vec<ConsoleLine>>,
}

/// A statement that a program logged with defmt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ConsoleLine {
    /// The time stamp as the program formats it.
    pub timestamp: Option<String>,
    /// `trace`, `debug`, `info`, `warn` or `error`; `None` for `println!`.
    pub level: Option<String>,
    /// The text; it may have several lines.
    pub message: String,
    /// Path of the source file of the statement, relative to the directory where the program was built if it is in it.
    /// `None` if the ELF file does not tell.
    pub file: Option<String>,
    /// Line of the statement in the file.
    pub line: Option<u32>,
}

/// The cable of a physical board of the fleet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
pub struct CableView {
    /// Path of its serial port now, or when it was last plugged in.
    pub port: Option<String>,
    /// Where its cable hangs.
    pub topology: Option<String>,
    /// State of the cable.
    pub state: CableState,
    /// Whether a virtual board is behind it.
    pub is_virtual: bool,
}

/// State of a physical board's cable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum CableState {
    /// The port is open.
    Connected,
    /// The cable is out.
    Unplugged,
    /// The port is lent to another program.
    Lent,
    /// The port cannot be opened: held by another program, or no permission.
    Blocked,
    /// The board was switched off by the user; the port is free.
    Released,
}

#[cfg(test)]
mod tests {
    use super::is_probe_id;

    #[test]
    fn ids_of_probes_are_told_from_names_and_paths() {
        for id in ["0483:374b:066BFF", "2e8a:000c:E661:2", "1209:0001"] {
            assert!(is_probe_id(id), "{id}");
        }
        for other in ["bench-1", "lab:1", "foo:barb:1", "2e8a", "/dev/ttyACM0", "COM3:", ""] {
            assert!(!is_probe_id(other), "{other}");
        }
    }
}
