//! The evidence of provisioned boards: which boards passed, which failed, and the table of both.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What provisioning left behind: one row for each attempt that ended, and the files that could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Evidence {
    /// The attempts, in the order in which they began.
    pub rows: Vec<EvidenceRow>,
    /// Evidence that cannot be read. Nothing is known of the boards that it was for.
    pub unreadable: Vec<UnreadableEvidence>,
}

/// One attempt to provision a board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct EvidenceRow {
    /// Number of the job.
    #[ts(type = "number")]
    pub job: u64,
    /// Whether the board was provisioned.
    pub outcome: EvidenceOutcome,
    /// One sentence: why it failed; empty if it passed.
    pub text: String,
    /// Name of the board when it was provisioned; `None` if the job failed before the board was in the fleet.
    pub board: Option<String>,
    /// Id of the board's description.
    pub kind: String,
    /// Title of the board.
    pub title: String,
    /// The chip's unique id; `None` if the job failed before it was read.
    pub chip: Option<String>,
    /// Where the board hung: bus and chain of hub ports, otherwise its port or its probe.
    pub place: Option<String>,
    /// How the flash was written.
    pub method: Option<String>,
    /// SHA-256 of the firmware that was written, hexadecimal.
    pub firmware_sha256: Option<String>,
    /// Version of the firmware that the board reported.
    pub firmware_version: Option<String>,
    /// Id of the device in the registry.
    pub device: Option<String>,
    /// Serial number of the device's certificate.
    pub certificate_serial: Option<String>,
    /// The first app; `None` if the board was provisioned without one.
    pub app: Option<EvidenceApp>,
    /// When the job began, in milliseconds since the Unix epoch.
    #[ts(type = "number")]
    pub began_ms: u64,
    /// When it ended.
    #[ts(type = "number | null")]
    pub ended_ms: Option<u64>,
    /// Path of the evidence file; `None` if the job wrote none.
    pub file: Option<String>,
}

/// Whether a board was provisioned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceOutcome {
    /// The board reported its firmware, has a certificate, and runs its first app if one was asked for.
    Passed,
    /// It failed, was cancelled or was interrupted, or its evidence names no certificate.
    Failed,
}

/// The first app of a provisioned board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct EvidenceApp {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the module, hexadecimal.
    pub sha256: String,
}

/// Evidence that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct UnreadableEvidence {
    /// Path of the file, or of the folder.
    pub file: String,
    /// One sentence: the reason.
    pub text: String,
}

/// Asks for the table of all evidence as comma-separated values: one header line, a line for each row, then a line with
/// the outcome `unreadable` for each file that cannot be read. Times are UTC in RFC 3339.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct EvidenceExport {
    /// Absolute path of the file to write; an existing one is replaced. `None` returns the table in base64.
    #[serde(default)]
    pub path: Option<String>,
}
