//! A workbench with boards of several kinds, for tests.

use super::cable_tests::{board_until, call};
use super::*;
use crate::api::{AppDeploy, AppSource, BoardAdd, BoardPower, BoardRef, BoardView, Pace, PowerAction};
use std::path::Path;

/// A workbench on this data directory.
pub(super) async fn open(data: &Path) -> Workbench {
    let config = WorkbenchConfig {
        data: DataDir::At(data.to_owned()),
        ..WorkbenchConfig::default()
    };
    Workbench::open(config).await.unwrap()
}

/// The sample `blink`, for a board.
pub(super) fn blink(board: &str) -> AppDeploy {
    sample("blink", board)
}

/// A sample app, for a board.
pub(super) fn sample(app: &str, board: &str) -> AppDeploy {
    AppDeploy {
        boards: vec![board.to_owned()],
        source: AppSource::Sample(app.into()),
        name: None,
        version: None,
        grant: Vec::new(),
        no_start: false,
    }
}

/// Waits until this much of the board's time has passed, however busy the host is.
pub(super) async fn pass(workbench: &Workbench, board: &str, seconds: f64) {
    let time = |view: &BoardView| view.machine.as_ref().map_or(0.0, |machine| machine.virtual_time_s);
    let get = BoardRef {
        board: board.to_owned(),
    };
    let until = time(&call!(workbench, BoardGet(get)).unwrap()) + seconds;
    board_until(workbench, board, |view| time(view) >= until).await;
}

pub(super) async fn power(workbench: &Workbench, board: &str, action: PowerAction) {
    let power = BoardPower {
        board: board.to_owned(),
        action,
    };
    call!(workbench, BoardPower(power)).unwrap();
}

/// A workbench with a board of each kind, and the boards' ids; `None` where a firmware is missing.
pub(super) async fn fleet(kinds: &[&str]) -> Option<(Workbench, Vec<String>)> {
    if let Some(missing) = kinds.iter().find_map(|kind| drydock_embedded::firmware(kind).err()) {
        println!("drydock-skip: {missing}");
        return None;
    }
    let config = WorkbenchConfig {
        data: DataDir::Temporary,
        ..WorkbenchConfig::default()
    };
    let workbench = Workbench::open(config).await.unwrap();
    let mut boards = Vec::new();
    for kind in kinds {
        let add = BoardAdd {
            kind: (*kind).into(),
            pace: Pace::Max,
            ..BoardAdd::default()
        };
        match workbench.call(Request::BoardAdd(add)).await.unwrap() {
            Response::BoardAdd(board) => boards.push(board.id),
            other => panic!("{other:?}"),
        }
    }
    Some((workbench, boards))
}
