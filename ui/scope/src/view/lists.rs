//! The panels of the lanes, of the bookmarks, and of the export.

use super::{measure::side, trigger::field};
use crate::{
    session::{Command, Panel, Session},
    source::Source,
    store::{Bookmark, ThemeChoice},
    theme::Theme,
    time,
};
use eframe::egui::{Grid, RichText, TextEdit, Ui};

pub(super) fn lanes(session: &mut Session, ui: &mut Ui, theme: &Theme) {
    if session.panel != Some(Panel::Lanes) {
        return;
    }
    side(ui, theme, "Lanes", |ui| {
        ui.label("Theme");
        ui.horizontal(|ui| {
            for (choice, name) in [
                (ThemeChoice::System, "System"),
                (ThemeChoice::Dark, "Dark"),
                (ThemeChoice::Light, "Light"),
            ] {
                ui.selectable_value(&mut session.theme, choice, name);
            }
        });
        let clocks = session.clocks();
        if !clocks.is_empty() {
            ui.label("Times")
                .on_hover_text("The virtual time of a board, or the host's (C)");
            ui.horizontal_wrapped(|ui| {
                let boards = clocks.into_iter().map(Some);
                for choice in [None].into_iter().chain(boards) {
                    let name = choice
                        .as_ref()
                        .map_or("Host".into(), |board| format!("Virtual time of {board}"));
                    if ui.selectable_label(session.times_of == choice, name).clicked() {
                        session.set_times_of(choice);
                    }
                }
            });
        }
        ui.separator();
        for row in 0..session.rows.len() {
            let mut is_shown = !session.rows[row].is_hidden;
            let name = session.rows[row].name.clone();
            if ui.checkbox(&mut is_shown, format!("Show {name}")).changed() {
                session.hide(row, !is_shown);
            }
        }
    });
}

pub(super) fn bookmarks(session: &mut Session, ui: &mut Ui, theme: &Theme) {
    if session.panel != Some(Panel::Bookmarks) {
        return;
    }
    side(ui, theme, "Bookmarks", |ui| {
        if ui
            .button("Add bookmark")
            .on_hover_text("At cursor A, or at the pointer (K)")
            .clicked()
        {
            session.apply(&Command::AddBookmark);
        }
        if session.sources.iter().all(|source| source.bookmarks.is_empty()) {
            ui.label(RichText::new("Bookmarks are kept in a file beside the recording.").color(theme.text_2));
        }
        let (mut changed, mut removed, mut shown) = (None, None, None);
        let instants: Vec<Vec<String>> = session
            .sources
            .iter()
            .map(|source| instants_of(session, source))
            .collect();
        for (source_index, source) in session.sources.iter_mut().enumerate() {
            if source.bookmarks.is_empty() {
                continue;
            }
            ui.separator();
            ui.label(RichText::new(source.name()).color(theme.text_2));
            for (index, bookmark) in source.bookmarks.iter_mut().enumerate() {
                let at_ns = bookmark.at_ns as f64 + source.offset_ns;
                ui.horizontal(|ui| {
                    if ui.button("Show").clicked() {
                        shown = Some(at_ns);
                    }
                    if ui.button("Remove").clicked() {
                        removed = Some((source_index, index));
                    }
                    ui.label(
                        RichText::new(&instants[source_index][index])
                            .monospace()
                            .color(theme.text_2),
                    );
                });
                let note = TextEdit::singleline(&mut bookmark.note)
                    .char_limit(2_000)
                    .desired_width(f32::INFINITY);
                let response = ui.add(note);
                if response.lost_focus() {
                    changed = Some(source_index);
                }
            }
        }
        if let Some(at_ns) = shown {
            session.is_following = false;
            session.axis = session.axis.with_at(at_ns, 0.5);
        }
        if let Some((source, index)) = removed {
            session.remove_bookmark(source, index);
        } else if let Some(source) = changed {
            session.save_bookmarks(source);
        }
    });
}

fn instants_of(session: &Session, source: &Source) -> Vec<String> {
    let of = |bookmark: &Bookmark| session.instant(bookmark.at_ns as f64 + source.offset_ns);
    source.bookmarks.iter().map(of).collect()
}

pub(super) fn export(session: &mut Session, ui: &mut Ui, theme: &Theme) {
    if session.panel != Some(Panel::Export) {
        return;
    }
    side(ui, theme, "Export", |ui| {
        let (from_ns, until_ns) = session.measured();
        let what = match session.cursors.range() {
            Some(_) => "between A and B",
            None => "in the window",
        };
        let text = format!("The shown lanes {what}: {}", time::duration(until_ns - from_ns));
        ui.label(RichText::new(text).color(theme.text_2));
        Grid::new("export").num_columns(2).show(ui, |ui| {
            field(ui, "File", &mut session.export.path, "signals.vcd");
            field(ui, "Rate for .sr", &mut session.export.rate, "1 MHz");
        });
        ui.label(RichText::new(".vcd for GTKWave, .csv for spreadsheets, .sr for PulseView").color(theme.text_2));
        ui.add_enabled_ui(!session.export.is_running(), |ui| {
            if ui.button("Write file").clicked() {
                session.export();
            }
        });
        if session.export.is_running() {
            ui.label("Writing…");
        }
    });
}
