//! The two connections to QEMU: GDB's remote protocol (as a debugger), and QMP.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::external::process::wait_until;

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(10);
/// How long QEMU may take to write a state.
const SAVE: Duration = Duration::from_secs(20);
/// Lines of QMP that may come before an answer: events.
const EVENTS: usize = 1_000;

/// Connects to a socket that QEMU makes when it is ready.
pub(super) fn connect(path: &Path, limit: Duration) -> io::Result<UnixStream> {
    let mut last = io::ErrorKind::TimedOut.into();
    let stream = wait_until(Instant::now() + limit, || match UnixStream::connect(path) {
        Ok(stream) => Some(stream),
        Err(error) => {
            last = error;
            None
        }
    });
    stream.ok_or(last)
}

fn odd(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// QEMU's GDB stub.
#[derive(Debug)]
pub(super) struct Stub {
    stream: UnixStream,
    received: Vec<u8>,
}

impl Stub {
    pub(super) fn new(stream: UnixStream) -> io::Result<Self> {
        let mut stub = Self {
            stream,
            received: Vec::new(),
        };
        // A debugger that has read the description gets single registers, and the core's own set of them.
        stub.ask("qSupported:xmlRegisters=arm")?;
        stub.ask("qXfer:features:read:target.xml:0,ffb")?;
        Ok(stub)
    }

    /// Sends a packet and returns the body of the answer.
    pub(super) fn ask(&mut self, body: &str) -> io::Result<String> {
        self.send(body)?;
        self.answer(ANSWER)?
            .ok_or_else(|| io::Error::new(io::ErrorKind::TimedOut, "QEMU's GDB stub did not answer"))
    }

    /// As [`Self::ask`], for commands that answer `OK`; `false` if the answer is an error.
    pub(super) fn command_ok(&mut self, body: &str) -> io::Result<bool> {
        match self.ask(body)?.as_str() {
            "OK" => Ok(true),
            error if error.starts_with('E') => Ok(false),
            other => Err(odd(format!("QEMU's GDB stub answered {other:?}"))),
        }
    }

    /// Runs the guest for `span` of host time, then stops it. Returns the stop packet, and whether the guest
    /// stopped by itself.
    pub(super) fn run(&mut self, span: Duration) -> io::Result<(String, bool)> {
        self.send("c")?;
        if let Some(stop) = self.answer(span)? {
            return Ok((stop, true));
        }
        self.stream.write_all(&[3])?;
        let stop = self.answer(ANSWER)?;
        let stop = stop.ok_or_else(|| io::Error::new(io::ErrorKind::TimedOut, "QEMU did not stop"))?;
        Ok((stop, false))
    }

    fn send(&mut self, body: &str) -> io::Result<()> {
        let sum = body.bytes().fold(0_u8, u8::wrapping_add);
        self.stream.set_write_timeout(Some(ANSWER))?;
        self.stream.write_all(format!("${body}#{sum:02x}").as_bytes())
    }

    /// The next packet, if one arrives within `limit`.
    fn answer(&mut self, limit: Duration) -> io::Result<Option<String>> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(start) = self.received.iter().position(|byte| *byte == b'$')
                && let Some(end) = self.received[start..].iter().position(|byte| *byte == b'#')
                && self.received.len() >= start + end + 3
            {
                let body = String::from_utf8_lossy(&self.received[start + 1..start + end]).into_owned();
                self.received.drain(..start + end + 3);
                self.stream.write_all(b"+")?;
                return Ok(Some(body));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.stream.set_read_timeout(Some(left))?;
            let mut piece = [0; 4_096];
            match self.stream.read(&mut piece) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.received.extend_from_slice(&piece[..count]),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// QEMU's machine protocol.
#[derive(Debug)]
pub(super) struct Qmp {
    reader: BufReader<UnixStream>,
}

impl Qmp {
    pub(super) fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(ANSWER))?;
        stream.set_write_timeout(Some(ANSWER))?;
        let mut qmp = Self {
            reader: BufReader::new(stream),
        };
        qmp.until(|message| message.get("QMP").is_some())?;
        qmp.execute("qmp_capabilities", &json!({}))?;
        Ok(qmp)
    }

    /// Writes the state of the stopped machine into `file` in QEMU's folder; the inner error says why QEMU could not.
    pub(super) fn save_to(&mut self, file: &str) -> io::Result<Result<(), String>> {
        let begun = self.execute("migrate", &json!({ "uri": format!("exec:cat > {file}") }));
        match begun {
            Err(refused) if refused.kind() == io::ErrorKind::InvalidData => return Ok(Err(refused.to_string())),
            begun => begun.map(drop)?,
        }
        self.poll("query-migrate", SAVE, |status| match status {
            "completed" => Some(Ok(())),
            "failed" | "cancelled" => Some(Err("QEMU could not write its state; is the disk full?".to_owned())),
            _ => None,
        })
    }

    /// Waits until an incoming state is loaded, if there is one.
    pub(super) fn wait_for_state(&mut self, limit: Duration) -> io::Result<()> {
        self.poll("query-status", limit, |status| (status != "inmigrate").then_some(()))
    }

    /// Writes `bytes` of memory from `addr` on into `file` in QEMU's folder.
    pub(super) fn save_memory(&mut self, addr: u32, bytes: u32, file: &str) -> io::Result<()> {
        let arguments = json!({ "val": addr, "size": bytes, "filename": file });
        self.execute("pmemsave", &arguments).map(drop)
    }

    /// Queries a status until `done` returns a result.
    fn poll<T>(&mut self, query: &str, limit: Duration, done: impl Fn(&str) -> Option<T>) -> io::Result<T> {
        let ended = wait_until(Instant::now() + limit, || match self.execute(query, &json!({})) {
            Ok(answer) => done(answer["status"].as_str().unwrap_or_default()).map(Ok),
            Err(error) => Some(Err(error)),
        });
        ended.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Executes a command.
    fn execute(&mut self, command: &str, arguments: &Value) -> io::Result<Value> {
        let line = format!("{}\n", json!({ "execute": command, "arguments": arguments }));
        self.reader.get_mut().write_all(line.as_bytes())?;
        let mut answer = self.until(|message| message.get("return").is_some() || message.get("error").is_some())?;
        match answer.get("error") {
            Some(error) => Err(odd(format!("QEMU refused {command}: {error}"))),
            None => Ok(answer["return"].take()),
        }
    }

    /// Resets the machine and waits until it is done.
    pub(super) fn reset(&mut self) -> io::Result<()> {
        let line = format!("{}\n", json!({ "execute": "system_reset" }));
        self.reader.get_mut().write_all(line.as_bytes())?;
        let (mut answered, mut done) = (false, false);
        self.until(|message| {
            answered |= message.get("return").is_some();
            done |= message["event"] == "RESET";
            answered && done
        })?;
        Ok(())
    }

    fn until(&mut self, mut is_it: impl FnMut(&Value) -> bool) -> io::Result<Value> {
        for _ in 0..EVENTS {
            let mut line = String::new();
            if (&mut self.reader).take(1 << 20).read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let message: Value = serde_json::from_str(&line).map_err(|error| odd(error.to_string()))?;
            if is_it(&message) {
                return Ok(message);
            }
        }
        Err(odd("QEMU sends events without end"))
    }
}
