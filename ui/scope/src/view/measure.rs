//! The panel of measurements.

use crate::{
    session::{Panel, Session},
    theme::Theme,
    time,
};
use eframe::egui::{self, Frame, Grid, Margin, RichText, ScrollArea, Ui, vec2};

pub(super) fn show(session: &mut Session, ui: &mut Ui, theme: &Theme) {
    if session.panel != Some(Panel::Measure) {
        return;
    }
    side(ui, theme, "Measurements", |ui| {
        let (from_ns, until_ns) = session.measured();
        let what = match session.cursors.range() {
            Some(_) => "Between A and B",
            None => "In the window (click and Shift + click put cursors)",
        };
        ui.label(RichText::new(what).color(theme.text_2));
        ui.label(RichText::new(time::duration(session.passed_ns(from_ns, until_ns))).monospace());
        for row in (0..session.rows.len()).filter(|row| !session.rows[*row].is_hidden) {
            let measured = session.measure(row);
            ui.separator();
            ui.label(RichText::new(&session.rows[row].name).color(theme.plot(row)));
            if measured.is_empty() {
                ui.label(RichText::new("nothing known").color(theme.text_3));
            }
            Grid::new(("measured", row))
                .num_columns(2)
                .spacing(vec2(16.0, 2.0))
                .show(ui, |ui| {
                    for (name, value) in measured {
                        ui.label(RichText::new(name).color(theme.text_2));
                        ui.label(RichText::new(value).monospace());
                        ui.end_row();
                    }
                });
        }
    });
}

/// A panel at the right with a heading.
pub(super) fn side(ui: &mut Ui, theme: &Theme, heading: &str, content: impl FnOnce(&mut Ui)) {
    let frame = Frame::NONE.fill(theme.surface).inner_margin(Margin::same(10));
    egui::Panel::right("side")
        .frame(frame)
        .default_size(290.0)
        .size_range(240.0..=520.0)
        .show(ui, |ui| {
            ui.heading(heading);
            ScrollArea::vertical().auto_shrink(false).show(ui, content);
        });
}
