//! Boots an ELF file on an emulated board and reports UART output, faults with symbols, pin changes and the end of the
//! run.
//!
//! `cargo run -p drydock-emulator --example boot -- firmware.elf [--board nano33ble] [--for 2s] [--seed N] [--pins]
//! [--uart-in FILE] [--until TEXT] [--stop-on-fault] [--unmodelled fault|zero]`

use std::error::Error;
use std::io::Write as _;
use std::time::{Duration, Instant};

use drydock_emulator::builtin::engine::Builtin;
use drydock_emulator::{
    Engine, GuestFault, Image, Machine, ResetKind, RunLimit, Seed, StopReason, UnmodelledAnswer, VirtualTime,
};
use rustc_demangle::demangle;

struct Args {
    elf: String,
    board: String,
    duration: Duration,
    seed: u64,
    pins: bool,
    uart_in: Option<String>,
    until: Option<String>,
    stop_on_fault: bool,
    unmodelled: UnmodelledAnswer,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = arguments()?;
    let image = Image::from_elf(&std::fs::read(&args.elf)?)?;
    let board = drydock_assets::board(&args.board).ok_or_else(|| format!("no board {}", args.board))?;
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&args.seed.to_le_bytes());
    let mut machine = Builtin.open(&board, Seed(seed))?;
    machine.answer_unmodelled(args.unmodelled);
    machine.load(&image)?;
    machine.reset(ResetKind::PowerOn)?;
    for segment in &image.segments {
        eprintln!(
            "loaded {:#010x}..{:#010x}",
            segment.addr,
            segment.addr as usize + segment.bytes.len()
        );
    }
    if let Some(file) = &args.uart_in {
        let bytes = std::fs::read(file)?;
        let taken = machine.uart_input(board.link.uart, &bytes)?;
        eprintln!("UART {}: {taken} of {} bytes queued", board.link.uart, bytes.len());
    }
    let started = Instant::now();
    let end = VirtualTime::from_ns(args.duration.as_nanos() as u64);
    let mut session = Session {
        image,
        pins: args.pins,
        line: Vec::new(),
        seen: String::new(),
        first_fault: None,
    };
    let how = session.run(&mut *machine, end, &args)?;
    session.flush();
    let seconds = started.elapsed().as_secs_f64();
    if let Some(fault) = &session.first_fault {
        eprintln!("first fault: {fault}");
    }
    let instructions = machine.instructions();
    eprintln!(
        "{how} at {} s virtual, pc {}: {instructions} instructions in {seconds:.3} s ({:.0} MIPS)",
        machine.now(),
        session.place(machine.read_register("pc")? as u32),
        instructions as f64 / seconds / 1e6,
    );
    for register in machine.registers().to_vec() {
        eprint!("{}={:#x} ", register.name, machine.read_register(register.name)?);
    }
    eprintln!();
    Ok(())
}

struct Session {
    image: Image,
    pins: bool,
    line: Vec<u8>,
    /// All printable output, for `--until`.
    seen: String,
    /// The cause of those that follow, most likely.
    first_fault: Option<String>,
}

impl Session {
    fn run(&mut self, machine: &mut dyn Machine, end: VirtualTime, args: &Args) -> Result<String, Box<dyn Error>> {
        loop {
            let next = machine.now().saturating_add(VirtualTime::from_ms(10)).min(end);
            let reason = machine.run(RunLimit::until(next))?;
            let faulty = self.tell(machine);
            if faulty && args.stop_on_fault {
                return Ok("stopped on a fault".to_owned());
            }
            if args
                .until
                .as_ref()
                .is_some_and(|text| self.seen.contains(text.as_str()))
            {
                return Ok("found the text".to_owned());
            }
            match reason {
                StopReason::Deadline if machine.now() >= end => return Ok("time is up".to_owned()),
                StopReason::Deadline | StopReason::Stepped | StopReason::Paused => {}
                StopReason::Idle { next_event: None } => return Ok("asleep, with nothing to wake it".to_owned()),
                StopReason::Idle { .. } => {}
                StopReason::Reset(kind) => eprintln!("[{}] reset: {kind:?}", machine.now()),
                StopReason::Breakpoint { exit: Some(code), .. } => return Ok(format!("the program ended with {code}")),
                StopReason::Breakpoint { pc, code, .. } => return Ok(format!("bkpt {code:#x} at {}", self.place(pc))),
                StopReason::Lockup { pc } => return Ok(format!("lockup at {}", self.place(pc))),
                StopReason::DebugHalt => return Ok("halted by a debugger".to_owned()),
                StopReason::PoweredOff => return Ok("powered off".to_owned()),
            }
        }
    }

    /// Prints the output since the last call; returns whether it contained a fault.
    fn tell(&mut self, machine: &mut dyn Machine) -> bool {
        for output in machine.take_uart_output() {
            for byte in output.bytes {
                self.line.push(byte);
                if matches!(byte, b'\n' | 0) || self.line.len() >= 256 {
                    let line = std::mem::take(&mut self.line);
                    self.print(&format!("[{}] uart{}: ", output.at, output.index), &line);
                }
            }
        }
        if self.pins {
            for change in machine.take_pin_changes() {
                let pin = drydock_assets::Pin(change.pin);
                println!(
                    "[{}] {pin} {}",
                    change.at,
                    change
                        .level
                        .map_or("floats", |level| if level { "high" } else { "low" })
                );
            }
        }
        let faults = machine.take_faults();
        for fault in &faults {
            let place = match fault {
                GuestFault::Access(record) => self.place(record.pc),
                GuestFault::Exception { pc, lr, .. } => format!("{}, lr {}", self.place(*pc), self.place(*lr)),
                GuestFault::Lockup { pc, .. } | GuestFault::Unmodelled { pc, .. } => self.place(*pc),
            };
            println!("FAULT {fault}\n      in {place}");
            self.first_fault.get_or_insert_with(|| format!("{fault}, in {place}"));
        }
        !faults.is_empty()
    }

    fn flush(&mut self) {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.print("uart: ", &line);
        }
        let _ = std::io::stdout().flush();
    }

    fn print(&mut self, head: &str, line: &[u8]) {
        let text: String = line
            .iter()
            .map(|byte| {
                if byte.is_ascii_graphic() || *byte == b' ' {
                    char::from(*byte)
                } else {
                    '.'
                }
            })
            .collect();
        self.seen.push_str(&text);
        self.seen.push('\n');
        let printable = line
            .iter()
            .filter(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace())
            .count();
        if printable * 10 >= line.len() * 9 {
            println!("{head}{}", text.trim_end_matches('.'));
        } else {
            let hex: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
            println!("{head}{} |{text}|", hex.join(" "));
        }
    }

    fn place(&self, pc: u32) -> String {
        match self.image.symbol_at(pc & !1) {
            Some((symbol, offset)) => format!("{:#} + {offset:#x} ({pc:#010x})", demangle(&symbol.name)),
            None => format!("{pc:#010x}"),
        }
    }
}

fn arguments() -> Result<Args, Box<dyn Error>> {
    let mut args = Args {
        elf: String::new(),
        board: "nano33ble".to_owned(),
        duration: Duration::from_secs(2),
        seed: 1,
        pins: false,
        uart_in: None,
        until: None,
        stop_on_fault: false,
        unmodelled: UnmodelledAnswer::Fault,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--board" => args.board = value()?,
            "--for" => args.duration = duration(&value()?)?,
            "--seed" => args.seed = value()?.parse()?,
            "--pins" => args.pins = true,
            "--uart-in" => args.uart_in = Some(value()?),
            "--until" => args.until = Some(value()?),
            "--stop-on-fault" => args.stop_on_fault = true,
            "--unmodelled" => {
                args.unmodelled = match value()?.as_str() {
                    "zero" => UnmodelledAnswer::Zero,
                    "fault" => UnmodelledAnswer::Fault,
                    other => return Err(format!("--unmodelled is fault or zero, not {other}").into()),
                }
            }
            _ if word.starts_with("--") => return Err(format!("unknown option {word}").into()),
            _ => args.elf = word,
        }
    }
    if args.elf.is_empty() {
        return Err("usage: boot <elf> [--board B] [--for 2s] [--seed N] [--pins] [--uart-in FILE] [--until TEXT] [--stop-on-fault] [--unmodelled fault|zero]".into());
    }
    Ok(args)
}

/// `250ms`, `2s`, `1m`.
fn duration(text: &str) -> Result<Duration, Box<dyn Error>> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let number: f64 = text[..split].parse()?;
    let unit = match &text[split..] {
        "ms" => 1e-3,
        "s" | "" => 1.0,
        "m" => 60.0,
        other => return Err(format!("unknown unit {other}").into()),
    };
    Ok(Duration::from_secs_f64(number * unit))
}
