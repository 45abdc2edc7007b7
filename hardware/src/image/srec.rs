//! Motorola S-records. The public crates for them panic on headers that are no text, so that the few lines are here.

use super::{Format, ImageError};
use crate::flash::Segment;

/// Whether a file's first line is a record.
pub(super) fn is_srec(file: &[u8]) -> bool {
    let first = file.trim_ascii_start();
    first.len() > 9 && first[0] == b'S' && first[1].is_ascii_digit() && first[2..10].iter().all(u8::is_ascii_hexdigit)
}

/// The data of all records.
pub(super) fn segments(file: &[u8]) -> Result<Vec<Segment>, ImageError> {
    let format = Format::Srec;
    let mut segments: Vec<Segment> = Vec::new();
    let mut is_ended = false;
    for (index, line) in file.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let what = |what: &str| ImageError::Damaged {
            format,
            what: format!("line {}: {what}", index + 1),
        };
        let Record { kind, bytes } = record(line).map_err(what)?;
        // Header, counts and the address where the program starts are not flash's business.
        let address_bytes = match kind {
            1 => 2,
            2 => 3,
            3 => 4,
            7..=9 => {
                is_ended = true;
                continue;
            }
            _ => continue,
        };
        let Some((address, data)) = bytes.split_at_checked(address_bytes) else {
            return Err(what("it has no address"));
        };
        let address = address.iter().fold(0, |address, byte| address << 8 | u32::from(*byte));
        match segments.last_mut() {
            Some(last) if u64::from(last.address) + last.bytes.len() as u64 == u64::from(address) => {
                last.bytes.extend(data);
            }
            _ => segments.push(Segment {
                address,
                bytes: data.to_vec(),
            }),
        }
    }
    match is_ended {
        true => Ok(segments),
        false => Err(ImageError::Truncated(format)),
    }
}

struct Record {
    kind: u8,
    /// Address and data.
    bytes: Vec<u8>,
}

/// A line; the error says what is wrong with it.
fn record(line: &[u8]) -> Result<Record, &'static str> {
    let [b'S', kind @ b'0'..=b'9', digits @ ..] = line else {
        return Err("it does not begin with S and a digit");
    };
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    for pair in digits.chunks(2) {
        let digit = |digit: u8| char::from(digit).to_digit(16).map(|digit| digit as u8);
        match pair {
            [high, low] => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => bytes.push(high << 4 | low),
                _ => return Err("it has other characters than hexadecimal digits"),
            },
            _ => return Err("it has half a byte"),
        }
    }
    let Some((&count, rest)) = bytes.split_first() else {
        return Err("it has no length");
    };
    if rest.len() != usize::from(count) || rest.is_empty() {
        return Err("it has another length than it says");
    }
    // The sum of all bytes with the checksum is all ones.
    if bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)) != u8::MAX {
        return Err("its checksum is wrong");
    }
    Ok(Record {
        kind: kind - b'0',
        bytes: rest[..rest.len() - 1].to_vec(),
    })
}
