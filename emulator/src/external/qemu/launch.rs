//! Starts a QEMU process with its board and opens the connections to it: at power-on, or in a saved state.

use std::fs;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use drydock_assets::Board;
use tempfile::TempDir;

use super::remote::{Qmp, Stub, connect};
use crate::external::process::ProcessGroup;
use crate::machine::Seed;

/// How long QEMU may take to open its sockets, and to read a state.
const START: Duration = Duration::from_secs(20);
/// Instructions are counted as 2^5 ns each.
pub(super) const ICOUNT_SHIFT: u32 = 5;
/// Log lines in a report of its end.
pub(super) const LAST_LINES: usize = 6;
/// File for saved states in QEMU's folder, for writing and reading.
const STATE: &str = "machine.state";
/// Where pieces of memory go.
const MEMORY: &str = "memory.bin";

/// The parameters of a machine, to make another one like it.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) program: PathBuf,
    /// Of QEMU, as in `7.2.22`.
    pub(super) version: String,
    pub(super) board: Board,
    pub(super) seed: Seed,
}

/// A process, its machine stopped.
pub(super) struct Running {
    pub(super) stub: Stub,
    pub(super) qmp: Qmp,
    pub(super) uart: UnixStream,
    // Declared before the folder, so that the process has ended when the folder is removed.
    pub(super) process: ProcessGroup,
    folder: TempDir,
}

impl Running {
    /// Starts QEMU, with a machine in its factory state or in a saved `state`; the error text is for users.
    pub(super) fn start(setup: &Setup, state: Option<&[u8]>) -> Result<Self, String> {
        let no_folder = |error: io::Error| format!("there is no temporary folder: {error}");
        // Only this user can enter it (mode 0700), which protects all sockets.
        let folder = tempfile::Builder::new().prefix("drydock-qemu-").tempdir();
        let folder = folder.map_err(no_folder)?;
        let icount = format!("shift={ICOUNT_SHIFT},align=off");
        let incoming = format!("exec:cat {STATE}");
        let mut arguments = vec![
            "-machine",
            "mps2-an386",
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
            "-S",
            "-icount",
            &icount,
            "-qmp",
            "unix:qmp,server=on,wait=off",
            "-gdb",
            "unix:gdb,server=on,wait=off",
            "-serial",
            "unix:uart,server=on,wait=off",
        ];
        if let Some(state) = state {
            fs::write(folder.path().join(STATE), state).map_err(no_folder)?;
            arguments.extend(["-incoming", &incoming]);
        }
        let program = &setup.program;
        let mut process = ProcessGroup::spawn(program, arguments, folder.path())
            .map_err(|error| format!("{} could not be started: {error}", program.display()))?;
        let conversations = (|| {
            let mut qmp = Qmp::new(connect(&folder.path().join("qmp"), START)?)?;
            // A debugger that connects before the state is loaded would stop a machine that does not run yet.
            qmp.wait_for_state(START)?;
            let uart = connect(&folder.path().join("uart"), START)?;
            uart.set_nonblocking(true)?;
            let stub = Stub::new(connect(&folder.path().join("gdb"), START)?)?;
            Ok((qmp, uart, stub))
        })();
        let (qmp, uart, stub) = conversations.map_err(|error: io::Error| {
            process.kill();
            process.printed().wait_for_end(Duration::from_millis(200));
            format!(
                "QEMU does not talk: {error}; it said: {}",
                process.printed().last(LAST_LINES).join("\n")
            )
        })?;
        Ok(Self {
            stub,
            qmp,
            uart,
            process,
            folder,
        })
    }

    /// The state of the stopped machine: the stream that QEMU would send to another host for a migration. The outer
    /// error is of the connection; the inner one says why there is no state.
    pub(super) fn save(&mut self) -> io::Result<Result<Vec<u8>, String>> {
        Ok(self.qmp.save_to(STATE)?.and_then(|()| self.take(STATE)))
    }

    /// `bytes` of memory from `addr` on, at once; errors as for [`Self::save`].
    pub(super) fn memory(&mut self, addr: u32, bytes: u32) -> io::Result<Result<Vec<u8>, String>> {
        self.qmp.save_memory(addr, bytes, MEMORY)?;
        Ok(self.take(MEMORY))
    }

    fn take(&self, file: &str) -> Result<Vec<u8>, String> {
        let path = self.folder.path().join(file);
        let taken = fs::read(&path).and_then(|bytes| fs::remove_file(path).map(|()| bytes));
        taken.map_err(|error| format!("what QEMU wrote cannot be read: {error}"))
    }
}
