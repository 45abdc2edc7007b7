//! The owner's side of the socket.

use super::answer_panics;
use crate::{
    api::{ApiError, Request, Response},
    data_dir::{OwnedDir, write_whole},
};
use drydock_client::{
    Updates,
    line::{self, FromClient, FromOwner, OwnerAddress},
};
use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::BufReader,
    net::{UnixListener, UnixStream, unix::OwnedWriteHalf},
    sync::mpsc,
    task::{JoinHandle, JoinSet},
};

/// Longest path of a Unix socket that all systems support, in bytes.
const MAX_SOCKET_PATH: usize = 100;
/// Limit of open connections. One more gets a message and is closed.
const MAX_CONNECTIONS: usize = 64;
/// Limit of concurrent calls of one connection.
const MAX_CALLS: usize = 32;

/// The service that the socket exposes.
pub(crate) trait Serves: Send + Sync + 'static {
    fn call(&self, request: Request) -> impl Future<Output = Result<Response, ApiError>> + Send;
    fn subscribe(&self) -> Updates;
}

/// The open socket; dropping this value closes it.
#[derive(Debug)]
pub(crate) struct Server {
    task: JoinHandle<()>,
    files: Vec<PathBuf>,
    _short_place: Option<tempfile::TempDir>,
}

impl Server {
    /// Opens the socket and writes its path where clients of the data directory find it.
    pub(crate) fn open(directory: &OwnedDir, serves: Arc<impl Serves>) -> io::Result<Self> {
        let (socket, short_place) = place(directory.path())?;
        match fs::remove_file(&socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&socket)?;
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o600))?;
        let user = fs::metadata(&socket)?.uid();
        let address = directory.path().join("owner.json");
        let told = OwnerAddress {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").into(),
            socket: socket.clone(),
        };
        write_whole(&address, &serde_json::to_vec(&told)?)?;
        Ok(Self {
            task: tokio::spawn(accept(listener, user, serves)),
            files: vec![address, socket],
            _short_place: short_place,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
        for file in &self.files {
            // The directory may be deleted already; the next owner replaces a file that is left.
            let _ = fs::remove_file(file);
        }
    }
}

/// The data directory itself, or a separate short directory if its path is too long for a socket.
fn place(directory: &Path) -> io::Result<(PathBuf, Option<tempfile::TempDir>)> {
    let here = std::path::absolute(directory)?.join("owner.sock");
    if here.as_os_str().len() <= MAX_SOCKET_PATH {
        return Ok((here, None));
    }
    let short = tempfile::Builder::new()
        .prefix("drydock-")
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir()?;
    Ok((short.path().join("owner.sock"), Some(short)))
}

async fn accept(listener: UnixListener, user: u32, serves: Arc<impl Serves>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = listener.accept().await;
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, _)) if stream.peer_cred().is_ok_and(|peer| peer.uid() == user) => {
                if connections.len() < MAX_CONNECTIONS {
                    connections.spawn(connection(stream, Arc::clone(&serves)));
                } else {
                    turn_away(stream);
                }
            }
            Ok(_) => tracing::warn!("another user tried to reach the owner's socket"),
            Err(error) => {
                tracing::warn!(%error, "the owner's socket");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

/// Reports that the limit of connections is reached. The line fits the socket's empty buffer, so this does not wait for
/// the client to read it.
fn turn_away(stream: UnixStream) {
    let full = FromOwner::Full {
        connections: MAX_CONNECTIONS,
    };
    tracing::warn!(
        connections = MAX_CONNECTIONS,
        "the owner's socket has reached its limit of clients"
    );
    if let Ok(mut line) = serde_json::to_vec(&full) {
        line.push(b'\n');
        // The client may have gone.
        let _ = stream.try_write(&line);
    }
}

async fn connection(stream: UnixStream, serves: Arc<impl Serves>) {
    if let Err(error) = converse(stream, serves).await
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        tracing::debug!(%error, "a client of the owner's socket");
    }
}

/// Reads lines, runs calls concurrently, and writes outgoing lines in the order in which they arrive.
async fn converse(stream: UnixStream, serves: Arc<impl Serves>) -> io::Result<()> {
    let (reader, writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let (lines, queue) = mpsc::channel(64);
    let mut tasks = JoinSet::new();
    tasks.spawn(write_lines(writer, queue));
    let hello = FromOwner::Hello {
        version: line::VERSION,
        drydock: env!("CARGO_PKG_VERSION").into(),
    };
    let _ = lines.send(hello).await;
    let running = Arc::new(AtomicUsize::new(0));
    // Ends with this connection, unlike the calls.
    let mut signs_of_life = JoinSet::new();
    signs_of_life.spawn(send_signs_of_life(lines.clone(), Arc::clone(&running)));
    let mut subscribed = false;
    while let Some(message) = line::read::<FromClient>(&mut reader).await? {
        while tasks.len() > MAX_CALLS {
            tasks.join_next().await;
        }
        match message {
            FromClient::Call { id, request } => {
                let (serves, lines, running) = (Arc::clone(&serves), lines.clone(), Arc::clone(&running));
                running.fetch_add(1, Ordering::Relaxed);
                tasks.spawn(async move {
                    let outcome = answer_panics(request.method(), serves.call(*request)).await;
                    running.fetch_sub(1, Ordering::Relaxed);
                    let _ = lines.send(answer(id, outcome)).await;
                });
            }
            FromClient::Subscribe if !subscribed => {
                subscribed = true;
                let (mut updates, lines) = (serves.subscribe(), lines.clone());
                tasks.spawn(async move {
                    let _ = lines.send(FromOwner::Subscribed).await;
                    while let Some(update) = updates.next().await {
                        if lines.send(FromOwner::Update(update)).await.is_err() {
                            break;
                        }
                    }
                });
            }
            FromClient::Subscribe => {}
        }
        while tasks.try_join_next().is_some() {}
    }
    // A call is carried out even if its caller does not wait for the answer.
    tasks.detach_all();
    Ok(())
}

/// Tells the client repeatedly that its calls still run.
async fn send_signs_of_life(lines: mpsc::Sender<FromOwner>, running: Arc<AtomicUsize>) {
    loop {
        tokio::time::sleep(line::ALIVE_EVERY).await;
        if running.load(Ordering::Relaxed) > 0 && lines.send(FromOwner::Alive).await.is_err() {
            return;
        }
    }
}

async fn write_lines(mut writer: OwnedWriteHalf, mut queue: mpsc::Receiver<FromOwner>) {
    while let Some(message) = queue.recv().await {
        if line::write(&mut writer, &message).await.is_err() {
            break;
        }
    }
}

fn answer(id: u64, outcome: Result<Response, ApiError>) -> FromOwner {
    match outcome {
        Ok(response) => match serde_json::to_value(&response) {
            Ok(result) => FromOwner::Reply { id, result },
            Err(error) => FromOwner::Failed {
                id,
                error: ApiError::internal(error.to_string()),
            },
        },
        Err(error) => FromOwner::Failed { id, error },
    }
}
