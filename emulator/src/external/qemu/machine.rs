//! A machine in a separate QEMU process, behind the [`Machine`] trait.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use super::NAME;
use super::launch::{ICOUNT_SHIFT, LAST_LINES, Running, Setup};
use super::snapshot::State;
use crate::machine::Image;
use crate::machine::MachineError;
use crate::machine::VirtualTime;
use crate::machine::{
    GuestFault, Machine, MachineInfo, PauseSwitch, RegisterInfo, RunLimit, SavedState, Snapshot, StopReason,
};
use crate::machine::{PinChange, ResetKind, UartOutput};

/// The board's counter of virtual time (FPGAIO COUNTER, 25 MHz while PRESCALE is 0); a guest must leave both alone.
const COUNTER: u32 = 0x4002_8018;
const PRESCALE: u32 = 0x4002_801c;
const COUNTER_HZ: u64 = 25_000_000;
/// The board's two lights (FPGAIO LED0), and their pins in the board's description.
const LIGHTS: u32 = 0x4002_8000;
const LIGHT_PINS: [u16; 2] = [13, 14];
/// Address at which a guest finds the machine's seed after power-on: the last bytes of RAM. It replaces a source of
/// randomness, which QEMU's board lacks.
const SEED: u32 = 0x203f_ffe0;
/// Host time of one run: as short as QEMU's stopping allows, and short enough for a pause.
const SHORTEST: Duration = Duration::from_micros(200);
const LONGEST: Duration = Duration::from_millis(5);
/// Runs without progress of time after which the core counts as asleep without a next event.
const STILL_RUNS: u32 = 4;
/// Bytes of one packet, and of UART input between two runs.
const PACKET_BYTES: usize = 1_024;
const UART_BYTES: usize = 1_024;

/// One machine.
pub(super) struct QemuMachine {
    pub(super) qemu: Running,
    pub(super) setup: Setup,
    info: MachineInfo,
    pause: PauseSwitch,
    now: VirtualTime,
    pub(super) counter: u32,
    /// Virtual time that passed per host time in the last run.
    pace: f64,
    given: usize,
    output: Vec<UartOutput>,
    lights: u32,
    pin_changes: Vec<PinChange>,
    gone: Option<String>,
    /// The current state, if it was saved and the machine has not run since.
    pub(super) saved: Option<Vec<u8>>,
}

impl QemuMachine {
    /// A machine in its factory state; the error text is for users.
    pub(super) fn open(setup: Setup) -> Result<Self, String> {
        let qemu = Running::start(&setup, None)?;
        let mut machine = Self::of(qemu, setup);
        machine.start_counter().map_err(|error| error.to_string())?;
        Ok(machine)
    }

    /// A machine in a saved state.
    pub(super) fn in_state(setup: Setup, state: &State) -> Result<Self, String> {
        let qemu = Running::start(&setup, Some(&state.sent))?;
        let mut machine = Self::of(qemu, setup);
        machine.entered(state).map_err(|error| error.to_string())?;
        Ok(machine)
    }

    fn of(qemu: Running, setup: Setup) -> Self {
        let board = &setup.board;
        let info = MachineInfo {
            engine: NAME,
            board: board.name.clone(),
            chip: board.chip.title.clone(),
            uarts: board.chip.uarts,
            pins: board.chip.pins,
            seed: setup.seed,
        };
        Self {
            qemu,
            setup,
            info,
            pause: PauseSwitch::default(),
            now: VirtualTime::ZERO,
            counter: 0,
            pace: 1.0,
            given: 0,
            output: Vec::new(),
            lights: 0,
            pin_changes: Vec::new(),
            gone: None,
            saved: None,
        }
    }

    /// Restores a saved state: a new process loads it, and the old one ends. On failure nothing changes.
    pub(super) fn enter(&mut self, state: &State) -> Result<(), MachineError> {
        let started = Running::start(&self.setup, Some(&state.sent));
        self.qemu = started.map_err(|reason| MachineError::Refused {
            board: self.info.board.clone(),
            reason,
        })?;
        self.gone = None;
        self.saved = None;
        self.entered(state)
    }

    fn entered(&mut self, state: &State) -> Result<(), MachineError> {
        self.now = VirtualTime::from_ps(state.now_ps);
        self.counter = state.counter;
        self.given = 0;
        self.look_at_lights()
    }

    fn start_counter(&mut self) -> Result<(), MachineError> {
        let started = self.qemu.stub.command_ok(&format!("M{PRESCALE:x},4:00000000"));
        self.talked(started)?;
        self.counter = self.read_counter()?;
        Ok(())
    }

    fn read_counter(&mut self) -> Result<u32, MachineError> {
        let answer = self.qemu.stub.ask(&format!("m{COUNTER:x},4"));
        let answer = self.talked(answer)?;
        self.parsed(word(&answer))
    }

    /// A failed connection ends the machine.
    pub(super) fn talked<T>(&mut self, done: io::Result<T>) -> Result<T, MachineError> {
        if let Some(gone) = &self.gone {
            let cause = gone.clone();
            return Err(self.crashed(cause));
        }
        done.map_err(|error| {
            let ended = self.qemu.process.wait(Duration::from_millis(200));
            self.qemu.process.kill();
            let log = self.qemu.process.printed().last(LAST_LINES).join("\n");
            let what = match ended {
                Some(status) => format!("QEMU ended ({status})"),
                None => format!("QEMU does not talk any more: {error}"),
            };
            let cause = format!("{what}; it said:\n{log}");
            self.gone = Some(cause.clone());
            self.crashed(cause)
        })
    }

    fn parsed<T>(&mut self, value: Option<T>) -> Result<T, MachineError> {
        self.talked(value.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "its answer is nonsense")))
    }

    fn crashed(&self, cause: String) -> MachineError {
        MachineError::Crashed {
            board: self.info.board.clone(),
            pc: 0,
            at: self.now,
            cause,
        }
    }

    fn refresh(&mut self) -> Result<(), MachineError> {
        let counter = self.read_counter()?;
        let ticks = counter.wrapping_sub(self.counter);
        self.counter = counter;
        self.now += VirtualTime::from_ticks(u64::from(ticks), COUNTER_HZ);
        self.look_at_lights()?;
        self.receive()
    }

    fn look_at_lights(&mut self) -> Result<(), MachineError> {
        let answer = self.qemu.stub.ask(&format!("m{LIGHTS:x},4"));
        let answer = self.talked(answer)?;
        let lights = self.parsed(word(&answer))?;
        let changed = std::mem::replace(&mut self.lights, lights) ^ lights;
        for (bit, pin) in LIGHT_PINS.into_iter().enumerate() {
            if changed >> bit & 1 != 0 {
                self.pin_changes.push(PinChange {
                    at: self.now,
                    pin,
                    level: Some(lights >> bit & 1 != 0),
                });
            }
        }
        Ok(())
    }

    fn receive(&mut self) -> Result<(), MachineError> {
        let mut bytes = Vec::new();
        let mut piece = [0; 4_096];
        let ended = loop {
            match self.qemu.uart.read(&mut piece) {
                Ok(0) => break Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => bytes.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        if !bytes.is_empty() {
            self.output.push(UartOutput {
                at: self.now,
                index: 0,
                baud: None,
                bytes,
            });
        }
        self.talked(ended)
    }

    fn check_memory(&self, addr: u32, bytes: usize) -> Result<(), MachineError> {
        let flash = &self.setup.board.chip.flash;
        let ram = self.setup.board.chip.ram.iter().map(|ram| (ram.base, ram.bytes));
        let mut memories = std::iter::once((flash.base, flash.bytes)).chain(ram);
        let end = u64::from(addr) + bytes as u64;
        let memory = memories.find(|(base, bytes)| (*base..*base + *bytes).contains(&addr));
        let none = |addr| MachineError::NoMemory {
            board: self.info.board.clone(),
            addr,
        };
        let (base, bytes) = memory.ok_or_else(|| none(addr))?;
        // No two of its memories touch.
        if end > u64::from(base) + u64::from(bytes) {
            Err(none(base + bytes))
        } else {
            Ok(())
        }
    }

    fn register(&self, name: &str) -> Result<u8, MachineError> {
        let found = REGISTERS.iter().position(|register| register.name == name);
        match found {
            Some(16) => Ok(25),
            Some(index) => Ok(index as u8),
            None => Err(MachineError::NoRegister {
                board: self.info.board.clone(),
                name: name.to_owned(),
            }),
        }
    }
}

impl Machine for QemuMachine {
    fn info(&self) -> &MachineInfo {
        &self.info
    }

    fn load(&mut self, image: &Image) -> Result<(), MachineError> {
        for segment in &image.segments {
            self.check_memory(segment.addr, segment.bytes.len())?;
        }
        for segment in &image.segments {
            self.write_memory(segment.addr, &segment.bytes)?;
        }
        Ok(())
    }

    fn reset(&mut self, kind: ResetKind) -> Result<(), MachineError> {
        if kind == ResetKind::PowerOn {
            for ram in self.setup.board.chip.ram.clone() {
                self.write_memory(ram.base, &vec![0; ram.bytes as usize])?;
            }
            self.write_memory(SEED, &self.info.seed.0.clone())?;
        }
        self.saved = None;
        let reset = self.qemu.qmp.reset();
        self.talked(reset)?;
        self.start_counter()
    }

    fn run(&mut self, limit: RunLimit) -> Result<StopReason, MachineError> {
        self.given = 0;
        let mut still = 0;
        loop {
            if self.pause.take() {
                return Ok(StopReason::Paused);
            }
            let left = limit.until.saturating_sub(self.now);
            if left == VirtualTime::ZERO {
                return Ok(StopReason::Deadline);
            }
            let wish = Duration::from_nanos((left.as_ns() as f64 / self.pace.max(0.1)) as u64);
            let (before, started) = (self.now, Instant::now());
            self.saved = None;
            let run = self.qemu.stub.run(wish.clamp(SHORTEST, LONGEST));
            let (_, by_itself) = self.talked(run)?;
            let took = started.elapsed();
            self.refresh()?;
            let passed = self.now.saturating_sub(before);
            self.pace = passed.as_ns() as f64 / took.as_nanos().max(1) as f64;
            if by_itself {
                let pc = self.read_register("pc")? as u32;
                return Ok(StopReason::Breakpoint {
                    pc,
                    code: 0,
                    exit: None,
                });
            }
            still = if passed == VirtualTime::ZERO { still + 1 } else { 0 };
            if still == STILL_RUNS {
                return Ok(StopReason::Idle { next_event: None });
            }
        }
    }

    fn step(&mut self) -> Result<StopReason, MachineError> {
        self.saved = None;
        let stepped = self.qemu.stub.ask("s");
        self.talked(stepped)?;
        self.refresh()?;
        Ok(StopReason::Stepped)
    }

    fn pause_switch(&self) -> PauseSwitch {
        self.pause.clone()
    }

    fn now(&self) -> VirtualTime {
        self.now
    }

    /// Virtual time in instructions: sleep counts as if the core had executed.
    fn instructions(&self) -> u64 {
        self.now.as_ns() >> ICOUNT_SHIFT
    }

    fn read_memory(&mut self, addr: u32, bytes: &mut [u8]) -> Result<(), MachineError> {
        self.check_memory(addr, bytes.len())?;
        let mut next = addr;
        for piece in bytes.chunks_mut(PACKET_BYTES) {
            let answer = self.qemu.stub.ask(&format!("m{next:x},{:x}", piece.len()));
            let answer = self.talked(answer)?;
            let read = self.parsed(from_hex(&answer).filter(|read| read.len() == piece.len()))?;
            piece.copy_from_slice(&read);
            next = next.wrapping_add(piece.len() as u32);
        }
        Ok(())
    }

    fn write_memory(&mut self, addr: u32, bytes: &[u8]) -> Result<(), MachineError> {
        self.check_memory(addr, bytes.len())?;
        let mut next = addr;
        self.saved = None;
        for piece in bytes.chunks(PACKET_BYTES) {
            let written = self
                .qemu
                .stub
                .command_ok(&format!("M{next:x},{:x}:{}", piece.len(), to_hex(piece)));
            if !self.talked(written)? {
                return Err(MachineError::Refused {
                    board: self.info.board.clone(),
                    reason: format!("QEMU does not write to {next:#010x}"),
                });
            }
            next = next.wrapping_add(piece.len() as u32);
        }
        Ok(())
    }

    fn registers(&self) -> &[RegisterInfo] {
        &REGISTERS
    }

    fn read_register(&mut self, name: &str) -> Result<u64, MachineError> {
        let index = self.register(name)?;
        let answer = self.qemu.stub.ask(&format!("p{index:x}"));
        let answer = self.talked(answer)?;
        Ok(u64::from(self.parsed(word(&answer))?))
    }

    fn write_register(&mut self, name: &str, value: u64) -> Result<(), MachineError> {
        let index = self.register(name)?;
        let value = to_hex(&(value as u32).to_le_bytes());
        self.saved = None;
        let written = self.qemu.stub.command_ok(&format!("P{index:x}={value}"));
        self.talked(written).map(drop)
    }

    fn take_uart_output(&mut self) -> Vec<UartOutput> {
        // The next run reports a broken connection.
        let _ = self.receive();
        std::mem::take(&mut self.output)
    }

    fn uart_input(&mut self, index: u8, bytes: &[u8]) -> Result<usize, MachineError> {
        if index >= self.info.uarts {
            return Err(MachineError::NoUart {
                board: self.info.board.clone(),
                index,
            });
        }
        let bytes = &bytes[..bytes.len().min(self.uart_input_room(index))];
        let sent = match self.qemu.uart.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            sent => sent,
        };
        let count = self.talked(sent)?;
        self.given += count;
        Ok(count)
    }

    fn uart_input_room(&self, index: u8) -> usize {
        if index < self.info.uarts {
            UART_BYTES - self.given.min(UART_BYTES)
        } else {
            0
        }
    }

    fn pin_input(&mut self, pin: u16, _level: Option<bool>) -> Result<(), MachineError> {
        if pin < self.info.pins {
            return Err(MachineError::Refused {
                board: self.info.board.clone(),
                reason: "QEMU's model of this board has no pins to drive".to_owned(),
            });
        }
        Err(MachineError::NoPin {
            board: self.info.board.clone(),
            pin,
        })
    }

    fn pin_level(&self, pin: u16) -> Option<bool> {
        let bit = LIGHT_PINS.iter().position(|light| *light == pin)?;
        Some(self.lights >> bit & 1 != 0)
    }

    fn take_pin_changes(&mut self) -> Vec<PinChange> {
        std::mem::take(&mut self.pin_changes)
    }

    /// QEMU reports none.
    fn take_faults(&mut self) -> Vec<GuestFault> {
        Vec::new()
    }

    /// Any length: QEMU does not report that its guest sleeps, and then advances time fast. In long runs a device's
    /// timers would expire before the host, which sees the bytes only between runs, could answer.
    fn shortest_run(&self) -> VirtualTime {
        VirtualTime::ZERO
    }

    fn snapshots(&mut self) -> Option<&mut dyn Snapshot> {
        Some(self)
    }

    fn saved_state(&mut self) -> Option<&mut dyn SavedState> {
        Some(self)
    }
}

fn word(hex: &str) -> Option<u32> {
    let bytes: [u8; 4] = from_hex(hex)?.try_into().ok()?;
    Some(u32::from_le_bytes(bytes))
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.iter().map(byte).collect()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const fn core_register(name: &'static str) -> RegisterInfo {
    RegisterInfo { name, bits: 32 }
}

/// In GDB's order (org.gnu.gdb.arm.m-profile).
const REGISTERS: [RegisterInfo; 17] = [
    core_register("r0"),
    core_register("r1"),
    core_register("r2"),
    core_register("r3"),
    core_register("r4"),
    core_register("r5"),
    core_register("r6"),
    core_register("r7"),
    core_register("r8"),
    core_register("r9"),
    core_register("r10"),
    core_register("r11"),
    core_register("r12"),
    core_register("sp"),
    core_register("lr"),
    core_register("pc"),
    core_register("xpsr"),
];
