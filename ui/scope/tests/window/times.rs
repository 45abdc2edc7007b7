//! The window shows the host's times, or the virtual time of a board, and remembers which.

use crate::support::{Board, harness};
use drydock_scope::{axis::Axis, session::Session, store::Store};
use eframe::egui::Key;
use egui_kittest::{Harness, kittest::Queryable};

fn labels(session: &Session) -> Vec<(f64, String)> {
    let marks = session.ticks(16).marks;
    marks.into_iter().map(|(at_ns, label)| (at_ns / 1e9, label)).collect()
}

fn press(harness: &mut Harness<'_, Session>, key: Key) {
    harness.key_press(key);
    harness.run_steps(2);
}

#[test]
fn times_are_those_of_a_board_and_its_pauses_count_for_nothing() {
    let board = Board::new("Desk");
    let mut harness = harness(&[board.with_clock()]);
    harness.state_mut().axis = Axis::new(0.0, 8e9);
    harness.state_mut().cursors.a = Some(2e9);
    harness.state_mut().cursors.b = Some(5.5e9);
    harness.run_steps(2);
    harness.get_by_label_contains("A 2 s   B 5.500 s   B−A 3.5 s   1/(B−A) 0.28571 Hz");
    harness.state_mut().cursors.a = Some(6e9);
    harness.run_steps(2);
    harness.get_by_label_contains("B−A −500 ms   1/(B−A) 2 Hz");
    harness.state_mut().cursors.a = Some(2e9);
    harness.run_steps(2);
    press(&mut harness, Key::C);
    harness.get_by_label("Times are the virtual time of Desk.");
    harness.get_by_label_contains("A 1:41   B 1:42.500   B−A 1.5 s");
    // Marks are at round times of the board, and none where it stood still or was off.
    let shown = labels(harness.state());
    let whole: Vec<(f64, &str)> = shown
        .iter()
        .filter(|(_, label)| !label.contains('.'))
        .map(|(at_s, label)| (*at_s, label.as_str()))
        .collect();
    let expected = [
        (1.0, "1:40"),
        (2.0, "1:41"),
        (3.0, "1:42"),
        (5.0, "1:42"),
        (6.0, "1:43"),
        (7.0, "0 s"),
        (8.0, "1 s"),
    ];
    assert_eq!(whole, expected, "{shown:?}");
    // A cursor in the pause has no time of the board; what lies between still has.
    harness.state_mut().cursors.b = Some(4e9);
    harness.run_steps(2);
    harness.get_by_label_contains("B stood still   B−A 1 s");
    press(&mut harness, Key::M);
    harness.get_by_label("Between A and B");
    harness.get_by_label("1 s");
    press(&mut harness, Key::C);
    harness.get_by_label("Times are those of the host.");
    harness.get_by_label_contains("B 4 s   B−A 2 s");
}

#[test]
fn the_choice_is_there_when_the_window_opens_again_and_waits_for_its_board() {
    let (desk, field) = (Board::new("Desk"), Board::new("Field"));
    let layout = desk.folder.path().join("scope.json");
    let open = |path: std::path::PathBuf| {
        let mut harness = harness(&[path]);
        harness.state_mut().keep_layout(Store::new(layout.clone()));
        harness.run_steps(2);
        harness
    };
    let mut first = open(desk.with_clock());
    press(&mut first, Key::L);
    first.get_by_label("Virtual time of Desk").click();
    first.run_steps(2);
    assert_eq!(first.state().shown_clock(), Some("Desk"));
    drop(first);
    // A recording of another board shows the host's times, and does not forget the choice.
    let mut other = open(field.recorded());
    assert_eq!(other.state().shown_clock(), None);
    press(&mut other, Key::C);
    other.get_by_label_contains("No board in these recordings has a virtual time");
    drop(other);
    let mut again = open(desk.with_clock());
    assert_eq!(again.state().shown_clock(), Some("Desk"));
    press(&mut again, Key::L);
    again.get_by_label("Host").click();
    again.run_steps(2);
    assert_eq!(open(desk.with_clock()).state().shown_clock(), None);
}
