//! Terminals on serial ports and over debug probes, for boards that do not speak Drydock's link. A terminal stays when its
//! board goes, and opens the port or the probe again when it comes back.

use super::{
    PortLease,
    incoming::{Incoming, Shown},
    lease,
    lend::find,
    probed, rtt,
};
use crate::{
    api::{
        ApiError, ConsoleChunk, ConsoleOpen, ConsoleRead, ConsoleSend, ConsoleView, Empty, ErrorCode, PortRef, Update,
        is_probe_id,
    },
    board_terminals,
    clock::now_ms,
    errors::usage,
    fleet::PortUser,
    state::WorkbenchState,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use drydock_hardware::port::{LinePolicy, OpenOptions, Port, SerialLine, Topology};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
    task::JoinHandle,
};

/// Bytes of a terminal that are kept.
const KEPT_BYTES: usize = 1 << 20;
/// Bytes that are read at once.
const READ_BYTES: usize = 4096;
/// Most bytes in one request to send.
const SEND_BYTES: usize = 64 << 10;
/// Interval between two attempts to open a port that is away.
const TRY_AGAIN: Duration = Duration::from_millis(500);
/// Bytes that arrive within this time go into one chunk.
const GATHER: Duration = Duration::from_millis(20);

/// The open terminals, by path.
#[derive(Default)]
pub(crate) struct Consoles(Mutex<HashMap<String, Arc<Console>>>);

pub(crate) struct Console {
    path: String,
    /// Where the cable hung when the terminal was opened.
    topology: Option<Topology>,
    state: Mutex<ConsoleState>,
    /// What serves it ends when this is gone.
    send: Mutex<Option<mpsc::Sender<Vec<u8>>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

struct ConsoleState {
    baud: Option<u32>,
    open: bool,
    text: Option<String>,
    chunks: VecDeque<(ConsoleChunk, usize)>,
    kept_bytes: usize,
    dropped_bytes: u64,
    next: u64,
}

impl Consoles {
    pub(crate) fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Console>>> {
        // The map is consistent between any two statements that touch it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn find(&self, path: &str) -> Result<Arc<Console>, ApiError> {
        let console = self.lock().get(path).cloned();
        console.ok_or_else(|| {
            let text = format!("There is no terminal on {path}; open one first.");
            ApiError::new(ErrorCode::NotFound, text)
        })
    }

    pub(super) fn close_all(&self) {
        for (_, console) in self.lock().drain() {
            console.stop();
        }
    }
}

impl Console {
    fn state(&self) -> MutexGuard<'_, ConsoleState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A terminal that is open, and what is to be sent.
    pub(crate) fn opened(
        path: &str,
        topology: Option<Topology>,
        baud: Option<u32>,
    ) -> (Arc<Self>, mpsc::Receiver<Vec<u8>>) {
        let (send, to_send) = mpsc::channel(16);
        let console = Self {
            path: path.to_owned(),
            topology,
            state: Mutex::new(ConsoleState {
                baud,
                open: true,
                text: None,
                chunks: VecDeque::new(),
                kept_bytes: 0,
                dropped_bytes: 0,
                next: 0,
            }),
            send: Mutex::new(Some(send)),
            task: Mutex::default(),
        };
        (Arc::new(console), to_send)
    }

    /// Opens it again: what is to be sent from now on.
    pub(crate) fn reopened(&self) -> mpsc::Receiver<Vec<u8>> {
        let (send, to_send) = mpsc::channel(16);
        *self.send.lock().unwrap_or_else(PoisonError::into_inner) = Some(send);
        to_send
    }

    /// The path of the port, or the id of the probe.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    fn sender(&self) -> Option<mpsc::Sender<Vec<u8>>> {
        self.send.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends what serves it; the port or the probe is free when the task has ended.
    pub(crate) fn stop(&self) -> Option<JoinHandle<()>> {
        self.send.lock().unwrap_or_else(PoisonError::into_inner).take();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        task.inspect(JoinHandle::abort)
    }

    /// The view, with the chunks after a sequence.
    fn view(&self, after: Option<u64>) -> ConsoleView {
        let state = self.state();
        ConsoleView {
            path: self.path.clone(),
            baud: state.baud,
            open: state.open,
            text: state.text.clone(),
            chunks: state
                .chunks
                .iter()
                .map(|(chunk, _)| chunk)
                .filter(|chunk| after.is_none_or(|after| chunk.sequence > after))
                .cloned()
                .collect(),
            dropped_bytes: state.dropped_bytes,
        }
    }

    /// Opens the port of the same board. Its path may belong to another device meanwhile.
    fn open_again(&self, workbench: &WorkbenchState, options: OpenOptions) -> Result<(SerialLine, PortLease), String> {
        let ports = &workbench.hardware.ports;
        let same = |port: &Port| port.topology == self.topology;
        if ports.port(&self.path).is_some_and(|port| same(&port)) {
            let lease = workbench.hardware.uses.lease(&self.path, PortUser::Console);
            let lease = lease.map_err(|user| user.refusal(&self.path, &workbench.fleet))?;
            let line = ports.open(&self.path, options).map_err(|error| format!("{error}."))?;
            return Ok((line, lease));
        }
        let there = self
            .topology
            .as_ref()
            .and_then(|at| ports.find_topology(at).into_iter().next());
        Err(match there {
            Some(port) => format!("it is at {} now; open a console there.", port.path),
            None => "its cable is out.".into(),
        })
    }

    /// Notes whether it is open, and what there is to say.
    pub(crate) fn set(&self, workbench: &WorkbenchState, open: bool, text: Option<String>) {
        {
            let mut state = self.state();
            if state.open == open && state.text == text {
                return;
            }
            (state.open, state.text) = (open, text);
        }
        self.publish(workbench, u64::MAX);
    }

    /// Takes what was received into the log file and the view.
    pub(super) fn take(&self, workbench: &WorkbenchState, bytes: &[u8], incoming: &mut Incoming) {
        self.show(workbench, incoming.take(bytes));
    }

    /// Takes what is to be shown into the view.
    pub(crate) fn show(&self, workbench: &WorkbenchState, Shown { bytes, lines }: Shown) {
        // A partial frame shows nothing.
        if bytes.is_empty() {
            return;
        }
        let sequence = {
            let mut state = self.state();
            state.next += 1;
            let chunk = ConsoleChunk {
                sequence: state.next,
                time_ms: now_ms(),
                base64: BASE64_STANDARD.encode(&bytes),
                lines,
            };
            state.chunks.push_back((chunk, bytes.len()));
            state.kept_bytes += bytes.len();
            while state.kept_bytes > KEPT_BYTES
                && let Some((_, length)) = state.chunks.pop_front()
            {
                state.kept_bytes -= length;
                state.dropped_bytes += length as u64;
            }
            state.next
        };
        self.publish(workbench, sequence - 1);
    }

    fn publish(&self, workbench: &WorkbenchState, after: u64) {
        let console = Box::new(self.view(Some(after)));
        workbench.hub.publish(&Update::Console { console });
    }
}

/// Opens a terminal.
pub(crate) async fn open(workbench: &Arc<WorkbenchState>, request: ConsoleOpen) -> Result<ConsoleView, ApiError> {
    if let Some(console) = board_terminals::of_board(workbench, &request.path)? {
        if request.log.is_some() || request.defmt.is_some() {
            let text = "Log files and defmt are for terminals on ports and debug probes, not for an emulated board's.";
            return Err(usage(text));
        }
        return Ok(console.view(None));
    }
    let incoming = Incoming::of(&request).await?;
    let console = match is_probe_id(&request.path) {
        true => over_probe(workbench, &request, incoming).await?,
        false => on_port(workbench, &request, incoming)?,
    };
    let view = console.view(None);
    let earlier = workbench.hardware.consoles.lock().insert(console.path.clone(), console);
    // The board of an earlier terminal went away, and its port got another board.
    if let Some(earlier) = earlier {
        earlier.stop();
    }
    Ok(view)
}

fn on_port(
    workbench: &Arc<WorkbenchState>,
    request: &ConsoleOpen,
    mut incoming: Incoming,
) -> Result<Arc<Console>, ApiError> {
    if !(50..=20_000_000).contains(&request.baud) {
        return Err(usage(format!("{} is no baud rate; give 50 to 20000000.", request.baud)));
    }
    let port = find(workbench, &request.path)?;
    let lease = lease(workbench, &port.path, PortUser::Console)?;
    let options = OpenOptions {
        baud: request.baud,
        policy: LinePolicy::default(),
    };
    let line = workbench.hardware.ports.open(&port.path, options);
    let line = line.map_err(|error| ApiError::new(ErrorCode::Board, format!("{error}.")))?;
    incoming.open_log(request)?;
    let (console, to_send) = Console::opened(&port.path, port.topology.clone(), Some(request.baud));
    let task = {
        let (workbench, console) = (Arc::clone(workbench), Arc::clone(&console));
        tokio::spawn(async move {
            serve(&workbench, &console, ((line, lease), options), to_send, incoming).await;
        })
    };
    *console.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    Ok(console)
}

async fn over_probe(
    workbench: &Arc<WorkbenchState>,
    request: &ConsoleOpen,
    mut incoming: Incoming,
) -> Result<Arc<Console>, ApiError> {
    let board = probed::board_behind(workbench, &request.path, request.kind.as_deref()).await?;
    let lease = lease(workbench, &request.path, PortUser::Console)?;
    incoming.open_log(request)?;
    let opening = {
        let (workbench, path) = (Arc::clone(workbench), request.path.clone());
        // The lease goes along, so that the probe is free only when nothing has it open.
        tokio::task::spawn_blocking(move || {
            let chip = probed::look(&workbench, &path, &board);
            chip.map(|chip| (chip, board, lease))
        })
    };
    let opened = opening
        .await
        .map_err(|error| ApiError::internal(format!("The probe cannot be opened: {error}.")))?;
    let (chip, board, lease) = opened.map_err(|error| ApiError::new(ErrorCode::Board, format!("{error}.")))?;
    let (console, to_send) = Console::opened(&request.path, None, None);
    let task = {
        let (workbench, console) = (Arc::clone(workbench), Arc::clone(&console));
        tokio::task::spawn_blocking(move || {
            let _lease = lease;
            rtt::serve(&workbench, &console, (chip, &board), to_send, incoming);
        })
    };
    *console.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    Ok(console)
}

/// Passes bytes both ways, and opens the port again when it comes back. The port is free while its board is away: another
/// board may have its path then.
async fn serve(
    workbench: &WorkbenchState,
    console: &Console,
    (port, options): ((SerialLine, PortLease), OpenOptions),
    mut to_send: mpsc::Receiver<Vec<u8>>,
    mut incoming: Incoming,
) {
    let mut port = Some(port);
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let Some((open, _lease)) = &mut port else {
            tokio::time::sleep(TRY_AGAIN).await;
            match console.open_again(workbench, options) {
                Ok(opened) => {
                    port = Some(opened);
                    incoming.restart();
                    console.set(workbench, true, None);
                }
                Err(reason) => console.set(workbench, false, Some(format!("Waits for the board: {reason}"))),
            }
            continue;
        };
        tokio::select! {
            read = open.read(&mut buffer) => match read {
                Ok(0) | Err(_) => {
                    port = None;
                    console.set(workbench, false, Some("Waits for the board: its cable is out.".into()));
                }
                Ok(count) => {
                    let mut bytes = buffer[..count].to_vec();
                    gather(open, &mut bytes).await;
                    console.take(workbench, &bytes, &mut incoming);
                    console.set(workbench, true, incoming.text());
                }
            },
            bytes = to_send.recv() => {
                let Some(bytes) = bytes else { return };
                if let Err(error) = open.write_all(&bytes).await {
                    port = None;
                    console.set(workbench, false, Some(format!("Waits for the board: {error}.")));
                }
            }
        }
    }
}

/// Reads what follows within a moment.
pub(crate) async fn gather(line: &mut (impl AsyncRead + Unpin), bytes: &mut Vec<u8>) {
    let end = tokio::time::Instant::now() + GATHER;
    let mut buffer = [0; READ_BYTES];
    while bytes.len() < 4 * READ_BYTES {
        match tokio::time::timeout_at(end, line.read(&mut buffer)).await {
            Ok(Ok(count)) if count > 0 => bytes.extend(&buffer[..count]),
            // An end is seen again by the next read.
            _ => return,
        }
    }
}

/// The terminal that a request means.
fn find_any(workbench: &WorkbenchState, path: &str) -> Result<Arc<Console>, ApiError> {
    match board_terminals::of_board(workbench, path)? {
        Some(console) => Ok(console),
        None => workbench.hardware.consoles.find(path),
    }
}

/// Sends bytes.
pub(crate) async fn send(workbench: &WorkbenchState, request: ConsoleSend) -> Result<Empty, ApiError> {
    let console = find_any(workbench, &request.path)?;
    let bytes = BASE64_STANDARD
        .decode(&request.base64)
        .map_err(|error| ApiError::new(ErrorCode::Usage, format!("The bytes are not base64: {error}.")))?;
    if bytes.len() > SEND_BYTES {
        let text = format!("At most {SEND_BYTES} bytes can be sent at once.");
        return Err(ApiError::new(ErrorCode::Usage, text));
    }
    if !console.state().open {
        let text = format!("{} is not there; nothing was sent.", request.path);
        return Err(ApiError::new(ErrorCode::Board, text));
    }
    let closed = || ApiError::new(ErrorCode::Board, format!("The terminal on {} is closed.", request.path));
    let sender = console.sender().ok_or_else(closed)?;
    sender.send(bytes).await.map_err(|_| closed())?;
    Ok(Empty {})
}

/// What was received.
pub(crate) fn read(workbench: &WorkbenchState, request: &ConsoleRead) -> Result<ConsoleView, ApiError> {
    let console = find_any(workbench, &request.path)?;
    Ok(console.view(request.after))
}

/// Closes a terminal.
pub(crate) async fn close(workbench: &Arc<WorkbenchState>, request: PortRef) -> Result<Empty, ApiError> {
    if board_terminals::of_board(workbench, &request.path)?.is_some() {
        // It closes with the board.
        return Ok(Empty {});
    }
    let console = workbench.hardware.consoles.find(&request.path)?;
    workbench.hardware.consoles.lock().remove(&request.path);
    if let Some(task) = console.stop() {
        // It ends by itself or was aborted.
        let _ = task.await;
    }
    console.set(workbench, false, Some("Closed.".into()));
    Ok(Empty {})
}
