//! `drydock audit`: the audit trail of a data directory, read without opening it.

use crate::{
    arguments::{Audit, AuditAction},
    exit::{Exit, Failure},
    output::{Ink, Output, clock},
};
use drydock_client::DataDir;
use drydock_workbench::{AuditEntry, AuditError, read_audit_trail};
use serde_json::json;
use std::path::Path;

pub(crate) async fn audit(data: Option<&Path>, arguments: &Audit, output: &Output) -> Result<Exit, Failure> {
    let which = data.map_or(DataDir::Default, |path| DataDir::At(path.to_owned()));
    let lists = arguments.action == AuditAction::List;
    let mut rows = Vec::new();
    let read = read_audit_trail(&which, |entry| {
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
    output.object(
        "audit.verified",
        &json!({ "entries": tip.entries, "hash": tip.hash.to_string(), "text": "The audit trail is whole." }),
    );
    if !lists {
        output.say(format!(
            "The audit trail is whole: {} entries, the last with the hash {}.",
            tip.entries, tip.hash
        ));
    }
    Ok(Exit::Success)
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
        AuditError::Broken { .. } => Exit::AppFailed,
        AuditError::NoStore { .. } => Exit::Refused,
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
