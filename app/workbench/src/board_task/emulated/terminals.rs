//! The lines of a program of the user's own: UARTs, semihosting, and the serial port of the board's USB device. What it
//! sends is the text of a terminal, and becomes lines of the board's console; what is typed into the terminal is sent to it.

use super::{
    super::context::BoardContext,
    machine::{Defmt, Machine},
};
use crate::{
    api::ConsoleLine,
    board_terminals::{self, USB},
    clock::now_ms,
    fleet::NewLine,
    hardware::{Console, Incoming, gather},
    own_firmware::HelloWatch,
};
use drydock_defmt::Program;
use drydock_emulator::{
    DebugLine,
    cable::usb_host::{CdcPort, Disconnected},
    runner::MachineHandle,
};
use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::{mpsc, oneshot},
    task::JoinSet,
};

/// Bytes that are read at once.
const READ_BYTES: usize = 4096;
/// The levels of lines in consoles.
const LEVELS: [&str; 5] = ["trace", "debug", "info", "warn", "error"];
/// A line without an end is shown after this time: it may be a prompt.
const PROMPT: Duration = Duration::from_millis(250);
/// A longer line is shown in parts.
const LINE_BYTES: usize = 1024;
/// Lines of one UART that the console takes within [`BUDGET_TIME`]; it counts the others. The terminal has all of them.
const BUDGET_LINES: u32 = 500;
const BUDGET_TIME: Duration = Duration::from_millis(250);
/// The name that the crate `defmt-rtt` gives its channel.
const DEFMT_CHANNEL: &str = "defmt";
/// The rate at which the port of the board's USB device is opened.
const USB_BAUD: u32 = 115_200;

/// The terminals of one machine. They close when this is dropped.
pub(super) struct Terminals {
    context: BoardContext,
    consoles: Vec<Arc<Console>>,
    /// Asks each line to say when it has shown what has arrived so far.
    questions: Vec<mpsc::Sender<oneshot::Sender<()>>>,
    tasks: JoinSet<()>,
    /// Receives once when the program says hello as a device does.
    hello: mpsc::Receiver<()>,
}

impl Terminals {
    /// Opens all UARTs of a machine, semihosting and USB.
    pub(super) fn open(context: &BoardContext, machine: &Machine) -> Self {
        let (machine, defmt) = (&machine.handle, machine.defmt.as_ref());
        let (said_hello, hello) = mpsc::channel(1);
        let link = context.board.description().link.uart;
        let mut terminals = Self {
            context: context.clone(),
            consoles: Vec::new(),
            questions: Vec::new(),
            tasks: JoinSet::new(),
            hello,
        };
        for uart in 0..=u8::MAX {
            let Ok(mut port) = machine.uart(uart) else { break };
            let mut line = terminals.line(machine, &uart.to_string(), format!("uart{uart}"));
            line.decode(defmt, &uart.to_string());
            line.watch = (uart == link).then(|| (HelloWatch::default(), said_hello.clone()));
            terminals.tasks.spawn(async move {
                line.pass(&mut port).await;
            });
        }
        for debug_line in DebugLine::all() {
            let Ok(mut port) = machine.debug_line(debug_line) else {
                continue;
            };
            let name = debug_line.to_string();
            let mut line = terminals.line(machine, &name, name.clone());
            line.decode(defmt, &name);
            if let (DebugLine::Rtt(channel), Some(defmt)) = (debug_line, defmt) {
                line.undecided = Some((channel, Arc::clone(&defmt.program)));
            }
            terminals.tasks.spawn(async move {
                line.pass(&mut port).await;
            });
        }
        if let Ok(port) = CdcPort::plug(machine) {
            let mut line = terminals.line(machine, USB, USB.into());
            line.decode(defmt, USB);
            terminals.tasks.spawn(serve_usb(port, line));
        }
        terminals
    }

    fn line(&mut self, machine: &MachineHandle, name: &str, source: String) -> Line {
        let (console, to_send) = board_terminals::open(&self.context.workbench, &self.context.board.id, name);
        let (question, questions) = mpsc::channel(1);
        self.consoles.push(Arc::clone(&console));
        self.questions.push(question);
        Line {
            console,
            to_send,
            questions,
            lines: Lines::new(self.context.clone(), machine.clone(), source),
            incoming: Incoming::default(),
            undecided: None,
            watch: None,
        }
    }

    /// Completes when the program has said hello as a device does. Cancel safe.
    pub(super) async fn hello(&mut self) {
        if self.hello.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    /// Asks whether everything is shown.
    pub(super) fn asker(&self) -> Asker {
        Asker(self.questions.clone())
    }
}

/// Asks the lines of a machine whether everything is shown.
pub(super) struct Asker(Vec<mpsc::Sender<oneshot::Sender<()>>>);

impl Asker {
    /// Completes when all that the machine has sent so far is shown.
    pub(super) async fn shown(&self) {
        for question in &self.0 {
            let (reply, answer) = oneshot::channel();
            // A line that has ended has shown everything.
            if question.send(reply).await.is_ok() {
                let _ = answer.await;
            }
        }
    }
}

impl Drop for Terminals {
    fn drop(&mut self) {
        self.tasks.abort_all();
        for console in &self.consoles {
            board_terminals::close(&self.context.workbench, console);
        }
    }
}

/// One line: its terminal, its lines in the console, and what is typed.
struct Line {
    console: Arc<Console>,
    to_send: mpsc::Receiver<Vec<u8>>,
    questions: mpsc::Receiver<oneshot::Sender<()>>,
    lines: Lines,
    incoming: Incoming,
    /// A channel of RTT whose name is not known before its first bytes, and the program that may log with defmt there.
    undecided: Option<(u8, Arc<Program>)>,
    /// Looks for a device's hello on the UART of the board's link, until there is one.
    watch: Option<(HelloWatch, mpsc::Sender<()>)>,
}

impl Line {
    /// Decodes the line, if the user named it.
    fn decode(&mut self, defmt: Option<&Defmt>, name: &str) {
        if let Some(defmt) = defmt.filter(|defmt| defmt.line.as_deref() == Some(name)) {
            self.incoming = Incoming::decoded(Arc::clone(&defmt.program));
        }
    }

    /// Whether a channel of RTT has frames of defmt is known by its name, once the program has set it up.
    async fn decide(&mut self) {
        let Some((channel, program)) = self.undecided.take() else {
            return;
        };
        let name = self
            .lines
            .machine
            .inspect(move |machine| machine.rtt_name(channel))
            .await;
        if name.is_ok_and(|name| name.as_deref() == Some(DEFMT_CHANNEL)) {
            self.incoming = Incoming::decoded(program);
        }
    }

    /// Shows what has arrived.
    async fn show(&mut self, bytes: &[u8]) {
        if let Some((watch, said_hello)) = &mut self.watch
            && watch.take(bytes)
        {
            let _ = said_hello.try_send(());
            self.watch = None;
            // A frame is no text.
            return;
        }
        self.decide().await;
        let shown = self.incoming.take(bytes);
        match &shown.lines {
            None => self.lines.take(&shown.bytes),
            Some(lines) => lines.iter().for_each(|line| self.lines.take_decoded(line)),
        }
        self.console.show(&self.lines.context.workbench, shown);
        // Terminals have no other words while they are open.
        if let Some(text) = self.incoming.text() {
            self.console.set(&self.lines.context.workbench, true, Some(text));
        }
    }

    /// Passes bytes both ways until the stream ends.
    async fn pass(&mut self, port: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Passed {
        let (mut reader, mut writer) = tokio::io::split(port);
        let mut buffer = vec![0; READ_BYTES];
        // What the program has no room for yet.
        let mut typed = Vec::new();
        loop {
            let has_prompt = !self.lines.partial.is_empty();
            tokio::select! {
                // What has arrived comes before the questions about it.
                biased;
                read = reader.read(&mut buffer) => match read {
                    Ok(0) | Err(_) => return Passed::Ended,
                    Ok(count) => {
                        let mut bytes = buffer[..count].to_vec();
                        gather(&mut reader, &mut bytes).await;
                        self.show(&bytes).await;
                    }
                },
                Some(reply) = self.questions.recv() => drop(reply.send(())),
                written = writer.write(&typed), if !typed.is_empty() => match written {
                    Ok(0) | Err(_) => return Passed::Ended,
                    Ok(count) => drop(typed.drain(..count)),
                },
                bytes = self.to_send.recv(), if typed.is_empty() => match bytes {
                    None => return Passed::Closed,
                    Some(bytes) => typed = bytes,
                },
                () = tokio::time::sleep(PROMPT), if has_prompt => self.lines.end_line(),
            }
        }
    }
}

/// Why no more bytes pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passed {
    /// The stream ended.
    Ended,
    /// The terminal is closed.
    Closed,
}

/// Waits for something, with nothing to show meanwhile.
async fn answering<T>(questions: &mut mpsc::Receiver<oneshot::Sender<()>>, what: impl Future<Output = T>) -> T {
    let mut what = pin!(what);
    loop {
        tokio::select! {
            done = &mut what => return done,
            Some(reply) = questions.recv() => drop(reply.send(())),
        }
    }
}

/// Opens the serial port that the board's own USB device offers, as often as the device comes.
async fn serve_usb(mut port: CdcPort, mut line: Line) {
    loop {
        match answering(&mut line.questions, port.ready()).await {
            Ok(_) => {}
            Err(Disconnected::Closed) => return,
            Err(Disconnected::Unusable(_)) => {
                // Another program may start, with another device.
                let seen = port.changes();
                answering(&mut line.questions, port.changed(seen)).await;
                continue;
            }
        }
        port.set_line_coding(USB_BAUD);
        port.set_control_lines(true, true);
        if line.pass(&mut port).await == Passed::Closed {
            return;
        }
    }
}

/// Bytes as lines of the board's console.
struct Lines {
    context: BoardContext,
    machine: MachineHandle,
    source: String,
    partial: Vec<u8>,
    /// Since when lines count for the budget, and how many came.
    budget: (Instant, u32),
    lost: u32,
}

impl Lines {
    fn new(context: BoardContext, machine: MachineHandle, source: String) -> Self {
        Self {
            context,
            machine,
            source,
            partial: Vec::new(),
            budget: (Instant::now(), 0),
            lost: 0,
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match byte {
                b'\n' => self.end_line(),
                b'\r' => {}
                _ => self.partial.push(byte),
            }
            if self.partial.len() >= LINE_BYTES {
                self.end_line();
            }
        }
    }

    /// A statement of a program that logs with defmt, with its place in the source.
    fn take_decoded(&mut self, line: &ConsoleLine) {
        let level = line
            .level
            .as_deref()
            .and_then(|level| LEVELS.into_iter().find(|known| *known == level));
        let place = match (&line.file, line.line) {
            (Some(file), Some(number)) => format!(" ({file}:{number})"),
            _ => String::new(),
        };
        let text = format!("{}{place}", line.message);
        for text in text.lines() {
            self.add(level.unwrap_or("info"), text.to_owned());
        }
    }

    fn end_line(&mut self) {
        let text = String::from_utf8_lossy(&self.partial).into_owned();
        self.partial.clear();
        self.add("info", text);
    }

    fn add(&mut self, level: &'static str, text: String) {
        if self.budget.0.elapsed() > BUDGET_TIME {
            self.budget = (Instant::now(), 0);
        }
        self.budget.1 += 1;
        if self.budget.1 > BUDGET_LINES {
            self.lost += 1;
            return;
        }
        let line = NewLine {
            time_ms: now_ms(),
            uptime_ms: Some(self.machine.status().virtual_time.as_us() / 1000),
            source: self.source.clone(),
            level,
            text,
        };
        self.context.board.state().log(std::mem::take(&mut self.lost), line);
        self.context.post();
    }
}
