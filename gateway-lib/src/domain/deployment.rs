//! Deployments: an app at a version desired on a set of devices, and the progress on each.

use super::{DeviceId, PackageId};
use serde::{Deserialize, Serialize};

/// A deployment's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeploymentId(pub u64);

impl std::fmt::Display for DeploymentId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A package that is desired on a set of devices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// Its number.
    pub id: DeploymentId,
    /// The package.
    pub package: PackageId,
    /// Name of the app.
    pub app: String,
    /// Whether it shall be started.
    pub start: bool,
    /// When it was requested, in milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// Each device.
    pub targets: Vec<DeploymentTarget>,
}

/// One device of a deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeploymentTarget {
    /// The device.
    pub device: DeviceId,
    /// Its progress.
    pub status: TargetStatus,
    /// One sentence about the status; may be empty.
    pub detail: String,
    /// When the status changed, in milliseconds since the Unix epoch.
    pub changed_ms: u64,
}

/// The progress of a deployment on one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetStatus {
    /// The device is not connected, or is busy with another package.
    Waiting,
    /// Chunks are on their way.
    Transferring,
    /// All chunks are received; the device checks and commits.
    Committing,
    /// The device reported the version as installed (and started, if that was asked for, or ended since).
    Done,
    /// The device refused it for the reason in the detail. The previous version stays.
    Refused,
    /// Cancelled by the user.
    Cancelled,
    /// A later deployment or removal took its place.
    Superseded,
}

impl TargetStatus {
    /// Whether nothing more will happen.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Refused | Self::Cancelled | Self::Superseded)
    }
}

/// A transfer under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferProgress {
    /// The device.
    pub device: DeviceId,
    /// The deployment.
    pub deployment: DeploymentId,
    /// Name of the app.
    pub app: String,
    /// Bytes that the device acknowledged.
    pub done_bytes: u32,
    /// Bytes in all.
    pub total_bytes: u32,
}
