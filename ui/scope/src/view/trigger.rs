//! The panel of the trigger.

use super::measure::side;
use crate::{
    session::{Command, Panel, Session},
    theme::Theme,
    trigger::{Armed, TriggerKind, TriggerSetting},
};
use drydock_scope_model::LaneKind;
use eframe::egui::{Button, ComboBox, Grid, RichText, Slider, TextEdit, Ui};

pub(super) fn show(session: &mut Session, ui: &mut Ui, theme: &Theme) {
    if session.panel != Some(Panel::Trigger) {
        return;
    }
    side(ui, theme, "Trigger", |ui| {
        let lanes: Vec<String> = session
            .rows
            .iter()
            .filter(|row| match session.trigger.kind {
                TriggerKind::Threshold => row.kind == LaneKind::Number,
                _ => row.kind == LaneKind::Digital,
            })
            .map(|row| row.name.clone())
            .collect();
        Grid::new("trigger")
            .num_columns(2)
            .show(ui, |ui| fields(&mut session.trigger, ui, &lanes));
        ui.add_space(6.0);
        ui.horizontal(|ui| {
            for (text, hint, armed) in [
                ("Search", "Mark every shot in the recording", Armed::No),
                ("Single", "Show the first shot that comes, and stop (S)", Armed::Single),
                ("Run", "Show each shot that comes (R)", Armed::Each),
            ] {
                let is_on = session.armed == armed && armed != Armed::No && session.search.is_some();
                if ui
                    .add(Button::selectable(is_on, text).frame(true))
                    .on_hover_text(hint)
                    .clicked()
                {
                    session.apply(&Command::Arm(armed));
                }
            }
            if ui
                .button("Stop")
                .on_hover_text("End the search and take its marks away")
                .clicked()
            {
                session.disarm();
            }
        });
        ui.horizontal(|ui| {
            if ui.button("Previous shot").on_hover_text("[").clicked() {
                session.apply(&Command::PreviousShot);
            }
            if ui.button("Next shot").on_hover_text("]").clicked() {
                session.apply(&Command::NextShot);
            }
        });
        if let Some(state) = session.search_state() {
            ui.label(RichText::new(state).color(theme.text_2));
        }
        if let Some(damage) = session.search.as_ref().and_then(|search| search.damage.as_ref()) {
            ui.label(RichText::new(damage).color(theme.bad));
        }
    });
}

fn fields(setting: &mut TriggerSetting, ui: &mut Ui, lanes: &[String]) {
    let kind_name = |kind: TriggerKind| {
        let found = TriggerKind::ALL.iter().find(|(it, _)| *it == kind);
        found.map_or("", |(_, name)| name)
    };
    let label = ui.label("When").id;
    let shown = ComboBox::from_id_salt("trigger kind").selected_text(kind_name(setting.kind));
    let choice = shown.show_ui(ui, |ui| {
        for (kind, name) in TriggerKind::ALL {
            ui.selectable_value(&mut setting.kind, kind, name);
        }
    });
    choice.response.labelled_by(label);
    ui.end_row();
    lane_choice(ui, "Lane", "trigger lane", &mut setting.lane, lanes);
    match setting.kind {
        TriggerKind::Edge => {
            ui.label("Edge");
            ui.horizontal(|ui| {
                for (name, is_either, is_high) in [
                    ("rising", false, true),
                    ("falling", false, false),
                    ("either", true, setting.is_high),
                ] {
                    let is_on = setting.is_either == is_either && (is_either || setting.is_high == is_high);
                    if ui.selectable_label(is_on, name).clicked() {
                        (setting.is_either, setting.is_high) = (is_either, is_high);
                    }
                }
            });
            ui.end_row();
        }
        TriggerKind::Level => either(ui, "Level", &mut setting.is_high, "high", "low"),
        TriggerKind::Pulse => {
            either(ui, "Pulse", &mut setting.is_high, "high", "low");
            field(ui, "At least", &mut setting.at_least, "600 ns");
            field(ui, "At most", &mut setting.at_most, "1.5 ms");
        }
        TriggerKind::Pattern => field(ui, "Levels", &mut setting.pattern, "D2=1 D3=0"),
        TriggerKind::UartText => {
            field(ui, "Text", &mut setting.text, "PANIC\\r\\n");
            field(ui, "Baud", &mut setting.baud, "115200");
        }
        TriggerKind::Threshold => {
            either(ui, "Passes", &mut setting.is_high, "upwards", "downwards");
            field(ui, "Number", &mut setting.threshold, "3.3");
        }
    }
    let label = ui.label("Shown at").id;
    let percent = Slider::new(&mut setting.before, 0.0..=0.95)
        .custom_formatter(|value, _| format!("{:.0} %", value * 100.0))
        .custom_parser(|text| Some(text.trim_end_matches(['%', ' ']).parse::<f64>().ok()? / 100.0));
    ui.add(percent)
        .labelled_by(label)
        .on_hover_text("The share of the window before the shot");
    ui.end_row();
}

fn either(ui: &mut Ui, name: &str, value: &mut bool, yes: &str, no: &str) {
    ui.label(name);
    ui.horizontal(|ui| {
        ui.selectable_value(value, true, yes);
        ui.selectable_value(value, false, no);
    });
    ui.end_row();
}

/// A named text field with an example in it.
pub(super) fn field(ui: &mut Ui, name: &str, value: &mut String, example: &str) {
    let label = ui.label(name).id;
    ui.add(TextEdit::singleline(value).hint_text(example).desired_width(150.0))
        .labelled_by(label);
    ui.end_row();
}

/// A named choice of a lane.
pub(super) fn lane_choice(ui: &mut Ui, name: &str, id: &str, value: &mut String, lanes: &[String]) {
    let label = ui.label(name).id;
    let shown = if value.is_empty() { "–" } else { value.as_str() }.to_owned();
    let choice = ComboBox::from_id_salt(id)
        .selected_text(shown)
        .width(150.0)
        .truncate()
        .show_ui(ui, |ui| {
            for lane in lanes {
                ui.selectable_value(value, lane.clone(), lane);
            }
        });
    choice.response.labelled_by(label);
    ui.end_row();
}
