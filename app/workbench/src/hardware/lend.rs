//! Lending a serial port to another program, and taking it back.

use super::views::port_view;
use crate::{
    api::{ApiError, ErrorCode, PortRef, PortView},
    fleet::{Command, PortUser},
    state::WorkbenchState,
};
use drydock_hardware::port::Port;
use std::sync::{Arc, PoisonError};

/// The user of a port that is lent.
const LENT: &str = "lent";

/// Closes a port, so that another program can open it.
pub(crate) async fn lend(workbench: &Arc<WorkbenchState>, request: PortRef) -> Result<PortView, ApiError> {
    let port = find(workbench, &request.path)?;
    let hardware = &workbench.hardware;
    match hardware.uses.user(&port.path) {
        Some(user) if user == LENT => return Ok(port_view(workbench, &port)),
        Some(user) => {
            let Some(board) = workbench.fleet.find(&user) else {
                let text = format!("{} is used by {user}; end that first.", port.path);
                return Err(ApiError::new(ErrorCode::Refused, text));
            };
            board
                .command(|reply| Command::ReleasePort(PortUser::Lent, reply))
                .await?;
        }
        None => {}
    }
    let lease = hardware.uses.lease(&port.path, LENT.into()).map_err(|user| {
        let text = format!("{} is used by {user}; end that first.", port.path);
        ApiError::new(ErrorCode::Refused, text)
    })?;
    hardware
        .lent
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(port.path.clone(), lease);
    workbench.hardware.changed.send_replace(());
    Ok(port_view(workbench, &port))
}

/// Ends the lending of a port; its board of the fleet opens it again.
pub(crate) async fn take_back(workbench: &Arc<WorkbenchState>, request: PortRef) -> Result<PortView, ApiError> {
    let lease = workbench
        .hardware
        .lent
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .remove(&request.path);
    if lease.is_none() {
        let text = format!("{} is not lent.", request.path);
        return Err(ApiError::new(ErrorCode::Refused, text));
    }
    drop(lease);
    for board in workbench.fleet.all() {
        let is_at = {
            let state = board.state();
            state
                .record
                .physical()
                .is_some_and(|physical| physical.port == request.path)
        };
        if is_at {
            board.command(Command::TakePort).await?;
        }
    }
    let port = find(workbench, &request.path)?;
    workbench.hardware.changed.send_replace(());
    Ok(port_view(workbench, &port))
}

/// The port with a path.
pub(super) fn find(workbench: &WorkbenchState, path: &str) -> Result<Port, ApiError> {
    workbench.hardware.ports.port(path).ok_or_else(|| {
        let ports = workbench.hardware.ports.list();
        let paths: Vec<&str> = ports.iter().map(|port| port.path.as_str()).collect();
        let text = match paths.as_slice() {
            [] => format!("There is no serial port {path}; there are none."),
            paths => format!("There is no serial port {path}; there are: {}.", paths.join(", ")),
        };
        ApiError::new(ErrorCode::NotFound, text)
    })
}
