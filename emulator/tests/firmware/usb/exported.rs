//! The Nano's USB device exported by USB/IP, over the runner: a client enumerates it, opens the port, and misbehaves.

mod client;

use std::time::Duration;

use drydock_emulator::cable::Runs;
use drydock_emulator::cable::usbip::wire::Command;
use drydock_emulator::cable::usbip::{ExportState, UsbIpExport};
use drydock_emulator::runner::{MachineHandle, Pace, RunOptions, RunState, Runner};
use drydock_emulator::{Image, Machine};
use drydock_protocol::link::{Endpoint, MAX_FRAME_BYTES, Role};
use libtest_mimic::Failed;

use client::{Client, Reply, bulk_in, bulk_out, control};

/// Far longer than any condition of these tests takes.
const PATIENCE: Duration = Duration::from_secs(60);

const NANO: (u16, u16) = (0x2341, 0x805a);
const BOOTLOADER: (u16, u16) = (0x2341, 0x005a);
const GET_DEVICE: [u8; 8] = [0x80, 6, 0, 1, 0, 0, 18, 0];

// Status of an import that is refused.
const BUSY: u32 = 2;
const NO_DEVICE: u32 = 4;

const ECONNRESET: i32 = -104;
const EPIPE: i32 = -32;

/// A Nano whose USB device is exported.
struct Exported {
    handle: MachineHandle,
    export: UsbIpExport,
    _runner: Runner,
}

impl Exported {
    fn of(machine: Box<dyn Machine>) -> Result<Self, Failed> {
        let runner = Runner::with_workers(std::num::NonZeroUsize::MIN)?;
        let options = RunOptions {
            name: "exported".to_owned(),
            pace: Pace::Max,
            paused: false,
        };
        let handle = runner.add(machine, options);
        let board = drydock_assets::board(super::super::BOARD).ok_or("no board")?;
        Ok(Self {
            export: UsbIpExport::start(handle.clone(), &board, 0)?,
            handle,
            _runner: runner,
        })
    }

    fn new(image: &Image) -> Result<Self, Failed> {
        Self::of(super::super::power_on(image, 11)?)
    }

    fn attach(&self) -> Result<Client, Failed> {
        let (client, imported) = Client::attach(self.export.address())?;
        assert_eq!((imported.vendor, imported.product), NANO);
        Ok(client)
    }

    fn connect(&self) -> Result<Client, Failed> {
        Client::connect(self.export.address())
    }

    /// Waits until clients see this.
    fn wait_for(&self, what: impl FnMut(&ExportState) -> bool) -> Result<(), Failed> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        runtime.block_on(async {
            let mut state = self.export.watch();
            let waited = tokio::time::timeout(PATIENCE, state.wait_for(what)).await;
            waited.map_err(|_| "the state never came")??;
            Ok(())
        })
    }

    /// A client with manners still finds a device that works.
    fn serves(&self) -> Result<(), Failed> {
        let mut client = self.attach()?;
        assert_eq!(client.ask(GET_DEVICE, &[])?[8..12], [0x41, 0x23, 0x5a, 0x80]);
        assert_eq!(client.ask([0x80, 8, 0, 0, 0, 0, 1, 0], &[])?, [0], "not configured yet");
        client.open(115_200, true)?;
        assert_eq!(self.handle.status().state, RunState::Running);
        Ok(())
    }
}

/// Brings the link up over bulk transfers.
fn link(client: &mut Client) -> Result<(), Failed> {
    let mut endpoint = Endpoint::new(Role::Host, 77);
    let mut frame = [0; MAX_FRAME_BYTES];
    let begin = std::time::Instant::now();
    // As a driver does: reads wait at the device.
    for _ in 0..4 {
        client.submit(bulk_in(128))?;
    }
    while !endpoint.is_up() {
        assert!(begin.elapsed() < PATIENCE, "the link does not come up");
        let now_ms = begin.elapsed().as_millis() as u64;
        loop {
            let len = endpoint.transmit(now_ms, &mut frame);
            if len == 0 {
                break;
            }
            client.submit(bulk_out(&frame[..len]))?;
        }
        match client.reply_within(Duration::from_millis(20))? {
            Some(Reply::Submit { status: 0, data, .. }) => {
                endpoint.receive(&data, now_ms);
                if !data.is_empty() {
                    client.submit(bulk_in(128))?;
                }
            }
            Some(other) => return Err(format!("{other:?}").into()),
            None => {}
        }
    }
    Ok(())
}

/// Lists, enumerates, opens, carries the link; one client at a time.
pub(crate) fn enumerates_and_links(image: &Image) -> Result<(), Failed> {
    let exported = Exported::new(image)?;
    exported.wait_for(|state| state.usb == Some(NANO) && state.runs == Runs::Firmware && !state.is_attached)?;
    assert_eq!(exported.connect()?.list()?, [NANO]);
    let mut client = exported.attach()?;
    exported.wait_for(|state| state.is_attached)?;
    // A list is free; the device is not.
    assert_eq!(exported.connect()?.list()?, [NANO]);
    let mut second = exported.connect()?;
    assert_eq!(second.import("1-1")?, Err(BUSY));
    second.is_hung_up()?;
    assert_eq!(exported.connect()?.import("1-2")?, Err(NO_DEVICE));

    // The client's own bus gives another address; the device keeps the one that it has.
    client.ask([0, 5, 9, 0, 0, 0, 0, 0], &[])?;
    assert_eq!(client.ask(GET_DEVICE, &[])?.len(), 18);
    let configuration = client.ask([0x80, 6, 0, 2, 0, 0, 255, 0], &[])?;
    assert_eq!((configuration.len(), configuration[5]), (67, 1));
    assert_eq!(client.string(1)?, "Drydock");
    assert_eq!(client.string(2)?, "Arduino Nano 33 BLE");
    assert_eq!(client.control([0x80, 6, 9, 3, 9, 4, 255, 0], &[])?, Err(EPIPE));
    client.open(115_200, true)?;
    link(&mut client)?;

    drop(client);
    exported.wait_for(|state| state.usb == Some(NANO) && !state.is_attached)?;
    // The next client begins with a device that nobody has configured.
    exported.serves()?;
    let mut client = exported.attach()?;
    client.open(115_200, true)?;
    link(&mut client)
}

/// Clients without manners lose their connection and nothing else.
pub(crate) fn misbehaving_clients(image: &Image) -> Result<(), Failed> {
    let exported = Exported::new(image)?;
    exported.serves()?;
    let hangs_up = |bytes: &[u8]| -> Result<(), Failed> {
        let mut client = exported.connect()?;
        client.send(bytes)?;
        client.is_hung_up()
    };
    hangs_up(b"GET / HTTP/1.1\r\n\r\n")?;
    hangs_up(&[1, 6, 0x80, 5, 0, 0, 0, 0])?;
    hangs_up(&[1, 0x11, 0x80, 3, 0, 0, 0, 0, 0xff, 0xff].repeat(5))?;
    // A header that never ends holds nothing up, and a client that says nothing is not kept.
    let mut short = exported.connect()?;
    short.send(&[1, 0x11, 0x80])?;
    let mut silent = exported.connect()?;
    exported.serves()?;
    short.is_hung_up()?;
    silent.is_hung_up()?;

    // Commands that no driver sends.
    let submit = |change: fn(&mut Vec<u8>)| {
        let mut bytes = Command::Submit(bulk_in(64)).encode();
        change(&mut bytes);
        bytes
    };
    for bytes in [
        submit(|bytes| bytes[24..28].fill(0xff)),    // a length without end
        submit(|bytes| bytes[15] = 7),               // a direction
        submit(|bytes| bytes[18] = 1),               // an endpoint
        submit(|bytes| bytes[35] = 1),               // isochronous
        submit(|bytes| bytes[11] = 9),               // another device
        submit(|bytes| bytes[3] = 9),                // a command
        submit(|bytes| bytes.extend(bytes.clone())), // a number twice
    ] {
        let mut client = exported.attach()?;
        client.send(&bytes)?;
        client.is_hung_up()?;
        exported.serves()?;
    }

    // Commands without end for a machine that stands still.
    let mut client = exported.attach()?;
    exported.handle.pause();
    for _ in 0..2_000 {
        if client.unlink(1).is_err() {
            break;
        }
    }
    client.is_hung_up()?;
    exported.handle.resume();
    exported.serves()?;

    // More transfers than anybody needs.
    let mut client = exported.attach()?;
    client.open(115_200, false)?;
    for _ in 0..300 {
        if client.submit(bulk_in(64)).is_err() {
            break;
        }
    }
    client.is_hung_up()?;
    exported.serves()
}

/// Transfers are unlinked, or left by a client that goes in the middle of them.
pub(crate) fn unlinked_and_abandoned(image: &Image) -> Result<(), Failed> {
    let exported = Exported::new(image)?;
    let mut client = exported.attach()?;
    client.open(115_200, false)?;
    let seqnum = client.unlink(4_711)?;
    assert_eq!(client.reply()?, Reply::Unlink { seqnum, status: 0 });
    // Without DTR the firmware sends nothing: the first read waits at the device, the second behind it.
    let (first, second) = (client.submit(bulk_in(64))?, client.submit(bulk_in(64))?);
    let answers = [client.unlink(second)?, client.unlink(first)?];
    for seqnum in answers {
        let status = ECONNRESET;
        assert_eq!(client.reply()?, Reply::Unlink { seqnum, status });
    }
    // They are over.
    let seqnum = client.unlink(first)?;
    assert_eq!(client.reply()?, Reply::Unlink { seqnum, status: 0 });
    client.set_line(115_200, true)?;
    link(&mut client)?;
    drop(client);

    for round in 0..5 {
        let mut client = match round {
            0 => client_in_transfer(&exported)?,
            // A header, half of it, half of its data.
            _ => exported.attach()?,
        };
        let bytes = Command::Submit(bulk_out(&[0x55; 600])).encode();
        client.send(&bytes[..[0, 48, 20, 300, 647][round]])?;
        drop(client);
        exported.serves()?;
    }
    // A control write whose data never come.
    let mut client = exported.attach()?;
    let mut bytes = Command::Submit(control([0x21, 0x20, 0, 0, 0, 0, 7, 0], &[0; 7])).encode();
    bytes.truncate(50);
    client.send(&bytes)?;
    drop(client);
    exported.serves()
}

fn client_in_transfer(exported: &Exported) -> Result<Client, Failed> {
    exported.wait_for(|state| !state.is_attached || state.usb.is_some())?;
    let mut client = exported.attach()?;
    client.open(115_200, true)?;
    for _ in 0..16 {
        client.submit(bulk_in(128))?;
        client.submit(bulk_out(&[0x55; 200]))?;
    }
    Ok(client)
}

/// 1200 baud lead into the bootloader's device, K starts the firmware again: each time another device at the same bus id.
pub(crate) fn touched(image: &Image) -> Result<(), Failed> {
    let exported = Exported::new(image)?;
    let mut client = exported.attach()?;
    let serial = client.string(3)?;
    client.open(1_200, true)?;
    client.set_line(1_200, false)?;
    client.is_hung_up()?;
    exported.wait_for(|state| state.usb == Some(BOOTLOADER) && state.runs == Runs::Bootloader)?;
    assert_eq!(exported.connect()?.list()?, [BOOTLOADER]);

    let (mut client, imported) = Client::attach(exported.export.address())?;
    assert_eq!((imported.vendor, imported.product), BOOTLOADER);
    assert_eq!(client.ask(GET_DEVICE, &[])?[8..12], [0x41, 0x23, 0x5a, 0x00]);
    assert_eq!(client.string(3)?, serial, "the same chip");
    client.open(115_200, true)?;
    let version = client.converse(b"V#")?;
    assert!(
        version.starts_with(b"Arduino Bootloader (SAM-BA extended)"),
        "{version:?}"
    );
    // A client that goes leaves the bootloader waiting.
    drop(client);
    let (mut client, _) = Client::attach(exported.export.address())?;
    assert_eq!(client.converse(b"N#")?, b"\n\r");
    client.submit(bulk_out(b"K#"))?;
    client.is_hung_up()?;
    exported.wait_for(|state| state.usb == Some(NANO) && state.runs == Runs::Firmware)?;
    exported.serves()?;

    // By hand, and an import that waits for the device on its way.
    exported.export.enter_bootloader();
    exported.wait_for(|state| state.runs == Runs::Bootloader)?;
    let (mut client, _) = Client::attach(exported.export.address())?;
    client.submit(bulk_out(b"K#"))?;
    client.is_hung_up()?;
    exported.serves()
}

/// The machine is reset or stops under its client; a second export and a blank board.
pub(crate) fn comes_and_goes(image: &Image) -> Result<(), Failed> {
    let exported = Exported::new(image)?;
    let board = drydock_assets::board(super::super::BOARD).ok_or("no board")?;
    exported.serves()?;
    let second = UsbIpExport::start(exported.handle.clone(), &board, 0).map(drop);
    assert_eq!(
        second.map_err(|error| error.kind()),
        Err(std::io::ErrorKind::ResourceBusy)
    );
    let mut client = exported.attach()?;
    exported.handle.reset(drydock_emulator::ResetKind::Pin);
    client.is_hung_up()?;
    exported.serves()?;
    // Without the export the board goes on, and its socket is free.
    let mut client = exported.attach()?;
    let Exported {
        handle,
        export,
        _runner,
    } = exported;
    drop(export);
    client.is_hung_up()?;
    assert_eq!(handle.status().state, RunState::Running);
    let exported = Exported {
        export: UsbIpExport::start(handle.clone(), &board, 0)?,
        handle,
        _runner,
    };
    exported.serves()?;
    let mut client = exported.attach()?;
    exported.handle.stop();
    client.is_hung_up()?;
    exported.wait_for(|state| state.usb.is_none() && state.runs == Runs::Nothing)?;

    let engine = drydock_emulator::engines().remove(0);
    let blank = Exported::of(engine.open(&board, drydock_emulator::Seed([1; 32]))?)?;
    let (_client, imported) = Client::attach(blank.export.address())?;
    assert_eq!((imported.vendor, imported.product), BOOTLOADER);
    Ok(())
}
