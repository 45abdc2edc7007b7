//! Clients that connect and disconnect, send nothing, or read nothing: the board runs whenever no debugger holds it,
//! and every other debugger gets its turn.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use drydock_emulator::gdb::{End, GdbError, GdbServer, GdbTarget, Held, Limits, StopSwitch};
use drydock_emulator::runner::{MachineHandle, Pace, RunOptions, RunState, Runner};
use libtest_mimic::Failed;

use crate::{Check, guest_machine, packet, read_until};

pub(crate) const CHECKS: &[(&str, Check)] = &[
    ("a_port_scan_leaves_the_board_running", port_scan),
    ("a_debugger_that_reads_nothing_cannot_keep_the_port_open", reads_nothing),
    ("a_debugger_that_reads_nothing_is_dropped", is_dropped),
    ("silent_clients_are_dropped_and_lock_nobody_out", silent_clients),
];

/// Longest wait for what happens at once.
const LONG: Duration = Duration::from_secs(30);

/// A running machine, and a server that serves one debugger after the other, as `drydock gdb` does.
struct Served {
    _runner: Runner,
    machine: MachineHandle,
    address: SocketAddr,
    stop: StopSwitch,
    ends: Receiver<Result<End, GdbError>>,
}

impl Served {
    fn new(limits: Limits) -> Result<Self, Failed> {
        let runner = Runner::new()?;
        let options = RunOptions {
            name: "debugged".to_owned(),
            pace: Pace::Max,
            paused: false,
        };
        let machine = runner.add(guest_machine("count")?, options);
        let mut server = GdbServer::bind(0)?.with_limits(limits);
        let (address, stop) = (server.address()?, server.stop_switch());
        let (sender, ends) = channel();
        let held = machine.clone();
        std::thread::spawn(move || {
            loop {
                let end = server.serve(GdbTarget::new(Held::new(held.clone())));
                let stopped = matches!(end, Ok(End::Stopped));
                if sender.send(end).is_err() || stopped {
                    return;
                }
            }
        });
        Ok(Self {
            _runner: runner,
            machine,
            address,
            stop,
            ends,
        })
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).expect("it listens")
    }

    /// Closes the port; every session ends.
    fn close(&self) -> Result<(), Failed> {
        self.stop.stop();
        loop {
            if let Ok(End::Stopped) = self.ends.recv_timeout(LONG).map_err(|_| "the server does not end")? {
                return Ok(());
            }
        }
    }

    fn is_running(&self) -> Result<(), Failed> {
        let before = self.machine.with_machine_blocking(|machine| machine.instructions())?;
        assert_eq!(self.machine.status().state, RunState::Running);
        let deadline = std::time::Instant::now() + LONG;
        while self.machine.with_machine_blocking(|machine| machine.instructions())? == before {
            assert!(
                std::time::Instant::now() < deadline,
                "it says that it runs, and does not"
            );
            std::thread::yield_now();
        }
        Ok(())
    }
}

/// A debugger that asks `?` and reads the answer.
fn is_served(stream: &mut TcpStream) {
    stream.write_all(&packet(b"?")).expect("it reads");
    let answer = read_until(stream, "#");
    assert!(answer.contains("$T05") || answer.contains("$S05"), "{answer}");
}

fn port_scan() -> Result<(), Failed> {
    let served = Served::new(Limits::default())?;
    for _ in 0..10 {
        drop(served.connect());
        drop(served.connect());
        served.is_running()?;
    }
    // The same by clients that look like debuggers at first.
    for _ in 0..10 {
        for _ in 0..2 {
            served.connect().write_all(&packet(b"?"))?;
        }
    }
    is_served(&mut served.connect());
    served.close()?;
    served.is_running()
}

/// Sends `bytes` repeatedly until the server accepts no more; reads nothing.
fn flood(stream: &mut TcpStream, bytes: &[u8]) -> Result<(), Failed> {
    stream.set_write_timeout(Some(Duration::from_millis(500)))?;
    let bytes = bytes.repeat(1_000);
    loop {
        match stream.write(&bytes) {
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return Ok(()),
            // It was dropped.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

fn reads_nothing() -> Result<(), Failed> {
    let served = Served::new(Limits::default())?;
    let mut stream = served.connect();
    flood(&mut stream, &packet(b"g"))?;
    served.close()?;
    served.is_running()?;

    // A debugger that needs no answers and writes endlessly does not stop the server either.
    let served = Served::new(Limits::default())?;
    let mut stream = served.connect();
    is_served(&mut stream);
    let writer = std::thread::spawn(move || while stream.write_all(&[b'+'; 4096]).is_ok() {});
    served.close()?;
    writer.join().map_err(|_| "the client panicked")?;
    served.is_running()
}

fn is_dropped() -> Result<(), Failed> {
    let served = Served::new(Limits {
        unread: Duration::from_millis(100),
        ..Limits::default()
    })?;
    let mut stream = served.connect();
    flood(&mut stream, &packet(b"g"))?;
    let end = served.ends.recv_timeout(LONG).map_err(|_| "it is not dropped")?;
    assert!(matches!(end, Err(GdbError::Unread)), "{end:?}");
    served.is_running()?;
    is_served(&mut served.connect());
    served.close()?;
    served.is_running()
}

fn silent_clients() -> Result<(), Failed> {
    let served = Served::new(Limits {
        first_packet: Duration::from_millis(300),
        ..Limits::default()
    })?;
    let mut silent: Vec<TcpStream> = (0..40).map(|_| served.connect()).collect();
    // A client that sends bytes, but not GDB's protocol.
    silent[39].write_all(b"GET / HTTP/1.1\r\n\r\n")?;
    served.is_running()?;
    let mut debugger = served.connect();
    is_served(&mut debugger);
    for mut stream in silent {
        stream.set_read_timeout(Some(LONG))?;
        match stream.read(&mut [0; 16]) {
            Ok(0) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            other => return Err(format!("{other:?}, not dropped").into()),
        }
    }
    is_served(&mut debugger);
    served.close()?;
    served.is_running()
}
