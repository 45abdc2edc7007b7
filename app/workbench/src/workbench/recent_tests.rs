//! What just happened: segments that an owner writes by itself, and the recordings that are joined from them.

use super::cable_tests::{board_until, call};
use super::test_fleet::{blink, pass, power};
use super::*;
use crate::api::{
    AppState, BoardAdd, BoardRef, Empty, EventName, Pace, PowerAction, RecordingKeep, RecordingRecentSize,
    RecordingState, RecordingView, Update,
};
use drydock_scope_model::{Entry, Recording, TimeRange};
use std::path::{Path, PathBuf};

const ALL: TimeRange = TimeRange {
    from_ns: 0,
    until_ns: u64::MAX,
};

async fn open(data: &Path, keep_recent: bool) -> Workbench {
    let config = WorkbenchConfig {
        data: DataDir::At(data.to_owned()),
        keep_recent,
        ..WorkbenchConfig::default()
    };
    Workbench::open(config).await.unwrap()
}

async fn add_blinking(workbench: &Workbench) {
    let add = BoardAdd {
        kind: "nano33ble".into(),
        name: Some("desk".into()),
        pace: Pace::Realtime,
        ..BoardAdd::default()
    };
    call!(workbench, BoardAdd(add)).unwrap();
    call!(workbench, AppDeploy(blink("desk"))).unwrap();
    board_until(workbench, "desk", |view| {
        view.apps.iter().any(|app| app.state == AppState::Running)
    })
    .await;
}

async fn keep(workbench: &Workbench, last_ms: u64) -> Result<RecordingView, ApiError> {
    let keep = RecordingKeep {
        board: "desk".into(),
        last_ms: Some(last_ms),
        ..RecordingKeep::default()
    };
    call!(workbench, RecordingKeep(keep))
}

async fn row(workbench: &Workbench) -> Option<RecordingView> {
    let all = call!(workbench, RecordingList(Empty {})).unwrap();
    all.into_iter().find(|view| view.id == "recent")
}

fn read(view: &RecordingView) -> Recording {
    let recording = Recording::open(Path::new(&view.file)).unwrap();
    assert_eq!(recording.damage(), None);
    recording.verify().unwrap();
    recording
}

/// Edges and gaps of the LED.
fn led(recording: &Recording) -> (Vec<u64>, Vec<TimeRange>) {
    let lane = recording.lane_named("desk/LED P0.13").unwrap();
    let (mut edges, mut gaps) = (Vec::new(), Vec::new());
    for entry in recording.entries(lane, ALL) {
        match entry.unwrap() {
            Entry::Level { at_ns, .. } => edges.push(at_ns),
            Entry::Gap { range, .. } => gaps.push(range),
            other => panic!("{other:?}"),
        }
    }
    (edges, gaps)
}

fn segments(data: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(data.join("recordings/recent")).into_iter().flatten();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn what_just_happened_is_joined_without_a_gap_and_a_pause_is_one() {
    if let Err(missing) = drydock_embedded::firmware("nano33ble") {
        println!("drydock-skip: {missing}");
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let workbench = open(place.path(), true).await;
    add_blinking(&workbench).await;
    // Each of these ends a segment.
    for _ in 0..3 {
        pass(&workbench, "desk", 0.6).await;
        keep(&workbench, 600_000).await.unwrap();
    }
    pass(&workbench, "desk", 0.6).await;
    let kept = keep(&workbench, 600_000).await.unwrap();
    assert_eq!(
        (kept.boards.as_slice(), kept.reason.as_str()),
        (&["desk".to_owned()][..], "")
    );
    let recording = read(&kept);
    let (edges, gaps) = led(&recording);
    // A host that is busy for seconds makes a machine stand still, which is told.
    let state = recording.lane_named("desk/state");
    let stood = state.into_iter().flat_map(|lane| recording.entries(lane, ALL));
    let stood = stood.filter(|it| matches!(it, Ok(Entry::Text { bytes, .. }) if *bytes == b"stood still"));
    assert!(
        gaps.len() <= stood.count(),
        "the segments continue each other: {gaps:?}"
    );
    assert!(edges.len() >= 8, "{edges:?}");
    for lane in ["desk/console", "desk/events", "desk/cpu", "desk/uart0.tx"] {
        assert!(recording.lane_named(lane).is_some(), "{lane}");
    }
    let detailed = recording
        .lanes()
        .find(|(_, lane)| lane.name.contains("/irq.") || lane.name.ends_with("/segment"));
    assert_eq!(detailed, None);

    // Less than all of it: the rest is not there, and the level at its begin is known.
    let short = read(&keep(&workbench, 700).await.unwrap());
    assert!(short.recorded_until_ns() <= 700_000_000);
    let lane = short.lane_named("desk/LED P0.13").unwrap();
    assert!(short.number_at(lane, 1).is_some());

    power(&workbench, "desk", PowerAction::Pause).await;
    let paused = read(&keep(&workbench, 600_000).await.unwrap()).recorded_until_ns();
    power(&workbench, "desk", PowerAction::Resume).await;
    pass(&workbench, "desk", 0.6).await;
    let recording = read(&keep(&workbench, 600_000).await.unwrap());
    let (edges, gaps) = led(&recording);
    assert!(!gaps.is_empty(), "nothing is known of the pause");
    assert!(edges.iter().any(|at| *at > gaps[0].until_ns), "it goes on behind it");
    assert!(gaps[0].from_ns <= paused);

    let row = row(&workbench).await.unwrap();
    assert_eq!(
        (row.state, row.boards.as_slice()),
        (RecordingState::Recording, &["desk".to_owned()][..])
    );
    assert!(row.bytes > 0 && row.max_bytes == 512_000_000);
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_owner_goes_on_past_foreign_and_damaged_segments() {
    if let Err(missing) = drydock_embedded::firmware("nano33ble") {
        println!("drydock-skip: {missing}");
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let workbench = open(place.path(), true).await;
    add_blinking(&workbench).await;
    pass(&workbench, "desk", 1.1).await;
    workbench.shutdown().await;
    let folder = place.path().join("recordings/recent");
    let first = segments(place.path()).remove(0);
    let bytes = std::fs::read(&first).unwrap();
    std::fs::write(&first, &bytes[..bytes.len() - 90]).unwrap();
    std::fs::write(folder.join("0000000000001.drydock-rec"), b"no recording").unwrap();
    std::fs::write(folder.join("notes.txt"), b"of somebody else").unwrap();

    let workbench = open(place.path(), true).await;
    pass(&workbench, "desk", 1.1).await;
    let kept = keep(&workbench, 3_600_000).await.unwrap();
    assert!(kept.reason.contains("damaged at byte"), "{}", kept.reason);
    let (edges, gaps) = led(&read(&kept));
    assert!(!gaps.is_empty(), "between the owners");
    assert!(
        edges.iter().any(|at| *at < gaps[0].from_ns),
        "what was before the damage"
    );
    assert!(edges.iter().any(|at| *at >= gaps[0].until_ns), "what came then");

    // It is switched off, for later owners too, and only its own files go.
    let size = |max_bytes| RecordingRecentSize { max_bytes };
    let off = call!(workbench, RecordingRecentSize(size(0))).unwrap();
    assert_eq!((off.state, off.max_bytes), (RecordingState::Stopped, 0));
    assert_eq!(segments(place.path()), [folder.join("notes.txt")]);
    let refused = keep(&workbench, 1_000).await.unwrap_err();
    assert!(refused.message.contains("desk"), "{refused:?}");
    let small = call!(workbench, RecordingRecentSize(size(1_000))).unwrap_err();
    assert_eq!(small.code, ErrorCode::Usage);
    workbench.shutdown().await;
    let workbench = open(place.path(), true).await;
    pass(&workbench, "desk", 0.1).await;
    assert_eq!(row(&workbench).await, None);
    call!(workbench, RecordingRecentSize(size(8_000_000))).unwrap();
    pass(&workbench, "desk", 0.6).await;
    assert_eq!(row(&workbench).await.unwrap().max_bytes, 8_000_000);
    assert!(led(&read(&keep(&workbench, 60_000).await.unwrap())).0.len() >= 2);
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_does_not_stay_keeps_nothing() {
    if let Err(missing) = drydock_embedded::firmware("nano33ble") {
        println!("drydock-skip: {missing}");
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let workbench = open(place.path(), false).await;
    add_blinking(&workbench).await;
    assert_eq!(row(&workbench).await, None);
    let refused = keep(&workbench, 1_000).await.unwrap_err();
    assert!(refused.message.contains("drydock gateway"), "{refused:?}");
    assert!(!place.path().join("recordings").exists());
    workbench.shutdown().await;
}

/// The disk refuses the segment: one event, and the board goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_written_ends_it_with_one_event_and_not_the_board() {
    if let Err(missing) = drydock_embedded::firmware("nano33ble") {
        println!("drydock-skip: {missing}");
        return;
    }
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(place.path().join("recordings")).unwrap();
    // A file where the folder should be.
    std::fs::write(place.path().join("recordings/recent"), b"").unwrap();
    let workbench = open(place.path(), true).await;
    let mut updates = workbench.subscribe();
    add_blinking(&workbench).await;
    pass(&workbench, "desk", 0.6).await;
    let add = BoardAdd {
        kind: "nano33ble".into(),
        name: Some("second".into()),
        ..BoardAdd::default()
    };
    call!(workbench, BoardAdd(add)).unwrap();
    let row = row(&workbench).await.unwrap();
    assert_eq!(row.state, RecordingState::Failed);
    assert!(row.reason.contains("cannot be written"), "{}", row.reason);
    call!(workbench, BoardRemove(BoardRef { board: "second".into() })).unwrap();
    let mut ends = 0;
    loop {
        match updates.next().await.unwrap() {
            Update::Event(event) if event.event == EventName::RecordingEnded => ends += 1,
            Update::Event(event) if event.event == EventName::BoardRemoved => break,
            _ => {}
        }
    }
    assert_eq!(ends, 1);
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_boards_than_it_has_room_for_are_counted() {
    let place = tempfile::tempdir().unwrap();
    let boards: Vec<_> = (0..34)
        .map(|number| {
            serde_json::json!({
                "id": format!("b-{number:06x}"), "name": format!("yard-{number}"), "kind": "nano33ble",
                "engine": "builtin", "pace": "realtime", "seed": format!("{number:064x}"),
                "device": format!("dev-{number:016x}"), "on": false,
            })
        })
        .collect();
    let fleet = serde_json::json!({ "format": 1, "boards": boards });
    std::fs::write(place.path().join("fleet.json"), fleet.to_string()).unwrap();
    let workbench = open(place.path(), true).await;
    let row = row(&workbench).await.unwrap();
    assert_eq!(row.boards.len(), 32, "{row:?}");
    assert_eq!(row.reason, "It has room for 32 boards; 2 are not in it.");
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_became_too_old_without_an_owner_goes_when_one_begins() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("recordings/recent");
    std::fs::create_dir_all(&folder).unwrap();
    let [old, young] = ["0000000000001", "0000000000002"].map(|name| folder.join(format!("{name}.drydock-rec")));
    for (path, minutes) in [(&old, 61), (&young, 50)] {
        let file = std::fs::File::create(path).unwrap();
        let age = std::time::Duration::from_secs(minutes * 60);
        file.set_modified(std::time::SystemTime::now() - age).unwrap();
    }
    let workbench = open(place.path(), true).await;
    for _ in 0..6_000 {
        if !old.exists() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(!old.exists() && young.exists());
    workbench.shutdown().await;
}
