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
    /// Looks that are still to be made because the system says that a program closes the path before it is closed.
    looks: u8,
    /// The baud rate at which the last program was seen to close the path, until it is asked for.
    closed_at: Option<u32>,
}

/// Looks after a close that left a program there.
const LOOKS_AFTER_CLOSE: u8 = 8;

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
            looks: 0,
            closed_at: None,
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
    /// happened since the last call.
    pub(super) fn update_clients(&mut self) -> io::Result<Option<u32>> {
        let uses = self.clients.uses()?;
        self.note(uses)?;
        Ok(self.closed_at.take())
    }

    fn note(&mut self, uses: Uses) -> io::Result<()> {
        // It may have been opened and closed between two looks.
        self.has_client |= uses.opened;
        if uses.closed {
            self.look_for_clients()?;
            // Another program, or the one that is about to be gone.
            self.looks = if self.has_client { LOOKS_AFTER_CLOSE } else { 0 };
        }
        Ok(())
    }

    /// Whether to call [`Self::look_for_clients`] soon: a program may have come or gone during the last look.
    pub(super) fn is_unsure(&self) -> bool {
        self.unsure || self.looks > 0
    }

    /// Lets go of the path for a moment, to see whether a program has it open. Bytes that none took are dropped: a
    /// serial port does not keep them either.
    pub(super) fn look_for_clients(&mut self) -> io::Result<()> {
        self.looks = self.looks.saturating_sub(1);
        let baud = self.baud()?;
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
        let had_client = std::mem::replace(&mut self.has_client, has_client || self.held.is_none());
        if had_client && !self.has_client {
            self.closed_at = Some(baud);
        }
        Ok(())
    }
}

fn open_slave(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_gone_only_after_the_systems_word_is_missed_soon() {
        let mut pty = Pty::open(115_200).unwrap();
        let client = open_slave(pty.path()).unwrap();
        let mut settings = termios::tcgetattr(&client).unwrap();
        settings.set_speed(1_200).unwrap();
        termios::tcsetattr(&client, OptionalActions::Now, &settings).unwrap();
        assert_eq!(pty.update_clients().unwrap(), None);
        assert!(pty.has_client() && !pty.is_unsure());
        // The system tells of the close first, and closes then.
        let told = Uses {
            opened: false,
            closed: true,
        };
        pty.note(told).unwrap();
        assert!(pty.has_client() && pty.is_unsure());
        pty.clients.pause().unwrap();
        drop(client);
        pty.clients.resume(&pty.path).unwrap();
        pty.look_for_clients().unwrap();
        assert_eq!(pty.update_clients().unwrap(), Some(1_200));
        assert!(!pty.has_client());
        assert_eq!(pty.update_clients().unwrap(), None);
    }

    #[test]
    fn a_program_that_stays_is_not_looked_for_without_end() {
        let mut pty = Pty::open(115_200).unwrap();
        let _client = open_slave(pty.path()).unwrap();
        drop(open_slave(pty.path()).unwrap());
        assert_eq!(pty.update_clients().unwrap(), None);
        let mut looks = 0;
        while pty.is_unsure() {
            pty.look_for_clients().unwrap();
            looks += 1;
        }
        assert!(pty.has_client() && looks == LOOKS_AFTER_CLOSE);
    }
}
