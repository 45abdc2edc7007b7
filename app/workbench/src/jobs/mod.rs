//! Jobs on boards: flashing, backing up, erasing and provisioning. A job goes on when its caller leaves, can be cancelled,
//! and is kept in a journal, so that it can be resumed after a crash.

mod cable;
pub(crate) mod evidence;
mod flash;
mod job;
mod journal;
mod provision;
pub(crate) mod sheet;

pub(crate) use flash::{backup, description, erase, flash};
pub(crate) use provision::provision;

use crate::{
    api::{ApiError, ErrorCode, JobRef, JobState, JobView},
    clock::now_ms,
    state::WorkbenchState,
};
use drydock_client::Hub;
use job::Job;
use journal::JobRequest;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Jobs that are kept in the list and on disk; the oldest ended ones go first.
const KEPT: usize = 500;

/// The jobs of a data directory.
pub(crate) struct Jobs {
    folder: PathBuf,
    jobs: Mutex<BTreeMap<u64, Arc<Job>>>,
}

impl Jobs {
    /// Reads the journal. Jobs that were under way when the last owner ended are interrupted now.
    pub(crate) fn open(data: &std::path::Path, hub: &Hub) -> Self {
        let folder = data.join("jobs");
        let jobs = journal::read(&folder)
            .into_iter()
            .map(|(request, mut view)| {
                if view.state == JobState::Running {
                    view.state = JobState::Interrupted;
                    view.ended_ms = Some(now_ms());
                    view.text = "Drydock ended during this job; resume it to go on.".into();
                }
                (
                    view.id,
                    Arc::new(Job::ended(request, view, folder.clone(), hub.clone())),
                )
            })
            .collect();
        Self {
            folder,
            jobs: Mutex::new(jobs),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Job>>> {
        // The map is consistent between any two statements that touch it.
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, id: u64) -> Result<Arc<Job>, ApiError> {
        let job = self.lock().get(&id).cloned();
        job.ok_or_else(|| ApiError::new(ErrorCode::NotFound, format!("There is no job {id}.")))
    }

    /// Adds a job under the next number, and drops the oldest ended ones.
    fn add(&self, make: impl FnOnce(u64) -> Job) -> Arc<Job> {
        let mut jobs = self.lock();
        let id = jobs.last_key_value().map_or(1, |(id, _)| id + 1);
        let job = Arc::new(make(id));
        jobs.insert(id, Arc::clone(&job));
        let surplus = jobs.len().saturating_sub(KEPT);
        let ended = jobs.iter().filter(|(_, job)| !job.is_running());
        let dropped: Vec<u64> = ended.map(|(id, _)| *id).take(surplus).collect();
        for id in dropped {
            jobs.remove(&id);
            journal::forget(&self.folder, id);
        }
        job
    }

    /// Cancels all jobs and waits until each has left its board.
    pub(crate) async fn end_all(&self) {
        let running: Vec<Arc<Job>> = self.lock().values().filter(|job| job.is_running()).cloned().collect();
        for job in &running {
            job.interrupt();
        }
        for job in running {
            job.ended_or_timeout().await;
        }
    }
}

/// The jobs, the newest first.
pub(crate) fn list(workbench: &WorkbenchState) -> Vec<JobView> {
    workbench.jobs.lock().values().rev().map(|job| job.view()).collect()
}

/// One job.
pub(crate) fn get(workbench: &WorkbenchState, job: JobRef) -> Result<JobView, ApiError> {
    Ok(workbench.jobs.find(job.id)?.view())
}

/// Cancels a job.
pub(crate) fn cancel(workbench: &WorkbenchState, job: JobRef) -> Result<JobView, ApiError> {
    let job = workbench.jobs.find(job.id)?;
    if !job.cancel() {
        let text = format!("Job {} has ended already.", job.view().id);
        return Err(ApiError::new(ErrorCode::Refused, text));
    }
    Ok(job.view())
}

/// Continues a job that has ended without success.
pub(crate) fn resume(workbench: &Arc<WorkbenchState>, job: JobRef) -> Result<JobView, ApiError> {
    let job = workbench.jobs.find(job.id)?;
    let view = job.view();
    match view.state {
        JobState::Running | JobState::Done => {
            let what = if view.state == JobState::Done {
                "ended well"
            } else {
                "is under way"
            };
            let text = format!("Job {} {what}; there is nothing to resume.", view.id);
            return Err(ApiError::new(ErrorCode::Refused, text));
        }
        JobState::Failed | JobState::Cancelled | JobState::Interrupted => {}
    }
    job.reopen();
    start(workbench, &job);
    Ok(job.view())
}

/// Starts what a job's request asks for.
fn start(workbench: &Arc<WorkbenchState>, job: &Arc<Job>) {
    let (workbench, job) = (Arc::clone(workbench), Arc::clone(job));
    tokio::spawn(async move {
        job.begun(&workbench);
        let outcome = match job.request() {
            JobRequest::Flash(request) => flash::run_flash(&workbench, &job, request).await,
            JobRequest::Backup(request) => flash::run_backup(&workbench, &job, request).await,
            JobRequest::Erase(request) => flash::run_erase(&workbench, &job, request).await,
            JobRequest::Provision(request) => provision::run(&workbench, &job, request).await,
        };
        job.end(&workbench, outcome);
    });
}
