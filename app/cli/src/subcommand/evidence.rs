//! `drydock evidence`: which boards were provisioned and which failed.

use super::absolute;
use crate::{
    arguments::Evidence as Arguments,
    connection::{Boards, Connection, ask},
    exit::{Exit, Failure},
    output::{Ink, Output, date_and_time},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use drydock_api::{Empty, Evidence, EvidenceExport, EvidenceOutcome, EvidenceRow};
use std::{io::Write as _, path::Path};

pub(crate) async fn evidence(data: Option<&Path>, arguments: &Arguments, output: &Output) -> Result<Exit, Failure> {
    let connection = Connection::open(data, Boards::LeaveOff, output).await?;
    let outcome = match &arguments.csv {
        Some(file) => export(&connection, file, output).await,
        None => list(&connection, output).await,
    };
    connection.close().await;
    outcome.map(|()| Exit::Success)
}

async fn list(connection: &Connection, output: &Output) -> Result<(), Failure> {
    let evidence = ask!(connection, EvidenceList(Empty {}))?;
    for row in &evidence.rows {
        output.object("evidence", row);
    }
    for it in &evidence.unreadable {
        output.object("evidence.unreadable", it);
    }
    show(&evidence, output);
    Ok(())
}

async fn export(connection: &Connection, file: &Path, output: &Output) -> Result<(), Failure> {
    let to_stdout = file.as_os_str() == "-";
    if to_stdout && output.is_json() {
        let text = "Standard output carries either --json or --csv -; name a file or leave one of them out.";
        return Err(Failure::new(Exit::Usage, text));
    }
    let path = (!to_stdout).then(|| absolute(file)).transpose()?;
    let exported = ask!(connection, EvidenceExport(EvidenceExport { path }))?;
    if let Some(base64) = &exported.base64 {
        let broken = |error: &dyn std::fmt::Display| Failure::machine(format!("The table cannot be printed: {error}."));
        let table = BASE64_STANDARD.decode(base64).map_err(|error| broken(&error))?;
        return std::io::stdout().write_all(&table).map_err(|error| broken(&error));
    }
    output.object("evidence.written", &exported);
    output.say(format!("{} was written.", exported.path.unwrap_or_default()));
    Ok(())
}

fn show(evidence: &Evidence, output: &Output) {
    if evidence.rows.is_empty() && evidence.unreadable.is_empty() {
        output.say("No board was provisioned here yet; see `drydock provision --help`.");
        return;
    }
    let head = [
        "outcome",
        "board",
        "kind",
        "device",
        "chip id",
        "firmware",
        "app",
        "ended (UTC)",
    ];
    let rows: Vec<_> = evidence.rows.iter().map(cells).collect();
    output.table(&head, &rows);
    for row in evidence.rows.iter().filter(|row| !row.text.is_empty()) {
        let subject = row.board.as_ref().or(row.place.as_ref()).or(row.chip.as_ref());
        let subject = subject.map_or_else(String::new, |subject| format!(", {subject}"));
        output.say_in_ink(&[
            (Ink::Red, &format!("job {}{subject}: ", row.job)),
            (Ink::Plain, &row.text),
        ]);
    }
    for it in &evidence.unreadable {
        output.say_in_ink(&[(Ink::Yellow, &format!("{}: ", it.file)), (Ink::Plain, &it.text)]);
    }
    let passed = evidence
        .rows
        .iter()
        .filter(|row| row.outcome == EvidenceOutcome::Passed)
        .count();
    let failed = evidence.rows.len() - passed;
    output.say(format!(
        "{passed} passed, {failed} failed, {} unreadable.",
        evidence.unreadable.len()
    ));
}

fn cells(row: &EvidenceRow) -> Vec<(Ink, String)> {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
    let app = row.app.as_ref().map(|app| format!("{} {}", app.name, app.version));
    vec![
        match row.outcome {
            EvidenceOutcome::Passed => (Ink::Green, "passed".to_owned()),
            EvidenceOutcome::Failed => (Ink::Red, "failed".to_owned()),
        },
        (Ink::Bold, or_dash(&row.board)),
        (Ink::Plain, row.kind.clone()),
        (Ink::Plain, or_dash(&row.device)),
        (Ink::Dim, or_dash(&row.chip)),
        (Ink::Plain, or_dash(&row.firmware_version)),
        (Ink::Plain, or_dash(&app)),
        (Ink::Dim, row.ended_ms.map_or_else(String::new, date_and_time)),
    ]
}
