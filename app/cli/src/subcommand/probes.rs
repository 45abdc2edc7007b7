//! `drydock probes`: the debug probes, and memory and registers of the boards behind them.

use super::{cancelled, cancelled_by_user, console::hex_row, hardware::list_probes};
use crate::{
    arguments::{Probes, ProbesAction},
    connection::{Boards, Connection, ask},
    exit::{Exit, Failure},
    output::{Ink, Output},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use drydock_api::{ProbeRead, ProbeRef, ProbeRegisters};
use std::path::Path;

const ROW_BYTES: usize = 16;

pub(crate) async fn probes(data: Option<&Path>, arguments: &Probes, output: &Output) -> Result<Exit, Failure> {
    let Some(action) = &arguments.action else {
        return list_probes(data, &arguments.list, output).await;
    };
    let connection = Connection::open(data, Boards::LeaveOff, output).await?;
    let outcome = tokio::select! {
        outcome = act(&connection, action, output) => outcome,
        () = cancelled() => Err(cancelled_by_user()),
    };
    connection.close().await;
    outcome
}

async fn act(connection: &Connection, action: &ProbesAction, output: &Output) -> Result<Exit, Failure> {
    match action {
        ProbesAction::Read { probe, address, length } => {
            let read = ProbeRead {
                probe: probe.clone(),
                address: *address,
                length: *length,
            };
            let memory = ask!(connection, ProbeRead(read))?;
            output.object("probe.memory", &memory);
            let bytes = BASE64_STANDARD.decode(&memory.base64);
            let bytes = bytes.map_err(|error| Failure::machine(format!("The answer makes no sense: {error}.")))?;
            for (index, row) in bytes.chunks(ROW_BYTES).enumerate() {
                let address = u64::from(memory.address) + (index * ROW_BYTES) as u64;
                output.say(format!("{address:08x}  {}", hex_row(row).trim_end_matches('\n')));
            }
        }
        ProbesAction::Registers { probe } => {
            let probe = probe.clone();
            let registers = ask!(connection, ProbeRegisters(ProbeRef { probe }))?;
            output.object("probe.registers", &registers);
            print(&registers, output);
        }
    }
    Ok(Exit::Success)
}

fn print(registers: &ProbeRegisters, output: &Output) {
    let rows: Vec<_> = registers
        .registers
        .iter()
        .map(|register| {
            vec![
                (Ink::Bold, register.name.clone()),
                (Ink::Plain, format!("{:#010x}", register.value)),
            ]
        })
        .collect();
    output.table(&["register", "value"], &rows);
    output.say(format!("\n{}", registers.text));
}
