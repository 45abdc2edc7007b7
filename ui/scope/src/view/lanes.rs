//! The lanes with their names, and the time axis above them.

use super::paint;
use crate::{
    measure::Cursor,
    session::{Item, Session},
    theme::Theme,
    time::{self, Ticks},
};
use eframe::egui::{
    Align2, CursorIcon, FontId, Painter, Rect, Role, ScrollArea, Sense, Shape, Stroke, Ui, UiBuilder, Vec2, WidgetInfo,
    pos2,
    scroll_area::ScrollSource,
    text::{LayoutJob, TextWrapping},
    vec2,
};

/// The names.
const GUTTER: f32 = 220.0;
const AXIS_HEIGHT: f32 = 28.0;
const DECODER_HEIGHT: f32 = 24.0;
const BOARD_HEIGHT: f32 = 26.0;
/// The bar at the right.
const BAR: f32 = 12.0;
/// Between two labels of the axis.
const LABEL_WIDTH: f32 = 130.0;
/// A drag that begins this near to a cursor moves it.
const GRAB: f32 = 5.0;
/// A wheel's notch of 40 points zooms by a fifth.
const WHEEL_ZOOM: f32 = 0.005;

/// The place of the time axis in the window.
#[derive(Debug, Clone, Copy)]
struct Plot {
    left: f32,
    width: f32,
}

impl Plot {
    fn x(self, session: &Session, at_ns: f64) -> f32 {
        self.left + session.axis.x(at_ns, f64::from(self.width)).clamp(-1e5, 1e5) as f32
    }

    fn at(self, session: &Session, x: f32) -> f64 {
        session.axis.at(f64::from(x - self.left), f64::from(self.width))
    }
}

pub(super) fn show(session: &mut Session, ui: &mut Ui, theme: &Theme) {
    let all = ui.available_rect_before_wrap();
    if session.rows.is_empty() {
        let text = match (session.sources.is_empty(), session.failures.is_empty()) {
            (true, true) => "Open a recording: drydock-scope FILE",
            (true, false) => "No recording is open.",
            _ => "The recording has no lanes yet.",
        };
        ui.put(all, eframe::egui::Label::new(text));
        return;
    }
    let plot = Plot {
        left: all.left() + GUTTER,
        width: (all.width() - GUTTER - BAR).max(10.0),
    };
    let body = Rect::from_min_max(pos2(plot.left, all.top()), pos2(plot.left + plot.width, all.bottom()));
    let items = session.items();
    let ticks = session.ticks((plot.width / LABEL_WIDTH).floor().max(1.0) as usize);
    let axis = Rect::from_min_size(all.min, vec2(all.width(), AXIS_HEIGHT));
    let below = Rect::from_min_max(pos2(all.left(), axis.bottom()), all.max);
    grid(session, ui, theme, plot, &ticks, below);
    let wheel = take_wheel(ui, body);
    let scrolled = ui.scope_builder(UiBuilder::new().max_rect(below), |ui| {
        rows(session, ui, theme, plot, &items)
    });
    pointer(session, ui, plot, body, &scrolled.inner, wheel);
    axis_strip(session, ui, theme, plot, &ticks, axis);
    overlay(session, ui, theme, plot, all);
}

/// The wheel over the plot, which nothing else gets then, and what fingers zoom by.
fn take_wheel(ui: &Ui, body: Rect) -> Option<(Vec2, f32)> {
    let at = ui.input(|input| input.pointer.hover_pos())?;
    if !body.contains(at) || ui.ctx().layer_id_at(at).is_some_and(|layer| layer != ui.layer_id()) {
        return None;
    }
    Some(ui.input_mut(|input| {
        let wheel = std::mem::replace(&mut input.smooth_scroll_delta, Vec2::ZERO);
        (wheel, input.zoom_delta())
    }))
}

/// The pointer over the plot: cursors, drags, the wheel.
fn pointer(
    session: &mut Session,
    ui: &Ui,
    plot: Plot,
    body: Rect,
    places: &[(usize, Rect)],
    wheel: Option<(Vec2, f32)>,
) {
    let response = ui.interact(body, ui.scope_id().with("plot"), Sense::click_and_drag());
    response.widget_info(|| WidgetInfo::labeled(Role::Canvas, true, "Signals over time"));
    session.pointer_ns = response.hover_pos().map(|at| plot.at(session, at.x));
    let row_at = |at: eframe::egui::Pos2| {
        let place = places.iter().find(|(_, place)| place.y_range().contains(at.y));
        place.map(|(row, _)| *row)
    };
    let is_shift = ui.input(|input| input.modifiers.shift);
    let width = f64::from(plot.width);
    if let Some(at) = response.interact_pointer_pos().filter(|_| response.clicked()) {
        let row = row_at(at);
        let at_ns = session.snapped(row, plot.at(session, at.x), width);
        session.selected = row.or(session.selected);
        session
            .cursors
            .set(if is_shift { Cursor::B } else { Cursor::A }, Some(at_ns));
    }
    let grabbed_id = response.id.with("grabbed");
    if response.drag_started()
        && let Some(at) = ui.input(|input| input.pointer.press_origin())
    {
        let near = |cursor: Cursor| {
            let x = plot.x(session, session.cursors.get(cursor)?);
            ((x - at.x).abs() <= GRAB).then_some(cursor)
        };
        let mut grabbed = near(Cursor::A).or_else(|| near(Cursor::B));
        if is_shift {
            let from_ns = session.snapped(row_at(at), plot.at(session, at.x), width);
            session.cursors.set(Cursor::A, Some(from_ns));
            grabbed = Some(Cursor::B);
        }
        ui.data_mut(|data| data.insert_temp(grabbed_id, grabbed));
    }
    if response.dragged() {
        let grabbed: Option<Cursor> = ui.data(|data| data.get_temp(grabbed_id)).flatten();
        let share = -f64::from(response.drag_delta().x) / width;
        match (grabbed, response.interact_pointer_pos()) {
            (Some(cursor), Some(at)) => {
                let at_ns = session.snapped(row_at(at), plot.at(session, at.x), width);
                session.cursors.set(cursor, Some(at_ns));
            }
            _ if share != 0.0 => session.pan(share),
            _ => {}
        }
    }
    let (Some(at), Some((wheel, pinch))) = (response.hover_pos(), wheel) else {
        return;
    };
    let share = f64::from((at.x - plot.left) / plot.width);
    let factor = f64::from((-wheel.y * WHEEL_ZOOM).exp() / pinch);
    if factor != 1.0 {
        session.zoom(share, factor);
    }
    if wheel.x != 0.0 {
        session.pan(-f64::from(wheel.x / plot.width));
    }
}

fn grid(session: &Session, ui: &Ui, theme: &Theme, plot: Plot, ticks: &Ticks, below: Rect) {
    let painter = ui.painter_at(below);
    for (at_ns, _) in &ticks.marks {
        let x = painter.round_to_pixel_center(plot.x(session, *at_ns));
        painter.vline(x, below.y_range(), (1.0, theme.grid));
    }
    // Behind the end of everything, and before the begin.
    for (from, until) in [
        (plot.left, plot.x(session, 0.0)),
        (plot.x(session, session.until_ns()), plot.left + plot.width),
    ] {
        if until > from {
            let beyond = Rect::from_x_y_ranges(from..=until, below.y_range());
            painter.rect_filled(beyond, 0.0, theme.surface);
        }
    }
}

fn axis_strip(session: &Session, ui: &Ui, theme: &Theme, plot: Plot, ticks: &Ticks, rect: Rect) {
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, 0.0, theme.surface);
    painter.hline(rect.x_range(), rect.bottom() - 0.5, (1.0, theme.line));
    painter.text(
        rect.left_center() + vec2(10.0, 0.0),
        Align2::LEFT_CENTER,
        from_label(session),
        FontId::monospace(11.0),
        theme.text_2,
    );
    let right = Rect::from_min_max(pos2(plot.left, rect.top()), pos2(plot.left + plot.width, rect.bottom()));
    let painter = ui.painter_at(right);
    let mut free = f32::NEG_INFINITY;
    for (at_ns, label) in &ticks.marks {
        let x = painter.round_to_pixel_center(plot.x(session, *at_ns));
        painter.vline(x, rect.bottom() - 6.0..=rect.bottom(), (1.0, theme.line_strong));
        // Behind a pause, a mark may be near to the one before.
        if x < free {
            continue;
        }
        let galley = painter.layout_no_wrap(label.clone(), FontId::monospace(11.0), theme.text_2);
        let at = pos2(x + 4.0, rect.center().y - galley.size().y / 2.0);
        if at.x + galley.size().x <= right.right() {
            free = at.x + galley.size().x + 4.0;
            painter.galley(at, galley, theme.text_2);
        }
    }
}

/// What is at the left edge, and whose time that is.
fn from_label(session: &Session) -> String {
    match session.shown_clock() {
        None => format!("from {}", time::instant(session.axis.from_ns)),
        Some(board) => match session.shown_ns(session.axis.from_ns) {
            Some(at_ns) => format!("{board}: from {}", time::instant(at_ns)),
            None => format!("{board}: virtual time"),
        },
    }
}

/// Draws the rows, and says where each lane is.
fn rows(session: &mut Session, ui: &mut Ui, theme: &Theme, plot: Plot, items: &[Item]) -> Vec<(usize, Rect)> {
    let mut places = Vec::new();
    let height_of = |session: &Session, item: &Item| match item {
        Item::Board(_) => BOARD_HEIGHT,
        Item::Lane(row) => session.rows[*row].height,
        Item::Decoder(_) => DECODER_HEIGHT,
    };
    let total: f32 = items.iter().map(|item| height_of(session, item)).sum();
    let source = ScrollSource {
        drag: eframe::egui::containers::scroll_area::DragScroll::Never,
        ..ScrollSource::default()
    };
    ScrollArea::vertical()
        .auto_shrink(false)
        .scroll_source(source)
        .show_viewport(ui, |ui, viewport| {
            let origin = ui.max_rect().min;
            ui.set_height(total);
            let mut top = 0.0;
            for item in items {
                let height = height_of(session, item);
                let is_selected = matches!(item, Item::Lane(row) if session.selected == Some(*row));
                if is_selected && std::mem::take(&mut session.wants_selected_shown) {
                    let place = Rect::from_min_size(pos2(origin.x, origin.y + top), vec2(GUTTER, height));
                    ui.scroll_to_rect(place, None);
                }
                if top + height >= viewport.top() && top <= viewport.bottom() {
                    let rect = Rect::from_min_size(pos2(origin.x, origin.y + top), vec2(GUTTER + plot.width, height));
                    match item {
                        Item::Board(row) => board(session, ui, theme, *row, rect),
                        Item::Decoder(index) => decoder(session, ui, theme, plot, *index, rect),
                        Item::Lane(row) => {
                            lane(session, ui, theme, plot, *row, rect);
                            places.push((*row, rect));
                        }
                    }
                }
                top += height;
            }
        });
    places
}

fn board(session: &mut Session, ui: &mut Ui, theme: &Theme, row: usize, rect: Rect) {
    let (heading, about) = session.heading(row);
    // The plot is above its right part.
    let gutter = Rect::from_min_size(rect.min, vec2(GUTTER, rect.height()));
    let response = ui.interact(gutter, ui.scope_id().with(("board", row)), Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &heading));
    let name = session.rows[row].board.clone();
    if response.clicked() {
        session.fold(&name);
    }
    let is_folded = session.folded.contains(&name);
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, 0.0, theme.raised);
    let end = painter.text(
        rect.left_center() + vec2(24.0, 0.0),
        Align2::LEFT_CENTER,
        &heading,
        FontId::proportional(13.0),
        theme.text,
    );
    let tip = rect.left_center() + vec2(13.0, 0.0);
    let arrow = if is_folded {
        vec![tip + vec2(-2.0, -4.0), tip + vec2(3.0, 0.0), tip + vec2(-2.0, 4.0)]
    } else {
        vec![tip + vec2(-4.0, -2.0), tip + vec2(4.0, -2.0), tip + vec2(0.0, 3.0)]
    };
    painter.add(Shape::convex_polygon(arrow, theme.text_2, Stroke::NONE));
    let Some(about) = about else { return };
    let mut words = vec![about.kind_title];
    words.push(about.engine);
    words.extend(about.firmware.map(|version| format!("firmware {version}")));
    words.retain(|word| !word.is_empty());
    painter.text(
        pos2(end.right() + 12.0, rect.center().y),
        Align2::LEFT_CENTER,
        words.join(" · "),
        FontId::proportional(11.5),
        theme.text_2,
    );
}

fn lane(session: &mut Session, ui: &mut Ui, theme: &Theme, plot: Plot, row: usize, rect: Rect) {
    let gutter = Rect::from_min_max(rect.min, pos2(plot.left, rect.bottom()));
    let right = Rect::from_min_max(pos2(plot.left, rect.top()), rect.max);
    let at_ns = session.pointer_ns.or(session.cursors.a);
    let value = at_ns.and_then(|at_ns| session.value_at(row, at_ns));
    let color = theme.plot(row);
    let response = ui.interact(gutter, ui.scope_id().with(("lane", row)), Sense::click());
    let name = session.rows[row].name.clone();
    let is_selected = session.selected == Some(row);
    response.widget_info(|| WidgetInfo::selected(Role::ListItem, true, is_selected, &name));
    if response.clicked() {
        session.selected = Some(row);
    }
    if is_selected {
        ui.painter().rect_filled(gutter, 0.0, theme.accent_ground);
    }
    resize(session, ui, row, gutter);
    paint::name(ui, theme, gutter, &session.rows[row], value.as_deref(), color);
    response.on_hover_text(&name);
    let unit = session.rows[row].unit.clone();
    let picture = session.picture(row, plot.width);
    paint::picture(ui, theme, right, picture, &unit, color);
    let shown = session.find.shown.filter(|(_, shown)| *shown == row);
    let shown = shown.map(|(at_ns, _)| plot.x(session, at_ns));
    paint::marks(ui, theme, right, &session.match_marks(row, plot.width), shown);
    ui.painter().vline(plot.left - 0.5, rect.y_range(), (1.0, theme.line));
    ui.painter()
        .hline(rect.x_range(), rect.bottom() - 0.5, (1.0, theme.line));
}

/// The lower edge of a name makes its lane taller or lower.
fn resize(session: &mut Session, ui: &Ui, row: usize, gutter: Rect) {
    let edge = Rect::from_min_max(pos2(gutter.left(), gutter.bottom() - 3.0), gutter.max + vec2(0.0, 2.0));
    let response = ui.interact(edge, ui.scope_id().with(("edge", row)), Sense::drag());
    if response.hovered() || response.dragged() {
        ui.ctx().set_cursor_icon(CursorIcon::ResizeVertical);
    }
    if response.dragged() {
        session.resize(row, response.drag_delta().y);
    }
}

fn decoder(session: &Session, ui: &Ui, theme: &Theme, plot: Plot, index: usize, rect: Rect) {
    let decoding = &session.decoders.all[index];
    let gutter = Rect::from_min_max(rect.min, pos2(plot.left, rect.bottom()));
    let right = Rect::from_min_max(pos2(plot.left, rect.top()), rect.max);
    let response = ui.interact(gutter, ui.scope_id().with(("decoder", index)), Sense::hover());
    let title = decoding.setting.title();
    let read: Vec<&str> = decoding
        .decoded
        .annotations
        .iter()
        .map(|it| it.text.as_str())
        .take(100)
        .collect();
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::ListItem, true, &title);
        info.current_text_value = Some(read.join(" "));
        info
    });
    paint::decoder_name(ui, theme, gutter, decoding.setting.protocol.name());
    let offset_ns = session.sources[decoding.source].offset_ns;
    paint::annotations(ui, theme, right, &decoding.decoded, |at_ns| {
        plot.x(session, at_ns as f64 + offset_ns)
    });
    ui.painter()
        .hline(rect.x_range(), rect.bottom() - 0.5, (1.0, theme.line));
}

/// What lies over all lanes: the cursors, the range between them, the pointer's line.
fn overlay(session: &Session, ui: &Ui, theme: &Theme, plot: Plot, all: Rect) {
    let painter = ui.painter_at(all);
    let clip = Rect::from_x_y_ranges(plot.left..=plot.left + plot.width, all.y_range());
    let painter = painter.with_clip_rect(clip);
    if let Some((from_ns, until_ns)) = session.cursors.range() {
        let range = Rect::from_x_y_ranges(plot.x(session, from_ns)..=plot.x(session, until_ns), all.y_range());
        painter.rect_filled(range, 0.0, theme.accent.gamma_multiply(0.10));
    }
    shots(session, &painter, theme, plot, all);
    bookmarks(session, &painter, theme, plot, all);
    for (name, at_ns) in [("A", session.cursors.a), ("B", session.cursors.b)] {
        let Some(at_ns) = at_ns else { continue };
        let x = painter.round_to_pixel_center(plot.x(session, at_ns));
        painter.vline(x, all.y_range(), (1.0, theme.accent));
        let flag = Rect::from_min_size(pos2(x, all.top()), vec2(15.0, 15.0));
        painter.rect_filled(flag, 2.0, theme.accent_solid);
        let font = FontId::proportional(11.0);
        painter.text(flag.center(), Align2::CENTER_CENTER, name, font, theme.on_accent);
    }
    if let Some(at_ns) = session.pointer_ns {
        let x = painter.round_to_pixel_center(plot.x(session, at_ns));
        painter.vline(x, all.y_range(), (1.0, theme.line_strong));
    }
}

/// A mark on the axis for each shot; those that fall on one point are one mark.
fn shots(session: &Session, painter: &Painter, theme: &Theme, plot: Plot, all: Rect) {
    let Some(search) = &session.search else { return };
    let offset_ns = session.sources[search.source].offset_ns;
    let range = session.axis.range(offset_ns);
    let first = search.shots.partition_point(|shot| *shot < range.from_ns);
    let mut last_x = f32::NEG_INFINITY;
    for shot in search.shots[first..].iter().take_while(|shot| **shot <= range.until_ns) {
        let x = painter.round_to_pixel_center(plot.x(session, *shot as f64 + offset_ns));
        if x - last_x < 1.0 {
            continue;
        }
        last_x = x;
        painter.vline(x, all.top()..=all.top() + AXIS_HEIGHT, (1.5, theme.warn));
    }
}

/// A flag on the axis for each bookmark, with its note while there is room.
fn bookmarks(session: &Session, painter: &Painter, theme: &Theme, plot: Plot, all: Rect) {
    for source in &session.sources {
        for bookmark in &source.bookmarks {
            let x = painter.round_to_pixel_center(plot.x(session, bookmark.at_ns as f64 + source.offset_ns));
            if x < plot.left - 1.0 || x > plot.left + plot.width {
                continue;
            }
            painter.vline(x, all.y_range(), (1.0, theme.running.gamma_multiply(0.7)));
            let mut job = LayoutJob::simple_singleline(bookmark.note.clone(), FontId::proportional(10.5), theme.ground);
            job.wrap = TextWrapping::truncate_at_width(110.0);
            let galley = painter.layout_job(job);
            let flag = Rect::from_min_size(pos2(x, all.top() + AXIS_HEIGHT), galley.size() + vec2(8.0, 2.0));
            painter.rect_filled(flag, 2.0, theme.running);
            painter.galley(flag.min + vec2(4.0, 1.0), galley, theme.ground);
        }
    }
}
