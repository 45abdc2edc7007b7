//! What a signed package says about an app: the payload of its COSE_Sign1, on the SUIT information model (RFC 9124).

use crate::{capability::Capability, types::Version};
use alloc::{string::String, vec::Vec};
use minicbor::{Decode, Encode};

/// The manifest format that this crate writes and reads.
pub const MANIFEST_VERSION: u8 = 1;

/// The signed description of one version of an app.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Manifest {
    /// [`MANIFEST_VERSION`]; a device refuses others.
    #[n(0)]
    pub manifest_version: u8,
    /// Name of the app; see [`MAX_APP_NAME_BYTES`](crate::limits::MAX_APP_NAME_BYTES).
    #[n(1)]
    pub app: String,
    /// Version that people read.
    #[n(2)]
    pub version: Version,
    /// Monotonic sequence number of the app; a device refuses one that is not above its high-water mark.
    #[n(3)]
    pub sequence: u64,
    /// SHA-256 of the module.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub digest: [u8; 32],
    /// Size of the module in bytes.
    #[n(5)]
    pub size: u32,
    /// The exports that the device calls.
    #[n(6)]
    pub entry: EntryPoints,
    /// What the app may use at most.
    #[n(7)]
    pub limits: AppLimits,
    /// What the app may call.
    #[n(8)]
    pub capabilities: Vec<Capability>,
    /// Boards that the app is meant for, by id of their description; none: any board.
    #[n(9)]
    pub targets: Vec<String>,
}

/// Which entry points a module exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub struct EntryPoints {
    /// `_start: [] -> []` (WASI command).
    #[n(0)]
    pub start: bool,
    /// `init: [] -> []`.
    #[n(1)]
    pub init: bool,
    /// `tick: [] -> []`, called at the interval the app asked for.
    #[n(2)]
    pub tick: bool,
    /// `on_message: [i32, i32] -> []` (not called by any device yet).
    #[n(3)]
    pub on_message: bool,
}

/// Limits of an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AppLimits {
    /// Linear memory at most, in bytes.
    #[n(0)]
    pub memory_bytes: u32,
    /// WebAssembly call stack (values and frames) at most, in bytes.
    #[n(1)]
    pub stack_bytes: u32,
    /// Heap of the device that the app needs in all (compiled module, instance, memory, stack), measured by the gateway.
    #[n(2)]
    pub heap_bytes: u32,
    /// Longest time of one callback, in milliseconds of device time.
    #[n(3)]
    pub callback_ms: u32,
    /// Fuel for one callback at most; none: only the time counts.
    #[n(4)]
    pub fuel: Option<u64>,
}
