//! Drydock's command line: every subcommand is a few calls of the workbench's API and some lines of output.

mod arguments;
mod board_text;
mod connection;
mod exit;
mod output;
mod plain_text;
mod report;
mod subcommand;
mod watch;

use arguments::{Arguments, Command};
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
    // Tasks that still run have saved their data; they must not keep the process alive.
    runtime.shutdown_timeout(std::time::Duration::from_millis(500));
    exit.into()
}

/// Reports a parser's error, as text for people or as an event with `--json`. Requested help is not an error.
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
        // If the stream is closed, there is no other place to report to.
        let _ = error.print();
    }
    if error.use_stderr() { Exit::Usage } else { Exit::Success }.into()
}

async fn perform(arguments: &Arguments, output: &Output) -> Result<Exit, Failure> {
    let data = arguments.data.as_deref();
    match &arguments.command {
        Command::Run(run) => subcommand::run::run(data, run, output).await,
        Command::Emulate(emulate) if emulate.pty || emulate.usbip => {
            subcommand::desk::desk(data, emulate, output).await
        }
        Command::Emulate(emulate) => match &emulate.firmware {
            Some(path) => subcommand::own_firmware::emulate(data, emulate, path, output).await,
            None => subcommand::emulate::emulate(data, emulate, output).await,
        },
        Command::Boards(boards) => subcommand::boards::boards(data, boards, output).await,
        Command::Desk(desk) => subcommand::desk::act(data, desk, output).await,
        Command::Ports(list) => subcommand::hardware::ports(data, list, output).await,
        Command::Probes(probes) => subcommand::probes::probes(data, probes, output).await,
        Command::Console(console) => subcommand::console::console(data, console, output).await,
        Command::Lend(lend) => subcommand::hardware::lend(data, lend, output).await,
        Command::Flash(flash) => subcommand::job::flash(data, flash, output).await,
        Command::Backup(backup) => subcommand::job::backup(data, backup, output).await,
        Command::Erase(erase) => subcommand::job::erase(data, erase, output).await,
        Command::Provision(provision) => subcommand::job::provision(data, provision, output).await,
        Command::Jobs(jobs) => subcommand::job::jobs(data, jobs, output).await,
        Command::Evidence(evidence) => subcommand::evidence::evidence(data, evidence, output).await,
        Command::Labels(labels) => subcommand::sheet::labels(data, labels, output).await,
        Command::Snapshot(snapshot) => subcommand::snapshot::snapshot(data, snapshot, output).await,
        Command::Restore(restore) => subcommand::restore::restore(data, restore, output).await,
        Command::Fork(fork) => subcommand::fork::fork(data, fork, output).await,
        Command::Devices => subcommand::devices::devices(data, output).await,
        Command::Deploy(deploy) => subcommand::deploy::deploy(data, deploy, output).await,
        Command::Start(app) => subcommand::apps::start(data, app, output).await,
        Command::Stop(app) => subcommand::apps::stop(data, app, output).await,
        Command::Remove(app) => subcommand::apps::remove(data, app, output).await,
        Command::Logs(logs) => subcommand::logs::logs(data, logs, output).await,
        Command::Metrics(metrics) => subcommand::metrics::metrics(data, metrics, output).await,
        Command::Test(test) => subcommand::test::test(data, test, output).await,
        Command::Profile(profile) => subcommand::profile::profile(data, profile, output).await,
        Command::Monitor(monitor) => subcommand::monitor::monitor(data, monitor, output).await,
        Command::Parts(parts) => subcommand::parts::parts(data, parts, output).await,
        Command::Gdb(gdb) => subcommand::gdb::gdb(data, gdb, output).await,
        Command::Gateway(gateway) => subcommand::gateway::gateway(data, gateway, output).await,
        Command::Record(record) => subcommand::record::record(data, record, output).await,
        Command::Recordings(recordings) => subcommand::record::recordings(data, recordings, output).await,
        Command::Replay(replay) => subcommand::replay::replay(replay, output).await,
        Command::Scope(scope) => subcommand::scope::scope(data, scope).await,
        Command::Export(export) => subcommand::export::export(export, output),
        Command::Audit(audit) => subcommand::audit::audit(data, audit, output).await,
    }
}
