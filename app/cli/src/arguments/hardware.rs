//! The arguments of the subcommands for ports, probes, jobs and virtual boards.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Desk {
    #[command(subcommand)]
    pub(crate) action: Option<DeskAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeskAction {
    /// Pull the cable of a virtual board
    Pull {
        /// Name of the virtual board
        name: String,
    },
    /// Plug the cable of a virtual board in
    Plug {
        /// Name of the virtual board
        name: String,
    },
    /// Take a virtual board from the desk
    Remove {
        /// Name of the virtual board
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Show changes until Ctrl-C
    #[arg(long)]
    pub(crate) follow: bool,
}

pub(super) const PROBES_EXAMPLES: &str = "\
Examples:
  drydock probes
  drydock probes read 2e8a:000c:E661 0x20000000 64    64 bytes of RAM, while the program runs
  drydock probes registers 2e8a:000c:E661             halts the core for a moment";

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Probes {
    #[command(flatten)]
    pub(crate) list: List,
    #[command(subcommand)]
    pub(crate) action: Option<ProbesAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProbesAction {
    /// Read memory while the program runs; registers of peripherals have their side effects
    Read {
        /// Id of the probe, as `drydock probes` lists it
        probe: String,
        /// The first address, decimal or with 0x hexadecimal
        #[arg(value_parser = number)]
        address: u32,
        /// Number of bytes, 1 to 65536
        #[arg(value_parser = number)]
        length: u32,
    },
    /// Halt the core for a moment, read its registers and let it run on
    Registers {
        /// Id of the probe, as `drydock probes` lists it
        probe: String,
    },
}

/// A number of 32 bits, decimal or with `0x` hexadecimal.
fn number(text: &str) -> Result<u32, String> {
    let digits = text.replace('_', "");
    let parsed = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    parsed.map_err(|_| format!("`{text}` is no number of 32 bits; write for example 64 or 0x20000000."))
}

pub(super) const CONSOLE_EXAMPLES: &str = "\
Examples:
  drydock console /dev/ttyUSB0 --baud 115200
  drydock console /dev/ttyUSB0 --baud 9600 --hex --log session.bin
  drydock console 0483:374b:0671FF --defmt target/thumbv7em-none-eabihf/release/app

Lines that are typed are sent with the line end.";

#[derive(Debug, Args)]
pub(crate) struct Console {
    /// Path of the port, or id of a debug probe for the RTT console of the board behind it
    pub(crate) port: String,
    /// Bits per second of a port
    #[arg(long, default_value_t = 115_200)]
    pub(crate) baud: u32,
    /// Kind of the board behind a debug probe, where the probe does not make it clear
    #[arg(long, value_name = "KIND")]
    pub(crate) board: Option<String>,
    /// Show bytes as hexadecimal digits
    #[arg(long)]
    pub(crate) hex: bool,
    /// End of the lines that are sent
    #[arg(long, value_enum, default_value_t = LineEnd::Lf)]
    pub(crate) line_end: LineEnd,
    /// Append everything received to this file, as it is shown
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
    /// Decode the log of a program that uses defmt, with its ELF file
    #[arg(long, value_name = "ELF", conflicts_with = "hex")]
    pub(crate) defmt: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LineEnd {
    /// Nothing
    None,
    /// Line feed
    Lf,
    /// Carriage return
    Cr,
    /// Both
    Crlf,
}

pub(super) const LEND_EXAMPLES: &str = "\
Examples:
  drydock lend /dev/ttyACM0 -- avrdude -P /dev/ttyACM0 …   until the program ends
  drydock lend /dev/ttyACM0                                until Ctrl-C";

#[derive(Debug, Args)]
pub(crate) struct Lend {
    /// Path of the port
    pub(crate) port: String,
    /// Program that gets the port, and its arguments
    #[arg(last = true, value_name = "PROGRAM")]
    pub(crate) command: Vec<String>,
}

/// Where a board is.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct Cable {
    /// Path of the board's serial port
    #[arg(long, value_name = "PATH")]
    pub(crate) port: Option<String>,
    /// Id of the board's debug probe, as `drydock probes` shows it
    #[arg(long, value_name = "ID", conflicts_with = "dfu")]
    pub(crate) probe: Option<String>,
    /// Id of the board's bootloader as a DFU device, as `drydock ports` shows it
    #[arg(long, value_name = "ID")]
    pub(crate) dfu: Option<String>,
}

pub(super) const FLASH_EXAMPLES: &str = "\
Examples:
  drydock flash --port /dev/ttyACM0 --board nano33ble                 Drydock's firmware
  drydock flash --probe 0483:374b:0671FF --board stm32f4-discovery app.elf
  drydock flash --port /dev/ttyUSB0 --board esp32-c6 app.bin --address 0x10010000
  drydock flash --dfu 0483:df11:365A37503537 --board stm32f4-discovery

Only what differs is written, and it is read back. Exit codes: 0 written, 2 usage, 3 refused, 4 the board, 130 Ctrl-C";

#[derive(Debug, Args)]
pub(crate) struct Flash {
    #[command(flatten)]
    pub(crate) on: Cable,
    /// Kind of board
    #[arg(long, value_name = "KIND")]
    pub(crate) board: String,
    /// Firmware as ELF, Intel HEX, S-records, UF2 or raw bytes; otherwise Drydock's own
    #[arg(value_name = "FILE")]
    pub(crate) firmware: Option<PathBuf>,
    /// Address of raw bytes
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(crate) address: Option<u32>,
    /// Erase everything on the chip first; a locked chip needs it
    #[arg(long)]
    pub(crate) erase_all: bool,
    /// Do not ask before everything is erased
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    #[command(flatten)]
    pub(crate) on: Cable,
    /// Kind of board
    #[arg(long, value_name = "KIND")]
    pub(crate) board: String,
    /// File to write; it must not exist
    #[arg(value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Erase {
    #[command(flatten)]
    pub(crate) on: Cable,
    /// Kind of board
    #[arg(long, value_name = "KIND")]
    pub(crate) board: String,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

pub(super) const PROVISION_EXAMPLES: &str = "\
Examples:
  drydock provision --port /dev/ttyACM0 --board nano33ble --app blink --yes
  drydock provision --port /dev/ttyUSB0 --port /dev/ttyUSB1 --board esp32-c6 --name \"lab-{n}\"
  drydock provision --port /dev/ttyUSB0 --probe 0483:374b:0671FF --board stm32f4-discovery
  drydock provision --port /dev/ttyUSB0 --dfu 0483:df11:365A37503537 --board stm32f4-discovery

With --probe or --dfu the firmware goes over the debug probe or the USB bootloader, and the link runs over the port.
Exit codes: 0 all are done, 2 usage, 3 refused, 4 a board, 130 Ctrl-C";

#[derive(Debug, Args)]
pub(crate) struct Provision {
    /// Path of a board's serial port; may be repeated
    #[arg(long, value_name = "PATH", required = true)]
    pub(crate) port: Vec<String>,
    /// Id of the debug probe that writes the firmware, as `drydock probes` shows it
    #[arg(long, value_name = "ID", conflicts_with = "dfu")]
    pub(crate) probe: Option<String>,
    /// Id of the bootloader that writes the firmware as a DFU device, as `drydock ports` shows it
    #[arg(long, value_name = "ID")]
    pub(crate) dfu: Option<String>,
    /// Kind of board
    #[arg(long, value_name = "KIND")]
    pub(crate) board: String,
    /// Name in the fleet; {n} becomes a number
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// First app: a .wasm or .wat file, or the name of a sample
    #[arg(long, value_name = "APP")]
    pub(crate) app: Option<String>,
    /// Allow the app more than log, metrics, timer and the LEDs; may be repeated
    #[arg(long, value_name = "CAPABILITY")]
    pub(crate) grant: Vec<String>,
    /// Erase everything on the chip first; for boards with an earlier identity, and for locked chips
    #[arg(long)]
    pub(crate) erase_all: bool,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Jobs {
    #[command(subcommand)]
    pub(crate) action: Option<JobsAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum JobsAction {
    /// Go on with a job that was interrupted, cancelled or failed
    Resume {
        /// Number of the job
        id: u64,
    },
    /// Cancel a job
    Cancel {
        /// Number of the job
        id: u64,
    },
}

pub(super) const EVIDENCE_EXAMPLES: &str = "\
Examples:
  drydock evidence
  drydock evidence --csv boards.csv
  drydock evidence --csv - | column -s, -t

Each attempt that ended is a row: passed or failed. Evidence that cannot be read is named, and does not end the command.";

#[derive(Debug, Args)]
pub(crate) struct Evidence {
    /// Write comma-separated values into this file, or to the standard output with -
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
}

pub(super) const LABELS_EXAMPLES: &str = "\
Examples:
  drydock labels --out labels.pdf                          all boards that passed, on A4 pages
  drydock labels lab-1 lab-2 --out labels.svg --size 50x25

The QR code holds drydock:DEVICE-ID.";

#[derive(Debug, Args)]
pub(crate) struct Labels {
    /// Names or device ids of boards; otherwise all boards that passed
    #[arg(value_name = "BOARD")]
    pub(crate) boards: Vec<String>,
    /// File to write; its name ends with .pdf or .svg
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Width and height of one label in millimetres
    #[arg(long, value_name = "WxH", default_value = "62x29", value_parser = size)]
    pub(crate) size: (f64, f64),
    /// Replace the file if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

/// A width and a height.
fn size(text: &str) -> Result<(f64, f64), String> {
    let parts = text.split_once(['x', 'X', '×']);
    parts
        .and_then(|(width, height)| Some((width.trim().parse().ok()?, height.trim().parse().ok()?)))
        .ok_or_else(|| format!("{text} is no size; write width and height in millimetres, as in 62x29"))
}

/// An address, decimal or hexadecimal.
pub(super) fn address(text: &str) -> Result<u32, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(&digits.replace('_', ""), 16),
        None => text.parse(),
    };
    parsed.map_err(|_| format!("{text} is no address; write one as in 0x10000"))
}
