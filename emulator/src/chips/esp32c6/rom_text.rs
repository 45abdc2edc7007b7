//! Text in the mask ROM: its `ets_printf`, and the string functions of newlib that programs call there instead of linking
//! their own. All are executed natively. They write RAM only; a string that leaves memory ends there, and that is a fault.

use crate::core::fabric::Fabric;
use crate::core::memory::GuestMemory;

/// A longer string is no text of a program.
const BYTES_MAX: usize = 0x1_0000;
/// `bzero` makes no more bytes zero than there is RAM.
const ZEROED_MAX: usize = super::RAM_BYTES as usize;
/// What one call prints at most.
const PRINTED_MAX: usize = 0x1000;
/// A string function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StringCall {
    Length,
    LengthLimited,
    Copy,
    CopyLimited,
    CopyLimitedWithEnd,
    Append,
    AppendLimited,
    Compare,
    CompareLimited,
    CompareWithoutCase,
    Find,
    FindLast,
    FindText,
    FindByte,
    CompareLimitedWithoutCase,
    AppendLimitedWithEnd,
    /// How many bytes are of a set; of none of it.
    Span,
    SpanOthers,
    /// Address, bytes to make zero.
    Zero,
    /// Number, where to, base.
    Signed,
    Unsigned,
    /// Text; of `strtol` and `strtoul` also where its end goes, and the base.
    Number,
    LongNumber,
    Upper,
    Lower,
    Is(Class),
}

/// A class of characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Alphanumeric,
    Alphabetic,
    Ascii,
    Control,
    Digit,
    Lower,
    Graphic,
    Printed,
    Punctuation,
    Space,
    Upper,
}

impl Class {
    const fn has(self, byte: u8) -> bool {
        match self {
            Self::Alphanumeric => byte.is_ascii_alphanumeric(),
            Self::Alphabetic => byte.is_ascii_alphabetic(),
            Self::Ascii => byte.is_ascii(),
            Self::Control => byte.is_ascii_control(),
            Self::Digit => byte.is_ascii_digit(),
            Self::Lower => byte.is_ascii_lowercase(),
            Self::Graphic => byte.is_ascii_graphic(),
            Self::Printed => byte.is_ascii_graphic() || byte == b' ',
            Self::Punctuation => byte.is_ascii_punctuation(),
            // The vertical tab too.
            Self::Space => byte.is_ascii_whitespace() || byte == 0x0b,
            Self::Upper => byte.is_ascii_uppercase(),
        }
    }
}

/// Carries a string function out with its three arguments.
pub(super) fn string(fabric: &mut Fabric, call: StringCall, [one, two, three]: [u32; 3]) -> u32 {
    let limit = three as usize;
    match call {
        StringCall::Length => read(fabric, one, BYTES_MAX).len() as u32,
        StringCall::LengthLimited => read(fabric, one, two as usize).len() as u32,
        StringCall::Copy => {
            let from = read(fabric, two, BYTES_MAX);
            put(fabric, one, &from);
            one
        }
        StringCall::CopyLimited => {
            let mut from = read(fabric, two, limit);
            from.resize(limit.min(BYTES_MAX), 0);
            write(fabric, one, &from);
            one
        }
        StringCall::CopyLimitedWithEnd => {
            let from = read(fabric, two, BYTES_MAX);
            if limit > 0 {
                put(fabric, one, &from[..from.len().min(limit - 1)]);
            }
            from.len() as u32
        }
        StringCall::Append | StringCall::AppendLimited => {
            let behind = one.wrapping_add(read(fabric, one, BYTES_MAX).len() as u32);
            let most = if call == StringCall::Append { BYTES_MAX } else { limit };
            let from = read(fabric, two, most);
            put(fabric, behind, &from);
            one
        }
        StringCall::Compare => compare(&read(fabric, one, BYTES_MAX), &read(fabric, two, BYTES_MAX)),
        StringCall::CompareLimited => compare(&read(fabric, one, limit), &read(fabric, two, limit)),
        StringCall::CompareWithoutCase => {
            let [one, two] = [one, two].map(|at| read(fabric, at, BYTES_MAX).to_ascii_lowercase());
            compare(&one, &two)
        }
        StringCall::Find | StringCall::FindLast => {
            let mut within = read(fabric, one, BYTES_MAX);
            within.push(0);
            let is_it = |byte: &u8| *byte == two as u8;
            let found = match call {
                StringCall::Find => within.iter().position(is_it),
                _ => within.iter().rposition(is_it),
            };
            found.map_or(0, |at| one.wrapping_add(at as u32))
        }
        StringCall::FindText => {
            let (within, what) = (read(fabric, one, BYTES_MAX), read(fabric, two, BYTES_MAX));
            if what.is_empty() {
                return one;
            }
            let found = within.windows(what.len()).position(|part| part == what);
            found.map_or(0, |at| one.wrapping_add(at as u32))
        }
        StringCall::FindByte => {
            let found = (0..three.min(BYTES_MAX as u32))
                .find(|at| byte(fabric.memory(), one.wrapping_add(*at)) == Some(two as u8));
            found.map_or(0, |at| one.wrapping_add(at))
        }
        StringCall::CompareLimitedWithoutCase => {
            let [one, two] = [one, two].map(|at| read(fabric, at, limit).to_ascii_lowercase());
            compare(&one, &two)
        }
        StringCall::AppendLimitedWithEnd => {
            let (has, from) = (read(fabric, one, limit), read(fabric, two, BYTES_MAX));
            if let Some(room) = limit.checked_sub(has.len() + 1) {
                put(
                    fabric,
                    one.wrapping_add(has.len() as u32),
                    &from[..from.len().min(room)],
                );
            }
            (has.len() + from.len()) as u32
        }
        StringCall::Span | StringCall::SpanOthers => {
            let set = read(fabric, two, BYTES_MAX);
            let counts = |byte: &u8| set.contains(byte) == (call == StringCall::Span);
            read(fabric, one, BYTES_MAX)
                .iter()
                .take_while(|byte| counts(byte))
                .count() as u32
        }
        StringCall::Zero => {
            write(fabric, one, &vec![0; (two as usize).min(ZEROED_MAX)]);
            0
        }
        StringCall::Signed | StringCall::Unsigned => {
            let is_negative = call == StringCall::Signed && three == 10 && one.cast_signed() < 0;
            let magnitude = if is_negative { one.wrapping_neg() } else { one };
            let mut digits = in_base(magnitude, three);
            if is_negative {
                digits.insert(0, b'-');
            }
            put(fabric, two, &digits);
            two
        }
        StringCall::Number => number(&read(fabric, one, 64), 10).0,
        StringCall::LongNumber => {
            let (value, length) = number(&read(fabric, one, 64), three);
            if two != 0 {
                write(fabric, two, &one.wrapping_add(length as u32).to_le_bytes());
            }
            value
        }
        StringCall::Upper => u32::from((one as u8).to_ascii_uppercase()),
        StringCall::Lower => u32::from((one as u8).to_ascii_lowercase()),
        StringCall::Is(class) => u32::from(one < 0x80 && class.has(one as u8)),
    }
}

fn in_base(mut value: u32, base: u32) -> Vec<u8> {
    let base = base.clamp(2, 36);
    let mut digits = Vec::new();
    loop {
        digits.extend(char::from_digit(value % base, base).map(|digit| digit as u8));
        value /= base;
        if value == 0 {
            break;
        }
    }
    digits.reverse();
    digits
}

/// A number at the beginning of a text, and how many bytes it has. One that is too large is cut to 32 bits.
fn number(text: &[u8], base: u32) -> (u32, usize) {
    let mut at = text.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let is_negative = text.get(at) == Some(&b'-');
    at += usize::from(matches!(text.get(at), Some(b'-' | b'+')));
    let has_prefix = text.get(at) == Some(&b'0') && matches!(text.get(at + 1), Some(b'x' | b'X'));
    let base = match (base, has_prefix, text.get(at)) {
        (0 | 16, true, _) => {
            at += 2;
            16
        }
        (0, _, Some(b'0')) => 8,
        (0, ..) => 10,
        (base, ..) => base.clamp(2, 36),
    };
    let (begin, mut value) = (at, 0_u32);
    while let Some(digit) = text.get(at).and_then(|byte| char::from(*byte).to_digit(base)) {
        value = value.wrapping_mul(base).wrapping_add(digit);
        at += 1;
    }
    if at == begin {
        return (0, 0);
    }
    (if is_negative { value.wrapping_neg() } else { value }, at)
}

/// What was printed, into a buffer of so many bytes; returns how many bytes all of it has.
pub(super) fn put_printed(fabric: &mut Fabric, at: u32, room: u32, printed: &[u8]) -> u32 {
    if let Some(last) = (room as usize).checked_sub(1) {
        put(fabric, at, &printed[..printed.len().min(last)]);
    }
    printed.len() as u32
}

fn byte(memory: &GuestMemory, at: u32) -> Option<u8> {
    let mut byte = [0];
    memory.read(at, &mut byte).ok()?;
    Some(byte[0])
}

fn word(memory: &GuestMemory, at: u32) -> u32 {
    let mut bytes = [0; 4];
    memory.read(at, &mut bytes).map_or(0, |()| u32::from_le_bytes(bytes))
}

/// A string of at most so many bytes, without its end.
fn text(memory: &GuestMemory, at: u32, most: usize) -> Vec<u8> {
    let bytes = (0..most.min(BYTES_MAX) as u32).map_while(|offset| byte(memory, at.wrapping_add(offset)));
    bytes.take_while(|byte| *byte != 0).collect()
}

/// As [`text`]. Where the string leaves memory there is a fault.
fn read(fabric: &mut Fabric, at: u32, most: usize) -> Vec<u8> {
    let text = text(fabric.memory(), at, most);
    let end = at.wrapping_add(text.len() as u32);
    if text.len() < most.min(BYTES_MAX) && byte(fabric.memory(), end).is_none() {
        // It fails, and says so.
        let _ = fabric.dma_read(end, &mut [0]);
    }
    text
}

/// Writes RAM; elsewhere there is a fault, and nothing is written.
fn write(fabric: &mut Fabric, at: u32, bytes: &[u8]) {
    let _ = fabric.dma_write(at, bytes);
}

fn put(fabric: &mut Fabric, at: u32, text: &[u8]) {
    let mut bytes = text.to_vec();
    bytes.push(0);
    write(fabric, at, &bytes);
}

/// As bytes without a sign: below, equal, above.
fn compare(one: &[u8], other: &[u8]) -> u32 {
    one.cmp(other) as i32 as u32
}

/// The arguments of a function that takes any number: in registers up to a7, then in memory.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    pub(super) memory: &'a GuestMemory,
    /// Those in registers, up to a7.
    pub(super) registers: &'a [u32],
    /// Where the others are.
    pub(super) others: u32,
}

impl Values<'_> {
    fn word(&mut self) -> u32 {
        if let Some((first, rest)) = self.registers.split_first() {
            self.registers = rest;
            return *first;
        }
        let word = word(self.memory, self.others);
        self.others = self.others.wrapping_add(4);
        word
    }

    /// Two words begin in a register with an even number, or at a multiple of eight in memory.
    fn long(&mut self) -> u64 {
        match self.registers {
            // The last one is a7.
            [_, rest @ ..] if self.registers.len() % 2 == 1 => self.registers = rest,
            [] => self.others = self.others.wrapping_add(7) & !7,
            _ => {}
        }
        let low = self.word();
        u64::from(self.word()) << 32 | u64::from(low)
    }
}

/// What a format at this address prints.
pub(super) fn printed(format: u32, mut arguments: Values<'_>) -> Vec<u8> {
    let memory = arguments.memory;
    let format = text(memory, format, PRINTED_MAX);
    let mut printed = Vec::new();
    let mut rest = format.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if printed.len() >= PRINTED_MAX {
            break;
        }
        if byte != b'%' {
            printed.push(byte);
            continue;
        }
        let (mut left, mut zeros) = (false, false);
        while let Some(flag) = rest.next_if(|byte| b"-0+ #".contains(byte)) {
            left |= flag == b'-';
            zeros |= flag == b'0';
        }
        let mut number = |arguments: &mut Values<'_>| {
            if rest.next_if_eq(&b'*').is_some() {
                return Some(arguments.word() as usize);
            }
            let mut number = None;
            while let Some(digit) = rest.next_if(u8::is_ascii_digit) {
                number = Some(number.unwrap_or(0_usize) * 10 + usize::from(digit - b'0')).map(|it| it.min(PRINTED_MAX));
            }
            number
        };
        let width = number(&mut arguments).unwrap_or(0).min(PRINTED_MAX);
        let digits = rest.next_if_eq(&b'.').map(|_| 0);
        let mut precision = digits;
        if digits.is_some() {
            while let Some(digit) = rest.next_if(u8::is_ascii_digit) {
                precision = precision.map(|so_far: usize| (so_far * 10 + usize::from(digit - b'0')).min(PRINTED_MAX));
            }
        }
        let mut longs = 0;
        while let Some(size) = rest.next_if(|byte| b"lhzjt".contains(byte)) {
            longs += usize::from(size == b'l') + 2 * usize::from(size == b'j');
        }
        let unsigned = |arguments: &mut Values<'_>| match longs {
            0 | 1 => u64::from(arguments.word()),
            _ => arguments.long(),
        };
        let field = match rest.next() {
            None => break,
            Some(b'd' | b'i') => match longs {
                0 | 1 => (arguments.word() as i32).to_string(),
                _ => (arguments.long() as i64).to_string(),
            }
            .into_bytes(),
            Some(b'u') => unsigned(&mut arguments).to_string().into_bytes(),
            Some(b'x' | b'p') => format!("{:x}", unsigned(&mut arguments)).into_bytes(),
            Some(b'X') => format!("{:X}", unsigned(&mut arguments)).into_bytes(),
            Some(b'f' | b'F') => {
                format!("{:.*}", precision.unwrap_or(6), f64::from_bits(arguments.long())).into_bytes()
            }
            Some(b'o') => format!("{:o}", unsigned(&mut arguments)).into_bytes(),
            Some(b'c') => vec![arguments.word() as u8],
            Some(b's') => match arguments.word() {
                0 => b"(null)".to_vec(),
                at => text(memory, at, precision.unwrap_or(PRINTED_MAX)),
            },
            Some(b'%') => b"%".to_vec(),
            Some(other) => vec![b'%', other],
        };
        let missing = width.saturating_sub(field.len());
        let sign = usize::from(zeros && field.first() == Some(&b'-'));
        match (left, zeros) {
            (true, _) => {
                printed.extend(&field);
                printed.extend(std::iter::repeat_n(b' ', missing));
            }
            (false, true) => {
                printed.extend(&field[..sign]);
                printed.extend(std::iter::repeat_n(b'0', missing));
                printed.extend(&field[sign..]);
            }
            (false, false) => {
                printed.extend(std::iter::repeat_n(b' ', missing));
                printed.extend(&field);
            }
        }
    }
    printed
}
