//! `drydock run`: an app on a new emulated board, watched until it ends, the deadline is reached or the user presses
//! Ctrl-C.

use super::{cancelled, cancelled_by_user, kinds::NamedKind, record, source};
use crate::{
    arguments::{Pace, Run},
    connection::{Boards, Connection, ask},
    exit::{Exit, Failure},
    output::{Ink, Output, now_ms, summary},
    watch::{News, Watch, state_of},
};
use drydock_api::{self as api, AppDeploy, BoardAdd, BoardRef, BoardView};
use serde_json::json;
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// How often the board's time is looked at.
const LOOK: Duration = Duration::from_millis(20);

pub(crate) async fn run(data: Option<&Path>, arguments: &Run, output: &Output) -> Result<Exit, Failure> {
    let source = source(&arguments.app)?;
    let kind = NamedKind::find(&arguments.board, data, output)?;
    let connection = match data {
        Some(_) => Connection::open(data, Boards::LeaveOff, output).await?,
        None => Connection::temporary().await?,
    }
    .within(arguments.timeout);
    let outcome = run_on(&connection, (data.is_some(), kind), source, arguments, output).await;
    connection.close().await;
    let (exit, text) = match outcome {
        Ok(text) => {
            output.step(Ink::Bold, &text);
            (Exit::Success, text)
        }
        Err(failure) => {
            output.failure(&failure);
            (failure.exit, failure.message)
        }
    };
    output.object(
        "run.finished",
        &json!({ "time_ms": now_ms(), "exit_code": exit.code(), "text": text }),
    );
    Ok(exit)
}

async fn run_on(
    connection: &Connection,
    (keeps, kind): (bool, NamedKind),
    source: api::AppSource,
    arguments: &Run,
    output: &Output,
) -> Result<String, Failure> {
    let updates = connection.subscribe().await?;
    let board = ask!(connection, BoardAdd(board(connection, kind, arguments).await?))?;
    announce(&board, output);
    let mut watch = Watch::new(connection, output, updates, &board);
    let watched = tokio::select! {
        outcome = deploy_and_watch(&mut watch, source, arguments) => outcome,
        () = cancelled() => Err(cancelled_by_user()),
    };
    watch.rest().await;
    record::end(connection, &arguments.to, output).await;
    if keeps {
        // The board was made for this run; no other client waits for it.
        let _ = ask!(connection, BoardRemove(BoardRef { board: board.id }));
    }
    watched.map_err(|failure| failure.about(&board.name))
}

/// A board with a free name of its own.
async fn board(connection: &Connection, kind: NamedKind, arguments: &Run) -> Result<BoardAdd, Failure> {
    let fleet = ask!(connection, BoardList(api::Empty {}))?;
    let is_free = |name: &String| fleet.boards.iter().all(|board| board.name != *name);
    let name = (1..).map(|number| format!("run-{number}")).find(is_free);
    Ok(BoardAdd {
        kind: kind.kind,
        kind_file: kind.file,
        name,
        engine: arguments.engine.clone(),
        pace: pace(arguments.pace),
        seed: arguments.seed.clone(),
        link_noise: arguments.link_noise.clone(),
        firmware: None,
        parts: Vec::new(),
        part_values: None,
        record: record::record_to(&arguments.to)?,
    })
}

pub(crate) fn pace(pace: Pace) -> api::Pace {
    match pace {
        Pace::Max => api::Pace::Max,
        Pace::Realtime => api::Pace::Realtime,
        Pace::Lockstep => api::Pace::Lockstep,
    }
}

fn announce(board: &BoardView, output: &Output) {
    let engine = board.machine.as_ref().map_or("", |machine| machine.engine.as_str());
    let seed = board
        .machine
        .as_ref()
        .map_or("", |machine| machine.seed.trim_start_matches('0'));
    let about = format!("  {} on {engine}, seed {seed}", board.title);
    output.say_in_ink(&[(Ink::Bold, &board.name), (Ink::Plain, &about)]);
}

async fn deploy_and_watch(watch: &mut Watch<'_>, source: api::AppSource, arguments: &Run) -> Result<String, Failure> {
    let deploy = AppDeploy {
        source,
        boards: vec![watch.look().await?.id],
        name: arguments.name.clone(),
        version: None,
        grant: arguments.grant.clone(),
        no_start: false,
    };
    let deployment = deploy_beside(watch, deploy).await?;
    let app = &deployment.app;
    let give_up = Instant::now() + arguments.timeout;
    let mut deadline: Option<f64> = None;
    let mut running = false;
    let mut look = tokio::time::interval(LOOK);
    loop {
        let news = tokio::select! {
            news = watch.next(app) => news,
            _ = look.tick(), if deadline.is_some() || !running => {
                let board = watch.look().await?;
                if deadline.is_some_and(|deadline| virtual_time(&board) >= deadline) {
                    return at_deadline(watch, app, arguments).await;
                }
                if !running && Instant::now() >= give_up {
                    return Err(not_in_time(&board, app, arguments.timeout, watch.refused()));
                }
                News::None
            }
        };
        let news = if news == News::Resync {
            state_of(&watch.look().await?, app)
        } else {
            news
        };
        match news {
            News::Running if !running => {
                running = true;
                // The machine's time, which continues when the board resets.
                let now = virtual_time(&watch.look().await?);
                deadline = arguments.duration.map(|time| now + time.as_secs_f64());
            }
            News::Running | News::None | News::Changed | News::Connected | News::Installed | News::Resync => {}
            News::Exited { code: 0 } => return Ok(format!("{app} ended itself with 0.")),
            News::Exited { code } => {
                return Err(Failure::new(
                    Exit::AppFailed,
                    format!("{app} ended itself with {code}."),
                ));
            }
            News::Stopped | News::Removed => {
                return Err(Failure::new(
                    Exit::AppFailed,
                    format!("{app} was stopped before the deadline."),
                ));
            }
            News::Failed(failure) => return Err(failure),
        }
    }
}

/// Deploys, and prints what the board does in the meantime.
async fn deploy_beside(watch: &mut Watch<'_>, deploy: AppDeploy) -> Result<api::Deployment, Failure> {
    let connection = watch.connection;
    let deploying = async { ask!(connection, AppDeploy(deploy)) };
    tokio::pin!(deploying);
    loop {
        tokio::select! {
            // Earlier events are printed first.
            biased;
            news = watch.next("") => if let News::Failed(failure) = news {
                return Err(failure);
            },
            deployment = &mut deploying => return Ok(deployment?),
        }
    }
}

/// The deadline is reached: the app must be running now.
async fn at_deadline(watch: &Watch<'_>, app: &str, arguments: &Run) -> Result<String, Failure> {
    let board = watch.look().await?;
    let time = arguments.duration.unwrap_or_default().as_secs_f64();
    match state_of(&board, app) {
        News::Running => {
            let load = board
                .metrics
                .as_ref()
                .map_or(String::new(), |sample| format!(" {}", summary(sample)));
            Ok(format!("{app} is running after {time} s.{load}"))
        }
        News::Exited { code: 0 } => Ok(format!("{app} ended itself with 0.")),
        News::Failed(failure) => Err(failure),
        _ => Err(Failure::new(
            Exit::AppFailed,
            format!("{app} is not running after {time} s."),
        )),
    }
}

fn virtual_time(board: &BoardView) -> f64 {
    board.machine.as_ref().map_or(0.0, |machine| machine.virtual_time_s)
}

/// The board did not get as far as running the app.
fn not_in_time(board: &BoardView, app: &str, timeout: Duration, refused: Option<&str>) -> Failure {
    let connected = board.device.as_ref().is_some_and(|device| device.session.is_some());
    let exit = if connected { Exit::Refused } else { Exit::Machine };
    let text = format!(
        "{app} does not run on {} after {} s: {}. {}",
        board.name,
        timeout.as_secs_f64(),
        board.badge_detail,
        refused.unwrap_or("See `--timeout`, or the board's console above.")
    );
    Failure::new(exit, text)
}
