//! The USB device of an emulated board for USB hosts elsewhere, by USB/IP 1.1.1: a Linux host attaches it with `usbip` and
//! its own drivers enumerate it.
//!
//! | part | what lives there |
//! |---|---|
//! | `wire` | the protocol as bytes |
//! | `connection` | a client's connection: buffers, limits |
//! | `server` | the thread: clients, and what the board runs |
//! | `host` | the host's end of the cable, on the machine's thread |
//! | `transfers` | a client's transfers as transactions on the bus |
//! | `stand_in` | the USB device of a bootloader that is not in the machine's flash |
//!
//! It listens on loopback only. One client has the device at a time; others are told that it is busy. When the client
//! goes, the device is reset and waits for the next one. When the device goes (the board was reset, or enters its
//! bootloader), the client's connection ends, and the client imports the next device at the same bus id.

mod connection;
mod host;
mod server;
mod stand_in;
mod transfers;
pub mod wire;

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle};

use drydock_assets::Board;
use tokio::sync::watch;

use self::host::ExportHost;
use self::server::Server;
use super::bell::Bell;
use super::wired_board::{WiredBoard, Wiring};
use super::{ResetNotice, Runs};
use crate::runner::{MachineHandle, UsbError};

/// The port that USB/IP has by convention.
pub const PORT: u16 = 3240;
/// The name by which clients import the device.
pub const BUS_ID: &str = "1-1";

/// An exported device as clients see it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportState {
    /// Vendor and product id of the device that can be imported; `None` while there is none.
    pub usb: Option<(u16, u16)>,
    /// What answers.
    pub runs: Runs,
    /// A client has the device.
    pub is_attached: bool,
}

/// The USB device of a machine, exported. Dropping it pulls the cable; the client's connection ends. The board goes on.
#[derive(Debug)]
pub struct UsbIpExport {
    owned: Arc<Owned>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

/// What owner and thread share.
#[derive(Debug)]
struct Owned {
    bell: Arc<Bell>,
    commands: Mutex<VecDeque<OwnerCommand>>,
    state: watch::Sender<ExportState>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OwnerCommand {
    Bootloader,
    Reset,
    End,
}

impl Owned {
    fn commands(&self) -> MutexGuard<'_, VecDeque<OwnerCommand>> {
        // A queue is consistent between any two statements that touch it.
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, command: OwnerCommand) {
        self.commands().push_back(command);
        self.bell.ring();
    }
}

impl UsbIpExport {
    /// Exports the board's own USB device on loopback, at `port` if it is free and at any other if not.
    ///
    /// # Errors
    /// The board has no USB device of its own ([`io::ErrorKind::NotFound`]), its socket is in use
    /// ([`io::ErrorKind::ResourceBusy`]), the machine is gone ([`io::ErrorKind::NotConnected`]), or the system has no
    /// more ports, files or threads.
    pub fn start(handle: MachineHandle, board: &Board, port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).or_else(|error| match error.kind() {
            io::ErrorKind::AddrInUse => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)),
            _ => Err(error),
        })?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let bell = Bell::new()?;
        let owned = Arc::new(Owned {
            bell: bell.clone(),
            commands: Mutex::default(),
            state: watch::Sender::new(ExportState {
                usb: None,
                runs: Runs::Nothing,
                is_attached: false,
            }),
        });
        let host = host::Shared::new(bell);
        let plugged = handle.plug_usb(Box::new(ExportHost::of(host.clone())));
        let notify = plugged.map_err(|error| {
            let kind = match error {
                UsbError::None { .. } => io::ErrorKind::NotFound,
                UsbError::InUse { .. } => io::ErrorKind::ResourceBusy,
            };
            io::Error::new(kind, error)
        })?;
        let name = format!("usbip {}", handle.name());
        let board = WiredBoard {
            handle,
            wiring: Wiring::of(board),
        };
        let mut server = Server::new(owned.clone(), host, notify, listener, board);
        let (sender, ready) = mpsc::channel();
        let thread = thread::Builder::new().name(name).spawn(move || {
            let begun = server.begin();
            let goes_on = begun.is_ok();
            // The caller waits for it.
            let _ = sender.send(begun);
            if goes_on {
                server.run();
            }
        })?;
        let export = Self {
            owned,
            address,
            thread: Some(thread),
        };
        ready.recv().map_err(io::Error::other)??;
        Ok(export)
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The device as clients see it, as it changes.
    pub fn watch(&self) -> watch::Receiver<ExportState> {
        self.owned.state.subscribe()
    }

    /// What tells the export that a debugger has reset the board.
    pub fn reset_notice(&self) -> ResetNotice {
        let owned = self.owned.clone();
        ResetNotice::new(move || owned.send(OwnerCommand::Reset))
    }

    /// Brings the board into its bootloader, as a person does by hand (double tap of the reset button). A board without
    /// one is only reset.
    pub fn enter_bootloader(&self) {
        self.owned.send(OwnerCommand::Bootloader);
    }
}

impl Drop for UsbIpExport {
    fn drop(&mut self) {
        self.owned.send(OwnerCommand::End);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has dropped its connections too.
            let _ = thread.join();
        }
    }
}
