//! A sheet as PDF (ISO 32000-1). The font is embedded, and its text can be searched and copied.

use super::{
    font,
    layout::{Line, Placed, Sheet},
};
use pdf_writer::{
    Content, Finish as _, Name, Pdf, Rect, Ref, Str, TextStr,
    types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap},
};
use std::collections::BTreeMap;

/// Points of PDF in a millimetre.
const POINTS: f64 = 72.0 / 25.4;

/// Name of the font in the file, and in each page's resources.
const FONT_NAME: Name<'static> = Name(b"Inter-Regular");
const FONT: Name<'static> = Name(b"F");

/// Glyphs are numbered as in the font's file.
const IDENTITY: SystemInfo<'static> = SystemInfo {
    registry: Str(b"Adobe"),
    ordering: Str(b"Identity"),
    supplement: 0,
};

/// The file.
pub(super) fn pdf(sheet: &Sheet) -> Vec<u8> {
    let mut next = Ref::new(1);
    let (catalog, tree, info, font) = (next.bump(), next.bump(), next.bump(), next.bump());
    let pages: Vec<(Ref, Ref)> = sheet.pages.iter().map(|_| (next.bump(), next.bump())).collect();
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(tree);
    pdf.document_info(info)
        .title(TextStr("Labels of boards"))
        .creator(TextStr("Drydock"));
    pdf.pages(tree)
        .kids(pages.iter().map(|(page, _)| *page))
        .count(i32::try_from(pages.len()).unwrap_or(i32::MAX));
    let (width, height) = sheet.page;
    for ((id, content), labels) in pages.iter().zip(&sheet.pages) {
        let mut page = pdf.page(*id);
        page.parent(tree).contents(*content);
        page.media_box(Rect::new(0.0, 0.0, points(width), points(height)));
        page.resources().fonts().pair(FONT, font);
        page.finish();
        pdf.stream(*content, &drawn(labels, sheet));
    }
    embed(&mut pdf, &mut next, font, sheet);
    pdf.finish()
}

fn points(mm: f64) -> f32 {
    (mm * POINTS) as f32
}

fn drawn(labels: &[Placed], sheet: &Sheet) -> Vec<u8> {
    let mut content = Content::new();
    // PDF's y axis goes upwards.
    let up = |mm: f64| points(sheet.page.1 - mm);
    content.set_line_width(points(0.1)).set_stroke_gray(0.7);
    for placed in labels {
        let size = sheet.size;
        content.rect(
            points(placed.x),
            up(placed.y + size.height),
            points(size.width),
            points(size.height),
        );
    }
    content.stroke();
    for placed in labels {
        let (x, y) = placed.code_at;
        let module = points(placed.module);
        content
            .save_state()
            .transform([module, 0.0, 0.0, -module, points(x), up(y)]);
        for (x, y, length) in placed.code.runs() {
            content.rect(x as f32, y as f32, length as f32, 1.0);
        }
        content.fill_nonzero().restore_state();
        content.begin_text();
        for line in &placed.lines {
            content
                .set_font(FONT, points(line.size))
                .set_text_matrix([1.0, 0.0, 0.0, 1.0, points(line.x), up(line.baseline)])
                .show(Str(&encoded(line)));
        }
        content.end_text();
    }
    content.finish().into_vec()
}

/// The glyphs of a line, two bytes each.
fn encoded(line: &Line) -> Vec<u8> {
    line.text.chars().flat_map(|c| font::glyph(c).0.to_be_bytes()).collect()
}

/// Embeds the font, with the widths and the characters of the glyphs that are used.
fn embed(pdf: &mut Pdf, next: &mut Ref, font: Ref, sheet: &Sheet) {
    let (cid, descriptor, cmap, file) = (next.bump(), next.bump(), next.bump(), next.bump());
    let mut used: BTreeMap<u16, char> = BTreeMap::new();
    for placed in sheet.pages.iter().flatten() {
        for c in placed.lines.iter().flat_map(|line| line.text.chars()) {
            // Characters that the font lacks share the glyph of the question mark.
            let drawn = if font::face().glyph_index(c).is_some() { c } else { '?' };
            used.insert(font::glyph(c).0, drawn);
        }
    }
    pdf.type0_font(font)
        .base_font(FONT_NAME)
        .encoding_predefined(Name(b"Identity-H"))
        .descendant_font(cid)
        .to_unicode(cmap);
    let mut cid_font = pdf.cid_font(cid);
    cid_font
        .subtype(CidFontType::Type0)
        .base_font(FONT_NAME)
        .system_info(IDENTITY)
        .font_descriptor(descriptor)
        .default_width(0.0);
    let mut widths = cid_font.widths();
    for glyph in used.keys() {
        widths.same(
            *glyph,
            *glyph,
            (1000.0 * font::advance(ttf_parser::GlyphId(*glyph))) as f32,
        );
    }
    widths.finish();
    cid_font.finish();

    let face = font::face();
    let per_mille = |units: i16| 1000.0 * f32::from(units) / f32::from(face.units_per_em());
    let bounds = face.global_bounding_box();
    pdf.font_descriptor(descriptor)
        .name(FONT_NAME)
        .flags(FontFlags::SYMBOLIC)
        .bbox(Rect::new(
            per_mille(bounds.x_min),
            per_mille(bounds.y_min),
            per_mille(bounds.x_max),
            per_mille(bounds.y_max),
        ))
        .italic_angle(0.0)
        .ascent(per_mille(face.ascender()))
        .descent(per_mille(face.descender()))
        .cap_height(per_mille(face.capital_height().unwrap_or(0)))
        .stem_v(80.0)
        .font_file3(file);
    let mut unicode = UnicodeCmap::new(Name(b"Drydock"), IDENTITY);
    for (glyph, c) in used {
        unicode.pair(glyph, c);
    }
    pdf.cmap(cmap, &unicode.finish());
    // The whole OpenType file: readers take glyph numbers from its CFF table (ISO 32000-1, table 126).
    pdf.stream(file, font::FILE).pair(Name(b"Subtype"), Name(b"OpenType"));
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Label,
            layout::{
                Paper, sheet,
                tests::{decoded, label, usual},
            },
        },
        *,
    };
    use hayro_syntax::content::ops::TypedInstruction;
    use std::collections::BTreeSet;

    /// What a reader finds on a page: the modules of each code, and the glyphs of each line.
    #[derive(Default)]
    struct Found {
        codes: Vec<BTreeSet<(usize, usize)>>,
        lines: Vec<Vec<u8>>,
    }

    fn found(page: &hayro_syntax::page::Page<'_>) -> Found {
        let mut found = Found::default();
        let mut operations = page.typed_operations();
        let mut in_code = false;
        while let Some(operation) = operations.next() {
            match operation {
                TypedInstruction::Transform(_) => {
                    in_code = true;
                    found.codes.push(BTreeSet::new());
                }
                TypedInstruction::RestoreState(_) => in_code = false,
                TypedInstruction::RectPath(rect) if in_code => {
                    let [x, y, length] = [rect.0, rect.1, rect.2].map(|number| number.as_f64() as usize);
                    found.codes.last_mut().unwrap().extend((x..x + length).map(|x| (x, y)));
                }
                TypedInstruction::ShowText(text) => found.lines.push(text.0.to_vec()),
                _ => {}
            }
        }
        found
    }

    #[test]
    fn a_reader_finds_the_pages_with_their_codes_and_lines() {
        let labels: Vec<Label> = (0..28)
            .map(|number| Label {
                device: format!("dev-{number:016x}"),
                ..label(&format!("lab-{number}"))
            })
            .collect();
        let sheet = sheet(&labels, usual(), Paper::A4).unwrap();
        let file = hayro_syntax::Pdf::new(pdf(&sheet)).unwrap();
        let pages = file.pages();
        assert_eq!(pages.len(), 2);
        let mut devices = Vec::new();
        for (page, labels) in pages.iter().zip(&sheet.pages) {
            let (width, height) = page.base_dimensions();
            assert!(
                (width - 595.28).abs() < 0.01 && (height - 841.89).abs() < 0.01,
                "{width} {height}"
            );
            let found = found(page);
            let expected: Vec<Vec<u8>> = labels.iter().flat_map(|placed| &placed.lines).map(encoded).collect();
            assert_eq!(found.lines, expected);
            for dark in &found.codes {
                let side = dark.iter().map(|(x, _)| x + 1).max().unwrap();
                devices.push(decoded(side, |x, y| dark.contains(&(x, y))));
            }
            assert!(
                page.resources()
                    .get_font(&hayro_syntax::object::Name::new_unescaped(b"F"))
                    .is_some()
            );
        }
        let expected: Vec<_> = labels.iter().map(|label| format!("drydock:{}", label.device)).collect();
        assert_eq!(devices, expected);
    }
}
