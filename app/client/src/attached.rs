//! The client's side of the owner's socket.

use crate::{
    data_dir::DataDir,
    line::{self, FromClient, FromOwner, OwnerAddress},
    updates::{Hub, Updates},
};
use drydock_api::{ApiError, ErrorCode, Request, Response};
use std::{
    collections::HashMap,
    io,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::{
    io::BufReader,
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

/// Why the owner of a data directory cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// There is none.
    #[error("no Drydock owns this data directory")]
    NoOwner,
    /// It speaks another version.
    #[error("the running Drydock is version {theirs}, this is {}; close the running one or use its own `drydock`", env!("CARGO_PKG_VERSION"))]
    Version {
        /// Version of the owner.
        theirs: String,
    },
    /// The socket failed.
    #[error("the running Drydock does not answer ({0}); close it and try again")]
    Io(#[from] io::Error),
}

impl From<AttachError> for ApiError {
    fn from(error: AttachError) -> Self {
        let text = error.to_string();
        let mut letters = text.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        let sentence: String = first.into_iter().chain(letters).chain(['.']).collect();
        Self::new(ErrorCode::Internal, sentence)
    }
}

/// A connection to the owner of a data directory.
#[derive(Debug)]
pub struct Attached {
    lines: mpsc::Sender<FromClient>,
    shared: Arc<Shared>,
    next_id: AtomicU64,
    tasks: [JoinHandle<()>; 2],
}

/// Calls that wait for their answer, by id; none once the owner has gone.
type Waiting = Option<HashMap<u64, oneshot::Sender<Result<serde_json::Value, ApiError>>>>;

#[derive(Debug, Default)]
struct Shared {
    calls: Mutex<Waiting>,
    updates: Hub,
}

impl Attached {
    /// Connects to the owner.
    ///
    /// # Errors
    /// [`AttachError`].
    pub async fn attach(which: &DataDir) -> Result<Self, AttachError> {
        let path = which.path().ok_or(AttachError::NoOwner)?;
        let stream = connect(&path).await?;
        let (reader, writer) = stream.into_split();
        let mut reader = BufReader::new(reader);
        match line::read(&mut reader).await? {
            Some(FromOwner::Hello { version, .. }) if version == line::VERSION => {}
            Some(FromOwner::Hello { drydock, .. }) => return Err(AttachError::Version { theirs: drydock }),
            _ => return Err(AttachError::NoOwner),
        }
        let shared = Arc::new(Shared {
            calls: Mutex::new(Some(HashMap::new())),
            updates: Hub::default(),
        });
        let (lines, queue) = mpsc::channel(64);
        Ok(Self {
            lines,
            tasks: [
                tokio::spawn(write_lines(writer, queue)),
                tokio::spawn(read_lines(reader, Arc::clone(&shared))),
            ],
            shared,
            next_id: AtomicU64::new(1),
        })
    }

    /// Calls a method of the owner.
    ///
    /// # Errors
    /// What the owner says; or the owner has gone.
    pub async fn call(&self, request: Request) -> Result<Response, ApiError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (sender, reply) = oneshot::channel();
        match &mut *self.shared.calls() {
            Some(calls) => calls.insert(id, sender),
            None => return Err(gone()),
        };
        let call = FromClient::Call {
            id,
            request: request.clone(),
        };
        self.lines.send(call).await.map_err(|_| gone())?;
        let result = reply.await.map_err(|_| gone())??;
        request
            .parse_response(result)
            .map_err(|error| ApiError::internal(format!("the running Drydock answered in another form: {error}")))
    }

    /// Asks for updates. What happened before the owner took the request is not among them.
    ///
    /// # Errors
    /// The owner has gone.
    pub async fn subscribe(&self) -> Result<Updates, ApiError> {
        let updates = self.shared.updates.subscribe();
        self.lines.send(FromClient::Subscribe).await.map_err(|_| gone())?;
        Ok(updates)
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Shared {
    fn calls(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, id: u64, outcome: Result<serde_json::Value, ApiError>) {
        let waiting = self.calls().as_mut().and_then(|calls| calls.remove(&id));
        if let Some(waiting) = waiting {
            // Whoever asked may have stopped waiting.
            let _ = waiting.send(outcome);
        }
    }
}

/// Where the socket is stands in `DIR/owner.json`; what a killed owner left there leads nowhere.
async fn connect(directory: &Path) -> Result<UnixStream, AttachError> {
    let text = tokio::fs::read(directory.join("owner.json"))
        .await
        .map_err(|_| AttachError::NoOwner)?;
    let address: OwnerAddress = serde_json::from_slice(&text).map_err(|_| AttachError::NoOwner)?;
    match UnixStream::connect(&address.socket).await {
        Ok(stream) => Ok(stream),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            Err(AttachError::NoOwner)
        }
        Err(error) => Err(error.into()),
    }
}

async fn write_lines(mut writer: OwnedWriteHalf, mut queue: mpsc::Receiver<FromClient>) {
    while let Some(message) = queue.recv().await {
        if line::write(&mut writer, &message).await.is_err() {
            break;
        }
    }
}

async fn read_lines(mut reader: BufReader<OwnedReadHalf>, shared: Arc<Shared>) {
    while let Ok(Some(message)) = line::read(&mut reader).await {
        match message {
            FromOwner::Hello { .. } | FromOwner::Subscribed => {}
            FromOwner::Reply { id, result } => shared.settle(id, Ok(result)),
            FromOwner::Failed { id, error } => shared.settle(id, Err(error)),
            FromOwner::Update(update) => shared.updates.publish(&update),
        }
    }
    shared.calls().take();
    shared.updates.close();
}

fn gone() -> ApiError {
    ApiError {
        code: ErrorCode::Internal,
        message: "The running Drydock has ended.".into(),
        detail: None,
    }
}
