//! Host time of each step, at both paces: `drydock run` to the first log line, power-on to a session on the builtin
//! engine and on QEMU, and a deployment to a connected board until the app runs.
//!
//! Prints one JSON object a line for `./x bench`; `--quick` takes fewer rounds. Times are medians on this machine in
//! its current state.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use drydock_api::{
    AppDeploy, AppRef, AppSource, BoardAdd, BoardRef, Event, EventName, Pace, Request, Response, Update,
};
use drydock_client::{DataDir, Updates};
use drydock_workbench::{Workbench, WorkbenchConfig};
use serde_json::json;
use std::{
    error::Error,
    fmt::Write as _,
    time::{Duration, Instant},
};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Rounds; the median is reported.
const ROUNDS: usize = 7;
const QUICK_ROUNDS: usize = 3;
/// Seconds of its own time that a board is left alone before a drop.
const IDLE_S: f64 = 1.5;
/// Size of one function of [`module_of`] in the module, in bytes.
const FUNCTION_BYTES: usize = 100;
/// The board of all but one measurement.
const NANO: &str = "nano33ble";

#[tokio::main]
async fn main() -> Outcome<()> {
    let rounds = match std::env::args().nth(1).as_deref() {
        None => ROUNDS,
        Some("--quick") => QUICK_ROUNDS,
        Some(other) => return Err(format!("unknown argument {other}").into()),
    };
    let mut first_logs = Vec::new();
    for _ in 0..rounds {
        first_logs.push(run_to_first_log().await?);
    }
    tell(
        "drydock run to the first log line",
        &mut first_logs,
        Some("<= 1500"),
        "pace max, without the process' start",
    );
    power_on_to_session(rounds).await?;
    for (pace, goal) in [(Pace::Max, Some("<= 500")), (Pace::Realtime, None)] {
        drops(pace, goal, rounds).await?;
    }
    Ok(())
}

/// Milliseconds from opening the workbench to a TLS session, with keys, enrollment and both handshakes. Measured on the
/// builtin engine and, if it is installed, on QEMU; the firmware is the same except for the board's own part.
async fn power_on_to_session(rounds: usize) -> Outcome<()> {
    for (engine, kind) in [("builtin engine", NANO), ("QEMU", "mps2-an386")] {
        let what = format!("power-on to a session, {engine}, {kind}");
        let mut took = Vec::new();
        for _ in 0..rounds {
            let begin = Instant::now();
            let workbench = open().await?;
            let mut updates = workbench.subscribe();
            if let Err(error) = add(&workbench, kind, Pace::Max).await {
                println!("{}", json!({ "what": what, "skipped": error.to_string() }));
                break;
            }
            wait(&mut updates, |event| event.event == EventName::DeviceConnected).await?;
            took.push(begin.elapsed().as_secs_f64() * 1e3);
            workbench.shutdown().await;
        }
        if !took.is_empty() {
            tell(&what, &mut took, None, "pace max");
        }
    }
    Ok(())
}

/// Milliseconds from opening the workbench to the first line of the app.
async fn run_to_first_log() -> Outcome<f64> {
    let begin = Instant::now();
    let workbench = open().await?;
    let mut updates = workbench.subscribe();
    let board = add(&workbench, NANO, Pace::Max).await?;
    deploy(&workbench, &board, AppSource::Sample("blink".into()), None).await?;
    loop {
        match updates.next().await.ok_or("the workbench ended")? {
            Update::Logs { lines, .. } if lines.iter().any(|line| line.source == "blink") => break,
            _ => {}
        }
    }
    let took = begin.elapsed().as_secs_f64() * 1e3;
    workbench.shutdown().await;
    Ok(took)
}

/// Deploys a module of 16 KiB repeatedly to one board.
async fn drops(pace: Pace, goal: Option<&str>, rounds: usize) -> Outcome<()> {
    let workbench = open().await?;
    let mut updates = workbench.subscribe();
    let board = add(&workbench, NANO, pace).await?;
    wait(&mut updates, |event| event.event == EventName::DeviceConnected).await?;
    let module = BASE64_STANDARD.encode(module_of(16 * 1024));
    let (mut sent, mut stored, mut running) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        // The board prepares its flash for the next package while it is idle; a deployment that follows at once has to
        // wait.
        let ready = board_time(&workbench, &board).await? + IDLE_S;
        while board_time(&workbench, &board).await? < ready {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let begin = Instant::now();
        let since = || begin.elapsed().as_secs_f64() * 1e3;
        let source = AppSource::Bytes {
            name: "load.wat".into(),
            base64: module.clone(),
        };
        deploy(&workbench, &board, source, Some("load")).await?;
        wait(&mut updates, |event| event.event == EventName::AppDeploying).await?;
        sent.push(since());
        wait(&mut updates, |event| {
            event.event == EventName::AppStarting || event.event == EventName::AppInstalled
        })
        .await?;
        stored.push(since());
        wait(&mut updates, |event| event.event == EventName::AppRunning).await?;
        running.push(since());
        let app = AppRef {
            board: board.clone(),
            app: "load".into(),
        };
        workbench.call(Request::AppRemove(app)).await?;
        wait(&mut updates, |event| event.event == EventName::AppRemoved).await?;
    }
    workbench.shutdown().await;
    let (name, note) = match pace {
        Pace::Realtime => ("realtime", "the board's own time; "),
        _ => ("max", ""),
    };
    tell(
        &format!("drop of 16 KiB, pace {name}: signed and on its way"),
        &mut sent,
        None,
        "",
    );
    tell(
        &format!("drop of 16 KiB, pace {name}: checked and stored"),
        &mut stored,
        None,
        "",
    );
    let note = format!("{note}after {IDLE_S} idle seconds");
    tell(
        &format!("drop of 16 KiB, pace {name}: running"),
        &mut running,
        goal,
        &note,
    );
    Ok(())
}

async fn open() -> Outcome<Workbench> {
    Ok(Workbench::open(WorkbenchConfig {
        data: DataDir::Temporary,
        log: std::env::var_os("DRYDOCK_LOG").is_some(),
        ..WorkbenchConfig::default()
    })
    .await?)
}

async fn add(workbench: &Workbench, kind: &str, pace: Pace) -> Outcome<String> {
    let add = BoardAdd {
        kind: kind.into(),
        name: None,
        engine: None,
        pace,
        seed: None,
        link_noise: None,
        kind_file: None,
        firmware: None,
        parts: Vec::new(),
        part_values: None,
        record: None,
    };
    match workbench.call(Request::BoardAdd(add)).await? {
        Response::BoardAdd(board) => Ok(board.id),
        _ => Err("another answer".into()),
    }
}

async fn deploy(workbench: &Workbench, board: &str, source: AppSource, name: Option<&str>) -> Outcome<()> {
    let deploy = AppDeploy {
        source,
        boards: vec![board.into()],
        name: name.map(str::to_owned),
        version: None,
        grant: Vec::new(),
        no_start: false,
    };
    workbench.call(Request::AppDeploy(deploy)).await?;
    Ok(())
}

/// The board's time in seconds.
async fn board_time(workbench: &Workbench, board: &str) -> Outcome<f64> {
    let request = Request::BoardGet(BoardRef { board: board.into() });
    match workbench.call(request).await? {
        Response::BoardGet(board) => Ok(board.machine.map_or(0.0, |machine| machine.virtual_time_s)),
        _ => Err("another answer".into()),
    }
}

async fn wait(updates: &mut Updates, is_meant: impl Fn(&Event) -> bool) -> Outcome<()> {
    loop {
        match updates.next().await.ok_or("the workbench ended")? {
            Update::Event(event) if is_meant(&event) => return Ok(()),
            Update::Event(event) if event.event == EventName::AppRefused || event.event == EventName::Error => {
                return Err(event.text.into());
            }
            _ => {}
        }
    }
}

/// An app in text format whose module has about this many bytes of code, all different.
fn module_of(bytes: usize) -> String {
    let mut functions = String::new();
    for number in 0..bytes.div_ceil(FUNCTION_BYTES) {
        let _ = write!(functions, "(func (param i32) (result i32) local.get 0");
        for step in 0..15 {
            let _ = write!(functions, " i32.const {} i32.xor", 0x0100_0000 + number * 4099 + step);
        }
        functions.push_str(" i32.const 77 i32.mul)");
    }
    format!(r#"(module {functions} (func (export "init")) (func (export "tick")))"#)
}

fn tell(what: &str, values: &mut [f64], goal: Option<&str>, note: &str) {
    values.sort_by(f64::total_cmp);
    let mut line = json!({ "what": what, "value": values[values.len() / 2], "unit": "ms" });
    if let Some(goal) = goal {
        line["goal"] = goal.into();
    }
    let best = format!("best {:.0}, worst {:.0}", values[0], values[values.len() - 1]);
    line["note"] = [note, &best]
        .iter()
        .filter(|part| !part.is_empty())
        .copied()
        .collect::<Vec<_>>()
        .join("; ")
        .into();
    println!("{line}");
}
