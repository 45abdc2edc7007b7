//! The session file of sigrok, version 2: a ZIP archive with samples at one rate. It has no gaps and no texts.

use super::{ExportError, ExportReport};
use crate::{
    entries::{Entries, Entry},
    lane::{LaneId, LaneKind, TimeRange},
    recording::Recording,
};
use std::{
    io::{self, Seek, Write},
    iter::Peekable,
};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// Samples that an export may have.
pub const SIGROK_SAMPLES: u64 = 1_000_000_000;
/// Samples of one file of the archive.
const CHUNK: u64 = 1 << 20;

/// Writes digital and number lanes as a session file with `rate_hz` samples a second. Pulses that are shorter than a sample
/// may be lost. Texts are left out; the report says so, and how many gaps are hidden.
///
/// # Errors
/// [`ExportError::NotSampled`], [`ExportError::Io`], [`ExportError::Damaged`].
pub fn write_sigrok<S: Write + Seek>(
    recording: &Recording,
    lanes: &[LaneId],
    range: TimeRange,
    rate_hz: u64,
    out: S,
) -> Result<ExportReport, ExportError> {
    let range = TimeRange::new(range.from_ns, range.until_ns.min(recording.recorded_until_ns()));
    let of = |kind: LaneKind| -> Vec<LaneId> {
        let is = |id: &LaneId| recording.lane(*id).is_some_and(|lane| lane.kind == kind);
        lanes.iter().copied().filter(is).collect()
    };
    let (digital, numbers) = (of(LaneKind::Digital), of(LaneKind::Number));
    let samples = u64::try_from(u128::from(range.len_ns()) * u128::from(rate_hz) / 1_000_000_000).unwrap_or(u64::MAX);
    let has_rate = (1..=1_000_000_000).contains(&rate_hz);
    if digital.len() + numbers.len() == 0 || !has_rate || samples == 0 || samples > SIGROK_SAMPLES {
        return Err(ExportError::NotSampled);
    }
    let mut report = ExportReport {
        gaps_hidden: 0,
        lanes_left_out: lanes.len() - digital.len() - numbers.len(),
    };
    let mut archive = Archive {
        zip: ZipWriter::new(out),
    };
    archive.file("version", b"2")?;
    archive.file("metadata", metadata(recording, &digital, &numbers, rate_hz).as_bytes())?;
    let instant = |sample: u64| {
        let after = u128::from(sample) * 1_000_000_000 / u128::from(rate_hz);
        range.from_ns + after as u64
    };
    let unit_bytes = digital.len().div_ceil(8);
    if unit_bytes > 0 {
        let mut sampled: Vec<Sampled<'_>> = digital.iter().map(|&id| Sampled::new(recording, id, range)).collect();
        for (chunk, first) in (0..samples).step_by(CHUNK as usize).enumerate() {
            let last = samples.min(first + CHUNK);
            let mut bytes = vec![0; (last - first) as usize * unit_bytes];
            for (unit, sample) in bytes.chunks_exact_mut(unit_bytes).zip(first..) {
                for (index, lane) in sampled.iter_mut().enumerate() {
                    if lane.at(instant(sample))? > 0.0 {
                        unit[index / 8] |= 1 << (index % 8);
                    }
                }
            }
            archive.file(&format!("logic-1-{}", chunk + 1), &bytes)?;
        }
        report.gaps_hidden += sampled.iter().map(|lane| lane.gaps).sum::<u64>();
    }
    for (index, &id) in numbers.iter().enumerate() {
        let mut lane = Sampled::new(recording, id, range);
        for (chunk, first) in (0..samples).step_by(CHUNK as usize).enumerate() {
            let last = samples.min(first + CHUNK);
            let mut bytes = Vec::with_capacity((last - first) as usize * 4);
            for sample in first..last {
                bytes.extend_from_slice(&(lane.at(instant(sample))? as f32).to_le_bytes());
            }
            // Channels are counted over both kinds.
            let channel = digital.len() + index + 1;
            archive.file(&format!("analog-1-{channel}-{}", chunk + 1), &bytes)?;
        }
        report.gaps_hidden += lane.gaps;
    }
    archive.zip.finish().map_err(io::Error::from)?;
    Ok(report)
}

struct Archive<S: Write + Seek> {
    zip: ZipWriter<S>,
}

impl<S: Write + Seek> Archive<S> {
    fn file(&mut self, name: &str, bytes: &[u8]) -> Result<(), ExportError> {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        self.zip.start_file(name, options).map_err(io::Error::from)?;
        Ok(self.zip.write_all(bytes)?)
    }
}

fn metadata(recording: &Recording, digital: &[LaneId], numbers: &[LaneId], rate_hz: u64) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("[global]\nsigrok version=0.5.2\n\n[device 1]\n");
    let mut line = |key: &str, value: &dyn std::fmt::Display| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{key}={value}");
    };
    if !digital.is_empty() {
        line("capturefile", &"logic-1");
        line("unitsize", &digital.len().div_ceil(8));
    }
    line("total probes", &digital.len());
    line("samplerate", &rate_hz);
    line("total analog", &numbers.len());
    for (index, id) in digital.iter().chain(numbers).enumerate() {
        let key = if index < digital.len() { "probe" } else { "analog" };
        let name = recording.lane(*id).map_or_else(String::new, |lane| lane.name.clone());
        // A line of an INI file.
        let name: String = name
            .chars()
            .map(|letter| if letter.is_control() { '_' } else { letter })
            .collect();
        line(&format!("{key}{}", index + 1), &name.trim());
    }
    text
}

/// A lane read at instants that rise.
struct Sampled<'a> {
    entries: Peekable<Entries<'a>>,
    value: f64,
    gaps: u64,
}

impl<'a> Sampled<'a> {
    fn new(recording: &'a Recording, id: LaneId, range: TimeRange) -> Self {
        Self {
            entries: recording.entries(id, range).peekable(),
            value: recording.number_at(id, range.from_ns).unwrap_or(0.0),
            gaps: 0,
        }
    }

    fn at(&mut self, instant_ns: u64) -> Result<f64, ExportError> {
        while let Some(entry) = self.entries.next_if(|entry| match entry {
            Ok(entry) => entry.at_ns() <= instant_ns,
            Err(_) => true,
        }) {
            match entry? {
                Entry::Level { is_high, .. } => self.value = f64::from(u8::from(is_high)),
                Entry::Number { value, .. } => self.value = value,
                Entry::Text { .. } => {}
                Entry::Gap { .. } => self.gaps += 1,
            }
        }
        Ok(self.value)
    }
}
