//! The journal of jobs: one file for each, `DIR/jobs/ID.json`, written whenever a step begins or ends.

use crate::{
    api::{BackupStart, CableRef, EraseStart, FlashStart, JobView, ProvisionStart},
    data_dir::replace,
};
use serde::{Deserialize, Serialize};
use std::{fs, io, path::Path};

/// Format of the files.
const FORMAT: u32 = 1;

/// What a job was asked to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum JobRequest {
    Flash(FlashStart),
    Backup(BackupStart),
    Erase(EraseStart),
    /// For one board.
    Provision(ProvisionStart),
}

impl JobRequest {
    /// Whether everything on the chip goes.
    pub(super) fn erases_all(&self) -> bool {
        match self {
            Self::Flash(request) => request.erase_all,
            Self::Provision(request) => request.erase_all,
            Self::Erase(_) => true,
            Self::Backup(_) => false,
        }
    }

    /// The board on its cable.
    pub(super) fn on(&self) -> CableRef {
        match self {
            Self::Flash(request) => request.on.clone(),
            Self::Backup(request) => request.on.clone(),
            Self::Erase(request) => request.on.clone(),
            Self::Provision(request) => request.on.first().cloned().unwrap_or_default(),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Entry {
    format: u32,
    request: JobRequest,
    view: JobView,
}

/// Writes a job's file.
pub(super) fn write(folder: &Path, request: &JobRequest, view: &JobView) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let entry = Entry {
        format: FORMAT,
        request: request.clone(),
        view: view.clone(),
    };
    replace(
        &folder.join(format!("{}.json", view.id)),
        &serde_json::to_vec_pretty(&entry)?,
    )
}

/// Reads all jobs. A file that cannot be read is left alone and noted in the log.
pub(super) fn read(folder: &Path) -> Vec<(JobRequest, JobView)> {
    let Ok(files) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut jobs = Vec::new();
    for file in files.flatten() {
        let path = file.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        match fs::read(&path)
            .map_err(|error| error.to_string())
            .and_then(|text| parse(&text))
        {
            Ok(job) => jobs.push(job),
            Err(error) => tracing::warn!(error, file = %path.display(), "a job cannot be read"),
        }
    }
    jobs
}

fn parse(text: &[u8]) -> Result<(JobRequest, JobView), String> {
    let entry: Entry = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    match entry.format {
        FORMAT => Ok((entry.request, entry.view)),
        other => Err(format!("format {other} is newer than this Drydock")),
    }
}

/// Removes a job's file.
pub(super) fn forget(folder: &Path, id: u64) {
    let path = folder.join(format!("{id}.json"));
    if let Err(error) = fs::remove_file(&path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, file = %path.display(), "the file of an old job stays");
    }
}
