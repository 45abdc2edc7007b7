//! The field of a text to look for, below the buttons.

use crate::{
    find::MAX_LETTERS,
    session::{Command, Session},
    theme::Theme,
};
use eframe::egui::{Frame, Key, Margin, Panel, RichText, TextEdit, Ui};

pub(super) fn show(session: &mut Session, ui: &mut Ui, theme: &Theme) {
    if !session.find.is_open {
        return;
    }
    let frame = Frame::NONE.fill(theme.raised).inner_margin(Margin::symmetric(10, 4));
    Panel::top("find").frame(frame).show(ui, |ui| {
        ui.horizontal(|ui| {
            let label = ui.label("Find").id;
            let mut text = session.find.text.clone();
            let field = TextEdit::singleline(&mut text)
                .hint_text("text in consoles, events, UARTs, buses")
                .char_limit(MAX_LETTERS)
                .desired_width(280.0);
            let field = ui.add(field).labelled_by(label);
            if session.find.wants_focus {
                session.find.wants_focus = false;
                field.request_focus();
            }
            // A text that was there before is looked for again when the field opens.
            if field.changed() || session.find.parts.is_empty() && !text.is_empty() {
                session.find_text(&text);
            }
            if field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
                let is_back = ui.input(|input| input.modifiers.shift);
                session.apply(if is_back {
                    &Command::PreviousMatch
                } else {
                    &Command::NextMatch
                });
                field.request_focus();
            } else if field.lost_focus() && ui.input(|input| input.key_pressed(Key::Escape)) {
                session.close_find();
                return;
            }
            for (name, hint, command) in [
                ("Previous match", "Shift + F3, Shift + Enter", Command::PreviousMatch),
                ("Next match", "F3, Enter", Command::NextMatch),
            ] {
                if ui.button(name).on_hover_text(hint).clicked() {
                    session.apply(&command);
                }
            }
            if ui.button("Close").on_hover_text("End the search (Escape)").clicked() {
                session.close_find();
                return;
            }
            if let Some(state) = session.find_state() {
                ui.label(RichText::new(state).color(theme.text_2));
            }
            for damage in session.find.parts.iter().filter_map(|part| part.damage.as_ref()) {
                ui.label(RichText::new(damage).color(theme.bad));
            }
        });
    });
}
