//! The DFU devices of this host, real and virtual, and opening one.

use super::{DfuWire, Setup, UsbFault, descriptor::DFU_MODE, usb};
use crate::port::{Access, Topology, UsbIdentity};
use drydock_assets::{FlashMethod, boards};
use nusb::MaybeFuture;
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// How often a place is looked at while a device is to appear there.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A device in DFU mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DfuInfo {
    /// The id by which it is opened: `VID:PID:SERIAL` in hexadecimal digits; without the last part if it has no serial
    /// number.
    pub id: String,
    /// What it says about itself.
    pub usb: UsbIdentity,
    /// Where its cable hangs, if the system says so.
    pub topology: Option<Topology>,
    /// Whether a virtual board is behind it.
    pub is_virtual: bool,
    /// Whether this process may use it. Who else has it open is not known.
    pub access: Access,
}

/// A virtual DFU device to be plugged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VirtualDfu {
    /// What it says about itself.
    pub usb: UsbIdentity,
    /// Where it hangs.
    pub topology: Option<Topology>,
}

/// Why a DFU device was not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DfuOpenError {
    /// No such device is plugged in.
    #[error("no device {0} in DFU mode is plugged in")]
    NotFound(String),
    /// Several devices show this id.
    #[error("several devices in DFU mode show the id {0}: unplug all but one")]
    Ambiguous(String),
    /// This process may not use it.
    #[error("{0}")]
    Denied(String),
    /// The system did not open it.
    #[error("the device {id} cannot be opened; another program may use it: {reason}")]
    Open {
        /// The device.
        id: String,
        /// What the system said.
        reason: String,
    },
}

/// The DFU devices of this host. Clones share the virtual ones.
#[derive(Clone)]
pub struct DfuDevices {
    shared: Arc<Shared>,
}

struct Shared {
    plugged: Mutex<Vec<Plugged>>,
    listed: watch::Sender<Vec<DfuInfo>>,
}

struct Plugged {
    info: DfuInfo,
    socket: Socket,
}

/// What a virtual device is plugged into; `None` after it was unplugged.
type Socket = Arc<Mutex<Option<Arc<Mutex<dyn DfuWire>>>>>;

/// A virtual DFU device that is plugged in. Dropping it unplugs the device; whoever uses it hears that it is gone.
#[must_use = "dropping it unplugs the device"]
pub struct DfuPlug {
    shared: Arc<Shared>,
    socket: Socket,
    id: String,
}

impl Default for DfuDevices {
    fn default() -> Self {
        Self::new()
    }
}

impl DfuDevices {
    /// The devices, without virtual ones yet.
    pub fn new() -> Self {
        let shared = Shared {
            plugged: Mutex::default(),
            listed: watch::Sender::new(Vec::new()),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// All devices in DFU mode that are plugged in now. It blocks for as long as the system takes to list its USB devices.
    pub fn list(&self) -> Vec<DfuInfo> {
        self.list_with_devices().into_iter().map(|(info, _)| info).collect()
    }

    /// The list, pushed when [`DfuDevices::refresh`] finds that it changed.
    pub fn watch(&self) -> watch::Receiver<Vec<DfuInfo>> {
        self.shared.listed.subscribe()
    }

    /// Reads the list anew and pushes it if it changed.
    pub(crate) fn refresh(&self) {
        let now = self.list();
        self.shared.listed.send_if_modified(|listed| {
            let changed = *listed != now;
            if changed {
                *listed = now;
            }
            changed
        });
    }

    fn list_with_devices(&self) -> Vec<(DfuInfo, Option<nusb::DeviceInfo>)> {
        let known: Vec<(u16, u16)> = boards()
            .iter()
            .flat_map(|board| &board.flashing)
            .filter(|way| way.method == FlashMethod::Dfu)
            .flat_map(|way| way.usb_ids.clone())
            .collect();
        let devices: Vec<nusb::DeviceInfo> = match nusb::list_devices().wait() {
            Ok(devices) => devices.collect(),
            Err(error) => {
                tracing::debug!(%error, "the USB devices cannot be listed");
                Vec::new()
            }
        };
        let is_in_dfu_mode = |device: &nusb::DeviceInfo| {
            known.contains(&(device.vendor_id(), device.product_id()))
                || device
                    .interfaces()
                    .any(|interface| (interface.class(), interface.subclass(), interface.protocol()) == DFU_MODE)
        };
        let physical = devices.into_iter().filter(is_in_dfu_mode);
        let mut list: Vec<_> = physical.map(|device| (usb::info(&device), Some(device))).collect();
        list.extend(
            lock(&self.shared.plugged)
                .iter()
                .map(|plugged| (plugged.info.clone(), None)),
        );
        list
    }

    /// The device with this id.
    ///
    /// # Errors
    /// [`DfuOpenError::NotFound`], [`DfuOpenError::Ambiguous`].
    pub fn find(&self, id: &str) -> Result<DfuInfo, DfuOpenError> {
        one(self.list(), id, |info| &info.id)
    }

    /// Waits until a device at a place fits.
    pub fn wait_for_blocking(
        &self,
        topology: &Topology,
        fits: impl Fn(&DfuInfo) -> bool,
        timeout: Duration,
    ) -> Option<DfuInfo> {
        let deadline = Instant::now() + timeout;
        loop {
            let mut there = self.list().into_iter();
            let found = there.find(|info| info.topology.as_ref() == Some(topology) && fits(info));
            if found.is_some() || Instant::now() >= deadline {
                return found;
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Plugs a virtual device in.
    pub fn plug_virtual(&self, device: VirtualDfu, wire: Arc<Mutex<dyn DfuWire>>) -> DfuPlug {
        let id = id_of(&device.usb);
        let socket: Socket = Arc::new(Mutex::new(Some(wire)));
        lock(&self.shared.plugged).push(Plugged {
            info: DfuInfo {
                id: id.clone(),
                usb: device.usb,
                topology: device.topology,
                is_virtual: true,
                access: Access::Usable,
            },
            socket: Arc::clone(&socket),
        });
        self.refresh();
        DfuPlug {
            shared: Arc::clone(&self.shared),
            socket,
            id,
        }
    }

    /// Opens a device.
    ///
    /// # Errors
    /// [`DfuOpenError`].
    pub fn open(&self, info: &DfuInfo) -> Result<Box<dyn DfuWire>, DfuOpenError> {
        if info.is_virtual {
            let plugged = lock(&self.shared.plugged);
            let mut there = plugged
                .iter()
                .filter(|plugged| plugged.info.id == info.id && plugged.info.topology == info.topology);
            return match (there.next(), there.next()) {
                (Some(only), None) => Ok(Box::new(Line(Arc::clone(&only.socket)))),
                (None, _) => Err(DfuOpenError::NotFound(info.id.clone())),
                _ => Err(DfuOpenError::Ambiguous(info.id.clone())),
            };
        }
        let mut devices = self.list_with_devices();
        devices.retain(|(found, _)| found.topology == info.topology);
        let (found, device) = one(devices, &info.id, |(info, _)| &info.id)?;
        if let Access::Denied { text, .. } = found.access {
            return Err(DfuOpenError::Denied(text));
        }
        let device = device.ok_or_else(|| DfuOpenError::NotFound(info.id.clone()))?;
        usb::open(&device, &info.id)
    }
}

/// The only one with an id.
fn one<T>(list: Vec<T>, id: &str, id_of: impl Fn(&T) -> &String) -> Result<T, DfuOpenError> {
    let mut found = list.into_iter().filter(|it| id_of(it) == id);
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(DfuOpenError::NotFound(id.to_owned())),
        _ => Err(DfuOpenError::Ambiguous(id.to_owned())),
    }
}

/// The id of a device.
pub(super) fn id_of(usb: &UsbIdentity) -> String {
    let ids = format!("{:04x}:{:04x}", usb.vendor, usb.product);
    match &usb.serial {
        Some(serial) => format!("{ids}:{serial}"),
        None => ids,
    }
}

/// An open virtual device.
struct Line(Socket);

impl Line {
    fn wire(&self) -> Result<Arc<Mutex<dyn DfuWire>>, UsbFault> {
        lock(&self.0).clone().ok_or(UsbFault::Gone)
    }
}

impl DfuWire for Line {
    fn read(&mut self, setup: Setup, bytes: &mut [u8]) -> Result<usize, UsbFault> {
        lock(&*self.wire()?).read(setup, bytes)
    }

    fn write(&mut self, setup: Setup, bytes: &[u8]) -> Result<(), UsbFault> {
        lock(&*self.wire()?).write(setup, bytes)
    }

    fn choose(&mut self, interface: u8, alternate: u8) -> Result<(), UsbFault> {
        lock(&*self.wire()?).choose(interface, alternate)
    }
}

impl DfuPlug {
    /// The id of the device, by which it is opened.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Has another board answer where this one did.
    pub fn move_to(&self, wire: Arc<Mutex<dyn DfuWire>>) {
        *lock(&self.socket) = Some(wire);
    }
}

impl Drop for DfuPlug {
    fn drop(&mut self) {
        lock(&self.shared.plugged).retain(|plugged| !Arc::ptr_eq(&plugged.socket, &self.socket));
        *lock(&self.socket) = None;
        let shared = Arc::clone(&self.shared);
        DfuDevices { shared }.refresh();
    }
}

/// The list is consistent between any two statements.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for DfuPlug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DfuPlug").field("id", &self.id).finish()
    }
}
