//! What is around the lanes: buttons, what is wrong, and the line at the bottom.

use crate::{
    session::{Command, Panel as Side, Session},
    theme::Theme,
    time,
};
use eframe::egui::{Align, Button, Frame, Layout, Margin, Panel, RichText, Ui};

pub(super) fn toolbar(session: &mut Session, ui: &mut Ui, theme: &Theme) {
    let frame = Frame::NONE.fill(theme.surface).inner_margin(Margin::symmetric(10, 6));
    Panel::top("toolbar").frame(frame).show(ui, |ui| {
        ui.horizontal(|ui| {
            for (text, hint, command) in [
                ("Fit", "Show everything (F)", Command::Fit),
                ("−", "Zoom out (-)", Command::ZoomOut),
                ("+", "Zoom in (+)", Command::ZoomIn),
            ] {
                if ui.button(text).on_hover_text(hint).clicked() {
                    session.apply(&command);
                }
            }
            let follow = Button::selectable(session.is_following, "Follow");
            if ui
                .add(follow)
                .on_hover_text("Keep the newest instant in the window (Space)")
                .clicked()
            {
                session.apply(&Command::ToggleFollow);
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if ui.button("?").on_hover_text("Show all keys (?)").clicked() {
                    session.apply(&Command::ToggleHelp);
                }
                for (text, hint, side) in [
                    ("Export", "Files for other tools (E)", Side::Export),
                    ("Lanes", "Which lanes are shown, and the theme (L)", Side::Lanes),
                    ("Bookmarks", "Places with notes (O)", Side::Bookmarks),
                    ("Trigger", "Find an edge, a pulse, a text (T)", Side::Trigger),
                    ("Decoders", "Read UART, I2C and others (D)", Side::Decoders),
                    ("Measure", "Measurements (M)", Side::Measure),
                ] {
                    let button = Button::selectable(session.panel == Some(side), text);
                    if ui.add(button).on_hover_text(hint).clicked() {
                        session.apply(&Command::Toggle(side));
                    }
                }
                if ui
                    .button("Find")
                    .on_hover_text("Find a text in the lanes (Ctrl + F)")
                    .clicked()
                {
                    session.apply(&Command::Find);
                }
                if session.is_live() {
                    ui.label(RichText::new("recording").color(theme.running));
                }
            });
        });
    });
}

/// A bar for each thing that is wrong.
pub(super) fn problems(session: &Session, ui: &mut Ui, theme: &Theme) {
    for (index, problem) in session.problems().into_iter().enumerate() {
        let frame = Frame::NONE
            .fill(theme.bad_ground)
            .inner_margin(Margin::symmetric(10, 5));
        Panel::top(("problem", index)).frame(frame).show(ui, |ui| {
            ui.label(RichText::new(problem).color(theme.bad));
        });
    }
}

pub(super) fn status(session: &Session, ui: &mut Ui, theme: &Theme) {
    let frame = Frame::NONE.fill(theme.surface).inner_margin(Margin::symmetric(10, 4));
    Panel::bottom("status").frame(frame).show(ui, |ui| {
        ui.horizontal(|ui| {
            let pointer = session.pointer_ns.map_or("–".into(), |at_ns| session.instant(at_ns));
            ui.label(RichText::new(format!("Pointer {pointer}")).monospace());
            if let Some(cursors) = session.readout() {
                ui.separator();
                ui.label(RichText::new(cursors).monospace().color(theme.accent));
            }
            if let Some(state) = session.search_state() {
                ui.separator();
                ui.label(RichText::new(format!("Trigger: {state}")).color(theme.text_2));
            }
            if !session.message.is_empty() {
                ui.separator();
                ui.label(RichText::new(&session.message).color(theme.warn));
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let text = format!(
                    "Window {} · Recorded {}",
                    time::duration(session.passed_ns(session.axis.from_ns, session.axis.until_ns())),
                    time::duration(session.passed_ns(0.0, session.until_ns()))
                );
                ui.label(RichText::new(text).monospace().color(theme.text_2));
            });
        });
    });
}
