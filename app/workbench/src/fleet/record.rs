//! The records of boards that survive restarts: `DIR/fleet.json`.
//!
//! Format 7 knows parts on UARTs, format 6 parts on plain pins and parts that are modules, format 5 virtual parts, format 4 programs of the user's own, and format 3 physical boards. Format 2 stored which
//! kind of host runs a board, and format 1 knew emulated boards only. All of them are read, and replaced by format 7 with the next change of
//! the fleet. A newer format is refused untouched.

use super::part_record::PartRecord;
use crate::{api::Pace, data_dir::replace, labels::Label, own_firmware::FirmwareRecord};
use drydock_assets::Millionths;
use drydock_emulator::PartTable;
use drydock_gateway::DeviceId;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
    sync::Arc,
};

/// Format of the file.
const FORMAT: u32 = 7;

/// Longest id, in bytes.
const MAX_ID_BYTES: usize = 64;

/// A board as the user made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BoardRecord {
    /// Stable id, for example `b-3f9a0c`. It is also the name of the board's folder.
    pub(crate) id: String,
    /// Name, unique in the fleet.
    pub(crate) name: String,
    /// Words by which the user groups boards. Files from before there were labels have none.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) labels: BTreeSet<Label>,
    /// Id of the board's description.
    pub(crate) kind: String,
    /// The device that carries the board's identity.
    pub(crate) device: DeviceId,
    /// Whether the board is to run.
    pub(crate) on: bool,
    /// The host that runs it.
    pub(crate) host: HostRecord,
}

/// The host that runs a board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HostRecord {
    /// A machine of the emulator.
    Emulated(Box<EmulatedRecord>),
    /// A serial port.
    Physical(PhysicalRecord),
}

/// The cable of a physical board: what identifies the board, and where it was last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PhysicalRecord {
    /// Path of its serial port when it was last plugged in.
    pub(crate) port: String,
    /// Where its cable hung, if the system says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) topology: Option<String>,
    /// Serial number of its USB device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) usb_serial: Option<String>,
    /// Unique id of its chip, hexadecimal.
    pub(crate) chip: String,
}

/// The machine of an emulated board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EmulatedRecord {
    /// Name of the engine.
    pub(crate) engine: String,
    /// Pace of its time.
    pub(crate) pace: Pace,
    /// Seed of the machine, hexadecimal.
    pub(crate) seed: String,
    /// Damage of its link, for trials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) link_noise: Option<String>,
    /// The program of the user's own that it runs; `None` for Drydock's firmware.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) firmware: Option<FirmwareRecord>,
    /// Virtual parts that the user added to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) parts: Vec<PartRecord>,
    /// Values that the user set, in millionths of their unit, by part and property.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) part_values: BTreeMap<String, BTreeMap<String, Millionths>>,
    /// Values that follow a table from each power-on, while this Drydock runs.
    #[serde(skip)]
    pub(crate) part_table: Option<Arc<PartTable>>,
}

impl BoardRecord {
    /// The machine of an emulated board.
    pub(crate) fn emulated(&self) -> Option<&EmulatedRecord> {
        match &self.host {
            HostRecord::Emulated(emulated) => Some(emulated),
            HostRecord::Physical(_) => None,
        }
    }

    /// The machine of an emulated board, to be changed.
    pub(crate) fn emulated_mut(&mut self) -> Option<&mut EmulatedRecord> {
        match &mut self.host {
            HostRecord::Emulated(emulated) => Some(emulated),
            HostRecord::Physical(_) => None,
        }
    }

    /// The cable of a physical board.
    pub(crate) fn physical(&self) -> Option<&PhysicalRecord> {
        match &self.host {
            HostRecord::Physical(physical) => Some(physical),
            HostRecord::Emulated(_) => None,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct FleetFile {
    format: u32,
    boards: Vec<BoardRecord>,
}

/// A board of format 1.
#[derive(Deserialize)]
struct RecordV1 {
    id: String,
    name: String,
    kind: String,
    device: DeviceId,
    on: bool,
    #[serde(flatten)]
    emulated: EmulatedRecord,
}

#[derive(Deserialize)]
struct FleetFileV1 {
    boards: Vec<RecordV1>,
}

impl From<RecordV1> for BoardRecord {
    fn from(old: RecordV1) -> Self {
        Self {
            id: old.id,
            name: old.name,
            labels: BTreeSet::new(),
            kind: old.kind,
            device: old.device,
            on: old.on,
            host: HostRecord::Emulated(Box::new(old.emulated)),
        }
    }
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
    #[error(
        "{path} names a board {id:?}, which cannot be the id of one; write letters, digits and hyphens there, or choose another directory with --data"
    )]
    BoardId { path: String, id: String },
}

/// Reads the fleet, which is empty in a new directory.
pub(crate) fn read(directory: &Path) -> Result<Vec<BoardRecord>, ReadError> {
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
    let boards: Vec<BoardRecord> = match serde_json::from_slice::<Format>(&text).map_err(invalid)?.format {
        0 | 1 => {
            let old = serde_json::from_slice::<FleetFileV1>(&text).map_err(invalid)?;
            old.boards.into_iter().map(BoardRecord::from).collect()
        }
        2..=FORMAT => serde_json::from_slice::<FleetFile>(&text).map_err(invalid)?.boards,
        _ => return Err(ReadError::Newer { path }),
    };
    match boards.iter().find(|board| !is_board_id(&board.id)) {
        None => Ok(boards),
        Some(board) => Err(ReadError::BoardId {
            path,
            id: board.id.clone(),
        }),
    }
}

/// Whether a text can be the id of a board. Ids become names of folders, so they must not contain path separators or
/// dots.
fn is_board_id(id: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Writes the fleet.
pub(crate) fn write(directory: &Path, boards: Vec<BoardRecord>) -> io::Result<()> {
    let file = FleetFile { format: FORMAT, boards };
    replace(&directory.join("fleet.json"), &serde_json::to_vec_pretty(&file)?)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A board for tests.
    pub(crate) fn record(number: u32) -> BoardRecord {
        BoardRecord {
            id: format!("b-{number}"),
            name: format!("bench-{number}"),
            labels: BTreeSet::new(),
            kind: "nano33ble".into(),
            device: format!("dev-{number}").as_str().into(),
            on: true,
            host: HostRecord::Emulated(Box::new(EmulatedRecord {
                engine: "builtin".into(),
                pace: Pace::Max,
                seed: "00".into(),
                link_noise: None,
                firmware: None,
                parts: Vec::new(),
                part_values: BTreeMap::new(),
                part_table: None,
            })),
        }
    }

    fn written(text: &str) -> (tempfile::TempDir, Result<Vec<BoardRecord>, ReadError>) {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("fleet.json");
        fs::write(&file, text).unwrap();
        let boards = read(place.path());
        assert_eq!(fs::read_to_string(&file).unwrap(), text, "reading changes nothing");
        (place, boards)
    }

    #[test]
    fn a_fleet_survives_and_a_newer_one_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        assert_eq!(read(place.path()).unwrap(), []);
        write(place.path(), vec![record(1)]).unwrap();
        assert_eq!(read(place.path()).unwrap(), [record(1)]);
        let (_place, newer) = written(r#"{"format":8,"boards":{}}"#);
        assert!(matches!(newer, Err(ReadError::Newer { .. })));
    }

    #[test]
    fn a_fleet_of_format_1_is_read_and_written_anew() {
        let text = r#"{
  "format": 1,
  "boards": [
    { "id": "b-1", "name": "bench-1", "kind": "nano33ble", "engine": "builtin", "pace": "max", "seed": "00",
      "device": "dev-1", "on": true },
    { "id": "b-2", "name": "bench-2", "kind": "nano33ble", "engine": "qemu", "pace": "realtime", "seed": "2a",
      "link_noise": "0.01:7", "device": "dev-2", "on": false }
  ]
}"#;
        let (place, boards) = written(text);
        let mut second = record(2);
        second.on = false;
        second.host = HostRecord::Emulated(Box::new(EmulatedRecord {
            engine: "qemu".into(),
            pace: Pace::Realtime,
            seed: "2a".into(),
            link_noise: Some("0.01:7".into()),
            firmware: None,
            parts: Vec::new(),
            part_values: BTreeMap::new(),
            part_table: None,
        }));
        let boards = boards.unwrap();
        assert_eq!(boards, [record(1), second]);
        write(place.path(), boards.clone()).unwrap();
        assert_eq!(read(place.path()).unwrap(), boards);
    }

    #[test]
    fn labels_survive_and_files_from_before_them_are_read() {
        let before = r#"{"format":2,"boards":[{"id":"b-1","name":"bench-1","kind":"nano33ble","device":"dev-1","on":true,
            "host":{"emulated":{"engine":"builtin","pace":"max","seed":"00"}}}]}"#;
        let (place, boards) = written(before);
        assert_eq!(boards.unwrap(), [record(1)]);

        let mut labelled = record(1);
        labelled.labels = ["lab", "bench-2"].map(|label| label.parse().unwrap()).into();
        write(place.path(), vec![labelled.clone(), record(2)]).unwrap();
        assert_eq!(read(place.path()).unwrap(), [labelled, record(2)]);
        let text = fs::read_to_string(place.path().join("fleet.json")).unwrap();
        assert_eq!(text.matches("labels").count(), 1, "{text}");

        let (_place, wrong) = written(&before.replace("\"on\"", "\"labels\":[\"Lab A\"],\"on\""));
        let error = wrong.unwrap_err().to_string();
        assert!(
            error.contains("fleet.json") && error.contains("\"Lab A\" is no label"),
            "{error}"
        );
    }

    #[test]
    fn parts_survive_and_files_from_before_them_are_read() {
        let before = r#"{"format":4,"boards":[{"id":"b-1","name":"bench-1","kind":"nano33ble","device":"dev-1","on":true,
            "host":{"emulated":{"engine":"builtin","pace":"max","seed":"00"}}}]}"#;
        let (place, boards) = written(before);
        assert_eq!(boards.unwrap(), [record(1)]);

        let mut board = record(1);
        let emulated = board.emulated_mut().unwrap();
        let mut description = drydock_assets::board("nano33ble").unwrap();
        let choice = drydock_assets::PartChoice {
            kind: "bme280".into(),
            values: [("temperature".to_owned(), -3.5)].into(),
            ..Default::default()
        };
        description.add_part(&choice, drydock_assets::part_kinds()).unwrap();
        emulated.parts = description.parts.last().map(PartRecord::of).into_iter().collect();
        let values = [("humidity".to_owned(), Millionths(55_500_000))].into();
        emulated.part_values = [("bme280".to_owned(), values)].into();
        write(place.path(), vec![board.clone()]).unwrap();
        assert_eq!(read(place.path()).unwrap(), [board.clone()]);
        let wired = crate::parts::wired(
            &drydock_assets::board("nano33ble").unwrap(),
            board.emulated().unwrap(),
            place.path(),
        )
        .unwrap();
        let part = wired.parts.last().unwrap();
        assert_eq!(
            (part.name.as_str(), part.values["temperature"]),
            ("bme280", Millionths(-3_500_000))
        );
        assert_eq!(part.values["humidity"], Millionths(55_500_000));
    }

    #[test]
    fn physical_boards_survive() {
        let mut board = record(1);
        board.host = HostRecord::Physical(PhysicalRecord {
            port: "/dev/ttyACM0".into(),
            topology: Some("usb-1-4.2".into()),
            usb_serial: None,
            chip: "0102030405060708".into(),
        });
        let place = tempfile::tempdir().unwrap();
        write(place.path(), vec![board.clone(), record(2)]).unwrap();
        assert_eq!(read(place.path()).unwrap(), [board, record(2)]);
    }

    #[test]
    fn an_id_that_leads_out_of_the_data_directory_is_refused() {
        for id in [
            "../../escape",
            "..",
            "",
            "a/b",
            "a\\b",
            "C:x",
            "b-1\u{0}",
            &"b".repeat(65),
        ] {
            let mut board = record(1);
            board.id = id.into();
            let place = tempfile::tempdir().unwrap();
            write(place.path(), vec![record(2), board]).unwrap();
            let error = read(place.path()).unwrap_err();
            assert!(
                matches!(&error, ReadError::BoardId { id: named, .. } if named == id),
                "{error}"
            );
            assert!(error.to_string().contains("fleet.json"), "{error}");
        }
    }
}
