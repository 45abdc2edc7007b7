//! The thread of a cable: carries bytes between pseudo-terminal and board, and follows the board into its bootloader and
//! out of it.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::board_end::{BoardEnd, Taken};
use super::bootloader::{self, Bootloader, DfuIdentity, Next};
use super::clients::Clients;
use super::faults::{Direction, Faults};
use super::line::Line;
use super::pty::Pty;
use super::reset_lines::{Effect, ResetLines};
use super::usb_control::{Enumeration, Transfer, TransferFault};
use super::wire_time::WireTime;
use super::wired_board::WiredBoard;
use super::{CableState, Command, Plugged, Power, Runs, Shared};
use crate::ResetKind;

/// Bytes that are read or written at once.
const PIECE: usize = 4096;
/// Output of the board that waits for a program; what exceeds it is lost.
const TO_CLIENT_BYTES: usize = 64 * 1024;
/// How soon a terminal is looked at again whose programs are not known for sure.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Opening and closing the port at this rate calls the bootloader of some boards.
const TOUCH_BAUD: u32 = 1200;

pub(super) struct Carrier {
    shared: Arc<Shared>,
    board: WiredBoard,
    power: Power,
    faults: Faults,
    end: BoardEnd,
    /// Whether the host saw the port of the firmware at the last look.
    was_there: bool,
    pty: Pty,
    line: Line,
    /// Only if bytes take their time.
    wire: Option<WireTime>,
    runs: Runs,
    bootloader: Option<Box<dyn Bootloader>>,
    /// The USB device of a bootloader without a serial port.
    dfu: Option<DfuIdentity>,
    /// Counts those devices.
    enumeration: Enumeration,
    /// The cable leads to the chip's own USB socket.
    has_own_usb: bool,
    reset_lines: ResetLines,
    dtr: bool,
    /// DTR and RTS as the board's USB device shall see them.
    lines: (bool, bool),
    /// Whether a program had the port open at the last look.
    was_open: bool,
    to_client: VecDeque<u8>,
    to_board: VecDeque<u8>,
    /// The baud rate at the last look, where closing is not seen.
    last_baud: u32,
}

/// Whether the cable stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cable {
    In,
    Out,
}

impl Carrier {
    pub(super) fn new(shared: Arc<Shared>, plugged: Plugged) -> io::Result<Self> {
        let Plugged { board, options } = plugged;
        let wiring = &board.wiring;
        let has_own_usb = wiring.enumerates_again && !options.over_adapter;
        let end = BoardEnd::open(&board.handle, wiring.uart, has_own_usb)?;
        Ok(Self {
            pty: Pty::open(wiring.baud)?,
            line: Line::new(end.baud(wiring.baud)),
            last_baud: wiring.baud,
            wire: (options.keeps_wire_time && !has_own_usb).then(WireTime::begin),
            shared,
            board,
            power: options.power,
            faults: Faults::default(),
            end,
            was_there: false,
            runs: Runs::Nothing,
            bootloader: None,
            dfu: None,
            enumeration: 0,
            has_own_usb,
            reset_lines: ResetLines::default(),
            dtr: false,
            lines: (false, false),
            was_open: false,
            to_client: VecDeque::new(),
            to_board: VecDeque::new(),
        })
    }

    /// Finds out what the board runs.
    pub(super) fn begin(&mut self) -> io::Result<()> {
        if self.power == Power::Cable {
            self.start(false)
        } else if self.board.is_blank()? {
            self.enter_bootloader()
        } else {
            self.enter(Runs::Firmware);
            Ok(())
        }
    }

    /// Carries bytes until the cable is pulled, or the machine is gone.
    pub(super) fn run(mut self) {
        // What fails here is the terminal itself: the cable is then out.
        while let Ok(Cable::In) = self.turn() {
            if self.wait().is_err() {
                break;
            }
        }
        if self.power == Power::Cable {
            self.board.handle.pause();
        }
        self.shared.is_out.store(true, Ordering::Release);
        self.shared.state.send_modify(|state| {
            state.path = None;
            state.dfu = None;
            state.runs = Runs::Nothing;
        });
        // Whoever waits for one of these hears that the device is gone.
        self.shared.transfers().clear();
    }

    /// Does all that can be done without waiting.
    fn turn(&mut self) -> io::Result<Cable> {
        self.shared.bell.silence();
        loop {
            if self.carry_out_commands()? == Cable::Out {
                return Ok(Cable::Out);
            }
            self.follow_device()?;
            self.look_at_clients()?;
            let Some(mut moved) = self.take_from_board() else {
                return Ok(Cable::Out);
            };
            moved |= self.give_to_client()?;
            moved |= self.take_from_client()?;
            moved |= self.give_to_board()?;
            moved |= self.serve_transfer()?;
            if self.faults.is_pulled {
                self.give_to_client()?;
                return Ok(Cable::Out);
            }
            if !moved {
                return Ok(Cable::In);
            }
        }
    }

    /// Carries out what the owner has told the cable to do.
    fn carry_out_commands(&mut self) -> io::Result<Cable> {
        loop {
            let command = self.shared.commands().pop_front();
            match command {
                Some(Command::Unplug) => {
                    self.faults.is_pulled = true;
                    return Ok(Cable::Out);
                }
                Some(Command::Bootloader) => self.start(true)?,
                Some(Command::Reset) => self.was_reset()?,
                Some(Command::Faults(faults)) => self.faults = Faults::new(faults),
                Some(Command::Lines { dtr, rts }) => self.set_lines(dtr, rts)?,
                None => return Ok(Cable::In),
            }
        }
    }

    /// Sleeps until something can be done.
    fn wait(&mut self) -> io::Result<()> {
        let mut events = PollFlags::empty();
        let busy = self.wire_is_busy();
        events.set(PollFlags::IN, self.to_board.is_empty() && busy.is_none());
        events.set(PollFlags::OUT, !self.to_client.is_empty());
        let (bell, master) = (self.shared.bell.fd(), self.pty.master());
        let mut fds = vec![
            PollFd::from_borrowed_fd(bell, PollFlags::IN),
            PollFd::from_borrowed_fd(master, events),
        ];
        if let Some(clients) = self.pty.clients() {
            fds.push(PollFd::from_borrowed_fd(clients, PollFlags::IN));
        }
        let unsure = self.pty.is_unsure();
        let look_again = (unsure || !Clients::ARE_SEEN).then_some(Timespec {
            tv_sec: 0,
            tv_nsec: LOOK_AGAIN.subsec_nanos().into(),
        });
        let timeout = look_again.into_iter().chain(busy).min();
        let count = match poll(&mut fds, timeout.as_ref()) {
            Err(rustix::io::Errno::INTR) => return Ok(()),
            count => count?,
        };
        let hung_up = fds[1].revents().contains(PollFlags::HUP);
        if hung_up || (count == 0 && unsure && busy.is_none()) {
            self.pty.look_for_clients()?;
        }
        Ok(())
    }

    fn look_at_clients(&mut self) -> io::Result<()> {
        let closed_at = self.pty.update_clients()?;
        let mut touched = closed_at == Some(TOUCH_BAUD);
        if closed_at.is_some() {
            self.to_client.clear();
        }
        if !Clients::ARE_SEEN {
            let baud = self.pty.baud()?;
            touched = baud == TOUCH_BAUD && self.last_baud != TOUCH_BAUD;
            self.last_baud = baud;
        }
        if let Some(baud) = closed_at.filter(|_| self.runs == Runs::Firmware) {
            // The system drops both lines when the last program closes a port.
            self.lines = (false, false);
            self.end.follow(baud, self.lines);
        }
        self.follow_client()?;
        if touched { self.touch() } else { Ok(()) }
    }

    /// The board's USB device learns the program's baud rate, and that a program has the port open.
    fn follow_client(&mut self) -> io::Result<()> {
        if self.runs != Runs::Firmware {
            return Ok(());
        }
        let is_open = self.pty.has_client();
        if is_open != self.was_open {
            self.was_open = is_open;
            // The system raises both lines when a closed port is opened.
            self.lines = (is_open, is_open);
        }
        if is_open {
            let baud = self.pty.baud()?;
            self.end.follow(baud, self.lines);
        }
        Ok(())
    }

    /// The board's USB device came or went.
    fn follow_device(&mut self) -> io::Result<()> {
        let is_there = self.end.is_there();
        if self.runs != Runs::Firmware || is_there == self.was_there {
            return Ok(());
        }
        self.was_there = is_there;
        if is_there {
            self.show();
            return Ok(());
        }
        if self.board.stays_in_bootloader()? {
            return self.enter_bootloader();
        }
        self.enumerate_again()?;
        self.show();
        Ok(())
    }

    /// The 1200-baud touch. A chip with its own USB device hears of it, and its firmware decides.
    fn touch(&mut self) -> io::Result<()> {
        let has_touch = self.board.wiring.bootloader.is_some_and(bootloader::Kind::has_touch);
        let decides_itself = matches!(self.end, BoardEnd::Usb(_));
        if has_touch && !decides_itself && self.runs == Runs::Firmware {
            self.enter_bootloader()?;
        }
        Ok(())
    }

    fn set_lines(&mut self, dtr: bool, rts: bool) -> io::Result<()> {
        let dropped = self.dtr && !dtr;
        self.dtr = dtr;
        if !self.board.wiring.has_reset_circuit {
            self.lines = (dtr, rts);
            if self.runs == Runs::Firmware {
                let baud = self.pty.baud()?;
                self.end.follow(baud, self.lines);
            }
            let touched = dropped && self.pty.baud()? == TOUCH_BAUD;
            return if touched { self.touch() } else { Ok(()) };
        }
        match self.reset_lines.set(dtr, rts) {
            Effect::None => Ok(()),
            Effect::Held => {
                self.board.stop()?;
                self.bootloader = None;
                self.dfu = None;
                self.enter(Runs::Nothing);
                Ok(())
            }
            Effect::Released { download } => self.start(download),
        }
    }

    /// Starts the board from power-on: into its bootloader if that is called for, or if there is nothing else.
    fn start(&mut self, download: bool) -> io::Result<()> {
        self.board.handle.reset(ResetKind::PowerOn);
        if (download && self.board.wiring.bootloader.is_some()) || self.board.is_blank()? {
            return self.enter_bootloader();
        }
        self.run_firmware()
    }

    fn run_firmware(&mut self) -> io::Result<()> {
        self.bootloader = None;
        self.dfu = None;
        self.end.starts_anew();
        if self.runs == Runs::Bootloader {
            self.enumerate_again()?;
        }
        self.enter(Runs::Firmware);
        self.board.handle.resume();
        Ok(())
    }

    /// A debugger has reset the board, whose flash it may have written.
    fn was_reset(&mut self) -> io::Result<()> {
        if self.board.wiring.bootloader.is_none() || self.runs == Runs::Firmware {
            // It may have stood still, with nothing to start.
            self.board.handle.resume();
        }
        match self.runs == Runs::Bootloader && !self.board.is_blank()? {
            true => self.run_firmware(),
            false => Ok(()),
        }
    }

    fn enter_bootloader(&mut self) -> io::Result<()> {
        self.board.stop()?;
        if self.runs != Runs::Nothing {
            self.enumerate_again()?;
        }
        let bootloader = self.board.open_bootloader()?;
        self.dfu = bootloader.as_ref().and_then(|bootloader| bootloader.identity());
        self.enumeration += 1;
        self.line
            .set_baud(bootloader.as_ref().and_then(|bootloader| bootloader.baud()));
        self.bootloader = bootloader;
        self.enter(Runs::Bootloader);
        Ok(())
    }

    fn enumerate_again(&mut self) -> io::Result<()> {
        if self.board.wiring.enumerates_again {
            // Opened before the other one is closed, so that it gets another path.
            self.pty = Pty::open(self.board.wiring.baud)?;
        }
        Ok(())
    }

    /// Forgets bytes on their way, and says what answers now.
    fn enter(&mut self, runs: Runs) {
        self.end.discard();
        self.to_board.clear();
        self.runs = runs;
        self.was_there = self.end.is_there();
        self.was_open = false;
        self.show();
    }

    /// Tells the owner what the host sees.
    fn show(&self) {
        let (usb, is_seen) = match self.runs {
            // A bootloader that is a DFU device is no serial port; an adapter on the pins stays one.
            Runs::Bootloader => (
                self.board.wiring.usb_bootloader,
                self.dfu.is_none() || !self.has_own_usb,
            ),
            Runs::Firmware => (self.board.wiring.usb_firmware, self.end.is_there()),
            Runs::Nothing => (self.board.wiring.usb_firmware, !matches!(self.end, BoardEnd::Usb(_))),
        };
        self.shared.state.send_replace(CableState {
            path: is_seen.then(|| self.pty.path().to_owned()),
            usb,
            dfu: self.dfu.clone().map(|identity| (self.enumeration, identity)),
            runs: self.runs,
        });
    }

    /// Takes the board's output. `None`: the machine is gone.
    fn take_from_board(&mut self) -> Option<bool> {
        let mut bytes = [0; PIECE];
        let waker = Waker::from(self.shared.bell.clone());
        match self.end.read(&waker, &mut bytes) {
            Taken::Nothing => Some(false),
            Taken::Gone => None,
            Taken::Bytes(count) => {
                if self.runs == Runs::Firmware {
                    self.line.set_baud(self.end.read_baud(self.board.wiring.baud));
                    self.queue_for_client(bytes[..count].to_vec());
                }
                Some(true)
            }
        }
    }

    /// Sends bytes on their way to the program, if one listens.
    fn queue_for_client(&mut self, mut bytes: Vec<u8>) {
        let Ok(baud) = self.pty.baud() else { return };
        self.put_on_wire(bytes.len(), baud);
        self.faults.pass(Direction::ToHost, &mut bytes);
        self.line.carry(baud, &mut bytes);
        if self.pty.has_client() {
            let room = TO_CLIENT_BYTES.saturating_sub(self.to_client.len());
            self.to_client.extend(&bytes[..bytes.len().min(room)]);
        }
    }

    /// Bytes of a bootloader, or for it, take their time.
    fn put_on_wire(&mut self, bytes: usize, baud: u32) {
        if let Some(wire) = self.wire.as_mut().filter(|_| self.runs == Runs::Bootloader) {
            wire.carry(bytes, baud);
        }
    }

    fn wire_is_busy(&self) -> Option<Timespec> {
        let wire = self.wire.as_ref().filter(|_| self.runs == Runs::Bootloader);
        wire.and_then(WireTime::busy)
    }

    fn give_to_client(&mut self) -> io::Result<bool> {
        let mut moved = false;
        while !self.to_client.is_empty() {
            match self.pty.write(self.to_client.as_slices().0) {
                Ok(count) => {
                    self.to_client.drain(..count);
                    moved = true;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(moved)
    }

    fn take_from_client(&mut self) -> io::Result<bool> {
        if !self.to_board.is_empty() || self.wire_is_busy().is_some() {
            return Ok(false);
        }
        let mut bytes = [0; PIECE];
        let count = match self.pty.read(&mut bytes) {
            Ok(count) => count,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => 0,
            // No program has it open, and it could not be held open.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => 0,
            Err(error) => return Err(error),
        };
        if count == 0 {
            return Ok(false);
        }
        // These bytes may have come after a command that the last look did not see yet.
        if self.carry_out_commands()? == Cable::Out {
            return Ok(false);
        }
        let mut bytes = bytes[..count].to_vec();
        self.faults.pass(Direction::FromHost, &mut bytes);
        let baud = self.pty.baud()?;
        self.put_on_wire(count, baud);
        if self.runs == Runs::Firmware {
            self.line.set_baud(self.end.baud(self.board.wiring.baud));
        }
        self.line.carry(baud, &mut bytes);
        self.to_board.extend(bytes);
        Ok(true)
    }

    fn give_to_board(&mut self) -> io::Result<bool> {
        if self.to_board.is_empty() {
            return Ok(false);
        }
        match self.runs {
            Runs::Nothing => self.to_board.clear(),
            Runs::Bootloader => self.give_to_bootloader()?,
            Runs::Firmware => {
                let waker = Waker::from(self.shared.bell.clone());
                match self.end.write(&waker, self.to_board.make_contiguous())? {
                    None => return Ok(false),
                    Some(taken) => drop(self.to_board.drain(..taken)),
                }
            }
        }
        Ok(true)
    }

    fn give_to_bootloader(&mut self) -> io::Result<()> {
        let bytes: Vec<u8> = self.to_board.drain(..).collect();
        let Some(bootloader) = self.bootloader.take() else {
            return Ok(());
        };
        let erasable = self.faults.script.pull_after_erased;
        let served = self.board.serve(bootloader, bytes, erasable)?;
        self.faults.script.pull_after_erased = served.erasable;
        if served.erasable == Some(0) {
            // Without power there is no answer.
            self.faults.is_pulled = true;
            return Ok(());
        }
        self.queue_for_client(served.answer);
        self.line.set_baud(served.bootloader.baud());
        self.bootloader = Some(served.bootloader);
        if served.next != Next::Wait {
            // The answer is out before the chip starts.
            self.give_to_client()?;
            self.start(served.next == Next::Again)?;
        }
        Ok(())
    }
}

impl Carrier {
    /// Carries out the next control transfer.
    fn serve_transfer(&mut self) -> io::Result<bool> {
        let Some(transfer) = self.shared.transfers().pop_front() else {
            return Ok(false);
        };
        if self.carry_out_commands()? == Cable::Out {
            // Dropping the transfer tells the host that the device is gone.
            return Ok(false);
        }
        let Transfer {
            setup,
            mut data,
            device,
            reply,
        } = transfer;
        // A host that waits no longer needs no answer.
        let tell = move |answer| drop(reply.send(answer));
        self.faults.pass(Direction::FromHost, &mut data);
        let there = self.dfu.is_some() && device == self.enumeration && !self.faults.is_pulled;
        let Some(mut bootloader) = self.bootloader.take_if(|_| there) else {
            tell(Err(TransferFault::Gone));
            return Ok(true);
        };
        let (erasable, protected) = (self.faults.script.pull_after_erased, self.faults.script.read_protected);
        let served = self.board.handle.with_machine_blocking(move |machine| {
            let mut chip = bootloader::Chip::new(machine, erasable).with_protection(protected);
            let (answer, next) = bootloader.transfer(setup, &data, &mut chip);
            (bootloader, answer, next, chip.erasable(), chip.is_protected())
        });
        let (bootloader, mut answer, next, erasable, protected) =
            served.map_err(|gone| io::Error::new(io::ErrorKind::NotConnected, gone))?;
        self.bootloader = Some(bootloader);
        self.faults.script.pull_after_erased = erasable;
        self.faults.script.read_protected = protected;
        self.faults.is_pulled |= erasable == Some(0);
        if let Ok(bytes) = &mut answer {
            let whole = bytes.len();
            self.faults.pass(Direction::ToHost, bytes);
            if bytes.len() < whole {
                answer = Err(TransferFault::NoAnswer);
            }
        }
        if self.faults.is_pulled {
            tell(Err(TransferFault::Gone));
            return Ok(true);
        }
        match next {
            Next::Wait => {}
            Next::Start => self.start(false)?,
            Next::Again => self.start(true)?,
        }
        tell(answer);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;
    use std::num::NonZeroUsize;
    use std::sync::Mutex;
    use std::sync::atomic::AtomicBool;

    use tokio::sync::watch;

    use super::*;
    use crate::builtin::engine::Builtin;
    use crate::cable::bell::Bell;
    use crate::cable::wired_board::Wiring;
    use crate::cable::{CableFaults, CableOptions};
    use crate::runner::{Pace, RunOptions, Runner};
    use crate::{Engine, Seed};

    #[test]
    fn a_command_between_two_looks_counts_for_the_bytes_after_it() {
        let runner = Runner::with_workers(NonZeroUsize::MIN).unwrap();
        let board = drydock_assets::board("uno-r4-minima").unwrap();
        let options = RunOptions {
            name: board.name.clone(),
            pace: Pace::Max,
            paused: true,
        };
        let handle = runner.add(Builtin.open(&board, Seed([3; 32])).unwrap(), options);
        let shared = Arc::new(Shared {
            bell: Bell::new().unwrap(),
            commands: Mutex::default(),
            transfers: Mutex::default(),
            state: Arc::new(watch::Sender::new(CableState {
                path: None,
                usb: None,
                dfu: None,
                runs: Runs::Nothing,
            })),
            is_out: AtomicBool::new(false),
        });
        let plugged = Plugged {
            board: WiredBoard {
                handle,
                wiring: Wiring::of(&board),
            },
            options: CableOptions {
                over_adapter: true,
                ..CableOptions::default()
            },
        };
        let mut carrier = Carrier::new(shared.clone(), plugged).unwrap();
        let mut program = OpenOptions::new().write(true).open(carrier.pty.path()).unwrap();
        // The look at the commands is over when this one comes.
        let faults = CableFaults {
            pull_after_from_host: Some(5),
            ..CableFaults::default()
        };
        shared.send(Command::Faults(faults)).unwrap();
        program.write_all(b"HALHAL").unwrap();
        assert!(carrier.take_from_client().unwrap());
        assert_eq!(carrier.to_board, b"HALHA");
        assert!(carrier.faults.is_pulled);
    }
}
