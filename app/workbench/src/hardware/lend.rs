//! Lending a serial port to another program, and taking it back.

use super::{borrow::Borrowed, views::port_view};
use crate::{
    api::{ApiError, ErrorCode, PortRef, PortView},
    fleet::PortUser,
    state::WorkbenchState,
};
use drydock_hardware::port::Port;
use std::sync::{Arc, PoisonError};

/// Closes a port, so that another program can open it.
pub(crate) async fn lend(workbench: &Arc<WorkbenchState>, request: PortRef) -> Result<PortView, ApiError> {
    let port = find(workbench, &request.path)?;
    let hardware = &workbench.hardware;
    if hardware.uses.user(&port.path) == Some(PortUser::Lent) {
        return Ok(port_view(workbench, &port));
    }
    let borrowed = Borrowed::take(workbench, &port.path, PortUser::Lent).await;
    let borrowed = borrowed.map_err(|refusal| ApiError::new(ErrorCode::Refused, refusal))?;
    hardware
        .lent
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(port.path.clone(), borrowed);
    Ok(port_view(workbench, &port))
}

/// Ends the lending of a port; its board of the fleet opens it again.
pub(crate) async fn take_back(workbench: &Arc<WorkbenchState>, request: PortRef) -> Result<PortView, ApiError> {
    let borrowed = workbench
        .hardware
        .lent
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .remove(&request.path);
    let Some(borrowed) = borrowed else {
        let text = format!("{} is not lent.", request.path);
        return Err(ApiError::new(ErrorCode::Refused, text));
    };
    borrowed.give_back().await;
    let port = workbench.hardware.ports.port(&request.path).ok_or_else(|| {
        let text = format!("{} was taken back; it is not plugged in now.", request.path);
        ApiError::new(ErrorCode::Board, text)
    })?;
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
