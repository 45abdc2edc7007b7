//! One window per data directory: a second start brings the first one to the front and ends.
//!
//! The first window listens on a socket in the data directory, for its user alone. A connection asks it to come to the
//! front. Without such a socket (a path too long for a socket, another system), a second window opens and attaches.

use drydock_client::DataDir;
use tauri::WebviewWindow;

/// Another window has this data directory open; it was asked to come to the front.
#[derive(Debug)]
pub(crate) struct AlreadyOpen;

#[cfg(unix)]
pub(crate) use unix::SingleInstance;

#[cfg(unix)]
mod unix {
    use super::{AlreadyOpen, DataDir, WebviewWindow};
    use std::{
        fs,
        os::unix::{
            fs::PermissionsExt as _,
            net::{UnixListener, UnixStream},
        },
        path::{Path, PathBuf},
    };

    /// Longest path of a Unix socket that all systems support, in bytes.
    const MAX_SOCKET_PATH: usize = 100;

    /// This window's claim on its data directory; dropping it releases the claim.
    #[derive(Debug)]
    pub(crate) struct SingleInstance(Option<(UnixListener, PathBuf)>);

    impl SingleInstance {
        /// Claims the data directory for this window.
        ///
        /// # Errors
        /// [`AlreadyOpen`].
        pub(crate) fn claim(data: &DataDir) -> Result<Self, AlreadyOpen> {
            let Some(path) = data.path().and_then(|path| std::path::absolute(path).ok()) else {
                return Ok(Self(None));
            };
            let socket = path.join("window.sock");
            if socket.as_os_str().len() > MAX_SOCKET_PATH {
                return Ok(Self(None));
            }
            if UnixStream::connect(&socket).is_ok() {
                return Err(AlreadyOpen);
            }
            Ok(Self(listen(&socket).map(|listener| (listener, socket))))
        }

        /// A handle that ends the claim when the window has closed while this process still saves data. A new start
        /// then opens its own window, which waits for the data directory.
        pub(crate) fn end(&self) -> ClaimRelease {
            ClaimRelease(self.0.as_ref().map(|(_, socket)| socket.clone()))
        }

        /// Brings the window to the front whenever another start asks for it.
        pub(crate) fn focus_when_asked(self, window: WebviewWindow) {
            let Some((listener, _socket)) = self.0 else { return };
            std::thread::spawn(move || {
                for asked in listener.incoming() {
                    if asked.is_ok() {
                        // Each may be refused by the window manager.
                        let _ = window.unminimize();
                        let _ = window.show();
                        let _ = window.set_focus();
                    }
                }
            });
        }
    }

    /// The end of a claim.
    #[derive(Debug, Clone)]
    pub(crate) struct ClaimRelease(Option<PathBuf>);

    impl ClaimRelease {
        /// Ends it.
        pub(crate) fn now(&self) {
            if let Some(socket) = &self.0 {
                // Gone already, if the data directory is.
                let _ = fs::remove_file(socket);
            }
        }
    }

    fn listen(socket: &Path) -> Option<UnixListener> {
        let directory = socket.parent()?;
        // Left by a window that was killed.
        let _ = fs::remove_file(socket);
        if !directory.exists() {
            fs::create_dir_all(directory).ok()?;
            fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).ok()?;
        }
        let listener = UnixListener::bind(socket).ok()?;
        fs::set_permissions(socket, fs::Permissions::from_mode(0o600)).ok()?;
        Some(listener)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_second_start_finds_the_first_window() {
            let directory = tempfile::tempdir().unwrap();
            let data = DataDir::At(directory.path().join("data"));
            let first = SingleInstance::claim(&data).unwrap();
            assert!(SingleInstance::claim(&data).is_err());
            first.end().now();
            let second = SingleInstance::claim(&data).expect("a window that is closing is not in the way");
            drop((first, second));
            assert!(
                SingleInstance::claim(&data).is_ok(),
                "a window that has gone is not in the way"
            );
        }
    }
}

#[cfg(not(unix))]
#[derive(Debug)]
pub(crate) struct SingleInstance;

#[cfg(not(unix))]
impl SingleInstance {
    pub(crate) fn claim(_data: &DataDir) -> Result<Self, AlreadyOpen> {
        Ok(Self)
    }

    pub(crate) fn focus_when_asked(self, _window: WebviewWindow) {}

    pub(crate) fn end(&self) -> ClaimRelease {
        ClaimRelease
    }
}

#[cfg(not(unix))]
#[derive(Debug, Clone)]
pub(crate) struct ClaimRelease;

#[cfg(not(unix))]
impl ClaimRelease {
    pub(crate) fn now(&self) {}
}
