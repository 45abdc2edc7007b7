//! `drydock console`: a terminal on a serial port or over a debug probe, for boards that do not speak Drydock's link.

use super::{absolute, cancelled};
use crate::{
    arguments::{Console, LineEnd},
    board_text::BoardText,
    connection::{Boards, Connection, ask},
    exit::{Exit, Failure},
    output::Output,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use drydock_api::{ConsoleOpen, ConsoleRead, ConsoleSend, ConsoleView, PortRef, Update};
use std::{
    io::{BufRead, Write},
    path::Path,
};
use tokio::sync::mpsc;

pub(crate) async fn console(data: Option<&Path>, arguments: &Console, output: &Output) -> Result<Exit, Failure> {
    let connection = Connection::open(data, Boards::LeaveOff, output).await?;
    let outcome = tokio::select! {
        outcome = serve(&connection, arguments, output) => outcome,
        // Ctrl-C is the normal end.
        () = cancelled() => Ok(Exit::Success),
    };
    // It may not have been opened.
    let _ = ask!(
        connection,
        ConsoleClose(PortRef {
            path: arguments.port.clone()
        })
    );
    connection.close().await;
    outcome
}

async fn serve(connection: &Connection, arguments: &Console, output: &Output) -> Result<Exit, Failure> {
    let mut updates = connection.subscribe().await?;
    let open = ConsoleOpen {
        path: arguments.port.clone(),
        baud: arguments.baud,
        kind: arguments.board.clone(),
        log: arguments.log.as_deref().map(absolute).transpose()?,
        defmt: arguments.defmt.as_deref().map(absolute).transpose()?,
    };
    let opened = ask!(connection, ConsoleOpen(open))?;
    output.object("console.opened", &opened);
    let path = opened.path.clone();
    let mut text = output.board_text();
    let mut next = print(&opened, 0, arguments, &mut text, output);
    let mut said = None;
    let mut typed = typed();
    loop {
        tokio::select! {
            update = updates.next() => match update {
                Some(Update::Console { console }) if console.path == path => {
                    next = print(&console, next, arguments, &mut text, output);
                    // Each update has it.
                    if console.text != said {
                        if let Some(text) = &console.text {
                            output.say(format!("[{text}]"));
                        }
                        said = console.text;
                    }
                }
                Some(Update::Resync) => {
                    let read = ConsoleRead { path: path.clone(), after: Some(next) };
                    let console = ask!(connection, ConsoleRead(read))?;
                    next = print(&console, next, arguments, &mut text, output);
                }
                Some(_) => {}
                None => return Err(Failure::machine("The running Drydock has ended.")),
            },
            line = typed.recv(), if !typed.is_closed() => {
                let Some(line) = line else { continue };
                let send = ConsoleSend { path: path.clone(), base64: BASE64_STANDARD.encode(with_end(&line, arguments.line_end)) };
                if let Err(error) = ask!(connection, ConsoleSend(send)) {
                    output.failure(&error.into());
                }
            }
        }
    }
}

/// Lines from standard input; a thread, because it cannot be read otherwise without blocking the end of the process.
pub(super) fn typed() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(16);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

fn with_end(line: &str, end: LineEnd) -> Vec<u8> {
    let end: &[u8] = match end {
        LineEnd::None => b"",
        LineEnd::Lf => b"\n",
        LineEnd::Cr => b"\r",
        LineEnd::Crlf => b"\r\n",
    };
    [line.as_bytes(), end].concat()
}

/// Prints the chunks after a sequence and returns the last one's.
fn print(console: &ConsoleView, after: u64, arguments: &Console, text: &mut BoardText, output: &Output) -> u64 {
    let mut last = after;
    for chunk in console.chunks.iter().filter(|chunk| chunk.sequence > after) {
        last = chunk.sequence;
        output.object("console.data", chunk);
        if output.is_json() {
            continue;
        }
        let Ok(bytes) = BASE64_STANDARD.decode(&chunk.base64) else {
            continue;
        };
        let text = match arguments.hex {
            true => hex(&bytes),
            false => text.take(&bytes),
        };
        let mut stdout = std::io::stdout().lock();
        // A closed stream ends the process with its next line.
        let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    }
    last
}

/// Rows of sixteen bytes, with their characters.
fn hex(bytes: &[u8]) -> String {
    bytes.chunks(16).map(hex_row).collect()
}

/// A row of bytes, with their characters.
pub(super) fn hex_row(row: &[u8]) -> String {
    let digits: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
    let shown: String = row
        .iter()
        .map(|byte| {
            if (0x20..0x7f).contains(byte) {
                char::from(*byte)
            } else {
                '.'
            }
        })
        .collect();
    format!("{:<48} {shown}\n", digits.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_with_their_characters() {
        assert_eq!(hex(b"A\x00\xff"), format!("{:<48} A..\n", "41 00 ff"));
    }

    #[test]
    fn lines_end_as_the_board_wants_it() {
        assert_eq!(with_end("at", LineEnd::Crlf), b"at\r\n");
        assert_eq!(with_end("at", LineEnd::None), b"at");
    }
}
