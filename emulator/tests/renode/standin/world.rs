//! The world behind the protocol: executes the driver's commands on a machine of the builtin engine.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

use drydock_emulator::{GuestFault, Machine, ResetKind, RunLimit, Seed, StopReason, VirtualTime};

use super::journal::Deed;
use super::wire::Reply;
use super::{Trouble, log};

/// Renode's numbers of a Cortex-M's registers.
const REGISTERS: [(&str, u64); 20] = [
    ("r0", 0),
    ("r1", 1),
    ("r2", 2),
    ("r3", 3),
    ("r4", 4),
    ("r5", 5),
    ("r6", 6),
    ("r7", 7),
    ("r8", 8),
    ("r9", 9),
    ("r10", 10),
    ("r11", 11),
    ("r12", 12),
    ("sp", 13),
    ("lr", 14),
    ("pc", 15),
    ("xpsr", 25),
    ("control", 18),
    ("basepri", 19),
    ("primask", 28),
];

/// Peripherals of Renode's own description of the chip.
const BASE: [&str; 14] = [
    "nvic", "cpu", "uart0", "uart1", "rtc0", "rtc1", "wdt", "flash", "ram", "clock", "gpio0", "gpio1", "timer0", "rng",
];

/// The content of a saved state: seed, peripherals, terminals, deeds.
type Saved = (u8, Vec<String>, Vec<String>, Vec<Deed>);

/// One emulation with one machine.
pub(super) struct World {
    trouble: Trouble,
    machine: Option<Box<dyn Machine>>,
    /// Virtual time that passed while the core was off.
    off: VirtualTime,
    seed: u8,
    selected: bool,
    started: bool,
    names: Vec<String>,
    terminals: Vec<(String, Option<u8>, Line)>,
    /// Names of terminals, in loaded states too. No recording shows the answer to a duplicate name; Renode's names are
    /// unique.
    taken: Vec<String>,
    journal: Vec<Deed>,
    /// The variable of a script that prevents saving, if any.
    unsaved: Option<String>,
}

impl World {
    pub(super) fn new(trouble: Trouble) -> Self {
        Self {
            trouble,
            machine: None,
            off: VirtualTime::ZERO,
            seed: 0,
            selected: false,
            started: false,
            names: Vec::new(),
            terminals: Vec::new(),
            taken: Vec::new(),
            journal: Vec::new(),
            unsaved: None,
        }
    }

    pub(super) fn execute(&mut self, command: &str) -> Reply {
        // A line can hold several commands; the first that fails ends it. A `;` in a string separates nothing.
        let mut quoted = false;
        let parts = command.split(|letter| {
            quoted ^= letter == '"';
            letter == ';' && !quoted
        });
        let mut printed = String::new();
        for part in parts {
            match self.done(part.trim()) {
                Ok(text) => printed.push_str(&text),
                Err(what) => return Reply::failed(command, &what),
            }
        }
        Reply::Pass(printed)
    }

    fn done(&mut self, command: &str) -> Result<String, String> {
        if let Some(script) = command.strip_prefix("python ") {
            return self.copy_memory(script);
        }
        let words: Vec<&str> = command.split_whitespace().collect();
        let text = match words[..] {
            ["version"] => "Renode, version 1.16.1\r\n\r".to_owned(),
            ["mach", "create", _] | ["mach", "set", "0"] => {
                self.selected = true;
                String::new()
            }
            ["mach"] => return Err("Bad parameters for command mach No machine selected.".to_owned()),
            ["emulation", "SetSeed", number] => {
                self.seed = number_of(number)? as u8;
                String::new()
            }
            ["machine", "LoadPlatformDescription", file] => self.load_description(file)?,
            ["peripherals"] => self.peripherals(),
            ["emulation", "SetGlobalQuantum", _] | ["emulation", "SetGlobalAdvanceImmediately", _] => String::new(),
            ["sysbus.cpu", "PerformanceInMips", _] => String::new(),
            ["emulation", "CreateServerSocketTerminal", port, name, "false"] => {
                let name = name.trim_matches('"').to_owned();
                if self.taken.contains(&name) {
                    return Err(format!("Given name '{name}' is already used."));
                }
                let line = Line::listen(port.parse().map_err(|_| "Parameters did not match the signature")?)?;
                self.taken.push(name.clone());
                self.terminals.push((name, None, line));
                String::new()
            }
            ["connector", "Connect", uart, name] => {
                let index = uart.strip_prefix("sysbus.uart").and_then(|index| index.parse().ok());
                let terminal = self.terminals.iter_mut().find(|(known, ..)| known == name);
                terminal.ok_or("No such terminal")?.1 = Some(index.ok_or("No such peripheral")?);
                String::new()
            }
            ["emulation", "RunFor", span] => self.run_for(span)?,
            ["start"] => {
                self.started = true;
                "Starting emulation...\r\n\r".to_owned()
            }
            ["pause"] => {
                self.started = false;
                "Pausing emulation...\r\n\r".to_owned()
            }
            ["currentTime"] => self.current_time(),
            ["Save", file] => {
                if let Some(variable) = &self.unsaved {
                    return Err(format!(
                        "Error encountered during saving: Pointer or ThreadLocal or SpinLock encountered during serialization ({variable})."
                    ));
                }
                let state = (self.seed, &self.names, &self.taken, &self.journal);
                let saved = serde_json::to_vec(&state).map_err(|error| error.to_string())?;
                fs::write(written_path(file)?, saved).map_err(|error| error.to_string())?;
                String::new()
            }
            ["Load", file] => self.load(file)?,
            ["macro", "reset", ..] => String::new(),
            _ if !self.selected => return Err("No machine selected.".to_owned()),
            ["machine", "Reset"] => {
                self.do_deed(Deed::Reset)?;
                String::new()
            }
            ["sysbus", "LoadBinary", file, addr] => {
                let bytes = fs::read(path(file)).map_err(|_| "Parameters did not match the signature")?;
                let addr = number_of(addr)? as u32;
                self.do_deed(Deed::Write { addr, bytes })?;
                String::new()
            }
            ["sysbus", "ZeroRange", addr, bytes] => {
                let (addr, bytes) = (number_of(addr)? as u32, vec![0; number_of(bytes)? as usize]);
                self.do_deed(Deed::Write { addr, bytes })?;
                String::new()
            }
            ["sysbus", "ReadBytes", addr, count] => {
                self.read_bytes(number_of(addr)? as u32, number_of(count)? as usize)?
            }
            ["sysbus.cpu", "ExecutedInstructions"] => {
                format!("{:#018X}\r\r\n", self.machine()?.instructions()).replacen("0X", "0x", 1)
            }
            ["sysbus.cpu", "PC"] => hex(self.machine()?.read_register("pc").map_err(|error| error.to_string())?),
            ["sysbus.cpu", "PC", value] => self.check_vector(4, value)?,
            ["sysbus.cpu", "SP", value] => self.check_vector(0, value)?,
            ["sysbus.cpu", "VectorTableOffset", value] => {
                if number_of(value)? != 0x1_0000 {
                    return Err("this board boots elsewhere".to_owned());
                }
                String::new()
            }
            ["sysbus.cpu", "GetRegister", index] => {
                let name = register(index)?;
                hex(self.machine()?.read_register(name).map_err(|error| error.to_string())?)
            }
            ["sysbus.cpu", "SetRegister", index, value] => {
                let name = register(index)?.to_owned();
                self.do_deed(Deed::Register {
                    name,
                    value: number_of(value)?,
                })?;
                String::new()
            }
            ["sysbus.cpu", "Step"] => {
                self.do_deed(Deed::Step)?;
                self.started = true;
                hex(self.machine()?.read_register("pc").map_err(|error| error.to_string())?)
            }
            ["sysbus.cpu", "ExecutionMode", "Continuous"] => String::new(),
            [port, "OnGPIO", pin, level] => {
                let port: u16 = port
                    .strip_prefix("sysbus.gpio")
                    .and_then(|port| port.parse().ok())
                    .ok_or("No such port")?;
                let pin = port * 32 + number_of(pin)? as u16;
                self.do_deed(Deed::Pin {
                    pin,
                    level: level == "true",
                })?;
                String::new()
            }
            [led, "State"] if led.contains("drydock_led") => {
                let (_, pin) = led.split_once("drydock_led").ok_or("No such peripheral")?;
                let level = self.machine()?.pin_level(number_of(pin)? as u16).unwrap_or(false);
                format!("{}\r\r\n", if level { "True" } else { "False" })
            }
            _ => return Err(format!("No such command or device: {}", words.first().unwrap_or(&""))),
        };
        Ok(text)
    }

    fn machine(&mut self) -> Result<&mut Box<dyn Machine>, String> {
        self.machine.as_mut().ok_or_else(|| "No machine selected.".to_owned())
    }

    fn load_description(&mut self, file: &str) -> Result<String, String> {
        let text = fs::read_to_string(path(file)).map_err(|_| {
            format!("There was an error executing command 'machine LoadPlatformDescription {file}'Could not find file '{}'.", &file[1..])
        })?;
        if let Some((_, name)) = text
            .split_once("filename: \"")
            .filter(|(_, name)| !name.starts_with('/'))
        {
            let name = name.split('"').next().unwrap_or_default();
            return Err(format!(
                "Error E38: Exception was thrown during construction of 'nvmc': Could not find source file for the script: {name}."
            ));
        }
        // Variables of a script are saved, but those of a function or a class cannot be.
        let kept = text
            .lines()
            .find(|line| line.starts_with("def ") || line.starts_with("from "));
        self.unsaved = kept.map(str::to_owned);
        self.names = BASE.iter().map(|name| (*name).to_owned()).collect();
        for line in text.lines().filter(|line| !line.starts_with([' ', '/'])) {
            if let Some((name, _)) = line.split_once(':').filter(|(_, rest)| rest.contains('@')) {
                self.names.push(name.to_owned());
            }
        }
        if self.trouble.is("incomplete") {
            self.names.retain(|name| name != "uart0");
        }
        self.boot(self.seed)?;
        if self.trouble.is("offline") {
            return Err(
                "Failed to download https://dl.antmicro.com/projects/renode/svd/NRF52840.svd.gz, see log for details."
                    .to_owned(),
            );
        }
        Ok(String::new())
    }

    fn boot(&mut self, seed: u8) -> Result<(), String> {
        let board = drydock_assets::board("nano33ble").ok_or("no board")?;
        let builtin = drydock_emulator::builtin::engine::Builtin;
        let machine = drydock_emulator::Engine::open(&builtin, &board, Seed([seed; 32]));
        self.machine = Some(machine.map_err(|error| error.to_string())?);
        self.off = VirtualTime::ZERO;
        Ok(())
    }

    fn peripherals(&self) -> String {
        let mut text = "Available peripherals:\r\n\r\r\n\r  sysbus (SystemBus)\r\n\r  │   \r\n\r".to_owned();
        for (index, name) in self.names.iter().enumerate() {
            let last = index + 1 == self.names.len();
            let branch = if last { "└" } else { "├" };
            text.push_str(&format!(
                "  {branch}── {name} (Model)\r\n\r  │       <0x40000000, 0x40000FFF>\r\n\r"
            ));
        }
        text
    }

    fn check_vector(&mut self, offset: u32, value: &str) -> Result<String, String> {
        let mut word = [0; 4];
        self.machine()?
            .read_memory(0x1_0000 + offset, &mut word)
            .map_err(|error| error.to_string())?;
        if u64::from(u32::from_le_bytes(word)) != number_of(value)? {
            return Err(format!("{value} is not what the vector table says"));
        }
        Ok(String::new())
    }

    fn read_bytes(&mut self, addr: u32, count: usize) -> Result<String, String> {
        let mut bytes = vec![0; count];
        self.machine()?
            .read_memory(addr, &mut bytes)
            .map_err(|error| error.to_string())?;
        let mut text = "[\r\n".to_owned();
        for (index, byte) in bytes.iter().enumerate() {
            text.push_str(&format!("0x{byte:02X}, "));
            if index % 10 == 9 {
                text.push_str("\r\n");
            }
        }
        text.push_str("\r\n]\r\r\n");
        Ok(text)
    }

    /// The only script that the driver uses: `"System.IO.File.WriteAllBytes('FILE',
    /// monitor.Machine.SystemBus.ReadBytes(ADDR, COUNT))"`.
    fn copy_memory(&mut self, script: &str) -> Result<String, String> {
        let unknown = || format!("Python runtime error: {script}");
        let script = script.trim_matches('"');
        let rest = script
            .strip_prefix("System.IO.File.WriteAllBytes('")
            .ok_or_else(unknown)?;
        let (file, rest) = rest
            .split_once("', monitor.Machine.SystemBus.ReadBytes(")
            .ok_or_else(unknown)?;
        let (addr, count) = rest.trim_end_matches(')').split_once(", ").ok_or_else(unknown)?;
        let mut bytes = vec![0; number_of(count)? as usize];
        let read = self.machine()?.read_memory(number_of(addr)? as u32, &mut bytes);
        read.map_err(|error| error.to_string())?;
        fs::write(file, bytes).map_err(|error| error.to_string())?;
        Ok(String::new())
    }

    fn current_time(&self) -> String {
        let ns = self
            .machine
            .as_ref()
            .map_or(0, |machine| (machine.now() + self.off).as_ns());
        let (seconds, rest) = (ns / 1_000_000_000, ns % 1_000_000_000);
        let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        let time = format!("{hours:02}:{minutes:02}:{seconds:02}.{rest:09}");
        format!("Current virtual time: {time}\r\nCurrent real time: 00:00:00.071729400\r\n\r")
    }

    fn run_for(&mut self, span: &str) -> Result<String, String> {
        if self.started {
            return Err(format!(
                "There was an error executing command 'emulation RunFor {span}'This action is not available when emulation is already started"
            ));
        }
        let seconds: f64 = span
            .trim_matches('"')
            .parse()
            .map_err(|_| "Parameters did not match the signature")?;
        for at in 0..self.terminals.len() {
            let bytes = self.terminals[at].2.receive();
            if let (Some(index), false) = (self.terminals[at].1, bytes.is_empty()) {
                self.journal.push(Deed::Uart {
                    index,
                    bytes: bytes.clone(),
                });
                self.feed(index, bytes)?;
            }
        }
        self.do_deed(Deed::RunForUs((seconds * 1e6).round() as u64))?;
        for output in self.machine()?.take_uart_output() {
            if let Some((_, _, line)) = self
                .terminals
                .iter_mut()
                .find(|(_, index, _)| *index == Some(output.index))
            {
                line.send(&output.bytes);
            }
        }
        for fault in self.machine()?.take_faults() {
            if let GuestFault::Access(record) = fault {
                log(
                    "WARNING",
                    &format!(
                        "sysbus: [cpu: {:#X}] ReadDoubleWord from non existing peripheral at 0x{:X}.",
                        record.pc, record.addr
                    ),
                );
            }
        }
        Ok(String::new())
    }

    /// Input beyond what the line takes now waits, as in Renode's own queue.
    fn feed(&mut self, index: u8, mut bytes: Vec<u8>) -> Result<(), String> {
        while !bytes.is_empty() {
            let taken = self
                .machine()?
                .uart_input(index, &bytes)
                .map_err(|error| error.to_string())?;
            bytes.drain(..taken);
            if taken == 0 {
                self.run_us(100)?;
            }
        }
        Ok(())
    }

    /// Does something that a saved state has to hold.
    fn do_deed(&mut self, deed: Deed) -> Result<(), String> {
        self.replay(&deed)?;
        self.journal.push(deed);
        Ok(())
    }

    fn replay(&mut self, deed: &Deed) -> Result<(), String> {
        let text = |error: drydock_emulator::MachineError| error.to_string();
        match deed {
            Deed::Seed(seed) => self.boot(*seed),
            // Erasing everything removes the bootloader with which the builtin engine starts an image.
            Deed::Write { addr: 0, bytes } => self.machine()?.write_memory(0x1_0000, &bytes[0x1_0000..]).map_err(text),
            Deed::Write { addr, bytes } => match self.machine()?.write_memory(*addr, bytes) {
                // The factory's page: the builtin engine has its own.
                Err(_) if *addr == 0x1000_0000 => Ok(()),
                written => written.map_err(text),
            },
            Deed::Reset => self.machine()?.reset(ResetKind::Pin).map_err(text),
            Deed::RunForUs(us) => self.run_us(*us),
            Deed::Uart { index, bytes } => self.feed(*index, bytes.clone()),
            Deed::Pin { pin, level } => self.machine()?.pin_input(*pin, Some(*level)).map_err(text),
            Deed::Register { name, value } => self.machine()?.write_register(name, *value).map_err(text),
            Deed::Step => self.machine()?.step().map(drop).map_err(text),
        }
    }

    fn run_us(&mut self, us: u64) -> Result<(), String> {
        let off = self.off;
        let machine = self.machine()?;
        let until = (machine.now() + VirtualTime::from_us(us)).max(VirtualTime::ZERO);
        loop {
            match machine.run(RunLimit::until(until)).map_err(|error| error.to_string())? {
                StopReason::Deadline => return Ok(()),
                StopReason::Reset(_) => {}
                // The core is halted, but time advances.
                _ => {
                    let rest = until - machine.now().min(until);
                    self.off = off + rest;
                    return Ok(());
                }
            }
        }
    }

    fn load(&mut self, file: &str) -> Result<String, String> {
        let bytes = fs::read(path(file)).map_err(|_| {
            format!("There was an error executing command 'Load {file}'Parameters did not match the signature")
        })?;
        let saved: Saved = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        self.terminals.clear();
        self.selected = false;
        (self.seed, self.names, self.taken, self.journal) = saved;
        self.boot(self.seed)?;
        for deed in self.journal.clone() {
            self.replay(&deed)?;
        }
        let machine = self.machine()?;
        machine.take_uart_output();
        machine.take_faults();
        Ok(String::new())
    }
}

/// A socket terminal: one client, output before it connects is queued.
struct Line {
    listener: TcpListener,
    client: Option<TcpStream>,
    queued: Vec<u8>,
}

impl Line {
    fn listen(port: u16) -> Result<Self, String> {
        let listener = TcpListener::bind(("127.0.0.1", port)).map_err(|error| error.to_string())?;
        listener.set_nonblocking(true).map_err(|error| error.to_string())?;
        Ok(Self {
            listener,
            client: None,
            queued: Vec::new(),
        })
    }

    fn client(&mut self) -> Option<&mut TcpStream> {
        if self.client.is_none() {
            let (client, _) = self.listener.accept().ok()?;
            client.set_nonblocking(true).ok()?;
            self.client = Some(client);
        }
        self.client.as_mut()
    }

    fn receive(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut piece = [0; 4_096];
        if let Some(client) = self.client() {
            loop {
                match client.read(&mut piece) {
                    Ok(0) => break,
                    Ok(count) => bytes.extend_from_slice(&piece[..count]),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
        }
        bytes
    }

    fn send(&mut self, bytes: &[u8]) {
        self.queued.extend_from_slice(bytes);
        let queued = std::mem::take(&mut self.queued);
        match self.client() {
            Some(client) => client.write_all(&queued).expect("the driver reads"),
            None => self.queued = queued,
        }
    }
}

fn path(file: &str) -> &str {
    file.trim_start_matches('@')
}

/// The path of an output file: a plain name is one in Renode's own folder, which may not be writable.
fn written_path(file: &str) -> Result<&str, String> {
    match path(file) {
        absolute if absolute.starts_with('/') => Ok(absolute),
        name => Err(format!("Access to the path '{name}' is denied.")),
    }
}

fn number_of(text: &str) -> Result<u64, String> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    number.ok_or_else(|| "Parameters did not match the signature".to_owned())
}

fn register(index: &str) -> Result<&'static str, String> {
    let index = number_of(index)?;
    let found = REGISTERS.iter().find(|(_, number)| *number == index);
    Ok(found.ok_or("Wrong register")?.0)
}

fn hex(value: u64) -> String {
    format!("0x{value:X}\r\r\n")
}
