//! The evidence of a provisioned board: a JSON file to keep, `DIR/evidence/BOARD-JOB.json`.

use crate::{
    api::{Deployment, JobView},
    data_dir::replace,
    workbench::VERSION,
};
use drydock_assets::Board as Description;
use drydock_gateway::DeviceView;
use serde_json::{Value, json};
use std::{fs, io, path::Path};

/// What was done to a board, and what it is now.
pub(super) struct Evidence<'a> {
    pub(super) job: JobView,
    /// Name of the board in the fleet.
    pub(super) board: String,
    pub(super) description: &'a Description,
    /// How its flash was written.
    pub(super) method: &'a str,
    pub(super) firmware_sha256: String,
    pub(super) written_bytes: u32,
    pub(super) device: Option<DeviceView>,
    pub(super) app: Option<Deployment>,
    pub(super) ended_ms: u64,
}

impl Evidence<'_> {
    /// Writes the file and returns its path.
    pub(super) fn write(&self, data: &Path) -> io::Result<String> {
        let folder = data.join("evidence");
        fs::create_dir_all(&folder)?;
        let name: String = self
            .board
            .chars()
            .map(|c| if c.is_alphanumeric() { c } else { '-' })
            .collect();
        let path = folder.join(format!("{name}-{}.json", self.job.id));
        replace(&path, &serde_json::to_vec_pretty(&self.json())?)?;
        Ok(path.display().to_string())
    }

    fn json(&self) -> Value {
        let device = self.device.as_ref();
        let app = self.app.as_ref();
        json!({
            "format": 1,
            "drydock": VERSION,
            "job": self.job.id,
            "board": self.board,
            "kind": self.description.name,
            "title": self.description.title,
            "chip": self.description.chip.title,
            "chip_id": self.job.chip,
            "port": self.job.on.port,
            "probe": self.job.on.probe,
            "topology": self.job.topology,
            "method": self.method,
            "firmware_sha256": self.firmware_sha256,
            "firmware_version": device.map(|device| &device.firmware),
            "flash_written_bytes": self.written_bytes,
            "device": device.map(|device| &device.id.0),
            "certificate_serial": device.and_then(|device| device.certificate_serial.as_ref()),
            "enrolled_ms": device.and_then(|device| device.enrolled_ms),
            "app": app.map(|app| json!({ "name": app.app, "version": app.version, "sha256": app.digest })),
            "started_ms": self.job.started_ms,
            "ended_ms": self.ended_ms,
        })
    }
}
