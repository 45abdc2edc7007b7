//! `drydock gateway`: owns a data directory without a window.

use super::cancelled;
use crate::{
    arguments::Gateway,
    exit::{Exit, Failure},
    output::{Ink, Output, now_ms},
};
use drydock_api::{ApiError, Empty, Request, Response, Update};
use drydock_client::{DataDir, Updates};
use drydock_workbench::{OpenError, Workbench, WorkbenchConfig, WorkbenchError};
use std::{future::poll_fn, path::Path, pin::pin, task::Poll};

pub(crate) async fn gateway(data: Option<&Path>, arguments: &Gateway, output: &Output) -> Result<Exit, Failure> {
    // Installed before the gateway reports that it is ready: an earlier signal would end the process at once.
    let mut cancelled = pin!(cancelled());
    let at_once = poll_fn(|cx| Poll::Ready(cancelled.as_mut().poll(cx).is_ready())).await;
    if at_once {
        return Ok(Exit::Cancelled);
    }
    let workbench = Workbench::open(WorkbenchConfig {
        data: data.map_or(DataDir::Default, |path| DataDir::At(path.to_owned())),
        log: true,
        listen: arguments.listen,
        keep_recent: true,
        ..WorkbenchConfig::default()
    })
    .await
    .map_err(|error| match error {
        WorkbenchError::Data(OpenError::Owned { path }) => Failure::new(
            Exit::Machine,
            format!(
                "{} is kept by another Drydock already; the other subcommands reach it as it is. Close it first, or choose another directory with --data DIR.",
                path.display()
            ),
        ),
        error => ApiError::from(error).into(),
    })?;
    let mut updates = workbench.subscribe();
    if let Ok(Response::SystemInfo(info)) = workbench.call(Request::SystemInfo(Empty {})).await {
        output.object("gateway.ready", &info);
        let listening = info
            .listening
            .as_ref()
            .map_or(String::new(), |address| format!(", listening on {address}"));
        output.step(
            Ink::Bold,
            &format!("{} keeps {}{listening}. Ctrl-C ends it.", info.gateway, info.data_dir),
        );
    }
    if let Some(recovered) = workbench.recovered() {
        output.event(recovered);
    }
    tokio::select! {
        () = report(&mut updates, output) => {}
        () = cancelled => {}
    }
    output.step(Ink::Plain, "Ending: boards are switched off and saved.");
    workbench.shutdown().await;
    let text = "The boards are switched off and saved.";
    output.object(
        "gateway.ended",
        &serde_json::json!({ "time_ms": now_ms(), "text": text }),
    );
    Ok(Exit::Success)
}

async fn report(updates: &mut Updates, output: &Output) {
    while let Some(update) = updates.next().await {
        if let Update::Event(event) = update {
            match (&event.board, output.is_json()) {
                (Some(board), false) => output.step(Ink::Plain, &format!("{board}: {}", event.text)),
                _ => output.event(&event),
            }
        }
    }
}
