//! Boards of kinds whose files change, break and go while the workbench runs and between two runs.

use super::*;
use crate::api::{
    Badge, BoardAdd, BoardKindRef, BoardKindView, BoardPower, BoardRef, BoardView, Empty, ErrorCode, MachineState,
    Pace, PowerAction,
};
use std::path::Path;

const NANO: &str = "name = \"mine\"\nextends = \"nano33ble\"\n";
const LED: &str = "[[led]]\nname = \"EXTRA\"\npin = \"P0.27\"\nactive = \"high\"\ncolour = \"red\"\n";

async fn open(place: &Path) -> Workbench {
    let config = WorkbenchConfig {
        data: DataDir::At(place.to_owned()),
        ..WorkbenchConfig::default()
    };
    Workbench::open(config).await.unwrap()
}

/// Writes the file of the kind; its length differs each time, so that the change is seen on any file system.
fn write(place: &Path, text: &str) {
    std::fs::create_dir_all(place.join("boards")).unwrap();
    std::fs::write(place.join("boards/mine.toml"), text).unwrap();
}

async fn kinds(workbench: &Workbench) -> Vec<BoardKindView> {
    match workbench.call(Request::BoardKinds(Empty {})).await.unwrap() {
        Response::BoardKinds(kinds) => kinds,
        other => panic!("{other:?}"),
    }
}

async fn mine(workbench: &Workbench) -> Option<BoardKindView> {
    kinds(workbench).await.into_iter().find(|kind| kind.id == "mine")
}

async fn add(workbench: &Workbench) -> Result<(), ApiError> {
    let add = BoardAdd {
        kind: "mine".into(),
        name: Some("bench-1".into()),
        pace: Pace::Max,
        ..BoardAdd::default()
    };
    workbench.call(Request::BoardAdd(add)).await.map(drop)
}

async fn board(workbench: &Workbench) -> BoardView {
    let board = BoardRef {
        board: "bench-1".into(),
    };
    match workbench.call(Request::BoardGet(board)).await.unwrap() {
        Response::BoardGet(view) => view,
        other => panic!("{other:?}"),
    }
}

/// The board once it runs: the kind's file is read when the board is switched on, after the call has returned.
async fn running(workbench: &Workbench) -> BoardView {
    for _ in 0..600 {
        let view = board(workbench).await;
        if view
            .machine
            .as_ref()
            .is_some_and(|machine| machine.state == MachineState::Running)
        {
            return view;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the board has not started within 30 seconds");
}

async fn power(workbench: &Workbench, action: PowerAction) -> Result<(), ApiError> {
    let power = BoardPower {
        board: "bench-1".into(),
        action,
    };
    workbench.call(Request::BoardPower(power)).await.map(drop)
}

fn leds(board: &BoardView) -> Vec<&str> {
    board.leds.iter().map(|led| led.name.as_str()).collect()
}

fn is_skipped() -> bool {
    let missing = drydock_embedded::firmware("nano33ble").err();
    if let Some(missing) = &missing {
        println!("drydock-skip: {missing}");
    }
    missing.is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_file_counts_at_once_for_kinds_and_at_the_next_start_for_boards() {
    if is_skipped() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let workbench = open(place.path()).await;
    assert_eq!(mine(&workbench).await, None);
    write(place.path(), NANO);
    assert_eq!(mine(&workbench).await.unwrap().title, "mine (Arduino Nano 33 BLE)");
    let first = Arc::as_ptr(&workbench.workbench.own_kinds.files());
    assert_eq!(
        first,
        Arc::as_ptr(&workbench.workbench.own_kinds.files()),
        "what has not changed is not read again"
    );
    add(&workbench).await.unwrap();
    let before = running(&workbench).await;
    assert_eq!(leds(&before), ["LED", "PWR", "R", "G", "B"]);

    write(place.path(), &format!("{NANO}{LED}"));
    assert!(mine(&workbench).await.is_some());
    assert_eq!(
        leds(&board(&workbench).await),
        leds(&before),
        "it runs with what it started with"
    );
    power(&workbench, PowerAction::Off).await.unwrap();
    power(&workbench, PowerAction::On).await.unwrap();
    assert_eq!(leds(&running(&workbench).await), ["LED", "PWR", "R", "G", "B", "EXTRA"]);
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_board_whose_kind_is_broken_or_gone_stays_off_and_says_so() {
    if is_skipped() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let workbench = open(place.path()).await;
    write(place.path(), NANO);
    add(&workbench).await.unwrap();
    workbench.shutdown().await;

    write(place.path(), &format!("{NANO}surplus = 1\n"));
    let workbench = open(place.path()).await;
    let view = board(&workbench).await;
    assert_eq!(view.badge, Badge::Failed);
    assert!(
        view.badge_detail.contains("mine.toml:3: `surplus` is not known here"),
        "{view:?}"
    );
    assert_eq!(view.machine.unwrap().state, MachineState::Off);
    let kind = mine(&workbench).await.unwrap();
    assert!(!kind.addable && kind.problems.len() == 1, "{kind:?}");
    let refused = power(&workbench, PowerAction::On).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::Refused);
    assert!(refused.message.contains("mine.toml:3:"), "{refused:?}");
    workbench.shutdown().await;

    std::fs::remove_file(place.path().join("boards/mine.toml")).unwrap();
    let workbench = open(place.path()).await;
    let view = board(&workbench).await;
    assert_eq!((view.badge, view.kind.as_str()), (Badge::Failed, "mine"));
    assert!(
        view.badge_detail.contains("the file of its kind mine is not in"),
        "{view:?}"
    );
    let refused = power(&workbench, PowerAction::On).await.unwrap_err();
    assert!(refused.message.contains("put it back"), "{refused:?}");

    // It comes back with the file, as the same board.
    write(place.path(), &format!("{NANO}{LED}"));
    power(&workbench, PowerAction::On).await.unwrap();
    let view = board(&workbench).await;
    assert_eq!(leds(&view), ["LED", "PWR", "R", "G", "B", "EXTRA"]);
    assert_ne!(view.badge, Badge::Failed, "{view:?}");
    workbench.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_a_board_has_is_not_removed() {
    if is_skipped() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let workbench = open(place.path()).await;
    write(place.path(), NANO);
    let remove = |kind: &str| Request::BoardKindRemove(BoardKindRef { kind: kind.into() });
    add(&workbench).await.unwrap();
    let refused = workbench.call(remove("mine")).await.unwrap_err();
    assert!(refused.message.contains("is the kind of bench-1"), "{refused:?}");
    let shipped = workbench.call(remove("nano33ble")).await.unwrap_err();
    assert!(shipped.message.contains("ships with Drydock"), "{shipped:?}");
    let unknown = workbench.call(remove("yours")).await.unwrap_err();
    assert_eq!(unknown.code, ErrorCode::NotFound);
    let board = BoardRef {
        board: "bench-1".into(),
    };
    workbench.call(Request::BoardRemove(board)).await.unwrap();
    workbench.call(remove("mine")).await.unwrap();
    assert!(!place.path().join("boards/mine.toml").exists());
    workbench.shutdown().await;
}
