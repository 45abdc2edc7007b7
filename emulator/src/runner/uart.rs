//! A UART of a running machine as a byte stream on the host: [`UartPort`] is the host's end.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that wait for the host. A machine whose output is not fetched is held until it is.
const TO_HOST_BYTES: usize = 64 * 1024;
/// Bytes that wait for the machine; a writer waits until the machine takes them. The number is small: a link repeats
/// unanswered frames. If a machine gets no turn for a while, all its repeated frames would arrive at once, and exceed
/// the firmware's buffers.
const TO_GUEST_BYTES: usize = 1024;

/// Both directions of one UART.
#[derive(Debug, Default)]
pub(super) struct Wire {
    state: Mutex<WireState>,
}

#[derive(Debug, Default)]
struct WireState {
    /// A [`UartPort`] exists.
    open: bool,
    /// The machine is gone.
    closed: bool,
    to_host: VecDeque<u8>,
    to_guest: VecDeque<u8>,
    /// Baud rate of the bytes at the front of `to_host`; `None` if the engine does not know.
    baud: Option<u32>,
    /// Later rates, each with the number of bytes in `to_host` that were sent before the guest set it.
    later_bauds: VecDeque<(usize, u32)>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Wire {
    fn state(&self) -> MutexGuard<'_, WireState> {
        // The state is consistent between any two statements that touch it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the port, unless one exists.
    pub(super) fn open(self: &Arc<Self>, notify: Arc<dyn Fn() + Send + Sync>) -> Option<UartPort> {
        let mut state = self.state();
        if state.open {
            return None;
        }
        state.open = true;
        drop(state);
        notify();
        Some(UartPort {
            wire: self.clone(),
            notify,
        })
    }

    pub(super) fn is_open(&self) -> bool {
        self.state().open
    }

    /// The machine is gone: readers see the end, writers an error.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        wake(&mut state.reader);
        wake(&mut state.writer);
    }

    /// The guest set the rate, if `baud` says one, and sent `bytes`; without a port they are discarded.
    pub(super) fn deliver(&self, baud: Option<u32>, bytes: &[u8]) {
        let mut state = self.state();
        if let Some(baud) = baud.filter(|baud| state.last_baud() != Some(*baud)) {
            let before = state.to_host.len();
            match state.later_bauds.back_mut() {
                // Nothing was sent at the rate in between.
                Some((same, last)) if *same == before => *last = baud,
                _ => state.later_bauds.push_back((before, baud)),
            }
        }
        if state.open && !bytes.is_empty() {
            state.to_host.extend(bytes);
            wake(&mut state.reader);
        }
    }

    /// Whether so much output waits for the host that the machine must be held.
    pub(super) fn is_full(&self) -> bool {
        let state = self.state();
        state.open && state.to_host.len() >= TO_HOST_BYTES
    }

    pub(super) fn has_input(&self) -> bool {
        !self.state().to_guest.is_empty()
    }

    /// Takes up to `room` bytes for the guest.
    pub(super) fn take_input(&self, room: usize) -> Vec<u8> {
        let mut state = self.state();
        let count = room.min(state.to_guest.len());
        let bytes = state.to_guest.drain(..count).collect();
        if count > 0 {
            wake(&mut state.writer);
        }
        bytes
    }
}

impl WireState {
    /// The rate to which the guest set its UART last.
    fn last_baud(&self) -> Option<u32> {
        self.later_bauds.back().map(|(_, baud)| *baud).or(self.baud)
    }

    /// Makes the rate of the bytes at the front the present one.
    fn pass_bauds(&mut self) {
        while let Some((0, baud)) = self.later_bauds.front() {
            self.baud = Some(*baud);
            self.later_bauds.pop_front();
        }
    }

    /// The number of bytes at the front of `to_host` that were sent at one rate.
    fn of_one_rate(&self) -> usize {
        self.later_bauds.front().map_or(self.to_host.len(), |(count, _)| *count)
    }

    /// Drops all output.
    fn drop_output(&mut self) {
        self.baud = self.last_baud();
        self.later_bauds.clear();
        self.to_host.clear();
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

/// The host's end of a machine's UART. While it exists the machine has a live link. Reads return the guest's output in
/// order; writes reach the guest at its line rate. The stream ends with the machine.
pub struct UartPort {
    wire: Arc<Wire>,
    /// Notifies the machine.
    notify: Arc<dyn Fn() + Send + Sync>,
}

impl UartPort {
    /// Takes the guest's output so far, without waiting.
    pub fn fetch(&mut self) -> Vec<u8> {
        let mut state = self.wire.state();
        let was_full = state.to_host.len() >= TO_HOST_BYTES;
        let bytes = state.to_host.iter().copied().collect();
        state.drop_output();
        drop(state);
        if was_full {
            (self.notify)();
        }
        bytes
    }

    /// The rate of the bytes that were read last, in bits per second; `None` if the engine does not know. One read returns
    /// bytes of one rate.
    pub fn read_baud(&self) -> Option<u32> {
        self.wire.state().baud
    }

    /// The rate that the guest's UART has now.
    pub fn baud(&self) -> Option<u32> {
        self.wire.state().last_baud()
    }

    /// Passes as many bytes to the guest as fit, without waiting. Returns how many.
    pub fn give(&mut self, bytes: &[u8]) -> usize {
        let mut state = self.wire.state();
        let count = bytes.len().min(TO_GUEST_BYTES.saturating_sub(state.to_guest.len()));
        state.to_guest.extend(&bytes[..count]);
        drop(state);
        if count > 0 {
            (self.notify)();
        }
        count
    }
}

impl Drop for UartPort {
    fn drop(&mut self) {
        let mut state = self.wire.state();
        state.open = false;
        state.drop_output();
        state.to_guest.clear();
        drop(state);
        (self.notify)();
    }
}

impl std::fmt::Debug for UartPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UartPort")
            .field("wire", &self.wire)
            .finish_non_exhaustive()
    }
}

impl AsyncRead for UartPort {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut state = self.wire.state();
        if state.to_host.is_empty() {
            if state.closed {
                return Poll::Ready(Ok(()));
            }
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let was_full = state.to_host.len() >= TO_HOST_BYTES;
        state.pass_bauds();
        let count = buf.remaining().min(state.of_one_rate());
        let (front, back) = state.to_host.as_slices();
        let from_front = count.min(front.len());
        buf.put_slice(&front[..from_front]);
        buf.put_slice(&back[..count - from_front]);
        state.to_host.drain(..count);
        for (before, _) in &mut state.later_bauds {
            *before -= count;
        }
        drop(state);
        if was_full {
            (self.notify)();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for UartPort {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.wire.state();
        if state.closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let count = bytes.len().min(TO_GUEST_BYTES.saturating_sub(state.to_guest.len()));
        if count == 0 && !bytes.is_empty() {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.to_guest.extend(&bytes[..count]);
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
