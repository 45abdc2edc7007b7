//! A GDB server for any [`Machine`], on a loopback port: registers, memory, breakpoints, watchpoints for stores, single steps,
//! Ctrl-C, `monitor reset`. What a debugger sends, however broken, ends its session at worst; the machine lives on.
//!
//! Breakpoints cost the guest nothing while there are none; with one, the machine is run by single steps. A machine of a
//! runner keeps its pace and its link while the debugger lets it run, and stands, with its time, while it does not.

mod access;
mod arch;
mod resume;
mod target;

use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gdbstub::common::Signal;
use gdbstub::stub::state_machine::GdbStubStateMachine;
use gdbstub::stub::{DisconnectReason, GdbStub, SingleThreadStopReason};

use self::target::GdbTarget;

pub use crate::machine::{Caught, Trapping, Traps};
pub use access::{Access, Held};

/// How often a server that waits looks whether it shall end.
const LOOK: Duration = Duration::from_millis(20);
/// How often a session looks whether a machine that runs by itself has stopped.
const GLANCE: Duration = Duration::from_millis(2);

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The debugger went.
    Detached,
    /// The debugger asked for the machine's end, which is not its to decide.
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
    /// What came is not GDB's remote protocol.
    #[error("what came is not GDB's remote protocol: {0}")]
    Protocol(String),
    /// The machine is gone or crashed.
    #[error("the machine cannot be target: {0}")]
    Machine(String),
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

/// A loopback port that one debugger at a time can connect to.
#[derive(Debug)]
pub struct GdbServer {
    listener: TcpListener,
    stop: StopSwitch,
    attached: Arc<AtomicBool>,
}

impl GdbServer {
    /// Opens a port: `0` for any that is free.
    ///
    /// # Errors
    /// The port is taken.
    pub fn bind(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            listener,
            stop: StopSwitch::default(),
            attached: Arc::default(),
        })
    }

    /// Where `target remote` finds it.
    ///
    /// # Errors
    /// The operating system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Ends [`Self::serve`].
    pub fn stop_switch(&self) -> StopSwitch {
        self.stop.clone()
    }

    /// Whether a debugger is connected now.
    pub fn attached(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.attached)
    }

    /// Waits for a debugger and serves it until it goes.
    ///
    /// # Errors
    /// [`GdbError`]; the machine can be used, and target, all the same.
    pub fn serve(&self, mut access: impl Access) -> Result<End, GdbError> {
        let stream = loop {
            if self.stop.is_thrown() || access.is_gone() {
                return Ok(End::Stopped);
            }
            match self.listener.accept() {
                Ok((stream, _)) => break stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(LOOK),
                Err(error) => return Err(error.into()),
            }
        };
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        let attached = access.attach();
        self.attached.store(true, Ordering::Release);
        let end = match attached {
            // A debugger may go without listening to what it is being told.
            Ok(()) => session(stream, &mut access, &self.stop).or_else(|error| match error {
                GdbError::Connection(error) if is_gone(&error) => Ok(End::Detached),
                error => Err(error),
            }),
            Err(gone) => Err(GdbError::Machine(gone.to_string())),
        };
        access.detach();
        self.attached.store(false, Ordering::Release);
        end
    }
}

fn session<A: Access>(stream: TcpStream, access: &mut A, stop: &StopSwitch) -> Result<End, GdbError> {
    let mut reader = stream.try_clone()?;
    let mut target = GdbTarget::new(access).map_err(GdbError::Machine)?;
    let broken = |error: gdbstub::stub::GdbStubError<String, io::Error>| {
        if error.is_target_error() {
            GdbError::Machine(error.into_target_error().unwrap_or_default())
        } else if error.is_connection_error() {
            match error.into_connection_error() {
                Some((error, _)) => GdbError::Connection(error),
                None => GdbError::Protocol(String::new()),
            }
        } else {
            GdbError::Protocol(error.to_string())
        }
    };
    let mut state = GdbStub::new(stream).run_state_machine(&mut target).map_err(broken)?;
    loop {
        state = match state {
            GdbStubStateMachine::Idle(idle) => match byte(&mut reader, LOOK)? {
                Input::Byte(byte) => idle.incoming_data(&mut target, byte).map_err(broken)?,
                Input::Nothing if stop.is_thrown() => return Ok(End::Stopped),
                Input::Nothing => idle.into(),
                Input::End => return Ok(End::Detached),
            },
            GdbStubStateMachine::Running(running) => match byte(&mut reader, target.patience())? {
                Input::Byte(byte) => running.incoming_data(&mut target, byte).map_err(broken)?,
                Input::End => return Ok(End::Detached),
                Input::Nothing if stop.is_thrown() => return Ok(End::Stopped),
                Input::Nothing => match target.run_on().map_err(GdbError::Machine)? {
                    Some(reason) => running.report_stop(&mut target, reason).map_err(broken)?,
                    None => running.into(),
                },
            },
            GdbStubStateMachine::CtrlCInterrupt(interrupt) => {
                target.halt().map_err(GdbError::Machine)?;
                interrupt
                    .interrupt_handled(&mut target, Some(SingleThreadStopReason::Signal(Signal::SIGINT)))
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

enum Input {
    Byte(u8),
    Nothing,
    End,
}

fn byte(reader: &mut TcpStream, limit: Duration) -> io::Result<Input> {
    let mut byte = [0];
    reader.set_read_timeout(Some(limit))?;
    match reader.read(&mut byte) {
        Ok(0) => Ok(Input::End),
        Ok(_) => Ok(Input::Byte(byte[0])),
        Err(error) => match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => Ok(Input::Nothing),
            _ if is_gone(&error) => Ok(Input::End),
            _ => Err(error),
        },
    }
}

/// Whether the debugger closed its end.
fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe
    )
}
