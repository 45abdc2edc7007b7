//! One evidence file: its fields, writing and reading it.

use crate::{
    api::{Deployment, EvidenceApp, JobView},
    data_dir::replace,
    workbench::VERSION,
};
use drydock_assets::Board as Description;
use drydock_gateway::DeviceView;
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

/// Folder of the data directory that holds the files.
pub(in crate::jobs) const FOLDER: &str = "evidence";

/// Format of the files.
const FORMAT: u32 = 1;

/// Most bytes of one file; a written one has about a kilobyte.
const MOST_BYTES: u64 = 1 << 20;

/// Latest time that a file may name, in milliseconds since the Unix epoch: the end of the year 9999, as RFC 3339 ends there.
const LATEST_MS: u64 = 253_402_300_799_999;

/// What was done to a board, and what it is now.
pub(in crate::jobs) struct Written<'a> {
    pub(in crate::jobs) job: JobView,
    /// Name of the board in the fleet.
    pub(in crate::jobs) board: String,
    pub(in crate::jobs) description: &'a Description,
    /// How its flash was written.
    pub(in crate::jobs) method: &'a str,
    pub(in crate::jobs) firmware_sha256: String,
    pub(in crate::jobs) written_bytes: u32,
    pub(in crate::jobs) device: Option<DeviceView>,
    pub(in crate::jobs) app: Option<Deployment>,
    pub(in crate::jobs) ended_ms: u64,
}

impl Written<'_> {
    /// Writes the file into the data directory and returns its path.
    pub(in crate::jobs) fn write(self, data: &Path) -> io::Result<String> {
        let name: String = self
            .board
            .chars()
            .map(|c| if c.is_alphanumeric() { c } else { '-' })
            .collect();
        let path = data.join(FOLDER).join(format!("{name}-{}.json", self.job.id));
        replace(&path, &serde_json::to_vec_pretty(&self.record())?)?;
        Ok(path.display().to_string())
    }

    fn record(self) -> Record {
        let device = self.device;
        Record {
            format: FORMAT,
            drydock: VERSION.to_owned(),
            job: self.job.id,
            board: self.board,
            kind: self.description.name.clone(),
            title: self.description.title.clone(),
            chip: self.description.chip.title.clone(),
            chip_id: self.job.chip,
            port: self.job.on.port,
            probe: self.job.on.probe,
            topology: self.job.topology,
            method: self.method.to_owned(),
            firmware_sha256: self.firmware_sha256,
            firmware_version: device.as_ref().map(|device| device.firmware.clone()),
            flash_written_bytes: self.written_bytes,
            device: device.as_ref().map(|device| device.id.0.clone()),
            certificate_serial: device.as_ref().and_then(|device| device.certificate_serial.clone()),
            enrolled_ms: device.and_then(|device| device.enrolled_ms),
            app: self.app.map(|app| EvidenceApp {
                name: app.app,
                version: app.version,
                sha256: app.digest,
            }),
            started_ms: self.job.started_ms,
            ended_ms: self.ended_ms,
        }
    }
}

/// The fields of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) format: u32,
    pub(super) drydock: String,
    pub(super) job: u64,
    pub(super) board: String,
    pub(super) kind: String,
    pub(super) title: String,
    /// Title of the chip.
    pub(super) chip: String,
    pub(super) chip_id: Option<String>,
    pub(super) port: Option<String>,
    pub(super) probe: Option<String>,
    pub(super) topology: Option<String>,
    pub(super) method: String,
    pub(super) firmware_sha256: String,
    pub(super) firmware_version: Option<String>,
    pub(super) flash_written_bytes: u32,
    pub(super) device: Option<String>,
    pub(super) certificate_serial: Option<String>,
    pub(super) enrolled_ms: Option<u64>,
    pub(super) app: Option<EvidenceApp>,
    pub(super) started_ms: u64,
    pub(super) ended_ms: u64,
}

/// Why a file is no evidence.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("it cannot be read: {0}")]
    Io(io::Error),
    #[error("it is larger than {MOST_BYTES} bytes")]
    Large,
    #[error("it is not whole, or was changed: {0}")]
    Form(#[from] serde_json::Error),
    #[error("format {0} is not known to this Drydock")]
    Format(u32),
    #[error("its times make no sense")]
    Times,
}

/// Reads a file.
///
/// # Errors
/// [`ReadError`].
pub(super) fn read(path: &Path) -> Result<Record, ReadError> {
    let mut text = Vec::new();
    let file = File::open(path).map_err(ReadError::Io)?;
    file.take(MOST_BYTES + 1)
        .read_to_end(&mut text)
        .map_err(ReadError::Io)?;
    parse(&text)
}

fn parse(text: &[u8]) -> Result<Record, ReadError> {
    /// What a file of any format has.
    #[derive(Deserialize)]
    struct AnyFormat {
        format: u32,
    }
    if text.len() as u64 > MOST_BYTES {
        return Err(ReadError::Large);
    }
    match serde_json::from_slice::<AnyFormat>(text)?.format {
        FORMAT => {}
        other => return Err(ReadError::Format(other)),
    }
    let record: Record = serde_json::from_slice(text)?;
    match record.started_ms <= record.ended_ms && record.ended_ms <= LATEST_MS {
        true => Ok(record),
        false => Err(ReadError::Times),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The evidence of a board that passed.
    pub(in crate::jobs) fn passed(board: &str, job: u64) -> Record {
        Record {
            format: FORMAT,
            drydock: VERSION.to_owned(),
            job,
            board: board.to_owned(),
            kind: "nano33ble".to_owned(),
            title: "Arduino Nano 33 BLE".to_owned(),
            chip: "nRF52840".to_owned(),
            chip_id: Some(format!("00112233445566{job:02x}")),
            port: Some("/dev/ttyACM0".to_owned()),
            probe: None,
            topology: Some("usb-1-4.2".to_owned()),
            method: "bootloader".to_owned(),
            firmware_sha256: "ab".repeat(32),
            firmware_version: Some("0.1.0".to_owned()),
            flash_written_bytes: 4096,
            device: Some(format!("dev-00000000000000{job:02x}")),
            certificate_serial: Some("5e4d".to_owned()),
            enrolled_ms: Some(1_700_000_000_500),
            app: Some(EvidenceApp {
                name: "blink".to_owned(),
                version: "1.0.0".to_owned(),
                sha256: "cd".repeat(32),
            }),
            started_ms: 1_700_000_000_000 + job,
            ended_ms: 1_700_000_012_345 + job,
        }
    }

    #[test]
    fn what_is_no_evidence_is_refused_with_the_reason() {
        let whole = serde_json::to_string(&passed("lab-1", 1)).unwrap();
        assert_eq!(parse(whole.as_bytes()).unwrap(), passed("lab-1", 1));
        for (text, expected) in [
            (String::new(), "not whole"),
            (whole[..whole.len() / 2].to_owned(), "not whole"),
            (whole.replace("\"method\"", "\"way\""), "missing field `method`"),
            (whole.replace("\"format\":1", "\"format\":2"), "format 2"),
            (whole.replace("1700000012346", "999999999999999999"), "times"),
            (whole.replace("1700000012346", "5"), "times"),
            (" ".repeat(MOST_BYTES as usize + 1), "larger"),
        ] {
            let error = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error} for {expected}");
        }
    }

    proptest! {
        /// A file that lost or changed some bytes never makes the reader fail.
        #[test]
        fn any_bytes_are_evidence_or_an_error(at in 0usize..900, bytes in prop::collection::vec(any::<u8>(), 0..20), keep in any::<bool>()) {
            let mut text = serde_json::to_vec(&passed("lab-1", 1)).unwrap();
            let at = at.min(text.len());
            let end = if keep { at } else { text.len() };
            text.splice(at..end, bytes);
            if let Ok(record) = parse(&text) {
                prop_assert!(record.started_ms <= record.ended_ms && record.ended_ms <= LATEST_MS);
            }
        }
    }
}
