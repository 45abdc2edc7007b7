//! Version and condition of this Drydock, in one view.

use crate::{api::SystemInfo, engines::engines, state::WorkbenchState};
use drydock_gateway::PairingMode;

pub(crate) fn system_info(workbench: &WorkbenchState) -> SystemInfo {
    let gateway = workbench.gateway.info();
    SystemInfo {
        version: env!("CARGO_PKG_VERSION").into(),
        commit: env!("DRYDOCK_COMMIT").into(),
        schema: gateway.schema,
        data_dir: workbench.dir.path().display().to_string(),
        temporary: workbench.dir.is_temporary(),
        gateway: gateway.name,
        sessions: u32::try_from(gateway.sessions).unwrap_or(u32::MAX),
        pairing: gateway.pairing == PairingMode::On,
        engines: engines(None),
        listening: gateway.listening.first().map(ToString::to_string),
    }
}
