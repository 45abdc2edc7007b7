//! Durability of what a device reports: flash that the host keeps is saved before the gateway believes a report.

use std::{future::Future, io, pin::Pin};

/// Flash of a device whose content the host stores, such as an emulated board's.
///
/// A sudden end of the host's process may undo recent writes to such flash. The gateway therefore calls
/// [`persist`](Self::persist) before it records or publishes what a device reports about its apps.
pub trait DeviceStorage: Send + Sync {
    /// Completes when everything that the device has written to its flash so far survives a sudden end of this process and
    /// of the host.
    ///
    /// # Errors
    /// The flash cannot be saved. The gateway then leaves the report unrecorded and asks again later.
    fn persist(&self) -> Pin<Box<dyn Future<Output = io::Result<()>> + Send + '_>>;
}
