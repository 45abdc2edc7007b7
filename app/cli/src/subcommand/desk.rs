//! `drydock emulate --pty`, `emulate --usbip` and `drydock desk`: virtual boards, reached over a serial port (or as a USB device) and a
//! debug probe as physical ones are.

use super::cancelled;
use crate::{
    arguments::{Desk, DeskAction, Emulate},
    connection::{Boards, Connection, ask},
    exit::{Exit, Failure},
    output::{Ink, Output},
};
use drydock_api::{
    CableAction, Empty, Update, UsbIpView, VirtualAdd, VirtualBoardView, VirtualCable, VirtualRef, VirtualRuns,
};
use drydock_workbench::derived_seed;
use std::path::Path;

/// The port that `usbip` takes by itself.
const USBIP_PORT: u16 = 3240;

pub(crate) async fn desk(data: Option<&Path>, arguments: &Emulate, output: &Output) -> Result<Exit, Failure> {
    let connection = Connection::open(data, Boards::Start, output).await?;
    let mut names = Vec::new();
    let outcome = tokio::select! {
        outcome = serve(&connection, &mut names, arguments, output) => outcome,
        // Ctrl-C is the normal end.
        () = cancelled() => Ok(Exit::Success),
    };
    for name in names {
        // It may be gone already.
        let _ = ask!(connection, VirtualRemove(VirtualRef { name }));
    }
    connection.close().await;
    outcome
}

/// `drydock desk`.
pub(crate) async fn act(data: Option<&Path>, arguments: &Desk, output: &Output) -> Result<Exit, Failure> {
    let connection = Connection::open(data, Boards::LeaveOff, output).await?;
    let outcome = act_on(&connection, arguments, output).await;
    connection.close().await;
    outcome.map(|()| Exit::Success)
}

async fn act_on(connection: &Connection, arguments: &Desk, output: &Output) -> Result<(), Failure> {
    let (name, action) = match &arguments.action {
        None => {
            let boards = ask!(connection, HardwareList(Empty {}))?.virtual_boards;
            if boards.is_empty() {
                output.say("There are no virtual boards; `drydock emulate --pty` puts some on the desk.");
            }
            boards.iter().for_each(|board| show(board, output));
            return Ok(());
        }
        Some(DeskAction::Remove { name }) => {
            ask!(connection, VirtualRemove(VirtualRef { name: name.clone() }))?;
            output.say(format!("{name} was taken from the desk."));
            return Ok(());
        }
        Some(DeskAction::Pull { name }) => (name, CableAction::Pull),
        Some(DeskAction::Plug { name }) => (name, CableAction::Plug),
    };
    let request = VirtualCable {
        name: name.clone(),
        action,
    };
    show(&ask!(connection, VirtualCable(request))?, output);
    Ok(())
}

async fn serve(
    connection: &Connection,
    names: &mut Vec<String>,
    arguments: &Emulate,
    output: &Output,
) -> Result<Exit, Failure> {
    let mut updates = connection.subscribe().await?;
    for number in 1..=arguments.count {
        let seed = match &arguments.seed {
            Some(seed) => Some(derived_seed(seed, number).ok_or_else(|| {
                let text = format!("{seed} is no seed; write up to 64 hexadecimal digits.");
                Failure::new(Exit::Usage, text)
            })?),
            None => None,
        };
        let add = VirtualAdd {
            kind: arguments.board.clone(),
            name: None,
            blank: arguments.blank,
            usbip: arguments.usbip,
            seed,
        };
        let board = ask!(connection, VirtualAdd(add))?;
        names.push(board.name.clone());
        show(&board, output);
        if let Some(usbip) = &board.usbip {
            let text = format!(
                "Attach it on Linux, as root: modprobe vhci-hcd; {}",
                attach_command(usbip)
            );
            output.step(Ink::Dim, &text);
        }
    }
    output.step(Ink::Dim, "Ctrl-C takes the virtual boards away.");
    let mut shown = ask!(connection, HardwareList(Empty {}))?.virtual_boards;
    loop {
        let now = match updates.next().await {
            Some(Update::Hardware { hardware }) => hardware.virtual_boards,
            Some(Update::Resync) => ask!(connection, HardwareList(Empty {}))?.virtual_boards,
            Some(_) => continue,
            None => return Err(Failure::machine("The running Drydock has ended.")),
        };
        for board in now
            .iter()
            .filter(|board| names.contains(&board.name) && !shown.contains(board))
        {
            show(board, output);
        }
        shown = now;
    }
}

/// Where a USB device is exported, and what it is now.
fn exported(usbip: &UsbIpView) -> String {
    let UsbIpView { host, port, bus_id, .. } = usbip;
    let device = match usbip.usb {
        Some((vendor, product)) => format!("USB device {vendor:04x}:{product:04x}"),
        None => "USB device, on its way,".into(),
    };
    let state = if usbip.is_attached { ", attached" } else { "" };
    format!("{device} at {host}:{port}, bus id {bus_id}{state}")
}

/// How a user with root attaches the USB device.
fn attach_command(usbip: &UsbIpView) -> String {
    let UsbIpView { host, port, bus_id, .. } = usbip;
    let tcp_port = match *port {
        USBIP_PORT => String::new(),
        other => format!("--tcp-port {other} "),
    };
    format!("usbip {tcp_port}attach -r {host} -b {bus_id}")
}

fn show(board: &VirtualBoardView, output: &Output) {
    output.object("virtual", board);
    let port = match (&board.port, &board.usbip) {
        (Some(port), _) => format!("at {port}"),
        (None, Some(usbip)) => exported(usbip),
        (None, None) if board.plugged => "plugged in without a port".into(),
        (None, None) => "unplugged".into(),
    };
    let probe = board
        .probe
        .as_ref()
        .map_or(String::new(), |probe| format!(", probe {probe}"));
    let dfu = board
        .dfu
        .as_ref()
        .map_or(String::new(), |dfu| format!(", DFU device {dfu}"));
    let runs = match board.runs {
        VirtualRuns::Firmware => "its firmware runs",
        VirtualRuns::Bootloader => "its bootloader waits",
        VirtualRuns::Nothing => "nothing runs on it",
    };
    output.step(
        Ink::Bold,
        &format!("{} ({}) is {port}{probe}{dfu}; {runs}.", board.name, board.kind),
    );
}
