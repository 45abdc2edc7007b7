//! Programs that engines run. Each has its own process group, which ends with its owner, even when the owner is killed.
//! The program's output is read continuously and its last lines are stored.
//!
//! Nothing here depends on the program, and neither does `stored`, which holds states that programs save.

mod guard;
mod printed;
mod stored;

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{Child, ChildStdin, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

pub use printed::Printed;
pub(crate) use stored::Origin;

/// How long a killed group may take to end before it is left to the operating system.
const KILL_WAIT: Duration = Duration::from_secs(5);
/// Interval of checks whether a child has ended.
const ASK_AGAIN: Duration = Duration::from_millis(5);

/// A running program and all its children.
#[derive(Debug)]
pub struct ProcessGroup {
    child: Child,
    /// Closing it makes the guard kill the group; the kernel closes it when we are killed.
    lifeline: Option<ChildStdin>,
    printed: Arc<Printed>,
}

impl ProcessGroup {
    /// Starts `program` in `folder`, in a group of its own.
    ///
    /// # Errors
    /// The program does not exist, or the system gives no process.
    pub fn spawn(
        program: &Path,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        folder: &Path,
    ) -> io::Result<Self> {
        let mut command = guard::command(program);
        command
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let lifeline = child.stdin.take();
        let printed = Arc::new(Printed::default());
        if let Some(out) = child.stdout.take() {
            printed.read_from(out)?;
        }
        if let Some(err) = child.stderr.take() {
            printed.read_from(err)?;
        }
        Ok(Self {
            child,
            lifeline,
            printed,
        })
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Its exit status, if it ends within `limit`.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.ended() {
                return Some(status);
            }
            if Instant::now() >= deadline {
                return None;
            }
            thread::sleep(ASK_AGAIN);
        }
    }

    /// Its output.
    pub fn printed(&self) -> &Printed {
        &self.printed
    }

    /// Kills the whole group, and waits a limited time for its end.
    pub fn kill(&mut self) {
        drop(self.lifeline.take());
        guard::kill_group(&mut self.child);
        self.wait(KILL_WAIT);
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The output and exit status of a program that ends within `limit`; it is killed otherwise.
///
/// # Errors
/// It could not be started, or (`TimedOut`) took too long.
pub fn output(
    program: &Path,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    limit: Duration,
) -> io::Result<(ExitStatus, String)> {
    let mut group = ProcessGroup::spawn(program, arguments, Path::new("."))?;
    let status = group.wait(limit);
    let status = status.ok_or_else(|| io::Error::new(io::ErrorKind::TimedOut, "it did not end in time"))?;
    group.printed.wait_for_end(limit);
    Ok((status, group.printed.last(usize::MAX).join("\n")))
}

/// Looks for a program in the folders of `PATH`.
pub fn find_on_path(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|candidate| is_program(candidate))
}

/// Whether `path` is a file that may be executed.
pub fn is_program(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        path.metadata()
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    }
    #[cfg(not(unix))]
    {
        path.is_file()
    }
}

/// Waits until `ready` returns a value, checking every few milliseconds, at most until `deadline`.
pub fn wait_until<T>(deadline: Instant, mut ready: impl FnMut() -> Option<T>) -> Option<T> {
    loop {
        if let Some(value) = ready() {
            return Some(value);
        }
        if Instant::now() >= deadline {
            return None;
        }
        thread::sleep(ASK_AGAIN);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
