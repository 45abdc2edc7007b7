//! A virtual display for window tests: an Xvfb of our own, gone when the test part ends.

use std::io::Read;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

/// A running Xvfb.
pub(crate) struct Display {
    server: Child,
    name: String,
}

impl Display {
    /// Starts Xvfb on a free display number, which the server itself picks and tells.
    pub(crate) fn start() -> Result<Self> {
        let mut server = Command::new("Xvfb")
            .args([
                "-displayfd",
                "1",
                "-screen",
                "0",
                "1600x1000x24",
                "-nolisten",
                "tcp",
                "-noreset",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("starting Xvfb (`./x setup` installs it)")?;
        let mut told = String::new();
        let mut stdout = server.stdout.take().context("Xvfb's output")?;
        let mut byte = [0];
        while stdout.read(&mut byte).context("reading Xvfb's display number")? == 1 && byte[0] != b'\n' {
            told.push(char::from(byte[0]));
        }
        let display = Self {
            server,
            name: format!(":{told}"),
        };
        ensure!(!told.is_empty(), "Xvfb ended without a display");
        Ok(display)
    }

    /// Points a command at this display, away from the desktop's own session.
    pub(crate) fn apply<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("DISPLAY", &self.name)
            .env("GDK_BACKEND", "x11")
            .env("LIBGL_ALWAYS_SOFTWARE", "1");
        command.env_remove("WAYLAND_DISPLAY").env_remove("XAUTHORITY")
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        // it may have ended already; either way it is not left behind
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
