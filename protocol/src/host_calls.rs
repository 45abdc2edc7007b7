//! The table of host calls: name, type and capability. The guest SDK and the C header are generated from it; the device's
//! wasm host and the gateway's upload analysis use it.

/// A WebAssembly value type of a host call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// 64-bit float.
    F64,
}

/// The capability that a host call belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: always allowed.
    Nothing,
    /// [`Capability::Log`](crate::capability::Capability::Log).
    Log,
    /// [`Capability::Metrics`](crate::capability::Capability::Metrics).
    Metrics,
    /// [`Capability::Timer`](crate::capability::Capability::Timer).
    Timer,
    /// [`Capability::Gpio`](crate::capability::Capability::Gpio); the pin is the call's first argument.
    Gpio,
    /// [`Capability::Random`](crate::capability::Capability::Random).
    Random,
}

/// One host call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostCall {
    /// Import module: [`MODULE`] or [`WASI_MODULE`].
    pub module: &'static str,
    /// Import name.
    pub name: &'static str,
    /// Parameter types.
    pub params: &'static [ValueType],
    /// Result type, if any.
    pub result: Option<ValueType>,
    /// Capability.
    pub needs: Needs,
    /// Its description, for the SDK and the C header.
    pub doc: &'static str,
}

/// Import module of Drydock's own calls.
pub const MODULE: &str = "drydock";

/// Import module of the WASI subset.
pub const WASI_MODULE: &str = "wasi_snapshot_preview1";

use ValueType::{F64, I32, I64};

const fn call(
    module: &'static str,
    name: &'static str,
    params: &'static [ValueType],
    result: Option<ValueType>,
    needs: Needs,
    doc: &'static str,
) -> HostCall {
    HostCall {
        module,
        name,
        params,
        result,
        needs,
        // Not used on a device.
        doc: if cfg!(target_os = "none") { "" } else { doc },
    }
}

/// Every host call.
pub const HOST_CALLS: &[HostCall] = &[
    call(
        MODULE,
        "log",
        &[I32, I32, I32],
        None,
        Needs::Log,
        "Writes a log line: level (0 trace to 4 error), pointer and length of UTF-8 text.",
    ),
    call(
        MODULE,
        "metric",
        &[I32, I32, F64],
        None,
        Needs::Metrics,
        "Publishes a value: pointer and length of its name, the value.",
    ),
    call(
        MODULE,
        "metric_batch",
        &[I32, I32, I32, I32, I32],
        None,
        Needs::Metrics,
        "Publishes values at a steady rate: pointer and length of their name, pointer and number (at most 200) of 32-bit floats, microseconds from one to the next; the last value is of now.",
    ),
    call(
        MODULE,
        "uptime_ms",
        &[],
        Some(I64),
        Needs::Timer,
        "Milliseconds since the board's reset.",
    ),
    call(
        MODULE,
        "tick_every",
        &[I32],
        None,
        Needs::Timer,
        "Sets the interval of `tick` in milliseconds (1 to 3,600,000; at first 1,000); 0 stops it.",
    ),
    call(
        MODULE,
        "gpio_output",
        &[I32],
        None,
        Needs::Gpio,
        "Makes the pin an output.",
    ),
    call(
        MODULE,
        "gpio_input",
        &[I32, I32],
        None,
        Needs::Gpio,
        "Makes the pin an input; pull: 0 none, 1 down, 2 up.",
    ),
    call(
        MODULE,
        "gpio_write",
        &[I32, I32],
        None,
        Needs::Gpio,
        "Drives the pin low (0) or high.",
    ),
    call(
        MODULE,
        "gpio_read",
        &[I32],
        Some(I32),
        Needs::Gpio,
        "Reads the pin's level, 0 or 1.",
    ),
    call(
        MODULE,
        "temperature_mc",
        &[],
        Some(I32),
        Needs::Metrics,
        "Chip temperature in thousandths of a degree Celsius, or -2147483648 without a sensor.",
    ),
    call(
        WASI_MODULE,
        "fd_write",
        &[I32, I32, I32, I32],
        Some(I32),
        Needs::Log,
        "Writes to stdout (1) or stderr (2); each line becomes a log line. Takes 1,024 bytes and 16 vectors at most and returns how many bytes it took.",
    ),
    call(
        WASI_MODULE,
        "fd_close",
        &[I32],
        Some(I32),
        Needs::Nothing,
        "Closes nothing; for programs that link it.",
    ),
    call(
        WASI_MODULE,
        "fd_seek",
        &[I32, I64, I32, I32],
        Some(I32),
        Needs::Nothing,
        "Answers ESPIPE; for programs that link it.",
    ),
    call(
        WASI_MODULE,
        "fd_fdstat_get",
        &[I32, I32],
        Some(I32),
        Needs::Nothing,
        "Describes stdout and stderr as character devices.",
    ),
    call(
        WASI_MODULE,
        "clock_time_get",
        &[I32, I64, I32],
        Some(I32),
        Needs::Timer,
        "Realtime (0) or monotonic (1) clock in nanoseconds.",
    ),
    call(
        WASI_MODULE,
        "random_get",
        &[I32, I32],
        Some(I32),
        Needs::Random,
        "Fills memory with random bytes, at most 256 a call; EINVAL for more.",
    ),
    call(
        WASI_MODULE,
        "proc_exit",
        &[I32],
        None,
        Needs::Nothing,
        "Ends the app with this exit code.",
    ),
    call(
        WASI_MODULE,
        "environ_sizes_get",
        &[I32, I32],
        Some(I32),
        Needs::Nothing,
        "There is no environment.",
    ),
    call(
        WASI_MODULE,
        "environ_get",
        &[I32, I32],
        Some(I32),
        Needs::Nothing,
        "There is no environment.",
    ),
    call(
        WASI_MODULE,
        "args_sizes_get",
        &[I32, I32],
        Some(I32),
        Needs::Nothing,
        "There are no arguments.",
    ),
    call(
        WASI_MODULE,
        "args_get",
        &[I32, I32],
        Some(I32),
        Needs::Nothing,
        "There are no arguments.",
    ),
];

/// The host call with this module and name.
pub fn find(module: &str, name: &str) -> Option<&'static HostCall> {
    HOST_CALLS
        .iter()
        .find(|call| call.module == module && call.name == name)
}
