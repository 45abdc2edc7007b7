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
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::BufReader,
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::Instant,
};

/// Longest silence of an owner before its first line and while a call waits. The owner sends a line every
/// [`line::ALIVE_EVERY`] while a call runs.
pub const SILENCE: Duration = Duration::from_secs(10);

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
    /// The owner does not answer: its process is stopped, or this machine is overloaded.
    #[error("the running Drydock (process {pid}) has been silent for {} s; if it is stopped, let it go on or end it, then try again", SILENCE.as_secs())]
    Silent {
        /// Process id of the owner.
        pid: u32,
    },
    /// The owner has reached its limit of connections.
    #[error("the running Drydock has {connections} clients already; close some of them and try again")]
    Full {
        /// Connections that it holds.
        connections: usize,
    },
    /// A process of another user listens on its socket.
    #[error(
        "a process of another user (uid {uid}) holds the socket of this data directory; give another one with --data DIR"
    )]
    OtherUser {
        /// The other user.
        uid: u32,
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

type Outcome = Result<serde_json::Value, ApiError>;

/// State shared between the callers and the reading task.
#[derive(Debug)]
struct Shared {
    /// Process id of the owner.
    pid: u32,
    /// Calls that wait for their answer, by id; `None` once the owner has closed the connection.
    calls: Mutex<Option<HashMap<u64, oneshot::Sender<Outcome>>>>,
    /// When the owner sent its last line.
    heard: Mutex<Instant>,
    updates: Hub,
}

impl Attached {
    /// Connects to the owner.
    ///
    /// # Errors
    /// [`AttachError`].
    pub async fn attach(which: &DataDir) -> Result<Self, AttachError> {
        let path = which.path().ok_or(AttachError::NoOwner)?;
        let address = owner_of(&path).await?;
        let greeting = tokio::time::timeout(SILENCE, greet(&address)).await;
        let (reader, writer) = greeting.map_err(|_| AttachError::Silent { pid: address.pid })??;
        let shared = Arc::new(Shared {
            pid: address.pid,
            calls: Mutex::new(Some(HashMap::new())),
            heard: Mutex::new(Instant::now()),
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

    /// Calls a method of the owner. Returns when the owner answers, has been silent for [`SILENCE`], or has not
    /// answered within the method's [`Request::time_limit`].
    ///
    /// # Errors
    /// The owner's own error; or the owner closed the connection, was silent, or was too late.
    pub async fn call(&self, request: Request) -> Result<Response, ApiError> {
        let limit = request.time_limit();
        let result = tokio::select! {
            result = self.exchange(&request) => result?,
            () = self.shared.silence() => return Err(AttachError::Silent { pid: self.shared.pid }.into()),
            () = tokio::time::sleep(limit) => return Err(late(&request, limit)),
        };
        request
            .parse_response(result)
            .map_err(|error| ApiError::internal(format!("The running Drydock answered in another form: {error}.")))
    }

    /// Sends a request and waits for the answer of the same id.
    async fn exchange(&self, request: &Request) -> Outcome {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (sender, reply) = oneshot::channel();
        match &mut *self.shared.calls() {
            Some(calls) => calls.insert(id, sender),
            None => return Err(gone()),
        };
        let _waiting = Waiting {
            id,
            shared: &self.shared,
        };
        let call = FromClient::Call {
            id,
            request: Box::new(request.clone()),
        };
        self.lines.send(call).await.map_err(|_| gone())?;
        reply.await.map_err(|_| gone())?
    }

    /// Subscribes to updates. Events from before the owner accepted the subscription are not included.
    ///
    /// # Errors
    /// The owner has closed the connection.
    pub async fn subscribe(&self) -> Result<Updates, ApiError> {
        let updates = self.shared.updates.subscribe();
        self.lines.send(FromClient::Subscribe).await.map_err(|_| gone())?;
        Ok(updates)
    }
}

/// A call that waits for its answer. Dropping it removes it from the list of waiting calls.
struct Waiting<'a> {
    id: u64,
    shared: &'a Shared,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(calls) = &mut *self.shared.calls() {
            calls.remove(&self.id);
        }
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
    fn calls(&self) -> MutexGuard<'_, Option<HashMap<u64, oneshot::Sender<Outcome>>>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn heard(&self) -> MutexGuard<'_, Instant> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, id: u64, outcome: Outcome) {
        let waiting = self.calls().as_mut().and_then(|calls| calls.remove(&id));
        if let Some(waiting) = waiting {
            // The caller may have stopped waiting.
            let _ = waiting.send(outcome);
        }
    }

    /// Completes when the owner has sent nothing for [`SILENCE`], counted from this call.
    async fn silence(&self) {
        let begin = Instant::now();
        loop {
            let end = begin.max(*self.heard()) + SILENCE;
            if Instant::now() >= end {
                return;
            }
            tokio::time::sleep_until(end).await;
        }
    }
}

/// The address of the owner's socket, read from `DIR/owner.json`. A killed owner leaves this file behind.
async fn owner_of(directory: &Path) -> Result<OwnerAddress, AttachError> {
    let text = tokio::fs::read(directory.join("owner.json"))
        .await
        .map_err(|_| AttachError::NoOwner)?;
    serde_json::from_slice(&text).map_err(|_| AttachError::NoOwner)
}

/// Connects, and reads the owner's first line.
async fn greet(address: &OwnerAddress) -> Result<(BufReader<OwnedReadHalf>, OwnedWriteHalf), AttachError> {
    let stream = match UnixStream::connect(&address.socket).await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Err(AttachError::NoOwner);
        }
        Err(error) => return Err(error.into()),
    };
    check_user(stream.peer_cred()?.uid(), own_user()?)?;
    let (reader, writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    match line::read(&mut reader).await? {
        Some(FromOwner::Hello { version, .. }) if version == line::VERSION => Ok((reader, writer)),
        Some(FromOwner::Hello { drydock, .. }) => Err(AttachError::Version { theirs: drydock }),
        Some(FromOwner::Full { connections }) => Err(AttachError::Full { connections }),
        _ => Err(AttachError::NoOwner),
    }
}

/// The uid of this process: it asks for the peer of its own socket pair.
fn own_user() -> io::Result<u32> {
    let (one, _other) = UnixStream::pair()?;
    Ok(one.peer_cred()?.uid())
}

/// A process of another user could pose as the owner and read the requests.
fn check_user(owner: u32, own: u32) -> Result<(), AttachError> {
    if owner == own {
        Ok(())
    } else {
        Err(AttachError::OtherUser { uid: owner })
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
        *shared.heard() = Instant::now();
        match message {
            FromOwner::Hello { .. } | FromOwner::Full { .. } | FromOwner::Alive | FromOwner::Subscribed => {}
            FromOwner::Reply { id, result } => shared.answer(id, Ok(result)),
            FromOwner::Failed { id, error } => shared.answer(id, Err(error)),
            FromOwner::Update(update) => shared.updates.publish(&update),
        }
    }
    shared.calls().take();
    shared.updates.close();
}

fn gone() -> ApiError {
    ApiError::internal("The running Drydock has ended.")
}

fn late(request: &Request, limit: Duration) -> ApiError {
    ApiError::internal(format!(
        "The running Drydock has not carried out `{}` after {} s; try again, or start it anew.",
        request.method(),
        limit.as_secs()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use drydock_api::{AppDeploy, AppSource, BoardRef, Empty, Text};
    use tokio::net::UnixListener;

    /// A data directory with the socket of an owner.
    fn owner() -> (tempfile::TempDir, DataDir, UnixListener) {
        let place = tempfile::tempdir().unwrap();
        let socket = place.path().join("owner.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let address = OwnerAddress {
            pid: 4711,
            version: "0.1.0".into(),
            socket,
        };
        std::fs::write(place.path().join("owner.json"), serde_json::to_vec(&address).unwrap()).unwrap();
        let which = DataDir::At(place.path().to_owned());
        (place, which, listener)
    }

    /// Takes a client, and says hello.
    async fn welcome(listener: &UnixListener) -> (BufReader<OwnedReadHalf>, OwnedWriteHalf) {
        let (stream, _) = listener.accept().await.unwrap();
        let (reader, mut writer) = stream.into_split();
        let hello = FromOwner::Hello {
            version: line::VERSION,
            drydock: "0.1.0".into(),
        };
        line::write(&mut writer, &hello).await.unwrap();
        (BufReader::new(reader), writer)
    }

    fn deploy() -> Request {
        Request::AppDeploy(AppDeploy {
            source: AppSource::Sample("blink".into()),
            boards: Vec::new(),
            name: None,
            version: None,
            grant: Vec::new(),
            no_start: false,
        })
    }

    #[tokio::test(start_paused = true)]
    async fn an_owner_that_does_not_greet_is_named() {
        let (_place, which, _listener) = owner();
        let error = Attached::attach(&which).await.unwrap_err();
        assert!(matches!(error, AttachError::Silent { pid: 4711 }), "{error}");
        assert!(ApiError::from(error).message.contains("process 4711"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_to_a_silent_owner_ends_and_the_next_one_may_be_answered() {
        let (_place, which, listener) = owner();
        let (attached, owner) = tokio::join!(Attached::attach(&which), welcome(&listener));
        let (attached, (mut reader, mut writer)) = (attached.unwrap(), owner);
        let begin = Instant::now();
        let error = attached.call(deploy()).await.unwrap_err();
        assert!(error.message.contains("silent for 10 s"), "{error}");
        assert_eq!(begin.elapsed().as_secs(), SILENCE.as_secs());

        // The owner continues, and answers both.
        let serve = async {
            for text in ["late", "in time"] {
                let Some(FromClient::Call { id, .. }) = line::read(&mut reader).await.unwrap() else {
                    panic!("a call")
                };
                let result = serde_json::json!({ "text": text });
                line::write(&mut writer, &FromOwner::Reply { id, result })
                    .await
                    .unwrap();
            }
        };
        let (answer, ()) = tokio::join!(attached.call(Request::Diagnostics(Empty {})), serve);
        let in_time = Text { text: "in time".into() };
        assert_eq!(answer.unwrap(), Response::Diagnostics(in_time));
    }

    #[tokio::test(start_paused = true)]
    async fn signs_of_life_keep_a_long_call_until_its_limit() {
        let (_place, which, listener) = owner();
        let (attached, owner) = tokio::join!(Attached::attach(&which), welcome(&listener));
        let (attached, (_reader, mut writer)) = (attached.unwrap(), owner);
        let live = tokio::spawn(async move {
            while line::write(&mut writer, &FromOwner::Alive).await.is_ok() {
                tokio::time::sleep(line::ALIVE_EVERY).await;
            }
        });
        for request in [
            deploy(),
            Request::BoardGet(BoardRef {
                board: "bench-1".into(),
            }),
        ] {
            let begin = Instant::now();
            let error = attached.call(request.clone()).await.unwrap_err();
            assert!(error.message.contains(request.method()), "{error}");
            assert_eq!(begin.elapsed().as_secs(), request.time_limit().as_secs());
        }
        live.abort();
    }

    #[test]
    fn an_owner_of_another_user_is_refused() {
        let own = 1000;
        assert!(check_user(own, own).is_ok());
        let error = check_user(1001, own).unwrap_err();
        assert!(error.to_string().contains("uid 1001"), "{error}");
    }
}
