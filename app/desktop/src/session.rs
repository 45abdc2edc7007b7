//! The workbench behind the window: its own, or that of the process that already owns the data directory.

use drydock_api::{ApiError, ErrorCode, Request, Response};
use drydock_client::{AttachError, Attached, DataDir, Updates};
use drydock_workbench::{OpenError, Workbench, WorkbenchConfig, WorkbenchError};
use std::time::Duration;
use tokio::time::Instant;

/// How long to wait for another process that holds the data directory without answering. It may be saving flash before
/// it closes.
const HANDOVER: Duration = Duration::from_secs(15);
/// Time between two looks.
const AGAIN: Duration = Duration::from_millis(50);

/// Why there is no session yet.
enum OpenRefused {
    /// Another process owns the data directory, but does not answer on its socket.
    NoAnswer(ApiError),
    /// Trying again is of no use.
    Failed(ApiError),
}

/// A workbench that answers.
pub(crate) enum WorkbenchSession {
    /// This process owns the data directory.
    Own(Box<Workbench>),
    /// Another process owns it.
    Attached(Attached),
}

impl WorkbenchSession {
    /// Opens the data directory, or attaches to its owner. `step` receives a name for each step.
    ///
    /// # Errors
    /// A sentence for the user.
    pub(crate) async fn open(data: &DataDir, step: impl Fn(&str)) -> Result<Self, ApiError> {
        let late = Instant::now() + HANDOVER;
        loop {
            match Self::try_open(data, &step).await {
                // The owner is still opening or already closing: it does not take the lock and the socket at the same
                // moment.
                Err(OpenRefused::NoAnswer(_)) if Instant::now() < late => {
                    step("Waiting for the other Drydock to open or to close");
                    tokio::time::sleep(AGAIN).await;
                }
                Err(OpenRefused::NoAnswer(error) | OpenRefused::Failed(error)) => return Err(error),
                Ok(session) => return Ok(session),
            }
        }
    }

    async fn try_open(data: &DataDir, step: impl Fn(&str)) -> Result<Self, OpenRefused> {
        step("Opening the data directory");
        let config = WorkbenchConfig {
            data: data.clone(),
            log: true,
            keep_recent: true,
            ..WorkbenchConfig::default()
        };
        match Workbench::open(config).await {
            Ok(workbench) => Ok(Self::Own(Box::new(workbench))),
            Err(WorkbenchError::Data(OpenError::Owned { .. })) => {
                step("Attaching to the running Drydock");
                Attached::attach(data)
                    .await
                    .map(Self::Attached)
                    .map_err(|error| match error {
                        AttachError::NoOwner => OpenRefused::NoAnswer(not_attached(&error)),
                        error => OpenRefused::Failed(not_attached(&error)),
                    })
            }
            Err(error) => Err(OpenRefused::Failed(failed(&error))),
        }
    }

    /// What the previous run left undone, if this process owns the data directory and the previous end was unclean.
    pub(crate) fn recovered(&self) -> Option<Vec<String>> {
        let Self::Own(workbench) = self else { return None };
        let sentences = workbench.recovered()?.data.get("sentences")?.as_array()?;
        Some(sentences.iter().filter_map(|s| s.as_str().map(str::to_owned)).collect())
    }

    pub(crate) async fn call(&self, request: Request) -> Result<Response, ApiError> {
        match self {
            Self::Own(workbench) => workbench.call(request).await,
            Self::Attached(attached) => attached.call(request).await,
        }
    }

    pub(crate) async fn subscribe(&self) -> Result<Updates, ApiError> {
        match self {
            Self::Own(workbench) => Ok(workbench.subscribe()),
            Self::Attached(attached) => attached.subscribe().await,
        }
    }

    /// Closes what this process owns.
    pub(crate) async fn close(self) {
        if let Self::Own(workbench) = self {
            workbench.shutdown().await;
        }
    }
}

fn not_attached(error: &AttachError) -> ApiError {
    ApiError {
        code: ErrorCode::Internal,
        message: format!("Another Drydock owns this data directory, but cannot be used from here: {error}."),
        detail: None,
    }
}

fn failed(error: &WorkbenchError) -> ApiError {
    let mut causes = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    ApiError {
        code: ErrorCode::Internal,
        message: format!("The workbench cannot be opened: {error}."),
        detail: (!causes.is_empty()).then(|| causes.join("\n")),
    }
}
