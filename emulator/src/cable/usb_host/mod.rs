//! A small USB host in process: it enumerates the device of a machine, and offers a CDC-ACM device as a serial port.
//! No kernel and no driver of the host is involved.
//!
//! [`CdcPort`] is the port. [`SerialHost`] is the host's software behind it, a state machine on virtual time that
//! follows USB 2.0 chapters 8 and 9 and the CDC 1.2 PSTN subclass; the runner lets it act between two runs of the
//! machine, and a test may do that too ([`serve_usb`](crate::runner::serve_usb)).

pub(in crate::cable) mod arrival;
pub(in crate::cable) mod bus;
pub(in crate::cable) mod control;
pub(in crate::cable) mod descriptor;
pub(in crate::cable) mod enumerate;
pub(in crate::cable) mod port;
mod serial;

pub use descriptor::{BadDescriptor, SerialInterface};
pub use enumerate::EnumerationError;
pub use port::{CdcPort, CdcState, Disconnected};
pub use serial::SerialHost;

/// What a device says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsbIdentity {
    /// idVendor.
    pub vendor: u16,
    /// idProduct.
    pub product: u16,
    /// bcdDevice.
    pub release: u16,
    /// iManufacturer.
    pub manufacturer: Option<String>,
    /// iProduct.
    pub product_name: Option<String>,
    /// iSerialNumber.
    pub serial: Option<String>,
}
