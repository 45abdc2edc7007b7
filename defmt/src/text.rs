//! The text of a statement: its format string with the values, shown as the hints say. A hint of an outer value holds for
//! the values in it that have none.

use crate::{
    Program,
    format::{Format, Piece},
    program::FlagsName,
};
use defmt_parser::{DisplayHint, TimePrecision, Type};
use std::fmt::{self, Write as _};
use std::ops::Range;
use time::{OffsetDateTime, macros::format_description};

/// Most bytes of a text.
const TEXT_BYTES: usize = 256 << 10;
/// Widest padding; nothing that is shown is wider.
const PADDING: usize = 256;

/// A value of an argument.
#[derive(Debug)]
pub(crate) enum Value<'p> {
    Unsigned(u128),
    /// With its width in bits.
    Signed(i128, u32),
    F32(f32),
    F64(f64),
    Bool(bool),
    Char(char),
    Text(String),
    Interned(&'p str),
    Bytes(Vec<u8>),
    Nested(&'p Format, Vec<Value<'p>>),
    Sequence(Vec<(&'p Format, Vec<Value<'p>>)>),
    List(Vec<(&'p Format, Vec<Value<'p>>)>),
}

pub(crate) struct Text<'p> {
    program: &'p Program,
    text: String,
}

type Hint<'h> = Option<&'h DisplayHint>;

impl<'p> Text<'p> {
    /// `None` if it would be longer than any program's.
    pub(crate) fn of(program: &'p Program, format: &Format, values: &[Value<'_>]) -> Option<String> {
        let mut text = Self {
            program,
            text: String::new(),
        };
        text.format(format, values, None).ok()?;
        Some(text.text)
    }

    fn format(&mut self, format: &Format, values: &[Value<'_>], outer: Hint<'_>) -> fmt::Result {
        for piece in &format.pieces {
            match piece {
                Piece::Text(text) => self.write_str(text)?,
                Piece::Argument { index, ty, hint } => {
                    let value = values.get(*index).ok_or(fmt::Error)?;
                    self.value(value, ty, hint.as_ref(), outer)?;
                }
            }
        }
        Ok(())
    }

    fn value(&mut self, value: &Value<'_>, ty: &Type, own: Hint<'_>, outer: Hint<'_>) -> fmt::Result {
        let hint = own.or(outer);
        match value {
            Value::Unsigned(value) => match (ty, own) {
                (Type::BitField(bits), _) => self.bit_field(*value, bits, hint),
                // `{:?}` shows a number as the outer value's hint says.
                (_, Some(DisplayHint::Debug)) => self.unsigned(*value, outer),
                _ => self.unsigned(*value, hint),
            },
            Value::Signed(value, bits) => self.signed(*value, *bits, hint),
            Value::F32(value) => write!(self, "{value:?}"),
            Value::F64(value) => write!(self, "{value:?}"),
            Value::Bool(value) => write!(self, "{value}"),
            Value::Char(value) => write!(self, "{value}"),
            Value::Text(text) => self.string(text, hint),
            Value::Interned(text) => self.string(text, hint),
            Value::Bytes(bytes) => self.bytes(bytes, hint),
            Value::Nested(format, values) => match outer {
                Some(DisplayHint::Ascii) => self.format(format, values, outer),
                _ => self.format(format, values, hint),
            },
            Value::Sequence(parts) => parts
                .iter()
                .try_for_each(|(format, values)| self.format(format, values, hint)),
            Value::List(elements) => self.list(elements, hint),
        }
    }

    fn list(&mut self, elements: &[(&Format, Vec<Value<'_>>)], hint: Hint<'_>) -> fmt::Result {
        if hint == Some(&DisplayHint::Ascii)
            && let Some(bytes) = bytes_of(elements)
        {
            return self.bytes(&bytes, hint);
        }
        self.write_str("[")?;
        for (index, (format, values)) in elements.iter().enumerate() {
            self.write_str(if index > 0 { ", " } else { "" })?;
            self.format(format, values, hint)?;
        }
        self.write_str("]")
    }

    fn string(&mut self, text: &str, hint: Hint<'_>) -> fmt::Result {
        match hint {
            Some(DisplayHint::Debug) => write!(self, "{text:?}"),
            _ => self.write_str(text),
        }
    }

    fn bytes(&mut self, bytes: &[u8], hint: Hint<'_>) -> fmt::Result {
        match hint {
            Some(DisplayHint::Ascii) => self.byte_string(bytes),
            Some(DisplayHint::Cbor) => write!(self, "{}", minicbor::display(bytes)),
            Some(DisplayHint::Hexadecimal { .. } | DisplayHint::Octal { .. } | DisplayHint::Binary { .. }) => {
                self.write_str("[")?;
                for (index, byte) in bytes.iter().enumerate() {
                    self.write_str(if index > 0 { ", " } else { "" })?;
                    self.unsigned(u128::from(*byte), hint)?;
                }
                self.write_str("]")
            }
            _ => write!(self, "{bytes:?}"),
        }
    }

    /// As Rust writes it.
    fn byte_string(&mut self, bytes: &[u8]) -> fmt::Result {
        self.write_str("b\"")?;
        for byte in bytes {
            match byte {
                b'\'' => self.write_str("'")?,
                byte => write!(self, "{}", byte.escape_ascii())?,
            }
        }
        self.write_str("\"")
    }

    fn bit_field(&mut self, value: u128, bits: &Range<u8>, hint: Hint<'_>) -> fmt::Result {
        let width = u32::from(bits.end.saturating_sub(bits.start)).clamp(1, 128);
        let value = (value >> bits.start.min(127)) & (u128::MAX >> (128 - width));
        match hint {
            Some(DisplayHint::Ascii) => {
                let bytes = value.to_be_bytes();
                self.bytes(&bytes[16 - width.div_ceil(8) as usize..], hint)
            }
            _ => self.unsigned(value, hint),
        }
    }

    fn unsigned(&mut self, value: u128, hint: Hint<'_>) -> fmt::Result {
        match hint {
            Some(DisplayHint::Seconds(precision)) => self.seconds(value, precision),
            Some(DisplayHint::Time(precision)) => self.time(value, precision),
            Some(DisplayHint::ISO8601(precision)) => match date(value, precision) {
                Some(date) => self.write_str(&date),
                None => write!(self, "{value}"),
            },
            Some(DisplayHint::Bitflags {
                name,
                package,
                disambiguator,
                crate_name,
            }) => {
                let name = FlagsName {
                    name: name.clone(),
                    package: package.clone(),
                    disambiguator: disambiguator.clone(),
                    crate_name: crate_name.clone(),
                };
                self.flags(value, &name)
            }
            _ => self.digits(value, hint),
        }
    }

    /// The bits of negative numbers are as many as the type has.
    fn signed(&mut self, value: i128, bits: u32, hint: Hint<'_>) -> fmt::Result {
        match hint {
            Some(DisplayHint::Hexadecimal { .. } | DisplayHint::Octal { .. } | DisplayHint::Binary { .. }) => {
                self.digits(value.cast_unsigned() & (u128::MAX >> (128 - bits)), hint)
            }
            Some(DisplayHint::NoHint { zero_pad }) => write!(self, "{value:0width$}", width = padding(*zero_pad)),
            _ => write!(self, "{value}"),
        }
    }

    fn digits(&mut self, value: u128, hint: Hint<'_>) -> fmt::Result {
        match hint {
            Some(DisplayHint::NoHint { zero_pad }) => write!(self, "{value:0width$}", width = padding(*zero_pad)),
            Some(DisplayHint::Binary { alternate, zero_pad }) => match (alternate, padding(*zero_pad)) {
                (true, width) => write!(self, "{value:#0width$b}"),
                (false, width) => write!(self, "{value:0width$b}"),
            },
            Some(DisplayHint::Octal { alternate, zero_pad }) => match (alternate, padding(*zero_pad)) {
                (true, width) => write!(self, "{value:#0width$o}"),
                (false, width) => write!(self, "{value:0width$o}"),
            },
            Some(DisplayHint::Hexadecimal {
                alternate,
                uppercase,
                zero_pad,
            }) => match (alternate, uppercase, padding(*zero_pad)) {
                (true, false, width) => write!(self, "{value:#0width$x}"),
                (true, true, width) => write!(self, "{value:#0width$X}"),
                (false, false, width) => write!(self, "{value:0width$x}"),
                (false, true, width) => write!(self, "{value:0width$X}"),
            },
            _ => write!(self, "{value}"),
        }
    }

    fn flags(&mut self, value: u128, name: &FlagsName) -> fmt::Result {
        let Some(flags) = self.program.flags.get(name) else {
            return write!(self, "{value}");
        };
        let is_set = |bits: u128| value & bits == bits && (bits != 0 || value == 0);
        let set: Vec<&str> = flags
            .iter()
            .filter(|(_, bits)| is_set(*bits))
            .map(|(name, _)| name.as_str())
            .collect();
        match set.as_slice() {
            [] => self.write_str("(empty)"),
            set => self.write_str(&set.join(" | ")),
        }
    }

    /// Seconds with a decimal point.
    fn seconds(&mut self, value: u128, precision: &TimePrecision) -> fmt::Result {
        match precision {
            TimePrecision::Micros => write!(self, "{}.{:06}", value / 1_000_000, value % 1_000_000),
            TimePrecision::Millis => write!(self, "{}.{:03}", value / 1000, value % 1000),
            TimePrecision::Seconds => write!(self, "{value}"),
        }
    }

    /// Hours, minutes and seconds, after the days if there are any.
    fn time(&mut self, value: u128, precision: &TimePrecision) -> fmt::Result {
        let seconds = match precision {
            TimePrecision::Micros => value / 1_000_000,
            TimePrecision::Millis => value / 1000,
            TimePrecision::Seconds => value,
        };
        let (minutes, hours, days) = (seconds / 60 % 60, seconds / 3600 % 24, seconds / 86_400);
        if days > 0 {
            write!(self, "{days}:")?;
        }
        write!(self, "{hours:02}:{minutes:02}:{:02}", seconds % 60)?;
        match precision {
            TimePrecision::Micros => write!(self, ".{:06}", value % 1_000_000),
            TimePrecision::Millis => write!(self, ".{:03}", value % 1000),
            TimePrecision::Seconds => Ok(()),
        }
    }
}

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.text.len() + text.len() > TEXT_BYTES {
            return Err(fmt::Error);
        }
        self.text.push_str(text);
        Ok(())
    }
}

/// The bytes of a slice of `u8`.
fn bytes_of(elements: &[(&Format, Vec<Value<'_>>)]) -> Option<Vec<u8>> {
    let byte = |(format, values): &(&Format, Vec<Value<'_>>)| match values.as_slice() {
        [Value::Unsigned(value)] if format.is_byte() => u8::try_from(*value).ok(),
        _ => None,
    };
    let bytes: Option<Vec<u8>> = elements.iter().map(byte).collect();
    bytes.filter(|bytes| !bytes.is_empty())
}

fn padding(width: usize) -> usize {
    width.min(PADDING)
}

/// A date since the Unix epoch; `None` if it is too far away.
fn date(value: u128, precision: &TimePrecision) -> Option<String> {
    let value = i128::try_from(value).ok()?;
    let unit = match precision {
        TimePrecision::Micros => 1000,
        TimePrecision::Millis => 1_000_000,
        TimePrecision::Seconds => 1_000_000_000,
    };
    let date = OffsetDateTime::from_unix_timestamp_nanos(value.checked_mul(unit)?).ok()?;
    let format = match precision {
        TimePrecision::Micros => {
            format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z")
        }
        TimePrecision::Millis => {
            format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z")
        }
        TimePrecision::Seconds => format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z"),
    };
    date.format(format).ok()
}
