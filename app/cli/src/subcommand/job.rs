//! Jobs on boards: `drydock flash`, `backup`, `erase`, `provision` and `jobs`. Each waits until its jobs have ended; Ctrl-C
//! cancels them.

use super::{absolute, cancelled, cancelled_by_user, source};
use crate::{
    arguments::{Backup, Cable, Erase, Flash, Jobs, JobsAction, Provision},
    connection::{Boards, Connection, ask},
    exit::{Exit, Failure},
    output::{Ink, Output, now_ms},
};
use drydock_api::{
    ApiError, BackupStart, CableRef, Empty, EraseStart, FirmwareSource, FlashStart, JobRef, JobState, JobView,
    ProvisionStart, StepState, Update,
};
use std::{
    collections::BTreeMap,
    io::{BufRead, IsTerminal},
    path::Path,
};

pub(crate) async fn flash(data: Option<&Path>, arguments: &Flash, output: &Output) -> Result<Exit, Failure> {
    let firmware = match &arguments.firmware {
        Some(path) => FirmwareSource::Path(absolute(path)?),
        None => FirmwareSource::Ours,
    };
    let on = cable(&arguments.on);
    if arguments.erase_all {
        confirm_loss(&on, &arguments.board, arguments.yes)?;
    }
    let start = FlashStart {
        on,
        kind: arguments.board.clone(),
        firmware,
        address: arguments.address,
        erase_all: arguments.erase_all,
    };
    run(data, output, async |connection| {
        ask!(connection, FlashStart(start.clone())).map(|job| vec![job])
    })
    .await
}

pub(crate) async fn backup(data: Option<&Path>, arguments: &Backup, output: &Output) -> Result<Exit, Failure> {
    let start = BackupStart {
        on: cable(&arguments.on),
        kind: arguments.board.clone(),
        path: absolute(&arguments.out)?,
    };
    run(data, output, async |connection| {
        ask!(connection, FlashBackup(start.clone())).map(|job| vec![job])
    })
    .await
}

pub(crate) async fn erase(data: Option<&Path>, arguments: &Erase, output: &Output) -> Result<Exit, Failure> {
    let on = cable(&arguments.on);
    confirm_loss(&on, &arguments.board, arguments.yes)?;
    let start = EraseStart {
        on,
        kind: arguments.board.clone(),
    };
    run(data, output, async |connection| {
        ask!(connection, FlashErase(start.clone())).map(|job| vec![job])
    })
    .await
}

pub(crate) async fn provision(data: Option<&Path>, arguments: &Provision, output: &Output) -> Result<Exit, Failure> {
    let app = arguments.app.as_deref().map(source).transpose()?;
    let on: Vec<CableRef> = arguments
        .port
        .iter()
        .map(|port| CableRef {
            port: Some(port.clone()),
            probe: arguments.probe.clone(),
            dfu: arguments.dfu.clone(),
        })
        .collect();
    if (arguments.probe.is_some() || arguments.dfu.is_some()) && on.len() > 1 {
        return Err(Failure::new(
            Exit::Usage,
            "One probe or DFU device is on one board: name one port with it.",
        ));
    }
    let ports = arguments.port.join(", ");
    if !arguments.yes {
        let mut question = format!("Write Drydock's firmware to the {} at {ports}?", arguments.board);
        if arguments.erase_all {
            question = format!(
                "Erase everything on the {} at {ports}, and write Drydock's firmware?",
                arguments.board
            );
        }
        ask_user(&question)?;
    }
    let start = ProvisionStart {
        on,
        kind: arguments.board.clone(),
        name: arguments.name.clone(),
        app,
        grant: arguments.grant.clone(),
        erase_all: arguments.erase_all,
    };
    run(data, output, async |connection| {
        ask!(connection, ProvisionStart(start.clone()))
    })
    .await
}

pub(crate) async fn jobs(data: Option<&Path>, arguments: &Jobs, output: &Output) -> Result<Exit, Failure> {
    match &arguments.action {
        Some(JobsAction::Resume { id }) => {
            let job = JobRef { id: *id };
            run(data, output, async |connection| {
                ask!(connection, JobResume(job)).map(|job| vec![job])
            })
            .await
        }
        Some(JobsAction::Cancel { id }) => {
            let connection = Connection::open(data, Boards::LeaveOff, output).await?;
            let cancelled = ask!(connection, JobCancel(JobRef { id: *id }));
            connection.close().await;
            output.object("job", &cancelled?);
            output.say(format!("Job {id} is being cancelled."));
            Ok(Exit::Success)
        }
        None => {
            let connection = Connection::open(data, Boards::LeaveOff, output).await?;
            let jobs = ask!(connection, JobList(Empty {}));
            connection.close().await;
            print_jobs(&jobs?, output);
            Ok(Exit::Success)
        }
    }
}

fn print_jobs(jobs: &[JobView], output: &Output) {
    for job in jobs {
        output.object("job", job);
    }
    if jobs.is_empty() {
        return output.say("There are no jobs yet.");
    }
    let row = |job: &JobView| {
        vec![
            (Ink::Bold, job.id.to_string()),
            (Ink::Plain, format!("{:?}", job.what).to_lowercase()),
            (Ink::Plain, job.kind.clone()),
            (Ink::Plain, place(job)),
            (ink(job.state), format!("{:?}", job.state).to_lowercase()),
            (Ink::Dim, job.text.clone()),
        ]
    };
    let rows: Vec<_> = jobs.iter().map(row).collect();
    output.table(&["job", "what", "board", "at", "state", "text"], &rows);
}

fn cable(on: &Cable) -> CableRef {
    CableRef {
        port: on.port.clone(),
        probe: on.probe.clone(),
        dfu: on.dfu.clone(),
    }
}

fn place(job: &JobView) -> String {
    let CableRef { port, probe, dfu } = &job.on;
    port.as_ref()
        .or(probe.as_ref())
        .or(dfu.as_ref())
        .cloned()
        .unwrap_or_default()
}

fn ink(state: JobState) -> Ink {
    match state {
        JobState::Running => Ink::Plain,
        JobState::Done => Ink::Green,
        JobState::Failed => Ink::Red,
        JobState::Cancelled | JobState::Interrupted => Ink::Yellow,
    }
}

fn confirm_loss(on: &CableRef, board: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let at = on.port.as_deref().or(on.probe.as_deref()).or(on.dfu.as_deref());
    let at = at.unwrap_or("its port");
    ask_user(&format!(
        "Erase everything on the {board} at {at}: firmware, apps and identity? It cannot be undone."
    ))
}

/// Asks on the terminal. Without a terminal the answer is no.
fn ask_user(question: &str) -> Result<(), Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::new(Exit::Usage, format!("{question} Say so with --yes.")));
    }
    eprint!("{question} [y/N] ");
    let mut answer = String::new();
    let read = stdin.lock().read_line(&mut answer);
    match (read, answer.trim()) {
        (Ok(_), "y" | "Y" | "yes") => Ok(()),
        _ => Err(cancelled_by_user()),
    }
}

/// Starts jobs and shows them until they have ended.
async fn run(
    data: Option<&Path>,
    output: &Output,
    start: impl AsyncFnOnce(&Connection) -> Result<Vec<JobView>, ApiError>,
) -> Result<Exit, Failure> {
    let connection = Connection::open(data, Boards::Start, output).await?;
    let outcome = follow(&connection, output, start).await;
    connection.close().await;
    outcome
}

async fn follow(
    connection: &Connection,
    output: &Output,
    start: impl AsyncFnOnce(&Connection) -> Result<Vec<JobView>, ApiError>,
) -> Result<Exit, Failure> {
    let mut updates = connection.subscribe().await?;
    let mut jobs: BTreeMap<u64, JobView> = start(connection).await?.into_iter().map(|job| (job.id, job)).collect();
    let several = jobs.len() > 1;
    for job in jobs.values() {
        output.object("job", job);
    }
    let mut asked_to_stop = false;
    let mut stop = std::pin::pin!(cancelled());
    let mut shown: BTreeMap<u64, String> = BTreeMap::new();
    while jobs.values().any(|job| job.state == JobState::Running) {
        let update = tokio::select! {
            update = updates.next() => update,
            () = &mut stop, if !asked_to_stop => {
                asked_to_stop = true;
                output.step(Ink::Yellow, "Cancels; a board is left where it can be provisioned again.");
                for id in jobs.keys() {
                    // One that has just ended needs no cancelling.
                    let _ = ask!(connection, JobCancel(JobRef { id: *id }));
                }
                continue;
            }
        };
        let changed: Vec<JobView> = match update {
            Some(Update::Job { job }) if jobs.contains_key(&job.id) => vec![*job],
            Some(Update::Resync) => {
                let all = ask!(connection, JobList(Empty {}))?;
                all.into_iter().filter(|job| jobs.contains_key(&job.id)).collect()
            }
            Some(_) => continue,
            None => {
                return Err(Failure::machine(
                    "The running Drydock has ended; the jobs can be resumed.",
                ));
            }
        };
        for job in changed {
            show(&job, several, &mut shown, output);
            jobs.insert(job.id, job);
        }
    }
    end(&jobs, output)
}

/// Shows a job's sentence when it changes; in JSON every change.
fn show(job: &JobView, several: bool, shown: &mut BTreeMap<u64, String>, output: &Output) {
    output.object("job", job);
    if shown.get(&job.id) == Some(&job.text) {
        return;
    }
    shown.insert(job.id, job.text.clone());
    let text = match several {
        true => format!("{}: {}", place(job), job.text),
        false => job.text.clone(),
    };
    output.step(ink(job.state), &text);
}

fn end(jobs: &BTreeMap<u64, JobView>, output: &Output) -> Result<Exit, Failure> {
    let done = jobs.values().filter(|job| job.state == JobState::Done).count();
    for job in jobs.values() {
        if let Some(evidence) = &job.evidence {
            output.say(format!("Evidence: {evidence}"));
        }
    }
    if jobs.len() > 1 {
        output.step(Ink::Bold, &format!("{done} of {} boards are done.", jobs.len()));
    }
    output.object(
        "jobs.finished",
        &serde_json::json!({ "time_ms": now_ms(), "done": done, "of": jobs.len() }),
    );
    let Some(failed) = jobs.values().find(|job| job.state != JobState::Done) else {
        return Ok(Exit::Success);
    };
    let exit = match failed.state {
        JobState::Cancelled => Exit::Cancelled,
        _ => Exit::Machine,
    };
    let step = failed.steps.iter().find(|step| step.state == StepState::Failed);
    let step = step.map_or(String::new(), |step| format!(" at step \"{}\"", step.name));
    let mut failure = Failure::new(exit, failed.text.clone());
    failure.detail = Some(format!(
        "Job {}{step}; `drydock jobs resume {}` goes on.",
        failed.id, failed.id
    ));
    failure.board.clone_from(&failed.board);
    Err(failure)
}
