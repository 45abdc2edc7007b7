//! Events: what happened, in the past tense, each with a gap-free revision.

use super::{Deployment, DeploymentId, DeploymentTarget, DeviceId, DeviceView, InstanceView, PackageId, PackageView};
use crate::config::PairingMode;
use serde::{Deserialize, Serialize};

/// An event of the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GatewayEvent {
    /// Gap-free number, from 1.
    pub revision: u64,
    /// When it was written, in milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// The gateway was opened; lists what the previous run left undone.
    GatewayOpened {
        /// Sentences for people; empty after a clean end.
        recovered: Vec<String>,
    },
    /// Pairing was switched.
    PairingSwitched {
        /// The new mode.
        mode: PairingMode,
    },
    /// A device was created or changed, except for its apps and heartbeats.
    DeviceChanged {
        /// The device now.
        device: Box<DeviceView>,
        /// The change.
        change: DeviceChange,
    },
    /// A device that never enrolled was dropped, because its pairing ran out.
    DeviceForgotten {
        /// The device.
        device: DeviceId,
    },
    /// An enrollment was refused.
    EnrollmentRefused {
        /// The device that the token belongs to, if one does.
        device: Option<DeviceId>,
        /// Label of the connection.
        peer: String,
        /// One sentence.
        reason: String,
    },
    /// A connection ended before it had a session.
    ConnectionRefused {
        /// Label of the connection.
        peer: String,
        /// One sentence.
        reason: String,
    },
    /// A device reported an app.
    InstanceChanged {
        /// The device.
        device: DeviceId,
        /// The report.
        instance: InstanceView,
    },
    /// A device made an impossible report: a sequence that was never signed, a name that no app may have, or too many
    /// apps.
    ReportDoubted {
        /// The device.
        device: DeviceId,
        /// The reported name of the app, cut to a sensible length.
        app: String,
        /// One sentence.
        reason: String,
    },
    /// A device removed an app.
    InstanceRemoved {
        /// The device.
        device: DeviceId,
        /// Name of the app.
        app: String,
    },
    /// The desired state of an app on a device changed.
    #[serde(alias = "wish_changed")]
    DesiredChanged {
        /// The device.
        device: DeviceId,
        /// The desired state; `None` if nothing is desired any more.
        #[serde(alias = "wish")]
        desired: Option<super::DesiredAppView>,
        /// Name of the app.
        app: String,
    },
    /// A package was signed.
    PackageSigned {
        /// The package.
        package: PackageView,
    },
    /// A deployment was made.
    DeploymentCreated {
        /// The deployment.
        deployment: Deployment,
    },
    /// A deployment made progress on one device.
    DeploymentMoved {
        /// The deployment.
        deployment: DeploymentId,
        /// Its package.
        package: PackageId,
        /// The progress there.
        target: DeploymentTarget,
    },
    /// A device refused a start, stop or removal.
    RequestRefused {
        /// The device.
        device: DeviceId,
        /// Name of the app.
        app: String,
        /// One sentence.
        reason: String,
    },
}

/// A change of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceChange {
    /// A pairing was made for it.
    Paired,
    /// It opened an enrollment session with its token.
    Enrolling,
    /// Its certificate was issued.
    Enrolled,
    /// It opened a session.
    Connected,
    /// A newer session replaced its previous one.
    Superseded,
    /// It was silent for too long.
    Unreachable,
    /// It was heard again.
    Returned,
    /// Its session ended.
    Disconnected,
    /// It got another name.
    Renamed,
    /// Its chip id may be bound to another key.
    ChipReleased,
    /// Its certificate was revoked.
    Revoked,
    /// It was taken out of service.
    Retired,
    /// It was asked to forget its identity.
    Wiped,
}

/// Everything but telemetry, at one revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The revision of this state: subscribe from here.
    pub revision: u64,
    /// Pairing.
    pub pairing: PairingMode,
    /// Devices, by id.
    pub devices: Vec<DeviceView>,
    /// Packages, by app and sequence.
    pub packages: Vec<PackageView>,
    /// Deployments, by number; the latest thousand.
    pub deployments: Vec<Deployment>,
}

/// One message of an event subscription.
#[derive(Debug, Clone, PartialEq)]
pub enum EventMessage {
    /// The next event; its revision is one above that of the event before.
    Event(std::sync::Arc<GatewayEvent>),
    /// Events are missing (the revision asked for is too old, or the reader too slow): take a [`Snapshot`] and subscribe
    /// from its revision.
    Resync,
}

/// How far an audit trail was checked and found intact. An earlier copy of it ends in a hash that the trail still
/// holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AuditTip {
    /// Number of entries.
    pub entries: u64,
    /// Hash of the last entry; zeros for an empty trail.
    pub hash: super::Digest,
    /// SHA-256 of the SubjectPublicKeyInfo that signed this end of the trail.
    pub signed_by: super::Digest,
}

/// A place in an audit trail that was written down elsewhere: as many entries, and the hash of the last of them. Its text is
/// `ENTRIES:HASH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditHead {
    /// Number of entries.
    pub entries: u64,
    /// Hash of the last of them.
    pub hash: super::Digest,
}

impl std::fmt::Display for AuditHead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.entries, self.hash)
    }
}

impl std::str::FromStr for AuditHead {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (entries, hash) = text.split_once(':').ok_or(())?;
        Ok(Self {
            entries: entries.parse().map_err(drop)?,
            hash: hash.parse().map_err(drop)?,
        })
    }
}

/// An entry of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Position from 1, without gaps.
    pub sequence: u64,
    /// When it was written, in milliseconds since the Unix epoch.
    pub time_ms: u64,
    /// Who did it: `operator`, `gateway`, or a device's id.
    pub actor: String,
    /// What was done, for example `device.enrolled`.
    pub action: String,
    /// On what.
    pub subject: String,
    /// One sentence.
    pub detail: String,
    /// Hash of the entry before; zeros for the first.
    pub previous: super::Digest,
    /// SHA-256 over the entry's other fields.
    pub hash: super::Digest,
}
