//! Comma-separated values: a line for each entry.

use super::{ExportError, ExportReport};
use crate::{
    entries::Entry,
    lane::{LaneId, TimeRange},
    merged::Merged,
    recording::Recording,
};
use std::{io, io::Write};

/// Writes lanes as CSV with the columns `time_ns`, `lane`, `unit`, `value`, `gap_until_ns`. A gap has no value, and the
/// instant of its end. A text or name that a spreadsheet would take for a formula gets a `'` in front; bytes that are no
/// UTF-8 become `�`.
///
/// # Errors
/// [`ExportError::Io`], [`ExportError::Damaged`].
pub fn write_csv(
    recording: &Recording,
    lanes: &[LaneId],
    range: TimeRange,
    out: &mut dyn Write,
) -> Result<ExportReport, ExportError> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(["time_ns", "lane", "unit", "value", "gap_until_ns"])
        .map_err(io::Error::from)?;
    for entry in Merged::new(recording, lanes, range) {
        let (id, entry) = entry?;
        let Some(lane) = recording.lane(id) else { continue };
        let (value, gap_until) = match entry {
            Entry::Level { is_high, .. } => (u8::from(is_high).to_string(), String::new()),
            Entry::Number { value, .. } => (value.to_string(), String::new()),
            Entry::Text { bytes, .. } => (plain(&String::from_utf8_lossy(bytes)), String::new()),
            Entry::Gap { range, .. } => (String::new(), range.until_ns.to_string()),
        };
        let at = entry.at_ns().to_string();
        csv.write_record([&at, &plain(&lane.name), &plain(&lane.unit), &value, &gap_until])
            .map_err(io::Error::from)?;
    }
    csv.flush()?;
    Ok(ExportReport::default())
}

fn plain(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if is_formula {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}
