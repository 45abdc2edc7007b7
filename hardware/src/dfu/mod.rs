//! USB devices in DFU mode, physical and virtual: bootloaders without a serial port. What their blocks mean to a chip's
//! flash is told in `flash`.
//!
//! | part | what lives there |
//! |---|---|
//! | `list` | the devices of this host: listing, waiting, opening, plugging virtual ones in |
//! | `usb` | a physical device |
//! | `descriptor` | what a device says about itself |
//! | `layout` | the names of memories that ST's and Arduino's bootloaders have |
//! | `session` | the requests and states of DFU 1.1 |

mod descriptor;
mod layout;
mod list;
mod session;
mod usb;

pub use descriptor::{BadDescriptor, DfuFunction, string};
pub use layout::{BadLayout, MemoryLayout, Sectors};
pub use list::{DfuDevices, DfuInfo, DfuOpenError, DfuPlug, VirtualDfu};

pub(crate) use session::{Dfu, DfuError, Status};

/// A SETUP packet without its length (USB 2.0, 9.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setup {
    /// bmRequestType.
    pub request_type: u8,
    /// bRequest.
    pub request: u8,
    /// wValue.
    pub value: u16,
    /// wIndex.
    pub index: u16,
}

/// Endpoint 0 of an open USB device. A virtual board implements it.
pub trait DfuWire: Send {
    /// Makes a control transfer from the device; returns how many bytes came.
    ///
    /// # Errors
    /// [`UsbFault`].
    fn read(&mut self, setup: Setup, bytes: &mut [u8]) -> Result<usize, UsbFault>;

    /// Makes a control transfer to the device.
    ///
    /// # Errors
    /// [`UsbFault`].
    fn write(&mut self, setup: Setup, bytes: &[u8]) -> Result<(), UsbFault>;

    /// Chooses an alternate setting of an interface, which it claims.
    ///
    /// # Errors
    /// [`UsbFault`].
    fn choose(&mut self, interface: u8, alternate: u8) -> Result<(), UsbFault>;
}

/// Why a control transfer brought nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsbFault {
    /// The device stalled it.
    #[error("the device refused a request")]
    Stall,
    /// The device is gone.
    #[error("the device is gone from USB")]
    Gone,
    /// The device did not answer in time.
    #[error("the device does not answer")]
    NoAnswer,
    /// The system refused it; its words.
    #[error("the system refused a transfer: {0}")]
    System(String),
}
