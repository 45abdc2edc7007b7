//! The flame graph of a profile: callers above callees, with widths proportional to time.

use super::export::weight_of;
use crate::{
    api::{ProfileFormat, ProfileWeight},
    charts::{ChartError, DARK, LIGHT, Palette, failed, load_font, png, text},
};
use drydock_emulator::profile::{NodeKind, Profile};
use plotters::{coord::Shift, prelude::*};

/// Width of the drawing in pixels.
const WIDTH: u32 = 1_400;
const MARGIN: f64 = 16.0;
/// Height of title and legend in pixels.
const HEAD: i32 = 78;
/// Height of a row in pixels.
const ROW: i32 = 19;
/// Limit of drawn rows.
const ROWS: usize = 64;
/// Narrower boxes are left out.
const NARROWEST: f64 = 0.4;
/// Size of names in pixels, and the approximate width of a letter.
const LETTERS: f64 = 11.5;
const LETTER: f64 = 0.5 * LETTERS;

/// A box of the drawing.
#[derive(Clone, Debug, PartialEq)]
struct Tile {
    node: usize,
    row: usize,
    left: f64,
    width: f64,
}

/// Draws a profile as SVG or PNG.
///
/// # Errors
/// [`ChartError`].
pub(super) fn draw(
    title: &str,
    profile: &Profile,
    weight: ProfileWeight,
    format: ProfileFormat,
    dark: bool,
    caption: Option<&str>,
) -> Result<Vec<u8>, ChartError> {
    load_font();
    let palette = if dark { DARK } else { LIGHT };
    let (totals, all) = totals(profile, weight);
    let tiles = lay_out(profile, &totals, all, f64::from(WIDTH) - 2.0 * MARGIN);
    let rows = tiles.iter().map(|tile| tile.row + 1).max().unwrap_or(1);
    let height = (HEAD + ROW * rows as i32 + MARGIN as i32) as u32;
    let picture = Picture {
        title,
        profile,
        weight,
        totals: &totals,
        all,
        tiles: &tiles,
        palette: &palette,
        dark,
        caption,
    };
    if format == ProfileFormat::Png {
        let mut pixels = vec![0; (WIDTH * height * 3) as usize];
        let area = BitMapBackend::with_buffer(&mut pixels, (WIDTH, height)).into_drawing_area();
        picture.draw(&area)?;
        drop(area);
        return png(&pixels, WIDTH, height);
    }
    let mut svg = String::new();
    picture.draw(&SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area())?;
    Ok(svg.into_bytes())
}

/// Weight of each node with its subtree, and the total.
fn totals(profile: &Profile, weight: ProfileWeight) -> (Vec<u64>, u64) {
    let mut totals: Vec<u64> = profile.nodes.iter().map(|node| weight_of(node, weight)).collect();
    let mut all = 0;
    for index in (0..totals.len()).rev() {
        match profile.nodes[index].parent {
            Some(parent) => totals[parent] += totals[index],
            None => all += totals[index],
        }
    }
    (totals, all)
}

/// The positions of the boxes: heavier ones first.
fn lay_out(profile: &Profile, totals: &[u64], all: u64, width: f64) -> Vec<Tile> {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); profile.nodes.len()];
    let mut roots = Vec::new();
    for (index, node) in profile.nodes.iter().enumerate() {
        match node.parent {
            Some(parent) => children[parent].push(index),
            None => roots.push(index),
        }
    }
    let scale = width / all.max(1) as f64;
    let mut tiles = Vec::new();
    let mut waiting = vec![(roots, 0, 0.0)];
    while let Some((mut nodes, row, mut left)) = waiting.pop() {
        nodes.sort_by_key(|node| u64::MAX - totals[*node]);
        for node in nodes {
            let width = totals[node] as f64 * scale;
            if width < NARROWEST || row >= ROWS {
                continue;
            }
            tiles.push(Tile { node, row, left, width });
            waiting.push((std::mem::take(&mut children[node]), row + 1, left));
            left += width;
        }
    }
    tiles
}

struct Picture<'a> {
    title: &'a str,
    profile: &'a Profile,
    weight: ProfileWeight,
    totals: &'a [u64],
    all: u64,
    tiles: &'a [Tile],
    palette: &'a Palette,
    dark: bool,
    /// Instead of the caption of an exact profile.
    caption: Option<&'a str>,
}

impl Picture<'_> {
    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Result<(), ChartError> {
        area.fill(&self.palette.ground).map_err(failed)?;
        let title = Text::new(self.title.to_owned(), (MARGIN as i32, 12), text(17.0, self.palette.ink));
        area.draw(&title).map_err(failed)?;
        let caption = Text::new(self.caption(), (MARGIN as i32, 36), text(12.0, self.palette.ink));
        area.draw(&caption).map_err(failed)?;
        self.legend(area)?;
        // A box that names where it comes from is easier to read from its caller.
        for tile in self.tiles {
            self.tile(area, tile)?;
        }
        area.present().map_err(failed)
    }

    fn caption(&self) -> String {
        if let Some(caption) = self.caption {
            return caption.to_owned();
        }
        let profile = self.profile;
        let span = profile.to.saturating_sub(profile.from).as_us() as f64 / 1e6;
        let busy = profile.cycles.saturating_sub(profile.asleep) as f64 / f64::from(profile.cpu_hz.max(1));
        let what = match self.weight {
            ProfileWeight::Cycles => "widths are cycles, without sleep",
            ProfileWeight::Instructions => "widths are instructions",
        };
        format!(
            "{} of the board's time, {} of it busy; {} instructions; {what}",
            seconds(span),
            seconds(busy),
            count(profile.instructions)
        )
    }

    fn legend<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Result<(), ChartError> {
        let mut left = MARGIN as i32;
        for (kind, name) in [
            (Kind::Code, "code"),
            (Kind::Interrupt, "interrupts"),
            (Kind::Waiting, "waiting for flash"),
        ] {
            let color = self.color(kind, name);
            let spot = Rectangle::new([(left, 58), (left + 10, 68)], color.filled());
            area.draw(&spot).map_err(failed)?;
            let label = Text::new(name, (left + 15, 56), text(11.0, self.palette.ink));
            area.draw(&label).map_err(failed)?;
            left += 15 + (name.len() as f64 * LETTER) as i32 + 18;
        }
        Ok(())
    }

    fn tile<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>, tile: &Tile) -> Result<(), ChartError> {
        let name = &self.profile.nodes[tile.node].name;
        let top = HEAD + ROW * tile.row as i32;
        let (left, right) = (MARGIN + tile.left, MARGIN + tile.left + tile.width);
        // A thin gap between neighbours, where there is space for it.
        let gap = if tile.width > 3.0 { 1 } else { 0 };
        let (left, right) = (
            left.round() as i32,
            (right.round() as i32 - gap).max(left.round() as i32 + 1),
        );
        let color = self.color(self.kind(tile.node), name);
        let tile_box = Rectangle::new([(left, top), (right, top + ROW - 2)], color.filled());
        area.draw(&tile_box).map_err(failed)?;
        let room = (tile.width - 8.0) / LETTER;
        let share = 100.0 * self.totals[tile.node] as f64 / self.all.max(1) as f64;
        if let Some(label) = label(name, share, room) {
            let ink = if self.dark {
                RGBColor(236, 238, 242)
            } else {
                RGBColor(24, 26, 30)
            };
            let written = Text::new(label, (left + 4, top + 3), text(LETTERS, ink));
            area.draw(&written).map_err(failed)?;
        }
        Ok(())
    }

    fn kind(&self, node: usize) -> Kind {
        let nodes = &self.profile.nodes;
        let root = std::iter::successors(Some(node), |at| nodes[*at].parent)
            .last()
            .unwrap_or(node);
        match (nodes[node].kind, nodes[root].kind) {
            (NodeKind::Stalled, _) => Kind::Waiting,
            (_, NodeKind::Exception(_)) => Kind::Interrupt,
            _ => Kind::Code,
        }
    }

    /// Of a kind, with a shade of the function's own, always the same.
    fn color(&self, kind: Kind, name: &str) -> RGBColor {
        let shade = name
            .bytes()
            .fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)))
            % 100;
        let shade = f64::from(shade) / 100.0;
        let (hue, saturation, light) = match kind {
            Kind::Code => (0.055 + 0.075 * shade, 0.78, 0.66 + 0.1 * shade),
            Kind::Interrupt => (0.56 + 0.05 * shade, 0.55, 0.68 + 0.1 * shade),
            Kind::Waiting => (0.0, 0.0, 0.75),
        };
        let (light, saturation) = if self.dark {
            (light - 0.38, saturation * 0.75)
        } else {
            (light, saturation)
        };
        let (r, g, b) = HSLColor(hue, saturation, light).to_backend_color().rgb;
        RGBColor(r, g, b)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Code,
    Interrupt,
    Waiting,
}

/// The label of a box with space for this many letters.
fn label(name: &str, share: f64, room: f64) -> Option<String> {
    let room = room.max(0.0) as usize;
    let brief = brief(name);
    let with_share = |name: &str| format!("{name}  {share:.1} %");
    let fits = |text: &String| text.chars().count() <= room;
    let last = brief.rsplit("::").next().unwrap_or(&brief).to_owned();
    let candidates = [with_share(name), with_share(&brief), brief.clone(), last.clone()];
    if let Some(whole) = candidates.into_iter().find(fits) {
        return Some(whole);
    }
    if room < 4 {
        return None;
    }
    Some(last.chars().take(room - 1).chain(['…']).collect())
}

/// A Rust name without generic arguments and with its path cut down to the type: `Vec::push`.
fn brief(name: &str) -> String {
    let name = match name.strip_prefix('<').and_then(|rest| split_type(rest)) {
        // `<Type as Trait>::method`
        Some((kind, rest)) => format!("{}{rest}", kind.split(" as ").next().unwrap_or(kind)),
        None => name.to_owned(),
    };
    let mut depth = 0_i32;
    let plain: String = name
        .chars()
        .filter(|letter| {
            depth += i32::from(matches!(letter, '<' | '['));
            let keep = depth == 0;
            depth -= i32::from(matches!(letter, '>' | ']') && depth > 0);
            keep
        })
        .collect();
    let parts: Vec<&str> = plain.split("::").filter(|part| !part.is_empty()).collect();
    let from = match parts.last() {
        Some(last) if last.starts_with('{') => parts.len().saturating_sub(3),
        _ => parts.len().saturating_sub(2),
    };
    parts[from..].join("::")
}

/// The text before and after the `>` that ends a qualified type.
fn split_type(rest: &str) -> Option<(&str, &str)> {
    let mut depth = 1;
    for (at, letter) in rest.char_indices() {
        match letter {
            '<' => depth += 1,
            '>' if !rest[..at].ends_with('-') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((&rest[..at], &rest[at + 1..]));
        }
    }
    None
}

fn seconds(time: f64) -> String {
    match time {
        t if t >= 1.0 => format!("{t:.2} s"),
        t if t >= 1e-3 => format!("{:.2} ms", t * 1e3),
        t => format!("{:.0} µs", t * 1e6),
    }
}

fn count(count: u64) -> String {
    match count as f64 {
        c if c >= 1e9 => format!("{:.2} G", c / 1e9),
        c if c >= 1e6 => format!("{:.2} M", c / 1e6),
        c if c >= 1e4 => format!("{:.0} k", c / 1e3),
        c => format!("{c:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::export::tests::profile;

    #[test]
    fn boxes_are_as_wide_as_their_weight_and_lie_in_their_callers() {
        let profile = profile();
        let (totals, all) = totals(&profile, ProfileWeight::Cycles);
        assert_eq!((totals[0], totals[3], all), (900, 100, 1_000));
        let tiles = lay_out(&profile, &totals, all, 1_000.0);
        let tile = |node| tiles.iter().find(|tile| tile.node == node).unwrap().clone();
        assert_eq!(
            tile(0),
            Tile {
                node: 0,
                row: 0,
                left: 0.0,
                width: 900.0
            }
        );
        assert_eq!(
            tile(2),
            Tile {
                node: 2,
                row: 2,
                left: 0.0,
                width: 600.0
            }
        );
        assert_eq!((tile(3).left, tile(4).row, tile(4).width), (900.0, 1, 88.0));
        assert!(tiles.iter().all(|tile| tile.node != 5), "sleep is not drawn");
    }

    #[test]
    fn names_are_shortened_to_what_is_told_apart() {
        for (long, short) in [
            ("alloc::vec::Vec<u8>::push", "Vec::push"),
            ("<alloc::vec::Vec<u8> as core::ops::Drop>::drop", "Vec::drop"),
            (
                "core::ptr::drop_in_place::<alloc::string::String>",
                "ptr::drop_in_place",
            ),
            (
                "drydock_device::session::begin::{closure#0}",
                "session::begin::{closure#0}",
            ),
            ("main", "main"),
        ] {
            assert_eq!(brief(long), short);
        }
        assert_eq!(
            label("alloc::vec::Vec<u8>::push", 12.34, 18.0).unwrap(),
            "Vec::push  12.3 %"
        );
        assert_eq!(label("alloc::vec::Vec<u8>::push", 12.34, 6.0).unwrap(), "push");
        assert_eq!(label("core::ptr::drop_in_place::<u8>", 1.0, 6.0).unwrap(), "drop_…");
        assert_eq!(label("main", 1.0, 3.0), None);
    }

    #[test]
    fn both_formats_are_drawn() {
        let draw = |format| draw("bench-1", &profile(), ProfileWeight::Cycles, format, false, None).unwrap();
        let svg = String::from_utf8(draw(ProfileFormat::Svg)).unwrap();
        assert!(svg.contains("bench-1") && svg.contains("app::run") && svg.contains("interrupt 1"));
        assert!(draw(ProfileFormat::Png).starts_with(b"\x89PNG"));
    }
}
