//! Open ports: bytes, baud rate, and the lines beside them.

use super::ModemLines;
use serialport::{SerialPort, SerialPortBuilder};
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_serial::SerialStream;

#[cfg(windows)]
pub(super) use serialport::COMPort as Native;
#[cfg(unix)]
pub(super) use serialport::TTYPort as Native;

/// How long [`LineControl::set_baud`] waits for bytes that are still to be sent.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);

/// A port that is open for asynchronous use. Dropping it closes the port.
///
/// When the cable is pulled, reading ends (0 bytes) or fails and writing fails, both with
/// [`io::ErrorKind::BrokenPipe`]. Flushing does not wait: bytes that were written are on their way.
pub struct SerialLine {
    path: String,
    stream: Arc<Mutex<SerialStream>>,
    lines: Arc<dyn ModemLines>,
}

/// Baud rate, DTR and RTS of a [`SerialLine`], also after its halves for reading and writing were parted. It does not keep
/// the port open.
#[derive(Clone)]
pub struct LineControl {
    path: String,
    stream: Weak<Mutex<SerialStream>>,
    lines: Arc<dyn ModemLines>,
}

impl SerialLine {
    pub(super) fn new(path: &str, stream: Arc<Mutex<SerialStream>>, lines: Arc<dyn ModemLines>) -> Self {
        let path = path.to_owned();
        Self { path, stream, lines }
    }

    /// Path by which it was opened.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What controls the line beside its bytes.
    pub fn control(&self) -> LineControl {
        LineControl {
            path: self.path.clone(),
            stream: Arc::downgrade(&self.stream),
            lines: Arc::clone(&self.lines),
        }
    }

    /// [`LineControl::baud`].
    ///
    /// # Errors
    /// The port is gone.
    pub fn baud(&self) -> io::Result<u32> {
        self.control().baud()
    }

    /// [`LineControl::set_baud`].
    ///
    /// # Errors
    /// The port is gone, or cannot have this rate.
    pub async fn set_baud(&mut self, baud: u32) -> io::Result<()> {
        self.control().set_baud(baud).await
    }

    /// DTR and RTS.
    pub fn lines(&self) -> &Arc<dyn ModemLines> {
        &self.lines
    }

    fn stream(&self) -> MutexGuard<'_, SerialStream> {
        lock(&self.stream)
    }
}

impl LineControl {
    /// Bits per second, as the system has it set.
    ///
    /// # Errors
    /// The port is gone.
    pub fn baud(&self) -> io::Result<u32> {
        self.with_port(|port| port.baud_rate())
    }

    /// Changes the baud rate once everything that was written is sent.
    ///
    /// # Errors
    /// The port is gone, cannot have this rate, or sends nothing.
    pub async fn set_baud(&self, baud: u32) -> io::Result<()> {
        let sent = async {
            while self.with_port(|port| port.bytes_to_write())? > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Ok::<(), io::Error>(())
        };
        match tokio::time::timeout(DRAIN_LIMIT, sent).await {
            Ok(sent) => sent?,
            Err(_) => {
                let text = format!("the serial port {} sends nothing", self.path);
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
        }
        self.with_port(|port| port.set_baud_rate(baud))
    }

    /// DTR and RTS.
    pub fn lines(&self) -> &Arc<dyn ModemLines> {
        &self.lines
    }

    fn with_port<T>(&self, ask: impl FnOnce(&mut SerialStream) -> serialport::Result<T>) -> io::Result<T> {
        let stream = self.stream.upgrade().ok_or_else(closed)?;
        let answer = ask(&mut lock(&stream));
        answer.map_err(|error| gone(&self.path, error.into()))
    }
}

impl AsyncRead for SerialLine {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut *self.stream()).poll_read(context, buffer);
        read.map_err(|error| gone(&self.path, error))
    }
}

impl AsyncWrite for SerialLine {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut *self.stream()).poll_write(context, bytes);
        written.map_err(|error| gone(&self.path, error))
    }

    // `tcdrain` would block the runtime's thread for as long as the bytes take.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A port that is open for a thread that may block. Dropping it closes the port.
///
/// A read or a write that takes longer than the timeout fails with [`io::ErrorKind::TimedOut`], one on a pulled cable with
/// [`io::ErrorKind::BrokenPipe`]; a read may end with 0 bytes instead.
pub struct BlockingLine {
    path: String,
    native: Native,
    lines: Arc<dyn ModemLines>,
}

impl BlockingLine {
    pub(super) fn new(path: &str, native: Native, lines: Arc<dyn ModemLines>) -> Self {
        let path = path.to_owned();
        Self { path, native, lines }
    }

    /// Path by which it was opened.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// How long a read or a write may take.
    pub fn timeout(&self) -> Duration {
        self.native.timeout()
    }

    /// Changes how long a read or a write may take.
    ///
    /// # Errors
    /// The port is gone.
    pub fn set_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        Ok(self.native.set_timeout(timeout)?)
    }

    /// Bits per second, as the system has it set.
    ///
    /// # Errors
    /// The port is gone.
    pub fn baud(&self) -> io::Result<u32> {
        Ok(self.native.baud_rate()?)
    }

    /// Changes the baud rate. Call [`Write::flush`] first to have everything sent at the old one.
    ///
    /// # Errors
    /// The port is gone, or cannot have this rate.
    pub fn set_baud(&mut self, baud: u32) -> io::Result<()> {
        Ok(self.native.set_baud_rate(baud)?)
    }

    /// Throws away what was received and not read yet.
    ///
    /// # Errors
    /// The port is gone.
    pub fn discard_input(&mut self) -> io::Result<()> {
        Ok(self.native.clear(serialport::ClearBuffer::Input)?)
    }

    /// DTR and RTS.
    pub fn lines(&self) -> &Arc<dyn ModemLines> {
        &self.lines
    }

    /// The port itself, for crates that take no other type, and its DTR and RTS. Drop both together: the lines of a
    /// physical port keep it open, and dropping them gives up the exclusive use.
    pub fn into_native(self) -> (Native, Arc<dyn ModemLines>) {
        (self.native, self.lines)
    }
}

impl Read for BlockingLine {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.native.read(buffer);
        read.map_err(|error| gone(&self.path, error))
    }
}

impl Write for BlockingLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.native.write(bytes);
        written.map_err(|error| gone(&self.path, error))
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.native.flush();
        flushed.map_err(|error| gone(&self.path, error))
    }
}

/// How a port is to be opened by the crate.
pub(super) fn native_builder(path: &str, baud: u32) -> SerialPortBuilder {
    // macOS refuses any rate for a pseudo-terminal; 0 leaves it as it is.
    let baud = if cfg!(target_os = "macos") && path.starts_with("/dev/ttys") {
        0
    } else {
        baud
    };
    serialport::new(path, baud)
}

/// DTR and RTS of an open asynchronous port.
pub(super) fn stream_lines(stream: &Arc<Mutex<SerialStream>>) -> Arc<dyn ModemLines> {
    Arc::new(StreamLines(Arc::downgrade(stream)))
}

/// DTR and RTS of an open blocking port.
pub(super) fn native_lines(native: &Native) -> io::Result<Arc<dyn ModemLines>> {
    Ok(Arc::new(NativeLines(Mutex::new(native.try_clone()?))))
}

/// The lines of something that has none.
pub(super) fn no_lines() -> Arc<dyn ModemLines> {
    Arc::new(NoLines)
}

struct StreamLines(Weak<Mutex<SerialStream>>);

impl ModemLines for StreamLines {
    fn set(&self, dtr: bool, rts: bool) -> io::Result<()> {
        let stream = self.0.upgrade().ok_or_else(closed)?;
        set_lines(&mut *lock(&stream), dtr, rts)
    }
}

struct NativeLines(Mutex<Box<dyn SerialPort>>);

impl ModemLines for NativeLines {
    fn set(&self, dtr: bool, rts: bool) -> io::Result<()> {
        set_lines(lock(&self.0).as_mut(), dtr, rts)
    }
}

struct NoLines;

impl ModemLines for NoLines {
    fn set(&self, _: bool, _: bool) -> io::Result<()> {
        Ok(())
    }
}

/// The system sets one line after the other. In this order "RTS active, DTR inactive", the reset of Espressif's boards,
/// is never passed on the way to another state.
fn set_lines(port: &mut dyn SerialPort, dtr: bool, rts: bool) -> io::Result<()> {
    if rts {
        port.write_data_terminal_ready(dtr)?;
        port.write_request_to_send(rts)?;
    } else {
        port.write_request_to_send(rts)?;
        port.write_data_terminal_ready(dtr)?;
    }
    Ok(())
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the serial port was closed")
}

/// Gives the errors of a vanished device one kind. Systems and crates report it as EIO, ENXIO or ENODEV, as "other", or,
/// on Windows, as "access denied".
fn gone(path: &str, error: io::Error) -> io::Error {
    use io::ErrorKind::{Interrupted, InvalidInput, TimedOut, WouldBlock};
    match error.kind() {
        Interrupted | InvalidInput | TimedOut | WouldBlock => error,
        _ => io::Error::new(
            io::ErrorKind::BrokenPipe,
            format!("the serial port {path} is gone ({error}): its cable was pulled, or its board restarted"),
        ),
    }
}
