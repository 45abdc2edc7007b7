//! Cables: how an emulated board is reached from the host as a physical one is. A [`SerialCable`] puts a machine of the
//! runner on a pseudo-terminal that any serial program can open.
//!
//! | part | what lives there |
//! |---|---|
//! | `carrier` | the thread of a cable: carries bytes, follows the board into its bootloader and out of it |
//! | `pty`, `clients` | the host's end: path, baud rate, programs that open and close it |
//! | `board_end` | the board's end: a UART, or the chip's own USB device |
//! | `line` | what a wrong baud rate does to bytes |
//! | `reset_lines` | DTR and RTS of boards that are reset by them |
//! | `bootloader` | stand-ins for bootloaders that are not in the machine's flash |
//! | `faults` | cables that are noisy, silent or pulled by script |
//! | `wire_time` | the time that bytes take on a serial line |
//! | `bell` | wakes the thread |
//! | `usb_control` | control transfers to the USB device of a bootloader without a serial port |
//! | `wired_board` | the board behind any cable, and when it waits in its bootloader |
//! | `usb_host` | a USB host in process, for boards whose USB device is the chip's own |
//! | `usbip` | the same socket for a USB host elsewhere: the device is exported by USB/IP |
//!
//! It knows the runner and the machine seam, and neither engines nor chips. Host time is read here only to look again
//! at a terminal whose programs are not known for sure, to end connections of USB/IP that say nothing, and by cables that
//! are to be as slow as a wire.

mod bell;
mod board_end;
mod bootloader;
mod carrier;
mod clients;
mod faults;
mod line;
mod pty;
mod reset_lines;
mod usb_control;
pub mod usb_host;
pub mod usbip;
mod wire_time;
mod wired_board;

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle};

use drydock_assets::Board;
use tokio::sync::watch;

use self::bell::Bell;
pub use self::bootloader::DfuIdentity;
use self::carrier::Carrier;
pub use self::faults::CableFaults;
use self::usb_control::Transfer;
pub use self::usb_control::{Setup, TransferFault, UsbSocket, UsbSockets};
use self::wired_board::{WiredBoard, Wiring};
use crate::runner::MachineHandle;

/// What answers at the board's end of a cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runs {
    /// The firmware in the board's flash.
    Firmware,
    /// The board's bootloader: it writes flash.
    Bootloader,
    /// Nothing: the board is held in reset, or the cable is out.
    Nothing,
}

/// A cable as the host sees it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CableState {
    /// The path by which programs open it; `None` once the cable is out, and while a board's USB device is not enumerated.
    /// A board whose USB device is the chip's own gets another path each time it enumerates again.
    pub path: Option<PathBuf>,
    /// USB vendor and product id that the board would show now; `None` if it has no USB socket.
    pub usb: Option<(u16, u16)>,
    /// The DFU device that the host sees, and its number: another number is another device.
    pub dfu: Option<(u64, DfuIdentity)>,
    /// What answers.
    pub runs: Runs,
}

/// Where the board's power comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Power {
    /// From elsewhere: without the cable the board goes on.
    #[default]
    Own,
    /// Over the cable: plugging it in powers the board on, pulling it stops the board where it is.
    Cable,
}

/// How a cable is plugged in.
#[derive(Clone, Debug, Default)]
pub struct CableOptions {
    /// Where the board's power comes from.
    pub power: Power,
    /// The cable leads to a USB-serial adapter on the pins of the link's UART, also on a board with a USB device of its
    /// own.
    pub over_adapter: bool,
    /// Bytes to and from a bootloader behind an adapter take the time that they take on a serial line. Otherwise they are
    /// as fast as the host. Firmware is paced by its own UART.
    pub keeps_wire_time: bool,
}

/// A machine on a pseudo-terminal. Dropping it pulls the cable: the path vanishes, and programs that have it open see the
/// end of the stream.
///
/// Bytes pass in order, as fast as the machine and the program take them. Output that no program takes is lost, as it is
/// on a wire; the machine is never held. While the program's baud rate differs from the chip's by more than 3 %, bytes are
/// damaged. The cable has a thread that sleeps while nothing happens.
#[derive(Debug)]
pub struct SerialCable {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    plugged: Plugged,
}

/// What is at the board's end of a cable.
#[derive(Clone, Debug)]
struct Plugged {
    board: WiredBoard,
    options: CableOptions,
}

/// What the owner and the thread of a cable share.
#[derive(Debug)]
struct Shared {
    bell: Arc<Bell>,
    commands: Mutex<VecDeque<Command>>,
    /// Control transfers to the USB device of a bootloader.
    transfers: Mutex<VecDeque<Transfer>>,
    /// It belongs to the place where the cable is plugged in, and outlives the board there.
    state: Arc<watch::Sender<CableState>>,
    is_out: AtomicBool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Command {
    Lines { dtr: bool, rts: bool },
    Bootloader,
    Reset,
    Faults(CableFaults),
    Unplug,
}

impl Shared {
    fn commands(&self) -> MutexGuard<'_, VecDeque<Command>> {
        // A queue is consistent between any two statements that touch it.
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn transfers(&self) -> MutexGuard<'_, VecDeque<Transfer>> {
        self.transfers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, command: Command) -> io::Result<()> {
        if self.is_out.load(Ordering::Acquire) {
            return Err(io::Error::new(io::ErrorKind::NotConnected, "the cable is out"));
        }
        self.commands().push_back(command);
        self.bell.ring();
        Ok(())
    }
}

impl SerialCable {
    /// Plugs a cable between the host and the board's link. The board goes on; if its flash holds nothing to start, its
    /// bootloader answers.
    ///
    /// # Errors
    /// The machine's UART is in use ([`io::ErrorKind::ResourceBusy`]), the machine is gone
    /// ([`io::ErrorKind::NotConnected`]), or the system has no more pseudo-terminals, files or threads.
    pub fn plug(handle: MachineHandle, board: &Board) -> io::Result<Self> {
        Self::plug_with(handle, board, CableOptions::default())
    }

    /// [`Self::plug`] with options.
    ///
    /// # Errors
    /// As for [`Self::plug`].
    pub fn plug_with(handle: MachineHandle, board: &Board, options: CableOptions) -> io::Result<Self> {
        let state = watch::Sender::new(CableState {
            path: None,
            usb: None,
            dfu: None,
            runs: Runs::Nothing,
        });
        let board = WiredBoard {
            handle,
            wiring: Wiring::of(board),
        };
        let plugged = Plugged { board, options };
        Self::plug_at(Arc::new(state), plugged)
    }

    /// Plugs a board in at a place.
    fn plug_at(state: Arc<watch::Sender<CableState>>, plugged: Plugged) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            bell: Bell::new()?,
            commands: Mutex::default(),
            transfers: Mutex::default(),
            state,
            is_out: AtomicBool::new(false),
        });
        let name = format!("cable {}", plugged.board.handle.name());
        let mut carrier = Carrier::new(shared.clone(), plugged.clone())?;
        let (sender, ready) = mpsc::channel();
        let thread = thread::Builder::new().name(name).spawn(move || {
            let begun = carrier.begin();
            let goes_on = begun.is_ok();
            // The caller waits for it.
            let _ = sender.send(begun);
            if goes_on {
                carrier.run();
            }
        })?;
        let cable = Self {
            shared,
            thread: Some(thread),
            plugged,
        };
        ready.recv().map_err(io::Error::other)??;
        Ok(cable)
    }

    /// Pulls two cables and plugs each board in where the other was. Both get other paths; [`Self::watch`] follows the
    /// place, and [`Self::lines`] must be asked for again. Faults end.
    ///
    /// # Errors
    /// As for [`Self::plug`]; a cable that could not be plugged in is then out.
    pub fn swap(first: &mut Self, second: &mut Self) -> io::Result<()> {
        first.unplug();
        second.unplug();
        let (board, other) = (first.plugged.clone(), second.plugged.clone());
        *first = Self::plug_at(first.shared.state.clone(), other)?;
        *second = Self::plug_at(second.shared.state.clone(), board)?;
        Ok(())
    }

    /// Has things go wrong from now on, or no more.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotConnected`]: the cable is out.
    pub fn set_faults(&self, faults: CableFaults) -> io::Result<()> {
        self.shared.send(Command::Faults(faults))
    }

    /// The path that programs open now; `None` if the machine is gone.
    pub fn path(&self) -> Option<PathBuf> {
        self.shared.state.borrow().path.clone()
    }

    /// What answers at the board's end.
    pub fn runs(&self) -> Runs {
        self.shared.state.borrow().runs
    }

    /// Path, USB ids and what answers, as they change.
    pub fn watch(&self) -> watch::Receiver<CableState> {
        self.shared.state.subscribe()
    }

    /// The lines beside the data, which a pseudo-terminal does not have.
    pub fn lines(&self) -> ModemSwitch {
        ModemSwitch(self.shared.clone())
    }

    /// The devices of bootloaders without a serial port that this cable shows: [`CableState::dfu`].
    pub fn sockets(&self) -> UsbSockets {
        UsbSockets(self.shared.clone())
    }

    /// What tells the cable that a debugger has reset the board.
    pub fn reset_notice(&self) -> ResetNotice {
        let shared = self.shared.clone();
        ResetNotice::new(move || {
            // Without a cable nobody needs to know.
            let _ = shared.send(Command::Reset);
        })
    }

    /// Makes the cable noisy, or quiet again with 0: so many of a million bytes are damaged, in both directions. A cable
    /// that is out ignores it.
    pub fn make_noisy(&self, bytes_per_million: u32) {
        let faults = CableFaults {
            noise_per_million: bytes_per_million,
            ..CableFaults::default()
        };
        let _ = self.shared.send(Command::Faults(faults));
    }

    /// Brings the board into its bootloader, as a person does by hand (double tap of the reset button; BOOT held at
    /// reset). A board without one is only reset.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotConnected`]: the cable is out.
    pub fn enter_bootloader(&self) -> io::Result<()> {
        self.shared.send(Command::Bootloader)
    }
}

impl SerialCable {
    fn unplug(&mut self) {
        // It may be out already.
        let _ = self.shared.send(Command::Unplug);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has dropped its terminal too.
            let _ = thread.join();
        }
    }
}

impl Drop for SerialCable {
    fn drop(&mut self) {
        self.unplug();
    }
}

/// Tells a cable that a debugger has reset its board. A board that waited in its bootloader starts if its flash holds
/// something to start now; one that is held by its debugger starts when the debugger lets it.
#[derive(Clone)]
pub struct ResetNotice(Arc<dyn Fn() + Send + Sync>);

impl ResetNotice {
    fn new(give: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(give))
    }

    /// The board was reset.
    pub fn give(&self) {
        (self.0)();
    }
}

impl std::fmt::Debug for ResetNotice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ResetNotice")
    }
}

/// DTR and RTS of a cable. On a board with an automatic reset circuit, RTS alone holds the chip in reset and DTR alone
/// pulls its boot strap; elsewhere the lines do nothing, except that a program which drops DTR at 1200 baud calls the
/// bootloader of boards that have that touch.
#[derive(Clone, Debug)]
pub struct ModemSwitch(Arc<Shared>);

impl ModemSwitch {
    /// Sets both lines at once; `true` is active. They take effect before bytes that are written afterwards.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotConnected`]: the cable is out.
    pub fn set(&self, dtr: bool, rts: bool) -> io::Result<()> {
        self.0.send(Command::Lines { dtr, rts })
    }
}
