//! `drydock record` and `drydock recordings`.

use super::{absolute, cancelled};
use crate::{
    arguments::{Record, RecordTo, Recordings},
    connection::{Boards, Connection, ask},
    exit::{Exit, Failure},
    output::{Ink, Output, date_and_time},
};
use drydock_api::{
    Empty, RecordingFile, RecordingKeep, RecordingRecentSize, RecordingRef, RecordingStart, RecordingState,
    RecordingView,
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// How often the recording is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// Looks between two lines for people.
const TELL: u32 = 25;

pub(crate) async fn record(data: Option<&Path>, arguments: &Record, output: &Output) -> Result<Exit, Failure> {
    if let Some(last) = arguments.last {
        return keep(data, arguments, last, output).await;
    }
    let connection = Connection::open(data, Boards::Start, output).await?;
    let outcome = record_on(&connection, arguments, output).await;
    connection.close().await;
    outcome
}

/// Writes what a board just did to a file.
async fn keep(data: Option<&Path>, arguments: &Record, last: Duration, output: &Output) -> Result<Exit, Failure> {
    let [board] = arguments.boards.as_slice() else {
        return Err(Failure::new(Exit::Usage, "`--last` keeps one board; name one."));
    };
    let keep = RecordingKeep {
        board: board.clone(),
        last_ms: Some(u64::try_from(last.as_millis()).unwrap_or(u64::MAX)),
        file: arguments.out.as_deref().map(absolute).transpose()?,
        overwrite: arguments.overwrite,
    };
    let connection = Connection::open(data, Boards::LeaveOff, output).await?;
    let kept = ask!(connection, RecordingKeep(keep));
    connection.close().await;
    let kept = kept?;
    output.object("recording", &kept);
    output.say(summary(&kept));
    Ok(Exit::Success)
}

async fn record_on(connection: &Connection, arguments: &Record, output: &Output) -> Result<Exit, Failure> {
    let start = RecordingStart {
        boards: arguments.boards.clone(),
        file: arguments.out.as_deref().map(absolute).transpose()?,
        overwrite: arguments.overwrite,
        max_bytes: arguments.max_size,
    };
    let begun = ask!(connection, RecordingStart(start))?;
    output.object("recording", &begun);
    let text = format!("{} is recorded into {}.", begun.boards.join(", "), begun.file);
    output.step(Ink::Plain, &text);
    if arguments.duration.is_none() {
        output.say("Ctrl-C ends the recording.");
    }
    let ended = tokio::select! {
        ended = until_it_ends(connection, &begun, output) => ended?,
        () = wait(arguments.duration) => stop(connection, &begun).await?,
        // Ctrl-C is the normal end, not a failure.
        () = cancelled() => stop(connection, &begun).await?,
    };
    output.object("recording", &ended);
    output.say(summary(&ended));
    match ended.state {
        RecordingState::Failed => Err(Failure::machine(ended.reason)),
        _ => Ok(Exit::Success),
    }
}

async fn wait(duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}

async fn stop(connection: &Connection, recording: &RecordingView) -> Result<RecordingView, Failure> {
    let stop = RecordingRef {
        recording: recording.id.clone(),
    };
    Ok(ask!(connection, RecordingStop(stop))?)
}

/// Shows its progress until it ends by itself.
async fn until_it_ends(
    connection: &Connection,
    begun: &RecordingView,
    output: &Output,
) -> Result<RecordingView, Failure> {
    for look in 1.. {
        tokio::time::sleep(LOOK).await;
        let all = ask!(connection, RecordingList(Empty {}))?;
        let Some(now) = all.into_iter().find(|view| view.id == begun.id) else {
            return Err(Failure::machine("The running Drydock no longer knows the recording."));
        };
        if now.state != RecordingState::Recording {
            return Ok(now);
        }
        if look % TELL == 0 {
            output.object("recording", &now);
            output.step(Ink::Dim, &progress(&now));
        }
    }
    unreachable!("the loop has no end of its own")
}

fn progress(view: &RecordingView) -> String {
    let lost = match view.lost {
        0 => String::new(),
        lost => format!(", {lost} entries lost: the disk is slow"),
    };
    format!("{:.1} s, {:.1} MB{lost}", view.seconds, view.bytes as f64 / 1e6)
}

/// What a recording has, in a sentence.
pub(super) fn summary(view: &RecordingView) -> String {
    let reason = match view.reason.as_str() {
        "" => String::new(),
        reason => format!(" {reason}"),
    };
    format!("{}: {}.{reason}", view.file, progress(view))
}

/// Where a new board is recorded, as the owner reads it.
pub(super) fn record_to(to: &RecordTo) -> Result<Option<RecordingFile>, Failure> {
    let file = |path: &PathBuf| {
        Ok(RecordingFile {
            file: absolute(path)?,
            overwrite: to.overwrite,
        })
    };
    to.record.as_ref().map(file).transpose()
}

/// Ends the recordings of boards that were made for one command, and says what they have.
pub(super) async fn end(connection: &Connection, to: &RecordTo, output: &Output) {
    let Ok(Some(to)) = record_to(to) else { return };
    // It may have ended by itself, which was told; an owner that has ended has ended it.
    let Ok(all) = ask!(connection, RecordingList(Empty {})) else {
        return;
    };
    let goes_on = |view: &&RecordingView| view.file == to.file && view.state == RecordingState::Recording;
    if let Some(view) = all.iter().find(goes_on)
        && let Ok(ended) = stop(connection, view).await
    {
        output.object("recording", &ended);
        output.say(summary(&ended));
    }
}

pub(crate) async fn recordings(data: Option<&Path>, arguments: &Recordings, output: &Output) -> Result<Exit, Failure> {
    let connection = Connection::open(data, Boards::LeaveOff, output).await?;
    let set = match arguments.recent_size {
        Some(max_bytes) => ask!(connection, RecordingRecentSize(RecordingRecentSize { max_bytes })).map(|_| ()),
        None => Ok(()),
    };
    let all = match set {
        Ok(()) => ask!(connection, RecordingList(Empty {})),
        Err(error) => Err(error),
    };
    connection.close().await;
    let all = all?;
    if output.is_json() {
        all.iter().for_each(|view| output.object("recording", view));
        return Ok(Exit::Success);
    }
    if all.is_empty() {
        output.say("There are no recordings; `drydock record BOARD` makes one.");
        return Ok(Exit::Success);
    }
    let rows = all.iter().map(|view| {
        let (ink, state) = match view.state {
            RecordingState::Recording if view.id == "recent" => (Ink::Green, "what just happened"),
            RecordingState::Recording => (Ink::Green, "recording"),
            RecordingState::Stopped => (Ink::Plain, "whole"),
            RecordingState::Failed => (Ink::Red, "failed"),
        };
        vec![
            (Ink::Plain, date_and_time(view.began_ms)),
            (ink, state.to_owned()),
            (Ink::Plain, format!("{:.1} s", view.seconds)),
            (Ink::Plain, format!("{:.1} MB", view.bytes as f64 / 1e6)),
            (Ink::Plain, view.boards.join(", ")),
            (Ink::Dim, view.file.clone()),
        ]
    });
    let rows: Vec<_> = rows.collect();
    output.table(&["BEGAN", "STATE", "LENGTH", "SIZE", "BOARDS", "FILE"], &rows);
    Ok(Exit::Success)
}
