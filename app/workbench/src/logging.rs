//! Drydock's own log: rotating files in the data directory.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter, layer::SubscriberExt, util::SubscriberInitExt};

/// Size at which a log file is put aside, in bytes.
const FILE_BYTES: u64 = 1 << 20;
/// Number of log files, including the current one.
const FILES: usize = 5;

/// Sends this process' log to `DIR/logs/drydock.log`. Does nothing if the process already has a log.
///
/// The level is `info`, or the value of `DRYDOCK_LOG`.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn log_to(directory: &Path) -> io::Result<()> {
    let file = SharedLog(Arc::new(Mutex::new(RotatingFile::open(
        directory.join("logs/drydock.log"),
        FILE_BYTES,
        FILES,
    )?)));
    let filter =
        EnvFilter::try_from_env("DRYDOCK_LOG").unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn,probe_rs=error"));
    let installed = tracing_subscriber::registry()
        .with(filter)
        .with(tracing_subscriber::fmt::layer().with_ansi(false).with_writer(file))
        .try_init();
    if installed.is_err() {
        tracing::debug!("this process has a log already");
    }
    Ok(())
}

/// The newest lines of the log, oldest first.
pub(crate) fn tail(directory: &Path, lines: usize) -> Vec<String> {
    let text = fs::read_to_string(directory.join("logs/drydock.log")).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..]
        .iter()
        .map(|line| (*line).to_owned())
        .collect()
}

/// A file that is renamed to `….1`, `….2`, … when it is full.
struct RotatingFile {
    path: PathBuf,
    file: File,
    written: u64,
    limit: u64,
    keep: usize,
}

impl RotatingFile {
    fn open(path: PathBuf, limit: u64, keep: usize) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = File::options().create(true).append(true).open(&path)?;
        let written = file.metadata()?.len();
        Ok(Self {
            path,
            file,
            written,
            limit,
            keep,
        })
    }

    fn rotate(&mut self) -> io::Result<()> {
        for age in (1..self.keep).rev() {
            let older = self.aside(age);
            let newer = if age == 1 {
                self.path.clone()
            } else {
                self.aside(age - 1)
            };
            if newer.exists() {
                fs::rename(newer, older)?;
            }
        }
        self.file = File::create(&self.path)?;
        self.written = 0;
        Ok(())
    }

    fn aside(&self, age: usize) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{age}"));
        name.into()
    }
}

impl Write for RotatingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.written > 0 && self.written + bytes.len() as u64 > self.limit {
            self.rotate()?;
        }
        let taken = self.file.write(bytes)?;
        self.written += taken as u64;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[derive(Clone)]
struct SharedLog(Arc<Mutex<RotatingFile>>);

impl Write for SharedLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.lock() {
            // A full disk must not fail the logged work.
            Ok(mut file) => Ok(file.write(bytes).unwrap_or(bytes.len())),
            Err(_) => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for SharedLog {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_lines_go_and_new_ones_stay() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("logs/x.log");
        let mut log = RotatingFile::open(path.clone(), 100, 3).unwrap();
        for line in 0..40 {
            writeln!(log, "line {line:04} of the log").unwrap();
        }
        let read = |path: PathBuf| fs::read_to_string(path).unwrap();
        assert!(read(path).ends_with("line 0039 of the log\n"));
        assert!(read(log.aside(1)).contains("line 0035"));
        assert!(log.aside(2).exists() && !log.aside(3).exists());
        assert!(read(log.aside(2)).len() <= 100);
    }
}
