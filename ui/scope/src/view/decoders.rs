//! The panel of the decoders.

use super::{
    measure::side,
    trigger::{field, lane_choice},
};
use crate::{
    decoding::{DecoderSetting, Protocol},
    session::{Panel, Row, Session},
    theme::Theme,
};
use drydock_scope_model::LaneKind;
use eframe::egui::{ComboBox, Grid, RichText, Ui};

pub(super) fn show(session: &mut Session, ui: &mut Ui, theme: &Theme) {
    if session.panel != Some(Panel::Decoders) {
        return;
    }
    side(ui, theme, "Decoders", |ui| {
        let protocol = session.new_decoder.protocol;
        let lane_of = |row: &Row| session.sources[row.source].recording.lane(row.lane);
        let is_read = |row: &&Row| lane_of(row).is_some_and(|lane| protocol.reads(lane));
        let lanes: Vec<String> = session
            .rows
            .iter()
            .filter(is_read)
            .map(|row| row.name.clone())
            .collect();
        let first = session.new_decoder.lanes.first();
        let first = session.rows.iter().find(|row| Some(&row.name) == first);
        let has_baud = protocol.has_baud() && first.is_none_or(|row| row.kind != LaneKind::Text);
        let setting = &mut session.new_decoder;
        Grid::new("decoder")
            .num_columns(2)
            .show(ui, |ui| fields(setting, ui, &lanes, has_baud));
        if ui.button("Add decoder").clicked() {
            session.add_decoder(session.new_decoder.clone());
        }
        ui.separator();
        if session.decoders.all.is_empty() {
            ui.label(RichText::new("A decoder's text stands in a lane of its own.").color(theme.text_2));
        }
        let mut removed = None;
        for (index, decoding) in session.decoders.all.iter().enumerate() {
            ui.horizontal(|ui| {
                let title = decoding.setting.title();
                if ui.button("Remove").on_hover_text(format!("Remove {title}")).clicked() {
                    removed = Some(index);
                }
                ui.label(title);
            });
        }
        if let Some(index) = removed {
            session.remove_decoder(index);
        }
    });
}

fn fields(setting: &mut DecoderSetting, ui: &mut Ui, lanes: &[String], has_baud: bool) {
    let label = ui.label("Protocol").id;
    let shown = ComboBox::from_id_salt("protocol").selected_text(setting.protocol.name());
    let choice = shown.show_ui(ui, |ui| {
        for (protocol, name) in Protocol::ALL {
            ui.selectable_value(&mut setting.protocol, protocol, name);
        }
    });
    choice.response.labelled_by(label);
    ui.end_row();
    setting.lanes.resize(4, String::new());
    for (index, line) in setting.protocol.lines().iter().enumerate() {
        let mut choices = lanes.to_vec();
        if line.ends_with('?') {
            choices.insert(0, String::new());
        }
        let name = line.trim_end_matches('?');
        lane_choice(ui, name, &format!("line {index}"), &mut setting.lanes[index], &choices);
    }
    if has_baud {
        field(ui, "Baud", &mut setting.baud, "115200");
    }
    if setting.protocol == Protocol::Spi {
        ui.label("Mode");
        ui.horizontal(|ui| {
            for mode in 0..4 {
                ui.selectable_value(&mut setting.mode, mode, mode.to_string());
            }
        });
        ui.end_row();
    }
}
