/* What a Drydock app in C can call, generated from the host-call table of drydock-protocol;
   renew with `cargo xtask codegen`. */
#ifndef DRYDOCK_H
#define DRYDOCK_H

#include <stddef.h>
#include <stdint.h>

/* Writes a log line: level (0 trace to 4 error), pointer and length of UTF-8 text. Needs: log. */
__attribute__((import_module("drydock"), import_name("log")))
void drydock_log(int32_t a, int32_t b, int32_t c);

/* Publishes a value: pointer and length of its name, the value. Needs: metrics. */
__attribute__((import_module("drydock"), import_name("metric")))
void drydock_metric(int32_t a, int32_t b, double c);

/* Publishes values at a steady rate: pointer and length of their name, pointer and number (at most 200) of 32-bit floats, microseconds from one to the next; the last value is of now. Needs: metrics. */
__attribute__((import_module("drydock"), import_name("metric_batch")))
void drydock_metric_batch(int32_t a, int32_t b, int32_t c, int32_t d, int32_t e);

/* Milliseconds since the board's reset. Needs: timer. */
__attribute__((import_module("drydock"), import_name("uptime_ms")))
int64_t drydock_uptime_ms(void);

/* Sets the interval of `tick` in milliseconds (1 to 3,600,000; at first 1,000); 0 stops it. Needs: timer. */
__attribute__((import_module("drydock"), import_name("tick_every")))
void drydock_tick_every(int32_t a);

/* Makes the pin an output. Needs: gpio:<pin>. */
__attribute__((import_module("drydock"), import_name("gpio_output")))
void drydock_gpio_output(int32_t a);

/* Makes the pin an input; pull: 0 none, 1 down, 2 up. Needs: gpio:<pin>. */
__attribute__((import_module("drydock"), import_name("gpio_input")))
void drydock_gpio_input(int32_t a, int32_t b);

/* Drives the pin low (0) or high. Needs: gpio:<pin>. */
__attribute__((import_module("drydock"), import_name("gpio_write")))
void drydock_gpio_write(int32_t a, int32_t b);

/* Reads the pin's level, 0 or 1. Needs: gpio:<pin>. */
__attribute__((import_module("drydock"), import_name("gpio_read")))
int32_t drydock_gpio_read(int32_t a);

/* Chip temperature in thousandths of a degree Celsius, or -2147483648 without a sensor. Needs: metrics. */
__attribute__((import_module("drydock"), import_name("temperature_mc")))
int32_t drydock_temperature_mc(void);

/* Writes to stdout (1) or stderr (2); each line becomes a log line. Takes 1,024 bytes and 16 vectors at most and returns how many bytes it took. Needs: log. */
__attribute__((import_module("wasi_snapshot_preview1"), import_name("fd_write")))
int32_t wasi_fd_write(int32_t a, int32_t b, int32_t c, int32_t d);

/* Closes nothing; for programs that link it. Needs: nothing. */
__attribute__((import_module("wasi_snapshot_preview1"), import_name("fd_close")))
int32_t wasi_fd_close(int32_t a);

/* Answers ESPIPE; for programs that link it. Needs: nothing. */
__attribute__((import_module("wasi_snapshot_preview1"), import_name("fd_seek")))
int32_t wasi_fd_seek(int32_t a, int64_t b, int32_t c, int32_t d);

/* Describes stdout and stderr as character devices. Needs: nothing. */
__attribute__((import_module("wasi_snapshot_preview1"), import_name("fd_fdstat_get")))
int32_t wasi_fd_fdstat_get(int32_t a, int32_t b);

/* Realtime (0) or monotonic (1) clock in nanoseconds. Needs: timer. */
__attribute__((import_module("wasi_snapshot_preview1"), import_name("clock_time_get")))
int32_t wasi_clock_time_get(int32_t a, int64_t b, int32_t c);

/* Fills memory with random bytes, at most 256 a call; EINVAL for more. Needs: random. */
__attribute__((import_module("wasi_snapshot_preview1"), import_name("random_get")))
int32_t wasi_random_get(int32_t a, int32_t b);

/* Ends the app with this exit code. Needs: nothing. */
__attribute__((import_module("wasi_snapshot_preview1"), import_name("proc_exit")))
void wasi_proc_exit(int32_t a);

/* There is no environment. Needs: nothing. */
__attribute__((import_module("wasi_snapshot_preview1"), import_name("environ_sizes_get")))
int32_t wasi_environ_sizes_get(int32_t a, int32_t b);

/* There is no environment. Needs: nothing. */
__attribute__((import_module("wasi_snapshot_preview1"), import_name("environ_get")))
int32_t wasi_environ_get(int32_t a, int32_t b);

/* There are no arguments. Needs: nothing. */
__attribute__((import_module("wasi_snapshot_preview1"), import_name("args_sizes_get")))
int32_t wasi_args_sizes_get(int32_t a, int32_t b);

/* There are no arguments. Needs: nothing. */
__attribute__((import_module("wasi_snapshot_preview1"), import_name("args_get")))
int32_t wasi_args_get(int32_t a, int32_t b);

#endif
