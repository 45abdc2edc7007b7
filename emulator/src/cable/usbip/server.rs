//! The thread of an exported device: its clients, and what the board runs.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::connection::{Attached, Connection, End};
use super::host::{self, Device, Errand};
use super::stand_in::{StandIn, StandInIdentity};
use super::wire::{self, Command, DeviceEntry, ImportStatus, Request};
use super::{BUS_ID, ExportState, Owned, OwnerCommand};
use crate::ResetKind;
use crate::cable::Runs;
use crate::cable::bootloader::{Bootloader, Next};
use crate::cable::usb_host::descriptor::Description;
use crate::cable::wired_board::WiredBoard;
use crate::runner::Notify;

/// Bus and device number that clients are told; together they are its `devid`.
const ADDRESS: (u16, u16) = (1, 2);
const DEVICE_ID: u32 = (ADDRESS.0 as u32) << 16 | ADDRESS.1 as u32;
/// Clients that have not imported the device.
const ASKING: usize = 8;
/// Commands that wait for a machine that stands still. A client with more of them loses its connection.
const ERRANDS: usize = 1024;
/// How long an import waits for a device that is on its way.
const IMPORT_WAITS: Duration = Duration::from_secs(10);
/// How long an import waits for a client that is on its way out: its last bytes may not have been read yet.
const BUSY_WAITS: Duration = Duration::from_millis(300);

/// What clients are told of a device.
pub(super) fn entry(description: &Description) -> DeviceEntry {
    DeviceEntry {
        vendor: description.device.vendor,
        product: description.device.product,
        release: description.device.release,
        class: description.device.class,
        configuration: description.configuration,
        configurations: description.device.configurations,
        interfaces: description.interfaces.clone(),
        ..nothing()
    }
}

/// What clients are told of the bus id, without a device there.
fn nothing() -> DeviceEntry {
    DeviceEntry {
        path: format!("/drydock/usb{}/{BUS_ID}", ADDRESS.0),
        bus_id: BUS_ID.to_owned(),
        address: ADDRESS,
        vendor: 0,
        product: 0,
        release: 0,
        class: [0; 3],
        configuration: 0,
        configurations: 0,
        interfaces: Vec::new(),
    }
}

/// The thread.
pub(super) struct Server {
    owned: Arc<Owned>,
    host: Arc<host::Shared>,
    /// Notifies the machine.
    notify: Notify,
    listener: TcpListener,
    board: WiredBoard,
    runs: Runs,
    bootloader: Option<WaitingBootloader>,
    /// Changes of the device up to this one belong to what ran before.
    stale: u64,
    /// Changes of the device at the last look.
    seen: u64,
    asking: Vec<Connection>,
    attached: Option<Attached>,
}

/// A bootloader with its USB device.
struct WaitingBootloader {
    /// `None` only while it is at work.
    bootloader: Option<Box<dyn Bootloader>>,
    device: StandIn,
}

/// Whether the device is exported any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Export {
    GoesOn,
    Over,
}

impl Server {
    pub(super) fn new(
        owned: Arc<Owned>,
        host: Arc<host::Shared>,
        notify: Notify,
        listener: TcpListener,
        board: WiredBoard,
    ) -> Self {
        Self {
            owned,
            host,
            notify,
            listener,
            board,
            runs: Runs::Nothing,
            bootloader: None,
            stale: 0,
            seen: 0,
            asking: Vec::new(),
            attached: None,
        }
    }

    /// Finds out what the board runs.
    pub(super) fn begin(&mut self) -> io::Result<()> {
        match self.board.is_blank()? {
            true => self.enter_bootloader(),
            false => {
                self.runs = Runs::Firmware;
                self.show();
                Ok(())
            }
        }
    }

    /// Serves clients until the owner or the machine is gone.
    pub(super) fn run(mut self) {
        while let Ok(Export::GoesOn) = self.turn() {
            if self.wait().is_err() {
                break;
            }
        }
    }

    /// Does all that can be done without waiting.
    fn turn(&mut self) -> io::Result<Export> {
        self.owned.bell.silence();
        loop {
            loop {
                let command = self.owned.commands().pop_front();
                match command {
                    Some(OwnerCommand::End) => return Ok(Export::Over),
                    Some(OwnerCommand::Bootloader) => self.start(true)?,
                    Some(OwnerCommand::Reset) => self.was_reset()?,
                    None => break,
                }
            }
            if self.follow_device()? == Export::Over {
                return Ok(Export::Over);
            }
            let mut moved = self.accept()?;
            moved |= self.serve_client()?;
            moved |= self.hear_requests();
            self.show();
            if !moved {
                return Ok(Export::GoesOn);
            }
        }
    }

    /// Sleeps until something can be done.
    fn wait(&mut self) -> io::Result<()> {
        let events = |connection: &Connection| {
            let mut events = PollFlags::empty();
            events.set(PollFlags::IN, connection.wants_bytes());
            events.set(PollFlags::OUT, connection.has_output());
            events
        };
        let mut fds = vec![
            PollFd::from_borrowed_fd(self.owned.bell.fd(), PollFlags::IN),
            PollFd::new(&self.listener, PollFlags::IN),
        ];
        let attached = self.attached.iter().map(|attached| &attached.connection);
        for connection in self.asking.iter().chain(attached) {
            fds.push(PollFd::new(&connection.stream, events(connection)));
        }
        let now = Instant::now();
        let is_busy = self.attached.is_some();
        let due = |connection: &Connection| connection.waits.filter(|_| is_busy).unwrap_or(connection.deadline);
        let deadline = self.asking.iter().map(due).min();
        let timeout = deadline.map(|deadline| {
            let left = deadline.saturating_duration_since(now) + Duration::from_millis(1);
            Timespec {
                tv_sec: left.as_secs() as i64,
                tv_nsec: left.subsec_nanos().into(),
            }
        });
        match poll(&mut fds, timeout.as_ref()) {
            Err(rustix::io::Errno::INTR) => Ok(()),
            count => count.map(|_| ()).map_err(Into::into),
        }
    }

    /// The device came, went or changed.
    fn follow_device(&mut self) -> io::Result<Export> {
        let (changes, is_closed) = {
            let state = self.host.state();
            (state.changes, state.device == Device::Closed)
        };
        if is_closed {
            return Ok(Export::Over);
        }
        if self.runs != Runs::Firmware || changes == self.seen {
            return Ok(Export::GoesOn);
        }
        self.seen = changes;
        if self
            .attached
            .as_ref()
            .is_some_and(|attached| attached.changes != changes)
        {
            // The device that the client imported is no more. It imports the next one, as a host enumerates it.
            self.attached = None;
        }
        if changes > self.stale && self.board.stays_in_bootloader()? {
            self.enter_bootloader()?;
        }
        Ok(Export::GoesOn)
    }

    /// Starts the board from power-on: into its bootloader if that is called for, or if there is nothing else.
    fn start(&mut self, download: bool) -> io::Result<()> {
        self.board.handle.reset(ResetKind::PowerOn);
        if (download && self.board.wiring.bootloader.is_some()) || self.board.is_blank()? {
            return self.enter_bootloader();
        }
        self.run_firmware();
        Ok(())
    }

    fn run_firmware(&mut self) {
        self.bootloader = None;
        self.enter(Runs::Firmware);
        self.board.handle.resume();
    }

    /// A debugger has reset the board, whose flash it may have written.
    fn was_reset(&mut self) -> io::Result<()> {
        if self.runs == Runs::Bootloader && !self.board.is_blank()? {
            self.run_firmware();
        }
        Ok(())
    }

    fn enter_bootloader(&mut self) -> io::Result<()> {
        self.board.stop()?;
        let wiring = &self.board.wiring;
        let (vendor, product) = wiring.usb_bootloader.unwrap_or_default();
        let identity = StandInIdentity {
            vendor,
            product,
            product_name: wiring.board.title.clone(),
            serial: self.board.usb_serial()?,
        };
        self.bootloader = self.board.open_bootloader()?.map(|bootloader| WaitingBootloader {
            bootloader: Some(bootloader),
            device: StandIn::new(identity),
        });
        self.enter(Runs::Bootloader);
        Ok(())
    }

    /// Something else runs: the device that was there is no more.
    fn enter(&mut self, runs: Runs) {
        self.attached = None;
        self.runs = runs;
        self.stale = self.host.state().changes;
        self.seen = self.stale;
        self.show();
    }

    /// The device that clients can import now, with the changes of the device so far.
    fn exported(&self) -> Option<(DeviceEntry, u64)> {
        if let Some(waiting) = &self.bootloader {
            let mut entry = nothing();
            waiting.device.describe(&mut entry);
            return Some((entry, self.stale));
        }
        let state = self.host.state();
        match &state.device {
            Device::Present(description) if state.changes > self.stale => Some((entry(description), state.changes)),
            _ => None,
        }
    }

    /// Tells the owner what clients see.
    fn show(&self) {
        let usb = self.exported().map(|(entry, _)| (entry.vendor, entry.product));
        let now = ExportState {
            usb,
            runs: self.runs,
            is_attached: self.attached.is_some(),
        };
        self.owned.state.send_if_modified(|state| {
            let is_other = *state != now;
            *state = now;
            is_other
        });
    }

    fn accept(&mut self) -> io::Result<bool> {
        match self.listener.accept() {
            // One too many hangs up at once.
            Ok(_) if self.asking.len() >= ASKING => Ok(true),
            Ok((stream, _)) => {
                self.asking.extend(Connection::new(stream, Instant::now()));
                Ok(true)
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => Ok(false),
                _ => Err(error),
            },
        }
    }

    /// Answers clients that have not imported the device.
    fn hear_requests(&mut self) -> bool {
        let mut moved = false;
        for mut connection in std::mem::take(&mut self.asking) {
            match self.hear(&mut connection) {
                Ok(Heard::Nothing) if connection.deadline <= Instant::now() => {}
                Ok(Heard::Nothing) => self.asking.push(connection),
                Ok(Heard::Imported(changes)) => {
                    self.attached = Some(Attached::new(connection, changes));
                    moved = true;
                }
                Err(_) => {}
            }
        }
        moved
    }

    fn hear(&mut self, connection: &mut Connection) -> Result<Heard, End> {
        connection.flush()?;
        // Also of one that waits: it may go.
        while connection.read()? {}
        if connection.waits.is_none() {
            match connection.request()? {
                None => return Ok(Heard::Nothing),
                Some(Request::DeviceList) => {
                    let devices: Vec<DeviceEntry> = self.exported().map(|(entry, _)| entry).into_iter().collect();
                    connection.send_last(&wire::device_list(&devices))?;
                    return Ok(Heard::Nothing);
                }
                Some(Request::Import { bus_id }) if bus_id != BUS_ID => {
                    connection.send_last(&wire::import(Err(ImportStatus::Unknown)))?;
                    return Ok(Heard::Nothing);
                }
                Some(Request::Import { .. }) => {
                    connection.waits = Some(Instant::now() + BUSY_WAITS);
                    connection.deadline = Instant::now() + IMPORT_WAITS;
                }
            }
        }
        if self.attached.is_some() {
            if connection.waits.is_some_and(|until| until <= Instant::now()) {
                connection.send_last(&wire::import(Err(ImportStatus::Busy)))?;
            }
        } else if let Some((device, changes)) = self.exported() {
            connection.send(&wire::import(Ok(&device)))?;
            return Ok(Heard::Imported(changes));
        } else if connection.deadline <= Instant::now() {
            connection.send_last(&wire::import(Err(ImportStatus::Unavailable)))?;
        }
        Ok(Heard::Nothing)
    }

    /// Carries transfers of the client that has imported the device.
    fn serve_client(&mut self) -> io::Result<bool> {
        let Some(mut attached) = self.attached.take() else {
            return Ok(false);
        };
        match self.carry(&mut attached) {
            Ok(Carried::Some(moved)) => {
                self.attached = Some(attached);
                Ok(moved)
            }
            Ok(Carried::Start) => {
                // The last answers are out before the chip starts.
                self.start(false)?;
                Ok(true)
            }
            Err(Ended::Client) => {
                self.forget_client(&attached);
                Ok(true)
            }
            Err(Ended::Board(error)) => Err(error),
        }
    }

    fn carry(&mut self, attached: &mut Attached) -> Result<Carried, Ended> {
        let replies = {
            let mut state = self.host.state();
            match self.bootloader.is_none() && state.changes == attached.changes {
                true => std::mem::take(&mut state.replies),
                false => Vec::new(),
            }
        };
        let mut moved = !replies.is_empty();
        for reply in &replies {
            attached.answer(reply)?;
        }
        attached.connection.flush()?;
        moved |= attached.connection.read()?;
        let mut commands = Vec::new();
        while let Some(command) = attached.command(DEVICE_ID)? {
            commands.push(command);
        }
        if commands.is_empty() {
            return Ok(Carried::Some(moved));
        }
        if self.bootloader.is_some() {
            return self.serve_by_bootloader(attached, commands);
        }
        let mut state = self.host.state();
        // Commands for a device that is no more are lost with it.
        if state.changes == attached.changes {
            if state.errands.len() + commands.len() > ERRANDS {
                return Err(Ended::Client);
            }
            state.errands.extend(commands.into_iter().map(Errand::Command));
        }
        drop(state);
        (self.notify)();
        Ok(Carried::Some(true))
    }

    fn serve_by_bootloader(&mut self, attached: &mut Attached, commands: Vec<Command>) -> Result<Carried, Ended> {
        let Some(waiting) = &mut self.bootloader else {
            return Ok(Carried::Some(false));
        };
        let mut next = Next::Wait;
        let mut replies = Vec::new();
        for command in commands {
            let bytes = match command {
                Command::Submit(submit) => waiting.device.submit(submit, &mut replies),
                Command::Unlink { seqnum, unlinks } => {
                    waiting.device.unlink(seqnum, unlinks, &mut replies);
                    continue;
                }
            };
            if !bytes.is_empty()
                && let Some(bootloader) = waiting.bootloader.take()
            {
                let served = self.board.serve(bootloader, bytes, None).map_err(Ended::Board)?;
                waiting.device.send(&served.answer, &mut replies);
                waiting.bootloader = Some(served.bootloader);
                next = served.next;
            }
            if next != Next::Wait {
                break;
            }
        }
        for reply in &replies {
            attached.answer(reply)?;
        }
        Ok(match next {
            Next::Wait => Carried::Some(true),
            // Only DFU bootloaders start themselves again, and none of them is exported.
            Next::Start | Next::Again => Carried::Start,
        })
    }

    /// The client is gone; the device begins anew, as when a cable is pulled and plugged in.
    fn forget_client(&mut self, attached: &Attached) {
        if let Some(waiting) = &mut self.bootloader {
            waiting.device.reset();
            return;
        }
        let mut state = self.host.state();
        if state.changes == attached.changes {
            state.replies.clear();
            state.errands.push(Errand::Reset);
            // The next client gets the device that comes after the reset.
            self.stale = state.changes;
        }
        drop(state);
        (self.notify)();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.host.state().is_dropped = true;
        (self.notify)();
        self.owned.state.send_replace(ExportState {
            usb: None,
            runs: Runs::Nothing,
            is_attached: false,
        });
    }
}

/// What came of a client's request.
enum Heard {
    Nothing,
    /// It has the device, with these changes so far.
    Imported(u64),
}

/// What came of a client's commands.
enum Carried {
    /// Whether anything moved.
    Some(bool),
    /// The bootloader starts what is in flash.
    Start,
}

enum Ended {
    Client,
    Board(io::Error),
}

impl From<End> for Ended {
    fn from(_: End) -> Self {
        Self::Client
    }
}
