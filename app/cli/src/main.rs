//! Drydock's command line: every verb is a few calls of the workbench's API and some lines of output.

mod arguments;
mod connection;
mod exit;
mod output;
mod plain_text;
mod report;
mod verb;
mod watch;

use arguments::{Arguments, Verb};
use clap::Parser;
use exit::{Exit, Failure};
use output::Output;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return misread(&error),
    };
    let output = Output::new(arguments.json);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.failure(&Failure::machine(format!("This system gives no threads: {error}.")));
            return Exit::Machine.into();
        }
    };
    let exit = runtime.block_on(async {
        match perform(&arguments, &output).await {
            Ok(exit) => exit,
            Err(failure) => {
                output.failure(&failure);
                failure.exit
            }
        }
    });
    // Whatever still runs has saved what it has to; it must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_millis(500));
    exit.into()
}

/// What the parser found, for people on its own way, or as an event where events are asked for. Help is no mistake.
fn misread(error: &clap::Error) -> ExitCode {
    let wants_json = std::env::args_os().any(|argument| argument == "--json");
    if error.use_stderr() && wants_json {
        let text = error.render().to_string();
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let first = lines.next().unwrap_or_default();
        let mut failure = Failure::new(Exit::Usage, first.strip_prefix("error: ").unwrap_or(first));
        failure.detail = Some(lines.collect::<Vec<_>>().join(" ")).filter(|detail| !detail.is_empty());
        Output::new(true).failure(&failure);
    } else {
        // There is nobody left to tell when the stream is closed.
        let _ = error.print();
    }
    if error.use_stderr() { Exit::Usage } else { Exit::Success }.into()
}

async fn perform(arguments: &Arguments, output: &Output) -> Result<Exit, Failure> {
    let data = arguments.data.as_deref();
    match &arguments.verb {
        Verb::Run(run) => verb::run::run(data, run, output).await,
        Verb::Emulate(emulate) => verb::emulate::emulate(data, emulate, output).await,
        Verb::Boards(boards) => verb::boards::boards(data, boards, output).await,
        Verb::Snapshot(snapshot) => verb::snapshot::snapshot(data, snapshot, output).await,
        Verb::Restore(restore) => verb::restore::restore(data, restore, output).await,
        Verb::Fork(fork) => verb::fork::fork(data, fork, output).await,
        Verb::Devices => verb::devices::devices(data, output).await,
        Verb::Deploy(deploy) => verb::deploy::deploy(data, deploy, output).await,
        Verb::Start(app) => verb::apps::start(data, app, output).await,
        Verb::Stop(app) => verb::apps::stop(data, app, output).await,
        Verb::Remove(app) => verb::apps::remove(data, app, output).await,
        Verb::Logs(logs) => verb::logs::logs(data, logs, output).await,
        Verb::Metrics(metrics) => verb::metrics::metrics(data, metrics, output).await,
        Verb::Profile(profile) => verb::profile::profile(data, profile, output).await,
        Verb::Monitor(monitor) => verb::monitor::monitor(data, monitor, output).await,
        Verb::Gdb(gdb) => verb::gdb::gdb(data, gdb, output).await,
        Verb::Gateway(gateway) => verb::gateway::gateway(data, gateway, output).await,
        Verb::Audit(audit) => verb::audit::audit(data, audit, output).await,
    }
}
