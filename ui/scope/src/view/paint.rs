//! Draws a picture of a lane.

use crate::{
    decoding::Decoded,
    picture::{GapBox, Level, LevelKind, Picture, Signal, TextBox},
    session::Row,
    theme::Theme,
    time,
};
use eframe::egui::{Align2, Color32, FontId, Mesh, Painter, Rect, Shape, Stroke, StrokeKind, Ui, pos2, vec2};

/// Between the signal and the lane's edges.
const MARGIN: f32 = 5.0;
/// Between two lines of a hatching.
const HATCH: f32 = 9.0;

/// The name of a lane, and its value at the pointer.
pub(super) fn name(ui: &Ui, theme: &Theme, rect: Rect, row: &Row, value: Option<&str>, color: Color32) {
    let painter = ui.painter_at(rect.shrink2(vec2(4.0, 0.0)));
    let mark = Rect::from_min_size(rect.min + vec2(8.0, rect.height() / 2.0 - 6.0), vec2(3.0, 12.0));
    painter.rect_filled(mark, 1.0, color);
    let left = pos2(rect.left() + 18.0, rect.center().y);
    let room = rect.width() - 26.0;
    let value_room = if value.is_some() { (room * 0.45).min(92.0) } else { 0.0 };
    let font = FontId::proportional(13.0);
    clipped(&painter, left, room - value_room, &row.title, font, theme.text);
    if let Some(value) = value {
        let font = FontId::monospace(11.5);
        let galley = painter.layout_no_wrap(value.to_owned(), font.clone(), theme.text_2);
        if galley.size().x <= value_room {
            let at = pos2(
                rect.right() - 8.0 - galley.size().x,
                rect.center().y - galley.size().y / 2.0,
            );
            painter.galley(at, galley, theme.text_2);
        } else {
            let at = pos2(rect.right() - 8.0 - value_room, rect.center().y);
            clipped(&painter, at, value_room, value, font, theme.text_2);
        }
    }
}

/// Text that ends with `…` where the room ends.
fn clipped(painter: &Painter, left_center: eframe::egui::Pos2, room: f32, text: &str, font: FontId, color: Color32) {
    let mut job = eframe::egui::text::LayoutJob::simple_singleline(text.to_owned(), font, color);
    job.wrap = eframe::egui::text::TextWrapping::truncate_at_width(room.max(0.0));
    let galley = painter.layout_job(job);
    let at = left_center - vec2(0.0, galley.size().y / 2.0);
    painter.galley(at, galley, color);
}

/// The signal of a lane, its gaps and its damage.
pub(super) fn picture(ui: &Ui, theme: &Theme, rect: Rect, picture: &Picture, unit: &str, color: Color32) {
    let painter = ui.painter_at(rect);
    match &picture.signal {
        Signal::Nothing => {}
        Signal::Digital(levels) => digital(&painter, rect, levels, color),
        Signal::Numbers { range, lines, bands } => {
            numbers(&painter, theme, rect, (*range, lines, bands), unit, color);
        }
        Signal::Texts(boxes) => texts(&painter, theme, rect, boxes, color),
        Signal::ManyTexts(columns) => {
            let most = columns.iter().map(|(_, count)| *count).max().unwrap_or(1);
            let mut mesh = Mesh::default();
            for (x, count) in columns {
                let share = 0.25 + 0.75 * (*count as f32 / most as f32);
                let height = (rect.height() - 2.0 * MARGIN) * share;
                let bar = Rect::from_min_max(
                    pos2(rect.left() + x, rect.bottom() - MARGIN - height),
                    pos2(rect.left() + x + 1.0, rect.bottom() - MARGIN),
                );
                mesh.add_colored_rect(bar, color.gamma_multiply(0.6));
            }
            painter.add(Shape::mesh(mesh));
        }
    }
    for gap in &picture.gaps {
        hatched(&painter, theme, rect, gap);
    }
    if let Some(damage) = &picture.damage {
        let at = rect.left_center() + vec2(8.0, 0.0);
        clipped(
            &painter,
            at,
            rect.width() - 16.0,
            damage,
            FontId::proportional(11.5),
            theme.bad,
        );
    }
}

/// A bar for each match of a text, and a thicker one where one was shown last.
pub(super) fn marks(ui: &Ui, theme: &Theme, rect: Rect, marks: &[f32], shown: Option<f32>) {
    let painter = ui.painter_at(rect);
    for mark in marks {
        let x = rect.left() + mark;
        let bar = Rect::from_x_y_ranges(x - 1.0..=x + 2.0, rect.top() + 1.0..=rect.bottom() - 2.0);
        painter.rect_filled(bar, 1.0, theme.warn);
    }
    if let Some(x) = shown {
        let bar = Rect::from_x_y_ranges(x - 2.0..=x + 3.0, rect.top()..=rect.bottom() - 1.0);
        painter.rect_filled(bar, 1.0, theme.accent);
    }
}

fn digital(painter: &Painter, rect: Rect, levels: &[Level], color: Color32) {
    let pixel = 1.0 / painter.pixels_per_point();
    let snap = |at: f32| (at * painter.pixels_per_point()).round() / painter.pixels_per_point();
    let line = (1.5 * painter.pixels_per_point()).round().max(1.0) * pixel;
    let (top, bottom) = (snap(rect.top() + MARGIN), snap(rect.bottom() - MARGIN));
    let mut mesh = Mesh::default();
    let mut add = |left: f32, top: f32, right: f32, bottom: f32, color: Color32| {
        mesh.add_colored_rect(Rect::from_min_max(pos2(left, top), pos2(right, bottom)), color);
    };
    let mut before: Option<&Level> = None;
    for level in levels {
        let (from, until) = (snap(rect.left() + level.from), snap(rect.left() + level.until));
        match level.what {
            LevelKind::High => {
                add(from, top, until, bottom, color.gamma_multiply(0.14));
                add(from, top, until, top + line, color);
            }
            LevelKind::Low => add(from, bottom - line, until, bottom, color),
            LevelKind::Dense => add(from, top, until.max(from + pixel), bottom, color.gamma_multiply(0.55)),
        }
        let is_edge = before.is_some_and(|before| before.until == level.from && before.what != level.what);
        if is_edge && level.what != LevelKind::Dense {
            add(from, top, from + pixel.max(line / 1.5), bottom, color);
        }
        before = Some(level);
    }
    painter.add(Shape::mesh(mesh));
}

type Numbers<'a> = ((f64, f64), &'a [Vec<(f32, f64)>], &'a [(f32, f64, f64)]);

fn numbers(painter: &Painter, theme: &Theme, rect: Rect, numbers: Numbers<'_>, unit: &str, color: Color32) {
    let ((low, high), lines, bands) = numbers;
    let (top, bottom) = (rect.top() + MARGIN + 2.0, rect.bottom() - MARGIN - 2.0);
    let y = |value: f64| {
        let share = if high > low { (value - low) / (high - low) } else { 0.5 };
        bottom - (share.clamp(-10.0, 10.0) as f32) * (bottom - top)
    };
    let mut mesh = Mesh::default();
    for (x, min, max) in bands {
        let (upper, lower) = (y(*max), y(*min).max(y(*max) + 1.0));
        let bar = Rect::from_min_max(pos2(rect.left() + x - 0.5, upper), pos2(rect.left() + x + 0.5, lower));
        mesh.add_colored_rect(bar, color.gamma_multiply(0.8));
    }
    painter.add(Shape::mesh(mesh));
    for line in lines {
        let points: Vec<_> = line.iter().map(|(x, value)| pos2(rect.left() + x, y(*value))).collect();
        // Single numbers are seen as such while there is room.
        if points.len() < 60 {
            for point in points.iter().take(points.len().saturating_sub(1)) {
                painter.circle_filled(*point, 2.0, color);
            }
        }
        painter.line(points, Stroke::new(1.3, color));
    }
    if rect.height() < 40.0 {
        return;
    }
    let space = if unit.is_empty() { "" } else { " " };
    let font = FontId::monospace(10.0);
    for (value, align, at) in [
        (high, Align2::LEFT_TOP, pos2(rect.left() + 4.0, rect.top() + 2.0)),
        (low, Align2::LEFT_BOTTOM, pos2(rect.left() + 4.0, rect.bottom() - 2.0)),
    ] {
        if high == low && align == Align2::LEFT_BOTTOM {
            break;
        }
        let text = format!("{}{space}{unit}", time::number(value));
        let galley = painter.layout_no_wrap(text, font.clone(), theme.text_2);
        let place = align.anchor_size(at, galley.size());
        painter.rect_filled(place.expand(1.0), 2.0, theme.ground.gamma_multiply(0.8));
        painter.galley(place.min, galley, theme.text_2);
    }
}

fn texts(painter: &Painter, theme: &Theme, rect: Rect, boxes: &[TextBox], color: Color32) {
    let font = FontId::monospace(11.0);
    for it in boxes {
        let room = it.until - it.from;
        let left = rect.left() + it.from;
        if room < 1.0 || left > rect.right() {
            continue;
        }
        let mut job = eframe::egui::text::LayoutJob::simple_singleline(it.text.clone(), font.clone(), theme.text);
        job.wrap = eframe::egui::text::TextWrapping::truncate_at_width((room - 9.0).max(1.0));
        let galley = painter.layout_job(job);
        let width = (galley.size().x + 8.0).min(room - 1.0).max(1.0);
        let place = Rect::from_min_max(pos2(left, rect.top() + 3.0), pos2(left + width, rect.bottom() - 3.0));
        if place.right() < rect.left() {
            continue;
        }
        painter.rect(
            place,
            3.0,
            color.gamma_multiply(0.14),
            Stroke::new(1.0, color.gamma_multiply(0.7)),
            StrokeKind::Inside,
        );
        if room > 14.0 {
            // A text that begins before the window is read from the window's edge.
            let at = pos2(
                (left + 4.0)
                    .max(rect.left() + 4.0)
                    .min((place.right() - galley.size().x - 4.0).max(left + 4.0)),
                place.center().y - galley.size().y / 2.0,
            );
            painter
                .with_clip_rect(place.intersect(rect))
                .galley(at, galley, theme.text);
        }
    }
}

/// The name of a decoder, below that of its lane.
pub(super) fn decoder_name(ui: &Ui, theme: &Theme, rect: Rect, name: &str) {
    let at = pos2(rect.left() + 30.0, rect.center().y);
    clipped(
        &ui.painter_at(rect),
        at,
        rect.width() - 38.0,
        name,
        FontId::proportional(11.5),
        theme.text_2,
    );
}

/// What a decoder read. Boxes that are narrower than two points are drawn as one bar. Nobody knows how long a
/// text took on its line: where they were read from texts, a box is as long as its words, while there is room up to the next.
pub(super) fn annotations(ui: &Ui, theme: &Theme, rect: Rect, decoded: &Decoded, x: impl Fn(u64) -> f32) {
    let painter = ui.painter_at(rect);
    let font = FontId::monospace(10.5);
    if let Some(problem) = &decoded.problem {
        let at = rect.left_center() + vec2(8.0, 0.0);
        painter.text(
            at,
            Align2::LEFT_CENTER,
            problem,
            FontId::proportional(11.5),
            theme.text_2,
        );
        return;
    }
    let mut bar_until = f32::NEG_INFINITY;
    for (index, it) in decoded.annotations.iter().enumerate() {
        let (from, mut until) = (x(it.range.from_ns), x(it.range.until_ns));
        if decoded.is_told && (rect.left()..=rect.right()).contains(&from) {
            let next = decoded.annotations.get(index + 1);
            let room = next.map_or(rect.right(), |next| x(next.range.from_ns) - 1.0) - from;
            if room >= 2.0 {
                let words = painter.layout_no_wrap(it.text.clone(), font.clone(), theme.text);
                until = until.max(from + room.min(words.size().x + 8.0));
            }
        }
        if until < rect.left() || from > rect.right() || until <= bar_until + 0.5 {
            continue;
        }
        let color = if it.is_error { theme.bad } else { theme.accent };
        let place = Rect::from_x_y_ranges(from..=until.max(from + 1.0), rect.top() + 3.0..=rect.bottom() - 3.0);
        if until - from < 2.0 {
            painter.rect_filled(place, 0.0, color);
            bar_until = place.right();
            continue;
        }
        painter.rect(
            place,
            2.0,
            color.gamma_multiply(0.18),
            Stroke::new(1.0, color),
            StrokeKind::Inside,
        );
        let seen = place.intersect(rect);
        if seen.width() < 9.0 {
            continue;
        }
        let mut job = eframe::egui::text::LayoutJob::simple_singleline(it.text.clone(), font.clone(), theme.text);
        job.wrap = eframe::egui::text::TextWrapping::truncate_at_width(seen.width() - 4.0);
        let galley = painter.layout_job(job);
        painter
            .with_clip_rect(seen)
            .galley(seen.center() - galley.size() / 2.0, galley, theme.text);
    }
}

fn hatched(painter: &Painter, theme: &Theme, rect: Rect, gap: &GapBox) {
    let place = Rect::from_x_y_ranges(rect.left() + gap.from..=rect.left() + gap.until, rect.y_range()).intersect(rect);
    if !place.is_positive() {
        return;
    }
    let inner = painter.with_clip_rect(place);
    inner.rect_filled(place, 0.0, theme.gap);
    let height = place.height();
    // The lines stay where they are while the gap moves out of the window.
    let mut x = place.left() - height - (place.left() - height).rem_euclid(HATCH);
    while x < place.right() {
        inner.line_segment(
            [pos2(x, place.bottom()), pos2(x + height, place.top())],
            (1.0, theme.line_strong),
        );
        x += HATCH;
    }
    let galley = painter.layout_no_wrap(gap.cause.clone(), FontId::proportional(11.0), theme.text_2);
    if galley.size().x + 12.0 < place.width() {
        let text = Rect::from_center_size(place.center(), galley.size());
        inner.rect_filled(text.expand2(vec2(4.0, 1.0)), 3.0, theme.gap);
        inner.galley(text.min, galley, theme.text_2);
    }
}
