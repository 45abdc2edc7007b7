//! The panel of the decoders.

use super::{
    measure::side,
    trigger::{field, lane_choice},
};
use crate::{
    decoding::{DecoderSetting, Protocol},
    session::{Panel, Session},
    theme::Theme,
};
use drydock_scope_model::LaneKind;
use eframe::egui::{ComboBox, Grid, RichText, Ui};

pub(super) fn show(session: &mut Session, ui: &mut Ui, theme: &Theme) {
    if session.panel != Some(Panel::Decoders) {
        return;
    }
    side(ui, theme, "Decoders", |ui| {
        let lanes: Vec<String> = session
            .rows
            .iter()
            .filter(|row| row.kind == LaneKind::Digital)
            .map(|row| row.name.clone())
            .collect();
        let setting = &mut session.new_decoder;
        Grid::new("decoder")
            .num_columns(2)
            .show(ui, |ui| fields(setting, ui, &lanes));
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

fn fields(setting: &mut DecoderSetting, ui: &mut Ui, lanes: &[String]) {
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
    if setting.protocol.has_baud() {
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
