//! The rows of all attempts to provision a board: from the evidence files, and from the journal where a job left none.

use super::file::{self, Record};
use crate::{
    api::{Evidence, EvidenceOutcome, EvidenceRow, JobKind, JobState, JobView, UnreadableEvidence},
    jobs::flash::description,
};
use std::{fs, io, path::Path};

/// Reads all files in `folder`, and adds the jobs that ended without one. A job that ended well and whose file is
/// missing is named among the unreadable.
pub(super) fn table(folder: &Path, jobs: &[JobView]) -> Evidence {
    let mut evidence = Evidence::default();
    let mut unreadable = |path: &Path, text: String| {
        let file = path.display().to_string();
        evidence.unreadable.push(UnreadableEvidence { file, text });
    };
    let mut unknown = Vec::new();
    match fs::read_dir(folder) {
        Ok(files) => {
            for entry in files {
                let path = match entry {
                    Ok(entry) => entry.path(),
                    Err(error) => {
                        unreadable(folder, format!("The folder cannot be read to its end: {error}."));
                        continue;
                    }
                };
                if path.extension().is_none_or(|extension| extension != "json") {
                    continue;
                }
                match file::read(&path) {
                    Ok(record) => evidence.rows.push(of_record(record, &path)),
                    Err(error) => {
                        unreadable(&path, format!("This file is no evidence: {error}."));
                        unknown.push(path.display().to_string());
                    }
                }
            }
        }
        // No board was provisioned yet.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => unreadable(folder, format!("The folder cannot be read: {error}.")),
    }
    for job in jobs.iter().filter(|job| job.what == JobKind::Provision) {
        let has_row = |row: &EvidenceRow| row.job == job.id && row.began_ms == job.started_ms;
        if evidence.rows.iter().any(has_row) {
            continue;
        }
        match (job.state, &job.evidence) {
            (JobState::Running, _) => {}
            (JobState::Done, Some(file)) if unknown.contains(file) => {}
            (JobState::Done, file) => {
                let text = format!("Job {} ended well, and its evidence file is missing.", job.id);
                let file = file.clone().unwrap_or_else(|| folder.display().to_string());
                evidence.unreadable.push(UnreadableEvidence { file, text });
            }
            (JobState::Failed | JobState::Cancelled | JobState::Interrupted, _) => evidence.rows.push(of_job(job)),
        }
    }
    evidence.rows.sort_by_key(|row| (row.began_ms, row.job));
    evidence.unreadable.sort_by(|a, b| a.file.cmp(&b.file));
    evidence
}

fn of_record(record: Record, path: &Path) -> EvidenceRow {
    let is_digest = record.firmware_sha256.len() == 64 && record.firmware_sha256.bytes().all(|c| c.is_ascii_hexdigit());
    let missing = [
        (is_digest, "firmware"),
        (record.device.is_some(), "device"),
        (record.certificate_serial.is_some(), "certificate"),
        (record.chip_id.is_some(), "chip"),
    ];
    let text = match missing.iter().find(|(is_there, _)| !is_there) {
        Some((_, what)) => format!("The evidence names no {what}; provision the board again."),
        None => String::new(),
    };
    EvidenceRow {
        job: record.job,
        outcome: match text.is_empty() {
            true => EvidenceOutcome::Passed,
            false => EvidenceOutcome::Failed,
        },
        text,
        board: Some(record.board),
        kind: record.kind,
        title: record.title,
        chip: record.chip_id,
        place: record.topology.or(record.port).or(record.probe),
        method: Some(record.method),
        firmware_sha256: Some(record.firmware_sha256),
        firmware_version: record.firmware_version,
        device: record.device,
        certificate_serial: record.certificate_serial,
        app: record.app,
        began_ms: record.started_ms,
        ended_ms: Some(record.ended_ms),
        file: Some(path.display().to_string()),
    }
}

/// The row of a job that did not succeed.
fn of_job(job: &JobView) -> EvidenceRow {
    EvidenceRow {
        job: job.id,
        outcome: EvidenceOutcome::Failed,
        text: job.text.clone(),
        board: job.board.clone(),
        kind: job.kind.clone(),
        // The journal may name a kind that this Drydock does not know.
        title: description(&job.kind).map_or_else(|_| job.kind.clone(), |board| board.title),
        chip: job.chip.clone(),
        place: job
            .topology
            .clone()
            .or_else(|| job.on.port.clone())
            .or_else(|| job.on.probe.clone())
            .or_else(|| job.on.dfu.clone()),
        method: None,
        firmware_sha256: None,
        firmware_version: None,
        device: None,
        certificate_serial: None,
        app: None,
        began_ms: job.started_ms,
        ended_ms: job.ended_ms,
        file: None,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::file::tests::passed, *};
    use crate::api::CableRef;

    fn job(id: u64, state: JobState, evidence: Option<String>) -> JobView {
        JobView {
            id,
            what: JobKind::Provision,
            on: CableRef {
                port: Some("/dev/ttyACM7".into()),
                probe: None,
                dfu: None,
            },
            topology: None,
            kind: "nano33ble".into(),
            board: None,
            chip: None,
            state,
            text: "The cable is out.".into(),
            steps: Vec::new(),
            started_ms: 1_700_000_000_000 + id,
            ended_ms: Some(1_700_000_001_000),
            evidence,
        }
    }

    fn write(folder: &Path, name: &str, record: &Record) {
        fs::write(folder.join(name), serde_json::to_vec(record).unwrap()).unwrap();
    }

    #[test]
    fn each_attempt_has_one_row_in_the_order_of_their_beginning() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path();
        write(folder, "lab-3-3.json", &passed("lab-3", 3));
        write(folder, "lab-1-1.json", &passed("lab-1", 1));
        fs::write(folder.join("lab-9-9.json.unfinished"), b"{").unwrap();
        let earlier = JobView {
            started_ms: 5,
            ..job(1, JobState::Failed, None)
        };
        let jobs = [
            job(6, JobState::Interrupted, None),
            job(5, JobState::Cancelled, None),
            job(4, JobState::Running, None),
            // Its evidence was written before Drydock was killed.
            job(3, JobState::Interrupted, None),
            job(2, JobState::Failed, None),
            // The number of another journal's job.
            earlier,
            JobView {
                what: JobKind::Flash,
                ..job(7, JobState::Failed, None)
            },
        ];
        let evidence = table(folder, &jobs);
        let rows: Vec<_> = evidence.rows.iter().map(|row| (row.job, row.outcome)).collect();
        use EvidenceOutcome::{Failed, Passed};
        let expected = [
            (1, Failed),
            (1, Passed),
            (2, Failed),
            (3, Passed),
            (5, Failed),
            (6, Failed),
        ];
        assert_eq!(rows, expected);
        let failed = &evidence.rows[2];
        assert_eq!(failed.text, "The cable is out.");
        assert_eq!(failed.title, "Arduino Nano 33 BLE");
        assert_eq!(failed.place.as_deref(), Some("/dev/ttyACM7"));
        assert_eq!(evidence.rows[1].board.as_deref(), Some("lab-1"));
        assert_eq!(evidence.unreadable, []);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named_and_the_others_are_listed() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path();
        write(folder, "lab-1-1.json", &passed("lab-1", 1));
        fs::write(folder.join("lab-2-2.json"), b"{\"format\":1").unwrap();
        fs::create_dir(folder.join("lab-3-3.json")).unwrap();
        let gone = folder.join("lab-4-4.json").display().to_string();
        let there = folder.join("lab-2-2.json").display().to_string();
        let jobs = [
            job(4, JobState::Done, Some(gone.clone())),
            job(2, JobState::Done, Some(there.clone())),
        ];
        let evidence = table(folder, &jobs);
        assert_eq!(evidence.rows.len(), 1);
        let named: Vec<_> = evidence.unreadable.iter().map(|it| it.file.as_str()).collect();
        assert_eq!(
            named,
            [&there, &folder.join("lab-3-3.json").display().to_string(), &gone]
        );
        assert!(evidence.unreadable[2].text.contains("missing"), "{evidence:?}");
    }

    #[test]
    fn evidence_without_a_certificate_did_not_pass() {
        let place = tempfile::tempdir().unwrap();
        let record = Record {
            certificate_serial: None,
            ..passed("lab-1", 1)
        };
        write(place.path(), "lab-1-1.json", &record);
        let row = &table(place.path(), &[]).rows[0];
        assert_eq!(row.outcome, EvidenceOutcome::Failed);
        assert!(row.text.contains("no certificate"), "{row:?}");
    }

    #[test]
    fn without_a_folder_there_is_no_evidence() {
        let place = tempfile::tempdir().unwrap();
        assert_eq!(table(&place.path().join("evidence"), &[]), Evidence::default());
    }
}
