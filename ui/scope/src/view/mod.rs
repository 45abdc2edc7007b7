//! The window: draws a [`Session`] and turns keys and the pointer into its commands. It holds nothing that a session
//! should remember.

mod chrome;
mod decoders;
mod find;
mod help;
mod keys;
mod lanes;
mod lists;
mod measure;
mod paint;
mod trigger;

pub use keys::KEYS;

use crate::{session::Session, store::ThemeChoice, theme::Theme};
use eframe::egui::{self, CentralPanel, Frame, ThemePreference};

/// How often a recording is looked at that did not grow lately, and one that did.
const IDLE_MS: u64 = 250;
const LIVE_MS: u64 = 33;

/// The window's program.
#[derive(Debug)]
pub struct Window {
    /// What it shows.
    pub session: Session,
}

impl eframe::App for Window {
    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        show(&mut self.session, ui);
        let is_busy = self.session.is_live() || self.session.is_searching();
        let ms = if is_busy { LIVE_MS } else { IDLE_MS };
        ui.ctx().request_repaint_after(std::time::Duration::from_millis(ms));
    }
}

/// Draws a frame.
pub fn show(session: &mut Session, ui: &mut egui::Ui) {
    session.refresh(ui.input(|input| input.time));
    ui.ctx().set_theme(match session.theme {
        ThemeChoice::System => ThemePreference::System,
        ThemeChoice::Dark => ThemePreference::Dark,
        ThemeChoice::Light => ThemePreference::Light,
    });
    let theme = Theme::new(ui.visuals().dark_mode);
    chrome::toolbar(session, ui, &theme);
    find::show(session, ui, &theme);
    chrome::problems(session, ui, &theme);
    chrome::status(session, ui, &theme);
    measure::show(session, ui, &theme);
    trigger::show(session, ui, &theme);
    decoders::show(session, ui, &theme);
    lists::lanes(session, ui, &theme);
    lists::bookmarks(session, ui, &theme);
    lists::export(session, ui, &theme);
    CentralPanel::default_margins()
        .frame(Frame::NONE.fill(theme.ground))
        .show(ui, |ui| lanes::show(session, ui, &theme));
    // After the lanes: a key acts at the pointer of this frame.
    keys::take(session, ui);
    help::show(session, ui, &theme);
    // A layout is saved when the hand rests, not while it drags.
    if !ui.input(|input| input.pointer.any_down()) {
        session.save_layout();
    }
}
