//! Value change dump (IEEE 1364, clause 18), with texts as the string variables that GTKWave reads.

use super::{ExportError, ExportReport};
use crate::{
    entries::Entry,
    lane::{LaneId, LaneKind, TimeRange},
    merged::Merged,
    recording::Recording,
};
use std::io::Write;

/// Writes lanes as VCD with a time scale of 1 ns. An unknown level is `x`, an unknown number is NaN, so that gaps are seen.
/// A name's part before a `/` becomes a module.
///
/// # Errors
/// [`ExportError::Io`], [`ExportError::Damaged`].
pub fn write_vcd(
    recording: &Recording,
    lanes: &[LaneId],
    range: TimeRange,
    out: &mut dyn Write,
) -> Result<ExportReport, ExportError> {
    let range = TimeRange::new(
        range.from_ns,
        range.until_ns.min(recording.recorded_until_ns().saturating_add(1)),
    );
    writeln!(out, "$version Drydock $end")?;
    writeln!(out, "$timescale 1 ns $end")?;
    let mut known: Vec<(LaneId, LaneKind)> = Vec::new();
    for &id in lanes {
        let Some(lane) = recording.lane(id) else { continue };
        if known.iter().any(|(other, _)| *other == id) {
            continue;
        }
        known.push((id, lane.kind));
        let (kind, bits) = match lane.kind {
            LaneKind::Digital => ("wire", 1),
            LaneKind::Number => ("real", 64),
            LaneKind::Text => ("string", 1),
        };
        let mut parts: Vec<String> = lane.name.split('/').map(identifier).collect();
        let name = parts.pop().unwrap_or_default();
        for module in &parts {
            writeln!(out, "$scope module {module} $end")?;
        }
        writeln!(out, "$var {kind} {bits} {} {name} $end", code(id))?;
        for _ in &parts {
            writeln!(out, "$upscope $end")?;
        }
    }
    writeln!(out, "$enddefinitions $end")?;
    writeln!(out, "#{}", range.from_ns)?;
    writeln!(out, "$dumpvars")?;
    for &(id, kind) in &known {
        match recording.number_at(id, range.from_ns) {
            Some(value) => write_number(out, id, kind, value)?,
            None => write_unknown(out, id, kind)?,
        }
    }
    writeln!(out, "$end")?;
    let ids: Vec<LaneId> = known.iter().map(|(id, _)| *id).collect();
    let mut now_ns = range.from_ns;
    for entry in Merged::new(recording, &ids, range) {
        let (id, entry) = entry?;
        let at_ns = entry.at_ns().max(range.from_ns);
        if at_ns > now_ns {
            writeln!(out, "#{at_ns}")?;
            now_ns = at_ns;
        }
        match entry {
            Entry::Level { is_high, .. } => writeln!(out, "{}{}", u8::from(is_high), code(id))?,
            Entry::Number { value, .. } => write_number(out, id, LaneKind::Number, value)?,
            Entry::Text { bytes, .. } => writeln!(out, "s{} {}", escaped(bytes), code(id))?,
            Entry::Gap { .. } => {
                let kind = recording.lane(id).map_or(LaneKind::Digital, |lane| lane.kind);
                write_unknown(out, id, kind)?;
            }
        }
    }
    let end_ns = range.until_ns.min(recording.recorded_until_ns());
    if end_ns > now_ns {
        writeln!(out, "#{end_ns}")?;
    }
    Ok(ExportReport::default())
}

fn write_number(out: &mut dyn Write, id: LaneId, kind: LaneKind, value: f64) -> Result<(), ExportError> {
    match kind {
        LaneKind::Digital => writeln!(out, "{}{}", u8::from(value > 0.0), code(id))?,
        // Seventeen digits give the same number back.
        LaneKind::Number => writeln!(out, "r{value:.16e} {}", code(id))?,
        LaneKind::Text => {}
    }
    Ok(())
}

fn write_unknown(out: &mut dyn Write, id: LaneId, kind: LaneKind) -> Result<(), ExportError> {
    match kind {
        LaneKind::Digital => writeln!(out, "x{}", code(id))?,
        LaneKind::Number => writeln!(out, "rnan {}", code(id))?,
        LaneKind::Text => writeln!(out, "s {}", code(id))?,
    }
    Ok(())
}

/// The identifier code of a lane: printable characters, lowest digit first.
fn code(id: LaneId) -> String {
    let mut rest = id.0;
    let mut code = String::new();
    loop {
        code.push(char::from(b'!' + (rest % 94) as u8));
        rest /= 94;
        if rest == 0 {
            return code;
        }
    }
}

/// A name without white space and `$`, which end names.
fn identifier(name: &str) -> String {
    let name: String = name
        .chars()
        .map(|letter| {
            if letter.is_ascii_graphic() && letter != '$' {
                letter
            } else {
                '_'
            }
        })
        .collect();
    if name.is_empty() { "_".into() } else { name }
}

/// Text without white space; GTKWave reads escapes as C has them.
fn escaped(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    for &byte in bytes {
        match byte {
            b'\\' => out.push_str("\\\\"),
            b'!'..=b'~' => out.push(char::from(byte)),
            _ => {
                // Writing to a string does not fail.
                let _ = write!(out, "\\{byte:03o}");
            }
        }
    }
    out
}
