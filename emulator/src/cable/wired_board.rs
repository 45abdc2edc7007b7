//! The board at the end of a cable: how it is wired to its host, which bootloader it has, and when it waits there.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use drydock_assets::{Board, ConnectorKind, FlashMethod};

use super::bootloader::{self, Bootloader, Next};
use crate::runner::{Gone, MachineHandle};

/// How a board is wired to its host.
#[derive(Clone, Debug)]
pub(super) struct Wiring {
    pub(super) uart: u8,
    pub(super) baud: u32,
    /// Address of what the board starts.
    boot: u32,
    pub(super) bootloader: Option<bootloader::Kind>,
    pub(super) board: Board,
    pub(super) usb_firmware: Option<(u16, u16)>,
    pub(super) usb_bootloader: Option<(u16, u16)>,
    /// The USB device is the chip's own: it goes and comes back when the chip starts something else.
    pub(super) enumerates_again: bool,
    /// DTR and RTS reset the board.
    pub(super) has_reset_circuit: bool,
}

impl Wiring {
    pub(super) fn of(board: &Board) -> Self {
        let bootloader = bootloader::Kind::of(board);
        let usb_firmware = board.connector.usb_ids.first().copied();
        let flashing = |method| board.flashing.iter().find(|flashing| flashing.method == method);
        let usb_of_method = flashing(FlashMethod::SamBa).and_then(|flashing| flashing.usb_ids.first().copied());
        Self {
            uart: board.link.uart,
            baud: board.link.baud,
            boot: board.boot,
            bootloader,
            board: board.clone(),
            usb_firmware,
            usb_bootloader: usb_of_method.or(usb_firmware),
            enumerates_again: board.connector.kind == ConnectorKind::UsbDevice,
            has_reset_circuit: flashing(FlashMethod::EspRom).is_some(),
        }
    }
}

/// A machine with its wiring.
#[derive(Clone, Debug)]
pub(super) struct WiredBoard {
    pub(super) handle: MachineHandle,
    pub(super) wiring: Wiring,
}

/// What a bootloader has done with bytes of the host.
pub(super) struct Served {
    pub(super) bootloader: Box<dyn Bootloader>,
    pub(super) answer: Vec<u8>,
    pub(super) next: Next,
    /// How many bytes are still erased until the power goes, if it does.
    pub(super) erasable: Option<u32>,
}

impl WiredBoard {
    /// Pauses the machine. It stands still when this returns.
    pub(super) fn stop(&self) -> io::Result<()> {
        self.handle.pause();
        // Commands are obeyed in order.
        block_on(self.handle.inspect(|_| ())).map_err(not_connected)
    }

    /// Whether flash holds nothing that the board could start, and a bootloader would wait.
    pub(super) fn is_blank(&self) -> io::Result<bool> {
        let Some(bootloader) = self.wiring.bootloader else {
            return Ok(false);
        };
        let boot = self.wiring.boot;
        let looked = block_on(self.handle.inspect(move |machine| {
            let mut first = [0; 4];
            machine.read_memory(boot, &mut first).map(|()| first)
        }));
        let first = looked.map_err(not_connected)?.map_err(io::Error::other)?;
        Ok(bootloader.finds_nothing(first))
    }

    /// Whether the firmware has asked for the bootloader before its reset.
    pub(super) fn stays_in_bootloader(&self) -> io::Result<bool> {
        let Some(kind) = self.wiring.bootloader else {
            return Ok(false);
        };
        block_on(self.handle.inspect(move |machine| kind.is_asked_for(machine))).map_err(not_connected)
    }

    /// The serial number that the bootloader's USB device shows: the chip's id. Empty if it is not known.
    pub(super) fn usb_serial(&self) -> io::Result<String> {
        let Some(kind) = self.wiring.bootloader else {
            return Ok(String::new());
        };
        block_on(self.handle.inspect(move |machine| kind.chip_id(machine))).map_err(not_connected)
    }

    /// The board's bootloader, just started.
    pub(super) fn open_bootloader(&self) -> io::Result<Option<Box<dyn Bootloader>>> {
        let Some(kind) = self.wiring.bootloader else {
            return Ok(None);
        };
        let board = self.wiring.board.clone();
        let opened = self
            .handle
            .with_machine_blocking(move |machine| kind.open(&board, &mut bootloader::Chip::new(machine, None)));
        opened.map(Some).map_err(not_connected)
    }

    /// Gives a bootloader bytes of the host. `erasable`: how many bytes are erased until the power goes; `None` if it
    /// stays.
    pub(super) fn serve(
        &self,
        mut bootloader: Box<dyn Bootloader>,
        bytes: Vec<u8>,
        erasable: Option<u32>,
    ) -> io::Result<Served> {
        let served = self.handle.with_machine_blocking(move |machine| {
            let mut answer = Vec::new();
            let mut chip = bootloader::Chip::new(machine, erasable);
            let next = bootloader.receive(&bytes, &mut chip, &mut answer);
            let erasable = chip.erasable();
            Served {
                bootloader,
                answer,
                next,
                erasable,
            }
        });
        served.map_err(not_connected)
    }
}

fn not_connected(gone: Gone) -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, gone)
}

/// Waits for a future on this thread.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}
