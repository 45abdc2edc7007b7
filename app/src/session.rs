//! The workbench behind the window: its own, or that of the process that owns the data directory already.

use drydock_workbench::{
    AttachError, Attached, DataDir, OpenError, Updates, Workbench, WorkbenchConfig, WorkbenchError,
    api::{ApiError, ErrorCode, Request, Response},
};

/// A workbench that answers.
pub(crate) enum Session {
    /// This process owns the data directory.
    Own(Workbench),
    /// Another process owns it.
    Attached(Attached),
}

impl Session {
    /// Opens the data directory, or attaches to its owner. `step` is told what is being done.
    ///
    /// # Errors
    /// A sentence for the user.
    pub(crate) async fn open(data: &DataDir, step: impl Fn(&str)) -> Result<Self, ApiError> {
        step("Opening the data directory");
        let config = WorkbenchConfig {
            data: data.clone(),
            log: true,
            ..WorkbenchConfig::default()
        };
        match Workbench::open(config).await {
            Ok(workbench) => Ok(Self::Own(workbench)),
            Err(WorkbenchError::Data(OpenError::Owned { .. })) => {
                step("Attaching to the running Drydock");
                Attached::attach(data).await.map(Self::Attached).map_err(not_attached)
            }
            Err(error) => Err(failed(&error)),
        }
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

fn not_attached(error: AttachError) -> ApiError {
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
