//! Wakes the thread of a cable out of `poll`: for its machine's UART, and for its owner.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::task::Wake;

/// A bell that stays rung until it is silenced.
#[derive(Debug)]
pub(super) struct Bell {
    ring: UnixStream,
    heard: UnixStream,
}

impl Bell {
    pub(super) fn new() -> io::Result<Arc<Self>> {
        let (ring, heard) = UnixStream::pair()?;
        ring.set_nonblocking(true)?;
        heard.set_nonblocking(true)?;
        Ok(Arc::new(Self { ring, heard }))
    }

    pub(super) fn ring(&self) {
        // A full buffer is a bell that is rung already.
        let _ = (&self.ring).write(&[1]);
    }

    pub(super) fn silence(&self) {
        let mut bytes = [0; 256];
        while matches!((&self.heard).read(&mut bytes), Ok(count) if count > 0) {}
    }

    /// What is readable while the bell is rung.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.heard.as_fd()
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}
