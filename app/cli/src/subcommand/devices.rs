//! `drydock devices`: the identities that boards have in the registry.

use crate::{
    connection::{Boards, Connection, ask},
    exit::{Exit, Failure},
    output::{Ink, Output},
};
use drydock_api::Empty;
use serde_json::json;
use std::path::Path;

pub(crate) async fn devices(data: Option<&Path>, output: &Output) -> Result<Exit, Failure> {
    let connection = Connection::open(data, Boards::LeaveOff, output).await?;
    let fleet = ask!(connection, BoardList(Empty {}));
    connection.close().await;
    let mut rows = Vec::new();
    for board in fleet?.boards {
        let Some(device) = board.device else { continue };
        output.object("device", &json!({ "board": board.name, "device": device }));
        let state = serde_json::to_value(device.state).ok();
        rows.push(vec![
            (Ink::Bold, device.id.clone()),
            (Ink::Plain, board.name.clone()),
            (
                Ink::Plain,
                state
                    .as_ref()
                    .and_then(|state| state.as_str())
                    .unwrap_or_default()
                    .into(),
            ),
            (Ink::Dim, device.chip_id.clone()),
            (Ink::Plain, device.firmware.clone()),
        ]);
    }
    if rows.is_empty() {
        output.say("No board has an identity yet; it gets one when it is switched on for the first time.");
    } else {
        output.table(&["device", "board", "state", "chip id", "firmware"], &rows);
    }
    Ok(Exit::Success)
}
