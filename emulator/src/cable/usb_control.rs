//! The host's end of a USB device that waits in a bootloader: control transfers to endpoint 0.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::time::Duration;

use super::Shared;

/// How long a host waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A SETUP packet (USB 2.0, 9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// bmRequestType.
    pub request_type: u8,
    /// bRequest.
    pub request: u8,
    /// wValue.
    pub value: u16,
    /// wIndex.
    pub index: u16,
    /// wLength.
    pub length: u16,
}

impl Setup {
    /// Whether the device sends the data stage.
    pub const fn is_in(self) -> bool {
        self.request_type & 0x80 != 0
    }
}

/// Why a control transfer brought nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransferFault {
    /// The device stalled it.
    #[error("the device stalled the request")]
    Stall,
    /// The device is gone: the cable is out, or the chip has started something else.
    #[error("the device is gone")]
    Gone,
    /// The device did not answer in time.
    #[error("the device does not answer")]
    NoAnswer,
}

/// What a transfer brings: the data stage of a device that sends one, otherwise nothing.
pub(super) type Transferred = Result<Vec<u8>, TransferFault>;

/// A transfer that waits for the thread of its cable.
#[derive(Debug)]
pub(super) struct Transfer {
    pub(super) setup: Setup,
    pub(super) data: Vec<u8>,
    /// [`Enumeration`] of the device that it is meant for.
    pub(super) device: Enumeration,
    pub(super) reply: SyncSender<Transferred>,
}

/// Counts the devices that a cable has shown: one that came after another is another device to the host.
pub(super) type Enumeration = u64;

/// The USB device of a bootloader that waits at a cable. It is gone for good when the board starts something else.
#[derive(Clone, Debug)]
pub struct UsbSocket {
    pub(super) shared: Arc<Shared>,
    pub(super) device: Enumeration,
}

/// The USB side of a cable: the devices that it shows, each by its number in [`CableState::dfu`](super::CableState::dfu).
#[derive(Clone, Debug)]
pub struct UsbSockets(pub(super) Arc<Shared>);

impl UsbSockets {
    /// A device. If the cable does not show it now, each transfer finds it gone.
    pub fn device(&self, number: u64) -> UsbSocket {
        UsbSocket {
            shared: self.0.clone(),
            device: number,
        }
    }
}

impl UsbSocket {
    /// Makes a control transfer. `data` is the data stage of a transfer to the device. It waits for the device.
    ///
    /// # Errors
    /// [`TransferFault`].
    pub fn transfer(&self, setup: Setup, data: &[u8]) -> Result<Vec<u8>, TransferFault> {
        let (reply, answer) = mpsc::sync_channel(1);
        let transfer = Transfer {
            setup,
            data: data.to_vec(),
            device: self.device,
            reply,
        };
        self.shared.queue(transfer).map_err(|_| TransferFault::Gone)?;
        match answer.recv_timeout(PATIENCE) {
            Ok(transferred) => transferred,
            Err(RecvTimeoutError::Disconnected) => Err(TransferFault::Gone),
            Err(RecvTimeoutError::Timeout) => Err(TransferFault::NoAnswer),
        }
    }
}

impl Shared {
    /// Queues a transfer for the thread of the cable.
    fn queue(&self, transfer: Transfer) -> io::Result<()> {
        {
            let mut transfers = self.transfers();
            // The thread empties the queue after it has said that the cable is out.
            if self.is_out.load(Ordering::Acquire) {
                return Err(io::ErrorKind::NotConnected.into());
            }
            transfers.push_back(transfer);
        }
        self.bell.ring();
        Ok(())
    }
}
