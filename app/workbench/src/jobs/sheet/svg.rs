//! A sheet as scalable vector graphics, in millimetres. Letters are drawn as outlines: the drawing looks the same
//! everywhere, and no text is wider than it was measured. Each label's words are its `<title>`.

use super::{
    font,
    layout::{Line, Placed, Sheet},
};
use crate::markup::escaped;
use std::{collections::BTreeSet, fmt::Write as _};
use ttf_parser::{GlyphId, OutlineBuilder};

/// The first page; a sheet on endless paper has no other.
pub(super) fn svg(sheet: &Sheet) -> String {
    let (width, height) = sheet.page;
    let labels = sheet.pages.first().map_or(&[][..], Vec::as_slice);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}mm\" height=\"{height}mm\" \
         viewBox=\"0 0 {width} {height}\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n<defs>\n"
    );
    let glyphs: BTreeSet<GlyphId> = labels
        .iter()
        .flat_map(|placed| &placed.lines)
        .flat_map(|line| line.text.chars().map(font::glyph))
        .collect();
    for glyph in glyphs {
        let mut outline = Outline::default();
        // A space has no outline.
        let _ = font::face().outline_glyph(glyph, &mut outline);
        push(
            &mut out,
            format_args!("<path id=\"g{}\" d=\"{}\"/>\n", glyph.0, outline.0),
        );
    }
    out.push_str("</defs>\n");
    for placed in labels {
        label(&mut out, placed, sheet);
    }
    out.push_str("</svg>\n");
    out
}

fn label(out: &mut String, placed: &Placed, sheet: &Sheet) {
    let words = &placed.label;
    let words = [&words.board, &words.title, &words.device, &words.chip].map(|text| escaped(text));
    push(
        out,
        format_args!("<g role=\"img\">\n<title>{}</title>\n", words.join(", ")),
    );
    push(
        out,
        format_args!(
            "<rect x=\"{:.3}\" y=\"{:.3}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"#bbb\" stroke-width=\"0.1\"/>\n",
            placed.x, placed.y, sheet.size.width, sheet.size.height
        ),
    );
    let (x, y) = placed.code_at;
    push(
        out,
        format_args!(
            "<path transform=\"translate({x:.3} {y:.3}) scale({:.5})\" shape-rendering=\"crispEdges\" d=\"",
            placed.module
        ),
    );
    for (x, y, length) in placed.code.runs() {
        push(out, format_args!("M{x} {y}h{length}v1h-{length}z"));
    }
    out.push_str("\"/>\n");
    for line in &placed.lines {
        text(out, line);
    }
    out.push_str("</g>\n");
}

fn text(out: &mut String, line: &Line) {
    // The font's y axis goes upwards.
    let units = f64::from(font::face().units_per_em());
    let scale = line.size / units;
    push(
        out,
        format_args!(
            "<g transform=\"translate({:.3} {:.3}) scale({scale:.6} -{scale:.6})\">",
            line.x, line.baseline
        ),
    );
    let mut x = 0.0;
    for glyph in line.text.chars().map(font::glyph) {
        push(
            out,
            format_args!("<use href=\"#g{}\" x=\"{:.0}\"/>", glyph.0, x * units),
        );
        x += font::advance(glyph);
    }
    out.push_str("</g>\n");
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    let _ = out.write_fmt(text);
}

/// The outline of a glyph as path data, in the font's units.
#[derive(Default)]
struct Outline(String);

impl OutlineBuilder for Outline {
    fn move_to(&mut self, x: f32, y: f32) {
        push(&mut self.0, format_args!("M{x} {y}"));
    }

    fn line_to(&mut self, x: f32, y: f32) {
        push(&mut self.0, format_args!("L{x} {y}"));
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        push(&mut self.0, format_args!("Q{x1} {y1} {x} {y}"));
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        push(&mut self.0, format_args!("C{x1} {y1} {x2} {y2} {x} {y}"));
    }

    fn close(&mut self) {
        self.0.push('Z');
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::layout::{
            Paper, sheet,
            tests::{decoded, label, usual},
        },
        *,
    };
    use proptest::prelude::*;

    fn drawn(boards: &[&str]) -> String {
        let labels: Vec<_> = boards.iter().map(|board| label(board)).collect();
        svg(&sheet(&labels, usual(), Paper::Endless).unwrap())
    }

    #[test]
    fn the_code_in_the_drawing_names_the_device() {
        let text = drawn(&["lab-1"]);
        let document = roxmltree::Document::parse(&text).unwrap();
        let path = document
            .descendants()
            .find(|node| node.attribute("shape-rendering").is_some())
            .unwrap();
        let mut dark = std::collections::BTreeSet::new();
        for run in path.attribute("d").unwrap().split('M').filter(|run| !run.is_empty()) {
            let (at, rest) = run.split_once('h').unwrap();
            let (x, y) = at.split_once(' ').unwrap();
            let length: usize = rest.split_once('v').unwrap().0.parse().unwrap();
            let (x, y): (usize, usize) = (x.parse().unwrap(), y.parse().unwrap());
            dark.extend((x..x + length).map(|x| (x, y)));
        }
        let side = dark.iter().map(|(x, _)| x + 1).max().unwrap();
        assert_eq!(
            decoded(side, |x, y| dark.contains(&(x, y))),
            "drydock:dev-3c91a6dbae8b022c"
        );
    }

    #[test]
    fn every_letter_that_is_used_is_defined() {
        let text = drawn(&["lab-1", "öffner <2> 温"]);
        let document = roxmltree::Document::parse(&text).unwrap();
        let ids: Vec<_> = document.descendants().filter_map(|node| node.attribute("id")).collect();
        let uses: Vec<_> = document.descendants().filter(|node| node.has_tag_name("use")).collect();
        assert!(uses.len() > 100, "{}", uses.len());
        for node in uses {
            let href = node.attribute("href").unwrap();
            assert!(ids.contains(&&href[1..]), "{href}");
        }
        let letter = document
            .descendants()
            .find(|node| node.attribute("id") == Some(&format!("g{}", font::glyph('l').0)))
            .unwrap();
        assert!(letter.attribute("d").unwrap().ends_with('Z'), "{letter:?}");
    }

    proptest! {
        /// Whatever a board is called, the drawing is XML, and its title is the name as far as XML can hold it.
        #[test]
        fn names_are_escaped(name in "[<>&\"'\r\t\u{0}\u{1b}\u{ffff}\\]a-c]{0,12}|\\PC{0,12}") {
            let text = drawn(&[&name]);
            let document = roxmltree::Document::parse(&text).unwrap();
            let title = document.descendants().find(|node| node.has_tag_name("title")).unwrap();
            let held = name.replace(|c: char| (c < ' ' && !"\t\n\r".contains(c)) || "\u{fffe}\u{ffff}".contains(c), "\u{fffd}");
            let expected = format!("{held}, Arduino Nano 33 BLE, dev-3c91a6dbae8b022c, ebdcd48cf81e207b");
            prop_assert_eq!(title.text(), Some(expected.as_str()));
        }
    }
}
