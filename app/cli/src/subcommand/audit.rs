//! `drydock audit`: the audit trail of a data directory, read without opening it.

use crate::{
    arguments::{Audit, AuditAction},
    exit::{Exit, Failure},
    output::{Ink, Output, clock},
};
use drydock_client::DataDir;
use drydock_workbench::{AuditEntry, AuditError, AuditHead, read_audit_trail};
use serde_json::json;
use std::path::Path;

pub(crate) async fn audit(data: Option<&Path>, arguments: &Audit, output: &Output) -> Result<Exit, Failure> {
    let which = data.map_or(DataDir::Default, |path| DataDir::At(path.to_owned()));
    let lists = arguments.action == AuditAction::List;
    let expected = match &arguments.action {
        AuditAction::Verify { expect: Some(expect) } => Some(head(expect)?),
        _ => None,
    };
    let mut rows = Vec::new();
    let read = read_audit_trail(&which, expected, |entry| {
        if lists {
            output.object("audit.entry", &entry);
            rows.push(row(&entry));
        }
    })
    .await;
    if lists {
        output.table(&["#", "time", "who", "what", "on", ""], &rows);
    }
    let tip = read.map_err(failure)?;
    let head = AuditHead {
        entries: tip.entries,
        hash: tip.hash,
    };
    output.object(
        "audit.verified",
        &json!({
            "entries": tip.entries,
            "hash": tip.hash.to_string(),
            "head": head.to_string(),
            "signed_by": tip.signed_by.to_string(),
            "text": "The audit trail is whole.",
        }),
    );
    match &arguments.action {
        AuditAction::List => {}
        AuditAction::Head => output.say(head.to_string()),
        AuditAction::Verify { .. } => output.say(format!(
            "The audit trail is whole: {} entries, the last with the hash {}.\nIts end is signed by the gateway's key {}.",
            tip.entries, tip.hash, tip.signed_by
        )),
    }
    Ok(Exit::Success)
}

/// The head in an argument: its text, or the file that holds it, as text or as the JSON object of `audit head`.
fn head(argument: &str) -> Result<AuditHead, Failure> {
    if let Ok(head) = argument.parse() {
        return Ok(head);
    }
    let refuse = |reason: String| Err(Failure::new(Exit::Usage, reason));
    let text = match std::fs::read_to_string(argument) {
        Ok(text) => text,
        Err(error) => {
            return refuse(format!(
                "{argument} is neither a head, ENTRIES:HASH, nor a file that can be read: {error}."
            ));
        }
    };
    let of_object = || {
        let last = text.lines().rev().find(|line| line.starts_with('{'))?;
        let object: serde_json::Value = serde_json::from_str(last).ok()?;
        object.get("head")?.as_str()?.parse().ok()
    };
    match text.trim().parse().ok().or_else(of_object) {
        Some(head) => Ok(head),
        None => refuse(format!(
            "{argument} holds no head of an audit trail; `drydock audit head` prints one."
        )),
    }
}

fn row(entry: &AuditEntry) -> Vec<(Ink, String)> {
    vec![
        (Ink::Dim, entry.sequence.to_string()),
        (Ink::Plain, clock(entry.time_ms)),
        (Ink::Plain, entry.actor.clone()),
        (Ink::Bold, entry.action.clone()),
        (Ink::Plain, entry.subject.clone()),
        (Ink::Dim, entry.detail.clone()),
    ]
}

fn failure(error: AuditError) -> Failure {
    let exit = match error {
        AuditError::Broken { .. } | AuditError::End { .. } | AuditError::Unexpected { .. } => Exit::AppFailed,
        AuditError::NoStore { .. } | AuditError::NoKey { .. } => Exit::Refused,
        AuditError::Store(_) => Exit::Machine,
    };
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    let mut failure = Failure::new(exit, first.into_iter().chain(letters).chain(['.']).collect::<String>());
    failure.detail = matches!(error, AuditError::Broken { .. })
        .then(|| "Everything from there on may have been changed; compare with a backup.".to_owned());
    failure
}
