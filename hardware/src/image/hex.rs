//! Intel HEX (Intel, "Hexadecimal Object File Format Specification", revision A).

use super::{Format, ImageError};
use crate::flash::Segment;
use ihex::Record;

/// Whether a file's first line is a record.
pub(super) fn is_hex(file: &[u8]) -> bool {
    let first = file.trim_ascii_start();
    first.len() > 10 && first[0] == b':' && first[1..11].iter().all(u8::is_ascii_hexdigit)
}

/// The data of all records.
pub(super) fn segments(file: &[u8]) -> Result<Vec<Segment>, ImageError> {
    let damaged = |what: String| ImageError::Damaged {
        format: Format::IntelHex,
        what,
    };
    let text = std::str::from_utf8(file).map_err(|_| damaged("it is no text".into()))?;
    let mut segments: Vec<Segment> = Vec::new();
    // Added to the 16 bits of a data record.
    let mut base = 0_u32;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let record = Record::from_record_string(line);
        match record.map_err(|error| damaged(format!("line {}: {error}", index + 1)))? {
            Record::Data { offset, value } => push(&mut segments, u64::from(base) + u64::from(offset), value)?,
            Record::ExtendedLinearAddress(high) => base = u32::from(high) << 16,
            Record::ExtendedSegmentAddress(paragraph) => base = u32::from(paragraph) << 4,
            // Where the program starts is not flash's business.
            Record::StartLinearAddress(_) | Record::StartSegmentAddress { .. } => {}
            Record::EndOfFile => return Ok(segments),
        }
    }
    Err(ImageError::Truncated(Format::IntelHex))
}

/// Adds bytes; a file has thousands of small records that follow each other.
fn push(segments: &mut Vec<Segment>, address: u64, bytes: Vec<u8>) -> Result<(), ImageError> {
    let format = Format::IntelHex;
    let start = u32::try_from(address).map_err(|_| ImageError::Range { format, address })?;
    match segments.last_mut() {
        Some(last) if u64::from(last.address) + last.bytes.len() as u64 == address => last.bytes.extend(bytes),
        _ => segments.push(Segment { address: start, bytes }),
    }
    Ok(())
}
