//! Format strings as defmt's macros put them into the ELF file, parsed once.

use defmt_parser::{DisplayHint, Fragment, ParserMode, Type};
use std::collections::BTreeMap;

/// Most digits of an argument's number. The parser reserves memory for as many arguments as the highest number says.
const INDEX_DIGITS: usize = 4;

/// A format string.
#[derive(Debug, Default)]
pub(crate) struct Format {
    pub(crate) pieces: Vec<Piece>,
    /// The types of the arguments in their order on the wire.
    pub(crate) arguments: Vec<Type>,
}

/// A part of a format string.
#[derive(Debug)]
pub(crate) enum Piece {
    Text(String),
    Argument {
        index: usize,
        ty: Type,
        hint: Option<DisplayHint>,
    },
}

impl Format {
    /// `None` if the parser does not know it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = |part: &str| part.bytes().take_while(u8::is_ascii_digit).count();
        if text.split('{').any(|part| digits(part) > INDEX_DIGITS) {
            return None;
        }
        let fragments = defmt_parser::parse(text, ParserMode::ForwardsCompatible).ok()?;
        let mut arguments = BTreeMap::new();
        for fragment in &fragments {
            if let Fragment::Parameter(parameter) = fragment {
                let ty = match (&parameter.ty, arguments.remove(&parameter.index)) {
                    // An argument of which several bit fields are shown comes once, with all of their bits.
                    (Type::BitField(bits), Some(Type::BitField(others))) => {
                        Type::BitField(bits.start.min(others.start)..bits.end.max(others.end))
                    }
                    (ty, _) => ty.clone(),
                };
                arguments.insert(parameter.index, ty);
            }
        }
        // An argument that is not shown would not be known, and neither would what follows it.
        if !arguments.keys().copied().eq(0..arguments.len()) {
            return None;
        }
        let piece = |fragment| match fragment {
            Fragment::Literal(text) => Piece::Text(text.into_owned()),
            Fragment::Parameter(parameter) => Piece::Argument {
                index: parameter.index,
                ty: parameter.ty,
                hint: parameter.hint,
            },
        };
        Some(Self {
            pieces: fragments.into_iter().map(piece).collect(),
            arguments: arguments.into_values().collect(),
        })
    }

    /// Whether it shows one byte and nothing else: an element of a slice of bytes.
    pub(crate) fn is_byte(&self) -> bool {
        matches!(
            self.pieces.as_slice(),
            [Piece::Argument {
                ty: Type::U8,
                hint: None,
                ..
            }]
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_in_the_order_of_the_wire() {
        let format = Format::parse("{1=u8} {0=str} {2=4..7:b} {2=9..12}").unwrap();
        assert_eq!(format.arguments, [Type::Str, Type::U8, Type::BitField(4..12)]);
        assert_eq!(format.pieces.len(), 7);
        assert!(Format::parse("{=u8}").unwrap().is_byte());
    }

    #[test]
    fn strings_that_make_no_sense_are_refused() {
        for text in ["{", "{1=u8}", "{=u7}", "{99999999=u8}", "{18446744073709551615=u8}"] {
            assert!(Format::parse(text).is_none(), "{text}");
        }
    }
}
