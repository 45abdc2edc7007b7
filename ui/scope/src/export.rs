//! Writes the measured range of the shown lanes for other tools, in a thread of its own.

use crate::session::Session;
use drydock_scope_model::{
    LaneId, Recording, TimeRange,
    export::{ExportReport, write_csv, write_sigrok, write_vcd},
};
use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver, TryRecvError},
};

/// The formats, by the ending of a file's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Vcd,
    Csv,
    Sigrok,
}

impl Format {
    fn of(path: &Path) -> Result<Self, String> {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("vcd") => Ok(Self::Vcd),
            Some("csv") => Ok(Self::Csv),
            Some("sr") => Ok(Self::Sigrok),
            _ => Err("The name must end with .vcd, .csv or .sr, which say the format.".into()),
        }
    }
}

/// What a user filled in, and the export that runs.
#[derive(Debug)]
pub struct Export {
    /// The file.
    pub path: String,
    /// Samples a second, for sigrok.
    pub rate: String,
    running: Option<Receiver<Result<String, String>>>,
}

impl Default for Export {
    fn default() -> Self {
        Self {
            path: String::new(),
            rate: "1 MHz".into(),
            running: None,
        }
    }
}

impl Export {
    /// Whether a file is written now.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }
}

struct Job {
    from: PathBuf,
    to: PathBuf,
    format: Format,
    lanes: Vec<LaneId>,
    range: TimeRange,
    rate_hz: u64,
}

impl Session {
    /// Begins to export what is measured, of the shown lanes of the recording that the selected lane is in.
    pub fn export(&mut self) {
        self.message.clear();
        if self.export.is_running() {
            self.say("An export is running; wait for its end.");
            return;
        }
        match self.export_job() {
            Err(problem) => self.say(problem),
            Ok(job) => {
                let (done, running) = mpsc::channel();
                std::thread::spawn(move || {
                    // A window that was closed needs no answer.
                    let _ = done.send(write(&job));
                });
                self.export.running = Some(running);
            }
        }
    }

    fn export_job(&self) -> Result<Job, String> {
        let text = self.export.path.trim();
        if text.is_empty() {
            return Err("Write the name of the file to export to.".into());
        }
        let to = PathBuf::from(text);
        let format = Format::of(&to)?;
        if to.exists() {
            return Err(format!("{} exists already; choose another name.", to.display()));
        }
        let rate_hz = parse_rate(&self.export.rate)?;
        let index = self.selected.map_or(0, |row| self.rows[row].source);
        let source = self.sources.get(index).ok_or("No recording is open.")?;
        let rows = self.rows.iter().filter(|row| row.source == index && !row.is_hidden);
        let lanes: Vec<LaneId> = rows.map(|row| row.lane).collect();
        if lanes.is_empty() {
            return Err("No lane is shown; show the lanes to export.".into());
        }
        Ok(Job {
            from: source.path.clone(),
            to,
            format,
            lanes,
            range: self.measured_in(index),
            rate_hz,
        })
    }

    /// Says how an export ended.
    pub(crate) fn take_in_export(&mut self) {
        let Some(running) = &self.export.running else { return };
        let ended = match running.try_recv() {
            Err(TryRecvError::Empty) => return,
            Ok(ended) => ended,
            Err(TryRecvError::Disconnected) => Err("The export ended early; try it again.".into()),
        };
        self.export.running = None;
        self.say(match ended {
            Ok(what) | Err(what) => what,
        });
    }
}

fn write(job: &Job) -> Result<String, String> {
    let mut part = job.to.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let report = write_part(job, &part).inspect_err(|_| {
        let _ = std::fs::remove_file(&part);
    })?;
    std::fs::rename(&part, &job.to).map_err(|error| format!("{} cannot be written: {error}.", job.to.display()))?;
    let mut said = format!("Exported to {}.", job.to.display());
    if report.gaps_hidden > 0 {
        said += &format!(" {} gaps are not seen in this format.", report.gaps_hidden);
    }
    if report.lanes_left_out > 0 {
        said += &format!(" {} lanes do not fit into it.", report.lanes_left_out);
    }
    Ok(said)
}

fn write_part(job: &Job, part: &Path) -> Result<ExportReport, String> {
    let recording = Recording::open(&job.from).map_err(|error| error.to_string())?;
    let file = File::create(part).map_err(|error| format!("{} cannot be written: {error}.", job.to.display()))?;
    let mut out = BufWriter::new(file);
    let written = match job.format {
        Format::Vcd => write_vcd(&recording, &job.lanes, job.range, &mut out),
        Format::Csv => write_csv(&recording, &job.lanes, job.range, &mut out),
        Format::Sigrok => write_sigrok(&recording, &job.lanes, job.range, job.rate_hz, &mut out),
    };
    let report = written.map_err(|error| error.to_string())?;
    out.flush()
        .map_err(|error| format!("{} cannot be written: {error}.", job.to.display()))?;
    Ok(report)
}

/// Reads `1 MHz`, `250k`, `1000000`.
fn parse_rate(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let end = text
        .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
        .unwrap_or(text.len());
    let unit = match text[end..].trim().trim_end_matches("Hz") {
        "" => Some(1.0),
        "k" => Some(1e3),
        "M" => Some(1e6),
        "G" => Some(1e9),
        _ => None,
    };
    let rate = text[..end]
        .parse::<f64>()
        .ok()
        .zip(unit)
        .map(|(value, unit)| value * unit);
    rate.filter(|rate| *rate >= 1.0)
        .map(|rate| rate as u64)
        .ok_or_else(|| format!("\"{text}\" is no rate; write it as 1 MHz."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_with_their_units() {
        for (text, hz) in [
            ("1 MHz", 1_000_000),
            ("250k", 250_000),
            ("9600", 9_600),
            ("0.5 kHz", 500),
        ] {
            assert_eq!(parse_rate(text), Ok(hz), "{text}");
        }
        for text in ["", "fast", "0", "1 mHz", "-1"] {
            assert!(parse_rate(text).is_err(), "{text}");
        }
    }
}
