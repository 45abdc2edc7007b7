//! `drydock ports` (DFU devices among them), the list of `drydock probes`, `drydock lend`: what is plugged in here, and who uses it.

use super::cancelled;
use crate::{
    arguments::{Lend, List},
    connection::{Boards, Connection, ask},
    exit::{Exit, Failure},
    output::{Ink, Output},
};
use drydock_api::{AccessView, CandidateView, Confidence, Empty, Hardware, PortRef, Update};
use std::{path::Path, process::ExitStatus};

pub(crate) async fn ports(data: Option<&Path>, arguments: &List, output: &Output) -> Result<Exit, Failure> {
    show(data, arguments, output, print_ports).await
}

pub(super) async fn list_probes(data: Option<&Path>, arguments: &List, output: &Output) -> Result<Exit, Failure> {
    show(data, arguments, output, print_probes).await
}

async fn show(
    data: Option<&Path>,
    arguments: &List,
    output: &Output,
    print: fn(&Hardware, &Output),
) -> Result<Exit, Failure> {
    let connection = Connection::open(data, Boards::LeaveOff, output).await?;
    let outcome = tokio::select! {
        outcome = follow(&connection, arguments, output, print) => outcome,
        // Ctrl-C is the normal end of following.
        () = cancelled() => Ok(Exit::Success),
    };
    connection.close().await;
    outcome
}

async fn follow(
    connection: &Connection,
    arguments: &List,
    output: &Output,
    print: fn(&Hardware, &Output),
) -> Result<Exit, Failure> {
    let mut updates = connection.subscribe().await?;
    let mut shown = ask!(connection, HardwareList(Empty {}))?;
    print(&shown, output);
    if !arguments.follow {
        return Ok(Exit::Success);
    }
    loop {
        let now = match updates.next().await {
            Some(Update::Hardware { hardware }) => *hardware,
            Some(Update::Resync) => ask!(connection, HardwareList(Empty {}))?,
            Some(_) => continue,
            None => return Err(Failure::machine("The running Drydock has ended.")),
        };
        if now != shown {
            output.say("");
            print(&now, output);
            shown = now;
        }
    }
}

fn print_ports(hardware: &Hardware, output: &Output) {
    for port in &hardware.ports {
        output.object("port", port);
    }
    for device in &hardware.dfu {
        output.object("dfu", device);
    }
    if hardware.ports.is_empty() && hardware.dfu.is_empty() {
        return output.say("No serial port is plugged in. A cable for charging only carries no data.");
    }
    let row = |port: &drydock_api::PortView| {
        vec![
            (Ink::Bold, port.path.clone()),
            (Ink::Plain, port.topology.clone().unwrap_or_default()),
            (Ink::Plain, likeliest(&port.candidates)),
            access(&port.access, port.used_by.as_deref()),
        ]
    };
    let dfu_row = |device: &drydock_api::DfuView| {
        vec![
            (Ink::Bold, device.id.clone()),
            (Ink::Plain, device.topology.clone().unwrap_or_default()),
            (
                Ink::Plain,
                format!("{}, in its DFU bootloader", likeliest(&device.candidates)),
            ),
            access(&device.access, device.used_by.as_deref()),
        ]
    };
    let mut rows: Vec<_> = hardware.ports.iter().map(row).collect();
    rows.extend(hardware.dfu.iter().map(dfu_row));
    output.table(&["port", "at", "board", "use"], &rows);
    for port in &hardware.ports {
        explain(&port.path, &port.access, output);
    }
    for device in &hardware.dfu {
        explain(&device.id, &device.access, output);
    }
}

fn print_probes(hardware: &Hardware, output: &Output) {
    for probe in &hardware.probes {
        output.object("probe", probe);
    }
    if hardware.probes.is_empty() {
        return output.say("No debug probe is plugged in.");
    }
    let row = |probe: &drydock_api::ProbeView| {
        vec![
            (Ink::Bold, probe.id.clone()),
            (Ink::Plain, probe.name.clone()),
            (Ink::Plain, likeliest(&probe.candidates)),
            access(&probe.access, probe.used_by.as_deref()),
        ]
    };
    let rows: Vec<_> = hardware.probes.iter().map(row).collect();
    output.table(&["probe", "name", "board", "use"], &rows);
    for probe in &hardware.probes {
        explain(&probe.id, &probe.access, output);
    }
}

/// The likeliest board, in a few words.
fn likeliest(candidates: &[CandidateView]) -> String {
    let Some(first) = candidates.first() else {
        return "not known".into();
    };
    match first.confidence {
        Confidence::Certain => first.kind.clone(),
        Confidence::Likely => format!("{}, likely", first.kind),
        Confidence::Possible => format!("{}, possibly", first.kind),
    }
}

fn access(access: &AccessView, used_by: Option<&str>) -> (Ink, String) {
    match (used_by, access) {
        (Some(user), _) => (Ink::Blue, user.to_owned()),
        (None, AccessView::Usable) => (Ink::Green, "free".into()),
        (None, AccessView::Denied { .. }) => (Ink::Red, "no permission".into()),
        (None, AccessView::Held { pid, program, .. }) => (Ink::Yellow, format!("{program} ({pid})")),
    }
}

fn explain(what: &str, access: &AccessView, output: &Output) {
    match access {
        AccessView::Usable => {}
        AccessView::Denied { text, .. } | AccessView::Held { text, .. } => output.say(format!("{what}: {text}")),
    }
}

pub(crate) async fn lend(data: Option<&Path>, arguments: &Lend, output: &Output) -> Result<Exit, Failure> {
    let connection = Connection::open(data, Boards::LeaveOff, output).await?;
    let path = PortRef {
        path: arguments.port.clone(),
    };
    let lent = ask!(connection, PortLend(path.clone()));
    let outcome = match lent {
        Ok(port) => {
            output.object("port.lent", &port);
            output.step(Ink::Bold, &format!("{} is free for another program.", port.path));
            let outcome = use_it(arguments, output).await;
            match ask!(connection, PortTakeBack(path)) {
                Ok(port) => {
                    output.object("port.taken_back", &port);
                    output.step(Ink::Plain, &format!("{} is taken back.", port.path));
                }
                Err(error) => output.failure(&error.into()),
            }
            outcome
        }
        Err(error) => Err(error.into()),
    };
    connection.close().await;
    outcome
}

/// Runs the program that the port is lent to, or waits for Ctrl-C.
async fn use_it(arguments: &Lend, output: &Output) -> Result<Exit, Failure> {
    let Some((program, rest)) = arguments.command.split_first() else {
        output.say("Ctrl-C takes it back.");
        cancelled().await;
        return Ok(Exit::Success);
    };
    let run = tokio::process::Command::new(program)
        .args(rest)
        .kill_on_drop(true)
        .status();
    let status = tokio::select! {
        status = run => status,
        () = cancelled() => return Err(super::cancelled_by_user()),
    };
    let status: ExitStatus = status.map_err(|error| {
        let text = format!("{program} cannot be started: {error}.");
        Failure::new(Exit::Refused, text)
    })?;
    if status.success() {
        return Ok(Exit::Success);
    }
    Err(Failure::machine(format!("{program} ended with {status}.")))
}
