//! Raw imports, generated from the host-call table of drydock-protocol; renew with `cargo xtask codegen`.

#[link(wasm_import_module = "drydock")]
unsafe extern "C" {
    /// Writes a log line: level (0 trace to 4 error), pointer and length of UTF-8 text. Needs: log.
    pub fn log(a: i32, b: i32, c: i32);
    /// Publishes a value: pointer and length of its name, the value. Needs: metrics.
    pub fn metric(a: i32, b: i32, c: f64);
    /// Publishes values at a steady rate: pointer and length of their name, pointer and number (at most 200) of 32-bit floats, microseconds from one to the next; the last value is of now. Needs: metrics.
    pub fn metric_batch(a: i32, b: i32, c: i32, d: i32, e: i32);
    /// Milliseconds since the board's reset. Needs: timer.
    pub fn uptime_ms() -> i64;
    /// Sets the interval of `tick` in milliseconds (1 to 3,600,000; at first 1,000); 0 stops it. Needs: timer.
    pub fn tick_every(a: i32);
    /// Makes the pin an output. Needs: gpio:<pin>.
    pub fn gpio_output(a: i32);
    /// Makes the pin an input; pull: 0 none, 1 down, 2 up. Needs: gpio:<pin>.
    pub fn gpio_input(a: i32, b: i32);
    /// Drives the pin low (0) or high. Needs: gpio:<pin>.
    pub fn gpio_write(a: i32, b: i32);
    /// Reads the pin's level, 0 or 1. Needs: gpio:<pin>.
    pub fn gpio_read(a: i32) -> i32;
    /// Chip temperature in thousandths of a degree Celsius, or -2147483648 without a sensor. Needs: metrics.
    pub fn temperature_mc() -> i32;
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    /// Writes to stdout (1) or stderr (2); each line becomes a log line. Takes 1,024 bytes and 16 vectors at most and returns how many bytes it took. Needs: log.
    pub fn fd_write(a: i32, b: i32, c: i32, d: i32) -> i32;
    /// Closes nothing; for programs that link it. Needs: nothing.
    pub fn fd_close(a: i32) -> i32;
    /// Answers ESPIPE; for programs that link it. Needs: nothing.
    pub fn fd_seek(a: i32, b: i64, c: i32, d: i32) -> i32;
    /// Describes stdout and stderr as character devices. Needs: nothing.
    pub fn fd_fdstat_get(a: i32, b: i32) -> i32;
    /// Realtime (0) or monotonic (1) clock in nanoseconds. Needs: timer.
    pub fn clock_time_get(a: i32, b: i64, c: i32) -> i32;
    /// Fills memory with random bytes, at most 256 a call; EINVAL for more. Needs: random.
    pub fn random_get(a: i32, b: i32) -> i32;
    /// Ends the app with this exit code. Needs: nothing.
    pub fn proc_exit(a: i32);
    /// There is no environment. Needs: nothing.
    pub fn environ_sizes_get(a: i32, b: i32) -> i32;
    /// There is no environment. Needs: nothing.
    pub fn environ_get(a: i32, b: i32) -> i32;
    /// There are no arguments. Needs: nothing.
    pub fn args_sizes_get(a: i32, b: i32) -> i32;
    /// There are no arguments. Needs: nothing.
    pub fn args_get(a: i32, b: i32) -> i32;
}
