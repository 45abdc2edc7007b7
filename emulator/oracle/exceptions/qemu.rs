//! QEMU's side: a process, stepped over its GDB stub on a Unix socket.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

use super::{Point, Stepped};

/// How long QEMU may take to open its socket, and to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// The version of an installed QEMU, or why it cannot be used.
pub(super) fn version(program: &str) -> Result<String, String> {
    let output = Command::new(program).arg("--version").output();
    let output = output.map_err(|_| format!("{program} is not installed"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split_whitespace().nth(3).ok_or("it tells no version")?;
    Ok(version.to_owned())
}

/// One machine, stopped before its first instruction.
pub(super) struct Qemu {
    stub: UnixStream,
    received: Vec<u8>,
    process: Child,
    _folder: tempfile::TempDir,
    /// GDB's numbers of the registers.
    registers: Vec<u32>,
    windows: &'static [(u32, u32)],
}

impl Qemu {
    /// Starts a machine whose memory holds `program` from the address where `-kernel` puts a flat image.
    pub(super) fn start(
        command: &[&str],
        description: &str,
        program: &[u8],
        registers: Vec<u32>,
        windows: &'static [(u32, u32)],
    ) -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        let image = folder.path().join("case.bin");
        std::fs::write(&image, program)?;
        let (name, arguments) = command.split_first().ok_or("no program")?;
        let process = Command::new(name)
            .args(arguments)
            .args([
                "-S",
                "-nodefaults",
                "-display",
                "none",
                "-gdb",
                "unix:gdb,server=on,wait=off",
                "-kernel",
            ])
            .arg(&image)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let deadline = Instant::now() + PATIENCE;
        let stub = loop {
            match UnixStream::connect(folder.path().join("gdb")) {
                Ok(stub) => break stub,
                Err(error) if Instant::now() > deadline => return Err(error.into()),
                Err(_) => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        stub.set_read_timeout(Some(PATIENCE))?;
        let mut qemu = Self {
            stub,
            received: Vec::new(),
            process,
            _folder: folder,
            registers,
            windows,
        };
        // A client that has read the description gets the core's own registers.
        qemu.ask(&format!("qSupported:xmlRegisters={description}"))?;
        qemu.ask("qXfer:features:read:target.xml:0,ffb")?;
        // Interrupts and timers continue while stepping: only then are pended exceptions taken.
        qemu.ask("Qqemu.sstep=1")?;
        Ok(qemu)
    }

    pub(super) fn set_register(&mut self, number: u32, value: u32) -> Result<(), Failed> {
        let value: String = value.to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        match self.ask(&format!("P{number:x}={value}"))?.as_str() {
            "OK" => Ok(()),
            other => Err(format!("QEMU answered {other} to a register").into()),
        }
    }

    fn ask(&mut self, body: &str) -> Result<String, Failed> {
        let sum = body.bytes().fold(0_u8, u8::wrapping_add);
        self.stub.write_all(format!("${body}#{sum:02x}").as_bytes())?;
        loop {
            if let Some(start) = self.received.iter().position(|byte| *byte == b'$')
                && let Some(length) = self.received[start..].iter().position(|byte| *byte == b'#')
                && self.received.len() >= start + length + 3
            {
                let body = String::from_utf8_lossy(&self.received[start + 1..start + length]).into_owned();
                self.received.drain(..start + length + 3);
                self.stub.write_all(b"+")?;
                return Ok(body);
            }
            let mut piece = [0; 4_096];
            match self.stub.read(&mut piece)? {
                0 => return Err("QEMU ended".into()),
                count => self.received.extend_from_slice(&piece[..count]),
            }
        }
    }

    fn bytes(&mut self, request: &str) -> Result<Vec<u8>, Failed> {
        let answer = self.ask(request)?;
        if answer.starts_with('E') {
            return Err(format!("QEMU answered {answer} to {request}").into());
        }
        let pairs = answer.as_bytes().chunks(2).map(|pair| {
            let text = std::str::from_utf8(pair).unwrap_or("?");
            u8::from_str_radix(text, 16).map_err(|_| format!("QEMU answered {answer} to {request}"))
        });
        Ok(pairs.collect::<Result<_, _>>()?)
    }
}

impl Stepped for Qemu {
    fn point(&mut self) -> Result<Point, Failed> {
        let mut registers = Vec::new();
        for number in self.registers.clone() {
            let bytes = self.bytes(&format!("p{number:x}"))?;
            let word = bytes.try_into().map_err(|_| "a register of another size")?;
            registers.push(u32::from_le_bytes(word));
        }
        let mut memory = Vec::new();
        for (base, bytes) in self.windows {
            memory.extend(self.bytes(&format!("m{base:x},{bytes:x}"))?);
        }
        Ok(Point { registers, memory })
    }

    fn step(&mut self) -> Result<(), Failed> {
        let stopped = self.ask("s")?;
        match stopped.starts_with('T') || stopped.starts_with('S') {
            true => Ok(()),
            false => Err(format!("QEMU answered {stopped} to a step").into()),
        }
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
