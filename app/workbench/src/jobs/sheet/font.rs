//! The font of the labels: Inter, which the workbench carries for its charts. Widths are the font's own, so that a text
//! that was measured here fits wherever it is drawn.

use std::sync::LazyLock;
use ttf_parser::{Face, GlyphId};

/// The font's file (OpenType with CFF outlines).
pub(super) const FILE: &[u8] = include_bytes!("../../../fonts/Inter-Regular-latin.otf");

static FACE: LazyLock<Face<'static>> =
    LazyLock::new(|| Face::parse(FILE, 0).expect("the font that Drydock carries is whole; a test reads it"));

/// The font.
pub(super) fn face() -> &'static Face<'static> {
    &FACE
}

/// A character's glyph; a character that the font lacks is drawn as a question mark.
pub(super) fn glyph(c: char) -> GlyphId {
    let face = face();
    face.glyph_index(c)
        .or_else(|| face.glyph_index('?'))
        .unwrap_or(GlyphId(0))
}

/// A glyph's width; 1 is the font's size.
pub(super) fn advance(glyph: GlyphId) -> f64 {
    let units = face().glyph_hor_advance(glyph).unwrap_or(0);
    f64::from(units) / f64::from(face().units_per_em())
}

/// A text's width; 1 is the font's size.
pub(super) fn width(text: &str) -> f64 {
    text.chars().map(|c| advance(glyph(c))).sum()
}
