//! Sizes, rates and times that both sides of a session must agree on.

/// Version of the message protocol that this crate speaks; part of each envelope.
pub const PROTOCOL_VERSION: u16 = 1;

/// Version of the link framing; part of the first frame of each side.
pub const LINK_VERSION: u8 = 1;

/// ALPN of a session that carries enrollment and nothing else.
pub const ALPN_ENROLL: &[u8] = b"drydock-enroll/1";

/// ALPN of an enrolled device's session.
pub const ALPN_SESSION: &[u8] = b"drydock/1";

/// Longest encoded message (envelope and body), in bytes. In the TLS stream each message is preceded by its
/// length as a big-endian `u16`; length and message together fit one application write of 1 KiB.
pub const MAX_MESSAGE_BYTES: usize = 1022;

/// Data bytes in one [`PackageChunk`](crate::gateway_to_device::PackageChunk).
pub const CHUNK_BYTES: usize = 896;

/// Chunks that the gateway may send before the device acknowledges the first of them.
pub const CHUNK_WINDOW: usize = 4;

/// Longest COSE_Sign1 envelope of a manifest (header, manifest, signature), in bytes.
pub const MAX_ENVELOPE_BYTES: usize = 800;

/// Most apps that one device keeps.
pub const MAX_APPS: usize = 8;

/// Longest app name, in bytes; names match `[a-z0-9][a-z0-9-]*`.
pub const MAX_APP_NAME_BYTES: usize = 32;

/// Longest log line of an app that travels in one piece, in bytes; longer ones are cut and marked.
pub const MAX_LOG_BYTES: usize = 256;

/// Bytes that one `fd_write` takes at most; the call returns how many it took, and the app calls again with the rest.
pub const MAX_WRITE_BYTES: u32 = 1024;

/// Vectors that one `fd_write` takes at most.
pub const MAX_WRITE_VECTORS: u32 = 16;

/// Random bytes that one `random_get` gives at most, as `getentropy(2)` does; a longer request gets `EINVAL`.
pub const MAX_RANDOM_BYTES: u32 = 256;

/// Bytes of records in one [`AppSamples`](crate::device_to_gateway::AppSamples).
pub const MAX_SAMPLE_BYTES: usize = 960;

/// Names under which one app publishes numbers; further names are left out and counted.
pub const MAX_APP_SERIES: usize = 8;

/// Longest name under which an app publishes numbers, in bytes; longer ones are cut.
pub const MAX_SERIES_NAME_BYTES: usize = 24;

/// Most values that one `metric_batch` takes.
pub const MAX_BATCH_VALUES: u32 = 200;

/// Longest human-readable detail in an error or failure, in bytes.
pub const MAX_DETAIL_BYTES: usize = 160;

/// `max_fragment_size` of the gateway's TLS: its whole first flight fits one record, because the device's TLS cannot join
/// a handshake message that was split over records.
pub const GATEWAY_MAX_FRAGMENT_BYTES: usize = 2048;

/// Read buffer of the device's TLS: one record of the gateway with its overhead.
pub const DEVICE_RECORD_BUFFER_BYTES: usize = 2304;

/// Default interval of a device's [`Metrics`](crate::device_to_gateway::Metrics), in milliseconds. They are also the
/// heartbeat.
pub const DEFAULT_METRICS_INTERVAL_MS: u32 = 1000;

/// Shortest interval of metrics that can be configured, in milliseconds.
pub const MIN_METRICS_INTERVAL_MS: u32 = 100;

/// Longest interval of metrics that can be configured, in milliseconds.
pub const MAX_METRICS_INTERVAL_MS: u32 = 60_000;

/// A device that was silent for this long is `unreachable`: one heartbeat and its jitter missed.
pub const HEARTBEAT_TIMEOUT_MS: u32 = 2500;

/// Longest time that one callback of an app may run unless its manifest says otherwise, in milliseconds of device time.
pub const DEFAULT_CALLBACK_LIMIT_MS: u32 = 500;

/// Longest time of a callback that a manifest may ask for, in milliseconds.
pub const MAX_CALLBACK_LIMIT_MS: u32 = 60_000;

/// Limit of an app's linear memory if its module declares no maximum, in bytes: no board has more RAM.
pub const DEFAULT_MEMORY_LIMIT_BYTES: u32 = 512 * 1024;

/// Largest module that any device takes, in bytes. Each device reports its own capacity in
/// [`Hello`](crate::device_to_gateway::Hello).
pub const MAX_MODULE_BYTES: u32 = 1 << 20;

/// Most capabilities in a manifest.
pub const MAX_CAPABILITIES: usize = 16;

/// Most target boards in a manifest.
pub const MAX_TARGETS: usize = 16;
