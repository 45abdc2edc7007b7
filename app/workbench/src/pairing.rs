//! Whether boards that the user did not create may enroll: off in a fresh data directory and after every start, on
//! during a pairing. Boards that the user created enroll with their own one-time token in either case.

use crate::{
    api::{ApiError, Empty, ErrorCode, PairingSet},
    errors::with_sources,
    state::WorkbenchState,
};
use drydock_gateway::PairingMode;
use std::{sync::Arc, time::Duration};

/// Duration of a pairing that the user does not end.
pub(crate) const PAIRING_TIME: Duration = Duration::from_secs(600);

/// Starts a pairing, which ends by itself after [`PAIRING_TIME`], or ends the current one.
pub(crate) async fn set(workbench: &Arc<WorkbenchState>, request: PairingSet) -> Result<Empty, ApiError> {
    set_for(workbench, request.enabled.then_some(PAIRING_TIME)).await
}

/// Starts a pairing of a given length, or ends the current one.
pub(crate) async fn set_for(workbench: &Arc<WorkbenchState>, time: Option<Duration>) -> Result<Empty, ApiError> {
    let mode = match time {
        Some(_) => PairingMode::On,
        None => PairingMode::Off,
    };
    let switched = workbench.gateway.set_pairing(mode).await;
    switched.map_err(|error| with_sources(ErrorCode::Internal, &error))?;
    let end = time.map(|time| {
        let gateway = workbench.gateway.clone();
        let end = async move {
            tokio::time::sleep(time).await;
            if let Err(error) = gateway.set_pairing(PairingMode::Off).await {
                tracing::warn!(%error, "pairing could not be switched off");
            }
        };
        tokio::spawn(end).abort_handle()
    });
    workbench.pairing.replace(end);
    Ok(Empty {})
}
