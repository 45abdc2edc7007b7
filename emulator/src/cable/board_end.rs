//! The board's end of a cable: a UART, or the chip's own USB device, which comes and goes with what the board runs.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::usb_host::{CdcPort, CdcState};
use crate::runner::{MachineHandle, UartError, UartPort, UsbError};

/// The board's end.
#[derive(Debug)]
pub(super) enum BoardEnd {
    Uart(UartPort),
    Usb(UsbEnd),
}

/// A USB device that is a serial port.
#[derive(Debug)]
pub(super) struct UsbEnd {
    port: CdcPort,
    /// States of the device up to this change belong to what ran before.
    stale: u64,
    /// The connection that `coding` and `lines` were told to: a device that comes back knows nothing of them.
    told: u64,
    coding: u32,
    lines: (bool, bool),
}

/// What was read from a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Bytes(usize),
    Nothing,
    /// The machine is gone.
    Gone,
}

impl BoardEnd {
    /// The chip's own USB device if the board has such a socket and the engine models it, otherwise a UART.
    pub(super) fn open(handle: &MachineHandle, uart: u8, has_own_usb: bool) -> io::Result<Self> {
        if has_own_usb {
            match CdcPort::plug(handle) {
                Ok(port) => return Ok(Self::Usb(UsbEnd::of(port))),
                Err(UsbError::None { .. }) => {}
                Err(error @ UsbError::InUse { .. }) => {
                    return Err(io::Error::new(io::ErrorKind::ResourceBusy, error));
                }
            }
        }
        let uart = handle.uart(uart).map_err(|error| match error {
            UartError::InUse { .. } => io::Error::new(io::ErrorKind::ResourceBusy, error),
            UartError::None { .. } => io::Error::new(io::ErrorKind::NotFound, error),
        })?;
        Ok(Self::Uart(uart))
    }

    /// The baud rate of the chip's end; `None` if it takes the host's. Where the engine does not know the UART's, it has
    /// that of the board's `description`.
    pub(super) fn baud(&self, description: u32) -> Option<u32> {
        match self {
            Self::Uart(uart) => Some(uart.baud().unwrap_or(description)),
            Self::Usb(_) => None,
        }
    }

    /// As [`Self::baud`], when it sent the bytes that were read last.
    pub(super) fn read_baud(&self, description: u32) -> Option<u32> {
        match self {
            Self::Uart(uart) => Some(uart.read_baud().unwrap_or(description)),
            Self::Usb(_) => None,
        }
    }

    /// Whether the host sees a port. A device is there once it is enumerated.
    pub(super) fn is_there(&self) -> bool {
        match self {
            Self::Uart(_) => true,
            Self::Usb(usb) => usb.is_ready(),
        }
    }

    /// The board starts something else: its device goes, and comes back.
    pub(super) fn starts_anew(&mut self) {
        if let Self::Usb(usb) = self {
            usb.stale = usb.port.changes();
        }
    }

    /// Drops what the board has sent.
    pub(super) fn discard(&mut self) {
        match self {
            Self::Uart(uart) => drop(uart.fetch()),
            Self::Usb(usb) => drop(usb.port.fetch()),
        }
    }

    /// Takes bytes of the board. `waker` is woken when there may be more.
    pub(super) fn read(&mut self, waker: &Waker, bytes: &mut [u8]) -> Taken {
        let mut context = Context::from_waker(waker);
        let mut buffer = ReadBuf::new(bytes);
        let read = match self {
            Self::Uart(uart) => Pin::new(uart).poll_read(&mut context, &mut buffer),
            Self::Usb(usb) if usb.is_ready() => Pin::new(&mut usb.port).poll_read(&mut context, &mut buffer),
            Self::Usb(usb) => return usb.wait(&mut context),
        };
        match read {
            Poll::Pending => Taken::Nothing,
            Poll::Ready(Err(_)) => Taken::Gone,
            Poll::Ready(Ok(())) => match (buffer.filled().len(), self) {
                (0, Self::Uart(_)) => Taken::Gone,
                // The device went: its next state is waited for.
                (0, Self::Usb(usb)) => usb.wait(&mut context),
                (count, _) => Taken::Bytes(count),
            },
        }
    }

    /// Gives the board bytes. `None`: it takes none now; `waker` is woken when it does.
    pub(super) fn write(&mut self, waker: &Waker, bytes: &[u8]) -> io::Result<Option<usize>> {
        let mut context = Context::from_waker(waker);
        let written = match self {
            Self::Uart(uart) => Pin::new(uart).poll_write(&mut context, bytes),
            // What is sent to a device that goes is lost.
            Self::Usb(usb) => match Pin::new(&mut usb.port).poll_write(&mut context, bytes) {
                Poll::Ready(Err(_)) => Poll::Ready(Ok(bytes.len())),
                written => written,
            },
        };
        match written {
            Poll::Pending => Ok(None),
            Poll::Ready(taken) => taken.map(Some),
        }
    }

    /// A program has the port open at this rate, or has closed it.
    pub(super) fn follow(&mut self, baud: u32, lines: (bool, bool)) {
        let Self::Usb(usb) = self else { return };
        if !usb.is_ready() {
            return;
        }
        let now = usb.port.changes();
        if usb.told != now {
            (usb.told, usb.coding, usb.lines) = (now, 0, (false, false));
        }
        if usb.coding != baud {
            usb.coding = baud;
            usb.port.set_line_coding(baud);
        }
        if usb.lines != lines {
            usb.lines = lines;
            usb.port.set_control_lines(lines.0, lines.1);
        }
    }
}

impl UsbEnd {
    fn of(port: CdcPort) -> Self {
        Self {
            stale: port.changes(),
            told: port.changes(),
            port,
            coding: 0,
            lines: (false, false),
        }
    }

    fn is_ready(&self) -> bool {
        self.port.changes() > self.stale && matches!(self.port.device(), CdcState::Ready(_))
    }

    /// Waits for the next state of the device.
    fn wait(&mut self, context: &mut Context<'_>) -> Taken {
        if self.port.device() == CdcState::Closed {
            return Taken::Gone;
        }
        let seen = self.port.changes();
        // It only leaves its waker there.
        let _ = pin!(self.port.changed(seen)).poll(context);
        Taken::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cable::usb_host::UsbIdentity;
    use crate::cable::usb_host::port::PortRequest;

    #[test]
    fn a_device_that_comes_back_is_told_again_that_its_port_is_open() {
        let (port, _host) = CdcPort::detached();
        let mut end = BoardEnd::Usb(UsbEnd::of(port));
        let exchange = |end: &BoardEnd, device| match end {
            BoardEnd::Usb(usb) => usb.port.exchange(device),
            BoardEnd::Uart(_) => unreachable!("it is a USB device"),
        };
        let ready = || {
            CdcState::Ready(UsbIdentity {
                vendor: 0x2341,
                product: 0x805a,
                release: 0x100,
                manufacturer: None,
                product_name: None,
                serial: None,
            })
        };
        let told = [
            PortRequest::LineCoding { baud: 115_200 },
            PortRequest::ControlLines { dtr: true, rts: true },
        ];
        exchange(&end, ready());
        end.follow(115_200, (true, true));
        end.follow(115_200, (true, true));
        // The board is reset while nobody looks.
        assert_eq!(exchange(&end, CdcState::Disconnected), told);
        exchange(&end, ready());
        end.follow(115_200, (true, true));
        assert_eq!(exchange(&end, CdcState::Disconnected), told);
    }
}
