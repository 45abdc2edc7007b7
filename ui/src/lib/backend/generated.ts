// Drydock's API: its types and its methods. Generated from app/api/src; do not edit.
// Renew: cargo run -p drydock-api --example codegen -- ui/src/lib/backend/generated.ts

/**
 * Whether a port or a probe can be used.
 */
export type AccessView = { "type": "usable" } | { "type": "denied", 
/**
 * One sentence: why, and what to do.
 */
text: string, 
/**
 * Whether installing Drydock's udev rule gives permission.
 */
rule_helps: boolean, } | { "type": "held", 
/**
 * Process id of the holder; 0 if it is not known.
 */
pid: number, 
/**
 * Name of its program.
 */
program: string, 
/**
 * One sentence: what to do.
 */
text: string, };

/**
 * One entry of the activity list.
 */
export type ActivityEntry = { 
/**
 * Revision of the store.
 */
revision: number, 
/**
 * In milliseconds since the Unix epoch.
 */
time_ms: number, 
/**
 * What happened.
 */
event: EventName, 
/**
 * Name of the board, if it is about one.
 */
board: string | null, 
/**
 * One sentence.
 */
text: string, };

/**
 * Asks what happened.
 */
export type ActivityQuery = { 
/**
 * Only entries before this revision.
 */
before: number | null, 
/**
 * At most this many.
 */
limit: number, 
/**
 * Only of this board.
 */
board: string | null, };

/**
 * Why a method did not do what was asked.
 */
export type ApiError = { 
/**
 * The class of the error; decides the CLI's exit code.
 */
code: ErrorCode, 
/**
 * One sentence: what happened, to which board or app, and what to do.
 */
message: string, 
/**
 * More for those who want it; folds out.
 */
detail: string | null, };

/**
 * Deploys a module.
 */
export type AppDeploy = { 
/**
 * The module.
 */
source: AppSource, 
/**
 * Ids or names of the boards.
 */
boards: Array<string>, 
/**
 * Name of the app; `None` takes the module's name, or the file's if the module has none.
 */
name: string | null, 
/**
 * Version; `None` takes the module's, or the next patch version if the module has none.
 */
version: string | null, 
/**
 * Capabilities beyond the default ones that the user consents to, for example `gpio:7`; and limits that the user
 * raises: `memory:BYTES` of linear memory, `callback:MS` for each call.
 */
grant: Array<string>, 
/**
 * Leave it installed without starting it.
 */
no_start: boolean, };

/**
 * Metrics of one app at one instant.
 */
export type AppMetricSample = { 
/**
 * Name of the app.
 */
app: string, 
/**
 * Fuel per second since the sample before.
 */
fuel_per_s: number, 
/**
 * Fuel since the app started.
 */
fuel: number, 
/**
 * Linear memory in bytes.
 */
memory_bytes: number, 
/**
 * Heap of the device that the app uses, in bytes.
 */
heap_bytes: number, 
/**
 * Host calls since the app started.
 */
host_calls: number, 
/**
 * Traps since the device's reset.
 */
traps: number, 
/**
 * Longest callback since the app started, in microseconds.
 */
callback_max_us: number, 
/**
 * The latest value of each name that the app publishes.
 */
values: Array<NamedValue>, 
/**
 * Values that the app published since it started and that the board dropped: the link did not carry them, or there
 * was no session.
 */
values_dropped: number, };

/**
 * The analysis of a file, and the boards where it could run.
 */
export type AppPreview = { 
/**
 * Name that the app would get.
 */
name: string, 
/**
 * Version that the app would get.
 */
version: string, 
/**
 * Size of the module in bytes.
 */
size_bytes: number, 
/**
 * Linear memory that it wants, in bytes.
 */
memory_bytes: number, 
/**
 * The effect of signing it under this version.
 */
plan: VersionPlan, 
/**
 * Capabilities that the app would be granted on every board that can take it. A board may grant more, such as its
 * own LEDs.
 */
granted: Array<string>, 
/**
 * Capabilities that the app calls and that need consent on any board that can take it.
 */
needs_consent: Array<string>, 
/**
 * For each board that was asked about.
 */
boards: Array<Verdict>, };

/**
 * Asks for the analysis of a file, and where it could run.
 */
export type AppPreviewRequest = { 
/**
 * The module.
 */
source: AppSource, 
/**
 * Ids or names of the boards to check.
 */
boards: Array<string>, 
/**
 * Version, as in [`AppDeploy`].
 */
version: string | null, };

/**
 * Names an app on a board.
 */
export type AppRef = { 
/**
 * Id or name of the board.
 */
board: string, 
/**
 * Name of the app.
 */
app: string, };

/**
 * The source of a module.
 */
export type AppSource = { "path": string } | { "bytes": { 
/**
 * Name of the file.
 */
name: string, 
/**
 * The bytes in base64.
 */
base64: string, } } | { "sample": string };

/**
 * State of an app on one board.
 */
export type AppState = "pending" | "deploying" | "installed" | "starting" | "running" | "stopped" | "exited" | "failed" | "removing";

/**
 * An app on one board: the desired state and what the device reports.
 */
export type AppView = { 
/**
 * Name of the app.
 */
name: string, 
/**
 * The reported version, or the desired one if none is reported.
 */
version: string, 
/**
 * Its state.
 */
state: AppState, 
/**
 * How it failed.
 */
failure: FailureView | null, 
/**
 * The transfer under way.
 */
progress: Progress | null, 
/**
 * SHA-256 of the module, hexadecimal.
 */
digest: string, 
/**
 * Size of the module in bytes.
 */
size_bytes: number, 
/**
 * Its capabilities as text: `log`, `gpio:13`.
 */
capabilities: Array<string>, 
/**
 * When its end was reported, in milliseconds since the Unix epoch; `None` while it has not ended.
 */
ended_ms: number | null, 
/**
 * Whether something was asked of it that its board has not reported yet. Until then what is shown may be overtaken.
 */
asked: boolean, };

/**
 * Reads a board's flash into a file.
 */
export type BackupStart = { 
/**
 * The board.
 */
on: CableRef, 
/**
 * Id of the board's description.
 */
kind: string, 
/**
 * Absolute path of the file to write, raw bytes from the start of flash; it must not exist.
 */
path: string, };

/**
 * The one displayed state of a board. If several apply, the earliest in this list wins.
 */
export type Badge = "unknown" | "failed" | "degraded" | "deploying" | "connecting" | "running" | "idle" | "paused" | "unauthenticated" | "unlinked" | "own_firmware" | "off" | "retired";

/**
 * Adds an emulated board.
 */
export type BoardAdd = { 
/**
 * Id of the board's description.
 */
kind: string, 
/**
 * Absolute path of a file that describes the board, for this board alone; `kind` is not read then.
 */
kind_file: string | null, 
/**
 * Name; `None` takes `bench-1`, `bench-2`, ….
 */
name: string | null, 
/**
 * Engine; `None` takes the first one that can run the board.
 */
engine: string | null, 
/**
 * Pace of its time.
 */
pace: Pace, 
/**
 * Seed, hexadecimal; `None` takes one from the host's entropy and records it.
 */
seed: string | null, 
/**
 * Damage of the link, for trials: `RATE` or `RATE:SEED`, where the rate is the share of damaged frames, 0 to 0.5.
 */
link_noise: string | null, 
/**
 * A program of the user's own for the board; `None` for Drydock's firmware.
 */
firmware: FirmwareFile | null, 
/**
 * Virtual parts besides those that are on such a board.
 */
parts: Array<PartAdd>, 
/**
 * Path of a CSV file that values of parts follow from the start, as the owner sees it; `None` for none.
 */
part_values: string | null, 
/**
 * Records the board from its first instruction.
 */
record: RecordingFile | null, };

/**
 * Holds or releases a button.
 */
export type BoardButton = { 
/**
 * Id or name of the board.
 */
board: string, 
/**
 * Name of the button.
 */
button: string, 
/**
 * Held or not.
 */
pressed: boolean, };

/**
 * Gives an emulated board a program of the user's own, or Drydock's firmware again.
 */
export type BoardFirmware = { 
/**
 * Its id or its name.
 */
board: string, 
/**
 * The program; `None` for Drydock's firmware.
 */
firmware: FirmwareFile | null, };

/**
 * Makes boards after the model of another.
 */
export type BoardFork = { 
/**
 * Id or name of the board.
 */
board: string, 
/**
 * How many; `None` makes one.
 */
count: number | null, 
/**
 * Name of the fork, or the prefix of the names of several forks. `None` takes the board's own name with `-fork`.
 */
name: string | null, 
/**
 * Continue from the board's exact state, including its memory, but without a link: no data from the fork reaches
 * the gateway. After a power cycle the fork starts blank and enrolls with its own identity.
 */
unlinked: boolean, 
/**
 * The state that an unlinked fork continues from; `None` takes the board's current state.
 */
from: SnapshotSource | null, };

/**
 * Adds a kind of board of the user's own.
 */
export type BoardKindAdd = { 
/**
 * Absolute path of the file that describes it.
 */
path: string, };

/**
 * A kind of board: what is on it, and what is modelled of its chip.
 */
export type BoardKindDetail = { 
/**
 * The kind, as in lists.
 */
kind: BoardKindView, 
/**
 * Manufacturer of the chip.
 */
vendor: string, 
/**
 * Core of the chip, for example `cortex-m4f`.
 */
core: string, 
/**
 * Clock of the core in Hz.
 */
clock_hz: number, 
/**
 * Memories, flash first.
 */
memories: Array<KindMemory>, 
/**
 * UARTs, by number.
 */
uarts: Array<KindUart>, 
/**
 * LEDs.
 */
leds: Array<KindLed>, 
/**
 * Buttons.
 */
buttons: Array<KindButton>, 
/**
 * Buses for parts.
 */
buses: Array<KindBus>, 
/**
 * Pins with an analogue input, in the order in which parts take them.
 */
analog: Array<string>, 
/**
 * Virtual parts that are on such a board.
 */
parts: Array<KindPart>, 
/**
 * How a physical board meets a host.
 */
connector: string, 
/**
 * Peripherals of the chip, by address; empty: there is no list for this chip.
 */
peripherals: Array<KindPeripheral>, };

/**
 * Names a kind of board.
 */
export type BoardKindRef = { 
/**
 * Id of its description.
 */
kind: string, };

/**
 * A kind of board that can be added.
 */
export type BoardKindView = { 
/**
 * Id of its description, for example `nano33ble`.
 */
id: string, 
/**
 * Title, for example `Arduino Nano 33 BLE`.
 */
title: string, 
/**
 * Chip, for example `nRF52840`.
 */
chip: string, 
/**
 * Flash in bytes.
 */
flash_bytes: number, 
/**
 * RAM in bytes.
 */
ram_bytes: number, 
/**
 * A sentence about what does not work on this board; empty if everything does.
 */
limit: string, 
/**
 * Whether it takes apps.
 */
takes_apps: boolean, 
/**
 * Whether the board gets an identity. A board without one has no session and sends no metrics.
 */
enrolls: boolean, 
/**
 * Pins that it gives to apps, ascending, in the numbers that apps use; none: the owner does not say so yet.
 */
app_pins: Array<number> | null, 
/**
 * Methods that write its flash, the usual one first: `probe`, `esp-rom`, `sam-ba`, `dfu`.
 */
flashing: Array<string>, 
/**
 * Whether such a board can be added: its firmware is part of this program.
 */
addable: boolean, 
/**
 * The file of a board of the user's own; none: the board ships with Drydock.
 */
file: string | null, 
/**
 * The shipped board that a user's board extends.
 */
extends: string | null, 
/**
 * What is wrong with the file, each with its place; nothing can be added then.
 */
problems: Array<string>, 
/**
 * Engines that can run it.
 */
engines: Array<EngineView>, };

/**
 * Adds labels to boards and removes labels from them.
 */
export type BoardLabel = { 
/**
 * Ids or names of the boards.
 */
boards: Array<string>, 
/**
 * Labels to add: lower-case letters, digits and inner hyphens, at most 32; at most 16 a board.
 */
add: Array<string>, 
/**
 * Labels to remove; a board that lacks one stays as it is.
 */
remove: Array<string>, };

/**
 * Switches a machine.
 */
export type BoardPower = { 
/**
 * Id or name of the board.
 */
board: string, 
/**
 * The action.
 */
action: PowerAction, };

/**
 * Names a board.
 */
export type BoardRef = { 
/**
 * Its id or its name.
 */
board: string, };

/**
 * Renames a board.
 */
export type BoardRename = { 
/**
 * Its id or its name.
 */
board: string, 
/**
 * The new name.
 */
name: string, };

/**
 * One board of the fleet: its machine, if it is emulated, and its device, once it has an identity.
 */
export type BoardView = { 
/**
 * Stable id, for example `b-3f9a0c`.
 */
id: string, 
/**
 * Name that the user gave, unique in the fleet, for example `bench-1`.
 */
name: string, 
/**
 * Words by which the user groups boards, for example `lab`; sorted.
 */
labels: Array<string>, 
/**
 * Id of the board's description, for example `nano33ble`.
 */
kind: string, 
/**
 * Title of the board, for example `Arduino Nano 33 BLE`.
 */
title: string, 
/**
 * Name of the chip, for example `nRF52840`.
 */
chip: string, 
/**
 * The one displayed state, derived from all others.
 */
badge: Badge, 
/**
 * The badge's reason in a few words, for example `connecting, try 2` or `sensor failed: trap`.
 */
badge_detail: string, 
/**
 * The machine, for emulated boards.
 */
machine: MachineView | null, 
/**
 * The cable, for physical boards.
 */
cable: CableView | null, 
/**
 * The device, once it has an identity.
 */
device: DeviceView | null, 
/**
 * Apps that are desired on the board or reported by it, by name.
 */
apps: Array<AppView>, 
/**
 * LEDs of the front panel, in the order of the board's description.
 */
leds: Array<LedView>, 
/**
 * Buttons of the front panel.
 */
buttons: Array<ButtonView>, 
/**
 * The latest metrics, if the device is connected.
 */
metrics: MetricSample | null, 
/**
 * The program of the user's own that an emulated board runs; `None` for Drydock's firmware.
 */
firmware: FirmwareView | null, };

/**
 * A button of the front panel.
 */
export type ButtonView = { 
/**
 * Name on the board.
 */
name: string, 
/**
 * Pin, for example `P1.11`.
 */
pin: string, 
/**
 * Whether it is held.
 */
pressed: boolean, };

/**
 * What happens to a cable.
 */
export type CableAction = "pull" | "plug";

/**
 * A board on this host that an operation is for: its serial port, and what its flash is written over if that is not the
 * port: a debug probe, or else its bootloader as a DFU device. Provisioning needs the port, because the board's link runs
 * there.
 */
export type CableRef = { 
/**
 * Path of a serial port.
 */
port: string | null, 
/**
 * Id of a debug probe.
 */
probe: string | null, 
/**
 * Id of a DFU device.
 */
dfu: string | null, };

/**
 * State of a physical board's cable.
 */
export type CableState = "connected" | "unplugged" | "lent" | "blocked" | "released";

/**
 * The cable of a physical board of the fleet.
 */
export type CableView = { 
/**
 * Path of its serial port now, or when it was last plugged in.
 */
port: string | null, 
/**
 * Where its cable hangs.
 */
topology: string | null, 
/**
 * State of the cable.
 */
state: CableState, 
/**
 * Whether a virtual board is behind it.
 */
is_virtual: boolean, };

/**
 * A board that a port or a probe may belong to.
 */
export type CandidateView = { 
/**
 * Id of the board's description.
 */
kind: string, 
/**
 * Title of the board.
 */
title: string, 
/**
 * How sure it is.
 */
confidence: Confidence, 
/**
 * The reason, in one sentence.
 */
reason: string, };

/**
 * Format of a chart.
 */
export type ChartFormat = "svg" | "png" | "csv";

/**
 * How sure a candidate is.
 */
export type Confidence = "certain" | "likely" | "possible";

/**
 * Bytes that a terminal received at once.
 */
export type ConsoleChunk = { 
/**
 * Counts the chunks of a terminal.
 */
sequence: number, 
/**
 * When they arrived, in milliseconds since the Unix epoch.
 */
time_ms: number, 
/**
 * The bytes in base64; of a program that logs with defmt, its lines in UTF-8.
 */
base64: string, 
/**
 * The same lines in parts, if the program logs with defmt.
 */
lines?: Array<ConsoleLine>, };

/**
 * A statement that a program logged with defmt.
 */
export type ConsoleLine = { 
/**
 * The time stamp as the program formats it.
 */
timestamp: string | null, 
/**
 * `trace`, `debug`, `info`, `warn` or `error`; `None` for `println!`.
 */
level: string | null, 
/**
 * The text; it may have several lines.
 */
message: string, 
/**
 * Path of the source file of the statement, relative to the directory where the program was built if it is in it.
 * `None` if the ELF file does not tell.
 */
file: string | null, 
/**
 * Line of the statement in the file.
 */
line: number | null, };

/**
 * Opens a terminal on a serial port, or on the RTT channels 0 of a program behind a debug probe.
 */
export type ConsoleOpen = { 
/**
 * Path of the port, or id of the debug probe. The other requests of a terminal name it the same way.
 */
path: string, 
/**
 * Bits per second of a port; not used over a debug probe.
 */
baud: number, 
/**
 * Id of the description of the board behind a debug probe; `None` takes it from the probe's candidates. Not used on a
 * port.
 */
kind: string | null, 
/**
 * Absolute path of a file to which everything received is appended, as it is shown; `None` for no file.
 */
log: string | null, 
/**
 * Absolute path of the ELF file of a program that logs with defmt: what arrives is shown as lines of text. `None` shows
 * it as it is.
 */
defmt: string | null, };

/**
 * Reads what a terminal received.
 */
export type ConsoleRead = { 
/**
 * Path of the port.
 */
path: string, 
/**
 * Only chunks after this sequence; `None` for all that are kept.
 */
after: number | null, };

/**
 * Sends bytes to an open terminal.
 */
export type ConsoleSend = { 
/**
 * Path of the port.
 */
path: string, 
/**
 * The bytes in base64.
 */
base64: string, };

/**
 * A terminal on a serial port or over a debug probe.
 */
export type ConsoleView = { 
/**
 * Path of the port, or id of the debug probe.
 */
path: string, 
/**
 * Bits per second of a port; `None` over a debug probe.
 */
baud: number | null, 
/**
 * Whether the port or the probe is open now; it is opened again when the board comes back.
 */
open: boolean, 
/**
 * Why it is not open, or why it shows nothing or sent nothing, in one sentence.
 */
text: string | null, 
/**
 * What was received, in order.
 */
chunks: Array<ConsoleChunk>, 
/**
 * Number of bytes before the first chunk that are no longer kept.
 */
dropped_bytes: number, };

/**
 * An accepted deployment. A board that cannot take the app does not stop it on the others.
 */
export type Deployment = { 
/**
 * Name of the app.
 */
app: string, 
/**
 * Its version.
 */
version: string, 
/**
 * SHA-256 of the module, hexadecimal.
 */
digest: string, 
/**
 * Ids of the boards that get it.
 */
boards: Array<string>, 
/**
 * The boards that do not, each with the reason.
 */
refused: Array<Verdict>, };

/**
 * State of a device's life.
 */
export type DeviceState = "pending" | "enrolling" | "enrolled" | "connected" | "unreachable" | "disconnected" | "retired";

/**
 * A board's identity in the gateway's registry.
 */
export type DeviceView = { 
/**
 * Id in the registry, also the CN of its certificate.
 */
id: string, 
/**
 * The chip's unique id, hexadecimal.
 */
chip_id: string, 
/**
 * State of its life.
 */
state: DeviceState, 
/**
 * Version of its firmware.
 */
firmware: string, 
/**
 * When the gateway last heard from the device, in milliseconds since the Unix epoch.
 */
heard_ms: number | null, 
/**
 * Milliseconds since its reset, when last heard.
 */
uptime_ms: number | null, 
/**
 * The session's id.
 */
session: number | null, 
/**
 * Reason of its last reset.
 */
reset_reason: string | null, 
/**
 * The record of the last panic or fault.
 */
last_fault: string | null, };

/**
 * A USB device in DFU mode: a board whose bootloader waits.
 */
export type DfuView = { 
/**
 * The id by which requests name it: `VID:PID:SERIAL`.
 */
id: string, 
/**
 * What it says about itself.
 */
usb: UsbView, 
/**
 * Where its cable hangs; the place of the board's serial port, if the firmware has one at the same socket.
 */
topology: string | null, 
/**
 * Whether a virtual board is behind it.
 */
is_virtual: boolean, 
/**
 * The boards that it may be, the likeliest first.
 */
candidates: Array<CandidateView>, 
/**
 * Whether it can be used.
 */
access: AccessView, 
/**
 * What Drydock uses it for, as in [`PortView`].
 */
used_by: string | null, };

/**
 * Nothing.
 */
export type Empty = Record<symbol, never>;

/**
 * An engine and whether it can be used here.
 */
export type EngineView = { 
/**
 * `builtin`, `renode` or `qemu`.
 */
name: string, 
/**
 * Whether it can be used here.
 */
available: boolean, 
/**
 * Its version; or why it cannot be used, and how to get it.
 */
detail: string, };

/**
 * Erases a board's flash: firmware, apps and identity; a factory bootloader stays where the method allows.
 */
export type EraseStart = { 
/**
 * The board.
 */
on: CableRef, 
/**
 * Id of the board's description.
 */
kind: string, };

/**
 * Classes of errors.
 */
export type ErrorCode = "usage" | "refused" | "not_found" | "board" | "cancelled" | "internal";

/**
 * A named fact. Log lines and metrics are not events: subscribers get them as [`crate::Update::Logs`] and
 * [`crate::Update::Metrics`], and `drydock … --json` prints them as `app.log`, `board.log` and `device.metrics`.
 */
export type Event = { 
/**
 * What happened.
 */
event: EventName, 
/**
 * Revision of the store; `None` for facts that are not stored.
 */
revision: number | null, 
/**
 * In milliseconds since the Unix epoch.
 */
time_ms: number, 
/**
 * Name of the board.
 */
board: string | null, 
/**
 * Name of the app.
 */
app: string | null, 
/**
 * One sentence for people.
 */
text: string, 
/**
 * Further fields of this event, documented in docs/cli.md.
 */
data: Record<string, unknown>, };

/**
 * What happened. The names on the wire are stable.
 */
export type EventName = "board.added" | "board.firmware" | "board.removed" | "board.forked" | "machine.started" | "machine.stopped" | "machine.restored" | "machine.ended" | "machine.faulted" | "part.set" | "part.table" | "part.loaded" | "machine.crashed" | "machine.failed" | "device.enrolled" | "device.connected" | "device.superseded" | "device.unreachable" | "device.returned" | "device.disconnected" | "device.revoked" | "device.retired" | "device.wiped" | "device.chip_released" | "device.refused" | "device.unauthenticated" | "connection.refused" | "package.signed" | "app.deploying" | "app.installed" | "app.starting" | "app.running" | "app.stopped" | "app.exited" | "app.trapped" | "app.refused" | "app.cancelled" | "app.removed" | "profile.started" | "profile.finished" | "recording.started" | "recording.kept" | "recording.ended" | "gdb.opened" | "gdb.closed" | "gdb.detached" | "hardware.plugged" | "hardware.unplugged" | "board.plugged" | "board.unplugged" | "job.started" | "job.step" | "job.ended" | "gateway.recovered" | "gateway.pairing" | "workbench.recovered" | "window.show" | "error";

/**
 * What provisioning left behind: one row for each attempt that ended, and the files that could not be read.
 */
export type Evidence = { 
/**
 * The attempts, in the order in which they began.
 */
rows: Array<EvidenceRow>, 
/**
 * Evidence that cannot be read. Nothing is known of the boards that it was for.
 */
unreadable: Array<UnreadableEvidence>, };

/**
 * The first app of a provisioned board.
 */
export type EvidenceApp = { 
/**
 * Its name.
 */
name: string, 
/**
 * Its version.
 */
version: string, 
/**
 * SHA-256 of the module, hexadecimal.
 */
sha256: string, };

/**
 * Asks for the table of all evidence as comma-separated values: one header line, a line for each row, then a line with
 * the outcome `unreadable` for each file that cannot be read. Times are UTC in RFC 3339.
 */
export type EvidenceExport = { 
/**
 * Absolute path of the file to write; an existing one is replaced. `None` returns the table in base64.
 */
path: string | null, };

/**
 * Whether a board was provisioned.
 */
export type EvidenceOutcome = "passed" | "failed";

/**
 * One attempt to provision a board.
 */
export type EvidenceRow = { 
/**
 * Number of the job.
 */
job: number, 
/**
 * Whether the board was provisioned.
 */
outcome: EvidenceOutcome, 
/**
 * One sentence: why it failed; empty if it passed.
 */
text: string, 
/**
 * Name of the board when it was provisioned; `None` if the job failed before the board was in the fleet.
 */
board: string | null, 
/**
 * Id of the board's description.
 */
kind: string, 
/**
 * Title of the board.
 */
title: string, 
/**
 * The chip's unique id; `None` if the job failed before it was read.
 */
chip: string | null, 
/**
 * Where the board hung: bus and chain of hub ports, otherwise its port or its probe.
 */
place: string | null, 
/**
 * How the flash was written.
 */
method: string | null, 
/**
 * SHA-256 of the firmware that was written, hexadecimal.
 */
firmware_sha256: string | null, 
/**
 * Version of the firmware that the board reported.
 */
firmware_version: string | null, 
/**
 * Id of the device in the registry.
 */
device: string | null, 
/**
 * Serial number of the device's certificate.
 */
certificate_serial: string | null, 
/**
 * The first app; `None` if the board was provisioned without one.
 */
app: EvidenceApp | null, 
/**
 * When the job began, in milliseconds since the Unix epoch.
 */
began_ms: number, 
/**
 * When it ended.
 */
ended_ms: number | null, 
/**
 * Path of the evidence file; `None` if the job wrote none.
 */
file: string | null, };

/**
 * A chart.
 */
export type Exported = { 
/**
 * The file that was written.
 */
path: string | null, 
/**
 * The chart in base64, if the request named no file.
 */
base64: string | null, };

/**
 * How an app failed, or why a board refused it.
 */
export type FailureView = { 
/**
 * `trap`, `execution-limit`, `memory-limit`, `capability-denied`, `instantiation`, `stack-overflow`, `exit-code` or `refused`.
 */
reason: string, 
/**
 * The export that ran, or empty.
 */
export: string, 
/**
 * One sentence.
 */
detail: string, 
/**
 * Exit code, for `exit-code`.
 */
exit_code: number | null, };

/**
 * A program of the user's own.
 */
export type FirmwareFile = { 
/**
 * Absolute path of an ELF, Intel HEX, S-record, UF2 or binary file, or of an app image for Espressif chips.
 */
path: string, 
/**
 * Where a file without addresses belongs; `None` where the board starts.
 */
address: number | null, 
/**
 * The line on which the program logs with defmt, as terminals name it: `0` for UART 0, `itm0`, `usb`. RTT's channel
 * with the name `defmt` needs no word.
 */
defmt: string | null, 
/**
 * What the program gets where the engine has no model.
 */
unmodelled: Unmodelled, 
/**
 * What the program gets when it asks for its command line by semihosting.
 */
arguments: string, };

/**
 * Which boards can run a program of the user's own.
 */
export type FirmwarePreview = { 
/**
 * Name of the file.
 */
name: string, 
/**
 * Format of the file, for example `ELF file`; `None` if it fits nothing.
 */
format: string | null, 
/**
 * The boards that were asked about.
 */
boards: Array<FirmwareVerdict>, 
/**
 * Kinds of boards, with the id of a kind as `board`; those that fit come first.
 */
kinds: Array<FirmwareVerdict>, };

/**
 * Asks which boards and kinds of boards can run a program of the user's own.
 */
export type FirmwarePreviewRequest = { 
/**
 * The program.
 */
firmware: FirmwareFile, 
/**
 * Ids or names of boards.
 */
boards: Array<string>, };

/**
 * The firmware to write.
 */
export type FirmwareSource = "ours" | { "path": string };

/**
 * Whether a board can run a program of the user's own.
 */
export type FirmwareVerdict = { 
/**
 * Id of the board.
 */
board: string, 
/**
 * Why it cannot, in a sentence; `None` if it can.
 */
refused: string | null, 
/**
 * Where the program would start, in a sentence.
 */
start: string | null, };

/**
 * A program of the user's own on an emulated board.
 */
export type FirmwareView = { 
/**
 * Name of the file.
 */
name: string, 
/**
 * What was loaded, and how; the same request loads the file again.
 */
file: FirmwareFile, 
/**
 * Format of the file, for example `ELF file`.
 */
format: string, 
/**
 * SHA-256 of the file, hexadecimal.
 */
sha256: string, 
/**
 * Bytes that it loads.
 */
bytes: number, 
/**
 * Where it starts, in a sentence.
 */
start: string, 
/**
 * The path of the terminal on the UART of the board's link.
 */
terminal: string, 
/**
 * Whether it speaks Drydock's link: the board then enrolls and takes apps, and that UART is no terminal.
 */
links: boolean, };

/**
 * Writes firmware to a board.
 */
export type FlashStart = { 
/**
 * The board.
 */
on: CableRef, 
/**
 * Id of the board's description.
 */
kind: string, 
/**
 * What to write.
 */
firmware: FirmwareSource, 
/**
 * Address of raw bytes; other files carry their addresses.
 */
address: number | null, 
/**
 * Erase the whole chip first, apps and identity included. A locked chip needs it.
 */
erase_all: boolean, };

/**
 * All boards.
 */
export type Fleet = { 
/**
 * Revision that this state holds at.
 */
revision: number, 
/**
 * The boards, by name.
 */
boards: Array<BoardView>, };

/**
 * Lets debuggers connect to a machine, or to the board behind a debug probe.
 */
export type GdbOpen = { 
/**
 * Id or name of the board, or id of the debug probe.
 */
board: string, 
/**
 * Port on the loopback address; `None` takes a free port.
 */
port: number | null, 
/**
 * For a debug probe: id of the board's description; `None` takes it from the probe's candidates.
 */
kind: string | null, 
/**
 * For a debug probe: absolute path of the ELF file of the program that runs; `None` for Drydock's firmware.
 */
elf: string | null, };

/**
 * State of a port for debuggers.
 */
export type GdbState = "closed" | "waiting" | "attached";

/**
 * A port for debuggers.
 */
export type GdbView = { 
/**
 * Name of the board, or id of the debug probe.
 */
board: string, 
/**
 * Its state.
 */
state: GdbState, 
/**
 * Address and port, for `target remote`.
 */
address: string | null, 
/**
 * The firmware with its symbols.
 */
program: string | null, 
/**
 * Command line that debugs it.
 */
command: string | null, 
/**
 * Why the last debugger's session failed, as a sentence; `None` if it did not.
 */
text: string | null, };

/**
 * The ports, probes, DFU devices and virtual boards of the owner's host.
 */
export type Hardware = { 
/**
 * Serial ports, by path.
 */
ports: Array<PortView>, 
/**
 * Debug probes.
 */
probes: Array<ProbeView>, 
/**
 * Devices in DFU mode: bootloaders without a serial port.
 */
dfu: Array<DfuView>, 
/**
 * Virtual boards that are plugged in or unplugged, by name.
 */
virtual_boards: Array<VirtualBoardView>, };

/**
 * What a job does.
 */
export type JobKind = "flash" | "backup" | "erase" | "provision";

/**
 * Names a job.
 */
export type JobRef = { 
/**
 * Its number.
 */
id: number, };

/**
 * State of a job.
 */
export type JobState = "running" | "done" | "failed" | "cancelled" | "interrupted";

/**
 * A step of a job.
 */
export type JobStep = { 
/**
 * Its name for people, for example `Write firmware`.
 */
name: string, 
/**
 * State of the step.
 */
state: StepState, 
/**
 * Bytes done.
 */
done_bytes: number, 
/**
 * Bytes in all; 0 if the step does not count bytes.
 */
total_bytes: number, };

/**
 * A job on a board: it goes on in the owner until it ends or is cancelled.
 */
export type JobView = { 
/**
 * Its number, unique in a data directory.
 */
id: number, 
/**
 * What it does.
 */
what: JobKind, 
/**
 * The board on its cable.
 */
on: CableRef, 
/**
 * Where the cable hung when the job began.
 */
topology: string | null, 
/**
 * Id of the board's description.
 */
kind: string, 
/**
 * The board of the fleet, once there is one: its name.
 */
board: string | null, 
/**
 * The chip's unique id, once it is known.
 */
chip: string | null, 
/**
 * State of the job.
 */
state: JobState, 
/**
 * One sentence: what happens now, or how it ended and what to do.
 */
text: string, 
/**
 * Its steps, in order.
 */
steps: Array<JobStep>, 
/**
 * When it began, in milliseconds since the Unix epoch.
 */
started_ms: number, 
/**
 * When it ended.
 */
ended_ms: number | null, 
/**
 * Path of the evidence file that it wrote.
 */
evidence: string | null, };

/**
 * A bus for parts.
 */
export type KindBus = { 
/**
 * Name on the board.
 */
name: string, 
/**
 * `i2c` or `spi`.
 */
kind: string, 
/**
 * Its lines and their pins, for example `scl P0.02`.
 */
pins: Array<string>, 
/**
 * Pins that a program must drive high before a part answers.
 */
needs: Array<string>, };

/**
 * A button.
 */
export type KindButton = { 
/**
 * Name on the board.
 */
name: string, 
/**
 * Pin that it drives.
 */
pin: string, 
/**
 * Level while it is pressed: `high` or `low`.
 */
active: string, 
/**
 * Whether it resets the chip.
 */
resets: boolean, };

/**
 * An LED.
 */
export type KindLed = { 
/**
 * Name on the board.
 */
name: string, 
/**
 * Pin that drives it.
 */
pin: string, 
/**
 * Level at which it is lit: `high` or `low`.
 */
active: string, 
/**
 * Colour, as CSS writes it.
 */
color: string, 
/**
 * The number by which apps use it.
 */
app_pin: number | null, };

/**
 * A memory.
 */
export type KindMemory = { 
/**
 * Its use: `flash`, `data flash`, `ram`, or an area of flash.
 */
name: string, 
/**
 * First address.
 */
base: number, 
/**
 * Length in bytes.
 */
bytes: number, };

/**
 * A virtual part.
 */
export type KindPart = { 
/**
 * Name on the board.
 */
name: string, 
/**
 * Kind of part, for example `bme280`.
 */
kind: string, 
/**
 * Where it is, for example `i2c, address 0x76`.
 */
place: string, };

/**
 * A peripheral of a chip.
 */
export type KindPeripheral = { 
/**
 * Name, as in the chip's manual.
 */
name: string, 
/**
 * First address of its registers.
 */
base: number, 
/**
 * How far the builtin engine models it: `modelled`, `partly` or `none`.
 */
state: string, 
/**
 * What is not modelled of one that is partly modelled.
 */
missing: string | null, };

/**
 * A UART.
 */
export type KindUart = { 
/**
 * The chip's number.
 */
uart: number, 
/**
 * Name on the board, if its file gives one.
 */
name: string | null, 
/**
 * Pin from the board to the host, as far as the board fixes it.
 */
tx: string | null, 
/**
 * Pin from the host to the board, as `tx`.
 */
rx: string | null, 
/**
 * Whether it is the board's link, or its terminal with a program of the user's own.
 */
link: boolean, };

/**
 * Format of a sheet of labels.
 */
export type LabelFormat = "svg" | "pdf";

/**
 * A sheet of labels.
 */
export type LabelSheet = { 
/**
 * The file that was written.
 */
path: string | null, 
/**
 * The sheet in base64, if the request named no file.
 */
base64: string | null, 
/**
 * Names of the boards that have a label, in the order of the sheet.
 */
boards: Array<string>, 
/**
 * Number of pages.
 */
pages: number, 
/**
 * Boards that have no label because their last attempt failed; only if no boards were named.
 */
left_out: Array<LeftOut>, };

/**
 * Asks for a sheet of labels: for each board its name, its kind, its device id, its chip's id, and a QR code that
 * holds `drydock:DEVICE-ID`.
 */
export type LabelsMake = { 
/**
 * Names or device ids of the boards; empty for all boards that passed.
 */
boards: Array<string>, 
/**
 * Format of the sheet.
 */
format: LabelFormat, 
/**
 * Width of one label, in millimetres.
 */
width_mm: number, 
/**
 * Height of one label, in millimetres.
 */
height_mm: number, 
/**
 * Absolute path of the file to write; `None` returns the sheet in base64.
 */
path: string | null, 
/**
 * Replace an existing file.
 */
overwrite: boolean, };

/**
 * A LED of the front panel.
 */
export type LedView = { 
/**
 * Name on the board, for example `LED`.
 */
name: string, 
/**
 * Pin, for example `P0.13`.
 */
pin: string, 
/**
 * CSS-like colour name of its light: `amber`, `green`, `red`, `blue`.
 */
color: string, 
/**
 * Whether it is lit; `None` on a physical board, where it is not known.
 */
lit: boolean | null, };

/**
 * A board that has no label.
 */
export type LeftOut = { 
/**
 * Name of the board.
 */
board: string, 
/**
 * One sentence: the reason.
 */
text: string, };

/**
 * A line of the console.
 */
export type LogLine = { 
/**
 * Position in the board's console, ascending by one; a step of more than one is a gap.
 */
sequence: number, 
/**
 * When the gateway received it, in milliseconds since the Unix epoch.
 */
time_ms: number, 
/**
 * Milliseconds since the device's reset, if the device reported it.
 */
uptime_ms: number | null, 
/**
 * `fw` for the firmware, `drydock` for the workbench, otherwise the app's name.
 */
source: string, 
/**
 * `trace`, `debug`, `info`, `warn` or `error`.
 */
level: string, 
/**
 * The line.
 */
text: string, };

/**
 * Lines of a console.
 */
export type Logs = { 
/**
 * The lines, ascending.
 */
lines: Array<LogLine>, 
/**
 * Number of lines before the first one that are no longer kept.
 */
dropped: number, };

/**
 * Asks for lines of a console.
 */
export type LogsQuery = { 
/**
 * Id or name of the board.
 */
board: string, 
/**
 * Only lines after this sequence.
 */
after: number | null, 
/**
 * Only of this source.
 */
source: string | null, 
/**
 * At most this many of the newest lines.
 */
limit: number | null, };

/**
 * Changes the pace of a machine's time.
 */
export type MachinePace = { 
/**
 * Id or name of the board.
 */
board: string, 
/**
 * The new pace; kept for the next time the machine is switched on.
 */
pace: Pace, };

/**
 * State of a machine.
 */
export type MachineState = "off" | "running" | "paused" | "crashed" | "ended";

/**
 * Carries out some instructions.
 */
export type MachineStep = { 
/**
 * Id or name of the board.
 */
board: string, 
/**
 * How many.
 */
count: number, };

/**
 * A running emulated board.
 */
export type MachineView = { 
/**
 * Name of the engine: `builtin`, `renode`, `qemu`.
 */
engine: string, 
/**
 * State of the machine.
 */
state: MachineState, 
/**
 * Pace of its time.
 */
pace: Pace, 
/**
 * Virtual time since power-on, in seconds.
 */
virtual_time_s: number, 
/**
 * Instructions since power-on.
 */
instructions: number, 
/**
 * Speed over the last second, in million instructions per second of host time.
 */
mips: number, 
/**
 * Virtual seconds per host second over the last second.
 */
speed: number, 
/**
 * The exit code of a program that ended by itself.
 */
exit_code: number | null, 
/**
 * Seed of its randomness, hexadecimal.
 */
seed: string, 
/**
 * Why the machine crashed, with address and PC; `None` if it did not crash.
 */
fault: string | null, };

/**
 * Metrics of a device at one instant.
 */
export type MetricSample = { 
/**
 * When the gateway received it, in milliseconds since the Unix epoch.
 */
time_ms: number, 
/**
 * Milliseconds since the device's reset.
 */
uptime_ms: number, 
/**
 * Counts samples of the device since reset; a step of more than one is a gap.
 */
sequence: number, 
/**
 * Time in which the CPU did not sleep, in percent.
 */
cpu_percent: number, 
/**
 * Heap in use, in bytes.
 */
heap_used_bytes: number, 
/**
 * Highest heap use since reset, in bytes.
 */
heap_peak_bytes: number, 
/**
 * Heap in all, in bytes.
 */
heap_total_bytes: number, 
/**
 * Deepest stack since reset, in bytes.
 */
stack_peak_bytes: number, 
/**
 * Stack in all, in bytes.
 */
stack_total_bytes: number, 
/**
 * Frames sent again since reset.
 */
link_retries: number, 
/**
 * Frames received damaged since reset.
 */
link_errors: number, 
/**
 * Chip temperature in degrees Celsius.
 */
temperature_c: number | null, 
/**
 * Values of apps that the gateway refused since it was opened: no numbers, out of order, more than it takes.
 */
values_refused: number, 
/**
 * Each app.
 */
apps: Array<AppMetricSample>, };

/**
 * Asks for a chart.
 */
export type MetricsExport = { 
/**
 * The series to draw.
 */
query: MetricsQuery, 
/**
 * `svg`, `png` or `csv`.
 */
format: ChartFormat, 
/**
 * Dark background.
 */
dark: boolean, 
/**
 * File to write; `None` returns the content in base64.
 */
path: string | null, 
/**
 * End of the drawn span, in milliseconds since the Unix epoch; `None` is the current time.
 */
until_ms: number | null, 
/**
 * Numbers of colours, 1 to 8, by id of the series. A series without an entry gets its usual colour.
 */
colours: { [key in string]: number }, 
/**
 * Offset of the displayed clock from UTC, in minutes; `None` displays UTC.
 */
utc_offset_min: number | null, };

/**
 * Asks for lines of plots.
 */
export type MetricsQuery = { 
/**
 * Id or name of the board.
 */
board: string, 
/**
 * Ids of the series; empty for all.
 */
series: Array<string>, 
/**
 * How far back, in seconds.
 */
window_s: number, 
/**
 * At most this many points a series; extremes are kept.
 */
max_points: number, };

/**
 * A line in an engine's own command language.
 */
export type MonitorLine = { 
/**
 * Id or name of the board.
 */
board: string, 
/**
 * The line.
 */
line: string, };

/**
 * An engine's answer to a line.
 */
export type MonitorReply = { 
/**
 * The output, or the reason why the line was refused.
 */
text: string, 
/**
 * Whether it refused the line.
 */
refused: boolean, };

/**
 * The command line of a machine's engine.
 */
export type MonitorView = { 
/**
 * Name of the board.
 */
board: string, 
/**
 * Prompt of the command line; `None` if the engine has no command language.
 */
prompt: string | null, 
/**
 * The last executed lines, of all clients, the oldest first.
 */
history: Array<string>, };

/**
 * A value that an app publishes.
 */
export type NamedValue = { 
/**
 * Its name.
 */
name: string, 
/**
 * The latest value.
 */
value: number, };

/**
 * How virtual time relates to host time.
 */
export type Pace = "realtime" | "max" | "lockstep";

/**
 * Turns pairing on or off.
 */
export type PairingSet = { 
/**
 * On or off.
 */
enabled: boolean, };

/**
 * A part to add to an emulated board. What is left out follows from the board.
 */
export type PartAdd = { 
/**
 * Kind of part, as in `bme280`. For a part of one's own, the name of its kind.
 */
kind: string, 
/**
 * Path of the WebAssembly module that is the part, as the owner sees it; `None` for a kind that Drydock has.
 */
module: string | null, 
/**
 * Name on the board; `None` for that of the kind, with a number if it is taken.
 */
name: string | null, 
/**
 * Name of the board's bus; `None` for its first one of the part's sort.
 */
bus: string | null, 
/**
 * 7-bit address on an I²C bus; `None` for the first of the kind's addresses that is free.
 */
address: number | null, 
/**
 * Select pin on an SPI bus, as in `P1.02`; `None` for that of the bus.
 */
select: string | null, 
/**
 * Pin of an analogue part, `None` for the board's first free one; or of a part that has one line.
 */
pin: string | null, 
/**
 * Number or name of the UART of a part on one; `None` for the board's first one that is free and not the link's.
 */
uart: string | null, 
/**
 * Path of the file that a memory keeps or that the part plays, as the owner sees it; `None` for a new memory.
 */
file: string | null, 
/**
 * Pins of the part's lines, by the line's name.
 */
pins: { [key in string]: string }, 
/**
 * Start values, by property.
 */
values: { [key in string]: number }, };

/**
 * A file with what a part keeps.
 */
export type PartContentFile = { 
/**
 * Path of the file.
 */
path: string, 
/**
 * Its length.
 */
bytes: number, };

/**
 * What a display shows.
 */
export type PartPicture = { 
/**
 * Dots in a row.
 */
width: number, 
/**
 * The rows from the top, each a text with `#` for a lit dot and a space for a dark one.
 */
rows: Array<string>, };

/**
 * A property of a part.
 */
export type PartProperty = { 
/**
 * Name, as in `temperature`.
 */
name: string, 
/**
 * Unit; empty for a plain number.
 */
unit: string, 
/**
 * Lowest value.
 */
min: number, 
/**
 * Highest value.
 */
max: number, 
/**
 * Value now.
 */
value: number, 
/**
 * The part says what it is: it can be read and not set.
 */
reading: boolean, };

/**
 * A part of a board.
 */
export type PartView = { 
/**
 * Name on the board.
 */
name: string, 
/**
 * Kind, as in `bme280`.
 */
kind: string, 
/**
 * The kind's name for people.
 */
title: string, 
/**
 * Where it is wired, as in `i2c, address 0x76`.
 */
place: string, 
/**
 * Why it no longer runs: a module that trapped or did not end. `None` for all other parts.
 */
stopped: string | null, 
/**
 * What can be set or read, in the kind's order.
 */
properties: Array<PartProperty>, 
/**
 * What a display shows; `None` for other parts, and while the board is off.
 */
picture: PartPicture | null, 
/**
 * The lights of a strip as `#rrggbb`; empty for other parts, and while the board is off.
 */
lights: Array<string>, 
/**
 * Bytes that it keeps without power, which can be loaded and saved; `None` for a part that keeps nothing.
 */
content_bytes: number | null, };

/**
 * Fills what a part keeps from a file, or saves it to one.
 */
export type PartsContent = { 
/**
 * Id or name of the board.
 */
board: string, 
/**
 * Name of the part.
 */
part: string, 
/**
 * Absolute path of the file, as the owner sees it.
 */
file: string, };

/**
 * Lets values of a board's parts follow a table over the board's time.
 */
export type PartsPlay = { 
/**
 * Id or name of the board.
 */
board: string, 
/**
 * Path of the CSV file, as the owner sees it; `None` ends the table that is played.
 */
file: string | null, };

/**
 * Sets a property of a part.
 */
export type PartsSet = { 
/**
 * Id or name of the board.
 */
board: string, 
/**
 * Name of the part.
 */
part: string, 
/**
 * Name of the property.
 */
property: string, 
/**
 * The value, in the property's unit; it is kept to a millionth.
 */
value: number, };

/**
 * A table that a board's parts follow.
 */
export type PartsTable = { 
/**
 * The values that follow it, as in `bme280.temperature`; empty for none.
 */
values: Array<string>, 
/**
 * Rows.
 */
rows: number, 
/**
 * Time of the last row, in seconds of the board's time.
 */
lasts_s: number, };

/**
 * Names a serial port, or a terminal.
 */
export type PortRef = { 
/**
 * Its path; of a terminal over a debug probe, the id of the probe.
 */
path: string, };

/**
 * A serial port.
 */
export type PortView = { 
/**
 * Its path, for example `/dev/ttyACM0`.
 */
path: string, 
/**
 * Where its cable hangs, for example `usb-1-4.2`; it stays the same when the device re-enumerates.
 */
topology: string | null, 
/**
 * The USB device behind it.
 */
usb: UsbView | null, 
/**
 * Whether a virtual board is behind it.
 */
is_virtual: boolean, 
/**
 * The boards that it may be, the likeliest first.
 */
candidates: Array<CandidateView>, 
/**
 * Whether it can be used.
 */
access: AccessView, 
/**
 * What Drydock uses it for: the name of a board of the fleet, `console`, `debugger`, `lent`, `profile`, `read` or a job; `None` if for nothing.
 */
used_by: string | null, };

/**
 * An action on a machine.
 */
export type PowerAction = "on" | "off" | "reset" | "cut" | "pause" | "resume";

/**
 * Memory that was read over a debug probe.
 */
export type ProbeMemory = { 
/**
 * The first address.
 */
address: number, 
/**
 * The bytes.
 */
base64: string, };

/**
 * Reads memory of the board behind a debug probe. Registers of peripherals have their side effects.
 */
export type ProbeRead = { 
/**
 * Id of the debug probe.
 */
probe: string, 
/**
 * The first address.
 */
address: number, 
/**
 * Number of bytes, 1 to 65536.
 */
length: number, };

/**
 * A debug probe.
 */
export type ProbeRef = { 
/**
 * Its id.
 */
probe: string, };

/**
 * The registers of a core behind a debug probe.
 */
export type ProbeRegisters = { 
/**
 * The registers.
 */
registers: Array<RegisterView>, 
/**
 * What was done to the core, as a sentence.
 */
text: string, };

/**
 * A debug probe.
 */
export type ProbeView = { 
/**
 * The id by which requests name it: `VID:PID:SERIAL`.
 */
id: string, 
/**
 * Its name, for example `CMSIS-DAP`.
 */
name: string, 
/**
 * Its serial number.
 */
serial: string | null, 
/**
 * Where its cable hangs.
 */
topology: string | null, 
/**
 * Whether a virtual board is behind it.
 */
is_virtual: boolean, 
/**
 * The boards that it may be on, the likeliest first.
 */
candidates: Array<CandidateView>, 
/**
 * Whether it can be used.
 */
access: AccessView, 
/**
 * What Drydock uses it for, as in [`PortView`].
 */
used_by: string | null, };

/**
 * How much of the firmware was executed.
 */
export type ProfileCoverage = { 
/**
 * Functions there are.
 */
functions: number, 
/**
 * Functions that were executed, in part at least.
 */
functions_executed: number, 
/**
 * Bytes of functions.
 */
bytes: number, 
/**
 * Bytes that were executed.
 */
bytes_executed: number, };

/**
 * Asks for a profile as a file.
 */
export type ProfileExport = { 
/**
 * Id or name of the board.
 */
board: string, 
/**
 * Format to export.
 */
format: ProfileFormat, 
/**
 * The quantity that widths and weights show.
 */
weight: ProfileWeight, 
/**
 * Dark background of drawings.
 */
dark: boolean, 
/**
 * File to write; `None` returns the content in base64.
 */
path: string | null, };

/**
 * Format of a profile.
 */
export type ProfileFormat = "svg" | "png" | "speedscope" | "firefox" | "folded" | "coverage";

/**
 * A function.
 */
export type ProfileFunction = { 
/**
 * Its name, demangled.
 */
name: string, 
/**
 * First address.
 */
address: number, 
/**
 * How often it was called.
 */
calls: number, 
/**
 * Cycles of its own.
 */
self_cycles: number, 
/**
 * Cycles of it and of all it calls.
 */
total_cycles: number, 
/**
 * Instructions of its own.
 */
self_instructions: number, 
/**
 * Instructions of it and of all it calls.
 */
total_instructions: number, };

/**
 * The firmware's heap.
 */
export type ProfileHeap = { 
/**
 * Bytes in use.
 */
used_bytes: number, 
/**
 * The most in use at once since its reset.
 */
peak_bytes: number, 
/**
 * Bytes there are.
 */
total_bytes: number, };

/**
 * An exception or interrupt.
 */
export type ProfileInterrupt = { 
/**
 * Its name, as in `SysTick` or `interrupt 17`.
 */
name: string, 
/**
 * How often it was taken.
 */
entries: number, 
/**
 * Cycles of it and of all it calls.
 */
cycles: number, 
/**
 * The most stack it took, in bytes, on the stack that it interrupted.
 */
stack_bytes: number, };

/**
 * A peripheral.
 */
export type ProfilePeripheral = { 
/**
 * Name of its address block, or its address.
 */
name: string, 
/**
 * First address of the block.
 */
address: number, 
/**
 * Loads by the core.
 */
loads: number, 
/**
 * Stores by the core.
 */
stores: number, };

/**
 * Asks for a profile in its current state.
 */
export type ProfileQuery = { 
/**
 * Id or name of the board.
 */
board: string, 
/**
 * At most this many functions.
 */
top: number, };

/**
 * Samples the program counter of a board behind a debug probe. The board runs on.
 */
export type ProfileSample = { 
/**
 * Id of the debug probe.
 */
probe: string, 
/**
 * Id of the board's description; `None` takes it from the probe's candidates.
 */
kind: string | null, 
/**
 * Absolute path of the ELF file of the program that runs; `None` for Drydock's firmware.
 */
elf: string | null, 
/**
 * Length in seconds.
 */
for_s: number, 
/**
 * At most this many functions.
 */
top: number, 
/**
 * Format of the file to write. There is no coverage: samples do not show what was not executed.
 */
format: ProfileFormat | null, 
/**
 * Dark background of drawings.
 */
dark: boolean, 
/**
 * Absolute path of the file to write; needed for a format.
 */
path: string | null, };

/**
 * Names the debug probe over which samples are taken.
 */
export type ProfileSampleStop = { 
/**
 * Id of the debug probe.
 */
probe: string, };

/**
 * Samples of the program counter of a board behind a debug probe.
 */
export type ProfileSampled = { 
/**
 * Id of the board's description.
 */
kind: string, 
/**
 * How long it took, in seconds.
 */
seconds: number, 
/**
 * Number of samples.
 */
samples: number, 
/**
 * Functions, those with most samples first. Their callers are not known.
 */
functions: Array<SampledFunction>, 
/**
 * What the numbers are and what they leave out.
 */
text: string, 
/**
 * The file that was written.
 */
path: string | null, };

/**
 * A stack.
 */
export type ProfileStack = { 
/**
 * `main` or `process`.
 */
name: string, 
/**
 * Address behind its first byte.
 */
top: number, 
/**
 * The lowest address it reached.
 */
lowest: number, 
/**
 * Bytes between.
 */
bytes: number, };

/**
 * Begins a profile of an emulated board.
 */
export type ProfileStart = { 
/**
 * Id or name of the board.
 */
board: string, 
/**
 * Length in the board's time, in seconds. With `None` the profile runs until `profile.stop`.
 */
for_s: number | null, 
/**
 * Power-cycle the board first, so that the profile begins with its first instruction.
 */
restart: boolean, };

/**
 * State of a board's profile.
 */
export type ProfileState = "none" | "recording" | "finished";

/**
 * Ends a profile.
 */
export type ProfileStop = { 
/**
 * Id or name of the board.
 */
board: string, 
/**
 * At most this many functions in the answer.
 */
top: number, 
/**
 * Throw away what was recorded.
 */
discard: boolean, };

/**
 * The results of a profile.
 */
export type ProfileSummary = { 
/**
 * Core clock in Hz.
 */
cpu_hz: number, 
/**
 * Cycles from beginning to end.
 */
cycles: number, 
/**
 * Cycles of them in which the core slept.
 */
asleep_cycles: number, 
/**
 * Cycles in which the chip kept the core waiting (flash was busy).
 */
waiting_cycles: number, 
/**
 * Instructions executed.
 */
instructions: number, 
/**
 * Functions, sorted by their own cycles, most first.
 */
functions: Array<ProfileFunction>, 
/**
 * How deep the stacks got.
 */
stacks: Array<ProfileStack>, 
/**
 * Exceptions and interrupts.
 */
interrupts: Array<ProfileInterrupt>, 
/**
 * Peripherals that the core used, the most used first.
 */
peripherals: Array<ProfilePeripheral>, 
/**
 * How much of the firmware was executed.
 */
coverage: ProfileCoverage, 
/**
 * The firmware's heap, as the device last reported it.
 */
heap: ProfileHeap | null, 
/**
 * Which of the profile's limits were reached, in a sentence.
 */
truncated: string | null, };

/**
 * A profile, and how far it is.
 */
export type ProfileView = { 
/**
 * Name of the board.
 */
board: string, 
/**
 * Its state.
 */
state: ProfileState, 
/**
 * Board time at its beginning, in seconds.
 */
from_s: number, 
/**
 * Board time at the end of the profile so far, in seconds.
 */
to_s: number, 
/**
 * Board time at which it ends by itself.
 */
until_s: number | null, 
/**
 * The results so far.
 */
summary: ProfileSummary | null, };

/**
 * The quantity to weigh by.
 */
export type ProfileWeight = "cycles" | "instructions";

/**
 * Bytes of a transfer.
 */
export type Progress = { 
/**
 * Acknowledged by the device.
 */
done_bytes: number, 
/**
 * In all.
 */
total_bytes: number, };

/**
 * Provisions boards: firmware, identity, first app. Each board gets its own job.
 */
export type ProvisionStart = { 
/**
 * The boards.
 */
on: Array<CableRef>, 
/**
 * Id of the boards' description.
 */
kind: string, 
/**
 * Name of the board in the fleet, for one board; `{n}` becomes the first free number. `None` takes `board-{n}`.
 */
name: string | null, 
/**
 * The first app; `None` leaves the board without one.
 */
app: AppSource | null, 
/**
 * Capabilities and limits that the user consents to, as in a deployment.
 */
grant: Array<string>, 
/**
 * Erase the whole chip first. A locked chip, or one with the identity of another gateway, needs it.
 */
erase_all: boolean, };

/**
 * A recording of one board that is added.
 */
export type RecordingFile = { 
/**
 * The file, by absolute path, written by the owner.
 */
file: string, 
/**
 * Whether a file that exists is replaced.
 */
overwrite: boolean, };

/**
 * Keeps what just happened on a board.
 */
export type RecordingKeep = { 
/**
 * Id or name of the board.
 */
board: string, 
/**
 * How much, in milliseconds back from the newest entry; `None` means ten minutes.
 */
last_ms: number | null, 
/**
 * The file, by absolute path, written by the owner; `None` makes one in the data directory.
 */
file: string | null, 
/**
 * Whether a file that exists is replaced.
 */
overwrite: boolean, };

/**
 * Limits the recording of what just happened.
 */
export type RecordingRecentSize = { 
/**
 * The size of all its segments together, in bytes; 0 switches it off and deletes them.
 */
max_bytes: number, };

/**
 * Names a recording.
 */
export type RecordingRef = { 
/**
 * Its id.
 */
recording: string, };

/**
 * Begins to record what boards do.
 */
export type RecordingStart = { 
/**
 * Ids or names of the boards.
 */
boards: Array<string>, 
/**
 * The file, by absolute path, written by the owner; `None` makes one in the data directory.
 */
file: string | null, 
/**
 * Whether a file that exists is replaced.
 */
overwrite: boolean, 
/**
 * The recording ends at this size, in bytes; `None` means 4 GiB.
 */
max_bytes: number | null, };

/**
 * State of a recording.
 */
export type RecordingState = "recording" | "stopped" | "failed";

/**
 * A recording of this run of Drydock.
 */
export type RecordingView = { 
/**
 * Its id.
 */
id: string, 
/**
 * Its file.
 */
file: string, 
/**
 * Names of the boards, as they were called when it began.
 */
boards: Array<string>, 
/**
 * Its state.
 */
state: RecordingState, 
/**
 * When it began, in milliseconds since the Unix epoch.
 */
began_ms: number, 
/**
 * Its length so far, in seconds.
 */
seconds: number, 
/**
 * Size of the file so far.
 */
bytes: number, 
/**
 * At this size it ends.
 */
max_bytes: number, 
/**
 * Entries that were lost because the disk was slow. The recording has gaps there.
 */
lost: number, 
/**
 * Why it ended by itself, in a sentence; empty otherwise.
 */
reason: string, };

/**
 * A register of a core.
 */
export type RegisterView = { 
/**
 * Its name.
 */
name: string, 
/**
 * Its value.
 */
value: number, };

/**
 * A request: the method's name and its parameters.
 */
export type Request = { "method": "system.info", "params": Empty } | { "method": "system.diagnostics", "params": Empty } | { "method": "board.kinds", "params": Empty } | { "method": "board.kind", "params": BoardKindRef } | { "method": "board.kind_add", "params": BoardKindAdd } | { "method": "board.kind_remove", "params": BoardKindRef } | { "method": "board.list", "params": Empty } | { "method": "board.get", "params": BoardRef } | { "method": "board.add", "params": BoardAdd } | { "method": "board.remove", "params": BoardRef } | { "method": "board.rename", "params": BoardRename } | { "method": "firmware.preview", "params": FirmwarePreviewRequest } | { "method": "board.firmware", "params": BoardFirmware } | { "method": "board.label", "params": BoardLabel } | { "method": "board.power", "params": BoardPower } | { "method": "board.button", "params": BoardButton } | { "method": "parts.list", "params": BoardRef } | { "method": "parts.set", "params": PartsSet } | { "method": "parts.play", "params": PartsPlay } | { "method": "parts.load", "params": PartsContent } | { "method": "parts.save", "params": PartsContent } | { "method": "machine.pace", "params": MachinePace } | { "method": "machine.step", "params": MachineStep } | { "method": "snapshot.list", "params": BoardRef } | { "method": "snapshot.take", "params": SnapshotTake } | { "method": "snapshot.restore", "params": SnapshotRestore } | { "method": "snapshot.delete", "params": SnapshotRef } | { "method": "snapshot.export", "params": SnapshotExport } | { "method": "snapshot.import", "params": SnapshotImport } | { "method": "board.fork", "params": BoardFork } | { "method": "profile.start", "params": ProfileStart } | { "method": "profile.view", "params": ProfileQuery } | { "method": "profile.stop", "params": ProfileStop } | { "method": "profile.export", "params": ProfileExport } | { "method": "profile.sample", "params": ProfileSample } | { "method": "profile.sample_stop", "params": ProfileSampleStop } | { "method": "gdb.open", "params": GdbOpen } | { "method": "gdb.view", "params": BoardRef } | { "method": "gdb.close", "params": BoardRef } | { "method": "monitor.view", "params": BoardRef } | { "method": "monitor.execute", "params": MonitorLine } | { "method": "app.samples", "params": Empty } | { "method": "app.preview", "params": AppPreviewRequest } | { "method": "app.deploy", "params": AppDeploy } | { "method": "app.start", "params": AppRef } | { "method": "app.stop", "params": AppRef } | { "method": "app.remove", "params": AppRef } | { "method": "app.cancel", "params": AppRef } | { "method": "logs.query", "params": LogsQuery } | { "method": "metrics.query", "params": MetricsQuery } | { "method": "metrics.export", "params": MetricsExport } | { "method": "recording.start", "params": RecordingStart } | { "method": "recording.stop", "params": RecordingRef } | { "method": "recording.keep", "params": RecordingKeep } | { "method": "recording.recent_size", "params": RecordingRecentSize } | { "method": "recording.list", "params": Empty } | { "method": "activity.list", "params": ActivityQuery } | { "method": "hardware.list", "params": Empty } | { "method": "hardware.allow", "params": Empty } | { "method": "port.lend", "params": PortRef } | { "method": "port.take_back", "params": PortRef } | { "method": "probe.read", "params": ProbeRead } | { "method": "probe.registers", "params": ProbeRef } | { "method": "console.open", "params": ConsoleOpen } | { "method": "console.send", "params": ConsoleSend } | { "method": "console.read", "params": ConsoleRead } | { "method": "console.close", "params": PortRef } | { "method": "flash.start", "params": FlashStart } | { "method": "flash.backup", "params": BackupStart } | { "method": "flash.erase", "params": EraseStart } | { "method": "provision.start", "params": ProvisionStart } | { "method": "job.list", "params": Empty } | { "method": "job.get", "params": JobRef } | { "method": "job.cancel", "params": JobRef } | { "method": "job.resume", "params": JobRef } | { "method": "evidence.list", "params": Empty } | { "method": "evidence.export", "params": EvidenceExport } | { "method": "labels.make", "params": LabelsMake } | { "method": "virtual.add", "params": VirtualAdd } | { "method": "virtual.remove", "params": VirtualRef } | { "method": "virtual.cable", "params": VirtualCable } | { "method": "pairing.set", "params": PairingSet } | { "method": "window.show", "params": Empty };

/**
 * A sample app of Drydock.
 */
export type Sample = { 
/**
 * Its name, for [`AppSource::Sample`].
 */
name: string, 
/**
 * Size of the module in bytes.
 */
size_bytes: number, };

/**
 * A function in which samples were taken.
 */
export type SampledFunction = { 
/**
 * Its name, demangled; `(no symbol)` for all code that the ELF file does not name.
 */
name: string, 
/**
 * First address; 0 for code without a name.
 */
address: number, 
/**
 * Samples in it, without those in functions that it calls.
 */
samples: number, };

/**
 * One line of a plot, decimated for display.
 */
export type Series = { 
/**
 * `cpu`, `heap`, `stack`, `temperature`, `link_retries`, `fuel:<app>`, `memory:<app>`, `value:<app>:<name>` or
 * `dropped:<app>` (values that the board dropped, if any).
 */
id: string, 
/**
 * Title for people.
 */
title: string, 
/**
 * `%`, `B`, `°C`, `/s` or empty.
 */
unit: string, 
/**
 * Top of the scale if the quantity has one, for example the size of the heap.
 */
max: number | null, 
/**
 * Instants, in milliseconds since the Unix epoch, ascending.
 */
times_ms: Array<number>, 
/**
 * Values; null is a gap.
 */
values: Array<number | null>, };

/**
 * Writes a state to a file.
 */
export type SnapshotExport = { 
/**
 * Id or name of the board.
 */
board: string, 
/**
 * Name of the snapshot; `None` takes the current state of the board.
 */
snapshot: string | null, 
/**
 * File to write, by absolute path.
 */
path: string, };

/**
 * A snapshot file that was written.
 */
export type SnapshotFile = { 
/**
 * Where it is.
 */
path: string, 
/**
 * Its size.
 */
bytes: number, 
/**
 * The machine's virtual time, in seconds since power-on.
 */
virtual_time_s: number, 
/**
 * Instructions since power-on.
 */
instructions: number, 
/**
 * SHA-256 of the firmware, hexadecimal.
 */
image: string, 
/**
 * Hash of the state, hexadecimal.
 */
state_hash: string, };

/**
 * Reads a state from a file and keeps it.
 */
export type SnapshotImport = { 
/**
 * Id or name of the board.
 */
board: string, 
/**
 * File to read, by absolute path.
 */
path: string, 
/**
 * Its name; `None` takes the name of the file.
 */
name: string | null, };

/**
 * Names a snapshot of a board.
 */
export type SnapshotRef = { 
/**
 * Id or name of the board.
 */
board: string, 
/**
 * Name of the snapshot.
 */
snapshot: string, };

/**
 * Restores a state. Restoring drops the board's link; the board reconnects with the same identity.
 */
export type SnapshotRestore = { 
/**
 * Id or name of the board.
 */
board: string, 
/**
 * The state.
 */
from: SnapshotSource, };

/**
 * A state to go to.
 */
export type SnapshotSource = { "name": string } | { "path": string };

/**
 * Takes a snapshot.
 */
export type SnapshotTake = { 
/**
 * Id or name of the board.
 */
board: string, 
/**
 * Its name; `None` takes `snapshot-1`, `snapshot-2`, ….
 */
name: string | null, };

/**
 * A state of a board's machine, kept in memory until Drydock ends or the board is removed.
 */
export type SnapshotView = { 
/**
 * Its name, unique for the board.
 */
name: string, 
/**
 * Id of the board.
 */
board: string, 
/**
 * When it was taken or read from a file, in milliseconds since the Unix epoch.
 */
taken_ms: number, 
/**
 * The machine's virtual time, in seconds since power-on.
 */
virtual_time_s: number, 
/**
 * Instructions since power-on.
 */
instructions: number, 
/**
 * Whether it came from a file.
 */
imported: boolean, };

/**
 * State of a step.
 */
export type StepState = "pending" | "running" | "done" | "skipped" | "failed";

/**
 * Information about this workbench.
 */
export type SystemInfo = { 
/**
 * Version of Drydock.
 */
version: string, 
/**
 * Commit that it was built from.
 */
commit: string, 
/**
 * Schema of the store.
 */
schema: number, 
/**
 * The data directory.
 */
data_dir: string, 
/**
 * Whether the data directory is deleted when the workbench ends.
 */
temporary: boolean, 
/**
 * Name of the gateway in its certificate.
 */
gateway: string, 
/**
 * Sessions held now.
 */
sessions: number, 
/**
 * Whether boards that the user did not create may enroll.
 */
pairing: boolean, 
/**
 * Engines.
 */
engines: Array<EngineView>, 
/**
 * Address and port at which boards can connect over TCP; `None` if the owner does not listen.
 */
listening: string | null, };

/**
 * A text.
 */
export type Text = { 
/**
 * The text.
 */
text: string, };

/**
 * The answer to an access that the chip would serve and the engine does not model. It is reported in any case.
 */
export type Unmodelled = "fault" | "zero";

/**
 * Evidence that cannot be read.
 */
export type UnreadableEvidence = { 
/**
 * Path of the file, or of the folder.
 */
file: string, 
/**
 * One sentence: the reason.
 */
text: string, };

/**
 * One message of a subscription.
 */
export type Update = { "type": "board", 
/**
 * Revision of the state that this shows.
 */
revision: number, 
/**
 * The whole view.
 */
board: BoardView, } | { "type": "board_removed", 
/**
 * Revision of the state.
 */
revision: number, 
/**
 * Id of the board.
 */
board: string, } | { "type": "logs", 
/**
 * Id of the board.
 */
board: string, 
/**
 * The lines.
 */
lines: Array<LogLine>, } | { "type": "metrics", 
/**
 * Id of the board.
 */
board: string, 
/**
 * The samples, in order.
 */
samples: Array<MetricSample>, } | { "type": "app_samples", 
/**
 * Id of the board.
 */
board: string, 
/**
 * The lines `value:<app>:<name>`, with at most 40 points each.
 */
series: Array<Series>, } | { "type": "leds", 
/**
 * Id of the board.
 */
board: string, 
/**
 * Changes.
 */
leds: Array<[number, boolean]>, } | { "type": "hardware", 
/**
 * All of them.
 */
hardware: Hardware, } | { "type": "job", 
/**
 * The whole view.
 */
job: JobView, } | { "type": "console", 
/**
 * The terminal, with the new chunks only.
 */
console: ConsoleView, } | { "type": "event" } & Event | { "type": "resync" };

/**
 * A virtual board's USB device, exported by USB/IP on this host.
 */
export type UsbIpView = { 
/**
 * Address to attach it from, for example `127.0.0.1`.
 */
host: string, 
/**
 * TCP port.
 */
port: number, 
/**
 * The name by which it is attached.
 */
bus_id: string, 
/**
 * USB vendor and product id now; `None` while the device is on its way.
 */
usb: [number, number] | null, 
/**
 * Whether a USB host has it.
 */
is_attached: boolean, };

/**
 * What a USB device says about itself.
 */
export type UsbView = { 
/**
 * Vendor id.
 */
vendor: number, 
/**
 * Product id.
 */
product: number, 
/**
 * Serial number.
 */
serial: string | null, 
/**
 * Name of the maker.
 */
manufacturer: string | null, 
/**
 * Name of the product.
 */
product_name: string | null, };

/**
 * Whether a board can take an app.
 */
export type Verdict = { 
/**
 * Id of the board.
 */
board: string, 
/**
 * Why the board cannot take it, in one sentence; `None` if it can.
 */
refused: string | null, 
/**
 * Capabilities that the app would be granted there.
 */
granted: Array<string>, };

/**
 * The effect of signing a module under a version, for an app with signed versions.
 */
export type VersionPlan = { "type": "new" } | { "type": "rollback", 
/**
 * The highest version that was signed.
 */
latest: string, 
/**
 * The next free version, to deploy it as a new one.
 */
next: string, } | { "type": "older", 
/**
 * The highest version that was signed.
 */
latest: string, 
/**
 * The next free version.
 */
next: string, };

/**
 * Puts a virtual board on the desk.
 */
export type VirtualAdd = { 
/**
 * Id of the board's description.
 */
kind: string, 
/**
 * Its name; `None` takes `desk-1`, `desk-2`, ….
 */
name: string | null, 
/**
 * Leave its flash erased: no firmware, no identity.
 */
blank: boolean, 
/**
 * Export its USB device by USB/IP instead of putting it behind a serial port.
 */
usbip: boolean, 
/**
 * Seed of its randomness and of its chip id, hexadecimal; `None` takes one from the host's entropy.
 */
seed: string | null, };

/**
 * A virtual board: an emulated chip that is reached over a serial port and a debug probe, as a physical one is.
 */
export type VirtualBoardView = { 
/**
 * Its name, for example `desk-1`.
 */
name: string, 
/**
 * Id of the board's description.
 */
kind: string, 
/**
 * Whether its cable is plugged in.
 */
plugged: boolean, 
/**
 * Path of its serial port while it is plugged in; `None` also while a bootloader without one waits.
 */
port: string | null, 
/**
 * Id of its debug probe while it is plugged in; `None` for boards without a debug port.
 */
probe: string | null, 
/**
 * Id of its bootloader as a DFU device, while that waits.
 */
dfu: string | null, 
/**
 * Where its USB device is exported while it is plugged in; `None` for boards with a serial port.
 */
usbip: UsbIpView | null, 
/**
 * What runs on it now.
 */
runs: VirtualRuns, };

/**
 * Does something to the cable of a virtual board.
 */
export type VirtualCable = { 
/**
 * Name of the virtual board.
 */
name: string, 
/**
 * What happens.
 */
action: CableAction, };

/**
 * Names a virtual board.
 */
export type VirtualRef = { 
/**
 * Its name.
 */
name: string, };

/**
 * What runs on a virtual board.
 */
export type VirtualRuns = "firmware" | "bootloader" | "nothing";

/** The methods: what each takes and what it gives. A failed call gives an `ApiError`. */
export interface Methods {
  "system.info": { params: Empty; result: SystemInfo };
  "system.diagnostics": { params: Empty; result: Text };
  "board.kinds": { params: Empty; result: Array<BoardKindView> };
  "board.kind": { params: BoardKindRef; result: BoardKindDetail };
  "board.kind_add": { params: BoardKindAdd; result: BoardKindView };
  "board.kind_remove": { params: BoardKindRef; result: Empty };
  "board.list": { params: Empty; result: Fleet };
  "board.get": { params: BoardRef; result: BoardView };
  "board.add": { params: BoardAdd; result: BoardView };
  "board.remove": { params: BoardRef; result: Empty };
  "board.rename": { params: BoardRename; result: BoardView };
  "firmware.preview": { params: FirmwarePreviewRequest; result: FirmwarePreview };
  "board.firmware": { params: BoardFirmware; result: BoardView };
  "board.label": { params: BoardLabel; result: Array<BoardView> };
  "board.power": { params: BoardPower; result: BoardView };
  "board.button": { params: BoardButton; result: Empty };
  "parts.list": { params: BoardRef; result: Array<PartView> };
  "parts.set": { params: PartsSet; result: PartView };
  "parts.play": { params: PartsPlay; result: PartsTable };
  "parts.load": { params: PartsContent; result: PartView };
  "parts.save": { params: PartsContent; result: PartContentFile };
  "machine.pace": { params: MachinePace; result: BoardView };
  "machine.step": { params: MachineStep; result: BoardView };
  "snapshot.list": { params: BoardRef; result: Array<SnapshotView> };
  "snapshot.take": { params: SnapshotTake; result: SnapshotView };
  "snapshot.restore": { params: SnapshotRestore; result: BoardView };
  "snapshot.delete": { params: SnapshotRef; result: Empty };
  "snapshot.export": { params: SnapshotExport; result: SnapshotFile };
  "snapshot.import": { params: SnapshotImport; result: SnapshotView };
  "board.fork": { params: BoardFork; result: Array<BoardView> };
  "profile.start": { params: ProfileStart; result: ProfileView };
  "profile.view": { params: ProfileQuery; result: ProfileView };
  "profile.stop": { params: ProfileStop; result: ProfileView };
  "profile.export": { params: ProfileExport; result: Exported };
  "profile.sample": { params: ProfileSample; result: ProfileSampled };
  "profile.sample_stop": { params: ProfileSampleStop; result: Empty };
  "gdb.open": { params: GdbOpen; result: GdbView };
  "gdb.view": { params: BoardRef; result: GdbView };
  "gdb.close": { params: BoardRef; result: GdbView };
  "monitor.view": { params: BoardRef; result: MonitorView };
  "monitor.execute": { params: MonitorLine; result: MonitorReply };
  "app.samples": { params: Empty; result: Array<Sample> };
  "app.preview": { params: AppPreviewRequest; result: AppPreview };
  "app.deploy": { params: AppDeploy; result: Deployment };
  "app.start": { params: AppRef; result: Empty };
  "app.stop": { params: AppRef; result: Empty };
  "app.remove": { params: AppRef; result: Empty };
  "app.cancel": { params: AppRef; result: Empty };
  "logs.query": { params: LogsQuery; result: Logs };
  "metrics.query": { params: MetricsQuery; result: Array<Series> };
  "metrics.export": { params: MetricsExport; result: Exported };
  "recording.start": { params: RecordingStart; result: RecordingView };
  "recording.stop": { params: RecordingRef; result: RecordingView };
  "recording.keep": { params: RecordingKeep; result: RecordingView };
  "recording.recent_size": { params: RecordingRecentSize; result: RecordingView };
  "recording.list": { params: Empty; result: Array<RecordingView> };
  "activity.list": { params: ActivityQuery; result: Array<ActivityEntry> };
  "hardware.list": { params: Empty; result: Hardware };
  "hardware.allow": { params: Empty; result: Text };
  "port.lend": { params: PortRef; result: PortView };
  "port.take_back": { params: PortRef; result: PortView };
  "probe.read": { params: ProbeRead; result: ProbeMemory };
  "probe.registers": { params: ProbeRef; result: ProbeRegisters };
  "console.open": { params: ConsoleOpen; result: ConsoleView };
  "console.send": { params: ConsoleSend; result: Empty };
  "console.read": { params: ConsoleRead; result: ConsoleView };
  "console.close": { params: PortRef; result: Empty };
  "flash.start": { params: FlashStart; result: JobView };
  "flash.backup": { params: BackupStart; result: JobView };
  "flash.erase": { params: EraseStart; result: JobView };
  "provision.start": { params: ProvisionStart; result: Array<JobView> };
  "job.list": { params: Empty; result: Array<JobView> };
  "job.get": { params: JobRef; result: JobView };
  "job.cancel": { params: JobRef; result: JobView };
  "job.resume": { params: JobRef; result: JobView };
  "evidence.list": { params: Empty; result: Evidence };
  "evidence.export": { params: EvidenceExport; result: Exported };
  "labels.make": { params: LabelsMake; result: LabelSheet };
  "virtual.add": { params: VirtualAdd; result: VirtualBoardView };
  "virtual.remove": { params: VirtualRef; result: Empty };
  "virtual.cable": { params: VirtualCable; result: VirtualBoardView };
  "pairing.set": { params: PairingSet; result: Empty };
  "window.show": { params: Empty; result: Empty };
}
