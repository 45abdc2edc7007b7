//! `drydock deploy`: deploys an app to boards and waits until each reports the requested state.

use super::{cancelled, cancelled_by_user, source};
use crate::{
    arguments::Deploy,
    connection::{Boards, Connection, ask},
    exit::{Exit, Failure},
    output::Output,
    report::{Request, Wanted},
    watch::Watch,
};
use drydock_api::{AppDeploy, AppSource, BoardRef};
use std::path::Path;

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
    source: AppSource,
    arguments: &Deploy,
    output: &Output,
) -> Result<Exit, Failure> {
    let mut watches = Vec::new();
    for board in &arguments.boards {
        let updates = connection.subscribe().await?;
        let board = ask!(connection, BoardGet(BoardRef { board: board.clone() }))?;
        let watch = Watch::new(connection, output, updates, &board).quiet();
        watches.push((board.id, watch));
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
    let mut failed = None;
    for verdict in &deployment.refused {
        let failure = Failure::new(Exit::Refused, verdict.refused.clone().unwrap_or_default());
        output.failure(&failure);
        failed = Some(failure);
    }
    if arguments.no_wait {
        output.say(format!(
            "{} {} is signed and waits for its boards.",
            deployment.app, deployment.version
        ));
        return failed.map_or(Ok(Exit::Success), Err);
    }
    let request = Request {
        app: &deployment.app,
        version: Some(&deployment.version),
        wanted: if arguments.no_start {
            Wanted::Installed
        } else {
            Wanted::Running
        },
        timeout: arguments.timeout,
    };
    let mut exit = Exit::Success;
    for (_, mut watch) in watches.into_iter().filter(|(id, _)| deployment.boards.contains(id)) {
        match request.reported(&mut watch).await {
            Ok(outcome) => {
                if outcome.show(&deployment.app, watch.board_name(), output) == Exit::Pending {
                    exit = Exit::Pending;
                }
            }
            Err(failure) => {
                if arguments.boards.len() > 1 {
                    output.failure(&failure);
                }
                failed = Some(failure);
            }
        }
    }
    failed.map_or(Ok(exit), Err)
}
