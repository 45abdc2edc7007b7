//! The Nano's USB device under a real Linux: a Debian kernel in QEMU attaches it by USB/IP, its `cdc_acm` makes a serial
//! port of it, and the link runs over that port. `./x torture usb-guest` prepares kernel and initial file system; without
//! them the test is skipped.

mod guest;

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use drydock_emulator::cable::Runs;
use drydock_emulator::cable::usbip::UsbIpExport;
use drydock_emulator::runner::{MachineHandle, Pace, RunOptions, RunState, Runner};
use drydock_emulator::{Image, ResetKind, Seed};
use drydock_protocol::link::{Endpoint, MAX_FRAME_BYTES, Role};
use libtest_mimic::{Arguments, Failed, Trial};

use guest::Guest;

const BOARD: &str = "nano33ble";
/// The folder with `vmlinuz` and `initramfs`.
const FOLDER: &str = "DRYDOCK_USB_GUEST";
/// Longest wait for the board.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the device is attached, opened and detached.
const ROUNDS: usize = 5;

fn main() {
    let arguments = Arguments::from_args();
    let name = "a_linux_kernel_attaches_the_nano";
    let trial = match (std::env::var_os(FOLDER), drydock_embedded::firmware(BOARD)) {
        (Some(folder), Ok(firmware)) => Trial::test(name, move || {
            let image = Image::from_elf(firmware.elf)?;
            let counts = attached_by_linux(&image, Path::new(&folder))?;
            println!("drydock-torture: {counts}");
            Ok(())
        }),
        (None, _) => skipped(name, "`./x torture usb-guest` prepares its guest"),
        (_, Err(missing)) => skipped(name, &missing.to_string()),
    };
    libtest_mimic::run(&arguments, vec![trial]).exit();
}

fn skipped(name: &str, reason: &str) -> Trial {
    Trial::test(format!("{name} (skipped: {reason})"), || Ok(())).with_ignored_flag(true)
}

/// A board whose USB device is exported, and a guest.
struct Place {
    guest: Guest,
    export: UsbIpExport,
    handle: MachineHandle,
    _runner: Runner,
}

fn attached_by_linux(image: &Image, folder: &Path) -> Result<String, Failed> {
    let board = drydock_assets::board(BOARD).ok_or("the board is not described")?;
    let engine = drydock_emulator::engines().remove(0);
    let mut machine = engine.open(&board, Seed([21; 32]))?;
    machine.load(image)?;
    machine.reset(ResetKind::PowerOn)?;
    let runner = Runner::with_workers(std::num::NonZeroUsize::MIN)?;
    let options = RunOptions {
        name: BOARD.to_owned(),
        pace: Pace::Max,
        paused: false,
    };
    let handle = runner.add(machine, options);
    let mut place = Place {
        export: UsbIpExport::start(handle.clone(), &board, 0)?,
        guest: Guest::boot(folder)?,
        handle,
        _runner: runner,
    };
    let kernel = place.guest.run("busybox uname -r")?;

    // Attached, opened, closed, detached, again and again; the driver's reads are unlinked each time.
    let mut bytes = 0;
    let mut serial = String::new();
    for _ in 0..ROUNDS {
        place.attach()?;
        serial = place.is("2341:805a 12 Arduino Nano 33 BLE ")?;
        bytes += place.link()?;
        place.guest.run("detach")?;
        place.wait_for(|state| !state.is_attached)?;
    }

    // 1200 baud, then the port is closed: the bootloader's device, which speaks SAM-BA.
    place.attach()?;
    place.guest.run("busybox stty -F $tty 1200 && until_true is_gone")?;
    place.wait_for(|state| state.usb == Some((0x2341, 0x005a)) && state.runs == Runs::Bootloader)?;
    place.attach()?;
    assert_eq!(place.is("2341:005a 12 Arduino Nano 33 BLE ")?, serial, "the same chip");
    let mut port = place.relay()?;
    let version = port.converse(b"V#", |answer| answer.contains(&b']'))?;
    assert!(
        version.starts_with(b"Arduino Bootloader (SAM-BA extended)"),
        "{version:?}"
    );
    port.stream.write_all(b"K#")?;
    place.guest.run("until_true is_gone; relay_ends; true")?;
    drop(port);
    place.wait_for(|state| state.usb == Some((0x2341, 0x805a)))?;
    place.attach()?;
    assert_eq!(place.is("2341:805a 12 Arduino Nano 33 BLE ")?, serial);
    bytes += place.link()?;

    // The board is reset under the open port.
    place.handle.reset(ResetKind::Pin);
    place.guest.run("until_true is_gone")?;
    place.attach()?;
    bytes += place.link()?;
    assert_eq!(place.handle.status().state, RunState::Running);
    place.guest.run("detach")?;
    // `grep` counts, and fails where it counts none.
    let complaints = place
        .guest
        .run("busybox dmesg | busybox grep -ciE 'oops|warning:|bug:' || true")?;
    assert_eq!(complaints, "0", "the kernel complains");
    Ok(format!(
        "Linux {kernel} attached the Nano's USB device {} times by USB/IP and enumerated 2341:805a; over `/dev/ttyACM0` the board's \
         link came up {} times ({bytes} bytes from the board); 1200 baud led to 2341:005a, whose bootloader told its version and \
         started the firmware again; a reset under the open port was survived; the kernel logged no complaint",
        ROUNDS + 4,
        ROUNDS + 2,
    ))
}

impl Place {
    fn attach(&mut self) -> Result<(), Failed> {
        self.guest.run(&format!("attach {}", self.export.address().port()))?;
        Ok(())
    }

    /// Checks what the kernel says about the device; returns its serial number.
    fn is(&mut self, expected: &str) -> Result<String, Failed> {
        let described = self.guest.run("describe")?;
        let serial = described.strip_prefix(expected);
        Ok(serial
            .ok_or_else(|| format!("{described} instead of {expected}"))?
            .to_owned())
    }

    fn wait_for(&self, what: impl FnMut(&drydock_emulator::cable::usbip::ExportState) -> bool) -> Result<(), Failed> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        runtime.block_on(async {
            let mut state = self.export.watch();
            let waited = tokio::time::timeout(PATIENCE, state.wait_for(what)).await;
            waited.map_err(|_| "the device never came")??;
            Ok(())
        })
    }

    /// Opens the guest's serial port.
    fn relay(&mut self) -> Result<Port, Failed> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        self.guest.run(&format!("relay {}", listener.local_addr()?.port()))?;
        let stream = guest::accept(&listener, PATIENCE, || Ok(true))?;
        stream.set_nodelay(true)?;
        Ok(Port { stream })
    }

    /// Opens the port, brings the link up over it, closes it. Returns how many bytes came from the board.
    fn link(&mut self) -> Result<usize, Failed> {
        let mut port = self.relay()?;
        // The board speaks first.
        let mut first = Vec::new();
        while first.is_empty() {
            first = port.read(PATIENCE)?.ok_or("the board says nothing")?;
        }
        let mut endpoint = Endpoint::new(Role::Host, 77);
        let mut frame = [0; MAX_FRAME_BYTES];
        let (begin, mut count) = (Instant::now(), first.len());
        endpoint.receive(&first, 0);
        while !endpoint.is_up() {
            assert!(begin.elapsed() < PATIENCE, "the link does not come up");
            let now_ms = begin.elapsed().as_millis() as u64;
            loop {
                let len = endpoint.transmit(now_ms, &mut frame);
                if len == 0 {
                    break;
                }
                port.stream.write_all(&frame[..len])?;
            }
            if let Some(bytes) = port.read(Duration::from_millis(50))? {
                count += bytes.len();
                endpoint.receive(&bytes, now_ms);
            }
        }
        drop(port);
        self.guest.run("relay_ends; true")?;
        Ok(count)
    }
}

/// The guest's serial port, carried here.
struct Port {
    stream: TcpStream,
}

impl Port {
    /// Bytes of the board, if any come in `time`.
    fn read(&mut self, time: Duration) -> Result<Option<Vec<u8>>, Failed> {
        self.stream.set_read_timeout(Some(time))?;
        let mut bytes = [0; 1024];
        match self.stream.read(&mut bytes) {
            Ok(0) => Err("the guest closed the port".into()),
            Ok(count) => Ok(Some(bytes[..count].to_vec())),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes, and reads until it is enough.
    fn converse(&mut self, bytes: &[u8], is_enough: impl Fn(&[u8]) -> bool) -> Result<Vec<u8>, Failed> {
        self.stream.write_all(bytes)?;
        let mut answer = Vec::new();
        while !is_enough(&answer) {
            answer.extend(self.read(PATIENCE)?.ok_or("no answer came")?);
        }
        Ok(answer)
    }
}
