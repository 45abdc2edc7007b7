//! Arguments of `drydock emulate` and `drydock boards`.

use super::{duration, hardware::address, recording::RecordTo};
use clap::{Args, Subcommand, ValueEnum};
use drydock_api::PartAdd;
use std::{path::PathBuf, time::Duration};

pub(super) const EMULATE_EXAMPLES: &str = "\
Examples:
  drydock emulate --count 20                                    twenty boards until Ctrl-C
  drydock emulate --count 100 --app blink --until all-running   how long until all of them blink
  drydock emulate --count 8 --app app.wasm --seed 2a --for 10s --json
  drydock emulate --board nano33ble --firmware build/zephyr.elf

With --data the boards are removed again at the end.

With --firmware the exit code is that of the program, if it ends by semihosting.

Exit codes: 0 all run, 1 an app failed, 3 refused, 4 a board failed or did not come, 130 Ctrl-C";

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("desk").args(["pty", "usbip"])))]
pub(crate) struct Emulate {
    /// Kind of board: a name, also of a file in ./boards, or the path of a board's file
    #[arg(long, value_name = "KIND", default_value = "nano33ble")]
    pub(crate) board: String,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) count: u32,
    /// A .wasm or .wat file, or the name of a sample, to run on all of them
    #[arg(long, value_name = "APP")]
    pub(crate) app: Option<String>,
    /// Engine of the boards: builtin, renode or qemu; otherwise the first that supports them
    #[arg(long)]
    pub(crate) engine: Option<String>,
    /// How the boards' time passes
    #[arg(long, value_enum, default_value_t = Pace::Max)]
    pub(crate) pace: Pace,
    #[command(flatten)]
    pub(crate) to: RecordTo,
    /// Seed from which each board's own seed is derived, hexadecimal; the same seed gives the same boards
    #[arg(long, value_name = "HEX")]
    pub(crate) seed: Option<String>,
    /// Stop after this much of the boards' time, counted from the moment all run: 500ms, 10s, 2m
    #[arg(long = "for", value_name = "TIME", value_parser = duration, conflicts_with = "until")]
    pub(crate) duration: Option<Duration>,
    /// Stop as soon as this holds
    #[arg(long, value_enum, value_name = "STATE")]
    pub(crate) until: Option<Until>,
    /// Allow the app more than log, metrics, timer and the LEDs; may be repeated
    #[arg(long, value_name = "CAPABILITY")]
    pub(crate) grant: Vec<String>,
    /// Give up if not all run after this much host time
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10m")]
    pub(crate) timeout: Duration,
    /// Put the boards on the desk as virtual ones, each behind a serial port and a debug probe, until Ctrl-C
    #[arg(long, conflicts_with_all = ["app", "duration", "until", "grant", "engine"])]
    pub(crate) pty: bool,
    /// Put the boards on the desk, each with its USB device exported by USB/IP instead of a serial port, until Ctrl-C
    #[arg(long, conflicts_with_all = ["app", "duration", "until", "grant", "engine", "pty"])]
    pub(crate) usbip: bool,
    /// Leave the flash of virtual boards erased (with --pty or --usbip)
    #[arg(long, requires = "desk")]
    pub(crate) blank: bool,
    /// Run a program of your own instead of Drydock's firmware: ELF, Intel HEX, S-records, UF2, binary or app image. Its UART is this
    /// terminal
    #[arg(long, value_name = "FILE", conflicts_with_all = ["app", "grant", "pty", "usbip"])]
    pub(crate) firmware: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) program: ProgramOptions,
    /// Add a virtual part to each board: KIND or FILE.wasm, then ,KEY=VALUE,… (name, bus, address, select, pin, uart, file, a line,
    /// or a property); may be repeated
    #[arg(long, value_name = "PART", value_parser = crate::subcommand::parts::part, conflicts_with_all = ["pty", "usbip"])]
    pub(crate) part: Vec<PartAdd>,
    /// Let values of parts follow a CSV file from the start: seconds of the board's time, then columns named PART.PROPERTY
    #[arg(long, value_name = "FILE.csv", conflicts_with_all = ["pty", "usbip"])]
    pub(crate) part_values: Option<PathBuf>,
    /// Load the program again and start it when its file changes (with --firmware)
    #[arg(long, requires = "firmware")]
    pub(crate) watch: bool,
    /// Arguments of the program, which it gets by semihosting; of a suite of embedded-test: names of tests, --list, --ignored,
    /// --exact, --nocapture and the others that `cargo test` knows
    #[arg(
        value_name = "ARGS",
        requires = "firmware",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(crate) arguments: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Until {
    /// The app runs on every board; without an app, every board is connected
    AllRunning,
    /// The program ends (with --firmware)
    Exit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pace {
    /// As fast as this machine can, but idle time never runs ahead of real time
    Max,
    /// One second of the board takes one second
    Realtime,
    /// All boards of this pace advance together, a millisecond at a time; external input enters between these steps
    Lockstep,
}

pub(super) const BOARDS_EXAMPLES: &str = "\
Examples:
  drydock boards
  drydock boards kinds
  drydock boards kinds nano33ble
  drydock boards kinds --add my-board.toml
  drydock boards add nano33ble --name bench-1
  drydock boards label bench-1 bench-2 --add lab --remove spare
  drydock boards reset bench-1
  drydock boards remove bench-1";

#[derive(Debug, Args)]
pub(crate) struct Boards {
    #[command(subcommand)]
    pub(crate) action: Option<BoardsAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BoardsAction {
    /// List the boards (also without a subcommand)
    List {
        /// Only boards with this label; may be given more than once
        #[arg(long, value_name = "LABEL")]
        label: Vec<String>,
    },
    /// List the kinds of boards that can be added, describe one, or add and remove kinds of your own
    Kinds(BoardsKinds),
    /// Add an emulated board and switch it on
    Add(BoardsAdd),
    /// Give an emulated board a program of your own, or Drydock's firmware again, and start it
    Firmware(BoardsFirmware),
    /// Remove a board, its identity and its apps
    Remove(BoardName),
    /// Rename a board
    Rename {
        /// Name or id of the board
        board: String,
        /// The new name
        name: String,
    },
    /// Add labels to boards, or remove labels from them
    Label {
        /// Names or ids of the boards
        #[arg(required = true, value_name = "BOARD")]
        boards: Vec<String>,
        /// A label to add, such as lab or bench-2; may be given more than once
        #[arg(long, value_name = "LABEL")]
        add: Vec<String>,
        /// A label to remove; may be given more than once
        #[arg(long, value_name = "LABEL")]
        remove: Vec<String>,
    },
    /// Switch a board on
    On(BoardName),
    /// Switch a board off
    Off(BoardName),
    /// Reset a board
    Reset(BoardName),
    /// Cut a board's power now and restore it: RAM is lost, flash keeps what was written
    PowerCut(BoardName),
    /// Pause a board's time
    Pause(BoardName),
    /// Resume a board's time
    Resume(BoardName),
}

#[derive(Debug, Args)]
pub(crate) struct BoardsKinds {
    /// Describe this kind: its chip with what is modelled of it, LEDs, buttons, UARTs, buses, parts
    #[arg(value_name = "NAME", conflicts_with_all = ["add", "remove"])]
    pub(crate) name: Option<String>,
    /// Check a file that describes a board of your own, and copy it into the data directory
    #[arg(long, value_name = "FILE", conflicts_with = "remove")]
    pub(crate) add: Option<PathBuf>,
    /// Remove a board of your own from the data directory
    #[arg(long, value_name = "NAME")]
    pub(crate) remove: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct BoardsAdd {
    /// Kind of board; see `drydock boards kinds`
    pub(crate) kind: String,
    /// Name of the board; otherwise bench-1, bench-2, …
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Engine of the board: builtin, renode or qemu; otherwise the first that supports it
    #[arg(long)]
    pub(crate) engine: Option<String>,
    /// Seed of the board's randomness and identity, hexadecimal
    #[arg(long, value_name = "HEX")]
    pub(crate) seed: Option<String>,
    /// How the board's time passes
    #[arg(long, value_enum, default_value_t = Pace::Realtime)]
    pub(crate) pace: Pace,
    /// Run a program of your own instead of Drydock's firmware: ELF, Intel HEX, S-records, UF2, binary or app image
    #[arg(long, value_name = "FILE")]
    pub(crate) firmware: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) program: ProgramOptions,
    /// Add a virtual part: KIND or FILE.wasm, then ,KEY=VALUE,… (name, bus, address, select, pin, uart, file, a line, or a
    /// property); may be repeated
    #[arg(long, value_name = "PART", value_parser = crate::subcommand::parts::part)]
    pub(crate) part: Vec<PartAdd>,
}

pub(super) const PARTS_EXAMPLES: &str = "\
Examples:
  drydock boards add nano33ble --part bme280
  drydock parts bench-1
  drydock parts bench-1 set bme280.temperature 31.5
  drydock parts bench-1 set bme280.temperature -3.5
  drydock parts bench-1 play day.csv
  drydock parts bench-1 load 24c256 settings.bin
  drydock parts bench-1 save 24c256 settings.bin";

#[derive(Debug, Args)]
pub(crate) struct Parts {
    /// Name or id of the board
    pub(crate) board: String,
    #[command(subcommand)]
    pub(crate) action: Option<PartsAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PartsAction {
    /// List the parts and their values (also without a subcommand)
    List,
    /// Set a property of a part
    Set {
        /// Part and property, as in bme280.temperature
        #[arg(value_name = "PART.PROPERTY")]
        property: String,
        /// The value, in the property's unit
        #[arg(allow_negative_numbers = true)]
        value: f64,
    },
    /// Let values follow a CSV file over the board's time, from now on: seconds, then columns named PART.PROPERTY
    Play {
        /// The file
        #[arg(value_name = "FILE.csv", required_unless_present = "stop")]
        file: Option<std::path::PathBuf>,
        /// End the table that is played
        #[arg(long, conflicts_with = "file")]
        stop: bool,
    },
    /// Fill a memory, a card or a GPS receiver from a file; the board keeps it when it is switched off
    Load {
        /// Name of the part
        part: String,
        /// The file
        file: std::path::PathBuf,
    },
    /// Save what a memory, a card or a GPS receiver keeps
    Save {
        /// Name of the part
        part: String,
        /// The file
        file: std::path::PathBuf,
    },
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("which").required(true).args(["firmware", "ours"])))]
pub(crate) struct BoardsFirmware {
    /// Name or id of the board
    pub(crate) board: String,
    /// ELF, Intel HEX, S-records, UF2 or binary file, or an app image
    #[arg(id = "firmware", value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Drydock's firmware
    #[arg(long)]
    pub(crate) ours: bool,
    #[command(flatten)]
    pub(crate) program: ProgramOptions,
}

#[derive(Debug, Args)]
pub(crate) struct BoardName {
    /// Name or id of the board
    pub(crate) board: String,
}

/// How a program of the user's own is loaded.
#[derive(Debug, Args)]
pub(crate) struct ProgramOptions {
    /// Where a program without addresses belongs
    #[arg(long, value_name = "ADDRESS", requires = "firmware", value_parser = address)]
    pub(crate) address: Option<u32>,
    /// The line on which the program logs with defmt, such as 0 for UART 0 or itm0; RTT's channel defmt is found by itself
    #[arg(long, value_name = "LINE", requires = "firmware")]
    pub(crate) defmt: Option<String>,
    /// What the program gets where the engine does not model the chip; it is reported in any case
    #[arg(long, value_enum, default_value_t, requires = "firmware")]
    pub(crate) unmodelled: Unmodelled,
}

/// The answer to an access that the engine does not model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Unmodelled {
    /// A bus fault
    #[default]
    Fault,
    /// A load gives zero, a store is lost
    Zero,
}
