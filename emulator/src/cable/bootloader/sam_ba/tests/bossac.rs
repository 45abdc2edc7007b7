//! The monitor before `bossac`, the program that talks to real ones. Debian's knows no nRF52840; the same monitor in front
//! of a SAM D21's registers is one that it knows.

use std::io;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::super::*;
use crate::Engine as _;
use crate::builtin::engine::Builtin;
use crate::cable::pty::Pty;
use crate::machine::{Machine, Seed};

/// Where Arduino's boards with that chip have their programs.
const PROGRAM: u32 = 0x2000;

fn samd21(board: &Board) -> SamBa {
    SamBa {
        base: 0,
        end: 0x4_0000,
        page: 256,
        version: b"v2.0 [Arduino:XYZ] Apr 19 2019 14:38:48\n\r",
        // CPUID of a Cortex-M0+, DSU DID of a SAMD21G18A, NVMCTRL PARAM and INTFLAG (ready).
        registers: &[
            (0xe000_ed00, 0x410c_c601),
            (0x4100_2018, 0x1001_0305),
            (0x4100_4008, 0x0003_1000),
            (0x4100_4014, 1),
        ],
        ..SamBa::new(board)
    }
}

/// Serves a port until it is told to stop.
fn serve(pty: &mut Pty, monitor: &mut SamBa, machine: &mut dyn Machine, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let mut bytes = [0; 4096];
        let count = match pty.read(&mut bytes) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_micros(200));
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        let mut answer = Vec::new();
        monitor.receive(&bytes[..count], &mut Chip::new(machine, None), &mut answer);
        assert_eq!(pty.write(&answer).unwrap(), answer.len());
    }
}

#[test]
fn bossac_erases_writes_verifies_and_reads() {
    if Command::new("bossac").arg("--help").output().is_err() {
        println!("drydock-skip: bossac is not installed (./x setup)");
        return;
    }
    let board = drydock_assets::board("nano33ble").unwrap();
    let mut machine = Builtin.open(&board, Seed([1; 32])).unwrap();
    let mut monitor = samd21(&board);
    let mut pty = Pty::open(115_200).unwrap();
    let port = format!("--port={}", pty.path().display());
    let image: Vec<u8> = (0..30_000_u32).map(|at| (at ^ at >> 5) as u8).collect();
    let directory = tempfile::tempdir().unwrap();
    let (written, read) = (directory.path().join("image.bin"), directory.path().join("read.bin"));
    std::fs::write(&written, &image).unwrap();
    // An older program is behind the new one.
    machine.write_memory(PROGRAM + 0xc000, &[0; 64]).unwrap();
    let stop = AtomicBool::new(false);
    let (first, second) = thread::scope(|scope| {
        scope.spawn(|| serve(&mut pty, &mut monitor, &mut *machine, &stop));
        let run = |arguments: &[&str], file: &std::path::Path| {
            let mut command = Command::new("bossac");
            command
                .args([&port, "--usb-port=1", "--offset=0x2000"])
                .args(arguments)
                .arg(file)
                .output()
        };
        let first = run(&["--erase", "--write", "--verify"], &written);
        let second = run(&["--read=30000"], &read);
        stop.store(true, Ordering::Relaxed);
        (first.unwrap(), second.unwrap())
    });
    let text = String::from_utf8_lossy(&first.stdout).into_owned() + &String::from_utf8_lossy(&first.stderr);
    assert!(first.status.success() && text.contains("Verify successful"), "{text}");
    assert!(second.status.success(), "{}", String::from_utf8_lossy(&second.stdout));
    assert!(std::fs::read(&read).unwrap() == image);
    let mut flash = vec![0; 0xd000];
    machine.read_memory(PROGRAM, &mut flash).unwrap();
    assert!(flash[..image.len()] == image);
    assert_eq!(flash[0xc000..0xc040], [0xff; 64], "it was erased");
}
