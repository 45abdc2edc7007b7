//! The host calls, as plain functions over an app's context and its memory. This module knows no runtime.
//!
//! Each call of [`host_calls`](drydock_protocol::host_calls) has its function here. [`AppContext::call`] checks the
//! grant: a call that was not granted ends the app, never the board. Each function adds its cost in fuel.

use crate::{
    board::{BoardRef, Pull},
    clock::DeviceClock,
    log::{Allowance, LogRing, level},
    samples::{SampleRing, Values},
};
use alloc::{
    format,
    rc::Rc,
    string::{String, ToString},
    vec::Vec,
};
use core::cell::RefCell;
use drydock_protocol::{
    app_samples,
    capability::{Capability, PinSet},
    device_to_gateway::AppValue,
    host_calls::{HostCall, Needs},
    limits::{
        MAX_APP_SERIES, MAX_BATCH_VALUES, MAX_LOG_BYTES, MAX_RANDOM_BYTES, MAX_SERIES_NAME_BYTES, MAX_WRITE_BYTES,
        MAX_WRITE_VECTORS,
    },
    types::LogLevel,
};

/// `tick` is called each second until the app sets another interval.
const FIRST_TICK_INTERVAL_MS: u32 = 1000;
/// Longest interval of `tick`.
const MAX_TICK_INTERVAL_MS: u32 = 3_600_000;

/// Fuel of a host call besides its instruction. Fuel stands for time, so that a slice takes about the same time for any
/// app: one unit is about 26 cycles of a Cortex-M4.
const CALL_FUEL: u64 = 150;
/// Fuel of one byte that a call copies, checks or prints.
const BYTE_FUEL: u64 = 1;
/// Fuel of one vector of `fd_write`.
const VECTOR_FUEL: u64 = 10;
/// Fuel of one line of output, besides its bytes.
const LINE_FUEL: u64 = 30;
/// Fuel of one record of values that an app publishes, besides its bytes.
const RECORD_FUEL: u64 = 30;
/// Fuel of one random byte. The slowest source, the nRF52840's with bias correction, takes about 120 microseconds.
const RANDOM_BYTE_FUEL: u64 = 300;

/// An app's grants, and the results of its calls.
pub struct AppContext {
    board: BoardRef,
    clock: Rc<DeviceClock>,
    logs: Rc<RefCell<LogRing>>,
    samples: Rc<RefCell<SampleRing>>,
    /// The app's number in `samples`.
    source: u32,
    app: String,
    grants: Grants,
    allowance: Allowance,
    /// Output to stdout that has no line end yet.
    line: Vec<u8>,
    /// The latest value of each name that the app publishes.
    pub values: Vec<AppValue>,
    /// Values that were dropped.
    pub values_dropped: u32,
    /// The next values do not follow earlier ones: the app has just started, or some were dropped.
    has_lost: bool,
    /// Interval of `tick`; 0: none.
    pub tick_interval_ms: u32,
    /// Calls so far.
    pub host_calls: u32,
    /// Fuel that calls cost since [`Self::take_cost`].
    cost: u64,
}

/// The capabilities in the form that calls check.
#[derive(Debug, Clone, Copy, Default)]
struct Grants {
    log: bool,
    metrics: bool,
    timer: bool,
    random: bool,
    pins: PinSet,
}

/// Why a host call ends the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The app lacks the capability.
    Denied(String),
    /// The arguments are invalid.
    Trap(String),
    /// `proc_exit`.
    Exit(i32),
}

/// The function behind a call: raw arguments, the app's memory, the raw result.
pub(crate) type HostFn = fn(&mut AppContext, &[u64], &mut [u8]) -> Result<u64, Stop>;

impl AppContext {
    /// The context of an app with these grants.
    pub fn new(
        board: BoardRef,
        clock: &Rc<DeviceClock>,
        logs: &Rc<RefCell<LogRing>>,
        samples: &Rc<RefCell<SampleRing>>,
        app: &str,
        capabilities: &[Capability],
    ) -> Self {
        let mut grants = Grants::default();
        for capability in capabilities {
            match capability {
                Capability::Log => grants.log = true,
                Capability::Metrics => grants.metrics = true,
                Capability::Timer => grants.timer = true,
                Capability::Random => grants.random = true,
                Capability::Gpio(pins) => grants.pins.0 |= pins.0 & board.info().app_pins.0,
                Capability::Kv(_) | Capability::Publish(_) => {}
            }
        }
        Self {
            board,
            allowance: Allowance::new(clock.uptime_ms()),
            clock: clock.clone(),
            logs: logs.clone(),
            source: samples.borrow_mut().source(),
            samples: samples.clone(),
            app: app.into(),
            grants,
            line: Vec::new(),
            values: Vec::new(),
            values_dropped: 0,
            has_lost: true,
            tick_interval_ms: FIRST_TICK_INTERVAL_MS,
            host_calls: 0,
            cost: 0,
        }
    }

    /// Fuel that calls cost since the last call of this function.
    pub(crate) fn take_cost(&mut self) -> u64 {
        core::mem::take(&mut self.cost)
    }

    /// The board that the app runs on.
    pub(crate) fn board(&self) -> BoardRef {
        self.board
    }

    /// Carries out a call, if it is granted.
    pub(crate) fn call(
        &mut self,
        call: &HostCall,
        function: HostFn,
        arguments: &[u64],
        memory: &mut [u8],
    ) -> Result<u64, Stop> {
        self.host_calls = self.host_calls.wrapping_add(1);
        self.cost += CALL_FUEL;
        let first = arguments.first().copied().unwrap_or(0) as u32;
        let missing = match call.needs {
            Needs::Nothing => None,
            Needs::Log => (!self.grants.log).then_some("log"),
            Needs::Metrics => (!self.grants.metrics).then_some("metrics"),
            Needs::Timer => (!self.grants.timer).then_some("timer"),
            Needs::Random => (!self.grants.random).then_some("random"),
            Needs::Gpio if self.grants.pins.contains(first) => None,
            Needs::Gpio => {
                return Err(Stop::Denied(format!("{}: gpio:{first} is not granted", call.name)));
            }
        };
        if let Some(missing) = missing {
            return Err(Stop::Denied(format!("{}: {missing} is not granted", call.name)));
        }
        function(self, arguments, memory).map_err(|stop| match stop {
            Stop::Trap(detail) => Stop::Trap(format!("{}: {detail}", call.name)),
            other => other,
        })
    }

    /// Writes output that has no line end yet as a line.
    pub fn flush_line(&mut self) {
        if !self.line.is_empty() {
            self.write_line(LogLevel::Info);
        }
    }

    /// Logs how many of the app's lines were dropped.
    pub fn publish_lost_lines(&mut self) {
        let uptime_ms = self.clock.uptime_ms();
        self.allowance
            .publish_lost(&mut self.logs.borrow_mut(), &self.app, uptime_ms);
    }

    fn write_line(&mut self, level: LogLevel) {
        let line = core::mem::take(&mut self.line);
        self.write_log(level, &line);
    }

    fn write_log(&mut self, level: LogLevel, text: &[u8]) {
        // The log cuts longer lines; do not copy them first.
        let text = &text[..text.len().min(MAX_LOG_BYTES + 4)];
        self.cost += LINE_FUEL + text.len() as u64 * BYTE_FUEL;
        let uptime_ms = self.clock.uptime_ms();
        if !self.allowance.take(uptime_ms) {
            self.logs.borrow_mut().refuse();
            return;
        }
        let text = String::from_utf8_lossy(text);
        if !self.logs.borrow_mut().push(&self.app, level, &text, uptime_ms) {
            self.allowance.found_no_room();
        }
    }
}

/// The function behind a call of the table.
pub(crate) fn implementation(call: &HostCall) -> Option<HostFn> {
    Some(match call.name {
        "log" => log,
        "metric" => metric,
        "metric_batch" => metric_batch,
        "uptime_ms" => |context, _, _| Ok(context.clock.uptime_ms()),
        "tick_every" => tick_every,
        "gpio_output" => |context, arguments, _| {
            context.board.pins().output(arguments[0] as u8);
            Ok(0)
        },
        "gpio_input" => gpio_input,
        "gpio_write" => |context, arguments, _| {
            context.board.pins().write(arguments[0] as u8, arguments[1] as u32 != 0);
            Ok(0)
        },
        "gpio_read" => |context, arguments, _| Ok(context.board.pins().read(arguments[0] as u8).into()),
        "temperature_mc" => |context, _, _| {
            let temperature = context.board.temperature_mc().unwrap_or(i32::MIN);
            Ok(u64::from(temperature as u32))
        },
        "fd_write" => fd_write,
        "fd_close" => |_, _, _| Ok(ERRNO_SUCCESS),
        "fd_seek" => |_, _, _| Ok(ERRNO_SPIPE),
        "fd_fdstat_get" => fd_fdstat_get,
        "clock_time_get" => clock_time_get,
        "random_get" => random_get,
        "proc_exit" => |context, arguments, _| {
            context.flush_line();
            Err(Stop::Exit(arguments[0] as u32 as i32))
        },
        "environ_sizes_get" | "args_sizes_get" => no_sizes,
        "environ_get" | "args_get" => |_, _, _| Ok(ERRNO_SUCCESS),
        _ => return None,
    })
}

fn log(context: &mut AppContext, arguments: &[u64], memory: &mut [u8]) -> Result<u64, Stop> {
    let text = range(memory, arguments[1], arguments[2])?;
    context.write_log(level(arguments[0] as u32), text);
    Ok(0)
}

fn metric(context: &mut AppContext, arguments: &[u64], memory: &mut [u8]) -> Result<u64, Stop> {
    let series = context.series(range(memory, arguments[0], arguments[1])?)?;
    let value = f64::from_bits(arguments[2]);
    let narrow = value as f32;
    if f64::from(narrow).to_bits() == value.to_bits() {
        context.publish(series, 0, 1, 0, &narrow.to_le_bytes(), value);
    } else {
        context.publish(series, app_samples::WIDE, 1, 0, &value.to_le_bytes(), value);
    }
    Ok(0)
}

fn metric_batch(context: &mut AppContext, arguments: &[u64], memory: &mut [u8]) -> Result<u64, Stop> {
    let series = context.series(range(memory, arguments[0], arguments[1])?)?;
    let (count, period_us) = (arguments[3], arguments[4] as u32);
    if count > u64::from(MAX_BATCH_VALUES) {
        return Err(Stop::Trap("a batch has 200 values at most".into()));
    }
    let values = range(memory, arguments[2], 4 * count)?;
    let Some(last) = values.last_chunk() else { return Ok(0) };
    let last = f32::from_le_bytes(*last);
    context.publish(series, app_samples::RUN, count as u8, period_us, values, last.into());
    Ok(0)
}

impl AppContext {
    /// The number of the series with this name, which is made on first use. `None` if the app has too many.
    fn series(&mut self, name: &[u8]) -> Result<Option<usize>, Stop> {
        // Only the bytes that are kept are checked. A character that the cut splits is omitted.
        let (name, is_cut) = match name.get(..MAX_SERIES_NAME_BYTES) {
            Some(start) => (start, name.len() > MAX_SERIES_NAME_BYTES),
            None => (name, false),
        };
        self.cost += RECORD_FUEL + name.len() as u64 * BYTE_FUEL;
        let name = match core::str::from_utf8(name) {
            Ok(name) => name,
            Err(error) if is_cut && error.error_len().is_none() => {
                core::str::from_utf8(&name[..error.valid_up_to()]).unwrap_or_default()
            }
            Err(_) => return Err(Stop::Trap("the name is not UTF-8".into())),
        };
        let known = self.values.iter().position(|known| known.name == name);
        if known.is_none() && self.values.len() < MAX_APP_SERIES {
            let (name, value) = (name.to_string(), 0.0);
            self.values.push(AppValue { name, value });
            return Ok(Some(self.values.len() - 1));
        }
        Ok(known)
    }

    fn publish(&mut self, series: Option<usize>, flags: u8, count: u8, period_us: u32, bytes: &[u8], last: f64) {
        self.cost += bytes.len() as u64 * BYTE_FUEL;
        let is_taken = series.is_some_and(|series| {
            let value = &mut self.values[series];
            value.value = last;
            let values = Values {
                source: self.source,
                app: &self.app,
                value: series as u8,
                name: &value.name,
                flags: flags | if self.has_lost { app_samples::LOST } else { 0 },
                count,
                period_us,
                bytes,
            };
            self.samples.borrow_mut().push(&values, self.board.now_us())
        });
        self.has_lost = !is_taken;
        if !is_taken {
            self.values_dropped = self.values_dropped.saturating_add(count.into());
        }
    }
}

fn tick_every(context: &mut AppContext, arguments: &[u64], _: &mut [u8]) -> Result<u64, Stop> {
    context.tick_interval_ms = (arguments[0] as u32).min(MAX_TICK_INTERVAL_MS);
    Ok(0)
}

fn gpio_input(context: &mut AppContext, arguments: &[u64], _: &mut [u8]) -> Result<u64, Stop> {
    let pull = match arguments[1] as u32 {
        0 => Pull::None,
        1 => Pull::Down,
        2 => Pull::Up,
        other => return Err(Stop::Trap(format!("there is no pull {other}"))),
    };
    context.board.pins().input(arguments[0] as u8, pull);
    Ok(0)
}

// Error numbers of WASI preview 1 (`errno`).
const ERRNO_SUCCESS: u64 = 0;
const ERRNO_BADF: u64 = 8;
const ERRNO_INVAL: u64 = 28;
const ERRNO_SPIPE: u64 = 70;

const STDOUT: u64 = 1;
const STDERR: u64 = 2;

fn fd_write(context: &mut AppContext, arguments: &[u64], memory: &mut [u8]) -> Result<u64, Stop> {
    let (descriptor, vectors, count, result) = (arguments[0], arguments[1], arguments[2], arguments[3]);
    let level = match descriptor {
        STDOUT => LogLevel::Info,
        STDERR => LogLevel::Error,
        _ => return Ok(ERRNO_BADF),
    };
    let mut written = 0;
    for index in 0..count.min(MAX_WRITE_VECTORS.into()) {
        let vector = range(memory, vectors + 8 * index, 8)?;
        let word = |at: usize| u32::from_le_bytes([vector[at], vector[at + 1], vector[at + 2], vector[at + 3]]);
        let (at, len) = (word(0), word(4));
        let text = range(memory, at.into(), len.into())?;
        // The caller continues behind these bytes, as after any short write.
        let text = &text[..text.len().min((MAX_WRITE_BYTES - written) as usize)];
        written += text.len() as u32;
        context.cost += VECTOR_FUEL + text.len() as u64 * BYTE_FUEL;
        for byte in text {
            if *byte == b'\n' {
                context.write_line(level);
            } else {
                if context.line.len() >= MAX_LOG_BYTES {
                    context.write_line(level);
                }
                context.line.push(*byte);
            }
        }
        if written == MAX_WRITE_BYTES {
            break;
        }
    }
    store(memory, result, &written.to_le_bytes())?;
    Ok(ERRNO_SUCCESS)
}

fn fd_fdstat_get(_: &mut AppContext, arguments: &[u64], memory: &mut [u8]) -> Result<u64, Stop> {
    if !(0..=STDERR).contains(&arguments[0]) {
        return Ok(ERRNO_BADF);
    }
    const CHARACTER_DEVICE: u8 = 2;
    const RIGHT_FD_WRITE: u64 = 1 << 6;
    let mut status = [0; 24];
    status[0] = CHARACTER_DEVICE;
    status[8..16].copy_from_slice(&RIGHT_FD_WRITE.to_le_bytes());
    store(memory, arguments[1], &status)?;
    Ok(ERRNO_SUCCESS)
}

fn clock_time_get(context: &mut AppContext, arguments: &[u64], memory: &mut [u8]) -> Result<u64, Stop> {
    let nanoseconds = match arguments[0] {
        0 => context.clock.now_ms() * 1_000_000,
        1 => context.board.now_us() * 1000,
        _ => return Ok(ERRNO_INVAL),
    };
    store(memory, arguments[2], &nanoseconds.to_le_bytes())?;
    Ok(ERRNO_SUCCESS)
}

fn random_get(context: &mut AppContext, arguments: &[u64], memory: &mut [u8]) -> Result<u64, Stop> {
    let out = range(memory, arguments[0], arguments[1])?;
    if out.len() > MAX_RANDOM_BYTES as usize {
        return Ok(ERRNO_INVAL);
    }
    context.cost += out.len() as u64 * RANDOM_BYTE_FUEL;
    context.board.fill_random(out);
    Ok(ERRNO_SUCCESS)
}

fn no_sizes(_: &mut AppContext, arguments: &[u64], memory: &mut [u8]) -> Result<u64, Stop> {
    store(memory, arguments[0], &[0; 4])?;
    store(memory, arguments[1], &[0; 4])?;
    Ok(ERRNO_SUCCESS)
}

fn store(memory: &mut [u8], at: u64, bytes: &[u8]) -> Result<(), Stop> {
    range(memory, at, bytes.len() as u64)?.copy_from_slice(bytes);
    Ok(())
}

/// The app's memory from `at`, `len` bytes.
fn range(memory: &mut [u8], at: u64, len: u64) -> Result<&mut [u8], Stop> {
    // Both come from 32-bit arguments, so that the sum cannot overflow.
    let (at, end) = (at as usize, (at + len) as usize);
    memory
        .get_mut(at..end)
        .ok_or_else(|| Stop::Trap(format!("{at}..{end} lies outside of the app's memory")))
}
