//! The table of evidence as comma-separated values (RFC 4180), safe to open in a spreadsheet.

use crate::api::{Evidence, EvidenceOutcome, EvidenceRow};
use csv::Writer;
use time::{OffsetDateTime, macros::format_description};

const HEADER: [&str; 20] = [
    "outcome",
    "board",
    "kind",
    "title",
    "chip",
    "place",
    "method",
    "firmware_sha256",
    "firmware_version",
    "device",
    "certificate_serial",
    "app",
    "app_version",
    "app_sha256",
    "began",
    "ended",
    "seconds",
    "job",
    "text",
    "file",
];

/// The table: one header line, the rows, then what cannot be read.
pub(super) fn text(evidence: &Evidence) -> Result<Vec<u8>, csv::Error> {
    let mut writer = Writer::from_writer(Vec::new());
    writer.write_record(HEADER)?;
    for row in &evidence.rows {
        writer.write_record(cells(row).map(|cell| harmless(&cell)))?;
    }
    for it in &evidence.unreadable {
        let mut cells = [const { String::new() }; HEADER.len()];
        cells[0] = "unreadable".to_owned();
        cells[HEADER.len() - 2] = harmless(&it.text);
        cells[HEADER.len() - 1] = harmless(&it.file);
        writer.write_record(cells)?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

fn cells(row: &EvidenceRow) -> [String; HEADER.len()] {
    let or_empty = |text: &Option<String>| text.clone().unwrap_or_default();
    let app = row.app.clone();
    let (app, app_version, app_sha256) = app.map_or_else(Default::default, |app| (app.name, app.version, app.sha256));
    let seconds = row.ended_ms.map(|ended| ended.saturating_sub(row.began_ms));
    [
        match row.outcome {
            EvidenceOutcome::Passed => "passed".to_owned(),
            EvidenceOutcome::Failed => "failed".to_owned(),
        },
        or_empty(&row.board),
        row.kind.clone(),
        row.title.clone(),
        or_empty(&row.chip),
        or_empty(&row.place),
        or_empty(&row.method),
        or_empty(&row.firmware_sha256),
        or_empty(&row.firmware_version),
        or_empty(&row.device),
        or_empty(&row.certificate_serial),
        app,
        app_version,
        app_sha256,
        utc(row.began_ms),
        row.ended_ms.map(utc).unwrap_or_default(),
        seconds.map_or_else(String::new, |ms| format!("{}.{:03}", ms / 1000, ms % 1000)),
        row.job.to_string(),
        row.text.clone(),
        or_empty(&row.file),
    ]
}

/// The time in UTC (RFC 3339) with milliseconds; empty if it is beyond the year 9999.
fn utc(ms: u64) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000)
        .ok()
        .and_then(|time| time.format(format).ok())
        .unwrap_or_default()
}

/// A cell that no spreadsheet takes for a formula: one that begins like a formula gets an apostrophe in front (OWASP,
/// "CSV Injection"). A spreadsheet that trims cells sees the character after the space, so that counts too.
fn harmless(cell: &str) -> String {
    let first = cell.trim_start().chars().next();
    let control = cell.starts_with(['\t', '\r', '\n']);
    match first {
        Some('=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠') => format!("'{cell}"),
        _ if control => format!("'{cell}"),
        _ => cell.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{EvidenceApp, UnreadableEvidence};
    use proptest::prelude::*;

    fn row(board: &str) -> EvidenceRow {
        EvidenceRow {
            job: 7,
            outcome: EvidenceOutcome::Passed,
            text: String::new(),
            board: Some(board.into()),
            kind: "nano33ble".into(),
            title: "Arduino Nano 33 BLE".into(),
            chip: Some("0011".into()),
            place: Some("usb-1-4.2".into()),
            method: Some("bootloader".into()),
            firmware_sha256: Some("ab".repeat(32)),
            firmware_version: Some("0.1.0".into()),
            device: Some("dev-1".into()),
            certificate_serial: Some("5e4d".into()),
            app: Some(EvidenceApp {
                name: "blink".into(),
                version: "1.0.0".into(),
                sha256: "cd".into(),
            }),
            began_ms: 1_700_000_000_000,
            ended_ms: Some(1_700_000_012_345),
            file: Some("/data/evidence/lab-1-7.json".into()),
        }
    }

    fn read(bytes: &[u8]) -> Vec<Vec<String>> {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes);
        let cells = |record: csv::StringRecord| record.iter().map(str::to_owned).collect();
        reader.records().map(|record| cells(record.unwrap())).collect()
    }

    #[test]
    fn the_table_has_one_header_and_says_what_cannot_be_read() {
        let failed = EvidenceRow {
            outcome: EvidenceOutcome::Failed,
            text: "The cable is out, \"really\".".into(),
            board: None,
            app: None,
            ended_ms: None,
            ..row("")
        };
        let evidence = Evidence {
            rows: vec![row("lab-1"), failed],
            unreadable: vec![UnreadableEvidence {
                file: "/data/evidence/x.json".into(),
                text: "This file is no evidence.".into(),
            }],
        };
        let table = read(&text(&evidence).unwrap());
        assert_eq!(table[0], HEADER);
        assert_eq!(table[1][..2], ["passed", "lab-1"]);
        assert_eq!(
            table[1][14..17],
            ["2023-11-14T22:13:20.000Z", "2023-11-14T22:13:32.345Z", "12.345"]
        );
        assert_eq!(table[2][0], "failed");
        assert_eq!(table[2][18], "The cable is out, \"really\".");
        assert_eq!(table[3][0], "unreadable");
        assert_eq!(table[3][18..], ["This file is no evidence.", "/data/evidence/x.json"]);
        assert_eq!(table.len(), 4);
    }

    #[test]
    fn no_cell_is_a_formula() {
        for (cell, expected) in [
            ("lab-1", "lab-1"),
            ("", ""),
            ("=1+1", "'=1+1"),
            ("+49", "'+49"),
            ("-2", "'-2"),
            ("@SUM(A1)", "'@SUM(A1)"),
            (" =1", "' =1"),
            ("\t1", "'\t1"),
            ("＝1", "'＝1"),
            ("a=1", "a=1"),
        ] {
            assert_eq!(harmless(cell), expected);
        }
    }

    proptest! {
        /// Whatever a board is called, its cell comes back from a reader, and begins like no formula.
        #[test]
        fn names_come_back_and_begin_like_no_formula(name in "[=+@ \t\r\n\"',;a-]{0,12}|\\PC{0,12}") {
            let evidence = Evidence { rows: vec![row(&name)], unreadable: Vec::new() };
            let table = read(&text(&evidence).unwrap());
            prop_assert_eq!(table.len(), 2);
            let cell = &table[1][1];
            prop_assert!(!cell.trim_start().starts_with(['=', '+', '-', '@', '\t', '\r', '\n']));
            prop_assert!(*cell == name || cell.strip_prefix('\'') == Some(&name));
        }
    }
}
