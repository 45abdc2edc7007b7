//! Reads of memory and registers over a debug probe.

use super::{lease, probed::find};
use crate::{
    api::{ApiError, ErrorCode, ProbeMemory, ProbeRead, ProbeRef, ProbeRegisters, RegisterView},
    errors::{usage, with_sources},
    fleet::PortUser,
    state::WorkbenchState,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use drydock_hardware::probe::{ProbeError, Probes};
use std::sync::Arc;

/// Most bytes of one request.
const LONGEST: u32 = 64 * 1024;

/// Reads memory while the program runs.
pub(crate) async fn memory(workbench: &Arc<WorkbenchState>, request: ProbeRead) -> Result<ProbeMemory, ApiError> {
    let ProbeRead { address, length, .. } = request;
    if !(1..=LONGEST).contains(&length) {
        return Err(usage(format!("{length} bytes cannot be read; give 1 to {LONGEST}.")));
    }
    if u64::from(address) + u64::from(length) > 1 << 32 {
        let text =
            format!("{length} bytes from {address:#010x} go past the last address, 0xffffffff; give a smaller number.");
        return Err(usage(text));
    }
    let bytes = over_probe(workbench, request.probe, move |probes, probe| {
        let mut bytes = vec![0; length as usize];
        probes.read_memory(probe, address, &mut bytes).map(|()| bytes)
    });
    let base64 = BASE64_STANDARD.encode(bytes.await?);
    Ok(ProbeMemory { address, base64 })
}

/// Reads the core's registers, for which it is halted.
pub(crate) async fn registers(workbench: &Arc<WorkbenchState>, request: ProbeRef) -> Result<ProbeRegisters, ApiError> {
    let read = over_probe(workbench, request.probe, Probes::read_registers).await?;
    let text = match read.was_halted {
        true => "The core was halted already, by another debugger, and still is.",
        false => "The core was halted for a moment and runs on.",
    };
    let registers = read.values.into_iter().map(|(name, value)| RegisterView {
        name: name.to_owned(),
        value,
    });
    Ok(ProbeRegisters {
        registers: registers.collect(),
        text: text.to_owned(),
    })
}

/// Uses a probe for a moment.
async fn over_probe<T: Send + 'static>(
    workbench: &Arc<WorkbenchState>,
    probe: String,
    read: impl FnOnce(&Probes, &str) -> Result<T, ProbeError> + Send + 'static,
) -> Result<T, ApiError> {
    find(workbench, &probe).await?;
    let lease = lease(workbench, &probe, PortUser::Read)?;
    let probes = Arc::clone(&workbench.hardware.probes);
    let reading = tokio::task::spawn_blocking(move || {
        let _lease = lease;
        read(&probes, &probe)
    });
    let read = reading
        .await
        .map_err(|error| ApiError::internal(format!("The probe cannot be used: {error}.")))?;
    read.map_err(|error| with_sources(ErrorCode::Board, &error))
}
