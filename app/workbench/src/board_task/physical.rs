//! A physical board's host: its serial port, which may go away and come back at any moment.
//!
//! The port is found by where its cable hangs and by the serial number of its USB device, not by its path. Which board is
//! behind it is checked again when the link is up: the firmware says the chip's id.

use super::{
    context::BoardContext,
    host::{BoardHost, HostEvent},
    session::LinkEnd,
};
use crate::{
    api::{ApiError, CableState, ErrorCode, EventName, PowerAction},
    fleet::{PhysicalRecord, PortUser},
    hardware::PortLease,
};
use drydock_connector::{LinkDriver, RateControl, Rates};
use drydock_gateway::PeerLabel;
use drydock_hardware::port::{self, Access, LineControl, LinePolicy, OpenOptions, Port};
use drydock_protocol::control::Identity;
use serde_json::{Map, json};
use std::{
    io,
    pin::Pin,
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// Interval between two attempts to open a port that is there and cannot be opened.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Wait after a link ended before its port is opened again: what unplugs it takes it from the list a little later.
const SETTLE: Duration = Duration::from_millis(200);

/// How long the reset line is held.
const RESET_PULSE: Duration = Duration::from_millis(2);

/// The serial port of one board while it is on.
pub(super) struct PhysicalHost {
    context: BoardContext,
    changes: watch::Receiver<Vec<Port>>,
    since: Instant,
    /// When the port is to be looked for next; `None` after a change of the ports only.
    next_try: Option<tokio::time::Instant>,
    /// The port that is open; others are refused it meanwhile.
    lease: Option<PortLease>,
    user: Option<PortUser>,
}

impl PhysicalHost {
    pub(super) fn start(context: BoardContext) -> Self {
        let changes = context.workbench.hardware.ports.watch();
        let host = Self {
            context,
            changes,
            since: Instant::now(),
            next_try: Some(tokio::time::Instant::now()),
            lease: None,
            user: None,
        };
        host.show(CableState::Unplugged, "waits for its cable");
        host
    }

    /// Opens the port when it is there, and notices when it goes. Cancel safe: it changes nothing before it returns.
    pub(super) async fn attend(&mut self) -> HostEvent {
        tokio::select! {
            biased;
            changed = self.changes.changed() => {
                if changed.is_err() {
                    // The workbench is closing.
                    return std::future::pending().await;
                }
                self.ports_changed()
            }
            () = sleep_until(self.next_try) => self.try_open(),
        }
    }

    fn ports_changed(&mut self) -> HostEvent {
        let path = self.lease.as_ref().map(|lease| lease.path().to_owned());
        let ports = self.changes.borrow_and_update().clone();
        match path {
            Some(path) if ports.iter().any(|port| port.path == path) => HostEvent::Shown,
            Some(_) => {
                self.unplugged("the cable was pulled out");
                HostEvent::Unlink
            }
            None if self.user.is_none() => {
                self.next_try = Some(tokio::time::Instant::now());
                HostEvent::Shown
            }
            None => HostEvent::Shown,
        }
    }

    /// Looks for the port and opens it.
    fn try_open(&mut self) -> HostEvent {
        self.next_try = None;
        if self.lease.is_some() || self.user.is_some() {
            return HostEvent::Shown;
        }
        let BoardContext { workbench, board } = self.context.clone();
        let Some(record) = board.state().record.physical().cloned() else {
            return HostEvent::Shown;
        };
        if record.topology.is_none() {
            // The system may not list such a port before it is asked for it.
            workbench.hardware.ports.port(&record.port);
        }
        let ports = self.changes.borrow_and_update().clone();
        let Some(port) = find(&record, &ports) else {
            self.show(CableState::Unplugged, "waits for its cable");
            if record.topology.is_none() {
                // Nothing tells when such a port comes back.
                self.next_try = Some(tokio::time::Instant::now() + TRY_AGAIN);
            }
            return HostEvent::Shown;
        };
        // A program that did not lock the port would lose bytes to us, and we to it.
        if let Access::Denied { text, .. } | Access::Held { text, .. } = port::access(port) {
            self.blocked(&text);
            return HostEvent::Shown;
        }
        let lease = match workbench
            .hardware
            .uses
            .lease(&port.path, PortUser::Board(board.id.clone()))
        {
            Ok(lease) => lease,
            Err(user) => {
                self.blocked(&user.refusal(&port.path, &workbench.fleet));
                return HostEvent::Shown;
            }
        };
        let options = OpenOptions {
            baud: board.description().link.baud,
            policy: LinePolicy::of(&board.description()),
        };
        let opened = workbench.hardware.ports.open(&port.path, options);
        let epoch = getrandom::u32();
        match (opened, epoch) {
            (Ok(line), Ok(epoch)) => {
                self.lease = Some(lease);
                self.moved(&record, port);
                board.state().refused = None;
                self.show(CableState::Connected, "booting");
                let mut data = Map::new();
                data.insert("path".into(), json!(port.path));
                let text = format!("{} is connected at {}.", board.name(), port.path);
                self.context.publish(EventName::BoardPlugged, text, data);
                let rates = Rates {
                    first: options.baud,
                    fastest: board.description().link.fastest,
                    control: Box::new(PortRate(line.control())),
                };
                HostEvent::Link(LinkDriver::spawn_with_rates(line, epoch, rates))
            }
            (Err(error), _) => {
                self.blocked(&error.to_string());
                HostEvent::Shown
            }
            (_, Err(error)) => {
                self.blocked(&format!("this system gives no random numbers: {error}"));
                HostEvent::Shown
            }
        }
    }

    /// Stores where the board is now.
    fn moved(&self, record: &PhysicalRecord, port: &Port) {
        let now = PhysicalRecord {
            port: port.path.clone(),
            topology: port.topology.as_ref().map(ToString::to_string),
            usb_serial: port.usb.as_ref().and_then(|usb| usb.serial.clone()),
            chip: record.chip.clone(),
        };
        if now == *record {
            return;
        }
        let BoardContext { workbench, board } = &self.context;
        board.state().record.host = crate::fleet::HostRecord::Physical(now);
        let (workbench, name) = (workbench.clone(), board.name());
        tokio::spawn(async move {
            if let Err(error) = crate::boards::save(&workbench, None).await {
                tracing::warn!(%error, board = name, "the board's new place could not be saved");
            }
        });
    }

    /// The link ended, for another reason than a change of the ports.
    pub(super) fn link_ended(&mut self, end: &LinkEnd) {
        match end {
            LinkEnd::Lost(reason) => {
                self.unplugged(reason);
                self.next_try = Some(tokio::time::Instant::now() + SETTLE);
            }
            // Until something is plugged, the same board would be found.
            LinkEnd::WrongBoard => {
                self.unplugged("another board is there");
                self.show(CableState::Blocked, "another board is at its port");
            }
        }
    }

    fn unplugged(&mut self, reason: &str) {
        let Some(lease) = self.lease.take() else { return };
        self.show(CableState::Unplugged, "waits for its cable");
        let board = &self.context.board;
        board.state().note("warn", format!("{}: {reason}.", lease.path()));
        let mut data = Map::new();
        data.insert("path".into(), json!(lease.path()));
        data.insert("reason".into(), json!(reason));
        let text = format!("{} is no longer connected at {}: {reason}.", board.name(), lease.path());
        self.context.publish(EventName::BoardUnplugged, text, data);
    }

    fn blocked(&mut self, reason: &str) {
        self.show(CableState::Blocked, reason);
        self.next_try = Some(tokio::time::Instant::now() + TRY_AGAIN);
    }

    fn show(&self, cable: CableState, phase: &str) {
        self.context.board.state().cable = cable;
        self.context.set_phase(phase);
        self.context.touch();
    }

    /// Closes the port for somebody else, or looks for it again. The link must have been dropped.
    pub(super) fn hand_over(&mut self, user: Option<PortUser>) {
        self.user = user;
        self.lease = None;
        match self.user {
            Some(PortUser::Job(_)) => self.show(CableState::Lent, "a job uses the port"),
            Some(_) => self.show(CableState::Lent, "the port is lent"),
            None => {
                self.show(CableState::Unplugged, "waits for its cable");
                self.next_try = Some(tokio::time::Instant::now());
            }
        }
    }

    pub(super) fn power(&self, action: PowerAction) -> Result<(), ApiError> {
        match action {
            PowerAction::On | PowerAction::Off => Ok(()),
            PowerAction::Reset => self.reset(),
            PowerAction::Cut => Err(self.has_no_machine("Pull its cable to cut the power")),
            PowerAction::Pause | PowerAction::Resume => Err(self.has_no_machine("Its time cannot be paused")),
        }
    }

    /// Resets the board over the line beside the data, where the board has one.
    fn reset(&self) -> Result<(), ApiError> {
        let BoardContext { workbench, board } = &self.context;
        let path = self.lease.as_ref().map(|lease| lease.path().to_owned());
        let Some(path) = path.filter(|_| board.description().resets_over_cable()) else {
            return Err(self.has_no_machine("Press its reset button"));
        };
        let Some(lines) = workbench.hardware.ports.modem_lines(&path) else {
            return Err(self.has_no_machine("Press its reset button"));
        };
        let pulsed = lines.set(false, true).and_then(|()| {
            std::thread::sleep(RESET_PULSE);
            lines.set(false, false)
        });
        pulsed.map_err(|error| {
            let text = format!("{} could not be reset over {path}: {error}.", board.name());
            ApiError::new(ErrorCode::Board, text)
        })
    }

    /// That Drydock does not control the board as it controls a machine, and what to do instead.
    pub(super) fn has_no_machine(&self, instead: &str) -> ApiError {
        let text = format!("{} is a physical board. {instead}.", self.context.board.name());
        ApiError::new(ErrorCode::Refused, text)
    }

    pub(super) fn switch_off(&mut self) {
        self.lease = None;
        {
            let mut state = self.context.board.state();
            state.metrics = None;
            state.refused = None;
        }
        self.show(CableState::Released, "switched off");
    }
}

/// The baud rate of a port whose bytes the link has.
struct PortRate(LineControl);

impl RateControl for PortRate {
    fn set_baud(&self, baud: u32) -> Pin<Box<dyn Future<Output = io::Result<()>> + Send + '_>> {
        Box::pin(self.0.set_baud(baud))
    }
}

impl BoardHost for PhysicalHost {
    fn peer(&self) -> PeerLabel {
        let path = self.lease.as_ref().map_or("", |lease| lease.path());
        PeerLabel::new(format!("{} at {path}", self.context.board.name()))
    }

    fn board_time(&self) -> Duration {
        self.since.elapsed()
    }

    fn admit(&self, identity: &Identity) -> Result<(), String> {
        let board = &self.context.board;
        let expected = board.state().record.physical().map(|physical| physical.chip.clone());
        let found: String = identity.chip_id.iter().map(|byte| format!("{byte:02x}")).collect();
        if expected.as_ref().is_none_or(|expected| *expected == found) {
            return Ok(());
        }
        let others = self.context.workbench.fleet.all();
        let other = others.iter().find(|other| {
            let state = other.state();
            state.record.physical().is_some_and(|physical| physical.chip == found)
        });
        let who = other.map_or_else(|| format!("chip {found}"), |other| other.name());
        let path = self.lease.as_ref().map_or("its port", |lease| lease.path());
        Err(format!(
            "Another board ({who}) is connected at {path}; plug {} (chip {}) in again.",
            board.name(),
            expected.unwrap_or_default()
        ))
    }

    fn may_enroll(&self) -> Result<(), &'static str> {
        match self.context.board.state().may_enroll {
            true => Ok(()),
            false => Err("blank: provision it again"),
        }
    }
}

/// The port of a board: at its old place, or elsewhere if the serial number of its USB device says so.
fn find<'a>(record: &PhysicalRecord, ports: &'a [Port]) -> Option<&'a Port> {
    let serial = |port: &Port| port.usb.as_ref().and_then(|usb| usb.serial.clone());
    let topology = |port: &Port| port.topology.as_ref().map(ToString::to_string);
    let fits = |port: &&Port| record.usb_serial.is_none() || serial(port) == record.usb_serial;
    let at_its_place = match &record.topology {
        Some(_) => ports.iter().filter(fits).find(|port| topology(port) == record.topology),
        None => ports.iter().filter(fits).find(|port| port.path == record.port),
    };
    at_its_place.or_else(|| {
        record.usb_serial.as_ref()?;
        let mut same = ports.iter().filter(|port| serial(port) == record.usb_serial);
        // Two devices may show the same number: then only the place tells which one it is.
        same.next().filter(|_| same.next().is_none())
    })
}

async fn sleep_until(time: Option<tokio::time::Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drydock_hardware::port::{Topology, UsbIdentity};

    fn port(path: &str, topology: &str, serial: Option<&str>) -> Port {
        Port {
            path: path.into(),
            topology: Some(Topology::new(topology)),
            usb: Some(UsbIdentity {
                vendor: 0x2341,
                product: 0x805a,
                serial: serial.map(str::to_owned),
                manufacturer: None,
                product_name: None,
            }),
            is_virtual: false,
        }
    }

    fn record(topology: &str, serial: Option<&str>) -> PhysicalRecord {
        PhysicalRecord {
            port: "/dev/ttyACM0".into(),
            topology: Some(topology.into()),
            usb_serial: serial.map(str::to_owned),
            chip: "00".into(),
        }
    }

    #[test]
    fn a_board_is_found_by_place_and_serial_number_not_by_path() {
        let ports = [
            port("/dev/ttyACM0", "usb-1-1", Some("A")),
            port("/dev/ttyACM1", "usb-1-2", Some("B")),
            port("/dev/ttyACM2", "usb-1-3", Some("B")),
            port("/dev/ttyACM3", "usb-1-4", None),
        ];
        let path = |record| find(&record, &ports).map(|port| port.path.as_str());
        assert_eq!(path(record("usb-1-2", Some("B"))), Some("/dev/ttyACM1"));
        assert_eq!(
            path(record("usb-1-9", Some("A"))),
            Some("/dev/ttyACM0"),
            "it was plugged in elsewhere"
        );
        assert_eq!(path(record("usb-1-9", Some("B"))), None, "two show this number");
        assert_eq!(
            path(record("usb-1-1", Some("Z"))),
            None,
            "another device is at its place"
        );
        assert_eq!(path(record("usb-1-4", None)), Some("/dev/ttyACM3"));
        assert_eq!(path(record("usb-1-9", None)), None);
    }
}
