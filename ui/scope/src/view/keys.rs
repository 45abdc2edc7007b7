//! Keys: one table, which the window obeys and the list of keys shows.

use crate::{
    measure::Cursor,
    session::{Command, Panel, Session},
    trigger::Armed,
};
use eframe::egui::{Key, Modifiers, Ui};

/// A key and what it does.
#[derive(Debug)]
pub struct KeyOf {
    /// Held with it.
    pub modifiers: Modifiers,
    /// The key.
    pub key: Key,
    /// As the list of keys writes it.
    pub shown: &'static str,
    /// What it does, as a phrase.
    pub does: &'static str,
    /// The command.
    pub command: Command,
}

const fn key(key: Key, shown: &'static str, does: &'static str, command: Command) -> KeyOf {
    KeyOf {
        modifiers: Modifiers::NONE,
        key,
        shown,
        does,
        command,
    }
}

/// All keys. Where a row has an empty `does`, it is another key for the row before.
pub const KEYS: &[KeyOf] = &[
    key(Key::ArrowLeft, "Left", "Move to earlier instants", Command::Earlier),
    key(Key::ArrowRight, "Right", "Move to later instants", Command::Later),
    key(Key::Plus, "+", "Zoom in at the pointer", Command::ZoomIn),
    key(Key::Equals, "=", "", Command::ZoomIn),
    key(Key::Minus, "-", "Zoom out", Command::ZoomOut),
    key(Key::F, "F", "Fit everything", Command::Fit),
    key(Key::Home, "Home", "Go to the beginning", Command::ToBegin),
    key(Key::End, "End", "Go to the end", Command::ToEnd),
    key(
        Key::Space,
        "Space",
        "Follow the newest instant, or stop",
        Command::ToggleFollow,
    ),
    key(Key::A, "A", "Put cursor A at the pointer", Command::Place(Cursor::A)),
    key(Key::B, "B", "Put cursor B at the pointer", Command::Place(Cursor::B)),
    key(Key::X, "X", "Take both cursors away", Command::ClearCursors),
    key(Key::ArrowUp, "Up", "Select the lane above", Command::SelectAbove),
    key(Key::ArrowDown, "Down", "Select the lane below", Command::SelectBelow),
    key(Key::N, "N", "Cursor A to the next edge of the lane", Command::NextEntry),
    key(Key::P, "P", "Cursor A to the edge before", Command::PreviousEntry),
    key(
        Key::C,
        "C",
        "Times of the next board, or of the host",
        Command::NextClock,
    ),
    // A key with Shift stands before the same one without: that would take it too.
    KeyOf {
        modifiers: Modifiers::COMMAND,
        key: Key::F,
        shown: "Ctrl + F",
        does: "Find a text in the lanes",
        command: Command::Find,
    },
    KeyOf {
        modifiers: Modifiers::SHIFT,
        key: Key::F3,
        shown: "Shift + F3",
        does: "Match before",
        command: Command::PreviousMatch,
    },
    key(Key::F3, "F3", "Next match", Command::NextMatch),
    key(Key::M, "M", "Measurements", Command::Toggle(Panel::Measure)),
    key(Key::T, "T", "Trigger", Command::Toggle(Panel::Trigger)),
    key(Key::D, "D", "Decoders", Command::Toggle(Panel::Decoders)),
    key(Key::S, "S", "Wait for one shot", Command::Arm(Armed::Single)),
    key(Key::R, "R", "Show each shot that comes", Command::Arm(Armed::Each)),
    key(Key::CloseBracket, "]", "Next shot", Command::NextShot),
    key(Key::OpenBracket, "[", "Shot before", Command::PreviousShot),
    key(
        Key::K,
        "K",
        "Put a bookmark at cursor A or the pointer",
        Command::AddBookmark,
    ),
    key(Key::J, "J", "Next bookmark", Command::NextBookmark),
    key(Key::H, "H", "Bookmark before", Command::PreviousBookmark),
    key(Key::O, "O", "Bookmarks", Command::Toggle(Panel::Bookmarks)),
    key(Key::L, "L", "Lanes and theme", Command::Toggle(Panel::Lanes)),
    key(Key::E, "E", "Export", Command::Toggle(Panel::Export)),
    key(Key::U, "U", "Move the lane up", Command::MoveUp),
    key(Key::I, "I", "Move the lane down", Command::MoveDown),
    key(Key::Period, ".", "Make the lane taller", Command::Taller),
    key(Key::Comma, ",", "Make the lane lower", Command::Lower),
    key(Key::V, "V", "Hide the lane", Command::Hide),
    key(Key::Questionmark, "?", "Show or hide this list", Command::ToggleHelp),
];

/// Carries out what was pressed. While a text field has the keys, those that write nothing into it still count.
pub(super) fn take(session: &mut Session, ui: &mut Ui) {
    let is_writing = ui.ctx().text_edit_focused();
    let is_focused = ui.memory(|memory| memory.focused().is_some());
    for it in KEYS {
        // A focused button has its own use for these.
        if is_focused && matches!(it.key, Key::Space | Key::Enter) || is_writing && !writes_nothing(it) {
            continue;
        }
        // Which signs need Shift depends on the keyboard.
        let is_pressed = ui.input_mut(|input| {
            input.consume_key(it.modifiers, it.key) || (is_sign(it.key) && input.consume_key(Modifiers::SHIFT, it.key))
        });
        if is_pressed {
            session.apply(&it.command);
            ui.ctx().request_repaint();
        }
    }
    if is_writing || !(session.is_help_open || session.find.is_open) {
        return;
    }
    if ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape)) {
        match session.is_help_open {
            true => session.apply(&Command::ToggleHelp),
            false => session.close_find(),
        }
    }
}

fn writes_nothing(it: &KeyOf) -> bool {
    it.key == Key::F3 || it.modifiers == Modifiers::COMMAND
}

fn is_sign(key: Key) -> bool {
    matches!(key, Key::Plus | Key::Minus | Key::Equals | Key::Questionmark)
}
