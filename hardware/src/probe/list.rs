//! The debug probes of this host, real and virtual, and opening one.

use super::{
    DebugWire, FoundChip,
    adapter::{Adapter, Lead, Socket},
    chip,
};
use crate::port::Topology;
use nusb::MaybeFuture;
use probe_rs::probe::{
    DebugProbeError, DebugProbeInfo, Probe, ProbeCreationError,
    list::{Accessibility, Lister, ProbeListItem},
};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What a virtual probe shows: the ids that pid.codes has for tests.
const VIRTUAL_VENDOR: u16 = 0x1209;
const VIRTUAL_PRODUCT: u16 = 0x0001;

/// A debug probe of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeInfo {
    /// The id by which it is opened: `VID:PID:SERIAL` in hexadecimal digits; without the last part if it has no serial
    /// number.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its serial number.
    pub serial: Option<String>,
    /// Where its cable hangs, if the system says so.
    pub topology: Option<Topology>,
    /// Whether a virtual board is behind it.
    pub is_virtual: bool,
    /// Whether this process may use it.
    pub access: ProbeAccess,
}

/// Whether this process may use a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeAccess {
    /// It may.
    Ready,
    /// It may not; a sentence with the reason and the way out.
    Denied(String),
}

/// A virtual probe to be plugged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VirtualProbe {
    /// Its name.
    pub name: String,
    /// Its serial number.
    pub serial: String,
    /// Where it hangs.
    pub topology: Option<Topology>,
}

/// Why a probe, or the chip behind it, could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// No such probe is plugged in.
    #[error("no debug probe {0} is plugged in")]
    NotFound(String),
    /// Several probes show this id.
    #[error("several debug probes show the id {0}: unplug all but one")]
    Ambiguous(String),
    /// This process may not open it.
    #[error("the debug probe {id} cannot be opened: {reason}")]
    Denied {
        /// The probe.
        id: String,
        /// Why, and the way out.
        reason: String,
    },
    /// It could not be opened.
    #[error("the debug probe {id} cannot be opened; another program may use it: {reason}")]
    Open {
        /// The probe.
        id: String,
        /// What it said.
        reason: String,
    },
    /// The chip does not answer.
    #[error("no chip answers at the debug probe: check its cable, and the board's power ({0})")]
    NoAnswer(String),
    /// The chip refuses debuggers.
    #[error("the chip is locked against debuggers; it can be unlocked only by erasing everything on it")]
    Locked,
    /// What is in the chip's memory makes no sense.
    #[error("what is in the chip's memory makes no sense: {0}")]
    Garbled(String),
    /// The chip's bus refuses an access.
    #[error("nothing answers at {0:#010x} in the chip's memory, or the chip refuses the access")]
    BusFault(u32),
    /// The core does not do what it is told.
    #[error("the core does not {0}; reset the board and try again")]
    Disobeys(&'static str),
    /// Debugging was switched off on the chip.
    #[error("the board lost its power, or another program switched debugging off")]
    DebugOff,
    /// The board has another chip.
    #[error("the chip behind the debug probe is a {found}, but this kind of board has a {expected}")]
    OtherChip {
        /// The chip that answers.
        found: &'static str,
        /// The board's chip.
        expected: String,
    },
    /// A chip that Drydock does not know.
    #[error("the chip at the debug probe is none that Drydock knows: {0}")]
    UnknownChip(String),
}

/// The debug probes of this host. Clones share the virtual ones.
#[derive(Clone, Default)]
pub struct Probes {
    plugged: Arc<Mutex<Vec<Plugged>>>,
}

struct Plugged {
    info: ProbeInfo,
    socket: Socket,
}

/// A virtual probe that is plugged in. Dropping it unplugs the probe; whoever uses it gets no answer from then on.
pub struct VirtualPlug {
    plugged: Arc<Mutex<Vec<Plugged>>>,
    socket: Socket,
    id: String,
}

impl Probes {
    /// The probes, without virtual ones yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// All probes that are plugged in now: USB probes that probe-rs knows, then virtual ones. It blocks for as long as the
    /// system takes to list its USB devices.
    pub fn list(&self) -> Vec<ProbeInfo> {
        let mut list: Vec<ProbeInfo> = Vec::new();
        let devices: Vec<nusb::DeviceInfo> = match nusb::list_devices().wait() {
            Ok(devices) => devices.collect(),
            Err(error) => {
                tracing::debug!(%error, "the USB devices cannot be listed");
                Vec::new()
            }
        };
        for item in Lister::new().list_all_with_access() {
            let found = usb_probe(&item, &devices);
            // A probe with several interfaces is listed once for each.
            if !list.contains(&found) {
                list.push(found);
            }
        }
        list.extend(lock(&self.plugged).iter().map(|plugged| plugged.info.clone()));
        list
    }

    /// Plugs a virtual probe in.
    pub fn plug_virtual(&self, probe: VirtualProbe, wire: Arc<Mutex<dyn DebugWire>>) -> VirtualPlug {
        let id = format!("{VIRTUAL_VENDOR:04x}:{VIRTUAL_PRODUCT:04x}:{}", probe.serial);
        let socket: Socket = Arc::new(Mutex::new(Lead::to(Some(wire))));
        lock(&self.plugged).push(Plugged {
            info: ProbeInfo {
                id: id.clone(),
                name: probe.name,
                serial: Some(probe.serial),
                topology: probe.topology,
                is_virtual: true,
                access: ProbeAccess::Ready,
            },
            socket: Arc::clone(&socket),
        });
        VirtualPlug {
            plugged: Arc::clone(&self.plugged),
            socket,
            id,
        }
    }

    /// Opens a probe for probe-rs. The board behind it notices nothing.
    ///
    /// # Errors
    /// [`ProbeError`].
    pub fn open(&self, id: &str) -> Result<Probe, ProbeError> {
        let sockets: Vec<Socket> = lock(&self.plugged)
            .iter()
            .filter(|plugged| plugged.info.id == id)
            .map(|plugged| Arc::clone(&plugged.socket))
            .collect();
        match &sockets[..] {
            [] => open_usb(id),
            [socket] => Ok(Probe::from_specific_probe(Box::new(Adapter::new(Arc::clone(socket))))),
            _ => Err(ProbeError::Ambiguous(id.to_owned())),
        }
    }

    /// Which chip is behind a probe, and its unique id. The board is neither reset nor halted.
    ///
    /// # Errors
    /// [`ProbeError`]; a locked chip is found with `is_locked`, and is no error.
    pub fn identify(&self, id: &str) -> Result<FoundChip, ProbeError> {
        chip::identify(self.open(id)?)
    }
}

impl VirtualPlug {
    /// The id of the probe, by which it is opened.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Puts the probe on another board, as a hand that moves the cable does.
    pub fn move_to(&self, wire: Arc<Mutex<dyn DebugWire>>) {
        *lock(&self.socket) = Lead::to(Some(wire));
    }
}

impl Drop for VirtualPlug {
    fn drop(&mut self) {
        lock(&self.plugged).retain(|plugged| !Arc::ptr_eq(&plugged.socket, &self.socket));
        *lock(&self.socket) = Lead::to(None);
    }
}

fn open_usb(id: &str) -> Result<Probe, ProbeError> {
    let mut items: Vec<ProbeListItem> = Lister::new().list_all_with_access();
    items.retain(|item| probe_id(&item.info) == id);
    let devices = items.iter().filter(|item| {
        items
            .iter()
            .filter(|other| other.info.interface == item.info.interface)
            .count()
            > 1
    });
    if devices.count() > 0 {
        return Err(ProbeError::Ambiguous(id.to_owned()));
    }
    let item = items.first().ok_or_else(|| ProbeError::NotFound(id.to_owned()))?;
    if let ProbeAccess::Denied(reason) = access(item.accessibility) {
        let id = id.to_owned();
        return Err(ProbeError::Denied { id, reason });
    }
    item.info.open().map_err(|error| match error {
        DebugProbeError::ProbeCouldNotBeCreated(ProbeCreationError::NotFound) => ProbeError::NotFound(id.to_owned()),
        error => ProbeError::Open {
            id: id.to_owned(),
            reason: super::chip::causes(&error),
        },
    })
}

fn usb_probe(item: &ProbeListItem, devices: &[nusb::DeviceInfo]) -> ProbeInfo {
    let info = &item.info;
    let same: Vec<&nusb::DeviceInfo> = devices
        .iter()
        .filter(|device| {
            (device.vendor_id(), device.product_id()) == (info.vendor_id, info.product_id)
                && device.serial_number() == info.serial_number.as_deref()
        })
        .collect();
    let topology = match same[..] {
        [device] => topology(device),
        // Probes that look the same cannot be told apart by what probe-rs says about them.
        _ => None,
    };
    ProbeInfo {
        id: probe_id(info),
        name: info.identifier.clone(),
        serial: info.serial_number.clone(),
        topology,
        is_virtual: false,
        access: access(item.accessibility),
    }
}

/// The place of a USB device: its bus and the chain of hub ports.
fn topology(device: &nusb::DeviceInfo) -> Option<Topology> {
    let chain: Vec<String> = device.port_chain().iter().map(u8::to_string).collect();
    let bus = device.bus_id().trim_start_matches('0');
    (!chain.is_empty()).then(|| Topology::new(format!("usb-{bus}-{}", chain.join("."))))
}

fn probe_id(info: &DebugProbeInfo) -> String {
    let ids = format!("{:04x}:{:04x}", info.vendor_id, info.product_id);
    match &info.serial_number {
        Some(serial) => format!("{ids}:{serial}"),
        None => ids,
    }
}

fn access(accessibility: Accessibility) -> ProbeAccess {
    match accessibility {
        Accessibility::Accessible => ProbeAccess::Ready,
        Accessibility::PermissionDenied => ProbeAccess::Denied(
            "your user may not open its USB device; install a udev rule for it, then plug it in again".to_owned(),
        ),
    }
}

/// The list is consistent between any two statements.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Probes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<String> = lock(&self.plugged)
            .iter()
            .map(|plugged| plugged.info.id.clone())
            .collect();
        f.debug_struct("Probes").field("virtual", &ids).finish()
    }
}

impl fmt::Debug for VirtualPlug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualPlug").field("id", &self.id).finish()
    }
}
