//! A workbench with boards of several kinds, for tests.

use super::*;
use crate::api::{AppDeploy, AppSource, BoardAdd, Pace};
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
    AppDeploy {
        boards: vec![board.to_owned()],
        source: AppSource::Sample("blink".into()),
        name: None,
        version: None,
        grant: Vec::new(),
        no_start: false,
    }
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
