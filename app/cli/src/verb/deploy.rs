//! `drydock deploy`: puts an app on boards and waits until each has it as asked.

use super::{cancelled, cancelled_by_user, source};
use crate::{
    arguments::Deploy,
    connection::{Boards, Connection, ask},
    exit::{Exit, Failure},
    output::Output,
    watch::{News, Watch, state_of},
};
use drydock_api::{AppDeploy, BoardRef};
use std::{path::Path, time::Duration};

pub(crate) async fn deploy(data: Option<&Path>, arguments: &Deploy, output: &Output) -> Result<Exit, Failure> {
    let source = source(&arguments.app)?;
    let connection = Connection::open(data, Boards::Start, output)
        .await?
        .within(arguments.timeout);
    let work = deploy_on(&connection, source, arguments, output);
    let outcome = tokio::select! {
        outcome = work => outcome,
        () = cancelled() => Err(cancelled_by_user()),
    };
    connection.close().await;
    outcome.map_err(|failure| match arguments.boards.as_slice() {
        [board] => failure.about(board),
        _ => failure,
    })
}

async fn deploy_on(
    connection: &Connection,
    source: drydock_api::AppSource,
    arguments: &Deploy,
    output: &Output,
) -> Result<Exit, Failure> {
    let mut watches = Vec::new();
    for board in &arguments.boards {
        let updates = connection.subscribe().await?;
        let board = ask!(connection, BoardGet(BoardRef { board: board.clone() }))?;
        watches.push(Watch::new(connection, output, updates, &board).quiet());
    }
    let request = AppDeploy {
        source,
        boards: arguments.boards.clone(),
        name: arguments.name.clone(),
        version: arguments.version.clone(),
        grant: arguments.grant.clone(),
        no_start: arguments.no_start,
    };
    let deployment = ask!(connection, AppDeploy(request))?;
    output.object("app.accepted", &deployment);
    if arguments.no_wait {
        output.say(format!(
            "{} {} is signed and waits for its boards.",
            deployment.app, deployment.version
        ));
        return Ok(Exit::Success);
    }
    let mut worst = Ok(Exit::Success);
    for mut watch in watches {
        let arrived = arrival(
            &mut watch,
            &deployment.app,
            &deployment.version,
            arguments.no_start,
            arguments.timeout,
        )
        .await;
        if let Err(failure) = arrived {
            if arguments.boards.len() > 1 {
                output.failure(&failure);
            }
            worst = Err(failure);
        }
    }
    worst
}

/// Waits until a board has the version as asked.
async fn arrival(
    watch: &mut Watch<'_>,
    app: &str,
    version: &str,
    no_start: bool,
    timeout: Duration,
) -> Result<(), Failure> {
    let deadline = tokio::time::Instant::now() + timeout;
    // The board may have this very version already; then nothing will happen that could be waited for.
    let board = watch.look().await?;
    let present = board
        .apps
        .iter()
        .any(|view| view.name == app && view.version == version);
    let mut news = if present { state_of(&board, app) } else { News::None };
    loop {
        if news == News::Resync {
            news = state_of(&watch.look().await?, app);
        }
        match news {
            News::Running => return Ok(()),
            News::Installed if no_start => return Ok(()),
            News::Exited { code: 0 } => return Ok(()),
            News::Exited { code } => {
                let text = format!("{}: {app} ended itself with {code}.", watch.board_name());
                return Err(Failure::new(Exit::AppFailed, text));
            }
            News::Failed(failure) => return Err(failure),
            News::None | News::Installed | News::Stopped | News::Removed | News::Resync => {}
        }
        news = match tokio::time::timeout_at(deadline, watch.next(app)).await {
            Ok(news) => news,
            Err(_) => {
                let board = watch.look().await?;
                let text = format!(
                    "{app} is not on {} after {} s: {}. It stays wanted there; `drydock remove {app} --on {}` takes that back.",
                    board.name,
                    timeout.as_secs_f64(),
                    board.badge_detail,
                    board.name
                );
                return Err(Failure::new(Exit::Refused, text));
            }
        };
    }
}
