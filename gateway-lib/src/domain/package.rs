//! Apps, packages and the results of analysing an upload.

use super::{DeviceId, Digest};
use drydock_protocol::{capability::Capability, types::Version};
use serde::{Deserialize, Serialize};

/// One signed version of an app: `<app>#<sequence>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PackageId(pub String);

impl PackageId {
    /// The package of this app with this sequence.
    pub fn new(app: &str, sequence: u64) -> Self {
        Self(format!("{app}#{sequence}"))
    }
}

impl std::fmt::Display for PackageId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A package as the registry knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageView {
    /// Its id.
    pub id: PackageId,
    /// Name of the app.
    pub app: String,
    /// Version, `MAJOR.MINOR.PATCH`.
    pub version: String,
    /// Monotonic sequence of the app.
    pub sequence: u64,
    /// Digest of the module.
    pub digest: Digest,
    /// Size of the module in bytes.
    pub size_bytes: u32,
    /// Linear memory at most, in bytes.
    pub memory_bytes: u32,
    /// Call stack at most, in bytes.
    pub stack_bytes: u32,
    /// Heap of a device that the app needs in all, in bytes.
    pub heap_bytes: u32,
    /// Longest callback in milliseconds.
    pub callback_ms: u32,
    /// Its capabilities, as text: `log`, `gpio:13`.
    pub capabilities: Vec<String>,
    /// Boards that it is for; empty: any board.
    pub targets: Vec<String>,
    /// When it was signed, in milliseconds since the Unix epoch.
    pub signed_ms: u64,
    /// The package whose module was signed again, for a rollback.
    pub rollback_of: Option<PackageId>,
}

/// The uploader's choices.
#[derive(Debug, Clone, Default)]
pub struct UploadOptions {
    /// Name of the app. `None` uses the custom section's; one of them is needed.
    pub name: Option<String>,
    /// Version. `None` uses the custom section's, else the rule of [`crate::Gateway::plan_version`].
    pub version: Option<Version>,
    /// Capabilities that the user consented to besides those that every app gets.
    pub grants: Vec<Capability>,
    /// Boards that the package is for, by id of their description; empty: any board. Pins of their LEDs are granted.
    pub targets: Vec<String>,
    /// Longest callback in milliseconds. `None` uses the custom section's, else the default.
    pub callback_ms: Option<u32>,
    /// Maximum of linear memory in bytes, if it is above what the custom section and the module ask for.
    pub memory_bytes: Option<u32>,
}

/// The versions of an app that were signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppVersions {
    /// Name of the app.
    pub app: String,
    /// Each pair of version and module that was signed; the one with the latest package first.
    pub versions: Vec<SignedVersion>,
    /// The next version that was not signed yet, `MAJOR.MINOR.PATCH`; 0.1.0 for a new app.
    pub next: String,
}

/// A module that was signed under a version, in one package or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedVersion {
    /// Version, `MAJOR.MINOR.PATCH`.
    pub version: String,
    /// Digest of the module.
    pub digest: Digest,
    /// When it was last signed, in milliseconds since the Unix epoch.
    pub signed_ms: u64,
    /// Its packages, latest first: one for each set of grants, and one more for each rollback.
    pub packages: Vec<PackageId>,
}

/// The effect of signing a module under a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionPlan {
    /// A version that is not below any signed one.
    New {
        /// The version.
        version: Version,
    },
    /// This very module was signed under this version before a later one: it is signed again, above all sequences so far.
    Rollback {
        /// The version.
        version: Version,
        /// The package that is signed again.
        of: PackageId,
    },
    /// Another module than this one may be signed under a lower version; the plan is refused.
    Older {
        /// The version that was given.
        version: Version,
        /// The highest version that was signed.
        highest: Version,
        /// The next free version.
        next: Version,
    },
}

/// A module for many devices at once; see [`crate::Gateway::deploy_module`].
#[derive(Debug, Clone, Default)]
pub struct ModuleDeployment {
    /// Name, version, grants and time limit. The targets are those of `targets` below.
    pub options: UploadOptions,
    /// Devices that shall get the module.
    pub targets: Vec<DeployTarget>,
    /// Whether the app shall be started.
    pub start: bool,
}

/// A device that shall get a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployTarget {
    /// The device.
    pub device: DeviceId,
    /// Id of its board's description: a device that never enrolled has not reported it yet.
    pub board: String,
}

/// The outcome of a [`ModuleDeployment`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleOutcome {
    /// Name of the app.
    pub app: String,
    /// Version, `MAJOR.MINOR.PATCH`.
    pub version: String,
    /// Digest of the module.
    pub digest: Digest,
    /// Each target, in the order of the request.
    pub targets: Vec<TargetOutcome>,
}

/// The outcome of a [`ModuleDeployment`] on one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetOutcome {
    /// The device.
    pub device: DeviceId,
    /// Its package and deployment, if it takes the module.
    pub accepted: Option<AcceptedTarget>,
    /// Why it does not take the module, in one sentence without a full stop; empty if it does.
    pub refused: String,
}

/// A device that takes a module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedTarget {
    /// The package, signed with what this kind of board grants.
    pub package: PackageId,
    /// The deployment to follow.
    pub deployment: super::DeploymentId,
}

/// The properties of a module, before it is signed.
#[derive(Debug, Clone, PartialEq)]
pub struct ModuleReport {
    /// Name that its custom section gives.
    pub name: Option<String>,
    /// Version that its custom section gives.
    pub version: Option<Version>,
    /// Digest of the module as it would be sent.
    pub digest: Digest,
    /// Size of the module as it would be sent, in bytes (without names and debug information).
    pub size_bytes: u32,
    /// Size of what was given, in bytes.
    pub given_bytes: u32,
    /// Whether the text format was given.
    pub from_text: bool,
    /// Imports, in order.
    pub imports: Vec<ImportReport>,
    /// Exports that a device calls.
    pub exports: Vec<String>,
    /// Linear memory at the start, in bytes.
    pub memory_bytes: u32,
    /// Most linear memory that it declares, in bytes.
    pub memory_max_bytes: Option<u64>,
    /// Size of its memory pages: 1 or 65,536.
    pub page_bytes: u32,
    /// Estimated heap of a device that it needs in all, in bytes.
    pub heap_bytes: u32,
    /// Capabilities that its imports belong to; [`ModuleReport::uses_gpio`] stands for `gpio`, which has no pins here.
    pub wanted: Vec<Capability>,
    /// Whether it calls pin functions; the pins are known only at run time.
    pub uses_gpio: bool,
    /// Capabilities that its custom section asks for.
    pub requested: Vec<Capability>,
    /// Why it cannot be a package, in sentences; empty if it can.
    pub problems: Vec<String>,
}

/// One import of a module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    /// Module and name, `drydock.log`.
    pub name: String,
    /// Capability that it belongs to, or empty.
    pub capability: String,
    /// Whether devices know it with this type.
    pub known: bool,
}
