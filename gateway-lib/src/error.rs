//! Errors of the operations: one enum for each. A message says what happened and what to do; it is shown to the user
//! unchanged.

use crate::domain::{DeviceId, PackageId};
use drydock_protocol::types::Version;
use std::{net::SocketAddr, path::PathBuf};
use thiserror::Error;

/// The store could not be read or written.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The disk is full; nothing was changed.
    #[error("the disk that holds {} is full; nothing was changed. Free some space and try again", .path.display())]
    DiskFull {
        /// The data directory.
        path: PathBuf,
    },
    /// The gateway was closed.
    #[error("the gateway was closed; open it again")]
    Closed,
    /// The system failed to write; nothing was changed.
    #[error(
        "the disk that holds {} cannot be written: it is full, over a limit, or failing. Free some space, or choose another directory with --data",
        .path.display()
    )]
    DiskFailed {
        /// The data directory.
        path: PathBuf,
        /// The database's error.
        source: sqlx::Error,
    },
    /// The directory can be read only.
    #[error(
        "{} cannot be written by you; fix its permissions, or choose another directory with --data",
        .path.display()
    )]
    NotWritable {
        /// The data directory.
        path: PathBuf,
    },
    /// A file or directory could not be used.
    #[error("{} cannot be used; see whether you may read and write it, or choose another directory with --data", .path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The database refused.
    #[error("the database of the gateway failed; see the log in the data directory")]
    Database(#[source] sqlx::Error),
    /// The audit trail could not be signed. Nothing was changed.
    #[error("the audit trail could not be signed: the system gives no random numbers")]
    Unsigned,
    /// A stored value has a form that this version cannot read.
    #[error("the database of the gateway holds something unreadable: {what}. Restore it from a backup")]
    Unreadable {
        /// What.
        what: String,
    },
}

/// A gateway could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another gateway holds the data directory.
    #[error("{} is in use by another Drydock; use that one, or choose another directory with --data", .path.display())]
    InUse {
        /// The data directory.
        path: PathBuf,
    },
    /// The store was written by a newer version; it was not touched.
    #[error(
        "{} was written by a newer Drydock (schema {found}, this one knows {known}); it was not touched. Update Drydock, or choose another directory with --data",
        .path.display()
    )]
    NewerSchema {
        /// The database.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest schema known here.
        known: u32,
    },
    /// Keys or certificates are missing or unusable.
    #[error("the keys in {} cannot be used: {reason}. Restore them from a backup; without them every device has to be enrolled again", .path.display())]
    Keys {
        /// Their directory.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A port could not be listened on.
#[derive(Debug, Error)]
pub enum ListenError {
    /// Something else listens there.
    #[error("{address} is in use by another program; choose another port")]
    InUse {
        /// The address.
        address: SocketAddr,
    },
    /// Another reason.
    #[error("cannot listen on {address}")]
    Io {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// A pairing could not be made.
#[derive(Debug, Error)]
pub enum PairingError {
    /// Pairing is off.
    #[error("pairing is off; switch it on to enroll a device")]
    Off,
    /// The chip id belongs to a device.
    #[error("the chip {chip_id} belongs to {name}; release its chip id or retire it first")]
    ChipIdBound {
        /// The chip id, hexadecimal.
        chip_id: String,
        /// Name of the device.
        name: String,
    },
    /// The name belongs to a device, or cannot be one.
    #[error("{reason}")]
    Name {
        /// One sentence.
        reason: String,
    },
    /// The device to pair again cannot be.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A device could not be changed.
#[derive(Debug, Error)]
pub enum DeviceError {
    /// No device has this id.
    #[error("there is no device {device}; it may have been removed")]
    Unknown {
        /// The id.
        device: DeviceId,
    },
    /// It is retired.
    #[error("{name} is retired; enroll it again first")]
    Retired {
        /// Its name.
        name: String,
    },
    /// It has no certificate.
    #[error("{name} is not enrolled; pair it first")]
    NotEnrolled {
        /// Its name.
        name: String,
    },
    /// It holds no session.
    #[error("{name} is not connected; connect it and try again")]
    NotConnected {
        /// Its name.
        name: String,
    },
    /// The name belongs to another device, or cannot be one.
    #[error("{reason}")]
    Name {
        /// One sentence.
        reason: String,
    },
    /// The device refused.
    #[error("{name} refused: {detail}")]
    Refused {
        /// Its name.
        name: String,
        /// Its message.
        detail: String,
    },
    /// The device did not answer in time, or its session ended.
    #[error("{name} did not answer; see whether it is still connected")]
    NoAnswer {
        /// Its name.
        name: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A file is no module at all.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct NotAModule {
    /// Half a sentence with the remedy; it begins with "it".
    pub reason: String,
}

/// A module could not be made a package. Nothing was stored.
#[derive(Debug, Error)]
pub enum UploadError {
    /// The module, or an option of the request, cannot be accepted; one sentence that says what to do.
    #[error("{sentence}")]
    Refused {
        /// Why, as a class.
        kind: UploadRefusal,
        /// Names the app, the board if one is concerned, the reason and the remedy.
        sentence: String,
    },
    /// The version is below a signed one, and this module was never signed under it.
    #[error(
        "{app} {version} is older than {highest}, which is signed already: give it a higher version, such as {next}"
    )]
    OlderVersion {
        /// The app.
        app: String,
        /// The version that was given.
        version: Version,
        /// The highest version that was signed.
        highest: Version,
        /// The next free version.
        next: Version,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Classes of refused uploads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadRefusal {
    /// Neither WebAssembly nor its text format, or it does not validate.
    NotWasm,
    /// An import that devices do not know.
    UnknownImport,
    /// It would trap while it is instantiated, or needs more than any board's engine has.
    Instantiation,
    /// No export that a device calls.
    NoEntryPoint,
    /// Larger than the limit, or than the board's store.
    TooLarge,
    /// More memory than the board has.
    TooMuchMemory,
    /// A capability or pin that the board does not have.
    Capability,
    /// The custom section does not have the form of one.
    CustomSection,
    /// The name is missing or no name.
    Name,
    /// The board is not known.
    UnknownBoard,
    /// The app has no sequence left.
    Sequence,
}

/// A desired state could not be accepted. Nothing was changed.
#[derive(Debug, Error)]
pub enum DeployError {
    /// A device cannot be a target.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// There is no such package.
    #[error("there is no package {package}; upload it first")]
    UnknownPackage {
        /// Its id.
        package: PackageId,
    },
    /// There is no such version of the app.
    #[error("{app} has no version {version} here; see which there are")]
    UnknownVersion {
        /// The app.
        app: String,
        /// The version.
        version: String,
    },
    /// The device has no such app.
    #[error("{device} has no app {app}")]
    NoSuchApp {
        /// Name of the device.
        device: String,
        /// The app.
        app: String,
    },
    /// The package does not fit the device; one sentence with the remedy.
    #[error("{sentence}")]
    DoesNotFit {
        /// Names the board, the app, the reason and the remedy.
        sentence: String,
    },
    /// There is no such deployment.
    #[error("there is no deployment {0}")]
    UnknownDeployment(crate::domain::DeploymentId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The audit trail does not hold together.
#[derive(Debug, Error)]
pub enum AuditError {
    /// An entry was changed, removed or put in.
    #[error("the audit trail is broken at entry {sequence}: {reason}")]
    Broken {
        /// Position of the first invalid entry.
        sequence: u64,
        /// The mismatch.
        reason: &'static str,
    },
    /// The end of the trail is not the one that the gateway signed.
    #[error("the audit trail ends at entry {entries}, but {reason}")]
    End {
        /// Number of entries.
        entries: u64,
        /// The mismatch, as the end of a sentence.
        reason: String,
    },
    /// The trail does not hold the head that is known from elsewhere.
    #[error("the audit trail is not the one of the expected head: {reason}")]
    Unexpected {
        /// The mismatch.
        reason: String,
    },
    /// The key that signed it cannot be read.
    #[error("the key that signed the audit trail cannot be read from {}: {reason}", .path.display())]
    NoKey {
        /// Directory of the keys.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// There is no database.
    #[error("there is no audit trail: {} is missing; name the data directory with --data", .path.display())]
    NoStore {
        /// Where it would be.
        path: PathBuf,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
