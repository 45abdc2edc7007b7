//! The first start's demo board.

use crate::session::WorkbenchSession;
use drydock_api::{BoardAdd, Empty, Request, Response};
use std::path::Path;

/// Marks in a data directory that the demo board was offered, so that it does not come back once the user removed it.
const OFFERED: &str = "demo-offered";

/// Adds one board if the fleet was never touched. The window opens even if this fails: the empty fleet offers the same.
pub(crate) async fn add_if_untouched(session: &WorkbenchSession) {
    let Ok(Response::SystemInfo(info)) = session.call(Request::SystemInfo(Empty {})).await else {
        return;
    };
    let offered = Path::new(&info.data_dir).join(OFFERED);
    if offered.exists() {
        return;
    }
    let Ok(Response::BoardList(fleet)) = session.call(Request::BoardList(Empty {})).await else {
        return;
    };
    if fleet.boards.is_empty() {
        let board = BoardAdd {
            kind: "nano33ble".into(),
            name: Some("bench-1".into()),
            ..BoardAdd::default()
        };
        if let Err(error) = session.call(Request::BoardAdd(board)).await {
            eprintln!("drydock-desktop: no demo board: {}", error.message);
            return;
        }
    }
    if let Err(error) = std::fs::write(&offered, b"") {
        eprintln!("drydock-desktop: {} cannot be written: {error}", offered.display());
    }
}
