//! Which programs open and close a path. Linux says so when it happens; elsewhere a program is taken to be there always.

#[cfg(target_os = "linux")]
pub(super) use self::linux::Clients;
#[cfg(not(target_os = "linux"))]
pub(super) use self::unseen::Clients;

/// What programs did with the path since the last look, in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Uses {
    pub(super) opened: bool,
    pub(super) closed: bool,
}

#[cfg(target_os = "linux")]
mod linux {
    //! By inotify.

    use std::io;
    use std::mem::MaybeUninit;
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
    use std::path::Path;

    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};

    use super::Uses;

    /// A watch on a path.
    pub(in super::super) struct Clients {
        inotify: OwnedFd,
        watch: Option<i32>,
    }

    impl Clients {
        /// Whether programs are seen.
        pub(in super::super) const ARE_SEEN: bool = true;

        pub(in super::super) fn watch(path: &Path) -> io::Result<Self> {
            let mut clients = Self {
                inotify: inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?,
                watch: None,
            };
            clients.resume(path)?;
            Ok(clients)
        }

        pub(in super::super) fn fd(&self) -> Option<BorrowedFd<'_>> {
            Some(self.inotify.as_fd())
        }

        /// What programs did since the last call.
        pub(in super::super) fn uses(&mut self) -> io::Result<Uses> {
            let mut buffer = [MaybeUninit::uninit(); 1024];
            let mut reader = inotify::Reader::new(&self.inotify, &mut buffer);
            let mut uses = Uses::default();
            loop {
                let events = match reader.next() {
                    Ok(event) => event.events(),
                    Err(rustix::io::Errno::AGAIN) => return Ok(uses),
                    Err(error) => return Err(error.into()),
                };
                let closed = ReadFlags::CLOSE_WRITE | ReadFlags::CLOSE_NOWRITE | ReadFlags::QUEUE_OVERFLOW;
                uses.closed |= events.intersects(closed);
                uses.opened |= events.contains(ReadFlags::OPEN);
            }
        }

        /// Ends the watch until [`Self::resume`].
        pub(in super::super) fn pause(&mut self) -> io::Result<()> {
            if let Some(watch) = self.watch.take() {
                inotify::remove_watch(&self.inotify, watch)?;
            }
            Ok(())
        }

        pub(in super::super) fn resume(&mut self, path: &Path) -> io::Result<()> {
            let flags = WatchFlags::OPEN | WatchFlags::CLOSE_WRITE | WatchFlags::CLOSE_NOWRITE;
            self.watch = Some(inotify::add_watch(&self.inotify, path, flags)?);
            Ok(())
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod unseen {
    //! Without a notice of the system.

    use std::io;
    use std::os::fd::BorrowedFd;
    use std::path::Path;

    use super::Uses;

    /// Nothing.
    pub(in super::super) struct Clients;

    impl Clients {
        /// Whether programs are seen.
        pub(in super::super) const ARE_SEEN: bool = false;

        pub(in super::super) fn watch(_path: &Path) -> io::Result<Self> {
            Ok(Self)
        }

        pub(in super::super) fn fd(&self) -> Option<BorrowedFd<'_>> {
            None
        }

        pub(in super::super) fn uses(&mut self) -> io::Result<Uses> {
            Ok(Uses::default())
        }

        pub(in super::super) fn pause(&mut self) -> io::Result<()> {
            Ok(())
        }

        pub(in super::super) fn resume(&mut self, _path: &Path) -> io::Result<()> {
            Ok(())
        }
    }
}
