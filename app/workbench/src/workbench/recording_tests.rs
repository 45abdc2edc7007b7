//! Recordings of boards that run: what is in their files, and what bad input gets.

use super::cable_tests::{board_until, call};
use super::test_fleet::{blink, open, pass, power, sample};
use super::*;
use crate::api::{
    AppState, BoardAdd, BoardRef, Pace, PowerAction, RecordingRef, RecordingStart, RecordingState, RecordingView,
};
use drydock_scope_model::{Entry, Recording, TimeRange};
use std::path::Path;
use std::time::Duration;

const ALL: TimeRange = TimeRange {
    from_ns: 0,
    until_ns: u64::MAX,
};

async fn connected(workbench: &Workbench, pace: Pace) -> String {
    let add = BoardAdd {
        kind: "nano33ble".into(),
        name: Some("desk".into()),
        pace,
        ..BoardAdd::default()
    };
    let view = call!(workbench, BoardAdd(add)).unwrap();
    board_until(workbench, &view.name, |view| {
        view.device.as_ref().is_some_and(|device| device.session.is_some())
    })
    .await;
    view.name
}

async fn run_blink(workbench: &Workbench, board: &str) {
    call!(workbench, AppDeploy(blink(board))).unwrap();
    board_until(workbench, board, |view| {
        view.apps.iter().any(|app| app.state == AppState::Running)
    })
    .await;
}

async fn record(workbench: &Workbench, board: &str) -> RecordingView {
    let start = RecordingStart {
        boards: vec![board.to_owned()],
        ..RecordingStart::default()
    };
    call!(workbench, RecordingStart(start)).unwrap()
}

/// Texts of a lane, with their times.
fn texts(recording: &Recording, name: &str) -> Vec<(u64, String)> {
    let Some(lane) = recording.lane_named(name) else {
        return Vec::new();
    };
    let entries = recording.entries(lane, ALL).filter_map(|entry| match entry.unwrap() {
        Entry::Text { at_ns, bytes } => Some((at_ns, String::from_utf8_lossy(bytes).into_owned())),
        _ => None,
    });
    entries.collect()
}

fn levels(recording: &Recording, name: &str) -> Vec<Entry<'static>> {
    let lane = recording
        .lane_named(name)
        .unwrap_or_else(|| panic!("{name} is no lane"));
    let entries = recording.entries(lane, ALL).map(|entry| match entry.unwrap() {
        Entry::Level { at_ns, is_high } => Entry::Level { at_ns, is_high },
        Entry::Gap { range, lost } => Entry::Gap { range, lost },
        other => panic!("{other:?}"),
    });
    entries.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_has_what_a_board_did_and_a_pause_is_a_gap() {
    if let Err(missing) = drydock_embedded::firmware("nano33ble") {
        println!("drydock-skip: {missing}");
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let workbench = open(place.path()).await;
    let board = connected(&workbench, Pace::Realtime).await;
    let recording = record(&workbench, &board).await;
    assert_eq!(recording.state, RecordingState::Recording);
    run_blink(&workbench, &board).await;
    pass(&workbench, &board, 2.6).await;
    power(&workbench, &board, PowerAction::Pause).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    power(&workbench, &board, PowerAction::Resume).await;
    pass(&workbench, &board, 1.4).await;

    // It can be read while it is written, as after a kill: only the last moment is missing.
    let open_file = Recording::open(Path::new(&recording.file)).unwrap();
    let until_ns = open_file.recorded_until_ns();
    assert!(until_ns > 2_000_000_000, "{until_ns} ns of 4.7 s or more");
    assert!(!levels(&open_file, "desk/LED P0.13").is_empty());

    let name = RecordingRef {
        recording: recording.id.clone(),
    };
    let ended = call!(workbench, RecordingStop(name.clone())).unwrap();
    assert_eq!(
        (ended.state, ended.lost, ended.reason.as_str()),
        (RecordingState::Stopped, 0, "")
    );
    assert_eq!(ended.bytes, std::fs::metadata(&ended.file).unwrap().len());
    let read = Recording::open(Path::new(&ended.file)).unwrap();
    assert_eq!(read.damage(), None);
    read.verify().unwrap();

    let about = texts(&read, "about");
    assert!(about[0].1.contains("began_ms"), "{about:?}");
    let about = texts(&read, "desk/about");
    assert!(
        about[0].1.contains("nano33ble") && about[0].1.contains("builtin"),
        "{about:?}"
    );
    let led = levels(&read, "desk/LED P0.13");
    let gaps: Vec<&Entry<'_>> = led.iter().filter(|it| matches!(it, Entry::Gap { .. })).collect();
    let paused = gaps.iter().find_map(|gap| match gap {
        Entry::Gap { range, .. } if range.len_ns() > 500_000_000 && range.from_ns > 0 => Some(*range),
        _ => None,
    });
    let paused = paused.unwrap_or_else(|| panic!("no gap of the pause in {led:?}"));
    let states = texts(&read, "desk/state");
    assert!(
        states
            .iter()
            .any(|(at, text)| *at == paused.from_ns && text == "paused"),
        "{states:?}"
    );
    // The app blinks with a period of half a second of the machine's time, whatever the host does.
    let edges: Vec<u64> = led
        .iter()
        .filter_map(|it| match it {
            Entry::Level { at_ns, .. } if *at_ns < paused.from_ns => Some(*at_ns),
            _ => None,
        })
        .collect();
    let steps: Vec<u64> = edges.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(steps.len() >= 6, "{edges:?}");
    let is_half_period = |step: &&u64| step.abs_diff(250_000_000) < 1_000_000;
    assert!(
        steps.iter().filter(is_half_period).count() >= steps.len() - 1,
        "{steps:?}"
    );
    let console = texts(&read, "desk/console");
    assert!(console.iter().any(|(_, line)| line.contains("blink")), "{console:?}");
    let events = texts(&read, "desk/events");
    assert!(
        events.iter().any(|(_, event)| event.contains("app.running")),
        "{events:?}"
    );
    let cpu = read.lanes().find(|(_, lane)| lane.name == "desk/cpu").expect("metrics");
    assert_eq!(cpu.1.unit, "%");
    assert!(read.count(cpu.0) >= 3);

    // A machine that nobody records is traced no more.
    let listed = call!(workbench, RecordingList(crate::api::Empty {})).unwrap();
    assert_eq!(listed, [ended]);
    call!(workbench, BoardRemove(BoardRef { board })).unwrap();
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_board_says_stands_by_its_machine_also_where_the_reset_was_before_the_recording() {
    if let Err(missing) = drydock_embedded::firmware("nano33ble") {
        println!("drydock-skip: {missing}");
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let workbench = open(place.path()).await;
    // Its time has nothing to do with the host's.
    let board = connected(&workbench, Pace::Max).await;
    run_blink(&workbench, &board).await;
    call!(workbench, AppDeploy(sample("wave", &board))).unwrap();
    pass(&workbench, &board, 1.0).await;
    let recording = record(&workbench, &board).await;
    pass(&workbench, &board, 8.0).await;
    let name = RecordingRef {
        recording: recording.id,
    };
    let ended = call!(workbench, RecordingStop(name)).unwrap();
    let read = Recording::open(Path::new(&ended.file)).unwrap();
    // The app says every second how many times it blinked, which is twice as many.
    let said = texts(&read, "desk/console");
    let lines: Vec<(u64, u64)> = said
        .iter()
        .filter_map(|(at_ns, line)| {
            let (_, count) = line.split_once("blinked ")?;
            Some((*at_ns, count.split(' ').next()?.parse().ok()?))
        })
        .collect();
    assert!(lines.len() >= 4, "{said:?}");
    for pair in lines.windows(2) {
        let expected_ns = (pair[1].1 - pair[0].1) * 500_000_000;
        let distance_ns = pair[1].0 - pair[0].0;
        assert!(distance_ns.abs_diff(expected_ns) < 5_000_000, "{lines:?}");
    }
    // Another app publishes 1,000 numbers a second. None is missing, whatever the gateway makes of the host's clock.
    let sine = read.lane_named("desk/app.wave/sine").expect("numbers");
    let numbers: Vec<u64> = read
        .entries(sine, ALL)
        .map(|entry| match entry.unwrap() {
            Entry::Number { at_ns, .. } => at_ns,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(numbers.len() >= 4_000, "{}", numbers.len());
    for pair in numbers.windows(2) {
        assert!((pair[1] - pair[0]).abs_diff(1_000_000) < 100_000, "{pair:?}");
    }
    workbench.shutdown().await;
}
