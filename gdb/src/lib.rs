//! A GDB server on a loopback port for anything that is [`DebugTarget`]: an emulated machine, or a chip behind a debug probe.
//! Anything that a debugger sends or leaves unread at worst ends its session; what it debugged continues.
//!
//! The core is halted from a client's first packet until that client has disconnected, and at no other time.

mod arch;
mod clients;
mod connection;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gdbstub::common::Signal;
use gdbstub::stub::state_machine::GdbStubStateMachine;
use gdbstub::stub::{DisconnectReason, GdbStub, SingleThreadStopReason};
use gdbstub::target::Target;

use self::clients::{Client, Clients};
use self::connection::{Input, Reader, Writer, is_closed};

pub use arch::{ARM_FLOAT, Core32, Described, RegisterFile, RegisterIndex, copy_part, describe};

/// What debuggers debug. Its [`Target`] carries out their requests while the core is halted.
pub trait DebugTarget: Target<Arch = Core32, Error = String> {
    /// Whether it was stopped permanently.
    fn is_gone(&self) -> bool {
        false
    }

    /// A debugger connected: the core is halted from now on.
    ///
    /// # Errors
    /// The reason why it cannot be debugged, as a user reads it.
    fn attach(&mut self) -> Result<(), String>;

    /// The debugger disconnected: the core runs on as before. It is called also if [`Self::attach`] failed.
    fn detach(&mut self);

    /// Lets the core run, or execute one instruction, for a moment; the reason for which it halted if it did.
    ///
    /// # Errors
    /// It is gone.
    fn run_on(&mut self) -> Result<Option<SingleThreadStopReason<u32>>, String>;

    /// How long to wait for the debugger's next byte before [`Self::run_on`]; not zero.
    fn patience(&self) -> Duration;

    /// Called now and then while the core is halted and the debugger asks nothing, so that a loss is noticed then, too.
    ///
    /// # Errors
    /// It is gone.
    fn check_present(&mut self) -> Result<(), String> {
        Ok(())
    }

    /// Ctrl-C: halts the core.
    ///
    /// # Errors
    /// It is gone.
    fn halt(&mut self) -> Result<(), String>;
}

/// Interval at which a waiting server checks whether it must end.
const POLL: Duration = Duration::from_millis(20);
/// Interval at which a server checks that what it debugs is still there while the debugger asks nothing.
const PRESENCE: Duration = Duration::from_millis(200);
/// Interval at which a server checks whether a client has sent bytes.
const GLANCE: Duration = Duration::from_millis(2);
/// Longest packet that a debugger may send.
const PACKET_BYTES: usize = 4096;

/// How long a debugger may leave the server waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From a client's connection to the end of its first packet.
    pub first_packet: Duration,
    /// Without reading anything of an answer.
    pub unread: Duration,
}

impl Default for Limits {
    /// Five and ten seconds.
    fn default() -> Self {
        Self {
            first_packet: Duration::from_secs(5),
            unread: Duration::from_secs(10),
        }
    }
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The debugger disconnected.
    Detached,
    /// The debugger sent `kill`, which must not end what it debugs.
    Killed,
    /// The server was asked to end.
    Stopped,
}

/// A session that ended by a failure.
#[derive(Debug, thiserror::Error)]
pub enum GdbError {
    /// The connection broke.
    #[error("the debugger's connection broke")]
    Connection(#[from] io::Error),
    /// The debugger left its answers unread for longer than [`Limits::unread`].
    #[error("the debugger asks, but does not read the answers")]
    Unread,
    /// The received bytes are not GDB's remote protocol.
    #[error("what came is not GDB's remote protocol: {0}")]
    Protocol(String),
    /// What was debugged is gone, or crashed.
    #[error("debugging ended: {0}")]
    Gone(String),
}

/// Ends a server from another thread.
#[derive(Clone, Debug, Default)]
pub struct StopSwitch(Arc<AtomicBool>);

impl StopSwitch {
    /// Ends it soon.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_thrown(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A loopback port for one debugger at a time.
#[derive(Debug)]
pub struct GdbServer {
    clients: Clients,
    limits: Limits,
    stop: StopSwitch,
    attached: Arc<AtomicBool>,
}

impl GdbServer {
    /// Opens a port; `0` selects any free one.
    ///
    /// # Errors
    /// The port is taken.
    pub fn bind(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let limits = Limits::default();
        Ok(Self {
            clients: Clients::new(listener, limits.first_packet),
            limits,
            stop: StopSwitch::default(),
            attached: Arc::default(),
        })
    }

    /// The same server with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.clients.set_limit(limits.first_packet);
        self.limits = limits;
        self
    }

    /// The address for `target remote`.
    ///
    /// # Errors
    /// The operating system cannot report it.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.clients.listener().local_addr()
    }

    /// Ends [`Self::serve`].
    pub fn stop_switch(&self) -> StopSwitch {
        self.stop.clone()
    }

    /// Whether a debugger holds the core now.
    pub fn attached(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.attached)
    }

    /// Waits for a debugger and serves it until it disconnects. A client is a debugger once it has sent a packet;
    /// clients that send none within [`Limits::first_packet`] are dropped and change nothing.
    ///
    /// # Errors
    /// [`GdbError`]; another debugger can be served.
    pub fn serve(&mut self, mut debugged: impl DebugTarget) -> Result<End, GdbError> {
        let client = loop {
            if self.stop.is_thrown() || debugged.is_gone() {
                return Ok(End::Stopped);
            }
            if let Some(client) = self.clients.next() {
                break client;
            }
            std::thread::sleep(if self.clients.is_empty() { POLL } else { GLANCE });
        };
        client.stream.set_nonblocking(false)?;
        client.stream.set_nodelay(true)?;
        let attached = Arc::clone(&self.attached);
        let hold = Hold::new(&mut debugged, &attached)?;
        match self.session(client, hold.debugged) {
            _ if self.stop.is_thrown() => Ok(End::Stopped),
            // A debugger may disconnect without reading its last answers.
            Err(GdbError::Connection(error)) if is_closed(&error) => Ok(End::Detached),
            Err(GdbError::Connection(error)) if error.kind() == io::ErrorKind::TimedOut => Err(GdbError::Unread),
            end => end,
        }
    }

    fn session<D: DebugTarget>(&mut self, client: Client, target: &mut D) -> Result<End, GdbError> {
        let writer = Writer::new(client.stream.try_clone()?, self.limits.unread, self.stop.clone());
        let mut reader = Reader::new(client.stream, client.received);
        let mut packet = [0; PACKET_BYTES];
        let stub = GdbStub::builder(writer).with_packet_buffer(&mut packet).build();
        let stub = stub.map_err(|error| GdbError::Protocol(error.to_string()))?;
        let mut state = stub.run_state_machine(target).map_err(broken)?;
        let mut checked = Instant::now();
        loop {
            // Also while bytes keep arriving: a debugger that writes endlessly must not keep the server from ending.
            if self.stop.is_thrown() {
                return Ok(End::Stopped);
            }
            state = match state {
                GdbStubStateMachine::Idle(idle) => match reader.byte(POLL)? {
                    Input::Byte(byte) => idle.incoming_data(target, byte).map_err(broken)?,
                    Input::Nothing => {
                        self.clients.drop_expired();
                        if checked.elapsed() >= PRESENCE {
                            target.check_present().map_err(GdbError::Gone)?;
                            checked = Instant::now();
                        }
                        idle.into()
                    }
                    Input::End => return Ok(End::Detached),
                },
                GdbStubStateMachine::Running(running) => match reader.byte(target.patience())? {
                    Input::Byte(byte) => running.incoming_data(target, byte).map_err(broken)?,
                    Input::End => return Ok(End::Detached),
                    Input::Nothing => {
                        self.clients.drop_expired();
                        match target.run_on().map_err(GdbError::Gone)? {
                            Some(reason) => running.report_stop(target, reason).map_err(broken)?,
                            None => running.into(),
                        }
                    }
                },
                GdbStubStateMachine::CtrlCInterrupt(interrupt) => {
                    target.halt().map_err(GdbError::Gone)?;
                    interrupt
                        .interrupt_handled(target, Some(SingleThreadStopReason::Signal(Signal::SIGINT)))
                        .map_err(broken)?
                }
                GdbStubStateMachine::Disconnected(disconnected) => {
                    return Ok(match disconnected.get_reason() {
                        DisconnectReason::Kill => End::Killed,
                        _ => End::Detached,
                    });
                }
            };
        }
    }
}

/// What a debugger holds. It is released in every case, even if the session panics.
struct Hold<'a, D: DebugTarget> {
    debugged: &'a mut D,
    attached: &'a AtomicBool,
}

impl<'a, D: DebugTarget> Hold<'a, D> {
    fn new(debugged: &'a mut D, attached: &'a AtomicBool) -> Result<Self, GdbError> {
        let hold = Self { debugged, attached };
        hold.debugged.attach().map_err(GdbError::Gone)?;
        attached.store(true, Ordering::Release);
        Ok(hold)
    }
}

impl<D: DebugTarget> Drop for Hold<'_, D> {
    fn drop(&mut self) {
        self.debugged.detach();
        self.attached.store(false, Ordering::Release);
    }
}

fn broken(error: gdbstub::stub::GdbStubError<String, io::Error>) -> GdbError {
    if error.is_target_error() {
        GdbError::Gone(error.into_target_error().unwrap_or_default())
    } else if error.is_connection_error() {
        match error.into_connection_error() {
            Some((error, _)) => GdbError::Connection(error),
            None => GdbError::Protocol(String::new()),
        }
    } else {
        GdbError::Protocol(error.to_string())
    }
}
