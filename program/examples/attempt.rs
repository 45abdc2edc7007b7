//! Runs one firmware file on one kind of board, and prints what was seen as a JSON object: `./x compat` makes a page of
//! many of these. The file may be anybody's; nothing is asked of it.
//!
//! `attempt BOARD FILE SECONDS [--address ADDRESS] [--send UART TEXT] [--zero]`. SECONDS are the board's. What is to be sent
//! is sent in the middle of that time. `--zero` answers accesses that are not modelled with zero.

use drydock_emulator::{
    DebugLine, Engine as _, GuestFault, Machine, ResetKind, RunLimit, Seed, StopReason, UnmodelledAnswer, VirtualTime,
    builtin::engine::Builtin,
    cable::usb_host::{CdcPort, CdcState},
    runner::serve_usb,
};
use drydock_program::{Program, read_file};
use serde::Serialize;
use std::{collections::BTreeMap, path::Path};

/// How often the host looks at the board, in its time.
const LOOK_US: u64 = 250;
/// Resets by lockups after which nothing new comes.
const LOCKUPS: u32 = 20;
/// Faults that are told.
const FAULTS: usize = 6;
/// Bytes of a line's text that are told, from its beginning and its end.
const TEXT_BYTES: usize = 400;

/// What was seen.
#[derive(Serialize, Default)]
struct Seen {
    /// Why the board did not take the file.
    refused: Option<String>,
    /// Where it started, in a sentence.
    start: String,
    /// Virtual time that passed, in seconds.
    seconds: f64,
    instructions: u64,
    /// Instructions of the second half of the time.
    later_instructions: u64,
    resets: Vec<String>,
    /// Why it ended before its time.
    stopped: Option<String>,
    faults: Vec<String>,
    fault_count: u64,
    /// What each line said.
    lines: BTreeMap<String, Said>,
    /// The USB device as the host found it.
    usb: Option<String>,
    /// How often its pins changed.
    pin_changes: usize,
    pc: String,
}

#[derive(Serialize, Default)]
struct Said {
    bytes: usize,
    /// When the first byte came, in seconds.
    first_s: f64,
    begin: String,
    end: String,
    #[serde(skip)]
    text: Vec<u8>,
}

struct Options {
    board: String,
    file: String,
    seconds: f64,
    address: Option<u32>,
    send: Option<(u8, String)>,
    zero: bool,
}

fn main() -> Result<(), String> {
    let asked = options()?;
    let seen = run(&asked)?;
    let text = serde_json::to_string(&seen).map_err(|error| error.to_string())?;
    println!("{text}");
    Ok(())
}

fn options() -> Result<Options, String> {
    let usage = || "attempt BOARD FILE SECONDS [--address ADDRESS] [--send UART TEXT] [--zero]".to_owned();
    let mut words = std::env::args().skip(1);
    let mut next = || words.next().ok_or_else(usage);
    let (board, file, seconds) = (next()?, next()?, next()?.parse().map_err(|_| usage())?);
    let (mut address, mut send, mut zero) = (None, None, false);
    while let Ok(word) = next() {
        match word.as_str() {
            "--address" => {
                let text = next()?;
                let digits = text.trim_start_matches("0x");
                address = Some(u32::from_str_radix(digits, 16).map_err(|_| usage())?);
            }
            "--send" => send = Some((next()?.parse().map_err(|_| usage())?, next()?)),
            "--zero" => zero = true,
            _ => return Err(usage()),
        }
    }
    Ok(Options {
        board,
        file,
        seconds,
        address,
        send,
        zero,
    })
}

fn run(asked: &Options) -> Result<Seen, String> {
    let board = drydock_assets::board(&asked.board).ok_or("there is no such kind of board")?;
    let file = read_file(Path::new(&asked.file)).map_err(|error| error.to_string())?;
    let parsed = Program::parse(file, asked.address, &board);
    let parsed = parsed.and_then(|program| program.check(&Builtin).map(|()| program));
    let program = match parsed {
        Ok(program) => program,
        Err(why) => {
            return Ok(Seen {
                refused: Some(why.to_string()),
                ..Seen::default()
            });
        }
    };
    let failed = |error: &dyn std::fmt::Display| error.to_string();
    let mut machine = Builtin
        .open(&program.board, Seed([7; 32]))
        .map_err(|error| failed(&error))?;
    machine.load(&program.image).map_err(|error| failed(&error))?;
    machine.collect_logs();
    if asked.zero {
        machine.answer_unmodelled(UnmodelledAnswer::Zero);
    }
    machine.reset(ResetKind::PowerOn).map_err(|error| failed(&error))?;
    let mut seen = Seen {
        start: program.start.clone(),
        ..Seen::default()
    };
    watch(&mut *machine, asked, &mut seen)?;
    seen.seconds = seconds(machine.now());
    let begin = seen.instructions;
    seen.instructions = machine.instructions();
    seen.later_instructions = machine.instructions() - begin;
    seen.pc = format!("{:#010x}", machine.read_register("pc").unwrap_or_default());
    for said in seen.lines.values_mut() {
        said.bytes = said.text.len();
        let cut = said.text.len().min(TEXT_BYTES);
        said.begin = String::from_utf8_lossy(&said.text[..cut]).into_owned();
        said.end = String::from_utf8_lossy(&said.text[said.text.len() - cut..]).into_owned();
    }
    Ok(seen)
}

/// Lets the board run with a host at its USB socket. `seen.instructions` are those of the first half then.
fn watch(machine: &mut dyn Machine, asked: &Options, seen: &mut Seen) -> Result<(), String> {
    let (mut port, mut host) = CdcPort::detached();
    let (mut open, mut lockups, mut sent) = (false, 0, false);
    let end_us = (asked.seconds * 1e6) as u64;
    let mut at_us = 0;
    while at_us < end_us {
        at_us += LOOK_US;
        let until = VirtualTime::from_us(at_us);
        while machine.now() < until {
            let reason = match machine.run(RunLimit::until(until)) {
                Ok(reason) => reason,
                Err(error) => {
                    seen.stopped = Some(error.to_string());
                    return Ok(());
                }
            };
            match reason {
                StopReason::Deadline | StopReason::Paused | StopReason::Stepped | StopReason::Idle { .. } => {}
                StopReason::Reset(kind) => {
                    lockups += u32::from(kind == ResetKind::Lockup);
                    if seen.resets.len() < LOCKUPS as usize {
                        seen.resets.push(format!("{kind:?} at {} s", machine.now()));
                    }
                    if lockups == LOCKUPS {
                        seen.stopped = Some("it locks up after each reset".into());
                        return Ok(());
                    }
                }
                other => {
                    collect(machine, seen);
                    seen.stopped = Some(format!("{other:?}"));
                    return Ok(());
                }
            }
        }
        if machine.usb().is_some() {
            let device = port.device();
            match &device {
                CdcState::Ready(identity) => {
                    seen.usb = Some(format!(
                        "{:04x}:{:04x} {} {}, a serial port",
                        identity.vendor,
                        identity.product,
                        identity.manufacturer.as_deref().unwrap_or_default(),
                        identity.product_name.as_deref().unwrap_or_default()
                    ));
                }
                CdcState::Failed(error) => seen.usb = Some(format!("not usable as a serial port: {error}")),
                CdcState::Disconnected | CdcState::Enumerating | CdcState::Closed => {}
            }
            let ready = matches!(device, CdcState::Ready(_));
            if ready && !open {
                port.set_line_coding(115_200);
                port.set_control_lines(true, true);
            }
            open = ready;
            serve_usb(machine, &mut host, |_| {});
            let bytes = port.fetch();
            say(seen, "usb", machine.now(), &bytes);
        }
        if !sent && at_us >= end_us / 2 {
            sent = true;
            seen.instructions = machine.instructions();
            if let Some((uart, text)) = &asked.send {
                let taken = machine.uart_input(*uart, text.as_bytes());
                taken.map_err(|error| error.to_string())?;
            }
        }
        collect(machine, seen);
    }
    Ok(())
}

fn collect(machine: &mut dyn Machine, seen: &mut Seen) {
    for output in machine.take_uart_output() {
        let line = match DebugLine::of(output.index) {
            Some(DebugLine::Semihosting) => "semihosting".to_owned(),
            Some(DebugLine::Rtt(channel)) => format!("rtt{channel}"),
            Some(DebugLine::Itm(port)) => format!("itm{port}"),
            None => format!("{}", output.index),
        };
        say(seen, &line, output.at, &output.bytes);
    }
    seen.pin_changes += machine.take_pin_changes().len();
    for fault in machine.take_faults() {
        seen.fault_count += 1;
        let text = match &fault {
            GuestFault::Lockup { .. } | GuestFault::Access(_) | GuestFault::Exception { .. } => fault.to_string(),
            GuestFault::Unmodelled { what, pc, .. } => format!("{what} at {pc:#010x}: not modelled"),
        };
        if seen.faults.len() < FAULTS && !seen.faults.contains(&text) {
            seen.faults.push(text);
        }
    }
}

fn say(seen: &mut Seen, line: &str, at: VirtualTime, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let said = seen.lines.entry(line.to_owned()).or_default();
    if said.text.is_empty() {
        said.first_s = seconds(at);
    }
    said.text.extend(bytes);
}

fn seconds(time: VirtualTime) -> f64 {
    time.as_ns() as f64 / 1e9
}
