//! A pseudo-terminal as the host's end of a cable: its path, its baud rate, and whether a program has it open.
//!
//! One slave is held open by the cable itself. Without it the master would report a hang-up between two programs.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{self, OptionalActions, QueueSelector};

use super::clients::{Clients, Uses};

/// A new pseudo-terminal. Dropping it makes its path vanish; programs that have it open see the end of the stream.
pub(super) struct Pty {
    master: OwnedFd,
    /// `None` only if it could not be opened again after a look at the clients.
    held: Option<OwnedFd>,
    path: PathBuf,
    clients: Clients,
    has_client: bool,
    unsure: bool,
}

impl Pty {
    /// A pseudo-terminal in raw mode at `baud`.
    pub(super) fn open(baud: u32) -> io::Result<Self> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        rustix::io::fcntl_setfd(&master, rustix::io::FdFlags::CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = ptsname(&master, Vec::new())?;
        let path = PathBuf::from(OsStr::from_bytes(name.as_bytes()));
        rustix::fs::fcntl_setfl(&master, OFlags::NONBLOCK)?;
        let held = open_slave(&path)?;
        let mut settings = termios::tcgetattr(&held)?;
        settings.make_raw();
        settings.set_speed(baud)?;
        termios::tcsetattr(&held, OptionalActions::Now, &settings)?;
        let clients = Clients::watch(&path)?;
        Ok(Self {
            master,
            held: Some(held),
            path,
            has_client: !Clients::ARE_SEEN,
            unsure: false,
            clients,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The baud rate that a program has set, or the one set last.
    pub(super) fn baud(&self) -> io::Result<u32> {
        Ok(termios::tcgetattr(&self.master)?.output_speed())
    }

    /// Whether a program has it open.
    pub(super) fn has_client(&self) -> bool {
        self.has_client
    }

    /// Reads what a program wrote. [`io::ErrorKind::WouldBlock`] if there is nothing.
    pub(super) fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = rustix::io::read(&self.master, bytes)?;
        if count > 0 && !self.has_client {
            // It came while nobody looked, and may be gone again.
            (self.has_client, self.unsure) = (true, true);
        }
        Ok(count)
    }

    /// Writes for a program to read. [`io::ErrorKind::WouldBlock`] if its buffer is full.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(&self.master, bytes)?)
    }

    pub(super) fn master(&self) -> BorrowedFd<'_> {
        self.master.as_fd()
    }

    /// What becomes readable when a program opens or closes the path.
    pub(super) fn clients(&self) -> Option<BorrowedFd<'_>> {
        self.clients.fd()
    }

    /// Looks at which programs came and went. Returns the baud rate at which the last of them closed the path, if that
    /// happened.
    pub(super) fn update_clients(&mut self) -> io::Result<Option<u32>> {
        let Uses { opened, closed } = self.clients.uses()?;
        // It may have been opened and closed between two looks.
        self.has_client |= opened;
        if !closed {
            return Ok(None);
        }
        let (baud, had_client) = (self.baud()?, self.has_client);
        self.look_for_clients()?;
        Ok((had_client && !self.has_client).then_some(baud))
    }

    /// Whether to call [`Self::look_for_clients`] soon: a program that opened the path during the last look was not seen.
    pub(super) fn is_unsure(&self) -> bool {
        self.unsure
    }

    /// Lets go of the path for a moment, to see whether a program has it open. Bytes that none took are dropped: a
    /// serial port does not keep them either.
    pub(super) fn look_for_clients(&mut self) -> io::Result<()> {
        self.clients.pause()?;
        if let Some(held) = self.held.take() {
            // A program that was killed leaves the terminal in exclusive mode.
            termios::ioctl_tiocnxcl(&held)?;
        }
        let mut fds = [PollFd::new(&self.master, PollFlags::empty())];
        poll(&mut fds, Some(&Timespec::default()))?;
        let has_client = !fds[0].revents().contains(PollFlags::HUP);
        match open_slave(&self.path) {
            Ok(held) => {
                if !has_client {
                    termios::tcflush(&held, QueueSelector::IFlush)?;
                }
                self.held = Some(held);
            }
            // Another program has the path for itself; its end is a hang-up.
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {}
            Err(error) => return Err(error),
        }
        self.clients.resume(&self.path)?;
        self.unsure = self.has_client && !has_client;
        self.has_client = has_client || self.held.is_none();
        Ok(())
    }
}

fn open_slave(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}
