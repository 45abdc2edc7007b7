//! Hardware on this host: serial ports, debug probes, virtual boards, and who uses what.

mod borrow;
mod console;
mod desk;
mod dfu_socket;
mod incoming;
mod lend;
mod peek;
mod probed;
mod rtt;
mod uses;
mod views;

pub(crate) use borrow::Borrowed;
pub(crate) use console::{
    Console, close as close_console, gather, open as open_console, read as read_console, send as send_console,
};
pub(crate) use desk::{add as add_virtual, cable as cable_of_virtual, remove as remove_virtual};
pub(crate) use incoming::Incoming;
pub(crate) use lend::{lend, take_back};
pub(crate) use peek::{memory as memory_over_probe, registers as registers_over_probe};
pub(crate) use probed::{board_behind, look, no_probe};
pub(crate) use uses::{PortLease, Uses, lease};
pub(crate) use views::{allow, list};

use console::Consoles;
use desk::Desk;
use drydock_hardware::{port::Ports, probe::Probes};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use tokio::sync::watch;

/// The hardware of a running workbench.
pub(crate) struct HardwareState {
    pub(crate) ports: Arc<Ports>,
    pub(crate) probes: Arc<Probes>,
    /// Who uses which port or probe.
    pub(crate) uses: Uses,
    /// Told of each change that is to be published: who uses what, and what is on the desk.
    changed: watch::Sender<()>,
    pub(crate) desk: Desk,
    pub(crate) consoles: Consoles,
    /// Ports that are lent to other programs, by path.
    lent: Mutex<HashMap<String, Borrowed>>,
}

impl HardwareState {
    pub(crate) fn new() -> Self {
        let changed = watch::Sender::new(());
        Self {
            ports: Arc::new(Ports::new()),
            probes: Arc::new(Probes::new()),
            uses: Uses::new(changed.clone()),
            changed,
            desk: Desk::default(),
            consoles: Consoles::default(),
            lent: Mutex::default(),
        }
    }

    /// Closes terminals and takes the virtual boards from the desk.
    pub(crate) fn close(&self) {
        self.consoles.close_all();
        self.desk.clear();
    }
}
