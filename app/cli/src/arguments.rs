//! The command line's arguments and their help texts.

mod fleet;
mod hardware;
mod recording;

pub(crate) use fleet::*;
pub(crate) use hardware::*;
pub(crate) use recording::*;

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::{net::SocketAddr, path::PathBuf, time::Duration};

const EXIT_CODES: &str = "\
Exit codes:
  0    the app is running at the deadline, or ended itself with 0
  1    the app failed, or a test
  2    the command line makes no sense
  3    refused, not installed, or not there
  4    a board, an engine or this machine failed
  5    accepted, but not done yet: it is done when the board connects
  130  cancelled with Ctrl-C";

/// Runs WebAssembly apps on microcontroller boards, emulated ones included.
#[derive(Debug, Parser)]
#[command(name = "drydock", version = version(), after_help = EXIT_CODES, max_term_width = 110)]
pub(crate) struct Arguments {
    /// Data directory. Default: the user's own; `run` takes a temporary one.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,

    /// Print one JSON object a line, each with an "event"; docs/cli.md lists them.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

fn version() -> &'static str {
    drydock_workbench::VERSION
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run an app on a new emulated board and watch it
    #[command(after_help = RUN_EXAMPLES)]
    Run(Run),
    /// Emulate many boards at once, each with its own identity, and run an app on all of them
    #[command(after_help = EMULATE_EXAMPLES)]
    Emulate(Emulate),
    /// List the boards, or add, switch, rename and remove them
    #[command(after_help = BOARDS_EXAMPLES)]
    Boards(Boards),
    /// List the virtual boards, or pull and plug their cables
    #[command(after_help = "Examples:\n  drydock desk\n  drydock desk pull desk-1")]
    Desk(Desk),
    /// List the serial ports, what board is likely behind each, and who uses it
    #[command(after_help = "Examples:\n  drydock ports\n  drydock ports --follow --json")]
    Ports(List),
    /// List the debug probes, or read memory and registers of the board behind one
    #[command(after_help = PROBES_EXAMPLES)]
    Probes(Probes),
    /// Open a serial port, or the RTT console behind a debug probe, as a terminal until Ctrl-C
    #[command(after_help = CONSOLE_EXAMPLES)]
    Console(Console),
    /// Give a serial port to another program for a while
    #[command(after_help = LEND_EXAMPLES)]
    Lend(Lend),
    /// Write firmware to a board on a cable
    #[command(after_help = FLASH_EXAMPLES)]
    Flash(Flash),
    /// Read the flash of a board on a cable into a file
    #[command(after_help = "Example:\n  drydock backup --port /dev/ttyACM0 --board esp32-c6 before.bin")]
    Backup(Backup),
    /// Erase the flash of a board on a cable: firmware, apps and identity
    #[command(after_help = "Example:\n  drydock erase --probe 2e8a:000c:E661 --board stm32f4-discovery --yes")]
    Erase(Erase),
    /// Make blank boards on cables boards of the fleet: firmware, identity, first app
    #[command(after_help = PROVISION_EXAMPLES)]
    Provision(Provision),
    /// List the jobs on boards, cancel or resume one
    #[command(after_help = "Examples:\n  drydock jobs\n  drydock jobs resume 7")]
    Jobs(Jobs),
    /// List which boards were provisioned and which failed, or write that as a table
    #[command(after_help = EVIDENCE_EXAMPLES)]
    Evidence(Evidence),
    /// Make a sheet of labels to print for provisioned boards, each with a QR code of its device id
    #[command(after_help = LABELS_EXAMPLES)]
    Labels(Labels),
    /// Write the state of a running board to a file
    #[command(after_help = SNAPSHOT_EXAMPLES)]
    Snapshot(Snapshot),
    /// Bring a running board back to the state that a file holds
    #[command(after_help = RESTORE_EXAMPLES)]
    Restore(Restore),
    /// Make boards from another one, each with its own identity
    #[command(after_help = FORK_EXAMPLES)]
    Fork(Fork),
    /// List the identities that boards have in the registry
    Devices,
    /// Sign an app, put it on boards and wait until it runs
    #[command(after_help = DEPLOY_EXAMPLES)]
    Deploy(Deploy),
    /// Start an app that is on a board
    #[command(after_help = "Example:\n  drydock start sensor --on bench-1")]
    Start(App),
    /// Stop an app; it stays on the board
    #[command(after_help = "Example:\n  drydock stop sensor --on bench-1")]
    Stop(App),
    /// Remove an app from a board
    #[command(after_help = "Example:\n  drydock remove sensor --on bench-1")]
    Remove(App),
    /// Show a board's console
    #[command(after_help = "Examples:\n  drydock logs bench-1\n  drydock logs bench-1 --app sensor --follow")]
    Logs(Logs),
    /// Show a board's metrics, or draw them
    #[command(
        after_help = "Examples:\n  drydock metrics bench-1\n  drydock metrics bench-1 --window 5m --plot load.svg\n  drydock metrics bench-1 --follow --json"
    )]
    Metrics(Metrics),
    /// Test firmware of your own on emulated boards, as scenario files say
    #[command(after_help = TEST_EXAMPLES)]
    Test(Test),
    /// Profile where a board's core spends its time
    #[command(after_help = PROFILE_EXAMPLES)]
    Profile(Profile),
    /// Execute lines in the command language of a board's engine, such as Renode's monitor
    #[command(after_help = MONITOR_EXAMPLES)]
    Monitor(Monitor),
    /// List the virtual parts of an emulated board with their values, or set one
    #[command(after_help = PARTS_EXAMPLES)]
    Parts(Parts),
    /// Let a debugger connect to an emulated board, or to the board behind a debug probe, until Ctrl-C
    #[command(after_help = GDB_EXAMPLES)]
    Gdb(Gdb),
    /// Own a data directory without a window: keep its boards running until Ctrl-C
    #[command(after_help = "Examples:\n  drydock gateway\n  drydock --data ./lab gateway --listen 127.0.0.1:8883")]
    Gateway(Gateway),
    /// Record what boards do into a file, until Ctrl-C
    #[command(after_help = RECORD_EXAMPLES)]
    Record(Record),
    /// List the recordings of the running Drydock and of its data directory
    #[command(after_help = RECORDINGS_EXAMPLES)]
    Recordings(Recordings),
    /// Show what a recording has, at once or as fast as it happened
    #[command(after_help = REPLAY_EXAMPLES)]
    Replay(Replay),
    /// Open recordings, or boards of the running Drydock, in the scope
    #[command(after_help = SCOPE_EXAMPLES)]
    Scope(Scope),
    /// Write a recording in the format of another tool
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(Export),
    /// Read the audit trail, or check that nobody changed it; also of a copy, and while Drydock runs
    #[command(
        after_help = "Examples:\n  drydock audit list\n  drydock --data ./backup audit verify\n  drydock audit head > head.txt\n  drydock audit verify --expect head.txt"
    )]
    Audit(Audit),
}

const RUN_EXAMPLES: &str = "\
Examples:
  drydock run blink                                  a sample that comes with Drydock
  drydock run app.wasm --board nano33ble --for 10s   ten seconds of the board's time
  drydock run app.wat --grant gpio:7 --json          with one pin more, for scripts

With --data the board is removed again at the end.

Exit codes: 0 running at the deadline or ended with 0, 1 the app failed, 3 refused, 4 board or engine, 130 Ctrl-C";

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// A .wasm or .wat file, or the name of a sample: blink, sensor, hello, …
    pub(crate) app: String,
    /// Kind of board
    #[arg(long, value_name = "KIND", default_value = "nano33ble")]
    pub(crate) board: String,
    /// Engine of the board: builtin, renode or qemu; otherwise the first that supports it
    #[arg(long)]
    pub(crate) engine: Option<String>,
    /// Stop after this much of the board's time, counted from the moment the app runs: 500ms, 10s, 2m
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub(crate) duration: Option<Duration>,
    /// Seed of the board's randomness and identity, hexadecimal; the same seed gives the same board
    #[arg(long, value_name = "HEX")]
    pub(crate) seed: Option<String>,
    /// How the board's time passes
    #[arg(long, value_enum, default_value_t = Pace::Max)]
    pub(crate) pace: Pace,
    /// Damage this share of the link's frames, and drop, flip and double bytes, as in 0.01 or 0.01:7
    #[arg(long, value_name = "RATE[:SEED]")]
    pub(crate) link_noise: Option<String>,
    #[command(flatten)]
    pub(crate) to: RecordTo,
    /// Name of the app; otherwise the module's own, or the file's
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Allow more than log, metrics, timer and the LEDs: gpio:7, random, …; may be repeated
    #[arg(long, value_name = "CAPABILITY")]
    pub(crate) grant: Vec<String>,
    /// Give up if the app does not run after this much host time
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "60s")]
    pub(crate) timeout: Duration,
}

const SNAPSHOT_EXAMPLES: &str = "\
Example:
  drydock snapshot bench-1 --out before.snap

The file belongs to the board: another board, kind, firmware or version of the format is refused.
It holds the board's keys: protect it as you protect those.";

#[derive(Debug, Args)]
pub(crate) struct Snapshot {
    /// Name or id of the board
    pub(crate) board: String,
    /// File to write
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Name of a kept snapshot; otherwise the current state
    #[arg(long, value_name = "NAME")]
    pub(crate) of: Option<String>,
}

const RESTORE_EXAMPLES: &str = "\
Example:
  drydock restore bench-1 before.snap

The board's link is dropped. The board reconnects with the same identity and gets what was requested for it since.";

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// Name or id of the board
    pub(crate) board: String,
    /// File that `drydock snapshot` wrote
    pub(crate) file: PathBuf,
}

const FORK_EXAMPLES: &str = "\
Examples:
  drydock fork bench-1                          bench-1-fork-1, which enrolls and gets the same apps
  drydock fork bench-1 --count 3 --name trial   trial-1, trial-2, trial-3
  drydock fork bench-1 --unlinked               continues from the state of bench-1, without a link";

#[derive(Debug, Args)]
pub(crate) struct Fork {
    /// Name or id of the board
    pub(crate) board: String,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) count: u32,
    /// Name of the fork, or the prefix of the names of several forks
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Continue from the board's state, memory included, without a link; after a power cycle it is a blank board
    #[arg(long)]
    pub(crate) unlinked: bool,
    /// Continue from the state in this file instead
    #[arg(long, value_name = "FILE", requires = "unlinked")]
    pub(crate) from: Option<PathBuf>,
}

const DEPLOY_EXAMPLES: &str = "\
Examples:
  drydock deploy sensor.wasm --on bench-1
  drydock deploy blink --on bench-1 --on bench-2 --no-start
  drydock deploy app.wat --on bench-1 --grant gpio:7";

#[derive(Debug, Args)]
pub(crate) struct Deploy {
    /// A .wasm or .wat file, or the name of a sample
    pub(crate) app: String,
    /// Name or id of a board; may be repeated
    #[arg(long = "on", value_name = "BOARD", required = true)]
    pub(crate) boards: Vec<String>,
    /// Name of the app; otherwise the module's own, or the file's
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Version of the app, MAJOR.MINOR.PATCH; otherwise the module's own, or the next
    #[arg(long = "app-version", visible_alias = "version", value_name = "VERSION")]
    pub(crate) version: Option<String>,
    /// Allow more than log, metrics, timer and the LEDs: gpio:7, random, …; may be repeated
    #[arg(long, value_name = "CAPABILITY")]
    pub(crate) grant: Vec<String>,
    /// Leave it installed without starting it
    #[arg(long)]
    pub(crate) no_start: bool,
    /// Do not wait: boards that are not connected get it later
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// How long to wait
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "60s")]
    pub(crate) timeout: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct App {
    /// Name of the app
    pub(crate) app: String,
    /// Name or id of the board
    #[arg(long = "on", value_name = "BOARD")]
    pub(crate) board: String,
    /// How long to wait for the board
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "30s")]
    pub(crate) timeout: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Name or id of the board
    pub(crate) board: String,
    /// Only lines of this app; `fw` is the firmware
    #[arg(long)]
    pub(crate) app: Option<String>,
    /// Show new lines as they arrive, until Ctrl-C
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Show at most this many of the newest lines
    #[arg(long, short = 'n', value_name = "LINES", default_value_t = 100)]
    pub(crate) lines: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Metrics {
    /// Name or id of the board
    pub(crate) board: String,
    /// How far back
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "60s")]
    pub(crate) window: Duration,
    /// Only these: cpu, heap, stack, fuel:<app>, memory:<app>, value:<app>:<name>, temperature, link_retries
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub(crate) series: Vec<String>,
    /// Draw a chart into this file; .svg or .png
    #[arg(long, value_name = "FILE", conflicts_with = "follow")]
    pub(crate) plot: Option<PathBuf>,
    /// Draw on a dark ground
    #[arg(long, requires = "plot")]
    pub(crate) dark: bool,
    /// Show new metrics as they arrive, until Ctrl-C
    #[arg(long, short)]
    pub(crate) follow: bool,
}

const TEST_EXAMPLES: &str = "\
Examples:
  drydock test scenario.toml
  drydock test tests/*.toml --junit results.xml --keep failures
  drydock test scenario.toml --seed 7 --steps       one run of a matrix, step by step

Time in a scenario is the boards', so that a test gives the same result each time. docs/testing-firmware.md has the format.

Exit codes: 0 all passed, 1 a test failed, 3 a scenario was refused and no test was run, 130 Ctrl-C";

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Scenario files
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Write the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Folder for what failed tests leave; otherwise a temporary one that stays
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
    /// Run with this seed only, whatever the scenario's matrix says
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Show each step as it begins
    #[arg(long)]
    pub(crate) steps: bool,
}

const PROFILE_EXAMPLES: &str = "\
Examples:
  drydock profile --board nano33ble --app blink --for 5s --out profile.svg
  drydock profile --board nano33ble --boot --for 2s --out boot.json     from the first instruction, for speedscope
  drydock profile bench-1 --for 10s --out profile.json --format firefox
  drydock profile bench-1 --json
  drydock profile --probe 1209:0001:1f2e3d4c --for 5s --out profile.txt  a board behind a debug probe: samples

A new board is profiled from the moment it is connected, or its app runs. The guest cannot tell that it is profiled.";

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("target").required(true).multiple(true).args(["name", "board", "probe"]))]
pub(crate) struct Profile {
    /// Name or id of a board of the fleet
    #[arg(value_name = "BOARD", conflicts_with_all = ["board", "probe"])]
    pub(crate) name: Option<String>,
    /// Sample the board behind this debug probe instead
    #[arg(long, value_name = "ID", conflicts_with_all = ["app", "engine", "boot", "by", "timeout"])]
    pub(crate) probe: Option<String>,
    /// ELF file of the program behind the probe; without it, Drydock's firmware
    #[arg(long, value_name = "FILE", requires = "probe")]
    pub(crate) elf: Option<PathBuf>,
    /// Make a new emulated board of this kind instead; with --probe, the kind behind it
    #[arg(long, value_name = "KIND")]
    pub(crate) board: Option<String>,
    /// A .wasm or .wat file, or the name of a sample, to run on the new board
    #[arg(long, value_name = "APP", requires = "board")]
    pub(crate) app: Option<String>,
    /// Engine of the new board; only builtin has a profiler
    #[arg(long, requires = "board")]
    pub(crate) engine: Option<String>,
    /// Record this much of the board's time: 500ms, 10s, 2m
    #[arg(long = "for", value_name = "TIME", value_parser = duration, default_value = "5s")]
    pub(crate) duration: Duration,
    /// Cut the board's power first, and record from its first instruction
    #[arg(long)]
    pub(crate) boot: bool,
    /// File to write: .svg or .png for a flame graph, .json for speedscope, .txt for folded stacks
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Format to write, regardless of the file's extension
    #[arg(long, value_enum, requires = "out")]
    pub(crate) format: Option<ProfileTo>,
    /// Quantity of the file's widths and weights
    #[arg(long, value_enum, default_value_t = ProfileBy::Cycles)]
    pub(crate) by: ProfileBy,
    /// Draw on a dark ground
    #[arg(long, requires = "out")]
    pub(crate) dark: bool,
    /// Functions to list
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) top: u32,
    /// Give up if the new board is not ready after this much host time
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "60s")]
    pub(crate) timeout: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProfileTo {
    /// Flame graph, scalable
    Svg,
    /// Flame graph, pixels
    Png,
    /// JSON for speedscope
    Speedscope,
    /// JSON for the Firefox Profiler
    Firefox,
    /// A line for each stack, for other tools
    Folded,
    /// Address ranges and functions that were executed
    Coverage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProfileBy {
    /// Cycles of the core, sleep left out
    Cycles,
    /// Instructions
    Instructions,
}

const GDB_EXAMPLES: &str = "\
Examples:
  drydock gdb bench-1                               any free port; prints the command line
  drydock gdb bench-1 --port 3333
  drydock gdb --board nano33ble --app blink         a new board, which goes at the end
  drydock gdb --probe 2e8a:000c:E661                the board behind a debug probe, with Drydock's firmware
  drydock gdb --probe 2e8a:000c:E661 --board stm32f4-discovery --elf app.elf

docs/debugging.md tells more, also for VS Code.";

const MONITOR_EXAMPLES: &str = "\
Examples:
  drydock monitor bench-1 peripherals
  drydock monitor bench-1 'sysbus.cpu PC' 'sysbus ReadDoubleWord 0x40000000'
  drydock monitor bench-1 <lines.txt
Only boards on the engine renode have one. The lines are executed between two runs of the board; the first that is
refused ends them.";

#[derive(Debug, Args)]
pub(crate) struct Monitor {
    /// Name or id of the board
    pub(crate) board: String,
    /// Lines, each as one argument; without arguments they are read from standard input
    #[arg(value_name = "LINE")]
    pub(crate) lines: Vec<String>,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("target").required(true).multiple(true).args(["name", "board", "probe"]))]
pub(crate) struct Gdb {
    /// Name or id of a board of the fleet
    #[arg(value_name = "BOARD", conflicts_with_all = ["board", "probe"])]
    pub(crate) name: Option<String>,
    /// Debug the board behind this debug probe instead
    #[arg(long, value_name = "ID", conflicts_with_all = ["app", "engine", "timeout"])]
    pub(crate) probe: Option<String>,
    /// ELF file of the program behind the probe; without it, Drydock's firmware
    #[arg(long, value_name = "FILE", requires = "probe")]
    pub(crate) elf: Option<PathBuf>,
    /// Make a new emulated board of this kind instead; with --probe, the kind behind it
    #[arg(long, value_name = "KIND")]
    pub(crate) board: Option<String>,
    /// A .wasm or .wat file, or the name of a sample, to run on the new board
    #[arg(long, value_name = "APP", requires = "board")]
    pub(crate) app: Option<String>,
    /// Engine of the new board
    #[arg(long, requires = "board")]
    pub(crate) engine: Option<String>,
    /// Port on the loopback address; otherwise any free port
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// Give up if the new board is not ready after this much host time
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "60s")]
    pub(crate) timeout: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Gateway {
    /// Let boards connect over TCP at this address; otherwise only emulated boards of this machine are served
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,
}

#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(subcommand)]
    pub(crate) action: AuditAction,
}

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub(crate) enum AuditAction {
    /// List the entries
    List,
    /// Check the hashes of all entries and the signature of the end; fails with 1 if an entry was changed, removed or inserted
    Verify {
        /// A head that `drydock audit head` printed earlier, or a file with it: the trail must still hold it
        #[arg(long, value_name = "HEAD|FILE")]
        expect: Option<String>,
    },
    /// Check the trail and print its head, to be kept elsewhere: the number of entries and the hash of the last one
    Head,
}

/// A duration: a number and `ms`, `s`, `m` or `h`; without a unit, seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let explain = || format!("`{text}` is no length of time; write for example 500ms, 10s or 2m");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let scale = match &text[digits.len()..] {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(explain()),
    };
    let number: f64 = digits.trim().parse().map_err(|_| explain())?;
    Duration::try_from_secs_f64(number * scale)
        .ok()
        .filter(|time| !time.is_zero() && *time <= Duration::from_secs(366 * 86_400))
        .ok_or_else(explain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn lengths_of_time() {
        for (text, ms) in [
            ("500ms", 500),
            ("10s", 10_000),
            ("1.5", 1500),
            ("2m", 120_000),
            ("1h", 3_600_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for bad in ["", "s", "-1s", "0", "10 parsecs", "1e99s", "NaN"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
