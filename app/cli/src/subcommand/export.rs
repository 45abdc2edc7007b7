//! `drydock export`: a recording, or a part of it, in the format of another tool.

use super::recorded;
use crate::{
    arguments::{Export, ExportFormat},
    exit::{Exit, Failure},
    output::Output,
};
use drydock_scope_model::{
    LaneId, LaneKind, Recording, TimeRange,
    export::{ExportError, ExportReport, write_csv, write_sigrok, write_vcd},
};
use serde_json::json;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

pub(crate) fn export(arguments: &Export, output: &Output) -> Result<Exit, Failure> {
    let out = &arguments.out;
    let format = match arguments.format {
        Some(format) => format,
        None => by_name(out)?,
    };
    let recording = recorded::open(&arguments.file)?;
    let mut lanes = recorded::lanes(&recording, &arguments.part, &arguments.file)?;
    if arguments.part.lanes.is_empty() && format == ExportFormat::Sr {
        lanes.retain(|id| recording.lane(*id).is_some_and(|lane| lane.kind == LaneKind::Digital));
    }
    let range = recorded::range(&recording, &arguments.part)?;
    let range = TimeRange::new(
        range.from_ns,
        range.until_ns.min(recording.recorded_until_ns().saturating_add(1)),
    );
    let cannot = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::Refused, format!("{} cannot be written: {error}.", out.display()))
    };
    let file = create(out, &arguments.file, arguments.overwrite).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::new(
            Exit::Refused,
            format!("{} exists; name another file, or add --overwrite.", out.display()),
        ),
        _ => cannot(&error),
    })?;
    let report = write(&recording, (&lanes, range), (format, arguments.rate), file).map_err(|error| {
        // A part of an export is of no use.
        if out.metadata().is_ok_and(|data| data.is_file()) {
            let _ = fs::remove_file(out);
        }
        cannot(&error)
    })?;
    let bytes = fs::metadata(out).map_or(0, |data| data.len());
    output.object(
        "export.written",
        &json!({
            "file": out, "bytes": bytes, "lanes": lanes.len() - report.lanes_left_out,
            "lanes_left_out": report.lanes_left_out, "gaps_hidden": report.gaps_hidden,
            "damage": recording.damage().map(ToString::to_string),
        }),
    );
    output.say(format!("{} was written: {:.1} kB.", out.display(), bytes as f64 / 1e3));
    if report.lanes_left_out > 0 {
        output.say(format!(
            "{} lanes were left out: the format cannot hold them.",
            report.lanes_left_out
        ));
    }
    if report.gaps_hidden > 0 {
        output.say(format!(
            "{} gaps are hidden: the format cannot show them.",
            report.gaps_hidden
        ));
    }
    if let Some(damage) = recording.damage() {
        output.say(format!(
            "The recording is damaged: {damage}. What comes before that was written."
        ));
    }
    Ok(Exit::Success)
}

/// Makes the file of an export. One that is replaced is removed first: a program that has mapped it keeps the old one.
fn create(out: &Path, recording: &Path, overwrite: bool) -> io::Result<File> {
    let is_recording = |out: PathBuf| recording.canonicalize().is_ok_and(|recording| recording == out);
    if out.canonicalize().is_ok_and(is_recording) {
        return Err(io::Error::other("it is the recording itself"));
    }
    let is_file = out.metadata().is_ok_and(|data| data.is_file());
    if overwrite && is_file {
        fs::remove_file(out)?;
    }
    // A pipe or a device stays what it is.
    let is_other = overwrite && !is_file && out.exists();
    OpenOptions::new().write(true).create_new(!is_other).open(out)
}

fn by_name(out: &Path) -> Result<ExportFormat, Failure> {
    let ending = out.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    Ok(match ending.to_ascii_lowercase().as_str() {
        "vcd" => ExportFormat::Vcd,
        "csv" => ExportFormat::Csv,
        "sr" => ExportFormat::Sr,
        "parquet" => ExportFormat::Parquet,
        "html" | "htm" => ExportFormat::Html,
        _ => {
            let text = format!(
                "{} has none of the endings .vcd, .csv, .sr, .parquet and .html; name the format with --format.",
                out.display()
            );
            return Err(Failure::new(Exit::Usage, text));
        }
    })
}

fn write(
    recording: &Recording,
    (lanes, range): (&[LaneId], TimeRange),
    (format, rate_hz): (ExportFormat, u64),
    file: File,
) -> Result<ExportReport, ExportError> {
    let mut out = BufWriter::new(file);
    let report = match format {
        ExportFormat::Vcd => write_vcd(recording, lanes, range, &mut out),
        ExportFormat::Csv => write_csv(recording, lanes, range, &mut out),
        ExportFormat::Sr => write_sigrok(recording, lanes, range, rate_hz, &mut out),
        ExportFormat::Parquet => drydock_scope_model::export::write_parquet(recording, lanes, range, &mut out),
        ExportFormat::Html => drydock_workbench::write_report(recording, lanes, range, &mut out),
    }?;
    out.flush()?;
    Ok(report)
}
