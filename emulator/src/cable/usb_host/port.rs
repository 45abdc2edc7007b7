//! The serial port that a program holds: bytes both ways, line coding, control lines, and what is plugged in.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::UsbIdentity;
use super::enumerate::EnumerationError;
use super::serial::SerialHost;
use crate::runner::{MachineHandle, Notify, UsbError};

/// Bytes that wait for the program. When there are as many, the host reads no further, and the device waits.
pub(super) const TO_HOST_BYTES: usize = 64 * 1024;
/// Bytes that wait for the device; small, as for a UART: a link repeats what is not answered.
const TO_DEVICE_BYTES: usize = 1024;

/// The state of the device at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CdcState {
    /// The cable is pulled, or the device does not show itself.
    Disconnected,
    /// The device was found and is asked what it is.
    Enumerating,
    /// It is a serial port.
    Ready(UsbIdentity),
    /// It cannot be used.
    Failed(EnumerationError),
    /// The machine is gone.
    Closed,
}

/// There is no device to talk to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Disconnected {
    /// The machine is gone.
    #[error("the machine is stopped")]
    Closed,
    /// The device cannot be used.
    #[error(transparent)]
    Unusable(#[from] EnumerationError),
}

/// A request of the program's to the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cable) enum PortRequest {
    LineCoding { baud: u32 },
    ControlLines { dtr: bool, rts: bool },
}

/// What port and host share.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<PortState>,
}

#[derive(Debug)]
pub(super) struct PortState {
    /// Whether the cable is to be plugged in.
    pub(super) plugged: bool,
    /// The port is gone.
    pub(super) dropped: bool,
    pub(super) device: CdcState,
    pub(super) to_host: VecDeque<u8>,
    pub(super) to_device: VecDeque<u8>,
    pub(super) requests: VecDeque<PortRequest>,
    /// Requests that the device has not answered yet, the present one included.
    pub(super) unanswered: usize,
    /// Counts changes of `device`.
    changes: u64,
    reader: Option<Waker>,
    writer: Option<Waker>,
    watchers: Vec<Waker>,
}

impl Shared {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(PortState {
                plugged: true,
                dropped: false,
                device: CdcState::Disconnected,
                to_host: VecDeque::new(),
                to_device: VecDeque::new(),
                requests: VecDeque::new(),
                unanswered: 0,
                changes: 0,
                reader: None,
                writer: None,
                watchers: Vec::new(),
            }),
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, PortState> {
        // The state is consistent between any two statements that touch it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PortState {
    /// The device is in another state: what was on its way belongs to the earlier one.
    pub(super) fn set_device(&mut self, device: CdcState) {
        if self.device == device {
            return;
        }
        if !matches!(device, CdcState::Ready(_)) {
            self.to_device.clear();
            self.requests.clear();
            self.unanswered = 0;
        } else {
            self.to_host.clear();
        }
        self.device = device;
        self.changes += 1;
        self.wake_all();
    }

    /// Bytes from the device.
    pub(super) fn deliver(&mut self, bytes: &[u8]) {
        self.to_host.extend(bytes);
        wake(&mut self.reader);
    }

    /// Takes up to `room` bytes for the device.
    pub(super) fn take_output(&mut self, room: usize) -> Vec<u8> {
        let count = room.min(self.to_device.len());
        let bytes = self.to_device.drain(..count).collect();
        if count > 0 {
            wake(&mut self.writer);
        }
        bytes
    }

    /// The device has answered a request.
    pub(super) fn answered(&mut self) {
        self.unanswered = self.unanswered.saturating_sub(1);
        self.wake_watchers();
    }

    fn wake_all(&mut self) {
        wake(&mut self.reader);
        wake(&mut self.writer);
        self.wake_watchers();
    }

    fn wake_watchers(&mut self) {
        self.watchers.drain(..).for_each(Waker::wake);
    }

    fn is_ready(&self) -> bool {
        matches!(self.device, CdcState::Ready(_))
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

/// A serial port over the USB socket of a machine. While it exists and the cable is plugged in, the machine has a live
/// link. Dropping it pulls the cable.
///
/// As with a real port the device decides what DTR means to it: most send nothing before it is raised.
///
/// When the device goes (cable pulled, board reset), reads end and writes fail until [`Self::ready`] has found it again.
pub struct CdcPort {
    shared: Arc<Shared>,
    /// Notifies the machine.
    notify: Notify,
}

impl CdcPort {
    /// Plugs a host into a machine's USB socket. Enumeration begins at once.
    ///
    /// # Errors
    /// [`UsbError`]: the machine has no such socket, or it is in use.
    pub fn plug(machine: &MachineHandle) -> Result<Self, UsbError> {
        let shared = Shared::new();
        let notify = machine.plug_usb(Box::new(SerialHost::of(shared.clone())))?;
        Ok(Self { shared, notify })
    }

    /// A host with its port, for a caller that runs the machine itself.
    pub fn detached() -> (Self, SerialHost) {
        let shared = Shared::new();
        let host = SerialHost::of(shared.clone());
        let notify: Notify = Arc::new(|| {});
        (Self { shared, notify }, host)
    }

    /// Waits until a device is enumerated and is a serial port.
    ///
    /// # Errors
    /// [`Disconnected`]: the device cannot be used, or the machine is gone. An absent device is waited for.
    pub async fn ready(&mut self) -> Result<UsbIdentity, Disconnected> {
        std::future::poll_fn(|cx| {
            let mut state = self.shared.state();
            match &state.device {
                CdcState::Ready(identity) => Poll::Ready(Ok(identity.clone())),
                CdcState::Failed(error) => Poll::Ready(Err(error.clone().into())),
                CdcState::Closed => Poll::Ready(Err(Disconnected::Closed)),
                CdcState::Disconnected | CdcState::Enumerating => {
                    state.watchers.push(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// The state of the device now.
    pub fn device(&self) -> CdcState {
        self.shared.state().device.clone()
    }

    /// What the device says about itself, while it is ready.
    pub fn identity(&self) -> Option<UsbIdentity> {
        match self.device() {
            CdcState::Ready(identity) => Some(identity),
            _ => None,
        }
    }

    /// Counts changes of [`Self::device`]: another number means another connection.
    pub fn changes(&self) -> u64 {
        self.shared.state().changes
    }

    /// Waits until [`Self::changes`] is not `seen`; returns the present number.
    pub async fn changed(&mut self, seen: u64) -> u64 {
        std::future::poll_fn(|cx| {
            let mut state = self.shared.state();
            if state.changes != seen {
                return Poll::Ready(state.changes);
            }
            state.watchers.push(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Puts another device in place of this one. Returns what this one was asked for.
    #[cfg(test)]
    pub(in crate::cable) fn exchange(&self, device: CdcState) -> Vec<PortRequest> {
        let mut state = self.shared.state();
        let asked = state.requests.drain(..).collect();
        state.set_device(device);
        asked
    }

    /// Pulls the cable, or plugs it in again.
    pub fn set_plugged(&mut self, plugged: bool) {
        self.shared.state().plugged = plugged;
        (self.notify)();
    }

    /// Sends SET_LINE_CODING with 8 data bits, no parity, 1 stop bit. Ignored while no device is ready.
    pub fn set_line_coding(&mut self, baud: u32) {
        self.request(PortRequest::LineCoding { baud });
    }

    /// Sends SET_CONTROL_LINE_STATE. Ignored while no device is ready.
    pub fn set_control_lines(&mut self, dtr: bool, rts: bool) {
        self.request(PortRequest::ControlLines { dtr, rts });
    }

    /// Waits until the device has answered all requests so far, or is gone.
    pub async fn settled(&mut self) {
        std::future::poll_fn(|cx| {
            let mut state = self.shared.state();
            if state.unanswered == 0 {
                return Poll::Ready(());
            }
            state.watchers.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Takes the bytes from the device so far, without waiting.
    pub fn fetch(&mut self) -> Vec<u8> {
        let bytes = self.shared.state().to_host.drain(..).collect::<Vec<u8>>();
        if !bytes.is_empty() {
            (self.notify)();
        }
        bytes
    }

    /// Passes as many bytes to the device as fit, without waiting. Returns how many; none while no device is ready.
    pub fn give(&mut self, bytes: &[u8]) -> usize {
        let mut state = self.shared.state();
        if !state.is_ready() {
            return 0;
        }
        let count = bytes.len().min(TO_DEVICE_BYTES.saturating_sub(state.to_device.len()));
        state.to_device.extend(&bytes[..count]);
        drop(state);
        if count > 0 {
            (self.notify)();
        }
        count
    }

    fn request(&mut self, request: PortRequest) {
        let mut state = self.shared.state();
        if state.is_ready() {
            state.requests.push_back(request);
            state.unanswered += 1;
            drop(state);
            (self.notify)();
        }
    }
}

impl Drop for CdcPort {
    fn drop(&mut self) {
        self.shared.state().dropped = true;
        (self.notify)();
    }
}

impl std::fmt::Debug for CdcPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CdcPort")
            .field("device", &self.device())
            .finish_non_exhaustive()
    }
}

impl AsyncRead for CdcPort {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut state = self.shared.state();
        if state.to_host.is_empty() {
            if !state.is_ready() {
                return Poll::Ready(Ok(()));
            }
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = buf.remaining().min(state.to_host.len());
        let (front, back) = state.to_host.as_slices();
        let from_front = count.min(front.len());
        buf.put_slice(&front[..from_front]);
        buf.put_slice(&back[..count - from_front]);
        state.to_host.drain(..count);
        drop(state);
        (self.notify)();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for CdcPort {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.shared.state();
        if !state.is_ready() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let count = bytes.len().min(TO_DEVICE_BYTES.saturating_sub(state.to_device.len()));
        if count == 0 && !bytes.is_empty() {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.to_device.extend(&bytes[..count]);
        drop(state);
        (self.notify)();
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
