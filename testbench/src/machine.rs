//! One board of a bench: its machine, its place in the bench's time, and what came out of it.

use crate::{
    console::Port,
    error::{Cause, Stop},
};
use drydock_assets::{Active, Pin as ChipPin};
use drydock_defmt::{Decoder, Program as Log};
use drydock_emulator::{
    DebugLine, Engine, GuestFault, Machine, PinChange, ResetKind, RunLimit, Seed, StopReason, UartOutput, VirtualTime,
    builtin::engine::Builtin,
    cable::usb_host::{CdcPort, CdcState, SerialHost},
    runner::serve_usb,
};
use drydock_program::Program;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// The port of what a program writes by semihosting.
pub(crate) const SEMIHOSTING: u8 = DebugLine::Semihosting.index();
/// The name of the channel of RTT on which programs log with defmt.
const DEFMT_CHANNEL: &str = "defmt";
/// The port of the board's own USB device; no chip has so many UARTs.
pub(crate) const USB: u8 = SEMIHOSTING - 1;

/// Bytes that wait for one UART.
const WAITING_BYTES: usize = 64 << 10;
/// Resets because of lockups, without another event in between, after which a board counts as stopped.
const LOCKUPS: u32 = 100;
/// What a host sets a USB serial port to; it has no line on which the rate would matter.
const USB_BAUD: u32 = 115_200;
/// Faults and pin changes that are kept for the report.
const KEPT: usize = 64;

/// A board of a bench.
pub(crate) struct BoardState {
    pub(crate) name: String,
    pub(crate) program: Arc<Program>,
    /// Path of its firmware file, as the test named it.
    pub(crate) file: String,
    /// Parts that the test added, as `--part` takes them.
    pub(crate) added_parts: Vec<String>,
    pub(crate) machine: Box<dyn Machine>,
    /// The bench's time at the machine's zero.
    base: VirtualTime,
    /// When it gets power again, if it has none.
    off_until: Option<VirtualTime>,
    /// It switched itself off; a pin wakes it.
    asleep: bool,
    pub(crate) stop: Option<Stop>,
    lockups: u32,
    /// The host at the other end of its USB cable, if the chip has a USB device.
    usb: Option<UsbCable>,
    /// It said something in the last quantum.
    pub(crate) spoke: bool,
    /// By number, [`USB`] and those of [`DebugLine`] among them.
    pub(crate) ports: BTreeMap<u8, Port>,
    /// What its program logs with defmt, if it does.
    log: Option<Arc<Log>>,
    /// Decoders of the lines on which it does; `None` for lines with other bytes.
    decoders: BTreeMap<u8, Option<Decoder>>,
    /// The rate to which the program set each UART.
    pub(crate) bauds: BTreeMap<u8, u32>,
    waiting: BTreeMap<u8, VecDeque<u8>>,
    /// What the UARTs sent in the last quantum.
    pub(crate) sent: Vec<UartOutput>,
    /// The pins that changed in the last quantum, in the bench's time.
    pub(crate) changed: Vec<PinChange>,
    pub(crate) pins: VecDeque<PinChange>,
    pub(crate) faults: VecDeque<String>,
    pub(crate) fault_count: u64,
    /// Those of the last quantum.
    pub(crate) new_faults: Vec<GuestFault>,
}

/// A host that opens the serial port of the board's USB device as soon as there is one.
struct UsbCable {
    port: CdcPort,
    host: SerialHost,
    open: bool,
}

impl BoardState {
    /// Opens a machine and loads the program; it starts with the first quantum.
    pub(crate) fn open(
        name: String,
        (program, file, added_parts): (Arc<Program>, String, Vec<String>),
        arguments: &str,
        seed: Seed,
        now: VirtualTime,
    ) -> Result<Self, Cause> {
        let failed = |error: &dyn std::fmt::Display| Cause::Machine(error.to_string());
        let mut machine = Builtin.open(&program.board, seed).map_err(|error| failed(&error))?;
        machine.load(&program.image).map_err(|error| failed(&error))?;
        machine.collect_logs();
        machine.set_command_line(arguments);
        machine.reset(ResetKind::PowerOn).map_err(|error| failed(&error))?;
        let usb = machine.usb().is_some().then(|| {
            let (port, host) = CdcPort::detached();
            let open = false;
            UsbCable { port, host, open }
        });
        // A program without tables, or with damaged ones, shows its bytes as they are.
        let log = Log::read(&program.file).ok().map(Arc::new);
        Ok(Self {
            name,
            program,
            log,
            decoders: BTreeMap::new(),
            file,
            added_parts,
            base: now.saturating_sub(machine.now()),
            machine,
            off_until: None,
            asleep: false,
            stop: None,
            lockups: 0,
            usb,
            spoke: false,
            ports: BTreeMap::new(),
            bauds: BTreeMap::new(),
            waiting: BTreeMap::new(),
            sent: Vec::new(),
            changed: Vec::new(),
            pins: VecDeque::new(),
            faults: VecDeque::new(),
            fault_count: 0,
            new_faults: Vec::new(),
        })
    }

    /// Runs until an instant of the bench.
    pub(crate) fn run(&mut self, now: VirtualTime, until: VirtualTime) {
        self.sent.clear();
        self.changed.clear();
        self.new_faults.clear();
        self.spoke = false;
        if let Some(on) = self.off_until {
            if on > now {
                return;
            }
            self.off_until = None;
            self.start(now, ResetKind::PowerOn);
        }
        if self.stop.is_some() || self.asleep {
            return;
        }
        self.feed();
        let limit = RunLimit::until(until.saturating_sub(self.base));
        while self.machine.now() < limit.until && self.stop.is_none() && !self.asleep {
            match self.machine.run(limit) {
                Ok(reason) => self.stopped(reason),
                Err(error) => self.stop = Some(Stop::Crashed(error.to_string())),
            }
        }
        self.serve_usb(until);
        self.collect();
    }

    /// Lets the USB host act, and passes what the serial port carries.
    fn serve_usb(&mut self, now: VirtualTime) {
        let Some(UsbCable { port, host, open }) = &mut self.usb else {
            return;
        };
        let is_ready = matches!(port.device(), CdcState::Ready(_));
        if is_ready && !*open {
            port.set_line_coding(USB_BAUD);
            // Most devices send nothing before a program has opened their port.
            port.set_control_lines(true, true);
        }
        *open = is_ready;
        serve_usb(&mut *self.machine, host, |_| {});
        let bytes = port.fetch();
        self.spoke |= !bytes.is_empty();
        if !bytes.is_empty() {
            self.ports.entry(USB).or_default().push(now, &bytes);
        }
    }

    fn stopped(&mut self, reason: StopReason) {
        match reason {
            // The bench asks for none of the others.
            StopReason::Deadline | StopReason::Paused | StopReason::Stepped | StopReason::Idle { .. } => {
                self.lockups = 0;
            }
            StopReason::Reset(ResetKind::Lockup) => {
                self.lockups += 1;
                if self.lockups > LOCKUPS {
                    self.stop = Some(Stop::LockupLoop);
                }
            }
            StopReason::Reset(_) => self.lockups = 0,
            StopReason::Breakpoint { exit: Some(code), .. } => self.stop = Some(Stop::Exit(code)),
            StopReason::Breakpoint { pc, .. } => self.stop = Some(Stop::Breakpoint(pc)),
            StopReason::Lockup { pc } => self.stop = Some(Stop::Lockup(pc)),
            StopReason::PoweredOff => self.asleep = true,
            StopReason::DebugHalt => self.stop = Some(Stop::Crashed("a debugger halted the core".into())),
        }
    }

    fn collect(&mut self) {
        for mut output in self.machine.take_uart_output() {
            output.at = self.base.saturating_add(output.at);
            if let Some(baud) = output.baud {
                self.bauds.insert(output.index, baud);
            }
            self.spoke |= !output.bytes.is_empty();
            let text = self.decoded(&output);
            let port = self.ports.entry(output.index).or_default();
            port.push(output.at, text.as_deref().unwrap_or(&output.bytes));
            self.sent.push(output);
        }
        for mut change in self.machine.take_pin_changes() {
            change.at = self.base.saturating_add(change.at);
            self.changed.push(change);
            keep(&mut self.pins, change);
        }
        for fault in self.machine.take_faults() {
            self.fault_count += 1;
            keep(&mut self.faults, fault.to_string());
            self.new_faults.push(fault);
        }
    }

    /// The text of statements, if the line is the channel of RTT on which the program logs with defmt.
    fn decoded(&mut self, output: &UartOutput) -> Option<Vec<u8>> {
        let Some(DebugLine::Rtt(channel)) = DebugLine::of(output.index) else {
            return None;
        };
        let log = self.log.as_ref()?;
        let is_defmt = || self.machine.rtt_name(channel).as_deref() == Some(DEFMT_CHANNEL);
        let decoder = self.decoders.entry(output.index);
        let decoder = decoder.or_insert_with(|| is_defmt().then(|| Decoder::new(Arc::clone(log))));
        let lines = decoder.as_mut()?.take(&output.bytes);
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        Some(text.into_bytes())
    }

    /// Passes what waits to the UARTs, as far as they take it.
    fn feed(&mut self) {
        for (index, waiting) in &mut self.waiting {
            let bytes = waiting.make_contiguous();
            if bytes.is_empty() {
                continue;
            }
            let taken = match &mut self.usb {
                Some(usb) if *index == USB => usb.port.give(bytes),
                // A number that was checked.
                _ => self.machine.uart_input(*index, bytes).unwrap_or(bytes.len()),
            };
            waiting.drain(..taken);
        }
    }

    /// Bytes for a UART. Returns whether they were taken: a board without power loses them, and so does a line on which
    /// too many wait.
    pub(crate) fn send(&mut self, index: u8, bytes: &[u8]) -> bool {
        let waiting = self.waiting.entry(index).or_default();
        if self.off_until.is_some() {
            return true;
        }
        let fits = waiting.len() + bytes.len() <= WAITING_BYTES;
        if fits {
            waiting.extend(bytes);
        }
        fits
    }

    /// Takes the power away until an instant, which may be now.
    pub(crate) fn cut(&mut self, until: VirtualTime) {
        self.off_until = Some(until);
        self.waiting.clear();
        self.stop = None;
        self.asleep = false;
    }

    /// Resets it by its reset pin.
    pub(crate) fn reset(&mut self, now: VirtualTime) {
        if self.off_until.is_none() {
            self.start(now, ResetKind::Pin);
        }
    }

    fn start(&mut self, now: VirtualTime, kind: ResetKind) {
        self.stop = None;
        self.asleep = false;
        self.lockups = 0;
        self.decoders.clear();
        if let Err(error) = self.machine.reset(kind) {
            self.stop = Some(Stop::Crashed(error.to_string()));
        }
        self.catch_up(now);
    }

    /// The machine goes on now; it stood still before.
    fn catch_up(&mut self, now: VirtualTime) {
        self.base = self.base.max(now.saturating_sub(self.machine.now()));
    }

    /// Drives a pin from outside.
    pub(crate) fn drive(&mut self, now: VirtualTime, pin: u16, level: Option<bool>) -> Result<(), Cause> {
        let driven = self.machine.pin_input(pin, level);
        driven.map_err(|error| Cause::Machine(error.to_string()))?;
        self.wake(now);
        Ok(())
    }

    /// The bench's time at the machine's zero.
    pub(crate) fn base(&self) -> VirtualTime {
        self.base
    }

    /// Whether its program runs.
    pub(crate) fn runs(&self) -> bool {
        self.stop.is_none() && !self.asleep && self.off_until.is_none()
    }

    /// A pin may have woken it. If it did not, the board says again that it is off.
    pub(crate) fn wake(&mut self, now: VirtualTime) {
        if self.asleep {
            self.asleep = false;
            self.catch_up(now);
        }
    }

    /// The level of a pin; a board without power drives none.
    pub(crate) fn level(&self, pin: u16) -> Option<bool> {
        self.machine.pin_level(pin).filter(|_| self.off_until.is_none())
    }

    /// Whether it is without power.
    pub(crate) fn has_no_power(&self) -> bool {
        self.off_until.is_some()
    }

    /// The value of a part's property, in its unit. Without power, what a part measures of the chip is 0.
    pub(crate) fn part_value(&mut self, part: &str, property: &str) -> Result<f64, Cause> {
        let described = self.program.board.parts.iter().find(|known| known.name == part);
        let described = described.and_then(|part| part.kind.property(property));
        let is_reading = described.is_some_and(|property| property.reading);
        let parts = self.machine.parts();
        let parts = parts.ok_or_else(|| Cause::Part("it has no parts".into()))?;
        let value = parts.value(part, property);
        let value = value.map_err(|error| Cause::Part(error.to_string()))?;
        Ok(match is_reading && self.off_until.is_some() {
            true => 0.0,
            false => value.to_f64(),
        })
    }

    /// The pin that is meant: an LED, a button, or the chip's name such as `P0.13`.
    pub(crate) fn pin(&self, name: &str) -> Result<NamedPin, Cause> {
        named_pin(&self.program.board, name)
    }

    /// Ports with what they said, the main ones first.
    pub(crate) fn last_lines(&self, count: usize) -> Vec<String> {
        let several = self
            .ports
            .values()
            .filter(|port| !port.last_lines(1).is_empty())
            .count()
            > 1;
        let mut lines = Vec::new();
        for (index, port) in &self.ports {
            let from = if several {
                format!("{}: ", port_name(*index))
            } else {
                String::new()
            };
            lines.extend(port.last_lines(count).into_iter().map(|line| format!("{from}{line}")));
        }
        lines
    }
}

fn keep<T>(list: &mut VecDeque<T>, item: T) {
    if list.len() == KEPT {
        list.pop_front();
    }
    list.push_back(item);
}

/// A pin, its name, and the level at which it is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedPin {
    pub(crate) name: String,
    pub(crate) number: u16,
    pub(crate) active: Active,
}

/// The pin that is meant by a name, on a kind of board.
pub(crate) fn named_pin(board: &drydock_assets::Board, name: &str) -> Result<NamedPin, Cause> {
    let led = board.leds.iter().find(|led| led.name == name);
    let button = board.buttons.iter().find(|button| button.name == name);
    let (number, active) = match (led, button, ChipPin::parse(name)) {
        (Some(led), ..) => (led.pin.0, led.active),
        (_, Some(button), _) => (button.pin.0, button.active),
        (_, _, Some(pin)) if pin.0 < board.chip.pins => (pin.0, Active::High),
        _ => {
            let names = board.leds.iter().map(|led| &led.name);
            let names = names.chain(board.buttons.iter().map(|button| &button.name));
            let names: Vec<&str> = names.map(String::as_str).collect();
            return Err(Cause::NoPin {
                what: "pin",
                name: name.to_owned(),
                known: format!(
                    "it has {}, and the chip's, P0.00 to {}",
                    names.join(", "),
                    ChipPin(board.chip.pins.saturating_sub(1))
                ),
            });
        }
    };
    Ok(NamedPin {
        name: name.to_owned(),
        number,
        active,
    })
}

/// Name of a port for people.
pub(crate) fn port_name(index: u8) -> String {
    match index {
        USB => "USB".into(),
        index => match DebugLine::of(index) {
            Some(DebugLine::Semihosting) => "semihosting".into(),
            Some(DebugLine::Rtt(channel)) => format!("RTT {channel}"),
            Some(DebugLine::Itm(port)) => format!("ITM {port}"),
            None => format!("UART {index}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_board_that_switched_itself_off_is_woken_by_a_pin_at_the_benchs_time() {
        // P1.11 going low wakes it; r7 then is 99.
        let hex = include_str!("../../emulator/tests/guests/off.hex");
        let bytes = hex
            .split_ascii_whitespace()
            .map(|byte| u8::from_str_radix(byte, 16).unwrap());
        let nano = drydock_assets::board("nano33ble").unwrap();
        let program = Program::parse(bytes.collect(), None, &nano).unwrap();
        let program = (Arc::new(program), "off.bin".into(), Vec::new());
        let mut board = BoardState::open("nano".into(), program, "", Seed([1; 32]), VirtualTime::ZERO).unwrap();
        let (ms, pin) = (VirtualTime::from_ms, named_pin(&nano, "D2").unwrap().number);
        board.run(ms(0), ms(1));
        assert!(board.asleep && board.stop.is_none());
        // Another edge does not wake it.
        board.drive(ms(500), pin, Some(true)).unwrap();
        board.run(ms(500), ms(501));
        assert!(board.asleep);
        board.drive(ms(700), pin, Some(false)).unwrap();
        board.run(ms(700), ms(702));
        assert!(!board.asleep);
        assert_eq!(board.machine.read_register("r7").unwrap(), 99);
        assert!(board.base >= ms(698) && board.base < ms(701), "{}", board.base);
    }
}
