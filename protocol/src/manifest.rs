//! The manifest of a package: the payload of its COSE_Sign1, on the SUIT information model (RFC 9124).

use crate::{
    capability::Capability,
    limits::{MAX_APP_NAME_BYTES, MAX_CALLBACK_LIMIT_MS, MAX_CAPABILITIES, MAX_MODULE_BYTES, MAX_TARGETS},
    types::Version,
};
use alloc::{string::String, vec::Vec};
use minicbor::{Decode, Encode};

/// The manifest format that this crate writes and reads.
pub const MANIFEST_VERSION: u8 = 1;

/// The signed description of one version of an app.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
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
    /// The app's limits.
    #[n(7)]
    pub limits: AppLimits,
    /// The app's capabilities.
    #[n(8)]
    pub capabilities: Vec<Capability>,
    /// Ids of the boards that the app is meant for. Empty: any board.
    #[n(9)]
    pub targets: Vec<String>,
}

/// Which entry points a module exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
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
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cbor(map)]
pub struct AppLimits {
    /// Maximum of linear memory, in bytes. The module's own maximum and the heap's free space may stop growth earlier.
    #[n(0)]
    pub memory_bytes: u32,
    /// WebAssembly call stack (values and frames) at most, in bytes.
    #[n(1)]
    pub stack_bytes: u32,
    /// Heap of the device that the app needs in total (compiled module, instance, memory, stack), measured by the
    /// gateway.
    #[n(2)]
    pub heap_bytes: u32,
    /// Longest time of one callback, in milliseconds of device time.
    #[n(3)]
    pub callback_ms: u32,
    /// Maximum of fuel for one callback. `None` limits only the time.
    #[n(4)]
    pub fuel: Option<u64>,
}

/// Why a manifest is refused before anything is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManifestError {
    /// Not the CBOR of a manifest.
    Form,
    /// A manifest format other than [`MANIFEST_VERSION`].
    ManifestVersion(u8),
    /// The app's name does not have the form of a name; see [`is_app_name`].
    Name,
    /// Sequence 0; the first is 1.
    Sequence,
    /// The module's size is 0 or above [`MAX_MODULE_BYTES`].
    Size(u32),
    /// No export that a device calls first: neither `_start` nor `init` nor `tick`.
    Entry,
    /// The callback limit is 0 or above [`MAX_CALLBACK_LIMIT_MS`].
    CallbackLimit(u32),
    /// A fuel limit of 0.
    Fuel,
    /// More capabilities than [`MAX_CAPABILITIES`], or a duplicate.
    Capabilities,
    /// More targets than [`MAX_TARGETS`].
    Targets,
}

impl core::fmt::Display for ManifestError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Form => f.write_str("the manifest has no valid form"),
            Self::ManifestVersion(version) => {
                write!(f, "the manifest has format {version}, only {MANIFEST_VERSION} is known")
            }
            Self::Name => write!(
                f,
                "the app's name is not 1 to {MAX_APP_NAME_BYTES} lower-case letters, digits and inner hyphens"
            ),
            Self::Sequence => f.write_str("the sequence is 0"),
            Self::Size(bytes) => write!(
                f,
                "the module's size is {bytes} bytes, allowed are 1 to {MAX_MODULE_BYTES}"
            ),
            Self::Entry => f.write_str("the module exports neither _start nor init nor tick"),
            Self::CallbackLimit(ms) => {
                write!(
                    f,
                    "the callback limit is {ms} ms, allowed are 1 to {MAX_CALLBACK_LIMIT_MS}"
                )
            }
            Self::Fuel => f.write_str("the fuel limit is 0"),
            Self::Capabilities => write!(f, "more than {MAX_CAPABILITIES} capabilities, or one of them twice"),
            Self::Targets => write!(f, "more than {MAX_TARGETS} targets"),
        }
    }
}

impl core::error::Error for ManifestError {}

/// Whether the text may name an app: `[a-z0-9][a-z0-9-]*`, at most [`MAX_APP_NAME_BYTES`] bytes.
pub fn is_app_name(text: &str) -> bool {
    let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.len() <= MAX_APP_NAME_BYTES
        && bytes.first().is_some_and(plain)
        && bytes.iter().all(|byte| plain(byte) || *byte == b'-')
}

impl Manifest {
    /// Decodes a manifest and checks it.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ManifestError> {
        let mut decoder = minicbor::Decoder::new(bytes);
        let manifest: Self = decoder.decode().map_err(|_| ManifestError::Form)?;
        if decoder.position() != bytes.len() {
            return Err(ManifestError::Form);
        }
        manifest.check()?;
        Ok(manifest)
    }

    /// The CBOR to sign.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let written = minicbor::encode(self, &mut bytes).is_ok();
        debug_assert!(written, "writing to a Vec cannot fail");
        bytes
    }

    /// Checks what can be checked without knowing the device: form and ranges.
    ///
    /// # Errors
    /// The first [`ManifestError`] found.
    pub fn check(&self) -> Result<(), ManifestError> {
        let repeats = |at: usize| self.capabilities[..at].contains(&self.capabilities[at]);
        match self {
            _ if self.manifest_version != MANIFEST_VERSION => {
                Err(ManifestError::ManifestVersion(self.manifest_version))
            }
            _ if !is_app_name(&self.app) => Err(ManifestError::Name),
            _ if self.sequence == 0 => Err(ManifestError::Sequence),
            _ if !(1..=MAX_MODULE_BYTES).contains(&self.size) => Err(ManifestError::Size(self.size)),
            _ if !(self.entry.start || self.entry.init || self.entry.tick) => Err(ManifestError::Entry),
            _ if !(1..=MAX_CALLBACK_LIMIT_MS).contains(&self.limits.callback_ms) => {
                Err(ManifestError::CallbackLimit(self.limits.callback_ms))
            }
            _ if self.limits.fuel == Some(0) => Err(ManifestError::Fuel),
            _ if self.capabilities.len() > MAX_CAPABILITIES || (0..self.capabilities.len()).any(repeats) => {
                Err(ManifestError::Capabilities)
            }
            _ if self.targets.len() > MAX_TARGETS => Err(ManifestError::Targets),
            _ => Ok(()),
        }
    }
}
