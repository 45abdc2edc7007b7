//! A program that has a serial port open.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Client(File);

impl Client {
    /// Opens a port as serial programs do: raw, at a baud rate.
    pub(crate) fn open(path: &Path, baud: u32) -> Self {
        let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
        let client = Self(file);
        client.set_baud(baud);
        client
    }

    pub(crate) fn set_baud(&self, baud: u32) {
        let mut settings = tcgetattr(&self.0).unwrap();
        settings.make_raw();
        settings.set_speed(baud).unwrap();
        tcsetattr(&self.0, OptionalActions::Now, &settings).unwrap();
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// Reads until `enough`; panics if nothing comes for too long, or if the stream ends.
    pub(crate) fn read_until(&mut self, enough: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        let started = Instant::now();
        let mut all = Vec::new();
        while !enough(&all) {
            assert!(
                started.elapsed() < PATIENCE,
                "after {:?}",
                String::from_utf8_lossy(&all)
            );
            let timeout = Timespec { tv_sec: 1, tv_nsec: 0 };
            let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
            if poll(&mut fds, Some(&timeout)).unwrap() > 0 {
                let mut bytes = [0; 4096];
                let count = self.0.read(&mut bytes).unwrap();
                assert!(count > 0, "the stream ended after {all:?}");
                all.extend(&bytes[..count]);
            }
        }
        all
    }

    pub(crate) fn read(&mut self, count: usize) -> Vec<u8> {
        self.read_until(|bytes| bytes.len() >= count)
    }

    /// Waits until the cable is out.
    pub(crate) fn wait_for_end(&mut self) {
        let started = Instant::now();
        let mut bytes = [0; 4096];
        // Linux ends it with an error or with no bytes.
        while matches!(self.0.read(&mut bytes), Ok(count) if count > 0) {
            assert!(started.elapsed() < PATIENCE);
        }
    }
}
