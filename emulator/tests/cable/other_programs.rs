//! The bootloaders' stand-ins before the independent programs that talk to real ones.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use drydock_emulator::runner::MachineHandle;

use super::{add, board, plug, runner};

/// Where `./x setup` puts Python's programs, if it is not on PATH.
fn esptool() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    let places = [cache.join("drydock/venv/bin/esptool"), PathBuf::from("esptool")];
    places
        .into_iter()
        .find(|place| Command::new(place).arg("version").output().is_ok())
}

/// A temporary file with bytes.
fn file(directory: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = directory.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn memory(handle: &MachineHandle, address: u32, bytes: usize) -> Vec<u8> {
    let read = handle.with_machine_blocking(move |machine| {
        let mut memory = vec![0; bytes];
        machine.read_memory(address, &mut memory).map(|()| memory)
    });
    read.unwrap().unwrap()
}

#[track_caller]
fn succeeds(output: &Output) -> String {
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{text}");
    text
}

#[test]
fn esptool_writes_verifies_and_reads() {
    let Some(esptool) = esptool() else {
        println!("drydock-skip: esptool is not installed (./x setup)");
        return;
    };
    let (runner, board) = (runner(), board("esp32-c6"));
    let handle = add(&runner, &board, None);
    let cable = plug(handle.clone(), &board).unwrap();
    let path = cable.path().unwrap();
    let run = |stub: &[&str], arguments: &[&Path]| {
        let mut command = Command::new(&esptool);
        command.args([
            "--chip", "esp32c6", "--before", "no-reset", "--after", "no-reset", "--port",
        ]);
        command.arg(&path).args(stub).args(arguments).output().unwrap()
    };
    let no_stub = |arguments: &[&Path]| run(&["--no-stub"], arguments);
    // Compressible, and of no whole number of blocks.
    let image: Vec<u8> = (0..50_001_u32).map(|at| (at >> 3) as u8 ^ (at as u8 & 7)).collect();
    let directory = tempfile::tempdir().unwrap();
    let written = file(&directory, "image.bin", &image);
    let read = directory.path().join("read.bin");

    let text = succeeds(&no_stub(&["flash-id".as_ref()]));
    assert!(text.contains("Detected flash size: 4MB"), "{text}");
    let text = succeeds(&no_stub(&["read-mac".as_ref()]));
    assert!(text.contains("40:4c:ca:03:03:03"), "{text}");
    for (compression, offset) in [("--no-compress", "0x10000"), ("--compress", "0x123000")] {
        let flags = ["write-flash", compression, "--flash-mode", "keep", offset].map(Path::new);
        let text = succeeds(&no_stub(&[&flags[..], &[&written]].concat()));
        assert!(text.contains("Hash of data verified"), "{text}");
        let at = board.chip.flash.base + u32::from_str_radix(&offset[2..], 16).unwrap();
        assert!(memory(&handle, at, image.len()) == image, "{compression}");
        succeeds(&no_stub(&["verify-flash".as_ref(), offset.as_ref(), &written]));
    }
    succeeds(&no_stub(&[
        "read-flash".as_ref(),
        "0x10001".as_ref(),
        "300".as_ref(),
        &read,
    ]));
    assert_eq!(std::fs::read(&read).unwrap(), image[1..301]);
    // Its stub is refused, and the ROM goes on.
    let refused = run(&[], &["flash-id".as_ref()]);
    assert!(!refused.status.success());
    succeeds(&no_stub(&["flash-id".as_ref()]));
}
