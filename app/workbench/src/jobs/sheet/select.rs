//! Which boards get a label: those whose last attempt passed.

use super::Label;
use crate::api::{ApiError, ErrorCode, Evidence, EvidenceOutcome, EvidenceRow, LeftOut};
use std::collections::BTreeMap;

/// The labels, and the boards without one.
#[derive(Debug, Default)]
pub(super) struct Selected {
    pub(super) labels: Vec<Label>,
    pub(super) left_out: Vec<LeftOut>,
}

/// Selects boards by their name in the fleet, by the name in their evidence, or by their device id; without `wanted` all.
/// `names` has the name of each device that is in the fleet now: a board may have been renamed since.
///
/// # Errors
/// There is no evidence, a wanted board has none, or its last attempt failed.
pub(super) fn select(
    evidence: &Evidence,
    names: &BTreeMap<String, String>,
    wanted: &[String],
) -> Result<Selected, ApiError> {
    let refused = |code, text: String| Err(ApiError::new(code, text));
    // The rows are in the order in which the attempts began: the last one of a chip counts.
    let mut last: BTreeMap<&str, &EvidenceRow> = BTreeMap::new();
    for row in &evidence.rows {
        if let Some(chip) = &row.chip {
            last.insert(chip, row);
        }
    }
    let mut last: Vec<&EvidenceRow> = last.into_values().collect();
    last.sort_by_key(|row| (row.began_ms, row.job));
    let name = |row: &EvidenceRow| {
        let now = row.device.as_ref().and_then(|device| names.get(device));
        now.or(row.board.as_ref())
            .cloned()
            .unwrap_or_else(|| "a board".to_owned())
    };
    let label = |row: &EvidenceRow| Label {
        board: name(row),
        title: row.title.clone(),
        device: row.device.clone().unwrap_or_default(),
        chip: row.chip.clone().unwrap_or_default(),
    };
    let mut selected = Selected::default();
    if wanted.is_empty() {
        for row in last {
            match row.outcome {
                EvidenceOutcome::Passed => selected.labels.push(label(row)),
                EvidenceOutcome::Failed => selected.left_out.push(LeftOut {
                    board: name(row),
                    text: row.text.clone(),
                }),
            }
        }
        if selected.labels.is_empty() {
            let text = "No board that passed is in the evidence; provision one first.";
            return refused(ErrorCode::NotFound, text.to_owned());
        }
        return Ok(selected);
    }
    for wanted in wanted {
        // A name may have been given to another board since; the newest board with it is meant.
        let by = |fits: &dyn Fn(&EvidenceRow) -> bool| last.iter().rev().find(|row| fits(row)).copied();
        let row = by(&|row| row.device.as_ref() == Some(wanted))
            .or_else(|| by(&|row| row.device.as_ref().and_then(|device| names.get(device)) == Some(wanted)))
            .or_else(|| by(&|row| row.board.as_ref() == Some(wanted)));
        match row {
            None => {
                let text =
                    format!("There is no evidence of {wanted}; `drydock evidence` lists the boards that have some.");
                return refused(ErrorCode::NotFound, text);
            }
            Some(row) if row.outcome == EvidenceOutcome::Failed => {
                let text = format!("The last attempt to provision {wanted} failed; it gets no label.");
                return Err(ApiError {
                    code: ErrorCode::Refused,
                    message: text,
                    detail: Some(row.text.clone()),
                });
            }
            Some(row) => {
                let label = label(row);
                if !selected.labels.contains(&label) {
                    selected.labels.push(label);
                }
            }
        }
    }
    Ok(selected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(board: &str, number: u64, outcome: EvidenceOutcome) -> EvidenceRow {
        EvidenceRow {
            job: number,
            outcome,
            text: match outcome {
                EvidenceOutcome::Passed => String::new(),
                EvidenceOutcome::Failed => "The cable is out.".into(),
            },
            board: Some(board.into()),
            kind: "nano33ble".into(),
            title: "Arduino Nano 33 BLE".into(),
            chip: Some(format!("chip-{board}")),
            place: None,
            method: None,
            firmware_sha256: None,
            firmware_version: None,
            device: Some(format!("dev-{board}")),
            certificate_serial: None,
            app: None,
            began_ms: number,
            ended_ms: None,
            file: None,
        }
    }

    fn check(wanted: &[&str], expected: Result<&[&str], &str>) {
        use EvidenceOutcome::{Failed, Passed};
        let again = EvidenceRow {
            device: None,
            board: None,
            ..row("c", 4, Failed)
        };
        let blank = EvidenceRow {
            chip: None,
            ..row("nobody", 6, Failed)
        };
        let evidence = Evidence {
            rows: vec![
                row("a", 1, Failed),
                row("b", 2, Passed),
                row("c", 3, Passed),
                again,
                row("a", 5, Passed),
                blank,
            ],
            unreadable: Vec::new(),
        };
        let names = BTreeMap::from([("dev-b".to_owned(), "renamed".to_owned())]);
        let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
        let selected = select(&evidence, &names, &wanted);
        match expected {
            Ok(expected) => {
                let selected = selected.unwrap();
                let boards: Vec<_> = selected.labels.iter().map(|label| label.board.as_str()).collect();
                assert_eq!(boards, expected, "{wanted:?}");
                assert_eq!(selected.left_out.len(), usize::from(wanted.is_empty()));
            }
            Err(expected) => {
                let error = selected.unwrap_err();
                assert!(error.message.contains(expected), "{error:?}");
            }
        }
    }

    #[test]
    fn only_a_board_whose_last_attempt_passed_gets_a_label() {
        check(&[], Ok(&["renamed", "a"]));
        check(&["a", "b"], Ok(&["a", "renamed"]));
        check(&["renamed", "dev-b"], Ok(&["renamed"]));
        check(&["x"], Err("no evidence of x"));
        let nothing = select(&Evidence::default(), &BTreeMap::new(), &[]).unwrap_err();
        assert_eq!(nothing.code, ErrorCode::NotFound);
    }

    #[test]
    fn a_board_that_failed_since_gets_none() {
        use EvidenceOutcome::{Failed, Passed};
        let rows = vec![row("a", 1, Passed), row("a", 2, Failed)];
        let evidence = Evidence {
            rows,
            unreadable: Vec::new(),
        };
        let error = select(&evidence, &BTreeMap::new(), &["a".to_owned()]).unwrap_err();
        assert_eq!(
            (error.code, error.detail.as_deref()),
            (ErrorCode::Refused, Some("The cable is out."))
        );
    }
}
