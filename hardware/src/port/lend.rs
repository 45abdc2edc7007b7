//! Giving an open port to another program and taking it back.
//!
//! Nothing here starts or stops that program. It may restart the board or lead it into its bootloader, so the port is found
//! again by its topology, and may have another path.

use super::{Access, OpenError, OpenOptions, Port, Ports, SerialLine, access};
use std::time::Duration;
use tokio::time::Instant;

/// How often a lent port is asked for.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// A port that another program may use now.
#[derive(Clone)]
pub struct LentPort {
    ports: Ports,
    port: Port,
}

impl Ports {
    /// Closes a line so that another program can open its port. Bytes that are still to be sent are lost.
    pub fn lend(&self, line: SerialLine) -> LentPort {
        let path = line.path().to_owned();
        let port = self.port(&path).unwrap_or(Port {
            path,
            topology: None,
            usb: None,
            is_virtual: false,
        });
        // Closing gives up TIOCEXCL and the lock.
        drop(line);
        LentPort {
            ports: self.clone(),
            port,
        }
    }
}

impl LentPort {
    /// The port when it was lent.
    pub fn port(&self) -> &Port {
        &self.port
    }

    /// Who has the port open now, or what else keeps it from being used; `None` while it is not plugged in. Programs of
    /// other users cannot be seen.
    pub fn access(&self) -> Option<Access> {
        self.now().map(|port| access(&port))
    }

    /// Opens the port again once it is free, wherever the board is listed now. A port that was lent is not opened while
    /// another program has it open, even if that program did not lock it.
    ///
    /// The board there may be another one, or may be in its bootloader: check it before writing.
    ///
    /// # Errors
    /// [`OpenError`] of the last attempt, after `timeout`.
    pub async fn take_back(&self, options: OpenOptions, timeout: Duration) -> Result<SerialLine, OpenError> {
        let deadline = Instant::now() + timeout;
        loop {
            let error = match self.open(options) {
                Ok(line) => return Ok(line),
                Err(error @ OpenError::Failed { .. }) => return Err(error),
                Err(error) => error,
            };
            if Instant::now() >= deadline {
                return Err(error);
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    fn open(&self, options: OpenOptions) -> Result<SerialLine, OpenError> {
        let path = self.port.path.clone();
        let port = self.now().ok_or(OpenError::NotFound { path })?;
        match access(&port) {
            Access::Usable => self.ports.open(&port.path, options),
            kept => Err(OpenError::kept(&port.path, kept)),
        }
    }

    /// The port as it is listed now. A device with several ports keeps their order.
    fn now(&self) -> Option<Port> {
        let Some(topology) = &self.port.topology else {
            return self.ports.port(&self.port.path);
        };
        let there = self.ports.find_topology(topology);
        let same = there.iter().find(|port| port.path == self.port.path);
        same.or(there.first()).cloned()
    }
}
