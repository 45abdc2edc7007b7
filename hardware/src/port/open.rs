//! Opening ports: exclusively, at a baud rate, with a rule for DTR and RTS.

use super::access::{Access, busy, denied};
use super::line::{BlockingLine, SerialLine, native_builder, native_lines, no_lines, stream_lines};
use super::{ModemLines, Ports};
use drydock_assets::{Board, ConnectorKind, FlashMethod};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_serial::SerialStream;

/// How a port is opened. Always 8 data bits, no parity, one stop bit, no flow control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenOptions {
    /// Bits per second. A board's own USB device ignores it.
    pub baud: u32,
    /// What happens to DTR and RTS.
    pub policy: LinePolicy,
}

/// What opening a port does to DTR and RTS. Linux and macOS activate both lines whenever a closed port is opened, and
/// deactivate both when it is closed; a policy decides what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LinePolicy {
    /// They stay as the system leaves them.
    #[default]
    Leave,
    /// Both become active. A board's own USB device takes DTR for "a program listens": many send nothing without it.
    Raise,
    /// Both become inactive, RTS first. Two transistors on Espressif's boards turn "RTS active, DTR inactive" into a reset
    /// and "DTR active, RTS inactive" into the boot pin held low; with both inactive, pressing BOOT and RST works.
    Lower,
}

impl LinePolicy {
    /// The policy that fits a board.
    pub fn of(board: &Board) -> Self {
        let has_reset_transistors = board.flashing.iter().any(|it| it.method == FlashMethod::EspRom);
        match board.connector.kind {
            ConnectorKind::UsbDevice => Self::Raise,
            ConnectorKind::UsbUart if has_reset_transistors => Self::Lower,
            ConnectorKind::UsbUart | ConnectorKind::Header => Self::Leave,
        }
    }
}

/// Why a port was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is not plugged in.
    #[error("The serial port {path} is not plugged in.")]
    NotFound {
        /// Path of the port.
        path: String,
    },
    /// The user may not open it.
    #[error("The serial port {path} cannot be opened. {text}")]
    Denied {
        /// Path of the port.
        path: String,
        /// Why, and what to do.
        text: String,
        /// Whether Drydock's udev rule gives permission.
        rule_helps: bool,
    },
    /// Another program has it open, or another part of this one.
    #[error("The serial port {path} is in use. {text}")]
    Held {
        /// Path of the port.
        path: String,
        /// Process id of the holder; 0 if it is not known.
        pid: u32,
        /// Name of its program.
        program: String,
        /// What to do.
        text: String,
    },
    /// The system refused for another reason.
    #[error("The serial port {path} cannot be opened: {source}.")]
    Failed {
        /// Path of the port.
        path: String,
        /// The system's reason.
        source: io::Error,
    },
}

impl Ports {
    /// Opens a port exclusively for asynchronous use.
    ///
    /// # Errors
    /// [`OpenError`].
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn open(&self, path: &str, options: OpenOptions) -> Result<SerialLine, OpenError> {
        let builder = native_builder(path, options.baud);
        let stream = SerialStream::open(&builder).map_err(|error| explain(self, path, error))?;
        let stream = Arc::new(Mutex::new(stream));
        let lines = self.lines_for(path, || stream_lines(&stream));
        apply(options.policy, lines.as_ref()).map_err(|source| failed(path, source))?;
        self.remember_lines(path, &lines);
        Ok(SerialLine::new(path, stream, lines))
    }

    /// Opens a port exclusively for a thread that may block, as clients of bootloaders do. DTR and RTS stay as the system
    /// leaves them. Reads and writes give up after `BlockingLine::timeout`, one second at first.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_blocking(&self, path: &str, baud: u32) -> Result<BlockingLine, OpenError> {
        let builder = native_builder(path, baud).timeout(Duration::from_secs(1));
        let native = super::line::Native::open(&builder).map_err(|error| explain(self, path, error))?;
        let own = native_lines(&native).map_err(|source| failed(path, source))?;
        let lines = self.lines_for(path, || own);
        self.remember_lines(path, &lines);
        Ok(BlockingLine::new(path, native, lines))
    }

    /// Leads a board with its own USB device into its bootloader: opens its port at 1200 baud, deactivates DTR, closes it.
    /// The device then leaves the bus and comes back at the same topology, mostly under another path.
    ///
    /// # Errors
    /// [`OpenError`]. A port that vanishes after it was opened is what is wanted, and no error.
    pub fn touch_1200(&self, path: &str) -> Result<(), OpenError> {
        let line = self.open_blocking(path, 1200)?;
        if let Err(error) = line.lines().set(false, false) {
            tracing::debug!("{path} went away during the touch: {error}");
        }
        Ok(())
    }

    /// The lines of a port that was just opened: a virtual board's, those of the port itself, or none behind a
    /// pseudo-terminal of another program.
    fn lines_for(&self, path: &str, own: impl FnOnce() -> Arc<dyn ModemLines>) -> Arc<dyn ModemLines> {
        if let Some(lines) = self.virtual_lines(path) {
            return lines;
        }
        if is_pseudo_terminal(path) { no_lines() } else { own() }
    }
}

fn apply(policy: LinePolicy, lines: &dyn ModemLines) -> io::Result<()> {
    match policy {
        LinePolicy::Leave => Ok(()),
        LinePolicy::Raise => lines.set(true, true),
        LinePolicy::Lower => lines.set(false, false),
    }
}

/// Whether a path leads to a pseudo-terminal, which has no DTR and RTS.
fn is_pseudo_terminal(path: &str) -> bool {
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.into());
    path.starts_with("/dev/pts") || (cfg!(target_os = "macos") && path.to_string_lossy().starts_with("/dev/ttys"))
}

fn failed(path: &str, source: io::Error) -> OpenError {
    let path = path.to_owned();
    OpenError::Failed { path, source }
}

/// Why opening failed, with who holds the port or how permission is given.
fn explain(ports: &Ports, path: &str, error: serialport::Error) -> OpenError {
    let source = match error.kind() {
        // Busy (TIOCEXCL), or locked by `flock`.
        serialport::ErrorKind::NoDevice => return held(path, busy(path), io::Error::other(error.description)),
        serialport::ErrorKind::Io(kind) => io::Error::new(kind, error.description),
        _ => io::Error::other(error.description),
    };
    match source.kind() {
        io::ErrorKind::NotFound => OpenError::NotFound { path: path.to_owned() },
        io::ErrorKind::PermissionDenied => {
            let usb = ports.port(path).and_then(|port| port.usb);
            match denied(path, usb.as_ref()) {
                Some(access) => held(path, access, source),
                None => failed(path, source),
            }
        }
        _ => failed(path, source),
    }
}

/// The error for what keeps a port from being used; `source` is for a port that nothing keeps.
fn held(path: &str, access: Access, source: io::Error) -> OpenError {
    let path = path.to_owned();
    match access {
        Access::Held { pid, program, text } => OpenError::Held {
            path,
            pid,
            program,
            text,
        },
        Access::Denied { text, rule_helps } => OpenError::Denied { path, text, rule_helps },
        Access::Usable => OpenError::Failed { path, source },
    }
}
