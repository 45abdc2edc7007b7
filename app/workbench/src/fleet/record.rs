//! What is kept of each board over restarts: `DIR/fleet.json`.

use crate::{api::Pace, data_dir::replace};
use drydock_gateway::DeviceId;
use serde::{Deserialize, Serialize};
use std::{fs, io, path::Path};

/// Format of the file; a newer one is left alone.
const FORMAT: u32 = 1;

/// A board as the user made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Stable id, for example `b-3f9a0c`.
    pub(crate) id: String,
    /// Name, unique in the fleet.
    pub(crate) name: String,
    /// Id of the board's description.
    pub(crate) kind: String,
    /// Name of the engine.
    pub(crate) engine: String,
    /// Pace of its time.
    pub(crate) pace: Pace,
    /// Seed of the machine, hexadecimal.
    pub(crate) seed: String,
    /// Damage of its link, for trials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) link_noise: Option<String>,
    /// The device that carries the board's identity.
    pub(crate) device: DeviceId,
    /// Whether the machine is switched on.
    pub(crate) on: bool,
}

#[derive(Serialize, Deserialize)]
struct FleetFile {
    format: u32,
    boards: Vec<Record>,
}

/// Why the fleet could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error(
        "{path} was written by a newer Drydock; it was not touched. Update Drydock, or choose another directory with --data"
    )]
    Newer { path: String },
    #[error("{path} cannot be read: {source}")]
    Io { path: String, source: io::Error },
}

/// Reads the fleet; none is there in a new directory.
pub(crate) fn read(directory: &Path) -> Result<Vec<Record>, ReadError> {
    let file = directory.join("fleet.json");
    let path = file.display().to_string();
    let text = match fs::read(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(ReadError::Io { path, source }),
    };
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let invalid = |error: serde_json::Error| ReadError::Io {
        path: path.clone(),
        source: error.into(),
    };
    if serde_json::from_slice::<Format>(&text).map_err(invalid)?.format > FORMAT {
        return Err(ReadError::Newer { path });
    }
    Ok(serde_json::from_slice::<FleetFile>(&text).map_err(invalid)?.boards)
}

/// Writes the fleet.
pub(crate) fn write(directory: &Path, boards: Vec<Record>) -> io::Result<()> {
    let file = FleetFile { format: FORMAT, boards };
    replace(&directory.join("fleet.json"), &serde_json::to_vec_pretty(&file)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fleet_survives_and_a_newer_one_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        assert_eq!(read(place.path()).unwrap(), []);
        let record = Record {
            id: "b-1".into(),
            name: "bench-1".into(),
            kind: "nano33ble".into(),
            engine: "builtin".into(),
            pace: Pace::Max,
            seed: "00".into(),
            link_noise: None,
            device: "dev-1".into(),
            on: true,
        };
        write(place.path(), vec![record.clone()]).unwrap();
        assert_eq!(read(place.path()).unwrap(), [record]);
        fs::write(place.path().join("fleet.json"), r#"{"format":2,"boards":{}}"#).unwrap();
        assert!(matches!(read(place.path()), Err(ReadError::Newer { .. })));
    }
}
