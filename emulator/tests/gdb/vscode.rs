//! VS Code: the settings of docs/debugging.md, and the GDB commands that its two extensions send. The extensions do
//! not run here; the commands follow their sources (MIEngine's `GetInitializeCommands`, cortex-debug's `gdb.ts` and
//! `external.ts`).

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use drydock_emulator::StopReason;
use drydock_emulator::gdb::End;
use libtest_mimic::Failed;
use serde_json::Value;

use crate::{debug, guest_machine, knock};

const PAGE: &str = include_str!("../../../docs/debugging.md");
/// How long GDB may take for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Settings that the extensions' own manifests declare, limited to those that the page may use.
const CPPDBG: &[&str] = &[
    "name",
    "type",
    "request",
    "program",
    "cwd",
    "MIMode",
    "miDebuggerPath",
    "miDebuggerServerAddress",
    "setupCommands",
    "stopAtConnect",
];
const CORTEX_DEBUG: &[&str] = &[
    "name",
    "type",
    "request",
    "servertype",
    "gdbTarget",
    "executable",
    "cwd",
    "gdbPath",
];

pub(crate) fn extensions() -> Result<(), Failed> {
    let settings = settings()?;
    let types: Vec<&str> = settings.iter().filter_map(|it| it["type"].as_str()).collect();
    assert_eq!(types, ["cppdbg", "cortex-debug"]);
    for settings in settings {
        let mut machine = guest_machine("count")?;
        let copy = settings.clone();
        let (told, end) = debug(&mut *machine, move |address| {
            let _knock = Knock(address);
            session(&copy, address)
        })?;
        let told = told?;
        assert_eq!(told, ["1", "2"], "{settings}");
        assert_eq!(end?, End::Detached);
        assert_eq!(machine.read_register("r0")?, 2);
        assert_eq!(machine.step()?, StopReason::Stepped);
    }
    Ok(())
}

/// Connects to the server at the end: without a debugger it would wait endlessly.
struct Knock(SocketAddr);

impl Drop for Knock {
    fn drop(&mut self) {
        knock(self.0);
    }
}

/// The configurations on the page, whose attributes all exist.
fn settings() -> Result<Vec<Value>, Failed> {
    let blocks = PAGE.split("```json\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().unwrap_or_default());
    let mut found = Vec::new();
    for block in blocks {
        let file: Value = serde_json::from_str(block)?;
        assert_eq!(file["version"], "0.2.0");
        for settings in file["configurations"].as_array().ok_or("a list")? {
            let known = if settings["type"] == "cppdbg" {
                CPPDBG
            } else {
                CORTEX_DEBUG
            };
            for name in settings.as_object().ok_or("an object")?.keys() {
                assert!(known.contains(&name.as_str()), "{name} is no attribute");
            }
            found.push(settings.clone());
        }
    }
    Ok(found)
}

/// Connects as the extension would, and stops twice at a breakpoint; returns the values of `r0`.
fn session(settings: &Value, address: SocketAddr) -> Result<Vec<String>, Failed> {
    let text = |name: &str| {
        settings[name]
            .as_str()
            .ok_or_else(|| Failed::from(format!("no {name}")))
    };
    let cppdbg = settings["type"] == "cppdbg";
    let (program, server) = match cppdbg {
        true => (text("miDebuggerPath")?, text("miDebuggerServerAddress")?),
        false => (text("gdbPath")?, text("gdbTarget")?),
    };
    // The page's port is the user's choice.
    let _: SocketAddr = server.parse()?;
    let mut gdb = Gdb::start(program)?;
    gdb.ask("-gdb-set mi-async on")?;
    if cppdbg {
        assert_eq!((text("request")?, text("MIMode")?), ("launch", "gdb"));
        assert_eq!(settings["stopAtConnect"], true, "else it goes on at once");
        for command in settings["setupCommands"].as_array().ok_or("a list")? {
            gdb.ask(command["text"].as_str().ok_or("a text")?)?;
        }
        gdb.ask("-interpreter-exec console \"set pagination off\"")?;
        gdb.ask("-gdb-set auto-solib-add on")?;
        gdb.ask(&format!("-target-select remote {address}"))?;
    } else {
        assert_eq!((text("request")?, text("servertype")?), ("attach", "external"));
        gdb.ask("-interpreter-exec console \"set print demangle on\"")?;
        gdb.ask(&format!("-target-select extended-remote {address}"))?;
        gdb.ask("-interpreter-exec console \"monitor halt\"")?;
    }
    gdb.ask("-data-list-register-names")?;
    gdb.ask("-thread-info")?;
    gdb.ask("-break-insert *0x10106")?;
    let mut told = Vec::new();
    for _ in 0..2 {
        gdb.ask(if cppdbg {
            "-exec-continue"
        } else {
            "-exec-continue --all"
        })?;
        gdb.wait_for("*stopped,reason=\"breakpoint-hit\"")?;
        let answer = gdb.ask("-data-evaluate-expression $r0")?;
        let value = answer.split('"').nth(1).ok_or("a value")?;
        told.push(value.to_owned());
    }
    gdb.ask("-break-delete")?;
    gdb.ask("-target-detach")?;
    gdb.end();
    Ok(told)
}

/// GDB and its machine interface.
struct Gdb {
    process: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Gdb {
    fn start(program: &str) -> Result<Self, Failed> {
        let mut process = Command::new("timeout")
            .args(["120", program, "-nx", "--interpreter=mi2"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = process.stdin.take().ok_or("its input")?;
        let output = BufReader::new(process.stdout.take().ok_or("its output")?);
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            process,
            input,
            lines,
            seen: Vec::new(),
        })
    }

    /// Executes a command, which must not fail.
    fn ask(&mut self, command: &str) -> Result<String, Failed> {
        writeln!(self.input, "{command}")?;
        let answer = self.wait_for("^")?;
        match answer.starts_with("^error") {
            true => Err(format!("{command}: {answer}").into()),
            false => Ok(answer),
        }
    }

    /// The next line that begins so.
    fn wait_for(&mut self, begin: &str) -> Result<String, Failed> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            let line = line.map_err(|_| format!("no {begin} after {:?}", self.seen))?;
            self.seen.push(line.clone());
            if line.starts_with(begin) {
                return Ok(line);
            }
        }
    }

    fn end(&mut self) {
        // It may be gone before it has read this.
        let _ = writeln!(self.input, "-gdb-exit");
        let _ = self.process.wait();
    }
}

impl Drop for Gdb {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
