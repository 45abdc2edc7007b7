//! Reaches a workbench: attaches to the owner of the data directory, or becomes the owner if there is none.

use crate::{exit::Failure, output::Output};
use drydock_api::{ApiError, ErrorCode, Request, Response};
use drydock_client::{AttachError, Attached, DataDir, Updates};
use drydock_workbench::{OpenError, Workbench, WorkbenchConfig, WorkbenchError};
use std::{path::Path, time::Duration};

/// A workbench, here or in another process.
pub(crate) struct Connection {
    workbench: Reached,
    /// Longest wait for the answer of a call, as `--timeout` says.
    limit: Option<Duration>,
}

enum Reached {
    Attached(Box<Attached>),
    Own(Box<Workbench>),
}

/// How this process treats boards if it becomes the owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Boards {
    /// Switch on the boards that were on.
    Start,
    /// Only read about them.
    LeaveOff,
}

impl Connection {
    /// Attaches to the owner of a data directory, or becomes the owner. A new owner reports what the previous run left
    /// undone.
    pub(crate) async fn open(data: Option<&Path>, boards: Boards, output: &Output) -> Result<Self, Failure> {
        let which = data.map_or(DataDir::Default, |path| DataDir::At(path.to_owned()));
        // An owner that is starting or ending has the lock, but no socket: try again for a moment.
        let mut tries = 0;
        loop {
            match Attached::attach(&which).await {
                Ok(attached) => return Ok(Reached::Attached(Box::new(attached)).into()),
                Err(AttachError::NoOwner) => {}
                Err(error) => return Err(ApiError::from(error).into()),
            }
            match own(which.clone(), boards).await {
                Err(WorkbenchError::Data(OpenError::Owned { .. })) if tries < 100 => {
                    tries += 1;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                outcome => {
                    let workbench = outcome.map_err(ApiError::from)?;
                    if let Some(recovered) = workbench.recovered() {
                        output.event(recovered);
                    }
                    return Ok(Reached::Own(Box::new(workbench)).into());
                }
            }
        }
    }

    /// Becomes the owner of a temporary directory.
    pub(crate) async fn temporary() -> Result<Self, Failure> {
        let workbench = own(DataDir::Temporary, Boards::Start).await;
        Ok(Reached::Own(Box::new(workbench.map_err(ApiError::from)?)).into())
    }

    /// The same connection, with a limit on the duration of each call.
    pub(crate) fn within(self, limit: Duration) -> Self {
        Self {
            limit: Some(limit),
            ..self
        }
    }

    /// Carries out a request.
    pub(crate) async fn call(&self, request: Request) -> Result<Response, ApiError> {
        let method = request.method();
        let call = async {
            match &self.workbench {
                Reached::Attached(attached) => attached.call(request).await,
                Reached::Own(workbench) => workbench.call(request).await,
            }
        };
        let Some(limit) = self.limit else { return call.await };
        tokio::time::timeout(limit, call).await.unwrap_or_else(|_| {
            let text = format!(
                "`{method}` was not answered within {} s; see --timeout.",
                limit.as_secs_f64()
            );
            Err(ApiError::new(ErrorCode::Board, text))
        })
    }

    /// Updates from now on.
    pub(crate) async fn subscribe(&self) -> Result<Updates, ApiError> {
        match &self.workbench {
            Reached::Attached(attached) => attached.subscribe().await,
            Reached::Own(workbench) => Ok(workbench.subscribe()),
        }
    }

    /// Closes the connection. An owner switches its boards off and saves their state.
    pub(crate) async fn close(self) {
        if let Reached::Own(workbench) = self.workbench {
            workbench.shutdown().await;
        }
    }
}

impl From<Reached> for Connection {
    fn from(workbench: Reached) -> Self {
        Self { workbench, limit: None }
    }
}

async fn own(data: DataDir, boards: Boards) -> Result<Workbench, WorkbenchError> {
    Workbench::open(WorkbenchConfig {
        data,
        log: true,
        leave_boards_off: boards == Boards::LeaveOff,
        ..WorkbenchConfig::default()
    })
    .await
}

/// Calls a method and takes its result out of the response.
macro_rules! ask {
    ($connection:expr, $method:ident($params:expr)) => {
        match $connection.call(drydock_api::Request::$method($params)).await {
            Ok(drydock_api::Response::$method(result)) => Ok(result),
            Ok(_) => Err(drydock_api::ApiError::internal(
                "The workbench answered another question.",
            )),
            Err(error) => Err(error),
        }
    };
}
pub(crate) use ask;
