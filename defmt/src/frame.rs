//! One frame: the number of its statement, the time stamp's values and the arguments' values, little-endian.

use crate::{
    Line, Program,
    format::Format,
    program::Entry,
    text::{Text, Value},
};
use defmt_parser::Type;
use std::ops::Range;

/// How deep values may be in others. It bounds the stack.
const DEPTH: u32 = 48;
/// Most values in a frame, also of those that take no bytes.
const VALUES: u32 = 1 << 16;

/// Why bytes are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// They end too early.
    Short,
    /// They make no sense.
    Wrong,
}

/// The line at the beginning of the bytes, and how many bytes it took.
pub(crate) fn decode(program: &Program, bytes: &[u8]) -> Result<(Line, usize), Fault> {
    let mut reader = Reader {
        program,
        bytes,
        values: VALUES,
    };
    let number = reader.number()?;
    let Some(Entry::Statement {
        level,
        format,
        location,
    }) = program.entries.get(&number)
    else {
        return Err(Fault::Wrong);
    };
    let timestamp = match &program.timestamp {
        Some(format) => Some((format, reader.arguments(format, 0)?)),
        None => None,
    };
    let arguments = reader.arguments(format, 0)?;
    let used = bytes.len() - reader.bytes.len();
    let text = |format, values: &[Value<'_>]| Text::of(program, format, values).ok_or(Fault::Wrong);
    let line = Line {
        timestamp: timestamp.map(|(format, values)| text(format, &values)).transpose()?,
        level: *level,
        message: text(format, &arguments)?,
        location: location.clone(),
    };
    Ok((line, used))
}

struct Reader<'p, 'b> {
    program: &'p Program,
    bytes: &'b [u8],
    /// How many more values there may be.
    values: u32,
}

impl<'p, 'b> Reader<'p, 'b> {
    fn take(&mut self, count: usize) -> Result<&'b [u8], Fault> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(Fault::Short)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn unsigned(&mut self, count: usize) -> Result<u128, Fault> {
        let mut value = [0; 16];
        value[..count].copy_from_slice(self.take(count)?);
        Ok(u128::from_le_bytes(value))
    }

    fn signed(&mut self, count: usize) -> Result<Value<'p>, Fault> {
        let unused = 128 - 8 * count as u32;
        let value = (self.unsigned(count)? << unused).cast_signed() >> unused;
        Ok(Value::Signed(value, 8 * count as u32))
    }

    fn word(&mut self) -> Result<u32, Fault> {
        Ok(self.unsigned(4)? as u32)
    }

    fn number(&mut self) -> Result<u16, Fault> {
        Ok(self.unsigned(2)? as u16)
    }

    fn arguments(&mut self, format: &Format, depth: u32) -> Result<Vec<Value<'p>>, Fault> {
        format.arguments.iter().map(|ty| self.value(ty, depth)).collect()
    }

    fn value(&mut self, ty: &Type, depth: u32) -> Result<Value<'p>, Fault> {
        self.values = self.values.checked_sub(1).ok_or(Fault::Wrong)?;
        Ok(match ty {
            Type::U8 => Value::Unsigned(self.unsigned(1)?),
            Type::U16 => Value::Unsigned(self.unsigned(2)?),
            Type::U32 | Type::Usize => Value::Unsigned(self.unsigned(4)?),
            Type::U64 => Value::Unsigned(self.unsigned(8)?),
            Type::U128 => Value::Unsigned(self.unsigned(16)?),
            Type::I8 => self.signed(1)?,
            Type::I16 => self.signed(2)?,
            Type::I32 | Type::Isize => self.signed(4)?,
            Type::I64 => self.signed(8)?,
            Type::I128 => self.signed(16)?,
            Type::F32 => Value::F32(f32::from_bits(self.word()?)),
            Type::F64 => Value::F64(f64::from_bits(self.unsigned(8)? as u64)),
            Type::Bool => match self.unsigned(1)? {
                0 => Value::Bool(false),
                1 => Value::Bool(true),
                _ => return Err(Fault::Wrong),
            },
            Type::Char => Value::Char(char::from_u32(self.word()?).ok_or(Fault::Wrong)?),
            Type::BitField(bits) => Value::Unsigned(self.bit_field(bits)?),
            Type::Str => {
                let length = self.word()? as usize;
                Value::Text(text(self.take(length)?)?)
            }
            Type::IStr => match self.program.entries.get(&self.number()?) {
                Some(Entry::Interned(text)) => Value::Interned(text),
                _ => return Err(Fault::Wrong),
            },
            // Made into text by the program, with an end that UTF-8 does not have.
            Type::Debug | Type::Display => {
                let end = self.bytes.iter().position(|byte| *byte == 0xff).ok_or(Fault::Short)?;
                let made = text(self.take(end)?)?;
                self.take(1)?;
                Value::Text(made)
            }
            Type::U8Slice => {
                let length = self.word()? as usize;
                Value::Bytes(self.take(length)?.to_vec())
            }
            Type::U8Array(length) => Value::Bytes(self.take(*length)?.to_vec()),
            Type::Format => {
                let variants = self.variants()?;
                let (format, values) = self.nested(variants, depth)?;
                Value::Nested(format, values)
            }
            Type::FormatSlice => {
                let length = self.word()?;
                self.list(u64::from(length), depth)?
            }
            Type::FormatArray(length) => self.list(*length as u64, depth)?,
            Type::FormatSequence => {
                let mut parts = Vec::new();
                loop {
                    let number = self.number()?;
                    if number == 0 {
                        break Value::Sequence(parts);
                    }
                    self.values = self.values.checked_sub(1).ok_or(Fault::Wrong)?;
                    let variants = self.variants_of(number)?;
                    parts.push(self.nested(variants, depth)?);
                }
            }
        })
    }

    /// The elements of a slice have their type's number in common, and enums their variants each.
    fn list(&mut self, length: u64, depth: u32) -> Result<Value<'p>, Fault> {
        let variants = self.variants()?;
        let mut elements = Vec::new();
        for _ in 0..length {
            self.values = self.values.checked_sub(1).ok_or(Fault::Wrong)?;
            elements.push(self.nested(variants, depth)?);
        }
        Ok(Value::List(elements))
    }

    fn variants(&mut self) -> Result<&'p [Format], Fault> {
        let number = self.number()?;
        self.variants_of(number)
    }

    fn variants_of(&mut self, number: u16) -> Result<&'p [Format], Fault> {
        match self.program.entries.get(&number) {
            Some(Entry::Value(variants)) => Ok(variants),
            _ => Err(Fault::Wrong),
        }
    }

    fn nested(&mut self, variants: &'p [Format], depth: u32) -> Result<(&'p Format, Vec<Value<'p>>), Fault> {
        if depth == DEPTH {
            return Err(Fault::Wrong);
        }
        let variant = match variants.len() {
            0 | 1 => 0,
            // As wide as the number of the last one.
            2..=0x100 => self.unsigned(1)? as usize,
            0x101..=0x1_0000 => self.unsigned(2)? as usize,
            _ => self.word()? as usize,
        };
        let format = variants.get(variant).ok_or(Fault::Wrong)?;
        Ok((format, self.arguments(format, depth + 1)?))
    }

    /// Only the bytes that hold the bits are sent, in an integer that has room for them.
    fn bit_field(&mut self, bits: &Range<u8>) -> Result<u128, Fault> {
        let last = bits.end.checked_sub(1).ok_or(Fault::Wrong)?;
        let (first, last) = (bits.start / 8, last / 8);
        let count = usize::from(last.checked_sub(first).ok_or(Fault::Wrong)?) + 1;
        let value = self.unsigned(count.next_power_of_two())?;
        Ok(value << (8 * u32::from(first)))
    }
}

fn text(bytes: &[u8]) -> Result<String, Fault> {
    String::from_utf8(bytes.to_vec()).map_err(|_| Fault::Wrong)
}
