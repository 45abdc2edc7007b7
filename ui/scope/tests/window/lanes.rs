//! The lanes of the window: zoom, cursors, triggers, decoders, bookmarks, layout, export.

use crate::support::{Board, harness};
use egui_kittest::kittest::Queryable;

#[test]
fn a_recording_is_shown_with_its_lanes() {
    let board = Board::new("Desk");
    let path = board.recorded();
    let mut harness = harness(&[path]);
    harness.run_steps(2);
    for name in ["Desk/LED", "Desk/D9", "Desk/cpu", "Desk/console", "Desk"] {
        harness.get_by_label(name);
    }
    // What the scope reads itself is no lane of the window.
    assert!(harness.query_by_label("Desk/state").is_none());
    assert!(harness.query_by_label("about").is_none());
}

#[test]
fn keys_and_buttons_zoom_and_move() {
    let board = Board::new("Desk");
    let mut harness = harness(&[board.recorded()]);
    harness.run_steps(2);
    let all = harness.state().axis;
    harness.get_by_label("+").click();
    harness.run_steps(2);
    assert_eq!(harness.state().axis.span_ns, all.span_ns / 2.0);
    harness.key_press(eframe::egui::Key::Minus);
    harness.run_steps(2);
    assert_eq!(harness.state().axis.span_ns, all.span_ns);
    harness.key_press(eframe::egui::Key::ArrowRight);
    harness.run_steps(2);
    assert!(harness.state().axis.from_ns > all.from_ns);
    harness.key_press(eframe::egui::Key::F);
    harness.run_steps(2);
    assert_eq!(harness.state().axis, all);
}

#[test]
fn the_wheel_zooms_at_the_pointer_and_a_drag_moves() {
    let board = Board::new("Desk");
    let mut harness = harness(&[board.recorded()]);
    harness.run_steps(2);
    let place = harness.get_by_label("Signals over time").rect();
    let at = place.left_center() + eframe::egui::vec2(place.width() * 0.25, 0.0);
    harness.hover_at(at);
    harness.run_steps(2);
    let before_ns = harness.state().pointer_ns.expect("the pointer is over the lanes");
    let span_ns = harness.state().axis.span_ns;
    harness.event(eframe::egui::Event::MouseWheel {
        unit: eframe::egui::MouseWheelUnit::Point,
        delta: eframe::egui::vec2(0.0, 200.0),
        phase: eframe::egui::TouchPhase::Move,
        source: eframe::egui::MouseWheelSource::Wheel,
        modifiers: eframe::egui::Modifiers::NONE,
    });
    harness.run_steps(30);
    assert!(harness.state().axis.span_ns < span_ns / 2.0);
    let after_ns = harness.state().pointer_ns.expect("the pointer has not moved");
    assert!((before_ns - after_ns).abs() < span_ns / 1e3, "{before_ns} {after_ns}");
    let from_ns = harness.state().axis.from_ns;
    harness.drag_at(at);
    harness.run_steps(2);
    harness.hover_at(at - eframe::egui::vec2(100.0, 0.0));
    harness.run_steps(2);
    harness.drop_at(at - eframe::egui::vec2(100.0, 0.0));
    harness.run_steps(2);
    let moved_ns = harness.state().axis.from_ns - from_ns;
    let expected_ns = harness.state().axis.span_ns * f64::from(100.0 / place.width());
    assert!((moved_ns / expected_ns - 1.0).abs() < 0.1, "{moved_ns} {expected_ns}");
}

#[test]
fn what_is_recorded_meanwhile_is_followed() {
    let board = Board::new("Desk");
    let (path, mut recorder) = board.recording();
    let mut harness = harness(&[path]);
    harness.run_steps(2);
    harness.key_press(eframe::egui::Key::Space);
    harness.run_steps(2);
    assert!(harness.state().is_following);
    let before_ns = harness.state().until_ns();
    recorder.go_on(2_000_000_000);
    harness.run_steps(2);
    harness.get_by_label("recording");
    assert_eq!(harness.state().until_ns(), before_ns + 2e9);
    assert!(harness.state().axis.until_ns() > harness.state().until_ns());
    // A lane that is declared while the window is open comes to its board.
    harness.get_by_label("Desk/late");
}

#[test]
fn a_file_that_is_no_recording_is_said_and_the_other_is_shown() {
    let board = Board::new("Desk");
    let foreign = board.folder.path().join("notes.txt");
    std::fs::write(&foreign, "a".repeat(500)).expect("a file");
    let missing = board.folder.path().join("missing.drydock-rec");
    let mut harness = harness(&[foreign, missing, board.recorded()]);
    harness.run_steps(2);
    harness.get_by_label_contains("notes.txt cannot be opened: this is not a recording of Drydock");
    harness.get_by_label_contains("missing.drydock-rec cannot be opened");
    harness.get_by_label("Desk/LED");
}

#[test]
fn damage_is_said_and_what_is_before_it_is_shown() {
    let board = Board::new("Desk");
    let path = board.recorded();
    let bytes = std::fs::read(&path).expect("a file");
    std::fs::write(&path, &bytes[..bytes.len() - 40]).expect("a file");
    let mut harness = harness(&[path]);
    harness.run_steps(2);
    harness.get_by_label_contains("the recording is damaged at byte");
    harness.get_by_label("Desk/LED");
}

#[test]
fn an_empty_recording_says_so() {
    let board = Board::new("Desk");
    let path = board.empty();
    let mut harness = harness(&[path]);
    harness.run_steps(2);
    harness.get_by_label("The recording has no lanes yet.");
}

#[test]
fn the_list_of_keys_opens_and_closes() {
    let board = Board::new("Desk");
    let mut harness = harness(&[board.recorded()]);
    harness.key_press(eframe::egui::Key::Questionmark);
    harness.run_steps(3);
    harness.get_by_label("Follow the newest instant, or stop");
    harness.key_press(eframe::egui::Key::Escape);
    harness.run_steps(3);
    assert!(harness.query_by_label("Follow the newest instant, or stop").is_none());
}

#[test]
fn sixty_lanes_are_shown_while_they_are_in_the_window() {
    let board = Board::new("Desk");
    let mut harness = harness(&[board.many_lanes(60)]);
    harness.run_steps(2);
    harness.get_by_label("Desk/P0");
    assert!(harness.query_by_label("Desk/P59").is_none(), "it is far below");
    let name = harness.get_by_label("Desk/P0").rect().center();
    harness.hover_at(name);
    harness.event(eframe::egui::Event::MouseWheel {
        unit: eframe::egui::MouseWheelUnit::Point,
        delta: eframe::egui::vec2(0.0, -5_000.0),
        phase: eframe::egui::TouchPhase::Move,
        source: eframe::egui::MouseWheelSource::Wheel,
        modifiers: eframe::egui::Modifiers::NONE,
    });
    harness.run_steps(60);
    harness.get_by_label("Desk/P59");
}

#[test]
fn cursors_snap_to_edges_and_measure_what_is_between() {
    let board = Board::new("Desk");
    let mut harness = harness(&[board.recorded()]);
    harness.run_steps(2);
    // 100 ms of the window with edges each 0.25 and 0.75 ms.
    harness.state_mut().axis = drydock_scope::axis::Axis::new(100e6, 10e6);
    harness.run_steps(2);
    let place = harness.get_by_label("Signals over time").rect();
    let row = harness.get_by_label("Desk/D9").rect().center().y;
    let x = |ms: f32| place.left() + (ms - 100.0) / 10.0 * place.width();
    // Two points beside the edges at 102 and 106 ms.
    for (ms, modifiers) in [
        (102.0, eframe::egui::Modifiers::NONE),
        (106.0, eframe::egui::Modifiers::SHIFT),
    ] {
        click(&mut harness, eframe::egui::pos2(x(ms) + 2.0, row), modifiers);
    }
    assert_eq!(harness.state().cursors.range(), Some((102e6, 106e6)));
    harness.get_by_label_contains("B−A 4 ms");
    harness.get_by_label("Measure").click();
    harness.run_steps(3);
    harness.get_by_label("Between A and B");
    harness.get_by_label("25 %");
    harness.get_by_label("1 kHz");
    harness.key_press(eframe::egui::Key::X);
    harness.run_steps(2);
    assert_eq!(harness.state().cursors.range(), None);
}

#[test]
fn keys_walk_along_the_edges_of_the_selected_lane() {
    let board = Board::new("Desk");
    let mut harness = harness(&[board.recorded()]);
    harness.run_steps(2);
    harness.key_press(eframe::egui::Key::N);
    harness.run_steps(2);
    harness.get_by_label_contains("Select a lane first");
    harness.get_by_label("Desk/LED").click();
    harness.run_steps(2);
    harness.state_mut().cursors.a = Some(100e6);
    for expected_ns in [500e6, 1_200e6, 1_500e6] {
        harness.key_press(eframe::egui::Key::N);
        harness.run_steps(2);
        assert_eq!(harness.state().cursors.a, Some(expected_ns));
    }
    harness.key_press(eframe::egui::Key::N);
    harness.run_steps(2);
    harness.get_by_label_contains("Desk/LED has no entry after 1.500 s");
    harness.key_press(eframe::egui::Key::P);
    harness.run_steps(2);
    assert_eq!(harness.state().cursors.a, Some(1_200e6));
}

fn click(
    harness: &mut egui_kittest::Harness<'_, drydock_scope::session::Session>,
    at: eframe::egui::Pos2,
    modifiers: eframe::egui::Modifiers,
) {
    harness.hover_at(at);
    harness.run_steps(1);
    for pressed in [true, false] {
        let event = eframe::egui::Event::PointerButton {
            pos: at,
            button: eframe::egui::PointerButton::Primary,
            pressed,
            modifiers,
        };
        harness.event_modifiers(event, modifiers);
        harness.run_steps(1);
    }
    harness.run_steps(2);
}

#[test]
fn a_trigger_finds_a_pulse_and_shows_it() {
    let board = Board::new("Desk");
    let mut harness = harness(&[board.recorded()]);
    harness.run_steps(2);
    harness.key_press(eframe::egui::Key::S);
    harness.run_steps(2);
    harness.get_by_label("Choose a lane for the trigger.");
    let setting = &mut harness.state_mut().trigger;
    setting.kind = drydock_scope::trigger::TriggerKind::Pulse;
    setting.lane = "Desk/D9".into();
    setting.is_high = false;
    setting.at_least = "0.8 ms".into();
    harness.key_press(eframe::egui::Key::T);
    harness.run_steps(3);
    harness.get_by_label("Search").click();
    harness.run_steps(2);
    until(&mut harness, |session| !session.is_searching());
    // Low around the pause is no pulse between two edges.
    harness.get_by_label("Trigger: no shot");
    harness.state_mut().trigger.at_least = "700 us".into();
    harness.get_by_label("Single").click();
    harness.run_steps(2);
    until(&mut harness, |session| {
        session.armed == drydock_scope::trigger::Armed::No && !session.is_searching()
    });
    let session = harness.state();
    assert_eq!(session.cursors.a, Some(1e6), "{:?}", session.search);
    let shown = session.axis.x(1e6, 1.0);
    assert!((shown - session.trigger.before).abs() < 1e-6, "{shown}");
    harness.state_mut().axis = drydock_scope::axis::Axis::new(0.0, 1e6).with_at(1e6, 0.2);
    for (key, expected_ns) in [
        (eframe::egui::Key::CloseBracket, 2e6),
        (eframe::egui::Key::CloseBracket, 3e6),
        (eframe::egui::Key::OpenBracket, 2e6),
        (eframe::egui::Key::OpenBracket, 1e6),
    ] {
        harness.key_press(key);
        harness.run_steps(2);
        assert_eq!(harness.state().cursors.a, Some(expected_ns));
    }
    harness.key_press(eframe::egui::Key::OpenBracket);
    harness.run_steps(2);
    harness.get_by_label("There is no shot in that direction.");
    harness.state_mut().trigger.at_least = "soon".into();
    harness.get_by_label("Run").click();
    harness.run_steps(2);
    harness.get_by_label_contains("\"soon\" is no time");
}

/// Draws frames until something is so.
fn until(
    harness: &mut egui_kittest::Harness<'_, drydock_scope::session::Session>,
    is: impl Fn(&drydock_scope::session::Session) -> bool,
) {
    let begin = std::time::Instant::now();
    while !is(harness.state()) {
        assert!(begin.elapsed() < std::time::Duration::from_secs(60));
        harness.run_steps(1);
        std::thread::yield_now();
    }
    harness.run_steps(2);
}

#[test]
fn decoders_read_what_the_window_shows() {
    // The thread may answer in any frame.
    let has_read = |session: &drydock_scope::session::Session, count: usize| {
        let first = session.decoders.all.first();
        first.is_some_and(|it| it.decoded.annotations.len() == count)
    };
    let board = Board::new("Desk");
    let mut harness = harness(&[board.with_uart(b"Hello", 115_200)]);
    harness.run_steps(2);
    harness.key_press(eframe::egui::Key::D);
    harness.run_steps(3);
    harness.get_by_label("Add decoder").click();
    harness.run_steps(2);
    harness.get_by_label("Choose the lanes of the decoder.");
    harness.state_mut().new_decoder.lanes[0] = "Desk/TX".into();
    harness.get_by_label("Add decoder").click();
    harness.run_steps(2);
    until(&mut harness, |session| has_read(session, 5));
    let read = |harness: &egui_kittest::Harness<'_, drydock_scope::session::Session>| {
        let all = harness.get_all_by_label("UART on Desk/TX");
        // The panel's line of the same name has no value of its own.
        let value = all
            .filter_map(|node| node.value())
            .find(|value| value != "UART on Desk/TX");
        value.unwrap_or_default()
    };
    assert_eq!(read(&harness), "H e l l o");
    // From the middle of the second byte on: the first one is out of the window, the second one is still read right.
    harness.state_mut().axis = drydock_scope::axis::Axis::new(1e6 + 1.5 * 1e10 / 115_200.0, 0.5e6);
    harness.run_steps(1);
    until(&mut harness, |session| has_read(session, 4));
    assert_eq!(read(&harness), "e l l o");
    harness.get_by_label("Remove").click();
    harness.run_steps(3);
    assert!(harness.state().decoders.all.is_empty());
    let setting = &mut harness.state_mut().new_decoder;
    setting.protocol = drydock_scope::decoding::Protocol::Spi;
    harness.run_steps(2);
    harness.get_by_label("Add decoder").click();
    harness.run_steps(2);
    harness.get_by_label("Choose the lane of MOSI or of MISO.");
}

#[test]
fn bookmarks_and_layout_are_there_when_the_window_opens_again() {
    let board = Board::new("Desk");
    let path = board.recorded();
    let layout = board.folder.path().join("state/scope.json");
    let open = || {
        let mut harness = harness(std::slice::from_ref(&path));
        let store = drydock_scope::store::Store::new(layout.clone());
        harness.state_mut().keep_layout(store);
        harness.run_steps(2);
        harness
    };
    let mut first = open();
    first.state_mut().cursors.a = Some(700e6);
    first.key_press(eframe::egui::Key::K);
    first.get_by_label("Desk/cpu").click();
    first.run_steps(2);
    for key in [eframe::egui::Key::U, eframe::egui::Key::Period] {
        first.key_press(key);
        first.run_steps(2);
    }
    first.key_press(eframe::egui::Key::L);
    first.run_steps(3);
    first.get_by_label("Show Desk/console").click();
    first.get_by_label("Light").click();
    first.run_steps(3);
    assert!(first.query_by_label("Desk/console").is_none());
    let order = |harness: &egui_kittest::Harness<'_, drydock_scope::session::Session>| -> Vec<(String, f32)> {
        let rows = harness.state().rows.iter().filter(|row| !row.is_hidden);
        rows.map(|row| (row.title.clone(), row.height)).collect()
    };
    let expected = [
        ("LED".to_owned(), 32.0),
        ("cpu".to_owned(), 76.0),
        ("D9".to_owned(), 32.0),
    ];
    assert_eq!(order(&first), expected);
    drop(first);

    let mut again = open();
    assert_eq!(order(&again), expected);
    assert_eq!(again.state().theme, drydock_scope::store::ThemeChoice::Light);
    again.key_press(eframe::egui::Key::O);
    again.run_steps(3);
    again.get_by_label("0.700 s");
    again.get_by_label("Remove").click();
    again.run_steps(2);
    assert!(open().state().sources[0].bookmarks.is_empty());
    again.get_by_label("Desk").click();
    again.run_steps(2);
    assert!(again.query_by_label("Desk/LED").is_none(), "its board is folded");
}

#[test]
fn the_range_between_the_cursors_is_exported() {
    let board = Board::new("Desk");
    let mut harness = harness(&[board.recorded()]);
    harness.run_steps(2);
    harness.key_press(eframe::egui::Key::E);
    harness.run_steps(3);
    harness.get_by_label("Write file").click();
    harness.run_steps(2);
    harness.get_by_label("Write the name of the file to export to.");
    let out = board.folder.path().join("out.csv");
    harness.state_mut().export.path = out.display().to_string();
    harness.state_mut().cursors = drydock_scope::measure::Cursors {
        a: Some(2e6),
        b: Some(4e6),
    };
    harness
        .state_mut()
        .rows
        .iter_mut()
        .for_each(|row| row.is_hidden = row.title != "D9");
    harness.run_steps(2);
    harness.get_by_label("Write file").click();
    harness.run_steps(1);
    until(&mut harness, |session| !session.export.is_running());
    harness.get_by_label_contains("Exported to");
    let lines = std::fs::read_to_string(&out).expect("a file");
    let expected = [
        "2000000,Desk/D9,,1,",
        "2250000,Desk/D9,,0,",
        "3000000,Desk/D9,,1,",
        "3250000,Desk/D9,,0,",
    ];
    assert_eq!(lines.lines().skip(1).collect::<Vec<_>>(), expected);
    harness.get_by_label("Write file").click();
    harness.run_steps(2);
    harness.get_by_label_contains("exists already; choose another name");
    harness.state_mut().export.path = board.folder.path().join("out.xlsx").display().to_string();
    harness.get_by_label("Write file").click();
    harness.run_steps(2);
    harness.get_by_label_contains("must end with .vcd, .csv or .sr");
}

#[test]
fn recordings_are_shown_on_one_axis_by_when_they_began() {
    let (desk, field) = (Board::new("Desk"), Board::new("Field"));
    let (path, mut later) = field.recording_that_began(1_700_000_000_500);
    later.go_on(1_000_000_000);
    let mut harness = harness(&[path, desk.recorded()]);
    harness.run_steps(2);
    let session = harness.state();
    assert_eq!(session.sources[0].offset_ns, 500e6);
    assert_eq!(session.sources[1].offset_ns, 0.0);
    assert_eq!(session.until_ns(), 3_500e6);
    let row = session
        .rows
        .iter()
        .position(|row| row.name == "Field/LED")
        .expect("a row");
    assert_eq!(session.value_at(row, 400e6), None, "it had not begun");
    assert_eq!(session.value_at(row, 600e6).as_deref(), Some("high"));
    assert_eq!(session.value_at(row, 1_100e6).as_deref(), Some("low"));
    harness.get_by_label("Field · Field.drydock-rec");
    harness.get_by_label("Desk · Desk.drydock-rec");
}
