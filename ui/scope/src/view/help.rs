//! The list of keys.

use super::keys::KEYS;
use crate::{
    session::{Command, Session},
    theme::Theme,
};
use eframe::egui::{Align2, Grid, RichText, ScrollArea, Ui, Window, vec2};

const POINTER: &[(&str, &str)] = &[
    ("Drag", "Move through time"),
    ("Click, Shift + click", "Put cursor A, cursor B; near an edge onto it"),
    ("Shift + drag", "Put both cursors around a range"),
    ("Drag a cursor", "Move it"),
    ("Wheel, pinch", "Zoom at the pointer"),
    ("Shift + wheel", "Move through time"),
    ("Wheel on the names", "Scroll through the lanes"),
];

pub(super) fn show(session: &mut Session, ui: &mut Ui, theme: &Theme) {
    if !session.is_help_open {
        return;
    }
    let mut is_open = true;
    let height = ui.ctx().content_rect().height() - 120.0;
    Window::new("Keys")
        .open(&mut is_open)
        .collapsible(false)
        .resizable(false)
        .default_height(height)
        .anchor(Align2::CENTER_CENTER, vec2(0.0, 0.0))
        .show(ui.ctx(), |ui| {
            ScrollArea::vertical().max_height(height).show(ui, |ui| {
                Grid::new("keys")
                    .num_columns(2)
                    .spacing(vec2(24.0, 4.0))
                    .show(ui, |ui| {
                        for (shown, does) in rows() {
                            ui.label(RichText::new(shown).monospace().color(theme.accent));
                            ui.label(does);
                            ui.end_row();
                        }
                    });
            });
        });
    if !is_open {
        session.apply(&Command::ToggleHelp);
    }
}

fn rows() -> Vec<(String, &'static str)> {
    let mut rows: Vec<(String, &'static str)> = Vec::new();
    for key in KEYS {
        match rows.last_mut() {
            Some((shown, _)) if key.does.is_empty() => *shown += &format!(", {}", key.shown),
            _ => rows.push((key.shown.into(), key.does)),
        }
    }
    rows.extend(POINTER.iter().map(|(shown, does)| ((*shown).to_owned(), *does)));
    rows
}
