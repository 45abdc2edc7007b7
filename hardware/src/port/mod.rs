//! Serial ports: what is plugged in and where, who may use it, and how it is opened.
//!
//! [`Ports`] is the one entrance: physical and virtual ports are listed, watched and opened through it. What a board says
//! over its port is not known here.

mod access;
#[cfg(unix)]
mod accounts;
mod holder;
mod line;
mod list;
mod open;
#[cfg(unix)]
mod permission;
mod ports;
mod udev_install;
mod udev_rule;
mod watcher;

pub use access::{Access, access, access_all, access_of_node, wait_until_accessible, wait_until_accessible_blocking};
pub use line::{BlockingLine, LineControl, SerialLine};
pub use open::{LinePolicy, OpenError, OpenOptions};
pub use ports::{NotSeen, PluggedPort, Ports, VirtualPort};
pub use udev_install::{RuleError, install_rule};
pub use udev_rule::{RULE_PATH, is_installed as is_rule_installed, udev_rule};

pub(crate) use udev_rule::{bridge_name, probe_name};

use std::fmt;

/// What the places of virtual boards begin with.
const VIRTUAL: &str = "virtual-";

/// Where a cable hangs, for example `usb-1-4.2`: bus and chain of hub ports. It stays the same when the device behind it
/// re-enumerates. Virtual boards have topologies such as `virtual-desk-1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topology(String);

impl Topology {
    /// A topology from its text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The place of a USB device: its bus, and the chain of hub ports that leads to it.
    pub fn of_usb(bus: &str, chain: &[u8]) -> Self {
        let chain: Vec<String> = chain.iter().map(u8::to_string).collect();
        Self(format!("usb-{bus}-{}", chain.join(".")))
    }

    /// The place of a virtual board.
    pub fn of_virtual(name: &str) -> Self {
        Self(format!("{VIRTUAL}{name}"))
    }

    /// Whether a virtual board is there.
    pub fn is_virtual(&self) -> bool {
        self.0.starts_with(VIRTUAL)
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a USB device says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsbIdentity {
    /// Vendor id.
    pub vendor: u16,
    /// Product id.
    pub product: u16,
    /// Serial number. Several devices may show the same one.
    pub serial: Option<String>,
    /// Name of the maker.
    pub manufacturer: Option<String>,
    /// Name of the product.
    pub product_name: Option<String>,
}

/// A serial port of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The path by which it is opened, for example `/dev/ttyACM0` or `COM3`.
    pub path: String,
    /// Where its cable hangs, if the system says so.
    pub topology: Option<Topology>,
    /// The USB device behind it, if there is one.
    pub usb: Option<UsbIdentity>,
    /// Whether a virtual board is behind it.
    pub is_virtual: bool,
}

/// The two lines beside the data that reset a board or choose its bootloader. Over a USB-UART bridge the system drives
/// them; a virtual board has them beside its pseudo-terminal, which has none.
pub trait ModemLines: Send + Sync {
    /// Sets both lines; `true` is active.
    ///
    /// # Errors
    /// The port is gone, or has no such lines.
    fn set(&self, dtr: bool, rts: bool) -> std::io::Result<()>;
}
