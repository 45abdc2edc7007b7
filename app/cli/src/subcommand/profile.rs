//! `drydock profile`: where a board's core spends its time, as a table and as a file: exactly for emulated boards, by
//! samples for boards behind a debug probe.

use super::{
    absolute, cancelled, cancelled_by_user,
    target_board::{Target, TargetBoard},
};
use crate::{
    arguments::{Profile, ProfileBy, ProfileTo},
    connection::{Boards, Connection, ask},
    exit::{Exit, Failure},
    output::{Ink, Output},
};
use drydock_api::{
    BoardRef, BoardView, MachineState, ProfileExport, ProfileFormat, ProfileQuery, ProfileSample, ProfileStart,
    ProfileState, ProfileStop, ProfileSummary, ProfileView, ProfileWeight,
};
use serde_json::json;
use std::{path::Path, time::Duration};

/// Interval of checks on the profile's progress.
const LOOK: Duration = Duration::from_millis(100);
/// Interval of progress messages for people.
const TELL: u32 = 10;

pub(crate) async fn profile(data: Option<&Path>, arguments: &Profile, output: &Output) -> Result<Exit, Failure> {
    let format = arguments
        .out
        .as_deref()
        .map(|file| format(file, arguments.format))
        .transpose()?;
    if let Some(probe) = &arguments.probe {
        return sampled(data, probe, arguments, format, output).await;
    }
    let target = Target {
        name: arguments.name.as_deref(),
        kind: arguments.board.as_deref(),
        engine: arguments.engine.as_deref(),
        app: arguments.app.as_deref(),
        timeout: arguments.timeout,
    };
    let place = tokio::select! {
        place = TargetBoard::find(data, target, output) => place?,
        () = cancelled() => return Err(cancelled_by_user()),
    };
    let outcome = tokio::select! {
        outcome = record(&place.connection, &place.board, arguments, format, output) => outcome,
        () = cancelled() => Err(cancelled_by_user()),
    };
    if outcome.is_err() {
        let stop = ProfileStop {
            board: place.board.id.clone(),
            top: 0,
            discard: true,
        };
        // There may be none.
        let _ = ask!(place.connection, ProfileStop(stop));
    }
    let name = place.board.name.clone();
    place.leave().await;
    outcome.map_err(|failure| failure.about(&name))
}

async fn record(
    connection: &Connection,
    board: &BoardView,
    arguments: &Profile,
    format: Option<ProfileFormat>,
    output: &Output,
) -> Result<Exit, Failure> {
    let start = ProfileStart {
        board: board.id.clone(),
        for_s: Some(arguments.duration.as_secs_f64()),
        restart: arguments.boot,
    };
    ask!(connection, ProfileStart(start))?;
    output.step(Ink::Plain, &format!("A profile of {} was begun.", board.name));
    wait(connection, board, arguments, output).await?;
    let stop = ProfileStop {
        board: board.id.clone(),
        top: arguments.top,
        discard: false,
    };
    let view = ask!(connection, ProfileStop(stop))?;
    let mut path = None;
    if let (Some(file), Some(format)) = (&arguments.out, format) {
        let unusable = |error: std::io::Error| {
            Failure::new(Exit::Usage, format!("{} cannot be written: {error}.", file.display()))
        };
        let absolute = std::path::absolute(file).map_err(unusable)?;
        let export = ProfileExport {
            board: board.id.clone(),
            format,
            weight: match arguments.by {
                ProfileBy::Cycles => ProfileWeight::Cycles,
                ProfileBy::Instructions => ProfileWeight::Instructions,
            },
            dark: arguments.dark,
            path: Some(absolute.to_string_lossy().into_owned()),
        };
        path = ask!(connection, ProfileExport(export))?.path;
    }
    if let Some(summary) = &view.summary {
        output.object(
            "profile.summary",
            &json!({
                "board": view.board, "from_s": view.from_s, "to_s": view.to_s, "path": path, "summary": summary,
            }),
        );
        show(&view, summary, output);
    }
    if let Some(path) = path {
        output.say(format!("\n{path} was written."));
    }
    Ok(Exit::Success)
}

/// Waits until the profile has ended by itself.
async fn wait(connection: &Connection, board: &BoardView, arguments: &Profile, output: &Output) -> Result<(), Failure> {
    for look in 1.. {
        let query = ProfileQuery {
            board: board.id.clone(),
            top: 0,
        };
        let view = ask!(connection, ProfileView(query))?;
        match view.state {
            ProfileState::Finished => return Ok(()),
            ProfileState::Recording => {}
            ProfileState::None => return Err(Failure::machine(format!("{} was switched off.", board.name))),
        }
        let now = ask!(
            connection,
            BoardGet(BoardRef {
                board: board.id.clone()
            })
        )?;
        match now.machine.as_ref().map(|machine| machine.state) {
            Some(MachineState::Running) => {}
            Some(MachineState::Paused) => {
                let text = format!("{} is paused; resume it with `drydock boards resume`.", now.name);
                return Err(Failure::new(Exit::Refused, text));
            }
            _ => {
                let text = format!(
                    "{} stopped before its profile was whole: {}.",
                    now.name, now.badge_detail
                );
                return Err(Failure::machine(text));
            }
        }
        if look % TELL == 0 {
            let (done, of) = (view.to_s - view.from_s, arguments.duration.as_secs_f64());
            output.object(
                "profile.progress",
                &json!({ "board": board.name, "seconds": done, "of_seconds": of }),
            );
            output.step(Ink::Dim, &format!("{done:.1} of {of} s of the board's time."));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

fn show(view: &ProfileView, summary: &ProfileSummary, output: &Output) {
    let busy = summary.cycles.saturating_sub(summary.asleep_cycles);
    let percent = |cycles: u64, of: u64| format!("{:5.1} %", 100.0 * cycles as f64 / of.max(1) as f64);
    output.say(format!(
        "\n{}: {:.3} s of its time, {} of it busy; {} cycles busy, {} instructions\n",
        view.board,
        view.to_s - view.from_s,
        percent(busy, summary.cycles).trim_start(),
        busy,
        summary.instructions
    ));
    let rows: Vec<_> = summary
        .functions
        .iter()
        .map(|function| {
            vec![
                (Ink::Plain, percent(function.self_cycles, busy)),
                (Ink::Plain, percent(function.total_cycles, busy)),
                (Ink::Dim, format!("{:>9}", function.calls)),
                (Ink::Bold, function.name.clone()),
            ]
        })
        .collect();
    output.table(&["self", "total", "calls", "function"], &rows);
    let list = |parts: Vec<String>| parts.join(", ");
    let stacks = summary
        .stacks
        .iter()
        .map(|stack| format!("{} {} B", stack.name, stack.bytes));
    output.say(format!("\nstack high-water   {}", list(stacks.collect())));
    for interrupt in &summary.interrupts {
        output.say(format!(
            "{:<18} {} times, {} of busy time, {} B of stack",
            interrupt.name,
            interrupt.entries,
            percent(interrupt.cycles, busy).trim_start(),
            interrupt.stack_bytes
        ));
    }
    if let Some(heap) = &summary.heap {
        output.say(format!(
            "heap               {} of {} KiB in use, {} KiB at most",
            heap.used_bytes / 1024,
            heap.total_bytes / 1024,
            heap.peak_bytes / 1024
        ));
    }
    let peripherals = summary
        .peripherals
        .iter()
        .map(|used| format!("{} {}", used.name, used.loads + used.stores));
    output.say(format!("peripherals        {}", list(peripherals.collect())));
    let coverage = &summary.coverage;
    output.say(format!(
        "coverage           {} of {} functions, {} of {} KiB of code",
        coverage.functions_executed,
        coverage.functions,
        coverage.bytes_executed / 1024,
        coverage.bytes / 1024
    ));
    if let Some(truncated) = &summary.truncated {
        output.say_in_ink(&[(Ink::Yellow, truncated)]);
    }
}

/// Samples the board behind a debug probe.
async fn sampled(
    data: Option<&Path>,
    probe: &str,
    arguments: &Profile,
    format: Option<ProfileFormat>,
    output: &Output,
) -> Result<Exit, Failure> {
    let sample = ProfileSample {
        probe: probe.to_owned(),
        kind: arguments.board.clone(),
        elf: arguments.elf.as_deref().map(absolute).transpose()?,
        for_s: arguments.duration.as_secs_f64(),
        top: arguments.top,
        format,
        dark: arguments.dark,
        path: arguments.out.as_deref().map(absolute).transpose()?,
    };
    let connection = Connection::open(data, Boards::LeaveOff, output).await?;
    output.step(Ink::Plain, &format!("Sampling for {} s.", sample.for_s));
    let answer = tokio::select! {
        answer = async { ask!(connection, ProfileSample(sample)) } => answer.map_err(Failure::from),
        () = cancelled() => Err(cancelled_by_user()),
    };
    connection.close().await;
    let profile = answer?;
    output.object("profile.sampled", &profile);
    let rows: Vec<_> = profile
        .functions
        .iter()
        .map(|function| {
            let share = 100.0 * function.samples as f64 / profile.samples.max(1) as f64;
            vec![
                (Ink::Plain, format!("{share:5.1} %")),
                (Ink::Dim, format!("{:>9}", function.samples)),
                (Ink::Bold, function.name.clone()),
            ]
        })
        .collect();
    output.table(&["self", "samples", "function"], &rows);
    output.say(format!("\n{}", profile.text));
    if let Some(path) = &profile.path {
        output.say(format!("{path} was written."));
    }
    Ok(Exit::Success)
}

/// The format to write: the requested one, otherwise by the file's extension.
fn format(file: &Path, asked: Option<ProfileTo>) -> Result<ProfileFormat, Failure> {
    if let Some(asked) = asked {
        return Ok(match asked {
            ProfileTo::Svg => ProfileFormat::Svg,
            ProfileTo::Png => ProfileFormat::Png,
            ProfileTo::Speedscope => ProfileFormat::Speedscope,
            ProfileTo::Firefox => ProfileFormat::Firefox,
            ProfileTo::Folded => ProfileFormat::Folded,
            ProfileTo::Coverage => ProfileFormat::Coverage,
        });
    }
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("svg") => Ok(ProfileFormat::Svg),
        Some("png") => Ok(ProfileFormat::Png),
        Some("json") => Ok(ProfileFormat::Speedscope),
        Some("txt" | "folded") => Ok(ProfileFormat::Folded),
        _ => {
            let text = format!(
                "{} does not say what to make; end its name with .svg, .png, .json or .txt, or give --format.",
                file.display()
            );
            Err(Failure::new(Exit::Usage, text))
        }
    }
}
