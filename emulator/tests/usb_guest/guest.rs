//! A Linux in QEMU that runs lines of shell for a test.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

/// Longest start of the guest on a busy machine.
const BOOT: Duration = Duration::from_secs(240);
/// Longest line of shell: `init.sh` waits for at most 30 s of the guest's time.
const PATIENCE: Duration = Duration::from_secs(180);

/// Ends with its owner.
pub(crate) struct Guest {
    qemu: Child,
    control: BufReader<TcpStream>,
}

impl Guest {
    /// Boots the kernel and the initial file system in `folder`.
    pub(crate) fn boot(folder: &Path) -> Result<Self, Failed> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let console = File::create(folder.join("console.log"))?;
        let mut qemu = Command::new("qemu-system-aarch64")
            .args(["-M", "virt", "-cpu", "cortex-a57", "-accel", "tcg", "-m", "256"])
            .args(["-nographic", "-no-reboot", "-nodefaults", "-serial", "stdio"])
            .args(["-netdev", "user,id=n", "-device", "e1000,netdev=n,romfile="])
            .arg("-kernel")
            .arg(folder.join("vmlinuz"))
            .arg("-initrd")
            .arg(folder.join("initramfs"))
            .arg("-append")
            .arg(format!("console=ttyAMA0 panic=-1 rdinit=/init drydock.port={port}"))
            .stdin(Stdio::null())
            .stdout(console.try_clone()?)
            .stderr(console)
            .spawn()?;
        let accepted = accept(&listener, BOOT, || Ok(qemu.try_wait()?.is_none()));
        match accepted {
            Ok(stream) => {
                stream.set_read_timeout(Some(PATIENCE))?;
                let control = BufReader::new(stream);
                Ok(Self { qemu, control })
            }
            Err(error) => {
                let _ = qemu.kill();
                let _ = qemu.wait();
                let said = std::fs::read(folder.join("console.log"))?;
                let said = String::from_utf8_lossy(&said);
                let last: Vec<&str> = said.lines().rev().take(20).collect();
                let last = last.into_iter().rev().collect::<Vec<_>>().join("\n");
                Err(format!(
                    "the guest did not start: {}\n{last}",
                    error.message().unwrap_or_default()
                )
                .into())
            }
        }
    }

    /// Runs a line of shell; returns its output if it succeeds.
    pub(crate) fn run(&mut self, line: &str) -> Result<String, Failed> {
        let control = self.control.get_mut();
        control.write_all(format!("{line}\n").as_bytes())?;
        let mut head = String::new();
        self.control.read_line(&mut head)?;
        let (status, length) = head
            .trim()
            .split_once(' ')
            .ok_or_else(|| format!("`{line}`: the guest is gone"))?;
        let mut output = vec![0; length.parse()?];
        self.control.read_exact(&mut output)?;
        let output = String::from_utf8_lossy(&output).trim().to_owned();
        match status {
            "0" => Ok(output),
            _ => {
                let length = self.control.get_mut().write_all(b"busybox dmesg | busybox tail -15\n");
                length?;
                let mut head = String::new();
                self.control.read_line(&mut head)?;
                let length = head.trim().split_once(' ').map_or("0", |(_, length)| length).parse()?;
                let mut kernel = vec![0; length];
                self.control.read_exact(&mut kernel)?;
                let kernel = String::from_utf8_lossy(&kernel);
                Err(format!("`{line}` ended with {status}: {output}\n{kernel}").into())
            }
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // It may have ended itself.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

/// A connection that the guest makes.
pub(crate) fn accept(
    listener: &TcpListener,
    patience: Duration,
    mut is_alive: impl FnMut() -> Result<bool, Failed>,
) -> Result<TcpStream, Failed> {
    listener.set_nonblocking(true)?;
    let begin = Instant::now();
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                return Ok(stream);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        if begin.elapsed() > patience || !is_alive()? {
            return Err("it did not connect".into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
