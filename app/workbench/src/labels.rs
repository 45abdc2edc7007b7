//! Labels: words that group boards, such as `lab` or `bench-2`.

use crate::{
    api::{ApiError, BoardLabel, BoardView, ErrorCode},
    boards,
    errors::usage,
    state::WorkbenchState,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt, str::FromStr, sync::Arc};

/// Most labels of one board.
const MAX_LABELS: usize = 16;

/// Longest label, in bytes.
const MAX_LABEL_BYTES: usize = 32;

/// One label. Its form makes it a word of a filter and of a command line without quotes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Label(String);

/// A text that is no label.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no label; write lower-case letters, digits and inner hyphens, {MAX_LABEL_BYTES} at most, as in lab or bench-2"
)]
pub(crate) struct NotALabel(String);

impl FromStr for Label {
    type Err = NotALabel;

    fn from_str(text: &str) -> Result<Self, NotALabel> {
        let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = text.as_bytes();
        let is_label = (1..=MAX_LABEL_BYTES).contains(&bytes.len())
            && bytes.first().is_some_and(plain)
            && bytes.last().is_some_and(plain)
            && bytes.iter().all(|byte| plain(byte) || *byte == b'-');
        if is_label {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotALabel(text.to_owned()))
        }
    }
}

impl TryFrom<String> for Label {
    type Error = NotALabel;

    fn try_from(text: String) -> Result<Self, NotALabel> {
        text.parse()
    }
}

impl From<Label> for String {
    fn from(label: Label) -> Self {
        label.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a request changes.
#[derive(Debug, PartialEq, Eq)]
struct Change {
    add: BTreeSet<Label>,
    remove: BTreeSet<Label>,
}

impl Change {
    fn read(request: &BoardLabel) -> Result<Self, ApiError> {
        let labels = |texts: &[String]| {
            let labels = texts.iter().map(|text| text.parse::<Label>());
            let labels: Result<BTreeSet<Label>, NotALabel> = labels.collect();
            labels.map_err(|error| usage(format!("{error}.")))
        };
        let change = Self {
            add: labels(&request.add)?,
            remove: labels(&request.remove)?,
        };
        if request.boards.is_empty() {
            return Err(usage("No board was named; say which boards shall be labelled."));
        }
        if change.add.is_empty() && change.remove.is_empty() {
            return Err(usage("No label was named; say which labels to add or to remove."));
        }
        if let Some(both) = change.add.intersection(&change.remove).next() {
            return Err(usage(format!("{both} cannot be added and removed at once.")));
        }
        Ok(change)
    }

    fn apply(&self, labels: &mut BTreeSet<Label>) {
        labels.retain(|label| !self.remove.contains(label));
        labels.extend(self.add.iter().cloned());
    }
}

/// Adds labels to boards and removes labels from them: on all boards or, if one of them cannot have them, on none.
pub(crate) async fn label(workbench: &Arc<WorkbenchState>, request: BoardLabel) -> Result<Vec<BoardView>, ApiError> {
    let change = Change::read(&request)?;
    let boards = request.boards.iter().map(|board| workbench.board(board));
    let boards = boards.collect::<Result<Vec<_>, _>>()?;
    for board in &boards {
        let mut labels = board.state().record.labels.clone();
        change.apply(&mut labels);
        if labels.len() > MAX_LABELS {
            let text = format!(
                "Nothing was changed: {} would have {} labels, and {MAX_LABELS} are allowed; remove some of them.",
                board.name(),
                labels.len()
            );
            return Err(ApiError::new(ErrorCode::Refused, text));
        }
    }
    for board in &boards {
        change.apply(&mut board.state().record.labels);
    }
    boards::save(workbench, None).await?;
    for board in &boards {
        workbench.throttle.touch(board);
    }
    Ok(boards.iter().map(|board| workbench.view(board)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(add: &[&str], remove: &[&str]) -> BoardLabel {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        BoardLabel {
            boards: vec!["bench-1".into()],
            add: owned(add),
            remove: owned(remove),
        }
    }

    #[test]
    fn labels_are_short_plain_words() {
        for label in ["lab", "bench-2", "7", &"a".repeat(32)] {
            assert_eq!(label.parse::<Label>().unwrap().to_string(), label);
        }
        for text in [
            "",
            "Lab",
            "two words",
            "-lab",
            "lab-",
            "lab:1",
            "lä",
            "a\u{1b}",
            &"a".repeat(33),
        ] {
            let error = text.parse::<Label>().unwrap_err().to_string();
            assert!(error.contains("as in lab or bench-2"), "{error}");
            assert!(!error.contains('\u{1b}'), "{error}");
        }
    }

    #[test]
    fn a_change_adds_and_removes_and_never_both() {
        let labels = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| text.parse().unwrap())
                .collect::<BTreeSet<Label>>()
        };
        let mut has = labels(&["lab", "old"]);
        Change::read(&request(&["new", "lab"], &["old", "never-had"]))
            .unwrap()
            .apply(&mut has);
        assert_eq!(has, labels(&["lab", "new"]));

        let wrong = |add, remove| Change::read(&request(add, remove)).unwrap_err().message;
        assert_eq!(
            wrong(&[], &[]),
            "No label was named; say which labels to add or to remove."
        );
        assert_eq!(wrong(&["lab"], &["lab"]), "lab cannot be added and removed at once.");
        assert!(wrong(&["Lab"], &[]).starts_with("\"Lab\" is no label; "));
        let nobody = BoardLabel {
            boards: Vec::new(),
            ..request(&["lab"], &[])
        };
        assert!(Change::read(&nobody).unwrap_err().message.starts_with("No board"));
    }
}
