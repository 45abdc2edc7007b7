//! The ports of this process: physical ones, and virtual ones that were plugged in.

use super::list::{sort_key, system_ports};
use super::{ModemLines, Port, Topology, watcher};
use crate::dfu::DfuDevices;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};

/// How often a place is looked at while something is to appear there.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The serial ports of this host. One for each process; clones share everything.
#[derive(Clone)]
pub struct Ports {
    pub(super) shared: Arc<Shared>,
}

/// A port of a virtual board.
#[derive(Clone)]
pub struct VirtualPort {
    /// The port; `is_virtual` is set when it is plugged in.
    pub port: Port,
    /// Its DTR and RTS, which a pseudo-terminal does not carry.
    pub lines: Arc<dyn ModemLines>,
}

/// A virtual port that is plugged in. Dropping it unplugs the port.
#[must_use = "dropping it unplugs the port"]
pub struct PluggedPort {
    number: u64,
    shared: Weak<Shared>,
}

/// Nothing that fits appeared at a place in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct NotSeen {
    /// The place.
    pub topology: Topology,
    /// What is there instead.
    pub there: Vec<Port>,
}

impl fmt::Display for NotSeen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the expected serial port did not appear at {}; ", self.topology)?;
        if self.there.is_empty() {
            return f.write_str("nothing is plugged in there");
        }
        let named: Vec<String> = self
            .there
            .iter()
            .map(|port| match &port.usb {
                Some(usb) => format!("{} ({:04x}:{:04x})", port.path, usb.vendor, usb.product),
                None => port.path.clone(),
            })
            .collect();
        write!(f, "{} is there instead", named.join(" and "))
    }
}

/// What clones of [`Ports`], the watcher and plugged ports share.
pub(super) struct Shared {
    state: Mutex<State>,
    refreshing: Mutex<()>,
    listed: watch::Sender<Vec<Port>>,
    /// USB devices without a port: a board in its bootloader may be one.
    pub(super) dfu: DfuDevices,
    watcher: Once,
    stop: Arc<Notify>,
}

#[derive(Default)]
struct State {
    next_number: u64,
    plugged: Vec<(u64, VirtualPort)>,
    /// Ports that the user named and the system does not list, for example pseudo-terminals.
    named: BTreeSet<String>,
    /// DTR and RTS of physical ports that this process has open, by path.
    open_lines: HashMap<String, Weak<dyn ModemLines>>,
}

impl Default for Ports {
    fn default() -> Self {
        Self::new()
    }
}

impl Ports {
    /// No virtual ports yet. Nothing is watched before [`Ports::watch`].
    pub fn new() -> Self {
        let shared = Shared {
            state: Mutex::default(),
            refreshing: Mutex::default(),
            listed: watch::Sender::new(Vec::new()),
            dfu: DfuDevices::new(),
            watcher: Once::new(),
            stop: Arc::default(),
        };
        let shared = Arc::new(shared);
        shared.refresh();
        Self { shared }
    }

    /// The ports that are plugged in now, by path. It asks the system, which takes a few milliseconds.
    pub fn list(&self) -> Vec<Port> {
        self.shared.refresh()
    }

    /// The port with this path, if it is plugged in. A link to a port, as in `/dev/serial/by-id`, names the port. A
    /// character device that the system does not list as a serial port, such as the pseudo-terminal of another program, is
    /// listed from then on, without a place and without USB ids.
    pub fn port(&self, path: &str) -> Option<Port> {
        let find = |path: &str| self.list().into_iter().find(|port| port.path == path);
        find(path).or_else(|| {
            let path = std::fs::canonicalize(path).ok()?.to_str()?.to_owned();
            find(&path).or_else(|| {
                is_character_device(&path).then(|| self.shared.state().named.insert(path.clone()))?;
                find(&path)
            })
        })
    }

    /// The list of ports, pushed whenever it changes. The first call starts a thread that lives as long as `self`.
    pub fn watch(&self) -> watch::Receiver<Vec<Port>> {
        let shared = &self.shared;
        shared
            .watcher
            .call_once(|| watcher::start(Arc::downgrade(shared), Arc::clone(&shared.stop)));
        shared.listed.subscribe()
    }

    /// The devices in DFU mode, which have no serial port. The watcher of the ports watches them too.
    pub fn dfu(&self) -> &DfuDevices {
        &self.shared.dfu
    }

    /// Plugs a virtual port in: it is listed, watched, found and opened as a physical one.
    pub fn plug_virtual(&self, mut port: VirtualPort) -> PluggedPort {
        port.port.is_virtual = true;
        let number = {
            let mut state = self.shared.state();
            state.next_number += 1;
            let number = state.next_number;
            state.plugged.push((number, port));
            number
        };
        self.shared.refresh();
        PluggedPort {
            number,
            shared: Arc::downgrade(&self.shared),
        }
    }

    /// The ports at a place now; a device may have several.
    pub fn find_topology(&self, topology: &Topology) -> Vec<Port> {
        let mut ports = self.list();
        ports.retain(|port| port.topology.as_ref() == Some(topology));
        ports
    }

    /// Waits until a port at `topology` fits, for example a bootloader that appears where the firmware was.
    ///
    /// Right after a board was told to restart, its old port is still listed: `fits` must tell the two apart.
    ///
    /// # Errors
    /// [`NotSeen`] after `timeout`.
    pub async fn wait_for(
        &self,
        topology: &Topology,
        fits: impl Fn(&Port) -> bool,
        timeout: Duration,
    ) -> Result<Port, NotSeen> {
        let deadline = tokio::time::Instant::now() + timeout;
        loop {
            let (ports, place) = (self.clone(), topology.clone());
            let there = tokio::task::spawn_blocking(move || ports.find_topology(&place)).await;
            let there = there.unwrap_or_default();
            if let Some(port) = there.iter().find(|port| fits(port)) {
                return Ok(port.clone());
            }
            if tokio::time::Instant::now() >= deadline {
                let topology = topology.clone();
                return Err(NotSeen { topology, there });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// [`Ports::wait_for`] for threads that may block.
    ///
    /// # Errors
    /// [`NotSeen`] after `timeout`.
    pub fn wait_for_blocking(
        &self,
        topology: &Topology,
        fits: impl Fn(&Port) -> bool,
        timeout: Duration,
    ) -> Result<Port, NotSeen> {
        let deadline = Instant::now() + timeout;
        loop {
            let there = self.find_topology(topology);
            if let Some(port) = there.iter().find(|port| fits(port)) {
                return Ok(port.clone());
            }
            if Instant::now() >= deadline {
                let topology = topology.clone();
                return Err(NotSeen { topology, there });
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// DTR and RTS of a port: of a virtual one that is plugged in, or of a physical one while this process has it open.
    pub fn modem_lines(&self, path: &str) -> Option<Arc<dyn ModemLines>> {
        self.virtual_lines(path)
            .or_else(|| self.shared.state().open_lines.get(path)?.upgrade())
    }

    /// Whether this process has a physical port open. Of a virtual one it is not known.
    pub fn is_open_here(&self, path: &str) -> bool {
        let state = self.shared.state();
        let is_virtual = state.plugged.iter().any(|(_, it)| it.port.path == path);
        let lines = state.open_lines.get(path).filter(|_| !is_virtual);
        lines.is_some_and(|lines| lines.strong_count() > 0)
    }

    pub(super) fn virtual_lines(&self, path: &str) -> Option<Arc<dyn ModemLines>> {
        let state = self.shared.state();
        let (_, found) = state.plugged.iter().find(|(_, it)| it.port.path == path)?;
        Some(Arc::clone(&found.lines))
    }

    pub(super) fn remember_lines(&self, path: &str, lines: &Arc<dyn ModemLines>) {
        let mut state = self.shared.state();
        state.open_lines.retain(|_, lines| lines.strong_count() > 0);
        state.open_lines.insert(path.to_owned(), Arc::downgrade(lines));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the system's list anew and pushes it if it changed.
    pub(super) fn refresh(&self) -> Vec<Port> {
        // One at a time, so that an older answer of the system never replaces a newer one.
        let _turn = self.refreshing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ports = system_ports();
        let (plugged, named) = {
            let state = self.state();
            let plugged: Vec<Port> = state.plugged.iter().map(|(_, it)| it.port.clone()).collect();
            (plugged, state.named.clone())
        };
        ports.extend(plugged);
        for path in named.into_iter().filter(|path| is_character_device(path)) {
            if !ports.iter().any(|port| port.path == path) {
                ports.push(Port {
                    path,
                    topology: None,
                    usb: None,
                    is_virtual: false,
                });
            }
        }
        ports.sort_by_key(|port| sort_key(&port.path));
        self.listed.send_if_modified(|listed| {
            let changed = *listed != ports;
            if changed {
                listed.clone_from(&ports);
            }
            changed
        });
        ports
    }
}

/// Whether a path leads to a character device other than those that take anything: writing a bootloader's commands there
/// would seem to work.
fn is_character_device(path: &str) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let takes_anything = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];
        !takes_anything.contains(&path)
            && std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_char_device())
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.stop.notify_one();
    }
}

impl Drop for PluggedPort {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.state().plugged.retain(|(number, _)| *number != self.number);
            shared.refresh();
        }
    }
}
