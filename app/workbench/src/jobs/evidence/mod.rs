//! The evidence of provisioned boards: a JSON file to keep for each, `DIR/evidence/BOARD-JOB.json`, and the table of all.

mod csv;
mod file;
mod table;

pub(super) use file::{FOLDER, Written};

use crate::{
    api::{ApiError, Evidence, EvidenceExport, Exported},
    exported::exported,
    state::WorkbenchState,
};

/// All evidence, and the jobs that failed.
pub(crate) async fn list(workbench: &WorkbenchState) -> Result<Evidence, ApiError> {
    let (folder, jobs) = (workbench.dir.path().join(FOLDER), super::list(workbench));
    tokio::task::spawn_blocking(move || table::table(&folder, &jobs))
        .await
        .map_err(|error| ApiError::internal(format!("The evidence could not be read: {error}.")))
}

/// The table as comma-separated values.
pub(crate) async fn export(workbench: &WorkbenchState, request: EvidenceExport) -> Result<Exported, ApiError> {
    let evidence = list(workbench).await?;
    let text =
        csv::text(&evidence).map_err(|error| ApiError::internal(format!("The table could not be made: {error}.")))?;
    exported(text, request.path).await
}
