//! A text is found in the lanes of texts: by the field, by keys, with marks, and while the recording grows.

use crate::support::{Board, harness};
use drydock_scope::{axis::Axis, session::Session};
use eframe::egui::{Key, Modifiers};
use egui_kittest::{Harness, kittest::Queryable};

/// Draws frames until something is so.
fn until(harness: &mut Harness<'_, Session>, is: impl Fn(&Session) -> bool) {
    let begin = std::time::Instant::now();
    while !is(harness.state()) {
        assert!(begin.elapsed() < std::time::Duration::from_secs(60));
        harness.run_steps(1);
        std::thread::yield_now();
    }
    harness.run_steps(2);
}

/// Opens the field and writes a text into it.
fn find(harness: &mut Harness<'_, Session>, text: &str) {
    harness.key_press_modifiers(Modifiers::COMMAND, Key::F);
    harness.run_steps(3);
    for letter in text.chars().map(String::from) {
        // A keyboard tells the key and what it writes.
        if let Some(key) = Key::from_name(&letter.to_uppercase()) {
            harness.key_press(key);
        }
        harness
            .get_by_role_and_label(eframe::egui::accesskit::Role::TextInput, "Find")
            .type_text(&letter);
        harness.run_steps(1);
    }
    harness.run_steps(2);
    until(harness, |session| {
        !session.find.parts.is_empty() && !session.is_finding()
    });
}

/// Where cursor A is, in ms, and the name of the selected lane.
fn shown(harness: &Harness<'_, Session>) -> (f64, String) {
    let session = harness.state();
    let row = session.selected.map(|row| session.rows[row].title.clone());
    (session.cursors.a.unwrap_or(-1e6) / 1e6, row.unwrap_or_default())
}

#[test]
fn a_text_is_found_in_lines_and_across_pieces_of_a_uart() {
    let board = Board::new("Desk");
    let (path, ..) = board.with_texts();
    let mut harness = harness(&[path]);
    harness.run_steps(2);
    let all = harness.state().axis;
    find(&mut harness, "error");
    harness.get_by_label("3 matches");
    // The letters went into the field: neither E nor R nor O was taken as a key.
    assert_eq!(harness.state().panel, None);
    assert_eq!(harness.state().axis, all);
    let expected = [(20.0, "console"), (30.0, "uart0.tx"), (40.0, "console")];
    for (at_ms, lane) in expected {
        harness.key_press(Key::Enter);
        harness.run_steps(3);
        assert_eq!(shown(&harness), (at_ms, lane.to_owned()));
    }
    harness.key_press(Key::F3);
    harness.run_steps(2);
    harness.get_by_label("There is no match in that direction.");
    for (at_ms, lane) in [expected[1], expected[0]] {
        harness.key_press_modifiers(Modifiers::SHIFT, Key::F3);
        harness.run_steps(2);
        assert_eq!(shown(&harness), (at_ms, lane.to_owned()));
    }
    harness.key_press_modifiers(Modifiers::SHIFT, Key::Enter);
    harness.run_steps(2);
    harness.get_by_label("There is no match in that direction.");
    // From another part of the recording it goes on from there, and the window follows.
    harness.state_mut().axis = Axis::new(35e6, 1e6);
    harness.run_steps(2);
    harness.key_press(Key::F3);
    harness.run_steps(2);
    assert_eq!(shown(&harness), (40.0, "console".to_owned()));
    assert_eq!(harness.state().axis.x(40e6, 1.0), 0.5);
}

#[test]
fn matches_are_marks_in_their_lanes_and_go_with_the_field() {
    let board = Board::new("Desk");
    let (path, ..) = board.with_texts();
    let mut harness = harness(&[path]);
    harness.run_steps(2);
    find(&mut harness, "76");
    harness.get_by_label("2 matches");
    harness.state_mut().axis = Axis::new(0.0, 100e6);
    let marks = |session: &Session| -> Vec<(String, Vec<f32>)> {
        let rows = (0..session.rows.len()).map(|row| (session.rows[row].title.clone(), session.match_marks(row, 1e3)));
        rows.filter(|(_, marks)| !marks.is_empty()).collect()
    };
    let bus = "i2c P0.26 P0.27".to_owned();
    assert_eq!(marks(harness.state()), [(bus.clone(), vec![400.0, 600.0])]);
    // Two that fall on one point are one mark.
    harness.state_mut().axis = Axis::new(0.0, 100e9);
    assert_eq!(marks(harness.state()), [(bus.clone(), vec![0.4])]);
    // What nobody sees counts for nothing.
    let row = harness
        .state()
        .rows
        .iter()
        .position(|row| row.title == bus)
        .expect("a row");
    harness.state_mut().hide(row, true);
    harness.run_steps(2);
    harness.get_by_label("no match");
    harness.state_mut().hide(row, false);
    harness.key_press(Key::Escape);
    harness.run_steps(2);
    assert!(marks(harness.state()).is_empty() && harness.query_by_label("2 matches").is_none());
    // The text is there when the field opens again.
    harness.key_press_modifiers(Modifiers::COMMAND, Key::F);
    harness.run_steps(2);
    until(&mut harness, |session| !session.is_finding());
    harness.get_by_label("2 matches");
}

#[test]
fn what_is_recorded_meanwhile_is_searched_too() {
    let board = Board::new("Desk");
    let (path, mut writer, console) = board.with_texts();
    let mut harness = harness(&[path]);
    harness.run_steps(2);
    find(&mut harness, "watchdog");
    harness.get_by_label("no match");
    writer.text(console, 150_000_000, b"WATCHDOG reset").expect("in order");
    let late = drydock_scope_model::Lane::new("Desk/events", drydock_scope_model::LaneKind::Text);
    let late = writer.declare(&late).expect("a lane");
    writer
        .text(late, 151_000_000, b"{\"text\":\"watchdog\"}")
        .expect("in order");
    writer.flush(200_000_000).expect("a disk");
    until(&mut harness, |session| {
        session.until_ns() == 200e6 && !session.is_finding()
    });
    harness.get_by_label("2 matches");
    harness.key_press(Key::F3);
    harness.run_steps(2);
    assert_eq!(shown(&harness), (150.0, "console".to_owned()));
}

#[test]
fn a_match_far_below_is_scrolled_into_the_window() {
    let board = Board::new("Desk");
    let (path, ..) = board.with_texts();
    let mut harness = harness(&[board.many_lanes(60), path]);
    harness.run_steps(2);
    assert!(harness.query_by_label("Desk/console").is_none(), "it is far below");
    find(&mut harness, "ready");
    harness.key_press(Key::F3);
    harness.run_steps(60);
    harness.get_by_label("Desk/console");
}
