//! A workbench with boards of several kinds, for tests.

use super::*;
use crate::api::{BoardAdd, Pace};

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
