//! The arguments of the subcommands for recordings.

use super::duration;
use clap::{Args, ValueEnum};
use std::{path::PathBuf, time::Duration};

pub(super) const RECORD_EXAMPLES: &str = "\
Examples:
  drydock record bench-1                              into the data directory, until Ctrl-C
  drydock record bench-1 bench-2 --out both.drydock-rec --for 10s
  drydock record bench-1 --max-size 500MB --json
  drydock record bench-1 --last 10m --out before.drydock-rec     what just happened, without having asked before

`drydock run` and `drydock emulate` record from the first instruction with --record FILE.
docs/recordings.md tells what a recording has.";

#[derive(Debug, Args)]
pub(crate) struct Record {
    /// Names or ids of the boards
    #[arg(value_name = "BOARD", required = true)]
    pub(crate) boards: Vec<String>,
    /// File to write; otherwise one in the data directory
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Replace a file that exists
    #[arg(long, requires = "out")]
    pub(crate) overwrite: bool,
    /// Stop after this much time of the host: 500ms, 10s, 2m
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub(crate) duration: Option<Duration>,
    /// Stop at this size: 500MB, 4GB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_size: Option<u64>,
    /// Keep what the board just did, this far back: 30s, 10m, 1h
    #[arg(long, value_name = "TIME", value_parser = duration, conflicts_with_all = ["duration", "max_size"])]
    pub(crate) last: Option<Duration>,
}

pub(super) const RECORDINGS_EXAMPLES: &str = "\
Examples:
  drydock recordings --json
  drydock recordings --recent-size 2GB        what boards just did may use so much of the disk
  drydock recordings --recent-size 0          keeps nothing by itself, and deletes what it kept";

#[derive(Debug, Args)]
pub(crate) struct Recordings {
    /// Set how much of the disk Drydock uses to keep what boards just did; 0 switches that off
    #[arg(long, value_name = "SIZE", value_parser = size_or_none)]
    pub(crate) recent_size: Option<u64>,
}

/// Where `drydock run` and `drydock emulate` record.
#[derive(Debug, Args)]
pub(crate) struct RecordTo {
    /// Record everything that the board does into this file
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Replace a recording that exists
    #[arg(long, requires = "record")]
    pub(crate) overwrite: bool,
}

/// A part of a recording.
#[derive(Debug, Args)]
pub(crate) struct Part {
    /// Only these lanes, with or without BOARD/; * stands for anything; may be repeated
    #[arg(long = "lane", value_name = "LANE")]
    pub(crate) lanes: Vec<String>,
    /// Begin at this time of the recording: 500ms, 10s
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) from: Option<Duration>,
    /// End at this time of the recording
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) until: Option<Duration>,
}

pub(super) const REPLAY_EXAMPLES: &str = "\
Examples:
  drydock replay bench-1.drydock-rec                what the board said, from begin to end
  drydock replay bench-1.drydock-rec --speed 1      as fast as it happened
  drydock replay bench-1.drydock-rec --from 2s --until 2500ms --lane 'LED*' --lane uart0.tx
  drydock replay bench-1.drydock-rec --grep panic   where a console, an event, a UART or a bus says so
  drydock replay bench-1.drydock-rec --info         lanes, lengths and damage only

Without --lane it shows consoles, events, faults and states, and --grep looks into all texts; `--lane '*'` shows everything.
--grep takes plain text, in upper or lower case; the command ends with code 3 if nothing has it.";

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The recording
    pub(crate) file: PathBuf,
    /// Show what the file has, and not its entries
    #[arg(long)]
    pub(crate) info: bool,
    #[command(flatten)]
    pub(crate) part: Part,
    /// Show only texts that have this in them, in upper or lower case
    #[arg(long, value_name = "TEXT", conflicts_with = "info", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) grep: Option<String>,
    /// Show it this many times as fast as it happened; otherwise at once
    #[arg(long, value_name = "FACTOR", value_parser = factor)]
    pub(crate) speed: Option<f64>,
}

pub(super) const SCOPE_EXAMPLES: &str = "\
Examples:
  drydock scope bench-1                     records the board while its window is open, and shows it live
  drydock scope before.drydock-rec after.drydock-rec

docs/scope.md tells what the window can do.";

#[derive(Debug, Args)]
pub(crate) struct Scope {
    /// Recordings, or names or ids of boards
    #[arg(value_name = "FILE|BOARD", required = true)]
    pub(crate) targets: Vec<String>,
}

pub(super) const EXPORT_EXAMPLES: &str = "\
Examples:
  drydock export bench-1.drydock-rec --out bench-1.vcd                      for GTKWave
  drydock export bench-1.drydock-rec --out bench-1.sr --rate 1MHz           for PulseView and sigrok-cli
  drydock export bench-1.drydock-rec --out cpu.csv --lane cpu --from 10s
  drydock export bench-1.drydock-rec --out bench-1.parquet                  for DuckDB, pandas, Polars
  drydock export bench-1.drydock-rec --out report.html                      a page for people

docs/recordings.md tells what each format can hold.";

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The recording
    pub(crate) file: PathBuf,
    /// File to write
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Format to write, regardless of the file's extension
    #[arg(long, value_enum)]
    pub(crate) format: Option<ExportFormat>,
    #[command(flatten)]
    pub(crate) part: Part,
    /// Samples a second of a sigrok session: 100kHz, 1MHz
    #[arg(long, value_name = "RATE", value_parser = rate, default_value = "1MHz")]
    pub(crate) rate: u64,
    /// Replace a file that exists
    #[arg(long)]
    pub(crate) overwrite: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// Value change dump, for GTKWave and other viewers of waveforms
    Vcd,
    /// A row for each entry
    Csv,
    /// Session of sigrok, for PulseView and sigrok-cli
    Sr,
    /// Columns, for data tools
    Parquet,
    /// A page with plots, versions and faults
    Html,
}

/// A number with a unit, as in `4GB`.
fn scaled(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let (_, scale) = units
        .iter()
        .find(|(unit, _)| unit.eq_ignore_ascii_case(&text[digits.len()..]))?;
    let number: f64 = digits.trim().parse().ok()?;
    Some(number * scale).filter(|value| value.is_finite() && *value >= 1.0)
}

/// A size, or 0.
fn size_or_none(text: &str) -> Result<u64, String> {
    match text {
        "0" => Ok(0),
        text => size(text),
    }
}

fn size(text: &str) -> Result<u64, String> {
    let units = [
        ("", 1.0),
        ("B", 1.0),
        ("kB", 1e3),
        ("MB", 1e6),
        ("GB", 1e9),
        ("TB", 1e12),
    ];
    let size = scaled(text, &units).filter(|size| *size <= 1e15);
    size.map(|size| size as u64)
        .ok_or_else(|| format!("`{text}` is no size; write for example 500MB or 4GB"))
}

fn rate(text: &str) -> Result<u64, String> {
    let units = [("", 1.0), ("Hz", 1.0), ("kHz", 1e3), ("MHz", 1e6), ("GHz", 1e9)];
    let rate = scaled(text, &units).filter(|rate| *rate <= 1e9);
    rate.map(|rate| rate as u64)
        .ok_or_else(|| format!("`{text}` is no rate; write for example 100kHz or 1MHz"))
}

fn factor(text: &str) -> Result<f64, String> {
    let factor = text.trim_end_matches('x').parse().ok();
    factor
        .filter(|factor: &f64| factor.is_finite() && *factor > 0.0)
        .ok_or_else(|| format!("`{text}` is no speed; write for example 1 or 0.5"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_units() {
        assert_eq!(size("500MB"), Ok(500_000_000));
        assert_eq!(size("1.5gb"), Ok(1_500_000_000));
        assert_eq!(rate("100kHz"), Ok(100_000));
        assert_eq!(factor("2x"), Ok(2.0));
        for wrong in ["", "MB", "0", "-1MB", "1XB", "nan", "1e99GB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
        for wrong in ["2GHz", "0.5", "x"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
        for wrong in ["0", "-1", "inf", "fast"] {
            assert!(factor(wrong).is_err(), "{wrong}");
        }
    }
}
