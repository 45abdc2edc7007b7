//! The lines of a program of the user's own: UARTs, semihosting, and the serial port of the board's USB device. What it
//! sends is the text of a terminal, and becomes lines of the board's
//! console; what is typed into the terminal is sent to it.

use super::super::context::BoardContext;
use crate::{clock::now_ms, fleet::NewLine, hardware};
use drydock_emulator::{
    cable::usb_host::{CdcPort, Disconnected},
    runner::{MachineHandle, UartPort},
};
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::mpsc,
    task::JoinSet,
};

/// Bytes that are read at once.
const READ_BYTES: usize = 4096;
/// A line without an end is shown after this time: it may be a prompt.
const PROMPT: Duration = Duration::from_millis(250);
/// A longer line is shown in parts.
const LINE_BYTES: usize = 1024;
/// Lines of one UART that the console takes within [`BUDGET_TIME`]; it counts the others. The terminal has all of them.
const BUDGET_LINES: u32 = 500;
const BUDGET_TIME: Duration = Duration::from_millis(250);
/// The line of the board's USB device, and the rate at which its port is opened.
const USB: &str = "usb";
const USB_BAUD: u32 = 115_200;

/// The terminals of one machine. They close when this is dropped.
#[derive(Default)]
pub(super) struct Terminals {
    context: Option<BoardContext>,
    lines: Vec<String>,
    _tasks: JoinSet<()>,
}

impl Terminals {
    /// Opens all UARTs of a machine, semihosting and USB.
    pub(super) fn open(context: &BoardContext, machine: &MachineHandle) -> Self {
        let uarts =
            (0..=u8::MAX).map_while(|uart| Some((uart.to_string(), format!("uart{uart}"), machine.uart(uart).ok()?)));
        let semihosting = machine.semihosting().ok();
        let semihosting = semihosting.map(|port| ("semihosting".to_owned(), "semihosting".to_owned(), port));
        let mut tasks = JoinSet::new();
        let mut lines = Vec::new();
        for (line, source, port) in uarts.chain(semihosting) {
            tasks.spawn(serve(port, Line::new(context, machine, (&line, source))));
            lines.push(line);
        }
        if let Ok(port) = CdcPort::plug(machine) {
            tasks.spawn(serve_usb(port, Line::new(context, machine, (USB, USB.to_owned()))));
            lines.push(USB.to_owned());
        }
        Self {
            context: Some(context.clone()),
            lines,
            _tasks: tasks,
        }
    }
}

impl Drop for Terminals {
    fn drop(&mut self) {
        if let Some(context) = &self.context {
            hardware::close_board_terminals(&context.workbench, &context.board.id, &self.lines);
        }
    }
}

/// One line: its terminal, its lines in the console, and what is typed.
struct Line {
    terminal: hardware::BoardTerminal,
    to_send: mpsc::Receiver<Vec<u8>>,
    lines: Lines,
}

impl Line {
    fn new(context: &BoardContext, machine: &MachineHandle, (line, source): (&str, String)) -> Self {
        let (terminal, to_send) = hardware::board_terminal(&context.workbench, &context.board.id, line);
        Self {
            terminal,
            to_send,
            lines: Lines::new(context.clone(), machine.clone(), source),
        }
    }

    /// Passes bytes both ways until the stream ends.
    async fn pass(&mut self, port: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Passed {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let has_prompt = !self.lines.partial.is_empty();
            tokio::select! {
                read = port.read(&mut buffer) => match read {
                    Ok(0) | Err(_) => return Passed::Ended,
                    Ok(count) => {
                        self.terminal.take(&self.lines.context.workbench, &buffer[..count]);
                        self.lines.take(&buffer[..count]);
                    }
                },
                bytes = self.to_send.recv() => {
                    let Some(bytes) = bytes else { return Passed::Closed };
                    if port.write_all(&bytes).await.is_err() {
                        return Passed::Ended;
                    }
                }
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

async fn serve(mut port: UartPort, mut line: Line) {
    line.pass(&mut port).await;
}

/// Opens the serial port that the board's own USB device offers, as often as the device comes.
async fn serve_usb(mut port: CdcPort, mut line: Line) {
    loop {
        match port.ready().await {
            Ok(_) => {}
            Err(Disconnected::Closed) => return,
            Err(Disconnected::Unusable(_)) => {
                // Another program may start, with another device.
                let seen = port.changes();
                port.changed(seen).await;
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

    fn end_line(&mut self) {
        let text = String::from_utf8_lossy(&self.partial).into_owned();
        self.partial.clear();
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
            level: "info",
            text,
        };
        self.context.board.state().log(std::mem::take(&mut self.lost), line);
        self.context.post();
    }
}
